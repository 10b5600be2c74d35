//! The store as the rest of Hearback sees it: the ports. Knows tokio; the work itself is done by blocking code, by one
//! thread that writes and by questions that end with their budget.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use hearback_core::evidence::Fetched;
use hearback_core::ports::{
    ConnectorError, IntakeError, LogQuery, LogSource, SpanQuery, TelemetrySink, TraceSource, TracesQuery,
};
use hearback_core::telemetry::LogTemplate;
use hearback_core::{LogRecord, SourceName, SpanRecord};
use jiff::SignedDuration;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use crate::intake::{self, Rows};
use crate::options::{OpenError, TelemetryOptions};
use crate::search::Search;
use crate::shelf::{Shelf, TelemetryStats};
use crate::stop::Stop;
use crate::writer::{self, Job};
use crate::{logs, spans, templates};

/// Questions that are answered at once; more of them wait.
const QUESTIONS_AT_ONCE: usize = 4;
/// The share of the disk that may wait in memory: what waits must fit when it is written.
const QUEUE_SHARE: u64 = 8;

/// Log records and spans on disk. Open once; share it in an `Arc`.
pub struct TelemetryStore {
    source: SourceName,
    shelf: Arc<Shelf>,
    jobs: Mutex<Option<Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// KiB that may wait to be written.
    room: Arc<Semaphore>,
    queue_kib: u32,
    queue_wait: Duration,
    questions: Arc<Semaphore>,
    /// Held as long as the store is open.
    _lock: File,
}

impl TelemetryStore {
    /// Opens the folder, or makes it. Files that can't be read are named in answers and go with their age.
    ///
    /// # Errors
    /// [`OpenError::InUse`] if another process has it; [`OpenError::NotUsable`] if it can't be a store.
    pub fn open(options: TelemetryOptions) -> Result<Self, OpenError> {
        options.check()?;
        let lock = lock(&options.folder)?;
        let shelf = Arc::new(Shelf::open(&options)?);
        let (jobs, thread) = writer::start(Arc::clone(&shelf), options.clock)?;
        let queue_bytes = options.queue_bytes.min(options.max_bytes / QUEUE_SHARE);
        let queue_kib = u32::try_from(queue_bytes >> 10).unwrap_or(u32::MAX).clamp(1, u32::MAX >> 4);
        Ok(TelemetryStore {
            source: options.source,
            shelf,
            jobs: Mutex::new(Some(jobs)),
            thread: Mutex::new(Some(thread)),
            room: Arc::new(Semaphore::new(queue_kib as usize)),
            queue_kib,
            queue_wait: options.queue_wait,
            questions: Arc::new(Semaphore::new(QUESTIONS_AT_ONCE)),
            _lock: lock,
        })
    }

    /// What the store holds.
    pub fn stats(&self) -> TelemetryStats {
        self.shelf.stats()
    }

    /// Takes nothing more and returns when all that waits is written.
    pub async fn close(&self) {
        let thread = self.stop_writer();
        // A panic in there was reported by the panic hook; there is nobody left to tell.
        let _ = tokio::task::spawn_blocking(move || thread.map(JoinHandle::join)).await;
    }

