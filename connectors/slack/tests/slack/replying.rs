//! Answering somebody who spoke to the copilot: in the thread of their message, or to them alone.

use hearback_core::chat::{ChatError, ChatPort as _, Heard, HeardWhat, Press, Reply, Span};
use hearback_core::{ChangeId, ChannelId, ChatUserId, ExternalText, IncidentId, MessageId};

use super::contract::TEAM;
use super::fake::{Fake, Trouble};
use super::{AMPLE, chat, now};

fn heard(what: HeardWhat) -> Heard {
    Heard {
        delivery: "1.2.a".into(),
        by: ChatUserId::new(format!("slack:{TEAM}:U2147483697")).unwrap(),
        name: "ada".into(),
        channel: ChannelId::new(format!("slack:{TEAM}:C024BE91L")).unwrap(),
        at: now(),
        what,
    }
}

fn said(message: &str, thread: Option<&str>) -> HeardWhat {
    HeardWhat::Said {
        message: MessageId::new(message).unwrap(),
        thread: thread.map(|thread| MessageId::new(thread).unwrap()),
        text: "what changed?".into(),
        to_us: true,
    }
}

fn reply() -> Reply {
    let quoted = Span::Quoted(ExternalText::new("<!channel> & `x`"));
    Reply { key: "reply 1.2.a".into(), lines: vec![vec![Span::Plain("Nothing changed: ".into()), quoted]] }
}

#[tokio::test]
async fn a_message_is_answered_in_its_thread() {
    for (message, thread, expect) in [
        ("1795442100.000200", None, "1795442100.000200"),
        ("1795442100.000200", Some("1795442000.000100"), "1795442000.000100"),
    ] {
        let fake = Fake::start().await;
        let from = heard(said(message, thread)).from();
        chat(&fake).reply(&from, &reply(), AMPLE).await.unwrap();
        let sent = fake.last();
        assert_eq!((sent["thread_ts"].as_str(), fake.called().len()), (Some(expect), 1));
        assert_eq!(sent["metadata"]["event_payload"]["key"], "reply 1.2.a");
        fake.assert_kept_the_contract();
    }
}

#[tokio::test]
async fn a_command_and_a_press_are_answered_to_who_gave_them_alone() {
    let press =
        Press::NotIt { incident: IncidentId::numbered(1), change: ChangeId::new("git:shop:1").unwrap() };
    for what in [
        HeardWhat::Command { name: "incident".into(), text: "status".into() },
        HeardWhat::Pressed { message: MessageId::new("1795442100.000200").unwrap(), press },
    ] {
        let fake = Fake::start().await;
        chat(&fake).reply(&heard(what).from(), &reply(), AMPLE).await.unwrap();
        assert_eq!(fake.called(), ["chat.postEphemeral"]);
        let [whisper] = fake.whispers().try_into().unwrap();
        assert_eq!((&whisper["user"], &whisper["channel"]), (&"U2147483697".into(), &"C024BE91L".into()));
        assert!(fake.messages().is_empty(), "nobody else reads it");
        fake.assert_kept_the_contract();
    }
}

#[tokio::test]
async fn a_reply_that_is_not_taken_says_why() {
    let command = || heard(HeardWhat::Command { name: "incident".into(), text: "".into() }).from();
    for (trouble, expect) in [
        (
            Trouble::Says("user_not_in_channel"),
            "the chat system refused: whoever asked is not in the channel any more",
        ),
        (Trouble::Says("ratelimited"), "the chat system asks to wait 30 s"),
    ] {
        let fake = Fake::start().await;
        fake.trouble("chat.postEphemeral", trouble);
        let error = chat(&fake).reply(&command(), &reply(), AMPLE).await.unwrap_err();
        assert_eq!(error.to_string(), expect);
    }
    let fake = Fake::start().await;
    let elsewhere =
        Heard { channel: ChannelId::new("slack:T0OTHER:C1").unwrap(), ..heard(HeardWhat::Joined) };
    let refused = chat(&fake).reply(&elsewhere.from(), &reply(), AMPLE).await;
    assert!(matches!(refused, Err(ChatError::Refused(_))));
    assert_eq!(fake.called(), [""; 0]);
}
