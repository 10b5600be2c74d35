//! The desk where proposals are decided, on a real record: an action is started once, whoever presses how often, and what
//! became of it is written down or told to a person.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may stop anywhere")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use hearback_core::action::{Action, CallHook, IdempotencyKey, Inverse, Outcome, Proposal, Receipt, Support};
use hearback_core::answer::Claim;
use hearback_core::approval::{ApprovalPolicy, ApprovedAction, Decided, Decision};
use hearback_core::entry::{Actor, Draft};
use hearback_core::evidence::{Citation, Origin};
use hearback_core::ports::{ActionExecutor, ConnectorError, Expect, Rehearsal, Trace};
use hearback_core::target::Limits;
use hearback_core::{
    Catalog, Digest, EvidenceId, Happening, Incident, IncidentId, ProposalId, ServiceName, Severity,
};
use hearback_engine::approval::{ApprovalDesk, NotTaken, Ruling};
use hearback_engine::incidents::load;
use hearback_record::{Record, RecordUrl};
use jiff::{SignedDuration, Timestamp};

/// An executor that counts, and ends as it is told.
struct Counts {
    executed: AtomicUsize,
    ends: fn() -> Outcome,
    found: fn() -> Trace,
}

fn done() -> Outcome {
    Outcome::Done(Receipt { says: "cart runs v11 again".into(), link: None, inverse: None, made: None })
}

fn not_found() -> Trace {
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

fn at(minutes: i64) -> Timestamp {
    "2026-11-26T03:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
}

fn proposal(id: &IncidentId) -> Proposal {
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

/// A record with one incident and one proposal in it.
struct Room {
    _folder: tempfile::TempDir,
    url: RecordUrl,
    record: Arc<dyn Record>,
    incident: IncidentId,
    policy: ApprovalPolicy,
    catalog: Catalog,
    executor: Arc<Counts>,
    executors: Vec<Arc<dyn ActionExecutor>>,
}

impl Room {
    async fn new(ends: fn() -> Outcome, found: fn() -> Trace) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url: RecordUrl = folder.path().join("record.sqlite").to_str().unwrap().parse().unwrap();
        let record = hearback_record::open(&url).await.unwrap();
        let incident = IncidentId::numbered(3);
        let what = Happening::Declared {
            title: "Carts are empty".into(),
            severity: Severity::Sev2,
            services: vec![],
            impact_since: None,
        };
        let draft = |what| Draft {
            happened_at: at(0),
            known_at: at(0),
            recorded_at: at(0),
            by: Actor::hearback(),
            what,
        };
        let drafts = vec![draft(what), draft(Happening::Proposed(proposal(&incident)))];
        record.append(&incident, Expect::Head(None), drafts).await.unwrap();
        let policy = serde_json::from_str(
            r#"{"person": [{"name": "Ana", "groups": ["sre"]}, {"name": "Ben", "groups": ["sre"]}, {"name": "Dora"}],
                "rule": [{"actions": ["call_hook"], "groups": ["sre"]}]}"#,
        );
        let executor = Arc::new(Counts { executed: AtomicUsize::new(0), ends, found });
        let executors: Vec<Arc<dyn ActionExecutor>> = vec![executor.clone()];
        let (policy, catalog) = (policy.unwrap(), Catalog::default());
        Room { _folder: folder, url, record, incident, policy, catalog, executor, executors }
    }

    fn desk<'a>(&'a self, record: &'a Arc<dyn Record>, runner: &'a str) -> ApprovalDesk<'a> {
        ApprovalDesk {
            record: record.as_ref(),
            targets: record.as_ref(),
            outbox: record.as_ref(),
            policy: &self.policy,
            limits: Limits::default(),
            catalog: &self.catalog,
            freezes: &[],
            executors: &self.executors,
            runner,
        }
    }

    /// The decision about the proposal as it is stored.
    async fn says(&self, verdict: Decided) -> Decision {
        let folded = self.folded().await;
        let stored = &folded.proposals.values().next().unwrap().proposal;
        let digest = stored.digest().unwrap();
        Decision { proposal: stored.id.clone(), digest, verdict, why: "it is the cache".into() }
    }

    async fn folded(&self) -> Incident {
        let (entries, _) = load(self.record.as_ref(), &self.incident).await.unwrap();
        Incident::as_of(self.incident.clone(), &entries, at(1_000))
    }

    fn executed(&self) -> usize {
        self.executor.executed.load(Ordering::SeqCst)
    }

    async fn notices(&self) -> Vec<String> {
        let notices = self.record.untold_notices(10).await.unwrap();
        notices.iter().map(|notice| notice.text.for_people(300)).collect()
    }
}

fn by(name: &str) -> Actor {
    Actor::Person(name.into())
}

