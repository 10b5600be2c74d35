//! Decisions that come in, over HTTP or from the channel, and the actions that they start. An action belongs to the service
//! and not to the request that approved it: whoever hangs up does not break it off.

use std::sync::Arc;
use std::time::Duration;

use hearback_core::action::Outcome;
use hearback_core::approval::Decision;
use hearback_core::entry::Actor;
use hearback_core::ids::ProposalId;
use hearback_engine::approval::{NotTaken, Ruling, Started};
use hearback_engine::proposed::ended;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::problem::Problem;
use super::service::Service;

/// An action to be carried out, and who waits for its end.
pub struct Deed {
    started: Started,
    ended: oneshot::Sender<Outcome>,
}

/// What came of a decision.
#[derive(Debug)]
pub enum Came {
    /// It is noted, and the action is not done: why.
    Noted(String),
    /// The proposal is rejected.
    Rejected,
    /// The action is under way.
    UnderWay,
    /// The action ended.
    Ended(Outcome),
}

impl Came {
    /// In one sentence.
    pub fn says(&self, id: &ProposalId) -> String {
        match self {
            Came::Noted(why) => format!("Noted, not done: {why}"),
            Came::Rejected => format!("{id} rejected"),
            Came::UnderWay => format!("{id} is under way; hearback show {id} tells how it ends"),
            Came::Ended(outcome) => format!("{id} {}", ended(outcome)),
        }
    }

    /// Whether what was decided came to be.
    pub fn took_effect(&self) -> bool {
        matches!(self, Came::Rejected | Came::Ended(Outcome::Done(_)))
    }
}

/// Takes a decision, and waits a while for the end of what it starts.
///
/// # Errors
/// Nothing was written.
pub async fn decide(
    service: &Service,
    decision: Decision,
    by: Actor,
    wait: Duration,
) -> Result<Came, Problem> {
    let desk = service.parts.actions.desk(service.parts.record.as_ref());
    let ruling = desk.decide(decision, by, Timestamp::now()).await?;
    service.wrote();
    let started = match ruling {
        Ruling::Noted(why) => return Ok(Came::Noted(why)),
        Ruling::Rejected => return Ok(Came::Rejected),
        Ruling::Started(started) => *started,
    };
    let (ended, end) = oneshot::channel();
    if service.deeds.send(Deed { started, ended }).is_err() {
        // It is written down as started; whoever starts next finds out that nothing was done.
        return Err(Problem::busy(
            "the service is ending; what was approved is looked at when it starts again",
        ));
    }
    Ok(match tokio::time::timeout(wait, end).await {
        Ok(Ok(outcome)) => Came::Ended(outcome),
        Ok(Err(_)) | Err(_) => Came::UnderWay,
    })
}

/// Carries out what was approved, until the service stops; then what was begun is brought to its end.
pub async fn act(service: Arc<Service>, mut deeds: mpsc::UnboundedReceiver<Deed>) {
    let mut under_way = JoinSet::new();
    loop {
        tokio::select! {
            () = service.stop.cancelled() => break,
            Some(ended) = under_way.join_next(), if !under_way.is_empty() => broke_off(ended),
            deed = deeds.recv() => match deed {
                Some(deed) => {
                    let service = Arc::clone(&service);
                    under_way.spawn(async move { carry_out(&service, deed).await });
                }
                None => break,
            },
        }
    }
    deeds.close();
    while let Some(deed) = deeds.recv().await {
        carry_out(&service, deed).await;
    }
    while let Some(ended) = under_way.join_next().await {
        broke_off(ended);
    }
}

fn broke_off(ended: Result<(), tokio::task::JoinError>) {
    if ended.is_err() {
        tracing::error!("an action broke off; it is looked up");
    }
}

async fn carry_out(service: &Service, Deed { started, ended }: Deed) {
    let id = started.proposal().clone();
    let desk = service.parts.actions.desk(service.parts.record.as_ref());
    match desk.carry_out(started, &Timestamp::now).await {
        // Nobody may wait any more.
        Ok(outcome) => drop(ended.send(outcome)),
        Err(error) => {
            tracing::error!(%error, proposal = %id, "how an action ended could not be written down")
        }
    }
    service.wrote();
}

impl From<NotTaken> for Problem {
    fn from(error: NotTaken) -> Self {
        match error {
            NotTaken::NoSuchProposal(_) => Problem::missing(error.to_string()),
            NotTaken::Crowded(_) => Problem::busy(error.to_string()),
            NotTaken::Record(error) => error.into(),
        }
    }
}
