//! What is measured of each person: one number a sign, and the facts that put it into words. Everything fades with its age,
//! each sign at its own pace. Pure; it must not know what a sign weighs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use hearback_core::change::{RepoPath, Says};
use hearback_core::expertise::{NearLines, OnCall, Owned, Work};
use hearback_core::{Catalog, ChangeId, ChangeKind, ServiceName, SourceName};
use jiff::{SignedDuration, Timestamp};

use super::people::{KnownPerson, People, Who};
use super::rules::{NEVER_H, Sign};
use super::{Near, Profile, near};
use crate::analysts::suspects::Standing;
use crate::gather::Sighted;
use crate::scope::Scope;
use hearback_core::words::for_each_term;

/// As many suspects count, the likeliest; the rest have next to no share.
const MOST_SUSPECTS: usize = 20;
/// As many files of a change count.
const MOST_PATHS: usize = 40;
/// As many files of a work are read for words.
const PATHS_READ: usize = 20;
/// Hours in which what was done loses half of what it counts, by what it is counted for.
const MONTH_H: f64 = 30.0 * 24.0;
const TWO_MONTHS_H: f64 = 60.0 * 24.0;
const QUARTER_H: f64 = 90.0 * 24.0;
/// This near to the time of day in question counts as the same, in hours.
const SAME_HOUR: f64 = 2.0;
/// How many newest works tell by which clock somebody lives.
const CLOCKS: usize = 5;

/// Everything that is looked at.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The configured people.
    pub people: &'a [KnownPerson],
    /// The services that are known.
    pub catalog: &'a Catalog,
    /// What the question is about.
    pub scope: &'a Scope,
    /// The moment of the question.
    pub as_of: Timestamp,
    /// The changes that were gathered.
    pub changes: &'a [Sighted],
    /// What people did, as far as sources told.
    pub works: &'a [Work],
    /// The suspects, the likeliest first.
    pub standings: &'a [Standing],
    /// Who owns the files of the likeliest suspects.
    pub owned: &'a [(SourceName, Owned)],
    /// Who wrote the lines near the likeliest suspects.
    pub lines: &'a [NearLines],
    /// Who is on call.
    pub on_call: &'a [(SourceName, OnCall)],
}

/// A work, whoever told it.
struct Deed<'a> {
    change: &'a ChangeId,
    age_h: f64,
    at: Timestamp,
    clock: Option<SignedDuration>,
    title: &'a str,
    body: &'a str,
    paths: Vec<&'a RepoPath>,
    takes_back: bool,
    reverts: &'a [ChangeId],
    by: Who,
    landed_by: Option<Who>,
}

/// The suspects' shares, by what they touch and who made them.
#[derive(Default)]
struct Suspected<'a> {
    share: HashMap<&'a ChangeId, f64>,
    paths: HashMap<&'a str, f64>,
    folders: HashMap<&'a str, f64>,
    makers: HashMap<Who, f64>,
    all: f64,
}

/// Counts of a person on their way to values.
#[derive(Default)]
struct Tally {
    last_h: Option<f64>,
    last_at: Option<Timestamp>,
    works: u32,
    quarter: f64,
    same_hour: f64,
    reverts: u32,
    reverts_lately: f64,
    last_revert_h: Option<f64>,
    last_revert_at: Option<Timestamp>,
    own_reverts: f64,
    takes_back_theirs: f64,
    made: f64,
    made_changes: Vec<(f64, ChangeId)>,
    landed_suspect: f64,
    landed_changes: Vec<(f64, ChangeId)>,
    lands: f64,
    words: BTreeMap<String, f64>,
    folders: f64,
    in_folders: u32,
    named_files: f64,
    lines: f64,
    near: Option<Near>,
    owns: f64,
    owned: Vec<String>,
    on_call: Option<(SourceName, OnCall)>,
    clocks: Vec<SignedDuration>,
}

