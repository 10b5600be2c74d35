//! Who may approve what, cell by cell.

use jiff::SignedDuration;

use super::*;
use crate::action::{CallHook, RevertCommit, Support};
use crate::answer::Claim;
use crate::evidence::Citation;
use crate::ids::EvidenceId;
use crate::time::Window;

const POLICY: &str = r#"{
    "person": [
        {"name": "Ana", "groups": ["sre"], "chat": ["slack:T1:U1"]},
        {"name": "Ben", "groups": ["sre"], "chat": ["slack:T1:U2", "slack:T1:U9"]},
        {"name": "Cleo", "groups": ["leads"], "chat": ["slack:T1:U9"]},
        {"name": "Dora"}
    ],
    "rule": [
        {"actions": ["revert_commit"], "groups": ["sre"], "roles": ["incident_commander"],
         "approvals": 1, "break_glass": ["leads"]}
    ]
}"#;

pub(super) fn policy() -> ApprovalPolicy {
    serde_json::from_str(POLICY).unwrap()
}

pub(super) fn start() -> Timestamp {
    "2026-11-26T03:00:00Z".parse().unwrap()
}

pub(super) fn after(minutes: i64) -> Timestamp {
    start().checked_add(SignedDuration::from_mins(minutes)).unwrap()
}

pub(super) fn service(name: &str) -> ServiceName {
    ServiceName::new(name).unwrap()
}

pub(super) fn proposal() -> Proposal {
    let evidence = EvidenceId(Digest::of(b"series"));
    Proposal {
        id: ProposalId::new("INC-3.P1").unwrap(),
        action: Action::RevertCommit(RevertCommit {
            repository: "checkout".into(),
            commit: "3f2a91c0aa3f2a91c0aa3f2a91c0aa3f2a91c0aa".into(),
            branch: "main".into(),
            push_to: "hearback/INC-3".into(),
            expected: Digest::of(b"files"),
        }),
        services: vec![service("checkout")],
        environment: Some("production".into()),
        why: Claim::new("errors rose 2 min after it", vec![Citation::of(evidence)]).unwrap(),
        because: vec![Support { evidence, origin: Origin::System }],
        risks: vec![],
        inverse: Inverse::KnownWhenDone { says: "revert the revert".into() },
        check: None,
        asked_by: Actor::hearback(),
        proposed_at: start(),
        expires_at: after(30),
    }
}

pub(super) fn call() -> Action {
    Action::CallHook(CallHook {
        hook: "deploys".into(),
        service: service("checkout"),
        environment: "production".into(),
        from: "v12".into(),
        to: "v11".into(),
    })
}

pub(super) fn freeze(services: &[&str], environments: &[&str]) -> KnownFreezes {
    KnownFreezes::All(vec![Freeze {
        name: "weekend".into(),
        window: Window { from: start(), until: after(600) },
        services: services.iter().map(|name| service(name)).collect(),
        environments: environments.iter().map(|name| (*name).to_owned()).collect(),
    }])
}

fn said(by: &str, verdict: Decided, why: &str, proposal: &Proposal) -> MadeDecision {
    let digest = proposal.digest().unwrap();
    let decision = Decision { proposal: proposal.id.clone(), digest, verdict, why: why.into() };
    MadeDecision { decision, by: Actor::Person(by.into()), at: after(5) }
}

fn yes(by: &str, proposal: &Proposal) -> MadeDecision {
    said(by, Decided::Approve, "", proposal)
}

/// A situation that can be changed before it is decided on.
struct Case {
    policy: ApprovalPolicy,
    proposal: Proposal,
    progress: Progress,
    decisions: Vec<MadeDecision>,
    roles: BTreeMap<Role, ExternalText>,
    tiers: BTreeMap<ServiceName, u8>,
    freezes: KnownFreezes,
    now: Timestamp,
}

impl Case {
    fn new() -> Self {
        let proposal = proposal();
        Case {
            policy: policy(),
            decisions: vec![yes("Ana", &proposal)],
            proposal,
            progress: Progress::Waiting,
            roles: BTreeMap::new(),
            tiers: BTreeMap::new(),
            freezes: KnownFreezes::All(vec![]),
            now: after(6),
        }
    }

