//! Documents and passages as points, and back. The one place that knows what stands in a payload.

use hearback_core::hash::Digest;
use hearback_core::memory::store::{MemoryError, PassageFilter, Shelved};
use hearback_core::memory::{DocumentId, Filed, Passage};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::points::{Is, Point, Which, field};
use crate::words::WordWeights;

/// The key of a document's own point. It is the same for all versions, so that one write brings in the next one.
pub fn document_key(document: &DocumentId) -> u128 {
    key_of(&[Is::Document.as_str().as_bytes(), document.as_str().as_bytes()])
}

/// The key of a passage.
pub fn passage_key(document: &DocumentId, version: &Digest, part: u32) -> u128 {
    let of = [
        Is::Passage.as_str().as_bytes(),
        document.as_str().as_bytes(),
        version.as_bytes(),
        &part.to_be_bytes(),
    ];
    key_of(&of)
}

fn key_of(parts: &[&[u8]]) -> u128 {
    let digest = Digest::of_parts(parts);
    digest.as_bytes().iter().take(16).fold(0, |key, byte| (key << 8) | u128::from(*byte))
}

/// The keys of all passages of a version.
pub fn passage_keys(document: &DocumentId, version: &Digest, parts: std::ops::Range<u32>) -> Vec<u128> {
    parts.map(|part| passage_key(document, version, part)).collect()
}

/// A document as points: its passages, and its own.
///
/// # Errors
/// [`MemoryError::NotUsable`] if it can't be written as JSON.
pub fn to_points(
    shelved: Shelved,
    weights: &WordWeights,
    now: Timestamp,
) -> Result<(Vec<Point>, Point), MemoryError> {
    let Shelved { filed, passages } = shelved;
    let mut own = to_map(&filed)?;
    let sections = passages.iter().map(|embedded| to_value(&embedded.passage.section));
    let mut sections: Vec<Value> = sections.collect::<Result<_, _>>()?;
    sections.dedup();
    let vectors = passages.iter().filter(|embedded| embedded.vector.is_some()).count();
    own.insert(field::DOCUMENT.into(), json!(filed.id));
    own.insert(field::SECTION.into(), Value::Array(sections));
    own.insert(field::VECTORS.into(), json!(vectors));
    add_searched(&mut own, Is::Document, &filed, now)?;
    let document = Point { key: document_key(&filed.id), meaning: None, words: None, payload: own };
    let mut points = Vec::with_capacity(passages.len());
    for embedded in passages {
        let mut payload = to_map(&embedded.passage)?;
        add_searched(&mut payload, Is::Passage, &filed, now)?;
        let words = weights.of_passage(embedded.passage.searched.as_untrusted());
        points.push(Point {
            key: passage_key(&filed.id, &filed.version, embedded.passage.part),
            meaning: embedded.vector,
            words: (!words.is_empty()).then_some(words),
            payload,
        });
    }
    Ok((points, document))
}

/// What every point is searched by.
fn add_searched(
    payload: &mut Map<String, Value>,
    is: Is,
    filed: &Filed,
    now: Timestamp,
) -> Result<(), MemoryError> {
    payload.insert(field::IS.into(), json!(is.as_str()));
    payload.insert(field::KIND.into(), to_value(&filed.kind)?);
    payload.insert(field::SERVICES.into(), to_value(&filed.services)?);
    payload.insert(field::KNOWN_US.into(), json!(filed.known_at.as_microsecond()));
    payload.insert(field::PUT_US.into(), json!(now.as_microsecond()));
    Ok(())
}

fn to_value(value: &impl serde::Serialize) -> Result<Value, MemoryError> {
    serde_json::to_value(value)
        .map_err(|error| MemoryError::NotUsable(format!("a document can't be kept as JSON: {error}")))
}

