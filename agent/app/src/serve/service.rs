//! What all routes and the worker share: the record, the sources, the configuration, and how a question is asked of
//! them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use hearback_core::chat::ChatPort;
use hearback_core::entry::Actor;
use hearback_core::happening::Question;
use hearback_core::model::ToolCall;
use hearback_core::ports::{LogSource, TelemetrySink, TraceSource};
use hearback_core::{Gap, Incident, IncidentId, SourceName};
use hearback_engine::alerts::AlertDesk;
use hearback_engine::asking;
use hearback_engine::calibration::Calibration;
use hearback_engine::channel::hearing::Channels;
use hearback_engine::driver::{self, Answered, Context, Sources};
use hearback_engine::expertise::ExpertSettings;
use hearback_engine::incidents::Incidents;
use hearback_engine::proposing::Weighed;
use hearback_engine::reads::{Reading, Reads};
use hearback_record::Record;
use jiff::Timestamp;
use tokio::sync::{Mutex, Notify, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::channel::Errand;
use super::deciding::Deed;
use super::metrics::{Asked, Metrics, OfSource};
use super::problem::Problem;
use crate::config::Config;
use crate::wiring::intake::Intake;
use crate::wiring::memory::Living;
use crate::wiring::{Actions, ChatIntake, Notifier, OWN_RECORD};

/// How many questions of people are worked on at once, and how many of each kind that the copilot asks by itself.
/// Each kind has its own places: a storm of alerts must not keep a person waiting, nor an incident.
const OF_PEOPLE_AT_ONCE: usize = 4;
const OF_AGENTS_AT_ONCE: usize = 2;
const OF_INCIDENTS_AT_ONCE: usize = 2;
const OF_INBOX_AT_ONCE: usize = 1;
/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// A person.
    Person,
    /// A person in the channel of an incident, who is not told to come again.
    Channel,
    /// The copilot, in an incident that an alert opened or joined.
    Incident,
    /// The copilot, about an alert that waits.
    Inbox,
}

/// How long a person's question waits for its turn.
const TURN_WITHIN: Duration = Duration::from_secs(2);
/// How long an agent's call waits for its turn.
const AGENTS_TURN_WITHIN: Duration = Duration::from_secs(10);
/// How many event streams may be followed at once.
const FOLLOWERS: usize = 256;

/// For how many agents it is remembered what they asked last.
const READERS: usize = 32;

/// Where telemetry goes and is read.
#[derive(Clone)]
pub struct Telemetry {
    /// Takes it.
    pub sink: Arc<dyn TelemetrySink>,
    /// Its log records.
    pub logs: Arc<dyn LogSource>,
    /// Its spans.
    pub traces: Arc<dyn TraceSource>,
    /// How many bytes it has on disk.
    pub bytes: Arc<dyn Fn() -> u64 + Send + Sync>,
}

/// What the service is made of.
pub struct Parts {
    /// The configuration.
    pub config: Config,
    /// The record.
    pub record: Arc<dyn Record>,
    /// What questions are asked of.
    pub sources: Sources,
    /// How far the ranker's confidence can be believed on all of its repositories; none if that is not known.
    pub calibration: Option<Calibration>,
    /// Telemetry, unless it is off.
    pub telemetry: Option<Telemetry>,
    /// What was learned before, where closed incidents go too.
    pub memory: Option<Living>,
    /// How what is sent is read.
    pub intake: Intake,
    /// How leadership hears.
    pub notifier: Notifier,
    /// What can be done, and who may say so.
    pub actions: Actions,
    /// The chat system, if there is one.
    pub chat: Option<Arc<dyn ChatPort>>,
    /// How what the chat system sends over HTTP is read.
    pub chat_intake: Option<ChatIntake>,
    /// The channels of incidents that nobody declared in one.
    pub channels: Channels,
}

