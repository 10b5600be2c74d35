//! Finding a message whose post had no answer, so that it is never there twice.

use hearback_core::MessageId;
use hearback_core::chat::{ChatError, ChatMessage, ChatPort as _};
use hearback_slack::SlackChat;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::contract::{APP, BOT_USER};
use super::fake::{Fake, Trouble};
use super::{AMPLE, channel, chat, now, says};

/// What a caller does: posts; looks if it is unclear; posts again if it is not there.
async fn bring(chat: &SlackChat, message: &ChatMessage) -> MessageId {
    for _ in 0..5 {
        match chat.post(&channel(), message, SignedDuration::from_millis(400)).await {
            Ok(posted) => return posted,
            Err(ChatError::Unclear(_)) => {
                if let Some(found) = chat.find(&channel(), message, now(), AMPLE).await.unwrap() {
                    return found;
                }
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("never posted")
}

#[tokio::test]
async fn a_post_that_was_taken_without_an_answer_is_found_and_not_doubled() {
    for trouble in [Trouble::TakesAndHangs, Trouble::TakesAndDrops] {
        let fake = Fake::start().await;
        fake.trouble("chat.postMessage", trouble);
        let posted = bring(&chat(&fake), &says("k", "x")).await;
        assert_eq!(posted.as_str(), "1795442400.000001");
        assert_eq!(fake.kept().len(), 1);
        assert_eq!(fake.called(), ["chat.postMessage", "conversations.history"]);
        fake.assert_kept_the_contract();
    }
}

#[tokio::test]
async fn a_post_that_was_not_taken_is_posted_again() {
    let fake = Fake::start().await;
    for trouble in [Trouble::Hangs, Trouble::Status(502)] {
        fake.trouble("chat.postMessage", trouble);
    }
    bring(&chat(&fake), &says("k", "x")).await;
    assert_eq!(fake.kept().len(), 1);
    fake.assert_kept_the_contract();
}

#[tokio::test]
async fn it_is_found_in_its_thread_behind_pages_of_others() {
    let fake = Fake::start().await;
    let chat = chat(&fake);
    let thread = MessageId::new("1795442400.000001").unwrap();
    let in_thread = |key: &str| ChatMessage { thread: Some(thread.clone()), ..says(key, "x") };
    chat.post(&channel(), &says("root", "x"), AMPLE).await.unwrap();
    for n in 0..7 {
        chat.post(&channel(), &in_thread(&format!("other {n}")), AMPLE).await.unwrap();
        chat.post(&channel(), &says(&format!("outside {n}"), "x"), AMPLE).await.unwrap();
    }
    let expect = chat.post(&channel(), &in_thread("wanted"), AMPLE).await.unwrap();
    assert_eq!(chat.find(&channel(), &in_thread("wanted"), now(), AMPLE).await.unwrap(), Some(expect));
    let pages = |method: &str| fake.called().iter().filter(|called| *called == method).count();
    assert_eq!(pages("conversations.replies"), 5);
    assert_eq!(chat.find(&channel(), &in_thread("never said"), now(), AMPLE).await.unwrap(), None);
    assert_eq!(chat.find(&channel(), &says("wanted", "x"), now(), AMPLE).await.unwrap(), None);
    assert_eq!(pages("conversations.history"), 4);
    fake.assert_kept_the_contract();
}

fn message(app: &str, user: &str, metadata: Value) -> Value {
    json!({"channel": "C024BE91L", "ts": "1795442400.000100", "type": "message", "text": "x", "user": user,
        "app_id": app, "metadata": metadata})
}

#[tokio::test]
async fn a_message_that_only_looks_like_it_is_not_it() {
    let ours = |event: &str, key: &str| json!({"event_type": event, "event_payload": {"key": key}});
    for other in [
        message("A0OTHER", "U0OTHER", ours("hearback", "k")),
        message(APP, BOT_USER, ours("hearback", "k2")),
        message(APP, BOT_USER, ours("deploy", "k")),
        message(APP, BOT_USER, json!({"event_type": "hearback", "event_payload": {"key": 7}})),
        json!({"channel": "C024BE91L", "ts": "1795442400.000100", "user": "U2", "text": "k"}),
        json!({"channel": "C024BE91L", "ts": "1795442400.000100", "user": BOT_USER, "subtype": "channel_join", "text": "joined"}),
        // Of yesterday: whoever looks knows since when.
        json!({"channel": "C024BE91L", "ts": "1795356000.000100", "app_id": APP, "metadata": ours("hearback", "k")}),
    ] {
        let fake = Fake::start().await;
        fake.put(other.clone());
        assert_eq!(
            chat(&fake).find(&channel(), &says("k", "x"), now(), AMPLE).await.unwrap(),
            None,
            "{other}"
        );
    }
}

#[tokio::test]
async fn a_clock_that_differs_does_not_hide_it() {
    let fake = Fake::start().await;
    chat(&fake).post(&channel(), &says("k", "x"), AMPLE).await.unwrap();
    let since = now() + SignedDuration::from_mins(4);
    assert!(chat(&fake).find(&channel(), &says("k", "x"), since, AMPLE).await.unwrap().is_some());
}

#[tokio::test]
async fn what_can_not_be_told_is_never_called_absent() {
    let loops = json!({"ok": true, "messages": [], "response_metadata": {"next_cursor": "2"}});
    for (trouble, expect) in [
        (
            Trouble::HidesMetadata,
            "the chat system refused: Slack does not give back the metadata of our messages, so that none can be found; the app needs the scope metadata.message:read",
        ),
        (
            Trouble::Says("internal_error"),
            "the chat system is away: Slack answers internal_error; ask again later",
        ),
        (
            Trouble::Says("channel_not_found"),
            "the chat system refused: there is no such channel, or it is private and the copilot is not in it; invite it or bind another",
        ),
        (Trouble::Hangs, "the chat system is away: no answer from HOST in time"),
        (
            Trouble::NotJson,
            "the chat system is away: HOST sent text/html where JSON was expected; check the address: a login page or another server may answer",
        ),
        (Trouble::Busy(Some(60)), "the chat system asks to wait 60 s"),
    ] {
        let fake = Fake::start().await;
        chat(&fake).post(&channel(), &says("k", "x"), AMPLE).await.unwrap();
        let budget = if matches!(trouble, Trouble::Hangs) { SignedDuration::from_millis(300) } else { AMPLE };
        fake.trouble("conversations.history", trouble);
        let error = chat(&fake).find(&channel(), &says("k", "x"), now(), budget).await.unwrap_err();
        assert_eq!(fake.anonymous(&error.to_string()), expect);
    }
    let fake = Fake::start().await;
    fake.trouble("conversations.history", Trouble::Answers(loops.clone()));
    fake.trouble("conversations.history", Trouble::Answers(loops));
    let error = chat(&fake).find(&channel(), &says("k", "x"), now(), AMPLE).await.unwrap_err();
    assert_eq!(error.to_string(), "the chat system is away: Slack gives one page over and over");
}
