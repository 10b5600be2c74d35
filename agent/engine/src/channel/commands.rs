//! What people type behind a slash. Pure: words in, what is meant or a sentence that helps out.

use hearback_core::hypothesis::Verdict;
use hearback_core::ids::HypothesisId;
use hearback_core::{IncidentId, Severity};

/// What is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meant {
    /// `/whatchanged …`: the question, words beyond it count as symptom.
    WhatChanged(String),
    /// `/incident declare [SEV-2] TITLE`.
    Declare {
        /// How bad it is.
        severity: Severity,
        /// What it is called.
        title: String,
    },
    /// `/incident bind INC-3`: this channel shall be that incident's.
    Bind(IncidentId),
    /// `/incident status`.
    Status,
    /// `/incident resolve HOW`.
    Resolve(String),
    /// `/incident suspect WORDS`: this may have caused it.
    Suspect(String),
    /// `/incident confirm H12 [WHY]`, `/incident dismiss H12 [WHY]`.
    Settle {
        /// Which.
        hypothesis: HypothesisId,
        /// Whether it is right.
        verdict: Verdict,
        /// Why; may be empty.
        why: String,
    },
    /// Something else: what helps.
    Help(&'static str),
}

const HELP: &str = "Say /incident declare [SEV-2] what fails, /incident bind INC-3, /incident status, /incident suspect what may \
                    have caused it, /incident confirm H12, /incident dismiss H12, or /incident resolve what ended it.";
const SUSPECT: &str = "Say what may have caused it: /incident suspect 3f2a91c made the pool too small.";
const SETTLE: &str =
    "Say which hypothesis, by its name, and why: /incident dismiss H12 the pool is full by day too.";
const BIND: &str = "Say which incident this channel is of: /incident bind INC-3.";
const DECLARE: &str = "Say what fails: /incident declare SEV-2 checkout answers 500. SEV-1 is the worst, SEV-5 has no impact yet.";
const RESOLVE: &str = "Say in a few words what ended it: /incident resolve rolled back checkout.";

/// What a command means.
pub fn meant(name: &str, text: &str) -> Meant {
    let text = text.trim();
    if name == "whatchanged" {
        return Meant::WhatChanged(text.to_owned());
    }
    let (verb, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    match verb.to_ascii_lowercase().as_str() {
        "declare" => declare(rest),
        "bind" => match IncidentId::new(rest.to_ascii_uppercase()) {
            Ok(id) => Meant::Bind(id),
            Err(_) => Meant::Help(BIND),
        },
        "status" | "" => Meant::Status,
        "suspect" if rest.is_empty() => Meant::Help(SUSPECT),
        "suspect" => Meant::Suspect(rest.to_owned()),
        "confirm" => settle(Verdict::Confirmed, rest),
        "dismiss" => settle(Verdict::Dismissed, rest),
        "resolve" if rest.is_empty() => Meant::Help(RESOLVE),
        "resolve" => Meant::Resolve(rest.to_owned()),
        _ => Meant::Help(HELP),
    }
}

fn settle(verdict: Verdict, text: &str) -> Meant {
    let (name, why) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    match HypothesisId::new(name.trim_end_matches(':').to_ascii_uppercase()) {
        Ok(hypothesis) => Meant::Settle { hypothesis, verdict, why: why.trim().to_owned() },
        Err(_) => Meant::Help(SETTLE),
    }
}

/// The severity may stand before the title or after it; without one it is moderate until somebody says otherwise.
fn declare(text: &str) -> Meant {
    let is_severity = |word: &str| word.to_ascii_lowercase().starts_with("sev");
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let said = if words.first().is_some_and(|word| is_severity(word)) {
        Some(words.remove(0))
    } else if words.last().is_some_and(|word| is_severity(word)) {
        words.pop()
    } else {
        None
    };
    let severity = match said.map(str::parse::<Severity>) {
        None => Severity::Sev3,
        Some(Ok(severity)) => severity,
        Some(Err(_)) => return Meant::Help(DECLARE),
    };
    let title = words.join(" ");
    if title.is_empty() { Meant::Help(DECLARE) } else { Meant::Declare { severity, title } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_people_type() {
        let check =
            |name: &str, text: &str, expect: Meant| assert_eq!(meant(name, text), expect, "/{name} {text}");
        let declared = |severity, title: &str| Meant::Declare { severity, title: title.to_owned() };
        check("whatchanged", " checkout ", Meant::WhatChanged("checkout".into()));
        check("incident", "declare SEV-1 checkout is  down", declared(Severity::Sev1, "checkout is down"));
        check("incident", "Declare checkout is down sev2", declared(Severity::Sev2, "checkout is down"));
        check("incident", "declare checkout is down", declared(Severity::Sev3, "checkout is down"));
        check("incident", "declare sev9 checkout", Meant::Help(DECLARE));
        check("incident", "declare SEV-1", Meant::Help(DECLARE));
        check("incident", "declare", Meant::Help(DECLARE));
        check("incident", "bind inc-3", Meant::Bind(IncidentId::numbered(3)));
        check("incident", "bind the channel", Meant::Help(BIND));
        check("incident", "status", Meant::Status);
        check("incident", "", Meant::Status);
        check("incident", "resolve  rolled back", Meant::Resolve("rolled back".into()));
        check("incident", "resolve", Meant::Help(RESOLVE));
        let settled = |name: &str, verdict, why: &str| Meant::Settle {
            hypothesis: HypothesisId::new(name).unwrap(),
            verdict,
            why: why.to_owned(),
        };
        check("incident", "suspect  the pool", Meant::Suspect("the pool".into()));
        check("incident", "suspect", Meant::Help(SUSPECT));
        check("incident", "confirm h12.1", settled("H12.1", Verdict::Confirmed, ""));
        check(
            "incident",
            "dismiss H12: full by day  too",
            settled("H12", Verdict::Dismissed, "full by day  too"),
        );
        check("incident", "dismiss the pool", Meant::Help(SETTLE));
        check("incident", "delete everything", Meant::Help(HELP));
    }
}
