//! Tests of [`super`]; nothing else may use them. All messages are invented.

use hearback_core::change::Change;

use super::*;
use crate::invented::{at, commit, merge, reland, revert, reverted, sha};

const FAILS: &str = "Checkout answers 503 on mobile.";

fn mined(changes: &[Change]) -> Mined {
    mine(changes, "shop", &MineOptions::default())
}

fn reverting(n: u32, hours: i64, reverts: &[u32]) -> Change {
    revert(n, hours, "Revert \"Add the cart\"", FAILS, reverts)
}

/// The only change of `changes` that could be a case is skipped for this reason.
fn skipped(changes: &[Change], expect: Skip) {
    let mined = mined(changes);
    assert_eq!((mined.cases, mined.skipped), (vec![], BTreeMap::from([(expect, 1)])), "{expect:?}");
}

#[test]
fn a_rollback_is_a_case() {
    let body = format!("This reverts commit {}.\n\n{FAILS}", sha(1));
    let changes = [
        commit(1, 0, "Add the cart", ""),
        commit(2, 1, "Add a badge", ""),
        revert(3, 5, "Revert \"Add the cart\"", &body, &[1]),
    ];
    let expect = Case {
        id: format!("shop@{}", &sha(3)[..12]),
        repo: "shop".into(),
        as_of: at(5),
        symptom_text: FAILS.into(),
        culprit_shas: vec![sha(1)],
        days: 30,
        symptom_like: true,
        half: None,
    };
    assert_eq!(mined(&changes), Mined { cases: vec![expect], ..Mined::default() });
}

#[test]
fn a_title_that_names_a_commit_and_says_why_is_the_symptom() {
    let title = format!("Revert {}: people on phones can't log in", &sha(1)[..10]);
    let mined = mined(&[commit(1, 0, "Add the cart", ""), revert(2, 5, &title, "", &[1])]);
    let told: Vec<_> = mined.cases.iter().map(|case| case.symptom_text.as_str()).collect();
    assert_eq!(told, ["people on phones can't log in"], "{:?}", mined.skipped);
}

#[test]
fn the_order_of_the_changes_does_not_matter() {
    let mut changes = vec![
        commit(1, 0, "Add the cart", ""),
        reverting(2, 5, &[1]),
        commit(3, 6, "Add a badge", ""),
        revert(4, 9, "Revert \"Add a badge\"", "The badge breaks login", &[3]),
    ];
    let expect = mined(&changes);
    changes.reverse();
    assert_eq!(mined(&changes), expect);
    assert_eq!(expect.cases.iter().map(|c| c.as_of).collect::<Vec<_>>(), [at(5), at(9)]);
}

#[test]
fn a_reland_is_no_case_and_its_rollback_is_one() {
    let changes = [
        commit(1, 0, "Add the cart", ""),
        reverting(2, 5, &[1]),
        reland(3, 9, "Reland \"Add the cart\"", &[2], &[1]),
        revert(4, 12, "Revert \"Reland \"Add the cart\"\"", "Add the cart still breaks login", &[3]),
        reland(5, 15, "Revert \"Revert \"Reland \"Add the cart\"\"\"", &[4], &[3]),
    ];
    let mined = mined(&changes);
    let told: Vec<_> =
        mined.cases.iter().map(|c| (c.culprit_shas.clone(), c.symptom_text.as_str())).collect();
    assert_eq!(told, [(vec![sha(1)], FAILS), (vec![sha(3)], "still breaks login")]);
    assert_eq!(mined.skipped, BTreeMap::from([(Skip::Relands, 2)]));
}

#[test]
fn taking_back_a_rollback_under_a_title_of_its_own_is_a_reland() {
    let first = commit(1, 0, "Add the cart", "");
    let mined = mined(&[
        first,
        reverting(2, 5, &[1]),
        revert(3, 9, "Add the cart, with totals", "The problem with login is solved", &[2]),
    ]);
    assert_eq!((mined.cases.len(), mined.skipped), (1, BTreeMap::from([(Skip::Relands, 1)])));
}

