//! Which environments may be deployed to again, and how: the configuration, checked, and the actions that follow from it.
//! Pure; it must not know the API beyond its limits.

use std::collections::BTreeMap;

use hearback_core::ExternalText;
use hearback_core::action::{Redeploy, RedeployBy};
use hearback_core::ports::ConnectorError;

use crate::slug::is_sha;

/// GitHub takes no longer name of an environment.
const ENVIRONMENT_CHARS: usize = 255;
/// GitHub takes no more inputs of a workflow.
const MOST_INPUTS: usize = 25;
/// GitHub takes no more text of them.
const INPUTS_CHARS: usize = 65_535;

/// An environment that may be deployed to again, and how.
///
/// The inputs of a workflow may hold placeholders. `{sha}` and `{environment}` are filled in when the action is built, so
/// that an approval binds them; one input must hold `{sha}`, or the workflow could not know what to deploy. `{key}` is
/// filled in right before the workflow is started, with a text that belongs to this one approval: a workflow whose
/// `run-name` shows that input can be found again when GitHub's answer is lost, and is not started twice.
///
/// What runs is read from the environment's deployments. A job with an `environment:` makes one for the commit that its
/// workflow was read from, not for the one that an input names. A workflow that deploys by an input should therefore make
/// the deployment itself, or the next redeploy is refused because another commit seems to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedeployWay {
    /// The environment, exactly as GitHub calls it.
    pub environment: String,
    /// By which of GitHub's ways.
    pub by: RedeployBy,
}

impl RedeployWay {
    /// Whether it can work at all.
    pub(crate) fn check(&self) -> Result<(), ConnectorError> {
        let said = said(&self.environment);
        let not = |why: &str| Err(ConnectorError::NotUsable(format!("redeploying {said}: {why}")));
        let length = self.environment.chars().count();
        if self.environment.trim().is_empty() || length > ENVIRONMENT_CHARS {
            return not("the name of the environment must have 1 to 255 characters");
        }
        match &self.by {
            RedeployBy::Deployment { task } if task.trim().is_empty() => {
                not("the task must not be empty; it is usually \"deploy\"")
            }
            RedeployBy::Deployment { .. } => Ok(()),
            RedeployBy::Workflow { file, branch, inputs } => {
                if !is_workflow_file(file) {
                    return not("the workflow must be the name of its file, such as deploy.yml");
                }
                if !is_branch(branch) {
                    return not("the branch of the workflow can't be one");
                }
                let size: usize = inputs.iter().map(|(name, value)| name.len() + value.len()).sum();
                if inputs.len() > MOST_INPUTS || size > INPUTS_CHARS {
                    return not("GitHub takes at most 25 inputs with 65535 characters");
                }
                match inputs.values().any(|value| value.contains("{sha}")) {
                    true => Ok(()),
                    false => not("no input of the workflow holds {sha}, so it can't know what to deploy"),
                }
            }
        }
    }

    /// The action that brings the environment from one commit to another; none if they are not two commits.
    pub(crate) fn redeploy(&self, repository: &str, from: &str, to: &str) -> Option<Redeploy> {
        if !is_sha(from) || !is_sha(to) || from == to {
            return None;
        }
        let by = match &self.by {
            RedeployBy::Deployment { task } => RedeployBy::Deployment { task: task.clone() },
            RedeployBy::Workflow { file, branch, inputs } => {
                let with = [("{sha}", to), ("{environment}", self.environment.as_str())];
                let inputs = inputs.iter().map(|(name, value)| (name.clone(), filled(value, &with)));
                RedeployBy::Workflow {
                    file: file.clone(),
                    branch: branch.clone(),
                    inputs: inputs.collect::<BTreeMap<_, _>>(),
                }
            }
        };
        Some(Redeploy {
            repository: repository.to_owned(),
            environment: self.environment.clone(),
            from: from.to_owned(),
            to: to.to_owned(),
            by,
        })
    }
}

/// Fills in placeholders. What is filled in is not looked at again.
pub(crate) fn filled(text: &str, with: &[(&str, &str)]) -> String {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        done.push_str(before);
        let known = with.iter().find_map(|(name, value)| Some((*value, from.strip_prefix(name)?)));
        let (value, after) = known.unwrap_or_else(|| from.split_at(1));
        done.push_str(value);
        rest = after;
    }
    done.push_str(rest);
    done
}

