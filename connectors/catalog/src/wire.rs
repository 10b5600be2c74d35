//! Backstage's entities as they stand in YAML: the fields that are read. What is unknown is passed over. Nothing of
//! this leaves the crate.
//!
//! The format: backstage.io, "Descriptor Format of Catalog Entities".

use std::collections::BTreeMap;

use serde::Deserialize;

/// The largest file that is read, in bytes.
pub(crate) const LARGEST_BYTES: usize = 2 << 20;
/// At most so many entities in a file.
const MOST_ENTITIES: usize = 2000;

/// One document of a file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Entity {
    pub(crate) kind: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) spec: Spec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Metadata {
    pub(crate) name: Option<String>,
    pub(crate) namespace: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) annotations: Option<BTreeMap<String, Option<String>>>,
    pub(crate) labels: Option<BTreeMap<String, Option<String>>>,
    pub(crate) links: Option<Vec<Link>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Link {
    pub(crate) url: Option<String>,
    pub(crate) title: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Spec {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) lifecycle: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) system: Option<String>,
    pub(crate) tier: Option<String>,
    pub(crate) depends_on: Option<Vec<String>>,
    pub(crate) provides_apis: Option<Vec<String>>,
    pub(crate) consumes_apis: Option<Vec<String>>,
    /// Of a Location.
    pub(crate) target: Option<String>,
    /// Of a Location.
    pub(crate) targets: Option<Vec<String>>,
}

/// What a file holds, and the sentences about what of it could not be read.
pub(crate) fn parse_entities(bytes: &[u8]) -> (Vec<Entity>, Vec<String>) {
    let mut entities = Vec::new();
    let mut unread = Vec::new();
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_reader_input_bytes: Some(LARGEST_BYTES),
            max_events: 200_000,
            max_nodes: 100_000,
            max_aliases: 1000,
            max_anchors: 1000,
            max_recorded_anchor_events: 100_000,
            max_recorded_anchor_bytes: LARGEST_BYTES,
            max_depth: 48,
            flow_nesting_limit: 48,
            max_total_scalar_bytes: LARGEST_BYTES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 100_000,
            max_replay_stack_depth: 16,
        },
        with_snippet: false,
    };
    let mut reader = bytes;
    let documents = serde_saphyr::read_with_options::<_, Entity>(&mut reader, options);
    for document in documents.take(MOST_ENTITIES + 1) {
        match document {
            _ if entities.len() + unread.len() == MOST_ENTITIES => {
                unread.push(format!("it holds more than {MOST_ENTITIES} entities; the rest is not read"));
            }
            Ok(entity) => entities.push(entity),
            Err(error) => {
                let line = error.location().map_or(1, |location| location.line());
                let says = error.to_string();
                let says = says.lines().next().unwrap_or_default();
                // Some of its sentences begin or end with the place, which stands in ours.
                let says = says.split(" at line ").next().unwrap_or(says);
                unread.push(format!("line {line}: {}", says.trim_start_matches("error: ")));
            }
        }
    }
    (entities, unread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_document_hides_no_other() {
        let (entities, unread) = parse_entities(
            b"kind: Component\nmetadata:\n  name: a\nspec:\n  tier: 1\n---\nkind: [Component]\n---\n\
              kind: Component\nmetadata: {name: b, annotations: {x: null, y: 3}, links: null}\n",
        );
        let names: Vec<_> = entities.iter().filter_map(|e| e.metadata.name.as_deref()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(entities[0].spec.tier.as_deref(), Some("1"));
        assert_eq!(unread.len(), 1, "{unread:?}");
        assert!(unread[0].starts_with("line 7: "), "{unread:?}");
    }

    #[test]
    fn bombs_are_refused_and_not_unfolded() {
        let laughs: String = (1..12)
            .map(|n| {
                let refs = vec![format!("*a{}", n - 1); 10].join(", ");
                format!("a{n}: &a{n} [{refs}]\n")
            })
            .collect();
        let deep = format!("kind: {}{}\n", "[".repeat(5000), "]".repeat(5000));
        for bomb in [format!("a0: &a0 [x, x, x]\n{laughs}"), deep, "- ".repeat(5000), "\t\u{0}".into()] {
            let (entities, unread) = parse_entities(bomb.as_bytes());
            assert!(entities.is_empty() && unread.len() == 1, "{unread:?}");
        }
        let many = "kind: x\n---\n".repeat(MOST_ENTITIES + 3);
        let (entities, unread) = parse_entities(many.as_bytes());
        assert_eq!((entities.len(), unread.len()), (MOST_ENTITIES, 1), "{unread:?}");
    }
}
