//! What a model made of answers, by hand.

use hearback_core::answer::{Claim, Strength};
use hearback_core::evidence::Citation;
use hearback_core::hash::Digest;
use hearback_core::investigation::{Hypothesis, Statement};
use hearback_core::model::{Price, Usage};
use hearback_core::{EvidenceId, ExternalText};
use jiff::SignedDuration;

use super::*;

fn sha(n: u32) -> String {
    format!("{n:02x}{:038x}", 0xabc)
}

fn truth(culprit: &str) -> Truth {
    Truth {
        root_cause_commit: culprit.into(),
        first_failing_service: "quotes".into(),
        blast_radius: Vec::new(),
        remediation: "rollback".into(),
        decoy_deploy_commits: vec![sha(9)],
    }
}

fn said(culprit: Option<&str>) -> Said {
    Said { culprit: culprit.map(Into::into), ..Said::default() }
}

/// A hypothesis that blames this change, or none.
fn hypothesis(change: Option<&str>, only_outsiders: bool) -> Hypothesis {
    let cited = Citation::of(EvidenceId(Digest::of(b"evidence")));
    Hypothesis {
        statement: Statement { claim: Claim::new("it is so", vec![cited]).unwrap(), only_outsiders },
        change: change.map(|sha| ChangeId::commit("frozen", sha).unwrap()),
        strength: Strength::Weak,
        disproved_by: ExternalText::default(),
    }
}

fn spent(tokens: u64) -> Spent {
    let price = Price {
        input_per_million: "2".parse().unwrap(),
        cached_input_per_million: "2".parse().unwrap(),
        output_per_million: "10".parse().unwrap(),
        currency: "USD".parse().unwrap(),
    };
    Spent::once(
        Some(Usage { input_tokens: tokens, cached_input_tokens: 0, output_tokens: 100 }),
        Some(&price),
    )
}

fn found(hypotheses: Vec<Hypothesis>, tokens: u64) -> Investigated {
    Investigated {
        claims: Vec::new(),
        hypotheses,
        patch: None,
        dropped: DroppedClaims { unsupported: 1, ..DroppedClaims::default() },
        ending: Ending::Finished,
        why: None,
        turns: 3,
        fetches: 2,
        spent: spent(tokens),
        took: SignedDuration::from_millis(1_500),
        by: Some(SourceName::new("model:m").unwrap()),
    }
}

fn missing() -> Investigated {
    Investigated {
        ending: Ending::Missing,
        why: Some("the server is away".into()),
        turns: 0,
        fetches: 0,
        spent: Spent::default(),
        dropped: DroppedClaims::default(),
        by: None,
        ..found(Vec::new(), 0)
    }
}

/// A look whose hypotheses blame these: a sha, or none for no change.
fn look(said: &Said, blames: &[Option<String>], tokens: u64) -> Look {
    let all = blames.iter().map(|one| hypothesis(one.as_deref(), false)).collect();
    Look::of(&found(all, tokens), said, |id| id.sha().unwrap_or(id.as_str()).to_owned())
}

fn case(id: &str, answer: Option<&str>, blames: &[&[Option<String>]], was: &str) -> Case {
    let said = said(answer);
    let looks = (1..).zip(blames).map(|(n, blames)| look(&said, blames, n * 1_000)).collect();
    Case::of(id, &said, 1.0, looks, Some(&truth(was)))
}

#[test]
fn a_first_hypothesis_is_right_or_wrong_or_there_is_none() {
    fn check(blames: &[Option<String>], was: &str, first: Mark, among: bool) {
        let case = case("a", Some(&sha(1)), &[blames], was);
        let scored = &case.looks[0];
        assert_eq!((scored.first, scored.among), (Some(first), Some(among)), "{blames:?} {was}");
    }
    check(&[Some(sha(1))], &sha(1), Mark::Right, true);
    check(&[Some(sha(2)), Some(sha(1))], &sha(1), Mark::Wrong, true);
    check(&[Some(sha(2))], &sha(1), Mark::Wrong, false);
    check(&[None], &sha(1), Mark::Wrong, false);
    check(&[None], "none", Mark::Right, true);
    check(&[Some(sha(1)), None], "none", Mark::Wrong, true);
    check(&[], &sha(1), Mark::Abstained, false);
    check(&[], "none", Mark::Abstained, false);
}

#[test]
fn a_model_agrees_or_differs_only_where_both_say_something() {
    let agrees = |answer: Option<&str>, blames: &[Option<String>]| look(&said(answer), blames, 1).agrees;
    assert_eq!(agrees(Some(&sha(1)), &[Some(sha(1)), None]), Some(true));
    assert_eq!(agrees(Some(&sha(1)), &[Some(sha(2)), Some(sha(1))]), Some(false));
    assert_eq!(agrees(Some(NONE), &[None]), Some(true));
    assert_eq!(agrees(Some(NONE), &[Some(sha(1))]), Some(false));
    assert_eq!(agrees(None, &[Some(sha(1))]), None);
    assert_eq!(agrees(Some(&sha(1)), &[]), None);
}

