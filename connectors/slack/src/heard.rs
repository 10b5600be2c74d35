//! What Slack sends, as what was heard. The same for both ways in. It must not know how it was sent, or whether it was
//! heard before.

use hearback_core::chat::{Heard, HeardWhat, Press};
use hearback_core::{ChannelId, ChatUserId, ExternalText, MessageId};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::installation::Installation;
use crate::plain;
use crate::wire::{CommandRequest, EventKind, EventRequest, InteractionRequest, JoinedEvent, MessageEvent};

/// The slash commands of the app.
pub const COMMANDS: &[&str] = &["whatchanged", "incident"];

/// The longest text that is kept, in bytes. Slack takes 40,000 characters.
const LONGEST_TEXT: usize = 160_000;

/// Why something that was sent has no effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ignored {
    /// What we said ourselves.
    #[error("our own message")]
    OwnMessage,
    /// What another app said.
    #[error("a message of another app")]
    OtherApp,
    /// Something about a message or a channel that nobody said: a change, a deletion, a new topic.
    #[error("a message of the kind {0}")]
    Subtype(String),
    /// There were no words.
    #[error("a message without words")]
    NoWords,
    /// Somebody else was invited.
    #[error("somebody else joined the channel")]
    OthersJoined,
    /// An event of no interest.
    #[error("an event of the kind {0}")]
    Event(String),
    /// A command that is not ours.
    #[error("a command that is not ours")]
    Command,
    /// A button or menu that is not ours, or a dialog.
    #[error("an interaction that is not one of our buttons")]
    Interaction,
    /// Slack asks whether its certificate is good.
    #[error("a check of the connection")]
    ConnectionCheck,
}

/// Why something that was sent is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is for another app or another workspace.
    Foreign,
    /// It is not what Slack describes.
    Malformed(&'static str),
}

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Read {
    Challenge(String),
    Heard(Box<Heard>),
    Ignored(Ignored),
}

impl From<Ignored> for Read {
    fn from(ignored: Ignored) -> Self {
        Read::Ignored(ignored)
    }
}

/// Reads what the Events API sends.
pub(crate) fn event(request: Value, ours: &Installation) -> Result<Read, Refused> {
    let request: EventRequest = parse(request, "the body is not the JSON of the Events API")?;
    if request.kind == "url_verification" {
        let challenge = request.challenge.filter(|text| text.len() <= 1000);
        return Ok(Read::Challenge(
            challenge.ok_or(Refused::Malformed("the challenge is missing or too long"))?,
        ));
    }
    check_ours(ours, request.team_id.as_deref(), request.api_app_id.as_deref())?;
    if request.kind != "event_callback" {
        return Ok(Ignored::Event(name(&request.kind)).into());
    }
    let told: EventKind = parse(request.event.clone(), "the event has no type")?;
    match told.kind.as_str() {
        "message" | "app_mention" => said(parse(request.event, "the message is not of Slack's form")?, ours),
        "member_joined_channel" => {
            let joined: JoinedEvent =
                parse(request.event, "the event member_joined_channel is not of Slack's form")?;
            if joined.user != ours.bot_user() {
                return Ok(Ignored::OthersJoined.into());
            }
            let at = request.event_time.and_then(|seconds| Timestamp::from_second(seconds).ok());
            let by = joined.inviter.unwrap_or(joined.user);
            heard(Heard {
                delivery: id(request.event_id, "the event has no id")?,
                by: user(ours, &by, None)?,
                name: ExternalText::new(by),
                channel: channel(ours, &joined.channel)?,
                at: at.ok_or(Refused::Malformed("the event has no time"))?,
                what: HeardWhat::Joined,
            })
        }
        other => Ok(Ignored::Event(name(other)).into()),
    }
}

fn said(message: MessageEvent, ours: &Installation) -> Result<Read, Refused> {
    if message.user.as_deref() == Some(ours.bot_user()) {
        return Ok(Ignored::OwnMessage.into());
    }
    if message.bot_id.is_some() {
        return Ok(Ignored::OtherApp.into());
    }
    match message.subtype.as_deref() {
        None | Some("file_share" | "me_message" | "thread_broadcast") => {}
        Some("bot_message") => return Ok(Ignored::OtherApp.into()),
        Some(other) => return Ok(Ignored::Subtype(name(other)).into()),
    }
    let by = id(message.user, "the message has no author")?;
    let (words, to_us) = plain::words(&message.text, ours.bot_user());
    if words.is_empty() && !to_us {
        return Ok(Ignored::NoWords.into());
    }
    let thread = message.thread_ts.filter(|thread| *thread != message.ts);
    heard(Heard {
        // Slack tells a mention in a channel twice, as a message and as a mention, with two event ids.
        delivery: format!("{}:{}", message.channel, message.ts),
        by: user(ours, &by, message.user_team.as_deref().or(message.team.as_deref()))?,
        name: ExternalText::new(by),
        channel: channel(ours, &message.channel)?,
        at: moment(&message.ts)?,
        what: HeardWhat::Said {
            message: message_id(message.ts)?,
            thread: thread.map(message_id).transpose()?,
            text: ExternalText::capped(&words, LONGEST_TEXT),
            to_us,
        },
    })
}

