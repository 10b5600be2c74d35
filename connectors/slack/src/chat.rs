//! Speaking: posts a message, changes it, looks whether it stands. It must not know why something is said, or to whom
//! it would be said elsewhere: an address is a channel of an incident.

use async_trait::async_trait;
use hearback_core::chat::{BoundChannel, ChatError, ChatMessage, ChatPort, HeardFrom, Press, Reply, Span};
use hearback_core::{ChannelId, MessageId};
use hearback_http::{Deadline, HttpOptions, Secret};
use jiff::{SignedDuration, Timestamp};

use crate::calls::Calls;
use crate::installation::Installation;
use crate::render::{self, Rendered};
use crate::wire::{
    AuthAnswer, EVENT_TYPE, HistoryAnswer, HistoryMessage, OwnMetadata, OwnPayload, Post, PostAnswer, Taken,
    Update, Whisper,
};

/// Where Slack's methods are.
pub(crate) const SLACK: &str = "https://slack.com/api";

/// The longest key of a message, in bytes.
const LONGEST_KEY: usize = 1000;

/// Messages of a page. Slack recommends no more than 200, and an answer must not grow too long.
const PAGE: &str = "100";

/// How far Slack's clock may be behind ours: what is looked for is found by its key, so that more only costs pages.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// How Slack is spoken to.
#[derive(Debug, Clone)]
pub struct SlackOptions {
    /// Where its methods are; its credentials are not used.
    pub http: HttpOptions,
    /// The bot token, `xoxb-…`.
    pub bot_token: Secret,
    /// Who we are there.
    pub installation: Installation,
}

impl SlackOptions {
    /// Slack itself.
    pub fn new(bot_token: Secret, installation: Installation) -> Self {
        SlackOptions { http: HttpOptions::new(SLACK), bot_token, installation }
    }
}

/// Slack as something to speak to.
pub struct SlackChat {
    calls: Calls,
    ours: Installation,
}

impl SlackChat {
    /// Makes a client; nothing is sent.
    ///
    /// # Errors
    /// [`ChatError::Refused`] if the address or the token can't be used.
    pub fn new(options: SlackOptions) -> Result<Self, ChatError> {
        let calls = Calls::new(options.http, &options.bot_token)?;
        Ok(SlackChat { calls, ours: options.installation })
    }

    /// Asks Slack whether the token is one of this installation.
    ///
    /// # Errors
    /// [`ChatError::Refused`] says what to mend; anything else says that Slack could not be asked.
    pub async fn check(&self, budget: SignedDuration) -> Result<(), ChatError> {
        let told: AuthAnswer = self.calls.read("auth.test", &[], budget).await?;
        let differs = |what: &str, is: &str, set: &str| {
            Err(ChatError::Refused(format!(
                "the token belongs to the {what} {is}, and {set} is configured; set the one or the other"
            )))
        };
        match (told.team_id.as_str(), told.user_id.as_str()) {
            (team, _) if team != self.ours.team() => {
                differs("workspace", name(team).as_str(), self.ours.team())
            }
            (_, user) if user != self.ours.bot_user() => {
                differs("user", name(user).as_str(), self.ours.bot_user())
            }
            _ => Ok(()),
        }
    }

    fn slack_id<'a>(&self, channel: &'a ChannelId) -> Result<&'a str, ChatError> {
        self.ours.slack_id(channel).ok_or_else(|| {
            ChatError::Refused(format!(
                "{channel} is no channel of the workspace {}; bind another",
                self.ours.team()
            ))
        })
    }

    async fn post_to(
        &self,
        channel: &ChannelId,
        thread: Option<&MessageId>,
        key: &str,
        Rendered { text, blocks }: &Rendered,
        budget: SignedDuration,
    ) -> Result<MessageId, ChatError> {
        let channel = self.slack_id(channel)?;
        let post = Post {
            channel,
            text,
            blocks,
            thread_ts: thread.map(MessageId::as_str),
            metadata: OwnMetadata { event_type: EVENT_TYPE, event_payload: OwnPayload { key } },
            mrkdwn: false,
            parse: "none",
            link_names: false,
            unfurl_links: false,
            unfurl_media: false,
        };
        let answer: PostAnswer = self.calls.write("chat.postMessage", channel, &post, budget).await?;
        let unclear = |_| ChatError::Unclear("Slack took the message and did not say which it is".to_owned());
        MessageId::new(answer.ts).map_err(unclear)
    }

    /// Whether it is the message with this key; an error if that can't be told.
    fn matches(&self, found: &HistoryMessage, key: &str) -> Result<bool, ChatError> {
        let by_us = found.app_id.as_deref().map_or_else(
            || found.user.as_deref() == Some(self.ours.bot_user()),
            |app| app == self.ours.app(),
        );
        // That somebody joined or renamed the channel is told in our name too, and is nothing that we posted.
        let posted = matches!(found.subtype.as_deref(), None | Some("bot_message" | "thread_broadcast"));
        match &found.metadata {
            _ if !by_us || !posted => Ok(false),
            Some(metadata) => {
                let its_key = metadata.event_payload.get("key").and_then(|key| key.as_str());
                Ok(metadata.event_type == EVENT_TYPE && its_key == Some(key))
            }
            // Everything we post has metadata. To say that nothing was found would be to post it twice.
            None => Err(ChatError::Refused(
                "Slack does not give back the metadata of our messages, so that none can be found; the app needs the scope metadata.message:read"
                    .to_owned(),
            )),
        }
    }
}

