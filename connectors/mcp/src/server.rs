//! [`serve`]: what can be read here, for people's own assistants, over a pair of streams. Nothing but the protocol is
//! written to them. It must not know what is read: it is given a [`Reads`].

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;
use hearback_core::ExternalText;
use hearback_core::ids::{CallId, ToolName};
use hearback_core::model::{ToolCall, ToolSpec};
use jiff::SignedDuration;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData, Implementation,
    JsonObject, ListResourcesResult, ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams,
    ReadResourceResponse, ReadResourceResult, ResourceContents, ServerCapabilities, ServerConfig, Tool,
    ToolAnnotations,
};
use rmcp::service::{RequestContext, ServerInitializeError, serve_server_with_ct};
use rmcp::{RoleServer, ServerHandler};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use crate::lines::{Bounds, Lines};
use crate::turnstile::Turnstile;

/// Something that can be read by its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its address, as in `hearback://incidents/INC-17`.
    pub uri: String,
    /// What it is called.
    pub name: String,
    /// What it is, as in `text/markdown`.
    pub mime: String,
}

/// What can be read, for whoever asks over the protocol. Nothing here writes.
#[async_trait]
pub trait Reads: Send + Sync {
    /// What an assistant is told of all this.
    fn instructions(&self) -> String;

    /// The tools.
    fn tools(&self) -> Vec<ToolSpec>;

    /// Does what was called: the text as it is shown. It is dropped when nobody waits for it any more.
    ///
    /// # Errors
    /// Why not, in a sentence for the assistant.
    async fn call(&self, call: &ToolCall) -> Result<String, String>;

    /// What can be read by its address.
    ///
    /// # Errors
    /// Why not, in a sentence.
    async fn resources(&self) -> Result<Vec<Resource>, String>;

    /// The text at an address; none if there is nothing.
    ///
    /// # Errors
    /// Why not, in a sentence.
    async fn read(&self, uri: &str) -> Result<Option<String>, String>;
}

/// How much a client may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServeLimits {
    /// How long one call or reading may take.
    pub call_within: SignedDuration,
    /// The longest request, in bytes. What is longer is refused.
    pub request_bytes: usize,
    /// How many requests are answered at once. What is more is refused.
    pub at_once: usize,
}

impl Default for ServeLimits {
    fn default() -> Self {
        ServeLimits { call_within: SignedDuration::from_secs(60), request_bytes: 1024 * 1024, at_once: 16 }
    }
}

/// Why serving ended otherwise than by its end.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The client and we have no version of the protocol in common, or the answers can't be written.
    #[error("the client can't be served: the greeting failed")]
    Greeting,
    /// This is a mistake in the program.
    #[error("serving ended because of a mistake in the program")]
    Broken,
}

/// Serves one client until it ends its side or `stop` says so. What is wrong in a request is answered and ends nothing.
///
/// # Errors
/// [`ServeError`] if there never was a conversation, or it ended by a mistake of ours.
pub async fn serve<R, W>(
    reads: Arc<dyn Reads>,
    read: R,
    write: W,
    limits: ServeLimits,
    stop: CancellationToken,
) -> Result<(), ServeError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let lines: Lines<RoleServer, R, W> = Lines::new(read, write, Bounds::Refused(limits.request_bytes));
    let transport = Turnstile::new(lines, limits.at_once);
    let within = Duration::try_from(limits.call_within).unwrap_or_default();
    let desk = Desk { reads, within, calls: AtomicUsize::new(0) };
    // Dropping what comes of this stops it too.
    let running = match serve_server_with_ct(desk, transport, stop.child_token()).await {
        Ok(running) => running,
        // It ended before it began: nobody asked anything.
        Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::Cancelled) => return Ok(()),
        Err(_) => return Err(ServeError::Greeting),
    };
    running.waiting().await.map(|_| ()).map_err(|_| ServeError::Broken)
}

/// Answers what is asked.
struct Desk {
    reads: Arc<dyn Reads>,
    within: Duration,
    calls: AtomicUsize,
}

impl Desk {
    /// Waits for `work`, as long as somebody waits for us.
    async fn within<T>(
        &self,
        context: &RequestContext<RoleServer>,
        work: impl Future<Output = Result<T, String>>,
    ) -> Result<Result<T, String>, ErrorData> {
        tokio::select! {
            // A mistake in one call is an answer too; else its asker would wait for ever.
            done = tokio::time::timeout(self.within, AssertUnwindSafe(work).catch_unwind()) => Ok(match done {
                Ok(Ok(done)) => done,
                Ok(Err(_)) => Err("this failed because of a mistake in the program".to_owned()),
                Err(_) => Err(format!("no answer within {:.1} s", self.within.as_secs_f64())),
            }),
            () = context.ct.cancelled() => Err(ErrorData::internal_error("nobody waits for this any more", None)),
        }
    }
}

fn described(spec: ToolSpec) -> Tool {
    let schema = match spec.parameters {
        Value::Object(schema) => schema,
        _ => JsonObject::new(),
    };
    let reads = ToolAnnotations::from_raw(None, Some(true), Some(false), Some(true), Some(false));
    Tool::new(String::from(spec.name), spec.description, Arc::new(schema)).with_annotations(reads)
}

impl ServerHandler for Desk {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_resources().build();
        let mut info = ServerConfig::new(capabilities).with_instructions(self.reads.instructions());
        info.server_info = Implementation::new("hearback", env!("CARGO_PKG_VERSION"));
        info
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.reads.tools().into_iter().map(described).collect()))
    }

    async fn call_tool(
        &self,
        asked: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let unknown = || ErrorData::invalid_params("there is no tool of this name", None);
        let name = ToolName::new(asked.name.as_ref()).map_err(|_| unknown())?;
        if !self.reads.tools().iter().any(|spec| spec.name == name) {
            return Err(unknown());
        }
        let arguments = Value::Object(asked.arguments.unwrap_or_default()).to_string();
        let id = CallId::numbered(self.calls.fetch_add(1, Ordering::Relaxed));
        let call = ToolCall { id, name, arguments: ExternalText::new(arguments) };
        let told = self.within(&context, self.reads.call(&call)).await?;
        Ok(CallToolResponse::Complete(match told {
            Ok(text) => CallToolResult::success(vec![ContentBlock::text(text)]),
            Err(why) => CallToolResult::error(vec![ContentBlock::text(why)]),
        }))
    }

    async fn list_resources(
        &self,
        _page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let found = self.within(&context, self.reads.resources()).await?;
        let found = found.map_err(|why| ErrorData::internal_error(why, None))?;
        let told = |resource: Resource| {
            rmcp::model::Resource::new(resource.uri, resource.name).with_mime_type(resource.mime)
        };
        Ok(ListResourcesResult::with_all_items(found.into_iter().map(told).collect()))
    }

    async fn read_resource(
        &self,
        asked: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let found = self.within(&context, self.reads.read(&asked.uri)).await?;
        let found = found.map_err(|why| ErrorData::internal_error(why, None))?;
        let text =
            found.ok_or_else(|| ErrorData::resource_not_found("there is nothing at this address", None))?;
        let contents = ResourceContents::text(text, asked.uri);
        Ok(ReadResourceResponse::Complete(ReadResourceResult::new(vec![contents])))
    }
}
