//! Posting and changing: what goes out, and what is said of each failure.

use hearback_core::MessageId;
use hearback_core::chat::{ChatError, ChatPort as _};
use hearback_http::Secret;
use hearback_slack::{Installation, SlackChat, SlackOptions, identify};
use jiff::SignedDuration;
use serde_json::json;

use super::contract::{APP, BOT_TOKEN, BOT_USER, TEAM};
use super::fake::{Fake, Trouble};
use super::{AMPLE, bound_to, channel, chat, ours, says};

#[tokio::test]
async fn a_message_is_posted_once_with_its_key_in_its_thread() {
    let fake = Fake::start().await;
    let mut message = says("INC-17.answer.4", "Likely the deploy of checkout.");
    message.thread = Some(MessageId::new("1795442100.000200").unwrap());
    let posted = chat(&fake).post(&channel(), &message, AMPLE).await.unwrap();
    assert_eq!(posted.as_str(), "1795442400.000001");
    let sent = fake.last();
    assert_eq!(sent["channel"], "C024BE91L");
    assert_eq!(sent["thread_ts"], "1795442100.000200");
    assert_eq!(sent["metadata"]["event_payload"]["key"], "INC-17.answer.4");
    assert_eq!(fake.called(), ["chat.postMessage"]);
    fake.assert_kept_the_contract();
}

#[tokio::test]
async fn an_update_stands_where_the_message_stood() {
    let fake = Fake::start().await;
    let chat = chat(&fake);
    let posted = chat.post(&channel(), &says("a", "Looking…"), AMPLE).await.unwrap();
    chat.update(&channel(), &posted, &says("b", "Likely the deploy of checkout."), AMPLE).await.unwrap();
    let messages = fake.kept();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["text"], "Likely the deploy of checkout.");
    // The key it was posted with is the one it is found by.
    assert_eq!(messages[0]["metadata"]["event_payload"]["key"], "a");
    fake.assert_kept_the_contract();
    let gone = MessageId::new("1795442400.000099").unwrap();
    let error = chat.update(&channel(), &gone, &says("c", "x"), AMPLE).await.unwrap_err();
    assert_eq!(error.to_string(), "the chat system refused: the message is gone; somebody has deleted it");
}

#[tokio::test]
async fn every_failure_says_what_became_of_the_message() {
    let unclear = |why: &str| ChatError::Unclear(why.to_owned());
    for (trouble, expect, taken) in [
        (Trouble::Busy(Some(7)), ChatError::Busy(SignedDuration::from_secs(7)), 0),
        (Trouble::Busy(None), ChatError::Busy(SignedDuration::from_secs(30)), 0),
        (Trouble::Says("ratelimited"), ChatError::Busy(SignedDuration::from_secs(30)), 0),
        (Trouble::Status(503), ChatError::Away("HOST is too busy or failing (503); ask again".into()), 0),
        (Trouble::Says("service_unavailable"), ChatError::Away("Slack answers service_unavailable; ask again later".into()), 0),
        (Trouble::Status(500), unclear("it answered 500"), 0),
        (Trouble::Status(502), unclear("it answered 502"), 0),
        (Trouble::Says("internal_error"), unclear("Slack answers internal_error"), 0),
        (Trouble::Hangs, unclear("no answer in time"), 0),
        (Trouble::TakesAndHangs, unclear("no answer in time"), 1),
        (Trouble::TakesAndDrops, unclear("it broke off or does not speak HTTP"), 1),
        (
            Trouble::NotJson,
            unclear("HOST sent text/html where JSON was expected; check the address: a login page or another server may answer"),
            0,
        ),
        (Trouble::Answers(json!({"ok": true})), unclear("HOST sent JSON of another form than expected (line 1, column 11)"), 0),
        (Trouble::Answers(json!({"ok": true, "ts": "a b"})), unclear("Slack took the message and did not say which it is"), 0),
        (
            Trouble::Says("missing_scope"),
            ChatError::Refused("the app lacks the scope chat:write; update it from connectors/slack/manifest.json and install it again".into()),
            0,
        ),
        (
            Trouble::Says("not_in_channel"),
            ChatError::Refused("the copilot is not in the channel; invite it there with /invite @hearback".into()),
            0,
        ),
        (
            Trouble::Status(403),
            ChatError::Refused("HOST refuses the credentials (403); check the token or the password, and its rights".into()),
            0,
        ),
        (
            Trouble::Status(404),
            ChatError::Refused("HOST does not take the request (404); check the path of the address".into()),
            0,
        ),
    ] {
        let fake = Fake::start().await;
        fake.trouble("chat.postMessage", trouble.clone());
        let budget = SignedDuration::from_millis(if format!("{trouble:?}").contains("Hangs") { 300 } else { 20_000 });
        let error = chat(&fake).post(&channel(), &says("k", "x"), budget).await.unwrap_err();
        let told = match error {
            ChatError::Unclear(why) => ChatError::Unclear(fake.anonymous(&why)),
            ChatError::Away(why) => ChatError::Away(fake.anonymous(&why)),
            ChatError::Refused(why) => ChatError::Refused(fake.anonymous(&why)),
            busy @ ChatError::Busy(_) => busy,
        };
        assert_eq!(told, expect, "{trouble:?}");
        assert_eq!((fake.called().len(), fake.kept().len()), (1, taken), "{trouble:?}");
        fake.assert_kept_the_contract();
    }
}

