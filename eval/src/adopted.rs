//! Adopted cases: reviewed incidents as regressions. A case is its file (`case.toml`: what is asked, what must come of
//! it, who says so) and the record it is replayed from. It must not know folders; whoever calls it reads and writes.

use std::collections::BTreeSet;

use hearback_core::answer::{Answer, Strength, Suspect, Verdict};
use hearback_core::entry::Head;
use hearback_core::happening::Question;
use hearback_core::{ChangeId, ExternalText, Gap, IncidentId, ServiceName, Window};
use hearback_engine::recorded::Recorded;
use hearback_engine::replay::{Ask, Replay, ReplayError, Settings, replay};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::frozen::sha::SHORTEST;

/// The version of the form that this program writes.
const VERSION: u32 = 1;

/// A reviewed incident as a regression case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdoptedCase {
    version: u32,
    /// The name of its folder.
    pub id: String,
    /// What the incident is called.
    pub title: String,
    /// The incident of the record beside it.
    pub incident: IncidentId,
    /// The last entry of that record, `SEQ:HASH`.
    pub head: String,
    /// The record counts as it was known then.
    pub known_at: Timestamp,
    /// What is asked of it.
    pub question: Asked,
    /// What must come of it.
    pub expected: Expected,
    /// Who says so.
    pub reviewed: Reviewed,
}

/// What a case asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The entry that asked it: it is replayed with what was read for it. Without one, with all that was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
    /// The words.
    pub text: String,
    /// What is seen to fail.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub symptom: String,
    /// The services that are named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceName>,
    /// Changes before this are not looked at.
    pub since: Timestamp,
    /// Nothing later than this is looked at.
    pub as_of: Timestamp,
    /// When it began, by the asker's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onset: Option<Timestamp>,
}

/// What must come of a case: no worse than when it was adopted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The changes that did it; empty if none that was read did.
    pub culprits: Vec<ChangeId>,
    /// The worst rank that the first of them may have; none if it was ruled out when the case was adopted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank_at_most: Option<u32>,
    /// How many changes that did not do it may be called strong suspects, where no rank is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strong_at_most: Option<u32>,
}

/// Who reviewed a case, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reviewed {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A case can't be used.
#[derive(Debug, thiserror::Error)]
pub enum BadCase {
    /// The file has another form.
    #[error("{0}")]
    Form(String),
    /// A newer program wrote it.
    #[error("it was written by a newer version (form {0}); update hearback")]
    Newer(u32),
    /// The record beside it is another one.
    #[error("the record beside it is not the one that was adopted: it should be {wanted} with head {head}")]
    OtherRecord {
        /// The incident that should be there.
        wanted: IncidentId,
        /// The head it should have.
        head: String,
    },
    /// It can't be replayed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

/// The name of a change names none that was read, or several.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownCulprit {
    /// None.
    #[error(
        "{0} is not among the {1} changes that were read by then; give a change id or a sha of one that was"
    )]
    NotRead(String, usize),
    /// Several.
    #[error("{0} names {1} changes; give more of the sha")]
    Several(String, usize),
}

/// How a case fares today.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fared {
    /// The case.
    pub id: String,
    /// Its incident's title.
    pub title: String,
    /// Whether it is no worse than expected.
    pub passed: bool,
    /// The rank of the first culprit now; none if it is ruled out.
    pub rank: Option<u32>,
    /// How many changes that did not do it are called strong suspects now.
    pub strong: u32,
    /// What must come of it.
    pub expected: Expected,
    /// The verdict now.
    pub verdict: Verdict,
    /// What can't be seen in the replay.
    pub gaps: Vec<Gap>,
}

impl AdoptedCase {
    /// Makes a case of a replay that a person has reviewed: it must never fare worse than it does now.
    pub fn of_replay(
        replay: &Replay,
        (incident, title): (IncidentId, &ExternalText),
        (head, known_at): (Head, Timestamp),
        culprits: Vec<ChangeId>,
        reviewed: Reviewed,
    ) -> AdoptedCase {
        let Question { text, symptom, services, window, onset, .. } = replay.question.clone();
        let rank_at_most = rank(&replay.answer, &replay.ranked, &culprits);
        let strong_at_most = rank_at_most.is_none().then(|| strong(&replay.answer, &culprits));
        AdoptedCase {
            version: VERSION,
            id: slug(&incident),
            title: title.for_people(200),
            incident,
            head: head.to_string(),
            known_at,
            question: Asked {
                entry: replay.entry,
                text: text.as_untrusted().to_owned(),
                symptom: symptom.as_untrusted().to_owned(),
                services,
                since: window.from,
                as_of: window.until,
                onset,
            },
            expected: Expected { culprits, rank_at_most, strong_at_most },
            reviewed,
        }
    }

