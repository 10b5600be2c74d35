//! The port: what is done in a repository on GitHub. Opens pull requests and deploys earlier commits again. Looks at the
//! target right before it writes; writes once, and if the answer is lost, looks whether it was done. It must not decide
//! whether it may be done.
//!
//! GitHub knows no condition on these writes: between the look and the write something may change. The pull request's
//! receipt says so if its branch moved; a deployment that was begun in that moment is not noticed.

use std::time::Duration;

use async_trait::async_trait;
use hearback_core::action::{
    Action, IdempotencyKey, OpenPullRequest, Outcome, Receipt, Redeploy, RedeployBy,
};
use hearback_core::approval::ApprovedAction;
use hearback_core::ids::ChangeId;
use hearback_core::ports::{ActionExecutor, ConnectorError, Rehearsal, Trace};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep_until};

use crate::client::Client;
use crate::options::GithubOptions;
use crate::question::{About, Question};
use crate::redeploy::way_of;
use crate::redeploy_ways::RedeployWay;
use crate::refusal::Refusal;
use crate::running::Runs;
use crate::slug::Slug;
use crate::survey::Survey;
use crate::write::{Complained, Write, Written};
use crate::{open_pull, redeploy, redeploy_workflow};

/// How long is waited before each look for what was done. A run shows up some seconds after it was started.
const LOOKS_AFTER: [Duration; 4] =
    [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// At most so much of the time is kept back for these looks.
const MOST_KEPT_BACK: Duration = Duration::from_secs(10);

/// A repository on GitHub in which pull requests are opened and earlier commits deployed again.
pub struct GithubActions {
    about: About,
    client: Client,
    ways: Vec<RedeployWay>,
}

/// An action of this repository.
#[derive(Clone, Copy)]
enum Task<'a> {
    Open(&'a OpenPullRequest),
    Deploy(&'a Redeploy, &'a str),
    Start(&'a Redeploy, (&'a str, &'a str)),
}

impl GithubActions {
    /// For `slug`, which actions call `repository`. `options` must hold a token that may write. It needs `Contents: read`, and
    /// `Pull requests: write` to open pull requests; to deploy `Deployments: write`, or for a workflow `Actions: write` with
    /// `Deployments: read`. `ways` are the environments that may be deployed to again. Nothing is asked yet.
    ///
    /// # Errors
    /// [`ConnectorError::NotUsable`] if the base address or the name can't be used, there is no token, or a way can't work.
    pub fn new(
        slug: Slug,
        repository: &str,
        options: GithubOptions,
        ways: Vec<RedeployWay>,
    ) -> Result<Self, ConnectorError> {
        let not = |why: String| Err(ConnectorError::NotUsable(why));
        if options.token.is_none() {
            return not(format!("nothing can be done in {slug} without a token that may write; set one"));
        }
        for (at, way) in ways.iter().enumerate() {
            way.check()?;
            let is_same = |other: &&RedeployWay| other.environment.eq_ignore_ascii_case(&way.environment);
            if ways.iter().take(at).find(is_same).is_some() {
                return not(format!("an environment of {slug} is set twice to be redeployed"));
            }
        }
        let client = Client::new(&options)?;
        let usable = ChangeId::commit(repository, &"0".repeat(64)).is_ok() && !repository.is_empty();
        let Some(source) = slug.source().filter(|_| usable) else {
            return not(format!("the name given for {slug} can't be used; shorten it"));
        };
        let about = About { slug, repository: repository.to_owned(), source, options };
        Ok(GithubActions { about, client, ways })
    }

    /// What the repository is called in actions.
    pub fn repository_name(&self) -> &str {
        &self.about.repository
    }

    /// The action that brings an environment from one commit to another, both by their full sha. None if the environment
    /// is not one that may be deployed to again, or these are not two commits. Nothing is asked.
    pub fn redeploy(&self, environment: &str, from: &str, to: &str) -> Option<Action> {
        let way = way_of(&self.ways, environment)?;
        way.redeploy(&self.about.repository, from, to).map(Action::Redeploy)
    }

    fn task<'a>(&self, action: &'a Action) -> Option<Task<'a>> {
        match action {
            Action::OpenPullRequest(open) if open.repository == self.about.repository => {
                Some(Task::Open(open))
            }
            Action::Redeploy(redeploy) if redeploy.repository == self.about.repository => {
                Some(match &redeploy.by {
                    RedeployBy::Deployment { task } => Task::Deploy(redeploy, task),
                    RedeployBy::Workflow { file, branch, .. } => Task::Start(redeploy, (file, branch)),
                })
            }
            _ => None,
        }
    }

    fn question(&self, until: Instant) -> Question<'_> {
        Question::of_now(&self.client, &self.about, until)
    }

    async fn survey(
        &self,
        task: Task<'_>,
        key: Option<&IdempotencyKey>,
        until: Instant,
    ) -> Result<(Survey, Option<Runs>), Refusal> {
        let question = self.question(until);
        match task {
            Task::Open(open) => open_pull::survey(&question, open, key).await.map(|survey| (survey, None)),
            Task::Deploy(redeploy, _) | Task::Start(redeploy, _) => {
                redeploy::survey(&question, &self.ways, redeploy, key).await
            }
        }
    }

    fn write(&self, task: Task<'_>, runs: Option<&Runs>, key: &IdempotencyKey, until: Instant) -> Write {
        let question = self.question(until);
        match task {
            Task::Open(open) => open_pull::write(&question, open, key),
            Task::Deploy(redeploy, task) => redeploy::write(&question, redeploy, task, runs, key),
            Task::Start(redeploy, workflow) => {
                let inputs = match &redeploy.by {
                    RedeployBy::Workflow { inputs, .. } => inputs.clone(),
                    RedeployBy::Deployment { .. } => Default::default(),
                };
                redeploy_workflow::write(&question, workflow, &inputs, key)
            }
        }
    }

    /// What GitHub's answer to the write tells; none if it is not one that it describes.
    fn taken(&self, task: Task<'_>, status: u16, body: &[u8]) -> Option<Receipt> {
        let question = self.question(Instant::now());
        match task {
            Task::Open(open) => open_pull::taken(&question, open, status, body),
            Task::Deploy(redeploy, _) => redeploy::taken(&question, &self.ways, redeploy, status, body),
            Task::Start(redeploy, _) => {
                redeploy_workflow::taken(&question, &self.ways, redeploy, status, body)
            }
        }
    }

    async fn find(&self, task: Task<'_>, key: &IdempotencyKey, until: Instant) -> Result<Trace, Refusal> {
        let question = self.question(until);
        match task {
            Task::Open(open) => open_pull::find(&question, open, key).await,
            Task::Deploy(redeploy, _) => redeploy::find(&question, &self.ways, redeploy, key).await,
            Task::Start(redeploy, (file, _)) => {
                redeploy_workflow::find(&question, &self.ways, redeploy, file, key).await
            }
        }
    }

    async fn run(&self, task: Task<'_>, key: &IdempotencyKey, until: Instant) -> Outcome {
        let (survey, runs) = match self.survey(task, Some(key), kept_back(until)).await {
            Ok(found) => found,
            Err(refusal) => return failed(&refusal),
        };
        match (survey.done, survey.refuses) {
            (Some(receipt), _) => return Outcome::Done(receipt),
            (None, Some(why)) => return not_as_expected(&why),
            (None, None) => {}
        }
        let write = self.write(task, runs.as_ref(), key, until);
        match self.client.write(&write, kept_back(until)).await {
            Written::Taken { status, body } => match self.taken(task, status, &body) {
                Some(receipt) => Outcome::Done(receipt),
                None => self.look_up(task, key, &format!("a puzzling answer, status {status}"), until).await,
            },
            Written::Refused(complained) => match self.was_there(task, key, &complained, until).await {
                Some(receipt) => Outcome::Done(receipt),
                None => self.refused(task, &complained),
            },
            Written::NotSent(refusal) => failed(&refusal),
            Written::Unclear(why) => self.look_up(task, key, &why, until).await,
        }
    }

    /// A pull request that is refused may be refused because it is there.
    async fn was_there(
        &self,
        task: Task<'_>,
        key: &IdempotencyKey,
        complained: &Complained,
        until: Instant,
    ) -> Option<Receipt> {
        if !matches!((task, complained.status), (Task::Open(_), 422)) {
            return None;
        }
        match self.find(task, key, until).await {
            Ok(Trace::Done(receipt)) => Some(receipt),
            Ok(Trace::NotFound(_)) | Err(_) => None,
        }
    }

    /// How a write that GitHub refused ends it.
    fn refused(&self, task: Task<'_>, complained: &Complained) -> Outcome {
        let Complained { status, says, .. } = complained;
        match task {
            Task::Open(open) if open_pull::wants_no_draft(open, *status, says) => Outcome::Failed {
                why: format!(
                    "there are no draft pull requests in {}; nothing was done: open one by hand (GitHub says: {says})",
                    self.about.slug
                ),
            },
            _ => refused(complained),
        }
    }

    /// It may have been done: looks for it, a few times, and never does it again.
    async fn look_up(&self, task: Task<'_>, key: &IdempotencyKey, why: &str, until: Instant) -> Outcome {
        let mut found = "there was no time to look".to_owned();
        for wait in LOOKS_AFTER {
            let at = Instant::now() + wait;
            if at >= until {
                break;
            }
            sleep_until(at).await;
            match self.find(task, key, until).await {
                Ok(Trace::Done(receipt)) => return Outcome::Done(receipt),
                Ok(Trace::NotFound(says)) => found = format!("so far {says}"),
                // What was seen before stands, whatever comes of looking again.
                Err(refusal) if found.starts_with("so far") => drop(refusal),
                Err(refusal) => found = format!("it could not be looked up: {refusal}"),
            }
        }
        let page = match task {
            Task::Open(_) => "/pulls".to_owned(),
            Task::Deploy(..) => "/deployments".to_owned(),
            Task::Start(_, (file, _)) => format!("/actions/workflows/{file}"),
        };
        let page = redeploy::web(&self.question(until), &page).unwrap_or_else(|| "GitHub".to_owned());
        Outcome::Unknown {
            why: format!(
                "GitHub's answer was lost ({why}), and {found}; look at {page} before anything else is done"
            ),
        }
    }
}

