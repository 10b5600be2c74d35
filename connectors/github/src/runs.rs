//! Runs of the workflows that deploy, where no deployment stands for them. It must not know deployments beyond which
//! runs made them.

use std::collections::{BTreeMap, BTreeSet};

use hearback_core::change::{Change, ChangeKind, Landed, Paths, Revert, Review};
use hearback_core::ids::SourceName;
use jiff::Timestamp;

use crate::deployments::sentence;
use crate::options::DeployWorkflow;
use crate::question::{Found, Next, Question};
use crate::range::{Range, fetch_range};
use crate::refusal::{RUNS, Refusal};
use crate::slug::{Slug, is_sha, short};
use crate::text::{account, body, counted, environment, link, title};
use crate::wire::{Run, Runs};

/// How a run ended, as far as a deploy goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Well,
    /// It may have changed something before it failed.
    Badly(&'static str),
}

/// Reads a conclusion; a run that was skipped or is of no account is none.
pub(crate) fn ended(run: &Run) -> Option<Ended> {
    match run.conclusion.as_deref()? {
        "success" => Some(Ended::Well),
        "failure" | "startup_failure" => Some(Ended::Badly("Failed")),
        "timed_out" => Some(Ended::Badly("Timed out")),
        "cancelled" => Some(Ended::Badly("Cancelled")),
        _ => None,
    }
}

/// The rule that says a run deploys.
pub(crate) fn rule<'a>(run: &Run, rules: &'a [DeployWorkflow]) -> Option<&'a DeployWorkflow> {
    rules.iter().find(|rule| rule.is_meant(run.name.as_deref().unwrap_or_default(), &run.path))
}

/// The runs of deploy workflows on `branch` that were completed inside the window and made none of the deployments whose
/// runs are `represented`. Without deploy workflows nothing is asked.
pub(crate) async fn fetch_runs(
    question: &Question<'_>,
    branch: &str,
    represented: &BTreeSet<u64>,
) -> Result<Found, Refusal> {
    let about = question.about;
    let rules = &about.options.deploy_workflows;
    if rules.is_empty() {
        let searched = vec!["no workflow runs, as no deploy workflow is set".to_owned()];
        return Ok(Found { searched, ..Found::default() });
    }
    // A run may be begun before the window and end in it; GitHub ends one after a day and a half at the latest.
    let begin = question.window.from.checked_sub(jiff::SignedDuration::from_hours(36));
    let begin = begin.unwrap_or(question.window.from);
    let query = query(&[
        ("branch", branch),
        ("status", "completed"),
        ("created", &between(begin, question.window.until)),
    ]);
    let path = about.path(&format!("/actions/runs?{query}&per_page=100"));
    let list = question.list_in(RUNS, path, |page: Runs| page.workflow_runs, |_| Next::Wanted).await?;
    let mut found = Found { missing: list.cut.into_iter().collect(), ..Found::default() };
    let (mut ours, mut others, mut again) = (BTreeMap::new(), 0, 0);
    for run in list.items {
        match rule(&run, rules) {
            None => others += usize::from(question.window.contains(run.updated_at)),
            Some(_) if run.updated_at >= question.window.until => {
                again += usize::from(run.run_attempt.unwrap_or(1) > 1);
            }
            Some(_) if !is_sha(&run.head_sha) => {}
            Some(rule) => {
                ours.insert(run.id, (run, rule));
            }
        }
    }
    if again > 0 {
        let count = counted(again, "workflow run was", "workflow runs were");
        found
            .missing
            .push(format!("{count} run again after the window; what the first attempts did was not read"));
    }
    let runs: Vec<(Run, &DeployWorkflow)> = ours.into_values().collect();
    let inside = runs.iter().filter(|(run, _)| question.window.contains(run.updated_at));
    let (mut told, mut made_deployments) = (0, 0);
    for (run, rule) in inside {
        let Some(ended) = ended(run) else { continue };
        if represented.contains(&run.id) {
            made_deployments += 1;
            continue;
        }
        told += 1;
        let range = match ended {
            Ended::Well => fetch_delivered(question, run, &runs, &mut found.missing).await,
            Ended::Badly(_) => Range::default(),
        };
        found.changes.extend(change(run, rule, ended, range, &about.slug, &about.source));
    }
    found.searched.push(counted(told, "run of a deploy workflow", "runs of deploy workflows"));
    if made_deployments > 0 {
        found.searched.push(format!("{made_deployments} more told as their deployments"));
    }
    if others > 0 {
        found.searched.push(counted(others, "other workflow run left out", "other workflow runs left out"));
    }
    Ok(found)
}

