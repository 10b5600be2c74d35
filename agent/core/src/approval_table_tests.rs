//! The table of approval: every combination of what a decision depends on, against rules that are written down here once
//! more, in the order in which they are told.

use super::tests::{after, call, freeze, policy, proposal, service, start};
use super::*;
use crate::action::Support;
use crate::ids::Target;
use crate::target::{End, Ended, Lease, Limits, Step, TargetState};

/// Which rules there are.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Policy {
    None,
    OfOtherActions,
    Fits,
}

/// When it is decided.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Time {
    ClockIsBehind,
    Open,
    Expired,
}

/// Who decides: Ana is in the group, Cleo may break the glass, Dora may neither, Eve is not in the policy. A program may
/// decide nothing, nor set off what Ben decided before.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Who {
    Ana,
    Cleo,
    Dora,
    DoraCommands,
    Eve,
    Program,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Says {
    Approve,
    Glass,
    GlassWithoutReason,
    Reject,
}

/// Who asked for the proposal.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Asked {
    Another,
    Themselves,
    ThemselvesAndTheRuleLets,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Frozen {
    No,
    ElsewhereOnly,
    Yes,
    YesButTheRuleLets,
    Unknown,
}

/// How many must approve, and whether Ben did before.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Quorum {
    One,
    TwoByTheRule,
    TwoByTheTier,
    TwoBecauseForGood,
    TwoAndBenDid,
    TwoAndBenApprovedOtherWords,
}

/// Who rejected it before.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rejected {
    Nobody,
    Ben,
    AStranger,
}

/// What is known of the target.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Held {
    Free,
    ByAnother,
    ByAnotherUntilNow,
    UntilAPersonLooks,
    ByTheHour,
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    policy: Policy,
    progress: Progress,
    digest_fits: bool,
    time: Time,
    who: Who,
    says: Says,
    asked: Asked,
    frozen: Frozen,
    quorum: Quorum,
    rejected: Rejected,
    only_outsiders: bool,
}

/// What is expected, for people to read; the first that holds is told.
fn expected(cell: Cell) -> &'static str {
    let Cell { who, says, quorum, .. } = cell;
    let is_person = who != Who::Eve;
    let breaks_glass = matches!(says, Says::Glass | Says::GlassWithoutReason);
    let may_break = who == Who::Cleo;
    let may_approve = matches!(who, Who::Ana | Who::DoraCommands) && says == Says::Approve;
    let told = [
        (cell.policy == Policy::None, "no policy"),
        (cell.progress == Progress::Started, "started"),
        (cell.progress == Progress::Unknown, "unreadable"),
        (who == Who::Program, "not a person"),
        (cell.rejected == Rejected::Ben || (says == Says::Reject && is_person), "rejected"),
        (cell.time == Time::ClockIsBehind, "clock is behind"),
        (cell.time == Time::Expired, "expired"),
        (cell.only_outsiders, "only outsiders"),
        (cell.policy == Policy::OfOtherActions, "no rule"),
        (!cell.digest_fits, "other digest"),
        (breaks_glass && !is_person, "stranger"),
        (breaks_glass && !may_break, "not allowed"),
        (says == Says::GlassWithoutReason, "no reason"),
        (breaks_glass, "glass broken"),
        (cell.frozen == Frozen::Yes, "frozen"),
        (cell.frozen == Frozen::Unknown, "freezes unknown"),
        (!is_person, "stranger"),
        (!may_approve, "not allowed"),
        (cell.asked == Asked::Themselves, "own proposal"),
        (!matches!(quorum, Quorum::One | Quorum::TwoAndBenDid), "too few"),
        (quorum == Quorum::TwoAndBenDid, "by two"),
    ];
    told.iter().find(|(holds, _)| *holds).map_or("by one", |(_, what)| what)
}

/// What came, in the same words.
fn came(decided: &Result<ApprovedAction, Denied>) -> &'static str {
    match decided {
        Ok(approved) => match (approved.glass_broken(), approved.by().len()) {
            (true, 1) => "glass broken",
            (false, 1) => "by one",
            (false, 2) => "by two",
            _ => "by a crowd",
        },
        Err(denied) => match denied {
            Denied::NoPolicy => "no policy",
            Denied::Started(_) => "started",
            Denied::Unreadable => "unreadable",
            Denied::Rejected { .. } => "rejected",
            Denied::Expired(_) => "expired",
            Denied::ClockIsBehind => "clock is behind",
            Denied::OnlyOutsiders => "only outsiders",
            Denied::NotDecided => "not decided",
            Denied::NotAPerson => "not a person",
            Denied::Over(_) => "over",
            Denied::OtherDigest(_) => "other digest",
            Denied::NoRule(_) => "no rule",
            Denied::Frozen(_) => "frozen",
            Denied::FreezesUnknown(_) => "freezes unknown",
            Denied::Stranger(_) => "stranger",
            Denied::NotAllowed { .. } => "not allowed",
            Denied::OwnProposal(_) => "own proposal",
            Denied::TooFew { .. } => "too few",
            Denied::NoReason => "no reason",
            Denied::NoDigest(_) => "no digest",
        },
    }
}

