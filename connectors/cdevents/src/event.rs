//! From a CDEvent to a change (cdevents.dev, 0.1 to 0.5; the events' own versions 0.1 to 0.3). Which events are
//! changes of production:
//!
//! | event                                   | change                                                        |
//! |-----------------------------------------|---------------------------------------------------------------|
//! | service deployed, upgraded              | deploy to `environment`; its `artifactId` names the version,  |
//! |                                         | and may name the commit                                       |
//! | service rolledback                      | deploy that reverts; its `artifactId` names the version       |
//! | service removed, published              | deploy                                                        |
//! | environment created, modified, deleted  | infra                                                         |
//! | change merged                           | commit                                                        |
//!
//! All others (pipelines, tasks, tests, builds, tickets, incidents, artifacts that lie in a registry) change nothing
//! that runs. What CDEvents has no field for may stand in `customData.hearback`: `title`, `body`, `author`, `link`,
//! `delivers`, `reverts`, `approved`, `version`, `before`, as in the plain form. The `version` of a service that was
//! deployed, upgraded or rolled back is that of its `artifactId`, if it has none there.

use hearback_core::change::Landed;
use hearback_core::{Change, ChangeId, ChangeKind, ExternalText, ServiceName, SourceName};
use serde_json::Value;

use crate::fields::{
    MAX_BODY_TEXT_BYTES, MAX_ID_BYTES, MAX_NAME_BYTES, MAX_TITLE_BYTES, author, change_id, is_full_sha, line,
    link, named_changes, paths, revert, review, rollout, text, time,
};
use crate::plain::refusal;
use crate::purl;
use crate::wire::{Addition, CdEvent, Context, Subject};

/// What CloudEvents says of an event outside of it.
pub struct Attributes<'a> {
    pub specversion: Option<&'a str>,
    pub kind: Option<&'a str>,
    pub id: Option<&'a str>,
    pub source: Option<&'a str>,
}

/// An event of CloudEvents in structured mode.
pub fn in_cloud_event(value: Value) -> Result<Option<Change>, String> {
    let Value::Object(mut fields) = value else { return Err("a CloudEvent is a JSON object".into()) };
    let data = fields.remove("data");
    let encoded = fields.contains_key("data_base64");
    let attribute = |name: &str| fields.get(name).and_then(Value::as_str);
    let attributes = Attributes {
        specversion: attribute("specversion"),
        kind: attribute("type"),
        id: attribute("id"),
        source: attribute("source"),
    };
    match data {
        Some(data) => in_binary_mode(&attributes, data),
        None if !attributes.kind.is_some_and(tells_of_delivery) => none_of_ours(&attributes),
        None if encoded => Err("data_base64 is not read; send data as JSON".into()),
        None => Err("the CloudEvent has no data; CDEvents puts the whole event there".into()),
    }
}

/// An event of CloudEvents in binary mode: attributes in the headers, the CDEvent in the body.
pub fn in_binary_mode(attributes: &Attributes<'_>, data: Value) -> Result<Option<Change>, String> {
    if !attributes.kind.is_some_and(tells_of_delivery) {
        return none_of_ours(attributes);
    }
    check_version(attributes)?;
    let event = event(data)?;
    let inside = &event.context;
    for (name, outside, inside) in [
        ("type", attributes.kind, &inside.kind),
        ("id", attributes.id, &inside.id),
        ("source", attributes.source, &inside.source),
    ] {
        if outside.is_some_and(|outside| outside != inside) {
            return Err(format!(
                "{name} of the CloudEvent and of the CDEvent in it differ; they must be the same"
            ));
        }
    }
    change(event)
}

/// A CDEvent alone.
pub fn bare(value: Value) -> Result<Option<Change>, String> {
    change(event(value)?)
}

/// Another kind of event is welcome and tells of no change.
fn none_of_ours(attributes: &Attributes<'_>) -> Result<Option<Change>, String> {
    if attributes.kind.is_none() {
        return Err("the CloudEvent has no type".into());
    }
    check_version(attributes).map(|()| None)
}

