//! The calls of the two services. Those that hearback makes are answered; the others are not there.

use std::sync::Arc;

use qdrant_client::qdrant::collections_server::Collections;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::points_server::Points;
use qdrant_client::qdrant::{
    ChangeAliases, ClearPayloadPoints, CollectionClusterInfoRequest, CollectionClusterInfoResponse,
    CollectionDescription, CollectionExists, CollectionExistsRequest, CollectionExistsResponse,
    CollectionOperationResponse, CountPoints, CountResponse, CountResult, CreateCollection,
    CreateFieldIndexCollection, CreateShardKeyRequest, CreateShardKeyResponse, CreateVectorNameRequest,
    DeleteCollection, DeleteFieldIndexCollection, DeletePayloadPoints, DeletePointVectors, DeletePoints,
    DeleteShardKeyRequest, DeleteShardKeyResponse, DeleteVectorNameRequest, Direction, DiscoverBatchPoints,
    DiscoverBatchResponse, DiscoverPoints, DiscoverResponse, FacetCounts, FacetResponse, FieldType,
    GetCollectionInfoRequest, GetCollectionInfoResponse, GetPoints, GetResponse, ListAliasesRequest,
    ListAliasesResponse, ListCollectionAliasesRequest, ListCollectionsRequest, ListCollectionsResponse,
    ListShardKeysRequest, ListShardKeysResponse, PointsOperationResponse, QueryBatchPoints,
    QueryBatchResponse, QueryGroupsResponse, QueryPointGroups, QueryPoints, QueryResponse,
    RecommendBatchPoints, RecommendBatchResponse, RecommendGroupsResponse, RecommendPointGroups,
    RecommendPoints, RecommendResponse, ScoredPoint, ScrollPoints, ScrollResponse, SearchBatchPoints,
    SearchBatchResponse, SearchGroupsResponse, SearchMatrixOffsetsResponse, SearchMatrixPairsResponse,
    SearchMatrixPoints, SearchPointGroups, SearchPoints, SearchResponse, SetPayloadPoints, UpdateBatchPoints,
    UpdateBatchResponse, UpdateCollection, UpdateCollectionClusterSetupRequest,
    UpdateCollectionClusterSetupResponse, UpdatePointVectors, UpdateResult, UpdateStatus, UpsertPoints,
};
use qdrant_edge::{
    CountRequest, CreateIndex, FieldIndexOperations, OrderBy as EdgeOrderBy, OrderByInterface,
    PayloadFieldSchema, PayloadSchemaType, PointInsertOperations, PointOperations, ScrollRequest,
    UpdateOperation,
};
use tonic::{Request, Response, Status};

use crate::State;
use crate::collections::status;
use crate::shapes::{self, wrong};

/// Answers calls.
#[derive(Clone)]
pub struct Service {
    pub state: Arc<State>,
}

/// A trait of a service from a table of its calls: how it is answered, and whether it writes.
macro_rules! service {
    ($service:ident { $($call:ident($asked:ident) -> $answer:ident = $how:expr, $writes:expr;)* }
        absent { $($absent:ident($absent_asked:ident) -> $absent_answer:ident;)* }) => {
        #[tonic::async_trait]
        impl $service for Service {
            $(async fn $call(&self, request: Request<$asked>) -> Result<Response<$answer>, Status> {
                self.state.enter(stringify!($call), $writes).await;
                let state = Arc::clone(&self.state);
                let how: fn(&State, $asked) -> Result<$answer, Status> = $how;
                let done = tokio::task::spawn_blocking(move || how(&state, request.into_inner())).await;
                done.map_err(|error| Status::internal(error.to_string()))?.map(Response::new)
            })*
            $(async fn $absent(&self, _: Request<$absent_asked>) -> Result<Response<$absent_answer>, Status> {
                Err(Status::unimplemented(concat!("not known here: ", stringify!($absent))))
            })*
        }
    };
}

service! {
    Collections {
        get(GetCollectionInfoRequest) -> GetCollectionInfoResponse = info, false;
        create(CreateCollection) -> CollectionOperationResponse = create, true;
        delete(DeleteCollection) -> CollectionOperationResponse = delete_collection, true;
        collection_exists(CollectionExistsRequest) -> CollectionExistsResponse = exists, false;
        list(ListCollectionsRequest) -> ListCollectionsResponse = list, false;
    }
    absent {
        update(UpdateCollection) -> CollectionOperationResponse;
        update_aliases(ChangeAliases) -> CollectionOperationResponse;
        list_collection_aliases(ListCollectionAliasesRequest) -> ListAliasesResponse;
        list_aliases(ListAliasesRequest) -> ListAliasesResponse;
        collection_cluster_info(CollectionClusterInfoRequest) -> CollectionClusterInfoResponse;
        update_collection_cluster_setup(UpdateCollectionClusterSetupRequest) -> UpdateCollectionClusterSetupResponse;
        create_shard_key(CreateShardKeyRequest) -> CreateShardKeyResponse;
        delete_shard_key(DeleteShardKeyRequest) -> DeleteShardKeyResponse;
        list_shard_keys(ListShardKeysRequest) -> ListShardKeysResponse;
    }
}

