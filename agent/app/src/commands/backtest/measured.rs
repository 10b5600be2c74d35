//! Cases asked one after the other, or rather a few at once: told as they are done, summed up at the end, and summed up
//! early when Ctrl-C is pressed.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use hearback_eval::case::Case;
use hearback_eval::checked::{Checked, CheckedRun, OfLeaks};
use hearback_eval::leak::Leak;
use hearback_eval::outcome::{Outcome, Ranked};
use hearback_eval::run::{Bench, latest_first};
use hearback_eval::temperature::Scored;
use serde::Serialize;

use crate::interrupt::Interrupt;
use crate::output;
use crate::progress::Progress;

/// What is asked, and how.
pub struct Plan {
    /// Weights and repositories.
    pub bench: Bench,
    /// The cases.
    pub cases: Vec<Case>,
    /// What becomes of a case whose answer can be seen.
    pub of_leaks: OfLeaks,
    /// Whether a line is printed for each case.
    pub json: bool,
}

/// What came of it.
#[derive(Default)]
pub struct Measured {
    /// How many cases there were.
    pub of: usize,
    /// What came of those that were asked, in their order.
    pub outcomes: Vec<Outcome>,
    /// The scores of those that tell of a failure, to calibrate by.
    pub scored: Vec<Scored>,
    /// Those whose answer can be seen.
    pub leaking: Vec<Leaking>,
    /// Why some could not be asked.
    pub failed: Vec<String>,
    /// Where not all candidates of some cases were seen, by repository.
    pub missing: BTreeMap<String, Missing>,
    /// Whether Ctrl-C ended it.
    pub stopped: bool,
}

/// What was not seen of a repository.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Missing {
    /// In so many cases.
    pub cases: usize,
    /// What it was in one of them.
    pub example: Option<String>,
}

/// A case whose answer can be seen.
#[derive(Debug, Clone, Serialize)]
pub struct Leaking {
    /// The case.
    pub id: String,
    /// Whether it was asked all the same.
    pub asked: bool,
    /// The ways in which it can be seen.
    pub leaks: Vec<Seen>,
}

/// A way in which an answer can be seen.
#[derive(Debug, Clone, Serialize)]
pub struct Seen {
    /// Its kind in a word.
    pub kind: &'static str,
    /// In a sentence.
    pub says: String,
}

/// What is printed of a case.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    rank: Option<u32>,
    ranked: Vec<Ranked>,
    abstained: bool,
    ms: f64,
}

/// Asks the cases of `plan` until all are done or `interrupt` is heard.
///
/// # Errors
/// Standard output is gone, or a fault in here.
pub async fn measure(plan: Plan, interrupt: &Interrupt) -> Result<Measured> {
    let Plan { bench, cases, of_leaks, json } = plan;
    // Told in the order in which they are asked, so that whoever watches sees each as soon as it is done.
    let cases = latest_first(cases);
    let temperature = bench.ranker.probability.temperature;
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let mut run = CheckedRun::new(Arc::new(bench), cases.clone(), at_once, of_leaks);
    let progress = Progress::of(cases.len());
    let mut measured = Measured { of: cases.len(), ..Measured::default() };
    // What is done waits here for the cases before it.
    let mut done: BTreeMap<usize, Checked> = BTreeMap::new();
    let mut next = 0;
    loop {
        let checked = tokio::select! {
            biased;
            () = interrupt.heard() => {
                measured.stopped = true;
                break;
            }
            checked = run.next() => checked,
        };
        let Some(checked) = checked.transpose()? else { break };
        progress.step();
        done.insert(checked.index, lighter(checked, &cases, temperature, &mut measured));
        while let Some(checked) = done.remove(&next) {
            progress.beside(|| measured.take(checked, &cases, json))?;
            next += 1;
        }
    }
    drop(progress);
    drop(run);
    for (_, checked) in done {
        measured.take(checked, &cases, json)?;
    }
    Ok(measured)
}

/// Without the standings: of thousands of candidates each, they are what would fill the memory.
fn lighter(mut checked: Checked, cases: &[Case], temperature: f64, measured: &mut Measured) -> Checked {
    if let (Ok(Some(ran)), Some(case)) = (&mut checked.ran, cases.get(checked.index)) {
        let standings = std::mem::take(&mut ran.standings);
        if case.symptom_like {
            let none = ran.outcome.none_of_these;
            measured.scored.push(Scored::new(&standings, &case.culprit_shas, temperature, none));
        }
    }
    checked
}

impl Measured {
    fn take(&mut self, checked: Checked, cases: &[Case], json: bool) -> Result<()> {
        let Checked { index, leaks, missing, ran } = checked;
        if let (Some(case), Some(what)) = (cases.get(index), missing.into_iter().next()) {
            let of_repo = self.missing.entry(case.repo.clone()).or_default();
            of_repo.cases += 1;
            of_repo.example.get_or_insert(what);
        }
        if let (false, Some(case)) = (leaks.is_empty(), cases.get(index)) {
            let asked = !matches!(ran, Ok(None));
            self.leaking.push(Leaking {
                id: case.id.clone(),
                asked,
                leaks: leaks.iter().map(seen).collect(),
            });
        }
        match ran {
            Ok(None) => {}
            Err(error) => self.failed.push(error.to_string()),
            Ok(Some(ran)) => {
                if json {
                    output::line(serde_json::to_string(&line(&ran.outcome))?)?;
                }
                self.outcomes.push(ran.outcome);
            }
        }
        Ok(())
    }

    /// How many cases nobody looked at, since Ctrl-C came first.
    pub fn not_reached(&self) -> usize {
        let refused = self.leaking.iter().filter(|leaking| !leaking.asked).count();
        self.of.saturating_sub(self.outcomes.len() + self.failed.len() + refused)
    }
}

fn seen(leak: &Leak) -> Seen {
    Seen { kind: leak.kind(), says: leak.to_string() }
}

fn line(outcome: &Outcome) -> Line<'_> {
    let ranked = outcome.ranked.iter();
    Line {
        id: &outcome.id,
        rank: outcome.rank,
        ranked: ranked
            .map(|one| Ranked { sha: one.sha.clone(), confidence: rounded(one.confidence, 1e6) })
            .collect(),
        abstained: outcome.abstained,
        ms: rounded(outcome.ms, 1e3),
    }
}

fn rounded(value: f64, unit: f64) -> f64 {
    (value * unit).round() / unit
}
