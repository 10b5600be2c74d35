//! The second look at what a pattern found: whether a value is random or a word, a placeholder or a secret, a card
//! or an id. It must not know which rule asks.
//!
//! The numbers were chosen on values that stand beside such words: in 2.4 million lines of public source, change
//! logs and system logs there are 310 of sixteen characters and more, nearly all of them names of code; against
//! them stood 20,000 made-up values of each alphabet and length. Entropy alone does not tell them apart: names of
//! code reach 4.4 bits for each character, random hex of 32 has 3.6. How often letters and digits change does: with a
//! digit and [`MIXED`], five of the 310 stay, and of random values of 24 characters less than one in a hundred goes.

use super::rule::Found;

/// A random value has at least so many bits for each character, by [`bits_per_character`]: below it are one in a
/// thousand random values of sixteen letters and digits.
const RANDOM_BITS: f64 = 3.2;
/// The same for sixteen and more hexadecimal digits.
const RANDOM_HEX_BITS: f64 = 2.6;
/// So large is [`changes`] of a random value in both cases of letters.
const MIXED: f64 = 0.15;
/// The same where letters have one case. Base32 has few digits.
const MIXED_IN_ONE_CASE: f64 = 0.12;
/// The same where no sign divides it into words, as it does names of code.
const MIXED_IN_ONE_PIECE: f64 = 0.05;
/// What is without any digit must be mixed like this.
const MIXED_LETTERS: f64 = 0.26;

/// Names that end like one of a secret and are none: a place in a list, a lock, a cache.
const HARMLESS_NAMES: &[&str] = &[
    "page",
    "next",
    "continuation",
    "cancel",
    "cancellation",
    "sync",
    "resume",
    "scroll",
    "cursor",
    "fencing",
    "lock",
    "idempotency",
    "dedup",
    "cache",
    "partition",
    "sort",
    "hash",
    "primary",
    "foreign",
    "public",
    "object",
    "range",
    "host",
    "trace",
    "unexpected",
    "request",
    "row",
    "index",
    "group",
];
/// Names of a place in something: only what looks like nothing else is a secret beside it.
const PLACE_NAMES: &[&str] = &["key"];
/// What stands where a secret would: types, and words of templates.
const NO_VALUES: &[&str] = &[
    "null",
    "none",
    "nil",
    "true",
    "false",
    "undefined",
    "empty",
    "string",
    "required",
    "optional",
    "hidden",
    "masked",
    "filtered",
    "removed",
    "default",
    "unset",
    "missing",
    "invalid",
    "expired",
    "disabled",
    "enabled",
    "password",
    "secret",
    "boolean",
    "option",
    "secretstring",
    "unknown",
    "number",
];
/// How a path begins that is no base64.
const PATHS: &[&str] = &[
    "./",
    "../",
    "~/",
    "/etc/",
    "/var/",
    "/run/",
    "/usr/",
    "/opt/",
    // In two pieces: no file of ours names a place on one machine.
    concat!("/home", "/"),
    "/tmp/",
    "/mnt/",
    "/srv/",
    concat!("/root", "/"),
    "/app/",
    "/secrets/",
    "/vault/",
    "/data/",
    "/proc/",
    "/dev/",
    "/certs/",
    "/keys/",
    "/config/",
    "/workspace/",
    "file:",
    "arn:",
    "vault:",
    "ref+",
];
/// How an expression begins that reads a secret from elsewhere.
const EXPRESSIONS: &[&str] = &[
    "self.",
    "this.",
    "os.",
    "process.env",
    "config.",
    "settings.",
    "request.",
    "req.",
    "options.",
    "args.",
    "cfg.",
    "params",
    "env.",
    "env[",
    "env(",
    "secrets.",
    "vars.",
    "var.",
    "local.",
    "ctx.",
    "std::",
    "System.",
    "data.",
];
/// Names in addresses that are no mailbox: whoever connects to a repository, the algorithms of SSH.
const NO_MAILBOX_HOSTS: &[&str] = &["openssh.com", "libssh.org", "lysator.liu.se"];
/// Endings of files and of systemd's units, which follow an `@` too.
const NO_MAILBOX_ENDINGS: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "svg", "webp", "js", "mjs", "ts", "css", "map", "rs", "py", "go", "so",
    "service", "socket", "timer", "slice", "scope", "target", "mount", "device", "path", "swap", "rc",
    "alpha", "beta", "dev",
];

