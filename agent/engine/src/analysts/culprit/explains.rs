//! Does a change explain the failure? When it reached the service that fails first, what it changes there, and whether that
//! is what the errors speak of; and what speaks against it. It must not know what else could be the cause.

use std::collections::{BTreeMap, BTreeSet};

use hearback_core::change::Side;
use hearback_core::evidence::Citation;
use hearback_core::time::{format_length, format_time};
use hearback_core::{Change, ChangeId, ChangeKind, ExternalText, Series, ServiceName, SignalKind};
use jiff::{SignedDuration, Timestamp};

use super::effect::{Effect, is_manifest};
use super::failing::{Failed, SeenIn};
use super::growth::{Began, Growth};
use super::mechanism::{Manner, mechanism};
use super::names::Names;
use super::rules::{CulpritRules, Rule};
use super::symptom::{Symptom, says_something};
use super::text::{Named, Rarity, SHORTEST_BEGINNING, Text, matches};
use crate::analysts::rollout::{is_rollout, is_to_production};
use crate::analysts::signature::short;
use crate::gather::{Sighted, SightedDiff};
use hearback_core::words::{for_each_term, terms};

/// When the service that fails first left its course, long before it failed, and in which series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Deviation<'a> {
    /// The series.
    pub series: &'a Series,
    /// How it rises.
    pub growth: Growth,
}

impl Deviation<'_> {
    /// The beginning of a slow rise is known to a twentieth of its length.
    fn slack(&self, began: Timestamp) -> SignedDuration {
        (began.duration_since(self.growth.since) / 20).max(SLACK)
    }

    fn says(&self) -> String {
        let Growth { since, began, from, to } = self.growth;
        let query = ExternalText::from(self.series.query.as_str()).for_people(60);
        let since = match began {
            Began::Seen => format!("since {}", format_time(since)),
            Began::Before => format!("since {} or before", format_time(since)),
        };
        format!("{query} rose from {} to {} {since}", short(from), short(to))
    }
}

/// What is looked at.
pub struct Inquiry<'a> {
    /// The weights.
    pub rules: &'a CulpritRules,
    /// The changes.
    pub changes: &'a [Sighted],
    /// Their lines.
    pub diffs: &'a BTreeMap<ChangeId, SightedDiff>,
    /// The service that fails first.
    pub first: &'a Failed<'a>,
    /// When it began to fail.
    pub began: Timestamp,
    /// When it left its course, if that was long before.
    pub deviation: Option<Deviation<'a>>,
    /// What it says.
    pub symptom: &'a Symptom,
    /// Whom it calls.
    pub callees: &'a BTreeSet<&'a ServiceName>,
    /// Whether it calls more often than it did.
    pub repeats: bool,
    /// Who is known by name.
    pub names: &'a Names,
}

/// One reason for or against.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The rule.
    pub rule: Rule,
    /// What it counts.
    pub points: f64,
    /// In words, for people.
    pub says: String,
    /// What it rests on: what is listed of the change, and its lines where they were read.
    pub citations: Vec<Citation>,
}

/// How far a change explains the failure.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained<'a> {
    /// The change.
    pub sighted: &'a Sighted,
    /// What brought it to the service, or the change itself.
    pub arrived: Option<Arrival<'a>>,
    /// What it does.
    pub effect: Effect,
    /// The reasons.
    pub points: Vec<Point>,
    /// Their sum.
    pub score: f64,
    /// Whether it says what failed, not only when and where.
    pub tells: bool,
    /// The file, and the line if it is known, that explains it.
    pub place: Option<String>,
    /// Why it can't have been: it came too late, or changes nothing.
    pub ruled_out: Option<String>,
}

impl Explained<'_> {
    /// Whether it is known to have reached the service that fails first.
    pub fn has_reached(&self) -> bool {
        self.arrived.is_some_and(|arrived| matches!(arrived.how, How::Delivered | How::Carried))
    }
}

