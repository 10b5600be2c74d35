//! The files of the commit that is looked at, from git's objects: a bare repository has them too, and what lies in a
//! work tree uncommitted is not among them. It must not know what the files mean.

use git2::{ErrorCode, ObjectType, Oid, Repository, Tree};
use hearback_core::change::RepoPath;
use hearback_core::ports::ConnectorError;
use jiff::Timestamp;

use crate::objects::Objects;
use crate::question::Shared;
use crate::repositories::resolve;
use crate::stop::Stop;
use crate::works::tree_as_of;

/// A file that is larger is not read, in bytes.
pub(crate) const LARGEST_BYTES: usize = 4 << 20;
/// At most so many files are listed.
const MOST_FILES: usize = 200_000;
/// At most so many folders deep.
const DEEPEST: usize = 128;

/// The files of a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Their paths, in the order of git's trees. Symbolic links count, submodules do not.
    pub files: Vec<RepoPath>,
    /// Why some are not listed, if that is so.
    pub missing: Option<String>,
}

pub(crate) fn load_file(shared: &Shared, path: &str, stop: &Stop) -> Result<Option<Vec<u8>>, ConnectorError> {
    shared.repositories.with(|repository| {
        stop.check().map_err(|_| late())?;
        file_in(repository, &tree(repository, shared)?, path)
    })?
}

/// The same in the newest commit of the main line before `as_of`.
pub(crate) fn load_file_as_of(
    shared: &Shared,
    path: &str,
    as_of: Timestamp,
    stop: &Stop,
) -> Result<Option<Vec<u8>>, ConnectorError> {
    shared.repositories.with(|repository| {
        let objects = Objects::new(repository).map_err(|error| unreadable(path, &error))?;
        let Some(tree) = tree_as_of(shared, repository, &objects, as_of, stop)? else { return Ok(None) };
        let tree = repository.find_tree(tree).map_err(|error| unreadable(path, &error))?;
        file_in(repository, &tree, path)
    })?
}

fn file_in(repository: &Repository, tree: &Tree<'_>, path: &str) -> Result<Option<Vec<u8>>, ConnectorError> {
    let entry = match tree.get_path(std::path::Path::new(path)) {
        Ok(entry) => entry,
        // A folder on the way that a partial clone lacks looks the same as none.
        Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(path, &error)),
    };
    // 0o120000 is a symbolic link: its content is a path, and where it leads is not ours to read.
    if entry.kind() != Some(ObjectType::Blob) || entry.filemode() == 0o120_000 {
        return Ok(None);
    }
    let failed = |error: git2::Error| unreadable(path, &error);
    let (size, _) = repository.odb().and_then(|objects| objects.read_header(entry.id())).map_err(failed)?;
    if size > LARGEST_BYTES {
        let says = format!("{path} is larger than {} MB and is not read", LARGEST_BYTES >> 20);
        return Err(ConnectorError::NotUsable(says));
    }
    Ok(Some(repository.find_blob(entry.id()).map_err(failed)?.content().to_vec()))
}

pub(crate) fn load_paths(shared: &Shared, stop: &Stop) -> Result<Listing, ConnectorError> {
    shared.repositories.with(|repository| {
        let mut listing = Listing::default();
        let mut folders: Vec<(Vec<u8>, Oid, usize)> = vec![(Vec::new(), tree(repository, shared)?.id(), 0)];
        while let Some((prefix, oid, depth)) = folders.pop() {
            if stop.check().is_err() {
                listing.missing = Some("the time was up before every folder was listed".to_owned());
                break;
            }
            let Ok(tree) = repository.find_tree(oid) else {
                listing.missing = Some("some folders are not in this clone".to_owned());
                continue;
            };
            let mut below = Vec::new();
            for entry in tree.iter() {
                let mut path = prefix.clone();
                path.extend_from_slice(entry.name_bytes());
                match entry.kind() {
                    Some(ObjectType::Tree) if depth < DEEPEST => {
                        path.push(b'/');
                        below.push((path, entry.id(), depth + 1));
                    }
                    Some(ObjectType::Tree) => {
                        listing.missing = Some(format!("folders deeper than {DEEPEST} are not listed"));
                    }
                    Some(ObjectType::Blob) => listing.files.push(RepoPath::from_bytes(&path)),
                    _ => {}
                }
            }
            if listing.files.len() >= MOST_FILES {
                listing.missing = Some(format!("only the first {MOST_FILES} files are listed"));
                listing.files.truncate(MOST_FILES);
                break;
            }
            folders.extend(below.into_iter().rev());
        }
        Ok(listing)
    })?
}

fn tree<'r>(repository: &'r Repository, shared: &Shared) -> Result<Tree<'r>, ConnectorError> {
    let tip = resolve(repository, shared.options.revision.as_deref())?;
    let commit = repository.find_commit(tip.oid);
    commit.and_then(|commit| commit.tree()).map_err(|error| unreadable(&tip.called, &error))
}

fn late() -> ConnectorError {
    ConnectorError::Failed("the time was up before git's objects were read; ask again".to_owned())
}

fn unreadable(what: &str, error: &git2::Error) -> ConnectorError {
    ConnectorError::Failed(format!("{what} can't be read from git's objects: {}", error.message()))
}
