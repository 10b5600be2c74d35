//! The names that spans and their attributes have, once for all crates that make or read them: those of OpenTelemetry's
//! semantic conventions for generative AI, version 1.37.0 (<https://opentelemetry.io/docs/specs/semconv/gen-ai/>), and the few
//! that are ours. No attribute holds a message, a log line or an argument: only names, counts and how something ended.

/// The version of the conventions that these names are of.
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.37.0";

/// What kind of step: [`CHAT`], [`EXECUTE_TOOL`], [`INVOKE_AGENT`].
pub const OPERATION_NAME: &str = "gen_ai.operation.name";
/// A model is asked.
pub const CHAT: &str = "chat";
/// A tool is called for it.
pub const EXECUTE_TOOL: &str = "execute_tool";
/// An agent goes on until it ends.
pub const INVOKE_AGENT: &str = "invoke_agent";

/// Which API: [`OPENAI`] for everything that speaks it.
pub const PROVIDER_NAME: &str = "gen_ai.provider.name";
/// The API of OpenAI, whoever answers.
pub const OPENAI: &str = "openai";
/// The provider of an agent that runs in this process; the conventions allow a name of one's own.
pub const OWN: &str = "hearback";
/// The agent's name.
pub const AGENT_NAME: &str = "gen_ai.agent.name";
/// The incident that the steps belong to.
pub const CONVERSATION_ID: &str = "gen_ai.conversation.id";
/// The model that was asked for.
pub const REQUEST_MODEL: &str = "gen_ai.request.model";
/// The longest reply, in tokens.
pub const REQUEST_MAX_TOKENS: &str = "gen_ai.request.max_tokens";
/// The model that answered, by its server's word.
pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
/// Why the reply ended.
pub const RESPONSE_FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
/// Tokens read.
pub const USAGE_INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
/// Tokens written.
pub const USAGE_OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
/// The tool that is called.
pub const TOOL_NAME: &str = "gen_ai.tool.name";
/// Which call.
pub const TOOL_CALL_ID: &str = "gen_ai.tool.call.id";
/// What kind of tool: [`FUNCTION`] for ours, [`EXTENSION`] for those of other people's servers.
pub const TOOL_TYPE: &str = "gen_ai.tool.type";
/// A tool that is carried out here.
pub const FUNCTION: &str = "function";
/// A tool that another server carries out.
pub const EXTENSION: &str = "extension";
/// The host that is asked.
pub const SERVER_ADDRESS: &str = "server.address";
/// Its port.
pub const SERVER_PORT: &str = "server.port";
/// Why it failed, as a kind.
pub const ERROR_TYPE: &str = "error.type";

/// The incident that something is asked in.
pub const INCIDENT: &str = "hearback.incident.id";
/// The source that is asked.
pub const SOURCE: &str = "hearback.source";
/// What it is asked for.
pub const VERB: &str = "hearback.verb";
/// How often the model was asked.
pub const TURNS: &str = "hearback.investigation.turns";
/// How an investigation ended.
pub const ENDING: &str = "hearback.investigation.ending";
/// How many of the model's statements stand.
pub const STATEMENTS_KEPT: &str = "hearback.investigation.statements.kept";
/// How many were dropped by the checker.
pub const STATEMENTS_DROPPED: &str = "hearback.investigation.statements.dropped";