#[test]
fn a_decoy_is_counted_and_outsiders_are() {
    let all = vec![hypothesis(Some(&sha(9)), true), hypothesis(None, false)];
    let answer = said(None);
    let look = Look::of(&found(all, 1), &answer, |id| id.sha().unwrap().to_owned());
    let case = Case::of("a", &answer, 1.0, vec![look], Some(&truth(&sha(1))));
    assert_eq!(case.looks[0].decoy_blamed, Some(sha(9)));
    assert_eq!(case.looks[0].look.only_outsiders, 1);
    assert_eq!(summary(&[case]).decoys_blamed, 1);
}

/// One of each: both right, mended, spoiled, silent, a false accusation, missing.
fn cases() -> Vec<Case> {
    let away = {
        let said = said(Some(&sha(6)));
        let look = Look::of(&missing(), &said, ToString::to_string);
        Case::of("away", &said, 1.0, vec![look], Some(&truth(&sha(6))))
    };
    vec![
        case("both", Some(&sha(1)), &[&[Some(sha(1))]], &sha(1)),
        case("mended", None, &[&[Some(sha(2)), None]], &sha(2)),
        case("spoiled", Some(&sha(3)), &[&[Some(sha(9)), Some(sha(3))]], &sha(3)),
        case("silent", Some(&sha(4)), &[&[]], &sha(4)),
        case("accused", Some(NONE), &[&[Some(sha(5))]], NONE),
        away,
    ]
}

#[test]
fn what_a_model_mends_and_spoils_is_told_beside_the_answers() {
    let cases = cases();
    let sums = summary(&cases);
    assert_eq!((sums.incidents, sums.looks, sums.missing), (6, 6, 1));
    assert_eq!(sums.answer.marks, Marks { right: 5, wrong: 0, abstained: 1 });
    assert_eq!(sums.model.marks, Marks { right: 2, wrong: 2, abstained: 2 });
    assert_eq!(sums.model.right.unwrap(), crate::resample::share(2, 6).unwrap());
    assert_eq!(sums.mended, [("mended".to_owned(), 1)].into());
    assert_eq!(sums.spoiled, [("spoiled".to_owned(), 1), ("accused".to_owned(), 1)].into());
    let accused = FalseAccusations { incidents: 1, by_answer: 0, looks: 1, by_model: 1 };
    assert_eq!(sums.false_accusations, accused);
    assert_eq!(sums.spread, None);
    let told: String = cases.iter().map(line).chain([text(&sums)]).collect();
    insta::assert_snapshot!(told);
}

#[test]
fn rounds_make_no_new_incidents_and_their_spread_is_told() {
    let right = || Some(sha(1));
    let cases = [
        case("steady", Some(&sha(1)), &[&[right()], &[right()], &[right()]], &sha(1)),
        case("unsteady", None, &[&[right()], &[Some(sha(2))], &[]], &sha(1)),
        // Ctrl-C came in its second round.
        case("cut", None, &[&[Some(sha(2))], &[right()]], &sha(1)),
    ];
    let sums = summary(&cases);
    assert_eq!((sums.incidents, sums.looks), (3, 8));
    let share = sums.model.right.unwrap();
    assert!((share.value - (1.0 + 1.0 / 3.0 + 0.5) / 3.0).abs() < 1e-9, "{share:?}");
    assert_eq!(Some(share), wilson(share.value, 3), "three incidents, not eight");
    let spread = sums.spread.as_ref().unwrap();
    assert_eq!(spread.right_by_round, [2, 2], "the third round is not whole");
    assert_eq!(spread.unsteady, ["unsteady", "cut"]);
    let told: String = cases.iter().map(line).chain([text(&sums)]).collect();
    insta::assert_snapshot!(told);
}

#[test]
fn what_nobody_knows_is_told_and_not_scored() {
    let answer = said(Some(&sha(1)));
    let unknown = Case::of("unknown", &answer, 1.0, vec![look(&answer, &[None], 10)], None);
    assert_eq!((unknown.looks[0].first, unknown.looks[0].among), (None, None));
    let sums = summary(std::slice::from_ref(&unknown));
    assert_eq!((sums.incidents, sums.looks, sums.without_truth), (0, 0, 1));
    assert_eq!(sums.answer.right, None);
    assert_eq!(sums.tokens.unwrap().total, 110.0);
    insta::assert_snapshot!(line(&unknown) + &text(&sums));
}

#[test]
fn money_that_is_not_known_is_not_told_as_known() {
    let priced = look(&said(None), &[], 1_000);
    let unpriced = Look { spent: Spent::once(Some(Usage::default()), None), ..priced.clone() };
    let cost = |looks: &[&Look]| {
        let looks = looks.iter().map(|look| (*look).clone()).collect();
        summary(&[Case::of("a", &said(None), 1.0, looks, None)]).cost
    };
    let two = cost(&[&priced, &priced]).unwrap();
    assert_eq!(
        (two.spending.total, two.spending.median, two.currency.to_string()),
        (0.006, 0.003, "USD".into())
    );
    assert_eq!(cost(&[&priced, &unpriced]), None);
    assert_eq!(cost(&[]), None);
}
