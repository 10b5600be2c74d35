//! GitHub as a source of changes: pull requests, deployments, releases, workflow runs; and its webhook. It must not
//! know other connectors, the engine, or what the changes are used for.
//!
//! [`GithubChangeSource`] asks the REST API (`source` → `pulls`, `deployments`, `releases`, `runs`, each through
//! `question`, which holds budget and pages, and `client`, which holds one call). [`parse_webhook`] reads what GitHub
//! sends (`signature` before anything, then `webhook`, then `events`). What both make of GitHub's objects is the same:
//!
//! | GitHub | change | id |
//! |---|---|---|
//! | merged pull request | commit, with its review | that of its merge, squash or rebased commits in git |
//! | deployment | deploy to an environment; `delivers` the range since the one before | `github:owner/name:deployment:7` |
//! | release | deploy without environment: a name of a commit, as its tag is | that of the tag in git |
//! | run of a deploy workflow | deploy; `delivers` the range since the run before | `github:owner/name:run:9` |
//!
//! Nothing from the window's end on is seen. GitHub keeps no history of titles and descriptions: those of a pull
//! request that was touched later are read from its commit instead.

mod cache;
mod client;
mod deployments;
mod events;
mod options;
mod pull_landing;
mod pulls;
mod question;
mod range;
mod refusal;
mod releases;
mod reviews;
mod runs;
mod signature;
mod slug;
mod source;
mod text;
mod webhook;
mod webhook_wire;
mod wire;

pub use options::{BadPattern, DeployWorkflow, GithubOptions, Limits, Pattern, Token};
pub use signature::{SignatureProblem, WebhookSecret};
pub use slug::Slug;
pub use source::GithubChangeSource;
pub use webhook::{
    Delivery, LARGEST_WEBHOOK_BYTES, WebhookError, WebhookRequest, WebhookRules, parse_webhook,
};
