//! The features of a suspect: what each measures, as numbers. A new feature is a variant in `features.rs`, a line here,
//! a weight in `ranker.toml`, and, if it makes a new kind of reason, its words in `suspects_reasons.rs`.

use std::sync::LazyLock;

use hearback_core::change::{Landed, Paths, Says};
use hearback_core::{Change, ChangeKind};
use regex::Regex;

use super::authorised::Breach;
use super::harmless::{Purpose, is_setting, purpose};
use super::suspects::{Candidate, Inputs};
use super::suspects_lines::ChangedLines;
use super::suspects_pool::{Member, Pool};
use crate::features::{Feature, Values};

/// The ages from which the clock counts differently, in minutes.
const AGES: [(Feature, f64); 4] = [
    (Feature::AgeOver15Min, 15.0),
    (Feature::AgeOver1H, 60.0),
    (Feature::AgeOver1D, 1_440.0),
    (Feature::AgeOver3D, 4_320.0),
];

static SAYS_FIX: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)\b(?:fix|typo|follow-?up|missing|oops|correct)").ok());

/// Measures the candidate at `index`.
pub fn measure(
    inputs: &Inputs<'_>,
    pool: &Pool<'_>,
    lines: Option<&ChangedLines<'_>>,
    index: usize,
    candidate: &Candidate<'_>,
) -> Values {
    let mut values = Values::default();
    let Some(member) = pool.members.get(index) else { return values };
    let change = &candidate.sighted.change;
    words(pool, member, &mut values);
    changed_lines(pool, lines, index, member, &mut values);
    recency(pool, member, &mut values);
    values.set(Feature::NamedFile, named_file(inputs, change).map_or(0.0, |(exactness, _)| exactness));
    match service(inputs, change) {
        Some(Concern::Affected(_)) => values.set(Feature::Service, 1.0),
        Some(Concern::Others(_)) => values.set(Feature::OtherService, 1.0),
        None => {}
    }
    if let Some(kind) = kind(change.kind) {
        values.set(kind, 1.0);
    }
    size_and_files(change, &mut values);
    let title = change.title.as_untrusted();
    values.set(Feature::SaysFix, flag(SAYS_FIX.iter().any(|regex| regex.is_match(title))));
    values.set(Feature::TitleLength, ln_1(title.chars().count() as f64));
    let revert = &change.revert;
    if revert.says == Says::Relands || !revert.relands.is_empty() {
        values.set(Feature::Reland, 1.0);
    } else if revert.says == Says::Reverts {
        values.set(Feature::IsRevert, 1.0);
    }
    let since = inputs.onset.is_some_and(|onset| revert.reverted_by.iter().any(|by| by.at > onset.latest));
    values.set(Feature::RolledBackSince, flag(since));
    values.set(Feature::AuthorChanges, ln_1(member.author_changes));
    values.set(Feature::Retouched, flag(member.retouched));
    values.set(Feature::Series, flag(member.series));
    values.set(Feature::NotLanded, flag(change.landed == Landed::NotYet));
    if let Some(judged) = inputs.judged.get(&change.id) {
        for breach in &judged.breaches {
            values.set(breach_feature(breach), 1.0);
        }
    }
    values
}

/// The feature of a breach.
pub fn breach_feature(breach: &Breach) -> Feature {
    match breach {
        Breach::InFreeze { .. } => Feature::InFreeze,
        Breach::NeitherReviewedNorDeployed { .. } => Feature::Unauthorised,
    }
}

