//! What is told at the end of a backtest: the summary, what was left out and why, as text, as the last line of JSON, and
//! as a page.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Result;
use hearback_core::ExternalText;
use hearback_eval::mine::Skip;
use hearback_eval::resample::Settings;
use hearback_eval::summary::{self, Summary};
use hearback_eval::temperature::is_at_border;
use hearback_eval::{html, summary::summarise};
use serde::Serialize;

use super::measured::{Leaking, Measured, Missing};
use crate::cli::Measuring;
use crate::interrupt::Interrupt;
use crate::output::{self, Replacing};

/// How many cases with leaks, or that could not be asked, are told by name.
const NAMED: usize = 5;
/// How much of a sentence about one of them is told.
const SAYS: usize = 300;

/// Where cases came from, and what made none.
#[derive(Debug, Default, Serialize)]
pub struct Origin {
    /// Whose they are, for the page's title.
    #[serde(skip)]
    pub title: String,
    /// In sentences.
    #[serde(skip)]
    pub says: Vec<String>,
    /// Changes that revert or reland and make no case, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub skipped: BTreeMap<Skip, usize>,
    /// Cases that the options left out.
    pub left_out: usize,
    /// What of the history could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// What was found of the confidence.
#[derive(Debug, Serialize)]
pub struct Fitted {
    /// What the temperature is multiplied by.
    pub temperature: f64,
    /// On how many cases that rests.
    pub cases: u32,
    /// The calibration error with it.
    pub ece: f64,
    /// The calibration error without it.
    pub ece_before: f64,
    /// The calibration error that chance alone leaves where what is said is right.
    pub ece_perfect: f64,
    /// 95 of 100 such rankers have no greater one.
    #[serde(skip)]
    pub ece_p95: f64,
    /// Whether it was kept.
    pub saved: bool,
}

impl Fitted {
    /// Whether it may be believed: a factor at the border of what is tried fits nothing, and neither does one that leaves
    /// more error than there was and than chance explains.
    pub fn is_worth_keeping(&self) -> bool {
        !is_at_border(self.temperature) && (self.ece <= self.ece_before || self.ece <= self.ece_p95)
    }
}

/// Everything that is told.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    origin: &'a Origin,
    leaking: &'a [Leaking],
    failed: &'a [String],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    not_seen: &'a BTreeMap<String, Missing>,
    stopped: bool,
    not_reached: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    fitted: Option<&'a Fitted>,
}

#[derive(Serialize)]
struct Last<'a> {
    summary: Told<'a>,
}

/// How it is measured.
pub fn settings(measuring: &Measuring) -> Settings {
    Settings { seed: measuring.seed, ..Settings::default() }
}

