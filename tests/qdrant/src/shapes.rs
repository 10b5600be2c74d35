//! The protocol's shapes as the engine's, and back.

use std::collections::HashMap;

use qdrant_client::qdrant::condition::ConditionOneOf;
use qdrant_client::qdrant::r#match::MatchValue;
use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::vectors::VectorsOptions;
use qdrant_client::qdrant::{
    self as api, DenseVector, FieldType, NamedVectorsOutput, RetrievedPoint, Value, VectorOutput,
    VectorsOutput, vector, vector_input, vector_output, vectors_output, with_payload_selector,
    with_vectors_selector,
};
use qdrant_edge::external::ordered_float::OrderedFloat;
use qdrant_edge::external::uuid::Uuid;
use qdrant_edge::{
    AnyVariants, Condition, FieldCondition, Filter, Fusion, JsonPath, Match, MatchAny, NamedQuery, Payload,
    PointId, PointStructPersisted, Prefetch, QueryEnum, QueryRequest, Range, Record, ScoringQuery,
    SearchParams, SparseVector, VectorInternal, VectorPersisted, VectorStructInternal, VectorStructPersisted,
    WithPayloadInterface, WithVector,
};
use tonic::Status;

use crate::collections::Collection;

/// A complaint about a request.
pub fn wrong(what: impl std::fmt::Display) -> Status {
    Status::invalid_argument(format!("Wrong input: {what}"))
}

pub fn id(id: Option<api::PointId>) -> Result<PointId, Status> {
    match id.and_then(|id| id.point_id_options) {
        Some(PointIdOptions::Num(number)) => Ok(PointId::NumId(number)),
        Some(PointIdOptions::Uuid(uuid)) => Uuid::parse_str(&uuid).map(PointId::Uuid).map_err(wrong),
        None => Err(wrong("no point id")),
    }
}

pub fn to_id(id: PointId) -> api::PointId {
    let options = match id {
        PointId::NumId(number) => PointIdOptions::Num(number),
        PointId::Uuid(uuid) => PointIdOptions::Uuid(uuid.to_string()),
    };
    api::PointId { point_id_options: Some(options) }
}

pub fn path(name: &str) -> Result<JsonPath, Status> {
    name.parse().map_err(|()| wrong(format!("{name} is no path")))
}

/// A point to write; its vectors are looked at as a server does.
pub fn point(collection: &Collection, point: api::PointStruct) -> Result<PointStructPersisted, Status> {
    let mut vectors = HashMap::new();
    let named = match point.vectors.and_then(|vectors| vectors.vectors_options) {
        Some(VectorsOptions::Vectors(named)) => named.vectors,
        Some(VectorsOptions::Vector(_)) => return Err(wrong("Not existing vector name error: ")),
        None => HashMap::new(),
    };
    for (name, given) in named {
        let vector = match given.vector {
            Some(vector::Vector::Dense(dense)) => {
                check_dense(collection, &name, dense.data.len())?;
                VectorPersisted::Dense(dense.data)
            }
            Some(vector::Vector::Sparse(sparse)) => {
                check_sparse(collection, &name)?;
                VectorPersisted::Sparse(SparseVector::new(sparse.indices, sparse.values).map_err(wrong)?)
            }
            _ => return Err(wrong(format!("the vector {name} is of no kind that is known here"))),
        };
        vectors.insert(name, vector);
    }
    let payload: serde_json::Map<String, serde_json::Value> =
        qdrant_client::Payload::from(point.payload).into();
    Ok(PointStructPersisted {
        id: id(point.id)?,
        vector: VectorStructPersisted::Named(vectors),
        payload: Some(Payload(payload)),
    })
}

fn check_dense(collection: &Collection, name: &str, numbers: usize) -> Result<(), Status> {
    match collection.dimension(name) {
        None => Err(wrong(format!("Not existing vector name error: {name}"))),
        Some(size) if size == numbers as u64 => Ok(()),
        Some(size) => Err(wrong(format!("Vector dimension error: expected dim: {size}, got {numbers}"))),
    }
}

fn check_sparse(collection: &Collection, name: &str) -> Result<(), Status> {
    if collection.is_sparse(name) {
        return Ok(());
    }
    Err(wrong(format!("Not existing vector name error: {name}")))
}

pub fn with_payload(selector: Option<api::WithPayloadSelector>) -> Result<WithPayloadInterface, Status> {
    Ok(match selector.and_then(|selector| selector.selector_options) {
        None => WithPayloadInterface::Bool(false),
        Some(with_payload_selector::SelectorOptions::Enable(all)) => WithPayloadInterface::Bool(all),
        Some(with_payload_selector::SelectorOptions::Include(names)) => WithPayloadInterface::Fields(
            names.fields.iter().map(|name| path(name)).collect::<Result<_, _>>()?,
        ),
        Some(with_payload_selector::SelectorOptions::Exclude(_)) => {
            return Err(wrong("exclude is not known here"));
        }
    })
}

pub fn with_vector(
    collection: &Collection,
    selector: Option<api::WithVectorsSelector>,
) -> Result<WithVector, Status> {
    Ok(match selector.and_then(|selector| selector.selector_options) {
        None => WithVector::Bool(false),
        Some(with_vectors_selector::SelectorOptions::Enable(all)) => WithVector::Bool(all),
        Some(with_vectors_selector::SelectorOptions::Include(chosen)) => {
            let is_known = |name: &String| collection.dimension(name).is_some() || collection.is_sparse(name);
            if let Some(name) = chosen.names.iter().find(|name| !is_known(name)) {
                return Err(wrong(format!("Not existing vector name error: {name}")));
            }
            WithVector::Selector(chosen.names)
        }
    })
}

