//! An answer as people read it: text for a terminal or a channel, Markdown for a document. Both say the same
//! words. It must not decide anything, and everything from outside passes through `for_people`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hearback_core::analysis::{Cause, Failing, NoChange};
use hearback_core::answer::{CalibratedOn, ChangeSummary, FindingKind, Flagged, RuledOut};
use hearback_core::time::{format_length, format_time};
use hearback_core::{Answer, Expert, ExternalText, Reason, SourceName, Strength, Suspect, Verdict};
use jiff::SignedDuration;

use crate::render_experts::is_telling;

/// What an answer cost: the last line says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// How long it took.
    pub elapsed: SignedDuration,
}

/// How many suspects the text lists unless told otherwise: with verdict, onset, exclusions, gaps, coverage and
/// cost an answer stays within ten lines.
pub const TOP: usize = 5;
/// As many lines an answer has at most, unless told otherwise.
const LINES: usize = 10;
/// How percentages come about.
const CALIBRATE: &str = "hearback backtest reverts --repo PATH --save";

/// The answer as text: at most ten lines for `top` up to [`TOP`].
pub fn text(answer: &Answer, top: usize, cost: Option<Cost>) -> String {
    let Around { before, after, room } = around(answer);
    let mut lines = vec![verdict_line(answer)];
    lines.extend(before);
    let shown: Vec<&Suspect> = answer.suspects.iter().take(if top == TOP { room } else { top }).collect();
    let rows: Vec<[String; 5]> = shown.iter().map(|suspect| columns(answer, suspect)).collect();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    for (row, suspect) in rows.iter().zip(&shown) {
        let [rank, strength, age, id, what] = row;
        let (w1, w2, w3, w4) = (width(0), width(1), width(2), width(3));
        let mut line = format!("{rank:>w1$} {strength:<w2$}  {age:>w3$}  {id:<w4$}  {what}");
        let reasons: Vec<&str> = telling(suspect).map(|reason| reason.claim.says()).collect();
        if !reasons.is_empty() {
            let _ = write!(line, " | {}", reasons.join("; "));
        }
        lines.push(line);
    }
    lines.extend(after);
    lines.push(searched_line(answer, cost));
    lines.join("\n") + "\n"
}

/// What is told around the suspects, between the verdict and where was searched.
pub(crate) struct Around {
    /// Before them.
    pub before: Vec<String>,
    /// After them.
    pub after: Vec<String>,
    /// How many of them there is room for.
    pub room: usize,
}

/// The lines around the suspects, in every form in which an answer is told. With many of them suspects make room: ten
/// lines are what a tired person reads. There is room for one, unless the verdict names it.
pub(crate) fn around(answer: &Answer) -> Around {
    let before = [
        onset_line(answer),
        failing_line(answer),
        because_line(answer),
        innocent_line(answer),
        signals_line(answer),
        errors_line(answer),
    ];
    let after = [
        similar_line(answer),
        unauthorised_line(answer),
        ruled_out_line(answer),
        ask_line(answer),
        runbook_line(answer),
        gaps_line(answer),
    ];
    let mut before: Vec<String> = before.into_iter().flatten().collect();
    let after: Vec<String> = after.into_iter().flatten().collect();
    // The verdict, and where was searched.
    let others = 2 + after.len();
    let least = usize::from(!answer.suspects.is_empty() && !is_explained(answer));
    // What comes last says in other words what comes first.
    before.truncate(LINES.saturating_sub(others + least));
    let room = LINES.saturating_sub(others + before.len()).min(TOP);
    Around { before, after, room }
}

