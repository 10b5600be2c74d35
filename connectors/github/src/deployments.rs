//! Deployments as deploys to an environment: when the first success was, what came since the one before, what was taken
//! out. It must not know pull requests or workflow runs, and no status from the window's end on.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use hearback_core::change::{Change, ChangeKind, Landed, Paths, Revert, Review, Rollout};
use hearback_core::ids::ChangeId;
use hearback_core::time::format_time;
use jiff::{SignedDuration, Timestamp};

use crate::question::{Found, List, Next, Question};
use crate::range::{Range, fetch_range};
use crate::refusal::{DEPLOYMENTS, Refusal};
use crate::slug::{is_sha, short};
use crate::text::{account, body, counted, environment, link, title};
use crate::wire::{Deployment, DeploymentStatus};

/// How long before the window a deployment may have been begun that ends inside it.
const LONGEST_ROLLOUT: SignedDuration = SignedDuration::from_hours(24);

/// How many older deployments are looked into for the success before the first of the window.
const OLDER: usize = 5;

/// Deployments as changes, and what represents them elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Deployed {
    pub(crate) found: Found,
    /// Workflow runs that made one of the deployments.
    pub(crate) runs: BTreeSet<u64>,
}

/// How a deployment stood at the window's end.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Succeeded { at: Timestamp, failed_before: Option<Timestamp> },
    Failed { at: Timestamp, why: String },
    UnderWay,
}

struct Known {
    deployment: Deployment,
    outcome: Outcome,
    /// The newest page that a status names.
    link: Option<String>,
}

/// Where a deployment goes: two with different tasks are of different things.
type Place = (String, String);

fn place(deployment: &Deployment) -> Place {
    (deployment.environment.clone(), deployment.task.clone())
}

/// The deployments that succeeded or failed inside the window, or were begun in it and are under way.
pub(crate) async fn fetch_deployments(question: &Question<'_>) -> Result<Deployed, Refusal> {
    let about = question.about;
    let begin = question.window.from.checked_sub(LONGEST_ROLLOUT).unwrap_or(Timestamp::MIN);
    let list = fetch_list(question, about.path("/deployments?per_page=100"), begin).await?;
    let mut deployed = Deployed::default();
    deployed.found.missing.extend(list.cut);
    let (wanted, left_out) = wanted(question, list.items);
    let (recent, older): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|d| d.created_at >= begin);
    let known = fetch_outcomes(question, recent, &mut deployed).await;
    let inside = |known: &&Known| question.window.contains(told_at(known));
    let before = fetch_before(question, &known, &older, list.whole, begin, &mut deployed.found.missing).await;
    let count = known.iter().filter(inside).count();
    deployed.found.searched.push(counted(count, "deployment", "deployments"));
    if left_out > 0 {
        let one = "deployment to another or a transient environment";
        let many = "deployments to other or transient environments";
        deployed.found.searched.push(format!("{} left out", counted(left_out, one, many)));
    }
    for known_one in known.iter().filter(inside) {
        let previous = previous(known_one, &known, &before);
        let change = tell(question, known_one, previous, &mut deployed.found.missing).await;
        deployed.found.changes.extend(change);
    }
    Ok(deployed)
}

/// Newest first, as GitHub lists them, until they are older than `begin`.
async fn fetch_list(
    question: &Question<'_>,
    path: String,
    begin: Timestamp,
) -> Result<List<Deployment>, Refusal> {
    let next = |page: &[Deployment]| match page.last() {
        Some(last) if last.created_at >= begin => Next::Wanted,
        _ => Next::NotWanted,
    };
    question.list(DEPLOYMENTS, path, next).await
}

/// Those of environments that are wanted, begun before the window's end, each once, newest first; and how many are not.
fn wanted(question: &Question<'_>, deployments: Vec<Deployment>) -> (Vec<Deployment>, usize) {
    let patterns = &question.about.options.environments;
    let mut by_id = BTreeMap::new();
    let mut left_out = 0;
    for deployment in deployments {
        if deployment.created_at >= question.window.until || !is_sha(&deployment.sha) {
            continue;
        }
        let is_wanted = match patterns.as_slice() {
            [] => deployment.transient_environment != Some(true),
            patterns => patterns.iter().any(|pattern| pattern.matches(&deployment.environment)),
        };
        if is_wanted {
            by_id.insert(deployment.id, deployment);
        } else {
            left_out += usize::from(deployment.created_at >= question.window.from);
        }
    }
    let mut wanted: Vec<Deployment> = by_id.into_values().collect();
    wanted.sort_by_key(|deployment| Reverse((deployment.created_at, deployment.id)));
    (wanted, left_out)
}

