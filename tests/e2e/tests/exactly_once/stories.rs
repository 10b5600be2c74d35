//! The stories of one press, told in a record that all of them share, each with what goes wrong in it and what was wrong
//! in the end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt;
use hearback_core::approval::Decided;
use hearback_core::target::Limits;
use hearback_record::Record;

use crate::check::all_that_is_wrong;
use crate::deployer::{Ending, Sight};
use crate::process::{Mishap, Pressed, Process};
use crate::room::{Room, Rules, at};

/// So many runs share the record's transactions.
const TOGETHER: usize = 48;
/// No run of the program makes more calls than this when it settles one proposal.
pub const MOST_CALLS: usize = 6;

/// Who presses what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    /// Ana approves.
    One,
    /// Ana approves, then Ben, and it takes both.
    Two,
    /// Cleo breaks the glass.
    Glass,
}

/// What happens, but for what goes wrong.
#[derive(Debug, Clone, Copy)]
pub struct Story {
    pub press: Press,
    pub ending: Ending,
    sight: Sight,
    /// Somebody else writes to the incident right before the start is written.
    pub interrupted: bool,
    /// Ben presses again right after, and, before anybody settles, somebody wants another action on the target.
    impatient: bool,
}

impl Story {
    /// All of them, or those that differ in more than what they combine.
    pub fn all(is_long: bool) -> Vec<Story> {
        let mut stories = Vec::new();
        for press in [Press::One, Press::Two, Press::Glass] {
            for ending in Ending::ALL {
                for sight in Sight::ALL {
                    for (interrupted, impatient) in [(false, false), (true, true)] {
                        stories.push(Story { press, ending, sight, interrupted, impatient });
                    }
                }
            }
        }
        let is_plain = |story: &Story| story.press == Press::One && !story.interrupted;
        stories.retain(|story| is_long || story.ending == Ending::Done || is_plain(story));
        stories
    }
}

/// What goes wrong: in the first run of the program, and in the one that settles.
pub type Mishaps = (Option<Mishap>, Option<Mishap>);

/// How a run through a story went.
pub struct Ran {
    pub first: Vec<&'static str>,
    pub second: Vec<&'static str>,
    wrong: Vec<String>,
}

/// The record that all stories share, each in an incident of its own.
pub struct Shelf {
    _folder: tempfile::TempDir,
    pub record: Arc<dyn Record>,
    next: AtomicU64,
}

impl Shelf {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = folder.path().join("record.sqlite").to_str().unwrap().parse().unwrap();
        let record = hearback_record::open(&url).await.unwrap();
        Shelf { _folder: folder, record, next: AtomicU64::new(1) }
    }

    async fn run(&self, story: Story, (first, second): Mishaps) -> Ran {
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        let rules = Rules::new(if story.press == Press::Two { 2 } else { 1 }, Limits::default());
        let targets = [("shop", story.ending), ("shop", Ending::Done), ("shop", Ending::Done)];
        let room = Room::new(&self.record, number, &targets, story.sight, rules).await;

        let a = room.process("a", &self.record, first);
        if story.interrupted {
            a.interrupt();
        }
        let asleep = a.until_it_stalls(a.live(press(&room, &a, story))).await;
        room.tell(at(3)).await;

        let b = room.process("b", &self.record, second);
        if story.impatient {
            let quick = room.process("quick", &self.record, None);
            let _ = quick.press(room.says(0, Decided::Approve), "Ben", at(3)).await.unwrap();
            // By now no lease holds any more.
            let _ = quick.press(room.says(2, Decided::BreakGlass), "Cleo", at(9)).await.unwrap();
        }
        b.live(async { b.settle(&[room.folded().await], at(10)).await }).await;
        room.tell(at(11)).await;
        if let Some(work) = asleep {
            a.wake(at(12));
            work.await;
        }

        let c = room.process("c", &self.record, None);
        let mut wrong = Vec::new();
        c.settle(&[room.folded().await], at(18)).await.unwrap();
        for who in ["Ana", "Ben"] {
            let _ = c.press(room.says(0, Decided::Approve), who, at(18)).await.unwrap();
        }
        // By now nobody waits any longer for a system that does not answer.
        c.settle(&[room.folded().await], at(60)).await.unwrap();
        room.tell(at(61)).await;
        wrong.extend(all_that_is_wrong(&room, &BTreeSet::new(), at(61)).await);
        wrong.extend(is_quiet(&room, &c).await);
        wrong.extend(the_next_action_goes_on(&room, &c).await);
        Ran { first: a.calls(), second: b.calls(), wrong }
    }
}

