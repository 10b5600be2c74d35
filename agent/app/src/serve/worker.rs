//! What the service does by itself: it brings alerts to their incidents, asks "what changed?" before anybody
//! acknowledges, and tells leadership what was not authorised. Everything it has to do is read from the record, so
//! that nothing is lost when it is killed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hearback_core::answer::Flagged;
use hearback_core::entry::{Actor, Draft};
use hearback_core::evidence::Known;
use hearback_core::happening::Alert;
use hearback_core::hash::{NotCanonical, canonical_json};
use hearback_core::ports::{ChangeQuery, Notice};
use hearback_core::{Change, Digest, EvidenceId, ExternalText, Incident, Window};
use hearback_engine::alerts::Inquiry;
use hearback_engine::analysts::authorised::{Inputs, SightedFreeze, flagged, judge};
use hearback_engine::asking;
use hearback_engine::gather::Sighted;
use hearback_engine::observe::Observe;
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;

use super::problem::Problem;
use super::service::{Asker, Service};
use crate::wiring::Heard;

/// How long the worker rests when nothing calls it: other processes write to the record too.
const REST: Duration = Duration::from_secs(2);
/// How many notices are told at once.
const NOTICES_AT_ONCE: usize = 200;
/// How long an inquiry rests after a failure.
const TRY_AGAIN: Duration = Duration::from_secs(10);
/// After so many unclear answers of its webhook leadership counts as told.
const UNCLEAR_TRIES: u32 = 3;
/// How long after a failure leadership is told again, at first.
const NOT_HEARD: Duration = Duration::from_secs(30);
/// How long the first look at the changes may take.
const WARM_UP: SignedDuration = SignedDuration::from_mins(5);

/// Works until the service stops. What fails is logged and tried again after a while.
pub async fn work(service: Arc<Service>) {
    let mut inquiries = JoinSet::new();
    let mut book = Book::default();
    loop {
        match settle(&service).await {
            Ok(found) => {
                for inquiry in found {
                    if !book.is_due(&inquiry) {
                        continue;
                    }
                    let key = key_of(&inquiry);
                    let service = Arc::clone(&service);
                    let task = inquiries.spawn(async move { find_out(&service, inquiry).await });
                    book.under_way.insert(task.id(), key);
                }
            }
            Err(problem) => failed(&service, "alerts could not be placed", &problem),
        }
        tokio::select! {
            () = service.stop.cancelled() => break,
            Some(ended) = inquiries.join_next_with_id(), if !inquiries.is_empty() => match ended {
                Ok((id, Ok(()))) => book.end(id, None),
                Ok((id, Err(problem))) => {
                    book.end(id, Some(Instant::now() + TRY_AGAIN));
                    failed(&service, "what changed could not be found out", &problem);
                }
                Err(error) => {
                    book.end(error.id(), Some(Instant::now() + TRY_AGAIN));
                    tracing::error!("an inquiry broke off");
                }
            },
            _ = tokio::time::timeout(REST, service.work.notified()) => {}
        }
    }
    // Half an inquiry is worth nothing; the next start asks again.
    inquiries.shutdown().await;
}

/// Which inquiries are under way, which rest after a failure, and which alerts of the inbox are done.
#[derive(Default)]
struct Book {
    under_way: BTreeMap<tokio::task::Id, String>,
    resting: BTreeMap<String, Instant>,
    done: BTreeSet<String>,
}

impl Book {
    fn is_due(&self, inquiry: &Inquiry) -> bool {
        let key = key_of(inquiry);
        !self.done.contains(&key)
            && !self.under_way.values().any(|other| *other == key)
            && self.resting.get(&key).is_none_or(|until| *until <= Instant::now())
    }

    fn end(&mut self, task: tokio::task::Id, rests_until: Option<Instant>) {
        let Some(key) = self.under_way.remove(&task) else { return };
        match rests_until {
            Some(until) => drop(self.resting.insert(key, until)),
            None => {
                self.resting.remove(&key);
                // An incident may ask again if its answer did not come to stand; a waiting alert is looked at once.
                if key.contains(' ') {
                    self.done.insert(key);
                }
            }
        }
    }
}

