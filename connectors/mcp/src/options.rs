//! How a server is reached and what of it may be used: what a person wrote into the configuration.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

/// What a child sees of the environment it is given, beside what is named for it: enough to find programs, its home and the
/// place of temporary files. No key is kept in any of these.
pub const PASSED_ON: &[&str] = &["PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "LANG", "LC_ALL", "TZ"];

/// A key or another secret of the configuration. It has no `Display`, and its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(String);

impl Hidden {
    /// Takes `text` as a secret. White space around it goes: a file that holds a token ends with a line break.
    pub fn new(text: &str) -> Self {
        Hidden(text.trim().to_owned())
    }

    /// For the one who is meant to have it: the server's process, or a header to it.
    pub(crate) fn exposed(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(…)")
    }
}

/// A server, and the tools of it that may be called.
#[derive(Debug, Clone)]
pub struct McpOptions {
    /// What it is called here: small letters, digits and dashes, at most thirty.
    pub name: String,
    /// How it is reached.
    pub transport: McpTransport,
    /// The tools that may be called, by the server's own names. No other ever is.
    pub tools: Vec<String>,
    /// How much of what it says is taken.
    pub limits: McpLimits,
}

/// How a server is reached.
#[derive(Clone)]
pub enum McpTransport {
    /// A program of this machine, started when it is needed, over its standard input and output.
    Stdio {
        /// The program.
        command: PathBuf,
        /// Its arguments.
        args: Vec<String>,
        /// What is set in its environment: nothing else but [`PASSED_ON`] is.
        env: Vec<(String, Hidden)>,
        /// The environment of this process, of which [`PASSED_ON`] is passed on.
        environment: Vec<(OsString, OsString)>,
        /// The folder it runs in; none for that of this process.
        cwd: Option<PathBuf>,
    },
    /// A server somewhere, over streamable HTTP.
    Http {
        /// Its address, as in `https://mcp.example/mcp`.
        url: String,
        /// Headers of every request, as in `Authorization`. They go nowhere else.
        headers: Vec<(String, Hidden)>,
        /// Root certificates in PEM form that are trusted beside the system's; empty for none.
        own_roots_pem: Vec<u8>,
    },
    /// A server at the other end of a pair of streams.
    Streams(Arc<dyn Dial>),
}

/// Makes the two streams to a server: what it says, and what it hears.
#[async_trait]
pub trait Dial: Send + Sync {
    /// A new pair, to a server that nobody talked to over it.
    ///
    /// # Errors
    /// It can't be reached.
    async fn dial(&self) -> std::io::Result<Streams>;
}

/// What a server says, and what it hears.
pub type Streams = (Box<dyn AsyncRead + Send + Unpin>, Box<dyn AsyncWrite + Send + Unpin>);

impl fmt::Debug for McpTransport {
    /// Without arguments and addresses, in which people put keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            McpTransport::Stdio { command, args, env, .. } => {
                let names: Vec<&str> = env.iter().map(|(name, _)| name.as_str()).collect();
                f.debug_struct("Stdio")
                    .field("command", command)
                    .field("args", &args.len())
                    .field("env", &names)
                    .finish_non_exhaustive()
            }
            McpTransport::Http { headers, .. } => {
                let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
                f.debug_struct("Http").field("headers", &names).finish_non_exhaustive()
            }
            McpTransport::Streams(_) => f.write_str("Streams"),
        }
    }
}

/// How much of what a server says is taken. What is more ends the connection or is named as missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct McpLimits {
    /// The longest message, in bytes.
    pub message_bytes: usize,
    /// What it may send while one thing is asked of it, in bytes.
    pub total_bytes: usize,
    /// How many messages it may send while one thing is asked of it.
    pub messages: usize,
    /// How many pages a list of tools may have.
    pub pages: usize,
    /// How many tools are looked at.
    pub tools: usize,
    /// The longest description of a tool, in characters.
    pub description: usize,
    /// How many pieces a result has, and how long each is in bytes.
    pub pieces: usize,
    /// The longest piece, in bytes.
    pub piece_bytes: usize,
}

impl Default for McpLimits {
    fn default() -> Self {
        McpLimits {
            message_bytes: 1024 * 1024,
            total_bytes: 8 * 1024 * 1024,
            messages: 2_000,
            pages: 20,
            tools: 1_000,
            description: 1_000,
            pieces: 40,
            piece_bytes: 4_000,
        }
    }
}