#[test]
fn a_change_that_goes_back_in_its_own_words_can_be_a_culprit() {
    let changes = [
        commit(1, 0, "Add the cart", ""),
        revert(2, 5, "Use the old cart", "This reverts commit 1234567.", &[1]),
        revert(3, 9, "Revert \"Use the old cart\"", FAILS, &[2]),
    ];
    let mined = mined(&changes);
    assert_eq!(
        mined.cases.iter().map(|c| &c.culprit_shas[..]).collect::<Vec<_>>(),
        [&[sha(1)][..], &[sha(2)]]
    );
}

#[test]
fn what_makes_no_case_is_counted_by_reason() {
    let cart = || commit(1, 0, "Add the cart", "");
    let by_merge = Change { delivers: vec![cart().id], ..reverting(2, 5, &[1]) };
    skipped(&[cart(), by_merge], Skip::Merge);
    skipped(&[cart(), reverting(2, 5, &[])], Skip::NothingNamed);
    skipped(&[commit(1, 0, "Add a badge", ""), reverting(2, 5, &[7])], Skip::NotSeen);
    let twice = [
        reverted(cart(), &[&reverting(2, 5, &[1])]),
        reverting(2, 5, &[1]),
        revert(3, 9, "Revert \"Add the cart\"", "Checkout totals fail again on tablets", &[1]),
    ];
    assert_eq!(mined(&twice).skipped, BTreeMap::from([(Skip::RevertedBefore, 1)]));
    skipped(&[cart(), reverting(2, 0, &[1])], Skip::NotBefore);
    skipped(&[commit(1, 9, "Add the cart", ""), reverting(2, 5, &[1])], Skip::NotBefore);
    skipped(&[cart(), revert(2, 5, "Revert \"Add the cart\"", "", &[1])], Skip::NoText);
    skipped(&[cart(), revert(2, 5, "Revert \"Add the cart\"", "Reverting this change.", &[1])], Skip::NoText);
    skipped(&[cart(), revert(2, 5, "Revert \"Add the cart\"", "Broken, broken login", &[1])], Skip::FewWords);
    let slip = Change { committed_at: at(0) + SignedDuration::from_secs(59), ..reverting(2, 0, &[1]) };
    skipped(&[cart(), slip], Skip::SameMinute);
    let many: Vec<Change> = (1..7)
        .map(|n| commit(n, i64::from(n), "Add", ""))
        .chain([reverting(9, 50, &[1, 2, 3, 4, 5, 6])])
        .collect();
    skipped(&many, Skip::Bulk);
    skipped(&many[1..], Skip::Bulk);
    assert_eq!(mined(&[cart()]), Mined::default());
}