service! {
    Points {
        upsert(UpsertPoints) -> PointsOperationResponse = upsert, true;
        delete(DeletePoints) -> PointsOperationResponse = delete, true;
        get(GetPoints) -> GetResponse = get, false;
        create_field_index(CreateFieldIndexCollection) -> PointsOperationResponse = create_field_index, true;
        delete_field_index(DeleteFieldIndexCollection) -> PointsOperationResponse = delete_field_index, true;
        scroll(ScrollPoints) -> ScrollResponse = scroll, false;
        count(CountPoints) -> CountResponse = count, false;
        query(QueryPoints) -> QueryResponse = query, false;
    }
    absent {
        update_vectors(UpdatePointVectors) -> PointsOperationResponse;
        delete_vectors(DeletePointVectors) -> PointsOperationResponse;
        set_payload(SetPayloadPoints) -> PointsOperationResponse;
        overwrite_payload(SetPayloadPoints) -> PointsOperationResponse;
        delete_payload(DeletePayloadPoints) -> PointsOperationResponse;
        clear_payload(ClearPayloadPoints) -> PointsOperationResponse;
        create_vector_name(CreateVectorNameRequest) -> PointsOperationResponse;
        delete_vector_name(DeleteVectorNameRequest) -> PointsOperationResponse;
        search(SearchPoints) -> SearchResponse;
        search_batch(SearchBatchPoints) -> SearchBatchResponse;
        search_groups(SearchPointGroups) -> SearchGroupsResponse;
        recommend(RecommendPoints) -> RecommendResponse;
        recommend_batch(RecommendBatchPoints) -> RecommendBatchResponse;
        recommend_groups(RecommendPointGroups) -> RecommendGroupsResponse;
        discover(DiscoverPoints) -> DiscoverResponse;
        discover_batch(DiscoverBatchPoints) -> DiscoverBatchResponse;
        update_batch(UpdateBatchPoints) -> UpdateBatchResponse;
        query_batch(QueryBatchPoints) -> QueryBatchResponse;
        query_groups(QueryPointGroups) -> QueryGroupsResponse;
        facet(FacetCounts) -> FacetResponse;
        search_matrix_pairs(SearchMatrixPoints) -> SearchMatrixPairsResponse;
        search_matrix_offsets(SearchMatrixPoints) -> SearchMatrixOffsetsResponse;
    }
}

fn info(state: &State, asked: GetCollectionInfoRequest) -> Result<GetCollectionInfoResponse, Status> {
    let info = state.collections.get(&asked.collection_name)?.info();
    Ok(GetCollectionInfoResponse { result: Some(info), time: 0.0 })
}

fn create(state: &State, asked: CreateCollection) -> Result<CollectionOperationResponse, Status> {
    state.collections.create(asked)?;
    Ok(CollectionOperationResponse { result: true, time: 0.0 })
}

fn delete_collection(state: &State, asked: DeleteCollection) -> Result<CollectionOperationResponse, Status> {
    Ok(CollectionOperationResponse { result: state.collections.remove(&asked.collection_name), time: 0.0 })
}

fn exists(state: &State, asked: CollectionExistsRequest) -> Result<CollectionExistsResponse, Status> {
    let exists = state.collections.exists(&asked.collection_name);
    Ok(CollectionExistsResponse { result: Some(CollectionExists { exists }), time: 0.0 })
}

fn list(state: &State, _: ListCollectionsRequest) -> Result<ListCollectionsResponse, Status> {
    let collections = state.collections.names().into_iter().map(|name| CollectionDescription { name });
    Ok(ListCollectionsResponse { collections: collections.collect(), time: 0.0 })
}

fn done() -> PointsOperationResponse {
    let result = UpdateResult { operation_id: Some(0), status: UpdateStatus::Completed.into() };
    PointsOperationResponse { result: Some(result), ..PointsOperationResponse::default() }
}

/// A server would take it without; hearback must not: it reads what it wrote.
fn check_wait(wait: Option<bool>) -> Result<(), Status> {
    if wait == Some(true) { Ok(()) } else { Err(wrong("say wait=true")) }
}

fn upsert(state: &State, asked: UpsertPoints) -> Result<PointsOperationResponse, Status> {
    let collection = state.collections.get(&asked.collection_name)?;
    check_wait(asked.wait)?;
    let points = asked.points.into_iter().map(|point| shapes::point(&collection, point));
    let points = PointInsertOperations::PointsList(points.collect::<Result<_, _>>()?);
    let operation = UpdateOperation::PointOperation(PointOperations::UpsertPoints(points));
    collection.shard.update(operation).map_err(|error| status(&error))?;
    Ok(done())
}

fn delete(state: &State, asked: DeletePoints) -> Result<PointsOperationResponse, Status> {
    let collection = state.collections.get(&asked.collection_name)?;
    check_wait(asked.wait)?;
    let Some(PointsSelectorOneOf::Points(list)) =
        asked.points.and_then(|points| points.points_selector_one_of)
    else {
        return Err(wrong("only points by id are deleted here"));
    };
    let ids = list.ids.into_iter().map(|id| shapes::id(Some(id))).collect::<Result<_, _>>()?;
    let operation = UpdateOperation::PointOperation(PointOperations::DeletePoints { ids });
    collection.shard.update(operation).map_err(|error| status(&error))?;
    Ok(done())
}

