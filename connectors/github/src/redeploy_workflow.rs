//! The way by a workflow: starts it with its inputs, and finds the run again by the key that its name shows. It must not
//! know what has to hold of the environment.

use std::collections::BTreeMap;

use hearback_core::ExternalText;
use hearback_core::action::{IdempotencyKey, Receipt, Redeploy, RedeployBy};
use hearback_core::ports::Trace;
use hearback_core::time::format_time;
use serde_json::json;

use crate::cache::Holds;
use crate::question::{Next, Question};
use crate::redeploy::{inverse, web};
use crate::redeploy_ways::{RedeployWay, filled, said};
use crate::refusal::{RUNS, Refusal, STARTED_RUNS, WORKFLOWS};
use crate::slug::short;
use crate::survey::{Survey, fetch_branch};
use crate::text::link;
use crate::wire::{Run, Runs, Started, Workflow};
use crate::write::Write;

/// What is done, as the end of a sentence.
pub(crate) fn describe(file: &str, branch: &str, inputs: &BTreeMap<String, String>) -> String {
    let shown = |text: &String| ExternalText::new(text).for_people(60);
    let given: Vec<String> =
        inputs.iter().map(|(name, value)| format!("{} = {}", shown(name), shown(value))).collect();
    format!("by starting {} of {} with {}", said(file), said(branch), given.join(", "))
}

/// Looks at the workflow and at those of its runs that were started by hand, as ours are.
pub(crate) async fn survey(
    question: &Question<'_>,
    ways: &[RedeployWay],
    redeploy: &Redeploy,
    (file, branch): (&str, &str),
    key: Option<&IdempotencyKey>,
    survey: &mut Survey,
) -> Result<(), Refusal> {
    let path = question.about.path(&format!("/actions/workflows/{file}"));
    match question.fetch::<Workflow>(WORKFLOWS, path, Holds::WhileUnchanged).await {
        Ok(workflow) if workflow.state == "active" => {}
        Ok(_) => survey.refuse(format!("the workflow {} is disabled", said(file))),
        Err(Refusal::NotFound(_)) => survey.refuse(format!("there is no workflow {}", said(file))),
        Err(refusal) => return Err(refusal),
    }
    if survey.is_settled() {
        return Ok(());
    }
    if !has_key(redeploy) {
        let lost = "if GitHub's answer is lost, nobody can tell whether it was started: no input holds {key}";
        survey.say(lost.to_owned());
    }
    let runs = fetch_runs_of(question, file).await?;
    let made = key.and_then(|key| of_key(&runs, redeploy, key));
    survey.done = made.map(|run| receipt(question, ways, redeploy, Some((run.id, &run.html_url))));
    // A run that waits for its turn has no deployment yet. Those of pushes are let be: they may wait for days.
    if let Some(run) = runs.iter().find(|run| run.status.as_deref() != Some("completed")) {
        survey.refuse(format!(
            "run {} of {}, started at {}, is not over",
            run.id,
            said(file),
            format_time(run.created_at)
        ));
    }
    if !survey.is_settled() && fetch_branch(question, branch).await?.is_none() {
        survey.refuse(format!("there is no branch {} on GitHub", said(branch)));
    }
    Ok(())
}

/// What is sent to start it.
pub(crate) fn write(
    question: &Question<'_>,
    (file, branch): (&str, &str),
    inputs: &BTreeMap<String, String>,
    key: &IdempotencyKey,
) -> Write {
    let inputs: BTreeMap<&String, String> =
        inputs.iter().map(|(name, value)| (name, filled(value, &[("{key}", key.as_str())]))).collect();
    let mut body = json!({"ref": branch, "inputs": inputs});
    // github.com tells which run it started if it is asked to (since February 2026). A GitHub Enterprise Server that does
    // not know the question would refuse the whole request.
    if !is_own_server(question)
        && let Some(body) = body.as_object_mut()
    {
        body.insert("return_run_details".to_owned(), true.into());
    }
    let path = question.about.path(&format!("/actions/workflows/{file}/dispatches"));
    Write { part: STARTED_RUNS, path, body }
}