    /// Reads `case.toml`.
    ///
    /// # Errors
    /// [`BadCase`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<AdoptedCase, BadCase> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        // The version first: a newer form may have other fields.
        match toml::from_str::<Version>(text) {
            Ok(Version { version }) if version > VERSION => Err(BadCase::Newer(version)),
            _ => toml::from_str(text).map_err(|error| BadCase::Form(one_line(&error, text))),
        }
    }

    /// As `case.toml`.
    ///
    /// # Errors
    /// A case always has this form; an error is passed on rather than hidden.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        let body = toml::to_string(self)?;
        Ok(format!("# A reviewed incident as a regression case. Run it: hearback backtest adopted\n{body}"))
    }

    /// Replays the case and compares.
    ///
    /// # Errors
    /// [`BadCase`]: the record is another one, or can't be replayed.
    pub async fn run(&self, recorded: &Recorded, settings: Settings<'_>) -> Result<Fared, BadCase> {
        let head = recorded.entries.last().map(|entry| entry.head().to_string());
        if recorded.id != self.incident || head.as_ref() != Some(&self.head) {
            return Err(BadCase::OtherRecord { wanted: self.incident.clone(), head: self.head.clone() });
        }
        let question = self.question();
        let ask = match self.question.entry {
            Some(entry) => Ask::Again { entry, question },
            None => Ask::Anew(question),
        };
        let replay = replay(recorded, self.known_at, &ask, settings).await?;
        Ok(self.compare(&replay.answer, &replay.ranked))
    }

    fn question(&self) -> Question {
        let Asked { text, symptom, services, since, as_of, onset, .. } = &self.question;
        Question {
            text: ExternalText::new(text.as_str()),
            symptom: ExternalText::new(symptom.as_str()),
            services: services.clone(),
            window: Window { from: *since, until: *as_of },
            onset: *onset,
            message: None,
            thread: None,
        }
    }

    fn compare(&self, answer: &Answer, ranked: &[ChangeId]) -> Fared {
        let Expected { culprits, rank_at_most, strong_at_most } = &self.expected;
        let (rank, strong) = (rank(answer, ranked, culprits), strong(answer, culprits));
        let ranks = rank_at_most.is_none_or(|worst| rank.is_some_and(|rank| rank <= worst));
        let is_humble = strong_at_most.is_none_or(|most| strong <= most);
        Fared {
            id: self.id.clone(),
            title: self.title.clone(),
            passed: ranks && is_humble,
            rank,
            strong,
            expected: self.expected.clone(),
            verdict: answer.verdict,
            gaps: answer.gaps.clone(),
        }
    }
}

/// The folder of an incident's case.
pub fn slug(incident: &IncidentId) -> String {
    incident.as_str().to_ascii_lowercase()
}

/// The change that a person means by an id, a sha, or the beginning of a sha.
///
/// # Errors
/// [`UnknownCulprit`] if none of `read` is meant, or several are.
pub fn find_change(name: &str, read: &BTreeSet<ChangeId>) -> Result<ChangeId, UnknownCulprit> {
    let name = name.trim();
    if let Some(whole) = read.iter().find(|id| id.as_str() == name) {
        return Ok(whole.clone());
    }
    let short = name.to_ascii_lowercase();
    let is_meant =
        |id: &&ChangeId| short.len() >= SHORTEST && id.sha().is_some_and(|sha| sha.starts_with(&short));
    let mut meant = read.iter().filter(is_meant);
    let shown = || ExternalText::from(name).for_people(80);
    match (meant.next(), meant.count()) {
        (Some(one), 0) => Ok(one.clone()),
        (Some(_), others) => Err(UnknownCulprit::Several(shown(), others + 1)),
        (None, _) => Err(UnknownCulprit::NotRead(shown(), read.len())),
    }
}

/// Whether a suspect is one of `culprits`, or the rollout that brought it is.
fn is_culprit(suspect: &Suspect, culprits: &[ChangeId]) -> bool {
    let rollout = suspect.delivered_by.as_ref().map(|deploy| &deploy.id);
    culprits.contains(&suspect.change.id) || rollout.is_some_and(|id| culprits.contains(id))
}

/// The rank of the first culprit, listed or not; none if all were ruled out.
fn rank(answer: &Answer, ranked: &[ChangeId], culprits: &[ChangeId]) -> Option<u32> {
    let listed = answer.suspects.iter().find(|suspect| is_culprit(suspect, culprits));
    let place = || ranked.iter().position(|change| culprits.contains(change));
    listed.map(|suspect| suspect.rank).or_else(|| u32::try_from(place()? + 1).ok())
}

fn strong(answer: &Answer, culprits: &[ChangeId]) -> u32 {
    let is_wrong =
        |suspect: &&Suspect| suspect.strength == Strength::Strong && !is_culprit(suspect, culprits);
    answer.suspects.iter().filter(is_wrong).count().try_into().unwrap_or(u32::MAX)
}

