//! Leave to call a hook, as only the policy gives it.

use std::collections::{BTreeMap, BTreeSet};

use hearback_core::action::{Action, ActionKind, CallHook, Inverse, Proposal, Support};
use hearback_core::answer::Claim;
use hearback_core::approval::{
    ApprovalPolicy, ApprovedAction, Decided, Decision, Facts, InFreeze, KnownFreezes, MadeDecision, Person,
    Progress, Rule, approve,
};
use hearback_core::entry::Actor;
use hearback_core::evidence::{Citation, Origin};
use hearback_core::hash::Digest;
use hearback_core::ids::{EvidenceId, ProposalId, ServiceName};
use jiff::{SignedDuration, Timestamp};

pub fn at() -> Timestamp {
    "2026-11-23T14:00:00Z".parse().unwrap()
}

/// Cart in production from one version to another, by the hook `deploys`.
pub fn bring(from: &str, to: &str) -> Action {
    Action::CallHook(CallHook {
        hook: "deploys".into(),
        service: ServiceName::new("cart").unwrap(),
        environment: "production".into(),
        from: from.into(),
        to: to.into(),
    })
}

/// The leave of Ana to do `action`, as the incident's proposal number `number`.
pub fn approved(action: &Action, number: u32) -> ApprovedAction {
    let evidence = EvidenceId(Digest::of(b"series"));
    let proposal = Proposal {
        id: ProposalId::new(format!("INC-3.P{number}")).unwrap(),
        action: action.clone(),
        services: vec![],
        environment: None,
        why: Claim::new("errors rose 2 min after it", vec![Citation::of(evidence)]).unwrap(),
        because: vec![Support { evidence, origin: Origin::System }],
        risks: vec![],
        inverse: Inverse::KnownWhenDone { says: "the other way round".into() },
        check: None,
        asked_by: Actor::hearback(),
        proposed_at: at(),
        expires_at: at().checked_add(SignedDuration::from_mins(30)).unwrap(),
    };
    let groups = BTreeSet::from(["sre".to_owned()]);
    let rule = Rule {
        actions: BTreeSet::from([ActionKind::CallHook]),
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
    let people = vec![Person { name: "Ana".into(), chat: vec![], groups }];
    let digest = proposal.digest().unwrap();
    let decision =
        Decision { proposal: proposal.id.clone(), digest, verdict: Decided::Approve, why: "".into() };
    let facts = Facts {
        proposal: &proposal,
        progress: Progress::Waiting,
        decisions: &[MadeDecision { decision, by: Actor::Person("Ana".into()), at: at() }],
        roles: &BTreeMap::new(),
        tiers: &BTreeMap::new(),
        freezes: &KnownFreezes::All(vec![]),
    };
    approve(&facts, &ApprovalPolicy { people, rules: vec![rule] }, at()).unwrap()
}
