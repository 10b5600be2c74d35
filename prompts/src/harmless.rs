//! Makes text from outside unable to pass for anything but text: no character that hides or reorders, nothing that looks
//! like the end of a quotation, a turn of the conversation or a call of a tool. What it says stays readable. It must
//! not know where the text will stand.

/// Names that begin or end a turn, a call or a block in what models are trained on, without their brackets.
const TAGS: &[&str] = &[
    "system",
    "user",
    "assistant",
    "human",
    "developer",
    "tool",
    "function",
    "antml",
    "invoke",
    "parameter",
    "quoted",
    "document",
    "result",
    "instruction",
    "thinking",
    "im_start",
    "im_end",
    "endoftext",
    "start_of_turn",
    "end_of_turn",
    "bos",
    "eos",
    "s>",
    "sys",
];
/// Who speaks, at the beginning of a line before a colon.
const SPEAKERS: &[&str] = &[
    "system",
    "user",
    "assistant",
    "human",
    "developer",
    "tool",
    "function",
    "ai",
    "model",
    "instruction",
    "instructions",
];

/// `text` without what hides: control characters but new lines and tabs are replaced, characters that are not seen are
/// left out, every kind of line break becomes `\n`.
pub(crate) fn without_hidden(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        match c {
            '\r' => {
                letters.next_if_eq(&'\n');
                shown.push('\n');
            }
            '\n' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => shown.push('\n'),
            '\t' => shown.push('\t'),
            c if c.is_control() => shown.push('\u{fffd}'),
            c if is_unseen(c) => {}
            c => shown.push(c),
        }
    }
    shown
}

/// Takes no room and is not white space, or changes the direction of its neighbours: Unicode's default ignorable
/// characters and bidirectional controls (Unicode Standard Annex 44 and 9), the tags that repeat ASCII unseen among them.
fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// `text` with every mark of a turn, a call or a fence replaced by a look-alike that is none: `<|`, `</tool>`, `[INST]`,
/// runs of backticks, `system:` at the beginning of a line.
pub(crate) fn without_markers(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            plain.push('\n');
        }
        add_line(&mut plain, line);
    }
    plain
}

fn add_line(plain: &mut String, line: &str) {
    let colon_of_speaker = speaker(line);
    let mut in_run = "";
    for (at, c) in line.char_indices() {
        let rest = line.get(at..).unwrap_or_default();
        if !in_run.starts_with(c) {
            in_run = ["```", "~~~"].into_iter().find(|run| rest.starts_with(run)).unwrap_or_default();
        }
        plain.push(match c {
            _ if colon_of_speaker == Some(at) => '\u{2236}',
            '`' if in_run.starts_with(c) => '\u{2cb}',
            '~' if in_run.starts_with(c) => '\u{223c}',
            '<' | '\u{ff1c}' if opens_tag(rest) => '\u{2039}',
            '|' | '\u{ff5c}' if rest.chars().nth(1).is_some_and(|next| matches!(next, '>' | '\u{ff1e}')) => {
                '\u{a6}'
            }
            '[' if opens_instruction(rest) => '\u{27e6}',
            c => c,
        });
    }
}

/// Where the colon is after the name of a speaker that begins the line, whatever stands before it as decoration.
fn speaker(line: &str) -> Option<usize> {
    let decoration = |c: char| {
        c.is_whitespace() || matches!(c, '*' | '#' | '>' | '_' | '-' | '"' | '\'' | '|' | '[' | '(' | '{')
    };
    let name = line.trim_start_matches(decoration);
    let from = line.len() - name.len();
    let end = name.find(|c: char| !c.is_alphabetic())?;
    let after = name.get(end..)?;
    let colon = after
        .trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '_' | ']' | ')' | '"' | '\''));
    let is_speaker =
        SPEAKERS.iter().any(|speaker| name.get(..end).is_some_and(|name| name.eq_ignore_ascii_case(speaker)));
    (is_speaker && colon.starts_with([':', '\u{ff1a}'])).then(|| from + end + after.len() - colon.len())
}

/// Whether a `<` opens something that a model could take for a mark: `<|x`, `</x`, `<tool`.
fn opens_tag(rest: &str) -> bool {
    let inside = rest.trim_start_matches(|c: char| matches!(c, '<' | '\u{ff1c}') || c.is_whitespace());
    let starts = |name: &str| inside.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    inside.starts_with(['/', '|', '\u{ff5c}']) || TAGS.iter().any(|name| starts(name))
}

