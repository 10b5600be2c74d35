//! What people say of what may have caused an incident: raised, confirmed, dismissed, and shown beside what a model found. It
//! must not know how they say it, and decides nothing: a model that looks further is told, and ranking stays what it is.

use hearback_core::answer::Strength;
use hearback_core::entry::{Actor, Draft, Entry};
use hearback_core::hypothesis::{SeenHypothesis, Verdict};
use hearback_core::ids::HypothesisId;
use hearback_core::incident::State;
use hearback_core::ports::{Expect, RecordError, RecordStore};
use hearback_core::time::format_time;
use hearback_core::{ChangeId, ExternalText, Happening, Incident, IncidentId};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::incidents::load;

/// The longest text that is taken, in bytes.
pub const MOST_BYTES: usize = 2_000;
/// The shortest beginning of a sha that names a commit.
const SHORTEST_SHA: usize = 7;
/// As many characters of a text are shown.
const WIDTH: usize = 300;

/// What somebody says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saying {
    /// This may have caused it.
    Raise {
        /// In words.
        says: String,
        /// The change they suspect: its id, or the beginning of its sha.
        change: Option<String>,
    },
    /// A hypothesis is right or wrong.
    Settle {
        /// Which.
        hypothesis: HypothesisId,
        /// Whether it is right.
        verdict: Verdict,
        /// Why; may be empty.
        why: String,
    },
}

/// Why it was not written down.
#[derive(Debug, thiserror::Error)]
pub enum NotSaid {
    /// It can't be: what is wrong with it, for whoever said it.
    #[error("{0}")]
    Refused(String),
    /// It was said before.
    #[error("{0} is {word} already", word = .1.as_str())]
    Already(HypothesisId, Verdict),
    /// The record is away, or there is no such incident.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// A hypothesis as people and programs see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HypothesisView {
    /// What it is called.
    #[schemars(with = "String")]
    pub id: HypothesisId,
    /// What it says.
    #[schemars(with = "String")]
    pub says: ExternalText,
    /// The change it blames, if it blames one.
    #[schemars(with = "Option<String>")]
    pub change: Option<ChangeId>,
    /// Who said so: a person, or a model.
    pub by: String,
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// How sure the evidence makes a model's; none for a person's.
    pub strength: Option<Strength>,
    /// Whether it, or something checkable in it, rests on outsiders' text alone.
    pub only_outsiders: bool,
    /// Whether a person said that it is right or wrong.
    pub verdict: Option<Verdict>,
    /// Who did.
    pub settled_by: Option<String>,
    /// Why, in their words; may be empty.
    #[schemars(with = "String")]
    pub why: ExternalText,
}

impl HypothesisView {
    /// As it stands.
    pub fn of(seen: &SeenHypothesis) -> Self {
        let settled = seen.settled.as_ref();
        HypothesisView {
            id: seen.id.clone(),
            says: seen.says.clone(),
            change: seen.change.clone(),
            by: if seen.is_by_person() { seen.by.for_people() } else { "a model".into() },
            at: seen.at,
            strength: seen.strength,
            only_outsiders: seen.only_outsiders,
            verdict: settled.map(|settled| settled.verdict),
            settled_by: settled.map(|settled| settled.by.for_people()),
            why: settled.map(|settled| settled.why.clone()).unwrap_or_default(),
        }
    }

    /// In one line.
    pub fn line(&self) -> String {
        let strength = self.strength.map_or(String::new(), |strength| format!(", {strength}"));
        let outsiders =
            if self.only_outsiders { ", only by text that anybody could have written" } else { "" };
        let change = self.change.as_ref().map_or(String::new(), |change| {
            let name = change.sha().and_then(|sha| sha.get(..10)).unwrap_or(change.as_str());
            format!(" [{}]", ExternalText::from(name).for_people(60))
        });
        let settled = match (&self.verdict, &self.settled_by) {
            (Some(verdict), Some(by)) if self.why.is_blank() => format!("; {} by {by}", verdict.as_str()),
            (Some(verdict), Some(by)) => {
                format!("; {} by {by}: {}", verdict.as_str(), self.why.for_people(WIDTH))
            }
            _ => String::new(),
        };
        format!(
            "{:<6} {} {}{strength}{outsiders}: {}{change}{settled}",
            self.id,
            format_time(self.at),
            self.by,
            self.says.for_people(WIDTH)
        )
    }
}

/// All of an incident, in the order in which they were said.
pub fn views(incident: &Incident) -> Vec<HypothesisView> {
    incident.hypotheses.iter().map(HypothesisView::of).collect()
}

