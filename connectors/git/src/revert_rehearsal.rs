//! Says what undoing a commit would do, and why it would not. Writes nothing, here or there; it asks the remote where
//! the branches stand and whether it would let us push. It must not know approvals.

use std::sync::Arc;
use std::time::Instant;

use git2::{Oid, Repository};
use hearback_core::ExternalText;
use hearback_core::action::Action;
use hearback_core::change::RepoPath;
use hearback_core::ports::{ConnectorError, Rehearsal};

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
    let Task::Revert(revert) = &scene.task;
    let (attempt, later) = try_on(&repository, scene.commit, onto, stop)?;
    let title = revert_commit::title(&repository, scene.commit)?;
    let (branch, remote) = (said(&revert.branch), said(&scene.remote));
    let mut says = vec![format!(
        "revert {} (\"{title}\") on {branch} of {}, which stands at {}",
        short(scene.commit),
        said(&own.name),
        short(onto)
    )];
    if let Fit::Clean { files, .. } = &attempt.fit {
        says.push(format!("change {}", list(files)));
    }
    says.push(format!(
        "push one commit by {} <{}> to {} of {remote}",
        said(&own.options.author.name),
        said(&own.options.author.email),
        said(&revert.push_to)
    ));
    if known_tip.is_none() && remote_tip.is_some() {
        says.push(format!(
            "{branch} has moved on {remote} since the last fetch; it is looked at anew right before the push"
        ));
    }
    if let Some(latest) = later.first() {
        let title = later_title(&repository, *latest);
        let (commits, touch) = match later.len() {
            1 => ("1 later commit".to_owned(), "touches"),
            many => (format!("{many} later commits"), "touch"),
        };
        says.push(format!("{commits} {touch} these files, the latest is {} ({title})", short(*latest)));
    }
    let refuses = match task::undone(revert, attempt) {
        Ok(_) => None,
        Err(ConnectorError::NotUsable(why)) => Some(why),
        Err(error) => return Err(error),
    };
    Ok((Rehearsal { says, refuses }, onto))
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
