//! The leak check: before a case is asked, it must be sure that its answer can't be seen, neither in the symptom nor in
//! what the source shows as of that moment. Pure; whoever asks decides what a leak costs (the case is refused).

use std::fmt;
use std::sync::LazyLock;

use hearback_core::change::Change;
use hearback_core::time::format_time;
use jiff::Timestamp;
use regex::Regex;

use crate::case::Case;
use crate::strip::{SHORT_SHA, sha_in};
use crate::title_runs::TitleForms;

/// A way in which the answer of a case is visible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leak {
    /// The symptom contains the beginning of a culprit's sha.
    Sha {
        /// The culprit.
        culprit: String,
    },
    /// The symptom repeats a culprit's title, or a long run of it.
    Title {
        /// The culprit.
        culprit: String,
        /// What it repeats.
        run: String,
    },
    /// The symptom has a link that stands in a culprit's message too, or leads to it.
    Link {
        /// The culprit.
        culprit: String,
        /// The link.
        link: String,
    },
    /// The symptom names the pull request or review that brought a culprit.
    Number {
        /// The culprit.
        culprit: String,
        /// Its number.
        number: String,
    },
    /// The symptom has a culprit's Change-Id.
    ChangeId {
        /// The culprit.
        culprit: String,
        /// The Change-Id.
        change_id: String,
    },
    /// A candidate is the rollback that the case was made from.
    RollbackVisible {
        /// The rollback.
        sha: String,
    },
    /// A candidate is not from before the question.
    FromLater {
        /// The candidate.
        id: String,
        /// When it was committed.
        at: Timestamp,
    },
    /// A candidate is said to take effect at or after the question: somebody knew.
    EffectLater {
        /// The candidate.
        id: String,
        /// When it took effect.
        at: Timestamp,
    },
    /// A candidate is said to be reverted at or after the question.
    RevertedLater {
        /// The candidate.
        id: String,
        /// By which change.
        by: String,
        /// When.
        at: Timestamp,
    },
}

impl Leak {
    /// Its kind in a word, to count by.
    pub fn kind(&self) -> &'static str {
        match self {
            Leak::Sha { .. } => "sha",
            Leak::Title { .. } => "title",
            Leak::Link { .. } => "link",
            Leak::Number { .. } => "number",
            Leak::ChangeId { .. } => "change_id",
            Leak::RollbackVisible { .. } => "rollback_visible",
            Leak::FromLater { .. } => "from_later",
            Leak::EffectLater { .. } => "effect_later",
            Leak::RevertedLater { .. } => "reverted_later",
        }
    }
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Leak::Sha { culprit } => write!(f, "the symptom names the culprit {} by its sha", short(culprit)),
            Leak::Title { culprit, run } => {
                write!(f, "the symptom repeats the title of the culprit {}: \"{run}\"", short(culprit))
            }
            Leak::Link { culprit, link } => {
                write!(
                    f,
                    "the symptom links to the culprit {}, or to what its message links to: {link}",
                    short(culprit)
                )
            }
            Leak::Number { culprit, number } => {
                write!(f, "the symptom names {number}, which brought the culprit {}", short(culprit))
            }
            Leak::ChangeId { culprit, change_id } => {
                write!(f, "the symptom has {change_id}, the Change-Id of the culprit {}", short(culprit))
            }
            Leak::RollbackVisible { sha } => {
                write!(f, "the rollback {} itself is among the candidates", short(sha))
            }
            Leak::FromLater { id, at } => {
                write!(f, "the candidate {id} is from {}, not from before the question", format_time(*at))
            }
            Leak::EffectLater { id, at } => write!(
                f,
                "the candidate {id} shows that it takes effect at {}, which is not before the question",
                format_time(*at)
            ),
            Leak::RevertedLater { id, by, at } => write!(
                f,
                "the candidate {id} shows that {by} reverts it at {}, which is not before the question",
                format_time(*at)
            ),
        }
    }
}

fn short(sha: &str) -> &str {
    sha.get(..12).unwrap_or(sha)
}

static LINK: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?i)\b(?:[a-z][a-z0-9+.-]{1,14}://|www\.)[^\s<>"'`)\]]+"#).ok());
static CHANGE_ID: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\bI[0-9a-f]{8,40}\b").ok());
/// The numbers by which forges know what brought a change; group 1 is the number.
static OWN_NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?imx)\([\#!]([0-9]{1,9})\)\s*$ | \bpull\s+request\s+\#([0-9]{1,9})\b | \bmerge\s+request\s+\S*!([0-9]{1,9})\b
        | ^\s*reviewed-on:\s*\S+?/([0-9]{2,9})/?\s*$ | ^\s*differential\s+revision:\s*\S*\b(D[0-9]{2,9})\b",
    )
    .ok()
});

