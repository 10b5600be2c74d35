//! A commit graph and the lists the fake serves, as GitHub's objects. Comparisons and histories are computed from the
//! graph, never written down.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// Everything the repository holds.
#[derive(Default)]
pub struct Graph {
    pub pulls: Vec<Value>,
    pub reviews: BTreeMap<u64, Vec<Value>>,
    pub pull_commits: BTreeMap<u64, Vec<Value>>,
    pub deployments: Vec<Value>,
    pub statuses: BTreeMap<u64, Vec<Value>>,
    pub releases: Vec<Value>,
    pub runs: Vec<Value>,
    pub branches: BTreeMap<String, String>,
    /// The files of workflows, with their states.
    pub workflows: BTreeMap<String, &'static str>,
    /// What the repository is called, if not as it is asked for.
    pub renamed: Option<&'static str>,
    commits: BTreeMap<String, Value>,
}

/// The full id of a commit that tests call by a number.
pub fn sha(number: u32) -> String {
    format!("{number:05x}{:035}", 0)
}

pub fn time(text: &str) -> String {
    if text.contains('T') { text.to_owned() } else { format!("2026-11-23T{text}:00Z") }
}

pub fn user(login: &str) -> Value {
    json!({"login": login, "id": 1, "type": if login.ends_with("[bot]") { "Bot" } else { "User" }})
}

/// A commit as lists show it.
pub fn commit(number: u32, parents: &[u32], message: &str, at: &str) -> Value {
    let parents: Vec<Value> = parents.iter().map(|parent| json!({"sha": sha(*parent)})).collect();
    let signed = json!({"name": "Ann", "email": "ann@example.com", "date": time(at)});
    json!({
        "sha": sha(number), "parents": parents, "author": user("ann"),
        "html_url": format!("https://github.com/octo/checkout/commit/{}", sha(number)),
        "commit": {"message": message, "author": signed, "committer": signed, "comment_count": 0},
    })
}

impl Graph {
    pub fn commit(&mut self, number: u32, parents: &[u32], message: &str, at: &str) {
        self.commits.insert(sha(number), commit(number, parents, message, at));
    }

    /// Commits `from + 1` to `to`, each the child of the one before.
    pub fn line(&mut self, from: u32, to: u32) {
        for number in from + 1..=to {
            self.commit(number, &[number - 1], &format!("Step {number}"), "11:00");
        }
    }

    pub fn files(&mut self, number: u32, files: Value) {
        self.commits.get_mut(&sha(number)).unwrap()["files"] = files;
    }

    pub fn pull(&mut self, number: u64, title: &str, merged: (&str, u32)) -> &mut Value {
        let (merged_at, merge) = merged;
        self.pulls.push(json!({
            "number": number, "title": title, "body": format!("Body of #{number}."), "state": "closed",
            "user": user("ann"), "html_url": format!("https://github.com/octo/checkout/pull/{number}"),
            "created_at": time("10:00"), "updated_at": time(merged_at), "closed_at": time(merged_at),
            "merged_at": time(merged_at), "merge_commit_sha": sha(merge),
            "base": {"ref": "main", "sha": sha(0)}, "head": {"ref": "topic", "sha": sha(1)},
        }));
        self.pulls.last_mut().unwrap()
    }

    pub fn review(&mut self, pull: u64, login: &str, state: &str, at: &str) {
        self.reviews.entry(pull).or_default().push(json!({
            "id": 1, "user": user(login), "state": state, "submitted_at": time(at), "body": "",
        }));
    }

    pub fn deployment(&mut self, id: u64, commit: u32, environment: &str, created_at: &str) -> &mut Value {
        self.deployments.push(json!({
            "id": id, "sha": sha(commit), "ref": "main", "task": "deploy", "environment": environment,
            "description": null, "creator": user("deployer[bot]"), "created_at": time(created_at),
            "updated_at": time(created_at), "transient_environment": false, "production_environment": true,
        }));
        self.deployments.last_mut().unwrap()
    }

