//! GitHub's webhook payloads (docs.github.com, "Webhook events and payloads"), as far as they are read. Stays inside
//! this crate.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use crate::wire::{Deployment, DeploymentStatus, Pull, Release, Run};

#[derive(Debug, Deserialize)]
pub(crate) struct Repository {
    pub(crate) full_name: String,
    #[serde(default)]
    pub(crate) default_branch: Option<String>,
    /// Seconds since 1970 in a push, RFC 3339 elsewhere.
    #[serde(default, deserialize_with = "either_time")]
    pub(crate) pushed_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Push {
    /// `refs/heads/main`
    #[serde(rename = "ref")]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) deleted: bool,
    #[serde(default)]
    pub(crate) commits: Vec<PushedCommit>,
    pub(crate) repository: Repository,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PushedCommit {
    pub(crate) id: String,
    pub(crate) message: String,
    pub(crate) timestamp: Timestamp,
    #[serde(default)]
    pub(crate) url: String,
    pub(crate) author: Person,
    #[serde(default)]
    pub(crate) added: Vec<String>,
    #[serde(default)]
    pub(crate) removed: Vec<String>,
    #[serde(default)]
    pub(crate) modified: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Person {
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) email: Option<String>,
    #[serde(default)]
    pub(crate) username: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PullRequest {
    pub(crate) action: String,
    pub(crate) pull_request: Pull,
    pub(crate) repository: Repository,
}

#[derive(Debug, Deserialize)]
pub(crate) struct DeploymentStatusEvent {
    pub(crate) deployment: Deployment,
    pub(crate) deployment_status: DeploymentStatus,
    pub(crate) repository: Repository,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ReleaseEvent {
    pub(crate) action: String,
    pub(crate) release: Release,
    pub(crate) repository: Repository,
}

#[derive(Debug, Deserialize)]
pub(crate) struct WorkflowRun {
    pub(crate) action: String,
    pub(crate) workflow_run: Run,
    pub(crate) repository: Repository,
}

fn either_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Seconds(i64),
        Text(Timestamp),
    }
    Ok(match Option::<Either>::deserialize(deserializer)? {
        Some(Either::Seconds(seconds)) => Timestamp::from_second(seconds).ok(),
        Some(Either::Text(at)) => Some(at),
        None => None,
    })
}
