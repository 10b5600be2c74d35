//! The store on a Qdrant server, over gRPC.

mod schema;
mod shapes;

use std::time::Duration;

use hearback_core::ids::SourceName;
use hearback_core::memory::store::{MemoryError, VectorSpace};
use jiff::SignedDuration;
use qdrant_client::qdrant::{CountPoints, DeleteCollection};
use qdrant_client::{Qdrant, QdrantError};
use tonic::Code;

use crate::Existing;
use crate::points::{Hit, Point, Points, Read, Search, Which};
use crate::shelf::Shelf;

/// How long a connection may take to come about; a call that needs one has its own deadline as well.
const CONNECTING: Duration = Duration::from_secs(5);
/// Another process may be putting a document whose passages are there and whose point is not yet. No put takes so long.
const GRACE: SignedDuration = SignedDuration::from_mins(10);
/// The most of a server's own words that goes into a sentence, in characters.
const MOST_SAID: usize = 300;

/// Passages in a collection of a Qdrant server. Several processes may use one collection.
pub type QdrantStore = Shelf<ServerPoints>;

/// A collection on a server.
pub struct ServerPoints {
    client: Qdrant,
    url: String,
    collection: String,
    has_key: bool,
    deadline: Duration,
}

/// A key for a server's API. It never shows.
#[derive(Clone)]
pub struct ApiKey(String);

impl ApiKey {
    /// Takes `key`.
    ///
    /// # Errors
    /// [`MemoryError::NotUsable`] if no request could carry it. The sentence does not hold it.
    pub fn new(key: impl Into<String>) -> Result<Self, MemoryError> {
        let key = key.into();
        // Looked at here, because the client would put the key into its error.
        if !key.is_empty() && key.chars().all(|c| c.is_ascii_graphic()) {
            return Ok(ApiKey(key));
        }
        Err(MemoryError::NotUsable(
            "the API key of Qdrant is empty or holds characters that no key has (a space, a line break); set it again"
                .into(),
        ))
    }
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

impl QdrantStore {
    /// Connects to the server at `url` (`https://qdrant.example:6334`) and makes the collection, or brings it up to date.
    /// Every call to the server ends by `deadline`. A collection keeps the space it was made with.
    ///
    /// # Errors
    /// [`MemoryError::NotUsable`] if the address, the key or the collection is wrong, [`MemoryError::TimedOut`] or
    /// [`MemoryError::Failed`] if the server is away.
    pub async fn connect(
        url: &str,
        key: Option<ApiKey>,
        collection: &str,
        space: Option<VectorSpace>,
        deadline: Duration,
    ) -> Result<Self, MemoryError> {
        let points = ServerPoints::to(url, key, collection, deadline)?;
        schema::bring_up(&points, space.as_ref()).await?;
        let name = SourceName::new("memory").map_err(|error| MemoryError::NotUsable(error.to_string()))?;
        let place = points.place();
        Shelf::over(points, name, space, place, GRACE)
    }

    /// What a collection holds, without changing it; none if there is none, or nothing in it that counts.
    ///
    /// # Errors
    /// As [`QdrantStore::connect`].
    pub async fn existing(
        url: &str,
        key: Option<ApiKey>,
        collection: &str,
        deadline: Duration,
    ) -> Result<Option<Existing>, MemoryError> {
        schema::existing(&ServerPoints::to(url, key, collection, deadline)?).await
    }

    /// The names of all collections of the server, whoever made them, sorted.
    ///
    /// # Errors
    /// As [`QdrantStore::connect`].
    pub async fn collections(
        url: &str,
        key: Option<ApiKey>,
        deadline: Duration,
    ) -> Result<Vec<String>, MemoryError> {
        // Listing needs no collection, and no name is one.
        let points = ServerPoints::to(url, key, "-", deadline)?;
        let listed = points.call(points.client.list_collections()).await?;
        let mut names: Vec<String> = listed.collections.into_iter().map(|one| one.name).collect();
        names.sort();
        Ok(names)
    }

