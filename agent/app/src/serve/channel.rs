//! The incident channel, served: what is heard is written down before it is acknowledged, questions are answered, what an
//! incident calls for is said. Everything to do inside an incident is read from the record; only what somebody asks outside
//! one is forgotten when the service is killed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hearback_core::chat::{ChatPort, Heard, HeardFrom, Reply};
use hearback_core::entry::Actor;
use hearback_core::happening::Question;
use hearback_core::incident::{SeenMessage, State};
use hearback_core::{ExternalText, Incident, IncidentId, MessageId};
use hearback_engine::asking;
use hearback_engine::channel::hearing::{HearingDesk, Heeded};
use hearback_engine::channel::speaking::{SpeakingDesk, Spoke, Voice};
use hearback_engine::channel::words::{self, Line};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::deciding::{Came, decide};
use super::problem::Problem;
use super::service::{Asker, Service};

/// How often it is looked for something to say when nothing calls.
const REST: Duration = Duration::from_secs(1);
/// How long after its end an incident is spoken of.
const AFTERWARDS: SignedDuration = SignedDuration::from_hours(1);
/// How long a reply may take.
const REPLY_WITHIN: SignedDuration = SignedDuration::from_secs(10);
/// How long a question rests that could not be answered.
const TRY_AGAIN: Duration = Duration::from_secs(2);
/// How long the end of an action is waited for by who approved it; the channel hears of it in any case.
const WAIT_FOR_END: Duration = Duration::from_secs(150);
/// How long replies have when the service ends.
const ENDS_WITHIN: Duration = Duration::from_secs(5);
/// The longest text of a question that is read, in bytes.
const TEXT_BYTES: usize = 16 * 1024;

/// Something to do for somebody who spoke.
pub struct Errand {
    heeded: Heeded,
    from: HeardFrom,
    key: String,
}

/// Takes what was heard. When it returns, it is durable, or has no effect.
///
/// # Errors
/// The record is away; whoever sent it may send it again.
pub async fn hear(service: &Service, heard: Heard) -> Result<(), Problem> {
    let record = service.parts.record.as_ref();
    let desk = HearingDesk { record, deliveries: record, policy: &service.parts.actions.policy };
    let heeded = {
        let mut incidents = service.incidents().lock().await;
        desk.hear(&heard, &mut incidents, Timestamp::now()).await?
    };
    match heeded {
        Heeded::Nothing => {}
        Heeded::Written(_) => service.wrote(),
        heeded => {
            let key = format!("reply {}", heard.delivery);
            // If the service is ending nobody does it; who spoke sees nothing happen, and says it again.
            drop(service.errands.send(Errand { heeded, from: heard.from(), key }));
        }
    }
    Ok(())
}