/// The answer as Markdown, with the same words.
pub fn markdown(answer: &Answer, top: usize, cost: Option<Cost>) -> String {
    let mut text = format!("**{}**\n", escaped(&verdict_line(answer)));
    let Around { before, after, .. } = around(answer);
    for line in before {
        let _ = writeln!(text, "\n{}", escaped(&line));
    }
    if !answer.suspects.is_empty() {
        text.push_str("\n| # | strength | age | change | what | why |\n|---|---|---|---|---|---|\n");
    }
    for suspect in answer.suspects.iter().take(top) {
        let [rank, strength, age, id, what] = columns(answer, suspect).map(|cell| escaped(&cell));
        let id = match &suspect.change.link {
            Some(link) if link.starts_with("https://") && !link.contains([')', ' ']) => {
                format!("[{id}]({link})")
            }
            _ => format!("`{id}`"),
        };
        let reasons: Vec<String> = telling(suspect).map(|reason| escaped(reason.claim.says())).collect();
        let _ = writeln!(text, "| {rank} | {strength} | {age} | {id} | {what} | {} |", reasons.join("; "));
    }
    for line in after.into_iter().chain([searched_line(answer, cost)]) {
        let _ = writeln!(text, "\n{}", escaped(&line));
    }
    text
}

pub(crate) fn verdict_line(answer: &Answer) -> String {
    let length = format_length(answer.as_of.duration_since(answer.since));
    let span = format!("in the {length} before {}", format_time(answer.as_of));
    let window = match answer.considered {
        1 => format!("1 change {span}"),
        n => format!("{n} changes {span}"),
    };
    let strong = answer.suspects.iter().filter(|s| s.strength == hearback_core::Strength::Strong).count();
    if let Some(line) = cause_line(answer) {
        return line;
    }
    match answer.verdict {
        Verdict::NoChange => "No change did this.".to_owned(),
        Verdict::LookHere => {
            let suspects =
                if strong == 1 { "one strong suspect".into() } else { format!("{strong} strong suspects") };
            let first = answer.suspects.first().map(|first| short_id(&first.change)).unwrap_or_default();
            format!(
                "Look here first: {suspects} among {window}. Next: check {first} with its author; if it fits, roll back."
            )
        }
        Verdict::CantTell => {
            format!(
                "Can't tell: no strong suspect among {window}. More words of the error, or the service that fails, would narrow it."
            )
        }
        Verdict::NothingFits if answer.considered == 0 => {
            format!("Nothing changed here: no change {span}. Look at other repositories, or further back.")
        }
        Verdict::NothingFits => format!(
            "Nothing that changed fits: {window}, all ruled out. Look further back, or at what was not searched."
        ),
    }
}

/// The verdict, where the analysis has one.
fn cause_line(answer: &Answer) -> Option<String> {
    let analysis = answer.analysis.as_ref()?;
    let next =
        analysis.advice.as_ref().map_or(String::new(), |advice| format!(" Next: {}.", advice.claim.says()));
    match &analysis.cause {
        Cause::CantTell => None,
        Cause::NoChange { cause } => {
            let what = cause_in_words(*cause);
            Some(match answer.verdict {
                Verdict::NoChange => format!("No change did this: {what}.{next}"),
                _ => format!("Probably no change did this: {what}.{next}"),
            })
        }
        Cause::Change { change, place } => {
            let (id, title) = (short_id(change), change.title.for_people(60));
            let place = place.as_deref().map_or(String::new(), |place| {
                format!(" at {}", tail(&ExternalText::from(place).for_people(400)))
            });
            Some(match analysis.strength {
                Strength::Strong => format!("Look here first: {id} ({title}) explains it{place}.{next}"),
                Strength::Weak => {
                    format!(
                        "Can't tell for sure: {id} ({title}) fits best{place}. Check it with its author first.{next}"
                    )
                }
            })
        }
    }
}

/// The end of a path, which tells more than its beginning.
fn tail(path: &str) -> String {
    const WIDTH: usize = 60;
    let mut kept = path;
    while kept.chars().count() > WIDTH
        && let Some((_, rest)) = kept.split_once('/')
    {
        kept = rest;
    }
    if kept.len() < path.len() { format!("…/{kept}") } else { kept.to_owned() }
}

