//! Tests of [`super`]; nothing else may use them.

use super::*;

const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

fn check(title: &str, body: &str, expect: Mentions) {
    assert_eq!(parse_mentions(title, body), expect, "{title:?} {body:?}");
}

fn reverts(title: &str) -> Mentions {
    Mentions { says: Says::Reverts, reverted_title: Some(title.into()), ..Mentions::default() }
}

fn relands(title: &str) -> Mentions {
    Mentions { says: Says::Relands, relanded_title: Some(title.into()), ..Mentions::default() }
}

#[test]
fn every_pattern_compiles() {
    for pattern in [
        &REVERTS,
        &REVERTS_CHANGE_IDS,
        &CHANGE_ID,
        &RELANDS,
        &REVERTS_NUMBER,
        &PREFIX,
        &VERB,
        &RELAND_TAG,
        &NUMBER,
    ] {
        assert!(pattern.is_some());
    }
}

#[test]
fn titles_name_what_is_reverted() {
    check("Revert \"Add cart\"", "", reverts("Add cart"));
    check("Revert \"Add cart (#12)\" (#13)", "", reverts("Add cart"));
    check("Revert \"Say \"hello\" twice\"", "", reverts("Say \"hello\" twice"));
    check("chore(ci): Revert \"Add cart\"", "", reverts("Add cart"));
    check("revert: Add cart (#13)", "", reverts("Add cart"));
    check("revert(cart): add", "", reverts("add"));
    check("[cart] revert 'Add cart'", "", reverts("Add cart"));
    check("Reverting add cart", "", reverts("add cart"));
    check("Revert \"Reland \"Add cart\"\"", "", reverts("Reland \"Add cart\""));
}

#[test]
fn a_reverted_revert_is_a_reland() {
    check(
        "Revert \"Revert \"Add cart\"\"",
        "",
        Mentions { reverted_title: Some("Revert \"Add cart\"".into()), ..relands("Add cart") },
    );
    check("Revert \"Revert \"Revert \"Add cart\"\"\"", "", reverts("Revert \"Revert \"Add cart\"\""));
}

#[test]
fn relands_are_named_in_many_ways() {
    check("Reapply \"Add cart\"", "", relands("Add cart"));
    check("Reland \"Add cart\"", "", relands("Add cart"));
    check("Re-land: Add cart", "", relands("Add cart"));
    check("Reland of Add cart (#4)", "", relands("Add cart"));
    check("[reland] Add cart", "", relands("Add cart"));
    check("Add cart (reland)", "", relands("Add cart"));
    check(
        "Add cart, better",
        &format!("This is a reland of {SHA}, now with tests."),
        Mentions { says: Says::Relands, relands: vec![SHA.into()], ..Mentions::default() },
    );
}

#[test]
fn bodies_name_commits() {
    let reverts = |shas: &[&str]| Mentions {
        says: Says::Reverts,
        reverts: shas.iter().map(|&s| s.to_owned()).collect(),
        ..Mentions::default()
    };
    check("Fix", &format!("This reverts commit {SHA}."), reverts(&[SHA]));
    check("Fix", &format!("This reverts commit\n{SHA}."), reverts(&[SHA]));
    check(
        "Fix",
        "This reverts commits 01234567, 89abcdef and\nfedcba98.",
        reverts(&["01234567", "89abcdef", "fedcba98"]),
    );
    check(
        "Fix",
        "This reverts commit abcdef1.\nThis reverts commit abcdef2.",
        reverts(&["abcdef1", "abcdef2"]),
    );
    check("Fix", &format!("This reverts commit {SHA}, reversing\nchanges made to abcdef1."), reverts(&[SHA]));
    check("Fix", "Partially reverts ABCDEF1", reverts(&["abcdef1"]));
    check("Fix", "This is a partial revert of abcdef1.", reverts(&["abcdef1"]));
    check("Backed out changeset abcdef1 (bug 12) for failures", "", reverts(&["abcdef1"]));
    check("Fix", "Rolls back the commit abcdef1", reverts(&["abcdef1"]));
    for quiet in
        ["reverts commit abcdef", "reverts 20231101", "reverts defaced", "> This reverts commit abcdef1.", ""]
    {
        check("Fix", quiet, Mentions::default());
    }
    check("Fix revert button", "", Mentions::default());
    check("Reversion of time", "", Mentions::default());
}

#[test]
fn a_pull_request_number_is_read() {
    check(
        "Revert \"Add cart\" (#13)",
        "Reverts shop/cart#12",
        Mentions { reverted_number: Some("12".into()), ..reverts("Add cart") },
    );
    assert_eq!(number_of("Add cart (#12)"), Some("12"));
    assert_eq!(number_of("Add cart"), None);
}

#[test]
fn bodies_name_change_ids() {
    let reverts = |ids: &[&str]| Mentions {
        says: Says::Reverts,
        reverts_change_ids: ids.iter().map(|&s| s.to_owned()).collect(),
        ..Mentions::default()
    };
    check("Fix", "This reverts change Iabcdef01.", reverts(&["Iabcdef01"]));
    check("Fix", "Partial revert of Iabcdef01 and\nI1234567, as", reverts(&["Iabcdef01", "I1234567"]));
    check("Fix", "Back out Iabcdef01: too slow", reverts(&["Iabcdef01"]));
    for quiet in
        ["reverts Iabcde", "reverts iabcdef01", "> This reverts Iabcdef01", "see Iabcdef01", "back out of it"]
    {
        check("Fix", quiet, Mentions::default());
    }
    let own = Mentions { change_id: Some("I0123456789".into()), ..Mentions::default() };
    check("Fix", "Change-Id: Iabcdef0123\n\nChange-Id: I0123456789\n", own);
}

#[test]
fn the_revert_that_a_reland_undoes_is_named_too() {
    check(
        "Reapply \"Add cart\"",
        &format!("This reverts commit {SHA}."),
        Mentions { reverts: vec![SHA.into()], ..relands("Add cart") },
    );
}
