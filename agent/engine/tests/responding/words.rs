//! What people read in the channel at three in the morning, message by message. A snapshot holds what stands there.

use std::collections::BTreeMap;

use hearback_core::action::{Inverse, Outcome, Proposal, Receipt, Recovery, RiskKind};
use hearback_core::analysis::{Advice, Analysis, Cause, Failing, Innocent, NoChange, Remedy};
use hearback_core::answer::{
    CalibratedOn, Finding, FindingKind, Flagged, RuledOut, Runbook, Strength, Verdict,
};
use hearback_core::approval::Decided;
use hearback_core::evidence::{Citation, Coverage, Gap};
use hearback_core::happening::Role;
use hearback_core::incident::SeenDismissal;
use hearback_core::{Answer, ChangeId, Claim, Digest, Happening, ProposalId, SourceName};
use hearback_engine::channel::speeches::speeches;
use hearback_engine::channel::words::{self, Line};
use hearback_engine::proposed::ProposalView;
use insta::assert_snapshot;

use super::look;
use super::story::*;

/// Checked for odd signs, and as a person sees it.
fn seen(lines: &[Line]) -> String {
    look::assert_reads_well(lines);
    look::lines(lines)
}

fn answered(answer: &Answer) -> String {
    without(answer, &[])
}

/// With suspects that Ana said are none.
fn without(answer: &Answer, dismissed: &[&ChangeId]) -> String {
    let by_ana = SeenDismissal { seq: 9, evidence: evidence("not it"), by: person("Ana"), at: at(9) };
    let dismissed: BTreeMap<ChangeId, SeenDismissal> =
        dismissed.iter().map(|id| ((*id).clone(), by_ana.clone())).collect();
    let lines = words::answer(answer, &dismissed);
    assert!(lines.len() <= 10, "{}", look::lines(&lines));
    seen(&lines)
}

/// The channel's message of a proposal, and what else there is of it.
fn of_proposals(story: Story, minute: i64) -> String {
    let messages = speeches(&story.incident(), at(minute));
    let of_it = messages.iter().filter(|message| message.key != "notice");
    let text: Vec<String> = of_it
        .map(|message| {
            look::assert_reads_well(&message.lines);
            look::message(message)
        })
        .collect();
    text.join("\n")
}

fn all_there_is() -> Answer {
    let source = |name: &str| SourceName::new(name).unwrap();
    let finding = |kind, says: &str, link: Option<&str>| Finding {
        kind,
        service: service("checkout"),
        claim: claim(says, "graph"),
        link: link.map(str::to_owned),
    };
    let graph = "https://prometheus.example/graph?g0=errors";
    Answer {
        findings: vec![
            finding(FindingKind::Signal, "checkout: errors 0.2 → 14 at 02:58Z, plateau since", Some(graph)),
            finding(FindingKind::ErrorLog, "checkout logs \"total is NaN\" 412 times since 02:58Z", None),
        ],
        ruled_out: vec![RuledOut {
            change: summary(&commit("d0c5", -30, "Explain the cart", &["README.md"])),
            rule: "docs_only".into(),
            because: claim("touches documentation only", "changes of shop"),
        }],
        experts: vec![],
        unauthorised: vec![Flagged {
            change: summary(&rounding()),
            because: claim("took effect in the change freeze \"Black Friday\"", "calendar"),
        }],
        runbook: Some(Runbook {
            service: Some(service("checkout")),
            link: "https://wiki.example/runbooks/checkout".into(),
            part: None,
        }),
        gaps: vec![Gap { source: source("loki:shop"), why: "no answer within 2.0 s".into() }],
        searched: vec![
            Coverage::complete(source("git:shop"), "41 commits on main"),
            Coverage::complete(source("prometheus:shop"), "4 signals of checkout"),
        ],
        ..look_here()
    }
}

#[test]
fn the_notice() {
    assert_snapshot!(seen(&words::notice(&Story::in_channel().incident())));
}

#[test]
fn a_first_answer_says_where_to_look() {
    assert_snapshot!(answered(&look_here()));
}

#[test]
fn an_answer_with_all_there_is_to_say_keeps_to_ten_lines() {
    assert_snapshot!(answered(&all_there_is()));
}

