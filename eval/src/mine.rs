//! Cases from a repository's own rollbacks: what was rolled back is the culprit, when is the question, and the message
//! without what gives the answer away is the symptom. Pure; changes come with their revert links resolved. What does
//! not make a case is counted under its reason.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use hearback_core::ChangeId;
use hearback_core::change::{Change, ChangeKind, Says};
use hearback_core::redaction::redact;
use hearback_core::words::terms;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::case::{Case, DAYS};
use crate::failure::tells_of_failure;
use crate::strip::{Answer, reverted_title, strip};
use crate::title_runs::without_number;

/// A culprit rolled back sooner was a slip of the hand, not a failure that somebody had to look for.
const AT_LEAST: SignedDuration = SignedDuration::from_mins(1);
/// Words that any rollback's message may have, as [`terms`] gives them.
const EMPTY_WORDS: &[&str] = &[
    "revert", "rollback", "roll", "back", "undo", "commit", "chang", "patch", "merg", "pull", "request",
    "cl", "pr", "partial", "reason", "see", "please", "sorry",
];

/// Which rollbacks make cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MineOptions {
    /// Rollbacks before it are not looked at: the changes before it are there to be candidates and culprits.
    pub since: Option<Timestamp>,
    /// How many days of changes before a rollback are candidates.
    pub days: u32,
    /// A symptom has at least so many different words.
    pub least_words: usize,
    /// A rollback of more changes than that is no answer to one failure.
    pub most_reverted: usize,
}

impl Default for MineOptions {
    fn default() -> Self {
        MineOptions { since: None, days: DAYS, least_words: 3, most_reverted: 5 }
    }
}

/// Why a change that reverts or relands is not a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
    /// It lands again what was rolled back.
    Relands,
    /// It is the merge of a rollback, which is there itself.
    Merge,
    /// It names no change.
    NothingNamed,
    /// It names a commit that is not in the history that was read: rebased, of another branch, or long ago.
    NotSeen,
    /// It was reverted before.
    RevertedBefore,
    /// By its date the culprit is not before the rollback.
    NotBefore,
    /// It followed within a minute.
    SameMinute,
    /// It takes back many changes at once.
    Bulk,
    /// It says nothing but what it reverts.
    NoText,
    /// It says too little.
    FewWords,
    /// The same rollback stands there already.
    Twice,
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Skip::Relands => "land something again",
            Skip::Merge => "merge a rollback that is there itself",
            Skip::NothingNamed => "name no change that could be found",
            Skip::NotSeen => "name a commit that is not in the history that was read",
            Skip::RevertedBefore => "revert what was reverted before",
            Skip::NotBefore => "revert something that is not older, by its date",
            Skip::SameMinute => "follow within a minute",
            Skip::Bulk => "take back many changes at once",
            Skip::NoText => "say nothing but what they revert",
            Skip::FewWords => "say too little",
            Skip::Twice => "are there twice",
        })
    }
}

/// What was mined.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mined {
    /// The cases, oldest first.
    pub cases: Vec<Case>,
    /// How many changes that revert or reland are not among them, by reason.
    pub skipped: BTreeMap<Skip, usize>,
}

/// Mines cases from `changes`, in any order, whose revert links are resolved.
pub fn mine(changes: &[Change], repo: &str, options: &MineOptions) -> Mined {
    let history = History::new(changes);
    let mut mined = Mined::default();
    let mut seen: HashSet<(Vec<&ChangeId>, String)> = HashSet::new();
    for change in &history.commits {
        let made = match change.revert.says {
            Says::Nothing => continue,
            _ if options.since.is_some_and(|since| change.committed_at < since) => continue,
            Says::Relands => Err(Skip::Relands),
            Says::Reverts => case_of(change, repo, &history, options),
        };
        let made = made.and_then(|case| {
            let reverted = change.revert.reverts.iter().collect();
            let is_new = seen.insert((reverted, case.symptom_text.clone()));
            if is_new { Ok(case) } else { Err(Skip::Twice) }
        });
        match made {
            Ok(case) => mined.cases.push(case),
            Err(skip) => *mined.skipped.entry(skip).or_default() += 1,
        }
    }
    mined
}

/// The commits, by time, by sha and by title.
struct History<'a> {
    commits: Vec<&'a Change>,
    by_sha: HashMap<&'a str, &'a Change>,
    by_title: HashMap<&'a str, Vec<&'a Change>>,
}

impl<'a> History<'a> {
    fn new(changes: &'a [Change]) -> Self {
        let mut commits: Vec<&Change> =
            changes.iter().filter(|c| c.kind == ChangeKind::Commit && c.id.sha().is_some()).collect();
        commits.sort_by(|a, b| (a.committed_at, &a.id).cmp(&(b.committed_at, &b.id)));
        let by_sha = commits.iter().filter_map(|&c| Some((c.id.sha()?, c))).collect();
        let mut by_title: HashMap<&str, Vec<&Change>> = HashMap::new();
        for &commit in commits.iter().filter(|commit| !commit.is_merge()) {
            by_title.entry(bare_title(commit)).or_default().push(commit);
        }
        History { commits, by_sha, by_title }
    }

    /// The latest commit with this title before `at`, if it is not before `from`.
    fn titled(&self, title: &str, from: Timestamp, at: Timestamp) -> Option<&'a Change> {
        let commits = self.by_title.get(title)?;
        commits.iter().rev().find(|c| c.committed_at < at).filter(|c| c.committed_at >= from).copied()
    }
}