/// The name of a workflow's file: it stands in a path.
pub(crate) fn is_workflow_file(name: &str) -> bool {
    let fits = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let stem = name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml"));
    fits && name.len() <= 200 && stem.is_some_and(|stem| !stem.is_empty())
}

/// What git takes as the name of a branch. A colon would lead to the branch of a fork.
pub(crate) fn is_branch(name: &str) -> bool {
    let odd = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    (1..=250).contains(&name.len())
        && !name.contains(odd)
        && !name.contains("..")
        && !name.contains("@{")
        && !name.starts_with('-')
        && !name.ends_with('.')
        && name.split('/').all(part)
}

/// A name from outside, in a sentence.
pub(crate) fn said(name: &str) -> String {
    ExternalText::new(name).for_people(80)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workflow(inputs: &[(&str, &str)]) -> RedeployBy {
        let inputs = inputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        RedeployBy::Workflow { file: "deploy.yml".into(), branch: "main".into(), inputs }
    }

    #[test]
    fn commit_and_environment_are_filled_in_and_the_key_is_not() {
        let way = RedeployWay {
            environment: "a{sha}".into(),
            by: workflow(&[("what", "{sha}"), ("where", "to {environment}!"), ("name", "{key} {x} {")]),
        };
        let (from, to) = ("a".repeat(40), "b".repeat(40));
        let RedeployBy::Workflow { inputs, .. } = way.redeploy("shop", &from, &to).unwrap().by else {
            panic!("not a workflow");
        };
        let inputs: Vec<(&str, &str)> = inputs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(
            inputs,
            [("name", "{key} {x} {"), ("what", "b".repeat(40).as_str()), ("where", "to a{sha}!")]
        );
        assert_eq!(way.redeploy("shop", &from, &from), None);
        assert_eq!(way.redeploy("shop", "main", &to), None);
        assert_eq!(way.redeploy("shop", &from, "v1"), None);
    }

    #[test]
    fn a_way_that_can_not_work_is_refused() {
        let deployment = |task: &str| RedeployBy::Deployment { task: task.into() };
        let other = |file: &str, branch: &str| RedeployBy::Workflow {
            file: file.into(),
            branch: branch.into(),
            inputs: [("sha".to_owned(), "{sha}".to_owned())].into(),
        };
        let many: Vec<(String, String)> = (0..26).map(|n| (n.to_string(), "{sha}".to_owned())).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let long = "x".repeat(70_000);
        for (environment, by, expect) in [
            ("production", deployment("deploy"), None),
            ("production", workflow(&[("ref", "{sha}")]), None),
            (" ", deployment("deploy"), Some("1 to 255 characters")),
            ("production", deployment(" "), Some("the task must not be empty")),
            ("production", workflow(&[("ref", "main")]), Some("no input of the workflow holds {sha}")),
            ("production", workflow(&many), Some("at most 25 inputs")),
            ("production", workflow(&[("ref", "{sha}"), ("x", &long)]), Some("65535 characters")),
            ("production", other("../x.yml", "main"), Some("the name of its file")),
            ("production", other("deploy", "main"), Some("the name of its file")),
            ("production", other("deploy.yaml", "evil:main"), Some("can't be one")),
        ] {
            let checked = RedeployWay { environment: environment.into(), by }.check();
            match (checked, expect) {
                (Ok(()), None) => {}
                (Err(error), Some(part)) => assert!(error.to_string().contains(part), "{error}"),
                (got, _) => panic!("{environment}, {expect:?}: {got:?}"),
            }
        }
    }

    #[test]
    fn only_what_git_takes_is_a_branch() {
        for good in ["main", "hearback/INC-3", "a#b%c", "ünï/x"] {
            assert!(is_branch(good), "{good}");
        }
        for bad in ["", "octo:main", "a b", "a..b", "/a", "a/", "a//b", "-a", "a.lock", ".a", "a@{1", "a\n"] {
            assert!(!is_branch(bad), "{bad:?}");
        }
    }
}
