//! The ports of the desk as a [`Process`] has them: each passes its call on to the real record or the deployer, unless
//! something goes wrong at that very call.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use hearback_core::action::{Action, IdempotencyKey, Outcome};
use hearback_core::approval::ApprovedAction;
use hearback_core::entry::{Draft, Entry, Head};
use hearback_core::evidence::{Coverage, Evidence, Fetched};
use hearback_core::freeze::Freeze;
use hearback_core::ports::{
    ActionExecutor, ConnectorError, Expect, FreezeSource, Notice, Outbox, RecordError, RecordStore, Recorded,
    Rehearsal, TargetLedger, Trace,
};
use hearback_core::target::{NotFree, Step, TargetState};
use hearback_core::{EvidenceId, ExternalText, IncidentId, SourceName, Target, Window};
use jiff::{SignedDuration, Timestamp};

use crate::process::{Fault, Process};
use crate::room::note;

fn lost<T>(_: Fault) -> Result<T, RecordError> {
    Err(RecordError::Store("the connection was lost".into()))
}

fn away<T>(_: Fault) -> Result<T, ConnectorError> {
    Err(ConnectorError::Failed("the connection was lost".into()))
}

#[async_trait]
impl RecordStore for Process {
    async fn append(
        &self,
        incident: &IncidentId,
        expect: Expect,
        drafts: Vec<Draft>,
    ) -> Result<Vec<Entry>, RecordError> {
        let left = self.interruptions.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        if left.is_ok() {
            self.record.append(incident, Expect::Any, vec![note()]).await.unwrap();
        }
        self.call("append", self.record.append(incident, expect, drafts), lost).await
    }

    async fn read(&self, incident: &IncidentId, after: u64, limit: usize) -> Result<Vec<Entry>, RecordError> {
        self.call("read", self.record.read(incident, after, limit), lost).await
    }

    async fn head(&self, incident: &IncidentId) -> Result<Option<Head>, RecordError> {
        self.call("head", self.record.head(incident), lost).await
    }

    async fn incidents(&self) -> Result<Vec<(IncidentId, Head)>, RecordError> {
        self.call("incidents", self.record.incidents(), lost).await
    }

    async fn redact(
        &self,
        incident: &IncidentId,
        seq: u64,
        why: &ExternalText,
        redaction: Draft,
    ) -> Result<Entry, RecordError> {
        self.call("redact", self.record.redact(incident, seq, why, redaction), lost).await
    }

    async fn import(&self, entries: Vec<Entry>, snapshots: Vec<Evidence>) -> Result<Head, RecordError> {
        self.call("import", self.record.import(entries, snapshots), lost).await
    }

    async fn keep(&self, snapshot: &Evidence) -> Result<Recorded, RecordError> {
        self.call("keep", self.record.keep(snapshot), lost).await
    }

    async fn snapshot(&self, id: EvidenceId) -> Result<Option<Evidence>, RecordError> {
        self.call("snapshot", self.record.snapshot(id), lost).await
    }
}

#[async_trait]
impl TargetLedger for Process {
    async fn step_target(
        &self,
        target: &Target,
        step: &Step,
        now: Timestamp,
    ) -> Result<Result<TargetState, NotFree>, RecordError> {
        let what = match step {
            Step::Take { .. } => "take",
            Step::GiveBack { .. } => "give back",
            Step::End { .. } => "end",
            Step::Reset => "reset",
        };
        self.call(what, self.record.step_target(target, step, now), lost).await
    }

    async fn target(&self, target: &Target) -> Result<TargetState, RecordError> {
        self.call("target", self.record.target(target), lost).await
    }
}

#[async_trait]
impl Outbox for Process {
    async fn queue_notice(&self, notice: &Notice) -> Result<Recorded, RecordError> {
        self.call("notice", self.record.queue_notice(notice), lost).await
    }

    async fn untold_notices(&self, limit: usize) -> Result<Vec<Notice>, RecordError> {
        self.call("untold", self.record.untold_notices(limit), lost).await
    }

    async fn mark_told(&self, key: &str, at: Timestamp) -> Result<bool, RecordError> {
        self.call("told", self.record.mark_told(key, at), lost).await
    }
}

#[async_trait]
impl FreezeSource for Process {
    fn name(&self) -> &SourceName {
        &self.calendar
    }

    async fn freezes(&self, _: Window) -> Result<Fetched<Freeze>, ConnectorError> {
        let none =
            Fetched { items: vec![], coverage: Coverage::complete(self.calendar.clone(), "the calendar") };
        self.call("freezes", async { Ok(none) }, away).await
    }
}

#[async_trait]
impl ActionExecutor for Process {
    fn supports(&self, action: &Action) -> bool {
        matches!(action, Action::CallHook(_))
    }

    async fn rehearse(&self, _: &Action, _: SignedDuration) -> Result<Rehearsal, ConnectorError> {
        Ok(Rehearsal { says: vec![], refuses: None })
    }

    async fn execute(&self, approved: ApprovedAction, at: Timestamp, _: SignedDuration) -> Outcome {
        let why = || "the connection was lost".to_owned();
        self.call("execute", self.deployer.execute(approved, at), |fault| match fault {
            Fault::FailsBefore => Outcome::Failed { why: why() },
            _ => Outcome::Unknown { why: why() },
        })
        .await
    }

    async fn look(
        &self,
        _: &Action,
        key: &IdempotencyKey,
        _: SignedDuration,
    ) -> Result<Trace, ConnectorError> {
        self.call("look", async { self.deployer.look(key) }, away).await
    }
}
