//! Whether an action helped: looked at once, written down once, told to the target, and what takes it back offered once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use hearback_core::action::{
    Action, Inverse, Outcome, Proposal, Receipt, Recovery, RecoveryCheck, RecoverySign,
};
use hearback_core::ports::{ConnectorError, SeriesQuery, SignalSource};
use hearback_core::signal::Point;
use hearback_core::target::{End, Ended, Limits, TargetState};
use hearback_core::{
    Claim, Coverage, Evidence, ExternalText, Fetched, Happening, ProposalId, Series, SignalKind, SourceName,
};
use hearback_engine::recovery::RecoveryDesk;
use jiff::SignedDuration;

use super::memory::Memory;
use super::story::*;

/// What a source of series does.
#[derive(Clone)]
enum Does {
    /// Has these errors of the checkout, a point a minute from minute 0 on.
    Has(Vec<f64>),
    HasOthers,
    Fails,
    Hangs,
}

struct Signals {
    name: SourceName,
    does: Does,
    asked: Mutex<Vec<SeriesQuery>>,
}

impl Signals {
    fn new(does: Does) -> Arc<Self> {
        let name = SourceName::new("prometheus:shop").unwrap();
        Arc::new(Signals { name, does, asked: Mutex::default() })
    }
}

fn series(values: &[f64]) -> Series {
    let points = values.iter().enumerate();
    Series {
        service: service("checkout"),
        kind: SignalKind::Errors,
        query: "errors".into(),
        labels: BTreeMap::new(),
        step: SignedDuration::from_mins(1),
        points: points.map(|(n, value)| Point { at: at(n as i64), value: *value }).collect(),
        link: None,
    }
}

#[async_trait]
impl SignalSource for Signals {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn series(&self, query: &SeriesQuery) -> Result<Fetched<Series>, ConnectorError> {
        self.asked.lock().unwrap().push(query.clone());
        let mut items = match &self.does {
            Does::Has(values) => vec![series(values)],
            Does::HasOthers => vec![
                Series { kind: SignalKind::Latency, ..series(&[0.0; 60]) },
                Series { service: service("search"), ..series(&[0.0; 60]) },
                Series {
                    labels: BTreeMap::from([("zone".to_owned(), ExternalText::new("a"))]),
                    ..series(&[0.0; 60])
                },
            ],
            Does::Fails => return Err(ConnectorError::Failed("the server answered 503".into())),
            Does::Hangs => std::future::pending().await,
        };
        for series in &mut items {
            series.points.retain(|point| query.window.contains(point.at));
        }
        Ok(Fetched { items, coverage: Coverage::complete(self.name.clone(), "errors of checkout") })
    }
}

/// The desk, and what it works on.
struct Room {
    memory: Memory,
    signals: Vec<Arc<dyn SignalSource>>,
}

impl Room {
    /// An action that was done at minute 7 and should have helped by minute 22.
    fn of(proposal: &Proposal, receipt: Receipt, does: &[Does]) -> Self {
        let story = Story::in_channel().proposed(proposal).started(6, proposal);
        Room::telling(story.ended(7, proposal, Outcome::Done(receipt)), proposal, does)
    }

    fn telling(story: Story, proposal: &Proposal, does: &[Does]) -> Self {
        let memory = Memory::of(&story.entries);
        let ended = Ended { proposal: proposal.id.clone(), at: at(7), how: End::Done };
        memory.set_target(
            proposal.action.target(),
            TargetState { ended: vec![ended], ..TargetState::default() },
        );
        let signals = does.iter().map(|does| Signals::new(does.clone()) as Arc<dyn SignalSource>);
        Room { memory, signals: signals.collect() }
    }

    async fn look(&self, minute: i64) -> Vec<ProposalId> {
        let desk = RecoveryDesk {
            record: &self.memory,
            targets: &self.memory,
            signals: &self.signals,
            limits: Limits::default(),
            expires_after: SignedDuration::from_mins(30),
        };
        desk.look(&self.memory.incident(&id()), at(minute)).await.unwrap()
    }

