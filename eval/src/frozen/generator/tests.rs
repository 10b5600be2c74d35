//! What must hold of every made-up incident.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::frozen::{Perturbation, perturb};

fn json(folder: &Folder, name: &str) -> Vec<Value> {
    let value: Value = serde_json::from_str(&folder.files[name]).unwrap();
    value.as_array().unwrap().clone()
}

fn texts(values: &[Value], key: &str) -> BTreeSet<String> {
    values.iter().filter_map(|value| value[key].as_str()).map(str::to_owned).collect()
}

#[test]
fn what_is_expected_of_each_recipe_comes_of_it() {
    for (entry, (id, _, truth)) in recipes().unwrap().iter().zip(all().unwrap()) {
        let culprit = match truth.root_cause_commit.as_str() {
            "none" => Culprit::None,
            flag if flag.starts_with("flag:") => Culprit::Flag,
            _ => Culprit::Commit,
        };
        let made = Expected {
            culprit,
            first_failing_service: truth.first_failing_service,
            remediation: truth.remediation,
        };
        assert_eq!(made, entry.expected, "{id}");
    }
}

#[test]
fn the_recipes_are_thirty_and_spread() {
    let all = recipes().unwrap();
    let count = |holds: &dyn Fn(&Entry) -> bool| all.iter().filter(|entry| holds(entry)).count();
    assert_eq!(all.len(), 30);
    assert_eq!(all.iter().map(|entry| &entry.recipe.id).collect::<BTreeSet<_>>().len(), 30);
    assert_eq!(count(&|entry| entry.expected.culprit == Culprit::None), 10);
    assert!(count(&|entry| entry.recipe.red_herrings.len() > 2) >= 6);
    let causes: BTreeSet<Cause> = all.iter().map(|entry| entry.recipe.cause).collect();
    assert!(causes.len() >= 20, "{causes:?}");
    for topology in [Topology::Single, Topology::Chain, Topology::FanOut, Topology::Diamond, Topology::Queue]
    {
        assert!(count(&|entry| entry.recipe.topology == topology) >= 4, "{topology:?}");
    }
    assert!(all.iter().all(|entry| REMEDIATIONS.contains(&entry.expected.remediation.as_str())));
}

#[test]
fn the_same_recipe_makes_the_same_bytes() {
    assert_eq!(all().unwrap(), all().unwrap());
    let mut recipe = recipes().unwrap().remove(0).recipe;
    let first = generate(&recipe).unwrap();
    recipe.seed += 1;
    assert_ne!(generate(&recipe).unwrap(), first);
}

#[test]
fn every_script_can_be_told_in_every_topology() {
    let scripts = Scripts::read().unwrap();
    for script in &scripts.scripts {
        for topology in
            [Topology::Single, Topology::Chain, Topology::FanOut, Topology::Diamond, Topology::Queue]
        {
            for seed in 0..3 {
                let recipe = Recipe {
                    id: "x".into(),
                    cause: script.cause,
                    language: Some(script.language.clone()),
                    topology,
                    red_herrings: vec![
                        RedHerring::LaterDeploy,
                        RedHerring::WarningSurge,
                        RedHerring::RevertReland,
                    ],
                    seed,
                };
                holds(&make(&recipe, &scripts).unwrap(), &format!("{recipe:?}"));
            }
        }
    }
}

#[test]
fn every_folder_is_whole() {
    for (id, folder, truth) in all().unwrap() {
        holds(&(folder, truth), &id);
    }
}

/// What holds of every folder and its truth.
fn holds((folder, truth): &(Folder, Truth), id: &str) {
    let size: usize = folder.files.values().map(String::len).sum();
    assert!((40_000..150_000).contains(&size), "{id}: {size} bytes");
    for (name, text) in &folder.files {
        assert!(!text.contains(['«', '»']), "{id}: {name} holds a word that nobody explains");
    }
    let logs: Vec<Value> =
        folder.files["logs.ndjson"].lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let spans = json(folder, "traces.json");
    let commits = json(folder, "context/commits.json");
    let deploys = json(folder, "context/deploys.json");
    let services = texts(&logs, "service");
    assert!(services.contains(&truth.first_failing_service), "{id}");
    assert!(truth.blast_radius.contains(&truth.first_failing_service), "{id}");
    assert!(texts(&spans, "service").is_superset(&[truth.first_failing_service.clone()].into()), "{id}");
    assert!(spans.iter().all(|span| span["trace_id"].as_str().unwrap().len() == 32));
    assert!(spans.iter().any(|span| span["status"] == "ERROR" && span["error"].is_string()), "{id}");
    let shas = texts(&commits, "sha");
    assert!(shas.is_superset(&texts(&deploys, "commit_sha")), "{id}");
    match truth.root_cause_commit.strip_prefix("flag:") {
        Some(flag) => assert!(texts(&json(folder, "context/flags.json"), "flag").contains(flag), "{id}"),
        None if truth.root_cause_commit == "none" => {}
        None => {
            let sha = &truth.root_cause_commit;
            assert!(shas.contains(sha) && texts(&deploys, "commit_sha").contains(sha), "{id}");
        }
    }
    assert!(!truth.decoy_deploy_commits.contains(&truth.root_cause_commit), "{id}");
    assert!(
        texts(&deploys, "commit_sha").is_superset(&truth.decoy_deploy_commits.iter().cloned().collect()),
        "{id}"
    );
    let alert: Value = serde_json::from_str(&folder.files["alert.json"]).unwrap();
    let watched = format!(",{},{},", alert["service"].as_str().unwrap(), alert["metric"].as_str().unwrap());
    assert!(folder.files["metrics.csv"].contains(&watched), "{id}: {watched}");
    assert!(truth.blast_radius.contains(&alert["service"].as_str().unwrap().to_owned()), "{id}: {alert}");
    assert!(alert["observed"].as_f64() > alert["threshold"].as_f64(), "{id}: {alert}");
}

#[test]
fn the_culprit_comes_before_its_onset_and_the_alert_after() {
    for (id, folder, truth) in all().unwrap() {
        let alert: Value = serde_json::from_str(&folder.files["alert.json"]).unwrap();
        let fired = alert["fired_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        for deploy in json(&folder, "context/deploys.json") {
            if deploy["commit_sha"] == truth.root_cause_commit.as_str()
                && deploy["service"] == truth.first_failing_service.as_str()
            {
                assert!(
                    deploy["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap() < fired,
                    "{id}"
                );
            }
        }
    }
}

#[test]
fn they_can_be_told_with_other_words() {
    for (id, folder, truth) in all().unwrap() {
        let told = perturb(&folder, Some(&truth.root_cause_commit), 11, Perturbation::CulpritRemoved);
        let all: String = told.folder.files.values().cloned().collect();
        assert!(!all.contains(&truth.root_cause_commit) || truth.root_cause_commit == "none", "{id}");
        let is_left = |name: &String| {
            regex::Regex::new(&format!(r"(?i)(^|[^a-z0-9]){}($|[^a-z0-9])", regex::escape(name)))
                .unwrap()
                .is_match(&all)
        };
        for service in &truth.blast_radius {
            assert_ne!(told.name(service), service, "{id}");
            assert!(!is_left(service), "{id}: {service} is left");
        }
    }
}
