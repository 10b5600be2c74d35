//! An incident with one proposal in a record of its own, the people around it, and an executor that counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use hearback_core::action::{Action, CallHook, IdempotencyKey, Inverse, Outcome, Proposal, Receipt, Support};
use hearback_core::answer::Claim;
use hearback_core::approval::{ApprovalPolicy, ApprovedAction, Decided, Decision};
use hearback_core::entry::{Actor, Draft};
use hearback_core::evidence::{Citation, Origin};
use hearback_core::ports::{ActionExecutor, ConnectorError, Expect, FreezeSource, Rehearsal, Trace};
use hearback_core::target::Limits;
use hearback_core::{
    Catalog, Digest, EvidenceId, Happening, Incident, IncidentId, ProposalId, ServiceName, Severity,
};
use hearback_engine::approval::{ApprovalDesk, Ruling};
use hearback_engine::incidents::load;
use hearback_record::{Record, RecordUrl};
use jiff::{SignedDuration, Timestamp};

/// An executor that counts, and ends as it is told.
pub struct Counts {
    executed: AtomicUsize,
    ends: fn() -> Outcome,
    found: fn() -> Trace,
}

pub fn done() -> Outcome {
    Outcome::Done(Receipt { says: "cart runs v11 again".into(), link: None, inverse: None, made: None })
}

pub fn not_found() -> Trace {
    Trace::NotFound("the deployer has no such request".into())
}

#[async_trait]
impl ActionExecutor for Counts {
    fn supports(&self, action: &Action) -> bool {
        matches!(action, Action::CallHook(_))
    }

    async fn rehearse(&self, _: &Action, _: SignedDuration) -> Result<Rehearsal, ConnectorError> {
        Ok(Rehearsal { says: vec![], refuses: None })
    }

    async fn execute(&self, approved: ApprovedAction, _: Timestamp, _: SignedDuration) -> Outcome {
        assert!(self.supports(approved.action()));
        self.executed.fetch_add(1, Ordering::SeqCst);
        (self.ends)()
    }

    async fn look(&self, _: &Action, _: &IdempotencyKey, _: SignedDuration) -> Result<Trace, ConnectorError> {
        Ok((self.found)())
    }
}

pub fn at(minutes: i64) -> Timestamp {
    "2026-11-26T03:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
}

pub fn proposal(id: &IncidentId) -> Proposal {
    let evidence = EvidenceId(Digest::of(b"series"));
    let cart = ServiceName::new("cart").unwrap();
    Proposal {
        id: ProposalId::numbered(id, 1),
        action: Action::CallHook(CallHook {
            hook: "deploys".into(),
            service: cart.clone(),
            environment: "production".into(),
            from: "v12".into(),
            to: "v11".into(),
        }),
        services: vec![cart],
        environment: Some("production".into()),
        why: Claim::new("errors rose 2 min after v12", vec![Citation::of(evidence)]).unwrap(),
        because: vec![Support { evidence, origin: Origin::System }],
        risks: vec![],
        inverse: Inverse::KnownWhenDone { says: "bring v12 back".into() },
        check: None,
        asked_by: Actor::hearback(),
        proposed_at: at(0),
        expires_at: at(30),
    }
}

/// Declares an incident with one proposal; those of all incidents are about the same target.
async fn declare(record: &Arc<dyn Record>, incident: &IncidentId) {
    let what = Happening::Declared {
        title: "Carts are empty".into(),
        severity: Severity::Sev2,
        services: vec![],
        impact_since: None,
    };
    let drafts = vec![draft(what), draft(Happening::Proposed(proposal(incident)))];
    record.append(incident, Expect::Head(None), drafts).await.unwrap();
}

pub fn draft(what: Happening) -> Draft {
    Draft { happened_at: at(0), known_at: at(0), recorded_at: at(0), by: Actor::hearback(), what }
}