/// GitHub Enterprise Server has its API below a path.
fn is_own_server(question: &Question<'_>) -> bool {
    question.about.options.base_url.trim().trim_end_matches('/').ends_with("/api/v3")
}

/// Reads what GitHub answers to it: nothing, or the run.
pub(crate) fn taken(
    question: &Question<'_>,
    ways: &[RedeployWay],
    redeploy: &Redeploy,
    status: u16,
    body: &[u8],
) -> Option<Receipt> {
    let run: Option<Started> = serde_json::from_slice(body).ok();
    let run = run.as_ref().map(|run| (run.workflow_run_id, run.html_url.as_str()));
    match (status, run) {
        (204, _) => Some(receipt(question, ways, redeploy, None)),
        (200, Some(run)) => Some(receipt(question, ways, redeploy, Some(run))),
        _ => None,
    }
}

/// Looks for the run whose name shows this key.
pub(crate) async fn find(
    question: &Question<'_>,
    ways: &[RedeployWay],
    redeploy: &Redeploy,
    file: &str,
    key: &IdempotencyKey,
) -> Result<Trace, Refusal> {
    let runs = fetch_runs_of(question, file).await?;
    Ok(match of_key(&runs, redeploy, key) {
        Some(run) => Trace::Done(receipt(question, ways, redeploy, Some((run.id, &run.html_url)))),
        None if has_key(redeploy) => Trace::NotFound(format!(
            "no run of {} of {} shows its key in its name",
            said(file),
            question.about.slug
        )),
        None => Trace::NotFound(format!(
            "the runs of {} of {} do not tell which of them it started: no input holds {{key}}",
            said(file),
            question.about.slug
        )),
    })
}

/// The runs that were started by hand or by a program, the newest hundred.
async fn fetch_runs_of(question: &Question<'_>, file: &str) -> Result<Vec<Run>, Refusal> {
    let rest = format!("/actions/workflows/{file}/runs?event=workflow_dispatch&per_page=100");
    let list = question.list_in(
        RUNS,
        question.about.path(&rest),
        |page: Runs| page.workflow_runs,
        |_| Next::NotWanted,
    );
    Ok(list.await?.items)
}

fn has_key(redeploy: &Redeploy) -> bool {
    match &redeploy.by {
        RedeployBy::Workflow { inputs, .. } => inputs.values().any(|value| value.contains("{key}")),
        RedeployBy::Deployment { .. } => false,
    }
}

fn of_key<'a>(runs: &'a [Run], redeploy: &Redeploy, key: &IdempotencyKey) -> Option<&'a Run> {
    let shows = |text: &Option<String>| text.as_deref().is_some_and(|text| text.contains(key.as_str()));
    runs.iter().find(|run| shows(&run.display_title) || shows(&run.name)).filter(|_| has_key(redeploy))
}

fn receipt(
    question: &Question<'_>,
    ways: &[RedeployWay],
    redeploy: &Redeploy,
    run: Option<(u64, &str)>,
) -> Receipt {
    let file = match &redeploy.by {
        RedeployBy::Workflow { file, .. } => file.as_str(),
        RedeployBy::Deployment { .. } => "",
    };
    let named = run.map(|(id, _)| format!(" (run {id})")).unwrap_or_default();
    let page = run.and_then(|(_, page)| link(page));
    Receipt {
        says: format!(
            "told GitHub to start {} for {} of {} with {}{named}; whether it gets there is not known yet",
            said(file),
            said(&redeploy.environment),
            question.about.slug,
            short(&redeploy.to)
        ),
        link: page.or_else(|| web(question, &format!("/actions/workflows/{file}"))),
        inverse: inverse(ways, redeploy),
        made: run.map(|(id, _)| id.to_string()),
    }
}