/// What the signs come to when the rounding of totals did it, and the bump looked like it.
fn explained() -> Answer {
    let analysis = Analysis {
        failing: vec![
            Failing {
                service: service("cart"),
                since: at(-2),
                because_of: None,
                claim: claim("new: 412 × \"total is NaN\"", "logs"),
            },
            Failing {
                service: service("checkout"),
                since: at(-1),
                because_of: Some(service("cart")),
                claim: claim("errors 0.2 → 14", "graph"),
            },
        ],
        cause: Cause::Change { change: summary(&rounding()), place: Some("cart/totals.go:41".into()) },
        strength: Strength::Strong,
        because: vec![
            claim("changes cart/totals.go:41, which the error names", "diffs of shop"),
            claim("reached cart 10 min before it failed", "changes of shop"),
        ],
        innocent: Some(Innocent {
            change: summary(&bump()),
            because: claim("touches none of the files that the error names", "changes of shop"),
        }),
        advice: Some(Advice {
            remedy: Remedy::Rollback,
            claim: claim("roll back cart v42: it undoes what it brought", "changes of shop"),
        }),
    };
    Answer { analysis: Some(analysis), ..look_here() }
}

#[test]
fn an_answer_says_what_fails_first_why_and_what_is_not_it() {
    assert_snapshot!(answered(&explained()));
    assert_snapshot!(seen(&words::evidence(&explained())));
}

#[test]
fn an_explanation_keeps_to_ten_lines() {
    let analysis = explained().analysis;
    assert_snapshot!(answered(&Answer { analysis: analysis.clone(), ..all_there_is() }));
    let open = analysis.map(|analysis| Analysis { cause: Cause::CantTell, ..analysis });
    assert_snapshot!(answered(&Answer { analysis: open, ..all_there_is() }));
}

#[test]
fn what_was_blamed_and_dismissed_explains_nothing_any_more() {
    let answer = explained();
    let weak = Answer {
        verdict: Verdict::CantTell,
        analysis: answer.analysis.clone().map(|analysis| Analysis { strength: Strength::Weak, ..analysis }),
        ..answer.clone()
    };
    let blamed = &answer.suspects[0].change.id;
    assert_snapshot!([without(&answer, &[blamed]), without(&weak, &[blamed])].join("\n\n"));
}

#[test]
fn that_no_change_did_it_is_certain_only_where_all_changes_were_seen() {
    let analysis = explained().analysis.map(|analysis| Analysis {
        cause: Cause::NoChange { cause: NoChange::Provider },
        advice: None,
        ..analysis
    });
    let of = |verdict| answered(&Answer { verdict, analysis: analysis.clone(), ..look_here() });
    assert!(
        of(Verdict::NoChange).starts_with("**No change did this: something outside"),
        "{}",
        of(Verdict::NoChange)
    );
    assert!(
        of(Verdict::CantTell).starts_with("**Probably no change did this: something"),
        "{}",
        of(Verdict::CantTell)
    );
}

#[test]
fn an_answer_with_percentages() {
    let mut answer = look_here();
    answer.suspects[0].confidence = Some(0.83);
    answer.suspects[1].confidence = Some(0.002);
    answer.none_of_these = Some(0.1);
    answer.calibrated_on = Some(CalibratedOn {
        cases: 214,
        of: "rollbacks of shop until 2026-11-20".into(),
        temperature: 1.5,
        weights: Digest::of(b"weights"),
    });
    assert_snapshot!(answered(&answer));
}

#[test]
fn an_answer_that_can_not_tell() {
    let mut answer = Answer { verdict: Verdict::CantTell, onset: None, ..look_here() };
    answer.suspects.iter_mut().for_each(|suspect| suspect.strength = Strength::Weak);
    // Of a rollout it is told what it was brought by, and what came after the question is said to.
    answer.suspects[0].delivered_by = Some(summary(&commit("de91", -11, "checkout v42", &[])));
    answer.suspects[0].reasons.clear();
    answer.suspects[1].change.effective_at = at(3);
    assert_snapshot!(answered(&answer));
}

#[test]
fn an_answer_to_which_nothing_fits() {
    let nothing = |considered, searched| Answer {
        verdict: Verdict::NothingFits,
        considered,
        suspects: vec![],
        searched,
        ..look_here()
    };
    let two = [answered(&nothing(41, look_here().searched)), answered(&nothing(0, vec![]))];
    assert_snapshot!(two.join("\n\n"));
}

#[test]
fn a_dismissed_suspect_keeps_its_line_and_is_not_what_to_check_next() {
    let (first, second) = (rounding().id, bump().id);
    let mut both_strong = look_here();
    both_strong.suspects[1].strength = Strength::Strong;
    let three = [
        without(&both_strong, &[&first]),
        without(&look_here(), &[&first]),
        without(&both_strong, &[&first, &second]),
    ];
    assert_snapshot!(three.join("\n\n"));
}

