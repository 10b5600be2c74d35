//! Says what a revert or a patch would do, and why it would not. Writes nothing, here or there; it asks the remote where
//! the branches stand and whether it would let us push. It must not know approvals.

use std::sync::Arc;
use std::time::Instant;

use git2::{Oid, Repository};
use hearback_core::ExternalText;
use hearback_core::action::{Action, PushPatch, RevertCommit};
use hearback_core::change::RepoPath;
use hearback_core::ports::{ConnectorError, Rehearsal};

use crate::patch;
use crate::revert::{self, Fit, Path, short};
use crate::revert_commit;
use crate::revert_found::{scene, troubled};
use crate::revert_remote::Push;
use crate::revert_site::said;
use crate::reverts::{Own, Scene, left, try_on};
use crate::source::blocking;
use crate::stop::Stop;
use crate::task::{self, Task};

/// So many files are named in a sentence.
const NAMED: usize = 5;

/// Rehearses.
pub(crate) async fn rehearse(
    own: &Arc<Own>,
    action: &Action,
    until: Instant,
) -> Result<Rehearsal, ConnectorError> {
    let scene = match scene(own, action, until).await {
        Ok(found) => found,
        Err(ConnectorError::NotUsable(why)) => return Ok(Rehearsal { says: Vec::new(), refuses: Some(why) }),
        Err(error) => return Err(error),
    };
    let remote = own.remote(&scene);
    let (name, push_to) = (scene.task.branch(), scene.task.push_to());
    let heads = remote.heads(&[name, push_to], until).await;
    let heads = heads.map_err(|trouble| troubled(&scene, &trouble))?;
    let (branch, pushed) = (heads.first().copied().flatten(), heads.get(1).copied().flatten());
    let looked = {
        let (worker, scene) = (Arc::clone(own), scene.clone());
        blocking(left(until), move |stop| on_paper(&worker, &scene, branch, stop)).await
    };
    let (mut rehearsal, onto) = match looked {
        Ok(looked) => looked,
        Err(ConnectorError::NotUsable(why)) => return Ok(Rehearsal { says: Vec::new(), refuses: Some(why) }),
        Err(error) => return Err(error),
    };
    let is_own = scene.task.is_apart();
    if branch.is_none() {
        rehearsal.refuse(format!("there is no branch {} on {}", said(name), said(&scene.remote)));
    }
    if is_own && pushed.is_some() {
        rehearsal.refuse(format!("there is a branch {} on {} already", said(push_to), said(&scene.remote)));
    }
    if rehearsal.refuses.is_none() {
        // Any commit that is here does to ask whether we may; where the branch stands it changes nothing.
        let from = if is_own { None } else { branch };
        let push = Push { commit: onto, branch: push_to, from };
        let is_known = is_own || branch == Some(onto);
        if is_known && let Err(trouble) = remote.push_dry(push, until).await {
            rehearsal.refuse(format!("{} would not take it: {trouble}", said(&scene.remote)));
        }
    }
    Ok(rehearsal)
}

trait Refuses {
    fn refuse(&mut self, why: String);
}

impl Refuses for Rehearsal {
    /// The first reason stands.
    fn refuse(&mut self, why: String) {
        self.refuses.get_or_insert(why);
    }
}

/// What would be done, as far as it can be told from here; and the commit that it was tried on.
fn on_paper(
    own: &Own,
    scene: &Scene,
    remote_tip: Option<Oid>,
    stop: &Stop,
) -> Result<(Rehearsal, Oid), ConnectorError> {
    let repository = own.repositories.open_apart()?;
    revert::write_to_memory(&repository)?;
    let here = |oid: &Oid| repository.find_commit(*oid).is_ok();
    let known_tip = remote_tip.filter(here);
    let onto = match known_tip {
        Some(tip) => tip,
        None => scene.site.tip(&repository)?,
    };
    let on = On { own, scene, repository: &repository, onto };
    let Paper { mut says, more, refuses } = match &scene.task {
        Task::Revert(revert) => on.revert(revert, stop)?,
        Task::Patch(patch) => on.patch(patch, stop)?,
    };
    says.push(format!(
        "push one commit by {} <{}> to {} of {}",
        said(&own.options.author.name),
        said(&own.options.author.email),
        said(scene.task.push_to()),
        said(&scene.remote)
    ));
    if known_tip.is_none() && remote_tip.is_some() {
        says.push(format!(
            "{} has moved on {} since the last fetch; it is looked at anew right before the push",
            said(scene.task.branch()),
            said(&scene.remote)
        ));
    }
    says.extend(more);
    Ok((Rehearsal { says, refuses }, onto))
}

