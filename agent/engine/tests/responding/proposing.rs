//! What is proposed after an answer, and why nothing is.

use std::sync::Arc;

use async_trait::async_trait;
use hearback_core::action::{Action, Inverse, Outcome, Proposal, RecoverySign, RiskKind};
use hearback_core::answer::{Onset, Strength, Verdict};
use hearback_core::approval::Decided;
use hearback_core::catalog::Service;
use hearback_core::change::{Paths, Rollout};
use hearback_core::evidence::Citation;
use hearback_core::ports::{ConnectorError, RevertFit, RevertPreview, RevertTrial};
use hearback_core::target::TargetState;
use hearback_core::{
    Catalog, Change, ChangeId, ChangeKind, Claim, Digest, Evidence, EvidenceId, Happening, Incident, Origin,
    SignalKind, SourceName, Suspect,
};
use hearback_engine::analysts::change_point::{Course, Direction, Level, SeriesOnset};
use hearback_engine::analysts::onset::MeasuredSeries;
use hearback_engine::analysts::signature::{Shape, Signature};
use hearback_engine::analysts::undoing::leads;
use hearback_engine::driver::Answered;
use hearback_engine::gather::Sighted;
use hearback_engine::proposed::ProposalView;
use hearback_engine::proposing::{Proposer, ProposingRule, PushTo, Rollback, RollbackWay, Weighed};
use insta::assert_snapshot;
use jiff::SignedDuration;

use super::memory::Memory;
use super::story::*;

/// What comes of trying to undo a commit.
#[derive(Clone)]
enum Tried {
    Is(RevertFit),
    /// Later commits touch the same files.
    Touched(Vec<ChangeId>, usize),
    NotOfIt,
    Fails,
    Hangs,
}

struct Preview(Tried);

#[async_trait]
impl RevertPreview for Preview {
    async fn try_revert(
        &self,
        change: &ChangeId,
        _: SignedDuration,
    ) -> Result<Option<RevertTrial>, ConnectorError> {
        let (fit, later, later_count) = match &self.0 {
            Tried::Is(fit) => (fit.clone(), vec![], 0),
            Tried::Touched(later, count) => (RevertFit::Clean, later.clone(), *count),
            Tried::NotOfIt => return Ok(None),
            Tried::Fails => return Err(ConnectorError::Failed("it is a merge".into())),
            Tried::Hangs => std::future::pending().await,
        };
        let Some(sha) = change.sha() else { return Ok(None) };
        Ok(Some(RevertTrial {
            repository: "shop".into(),
            commit: sha.to_owned(),
            branch: "main".into(),
            expected: Digest::of(b"files"),
            files: vec!["cart/totals.go".into()],
            file_count: 1,
            fit,
            later,
            later_count,
        }))
    }
}

/// Rolls services back in production.
struct Way;

impl RollbackWay for Way {
    fn action(&self, rollback: &Rollback<'_>) -> Option<Action> {
        let is_its = rollback.environment == "production" && rollback.services == [service("checkout")];
        is_its.then(|| hook(rollback.from, rollback.to))
    }
}

/// All that a proposal depends on.
struct Case {
    story: Story,
    verdict: Verdict,
    onset: Option<Onset>,
    suspects: Vec<Suspect>,
    changes: Vec<Change>,
    moved: Vec<MeasuredSeries>,
    snapshots: Vec<Evidence>,
    ways: Vec<Arc<dyn RollbackWay>>,
    reverts: Vec<Tried>,
    push_to: PushTo,
    stopped: Option<(Action, &'static str)>,
}

impl Default for Case {
    /// A strong suspect that undoes cleanly.
    fn default() -> Self {
        let answer = look_here();
        Case {
            story: Story::in_channel().asked(1, None, look_here()),
            verdict: answer.verdict,
            onset: answer.onset,
            suspects: answer.suspects,
            changes: vec![rounding(), bump()],
            moved: vec![moved("checkout", SignalKind::Errors, 70.0, Course::Holds)],
            snapshots: vec![],
            ways: vec![],
            reverts: vec![Tried::Is(RevertFit::Clean)],
            push_to: PushTo::OwnBranch,
            stopped: None,
        }
    }
}

impl Case {
    fn incident(&self) -> Incident {
        self.story.incident()
    }