fn to_map(value: &impl serde::Serialize) -> Result<Map<String, Value>, MemoryError> {
    match to_value(value)? {
        Value::Object(map) => Ok(map),
        _ => Err(MemoryError::NotUsable("a document can't be kept as JSON: it is no object".into())),
    }
}

/// A point's payload as what it is.
///
/// # Errors
/// What is wrong with it, for the sentence that says where it was found.
fn from_map<T: DeserializeOwned>(payload: Map<String, Value>) -> Result<T, String> {
    serde_json::from_value(Value::Object(payload)).map_err(|error| error.to_string())
}

/// The document that a document's point holds.
pub fn to_filed(payload: Map<String, Value>) -> Result<Filed, String> {
    from_map(payload)
}

/// The passage that a passage's point holds.
pub fn to_passage(payload: Map<String, Value>) -> Result<Passage, String> {
    from_map(payload)
}

/// Some fields of a point: what it belongs to.
#[derive(Debug, serde::Deserialize)]
pub struct Belongs {
    /// To which document.
    pub document: DocumentId,
    /// To which version of it.
    pub version: Digest,
    /// Its place there.
    #[serde(default)]
    pub part: u32,
    /// How many passages the document has; a document's point says so.
    #[serde(default)]
    pub parts: u32,
    /// When the document became known; a document's point says so.
    pub known_at: Option<Timestamp>,
    /// When it was written, in microseconds since 1970.
    #[serde(default)]
    pub put_us: i64,
}

/// What a point belongs to.
pub fn to_belongs(payload: Map<String, Value>) -> Result<Belongs, String> {
    from_map(payload)
}

/// A number of a payload; 0 where there is none.
pub fn number(payload: &Map<String, Value>, name: &str) -> u64 {
    payload.get(name).and_then(Value::as_u64).unwrap_or(0)
}

/// The points that a filter lets through. It may let through what became known in the same microsecond; what is found is
/// looked at again.
pub fn to_which(is: Is, filter: &PassageFilter) -> Result<Which, MemoryError> {
    let mut which = Which::all(is);
    let mut any = |name: &'static str, values: Result<Vec<Value>, MemoryError>| -> Result<(), MemoryError> {
        let words: Vec<String> = values?.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        if !words.is_empty() {
            which.any.push((name, words));
        }
        Ok(())
    };
    any(field::KIND, filter.kinds.iter().map(to_value).collect())?;
    any(field::SERVICES, filter.services.iter().map(to_value).collect())?;
    any(field::SECTION, filter.sections.iter().map(to_value).collect())?;
    which.none.extend(filter.except.iter().map(|id| (field::DOCUMENT, vec![id.as_str().to_owned()])));
    which.at_most.extend(filter.as_of.map(|time| (field::KNOWN_US, time.as_microsecond())));
    Ok(which)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_documents_versions_and_parts_apart() {
        let (one, other) = (DocumentId::new("file:/a.md").unwrap(), DocumentId::new("file:/b.md").unwrap());
        let (old, new) = (Digest::of(b"old"), Digest::of(b"new"));
        let mut keys = vec![document_key(&one), document_key(&other)];
        for document in [&one, &other] {
            for version in [&old, &new] {
                keys.extend(passage_keys(document, version, 0..3));
            }
        }
        let all = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!((keys.len(), all), (14, 14));
        assert_eq!(document_key(&one), document_key(&DocumentId::new("file:/a.md").unwrap()));
    }

    #[test]
    fn a_microsecond_is_rounded_so_that_nothing_known_in_time_is_left_out() {
        let known: Timestamp = "2026-01-01T00:00:00.000000900Z".parse().unwrap();
        let filter = PassageFilter { as_of: Some(known), ..PassageFilter::default() };
        let which = to_which(Is::Passage, &filter).unwrap();
        assert_eq!(which.at_most, vec![(field::KNOWN_US, known.as_microsecond())]);
        assert!(
            known.as_microsecond() >= "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap().as_microsecond()
        );
    }
}
