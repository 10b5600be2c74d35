//! What people see, at three in the morning: a first answer and a proposal.

use hearback_core::chat::{ChatMessage, ChatPort as _, Press, Span};
use hearback_core::hash::Digest;
use hearback_core::{ChangeId, IncidentId, ProposalId};

use super::fake::Fake;
use super::{AMPLE, channel, chat, sent};

fn plain(words: &str) -> Span {
    Span::Plain(words.into())
}

fn strong(words: &str) -> Span {
    Span::Strong(words.into())
}

fn quoted(words: &str) -> Span {
    Span::Quoted(words.into())
}

fn link(says: &str, to: &str) -> Span {
    Span::Link { says: says.into(), to: to.into() }
}

async fn posted(message: &ChatMessage) -> Fake {
    let fake = Fake::start().await;
    chat(&fake).post(&channel(), message, AMPLE).await.unwrap();
    fake.assert_kept_the_contract();
    fake
}

/// The message as a person sees it.
async fn seen(message: &ChatMessage) -> String {
    posted(message).await.messages(sent::CHANNEL).remove(0).drawn()
}

fn first_answer() -> ChatMessage {
    let incident = IncidentId::numbered(17);
    let change = ChangeId::new("git:checkout:3f2a91c5d0e84b7796aa10cc4f0d2be93417a8f1").unwrap();
    let lines = vec![
        vec![strong("Likely: the deploy of checkout at 13:52"), plain(", 6 minutes before errors rose.")],
        vec![
            plain("1. "),
            link("3f2a91c", "https://github.com/acme/checkout/commit/3f2a91c"),
            plain(" "),
            quoted("Round cart totals <half> up & drop `legacy` path"),
            plain(" by "),
            quoted("ada"),
        ],
        vec![plain(
            "   The error names cart_total.rs, which it changes; errors rose at 13:58, from 0.1 % to 14 %.",
        )],
        vec![
            plain("2. The flag "),
            quoted("new-tax-table"),
            plain(" went from 10 % to 50 % at 13:40 by "),
            quoted("grace"),
            plain("."),
        ],
        vec![plain("Not seen: the log of payments did not answer within 2 s.")],
    ];
    let buttons =
        vec![Press::Why { incident: incident.clone(), answer: 7 }, Press::NotIt { incident, change }];
    ChatMessage { key: "INC-17.answer.7".into(), thread: None, lines, buttons }
}

fn proposal() -> ChatMessage {
    let proposal = ProposalId::numbered(&IncidentId::numbered(17), 2);
    let digest = Digest::of(b"revert 3f2a91c");
    let lines = vec![
        vec![strong("Proposed: revert 3f2a91c in checkout and deploy it"), plain(" (INC-17.P2)")],
        vec![plain(
            "Risk: low. No migration lies between; nothing else goes with it; the revert applies without conflict.",
        )],
        vec![plain(
            "Undo: deploy 3f2a91c again. Check: the error rate of checkout below 1 % within 10 minutes.",
        )],
        vec![plain("Needs one person with the role responder. Expires at 14:35 UTC.")],
    ];
    let buttons =
        vec![Press::Approve { proposal: proposal.clone(), digest }, Press::Reject { proposal, digest }];
    ChatMessage { key: "INC-17.P2".into(), thread: None, lines, buttons }
}

#[tokio::test]
async fn a_first_answer_reads_well_at_three_in_the_morning() {
    insta::assert_snapshot!(seen(&first_answer()).await);
}

#[tokio::test]
async fn a_proposal_reads_well_at_three_in_the_morning() {
    insta::assert_snapshot!(seen(&proposal()).await);
}

#[tokio::test]
async fn a_first_answer_on_the_wire() {
    insta::assert_json_snapshot!(posted(&first_answer()).await.last());
}

#[tokio::test]
async fn a_proposal_on_the_wire() {
    insta::assert_json_snapshot!(posted(&proposal()).await.last());
}
