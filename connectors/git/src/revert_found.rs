//! Finds what an action left behind on the remote, and says it in a receipt. What is fetched for that goes into refs
//! of our own, which are gone when the work is over. It must not push.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use git2::{Oid, Repository, Sort};
use hearback_core::action::{Action, IdempotencyKey, Receipt};
use hearback_core::ports::{ConnectorError, Trace};

use crate::revert::{self, short};
use crate::revert_commit;
use crate::revert_remote::Trouble;
use crate::revert_site::said;
use crate::reverts::{Own, Scene, left};
use crate::source::blocking;
use crate::stop::Stop;

/// So many commits of a branch are searched for ours.
const SEARCHED: usize = 200;

/// How many runs there were.
static RUNS: AtomicU64 = AtomicU64::new(0);

/// Looks whether the action with this key was done.
pub(crate) async fn look(
    own: &Arc<Own>,
    action: &Action,
    key: &IdempotencyKey,
    until: Instant,
) -> Result<Trace, ConnectorError> {
    let scene = scene(own, action, until).await?;
    let Some(fetched) = Fetched::new(own, &scene, ("look", key), until).await? else {
        return Ok(Trace::NotFound(format!("neither branch is on {} any more", said(&scene.remote))));
    };
    let (worker, key) = (Arc::clone(own), key.clone());
    blocking(left(until), move |stop| {
        let repository = worker.repositories.open_apart()?;
        let here = fetched.read(&repository)?;
        match here.done_by(&repository, key.as_str(), stop)? {
            Some(made) => Ok(Trace::Done(receipt(&worker, &scene, made, here.branch))),
            None => Ok(Trace::NotFound(format!(
                "none of the last {SEARCHED} commits on {} and {} of {} was made by it",
                said(scene.task.branch()),
                said(scene.task.push_to()),
                said(&scene.remote)
            ))),
        }
    })
    .await
}

/// Where an action takes place.
pub(crate) async fn scene(own: &Arc<Own>, action: &Action, until: Instant) -> Result<Scene, ConnectorError> {
    let (worker, action) = (Arc::clone(own), action.clone());
    blocking(left(until), move |_| worker.scene(&action)).await
}

/// What a trouble with the remote means for who asked.
pub(crate) fn troubled(scene: &Scene, trouble: &Trouble) -> ConnectorError {
    ConnectorError::Failed(format!("{} could not be asked: {trouble}", said(&scene.remote)))
}

/// The branch and the branch that is pushed, fetched anew; the refs are gone when this is dropped.
pub(crate) struct Fetched {
    own: Arc<Own>,
    branch: Option<String>,
    pushed: Option<String>,
}

/// Where they stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stand {
    pub(crate) branch: Option<Oid>,
    /// The branch that is pushed, if that is another.
    pub(crate) pushed: Option<Oid>,
}

impl Fetched {
    /// Fetches those that are there; none if neither is.
    pub(crate) async fn new(
        own: &Arc<Own>,
        scene: &Scene,
        (purpose, key): (&str, &IdempotencyKey),
        until: Instant,
    ) -> Result<Option<Self>, ConnectorError> {
        let (remote, task) = (own.remote(scene), &scene.task);
        let heads = remote.heads(&[task.branch(), task.push_to()], until).await;
        let heads = heads.map_err(|trouble| troubled(scene, &trouble))?;
        // Two runs at once, of this process or of another, don't share them.
        let (process, run) = (std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed));
        let into = |part: &str| format!("refs/hearback/{purpose}-{}-{process}-{run}-{part}", key.as_str());
        let mut fetched = Fetched { own: Arc::clone(own), branch: None, pushed: None };
        let mut wanted = Vec::new();
        if let Some(Some(_)) = heads.first() {
            wanted.push((task.branch(), into("branch")));
            fetched.branch = Some(into("branch"));
        }
        if task.is_apart() && matches!(heads.get(1), Some(Some(_))) {
            wanted.push((task.push_to(), into("pushed")));
            fetched.pushed = Some(into("pushed"));
        }
        if wanted.is_empty() {
            return Ok(None);
        }
        remote.fetch(&wanted, until).await.map_err(|trouble| troubled(scene, &trouble))?;
        Ok(Some(fetched))
    }

    pub(crate) fn read(&self, repository: &Repository) -> Result<Stand, ConnectorError> {
        let read = |name: &Option<String>| {
            let commit = name.as_deref().map(|name| repository.find_reference(name)?.peel_to_commit());
            let failed = |error: git2::Error| {
                ConnectorError::Failed(format!("what was fetched can't be read again: {}", error.message()))
            };
            commit.transpose().map_err(failed).map(|commit| commit.map(|commit| commit.id()))
        };
        Ok(Stand { branch: read(&self.branch)?, pushed: read(&self.pushed)? })
    }
}

impl Drop for Fetched {
    fn drop(&mut self) {
        let Ok(repository) = self.own.repositories.open_apart() else { return };
        for name in [&self.branch, &self.pushed].into_iter().flatten() {
            // What could not be taken away stands in nobody's way.
            let _ = repository.find_reference(name).and_then(|mut reference| reference.delete());
        }
    }
}

impl Stand {
    /// The commit that the action with this key made.
    pub(crate) fn done_by(
        &self,
        repository: &Repository,
        key: &str,
        stop: &Stop,
    ) -> Result<Option<Oid>, ConnectorError> {
        let failed = |error: git2::Error| revert::unreadable("the history of the branch", &error);
        for from in [self.pushed, self.branch].into_iter().flatten() {
            let mut walk = repository.revwalk().map_err(failed)?;
            walk.set_sorting(Sort::TIME).map_err(failed)?;
            walk.push(from).map_err(failed)?;
            for oid in walk.take(SEARCHED) {
                stop.check().map_err(|_| revert::late())?;
                let oid = oid.map_err(failed)?;
                if revert_commit::has_key(&repository.find_commit(oid).map_err(failed)?, key) {
                    return Ok(Some(oid));
                }
            }
        }
        Ok(None)
    }
}

/// What is to be said of what is on the remote. `tip` is where its branch stands, if that is known.
pub(crate) fn receipt(own: &Own, scene: &Scene, made: Oid, tip: Option<Oid>) -> Receipt {
    let task = &scene.task;
    let did = task.did(scene.commit, made);
    let remote = said(&scene.remote);
    let link = scene.site.forge.as_ref().map(|forge| forge.commit(&made.to_string()));
    if task.is_apart() {
        let branch = said(task.push_to());
        let says =
            format!("{did}, and pushed it to {remote} as {branch}; to take it back, delete that branch");
        return Receipt { says, link, inverse: None, made: Some(made.to_string()) };
    }
    let inverse = tip.and_then(|tip| task.inverse(own, made, tip)).map(Box::new);
    let by_hand = match inverse {
        Some(_) => String::new(),
        None => format!("; to take it back, revert {} by hand", short(made)),
    };
    Receipt {
        says: format!("{did}, and pushed it to {remote}{by_hand}"),
        link,
        inverse,
        made: Some(made.to_string()),
    }
}

/// How much of what is left is kept back for looking what became of a push that was cut off.
pub(crate) fn kept_back(until: Instant) -> Instant {
    let left = until.saturating_duration_since(Instant::now());
    let kept = (left / 3).min(Duration::from_secs(10));
    until.checked_sub(kept).unwrap_or(until)
}
