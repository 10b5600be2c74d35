//! Actions: the closed set of what the copilot may propose, proposals that bind one action exactly, and what became of
//! them. Who may approve is [`crate::approval`]'s business, how an action is done an executor's.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::answer::Claim;
use crate::entry::Actor;
use crate::evidence::Origin;
use crate::hash::{Digest, NotCanonical, canonical_json};
use crate::ids::{EvidenceId, ProposalId, ServiceName, Target};
use crate::patch::Edit;
use crate::signal::SignalKind;
use crate::text::ExternalText;

/// What may be done. A variant exists once its executor does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Action {
    /// Undoes a commit by another one.
    RevertCommit(RevertCommit),
    /// Tells a program of yours to bring a service from one version to another.
    CallHook(CallHook),
    /// Opens a pull request for a branch that was pushed.
    OpenPullRequest(OpenPullRequest),
    /// Deploys an earlier commit again, through GitHub.
    Redeploy(Redeploy),
    /// Pushes a small patch to a branch of its own.
    PushPatch(PushPatch),
}

/// Undoes a commit by another one, which is pushed to a branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevertCommit {
    /// The repository, as it is called here.
    pub repository: String,
    /// The full sha of the commit.
    pub commit: String,
    /// The branch it is undone on.
    pub branch: String,
    /// The branch that is pushed: one of the incident's own, or `branch` itself.
    pub push_to: String,
    /// What the files it touches held on `branch` when it was proposed. If they hold anything else right before the
    /// push, nothing is pushed.
    pub expected: Digest,
}

/// Tells a program of yours, over a signed webhook, to bring a service from one version to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallHook {
    /// The hook, as it is called in the configuration.
    pub hook: String,
    /// The service.
    pub service: ServiceName,
    /// Where.
    pub environment: String,
    /// The version that runs; if another one does, the program must refuse.
    pub from: String,
    /// The version that shall run.
    pub to: String,
}

/// Opens a pull request for a branch that was pushed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenPullRequest {
    /// The repository, as it is called here.
    pub repository: String,
    /// The branch that holds the commits.
    pub head: String,
    /// The full sha that it stands at; if it stands anywhere else, no pull request is opened.
    pub commit: String,
    /// The branch they shall go to.
    pub base: String,
    /// Its title.
    pub title: String,
    /// Its description.
    pub body: String,
    /// Whether it is opened as a draft, which can't be merged before somebody says that it is ready.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub draft: bool,
}

/// Pushes a small patch to a branch of its own: a model suggested it, a person reads and approves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushPatch {
    /// The repository, as it is called here.
    pub repository: String,
    /// The full sha of the suspect: the patch changes only files that it touched.
    pub suspect: String,
    /// The branch it is made on.
    pub branch: String,
    /// The branch that is pushed: one of the incident's own, never `branch`.
    pub push_to: String,
    /// The places it changes.
    pub edits: Vec<Edit>,
    /// The difference that people were shown. If it comes out otherwise right before the push, nothing is pushed.
    pub diff: String,
    /// What the files held on `branch` when it was proposed. If they hold anything else right before the push, nothing is
    /// pushed.
    pub expected: Digest,
}

/// Deploys an earlier commit again, through GitHub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redeploy {
    /// The repository, as it is called here.
    pub repository: String,
    /// Where.
    pub environment: String,
    /// The full sha that runs; if another one does, nothing is deployed.
    pub from: String,
    /// The full sha that shall run.
    pub to: String,
    /// By which of GitHub's ways.
    pub by: RedeployBy,
}

/// How GitHub is told to deploy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "way")]
pub enum RedeployBy {
    /// By a deployment, which a program of yours listens for.
    Deployment {
        /// What the deployment is to do; `deploy` unless the repository has others.
        task: String,
    },
    /// By starting a workflow.
    Workflow {
        /// The name of its file.
        file: String,
        /// The branch whose workflow it is.
        branch: String,
        /// Its inputs, with the commit and the environment where it wants them.
        inputs: BTreeMap<String, String>,
    },
}

/// The kind of an action, for policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// [`Action::RevertCommit`].
    RevertCommit,
    /// [`Action::CallHook`].
    CallHook,
    /// [`Action::OpenPullRequest`].
    OpenPullRequest,
    /// [`Action::Redeploy`].
    Redeploy,
    /// [`Action::PushPatch`].
    PushPatch,
}

impl ActionKind {
    /// All of them.
    pub const ALL: [ActionKind; 5] = [
        ActionKind::RevertCommit,
        ActionKind::CallHook,
        ActionKind::OpenPullRequest,
        ActionKind::Redeploy,
        ActionKind::PushPatch,
    ];

    /// Its name in policies.
    pub fn name(self) -> &'static str {
        match self {
            ActionKind::RevertCommit => "revert_commit",
            ActionKind::CallHook => "call_hook",
            ActionKind::OpenPullRequest => "open_pull_request",
            ActionKind::Redeploy => "redeploy",
            ActionKind::PushPatch => "push_patch",
        }
    }
}

