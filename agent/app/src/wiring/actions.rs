//! What can be done about an incident, from its sections of the configuration: who tries, who does, who may.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use hearback_core::Catalog;
use hearback_core::action::{Action, CallHook};
use hearback_core::approval::ApprovalPolicy;
use hearback_core::freeze::same_environment;
use hearback_core::patch::PatchPreview;
use hearback_core::ports::{ActionExecutor, ConnectorError, FreezeSource, RevertPreview, SignalSource};
use hearback_core::target::Limits;
use hearback_engine::approval::ApprovalDesk;
use hearback_engine::investigation::reporting::Patches;
use hearback_engine::next_steps::NextSteps;
use hearback_engine::patching::Patching;
use hearback_engine::proposing::{Proposer, ProposingRule, Rollback, RollbackWay};
use hearback_engine::recovery::RecoveryDesk;
use hearback_git::{CommitAuthor, GitReverts, PASSED_ON, RevertOptions};
use hearback_github::GithubActions;
use hearback_hook::{HookExecutor, HookOptions, SigningSecret};
use hearback_record::Record;

use crate::config::actions::RevertsSection;
use crate::config::serve::HookSection;
use crate::config::{Config, Repository};
use crate::output::Usage;

/// What can be done, and who may say so.
pub struct Actions {
    /// Who may approve what.
    pub policy: ApprovalPolicy,
    /// The services that are known.
    catalog: Catalog,
    limits: Limits,
    rule: ProposingRule,
    executors: Vec<Arc<dyn ActionExecutor>>,
    reverts: Vec<Arc<dyn RevertPreview>>,
    patches: Vec<Arc<dyn PatchPreview>>,
    ways: Vec<Arc<dyn RollbackWay>>,
    freezes: Vec<Arc<dyn FreezeSource>>,
    /// The repositories in which pull requests may be opened.
    pulls: Vec<String>,
    /// This run of the program.
    runner: String,
}

/// What can be done here.
///
/// # Errors
/// [`Usage`] names the part of the configuration that can't be used.
pub fn actions(config: &Config) -> Result<Actions> {
    let mut executors: Vec<Arc<dyn ActionExecutor>> = Vec::new();
    let mut reverts: Vec<Arc<dyn RevertPreview>> = Vec::new();
    let mut patches: Vec<Arc<dyn PatchPreview>> = Vec::new();
    for repository in reverting(config)? {
        executors.push(repository.clone());
        patches.push(repository.clone());
        reverts.push(repository);
    }
    let mut ways: Vec<Arc<dyn RollbackWay>> = Vec::new();
    for section in &config.serve.hooks {
        let hook = hook(section).with_context(|| format!("[[hook]] {}", section.name))?;
        executors.push(Arc::new(hook));
        ways.push(Arc::new(ByHook(section.clone())));
    }
    for github in super::live::github_actions(config)? {
        ways.push(Arc::new(ByGithub(Arc::clone(&github))));
        executors.push(github);
    }
    Ok(Actions {
        pulls: super::live::opening_pull_requests(config),
        policy: config.actions.policy.clone(),
        catalog: config.catalog.clone(),
        limits: config.actions.limits,
        rule: config.actions.rule.clone(),
        executors,
        reverts,
        patches,
        ways,
        freezes: super::freezes(config)?,
        runner: runner()?,
    })
}

impl Actions {
    /// The desk where proposals are decided.
    pub fn desk<'a>(&'a self, record: &'a dyn Record) -> ApprovalDesk<'a> {
        ApprovalDesk {
            record,
            targets: record,
            outbox: record,
            policy: &self.policy,
            limits: self.limits,
            catalog: &self.catalog,
            freezes: &self.freezes,
            executors: &self.executors,
            runner: &self.runner,
        }
    }

    /// Who makes proposals.
    pub fn proposer<'a>(&'a self, record: &'a dyn Record) -> Proposer<'a> {
        Proposer { ways: &self.ways, reverts: &self.reverts, targets: record, rule: &self.rule }
    }

    /// What is to be proposed after what was done.
    pub fn next_steps<'a>(&'a self, record: &'a dyn Record) -> NextSteps<'a> {
        NextSteps { record, pulls: &self.pulls, expires_after: self.rule.expires_after }
    }

    /// Whether a model may suggest a patch: where one can be tried and pushed.
    pub fn patches(&self) -> Patches {
        if self.patches.is_empty() { Patches::No } else { Patches::MaySuggest }
    }

