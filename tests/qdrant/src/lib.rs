//! A stand-in for a Qdrant server: the real protocol (the services that qdrant-client generates), over the embedded engine.
//! It is strict: what a server refuses, it refuses with the same status; what a careful client says, it wants said. It can
//! be slow, go away in the middle of things, and come back with what it had.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a part of tests alone"
)]

mod collections;
mod service;
mod shapes;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use qdrant_client::qdrant::collections_server::CollectionsServer;
use qdrant_client::qdrant::points_server::PointsServer;
use tokio::runtime::Runtime;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Status};

use crate::collections::Collections;

/// The most bytes of a request; a server takes as many.
const MOST_REQUEST_BYTES: usize = 32 << 20;

/// A server of its own, on a port of its own; it ends when it is dropped.
pub struct FakeQdrant {
    address: SocketAddr,
    key: Option<String>,
    state: Arc<State>,
}

/// What outlives a restart.
struct State {
    collections: Collections,
    calls: Mutex<Vec<String>>,
    slow_ms: AtomicU64,
    writes_left: AtomicI64,
    /// A runtime of its own: when it is shut down, so are all connections. None while the server is away.
    runtime: Mutex<Option<Runtime>>,
}

impl FakeQdrant {
    /// Starts one that wants this key, or none.
    pub fn start(key: Option<&str>) -> Self {
        let state = State {
            collections: Collections::default(),
            calls: Mutex::default(),
            slow_ms: AtomicU64::new(0),
            writes_left: AtomicI64::new(i64::MAX),
            runtime: Mutex::new(None),
        };
        let (state, key) = (Arc::new(state), key.map(str::to_owned));
        let address = listen(&state, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), key.clone());
        FakeQdrant { address, key, state }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every answer takes so long from now on.
    pub fn be_slow(&self, time: Duration) {
        self.state.slow_ms.store(time.as_millis() as u64, Ordering::SeqCst);
    }

    /// It goes away when a write comes after this many more: that one is not done, and not answered.
    pub fn go_away_after(&self, writes: i64) {
        self.state.writes_left.store(writes, Ordering::SeqCst);
    }

    /// It goes away now.
    pub fn go_away(&self) {
        self.state.go_away();
    }

    /// It is there again, with what it had.
    pub fn come_back(&self) {
        self.go_away();
        self.state.writes_left.store(i64::MAX, Ordering::SeqCst);
        listen(&self.state, self.address, self.key.clone());
    }

    /// The calls that were let in, by name, in their order.
    pub fn calls(&self) -> Vec<String> {
        self.state.calls.lock().unwrap().clone()
    }
}

/// Starts serving at `address`; says where that is.
fn listen(state: &Arc<State>, address: SocketAddr, key: Option<String>) -> SocketAddr {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let listener = std::net::TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let inside = runtime.enter();
    let incoming = TcpIncoming::from(tokio::net::TcpListener::from_std(listener).unwrap());
    let service = service::Service { state: Arc::clone(state) };
    let check = move |request: Request<()>| check_key(key.as_deref(), request);
    let points = PointsServer::new(service.clone()).max_decoding_message_size(MOST_REQUEST_BYTES);
    let collections = CollectionsServer::new(service);
    let serving = tonic::transport::Server::builder()
        .add_service(InterceptedService::new(points, check.clone()))
        .add_service(InterceptedService::new(collections, check))
        .serve_with_incoming(incoming);
    runtime.spawn(serving);
    drop(inside);
    *state.runtime.lock().unwrap() = Some(runtime);
    address
}

impl Drop for FakeQdrant {
    fn drop(&mut self) {
        self.go_away();
    }
}

fn check_key(wanted: Option<&str>, request: Request<()>) -> Result<Request<()>, Status> {
    let Some(wanted) = wanted else { return Ok(request) };
    match request.metadata().get("api-key").map(|key| key.as_bytes() == wanted.as_bytes()) {
        Some(true) => Ok(request),
        Some(false) => Err(Status::unauthenticated("Invalid API key or JWT")),
        None => Err(Status::unauthenticated("Must provide an API key or an Authorization bearer token")),
    }
}

impl State {
    fn go_away(&self) {
        if let Some(runtime) = self.runtime.lock().unwrap().take() {
            runtime.shutdown_background();
        }
    }

    /// What every call goes through.
    async fn enter(self: &Arc<Self>, call: &str, writes: bool) {
        self.calls.lock().unwrap().push(call.to_owned());
        let slow = self.slow_ms.load(Ordering::SeqCst);
        if slow > 0 {
            tokio::time::sleep(Duration::from_millis(slow)).await;
        }
        if writes && self.writes_left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            // From another thread: a runtime can't shut itself down.
            let state = Arc::clone(self);
            std::thread::spawn(move || state.go_away());
            std::future::pending::<()>().await;
        }
    }
}
