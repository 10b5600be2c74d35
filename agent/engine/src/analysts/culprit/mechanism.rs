//! Which edits lead to which failures: a guard or a lock taken away, a loop, something that only grows. It reads lines as
//! words, of any language, so it is a hint and no proof. It must not know when or where the change took effect.

use hearback_core::change::{Diff, Side};

use super::effect::Traded;
use hearback_core::words::for_each_term;

/// How a service fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is seen by itself, and any of them may be together")]
pub struct Manner {
    /// With a stack.
    pub crashes: bool,
    /// It is slow.
    pub slow: bool,
    /// Something fills.
    pub fills: bool,
}

/// Words that begin a guard.
const GUARDS: [&str; 7] = ["if", "unless", "guard", "try", "assert", "when", "ensure"];
/// Words that begin a loop.
const LOOPS: [&str; 4] = ["for", "while", "loop", "foreach"];
/// Names of what asks a store.
const READS: [&str; 9] =
    ["where", "select", "find", "findall", "query", "queryrow", "execute", "join", "includes"];
/// Names of what keeps something.
const KEEPS: [&str; 9] = ["append", "push", "add", "put", "insert", "extend", "store", "set", "setdefault"];
/// Parts of names of what lets one in at a time, folded.
const LOCKS: [&str; 9] =
    ["lock", "unlock", "rlock", "mutex", "rwlock", "synchroniz", "synchronized", "atomic", "semaphor"];

/// What a change does that leads to such a failure.
pub fn mechanism(diff: &Diff, traded: &Traded, manner: Manner) -> Option<&'static str> {
    let Manner { crashes, slow, fills } = manner;
    let count = |side: Side, words: &[&str]| {
        let lines = diff.files.iter().flat_map(|file| &file.lines).filter(|line| line.side == side);
        lines.filter(|line| opens(line.text.as_untrusted().trim(), words)).count()
    };
    let fewer = |words: &[&str]| count(Side::Removed, words) > count(Side::Added, words);
    let more = |words: &[&str]| count(Side::Added, words) > count(Side::Removed, words);
    let gains = |words: &[&str]| {
        traded.gained.keys().any(|word| words.iter().any(|known| word.eq_ignore_ascii_case(known)))
    };
    let mut loses_lock = false;
    for word in traded.lost.keys() {
        for_each_term(word, |term, _| loses_lock |= LOCKS.contains(&term));
    }
    match () {
        () if crashes && fewer(&GUARDS) && !traded.lost.is_empty() => Some("takes a guard away"),
        () if loses_lock => Some("takes a lock away"),
        () if slow && more(&LOOPS) => Some("does more in a loop"),
        () if slow && gains(&READS) => Some("reads more"),
        () if fills && gains(&KEEPS) => Some("keeps adding to something"),
        () => None,
    }
}

/// Whether a line begins with one of these words.
fn opens(line: &str, words: &[&str]) -> bool {
    words.iter().any(|word| line.strip_prefix(word).is_some_and(|rest| rest.starts_with([' ', '(', '!'])))
}

#[cfg(test)]
mod tests {
    use hearback_core::ChangeId;
    use hearback_core::change::{DiffLine, FileDiff};

    use super::super::effect::traded;
    use super::*;

    #[test]
    fn edits_are_known_by_what_they_take_away_and_bring() {
        let check = |lines: &str, manner: Manner, expect: Option<&str>| {
            let line = |text: &str| {
                let (sign, text) = text.split_at(1);
                let side = if sign == "+" { Side::Added } else { Side::Removed };
                DiffLine { side, line: 0, text: text.into() }
            };
            let file = FileDiff { path: "a.go".into(), lines: lines.lines().map(line).collect() };
            let diff = Diff { change: ChangeId::new("c").unwrap(), files: vec![file], left_out: None };
            assert_eq!(mechanism(&diff, &traded(&diff), manner), expect, "{lines}");
        };
        let well = Manner { crashes: false, slow: false, fills: false };
        let (crashes, slow, fills) =
            (Manner { crashes: true, ..well }, Manner { slow: true, ..well }, Manner { fills: true, ..well });
        check("-if r == nil { return }", crashes, Some("takes a guard away"));
        check("-if r == nil { return }\n+if r != nil { go() }", crashes, None);
        check("-if r == nil { return }", slow, None);
        check("-\tl.mu.Lock()", well, Some("takes a lock away"));
        check("-\tblock()\n-\tclock()", well, None);
        check("-for x in batch:\n+for row in batch:", slow, None);
        check("+for row in batch:\n+    load(row)", slow, Some("does more in a loop"));
        check("+rows.where(open: true)", slow, Some("reads more"));
        check("+seen = append(seen, x)", fills, Some("keeps adding to something"));
        check("+seen = append(seen, x)", well, None);
    }
}
