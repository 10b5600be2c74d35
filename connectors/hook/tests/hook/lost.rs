//! An answer that does not come: it is looked up, never sent again, and never called a failure.

use hearback_core::action::Outcome;
use hearback_core::ports::{ActionExecutor as _, Trace};
use jiff::SignedDuration;

use crate::approved::{approved, at, bring};
use crate::front::{Does, Front, answer, hand_on, json, read_answer, state};
use crate::real::World;
use crate::{AMPLE, SHORT, hook};

async fn executed(script: Vec<Does>, budget: SignedDuration) -> (Outcome, Vec<String>) {
    let front = Front::start(script).await;
    let outcome = hook(&front).execute(approved(&bring("v12", "v11"), 1), at(), budget).await;
    let text = serde_json::to_string(&outcome).unwrap().replace(&front.host, "HOST");
    let asked = front.asked();
    assert_eq!(asked[0], "execute");
    assert!(asked[1..].iter().all(|asked| asked == "look"), "an execute is sent once: {asked:?}");
    (serde_json::from_str(&text).unwrap(), asked)
}

fn unclear_answers() -> Vec<Does> {
    vec![
        Does::Closes,
        Does::Hangs,
        Does::Drips,
        json("500 X", r#"{"why":"half of it"}"#),
        answer("502 Bad Gateway", "content-type: text/html\r\n", "<p>"),
        json("503 X", "{}"),
        answer("504 Gateway Timeout", "", ""),
        json("408 X", "{}"),
        answer("303 See Other", "location: /deploys/42\r\n", ""),
        answer("307 X", "location: http://127.0.0.2:9/\r\n", ""),
        answer("304 X", "", ""),
        answer("204 No Content", "", ""),
        answer("200 OK", "content-type: text/html\r\n", "<p>"),
        json("200 OK", r#"{"state":"perhaps"}"#),
        json("200 OK", r#"{"state":"done""#),
        json("200 OK", &format!("{}{{\"state\":\"done\"}}", " ".repeat(70_000))),
        json("200 OK", "[]"),
        json("422 X", r#"{"state":"done"}"#),
        state("not_known", ""),
        Does::Answers("SSH-2.0-OpenSSH_9.6\r\n".into()),
    ]
}

#[tokio::test]
async fn what_was_done_behind_an_unclear_answer_is_found() {
    for does in unclear_answers() {
        let found = state("done", r#","made":"42""#);
        let (outcome, asked) = executed(vec![does, Does::Closes, json("503 X", "{}"), found], SHORT).await;
        let Outcome::Done(receipt) = outcome else { panic!("{outcome:?}") };
        assert_eq!((receipt.made.as_deref(), asked.len()), (Some("42"), 4));
    }
}

#[tokio::test]
async fn what_is_not_found_is_unknown_and_says_what_to_do() {
    for does in unclear_answers() {
        let (outcome, asked) = executed(vec![does, state("not_known", "")], SHORT).await;
        let Outcome::Unknown { why } = outcome else { panic!("{outcome:?}") };
        assert!(why.starts_with("whether HOST did it is not known ("), "{why}");
        let end = "and HOST knows nothing of it so far; see which version of cart runs in production before anything \
                   else is done there";
        assert!(why.ends_with(end), "{why}");
        assert_eq!(asked.len(), 5, "{why}");
    }
}

#[tokio::test]
async fn what_the_look_says_otherwise_is_believed() {
    let look = async |does: Does| executed(vec![json("500 X", "{}"), does], SHORT).await.0;
    assert!(matches!(look(state("failed", "")).await, Outcome::Failed { .. }));
    assert!(matches!(look(state("not_as_expected", "")).await, Outcome::NotAsExpected { .. }));
    for does in [
        state("unclear", ""),
        json("401 X", "{}"),
        json("404 X", "{}"),
        answer("307 X", "location: /\r\n", ""),
    ] {
        let outcome = look(does).await;
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    }
    let Outcome::Unknown { why } = look(json("200 OK", "{}")).await else { panic!() };
    assert!(
        why.contains("(it answered 500), and it could not be looked up: HOST sent JSON of another form"),
        "{why}"
    );
}

#[tokio::test]
async fn looks_that_fail_end_with_the_time() {
    for does in [Does::Closes, Does::Hangs, Does::Drips, json("503 X", "{}")] {
        let begun = std::time::Instant::now();
        let budget = SignedDuration::from_secs(1);
        let (outcome, _) = executed(vec![Does::Closes, does], budget).await;
        let Outcome::Unknown { why } = outcome else { panic!("{outcome:?}") };
        assert!(why.contains("and it could not be looked up: "), "{why}");
        assert!(begun.elapsed() < budget.unsigned_abs() * 3, "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn what_is_under_way_is_followed_to_its_end() {
    let under_way = || json("202 Accepted", r#"{"state":"under_way"}"#);
    let bare = || answer("202 Accepted", "", "");
    for first in [under_way(), bare(), state("under_way", "")] {
        let script = vec![first, under_way(), under_way(), state("done", "")];
        let (outcome, asked) = executed(script, AMPLE).await;
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
        assert_eq!(asked.len(), 4);
    }
    let (outcome, asked) = executed(vec![under_way()], SHORT).await;
    let Outcome::Unknown { why } = outcome else { panic!("{outcome:?}") };
    assert!(
        why.starts_with("HOST took it, and was still at it when the time was up; see which version"),
        "{why}"
    );
    assert!((3..30).contains(&asked.len()), "with growing pauses: {}", asked.len());
}

#[tokio::test]
async fn a_pause_that_the_receiver_asks_for_is_kept() {
    let wait = answer("429 X", "retry-after: 60\r\n", "");
    let begun = std::time::Instant::now();
    let (outcome, asked) = executed(vec![Does::Closes, wait], AMPLE).await;
    assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    assert_eq!(asked.len(), 2, "longer than there is time: not asked again");
    assert!(begun.elapsed().as_secs() < 10);
}

#[tokio::test]
async fn an_answer_lost_after_it_was_done_is_found_and_done_once() {
    let world = World::new();
    let receiver = world.receiver();
    let front = Front::start(vec![Does::LosesTheAnswer, Does::HandsOn]).await;
    front.hand_on_to(receiver.at);
    let outcome = hook(&front).execute(approved(&bring("v12", "v11"), 1), at(), AMPLE).await;
    let Outcome::Done(receipt) = outcome else { panic!("{outcome:?}") };
    assert_eq!(receipt.made.as_deref(), Some("deploy-42"));
    assert_eq!(front.asked(), ["execute", "look"]);
    assert_eq!(world.changes(), ["cart production v12 v11"]);
}

#[tokio::test]
async fn a_slow_change_goes_on_when_the_caller_hangs_up() {
    let world = World::new();
    world.hold();
    let receiver = world.receiver();
    let front = Front::start(vec![Does::HandsOn]).await;
    front.hand_on_to(receiver.at);
    let hook = hook(&front);
    let executing = hook.execute(approved(&bring("v12", "v11"), 1), at(), SignedDuration::from_secs(6));
    let (outcome, ()) = tokio::join!(executing, async {
        world.change_has_begun().await;
        // The answer is given up after four seconds; the looks that follow hear the end.
        front.was_asked(2).await;
        world.let_go();
    });
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    assert_eq!((world.version().as_str(), world.changes().len()), ("v11", 1));
}

#[tokio::test]
async fn a_receiver_that_is_killed_in_the_middle_leaves_it_unknown() {
    let world = World::new();
    world.hold();
    let receiver = world.receiver();
    let front = Front::start(vec![Does::HandsOn]).await;
    front.hand_on_to(receiver.at);
    let hook = hook(&front);
    let executing = hook.execute(approved(&bring("v12", "v11"), 1), at(), AMPLE);
    let (outcome, again) = tokio::join!(executing, async {
        world.change_has_begun().await;
        drop(receiver);
        let again = world.receiver();
        front.hand_on_to(again.at);
        again
    });
    let Outcome::Unknown { why } = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("it says: \"the receiver ended in the middle of it\""), "{why}");
    // The same request once more: nothing is done again.
    let (status, told) = read_answer(&hand_on(again.at, &front.raw()[0]).await.unwrap());
    assert_eq!((status, told["state"].as_str()), (500, Some("unclear")));
    assert_eq!(world.changes().len(), 1);
}

#[tokio::test]
async fn a_receiver_that_was_killed_still_knows_what_it_did() {
    let world = World::new();
    let receiver = world.receiver();
    let front = Front::start(vec![Does::HandsOn]).await;
    front.hand_on_to(receiver.at);
    let action = bring("v12", "v11");
    let Outcome::Done(receipt) = hook(&front).execute(approved(&action, 1), at(), AMPLE).await else {
        panic!()
    };
    drop(receiver);
    let again = world.receiver();
    front.hand_on_to(again.at);
    let found = hook(&front).look(&action, approved(&action, 1).key(), AMPLE).await.unwrap();
    assert_eq!(found, Trace::Done(receipt));
    let (status, told) = read_answer(&hand_on(again.at, &front.raw()[0]).await.unwrap());
    assert_eq!((status, told["made"].as_str()), (200, Some("deploy-42")));
    assert_eq!(world.changes().len(), 1);
}
