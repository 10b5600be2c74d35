//! Webhook events as changes. A webhook tells what happened and not what lies around it: reviews and ranges of
//! deployments are asked of the API. Pure; it must not know signatures.

use hearback_core::Change;
use hearback_core::change::{
    Author, ChangeKind, Landed, Lines, Nature, PathChange, Paths, RepoPath, Revert, Review, Rollout,
};
use hearback_core::ids::{ChangeId, SourceName};
use jiff::Timestamp;

use crate::deployments::subject;
use crate::range::Range;
use crate::releases;
use crate::runs::{self, ended, rule};
use crate::slug::{Slug, is_sha};
use crate::text::{account, body, environment, link, split_message, title};
use crate::webhook::WebhookRules;
use crate::webhook_wire::{
    DeploymentStatusEvent, PullRequest, Push, PushedCommit, ReleaseEvent, Repository, WorkflowRun,
};

/// How many files of one pushed commit are taken. GitHub sends no more than 3000.
const MOST_FILES: usize = 3000;

/// The repository an event came from, with its name in git.
struct Place {
    slug: Slug,
    repository: String,
    source: SourceName,
}

impl Place {
    /// None if GitHub names it in a way that can't be a name.
    fn of(repository: &Repository, rules: &WebhookRules) -> Option<Self> {
        let slug: Slug = repository.full_name.parse().ok()?;
        let named = rules.repositories.iter().find(|(listed, _)| listed.is_same(&slug));
        // Written as in the rules, so that ids are those that the API's source gives.
        let (slug, name) = named
            .map_or((slug.clone(), slug.name().to_owned()), |(listed, name)| (listed.clone(), name.clone()));
        Some(Place { source: slug.source()?, repository: name, slug })
    }

    fn commit(&self, sha: &str) -> Option<ChangeId> {
        is_sha(sha).then(|| ChangeId::commit(&self.repository, sha).ok())?
    }

    fn change(&self, id: ChangeId, kind: ChangeKind, at: Timestamp, author: Author) -> Change {
        Change {
            id,
            kind,
            source: self.source.clone(),
            services: Vec::new(),
            environment: None,
            delivers: Vec::new(),
            rollout: None,
            committed_at: at,
            effective_at: at,
            landed: Landed::Yes,
            author,
            title: title(""),
            body: body(""),
            paths: Paths::Known(Vec::new()),
            revert: Revert::default(),
            review: Review::Unknown,
            link: None,
        }
    }
}

fn is_main(branch: &str, repository: &Repository, rules: &WebhookRules) -> bool {
    match rules.branches.as_slice() {
        [] => repository.default_branch.as_deref() == Some(branch),
        branches => branches.iter().any(|main| main == branch),
    }
}

/// The commits that were pushed to the main line.
pub(crate) fn push(push: Push, rules: &WebhookRules) -> Vec<Change> {
    let is_wanted =
        push.name.strip_prefix("refs/heads/").is_some_and(|name| is_main(name, &push.repository, rules));
    let Some(place) = Place::of(&push.repository, rules).filter(|_| is_wanted && !push.deleted) else {
        return Vec::new();
    };
    push.commits.iter().filter_map(|commit| pushed(commit, &place, push.repository.pushed_at)).collect()
}

fn pushed(commit: &PushedCommit, place: &Place, pushed_at: Option<Timestamp>) -> Option<Change> {
    let account = commit.author.username.as_deref().unwrap_or_default();
    let is_bot = commit.author.name.ends_with("[bot]") || account.ends_with("[bot]");
    let author = Author {
        name: title(&commit.author.name),
        email: commit.author.email.as_deref().map(title),
        nature: if is_bot { Nature::Bot } else { Nature::Person },
    };
    let (subject, text) = split_message(&commit.message);
    let files =
        [&commit.added, &commit.removed, &commit.modified].map(|files| files.iter()).into_iter().flatten();
    let mut paths: Vec<PathChange> = files
        .map(|path| PathChange {
            path: RepoPath::from(path.as_str()),
            lines: Lines::Unknown,
            moved_from: None,
        })
        .collect();
    paths.sort_by(|a, b| a.path.cmp(&b.path));
    paths.dedup_by(|a, b| a.path == b.path);
    // An empty list is what a merge has, and also what a commit has that is too large to be listed.
    let is_whole = (1..MOST_FILES).contains(&paths.len());
    Some(Change {
        // A clock that runs ahead must not let a commit be written after it was pushed.
        committed_at: pushed_at.map_or(commit.timestamp, |at| commit.timestamp.min(at)),
        effective_at: pushed_at.unwrap_or(commit.timestamp),
        title: title(subject),
        body: body(text),
        paths: if is_whole { Paths::Known(paths) } else { Paths::Unknown },
        link: link(&commit.url),
        ..place.change(place.commit(&commit.id)?, ChangeKind::Commit, commit.timestamp, author)
    })
}

