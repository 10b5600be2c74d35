//! A patch replaces exactly its lines, and its difference says exactly that.

use proptest::prelude::*;

use super::*;
use crate::patch_diff::unified;

fn edit(find: &str, put: &str) -> Edit {
    Edit { path: "a".into(), find: find.into(), put: put.into() }
}

fn patched(text: &str, edits: &[(&str, &str)]) -> Result<String, Unfit> {
    let edits: Vec<Edit> = edits.iter().map(|(find, put)| edit(find, put)).collect();
    let lines = lines(text);
    Ok(replaced(&lines, &places(&lines, &edits.iter().collect::<Vec<_>>())?))
}

#[test]
fn whole_lines_are_replaced_and_nothing_else() {
    let check = |text: &str, edits: &[(&str, &str)], expect: Result<&str, Unfit>| {
        assert_eq!(patched(text, edits), expect.map(str::to_owned), "{text:?} {edits:?}");
    };
    check("a\nb\nc\n", &[("b\n", "x\ny\n")], Ok("a\nx\ny\nc\n"));
    check("a\nb\nc\n", &[("b", "x")], Ok("a\nx\nc\n"));
    check("a\nb\nc\n", &[("b\n", "")], Ok("a\nc\n"));
    check("a\nb\nc\n", &[("c\n", "z\n"), ("a\n", "x\n")], Ok("x\nb\nz\n"));
    check("a\nb\n", &[("a\n", "b\n"), ("b\n", "a\n")], Ok("b\na\n"));
    check("a\n", &[("a\n", "")], Ok(""));
    // A last line without an ending keeps none; what is put behind it gets the file's.
    check("a\nb", &[("b\n", "x\n")], Ok("a\nx"));
    check("a\nb", &[("b", "x\ny")], Ok("a\nx\ny"));
    check("a", &[("a", "x\ny\n")], Ok("x\ny"));
    check("a\r\nb", &[("b", "x\ny")], Ok("a\r\nx\r\ny"));
    check("a\nb", &[("a", "x")], Ok("x\nb"));
    check("a\nb", &[("b", "")], Ok("a\n"));
    // Windows.
    check("a\r\nb\r\nc\r\n", &[("b\n", "x\ny\n")], Ok("a\r\nx\r\ny\r\nc\r\n"));
    check("a\nb\nc\n", &[("b\r\n", "x\r\n")], Ok("a\nx\nc\n"));
    check("a\r\nb\nc\n", &[("c", "z")], Ok("a\r\nb\nz\n"));
    check("a\r\nb\nc\n", &[("a\nb", "z")], Err(Unfit::Endings));
    // Not there, or not once.
    check("ab\nb c\n", &[("b", "x")], Err(Unfit::Missing));
    check("b \n", &[("b", "x")], Err(Unfit::Missing));
    check("", &[("b", "x")], Err(Unfit::Missing));
    check("a\nb\n", &[("a\nb\nc", "x")], Err(Unfit::Missing));
    check("b\na\nb\n", &[("b", "x")], Err(Unfit::Ambiguous));
    check("b\nb\nb\n", &[("b\nb", "x")], Err(Unfit::Ambiguous));
    // Places are looked for in the text as it was.
    check("a\nb\n", &[("a", "q"), ("q", "x")], Err(Unfit::Missing));
    check("a\nb\nc\n", &[("a\nb", "x"), ("b\nc", "y")], Err(Unfit::Overlap));
    check("a\nb\nc\n", &[("a\nb\nc", "x"), ("b", "y")], Err(Unfit::Overlap));
    check("a\nb\n", &[("a", "x"), ("a", "x")], Err(Unfit::Overlap));
}

/// The difference, put on the text by somebody who trusts it to the letter.
fn apply(text: &str, diff: &str) -> String {
    let old = lines(text);
    let mut told = diff.split_inclusive('\n').skip(2).peekable();
    let (mut new, mut at) = (String::new(), 0);
    while let Some(line) = told.next() {
        let (sign, content) = line.split_at(1);
        let has_ending = told.next_if(|next| next.starts_with('\\')).is_none();
        let content = if has_ending { content } else { content.trim_end_matches('\n') };
        match sign {
            "@" => {
                let (from, length) = numbers(content.split(' ').nth(1).unwrap());
                let from = if length == 0 { from } else { from - 1 };
                old[at..from].iter().for_each(|line| new.push_str(line));
                at = from;
                let (to, length) = numbers(content.split(' ').nth(2).unwrap());
                assert_eq!(if length == 0 { to } else { to - 1 }, lines(&new).len(), "{diff}");
            }
            "+" => new.push_str(content),
            sign => {
                assert_eq!(old[at], content, "{diff}");
                at += 1;
                new.push_str(if sign == " " { content } else { "" });
            }
        }
    }
    old[at..].iter().for_each(|line| new.push_str(line));
    new
}