    fn stop_writer(&self) -> Option<JoinHandle<()>> {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.thread.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Queues rows and waits until they are written. A sender that goes away before may or may not have written.
    async fn take(
        &self,
        weight: u64,
        prepare: impl FnOnce() -> Rows + Send + 'static,
    ) -> Result<(), IntakeError> {
        let closed = || IntakeError::Store("the store is closed; start hearback again".into());
        let kib = u32::try_from(weight >> 10).unwrap_or(u32::MAX).saturating_add(1).min(self.queue_kib);
        let waiting = Arc::clone(&self.room).acquire_many_owned(kib);
        let room = match timeout(self.queue_wait, waiting).await {
            Ok(room) => room.map_err(|_| closed())?,
            Err(_) => {
                self.shelf.count_refused();
                return Err(IntakeError::Busy);
            }
        };
        let rows = tokio::task::spawn_blocking(prepare).await.map_err(|_| closed())?;
        let (reply, answer) = oneshot::channel();
        {
            let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
            let jobs = jobs.as_ref().ok_or_else(closed)?;
            jobs.send(Job { rows, weight, room, reply }).map_err(|_| closed())?;
        }
        answer.await.map_err(|_| closed())?
    }

    async fn ask<T: Send + 'static>(
        &self,
        budget: SignedDuration,
        work: impl FnOnce(&mut Search, SourceName) -> T + Send + 'static,
    ) -> Result<T, ConnectorError> {
        // Dropped with this future: a question nobody waits for stops at its next step.
        let (stop, _abandon) = Stop::after(budget);
        let turn = timeout(stop.left(), Arc::clone(&self.questions).acquire_owned()).await;
        let turn = turn.map_err(|_| ConnectorError::TimedOut(budget))?;
        let (shelf, source) = (Arc::clone(&self.shelf), self.source.clone());
        let answered = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&mut Search::new(shelf.newest_first(), stop), source)
        });
        let failed = "reading telemetry failed unexpectedly; ask again";
        answered.await.map_err(|_| ConnectorError::Failed(failed.to_owned()))
    }
}

impl Drop for TelemetryStore {
    fn drop(&mut self) {
        if let Some(thread) = self.stop_writer() {
            let _ = thread.join();
        }
    }
}

#[async_trait]
impl TelemetrySink for TelemetryStore {
    async fn take_logs(&self, logs: Vec<LogRecord>) -> Result<(), IntakeError> {
        if logs.is_empty() {
            return Ok(());
        }
        self.take(logs.iter().map(intake::weight_of_log).sum(), move || intake::prepare_logs(logs)).await
    }

    async fn take_spans(&self, spans: Vec<SpanRecord>) -> Result<(), IntakeError> {
        if spans.is_empty() {
            return Ok(());
        }
        self.take(spans.iter().map(intake::weight_of_span).sum(), move || intake::prepare_spans(spans)).await
    }
}

#[async_trait]
impl LogSource for TelemetryStore {
    fn name(&self) -> &SourceName {
        &self.source
    }

    async fn logs(&self, query: &LogQuery) -> Result<Fetched<LogRecord>, ConnectorError> {
        let asked = query.clone();
        self.ask(query.budget, move |search, source| logs::find(search, &asked, source)).await
    }

    async fn templates(&self, query: &LogQuery) -> Result<Fetched<LogTemplate>, ConnectorError> {
        let asked = query.clone();
        self.ask(query.budget, move |search, source| templates::count(search, &asked, source)).await
    }
}

#[async_trait]
impl TraceSource for TelemetryStore {
    fn name(&self) -> &SourceName {
        &self.source
    }

    async fn spans(&self, query: &SpanQuery) -> Result<Fetched<SpanRecord>, ConnectorError> {
        let asked = query.clone();
        self.ask(query.budget, move |search, source| spans::find(search, &asked, source)).await
    }

    async fn traces(&self, query: &TracesQuery) -> Result<Fetched<SpanRecord>, ConnectorError> {
        let asked = query.clone();
        self.ask(query.budget, move |search, source| spans::find_traces(search, &asked, source)).await
    }
}

/// Makes the folder, for its owner alone, and takes it for this process. The lock ends with the process.
fn lock(folder: &Path) -> Result<File, OpenError> {
    let cannot = |error: &io::Error| {
        let shown = folder.display();
        OpenError::NotUsable(format!(
            "telemetry can't be kept in {shown}: {error}; name a folder on a local disk that this user may write in"
        ))
    };
    let mut make = std::fs::DirBuilder::new();
    make.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut make, 0o700);
    make.create(folder).map_err(|error| cannot(&error))?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    let file = options.open(folder.join("lock")).map_err(|error| cannot(&error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(cannot(&error)),
    }
}