/// What all routes share.
pub struct Service {
    /// What it is made of.
    pub parts: Parts,
    /// Counts.
    pub metrics: Metrics,
    /// Tells the worker that there is something to do.
    pub work: Notify,
    /// Tells followers that something was written.
    pub news: tokio::sync::watch::Sender<u64>,
    /// Places for followers.
    pub followers: Arc<Semaphore>,
    /// Takes what was approved, to be carried out.
    pub deeds: mpsc::UnboundedSender<Deed>,
    /// Takes what people asked for who spoke to the copilot.
    pub errands: mpsc::UnboundedSender<Errand>,
    /// Ends everything.
    pub stop: CancellationToken,
    incidents: Mutex<Incidents>,
    reads: Mutex<BTreeMap<String, (Instant, Arc<Reads>)>>,
    of_people: Semaphore,
    of_agents: Semaphore,
    of_incidents: Semaphore,
    of_inbox: Semaphore,
}

/// What a service wants done beside answering.
pub struct Wanted {
    /// Actions to be carried out.
    pub deeds: mpsc::UnboundedReceiver<Deed>,
    /// What people asked for who spoke to the copilot.
    pub errands: mpsc::UnboundedReceiver<Errand>,
}

impl Service {
    /// A service of these parts, which ends with `stop`, and what it wants carried out.
    pub fn new(parts: Parts, stop: CancellationToken) -> (Self, Wanted) {
        let (deeds, to_do) = mpsc::unbounded_channel();
        let (errands, to_run) = mpsc::unbounded_channel();
        let service = Service {
            parts,
            metrics: Metrics::new(),
            work: Notify::new(),
            news: tokio::sync::watch::Sender::new(0),
            followers: Arc::new(Semaphore::new(FOLLOWERS)),
            deeds,
            errands,
            stop,
            incidents: Mutex::default(),
            reads: Mutex::default(),
            of_people: Semaphore::new(OF_PEOPLE_AT_ONCE),
            of_agents: Semaphore::new(OF_AGENTS_AT_ONCE),
            of_incidents: Semaphore::new(OF_INCIDENTS_AT_ONCE),
            of_inbox: Semaphore::new(OF_INBOX_AT_ONCE),
        };
        (service, Wanted { deeds: to_do, errands: to_run })
    }

    /// Says that something was written: followers look, and the worker too.
    pub fn wrote(&self) {
        self.news.send_modify(|count| *count = count.wrapping_add(1));
        self.work.notify_one();
    }

