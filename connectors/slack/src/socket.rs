//! Socket Mode: keeps a WebSocket to Slack open, for those whom Slack can't reach. It must not know what is done with
//! what is heard.
//!
//! When Slack asks for another socket, the next one is opened while the old one is still read, so that there is no
//! moment in which nobody listens. When one breaks, the next is opened at once, or after a growing pause if the last did
//! not live long. Events that came meanwhile are repeated by Slack under their own id.

use std::fmt::Display;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::{FusedFuture as _, FutureExt as _};
use futures::stream::{FuturesUnordered, StreamExt as _};
use hearback_core::chat::{ChatError, Heard};
use hearback_http::{HttpOptions, Secret};
use jiff::SignedDuration;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::calls::Calls;
use crate::chat::SLACK;
use crate::dial::{Dialer, Socket};
use crate::installation::Installation;
use crate::line::{self, Over, Owner, Pulse, Ungreeted};
use crate::wire::OpenAnswer;

/// How long a request for an address may take, a socket to open, and Slack to say hello: each.
const OPENED_WITHIN: Duration = Duration::from_secs(10);

/// How long what was read may still take to be handed over after we were asked to stop.
const STOPPED_WITHIN: Duration = Duration::from_secs(5);

/// How Slack is listened to.
#[derive(Debug, Clone)]
pub struct SocketOptions {
    /// Where its methods are; its credentials are not used, its root certificates hold for the WebSocket too.
    pub http: HttpOptions,
    /// The app token, `xapp-…`, with the scope `connections:write`.
    pub app_token: Secret,
    /// Who we are there.
    pub installation: Installation,
    /// The pause before a socket is opened again after one that did not live long; each next is twice as long.
    pub first_pause: Duration,
    /// No pause is longer. A socket that lives as long was a good one.
    pub longest_pause: Duration,
    /// How often the socket is pinged.
    pub ping_every: Duration,
    /// How long nothing may be heard before the socket is taken for dead.
    pub silence: Duration,
}

impl SocketOptions {
    /// Slack itself.
    pub fn new(app_token: Secret, installation: Installation) -> Self {
        SocketOptions {
            http: HttpOptions::new(SLACK),
            app_token,
            installation,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
            ping_every: Duration::from_secs(10),
            silence: Duration::from_secs(35),
        }
    }
}

/// Slack is no longer listened to, and trying again does not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Slack is not listened to: {0}")]
pub struct SocketError(String);

/// Why a socket could not be opened.
enum Unopened {
    /// It may open later; not before a pause, if Slack asks for one.
    Later(String, Duration),
    Never(String),
}

/// Slack as something to listen to.
pub struct SlackSocket {
    calls: Calls,
    dialer: Dialer,
    options: SocketOptions,
}

impl SlackSocket {
    /// Makes a listener; nothing is opened.
    ///
    /// # Errors
    /// [`SocketError`] if the address, the token or the certificates can't be used.
    pub fn new(options: SocketOptions) -> Result<Self, SocketError> {
        let calls = Calls::new(options.http.clone(), &options.app_token);
        let calls = calls.map_err(|error| SocketError(error.to_string()))?;
        let tls = hearback_http::client_config(&options.http.own_roots_pem);
        let tls = Arc::new(tls.map_err(|error| SocketError(error.to_string()))?);
        let dialer = Dialer { tls, plain: calls.is_plain(), within: OPENED_WITHIN };
        Ok(SlackSocket { calls, dialer, options })
    }