/// A proposal as it is stored, its digest, and that of the same one in other words.
struct Paper {
    stored: Proposal,
    digest: Digest,
    other_words: Digest,
}

/// By who asked, whether it is for good, and whether outsiders alone support it: a digest takes longer than all the rest,
/// and is made once for each.
type Papers = BTreeMap<(Option<&'static str>, bool, bool), Paper>;

fn paper(asked_by: Option<&str>, is_for_good: bool, only_outsiders: bool) -> Paper {
    let mut stored = proposal();
    if let Some(name) = asked_by {
        stored.asked_by = Actor::Person(name.into());
    }
    if is_for_good {
        stored.inverse = Inverse::Nothing;
    }
    if only_outsiders {
        let outsider = |support: &mut Support| support.origin = Origin::Outsider;
        stored.because.iter_mut().for_each(outsider);
    }
    let digest = stored.digest().unwrap();
    let other_words = Proposal { environment: None, ..stored.clone() }.digest().unwrap();
    Paper { stored, digest, other_words }
}

fn decide(cell: Cell, papers: &mut Papers, base: &ApprovalPolicy) -> Result<ApprovedAction, Denied> {
    let Cell { quorum, asked, only_outsiders, .. } = cell;
    let name = match cell.who {
        Who::Ana => "Ana",
        Who::Cleo => "Cleo",
        Who::Dora | Who::DoraCommands => "Dora",
        Who::Eve => "Eve",
        Who::Program => "hearback",
    };
    let actor = |name: &str| match name {
        "hearback" => Actor::hearback(),
        person => Actor::Person(person.into()),
    };
    let asked_by = (asked != Asked::Another).then_some(name);
    let is_for_good = quorum == Quorum::TwoBecauseForGood;
    let Paper { stored, digest, other_words } = papers
        .entry((asked_by, is_for_good, only_outsiders))
        .or_insert_with(|| paper(asked_by, is_for_good, only_outsiders));

    let mut policy = match cell.policy {
        Policy::None => ApprovalPolicy::default(),
        Policy::OfOtherActions | Policy::Fits => base.clone(),
    };
    for rule in &mut policy.rules {
        rule.self_approval = asked == Asked::ThemselvesAndTheRuleLets;
        rule.approvals = if quorum == Quorum::TwoByTheRule { 2 } else { 1 };
        if cell.frozen == Frozen::YesButTheRuleLets {
            rule.in_freeze = InFreeze::Allow;
        }
        if cell.policy == Policy::OfOtherActions {
            rule.actions = BTreeSet::from([call().kind()]);
        }
    }

    let (verdict, why) = match cell.says {
        Says::Approve => (Decided::Approve, ""),
        Says::Glass => (Decided::BreakGlass, "revenue is at zero"),
        Says::GlassWithoutReason => (Decided::BreakGlass, " "),
        Says::Reject => (Decided::Reject, "it is the cache"),
    };
    let said = |by: &str, verdict, why: &str, digest: &Digest| {
        let decision = Decision { proposal: stored.id.clone(), digest: *digest, verdict, why: why.into() };
        MadeDecision { decision, by: actor(by), at: after(5) }
    };
    let before = match cell.rejected {
        Rejected::Nobody => None,
        Rejected::Ben => Some(said("Ben", Decided::Reject, "no", digest)),
        Rejected::AStranger => Some(said("Mallory", Decided::Reject, "no", digest)),
    };
    let second = match quorum {
        Quorum::TwoAndBenDid => Some(said("Ben", Decided::Approve, "", digest)),
        Quorum::TwoAndBenApprovedOtherWords => Some(said("Ben", Decided::Approve, "", other_words)),
        _ => None,
    };
    let seen = if cell.digest_fits { digest } else { other_words };
    let latest = said(name, verdict, why, seen);
    let decisions: Vec<MadeDecision> = before.into_iter().chain(second).chain([latest]).collect();

    let freezes = match cell.frozen {
        Frozen::No => KnownFreezes::All(vec![]),
        Frozen::ElsewhereOnly => freeze(&["cart"], &["staging"]),
        Frozen::Yes | Frozen::YesButTheRuleLets => freeze(&["checkout"], &[]),
        Frozen::Unknown => KnownFreezes::Unknown("calendar: no answer".into()),
    };
    let is_tier_one =
        matches!(quorum, Quorum::TwoByTheTier | Quorum::TwoAndBenDid | Quorum::TwoAndBenApprovedOtherWords);
    let tiers = BTreeMap::from([(service("checkout"), if is_tier_one { 1 } else { 2 })]);
    let commands = (cell.who == Who::DoraCommands).then(|| (Role::IncidentCommander, name.into()));
    let facts = Facts {
        proposal: stored,
        progress: cell.progress,
        decisions: &decisions,
        roles: &commands.into_iter().collect(),
        tiers: &tiers,
        freezes: &freezes,
    };
    let now = match cell.time {
        Time::ClockIsBehind => after(4),
        Time::Open => after(29),
        Time::Expired => after(30),
    };
    approve(&facts, &policy, now)
}

/// Whether an approved action gets its target.
fn gets_target(held: Held, now: Timestamp) -> bool {
    let target = Target::nearest("git:checkout:hearback/INC-3");
    let id = |number| ProposalId::new(format!("INC-9.P{number}")).unwrap();
    let lease = |until| Some(Lease { proposal: id(1), runner: "a".into(), until });
    let ended = (1..=3).map(|number| Ended { proposal: id(number), at: start(), how: End::Helped }).collect();
    let state = match held {
        Held::Free => TargetState::default(),
        Held::ByAnother => TargetState { lease: lease(after(30)), ..TargetState::default() },
        Held::ByAnotherUntilNow => TargetState { lease: lease(now), ..TargetState::default() },
        Held::UntilAPersonLooks => TargetState { stopped: Some("why".into()), ..TargetState::default() },
        Held::ByTheHour => TargetState { ended, ..TargetState::default() },
    };
    let wanted = Lease { proposal: proposal().id, runner: "a".into(), until: after(60) };
    let take = Step::Take { lease: wanted, limits: Limits::default() };
    state.after(&target, &take, now).is_ok()
}

/// Takes the next digit of a number that counts through all combinations.
fn pick<T: Copy>(left: &mut usize, from: &[T]) -> T {
    let chosen = from[*left % from.len()];
    *left /= from.len();
    chosen
}

fn cell(mut number: usize) -> Cell {
    let left = &mut number;
    Cell {
        policy: pick(left, &[Policy::None, Policy::OfOtherActions, Policy::Fits]),
        progress: pick(left, &[Progress::Waiting, Progress::Started, Progress::Unknown]),
        digest_fits: pick(left, &[true, false]),
        time: pick(left, &[Time::ClockIsBehind, Time::Open, Time::Expired]),
        who: pick(left, &[Who::Ana, Who::Cleo, Who::Dora, Who::DoraCommands, Who::Eve, Who::Program]),
        says: pick(left, &[Says::Approve, Says::Glass, Says::GlassWithoutReason, Says::Reject]),
        asked: pick(left, &[Asked::Another, Asked::Themselves, Asked::ThemselvesAndTheRuleLets]),
        frozen: pick(
            left,
            &[Frozen::No, Frozen::ElsewhereOnly, Frozen::Yes, Frozen::YesButTheRuleLets, Frozen::Unknown],
        ),
        quorum: pick(
            left,
            &[
                Quorum::One,
                Quorum::TwoByTheRule,
                Quorum::TwoByTheTier,
                Quorum::TwoBecauseForGood,
                Quorum::TwoAndBenDid,
                Quorum::TwoAndBenApprovedOtherWords,
            ],
        ),
        rejected: pick(left, &[Rejected::Nobody, Rejected::Ben, Rejected::AStranger]),
        only_outsiders: pick(left, &[true, false]),
    }
}

#[test]
fn the_table_holds_in_every_cell() {
    const CELLS: usize = 3 * 3 * 2 * 3 * 6 * 4 * 3 * 5 * 6 * 3 * 2;
    const TARGETS: [Held; 5] =
        [Held::Free, Held::ByAnother, Held::ByAnotherUntilNow, Held::UntilAPersonLooks, Held::ByTheHour];
    let (mut papers, policy) = (Papers::new(), policy());
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for number in 0..CELLS {
        let cell = cell(number);
        let decided = decide(cell, &mut papers, &policy);
        assert_eq!(came(&decided), expected(cell), "cell {number}: {cell:?}: {decided:?}");
        for held in TARGETS {
            let is_free = matches!(held, Held::Free | Held::ByAnotherUntilNow);
            let came = match decided.is_ok() && !gets_target(held, after(29)) {
                true => "target not free",
                false => came(&decided),
            };
            let expect = if decided.is_ok() && !is_free { "target not free" } else { expected(cell) };
            assert_eq!(came, expect, "cell {number}: {cell:?}, target {held:?}");
            *counts.entry(came).or_default() += 1;
        }
    }
    assert_eq!(counts.values().sum::<usize>(), 3_499_200, "the table shrank");
    let done = ["by one", "by two", "glass broken"].map(|what| counts[what]);
    // Ana, or Dora while she commands; two who may have asked for it; three freezes; two rejections that do not count; two
    // targets. Cleo breaks the glass whoever asked, whatever is frozen and however many it takes.
    assert_eq!(done, [2 * 2 * 3 * 2 * 2, 2 * 2 * 3 * 2 * 2, 3 * 5 * 6 * 2 * 2]);
    // Whatever can be told is told in some cell. That nobody decided is told where there is no cell.
    assert_eq!(counts.len(), 21, "{counts:?}");
}

#[test]
fn an_hour_later_only_a_person_still_has_to_look() {
    let held =
        [Held::Free, Held::ByAnother, Held::ByAnotherUntilNow, Held::UntilAPersonLooks, Held::ByTheHour];
    assert_eq!(held.map(|held| gets_target(held, after(60))), [true, true, true, false, true]);
}