    /// What was written down since it was done.
    fn news(&self) -> Vec<Happening> {
        let all = self.memory.happenings(&id()).into_iter().map(|(_, what)| what);
        let is_done = |what: &Happening| !matches!(what, Happening::ActionFinished { .. });
        all.skip_while(is_done).skip(1).collect()
    }

    fn kinds(&self) -> Vec<&'static str> {
        let kind = |what: Happening| match what {
            Happening::EvidenceGathered { .. } => "evidence",
            Happening::RecoveryChecked { .. } => "checked",
            Happening::Proposed(_) => "offer",
            _ => "other",
        };
        self.news().into_iter().map(kind).collect()
    }

    /// What was found, in one sentence, and what that cites.
    fn found(&self) -> (Recovery, Claim) {
        let checked = self.news().into_iter().find_map(|what| match what {
            Happening::RecoveryChecked { recovery, because, .. } => Some((recovery, because)),
            _ => None,
        });
        checked.unwrap()
    }

    fn offer(&self) -> Option<Proposal> {
        self.news().into_iter().find_map(|what| match what {
            Happening::Proposed(proposal) => Some(proposal),
            _ => None,
        })
    }

    fn ended(&self, action: &Action) -> Vec<End> {
        self.memory.target_state(&action.target()).ended.iter().map(|ended| ended.how).collect()
    }
}

/// Errors from minute 0 on: bad, and from `minute` on well.
fn well_from(minute: usize) -> Does {
    Does::Has((0..60).map(|n| if n < minute { 14.0 } else { 0.2 }).collect())
}

fn done() -> Receipt {
    receipt("brought checkout from v42 back to v41")
}

#[tokio::test]
async fn a_signal_that_is_back_is_a_recovery_with_its_snapshot() {
    let room = Room::of(&rollback(), done(), &[well_from(10)]);
    assert_eq!(room.look(12).await, []);
    assert_eq!(room.kinds(), Vec::<&str>::new());
    assert_eq!(room.look(14).await, [rollback().id]);
    assert_eq!(room.kinds(), ["evidence", "checked"]);
    let (recovery, because) = room.found();
    assert_eq!(recovery, Recovery::Recovered);
    let says = "checkout errors back at 0.2, 7 min after the action; 14 before it, usually 0.2";
    assert_eq!(because.says(), says);
    let [kept] = &room.memory.kept()[..] else { panic!("one snapshot") };
    assert_eq!(because.citations()[0].evidence, kept.id);
    assert!(matches!(&room.news()[0], Happening::EvidenceGathered { evidence, .. } if *evidence == kept.id));
    assert_eq!(room.ended(&rollback().action), [End::Helped]);
    // Looked at again it is known, and nothing is written or read.
    let before = room.memory.entries(&id()).len();
    assert_eq!(room.look(15).await, []);
    assert_eq!((room.memory.entries(&id()).len(), room.memory.kept().len()), (before, 1));
    assert_eq!(room.ended(&rollback().action), [End::Helped]);
}

#[tokio::test]
async fn what_is_read_begins_before_the_action_and_ends_now() {
    let signals = Signals::new(well_from(10));
    let mut room = Room::of(&rollback(), done(), &[]);
    room.signals.push(Arc::clone(&signals) as Arc<dyn SignalSource>);
    room.look(14).await;
    let asked = signals.asked.lock().unwrap();
    let [query] = &asked[..] else { panic!("asked once") };
    assert_eq!((query.window.from, query.window.until, query.needed_from), (at(-3), at(14), at(7)));
    assert_eq!(query.services, [service("checkout")]);
}