#[test]
fn every_reason_can_be_read() {
    let texts: Vec<String> = [
        Skip::Relands,
        Skip::Merge,
        Skip::NothingNamed,
        Skip::NotSeen,
        Skip::RevertedBefore,
        Skip::NotBefore,
        Skip::SameMinute,
        Skip::Bulk,
        Skip::NoText,
        Skip::FewWords,
        Skip::Twice,
    ]
    .iter()
    .map(ToString::to_string)
    .collect();
    insta::assert_snapshot!(texts.join("\n"), @r"
    land something again
    merge a rollback that is there itself
    name no change that could be found
    name a commit that is not in the history that was read
    revert what was reverted before
    revert something that is not older, by its date
    follow within a minute
    take back many changes at once
    say nothing but what they revert
    say too little
    are there twice
    ");
}

#[test]
fn an_older_culprit_makes_a_case_without_one() {
    let changes = [commit(1, 0, "Add the cart", ""), reverting(2, 24 * 31, &[1])];
    let mined = mined(&changes);
    assert_eq!(mined.cases.iter().map(|c| &c.culprit_shas[..]).collect::<Vec<_>>(), [&[] as &[String]]);
    assert_eq!(mined.skipped, BTreeMap::new());
    let longer = MineOptions { days: 40, ..MineOptions::default() };
    assert_eq!(mine(&changes, "shop", &longer).cases[0].culprit_shas, [sha(1)]);
}

#[test]
fn a_commit_that_is_not_seen_has_a_twin_under_its_title() {
    let changes = [
        commit(1, 0, "Add the cart (#7)", ""),
        commit(2, 1, "Add the cart", ""),
        reverting(3, 5, &[99]),
        commit(4, 6, "Add the cart", ""),
    ];
    assert_eq!(mined(&changes).cases[0].culprit_shas, [sha(2)]);
}

#[test]
fn the_commits_of_a_reverted_merge_stand_for_it() {
    let changes = [
        commit(1, 0, "Add the cart", ""),
        commit(2, 1, "Add totals", ""),
        merge(3, 2, "Merge pull request #7 from ada/cart", &[1, 2]),
        revert(
            4,
            5,
            "Revert \"Merge pull request #7 from ada/cart\"",
            &format!("Add totals breaks login, {FAILS}"),
            &[3],
        ),
    ];
    let case = &mined(&changes).cases[0];
    assert_eq!(case.culprit_shas, [sha(1), sha(2)]);
    assert_eq!(case.symptom_text, format!("breaks login, {FAILS}"));
}

#[test]
fn the_same_rollback_counts_once() {
    let changes = [commit(1, 0, "Add the cart", ""), reverting(2, 5, &[1]), reverting(3, 6, &[1])];
    let mined = mined(&changes);
    assert_eq!((mined.cases.len(), mined.cases[0].as_of), (1, at(5)));
    assert_eq!(mined.skipped, BTreeMap::from([(Skip::Twice, 1)]));
}

#[test]
fn since_leaves_the_newest() {
    let mut changes = Vec::new();
    for n in 0..6 {
        changes.push(commit(2 * n, i64::from(20 * n), &format!("Add part {n}"), ""));
        changes.push(revert(
            2 * n + 1,
            i64::from(20 * n + 5),
            &format!("Revert \"Add part {n}\""),
            &format!("Login fails on phone {n}"),
            &[2 * n],
        ));
    }
    let options = MineOptions { since: Some(at(25)), ..MineOptions::default() };
    let mined = mine(&changes, "shop", &options);
    assert_eq!(
        mined.cases.iter().map(|c| c.as_of).collect::<Vec<_>>(),
        [at(25), at(45), at(65), at(85), at(105)]
    );
    assert!(mined.skipped.is_empty());
}

#[test]
fn rollbacks_of_different_things_in_the_same_words_are_several_cases() {
    let old = |n: u32| commit(n, i64::from(n), &format!("Add part {n}"), "");
    let back = |n: u32, of: u32| {
        revert(n, 24 * 40 + i64::from(n), "Revert a part", "Login fails on every phone", &[of])
    };
    assert_eq!(mined(&[old(1), old(2), back(8, 1), back(9, 2)]).cases.len(), 2);
}

#[test]
fn a_secret_in_a_message_does_not_get_into_a_case() {
    let token = format!("ghp_{}", "a1B2".repeat(9));
    let body = format!("Login fails with token {token} today");
    let changes = [commit(1, 0, "Add the cart", ""), revert(2, 5, "Revert \"Add the cart\"", &body, &[1])];
    assert!(!mined(&changes).cases[0].symptom_text.contains(&token));
}

#[test]
fn a_decision_is_told_from_a_failure() {
    let body = "Not needed any more, maintenance of the shop is over.";
    let changes = [commit(1, 0, "Add the cart", ""), revert(2, 5, "Revert \"Add the cart\"", body, &[1])];
    assert!(!mined(&changes).cases[0].symptom_like);
}
