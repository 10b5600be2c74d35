//! The read tools for any agent: a question first, then looks into its answer, each told as a model of our own would be told.
//! What is kept between calls is the last answer and the names that were given. It must not know the protocol, and nothing
//! that it does changes anything.

use hearback_core::happening::Question;
use hearback_core::ids::ToolName;
use hearback_core::model::{ToolCall, ToolSpec};
use hearback_core::ports::RecordStore;
use hearback_core::time::{parse_length, parse_time};
use hearback_core::{Coverage, ExternalText, Incident, IncidentId, ServiceName, SourceName, Verdict};
use jiff::{SignedDuration, Timestamp};
use schemars::{JsonSchema, schema_for};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::asking::{self, WHAT_CHANGED};
use crate::driver::{self, Answered, Context};
use crate::incidents::known_at;
use crate::investigating::Subject;
use crate::investigation::known::{Known, Shown};
use crate::investigation::looking::Looked;
use crate::investigation::looking_back::record_of;
use crate::investigation::{briefing, telling, tools};

/// The longest text of a question, in bytes.
const MOST_BYTES: usize = 64 * 1024;

/// What an agent is told of them.
pub const INSTRUCTIONS: &str = hearback_prompts::READS;

/// What changed before something began to fail.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WhatChanged {
    /// What is seen to fail: an error, an alert, a stack trace.
    pub symptom: String,
    /// The services that fail, if that is known.
    pub services: Vec<String>,
    /// When it began, e.g. 2026-03-02T13:00:00Z.
    pub onset: Option<String>,
    /// How far back to look before it began, e.g. 24h.
    pub window: Option<String>,
    /// The incident it is asked in, e.g. INC-17: what is known of it joins in.
    pub incident: Option<String>,
}

/// What a call is answered from.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// What a question is asked with; its incident is taken from the call.
    pub context: Context<'a>,
    /// Where incidents are.
    pub record: &'a dyn RecordStore,
    /// How far back changes are looked at unless the call says so.
    pub window: SignedDuration,
    /// How long one look may take.
    pub budget: SignedDuration,
    /// Now.
    pub now: Timestamp,
}

/// What was asked last.
struct Asked {
    question: Question,
    answered: Answered,
    incident: Option<Incident>,
    known: Known,
}

/// The tools, with what they remember between calls.
pub struct Reads {
    own: SourceName,
    asked: Mutex<Option<Asked>>,
}

/// All tools.
pub fn specs() -> Vec<ToolSpec> {
    let mut parameters = schema_for!(WhatChanged).to_value();
    if let Value::Object(fields) = &mut parameters {
        ["$schema", "title", "description"].iter().for_each(|key| drop(fields.remove(*key)));
    }
    let first = ToolName::new("what_changed").ok().map(|name| ToolSpec {
        name,
        description:
            "What changed before something began to fail, and which change is suspected: begin here.".into(),
        parameters,
    });
    first.into_iter().chain(tools::specs()).collect()
}

impl Reads {
    /// With nothing asked yet. `own` is what the copilot's own record is called as a source.
    pub fn new(own: SourceName) -> Self {
        Reads { own, asked: Mutex::new(None) }
    }

    /// Answers a call. One that looks into an answer before there is one asks what changed first.
    ///
    /// # Errors
    /// What is wrong with the call, or why it can't be answered, in a sentence.
    pub async fn call(&self, call: &ToolCall, reading: Reading<'_>) -> Result<String, String> {
        if !specs().iter().any(|tool| tool.name == call.name) {
            return Err("there is no such tool".to_owned());
        }
        let mut asked = self.asked.lock().await;
        if call.name.as_str() == "what_changed" {
            let text = call.arguments.as_untrusted();
            let text = if text.trim().is_empty() { "{}" } else { text };
            let wanted = serde_json::from_str(text)
                .map_err(|_| "its arguments do not fit the schema; see tools/list".to_owned())?;
            let (now, told) = self.ask(&wanted, reading).await?;
            *asked = Some(now);
            return Ok(told);
        }
        if asked.is_none() && call.name.as_str() == "diff" {
            // A name that was given before is of an answer that is gone.
            return Err("nothing was asked yet, so no change has a name; call what_changed".to_owned());
        }
        if asked.is_none() {
            *asked = Some(self.ask(&WhatChanged::default(), reading).await?.0);
        }
        let Some(Asked { question, answered, incident, known }) = asked.as_mut() else {
            return Err("nothing was asked yet; call what_changed".to_owned());
        };
        let subject = Subject {
            question,
            answer: &answered.answer,
            snapshots: &answered.snapshots,
            incident: incident.as_ref(),
            sources: reading.context.sources,
            budget: reading.budget,
        };
        let (shown, _) = subject.looking(&self.own).look(call, known).await;
        let told = telling::text(known.show(shown?));
        known.forget_pieces();
        Ok(told)
    }

