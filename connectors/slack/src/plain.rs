//! What somebody wrote, as words: Slack sends text with three characters escaped and with references in angle brackets
//! (docs.slack.dev, "Formatting message text", "Parsing"). Pure.

/// The words of a text, with mentions of `bot_user` left out, and whether there was one.
pub(crate) fn words(text: &str, bot_user: &str) -> (String, bool) {
    let (mut words, mut mentions_us, mut rest) = (String::new(), false, text);
    while let Some((before, after)) = rest.split_once('<') {
        words.push_str(before);
        let Some((reference, next)) = after.split_once('>') else {
            // A bracket that is no reference would have been escaped.
            words.push('<');
            rest = after;
            continue;
        };
        rest = next;
        let (target, label) =
            reference.split_once('|').map_or((reference, ""), |(target, label)| (target, label));
        if target.strip_prefix('@') == Some(bot_user) {
            mentions_us = true;
            // Nothing of "@hearback: what changed" should be left but "what changed".
            rest = rest.trim_start_matches([' ', '\u{a0}', ':', ',']);
        } else {
            push_reference(&mut words, target, label);
        }
    }
    words.push_str(rest);
    let words = words.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    (words.trim().to_owned(), mentions_us)
}

fn push_reference(words: &mut String, target: &str, label: &str) {
    let labelled = |sign: &str, id: &str| {
        let name = if label.is_empty() { id } else { label.trim_start_matches(sign) };
        format!("{sign}{name}")
    };
    let told = if let Some(id) = target.strip_prefix('@') {
        labelled("@", id)
    } else if let Some(id) = target.strip_prefix('#') {
        labelled("#", id)
    } else if let Some(id) = target.strip_prefix("!subteam^") {
        labelled("@", id)
    } else if let Some(special) = target.strip_prefix('!') {
        // A date has its words as its label; "here", "channel" and "everyone" have none.
        if label.is_empty() || label == special { format!("@{special}") } else { label.to_owned() }
    } else if label.is_empty() || target.ends_with(label) {
        target.to_owned()
    } else {
        format!("{label} ({target})")
    };
    words.push_str(&told);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expect: &str, mentioned: bool) {
        assert_eq!(words(text, "U1"), (expect.to_owned(), mentioned), "{text}");
    }

    #[test]
    fn references_become_words_and_ours_goes() {
        check("<@U1> what changed?", "what changed?", true);
        check("<@U1>: what changed?", "what changed?", true);
        check("hey <@U1|hearback>, what changed?", "hey what changed?", true);
        check("<@U1>", "", true);
        check("<@U11> what changed?", "@U11 what changed?", false);
        check("ask <@U2|ada> in <#C1|checkout> or <#C2>", "ask @ada in #checkout or #C2", false);
        check("<!here> <!channel|channel> <!subteam^S1|@oncall>", "@here @channel @oncall", false);
        check("<!date^1392734382^{date}|Feb 18, 2014>", "Feb 18, 2014", false);
        check("see <https://example.org/a>", "see https://example.org/a", false);
        check("see <http://example.org|example.org>", "see http://example.org", false);
        check("see <https://example.org/a|the runbook>", "see the runbook (https://example.org/a)", false);
        check("<mailto:ada@example.org|ada@example.org>", "mailto:ada@example.org", false);
    }

    #[test]
    fn escaped_characters_come_back_once() {
        check("a &lt; b &amp;&amp; c &gt; d", "a < b && c > d", false);
        check("&amp;lt;", "&lt;", false);
        check("&lt;@U1&gt;", "<@U1>", false);
        check("a < b", "a < b", false);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[<>@!#|&; a-zA-Z0-9\u{202e}é]{0,60}") {
            let _ = words(&text, "U1");
        }
    }
}