impl std::fmt::Display for ActionKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl Action {
    /// Its kind.
    pub fn kind(&self) -> ActionKind {
        match self {
            Action::RevertCommit(_) => ActionKind::RevertCommit,
            Action::CallHook(_) => ActionKind::CallHook,
            Action::OpenPullRequest(_) => ActionKind::OpenPullRequest,
            Action::Redeploy(_) => ActionKind::Redeploy,
            Action::PushPatch(_) => ActionKind::PushPatch,
        }
    }

    /// What it changes. Two actions on one target never run at the same time.
    pub fn target(&self) -> Target {
        Target::nearest(&match self {
            Action::RevertCommit(revert) => format!("git:{}:{}", revert.repository, revert.push_to),
            Action::CallHook(call) => format!("hook:{}:{}:{}", call.hook, call.service, call.environment),
            Action::OpenPullRequest(open) => format!("pull:{}:{}", open.repository, open.head),
            Action::Redeploy(redeploy) => format!("deploy:{}:{}", redeploy.repository, redeploy.environment),
            Action::PushPatch(patch) => format!("git:{}:{}", patch.repository, patch.push_to),
        })
    }

    /// What it does, in one line for people.
    pub fn says(&self) -> String {
        let word = |text: &str| ExternalText::new(text).for_people(80);
        let short = |sha: &str| word(sha.get(..10).unwrap_or(sha));
        match self {
            Action::RevertCommit(RevertCommit { repository, commit, branch, push_to, .. }) => {
                let undo = format!("revert {} on {} of {}", short(commit), word(branch), word(repository));
                match push_to == branch {
                    true => format!("{undo} and push it there"),
                    false => format!("{undo} and push it as {}", word(push_to)),
                }
            }
            Action::CallHook(CallHook { hook, service, environment, from, to }) => format!(
                "bring {service} in {} from {} back to {} (hook {})",
                word(environment),
                word(from),
                word(to),
                word(hook)
            ),
            Action::OpenPullRequest(OpenPullRequest { repository, head, base, draft, .. }) => format!(
                "open a {}pull request for {} into {} of {}",
                if *draft { "draft " } else { "" },
                word(head),
                word(base),
                word(repository)
            ),
            Action::PushPatch(PushPatch { repository, suspect, branch, push_to, edits, .. }) => {
                let mut files: Vec<String> = edits.iter().map(|edit| word(&edit.path)).collect();
                files.dedup();
                format!(
                    "patch {} (touched by {}) as on {} of {} and push it as {}",
                    files.join(", "),
                    short(suspect),
                    word(branch),
                    word(repository),
                    word(push_to)
                )
            }
            Action::Redeploy(Redeploy { repository, environment, from, to, .. }) => format!(
                "bring {} in {} from {} back to {}",
                word(repository),
                word(environment),
                short(from),
                short(to)
            ),
        }
    }
}

/// How an action is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Inverse {
    /// By this action.
    Action(Box<Action>),
    /// By one that is known once the action is done; the receipt names it.
    KnownWhenDone {
        /// In words.
        says: String,
    },
    /// Not at all.
    Nothing,
}

/// What speaks for caution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    /// What kind.
    pub kind: RiskKind,
    /// In one sentence for people.
    pub says: String,
}

/// The kinds of risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RiskKind {
    /// A migration lies between what runs and what shall run.
    Migration,
    /// Other changes would go with it, or build on it.
    OtherChanges,
    /// It has stood for long.
    Age,
    /// It does not undo cleanly.
    Conflict,
    /// Something could not be looked at.
    Unknown,
}

/// How it is told whether an action helped: by what showed the onset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecoveryCheck {
    /// What is looked at.
    pub sign: RecoverySign,
    /// How long after the action at most it should be well again.
    pub within: SignedDuration,
}

/// What shows whether it is well again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "look_at")]
pub enum RecoverySign {
    /// A golden signal that left its usual course.
    Signal {
        /// The service.
        service: ServiceName,
        /// The signal.
        signal: SignalKind,
        /// What tells the series from its sisters.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        labels: BTreeMap<String, ExternalText>,
        /// Its level before the onset, in the signal's unit.
        usual: f64,
        /// Its standard deviation then, measured robustly.
        spread: f64,
        /// Its level since.
        now: f64,
    },
    /// An alert that fires.
    Alert {
        /// Which.
        fingerprint: String,
        /// What it is called.
        name: ExternalText,
    },
}

/// A piece of evidence that a proposal rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Support {
    /// The evidence.
    pub evidence: EvidenceId,
    /// Who could have written it. What anybody could have written supports no action.
    pub origin: Origin,
}