/// `[INST]`, `[/INST]`, `[SYSTEM]` and the like.
fn opens_instruction(rest: &str) -> bool {
    let inside = rest.trim_start_matches('[').trim_start_matches('/');
    let starts = |name: &str| inside.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    ["inst]", "system", "tool_calls", "tool_results", "available_tools"].iter().any(|name| starts(name))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_hides_goes_and_what_is_seen_stays() {
        let check = |text: &str, expect: &str| assert_eq!(without_hidden(text), expect, "{text:?}");
        check("a\tb\r\nc\rd\ne", "a\tb\nc\nd\ne");
        check("a\u{b}b\u{c}c\u{85}d\u{2028}e\u{2029}f", "a\nb\nc\nd\ne\nf");
        check("\u{1b}[2J\u{0}\u{7f}\u{9b}x", "\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}x");
        check("AK\u{200b}IA \u{202e}gpj\u{ad}\u{feff}\u{2066}\u{61c}", "AKIA gpj");
        check("\u{e0049}\u{e0067}\u{e01ef}n", "n");
        check("ünïcödé 日本 🙂 — “x”", "ünïcödé 日本 🙂 — “x”");
    }

    #[test]
    fn each_character_that_is_not_seen_is_left_out() {
        for c in [
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{1160}',
            '\u{17b4}',
            '\u{180e}',
            '\u{200b}',
            '\u{200f}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{206f}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{1d173}',
            '\u{e0001}',
        ] {
            assert_eq!(without_hidden(&format!("a{c}b")), "ab", "{c:?}");
        }
    }

    #[test]
    fn marks_of_turns_and_calls_become_text() {
        let check = |text: &str, expect: &str| assert_eq!(without_markers(text), expect, "{text:?}");
        check("<|im_start|>system", "‹|im_start¦>system");
        check("x <|endoftext|> y", "x ‹|endoftext¦> y");
        check("</tool> < / tool>", "‹/tool> ‹ / tool>");
        check("<Tool_Result id=1>", "‹Tool_Result id=1>");
        check("<<SYS>> <\u{ff5c}begin\u{ff5c}>", "‹‹SYS>> ‹\u{ff5c}begin¦>");
        check("＜system＞", "‹system＞");
        check("[INST] do [/INST] [inst]", "⟦INST] do ⟦/INST] ⟦inst]");
        check("[SYSTEM] x", "⟦SYSTEM] x");
        check("```\nrm -rf\n````", "ˋˋˋ\nrm -rf\nˋˋˋˋ");
        check("~~~sh ``x`` ~~", "∼∼∼sh ``x`` ~~");
        check("````~~~~`", "ˋˋˋˋ∼∼∼∼`");
        check("system: do", "system∶ do");
        check("  **Human** : do", "  **Human** ∶ do");
        check("### Assistant:\nUSER：x", "### Assistant∶\nUSER∶x");
        check("a\n[tool]: x", "a\n[tool]∶ x");
    }

    #[test]
    fn ordinary_text_is_not_touched() {
        for text in [
            "Vec<u8> a < b, 3 > 2, x | y, a || b",
            "fn of<T>(x: &T) -> [u8; 4]",
            "the system: it is up",
            "username: ana",
            "systemd: started",
            "use `x` or ``y``",
            "[info] list[0] [] {}",
            "a<b>c</",
        ] {
            let expect = text.replace("</", "‹/");
            assert_eq!(without_markers(text), expect);
        }
    }

    proptest! {
        #[test]
        fn nothing_that_opens_a_mark_is_left(text in prop::collection::vec(prop::sample::select(vec![
            "<", "|", ">", "/", "im_start", "system", "tool", ":", "`", "~", "[", "INST]", " ", "\n", "\u{ff1c}", "\u{ff5c}", "x", "é",
        ]), 0..16).prop_map(|pieces| pieces.concat())) {
            let plain = without_markers(&text);
            for mark in ["<|", "|>", "</", "<system", "<tool", "<im_start", "```", "~~~", "[INST]", "\u{ff1c}\u{ff5c}"] {
                prop_assert!(!plain.contains(mark), "{mark} in {plain:?}");
            }
            prop_assert_eq!(plain.chars().count(), text.chars().count());
            prop_assert_eq!(without_markers(&plain), plain.clone());
            for line in plain.split('\n') {
                prop_assert_eq!(speaker(line), None, "{:?}", line);
            }
        }
    }
}
