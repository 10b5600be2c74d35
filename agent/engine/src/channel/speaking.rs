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
    /// What stands, until it is read back from the record.
    said: BTreeMap<String, Standing>,
    /// What was begun and does not stand as far as is known here.
    begun: BTreeMap<String, Begun>,
    /// What was refused, in these words, and when: the copilot may not be in the channel yet.
    unsayable: BTreeMap<String, (Digest, Timestamp)>,
}

/// A message that stands.
#[derive(Debug, Clone)]
struct Standing {
    message: MessageId,
    says: Digest,
    /// The number of the entry that says so; none as long as it could not be written down.
    entry: Option<u64>,
}

/// A message that somebody began to say.
#[derive(Debug, Clone, Copy)]
struct Begun {
    /// Whoever begins next begins for the how manieth time.
    next: u32,
    so_far: SoFar,
}

/// How far a message has come.
#[derive(Debug, Clone, Copy)]
enum SoFar {
    /// Nothing of it was posted.
    Nothing,
    /// It may stand: nobody said whether it was taken.
    MayStand,
    /// Another copilot began to say it; that is known here since then.
    WithOthers(Timestamp),
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
        voice.said.retain(|_, standing| standing.entry.is_none_or(|entry| entry > incident.entries));
        let mut waits = None;
        for message in speeches(incident, now) {
            let key = &message.key;
            let says = digest(&message).map_err(|error| RecordError::Refused(error.to_string()))?;
            let spoken = incident.spoken.get(key);
            let stands = voice.said.get(key).map(|standing| (standing.message.clone(), standing.says));
            let stands = stands.or_else(|| spoken.map(|spoken| (spoken.message.clone(), spoken.digest)));
            if stands.as_ref().is_some_and(|(_, said)| *said == says) {
                self.write_down(&incident.id, key, voice, now).await?;
                continue;
            }
            let refused = voice.unsayable.get(key).filter(|(refused, _)| *refused == says);
            if refused.is_some_and(|(_, at)| now.duration_since(*at) < REFUSED_FOR) {
                continue;
            }
            let said = match &stands {
                Some((id, _)) => self.edit(channel, id, &message, voice).await,
                // What another copilot says comes first. What stands is edited meanwhile.
                None if waits.is_some() => continue,
                None => self.post(channel, &message, incident, voice, now).await?,
            };
            match said {
                Ok(Said::Stands(id)) => {
                    voice.away = 0;
                    voice.said.insert(key.clone(), Standing { message: id, says, entry: None });
                    self.write_down(&incident.id, key, voice, now).await?;
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
                    voice.unsayable.insert(key.clone(), (says, now));
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
        voice: &mut Voice,
    ) -> Result<Said, String> {
        match self.chat.update(channel, id, message, CALL_WITHIN).await {
            Ok(()) => Ok(Said::Stands(id.clone())),
            // Edited twice to the same words is edited: what is unclear is done again.
            Err(error) => not_now(voice, error),
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
        let begun = voice.begun.get(&message.key).copied();
        let Begun { next: time, so_far } = begun.unwrap_or(Begun { next: 1, so_far: SoFar::Nothing });
        match so_far {
            SoFar::WithOthers(since) if now.duration_since(since) < OTHERS_SAY_WITHIN => {
                return Ok(Ok(Said::ByOthers));
            }
            SoFar::WithOthers(_) | SoFar::MayStand => {
                let long_ago = now.checked_sub(REMEMBERED).unwrap_or(Timestamp::MIN);
                let from = incident.declared_at.map_or(long_ago, |(at, _)| at);
                match self.chat.find(channel, message, from, CALL_WITHIN).await {
                    Ok(Some(id)) => return Ok(Ok(Said::Stands(id))),
                    Ok(None) => {}
                    Err(error) => return Ok(not_now(voice, error)),
                }
            }
            SoFar::Nothing => {}
        }
        let mut begin = |so_far| voice.begun.insert(message.key.clone(), Begun { next: time + 1, so_far });
        if !self.begin(&incident.id, &message.key, time, now).await? {
            begin(SoFar::WithOthers(now));
            return Ok(Ok(Said::ByOthers));
        }
        Ok(match self.chat.post(channel, message, CALL_WITHIN).await {
            Ok(id) => Ok(Said::Stands(id)),
            Err(error) => {
                let is_unclear = matches!(error, ChatError::Unclear(_));
                begin(if is_unclear { SoFar::MayStand } else { SoFar::Nothing });
                not_now(voice, error)
            }
        })
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

    /// Writes down that a message stands, if that is not written down.
    async fn write_down(
        &self,
        incident: &IncidentId,
        key: &str,
        voice: &mut Voice,
        now: Timestamp,
    ) -> Result<(), RecordError> {
        let Some(standing) = voice.said.get_mut(key).filter(|standing| standing.entry.is_none()) else {
            return Ok(());
        };
        let (message, digest) = (standing.message.clone(), standing.says);
        let what = Happening::Spoke { key: key.to_owned(), message, digest };
        let draft = Draft { happened_at: now, known_at: now, recorded_at: now, by: Actor::hearback(), what };
        let written = self.record.append(incident, Expect::Any, vec![draft]).await?;
        standing.entry = written.last().map(|entry| entry.seq);
        Ok(())
    }
}

fn not_now(voice: &mut Voice, error: ChatError) -> Result<Said, String> {
    match error {
        ChatError::Busy(pause) => Ok(Said::NotNow(pause)),
        ChatError::Away(_) | ChatError::Unclear(_) => {
            let pause = (AWAY * (1 << voice.away.min(5))).min(AWAY_AT_MOST);
            voice.away = voice.away.saturating_add(1);
            Ok(Said::NotNow(pause))
        }
        ChatError::Refused(why) => Err(why),
    }
}

fn later(now: Timestamp, pause: SignedDuration) -> Timestamp {
    now.checked_add(pause.max(SignedDuration::ZERO)).unwrap_or(Timestamp::MAX)
}
