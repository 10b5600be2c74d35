//! What a receiver says, as people and the record get it: cut, without control characters, and marked as its own words.
//! It must not ask anything.

use hearback_core::ExternalText;
use hearback_core::action::{Action, CallHook, Outcome, Receipt};
use hearback_http::Url;

use crate::wire::Told;

/// The longest sentence of a receiver that is repeated, in characters.
pub(crate) const LONGEST_SENTENCE: usize = 300;
/// The longest version that is repeated, in characters.
const LONGEST_VERSION: usize = 80;
/// The longest id of what was made, in characters.
const LONGEST_ID: usize = 200;
/// The longest link, in bytes.
const LONGEST_LINK: usize = 2000;

/// `; it says: "…"`, or nothing.
pub(crate) fn quoted(words: Option<&ExternalText>) -> String {
    let words = words.filter(|words| !words.is_blank());
    words.map_or(String::new(), |words| format!("; it says: \"{}\"", words.for_people(LONGEST_SENTENCE)))
}

/// A version or an environment in a sentence.
pub(crate) fn word(text: &str) -> String {
    ExternalText::new(text).for_people(LONGEST_VERSION)
}

/// That it was done.
pub(crate) fn done(call: &CallHook, host: &str, told: &Told) -> Receipt {
    Receipt {
        says: format!(
            "{host} brought {} in {} from {} to {}{}",
            call.service,
            word(&call.environment),
            word(&call.from),
            word(&call.to),
            quoted(told.says.as_ref())
        ),
        link: told.link.as_ref().and_then(link),
        inverse: Some(Box::new(Action::CallHook(CallHook {
            from: call.to.clone(),
            to: call.from.clone(),
            ..call.clone()
        }))),
        made: told.made.as_ref().and_then(id),
    }
}

/// That the version that runs is another.
pub(crate) fn not_as_expected(
    call: &CallHook,
    host: &str,
    running: Option<&ExternalText>,
    why: Option<&ExternalText>,
) -> Outcome {
    let found = match running.filter(|running| !running.is_blank()) {
        Some(running) => other_runs(call, running),
        None => format!("{} in {} is not as expected", call.service, word(&call.environment)),
    };
    Outcome::NotAsExpected { why: format!("{found}, says {host}, and nothing was changed{}", quoted(why)) }
}

/// `cart in production runs v10 and not v12`.
pub(crate) fn other_runs(call: &CallHook, running: &ExternalText) -> String {
    format!(
        "{} in {} runs {} and not {}",
        call.service,
        word(&call.environment),
        running.for_people(LONGEST_VERSION),
        word(&call.from)
    )
}

/// That nobody knows, and what to do.
pub(crate) fn unknown(call: &CallHook, says: &str) -> Outcome {
    let (service, environment) = (&call.service, word(&call.environment));
    Outcome::Unknown {
        why: format!(
            "{says}; see which version of {service} runs in {environment} before anything else is done there"
        ),
    }
}

/// An id, if it can be repeated exactly: one that is changed would name something else.
fn id(text: &ExternalText) -> Option<String> {
    let shown = text.for_people(LONGEST_ID);
    (!shown.is_empty() && shown == text.as_untrusted()).then_some(shown)
}

/// A link that a person may follow: to the web, and without a password.
fn link(text: &ExternalText) -> Option<String> {
    let text = text.as_untrusted().trim();
    if text.len() > LONGEST_LINK {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    (matches!(url.scheme(), "http" | "https") && is_plain).then(|| url.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_web_or_nowhere() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(link(&text.into()).as_deref(), expect, "{text}");
        };
        check("https://deploys.example/42?a=b#log", Some("https://deploys.example/42?a=b#log"));
        check(" http://10.0.0.7/42 ", Some("http://10.0.0.7/42"));
        check("https://deploys.example/a\u{202e}b", Some("https://deploys.example/a%E2%80%AEb"));
        for text in
            ["", "deploys/42", "javascript:alert(1)", "file:///etc/passwd", "https://ana:pw@deploys.example/"]
        {
            check(text, None);
        }
        check(&format!("https://deploys.example/{}", "a".repeat(2000)), None);
    }

    #[test]
    fn an_id_is_repeated_exactly_or_not_at_all() {
        for (text, good) in
            [("deploy-42", true), ("", false), (" ", false), ("a\nb", false), ("a\u{202e}b", false)]
        {
            assert_eq!(id(&text.into()).is_some(), good, "{text:?}");
        }
        assert_eq!(id(&"x".repeat(201).as_str().into()), None);
    }
}
