//! GitHub as a source of changes: pull requests, deployments, releases, workflow runs; its webhook; and what is done
//! there. It must not know other connectors, the engine, or what the changes are used for.
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
//! [`GithubActions`] opens pull requests and deploys earlier commits again (`actions` → `open_pull`, or `redeploy` with
//! `running` and `redeploy_workflow`; each looks first, which is a `survey`, and `write` sends once).
//!
//! Nothing from the window's end on is seen by the source. GitHub keeps no history of titles and descriptions: those of a pull
//! request that was touched later are read from its commit instead.

mod actions;
mod cache;
mod client;
mod deployments;
mod events;
mod open_pull;
mod options;
mod pull_landing;
mod pulls;
mod question;
mod range;
mod redeploy;
mod redeploy_ways;
mod redeploy_workflow;
mod refusal;
mod releases;
mod reviews;
mod running;
mod runs;
mod signature;
mod slug;
mod source;
mod survey;
mod text;
mod webhook;
mod webhook_wire;
mod wire;
mod write;

pub use actions::GithubActions;
pub use options::{BadPattern, DeployWorkflow, GithubOptions, Limits, Pattern, Token};
pub use redeploy_ways::RedeployWay;
pub use signature::{SignatureProblem, WebhookSecret};
pub use slug::Slug;
pub use source::GithubChangeSource;
pub use webhook::{
    Delivery, LARGEST_WEBHOOK_BYTES, WebhookError, WebhookRequest, WebhookRules, parse_webhook,
};
