//! The Model Context Protocol through the binary: `hearback mcp` talked to line by line, and as a server whose tools another
//! hearback's model calls. The protocol itself is held to the reference peers in connectors/mcp.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use anyhow::{Context as _, Result};
use hearback_e2e::Home;
use hearback_e2e::service::Service;
use hearback_fake_model::{Asked, FakeModel, Play};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{SYMPTOM, configure, incident, named, shop};

/// A running `hearback mcp`, greeted.
struct Agent {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    next: u64,
}

impl Agent {
    fn start(home: &Home, arguments: &[&str]) -> Result<Self> {
        let mut command = home.command(arguments)?;
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let to = child.stdin.take();
        let from = BufReader::new(child.stdout.take().context("no output")?);
        let mut agent = Agent { child, to, from, next: 1 };
        let hello = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
        let greeted = agent.ask("initialize", hello)?;
        assert!(greeted["instructions"].as_str().unwrap().contains("what_changed"), "{greeted}");
        agent.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))?;
        Ok(agent)
    }

    fn send(&mut self, message: &Value) -> Result<()> {
        Ok(writeln!(self.to.as_mut().context("closed")?, "{message}")?)
    }

    fn ask(&mut self, method: &str, params: Value) -> Result<Value> {
        let id = self.next;
        self.next += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))?;
        let mut line = String::new();
        self.from.read_line(&mut line)?;
        let answer: Value = serde_json::from_str(&line).with_context(|| line.clone())?;
        assert_eq!(answer["id"], id, "{answer}");
        answer.get("result").cloned().with_context(|| line)
    }

    /// The text of a call, and whether it failed.
    fn call(&mut self, tool: &str, arguments: Value) -> Result<(String, bool)> {
        let result = self.ask("tools/call", json!({ "name": tool, "arguments": arguments }))?;
        let text = result["content"][0]["text"].as_str().with_context(|| result.to_string())?.to_owned();
        Ok((text, result["isError"] == true))
    }

    /// Ends its side. What it printed beside the protocol.
    fn end(mut self) -> Result<String> {
        drop(self.to.take());
        let out = self.child.wait_with_output()?;
        assert_eq!(out.status.code(), Some(0));
        let mut rest = String::new();
        self.from.read_line(&mut rest)?;
        assert_eq!(rest, "");
        Ok(String::from_utf8(out.stderr)?)
    }
}

#[test]
fn an_agent_reads_what_changed_and_looks_further() -> Result<()> {
    let (home, shop) = (Home::new()?, shop()?);
    home.run(["declare", "Checkout 5xx", "--severity", "SEV-2", "--by", "Ana"])?.ok()?;
    let mut agent = Agent::start(&home, &["mcp", "--repo", shop.path()])?;
    let tools = agent.ask("tools/list", json!({}))?;
    let tools = tools["tools"].as_array().unwrap();
    assert_eq!(tools[0]["name"], "what_changed");
    assert!(
        tools.len() == 11 && tools.iter().all(|tool| tool["annotations"]["readOnlyHint"] == true),
        "{tools:?}"
    );
    let asked = json!({ "symptom": SYMPTOM, "onset": "2026-03-02T13:40:00Z" });
    let (told, failed) = agent.call("what_changed", asked)?;
    assert!(!failed && told.contains("Suspect 1") && told.contains("Smaller connection pool"), "{told}");
    let (told, failed) = agent.call("diff", json!({ "change": "C1" }))?;
    assert!(!failed && told.contains("+1: size: 5"), "{told}");
    for (tool, arguments, says) in [
        ("diff", json!({ "change": "C99" }), "no such change was shown"),
        ("diff", json!({ "evil": 1 }), "do not fit the schema"),
        ("what_changed", json!({ "onset": "soon" }), "write a time as"),
        ("what_changed", json!({ "incident": "INC-99" }), "INC-99"),
    ] {
        let (told, failed) = agent.call(tool, arguments)?;
        assert!(failed && told.contains(says), "{told}");
    }
    let all = agent.ask("resources/list", json!({}))?;
    let uri = all["resources"][0]["uri"].clone();
    assert_eq!(uri, "hearback://incidents/INC-1");
    let read = agent.ask("resources/read", json!({ "uri": uri }))?;
    assert!(read["contents"][0]["text"].as_str().unwrap().contains("entries of INC-1"), "{read}");
    assert_eq!(agent.end()?, "");
    Ok(())
}

