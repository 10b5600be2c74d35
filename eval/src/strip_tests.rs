//! Tests of [`super`]; nothing else may use them. All messages are invented.

use proptest::prelude::*;

use super::*;

const SHA: &str = "3f2a91c04d5e6b7a8c9d0e1f2a3b4c5d6e7f8091";
const TITLE: &str = "feat(cart): keep the totals of a basket (#12)";
const ANSWER: Answer<'static> = Answer { sha: SHA, title: TITLE };

fn check(title: &str, body: &str, expect: &str) {
    assert_eq!(strip(title, body, &[ANSWER]), expect, "{title:?} {body:?}");
}

/// A body under an ordinary revert's title.
fn body(body: &str, expect: &str) {
    check("Revert \"feat(cart): keep the totals of a basket (#12)\" (#15)", body, expect);
}

#[test]
fn messages_of_github() {
    body("Reverts shop/web#12\n\nCheckout answers 503 since then.", "Checkout answers 503 since then.");
    body("Reverts #12. The basket is empty after login.", "The basket is empty after login.");
    body("This reverts commit 3f2a91c.\n\nCo-authored-by: Ada <ada@example.com>", "");
    check(
        "fix: put the old totals back (#16)",
        "* Revert \"feat(cart): keep the totals of a basket (#12)\"\n\nThis reverts commit 3f2a91c04d5e6b7a8c9d0e1f2a3b4c5d6e7f8091.\n\n* the badge was stale",
        "fix: put the old totals back\n* the badge was stale",
    );
    check("revert: keep the totals of a basket (#15)", "Prices flicker.", "Prices flicker.");
    check("fix(cart): revert keep the totals of a basket (#12) (#15)", "Prices flicker.", "Prices flicker.");
}

#[test]
fn messages_of_gerrit() {
    body(
        "Totals are off by one cent, see I0123456789abcdef.\n\nThis reverts commit 3f2a91c04d5e6b7a8c9d0e1f2a3b4c5d6e7f8091.\n\nBug: T12345\nChange-Id: I0123456789abcdef0123456789abcdef01234567\nReviewed-on: https://gerrit.example.org/c/web/+/4711\nReviewed-by: Ada <ada@example.com>\nTested-by: ci-bot",
        "Totals are off by one cent,",
    );
    body(
        "Revert submission 4711-basket_totals\n\nReason for revert: login loops\nReverted Changes:\nI01234567:keep the totals\nI12345678:show the totals\n\nChange-Id: I23456789abcdef",
        "login loops",
    );
    body("This reverts change I0123456789abcdef\nas prices flicker", "as prices flicker");
    body("This partially reverts Icafe1234 and Icafe1235.\nPrices flicker", "Prices flicker");
}

#[test]
fn messages_of_plain_git() {
    body("This reverts commit 3f2a91c04d5e6b7a8c9d0e1f2a3b4c5d6e7f8091.", "");
    body(
        "This reverts commit 3f2a91c04d5e6b7a8c9d0e1f2a3b4c5d6e7f8091,\nwhich made the basket slow.",
        "which made the basket slow.",
    );
    body(
        "This reverts commit 3f2a91c04d5e6b7a8c9d0e1f2a3b4c5d6e7f8091, reversing\nchanges made to 89abcdef0.\n\nLogin loops",
        "Login loops",
    );
    body("This reverts commits 3f2a91c, 4f2a91c and\n1234567.\nPrices flicker", "Prices flicker");
    body("This reverts commit 3f2a91c (\"keep the totals\"). Prices flicker", "Prices flicker");
    body("(cherry picked from commit 3f2a91c04d5e6b7a8c9d0e1f2a3b4c5d6e7f8091)\nLogin loops", "Login loops");
    body("Login loops\n\nConflicts:\n\tcart/totals.js\n\tcart/basket.js\n\nagain", "Login loops\nagain");
    body("Login loops\n# Conflicts:\n#\tcart/totals.js", "Login loops");
    body(
        "Fixes: 3f2a91c (\"keep the totals\")\nSigned-off-by: Ada <a@example.com>\nLogin loops",
        "Login loops",
    );
}

