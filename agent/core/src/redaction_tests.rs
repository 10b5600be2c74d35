//! Tests of the rules one by one, and of what holds for all texts. How many secrets are found in logs of many forms
//! is measured in `tests/redaction`.

use proptest::prelude::*;

use super::*;

fn check(text: &str, expect: &str) {
    assert_eq!(redact(text).0, expect);
}

fn working() -> Working {
    compile(rules(), OwnRules::default()).unwrap()
}

/// A form with its holes filled: `{36 alnum}` becomes 36 letters and digits, the same for the same `seed`.
fn filled(form: &str, seed: u64) -> String {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut pick = |from: &str| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        from.as_bytes()[(state >> 33) as usize % from.len()] as char
    };
    let mut rest = form;
    let mut text = String::new();
    while let Some((before, hole)) = rest.split_once('{') {
        let (inside, after) = hole.split_once('}').unwrap();
        let lower = "abcdefghijklmnopqrstuvwxyz0123456789";
        let upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        let both = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        let filling =
            inside.split_once(' ').and_then(|(count, class)| Some((count.parse::<usize>().ok()?, class)));
        text.push_str(before);
        match filling {
            None => {
                text.push('{');
                rest = hole;
                continue;
            }
            Some((count, class)) => {
                let class = match class {
                    "alnum" | "base64" | "url64" => both,
                    "hex" => "0123456789abcdef",
                    "digits" => "0123456789",
                    "lower" => lower,
                    "upper" => upper,
                    other => panic!("{other}"),
                };
                text.extend((0..count).map(|_| pick(class)));
            }
        }
        rest = after;
    }
    (text + rest).replace("\\n", "\n")
}

/// What the holes of a form were filled with, if it is long enough to be told from other text.
fn holes(form: &str, text: &str) -> Vec<String> {
    let fixed: Vec<String> = form
        .split('{')
        .map(|part| match part.split_once('}') {
            Some((inside, after)) if inside.split_once(' ').is_some_and(|(n, _)| n.parse::<u8>().is_ok()) => {
                after.replace("\\n", "\n")
            }
            _ => part.replace("\\n", "\n"),
        })
        .collect();
    let mut rest = text.to_owned();
    for part in fixed.iter().filter(|part| !part.is_empty()) {
        rest = rest.replacen(part.as_str(), "\u{0}", 1);
    }
    rest.split('\u{0}').filter(|hole| hole.len() >= 8).map(str::to_owned).collect()
}

#[test]
fn every_rule_compiles() {
    assert_eq!(working().rules.len(), KNOWN.len() + NAMED.len());
}

#[test]
fn every_rule_finds_its_own_form_and_gives_its_name() {
    for rule in rules() {
        for seed in 1..40 {
            let text = filled(rule.form, seed);
            let found = in_use().redact(Level::Everything, &text);
            assert!(found.kinds.contains_key(rule.kind), "{}: {text} became {}", rule.kind, found.text);
            for hole in holes(rule.form, &text) {
                assert!(!found.text.contains(&hole), "{}: {hole} is left in {}", rule.kind, found.text);
            }
        }
    }
}