/// Shannon's entropy of `text` over its own characters, in bits for each character (Shannon 1948, `H` of a source
/// without memory): 0 for one letter repeated, at most log₂ of the length.
fn bits_per_character(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let length = text.len().max(1) as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / length)
        .map(|p| -p * p.log2())
        .sum()
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Kind {
    Lower,
    Upper,
    Digit,
    Sign,
}

fn kind(byte: u8) -> Kind {
    match byte {
        b'a'..=b'z' => Kind::Lower,
        b'A'..=b'Z' => Kind::Upper,
        b'0'..=b'9' => Kind::Digit,
        _ => Kind::Sign,
    }
}

/// The share of neighbours in `text` that are of different kinds: a digit beside a letter, a capital after a small
/// letter. A small letter after a capital is how words begin, and a sign is where they end: both count as no change.
fn changes(text: &str) -> f64 {
    let bytes = text.as_bytes();
    let changed = bytes.iter().zip(bytes.iter().skip(1)).filter(|(a, b)| match (kind(**a), kind(**b)) {
        (Kind::Sign, _) | (_, Kind::Sign) | (Kind::Upper, Kind::Lower) => false,
        (a, b) => a != b,
    });
    changed.count() as f64 / text.len().saturating_sub(1).max(1) as f64
}

/// Whether nobody would have made up `text` as a name.
fn looks_random(text: &str) -> bool {
    let has = |wanted: Kind| text.bytes().any(|byte| kind(byte) == wanted);
    let bits = bits_per_character(text);
    if is_hex(text) {
        return bits >= RANDOM_HEX_BITS && has(Kind::Digit) && changes(text) >= MIXED_IN_ONE_PIECE;
    }
    let both_cases = has(Kind::Lower) && has(Kind::Upper);
    let in_one_piece = !text.trim_end_matches('=').bytes().any(|byte| kind(byte) == Kind::Sign);
    let enough = match (has(Kind::Digit), both_cases) {
        (false, true) => MIXED_LETTERS,
        (false, false) => return false,
        (true, true) => MIXED,
        (true, false) if in_one_piece => MIXED_IN_ONE_PIECE,
        (true, false) => MIXED_IN_ONE_CASE,
    };
    bits >= RANDOM_BITS && changes(text) >= enough
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// 8-4-4-4-12 hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// The words of a name, in small letters: `cacheKey`, `cache-key` and `cache key` are two.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = Kind::Sign;
    for byte in name.bytes() {
        let now = kind(byte);
        if now == Kind::Sign || (before == Kind::Lower && now == Kind::Upper) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| now != Kind::Sign) {
            word.push(char::from(byte.to_ascii_lowercase()));
        }
        before = now;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// What stands before the secret and belongs to its name, if it is in the same line: the word before, too.
fn name_of<'t>(found: &Found<'t>) -> &'t str {
    let line = found.before.rsplit(['\n', '{', ',', ';']).next().unwrap_or_default();
    let from = line.len().saturating_sub(found.name.len() + 40);
    let from = (from..=line.len()).find(|at| line.is_char_boundary(*at)).unwrap_or_default();
    line.get(from..).unwrap_or_default()
}

