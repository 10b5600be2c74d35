//! The features of a suspect: what each measures and how it is said. One function a feature; a new feature is a
//! variant in `ranker.rs`, a function here and a weight in `ranker.toml`.

use std::collections::BTreeMap;

use hearback_core::answer::{Claim, Onset};
use hearback_core::change::{Landed, Lines, Nature, Paths, Says, Side};
use hearback_core::evidence::Citation;
use hearback_core::time::{format_length, format_time};
use hearback_core::{Change, ChangeId, ChangeKind, ExternalText};
use jiff::SignedDuration;

use super::authorised::Breach;
use super::harmless::{Purpose, purpose};
use super::suspects::{Candidate, Inputs, hours_before};
use super::suspects_words::{Collection, Counted, Hit};
use crate::gather::SightedDiff;
use crate::ranker::Feature;

/// What a feature saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The feature.
    pub feature: Feature,
    /// In the feature's unit, ≥ 0.
    pub value: f64,
    /// How it is said; `None` for what is measured but not worth a word.
    pub claim: Option<Claim>,
    /// The share of the symptom's information it found, 0 for features that are not about words.
    pub word_share: f64,
}

/// What is worked out once for all candidates.
pub struct Shared<'a> {
    messages: BTreeMap<&'a ChangeId, Counted<'a>>,
    message_words: Collection<'a>,
    diffs: BTreeMap<&'a ChangeId, Counted<'a>>,
    diff_words: Collection<'a>,
    identifiers: Vec<(&'a str, f64)>,
}

impl<'a> Shared<'a> {
    /// Counts the symptom's words in every candidate and every diff.
    pub fn new(inputs: &Inputs<'a>, candidates: &[Candidate<'a>]) -> Self {
        let (query, rule) = (&inputs.scope.words, &inputs.ranker.words);
        let messages: BTreeMap<_, _> = candidates
            .iter()
            .map(|candidate| {
                let change = &candidate.sighted.change;
                let mut counted = Counted::default();
                counted.add(change.title.as_untrusted(), rule.title, query);
                counted.add(change.body.as_untrusted(), rule.body, query);
                for path in change.paths.as_slice() {
                    counted.add(path.path.as_str(), rule.path, query);
                }
                (&change.id, counted)
            })
            .collect();
        let diffs: BTreeMap<_, _> = inputs
            .diffs
            .iter()
            .map(|(id, sighted)| {
                let mut counted = Counted::default();
                for line in sighted.diff.files.iter().flat_map(|file| &file.lines) {
                    counted.add(line.text.as_untrusted(), 1.0, query);
                }
                (id, counted)
            })
            .collect();
        let message_words = Collection::of(query, messages.values(), rule);
        let diff_words = Collection::of(query, diffs.values(), rule);
        let identifiers = identifier_rarity(inputs);
        Shared { messages, message_words, diffs, diff_words, identifiers }
    }
}

/// Measures one candidate. Features that see nothing are left out.
pub fn measure(inputs: &Inputs<'_>, shared: &Shared<'_>, candidate: &Candidate<'_>) -> Vec<Measured> {
    let change = &candidate.sighted.change;
    let mut seen = Vec::new();
    seen.extend(recency(inputs, candidate));
    seen.extend(words(shared, candidate));
    seen.extend(diff_words(inputs, shared, candidate));
    seen.extend(named_file(inputs, candidate));
    seen.extend(named_identifier(inputs, shared, candidate));
    seen.extend(service(inputs, candidate));
    seen.extend(kind(candidate));
    seen.extend(size(candidate));
    seen.extend(reverts(inputs, candidate));
    if change.author.nature == Nature::Bot {
        seen.extend(says(candidate, Feature::Bot, 1.0, "made by a bot".into()));
    }
    seen.extend(harmless_share(candidate));
    if change.landed == Landed::NotYet {
        seen.extend(says(candidate, Feature::NotLanded, 1.0, "not merged by then".into()));
    }
    seen.extend(authorised(inputs, candidate));
    seen
}

fn says(candidate: &Candidate<'_>, feature: Feature, value: f64, text: String) -> Option<Measured> {
    cites(feature, value, text, vec![candidate.citation()])
}

fn cites(feature: Feature, value: f64, text: String, citations: Vec<Citation>) -> Option<Measured> {
    Some(Measured { feature, value, claim: Some(Claim::new(text, citations).ok()?), word_share: 0.0 })
}

