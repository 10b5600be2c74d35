//! Tests of the second looks one by one, at their borders.

use super::*;

fn found<'t>(name: &'t str, secret: &'t str) -> Found<'t> {
    Found { before: name, secret, after: "", name }
}

#[test]
fn entropy_is_that_of_shannon() {
    let check = |text: &str, expect: f64| {
        let bits = bits_per_character(text);
        assert!((bits - expect).abs() < 1e-9, "{text}: {bits}");
    };
    check("", 0.0);
    check("aaaa", 0.0);
    check("abab", 1.0);
    check("abcd", 2.0);
    check("aabc", 1.5);
    check("0123456789abcdef", 4.0);
}

#[test]
fn changes_are_counted_between_neighbours_that_no_name_has() {
    let check = |text: &str, expect: f64| {
        let share = changes(text);
        assert!((share - expect).abs() < 1e-9, "{text}: {share}");
    };
    check("", 0.0);
    check("a", 0.0);
    check("a1", 1.0);
    check("1a", 1.0);
    check("A1", 1.0);
    check("1A", 1.0);
    check("aB", 1.0);
    check("Ab", 0.0);
    check("ab", 0.0);
    check("a-1", 0.0);
    check("a_B", 0.0);
    check("abc1d", 0.5);
}

#[test]
fn random_values_are_told_from_names() {
    let check = |text: &str, expect: bool| assert_eq!(looks_random(text), expect, "{text}");
    check("q7Xb2Kd9Zp4Lm1Vt", true);
    check("q7xb2kd9zp4lm1vt", true);
    check("JBSWY3DPEHPK3PXPABCD", true);
    check("mFqKzRwXbTyHjLpGcVnDsQaE", true);
    // One digit among letters of one case is enough where nothing divides them.
    check("jbswyadpehpk3pxpabcd", true);
    check("JBSWYADPEHPK3PXPABCD", true);
    check("jbswyadp-ehpk3pxpabcd", false);
    check("Jbswyadpehpk3pxpabcd", false);
    check("3f2a91c0d4e5f6a7b8c9", true);
    check("aaaaaaaaaaaaaaaaaaa1", false);
    check("1111111111111111", false);
    check("0101010101010101", false);
    check("abcdefabcdefabcd", false);
    check("12345678901234567890", false);
    check("child_token_of_the_parent", false);
    check("ed25519_key_pair.public_key", false);
    check("D3D11_MESSAGE_ID_LIVE_OBJECT", false);
    check("AddNameValuePairToSignature", false);
    check("checkout-db-credentials-2", false);
}

#[test]
fn what_a_value_is_called_decides_beside_how_it_looks() {
    let hex = "3f2a91c0d4e5f6a7b8c9d0e1f2a3b4c5";
    let uuid = "0b8f6e0a-3c1d-4f5e-9a7b-1c2d3e4f5a6b";
    let mixed = "q7Xb2Kd9Zp4Lm1Vt";
    let check = |name: &str, value: &str, expect: bool| {
        assert_eq!(is_random(&found(name, value)), expect, "{name}{value}")
    };
    for value in [hex, uuid, mixed] {
        check("token=", value, true);
        check("signing_key: ", value, true);
        check("cache_token=", value, false);
        check("nextPageToken: ", value, false);
        check("idempotency key: ", value, false);
    }
    check("key=", mixed, true);
    check("key=", hex, false);
    check("key=", uuid, false);
    check("key=", "uploads/q7Xb2Kd9Zp4Lm1Vt", false);
    check("key=", "q7Xb2Kd9.Zp4Lm1Vt", false);
    check("session_id=", uuid, false);
    check("session=", uuid, false);
    check("session_id=", hex, true);
    check("token=", "sha256-q7Xb2Kd9Zp4Lm1Vt", false);
    check("token=", "/etc/q7Xb2Kd9Zp4Lm1Vt", false);
    check("token=", "self.q7Xb2Kd9Zp4Lm1Vt", false);
    // The words before the name count in its own statement alone.
    check("cache=on, token=", mixed, true);
    check("the cache key, token=", mixed, true);
    check("é cache token ", mixed, false);
    // And they are looked for only near it.
    let before = |distance: usize| format!("cache {} token=", "x".repeat(distance));
    for (distance, expect) in [(20, false), (60, true)] {
        let before = before(distance);
        let found = Found { before: &before, secret: mixed, after: "", name: "token=" };
        assert_eq!(is_random(&found), expect, "{before}");
    }
}