#[async_trait]
impl ActionExecutor for GithubActions {
    fn supports(&self, action: &Action) -> bool {
        self.task(action).is_some()
    }

    async fn rehearse(&self, action: &Action, budget: SignedDuration) -> Result<Rehearsal, ConnectorError> {
        let Some(task) = self.task(action) else { return Err(self.not_ours()) };
        let found = self.survey(task, None, deadline(budget)).await;
        let (survey, _) = found.map_err(|refusal| refusal.into_error(budget))?;
        Ok(Rehearsal { says: survey.says, refuses: survey.refuses })
    }

    async fn execute(&self, approved: ApprovedAction, _at: Timestamp, budget: SignedDuration) -> Outcome {
        match self.task(approved.action()) {
            Some(task) => self.run(task, approved.key(), deadline(budget)).await,
            None => not_as_expected(&self.not_ours().to_string()),
        }
    }

    async fn look(
        &self,
        action: &Action,
        key: &IdempotencyKey,
        budget: SignedDuration,
    ) -> Result<Trace, ConnectorError> {
        let Some(task) = self.task(action) else { return Err(self.not_ours()) };
        let found = self.find(task, key, deadline(budget)).await;
        found.map_err(|refusal| refusal.into_error(budget))
    }
}

impl GithubActions {
    fn not_ours(&self) -> ConnectorError {
        ConnectorError::NotUsable(format!("this is not an action of {}", self.about.slug))
    }
}

