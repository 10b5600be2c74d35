//! `/v1/reads`: the read tools for agents, over what the service is connected to. `hearback mcp --server` brings them to an
//! agent.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use hearback_core::ExternalText;
use hearback_core::ids::{CallId, ToolName};
use hearback_core::model::ToolCall;
use hearback_engine::reads;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::serve::doors::{Everywhere, InIncident, Read, Sent};
use crate::serve::problem::Problem;
use crate::serve::service::Service;

/// The tools, each with its name, what it gives and the schema of its arguments.
pub async fn list(_: Everywhere<Read>) -> Json<Value> {
    Json(serde_json::to_value(reads::specs()).unwrap_or_default())
}

/// A call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The tool.
    tool: String,
    /// Its arguments: an object.
    #[serde(default)]
    arguments: Value,
    /// Tells agents that share a token apart: each looks into what it asked itself.
    #[serde(default)]
    session: String,
}

/// The longest name of a session, in bytes.
const SESSION_BYTES: usize = 100;

/// What came of a call.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Told {
    /// What was found, or why nothing could be looked up. Text of others is quoted in it.
    pub text: String,
    /// Whether it could not be looked up.
    pub failed: bool,
}

/// What is known of an incident, as an agent reads it.
pub async fn incident(
    State(service): State<Arc<Service>>,
    caller: InIncident<Read>,
) -> Result<Json<Told>, Problem> {
    service.incident(&caller.id).await?;
    Ok(Json(match service.read_incident(&caller.id).await {
        Ok(text) => Told { text, failed: false },
        Err(text) => Told { text, failed: true },
    }))
}

/// Calls a read tool.
pub async fn call(
    State(service): State<Arc<Service>>,
    allowed: Everywhere<Read>,
    Sent(Call { tool, arguments, session }): Sent<Call>,
) -> Result<Json<Told>, Problem> {
    let name = ToolName::new(tool).map_err(|error| Problem::bad(error.to_string()))?;
    let arguments = if arguments.is_null() { String::new() } else { arguments.to_string() };
    let call = ToolCall { id: CallId::numbered(1), name, arguments: ExternalText::new(arguments) };
    if session.len() > SESSION_BYTES {
        return Err(Problem::bad(format!("session: at most {SESSION_BYTES} bytes")));
    }
    let reader = format!("{} {session}", allowed.token.id);
    Ok(Json(match service.call_read(&reader, &call).await? {
        Ok(text) => Told { text, failed: false },
        Err(text) => Told { text, failed: true },
    }))
}