#[test]
fn secrets_go_and_their_surroundings_stay() {
    let key = concat!("AKIA", "IOSFODNN7EXAMPLE");
    check(&format!("key {key} used"), "key [redacted: AWS access key] used");
    check("postgres://app:hunter22@db:5432/x", "postgres://app:[redacted: password in a URL]@db:5432/x");
    check("postgres://app:p@ss@db:5432/x", "postgres://app:[redacted: password in a URL]@db:5432/x");
    check(
        "Authorization: Bearer abcdefghijklmnop.qrst",
        "Authorization: Bearer [redacted: authorization header]",
    );
    check("DB_PASSWORD=correct-horse next", "DB_PASSWORD=[redacted: password] next");
    // The name of one is not the value of another.
    check("clientSecret:\n  password: hunter22", "clientSecret:\n  password: [redacted: password]");
    check(r#"{"api_key": "abcdef123456"}"#, r#"{"api_key": "[redacted: password]"}"#);
    check(r#"{"password": "correct horse, battery"}"#, r#"{"password": "[redacted: password]"}"#);
    check(r#"{\"password\":\"hunter22\"}"#, r#"{\"password\":\"[redacted: password]\"}"#);
    check(
        "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nx",
        "[redacted: private key]\nx",
    );
    check("cut -----BEGIN PRIVATE KEY-----\nabc", "cut [redacted: private key]");
    check(&format!("push with ghp_{}", "a1B2".repeat(9)), "push with [redacted: GitHub token]");
    check("Cookie: sid=abcdef; theme=dark", "Cookie: [redacted: cookie]");
    check("Set-Cookie: sid=abcdef; Path=/", "Set-Cookie: sid=[redacted: cookie]; Path=/");
}

#[test]
fn e_mail_addresses_go_only_where_everything_goes() {
    let text = "ana@shop.example asked, git@github.com:shop/cart and getty@tty1.service did not";
    assert_eq!(redact(text), (Cow::Borrowed(text), 0));
    let (clean, hits) = redact_everything(text);
    assert_eq!(hits, 1);
    assert_eq!(clean, text.replace("ana@shop.example", "[redacted: e-mail address]"));
}

#[test]
fn a_card_is_known_by_issuer_and_check_digit_alone() {
    let card = |text: &str| redact(text).1 == 1;
    for number in [
        "4111111111111111",
        "4111 1111 1111 1111",
        "5555-5555-5555-4444",
        "378282246310005",
        "3782 822463 10005",
        "6011111111111117",
        "30569309025904",
        "3530111333300000",
        "4222222222222",
        "2223003122003222",
    ] {
        assert!(
            card(number) && card(&format!("card={number}, paid")) && card(&format!("paid with {number}.")),
            "{number}"
        );
        for around in ["x{}", "{}x", "1{}", "{}1", "0.{}", "{}.5", "a-{}", "{}-a", "_{}", "{}_"] {
            let text = around.replace("{}", number);
            assert!(!card(&text), "{text}");
        }
    }
    for number in [
        "4111111111111112",
        "1111111111111111",
        "9999999999999995",
        "2220000000000000",
        "1700000000000000000",
    ] {
        assert!(!card(number), "{number}");
    }
}

#[test]
fn the_one_pass_and_the_rules_agree() {
    let around =
        [("", ""), ("é", "ü"), ("see ", ", then"), ("x", "x"), ("_", "_"), ("\n", "\u{2028}"), ("\"", "\"")];
    let working = working();
    for rule in rules() {
        let secret = filled(rule.form, 7);
        for (before, after) in around {
            agree(&working, &format!("{before}{secret}{after}"));
        }
        for (end, _) in secret.char_indices() {
            agree(&working, &secret[..end]);
        }
    }
}

/// Every rule that finds something is one that the one pass names.
fn agree(working: &Working, text: &str) {
    let named = working.that_may_find(text);
    assert_eq!(working.may_find_any(text), !named.is_empty(), "{text}");
    for rule in &working.rules {
        if !named.iter().any(|other| std::ptr::eq(*other, rule)) {
            assert!(working.places(rule, text).is_empty(), "{}: {text}", rule.kind);
        }
    }
}

#[test]
fn ordinary_text_is_passed_over_by_the_one_pass() {
    let working = working_once();
    for text in [
        "the service is up",
        "GET /cart 200 in 12 ms",
        "at shop.Cart.total(Cart.java:88)",
        "key, token and secret",
        "",
    ] {
        let named: Vec<&str> = working.that_may_find(text).iter().map(|rule| rule.kind.as_str()).collect();
        assert_eq!(named, Vec::<&str>::new(), "{text}");
        assert!(!working.may_find_any(text), "{text}");
    }
    // Digits are counted beside it: an automaton that counts takes more memory than all others together.
    let number = "4111111111111111";
    assert!(!working.signs.is_match(number) && working.may_find_any(number));
}

/// Pieces of secrets, and letters that are others without regard to case: ſ is an s, the Kelvin sign a k.
fn mixtures() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "-----BEGIN ",
        "PRIVATE KEY-----",
        "-----END ",
        "AKIA",
        "0123456789ABCDEF",
        "ghp_",
        "glpat-",
        "xoxb-",
        "xapp-",
        "AIza",
        "sk_live_",
        "s\u{212a}_test_",
        "sk-",
        "npm_",
        "eyJ",
        ".eyJ",
        "Bearer ",
        "ba\u{17f}ic",
        "https://",
        "redis://",
        "hooks.slack.com/services/",
        "password",
        "pa\u{17f}\u{17f}wd",
        "api_\u{212a}ey",
        "to\u{212a}en",
        "auth-token",
        "Cookie",
        "set-cookie",
        "session",
        "4111 1111 1111 1111",
        "ana@shop.example",
        "--token",
        "curl -u ",
        "?sig=",
        "AccountKey=",
        "identified by '",
        "$2b$",
        "[redacted: ",
        "password]",
        "e-mail address]",
        "]",
        "=",
        ": ",
        "\"",
        "'",
        "@",
        ":",
        "/",
        " ",
        "\u{a0}",
        "\n",
        "\\n",
        "é",
        "-",
        "_",
        ".",
        ";",
        "a1b2c3d4e5f6a7b8c9d0",
        "x",
    ]);
    prop::collection::vec(pieces, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_mixture_of_pieces_gets_past_the_one_pass(text in mixtures()) {
        agree(working_once(), &text);
    }

    #[test]
    fn what_was_redacted_is_left_alone(text in mixtures()) {
        for level in [Level::Secrets, Level::Everything] {
            let once = in_use().redact(level, &text).text.into_owned();
            let twice = in_use().redact(level, &once);
            prop_assert_eq!((twice.text.as_ref(), twice.hits()), (once.as_str(), 0));
        }
    }

    #[test]
    fn what_goes_at_one_level_goes_at_the_next(text in mixtures()) {
        let secrets = in_use().redact(Level::Secrets, &text);
        let everything = in_use().redact(Level::Everything, &text);
        prop_assert!(everything.hits() >= secrets.hits().min(1));
        prop_assert_eq!(secrets.kinds.get("e-mail address"), None);
    }

    #[test]
    fn nothing_of_a_secret_is_left_wherever_it_stands(
        place in 0..KNOWN.len(), seed in 1_u64..1000, before in "[ -~é\u{2028}]{0,20}[ =:\"']", after in "[ \"',;]([ -~é]{0,20})?",
    ) {
        let rule = &KNOWN[place];
        let secret = filled(rule.form, seed);
        let text = format!("{before}{secret}{after}");
        let clean = redact(&text).0;
        for hole in holes(rule.form, &secret) {
            prop_assert!(!clean.contains(&hole), "{}: {} became {}", rule.kind, text, clean);
        }
    }

    #[test]
    fn ordinary_text_stays_byte_for_byte(words in prop::collection::vec("[a-z]{1,9}|[0-9]{1,9}|[A-Z][a-z]{2,8}|é+|[.,;()]", 0..30)) {
        let text = words.join(" ");
        let redaction = in_use().redact(Level::Everything, &text);
        prop_assert_eq!(redaction.text, Cow::<str>::Borrowed(&text));
    }
}

/// Compiling is slow: once for all cases.
fn working_once() -> &'static Working {
    in_use().0.as_ref().unwrap()
}

