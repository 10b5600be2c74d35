//! Traces of what the program does, on their way to the configured collector.

use anyhow::Result;
use hearback_core::ports::ConnectorError;
pub use hearback_traces::Traces;
use hearback_traces::TracesOptions;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use super::CHECK_WITHIN;
use crate::config::Config;
use crate::output::Usage;

/// What turns spans into traces, and what sends them; none if none are wanted.
///
/// # Errors
/// [`Usage`]: the address or a header can't be used.
pub fn traces<S>(config: &Config) -> Result<Option<(impl Layer<S> + Send + Sync + 'static, Traces)>>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync + 'static,
{
    let Some(options) = options(config)? else { return Ok(None) };
    Ok(Some(hearback_traces::layer(options).map_err(not_usable)?))
}

/// Whether the collector takes traces; none if none are sent.
pub async fn check_traces(config: &Config) -> Result<Option<()>> {
    let Some(options) = options(config)? else { return Ok(None) };
    let options = TracesOptions { within: CHECK_WITHIN.unsigned_abs(), ..options };
    hearback_traces::check(&options).await.map_err(not_usable)?;
    Ok(Some(()))
}

fn options(config: &Config) -> Result<Option<TracesOptions>> {
    let Some(section) = &config.traces else { return Ok(None) };
    let headers = section.headers.iter().map(|(name, secret)| anyhow::Ok((name.clone(), secret.read()?)));
    Ok(Some(TracesOptions {
        headers: headers.collect::<Result<_>>()?,
        ..TracesOptions::new(&section.endpoint, env!("CARGO_PKG_VERSION"))
    }))
}

fn not_usable(error: ConnectorError) -> anyhow::Error {
    match error {
        ConnectorError::NotUsable(says) => Usage(says).into(),
        other => other.into(),
    }
}
