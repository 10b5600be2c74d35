//! From an answer to a proposal: what is proposed, with which risks, way back and check; and why nothing is.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may stop anywhere")]

#[allow(dead_code, reason = "the room serves other tests too")]
#[path = "../talk/room.rs"]
mod room;

use std::sync::Arc;

use async_trait::async_trait;
use hearback_core::action::{Action, CallHook, Inverse, Outcome, RecoverySign};
use hearback_core::answer::{Strength, Verdict};
use hearback_core::approval::Decided;
use hearback_core::change::{
    Author, Change, ChangeKind, Landed, Nature, PathChange, Paths, RepoPath, Revert, Review, Rollout,
};
use hearback_core::evidence::Origin;
use hearback_core::happening::Alert;
use hearback_core::ports::{ConnectorError, RevertFit, RevertPreview, RevertTrial};
use hearback_core::target::{End, Ended, Limits, Step};
use hearback_core::{ChangeId, Digest, Happening, ProposalId, ServiceName, SignalKind, SourceName};
use hearback_engine::analysts::change_point::{Course, Direction, Level, SeriesOnset};
use hearback_engine::analysts::onset::MeasuredSeries;
use hearback_engine::analysts::signature::{Shape, Signature};
use hearback_engine::analysts::undoing::Lead;
use hearback_engine::driver::Answered;
use hearback_engine::proposing::{Proposer, ProposingRule, PushTo, Rollback, RollbackWay, Weighed};
use jiff::SignedDuration;

use room::{Room, answer, at, cited, suspect};

const SHA: &str = "3f2a91c0aa3f2a91c0aa3f2a91c0aa3f2a91c0aa";

/// What trying it would give.
type Tried = fn() -> Result<Option<RevertTrial>, ConnectorError>;

struct Previews(Tried);

#[async_trait]
impl RevertPreview for Previews {
    async fn try_revert(
        &self,
        _: &ChangeId,
        _: SignedDuration,
    ) -> Result<Option<RevertTrial>, ConnectorError> {
        (self.0)()
    }
}

struct Hooks;

impl RollbackWay for Hooks {
    fn action(&self, rollback: &Rollback<'_>) -> Option<Action> {
        Some(Action::CallHook(CallHook {
            hook: "deploys".into(),
            service: rollback.services[0].clone(),
            environment: rollback.environment.into(),
            from: rollback.from.into(),
            to: rollback.to.into(),
        }))
    }
}

fn trial(fit: RevertFit, later: usize) -> Result<Option<RevertTrial>, ConnectorError> {
    let commit = |n: usize| ChangeId::commit("shop", &format!("{n:040}")).unwrap();
    Ok(Some(RevertTrial {
        repository: "shop".into(),
        commit: SHA.into(),
        branch: "main".into(),
        expected: Digest::of(b"files"),
        files: vec![],
        file_count: 1,
        fit,
        later: (0..later.min(20)).map(commit).collect(),
        later_count: later,
    }))
}

fn clean() -> Result<Option<RevertTrial>, ConnectorError> {
    trial(RevertFit::Clean, 0)
}

fn checkout() -> ServiceName {
    ServiceName::new("checkout").unwrap()
}

fn change(id: ChangeId, kind: ChangeKind) -> Change {
    Change {
        id,
        kind,
        source: SourceName::new("git:shop").unwrap(),
        services: vec![],
        environment: None,
        delivers: vec![],
        rollout: None,
        committed_at: at(-20),
        effective_at: at(-12),
        landed: Landed::Yes,
        author: Author { name: "Bob".into(), email: None, nature: Nature::Person },
        title: "Round totals".into(),
        body: "".into(),
        paths: Paths::Known(vec![PathChange {
            path: RepoPath::from("services/checkout/total.py"),
            lines: hearback_core::change::Lines::Counted { added: 1, deleted: 1 },
            moved_from: None,
        }]),
        revert: Revert::default(),
        review: Review::Unknown,
        link: None,
    }
}

fn lead() -> Lead {
    Lead {
        change: change(ChangeId::commit("shop", SHA).unwrap(), ChangeKind::Commit),
        rollout: None,
        along: vec![],
        along_count: 0,
        migrations: vec![],
        services: vec![checkout()],
        environment: None,
    }
}

