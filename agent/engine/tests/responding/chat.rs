//! A chat system in memory. It keeps what stands, refuses what no chat system takes, and goes wrong by script.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use hearback_core::MessageId;
use hearback_core::chat::{BoundChannel, ChatError, ChatMessage, ChatPort, HeardFrom, Reply};
use jiff::{SignedDuration, Timestamp};

use super::story::{CHANNEL, message_id};

/// What goes wrong at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    None,
    Busy(i64),
    Away,
    /// It is done, and nobody says so.
    UnclearTaken,
    /// It is not done, and nobody says so.
    UnclearNotTaken,
    Refused,
}

/// A message that stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Stands {
    pub id: MessageId,
    pub message: ChatMessage,
    pub edits: usize,
}

#[derive(Default)]
struct Room {
    stands: Vec<Stands>,
    /// For the next calls, whatever they are.
    script: VecDeque<Trouble>,
    /// For posts with these keys, always.
    refused: BTreeMap<String, usize>,
    calls: Vec<String>,
}

/// The chat system.
#[derive(Default)]
pub struct Fake {
    room: Mutex<Room>,
}

impl Fake {
    fn open(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap()
    }

    /// What goes wrong at the next calls.
    pub fn next(&self, troubles: &[Trouble]) {
        self.open().script.extend(troubles);
    }

    /// Nothing goes wrong any more.
    pub fn calm(&self) {
        self.open().script.clear();
    }

    /// Refuses to post this message, whenever it is tried.
    pub fn refuse(&self, key: &str) {
        self.open().refused.insert(key.to_owned(), 0);
    }

    /// How often the refused message was tried.
    pub fn tries(&self, key: &str) -> usize {
        self.open().refused[key]
    }

    pub fn stands(&self) -> Vec<Stands> {
        self.open().stands.clone()
    }

    /// The keys of what stands, in order.
    pub fn keys(&self) -> Vec<String> {
        self.open().stands.iter().map(|stands| stands.message.key.clone()).collect()
    }

    /// The calls since this was asked last.
    pub fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.open().calls)
    }

    /// Checks what no caller may do, and says what goes wrong.
    async fn call(
        &self,
        what: &str,
        at: &BoundChannel,
        message: &ChatMessage,
        budget: SignedDuration,
    ) -> Trouble {
        assert_eq!(at.channel().as_str(), CHANNEL, "a message for another channel");
        assert!(budget.is_positive() && budget <= SignedDuration::from_secs(10), "{budget}");
        assert!(!message.key.is_empty() && !message.lines.is_empty());
        {
            let mut room = self.open();
            room.calls.push(format!("{what} {}", message.key));
        }
        // Others have their turn while the request is on its way.
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        self.open().script.pop_front().unwrap_or(Trouble::None)
    }
}

fn failed(trouble: Trouble) -> Result<(), ChatError> {
    match trouble {
        Trouble::None => Ok(()),
        Trouble::Busy(seconds) => Err(ChatError::Busy(SignedDuration::from_secs(seconds))),
        Trouble::Away => Err(ChatError::Away("no connection".into())),
        Trouble::UnclearTaken | Trouble::UnclearNotTaken => Err(ChatError::Unclear("the line broke".into())),
        Trouble::Refused => Err(ChatError::Refused("no".into())),
    }
}

fn is_done(trouble: Trouble) -> bool {
    matches!(trouble, Trouble::None | Trouble::UnclearTaken)
}

#[async_trait]
impl ChatPort for Fake {
    async fn post(
        &self,
        to: &BoundChannel,
        message: &ChatMessage,
        budget: SignedDuration,
    ) -> Result<MessageId, ChatError> {
        let mut trouble = self.call("post", to, message, budget).await;
        let mut room = self.open();
        if let Some(tries) = room.refused.get_mut(&message.key) {
            *tries += 1;
            trouble = Trouble::Refused;
        }
        let id = message_id(&format!("17.{}", room.stands.len()));
        if is_done(trouble) {
            room.stands.push(Stands { id: id.clone(), message: message.clone(), edits: 0 });
        }
        failed(trouble).map(|()| id)
    }

    async fn update(
        &self,
        at: &BoundChannel,
        posted: &MessageId,
        message: &ChatMessage,
        budget: SignedDuration,
    ) -> Result<(), ChatError> {
        let trouble = self.call("edit", at, message, budget).await;
        let mut room = self.open();
        let stands = room.stands.iter_mut().find(|stands| stands.id == *posted);
        let stands = stands.ok_or_else(|| ChatError::Refused("there is no such message".into()))?;
        assert_eq!(stands.message.key, message.key, "one message in the place of another");
        if is_done(trouble) {
            stands.message = message.clone();
            stands.edits += 1;
        }
        failed(trouble)
    }

    async fn find(
        &self,
        to: &BoundChannel,
        message: &ChatMessage,
        since: Timestamp,
        budget: SignedDuration,
    ) -> Result<Option<MessageId>, ChatError> {
        let trouble = self.call("find", to, message, budget).await;
        assert!(since <= super::story::at(0), "what was said at once would not be found");
        failed(trouble)?;
        let room = self.open();
        let found = room
            .stands
            .iter()
            .find(|stands| (&stands.message.key, &stands.message.thread) == (&message.key, &message.thread));
        Ok(found.map(|stands| stands.id.clone()))
    }

    async fn reply(&self, _: &HeardFrom, _: &Reply, _: SignedDuration) -> Result<(), ChatError> {
        panic!("nobody is answered here");
    }
}
