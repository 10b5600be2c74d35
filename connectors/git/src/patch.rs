//! A small patch on top of a commit: in memory, without a work tree and without an index of anybody. Only files that the suspect
//! touched, only whole lines that stand there once. It must not know branches, remotes or who wants it.

use std::collections::{BTreeMap, BTreeSet};

use git2::build::TreeUpdateBuilder;
use git2::{DiffFormat, DiffLineType, DiffOptions, FileMode, ObjectType, Oid, Repository};
use hearback_core::ExternalText;
use hearback_core::hash::Digest;
use hearback_core::patch::{Edit, check_edits};
use hearback_core::ports::ConnectorError;
use hearback_core::text::hides;

use crate::objects::Objects;
use crate::revert::{self, Path, absent, late, unreadable};
use crate::stop::Stop;
use crate::tree::{self, File};

/// The largest file that is patched, in bytes.
const MOST_BYTES: usize = 1 << 20;
/// The longest line of a difference, in characters.
const LONGEST_LINE: usize = 400;
/// Lines around each place.
const CONTEXT: u32 = 3;

/// What comes of a patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Patched {
    /// The tree with it.
    pub(crate) tree: Oid,
    /// The files that are others in it, sorted.
    pub(crate) files: Vec<Path>,
    /// What these hold without it.
    pub(crate) expected: Digest,
    /// The difference, as people read it.
    pub(crate) diff: String,
}

/// Patches the tree of `onto`. The inner error says in a sentence why that can't be.
///
/// # Errors
/// [`ConnectorError::NotUsable`] for a clone that lacks objects.
pub(crate) fn attempt(
    repository: &Repository,
    suspect: Oid,
    onto: Oid,
    edits: &[Edit],
    stop: &Stop,
) -> Result<Result<Patched, String>, ConnectorError> {
    let late = |_| late();
    if let Err(error) = check_edits(edits) {
        return Ok(Err(error.to_string()));
    }
    let objects = Objects::new(repository).map_err(|error| unreadable("the repository", &error))?;
    let touched = match touched(repository, &objects, suspect)? {
        Ok(touched) => touched,
        Err(why) => return Ok(Err(why)),
    };
    stop.check().map_err(late)?;
    let tip = repository.find_commit(onto).and_then(|commit| commit.tree());
    let tip = tip.map_err(|error| unreadable(&revert::short(onto), &error))?;
    let mut of_files: BTreeMap<&str, Vec<&Edit>> = BTreeMap::new();
    edits.iter().for_each(|edit| of_files.entry(edit.path.as_str()).or_default().push(edit));
    let mut update = TreeUpdateBuilder::new();
    let mut files: Vec<Path> = Vec::new();
    for (path, edits) in of_files {
        let named = ExternalText::new(path).for_people(100);
        let not = |why: &str| Ok(Err(format!("{named} {why}")));
        let bytes: Path = path.as_bytes().into();
        if !touched.contains(&bytes) {
            return not("was not touched by the suspect");
        }
        if is_of_pipelines(path) {
            return not("says how code is built, merged or run, and a patch of that is made by hand");
        }
        let found = tree::find(&objects, tip.id(), &bytes).map_err(absent)?;
        let Some(file) = found.filter(|file| file.is_regular()) else { return not("is no file any more") };
        let content = objects.content_up_to(file.oid, ObjectType::Blob, MOST_BYTES).map_err(absent)?;
        let Some(content) = content else { return not("is too large to be patched") };
        let Ok(text) = std::str::from_utf8(&content) else { return not("is no text") };
        let text = match applied(text, &edits) {
            Ok(text) => text,
            Err(why) => return not(why),
        };
        let blob = repository.blob(text.as_bytes());
        let blob = blob.map_err(|error| unreadable("the result", &error))?;
        update.upsert(path, blob, mode(file));
        files.push(bytes);
        stop.check().map_err(late)?;
    }
    let tree = update.create_updated(repository, &tip).map_err(|error| unreadable("the result", &error))?;
    let diff = match difference(repository, tip.id(), tree, &files)? {
        Ok(diff) => diff,
        Err(why) => return Ok(Err(why)),
    };
    stop.check().map_err(late)?;
    let expected = revert::digest(&objects, tip.id(), &files)?;
    Ok(Ok(Patched { tree, files, expected, diff }))
}

