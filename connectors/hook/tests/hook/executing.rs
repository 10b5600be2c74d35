//! Answers that say how it ended.

use hearback_core::action::{Action, Outcome, Receipt};
use hearback_core::ports::ActionExecutor as _;
use hearback_hook::HookExecutor;
use jiff::{SignedDuration, Timestamp};
use serde_json::json as value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::approved::{approved, at, bring};
use crate::front::{Does, Front, answer, json, state};
use crate::real::World;
use crate::{AMPLE, hook, options};

async fn executed(does: Does) -> (Outcome, Vec<String>) {
    let front = Front::start(vec![does, Does::Closes]).await;
    let outcome = hook(&front).execute(approved(&bring("v12", "v11"), 1), at(), AMPLE).await;
    let text = serde_json::to_string(&outcome).unwrap().replace(&front.host, "HOST");
    (serde_json::from_str(&text).unwrap(), front.asked())
}

fn failed(why: &str) -> Outcome {
    Outcome::Failed { why: why.into() }
}

fn not_as_expected(why: &str) -> Outcome {
    Outcome::NotAsExpected { why: why.into() }
}

#[tokio::test]
async fn it_is_done_once_and_its_inverse_takes_it_back() {
    let world = World::new();
    let receiver = world.receiver();
    let front = Front::start(vec![Does::HandsOn]).await;
    front.hand_on_to(receiver.at);
    let there = bring("v12", "v11");
    let Outcome::Done(receipt) = hook(&front).execute(approved(&there, 1), at(), AMPLE).await else {
        panic!()
    };
    let says = format!("{} brought cart in production from v12 to v11", front.host);
    let back = Some(Box::new(bring("v11", "v12")));
    assert_eq!(receipt, Receipt { says, link: None, inverse: back, made: Some("deploy-42".into()) });
    assert_eq!((world.version().as_str(), front.asked()), ("v11", vec!["execute".to_owned()]));
    let key = approved(&there, 1).key().as_str().to_owned();
    assert_eq!(
        front.heard()[0],
        value!({
            "contract": 1, "do": "execute", "key": key, "service": "cart", "environment": "production",
            "from": "v12", "to": "v11", "proposal": "INC-3.P1", "approved_by": ["Ana"], "glass_broken": false,
            "at": "2026-11-23T14:00:00Z",
        })
    );
    let back: Action = *receipt.inverse.unwrap();
    assert!(matches!(hook(&front).execute(approved(&back, 2), at(), AMPLE).await, Outcome::Done(_)));
    assert_eq!(world.changes(), ["cart production v12 v11", "cart production v11 v12"]);
    assert_eq!(world.version(), "v12");
}

#[tokio::test]
async fn another_version_runs_and_nothing_is_changed() {
    let world = World::new();
    let receiver = world.receiver();
    let front = Front::start(vec![Does::HandsOn]).await;
    front.hand_on_to(receiver.at);
    let outcome = hook(&front).execute(approved(&bring("v13", "v11"), 1), at(), AMPLE).await;
    let host = &front.host;
    let why = format!("cart in production runs v12 and not v13, says {host}, and nothing was changed");
    assert_eq!(outcome, not_as_expected(&why));
    assert_eq!((world.changes().len(), front.heard().len()), (0, 1));
}

#[tokio::test]
async fn a_change_that_failed_is_told_with_its_reason() {
    let world = World::new();
    world.break_changes();
    let receiver = world.receiver();
    let front = Front::start(vec![Does::HandsOn]).await;
    front.hand_on_to(receiver.at);
    let Outcome::Failed { why } = hook(&front).execute(approved(&bring("v12", "v11"), 1), at(), AMPLE).await
    else {
        panic!()
    };
    assert!(why.contains("nothing was changed; it says: \"sh ended with exit status: 3\""), "{why}");
    assert_eq!((world.version().as_str(), front.heard().len()), ("v12", 1));
}

#[tokio::test]
async fn a_request_signed_by_a_clock_that_is_wrong_is_refused_and_nothing_is_changed() {
    fn late() -> Timestamp {
        Timestamp::now().checked_sub(SignedDuration::from_mins(6)).unwrap()
    }
    let world = World::new();
    let receiver = world.receiver();
    let stale =
        HookExecutor::new(hearback_hook::HookOptions { clock: late, ..options(&receiver.at.to_string()) });
    let outcome = stale.unwrap().execute(approved(&bring("v12", "v11"), 1), at(), AMPLE).await;
    let Outcome::Failed { why } = outcome else { panic!("{outcome:?}") };
    assert!(
        why.contains("(401); check the secret and the clock on both sides, and nothing was done"),
        "{why}"
    );
    assert!(world.changes().is_empty());
}

