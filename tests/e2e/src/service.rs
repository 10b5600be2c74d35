//! The real `hearback serve` on a port of its own, and requests to it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use ureq::Agent;

use crate::Home;

/// How long anything is polled for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running service. It is killed when dropped.
pub struct Service {
    child: Child,
    /// Kept open: a service that can't print would end.
    _out: BufReader<ChildStdout>,
    /// Where it listens: `http://127.0.0.1:40123`.
    pub url: String,
    /// The token of its first start; empty at a later one.
    pub token: String,
    agent: Agent,
}

/// What a request got.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The media type.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as JSON of a request that succeeded.
    ///
    /// # Errors
    /// It did not succeed.
    pub fn ok(self) -> Result<Value> {
        ensure!((200..300).contains(&self.status), "{}: {}", self.status, self.text());
        Ok(self.json())
    }
}

impl Service {
    /// Starts it in `home`, with the configuration that is there.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(home: &Home) -> Result<Self> {
        let mut child = home
            .command(["serve", "--listen", "127.0.0.1:0"])?
            .env("HEARBACK_LOG", "warn")
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        let mut out = BufReader::new(child.stdout.take().context("a piped output")?);
        let (mut url, mut token) = (String::new(), String::new());
        let mut line = String::new();
        while url.is_empty() {
            line.clear();
            if out.read_line(&mut line)? == 0 {
                bail!("hearback serve ended before it listened: {:?}", child.wait()?);
            }
            if line.starts_with("hb_") {
                token = line.trim().to_owned();
            }
            if let Some((_, rest)) = line.split_once(" on http://") {
                url = format!("http://{}", rest.split_whitespace().next().unwrap_or_default());
            }
        }
        let config =
            Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build();
        Ok(Service { child, _out: out, url, token, agent: config.into() })
    }

    /// Sends a request as it is. `headers` holds names and values.
    ///
    /// # Errors
    /// There was no answer.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Reply> {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = self.agent.run(request.body(body)?)?;
        let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let mut body = Vec::new();
        response.body_mut().as_reader().read_to_end(&mut body)?;
        Ok(Reply { status: response.status().as_u16(), content_type, body })
    }

    /// Reads a page with the first token.
    ///
    /// # Errors
    /// There was no answer.
    pub fn get(&self, path: &str) -> Result<Reply> {
        self.send("GET", path, &[("authorization", &format!("Bearer {}", self.token))], b"")
    }

    /// Sends JSON with the first token.
    ///
    /// # Errors
    /// There was no answer.
    pub fn post(&self, path: &str, body: &Value) -> Result<Reply> {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        self.send("POST", path, &headers, &serde_json::to_vec(body)?)
    }

    /// Asks again and again until `wanted` is content with a page.
    ///
    /// # Errors
    /// It was not in time.
    pub fn wait_for<T>(&self, path: &str, mut wanted: impl FnMut(&Value) -> Option<T>) -> Result<T> {
        let until = Instant::now() + PATIENCE;
        loop {
            let last = self.get(path)?;
            if let Some(found) = wanted(&last.json()) {
                return Ok(found);
            }
            ensure!(
                Instant::now() < until,
                "{path} never said what was waited for; at last: {}",
                last.text()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Ends it with `signal`, and says with which exit code it ended; none if the signal itself ended it.
    ///
    /// # Errors
    /// It does not end.
    pub fn end(mut self, signal: &str) -> Result<Option<i32>> {
        std::process::Command::new("kill").args([signal, &self.child.id().to_string()]).status()?;
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.code());
            }
            ensure!(Instant::now() < until, "the service did not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