fn check_version(attributes: &Attributes<'_>) -> Result<(), String> {
    match attributes.specversion {
        Some("1.0") => Ok(()),
        Some(other) => {
            let other = ExternalText::from(other).for_people(20);
            Err(format!("version \"{other}\" of CloudEvents is not read; 1.0 is"))
        }
        None => Err("the CloudEvent has no specversion".into()),
    }
}

fn tells_of_delivery(kind: &str) -> bool {
    kind.starts_with("dev.cdevents.")
}

fn event(value: Value) -> Result<CdEvent, String> {
    if !value.is_object() {
        return Err("a CDEvent is a JSON object".into());
    }
    serde_json::from_value(value).map_err(|error| format!("not a CDEvent: {}", refusal(&error)))
}

/// What an event does to production.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    Deploys,
    RollsBack,
    Removes,
    Publishes,
    ChangesEnvironment,
    Merges,
}

/// `dev.cdevents.{subject}.{predicate}.{version}`. `None` for an event that changes nothing.
fn does(kind: &str) -> Result<Option<(Does, &str)>, String> {
    let Some(rest) = kind.strip_prefix("dev.cdevents.") else { return Ok(None) };
    let mut parts = rest.splitn(3, '.');
    let (subject, predicate, version) = (parts.next(), parts.next(), parts.next());
    let (Some(subject), Some(predicate), Some(version)) = (subject, predicate, version) else {
        let kind = ExternalText::from(kind).for_people(80);
        return Err(format!("type \"{kind}\" is none of CDEvents; it ends in its version, as in .0.3.0"));
    };
    let does = match (subject, predicate) {
        ("service", "deployed" | "upgraded") => Does::Deploys,
        ("service", "rolledback") => Does::RollsBack,
        ("service", "removed") => Does::Removes,
        ("service", "published") => Does::Publishes,
        ("environment", "created" | "modified" | "deleted") => Does::ChangesEnvironment,
        ("change", "merged") => Does::Merges,
        _ => return Ok(None),
    };
    // Within 0.x the fields read here have kept their names; 1.0 may break them.
    if version.split('.').next() != Some("0") {
        let version = ExternalText::from(version).for_people(20);
        return Err(format!("version \"{version}\" of {subject} {predicate} is not read; 0.x is"));
    }
    Ok(Some((does, predicate)))
}