/// How a change reached a service.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arrival<'a> {
    /// The rollout, or the change itself.
    pub by: &'a Change,
    /// When.
    pub at: Timestamp,
    /// To where, and how.
    pub how: How,
}

/// How a change reached the service that fails first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// A rollout of it, or a change made to it.
    Delivered,
    /// A rollout that is of another change brought it along.
    Carried,
    /// Nobody says where it went: it is a commit, and no rollout is known of the service at all.
    Unsaid,
    /// It reached a service that is called.
    Called,
    /// It reached another service.
    Elsewhere,
}

/// Until so long before the failure a change is fresh.
const FRESH: SignedDuration = SignedDuration::from_mins(15);
/// From here on it is old.
const OLD: SignedDuration = SignedDuration::from_hours(2);
/// Clocks and minutes of graphs: as much later is not later.
const SLACK: SignedDuration = SignedDuration::from_secs(30);
/// From so many words of the failure on a change speaks of it: rare words, that stand in what it changes, count one each.
const SPEAKS: f64 = 1.3;
/// And from so many on, where few words are there to speak with.
const SPEAKS_TERSELY: f64 = 0.65;
/// So many words say nearly all that words can: each one more says less.
const ENOUGH_WORDS: f64 = 1.5;
/// A reason is at most so many characters long.
const LONGEST_REASON: usize = 300;
/// From this weight on a word of the failure names something.
const NAMES: f64 = 0.5;

/// How far each change explains the failure, the one that does best first; equals by time, then by id.
pub fn explained<'a>(inquiry: &Inquiry<'a>) -> Vec<Explained<'a>> {
    let texts: Vec<Text<'_>> =
        inquiry.changes.iter().map(|sighted| Text::of(sighted, inquiry.diffs)).collect();
    let rarity = Rarity::of(&texts, inquiry.symptom);
    let knows_rollouts = inquiry.changes.iter().any(|sighted| {
        is_rollout(&sighted.change) && sighted.change.services.contains(inquiry.first.service)
    });
    let there: BTreeSet<&ChangeId> = inquiry.changes.iter().map(|sighted| &sighted.change.id).collect();
    let brought = brought(inquiry);
    let names_a_file_touched = texts.iter().any(|text| text.named_file(inquiry.symptom).is_some());
    let mut all: Vec<Explained<'a>> = inquiry
        .changes
        .iter()
        .zip(&texts)
        .filter(|(sighted, _)| !stands_for_others(&sighted.change, &there))
        .map(|(sighted, text)| {
            let about = About {
                inquiry,
                sighted,
                text,
                rarity: &rarity,
                knows_rollouts,
                brought: brought.get(&sighted.change.id).map_or(&[], Vec::as_slice),
                names_a_file_touched,
            };
            about.explained()
        })
        .collect();
    all.sort_by(|a, b| {
        let by_time = || b.sighted.change.effective_at.cmp(&a.sighted.change.effective_at);
        b.score
            .total_cmp(&a.score)
            .then_with(by_time)
            .then_with(|| a.sighted.change.id.cmp(&b.sighted.change.id))
    });
    all
}

/// A rollout is told through what it brought, if that is there; a merge through what it merged.
fn stands_for_others(change: &Change, there: &BTreeSet<&ChangeId>) -> bool {
    change.is_merge() || (is_rollout(change) && change.delivers.iter().any(|id| there.contains(id)))
}

/// What each change was brought by: rollouts to production, or, of services that none is said to be to production of, all.
fn brought<'a>(inquiry: &Inquiry<'a>) -> BTreeMap<&'a ChangeId, Vec<&'a Change>> {
    let rollouts =
        || inquiry.changes.iter().map(|sighted| &sighted.change).filter(|deploy| is_rollout(deploy));
    let in_production: BTreeSet<&ServiceName> =
        rollouts().filter(|deploy| is_to_production(deploy)).flat_map(|deploy| &deploy.services).collect();
    let elsewhere = |deploy: &Change| {
        !is_to_production(deploy) && deploy.services.iter().any(|service| in_production.contains(service))
    };
    let mut brought: BTreeMap<&ChangeId, Vec<&Change>> = BTreeMap::new();
    for deploy in rollouts().filter(|deploy| !elsewhere(deploy)) {
        for id in &deploy.delivers {
            brought.entry(id).or_default().push(deploy);
        }
    }
    brought
}

