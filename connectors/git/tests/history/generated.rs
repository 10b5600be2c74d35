//! Makes histories with the real `git`, at fixed dates, and asks both git and us about them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hearback_core::Window;
use hearback_core::change::{Change, ChangeKind, Lines, Paths, RepoPath};
use hearback_core::evidence::Fetched;
use hearback_core::ports::{ChangeQuery, ChangeSource};
use hearback_git::{GitChangeSource, GitOptions, WalkMode};
use jiff::{SignedDuration, Timestamp};

/// The day all histories begin, in seconds since 1970: 2023-11-14.
pub const START_S: i64 = 1_699_920_000;

/// Counted files of commits by sha, as `added deleted` or `- -`.
pub type Numstat = BTreeMap<String, BTreeMap<String, String>>;

pub fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(START_S + minutes * 60).unwrap()
}

pub fn window(from: i64, until: i64) -> Window {
    Window { from: at(from), until: at(until) }
}

/// A repository that is made commit by commit. Its clock gives the minutes since [`START_S`].
pub struct History {
    _dir: tempfile::TempDir,
    pub path: PathBuf,
    pub clock: i64,
    author: (String, String),
}

impl History {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shop");
        std::fs::create_dir(&path).unwrap();
        let history = History { _dir: dir, path, clock: 0, author: ("Ann".into(), "ann@example.com".into()) };
        history.git(&["init", "-q", "-b", "main"]);
        history
    }

    pub fn outside(&self, name: &str) -> PathBuf {
        self._dir.path().join(name)
    }

    pub fn author(&mut self, name: &str, email: &str) -> &mut Self {
        self.author = (name.into(), email.into());
        self
    }

    fn command(&self, dir: &Path) -> Command {
        let date = format!("{} +0000", START_S + self.clock * 60);
        let mut command = Command::new("git");
        command
            .current_dir(dir)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self._dir.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("GIT_NO_LAZY_FETCH", "1")
            .envs([("GIT_AUTHOR_NAME", &self.author.0), ("GIT_AUTHOR_EMAIL", &self.author.1)])
            .envs([("GIT_COMMITTER_NAME", "Bo"), ("GIT_COMMITTER_EMAIL", "bo@example.com")])
            .envs([("GIT_AUTHOR_DATE", &date), ("GIT_COMMITTER_DATE", &date)])
            .args(["-c", "core.attributesFile=/dev/null", "-c", "protocol.file.allow=always"])
            .args(["-c", "commit.gpgSign=false", "-c", "advice.detachedHead=false", "-c", "gc.auto=0"]);
        command
    }

    pub fn git(&self, args: &[&str]) -> String {
        self.git_in(&self.path, args)
    }

    pub fn git_in(&self, dir: &Path, args: &[&str]) -> String {
        let out = self.command(dir).args(args).output().unwrap();
        assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    /// Runs git with something on its standard input.
    pub fn git_with(&self, args: &[&str], input: &[u8]) -> String {
        use std::io::Write;
        let mut child =
            self.command(&self.path).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success(), "git {args:?}");
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    pub fn write(&mut self, name: &str, content: impl AsRef<[u8]>) -> &mut Self {
        let path = self.path.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    /// Commits everything ten minutes later; the sha.
    pub fn commit(&mut self, message: &str) -> String {
        self.clock += 10;
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "--allow-empty-message", "-m", message]);
        self.head()
    }

    /// Writes one file and commits it.
    pub fn change(&mut self, name: &str, content: &str, message: &str) -> String {
        self.write(name, content);
        self.commit(message)
    }

    pub fn merge(&mut self, others: &[&str], message: &str) -> String {
        self.clock += 10;
        let mut args = vec!["merge", "-q", "--no-ff", "--allow-unrelated-histories", "-m", message];
        args.extend(others);
        self.git(&args);
        self.head()
    }

    /// Merges; where that conflicts, keeps our side.
    pub fn merge_somehow(&self, other: &str) {
        let merge = ["merge", "-q", "--no-ff", "-m", "merge"];
        let merged = self.command(&self.path).args(merge).args(["-X", "ours", other]).output().unwrap();
        if !merged.status.success() {
            self.git(&["merge", "--abort"]);
            self.command(&self.path).args(merge).args(["-s", "ours", other]).output().unwrap();
        }
    }

    pub fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    /// What git counts. `--since-as-filter` tells the truth where clocks disagree.
    pub fn numstat(&self, dir: &Path, window: Window, extra: &[&str]) -> Numstat {
        let mut command = self.command(dir);
        command.args(["log", "-z", "--no-renames", "--numstat", "--format=%x01%H"]).args(extra);
        command.arg(format!("--since-as-filter={}", window.from.as_second()));
        command.arg(format!("--until={}", window.until.as_second() - 1));
        let out = command.output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        parse_numstat(&out.stdout)
    }
}