#[tokio::test]
async fn that_it_did_not_help_is_said_once_and_the_way_back_is_offered_once() {
    let room = Room::of(&rollback(), done(), &[well_from(99)]);
    assert_eq!(room.look(21).await, []);
    assert_eq!(room.look(22).await, [rollback().id]);
    assert_eq!(room.kinds(), ["evidence", "checked", "offer"]);
    assert_eq!(room.found().0, Recovery::NotRecovered);
    assert_eq!(room.ended(&rollback().action), [End::DidNotHelp]);
    let offer = room.offer().unwrap();
    assert_eq!(offer.id, ProposalId::numbered(&id(), 2));
    assert_eq!(offer.action, hook("v41", "v42"));
    assert_eq!(offer.inverse, Inverse::Action(Box::new(hook("v42", "v41"))));
    assert_eq!(
        offer.why.says(),
        "INC-17.P1 did not help: checkout errors at 14, 15 min after the action; 14 before it, usually 0.2"
    );
    assert_eq!((offer.proposed_at, offer.expires_at), (at(22), at(52)));
    assert_eq!(offer.because, rollback().because);
    for minute in [23, 60] {
        assert_eq!(room.look(minute).await, []);
    }
    assert_eq!(room.kinds(), ["evidence", "checked", "offer"]);
}

#[tokio::test]
async fn the_receipt_knows_best_what_takes_it_back() {
    let mut pushed = revert();
    let Action::RevertCommit(action) = &mut pushed.action else { panic!() };
    action.push_to = "main".into();
    let inverse = revert_of("88bb21dd50", 2);
    let receipt = Receipt { inverse: Some(Box::new(inverse.clone())), ..receipt("reverted it") };
    let room = Room::of(&pushed, receipt, &[well_from(99)]);
    room.look(22).await;
    assert_eq!(room.offer().unwrap().action, inverse);
    // Where nobody knows one, none is offered.
    let room = Room::of(&pushed, done(), &[well_from(99)]);
    room.look(22).await;
    assert_eq!((room.kinds(), room.found().0), (vec!["evidence", "checked"], Recovery::NotRecovered));
    let grave = Proposal { inverse: Inverse::Nothing, ..rollback() };
    let room = Room::of(&grave, done(), &[well_from(99)]);
    room.look(22).await;
    assert_eq!(room.kinds(), ["evidence", "checked"]);
}

