//! The plain form: one JSON object a change, or an array of them. Unknown fields are refused by name, because a
//! misspelt `enviroment` would otherwise be a change without one. Its schema goes into our OpenAPI document.

use hearback_core::change::{Author, Landed};
use hearback_core::{Change, ChangeKind, ExternalText, ServiceName, SourceName};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::fields::{
    MAX_BODY_TEXT_BYTES, MAX_ID_BYTES, MAX_NAME_BYTES, MAX_SERVICES, MAX_TITLE_BYTES, author, change_id,
    line, link, named_changes, paths, revert, review, rollout, text, time,
};

/// The source of a change whose sender does not say.
const UNNAMED_SOURCE: &str = "sent";

/// One change, or several at once. Sending the same again changes nothing.
///
/// For the schema; [`crate::parse_changes`] reads the changes one by one, to say which of them is wrong.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
pub enum PlainBody {
    /// One.
    One(Box<PlainChange>),
    /// At most 1000; all are taken or none.
    Many(#[schemars(length(max = 1000))] Vec<PlainChange>),
}

/// A change of production, told by whoever made it. Give `at`, or `started_at` and `finished_at`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub struct PlainChange {
    /// The sender's own id of it; with `kind` and `source` it must be unique, and the same when it is sent again.
    #[schemars(length(min = 1, max = 500))]
    pub id: String,
    /// What kind of change.
    pub kind: ChangeKind,
    /// What changed, in one line.
    #[schemars(length(min = 1, max = 1000))]
    pub title: String,
    /// The services it concerns.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub services: Vec<String>,
    /// The environment, as in `production`.
    #[serde(default)]
    pub environment: Option<String>,
    /// When it took effect (RFC 3339). It may lie ahead: a schedule, a certificate that expires.
    #[serde(default)]
    #[schemars(extend("format" = "date-time"))]
    pub at: Option<String>,
    /// When it began, instead of `at`.
    #[serde(default)]
    #[schemars(extend("format" = "date-time"))]
    pub started_at: Option<String>,
    /// When it was done, instead of `at`; it counts as the time of effect.
    #[serde(default)]
    #[schemars(extend("format" = "date-time"))]
    pub finished_at: Option<String>,
    /// Who made it.
    #[serde(default)]
    pub author: Option<PlainAuthor>,
    /// Where a person can see it.
    #[serde(default)]
    pub link: Option<String>,
    /// More about it.
    #[serde(default)]
    pub body: Option<String>,
    /// What it brings: commits as `repository:sha` with the sha in full, or other changes by their ids.
    #[serde(default)]
    #[schemars(length(max = 5000))]
    pub delivers: Vec<String>,
    /// For a deploy: the version that it brought, as its system calls it: a tag, a build, a sha. With `before` it says
    /// what to go back to.
    #[serde(default)]
    #[schemars(length(max = 300))]
    pub version: Option<String>,
    /// For a deploy with a `version`: the version that ran there before.
    #[serde(default)]
    #[schemars(length(max = 300))]
    pub before: Option<String>,
    /// The changes it takes back, named as in `delivers`.
    #[serde(default)]
    #[schemars(length(max = 5000))]
    pub reverts: Vec<String>,
    /// Whether somebody other than its author approved it; leave it out if that is not known.
    #[serde(default)]
    pub approved: Option<bool>,
    /// The system that sends it, as in `argocd`.
    #[serde(default)]
    pub source: Option<String>,
}

/// Who made a change: a name, or a name and an address.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "author must be a name, or an object with name and email")]
pub enum PlainAuthor {
    /// A name.
    Name(String),
    /// A name and an address.
    Person(PlainPerson),
}

/// A name and an address.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlainPerson {
    /// The name.
    pub name: String,
    /// The e-mail address.
    #[serde(default)]
    pub email: Option<String>,
}

impl PlainAuthor {
    /// The author, checked.
    pub(crate) fn read(&self) -> Result<Author, String> {
        match self {
            PlainAuthor::Name(name) => author(name, None),
            PlainAuthor::Person(person) => author(&person.name, person.email.as_deref()),
        }
    }
}

/// Reads one change of the plain form.
pub fn change(value: Value) -> Result<Change, String> {
    if !value.is_object() {
        return Err("a change is a JSON object".into());
    }
    let plain: PlainChange = serde_json::from_value(value).map_err(|error| refusal(&error))?;
    let (committed_at, effective_at) = times(&plain)?;
    let source = line("source", plain.source.as_deref().unwrap_or(UNNAMED_SOURCE), 100)?;
    let id = line("id", &plain.id, MAX_ID_BYTES)?;
    let given =
        |text: Option<&String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    Ok(Change {
        id: change_id(&plain.kind.to_string(), source, id)?,
        kind: plain.kind,
        source: SourceName::new(format!("sent:{source}")).map_err(|error| error.to_string())?,
        services: services(&plain.services)?,
        environment: given(plain.environment.as_ref())
            .map(|name| line("environment", &name, MAX_NAME_BYTES).map(str::to_owned))
            .transpose()?,
        delivers: named_changes("delivers", &plain.delivers)?,
        rollout: rollout(plain.kind, plain.version.as_deref(), plain.before.as_deref())?,
        committed_at,
        effective_at,
        landed: Landed::Yes,
        author: match &plain.author {
            Some(author) => author.read()?,
            None => author(source, None)?,
        },
        title: text("title", &plain.title, MAX_TITLE_BYTES)?.into(),
        body: given(plain.body.as_ref())
            .map(|body| text("body", &body, MAX_BODY_TEXT_BYTES).map(ExternalText::from))
            .transpose()?
            .unwrap_or_default(),
        paths: paths(plain.kind),
        revert: revert(named_changes("reverts", &plain.reverts)?, false),
        review: review(plain.approved),
        link: given(plain.link.as_ref()).map(|to| link(&to)).transpose()?,
    })
}

/// When it was begun and when it took effect.
fn times(plain: &PlainChange) -> Result<(jiff::Timestamp, jiff::Timestamp), String> {
    let read = |field, value: &Option<String>| value.as_deref().map(|value| time(field, value)).transpose();
    let at = read("at", &plain.at)?;
    let started_at = read("started_at", &plain.started_at)?;
    let finished_at = read("finished_at", &plain.finished_at)?;
    match (at, started_at, finished_at) {
        (Some(at), None, None) => Ok((at, at)),
        (Some(_), _, _) => Err("give at, or started_at and finished_at, not both".into()),
        (None, Some(started_at), Some(finished_at)) if finished_at < started_at => {
            Err("finished_at is before started_at".into())
        }
        (None, Some(started_at), Some(finished_at)) => Ok((started_at, finished_at)),
        (None, Some(only), None) | (None, None, Some(only)) => Ok((only, only)),
        (None, None, None) => Err("when is missing: give at, or started_at and finished_at".into()),
    }
}

fn services(names: &[String]) -> Result<Vec<ServiceName>, String> {
    if names.len() > MAX_SERVICES {
        return Err(format!("services has {} entries and {MAX_SERVICES} are read at most", names.len()));
    }
    names.iter().map(|name| ServiceName::new(name.trim()).map_err(|error| error.to_string())).collect()
}

/// What the reader says, short enough to print; a value that is not a field's name is not repeated.
pub fn refusal(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match (text.starts_with("invalid "), text.rsplit_once("expected ")) {
        (true, Some((_, expected))) => {
            format!("a value has the wrong type, {} is expected", ExternalText::from(expected).for_people(80))
        }
        _ => ExternalText::new(text).for_people(300),
    }
}
