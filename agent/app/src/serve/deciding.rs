//! Decisions that come in, over HTTP or from the channel, and the actions that they start. An action belongs to the service
//! and not to the request that approved it: whoever hangs up does not break it off.

use std::sync::Arc;
use std::time::Duration;

use hearback_core::action::Outcome;
use hearback_core::approval::Decision;
use hearback_core::entry::Actor;
use hearback_core::ids::ProposalId;
use hearback_engine::approval::{NotTaken, Ruling};
use hearback_engine::proposed::ended;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::problem::Problem;
use super::service::Service;

/// A decision that somebody made, and who waits for what comes of it.
pub struct Deed {
    decision: Decision,
    by: Actor,
    came: oneshot::Sender<Result<Came, Problem>>,
}

/// How long after the service was told to stop decisions are still taken: what was acknowledged must not be lost.
const STILL_TAKEN: Duration = Duration::from_secs(2);

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

/// Takes a decision, and waits a while for what comes of it. It is taken by the service, whether or not somebody waits.
///
/// # Errors
/// Nothing was written; or the record failed.
pub async fn decide(
    service: &Service,
    decision: Decision,
    by: Actor,
    wait: Duration,
) -> Result<Came, Problem> {
    let (came, comes) = oneshot::channel();
    if service.deeds.send(Deed { decision, by, came }).is_err() {
        return Err(Problem::busy("the service is ending; decide when it runs again"));
    }
    match tokio::time::timeout(wait, comes).await {
        Ok(Ok(came)) => came,
        Ok(Err(_)) => Err(Problem::busy("the service is ending; decide when it runs again")),
        Err(_) => Ok(Came::UnderWay),
    }
}

/// Takes decisions and carries out what they start, until the service stops; then what was begun is brought to its end.
pub async fn act(service: Arc<Service>, mut deeds: mpsc::UnboundedReceiver<Deed>) {
    let mut under_way = JoinSet::new();
    let mut closes_at = None;
    loop {
        tokio::select! {
            () = service.stop.cancelled(), if closes_at.is_none() => {
                closes_at = Some(tokio::time::Instant::now() + STILL_TAKEN);
            }
            () = at(closes_at) => break,
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

async fn at(moment: Option<tokio::time::Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

fn broke_off(ended: Result<(), tokio::task::JoinError>) {
    if ended.is_err() {
        tracing::error!("a decision broke off; what it started is looked up");
    }
}

async fn carry_out(service: &Service, Deed { decision, by, came }: Deed) {
    let id = decision.proposal.clone();
    let desk = service.parts.actions.desk(service.parts.record.as_ref());
    let ruling = desk.decide(decision, by, Timestamp::now()).await;
    service.wrote();
    let end = match ruling {
        Ok(Ruling::Noted(why)) => Ok(Came::Noted(why)),
        Ok(Ruling::Rejected) => Ok(Came::Rejected),
        Ok(Ruling::Started(started)) => match desk.carry_out(*started, &Timestamp::now).await {
            Ok(outcome) => Ok(Came::Ended(outcome)),
            Err(error) => {
                tracing::error!(%error, proposal = %id, "how an action ended could not be written down");
                Ok(Came::UnderWay)
            }
        },
        Err(error) => Err(error.into()),
    };
    service.wrote();
    // Nobody may wait any more.
    drop(came.send(end));
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