/// A change under inquiry.
struct About<'i, 'a> {
    inquiry: &'i Inquiry<'a>,
    sighted: &'a Sighted,
    text: &'i Text<'a>,
    rarity: &'i Rarity,
    knows_rollouts: bool,
    /// The rollouts that brought it.
    brought: &'i [&'a Change],
    names_a_file_touched: bool,
}

impl<'a> About<'_, 'a> {
    fn explained(&self) -> Explained<'a> {
        let arrived = self.arrival();
        let mut explained = Explained {
            sighted: self.sighted,
            arrived,
            effect: self.text.effect,
            points: Vec::new(),
            score: 0.0,
            tells: false,
            place: None,
            ruled_out: None,
        };
        self.when_and_where(&mut explained);
        self.what(&mut explained);
        self.against(&mut explained);
        explained.score = explained.points.iter().map(|point| point.points).sum();
        explained
    }

    fn point(&self, explained: &mut Explained<'a>, rule: Rule, share: f64, says: String) {
        let points = share * self.inquiry.rules.weight(rule);
        if points != 0.0 {
            let change = Some(self.sighted.change.id.clone());
            let of = |evidence| Citation { change: change.clone(), ..Citation::of(evidence) };
            let lines = self.inquiry.diffs.get(&self.sighted.change.id).filter(|_| rule.reads_lines());
            let citations = std::iter::once(self.sighted.evidence)
                .chain(lines.map(|lines| lines.evidence))
                .map(of)
                .collect();
            let says = ExternalText::new(says).for_people(LONGEST_REASON);
            explained.points.push(Point { rule, points, says, citations });
        }
    }

    /// How it reached the service that fails first: the last rollout of it that was in time, else the first that was not.
    fn arrival(&self) -> Option<Arrival<'a>> {
        let Inquiry { first, callees, began, .. } = self.inquiry;
        let change = &self.sighted.change;
        let to = |services: &[ServiceName], otherwise: How| match () {
            () if services.contains(first.service) => otherwise,
            () if services.iter().any(|service| callees.contains(service)) => How::Called,
            () => How::Elsewhere,
        };
        if change.kind != ChangeKind::Commit {
            let how =
                if change.services.is_empty() { How::Unsaid } else { to(&change.services, How::Delivered) };
            return Some(Arrival { by: change, at: change.effective_at, how });
        }
        let brings = self.brought.iter().map(|deploy| {
            let is_of_it = deploy.delivers.first() == Some(&change.id);
            let how = to(&deploy.services, if is_of_it { How::Delivered } else { How::Carried });
            Arrival { by: deploy, at: deploy.effective_at, how }
        });
        let is_in_time = |arrival: &Arrival<'_>| arrival.at.duration_since(*began) <= SLACK;
        let in_time = brings.clone().filter(is_in_time);
        let last = in_time.min_by_key(|arrival| (arrival.how, std::cmp::Reverse(arrival.at)));
        if let Some(arrival) = last.or_else(|| brings.min_by_key(|arrival| (arrival.how, arrival.at))) {
            return Some(arrival);
        }
        (!self.knows_rollouts).then_some(Arrival { by: change, at: change.effective_at, how: How::Unsaid })
    }

    fn when_and_where(&self, explained: &mut Explained<'a>) {
        let Inquiry { first, began, deviation, .. } = self.inquiry;
        let Some(arrived) = explained.arrived else {
            let says = format!("no rollout brought it to {} before it failed", first.service);
            explained.ruled_out = Some(says.clone());
            self.point(explained, Rule::NeverArrived, 1.0, says);
            return;
        };
        let before = |of: Timestamp| format_length(of.duration_since(arrived.at).max(SignedDuration::ZERO));
        let reference = deviation.map_or(*began, |deviation| deviation.growth.since);
        if arrived.at.duration_since(*began) > SLACK {
            let says = format!(
                "took effect at {}, {} had been failing since {}",
                format_time(arrived.at),
                first.service,
                format_time(*began)
            );
            explained.ruled_out = Some(says.clone());
            self.point(explained, Rule::NeverArrived, 1.0, says);
            return;
        }
        if let Some(deviation) = deviation
            && arrived.at.duration_since(deviation.growth.since) > deviation.slack(*began)
        {
            let says = format!(
                "took effect at {}; {} had left its course before: {}",
                format_time(arrived.at),
                first.service,
                deviation.says()
            );
            explained.ruled_out = Some(says.clone());
            self.point(explained, Rule::NeverArrived, 1.0, says);
            return;
        }
        let ahead = reference.duration_since(arrived.at);
        let until = if deviation.is_some() { "it left its course" } else { "it failed" };
        let by = match arrived.by.kind {
            ChangeKind::Deploy => format!(" ({})", arrived.by.title.for_people(40)),
            _ => String::new(),
        };
        let (rule, what) = match arrived.how {
            How::Delivered => (Rule::Delivered, format!("reached {}", first.service)),
            How::Carried => (Rule::Carried, format!("reached {} along with others", first.service)),
            How::Called => (Rule::Elsewhere, format!("reached a service that {} calls", first.service)),
            How::Unsaid => (Rule::Elsewhere, "took effect".to_owned()),
            How::Elsewhere => (Rule::Elsewhere, "reached another service".to_owned()),
        };
        let share = if arrived.how == How::Elsewhere { -5.0 } else { 1.0 };
        self.point(explained, rule, share, format!("{what} {} before {until}{by}", before(reference)));
        if ahead <= FRESH {
            self.point(explained, Rule::Fresh, 1.0, String::new());
        } else if ahead > OLD {
            self.point(explained, Rule::Old, 1.0, String::new());
        }
        let reached = matches!(arrived.how, How::Delivered | How::Carried | How::Unsaid);
        if let Some(deviation) = deviation.filter(|_| reached) {
            let (share, says) = match deviation.growth.began {
                Began::Seen if ahead <= FRESH => {
                    (1.0, format!("{} left its course then: {}", first.service, deviation.says()))
                }
                // Whoever came last before a rise whose beginning nobody saw.
                Began::Before if self.is_last_before(arrived, deviation.growth.since) => {
                    (0.75, format!("came last before {}", deviation.says()))
                }
                _ => return,
            };
            self.point(explained, Rule::Deviation, share, says);
            explained.tells |= match deviation.growth.began {
                Began::Seen => arrived.how == How::Delivered || self.mechanism().is_some(),
                Began::Before => self.mechanism().is_some(),
            };
        }
    }

    /// Whether nothing else was brought to the service between an arrival and a moment.
    fn is_last_before(&self, arrived: Arrival<'_>, moment: Timestamp) -> bool {
        let Inquiry { changes, first, .. } = self.inquiry;
        let later = changes.iter().map(|sighted| &sighted.change).any(|change| {
            is_rollout(change)
                && change.services.contains(first.service)
                && change.effective_at > arrived.at
                && change.effective_at <= moment
        });
        !later
    }

    fn what(&self, explained: &mut Explained<'a>) {
        let Inquiry { symptom, rules, .. } = self.inquiry;
        if let Some((path, line)) = self.text.named_file(symptom) {
            let place = line.map_or_else(|| path.to_owned(), |line| format!("{path}:{line}"));
            self.point(explained, Rule::Frame, 1.0, format!("changes {place}, which the error names"));
            explained.place = Some(place);
            explained.tells |= rules.weight(Rule::Frame) > 0.0;
        }
        let exact = self.text.named(&symptom.quoted).map(|found| (found, 1.0));
        let exact = exact.or_else(|| self.text.named(&symptom.identifiers).map(|found| (found, 0.6)));
        let is_quoted = exact.as_ref().is_some_and(|(_, share)| *share >= 1.0);
        if let Some(((how, name), share)) = exact {
            let shown = ExternalText::from(name.as_str()).for_people(60);
            let says = match how {
                Named::TakenAway => format!("takes away {shown}, which the error names"),
                Named::Brought => format!("brings {shown}, which the error names"),
                Named::Changed => format!("changes a line with {shown}, which the error names"),
            };
            let share = if how == Named::Changed { 0.6 * share } else { share };
            self.point(explained, Rule::Quoted, share, says);
            explained.tells |= share >= 0.6 && is_quoted && rules.weight(Rule::Quoted) > 0.0;
            explained.place = explained.place.take().or_else(|| self.text.place_of(&name));
        }
        if let Some((name, path)) = self.dependency() {
            let shown = ExternalText::from(name.as_str()).for_people(60);
            let says = format!("changes the version of {shown}, and the error speaks of versions");
            self.point(explained, Rule::Dependency, 1.0, says);
            explained.tells |= rules.weight(Rule::Dependency) > 0.0;
            explained.place.get_or_insert(path);
        }
        let (count, spoken) = self.words();
        if count > 0.0 {
            let surfaces = spoken.iter().map(|word| symptom.surfaces.get(word).unwrap_or(word).as_str());
            let listed: Vec<&str> = surfaces.filter(|word| word.len() > 2).take(5).collect();
            let share = 1.0 - (-count / ENOUGH_WORDS).exp();
            self.point(explained, Rule::Words, share, format!("speaks of {}", listed.join(", ")));
            // What is set, a flag and a value have few words; and who does what leads to such a failure needs fewer. A new
            // version of something speaks of everything that uses it.
            let is_set =
                matches!(self.text.effect, Effect::Settings | Effect::Values) && !self.text.is_of_versions();
            let is_terse =
                self.sighted.change.kind != ChangeKind::Commit || is_set || self.mechanism().is_some();
            let least = if is_terse { SPEAKS_TERSELY } else { SPEAKS };
            let speaks = count >= least && self.is_spoken_of();
            explained.tells |= speaks && rules.weight(Rule::Words) > 0.0;
        }
        if let Some(says) = self.mechanism() {
            self.point(explained, Rule::Mechanism, 1.0, says.to_owned());
        }
        if explained.place.is_none() {
            explained.place = self.weightiest_place(&spoken);
        }
    }

    /// Whether the failure speaks of what a flag or a setting is called, not of one word of its name only. A commit has more
    /// to speak with than its name.
    fn is_spoken_of(&self) -> bool {
        let Inquiry { symptom, names, .. } = self.inquiry;
        if self.sighted.change.kind == ChangeKind::Commit {
            return true;
        }
        let title = self.sighted.change.title.as_untrusted();
        let called: BTreeSet<String> = terms(title)
            .into_iter()
            .filter(|term| !term.contains('_') && term.len() > 2)
            .filter(|term| says_something(term) && !names.is_of_name(term))
            .collect();
        let spoken_of = called.iter().filter(|term| symptom.words.contains_key(*term)).count();
        called.is_empty() || 2 * spoken_of > called.len()
    }

    /// What the error names and the change brings in another version, and the file that says so.
    fn dependency(&self) -> Option<(String, String)> {
        let symptom = self.inquiry.symptom;
        if !symptom.speaks_of_versions {
            return None;
        }
        let files = self.text.diff?.files.iter().filter(|file| is_manifest(file.path.file_name()));
        for file in files {
            for line in &file.lines {
                let text = line.text.as_untrusted();
                // What is locked in passing is not what was meant.
                let is_version = text
                    .split_whitespace()
                    .any(|word| word.contains('.') && word.contains(|c: char| c.is_ascii_digit()));
                let mut named = None;
                for_each_term(text, |term, surface| {
                    let weighs = symptom.words.get(term).is_some_and(|weight| *weight >= NAMES);
                    if weighs && term.len() >= SHORTEST_BEGINNING && named.is_none() {
                        named = Some(surface.to_owned());
                    }
                });
                if let Some(name) = named.filter(|_| is_version) {
                    return Some((name, file.path.as_str().to_owned()));
                }
            }
        }
        None
    }

    /// How many words of the failure are spoken of, rare ones in full, and these words, the weightiest first.
    fn words(&self) -> (f64, Vec<String>) {
        let mut spoken: Vec<(f64, &String)> = self
            .rarity
            .values
            .iter()
            .map(|(word, value)| (value * matches(&self.text.words, word), word))
            .filter(|(counts, _)| *counts > 0.0)
            .collect();
        spoken.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        let sum = spoken.iter().map(|(counts, _)| counts).sum();
        (sum, spoken.into_iter().map(|(_, word)| word.clone()).collect())
    }

    /// The file of the changed line that speaks of the failure most.
    fn weightiest_place(&self, spoken: &[String]) -> Option<String> {
        let diff = self.text.diff?;
        let mut best: Option<(f64, String)> = None;
        for file in &diff.files {
            for line in &file.lines {
                let mut counts = 0.0;
                for_each_term(line.text.as_untrusted(), |term, _| {
                    if spoken.iter().any(|word| word == term) {
                        counts += self.rarity.values.get(term).copied().unwrap_or_default();
                    }
                });
                if counts > best.as_ref().map_or(0.0, |best| best.0) {
                    let known = line.line > 0 && line.side == Side::Added;
                    let path = file.path.as_str();
                    best =
                        Some((counts, if known { format!("{path}:{}", line.line) } else { path.to_owned() }));
                }
            }
        }
        let only = || self.text.change.paths.as_slice().first().map(|path| path.path.as_str().to_owned());
        best.map(|(_, place)| place).or_else(only)
    }

    fn mechanism(&self) -> Option<&'static str> {
        let diff = self.text.diff?;
        let slow = self.inquiry.repeats
            || self.inquiry.first.own().any(|sign| match sign.seen_in {
                SeenIn::Series(series) => series.signature.kind == SignalKind::Latency,
                SeenIn::OwnTime(_) => true,
                _ => false,
            });
        let fills =
            self.inquiry.deviation.is_some_and(|deviation| deviation.series.kind == SignalKind::Saturation);
        let crashes = !self.inquiry.symptom.files.is_empty();
        mechanism(diff, &self.text.traded, Manner { crashes, slow, fills })
    }

    fn against(&self, explained: &mut Explained<'a>) {
        match self.text.effect {
            // What the error names is not harmless, whatever it looks like.
            Effect::Nothing(harmless) if self.text.named_file(self.inquiry.symptom).is_none() => {
                let says = harmless.says().to_owned();
                explained.ruled_out.get_or_insert_with(|| says.clone());
                self.point(explained, Rule::NoEffect, 1.0, says);
            }
            Effect::Restructures => {
                let says = "what it takes away is there in another place".to_owned();
                self.point(explained, Rule::Restructures, 1.0, says);
            }
            Effect::Nothing(_) | Effect::Values | Effect::Settings | Effect::Behaves | Effect::Unread => {}
        }
        let touches_none = self.text.named_file(self.inquiry.symptom).is_none();
        if self.names_a_file_touched && touches_none {
            let says = "touches none of the files that the error names".to_owned();
            self.point(explained, Rule::OtherFiles, 1.0, says);
        }
    }
}
