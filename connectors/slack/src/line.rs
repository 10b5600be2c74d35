//! One open WebSocket of Socket Mode: reads envelopes, hands over what was heard in the order in which it came, and
//! acknowledges what was taken. It must not know how sockets are opened or what comes after this one.
//!
//! An envelope is acknowledged after it is in good hands, and never otherwise: Slack repeats what was not. What was
//! read is handed over even if the socket breaks before its turn, because clicks and commands are not repeated.

use std::collections::VecDeque;
use std::fmt::Display;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures::future::{Fuse, FusedFuture as _, FutureExt as _};
use futures::stream::{SplitSink, StreamExt as _};
use futures::{SinkExt as _, Stream};
use hearback_core::chat::Heard;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, Sleep, timeout};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::CancellationToken;

use crate::dial::Socket;
use crate::heard::{self, Read, Refused};
use crate::installation::Installation;
use crate::wire::{Ack, Envelope};

/// Envelopes that wait for the one that is being taken. When they are so many, no more is read.
const MOST_WAITING: usize = 256;

/// How long an envelope may take. Slack asks for an answer within three seconds; what is durable later is acknowledged
/// all the same, and repeated perhaps.
const TAKEN_WITHIN: Duration = Duration::from_secs(10);

/// How long a frame may take to be sent.
const SENT_WITHIN: Duration = Duration::from_secs(5);

/// How long a socket that is to be replaced is read on. Slack closes it after some ten seconds.
const REPLACED_WITHIN: Duration = Duration::from_secs(30);

/// How a socket is kept alive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pulse {
    /// How often it is pinged.
    pub(crate) every: Duration,
    /// How long nothing may be heard, not even a pong.
    pub(crate) silence: Duration,
}

/// Why a line is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// It broke or was closed; open another.
    Broken,
    /// We were asked to stop.
    Stopped,
    /// Somebody switched Socket Mode off.
    SwitchedOff,
}

/// What a line needs of its owner.
pub(crate) struct Owner<'a, D> {
    pub(crate) ours: &'a Installation,
    pub(crate) deliver: &'a D,
    /// Told when Slack asks for another socket in place of this one.
    pub(crate) replace: &'a Notify,
    pub(crate) stop: &'a CancellationToken,
    pub(crate) pulse: Pulse,
}

/// What to do with an envelope, when it is its turn.
enum Turn {
    HandOver(String, Box<Heard>),
    Acknowledge(String),
}

/// Slack did not say hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Ungreeted {
    #[error("the WebSocket was closed before Slack said hello")]
    Closed,
    #[error("the app token is of another app than is configured; set the token or the app's id")]
    OtherApp,
}

/// Waits for the greeting. Nothing is sent before it.
///
/// # Errors
/// [`Ungreeted`], if it does not come or greets another app.
pub(crate) async fn greeted(socket: &mut Socket, ours: &Installation) -> Result<(), Ungreeted> {
    while let Some(frame) = socket.next().await {
        let Ok(Message::Text(text)) = frame else { continue };
        let Ok(envelope) = serde_json::from_str::<Envelope>(&text) else { continue };
        if envelope.kind == "hello" {
            let app = envelope.connection_info.and_then(|info| info.app_id);
            return match app.as_deref() {
                Some(app) if app != ours.app() => Err(Ungreeted::OtherApp),
                _ => Ok(()),
            };
        }
    }
    Err(Ungreeted::Closed)
}

