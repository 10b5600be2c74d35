//! A real PostgreSQL for tests: a private cluster from the system's binaries, on loopback, gone when it is dropped;
//! and a fresh database for each test. It knows nothing of what is stored in it.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

/// The environment variable that names a running server, whose user may create databases.
pub const URL_VARIABLE: &str = "HEARBACK_TEST_POSTGRES";

const USER: &str = "hearback";
const PASSWORD: &str = "loopback-only";
const START_WITHIN: Duration = Duration::from_secs(60);

/// A private server. It keeps its data across [`Cluster::kill`] and [`Cluster::restart`].
pub struct Cluster {
    binaries: PathBuf,
    owner: Option<(u32, u32)>,
    directory: TempDir,
    port: u16,
    server: Child,
}

impl Cluster {
    /// Makes a cluster and starts its server.
    ///
    /// # Errors
    /// If PostgreSQL is not installed (the sentence names the package) or does not start.
    pub fn start() -> Result<Cluster> {
        let binaries = find_binaries()?;
        let owner = owner_beside_root()?;
        let directory = tempfile::Builder::new().prefix("hearback-postgres-").tempdir()?;
        if let Some((user, group)) = owner {
            std::os::unix::fs::chown(directory.path(), Some(user), Some(group))?;
        }
        let password = directory.path().join("password");
        fs::write(&password, PASSWORD)?;
        let data = directory.path().join("data");
        let made = command(&binaries.join("initdb"), owner)
            .args(["--no-sync", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", "--username", USER])
            .arg("--pwfile")
            .arg(&password)
            .arg("--pgdata")
            .arg(&data)
            .output()?;
        ensure!(made.status.success(), "initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let server = spawn_server(&binaries, owner, directory.path(), port)?;
        let mut cluster = Cluster { binaries, owner, directory, port, server };
        cluster.wait_until_ready()?;
        Ok(cluster)
    }

    /// Its URL, with user and password, for the maintenance database.
    pub fn url(&self) -> String {
        format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    /// The same server as seen by somebody with this password.
    pub fn url_with_password(&self, password: &str) -> String {
        self.url().replace(PASSWORD, password)
    }

    /// Kills every process of the server at once, as the loss of the machine would.
    ///
    /// # Errors
    /// If the processes can't be listed or killed.
    pub fn kill(&mut self) -> Result<()> {
        // The supervisor first, so that it can't start another; its children then, by their parent's id.
        let children = Command::new("pgrep").args(["-P", &self.server.id().to_string()]).output()?;
        self.server.kill()?;
        for child in String::from_utf8_lossy(&children.stdout).split_whitespace() {
            Command::new("kill").args(["-9", child]).stderr(Stdio::null()).status()?;
        }
        self.server.wait()?;
        Ok(())
    }

    /// Starts the server again after [`Cluster::kill`]; it recovers.
    ///
    /// # Errors
    /// If it does not start in time.
    pub fn restart(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_WITHIN;
        loop {
            self.server = spawn_server(&self.binaries, self.owner, self.directory.path(), self.port)?;
            match self.wait_until_ready() {
                // A killed server's last child may hold the shared memory for a moment.
                Err(_) if Instant::now() < deadline && self.server.try_wait()?.is_some() => {}
                ready => return ready,
            }
        }
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_WITHIN;
        while run_sql(&self.url(), "SELECT 1").is_err() {
            if let Some(status) = self.server.try_wait()? {
                bail!("PostgreSQL ended with {status}: {}", self.log());
            }
            ensure!(Instant::now() < deadline, "PostgreSQL did not start in time: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // SIGQUIT: stop at once, and take the children along. The data is thrown away.
        let _ = Command::new("kill")
            .args(["-QUIT", &self.server.id().to_string()])
            .stderr(Stdio::null())
            .status();
        let _ = self.server.wait();
    }
}

/// An empty database, removed when it is dropped.
pub struct Database {
    server: String,
    name: String,
    _cluster: Option<Cluster>,
}

impl Database {
    /// Makes a database on the server that [`URL_VARIABLE`] names, or on one of its own.
    ///
    /// # Errors
    /// If there is no such server, or PostgreSQL is not installed.
    pub fn create() -> Result<Database> {
        match std::env::var(URL_VARIABLE) {
            Ok(server) => Database::create_on(&server, None),
            Err(_) => {
                let cluster = Cluster::start()?;
                let server = cluster.url();
                Database::create_on(&server, Some(cluster))
            }
        }
    }

    fn create_on(server: &str, cluster: Option<Cluster>) -> Result<Database> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("hearback_test_{}_{number}", std::process::id());
        run_sql(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))?;
        run_sql(server, &format!("CREATE DATABASE {name}"))?;
        Ok(Database { server: server.to_owned(), name, _cluster: cluster })
    }

    /// Its URL, with user and password.
    pub fn url(&self) -> String {
        let (base, query) = self.server.split_once('?').unwrap_or((&self.server, ""));
        let base = base.rsplit_once('/').map_or(base, |(base, _)| base);
        format!("{base}/{}?{query}", self.name)
    }

    /// Runs statements in it, past everything that guards it, and gives back what `psql` prints.
    ///
    /// # Errors
    /// If a statement fails.
    pub fn run(&self, sql: &str) -> Result<String> {
        run_sql(&self.url(), sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = run_sql(&self.server, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

fn run_sql(url: &str, sql: &str) -> Result<String> {
    let mut psql = Command::new(find_binaries()?.join("psql"));
    let ran = psql.args(["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]).output()?;
    ensure!(ran.status.success(), "psql: {}", String::from_utf8_lossy(&ran.stderr));
    Ok(String::from_utf8_lossy(&ran.stdout).into_owned())
}

/// Where Debian's packages put the programs: the newest version that is complete.
fn find_binaries() -> Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|version| {
            Some((version.file_name().to_str()?.parse::<u32>().ok()?, version.path().join("bin")))
        })
        .filter(|(_, bin)| ["initdb", "postgres", "psql"].iter().all(|name| bin.join(name).exists()))
        .max();
    let (_, binaries) = newest.context(
        "the tests need a real PostgreSQL: run `apt-get install postgresql` (its server need not be started)",
    )?;
    Ok(binaries)
}

/// PostgreSQL refuses to run as root: then it runs as `postgres`, or as `nobody`.
fn owner_beside_root() -> Result<Option<(u32, u32)>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let is_root = status
        .lines()
        .any(|line| line.strip_prefix("Uid:").and_then(|ids| ids.split_whitespace().nth(1)) == Some("0"));
    if !is_root {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let ids = |name: &str| {
        let fields: Vec<&str> =
            users.lines().map(|l| l.split(':').collect()).find(|f: &Vec<_>| f.first() == Some(&name))?;
        Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
    };
    let owner = ids("postgres").or_else(|| ids("nobody"));
    owner.map(Some).context("there is neither a user postgres nor a user nobody to run PostgreSQL as")
}

fn command(program: &Path, owner: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/").stdin(Stdio::null());
    if let Some((user, group)) = owner {
        command.gid(group).uid(user);
    }
    command
}

fn spawn_server(binaries: &Path, owner: Option<(u32, u32)>, directory: &Path, port: u16) -> Result<Child> {
    let log = fs::File::create(directory.join("log"))?;
    let server = command(&binaries.join("postgres"), owner)
        .arg("-D")
        .arg(directory.join("data"))
        .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="])
        .args(["-c", "max_connections=300"])
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()?;
    Ok(server)
}