fn parse_numstat(out: &[u8]) -> Numstat {
    let mut numstat = Numstat::new();
    for block in out.split(|&b| b == 1).skip(1) {
        let (sha, rows) = block.split_at(40);
        let mut files = BTreeMap::new();
        for row in rows.split(|&b| b == 0) {
            let row = row.strip_prefix(b"\n").unwrap_or(row);
            let mut fields = row.splitn(3, |&b| b == b'\t').map(|f| String::from_utf8_lossy(f).into_owned());
            if let (Some(added), Some(deleted), Some(_)) = (fields.next(), fields.next(), fields.next()) {
                let path = row.splitn(3, |&b| b == b'\t').nth(2).unwrap();
                files.insert(RepoPath::from_bytes(path).as_str().to_owned(), format!("{added} {deleted}"));
            }
        }
        numstat.insert(String::from_utf8_lossy(sha).into_owned(), files);
    }
    numstat
}

/// What we counted.
pub fn ours(fetched: &Fetched<Change>) -> Numstat {
    let rows = |change: &Change| match &change.paths {
        Paths::Unknown => BTreeMap::from([("files".to_owned(), "unknown".to_owned())]),
        Paths::Known(paths) => paths
            .iter()
            .map(|path| {
                let lines = match path.lines {
                    Lines::Counted { added, deleted } => format!("{added} {deleted}"),
                    Lines::Binary => "- -".to_owned(),
                    Lines::Unknown => "unknown".to_owned(),
                };
                (path.path.as_str().to_owned(), lines)
            })
            .collect(),
    };
    let commits = fetched.items.iter().filter(|change| change.kind == ChangeKind::Commit);
    commits.map(|change| (change.id.sha().unwrap().to_owned(), rows(change))).collect()
}

pub fn open(path: &Path, options: GitOptions) -> GitChangeSource {
    GitChangeSource::open(path, None, options).unwrap()
}

pub fn ask(source: &GitChangeSource, window: Window) -> Fetched<Change> {
    ask_within(source, window, SignedDuration::from_mins(5))
}

pub fn ask_within(source: &GitChangeSource, window: Window, budget: SignedDuration) -> Fetched<Change> {
    block_on(source.changes(&ChangeQuery { window, budget })).unwrap()
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub fn first_parent() -> GitOptions {
    GitOptions { walk: WalkMode::FirstParent, ..GitOptions::default() }
}

/// The change with this sha.
pub fn find<'a>(fetched: &'a Fetched<Change>, sha: &str) -> &'a Change {
    fetched.items.iter().find(|change| change.id.sha() == Some(sha)).unwrap_or_else(|| panic!("no {sha}"))
}

/// Asks both about a window in both modes and expects the same.
pub fn assert_as_git(history: &History, window: Window) {
    for (options, extra) in [(GitOptions::default(), &[][..]), (first_parent(), &["--first-parent"][..])] {
        let theirs = history.numstat(&history.path, window, extra);
        assert_eq!(ours(&ask(&open(&history.path, options), window)), theirs, "{extra:?}");
    }
}
