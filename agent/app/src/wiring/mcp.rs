//! The Model Context Protocol, both ways: other people's tool servers as sources of evidence, and our read tools for other
//! people's agents.

use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use hearback_core::ids::ToolName;
use hearback_core::model::{ToolCall, ToolSpec};
use hearback_core::offered::{EvidenceSource, OfferedTool};
use hearback_core::ports::ConnectorError;
use hearback_core::{ExternalText, Fetched, SourceName};
use hearback_mcp::{Hidden, McpLimits, McpOptions, McpSource, McpTransport, Resource, ServeLimits};
use jiff::SignedDuration;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::config::mcp::McpSection;
use crate::output::Usage;

/// The configured servers. Nothing is started or asked yet. One that can't be used, because a secret is missing, says so when
/// it is asked: it holds up nothing else.
pub fn others(config: &Config) -> Vec<Arc<dyn EvidenceSource>> {
    let source = |section: &McpSection| -> Result<Arc<dyn EvidenceSource>> {
        let name = &section.name;
        let wrong = |error: String| Usage(format!("[[mcp]] {name}: {error}"));
        let transport = match (&section.command, &section.url) {
            (Some(command), _) => McpTransport::Stdio {
                command: command.clone(),
                args: section.args.clone(),
                env: section
                    .env
                    .iter()
                    .map(|(name, secret)| Ok((name.clone(), Hidden::new(&secret.read()?))))
                    .collect::<Result<_>>()?,
                environment: std::env::vars_os().collect(),
                cwd: None,
            },
            (None, Some(url)) => McpTransport::Http {
                url: url.clone(),
                headers: match &section.token {
                    Some(token) => {
                        let bearer = format!("Bearer {}", token.read()?);
                        vec![("Authorization".to_owned(), Hidden::new(&bearer))]
                    }
                    None => Vec::new(),
                },
                own_roots_pem: Vec::new(),
            },
            (None, None) => return Err(wrong("say either command or url".into()).into()),
        };
        let (name, tools) = (name.clone(), section.tools.clone());
        let options = McpOptions { name, transport, tools, limits: McpLimits::default() };
        Ok(Arc::new(McpSource::new(options).map_err(|error| wrong(error.to_string()))?))
    };
    let broken = |section: &McpSection, why: String| -> Option<Arc<dyn EvidenceSource>> {
        let name = SourceName::new(format!("mcp:{}", section.name)).ok()?;
        Some(Arc::new(Broken { name, why }))
    };
    let all = config.mcp.iter();
    all.filter_map(|section| source(section).map_or_else(|error| broken(section, format!("{error:#}")), Some))
        .collect()
}

/// A server that can't be used, and why.
struct Broken {
    name: SourceName,
    why: String,
}

#[async_trait]
impl EvidenceSource for Broken {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn tools(&self, _: SignedDuration) -> Result<Fetched<OfferedTool>, ConnectorError> {
        Err(ConnectorError::NotUsable(self.why.clone()))
    }

    async fn fetch(
        &self,
        _: &ToolName,
        _: &Map<String, Value>,
        _: SignedDuration,
    ) -> Result<Fetched<ExternalText>, ConnectorError> {
        Err(ConnectorError::NotUsable(self.why.clone()))
    }
}

/// What an agent reads here.
#[async_trait]
pub trait ForAgents: Send + Sync {
    /// Calls a tool.
    ///
    /// # Errors
    /// Why not, in a sentence.
    async fn call(&self, call: &ToolCall) -> Result<String, String>;

    /// The incidents: id and title.
    ///
    /// # Errors
    /// Why not, in a sentence.
    async fn incidents(&self) -> Result<Vec<(String, String)>, String>;

    /// What is known of an incident; none if there is none.
    ///
    /// # Errors
    /// Why not, in a sentence.
    async fn incident(&self, id: &str) -> Result<Option<String>, String>;
}

/// What stands before the id of an incident in its address.
const INCIDENTS: &str = "hearback://incidents/";

struct Served(Box<dyn ForAgents>);

#[async_trait]
impl hearback_mcp::Reads for Served {
    fn instructions(&self) -> String {
        hearback_engine::reads::INSTRUCTIONS.to_owned()
    }

    fn tools(&self) -> Vec<ToolSpec> {
        hearback_engine::reads::specs()
    }

    async fn call(&self, call: &ToolCall) -> Result<String, String> {
        self.0.call(call).await
    }

    async fn resources(&self) -> Result<Vec<Resource>, String> {
        let incidents = self.0.incidents().await?;
        let resource = |(id, title): (String, String)| Resource {
            uri: format!("{INCIDENTS}{id}"),
            name: format!("{id} {title}"),
            mime: "text/plain".to_owned(),
        };
        Ok(incidents.into_iter().map(resource).collect())
    }

    async fn read(&self, uri: &str) -> Result<Option<String>, String> {
        match uri.strip_prefix(INCIDENTS) {
            Some(id) => self.0.incident(id).await,
            None => Ok(None),
        }
    }
}

/// Serves one agent over standard input and output, until it ends its side or `stop` says so.
///
/// # Errors
/// There never was a conversation.
pub async fn serve_agent(reads: Box<dyn ForAgents>, stop: CancellationToken) -> Result<()> {
    let (read, write) = (tokio::io::stdin(), tokio::io::stdout());
    hearback_mcp::serve(Arc::new(Served(reads)), read, write, ServeLimits::default(), stop).await?;
    Ok(())
}
