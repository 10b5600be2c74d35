//! Front matter: what a document says of itself in a block of YAML (`---`) or TOML (`+++`) at its top. Keys are those that
//! people use; unknown ones are no error. A block that can't be read is named and left out. It must not know the rest.

use hearback_core::memory::DocumentKind;
use hearback_core::time::parse_time;
use hearback_core::{ExternalText, ServiceName};
use jiff::Timestamp;
use serde_json::{Map, Value};

/// So many keywords are kept.
const MOST_WORDS: usize = 40;

/// What a document says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Front {
    /// Its title.
    pub title: Option<String>,
    /// What kind of thing it is.
    pub kind: Option<DocumentKind>,
    /// The services it is about.
    pub services: Vec<ServiceName>,
    /// When what it tells of happened.
    pub happened_at: Option<Timestamp>,
    /// When it was published.
    pub published_at: Option<Timestamp>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// What it says in short.
    pub summary: Option<String>,
    /// Where it stands.
    pub link: Option<String>,
    /// Words it wants to be found by.
    pub keywords: Vec<String>,
}

/// A text without its front matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split<'t> {
    /// What it says of itself.
    pub front: Front,
    /// The rest.
    pub body: &'t str,
    /// How many lines stand before the rest.
    pub lines_before: u32,
    /// What is wrong with the block, in one sentence.
    pub problem: Option<String>,
}

/// Takes the front matter off a text.
pub fn split(text: &str) -> Split<'_> {
    let none = |problem| Split { front: Front::default(), body: text, lines_before: 0, problem };
    let (fence, is_yaml) = match text.lines().next().map(str::trim_end) {
        Some("---") => ("---", true),
        Some("+++") => ("+++", false),
        _ => return none(None),
    };
    let Some((block, body)) = closed(text, fence) else {
        return none(Some("its front matter is not closed, so it was read as text".into()));
    };
    let lines_before = u32::try_from(text.len() - body.len()).map_or(0, |_| {
        let before = text.get(..text.len() - body.len()).unwrap_or_default();
        u32::try_from(before.lines().count()).unwrap_or(u32::MAX)
    });
    let parsed = if is_yaml { yaml(block) } else { toml_of(block) };
    match parsed {
        Ok(map) => Split { front: front_of(&map), body, lines_before, problem: None },
        Err(why) => {
            let problem = Some(format!("its front matter can't be read ({why}), so it was left out"));
            Split { front: Front::default(), body, lines_before, problem }
        }
    }
}

/// The block up to the closing fence, and what comes after.
fn closed<'t>(text: &'t str, fence: &str) -> Option<(&'t str, &'t str)> {
    let mut at = text.find('\n')? + 1;
    let start = at;
    for line in text.get(start..)?.split_inclusive('\n') {
        if line.trim_end() == fence || (fence == "---" && line.trim_end() == "...") {
            return Some((text.get(start..at)?, text.get(at + line.len()..)?));
        }
        at += line.len();
    }
    None
}

fn yaml(block: &str) -> Result<Map<String, Value>, String> {
    if block.trim().is_empty() {
        return Ok(Map::new());
    }
    match serde_saphyr::from_str::<Value>(block) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err("it is not a list of keys".into()),
        Err(error) => Err(first_line(&error.to_string())),
    }
}

fn toml_of(block: &str) -> Result<Map<String, Value>, String> {
    let table: toml::Table = block.parse().map_err(|error: toml::de::Error| first_line(error.message()))?;
    match serde_json::to_value(table) {
        Ok(Value::Object(map)) => Ok(map),
        _ => Err("it is not a list of keys".into()),
    }
}

fn first_line(text: &str) -> String {
    ExternalText::from(text.lines().next().unwrap_or_default()).for_people(120)
}