fn numbers(range: &str) -> (usize, usize) {
    let (from, length) = range[1..].split_once(',').unwrap_or((&range[1..], "1"));
    (from.parse().unwrap(), length.parse().unwrap())
}

#[test]
fn a_difference_is_as_git_tells_it() {
    let text: String = (1..=20).map(|n| format!("{n}\n")).collect();
    let (lines, edits) = (lines(&text), [edit("4\n5\n6\n", "4\nfive\n6\n"), edit("17", "17\n17½")]);
    let places = places(&lines, &edits.iter().collect::<Vec<_>>()).unwrap();
    let diff = unified("src/a b", &lines, &places);
    assert_eq!((diff.out, diff.into), (1, 2));
    assert_eq!(
        diff.text,
        "--- a/src/a b\n+++ b/src/a b\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n@@ -15,6 +15,7 @@\n 15\n 16\n \
         17\n+17½\n 18\n 19\n 20\n"
    );
}

/// A text with distinct lines and places in it that don't overlap.
fn case() -> impl Strategy<Value = (String, Vec<(usize, usize, Vec<String>)>)> {
    let ending = prop_oneof![Just("\n"), Just("\r\n")];
    let put = proptest::collection::vec(prop_oneof![Just("1"), Just("5"), Just("new"), Just("")], 0..5);
    let places = proptest::collection::vec((0..8_usize, 1..4_usize, put), 1..5);
    (1..40_usize, ending, any::<bool>(), places).prop_map(|(count, ending, is_cut, wanted)| {
        let mut text: String = (0..count).map(|n| format!("{n}{ending}")).collect();
        if is_cut {
            text.truncate(text.len() - ending.len());
        }
        let (mut places, mut at) = (Vec::new(), 0);
        for (gap, length, put) in wanted {
            let from = at + gap;
            let until = (from + length).min(count);
            if from < until {
                places.push((from, until, put.into_iter().map(str::to_owned).collect()));
                at = until;
            }
        }
        (text, places)
    })
}

proptest! {
    #[test]
    fn a_patch_changes_exactly_its_lines((text, wanted) in case(), is_reversed in any::<bool>()) {
        let old = lines(&text);
        let content = |line: &str| line.trim_end_matches(['\r', '\n']).to_owned();
        let mut edits: Vec<Edit> = wanted.iter().map(|(from, until, put)| {
            let find: String = old[*from..*until].iter().map(|line| content(line) + "\n").collect();
            edit(&find, &put.iter().map(|line| format!("{line}\n")).collect::<String>())
        }).collect();
        if is_reversed {
            edits.reverse();
        }
        let found = places(&old, &edits.iter().collect::<Vec<_>>()).unwrap();
        let new = replaced(&old, &found);

        // Line by line, without endings: what is not named is as it was, what is named is what is put.
        let (mut expect, mut at) = (Vec::new(), 0);
        for (from, until, put) in &wanted {
            expect.extend(old[at..*from].iter().map(|line| content(line)));
            expect.extend(put.iter().cloned());
            at = *until;
        }
        expect.extend(old[at..].iter().map(|line| content(line)));
        // A blank last line that ends with nothing is none.
        if !text.ends_with('\n') && at == old.len() && expect.last().is_some_and(String::is_empty)
            && wanted.last().is_some_and(|(_, _, put)| !put.is_empty()) {
            expect.pop();
        }
        let now: Vec<String> = lines(&new).iter().map(|line| content(line)).collect();
        prop_assert_eq!(now, expect);
        // Endings are the file's.
        prop_assert_eq!(new.contains('\r'), text.contains('\r') && new.contains('\n'));
        prop_assert_eq!(new.matches('\r').count() == new.matches('\n').count() || !text.contains('\r'), true);

        let diff = unified("a", &old, &found);
        if new != text {
            prop_assert_eq!(apply(&text, &diff.text), new);
        }
        let (out, into): (usize, usize) = wanted.iter().fold((0, 0), |(out, into), (from, until, put)| {
            (out + until - from, into + put.len())
        });
        prop_assert!(diff.out <= out && diff.into <= into);
    }
}
