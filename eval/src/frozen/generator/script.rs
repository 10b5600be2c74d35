//! What causes look like, as the files of `scripts/` tell it: what was changed, what is logged, what is measured. It must
//! not know who is hit.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::recipe::{Cause, RecipeError};

/// What is there to tell incidents with.
#[derive(Debug, Clone)]
pub(super) struct Scripts {
    pub scripts: Vec<Script>,
    pub background: Background,
}

/// One way in which a cause shows.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Script {
    pub cause: Cause,
    pub language: String,
    /// What was to be done.
    pub remediation: String,
    /// Minutes from the change to the onset, from and to.
    #[serde(default)]
    pub lead: [i64; 2],
    /// How the fault grows.
    pub grows: Shape,
    /// The share of requests that fail.
    pub share: f64,
    /// How many times longer they take.
    #[serde(default = "one")]
    pub slower: f64,
    /// What callers see.
    pub upstream: Upstream,
    /// Words that a harmless change could share with the error.
    pub echo: String,
    /// What the monitor watches.
    pub alert: Watched,
    /// What clients get.
    pub status: u16,
    /// What brings the change into production.
    #[serde(default)]
    pub rollout: Rollout,
    #[serde(default)]
    pub reach: Reach,
    /// How many times more requests come.
    #[serde(default)]
    pub surge: Option<f64>,
    /// The flag that did it.
    #[serde(default)]
    pub flag: Option<String>,
    /// Memory grows from the change on, hours before.
    #[serde(default)]
    pub leak: bool,
    #[serde(default)]
    pub change: Option<ChangeText>,
    pub says: Vec<Says>,
    /// What is said before it begins.
    #[serde(default)]
    pub early: Vec<Says>,
    #[serde(default)]
    pub metric: Vec<MetricText>,
    pub span: SpanText,
    #[serde(default)]
    pub document: Option<Document>,
}

fn one() -> f64 {
    1.0
}

/// How something moves from before to after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Shape {
    /// At once.
    Step,
    /// Within a quarter of an hour.
    Ramp,
    /// Again and again.
    Pulses,
    /// From the change on, until it is full; then it falls and begins anew.
    Leak,
    /// Steadily, until it is empty at the onset.
    Drain,
}

/// What callers of a failing service see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Upstream {
    Errors,
    Timeouts,
    Slow,
    None,
}

/// What a monitor watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Watched {
    Errors,
    Latency,
    Lag,
}

/// What brings a change into production.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Rollout {
    #[default]
    Release,
    Config,
}

/// How many services a cause reaches by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reach {
    #[default]
    One,
    Several,
}

/// A commit.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeText {
    /// What a commit of the background may stand for.
    #[serde(default)]
    pub kind: Kind,
    pub title: String,
    #[serde(default)]
    pub author: Author,
    pub files: Vec<String>,
    #[serde(default)]
    pub diff: Option<String>,
}

/// What a commit of the background may stand for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    #[default]
    Any,
    Later,
    Neighbour,
    Logging,
    Reland,
    Bump,
}

/// Who commits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Author {
    #[default]
    Person,
    Bot,
}

/// A log line.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Says {
    pub severity: Level,
    pub msg: String,
    #[serde(default)]
    pub stack: Option<String>,
    #[serde(default)]
    pub attributes: BTreeMap<String, serde_json::Value>,
    /// How often, beside the others.
    #[serde(default = "one")]
    pub share: f64,
}

/// How loud a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

/// A metric that moves.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MetricText {
    pub name: String,
    pub before: f64,
    pub after: f64,
    #[serde(default)]
    pub shape: Option<Shape>,
    /// The share of the value that is noise.
    #[serde(default = "some_noise")]
    pub noise: f64,
}

fn some_noise() -> f64 {
    0.06
}

/// The span that fails.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SpanText {
    pub name: String,
    pub error: String,
    #[serde(default)]
    pub peer: Option<String>,
}

/// A file that lies beside the others.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub file: String,
    pub text: String,
}

/// What goes on anyway.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Background {
    pub commit: Vec<ChangeText>,
    pub line: Vec<Says>,
    pub oddity: Vec<Oddity>,
}

/// A warning that has nothing to do with it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Oddity {
    pub severity: Level,
    pub msg: String,
    pub metric: String,
    pub before: f64,
    pub after: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptFile {
    script: Vec<Script>,
}

impl Scripts {
    /// The scripts that come with the program.
    pub(super) fn read() -> Result<Scripts, RecipeError> {
        let files = [
            ("code.toml", include_str!("scripts/code.toml")),
            ("config.toml", include_str!("scripts/config.toml")),
            ("release.toml", include_str!("scripts/release.toml")),
            ("outside.toml", include_str!("scripts/outside.toml")),
        ];
        let mut scripts = Vec::new();
        for (name, text) in files {
            let file: ScriptFile = toml::from_str(text).map_err(|why| RecipeError::new(name, &why))?;
            scripts.extend(file.script);
        }
        let background = toml::from_str(include_str!("scripts/background.toml"));
        let background = background.map_err(|why| RecipeError::new("background.toml", &why))?;
        Ok(Scripts { scripts, background })
    }
}