    /// Removes a collection that is hearback's. Does nothing where there is none.
    ///
    /// # Errors
    /// As [`QdrantStore::connect`]; [`MemoryError::NotUsable`] if the collection is somebody else's.
    pub async fn destroy(
        url: &str,
        key: Option<ApiKey>,
        collection: &str,
        deadline: Duration,
    ) -> Result<(), MemoryError> {
        let points = ServerPoints::to(url, key, collection, deadline)?;
        if !schema::is_ours(&points).await? {
            return Ok(());
        }
        let gone = points
            .client
            .delete_collection(DeleteCollection { collection_name: collection.into(), timeout: None });
        points.call(gone).await.map(drop)
    }

    /// Sweeps orphans of any age: for who knows that nobody else writes.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.set_grace(SignedDuration::ZERO);
        self
    }
}

impl ServerPoints {
    fn to(url: &str, key: Option<ApiKey>, collection: &str, deadline: Duration) -> Result<Self, MemoryError> {
        let url = url.trim_end_matches('/');
        let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        if host.is_none_or(|host| host.is_empty() || host.contains(['@', '/'])) {
            // Not shown: it may hold a password.
            return Err(MemoryError::NotUsable(
                "the address of Qdrant is none; it looks like https://qdrant.example:6334".into(),
            ));
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if collection.is_empty() || collection.len() > 200 || !collection.chars().all(is_name) {
            return Err(MemoryError::NotUsable(format!(
                "`{}` can't be a collection's name; use letters, digits, - and _",
                shortened(collection)
            )));
        }
        // Later than our own deadline: the client takes its timeout for a broken connection and asks once more.
        let config = Qdrant::from_url(url)
            .api_key(key.as_ref().map(|key| key.0.clone()))
            .timeout(deadline.saturating_add(CONNECTING))
            .connect_timeout(CONNECTING.min(deadline))
            // It would print; and what a server can't do, it says itself.
            .skip_compatibility_check();
        let client = config
            .build()
            .map_err(|error| MemoryError::NotUsable(format!("the address of Qdrant is wrong: {error}")))?;
        Ok(ServerPoints {
            client,
            url: url.into(),
            collection: collection.into(),
            has_key: key.is_some(),
            deadline,
        })
    }

    /// Where it is, in a sentence.
    fn place(&self) -> String {
        format!("the collection {} of {}", self.collection, self.url)
    }

    /// Waits for an answer until the deadline.
    async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, QdrantError>> + Send,
    ) -> Result<T, MemoryError> {
        match tokio::time::timeout(self.deadline, call).await {
            Ok(answer) => answer.map_err(|error| self.to_error(&error)),
            Err(_) => Err(self.timed_out()),
        }
    }

    fn timed_out(&self) -> MemoryError {
        MemoryError::TimedOut(SignedDuration::try_from(self.deadline).unwrap_or(SignedDuration::MAX))
    }

    /// What to do about an error. The client's own wording is left out: it shows headers.
    fn to_error(&self, error: &QdrantError) -> MemoryError {
        let url = &self.url;
        let status = match error {
            QdrantError::ResponseError { status } => status,
            QdrantError::ResourceExhaustedError { retry_after_seconds, .. } => {
                return MemoryError::Failed(format!(
                    "Qdrant at {url} is busy; ask again in {retry_after_seconds} s"
                ));
            }
            other => {
                return MemoryError::Failed(format!("Qdrant at {url}: {}", shortened(&other.to_string())));
            }
        };
        let said = shortened(status.message());
        match status.code() {
            Code::Unauthenticated | Code::PermissionDenied if self.has_key => {
                MemoryError::NotUsable(format!(
                    "Qdrant at {url} refuses the API key for the collection {}; look at the key and at what it may do",
                    self.collection
                ))
            }
            Code::Unauthenticated | Code::PermissionDenied => {
                MemoryError::NotUsable(format!("Qdrant at {url} wants an API key; set one"))
            }
            Code::NotFound => MemoryError::Damaged(format!(
                "{} is not there any more; `hearback memory rebuild` builds it again from its sources",
                self.place()
            )),
            Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange | Code::Unimplemented => {
                MemoryError::NotUsable(format!("Qdrant at {url} does not take what it was asked: {said}"))
            }
            Code::DeadlineExceeded => self.timed_out(),
            Code::Unavailable | Code::Cancelled | Code::Internal | Code::Unknown => {
                MemoryError::Failed(format!(
                    "Qdrant at {url} can't be reached or failed: {said}; see whether it runs, and whether this is its gRPC port"
                ))
            }
            _ => MemoryError::Failed(format!("Qdrant at {url} failed: {said}")),
        }
    }
}