fn get(state: &State, asked: GetPoints) -> Result<GetResponse, Status> {
    let collection = state.collections.get(&asked.collection_name)?;
    let ids: Vec<_> = asked.ids.into_iter().map(|id| shapes::id(Some(id))).collect::<Result<_, _>>()?;
    let (payload, vector) =
        (shapes::with_payload(asked.with_payload)?, shapes::with_vector(&collection, asked.with_vectors)?);
    let records =
        collection.shard.retrieve(&ids, Some(payload), Some(vector)).map_err(|error| status(&error))?;
    let result = records.into_iter().map(shapes::to_retrieved).collect();
    Ok(GetResponse { result, ..GetResponse::default() })
}

fn create_field_index(
    state: &State,
    asked: CreateFieldIndexCollection,
) -> Result<PointsOperationResponse, Status> {
    let collection = state.collections.get(&asked.collection_name)?;
    check_wait(asked.wait)?;
    let (kind, schema) = match asked.field_type.map(FieldType::try_from) {
        Some(Ok(FieldType::Keyword)) => (FieldType::Keyword, PayloadSchemaType::Keyword),
        Some(Ok(FieldType::Integer)) => (FieldType::Integer, PayloadSchemaType::Integer),
        _ => return Err(wrong("only indexes of keywords and integers are known here")),
    };
    let operation = UpdateOperation::FieldIndexOperation(FieldIndexOperations::CreateIndex(CreateIndex {
        field_name: shapes::path(&asked.field_name)?,
        field_schema: Some(PayloadFieldSchema::FieldType(schema)),
    }));
    collection.shard.update(operation).map_err(|error| status(&error))?;
    collection.indexes.lock().unwrap().insert(asked.field_name, kind);
    Ok(done())
}

fn delete_field_index(
    state: &State,
    asked: DeleteFieldIndexCollection,
) -> Result<PointsOperationResponse, Status> {
    let collection = state.collections.get(&asked.collection_name)?;
    let path = shapes::path(&asked.field_name)?;
    let operation = UpdateOperation::FieldIndexOperation(FieldIndexOperations::DeleteIndex(path));
    collection.shard.update(operation).map_err(|error| status(&error))?;
    collection.indexes.lock().unwrap().remove(&asked.field_name);
    Ok(done())
}

fn scroll(state: &State, asked: ScrollPoints) -> Result<ScrollResponse, Status> {
    let collection = state.collections.get(&asked.collection_name)?;
    let order = asked.order_by.map(|order| {
        collection.check_index(&order.key, FieldType::Integer)?;
        let direction = match order.direction.map(Direction::try_from) {
            Some(Ok(Direction::Desc)) => qdrant_edge::Direction::Desc,
            _ => qdrant_edge::Direction::Asc,
        };
        let order =
            EdgeOrderBy { key: shapes::path(&order.key)?, direction: Some(direction), start_from: None };
        Ok::<_, Status>(OrderByInterface::Struct(order))
    });
    let request = ScrollRequest {
        offset: asked.offset.map(|offset| shapes::id(Some(offset))).transpose()?,
        limit: Some(asked.limit.unwrap_or(10) as usize),
        filter: shapes::filter(&collection, asked.filter)?,
        with_payload: Some(shapes::with_payload(asked.with_payload)?),
        with_vector: shapes::with_vector(&collection, asked.with_vectors)?,
        order_by: order.transpose()?,
    };
    let (records, next) = collection.shard.scroll(request).map_err(|error| status(&error))?;
    Ok(ScrollResponse {
        next_page_offset: next.map(shapes::to_id),
        result: records.into_iter().map(shapes::to_retrieved).collect(),
        ..ScrollResponse::default()
    })
}

fn count(state: &State, asked: CountPoints) -> Result<CountResponse, Status> {
    let collection = state.collections.get(&asked.collection_name)?;
    let filter = shapes::filter(&collection, asked.filter)?;
    let request = CountRequest { filter, exact: asked.exact.unwrap_or(true) };
    let count = collection.shard.count(request).map_err(|error| status(&error))? as u64;
    Ok(CountResponse { result: Some(CountResult { count }), ..CountResponse::default() })
}

fn query(state: &State, asked: QueryPoints) -> Result<QueryResponse, Status> {
    let collection = state.collections.get(&asked.collection_name)?;
    let request = shapes::query(&collection, asked)?;
    let points = collection.shard.query(request).map_err(|error| status(&error))?;
    let result = points.into_iter().map(|point| ScoredPoint {
        id: Some(shapes::to_id(point.id)),
        payload: shapes::to_payload(point.payload),
        score: point.score,
        version: point.version,
        ..ScoredPoint::default()
    });
    Ok(QueryResponse { result: result.collect(), ..QueryResponse::default() })
}
