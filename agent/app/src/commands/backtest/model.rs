//! `hearback backtest model`: answers about frozen incidents, and what the configured model makes of them. What they were is
//! read when answer and model have spoken. It must not know which model that is.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Result, anyhow};
use async_trait::async_trait;
use hearback_core::investigation::Ending;
use hearback_core::model::{Cost, Currency, ModelClient, ModelError, ModelReply, ModelRequest, Rate, Spent};
use hearback_core::{ExternalText, SourceName};
use hearback_engine::investigating::{Forgetful, Found, Subject};
use hearback_engine::investigation::Limits;
use hearback_engine::investigation::reporting::Patches;
use hearback_eval::frozen::ask::{Stands, Weights, ask_with_ground};
use hearback_eval::frozen::deepened::{Case, Look, line, summary, text};
use hearback_eval::frozen::{Folder, Truth};
use jiff::SignedDuration;
use serde_json::json;

use crate::cli;
use crate::config::Config;
use crate::config::model::ModelConfig;
use crate::interrupt::Interrupt;
use crate::output::{self, Usage};
use crate::progress::Progress;
use crate::wiring;

/// A model that is missing so often in a row will be missing at the next incident too.
const MISSING: u32 = 3;

pub async fn run(arguments: cli::BacktestModel, config: &Config) -> Result<ExitCode> {
    let (Some(model), Some(settings)) = (wiring::model(config)?, &config.model) else {
        let says = "no model is configured: set url, model and, if it wants one, api_key under [model] in hearback.toml \
                    or in the file that HEARBACK_CONFIG names";
        return Err(Usage(says.into()).into());
    };
    let paths = wanted(&arguments)?;
    let purse = Purse::of(&arguments, settings)?;
    let heeding = Arc::new(Heeding { model, cannot: Mutex::default() });
    output::aside(&plan(&paths, &arguments, settings, &heeding));
    let weights = Weights {
        ranker: config.ranker.clone(),
        signals: config.signals.clone(),
        culprit: config.culprit.clone(),
    };
    let mut check = Check {
        model: heeding,
        of: paths.len(),
        weights,
        own: SourceName::new(wiring::OWN_INVESTIGATION)?,
        budget: config.budget,
        progress: Progress::of(paths.len() * arguments.repeat as usize),
        interrupt: Interrupt::listen()?,
        purse,
        cases: Vec::new(),
        failed: Vec::new(),
        missing_in_a_row: 0,
        ended: None,
    };
    for path in &paths {
        if check.is_over() {
            break;
        }
        if let Some(case) = check.case(path, arguments.repeat).await {
            if !arguments.json {
                check.progress.beside(|| output::print(&line(&case)))?;
            }
            check.cases.push(case);
        }
    }
    check.tell(arguments.json)
}

/// The folders that are asked about.
fn wanted(arguments: &cli::BacktestModel) -> Result<Vec<PathBuf>> {
    let all = Folder::find(&arguments.dir).map_err(|error| Usage(error.to_string()))?;
    let is_called = |path: &Path, name: &str| path.file_name().is_some_and(|last| last == name);
    if let Some(name) = arguments.only.iter().find(|name| !all.iter().any(|path| is_called(path, name))) {
        let (name, dir) = (ExternalText::from(name.as_str()).for_people(80), arguments.dir.display());
        return Err(Usage(format!("--only: there is no frozen incident \"{name}\" in {dir}")).into());
    }
    let is_wanted =
        |path: &PathBuf| arguments.only.is_empty() || arguments.only.iter().any(|name| is_called(path, name));
    Ok(all.into_iter().filter(is_wanted).collect())
}

/// Who is asked how often, and what that may cost: nobody is to be surprised.
fn plan(
    paths: &[PathBuf],
    arguments: &cli::BacktestModel,
    settings: &ModelConfig,
    model: &Heeding,
) -> String {
    let Limits { turns, tokens, time, micros, .. } = &settings.limits;
    let currency = settings.first.price.map_or_else(String::new, |price| format!(" {}", price.currency));
    let money = |micros: u64| format!("{}{currency}", Rate::from_micros(micros));
    let each = micros.map_or_else(
        || "no limit of money (--most-cost sets one for all)".to_owned(),
        |micros| format!("about {}", money(micros)),
    );
    let looks = paths.len() as u64 * u64::from(arguments.repeat);
    let all = micros.map_or_else(String::new, |each| format!(" and {}", money(each.saturating_mul(looks))));
    let most_cost = arguments.most_cost.as_ref().map(|most| format!("{most}{currency}"));
    let most_tokens = arguments.most_tokens.map(|most| format!("{most} tokens"));
    let ends: Vec<String> = most_cost.into_iter().chain(most_tokens).collect();
    let ends = match ends.is_empty() {
        true => String::new(),
        false => format!("; it ends when {} are spent", ends.join(" or ")),
    };
    let incidents = if paths.len() == 1 { "frozen incident" } else { "frozen incidents" };
    let repeat = match arguments.repeat {
        1 => "once each".to_owned(),
        repeat => format!("{repeat} times each"),
    };
    format!(
        "{} looks at {} {incidents}, {repeat}. One look: at most {turns} turns, {:.0} s, about {tokens} tokens, {each}. All: \
         at most about {} tokens{all}{ends}.",
        model.name(),
        paths.len(),
        time.as_secs_f64(),
        tokens.saturating_mul(looks),
    )
}

