//! What a part of a document is about, by its heading, whatever its wording: "How did we fix it?" is the resolution. The
//! phrases are those of the field's usual templates and of what people write instead. It must not know Markdown.

use hearback_core::memory::Section;

/// Phrases of headings. A `*` ends a beginning of a word. The phrase with the most words wins, then the longest, then the
/// first of this list.
const PHRASES: &[(Section, &[&str])] = &[
    (
        Section::Summary,
        &[
            "summar*",
            "overview",
            "tl dr",
            "tldr",
            "abstract",
            "synopsis",
            "in short",
            "in brief",
            "at a glance",
            "what happened",
            "what was happening",
            "description",
            "introduction",
            "background",
            "context",
            "problem",
            "the incident",
            "the outage",
            "the issue",
            "issue",
            "status",
            "key facts",
            "briefly",
            "symptom*",
        ],
    ),
    (
        Section::Timeline,
        &[
            "timeline",
            "time line",
            "chronolog*",
            "sequence of events",
            "order of events",
            "course of events",
            "what happened when",
            "incident log",
            "event log",
            "events",
            "minute by minute",
            "key times",
            "when",
            "history",
            "the day",
        ],
    ),
    (
        Section::Impact,
        &[
            "impact*",
            "affected",
            "who was affected",
            "what was affected",
            "blast radius",
            "effect*",
            "consequence*",
            "scope",
            "damage",
            "customer experience",
            "what users saw",
            "what did customers see",
            "severity",
            "data loss",
            "slo",
        ],
    ),
    (
        Section::RootCause,
        &[
            "root cause*",
            "cause*",
            "contributing factor*",
            "contributing cause*",
            "contributor*",
            "trigger*",
            "why",
            "why did this happen",
            "why it happened",
            "what went wrong",
            "what broke",
            "analysis",
            "five whys",
            "5 whys",
            "technical detail*",
            "technical analysis",
            "the bug",
            "explanation",
            "underlying",
            "fault*",
            "failure mode*",
            "what caused",
            "how did this happen",
            "how it happened",
            "diagnosis",
            "findings",
            "investigation",
            "under the hood",
            "deep dive",
            "rca",
        ],
    ),
    (
        Section::Detection,
        &[
            "detect*",
            "how we found out",
            "how did we find out",
            "how was it noticed",
            "how we noticed",
            "notic*",
            "discover*",
            "alert*",
            "monitoring",
            "time to detect*",
            "identification",
            "awareness",
        ],
    ),
    (
        Section::Mitigation,
        &[
            "mitigat*",
            "workaround*",
            "work around*",
            "contain*",
            "immediate response",
            "response",
            "incident response",
            "immediate action*",
            "stop the bleeding",
            "stabili*",
            "short term fix*",
            "temporary fix*",
            "stopgap",
            "first aid",
        ],
    ),
    (
        Section::Resolution,
        &[
            "resol*",
            "recover*",
            "fix",
            "fixes",
            "the fix",
            "how we fixed it",
            "how did we fix*",
            "what fixed it",
            "how was it fixed",
            "restor*",
            "rollback",
            "roll back",
            "rolled back",
            "solution*",
            "repair*",
            "solved",
            "how it was resolved",
            "all clear",
            "back to normal",
            "remediat*",
            "what we did",
        ],
    ),
    (
        Section::Lessons,
        &[
            "lesson*",
            "learned",
            "learnt",
            "learning*",
            "what we learned",
            "what did we learn",
            "takeaway*",
            "take away*",
            "retrospective",
            "what went well",
            "what went poorly",
            "what went badly",
            "what could have gone better",
            "what could be better",
            "where we got lucky",
            "lucky",
            "reflection*",
            "conclusion*",
            "insight*",
        ],
    ),
    (
        Section::ActionItems,
        &[
            "action item*",
            "actions items",
            "action*",
            "follow up*",
            "followup*",
            "next step*",
            "to do*",
            "todo*",
            "task*",
            "corrective action*",
            "corrective and preventative*",
            "improvement*",
            "what we are doing",
            "what we re doing",
            "what are we doing",
            "what will we do",
            "what we will do",
            "what s next",
            "what is next",
            "remediation item*",
            "remediation plan",
            "remediation action*",
            "plan*",
            "jira*",
            "ticket*",
            "recommendation*",
            "going forward",
            "moving forward",
            "changes we are making",
        ],
    ),
    (
        Section::Prevention,
        &[
            "prevent*",
            "how do we prevent*",
            "how we will prevent*",
            "avoid*",
            "never again",
            "happen again",
            "happening again",
            "recurrence",
            "safeguard*",
            "guardrail*",
            "future",
            "preventive measure*",
            "preventative measure*",
        ],
    ),
    (
        Section::Steps,
        &[
            "step*",
            "procedure*",
            "runbook",
            "playbook",
            "instruction*",
            "checklist*",
            "triage",
            "what to do",
            "do this",
            "what to check",
            "checks",
            "things to check",
            "first checks",
            "verif*",
            "escalat*",
            "commands",
            "quick fix*",
            "troubleshoot*",
            "remedy",
            "remedies",
            "roll back procedure",
            "rollback procedure",
            "to mitigate",
            "to fix",
        ],
    ),
];