/// What is known of everybody, in no particular order.
pub fn profiles(inputs: Inputs<'_>) -> Vec<Profile> {
    let mut people = People::new(inputs.people);
    let deeds = deeds(&inputs, &mut people);
    let wrote = near::wrote(&inputs, &mut people);
    let maker: HashMap<&ChangeId, Who> = deeds.iter().map(|deed| (deed.change, deed.by)).collect();
    let suspected = suspected(&inputs, &people, &maker);
    let (frequent, of) = frequencies(&inputs, &deeds);
    let mut tallies: BTreeMap<Who, Tally> = BTreeMap::new();
    let hour = time_of_day(inputs.as_of);
    for deed in &deeds {
        // Somebody who opted out after a merge of identities is still nobody.
        let landed_by = deed.landed_by.and_then(|who| people.shown(who));
        if let Some(who) = landed_by {
            let tally = tallies.entry(who).or_default();
            tally.lands += half(deed.age_h, MONTH_H);
            if let Some(share) = suspected.share.get(deed.change) {
                tally.landed_suspect += share;
                tally.landed_changes.push((*share, deed.change.clone()));
            }
        }
        let Some(who) = people.shown(deed.by) else { continue };
        let tally = tallies.entry(who).or_default();
        tally.count(deed, hour);
        if let Some(share) = suspected.share.get(deed.change) {
            tally.made += share;
            tally.made_changes.push((*share, deed.change.clone()));
        } else {
            tally.count_places(deed, &suspected, inputs.scope);
        }
        if deed.takes_back {
            let fades = half(deed.age_h, QUARTER_H);
            for taken in deed.reverts.iter().take(3).filter_map(|id| people.shown(*maker.get(id)?)) {
                if taken == who {
                    tally.own_reverts += fades;
                } else {
                    let share = suspected.makers.get(&taken).copied().unwrap_or_default();
                    tally.takes_back_theirs += share * fades;
                }
            }
        }
        for term in terms(&inputs, deed) {
            *tally.words.entry(term).or_default() += half(deed.age_h, TWO_MONTHS_H);
        }
    }
    for (who, theirs) in near::measured(&inputs, &people, &wrote, &suspected.share) {
        let tally = tallies.entry(who).or_default();
        (tally.lines, tally.near) = (theirs.share, theirs.most);
    }
    add_owners(&inputs, &mut people, &suspected, &mut tallies);
    add_on_call(&inputs, &mut people, &mut tallies);
    let weigh = |term: &str| {
        let in_so_many = frequent.get(term).copied().unwrap_or(1.0);
        let weight = inputs.scope.words.get(term).map_or(0.0, |word| word.weight);
        weight * (1.0 + of / in_so_many).ln()
    };
    let mut addresses = people.addresses();
    let profiles = tallies.into_iter().map(|(who, tally)| {
        let known = people.configured(who);
        let clock = tally.clock();
        let values = tally.values(&weigh);
        let surface = |term: &String| inputs.scope.words.get(term).map(|word| word.surface.clone());
        let mut words: Vec<(f64, String)> = tally
            .words
            .iter()
            .filter_map(|(term, fades)| Some((weigh(term) * fades, surface(term)?)))
            .collect();
        words.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        let likeliest = |mut changes: Vec<(f64, ChangeId)>| -> Vec<ChangeId> {
            changes.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
            changes.into_iter().map(|(_, id)| id).take(2).collect()
        };
        Profile {
            place: 0,
            name: people.name(who),
            handle: known.and_then(|known| known.person.handle.clone()),
            zone: known.and_then(|known| zone_of(known, inputs.as_of)),
            clock,
            last_at: tally.last_at,
            works: tally.works,
            reverts: tally.reverts,
            last_revert_at: tally.last_revert_at,
            made: likeliest(tally.made_changes),
            landed: likeliest(tally.landed_changes),
            near: tally.near,
            in_folders: tally.in_folders,
            words: words.into_iter().map(|(_, word)| word).take(3).collect(),
            owns: tally.owned,
            on_call: tally.on_call,
            values,
            addresses: addresses.remove(&who).unwrap_or_default(),
        }
    });
    profiles.collect()
}

/// The name of a configured zone and how far it is ahead of UTC then.
fn zone_of(known: &KnownPerson, as_of: Timestamp) -> Option<(String, SignedDuration)> {
    let zone = known.zone.as_ref()?;
    let ahead = SignedDuration::from_secs(i64::from(zone.to_offset(as_of).seconds()));
    Some((known.person.zone.clone()?, ahead))
}

/// What people did, one each, oldest first: what the sources told, and commits among the changes that they did not.
fn deeds<'a>(inputs: &Inputs<'a>, people: &mut People<'_>) -> Vec<Deed<'a>> {
    let age_h = |at: Timestamp| inputs.as_of.duration_since(at).as_secs_f64().max(0.0) / 3600.0;
    let mut deeds: Vec<Deed<'a>> = Vec::with_capacity(inputs.works.len());
    let mut told: BTreeSet<&ChangeId> = BTreeSet::new();
    for work in inputs.works.iter().filter(|work| work.at < inputs.as_of) {
        told.insert(&work.change);
        let landed_by = work.landed_by.as_ref().and_then(|author| people.author(author, None));
        let Some(by) = people.author(&work.author, work.alias.as_ref()) else { continue };
        deeds.push(Deed {
            change: &work.change,
            age_h: age_h(work.at),
            at: work.at,
            clock: work.clock,
            title: work.title.as_untrusted(),
            body: work.body.as_untrusted(),
            paths: work.paths.iter().take(MOST_PATHS).collect(),
            takes_back: work.says == Says::Reverts,
            reverts: &work.reverts,
            by,
            landed_by,
        });
    }
    let changes = inputs.changes.iter().map(|sighted| &sighted.change);
    for change in changes.filter(|change| change.kind == ChangeKind::Commit && !change.is_merge()) {
        if change.committed_at >= inputs.as_of || !told.insert(&change.id) {
            continue;
        }
        let Some(by) = people.author(&change.author, None) else { continue };
        deeds.push(Deed {
            change: &change.id,
            age_h: age_h(change.committed_at),
            at: change.committed_at,
            clock: None,
            title: change.title.as_untrusted(),
            body: change.body.as_untrusted(),
            paths: change.paths.as_slice().iter().take(MOST_PATHS).map(|path| &path.path).collect(),
            takes_back: change.revert.says == Says::Reverts,
            reverts: &change.revert.reverts,
            by,
            landed_by: None,
        });
    }
    deeds.sort_by(|a, b| a.at.cmp(&b.at).then_with(|| a.change.cmp(b.change)));
    deeds
}