/// A model, and why it can't be used until a person mends something.
struct Heeding {
    model: Arc<dyn ModelClient>,
    cannot: Mutex<Option<String>>,
}

#[async_trait]
impl ModelClient for Heeding {
    fn name(&self) -> &SourceName {
        self.model.name()
    }

    fn context_tokens(&self) -> u32 {
        self.model.context_tokens()
    }

    async fn complete(&self, request: &ModelRequest) -> Result<ModelReply, ModelError> {
        let reply = self.model.complete(request).await;
        if let Err(ModelError::NotUsable(why)) = &reply {
            *self.cannot.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.clone());
        }
        reply
    }
}

/// What may be spent in all, and what was.
struct Purse {
    most_micros: Option<u64>,
    most_tokens: Option<u64>,
    each: Limits,
    spent: Spent,
}

impl Purse {
    fn of(arguments: &cli::BacktestModel, settings: &ModelConfig) -> Result<Purse> {
        let most_micros = arguments.most_cost.as_deref().map(|text| {
            let all = || std::iter::once(&settings.first).chain(&settings.fallback);
            let currencies: Vec<Option<Currency>> =
                all().map(|one| one.price.map(|price| price.currency)).collect();
            let first = currencies.first().copied().flatten();
            if first.is_none() || currencies.iter().any(|one| *one != first) {
                let says = "--most-cost needs model.price of each endpoint, all in one currency: else nothing tells what is spent";
                return Err(Usage(says.into()));
            }
            let refuse = |_| Usage(format!("--most-cost: \"{}\" is no amount such as 2.50", ExternalText::from(text).for_people(40)));
            text.parse::<Rate>().map(Rate::micros).map_err(refuse)
        });
        Ok(Purse {
            most_micros: most_micros.transpose()?,
            most_tokens: arguments.most_tokens,
            each: settings.limits.clone(),
            spent: Spent::default(),
        })
    }

    /// How far the next look may go; none if all is spent.
    fn next(&self) -> Option<Limits> {
        let usage = &self.spent.usage;
        let micros = self.spent.costs.iter().map(Cost::micros).sum();
        let left = |most: Option<u64>, spent: u64| most.map(|most| most.saturating_sub(spent));
        // A reply that its server did not count is charged with a turn's share of what a look may take.
        let uncounted =
            u64::from(self.spent.unmetered) * (self.each.tokens / u64::from(self.each.turns.max(1)));
        let counted = usage.input_tokens.saturating_add(usage.output_tokens);
        let tokens = left(self.most_tokens, counted.saturating_add(uncounted));
        let micros = left(self.most_micros, micros);
        if tokens == Some(0) || micros == Some(0) {
            return None;
        }
        let mut limits = self.each.clone();
        limits.tokens = tokens.map_or(limits.tokens, |left| left.min(limits.tokens));
        limits.micros = limits.micros.into_iter().chain(micros).min();
        Some(limits)
    }

    /// Whether a look was cut short by what may be spent in all, and says nothing of what the model would have said.
    fn cut_short(&self, limits: &Limits, ending: Ending) -> bool {
        (ending == Ending::OutOfTokens && limits.tokens < self.each.tokens)
            || (ending == Ending::OutOfMoney && limits.micros != self.each.micros)
    }
}

/// Why it ended before the last incident.
enum Ended {
    /// The model can't be used: a person has to mend it.
    CannotBeUsed(String),
    /// It is missing again and again.
    Missing(String),
    /// What may be spent is spent.
    Spent,
}

/// A check under way.
struct Check {
    model: Arc<Heeding>,
    /// How many incidents are to be looked at.
    of: usize,
    weights: Weights,
    own: SourceName,
    budget: SignedDuration,
    progress: Progress,
    interrupt: Interrupt,
    purse: Purse,
    cases: Vec<Case>,
    failed: Vec<String>,
    missing_in_a_row: u32,
    ended: Option<Ended>,
}

