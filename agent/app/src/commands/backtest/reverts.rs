//! `hearback backtest reverts`: a repository's own reverts, as questions whose answer is known.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use hearback_core::ports::ChangeQuery;
use hearback_core::time::parse_length;
use hearback_core::{Change, Fetched, Window};
use hearback_engine::calibration::{Backtested, digest_of};
use hearback_eval::calibration::calibration;
use hearback_eval::case::Case;
use hearback_eval::checked::OfLeaks;
use hearback_eval::mine::{MineOptions, Mined, mine};
use hearback_eval::run::Bench;
use hearback_eval::temperature::{self, Scored};
use jiff::{SignedDuration, Timestamp};

use super::measured::{Measured, Plan, measure};
use super::told::{Fitted, Origin, settings, tell};
use crate::calibrations::{Calibrations, Entry};
use crate::cli::Reverts;
use crate::commands::times;
use crate::config::Config;
use crate::interrupt::Interrupt;
use crate::output::{self, Replacing, Usage};
use crate::progress::Progress;
use crate::wiring::backtest::{Opened, open};
use crate::wiring::cache;

const DAY: i64 = 24 * 60 * 60;
/// How far back reverts are looked for: ten years, since a history's older habits say little of today's.
const BACK: SignedDuration = SignedDuration::from_secs(3_652 * DAY);
/// How long the history may take to be read: long, so that the clock does not decide what is seen.
const BUDGET: SignedDuration = SignedDuration::from_hours(24);
/// The longest window.
const DAYS: i64 = 3_660;

pub async fn run(arguments: Reverts, config: &Config) -> Result<ExitCode> {
    let (span, days) = span(&arguments, Timestamp::now())?;
    let page = arguments.measuring.report.as_deref().map(Replacing::open).transpose()?;
    let interrupt = Interrupt::listen()?;
    let progress = Progress::start();
    let opened = open(&arguments.repo, None, cache(config), Some(&progress))?;
    let before = SignedDuration::from_secs(i64::from(days) * DAY);
    let from = span.from.checked_sub(before).unwrap_or(Timestamp::MIN);
    let query = ChangeQuery { window: Window { from, until: span.until }, budget: BUDGET };
    let fetched = tokio::select! {
        biased;
        () = interrupt.heard() => {
            output::aside("Stopped by Ctrl-C while history was read: nothing was asked.");
            return Ok(Interrupt::code());
        }
        fetched = opened.source.changes(&query) => fetched?,
    };
    drop(progress);
    let (cases, origin) = cases(&arguments, &fetched, &opened, (span, days));
    drop(fetched);
    if cases.is_empty() {
        anyhow::bail!(none(&origin));
    }
    let plan = Plan {
        bench: Bench {
            ranker: config.ranker.clone(),
            signals: config.signals.clone(),
            culprit: config.culprit.clone(),
            repositories: BTreeMap::from([(opened.name.clone(), Arc::clone(&opened.source))]),
        },
        cases,
        of_leaks: OfLeaks::Refuse,
        json: arguments.measuring.json,
    };
    let measured = measure(plan, &interrupt).await?;
    let mut fitted = fitted(&arguments, &measured);
    let mut lost = None;
    if let Some(fitted) = fitted.as_mut().filter(|_| arguments.save && !measured.stopped) {
        // Shown all the same: what was measured is never lost because it can't be written down.
        match fitted.is_worth_keeping().then(|| save(fitted, &opened, span.until, config)) {
            Some(Ok(())) => fitted.saved = true,
            Some(Err(error)) => lost = Some(error),
            None => {}
        }
    }
    let last = last_line(&arguments, &measured, fitted.as_ref());
    let is_unsaved = arguments.save && !fitted.as_ref().is_some_and(|fitted| fitted.saved);
    let stopped = measured.stopped;
    let told = tell(&origin, &measured, fitted.as_ref(), Some(&last), (&arguments.measuring, page))?;
    if let Some(error) = lost {
        return Err(error.context("what was found of the confidence was not saved"));
    }
    if is_unsaved && !stopped {
        if arguments.measuring.json {
            output::aside(&last);
        }
        return Ok(ExitCode::FAILURE);
    }
    Ok(told)
}

/// The time in which reverts are looked for, and for how many days before one changes are candidates.
fn span(arguments: &Reverts, now: Timestamp) -> Result<(Window, u32)> {
    let until = match &arguments.until {
        Some(text) => times::past("--until", text, now)?,
        None => now,
    };
    let from = match &arguments.since {
        Some(text) => times::since("--since", text, until, now)?,
        None => Window::before(until, BACK).from,
    };
    let length = parse_length(&arguments.window).map_err(|error| Usage(format!("--window: {error}")))?;
    let days = length.as_secs() / DAY;
    if length != SignedDuration::from_secs(days * DAY) || !(1..=DAYS).contains(&days) {
        let says = format!("--window: {} is not 1 to {DAYS} whole days; write it as 30d", arguments.window);
        return Err(Usage(says).into());
    }
    Ok((Window { from, until }, u32::try_from(days)?))
}

