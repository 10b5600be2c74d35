//! The bundled incident: one order in five fails at the checkout of an invented shop.
//!
//! The cause: release 2026.09.17-2 of checkout brings "Round cart totals line by line". The new rounding reads the
//! unit price of every line, and a coupon line has none. Every part below adds to the same [`Story`]:
//!
//! - [`history`]: a day of ordinary changes, the cause among them, in its own function;
//! - [`signals`]: metrics, alerts and the log;
//! - [`response`]: what people said and did.
//!
//! What should mislead: the database runs out of connections (failed orders are retried, each holding a
//! transaction), its volume was grown an hour before, a flag of payments moved half a minute before, another
//! release of checkout went out between the onset and the alert, and the responders raise the connection pool,
//! which does not help.

mod history;
mod response;
mod signals;

use hearback_core::export::Export;
use hearback_core::ids::ChangeId;

use super::Story;
use super::person::Person;

/// The incident's id.
pub const INCIDENT: &str = "INC-DEMO-CHECKOUT";

/// The people and programs of the shop.
mod cast {
    use super::Person;

    pub const TOMASZ: Person = Person::new("Tomasz Velde", "tomasz.velde@shop.example");
    pub const MAREN: Person = Person::new("Maren Oduya", "maren.oduya@shop.example");
    pub const PRIYA: Person = Person::new("Priya Lindqvist", "priya.lindqvist@shop.example");
    pub const ILSE: Person = Person::new("Ilse Brandão", "ilse.brandao@shop.example");
    pub const KOFI: Person = Person::new("Kofi Aldane", "kofi.aldane@shop.example");
    pub const NOOR: Person = Person::new("Noor Hakimi", "noor.hakimi@shop.example");
    pub const HANA: Person = Person::new("Hana Whitlock", "hana.whitlock@shop.example");
    pub const JUN: Person = Person::new("Jun Castellan", "jun.castellan@shop.example");
    pub const WES: Person = Person::new("Wes Abara", "wes.abara@shop.example");
    pub const DEPS_BOT: Person = Person::bot("deps-bot", "deps-bot@shop.example");
    pub const WORDS_BOT: Person = Person::bot("translations-bot", "translations-bot@shop.example");
    pub const RELEASE_BOT: Person = Person::bot("release-bot", "release-bot@shop.example");
}

/// The incident, and what really happened: for a test of an answer, never for the answer.
pub struct CheckoutCartRounding {
    /// The whole record, from the changes of the day before to the resolution.
    pub record: Export,
    /// The commit that broke it.
    pub culprit: ChangeId,
    /// The release that brought it.
    pub culprit_deploy: ChangeId,
}

/// Tells the incident.
pub fn checkout_cart_rounding() -> CheckoutCartRounding {
    let mut story = Story::new(INCIDENT, "2026-09-17").in_channel("inc-checkout-0917");
    let cause = history::tell(&mut story);
    signals::tell(&mut story);
    response::tell(&mut story, &cause.culprit);
    CheckoutCartRounding {
        record: story.record(),
        culprit: cause.culprit,
        culprit_deploy: cause.culprit_deploy,
    }
}
