//! What the signs of an incident come to: who fails first and who because of whom, what explains it, what to do about it.
//! Part of an [`crate::Answer`]. Every statement is a [`Claim`], so each cites what it rests on.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::answer::{ChangeSummary, Claim, Strength};
use crate::ids::ServiceName;

/// A service that fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Failing {
    /// The service.
    #[schemars(with = "String")]
    pub service: ServiceName,
    /// Since when.
    #[schemars(with = "String")]
    pub since: Timestamp,
    /// The service whose failure it passes on; null if it fails by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub because_of: Option<ServiceName>,
    /// How it shows.
    pub claim: Claim,
}

/// What explains the failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "one an answer")]
pub enum Cause {
    /// A change.
    Change {
        /// Which.
        change: ChangeSummary,
        /// The file, and the line where it is known, that explains it: `services/cart/totals.go:41`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        place: Option<String>,
    },
    /// No change: something else, which has evidence of its own.
    NoChange {
        /// What.
        cause: NoChange,
    },
    /// The evidence does not say.
    CantTell,
}

/// What makes services fail though nobody changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NoChange {
    /// Something outside of our services that they need fails.
    Provider,
    /// Something was valid until a moment, and the moment came: a certificate, a token, a licence.
    Expiry,
    /// More is asked for than there is capacity.
    Surge,
    /// A limit that somebody else sets was reached: a quota, a rate.
    Limit,
    /// A disk, a table, a queue is full.
    Full,
    /// A machine, or what shares it.
    Machine,
    /// Names are not resolved.
    Names,
    /// Data that came in can't be read.
    BadData,
    /// A database or another store changed its mind: a failover, a lock that many wait for.
    Store,
}

impl NoChange {
    /// All of them.
    pub const ALL: [NoChange; 9] = [
        NoChange::Provider,
        NoChange::Expiry,
        NoChange::Surge,
        NoChange::Limit,
        NoChange::Full,
        NoChange::Machine,
        NoChange::Names,
        NoChange::BadData,
        NoChange::Store,
    ];
}

/// A change that looks guilty and is not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Innocent {
    /// The change.
    #[serde(flatten)]
    pub change: ChangeSummary,
    /// Why not.
    pub because: Claim,
}

/// What helps against a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Remedy {
    /// Go back to what ran before.
    Rollback,
    /// Go on to what is missing, because going back does not bring it.
    RollForward,
    /// Set a value back.
    ConfigRevert,
    /// Switch a flag to what it was.
    FlagOff,
    /// More capacity, or less of what is asked for.
    Scale,
    /// Renew what ran out.
    RotateCert,
    /// Another provider, another replica, another zone.
    Failover,
    /// Take the bad data out of the way.
    PurgeData,
    /// Run it at another time.
    Reschedule,
    /// Tell those who can: a provider, a platform team.
    Escalate,
    /// Make room.
    FreeSpace,
    /// Have a limit raised, or stay below it.
    RaiseLimit,
    /// Start it anew, elsewhere.
    Restart,
}

impl Remedy {
    /// Its word in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Remedy::Rollback => "rollback",
            Remedy::RollForward => "roll-forward",
            Remedy::ConfigRevert => "config-revert",
            Remedy::FlagOff => "flag-off",
            Remedy::Scale => "scale",
            Remedy::RotateCert => "rotate-cert",
            Remedy::Failover => "failover",
            Remedy::PurgeData => "purge-data",
            Remedy::Reschedule => "reschedule",
            Remedy::Escalate => "escalate",
            Remedy::FreeSpace => "free-space",
            Remedy::RaiseLimit => "raise-limit",
            Remedy::Restart => "restart",
        }
    }
}

/// What to do about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Advice {
    /// In one word.
    pub remedy: Remedy,
    /// In a sentence, with the reason.
    pub claim: Claim,
}

/// What the signs come to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Analysis {
    /// The services that fail, the first to fail first.
    pub failing: Vec<Failing>,
    /// What explains it.
    pub cause: Cause,
    /// How much the evidence gives.
    pub strength: Strength,
    /// The evidence chain: each step why the cause is one.
    pub because: Vec<Claim>,
    /// The strongest change that did not do it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub innocent: Option<Innocent>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<Advice>,
}

impl Analysis {
    /// The service that fails first.
    pub fn first(&self) -> Option<&Failing> {
        self.failing.first()
    }

    /// The change that explains it, if one does.
    pub fn blamed(&self) -> Option<&ChangeSummary> {
        match &self.cause {
            Cause::Change { change, .. } => Some(change),
            Cause::NoChange { .. } | Cause::CantTell => None,
        }
    }

    /// Every statement, to change what it cites.
    pub(crate) fn claims_mut(&mut self) -> impl Iterator<Item = &mut Claim> {
        let Analysis { failing, because, innocent, advice, .. } = self;
        failing
            .iter_mut()
            .map(|one| &mut one.claim)
            .chain(because.iter_mut())
            .chain(innocent.iter_mut().map(|one| &mut one.because))
            .chain(advice.iter_mut().map(|one| &mut one.claim))
    }
}