fn recency(inputs: &Inputs<'_>, candidate: &Candidate<'_>) -> Option<Measured> {
    let reference = inputs.reference();
    let window_hours = hours_before(inputs.window.from, reference);
    let age_hours = hours_before(candidate.effective_at, reference);
    let value = ((1.0 + window_hours) / (1.0 + age_hours)).ln().max(0.0);
    let before = if inputs.onset.is_some() { "onset" } else { "as-of" };
    let age = format_length(SignedDuration::try_from_secs_f64(age_hours * 3600.0).unwrap_or_default());
    let how = match candidate.rollout {
        Some(_) => "rolled out",
        None if candidate.effective_at > candidate.sighted.change.committed_at => "merged",
        None => "landed",
    };
    says(candidate, Feature::Recency, value, format!("{how} {age} before {before}"))
}

fn words(shared: &Shared<'_>, candidate: &Candidate<'_>) -> Option<Measured> {
    let counted = shared.messages.get(&candidate.sighted.change.id)?;
    let hits = shared.message_words.hits(counted);
    let share = information_share(&hits, &shared.message_words);
    let value = points(&hits);
    let text = format!("message and paths have {}", quoted(&hits));
    let measured = says(candidate, Feature::Words, value, text).filter(|_| !hits.is_empty())?;
    Some(Measured { word_share: share, ..measured })
}

fn diff_words(inputs: &Inputs<'_>, shared: &Shared<'_>, candidate: &Candidate<'_>) -> Option<Measured> {
    let id = &candidate.sighted.change.id;
    let counted = shared.diffs.get(id)?.clone().without(shared.messages.get(id)?);
    let hits = shared.diff_words.hits(&counted);
    let best = hits.first()?;
    let place = find_line(candidate, inputs, |text| {
        let mut found = false;
        crate::words::for_each_term(text, |term, _| found |= term == best.term);
        found
    });
    let citation = place.clone().unwrap_or_else(|| candidate.citation());
    let at = place.as_ref().map(at_place).unwrap_or_default();
    let text = format!("changed lines have {}{at}", quoted(&hits));
    let measured = cites(Feature::DiffWords, points(&hits), text, vec![citation])?;
    Some(Measured { word_share: information_share(&hits, &shared.diff_words), ..measured })
}