    fn decide(&self) -> Result<ApprovedAction, Denied> {
        let facts = Facts {
            proposal: &self.proposal,
            progress: self.progress,
            decisions: &self.decisions,
            roles: &self.roles,
            tiers: &self.tiers,
            freezes: &self.freezes,
        };
        approve(&facts, &self.policy, self.now)
    }
}

/// Changes the base situation, in which Ana of the group sre approves, and says what comes of it.
fn check(expect: &str, change: impl FnOnce(&mut Case)) {
    let mut case = Case::new();
    change(&mut case);
    let came = match case.decide() {
        Ok(approved) => {
            let glass = if approved.glass_broken() { ", glass broken" } else { "" };
            format!("by {}{glass}", approved.by().join(" and "))
        }
        Err(denied) => denied.to_string(),
    };
    assert_eq!(came, expect);
}

#[test]
fn what_is_approved_is_what_is_stored() {
    let case = Case::new();
    let approved = case.decide().unwrap();
    assert_eq!(approved.action(), &case.proposal.action);
    assert_eq!(approved.proposal(), &case.proposal.id);
    assert_eq!(approved.key(), &IdempotencyKey::of(&case.proposal.id, &case.proposal.digest().unwrap()));
}

#[test]
fn any_doubt_is_a_refusal() {
    check("by Ana", |_| {});
    check(
        "nobody may approve: there is no policy; write one (config/policy.example.toml shows how)",
        |case| {
            case.policy = ApprovalPolicy::default();
        },
    );
    check("INC-3.P1 was started already; it is done once", |case| case.progress = Progress::Started);
    check(
        "an entry of the record that may be about it can't be read; update hearback, or ask again for a proposal in a \
         new incident",
        |case| case.progress = Progress::Unknown,
    );
    check("it expired at 2026-11-26 03:30:00Z; ask again what changed for a new one", |case| {
        case.now = after(30);
    });
    check("by Ana", |case| case.now = after(29));
    check("the clock of this machine is behind the record; set it right", |case| case.now = after(-1));
    check("the clock of this machine is behind the record; set it right", |case| case.now = after(4));
    check("by Ana", |case| case.now = after(5));
    let decided_at = |case: &mut Case, minute| {
        case.decisions[0].at = after(minute);
        case.now = after(minute);
    };
    check("the clock of this machine is behind the record; set it right", |case| decided_at(case, -1));
    check("by Ana", |case| decided_at(case, 0));
    check("nobody approved it yet", |case| case.decisions.clear());
    check("a program decides nothing; a person must", |case| {
        case.decisions.iter_mut().for_each(|made| made.by = Actor::hearback());
    });
    // What a program says last sets nothing off, whatever a person said before.
    for verdict in [Decided::Approve, Decided::Reject, Decided::BreakGlass] {
        check("a program decides nothing; a person must", |case| {
            let last = said("Ana", verdict, "why", &case.proposal);
            case.decisions.push(MadeDecision { by: Actor::System("ci".into()), ..last });
        });
    }
    check("by Ana", |case| {
        let first = said("Ana", Decided::Reject, "why", &case.proposal);
        case.decisions.insert(0, MadeDecision { by: Actor::System("ci".into()), ..first });
    });
    check("nobody approved it yet", |case| {
        let other = ProposalId::new("INC-3.P2").unwrap();
        case.decisions.iter_mut().for_each(|made| made.decision.proposal = other.clone());
    });
    check("what Ana saw is not what is proposed now; look at it again and approve that", |case| {
        case.proposal.risks.clear();
        case.proposal.environment = None;
    });
    let outsiders = "it rests only on text that anybody could have written; find evidence of your own first";
    check(outsiders, |case| {
        case.proposal.because.iter_mut().for_each(|support| support.origin = Origin::Outsider);
        case.decisions = vec![yes("Ana", &case.proposal)];
    });
    check(outsiders, |case| {
        case.proposal.because.clear();
        case.decisions = vec![yes("Ana", &case.proposal)];
    });
    check("by Ana", |case| {
        let outsider = Support { origin: Origin::Outsider, ..case.proposal.because[0] };
        case.proposal.because.push(outsider);
        case.decisions = vec![yes("Ana", &case.proposal)];
    });
}