#[test]
fn messages_of_chromium() {
    body(
        "This reverts commit 3f2a91c04d5e6b7a8c9d0e1f2a3b4c5d6e7f8091.\n\nReason for revert: Breaks cart_unittests on Mac, crbug.com/4711\n\nOriginal change's description:\n> keep the totals\n>\n> Bug: 99\n\nTBR=ada@example.com\nBUG=123\nNOTRY=true\nCq-Include-Trybots: luci.chromium.try:mac\nChange-Id: I0123456789abcdef",
        "Breaks cart_unittests on Mac,",
    );
    body("Reason for revert: <INSERT REASONING HERE>", "");
    body(
        "Reason for revert:\nCL 4711 breaks the build\n> quoted\nand the bot",
        "breaks the build\nand the bot",
    );
    body("Fails on chromium:4711 and b/123 and go/basket-doc too", "Fails on and and too");
}

#[test]
fn messages_of_phabricator_mercurial_and_subversion() {
    body(
        "Summary: This reverts D12345. Login loops.\n\nTest Plan:\nran it\nand again\n\nReviewers: ada\n\nDifferential Revision: https://phabricator.example.com/D12346",
        "Login loops.",
    );
    body("Original commit changeset: 3f2a91c04d5e\n\nLogin loops", "");
    check("Back out \"keep the totals\"", "Login loops, T4711", "Login loops,");
    check(
        "Backed out changeset 3f2a91c04d5e (bug 4711) for failures in test_cart.js",
        "",
        "for failures in test_cart.js",
    );
    body("Reverts rSHOP3f2a91c and r12345: login loops", "login loops");
    check("Roll back keep the totals of a basket: login loops", "", "login loops");
}

#[test]
fn a_title_in_its_own_words_stays() {
    check("Put the old basket back", "This reverts commit 3f2a91c.", "Put the old basket back");
    check("Revert \"x\" because login loops", "", "because login loops");
    check("Revert \"Revert \"x\" again\" (login loops)", "", "(login loops)");
    check("Revert new totals because login loops", "", "because login loops");
    check("Revert new totals - login loops", "", "- login loops");
    check("Revert new totals", "", "");
    check("Partially revert \"x\": login loops", "", "login loops");
    check("[cart] Temporarily revert 'x', as login loops", "", "as login loops");
    check("Revert \"Say \"hello\" twice\", login loops", "", "login loops");
    check("Revert \"a title that was cut off by its…", "Login loops", "Login loops");
}

#[test]
fn titles_go_wherever_they_are_quoted() {
    body("keep the totals of a basket made login loop", "made login loop");
    body("The change \"Keep  the totals\nof a basket\" made login loop", "The change made login loop");
    body("feat(cart): keep the totals of a basket (#12) is slow", "is slow");
    body("Also Revert \"show a badge\" as login loops", "Also as login loops");
    body("Revert \"Reland \"show \"the\" badge\"\" for now", "for now");
    body("This reverts \"show a badge\". Login loops", "Login loops");
    body("Reverting the change \"show a badge\nin the cart\" since login loops", "since login loops");
    body("Reverting as \"totals\" reads NaN", "Reverting as \"totals\" reads NaN");
}

#[test]
fn names_go_and_what_resembles_them_stays() {
    body("see https://ci.example.com/job/12/(log)?x=1, it fails", "it fails");
    body("Fails: <https://example.com/a> and example.org/b/c", "Fails: < > and");
    body("Related to SHOP-123, bug 4711 and LP: #4711; prices flicker", "prices flicker");
    body("Fixes #4711. Prices flicker (see #12, #13).", "Prices flicker.");
    body("closes: shop/web#4711\nPrices flicker with !15 and PR 15", "Prices flicker with and");
    body("Ask ada@example.com about commit 1234567 and deadbeef1", "Ask about commit");
    for stays in [
        "UTF-8 and SHA-256 and CVE-2020-1234 break",
        "the facade defaced 20231101 rows in 0x1f2a91c5 at 10:45",
        "D3D11 fails on r600 at cart.rs:4711 with 503s",
        "../cart/totals.js:12: .5 s too slow",
        "::new is missing in /Applications/Shop1.2.app/cart/io/x",
        "www.example.org is down",
        "php-1.29.0/cart.php: Undefined index: totals",
    ] {
        body(stays, stays);
    }
}

