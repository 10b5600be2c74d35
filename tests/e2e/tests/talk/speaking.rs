//! Each message once and in order, whatever the chat system and the program's end do.

use hearback_core::MessageId;
use hearback_engine::channel::speaking::{SpeakingDesk, Spoke, Voice};
use jiff::{SignedDuration, Timestamp};

use crate::chat::{Chat, Trouble};
use crate::room::{Room, at, two_suspects};

async fn speak(room: &Room, chat: &Chat, voice: &mut Voice, now: Timestamp) -> Spoke {
    let record = room.record.as_ref();
    let desk = SpeakingDesk { record, claims: record, chat };
    desk.speak(&room.incident().await, voice, now).await.unwrap()
}

/// Speaks until all is said; time passes as the chat system asks for.
async fn speak_out(room: &Room, chat: &Chat, voice: &mut Voice, from: Timestamp) -> Timestamp {
    let mut now = from;
    for _ in 0..200 {
        match speak(room, chat, voice, now).await {
            Spoke::All => return now,
            Spoke::Later(until) => now = until.max(now + SignedDuration::from_millis(1)),
        }
    }
    panic!("it is never said: {:?}", chat.calls.lock().unwrap());
}

async fn room() -> Room {
    let room = Room::new().await;
    room.answered(Some("1.000001"), two_suspects()).await;
    room
}

const ALL: [&str; 2] = ["notice", "answer 3"];

#[tokio::test]
async fn each_is_said_once_and_then_nothing_more() {
    let (room, chat, mut voice) = (room().await, Chat::default(), Voice::default());
    speak_out(&room, &chat, &mut voice, at(2)).await;
    speak_out(&room, &chat, &mut voice, at(3)).await;
    // Another copilot, which has said nothing yet, reads that it was said.
    speak_out(&room, &chat, &mut Voice::default(), at(4)).await;
    assert_eq!(chat.keys(), ALL);
    assert_eq!(chat.calls.lock().unwrap().len(), 2);
    let incident = room.incident().await;
    assert_eq!(incident.spoken["answer 3"].message, MessageId::new("m2").unwrap());
}

#[tokio::test]
async fn troubles_delay_and_neither_lose_nor_double() {
    for trouble in [Trouble::Busy, Trouble::Away, Trouble::Taken, Trouble::Lost] {
        for at_call in 0..2 {
            let (room, chat, mut voice) = (room().await, Chat::default(), Voice::default());
            if at_call == 1 {
                // The first message is said well.
                let record = room.record.as_ref();
                let desk = SpeakingDesk { record, claims: record, chat: &chat };
                let mut incident = room.incident().await;
                incident.questions.clear();
                desk.speak(&incident, &mut voice, at(2)).await.unwrap();
            }
            chat.trouble(trouble.clone());
            chat.trouble(trouble.clone());
            let began = at(2);
            let ended = speak_out(&room, &chat, &mut voice, began).await;
            assert_eq!(chat.keys(), ALL, "{trouble:?} at {at_call}: {:?}", chat.calls.lock().unwrap());
            if matches!(trouble, Trouble::Busy) {
                assert!(ended.duration_since(began) >= SignedDuration::from_secs(14), "pauses are kept");
            }
        }
    }
}

#[tokio::test]
async fn away_for_ten_minutes_costs_few_calls_and_nothing_else() {
    let (room, chat, mut voice) = (room().await, Chat::default(), Voice::default());
    (0..24).for_each(|_| chat.trouble(Trouble::Away));
    let ended = speak_out(&room, &chat, &mut voice, at(2)).await;
    assert!(ended.duration_since(at(2)) >= SignedDuration::from_mins(10), "{ended}");
    assert_eq!(chat.keys(), ALL);
    assert!(chat.calls.lock().unwrap().len() < 60);
}

#[tokio::test]
async fn what_was_posted_by_a_copilot_that_was_killed_is_found() {
    let (room, chat) = (room().await, Chat::default());
    // It said so, posted, and was killed before it wrote that down.
    let sender = hearback_core::SourceName::new("said:INC-3").unwrap();
    room.record.mark_delivered(&sender, "1 notice", at(1), at(-1000)).await.unwrap();
    let channel = room.incident().await.channel.unwrap();
    let notice = hearback_engine::channel::speeches::speeches(&room.incident().await, at(1)).remove(0);
    hearback_core::chat::ChatPort::post(&chat, &channel, &notice, SignedDuration::from_secs(1))
        .await
        .unwrap();
    let ended = speak_out(&room, &chat, &mut Voice::default(), at(2)).await;
    assert_eq!(chat.keys(), ALL);
    assert!(ended.duration_since(at(2)) >= SignedDuration::from_secs(30), "the other had time to end");
}

#[tokio::test]
async fn what_a_killed_copilot_only_began_is_said() {
    let (room, chat) = (room().await, Chat::default());
    let sender = hearback_core::SourceName::new("said:INC-3").unwrap();
    room.record.mark_delivered(&sender, "1 notice", at(1), at(-1000)).await.unwrap();
    speak_out(&room, &chat, &mut Voice::default(), at(2)).await;
    let mut keys = chat.keys();
    keys.sort();
    assert_eq!(keys, ["answer 3", "notice"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_copilots_at_once_say_it_once() {
    for _ in 0..10 {
        let (room, chat) = (room().await, Chat::default());
        let other = hearback_record::open(&room.url).await.unwrap();
        let incident = room.incident().await;
        let say = |record: std::sync::Arc<dyn hearback_record::Record>| {
            let (incident, chat) = (incident.clone(), &chat);
            async move {
                let desk = SpeakingDesk { record: record.as_ref(), claims: record.as_ref(), chat };
                desk.speak(&incident, &mut Voice::default(), at(2)).await.unwrap();
            }
        };
        futures::future::join(say(room.record.clone()), say(other)).await;
        let mut keys = chat.keys();
        keys.sort();
        assert_eq!(keys, ["answer 3", "notice"]);
    }
}

#[tokio::test]
async fn what_changes_is_edited_where_it_stands() {
    let (room, chat, mut voice) = (room().await, Chat::default(), Voice::default());
    speak_out(&room, &chat, &mut voice, at(2)).await;
    let change = two_suspects().suspects[0].change.id.clone();
    room.happens(3, hearback_core::Happening::Dismissed { change }).await;
    chat.trouble(Trouble::Lost);
    speak_out(&room, &chat, &mut voice, at(4)).await;
    assert_eq!(chat.keys(), ALL);
    let stands = chat.stands.lock().unwrap();
    assert!(format!("{:?}", stands[1].message.lines).contains("not it, says"), "{:?}", stands[1]);
}

#[tokio::test]
async fn what_is_refused_holds_up_nothing() {
    let (room, chat, mut voice) = (room().await, Chat::default(), Voice::default());
    chat.trouble(Trouble::Refused);
    speak_out(&room, &chat, &mut voice, at(2)).await;
    assert_eq!(chat.keys(), ["answer 3"]);
    assert_eq!(chat.calls.lock().unwrap().len(), 2, "it is not tried again and again");
}
