//! The lines of each message, as people read them at three in the morning. Pure; it must not know which messages there are
//! nor how they are drawn.

use std::collections::BTreeMap;

use hearback_core::action::Outcome;
use hearback_core::answer::{ChangeSummary, Suspect};
use hearback_core::chat::Span;
use hearback_core::entry::Actor;
use hearback_core::incident::{SeenProposal, State};
use hearback_core::time::{format_length, format_time};
use hearback_core::{Answer, ChangeId, ExternalText, Incident};
use jiff::Timestamp;

use crate::proposed::{ProposalView, Stage, check, way_back};
use crate::render::{
    age, errors_line, gaps_line, onset_line, ruled_out_line, runbook_line, searched_line, short_id,
    signals_line, strength, telling, unauthorised_line, verdict_line,
};

/// A line of a message.
pub type Line = Vec<Span>;

/// As many lines an answer has at most.
const LINES: usize = 10;
/// So many suspects are listed where there is room.
const SUSPECTS: usize = 5;
/// And so many in any case.
const FEWEST: usize = 2;

fn plain(text: impl Into<String>) -> Span {
    Span::Plain(text.into())
}

fn strong(text: impl Into<String>) -> Span {
    Span::Strong(text.into())
}

/// A link if it leads to a web page, else its words.
fn link(says: String, to: Option<&str>) -> Span {
    match to.filter(|to| to.starts_with("https://") || to.starts_with("http://")) {
        Some(to) => Span::Link { says, to: to.to_owned() },
        None => strong(says),
    }
}

/// One line of our own words.
pub fn line(text: impl Into<String>) -> Line {
    vec![plain(text)]
}

/// An answer in at most ten lines. A suspect that somebody dismissed keeps its line, and says so.
pub fn answer(answer: &Answer, dismissed: &BTreeMap<ChangeId, Actor>) -> Vec<Line> {
    let before = [onset_line(answer), signals_line(answer), errors_line(answer)];
    let after = [unauthorised_line(answer), ruled_out_line(answer), runbook_line(answer), gaps_line(answer)];
    let others = 2 + before.iter().chain(&after).flatten().count();
    let room = LINES.saturating_sub(others).clamp(FEWEST, SUSPECTS);
    let mut lines = vec![vec![strong(verdict_line(answer))]];
    lines.extend(before.into_iter().flatten().map(line));
    lines.extend(answer.suspects.iter().take(room).map(|one| suspect(answer, one, dismissed)));
    lines.extend(after.into_iter().flatten().map(line));
    lines.push(line(searched(answer)));
    lines
}

/// Where it was looked, in few words; the evidence has them all.
fn searched(answer: &Answer) -> String {
    let mut sources: Vec<&str> = answer.searched.iter().map(|coverage| coverage.source.as_str()).collect();
    sources.dedup();
    let sources: Vec<String> =
        sources.into_iter().map(|name| ExternalText::new(name).for_people(60)).collect();
    match (sources.len(), answer.gaps.len()) {
        (0, _) => "Nothing answered. Why? says more.".to_owned(),
        (_, 0) => format!("Searched {}: no gaps. Why? says more.", sources.join(", ")),
        (_, 1) => format!("Searched {}: 1 gap. Why? says more.", sources.join(", ")),
        (_, gaps) => format!("Searched {}: {gaps} gaps. Why? says more.", sources.join(", ")),
    }
}

fn suspect(answer: &Answer, suspect: &Suspect, dismissed: &BTreeMap<ChangeId, Actor>) -> Line {
    let change = &suspect.change;
    let mut spans = vec![plain(format!("{}. ", suspect.rank))];
    if let Some(by) = dismissed.get(&change.id) {
        spans.push(plain(format!("(not it, says {}) ", by.for_people())));
    }
    spans.push(plain(format!("{}, {} before: ", strength(suspect), age(answer, change))));
    spans.extend(named(change));
    if let Some(deploy) = &suspect.delivered_by {
        spans.push(plain(" in "));
        spans.push(Span::Quoted(ExternalText::new(deploy.title.for_people(60))));
    }
    let reasons: Vec<&str> = telling(suspect).map(|reason| reason.claim.says()).collect();
    if !reasons.is_empty() {
        spans.push(plain(format!("; {}", reasons.join("; "))));
    }
    spans
}