/// The change that this names: by its id, or by the beginning of its sha. One that the incident or an answer in it knows.
pub fn change_named(incident: &Incident, name: &str) -> Option<ChangeId> {
    let of_answers = incident
        .questions
        .iter()
        .filter_map(|asked| asked.answer.as_ref())
        .flat_map(|(_, answer)| answer.suspects.iter().map(|suspect| &suspect.change.id));
    let of_incident = incident.changes.iter().map(|seen| &seen.change.value.id);
    let is_sha = name.len() >= SHORTEST_SHA && name.bytes().all(|b| b.is_ascii_hexdigit());
    let name = if is_sha { name.to_ascii_lowercase() } else { name.to_owned() };
    let is_it = |id: &&ChangeId| {
        id.as_str() == name || (is_sha && id.sha().is_some_and(|sha| sha.starts_with(name.as_str())))
    };
    let mut found: Vec<&ChangeId> = of_answers.chain(of_incident).filter(is_it).collect();
    found.sort();
    found.dedup();
    match found.as_slice() {
        [one] => Some((*one).clone()),
        _ => None,
    }
}

/// What is to be written down.
///
/// # Errors
/// [`NotSaid`]: it can't be written down here.
pub fn happening(incident: &Incident, saying: &Saying) -> Result<Happening, NotSaid> {
    let refused = |why: &str| NotSaid::Refused(why.to_owned());
    if incident.state != State::Open {
        return Err(NotSaid::Refused(format!("{} is over", incident.id)));
    }
    match saying {
        Saying::Raise { says, change } => {
            if says.trim().is_empty() || says.len() > MOST_BYTES {
                return Err(refused("say in a few words what may have caused it"));
            }
            let is_raised = |seen: &&SeenHypothesis| seen.says.as_untrusted() == says.trim();
            if let Some(seen) = incident.hypotheses.iter().find(is_raised) {
                return Err(NotSaid::Refused(format!("it stands already as {}", seen.id)));
            }
            let change = match change {
                Some(name) => Some(change_named(incident, name).ok_or_else(|| {
                    refused(
                        "no change of this incident has that name; write its id or ten letters of its sha",
                    )
                })?),
                // Who writes a sha means it.
                None => says.split_whitespace().find_map(|word| {
                    change_named(incident, word.trim_matches(|c: char| !c.is_ascii_alphanumeric()))
                }),
            };
            Ok(Happening::HypothesisRaised { says: ExternalText::new(says.trim()), change })
        }
        Saying::Settle { hypothesis, verdict, why } => {
            if why.len() > MOST_BYTES {
                return Err(refused("say why in fewer words"));
            }
            let Some(seen) = incident.hypotheses.iter().find(|seen| seen.id == *hypothesis) else {
                return Err(NotSaid::Refused(format!(
                    "{} has no hypothesis {hypothesis}; hearback hypothesis list {} names them",
                    incident.id, incident.id
                )));
            };
            let is_said = |settled: &hearback_core::hypothesis::Settled| {
                settled.verdict == *verdict && settled.why.as_untrusted().trim() == why.trim()
            };
            if seen.settled.as_ref().is_some_and(is_said) {
                return Err(NotSaid::Already(hypothesis.clone(), *verdict));
            }
            let why = ExternalText::new(why.trim());
            Ok(Happening::HypothesisSettled { hypothesis: hypothesis.clone(), verdict: *verdict, why })
        }
    }
}

/// Writes down what somebody says, on the condition that nobody wrote in between: else it is looked at anew.
///
/// # Errors
/// [`NotSaid`].
pub async fn say(
    record: &dyn RecordStore,
    id: &IncidentId,
    by: &Actor,
    saying: &Saying,
    now: Timestamp,
) -> Result<Entry, NotSaid> {
    if matches!(by, Actor::System(_)) {
        return Err(NotSaid::Refused(
            "only people say what may have caused it; use a person's token".to_owned(),
        ));
    }
    loop {
        let (entries, head) = load(record, id).await?;
        let incident = Incident::as_of(id.clone(), &entries, Timestamp::MAX);
        let what = happening(&incident, saying)?;
        let draft = Draft { happened_at: now, known_at: now, recorded_at: now, by: by.clone(), what };
        match record.append(id, Expect::Head(Some(head)), vec![draft]).await {
            Ok(entries) => {
                let written = entries.into_iter().next();
                return written.ok_or_else(|| NotSaid::Refused("nothing was written".to_owned()));
            }
            Err(RecordError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
