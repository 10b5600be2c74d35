//! What broke and what fixed it, in the document's own words: the first sentence or two of the part that tells it. Nothing
//! is put into words here that does not stand there.

use hearback_core::ExternalText;
use hearback_core::memory::Section;

use crate::outline::{BlockKind, Outline, Part};

/// So many bytes of an excerpt are kept.
const MOST: usize = 320;

/// Parts that tell what broke, the most telling first.
const BROKE: [Section; 3] = [Section::RootCause, Section::Summary, Section::Impact];
/// Parts that tell what fixed it.
const FIXED: [Section; 2] = [Section::Resolution, Section::Mitigation];
/// Beginnings of words in sentences that tell what fixed it, where no part is called so.
const FIXING: [&str; 16] = [
    "rolled back",
    "roll back",
    "rollback",
    "rolling back",
    "reverted",
    "revert",
    "fixed by",
    "was fixed",
    "resolved by",
    "was resolved",
    "mitigated",
    "restarted",
    "restored",
    "recovered",
    "disabled the",
    "failed over",
];

/// What broke.
pub fn broke(outline: &Outline, summary: Option<&str>) -> Option<ExternalText> {
    let of_cause = first_of(outline, &BROKE[..1]);
    let of_summary = summary.map(|summary| sentences(summary, MOST));
    let otherwise = || first_of(outline, &BROKE[1..]).or_else(|| outline.parts.first().and_then(excerpt));
    of_cause.or(of_summary).or_else(otherwise).map(|text| ExternalText::new(text.as_str()))
}

/// What fixed it.
pub fn fixed(outline: &Outline) -> Option<ExternalText> {
    first_of(outline, &FIXED)
        .or_else(|| said_in_passing(outline))
        .map(|text| ExternalText::new(text.as_str()))
}

fn first_of(outline: &Outline, sections: &[Section]) -> Option<String> {
    sections.iter().find_map(|section| {
        outline.parts.iter().filter(|part| part.section == Some(*section)).find_map(excerpt)
    })
}

/// The beginning of a part.
fn excerpt(part: &Part) -> Option<String> {
    let mut text = String::new();
    for block in part.blocks.iter().filter(|block| block.kind != BlockKind::Code) {
        if !text.is_empty() {
            text.push_str(if block.kind == BlockKind::Text { " " } else { "; " });
        }
        text.push_str(&block.text);
        if text.len() >= MOST {
            break;
        }
    }
    let text = sentences(&text, MOST);
    (!text.is_empty()).then_some(text)
}

/// The first sentence that tells of a fix.
fn said_in_passing(outline: &Outline) -> Option<String> {
    let blocks =
        outline.parts.iter().flat_map(|part| &part.blocks).filter(|block| block.kind != BlockKind::Code);
    blocks.flat_map(|block| split_sentences(&block.text)).find_map(|sentence| {
        let lower = sentence.to_lowercase();
        FIXING.iter().any(|cue| lower.contains(cue)).then(|| sentences(sentence, MOST))
    })
}

/// As many whole sentences as fit, at least one, which is cut if it must be.
fn sentences(text: &str, most: usize) -> String {
    let mut kept = String::new();
    for sentence in split_sentences(text) {
        if !kept.is_empty() && kept.len() + sentence.len() + 1 > most {
            break;
        }
        if !kept.is_empty() {
            kept.push(' ');
        }
        kept.push_str(sentence);
        if kept.len() >= most / 2 {
            break;
        }
    }
    if kept.len() <= most {
        return kept;
    }
    let cut = ExternalText::capped(&kept, most);
    let cut = cut.as_untrusted();
    let end = cut.rfind(' ').unwrap_or(cut.len());
    format!("{}…", cut.get(..end).unwrap_or(cut).trim_end())
}

/// Pieces that end in a full stop, a question or an exclamation mark before white space and something that is not small.
pub(crate) fn split_sentences(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text.trim();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut marks = rest.char_indices().filter(|(_, c)| matches!(c, '.' | '!' | '?'));
        let end = marks.find_map(|(at, c)| {
            let after = rest.get(at + c.len_utf8()..)?;
            let mut next = after.chars();
            let is_space = next.next().is_some_and(char::is_whitespace);
            let goes_on = after.trim_start().chars().next().is_some_and(char::is_lowercase);
            (is_space && !goes_on).then_some(at + c.len_utf8())
        });
        let (sentence, left) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, ""));
        rest = left.trim_start();
        Some(sentence.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outline::outline;
    use crate::writing::Form;

    fn check(text: &str, broke_is: Option<&str>, fixed_is: Option<&str>) {
        let outline = outline(text, Form::Markdown, 0);
        let told = |text: Option<ExternalText>| text.map(|text| text.as_untrusted().to_owned());
        assert_eq!(told(broke(&outline, None)).as_deref(), broke_is, "{text}");
        assert_eq!(told(fixed(&outline)).as_deref(), fixed_is, "{text}");
    }

    #[test]
    fn the_parts_that_tell_it_are_quoted() {
        check(
            "# Down\nLong story.\n## Why did it happen?\nThe pool was full, i.e. at 100. Nobody knew.\n## How we fixed it\nRolled back.",
            Some("The pool was full, i.e. at 100. Nobody knew."),
            Some("Rolled back."),
        );
    }

    #[test]
    fn a_fix_said_in_passing_is_found() {
        check(
            "It broke at noon. Everybody looked. At 12:30 we rolled back the deploy. All was well.",
            Some("It broke at noon. Everybody looked. At 12:30 we rolled back the deploy. All was well."),
            Some("At 12:30 we rolled back the deploy."),
        );
    }

    #[test]
    fn nothing_is_made_up() {
        check("", None, None);
        check("```\ncode\n```", None, None);
        check("It broke.", Some("It broke."), None);
    }

    #[test]
    fn a_long_sentence_is_cut_at_a_word() {
        let long = sentences(&"word ".repeat(200), 40);
        assert_eq!(long, "word word word word word word word word…");
    }
}