/// What would be done, in the words of its kind.
struct Paper {
    /// What would be made.
    says: Vec<String>,
    /// What is to be known besides.
    more: Option<String>,
    refuses: Option<String>,
}

/// Where it is tried.
struct On<'a> {
    own: &'a Own,
    scene: &'a Scene,
    repository: &'a Repository,
    onto: Oid,
}

impl On<'_> {
    fn revert(&self, revert: &RevertCommit, stop: &Stop) -> Result<Paper, ConnectorError> {
        let (attempt, later) = try_on(self.repository, self.scene.commit, self.onto, stop)?;
        let title = revert_commit::title(self.repository, self.scene.commit)?;
        let mut says = vec![format!(
            "revert {} (\"{title}\") on {} of {}, which stands at {}",
            short(self.scene.commit),
            said(&revert.branch),
            said(&self.own.name),
            short(self.onto)
        )];
        if let Fit::Clean { files, .. } = &attempt.fit {
            says.push(format!("change {}", list(files)));
        }
        let more = later.first().map(|latest| {
            let title = later_title(self.repository, *latest);
            let (commits, touch) = match later.len() {
                1 => ("1 later commit".to_owned(), "touches"),
                many => (format!("{many} later commits"), "touch"),
            };
            format!("{commits} {touch} these files, the latest is {} ({title})", short(*latest))
        });
        Ok(Paper { says, more, refuses: refusal(task::undone(revert, attempt))? })
    }

    fn patch(&self, patch: &PushPatch, stop: &Stop) -> Result<Paper, ConnectorError> {
        let attempt = patch::attempt(self.repository, self.scene.commit, self.onto, &patch.edits, stop)?;
        let title = revert_commit::title(self.repository, self.scene.commit)?;
        let mut says = vec![format!(
            "patch {}, touched by {} (\"{title}\"), as on {} of {}, which stands at {}",
            list(&task::files(patch)),
            short(self.scene.commit),
            said(&patch.branch),
            said(&self.own.name),
            short(self.onto)
        )];
        if let Ok(fitted) = &attempt.fit {
            let lines = |count: usize| format!("{count} line{}", if count == 1 { "" } else { "s" });
            says.push(format!("take out {} and put in {}", lines(fitted.out), lines(fitted.into)));
        }
        Ok(Paper { says, more: None, refuses: refusal(task::patched(patch, attempt))? })
    }
}

/// Why it would not be done, if it would not.
fn refusal<T>(made: Result<T, ConnectorError>) -> Result<Option<String>, ConnectorError> {
    match made {
        Ok(_) => Ok(None),
        Err(ConnectorError::NotUsable(why)) => Ok(Some(why)),
        Err(error) => Err(error),
    }
}

fn later_title(repository: &Repository, commit: Oid) -> String {
    let title = revert_commit::title(repository, commit).unwrap_or_default();
    format!("\"{title}\"")
}

/// Files in a sentence.
pub(crate) fn list(files: &[Path]) -> String {
    let name = |path: &Path| ExternalText::new(RepoPath::from_bytes(path).as_str()).for_people(100);
    let named: Vec<String> = files.iter().take(NAMED).map(name).collect();
    let count = match files.len() {
        1 => "1 file".to_owned(),
        many => format!("{many} files"),
    };
    let more = if files.len() > NAMED { " and more" } else { "" };
    format!("{count} ({}{more})", named.join(", "))
}