fn points(hits: &[Hit<'_>]) -> f64 {
    hits.iter().map(|hit| hit.points).sum()
}

fn information_share(hits: &[Hit<'_>], collection: &Collection<'_>) -> f64 {
    let whole = collection.information();
    if whole > 0.0 { hits.iter().map(|hit| hit.information).sum::<f64>() / whole } else { 0.0 }
}

/// The three most telling words, as the symptom writes them.
fn quoted(hits: &[Hit<'_>]) -> String {
    let shown: Vec<String> = hits
        .iter()
        .take(3)
        .map(|hit| format!("\"{}\"", ExternalText::from(hit.surface).for_people(30)))
        .collect();
    shown.join(", ")
}

fn named_file(inputs: &Inputs<'_>, candidate: &Candidate<'_>) -> Option<Measured> {
    let mut best: Option<(f64, &str)> = None;
    for named in &inputs.scope.named.files {
        for touched in candidate.sighted.change.paths.as_slice() {
            let exactness = exactness(named, touched.path.as_str());
            if exactness > best.map_or(0.0, |(best, _)| best) {
                best = Some((exactness, touched.path.as_str()));
            }
        }
    }
    let (value, path) = best?;
    let text = format!("touches {}, which the symptom names", ExternalText::from(path).for_people(60));
    let citation = Citation { path: Some(path.to_owned()), ..candidate.citation() };
    cites(Feature::NamedFile, value, text, vec![citation])
}

/// 0 if the file names differ, else 1 and half more for every further component they share, up to 2.
fn exactness(named: &str, touched: &str) -> f64 {
    let same = named.rsplit('/').zip(touched.rsplit('/')).take_while(|(a, b)| a == b).count();
    match same {
        0 => 0.0,
        same => (0.5 + 0.5 * same as f64).min(2.0),
    }
}

fn named_identifier(inputs: &Inputs<'_>, shared: &Shared<'_>, candidate: &Candidate<'_>) -> Option<Measured> {
    let mut found = Vec::new();
    let mut value = 0.0;
    for (identifier, rarity) in &shared.identifiers {
        if let Some(citation) = find_line(candidate, inputs, |text| holds_identifier(text, identifier)) {
            found.push((*identifier, citation));
            value += rarity;
        }
    }
    let (first, place) = found.first()?;
    let name = ExternalText::from(*first).for_people(40);
    let text = format!("changes a line with {name}{}", at_place(place));
    let citations = found.iter().map(|(_, citation)| citation.clone()).collect();
    cites(Feature::NamedIdentifier, value.min(3.0), text, citations)
}

/// The named identifiers, the rarest first: 1 for one that stands in a single diff, 0 for one that stands in all.
fn identifier_rarity<'a>(inputs: &Inputs<'a>) -> Vec<(&'a str, f64)> {
    let diffs = inputs.diffs.len() as f64;
    let holds = |diff: &SightedDiff, identifier: &str| {
        let mut lines = diff.diff.files.iter().flat_map(|file| &file.lines);
        lines.any(|line| holds_identifier(line.text.as_untrusted(), identifier))
    };
    let mut rarity: Vec<(&str, f64)> = inputs
        .scope
        .named
        .identifiers
        .iter()
        .map(|identifier| {
            let holding = inputs.diffs.values().filter(|diff| holds(diff, identifier)).count().max(1) as f64;
            (identifier.as_str(), ((1.0 + diffs) / holding).ln() / (1.0 + diffs).ln().max(f64::MIN_POSITIVE))
        })
        .collect();
    rarity.sort_by(|(a, x), (b, y)| y.total_cmp(x).then(a.cmp(b)));
    rarity
}

fn holds_identifier(text: &str, identifier: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(identifier).any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(at + identifier.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// The first changed line that `wanted` accepts, an added one if there is one.
fn find_line(
    candidate: &Candidate<'_>,
    inputs: &Inputs<'_>,
    mut wanted: impl FnMut(&str) -> bool,
) -> Option<Citation> {
    let sighted = inputs.diffs.get(&candidate.sighted.change.id)?;
    let lines = sighted.diff.files.iter().flat_map(|file| file.lines.iter().map(move |line| (file, line)));
    let mut removed = None;
    for (file, line) in lines.filter(|(_, line)| wanted(line.text.as_untrusted())) {
        let citation = Citation {
            evidence: sighted.evidence,
            change: Some(candidate.sighted.change.id.clone()),
            path: Some(file.path.as_str().to_owned()),
            line: Some(line.line),
        };
        if line.side == Side::Added {
            return Some(citation);
        }
        removed.get_or_insert(citation);
    }
    removed
}

fn at_place(citation: &Citation) -> String {
    match (&citation.path, citation.line) {
        (Some(path), Some(line)) => format!(" ({}:{line})", ExternalText::from(path.as_str()).for_people(60)),
        _ => String::new(),
    }
}

fn service(inputs: &Inputs<'_>, candidate: &Candidate<'_>) -> Option<Measured> {
    let change = &candidate.sighted.change;
    let wanted = &inputs.scope.services;
    if wanted.is_empty() {
        return None;
    }
    let repository = change.source.as_str().split_once(':').map_or("", |(_, instance)| instance);
    if let Some(hit) = wanted.iter().find(|name| concerns(inputs, change, repository, name.as_str())) {
        return says(candidate, Feature::Service, 1.0, format!("concerns {hit}"));
    }
    let others: Vec<&str> = match change.paths.as_slice() {
        [] => change.services.iter().map(|service| service.as_str()).collect(),
        paths => {
            let owner =
                |path: &str| inputs.catalog.services.iter().find(|service| service.owns(repository, path));
            let owners: Option<Vec<_>> = paths.iter().map(|path| owner(path.path.as_str())).collect();
            owners?.iter().map(|service| service.name.as_str()).collect()
        }
    };
    let text = format!("concerns {}, not {}", others.first()?, wanted.first()?);
    says(candidate, Feature::OtherService, 1.0, text)
}

/// By its source's word, by the catalog's paths, or by a path component or repository of that name.
fn concerns(inputs: &Inputs<'_>, change: &Change, repository: &str, service: &str) -> bool {
    let known = inputs.catalog.find(service);
    let called = |name: &str| {
        name.eq_ignore_ascii_case(service)
            || known.is_some_and(|known| known.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name)))
    };
    let stem =
        |component: &str| component.split_once('.').map_or(component.to_owned(), |(stem, _)| stem.to_owned());
    change.services.iter().any(|name| called(name.as_str()))
        || called(repository)
        || change.paths.as_slice().iter().any(|path| {
            known.is_some_and(|known| known.owns(repository, path.path.as_str()))
                || path
                    .path
                    .as_str()
                    .split('/')
                    .any(|component| called(component) || called(&stem(component)))
        })
}

fn kind(candidate: &Candidate<'_>) -> Option<Measured> {
    let feature = match candidate.sighted.change.kind {
        ChangeKind::Deploy => Feature::Deploy,
        ChangeKind::Config => Feature::Config,
        ChangeKind::Flag => Feature::Flag,
        ChangeKind::Infra => Feature::Infra,
        ChangeKind::Migration => Feature::Migration,
        ChangeKind::Certificate => Feature::Certificate,
        ChangeKind::Schedule => Feature::Schedule,
        ChangeKind::Commit => return None,
    };
    says(candidate, feature, 1.0, format!("a {} change", candidate.sighted.change.kind))
}

fn size(candidate: &Candidate<'_>) -> Option<Measured> {
    let paths = candidate.sighted.change.paths.as_slice();
    let lines: u64 = paths
        .iter()
        .map(|path| match path.lines {
            Lines::Counted { added, deleted } => u64::from(added) + u64::from(deleted),
            Lines::Binary | Lines::Unknown => 0,
        })
        .sum();
    let text = format!("{lines} lines in {} files", paths.len());
    let text = if paths.len() == 1 { format!("{lines} lines in one file") } else { text };
    says(candidate, Feature::Size, (1.0 + lines as f64).ln(), text).filter(|_| lines > 0)
}

fn reverts(inputs: &Inputs<'_>, candidate: &Candidate<'_>) -> Vec<Measured> {
    let revert = &candidate.sighted.change.revert;
    let mut seen = Vec::new();
    if revert.says == Says::Relands || !revert.relands.is_empty() {
        seen.extend(says(candidate, Feature::Reland, 1.0, "lands again what was reverted before".into()));
    } else if revert.says == Says::Reverts {
        seen.extend(says(candidate, Feature::IsRevert, 1.0, "is itself a revert".into()));
    }
    let after = |onset: &Onset| revert.reverted_by.iter().find(|by| by.at > onset.latest);
    if let Some(by) = inputs.onset.and_then(after) {
        let citation = Citation { change: Some(by.by.clone()), ..candidate.citation() };
        let text = format!("rolled back at {}, after the onset", format_time(by.at));
        seen.extend(cites(Feature::RolledBackSince, 1.0, text, vec![citation]));
    }
    seen
}

fn harmless_share(candidate: &Candidate<'_>) -> Option<Measured> {
    let Paths::Known(paths) = &candidate.sighted.change.paths else { return None };
    let harmless = paths.iter().filter(|path| purpose(&path.path) != Purpose::Runs).count();
    if harmless == 0 {
        return None;
    }
    let text = format!("{harmless} of {} files are documentation or tests", paths.len());
    says(candidate, Feature::HarmlessShare, harmless as f64 / paths.len() as f64, text)
}

fn authorised(inputs: &Inputs<'_>, candidate: &Candidate<'_>) -> Vec<Measured> {
    let Some(judged) = inputs.judged.get(&candidate.sighted.change.id) else { return Vec::new() };
    let of = |feature, value, claim: &Claim| Measured {
        feature,
        value,
        claim: Some(claim.clone()),
        word_share: 0.0,
    };
    let feature = |breach: &Breach| match breach {
        Breach::InFreeze { .. } => Feature::InFreeze,
        Breach::NeitherReviewedNorDeployed { .. } => Feature::Unauthorised,
    };
    // Two freezes at once are one reason; the first is said.
    let mut seen: Vec<Measured> = Vec::new();
    for breach in &judged.breaches {
        if !seen.iter().any(|measured| measured.feature == feature(breach)) {
            seen.push(of(feature(breach), 1.0, breach.because()));
        }
    }
    // What is allowed counts nothing and is said all the same.
    if let (true, Some(claim)) = (seen.is_empty(), judged.allowed.first()) {
        seen.push(of(Feature::InFreeze, 0.0, claim));
    }
    seen
}
