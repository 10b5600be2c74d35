//! A real Prometheus that scrapes and a real Alertmanager that calls a webhook, configured as a user configures them.
//! They are killed and their folders removed when they are dropped. It must not know what is measured or who is called.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

/// How long a program may take to come up.
const START_WITHIN: Duration = Duration::from_secs(60);

/// A port that nobody listens on now. Whoever must be told of an address before it is taken asks here.
///
/// # Errors
/// There is none.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// A running program with a folder and a port of its own.
struct Daemon {
    program: &'static str,
    process: Child,
    port: u16,
    folder: TempDir,
}

impl Daemon {
    /// Starts `program` on `port` with arguments that name files of its folder, and waits until it is ready.
    fn start(
        program: &'static str,
        files: &[(&str, &str)],
        port: u16,
        arguments: impl FnOnce(&dyn Fn(&str) -> PathBuf) -> Vec<String>,
    ) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("hearback-story-").tempdir()?;
        for (name, content) in files {
            fs::write(folder.path().join(name), content)?;
        }
        let in_folder = |name: &str| folder.path().join(name);
        let process = Command::new(program)
            .args(arguments(&in_folder))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("log"))?)
            .spawn()
            .with_context(|| {
                format!("this test needs {program}: run `make test`, which installs it, or `apt-get install {program}`")
            })?;
        let mut daemon = Daemon { program, process, port, folder };
        daemon.wait_until_ready()?;
        Ok(daemon)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_WITHIN;
        while !self.get("/-/ready").is_ok_and(|answer| answer.starts_with("HTTP/1.0 200")) {
            if let Some(status) = self.process.try_wait()? {
                bail!("{} ended with {status}: {}", self.program, self.log());
            }
            ensure!(Instant::now() < deadline, "{} did not start in time: {}", self.program, self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn get(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A Prometheus that scrapes and evaluates rules.
pub struct Prometheus(Daemon);

impl Prometheus {
    /// Starts one on `port` with the content of its `prometheus.yml` and of the `rules.yml` beside it.
    ///
    /// # Errors
    /// It is not installed (the sentence says how to get it), or refuses what it is given.
    pub fn start(port: u16, config: &str, rules: &str) -> Result<Self> {
        let files = [("prometheus.yml", config), ("rules.yml", rules)];
        let daemon = Daemon::start("prometheus", &files, port, |path| {
            vec![
                format!("--config.file={}", path("prometheus.yml").display()),
                format!("--storage.tsdb.path={}", path("data").display()),
                format!("--web.listen-address=127.0.0.1:{port}"),
                "--log.level=warn".into(),
            ]
        })?;
        Ok(Prometheus(daemon))
    }

    /// What it answers to a GET of `path`, with its query: to say what was measured when a test fails.
    ///
    /// # Errors
    /// It does not answer within ten seconds.
    pub fn get(&self, path: &str) -> Result<String> {
        self.0.get(path)
    }

    /// What it logged: it says why an alert could not be sent.
    pub fn log(&self) -> String {
        self.0.log()
    }
}

/// An Alertmanager.
pub struct Alertmanager(Daemon);

impl Alertmanager {
    /// Starts one with the content of its `alertmanager.yml`.
    ///
    /// # Errors
    /// It is not installed (the sentence says how to get it), or refuses what it is given.
    pub fn start(config: &str) -> Result<Self> {
        let files = [("alertmanager.yml", config)];
        let port = free_port()?;
        let daemon = Daemon::start("prometheus-alertmanager", &files, port, |path| {
            vec![
                format!("--config.file={}", path("alertmanager.yml").display()),
                format!("--storage.path={}", path("data").display()),
                format!("--web.listen-address=127.0.0.1:{port}"),
                // Alone: no cluster.
                "--cluster.listen-address=".into(),
                "--log.level=warn".into(),
            ]
        })?;
        Ok(Alertmanager(daemon))
    }

    /// Where it is: `127.0.0.1:40123`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.0.port)
    }

    /// What it logged: it says why a webhook could not be called.
    pub fn log(&self) -> String {
        self.0.log()
    }
}
