//! Sends what waits, on a thread of its own: some at once, again while that may help, and no longer once it is told to end.
//! It must not know what the spans say.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use hearback_core::ports::ConnectorError;
use hearback_http::HttpError;
use opentelemetry_sdk::trace::SpanData;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use crate::allowed;
use crate::queue::Counts;
use crate::wire::Post;

/// How often the same spans are sent at most.
const TRIES: u32 = 5;
/// The pause before the second time; each one after it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// What sends.
pub(crate) struct Sending {
    pub(crate) spans: mpsc::Receiver<SpanData>,
    pub(crate) stopped: watch::Receiver<bool>,
    pub(crate) post: Post,
    pub(crate) counts: Arc<Counts>,
    pub(crate) at_once: usize,
    pub(crate) every: Duration,
}

impl Sending {
    /// Begins; what comes back says when it has ended.
    ///
    /// # Errors
    /// [`ConnectorError::Failed`]: there is no thread or no runtime to be had.
    pub(crate) fn start(self) -> Result<Receiver<()>, ConnectorError> {
        let failed = |error: std::io::Error| ConnectorError::Failed(format!("traces can't be sent: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (over, ended): (Sender<()>, _) = channel();
        let run = move || {
            runtime.block_on(self.run());
            let _ = over.send(());
        };
        std::thread::Builder::new().name("hearback-traces".into()).spawn(run).map_err(failed)?;
        Ok(ended)
    }

    async fn run(mut self) {
        loop {
            let batch = self.batch().await;
            if batch.is_empty() {
                return;
            }
            let count = batch.len();
            match self.bring(batch.into_iter().map(allowed::finished).collect()).await {
                Ok(()) => {
                    self.counts.send(count);
                    if self.counts.take_back() {
                        let lost = self.counts.tally().lost;
                        tracing::info!(lost, "traces are taken again");
                    }
                }
                Err(_) => self.counts.lose(count),
            }
        }
    }

    fn is_stopped(&self) -> bool {
        // With nobody there who could stop it, it is stopped.
        *self.stopped.borrow() || self.stopped.has_changed().is_err()
    }

    /// The next spans; none once it is at its end.
    async fn batch(&mut self) -> Vec<SpanData> {
        let mut batch = Vec::new();
        let until = sleep(Duration::MAX);
        tokio::pin!(until);
        while batch.len() < self.at_once && !self.is_stopped() {
            let room = self.at_once - batch.len();
            let was_empty = batch.is_empty();
            tokio::select! {
                taken = self.spans.recv_many(&mut batch, room) => {
                    if taken == 0 {
                        return batch;
                    }
                    if was_empty {
                        until.set(sleep(self.every));
                    }
                }
                () = &mut until => return batch,
                _ = self.stopped.changed() => {}
            }
        }
        while batch.len() < self.at_once {
            match self.spans.try_recv() {
                Ok(span) => batch.push(span),
                Err(_) => break,
            }
        }
        batch
    }

    async fn bring(&mut self, spans: Vec<SpanData>) -> Result<(), HttpError> {
        let mut pause = FIRST_PAUSE;
        let body = self.post.body(spans);
        for tries in 1.. {
            // Looked at before: who is told to end meanwhile may try once more.
            let is_last = tries >= TRIES || self.is_stopped();
            let Err(error) = self.post.send(body.clone()).await else { return Ok(()) };
            if self.counts.say_once() {
                tracing::warn!(%error, "traces can't be sent; nothing waits for them");
            }
            if is_last || !may_work_later(&error) {
                return Err(error);
            }
            tokio::select! {
                () = sleep(pause) => {}
                _ = self.stopped.changed() => {}
            }
            pause *= 2;
        }
        Ok(())
    }
}

/// Whether it may be taken the next time. A span that comes twice has the same id both times.
fn may_work_later(error: &HttpError) -> bool {
    match error {
        HttpError::Unreachable { .. }
        | HttpError::Busy { .. }
        | HttpError::TimedOut { .. }
        | HttpError::OutcomeUnknown { .. } => true,
        HttpError::NotUsable(_)
        | HttpError::Denied { .. }
        | HttpError::Refused { .. }
        | HttpError::Redirected { .. }
        | HttpError::NotExpected { .. }
        | HttpError::TooLarge { .. } => false,
    }
}
