//! Which rollout brought a commit to production. A commit takes effect when it is rolled out, so the rollout's
//! time is the one that counts; and the rollout is what a rollback undoes.

use std::collections::{BTreeMap, BTreeSet};

use hearback_core::{Change, ChangeId, ChangeKind};

use crate::gather::Sighted;

/// A deploy to an environment that says what it delivered. A tag (a deploy without environment) only names
/// commits and moves nothing.
pub fn is_rollout(change: &Change) -> bool {
    change.kind == ChangeKind::Deploy && change.environment.is_some() && !change.delivers.is_empty()
}

/// For every delivered commit among `changes`, the first rollout to production that brought it, or the first to
/// anywhere if none went to production.
pub fn rollouts(changes: &[Sighted]) -> BTreeMap<&ChangeId, &Change> {
    let present: BTreeSet<&ChangeId> = changes.iter().map(|sighted| &sighted.change.id).collect();
    let mut first: BTreeMap<&ChangeId, &Change> = BTreeMap::new();
    let order = |deploy: &Change| (!is_to_production(deploy), deploy.effective_at, deploy.id.clone());
    for deploy in changes.iter().map(|sighted| &sighted.change).filter(|change| is_rollout(change)) {
        for commit in deploy.delivers.iter().filter(|commit| present.contains(commit)) {
            let known = first.entry(commit).or_insert(deploy);
            if order(deploy) < order(known) {
                *known = deploy;
            }
        }
    }
    first
}

/// Whether a deploy is to where people are served.
pub fn is_to_production(deploy: &Change) -> bool {
    deploy.environment.as_deref().is_some_and(|name| {
        let mut words = name.split(|c: char| !c.is_alphanumeric());
        words.any(|word| ["prod", "production", "live"].iter().any(|name| word.eq_ignore_ascii_case(name)))
    })
}
