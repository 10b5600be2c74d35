//! The fake itself: its contract can be broken, it goes away and comes back, and it shows what people see and what they
//! click on.

use hearback_core::chat::{ChatError, ChatMessage, ChatPort as _, HeardWhat, Press};
use hearback_core::hash::Digest;
use hearback_core::{IncidentId, MessageId, ProposalId};
use hearback_slack::SlackChat;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::contract::{SIGNING_SECRET, TEAM, faults};
use super::fake::Fake;
use super::sends::{ADA, GRACE, Request};
use super::sent::{CHANNEL, heard};
use super::{AMPLE, bound_to, channel, chat, now, says};

#[test]
fn the_contract_can_be_broken() {
    let good = json!({
        "channel": "C1", "text": "x", "unfurl_links": false, "unfurl_media": false,
        "metadata": {"event_type": "hearback", "event_payload": {"key": "k"}},
        "blocks": [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "x"}]}]}],
    });
    assert_eq!(faults("chat.postMessage", &good), [""; 0]);
    let broken = |change: fn(&mut Value)| {
        let mut body = good.clone();
        change(&mut body);
        faults("chat.postMessage", &body).len()
    };
    assert_eq!(broken(|body| body["unfurl_links"] = true.into()), 1);
    assert_eq!(broken(|body| body["text"] = "<!channel>".into()), 1);
    assert_eq!(broken(|body| body["username"] = "root".into()), 1);
    assert_eq!(
        broken(|body| body["blocks"][0]["elements"][0]["elements"][0]["text"] = "x".repeat(3001).into()),
        1
    );
    assert_eq!(
        broken(|body| body["blocks"][0]["elements"][0]["elements"][0]["type"] = "broadcast".into()),
        1
    );
    assert_eq!(broken(|body| body["blocks"] = vec![body["blocks"][0].clone(); 51].into()), 1);
}

#[tokio::test]
async fn a_thread_that_is_named_by_an_answer_breaks_the_contract() {
    let fake = Fake::start().await;
    let chat = chat(&fake);
    let root = chat.post(&channel(), &says("root", "x"), AMPLE).await.unwrap();
    let within =
        |key: &str, thread: &MessageId| ChatMessage { thread: Some(thread.clone()), ..says(key, "x") };
    let inner = chat.post(&channel(), &within("inner", &root), AMPLE).await.unwrap();
    fake.assert_kept_the_contract();
    chat.post(&channel(), &within("wrong", &inner), AMPLE).await.unwrap();
    assert_eq!(fake.broken(), ["chat.postMessage: thread_ts is that of an answer"]);
}

