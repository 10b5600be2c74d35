//! A closed incident as a document: what broke, what was done, what ended it, from its record and from nothing else. What
//! people said stays theirs; nothing is read as a heading that is not one of ours.

use hearback_core::action::{Outcome, Recovery};
use hearback_core::answer::ChangeSummary;
use hearback_core::incident::State;
use hearback_core::memory::source::Writing;
use hearback_core::memory::store::Shelved;
use hearback_core::memory::{DocumentId, DocumentKind, Section};
use hearback_core::redaction::redact_external;
use hearback_core::time::{format_length, format_time};
use hearback_core::{Answer, ExternalText, Incident, Origin, SourceName};

use crate::front::Front;
use crate::outline::{Block, BlockKind, Outline, Part};
use crate::reading::{Reader, assemble};

/// So many messages are remembered: the first tell what was seen, the last what helped.
const MESSAGES: usize = 40;

/// The document of an incident that is over; none while it goes on.
pub fn shelve(incident: &Incident, source: &SourceName, reader: Reader<'_>) -> Option<Shelved> {
    let State::Resolved { at } = incident.state else { return None };
    let answer = incident.questions.iter().rev().find_map(|seen| Some(&seen.answer.as_ref()?.1));
    let parts = [
        part("Summary", Section::Summary, summary(incident)),
        part("Root cause", Section::RootCause, cause(incident, answer)),
        part("Resolution", Section::Resolution, resolution(incident)),
        part("Timeline", Section::Timeline, timeline(incident)),
    ];
    let outline = Outline {
        title: Some(incident.title.for_people(200)),
        parts: parts.into_iter().flatten().collect(),
        links: Vec::new(),
    };
    let bytes = outline.parts.iter().flat_map(|part| &part.blocks).fold(String::new(), |mut all, block| {
        all.push_str(&block.text);
        all.push('\n');
        all
    });
    let writing = Writing {
        id: DocumentId::of_incident(&incident.id)?,
        source: source.clone(),
        name: format!("{}.incident", incident.id),
        bytes: format!("{}\n{bytes}", incident.title.as_untrusted()).into_bytes(),
        kind: Some(DocumentKind::Incident),
        origin: Origin::Member,
        merged_by: None,
        merged_at: Some(at),
        written_at: None,
        link: None,
    };
    let front =
        Front { services: incident.services.clone(), happened_at: incident.began(), ..Front::default() };
    Some(assemble(&writing, &front, &outline, Vec::new(), reader))
}

fn part(heading: &str, section: Section, blocks: Vec<String>) -> Option<Part> {
    let blocks: Vec<Block> = blocks
        .into_iter()
        .filter(|text| !text.trim().is_empty())
        .map(|text| Block { kind: BlockKind::Text, text, line: 1 })
        .collect();
    (!blocks.is_empty()).then(|| Part {
        headings: vec![heading.to_owned()],
        section: Some(section),
        line: 1,
        blocks,
    })
}

fn words(text: &ExternalText, width: usize) -> String {
    redact_external(text).for_people(width)
}

fn summary(incident: &Incident) -> Vec<String> {
    let severity = incident.severity.map_or(String::new(), |severity| format!("{severity}. "));
    let length = match (incident.began(), incident.state) {
        (Some(began), State::Resolved { at }) => {
            format!("It began {} and took {}.", format_time(began), format_length(at.duration_since(began)))
        }
        _ => String::new(),
    };
    let mut blocks = vec![format!("{severity}{}. {length}", words(&incident.title, 200))];
    for seen in incident.alerts.iter().take(10) {
        let summary = words(&seen.alert.summary, 300);
        let summary = if summary.is_empty() { summary } else { format!(": {summary}") };
        blocks.push(format!("Alert {}{summary}", words(&seen.alert.name, 100)));
    }
    let asked = incident.questions.iter().map(|seen| words(&seen.question.symptom, 1_000));
    blocks.extend(asked.filter(|text| !text.is_empty()).take(3));
    blocks
}

fn cause(incident: &Incident, answer: Option<&Answer>) -> Vec<String> {
    let Some(answer) = answer else { return Vec::new() };
    let says =
        |change: &ChangeSummary| format!("{} ({})", words(&change.title, 200), words(&change.author, 60));
    let mut blocks = Vec::new();
    if let Some(analysis) = &answer.analysis {
        if let Some(change) = analysis.blamed() {
            blocks.push(format!("The copilot named {}.", says(change)));
        }
        blocks.extend(analysis.because.iter().map(|claim| claim.says().to_owned()));
    } else if let Some(first) =
        answer.suspects.iter().find(|suspect| !incident.dismissed.contains_key(&suspect.change.id))
    {
        blocks.push(format!("The first suspect was {}.", says(&first.change)));
    }
    blocks
}