/// Asks for the statuses of each.
async fn fetch_outcomes(
    question: &Question<'_>,
    recent: Vec<Deployment>,
    deployed: &mut Deployed,
) -> Vec<Known> {
    let limits = &question.about.options.limits;
    if recent.len() > limits.deployments {
        let rest = recent.len() - limits.deployments;
        let most = limits.deployments;
        deployed.found.missing.push(format!("the {rest} oldest deployments: only {most} are looked into"));
    }
    let asks: Vec<_> =
        recent.iter().take(limits.deployments).map(|d| fetch_statuses(question, d.id)).collect();
    let answers: Vec<_> = futures::stream::iter(asks).buffered(limits.at_once.max(1)).collect().await;
    let mut known = Vec::new();
    for (deployment, answer) in recent.into_iter().zip(answers) {
        match answer {
            Ok(statuses) => {
                deployed.runs.extend(statuses.items.iter().filter_map(run_of));
                deployed.found.missing.extend(statuses.cut);
                let link = statuses.items.iter().find_map(page_of);
                known.push(Known { outcome: outcome(&statuses.items), deployment, link });
            }
            Err(refusal) => deployed.found.missing.push(format!("statuses of some deployments: {refusal}")),
        }
    }
    deployed.found.missing.sort();
    deployed.found.missing.dedup();
    known
}

/// The statuses of a deployment that were there by the window's end.
async fn fetch_statuses(question: &Question<'_>, id: u64) -> Result<List<DeploymentStatus>, Refusal> {
    let path = question.about.path(&format!("/deployments/{id}/statuses?per_page=100"));
    let mut list = question.list::<DeploymentStatus>(DEPLOYMENTS, path, |_| Next::Wanted).await?;
    list.items.retain(|status| status.created_at < question.window.until);
    Ok(list)
}

/// The first success is when it took effect; later ones, and `inactive` when the next came, change nothing of that.
fn outcome(statuses: &[DeploymentStatus]) -> Outcome {
    let mut by_time: Vec<&DeploymentStatus> = statuses.iter().collect();
    by_time.sort_by_key(|status| status.created_at);
    let failures = || by_time.iter().filter(|status| matches!(status.state.as_str(), "failure" | "error"));
    if let Some(success) = by_time.iter().find(|status| status.state == "success") {
        let failed_before = failures().map(|failure| failure.created_at).find(|at| *at < success.created_at);
        return Outcome::Succeeded { at: success.created_at, failed_before };
    }
    match failures().next_back() {
        Some(failure) => {
            Outcome::Failed { at: failure.created_at, why: failure.description.clone().unwrap_or_default() }
        }
        None => Outcome::UnderWay,
    }
}

/// The page that a status names.
fn page_of(status: &DeploymentStatus) -> Option<String> {
    let addresses = [status.log_url.as_deref(), status.target_url.as_deref()];
    addresses.into_iter().flatten().find_map(link)
}

/// The workflow run behind a status: GitHub Actions writes its address into it.
fn run_of(status: &DeploymentStatus) -> Option<u64> {
    let addresses = [status.log_url.as_deref(), status.target_url.as_deref()];
    addresses.into_iter().flatten().find_map(|address| {
        let (_, rest) = address.split_once("/actions/runs/")?;
        rest.split(['/', '?', '#']).next()?.parse().ok()
    })
}

fn told_at(known: &Known) -> Timestamp {
    match known.outcome {
        Outcome::Succeeded { at, .. } | Outcome::Failed { at, .. } => at,
        Outcome::UnderWay => known.deployment.created_at,
    }
}

fn succeeded(known: &Known) -> Option<(Timestamp, &str)> {
    match known.outcome {
        Outcome::Succeeded { at, .. } => Some((at, known.deployment.sha.as_str())),
        _ => None,
    }
}

/// What ran in a place before the first success of those that are known.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Before {
    Ran(String),
    Nothing,
    NotKnown,
}