/// All ways in which the answer of `case` is visible, in its symptom and in `candidates` as their source returns them
/// for the moment of the question. None: the case may be asked.
pub fn check(case: &Case, candidates: &[Change]) -> Vec<Leak> {
    let mut leaks = Vec::new();
    for culprit in &case.culprit_shas {
        let change = candidates.iter().find(|change| change.id.sha() == Some(culprit.as_str()));
        in_symptom(&case.symptom_text, culprit, change, &mut leaks);
    }
    for candidate in candidates {
        in_candidate(case, candidate, &mut leaks);
    }
    leaks
}

fn in_symptom(symptom: &str, culprit: &str, change: Option<&Change>, leaks: &mut Vec<Leak>) {
    let culprit = culprit.to_owned();
    if sha_in(symptom, &culprit).is_some() {
        leaks.push(Leak::Sha { culprit: culprit.clone() });
    }
    let Some(change) = change else { return };
    let title = change.title.as_untrusted();
    let message = format!("{title}\n{}", change.body.as_untrusted());
    if let Some(run) = TitleForms::new(title).runs(symptom).into_iter().next() {
        let run = symptom.get(run).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        leaks.push(Leak::Title { culprit: culprit.clone(), run });
    }
    let own_link = change.link.as_deref().unwrap_or_default();
    for link in found(&LINK, symptom) {
        let link = link.trim_end_matches(['.', ',', ';', ':']);
        let is_own = !own_link.is_empty() && (link.starts_with(own_link) || own_link.starts_with(link));
        if is_own || message.contains(link) {
            leaks.push(Leak::Link { culprit: culprit.clone(), link: link.to_owned() });
        }
    }
    for change_id in found(&CHANGE_ID, symptom) {
        if message.contains(change_id) {
            leaks.push(Leak::ChangeId { culprit: culprit.clone(), change_id: change_id.to_owned() });
        }
    }
    let numbers = OWN_NUMBER.iter().flat_map(|pattern| pattern.captures_iter(&message));
    for number in numbers.filter_map(|found| found.iter().skip(1).flatten().next().map(|m| m.as_str())) {
        if names_number(symptom, number) {
            leaks.push(Leak::Number { culprit: culprit.clone(), number: number.to_owned() });
        }
    }
}

fn found<'a>(pattern: &'static LazyLock<Option<Regex>>, text: &'a str) -> impl Iterator<Item = &'a str> {
    pattern.iter().flat_map(move |regex| regex.find_iter(text)).map(|found| found.as_str())
}

/// Whether `text` names something by this number: after a sign, after a word for it, or, if it is long enough to be no
/// coincidence, on its own.
fn names_number(text: &str, number: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric();
    text.match_indices(number).any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default();
        let after = text.get(at + number.len()..).unwrap_or_default();
        if before.ends_with(is_part) || after.starts_with(is_part) {
            return false;
        }
        let before = before.to_lowercase();
        let word = before.trim_end_matches([' ', '#', ':', '/']);
        let named =
            ["pr", "pull", "request", "mr", "cl", "change", "review"].iter().any(|w| word.ends_with(w));
        number.len() >= SHORT_NUMBER || before.ends_with(['#', '!']) || named
    })
}

/// From so many digits on a number on its own names something.
const SHORT_NUMBER: usize = 4;

fn in_candidate(case: &Case, candidate: &Change, leaks: &mut Vec<Leak>) {
    let id = || candidate.id.to_string();
    let rollback = case.id.rsplit_once('@').map(|(_, sha)| sha).filter(|sha| sha.len() >= SHORT_SHA);
    if let (Some(sha), Some(rollback)) = (candidate.id.sha(), rollback)
        && sha.starts_with(rollback)
    {
        leaks.push(Leak::RollbackVisible { sha: sha.to_owned() });
    }
    if candidate.committed_at >= case.as_of {
        leaks.push(Leak::FromLater { id: id(), at: candidate.committed_at });
    } else if candidate.effective_at >= case.as_of {
        leaks.push(Leak::EffectLater { id: id(), at: candidate.effective_at });
    }
    for reverted in candidate.revert.reverted_by.iter().filter(|reverted| reverted.at >= case.as_of) {
        leaks.push(Leak::RevertedLater { id: id(), by: reverted.by.to_string(), at: reverted.at });
    }
}

#[cfg(test)]
#[path = "leak_tests.rs"]
mod tests;