    /// How alerts are placed here.
    pub fn alert_desk(&self) -> AlertDesk<'_> {
        AlertDesk {
            record: self.parts.record.as_ref(),
            inbox: self.parts.record.as_ref(),
            catalog: &self.parts.config.catalog,
            rule: &self.parts.config.serve.placing,
        }
    }

    /// The incidents, to bring up to date.
    pub fn incidents(&self) -> &Mutex<Incidents> {
        &self.incidents
    }

    /// The incident as it stands now.
    ///
    /// # Errors
    /// 404, or the record is away.
    pub async fn incident(&self, id: &IncidentId) -> Result<Incident, Problem> {
        let mut incidents = self.incidents.lock().await;
        incidents.refresh(self.parts.record.as_ref()).await?;
        if incidents.broken().any(|broken| broken == id) {
            let says = format!("the record of {id} does not verify; see: hearback record verify {id}");
            return Err(Problem::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, says));
        }
        let incident = incidents.get(id).cloned();
        incident.ok_or_else(|| Problem::missing(format!("there is no incident {id}")))
    }

    /// Asks, when it is `asker`'s turn.
    ///
    /// # Errors
    /// 503 when too many ask at once.
    pub async fn ask(
        &self,
        question: &Question,
        incident: Option<&Incident>,
        asker: Asker,
    ) -> Result<Answered, Problem> {
        self.ask_about_people(question, incident, asker, &self.parts.config.experts).await
    }

    /// As [`Service::ask`], with other settings for whom to ask.
    ///
    /// # Errors
    /// As [`Service::ask`].
    pub async fn ask_about_people(
        &self,
        question: &Question,
        incident: Option<&Incident>,
        asker: Asker,
        experts: &ExpertSettings,
    ) -> Result<Answered, Problem> {
        let (turns, by) = match asker {
            Asker::Person | Asker::Channel => (&self.of_people, "person"),
            Asker::Incident => (&self.of_incidents, "alert"),
            Asker::Inbox => (&self.of_inbox, "alert"),
        };
        // A person is told to come again; the copilot has time.
        let patience = if asker == Asker::Person { TURN_WITHIN } else { Duration::MAX };
        let turn = tokio::time::timeout(patience, turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(Problem::busy("too many questions at once; ask again in a moment"));
        };
        let began = Instant::now();
        let gaps = self.parts.config.catalog_files.gaps();
        let context = Context { experts, ..self.context(&gaps, incident) };
        let answered = driver::answer(context, question).await.map_err(anyhow::Error::new)?;
        self.metrics.answer_seconds.observe(began.elapsed().as_secs_f64());
        let verdict = serde_json::to_value(answered.answer.verdict).ok();
        let verdict = verdict.and_then(|verdict| verdict.as_str().map(str::to_owned)).unwrap_or_default();
        self.metrics.answers.get_or_create(&Asked { by, verdict }).inc();
        for gap in &answered.answer.gaps {
            self.metrics.gaps.get_or_create(&OfSource { source: gap.source.to_string() }).inc();
        }
        Ok(answered)
    }

    /// What a question is asked with.
    fn context<'a>(&'a self, gaps: &'a [Gap], incident: Option<&'a Incident>) -> Context<'a> {
        let Parts { config, sources, calibration, .. } = &self.parts;
        config.context(sources, calibration.as_ref(), gaps, incident, config.serve.budget)
    }

    /// Calls a read tool for this reader, when it is an agent's turn. What was asked last is remembered for each.
    ///
    /// # Errors
    /// 503 when too many ask at once.
    pub async fn call_read(&self, reader: &str, call: &ToolCall) -> Result<Result<String, String>, Problem> {
        let reads = {
            let mut all = self.reads.lock().await;
            if !all.contains_key(reader) && all.len() >= READERS {
                let oldest = all.iter().min_by_key(|(_, (used, _))| *used).map(|(name, _)| name.clone());
                oldest.and_then(|name| all.remove(&name));
            }
            let own = SourceName::new(OWN_RECORD).map_err(|error| Problem::bad(error.to_string()))?;
            let fresh = || (Instant::now(), Arc::new(Reads::new(own)));
            let (used, reads) = all.entry(reader.to_owned()).or_insert_with(fresh);
            *used = Instant::now();
            Arc::clone(reads)
        };
        // An agent calls many tools at once: it must not keep people waiting.
        let turn = tokio::time::timeout(AGENTS_TURN_WITHIN, self.of_agents.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(Problem::busy("too many agents read at once; call it again in a moment"));
        };
        let gaps = self.parts.config.catalog_files.gaps();
        Ok(reads.call(call, self.reading(&gaps)).await)
    }

    /// What is known of an incident, as an agent reads it.
    ///
    /// # Errors
    /// It can't be read, in a sentence.
    pub async fn read_incident(&self, id: &IncidentId) -> Result<String, String> {
        let own = SourceName::new(OWN_RECORD).map_err(|error| error.to_string())?;
        let gaps = self.parts.config.catalog_files.gaps();
        Reads::new(own).incident(id, self.reading(&gaps)).await
    }

    fn reading<'a>(&'a self, gaps: &'a [Gap]) -> Reading<'a> {
        let Parts { record, config, .. } = &self.parts;
        Reading {
            context: self.context(gaps, None),
            record: record.as_ref(),
            window: config.window,
            budget: config.serve.budget,
            now: Timestamp::now(),
        }
    }

    /// Asks inside an incident, and writes down question and answer with what is proposed.
    ///
    /// # Errors
    /// As [`Service::ask`]; or the record could not take it.
    pub async fn ask_inside(
        &self,
        question: Question,
        incident: &Incident,
        asker: Asker,
        by: Actor,
        asked_at: Timestamp,
    ) -> Result<Answered, Problem> {
        let record = self.parts.record.as_ref();
        let answered = self.ask(&question, Some(incident), asker).await?;
        // What is asked of the past proposes nothing for now.
        let weighed = match question.window.until >= asked_at {
            true => self.parts.actions.proposer(record).weigh(incident, &answered).await?,
            false => Weighed::Nothing,
        };
        let now = Timestamp::now();
        let drafts = asking::drafts(question, by, (asked_at, now), &answered);
        asking::write_answer(record, &incident.id, &answered, drafts, &weighed, now).await?;
        self.wrote();
        Ok(answered)
    }
}