/// Does what people asked for who spoke to the copilot.
pub async fn run_errands(service: Arc<Service>, mut errands: mpsc::UnboundedReceiver<Errand>) {
    let mut under_way = JoinSet::new();
    loop {
        tokio::select! {
            () = service.stop.cancelled() => break,
            Some(_) = under_way.join_next(), if !under_way.is_empty() => {}
            errand = errands.recv() => match errand {
                Some(errand) => {
                    let service = Arc::clone(&service);
                    under_way.spawn(async move { run_errand(&service, errand).await });
                }
                None => break,
            },
        }
    }
    // What was acknowledged is begun all the same; a decision is brought to its end by who takes it.
    errands.close();
    while let Some(errand) = errands.recv().await {
        let service = Arc::clone(&service);
        under_way.spawn(async move { run_errand(&service, errand).await });
    }
    let all = async { while under_way.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(ENDS_WITHIN, all).await;
}

async fn run_errand(service: &Service, Errand { heeded, from, key }: Errand) {
    let lines = match heeded {
        Heeded::Nothing | Heeded::Written(_) => return,
        Heeded::Reply(lines) => lines,
        Heeded::Decide(decision, by) => {
            let id = decision.proposal.clone();
            match decide(service, decision, by, WAIT_FOR_END).await {
                // The channel hears of it: the proposal's message changes, and why it was not done stands in its thread.
                Ok(Came::Rejected | Came::UnderWay | Came::Ended(_)) => return,
                Ok(came @ Came::Noted(_)) => vec![words::line(came.says(&id))],
                Err(problem) => vec![words::line(problem.says().to_owned())],
            }
        }
        Heeded::Ask(text, _) => match ask_outside(service, &text).await {
            Ok(lines) => lines,
            Err(problem) => vec![words::line(problem.says().to_owned())],
        },
    };
    let Some(chat) = &service.parts.chat else { return };
    let reply = Reply { key, lines };
    if let Err(error) = chat.reply(&from, &reply, REPLY_WITHIN).await {
        tracing::warn!(%error, "somebody could not be answered");
    }
}

async fn ask_outside(service: &Service, text: &str) -> Result<Vec<Line>, Problem> {
    let now = Timestamp::now();
    let question = question(text, asking::window(now, service.parts.config.window, None, None));
    let answered = service.ask(&question, None, Asker::Person).await?;
    Ok(words::answer(&answered.answer, &BTreeMap::new()))
}

fn question(text: &str, window: hearback_core::Window) -> Question {
    let text = if text.trim().is_empty() { asking::WHAT_CHANGED } else { text };
    Question {
        text: ExternalText::capped(text, TEXT_BYTES),
        symptom: ExternalText::default(),
        services: Vec::new(),
        window,
        onset: None,
        message: None,
        thread: None,
    }
}

/// A question: its incident and its message.
type Named = (IncidentId, MessageId);

/// Answers what is asked in the channels of incidents.
pub async fn answer_questions(service: Arc<Service>) {
    let mut news = service.news.subscribe();
    let mut asked: JoinSet<(Named, Result<(), Problem>)> = JoinSet::new();
    let mut under_way: BTreeSet<Named> = BTreeSet::new();
    let mut resting: BTreeMap<Named, Instant> = BTreeMap::new();
    loop {
        match unanswered(&service).await {
            Ok(waiting) => {
                resting.retain(|_, until| *until > Instant::now());
                for (id, message) in waiting {
                    let Some(message_id) = message.message.clone() else { continue };
                    let name = (id.clone(), message_id);
                    if resting.contains_key(&name) || !under_way.insert(name.clone()) {
                        continue;
                    }
                    let service = Arc::clone(&service);
                    asked.spawn(async move { (name, answer(&service, &id, message).await) });
                }
            }
            Err(problem) => failed(&service, "questions could not be read", &problem),
        }
        tokio::select! {
            () = service.stop.cancelled() => break,
            Some(ended) = asked.join_next(), if !asked.is_empty() => if let Ok((name, ended)) = ended {
                under_way.remove(&name);
                if let Err(problem) = ended {
                    resting.insert(name, Instant::now() + TRY_AGAIN);
                    failed(&service, "a question could not be answered", &problem);
                }
            },
            _ = tokio::time::timeout(REST, news.changed()) => {}
        }
    }
    // Half an answer is worth nothing; the next start asks again.
    asked.shutdown().await;
}

async fn unanswered(service: &Service) -> Result<Vec<(IncidentId, SeenMessage)>, Problem> {
    let mut incidents = service.incidents().lock().await;
    incidents.refresh(service.parts.record.as_ref()).await?;
    let of = |incident: &Incident| -> Vec<(IncidentId, SeenMessage)> {
        incident.unanswered().map(|seen| (incident.id.clone(), seen.clone())).collect()
    };
    Ok(incidents.open().flat_map(of).collect())
}

async fn answer(service: &Service, id: &IncidentId, asked: SeenMessage) -> Result<(), Problem> {
    let incident = service.incident(id).await?;
    let is_asked = |seen: &&SeenMessage| seen.message == asked.message;
    if !incident.unanswered().any(|seen| is_asked(&seen)) {
        return Ok(());
    }
    let now = Timestamp::now();
    let window = asking::window(now, service.parts.config.window, None, Some(&incident));
    let question = Question {
        message: asked.message.clone(),
        thread: asked.thread.clone(),
        ..question(asked.text.as_untrusted(), window)
    };
    let by: Actor = asked.by.clone();
    service.ask_inside(question, &incident, Asker::Channel, by, now).await.map(drop)
}

/// Says what incidents call for, each in its channel. One channel never holds up another.
pub async fn speak(service: Arc<Service>) {
    let Some(chat) = service.parts.chat.clone() else {
        service.stop.cancelled().await;
        return;
    };
    let mut news = service.news.subscribe();
    let mut voices: BTreeMap<IncidentId, (Voice, Rests)> = BTreeMap::new();
    let mut speaking: JoinSet<(IncidentId, Voice, Rests)> = JoinSet::new();
    let mut under_way: BTreeSet<IncidentId> = BTreeSet::new();
    loop {
        let has_to_say = |incident: &Incident| {
            let rests = voices.get(&incident.id).is_some_and(|(_, rests)| rests.holds(incident));
            !rests && !under_way.contains(&incident.id)
        };
        match with_channel(&service, has_to_say).await {
            Ok(incidents) => {
                for incident in incidents {
                    let (voice, _) = voices.remove(&incident.id).unwrap_or_default();
                    under_way.insert(incident.id.clone());
                    let (service, chat) = (Arc::clone(&service), Arc::clone(&chat));
                    speaking.spawn(async move { speak_of(&service, chat.as_ref(), incident, voice).await });
                }
            }
            Err(problem) => failed(&service, "what is to be said could not be read", &problem),
        }
        tokio::select! {
            () = service.stop.cancelled() => break,
            Some(ended) = speaking.join_next(), if !speaking.is_empty() => if let Ok((id, voice, rests)) = ended {
                under_way.remove(&id);
                voices.insert(id, (voice, rests));
            },
            _ = tokio::time::timeout(REST, news.changed()) => {}
        }
    }
    // What is on its way is brought to its end: cut off, it would have to be looked for.
    while speaking.join_next().await.is_some() {}
}

/// When an incident's channel is looked at again.
#[derive(Debug, Default)]
struct Rests {
    until: Option<Timestamp>,
    /// All was said when it had so many entries, …
    at: Option<u64>,
    /// … and by then nothing that time alone changes.
    looked_at: Option<Instant>,
}

/// How often it is looked whether time alone changed something: what was proposed runs out.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

impl Rests {
    fn holds(&self, incident: &Incident) -> bool {
        let waits = self.until.is_some_and(|until| until > Timestamp::now());
        let is_new = self.looked_at.is_some_and(|at| at.elapsed() < LOOK_AGAIN);
        waits || (self.at == Some(incident.entries) && is_new)
    }
}

async fn speak_of(
    service: &Service,
    chat: &dyn ChatPort,
    incident: Incident,
    mut voice: Voice,
) -> (IncidentId, Voice, Rests) {
    let record = service.parts.record.as_ref();
    let desk = SpeakingDesk { record, claims: record, chat };
    let rests = match desk.speak(&incident, &mut voice, Timestamp::now()).await {
        Ok(Spoke::All) => Rests { until: None, at: Some(incident.entries), looked_at: Some(Instant::now()) },
        Ok(Spoke::Later(until)) => Rests { until: Some(until), ..Rests::default() },
        Err(error) => {
            failed(service, "what was said could not be written down", &error.into());
            Rests { until: Timestamp::now().checked_add(TRY_AGAIN).ok(), ..Rests::default() }
        }
    };
    (incident.id, voice, rests)
}

/// The incidents with a channel of which there is something to say.
async fn with_channel(
    service: &Service,
    has_to_say: impl Fn(&Incident) -> bool,
) -> Result<Vec<Incident>, Problem> {
    let record = service.parts.record.as_ref();
    let mut incidents = service.incidents().lock().await;
    incidents.refresh(record).await?;
    let now = Timestamp::now();
    if service.parts.channels.bind(record, &incidents, now).await? > 0 {
        incidents.refresh(record).await?;
    }
    let is_wanted = |incident: &&Incident| {
        let is_recent = match incident.state {
            State::Open => true,
            State::Resolved { at } => now.duration_since(at) < AFTERWARDS,
        };
        is_recent && incident.channel.is_some() && has_to_say(incident)
    };
    Ok(incidents.all().filter(is_wanted).cloned().collect())
}

fn failed(service: &Service, what: &str, problem: &Problem) {
    service.metrics.worker_failures.inc();
    tracing::error!(status = problem.status().as_u16(), why = problem.says(), "{what}; it is tried again");
}