fn cases(
    arguments: &Reverts,
    fetched: &Fetched<Change>,
    opened: &Opened,
    (span, days): (Window, u32),
) -> (Vec<Case>, Origin) {
    let options = MineOptions { since: Some(span.from), days, ..MineOptions::default() };
    let Mined { mut cases, skipped, .. } = mine(&fetched.items, &opened.name, &options);
    let reverts = cases.len() + skipped.values().sum::<usize>();
    let found = cases.len();
    let failures = cases.iter().filter(|case| case.symptom_like).count();
    if arguments.measuring.only_symptoms {
        cases.retain(|case| case.symptom_like);
    }
    let most = arguments.limit.map_or(usize::MAX, |limit| limit as usize);
    cases.drain(..cases.len().saturating_sub(most));
    let left_out = found - cases.len();
    let older = cases.iter().filter(|case| case.culprit_shas.is_empty()).count();
    let date = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
    let (name, from, until) = (&opened.name, date(span.from), date(span.until));
    let changes = fetched.items.iter().filter(|change| change.committed_at >= span.from).count();
    let mut says = vec![format!(
        "{reverts} of the {changes} changes of {name} from {from} to {until} revert or reland; {found} of them make a \
         case, and {failures} of these tell of a failure."
    )];
    if left_out > 0 {
        says.push(format!("{left_out} were left out by --limit or --only-symptoms."));
    }
    if older > 0 {
        says.push(format!(
            "In {older} the culprit is older than {days} days: there, none of the candidates is right."
        ));
    }
    let title = format!("Backtest of {name}: reverts from {from} to {until}");
    (cases, Origin { title, says, skipped, left_out, missing: fetched.coverage.missing.clone() })
}

fn none(origin: &Origin) -> String {
    let skipped: Vec<String> = origin.skipped.iter().map(|(skip, count)| format!("{count} {skip}")).collect();
    let skipped =
        if skipped.is_empty() { String::new() } else { format!(" No case: {}.", skipped.join("; ")) };
    format!(
        "there is no case to ask. {}{skipped} Next: an earlier --since, or another repository",
        origin.says.join(" ")
    )
}

/// What brings the confidence to what was right here, if that can be told.
fn fitted(arguments: &Reverts, measured: &Measured) -> Option<Fitted> {
    let settings = settings(&arguments.measuring);
    let cases = telling(measured);
    if cases < settings.enough {
        return None;
    }
    let temperature = temperature::fit(&measured.scored)?;
    let found = |factor| calibration(&temperature::said(&measured.scored, factor), &settings);
    let (with, without) = (found(temperature)?, found(1.0)?);
    let (ece, ece_before) = (with.ece, without.ece);
    let (ece_perfect, ece_p95) = (with.perfect.ece_mean, with.perfect.ece_p95);
    Some(Fitted { temperature, cases, ece, ece_before, ece_perfect, ece_p95, saved: false })
}

/// How many cases there are to calibrate on.
fn telling(measured: &Measured) -> u32 {
    measured.scored.iter().filter(|scored: &&Scored| scored.has_culprit()).count() as u32
}

fn save(fitted: &Fitted, opened: &Opened, until: Timestamp, config: &Config) -> Result<()> {
    let path = config.calibrations.as_deref().ok_or_else(|| {
        Usage("there is no place to save it: set [calibration] path, XDG_DATA_HOME or HOME".into())
    })?;
    let entry = Entry {
        path: opened.root.clone(),
        weights: digest_of(&config.ranker),
        found_at: Timestamp::from_second(Timestamp::now().as_second())?,
        ece: (fitted.ece * 1e4).round() / 1e4,
        found: Backtested {
            repository: opened.name.clone(),
            until: Timestamp::from_second(until.as_second())?,
            temperature: fitted.temperature,
            cases: fitted.cases,
        },
    };
    Calibrations::add(entry, path)
}

fn last_line(arguments: &Reverts, measured: &Measured, fitted: Option<&Fitted>) -> String {
    let Some(Fitted { temperature, cases, ece, ece_before, ece_perfect, saved, .. }) = fitted else {
        let (cases, enough) = (telling(measured), settings(&arguments.measuring).enough);
        return format!(
            "Not calibrated: {cases} failures with a culprit among the candidates are too few, {enough} are enough. Until \
             then `hearback ask` says strong or weak here, and no percentage."
        );
    };
    let found = format!(
        "on {cases} failures the temperature is best multiplied by {temperature}, ECE {ece:.3} on these \
         same cases in place of {ece_before:.3}; chance alone leaves {ece_perfect:.3}"
    );
    match (saved, measured.stopped) {
        (true, _) => format!("Calibration saved: {found}. `hearback ask` says percentages here from now on."),
        (false, true) => format!("Calibration not saved, since not all cases were asked: {found}."),
        (false, false) if arguments.save && !fitted.is_some_and(Fitted::is_worth_keeping) => format!(
            "Calibration not saved, since the weights don't fit here: {found}. `hearback ask` goes on saying strong or weak."
        ),
        (false, false) if arguments.save => format!("Calibration not saved: {found}."),
        (false, false) => {
            format!("Calibration: {found}. With --save, `hearback ask` says percentages on this repository.")
        }
    }
}