/// A random value, and its name is not one that random values usually have.
pub(super) fn is_random(found: &Found<'_>) -> bool {
    let value = found.secret.trim_end_matches(['.', ',']);
    let words = words_of(name_of(found));
    let last = words.iter().rev().take(3);
    if last.clone().any(|word| HARMLESS_NAMES.contains(&word.as_str()))
        || is_digest(value)
        || is_elsewhere(value)
    {
        return false;
    }
    // `key` alone names a place: of a map, a cache, a bucket. Ids are no secret there.
    let mut name = words_of(found.name).into_iter().rev();
    let is_place =
        name.next().is_some_and(|word| PLACE_NAMES.contains(&word.as_str())) && name.next().is_none();
    if is_place && (is_hex(value) || is_uuid(value) || value.contains(['/', '.', '~', '%'])) {
        return false;
    }
    // A session is followed through logs by a UUID; a token that is one opens something.
    let is_id = last.clone().next().is_some_and(|word| matches!(word.as_str(), "id" | "session"));
    if is_uuid(value) { !is_id } else { looks_random(value) }
}

/// `sha256-…`, and what else says of itself that it is a digest.
fn is_digest(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    ["sha1", "sha256", "sha384", "sha512", "md5"].iter().any(|name| lower.starts_with(name))
}

/// Whether the value says where the secret is, and is none.
fn is_elsewhere(value: &str) -> bool {
    PATHS.iter().chain(EXPRESSIONS).any(|start| value.starts_with(start))
}

/// Not a placeholder, a type, an expression or a place.
pub(super) fn is_value(found: &Found<'_>) -> bool {
    let value = found.secret.trim();
    let plain = value.trim_matches(|c: char| !c.is_alphanumeric());
    let is_word = NO_VALUES.iter().any(|word| plain.eq_ignore_ascii_case(word));
    let all_signs = plain.is_empty() || plain.chars().all(|c| c == 'x' || c == 'X');
    !(is_word || all_signs || is_template(value) || is_elsewhere(value) || is_call(value))
}

/// A hole of a template that is filled elsewhere.
fn is_template(value: &str) -> bool {
    let between = |start: &str, end: &str| {
        value
            .strip_prefix(start)
            .is_some_and(|rest| rest.find(end).is_some_and(|at| at + end.len() == rest.len()))
    };
    let variable = value.strip_prefix('$').is_some_and(|name| {
        name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') && !name.is_empty()
    });
    variable
        || between("${", "}")
        || between("$(", ")")
        || between("{{", "}}")
        || between("<", ">")
        || between("%(", ")s")
        || value == "{}"
}

/// `load("x")`, `env!("X")`, `new Secret(`: a name and a bracket.
fn is_call(value: &str) -> bool {
    let Some((name, _)) = value.split_once('(') else { return false };
    name.len() >= 2
        && name.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'.' | b':' | b'!'))
}

/// Not a word as it stands in a sentence or a usage line.
pub(super) fn is_no_word(found: &Found<'_>) -> bool {
    let value = found.secret.trim_end_matches(['.', ',', ':', ')']);
    let is_word = |piece: &str| {
        let rest = piece.strip_prefix(|c: char| c.is_ascii_uppercase()).unwrap_or(piece);
        let all = |wanted: fn(&u8) -> bool| rest.as_bytes().iter().all(wanted);
        all(u8::is_ascii_lowercase) || all(u8::is_ascii_uppercase)
    };
    is_value(found) && !value.split(['-', '_', '/', '.', '\'']).all(is_word)
}

/// What follows an option of a command: after `=` any value, after a space no single word, which may be of a sentence.
pub(super) fn is_argument(found: &Found<'_>) -> bool {
    let given = found.name.trim_end_matches(['"', '\'']).ends_with('=');
    is_value(found) && (given || found.secret.contains(['-', '_']) || is_no_word(found))
}

/// Of a `Cookie:` header, not of a `Set-Cookie:`, whose name stays.
pub(super) fn is_of_request(found: &Found<'_>) -> bool {
    let before = found.before.strip_suffix(found.name).unwrap_or(found.before);
    !before.ends_with(['-', '_'])
}

/// A digit in it, or letters of both cases: `sk-spinner-…` is a class of a style sheet.
pub(super) fn is_no_class(found: &Found<'_>) -> bool {
    let has = |wanted: Kind| found.secret.bytes().any(|byte| kind(byte) == wanted);
    has(Kind::Digit) || (has(Kind::Lower) && has(Kind::Upper))
}