fn one_line(error: &toml::de::Error, text: &str) -> String {
    let at = error.span().map_or(0, |span| span.start);
    let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
    let why = error.message().lines().next().unwrap_or_default();
    format!("line {line}: {}", ExternalText::from(why).for_people(200))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ChangeId {
        ChangeId::new(text).unwrap()
    }

    #[test]
    fn a_change_is_found_by_its_id_its_sha_or_the_beginning_of_it() {
        let (a, b) = ("3f2a91c0".repeat(5), "3f2a91cf".repeat(5));
        let read =
            BTreeSet::from([id(&format!("git:shop:{a}")), id(&format!("git:shop:{b}")), id("flag:ld:cart")]);
        let check = |name: &str, expect: Result<String, &str>| {
            let found = find_change(name, &read).map(|id| id.to_string()).map_err(|error| error.to_string());
            match expect {
                Ok(id) => assert_eq!(found, Ok(id), "{name}"),
                Err(says) => assert!(found.clone().unwrap_err().contains(says), "{name}: {found:?}"),
            }
        };
        check("flag:ld:cart", Ok("flag:ld:cart".into()));
        check(&a, Ok(format!("git:shop:{a}")));
        check("3F2A91C0", Ok(format!("git:shop:{a}")));
        check("3f2a91c", Err("names 2 changes"));
        check("3f2a9", Err("is not among the 3 changes"));
        check("deadbeef", Err("is not among the 3 changes"));
        check("", Err("is not among"));
        check("cart", Err("is not among"));
    }

    fn case() -> AdoptedCase {
        let at: Timestamp = "2026-03-02T14:00:00Z".parse().unwrap();
        AdoptedCase {
            version: VERSION,
            id: "inc-3".into(),
            title: "Checkout \"5xx\"".into(),
            incident: IncidentId::numbered(3),
            head: "41:ab".into(),
            known_at: at,
            question: Asked {
                entry: Some(4),
                text: "what changed?".into(),
                symptom: "line one\nline two".into(),
                services: vec!["checkout".parse().unwrap()],
                since: at,
                as_of: at,
                onset: None,
            },
            expected: Expected {
                culprits: vec![id("flag:ld:cart")],
                rank_at_most: Some(2),
                strong_at_most: None,
            },
            reviewed: Reviewed { by: "Ana".into(), at },
        }
    }

    #[test]
    fn a_case_survives_its_file() {
        let text = case().to_toml().unwrap();
        assert_eq!(AdoptedCase::parse(&text).unwrap(), case(), "{text}");
    }

    #[test]
    fn a_file_that_is_no_case_is_refused_with_its_line() {
        let text = case().to_toml().unwrap();
        let check = |text: &str, expect: &str| {
            let error = AdoptedCase::parse(text).unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        };
        check(&text.replace("version = 1", "version = 2\ncolour = 1"), "newer version (form 2)");
        check(&text.replace("version = 1", "version = 1\ncolour = 1"), "line 3: unknown field `colour`");
        check("", "missing field");
        check("id = [", "line 1");
    }

    #[test]
    fn a_case_passes_while_it_is_no_worse_than_expected() {
        let suspect = |rank: u32, change: &str, strength: Strength| -> Suspect {
            serde_json::from_value(serde_json::json!({
                "rank": rank, "id": change, "sha": null, "kind": "flag", "title": "t", "author": "a",
                "committed_at": "2026-03-02T13:00:00Z", "effective_at": "2026-03-02T13:00:00Z", "link": null,
                "strength": strength, "confidence": null, "score": 1.0, "reasons": [],
            }))
            .unwrap()
        };
        let answer = |suspects: Vec<Suspect>| -> Answer {
            serde_json::from_value(serde_json::json!({
                "schema_version": 1, "verdict": "cant_tell", "as_of": "2026-03-02T14:00:00Z",
                "since": "2026-03-01T14:00:00Z", "onset": null, "considered": 3, "suspects": suspects,
                "ruled_out": [], "gaps": [], "searched": [],
            }))
            .unwrap()
        };
        let (weak, strong) = (Strength::Weak, Strength::Strong);
        let first = answer(vec![suspect(1, "flag:ld:cart", strong), suspect(2, "x", strong)]);
        let third =
            answer(vec![suspect(1, "x", strong), suspect(2, "y", weak), suspect(3, "flag:ld:cart", weak)]);
        let absent = answer(vec![suspect(1, "x", weak)]);
        let (ranked, behind) = (case(), [id("x"), id("y")]);
        assert_eq!(
            [&first, &third, &absent].map(|a| ranked.compare(a, &behind).passed),
            [true, false, false]
        );
        assert_eq!(
            [&first, &third, &absent].map(|a| ranked.compare(a, &behind).rank),
            [Some(1), Some(3), None]
        );
        let not_listed: Vec<ChangeId> =
            (0..40).map(|n| id(&format!("c{n}"))).chain([id("flag:ld:cart")]).collect();
        assert_eq!(ranked.compare(&absent, &not_listed).rank, Some(41));
        let mut nothing_did_it = case();
        nothing_did_it.expected = Expected { culprits: vec![], rank_at_most: None, strong_at_most: Some(0) };
        assert_eq!(
            [&first, &third, &absent].map(|a| nothing_did_it.compare(a, &[]).passed),
            [false, false, true]
        );
    }
}