#[test]
fn who_may_is_told_by_groups_and_roles() {
    let nope = "Dora may not approve it; who may: group sre, the incident commander";
    check(nope, |case| case.decisions = vec![yes("Dora", &case.proposal)]);
    check("by Dora", |case| {
        case.decisions = vec![yes("Dora", &case.proposal)];
        case.roles.insert(Role::IncidentCommander, "Dora".into());
    });
    check(nope, |case| {
        case.decisions = vec![yes("Dora", &case.proposal)];
        case.roles.insert(Role::Scribe, "Dora".into());
    });
    // A display name that only looks like one of the policy's is somebody else.
    for name in ["dora", "Dora ", "D\u{200b}ora", "Eve"] {
        let told = ExternalText::new(name).as_untrusted().to_owned();
        check(&format!("{told} is not in the policy; ask who wrote it to add them"), |case| {
            case.decisions = vec![yes(name, &case.proposal)];
            case.roles.insert(Role::IncidentCommander, name.into());
        });
    }
    // The latest one is told about themselves, and their press starts nothing that others wanted.
    check(nope, |case| case.decisions.push(yes("Dora", &case.proposal)));
    check("Dora may not approve it; the rule names nobody who may", |case| {
        case.policy.rules[0].groups.clear();
        case.policy.rules[0].roles.clear();
        case.decisions = vec![yes("Dora", &case.proposal)];
    });
}

#[test]
fn nobody_approves_what_they_asked_for_unless_the_rule_says_so() {
    let mine = |case: &mut Case, lets: bool| {
        case.policy.rules[0].self_approval = lets;
        case.proposal.asked_by = Actor::Person("Ana".into());
        case.decisions = vec![yes("Ana", &case.proposal)];
    };
    check("Ana asked for it and may not approve it; somebody else must", |case| mine(case, false));
    check("by Ana", |case| mine(case, true));
    check("by Ben", |case| {
        mine(case, false);
        case.decisions = vec![yes("Ben", &case.proposal)];
    });
}

#[test]
fn tier_one_and_what_can_not_be_taken_back_need_two() {
    let one_of_two = "1 of 2 approvals; who may: group sre, the incident commander";
    let tier = |case: &mut Case, tier: u8| {
        case.tiers.insert(service("checkout"), tier);
    };
    check(one_of_two, |case| tier(case, 1));
    check("by Ana", |case| tier(case, 2));
    check("by Ana and Ben", |case| {
        tier(case, 1);
        case.decisions.push(yes("Ben", &case.proposal));
    });
    check(one_of_two, |case| {
        tier(case, 1);
        case.decisions.push(yes("Ana", &case.proposal));
    });
    let for_good = |case: &mut Case| {
        case.proposal.inverse = Inverse::Nothing;
        case.decisions = vec![yes("Ana", &case.proposal)];
    };
    check(one_of_two, for_good);
    check("by Ana and Ben", |case| {
        for_good(case);
        case.decisions.push(yes("Ben", &case.proposal));
    });
    check("2 of 3 approvals; who may: group sre, the incident commander", |case| {
        case.policy.rules[0].approvals = 3;
        case.decisions.push(yes("Ben", &case.proposal));
    });
    // What somebody approved who may not does not count.
    check(one_of_two, |case| {
        tier(case, 1);
        case.decisions.insert(0, yes("Dora", &case.proposal));
    });
    // Nor what was approved in another wording.
    check(one_of_two, |case| {
        tier(case, 1);
        let mut other = case.proposal.clone();
        other.environment = None;
        case.decisions.insert(0, yes("Ben", &other));
    });
    check("by Ana", |case| case.policy.rules[0].approvals = 0);
}

