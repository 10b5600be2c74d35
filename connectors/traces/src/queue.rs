//! Where spans wait to be sent. Whoever ends a span hands it over and goes on: where there is no room it is counted and
//! forgotten. It must not know how spans are sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use tokio::sync::mpsc;

use crate::{Tally, allowed};

/// What became of the spans.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    ended: AtomicU64,
    sent: AtomicU64,
    lost: AtomicU64,
    said: AtomicBool,
}

impl Counts {
    pub(crate) fn send(&self, how_many: usize) {
        self.sent.fetch_add(how_many as u64, Ordering::Relaxed);
    }

    pub(crate) fn lose(&self, how_many: usize) {
        self.lost.fetch_add(how_many as u64, Ordering::Relaxed);
    }

    pub(crate) fn tally(&self) -> Tally {
        Tally { sent: self.sent.load(Ordering::Relaxed), lost: self.lost.load(Ordering::Relaxed) }
    }

    /// What became of all of them, now that no more are sent.
    pub(crate) fn end(&self) -> Tally {
        let sent = self.sent.load(Ordering::Relaxed);
        Tally { sent, lost: self.ended.load(Ordering::Relaxed).saturating_sub(sent) }
    }

    /// Whether it is the first time since [`Counts::said`] was taken back.
    pub(crate) fn say_once(&self) -> bool {
        !self.said.swap(true, Ordering::Relaxed)
    }

    /// Lets it be said again; whether it was said.
    pub(crate) fn take_back(&self) -> bool {
        self.said.swap(false, Ordering::Relaxed)
    }
}

/// Takes spans as they end.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) spans: mpsc::Sender<SpanData>,
    pub(crate) counts: Arc<Counts>,
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.counts.ended.fetch_add(1, Ordering::Relaxed);
        // No log line here: it would be written in the middle of a span's end.
        if self.spans.try_send(allowed::lean(span)).is_err() {
            self.counts.lose(1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
