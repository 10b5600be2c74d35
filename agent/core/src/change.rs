//! A change: anything that made production different from what it was. Commits are one kind of many.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{ChangeId, ServiceName, SourceName};
use crate::text::ExternalText;

/// What kind of change it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A release of a service to an environment; it `delivers` commits.
    Deploy,
    /// A commit to a repository.
    Commit,
    /// A configuration value outside a repository.
    Config,
    /// A feature flag.
    Flag,
    /// Machines, networks, databases, clusters.
    Infra,
    /// A schema or data migration.
    Migration,
    /// A certificate issued, rotated or expired.
    Certificate,
    /// A scheduled job, or its schedule.
    Schedule,
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            ChangeKind::Deploy => "deploy",
            ChangeKind::Commit => "commit",
            ChangeKind::Config => "config",
            ChangeKind::Flag => "flag",
            ChangeKind::Infra => "infra",
            ChangeKind::Migration => "migration",
            ChangeKind::Certificate => "certificate",
            ChangeKind::Schedule => "schedule",
        })
    }
}

/// A path inside a repository. Git paths are bytes: what is not UTF-8 is written `\xNN` and a backslash `\\`,
/// so that no two paths look alike and every one can be printed as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RepoPath(String);

impl RepoPath {
    /// Takes the bytes of a git path.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        // Nearly all paths: nothing to escape.
        if let Ok(path) = std::str::from_utf8(bytes)
            && !bytes.contains(&b'\\')
        {
            return RepoPath(path.to_owned());
        }
        let mut path = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            for c in chunk.valid().chars() {
                if c == '\\' {
                    path.push_str("\\\\");
                } else {
                    path.push(c);
                }
            }
            for byte in chunk.invalid() {
                path.push_str(&format!("\\x{byte:02x}"));
            }
        }
        RepoPath(path)
    }

    /// The path, escaped. Somebody outside chose it: print it through [`ExternalText::for_people`].
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part after the last slash.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

impl From<&str> for RepoPath {
    fn from(path: &str) -> Self {
        RepoPath::from_bytes(path.as_bytes())
    }
}

/// How many lines of a file a change touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lines {
    /// Counted as `git log --numstat` counts them.
    Counted {
        /// Lines added.
        added: u32,
        /// Lines deleted.
        deleted: u32,
    },
    /// The content is not text.
    Binary,
    /// The content is not here (a partial clone) or was not counted.
    Unknown,
}

/// A file that a change touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathChange {
    /// The path after the change, or before it for a deleted file.
    pub path: RepoPath,
    /// Lines added and deleted.
    pub lines: Lines,
    /// Where the same content was before, if the file was moved unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<RepoPath>,
}

/// The files of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Paths {
    /// All of them, in path order. A merge, a flag or a certificate has none of its own.
    Known(Vec<PathChange>),
    /// Not known: a tree or a parent is absent (shallow or partial clone).
    Unknown,
}

impl Paths {
    /// The known files; none if they are not known.
    pub fn as_slice(&self) -> &[PathChange] {
        match self {
            Paths::Known(paths) => paths,
            Paths::Unknown => &[],
        }
    }
}

/// Who made a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// The name, after `.mailmap`.
    pub name: ExternalText,
    /// The e-mail address, after `.mailmap`, if the source has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<ExternalText>,
    /// A person or a program.
    pub nature: Nature,
}

/// A person or a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nature {
    /// A person, as far as can be told.
    Person,
    /// A program: a dependency updater, a release job.
    Bot,
}

/// A revert seen from the change that was reverted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevertedBy {
    /// The reverting change.
    pub by: ChangeId,
    /// When the revert took effect.
    pub at: Timestamp,
}

/// How a change is linked to others by reverts and relands. Links are known to both sides when both are visible.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revert {
    /// The changes this one reverts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reverts: Vec<ChangeId>,
    /// The visible changes that reverted this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reverted_by: Vec<RevertedBy>,
    /// The changes this one lands again after they were reverted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relands: Vec<ChangeId>,
    /// The message says revert or reland, whether or not the other side is visible.
    #[serde(default)]
    pub says: Says,
}

/// What a change's own message says of reverting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    /// Nothing.
    #[default]
    Nothing,
    /// It reverts something.
    Reverts,
    /// It lands something again.
    Relands,
}

/// Whether a change had taken effect when the question was asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Landed {
    /// It had.
    #[default]
    Yes,
    /// It was written, but not merged yet.
    NotYet,
}

/// Whether somebody other than its author looked at a change before it took effect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Review {
    /// The source does not say.
    #[default]
    Unknown,
    /// Somebody approved it: a pull request, a change ticket.
    Approved,
    /// The source knows of reviews, and there is none.
    Missing,
}

impl Review {
    fn is_unknown(&self) -> bool {
        *self == Review::Unknown
    }
}

/// What a rollout brought to the place it went to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// The version that it brought, as its system calls it: a sha, a tag, a build.
    pub version: String,
    /// The version that ran there before, if the source knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

/// Anything that made production different from what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Unique across all sources.
    pub id: ChangeId,
    /// What kind of change.
    pub kind: ChangeKind,
    /// Where it was read.
    pub source: SourceName,
    /// The services it concerns, where the source says so; a commit's are derived from its paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceName>,
    /// The environment, where the source says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The commits a deploy or a merge brings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delivers: Vec<ChangeId>,
    /// What a deploy brought, where the source says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
    /// When it was written: the committer date of a commit.
    pub committed_at: Timestamp,
    /// When it took effect, as far as the source can tell: the merge of a branch, the end of a rollout.
    pub effective_at: Timestamp,
    /// Whether it had taken effect at the time asked about.
    #[serde(default)]
    pub landed: Landed,
    /// Who made it.
    pub author: Author,
    /// Its first line.
    pub title: ExternalText,
    /// The rest of its description, capped.
    #[serde(default)]
    pub body: ExternalText,
    /// The files it touched.
    pub paths: Paths,
    /// Reverts and relands.
    #[serde(default)]
    pub revert: Revert,
    /// Whether it was approved.
    #[serde(default, skip_serializing_if = "Review::is_unknown")]
    pub review: Review,
    /// Where a person can see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl Change {
    /// A merge commit: it brings others and has no files of its own.
    pub fn is_merge(&self) -> bool {
        self.kind == ChangeKind::Commit && !self.delivers.is_empty() && self.paths.as_slice().is_empty()
    }
}

/// One changed line of a diff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffLine {
    /// Added or removed.
    pub side: Side,
    /// The line number after the change for an added line, before it for a removed one; from 1.
    pub line: u32,
    /// The content, without the line end.
    pub text: ExternalText,
}

/// Which side of a diff a line is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The line is new.
    Added,
    /// The line is gone.
    Removed,
}

/// The changed lines of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDiff {
    /// The file.
    pub path: RepoPath,
    /// Its changed lines, in order, without context.
    pub lines: Vec<DiffLine>,
}

/// What a change did to its files, as far as the cap allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diff {
    /// The change.
    pub change: ChangeId,
    /// File by file.
    pub files: Vec<FileDiff>,
    /// What was left out and why, if anything was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_are_not_utf_8_stay_distinct() {
        assert_eq!(RepoPath::from_bytes(b"a/\xffb").as_str(), "a/\\xffb");
        assert_eq!(RepoPath::from_bytes(b"a/\\xffb").as_str(), "a/\\\\xffb");
        assert_eq!(RepoPath::from_bytes("ü/x.rs".as_bytes()).file_name(), "x.rs");
    }
}
