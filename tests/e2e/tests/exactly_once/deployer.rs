//! The world that actions change: it remembers what was really done, and notices when two actions on one target overlap
//! or one is done without the lease of its target. It must not know the record's entries.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use hearback_core::action::{Action, IdempotencyKey, Outcome, Receipt};
use hearback_core::approval::ApprovedAction;
use hearback_core::ports::{ConnectorError, Trace};
use hearback_core::{ProposalId, Target};
use hearback_record::Record;
use jiff::Timestamp;

/// How an action ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Done,
    Failed,
    NotAsExpected,
    /// It was done, but the answer is lost.
    DoneUnheard,
    /// It was not done, and the answer is lost.
    NotDoneUnheard,
}

impl Ending {
    pub const ALL: [Ending; 5] =
        [Ending::Done, Ending::Failed, Ending::NotAsExpected, Ending::DoneUnheard, Ending::NotDoneUnheard];

    fn has_effect(self) -> bool {
        matches!(self, Ending::Done | Ending::DoneUnheard)
    }

    pub fn outcome(self) -> Outcome {
        match self {
            Ending::Done => Outcome::Done(receipt()),
            Ending::Failed => Outcome::Failed { why: "the deployer is full".into() },
            Ending::NotAsExpected => Outcome::NotAsExpected { why: "v10 runs".into() },
            Ending::DoneUnheard | Ending::NotDoneUnheard => {
                Outcome::Unknown { why: "the connection broke".into() }
            }
        }
    }
}

/// What can be seen of an action afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// Whether it was done.
    Clear,
    /// Nothing, ever.
    Blind,
    /// The system that could tell never answers.
    Away,
}

impl Sight {
    pub const ALL: [Sight; 3] = [Sight::Clear, Sight::Blind, Sight::Away];
}

fn receipt() -> Receipt {
    Receipt { says: "cart runs v11 again".into(), link: None, inverse: None, made: None }
}

/// One time that an action was done, or tried.
#[derive(Debug, Clone)]
pub struct Did {
    pub proposal: ProposalId,
    pub key: IdempotencyKey,
    /// Whether anything was changed.
    pub has_effect: bool,
}

/// The world.
pub struct Deployer {
    record: Arc<dyn Record>,
    /// How the actions of proposals end; those that are not here are done.
    endings: BTreeMap<ProposalId, Ending>,
    pub sight: Sight,
    did: Mutex<Vec<Did>>,
    busy: Mutex<BTreeMap<Target, ProposalId>>,
    wrong: Mutex<Vec<String>>,
}

impl Deployer {
    pub fn new(
        record: &Arc<dyn Record>,
        endings: BTreeMap<ProposalId, Ending>,
        sight: Sight,
    ) -> Arc<Deployer> {
        Arc::new(Deployer {
            record: record.clone(),
            endings,
            sight,
            did: Mutex::default(),
            busy: Mutex::default(),
            wrong: Mutex::default(),
        })
    }

    pub fn did(&self) -> Vec<Did> {
        self.did.lock().unwrap().clone()
    }

    /// What was noticed that may never be.
    pub fn wrong(&self) -> Vec<String> {
        self.wrong.lock().unwrap().clone()
    }

    /// Does an action. It takes a while: the lease is looked at before and after.
    pub async fn execute(&self, approved: ApprovedAction, _: Timestamp) -> Outcome {
        let (id, target) = (approved.proposal().clone(), approved.action().target());
        let ending = self.endings.get(&id).copied().unwrap_or(Ending::Done);
        let _busy = Busy::with(self, &target, &id);
        self.look_at_lease(&target, &id, "begins").await;
        self.did.lock().unwrap().push(Did {
            proposal: id.clone(),
            key: approved.key().clone(),
            has_effect: ending.has_effect(),
        });
        tokio::task::yield_now().await;
        self.look_at_lease(&target, &id, "ends").await;
        ending.outcome()
    }

    pub fn look(&self, key: &IdempotencyKey) -> Result<Trace, ConnectorError> {
        let was_done = self.did.lock().unwrap().iter().any(|did| did.key == *key && did.has_effect);
        match self.sight {
            Sight::Away => Err(ConnectorError::Failed("the deployer does not answer".into())),
            Sight::Clear if was_done => Ok(Trace::Done(receipt())),
            Sight::Clear | Sight::Blind => Ok(Trace::NotFound("the deployer has no such request".into())),
        }
    }

    async fn look_at_lease(&self, target: &Target, id: &ProposalId, when: &str) {
        let state = self.record.target(target).await.unwrap();
        if state.lease.as_ref().is_none_or(|lease| lease.proposal != *id) {
            let held = state.lease.map(|lease| format!("{} of {}", lease.proposal, lease.runner));
            self.complain(format!("{id} {when} without the lease of its target, which is held by {held:?}"));
        }
    }

    fn complain(&self, what: String) {
        self.wrong.lock().unwrap().push(what);
    }
}

/// A target is being changed, as long as this lives.
struct Busy<'a>(&'a Deployer, Target);

impl<'a> Busy<'a> {
    fn with(deployer: &'a Deployer, target: &Target, id: &ProposalId) -> Self {
        let other = deployer.busy.lock().unwrap().insert(target.clone(), id.clone());
        if let Some(other) = other {
            deployer.complain(format!("{id} and {other} are done at the same time on one target"));
        }
        Busy(deployer, target.clone())
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.lock().unwrap().remove(&self.1);
    }
}

/// The action of proposal number `number` on a target of this name.
pub fn action(number: u32, target: &str) -> Action {
    Action::CallHook(hearback_core::action::CallHook {
        hook: "deploys".into(),
        service: hearback_core::ServiceName::new("cart").unwrap(),
        environment: target.into(),
        from: format!("v{}", 20 + number),
        to: "v11".into(),
    })
}