#[test]
fn marks_are_left_and_words_that_look_like_them_are_not() {
    for rule in rules() {
        let secret = filled(rule.form, 3);
        let text = format!("secret={secret}, {secret} x");
        let once = redact(&text).0.into_owned();
        assert_eq!(redact(&once), (Cow::Borrowed(once.as_str()), 0), "{text}");
    }
    check("secret=[redacted: nothing]", "secret=[redacted: password] nothing]");
    check("secret=[redacted: password]", "secret=[redacted: password]");
    check("password=abcdef[redacted: cookie] x", "password=[redacted: password] x");
}

#[test]
fn without_its_rules_it_withholds_the_text() {
    static BROKEN: [Rule; 1] = [Rule::token("x", "x", "x", "(")];
    let redactor = Redactor(compile(rules().chain(&BROKEN), OwnRules::default()).ok());
    let check = |text: &str, expect: &str, hits: usize| {
        let redaction = redactor.redact(Level::Secrets, text);
        assert_eq!((redaction.text.as_ref(), redaction.hits()), (expect, hits));
    };
    check("the service is up", WITHHELD, 1);
    check(WITHHELD, WITHHELD, 0);
    check("", "", 0);
}

#[test]
fn rules_that_come_too_late_are_refused() {
    let _ = redact("x");
    assert_eq!(install(OwnRules::default()), Err(TooLate));
}

#[test]
fn marks_go_where_only_the_text_of_others_counts() {
    assert_eq!(without_marks("a [redacted: cookie] b [redacted: x"), "a   b  ");
}

#[test]
fn ordinary_lines_are_left_alone() {
    for line in [
        "rotate the database password in vault",
        "fix: token bucket refills too slowly",
        "https://example.org/a:b/c@d",
        "secret santa = fun",
        "revert 3f2a91c0d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9",
        "cache key: 3f2a91c0d4e5f6a7b8c9d0e1f2a3b4c5",
        "idempotency_key=0b8f6e0a-3c1d-4f5e-9a7b-1c2d3e4f5a6b",
        "trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7",
        "image: shop/cart@sha256:3f2a91c0d4e5f6a7b8c9d0e1f2a3b4c53f2a91c0d4e5f6a7b8c9d0e1f2a3b4c5",
        "next_page_token=CAESBkNhcnQxMhoICgYKBENhcnQ",
        "session.id=0b8f6e0a-3c1d-4f5e-9a7b-1c2d3e4f5a6b",
        "password: ${DB_PASSWORD}",
        "password = os.environ[\"DB_PASSWORD\"]",
        "password=<your password>",
        "usage: deploy --token <TOKEN> --password PASSWORD",
        "private_key: /etc/ssl/private/tls.key",
        "let token = lexer.next_token_or_end();",
        "Basic authentication-and-authorization",
        "user@2x.png",
    ] {
        let redaction = in_use().redact(Level::Everything, line);
        assert_eq!((redaction.text.as_ref(), redaction.hits()), (line, 0));
    }
}

/// Each candidate is the rest of the text: without a bound it would take as long as the length squared.
#[test]
fn text_that_is_all_candidates_is_not_looked_at_without_end() {
    let text = "key=".repeat(64 * 1024);
    let (redacted, hits) = redact(&text);
    assert!(hits > 0 && redacted.len() < text.len(), "what was not looked at goes");
}