#[test]
fn a_rejection_is_final() {
    let no = |by: &str, case: &Case| said(by, Decided::Reject, "it is the cache\nnot this", &case.proposal);
    let rejected = "Ben rejected it: it is the cache not this; a new proposal is needed";
    check(rejected, |case| case.decisions.push(no("Ben", case)));
    check(rejected, |case| case.decisions.insert(0, no("Ben", case)));
    check(rejected, |case| {
        case.decisions.push(no("Ben", case));
        case.decisions.push(said("Cleo", Decided::BreakGlass, "revenue is at zero", &case.proposal));
    });
    check(rejected, |case| {
        let mut other = case.proposal.clone();
        other.environment = None;
        let decision = no("Ben", case).decision;
        let digest = other.digest().unwrap();
        case.decisions.push(MadeDecision { decision: Decision { digest, ..decision }, ..no("Ben", case) });
    });
    check("by Ana", |case| case.decisions.insert(0, no("Eve", case)));
}

#[test]
fn a_freeze_holds_unless_the_rule_lets_it_pass() {
    let frozen = "the change freeze \"weekend\" holds; wait, or break the glass with a reason";
    check(frozen, |case| case.freezes = freeze(&[], &[]));
    check(frozen, |case| case.freezes = freeze(&["checkout"], &["prod"]));
    check("by Ana", |case| case.freezes = freeze(&["cart"], &[]));
    check("by Ana", |case| case.freezes = freeze(&[], &["staging"]));
    check("by Ana", |case| {
        case.freezes = freeze(&[], &[]);
        case.policy.rules[0].in_freeze = InFreeze::Allow;
    });
    check("by Ana", |case| {
        if let KnownFreezes::All(freezes) = &mut freeze(&[], &[]) {
            freezes[0].window.until = case.now;
            case.freezes = KnownFreezes::All(freezes.clone());
        }
    });
    // What is not known of the action is no way round a freeze.
    let unknown = |case: &mut Case| {
        case.proposal.services.clear();
        case.proposal.environment = None;
        case.decisions = vec![yes("Ana", &case.proposal)];
        case.freezes = freeze(&["cart"], &["staging"]);
    };
    check(frozen, unknown);
    let away = "it can't be told whether a change freeze holds (calendar: no answer); mend that, or break the glass \
                with a reason";
    check(away, |case| case.freezes = KnownFreezes::Unknown("calendar: no answer".into()));
    check("by Ana", |case| {
        case.freezes = KnownFreezes::Unknown("calendar: no answer".into());
        case.policy.rules[0].in_freeze = InFreeze::Allow;
    });
}

#[test]
fn the_glass_is_broken_by_who_may_and_with_a_reason() {
    let breaks = |by: &str, why: &str, case: &Case| said(by, Decided::BreakGlass, why, &case.proposal);
    let grave = |case: &mut Case| {
        case.tiers.insert(service("checkout"), 1);
        case.freezes = freeze(&[], &[]);
    };
    check("by Cleo, glass broken", |case| {
        grave(case);
        case.decisions.push(breaks("Cleo", "revenue is at zero", case));
    });
    check("breaking the glass takes a reason that everybody will hear; say why", |case| {
        case.decisions.push(breaks("Cleo", " \n", case));
    });
    check("Ana may not approve it; who may break the glass: leads", |case| {
        case.decisions.push(breaks("Ana", "now", case));
    });
    check("Ana may not approve it; nobody may break the glass here", |case| {
        case.policy.rules[0].break_glass.clear();
        case.decisions.push(breaks("Ana", "now", case));
    });
    check("Eve is not in the policy; ask who wrote it to add them", |case| {
        case.decisions.push(breaks("Eve", "now", case));
    });
    // Glass is no way round what it is not for.
    check("it expired at 2026-11-26 03:30:00Z; ask again what changed for a new one", |case| {
        case.decisions.push(breaks("Cleo", "revenue is at zero", case));
        case.now = after(31);
    });
    check("INC-3.P1 was started already; it is done once", |case| {
        case.decisions.push(breaks("Cleo", "revenue is at zero", case));
        case.progress = Progress::Started;
    });
    check("what Cleo saw is not what is proposed now; look at it again and approve that", |case| {
        case.decisions = vec![breaks("Cleo", "revenue is at zero", case)];
        case.proposal.environment = None;
    });
    // Who may break the glass is no approver for that.
    check("Cleo may not approve it; who may: group sre, the incident commander", |case| {
        case.decisions.push(yes("Cleo", &case.proposal));
    });
    // A glass broken before does not count as an approval of the one who comes after.
    check("1 of 2 approvals; who may: group sre, the incident commander", |case| {
        case.tiers.insert(service("checkout"), 1);
        case.decisions.insert(0, breaks("Ben", "now", case));
    });
}

