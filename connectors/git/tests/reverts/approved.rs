//! Leave to do an action, as only the policy gives it.

use std::collections::{BTreeMap, BTreeSet};

use hearback_core::action::{Action, ActionKind, Inverse, Proposal, Support};
use hearback_core::answer::Claim;
use hearback_core::approval::{
    ApprovalPolicy, ApprovedAction, Decided, Decision, Facts, InFreeze, KnownFreezes, MadeDecision, Person,
    Progress, Rule, approve,
};
use hearback_core::entry::Actor;
use hearback_core::evidence::{Citation, Origin};
use hearback_core::hash::Digest;
use hearback_core::ids::{EvidenceId, ProposalId};
use jiff::{SignedDuration, Timestamp};

use crate::world::at;

/// The leave of these people to do `action`, as proposal `id`.
pub fn approved_by(action: &Action, id: &str, people: &[&str]) -> ApprovedAction {
    let evidence = EvidenceId(Digest::of(b"series"));
    let now: Timestamp = at(0);
    let proposal = Proposal {
        id: ProposalId::new(id).unwrap(),
        action: action.clone(),
        services: vec![],
        environment: None,
        why: Claim::new("errors rose 2 min after it", vec![Citation::of(evidence)]).unwrap(),
        because: vec![Support { evidence, origin: Origin::System }],
        risks: vec![],
        inverse: Inverse::KnownWhenDone { says: "revert the revert".into() },
        check: None,
        asked_by: Actor::hearback(),
        proposed_at: now,
        expires_at: now.checked_add(SignedDuration::from_mins(30)).unwrap(),
    };
    let groups = BTreeSet::from(["sre".to_owned()]);
    let person = |name: &&str| Person { name: (*name).to_owned(), chat: vec![], groups: groups.clone() };
    let policy = ApprovalPolicy {
        people: people.iter().map(person).collect(),
        rules: vec![Rule {
            actions: BTreeSet::from([ActionKind::RevertCommit, ActionKind::PushPatch]),
            services: BTreeSet::new(),
            tiers: BTreeSet::new(),
            environments: vec![],
            groups: groups.clone(),
            roles: BTreeSet::new(),
            approvals: 1,
            self_approval: false,
            in_freeze: InFreeze::Refuse,
            break_glass: BTreeSet::new(),
        }],
    };
    let digest = proposal.digest().unwrap();
    let decision =
        Decision { proposal: proposal.id.clone(), digest, verdict: Decided::Approve, why: "".into() };
    let decisions: Vec<MadeDecision> = people
        .iter()
        .map(|name| MadeDecision { decision: decision.clone(), by: Actor::Person((*name).into()), at: now })
        .collect();
    let facts = Facts {
        proposal: &proposal,
        progress: Progress::Waiting,
        decisions: &decisions,
        roles: &BTreeMap::new(),
        tiers: &BTreeMap::new(),
        freezes: &KnownFreezes::All(vec![]),
    };
    approve(&facts, &policy, now).unwrap()
}

pub fn approved(action: &Action) -> ApprovedAction {
    approved_by(action, "INC-3.P1", &["Ana"])
}
