//! Brings what an incident calls for to its channel, each message once and in order, and edits what stands there. What was
//! said is written down; what may have been said by a copilot that was killed is looked for before it is said again.
//! It must not know what is said.

use std::collections::BTreeMap;

use hearback_core::chat::{BoundChannel, ChatError, ChatMessage, ChatPort};
use hearback_core::entry::{Actor, Draft};
use hearback_core::ids::{MessageId, SourceName};
use hearback_core::ports::{DeliveryLog, Expect, RecordError, RecordStore, Recorded};
use hearback_core::{Digest, Happening, Incident, IncidentId};
use jiff::{SignedDuration, Timestamp};

use super::speeches::{digest, speeches};

/// How long the chat system may take for one call.
const CALL_WITHIN: SignedDuration = SignedDuration::from_secs(10);
/// How long another copilot is left to say what it has begun to say: longer than a call may take.
const OTHERS_SAY_WITHIN: SignedDuration = SignedDuration::from_secs(30);
/// How long is waited after the chat system was away, at first and at most.
const AWAY: SignedDuration = SignedDuration::from_secs(1);
const AWAY_AT_MOST: SignedDuration = SignedDuration::from_secs(30);
/// How soon it is looked again whether another copilot has said what it began to say.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(1);
/// So long after it was refused something is not said again.
const REFUSED_FOR: SignedDuration = SignedDuration::from_mins(2);
/// For how long it is remembered who began to say what.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Speaks in channels.
#[derive(Clone, Copy)]
pub struct SpeakingDesk<'a> {
    /// Where it is written down what was said.
    pub record: &'a dyn RecordStore,
    /// Where it is noted who begins to say what.
    pub claims: &'a dyn DeliveryLog,
    /// The chat system.
    pub chat: &'a dyn ChatPort,
}

/// What one speaker remembers of an incident's channel between its calls.
#[derive(Debug, Default)]
pub struct Voice {
    /// Nothing is said before this.
    rests_until: Option<Timestamp>,
    /// How often in a row the chat system was away.
    away: u32,
    /// What stands, as far as it was not read back from the record yet.
    said: BTreeMap<String, (MessageId, Digest)>,
    /// What another copilot has begun to say, since when that is known here, and for the how manieth time.
    begun: BTreeMap<String, (Timestamp, u32)>,
    /// What was refused, in these words, and when: the copilot may not be in the channel yet.
    unsayable: BTreeMap<String, (Digest, Timestamp)>,
}

/// What came of speaking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoke {
    /// All of it stands.
    All,
    /// There is more to say, then.
    Later(Timestamp),
}

/// What came of one message.
enum Said {
    Stands(MessageId),
    NotNow(SignedDuration),
    /// Another copilot says it.
    ByOthers,
}

