//! What people said and did, from the first alert to the end. The copilot is asked once; what it answers is left
//! to whoever replays the record.

use hearback_core::happening::{Role, Severity};
use hearback_core::ids::ChangeId;

use super::cast::{HANA, ILSE, JUN, KOFI, MAREN, NOOR, PRIYA, RELEASE_BOT, TOMASZ, WES};
use crate::scenario::change::{commit, config, deploy};
use crate::scenario::{Asked, Declared, Story};

/// All of it.
pub fn tell(story: &mut Story, culprit: &ChangeId) {
    declared(story);
    the_database_is_suspected(story);
    what_changed(story);
    rolled_back(story);
    recovered(story, culprit);
}

fn declared(story: &mut Story) {
    story.declares(
        "13:55:30",
        MAREN,
        Declared {
            title: "Checkout fails for about one order in five",
            severity: Severity::Sev2,
            services: &["checkout"],
            impact_since: Some("13:43"),
        },
    );
    story.says(
        "13:55:50",
        MAREN,
        "Page for checkout failures. The graph leaves its usual range at 13:43, now at 18 %. Declaring.",
    );
    story.gives_role("13:56:20", MAREN, Role::IncidentCommander, TOMASZ);
    story.says(
        "13:56:30",
        TOMASZ,
        "I have command. Maren, you work on checkout. Who can take comms and scribe?",
    );
    story.gives_role("13:56:50", TOMASZ, Role::Responder, MAREN);
    story.says("13:57:00", JUN, "Comms is me.");
    story.gives_role("13:57:05", TOMASZ, Role::CommunicationsLead, JUN);
    story.gives_role("13:57:15", TOMASZ, Role::Scribe, WES);
    story.changes_severity(
        "13:57:40",
        TOMASZ,
        Severity::Sev1,
        "Orders are lost, and it is peak time in two markets",
    );
}

fn the_database_is_suspected(story: &mut Story) {
    story.says(
        "13:57:50",
        PRIYA,
        "orders-db is at 399 of 400 connections and refuses new ones. That alone would do it.",
    );
    story.gives_role("13:58:00", TOMASZ, Role::SubjectMatterExpert, PRIYA);
    story.says("13:58:10", KOFI, "Didn't we grow its volume over lunch? Smells like slow writes to me.");
    story.says(
        "13:58:30",
        PRIYA,
        "I did, done by 12:46. Disk latency is flat since then, but I wouldn't rule it out.",
    );
    story.says("13:58:55", MAREN, "Most errors I see in the log are this one, the database ones come second: TypeError: Cannot read properties of undefined (reading 'minorUnits') at roundLineTotal (cart-totals.ts:88)");
    story.says("13:59:20", KOFI, "Could be a half-loaded cart, when the database answers too late?");
    story.says(
        "13:59:40",
        PRIYA,
        "I'd like to double the pool per instance, so that orders at least don't wait for each other. Tomasz?",
    );
    story.says("13:59:55", TOMASZ, "Do it. Report back in three minutes.");
    story.change(
        config("checkout", "orders-db.pool:31", "Connections to orders-db per instance: 40, was 20")
            .at("14:00:30")
            .by(PRIYA),
    );
    story.says("14:00:40", PRIYA, "Pool is at 40 per instance. The server still takes 400 in all.");
    story.says("14:01:10", NOOR, "The cart itself looks fine from here: reads and writes normal, no errors.");
}

fn what_changed(story: &mut Story) {
    story.says("14:02:50", PRIYA, "No change. orders-db is still at its 400, and checkout fails as before.");
    story.says(
        "14:03:20",
        TOMASZ,
        "Then the database may be the victim. Before we touch anything else I want to know what went out.",
    );
    story.asks(
        "14:03:40",
        TOMASZ,
        Asked {
            text: "what changed?",
            symptom: "checkout 5xx since 13:43, TypeError reading 'minorUnits' in roundLineTotal, cart-totals.ts:88",
            services: &["checkout"],
            hours_back: 24,
        },
    );
}

fn rolled_back(story: &mut Story) {
    story.says(
        "14:04:30",
        MAREN,
        "The trace is inside the totals code, and that code went out at 13:41. Ilse, are you here?",
    );
    story.says("14:05:40", ILSE, "Here. Reading my change. Does it hit every cart?");
    story.says("14:06:10", MAREN, "No. All failing carts I opened have a coupon in them.");
    story.says(
        "14:06:50",
        ILSE,
        "That's it then. A coupon line has no unit price, and I now read it for every line. Mine, sorry.",
    );
    story.says("14:07:15", PRIYA, "And each failed order is tried three times with its transaction open. So that's where my connections went.");
    story.says("14:07:40", TOMASZ, "Options: roll back checkout, or fix forward. Ilse, how long for a fix?");
    story.says("14:08:00", ILSE, "Twenty minutes with review. Roll back.");
    story.says("14:08:20", HANA, "Going back to the first release of today also takes out the new icons and one set of translations. No harm.");
    story.says(
        "14:08:40",
        TOMASZ,
        "Decision: roll back checkout to 2026.09.17-1. Maren does it. Any objection in the next 30 seconds?",
    );
    story.says("14:09:15", TOMASZ, "None heard. Go.");
    story.says("14:09:30", MAREN, "Rolling back now.");
    story.says(
        "14:10:00",
        JUN,
        "Status page says: some orders fail, we know the cause and are putting it right, next update 14:30.",
    );
    story.change(
        deploy("checkout", "2026.09.17-1:again", "Roll back checkout to 2026.09.17-1")
            .at("14:09:30")
            .in_effect("14:17:20")
            .by(RELEASE_BOT),
    );
}

fn recovered(story: &mut Story, culprit: &ChangeId) {
    story.says(
        "14:15:00",
        MAREN,
        "Half of the instances are back on the old release. Failures at 12 % and falling.",
    );
    story.says("14:18:10", MAREN, "All instances are. 0.4 %.");
    story.says(
        "14:20:30",
        PRIYA,
        "orders-db is down to 160 connections. I'll take the pool back to 20 once it's quiet.",
    );
    story.says(
        "14:22:30",
        WES,
        "Timeline is in the notes. Open: how many orders were lost, and who writes to those customers.",
    );
    let sha = culprit.sha().unwrap_or_default();
    story.change(
        commit("shop", "Revert \"Round cart totals line by line\"")
            .at("14:26:35")
            .by(ILSE)
            .body(&format!(
                "This reverts commit {sha}.\n\nA coupon line has no unit price; see the incident."
            ))
            .reverts(culprit)
            .touches("services/checkout/src/totals/cart-totals.ts", 41, 64)
            .touches("services/checkout/src/totals/line.ts", 7, 19)
            .touches("services/checkout/src/api/place-order.ts", 5, 5)
            .touches("services/checkout/test/totals/cart-totals.test.ts", 30, 88),
    );
    story.change(
        config("checkout", "orders-db.pool:32", "Connections to orders-db per instance: 20, was 40")
            .at("14:28:10")
            .by(PRIYA),
    );
    story.says("14:29:00", PRIYA, "Pool is back at 20, connections stay at 160.");
    story.says("14:30:20", KOFI, "Captures are where they were last Thursday.");
    story.says(
        "14:31:50",
        TOMASZ,
        "Ten minutes of normal. All-clear. Jun, please tell the status page; review on Monday.",
    );
    story.resolves(
        "14:32:10",
        TOMASZ,
        "checkout rolled back to 2026.09.17-1; the rounding of totals comes back once it knows coupon lines",
    );
}
