//! Where commits are undone: the remote, the branch that runs in production, and the names of refs. Reads the
//! repository's configuration and refs; it must not know the network.

use git2::{Direction, ErrorCode, Oid, Reference, Repository};
use hearback_core::ExternalText;
use hearback_core::ports::ConnectorError;

use crate::link::Forge;
use crate::repositories;
use crate::reverts::RevertOptions;

/// Branches of our own begin with this; no other is made.
const OWN_BRANCHES: &str = "hearback/";
/// The remote that git itself takes.
const USUAL_REMOTE: &str = "origin";

/// Where commits are undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Site {
    /// The remote; none if the repository has none.
    pub(crate) remote: Option<String>,
    /// The branch that runs in production.
    pub(crate) branch: String,
    pub(crate) forge: Option<Forge>,
}

impl Site {
    /// What the options and the repository say.
    pub(crate) fn find(repository: &Repository, options: &RevertOptions) -> Result<Self, ConnectorError> {
        if repository.is_shallow() {
            return Err(ConnectorError::NotUsable(
                "this clone is shallow, and what was built on a commit may lie beyond its edge; run `git fetch \
                 --unshallow`"
                    .to_owned(),
            ));
        }
        let remote = remote(repository, options.remote.as_deref())?;
        let branch = match &options.branch {
            Some(branch) => branch.clone(),
            None => usual_branch(repository, remote.as_deref())?,
        };
        check_branch(&branch)?;
        let forge = remote.as_deref().and_then(|remote| repositories::forge_of(repository, remote));
        Ok(Site { remote, branch, forge })
    }

    /// The branch as of the last fetch; the local one where there is no remote.
    pub(crate) fn tip(&self, repository: &Repository) -> Result<Oid, ConnectorError> {
        let full = full_name(&self.branch);
        let (name, mend) = match &self.remote {
            None => (full, format!("there is no branch {}; name another", said(&self.branch))),
            Some(remote) => (
                fetched_to(repository, remote, &full)?.unwrap_or(full),
                format!(
                    "branch {} of {} was never fetched; run `git fetch`, or name another",
                    said(&self.branch),
                    said(remote)
                ),
            ),
        };
        let tip = repository.find_reference(&name).and_then(|found| found.peel_to_commit());
        tip.map(|commit| commit.id()).map_err(|error| match error.code() {
            ErrorCode::NotFound => ConnectorError::NotUsable(mend),
            _ => ConnectorError::Failed(format!("{} can't be read: {}", said(&name), error.message())),
        })
    }

    /// The remote that is pushed to.
    pub(crate) fn pushed_to(&self, repository: &Repository) -> Result<String, ConnectorError> {
        let Some(remote) = &self.remote else {
            let says = "the repository has no remote, so there is nothing to push to";
            return Err(ConnectorError::NotUsable(says.to_owned()));
        };
        let places = |key: &str| {
            let config = repository.config()?.snapshot()?;
            let mut values = config.multivar(&format!("remote.{remote}.{key}"), None)?;
            let mut places = 0;
            while values.next().transpose()?.is_some() {
                places += 1;
            }
            Ok::<usize, git2::Error>(places)
        };
        let pushed = places("pushurl").unwrap_or(0);
        let places = if pushed == 0 { places("url").unwrap_or(0) } else { pushed };
        if places != 1 {
            return Err(ConnectorError::NotUsable(format!(
                "{} stands for {places} places to push to, and it could not be told in which of them it was done; name a \
                 remote with one",
                said(remote)
            )));
        }
        Ok(remote.clone())
    }
}

/// The ref of a branch.
pub(crate) fn full_name(branch: &str) -> String {
    format!("refs/heads/{branch}")
}

/// Refuses what is no name of a branch, or would be read as something else by a program.
pub(crate) fn check_branch(branch: &str) -> Result<(), ConnectorError> {
    let is_fine = Reference::is_valid_name(&full_name(branch))
        && !branch.starts_with('-')
        && branch != "HEAD"
        && !branch.chars().any(char::is_control);
    let says = || format!("\"{}\" is no name of a branch", said(branch));
    is_fine.then_some(()).ok_or_else(|| ConnectorError::NotUsable(says()))
}

