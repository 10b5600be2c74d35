//! One connection to a server: made, greeted, asked. It ends with its process when it is dropped. It must not know which
//! tools were allowed.

use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt as _;
use hearback_core::ports::ConnectorError;
use rmcp::RoleClient;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ClientConfig, ClientRequest,
    ErrorCode, Implementation, ListToolsRequest, PaginatedRequestParams, ProtocolVersion, ServerResult, Tool,
};
use rmcp::service::{
    ClientInitializeError, ClientLifecycleMode, RunningService, ServiceError, serve_client_with_lifecycle,
};
use rmcp::transport::Transport;
use rmcp::transport::common::client_side_sse::ExponentialBackoff;
use rmcp::transport::streamable_http_client::{
    StreamableHttpClientTransport, StreamableHttpClientTransportConfig,
};
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::child::{Program, Running};
use crate::guard::Guard;
use crate::lines::{Bounds, Lines};
use crate::meter::{Ends, Meter, Trouble};
use crate::offer::Offer;
use crate::options::{McpLimits, McpTransport};
use crate::web::Place;

/// How often a stream that breaks off is taken up again.
const RESUMPTIONS: usize = 3;

/// How a server is reached, checked.
pub(crate) enum Way {
    Program(McpTransport),
    Web(Place),
}

/// Why something asked of a server gave nothing.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The connection can't be used any more. It may not have been usable from the beginning.
    Broken(Option<Trouble>),
    /// The program can't be started.
    NotStarted(std::io::ErrorKind),
    /// The server refused, with this code of JSON-RPC.
    Refused(i32),
    /// The server wants something that is not offered, or answered something else.
    Unexpected,
}

impl Failure {
    pub(crate) fn breaks(&self) -> bool {
        matches!(self, Failure::Broken(_))
    }

    /// As a source says it. Words of ours.
    pub(crate) fn told(self, server: &str) -> ConnectorError {
        match self {
            Failure::Broken(None) => {
                ConnectorError::Failed(format!("the MCP server {server} closed the connection"))
            }
            Failure::Broken(Some(trouble)) => {
                let told = format!("the MCP server {server} {trouble}");
                if trouble.is_lasting() {
                    ConnectorError::NotUsable(told)
                } else {
                    ConnectorError::Failed(told)
                }
            }
            Failure::NotStarted(kind) => ConnectorError::NotUsable(format!(
                "the program of the MCP server {server} can't be started ({kind}); check its path"
            )),
            Failure::Refused(code) => {
                ConnectorError::Failed(format!("the MCP server {server} refused what was asked ({code})"))
            }
            Failure::Unexpected => {
                ConnectorError::Failed(format!("the MCP server {server} answered with something else"))
            }
        }
    }
}

/// A connection in use.
pub(crate) struct Session {
    running: RunningService<RoleClient, ClientConfig>,
    meter: Arc<Meter>,
    /// What it offered last.
    offer: Mutex<Option<Arc<Offer>>>,
    _ends: Ends,
    _program: Option<Running>,
}