fn flag(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

fn ln_1(value: f64) -> f64 {
    (1.0 + value).ln()
}

fn recency(pool: &Pool<'_>, member: &Member, values: &mut Values) {
    let minutes = member.age_hours * 60.0;
    let (age, newer) = (ln_1(minutes), ln_1(member.newer));
    values.set(Feature::Age, age);
    for (feature, limit) in AGES {
        values.set(feature, (age - ln_1(limit)).max(0.0));
    }
    values.set(Feature::Newer, newer);
    let symptom = ln_1(pool.rarity.whole());
    values.set(Feature::AgeXSymptom, age * symptom);
    values.set(Feature::AgeXWords, age * member.by_message);
    values.set(Feature::AgeXRarest, age * pool.rarity.rarest_of(&member.message));
}

fn words(pool: &Pool<'_>, member: &Member, values: &mut Values) {
    values.set(Feature::BodyWords, pool.body.score(&member.body, &pool.rarity));
    values.set(Feature::WordsPlace, pool.by_message.place(member.by_message));
    values.set(Feature::TitlePlace, pool.by_title.place(member.by_title));
    values.set(Feature::PathPlace, pool.by_paths.place(member.by_paths));
}

fn changed_lines(
    pool: &Pool<'_>,
    lines: Option<&ChangedLines<'_>>,
    index: usize,
    member: &Member,
    values: &mut Values,
) {
    let best_all = lines.map_or(pool.best_words, |lines| lines.best_all);
    let seen = lines.and_then(|lines| Some((lines, lines.members.get(&index)?)));
    let Some((of_all, own)) = seen else {
        // What was not read has the words of its message.
        values.set(Feature::DiffWordCount, member.message.numbers().count() as f64);
        let share_of_message = share(pool.rarity.information_of(&member.message), pool.rarity.whole());
        values.set(Feature::DiffWordShare, share_of_message);
        values.set(Feature::WordsBesideBest, share(member.by_message, best_all));
        return;
    };
    let rarity = &of_all.rarity;
    values.set(Feature::RemovedWords, of_all.removed.score(&own.removed, rarity));
    values.set(Feature::DiffWords, own.by_beyond);
    let rarest = rarity.rarest_of(&own.added).max(rarity.rarest_of(&own.removed));
    values.set(Feature::RarestDiffWord, rarest);
    values.set(Feature::DiffWordCount, own.all.numbers().count() as f64);
    values.set(Feature::DiffWordShare, share(pool.rarity.information_of(&own.all), pool.rarity.whole()));
    values.set(Feature::DiffWordsPlace, of_all.by_beyond.place(own.by_beyond));
    values.set(Feature::WordsBesideBest, share(member.by_message + own.by_beyond, best_all));
    let rarities = own.identifiers.iter().filter_map(|place| of_all.identifiers.get(*place));
    values.set(Feature::NamedIdentifier, rarities.map(|(_, rarity)| rarity).sum::<f64>().min(3.0));
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// How exactly a change touches a file that the symptom names, and which.
pub fn named_file<'c>(inputs: &Inputs<'_>, change: &'c Change) -> Option<(f64, &'c str)> {
    let mut best: Option<(f64, &str)> = None;
    for named in &inputs.scope.named.files {
        for touched in change.paths.as_slice() {
            let exactness = exactness(named, touched.path.as_str());
            if exactness > best.map_or(0.0, |(best, _)| best) {
                best = Some((exactness, touched.path.as_str()));
            }
        }
    }
    best
}

/// 0 if the file names differ, else 1 and half more for every further component they share, up to 2.
fn exactness(named: &str, touched: &str) -> f64 {
    let same = named.rsplit('/').zip(touched.rsplit('/')).take_while(|(a, b)| a == b).count();
    match same {
        0 => 0.0,
        same => (0.5 + 0.5 * same as f64).min(2.0),
    }
}

/// Which services a change concerns, seen from the question.
pub enum Concern<'a> {
    /// An affected one.
    Affected(&'a str),
    /// Others only; the first of them.
    Others(&'a str),
}

/// Which services `change` concerns, if the question is about services.
pub fn service<'a>(inputs: &Inputs<'a>, change: &'a Change) -> Option<Concern<'a>> {
    let wanted = &inputs.scope.services;
    if wanted.is_empty() {
        return None;
    }
    let repository = change.source.as_str().split_once(':').map_or("", |(_, instance)| instance);
    if let Some(hit) = wanted.iter().find(|name| concerns(inputs, change, repository, name.as_str())) {
        return Some(Concern::Affected(hit.as_str()));
    }
    match change.paths.as_slice() {
        [] => change.services.first().map(|service| Concern::Others(service.as_str())),
        paths => {
            let owner =
                |path: &str| inputs.catalog.services.iter().find(|service| service.owns(repository, path));
            let owners: Option<Vec<_>> = paths.iter().map(|path| owner(path.path.as_str())).collect();
            owners?.first().map(|service| Concern::Others(service.name.as_str()))
        }
    }
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

fn kind(kind: ChangeKind) -> Option<Feature> {
    Some(match kind {
        ChangeKind::Deploy => Feature::Deploy,
        ChangeKind::Config => Feature::Config,
        ChangeKind::Flag => Feature::Flag,
        ChangeKind::Infra => Feature::Infra,
        ChangeKind::Migration => Feature::Migration,
        ChangeKind::Certificate => Feature::Certificate,
        ChangeKind::Schedule => Feature::Schedule,
        ChangeKind::Commit => return None,
    })
}

fn size_and_files(change: &Change, values: &mut Values) {
    let Paths::Known(paths) = &change.paths else { return };
    if paths.is_empty() {
        return;
    }
    let all = paths.len() as f64;
    values.set(Feature::FileCount, ln_1(all));
    let share_of = |holds: &dyn Fn(&hearback_core::change::RepoPath) -> bool| {
        paths.iter().filter(|path| holds(&path.path)).count() as f64 / all
    };
    values.set(Feature::DocsShare, share_of(&|path| purpose(path) == Purpose::Documentation));
    values.set(Feature::TestsShare, share_of(&|path| purpose(path) == Purpose::Test));
    values.set(Feature::SettingsShare, share_of(&|path| is_setting(path)));
}
