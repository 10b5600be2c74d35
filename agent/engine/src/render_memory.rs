//! What was remembered, as people read it: an incident in a few lines, a runbook as a list to tick off. It must not decide
//! anything, and everything from outside passes through `for_people`.

use hearback_core::memory::recall::Remembered;
use hearback_core::time::format_time;
use hearback_core::{ExternalText, Origin, ServiceName};

use crate::remembering::ListedStep;

/// A remembered incident in a few lines: when, what, what broke, what fixed it, where it stands.
pub fn remembered(place: usize, one: &Remembered) -> Vec<String> {
    let services: Vec<&str> = one.services.iter().map(ServiceName::as_str).collect();
    let services = if services.is_empty() { String::new() } else { format!("  {}", services.join(", ")) };
    let date = one.happened_at.unwrap_or(one.known_at).strftime("%Y-%m-%d");
    let mut lines =
        vec![format!("{place} {}  {date}{services}  {}", one.strength, one.title.for_people(100))];
    let mut add = |label: &str, text: &Option<ExternalText>| {
        lines.extend(text.as_ref().map(|text| format!("  {label}: {}", text.for_people(240))));
    };
    add("Broke", &one.broke);
    add("Fixed", &one.fixed);
    let heading = match one.excerpt.heading.is_blank() {
        true => String::new(),
        false => format!("{}, ", one.excerpt.heading.for_people(60)),
    };
    let text = one.excerpt.text.for_people(200);
    lines.push(format!("  \"{text}\" ({heading}line {})", one.excerpt.line));
    let of = match one.origin {
        Origin::Outsider => " (anybody could have written it)",
        Origin::Member | Origin::System => "",
    };
    let link = one.link.as_deref().unwrap_or(one.document.as_str());
    lines.push(format!("  {}{of}", ExternalText::from(link).for_people(200)));
    lines
}

/// A part of a runbook to be ticked off, with what speaks against trusting it in front.
pub fn runbook(one: &Remembered, list: &[ListedStep], stale: &[String]) -> Vec<String> {
    let heading = match one.excerpt.heading.is_blank() {
        true => String::new(),
        false => format!(" › {}", one.excerpt.heading.for_people(80)),
    };
    let mut lines = vec![format!("{}{heading}", one.title.for_people(100))];
    if !stale.is_empty() {
        lines.push(format!("Careful, it may be stale: {}.", stale.join("; ")));
    }
    for ListedStep { is_step, text } in list {
        lines.push(format!("{} {}", if *is_step { "[ ]" } else { "   " }, text.for_people(300)));
    }
    let by = one.merged_by.as_ref().map_or(String::new(), |by| format!(", merged by {}", by.for_people(40)));
    let owner = one.owner.as_ref().map_or(String::new(), |owner| format!(", owner {}", owner.for_people(40)));
    let link = one.link.as_deref().unwrap_or(one.document.as_str());
    let link = ExternalText::from(link).for_people(200);
    lines.push(format!("{link}, line {}, as of {}{by}{owner}", one.excerpt.line, format_time(one.known_at)));
    lines
}