fn not_as_expected(why: &str) -> Outcome {
    Outcome::NotAsExpected { why: format!("{why}; nothing was done") }
}

fn failed(refusal: &Refusal) -> Outcome {
    Outcome::Failed { why: format!("{refusal}; nothing was done") }
}

/// How a write that GitHub refused ends it, whatever it is.
fn refused(Complained { status, refusal, says }: &Complained) -> Outcome {
    let why = if says.is_empty() { "without a word".to_owned() } else { says.clone() };
    match status {
        409 | 422 => not_as_expected(&format!("GitHub did not take it: {why}")),
        403 if matches!(refusal, Refusal::Forbidden(_)) => {
            Outcome::Failed { why: format!("{refusal}; nothing was done (GitHub says: {why})") }
        }
        401 | 403 | 404 | 410 | 429 => failed(refusal),
        other => Outcome::Failed {
            why: format!("GitHub did not take it (status {other}: {why}); nothing was done"),
        },
    }
}

fn deadline(budget: SignedDuration) -> Instant {
    let now = Instant::now();
    let kept = Duration::from_millis(50);
    let budget = Duration::try_from(budget).unwrap_or_default().saturating_sub(kept);
    now.checked_add(budget).unwrap_or(now)
}

/// Until when may be looked and written, so that time is left to look for what was done.
fn kept_back(until: Instant) -> Instant {
    let left = until.saturating_duration_since(Instant::now());
    until.checked_sub((left / 3).min(MOST_KEPT_BACK)).unwrap_or(until)
}