/// The files that a commit touched.
fn touched(
    repository: &Repository,
    objects: &Objects<'_>,
    commit: Oid,
) -> Result<Result<BTreeSet<Path>, String>, ConnectorError> {
    let commit = match revert::undoable(repository, commit) {
        Ok(commit) => commit,
        Err(ConnectorError::NotUsable(_)) => {
            return Ok(Err(
                "the suspect is a merge or not here: which files it touched can't be told".to_owned()
            ));
        }
        Err(error) => return Err(error),
    };
    let before = match commit.parent_ids().next() {
        Some(parent) => {
            let parent = repository.find_commit(parent);
            Some(parent.map_err(|error| unreadable(&revert::short(commit.id()), &error))?.tree_id())
        }
        None => None,
    };
    let deltas = tree::diff(objects, before, Some(commit.tree_id())).map_err(absent)?;
    Ok(Ok(deltas.into_iter().map(|delta| delta.path).collect()))
}

fn mode(file: File) -> FileMode {
    if file.mode & 0o111 == 0 { FileMode::Blob } else { FileMode::BlobExecutable }
}

/// Whether a file says how code is built, merged or run. What stands there runs, with its secrets, as soon as a branch is
/// pushed, before anybody has read it once more.
fn is_of_pipelines(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let name = path.rsplit('/').next().unwrap_or_default();
    let folders = [
        ".github/",
        ".gitlab/",
        ".circleci/",
        ".buildkite/",
        ".husky/",
        ".woodpecker/",
        ".gitea/",
        ".forgejo/",
    ];
    let names =
        ["codeowners", "jenkinsfile", "azure-pipelines.yml", "bitbucket-pipelines.yml", "appveyor.yml"];
    name.starts_with(".git")
        || name.starts_with(".travis")
        || name.starts_with(".drone")
        || names.contains(&name)
        || folders.iter().any(|folder| path.starts_with(folder) || path.contains(&format!("/{folder}")))
}

/// The text with each place changed. Places are told by whole lines, each of which stands there as it is said, once together;
/// all are looked for in the text as it was. Line ends stay those of the file.
fn applied(text: &str, edits: &[&Edit]) -> Result<String, &'static str> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let bare: Vec<&str> = text.lines().collect();
    let mut places: Vec<(usize, usize, &str)> = Vec::new();
    for edit in edits {
        let wanted: Vec<&str> = edit.find.as_untrusted().lines().collect();
        let mut found = bare.windows(wanted.len().max(1)).enumerate().filter(|(_, window)| *window == wanted);
        match (found.next(), found.next()) {
            (Some((at, _)), None) => places.push((at, at + wanted.len(), edit.put.as_untrusted())),
            (Some(_), Some(_)) => return Err("has the lines that it changes more than once"),
            (None, _) => return Err("does not have the lines that it changes"),
        }
    }
    places.sort_unstable();
    if places.windows(2).any(|pair| matches!(pair, [(_, end, _), (begin, _, _)] if begin < end)) {
        return Err("is changed twice in one place");
    }
    let mut result = String::new();
    let mut next = 0;
    for (begin, end, put) in places {
        let of = |range: std::ops::Range<usize>| lines.get(range).unwrap_or_default();
        result.extend(of(next..begin).iter().copied());
        let replaced = of(begin..end);
        let ends = if replaced.first().is_some_and(|line| line.ends_with("\r\n")) { "\r\n" } else { "\n" };
        let is_open = replaced.last().is_some_and(|line| !line.ends_with('\n'));
        let new: Vec<&str> = put.lines().collect();
        for (place, line) in new.iter().enumerate() {
            result.push_str(line);
            // A file that ended without a line end still does.
            if place + 1 < new.len() || !is_open {
                result.push_str(ends);
            }
        }
        next = end;
    }
    result.extend(lines.get(next..).unwrap_or_default().iter().copied());
    if result == text { Err("would stay as it is") } else { Ok(result) }
}