/// What a part with this heading is about; none if the heading does not say. `parent` is what the part above it is about:
/// "what went wrong" among lessons is a lesson.
pub fn section_of(heading: &str, parent: Option<Section>) -> Option<Section> {
    let words = words_of(heading);
    // "How to roll back" is something to do, "how we rolled back" is not.
    if words.iter().take(2).eq(["how", "to"]) {
        return Some(Section::Steps);
    }
    let mut best: Option<(usize, usize, Section)> = None;
    for (section, phrases) in PHRASES {
        for phrase in *phrases {
            if stands_in(&words, phrase) {
                let measure = (phrase.split(' ').count(), phrase.len());
                if best.is_none_or(|(count, length, _)| measure > (count, length)) {
                    best = Some((measure.0, measure.1, *section));
                }
            }
        }
    }
    let (_, _, section) = best?;
    let is_look_back = heading_says_went(&words);
    Some(match parent {
        Some(Section::Lessons) if is_look_back => Section::Lessons,
        _ => section,
    })
}

/// Whether a short beginning such as `Root cause:` names a section by itself: all its words belong to the phrase, or to
/// what people put before one.
pub fn names_a_section(label: &str) -> Option<Section> {
    let words = words_of(label);
    if words.is_empty() || words.len() > 4 {
        return None;
    }
    section_of(label, None)
}

fn heading_says_went(words: &[String]) -> bool {
    words.iter().any(|word| word == "went" || word == "lucky" || word == "gone")
}

/// Lower case, letters and digits only; numbering is left out.
fn words_of(heading: &str) -> Vec<String> {
    let lower = heading.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut words: Vec<String> = words.map(str::to_owned).collect();
    while words.len() > 1 && words.first().is_some_and(|word| word.chars().all(|c| c.is_ascii_digit()))
        // "5 whys" is no numbering.
        && words.get(1).is_none_or(|next| next != "whys")
    {
        words.remove(0);
    }
    words
}

fn stands_in(words: &[String], phrase: &str) -> bool {
    let wanted: Vec<&str> = phrase.split(' ').collect();
    let fits = |(word, wanted): (&String, &&str)| match wanted.strip_suffix('*') {
        Some(beginning) => word.starts_with(beginning),
        None => word == *wanted,
    };
    words.windows(wanted.len()).any(|window| window.iter().zip(&wanted).all(fits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_recognised_whatever_their_wording() {
        let check = |heading: &str, expect: Option<Section>| {
            assert_eq!(section_of(heading, None), expect, "{heading}");
        };
        check("Executive Summary", Some(Section::Summary));
        check("TL;DR", Some(Section::Summary));
        check("What happened?", Some(Section::Summary));
        check("Timeline (all times UTC)", Some(Section::Timeline));
        check("Sequence of events", Some(Section::Timeline));
        check("Customer impact", Some(Section::Impact));
        check("Who was affected", Some(Section::Impact));
        check("2. Root Cause Analysis", Some(Section::RootCause));
        check("Why did this happen?", Some(Section::RootCause));
        check("5 Whys", Some(Section::RootCause));
        check("What went wrong", Some(Section::RootCause));
        check("Contributing factors", Some(Section::RootCause));
        check("How did we find out?", Some(Section::Detection));
        check("Detection", Some(Section::Detection));
        check("Mitigation & containment", Some(Section::Mitigation));
        check("How did we fix it?", Some(Section::Resolution));
        check("Resolution and recovery", Some(Section::Resolution));
        check("Remediation", Some(Section::Resolution));
        check("Remediation items", Some(Section::ActionItems));
        check("Follow-ups", Some(Section::ActionItems));
        check("What we're doing about it", Some(Section::ActionItems));
        check("Corrective actions", Some(Section::ActionItems));
        check("Lessons learned", Some(Section::Lessons));
        check("Where we got lucky", Some(Section::Lessons));
        check("Making sure it does not happen again", Some(Section::Prevention));
        check("How to roll back", Some(Section::Steps));
        check("Appendix", None);
        check("", None);
    }

    #[test]
    fn what_went_wrong_among_the_lessons_is_a_lesson() {
        assert_eq!(section_of("What went wrong", Some(Section::Lessons)), Some(Section::Lessons));
        assert_eq!(section_of("Timeline", Some(Section::Lessons)), Some(Section::Timeline));
    }

    #[test]
    fn a_label_names_a_section_only_if_it_is_short() {
        assert_eq!(names_a_section("Root cause"), Some(Section::RootCause));
        assert_eq!(names_a_section("The cause of all this was that nobody looked"), None);
    }
}
