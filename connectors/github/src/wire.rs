//! GitHub's objects as its REST API writes them (docs.github.com/rest, version 2022-11-28), as far as they are read.
//! Stays inside this crate.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Repository {
    pub(crate) default_branch: String,
    /// `owner/name`, as it is called now.
    #[serde(default)]
    pub(crate) full_name: String,
}

/// Absent for an account that was deleted.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct User {
    #[serde(default)]
    pub(crate) login: String,
    #[serde(default, rename = "type")]
    pub(crate) kind: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Pull {
    pub(crate) number: u64,
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) body: Option<String>,
    #[serde(default)]
    pub(crate) user: Option<User>,
    #[serde(default)]
    pub(crate) html_url: String,
    pub(crate) updated_at: Timestamp,
    #[serde(default)]
    pub(crate) merged_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) merge_commit_sha: Option<String>,
    pub(crate) base: Branch,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Branch {
    #[serde(rename = "ref")]
    pub(crate) name: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Review {
    #[serde(default)]
    pub(crate) user: Option<User>,
    /// `APPROVED`, `CHANGES_REQUESTED`, `COMMENTED`, `DISMISSED` or `PENDING`.
    pub(crate) state: String,
    /// Absent while pending.
    #[serde(default)]
    pub(crate) submitted_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Commit {
    pub(crate) sha: String,
    pub(crate) commit: CommitText,
    #[serde(default)]
    pub(crate) author: Option<User>,
    #[serde(default)]
    pub(crate) parents: Vec<Parent>,
    /// Only of a commit that was asked for by itself; at most 300 on one page.
    #[serde(default)]
    pub(crate) files: Option<Vec<File>>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct CommitText {
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) author: Option<Signature>,
    #[serde(default)]
    pub(crate) committer: Option<Signature>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Signature {
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) email: Option<String>,
    #[serde(default)]
    pub(crate) date: Option<Timestamp>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Parent {
    pub(crate) sha: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct File {
    pub(crate) filename: String,
    #[serde(default)]
    pub(crate) previous_filename: Option<String>,
    pub(crate) status: String,
    pub(crate) additions: u32,
    pub(crate) deletions: u32,
    /// Absent of a binary file.
    #[serde(default)]
    pub(crate) patch: Option<IgnoredAny>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Comparison {
    /// `ahead`, `behind`, `identical` or `diverged`.
    pub(crate) status: String,
    pub(crate) behind_by: u64,
    /// Of the head that the base has not.
    pub(crate) total_commits: u64,
    /// Oldest first.
    pub(crate) commits: Vec<Parent>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Deployment {
    pub(crate) id: u64,
    pub(crate) sha: String,
    #[serde(default, rename = "ref")]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) task: String,
    pub(crate) environment: String,
    #[serde(default)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) creator: Option<User>,
    pub(crate) created_at: Timestamp,
    #[serde(default)]
    pub(crate) transient_environment: Option<bool>,
    #[serde(default)]
    pub(crate) production_environment: Option<bool>,
    /// What who made it gave along: an object, or a text that may hold one.
    #[serde(default)]
    pub(crate) payload: Option<Value>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct DeploymentStatus {
    /// `error`, `failure`, `inactive`, `in_progress`, `queued`, `pending` or `success`.
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) description: Option<String>,
    pub(crate) created_at: Timestamp,
    #[serde(default)]
    pub(crate) target_url: Option<String>,
    #[serde(default)]
    pub(crate) log_url: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Release {
    pub(crate) tag_name: String,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) body: Option<String>,
    #[serde(default)]
    pub(crate) draft: bool,
    #[serde(default)]
    pub(crate) published_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) html_url: String,
    #[serde(default)]
    pub(crate) author: Option<User>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Runs {
    pub(crate) workflow_runs: Vec<Run>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Run {
    pub(crate) id: u64,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) path: String,
    pub(crate) head_sha: String,
    #[serde(default)]
    pub(crate) head_branch: Option<String>,
    /// `completed`, or not yet.
    #[serde(default)]
    pub(crate) status: Option<String>,
    /// `success`, `failure`, `cancelled`, `timed_out`, `skipped`, `neutral`, …; absent until completed.
    #[serde(default)]
    pub(crate) conclusion: Option<String>,
    pub(crate) workflow_id: u64,
    #[serde(default)]
    pub(crate) run_attempt: Option<u64>,
    #[serde(default)]
    pub(crate) display_title: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    #[serde(default)]
    pub(crate) actor: Option<User>,
    #[serde(default)]
    pub(crate) html_url: String,
}

/// A pull request as far as it matters whether it is ours.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Opened {
    pub(crate) number: u64,
    /// `open` or `closed`.
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) merged_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) body: Option<String>,
    /// Unknown to old servers.
    #[serde(default)]
    pub(crate) draft: Option<bool>,
    #[serde(default)]
    pub(crate) html_url: String,
    pub(crate) head: Head,
    pub(crate) base: Branch,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Head {
    #[serde(rename = "ref")]
    pub(crate) name: String,
    pub(crate) sha: String,
    /// Absent if the fork it was in is gone.
    #[serde(default)]
    pub(crate) repo: Option<Named>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Named {
    pub(crate) full_name: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct GitRef {
    pub(crate) object: Parent,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Workflow {
    /// `active`, or a word for why not.
    pub(crate) state: String,
}

/// The answer to a started workflow, if it was asked for.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Started {
    pub(crate) workflow_run_id: u64,
    #[serde(default)]
    pub(crate) html_url: String,
}

/// What GitHub says of a request that it did not take.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Complaint {
    #[serde(default)]
    pub(crate) message: String,
    /// A list of texts and of objects with a `message`, or with a `field` and a `code`; or one text.
    #[serde(default)]
    pub(crate) errors: Value,
}
