//! Group commit: one thread takes the rows of all senders and commits those that wait together in one transaction.
//! Nothing is acknowledged before its commit. It must not know what is asked.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use hearback_core::ports::IntakeError;
use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::intake::Rows;
use crate::options::{Clock, OpenError};
use crate::rows::{self, Numbers};
use crate::segment::{Extent, Health, Segment, is_damage};
use crate::shelf::Shelf;

/// Rows that share a transaction, as soon as there are as many.
const MOST_TOGETHER: usize = 4096;
/// How often the age of segments is looked at when nothing arrives.
const IDLE: Duration = Duration::from_secs(30);
/// What a row takes on disk while it is committed, for a byte of its own: itself, its indexes, and both again in the
/// write-ahead log.
const ROOM_FOR_A_BYTE: u64 = 3;

/// Rows that wait to be written.
pub(crate) struct Job {
    pub rows: Rows,
    /// Its bytes, about.
    pub weight: u64,
    /// Its place in the queue, given back when it is done.
    pub room: OwnedSemaphorePermit,
    pub reply: oneshot::Sender<Result<(), IntakeError>>,
}

/// Starts the thread. It ends when the sender is dropped and all that waits is written.
pub(crate) fn start(
    shelf: Arc<Shelf>,
    clock: Clock,
) -> Result<(mpsc::Sender<Job>, JoinHandle<()>), OpenError> {
    let (jobs, waiting) = mpsc::channel();
    let thread = std::thread::Builder::new()
        .name("telemetry-writer".into())
        .spawn(move || Writer { shelf, clock, active: None, left: None }.run(&waiting))
        .map_err(|error| OpenError::NotUsable(format!("no thread for the writer of telemetry: {error}")))?;
    Ok((jobs, thread))
}

struct Writer {
    shelf: Arc<Shelf>,
    clock: Clock,
    active: Option<Active>,
    /// The segment that could not be written to: it is not tried again.
    left: Option<u64>,
}

/// The segment that is written to.
struct Active {
    segment: Arc<Segment>,
    connection: Connection,
    numbers: Numbers,
}