fn bare_title(change: &Change) -> &str {
    without_number(change.title.as_untrusted()).trim()
}

/// The changes that a rollback takes back.
#[derive(Default)]
struct TakenBack<'a> {
    visible: Vec<&'a Change>,
    /// Merges among them: their commits stand for them, their names must not show.
    merges: Vec<&'a Change>,
    /// Shas that are not in the history.
    outside: Vec<&'a str>,
    /// Whether rollbacks are among them.
    rollbacks: bool,
}

fn case_of(change: &Change, repo: &str, history: &History<'_>, options: &MineOptions) -> Result<Case, Skip> {
    if change.is_merge() {
        return Err(Skip::Merge);
    }
    let as_of = change.committed_at;
    let days = SignedDuration::from_hours(24 * i64::from(options.days));
    let from = as_of.checked_sub(days).unwrap_or(Timestamp::MIN);
    let reverted = reverted_title(change.title.as_untrusted()).unwrap_or_default();
    let taken = taken_back(change, history, reverted, from);
    if taken.visible.len() + taken.outside.len() > options.most_reverted {
        return Err(Skip::Bulk);
    }
    if taken.visible.is_empty() {
        return Err(match taken {
            TakenBack { rollbacks: true, .. } => Skip::Relands,
            TakenBack { outside, .. } if !outside.is_empty() => Skip::NotSeen,
            _ => Skip::NothingNamed,
        });
    }
    let earlier: Vec<&Change> = taken.visible.iter().copied().filter(|c| c.committed_at < as_of).collect();
    let candidates: Vec<&Change> = earlier.iter().copied().filter(|c| c.committed_at >= from).collect();
    if earlier.is_empty() {
        return Err(Skip::NotBefore);
    }
    // Whoever asked then would not have suspected it, and would have been right not to.
    let was_reverted =
        |c: &&Change| c.revert.reverted_by.iter().any(|by| by.at < as_of && by.by != change.id);
    if !candidates.is_empty() && candidates.iter().all(was_reverted) {
        return Err(Skip::RevertedBefore);
    }
    if candidates.iter().any(|c| as_of.duration_since(c.committed_at) < AT_LEAST) {
        return Err(Skip::SameMinute);
    }
    let symptom_text = symptom(change, &taken, reverted);
    let words: HashSet<String> =
        terms(&symptom_text).into_iter().filter(|term| !EMPTY_WORDS.contains(&term.as_str())).collect();
    match words.len() {
        0 => return Err(Skip::NoText),
        few if few < options.least_words => return Err(Skip::FewWords),
        _ => {}
    }
    let sha = change.id.sha().unwrap_or_default();
    Ok(Case {
        id: format!("{repo}@{}", sha.get(..12).unwrap_or(sha)),
        repo: repo.to_owned(),
        as_of,
        symptom_like: tells_of_failure(&symptom_text),
        symptom_text,
        culprit_shas: candidates.iter().filter_map(|c| c.id.sha()).map(str::to_owned).collect(),
        days: options.days,
        half: None,
    })
}

/// Finds what `change` takes back. `reverted` is the title that its own title quotes.
fn taken_back<'a>(
    change: &'a Change,
    history: &History<'a>,
    reverted: &str,
    from: Timestamp,
) -> TakenBack<'a> {
    let mut taken = TakenBack::default();
    for sha in change.revert.reverts.iter().filter_map(|id| id.sha()) {
        match history.by_sha.get(sha) {
            // Taking back a rollback lands the first change again, unless it says that it reverts: a change that goes
            // back to something in its own words can be a culprit like any other.
            Some(target) if target.revert.says == Says::Reverts && reverted.is_empty() => {
                taken.rollbacks = true
            }
            Some(target) if target.is_merge() => {
                taken.merges.push(target);
                let brought = target.delivers.iter().filter_map(|id| history.by_sha.get(id.sha()?));
                taken.visible.extend(brought.filter(|commit| !commit.is_merge()));
            }
            Some(target) => taken.visible.push(target),
            None => taken.outside.push(sha),
        }
    }
    // A commit of another branch, or from before a rebase, has a twin here under the same title.
    if taken.visible.is_empty() && !taken.outside.is_empty() && !reverted.is_empty() {
        taken.visible.extend(history.titled(reverted, from, change.committed_at));
    }
    taken.visible.sort_by(|a, b| (a.committed_at, &a.id).cmp(&(b.committed_at, &b.id)));
    taken.visible.dedup_by(|a, b| a.id == b.id);
    taken
}

/// What the rollback says of the failure.
fn symptom(change: &Change, taken: &TakenBack<'_>, reverted: &str) -> String {
    let known = taken.visible.iter().chain(&taken.merges);
    let mut answers: Vec<Answer<'_>> = known
        .map(|c| Answer { sha: c.id.sha().unwrap_or_default(), title: c.title.as_untrusted() })
        .collect();
    answers.extend(taken.outside.iter().map(|&sha| Answer { sha, title: "" }));
    answers.push(Answer { sha: "", title: reverted });
    let text = strip(change.title.as_untrusted(), change.body.as_untrusted(), &answers);
    redact(&text).0.into_owned()
}

#[cfg(test)]
#[path = "mine_tests.rs"]
mod tests;