/// Serves a socket until it is over and everything that was read from it is handed over.
pub(crate) async fn serve<D, F, E>(socket: Socket, owner: Owner<'_, D>) -> Over
where
    D: Fn(Heard) -> F,
    F: Future<Output = Result<(), E>>,
    E: Display,
{
    let (mut sink, mut frames) = socket.split();
    let mut waiting: VecDeque<Turn> = VecDeque::new();
    let mut taking = pin!(Fuse::terminated());
    let mut taken: Option<String> = None;
    let mut pulse = tokio::time::interval(owner.pulse.every);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last_heard = Instant::now();
    let mut leaving = pin!(Fuse::<Sleep>::terminated());
    // While this is none the socket is read.
    let mut over: Option<Over> = None;
    // Whether Slack can still be told anything.
    let mut can_tell = true;
    loop {
        if taking.is_terminated() {
            match waiting.pop_front() {
                Some(Turn::HandOver(envelope, heard)) => {
                    taken = Some(envelope);
                    taking.set(timeout(TAKEN_WITHIN, (owner.deliver)(*heard)).fuse());
                }
                Some(Turn::Acknowledge(envelope)) => {
                    can_tell = can_tell && acknowledge(&mut sink, &envelope).await;
                    continue;
                }
                None if over.is_some() => break,
                None => {}
            }
        }
        tokio::select! {
            outcome = &mut taking => {
                let envelope = taken.take().unwrap_or_default();
                let is_taken = match outcome {
                    Ok(Ok(())) => true,
                    Ok(Err(why)) => {
                        tracing::warn!(%why, "an envelope was not taken; Slack will repeat an event");
                        false
                    }
                    Err(_) => {
                        tracing::warn!("an envelope was not taken in time; Slack will repeat an event");
                        false
                    }
                };
                if is_taken {
                    can_tell = can_tell && acknowledge(&mut sink, &envelope).await;
                }
            }
            frame = next(&mut frames), if over.is_none() && waiting.len() < MOST_WAITING => {
                last_heard = Instant::now();
                match frame {
                    Frame::Envelope(envelope) => match sorted(*envelope, owner.ours) {
                        Sorted::Turn(turn) => waiting.push_back(turn),
                        // Slack may warn first and ask again later.
                        Sorted::Replace if !leaving.is_terminated() => {}
                        Sorted::Replace => {
                            owner.replace.notify_one();
                            leaving.set(tokio::time::sleep(REPLACED_WITHIN).fuse());
                        }
                        Sorted::SwitchedOff => over = Some(Over::SwitchedOff),
                        Sorted::Nothing => {}
                    },
                    Frame::Other => {}
                    Frame::End => (over, can_tell) = (Some(Over::Broken), false),
                }
            }
            _ = pulse.tick(), if over.is_none() => {
                // A queue that is full is not read: its silence is ours.
                let silent = last_heard.elapsed() > owner.pulse.silence && waiting.len() < MOST_WAITING;
                can_tell = can_tell && !silent && send(&mut sink, Message::Ping(Default::default())).await;
                if !can_tell {
                    over = Some(Over::Broken);
                }
            }
            () = &mut leaving, if over.is_none() => over = Some(Over::Broken),
            () = owner.stop.cancelled(), if over.is_none() => over = Some(Over::Stopped),
        }
    }
    if can_tell {
        let _ = timeout(SENT_WITHIN, sink.close()).await;
    }
    over.unwrap_or(Over::Broken)
}

enum Frame {
    Envelope(Box<Envelope>),
    Other,
    End,
}

async fn next(frames: &mut (impl Stream<Item = Result<Message, Error>> + Unpin)) -> Frame {
    match frames.next().await {
        Some(Ok(Message::Text(text))) => match serde_json::from_str(&text) {
            Ok(envelope) => Frame::Envelope(Box::new(envelope)),
            Err(_) => {
                tracing::warn!("Slack sent something that is no envelope");
                Frame::Other
            }
        },
        Some(Ok(Message::Close(_)) | Err(_)) | None => Frame::End,
        // Pings are answered while the socket is read.
        Some(Ok(_)) => Frame::Other,
    }
}

enum Sorted {
    Turn(Turn),
    Replace,
    SwitchedOff,
    Nothing,
}

fn sorted(envelope: Envelope, ours: &Installation) -> Sorted {
    let read = match envelope.kind.as_str() {
        "events_api" => heard::event(envelope.payload, ours),
        "slash_commands" => heard::command(envelope.payload, ours, Timestamp::now()),
        "interactive" => heard::interaction(envelope.payload, ours),
        "disconnect" if envelope.reason.as_deref() == Some("link_disabled") => return Sorted::SwitchedOff,
        "disconnect" => return Sorted::Replace,
        _ => Ok(Read::Ignored(heard::Ignored::Interaction)),
    };
    let Some(id) = envelope.envelope_id else { return Sorted::Nothing };
    // What will never be taken is acknowledged, or Slack repeats it.
    Sorted::Turn(match read {
        Ok(Read::Heard(heard)) => Turn::HandOver(id, heard),
        Ok(Read::Ignored(why)) => {
            tracing::debug!(%why, "ignored");
            Turn::Acknowledge(id)
        }
        Ok(Read::Challenge(_)) => Turn::Acknowledge(id),
        Err(Refused::Foreign) => {
            tracing::warn!("Slack sent something for another app or workspace; it has no effect");
            Turn::Acknowledge(id)
        }
        Err(Refused::Malformed(why)) => {
            tracing::warn!(why, "Slack sent something that can't be read; it has no effect");
            Turn::Acknowledge(id)
        }
    })
}

/// Whether it was sent.
async fn acknowledge(sink: &mut SplitSink<Socket, Message>, envelope: &str) -> bool {
    let Ok(ack) = serde_json::to_string(&Ack { envelope_id: envelope }) else { return false };
    send(sink, Message::Text(ack.into())).await
}

async fn send(sink: &mut SplitSink<Socket, Message>, message: Message) -> bool {
    matches!(timeout(SENT_WITHIN, sink.send(message)).await, Ok(Ok(())))
}
