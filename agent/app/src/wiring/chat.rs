//! The chat system, from its section of the configuration: what speaks, what listens, how what is sent is read.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::http::{HeaderMap, StatusCode, header};
use hearback_core::ChannelId;
use hearback_core::chat::{ChatPort, Heard};
use hearback_engine::channel::hearing::Channels;
use hearback_http::{HttpOptions, Secret};
use hearback_slack::{
    Installation, Intake, IntakeRequest, SigningSecret, SlackChat, SlackIntake, SlackOptions, SlackSocket,
    SocketOptions,
};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::config::serve::SlackSection;
use crate::output::Usage;
use crate::serve::{Problem, Service, hear};

fn usage(error: impl std::fmt::Display) -> anyhow::Error {
    Usage(format!("[slack]: {error}")).into()
}

/// How what the chat system sends over HTTP is read.
pub struct ChatIntake(SlackIntake);

/// What the chat system sent.
pub enum SentByChat {
    /// It asks whether the address is ours: this is the answer.
    Challenge(String),
    /// Nothing of interest.
    Nothing,
    /// This was heard.
    Heard(Box<Heard>),
}

/// The chat system as something that is listened to over a connection of our own.
pub struct ChatSocket(SlackSocket);

/// What speaks to the chat system; none if there is none.
///
/// # Errors
/// [`Usage`]: its section can't be used.
pub fn chat(config: &Config) -> Result<Option<Arc<dyn ChatPort>>> {
    let Some(section) = &config.serve.slack else { return Ok(None) };
    Ok(Some(Arc::new(slack_chat(section)?)))
}

/// Asks Slack whether the token is of the configured installation.
///
/// # Errors
/// In one sentence, what to mend.
pub async fn check_chat(section: &SlackSection) -> Result<()> {
    Ok(slack_chat(section)?.check(super::CHECK_WITHIN).await?)
}

fn slack_chat(section: &SlackSection) -> Result<SlackChat> {
    let token = Secret::new(&section.bot_token.read().context("[slack] bot_token")?);
    let mut options = SlackOptions::new(token, installation(section)?);
    if let Some(api) = &section.api {
        options.http = HttpOptions::new(api);
    }
    SlackChat::new(options).map_err(usage)
}

/// How what is sent over HTTP is read; none without a signing secret.
///
/// # Errors
/// [`Usage`]: its section can't be used.
pub fn chat_intake(config: &Config) -> Result<Option<ChatIntake>> {
    let Some(section) = &config.serve.slack else { return Ok(None) };
    let Some(secret) = &section.signing_secret else { return Ok(None) };
    let text = secret.read().context("[slack] signing_secret")?;
    let secret = SigningSecret::new(&text).ok_or_else(|| usage("signing_secret is empty"))?;
    Ok(Some(ChatIntake(SlackIntake::new(secret, installation(section)?))))
}

/// What listens over a connection of our own; none without an app token.
///
/// # Errors
/// [`Usage`]: its section can't be used.
pub fn chat_socket(config: &Config) -> Result<Option<ChatSocket>> {
    let Some(section) = &config.serve.slack else { return Ok(None) };
    let Some(token) = &section.app_token else { return Ok(None) };
    let token = Secret::new(&token.read().context("[slack] app_token")?);
    let mut options = SocketOptions::new(token, installation(section)?);
    if let Some(api) = &section.api {
        options.http = HttpOptions::new(api);
    }
    Ok(Some(ChatSocket(SlackSocket::new(options).map_err(usage)?)))
}

/// The channels of incidents that an alert opens.
///
/// # Errors
/// [`Usage`]: one of them can't be a channel.
pub fn channels(config: &Config) -> Result<Channels> {
    let Some(section) = &config.serve.slack else { return Ok(Channels::default()) };
    let named = |id: &String| {
        let named = ChannelId::new(format!("slack:{}:{id}", section.team));
        named.map_err(|_| usage(format!("\"{id}\" is not the id of a channel, such as C024BE91L")))
    };
    let of_services = section.channels.iter().map(|(service, id)| Ok((service.clone(), named(id)?)));
    Ok(Channels {
        of_services: of_services.collect::<Result<_>>()?,
        others: section.channel.as_ref().map(named).transpose()?,
    })
}

fn installation(section: &SlackSection) -> Result<Installation> {
    Installation::new(&section.team, &section.app, &section.bot_user).map_err(usage)
}

impl ChatIntake {
    /// Whether a request says that it is signed; before that no body is read.
    ///
    /// # Errors
    /// 401, in one sentence.
    pub fn knows(&self, headers: &HeaderMap) -> Result<(), Problem> {
        match headers.contains_key("x-slack-signature") && headers.contains_key("x-slack-request-timestamp") {
            true => Ok(()),
            false => Err(Problem::nobody("the request is not signed by Slack")),
        }
    }

    /// Reads a request; nothing in it is believed before its signature is checked.
    ///
    /// # Errors
    /// 400, 401, 403 or 413, in one sentence.
    pub fn take(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<SentByChat, Problem> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let request = IntakeRequest {
            signature: text("x-slack-signature"),
            timestamp: text("x-slack-request-timestamp"),
            content_type: text(header::CONTENT_TYPE.as_str()),
            body,
        };
        let read = self.0.take(&request, now).map_err(|refused| {
            let status = StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::BAD_REQUEST);
            Problem::new(status, refused.to_string())
        })?;
        Ok(match read {
            Intake::Challenge(text) => SentByChat::Challenge(text),
            Intake::Heard(heard) => SentByChat::Heard(Box::new(heard)),
            Intake::Ignored(why) => {
                tracing::debug!(%why, "ignored");
                SentByChat::Nothing
            }
        })
    }
}

impl ChatSocket {
    /// Listens until `stop`. What can't be mended by trying again is logged, and the service goes on without.
    pub async fn listen(self, service: Arc<Service>, stop: CancellationToken) {
        let deliver = |heard: Heard| {
            let service = Arc::clone(&service);
            async move { hear(&service, heard).await.map_err(|problem| problem.says().to_owned()) }
        };
        if let Err(error) = self.0.run(deliver, stop.clone()).await {
            tracing::error!(%error, "the chat system is not listened to");
        }
        stop.cancelled().await;
    }
}
