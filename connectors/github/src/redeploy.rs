//! Deploys an earlier commit again, by a deployment or by a workflow: what must hold right before, which is the same for
//! both, and the way by a deployment. It must not know how a write is sent.

use hearback_core::action::{Action, IdempotencyKey, Receipt, Redeploy, RedeployBy};
use hearback_core::ports::Trace;
use hearback_core::time::format_time;
use serde_json::{Value, json};

use crate::cache::Holds;
use crate::question::Question;
use crate::redeploy_ways::{RedeployWay, said};
use crate::redeploy_workflow;
use crate::refusal::{COMMITS, MADE_DEPLOYMENTS, Refusal};
use crate::running::{Runs, Standing, Switched, fetch_deployments_of, fetch_standing};
use crate::slug::{is_sha, short};
use crate::survey::{Survey, fetch_repository};
use crate::text::{counted, link};
use crate::wire::{Comparison, Deployment};
use crate::write::Write;

/// The task of the deployments that GitHub's own workflows make.
const USUAL_TASK: &str = "deploy";

/// Looks at what runs, at what is under way, and at the commit.
pub(crate) async fn survey(
    question: &Question<'_>,
    ways: &[RedeployWay],
    redeploy: &Redeploy,
    key: Option<&IdempotencyKey>,
) -> Result<(Survey, Option<Runs>), Refusal> {
    let mut survey = Survey::default();
    refuse_another_way(&mut survey, ways, redeploy);
    if survey.is_settled() {
        return Ok((survey, None));
    }
    let place = said(&redeploy.environment);
    let (what, task) = match &redeploy.by {
        RedeployBy::Deployment { task } => {
            (format!("by a deployment with the task {}", said(task)), task.as_str())
        }
        RedeployBy::Workflow { file, branch, inputs } => {
            (redeploy_workflow::describe(file, branch, inputs), USUAL_TASK)
        }
    };
    survey.say(format!(
        "tell GitHub to bring {place} of {} to {}, {what}",
        question.about.slug,
        short(&redeploy.to)
    ));
    fetch_repository(question, &mut survey).await?;
    if survey.is_settled() {
        return Ok((survey, None));
    }
    let deployments = fetch_deployments_of(question, &redeploy.environment).await?;
    match &redeploy.by {
        RedeployBy::Deployment { .. } => {
            let made = key.and_then(|key| of_key(&deployments, key));
            survey.done = made.map(|made| receipt(question, ways, redeploy, made.id));
            survey.say(format!("GitHub refuses it if a check of {} did not succeed", short(&redeploy.to)));
        }
        RedeployBy::Workflow { file, branch, .. } => {
            redeploy_workflow::survey(question, ways, redeploy, (file, branch), key, &mut survey).await?;
        }
    }
    if survey.is_settled() {
        return Ok((survey, None));
    }
    let standing = fetch_standing(question, &deployments, task).await?;
    refuse_if_not_expected(&mut survey, redeploy, &standing);
    if survey.refuses.is_none() {
        check_commit(question, &mut survey, redeploy, &standing).await?;
    }
    Ok((survey, standing.runs))
}

/// The action must be what the configuration would propose now: what was allowed once may not be any more.
fn refuse_another_way(survey: &mut Survey, ways: &[RedeployWay], redeploy: &Redeploy) {
    let place = said(&redeploy.environment);
    if !is_sha(&redeploy.from) || !is_sha(&redeploy.to) || redeploy.from == redeploy.to {
        survey.refuse("it does not name two commits by their full sha".to_owned());
        return;
    }
    let Some(way) = way_of(ways, &redeploy.environment) else {
        let known: Vec<String> = ways.iter().map(|way| said(&way.environment)).collect();
        let known =
            if known.is_empty() { "none is".to_owned() } else { format!("only {}", known.join(", ")) };
        survey.refuse(format!("{place} is not set as an environment to redeploy; {known}"));
        return;
    };
    if way.redeploy(&redeploy.repository, &redeploy.from, &redeploy.to).as_ref() != Some(redeploy) {
        survey.refuse(format!("{place} is redeployed in another way now; ask again for a new proposal"));
    }
}

pub(crate) fn way_of<'a>(ways: &'a [RedeployWay], environment: &str) -> Option<&'a RedeployWay> {
    ways.iter().find(|way| way.environment == environment)
}

fn refuse_if_not_expected(survey: &mut Survey, redeploy: &Redeploy, standing: &Standing) {
    let place = said(&redeploy.environment);
    match &standing.runs {
        None => survey.refuse(format!(
            "what runs in {place} can't be told: GitHub knows no recent deployment there that succeeded"
        )),
        Some(Runs { deployment, switched: Switched::Off, .. }) => survey.refuse(format!(
            "what runs in {place} can't be told: the last deployment that succeeded, of {}, was set inactive",
            short(&deployment.sha)
        )),
        Some(Runs { deployment, since, .. }) if deployment.sha != redeploy.from => survey.refuse(format!(
            "{place} runs {} since {}, not {}",
            short(&deployment.sha),
            format_time(*since),
            short(&redeploy.from)
        )),
        Some(Runs { since, .. }) => survey.say(format!(
            "{place} runs {} since {}, as its deployments tell",
            short(&redeploy.from),
            format_time(*since)
        )),
    }
    if let Some(other) = &standing.under_way {
        survey.refuse(format!(
            "deployment {} of {} to {place}, begun at {}, is not over",
            other.id,
            short(&other.sha),
            format_time(other.created_at)
        ));
    }
    if let Some(failed) = &standing.failed {
        survey.say(format!(
            "deployment {} of {} failed since; what it left there is not known",
            failed.id,
            short(&failed.sha)
        ));
    }
}

