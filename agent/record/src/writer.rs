//! Group commit: one thread takes the writes of all tasks and commits those that wait together in one
//! transaction. Nothing is acknowledged before the commit is durable. It must not know what is written.

use std::collections::VecDeque;
use std::thread::JoinHandle;

use hearback_core::IncidentId;
use hearback_core::entry::Head;
use hearback_core::ports::RecordError;
use tokio::sync::{mpsc, oneshot};

use crate::session::{Erased, Fault, Session};
use crate::tables::{self, Ledger};
use crate::writes::{Leaves, Write};

/// Writes that share a transaction, at most.
const MOST_TOGETHER: usize = 256;
/// Writes that may wait before callers do.
const MOST_WAITING: usize = 1024;

/// The writer's thread. Dropping it commits what waits and ends the thread.
pub(crate) struct Writer {
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread, which owns `session`.
    pub fn start(session: Box<dyn Session>) -> Result<Self, RecordError> {
        let (jobs, waiting) = mpsc::channel(MOST_WAITING);
        let thread = std::thread::Builder::new()
            .name("record-writer".into())
            .spawn(move || run(session, waiting))
            .map_err(|error| RecordError::Store(format!("no thread for the writer: {error}")))?;
        Ok(Writer { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Writes and waits until it is durable. A caller that goes away before may or may not have written.
    pub async fn submit<W: Write>(&self, write: W) -> Result<W::Done, RecordError> {
        self.submit_and_take_back(write).await.map(|(_, done)| done)
    }

    /// As [`Writer::submit`]; the write comes back too, so that what it holds need not be copied for the result.
    pub async fn submit_and_take_back<W: Write>(&self, write: W) -> Result<(W, W::Done), RecordError> {
        let stopped = || RecordError::Store("the record's writer has stopped; start hearback again".into());
        let (reply, answer) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(Box::new(Pending { write, tried: None, reply })).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there was reported by the panic hook; there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

/// A write of any kind with the place for its result.
trait Job: Send {
    /// Applies the write; a verdict is kept for [`Job::finish`], any other fault ends the transaction.
    fn attempt(&mut self, ledger: &mut Ledger<'_>) -> Result<(), Fault>;
    /// What proves the commit.
    fn proof(&self) -> Option<(IncidentId, Head)>;
    /// What is left in the files.
    fn leaves(&self) -> Leaves;
    /// Tells the caller: its own result if the transaction was committed, else why it was not.
    fn finish(self: Box<Self>, committed: Result<(), RecordError>);
}

struct Pending<W: Write> {
    write: W,
    tried: Option<Result<W::Done, RecordError>>,
    reply: oneshot::Sender<Result<(W, W::Done), RecordError>>,
}

impl<W: Write> Job for Pending<W> {
    fn attempt(&mut self, ledger: &mut Ledger<'_>) -> Result<(), Fault> {
        self.tried = Some(match self.write.apply(ledger) {
            Ok(done) => Ok(done),
            Err(Fault::Verdict(error)) => Err(error),
            Err(fault) => return Err(fault),
        });
        Ok(())
    }

    fn proof(&self) -> Option<(IncidentId, Head)> {
        self.tried.as_ref()?.as_ref().ok().and_then(|done| self.write.proof(done))
    }

    fn leaves(&self) -> Leaves {
        match self.tried {
            Some(Ok(_)) => W::LEAVES,
            _ => Leaves::Nothing,
        }
    }

    fn finish(self: Box<Self>, committed: Result<(), RecordError>) {
        let never_tried = || Err(RecordError::Store("it was not tried".into()));
        let Pending { write, tried, reply } = *self;
        let result = committed.and_then(|()| tried.unwrap_or_else(never_tried)).map(|done| (write, done));
        // The caller may have gone away.
        let _ = reply.send(result);
    }
}

fn run(mut session: Box<dyn Session>, mut waiting: mpsc::Receiver<Box<dyn Job>>) {
    let mut erased = Erased::Done;
    while let Some(first) = waiting.blocking_recv() {
        let mut together = vec![first];
        while together.len() < MOST_TOGETHER
            && let Ok(job) = waiting.try_recv()
        {
            together.push(job);
        }
        settle(&mut *session, together, &mut erased);
    }
    if erased == Erased::NotYet && session.erase_deleted() == Erased::NotYet {
        tracing::warn!(
            "what was redacted is still in the record's write-ahead log; the next start removes it"
        );
    }
}

/// Commits `jobs` together. If that fails, each alone: one that can't be written must not take others along.
fn settle(session: &mut dyn Session, jobs: Vec<Box<dyn Job>>, erased: &mut Erased) {
    let mut groups = VecDeque::from([jobs]);
    while let Some(mut jobs) = groups.pop_front() {
        match commit_together(session, &mut jobs) {
            Ok(()) => {
                tracing::debug!(target: "hearback_record::commit", together = jobs.len(), "committed");
                if *erased == Erased::NotYet || jobs.iter().any(|job| job.leaves() == Leaves::Deleted) {
                    *erased = session.erase_deleted();
                }
                jobs.into_iter().for_each(|job| job.finish(Ok(())));
            }
            Err(Fault::Full | Fault::Failed(_)) if jobs.len() > 1 => {
                groups.extend(jobs.into_iter().map(|job| vec![job]));
            }
            Err(fault) => {
                tracing::warn!(together = jobs.len(), ?fault, "not committed");
                let error = RecordError::from(fault);
                jobs.into_iter().for_each(|job| job.finish(Err(again(&error))));
            }
        }
    }
}

fn commit_together(session: &mut dyn Session, jobs: &mut [Box<dyn Job>]) -> Result<(), Fault> {
    session.begin()?;
    let mut ledger = Ledger::new(session);
    let written = jobs.iter_mut().try_for_each(|job| job.attempt(&mut ledger)).and_then(|()| ledger.flush());
    if let Err(fault) = written {
        session.rollback();
        return Err(fault);
    }
    match session.commit() {
        Err(Fault::Lost(why)) => look_for(session, jobs, why),
        Err(fault) => {
            session.rollback();
            Err(fault)
        }
        Ok(()) => Ok(()),
    }
}

/// The connection broke during the commit. The transaction is all or nothing, so one entry that is there proves
/// the rest; and [`Session::begin`] waits until the broken transaction is over, so absence is proof as well.
fn look_for(session: &mut dyn Session, jobs: &[Box<dyn Job>], why: String) -> Result<(), Fault> {
    let unknown =
        || Fault::Lost(format!("{why}, and it is not known whether it was written: read it before a retry"));
    let Some((incident, head)) = jobs.iter().find_map(|job| job.proof()) else { return Err(unknown()) };
    session.begin().map_err(|_| unknown())?;
    let there = tables::entries_after(session, &incident, head.seq - 1, 1);
    session.rollback();
    match there {
        Ok(entries) if entries.iter().any(|entry| entry.hash == head.hash) => Ok(()),
        Ok(_) => Err(Fault::Lost(format!("{why}; nothing was written, try again"))),
        Err(_) => Err(unknown()),
    }
}

/// The same error for one more caller. Only those that a transaction can end with.
fn again(error: &RecordError) -> RecordError {
    match error {
        RecordError::Full => RecordError::Full,
        RecordError::Store(why) => RecordError::Store(why.clone()),
        other => RecordError::Store(other.to_string()),
    }
}