/// Random enough to be no word that happens to begin like it.
pub(super) fn is_varied(found: &Found<'_>) -> bool {
    bits_per_character(found.secret) >= RANDOM_HEX_BITS
}

/// A token before `@`, not a name.
pub(super) fn is_token_of_userinfo(found: &Found<'_>) -> bool {
    looks_random(found.secret)
}

/// A signature, not a word of the same parameter.
pub(super) fn is_signature(found: &Found<'_>) -> bool {
    found.secret.bytes().any(|byte| byte.is_ascii_digit()) || looks_random(found.secret)
}

/// Whether a card's number may be there: thirteen digits with nothing but spaces and hyphens between them. They begin
/// with four together, so one of each four bytes tells where there are none.
pub(super) fn has_long_number(text: &str) -> bool {
    text.bytes().skip(3).step_by(4).any(|byte| byte.is_ascii_digit()) && has_thirteen_digits(text)
}

fn has_thirteen_digits(text: &str) -> bool {
    let mut digits = 0;
    text.bytes().any(|byte| {
        match byte {
            b'0'..=b'9' => digits += 1,
            b' ' | b'-' => {}
            _ => digits = 0,
        }
        digits == 13
    })
}

/// A number of a length that its issuer gives out, by its first digits (ISO/IEC 7812), with a right check digit (Luhn),
/// and not a part of a longer number or name.
pub(super) fn is_card_number(found: &Found<'_>) -> bool {
    let touches = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '+' | '#' | '@');
    let part_before = found.before.chars().next_back().is_some_and(touches);
    let mut after = found.after.chars();
    let part_after = match after.next() {
        Some('.' | '-') => after.next().is_some_and(char::is_alphanumeric),
        // A letter or digit does not follow: the pattern ends at the border of a word.
        _ => false,
    };
    if part_before || part_after {
        return false;
    }
    let digits: Vec<u32> = found.secret.chars().filter_map(|c| c.to_digit(10)).collect();
    let start = |count: usize| digits.iter().take(count).fold(0, |number, digit| number * 10 + digit);
    let is_issued = matches!(
        (digits.len(), start(4)),
        (13 | 16 | 19, 4000..=4999)
            | (16, 2221..=2720 | 5100..=5599 | 3528..=3589)
            | (16 | 19, 6011 | 6440..=6599 | 6200..=6299)
            | (15, 3400..=3499 | 3700..=3799)
            | (14, 3000..=3059 | 3600..=3699 | 3800..=3999)
    );
    is_issued && luhn(&digits) == 0
}

/// The sum by Luhn (US patent 2,950,048) modulo ten: 0 if the last digit checks the others.
fn luhn(digits: &[u32]) -> u32 {
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let each = digits.iter().rev().enumerate();
    each.map(|(place, digit)| if place % 2 == 1 { doubled(*digit) } else { *digit }).sum::<u32>() % 10
}

/// Somebody's mailbox, not a repository, a file, a unit of systemd or a user of an address.
pub(super) fn is_mailbox(found: &Found<'_>) -> bool {
    let Some((local, host)) = found.secret.rsplit_once('@') else { return false };
    let ending = host.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let of_repository = matches!(local, "git" | "hg" | "svn") && found.after.starts_with([':', '/']);
    let in_address = found.before.ends_with("://");
    let is_version = host.starts_with(|c: char| c.is_ascii_digit()) && {
        let first = host.split('.').next().unwrap_or_default();
        first.bytes().all(|byte| byte.is_ascii_digit())
    };
    !(of_repository
        || in_address
        || is_version
        || NO_MAILBOX_HOSTS.contains(&host.to_ascii_lowercase().as_str())
        || NO_MAILBOX_ENDINGS.contains(&ending.as_str()))
}

#[cfg(test)]
#[path = "likely_tests.rs"]
mod tests;