impl Writer {
    fn run(mut self, waiting: &Receiver<Job>) {
        self.shelf.drop_old((self.clock)());
        loop {
            match waiting.recv_timeout(IDLE) {
                Ok(first) => {
                    let mut count = first.rows.len();
                    let mut together = vec![first];
                    while count < MOST_TOGETHER
                        && let Ok(job) = waiting.try_recv()
                    {
                        count += job.rows.len();
                        together.push(job);
                    }
                    self.settle(together);
                }
                Err(RecvTimeoutError::Timeout) => self.tidy((self.clock)()),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Closes the segment that has had its time, and drops those that are too old.
    fn tidy(&mut self, now: Timestamp) {
        self.active.take_if(|active| self.shelf.is_finished(&active.segment, now));
        self.shelf.drop_old(now);
    }

    /// Writes jobs together and tells their senders.
    fn settle(&mut self, mut jobs: Vec<Job>) {
        let now = (self.clock)();
        self.tidy(now);
        self.shelf.make_room(ROOM_FOR_A_BYTE * jobs.iter().map(|job| job.weight).sum::<u64>());
        // A segment that fails is left for a new one, once: a damaged file must not end the intake.
        let written = match self.write(&mut jobs, now) {
            Err(error) if !is_full(&error) => {
                tracing::warn!(%error, "telemetry is written to a new segment: the last one failed");
                self.leave(&error);
                self.write(&mut jobs, now)
            }
            written => written,
        };
        let written = written.map_err(|error| self.phrase(&error));
        tracing::debug!(target: "hearback_telemetry::commit", together = jobs.len(), ok = written.is_ok());
        for Job { rows, room, reply, .. } in jobs {
            drop((rows, room));
            let result = written.clone().map_err(IntakeError::Store);
            // The sender may have gone away.
            let _ = reply.send(result);
        }
    }

    /// Writes jobs in one transaction.
    fn write(&mut self, jobs: &mut [Job], now: Timestamp) -> rusqlite::Result<()> {
        let Active { segment, connection, numbers } = self.open(now)?;
        let mut extent = segment.extent().ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        let written = commit(connection, numbers, jobs, &mut extent, now);
        match written {
            Ok(()) => segment.set_health(Health::Sound(extent)),
            Err(_) => {
                numbers.clear();
                // SQLite has rolled back by itself after some errors, a full disk among them.
                if !connection.is_autocommit()
                    && let Err(error) = connection.execute_batch("ROLLBACK")
                {
                    tracing::warn!(%error, "a failed transaction could not be rolled back");
                    self.active = None;
                }
            }
        }
        written
    }

    /// The segment to write to: the one in use, the last one of an earlier start, or a new one.
    fn open(&mut self, now: Timestamp) -> rusqlite::Result<&mut Active> {
        let active = match self.active.take() {
            Some(active) => active,
            None => {
                let newest = self.shelf.newest();
                let usable = newest.clone().filter(|segment| {
                    self.left != Some(segment.sequence) && !self.shelf.is_finished(segment, now)
                });
                let reopened = usable.and_then(|segment| Some((segment.reopen().ok()?, segment)));
                let (connection, segment) = match reopened {
                    Some(reopened) => reopened,
                    None => {
                        let sequence = newest.map_or(0, |segment| segment.sequence + 1);
                        let (segment, connection) = Segment::create(&self.shelf.folder, sequence, now)?;
                        let segment = Arc::new(segment);
                        self.shelf.add(Arc::clone(&segment));
                        (connection, segment)
                    }
                };
                Active { segment, connection, numbers: Numbers::default() }
            }
        };
        Ok(self.active.insert(active))
    }

    /// Gives the segment in use up.
    fn leave(&mut self, error: &rusqlite::Error) {
        if let Some(active) = self.active.take() {
            self.left = Some(active.segment.sequence);
            if is_damage(error) {
                active.segment.set_health(Health::Damaged);
            }
        }
    }

    fn phrase(&self, error: &rusqlite::Error) -> String {
        let folder = self.shelf.folder.display();
        if is_full(error) {
            format!("the disk of {folder} is full: free space, or keep less telemetry")
        } else {
            format!("{folder}: {error}")
        }
    }
}

fn commit(
    connection: &Connection,
    numbers: &mut Numbers,
    jobs: &mut [Job],
    extent: &mut Extent,
    now: Timestamp,
) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    jobs.iter_mut().try_for_each(|job| rows::insert(connection, numbers, &mut job.rows, extent))?;
    extent.last_arrival = extent.last_arrival.max(now);
    rows::update_extent(connection, extent)?;
    connection.execute_batch("COMMIT")
}

fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

#[cfg(test)]
mod tests {
    use hearback_core::{LogRecord, LogSeverity, ServiceName};
    use tokio::sync::Semaphore;

    use super::*;
    use crate::intake::prepare_logs;
    use crate::options::TelemetryOptions;

    fn writer(folder: &std::path::Path) -> Writer {
        let clock: Clock = Arc::new(|| Timestamp::UNIX_EPOCH);
        let options = TelemetryOptions::new(folder, Arc::clone(&clock)).unwrap();
        Writer { shelf: Arc::new(Shelf::open(&options).unwrap()), clock, active: None, left: None }
    }

    fn take(writer: &mut Writer, count: usize) -> Result<(), String> {
        let log = |number: usize| LogRecord {
            at: Timestamp::from_second(number as i64).unwrap(),
            service: ServiceName::new("cart").unwrap(),
            version: None,
            severity: LogSeverity::Info,
            body: format!("{number} {}", "x".repeat(900)).as_str().into(),
            attributes: Default::default(),
            trace: None,
            span: None,
        };
        let (reply, mut answer) = oneshot::channel();
        let room = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let rows = prepare_logs((0..count).map(log).collect());
        writer.settle(vec![Job { rows, weight: 1000 * count as u64, room, reply }]);
        answer.try_recv().unwrap().map_err(|error| error.to_string())
    }

    fn kept(writer: &Writer) -> i64 {
        let rows = |segment: Arc<Segment>| {
            let connection = segment.read().unwrap();
            connection.query_row("SELECT count(*) FROM log", [], |row| row.get::<_, i64>(0)).unwrap()
        };
        let segments = writer.shelf.newest_first();
        segments.into_iter().filter(|segment| segment.extent().is_some()).map(rows).sum()
    }

    /// SQLite is told how many pages the file may have, and says "full" as it does when the disk is.
    #[test]
    fn a_full_disk_is_one_sentence_and_takes_nothing_acknowledged_along() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = writer(folder.path());
        take(&mut writer, 100).unwrap();
        let limit = |writer: &Writer, pages: i64| {
            let connection = &writer.active.as_ref().unwrap().connection;
            connection.pragma_update(None, "max_page_count", pages).unwrap();
        };
        limit(&writer, 60);
        assert_eq!(
            take(&mut writer, 1000).unwrap_err(),
            format!(
                "telemetry can't be written down: the disk of {} is full: free space, or keep less telemetry",
                folder.path().display()
            )
        );
        assert_eq!(kept(&writer), 100);
        limit(&writer, 100_000);
        take(&mut writer, 50).unwrap();
        assert_eq!((kept(&writer), writer.shelf.stats().logs), (150, 150));
    }

    #[test]
    fn a_segment_that_is_damaged_while_it_is_written_is_left_for_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = writer(folder.path());
        take(&mut writer, 10).unwrap();
        let connection = &writer.active.as_ref().unwrap().connection;
        connection.execute_batch("DROP TABLE log").unwrap();
        take(&mut writer, 10).unwrap();
        assert_eq!(writer.shelf.newest_first().len(), 2);
        assert_eq!(writer.shelf.newest().unwrap().extent().unwrap().logs, 10);
    }
}