/// A lead that a deploy of v12 brought, where v11 ran before.
fn deployed() -> Lead {
    let id = ChangeId::new("deploy:argocd:12").unwrap();
    let rollout = Change {
        environment: Some("production".into()),
        services: vec![checkout()],
        rollout: Some(Rollout { version: "v12".into(), before: Some("v11".into()) }),
        ..change(id, ChangeKind::Deploy)
    };
    let along = vec![ChangeId::commit("shop", &"7".repeat(40)).unwrap()];
    Lead { rollout: Some(rollout), along, along_count: 1, environment: Some("production".into()), ..lead() }
}

fn moved(kind: SignalKind, course: Course, strength: f64) -> MeasuredSeries {
    let level = |value| Level { value, spread: 0.1 };
    let onset = SeriesOnset {
        earliest: at(-1),
        latest: at(0),
        before: level(0.2),
        after: Some(level(14.0)),
        strength,
        direction: Direction::Up,
        course,
    };
    let signature = Signature { kind, onset, shape: Shape::Plateau, ratio: None, as_of: at(1) };
    MeasuredSeries {
        service: checkout(),
        query: String::new(),
        labels: Default::default(),
        signature,
        evidence: cited().evidence,
    }
}

fn answered(leads: Vec<Lead>, strength: Strength) -> Answered {
    let suspects = leads.iter().enumerate().map(|(place, lead)| {
        let mut one = suspect(place as u32 + 1, SHA, "Round totals", strength);
        one.change.id = lead.change.id.clone();
        one
    });
    let verdict = if strength == Strength::Strong { Verdict::LookHere } else { Verdict::CantTell };
    Answered {
        answer: answer(verdict, suspects.collect()),
        snapshots: vec![],
        standings: vec![],
        none_of_these: 0.1,
        leads,
        experts: Default::default(),
        moved: vec![
            moved(SignalKind::Saturation, Course::Holds, 900.0),
            moved(SignalKind::Errors, Course::Holds, 40.0),
        ],
    }
}

fn rule(push_to: PushTo) -> ProposingRule {
    ProposingRule {
        shortly: SignedDuration::from_mins(30),
        expires_after: SignedDuration::from_hours(1),
        recovers_within: SignedDuration::from_mins(30),
        push_to,
        budget: SignedDuration::from_secs(1),
    }
}

async fn weigh(room: &Room, found: &Answered, tried: Tried, push_to: PushTo) -> Weighed {
    let reverts: Vec<Arc<dyn RevertPreview>> = vec![Arc::new(Previews(tried))];
    let ways: Vec<Arc<dyn RollbackWay>> = vec![Arc::new(Hooks)];
    let rule = rule(push_to);
    let proposer = Proposer { ways: &ways, reverts: &reverts, targets: room.record.as_ref(), rule: &rule };
    proposer.weigh(&room.incident().await, found).await.unwrap()
}

/// What is written down about it, in words.
async fn told(room: &Room, weighed: &Weighed) -> String {
    match weighed.happening(&room.incident().await, at(2)) {
        None => "nothing".to_owned(),
        Some(Happening::NotProposed { why }) => format!("not proposed: {why}"),
        Some(Happening::Proposed(proposal)) => {
            let risks: Vec<String> = proposal.risks.iter().map(|risk| risk.says.clone()).collect();
            format!("{}; {}", proposal.action.says(), risks.join("; "))
        }
        other => panic!("{other:?}"),
    }
}

async fn check(found: &Answered, tried: Tried, expect: &str) {
    let room = Room::new().await;
    let weighed = weigh(&room, found, tried, PushTo::SameBranch).await;
    assert_eq!(told(&room, &weighed).await, expect);
}

const DEPLOYED: &str = "it takes effect when it is deployed, not when it is pushed";
const REVERT: &str = "revert 3f2a91c0aa on main of shop and push it there";

