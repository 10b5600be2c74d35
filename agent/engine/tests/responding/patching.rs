//! A patch that a model suggests is proposed once, where nothing better is open, and what comes of it wants a draft.

use std::sync::Arc;

use async_trait::async_trait;
use hearback_core::action::{Action, Outcome, Proposal, PushPatch, Receipt, Recovery, Support};
use hearback_core::approval::Decided;
use hearback_core::evidence::Citation;
use hearback_core::hypothesis::Verdict;
use hearback_core::ids::HypothesisId;
use hearback_core::investigation::{Ending, Investigated};
use hearback_core::model::Spent;
use hearback_core::patch::{Edit, PatchFit, PatchPreview, PatchTrial, Suggested};
use hearback_core::ports::{ConnectorError, RecordStore};
use hearback_core::{ChangeId, Claim, Digest, Evidence, Happening, Origin, ProposalId, SourceName};
use hearback_engine::channel::speeches::speeches;
use hearback_engine::next_steps::NextSteps;
use hearback_engine::patching::Patching;
use hearback_engine::proposed::ProposalView;
use insta::assert_snapshot;
use jiff::SignedDuration;

use super::look;
use super::memory::Memory;
use super::story::*;

/// Says of every patch the same.
struct Tries(PatchFit);

#[async_trait]
impl PatchPreview for Tries {
    async fn try_patch(
        &self,
        _: &ChangeId,
        _: &[Edit],
        _: SignedDuration,
    ) -> Result<Option<PatchFit>, ConnectorError> {
        Ok(Some(self.0.clone()))
    }
}

fn fits() -> PatchFit {
    PatchFit::Fits(PatchTrial {
        repository: "shop".into(),
        branch: "main".into(),
        expected: Digest::of(b"files"),
        diff: "--- a/cart/totals.rs\n+++ b/cart/totals.rs\n@@ -1,1 +1,1 @@\n-\tround(total)\n+\ttotal\n"
            .into(),
    })
}

/// What the model cites.
fn graph() -> Evidence {
    let source = SourceName::new("prometheus:shop").unwrap();
    Evidence::new(source, Origin::System, None, None, "errors 0.2 → 14".into()).unwrap()
}

/// A record with this story, and with what the model cites.
async fn kept(story: &Story) -> Memory {
    let memory = Memory::of(&story.entries);
    memory.keep(&graph()).await.unwrap();
    memory
}

fn suggested() -> Investigated {
    let edit =
        Edit { path: "cart/totals.rs".into(), find: "\tround(total)\n".into(), put: "\ttotal\n".into() };
    Investigated {
        claims: Vec::new(),
        hypotheses: Vec::new(),
        patch: Some(Suggested {
            because: Claim::new("errors rose after it", vec![Citation::of(graph().id)]).unwrap(),
            change: rounding().id,
            edits: vec![edit],
        }),
        dropped: Default::default(),
        ending: Ending::Finished,
        why: None,
        turns: 3,
        fetches: 2,
        spent: Spent::default(),
        took: SignedDuration::from_secs(9),
        by: None,
    }
}

/// Asked, answered, and looked into by a model that suggests a patch.
fn story() -> Story {
    let story = Story::in_channel().asked(1, None, look_here());
    let answer = story.incident().questions[0].answer.as_ref().unwrap().0;
    story.hearback(4, Happening::Investigated { answer, found: suggested(), taken_up: 0 })
}

async fn propose(memory: &Memory, fit: PatchFit, minute: i64) -> bool {
    let previews: Vec<Arc<dyn PatchPreview>> = vec![Arc::new(Tries(fit))];
    let (expires_after, budget) = (SignedDuration::from_mins(30), SignedDuration::from_secs(5));
    let desk = Patching { record: memory, previews: &previews, expires_after, budget };
    desk.propose(&memory.incident(&id()), at(minute)).await.unwrap()
}

fn proposed(memory: &Memory, number: u32) -> Option<Proposal> {
    let proposal = ProposalId::numbered(&id(), number);
    memory.incident(&id()).proposals.get(&proposal).map(|seen| seen.proposal.clone())
}

#[tokio::test]
async fn it_is_proposed_once_with_the_difference_for_people_to_read() {
    let memory = kept(&story()).await;
    assert!(propose(&memory, fits(), 5).await);
    let proposal = proposed(&memory, 1).unwrap();
    let Action::PushPatch(PushPatch { suspect, push_to, .. }) = &proposal.action else {
        panic!("{proposal:?}")
    };
    assert_eq!((Some(suspect.as_str()), push_to.as_str()), (rounding().id.sha(), "hearback/INC-17.P1"));
    assert_eq!(proposal.because, [Support { evidence: graph().id, origin: Origin::System }]);
    let incident = memory.incident(&id());
    let view = ProposalView::of(&incident.proposals[&proposal.id], at(6)).unwrap();
    let messages = speeches(&incident, at(6));
    let message = messages.iter().find(|message| message.key.starts_with("proposal")).unwrap();
    assert_snapshot!(format!("{}\n---\n{}", view.text(), look::lines(&message.lines)));
    assert!(!propose(&memory, fits(), 6).await);
    assert!(!propose(&memory, fits(), 90).await, "not even when it expired");
}

