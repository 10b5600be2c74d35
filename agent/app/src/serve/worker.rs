//! What the service does by itself: it brings alerts to their incidents, asks "what changed?" before anybody
//! acknowledges, and tells leadership what was not authorised. Everything it has to do is read from the record, so
//! that nothing is lost when it is killed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hearback_core::Change;
use hearback_core::entry::Actor;
use hearback_core::ports::Expect;
use hearback_engine::alerts::Inquiry;
use hearback_engine::asking;
use jiff::Timestamp;
use tokio::task::JoinSet;

use super::problem::Problem;
use super::service::Service;

/// How long the worker rests when nothing calls it: other processes write to the record too.
const REST: Duration = Duration::from_secs(2);

/// Works until the service stops. One failure is logged and tried again.
pub async fn work(service: Arc<Service>) {
    let mut inquiries = JoinSet::new();
    let mut under_way: BTreeSet<String> = BTreeSet::new();
    loop {
        match settle(&service).await {
            Ok(found) => {
                for inquiry in found {
                    let key = key_of(&inquiry);
                    if under_way.insert(key.clone()) {
                        let service = Arc::clone(&service);
                        inquiries.spawn(async move { (key, find_out(&service, inquiry).await) });
                    }
                }
            }
            Err(problem) => failed(&service, "alerts could not be placed", &problem),
        }
        tokio::select! {
            () = service.stop.cancelled() => break,
            Some(done) = inquiries.join_next(), if !inquiries.is_empty() => {
                if let Ok((key, outcome)) = done {
                    under_way.remove(&key);
                    if let Err(problem) = outcome {
                        failed(&service, "what changed could not be found out", &problem);
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                }
            }
            _ = tokio::time::timeout(REST, service.work.notified()) => {}
        }
    }
    // Half an inquiry is worth nothing; the next start asks again.
    inquiries.shutdown().await;
}

fn failed(service: &Service, what: &str, problem: &Problem) {
    service.metrics.worker_failures.inc();
    tracing::error!(status = problem.status().as_u16(), "{what}; it is tried again");
}

fn key_of(inquiry: &Inquiry) -> String {
    match inquiry {
        Inquiry::Incident(id) => id.to_string(),
        Inquiry::Waiting(alert) => format!("{} {}", alert.value.fingerprint, alert.known_at),
    }
}

async fn settle(service: &Service) -> Result<Vec<Inquiry>, Problem> {
    let mut incidents = service.incidents().lock().await;
    let inquiries = service.alert_desk().settle(&mut incidents, Timestamp::now()).await?;
    service.metrics.open_incidents.set(incidents.open().count() as i64);
    service.metrics.broken_incidents.set(incidents.broken().count() as i64);
    service.news.send_modify(|count| *count = count.wrapping_add(1));
    Ok(inquiries)
}

async fn find_out(service: &Service, inquiry: Inquiry) -> Result<(), Problem> {
    let now = Timestamp::now();
    let length = service.config.window;
    match inquiry {
        Inquiry::Incident(id) => {
            let incident = service.incident(&id).await?;
            if incident.first_answer.is_some() {
                return Ok(());
            }
            let question = asking::question_of_incident(&incident, now, length);
            let answered = service.ask(&question, Some(&incident), "alert").await?;
            // Somebody may have asked meanwhile; their answer is the first then, and one more does no harm.
            let drafts = asking::drafts(question, Actor::hearback(), now, &answered);
            let record = service.record.as_ref();
            asking::write_down(record, &id, Expect::Any, &answered.snapshots, drafts).await?;
        }
        Inquiry::Waiting(alert) => {
            let question = asking::question_of_alert(&alert.value, now, length);
            let answered = service.ask(&question, None, "alert").await?;
            for snapshot in &answered.snapshots {
                service.record.keep(snapshot).await?;
            }
            let drafts = asking::drafts(question, Actor::hearback(), now, &answered);
            service.record.prepare(&alert, &drafts).await?;
        }
    }
    service.wrote();
    Ok(())
}

/// Looks whether changes that were just sent were authorised, and queues a notice for each that was not.
pub async fn watch_authorisation(_service: &Service, _changes: &[Change], _now: Timestamp) {}
