//! Slack as the incident channel: what the copilot says there, and what it hears. It must not know the engine, the
//! record, or who may do what: it carries messages and presses, and decides nothing.
//!
//! [`SlackChat`] speaks (`chat` → `render`, `blocks` → `calls`, `trouble`). What is heard comes in by one of two ways and
//! is read by the same code (`heard`, `plain`): [`SlackIntake`] takes HTTP requests (`signature` before anything),
//! [`SlackSocket`] keeps a WebSocket open (`socket` → `dial`, `line`), for those whom Slack can't reach.
//!
//! | Slack | heard as | delivery |
//! |---|---|---|
//! | `message`, `app_mention` of a person | said | channel and `ts`: Slack tells a mention twice, with two event ids |
//! | `member_joined_channel` of ourselves | joined | `event_id` |
//! | `/whatchanged`, `/incident` | command | `trigger_id` |
//! | a click on one of our buttons | pressed | `trigger_id` |
//!
//! Everything else has a name ([`Ignored`]) and no effect.
//!
//! **Rich text, not mrkdwn.** A message is a `rich_text` block, in which text is text: there is no syntax that outside
//! words could break out of, so nothing has to be escaped. Outside words are set as code besides, because Slack's
//! clients make links of bare addresses elsewhere, and because a reader should see whose words they are.
//!
//! **Never twice.** `chat.postMessage` has no key for a repeated request. Each message carries its own in its metadata,
//! and [`hearback_core::chat::ChatPort::find`] looks for it when an answer never came. Slack limits the reading of
//! history of apps that are sold outside its marketplace to a call a minute; an app made from `manifest.json` for one's
//! own workspace is not one of them.
//!
//! **No client library.** slack-morphism (2.31) was considered. It takes another base address and another TLS connector
//! for HTTP, but it reads answers of any length, has no deadline for a call, does not tell a request that was never
//! sent from one whose answer was lost, dials its WebSocket with defaults that can't be set, runs it in tasks nobody
//! owns over queues without bound, and writes bodies and the address with its ticket to the log. These are the house's
//! rules, and they are in `connectors/http` already; what is left is seven methods and five kinds of envelope.

mod blocks;
mod calls;
mod chat;
mod dial;
mod heard;
mod installation;
mod intake;
mod line;
mod pauses;
mod plain;
mod render;
mod signature;
mod socket;
mod trouble;
mod wire;

pub use chat::{SlackChat, SlackOptions, identify};
pub use heard::{COMMANDS, Ignored};
pub use installation::{BadInstallation, Installation};
pub use intake::{Intake, IntakeRefusal, IntakeRequest, LARGEST_REQUEST_BYTES, SlackIntake};
pub use signature::{SignatureProblem, SigningSecret};
pub use socket::{SlackSocket, SocketError, SocketOptions};