/// Reads a slash command that was given at `at`.
pub(crate) fn command(request: Value, ours: &Installation, at: Timestamp) -> Result<Read, Refused> {
    let request: CommandRequest = parse(request, "the command lacks a field that Slack sends")?;
    check_ours(ours, Some(&request.team_id), Some(&request.api_app_id))?;
    let name = request.command.strip_prefix('/').filter(|name| COMMANDS.contains(name));
    let Some(name) = name else { return Ok(Ignored::Command.into()) };
    let (words, _) = plain::words(&request.text, ours.bot_user());
    heard(Heard {
        delivery: id(Some(request.trigger_id), "the command has no trigger_id")?,
        by: user(ours, &request.user_id, None)?,
        name: ExternalText::capped(&request.user_name, 200),
        channel: channel(ours, &request.channel_id)?,
        at,
        what: HeardWhat::Command { name: name.to_owned(), text: ExternalText::capped(&words, LONGEST_TEXT) },
    })
}

/// Reads what somebody did to a message of ours.
pub(crate) fn interaction(request: Value, ours: &Installation) -> Result<Read, Refused> {
    let request: InteractionRequest = parse(request, "the interaction is not of Slack's form")?;
    check_ours(ours, request.team.as_ref().map(|team| team.id.as_str()), request.api_app_id.as_deref())?;
    let action = request.actions.into_iter().find(|action| action.action_id.starts_with("press."));
    let (Some(action), "block_actions") = (action, request.kind.as_str()) else {
        return Ok(Ignored::Interaction.into());
    };
    let Ok(press) = serde_json::from_str::<Press>(&action.value) else {
        return Ok(Ignored::Interaction.into());
    };
    let by = request.user.ok_or(Refused::Malformed("the interaction has no user"))?;
    let place = request.channel.ok_or(Refused::Malformed("the interaction has no channel"))?;
    let message = request.message.ok_or(Refused::Malformed("the interaction has no message"))?;
    let called = by.username.or(by.name).unwrap_or_else(|| by.id.clone());
    heard(Heard {
        delivery: id(request.trigger_id, "the interaction has no trigger_id")?,
        by: user(ours, &by.id, by.team_id.as_deref())?,
        name: ExternalText::capped(&called, 200),
        channel: channel(ours, &place.id)?,
        at: moment(&action.action_ts)?,
        what: HeardWhat::Pressed { message: message_id(message.ts)?, press },
    })
}

fn heard(heard: Heard) -> Result<Read, Refused> {
    Ok(Read::Heard(Box::new(heard)))
}

fn check_ours(ours: &Installation, team: Option<&str>, app: Option<&str>) -> Result<(), Refused> {
    if team == Some(ours.team()) && app == Some(ours.app()) { Ok(()) } else { Err(Refused::Foreign) }
}

pub(crate) fn parse<T: DeserializeOwned>(value: Value, wrong: &'static str) -> Result<T, Refused> {
    serde_json::from_value(value).map_err(|_| Refused::Malformed(wrong))
}

fn id(id: Option<String>, wrong: &'static str) -> Result<String, Refused> {
    let fits = |id: &String| (1..=200).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
    id.filter(fits).ok_or(Refused::Malformed(wrong))
}

fn user(ours: &Installation, id: &str, team: Option<&str>) -> Result<ChatUserId, Refused> {
    ours.user(id, team).ok_or(Refused::Malformed("the user's id is not one of Slack's"))
}

fn channel(ours: &Installation, id: &str) -> Result<ChannelId, Refused> {
    ours.channel(id).ok_or(Refused::Malformed("the channel's id is not one of Slack's"))
}

fn message_id(ts: String) -> Result<MessageId, Refused> {
    MessageId::new(ts).map_err(|_| Refused::Malformed("the message's id is not one of Slack's"))
}

/// `1355517523.000005`: seconds, and microseconds that make it unique.
fn moment(ts: &str) -> Result<Timestamp, Refused> {
    let parsed = || {
        let (seconds, micros) = ts.split_once('.')?;
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let fits = digits(seconds) && digits(micros) && micros.len() == 6;
        let nanos = fits.then(|| micros.parse::<i32>().ok())?? * 1000;
        Timestamp::new(seconds.parse().ok()?, nanos).ok()
    };
    parsed().ok_or(Refused::Malformed("a time is not of the form 1355517523.000005"))
}

fn name(kind: &str) -> String {
    ExternalText::new(kind).for_people(60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_six_digits_behind_the_point() {
        assert_eq!(moment("1355517523.000005").unwrap().to_string(), "2012-12-14T20:38:43.000005Z");
        for bad in
            ["", "1355517523", "1355517523.5", "-1.000000", "1355517523.00000x", "99999999999999999.000000"]
        {
            assert!(moment(bad).is_err(), "{bad}");
        }
    }
}
