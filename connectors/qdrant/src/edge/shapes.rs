//! Our points and questions as the engine's, and back. No I/O.

use qdrant_edge::external::ordered_float::OrderedFloat;
use qdrant_edge::external::uuid::Uuid;
use qdrant_edge::{
    AnyVariants, Condition, CreateIndex, Direction, Distance, EdgeConfig, EdgeOptimizersConfig,
    EdgeSparseVectorParams, EdgeVectorParams, FieldCondition, FieldIndexOperations, Filter,
    Fusion as EdgeFusion, HnswIndexConfig, JsonPath, Match, MatchAny, Modifier, NamedQuery, OrderBy,
    OrderByInterface, Payload, PayloadFieldSchema, PayloadSchemaType, PointId, PointInsertOperations,
    PointOperations, PointStructPersisted, Prefetch, QueryEnum, QueryRequest, Range, Record, ScoringQuery,
    ScrollRequest, SearchParams, SparseVector, UpdateOperation, VectorInternal, VectorPersisted,
    VectorStructInternal, VectorStructPersisted, WalOptions, WithPayloadInterface, WithVector,
};

use hearback_core::memory::store::VectorSpace;

use crate::points::{
    CANDIDATES, FUSED_FROM, FUSION, Fusion, KEYWORDS, MEANING, NUMBERS, Point, Read, Search, WORDS, Which,
    field,
};
use crate::words::Words;

/// How many bytes a piece of the engine's log has. A write that is larger makes a larger piece.
const LOG_PIECE_BYTES: usize = 8 << 20;
/// One merged segment beside the one that is written to: the engine asks segments one after the other.
const MERGED_SEGMENTS: usize = 1;
/// How many bytes of vectors are compared one by one; beyond, a graph is built and walked. 68,000 vectors of 384 numbers take
/// some ten milliseconds (`benches/search.rs`), find everything that is near, and cost `tidy` nothing; the graph is quicker,
/// misses some, and takes a minute to build.
const GRAPH_FROM_BYTES: usize = 100 << 20;

/// How vectors are to be searched in a store of so many points.
pub fn graph(points: usize, space: Option<&VectorSpace>) -> HnswIndexConfig {
    let bytes = points.saturating_mul(space.map_or(0, |space| space.dimension * size_of::<f32>()));
    let graph = HnswIndexConfig::default();
    // No edges: no graph.
    if bytes < GRAPH_FROM_BYTES { HnswIndexConfig { m: 0, ..graph } } else { graph }
}

/// How a new store is laid out.
pub fn config(space: Option<&VectorSpace>) -> EdgeConfig {
    let words = EdgeSparseVectorParams { modifier: Some(Modifier::Idf), ..EdgeSparseVectorParams::default() };
    let mut config = EdgeConfig::builder().sparse_vector(WORDS, words);
    if let Some(space) = space {
        config = config.vector(MEANING, EdgeVectorParams::builder(space.dimension, Distance::Cosine).build());
    }
    let mut config = config.build();
    config.optimizers = EdgeOptimizersConfig {
        default_segment_number: Some(MERGED_SEGMENTS),
        ..EdgeOptimizersConfig::default()
    };
    config.wal_options = Some(WalOptions { segment_capacity: LOG_PIECE_BYTES, ..WalOptions::default() });
    config
}

/// A field's name as a path. A name that is none can't be: they are constants.
fn path(name: &str) -> JsonPath {
    JsonPath { first_key: name.to_owned(), rest: Vec::new() }
}

/// The operations that make all indexes of payload fields.
pub fn make_indexes() -> impl Iterator<Item = UpdateOperation> {
    let keywords = KEYWORDS.iter().map(|name| (*name, PayloadSchemaType::Keyword));
    let numbers = NUMBERS.iter().map(|name| (*name, PayloadSchemaType::Integer));
    keywords.chain(numbers).map(|(name, schema)| {
        let field_schema = Some(PayloadFieldSchema::FieldType(schema));
        UpdateOperation::FieldIndexOperation(FieldIndexOperations::CreateIndex(CreateIndex {
            field_name: path(name),
            field_schema,
        }))
    })
}

/// The operations that remove them.
pub fn drop_indexes() -> impl Iterator<Item = UpdateOperation> {
    KEYWORDS
        .iter()
        .chain(&NUMBERS)
        .map(|name| UpdateOperation::FieldIndexOperation(FieldIndexOperations::DeleteIndex(path(name))))
}

/// The operation that writes points.
pub fn upsert(points: Vec<Point>) -> UpdateOperation {
    let points = points.into_iter().map(|point| {
        let meaning = point.meaning.map(|meaning| (MEANING.to_owned(), VectorPersisted::Dense(meaning)));
        let words = point.words.map(|words| (WORDS.to_owned(), VectorPersisted::Sparse(sparse(words))));
        PointStructPersisted {
            id: id(point.key),
            vector: VectorStructPersisted::Named(meaning.into_iter().chain(words).collect()),
            payload: Some(Payload(point.payload)),
        }
    });
    let points = PointInsertOperations::PointsList(points.collect());
    UpdateOperation::PointOperation(PointOperations::UpsertPoints(points))
}

/// The operation that removes points.
pub fn delete(keys: Vec<u128>) -> UpdateOperation {
    let ids = keys.into_iter().map(id).collect();
    UpdateOperation::PointOperation(PointOperations::DeletePoints { ids })
}

/// A key as the engine's id.
pub fn id(key: u128) -> PointId {
    PointId::Uuid(Uuid::from_u128(key))
}

/// The engine's id as a key.
pub fn key(id: PointId) -> u128 {
    match id {
        PointId::Uuid(uuid) => uuid.as_u128(),
        PointId::NumId(number) => u128::from(number),
    }
}