#[tokio::test]
async fn nobody_at_the_address_means_that_nothing_was_posted() {
    let fake = Fake::start().await;
    let mut options = fake.options();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    options.http.base_url = format!("http://{closed}/api");
    let error = SlackChat::new(options).unwrap().post(&channel(), &says("k", "x"), AMPLE).await.unwrap_err();
    assert!(matches!(&error, ChatError::Away(why) if why.contains("nothing listens there")), "{error:?}");
}

#[tokio::test]
async fn a_pause_that_slack_asked_for_is_kept_by_everybody_and_for_that_channel_alone() {
    let fake = Fake::start().await;
    let chat = chat(&fake);
    fake.trouble("chat.postMessage", Trouble::Busy(Some(30)));
    for _ in 0..5 {
        let error = chat.post(&channel(), &says("k", "x"), AMPLE).await.unwrap_err();
        let ChatError::Busy(pause) = error else { panic!("{error:?}") };
        assert!(pause > SignedDuration::from_secs(20) && pause <= SignedDuration::from_secs(30), "{pause:?}");
    }
    assert_eq!(fake.called(), ["chat.postMessage"]);
    let other = bound_to(&format!("slack:{TEAM}:C0OTHER"));
    let posted = chat.post(&other, &says("k", "x"), AMPLE).await.unwrap();
    chat.update(&other, &posted, &says("k", "y"), AMPLE).await.unwrap();
    // A pause of a second ends, and then it is posted: nothing was dropped.
    fake.trouble("chat.postMessage", Trouble::Busy(Some(1)));
    let third = bound_to(&format!("slack:{TEAM}:C0THIRD"));
    loop {
        match chat.post(&third, &says("third", "x"), AMPLE).await {
            Ok(_) => break,
            Err(ChatError::Busy(pause)) => tokio::time::sleep(pause.try_into().unwrap()).await,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(fake.kept().len(), 2);
    fake.assert_kept_the_contract();
}

#[tokio::test]
async fn a_channel_of_another_workspace_or_system_is_never_asked_for() {
    let fake = Fake::start().await;
    for other in ["slack:T0OTHER:C024BE91L", "mattermost:T024BE7LD:C024BE91L"] {
        let error = chat(&fake).post(&bound_to(other), &says("k", "x"), AMPLE).await.unwrap_err();
        let expect =
            format!("the chat system refused: {other} is no channel of the workspace {TEAM}; bind another");
        assert_eq!(error.to_string(), expect);
        let posted = MessageId::new("1.000001").unwrap();
        assert!(matches!(
            chat(&fake).update(&bound_to(other), &posted, &says("k", "x"), AMPLE).await,
            Err(ChatError::Refused(_))
        ));
    }
    assert_eq!(fake.called(), [""; 0]);
}

#[tokio::test]
async fn what_can_not_be_said_is_refused_before_it_is_sent() {
    let fake = Fake::start().await;
    for message in [says("", "x"), says(&"k".repeat(2000), "x"), says("k", "")] {
        let error = chat(&fake).post(&channel(), &message, AMPLE).await.unwrap_err();
        assert!(error.to_string().ends_with("report it as a fault of Hearback"), "{error}");
    }
    assert_eq!(fake.called(), [""; 0]);
}

#[tokio::test]
async fn a_token_of_somebody_else_is_told_before_anything_is_posted() {
    let fake = Fake::start().await;
    chat(&fake).check(AMPLE).await.unwrap();
    let found = identify(fake.http(), &Secret::new(BOT_TOKEN), APP, AMPLE).await.unwrap();
    assert_eq!(found, ours());
    let with = |installation: Installation, token: &str| {
        SlackChat::new(SlackOptions { installation, bot_token: Secret::new(token), ..fake.options() })
            .unwrap()
    };
    for (chat, expect) in [
        (
            with(Installation::new("T0OTHER", APP, BOT_USER).unwrap(), BOT_TOKEN),
            "the chat system refused: the token belongs to the workspace T024BE7LD, and T0OTHER is configured; set the one or the other",
        ),
        (
            with(Installation::new(TEAM, APP, "U0OTHER").unwrap(), BOT_TOKEN),
            "the chat system refused: the token belongs to the user U0HEARBACK, and U0OTHER is configured; set the one or the other",
        ),
        (
            with(ours(), "xoxb-stolen"),
            "the chat system refused: the token is not accepted (invalid_auth); set the one that stands on the app's page",
        ),
        (
            with(ours(), super::contract::APP_TOKEN),
            "the chat system refused: the token is of the wrong kind; messages need the bot token (xoxb-), Socket Mode the app token (xapp-)",
        ),
    ] {
        let error = chat.check(AMPLE).await.unwrap_err();
        assert_eq!(error.to_string(), expect);
        for secret in ["horse", "battery", "stolen"] {
            assert!(!format!("{error:?}").contains(secret));
        }
    }
}