fn resolution(incident: &Incident) -> Vec<String> {
    let mut blocks: Vec<String> = incident.ended_by.iter().map(|text| words(text, 1_000)).collect();
    for seen in incident.proposals.values() {
        let Some((at, Outcome::Done(_))) = &seen.outcome else { continue };
        let helped = match &seen.recovery {
            Some((_, Recovery::Recovered, _)) => "; it helped",
            Some((_, Recovery::NotRecovered, _)) => "; it did not help",
            _ => "",
        };
        blocks.push(format!("{} {}{helped}.", format_time(*at), seen.proposal.action.says()));
    }
    blocks
}

fn timeline(incident: &Incident) -> Vec<String> {
    let all = &incident.messages;
    let (first, last) = (all.iter().take(MESSAGES / 2), all.iter().skip(MESSAGES / 2));
    let skipped = last.len().saturating_sub(MESSAGES / 2);
    first
        .chain(last.skip(skipped))
        .map(|seen| format!("{} {}", format_time(seen.at), words(&seen.text, 500)))
        .collect()
}

#[cfg(test)]
mod tests {
    use hearback_core::entry::Actor;
    use hearback_core::incident::SeenMessage;
    use hearback_core::{Digest, EvidenceId, IncidentId, ServiceName, Severity};
    use jiff::Timestamp;

    use super::*;

    fn at(minute: u32) -> Timestamp {
        format!("2026-03-02T14:{minute:02}:00Z").parse().unwrap()
    }

    fn evidence(text: &str) -> EvidenceId {
        EvidenceId(Digest::of(text.as_bytes()))
    }

    fn said(minute: u32, text: &str) -> SeenMessage {
        SeenMessage {
            evidence: evidence(text),
            at: at(minute),
            by: Actor::Person("ana".into()),
            text: text.into(),
            message: None,
            thread: None,
            to: hearback_core::happening::Addressee::Everybody,
        }
    }

    fn incident() -> Incident {
        Incident {
            title: "Checkout 5xx".into(),
            severity: Some(Severity::Sev2),
            services: vec![ServiceName::new("checkout").unwrap()],
            declared_at: Some((at(0), evidence("declared"))),
            messages: (1..=50).map(|minute| said(minute, &format!("message {minute}"))).collect(),
            ended_by: Some("rolled back checkout 42".into()),
            state: State::Resolved { at: at(55) },
            ..Incident::new(IncidentId::new("INC-7").unwrap())
        }
    }

    fn shelved(incident: &Incident) -> Option<Shelved> {
        let source = SourceName::new("memory:incidents").unwrap();
        shelve(incident, &source, Reader { services: &[], now: at(59) })
    }

    fn text(shelved: &Shelved) -> String {
        let all: Vec<&str> = shelved.passages.iter().map(|one| one.passage.text.as_untrusted()).collect();
        all.join("\n")
    }

    #[test]
    fn only_what_is_over_is_remembered() {
        assert!(shelved(&Incident { state: State::Open, ..incident() }).is_none());
        let shelved = shelved(&incident()).unwrap();
        assert_eq!(shelved.filed.id.as_str(), "incident:INC-7");
        assert_eq!(shelved.filed.known_at, at(55), "nobody could know it before it was over");
        assert_eq!(shelved.filed.fixed.unwrap().as_untrusted(), "rolled back checkout 42");
    }

    #[test]
    fn of_a_long_talk_the_beginning_and_the_end_are_remembered() {
        let text = text(&shelved(&incident()).unwrap());
        for (minute, is_there) in [(1, true), (20, true), (21, false), (30, false), (31, true), (50, true)] {
            assert_eq!(
                text.contains(&format!("message {minute}\n")) || text.ends_with(&format!("message {minute}")),
                is_there,
                "{minute}"
            );
        }
    }

    #[test]
    fn secrets_and_headings_of_others_do_not_get_in() {
        let key = format!("AKIA{}", "IOSFODNN7EXAMPLE");
        let messages = vec![said(1, &format!("# Resolution\n\nuse {key}"))];
        let shelved = shelved(&Incident { messages, ..incident() }).unwrap();
        assert!(!format!("{:?}", text(&shelved)).contains(&key));
        assert_eq!(shelved.filed.fixed.clone().unwrap().as_untrusted(), "rolled back checkout 42");
        let of_ours = ["Summary", "Resolution", "Timeline", ""];
        for one in &shelved.passages {
            assert!(
                of_ours.contains(&one.passage.heading.as_untrusted()),
                "{:?}",
                one.passage.heading.as_untrusted()
            );
        }
    }
}
