//! A revert on a branch of its own wants a pull request, which is proposed once.

use hearback_core::action::{Action, Inverse, Outcome, Proposal, Receipt};
use hearback_core::approval::Decided;
use hearback_core::{Happening, ProposalId};
use hearback_engine::next_steps::NextSteps;
use hearback_engine::proposed::ProposalView;
use insta::assert_snapshot;
use jiff::SignedDuration;

use super::memory::Memory;
use super::story::*;

fn made() -> Receipt {
    let made = Some("88bb21dd50".repeat(4));
    Receipt { made, ..receipt("reverted 3f2a91c5d0 with 88bb21dd50, and pushed it to origin") }
}

fn done(proposal: &Proposal, receipt: Receipt) -> Story {
    Story::in_channel().proposed(proposal).started(6, proposal).ended(7, proposal, Outcome::Done(receipt))
}

async fn propose(memory: &Memory, pulls: &[&str], minute: i64) -> bool {
    let pulls: Vec<String> = pulls.iter().map(|name| (*name).to_owned()).collect();
    let desk = NextSteps { record: memory, pulls: &pulls, expires_after: SignedDuration::from_mins(30) };
    desk.propose(&memory.incident(&id()), at(minute)).await.unwrap()
}

fn second(memory: &Memory) -> Option<Proposal> {
    let id = ProposalId::numbered(&id(), 2);
    memory.incident(&super::story::id()).proposals.get(&id).map(|seen| seen.proposal.clone())
}

#[tokio::test]
async fn the_pull_request_of_a_revert_is_proposed_once() {
    let memory = Memory::of(&done(&revert(), made()).entries);
    assert!(propose(&memory, &["shop"], 8).await);
    let proposal = second(&memory).unwrap();
    let Action::OpenPullRequest(open) = &proposal.action else { panic!("{:?}", proposal.action) };
    assert_eq!((open.head.as_str(), open.base.as_str()), ("hearback/INC-17.P1", "main"));
    assert_eq!(open.commit, "88bb21dd50".repeat(4));
    assert_eq!(proposal.inverse, Inverse::KnownWhenDone { says: "close the pull request".into() });
    assert_eq!((proposal.proposed_at, proposal.expires_at), (at(8), at(38)));
    assert_eq!(proposal.because, revert().because);
    let incident = memory.incident(&id());
    let view = ProposalView::of(&incident.proposals[&proposal.id], at(9)).unwrap();
    assert_snapshot!(format!("{}\n{}\n\n{}", view.text(), open.title, open.body));
    for minute in [9, 90] {
        assert!(!propose(&memory, &["shop"], minute).await, "minute {minute}");
    }
}

#[tokio::test]
async fn what_people_said_no_to_is_not_proposed_again() {
    let memory = Memory::of(&done(&revert(), made()).entries);
    propose(&memory, &["shop"], 8).await;
    let story = Story { entries: memory.entries(&id()) };
    let story = story.decided(9, "Ana", &second(&memory).unwrap(), Decided::Reject, "no", None);
    assert!(!propose(&Memory::of(&story.entries), &["shop"], 90).await);
}

#[tokio::test]
async fn only_what_was_pushed_to_its_own_branch_where_pull_requests_are_opened_wants_one() {
    let check = async |what: &str, story: Story, pulls: &[&str]| {
        let memory = Memory::of(&story.entries);
        assert!(!propose(&memory, pulls, 8).await, "{what}");
        assert_eq!(second(&memory), None, "{what}");
    };
    check("not configured", done(&revert(), made()), &["api"]).await;
    check("nothing configured", done(&revert(), made()), &[]).await;
    check("no commit", done(&revert(), receipt("done")), &["shop"]).await;
    let mut pushed = revert();
    let Action::RevertCommit(action) = &mut pushed.action else { panic!() };
    action.push_to = "main".into();
    check("pushed to the branch", done(&pushed, made()), &["shop"]).await;
    check("a rollback", done(&rollback(), made()), &["shop"]).await;
    let waits = Story::in_channel().proposed(&revert());
    check("waits", waits.clone(), &["shop"]).await;
    let failed = Outcome::Failed { why: "no".into() };
    check("failed", waits.started(6, &revert()).ended(7, &revert(), failed), &["shop"]).await;
    let over = done(&revert(), made()).then(8, person("Ana"), Happening::Resolved { how: "".into() });
    check("over", over, &["shop"]).await;
}

#[tokio::test]
async fn if_somebody_writes_in_between_the_next_call_proposes_it() {
    let memory = Memory::of(&done(&revert(), made()).entries);
    memory.interrupt(draft(8, person("Ana"), Happening::note("cli", "still slow")));
    assert!(!propose(&memory, &["shop"], 8).await);
    assert!(propose(&memory, &["shop"], 9).await);
    assert_eq!(second(&memory).unwrap().proposed_at, at(9));
}