fn change(event: CdEvent) -> Result<Option<Change>, String> {
    let CdEvent { context, subject, custom_data } = event;
    let Some((does, predicate)) = does(&context.kind)? else { return Ok(None) };
    let addition = match custom_data.and_then(|mut data| data.get_mut("hearback").map(Value::take)) {
        Some(addition) => serde_json::from_value::<Addition>(addition)
            .map_err(|error| format!("customData.hearback: {}", refusal(&error)))?,
        None => Addition::default(),
    };
    let source = line("context.source", &context.source, MAX_ID_BYTES)?;
    let event_id = line("context.id", &context.id, MAX_ID_BYTES)?;
    let at = time("context.timestamp", &context.timestamp)?;
    let subject_id = line("subject.id", &subject.id, MAX_ID_BYTES)?;
    let kind = match does {
        Does::Deploys | Does::RollsBack | Does::Removes | Does::Publishes => ChangeKind::Deploy,
        Does::ChangesEnvironment => ChangeKind::Infra,
        Does::Merges => ChangeKind::Commit,
    };
    let environment = environment(does, &subject)?;
    let title = match &addition.title {
        Some(title) => text("customData.hearback.title", title, MAX_TITLE_BYTES)?.to_owned(),
        None => title(predicate, &subject, environment.as_deref()),
    };
    let mut delivers = named_changes("delivers", &addition.delivers)?;
    if let Some(commit) = subject.content.artifact_id.as_deref().and_then(purl::commit)
        && does == Does::Deploys
        && !delivers.contains(&commit)
    {
        delivers.push(commit);
    }
    let version = match does {
        _ if addition.version.is_some() => addition.version,
        Does::Deploys | Does::RollsBack => subject.content.artifact_id.as_deref().and_then(purl::version),
        _ => None,
    };
    let author = match addition.author {
        Some(author) => author.read()?,
        None => author_of(&context)?,
    };
    let body = addition.body.as_deref().filter(|body| !body.trim().is_empty());
    Ok(Some(Change {
        id: id(does, source, event_id, &subject)?,
        kind,
        source: SourceName::new(format!("cdevents:{}", ExternalText::from(source).for_people(150)))
            .map_err(|error| error.to_string())?,
        services: match does {
            Does::ChangesEnvironment | Does::Merges => Vec::new(),
            _ => ServiceName::nearest(last_part(subject_id)).into_iter().collect(),
        },
        environment,
        delivers,
        rollout: rollout(kind, version.as_deref(), addition.before.as_deref())?,
        committed_at: at,
        effective_at: at,
        landed: Landed::Yes,
        author,
        title: title.as_str().into(),
        body: body
            .map(|body| text("body", body, MAX_BODY_TEXT_BYTES))
            .transpose()?
            .unwrap_or_default()
            .into(),
        paths: paths(kind),
        revert: revert(named_changes("reverts", &addition.reverts)?, does == Does::RollsBack),
        review: review(addition.approved),
        link: match addition.link.or(subject.content.uri.filter(|uri| uri.starts_with("https://"))) {
            Some(to) => Some(link(&to)?),
            None => None,
        },
    }))
}

/// CDEvents knows no author: the system that sent it stands there.
fn author_of(context: &Context) -> Result<hearback_core::change::Author, String> {
    author(&ExternalText::from(context.source.as_str()).for_people(100), None)
}

/// A merged commit that git's own source will tell of too gets the id that it gives.
fn id(does: Does, source: &str, event_id: &str, subject: &Subject) -> Result<ChangeId, String> {
    let repository = subject.content.repository.as_ref().map(|repository| last_part(&repository.id));
    let repository = repository.map(|name| name.strip_suffix(".git").unwrap_or(name));
    match repository {
        Some(name) if does == Does::Merges && is_full_sha(&subject.id) && !name.is_empty() => {
            ChangeId::commit(name, &subject.id.to_ascii_lowercase()).map_err(|error| error.to_string())
        }
        _ => change_id("cdevents", source, event_id),
    }
}

/// The environment it happened in, or that it happened to.
fn environment(does: Does, subject: &Subject) -> Result<Option<String>, String> {
    let name = match does {
        Does::ChangesEnvironment => subject.content.name.as_deref().or(Some(subject.id.as_str())),
        _ => subject.content.environment.as_ref().map(|environment| environment.id.as_str()),
    };
    let name = name.map(last_part).filter(|name| !name.trim().is_empty());
    name.map(|name| line("environment", name, MAX_NAME_BYTES).map(str::to_owned)).transpose()
}

/// `service/checkout` and `/shop/checkout` name `checkout`.
fn last_part(id: &str) -> &str {
    id.trim_end_matches('/').rsplit('/').next().unwrap_or(id)
}

fn title(predicate: &str, subject: &Subject, environment: Option<&str>) -> String {
    let what = ExternalText::from(last_part(&subject.id)).for_people(80);
    let verb = if predicate == "rolledback" { "rolled back" } else { predicate };
    let place = match environment {
        Some(environment) if environment != what => format!(" in {environment}"),
        _ => String::new(),
    };
    let artifact = subject
        .content
        .artifact_id
        .as_deref()
        .map_or(String::new(), |artifact| format!(": {}", ExternalText::from(artifact).for_people(200)));
    format!("{what} {verb}{place}{artifact}")
}
