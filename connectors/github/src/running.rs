//! What runs in an environment right now, as its deployments tell, and whether another one is under way. It must not know
//! what is to be deployed, and it has no clock: times are compared with each other.

use std::cmp::Reverse;

use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};

use crate::question::{Next, Question};
use crate::refusal::{DEPLOYMENTS, Refusal};
use crate::slug::is_sha;
use crate::wire::{Deployment, DeploymentStatus};

/// So many deployments of an environment are looked into, the newest.
const LOOKED_INTO: usize = 20;

/// A deployment that was begun longer than this before the one that runs, and never ended, was given up.
const LONGEST_ROLLOUT: SignedDuration = SignedDuration::from_hours(24);

/// The deployments of an environment, the newest hundred, newest first.
pub(crate) async fn fetch_deployments_of(
    question: &Question<'_>,
    environment: &str,
) -> Result<Vec<Deployment>, Refusal> {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("environment", environment)
        .append_pair("per_page", "100")
        .finish();
    let path = question.about.path(&format!("/deployments?{query}"));
    let list = question.list::<Deployment>(DEPLOYMENTS, path, |_| Next::NotWanted).await?;
    let mut deployments = list.items;
    // GitHub folds the case of an environment's name.
    deployments.retain(|one| one.environment.eq_ignore_ascii_case(environment) && is_sha(&one.sha));
    deployments.sort_by_key(|one| Reverse((one.created_at, one.id)));
    deployments.dedup_by_key(|one| one.id);
    Ok(deployments)
}

/// How an environment stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    /// What runs, as far as the deployments tell.
    pub(crate) runs: Option<Runs>,
    /// The newest deployment that is not over, of whatever task.
    pub(crate) under_way: Option<Deployment>,
    /// The newest deployment that failed after what runs was begun.
    pub(crate) failed: Option<Deployment>,
    /// The commits that were deployed successfully, lately.
    pub(crate) succeeded: Vec<String>,
}

/// What runs.
#[derive(Debug, Clone)]
pub(crate) struct Runs {
    pub(crate) deployment: Deployment,
    pub(crate) since: Timestamp,
    pub(crate) switched: Switched,
}

/// Whether a deployment that succeeded was set inactive afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switched {
    On,
    Off,
}

/// Asks for the statuses of `deployments` and tells how the environment stands for `task`.
pub(crate) async fn fetch_standing(
    question: &Question<'_>,
    deployments: &[Deployment],
    task: &str,
) -> Result<Standing, Refusal> {
    let asks = deployments.iter().take(LOOKED_INTO).map(|one| async move {
        let path = question.about.path(&format!("/deployments/{}/statuses?per_page=100", one.id));
        let list = question.list::<DeploymentStatus>(DEPLOYMENTS, path, |_| Next::NotWanted).await?;
        Ok((one.clone(), list.items))
    });
    let asks: Vec<_> = asks.collect();
    let at_once = question.about.options.limits.at_once.max(1);
    let known: Vec<Result<_, Refusal>> = futures::stream::iter(asks).buffered(at_once).collect().await;
    // A status that can't be read may be the one that says what runs: then nothing is certain.
    let known: Vec<(Deployment, Vec<DeploymentStatus>)> = known.into_iter().collect::<Result<_, _>>()?;
    Ok(standing(&known, task))
}

/// Reads deployments with their statuses, both newest first.
fn standing(known: &[(Deployment, Vec<DeploymentStatus>)], task: &str) -> Standing {
    let of_task = || known.iter().filter(|(one, _)| one.task == task);
    let succeeded = || of_task().filter_map(|(one, statuses)| Some((last_success(statuses)?, one, statuses)));
    let runs = succeeded().max_by_key(|(at, one, _)| (*at, one.id)).map(|(since, one, statuses)| Runs {
        deployment: one.clone(),
        since,
        switched: if newest_state(statuses) == "inactive" { Switched::Off } else { Switched::On },
    });
    let begun = runs.as_ref().map(|runs| runs.deployment.created_at);
    let from = begun.map_or(Timestamp::MIN, |at| at.checked_sub(LONGEST_ROLLOUT).unwrap_or(Timestamp::MIN));
    let is_over = |state: &str| matches!(state, "success" | "failure" | "error" | "inactive");
    let under_way =
        known.iter().find(|(one, statuses)| one.created_at >= from && !is_over(newest_state(statuses)));
    let failed = of_task().find(|(one, statuses)| {
        begun.is_some_and(|begun| one.created_at >= begun)
            && matches!(newest_state(statuses), "failure" | "error")
    });
    let deployment = |found: Option<&(Deployment, Vec<DeploymentStatus>)>| found.map(|(one, _)| one.clone());
    let succeeded = succeeded().map(|(_, one, _)| one.sha.clone()).collect();
    Standing { runs, under_way: deployment(under_way), failed: deployment(failed), succeeded }
}

