//! What a rehearsal says and refuses, and that it changes nothing.

use hearback_core::action::Action;
use hearback_core::ports::{ActionExecutor as _, ConnectorError, Rehearsal};
use hearback_hook::HookExecutor;

use crate::approved::bring;
use crate::front::{Does, Front, answer, json};
use crate::real::World;
use crate::{AMPLE, SHORT, hook};

async fn rehearsed(does: Does) -> Result<Rehearsal, ConnectorError> {
    let front = Front::start(vec![does]).await;
    let rehearsed = hook(&front).rehearse(&bring("v12", "v11"), SHORT).await;
    assert_eq!(front.asked(), ["rehearse"], "asked once");
    rehearsed.map(|rehearsal| Rehearsal {
        says: rehearsal.says.iter().map(|says| says.replace(&front.host, "HOST")).collect(),
        refuses: rehearsal.refuses.map(|why| why.replace(&front.host, "HOST")),
    })
}

#[tokio::test]
async fn the_receiver_says_what_it_would_do_and_changes_nothing() {
    let world = World::new();
    let receiver = world.receiver();
    let front = Front::start(vec![Does::HandsOn]).await;
    front.hand_on_to(receiver.at);
    let told = hook(&front).rehearse(&bring("v12", "v11"), AMPLE).await.unwrap();
    assert_eq!(told.refuses, None);
    assert_eq!(told.says[0], format!("tell {} to bring cart in production from v12 to v11", front.host));
    assert!(told.says[1].ends_with("change.sh with v12 and v11\""), "{:?}", told.says);
    let told = hook(&front).rehearse(&bring("v13", "v11"), AMPLE).await.unwrap();
    assert_eq!(told.refuses, Some(format!("{} refuses it: \"another version runs\"", front.host)));
    assert_eq!((world.version().as_str(), world.changes().len(), front.heard().len()), ("v12", 0, 2));
}

#[tokio::test]
async fn what_a_receiver_can_answer_is_said_as_its_own_words() {
    let refuses = async |does: Does| rehearsed(does).await.unwrap().refuses;
    let ok = |body: &str| json("200 OK", body);
    let told = rehearsed(ok(r#"{"running":"v12","says":["a\u001b[2Jb"," ","c"],"more":1}"#)).await.unwrap();
    assert_eq!(told.says[1..], ["HOST says: \"a\u{fffd}[2Jb\"", "HOST says: \"c\""]);
    assert_eq!(told.refuses, None);
    let many = format!(r#"{{"running":"v12","says":[{}"x"]}}"#, "\"x\",".repeat(500));
    assert_eq!(rehearsed(ok(&many)).await.unwrap().says.len(), 11);
    for (body, why) in [
        (r#"{"running":"v10"}"#, "cart in production runs v10 and not v12, says HOST"),
        (r#"{"running":"v12","refuses":"freeze"}"#, "HOST refuses it: \"freeze\""),
        (r#"{"refuses":" "}"#, "HOST refuses it, and does not say why"),
        (r#"{}"#, "HOST does not say which version runs"),
        (r#"{"running":""}"#, "HOST does not say which version runs"),
        (r#"{"running":12}"#, "HOST sent JSON of another form than expected (line 1, column 13)"),
    ] {
        assert_eq!(refuses(ok(body)).await.as_deref(), Some(why), "{body}");
    }
}

#[tokio::test]
async fn a_receiver_that_can_not_be_used_is_a_refusal_and_one_that_is_away_an_error() {
    let refuses = async |does: Does| rehearsed(does).await.unwrap().refuses.unwrap();
    for (does, why) in [
        (
            json("401 Unauthorized", "{}"),
            "HOST refuses the signature or the credentials (401); check the secret",
        ),
        (json("422 X", r#"{"why":"no such service"}"#), "request (422); it says: \"no such service\""),
        (answer("404 Not Found", "", ""), "HOST does not take the request (404)"),
        (
            answer("307 X", "location: http://127.0.0.2:9/deploys\r\n", ""),
            "HOST sends on to http://127.0.0.2:9",
        ),
        (answer("307 X", "location: /elsewhere\r\n", ""), "HOST sends on to http://HOST"),
        (
            answer("200 OK", "content-type: text/html\r\n", "<p>"),
            "HOST sent text/html where JSON was expected",
        ),
        (json("200 OK", "{\"running\":"), "HOST sent JSON that ends in the middle"),
        (json("200 OK", &" ".repeat(70_000)), "the answer of HOST is longer than 65536 bytes"),
    ] {
        let told = refuses(does).await;
        assert!(told.contains(why), "{told}");
    }
    for does in [Does::Closes, Does::Hangs, Does::Drips, json("500 X", "{}"), json("503 X", "{}")] {
        let error = rehearsed(does).await.unwrap_err();
        assert!(matches!(error, ConnectorError::Failed(_) | ConnectorError::TimedOut(_)), "{error:?}");
    }
}

#[tokio::test]
async fn words_that_can_not_be_sent_are_refused_here() {
    let front = Front::start(vec![Does::Hangs]).await;
    let refuses =
        async |action: &Action| hook(&front).rehearse(action, AMPLE).await.unwrap().refuses.unwrap();
    assert_eq!(refuses(&bring("v12", "v12")).await, "the version that runs is the version that shall run");
    assert_eq!(refuses(&bring(" ", "v12")).await, "the version that runs is empty");
    assert!(refuses(&bring("v12", "a\nb")).await.ends_with("\"a b\" holds control characters"));
    assert!(refuses(&bring("v12", &"x".repeat(301))).await.ends_with("is longer than 300 bytes"));
    assert!(front.heard().is_empty());
}

#[tokio::test]
async fn a_hook_does_its_own_actions_alone() {
    let front = Front::start(vec![Does::Hangs]).await;
    let mut options = crate::options(&front.host);
    options.name = "flags".into();
    let other = HookExecutor::new(options).unwrap();
    assert!(hook(&front).supports(&bring("v12", "v11")) && !other.supports(&bring("v12", "v11")));
    let error = other.rehearse(&bring("v12", "v11"), AMPLE).await.unwrap_err();
    assert_eq!(error.to_string(), "this is no action of the hook flags");
    assert!(front.heard().is_empty());
}
