//! Cases on their way, several at once, since each keeps one core busy. Each is asked only after it was looked whether its
//! answer can be seen, in the symptom or in what the source shows as of that moment. It must not know where repositories
//! are or who reads the outcomes.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::case::Case;
use crate::leak::{self, Leak};
use crate::run::{self, Bench, NotAsked, Ran};

/// What becomes of a case whose answer can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfLeaks {
    /// It is not asked.
    Refuse,
    /// It is asked all the same, and the leaks are told.
    Tell,
}

/// A case that was looked at.
#[derive(Debug)]
pub struct Checked {
    /// Its place among those given.
    pub index: usize,
    /// The ways in which its answer can be seen.
    pub leaks: Vec<Leak>,
    /// What the source could not see of its candidates, in plain words.
    pub missing: Vec<String>,
    /// What came of it; none if it was refused.
    pub ran: Result<Option<Ran>, NotAsked>,
}

/// Cases on their way.
pub struct CheckedRun {
    bench: Arc<Bench>,
    waiting: Vec<(usize, Case)>,
    tasks: JoinSet<Checked>,
    at_once: usize,
    of_leaks: OfLeaks,
}

impl CheckedRun {
    /// Checks and asks `cases`, `at_once` at a time, in the order of [`run::latest_first`]: a source need not walk again
    /// what lies before it, and reads what the case before has read. Dropped, it stops.
    pub fn new(bench: Arc<Bench>, cases: Vec<Case>, at_once: usize, of_leaks: OfLeaks) -> Self {
        let waiting = run::in_turn(cases);
        CheckedRun { bench, waiting, tasks: JoinSet::new(), at_once: at_once.max(1), of_leaks }
    }

    /// The next case that is done, in no particular order; none when all are.
    ///
    /// # Errors
    /// [`NotAsked::GivenUp`]: a task ended before its case did, which only a fault in here can cause.
    pub async fn next(&mut self) -> Option<Result<Checked, NotAsked>> {
        while self.tasks.len() < self.at_once
            && let Some((index, case)) = self.waiting.pop()
        {
            let (bench, of_leaks) = (Arc::clone(&self.bench), self.of_leaks);
            self.tasks.spawn(async move { check_and_ask(&bench, index, &case, of_leaks).await });
        }
        Some(self.tasks.join_next().await?.map_err(|_| NotAsked::GivenUp))
    }
}

async fn check_and_ask(bench: &Bench, index: usize, case: &Case, of_leaks: OfLeaks) -> Checked {
    let read = match run::read(bench, case).await {
        Ok(read) => read,
        Err(error) => {
            return Checked { index, leaks: Vec::new(), missing: Vec::new(), ran: Err(error) };
        }
    };
    let (leaks, missing) = (leak::check(case, &read.fetched.items), read.fetched.coverage.missing.clone());
    let ran = match of_leaks {
        OfLeaks::Refuse if !leaks.is_empty() => Ok(None),
        _ => run::ask(bench, case, read).await.map(Some),
    };
    Checked { index, leaks, missing, ran }
}
