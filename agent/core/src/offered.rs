//! Tools of other people's servers, as sources of evidence. What such a server says of its tools and what they give is text
//! from outside. Which of them may be called a person has said, by name. It must not know the protocol.

use async_trait::async_trait;
use jiff::SignedDuration;
use serde_json::{Map, Value};

use crate::evidence::Fetched;
use crate::ids::{SourceName, ToolName};
use crate::ports::ConnectorError;
use crate::text::ExternalText;

/// A tool that a server offers and a person allowed.
#[derive(Debug, Clone, PartialEq)]
pub struct OfferedTool {
    /// What it is called here: the server's name, two underscores, and the server's own name of it, as near as a name can be.
    /// Never two tools with one name.
    pub name: ToolName,
    /// What the server says it is for.
    pub says: ExternalText,
    /// The arguments it takes, as JSON Schema: names and types alone, so that no words of the server are in it.
    pub parameters: Value,
}

/// A server with tools that read.
#[async_trait]
pub trait EvidenceSource: Send + Sync {
    /// Its name, as in `mcp:grafana`.
    fn name(&self) -> &SourceName;

    /// The tools that it offers, of those that were allowed. What was allowed and is not offered, or offered as one that
    /// writes, is in the coverage as missing.
    ///
    /// # Errors
    /// [`ConnectorError`], by what to do next.
    async fn tools(&self, budget: SignedDuration) -> Result<Fetched<OfferedTool>, ConnectorError>;

    /// Calls one of them. What it gives comes in pieces, each a text; what is no text is in the coverage as missing. A tool
    /// that says it failed is [`ConnectorError::Failed`], without the server's own words.
    ///
    /// # Errors
    /// [`ConnectorError::NotUsable`] for a tool that was not allowed; else by what to do next.
    async fn fetch(
        &self,
        tool: &ToolName,
        arguments: &Map<String, Value>,
        budget: SignedDuration,
    ) -> Result<Fetched<ExternalText>, ConnectorError>;
}
