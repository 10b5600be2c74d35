//! The sections of the configuration about actions: what is proposed, who may approve, where reverts go.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use hearback_core::approval::ApprovalPolicy;
use hearback_core::target::Limits;
use hearback_core::time::parse_length;
use hearback_engine::proposing::{ProposingRule, PushTo};
use hearback_engine::ranker::position;
use jiff::SignedDuration;
use serde::Deserialize;

use crate::output::Usage;

/// How long it may take to try what would come of undoing something.
const TRY_WITHIN: SignedDuration = SignedDuration::from_secs(5);

/// What is needed to propose and to approve, checked.
#[derive(Debug, Clone)]
pub struct ActionsConfig {
    /// Who may approve what; without a file, nobody.
    pub policy: ApprovalPolicy,
    /// Where that stands.
    pub policy_file: Option<PathBuf>,
    /// How much may be done to one target.
    pub limits: Limits,
    /// When and how something is proposed.
    pub rule: ProposingRule,
}

/// Who may approve.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApprovalSection {
    policy: Option<String>,
    actions_an_hour: Option<u32>,
    strikes: Option<u32>,
}

/// What is proposed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProposalsSection {
    shortly: Option<String>,
    expire_after: Option<String>,
    recovers_within: Option<String>,
    push_to: Option<PushToWord>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PushToWord {
    OwnBranch,
    SameBranch,
}

/// That commits of a repository may be undone, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RevertsSection {
    /// The branch that runs in production; else the one that a clone begins on.
    pub branch: Option<String>,
    /// The remote; else `origin`, or the only one there is.
    pub remote: Option<String>,
    /// Who makes the commits: `Name <address>`.
    pub author: Option<String>,
}

impl RevertsSection {
    /// Name and address of who makes the commits.
    ///
    /// # Errors
    /// [`Usage`]: it is not written as it should be.
    pub fn author(&self) -> anyhow::Result<(String, String)> {
        let text = self.author.as_deref().unwrap_or("Hearback <hearback@localhost>");
        let read = text.strip_suffix('>').and_then(|text| text.split_once('<'));
        match read {
            Some((name, address)) => Ok((name.trim().to_owned(), address.trim().to_owned())),
            None => {
                let says = format!("reverts.author: \"{text}\" is not an author; write \"Name <address>\"");
                Err(Usage(says).into())
            }
        }
    }
}

impl ActionsConfig {
    /// Puts the user's sections over the defaults. Paths are relative to `base`.
    ///
    /// # Errors
    /// [`Usage`] with the key of the mistake, or the line of it in the policy.
    pub fn read(
        approval: ApprovalSection,
        proposals: ProposalsSection,
        (default_approval, default_proposals): (ApprovalSection, ProposalsSection),
        base: &Path,
    ) -> anyhow::Result<Self> {
        let length = |key: &'static str, user: Option<String>, default: Option<String>| {
            let text = user.or(default).unwrap_or_default();
            parse_length(&text).map_err(|error| anyhow::Error::new(Usage(error.to_string()))).context(key)
        };
        let named = approval.policy.or(default_approval.policy).filter(|path| !path.is_empty());
        let policy_file = named.map(|path| base.join(path));
        let limits = Limits::default();
        let push_to = proposals.push_to.or(default_proposals.push_to);
        Ok(ActionsConfig {
            policy: policy_file.as_deref().map(read_policy).transpose()?.unwrap_or_default(),
            policy_file,
            limits: Limits {
                an_hour: approval
                    .actions_an_hour
                    .or(default_approval.actions_an_hour)
                    .unwrap_or(limits.an_hour),
                strikes: approval.strikes.or(default_approval.strikes).unwrap_or(limits.strikes),
            },
            rule: ProposingRule {
                shortly: length("proposals.shortly", proposals.shortly, default_proposals.shortly)?,
                expires_after: length(
                    "proposals.expire_after",
                    proposals.expire_after,
                    default_proposals.expire_after,
                )?,
                recovers_within: length(
                    "proposals.recovers_within",
                    proposals.recovers_within,
                    default_proposals.recovers_within,
                )?,
                push_to: match push_to {
                    Some(PushToWord::SameBranch) => PushTo::SameBranch,
                    Some(PushToWord::OwnBranch) | None => PushTo::OwnBranch,
                },
                budget: TRY_WITHIN,
            },
        })
    }
}

fn read_policy(path: &Path) -> anyhow::Result<ApprovalPolicy> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Usage(format!("the policy {} can't be read: {error}", path.display())))?;
    toml::from_str(&text).map_err(|error| {
        let (line, column) = position(&text, error.span().map_or(0, |span| span.start));
        let why = error.message().lines().next().unwrap_or_default().to_owned();
        Usage(format!("{}, line {line}, column {column}: {why}", path.display())).into()
    })
}
