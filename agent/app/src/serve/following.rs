//! What becomes of actions: those whose end nobody heard are looked up, and it is looked whether they helped. Everything to
//! do is read from the record, so a killed service loses nothing.

use std::sync::Arc;
use std::time::Duration;

use hearback_core::Incident;
use hearback_core::incident::SeenProposal;
use hearback_engine::patching::Patching;
use jiff::{SignedDuration, Timestamp};

use super::problem::Problem;
use super::service::Service;

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long after its end an action is followed.
const FOLLOWED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Follows actions until the service stops.
pub async fn follow_actions(service: Arc<Service>) {
    loop {
        if let Err(problem) = look(&service).await {
            service.metrics.worker_failures.inc();
            let (status, why) = (problem.status().as_u16(), problem.says());
            tracing::error!(status, why, "actions could not be followed; it is tried again");
        }
        tokio::select! {
            () = service.stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

async fn look(service: &Service) -> Result<(), Problem> {
    let record = service.parts.record.as_ref();
    let now = Timestamp::now();
    let wanted: Vec<Incident> = {
        let mut incidents = service.incidents().lock().await;
        incidents.refresh(record).await?;
        let is_wanted = |incident: &&Incident| {
            incident.proposals.values().any(|seen| is_followed(seen, now))
                || Patching::concerns(incident, now)
        };
        incidents.all().filter(is_wanted).cloned().collect()
    };
    let mut trouble = None;
    for incident in &wanted {
        // One incident whose record can't be read or written holds up no other.
        match follow(service, incident, now).await {
            Ok(0) => {}
            Ok(_) => service.wrote(),
            Err(problem) => trouble = Some(problem),
        }
    }
    trouble.map_or(Ok(()), Err)
}

/// Whether there may be something to find out, to tell or to propose.
fn is_followed(seen: &SeenProposal, now: Timestamp) -> bool {
    let ended = seen.outcome.as_ref().map(|(at, _)| *at);
    seen.is_under_way() || ended.is_some_and(|at| now.duration_since(at) < FOLLOWED_FOR)
}

async fn follow(service: &Service, incident: &Incident, now: Timestamp) -> Result<usize, Problem> {
    let record = service.parts.record.as_ref();
    let actions = &service.parts.actions;
    let settled = actions.desk(record).settle(std::iter::once(incident), now).await?.len();
    let proposed = usize::from(actions.next_steps(record).propose(incident, now).await?);
    let patched = usize::from(actions.patching(record).propose(incident, now).await?);
    let told = actions.recovery(record, &service.parts.sources.signals).look(incident, now).await?.len();
    Ok(settled + proposed + patched + told)
}