fn failed(service: &Service, what: &str, problem: &Problem) {
    service.metrics.worker_failures.inc();
    tracing::error!(status = problem.status().as_u16(), why = problem.says(), "{what}; it is tried again");
}

fn key_of(inquiry: &Inquiry) -> String {
    match inquiry {
        Inquiry::Incident(id) => id.to_string(),
        Inquiry::Waiting(alert) => format!("{} {}", alert.value.fingerprint, alert.known_at),
    }
}

async fn settle(service: &Service) -> Result<Vec<Inquiry>, Problem> {
    let mut incidents = service.incidents().lock().await;
    let mut inquiries = service.alert_desk().settle(&mut incidents, Timestamp::now()).await?;
    if can_propose(service) {
        // What was found out before the incident was declared says nothing of what can be undone.
        let is_unweighed = |incident: &&Incident| {
            incident.first_answer.is_some() && !incident.is_weighed() && !incident.alerts.is_empty()
        };
        inquiries.extend(
            incidents.open().filter(is_unweighed).map(|incident| Inquiry::Incident(incident.id.clone())),
        );
    }
    service.metrics.open_incidents.set(incidents.open().count() as i64);
    service.metrics.broken_incidents.set(incidents.broken().count() as i64);
    service.news.send_modify(|count| *count = count.wrapping_add(1));
    Ok(inquiries)
}

fn can_propose(service: &Service) -> bool {
    service.parts.actions.proposer(service.parts.record.as_ref()).can_propose()
}

async fn find_out(service: &Service, inquiry: Inquiry) -> Result<(), Problem> {
    let now = Timestamp::now();
    let length = service.parts.config.window;
    match inquiry {
        Inquiry::Incident(id) => {
            let incident = service.incident(&id).await?;
            let is_answered = incident.first_answer.is_some();
            if is_answered && (incident.is_weighed() || !can_propose(service)) {
                return Ok(());
            }
            let question = asking::question_of_incident(&incident, now, length);
            // Somebody may ask meanwhile; their answer is the first then, and one more does no harm.
            service.ask_inside(question, &incident, Asker::Incident, Actor::hearback(), now).await?;
        }
        Inquiry::Waiting(alert) => {
            if !service.parts.record.prepared(&alert).await?.is_empty() {
                return Ok(());
            }
            let found = match answer_before(service, &alert, now).await? {
                // It flaps: what was found out minutes ago still holds.
                Some(found) => found,
                None => {
                    let question = asking::question_of_alert(&alert.value, now, length);
                    let answered = service.ask(&question, None, Asker::Inbox).await?;
                    for snapshot in &answered.snapshots {
                        service.parts.record.keep(snapshot).await?;
                    }
                    let times = (now, Timestamp::now());
                    asking::drafts(question, Actor::hearback(), times, &answered)
                }
            };
            service.parts.record.prepare(&alert, &found).await?;
        }
    }
    service.wrote();
    Ok(())
}