    /// Who proposes what a model suggests.
    pub fn patching<'a>(&'a self, record: &'a dyn Record) -> Patching<'a> {
        Patching {
            record,
            previews: &self.patches,
            expires_after: self.rule.expires_after,
            budget: self.rule.budget,
        }
    }

    /// Who looks whether actions helped.
    pub fn recovery<'a>(
        &'a self,
        record: &'a dyn Record,
        signals: &'a [Arc<dyn SignalSource>],
    ) -> RecoveryDesk<'a> {
        RecoveryDesk {
            record,
            targets: record,
            signals,
            limits: self.limits,
            expires_after: self.rule.expires_after,
        }
    }

    /// What would do an action of this kind.
    pub fn executor_of(&self, action: &Action) -> Option<&Arc<dyn ActionExecutor>> {
        self.executors.iter().find(|executor| executor.supports(action))
    }

    /// How many can do something.
    pub fn count(&self) -> usize {
        self.executors.len()
    }
}

/// Rollouts that a program of ours takes back.
struct ByHook(HookSection);

impl RollbackWay for ByHook {
    fn action(&self, rollback: &Rollback<'_>) -> Option<Action> {
        let HookSection { name, services, environments, .. } = &self.0;
        let there = |known: &String| same_environment(known, rollback.environment);
        let is_there = environments.is_empty() || environments.iter().any(there);
        // One request changes one service: what touches several is not for a hook.
        let [service] = rollback.services else { return None };
        let is_its = services.is_empty() || services.contains(service);
        (is_there && is_its).then(|| {
            Action::CallHook(CallHook {
                hook: name.clone(),
                service: service.clone(),
                environment: rollback.environment.to_owned(),
                from: rollback.from.to_owned(),
                to: rollback.to.to_owned(),
            })
        })
    }
}

/// Rollouts that GitHub takes back.
struct ByGithub(Arc<GithubActions>);

impl RollbackWay for ByGithub {
    fn action(&self, rollback: &Rollback<'_>) -> Option<Action> {
        let is_its = rollback.rollout.source.as_str() == format!("github:{}", self.0.repository_name());
        if !is_its {
            return None;
        }
        self.0.redeploy(rollback.environment, rollback.from, rollback.to)
    }
}

fn hook(section: &HookSection) -> Result<HookExecutor> {
    let (url, secret) = (section.url.read()?, section.secret.read()?);
    let secret = SigningSecret::new(&secret).map_err(|error| Usage(format!("secret: {error}")))?;
    let made = HookExecutor::new(HookOptions::new(&section.name, &url, secret));
    made.map_err(|error| match error {
        ConnectorError::NotUsable(says) => Usage(says).into(),
        other => other.into(),
    })
}

/// No two runs of the program have the same name.
fn runner() -> Result<String> {
    let mut random = [0_u8; 8];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    let random: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{}-{random}", std::process::id()))
}

/// The repositories whose commits can be undone, under the names that their changes have.
fn reverting(config: &Config) -> Result<Vec<Arc<GitReverts>>> {
    let mut taken = BTreeSet::new();
    let mut found = Vec::new();
    for repository in &config.repositories {
        let name = super::repository(repository)?.repository_name().to_owned();
        let mut free = (2..).map(|number| format!("{name}-{number}"));
        let name = match taken.contains(&name) {
            true => free.find(|name| !taken.contains(name)).unwrap_or(name),
            false => name,
        };
        if let Some(section) = &repository.reverts {
            let opened = open(repository, section, &name)
                .with_context(|| format!("[repository.reverts] of {}", repository.path.display()))?;
            found.push(Arc::new(opened));
        }
        taken.insert(name);
    }
    Ok(found)
}

fn open(repository: &Repository, section: &RevertsSection, name: &str) -> Result<GitReverts> {
    let (author, email) = section.author()?;
    let environment = PASSED_ON.iter().filter_map(|name| Some(((*name).into(), std::env::var_os(name)?)));
    let options = RevertOptions {
        branch: section.branch.clone(),
        remote: section.remote.clone(),
        author: CommitAuthor { name: author, email },
        git: PathBuf::from("git"),
        environment: environment.collect(),
    };
    GitReverts::open(&repository.path, Some(name), options).map_err(|error| match error {
        ConnectorError::NotUsable(says) => Usage(says).into(),
        other => other.into(),
    })
}