/// A record with one incident and one proposal in it.
pub struct Room {
    _folder: tempfile::TempDir,
    pub url: RecordUrl,
    pub record: Arc<dyn Record>,
    pub incident: IncidentId,
    pub policy: ApprovalPolicy,
    pub catalog: Catalog,
    pub freezes: Vec<Arc<dyn FreezeSource>>,
    executor: Arc<Counts>,
    pub executors: Vec<Arc<dyn ActionExecutor>>,
}

impl Room {
    pub async fn new(ends: fn() -> Outcome, found: fn() -> Trace) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url: RecordUrl = folder.path().join("record.sqlite").to_str().unwrap().parse().unwrap();
        let record = hearback_record::open(&url).await.unwrap();
        let incident = IncidentId::numbered(3);
        declare(&record, &incident).await;
        let policy = serde_json::from_str(
            r#"{"person": [{"name": "Ana", "groups": ["sre"]}, {"name": "Ben", "groups": ["sre"]}, {"name": "Dora"},
                           {"name": "Cleo", "groups": ["leads"]}],
                "rule": [{"actions": ["call_hook"], "groups": ["sre"], "break_glass": ["leads"]}]}"#,
        );
        let executor = Arc::new(Counts { executed: AtomicUsize::new(0), ends, found });
        let executors: Vec<Arc<dyn ActionExecutor>> = vec![executor.clone()];
        let (policy, catalog) = (policy.unwrap(), Catalog::default());
        Room { _folder: folder, url, record, incident, policy, catalog, freezes: vec![], executor, executors }
    }

    pub fn desk<'a>(&'a self, record: &'a Arc<dyn Record>, runner: &'a str) -> ApprovalDesk<'a> {
        ApprovalDesk {
            record: record.as_ref(),
            targets: record.as_ref(),
            outbox: record.as_ref(),
            policy: &self.policy,
            limits: Limits::default(),
            catalog: &self.catalog,
            freezes: &self.freezes,
            executors: &self.executors,
            runner,
        }
    }

    /// The decision about the proposal as it is stored.
    pub async fn says(&self, verdict: Decided) -> Decision {
        let folded = self.folded().await;
        let stored = &folded.proposals.values().next().unwrap().proposal;
        let digest = stored.digest().unwrap();
        Decision { proposal: stored.id.clone(), digest, verdict, why: "it is the cache".into() }
    }

    /// The same room, at another incident about the same target.
    pub async fn next_incident(&mut self) {
        self.incident = IncidentId::numbered(self.incident.number().unwrap() + 1);
        declare(&self.record, &self.incident).await;
    }

    pub async fn folded(&self) -> Incident {
        let (entries, _) = load(self.record.as_ref(), &self.incident).await.unwrap();
        Incident::as_of(self.incident.clone(), &entries, at(1_000))
    }

    /// What is said of an action that was started, where nothing can look for it.
    pub async fn unlooked_for(&self) -> String {
        let desk = self.desk(&self.record, "a");
        desk.decide(self.says(Decided::Approve).await, by("Ana"), at(2)).await.unwrap();
        let blind = ApprovalDesk { executors: &[], ..desk };
        match blind.settle([&self.folded().await].into_iter(), at(8)).await.unwrap().as_slice() {
            [(_, Outcome::Unknown { why })] => why.clone(),
            other => panic!("{other:?}"),
        }
    }

    pub fn executed(&self) -> usize {
        self.executor.executed.load(Ordering::SeqCst)
    }

    pub async fn notices(&self) -> Vec<String> {
        let notices = self.record.untold_notices(10).await.unwrap();
        notices.iter().map(|notice| notice.text.for_people(300)).collect()
    }
}

pub fn by(name: &str) -> Actor {
    Actor::Person(name.into())
}

pub fn noted(ruling: Ruling) -> String {
    match ruling {
        Ruling::Noted(why) => why,
        other => panic!("{other:?}"),
    }
}
