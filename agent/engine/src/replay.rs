//! A replay: a question answered from an incident's record alone, as it was known at a moment, by the same code as a
//! live one. The same record, question and weights give the same bytes. It must not know a clock, and nothing of how
//! long anything takes.

use std::collections::{BTreeMap, BTreeSet};

use hearback_core::answer::CalibratedOn;
use hearback_core::entry::{Body, Head};
use hearback_core::happening::Question;
use hearback_core::hash::NotCanonical;
use hearback_core::time::format_time;
use hearback_core::{
    Answer, Catalog, ChangeId, Coverage, Entry, Evidence, Gap, Happening, Incident, IncidentId, SourceName,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer};

use crate::analysts::authorised::AuthorisationPolicy;
use crate::analysts::culprit::rules::CulpritRules;
use crate::calibration::{Calibration, digest_of};
use crate::driver::{self, Context, Sources};
use crate::expertise::ExpertSettings;
use crate::ranker::Ranker;
use crate::recorded::{Readings, Recorded, Served, is_gathered};
use crate::signals::Signals;

/// Recorded sources answer at once. The driver wants a limit all the same.
const NO_LIMIT: SignedDuration = SignedDuration::from_hours(1);
/// The source of gaps that come from configuration, not from a reading.
const CATALOG: &str = "catalog";

/// What is asked of a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// The last question that was asked by then, as it was.
    Last,
    /// The question of this entry in other words, with what was read for it then.
    Again {
        /// The entry.
        entry: u64,
        /// The words.
        question: Question,
    },
    /// A question that nobody asked then, of everything that was known.
    Anew(Question),
}

/// What a replay is made with; all else is in the record.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    /// Weights and thresholds.
    pub ranker: &'a Ranker,
    /// Thresholds for series.
    pub signals: &'a Signals,
    /// Weights of what explains a failure.
    pub culprit: &'a CulpritRules,
    /// How experts are found.
    pub experts: &'a ExpertSettings,
    /// What must be authorised.
    pub policy: &'a AuthorisationPolicy,
    /// The services that are known.
    pub catalog: &'a Catalog,
    /// What is known to be missing of these.
    pub gaps: &'a [Gap],
}

/// What came of a replay.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// The question.
    pub question: Question,
    /// The entry that asked it; none if nobody did.
    pub entry: Option<u64>,
    /// The last entry that was known.
    pub head: Head,
    /// How many snapshots it was answered from.
    pub snapshots: usize,
    /// Every change that could have been named.
    pub changes: BTreeSet<ChangeId>,
    /// The changes that no rule put aside, the likeliest first: more than an answer lists.
    pub ranked: Vec<ChangeId>,
    /// The answer.
    pub answer: Answer,
}

/// A record can't be replayed as wanted.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Nothing was known by then.
    #[error("nothing was known of {incident} by {}; its record begins at {}", format_time(*.at), format_time(*.since))]
    NothingKnown {
        /// The incident.
        incident: IncidentId,
        /// The moment asked about.
        at: Timestamp,
        /// When the first of it became known.
        since: Timestamp,
    },
    /// There is no question to repeat.
    #[error("nobody had asked anything in {incident} by {}; say what to ask with --ask", format_time(*.at))]
    NothingAsked {
        /// The incident.
        incident: IncidentId,
        /// The moment asked about.
        at: Timestamp,
    },
    /// The entry is no question.
    #[error("entry {entry} of {incident} is not a question, or was not known yet")]
    NotAQuestion {
        /// The incident.
        incident: IncidentId,
        /// The entry.
        entry: u64,
    },
    /// Never happens for these types.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
}

/// What a replayed answer stands on, for whoever looks further into it: nothing in it is later than the question.
#[derive(Clone)]
pub struct Ground {
    /// The answer, citing [`Ground::snapshots`] and not the record's.
    pub answer: Answer,
    /// What it cites.
    pub snapshots: Vec<Evidence>,
    /// The incident as it was known.
    pub incident: Option<Incident>,
    /// The record's readings, as sources.
    pub sources: Sources,
}

/// Answers from `recorded` as it was known at `at`.
///
/// # Errors
/// [`ReplayError`]. A snapshot that is gone, redacted or of another form is a gap in the answer, not an error.
pub async fn replay(
    recorded: &Recorded,
    at: Timestamp,
    ask: &Ask,
    settings: Settings<'_>,
) -> Result<Replay, ReplayError> {
    Ok(replay_with_ground(recorded, at, ask, settings).await?.0)
}