impl Check {
    fn is_over(&self) -> bool {
        self.ended.is_some() || self.interrupt.is_heard()
    }

    /// Answers, lets the model look, and then reads what it was. None if nothing came of that.
    async fn case(&mut self, path: &Path, repeat: u32) -> Option<Case> {
        let folder = Folder::read(path).map_err(|error| self.failed.push(error.to_string())).ok()?;
        let started = Instant::now();
        let stands = match ask_with_ground(&folder, &self.weights).await {
            Ok(stands) => stands,
            Err(error) => {
                self.failed.push(format!("{}: {error}", folder.id));
                return None;
            }
        };
        let ms = (started.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        let mut looks = Vec::new();
        for _ in 0..repeat {
            if self.is_over() {
                break;
            }
            looks.extend(self.look(&stands).await);
            self.progress.step();
        }
        if looks.is_empty() {
            return None;
        }
        // What it was is opened when all has been said. What can't be read is not taken for nothing known.
        let truth = Truth::read(path).map_err(|error| self.failed.push(error.to_string())).ok()?;
        Some(Case::of(&folder.id, &stands.asked.said, ms, looks, truth.as_ref()))
    }

    /// Lets the model look once. None if that can't be scored, and then it is over.
    async fn look(&mut self, stands: &Stands) -> Option<Look> {
        let Some(limits) = self.purse.next() else {
            self.ended = Some(Ended::Spent);
            return None;
        };
        let found = tokio::select! {
            found = self.investigate(stands, limits.clone()) => found,
            () = self.interrupt.heard() => return None,
        };
        let Some(Found { found, .. }) = found else {
            self.failed.push(format!("{}: the model can't be told of the answer", stands.id));
            return None;
        };
        self.purse.spent += &found.spent;
        let cannot = self.model.cannot.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(why) = cannot {
            self.ended = Some(Ended::CannotBeUsed(why));
            return None;
        }
        if self.purse.cut_short(&limits, found.ending) {
            self.ended = Some(Ended::Spent);
            return None;
        }
        let look = Look::of(&found, &stands.asked.said, |id| stands.name(id));
        self.missing_in_a_row = if look.is_missing() { self.missing_in_a_row + 1 } else { 0 };
        if self.missing_in_a_row >= MISSING {
            self.ended = Some(Ended::Missing(look.why.clone().unwrap_or_default()));
        }
        Some(look)
    }

    async fn investigate(&self, stands: &Stands, limits: Limits) -> Option<Found> {
        let Stands { question, ground, .. } = stands;
        let subject = Subject {
            question,
            answer: &ground.answer,
            snapshots: &ground.snapshots,
            incident: ground.incident.as_ref(),
            sources: &ground.sources,
            budget: self.budget,
        };
        let begun = subject.begin(&self.own, Patches::No, limits).await?;
        let since = Instant::now();
        let clock = || SignedDuration::try_from(since.elapsed()).unwrap_or(SignedDuration::MAX);
        let model: Arc<dyn ModelClient> = self.model.clone();
        Some(subject.investigate(begun, &model, &self.own, &Forgetful, &clock).await)
    }

    fn tell(self, as_json: bool) -> Result<ExitCode> {
        let Check { model, of, purse, progress, interrupt, cases, failed, ended, .. } = self;
        drop(progress);
        let why = ended.map(|ended| match ended {
            Ended::CannotBeUsed(why) => format!("the model can't be used: {why}"),
            Ended::Missing(why) => {
                format!("the model was missing {MISSING} times in a row, so it was not asked again: {why}")
            }
            Ended::Spent => {
                "what may be spent is spent: the look that it ended is not scored, nor are those after it"
                    .to_owned()
            }
        });
        for failed in &failed {
            output::aside(failed);
        }
        let is_stopped = why.is_none() && interrupt.is_heard();
        if is_stopped {
            output::aside(&format!(
                "Stopped by Ctrl-C: the model looked at {} of {of} incidents.",
                cases.len()
            ));
        }
        let ended = why.as_deref().or(is_stopped.then_some("stopped by Ctrl-C"));
        let summary = summary(&cases);
        if as_json {
            output::json(&json!({"model": model.name(), "incidents": cases, "summary": summary,
                "spent": purse.spent, "failed": failed, "ended": ended}))?;
        } else if !cases.is_empty() {
            output::print(&format!("\n{}", text(&summary)))?;
        }
        match why {
            Some(why) => Err(anyhow!(why)),
            None if is_stopped => Ok(Interrupt::code()),
            None if failed.is_empty() && summary.missing == 0 => Ok(ExitCode::SUCCESS),
            None => Ok(ExitCode::FAILURE),
        }
    }
}