/// Tells what was measured, with `last` as the last line of the text, and says how the program ends.
///
/// # Errors
/// Standard output is gone, or the page can't be written.
pub fn tell(
    origin: &Origin,
    measured: &Measured,
    fitted: Option<&Fitted>,
    last: Option<&str>,
    (measuring, page): (&Measuring, Option<Replacing>),
) -> Result<ExitCode> {
    let mut summary = summarise(&measured.outcomes, &settings(measuring));
    if measuring.no_misses {
        summary.worst.clear();
    }
    if measuring.json {
        let told = Told {
            summary: &summary,
            origin,
            leaking: &measured.leaking,
            failed: &measured.failed,
            not_seen: &measured.missing,
            stopped: measured.stopped,
            not_reached: measured.not_reached(),
            fitted,
        };
        output::line(serde_json::to_string(&Last { summary: told })?)?;
    } else {
        output::print(&text(origin, measured, &summary, measuring.no_misses))?;
    }
    if let (Some(page), Some(path)) = (page, &measuring.report) {
        let is_markdown = path.extension().is_some_and(|ending| ending == "md");
        let cases = cases(origin, measured, measuring.no_misses);
        let stopped = measured.stopped.then(|| stopped(measured));
        page.with(&match is_markdown {
            true => summary::markdown_page(&summary, &origin.title, stopped.as_deref(), &cases),
            false => html::page(&summary, &origin.title, stopped.as_deref(), &cases),
        })?;
        let says = format!("The report is in {}.", path.display());
        if measuring.json { output::aside(&says) } else { output::line(says)? }
    }
    if let (Some(last), false) = (last, measuring.json) {
        output::print(&summary::wrapped(last))?;
    }
    if measured.stopped {
        if measuring.json {
            output::aside(&stopped(measured));
        }
        return Ok(Interrupt::code());
    }
    let all_went = measured.failed.is_empty() && !measured.outcomes.is_empty();
    Ok(if all_went { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(origin: &Origin, measured: &Measured, summary: &Summary, no_misses: bool) -> String {
    let mut text = String::new();
    if measured.stopped {
        text.push_str(&summary::wrapped(&stopped(measured)));
    }
    text.push_str(&summary::text(summary));
    text.push_str("\nCases\n");
    cases(origin, measured, no_misses).iter().for_each(|line| text.push_str(&summary::wrapped(line)));
    text
}

/// Where the cases came from, what was left out, and what was not seen, in sentences.
fn cases(origin: &Origin, measured: &Measured, no_misses: bool) -> Vec<String> {
    let mut told = origin.says.clone();
    if !origin.skipped.is_empty() {
        let skipped: Vec<String> =
            origin.skipped.iter().map(|(skip, count)| format!("{count} {skip}")).collect();
        let count: usize = origin.skipped.values().sum();
        told.push(format!("{count} make no case: {}.", skipped.join("; ")));
    }
    told.extend(origin.missing.iter().map(|line| format!("Not seen: {line}.")));
    told.extend(measured.missing.iter().map(|(repo, Missing { cases, example })| {
        let repo = ExternalText::from(repo.as_str()).for_people(80);
        let example = ExternalText::from(example.as_deref().unwrap_or_default()).for_people(SAYS);
        format!("Not everything was seen in {cases} cases of {repo}; in one of them: {example}.")
    }));
    told.extend(leaks(measured, no_misses));
    told.extend(failures(measured));
    told
}

fn stopped(measured: &Measured) -> String {
    let (asked, of) = (measured.outcomes.len(), measured.of);
    format!("Stopped by Ctrl-C: {asked} of {of} cases were asked, and the figures are of these alone.")
}

fn leaks(measured: &Measured, no_misses: bool) -> Vec<String> {
    let leaking = &measured.leaking;
    let looked_at = measured.of.saturating_sub(measured.not_reached() + measured.failed.len());
    if leaking.is_empty() {
        return vec![format!("Leak check: {looked_at} cases looked at, the answer can be seen in none.")];
    }
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    leaking.iter().flat_map(|one| &one.leaks).for_each(|seen| *kinds.entry(seen.kind).or_default() += 1);
    let kinds: Vec<String> = kinds.into_iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let what = if leaking.iter().any(|one| one.asked) {
        "they were asked all the same (--refuse-leaks leaves them out)"
    } else {
        "they were refused"
    };
    let count = leaking.len();
    let mut told = vec![format!(
        "Leak check: of {looked_at} cases the answer can be seen in {count}: {what}. By kind: {}.",
        kinds.join(", ")
    )];
    if no_misses {
        return told;
    }
    told.extend(leaking.iter().take(NAMED).map(|one| {
        let says: Vec<&str> = one.leaks.iter().map(|seen| seen.says.as_str()).collect();
        let line = format!("{}: {}", one.id, says.join("; "));
        format!("  {}", ExternalText::new(line).for_people(SAYS))
    }));
    told.extend((count > NAMED).then(|| format!("  and {} more; --json names them all", count - NAMED)));
    told
}

fn failures(measured: &Measured) -> Vec<String> {
    let failed = &measured.failed;
    if failed.is_empty() {
        return Vec::new();
    }
    let mut told = vec![format!("{} could not be asked:", failed.len())];
    let each = failed.iter().take(NAMED).map(|says| ExternalText::from(says.as_str()).for_people(SAYS));
    told.extend(each.map(|says| format!("  {says}")));
    told.extend(
        (failed.len() > NAMED).then(|| format!("  and {} more; --json names them all", failed.len() - NAMED)),
    );
    told
}