    pub fn status(&mut self, deployment: u64, state: &str, at: &str) -> &mut Value {
        let statuses = self.statuses.entry(deployment).or_default();
        // Newest first, as GitHub lists them.
        statuses.insert(0, json!({"id": 1, "state": state, "created_at": time(at), "updated_at": time(at)}));
        statuses.first_mut().unwrap()
    }

    /// A deployment that succeeded.
    pub fn deployed(&mut self, id: u64, commit: u32, environment: &str, at: &str) {
        self.deployment(id, commit, environment, at);
        self.status(id, "in_progress", at);
        self.status(id, "success", at);
    }

    pub fn run(&mut self, id: u64, commit: u32, conclusion: &str, at: &str) -> &mut Value {
        self.runs.push(json!({
            "id": id, "name": "Deploy", "path": ".github/workflows/deploy.yml", "workflow_id": 5, "head_sha": sha(commit),
            "head_branch": "main", "status": "completed", "conclusion": conclusion, "run_attempt": 1,
            "display_title": format!("Step {commit}"), "created_at": time(at), "updated_at": time(at),
            "actor": user("ann"), "html_url": format!("https://github.com/octo/checkout/actions/runs/{id}"),
        }));
        self.runs.last_mut().unwrap()
    }

    pub fn knows(&self, sha: &str) -> bool {
        self.commits.contains_key(sha)
    }

    /// The commit as it is shown by itself: with files.
    pub fn one(&self, sha: &str) -> Option<Value> {
        let mut commit = self.commits.get(sha)?.clone();
        if commit.get("files").is_none() {
            commit["files"] = json!([]);
        }
        Some(commit)
    }

    /// What `git log` shows from `sha`: children before parents.
    pub fn history(&self, sha: &str) -> Option<Vec<Value>> {
        let mut shas = Vec::new();
        self.walk(sha, &mut BTreeSet::new(), &mut shas)?;
        shas.reverse();
        Some(shas.iter().map(|sha| self.listed(sha)).collect())
    }

    fn listed(&self, sha: &str) -> Value {
        let mut commit = self.commits[sha].clone();
        commit.as_object_mut().unwrap().remove("files");
        commit
    }

    /// Parents before children. A parent that is not held is where the story begins.
    fn walk(&self, sha: &str, seen: &mut BTreeSet<String>, order: &mut Vec<String>) -> Option<()> {
        let mut waiting = vec![(self.commits.get_key_value(sha)?.0.clone(), false)];
        while let Some((at, done)) = waiting.pop() {
            if done {
                order.push(at);
            } else if seen.insert(at.clone()) {
                waiting.push((at.clone(), true));
                for parent in self.commits[&at]["parents"].as_array().unwrap() {
                    let parent = parent["sha"].as_str().unwrap();
                    if self.commits.contains_key(parent) {
                        waiting.push((parent.to_owned(), false));
                    }
                }
            }
        }
        Some(())
    }

    /// A comparison without its page of commits, and all commits.
    pub fn compare(&self, base: &str, head: &str) -> Option<(Value, Vec<Value>)> {
        let (mut of_base, mut of_head) = (Vec::new(), Vec::new());
        self.walk(base, &mut BTreeSet::new(), &mut of_base)?;
        self.walk(head, &mut BTreeSet::new(), &mut of_head)?;
        let (base_set, head_set): (BTreeSet<_>, BTreeSet<_>) =
            (of_base.iter().collect(), of_head.iter().collect());
        let ahead: Vec<Value> =
            of_head.iter().filter(|sha| !base_set.contains(sha)).map(|sha| self.listed(sha)).collect();
        let behind = of_base.iter().filter(|sha| !head_set.contains(sha)).count();
        let status = match (ahead.len(), behind) {
            (0, 0) => "identical",
            (_, 0) => "ahead",
            (0, _) => "behind",
            _ => "diverged",
        };
        let frame = json!({
            "status": status, "ahead_by": ahead.len(), "behind_by": behind, "total_commits": ahead.len(), "files": [],
        });
        Some((frame, ahead))
    }
}