#[test]
fn names_are_cut_into_words() {
    let check = |name: &str, expect: &[&str]| assert_eq!(words_of(name), expect, "{name}");
    check("nextPageToken: ", &["next", "page", "token"]);
    check("cache-key", &["cache", "key"]);
    check("DB_KEY2=", &["db", "key2"]);
    check("", &[]);
}

#[test]
fn a_uuid_has_its_lengths_and_digits() {
    let check = |text: &str, expect: bool| assert_eq!(is_uuid(text), expect, "{text}");
    check("0b8f6e0a-3c1d-4f5e-9a7b-1c2d3e4f5a6b", true);
    check("0B8F6E0A-3C1D-4F5E-9A7B-1C2D3E4F5A6B", true);
    check("0b8f6e0a-3c1d-4f5e-9a7b-1c2d3e4f5a6g", false);
    check("0b8f6e0a-3c1d-4f5e-9a7b1-c2d3e4f5a6b", false);
    check("0b8f6e0a3c1d4f5e9a7b1c2d3e4f5a6b", false);
}

#[test]
fn placeholders_types_and_expressions_are_no_values() {
    let check = |text: &str, expect: bool| assert_eq!(is_value(&found("password=", text)), expect, "{text}");
    for text in [
        "null",
        "None,",
        "\"string\"",
        "true",
        "********",
        "xxxxxxxx",
        "XXXX",
        "...",
        "${DB_PASSWORD}",
        "$DB_PASSWORD",
        "$(cat x)",
        "{{ .Values.x }}",
        "<password>",
        "%(password)s",
        "{}",
        "load(\"x\")",
        "std::env::var(x)",
        "env!(X)",
        "self.password",
        "os.environ",
        "/etc/secret",
        "./secret",
        "arn:aws:x",
    ] {
        check(text, false);
    }
    for text in [
        "hunter22",
        "correct-horse",
        "$ecret99",
        "xyxyxyxy",
        "${A}b}c",
        "a}",
        "(abc",
        "a(b",
        "ab1(c)",
        "/abc+def/",
        "null1",
        "<a",
        "{{a}} b",
    ] {
        check(text, true);
    }
}

#[test]
fn a_word_of_a_sentence_is_no_argument_unless_it_is_given_with_a_sign() {
    let check = |name: &str, text: &str, expect: bool| {
        assert_eq!(is_argument(&found(name, text)), expect, "{name}{text}")
    };
    check("--password ", "option", false);
    check("--password ", "hunter", false);
    check("--password ", "Option.", false);
    check("--password ", "hunter2", true);
    check("--password ", "correct-horse", true);
    check("--password ", "correct_horse", true);
    check("--password=", "hunter", true);
    check("--password=\"", "hunter", true);
    check("--password=", "null", false);
}

#[test]
fn words_are_told_from_credentials() {
    let check = |text: &str, expect: bool| assert_eq!(is_no_word(&found("Basic ", text)), expect, "{text}");
    for text in [
        "authentication",
        "Authentication-and-authorization",
        "HEALTH_CHECK",
        "it's",
        "and/or",
        "word.",
        "word):",
    ] {
        check(text, false);
    }
    for text in ["dXNlcjpwYXNz", "hunter2", "a+b", "wOrd"] {
        check(text, true);
    }
}

#[test]
fn each_look_that_asks_for_a_digit_or_for_both_cases() {
    let class = |text: &str| is_no_class(&found("", text));
    assert!(
        class("sk-a1") && class("sk-aB") && !class("sk-spinner-fade") && !class("SK-FADE") && !class("--")
    );
    let varied = |text: &str| is_varied(&found("", text));
    assert!(varied("oy2abcdefgh") && !varied("aaaaaaab"));
    let signature = |text: &str| is_signature(&found("", text));
    assert!(
        signature("abc1") && signature("mFqKzRwXbTyHjLpGcVnDsQaE") && !signature("strict-transport-policy")
    );
    let userinfo = |text: &str| is_token_of_userinfo(&found("", text));
    assert!(userinfo("3f2a91c0d4e5f6a7b8c9") && !userinfo("deploy-bot-of-the-shop"));
}

