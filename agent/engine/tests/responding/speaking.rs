//! What is said stands once and in order, whatever the chat system, the record and other copilots do.

use hearback_core::Happening;
use hearback_core::action::Outcome;
use hearback_core::ports::{DeliveryLog as _, RecordError};
use hearback_core::{Incident, SourceName};
use hearback_engine::channel::speaking::{SpeakingDesk, Spoke, Voice};
use hearback_engine::channel::speeches::{digest, speeches};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::chat::{Fake, Trouble};
use super::memory::Memory;
use super::story::*;

/// A channel, the record behind it, and the time.
struct Room {
    memory: Memory,
    chat: Fake,
    now: Timestamp,
}

impl Room {
    fn of(story: &Story) -> Self {
        Room { memory: Memory::of(&story.entries), chat: Fake::default(), now: at(30) }
    }

    fn desk(&self) -> SpeakingDesk<'_> {
        SpeakingDesk { record: &self.memory, claims: &self.memory, chat: &self.chat }
    }

    fn incident(&self) -> Incident {
        self.memory.incident(&id())
    }

    async fn try_speak(&self, voice: &mut Voice) -> Result<Spoke, RecordError> {
        self.desk().speak(&self.incident(), voice, self.now).await
    }

    async fn speak(&self, voice: &mut Voice) -> Spoke {
        self.try_speak(voice).await.unwrap()
    }

    /// In so many seconds.
    fn after(&self, seconds: i64) -> Spoke {
        Spoke::Later(self.now + SignedDuration::from_secs(seconds))
    }

    fn pass(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }

    /// Speaks whenever there is more to say, until all is said.
    async fn say_all(&mut self, voice: &mut Voice) {
        for _ in 0..100 {
            match self.speak(voice).await {
                Spoke::All => return,
                Spoke::Later(until) => self.now = self.now.max(until),
            }
        }
        panic!("it is never all said: {:?}", self.chat.calls());
    }

    /// All that is called for stands once, in order, in its latest words; and it is written down.
    fn assert_all_stands(&self) {
        self.assert_all_stands_but(&[]);
    }

    fn assert_all_stands_but(&self, unsaid: &[&str]) {
        let incident = self.incident();
        let mut calls = speeches(&incident, self.now);
        calls.retain(|message| !unsaid.contains(&message.key.as_str()));
        let keys: Vec<&String> = calls.iter().map(|message| &message.key).collect();
        assert_eq!(self.chat.keys().iter().collect::<Vec<_>>(), keys);
        for (stands, called_for) in self.chat.stands().iter().zip(&calls) {
            assert_eq!(stands.message, *called_for);
            let spoken = &incident.spoken[&called_for.key];
            assert_eq!(spoken.message, stands.id);
            assert_eq!(spoken.digest, digest(called_for).unwrap());
        }
    }
}

/// A notice, an answer, a proposal that waits until minute 34.
fn proposed() -> Story {
    Story::in_channel().asked(1, None, look_here()).proposed(&revert())
}

/// The same, done.
fn done() -> Story {
    proposed().started(6, &revert()).ended(7, &revert(), Outcome::Done(receipt("reverted it")))
}

fn approved_and_done(room: Room) -> Room {
    let entries = done().entries;
    let missing = entries.len() - proposed().entries.len();
    let mut story = Story { entries: room.memory.entries(&id()) };
    for entry in &entries[entries.len() - missing..] {
        story = story.then(31, entry.by.clone(), entry.happening().unwrap());
    }
    let memory = Memory::of(&story.entries);
    Room { memory, ..room }
}

