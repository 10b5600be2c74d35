//! What can be put aside, and why. A rule must be sure: a culprit that is ruled out is worse than a suspect too
//! many, so a change that the symptom names is never ruled out for being harmless.

use hearback_core::answer::{Claim, Onset};
use hearback_core::change::{Paths, RevertedBy};
use hearback_core::evidence::Citation;
use hearback_core::time::format_time;
use hearback_core::{Change, ChangeKind};
use jiff::Timestamp;

use super::harmless::{Purpose, purpose};
use hearback_core::words::Named;

/// A rule that put a change aside.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruled {
    /// The rule in one word.
    pub rule: &'static str,
    /// Why.
    pub because: Claim,
}

/// What the rules look at.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// When it began.
    pub onset: Option<&'a Onset>,
    /// The time asked about.
    pub as_of: Timestamp,
    /// What the symptom names.
    pub named: &'a Named,
    /// Whether the symptom speaks of tests or builds: then a change to tests may well have done it.
    pub about_tests: bool,
}

/// The first rule that puts `change` aside, if any. `effective_at` is when it reached production; `evidence`
/// cites the change.
pub fn rule_out(
    change: &Change,
    effective_at: Timestamp,
    evidence: &Citation,
    question: Question<'_>,
) -> Option<Ruled> {
    let put_aside = |rule, says: String, citation: Citation| {
        Some(Ruled { rule, because: Claim::new(says, vec![citation]).ok()? })
    };
    if let Some(onset) = question.onset
        && effective_at > onset.latest
    {
        let says = format!("took effect at {}, after the onset", format_time(effective_at));
        return put_aside("after_onset", says, evidence.clone());
    }
    if let Some(revert) = reverted_before(change, question) {
        let by = revert.by.sha().map_or(revert.by.as_str(), |sha| sha.get(..10).unwrap_or(sha));
        let says = format!("reverted by {by} at {}", format_time(revert.at));
        let citation = Citation { change: Some(revert.by.clone()), ..evidence.clone() };
        return put_aside("already_reverted", says, citation);
    }
    let Paths::Known(paths) = &change.paths else { return None };
    if change.kind != ChangeKind::Commit {
        return None;
    }
    if paths.is_empty() && !change.is_merge() {
        return put_aside("empty", "changes no file".into(), evidence.clone());
    }
    let names_a_file = paths
        .iter()
        .any(|path| question.named.files.iter().any(|file| file.ends_with(path.path.file_name())));
    if paths.is_empty() || names_a_file {
        return None;
    }
    let all_are = |wanted: Purpose| paths.iter().all(|path| purpose(&path.path) == wanted);
    let only = |what: &str| match paths.as_slice() {
        [one] => format!("touches only {what}: {}", one.path.file_name()),
        many => format!("touches only {what}: {} files", many.len()),
    };
    if all_are(Purpose::Documentation) {
        put_aside("docs_only", only("documentation"), evidence.clone())
    } else if question.about_tests {
        None
    } else if all_are(Purpose::Test) {
        put_aside("tests_only", only("tests"), evidence.clone())
    } else if paths.iter().all(|path| purpose(&path.path) != Purpose::Runs) {
        put_aside("docs_only", only("documentation and tests"), evidence.clone())
    } else {
        None
    }
}

/// The revert that was in effect before it began. One after the onset is a reason to suspect, not to acquit.
fn reverted_before<'a>(change: &'a Change, question: Question<'_>) -> Option<&'a RevertedBy> {
    let before = question.onset.map_or(question.as_of, |onset| onset.earliest);
    change.revert.reverted_by.iter().filter(|revert| revert.at < before).max_by_key(|revert| revert.at)
}
