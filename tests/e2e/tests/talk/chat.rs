//! A chat system in memory: it keeps what stands, and fails as it is told.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use hearback_core::MessageId;
use hearback_core::chat::{BoundChannel, ChatError, ChatMessage, ChatPort, HeardFrom, Reply};
use jiff::{SignedDuration, Timestamp};

/// How the next call goes wrong.
#[derive(Debug, Clone)]
pub enum Trouble {
    Busy,
    Away,
    /// It was taken, and nobody heard so.
    Taken,
    /// It was not taken, and nobody heard so.
    Lost,
    Refused,
}

/// What stands: the channel, the key it was posted with, and what it says.
#[derive(Debug, Clone)]
pub struct Standing {
    pub channel: String,
    pub message: ChatMessage,
}

#[derive(Default)]
pub struct Chat {
    pub stands: Mutex<Vec<Standing>>,
    pub troubles: Mutex<VecDeque<Trouble>>,
    pub calls: Mutex<Vec<String>>,
}

impl Chat {
    pub fn trouble(&self, trouble: Trouble) {
        self.troubles.lock().unwrap().push_back(trouble);
    }

    /// The keys of what stands, in order.
    pub fn keys(&self) -> Vec<String> {
        self.stands.lock().unwrap().iter().map(|one| one.message.key.clone()).collect()
    }

    fn call(&self, what: &str, key: &str) -> Option<Trouble> {
        self.calls.lock().unwrap().push(format!("{what} {key}"));
        self.troubles.lock().unwrap().pop_front()
    }

    fn put(&self, to: &BoundChannel, message: &ChatMessage) -> MessageId {
        let mut stands = self.stands.lock().unwrap();
        stands.push(Standing { channel: to.channel().to_string(), message: message.clone() });
        MessageId::new(format!("m{}", stands.len())).unwrap()
    }
}

fn error(trouble: Trouble) -> ChatError {
    match trouble {
        Trouble::Busy => ChatError::Busy(SignedDuration::from_secs(7)),
        Trouble::Away => ChatError::Away("nobody is there".into()),
        Trouble::Taken | Trouble::Lost => ChatError::Unclear("no answer".into()),
        Trouble::Refused => ChatError::Refused("not like this".into()),
    }
}

#[async_trait]
impl ChatPort for Chat {
    async fn post(
        &self,
        to: &BoundChannel,
        message: &ChatMessage,
        _: SignedDuration,
    ) -> Result<MessageId, ChatError> {
        match self.call("post", &message.key) {
            None => Ok(self.put(to, message)),
            Some(Trouble::Taken) => {
                self.put(to, message);
                Err(error(Trouble::Taken))
            }
            Some(trouble) => Err(error(trouble)),
        }
    }

    async fn update(
        &self,
        _: &BoundChannel,
        posted: &MessageId,
        message: &ChatMessage,
        _: SignedDuration,
    ) -> Result<(), ChatError> {
        if let Some(trouble) = self.call("update", &message.key) {
            return Err(error(trouble));
        }
        let place: usize = posted.as_str().trim_start_matches('m').parse().unwrap();
        self.stands.lock().unwrap()[place - 1].message = message.clone();
        Ok(())
    }

    async fn find(
        &self,
        to: &BoundChannel,
        message: &ChatMessage,
        _: Timestamp,
        _: SignedDuration,
    ) -> Result<Option<MessageId>, ChatError> {
        if let Some(trouble) = self.call("find", &message.key) {
            return Err(error(trouble));
        }
        let stands = self.stands.lock().unwrap();
        let is_it =
            |one: &Standing| one.message.key == message.key && one.channel == to.channel().to_string();
        Ok(stands.iter().position(is_it).map(|place| MessageId::new(format!("m{}", place + 1)).unwrap()))
    }

    async fn reply(&self, _: &HeardFrom, reply: &Reply, _: SignedDuration) -> Result<(), ChatError> {
        self.call("reply", &reply.key).map_or(Ok(()), |trouble| Err(error(trouble)))
    }
}
