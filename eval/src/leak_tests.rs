//! Tests of [`super`]; nothing else may use them. All messages are invented.

use super::*;
use crate::invented::{at, commit, revert, reverted, sha};

const TITLE: &str = "cart: add totals (#4711)";
const BODY: &str = "Explained in https://docs.example.com/totals\n\nReviewed-on: https://gerrit.example.com/c/shop/+/8153\n\
                    Change-Id: I0123456789abcdef0123456789abcdef01234567";

fn case(symptom: &str) -> Case {
    Case {
        id: format!("shop@{}", &sha(9)[..12]),
        repo: "shop".into(),
        as_of: at(10),
        symptom_text: symptom.into(),
        culprit_shas: vec![sha(1)],
        days: 30,
        symptom_like: true,
        half: None,
    }
}

fn culprit() -> Change {
    Change {
        link: Some(format!("https://forge.example.com/shop/commit/{}", sha(1))),
        ..commit(1, 0, TITLE, BODY)
    }
}

/// The leaks of a symptom, as sentences.
fn told(symptom: &str) -> Vec<String> {
    let candidates = [culprit(), commit(2, 1, "Add a badge", "")];
    check(&case(symptom), &candidates).iter().map(ToString::to_string).collect()
}

#[test]
fn the_patterns_compile() {
    assert!(LINK.is_some() && CHANGE_ID.is_some() && OWN_NUMBER.is_some());
}

#[test]
fn a_clean_case_passes() {
    for symptom in [
        "Checkout answers 503 since noon, see https://status.example.com/4",
        "totals are off in the cart",
        "#471 and 47110 and I9999999999 and Id est",
        "",
    ] {
        assert_eq!(told(symptom), [] as [&str; 0], "{symptom}");
    }
    assert_eq!(check(&case("totals are off"), &[]), []);
}

#[test]
fn a_symptom_that_names_the_culprit_leaks() {
    let one = |symptom: &str, expect: &str| assert_eq!(told(symptom), [expect], "{symptom}");
    one("since AB00000 login loops", "the symptom names the culprit ab0000010000 by its sha");
    one("Add  TOTALS loops", "the symptom repeats the title of the culprit ab0000010000: \"Add TOTALS\"");
    one(
        "see https://docs.example.com/totals.",
        "the symptom links to the culprit ab0000010000, or to what its message links to: https://docs.example.com/totals",
    );
    one("PR 4711 loops", "the symptom names 4711, which brought the culprit ab0000010000");
    one("since 8153 login loops", "the symptom names 8153, which brought the culprit ab0000010000");
    one(
        "since I0123456789 login loops",
        "the symptom has I0123456789, the Change-Id of the culprit ab0000010000",
    );
    let link = format!("https://forge.example.com/shop/commit/{}", sha(1));
    assert_eq!(told(&link).len(), 2, "by its sha and by its link");
}

#[test]
fn a_long_run_of_the_title_leaks() {
    let long = commit(1, 0, "Read the totals of carts from the new store", "");
    let leaks = check(&case("totals of carts from the backup"), &[long]);
    assert_eq!(leaks, [Leak::Title { culprit: sha(1), run: "totals of carts from the".into() }]);
}

#[test]
fn short_numbers_leak_after_a_word_only() {
    let change = commit(1, 0, "cart: add totals (#12)", "");
    let leaks = |symptom: &str| check(&case(symptom), std::slice::from_ref(&change)).len();
    assert_eq!((leaks("12 carts are empty"), leaks("#12 fails"), leaks("pull request #12 fails")), (0, 1, 1));
}

#[test]
fn a_candidate_from_later_leaks() {
    let leaks = |candidates: &[Change]| -> Vec<String> {
        check(&case("login loops"), candidates).iter().map(ToString::to_string).collect()
    };
    let rollback = revert(9, 10, "Revert \"cart: add totals\"", "", &[1]);
    let by = rollback.id.to_string();
    assert_eq!(
        leaks(&[reverted(culprit(), &[&rollback]), rollback]),
        [
            format!(
                "the candidate git:shop:{} shows that {by} reverts it at 2019-12-20 10:00:00Z, which is not before the question",
                sha(1)
            ),
            "the rollback ab0000090000 itself is among the candidates".to_owned(),
            format!("the candidate {by} is from 2019-12-20 10:00:00Z, not from before the question"),
        ]
    );
    let mut merged_later = culprit();
    merged_later.effective_at = at(11);
    assert_eq!(
        leaks(&[merged_later]),
        [format!(
            "the candidate git:shop:{} shows that it takes effect at 2019-12-20 11:00:00Z, which is not before the question",
            sha(1)
        )]
    );
}

#[test]
fn a_rollback_from_before_the_question_is_no_leak() {
    let earlier = revert(8, 5, "Revert \"cart: add totals\"", "", &[1]);
    let candidates = [reverted(culprit(), &[&earlier]), earlier];
    let case = case("login loops");
    assert_eq!(check(&case, &candidates), []);
}