fn cause_in_words(cause: NoChange) -> &'static str {
    match cause {
        NoChange::Provider => "something outside that it needs fails",
        NoChange::Expiry => "something ran out at that moment",
        NoChange::Surge => "more is asked for than there is capacity",
        NoChange::Limit => "a limit that somebody else sets was reached",
        NoChange::Full => "something is full",
        NoChange::Machine => "a machine, or what shares it",
        NoChange::Names => "names are not resolved",
        NoChange::BadData => "data came in that can't be read",
        NoChange::Store => "a store failed over, or many wait for its lock",
    }
}

/// Who fails first, since when and how; who fails because of it.
pub(crate) fn failing_line(answer: &Answer) -> Option<String> {
    let analysis = answer.analysis.as_ref()?;
    let (first, others) = analysis.failing.split_first()?;
    let says =
        format!("Fails first: {} since {}, {}", first.service, format_time(first.since), first.claim.says());
    let told = |one: &Failing| match &one.because_of {
        Some(of) if *of != first.service => format!("{} (because of {of})", one.service),
        _ => one.service.to_string(),
    };
    let (passed_on, own): (Vec<&Failing>, Vec<&Failing>) =
        others.iter().partition(|one| one.because_of.is_some());
    let list = |some: &[&Failing]| {
        let told: Vec<String> = some.iter().take(TOLD + 1).map(|one| told(one)).collect();
        let more = some.len().saturating_sub(told.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{more}", told.join(", "))
    };
    let passed_on = match passed_on.is_empty() {
        true => String::new(),
        false => format!("; because of it: {}", list(&passed_on)),
    };
    let own = if own.is_empty() { String::new() } else { format!("; later: {}", list(&own)) };
    Some(format!("{says}{passed_on}{own}"))
}

/// Why the cause is one.
pub(crate) fn because_line(answer: &Answer) -> Option<String> {
    let analysis = answer.analysis.as_ref().filter(|analysis| analysis.cause != Cause::CantTell)?;
    let says: Vec<&str> = analysis.because.iter().take(TOLD + 1).map(|claim| claim.says()).collect();
    Some(format!("Why: {}", says.join("; ")))
}

/// Which change looks guilty and is not.
pub(crate) fn innocent_line(answer: &Answer) -> Option<String> {
    let analysis = answer.analysis.as_ref().filter(|analysis| analysis.cause != Cause::CantTell)?;
    let innocent = analysis.innocent.as_ref()?;
    let title = innocent.change.title.for_people(48);
    Some(format!("Not it: {} ({title}): {}", short_id(&innocent.change), innocent.because.says()))
}

pub(crate) fn onset_line(answer: &Answer) -> Option<String> {
    let onset = answer.onset.as_ref()?;
    let time = format_time(onset.latest);
    let span = onset.latest.duration_since(onset.earliest);
    let slack =
        if span.is_zero() { String::new() } else { format!(", up to {} earlier", format_length(span)) };
    Some(format!("Onset {time}{slack} ({}); ages count back from it.", onset.because.says()))
}

fn columns(answer: &Answer, suspect: &Suspect) -> [String; 5] {
    let change = &suspect.change;
    let what = format!("{}: {}", change.author.for_people(24), change.title.for_people(72));
    let what = match &suspect.delivered_by {
        Some(deploy) => format!("{what} (in {})", deploy.title.for_people(40)),
        None => what,
    };
    let what = match change.kind {
        hearback_core::ChangeKind::Commit => what,
        kind => format!("{kind} by {what}"),
    };
    [suspect.rank.to_string(), strength(suspect), age(answer, change), short_id(change), what]
}

/// In words, and as a percentage where a backtest has shown what one is worth.
pub(crate) fn strength(suspect: &Suspect) -> String {
    let percent = match suspect.confidence.map(|confidence| confidence * 100.0) {
        None => return suspect.strength.to_string(),
        Some(percent) if percent < 0.5 => "<1".to_owned(),
        // Nothing is certain.
        Some(percent) if percent >= 99.5 => ">99".to_owned(),
        Some(percent) => format!("{percent:.0}"),
    };
    format!("{} {percent} %", suspect.strength)
}

pub(crate) fn age(answer: &Answer, change: &ChangeSummary) -> String {
    let reference = answer.onset.as_ref().map_or(answer.as_of, |onset| onset.latest);
    format_length(reference.duration_since(change.effective_at))
}

pub(crate) fn short_id(change: &ChangeSummary) -> String {
    match &change.sha {
        Some(sha) => sha.chars().take(10).collect(),
        None => ExternalText::from(change.id.as_str()).for_people(40),
    }
}

/// The two strongest reasons, of those that set it apart or weigh much; the age has its own column.
pub(crate) fn telling(suspect: &Suspect) -> impl Iterator<Item = &Reason> {
    let tells = |reason: &&Reason| reason.stands_out > 0.1 || reason.points >= 1.0;
    suspect.reasons.iter().filter(|reason| reason.feature != "recency").filter(tells).take(2)
}

pub(crate) fn unauthorised_line(answer: &Answer) -> Option<String> {
    let say = |flagged: &Flagged| format!("{} {}", short_id(&flagged.change), flagged.because.says());
    let said: Vec<String> = answer.unauthorised.iter().take(2).map(say).collect();
    let more = match answer.unauthorised.len().saturating_sub(said.len()) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    if said.is_empty() { None } else { Some(format!("Not authorised: {}{more}", said.join("; "))) }
}

pub(crate) fn ruled_out_line(answer: &Answer) -> Option<String> {
    let mut by_rule: BTreeMap<&str, Vec<&RuledOut>> = BTreeMap::new();
    answer.ruled_out.iter().for_each(|out| by_rule.entry(&out.rule).or_default().push(out));
    let group = |(rule, out): (&str, Vec<&RuledOut>)| {
        let name = match rule {
            "docs_only" => "documentation only",
            "tests_only" => "tests only",
            "already_reverted" => "already reverted",
            "after_onset" => "after the onset",
            "empty" => "without files",
            other => other,
        };
        let ids: Vec<String> = out.iter().take(3).map(|out| short_id(&out.change)).collect();
        let more = if out.len() > 3 { ", …" } else { "" };
        format!("{} {name} ({}{more})", out.len(), ids.join(", "))
    };
    let groups: Vec<String> = by_rule.into_iter().map(group).collect();
    if groups.is_empty() { None } else { Some(format!("Ruled out: {}", groups.join("; "))) }
}

/// How many findings of a line are told; JSON holds them all.
const TOLD: usize = 3;

fn found(answer: &Answer, wanted: &[FindingKind]) -> Option<String> {
    let of_kind = answer.findings.iter().filter(|finding| wanted.contains(&finding.kind));
    let says: Vec<&str> = of_kind.take(TOLD).map(|finding| finding.claim.says()).collect();
    if says.is_empty() { None } else { Some(says.join("; ")) }
}

/// Whether the analysis tells what failed: then the bare findings need no lines of their own.
fn is_explained(answer: &Answer) -> bool {
    answer.analysis.as_ref().is_some_and(|analysis| analysis.cause != Cause::CantTell)
}

pub(crate) fn signals_line(answer: &Answer) -> Option<String> {
    if is_explained(answer) {
        return None;
    }
    found(answer, &[FindingKind::Signal, FindingKind::Usual]).map(|says| format!("Signals: {says}"))
}

pub(crate) fn errors_line(answer: &Answer) -> Option<String> {
    if is_explained(answer) {
        return None;
    }
    found(answer, &[FindingKind::ErrorLog, FindingKind::FailedCall, FindingKind::SlowCall])
        .map(|says| format!("Errors: {says}"))
}

/// The incident of the past that is likest, and what fixed it then.
pub(crate) fn similar_line(answer: &Answer) -> Option<String> {
    let first = &answer.similar.first()?.remembered;
    let date = first.happened_at.unwrap_or(first.known_at).strftime("%Y-%m-%d");
    let fixed = match &first.fixed {
        Some(fixed) => format!("; fixed then: {}", fixed.for_people(120)),
        None => String::new(),
    };
    let more = match answer.similar.len() {
        0 | 1 => String::new(),
        count => format!("; {} more", count - 1),
    };
    let perhaps = if first.strength == Strength::Strong { "Seen before" } else { "Seen before, perhaps" };
    Some(format!("{perhaps}: {date} {}{fixed}{more}", first.title.for_people(80)))
}

pub(crate) fn runbook_line(answer: &Answer) -> Option<String> {
    let runbook = answer.runbook.as_ref()?;
    let of = runbook.service.as_ref().map_or(String::new(), |service| format!(" of {service}"));
    let link = ExternalText::from(runbook.link.as_str()).for_people(200);
    let part = runbook.part.as_ref().map_or(String::new(), |part| {
        let one = &part.remembered;
        let heading = match one.excerpt.heading.is_blank() {
            true => String::new(),
            false => format!(" › {}", one.excerpt.heading.for_people(60)),
        };
        let stale = if part.stale.is_empty() {
            String::new()
        } else {
            format!(" (may be stale: {})", part.stale.join("; "))
        };
        format!("{}{heading}{stale}, ", one.title.for_people(60))
    });
    Some(format!("Runbook{of}: {part}{link}"))
}

pub(crate) fn gaps_line(answer: &Answer) -> Option<String> {
    let gaps: Vec<String> = answer.gaps.iter().map(|gap| format!("{}: {}", gap.source, gap.why)).collect();
    if gaps.is_empty() { None } else { Some(format!("Gaps: {}", gaps.join("; "))) }
}

pub(crate) fn searched_line(answer: &Answer, cost: Option<Cost>) -> String {
    // A source is named once, however often it was asked.
    let mut by_source: Vec<(&SourceName, Vec<&str>)> = Vec::new();
    for coverage in &answer.searched {
        match by_source.iter_mut().find(|(source, _)| *source == &coverage.source) {
            Some((_, searched)) => searched.push(&coverage.searched),
            None => by_source.push((&coverage.source, vec![&coverage.searched])),
        }
    }
    let searched: Vec<String> =
        by_source.iter().map(|(source, searched)| format!("{source}: {}", searched.join(", "))).collect();
    let searched = if searched.is_empty() { "nothing answered".to_owned() } else { searched.join("; ") };
    let gaps = match answer.gaps.len() {
        0 => "no gaps".to_owned(),
        1 => "1 gap".to_owned(),
        n => format!("{n} gaps"),
    };
    let cost = cost.map_or(String::new(), |cost| format!(" in {:.1} s", cost.elapsed.as_secs_f64()));
    let calibrated = match &answer.calibrated_on {
        Some(CalibratedOn { cases, of, .. }) => {
            format!("; calibrated on {cases} {}", ExternalText::from(of.as_str()).for_people(200))
        }
        None if answer.suspects.is_empty() => String::new(),
        None => format!("; strengths are not calibrated here ({CALIBRATE})"),
    };
    format!("Searched{cost}, {gaps}: {searched}{calibrated}")
}

/// Whom to ask.
pub(crate) fn ask_line(answer: &Answer) -> Option<String> {
    if answer.experts.is_empty() {
        return None;
    }
    let asked: Vec<String> = answer.experts.iter().map(expert_in_short).collect();
    Some(format!("Ask: {}", asked.join(", ")))
}

/// A name, the most telling reason, and the time there if it is night.
fn expert_in_short(expert: &Expert) -> String {
    let why = expert.reasons.iter().find(|reason| is_telling(reason)).or_else(|| expert.reasons.first());
    let mut said: Vec<String> = why.map(|reason| reason.claim.says().to_owned()).into_iter().collect();
    let night = expert.local_time.as_ref().filter(|time| time.is_night);
    said.extend(night.map(|time| format!("{} there", time.clock)));
    let first = if expert.page_first { "page first: " } else { "" };
    format!("{} ({first}{})", expert.name.for_people(40), said.join(", "))
}

/// Markdown's own signs made harmless.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '!' | '@') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