/// The difference of some files, unified; the inner error if a person could not read it.
fn difference(
    repository: &Repository,
    old: Oid,
    new: Oid,
    files: &[Path],
) -> Result<Result<String, String>, ConnectorError> {
    let failed = |error: git2::Error| unreadable("the difference", &error);
    let mut options = DiffOptions::new();
    options.context_lines(CONTEXT).disable_pathspec_match(true).force_text(true);
    files.iter().for_each(|path| {
        options.pathspec(path.as_ref());
    });
    let (old, new) = (repository.find_tree(old).map_err(failed)?, repository.find_tree(new).map_err(failed)?);
    let diff = repository.diff_tree_to_tree(Some(&old), Some(&new), Some(&mut options)).map_err(failed)?;
    let mut text = String::new();
    let mut is_readable = true;
    diff.print(DiffFormat::Patch, |_, _, line| {
        let Ok(content) = std::str::from_utf8(line.content()) else {
            is_readable = false;
            return true;
        };
        for one in content.lines() {
            let shown = match line.origin_value() {
                DiffLineType::FileHeader if one.starts_with("--- ") || one.starts_with("+++ ") => {
                    one.to_owned()
                }
                DiffLineType::FileHeader => continue,
                DiffLineType::Context | DiffLineType::Addition | DiffLineType::Deletion => {
                    format!("{}{one}", line.origin())
                }
                _ => one.to_owned(),
            };
            is_readable &= shown.chars().count() <= LONGEST_LINE && !hides(&shown.replace('\t', " "));
            text.push_str(&shown);
            text.push('\n');
        }
        true
    })
    .map_err(failed)?;
    Ok(match is_readable && !text.is_empty() {
        true => Ok(text),
        false => {
            Err("the lines around it hold what a person can't see, or are too long to be read".to_owned())
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edit(find: &str, put: &str) -> Edit {
        Edit { path: "a".into(), find: find.into(), put: put.into() }
    }

    fn check(text: &str, edits: &[Edit], expect: Result<&str, &str>) {
        let edits: Vec<&Edit> = edits.iter().collect();
        assert_eq!(applied(text, &edits), expect.map(str::to_owned), "{text:?}");
    }

    #[test]
    fn whole_lines_are_changed_where_they_stand_once() {
        check("a\nb\nc\n", &[edit("b\n", "x\ny\n")], Ok("a\nx\ny\nc\n"));
        check("a\nb\nc\n", &[edit("b", "x")], Ok("a\nx\nc\n"));
        check("a\nb\nc\n", &[edit("b\n", "")], Ok("a\nc\n"));
        check("a\nb\nc\n", &[edit("a\nb\n", "x\n"), edit("c\n", "z\n")], Ok("x\nz\n"));
        check("a\nb\nc\n", &[edit("c\n", "a\n"), edit("a\n", "c\n")], Ok("c\nb\na\n"));
        check("a\nbb\n", &[edit("b", "x")], Err("does not have the lines that it changes"));
        check("  b\n", &[edit("b", "x")], Err("does not have the lines that it changes"));
        check("b\nb\n", &[edit("b", "x")], Err("has the lines that it changes more than once"));
        check("a\nb\nc\n", &[edit("a\nb", "x"), edit("b\nc", "y")], Err("is changed twice in one place"));
        check("a\nb\n", &[edit("b", "b")], Err("would stay as it is"));
        check("", &[edit("b", "x")], Err("does not have the lines that it changes"));
    }

    #[test]
    fn line_ends_stay_those_of_the_file() {
        check("a\r\nb\r\nc\r\n", &[edit("b\n", "x\ny\n")], Ok("a\r\nx\r\ny\r\nc\r\n"));
        check("a\nb", &[edit("b\n", "x\ny\n")], Ok("a\nx\ny"));
        check("a\nb", &[edit("a\n", "x\n")], Ok("x\nb"));
        check("a\r\nb\n", &[edit("a", "x")], Ok("x\r\nb\n"));
    }

    #[test]
    fn what_says_how_code_is_run_is_left_to_people() {
        for path in [
            ".github/workflows/ci.yml",
            "a/.github/x",
            ".gitmodules",
            "sub/.gitattributes",
            ".gitlab-ci.yml",
            "CODEOWNERS",
            "docs/CODEOWNERS",
            "Jenkinsfile",
            ".circleci/config.yml",
            ".Github/workflows/x.yml",
        ] {
            assert!(is_of_pipelines(path), "{path}");
        }
        for path in ["src/main.rs", "github/x.rs", "deploy/pool.yaml", "docs/git.md"] {
            assert!(!is_of_pipelines(path), "{path}");
        }
    }

    proptest! {
        #[test]
        fn nothing_but_the_lines_that_are_named_changes(
            before in prop::collection::vec("[a-c]{0,3}", 0..6),
            after in prop::collection::vec("[a-c]{0,3}", 0..6),
            put in prop::collection::vec("[x-z]{1,3}", 0..4),
        ) {
            let joined = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
            let text = format!("{}MARK\n{}", joined(&before), joined(&after));
            let edit = edit("MARK\n", &joined(&put));
            let expect = format!("{}{}{}", joined(&before), joined(&put), joined(&after));
            prop_assert_eq!(applied(&text, &[&edit]), Ok(expect));
        }
    }
}
