//! Does it for good: looks at the remote once more, makes the commit, pushes it. Before the push begins
//! nothing can be unknown; once it has begun, what is not surely refused or surely done is looked up once, and is
//! unknown if that does not show it. It must not decide whether it may be done.

use std::sync::Arc;
use std::time::Instant;

use git2::Oid;
use hearback_core::action::{Outcome, Receipt};
use hearback_core::approval::ApprovedAction;
use hearback_core::ports::ConnectorError;
use jiff::Timestamp;

use crate::revert::short;
use crate::revert_commit;
use crate::revert_found::{self, Fetched, kept_back, receipt};
use crate::revert_remote::{Push, Pushed};
use crate::revert_site::said;
use crate::reverts::{Own, Scene, left};
use crate::source::blocking;

/// How often it is begun anew because the branch moved between the look and the push. Nothing was changed by then.
const ROUNDS: u32 = 3;

/// Does it.
pub(crate) async fn execute(
    own: &Arc<Own>,
    approved: &ApprovedAction,
    at: Timestamp,
    until: Instant,
) -> Outcome {
    let scene = match revert_found::scene(own, approved.action(), until).await {
        Ok(found) => found,
        Err(error) => return nothing_done(error),
    };
    if let Err(error) = scene.task.check_approved_in(approved.proposal()) {
        return nothing_done(error);
    }
    let mut rounds = 1;
    loop {
        let push = ready(own, &scene, approved, at, until).await;
        let round = match push {
            Err(error) => return nothing_done(error),
            Ok(Ready::Done(receipt)) => return Outcome::Done(receipt),
            Ok(Ready::Push { made, from, .. }) => Round { own, scene: &scene, made, from },
        };
        match round.push(until).await {
            Ended::As(outcome) => return outcome,
            Ended::Moved if rounds < ROUNDS => rounds += 1,
            Ended::Moved => {
                return not_as_expected(format!("{} moves all the time", said(scene.task.push_to())));
            }
        }
    }
}

/// What is to be done.
enum Ready {
    /// Nothing: it was done.
    Done(Receipt),
    /// This commit is to be pushed, if the branch stands there.
    Push { made: Oid, from: Option<Oid>, _keep: Fetched },
}

/// Looks at the target and makes the commit.
async fn ready(
    own: &Arc<Own>,
    scene: &Scene,
    approved: &ApprovedAction,
    at: Timestamp,
    until: Instant,
) -> Result<Ready, ConnectorError> {
    let gone = || {
        let says = format!("there is no branch {} on {}", said(scene.task.branch()), said(&scene.remote));
        ConnectorError::NotUsable(says)
    };
    let fetched = Fetched::new(own, scene, ("execute", approved.key()), until).await?;
    let fetched = fetched.ok_or_else(gone)?;
    let (worker, scene) = (Arc::clone(own), scene.clone());
    let key = approved.key().as_str().to_owned();
    let wording = revert_commit::wording(approved);
    blocking(left(until), move |stop| {
        let (repository, task) = (worker.repositories.open_apart()?, &scene.task);
        let stand = fetched.read(&repository)?;
        if let Some(made) = stand.done_by(&repository, &key, stop)? {
            return Ok(Ready::Done(receipt(&worker, &scene, made, stand.branch)));
        }
        if stand.pushed.is_some() {
            return Err(ConnectorError::NotUsable(format!(
                "there is a branch {} on {} already, and it is not of this action",
                said(task.push_to()),
                said(&scene.remote)
            )));
        }
        let tip = stand.branch.ok_or_else(|| {
            ConnectorError::NotUsable(format!("there is no branch {} on the remote", said(task.branch())))
        })?;
        let made = task.make(&repository, (scene.commit, tip), &wording, stop)?;
        let made = revert_commit::make(&repository, &made, tip, &worker.options.author, at)?;
        let from = (!task.is_apart()).then_some(tip);
        Ok(Ready::Push { made, from, _keep: fetched })
    })
    .await
}

/// One attempt to push.
struct Round<'a> {
    own: &'a Arc<Own>,
    scene: &'a Scene,
    made: Oid,
    from: Option<Oid>,
}

enum Ended {
    As(Outcome),
    /// The branch moved under our hands, and nothing was pushed.
    Moved,
}

impl Round<'_> {
    async fn push(&self, until: Instant) -> Ended {
        let remote = self.own.remote(self.scene);
        let push = Push { commit: self.made, branch: self.scene.task.push_to(), from: self.from };
        let pushed_by = kept_back(until);
        // What would fail before anything is sent fails here, where it is surely nothing: who may not push, a server
        // that is away, a branch that moved.
        if let Err(trouble) = remote.push_dry(push, pushed_by).await {
            return self.refused(&trouble.to_string(), until).await;
        }
        match remote.push(push, pushed_by).await {
            Err(error) => Ended::As(nothing_done(ConnectorError::Failed(error.to_string()))),
            Ok(Pushed::Taken) => self.done().await,
            Ok(Pushed::Refused(why)) => self.refused(&why, until).await,
            Ok(Pushed::Unclear(why)) => self.look_up(&why, until).await,
        }
    }

    /// Nothing was changed by us. It may be that somebody did the very same, or something else.
    async fn refused(&self, why: &str, until: Instant) -> Ended {
        match self.head(until).await {
            Some(head) if head == Some(self.made) => self.done().await,
            Some(head) if head != self.from => Ended::Moved,
            _ => {
                let says = format!("{} did not take it: {why}", said(&self.scene.remote));
                Ended::As(nothing_done(ConnectorError::Failed(says)))
            }
        }
    }

    /// Something may have been changed.
    async fn look_up(&self, why: &str, until: Instant) -> Ended {
        let looked = self.head(until).await;
        if looked == Some(Some(self.made)) {
            return self.done().await;
        }
        let found = match looked {
            Some(_) => "it is not there so far",
            None => "it could not be looked up",
        };
        Ended::As(Outcome::Unknown {
            why: format!(
                "the push of {} to {} of {} was cut off ({why}), and {found}; look there before anything else is done",
                short(self.made),
                said(self.scene.task.push_to()),
                said(&self.scene.remote)
            ),
        })
    }

    /// Where the branch stands; the outer none if that can't be told.
    async fn head(&self, until: Instant) -> Option<Option<Oid>> {
        let heads = self.own.remote(self.scene).heads(&[self.scene.task.push_to()], until).await;
        heads.ok()?.first().copied()
    }

    async fn done(&self) -> Ended {
        let (own, scene, made) = (Arc::clone(self.own), self.scene.clone(), self.made);
        // It is done, whatever comes of this; what it takes has its own bound.
        let told = tokio::task::spawn_blocking(move || receipt(&own, &scene, made, Some(made))).await;
        let receipt = told.unwrap_or_else(|_| Receipt {
            says: self.scene.task.did(self.scene.commit, made),
            link: None,
            inverse: None,
            made: Some(made.to_string()),
        });
        Ended::As(Outcome::Done(receipt))
    }
}

fn not_as_expected(why: String) -> Outcome {
    Outcome::NotAsExpected { why: format!("{why}; nothing was pushed") }
}

/// How an error before the push ends it.
fn nothing_done(error: ConnectorError) -> Outcome {
    match error {
        ConnectorError::NotUsable(why) => not_as_expected(why),
        other => Outcome::Failed { why: format!("{other}; nothing was pushed") },
    }
}