    async fn weighed(&self) -> Weighed {
        let catalog = Catalog {
            services: vec![Service { paths: vec!["cart/".into()], ..Service::named(service("checkout")) }],
        };
        let sighted: Vec<Sighted> = self
            .changes
            .iter()
            .map(|change| Sighted { change: change.clone(), evidence: evidence("changes of shop") })
            .collect();
        let answered = Answered {
            leads: leads(&self.suspects, &sighted, &catalog),
            answer: hearback_core::Answer {
                verdict: self.verdict,
                onset: self.onset.clone(),
                suspects: self.suspects.clone(),
                ..look_here()
            },
            snapshots: self.snapshots.clone(),
            standings: vec![],
            none_of_these: 0.1,
            experts: Default::default(),
            moved: self.moved.clone(),
        };
        let memory = Memory::default();
        if let Some((action, why)) = &self.stopped {
            memory.set_target(
                action.target(),
                TargetState { stopped: Some((*why).into()), ..TargetState::default() },
            );
        }
        let reverts =
            self.reverts.iter().map(|tried| Arc::new(Preview(tried.clone())) as Arc<dyn RevertPreview>);
        let reverts: Vec<_> = reverts.collect();
        let rule = ProposingRule {
            shortly: SignedDuration::from_mins(30),
            expires_after: SignedDuration::from_mins(30),
            recovers_within: SignedDuration::from_mins(15),
            push_to: self.push_to,
            budget: SignedDuration::from_secs(2),
        };
        let proposer = Proposer { ways: &self.ways, reverts: &reverts, targets: &memory, rule: &rule };
        proposer.weigh(&self.incident(), &answered).await.unwrap()
    }

    async fn proposal(&self) -> Proposal {
        match self.weighed().await.happening(&self.incident(), at(4)) {
            Some(Happening::Proposed(proposal)) => proposal,
            other => panic!("{other:?}"),
        }
    }

    /// In one line: what is proposed, or why nothing is.
    async fn says(&self) -> String {
        match self.weighed().await {
            Weighed::Nothing => "nothing".into(),
            Weighed::Cannot(why) => why,
            weighed @ Weighed::Undo(_) => match weighed.happening(&self.incident(), at(4)) {
                Some(Happening::Proposed(proposal)) => proposal.action.says(),
                None => "known".into(),
                Some(other) => panic!("{other:?}"),
            },
        }
    }

    /// As people see it.
    async fn text(&self) -> String {
        let story = self.story.clone().proposed(&self.proposal().await);
        let incident = story.incident();
        let view = ProposalView::of(incident.proposals.values().last().unwrap(), at(4)).unwrap();
        view.text()
    }