#[test]
fn the_cookies_of_a_response_are_another_header() {
    let check = |before: &str, expect: bool| {
        let found = Found { before, secret: "a=b", after: "", name: "Cookie: " };
        assert_eq!(is_of_request(&found), expect, "{before}");
    };
    check("Cookie: ", true);
    check("x Cookie: ", true);
    check("Set-Cookie: ", false);
    check("set_Cookie: ", false);
}

#[test]
fn cards_are_those_of_issuers() {
    let check = |start: &str, length: usize, expect: bool| {
        let mut digits: Vec<u32> = start.bytes().map(|byte| u32::from(byte - b'0')).collect();
        digits.resize(length - 1, 7);
        let last = (0..10).find(|last| luhn(&[digits.as_slice(), &[*last]].concat()) == 0).unwrap();
        digits.push(last);
        let number: String = digits.iter().map(u32::to_string).collect();
        assert_eq!(is_card_number(&found("", &number)), expect, "{number}");
        let wrong: String =
            number.chars().take(length - 1).chain([if last == 9 { '0' } else { '9' }]).collect();
        assert!(!is_card_number(&found("", &wrong)), "{wrong}");
    };
    for (start, length) in [
        ("4000", 13),
        ("4999", 16),
        ("4111", 19),
        ("2221", 16),
        ("2720", 16),
        ("5100", 16),
        ("5599", 16),
        ("3528", 16),
        ("3589", 16),
        ("6011", 16),
        ("6440", 16),
        ("6599", 19),
        ("6200", 19),
        ("6299", 16),
        ("3400", 15),
        ("3499", 15),
        ("3700", 15),
        ("3799", 15),
        ("3000", 14),
        ("3059", 14),
        ("3600", 14),
        ("3699", 14),
        ("3800", 14),
        ("3999", 14),
    ] {
        check(start, length, true);
    }
    for (start, length) in [
        ("3999", 16),
        ("5000", 16),
        ("4111", 14),
        ("4111", 15),
        ("2220", 16),
        ("2721", 16),
        ("5099", 16),
        ("5600", 16),
        ("3527", 16),
        ("3590", 16),
        ("6010", 16),
        ("6439", 16),
        ("6600", 16),
        ("6199", 16),
        ("3399", 15),
        ("3500", 15),
        ("3060", 14),
        ("5100", 15),
    ] {
        check(start, length, false);
    }
}

#[test]
fn thirteen_digits_are_seen_wherever_they_begin() {
    for before in 0..9 {
        let text = format!("{}4222222222222{}", "x".repeat(before), "y".repeat(before));
        assert!(has_long_number(&text), "{text}");
        let text = format!("{}4111 1111 1111 1111", "x".repeat(before));
        assert!(has_long_number(&text), "{text}");
        let text = format!("{}422222222222x4222", "x".repeat(before));
        assert!(!has_long_number(&text), "{text}");
    }
    assert!(!has_long_number("2026-03-01 10:04:00"));
}

#[test]
fn a_mailbox_is_no_repository_file_unit_or_version() {
    let check = |before: &str, secret: &str, after: &str, expect: bool| {
        let found = Found { before, secret, after, name: "" };
        assert_eq!(is_mailbox(&found), expect, "{before}{secret}{after}");
    };
    check("", "ana@shop.example", "", true);
    check("", "git@shop.example", "", true);
    check("", "git@shop.example", ":shop/cart", false);
    check("", "git@shop.example", "/cart", false);
    check("", "ana@shop.example", ":", true);
    check("https://", "ana@shop.example", "", false);
    check("", "logo@2x.png", "", false);
    check("", "getty@tty1.SERVICE", "", false);
    check("", "left-pad@1.2.x", "", false);
    check("", "ana@1und1.example", "", true);
    check("", "aes128-gcm@OpenSSH.com", "", false);
}