/// Looks for what ran in each place before, among deployments from before the window.
async fn fetch_before(
    question: &Question<'_>,
    known: &[Known],
    older: &[Deployment],
    whole: bool,
    begin: Timestamp,
    missing: &mut Vec<String>,
) -> BTreeMap<Place, Before> {
    let places: BTreeSet<Place> =
        known.iter().filter(|k| succeeded(k).is_some()).map(|k| place(&k.deployment)).collect();
    let mut before = BTreeMap::new();
    for wanted in places {
        let is_before = |deployment: &Deployment| {
            place(deployment) == wanted && deployment.created_at < begin && is_sha(&deployment.sha)
        };
        let mut all = whole;
        let mut candidates: Vec<Deployment> = older.iter().filter(|d| is_before(d)).cloned().collect();
        if candidates.is_empty() && !whole {
            let (environment, task) = (encoded(&wanted.0), encoded(&wanted.1));
            let path = format!("/deployments?environment={environment}&task={task}&per_page=100");
            match fetch_list(question, question.about.path(&path), begin).await {
                Ok(list) => {
                    all = list.whole;
                    candidates = list.items.into_iter().filter(is_before).collect();
                }
                Err(refusal) => missing.push(format!("what ran before in {}: {refusal}", shown(&wanted.0))),
            }
        }
        let known_before = match fetch_success(question, &candidates).await {
            Ok(Some(sha)) => Before::Ran(sha),
            Ok(None) if all && candidates.len() <= OLDER => Before::Nothing,
            Ok(None) => Before::NotKnown,
            Err(refusal) => {
                missing.push(format!("what ran before in {}: {refusal}", shown(&wanted.0)));
                Before::NotKnown
            }
        };
        before.insert(wanted, known_before);
    }
    before
}

/// The commit of the first of `candidates`, newest first, that succeeded.
async fn fetch_success(
    question: &Question<'_>,
    candidates: &[Deployment],
) -> Result<Option<String>, Refusal> {
    for candidate in candidates.iter().take(OLDER) {
        let statuses = fetch_statuses(question, candidate.id).await?;
        if matches!(outcome(&statuses.items), Outcome::Succeeded { .. }) {
            return Ok(Some(candidate.sha.clone()));
        }
    }
    Ok(None)
}

/// What ran in the place of `one` before it succeeded.
fn previous(one: &Known, known: &[Known], before: &BTreeMap<Place, Before>) -> Before {
    let Some((at, _)) = succeeded(one) else { return Before::NotKnown };
    let here = place(&one.deployment);
    let earlier = known.iter().filter(|other| place(&other.deployment) == here).filter_map(succeeded);
    match earlier.filter(|(other, _)| *other < at).max_by_key(|(other, _)| *other) {
        Some((_, sha)) => Before::Ran(sha.to_owned()),
        None => before.get(&here).cloned().unwrap_or(Before::NotKnown),
    }
}

async fn tell(
    question: &Question<'_>,
    one: &Known,
    previous: Before,
    missing: &mut Vec<String>,
) -> Option<Change> {
    let about = question.about;
    let Known { deployment, outcome, .. } = one;
    let id = about.slug.numbered("deployment", deployment.id)?;
    let place = shown(&deployment.environment);
    let mut says: Vec<String> = Vec::new();
    let mut range = Range::default();
    let rollout = rollout(one, &previous);
    match (outcome, previous) {
        (Outcome::Succeeded { failed_before, .. }, previous) => {
            says.extend(failed_before.map(|at| format!("Failed first, at {}.", format_time(at))));
            match previous {
                Before::Ran(sha) => match fetch_range(question, &sha, &deployment.sha).await {
                    Ok(told) => range = told,
                    Err(refusal) => {
                        missing.push(format!("what deployment {} delivers: {refusal}", deployment.id))
                    }
                },
                Before::Nothing => {
                    says.push(format!("The first deployment to {place}."));
                    range.delivers.extend(about.commit(&deployment.sha));
                }
                Before::NotKnown => missing.push(format!(
                    "what deployment {} delivers: no earlier success in {place} was found",
                    deployment.id
                )),
            }
        }
        (Outcome::Failed { why, .. }, _) => {
            says.push(if why.is_empty() { "Failed.".to_owned() } else { format!("Failed: {why}") });
        }
        (Outcome::UnderWay, _) => says.push("Under way.".to_owned()),
    }
    if let Some(cut) = range.cut.take() {
        missing.push(format!("what deployment {} delivers: {cut}", deployment.id));
    }
    Some(change(question, one, id, (range, rollout), says))
}