#[test]
fn an_agent_reads_through_a_running_service() -> Result<()> {
    let (home, shop) = (Home::new()?, shop()?);
    std::fs::write(home.path("hearback.toml"), format!("[[repository]]\npath = {:?}\n", shop.path()))?;
    let service = Service::start(&home)?;
    let id = incident(&service)?;
    std::fs::write(home.path("token"), &service.token)?;
    let place = home.path("token");
    let mut agent =
        Agent::start(&home, &["mcp", "--server", &service.url, "--token-file", place.to_str().unwrap()])?;
    let asked = json!({ "symptom": SYMPTOM, "onset": "2026-03-02T13:40:00Z", "incident": id });
    let (told, failed) = agent.call("what_changed", asked)?;
    assert!(!failed && told.contains("Smaller connection pool"), "{told}");
    let (told, failed) = agent.call("log_templates", json!({ "severity": "trace" }))?;
    assert!(!failed && told.contains("Searched:"), "{told}");
    let (told, failed) = agent.call("diff", json!({ "change": "C99" }))?;
    assert!(failed && told.contains("no such change"), "{told}");
    let read = agent.ask("resources/read", json!({ "uri": format!("hearback://incidents/{id}") }))?;
    assert!(read["contents"][0]["text"].as_str().unwrap().contains("Smaller connection pool"), "{read}");
    agent.end()?;
    Ok(())
}

#[test]
fn tools_of_another_server_are_called_and_what_they_say_stays_outsiders_words() -> Result<()> {
    let runtime = Runtime::new()?;
    let model = runtime.block_on(FakeModel::directed(|asked: &Asked| {
        match asked.messages().iter().filter(|message| message["role"] == "tool").count() {
            0 => Play::calls(&[("other__what_changed", r#"{"symptom": "pool", "onset": "2026-03-02T13:40:00Z"}"#), ("other__diff", "{}")]),
            _ => {
                let says = named(asked, "Smaller connection pool by way of the other");
                let claims = json!([{ "says": "A title says \"Smaller connection pool by way of the other\".", "cites": [says] }]);
                Play::calls(&[("report", &json!({ "claims": claims, "hypotheses": [], "done": true }).to_string())])
            }
        }
    }));
    let (home, shop) = (Home::new()?, shop()?);
    let other = hearback_e2e::Repository::called("other")?;
    other.commit("2026-03-02T10:00:00Z", "Begin", &[("pool.yaml", "size: 50\n")])?;
    other.commit(
        "2026-03-02T13:30:00Z",
        "Smaller connection pool by way of the other",
        &[("pool.yaml", "size: 5\n")],
    )?;
    let program = home.command(["mcp"])?.get_program().to_string_lossy().into_owned();
    let rest = format!(
        "[[mcp]]\nname = \"other\"\ncommand = {program:?}\nargs = [\"mcp\", \"--repo\", {:?}]\ntools = [\"what_changed\", \"rollback\"]\n",
        other.path()
    );
    configure(&home, &model.base_url(), &rest)?;
    let ask =
        ["ask", "--repo", shop.path(), "--as-of", "2026-03-02T14:00Z", "--symptom", SYMPTOM, "--deepen"];
    let out = home.run(ask)?.ok()?;
    let first = &model.asked()[0];
    assert!(first.tools().contains(&"other__what_changed") && !first.tools().contains(&"other__diff"));
    let brief = first.messages()[1]["content"].as_str().unwrap();
    assert!(
        brief.contains("mcp:other: ") && brief.contains("rollback"),
        "what is not offered is said: {brief}"
    );
    assert!(
        out.contains(
            "Smaller connection pool by way of the other\". (only by text that anybody could have written)"
        ),
        "{out}"
    );
    Ok(())
}
