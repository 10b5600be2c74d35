//! What becomes of actions: those whose end nobody heard are looked up, and it is looked whether they helped. Everything to
//! do is read from the record, so a killed service loses nothing.

use std::sync::Arc;
use std::time::Duration;

use hearback_core::Incident;
use hearback_engine::next_steps::NextSteps;
use hearback_engine::recovery::RecoveryDesk;
use jiff::Timestamp;

use super::problem::Problem;
use super::service::Service;

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_secs(5);

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
    let wanted: Vec<Incident> = {
        let mut incidents = service.incidents().lock().await;
        incidents.refresh(record).await?;
        let is_wanted = |incident: &&Incident| {
            incident
                .proposals
                .values()
                .any(|seen| seen.is_under_way() || RecoveryDesk::concerns(seen) || NextSteps::concerns(seen))
        };
        incidents.all().filter(is_wanted).cloned().collect()
    };
    let now = Timestamp::now();
    let settled = service.parts.actions.desk(record).settle(wanted.iter(), now).await?;
    let recovery = service.parts.actions.recovery(record, &service.parts.sources.signals);
    let mut told = settled.len();
    let next_steps = service.parts.actions.next_steps(record);
    for incident in &wanted {
        told += usize::from(next_steps.propose(incident, now).await?);
        told += recovery.look(incident, now).await?.len();
    }
    if told > 0 {
        service.wrote();
    }
    Ok(())
}