fn suspected<'a>(inputs: &Inputs<'a>, people: &People<'_>, maker: &HashMap<&ChangeId, Who>) -> Suspected<'a> {
    let by_id: HashMap<&ChangeId, &Sighted> =
        inputs.changes.iter().map(|sighted| (&sighted.change.id, sighted)).collect();
    let mut suspected = Suspected::default();
    for standing in inputs.standings.iter().take(MOST_SUSPECTS) {
        let share = standing.probability;
        suspected.all += share;
        suspected.share.insert(&standing.change, share);
        if let Some(who) = maker.get(&standing.change).and_then(|who| people.shown(*who)) {
            *suspected.makers.entry(who).or_default() += share;
        }
        let Some(sighted) = by_id.get(&standing.change) else { continue };
        let paths = sighted.change.paths.as_slice();
        let each = share / paths.len().clamp(1, MOST_PATHS) as f64;
        for path in paths.iter().take(MOST_PATHS).map(|path| path.path.as_str()) {
            *suspected.paths.entry(path).or_default() += each;
            *suspected.folders.entry(folder(path)).or_default() += each;
        }
    }
    suspected
}

/// In how many works each word of the symptom stands, and how many works there are.
fn frequencies(inputs: &Inputs<'_>, deeds: &[Deed<'_>]) -> (HashMap<String, f64>, f64) {
    let mut frequent: HashMap<String, f64> = HashMap::new();
    for term in deeds.iter().flat_map(|deed| terms(inputs, deed)) {
        *frequent.entry(term).or_default() += 1.0;
    }
    (frequent, deeds.len() as f64)
}

/// The words of the symptom that a work speaks of, once each.
fn terms(inputs: &Inputs<'_>, deed: &Deed<'_>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let words = &inputs.scope.words;
    if words.is_empty() {
        return found;
    }
    let mut look = |text: &str| {
        for_each_term(text, |term, _| {
            if words.contains_key(term) && !found.contains(term) {
                found.insert(term.to_owned());
            }
        });
    };
    look(deed.title);
    look(deed.body);
    deed.paths.iter().take(PATHS_READ).for_each(|path| look(path.as_str()));
    found
}

fn add_owners(
    inputs: &Inputs<'_>,
    people: &mut People<'_>,
    suspected: &Suspected<'_>,
    tallies: &mut BTreeMap<Who, Tally>,
) {
    for service in inputs.scope.services.iter().filter_map(|name| inputs.catalog.find(name.as_str())) {
        let Some(owner) = &service.owner else { continue };
        for who in people.named(owner) {
            let tally = tallies.entry(who).or_default();
            tally.owns = 1.0;
            tally.owned.push(format!("{} by the catalog", service.name));
        }
    }
    let mut by_owner: BTreeMap<(Who, &SourceName), (f64, usize)> = BTreeMap::new();
    for (source, owned) in inputs.owned {
        let share = suspected.paths.get(owned.path.as_str()).copied().unwrap_or_default();
        for who in people.named(owned.owner.as_untrusted()) {
            let (sum, files) = by_owner.entry((who, source)).or_default();
            *sum += share;
            *files += 1;
        }
    }
    for ((who, source), (share, files)) in by_owner {
        let tally = tallies.entry(who).or_default();
        tally.owns = (tally.owns + share / suspected.all.max(f64::MIN_POSITIVE)).min(1.0);
        let files =
            if files == 1 { "1 suspected file".to_owned() } else { format!("{files} suspected files") };
        tally.owned.push(format!("{files} by CODEOWNERS of {source}"));
    }
}