/// A filter; every field of it needs an index.
pub fn filter(collection: &Collection, filter: Option<api::Filter>) -> Result<Option<Filter>, Status> {
    let Some(api::Filter { should, must, must_not, min_should }) = filter else { return Ok(None) };
    if min_should.is_some() {
        return Err(wrong("min_should is not known here"));
    }
    let all = |conditions: Vec<api::Condition>| -> Result<Option<Vec<Condition>>, Status> {
        let conditions = conditions.into_iter().map(|one| condition(collection, one));
        let conditions = conditions.collect::<Result<Vec<_>, _>>()?;
        Ok((!conditions.is_empty()).then_some(conditions))
    };
    Ok(Some(Filter { should: all(should)?, min_should: None, must: all(must)?, must_not: all(must_not)? }))
}

fn condition(collection: &Collection, condition: api::Condition) -> Result<Condition, Status> {
    let Some(ConditionOneOf::Field(field)) = condition.condition_one_of else {
        return Err(wrong("only conditions on fields are known here"));
    };
    let key = path(&field.key)?;
    if let Some(range) = field.range {
        collection.check_index(&field.key, FieldType::Integer)?;
        let range = Range { lt: range.lt, gt: range.gt, gte: range.gte, lte: range.lte }.map(OrderedFloat);
        return Ok(Condition::Field(FieldCondition::new_range(key, range)));
    }
    let words = match field.r#match.and_then(|matching| matching.match_value) {
        Some(MatchValue::Keyword(word)) => vec![word],
        Some(MatchValue::Keywords(words)) => words.strings,
        _ => return Err(wrong("only matches of keywords are known here")),
    };
    collection.check_index(&field.key, FieldType::Keyword)?;
    let any = AnyVariants::Strings(words.into_iter().collect());
    Ok(Condition::Field(FieldCondition::new_match(key, Match::Any(MatchAny { any }))))
}

/// A query: the nearest to one vector, or several of these fused.
pub fn query(collection: &Collection, request: api::QueryPoints) -> Result<QueryRequest, Status> {
    let prefetches = request.prefetch.into_iter().map(|prefetch| {
        Ok(Prefetch {
            prefetches: Vec::new(),
            query: Some(scoring(collection, prefetch.query, prefetch.using)?),
            limit: prefetch.limit.unwrap_or(10) as usize,
            params: params(prefetch.params),
            filter: filter(collection, prefetch.filter)?,
            score_threshold: None,
        })
    });
    Ok(QueryRequest {
        prefetches: prefetches.collect::<Result<_, Status>>()?,
        query: Some(scoring(collection, request.query, request.using)?),
        filter: filter(collection, request.filter)?,
        score_threshold: None,
        limit: request.limit.unwrap_or(10) as usize,
        offset: request.offset.unwrap_or(0) as usize,
        params: params(request.params),
        with_vector: with_vector(collection, request.with_vectors)?,
        with_payload: with_payload(request.with_payload)?,
    })
}

fn params(params: Option<api::SearchParams>) -> Option<SearchParams> {
    params.map(|params| SearchParams {
        hnsw_ef: params.hnsw_ef.map(|ef| ef as usize),
        exact: params.exact.unwrap_or(false),
        ..SearchParams::default()
    })
}

fn scoring(
    collection: &Collection,
    query: Option<api::Query>,
    using: Option<String>,
) -> Result<ScoringQuery, Status> {
    let using = using.unwrap_or_default();
    let vector = match query.and_then(|query| query.variant) {
        Some(api::query::Variant::Fusion(0)) => {
            return Ok(ScoringQuery::Fusion(Fusion::Rrf { k: 2, weights: None }));
        }
        Some(api::query::Variant::Fusion(_)) => return Ok(ScoringQuery::Fusion(Fusion::Dbsf)),
        Some(api::query::Variant::Rrf(rrf)) => {
            let k = rrf.k.unwrap_or(2) as usize;
            return Ok(ScoringQuery::Fusion(Fusion::Rrf { k, weights: None }));
        }
        Some(api::query::Variant::Nearest(input)) => match input.variant {
            Some(vector_input::Variant::Dense(dense)) => {
                check_dense(collection, &using, dense.data.len())?;
                VectorInternal::Dense(dense.data)
            }
            Some(vector_input::Variant::Sparse(sparse)) => {
                check_sparse(collection, &using)?;
                VectorInternal::Sparse(SparseVector::new(sparse.indices, sparse.values).map_err(wrong)?)
            }
            _ => return Err(wrong("only dense and sparse vectors are known here")),
        },
        _ => return Err(wrong("only nearest and fusion are known here")),
    };
    Ok(ScoringQuery::Vector(QueryEnum::Nearest(NamedQuery::new(vector, using))))
}

pub fn to_payload(payload: Option<Payload>) -> HashMap<String, Value> {
    qdrant_client::Payload::from(payload.map(|payload| payload.0).unwrap_or_default()).into()
}

pub fn to_retrieved(record: Record) -> RetrievedPoint {
    let named = match record.vector {
        Some(VectorStructInternal::Named(vectors)) => vectors,
        _ => HashMap::new(),
    };
    let vectors = named.into_iter().filter_map(|(name, vector)| match vector {
        VectorInternal::Dense(data) => {
            let vector = Some(vector_output::Vector::Dense(DenseVector { data }));
            Some((name, VectorOutput { vector, ..VectorOutput::default() }))
        }
        _ => None,
    });
    let named = NamedVectorsOutput { vectors: vectors.collect() };
    RetrievedPoint {
        id: Some(to_id(record.id)),
        payload: to_payload(record.payload),
        vectors: Some(VectorsOutput {
            vectors_options: Some(vectors_output::VectorsOptions::Vectors(named)),
        }),
        ..RetrievedPoint::default()
    }
}