/// One action, proposed. An approval binds its digest: whatever changes makes another proposal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// Its id.
    pub id: ProposalId,
    /// The action, exactly.
    pub action: Action,
    /// The services that it touches, as far as is known.
    pub services: Vec<ServiceName>,
    /// Where it takes effect, if that is known.
    pub environment: Option<String>,
    /// Why.
    pub why: Claim,
    /// On what that rests.
    pub because: Vec<Support>,
    /// What speaks for caution.
    pub risks: Vec<Risk>,
    /// How it is taken back.
    pub inverse: Inverse,
    /// How it is told whether it helped; none if no signal showed the onset.
    pub check: Option<RecoveryCheck>,
    /// Who asked for it; the copilot, if nobody did.
    pub asked_by: Actor,
    /// When it was proposed.
    pub proposed_at: Timestamp,
    /// When it can't be approved any more.
    pub expires_at: Timestamp,
}

impl Proposal {
    /// What an approval binds: the digest of all of it.
    ///
    /// # Errors
    /// [`NotCanonical`] never happens for these types; it is passed on rather than hidden.
    pub fn digest(&self) -> Result<Digest, NotCanonical> {
        Ok(Digest::of(canonical_json(self)?.as_bytes()))
    }
}

/// The same for every attempt at one approved action.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key of a proposal with this digest.
    pub fn of(proposal: &ProposalId, digest: &Digest) -> Self {
        let whole = Digest::of_parts(&[proposal.as_str().as_bytes(), digest.to_string().as_bytes()]);
        IdempotencyKey(format!("hearback-{whole}"))
    }

    /// As text; letters, digits and dashes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What an executor says of what it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// What was done, in one sentence for people.
    pub says: String,
    /// Where a person can see it.
    pub link: Option<String>,
    /// What takes it back.
    pub inverse: Option<Box<Action>>,
    /// The target's own name of what was made: the full sha of a commit, the number of a deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<String>,
}

/// How an action ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "ended")]
pub enum Outcome {
    /// It was done.
    Done(Receipt),
    /// The target was not as it should be, so that nothing was done.
    NotAsExpected {
        /// What was found, in one sentence.
        why: String,
    },
    /// It failed, and nothing was done.
    Failed {
        /// Why, in one sentence.
        why: String,
    },
    /// Nobody knows whether it was done. It is never tried again; a person has to look.
    Unknown {
        /// What is known, in one sentence.
        why: String,
    },
}

/// Whether an action helped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recovery {
    /// The signal is back where it was.
    Recovered,
    /// It is not.
    NotRecovered,
    /// The signal does not tell.
    CantTell,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revert(push_to: &str) -> Action {
        Action::RevertCommit(RevertCommit {
            repository: "checkout".into(),
            commit: "3f2a91c0aa3f2a91c0aa3f2a91c0aa3f2a91c0aa".into(),
            branch: "main".into(),
            push_to: push_to.into(),
            expected: Digest::of(b"files"),
        })
    }

    #[test]
    fn an_action_says_what_it_does() {
        let check = |action: Action, says: &str, target: &str| {
            assert_eq!((action.says().as_str(), action.target().as_str()), (says, target));
        };
        check(
            revert("hearback/INC-3"),
            "revert 3f2a91c0aa on main of checkout and push it as hearback/INC-3",
            "git:checkout:hearback/INC-3",
        );
        check(revert("main"), "revert 3f2a91c0aa on main of checkout and push it there", "git:checkout:main");
        let call = CallHook {
            hook: "deploys".into(),
            service: ServiceName::new("cart").unwrap(),
            environment: "production".into(),
            from: "v12\n".into(),
            to: "v11".into(),
        };
        check(
            Action::CallHook(call),
            "bring cart in production from v12 back to v11 (hook deploys)",
            "hook:deploys:cart:production",
        );
        let open = OpenPullRequest {
            repository: "checkout".into(),
            head: "hearback/INC-3".into(),
            commit: "a".repeat(40),
            base: "main".into(),
            title: "Revert".into(),
            body: String::new(),
            draft: false,
        };
        check(
            Action::OpenPullRequest(open),
            "open a pull request for hearback/INC-3 into main of checkout",
            "pull:checkout:hearback/INC-3",
        );
        let redeploy = Redeploy {
            repository: "checkout".into(),
            environment: "production".into(),
            from: "b".repeat(40),
            to: "a".repeat(40),
            by: RedeployBy::Deployment { task: "deploy".into() },
        };
        check(
            Action::Redeploy(redeploy),
            "bring checkout in production from bbbbbbbbbb back to aaaaaaaaaa",
            "deploy:checkout:production",
        );
    }

    #[test]
    fn a_key_is_of_one_proposal_in_one_wording() {
        let id = |text: &str| ProposalId::new(text).unwrap();
        let key = |proposal: &str, of: &[u8]| IdempotencyKey::of(&id(proposal), &Digest::of(of));
        assert_eq!(key("INC-1.P1", b"a"), key("INC-1.P1", b"a"));
        assert_ne!(key("INC-1.P1", b"a"), key("INC-1.P2", b"a"));
        assert_ne!(key("INC-1.P1", b"a"), key("INC-1.P1", b"b"));
        let text = key("INC-1.P1", b"a");
        assert_eq!(serde_json::json!(text.as_str()), serde_json::to_value(&text).unwrap());
        assert_eq!(text.as_str().strip_prefix("hearback-").map(str::len), Some(64));
        assert!(text.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
    }
}
