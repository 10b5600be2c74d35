//! What must hold when everything has settled, whoever was killed on the way.

use std::collections::{BTreeMap, BTreeSet};

use hearback_core::action::Outcome;
use hearback_core::approval::Decided;
use hearback_core::incident::SeenProposal;
use hearback_core::target::End;
use hearback_core::{Happening, ProposalId, Target};
use jiff::Timestamp;

use crate::deployer::Sight;
use crate::room::Room;

/// Everything that is wrong. `reset` are the targets that a person has released since.
pub async fn all_that_is_wrong(room: &Room, reset: &BTreeSet<Target>, now: Timestamp) -> Vec<String> {
    let mut wrong = room.deployer.wrong();
    if let Err(error) = hearback_record::verify(room.record.as_ref(), &room.incident, None).await {
        wrong.push(format!("the record does not verify: {error}"));
    }
    let folded = room.folded().await;
    let written = Written::of(room).await;
    wrong.extend(written.wrong.iter().cloned());
    let told = room.told();
    for seen in folded.proposals.values() {
        let id = &seen.proposal.id;
        let mut must = |holds: bool, what: &str| {
            if !holds {
                wrong.push(format!("{id} ({:?}): {what}", seen.outcome.as_ref().map(|(_, how)| how)));
            }
        };
        of_what_was_done(room, seen, &written, &mut must);

        let times = |key: String| told.get(&key).copied().unwrap_or(0);
        let is_unknown = matches!(seen.outcome, Some((_, Outcome::Unknown { .. })));
        must(times(format!("unknown {id}")) == usize::from(is_unknown), "told once if unknown, else never");
        let is_glass = written.glass.contains(id);
        must(
            times(format!("glass {id}")) == usize::from(is_glass),
            "told once if glass was broken, else never",
        );

        let target = seen.proposal.action.target();
        let state = room.record.target(&target).await.unwrap();
        must(state.lease.is_none_or(|lease| lease.until <= now), "its target is still leased");
        let how = state.ended.iter().find(|ended| ended.proposal == *id).map(|ended| ended.how);
        must(how == seen.outcome.as_ref().map(|(_, outcome)| end(outcome)), "its target knows how it ended");
        if is_unknown && !reset.contains(&target) {
            must(state.stopped.is_some(), "its target waits for a person");
        }
    }
    wrong
}

fn end(outcome: &Outcome) -> End {
    match outcome {
        Outcome::Done(_) => End::Done,
        Outcome::NotAsExpected { .. } | Outcome::Failed { .. } => End::Failed,
        Outcome::Unknown { .. } => End::Unknown,
    }
}

/// The world against the record.
fn of_what_was_done(room: &Room, seen: &SeenProposal, written: &Written, must: &mut impl FnMut(bool, &str)) {
    let id = &seen.proposal.id;
    let did: Vec<_> = room.deployer.did().into_iter().filter(|did| did.proposal == *id).collect();
    let has_effect = did.iter().any(|did| did.has_effect);
    let is_started = seen.started_at.is_some();
    let outcome = seen.outcome.as_ref().map(|(_, outcome)| outcome);
    must(did.len() <= 1, "done at most once");
    must(is_started || did.is_empty(), "not done without a start");
    must(!is_started || outcome.is_some(), "what was started has an end");
    must(is_started || outcome.is_none(), "what was not started has none");
    must(!written.started_after_rejection.contains(id), "not started after somebody rejected it");
    match outcome {
        None => {}
        Some(Outcome::Done(_)) => must(has_effect, "done only if it was"),
        Some(Outcome::Failed { .. } | Outcome::NotAsExpected { .. }) => {
            must(!has_effect, "failed only if it was not done");
        }
        Some(Outcome::Unknown { why }) => {
            // Where one could see, whoever asked was told; then it is known, unless the executor itself did not know.
            let could_be_seen = has_effect && room.deployer.sight == Sight::Clear;
            let says_so = why.starts_with("the connection");
            must(!could_be_seen || says_so, "unknown only if it could not be seen");
        }
    }
}

/// What the entries say, read without the fold.
#[derive(Default)]
struct Written {
    glass: BTreeSet<ProposalId>,
    started_after_rejection: BTreeSet<ProposalId>,
    wrong: Vec<String>,
}

impl Written {
    async fn of(room: &Room) -> Written {
        let mut written = Written::default();
        let (mut started, mut finished) = (BTreeMap::new(), BTreeMap::new());
        let targets: BTreeMap<&ProposalId, Target> =
            room.proposals.iter().map(|proposal| (&proposal.id, proposal.action.target())).collect();
        let mut under_way: BTreeMap<Target, ProposalId> = BTreeMap::new();
        let mut rejected = BTreeSet::new();
        for entry in room.entries().await {
            match entry.happening().unwrap() {
                Happening::Decided { decision, .. } if decision.verdict == Decided::Reject => {
                    rejected.insert(decision.proposal);
                }
                Happening::ActionStarted { proposal, glass_broken, .. } => {
                    if rejected.contains(&proposal) {
                        written.started_after_rejection.insert(proposal.clone());
                    }
                    if glass_broken {
                        written.glass.insert(proposal.clone());
                    }
                    if let Some(other) = under_way.insert(targets[&proposal].clone(), proposal.clone()) {
                        written
                            .wrong
                            .push(format!("{proposal} started before it was known how {other} ended"));
                    }
                    *started.entry(proposal).or_insert(0) += 1;
                }
                Happening::ActionFinished { proposal, .. } => {
                    under_way.retain(|_, other| *other != proposal);
                    *finished.entry(proposal).or_insert(0) += 1;
                }
                _ => {}
            }
        }
        for (what, counts) in [("starts", started), ("ends", finished)] {
            for (id, count) in counts.into_iter().filter(|(_, count)| *count > 1) {
                written.wrong.push(format!("{id} {what} {count} times in the record"));
            }
        }
        written
    }
}
