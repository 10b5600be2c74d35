//! Whom to ask, as people read it: whom to page first, then everybody by what they know, with the time there. It must not
//! decide anything; everything from outside passes through `for_people`.

use std::fmt::Write as _;

use hearback_core::expertise::{Expert, LocalTime, ZoneFrom};
use hearback_core::time::format_time;
use hearback_core::{Coverage, Gap, Reason, SourceName};
use jiff::Timestamp;

use crate::render::Cost;

/// As many reasons are told of a person.
const REASONS: usize = 3;
/// As many characters of a name.
const NAME: usize = 40;

/// Everything that is told.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// Whom to ask, those who know most first.
    pub experts: &'a [Expert],
    /// The moment of the question.
    pub as_of: Timestamp,
    /// What could not be seen, and what is not connected.
    pub gaps: &'a [Gap],
    /// What was searched.
    pub searched: &'a [Coverage],
    /// What it cost.
    pub cost: Option<Cost>,
}

/// As text.
pub fn text(told: Told<'_>) -> String {
    let mut text = format!("{}\n", first_line(told));
    let rows: Vec<[String; 3]> = told.experts.iter().map(columns).collect();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let (w0, w1, w2) = (width(0), width(1), width(2));
    for (row, expert) in rows.iter().zip(told.experts) {
        let [rank, name, time] = row;
        let line = format!("{rank:>w0$}  {name:<w1$}  {time:<w2$}  {}", reasons(expert));
        let _ = writeln!(text, "{}", line.trim_end());
    }
    if !told.gaps.is_empty() {
        let gaps: Vec<String> = told.gaps.iter().map(|gap| format!("{}: {}", gap.source, gap.why)).collect();
        let _ = writeln!(text, "Gaps: {}", gaps.join("; "));
    }
    // A source is named once, however often it was asked.
    let mut by_source: Vec<(&SourceName, Vec<&str>)> = Vec::new();
    for Coverage { source, searched, .. } in told.searched {
        match by_source.iter_mut().find(|(named, _)| *named == source) {
            Some((_, all)) => all.push(searched),
            None => by_source.push((source, vec![searched])),
        }
    }
    let searched: Vec<String> =
        by_source.iter().map(|(source, all)| format!("{source}: {}", all.join(", "))).collect();
    let searched = if searched.is_empty() { "nothing answered".to_owned() } else { searched.join("; ") };
    let cost = told.cost.map_or(String::new(), |cost| format!(" in {:.1} s", cost.elapsed.as_secs_f64()));
    let _ = writeln!(text, "Searched{cost}, as of {}: {searched}", format_time(told.as_of));
    text
}

/// Whether a reason tells of what somebody knows; that somebody is about, or usually is, tells least of it.
pub(crate) fn is_telling(reason: &Reason) -> bool {
    !matches!(reason.feature.as_str(), "active" | "hour" | "lands")
}

fn first_line(told: Told<'_>) -> String {
    let Some(best) = told.experts.first() else {
        return "Nobody to ask: nobody who was seen did anything here, owns it or is on call.".to_owned();
    };
    match told.experts.iter().find(|expert| expert.page_first) {
        Some(first) if first.rank == best.rank => {
            format!("Page {} first: on call, and knows most of it{}.", name(first), time_of(first))
        }
        Some(first) => {
            let knows = format!("{} knows most of it{}", name(best), time_of(best));
            format!("Page {} first: on call{}. {knows}.", name(first), time_of(first))
        }
        None => format!("Ask {} first: knows most of it{}.", name(best), time_of(best)),
    }
}

fn name(expert: &Expert) -> String {
    let name = expert.name.for_people(NAME);
    match &expert.handle {
        Some(handle) if !handle.trim_start_matches('@').is_empty() => {
            format!("{name} (@{})", handle.trim_start_matches('@'))
        }
        _ => name,
    }
}

fn time_of(expert: &Expert) -> String {
    expert.local_time.as_ref().map_or(String::new(), |time| format!("; {} there", local(time)))
}

fn local(time: &LocalTime) -> String {
    let night = if time.is_night { ", night" } else { "" };
    let by = match time.from {
        ZoneFrom::Configured => "",
        ZoneFrom::Commits => " by their commits",
    };
    format!("{} {}{by}{night}", time.clock, time.zone)
}

fn columns(expert: &Expert) -> [String; 3] {
    let time = expert.local_time.as_ref().map_or_else(|| "time unknown".to_owned(), local);
    [expert.rank.to_string(), name(expert), time]
}

fn reasons(expert: &Expert) -> String {
    let (telling, usual): (Vec<&Reason>, Vec<&Reason>) =
        expert.reasons.iter().partition(|reason| is_telling(reason));
    let all = telling.into_iter().chain(usual);
    let said: Vec<&str> = all.take(REASONS).map(|reason| reason.claim.says()).collect();
    if said.is_empty() { "no reason stands out".to_owned() } else { said.join("; ") }
}