#[tokio::test]
async fn what_is_not_in_the_record_any_more_supports_nothing() {
    let memory = Memory::of(&story().entries);
    assert!(propose(&memory, fits(), 5).await);
    let because = proposed(&memory, 1).unwrap().because;
    assert_eq!(
        because,
        [Support { evidence: graph().id, origin: Origin::Outsider }],
        "approving it is refused"
    );
}

#[tokio::test]
async fn a_suspect_has_one_patch_in_whatever_spelling_and_none_if_it_was_dismissed() {
    let memory = kept(&story()).await;
    assert!(propose(&memory, fits(), 5).await);
    let mut again = suggested();
    let patch = again.patch.as_mut().unwrap();
    patch.edits[0].find = "\tround(total)".into();
    let answer = memory.incident(&id()).questions[0].answer.as_ref().unwrap().0;
    let story = Story { entries: memory.entries(&id()) };
    let spelt = |story: Story| {
        story.hearback(6, Happening::Investigated { answer, found: again.clone(), taken_up: 4 })
    };
    assert!(!propose(&kept(&spelt(story.clone())).await, fits(), 7).await, "while the first waits");
    assert!(
        propose(&kept(&spelt(story)).await, fits(), 90).await,
        "the first expired, and this is another one"
    );

    let raised = Happening::HypothesisRaised { says: "the rounding".into(), change: Some(rounding().id) };
    let with = story_of_raised(raised);
    let hypothesis = with.incident().hypotheses[0].id.clone();
    let settled =
        |verdict| Happening::HypothesisSettled { hypothesis: hypothesis.clone(), verdict, why: "".into() };
    assert!(
        !propose(&kept(&with.clone().then(6, person("Ana"), settled(Verdict::Dismissed))).await, fits(), 7)
            .await
    );
    assert!(propose(&kept(&with.then(6, person("Ana"), settled(Verdict::Confirmed))).await, fits(), 7).await);
}

/// The story, and somebody who supposes something.
fn story_of_raised(raised: Happening) -> Story {
    let story = story().then(5, person("Ana"), raised);
    assert_eq!(story.incident().hypotheses[0].id, HypothesisId::raised(story.entries.last().unwrap().seq));
    story
}

#[tokio::test]
async fn what_can_not_be_made_is_said_once() {
    let memory = kept(&story()).await;
    let not = PatchFit::Not("cart/totals.rs was not touched by the suspect".into());
    assert!(propose(&memory, not.clone(), 5).await);
    let (_, why) = memory.incident(&id()).not_proposed.unwrap();
    assert_eq!(
        why,
        "the patch that the model suggests can't be proposed: cart/totals.rs was not touched by the suspect"
    );
    assert!(!propose(&memory, not, 6).await);
    let PatchFit::Fits(trial) = fits() else { panic!() };
    let long = PatchFit::Fits(PatchTrial { diff: "+x\n".repeat(3_000), ..trial });
    let memory = kept(&story()).await;
    assert!(propose(&memory, long, 5).await);
    assert!(memory.incident(&id()).not_proposed.unwrap().1.ends_with("too long to be read in one message"));
}

#[tokio::test]
async fn what_undoes_the_suspect_comes_first() {
    let check = async |what: &str, story: Story, expect: bool| {
        let memory = Memory::of(&story.entries);
        assert_eq!(propose(&memory, fits(), 9).await, expect, "{what}");
    };
    let waits = story().proposed(&revert());
    check("a revert waits", waits.clone(), false).await;
    check("it is under way", waits.clone().started(6, &revert()), false).await;
    let ended = |outcome: Outcome| waits.clone().started(6, &revert()).ended(7, &revert(), outcome);
    let done = ended(Outcome::Done(receipt("reverted")));
    check("it is done", done.clone(), false).await;
    check("it helped", done.clone().checked(8, &revert(), Recovery::Recovered, "it fell"), false).await;
    check("it did not help", done.checked(8, &revert(), Recovery::NotRecovered, "no"), true).await;
    check("nobody knows", ended(Outcome::Unknown { why: "lost".into() }), false).await;
    check("it failed", ended(Outcome::Failed { why: "no".into() }), true).await;
    let rejected = waits.decided(5, "Ana", &revert(), Decided::Reject, "the migration", None);
    check("it was rejected", rejected, true).await;
    check(
        "the suspect was dismissed",
        story().then(5, person("Ana"), Happening::Dismissed { change: rounding().id }),
        false,
    )
    .await;
    check("it is over", story().then(5, person("Ana"), Happening::Resolved { how: "".into() }), false).await;
}

#[tokio::test]
async fn what_was_pushed_wants_a_draft_pull_request() {
    let memory = kept(&story()).await;
    propose(&memory, fits(), 5).await;
    let patch = proposed(&memory, 1).unwrap();
    let made = Receipt { made: Some("88bb21dd50".repeat(4)), ..receipt("patched") };
    let story = Story { entries: memory.entries(&id()) };
    let story = story.started(6, &patch).ended(7, &patch, Outcome::Done(made));
    let memory = Memory::of(&story.entries);
    let pulls = ["shop".to_owned()];
    let steps = NextSteps { record: &memory, pulls: &pulls, expires_after: SignedDuration::from_mins(30) };
    assert!(steps.propose(&memory.incident(&id()), at(8)).await.unwrap());
    let Action::OpenPullRequest(open) = proposed(&memory, 2).unwrap().action else { panic!() };
    assert!(open.draft && open.title == "Mitigation patch of INC-17.P1" && open.base == "main", "{open:?}");
}
