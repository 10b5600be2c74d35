//! A person as an expert: signs of one kind become one reason in words, with its points and its evidence; the local time.
//! Pure; it must not know how anything was measured.

use hearback_core::answer::{Claim, Part, Reason};
use hearback_core::evidence::Citation;
use hearback_core::expertise::{Expert, LocalTime, OnCall, ZoneFrom};
use hearback_core::time::{format_length, format_time};
use hearback_core::{ChangeId, EvidenceId, ExternalText};
use jiff::{SignedDuration, Timestamp};

use super::rules::{ExpertRules, Sign};
use super::{Near, Profile};

/// It is night from this hour on, and before that one.
const NIGHT: (i64, i64) = (22, 7);
/// What stands out by less is no reason.
const TELLING: f64 = 0.05;

/// A kind of reason, and its signs.
const KINDS: &[(&str, &[Sign])] = &[
    ("owns", &[Sign::Owns]),
    ("made", &[Sign::Made]),
    ("landed", &[Sign::LandedSuspect]),
    (
        "reverts",
        &[Sign::Reverts, Sign::RevertsLately, Sign::LastRevert, Sign::OwnReverts, Sign::TakesBackTheirs],
    ),
    ("lines", &[Sign::Lines]),
    ("places", &[Sign::Folders, Sign::NamedFiles]),
    ("words", &[Sign::Words]),
    ("active", &[Sign::Recent, Sign::Year]),
    ("lands", &[Sign::Lands]),
    ("hour", &[Sign::Hour]),
];

/// What a kind counts for somebody of whom nothing is known.
fn nothing_known(rules: &ExpertRules, signs: &[Sign]) -> f64 {
    signs.iter().map(|sign| rules.weight(*sign) * sign.of_nobody()).sum()
}

fn points(rules: &ExpertRules, profile: &Profile, signs: &[Sign]) -> f64 {
    signs.iter().map(|sign| rules.weight(*sign) * profile.value(*sign)).sum()
}

pub(super) fn expert(
    rules: &ExpertRules,
    profile: &Profile,
    evidence: EvidenceId,
    as_of: Timestamp,
) -> Expert {
    let mut reasons: Vec<Reason> = Vec::new();
    for (kind, signs) in KINDS {
        let Some((says, change)) = says(kind, profile, as_of) else { continue };
        let points = points(rules, profile, signs);
        let stands_out = points - nothing_known(rules, signs);
        // What speaks against somebody is in the score; nobody is told that they know little.
        if stands_out < TELLING && !(*kind == "lines" && explains(profile)) {
            continue;
        }
        let citation = Citation { change, ..Citation::of(evidence) };
        let Ok(claim) = Claim::new(says, vec![citation]) else { continue };
        let parts = signs.iter().filter(|sign| profile.value(**sign) != 0.0).map(|sign| Part {
            feature: sign.name().to_owned(),
            value: rounded(profile.value(*sign)),
            weight: rules.weight(*sign),
        });
        reasons.push(Reason {
            feature: (*kind).to_owned(),
            points: rounded(points),
            stands_out: rounded(stands_out),
            parts: parts.collect(),
            claim,
        });
    }
    reasons.sort_by(|a, b| b.stands_out.total_cmp(&a.stands_out).then_with(|| a.feature.cmp(&b.feature)));
    if let Some((source, duty)) = &profile.on_call
        && let Ok(claim) = Claim::new(on_call(source.as_str(), duty), vec![Citation::of(evidence)])
    {
        let feature = "on_call".to_owned();
        reasons.insert(0, Reason { feature, points: 0.0, stands_out: 0.0, parts: Vec::new(), claim });
    }
    Expert {
        rank: profile.place,
        name: profile.name.clone(),
        handle: profile.handle.clone(),
        on_call: profile.on_call.is_some(),
        page_first: false,
        local_time: local_time(profile, as_of),
        score: rounded(profile.score(rules)),
        reasons,
    }
}

