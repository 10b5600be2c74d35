//! Does one piece of work for many commits on all cores, each thread with a repository of its own. It must not know
//! what the work is.

use std::sync::atomic::{AtomicUsize, Ordering};

use hearback_core::ports::ConnectorError;

use crate::objects::Objects;
use crate::repositories::Repositories;
use crate::stop::Stopped;

/// Threads at most: each keeps some megabytes of objects.
const MOST_THREADS: usize = 4;
/// Neighbouring commits share trees, so a thread takes several in a row.
const IN_A_ROW: usize = 8;
/// Below this many commits a second thread costs more than it brings.
const WORTH_A_THREAD: usize = 12;

/// Works on `jobs`; the result of a job that was not done any more is none.
pub(crate) fn work<J: Sync, T: Send>(
    repositories: &Repositories,
    jobs: &[J],
    done: &(dyn Fn(usize) + Sync),
    job: impl Fn(&Objects<'_>, &J) -> Result<T, Stopped> + Sync,
) -> Result<Vec<Option<T>>, ConnectorError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.min(MOST_THREADS).min(jobs.len().div_ceil(WORTH_A_THREAD)).max(1);
    let next = AtomicUsize::new(0);
    let finished = AtomicUsize::new(0);
    let run = || -> Result<Vec<(usize, T)>, ConnectorError> {
        repositories.with(|repository| {
            let objects = Objects::new(repository).map_err(|error| {
                ConnectorError::Failed(format!("git's objects can't be read: {}", error.message()))
            })?;
            let mut results = Vec::new();
            loop {
                let start = next.fetch_add(IN_A_ROW, Ordering::Relaxed);
                let Some(chunk) = jobs.get(start..jobs.len().min(start.saturating_add(IN_A_ROW))) else {
                    break;
                };
                if chunk.is_empty() {
                    break;
                }
                for (offset, one) in chunk.iter().enumerate() {
                    let Ok(result) = job(&objects, one) else { return Ok(results) };
                    results.push((start + offset, result));
                    done(finished.fetch_add(1, Ordering::Relaxed) + 1);
                }
            }
            Ok(results)
        })?
    };
    let mut all: Vec<Option<T>> = Vec::new();
    all.resize_with(jobs.len(), || None);
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let mut parts = vec![run()];
        for other in others {
            parts.push(other.join().unwrap_or_else(|_| {
                Err(ConnectorError::Failed("a thread that read git's objects failed; ask again".to_owned()))
            }));
        }
        for part in parts {
            for (index, result) in part? {
                if let Some(slot) = all.get_mut(index) {
                    *slot = Some(result);
                }
            }
        }
        Ok(all)
    })
}