#[test]
fn for_each_service_the_first_rule_that_fits_counts() {
    let rule = |text: &str| serde_json::from_str::<Rule>(text).unwrap();
    let any = r#"{"actions": ["revert_commit"], "groups": ["sre"]}"#;
    let only = |what: &str| {
        rule(&format!(r#"{{"actions": ["revert_commit", "call_hook"], "groups": ["leads"], {what}}}"#))
    };
    assert_eq!(rule(any).approvals, 1, "one, unless the rule says more");
    let leads = "Ana may not approve it; who may: group leads";
    let with = |case: &mut Case, first: Rule| case.policy.rules = vec![first, rule(any)];
    let touching = |case: &mut Case, services: &[&str]| {
        case.proposal.services = services.iter().map(|name| service(name)).collect();
        case.decisions = vec![yes("Ana", &case.proposal)];
    };

    check("no rule of the policy covers call_hook here; add one to let it be approved", |case| {
        case.proposal.action = call();
        case.decisions = vec![yes("Ana", &case.proposal)];
    });
    check(leads, |case| with(case, only(r#""services": ["checkout"]"#)));
    check("by Ana", |case| with(case, only(r#""services": ["cart"]"#)));
    // One of several services is enough to need its rule, and none that is known may be any.
    check(leads, |case| {
        with(case, only(r#""services": ["cart"]"#));
        touching(case, &["checkout", "cart"]);
    });
    check(leads, |case| {
        with(case, only(r#""services": ["cart"]"#));
        touching(case, &[]);
    });
    check(leads, |case| {
        with(case, only(r#""tiers": [1, 2]"#));
        case.tiers.insert(service("checkout"), 2);
    });
    check("by Ana", |case| {
        with(case, only(r#""tiers": [1, 2]"#));
        case.tiers.insert(service("checkout"), 3);
    });
    check(leads, |case| with(case, only(r#""tiers": [1, 2]"#)));
    check(leads, |case| with(case, only(r#""environments": ["prod"]"#)));
    check("by Ana", |case| with(case, only(r#""environments": ["staging"]"#)));
    check(leads, |case| {
        with(case, only(r#""environments": ["staging"]"#));
        case.proposal.environment = None;
        case.decisions = vec![yes("Ana", &case.proposal)];
    });
    // Where two rules count, each has its own people.
    check("by Ana and Cleo", |case| {
        with(case, only(r#""services": ["cart"]"#));
        case.policy.people[2].groups.insert("sre".into());
        touching(case, &["checkout", "cart"]);
        case.decisions.push(yes("Cleo", &case.proposal));
    });
    // A later rule does not help where a service has none.
    check("no rule of the policy covers revert_commit here; add one to let it be approved", |case| {
        case.policy.rules = vec![only(r#""services": ["cart"]"#)];
        touching(case, &["checkout", "cart"]);
    });
    // A rule after the one that fits is not asked.
    check("by Ana", |case| case.policy.rules = vec![rule(any), only(r#""services": ["checkout"]"#)]);
}

#[test]
fn an_account_in_chat_is_one_person_or_nobody() {
    let policy = policy();
    let who = |user: &str| policy.in_chat(&ChatUserId::new(user).unwrap()).map(|person| person.name.clone());
    assert_eq!(who("slack:T1:U1").as_deref(), Some("Ana"));
    assert_eq!(who("slack:T1:U2").as_deref(), Some("Ben"));
    assert_eq!(who("slack:T1:U9"), None, "two people claim it");
    assert_eq!(who("slack:T2:U1"), None, "another workspace");
}