/// A pull request that was merged into the main line.
pub(crate) fn pull_request(event: PullRequest, rules: &WebhookRules) -> Vec<Change> {
    let pull = &event.pull_request;
    let is_wanted = event.action == "closed" && is_main(&pull.base.name, &event.repository, rules);
    let change = || {
        let place = Place::of(&event.repository, rules)?;
        let id = place.commit(pull.merge_commit_sha.as_deref()?)?;
        Some(Change {
            title: title(&pull.title),
            body: body(pull.body.as_deref().unwrap_or_default()),
            paths: Paths::Unknown,
            link: link(&pull.html_url),
            ..place.change(id, ChangeKind::Commit, pull.merged_at?, account(pull.user.as_ref()))
        })
    };
    if is_wanted { change().into_iter().collect() } else { Vec::new() }
}

/// A deployment that succeeded or failed. A failure has an id of its own, because the same deployment may still succeed.
pub(crate) fn deployment_status(event: DeploymentStatusEvent, rules: &WebhookRules) -> Vec<Change> {
    let DeploymentStatusEvent { deployment, deployment_status: status, repository } = event;
    let landed = match status.state.as_str() {
        "success" => Landed::Yes,
        "failure" | "error" => Landed::NotYet,
        _ => return Vec::new(),
    };
    let change = || {
        let place = Place::of(&repository, rules)?;
        let commit = place.commit(&deployment.sha)?;
        let mut id = place.slug.numbered("deployment", deployment.id)?;
        let mut says: Vec<String> = Vec::new();
        if landed == Landed::NotYet {
            id = ChangeId::new(format!("{id}:failed")).ok()?;
            says.push("Failed.".to_owned());
        }
        says.extend(status.description.clone());
        says.extend(deployment.description.clone());
        Some(Change {
            environment: environment(&deployment.environment),
            delivers: if landed == Landed::Yes { vec![commit] } else { Vec::new() },
            rollout: (landed == Landed::Yes)
                .then(|| Rollout { version: deployment.sha.clone(), before: None }),
            committed_at: deployment.created_at.min(status.created_at),
            landed,
            title: title(&subject(&deployment)),
            body: body(&says.join("\n")),
            link: status.log_url.as_deref().or(status.target_url.as_deref()).and_then(link),
            ..place.change(id, ChangeKind::Deploy, status.created_at, account(deployment.creator.as_ref()))
        })
    };
    change().into_iter().collect()
}

/// A release that was published.
pub(crate) fn release(event: ReleaseEvent, rules: &WebhookRules) -> Vec<Change> {
    let published_at =
        event.release.published_at.filter(|_| event.action == "published" && !event.release.draft);
    let (Some(at), Some(place)) = (published_at, Place::of(&event.repository, rules)) else {
        return Vec::new();
    };
    releases::change(&event.release, at, &place.repository, &place.source).into_iter().collect()
}

/// A run of a deploy workflow on the main line that was completed. The deployment it made, if any, is told apart.
pub(crate) fn workflow_run(event: WorkflowRun, rules: &WebhookRules) -> Vec<Change> {
    let run = &event.workflow_run;
    let branch = run.head_branch.as_deref().unwrap_or_default();
    let is_over = event.action == "completed" && run.status.as_deref() == Some("completed");
    let change = || {
        let rule = rule(run, &rules.deploy_workflows)?;
        let ended = ended(run)?;
        let place = Place::of(&event.repository, rules)?;
        let commit = place.commit(&run.head_sha)?;
        let delivers = if ended == runs::Ended::Well { vec![commit] } else { Vec::new() };
        runs::change(run, rule, ended, Range { delivers, ..Range::default() }, &place.slug, &place.source)
    };
    if is_over && is_main(branch, &event.repository, rules) {
        change().into_iter().collect()
    } else {
        Vec::new()
    }
}