    /// Listens until `stop`. `deliver` takes what was heard into good hands: when it says so, Slack is told, and will
    /// not repeat it. It is called for one thing after another, in the order in which they came over a socket; it may
    /// be called twice for the same delivery, and from two sockets in turn while one replaces the other.
    ///
    /// # Errors
    /// [`SocketError`] if Slack will not let us listen, whatever we do. It says what to mend.
    pub async fn run<D, F, E>(self, deliver: D, stop: CancellationToken) -> Result<(), SocketError>
    where
        D: Fn(Heard) -> F,
        F: Future<Output = Result<(), E>>,
        E: Display,
    {
        let replace = Notify::new();
        // Ends our sockets, and nothing else of the caller's.
        let ending = stop.child_token();
        let pulse = Pulse { every: self.options.ping_every, silence: self.options.silence };
        let serve = |socket: Socket| {
            let ours = &self.options.installation;
            line::serve(socket, Owner { ours, deliver: &deliver, replace: &replace, stop: &ending, pulse })
        };
        let mut lines = FuturesUnordered::new();
        let mut opening = pin!(self.open_after(Duration::ZERO).fuse());
        let mut tries = Tries::default();
        let outcome = loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break Ok(()),
                opened = &mut opening => match opened {
                    Ok(socket) => {
                        tracing::debug!("listening");
                        tries.opened_at = Some(Instant::now());
                        lines.push(serve(socket));
                    }
                    Err(Unopened::Never(why)) => break Err(SocketError(why)),
                    Err(Unopened::Later(why, at_least)) => {
                        let pause = self.pause(&mut tries).max(at_least);
                        tracing::warn!(why, pause_ms = pause.as_millis(), "the socket did not open");
                        opening.set(self.open_after(pause).fuse());
                    }
                },
                () = replace.notified() => if opening.is_terminated() {
                    opening.set(self.open_after(self.pause(&mut tries)).fuse());
                },
                Some(over) = lines.next(), if !lines.is_empty() => match over {
                    Over::SwitchedOff => break Err(SocketError(
                        "Socket Mode was switched off for the app; switch it on on the app's page and start again".to_owned(),
                    )),
                    // Another may be open already, in place of this one.
                    Over::Broken if lines.is_empty() && opening.is_terminated() => {
                        opening.set(self.open_after(self.pause(&mut tries)).fuse());
                    }
                    Over::Broken | Over::Stopped => {}
                },
            }
        };
        // Lines that are still open hand over what they have read.
        ending.cancel();
        let drained = timeout(STOPPED_WITHIN, lines.for_each(|_| std::future::ready(()))).await;
        if drained.is_err() {
            tracing::warn!("stopped before everything was handed over; Slack will repeat the events");
        }
        outcome
    }

    async fn open_after(&self, pause: Duration) -> Result<Socket, Unopened> {
        tokio::time::sleep(pause).await;
        let budget = SignedDuration::try_from(OPENED_WITHIN).unwrap_or(SignedDuration::from_secs(10));
        let answer = self.calls.read("apps.connections.open", &[], budget).await;
        let OpenAnswer { url } = answer.map_err(|error| match error {
            ChatError::Busy(pause) => {
                Unopened::Later(error.to_string(), Duration::try_from(pause).unwrap_or_default())
            }
            ChatError::Away(_) | ChatError::Unclear(_) => Unopened::Later(error.to_string(), Duration::ZERO),
            ChatError::Refused(why) => Unopened::Never(why),
        })?;
        let later = |why: String| Unopened::Later(why, Duration::ZERO);
        let mut socket = self.dialer.open(&url).await.map_err(later)?;
        match timeout(OPENED_WITHIN, line::greeted(&mut socket, &self.options.installation)).await {
            Ok(Ok(())) => Ok(socket),
            Ok(Err(why @ Ungreeted::Closed)) => Err(later(why.to_string())),
            Ok(Err(why @ Ungreeted::OtherApp)) => Err(Unopened::Never(why.to_string())),
            Err(_) => Err(later("Slack did not say hello in time".to_owned())),
        }
    }

    /// The pause before the next try: none after a socket that lived long. Else it doubles from one to the next, and
    /// half of it is chance, so that many do not come back together.
    fn pause(&self, tries: &mut Tries) -> Duration {
        if tries.opened_at.take().is_some_and(|at| at.elapsed() >= self.options.longest_pause) {
            tries.failed = 0;
            return Duration::ZERO;
        }
        let full = self.options.first_pause.saturating_mul(2_u32.saturating_pow(tries.failed));
        tries.failed = tries.failed.saturating_add(1);
        // Without chance the pause is half as long as it may be, which is no harm.
        let chance = getrandom::u32().unwrap_or_default();
        full.min(self.options.longest_pause).mul_f64(0.5 + 0.5 * f64::from(chance) / f64::from(u32::MAX))
    }
}

/// How opening went so far.
#[derive(Default)]
struct Tries {
    /// When a socket was opened, until it is asked for the next.
    opened_at: Option<Instant>,
    /// Tries since the last good socket.
    failed: u32,
}