#[tokio::test]
async fn what_is_proposed_already_is_not_offered() {
    let other = Proposal { id: ProposalId::numbered(&id(), 2), action: hook("v41", "v42"), ..rollback() };
    let story = Story::in_channel().proposed(&rollback()).proposed(&other).started(6, &rollback());
    let story = story.ended(7, &rollback(), Outcome::Done(done()));
    let room = Room::telling(story, &rollback(), &[well_from(99)]);
    room.look(22).await;
    assert_eq!(room.kinds(), ["evidence", "checked"]);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_measures_can_not_be_told_and_rests_on_what_it_was_proposed_on() {
    for does in [&[][..], &[Does::Fails], &[Does::Hangs], &[Does::HasOthers]] {
        let room = Room::of(&rollback(), done(), does);
        assert_eq!(room.look(21).await, [], "it may be measured yet");
        assert_eq!(room.look(22).await, [rollback().id]);
        let (recovery, because) = room.found();
        assert_eq!(recovery, Recovery::CantTell);
        assert_eq!(because.says(), "checkout errors not measured since the action, 15 min ago");
        assert_eq!(because.citations(), rollback().why.citations());
        assert_eq!((room.kinds(), room.memory.kept()), (vec!["checked"], Vec::<Evidence>::new()));
        assert_eq!(room.ended(&rollback().action), [End::Done]);
        assert_eq!(room.look(23).await, []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_does_not_know_it_leaves_it_to_the_next() {
    let all = [Does::Fails, Does::Hangs, Does::HasOthers, well_from(10)];
    let room = Room::of(&rollback(), done(), &all);
    room.look(14).await;
    assert_eq!(room.found().0, Recovery::Recovered);
}

#[tokio::test]
async fn an_alert_tells_by_its_end_and_is_what_is_cited() {
    let sign = RecoverySign::Alert { fingerprint: "f".into(), name: "CheckoutFailing".into() };
    let check = Some(RecoveryCheck { sign, within: SignedDuration::from_mins(15) });
    let proposal = Proposal { check, ..rollback() };
    let story = Story::in_channel()
        .hearback(1, Happening::AlertFired(alert("f", -1)))
        .proposed(&proposal)
        .started(6, &proposal)
        .ended(7, &proposal, Outcome::Done(done()));
    let fired = story.incident().alerts[0].evidence;
    let room = |story: &Story| Room::telling(story.clone(), &proposal, &[Does::Fails]);
    let over = story.clone().hearback(11, Happening::AlertResolved { fingerprint: "f".into() });
    for (story, minute, expect) in [
        (&over, 13, (Recovery::Recovered, "alert CheckoutFailing is over, 4 min after the action")),
        (&story, 22, (Recovery::NotRecovered, "alert CheckoutFailing still fires, 15 min after the action")),
    ] {
        let room = room(story);
        assert_eq!(room.look(minute).await, [rollback().id]);
        let (recovery, because) = room.found();
        assert_eq!((recovery, because.says()), expect);
        assert_eq!(because.citations()[0].evidence, fired);
    }
    assert_eq!(room(&story).look(13).await, []);
    assert_eq!(room(&over).look(12).await, [], "it may fire again at once");
}

#[tokio::test]
async fn what_was_not_done_and_what_has_no_check_is_not_looked_at() {
    let story = |proposal: &Proposal| Story::in_channel().proposed(proposal);
    let unchecked = Proposal { check: None, ..rollback() };
    let failed = Outcome::Failed { why: "no".into() };
    let of = rollback();
    for (what, story) in [
        ("waits", story(&of)),
        ("under way", story(&of).started(6, &of)),
        ("failed", story(&of).started(6, &of).ended(7, &of, failed)),
        ("no check", story(&unchecked).started(6, &unchecked).ended(7, &unchecked, Outcome::Done(done()))),
    ] {
        let room = Room::telling(story, &of, &[well_from(8)]);
        let before = room.memory.entries(&id()).len();
        assert_eq!(room.look(30).await, [], "{what}");
        assert_eq!(room.memory.entries(&id()).len(), before, "{what}");
    }
}

#[tokio::test]
async fn who_writes_in_between_makes_nothing_happen_twice() {
    let room = Room::of(&rollback(), done(), &[well_from(99)]);
    room.memory.interrupt(draft(22, person("Ana"), Happening::note("cli", "still slow")));
    assert_eq!(room.look(22).await, [rollback().id]);
    assert_eq!(room.kinds(), ["other", "evidence", "checked", "offer"]);
    // Another copilot saw the same.
    let room = Room::of(&rollback(), done(), &[well_from(99)]);
    let because = claim("checkout errors at 14", "theirs");
    let theirs =
        Happening::RecoveryChecked { proposal: rollback().id, recovery: Recovery::NotRecovered, because };
    room.memory.interrupt(draft(22, hearback_core::Actor::hearback(), theirs));
    assert_eq!(room.look(22).await, []);
    assert_eq!(room.kinds(), ["checked"]);
    // It may have been killed before it told the target.
    assert_eq!(room.ended(&rollback().action), [End::Done]);
    assert_eq!(room.look(23).await, []);
    assert_eq!(room.ended(&rollback().action), [End::DidNotHelp]);
}

#[tokio::test]
async fn an_incident_that_is_over_is_told_and_offered_nothing() {
    let story = Story::in_channel().proposed(&rollback()).started(6, &rollback());
    let story = story.ended(7, &rollback(), Outcome::Done(done()));
    let story = story.then(9, person("Ana"), Happening::Resolved { how: "rolled back".into() });
    let room = Room::telling(story, &rollback(), &[well_from(99)]);
    assert_eq!(room.look(22).await, [rollback().id]);
    assert_eq!(room.kinds(), ["other", "evidence", "checked"]);
    assert_eq!(room.ended(&rollback().action), [End::DidNotHelp]);
}
