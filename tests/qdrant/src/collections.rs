//! Collections by name, each an engine in a directory of its own. Errors are those of a server.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::{
    CollectionConfig, CollectionInfo, CollectionParams, CollectionStatus, CreateCollection,
    Distance as Measure, FieldType, Modifier as ServerModifier, PayloadSchemaInfo, SparseVectorConfig,
    VectorsConfig,
};
use qdrant_edge::{
    Distance, EdgeConfig, EdgeShard, EdgeSparseVectorParams, EdgeVectorParams, Modifier, OperationError,
};
use tempfile::TempDir;
use tonic::Status;

/// All collections.
#[derive(Default)]
pub struct Collections(Mutex<HashMap<String, Arc<Collection>>>);

/// One collection.
pub struct Collection {
    pub shard: EdgeShard,
    pub vectors: Option<VectorsConfig>,
    pub sparse: Option<SparseVectorConfig>,
    pub indexes: Mutex<BTreeMap<String, FieldType>>,
    _dir: TempDir,
}

impl Collections {
    pub fn get(&self, name: &str) -> Result<Arc<Collection>, Status> {
        let all = self.0.lock().unwrap();
        all.get(name)
            .cloned()
            .ok_or_else(|| Status::not_found(format!("Not found: Collection `{name}` doesn't exist!")))
    }

    pub fn exists(&self, name: &str) -> bool {
        self.0.lock().unwrap().contains_key(name)
    }

    /// In no order, as a server lists them.
    pub fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().keys().cloned().collect()
    }

    pub fn remove(&self, name: &str) -> bool {
        self.0.lock().unwrap().remove(name).is_some()
    }

    pub fn create(&self, request: CreateCollection) -> Result<(), Status> {
        let mut all = self.0.lock().unwrap();
        let name = request.collection_name;
        if all.contains_key(&name) {
            return Err(Status::already_exists(format!("Wrong input: Collection `{name}` already exists!")));
        }
        let mut config = EdgeConfig::builder();
        match request.vectors_config.as_ref().and_then(|vectors| vectors.config.as_ref()) {
            Some(Config::ParamsMap(named)) => {
                for (vector, params) in &named.map {
                    if params.distance != Measure::Cosine as i32 || params.size == 0 {
                        return Err(Status::invalid_argument("Wrong input: only cosine, of some numbers"));
                    }
                    let params = EdgeVectorParams::builder(params.size as usize, Distance::Cosine).build();
                    config = config.vector(vector.clone(), params);
                }
            }
            Some(Config::Params(_)) => return Err(Status::invalid_argument("Wrong input: name the vectors")),
            None => {}
        }
        for (vector, params) in request.sparse_vectors_config.iter().flat_map(|sparse| &sparse.map) {
            let modifier = (params.modifier == Some(ServerModifier::Idf as i32)).then_some(Modifier::Idf);
            config = config
                .sparse_vector(vector.clone(), EdgeSparseVectorParams { modifier, ..Default::default() });
        }
        let dir = tempfile::tempdir()?;
        let shard = EdgeShard::new(dir.path(), config.build()).map_err(|error| status(&error))?;
        let collection = Collection {
            shard,
            vectors: request.vectors_config,
            sparse: request.sparse_vectors_config,
            indexes: Mutex::default(),
            _dir: dir,
        };
        all.insert(name, Arc::new(collection));
        Ok(())
    }
}

impl Collection {
    pub fn info(&self) -> CollectionInfo {
        let info = self.shard.info();
        let params = CollectionParams {
            shard_number: 1,
            vectors_config: self.vectors.clone(),
            sparse_vectors_config: self.sparse.clone(),
            ..CollectionParams::default()
        };
        let indexes = self.indexes.lock().unwrap();
        let schema = indexes.iter().map(|(name, kind)| {
            (name.clone(), PayloadSchemaInfo { data_type: *kind as i32, params: None, points: None })
        });
        CollectionInfo {
            status: CollectionStatus::Green.into(),
            segments_count: info.segments_count as u64,
            config: Some(CollectionConfig { params: Some(params), ..CollectionConfig::default() }),
            payload_schema: schema.collect(),
            points_count: Some(info.points_count as u64),
            ..CollectionInfo::default()
        }
    }

    /// How many numbers a dense vector has.
    pub fn dimension(&self, vector: &str) -> Option<u64> {
        match self.vectors.as_ref()?.config.as_ref()? {
            Config::ParamsMap(named) => named.map.get(vector).map(|params| params.size),
            Config::Params(_) => None,
        }
    }

    /// Whether there is such a sparse vector.
    pub fn is_sparse(&self, vector: &str) -> bool {
        self.sparse.as_ref().is_some_and(|sparse| sparse.map.contains_key(vector))
    }

    /// Refuses to filter by what has no index of the right kind: a server would look at every point.
    pub fn check_index(&self, field: &str, kind: FieldType) -> Result<(), Status> {
        if self.indexes.lock().unwrap().get(field) == Some(&kind) {
            return Ok(());
        }
        Err(Status::invalid_argument(format!(
            "Bad request: Index required but not found for \"{field}\" of type {kind:?}"
        )))
    }
}

/// An engine's error as a server says it.
pub fn status(error: &OperationError) -> Status {
    match error {
        OperationError::WrongVectorDimension { .. }
        | OperationError::VectorNameNotExists { .. }
        | OperationError::MissingRangeIndexForOrderBy { .. }
        | OperationError::ValidationError { .. }
        | OperationError::WrongSparse => Status::invalid_argument(format!("Wrong input: {error}")),
        _ => Status::internal(error.to_string()),
    }
}