fn sparse(words: Words) -> SparseVector {
    SparseVector { indices: words.indices, values: words.values }
}

/// What is read of a payload.
pub fn with_payload(read: Read) -> WithPayloadInterface {
    match read {
        Read::Payload | Read::Whole => WithPayloadInterface::Bool(true),
        Read::Fields(names) => WithPayloadInterface::Fields(names.iter().map(|name| path(name)).collect()),
    }
}

/// Which vectors are read.
pub fn with_vector(read: Read) -> WithVector {
    match read {
        Read::Whole => WithVector::Selector(vec![MEANING.to_owned()]),
        Read::Payload | Read::Fields(_) => WithVector::Bool(false),
    }
}

/// What the engine read as a point.
pub fn to_point(record: Record) -> Point {
    let meaning = match record.vector {
        Some(VectorStructInternal::Named(mut vectors)) => match vectors.remove(MEANING) {
            Some(VectorInternal::Dense(vector)) => Some(vector),
            _ => None,
        },
        _ => None,
    };
    Point {
        key: key(record.id),
        meaning,
        words: None,
        payload: record.payload.map(|payload| payload.0).unwrap_or_default(),
    }
}

/// Which points, among passages and documents alike.
pub fn filter(which: &Which) -> Filter {
    let mut filter = filter_of_kind(which);
    let is = any(field::IS, &[which.is.as_str().to_owned()]);
    filter.must.get_or_insert_default().push(is);
    filter
}

/// Which points, where only points of the kind can be found: documents have no vectors.
fn filter_of_kind(which: &Which) -> Filter {
    let mut must: Vec<Condition> = which.any.iter().map(|(name, words)| any(name, words)).collect();
    must.extend(which.at_most.iter().map(|(name, number)| {
        // Exact: microseconds since 1970 stay below 2^53 until the year 2255.
        let range = Range { lte: Some(OrderedFloat(*number as f64)), lt: None, gt: None, gte: None };
        Condition::Field(FieldCondition::new_range(path(name), range))
    }));
    let must_not: Vec<Condition> = which.none.iter().map(|(name, words)| any(name, words)).collect();
    let some = |conditions: Vec<Condition>| (!conditions.is_empty()).then_some(conditions);
    Filter { should: None, min_should: None, must: some(must), must_not: some(must_not) }
}

fn any(name: &str, words: &[String]) -> Condition {
    let any = AnyVariants::Strings(words.iter().cloned().collect());
    Condition::Field(FieldCondition::new_match(path(name), Match::Any(MatchAny { any })))
}

/// A page of points by key.
pub fn page(which: &Which, from: Option<u128>, limit: usize, read: Read) -> ScrollRequest {
    ScrollRequest {
        offset: from.map(id),
        limit: Some(limit),
        filter: Some(filter(which)),
        with_payload: Some(with_payload(read)),
        with_vector: with_vector(read),
        order_by: None,
    }
}

/// Points by when they became known, the newest first.
pub fn newest(which: &Which, limit: usize) -> ScrollRequest {
    let order = OrderBy { key: path(field::KNOWN_US), direction: Some(Direction::Desc), start_from: None };
    ScrollRequest {
        order_by: Some(OrderByInterface::Struct(order)),
        ..page(which, None, limit, Read::Payload)
    }
}

/// A search: by one vector, or by both and fused.
pub fn search(search: &Search) -> Option<QueryRequest> {
    let filter = filter_of_kind(&search.which);
    let filter = (filter.must.is_some() || filter.must_not.is_some()).then_some(filter);
    let params = SearchParams { hnsw_ef: Some(CANDIDATES.max(search.limit)), ..SearchParams::default() };
    let words = search.words.clone().map(|words| nearest(VectorInternal::Sparse(sparse(words)), WORDS));
    let meaning = search.meaning.clone().map(|meaning| nearest(VectorInternal::Dense(meaning), MEANING));
    let by_one = |query: ScoringQuery| QueryRequest {
        prefetches: Vec::new(),
        query: Some(query),
        filter: filter.clone(),
        score_threshold: None,
        limit: search.limit,
        offset: 0,
        params: Some(params),
        with_vector: WithVector::Bool(false),
        with_payload: WithPayloadInterface::Bool(true),
    };
    let prefetch = |query: ScoringQuery| Prefetch {
        prefetches: Vec::new(),
        query: Some(query),
        limit: search.limit.max(FUSED_FROM),
        params: Some(params),
        filter: filter.clone(),
        score_threshold: None,
    };
    match (words, meaning) {
        (Some(words), Some(meaning)) => Some(QueryRequest {
            prefetches: vec![prefetch(words), prefetch(meaning)],
            filter: None,
            params: None,
            ..by_one(ScoringQuery::Fusion(fusion()))
        }),
        (Some(one), None) | (None, Some(one)) => Some(by_one(one)),
        (None, None) => None,
    }
}

fn nearest(vector: VectorInternal, using: &str) -> ScoringQuery {
    ScoringQuery::Vector(QueryEnum::Nearest(NamedQuery::new(vector, using)))
}

fn fusion() -> EdgeFusion {
    match FUSION {
        Fusion::Scores => EdgeFusion::Dbsf,
        Fusion::Ranks { k } => EdgeFusion::Rrf { k: k as usize, weights: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_is_built_for_many_vectors_and_for_no_store_of_words() {
        let space = VectorSpace { model: "made-up".into(), dimension: 384 };
        assert_eq!(graph(50_000, Some(&space)).m, 0);
        assert!(graph(100_000, Some(&space)).m > 0);
        assert_eq!(graph(10_000_000, None).m, 0);
    }
}
