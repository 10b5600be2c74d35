//! Our points and questions as the server's, and back. No I/O.

use std::collections::HashMap;

use qdrant_client::Payload;
use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::vectors_output::VectorsOptions;
use qdrant_client::qdrant::{
    Condition, DeletePoints, Direction, Filter, Fusion as ServerFusion, GetPoints, NamedVectors, OrderBy,
    PointId, PointStruct, PointsIdsList, PointsSelector, PrefetchQuery, Query, QueryPoints, Range,
    RetrievedPoint, Rrf, ScoredPoint, ScrollPoints, SearchParams, UpsertPoints, Value, Vector, VectorInput,
    WithPayloadSelector, WithVectorsSelector, points_selector, query, vector_output,
};
use qdrant_edge::external::uuid::Uuid;
use serde_json::Map;

use crate::points::{
    CANDIDATES, FUSED_FROM, FUSION, Fusion, Hit, MEANING, Point, Read, Search, WORDS, Which, field,
};

/// Writes points and waits until they can be found.
pub fn upsert(collection: &str, points: Vec<Point>) -> UpsertPoints {
    let points = points.into_iter().map(|point| {
        let mut vectors = NamedVectors::default();
        if let Some(meaning) = point.meaning {
            vectors = vectors.add_vector(MEANING, Vector::new_dense(meaning));
        }
        if let Some(words) = point.words {
            vectors = vectors.add_vector(WORDS, Vector::new_sparse(words.indices, words.values));
        }
        PointStruct {
            id: Some(id(point.key)),
            payload: point.payload.into_iter().map(|(name, value)| (name, value.into())).collect(),
            vectors: Some(vectors.into()),
        }
    });
    UpsertPoints {
        collection_name: collection.into(),
        wait: Some(true),
        points: points.collect(),
        ..UpsertPoints::default()
    }
}

/// Removes points and waits until they are gone.
pub fn delete(collection: &str, keys: Vec<u128>) -> DeletePoints {
    let ids = PointsIdsList { ids: keys.into_iter().map(id).collect() };
    DeletePoints {
        collection_name: collection.into(),
        wait: Some(true),
        points: Some(PointsSelector {
            points_selector_one_of: Some(points_selector::PointsSelectorOneOf::Points(ids)),
        }),
        ..DeletePoints::default()
    }
}

/// A key as the server's id.
pub fn id(key: u128) -> PointId {
    PointId { point_id_options: Some(PointIdOptions::Uuid(Uuid::from_u128(key).to_string())) }
}

/// The server's id as a key; 0 for one that is none of ours.
pub fn key(id: &PointId) -> u128 {
    match &id.point_id_options {
        Some(PointIdOptions::Uuid(uuid)) => Uuid::parse_str(uuid).map_or(0, |uuid| uuid.as_u128()),
        Some(PointIdOptions::Num(number)) => u128::from(*number),
        None => 0,
    }
}

fn with_payload(read: Read) -> WithPayloadSelector {
    match read {
        Read::Payload | Read::Whole => true.into(),
        Read::Fields(names) => names.to_vec().into(),
    }
}

fn with_vectors(read: Read) -> WithVectorsSelector {
    match read {
        Read::Whole => vec![MEANING].into(),
        Read::Payload | Read::Fields(_) => false.into(),
    }
}

/// Reads points by key.
pub fn get(collection: &str, keys: Vec<u128>, read: Read) -> GetPoints {
    GetPoints {
        collection_name: collection.into(),
        ids: keys.into_iter().map(id).collect(),
        with_payload: Some(with_payload(read)),
        with_vectors: Some(with_vectors(read)),
        ..GetPoints::default()
    }
}

/// What the server read as a point.
pub fn to_point(point: RetrievedPoint) -> Point {
    let named = point.vectors.and_then(|vectors| vectors.vectors_options);
    let meaning = match named {
        Some(VectorsOptions::Vectors(mut named)) => named.vectors.remove(MEANING),
        _ => None,
    };
    let meaning = meaning.and_then(|vector| match vector.into_vector() {
        vector_output::Vector::Dense(dense) => Some(dense.data),
        _ => None,
    });
    Point { key: point.id.as_ref().map_or(0, key), meaning, words: None, payload: to_map(point.payload) }
}

