//! A server's repository, somebody's clone of it, and somebody else who works on the same branch.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use hearback_core::action::{Action, IdempotencyKey, Outcome, Receipt, RevertCommit};
use hearback_core::approval::ApprovedAction;
use hearback_core::ids::ChangeId;
use hearback_core::ports::{
    ActionExecutor, ConnectorError, Rehearsal, RevertFit, RevertPreview, RevertTrial, Trace,
};
use hearback_git::{CommitAuthor, GitReverts, RevertOptions};
use jiff::{SignedDuration, Timestamp};

use crate::approved::approved;
use crate::server::Daemon;

/// The day all histories begin, in seconds since 1970: 2023-11-14.
const START_S: i64 = 1_699_920_000;

pub fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(START_S + minutes * 60).unwrap()
}

/// Enough for anything that does not hang.
pub const LONG: SignedDuration = SignedDuration::from_mins(2);

/// What a test needs. `theirs` is where history is made; each commit goes to the server at once.
pub struct World {
    folder: tempfile::TempDir,
    pub server: PathBuf,
    pub theirs: PathBuf,
    pub mine: PathBuf,
    pub daemon: Option<Daemon>,
    clock: i64,
}

impl World {
    /// A server that is a path.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [server, theirs, mine] = ["shop.git", "theirs", "mine"].map(|name| folder.path().join(name));
        let world = World { folder, server, theirs, mine, daemon: None, clock: 0 };
        std::fs::create_dir(&world.server).unwrap();
        world.git(&world.server, &["init", "-q", "--bare", "-b", "main"]);
        std::fs::create_dir(&world.theirs).unwrap();
        world.git(&world.theirs, &["init", "-q", "-b", "main"]);
        world.git(&world.theirs, &["remote", "add", "origin", world.server.to_str().unwrap()]);
        world
    }

    /// A server that is reached over the network.
    pub fn served() -> Self {
        let mut world = World::new();
        world.daemon = Some(Daemon::start(world.folder.path()));
        world
    }

    pub fn outside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        vec![
            ("PATH".into(), std::env::var_os("PATH").unwrap_or_default()),
            ("HOME".into(), self.folder.path().into()),
            ("GIT_CONFIG_GLOBAL".into(), "/dev/null".into()),
            ("GIT_CONFIG_SYSTEM".into(), "/dev/null".into()),
        ]
    }

    pub fn command(&self, folder: &Path) -> Command {
        let date = format!("{} +0000", START_S + self.clock * 60);
        let mut command = Command::new("git");
        command.current_dir(folder).env_clear().envs(self.environment());
        command.envs([("GIT_AUTHOR_NAME", "Ann"), ("GIT_AUTHOR_EMAIL", "ann@example.com")]);
        command.envs([("GIT_COMMITTER_NAME", "Bo"), ("GIT_COMMITTER_EMAIL", "bo@example.com")]);
        command.envs([("GIT_AUTHOR_DATE", &date), ("GIT_COMMITTER_DATE", &date)]);
        command.args(["-c", "protocol.file.allow=always", "-c", "gc.auto=0", "-c", "commit.gpgSign=false"]);
        command
    }

    pub fn git(&self, folder: &Path, args: &[&str]) -> String {
        let out = self.command(folder).args(args).output().unwrap();
        assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    pub fn write(&mut self, name: &str, content: impl AsRef<[u8]>) -> &mut Self {
        let path = self.theirs.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    /// Commits what `theirs` holds, ten minutes later, and pushes it; the sha.
    pub fn commit(&mut self, message: &str) -> String {
        self.clock += 10;
        self.git(&self.theirs, &["add", "-A"]);
        self.git(
            &self.theirs,
            &["commit", "-q", "--allow-empty", "--allow-empty-message", "--cleanup=verbatim", "-m", message],
        );
        self.push();
        self.git(&self.theirs, &["rev-parse", "HEAD"])
    }

    pub fn push(&self) {
        self.git(&self.theirs, &["push", "-q", "origin", "HEAD"]);
    }

    pub fn change(&mut self, name: &str, content: impl AsRef<[u8]>, message: &str) -> String {
        self.write(name, content);
        self.commit(message)
    }

    /// Clones the server to `mine`, with work of its own in it that must not be touched.
    pub fn clone(&self) -> &Self {
        let url = match &self.daemon {
            Some(daemon) => daemon.url("shop.git"),
            None => format!("file://{}", self.server.display()),
        };
        self.git(self.folder.path(), &["clone", "-q", &url, self.mine.to_str().unwrap()]);
        self.git(&self.mine, &["checkout", "-q", "-b", "work"]);
        std::fs::write(self.mine.join("staged"), "staged\n").unwrap();
        self.git(&self.mine, &["add", "staged"]);
        std::fs::write(self.mine.join("loose"), "loose\n").unwrap();
        self
    }

    pub fn options(&self) -> RevertOptions {
        RevertOptions {
            branch: None,
            remote: None,
            author: CommitAuthor { name: "Hearback".into(), email: "hearback@example.com".into() },
            git: "git".into(),
            environment: self.environment(),
        }
    }

    pub fn reverts(&self) -> GitReverts {
        GitReverts::open(&self.mine, Some("shop"), self.options()).unwrap()
    }

    /// A commit of the server's branch.
    pub fn on_server(&self, branch: &str) -> String {
        self.git(&self.server, &["rev-parse", &format!("refs/heads/{branch}")])
    }

    pub fn is_on_server(&self, branch: &str) -> bool {
        let name = format!("refs/heads/{branch}");
        self.command(&self.server)
            .args(["show-ref", "--quiet", "--verify", &name])
            .status()
            .unwrap()
            .success()
    }

    pub fn trial(&self, commit: &str) -> Result<RevertTrial, ConnectorError> {
        let reverts = self.reverts();
        let id = ChangeId::commit("shop", commit).unwrap();
        let before = Snapshot::of(&self.mine);
        let objects = files(&self.mine.join(".git/objects"), &[]);
        let trial = block_on(reverts.try_revert(&id, LONG)).map(|trial| trial.unwrap());
        before.assert_same(&self.mine);
        assert_eq!(files(&self.mine.join(".git/objects"), &[]), objects, "an object was written");
        trial
    }

    /// The action that a trial leads to.
    pub fn action(&self, commit: &str, push_to: &str) -> Action {
        let trial = self.trial(commit).unwrap();
        assert_eq!(trial.fit, RevertFit::Clean);
        Action::RevertCommit(RevertCommit {
            repository: trial.repository,
            commit: trial.commit,
            branch: trial.branch,
            push_to: push_to.into(),
            expected: trial.expected,
        })
    }

    pub fn execute(&self, action: &Action) -> Outcome {
        self.execute_as(approved(action), at(1000), LONG)
    }

    /// Executes, and checks that nothing of anybody's was touched.
    pub fn execute_as(&self, approved: ApprovedAction, at: Timestamp, budget: SignedDuration) -> Outcome {
        let reverts = self.reverts();
        assert!(reverts.supports(approved.action()));
        let before = Snapshot::of(&self.mine);
        let outcome = block_on(reverts.execute(approved, at, budget));
        before.assert_same(&self.mine);
        outcome
    }

    pub fn rehearse(&self, action: &Action) -> Rehearsal {
        let reverts = self.reverts();
        let before = Snapshot::of(&self.mine);
        let objects = files(&self.mine.join(".git/objects"), &[]);
        let server = files(&self.server, &[]);
        let rehearsal = block_on(reverts.rehearse(action, LONG)).unwrap();
        before.assert_same(&self.mine);
        assert_eq!(files(&self.mine.join(".git/objects"), &[]), objects, "an object was written");
        assert_eq!(files(&self.server, &[]), server, "the server was written to");
        rehearsal
    }

    pub fn look(&self, action: &Action, key: &IdempotencyKey) -> Trace {
        let reverts = self.reverts();
        let before = Snapshot::of(&self.mine);
        let trace = block_on(reverts.look(action, key, LONG)).unwrap();
        before.assert_same(&self.mine);
        trace
    }
}

pub fn done(outcome: Outcome) -> Receipt {
    match outcome {
        Outcome::Done(receipt) => receipt,
        other => panic!("{other:?}"),
    }
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// All of a clone but its objects: work tree, index, HEAD, refs, their logs, configuration.
#[derive(PartialEq, Eq)]
pub struct Snapshot(BTreeMap<PathBuf, Vec<u8>>);

impl Snapshot {
    pub fn of(clone: &Path) -> Self {
        let git_dir = if clone.join(".git").is_dir() { clone.join(".git") } else { clone.to_owned() };
        Snapshot(files(clone, &[git_dir.join("objects")]))
    }

    pub fn assert_same(&self, clone: &Path) {
        let now = Snapshot::of(clone);
        let all = self.0.keys().chain(now.0.keys());
        let changed: Vec<&PathBuf> = all.filter(|path| self.0.get(*path) != now.0.get(*path)).collect();
        assert!(changed.is_empty(), "these were touched: {changed:?}");
    }
}

/// The files of a folder with what they hold.
pub fn files(folder: &Path, without: &[PathBuf]) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            if without.contains(&path) {
                continue;
            } else if kind.is_dir() {
                folders.push(path);
            } else if kind.is_symlink() {
                let to = std::fs::read_link(&path).unwrap();
                found.insert(path, to.to_string_lossy().into_owned().into_bytes());
            } else {
                let content = std::fs::read(&path).unwrap();
                found.insert(path, content);
            }
        }
    }
    found
}
