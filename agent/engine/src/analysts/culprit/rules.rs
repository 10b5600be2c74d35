//! The weights of the culprit analyst, as they stand in `config/culprit.toml`: a point is a step of the natural logarithm of
//! odds, by judgement, not learned. Each has a name, so that a backtest can be run without it. It must not know what is
//! done with them.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What a rule of the culprit analyst is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// A rollout of the failing service is of this change.
    Delivered,
    /// A rollout of the failing service brought it along.
    Carried,
    /// It reached another service only.
    Elsewhere,
    /// It reached no service before the failure began.
    NeverArrived,
    /// It took effect shortly before.
    Fresh,
    /// It took effect long before.
    Old,
    /// What it changes speaks of what fails.
    Words,
    /// It touches a file that the error names.
    Frame,
    /// It brings or takes away what the error names exactly.
    Quoted,
    /// The error speaks of versions, and it changes the version of what the error names.
    Dependency,
    /// What it does leads to such a failure.
    Mechanism,
    /// The service left its course when it took effect, long before anything failed.
    Deviation,
    /// It changes the same in other places.
    Restructures,
    /// It changes nothing that runs.
    NoEffect,
    /// The error names files, and it touches none of them.
    OtherFiles,
    /// A moment that was named before came.
    Foretold,
    /// A series counted down to nothing.
    Countdown,
    /// The error speaks of what ran out.
    SaysExpired,
    /// A call to something outside fails.
    PeerFails,
    /// The error names something outside.
    PeerNamed,
    /// A document says that it fails there.
    PeerSays,
    /// What is outside refuses what we send.
    PeerRefuses,
    /// More is asked for, from where the calls come in.
    Load,
    /// And what it is asked of is full.
    Saturated,
    /// What is said is typical of a cause that no change is.
    Typical,
    /// All that fails has one machine in common.
    OneMachine,
}

/// The weights.
#[derive(Debug, Clone, PartialEq)]
pub struct CulpritRules {
    weights: BTreeMap<Rule, f64>,
    /// From this score on a change is blamed.
    pub blame: f64,
    /// And called strong.
    pub strong: f64,
    /// From this score on something else than a change is.
    pub otherwise: f64,
    /// By so much the first must be ahead of the second of its kind.
    pub lead: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    weights: BTreeMap<Rule, f64>,
    decide: Decide,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Decide {
    blame: f64,
    strong: f64,
    otherwise: f64,
    lead: f64,
}

/// The weights can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadRules(String);

impl Rule {
    /// Whether it reads a change's lines, not only what is listed of it.
    pub fn reads_lines(self) -> bool {
        matches!(
            self,
            Rule::Words
                | Rule::Quoted
                | Rule::Dependency
                | Rule::Mechanism
                | Rule::Restructures
                | Rule::NoEffect
        )
    }

    /// All of them.
    pub const ALL: [Rule; 26] = [
        Rule::Delivered,
        Rule::Carried,
        Rule::Elsewhere,
        Rule::NeverArrived,
        Rule::Fresh,
        Rule::Old,
        Rule::Words,
        Rule::Frame,
        Rule::Quoted,
        Rule::Dependency,
        Rule::Mechanism,
        Rule::Deviation,
        Rule::Restructures,
        Rule::NoEffect,
        Rule::OtherFiles,
        Rule::Foretold,
        Rule::Countdown,
        Rule::SaysExpired,
        Rule::PeerFails,
        Rule::PeerNamed,
        Rule::PeerSays,
        Rule::PeerRefuses,
        Rule::Load,
        Rule::Saturated,
        Rule::Typical,
        Rule::OneMachine,
    ];
}

impl CulpritRules {
    /// Reads weights in the form of `config/culprit.toml`.
    ///
    /// # Errors
    /// [`BadRules`] says where and why: another form or version, a weight that is missing or no number.
    pub fn parse(text: &str) -> Result<CulpritRules, BadRules> {
        let file: File = toml::from_str(text).map_err(|error| {
            let (line, column) = crate::ranker::position(text, error.span().map_or(0, |span| span.start));
            BadRules(format!("line {line}, column {column}: {}", error.message()))
        })?;
        if file.version != 1 {
            return Err(BadRules(format!(
                "version {} of the culprit's weights is not known; this hearback reads version 1",
                file.version
            )));
        }
        for rule in Rule::ALL {
            match file.weights.get(&rule) {
                None => return Err(BadRules(format!("the weight of {} is missing", name(rule)))),
                Some(weight) if !weight.is_finite() => {
                    return Err(BadRules(format!("the weight of {} is no number", name(rule))));
                }
                Some(_) => {}
            }
        }
        let Decide { blame, strong, otherwise, lead } = file.decide;
        if ![blame, strong, otherwise, lead].iter().all(|bound| bound.is_finite() && *bound >= 0.0) {
            return Err(BadRules("blame, strong, otherwise and lead must be 0 or more".into()));
        }
        Ok(CulpritRules { weights: file.weights, blame, strong, otherwise, lead })
    }

    /// What a rule counts.
    pub fn weight(&self, rule: Rule) -> f64 {
        self.weights.get(&rule).copied().unwrap_or_default()
    }

    /// The same without the rule of this name; none if there is no such rule.
    pub fn without(&self, rule_name: &str) -> Option<CulpritRules> {
        let rule = Rule::ALL.into_iter().find(|rule| name(*rule) == rule_name)?;
        let mut rules = self.clone();
        rules.weights.insert(rule, 0.0);
        Some(rules)
    }
}

/// The name of a rule in the file.
pub fn name(rule: Rule) -> &'static str {
    match rule {
        Rule::Delivered => "delivered",
        Rule::Carried => "carried",
        Rule::Elsewhere => "elsewhere",
        Rule::NeverArrived => "never_arrived",
        Rule::Fresh => "fresh",
        Rule::Old => "old",
        Rule::Words => "words",
        Rule::Frame => "frame",
        Rule::Quoted => "quoted",
        Rule::Dependency => "dependency",
        Rule::Mechanism => "mechanism",
        Rule::Deviation => "deviation",
        Rule::Restructures => "restructures",
        Rule::NoEffect => "no_effect",
        Rule::OtherFiles => "other_files",
        Rule::Foretold => "foretold",
        Rule::Countdown => "countdown",
        Rule::SaysExpired => "says_expired",
        Rule::PeerFails => "peer_fails",
        Rule::PeerNamed => "peer_named",
        Rule::PeerSays => "peer_says",
        Rule::PeerRefuses => "peer_refuses",
        Rule::Load => "load",
        Rule::Saturated => "saturated",
        Rule::Typical => "typical",
        Rule::OneMachine => "one_machine",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../../../config/culprit.toml");

    #[test]
    fn the_shipped_weights_can_be_used_and_each_rule_can_be_left_out() {
        let rules = CulpritRules::parse(SHIPPED).unwrap();
        for rule in Rule::ALL {
            assert_ne!(rules.weight(rule), 0.0, "{rule:?}");
            assert_eq!(rules.without(name(rule)).unwrap().weight(rule), 0.0, "{rule:?}");
        }
        assert_eq!(rules.without("x"), None);
    }

    #[test]
    fn mistakes_are_named() {
        let check = |from: &str, to: &str, expect: &str| {
            assert!(SHIPPED.contains(from), "{from}");
            let error = CulpritRules::parse(&SHIPPED.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        };
        check("version = 1", "version = 2", "version 2");
        check("frame = ", "frames = ", "frames");
        check("frame = ", "# frame = ", "the weight of frame is missing");
        check("lead = ", "lead = -", "0 or more");
    }
}