#[tokio::test]
async fn each_message_is_said_once_and_in_order() {
    let room = Room::of(&done());
    let mut voice = Voice::default();
    assert_eq!(room.speak(&mut voice).await, Spoke::All);
    room.assert_all_stands();
    room.chat.calls();
    assert_eq!(room.speak(&mut voice).await, Spoke::All);
    // Who starts later has nothing to say, and asks nothing.
    assert_eq!(room.speak(&mut Voice::default()).await, Spoke::All);
    assert_eq!(room.chat.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_called_for_in_a_thread_follows_when_that_stands() {
    use hearback_core::approval::Decided;
    let story = proposed().decided(5, "Eve", &revert(), Decided::Approve, "", Some("Eve may not approve it"));
    let mut room = Room::of(&story);
    let mut voice = Voice::default();
    assert_eq!(room.speak(&mut voice).await, Spoke::All);
    assert_eq!(room.chat.keys(), ["notice", "answer 3", "proposal INC-17.P1"]);
    room.say_all(&mut voice).await;
    room.assert_all_stands();
    assert_eq!(room.chat.stands()[3].message.thread, Some(room.chat.stands()[2].id.clone()));
}

#[tokio::test]
async fn what_was_taken_without_a_word_is_found_and_not_doubled() {
    let mut room = Room::of(&proposed());
    room.chat.next(&[Trouble::None, Trouble::UnclearTaken]);
    let mut voice = Voice::default();
    assert_eq!(room.speak(&mut voice).await, room.after(1));
    assert_eq!(room.chat.keys(), ["notice", "answer 3"]);
    room.pass(1);
    assert_eq!(room.speak(&mut voice).await, Spoke::All);
    room.assert_all_stands();
    let calls = ["post notice", "post answer 3", "find answer 3", "post proposal INC-17.P1"];
    assert_eq!(room.chat.calls(), calls);
}

#[tokio::test]
async fn what_was_not_taken_is_said_again_before_what_follows_it() {
    let mut room = Room::of(&proposed());
    room.chat.next(&[Trouble::UnclearNotTaken]);
    let mut voice = Voice::default();
    assert_eq!(room.speak(&mut voice).await, room.after(1));
    assert_eq!(room.chat.keys(), Vec::<String>::new());
    room.say_all(&mut voice).await;
    room.assert_all_stands();
    assert_eq!(room.chat.calls()[..3], ["post notice", "find notice", "post notice"]);
}

#[tokio::test]
async fn while_it_can_not_be_looked_for_nothing_is_said_again() {
    let mut room = Room::of(&proposed());
    room.chat.next(&[Trouble::UnclearTaken, Trouble::Away, Trouble::UnclearNotTaken, Trouble::Busy(7)]);
    let mut voice = Voice::default();
    room.say_all(&mut voice).await;
    room.assert_all_stands();
    let calls = room.chat.calls();
    assert_eq!(calls[..5], ["post notice", "find notice", "find notice", "find notice", "find notice"]);
}

#[tokio::test]
async fn killed_after_it_was_said_and_before_that_was_written_down_the_next_one_finds_it() {
    let mut room = Room::of(&proposed());
    let mut killed = Voice::default();
    room.memory.fail_once();
    assert!(room.try_speak(&mut killed).await.is_err());
    drop(killed);
    assert_eq!((room.chat.keys().len(), room.incident().spoken.len()), (1, 0));
    let mut next = Voice::default();
    // It may still be on its way: the other one is left the time that a call may take.
    for _ in 0..30 {
        assert_eq!(room.speak(&mut next).await, room.after(1));
        room.pass(1);
    }
    assert_eq!(room.speak(&mut next).await, Spoke::All);
    room.assert_all_stands();
}

#[tokio::test]
async fn killed_before_it_was_said_the_next_one_says_it() {
    let mut room = Room::of(&proposed());
    let said = SourceName::new("said:INC-17").unwrap();
    room.memory.mark_delivered(&said, "1 notice", room.now, room.now).await.unwrap();
    room.say_all(&mut Voice::default()).await;
    room.assert_all_stands();
    assert_eq!(room.now, at(30) + SignedDuration::from_secs(30));
}

#[tokio::test]
async fn what_could_not_be_written_down_is_written_down_by_the_next_call() {
    let mut room = Room::of(&proposed());
    let mut voice = Voice::default();
    room.memory.fail_once();
    assert!(room.try_speak(&mut voice).await.is_err());
    room.pass(1);
    assert_eq!(room.speak(&mut voice).await, Spoke::All);
    room.assert_all_stands();
    let spoke =
        room.memory.happenings(&id()).into_iter().filter(|(_, what)| matches!(what, Happening::Spoke { .. }));
    assert_eq!(spoke.count(), 3, "each once");
}

#[tokio::test]
async fn two_copilots_at_once_say_it_once_and_in_order() {
    let mut room = Room::of(&done());
    let (mut one, mut other) = (Voice::default(), Voice::default());
    for _ in 0..3 {
        // Both see the incident as it is when they begin.
        let incident = room.incident();
        let desk = room.desk();
        let (one, other) = tokio::join!(
            desk.speak(&incident, &mut one, room.now),
            desk.speak(&incident, &mut other, room.now)
        );
        assert!(one.is_ok() && other.is_ok());
        room.pass(1);
    }
    room.assert_all_stands();
    assert_eq!(room.speak(&mut one).await, Spoke::All);
    assert_eq!(room.speak(&mut other).await, Spoke::All);
    let posts = room.chat.calls().into_iter().filter(|call| call.starts_with("post"));
    assert_eq!(posts.count(), room.chat.keys().len());
}

#[tokio::test]
async fn what_another_one_began_comes_first_and_edits_do_not_wait_for_it() {
    let mut room = Room::of(&proposed());
    let mut voice = Voice::default();
    room.say_all(&mut voice).await;
    let room = approved_and_done(room);
    let said = SourceName::new("said:INC-17").unwrap();
    room.memory.mark_delivered(&said, "1 ended INC-17.P1", room.now, room.now).await.unwrap();
    room.chat.calls();
    assert_eq!(room.speak(&mut voice).await, room.after(1));
    assert_eq!(room.chat.calls(), ["edit proposal INC-17.P1"]);
    // A message after that one is not said before it.
    let story = Story { entries: room.memory.entries(&id()) };
    let story = story.then(32, person("Ana"), Happening::Resolved { how: "reverted".into() });
    let mut room = Room { memory: Memory::of(&story.entries), ..room };
    room.memory.mark_delivered(&said, "1 ended INC-17.P1", room.now, room.now).await.unwrap();
    assert_eq!(room.speak(&mut voice).await, room.after(1));
    assert_eq!(room.chat.calls(), Vec::<String>::new());
    room.say_all(&mut voice).await;
    room.assert_all_stands();
}

#[tokio::test]
async fn a_pause_that_is_asked_for_is_kept_and_nothing_is_dropped() {
    let mut room = Room::of(&proposed());
    room.chat.next(&[Trouble::None, Trouble::Busy(20)]);
    let mut voice = Voice::default();
    assert_eq!(room.speak(&mut voice).await, room.after(20));
    room.chat.calls();
    room.pass(19);
    assert_eq!(room.speak(&mut voice).await, room.after(1));
    assert_eq!(room.chat.calls(), Vec::<String>::new());
    room.pass(1);
    assert_eq!(room.speak(&mut voice).await, Spoke::All);
    room.assert_all_stands();
    // Nothing was posted, so there is nothing to look for.
    assert_eq!(room.chat.calls(), ["post answer 3", "post proposal INC-17.P1"]);
}

#[tokio::test]
async fn a_pause_without_end_or_sense_is_no_trouble() {
    for seconds in [i64::MAX, i64::MIN] {
        let room = Room::of(&proposed());
        room.chat.next(&[Trouble::Busy(seconds)]);
        let spoke = room.speak(&mut Voice::default()).await;
        let until = if seconds > 0 { Timestamp::MAX } else { room.now };
        assert_eq!(spoke, Spoke::Later(until));
    }
}

#[tokio::test]
async fn a_chat_system_that_is_away_is_asked_ever_more_rarely() {
    let mut room = Room::of(&proposed());
    let mut voice = Voice::default();
    let mut pauses = async |room: &mut Room, count: usize| {
        let mut pauses = Vec::new();
        for _ in 0..count {
            room.chat.next(&[Trouble::Away]);
            let Spoke::Later(until) = room.speak(&mut voice).await else { panic!() };
            pauses.push(until.duration_since(room.now).as_secs());
            room.now = until;
        }
        room.say_all(&mut voice).await;
        pauses
    };
    assert_eq!(pauses(&mut room, 7).await, [1, 2, 4, 8, 16, 30, 30]);
    room.assert_all_stands();
    // So it is for edits: the proposal runs out.
    room.now = at(34);
    assert_eq!(pauses(&mut room, 3).await, [1, 2, 4]);
    room.assert_all_stands();
}

#[tokio::test]
async fn what_changed_is_edited_in_its_place() {
    let mut room = Room::of(&proposed());
    let mut voice = Voice::default();
    room.say_all(&mut voice).await;
    room.now = at(34);
    // The second try may be the second time: edited twice to the same words is edited.
    room.chat.next(&[Trouble::UnclearTaken]);
    room.say_all(&mut voice).await;
    room.assert_all_stands();
    let edits: Vec<usize> = room.chat.stands().iter().map(|stands| stands.edits).collect();
    assert_eq!(edits, [0, 0, 2]);
    assert!(room.chat.stands()[2].message.buttons.is_empty());
}

#[tokio::test]
async fn what_another_one_edited_last_is_known_to_stand() {
    let mut room = Room::of(&proposed());
    let mut one = Voice::default();
    room.say_all(&mut one).await;
    room.now = at(34);
    let mut other = Voice::default();
    room.say_all(&mut other).await;
    room.assert_all_stands();
    // The clock of the first is behind: to it the proposal still waits, and it says so; then it no longer does.
    room.now = at(33);
    room.say_all(&mut one).await;
    assert!(!room.chat.stands()[2].message.buttons.is_empty());
    room.now = at(34);
    room.say_all(&mut one).await;
    room.assert_all_stands();
    room.say_all(&mut other).await;
    room.assert_all_stands();
}

#[tokio::test]
async fn a_message_that_is_refused_holds_up_no_other_and_is_not_tried_in_the_same_words() {
    let mut room = Room::of(&done());
    room.chat.refuse("answer 3");
    let mut voice = Voice::default();
    assert_eq!(room.speak(&mut voice).await, Spoke::All);
    room.assert_all_stands_but(&["answer 3"]);
    room.pass(60);
    assert_eq!(room.speak(&mut voice).await, Spoke::All);
    assert_eq!(room.chat.tries("answer 3"), 1);
    // In other words it may be taken.
    let story = Story { entries: room.memory.entries(&id()) };
    let story = story.then(32, person("Ana"), Happening::Dismissed { change: rounding().id });
    room.memory = Memory::of(&story.entries);
    room.say_all(&mut voice).await;
    assert_eq!(room.chat.tries("answer 3"), 2);
}

#[tokio::test]
async fn an_edit_that_is_refused_holds_up_no_other() {
    let mut room = Room::of(&proposed());
    let mut voice = Voice::default();
    room.say_all(&mut voice).await;
    let room = approved_and_done(room);
    room.chat.next(&[Trouble::Refused]);
    room.chat.calls();
    assert_eq!(room.speak(&mut voice).await, Spoke::All);
    assert_eq!(room.chat.calls(), ["edit proposal INC-17.P1", "post ended INC-17.P1"]);
    assert_eq!(room.speak(&mut voice).await, Spoke::All);
    assert_eq!(room.chat.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn without_a_channel_nothing_is_said() {
    let room = Room::of(&Story::declared().asked(1, None, look_here()));
    assert_eq!(room.speak(&mut Voice::default()).await, Spoke::All);
    assert_eq!(room.chat.calls(), Vec::<String>::new());
}

/// One turn of one of two copilots.
#[derive(Debug, Clone)]
struct Turn {
    copilot: usize,
    after_seconds: i64,
    troubles: Vec<Trouble>,
    /// The record can't take what was said.
    record_is_away: bool,
    /// It is killed afterwards.
    is_killed: bool,
}

fn turn() -> impl Strategy<Value = Turn> {
    let trouble = prop_oneof![
        4 => Just(Trouble::None),
        1 => (1..40_i64).prop_map(Trouble::Busy),
        1 => Just(Trouble::Away),
        2 => Just(Trouble::UnclearTaken),
        2 => Just(Trouble::UnclearNotTaken),
    ];
    (0..2_usize, 0..40_i64, prop::collection::vec(trouble, 0..4), prop::bool::weighted(0.2), any::<bool>())
        .prop_map(|(copilot, after_seconds, troubles, record_is_away, is_killed)| Turn {
            copilot,
            after_seconds,
            troubles,
            record_is_away,
            is_killed,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn whatever_goes_wrong_each_message_stands_once_and_in_order(turns in prop::collection::vec(turn(), 0..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut room = Room::of(&done());
            let mut voices = [Voice::default(), Voice::default()];
            for turn in turns {
                room.pass(turn.after_seconds);
                room.chat.next(&turn.troubles);
                if turn.record_is_away {
                    room.memory.fail_once();
                }
                // An error of the record is one of the things that go wrong.
                let _ = room.try_speak(&mut voices[turn.copilot]).await;
                if turn.is_killed {
                    voices[turn.copilot] = Voice::default();
                }
            }
            // All is well again, and one of them goes on.
            let [mut one, _] = voices;
            room.chat.calm();
            room.memory.calm();
            for _ in 0..60 {
                let _ = room.try_speak(&mut one).await;
                room.pass(31);
            }
            room.assert_all_stands();
        });
    }
}