/// What a caller does whose message must be there once: waits while Slack is away, looks when it is unclear.
async fn bring(chat: &SlackChat, message: &ChatMessage) -> MessageId {
    for _ in 0..200 {
        match chat.post(&channel(), message, AMPLE).await {
            Ok(id) => return id,
            Err(ChatError::Unclear(_)) => {
                if let Ok(Some(found)) = chat.find(&channel(), message, now(), AMPLE).await {
                    return found;
                }
            }
            Err(ChatError::Busy(pause)) => tokio::time::sleep(pause.try_into().unwrap()).await,
            Err(ChatError::Away(_)) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("never posted")
}

#[tokio::test]
async fn it_goes_away_and_comes_back_at_the_same_address_with_what_it_took() {
    let fake = Fake::start().await;
    let chat = chat(&fake);
    chat.post(&channel(), &says("before", "x"), AMPLE).await.unwrap();
    for _ in 0..3 {
        fake.away().await;
        let error = chat.post(&channel(), &says("lost", "x"), AMPLE).await.unwrap_err();
        assert!(matches!(&error, ChatError::Away(why) if why.contains("nothing listens there")), "{error:?}");
        fake.back().await;
    }
    fake.failing(503);
    let error = chat.post(&channel(), &says("lost", "x"), AMPLE).await.unwrap_err();
    assert!(matches!(&error, ChatError::Away(why) if why.contains("503")), "{error:?}");
    fake.back().await;
    chat.post(&channel(), &says("after", "x"), AMPLE).await.unwrap();
    assert_eq!(fake.keys(CHANNEL), ["before", "after"]);
    // Those that were refused at the door were never calls.
    assert_eq!(fake.calls("chat.postMessage"), (3, 2));
}

#[tokio::test]
async fn a_queue_is_brought_over_everything_that_happens_once_and_in_order() {
    let fake = Fake::start().await;
    let chat = chat(&fake);
    let keys: Vec<String> = (0..12).map(|n| format!("k{n}")).collect();
    fake.busy("chat.postMessage", 2, 1);
    let queue = async {
        for key in &keys {
            bring(&chat, &says(key, "x")).await;
        }
    };
    let outage = async {
        for _ in 0..3 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            fake.away().await;
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            fake.back().await;
        }
    };
    tokio::join!(queue, outage);
    assert_eq!(fake.keys(CHANNEL), keys);
    assert_eq!(fake.doubled(), [""; 0]);
    let other = bound_to(&format!("slack:{TEAM}:C0OTHER"));
    chat.post(&other, &says("elsewhere", "x"), AMPLE).await.unwrap();
    chat.post(&channel(), &says("k3", "x"), AMPLE).await.unwrap();
    assert_eq!(fake.doubled(), ["k3"]);
    // The order is known across channels too.
    assert_eq!((fake.messages("C0OTHER")[0].number, fake.messages(CHANNEL)[12].number), (12, 13));
    fake.assert_kept_the_contract();
}

#[tokio::test]
async fn the_next_posts_are_too_many_and_say_when_to_come_again() {
    let fake = Fake::start().await;
    fake.busy("chat.postMessage", 3, 9);
    for _ in 0..3 {
        // Each of its own client: one would not ask again before its time.
        let error = chat(&fake).post(&channel(), &says("k", "x"), AMPLE).await.unwrap_err();
        assert_eq!(error, ChatError::Busy(SignedDuration::from_secs(9)));
    }
    chat(&fake).post(&channel(), &says("k", "x"), AMPLE).await.unwrap();
    assert_eq!(fake.calls("chat.postMessage"), (4, 1));
}

#[tokio::test]
async fn a_click_on_a_button_that_people_see_is_heard_as_that_press() {
    let fake = Fake::start().await;
    let press = Press::Approve {
        proposal: ProposalId::numbered(&IncidentId::numbered(17), 2),
        digest: Digest::of(b"revert"),
    };
    let root = chat(&fake).post(&channel(), &says("root", "x"), AMPLE).await.unwrap();
    let mut message = ChatMessage { thread: Some(root.clone()), ..says("INC-17.P2", "Proposed: revert.") };
    message.buttons = vec![press.clone()];
    let posted = chat(&fake).post(&channel(), &message, AMPLE).await.unwrap();
    let seen = fake.messages(CHANNEL).remove(1);
    assert_eq!(
        (seen.words.as_str(), seen.button("Approve").action_id.as_str()),
        ("Proposed: revert.", "press.approve")
    );
    let at = now() + SignedDuration::from_secs(1);
    let click = GRACE.clicks(&seen, "Approve", at);
    assert_eq!(click["container"]["thread_ts"], root.as_str());
    assert_eq!(click["message"]["blocks"][1]["block_id"], click["actions"][0]["block_id"]);
    let request = Request::click(SIGNING_SECRET, &click, at);
    let pressed = heard(&request);
    assert_eq!(pressed.what, HeardWhat::Pressed { message: posted, press });
    assert_eq!((pressed.by.as_str(), pressed.at), ("slack:T024BE7LD:U2147483698", at));
    // Slack repeats what was not answered in time: the same delivery, and the headers that tell it.
    let again = request.repeated(1);
    assert_eq!(heard(&again).delivery, pressed.delivery);
    assert_eq!(again.headers().len(), 5);
}

#[tokio::test]
async fn what_stood_in_the_place_of_a_message_before_is_remembered() {
    let fake = Fake::start().await;
    let id = chat(&fake).post(&channel(), &says("k", "Looking…"), AMPLE).await.unwrap();
    chat(&fake).update(&channel(), &id, &says("k", "Likely the deploy."), AMPLE).await.unwrap();
    let [seen] = fake.messages(CHANNEL).try_into().unwrap();
    assert_eq!((seen.words.as_str(), seen.before), ("Likely the deploy.", vec!["Looking…".to_owned()]));
}

#[tokio::test]
async fn a_message_that_is_not_ours_can_not_be_changed() {
    let fake = Fake::start().await;
    let theirs = ADA.says(CHANNEL, "x", now());
    fake.put(theirs.clone());
    let id = MessageId::new(theirs["ts"].as_str().unwrap()).unwrap();
    let error = chat(&fake).update(&channel(), &id, &says("k", "y"), AMPLE).await.unwrap_err();
    assert_eq!(error, ChatError::Refused("the message is not the copilot's; it can't be changed".into()));
}

#[test]
fn the_same_again_is_the_same_delivery_and_everything_else_another() {
    let later = now() + SignedDuration::from_micros(1);
    let events = [
        ADA.invites(CHANNEL, now()),
        ADA.invites(CHANNEL, later),
        ADA.invites("C0OTHER", now()),
        ADA.says(CHANNEL, "x", now()),
        ADA.says(CHANNEL, "x", later),
        ADA.says("C0OTHER", "x", now()),
    ];
    let commands = [(ADA, now()), (GRACE, now()), (ADA, later)].map(|(who, at)| {
        Request::command(SIGNING_SECRET, &who.commands(CHANNEL, "/incident", "", at), now())
    });
    let requests = events.iter().map(|event| Request::event(SIGNING_SECRET, event, now())).chain(commands);
    let mut deliveries: Vec<String> = Vec::new();
    for request in requests {
        let first = heard(&request);
        assert_eq!(heard(&request.clone()), first);
        deliveries.push(first.delivery);
    }
    deliveries.sort();
    let all = deliveries.len();
    deliveries.dedup();
    assert_eq!(deliveries.len(), all);
}