/// What came since the run of the same workflow that succeeded before.
async fn fetch_delivered(
    question: &Question<'_>,
    run: &Run,
    runs: &[(Run, &DeployWorkflow)],
    missing: &mut Vec<String>,
) -> Range {
    let earlier = runs.iter().map(|(other, _)| other).filter(|other| {
        other.workflow_id == run.workflow_id
            && other.updated_at < run.updated_at
            && ended(other) == Some(Ended::Well)
    });
    let before = match earlier.max_by_key(|other| other.updated_at) {
        Some(other) => Some(other.head_sha.clone()),
        None => fetch_earlier(question, run, missing).await,
    };
    let told = match before.filter(|sha| is_sha(sha)) {
        Some(before) => fetch_range(question, &before, &run.head_sha).await,
        None => {
            missing
                .push(format!("what run {} delivers: no earlier success of its workflow was found", run.id));
            return Range::default();
        }
    };
    match told {
        Ok(mut range) => {
            missing.extend(range.cut.take().map(|cut| format!("what run {} delivers: {cut}", run.id)));
            range
        }
        Err(refusal) => {
            missing.push(format!("what run {} delivers: {refusal}", run.id));
            Range::default()
        }
    }
}

/// The commit of the newest success of the same workflow that was begun before this run.
async fn fetch_earlier(question: &Question<'_>, run: &Run, missing: &mut Vec<String>) -> Option<String> {
    let branch = run.head_branch.as_deref().unwrap_or_default();
    let created = format!("<{}", run.created_at);
    let query = query(&[("branch", branch), ("status", "success"), ("created", &created)]);
    let rest = format!("/actions/workflows/{}/runs?{query}&per_page=1", run.workflow_id);
    let path = question.about.path(&rest);
    match question.fetch::<Runs>(RUNS, path, crate::cache::Holds::WhileUnchanged).await {
        Ok(page) => {
            page.workflow_runs.into_iter().find(|other| other.id != run.id).map(|other| other.head_sha)
        }
        Err(refusal) => {
            missing.push(format!("what ran before run {}: {refusal}", run.id));
            None
        }
    }
}

/// A run as a change.
pub(crate) fn change(
    run: &Run,
    rule: &DeployWorkflow,
    ended: Ended,
    range: Range,
    slug: &Slug,
    source: &SourceName,
) -> Option<Change> {
    let name = run.name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or(run.path.as_str());
    let mut says: Vec<String> = Vec::new();
    if let Ended::Badly(how) = ended {
        says.push(format!("{how}."));
    }
    says.extend(range.says.map(|text| sentence(&text)));
    says.extend(run.display_title.clone());
    Some(Change {
        id: slug.numbered("run", run.id)?,
        kind: ChangeKind::Deploy,
        source: source.clone(),
        services: Vec::new(),
        environment: rule.environment.as_deref().and_then(environment),
        delivers: range.delivers,
        // A run stands at the commit its workflow was read from; what it deploys may be another, which an input names.
        rollout: None,
        committed_at: run.created_at.min(run.updated_at),
        effective_at: run.updated_at,
        landed: if ended == Ended::Well { Landed::Yes } else { Landed::NotYet },
        author: account(run.actor.as_ref()),
        title: title(&format!("{name}: {}", short(&run.head_sha))),
        body: body(&says.join("\n")),
        paths: Paths::Known(Vec::new()),
        revert: Revert { reverts: range.takes_out, says: range.course.says(), ..Revert::default() },
        review: Review::Unknown,
        link: link(&run.html_url),
    })
}

/// GitHub's syntax for a range of times, to the second.
fn between(from: Timestamp, until: Timestamp) -> String {
    let second = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    format!("{}..{}", second(from), second(until))
}

fn query(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}
