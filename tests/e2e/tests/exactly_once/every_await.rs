//! The desk is killed at each of its awaits in turn, then the next run of the program at each of its own. Every call to
//! the outside is an await; between two of them nothing can be seen from outside.

use std::collections::BTreeSet;
use std::sync::Arc;

use hearback_core::approval::Decided;
use hearback_core::target::Limits;
use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};

use crate::check::all_that_is_wrong;
use crate::deployer::{Ending, Sight};
use crate::process::{Fault, Mishap, Pressed, Process};
use crate::room::{Room, Rules, at};
use crate::setting;
use crate::stories::{MOST_CALLS, Press, Shelf, Story, run_all, undisturbed};

/// Whether this is the torture run.
fn is_long() -> bool {
    setting("HEARBACK_TORTURE_ROUNDS", 0) > 0
}

fn each(calls: usize) -> impl Iterator<Item = Mishap> + Clone {
    (0..calls).flat_map(|at| Fault::ALL.map(|fault| (at, fault)))
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_await_of_a_press_is_the_last_the_action_is_done_at_most_once_and_nothing_is_lost() {
    let stories = undisturbed(is_long()).await;
    let of = |press| {
        stories.iter().find(|(story, _)| story.press == press && !story.interrupted).map(|(_, c)| c.join(" "))
    };
    assert_eq!(of(Press::One).unwrap(), "read freezes target take append execute read append end");
    assert_eq!(of(Press::Glass).unwrap(), "read freezes target take append notice execute read append end");
    let runs = stories
        .iter()
        .flat_map(|(story, calls)| each(calls.len()).map(|mishap| (*story, (Some(mishap), None))))
        .collect();
    println!("one mishap: {} runs through {} stories", run_all(runs).await.len(), stories.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_settled_is_only_looked_at() {
    let plain = Story::all(true).into_iter().filter(|story| !story.interrupted);
    for (story, ran) in run_all(plain.map(|story| (story, (None, None))).collect()).await {
        let expect: &[&str] = match (story.press, story.ending) {
            (Press::Glass, Ending::DoneUnheard | Ending::NotDoneUnheard) => &["notice", "end", "notice"],
            (_, Ending::DoneUnheard | Ending::NotDoneUnheard) => &["end", "notice"],
            (Press::Glass, _) => &["notice", "target"],
            _ => &["target"],
        };
        assert_eq!(ran.second, expect, "{story:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_that_was_too_late_takes_no_lease_away_from_the_one_that_was_not() {
    let shelf = Shelf::new().await;
    let rules = Rules::new(1, Limits::default());
    let room = Room::new(&shelf.record, 1, &[("shop", Ending::Done)], Sight::Clear, rules).await;
    // Both are presses in one run. Each sleeps for a moment: one before its start is written, one before its write.
    let [first, second] =
        [4, 5].map(|call| room.process("a", &shelf.record, Some((call, Fault::StallsBefore))));
    let press = |process: &Arc<Process>, who| {
        let (process, decision) = (process.clone(), room.says(0, Decided::Approve));
        async move { process.press(decision, who, at(2)).await.unwrap() }
    };
    let asleep = first.until_it_stalls(press(&first, "Ana")).await;
    assert_eq!(first.calls().last(), Some(&"append"));
    let other = second.until_it_stalls(press(&second, "Ben")).await;
    for (process, work) in [(&first, asleep), (&second, other)] {
        process.wake(at(2));
        if let Some(work) = work {
            work.await;
        }
    }
    assert_eq!(all_that_is_wrong(&room, &BTreeSet::new(), at(3)).await, Vec::<String>::new());
    assert_eq!(room.deployer.did().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_without_an_end_holds_its_own_target_even_without_a_lease_and_no_other() {
    let shelf = Shelf::new().await;
    let rules = Rules::new(1, Limits::default());
    let targets = [("shop", Ending::Done), ("shop", Ending::Done), ("till", Ending::Done)];
    let room = Room::new(&shelf.record, 1, &targets, Sight::Clear, rules).await;
    let killed = room.process("a", &shelf.record, Some((5, Fault::KilledBefore)));
    let press = killed.press(room.says(0, Decided::Approve), "Ana", at(2));
    assert!(killed.live(press).await.is_none());
    assert_eq!(killed.calls().last(), Some(&"execute"));
    // A person's word ends the lease that has run out; what was started is still without an end.
    room.reset(&room.proposals[0].action.target(), at(9)).await;
    let next = room.process("b", &shelf.record, None);
    let told = next.press(room.says(1, Decided::Approve), "Ana", at(9)).await.unwrap();
    let waits = matches!(&told, Pressed::Noted(why) if why.contains("was worked on for INC-1.P1"));
    assert!(waits, "{told:?}");
    let other = next.press(room.says(2, Decided::Approve), "Ana", at(9)).await.unwrap();
    assert_eq!(other, Pressed::Ended(Ending::Done.outcome()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_written_to_without_a_pause_is_said_and_leaves_the_target_free() {
    let shelf = Shelf::new().await;
    let rules = Rules::new(1, Limits::default());
    let room = Room::new(&shelf.record, 1, &[("shop", Ending::Done)], Sight::Clear, rules).await;
    let process = room.process("a", &shelf.record, None);
    (0..50).for_each(|_| process.interrupt());
    let error = process.press(room.says(0, Decided::Approve), "Ana", at(2)).await.unwrap_err();
    assert_eq!(error.to_string(), "the record of INC-1 is written to without a pause; try again");
    assert_eq!(all_that_is_wrong(&room, &BTreeSet::new(), at(2)).await, Vec::<String>::new());
    let came = process.press(room.says(0, Decided::Approve), "Ana", at(2)).await.unwrap();
    assert_eq!(came, Pressed::Ended(Ending::Done.outcome()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_that_sleeps_for_ten_minutes_at_any_await_does_no_harm_when_it_wakes() {
    let mut runs = Vec::new();
    for (story, calls) in undisturbed(is_long()).await {
        for (at, call) in calls.iter().enumerate() {
            // Right before the write only the target itself can tell that it is too late: the executor looks at it.
            let before = (*call != "execute").then_some(Fault::StallsBefore);
            let faults = before.into_iter().chain([Fault::StallsAfter]);
            runs.extend(faults.map(|fault| (story, (Some((at, fault)), None))));
        }
    }
    println!("one sleep: {} runs", run_all(runs).await.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_await_of_the_next_run_is_its_last_too_all_still_ends_well() {
    // Some pairs, drawn by a seed: all of them take most of an hour.
    let rounds = setting("HEARBACK_TORTURE_ROUNDS", 0);
    let seed = setting("HEARBACK_SEED", 1);
    let mut pairs = Vec::new();
    for (story, calls) in undisturbed(true).await {
        for first in each(calls.len()) {
            pairs.extend(each(MOST_CALLS).map(|second| (story, (Some(first), Some(second)))));
        }
    }
    let mut dice = Pcg64::seed_from_u64(seed);
    let mut draw = || pairs[(dice.next_u64() % pairs.len() as u64) as usize];
    let drawn = (0..(100 * rounds).max(800)).map(|_| draw()).collect();
    println!("two mishaps: {} runs of {}, seed {seed}", run_all(drawn).await.len(), pairs.len());
}