fn noted(ruling: Ruling) -> String {
    match ruling {
        Ruling::Noted(why) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_click_executes_once() {
    let room = Room::new(done, not_found).await;
    let other = hearback_record::open(&room.url).await.unwrap();
    let decision = room.says(Decided::Approve).await;
    let presses = (0..12).map(|n| {
        let (record, runner) = if n % 2 == 0 { (&room.record, "a") } else { (&other, "b") };
        let (desk, decision) = (room.desk(record, runner), decision.clone());
        let who = if n % 3 == 0 { "Ana" } else { "Ben" };
        async move {
            match desk.decide(decision, by(who), at(2)).await.unwrap() {
                Ruling::Started(started) => Some(desk.carry_out(*started, &|| at(3)).await.unwrap()),
                _ => None,
            }
        }
    });
    let ended: Vec<Outcome> = futures::future::join_all(presses).await.into_iter().flatten().collect();
    assert_eq!((ended, room.executed()), (vec![done()], 1));
    let folded = room.folded().await;
    let seen = folded.proposals.values().next().unwrap();
    assert_eq!(seen.outcome, Some((at(3), done())));
    assert_eq!(seen.decisions.len(), 12, "every press is written down");
    let again = room.desk(&room.record, "a").decide(decision, by("Ana"), at(4)).await.unwrap();
    assert_eq!(noted(again), "INC-3.P1 was started already; it is done once");
    hearback_record::verify(room.record.as_ref(), &room.incident, None).await.unwrap();
}

#[tokio::test]
async fn who_may_not_is_told_why_and_it_is_recorded() {
    let room = Room::new(done, not_found).await;
    let desk = room.desk(&room.record, "a");
    let told = desk.decide(room.says(Decided::Approve).await, by("Dora"), at(2)).await.unwrap();
    assert_eq!(noted(told), "Dora may not approve it; who may: group sre");
    let (entries, _) = load(room.record.as_ref(), &room.incident).await.unwrap();
    let last = entries.last().unwrap().happening().unwrap();
    assert!(matches!(last, Happening::Decided { denied: Some(why), .. } if why.starts_with("Dora may not")));
    assert!(matches!(
        desk.decide(room.says(Decided::Reject).await, by("Ben"), at(3)).await.unwrap(),
        Ruling::Rejected
    ));
    let told = desk.decide(room.says(Decided::Approve).await, by("Ana"), at(4)).await.unwrap();
    assert_eq!(noted(told), "Ben rejected it: it is the cache; a new proposal is needed");
    assert_eq!(room.executed(), 0);
    let strange =
        Decision { proposal: ProposalId::new("INC-9.P1").unwrap(), ..room.says(Decided::Approve).await };
    assert!(matches!(desk.decide(strange, by("Ana"), at(4)).await, Err(NotTaken::NoSuchProposal(_))));
}

#[tokio::test]
async fn an_unknown_end_is_told_to_a_person_and_stops_the_target() {
    let unknown = || Outcome::Unknown { why: "the connection broke".into() };
    let room = Room::new(unknown, not_found).await;
    let desk = room.desk(&room.record, "a");
    let ruling = desk.decide(room.says(Decided::Approve).await, by("Ana"), at(2)).await.unwrap();
    let Ruling::Started(started) = ruling else { panic!("{ruling:?}") };
    desk.carry_out(*started, &|| at(3)).await.unwrap();
    let told = room.notices().await;
    assert_eq!(
        told,
        [
            "A person must look: nobody knows whether INC-3.P1 was done (bring cart in production from v12 back to v11 \
          (hook deploys)): the connection broke. It is not tried again."
        ]
    );
    let target = proposal(&room.incident).action.target();
    assert!(room.record.target(&target).await.unwrap().stopped.is_some());
}

#[tokio::test]
async fn what_was_started_before_a_crash_is_looked_for_and_never_done_again() {
    for (found, expect) in [
        (not_found as fn() -> Trace, "unknown"),
        (|| Trace::Done(Receipt { says: "found".into(), link: None, inverse: None, made: None }), "done"),
    ] {
        let room = Room::new(done, found).await;
        let desk = room.desk(&room.record, "a");
        let ruling = desk.decide(room.says(Decided::Approve).await, by("Ana"), at(2)).await.unwrap();
        // The program is killed here: the start is written down, its end is not.
        assert!(matches!(ruling, Ruling::Started(_)));
        drop(ruling);
        let next = room.desk(&room.record, "b");
        let folded = room.folded().await;
        assert!(
            next.settle([&folded].into_iter(), at(6)).await.unwrap().is_empty(),
            "it may be under way still"
        );
        let settled = next.settle([&folded].into_iter(), at(8)).await.unwrap();
        let how = match &settled[0].1 {
            Outcome::Done(_) => "done",
            Outcome::Unknown { .. } => "unknown",
            other => panic!("{other:?}"),
        };
        assert_eq!((how, room.executed()), (expect, 0));
        assert_eq!(room.notices().await.len(), usize::from(expect == "unknown"));
        let folded = room.folded().await;
        assert!(next.settle([&folded].into_iter(), at(9)).await.unwrap().is_empty(), "it is settled");
    }
}
