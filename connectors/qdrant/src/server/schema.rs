//! The collection: made, brought up to date, or refused. A point of ours in it says which steps were done and what its
//! vectors mean; it is found by no search, because it is neither a passage nor a document.

use hearback_core::hash::Digest;
use hearback_core::memory::store::{MemoryError, VectorSpace};
use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::{
    CountPoints, CreateCollection, CreateFieldIndexCollection, Distance, FieldType, Modifier,
    SparseVectorConfig, SparseVectorParams, VectorParams, VectorParamsMap, VectorsConfig,
};
use serde::Deserialize;
use serde_json::json;

use super::ServerPoints;
use crate::Existing;
use crate::points::{KEYWORDS, MEANING, NUMBERS, Point, Points as _, Read, WORDS, field};

/// The payload indexes that a step makes.
type Step = fn() -> Vec<(&'static str, FieldType)>;

/// The steps that bring a collection up to date, in order. A step never changes once
/// it was published; what comes later is another step.
const STEPS: [Step; 1] = [|| {
    let keywords = KEYWORDS.iter().map(|name| (*name, FieldType::Keyword));
    keywords.chain(NUMBERS.iter().map(|name| (*name, FieldType::Integer))).collect()
}];

/// What the collection says of itself.
#[derive(Debug, Deserialize)]
struct Note {
    /// How many of the steps were done.
    schema: usize,
    /// What its vectors mean.
    space: Option<VectorSpace>,
}

/// Where the note is.
fn note_key() -> u128 {
    Digest::of(b"hearback: what this collection is")
        .as_bytes()
        .iter()
        .take(16)
        .fold(0, |key, byte| (key << 8) | u128::from(*byte))
}

/// Makes the collection or brings it up to date.
pub async fn bring_up(points: &ServerPoints, space: Option<&VectorSpace>) -> Result<(), MemoryError> {
    if !is_there(points).await? {
        make(points, space).await?;
    }
    let done = match read_note(points).await? {
        Some(note) => {
            check_space(points, note.space.as_ref(), space)?;
            note.schema
        }
        // Made a moment ago, by us or by one that ended before it could say so.
        None => {
            check_empty(points).await?;
            write_note(points, 0, space).await?;
            0
        }
    };
    check_dimension(points, space).await?;
    for (number, step) in STEPS.iter().enumerate().skip(done) {
        for (name, field_type) in step() {
            let request = CreateFieldIndexCollection {
                collection_name: points.collection.clone(),
                wait: Some(true),
                field_name: name.into(),
                field_type: Some(field_type.into()),
                ..CreateFieldIndexCollection::default()
            };
            points.call(points.client.create_field_index(request)).await?;
        }
        write_note(points, number + 1, space).await?;
    }
    Ok(())
}

/// What the collection holds.
pub async fn existing(points: &ServerPoints) -> Result<Option<Existing>, MemoryError> {
    if !is_there(points).await? {
        return Ok(None);
    }
    Ok(read_note(points).await?.map(|note| Existing { space: note.space }))
}

/// Whether there is a collection that may be removed.
pub async fn is_ours(points: &ServerPoints) -> Result<bool, MemoryError> {
    if !is_there(points).await? {
        return Ok(false);
    }
    // One of a newer hearback is ours too: it can be removed without being understood.
    if points.read(vec![note_key()], Read::Payload).await?.is_empty() {
        check_empty(points).await?;
    }
    Ok(true)
}

async fn is_there(points: &ServerPoints) -> Result<bool, MemoryError> {
    points.call(points.client.collection_exists(points.collection.clone())).await
}

async fn make(points: &ServerPoints, space: Option<&VectorSpace>) -> Result<(), MemoryError> {
    let words = SparseVectorParams { modifier: Some(Modifier::Idf.into()), ..SparseVectorParams::default() };
    let meaning = space.map(|space| {
        let size = space.dimension as u64;
        let params = VectorParams { size, distance: Distance::Cosine.into(), ..VectorParams::default() };
        let map = [(MEANING.to_owned(), params)].into();
        VectorsConfig { config: Some(Config::ParamsMap(VectorParamsMap { map })) }
    });
    let request = CreateCollection {
        collection_name: points.collection.clone(),
        vectors_config: meaning,
        sparse_vectors_config: Some(SparseVectorConfig { map: [(WORDS.to_owned(), words)].into() }),
        ..CreateCollection::default()
    };
    match points.call(points.client.create_collection(request)).await {
        Ok(_) => Ok(()),
        // Another process may have made it in between.
        Err(error) => {
            if is_there(points).await? {
                Ok(())
            } else {
                Err(error)
            }
        }
    }
}

async fn read_note(points: &ServerPoints) -> Result<Option<Note>, MemoryError> {
    let Some(point) = points.read(vec![note_key()], Read::Payload).await?.pop() else { return Ok(None) };
    let schema = point.payload.get("schema").and_then(serde_json::Value::as_u64);
    if let Some(newer) = schema.filter(|schema| *schema > STEPS.len() as u64) {
        return Err(MemoryError::NotUsable(format!(
            "{} was made by a newer hearback (schema {newer}, this one knows {}); use that one, or another collection",
            points.place(),
            STEPS.len()
        )));
    }
    let note = serde_json::from_value(serde_json::Value::Object(point.payload));
    note.map(Some).map_err(|error| {
        MemoryError::Damaged(format!(
            "{} does not say what it is ({error}); `hearback memory rebuild` builds it again from its sources",
            points.place()
        ))
    })
}

async fn write_note(
    points: &ServerPoints,
    schema: usize,
    space: Option<&VectorSpace>,
) -> Result<(), MemoryError> {
    let note = json!({ field::IS: "store", "schema": schema, "space": space });
    let serde_json::Value::Object(payload) = note else { return Ok(()) };
    points.upsert(vec![Point { key: note_key(), meaning: None, words: None, payload }]).await
}

/// Refuses a collection with points that nobody says are ours.
async fn check_empty(points: &ServerPoints) -> Result<(), MemoryError> {
    let request = CountPoints {
        collection_name: points.collection.clone(),
        exact: Some(true),
        ..CountPoints::default()
    };
    let counted = points.call(points.client.count(request)).await?.result.map_or(0, |result| result.count);
    if counted == 0 {
        return Ok(());
    }
    Err(MemoryError::NotUsable(format!(
        "{} holds {counted} points that are not hearback's; use another collection",
        points.place()
    )))
}

fn check_space(
    points: &ServerPoints,
    kept: Option<&VectorSpace>,
    asked: Option<&VectorSpace>,
) -> Result<(), MemoryError> {
    if kept == asked {
        return Ok(());
    }
    Err(MemoryError::NotUsable(format!(
        "{} was made for {}, and the configuration says {}; change it back, use another collection, or let `hearback \
         memory rebuild` build it again",
        points.place(),
        crate::say_space(kept),
        crate::say_space(asked)
    )))
}

/// Refuses a collection whose vectors are not those that its note, or who just made it, says.
async fn check_dimension(points: &ServerPoints, space: Option<&VectorSpace>) -> Result<(), MemoryError> {
    let info = points.call(points.client.collection_info(points.collection.clone())).await?;
    let params = info.result.and_then(|info| info.config).and_then(|config| config.params);
    let (vectors, sparse) =
        params.map(|params| (params.vectors_config, params.sparse_vectors_config)).unwrap_or_default();
    let size = match vectors.and_then(|vectors| vectors.config) {
        Some(Config::ParamsMap(named)) => named.map.get(MEANING).map(|params| params.size),
        Some(Config::Params(_)) | None => None,
    };
    let has_words = sparse.is_some_and(|sparse| sparse.map.contains_key(WORDS));
    if has_words && size == space.map(|space| space.dimension as u64) {
        return Ok(());
    }
    Err(MemoryError::NotUsable(format!(
        "{} is laid out for other vectors than {}; use another collection",
        points.place(),
        crate::say_space(space)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_that_is_searched_gets_an_index() {
        let indexed: Vec<&str> = STEPS.iter().flat_map(|step| step()).map(|(name, _)| name).collect();
        for name in KEYWORDS.iter().chain(&NUMBERS) {
            assert!(indexed.contains(name), "{name}");
        }
    }
}
