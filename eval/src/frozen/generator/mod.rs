//! Frozen incidents that are made up, so that there are many, and so that nobody has seen them before: a cause, a way in
//! which services hang together, and what else went on, told as logs, metrics, traces and changes. It must not know any
//! analysis: what a case says is what such systems say.

mod curve;
mod draw;
mod history;
mod logs;
mod metrics;
mod names;
mod recipe;
mod script;
#[cfg(test)]
mod tests;
mod traces;
mod world;

use std::collections::BTreeMap;

use serde::Deserialize;

use self::draw::Draw;
use self::history::History;
use self::logs::Logs;
use self::metrics::Beside;
pub use self::recipe::{Cause, Recipe, RecipeError, RedHerring, Topology};
use self::script::{Script, Scripts};
use self::world::{World, minutes};
use super::{Folder, Truth};
use crate::resample::{Dice, Purpose};

/// What was to be done, in the words that are used: each undoes, or stands in for, one kind of cause.
pub const REMEDIATIONS: [&str; 13] = [
    "rollback",
    "roll-forward",
    "config-revert",
    "flag-off",
    "scale",
    "rotate-cert",
    "failover",
    "purge-data",
    "reschedule",
    "escalate",
    "restart",
    "free-space",
    "raise-limit",
];

/// The recipes that come with the program.
const RECIPES: &str = include_str!("../../../cases/incidents.toml");

/// A recipe, and what must come of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Entry {
    /// What it is made of.
    #[serde(flatten)]
    pub recipe: Recipe,
    /// What must come of it.
    pub expected: Expected,
}

/// What must come of a recipe.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// What kind of change did it.
    pub culprit: Culprit,
    /// The service that fails first.
    pub first_failing_service: String,
    /// What is to be done.
    pub remediation: String,
}

/// What kind of change did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Culprit {
    /// A commit.
    Commit,
    /// A flag.
    Flag,
    /// None did.
    None,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Book {
    incident: Vec<Entry>,
}

/// The recipes that come with the program, by their order in `eval/cases/incidents.toml`.
///
/// # Errors
/// [`RecipeError`]: the file can't be read.
pub fn recipes() -> Result<Vec<Entry>, RecipeError> {
    let book: Book = toml::from_str(RECIPES).map_err(|why| RecipeError::new("incidents.toml", &why))?;
    Ok(book.incident)
}

/// All the incidents that come with the program, made anew: name, folder, and what it was.
///
/// # Errors
/// [`RecipeError`]: a recipe or a script can't be used. A test sees to it that all can.
pub fn all() -> Result<Vec<(String, Folder, Truth)>, RecipeError> {
    let scripts = Scripts::read()?;
    let made = recipes()?.into_iter().map(|entry| {
        let (folder, truth) = make(&entry.recipe, &scripts)?;
        Ok((entry.recipe.id, folder, truth))
    });
    made.collect()
}

/// Makes one incident.
///
/// # Errors
/// [`RecipeError`]: no script tells this cause in this language.
pub fn generate(recipe: &Recipe) -> Result<(Folder, Truth), RecipeError> {
    make(recipe, &Scripts::read()?)
}

/// The truth as it lies in a folder.
pub fn truth_text(truth: &Truth) -> String {
    let value = serde_json::json!({
        "root_cause_commit": truth.root_cause_commit,
        "first_failing_service": truth.first_failing_service,
        "blast_radius": truth.blast_radius,
        "remediation": truth.remediation,
        "decoy_deploy_commits": truth.decoy_deploy_commits,
    });
    format!("{value:#}\n")
}

fn make(recipe: &Recipe, scripts: &Scripts) -> Result<(Folder, Truth), RecipeError> {
    let mut dice = Dice::new(recipe.seed, Purpose::Invention);
    let script = choose(recipe, scripts, &mut dice)?;
    let world = World::new(recipe, script, &mut dice);
    let has = |herring| recipe.red_herrings.contains(&herring);
    // Dice of their own: one more line changes no metric.
    let mut apart = || Dice::new(dice.bits(), Purpose::Invention);

    let mut history = History::new(&world, scripts, apart());
    let culprit = history.tell_culprit(script);
    for herring in &recipe.red_herrings {
        history.tell_herring(*herring, culprit != "none");
    }
    history.tell_background();

    let (traces, failed) = traces::tell(&world, script, &mut apart());
    let mut logs = Logs { world: &world, dice: apart(), lines: Vec::new(), stacks: 0 };
    logs.tell(script, scripts, &failed);
    for deploy in history.deploys() {
        logs.note(deploy.at, deploy.service, &format!("starting «svc» version={} pod=«pod»", deploy.version));
    }
    let mut aside = apart();
    let bystander = world.bystander();
    if has(RedHerring::PlannedRestart) {
        let at = world.onset - minutes(aside.between(3, 9));
        logs.note(at, bystander, "received SIGTERM, shutting down gracefully (reason: weekly restart)");
        logs.note(at + minutes(1), bystander, "listening on :8080 after 3.«n» s");
    }
    let oddities = &scripts.background.oddity;
    let oddity = oddities.get(aside.below(oddities.len())).filter(|_| has(RedHerring::WarningSurge));
    let odd_from = world.onset - minutes(aside.between(2, 12));
    if let Some(oddity) = oddity {
        logs.tell_oddity(oddity, bystander, odd_from);
    }
    let beside = Beside {
        oddity: oddity.map(|oddity| (oddity, bystander, odd_from)),
        growth: if has(RedHerring::SlowGrowth) { 0.35 } else { 0.0 },
    };
    let (metrics, alert) = metrics::tell(&world, script, &beside, &mut apart());

    let mut files = BTreeMap::from([
        ("alert.json".to_owned(), format!("{alert:#}\n")),
        ("logs.ndjson".to_owned(), logs.text()),
        ("metrics.csv".to_owned(), metrics),
        ("patterns.json".to_owned(), format!("{:#}\n", logs.patterns())),
        ("traces.json".to_owned(), format!("{traces:#}\n")),
    ]);
    if let Some(document) = &script.document {
        let text = world.fill(&document.text, world.faulty(), &mut |word| format!("«{word}»"));
        files.insert(document.file.clone(), format!("{}\n", text.trim_end()));
    }
    let names = |all: &[usize]| all.iter().map(|at| world.name(*at).to_owned()).collect::<Vec<_>>();
    let truth = Truth {
        root_cause_commit: culprit,
        first_failing_service: world.name(world.faulty()).to_owned(),
        blast_radius: names(&world.affected),
        remediation: script.remediation.clone(),
        decoy_deploy_commits: history.decoys.clone(),
    };
    files.extend(history.files());
    Ok((Folder { id: recipe.id.clone(), files }, truth))
}

/// The script of a recipe: by its language, or one of those there are.
fn choose<'a>(recipe: &Recipe, scripts: &'a Scripts, dice: &mut Dice) -> Result<&'a Script, RecipeError> {
    let fits = |script: &&Script| {
        script.cause == recipe.cause
            && recipe.language.as_ref().is_none_or(|language| script.language == *language)
    };
    let fitting: Vec<&Script> = scripts.scripts.iter().filter(fits).collect();
    let missing = || RecipeError::new(&recipe.id, &"no script tells this cause in this language");
    fitting.get(dice.below(fitting.len())).copied().ok_or_else(missing)
}