/// What the server found as a hit.
pub fn to_hit(point: ScoredPoint) -> Hit {
    Hit { score: point.score, payload: to_map(point.payload) }
}

/// A payload as JSON.
pub fn to_map(payload: HashMap<String, Value>) -> Map<String, serde_json::Value> {
    Payload::from(payload).into()
}

/// Which points, among passages and documents alike.
pub fn filter(which: &Which) -> Filter {
    let mut filter = filter_of_kind(which);
    filter.must.push(Condition::matches(field::IS, which.is.as_str().to_owned()));
    filter
}

/// Which points, where only points of the kind can be found: documents have no vectors.
fn filter_of_kind(which: &Which) -> Filter {
    let mut must: Vec<Condition> =
        which.any.iter().map(|(name, words)| Condition::matches(*name, words.clone())).collect();
    must.extend(which.at_most.iter().map(|(name, number)| {
        // Exact: microseconds since 1970 stay below 2^53 until the year 2255.
        Condition::range(*name, Range { lte: Some(*number as f64), ..Range::default() })
    }));
    let must_not = which.none.iter().map(|(name, words)| Condition::matches(*name, words.clone())).collect();
    Filter { must, must_not, ..Filter::default() }
}

/// A page of points by key.
pub fn page(collection: &str, which: &Which, from: Option<u128>, limit: usize, read: Read) -> ScrollPoints {
    ScrollPoints {
        collection_name: collection.into(),
        filter: Some(filter(which)),
        offset: from.map(id),
        limit: Some(u32::try_from(limit).unwrap_or(u32::MAX)),
        with_payload: Some(with_payload(read)),
        with_vectors: Some(with_vectors(read)),
        ..ScrollPoints::default()
    }
}

/// Points by when they became known, the newest first.
pub fn newest(collection: &str, which: &Which, limit: usize) -> ScrollPoints {
    let order =
        OrderBy { key: field::KNOWN_US.into(), direction: Some(Direction::Desc.into()), start_from: None };
    ScrollPoints { order_by: Some(order), ..page(collection, which, None, limit, Read::Payload) }
}

/// A search: by one vector, or by both and fused on the server.
pub fn search(collection: &str, search: &Search) -> Option<QueryPoints> {
    let filter = filter_of_kind(&search.which);
    let filter = (!filter.must.is_empty() || !filter.must_not.is_empty()).then_some(filter);
    let limit = |limit: usize| Some(limit as u64);
    let params = SearchParams { hnsw_ef: limit(CANDIDATES.max(search.limit)), ..SearchParams::default() };
    let words = search
        .words
        .as_ref()
        .map(|words| (VectorInput::new_sparse(words.indices.clone(), words.values.clone()), WORDS));
    let meaning = search.meaning.as_ref().map(|meaning| (VectorInput::new_dense(meaning.clone()), MEANING));
    let nearest = |vector| Query { variant: Some(query::Variant::Nearest(vector)) };
    let asked = QueryPoints {
        collection_name: collection.into(),
        limit: limit(search.limit),
        with_payload: Some(true.into()),
        with_vectors: Some(false.into()),
        ..QueryPoints::default()
    };
    let prefetch = |(vector, using): (VectorInput, &str)| PrefetchQuery {
        query: Some(nearest(vector)),
        using: Some(using.into()),
        filter: filter.clone(),
        params: Some(params.clone()),
        limit: limit(search.limit.max(FUSED_FROM)),
        ..PrefetchQuery::default()
    };
    match (words, meaning) {
        (Some(words), Some(meaning)) => Some(QueryPoints {
            prefetch: vec![prefetch(words), prefetch(meaning)],
            query: Some(Query { variant: Some(fusion()) }),
            ..asked
        }),
        (Some((vector, using)), None) | (None, Some((vector, using))) => Some(QueryPoints {
            query: Some(nearest(vector)),
            using: Some(using.into()),
            filter,
            params: Some(params),
            ..asked
        }),
        (None, None) => None,
    }
}

fn fusion() -> query::Variant {
    match FUSION {
        Fusion::Scores => query::Variant::Fusion(ServerFusion::Dbsf.into()),
        Fusion::Ranks { k } => query::Variant::Rrf(Rrf { k: Some(k), weights: Vec::new() }),
    }
}