fn front_of(map: &Map<String, Value>) -> Front {
    let keyed: Vec<(String, &Value)> =
        map.iter().map(|(key, value)| (key.to_lowercase().replace(['-', ' '], "_"), value)).collect();
    let first = |names: &[&str]| {
        names.iter().find_map(|name| keyed.iter().find(|(key, _)| key == name).map(|(_, value)| *value))
    };
    let text = |names: &[&str]| first(names).and_then(plain);
    let time = |names: &[&str]| first(names).and_then(plain).and_then(|text| moment(&text));
    let list = |names: &[&str]| first(names).map(texts).unwrap_or_default();
    let services =
        ["services", "service", "affected_services", "affected_service", "component", "components"];
    let mut keywords = list(&["keywords", "tags", "labels"]);
    for name in ["company", "product", "categories", "category", "team"] {
        keywords.extend(list(&[name]));
    }
    keywords.truncate(MOST_WORDS);
    Front {
        title: text(&["title", "name"]),
        kind: text(&["kind", "type", "doc_type", "document_type"]).and_then(|text| kind_named(&text)),
        services: list(&services).iter().filter_map(|name| service_named(name)).collect(),
        happened_at: time(&[
            "happened_at",
            "occurred_at",
            "started_at",
            "start_time",
            "started",
            "start",
            "incident_date",
            "incident_start",
            "impact_start",
            "date",
        ]),
        published_at: time(&[
            "published_at",
            "published",
            "source_published_at",
            "publish_date",
            "date_published",
        ]),
        owner: text(&["owner", "owners", "maintainer", "maintainers", "team", "author", "authors"]),
        summary: text(&["summary", "description", "tldr", "abstract", "excerpt"]),
        link: text(&["link", "url", "permalink", "canonical_url", "source_url", "source"])
            .filter(|link| link.starts_with("https://") || link.starts_with("http://")),
        keywords,
    }
}

/// Reads the names that people give to kinds.
pub fn kind_named(text: &str) -> Option<DocumentKind> {
    let word: String = text.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    Some(match word.as_str() {
        "postmortem" | "postmortems" | "retrospective" | "incidentreport" | "incidentreview" | "rca"
        | "pir" => DocumentKind::Postmortem,
        "runbook" | "runbooks" | "playbook" | "playbooks" | "sop" => DocumentKind::Runbook,
        "doc" | "docs" | "documentation" | "guide" | "adr" | "design" => DocumentKind::Doc,
        _ => return None,
    })
}

/// A service by the name a document has for it: white space becomes dashes.
fn service_named(name: &str) -> Option<ServiceName> {
    ServiceName::new(name.trim()).or_else(|_| ServiceName::new(name.trim().replace([' ', '/'], "-"))).ok()
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(values) => values.first().and_then(plain),
        _ => None,
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().filter_map(plain).collect(),
        Value::String(text) => {
            text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
        }
        _ => Vec::new(),
    }
}

/// A time with a date. A relative one ("2h ago") would mean something else every time it is read.
pub fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if !text.get(..4)?.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    parse_time(text, Timestamp::UNIX_EPOCH).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_at_the_top_is_understood() {
        let text = "---\ntitle: \"Checkout down\"\nDate: 2024-03-02\nservices: [checkout, Cart API]\ntype: Post-Mortem\n\
                    tags: deploy, pool\nowner: payments\nurl: https://wiki.test/1\nodd: {a: 1}\n---\n\n# Text\n";
        let Split { front, body, lines_before, problem } = split(text);
        assert_eq!(problem, None);
        assert_eq!(body, "\n# Text\n");
        assert_eq!(lines_before, 10);
        assert_eq!(front.title.as_deref(), Some("Checkout down"));
        assert_eq!(front.kind, Some(DocumentKind::Postmortem));
        assert_eq!(front.happened_at.unwrap().to_string(), "2024-03-02T00:00:00Z");
        let services: Vec<&str> = front.services.iter().map(ServiceName::as_str).collect();
        assert_eq!(services, ["checkout", "Cart-API"]);
        assert_eq!(front.keywords, ["deploy", "pool"]);
        assert_eq!(front.owner.as_deref(), Some("payments"));
        assert_eq!(front.link.as_deref(), Some("https://wiki.test/1"));
    }

    #[test]
    fn toml_between_plus_signs_is_understood() {
        let Split { front, body, .. } = split("+++\ntitle = \"T\"\nservice = \"cart\"\n+++\nText");
        assert_eq!((front.title.as_deref(), body), (Some("T"), "Text"));
        assert_eq!(front.services.len(), 1);
    }

    #[test]
    fn a_broken_block_is_named_and_the_rest_is_read() {
        let Split { front, body, problem, .. } = split("---\ntitle: [unclosed\n---\n# Text");
        assert_eq!((front, body), (Front::default(), "# Text"));
        assert!(problem.unwrap().starts_with("its front matter can't be read ("));
        let open = split("---\ntitle: x\n# Text");
        assert_eq!(open.body, "---\ntitle: x\n# Text");
        assert!(open.problem.unwrap().contains("not closed"));
    }

    #[test]
    fn a_text_without_front_matter_is_left_as_it_is() {
        for text in ["", "# Title\n---\nx", "----\n"] {
            assert_eq!(
                split(text),
                Split { front: Front::default(), body: text, lines_before: 0, problem: None }
            );
        }
    }

    #[test]
    fn a_time_that_moves_is_none() {
        assert_eq!(moment("2h ago"), None);
        assert_eq!(moment("now"), None);
        assert!(moment("2007-12-05T22:04:00Z").is_some());
    }
}