/// What was found out about an earlier firing of the same alert, if that was a short while ago.
async fn answer_before(
    service: &Service,
    alert: &Known<Alert>,
    now: Timestamp,
) -> Result<Option<Vec<Draft>>, Problem> {
    let since = now.checked_sub(service.parts.config.serve.placing.group_within).unwrap_or(now);
    let earlier = service.parts.record.alerts(&Window { from: since, until: alert.known_at }).await?;
    for other in earlier.into_iter().rev().filter(|o| o.alert.value.fingerprint == alert.value.fingerprint) {
        let found = service.parts.record.prepared(&other.alert).await?;
        if !found.is_empty() {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Looks whether changes that were just sent were authorised, and queues a notice for each that was not. It fails
/// towards silence here and towards saying it in the answer: a change is never refused for it.
pub async fn watch_authorisation(service: &Service, changes: &[Change], now: Timestamp) {
    let policy = &service.parts.config.policy;
    if changes.is_empty() || (service.parts.sources.freezes.is_empty() && policy.require.is_empty()) {
        return;
    }
    match breaches(service, changes).await {
        Ok(flagged) => {
            for Flagged { change, because } in flagged {
                let what = format!(
                    "{} by {}: {}",
                    change.kind,
                    change.author.for_people(40),
                    change.title.for_people(100)
                );
                let text = ExternalText::new(format!("Not authorised: {what}: {}", because.says()));
                let notice =
                    Notice { key: format!("unauthorised {}", change.id), at: now, text, told_at: None };
                if let Err(error) = service.parts.record.queue_notice(&notice).await {
                    tracing::error!(%error, "a notice could not be kept");
                }
            }
            service.work.notify_one();
        }
        Err(error) => tracing::error!(%error, "changes could not be looked at"),
    }
}

async fn breaches(service: &Service, changes: &[Change]) -> Result<Vec<Flagged>, NotCanonical> {
    let times = || changes.iter().map(|change| change.effective_at);
    let (Some(from), Some(last)) = (times().min(), times().max()) else { return Ok(Vec::new()) };
    let until = last.checked_add(SignedDuration::from_secs(1)).unwrap_or(last);
    let observed = Observe {
        signals: &[],
        logs: &[],
        traces: &[],
        documents: &[],
        freezes: &service.parts.sources.freezes,
        services: &[],
        affected: 0,
        began: until,
        window: Window { from, until },
        budget: service.parts.config.serve.budget,
    };
    let observed = observed.ask().await?;
    let freezes: Vec<SightedFreeze> = observed
        .freezes
        .into_iter()
        .map(|seen| SightedFreeze { freeze: seen.item, evidence: seen.evidence })
        .collect();
    let sighted: Vec<Sighted> = changes
        .iter()
        .map(|change| {
            let evidence = EvidenceId(Digest::of(canonical_json(change)?.as_bytes()));
            Ok(Sighted { change: change.clone(), evidence })
        })
        .collect::<Result<_, NotCanonical>>()?;
    let inputs = Inputs {
        changes: &sighted,
        freezes: &freezes,
        policy: &service.parts.config.policy,
        catalog: &service.parts.config.catalog,
    };
    Ok(flagged(&sighted, &judge(&inputs)))
}

/// How often each notice was tried, and when it is tried again.
type Tries = BTreeMap<String, (u32, Instant)>;

/// Tells what waits to be told. What nobody heard is told again, later each time; it holds up no other.
async fn tell_notices(service: &Service, tries: &mut Tries) -> Result<(), Problem> {
    for notice in service.parts.record.untold_notices(NOTICES_AT_ONCE).await? {
        let (tried, again_at) = tries.get(&notice.key).copied().unwrap_or((0, Instant::now()));
        if again_at > Instant::now() {
            continue;
        }
        let heard = match service.parts.notifier.tell(&notice.text.for_people(1000)).await {
            Ok(Heard::Yes) => true,
            // Somebody may have heard it. After some tries, once more is worse than not at all.
            Ok(Heard::Maybe) => tried + 1 >= UNCLEAR_TRIES,
            Err(error) => {
                tracing::warn!(%error, tried, "leadership could not be told; it is tried again");
                false
            }
        };
        if heard {
            tries.remove(&notice.key);
            service.parts.record.mark_told(&notice.key, Timestamp::now()).await?;
        } else {
            let pause = NOT_HEARD.saturating_mul(1 << tried.min(7));
            tries.insert(notice.key, (tried + 1, Instant::now() + pause));
        }
    }
    Ok(())
}

/// Tells leadership, beside everything else: a webhook that hangs holds up nothing.
pub async fn notify(service: Arc<Service>) {
    let mut tries = Tries::new();
    loop {
        let told = tokio::select! {
            () = service.stop.cancelled() => return,
            told = tell_notices(&service, &mut tries) => told,
        };
        if let Err(problem) = told {
            failed(&service, "notices could not be read", &problem);
        }
        tokio::select! {
            () = service.stop.cancelled() => return,
            () = tokio::time::sleep(REST) => {}
        }
    }
}

/// Reads the window of changes once with time to spare, so that the first question finds what was worked out of a large
/// repository.
pub async fn warm_up(service: Arc<Service>) {
    let window = Window::before(Timestamp::now(), service.parts.config.window);
    let query = ChangeQuery { window, budget: WARM_UP };
    for source in &service.parts.sources.changes {
        tokio::select! {
            () = service.stop.cancelled() => return,
            // What fails here fails again when it matters, and is said then.
            _ = source.changes(&query) => {}
        }
    }
    tokio::select! {
        () = service.stop.cancelled() => {}
        () = std::future::pending() => {}
    }
}