fn add_on_call(inputs: &Inputs<'_>, people: &mut People<'_>, tallies: &mut BTreeMap<Who, Tally>) {
    let same = |a: &ServiceName, b: &ServiceName| {
        a == b
            || inputs.catalog.find(a.as_str()).is_some_and(|one| {
                inputs.catalog.find(b.as_str()).is_some_and(|other| one.name == other.name)
            })
    };
    for (source, duty) in inputs.on_call {
        let affected = &inputs.scope.services;
        let concerns = duty.services.is_empty()
            || affected.is_empty()
            || duty.services.iter().any(|one| affected.iter().any(|other| same(one, other)));
        if !concerns || !duty.window.contains(inputs.as_of) {
            continue;
        }
        for who in people.named(duty.person.as_untrusted()) {
            let tally = tallies.entry(who).or_default();
            tally.on_call.get_or_insert_with(|| (source.clone(), duty.clone()));
        }
    }
}

impl Tally {
    fn count(&mut self, deed: &Deed<'_>, hour: f64) {
        // Oldest first: the last one that is counted is the latest.
        self.last_h = Some(deed.age_h);
        self.last_at = Some(deed.at);
        self.works += 1;
        if deed.age_h <= QUARTER_H {
            self.quarter += 1.0;
            let apart = (time_of_day(deed.at) - hour).abs();
            self.same_hour += f64::from(u8::from(apart.min(24.0 - apart) <= SAME_HOUR));
        }
        if deed.takes_back {
            self.reverts += 1;
            self.reverts_lately += half(deed.age_h, MONTH_H);
            self.last_revert_h = Some(deed.age_h);
            self.last_revert_at = Some(deed.at);
        }
        if let Some(clock) = deed.clock {
            if self.clocks.len() == CLOCKS {
                self.clocks.remove(0);
            }
            self.clocks.push(clock);
        }
    }

    fn count_places(&mut self, deed: &Deed<'_>, suspected: &Suspected<'_>, scope: &Scope) {
        let fades = half(deed.age_h, QUARTER_H);
        let folders: BTreeSet<&str> = deed.paths.iter().map(|path| folder(path.as_str())).collect();
        let near: f64 = folders.iter().filter_map(|folder| suspected.folders.get(folder)).sum();
        self.folders += near * fades;
        self.in_folders += u32::from(near > 0.05);
        let is_named = |path: &&RepoPath| {
            let is = |name: &String| {
                let rest = path.as_str().strip_suffix(name.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
            };
            scope.named.files.iter().any(is)
        };
        if !scope.named.files.is_empty() && deed.paths.iter().any(is_named) {
            self.named_files += fades;
        }
    }

    /// By which clock they wrote lately: one that most of the newest agree on.
    fn clock(&self) -> Option<SignedDuration> {
        let agree = |clock: &SignedDuration| self.clocks.iter().filter(|other| *other == clock).count();
        let newest = self.clocks.last()?;
        (2 * agree(newest) > self.clocks.len()).then_some(*newest)
    }

    fn values(&self, weigh: &dyn Fn(&str) -> f64) -> BTreeMap<Sign, f64> {
        let words: f64 = self.words.iter().map(|(term, fades)| weigh(term) * fades / (fades + 1.0)).sum();
        let ago = |hours: Option<f64>| -hours.unwrap_or(NEVER_H).ln_1p();
        let value = |sign: Sign| match sign {
            Sign::Recent => ago(self.last_h),
            Sign::Year => f64::from(self.works).ln_1p(),
            Sign::Reverts => f64::from(self.reverts).ln_1p(),
            Sign::RevertsLately => self.reverts_lately.ln_1p(),
            Sign::LastRevert => ago(self.last_revert_h),
            Sign::OwnReverts => self.own_reverts.ln_1p(),
            Sign::TakesBackTheirs => (10.0 * self.takes_back_theirs).ln_1p(),
            Sign::Made => (100.0 * self.made).ln_1p(),
            Sign::LandedSuspect => self.landed_suspect,
            Sign::Lands => self.lands.ln_1p(),
            // A tenth of a day and two, so that one commit at this hour is no habit.
            Sign::Hour => (self.same_hour + 2.0) / (self.quarter + 10.0),
            Sign::Words => words / 10.0,
            Sign::Lines => (100.0 * self.lines).ln_1p(),
            Sign::Folders => (5.0 * self.folders).ln_1p(),
            Sign::NamedFiles => (5.0 * self.named_files).ln_1p(),
            Sign::Owns => self.owns,
        };
        Sign::ALL.iter().map(|sign| (*sign, value(*sign))).collect()
    }
}

/// What is left of something after a time, if it loses half of itself in `life_h` hours.
pub(super) fn half(age_h: f64, life_h: f64) -> f64 {
    0.5_f64.powf(age_h / life_h)
}

/// Hours since midnight, UTC.
fn time_of_day(at: Timestamp) -> f64 {
    at.as_second().rem_euclid(86_400) as f64 / 3600.0
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}