/// Asks Slack who the bearer of a token is, for an app whose id is known.
///
/// # Errors
/// As any call; [`ChatError::Refused`] too if Slack's answer or the app's id can't be.
pub async fn identify(
    http: HttpOptions,
    bot_token: &Secret,
    app: &str,
    budget: SignedDuration,
) -> Result<Installation, ChatError> {
    let told: AuthAnswer = Calls::new(http, bot_token)?.read("auth.test", &[], budget).await?;
    Installation::new(&told.team_id, app, &told.user_id).map_err(|bad| ChatError::Refused(bad.to_string()))
}

#[async_trait]
impl ChatPort for SlackChat {
    async fn post(
        &self,
        to: &BoundChannel,
        message: &ChatMessage,
        budget: SignedDuration,
    ) -> Result<MessageId, ChatError> {
        let rendered = rendered(&message.key, &message.lines, &message.buttons)?;
        self.post_to(to.channel(), message.thread.as_ref(), &message.key, &rendered, budget).await
    }

    async fn update(
        &self,
        at: &BoundChannel,
        posted: &MessageId,
        message: &ChatMessage,
        budget: SignedDuration,
    ) -> Result<(), ChatError> {
        let channel = self.slack_id(at.channel())?;
        let Rendered { text, blocks } = rendered(&message.key, &message.lines, &message.buttons)?;
        let update = Update {
            channel,
            ts: posted.as_str(),
            text: &text,
            blocks: &blocks,
            parse: "none",
            link_names: false,
        };
        self.calls.write("chat.update", "", &update, budget).await.map(|_: PostAnswer| ())
    }

    async fn reply(&self, to: &HeardFrom, reply: &Reply, budget: SignedDuration) -> Result<(), ChatError> {
        let rendered = rendered(&reply.key, &reply.lines, &[])?;
        if let Some(message) = to.message() {
            let posted = self.post_to(to.channel(), Some(message), &reply.key, &rendered, budget);
            return posted.await.map(drop);
        }
        let nobody = || ChatError::Refused(format!("{} is nobody in Slack", to.user()));
        let user = self.ours.slack_user(to.user()).ok_or_else(nobody)?;
        let Rendered { text, blocks } = &rendered;
        let channel = self.slack_id(to.channel())?;
        let whisper = Whisper { channel, user, text, blocks, parse: "none", link_names: false };
        // Slack counts posts by channel, and these by the method alone.
        self.calls.write("chat.postEphemeral", "", &whisper, budget).await.map(|_: Taken| ())
    }

    async fn find(
        &self,
        to: &BoundChannel,
        message: &ChatMessage,
        since: Timestamp,
        budget: SignedDuration,
    ) -> Result<Option<MessageId>, ChatError> {
        let channel = self.slack_id(to.channel())?;
        let oldest = since.checked_sub(SKEW).unwrap_or(since);
        let oldest = format!("{}.{:06}", oldest.as_second().max(0), oldest.subsec_microsecond().max(0));
        let deadline = Deadline::after(budget);
        let mut cursor = String::new();
        loop {
            let mut form = vec![
                ("channel", channel),
                ("include_all_metadata", "true"),
                ("inclusive", "true"),
                ("limit", PAGE),
                ("oldest", oldest.as_str()),
            ];
            if !cursor.is_empty() {
                form.push(("cursor", cursor.as_str()));
            }
            let method = match &message.thread {
                Some(thread) => {
                    form.push(("ts", thread.as_str()));
                    "conversations.replies"
                }
                None => "conversations.history",
            };
            let left = SignedDuration::try_from(deadline.remaining()).unwrap_or(budget);
            let page: HistoryAnswer = self.calls.read(method, &form, left).await?;
            for found in &page.messages {
                if self.matches(found, &message.key)? {
                    let gone = |_| {
                        ChatError::Away("Slack names the message in a form that can't be read".to_owned())
                    };
                    return MessageId::new(found.ts.clone()).map(Some).map_err(gone);
                }
            }
            let next = page.response_metadata.map(|told| told.next_cursor).unwrap_or_default();
            match next {
                next if next.is_empty() => return Ok(None),
                // A page that follows itself would be read until the budget is gone.
                next if next == cursor => {
                    return Err(ChatError::Away("Slack gives one page over and over".to_owned()));
                }
                next => cursor = next,
            }
        }
    }
}

fn rendered(key: &str, lines: &[Vec<Span>], buttons: &[Press]) -> Result<Rendered, ChatError> {
    if key.is_empty() || key.len() > LONGEST_KEY {
        return Err(ChatError::Refused(
            "the message has no key, or one that is too long; report it as a fault of Hearback".to_owned(),
        ));
    }
    render::render(lines, buttons).map_err(|why| ChatError::Refused(why.to_string()))
}

fn name(id: &str) -> String {
    hearback_core::ExternalText::new(id).for_people(40)
}