async fn press(room: &Room, process: &Arc<Process>, story: Story) {
    let presses: &[(&str, Decided)] = match story.press {
        Press::One => &[("Ana", Decided::Approve)],
        Press::Two => &[("Ana", Decided::Approve), ("Ben", Decided::Approve)],
        Press::Glass => &[("Cleo", Decided::BreakGlass)],
    };
    for (who, verdict) in presses {
        // An error is told to who pressed; whether it was told rightly is what the checks find out.
        let _ = process.press(room.says(0, *verdict), who, at(2)).await;
    }
}

/// Settling again finds nothing more and tells nobody anything.
async fn is_quiet(room: &Room, process: &Arc<Process>) -> Vec<String> {
    let before = (room.entries().await.len(), room.told());
    let settled = process.settle(&[room.folded().await], at(62)).await.unwrap();
    room.tell(at(62)).await;
    let is_quiet = settled.is_empty() && before == (room.entries().await.len(), room.told());
    if is_quiet { vec![] } else { vec![format!("it is not settled: {settled:?}")] }
}

/// Another action on the target can be done; after an unknown end, once a person has looked, and for good.
async fn the_next_action_goes_on(room: &Room, process: &Arc<Process>) -> Vec<String> {
    let target = room.proposals[1].action.target();
    let mut wrong = Vec::new();
    let mut came = Pressed::Rejected;
    let both = async |minute| {
        let mut came = Pressed::Rejected;
        for who in ["Ana", "Ben"] {
            if !matches!(came, Pressed::Ended(_)) {
                came = process.press(room.says(1, Decided::Approve), who, at(minute)).await.unwrap();
            }
        }
        came
    };
    let is_unknown = room.record.target(&target).await.unwrap().stopped.is_some();
    if is_unknown {
        came = both(63).await;
        if !matches!(&came, Pressed::Noted(why) if why.contains("until a person has looked")) {
            wrong.push(format!("an action after an unknown end: {came:?}"));
        }
        room.reset(&target, at(64)).await;
        // What was said once is not said again: the person's word stands.
        process.settle(&[room.folded().await], at(65)).await.unwrap();
    }
    if !matches!(came, Pressed::Ended(_)) {
        came = both(66).await;
    }
    if came != Pressed::Ended(Ending::Done.outcome()) {
        wrong.push(format!("the next action on the target: {came:?}"));
    }
    wrong.extend(all_that_is_wrong(room, &BTreeSet::from([target]), at(67)).await);
    wrong
}

/// Runs through stories, many at once. Stops the test if anything was wrong in one of them.
pub async fn run_all(runs: Vec<(Story, Mishaps)>) -> Vec<(Story, Ran)> {
    let shelf = Shelf::new().await;
    let runs = futures::stream::iter(runs).map(|(story, mishaps)| {
        let shelf = &shelf;
        async move { (story, mishaps, shelf.run(story, mishaps).await) }
    });
    let (mut bad, mut all) = (Vec::new(), Vec::new());
    let mut runs = runs.buffered(TOGETHER);
    while let Some((story, (first, second), ran)) = runs.next().await {
        assert!(ran.second.len() <= MOST_CALLS, "{:?}", ran.second);
        if !ran.wrong.is_empty() {
            let at = |mishap: Option<Mishap>, calls: &[&'static str]| {
                mishap.map(|(at, fault)| (at, calls.get(at).copied(), fault))
            };
            let (first, second) = (at(first, &ran.first), at(second, &ran.second));
            bad.push(format!(
                "{story:?}\n  first {first:?}, second {second:?}\n  {}",
                ran.wrong.join("\n  ")
            ));
        }
        all.push((story, ran));
    }
    let shown = bad.iter().take(12).map(String::as_str).collect::<Vec<_>>().join("\n");
    assert!(bad.is_empty(), "{} of {} went wrong, among them\n{shown}", bad.len(), all.len());
    all
}

/// Each story with the calls of its first run when nothing goes wrong.
pub async fn undisturbed(is_long: bool) -> Vec<(Story, Vec<&'static str>)> {
    let stories = Story::all(is_long).into_iter().map(|story| (story, (None, None))).collect();
    run_all(stories).await.into_iter().map(|(story, ran)| (story, ran.first)).collect()
}