fn named(change: &ChangeSummary) -> Vec<Span> {
    vec![
        link(short_id(change), change.link.as_deref()),
        plain(" "),
        Span::Quoted(ExternalText::new(change.title.for_people(100))),
        plain(" by "),
        Span::Quoted(ExternalText::new(change.author.for_people(40))),
    ]
}

/// The evidence of an answer: every reason of the first suspects, with what it counts, and what was measured.
pub fn evidence(answer: &Answer) -> Vec<Line> {
    let mut lines = vec![vec![strong(verdict_line(answer))]];
    lines.extend(onset_line(answer).map(line));
    for finding in answer.findings.iter().take(6) {
        let says = vec![plain(finding.claim.says().to_owned())];
        let more = finding.link.as_deref().map(|to| vec![plain(" "), link("graph".to_owned(), Some(to))]);
        lines.push(says.into_iter().chain(more.unwrap_or_default()).collect());
    }
    for suspect in answer.suspects.iter().take(3) {
        let mut head = vec![plain(format!("{}. ", suspect.rank))];
        head.extend(named(&suspect.change));
        lines.push(head);
        for reason in &suspect.reasons {
            let cited: Vec<String> = reason
                .claim
                .citations()
                .iter()
                .map(|citation| match (&citation.path, citation.line) {
                    (Some(path), Some(line)) => {
                        format!("{}:{line}", ExternalText::new(path.as_str()).for_people(80))
                    }
                    _ => format!("evidence {}", citation.evidence.0.short()),
                })
                .collect();
            lines.push(line(format!(
                "   {:+.1} {} [{}]",
                reason.points,
                reason.claim.says(),
                cited.join(", ")
            )));
        }
    }
    lines.extend(gaps_line(answer).map(line));
    lines.push(line(searched_line(answer, None)));
    lines
}

/// A proposal, and how far it has come.
pub fn proposal(view: &ProposalView) -> Vec<Line> {
    let proposal = &view.proposal;
    let head = match view.stage {
        Stage::Waiting => "Proposed",
        Stage::Expired => "Expired",
        Stage::Rejected => "Rejected",
        Stage::UnderWay => "Under way",
        Stage::Done => "Done",
        Stage::NotDone => "Not done",
        Stage::Unknown => "A person must look",
    };
    let mut lines = vec![vec![strong(format!("{head}: {}", view.says)), plain(format!(" ({})", view.id))]];
    lines.push(line(format!("Why: {}", proposal.why.says())));
    let risks: Vec<String> =
        proposal.risks.iter().map(|risk| ExternalText::new(risk.says.as_str()).for_people(200)).collect();
    let risks = if risks.is_empty() { "none was found".to_owned() } else { risks.join("; ") };
    lines.push(line(format!("Risk: {risks}.")));
    lines.push(line(format!(
        "Way back: {}. Check: {}.",
        way_back(&proposal.inverse),
        check(proposal.check.as_ref())
    )));
    lines.extend(view.decisions.iter().map(|made| line(made.says())));
    let state = view.state();
    lines.push(line(format!("{}.", first_upper(&state).trim_end_matches('.'))));
    lines
}