/// As [`replay`], with what the answer stands on.
///
/// # Errors
/// As [`replay`].
pub async fn replay_with_ground(
    recorded: &Recorded,
    at: Timestamp,
    ask: &Ask,
    settings: Settings<'_>,
) -> Result<(Replay, Ground), ReplayError> {
    let plan = Plan::of(recorded, at, ask)?;
    let readings = Readings::of(recorded, plan.read.iter().copied(), plan.question.window.until);
    let snapshots = readings.all.len();
    let served = Served::new(readings.all);
    let mut gaps = settings.gaps.to_vec();
    gaps.extend(plan.gaps.iter().cloned());
    gaps.extend(readings.gaps);
    let calibration = plan.calibration.filter(|then| then.weights == digest_of(settings.ranker));
    let calibration =
        calibration.map(|then| Calibration { temperature: then.temperature, cases: then.cases, of: then.of });
    let context = Context {
        calibration: calibration.as_ref(),
        ranker: settings.ranker,
        signals: settings.signals,
        culprit: settings.culprit,
        experts: settings.experts,
        policy: settings.policy,
        catalog: settings.catalog,
        gaps: &gaps,
        sources: &served.sources,
        incident: plan.incident.as_ref(),
        budget: NO_LIMIT,
    };
    let answered = driver::answer(context, &plan.question).await?;
    let mut answer = answered.answer;
    match &plan.answered {
        Some(then) => {
            // What was searched, and what was not seen, no snapshot tells. The answer of then does.
            answer.searched.clone_from(&then.searched);
            let place = |gap: &Gap| then.gaps.iter().position(|other| other == gap).unwrap_or(usize::MAX);
            answer.gaps.sort_by_key(place);
        }
        None => answer.searched.retain(|coverage| !coverage.searched.is_empty()),
    }
    answer.gaps = each_once(answer.gaps);
    let stands = answer.clone();
    let names = served.names_in_record(&answered.snapshots);
    answer.each_citation(|citation| {
        if let Some(recorded) = names.get(&citation.evidence) {
            citation.evidence = *recorded;
        }
    });
    let window = plan.question.window;
    let of_record = plan.incident.iter().flat_map(|incident| &incident.changes);
    let of_record =
        of_record.map(|seen| &seen.change.value).filter(|change| window.contains(change.effective_at));
    let changes = of_record.chain(served.changes(window)).map(|change| change.id.clone()).collect();
    let Plan { question, entry, incident, head, .. } = plan;
    let ranked = answered.standings.into_iter().map(|standing| standing.change).collect();
    let ground = Ground { answer: stands, snapshots: answered.snapshots, incident, sources: served.sources };
    Ok((Replay { question, entry, head, snapshots, changes, ranked, answer }, ground))
}

/// What a question is asked of.
struct Plan<'r> {
    question: Question,
    /// The entry that asked it.
    entry: Option<u64>,
    /// The incident as it was known; none if it was asked outside of it.
    incident: Option<Incident>,
    /// The entries whose snapshots count.
    read: Vec<&'r Entry>,
    /// What was answered then, if it is replayed as it was.
    answered: Option<Then>,
    /// How far the probabilities could be believed then.
    calibration: Option<CalibratedOn>,
    gaps: Vec<Gap>,
    head: Head,
}

impl<'r> Plan<'r> {
    fn of(recorded: &'r Recorded, at: Timestamp, ask: &Ask) -> Result<Plan<'r>, ReplayError> {
        let incident = || recorded.id.clone();
        let Some(last) = recorded.entries.iter().rfind(|entry| entry.known_at <= at) else {
            let since = recorded.known_from().unwrap_or(at);
            return Err(ReplayError::NothingKnown { incident: incident(), at, since });
        };
        let asked = |entry: &Entry| match entry.happening() {
            Ok(Happening::Asked(question)) if entry.known_at <= at => Some(question),
            _ => None,
        };
        let known = || recorded.entries.iter().enumerate();
        match ask {
            Ask::Anew(question) => Ok(Plan::anew(recorded, at, last.head(), None, question.clone())),
            Ask::Last => {
                let found = known().rev().find_map(|(place, entry)| Some((place, entry, asked(entry)?)));
                let (place, entry, question) =
                    found.ok_or_else(|| ReplayError::NothingAsked { incident: incident(), at })?;
                Ok(Plan::again(recorded, at, (place, entry), question))
            }
            Ask::Again { entry: seq, question } => {
                let found = known().find(|(_, entry)| entry.seq == *seq && asked(entry).is_some());
                let refuse = || ReplayError::NotAQuestion { incident: incident(), entry: *seq };
                Ok(Plan::again(recorded, at, found.ok_or_else(refuse)?, question.clone()))
            }
        }
    }

    /// Everything counts that was known at `at`.
    fn anew(
        recorded: &'r Recorded,
        at: Timestamp,
        head: Head,
        entry: Option<u64>,
        question: Question,
    ) -> Plan<'r> {
        let read: Vec<&Entry> = recorded.entries.iter().filter(|entry| entry.known_at <= at).collect();
        let gaps = gaps_known(&read);
        let incident = Some(recorded.as_of(at.min(question.window.until)));
        let last = read.iter().rev().find(|entry| entry.kind == "answered");
        let calibration = last.and_then(|entry| Then::of(entry)?.calibrated_on);
        Plan { question, entry, incident, read, answered: None, calibration, gaps, head }
    }