#[tokio::test]
async fn a_strong_suspect_that_can_be_undone_is_proposed_with_what_speaks_for_caution() {
    let strong = |lead| answered(vec![lead], Strength::Strong);
    check(&strong(lead()), clean, &format!("{REVERT}; {DEPLOYED}")).await;
    let later = "4 later commits touch the same files and may build on it: 0000000000, 0000000000, 0000000000, 1 more";
    check(&strong(lead()), || trial(RevertFit::Clean, 4), &format!("{REVERT}; {later}; {DEPLOYED}")).await;
    let migrates = Lead { migrations: vec!["db/migrate/7_totals.rb".into()], ..lead() };
    let migration = "a migration goes with it (db/migrate/7_totals.rb): the older code may not fit the data";
    check(&strong(migrates), clean, &format!("{REVERT}; {migration}; {DEPLOYED}")).await;
    let mut old = lead();
    old.change.effective_at = at(-3 * 24 * 60);
    check(&strong(old), clean, &format!("{REVERT}; {DEPLOYED}; it stood for 3 d; others may rely on it"))
        .await;
    let weak = answered(vec![lead()], Strength::Weak);
    check(&weak, clean, "nothing").await;
}

#[tokio::test]
async fn what_can_not_be_undone_is_said() {
    let strong = answered(vec![lead()], Strength::Strong);
    let cases: [(Tried, &str); 4] = [
        (
            || trial(RevertFit::Conflicts(vec![RepoPath::from("a.py"), RepoPath::from("b.py")]), 2),
            "3f2a91c0aa does not undo cleanly on main: a.py, b.py conflict. Do it by hand; roll forward only if the fix is \
             known and tested and the way back stays open",
        ),
        (|| trial(RevertFit::NothingLeft, 0), "nothing of 3f2a91c0aa is left to undo on main"),
        (
            || Err(ConnectorError::NotUsable("it is a merge".into())),
            "it could not be tried whether 3f2a91c0aa can be undone: it is a merge",
        ),
        (
            || Ok(None),
            "nothing is configured here that can undo 3f2a91c0aa; give its [[repository]] a `reverts` table, or add a \
             [[hook]]",
        ),
    ];
    for (tried, expect) in cases {
        check(&strong, tried, &format!("not proposed: {expect}")).await;
    }
}

#[tokio::test]
async fn a_rollout_is_taken_back_where_there_is_a_way() {
    let back = "bring checkout in production from v12 back to v11 (hook deploys)";
    let with = "1 other change goes with it: 7777777777";
    check(&answered(vec![deployed()], Strength::Strong), clean, &format!("{back}; {with}")).await;
    // Shortly before the onset, to an affected service, it is proposed even if nothing else speaks against it.
    check(&answered(vec![deployed()], Strength::Weak), clean, &format!("{back}; {with}")).await;
    let mut earlier = answered(vec![deployed()], Strength::Weak);
    earlier.answer.suspects[0].change.effective_at = at(-31);
    check(&earlier, clean, "nothing").await;
    let room = Room::new().await;
    let weighed = weigh(&room, &answered(vec![deployed()], Strength::Strong), clean, PushTo::OwnBranch).await;
    let Some(Happening::Proposed(proposal)) = weighed.happening(&room.incident().await, at(2)) else {
        panic!()
    };
    let Inverse::Action(inverse) = &proposal.inverse else { panic!("{:?}", proposal.inverse) };
    assert_eq!(inverse.says(), "bring checkout in production from v11 back to v12 (hook deploys)");
    assert!(proposal.because.iter().all(|support| support.origin == Origin::Member));
}