/// GitHub shows the commits of forks under the name of the repository too. So one counts as its own if it is behind what
/// runs, or if it ran there before.
async fn check_commit(
    question: &Question<'_>,
    survey: &mut Survey,
    redeploy: &Redeploy,
    standing: &Standing,
) -> Result<(), Refusal> {
    let (from, to) = (&redeploy.from, &redeploy.to);
    let path = question.about.path(&format!("/compare/{from}...{to}?per_page=1"));
    let compared = match question.fetch::<Comparison>(COMMITS, path, Holds::ForEver).await {
        Ok(compared) => compared,
        Err(Refusal::NotFound(_)) => {
            survey.refuse(format!("{} or {} is no commit that GitHub knows", short(to), short(from)));
            return Ok(());
        }
        Err(refusal) => return Err(refusal),
    };
    let commits = |count| counted(usize::try_from(count).unwrap_or(usize::MAX), "commit", "commits");
    let was_there = standing.succeeded.contains(to);
    match (compared.status.as_str(), was_there) {
        ("behind", _) => survey.say(format!("that takes out {}", commits(compared.behind_by))),
        ("ahead", true) => survey.say(format!("that brings {}", commits(compared.total_commits))),
        (_, true) => survey.say(format!(
            "that takes out {} and brings {}",
            commits(compared.behind_by),
            commits(compared.total_commits)
        )),
        (_, false) => survey.refuse(format!(
            "{} is not behind what runs in {}, and was not deployed there lately",
            short(to),
            said(&redeploy.environment)
        )),
    }
    Ok(())
}

/// What is sent to make a deployment. It is of the same kind of environment as the one that runs: GitHub sets the
/// deployments before inactive by that.
pub(crate) fn write(
    question: &Question<'_>,
    redeploy: &Redeploy,
    task: &str,
    runs: Option<&Runs>,
    key: &IdempotencyKey,
) -> Write {
    let mut body = json!({
        "ref": redeploy.to, "environment": redeploy.environment, "task": task, "auto_merge": false,
        "description": format!("Hearback: from {} to {}", short(&redeploy.from), short(&redeploy.to)),
        "payload": {"hearback_key": key.as_str()},
    });
    let kind =
        runs.map(|runs| (runs.deployment.transient_environment, runs.deployment.production_environment));
    let (transient, production) = kind.unwrap_or_default();
    for (name, value) in [("transient_environment", transient), ("production_environment", production)] {
        if let (Some(value), Some(body)) = (value, body.as_object_mut()) {
            body.insert(name.to_owned(), Value::Bool(value));
        }
    }
    Write { part: MADE_DEPLOYMENTS, path: question.about.path("/deployments"), body }
}

/// Reads what GitHub answers to it. 202 means that GitHub merged something instead, which it was told not to do.
pub(crate) fn taken(
    question: &Question<'_>,
    ways: &[RedeployWay],
    redeploy: &Redeploy,
    status: u16,
    body: &[u8],
) -> Option<Receipt> {
    let made: Deployment = serde_json::from_slice(body).ok()?;
    (status == 201).then(|| receipt(question, ways, redeploy, made.id))
}

/// Looks for the deployment of this key.
pub(crate) async fn find(
    question: &Question<'_>,
    ways: &[RedeployWay],
    redeploy: &Redeploy,
    key: &IdempotencyKey,
) -> Result<Trace, Refusal> {
    let deployments = fetch_deployments_of(question, &redeploy.environment).await?;
    Ok(match of_key(&deployments, key) {
        Some(made) => Trace::Done(receipt(question, ways, redeploy, made.id)),
        None => Trace::NotFound(format!(
            "none of the newest deployments to {} of {} was made by it",
            said(&redeploy.environment),
            question.about.slug
        )),
    })
}

fn of_key<'a>(deployments: &'a [Deployment], key: &IdempotencyKey) -> Option<&'a Deployment> {
    let has_key = |payload: &Value| {
        payload.get("hearback_key").and_then(Value::as_str).is_some_and(|text| text == key.as_str())
    };
    deployments.iter().find(|one| match &one.payload {
        Some(Value::String(text)) => serde_json::from_str(text).is_ok_and(|payload| has_key(&payload)),
        Some(payload) => has_key(payload),
        None => false,
    })
}

fn receipt(question: &Question<'_>, ways: &[RedeployWay], redeploy: &Redeploy, made: u64) -> Receipt {
    let place = said(&redeploy.environment);
    Receipt {
        says: format!(
            "told GitHub to deploy {} to {place} of {} (deployment {made}); whether it gets there is not known yet",
            short(&redeploy.to),
            question.about.slug
        ),
        link: web(question, "/deployments"),
        inverse: inverse(ways, redeploy),
        made: Some(made.to_string()),
    }
}

/// Back to what ran.
pub(crate) fn inverse(ways: &[RedeployWay], redeploy: &Redeploy) -> Option<Box<Action>> {
    let way = way_of(ways, &redeploy.environment)?;
    let back = way.redeploy(&redeploy.repository, &redeploy.to, &redeploy.from)?;
    Some(Box::new(Action::Redeploy(back)))
}

/// A page of the repository. GitHub's API is below `api.` of its pages' host, or below `/api/v3`.
pub(crate) fn web(question: &Question<'_>, rest: &str) -> Option<String> {
    let base = &question.about.options.base_url;
    let url = url::Url::parse(base.trim()).ok()?;
    let host = url.host_str()?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let host = host.strip_prefix("api.").unwrap_or(host);
    link(&format!("{}://{host}{port}/{}{rest}", url.scheme(), question.about.slug))
}
