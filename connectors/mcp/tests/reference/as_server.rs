//! The SDK's server, used by our client.

use std::process::Stdio;

use hearback_core::ExternalText;
use hearback_core::evidence::Fetched;
use hearback_core::ids::ToolName;
use hearback_core::offered::EvidenceSource as _;
use hearback_core::ports::ConnectorError;
use hearback_mcp::{Hidden, McpLimits, McpOptions, McpSource, McpTransport};
use jiff::SignedDuration;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::{Python, peers};

const AMPLE: SignedDuration = SignedDuration::from_secs(60);
const TOOLS: &[&str] = &[
    "query",
    "delete_everything",
    "environment",
    "numbers",
    "fails",
    "picture",
    "asks_back",
    "hangs",
    "starts_another",
    "dies",
    "shouts",
];

pub fn over(transport: McpTransport) -> McpSource {
    let tools = TOOLS.iter().map(|tool| (*tool).to_owned()).collect();
    McpSource::new(McpOptions { name: "sdk".into(), transport, tools, limits: McpLimits::default() }).unwrap()
}

/// The SDK's server as a program, in an environment with secrets that it should not see.
pub fn as_program() -> McpSource {
    let python = Python::find();
    let mut environment: Vec<_> = std::env::vars_os().collect();
    environment.push(("OPENAI_API_KEY".into(), "hunter22".into()));
    environment.push(("HEARBACK_TOKEN".into(), "hunter22".into()));
    over(McpTransport::Stdio {
        command: python.program,
        args: vec![peers().join("server.py").to_string_lossy().into_owned(), "stdio".into()],
        env: vec![("PYTHONPATH".into(), Hidden::new(&python.sdk)), ("GIVEN".into(), Hidden::new("for it"))],
        environment,
        cwd: Some(peers()),
    })
}

/// The SDK's server over HTTP; it ends with what is returned beside.
async fn over_http(ways: &[&str]) -> (McpSource, Child) {
    let python = Python::find();
    let mut command = Command::new(&python.program);
    command.arg(peers().join("server.py")).arg("http").args(ways).env("PYTHONPATH", &python.sdk);
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let port = lines.next_line().await.unwrap().expect("the server says its port");
    let url = format!("http://127.0.0.1:{port}/mcp");
    let headers = vec![("Authorization".to_owned(), Hidden::new("Bearer hunter22"))];
    (over(McpTransport::Http { url, headers, own_roots_pem: Vec::new() }), child)
}

pub async fn fetch(
    source: &McpSource,
    tool: &str,
    given: Value,
) -> Result<Fetched<ExternalText>, ConnectorError> {
    let arguments: Map<String, Value> = given.as_object().unwrap().clone();
    source.fetch(&ToolName::new(format!("sdk__{tool}")).unwrap(), &arguments, AMPLE).await
}

pub fn text(fetched: &Fetched<ExternalText>) -> &str {
    let [piece] = fetched.items.as_slice() else { panic!("{} pieces", fetched.items.len()) };
    piece.as_untrusted()
}

/// What is so over every transport.
async fn is_used(source: &McpSource) {
    let offered = source.tools(AMPLE).await.unwrap();
    assert_eq!(offered.coverage.missing, ["the tool delete_everything says of itself that it writes"]);
    assert_eq!(offered.items.len(), TOOLS.len() - 1);
    let null_or = |form: Value| json!({ "anyOf": [form, { "type": "null" }] });
    let window = json!({
        "type": "object",
        "properties": { "begin": { "type": "string" }, "end": null_or(json!({ "type": "string" })) },
        "required": ["begin"],
        "additionalProperties": false,
    });
    assert_eq!(offered.items[0].name.as_str(), "sdk__query");
    assert_eq!(
        offered.items[0].parameters,
        json!({
            "type": "object",
            "properties": {
                "service": { "type": "string" },
                "limit": null_or(json!({ "type": "integer" })),
                "level": { "type": "string", "enum": ["warn", "error"] },
                "window": null_or(window),
            },
            "required": ["service"],
            "additionalProperties": false,
        })
    );
    let given =
        json!({ "service": "cart", "limit": 3, "level": "warn", "window": { "begin": "now", "end": null } });
    assert_eq!(text(&fetch(source, "query", given).await.unwrap()), "cart 3 warn now\nsecond line");
    assert_eq!(
        text(&fetch(source, "query", json!({ "service": "ü" })).await.unwrap()),
        "ü None error None\nsecond line"
    );
    let numbers = fetch(source, "numbers", json!({})).await.unwrap();
    assert_eq!(serde_json::from_str::<Value>(text(&numbers)).unwrap(), json!({ "requests": 3, "errors": 1 }));

    let failed = fetch(source, "fails", json!({})).await.unwrap_err();
    assert_eq!(failed.to_string(), "sdk__fails of mcp:sdk says that it failed");
    let picture = fetch(source, "picture", json!({})).await.unwrap();
    assert_eq!(text(&picture), "a word about it");
    assert_eq!(picture.coverage.missing, ["1 image, which is not read"]);
    let asked = fetch(source, "asks_back", json!({})).await.unwrap();
    assert!(text(&asked).starts_with("refused: "), "{}", text(&asked));
    let refused = fetch(source, "delete_everything", json!({})).await.unwrap_err();
    assert!(matches!(refused, ConnectorError::NotUsable(_)), "{refused}");
    // Twenty at once, over one connection.
    let calls = (0..20).map(|number| fetch(source, "query", json!({ "service": format!("s{number}") })));
    for (number, found) in futures::future::join_all(calls).await.into_iter().enumerate() {
        assert_eq!(text(&found.unwrap()), format!("s{number} None error None\nsecond line"));
    }
    // One that never ends is given up, and the connection is as good as before.
    let hangs = ToolName::new("sdk__hangs").unwrap();
    let short = SignedDuration::from_millis(200);
    let late = source.fetch(&hangs, &Map::new(), short).await.unwrap_err();
    assert!(matches!(late, ConnectorError::TimedOut(_)), "{late}");
    assert!(fetch(source, "query", json!({ "service": "cart" })).await.is_ok());
}

#[tokio::test]
async fn a_program_is_used() {
    is_used(&as_program()).await;
}

#[tokio::test]
async fn a_server_over_http_with_events_is_used() {
    let (source, _server) = over_http(&[]).await;
    is_used(&source).await;
}

#[tokio::test]
async fn a_server_over_http_with_json_is_used() {
    // With one answer in JSON it can't ask back: that it fails by itself is all the same to us.
    let (source, _server) = over_http(&["json", "stateless"]).await;
    let found = fetch(&source, "query", json!({ "service": "cart" })).await.unwrap();
    assert_eq!(text(&found), "cart None error None\nsecond line");
}

#[tokio::test]
async fn a_server_that_is_gone_is_told() {
    let (source, mut server) = over_http(&[]).await;
    assert!(source.tools(AMPLE).await.is_ok());
    server.kill().await.unwrap();
    let gone = source.tools(AMPLE).await.unwrap_err();
    assert_eq!(gone.to_string(), "the MCP server sdk can't be reached, or the connection broke off");
}