#[tokio::test]
async fn it_is_judged_by_what_users_feel_and_not_before_it_takes_effect() {
    let sign = |found: Answered, push_to| async move {
        let room = Room::new().await;
        let alert = Alert {
            fingerprint: "f1".into(),
            name: "CheckoutFailing".into(),
            service: Some(checkout()),
            summary: "".into(),
            started_at: at(0),
            link: None,
            runbook: None,
            level: None,
        };
        room.happens(
            0,
            Happening::AlertFired(Alert {
                fingerprint: "f0".into(),
                service: Some(ServiceName::new("search").unwrap()),
                ..alert.clone()
            }),
        )
        .await;
        room.happens(0, Happening::AlertFired(alert)).await;
        let weighed = weigh(&room, &found, clean, push_to).await;
        match weighed.happening(&room.incident().await, at(2)) {
            Some(Happening::Proposed(proposal)) => proposal.check.map(|check| match check.sign {
                RecoverySign::Signal { signal, .. } => signal.to_string(),
                RecoverySign::Alert { fingerprint, .. } => fingerprint,
            }),
            other => panic!("{other:?}"),
        }
    };
    let strong = || answered(vec![lead()], Strength::Strong);
    assert_eq!(sign(strong(), PushTo::SameBranch).await.as_deref(), Some("errors"));
    let over = Course::Over { since: at(1) };
    let with = |moved| Answered { moved, ..strong() };
    let full =
        with(vec![moved(SignalKind::Errors, over, 40.0), moved(SignalKind::Saturation, Course::Holds, 9.0)]);
    assert_eq!(sign(full, PushTo::SameBranch).await.as_deref(), Some("saturation"));
    assert_eq!(sign(with(vec![]), PushTo::SameBranch).await.as_deref(), Some("f1"), "of its own service");
    assert_eq!(sign(strong(), PushTo::OwnBranch).await, None, "a branch changes nothing yet");
}

#[tokio::test]
async fn the_same_is_proposed_once_while_it_is_open() {
    let found = answered(vec![lead()], Strength::Strong);
    let room = Room::new().await;
    let proposed = |minute| {
        let (room, found) = (&room, &found);
        async move {
            let weighed = weigh(room, found, clean, PushTo::OwnBranch).await;
            let what = weighed.happening(&room.incident().await, at(minute));
            if let Some(what) = what.clone() {
                room.happens(minute, what).await;
            }
            what.is_some()
        }
    };
    assert!(proposed(1).await);
    assert!(!proposed(2).await, "it waits");
    assert!(proposed(62).await, "the first expired");
    // Nothing else may say that nothing is proposed while it waits.
    let cannot = weigh(&room, &found, || Ok(None), PushTo::OwnBranch).await;
    assert_eq!(told(&room, &cannot).await, "nothing");
    let second = room.incident().await.proposals[&ProposalId::numbered(&room.id, 2)].proposal.clone();
    let decision = hearback_core::approval::Decision {
        proposal: second.id.clone(),
        digest: second.digest().unwrap(),
        verdict: Decided::Reject,
        why: "not now".into(),
    };
    let by = hearback_core::Actor::Person("Ana".into());
    room.happens_by(63, by, Happening::Decided { decision, denied: None }).await;
    assert!(!proposed(64).await, "it was just rejected");
    assert!(proposed(74).await, "that was a while ago");
    let third = ProposalId::numbered(&room.id, 3);
    let key = hearback_core::action::IdempotencyKey::of(&third, &Digest::of(b"x"));
    let started = Happening::ActionStarted {
        proposal: third.clone(),
        key,
        by: vec!["Ana".into()],
        glass_broken: false,
    };
    room.happens(75, started).await;
    assert!(!proposed(200).await, "it may be done");
    let outcome = Outcome::NotAsExpected { why: "the files changed".into() };
    room.happens(201, Happening::ActionFinished { proposal: third, outcome }).await;
    assert!(proposed(202).await, "for the target as it is now");
}

#[tokio::test]
async fn dismissed_suspects_and_stopped_targets_are_not_proposed() {
    let room = Room::new().await;
    let found = answered(vec![lead()], Strength::Strong);
    let target = hearback_core::Target::nearest("git:shop:main");
    let ended = Ended { proposal: ProposalId::numbered(&room.id, 9), at: at(0), how: End::Unknown };
    let step = Step::End { ended, limits: Limits::default() };
    room.record.step_target(&target, &step, at(0)).await.unwrap().unwrap();
    let stopped = weigh(&room, &found, clean, PushTo::SameBranch).await;
    assert_eq!(
        told(&room, &stopped).await,
        "not proposed: undoing 3f2a91c0aa must wait, for nobody knows whether INC-3.P9 was done. After a person has looked: \
         hearback target reset \"git:shop:main\""
    );
    let change = lead().change.id;
    room.happens(2, Happening::Dismissed { change }).await;
    let none = weigh(&room, &found, clean, PushTo::OwnBranch).await;
    assert_eq!(told(&room, &none).await, "not proposed: no strong suspect is left that can be undone");
}