#[test]
fn what_outsiders_wrote_stays_a_quote() {
    let mut answer = look_here();
    answer.suspects[0].change.title = "<!channel> *bold* `code`\n2. strong".into();
    answer.suspects[0].change.author = "Bo\u{202e} @here".into();
    answer.suspects[0].change.link = Some("javascript:alert(1)".into());
    assert_snapshot!(answered(&answer).lines().nth(2).unwrap());
}

#[test]
fn the_evidence_behind_why() {
    let mut answer = all_there_is();
    let at_a_line = Citation {
        path: Some("cart/totals.go".into()),
        line: Some(41),
        ..Citation::of(evidence("changes of shop"))
    };
    answer.suspects[0].reasons[0].claim =
        Claim::new("changes a line with round_half_up", vec![at_a_line]).unwrap();
    assert_snapshot!(seen(&words::evidence(&answer)));
}

fn with_risks() -> Proposal {
    Proposal {
        risks: vec![
            risk(
                RiskKind::Migration,
                "a migration goes with it (db/migrate/42_totals.sql): the older code may not fit the data",
            ),
            risk(
                RiskKind::OtherChanges,
                "2 later commits touch the same files and may build on it: 77aa10cc4f, 88bb21dd50",
            ),
        ],
        ..revert()
    }
}

#[test]
fn a_proposal_waits() {
    assert_snapshot!(of_proposals(Story::in_channel().proposed(&with_risks()), 5));
}

#[test]
fn a_proposal_that_nothing_can_take_back_and_no_signal_can_check() {
    let grave = Proposal { inverse: Inverse::Nothing, check: None, ..revert() };
    assert_snapshot!(of_proposals(Story::in_channel().proposed(&grave), 5));
}

#[test]
fn a_proposal_expires() {
    assert_snapshot!(of_proposals(Story::in_channel().proposed(&revert()), 34));
}

#[test]
fn a_proposal_is_rejected() {
    // What a stranger says of it is noted, and rejects nothing.
    let story = Story::in_channel()
        .proposed(&revert())
        .decided(
            5,
            "slack:T024BE7LD:U0BAD",
            &revert(),
            Decided::Reject,
            "no",
            Some("slack:T024BE7LD:U0BAD is not in the policy; ask who wrote it to add them"),
        )
        .decided(6, "Ana", &revert(), Decided::Reject, "the fix is on its way", None)
        .spoken(6);
    assert_snapshot!(of_proposals(story, 7));
}

#[test]
fn a_rejection_without_a_reason_ends_as_a_sentence_does() {
    let story =
        Story::in_channel().proposed(&revert()).decided(6, "Ana", &revert(), Decided::Reject, "", None);
    let text = of_proposals(story, 7);
    assert!(text.ends_with("Rejected by Ana.\n"), "{text}");
}

#[test]
fn two_have_to_approve_and_who_may_not_is_told_in_the_thread() {
    let who = "who may: group oncall, the incident commander";
    let story = Story::in_channel()
        .proposed(&revert())
        .spoken(4)
        .decided(5, "Eve", &revert(), Decided::Approve, "", Some(&format!("Eve may not approve it; {who}")))
        .decided(6, "Ben", &revert(), Decided::Approve, "", Some(&format!("1 of 2 approvals; {who}")));
    assert_snapshot!(of_proposals(story.clone(), 7));
    assert_snapshot!(of_proposals(story.started(8, &revert()), 9));
}

#[test]
fn an_action_is_done() {
    let done = Receipt {
        link: Some("https://github.com/acme/shop/tree/hearback/INC-17.P1".into()),
        ..receipt("reverted 3f2a91c5d0 with 88bb21dd50, and pushed it to origin")
    };
    let story = |proposal: &Proposal| {
        Story::in_channel().proposed(proposal).started(6, proposal).ended(
            7,
            proposal,
            Outcome::Done(done.clone()),
        )
    };
    let unchecked = Proposal { check: None, ..revert() };
    let two = [of_proposals(story(&revert()), 8), of_proposals(story(&unchecked), 8)];
    assert_snapshot!(two.join("\n"));
}

#[test]
fn an_action_is_not_done() {
    let ended = |outcome| {
        of_proposals(
            Story::in_channel().proposed(&rollback()).started(6, &rollback()).ended(7, &rollback(), outcome),
            8,
        )
    };
    let three = [
        ended(Outcome::NotAsExpected { why: "v43 runs there, not v42; nothing was sent.".into() }),
        ended(Outcome::Failed { why: "deploys.example refused: 403; nothing was done".into() }),
        ended(Outcome::Unknown { why: "deploys.example did not answer within 60 s".into() }),
    ];
    assert_snapshot!(three.join("\n"));
}

