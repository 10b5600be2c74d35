//! How far the ranker's probabilities can be believed on what was asked: what a backtest of the same repositories found.
//! It must not know where that is kept.

use std::collections::BTreeSet;

use hearback_core::hash::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::features::MEASURED_VERSION;
use crate::ranker::Ranker;

/// What a backtest found of the ranker's probabilities on one repository, or on several asked together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// What the shipped temperature is multiplied by: above 1 where the shipped confidence was too high.
    pub temperature: f64,
    /// How many rollbacks it rests on.
    pub cases: u32,
    /// Whose rollbacks, and until when: "rollbacks of shop until 2026-11-20".
    pub of: String,
}

/// What a backtest found on one repository.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backtested {
    /// What the repository was called.
    pub repository: String,
    /// No rollback from then on was looked at.
    pub until: Timestamp,
    /// What the shipped temperature is multiplied by there.
    pub temperature: f64,
    /// How many rollbacks it rests on.
    pub cases: u32,
}

impl Calibration {
    /// What holds where all of these are asked together: the most cautious of them. None of nothing.
    pub fn together(found: &[Backtested]) -> Option<Self> {
        let until = found.iter().map(|one| one.until).min()?;
        let names: BTreeSet<&str> = found.iter().map(|one| one.repository.as_str()).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let names = match names.split_last() {
            Some((last, [])) => (*last).to_owned(),
            Some((last, others)) => format!("{} and {last}", others.join(", ")),
            None => return None,
        };
        Some(Calibration {
            temperature: found.iter().map(|one| one.temperature).fold(f64::MIN_POSITIVE, f64::max),
            cases: found.iter().fold(0, |cases, one| cases.saturating_add(one.cases)),
            of: format!("rollbacks of {names} until {}", until.strftime("%Y-%m-%d")),
        })
    }

    /// The probabilities as the weights give them: for a backtest, which finds out what they are worth.
    pub fn as_learned() -> Self {
        Calibration { temperature: 1.0, cases: 0, of: "the rollbacks the weights were learned on".to_owned() }
    }
}

/// The digest of everything a ranker goes by: a calibration found with other weights says nothing of these.
pub fn digest_of(ranker: &Ranker) -> Digest {
    // Its debug form holds every number in full, those that later versions add too.
    Digest::of(format!("{MEASURED_VERSION} {ranker:?}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(repository: &str, until: &str, temperature: f64, cases: u32) -> Backtested {
        Backtested { repository: repository.into(), until: until.parse().unwrap(), temperature, cases }
    }

    #[test]
    fn several_repositories_are_as_sure_as_the_least_sure_of_them() {
        let shop = found("shop", "2026-11-20T12:00:00Z", 0.8, 214);
        let web = found("web", "2026-10-01T00:00:00Z", 1.7, 40);
        let of = |found: &[Backtested]| {
            Calibration::together(found).map(|one| (one.temperature, format!("{} {}", one.cases, one.of)))
        };
        assert_eq!(of(&[]), None);
        assert_eq!(
            of(std::slice::from_ref(&shop)),
            Some((0.8, "214 rollbacks of shop until 2026-11-20".into()))
        );
        let both = of(&[web.clone(), shop.clone()]);
        assert_eq!(both, Some((1.7, "254 rollbacks of shop and web until 2026-10-01".into())));
        let three = of(&[web, shop, found("api", "2026-11-20T12:00:00Z", 1.0, 1)]);
        assert_eq!(three, Some((1.7, "255 rollbacks of api, shop and web until 2026-10-01".into())));
    }

    #[test]
    fn other_weights_have_another_digest() {
        let shipped = Ranker::parse(include_str!("../../../config/ranker.toml")).unwrap();
        assert_eq!(digest_of(&shipped), digest_of(&shipped.clone()));
        assert_ne!(digest_of(&shipped), digest_of(&shipped.tempered(1.01)));
    }
}