/// A server's words, on one line and not too many.
fn shortened(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST_SAID).collect()
}

impl Points for ServerPoints {
    async fn upsert(&self, points: Vec<Point>) -> Result<(), MemoryError> {
        self.call(self.client.upsert_points(shapes::upsert(&self.collection, points))).await.map(drop)
    }

    async fn delete(&self, keys: Vec<u128>) -> Result<(), MemoryError> {
        self.call(self.client.delete_points(shapes::delete(&self.collection, keys))).await.map(drop)
    }

    async fn flush(&self) -> Result<(), MemoryError> {
        // What a server has acknowledged is in its log, and it plays the log again after a crash.
        Ok(())
    }

    async fn read(&self, keys: Vec<u128>, read: Read) -> Result<Vec<Point>, MemoryError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let answer = self.call(self.client.get_points(shapes::get(&self.collection, keys, read))).await?;
        Ok(answer.result.into_iter().map(shapes::to_point).collect())
    }

    async fn page(
        &self,
        which: &Which,
        from: Option<u128>,
        limit: usize,
        read: Read,
    ) -> Result<(Vec<Point>, Option<u128>), MemoryError> {
        let request = shapes::page(&self.collection, which, from, limit, read);
        let answer = self.call(self.client.scroll(request)).await?;
        let next = answer.next_page_offset.as_ref().map(shapes::key);
        Ok((answer.result.into_iter().map(shapes::to_point).collect(), next))
    }

    async fn newest(&self, which: &Which, limit: usize) -> Result<Vec<Point>, MemoryError> {
        let answer = self.call(self.client.scroll(shapes::newest(&self.collection, which, limit))).await?;
        Ok(answer.result.into_iter().map(shapes::to_point).collect())
    }

    async fn search(&self, search: &Search) -> Result<Vec<Hit>, MemoryError> {
        let Some(request) = shapes::search(&self.collection, search) else { return Ok(Vec::new()) };
        let answer = self.call(self.client.query(request)).await?;
        Ok(answer.result.into_iter().map(shapes::to_hit).collect())
    }

    async fn count(&self, which: &Which) -> Result<u64, MemoryError> {
        let request = CountPoints {
            collection_name: self.collection.clone(),
            filter: Some(shapes::filter(which)),
            exact: Some(true),
            ..CountPoints::default()
        };
        let answer = self.call(self.client.count(request)).await?;
        Ok(answer.result.map_or(0, |result| result.count))
    }

    async fn settle(&self) -> Result<(), MemoryError> {
        // A server merges and builds its graphs on its own.
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_shows_and_one_that_no_request_can_carry_is_refused() {
        let key = ApiKey::new("s3cret").unwrap();
        assert_eq!(format!("{key:?}"), "ApiKey(…)");
        for bad in ["", "s3cret\n", "s3 cret", "s3crét"] {
            let said = ApiKey::new(bad).unwrap_err().to_string();
            assert!(!said.contains("s3c"), "{said}");
        }
    }

    #[test]
    fn an_address_or_a_name_that_is_none_is_refused() {
        let to = |url, collection| ServerPoints::to(url, None, collection, CONNECTING).map(drop);
        assert!(to("http://127.0.0.1:6334/", "hearback").is_ok());
        for url in ["", "qdrant:6334", "ftp://x", "https://", "https://user:pw@host", "https://host/path"] {
            let error = to(url, "hearback").unwrap_err();
            assert!(matches!(&error, MemoryError::NotUsable(said) if !said.contains("pw")), "{url}: {error}");
        }
        for collection in ["", "a/b", "a b", "../x"] {
            assert!(matches!(to("http://x", collection), Err(MemoryError::NotUsable(_))), "{collection}");
        }
    }
}