fn on_call(source: &str, duty: &OnCall) -> String {
    let services: Vec<&str> = duty.services.iter().map(|service| service.as_str()).collect();
    let services = if services.is_empty() { String::new() } else { format!(" for {}", services.join(", ")) };
    let source = ExternalText::from(source).for_people(60);
    format!("on call{services} until {} by {source}", format_time(duty.window.until))
}

/// A kind of reason in words, and the change that it is about.
fn says(kind: &str, profile: &Profile, as_of: Timestamp) -> Option<(String, Option<ChangeId>)> {
    let ago = |at: Timestamp| format_length(as_of.duration_since(at));
    let about = |ids: &[ChangeId]| ids.first().map(short);
    Some(match kind {
        "owns" => {
            let owns: Vec<String> = profile
                .owns
                .iter()
                .take(2)
                .map(|text| ExternalText::from(text.as_str()).for_people(80))
                .collect();
            (format!("owns {}", non_empty(owns.join("; "))?), None)
        }
        "made" => (format!("made {}", about(&profile.made)?), profile.made.first().cloned()),
        "landed" => (format!("brought in {}", about(&profile.landed)?), profile.landed.first().cloned()),
        "reverts" => {
            let times = match profile.reverts {
                0 => return None,
                1 => "once".to_owned(),
                n => format!("{n} times"),
            };
            (format!("took changes back {times} in a year, last {} ago", ago(profile.last_revert_at?)), None)
        }
        "lines" => {
            let near = profile.near.as_ref()?;
            (lines(near), Some(near.change.clone()))
        }
        "places" => {
            let changes = match profile.in_folders {
                0 => "worked on the files that the symptom names".to_owned(),
                1 => "made 1 other change in the same folders".to_owned(),
                n => format!("made {n} other changes in the same folders"),
            };
            (changes, None)
        }
        "words" => {
            let words: Vec<String> =
                profile.words.iter().map(|word| ExternalText::from(word.as_str()).for_people(30)).collect();
            (format!("worked on {}", non_empty(words.join(", "))?), None)
        }
        "active" => (format!("active {} ago", ago(profile.last_at?)), None),
        "lands" => ("brings in changes of others".to_owned(), None),
        "hour" => ("often at work at this hour".to_owned(), None),
        _ => return None,
    })
}

/// Whose lines a suspect touched helps whoever asks, however little it says of who will act: it is told of whoever wrote a
/// tenth of them or more.
fn explains(profile: &Profile) -> bool {
    profile.near.as_ref().is_some_and(|near| near.lines > 0 && near.lines >= near.of.div_ceil(10))
}

fn lines(near: &Near) -> String {
    let path = ExternalText::from(near.path.as_str()).for_people(80);
    let of = if near.of == 1 { "line".to_owned() } else { format!("of the {} lines", near.of) };
    let (suspect, before) = (short(&near.change), format_length(near.before));
    format!("wrote {} {of} next to {suspect} in {path}, {before} before", near.lines)
}

fn non_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn short(id: &ChangeId) -> String {
    match id.sha() {
        Some(sha) => sha.chars().take(10).collect(),
        None => ExternalText::from(id.as_str()).for_people(40),
    }
}

/// What time it is there: in the configured zone, else by the clock of their newest commits.
fn local_time(profile: &Profile, as_of: Timestamp) -> Option<LocalTime> {
    let (zone, ahead, from) = match (&profile.zone, profile.clock) {
        (Some((zone, ahead)), _) => (zone.clone(), *ahead, ZoneFrom::Configured),
        (None, Some(ahead)) => (offset(ahead), ahead, ZoneFrom::Commits),
        (None, None) => return None,
    };
    let minutes = (as_of.as_second() + ahead.as_secs()).rem_euclid(86_400) / 60;
    let (hour, minute) = (minutes / 60, minutes % 60);
    Some(LocalTime {
        clock: format!("{hour:02}:{minute:02}"),
        zone,
        from,
        is_night: hour >= NIGHT.0 || hour < NIGHT.1,
    })
}

fn offset(ahead: SignedDuration) -> String {
    let minutes = ahead.as_secs() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("UTC{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
