//! Leave to do an action, as only the policy gives it; and the executor of the repository that the fake has.

use std::collections::{BTreeMap, BTreeSet};

use hearback_core::action::{Action, ActionKind, IdempotencyKey, Inverse, Outcome, Proposal, Support};
use hearback_core::answer::Claim;
use hearback_core::approval::{
    ApprovalPolicy, ApprovedAction, Decided, Decision, Facts, InFreeze, KnownFreezes, MadeDecision, Person,
    Progress, Rule, approve,
};
use hearback_core::entry::Actor;
use hearback_core::evidence::{Citation, Origin};
use hearback_core::hash::Digest;
use hearback_core::ids::{EvidenceId, ProposalId};
use hearback_core::ports::{ActionExecutor as _, Rehearsal};
use hearback_github::{GithubActions, GithubOptions, RedeployWay};
use jiff::SignedDuration;

use super::fake::Fake;
use super::{at, options};

fn proposal(action: &Action) -> Proposal {
    let evidence = EvidenceId(Digest::of(b"series"));
    Proposal {
        id: ProposalId::new("INC-3.P1").unwrap(),
        action: action.clone(),
        services: vec![],
        environment: None,
        why: Claim::new("errors rose 2 min after it", vec![Citation::of(evidence)]).unwrap(),
        because: vec![Support { evidence, origin: Origin::System }],
        risks: vec![],
        inverse: Inverse::KnownWhenDone { says: "close it".into() },
        check: None,
        asked_by: Actor::hearback(),
        proposed_at: at("14:30"),
        expires_at: at("15:00"),
    }
}

/// The key of the approval of `action`.
pub fn key(action: &Action) -> IdempotencyKey {
    let proposal = proposal(action);
    IdempotencyKey::of(&proposal.id, &proposal.digest().unwrap())
}

/// Ana's leave to do it.
fn approved(action: &Action) -> ApprovedAction {
    let proposal = proposal(action);
    let groups = BTreeSet::from(["sre".to_owned()]);
    let rule = Rule {
        actions: BTreeSet::from([ActionKind::OpenPullRequest, ActionKind::Redeploy]),
        services: BTreeSet::new(),
        tiers: BTreeSet::new(),
        environments: vec![],
        groups: groups.clone(),
        roles: BTreeSet::new(),
        approvals: 1,
        self_approval: false,
        in_freeze: InFreeze::Refuse,
        break_glass: BTreeSet::new(),
    };
    let policy = ApprovalPolicy {
        people: vec![Person { name: "Ana".into(), chat: vec![], groups }],
        rules: vec![rule],
    };
    let decision = Decision {
        proposal: proposal.id.clone(),
        digest: proposal.digest().unwrap(),
        verdict: Decided::Approve,
        why: "".into(),
    };
    let facts = Facts {
        proposal: &proposal,
        progress: Progress::Waiting,
        decisions: &[MadeDecision { decision, by: Actor::Person("Ana".into()), at: at("14:31") }],
        roles: &BTreeMap::new(),
        tiers: &BTreeMap::new(),
        freezes: &KnownFreezes::All(vec![]),
    };
    approve(&facts, &policy, at("14:31")).unwrap()
}

/// The executor of the repository, which is called "shop" here.
pub fn actions(fake: &Fake, ways: Vec<RedeployWay>) -> GithubActions {
    actions_with(options(fake), ways)
}

pub fn actions_with(options: GithubOptions, ways: Vec<RedeployWay>) -> GithubActions {
    GithubActions::new("octo/checkout".parse().unwrap(), "shop", options, ways).unwrap()
}

/// Does it within twenty seconds; no request may break the contract.
pub async fn execute(fake: &Fake, actions: &GithubActions, action: &Action) -> Outcome {
    execute_within(fake, actions, action, SignedDuration::from_secs(20)).await
}

pub async fn execute_within(
    fake: &Fake,
    actions: &GithubActions,
    action: &Action,
    budget: SignedDuration,
) -> Outcome {
    let outcome = actions.execute(approved(action), at("14:32"), budget).await;
    fake.assert_kept_the_contract();
    outcome
}

/// Rehearses it: nothing may be written.
pub async fn rehearse(fake: &Fake, actions: &GithubActions, action: &Action) -> Rehearsal {
    let before = fake.writes().len();
    let rehearsal = actions.rehearse(action, SignedDuration::from_secs(20)).await.unwrap();
    fake.assert_kept_the_contract();
    assert_eq!(fake.writes().len(), before);
    rehearsal
}

/// Why it was not done, as the target was not as it should be.
pub fn not_as_expected(outcome: Outcome) -> String {
    match outcome {
        Outcome::NotAsExpected { why } => why,
        other => panic!("{other:?}"),
    }
}