    /// What is known of an incident: its last answer, and its record.
    ///
    /// # Errors
    /// It can't be read, in a sentence.
    pub async fn incident(&self, id: &IncidentId, reading: Reading<'_>) -> Result<String, String> {
        let incident = known_at(reading.record, id, reading.now).await.map_err(|error| error.to_string())?;
        let mut known = Known::default();
        let mut told = Vec::new();
        if let Some((seq, answer)) = incident.questions.iter().rev().find_map(|asked| asked.answer.as_ref()) {
            let snapshots = asking::snapshots(reading.record, id, (*seq, answer)).await;
            let snapshots = snapshots.map_err(|error| error.to_string())?;
            let shown = briefing::pieces(answer, &snapshots, &self.own);
            told.extend(shown.map(|shown| telling::text(known.show(shown))));
        }
        let tool = ToolName::new("record").map_err(|error| error.to_string())?;
        let Looked { pieces, coverage, .. } = record_of(&self.own, &incident);
        told.push(telling::text(known.show(Shown { tool, coverage, pieces })));
        Ok(told.join("\n"))
    }

    async fn ask(&self, wanted: &WhatChanged, reading: Reading<'_>) -> Result<(Asked, String), String> {
        let now = reading.now;
        let incident = match &wanted.incident {
            Some(id) => {
                let id = IncidentId::new(id.to_ascii_uppercase()).map_err(|error| error.to_string())?;
                Some(known_at(reading.record, &id, now).await.map_err(|error| error.to_string())?)
            }
            None => None,
        };
        let onset = wanted.onset.as_deref().map(|text| parse_time(text, now)).transpose();
        let onset = onset.map_err(|_| "onset: write a time as 2026-03-02T13:00:00Z".to_owned())?;
        if onset.is_some_and(|onset| onset > now) {
            return Err("onset: it lies in the future".to_owned());
        }
        let length = wanted.window.as_deref().map(parse_length).transpose();
        let length = length.map_err(|_| "window: write a length as 24h".to_owned())?;
        let services =
            wanted.services.iter().map(|name| ServiceName::new(name.as_str())).collect::<Result<_, _>>();
        let question = Question {
            text: WHAT_CHANGED.into(),
            symptom: ExternalText::capped(&wanted.symptom, MOST_BYTES),
            services: services.map_err(|error| format!("services: {error}"))?,
            window: asking::window(now, length.unwrap_or(reading.window), onset, incident.as_ref()),
            onset,
            message: None,
            thread: None,
        };
        let context = Context { incident: incident.as_ref(), ..reading.context };
        let answered = driver::answer(context, &question).await.map_err(|error| error.to_string())?;
        let mut known = Known::default();
        let mut shown = briefing::pieces(&answered.answer, &answered.snapshots, &self.own)
            .ok_or("the answer can't be told")?;
        // The verdict is ours; the names in it are others', and stand in the pieces.
        let verdict = match answered.answer.verdict {
            Verdict::LookHere => "verdict: the first suspect is strong, look there first",
            Verdict::CantTell => "verdict: can't tell which change did it",
            Verdict::NothingFits => "verdict: nothing that changed fits",
            Verdict::NoChange => "verdict: no change did this",
        };
        shown.coverage.push(Coverage::complete(self.own.clone(), verdict));
        let told = telling::text(known.show(shown));
        known.forget_pieces();
        Ok((Asked { question, answered, incident, known }, told))
    }
}