#[tokio::test]
async fn an_answer_that_is_sure_needs_no_look() {
    for (does, expect) in [
        (
            state("not_as_expected", r#","running":"v10","why":"ana\ndeployed""#),
            not_as_expected(
                "cart in production runs v10 and not v12, says HOST, and nothing was changed; it says: \"ana deployed\"",
            ),
        ),
        (
            json("409 Conflict", r#"{"running":"v10"}"#),
            not_as_expected("cart in production runs v10 and not v12, says HOST, and nothing was changed"),
        ),
        (
            answer("409 Conflict", "", "busy"),
            not_as_expected("cart in production is not as expected, says HOST, and nothing was changed"),
        ),
        (state("failed", ""), failed("HOST could not do it, and nothing was changed")),
        (
            json("422 X", r#"{"state":"failed","why":"quota"}"#),
            failed("HOST could not do it, and nothing was changed; it says: \"quota\""),
        ),
        (
            json("400 Bad Request", r#"{"why":"no such service"}"#),
            failed("HOST does not take it (400); it says: \"no such service\", and nothing was done"),
        ),
        (answer("404 Not Found", "", ""), failed("HOST does not take it (404), and nothing was done")),
        (json("429 X", "{}"), failed("HOST is too busy (429), and nothing was done")),
    ] {
        assert_eq!(executed(does).await, (expect, vec!["execute".to_owned()]));
    }
    let (outcome, asked) = executed(state("unclear", r#","why":"half of it""#)).await;
    let why = "HOST can't tell whether it was done; it says: \"half of it\"; see which version of cart runs in \
               production before anything else is done there";
    assert_eq!((outcome, asked.len()), (Outcome::Unknown { why: why.into() }, 1));
}

#[tokio::test]
async fn what_a_receiver_made_is_repeated_only_if_that_is_safe() {
    let done = async |more: &str| match executed(state("done", more)).await {
        (Outcome::Done(receipt), _) => receipt,
        other => panic!("{other:?}"),
    };
    let receipt =
        done(r#","made":"42","link":"https://deploys.example/42","says":"all\u001b[2J well""#).await;
    assert_eq!(receipt.made.as_deref(), Some("42"));
    assert_eq!(receipt.link.as_deref(), Some("https://deploys.example/42"));
    assert!(receipt.says.ends_with("; it says: \"all\u{fffd}[2J well\""), "{}", receipt.says);
    let receipt = done(r#","made":"4\n2","link":"javascript:alert(1)""#).await;
    assert_eq!((receipt.made, receipt.link), (None, None));
    assert_eq!(done(r#","made":null,"link":null,"says":null"#).await.made, None);
}

#[tokio::test]
async fn what_never_reached_anybody_failed() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let away = HookExecutor::new(options(&nobody)).unwrap();
    let outcome = away.execute(approved(&bring("v12", "v11"), 1), at(), AMPLE).await;
    let why = format!(
        "{nobody} can't be reached: nothing listens there (connection refused), and nothing was done"
    );
    assert_eq!(outcome, failed(&why));
    // A server that speaks no TLS hears the greeting and never a request.
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = plain.local_addr().unwrap().to_string();
    let mut encrypted = options(&host);
    encrypted.http.base_url = format!("https://{host}/deploys");
    let encrypted = HookExecutor::new(encrypted).unwrap();
    let answer = async {
        let (mut stream, _) = plain.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    };
    let executing = encrypted.execute(approved(&bring("v12", "v11"), 1), at(), AMPLE);
    let (Outcome::Failed { why }, ()) = tokio::join!(executing, answer) else { panic!() };
    assert!(
        why.starts_with(&format!("TLS with {host} failed: ")) && why.ends_with(", and nothing was done"),
        "{why}"
    );
}

#[tokio::test]
async fn what_can_not_be_sent_is_not_sent() {
    let front = Front::start(vec![Does::Hangs]).await;
    let outcome = hook(&front).execute(approved(&bring("v12", "v12"), 1), at(), AMPLE).await;
    assert_eq!(outcome, failed("the version that runs is the version that shall run; nothing was sent"));
    let mut other = options(&front.host);
    other.name = "flags".into();
    let other = HookExecutor::new(other).unwrap();
    let outcome = other.execute(approved(&bring("v12", "v11"), 1), at(), AMPLE).await;
    assert_eq!(outcome, failed("this is no action of the hook flags; nothing was sent"));
    assert!(front.heard().is_empty());
}
