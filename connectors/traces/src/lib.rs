//! Sends what Hearback itself does as OpenTelemetry traces: the spans of `tracing` that stand on a list, over OTLP/HTTP. Only
//! names, counts and how something ended leave, without secrets (`allowed.rs`); events never do. Nobody waits for it: what
//! the other side does not take is counted and forgotten. It must not know what the spans are about, and whom they are
//! shown to.

mod allowed;
mod queue;
mod sending;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use hearback_core::ports::ConnectorError;
use opentelemetry::InstrumentationScope;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanLimits};
use tokio::sync::{mpsc, watch};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use queue::{Counts, Queue};
use sending::Sending;
use wire::Post;

/// Where spans are sent, and what that may cost. Its `Debug` leaves the headers out: they hold keys.
#[derive(Clone)]
pub struct TracesOptions {
    /// The address up to where `/v1/traces` begins, as in `http://localhost:4318`.
    pub endpoint: String,
    /// Headers of each request: a key, a tenant.
    pub headers: Vec<(String, String)>,
    /// What the service is called (`service.name`).
    pub service: String,
    /// Its version (`service.version`).
    pub version: String,
    /// So many spans wait at most; more are counted and forgotten.
    pub waiting: usize,
    /// So many spans go in one request at most.
    pub at_once: usize,
    /// How long spans are collected before they are sent.
    pub every: Duration,
    /// How long one request may take.
    pub within: Duration,
}

impl TracesOptions {
    /// To `endpoint`, with at most some megabytes of spans waiting.
    pub fn new(endpoint: impl Into<String>, version: impl Into<String>) -> Self {
        TracesOptions {
            endpoint: endpoint.into(),
            headers: Vec::new(),
            service: "hearback".into(),
            version: version.into(),
            waiting: 2_048,
            at_once: 512,
            every: Duration::from_secs(2),
            within: Duration::from_secs(10),
        }
    }
}

impl fmt::Debug for TracesOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracesOptions")
            .field("service", &self.service)
            .field("headers", &self.headers.len())
            .field("waiting", &self.waiting)
            .finish_non_exhaustive()
    }
}

/// What became of the spans.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// The other side took them.
    pub sent: u64,
    /// It did not.
    pub lost: u64,
}

/// The sending of spans. Dropped, it ends without waiting.
#[derive(Debug)]
pub struct Traces {
    counts: Arc<Counts>,
    stop: watch::Sender<bool>,
    ended: Receiver<()>,
}

impl Traces {
    /// What became of the spans so far.
    pub fn tally(&self) -> Tally {
        self.counts.tally()
    }

    /// Sends what waits, for at most `within`, and ends. It blocks; spans that end later are lost.
    pub fn finish(self, within: Duration) -> Tally {
        let _ = self.stop.send(true);
        let late = self.ended.recv_timeout(within) == Err(RecvTimeoutError::Timeout);
        let tally = self.counts.end();
        if late && tally.lost > 0 && self.counts.say_once() {
            tracing::warn!(lost = tally.lost, "traces could not be sent in time");
        }
        tally
    }
}

/// The layer that turns spans into traces, and what sends them: a thread of its own, which nothing waits for.
///
/// # Errors
/// [`ConnectorError::NotUsable`] if the address or a header can't be used; [`ConnectorError::Failed`] if there is no thread
/// to be had.
pub fn layer<S>(
    options: TracesOptions,
) -> Result<(impl Layer<S> + Send + Sync + 'static, Traces), ConnectorError>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync + 'static,
{
    let post = Post::new(&options)?;
    let counts = Arc::new(Counts::default());
    let (spans, waiting) = mpsc::channel(options.waiting.max(1));
    let (stop, stopped) = watch::channel(false);
    let sending = Sending {
        spans: waiting,
        stopped,
        post,
        counts: Arc::clone(&counts),
        at_once: options.at_once.max(1),
        every: options.every,
    };
    let ended = sending.start()?;
    // Everything that the SDK would else take from the environment is said.
    let provider = SdkTracerProvider::builder()
        .with_sampler(Sampler::AlwaysOn)
        .with_span_limits(limits())
        .with_span_processor(Queue { spans, counts: Arc::clone(&counts) })
        .build();
    let scope = InstrumentationScope::builder("hearback")
        .with_version(options.version)
        .with_schema_url(hearback_core::gen_ai::SCHEMA_URL)
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer_with_scope(scope))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_context_activation(false)
        .with_filter(filter_fn(allowed::is_traced).with_max_level_hint(LevelFilter::INFO));
    Ok((layer, Traces { counts, stop, ended }))
}

/// Asks whether the other side takes traces, with a request that holds none.
///
/// # Errors
/// As [`layer`]; and why it does not.
pub async fn check(options: &TracesOptions) -> Result<(), ConnectorError> {
    let post = Post::new(options)?;
    Ok(post.send(Vec::new()).await?)
}

fn limits() -> SpanLimits {
    SpanLimits {
        max_events_per_span: 0,
        max_attributes_per_span: 64,
        max_links_per_span: 0,
        max_attributes_per_event: 0,
        max_attributes_per_link: 0,
    }
}