/// `pending` if there is none yet.
fn newest_state(statuses: &[DeploymentStatus]) -> &str {
    // Of the same second, the first of the list is the newest.
    statuses.iter().rev().max_by_key(|status| status.created_at).map_or("pending", |s| s.state.as_str())
}

fn last_success(statuses: &[DeploymentStatus]) -> Option<Timestamp> {
    statuses.iter().filter(|status| status.state == "success").map(|status| status.created_at).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    type Given<'a> = (u64, &'a str, &'a str, &'a [(&'a str, &'a str)]);

    /// Deployments as (id, task, begun, statuses from the oldest on), in any order.
    fn stand(given: &[Given<'_>]) -> Standing {
        let time = |text: &str| format!("2026-11-23T{text}:00Z");
        let mut known: Vec<(Deployment, Vec<DeploymentStatus>)> = given
            .iter()
            .map(|(id, task, begun, statuses)| {
                let one = json!({
                    "id": id, "sha": format!("{id:040}"), "task": task, "environment": "production", "created_at": time(begun),
                });
                let statuses = statuses.iter().rev().map(|(state, at)| {
                    serde_json::from_value(json!({"state": state, "created_at": time(at)})).unwrap()
                });
                (serde_json::from_value(one).unwrap(), statuses.collect())
            })
            .collect();
        known.sort_by_key(|(one, _)| Reverse(one.created_at));
        standing(&known, "deploy")
    }

    #[test]
    fn what_runs_is_what_succeeded_last() {
        let check = |given: &[Given<'_>], runs: Option<(u64, Switched)>, under_way, failed| {
            let found = stand(given);
            let id = |one: Option<Deployment>| one.map(|one| one.id);
            let runs_now = found.runs.map(|runs| (runs.deployment.id, runs.switched));
            assert_eq!((runs_now, id(found.under_way), id(found.failed)), (runs, under_way, failed));
        };
        let ok: &[_] = &[("in_progress", "10:01"), ("success", "10:02")];
        let late: &[_] = &[("in_progress", "11:01"), ("success", "11:02")];
        let replaced: &[_] = &[("success", "10:02"), ("inactive", "11:02")];
        check(&[], None, None, None);
        check(
            &[(1, "deploy", "10:00", replaced), (2, "deploy", "11:00", late)],
            Some((2, Switched::On)),
            None,
            None,
        );
        check(&[(1, "deploy", "10:00", replaced)], Some((1, Switched::Off)), None, None);
        // An older one that was done again.
        let again: &[_] = &[("success", "10:02"), ("inactive", "11:02"), ("success", "11:30")];
        let gone: &[_] = &[("success", "11:02"), ("inactive", "11:30")];
        check(
            &[(1, "deploy", "10:00", again), (2, "deploy", "11:00", gone)],
            Some((1, Switched::On)),
            None,
            None,
        );
        // Of the same second, the newest of the list.
        let at_once: &[_] = &[("queued", "10:02"), ("success", "10:02")];
        check(&[(1, "deploy", "10:00", at_once)], Some((1, Switched::On)), None, None);
        // Under way, older or newer, of whatever task, known by no status at all.
        for (begun, states) in
            [("11:00", &[][..]), ("09:00", &[("queued", "09:01")]), ("11:00", &[("waiting", "11:00")])]
        {
            check(
                &[(1, "deploy", "10:00", ok), (2, "deploy:migrations", begun, states)],
                Some((1, Switched::On)),
                Some(2),
                None,
            );
        }
        // Another task runs nothing here; what failed since is told.
        check(&[(1, "deploy:migrations", "10:00", ok)], None, None, None);
        let bad: &[_] = &[("in_progress", "11:01"), ("failure", "11:02")];
        check(
            &[(1, "deploy", "10:00", ok), (2, "deploy", "11:00", bad)],
            Some((1, Switched::On)),
            None,
            Some(2),
        );
        check(
            &[(1, "deploy", "10:30", ok), (2, "deploy", "10:00", bad)],
            Some((1, Switched::On)),
            None,
            None,
        );
    }

    #[test]
    fn what_was_given_up_long_ago_stands_in_no_ones_way() {
        let time = |day: u8| format!("2026-11-{day:02}T10:00:00Z");
        let one = |id: u64, day: u8| {
            let json = json!({
                "id": id, "sha": format!("{id:040}"), "task": "deploy", "environment": "production", "created_at": time(day),
            });
            serde_json::from_value::<Deployment>(json).unwrap()
        };
        let success =
            vec![serde_json::from_value(json!({"state": "success", "created_at": time(23)})).unwrap()];
        let found = standing(&[(one(2, 23), success), (one(1, 20), Vec::new())], "deploy");
        assert!(found.under_way.is_none() && found.runs.is_some());
    }
}