#[test]
fn prose_that_looks_like_a_trailer_stays() {
    body("Issue: users can't pay", "Issue: users can't pay");
    body("Bug: 4711\nIssue: #12\nCloses: https://example.com/1\nFixes: SHOP-12\nIt fails", "It fails");
    body("Bug: https://example.com/1,\n  https://example.com/2\nIt fails", "It fails");
    body("Depends-On: I0123456789\nQA-Verified: Ada <a@example.com>\nIt fails", "It fails");
    body("Note: it fails", "Note: it fails");
}

#[test]
fn line_ends_and_marks_of_others_do_no_harm() {
    body("Login\r\nloops\u{1}\r\n\r\nagain\u{1}\u{1}", "Login\nloops\nagain");
    check("", "", "");
    check("\"", "\"", "");
    check("Revert \"", "Revert '", "");
    assert_eq!(strip("Revert \"x\"", "it fails", &[]), "it fails");
    assert_eq!(strip("Revert \"x\"", "it fails", &[Answer { sha: "", title: "" }]), "it fails");
}

#[test]
fn what_a_cut_brings_together_goes_too() {
    body("keep the https://example.com/1 totals of a basket fails", "fails");
    body("keep the totals keep the totals of a basket of a basket fails", "fails");
}

#[test]
fn the_title_that_is_quoted_is_read() {
    let check = |title: &str, expect: Option<&str>| assert_eq!(reverted_title(title), expect, "{title}");
    check("Revert \"Add cart (#1)\" (#2)", Some("Add cart"));
    check("chore(ci): revert \"Say \"hello\"\"", Some("Say \"hello\""));
    check("Revert 'Add cart' for now", Some("Add cart"));
    check("revert: Add cart (#2)", Some("Add cart"));
    check("Add cart", None);
    check("Reverting gear", Some("gear"));
    check("Revert 3f2a91c04d: phones can't log in", None);
}

/// Texts as hostile as a short alphabet allows.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-d]{1,3}",
        Just("revert".into()),
        Just("Revert \"".into()),
        Just("\"".into()),
        Just("#12".into()),
        Just("I01234567".into()),
        Just("https://x.y/".into()),
        Just("commit".into()),
        Just("\n".into()),
        Just("(".into()),
        Just(")".into()),
        Just("bug".into()),
        Just("12".into()),
        Just("'".into()),
        Just("é".into()),
        Just(":".into()),
    ]
}

/// The words of a text with a space around each, compared without the code under test.
fn spaced(text: &str) -> String {
    let words: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    format!(" {} ", words.join(" "))
}

proptest! {
    #[test]
    fn neither_sha_nor_title_survives(
        sha in "[0-9a-f]{40}",
        title in prop::collection::vec(word(), 1..8),
        pieces in prop::collection::vec((0..6_u8, word(), 7..41_usize), 0..30),
        is_revert in any::<bool>(),
    ) {
        let title = title.join(" ");
        let mut body = String::new();
        for (what, word, length) in &pieces {
            match what {
                0 => body.push_str(&title),
                1 => body.push_str(&title.to_uppercase()),
                2 => body.push_str(&sha[..*length.min(&40)]),
                3 => body.push_str(&format!("{word}{}{word}", &sha[..*length.min(&40)])),
                _ => body.push_str(word),
            }
            body.push(' ');
        }
        let own = if is_revert { format!("Revert \"{title}\"") } else { title.clone() };
        let text = strip(&own, &body, &[Answer { sha: &sha, title: &title }]);
        prop_assert!(!text.to_lowercase().contains(&sha[..7]), "{text:?}");
        let words = spaced(&title);
        prop_assert!(words.trim().is_empty() || !spaced(&text).contains(&words), "{text:?} has {title:?}");
    }
}