const AT_14: &str = "checkout errors at 14, 15 min after the action; 14 before it, usually 0.2";

fn after(recovery: Recovery, says: &str) -> Story {
    let done = Outcome::Done(receipt("brought checkout from v42 back to v41"));
    Story::in_channel().proposed(&rollback()).started(6, &rollback()).ended(7, &rollback(), done).checked(
        22,
        &rollback(),
        recovery,
        says,
    )
}

/// What is said beside the proposals.
fn helped(story: Story, minute: i64) -> String {
    let messages = speeches(&story.incident(), at(minute));
    let helped = messages.iter().find(|message| message.key == "helped INC-17.P1").unwrap();
    look::assert_reads_well(&helped.lines);
    look::message(helped)
}

#[test]
fn whether_it_helped() {
    let back = "checkout errors back at 0.3, 6 min after the action; 14 before it, usually 0.2";
    let half = "checkout errors from 14 to 5 in 15 min; usually 0.2";
    let three = [
        helped(after(Recovery::Recovered, back), 23),
        helped(after(Recovery::NotRecovered, AT_14), 23),
        helped(after(Recovery::CantTell, half), 23),
    ];
    assert_snapshot!(three.join("\n"));
    assert_snapshot!(of_proposals(after(Recovery::Recovered, back), 23));
}

#[test]
fn what_did_not_help_can_be_taken_back() {
    let offer = Proposal {
        id: ProposalId::numbered(&id(), 2),
        action: hook("v41", "v42"),
        why: claim(&format!("INC-17.P1 did not help: {AT_14}"), "graph after"),
        inverse: Inverse::Action(Box::new(hook("v42", "v41"))),
        check: None,
        proposed_at: at(22),
        expires_at: at(52),
        ..revert()
    };
    let offered = after(Recovery::NotRecovered, AT_14).hearback(22, Happening::Proposed(offer.clone()));
    let done = Outcome::Done(receipt("brought checkout from v41 back to v42"));
    let stages = [
        helped(offered.clone(), 23),
        helped(offered.clone(), 52),
        helped(offered.started(24, &offer).ended(25, &offer, done), 26),
    ];
    assert_snapshot!(stages.join("\n"));
}

#[test]
fn nothing_is_proposed() {
    let says = |why: &str| seen(&words::not_proposed(why));
    assert_eq!(
        says("no strong suspect is left that can be undone"),
        "Nothing is proposed: no strong suspect is left that can be undone."
    );
    assert_eq!(says("do it by hand."), "Nothing is proposed: do it by hand.");
}

#[test]
fn how_an_incident_stands() {
    let bare = Story::in_channel();
    let full = bare
        .clone()
        .then(
            1,
            person("Ana"),
            Happening::RoleAssigned { role: Role::IncidentCommander, to: "Ana Ruiz".into() },
        )
        .hearback(1, Happening::AlertFired(alert("f", -1)))
        .proposed(&revert());
    let resolved = full.clone().then(42, person("Ana"), Happening::Resolved { how: "rolled back".into() });
    let three = [
        seen(&words::status(&bare.incident(), at(3))),
        seen(&words::status(&full.incident(), at(5))),
        seen(&words::status(&resolved.incident(), at(50))),
    ];
    assert_snapshot!(three.join("\n\n"));
}

#[test]
fn an_incident_is_over() {
    let resolved = |how: &str| {
        Story::in_channel().proposed(&rollback()).started(6, &rollback()).then(
            42,
            person("Ana"),
            Happening::Resolved { how: how.into() },
        )
    };
    let two =
        ["rolled back checkout", " "].map(|how| seen(&words::resolved(&resolved(how).incident(), at(50))));
    assert_snapshot!(two.join("\n\n"));
}

#[test]
fn the_command_line_tells_the_same() {
    let story = after(Recovery::NotRecovered, AT_14);
    let view = ProposalView::of(&story.incident().proposals[&rollback().id], at(23)).unwrap();
    let waiting = Story::in_channel().proposed(&with_risks()).decided(
        5,
        "Ben",
        &with_risks(),
        Decided::Approve,
        "",
        Some("Ben may not approve it; who may: group oncall"),
    );
    let waiting = ProposalView::of(&waiting.incident().proposals[&revert().id], at(5)).unwrap();
    let text = [waiting.text(), view.text(), waiting.line(), view.line()].join("\n");
    assert!(!text.contains(".."), "{text}");
    assert_snapshot!(text);
}