impl Session {
    /// Connects and greets: as all servers know it, else as the newest do. The greeting of those that know no other is
    /// another one, and a connection takes one greeting.
    pub(crate) async fn open(way: &Way, limits: McpLimits) -> Result<Self, Failure> {
        let newest = ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::LATEST] };
        match Self::greet(way, limits, ClientLifecycleMode::Initialize).await {
            Err(Failure::Refused(code)) if code != ErrorCode::INTERNAL_ERROR.0 => {
                Self::greet(way, limits, newest).await
            }
            greeted => greeted,
        }
    }

    async fn greet(way: &Way, limits: McpLimits, lifecycle: ClientLifecycleMode) -> Result<Self, Failure> {
        let meter = Arc::new(Meter::new(limits));
        let not_started = |error: std::io::Error| Failure::NotStarted(error.kind());
        match way {
            Way::Program(McpTransport::Stdio { command, args, env, environment, cwd }) => {
                let program = Program { command, args, env, environment, cwd: cwd.as_deref() };
                let (running, out, into) = program.start().map_err(not_started)?;
                Self::over(lines(out, into, &meter), meter, lifecycle, Some(running)).await
            }
            Way::Program(McpTransport::Streams(dial)) => {
                let (out, into) = dial.dial().await.map_err(not_started)?;
                Self::over(lines(out, into, &meter), meter, lifecycle, None).await
            }
            Way::Program(McpTransport::Http { .. }) => Err(Failure::Unexpected),
            Way::Web(place) => {
                let mut config = StreamableHttpClientTransportConfig::with_uri(place.url.as_str());
                let mut resumptions = ExponentialBackoff::default();
                resumptions.max_times = Some(RESUMPTIONS);
                config.retry_config = Arc::new(resumptions);
                config.max_sse_event_size = limits.message_bytes;
                config.max_json_response_size = limits.message_bytes;
                let client = place.client(meter.clone());
                let transport = StreamableHttpClientTransport::with_client(client, config);
                Self::over(transport, meter, lifecycle, None).await
            }
        }
    }

    async fn over<T>(
        transport: T,
        meter: Arc<Meter>,
        lifecycle: ClientLifecycleMode,
        program: Option<Running>,
    ) -> Result<Self, Failure>
    where
        T: Transport<RoleClient> + 'static,
        T::Error: Send,
    {
        let us = Implementation::new("hearback", env!("CARGO_PKG_VERSION"));
        let config = ClientConfig::new(ClientCapabilities::default(), us)
            .with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE);
        let transport = Guard::new(transport, meter.clone());
        // From here on there is somebody in the background, also if nobody waits for the greeting any more.
        let ends = Ends(meter.clone());
        let greeting = serve_client_with_lifecycle(config, transport, lifecycle).boxed();
        let running = tokio::select! {
            running = greeting => running.map_err(|error| match error {
                ClientInitializeError::JsonRpcError(error) => Failure::Refused(error.code.0),
                ClientInitializeError::ConnectionClosed(_) | ClientInitializeError::TransportError { .. } => {
                    Failure::Broken(meter.trouble())
                }
                _ => Failure::Unexpected,
            })?,
            trouble = meter.given_up() => return Err(Failure::Broken(Some(trouble))),
        };
        Ok(Session { running, meter, offer: Mutex::new(None), _ends: ends, _program: program })
    }

    /// Whether it can be used still, as far as is known.
    pub(crate) fn is_open(&self) -> bool {
        !self.running.is_closed() && !self.running.is_transport_closed() && self.meter.trouble().is_none()
    }

    pub(crate) fn offer(&self) -> Option<Arc<Offer>> {
        self.offer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn keep_offer(&self, offer: Arc<Offer>) {
        *self.offer.lock().unwrap_or_else(PoisonError::into_inner) = Some(offer);
    }

    /// What is offered, page by page, and what of it was not seen.
    pub(crate) async fn list(&self, limits: McpLimits) -> Result<(Vec<Tool>, Vec<String>), Failure> {
        let mut tools = Vec::new();
        let mut cursor = None;
        for _ in 0..limits.pages {
            let mut params = PaginatedRequestParams::default();
            params.cursor = cursor;
            let request = ListToolsRequest::with_param(params);
            // Not through the SDK's cache: how long a list is good is not for the server to say.
            let asked = self.running.send_request(ClientRequest::ListToolsRequest(request));
            let ServerResult::ListToolsResult(page) = self.asked(asked).await? else {
                return Err(Failure::Unexpected);
            };
            let room = limits.tools.saturating_sub(tools.len());
            if page.tools.len() > room {
                tools.extend(page.tools.into_iter().take(room));
                return Ok((
                    tools,
                    vec![format!("it offers more than {} tools; the rest was not looked at", limits.tools)],
                ));
            }
            tools.extend(page.tools);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok((tools, Vec::new()));
            }
        }
        let why =
            format!("its list of tools has more than {} pages; the rest was not looked at", limits.pages);
        Ok((tools, vec![why]))
    }

    /// Calls a tool by the server's name of it.
    pub(crate) async fn call(
        &self,
        raw: &str,
        arguments: &Map<String, Value>,
    ) -> Result<CallToolResult, Failure> {
        let params = CallToolRequestParams::new(raw.to_owned()).with_arguments(arguments.clone());
        // It is told if nobody waits any more. What a server wants to be asked back about is not answered.
        match self.asked(self.running.call_tool_once(params)).await? {
            CallToolResponse::Complete(result) => Ok(result),
            _ => Err(Failure::Unexpected),
        }
    }

    async fn asked<A>(&self, asked: impl Future<Output = Result<A, ServiceError>>) -> Result<A, Failure> {
        self.meter.begin();
        tokio::select! {
            answer = asked => answer.map_err(|error| match error {
                ServiceError::McpError(error) => Failure::Refused(error.code.0),
                ServiceError::TransportSend(_) | ServiceError::TransportClosed => {
                    Failure::Broken(self.meter.trouble())
                }
                _ => Failure::Unexpected,
            }),
            trouble = self.meter.given_up() => Err(Failure::Broken(Some(trouble))),
        }
    }
}

fn lines<R, W>(read: R, write: W, meter: &Arc<Meter>) -> Lines<RoleClient, R, W>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    Lines::new(read, write, Bounds::Ends(meter.clone()))
}
