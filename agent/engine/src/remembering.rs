//! What memory is asked while an incident goes on, and what is made of what it gives: a checklist, and whether a runbook can
//! still be trusted. Pure; it must not know how anything is found.

use hearback_core::memory::recall::Remembered;
use hearback_core::{Catalog, Change, ExternalText, Incident, ServiceName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// So much of what people wrote counts as symptom: the first messages tell what is seen.
const MESSAGES: usize = 5;

/// What is seen to fail in an incident: its title, its alerts, what was asked, and the first that was said.
pub fn symptom(incident: &Incident) -> String {
    let mut lines = vec![incident.title.as_untrusted()];
    for seen in &incident.alerts {
        lines.extend([seen.alert.name.as_untrusted(), seen.alert.summary.as_untrusted()]);
    }
    lines.extend(incident.questions.iter().map(|seen| seen.question.symptom.as_untrusted()));
    lines.extend(incident.messages.iter().take(MESSAGES).map(|seen| seen.text.as_untrusted()));
    lines.retain(|line| !line.trim().is_empty());
    lines.dedup();
    lines.join("\n")
}

/// Something to do, or something to know while doing it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListedStep {
    /// Whether it is a step; else it belongs to the step before it.
    pub is_step: bool,
    /// What it says.
    #[schemars(with = "String")]
    pub text: ExternalText,
}

/// A part of a runbook as a list to tick off.
pub type Checklist = Vec<ListedStep>;

/// Makes a checklist of the text of a passage: numbered lines are steps, all others belong to the one before.
pub fn checklist(text: &ExternalText) -> Checklist {
    let lines = text.as_untrusted().lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            let step = numbered(line);
            ListedStep { is_step: step.is_some(), text: ExternalText::from(step.unwrap_or(line)) }
        })
        .collect()
}

/// `3. Roll back` without its number.
fn numbered(line: &str) -> Option<&str> {
    let (number, text) = line.split_once(". ")?;
    (!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())).then_some(text)
}

/// Why a runbook may not be true any more, one sentence each: the services it is about changed more often than
/// `stale_after` times since it was written, nobody answers for it, it links to what is not there.
pub fn stale(
    runbook: &Remembered,
    changes: &[&Change],
    services: &[ServiceName],
    catalog: &Catalog,
    stale_after: u32,
) -> Vec<String> {
    let mut why = Vec::new();
    let is_of = |change: &Change| {
        let repository = repository_of(change);
        services.iter().any(|service| {
            change.services.contains(service)
                || catalog.find(service.as_str()).is_some_and(|known| {
                    change.paths.as_slice().iter().any(|path| known.owns(repository, path.path.as_str()))
                })
        })
    };
    let since =
        changes.iter().filter(|change| change.effective_at > runbook.known_at && is_of(change)).count();
    if since >= stale_after as usize {
        let of: Vec<&str> = services.iter().map(ServiceName::as_str).collect();
        why.push(format!("{} changed {since} times since it was written", of.join(", ")));
    }
    let owners: Vec<&str> = catalog.services.iter().filter_map(|service| service.owner.as_deref()).collect();
    match &runbook.owner {
        None => why.push("it names nobody who answers for it".to_owned()),
        Some(owner) if !owners.is_empty() && !owners.contains(&owner.as_untrusted()) => {
            why.push(format!("its owner {} is not in the catalog", owner.for_people(60)));
        }
        Some(_) => {}
    }
    why.extend(runbook.problems.iter().cloned());
    why
}

/// What the source of changes calls the repository.
fn repository_of(change: &Change) -> &str {
    change.source.as_str().split_once(':').map_or("", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_lines_are_steps_and_the_others_belong_to_them() {
        let list = checklist(
            &"Before you begin.\n1. Look at the pool\nkubectl get pods\n\n12. Roll back\n1.5 is no step"
                .into(),
        );
        let told: Vec<String> = list
            .iter()
            .map(|one| format!("{} {}", if one.is_step { "[ ]" } else { "   " }, one.text.as_untrusted()))
            .collect();
        assert_eq!(
            told,
            [
                "    Before you begin.",
                "[ ] Look at the pool",
                "    kubectl get pods",
                "[ ] Roll back",
                "    1.5 is no step"
            ]
        );
    }
}
