//! A real Prometheus for tests: a private server on loopback over a history that was written beforehand, gone when it
//! is dropped. It scrapes nothing, so that the same history gives the same answers. It must not know who asks it.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hearback_core::Window;
use jiff::SignedDuration;
use tempfile::TempDir;

const START_WITHIN: Duration = Duration::from_secs(60);
const MISSING: &str =
    "the tests need a real Prometheus: run `make test`, which installs it, or `apt-get install prometheus`";

/// What was measured: samples in the OpenMetrics text form.
#[derive(Debug, Clone, Default)]
pub struct MetricHistory {
    text: String,
}

impl MetricHistory {
    /// Adds a series, such as `up{job="checkout"}`: a sample each `step`, whose value is a function of the seconds since
    /// the window's start.
    #[must_use]
    pub fn with(
        mut self,
        series: &str,
        window: Window,
        step: SignedDuration,
        value: impl Fn(i64) -> f64,
    ) -> Self {
        let (from, until, step) = (window.from.as_second(), window.until.as_second(), step.as_secs().max(1));
        let mut at = from;
        while at < until {
            let _ = writeln!(self.text, "{series} {} {at}", value(at - from));
            at += step;
        }
        self
    }
}

/// A private server.
pub struct Prometheus {
    port: u16,
    server: Child,
    directory: TempDir,
}

impl Prometheus {
    /// Writes `history` down as Prometheus stores it, and starts a server on it.
    ///
    /// # Errors
    /// If Prometheus is not installed (the sentence says how to get it), the history can't be read, or the server does
    /// not start.
    pub fn start(history: &MetricHistory) -> Result<Prometheus> {
        let directory = tempfile::Builder::new().prefix("hearback-prometheus-").tempdir()?;
        let (text, data) = (directory.path().join("history"), directory.path().join("data"));
        fs::write(&text, format!("{}# EOF\n", history.text))?;
        let made = Command::new("promtool")
            .args(["tsdb", "create-blocks-from", "openmetrics"])
            .args([&text, &data])
            .output()
            .context(MISSING)?;
        ensure!(made.status.success(), "promtool failed: {}", String::from_utf8_lossy(&made.stderr));
        let config = directory.path().join("prometheus.yml");
        fs::write(&config, "")?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let server = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            // What was measured long ago is not thrown away.
            .args(["--storage.tsdb.retention.time=100y", "--log.level=warn"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(directory.path().join("log"))?)
            .spawn()
            .context(MISSING)?;
        let mut prometheus = Prometheus { port, server, directory };
        prometheus.wait_until_ready()?;
        Ok(prometheus)
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The status line and the rest of what it answers to a GET of `path`, with its query.
    ///
    /// # Errors
    /// If it does not answer within ten seconds.
    pub fn get(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_WITHIN;
        while !self.get("/-/ready").is_ok_and(|answer| answer.starts_with("HTTP/1.0 200")) {
            if let Some(status) = self.server.try_wait()? {
                bail!("Prometheus ended with {status}: {}", self.log());
            }
            ensure!(Instant::now() < deadline, "Prometheus did not start in time: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // The data is thrown away; there is nothing to wait for.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