    async fn risks(&self) -> Vec<(RiskKind, String)> {
        self.proposal().await.risks.into_iter().map(|risk| (risk.kind, risk.says)).collect()
    }
}

fn moved(name: &str, kind: SignalKind, strength: f64, course: Course) -> MeasuredSeries {
    let onset = SeriesOnset {
        earliest: at(-3),
        latest: at(-2),
        before: Level { value: 0.2, spread: 0.1 },
        after: Some(Level { value: 14.0, spread: 1.0 }),
        strength,
        direction: Direction::Up,
        course,
    };
    let signature = Signature { kind, onset, shape: Shape::Plateau, ratio: Some(70.0), as_of: at(2) };
    MeasuredSeries {
        service: service(name),
        query: String::new(),
        labels: Default::default(),
        signature,
        evidence: evidence("graph"),
    }
}

/// The rollout that brought the rounding to production.
fn deploy(minute: i64) -> Change {
    Change {
        id: ChangeId::new("deploy:ci:99").unwrap(),
        kind: ChangeKind::Deploy,
        source: SourceName::new("deploy:ci").unwrap(),
        services: vec![service("checkout")],
        environment: Some("production".into()),
        delivers: vec![rounding().id],
        rollout: Some(Rollout { version: "v42".into(), before: Some("v41".into()) }),
        ..commit("0", minute, "checkout v42", &[])
    }
}

/// A rollout that nothing speaks against but its time.
fn weak_rollout(minute: i64) -> Case {
    let deploy = deploy(minute);
    Case {
        verdict: Verdict::CantTell,
        suspects: vec![suspect(
            1,
            &deploy,
            Strength::Weak,
            vec![reason("recency", 0.8, "took effect just before")],
        )],
        changes: vec![deploy],
        ways: vec![Arc::new(Way)],
        ..Case::default()
    }
}

#[tokio::test]
async fn a_strong_suspect_that_undoes_cleanly_is_proposed_to_be_undone() {
    let case = Case::default();
    let proposal = case.proposal().await;
    assert_eq!(proposal.action, revert_of("3f2a91c5d0", 1));
    assert_eq!((proposal.proposed_at, proposal.expires_at), (at(4), at(34)));
    assert_eq!(proposal.asked_by, hearback_core::Actor::hearback());
    assert_snapshot!(case.text().await);
    // The same incident and answer, the same bytes.
    assert_eq!(proposal.digest().unwrap(), case.proposal().await.digest().unwrap());
}

#[tokio::test]
async fn what_speaks_for_caution_is_said() {
    let mut case = Case::default();
    let migrating = commit("3f2a91c5d0", -12, "Round", &["cart/totals.go", "db/migrate/42_totals.sql"]);
    case.changes = vec![migrating, bump(), deploy(-10)];
    case.reverts = vec![Tried::Touched(vec![bump().id], 5)];
    case.suspects[0].change.effective_at = at(-10);
    let says = case.risks().await;
    let expect = [
        (
            RiskKind::Migration,
            "a migration goes with it (db/migrate/42_totals.sql): the older code may not fit the data",
        ),
        (
            RiskKind::OtherChanges,
            "5 later commits touch the same files and may build on it: 77aa10cc4f, 4 more",
        ),
        (RiskKind::Unknown, "it takes effect when it is merged and deployed, not when it is pushed"),
    ];
    assert_eq!(says, expect.map(|(kind, says)| (kind, says.to_owned())));
}

#[tokio::test]
async fn what_stood_for_long_and_what_is_not_known_is_a_risk() {
    let mut case = Case::default();
    case.changes[0].effective_at = at(-2 - 25 * 60);
    case.changes[0].paths = Paths::Unknown;
    let deployed = "it takes effect when it is merged and deployed, not when it is pushed";
    let expect = [
        (RiskKind::Unknown, deployed),
        (RiskKind::Age, "it stood for 25 h; others may rely on it"),
        (RiskKind::Unknown, "the files it touches are not known"),
    ];
    assert_eq!(case.risks().await, expect.map(|(kind, says)| (kind, says.to_owned())));
    // A day is not long.
    case.changes[0].effective_at = at(-2 - 24 * 60);
    assert!(case.risks().await.iter().all(|(kind, _)| *kind != RiskKind::Age));
}

#[tokio::test]
async fn where_it_is_pushed_says_how_it_is_taken_back() {
    let own = Case::default().proposal().await;
    assert_eq!(own.inverse, Inverse::KnownWhenDone { says: "delete the branch".into() });
    let same = Case { push_to: PushTo::SameBranch, ..Case::default() }.proposal().await;
    let says = |proposal: &Proposal| proposal.risks.iter().map(|risk| risk.says.clone()).collect::<Vec<_>>();
    assert_eq!(says(&same), ["it takes effect when it is deployed, not when it is pushed"]);
    assert_eq!(same.action.says(), "revert 3f2a91c5d0 on main of shop and push it there");
    assert_eq!(same.inverse, Inverse::KnownWhenDone { says: "a revert of the revert".into() });
}

#[tokio::test]
async fn what_can_not_be_undone_is_said_with_the_reason() {
    let check = async |reverts: &[Tried], expect: &str| {
        let case = Case { reverts: reverts.to_vec(), ..Case::default() };
        assert_eq!(case.says().await, expect);
    };
    let conflicts =
        |files: &[&str]| Tried::Is(RevertFit::Conflicts(files.iter().map(|file| (*file).into()).collect()));
    let by_hand =
        "Do it by hand; roll forward only if the fix is known and tested and the way back stays open";
    let named = "3f2a91c5d0 does not undo cleanly on main";
    check(&[conflicts(&["a.go"])], &format!("{named}: a.go conflicts. {by_hand}")).await;
    let five = conflicts(&["a.go", "b.go", "c.go", "d.go", "e.go"]);
    check(&[five], &format!("{named}: a.go, b.go, c.go, 2 more conflict. {by_hand}")).await;
    check(&[Tried::Is(RevertFit::NothingLeft)], "nothing of 3f2a91c5d0 is left to undo on main").await;
    let untried = "it could not be tried whether 3f2a91c5d0 can be undone: it is a merge";
    check(&[Tried::Fails], untried).await;
    check(
        &[Tried::NotOfIt],
        "nothing is configured here that can undo 3f2a91c5d0; give its [[repository]] a `reverts` table, or add a \
         [[hook]]",
    )
    .await;
    // One that does not know it, or fails, leaves it to the next.
    let done = "revert 3f2a91c5d0 on main of shop and push it as hearback/INC-17.P1";
    check(&[Tried::NotOfIt, Tried::Fails, Tried::Is(RevertFit::Clean)], done).await;
    check(&[Tried::Fails, Tried::NotOfIt], untried).await;
    // Where nothing can be done at all nobody is told so after every answer.
    check(&[], "nothing").await;
}

#[tokio::test(start_paused = true)]
async fn a_trial_that_does_not_end_is_given_up() {
    let case = Case { reverts: vec![Tried::Hangs], ..Case::default() };
    let says = "it could not be tried whether 3f2a91c5d0 can be undone: no answer within 2.0 s";
    assert_eq!(case.says().await, says);
}

#[tokio::test]
async fn without_a_strong_suspect_nothing_is_said() {
    for verdict in [Verdict::CantTell, Verdict::NothingFits] {
        assert_eq!(Case { verdict, ..Case::default() }.says().await, "nothing");
    }
    let none = Case { verdict: Verdict::NothingFits, suspects: vec![], ..Case::default() };
    assert_eq!(none.says().await, "nothing");
}

#[tokio::test]
async fn a_suspect_that_somebody_dismissed_is_not_proposed() {
    let dismissed = |change: Change, case: Case| {
        let story = case.story.clone().then(3, person("Ana"), Happening::Dismissed { change: change.id });
        Case { story, ..case }
    };
    let none = "no strong suspect is left that can be undone";
    assert_eq!(dismissed(rounding(), Case::default()).says().await, none, "the next one is weak");
    let mut both = Case::default();
    both.suspects[1].strength = Strength::Strong;
    let next = dismissed(rounding(), both);
    assert_eq!(
        next.says().await,
        "revert 77aa10cc4f on main of shop and push it as hearback/INC-17.P1",
        "the next one is strong"
    );
    assert_eq!(dismissed(bump(), next).says().await, none);
}

#[tokio::test]
async fn a_target_that_stopped_must_be_looked_at_first() {
    let stopped = Some((revert_of("3f2a91c5d0", 1), "nobody knows whether INC-9.P1 was done"));
    let case = Case { stopped: stopped.clone(), ..Case::default() };
    assert_eq!(
        case.says().await,
        "undoing 3f2a91c5d0 must wait, for nobody knows whether INC-9.P1 was done. After a person has looked: hearback \
         target reset \"git:shop:hearback/INC-17.P1\""
    );
    // What would be pushed to another branch does not wait for it.
    let story = case.story.clone().proposed(&Proposal { action: hook("v2", "v1"), ..revert() });
    let says = Case { story, stopped, ..Case::default() }.says().await;
    assert_eq!(says, "revert 3f2a91c5d0 on main of shop and push it as hearback/INC-17.P2");
}

#[tokio::test]
async fn a_rollout_is_rolled_back_rather_than_its_commit_reverted() {
    let case =
        Case { changes: vec![rounding(), bump(), deploy(-10)], ways: vec![Arc::new(Way)], ..Case::default() };
    let proposal = case.proposal().await;
    assert_eq!(proposal.action, hook("v42", "v41"));
    assert_eq!(proposal.inverse, Inverse::Action(Box::new(hook("v41", "v42"))));
    assert_snapshot!(case.text().await);
    let check = async |change: &dyn Fn(&mut Change), expect: &str| {
        let mut deploy = deploy(-10);
        change(&mut deploy);
        let case = Case {
            changes: vec![rounding(), bump(), deploy],
            ..Case { ways: vec![Arc::new(Way)], ..Case::default() }
        };
        assert_eq!(case.says().await, expect);
    };
    let revert = "revert 3f2a91c5d0 on main of shop and push it as hearback/INC-17.P1";
    let version = |before: Option<&str>| {
        let rollout = Rollout { version: "v42".into(), before: before.map(str::to_owned) };
        move |change: &mut Change| change.rollout = Some(rollout.clone())
    };
    check(&version(None), revert).await;
    check(&version(Some("v42")), revert).await;
    check(&|change| change.rollout = None, revert).await;
    check(&|change| change.environment = Some("staging".into()), revert).await;
}

#[tokio::test]
async fn what_else_a_rollback_takes_along_is_said() {
    let mut deploy = deploy(-10);
    deploy.delivers.extend([bump().id, commit("aa", -20, "Not seen", &[]).id]);
    let case =
        Case { changes: vec![rounding(), bump(), deploy], ways: vec![Arc::new(Way)], ..Case::default() };
    assert_eq!(
        case.risks().await,
        [(RiskKind::OtherChanges, "2 other changes go with it: 77aa10cc4f, 1 more".to_owned())]
    );
}

#[tokio::test]
async fn a_rollout_shortly_before_the_onset_is_proposed_whatever_else_speaks_for_it() {
    let check = async |minute: i64, expect: &str| {
        assert_eq!(weak_rollout(minute).says().await, expect, "minute {minute}");
    };
    let back = "bring checkout in production from v42 back to v41 (hook deploys)";
    // The onset is at minute -2.
    check(-2, back).await;
    check(-32, back).await;
    check(-33, "nothing").await;
    check(-1, "nothing").await;
    let mut elsewhere = weak_rollout(-10);
    elsewhere.changes[0].services = vec![service("search")];
    assert_eq!(elsewhere.says().await, "nothing", "to a service that is not affected");
    let unknown = Case { onset: None, ..weak_rollout(-10) };
    assert_eq!(unknown.says().await, "nothing", "nobody knows when it began");
    let mut commit = Case { verdict: Verdict::CantTell, ..Case::default() };
    commit.suspects[0].strength = Strength::Weak;
    assert_eq!(commit.says().await, "nothing", "a commit that is no rollout");
}

#[tokio::test]
async fn a_change_after_the_onset_is_said_to_be_after_it() {
    let mut case = Case::default();
    case.suspects[0].change.effective_at = at(1);
    let proposal = case.proposal().await;
    let says = proposal.why.says();
    assert!(says.contains("took effect 3 min after the onset"), "{says}");
    case.onset = None;
    let proposal = case.proposal().await;
    let says = proposal.why.says();
    assert!(
        says.starts_with("3f2a91c5d0 \"Round cart totals <half> up\" is the likeliest change; "),
        "{says}"
    );
}

#[tokio::test]
async fn the_same_is_not_proposed_twice_while_it_can_be_approved_or_was_done() {
    let check =
        async |what: &str, expect: Option<&str>, then: &dyn Fn(Story, &Proposal) -> Story, minute: i64| {
            let case = Case::default();
            let first = case.proposal().await;
            let story = then(case.story.clone().proposed(&first), &first);
            let case = Case { story, ..Case::default() };
            let next = case.weighed().await.happening(&case.incident(), at(minute));
            let id = next.map(|next| match next {
                Happening::Proposed(next) => next.id.to_string(),
                other => panic!("{other:?}"),
            });
            assert_eq!(id.as_deref(), expect, "{what}");
        };
    let again = Some("INC-17.P2");
    let ended = |outcome: Outcome| {
        move |story: Story, first: &Proposal| story.started(5, first).ended(6, first, outcome.clone())
    };
    check("waits", None, &|story, _| story, 33).await;
    check("expired", again, &|story, _| story, 34).await;
    let rejected =
        |story: Story, first: &Proposal| story.decided(5, "Ana", first, Decided::Reject, "no", None);
    check("rejected", None, &rejected, 14).await;
    check("rejected a while ago", again, &rejected, 15).await;
    check("is under way", None, &|story, first| story.started(5, first), 90).await;
    check("is done", None, &ended(Outcome::Done(receipt("done"))), 90).await;
    check("unknown", None, &ended(Outcome::Unknown { why: "?".into() }), 90).await;
    // Nothing was done: what is asked again may be proposed again.
    check("failed", again, &ended(Outcome::Failed { why: "no".into() }), 7).await;
    check("not as expected", again, &ended(Outcome::NotAsExpected { why: "no".into() }), 7).await;
}

#[tokio::test]
async fn that_nothing_can_be_undone_is_written_down_once() {
    let cannot = Weighed::Cannot("it is a merge".into());
    let story = Story::in_channel();
    let what = cannot.happening(&story.incident(), at(4)).unwrap();
    assert_eq!(what, Happening::NotProposed { why: "it is a merge".into() });
    let story = story.hearback(4, what);
    assert_eq!(cannot.happening(&story.incident(), at(5)), None);
    assert!(Weighed::Cannot("another".into()).happening(&story.incident(), at(5)).is_some());
    assert_eq!(Weighed::Nothing.happening(&story.incident(), at(5)), None);
    // While something waits for approval it would be wrong.
    let waits = story.proposed(&revert()).incident();
    assert_eq!(Weighed::Cannot("another".into()).happening(&waits, at(33)), None);
    assert!(Weighed::Cannot("another".into()).happening(&waits, at(34)).is_some());
}

#[tokio::test]
async fn what_it_rests_on_says_who_could_have_written_it() {
    let kept = |name: &str, origin| {
        let source = SourceName::new(name).unwrap();
        Evidence::new(source, origin, None, None, name.into()).unwrap()
    };
    let snapshots = [
        kept("prometheus:shop", Origin::System),
        kept("git:shop", Origin::Member),
        kept("loki:shop", Origin::Outsider),
    ];
    let cited = |says: &str, of: EvidenceId| Claim::new(says, vec![Citation::of(of)]).unwrap();
    let [series, changes, logs] = [0, 1, 2].map(|n: usize| snapshots[n].id);
    let mut case = Case { snapshots: snapshots.to_vec(), ..Case::default() };
    case.onset = Some(Onset { because: cited("errors rose", series), ..onset() });
    case.suspects[0].reasons[0].claim = cited("touches the file", changes);
    case.suspects[0].reasons[1].claim = cited("the logs name it", logs);
    let mut because = case.proposal().await.because;
    because.sort_by_key(|support| support.origin);
    let origins: Vec<(EvidenceId, Origin)> =
        because.iter().map(|support| (support.evidence, support.origin)).collect();
    assert_eq!(origins, [(series, Origin::System), (changes, Origin::Member), (logs, Origin::Outsider)]);
    // An entry of the record, as an alert is, and the question are a member's.
    let case = Case { onset: Some(onset()), ..case };
    let because = case.proposal().await.because;
    let of_entry = because.iter().find(|support| support.evidence == evidence("graph")).unwrap();
    assert_eq!(of_entry.origin, Origin::Member);
}

#[tokio::test]
async fn it_is_checked_by_what_users_feel_and_what_still_holds() {
    let check = async |moved: Vec<MeasuredSeries>, story: Story, expect: Option<&str>| {
        let case = Case { moved, story, push_to: PushTo::SameBranch, ..Case::default() };
        let sign = case.proposal().await.check.map(|check| {
            assert_eq!(check.within, SignedDuration::from_mins(15));
            match check.sign {
                RecoverySign::Signal { service, signal, usual, spread, now, .. } => {
                    assert_eq!((usual, spread, now), (0.2, 0.1, 14.0));
                    format!("{service} {signal}")
                }
                RecoverySign::Alert { fingerprint, .. } => format!("alert {fingerprint}"),
            }
        });
        assert_eq!(sign.as_deref(), expect);
    };
    let holds = |name: &str, kind, strength| moved(name, kind, strength, Course::Holds);
    let story = || Story::in_channel().asked(1, None, look_here());
    let alerted = || {
        story()
            .hearback(2, Happening::AlertFired(alert("disk", -500)))
            .hearback(2, Happening::AlertFired(alert("over", -1)))
            .hearback(2, Happening::AlertResolved { fingerprint: "over".into() })
            .hearback(2, Happening::AlertFired(alert("fires", -1)))
    };
    let (errors, latency, full) = (SignalKind::Errors, SignalKind::Latency, SignalKind::Saturation);
    let three =
        vec![holds("checkout", full, 900.0), holds("checkout", latency, 9.0), holds("checkout", errors, 5.0)];
    check(three, alerted(), Some("checkout latency")).await;
    let over = moved("checkout", errors, 70.0, Course::Over { since: at(1) });
    check(vec![over.clone(), holds("checkout", full, 5.0)], story(), Some("checkout saturation")).await;
    // What is over, what is of another service and what is not measured any more shows no recovery.
    let mut absent = holds("checkout", errors, 70.0);
    absent.signature.onset.after = None;
    let none = vec![over, absent, holds("search", errors, 99.0)];
    check(none.clone(), alerted(), Some("alert fires")).await;
    check(none, story(), None).await;
    // What lies on a branch of its own is not judged by it.
    assert_eq!(Case::default().proposal().await.check, None);
}