    /// What was read for the question counts, and no other reading; and what was known of the incident when it was
    /// asked.
    fn again(
        recorded: &'r Recorded,
        at: Timestamp,
        (place, asked): (usize, &'r Entry),
        question: Question,
    ) -> Plan<'r> {
        let (before, after) = recorded.entries.split_at(place);
        let read: Vec<&Entry> = after.iter().skip(1).take_while(|entry| is_gathered(entry)).collect();
        let answered = after.get(1 + read.len()).filter(|entry| entry.kind == "answered");
        let Some(answered) = answered else {
            // Nobody answered: what was known when it was asked is what an answer would have been given from.
            return Plan::anew(recorded, at.min(asked.known_at), asked.head(), Some(asked.seq), question);
        };
        if answered.known_at > at {
            let head = asked.head();
            let mut plan = Plan::anew(recorded, at, head, Some(asked.seq), question);
            let known = answered.known_at.strftime("%Y-%m-%dT%H:%M:%S%.fZ");
            plan.gaps.extend(recorded.gap(format!(
                "what was read for this question was not known yet; ask again with --at {known}"
            )));
            return plan;
        }
        let mut gaps = Vec::new();
        let then = Then::of(answered);
        if then.is_none() {
            let why =
                format!("entry {}, the answer, can't be read: what was not seen is not known", answered.seq);
            gaps.extend(recorded.gap(why));
        }
        gaps.extend(then.iter().flat_map(|then| &then.gaps).filter(|gap| !of_catalog(gap)).cloned());
        let own = recorded.source();
        let asked_inside = then
            .as_ref()
            .is_none_or(|then| then.searched.iter().any(|coverage| Some(&coverage.source) == own.as_ref()));
        let incident =
            asked_inside.then(|| Incident::as_of(recorded.id.clone(), before, question.window.until));
        let calibration = then.as_ref().and_then(|then| then.calibrated_on.clone());
        let (entry, head) = (Some(asked.seq), answered.head());
        Plan { question, entry, incident, read, answered: then, calibration, gaps, head }
    }
}

/// What an answer of then says that no snapshot does. Older answers have another form in all else.
#[derive(Debug, Deserialize)]
struct Then {
    searched: Vec<Coverage>,
    gaps: Vec<Gap>,
    /// Of another form in older answers, and then none that can be used.
    #[serde(default, deserialize_with = "if_it_fits")]
    calibrated_on: Option<CalibratedOn>,
}

fn if_it_fits<'de, D: Deserializer<'de>>(from: D) -> Result<Option<CalibratedOn>, D::Error> {
    let json = serde_json::Value::deserialize(from)?;
    Ok(CalibratedOn::deserialize(json).ok())
}

impl Then {
    fn of(entry: &Entry) -> Option<Then> {
        let Body::Kept { json, .. } = &entry.body else { return None };
        Then::deserialize(json).ok()
    }
}

fn of_catalog(gap: &Gap) -> bool {
    gap.source.as_str() == CATALOG
}

/// What the answers known by then say was not seen, each source by the last of them that asked it.
fn gaps_known(known: &[&Entry]) -> Vec<Gap> {
    let mut by_source: BTreeMap<SourceName, Vec<Gap>> = BTreeMap::new();
    for entry in known.iter().filter(|entry| entry.kind == "answered") {
        let Some(Then { gaps, searched, .. }) = Then::of(entry) else { continue };
        for Coverage { source, .. } in &searched {
            by_source.insert(source.clone(), Vec::new());
        }
        for gap in &gaps {
            by_source.insert(gap.source.clone(), Vec::new());
        }
        for gap in gaps.into_iter().filter(|gap| !of_catalog(gap)) {
            by_source.entry(gap.source.clone()).or_default().push(gap);
        }
    }
    by_source.into_values().flatten().collect()
}

fn each_once(gaps: Vec<Gap>) -> Vec<Gap> {
    let mut told: Vec<Gap> = Vec::new();
    for gap in gaps {
        if !told.contains(&gap) {
            told.push(gap);
        }
    }
    told
}