impl SpeakingDesk<'_> {
    /// Says what is left to say in the channel of an incident, until all is said or the chat system asks for a pause.
    ///
    /// # Errors
    /// The record is away; what was said and could not be written down is found again.
    pub async fn speak(
        &self,
        incident: &Incident,
        voice: &mut Voice,
        now: Timestamp,
    ) -> Result<Spoke, RecordError> {
        let Some(channel) = &incident.channel else { return Ok(Spoke::All) };
        if let Some(until) = voice.rests_until.filter(|until| *until > now) {
            return Ok(Spoke::Later(until));
        }
        let mut waits = None;
        for message in speeches(incident, now) {
            let says = digest(&message).map_err(|error| RecordError::Refused(error.to_string()))?;
            let stands = voice.said.get(&message.key).cloned().or_else(|| {
                incident.spoken.get(&message.key).map(|spoken| (spoken.message.clone(), spoken.digest))
            });
            if stands.as_ref().is_some_and(|(_, said)| *said == says)
                || voice
                    .unsayable
                    .get(&message.key)
                    .is_some_and(|(refused, at)| *refused == says && now.duration_since(*at) < REFUSED_FOR)
            {
                continue;
            }
            let said = match &stands {
                Some((id, _)) => self.edit(channel, id, &message).await,
                None => self.post(channel, &message, incident, voice, now).await?,
            };
            match said {
                Ok(Said::Stands(id)) => {
                    voice.away = 0;
                    // Written down first: what can't be is found again in the channel.
                    self.write_down(&incident.id, &message.key, id.clone(), says, now).await?;
                    voice.said.insert(message.key.clone(), (id, says));
                }
                Ok(Said::ByOthers) => waits = Some(later(now, LOOK_AGAIN)),
                Ok(Said::NotNow(pause)) => {
                    // The order is kept: nothing is said before what comes first.
                    let until = later(now, pause);
                    voice.rests_until = Some(until);
                    return Ok(Spoke::Later(until));
                }
                Err(why) => {
                    tracing::error!(incident = %incident.id, why, "a message can't be said");
                    voice.unsayable.insert(message.key.clone(), (says, now));
                }
            }
        }
        Ok(waits.map_or(Spoke::All, Spoke::Later))
    }

    async fn edit(
        &self,
        channel: &BoundChannel,
        id: &MessageId,
        message: &ChatMessage,
    ) -> Result<Said, String> {
        match self.chat.update(channel, id, message, CALL_WITHIN).await {
            // Edited twice to the same words is edited.
            Ok(()) => Ok(Said::Stands(id.clone())),
            Err(ChatError::Unclear(_) | ChatError::Away(_)) => Ok(Said::NotNow(AWAY)),
            Err(ChatError::Busy(pause)) => Ok(Said::NotNow(pause)),
            Err(ChatError::Refused(why)) => Err(why),
        }
    }

    /// Posts a message that does not stand as far as is known here. Who begins says so first; what somebody else began, or
    /// this one before it was killed, is looked for when they had time to end.
    async fn post(
        &self,
        channel: &BoundChannel,
        message: &ChatMessage,
        incident: &Incident,
        voice: &mut Voice,
        now: Timestamp,
    ) -> Result<Result<Said, String>, RecordError> {
        let (since, time) = match voice.begun.get(&message.key) {
            None => (None, 1),
            Some((since, time)) => (Some(*since), *time),
        };
        if since.is_some_and(|since| now.duration_since(since) < OTHERS_SAY_WITHIN) {
            return Ok(Ok(Said::ByOthers));
        }
        if since.is_some() {
            let from = incident.declared_at.map_or(now, |(at, _)| at);
            match self.chat.find(channel, message, from, CALL_WITHIN).await {
                Ok(Some(id)) => return Ok(Ok(Said::Stands(id))),
                Ok(None) => {}
                Err(error) => return Ok(self.not_now(voice, error)),
            }
        }
        if !self.begin(&incident.id, &message.key, time, now).await? {
            voice.begun.insert(message.key.clone(), (now, time + 1));
            return Ok(Ok(Said::ByOthers));
        }
        Ok(match self.chat.post(channel, message, CALL_WITHIN).await {
            Ok(id) => Ok(Said::Stands(id)),
            Err(ChatError::Unclear(_)) => {
                // It may stand: it is looked for before it is said again, at once.
                let long_ago = now.checked_sub(OTHERS_SAY_WITHIN).unwrap_or(Timestamp::MIN);
                voice.begun.insert(message.key.clone(), (long_ago, time + 1));
                Ok(Said::NotNow(AWAY))
            }
            Err(error) => {
                // Nothing was posted: the next attempt is one of its own.
                let long_ago = now.checked_sub(OTHERS_SAY_WITHIN).unwrap_or(Timestamp::MIN);
                voice.begun.insert(message.key.clone(), (long_ago, time + 1));
                self.not_now(voice, error)
            }
        })
    }

    fn not_now(&self, voice: &mut Voice, error: ChatError) -> Result<Said, String> {
        match error {
            ChatError::Busy(pause) => Ok(Said::NotNow(pause)),
            ChatError::Away(_) | ChatError::Unclear(_) => {
                let pause = (AWAY * (1 << voice.away.min(5))).min(AWAY_AT_MOST);
                voice.away += 1;
                Ok(Said::NotNow(pause))
            }
            ChatError::Refused(why) => Err(why),
        }
    }

    /// Whether this copilot is the one who says it for the `time`th time.
    async fn begin(
        &self,
        incident: &IncidentId,
        key: &str,
        time: u32,
        now: Timestamp,
    ) -> Result<bool, RecordError> {
        let sender = SourceName::new(format!("said:{incident}"))
            .map_err(|error| RecordError::Refused(error.to_string()))?;
        let forget = now.checked_sub(REMEMBERED).unwrap_or(now);
        let claim = format!("{time} {key}");
        Ok(self.claims.mark_delivered(&sender, &claim, now, forget).await? == Recorded::New)
    }

    async fn write_down(
        &self,
        incident: &IncidentId,
        key: &str,
        message: MessageId,
        says: Digest,
        now: Timestamp,
    ) -> Result<(), RecordError> {
        let what = Happening::Spoke { key: key.to_owned(), message, digest: says };
        let draft = Draft { happened_at: now, known_at: now, recorded_at: now, by: Actor::hearback(), what };
        self.record.append(incident, Expect::Any, vec![draft]).await.map(drop)
    }
}

fn later(now: Timestamp, pause: SignedDuration) -> Timestamp {
    now.checked_add(pause).unwrap_or(now)
}