/// Refuses to push to anything but the branch itself and branches of our own.
pub(crate) fn check_push_to(push_to: &str, branch: &str) -> Result<(), ConnectorError> {
    check_branch(push_to)?;
    if push_to == branch || push_to.starts_with(OWN_BRANCHES) {
        return Ok(());
    }
    Err(ConnectorError::NotUsable(format!(
        "a revert is pushed to {} itself or to a branch that begins with {OWN_BRANCHES}, never to {}",
        said(branch),
        said(push_to)
    )))
}

/// Refuses to push a patch to anything but a branch of our own.
pub(crate) fn check_own_branch(push_to: &str, branch: &str) -> Result<(), ConnectorError> {
    check_branch(push_to)?;
    if push_to != branch && push_to.starts_with(OWN_BRANCHES) {
        return Ok(());
    }
    Err(ConnectorError::NotUsable(format!(
        "a patch is pushed to a branch of its own that begins with {OWN_BRANCHES}, never to {}",
        said(push_to)
    )))
}

/// Whether a branch of our own is of this incident: called as it, or as something of it.
pub(crate) fn is_of_incident(branch: &str, incident: &str) -> bool {
    let rest = branch.strip_prefix(OWN_BRANCHES).and_then(|name| name.strip_prefix(incident));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '/']))
}

/// A name of somebody's, for people.
pub(crate) fn said(name: &str) -> String {
    ExternalText::new(name).for_people(100)
}

fn remote(repository: &Repository, wanted: Option<&str>) -> Result<Option<String>, ConnectorError> {
    let names = repository
        .remotes()
        .map_err(|error| ConnectorError::Failed(format!("the remotes can't be read: {}", error.message())))?;
    let names: Vec<&str> = names.iter().filter_map(|name| name.ok().flatten()).collect();
    let chosen = match (wanted, names.as_slice()) {
        (Some(wanted), names) if !names.contains(&wanted) => {
            let says = format!("there is no remote {}; `git remote` lists those there are", said(wanted));
            return Err(ConnectorError::NotUsable(says));
        }
        (Some(wanted), _) => wanted,
        (None, []) => return Ok(None),
        (None, names) if names.contains(&USUAL_REMOTE) => USUAL_REMOTE,
        (None, [only]) => only,
        (None, _) => {
            let says = "there are several remotes and none is called origin; name the one to push to";
            return Err(ConnectorError::NotUsable(says.to_owned()));
        }
    };
    Ok(Some(chosen.to_owned()))
}

/// The branch that a clone begins on.
fn usual_branch(repository: &Repository, remote: Option<&str>) -> Result<String, ConnectorError> {
    let target = |name: &str| {
        let head = repository.find_reference(name).ok()?;
        head.symbolic_target().ok().flatten().map(str::to_owned)
    };
    let found = match remote {
        Some(remote) => {
            let prefix = format!("refs/remotes/{remote}/");
            let of_remote = target(&format!("{prefix}HEAD"));
            match of_remote.as_deref().and_then(|name| name.strip_prefix(&prefix)) {
                Some(branch) => Some(branch.to_owned()),
                // A bare clone keeps the branches of the remote as its own.
                None if repository.is_bare_clone(remote) => local_head(&target),
                None => None,
            }
        }
        None => local_head(&target),
    };
    found.ok_or_else(|| {
        let says = "it can't be told which branch runs in production; name it";
        ConnectorError::NotUsable(says.to_owned())
    })
}

fn local_head(target: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    target("HEAD")?.strip_prefix("refs/heads/").map(str::to_owned)
}

/// Where a fetch puts a ref of a remote; none if it puts it nowhere.
fn fetched_to(repository: &Repository, remote: &str, full: &str) -> Result<Option<String>, ConnectorError> {
    let remote = repository
        .find_remote(remote)
        .map_err(|error| ConnectorError::Failed(format!("the remote can't be read: {}", error.message())))?;
    let mut specs = remote.refspecs().filter(|spec| spec.direction() == Direction::Fetch);
    let to = specs.find_map(|spec| {
        let to = spec.src_matches(full).then(|| spec.transform(full).ok())??;
        to.as_str().ok().map(str::to_owned)
    });
    Ok(to)
}

trait Fetches {
    fn is_bare_clone(&self, remote: &str) -> bool;
}

impl Fetches for Repository {
    /// Whether a fetch from the remote leaves no refs of its own: `git clone --bare`, `git clone --mirror`.
    fn is_bare_clone(&self, remote: &str) -> bool {
        let probe = full_name("main");
        fetched_to(self, remote, &probe).is_ok_and(|to| to.is_none_or(|to| to == probe))
    }
}
