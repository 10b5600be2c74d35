//! What the operator sees of the program: log lines on standard error, only when asked for (`HEARBACK_LOG=debug`), and
//! traces, only where `[traces]` says so. Spans carry names and counts, never a message body, a log line or a secret.

use std::time::Duration;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt, registry};

use crate::config::Config;
use crate::output;
use crate::wiring::{self, Traces};

/// How long the end of the program waits for traces to leave.
const WITHIN: Duration = Duration::from_secs(2);

/// The log of this process.
#[derive(Default)]
pub struct OperatorLog {
    traces: Option<Traces>,
}

impl OperatorLog {
    /// Starts it as `HEARBACK_LOG` says; errors only if it says nothing. Traces are sent as `traced` says. It comes after
    /// the user's rules of redaction are known, and before anything else is done.
    pub fn start(&mut self, traced: Option<&Config>) {
        let filter = EnvFilter::try_from_env("HEARBACK_LOG").unwrap_or_else(|_| EnvFilter::new("error"));
        let log = registry().with(fmt::layer().with_writer(std::io::stderr).with_filter(filter));
        let traces = match traced.map(wiring::traces).transpose() {
            Ok(traces) => traces.flatten(),
            Err(error) => {
                // No answer is lost for want of traces.
                output::aside(&format!("No traces are sent: {error:#}. `hearback doctor` says more."));
                None
            }
        };
        let (layer, traces) = traces.unzip();
        self.traces = traces;
        // A second subscriber can't be set twice in one process; there is nobody to tell if it were.
        let _ = log.with(layer).try_init();
    }

    /// Sends the traces that wait, if there is anybody who takes them.
    pub fn finish(self) {
        if let Some(traces) = self.traces {
            traces.finish(WITHIN);
        }
    }
}