/// What a success brought. A deployment that failed or is under way may have brought it to a part, which is not certain.
fn rollout(one: &Known, previous: &Before) -> Option<Rollout> {
    let (_, sha) = succeeded(one)?;
    let before = match previous {
        Before::Ran(sha) => Some(sha.clone()),
        Before::Nothing | Before::NotKnown => None,
    };
    Some(Rollout { version: sha.to_owned(), before })
}

fn change(
    question: &Question<'_>,
    one: &Known,
    id: ChangeId,
    (range, rollout): (Range, Option<Rollout>),
    mut says: Vec<String>,
) -> Change {
    let Known { deployment, outcome, link } = one;
    let is_over = matches!(outcome, Outcome::Succeeded { .. });
    let effective_at = told_at(one);
    says.extend(range.says.map(|text| sentence(&text)));
    says.extend(deployment.description.clone().filter(|text| !text.trim().is_empty()));
    Change {
        id,
        kind: ChangeKind::Deploy,
        source: question.about.source.clone(),
        services: Vec::new(),
        environment: environment(&deployment.environment),
        delivers: range.delivers,
        rollout,
        committed_at: deployment.created_at.min(effective_at),
        effective_at,
        landed: if is_over { Landed::Yes } else { Landed::NotYet },
        author: account(deployment.creator.as_ref()),
        title: title(&subject(deployment)),
        body: body(&says.join("\n")),
        paths: Paths::Known(Vec::new()),
        revert: Revert { reverts: range.takes_out, says: range.course.says(), ..Revert::default() },
        review: Review::Unknown,
        link: link.clone(),
    }
}

/// `deploy 3f2a91c7d0 (main) to production`
pub(crate) fn subject(deployment: &Deployment) -> String {
    let sha = short(&deployment.sha);
    let task = if deployment.task.is_empty() { "deploy" } else { deployment.task.as_str() };
    let name = if deployment.name.is_empty() || deployment.sha.starts_with(&deployment.name) {
        String::new()
    } else {
        format!(" ({})", deployment.name)
    };
    format!("{task} {sha}{name} to {}", deployment.environment)
}

/// With a capital and a full stop.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

fn shown(name: &str) -> String {
    environment(name).unwrap_or_else(|| "an environment without a name".to_owned())
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: &str, minute: u8, log_url: &str) -> DeploymentStatus {
        let json = serde_json::json!({
            "state": state, "created_at": format!("2026-11-23T12:{minute:02}:00Z"), "log_url": log_url, "description": "why",
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn the_first_success_counts_whatever_came_around_it() {
        let at = |minute: u8| format!("2026-11-23T12:{minute:02}:00Z").parse::<Timestamp>().unwrap();
        let check = |states: &[(&str, u8)], expect: Outcome| {
            // Newest first, as GitHub lists them.
            let statuses: Vec<_> =
                states.iter().rev().map(|(state, minute)| status(state, *minute, "")).collect();
            assert_eq!(outcome(&statuses), expect, "{states:?}");
        };
        let ok = |minute, failed| Outcome::Succeeded { at: at(minute), failed_before: failed };
        check(&[("queued", 0), ("in_progress", 1), ("success", 2), ("inactive", 9)], ok(2, None));
        check(&[("in_progress", 1), ("failure", 2), ("success", 3), ("success", 5)], ok(3, Some(at(2))));
        check(&[("success", 3), ("failure", 5)], ok(3, None));
        check(&[("in_progress", 1), ("error", 2)], Outcome::Failed { at: at(2), why: "why".into() });
        check(&[("in_progress", 1)], Outcome::UnderWay);
        check(&[], Outcome::UnderWay);
    }

    #[test]
    fn the_run_behind_a_status_is_read_from_its_address() {
        let check = |address: &str, expect: Option<u64>| {
            assert_eq!(run_of(&status("success", 0, address)), expect, "{address}");
        };
        check("https://github.com/octo/checkout/actions/runs/77/job/12", Some(77));
        check("https://github.com/octo/checkout/actions/runs/77", Some(77));
        check("https://ci.example.com/77", None);
        check("", None);
    }
}
