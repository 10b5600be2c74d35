//! `hearback serve`: puts the service together, says where it listens, and ends it in order.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use hearback_core::access::{Reach, Right};
use hearback_core::ports::TokenStore;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::times;
use super::token::{Wanted, listed, make};
use crate::cli::Serve;
use crate::config::Config;
use crate::output::{self, Usage};
use crate::serve::{
    Service, act, answer_questions, api, follow_actions, investigate, notify, remember, run_errands,
    serve_connections, speak, warm_up, work,
};
use crate::wiring;

pub async fn run(arguments: Serve, config: Config) -> Result<ExitCode> {
    let listen = arguments.listen.unwrap_or(config.serve.listen);
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        Usage(format!("{listen} can't be listened on: {error}; name another with --listen"))
    })?;
    let at = listener.local_addr().context("the socket has no address")?;
    let socket = wiring::chat_socket(&config)?;
    let parts = wiring::service(config).await?;
    if !at.ip().is_loopback() {
        output::aside(
            "Warning: this address can be reached from other machines, and tokens travel in plain text. \
             Put something that speaks TLS before it.",
        );
    }
    first_token(parts.record.as_ref()).await?;
    let stop = CancellationToken::new();
    let (service, wanted) = Service::new(parts, stop.clone());
    let service = Arc::new(service);
    let mut tasks = JoinSet::new();
    tasks.spawn(work(Arc::clone(&service)));
    tasks.spawn(notify(Arc::clone(&service)));
    tasks.spawn(act(Arc::clone(&service), wanted.deeds));
    tasks.spawn(run_errands(Arc::clone(&service), wanted.errands));
    tasks.spawn(answer_questions(Arc::clone(&service)));
    tasks.spawn(speak(Arc::clone(&service)));
    if let Some(socket) = socket {
        let (service, stop) = (Arc::clone(&service), stop.clone());
        tasks.spawn(async move { socket.listen(service, stop).await });
    }
    tasks.spawn(follow_actions(Arc::clone(&service)));
    tasks.spawn(remember(Arc::clone(&service)));
    tasks.spawn(investigate(Arc::clone(&service)));
    tasks.spawn(warm_up(Arc::clone(&service)));
    tasks.spawn(serve_connections(listener, api::router(Arc::clone(&service)), stop.clone()));
    output::line(format!("hearback listens on http://{at} (what it takes: /openapi.json). Ctrl-C ends it."))?;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM can't be waited for")?;
    let code = tokio::select! {
        _ = tokio::signal::ctrl_c() => ExitCode::SUCCESS,
        _ = terminate.recv() => ExitCode::SUCCESS,
        _ = tasks.join_next() => {
            tracing::error!("a part of the service ended by itself");
            ExitCode::FAILURE
        }
    };
    stop.cancel();
    while tasks.join_next().await.is_some() {}
    output::line("hearback has ended; what was acknowledged is written down.")?;
    Ok(code)
}

/// Nobody can come in without a token, so the first start makes one that may do everything.
async fn first_token(tokens: &dyn TokenStore) -> Result<()> {
    if !tokens.tokens().await?.is_empty() {
        return Ok(());
    }
    let name = std::env::var("USER").unwrap_or_else(|_| "admin".into());
    let rights = Right::ALL.to_vec();
    let wanted =
        Wanted { holder: times::person(&name), rights, reach: Reach::AllIncidents, expires_at: None };
    let (token, text) = make(tokens, wanted, Timestamp::now()).await?;
    output::line(format!(
        "First token, for {} ({}); it is shown this once:\n{text}",
        token.holder.for_people(),
        listed(&token.rights)
    ))
}