/// How an action ended, and what is next.
pub fn ended(seen: &SeenProposal, outcome: &Outcome) -> Vec<Line> {
    let id = &seen.proposal.id;
    let word = |text: &str| ExternalText::new(text).for_people(300);
    match outcome {
        Outcome::Done(receipt) => {
            let mut first = vec![strong(format!("{id} is done: {}.", word(&receipt.says)))];
            if let Some(to) = &receipt.link {
                first.extend([plain(" "), link("Look".to_owned(), Some(to))]);
            }
            let next = match &seen.proposal.check {
                None => "I can't tell from here whether it helps: look yourself.".to_owned(),
                Some(check_) => format!("I look whether it helps: {}.", check(Some(check_))),
            };
            vec![first, line(next)]
        }
        Outcome::NotAsExpected { why } => vec![
            vec![strong(format!("{id} was not done: {}.", word(why)))],
            line("Next: ask again what changed; what was proposed does not fit any more."),
        ],
        Outcome::Failed { why } => vec![
            vec![strong(format!("{id} failed, and nothing was done: {}.", word(why)))],
            line("Next: do it by hand, or ask again what changed for a new proposal."),
        ],
        Outcome::Unknown { why } => vec![
            vec![strong(format!("A person must look: nobody knows whether {id} was done."))],
            line(format!("{}. It is not tried again.", first_upper(&word(why)))),
        ],
    }
}

/// Whether an action helped, and what is next.
pub fn helped(view: &ProposalView, offers: Option<&ProposalView>) -> Option<Vec<Line>> {
    use hearback_core::action::Recovery;
    let says = view.helped()?;
    let next = match (view.recovery?, offers) {
        (Recovery::Recovered, _) => {
            "Next: keep watching; resolve the incident when users say so too.".to_owned()
        }
        (_, Some(offer)) => format!("Next: to take it back, approve {}: {}.", offer.id, offer.says),
        (Recovery::NotRecovered, None) => {
            format!("Next: look elsewhere. Way back: {}.", way_back(&view.proposal.inverse))
        }
        (Recovery::CantTell, None) => "Next: look at the graph yourself.".to_owned(),
    };
    Some(vec![vec![strong(format!("{says}."))], line(next)])
}

/// What is said when the copilot begins to listen in a channel.
pub fn notice(incident: &Incident) -> Vec<Line> {
    vec![
        vec![
            strong(format!("This channel is of {} now, and I listen.", incident.id)),
            plain(" "),
            Span::Quoted(ExternalText::new(incident.title.for_people(100))),
        ],
        line("What is written here from now on goes into the incident's record, with names and times."),
        line(
            "Ask me what changed; /incident status, /incident resolve. Nothing is done without your approval.",
        ),
    ]
}

/// How an incident stands.
pub fn status(incident: &Incident, now: Timestamp) -> Vec<Line> {
    let severity = incident.severity.map_or("no severity".to_owned(), |severity| severity.to_string());
    let state = match (incident.state, incident.declared_at) {
        (State::Resolved { at }, _) => format!("resolved {}", format_time(at)),
        (State::Open, Some((at, _))) => format!("open for {}", format_length(now.duration_since(at))),
        (State::Open, None) => "open".to_owned(),
    };
    let mut lines = vec![vec![
        strong(format!("{} {severity}, {state}: ", incident.id)),
        Span::Quoted(ExternalText::new(incident.title.for_people(100))),
    ]];
    let commander = incident.roles.get(&hearback_core::happening::Role::IncidentCommander);
    lines.push(line(match commander {
        Some(name) => format!("Incident commander: {}.", name.for_people(40)),
        None => "Nobody is incident commander.".to_owned(),
    }));
    let services: Vec<&str> = incident.services.iter().map(|service| service.as_str()).collect();
    if !services.is_empty() {
        lines.push(line(format!("Services: {}.", services.join(", "))));
    }
    let firing: Vec<String> = incident
        .alerts
        .iter()
        .filter(|seen| seen.resolved_at.is_none())
        .map(|seen| seen.alert.name.for_people(40))
        .collect();
    if !firing.is_empty() {
        lines.push(line(format!("Firing: {}.", firing.join(", "))));
    }
    let views = incident.proposals.values().filter_map(|seen| ProposalView::of(seen, now));
    for view in views.filter(|view| matches!(view.stage, Stage::Waiting | Stage::UnderWay | Stage::Unknown)) {
        lines.push(line(format!("{}: {}; {}.", view.id, view.says, view.state())));
    }
    lines
}

fn first_upper(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}
