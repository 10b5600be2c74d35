//! Who fails, since when, and because of whom. A failure begins in a service whose own errors are not those of another that
//! fails; it is passed on by those that call it. It must not know changes.

use std::collections::{BTreeMap, BTreeSet};

use hearback_core::incident::SeenAlert;
use hearback_core::{Catalog, EvidenceId, LogSeverity, ServiceName, SignalKind};
use jiff::{SignedDuration, Timestamp};

use super::calls::Calls;
use super::names::{Names, Peer};
use super::voices::{Course, Voice};
use crate::analysts::change_point::Direction;
use crate::analysts::onset::MeasuredSeries;
use crate::analysts::signature::{Shape, says};

/// What a sign is seen in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SeenIn<'a> {
    /// A wording of its logs.
    Log(&'a Voice<'a>),
    /// A call that failed.
    Call(&'a super::calls::FailedCall<'a>),
    /// A call that takes longer, by its own time.
    OwnTime(&'a super::calls::OwnTime<'a>),
    /// A series.
    Series(&'a MeasuredSeries),
    /// An alert.
    Alert(&'a SeenAlert),
}

/// One sign that a service fails.
#[derive(Debug, Clone, PartialEq)]
pub struct Sign<'a> {
    /// What it is seen in.
    pub seen_in: SeenIn<'a>,
    /// Since when.
    pub since: Timestamp,
    /// The failing services it speaks of: what it passes on. Empty if it is the service's own.
    pub speaks_of: BTreeSet<&'a ServiceName>,
    /// The snapshot or entry.
    pub evidence: EvidenceId,
}

impl Sign<'_> {
    /// Whether it tells by itself where it comes from: a log or a call does, a graph does not.
    fn tells_origin(&self) -> bool {
        matches!(self.seen_in, SeenIn::Log(_) | SeenIn::Call(_) | SeenIn::OwnTime(_))
    }

    /// The words of an error, by which services that fail for one cause are known.
    fn wording(&self) -> Option<&str> {
        match self.seen_in {
            SeenIn::Log(voice) => Some(voice.template.text.as_untrusted()),
            SeenIn::Call(call) => {
                Some(call.span.message.as_untrusted()).filter(|text| !text.trim().is_empty())
            }
            SeenIn::OwnTime(_) | SeenIn::Series(_) | SeenIn::Alert(_) => None,
        }
    }

    /// In words.
    pub fn says(&self) -> String {
        match self.seen_in {
            SeenIn::Log(voice) => {
                let new = if voice.course == Course::New { "new: " } else { "" };
                let text = voice.template.first.body.for_people(90);
                format!("{new}{} × \"{text}\"", voice.count)
            }
            SeenIn::Call(call) => {
                let why = match call.span.message.is_blank() {
                    true => String::new(),
                    false => format!(": {}", call.span.message.for_people(80)),
                };
                format!("{} fails{why}", call.span.name.for_people(40))
            }
            SeenIn::OwnTime(own) => format!(
                "{} takes {:.1} s of its own, {:.1} s before",
                own.span.name.for_people(40),
                own.after.as_secs_f64(),
                own.before.as_secs_f64()
            ),
            SeenIn::Series(series) => says(&series.signature),
            SeenIn::Alert(seen) => format!("alert {}", seen.alert.name.for_people(60)),
        }
    }
}

/// A service that fails.
#[derive(Debug, Clone, PartialEq)]
pub struct Failed<'a> {
    /// The service.
    pub service: &'a ServiceName,
    /// Its signs, by time.
    pub signs: Vec<Sign<'a>>,
    /// Since when.
    pub since: Timestamp,
    /// The service whose failure it passes on; none if the failure begins here.
    pub because_of: Option<&'a ServiceName>,
}

impl<'a> Failed<'a> {
    /// Whether those who use it feel it: in a graph, in calls, in errors that are logged again and again.
    fn hurts(&self) -> bool {
        self.signs.iter().any(|sign| match sign.seen_in {
            SeenIn::Log(voice) => voice.template.severity >= LogSeverity::Error && voice.count >= OFTEN,
            SeenIn::Call(_) | SeenIn::OwnTime(_) | SeenIn::Series(_) | SeenIn::Alert(_) => true,
        })
    }

    /// The signs that are its own: of itself, or of what is none of our services.
    pub fn own(&self) -> impl Iterator<Item = &Sign<'a>> {
        self.signs.iter().filter(|sign| sign.speaks_of.is_empty())
    }

    /// What it calls that is none of our services and fails, the most often first.
    pub fn peers(&self) -> Vec<(&Peer, &Sign<'a>)> {
        let of = |sign: &'_ Sign<'a>| match sign.seen_in {
            SeenIn::Call(call) => call.peer.as_ref(),
            _ => None,
        };
        self.signs.iter().filter_map(|sign| Some((of(sign)?, sign))).collect()
    }

    /// The sign that says most: what it logs, what it calls, what is measured, in this order; the first of each.
    pub fn foremost(&self) -> Option<&Sign<'a>> {
        let place = |sign: &&Sign<'a>| match sign.seen_in {
            SeenIn::Log(voice) if voice.template.severity >= LogSeverity::Error => 0,
            SeenIn::Log(_) => 1,
            SeenIn::Call(_) => 2,
            SeenIn::OwnTime(_) => 3,
            SeenIn::Series(_) => 4,
            SeenIn::Alert(_) => 5,
        };
        self.own().min_by_key(place).or_else(|| self.signs.iter().min_by_key(place))
    }
}

/// What is looked at.
pub struct Seen<'a> {
    /// Series that moved, of all services around.
    pub moved: &'a [MeasuredSeries],
    /// Wordings that moved.
    pub voices: &'a [Voice<'a>],
    /// What traces tell.
    pub calls: &'a Calls<'a>,
    /// Alerts of the incident.
    pub alerts: &'a [SeenAlert],
    /// The services that are said to be affected.
    pub affected: &'a [ServiceName],
    /// Who is known by name.
    pub names: &'a Names,
    /// Who calls whom by the catalog.
    pub catalog: &'a Catalog,
}

/// A graph has a point a minute, a log a record a second: as much earlier or later is the same time.
const SAME_TIME: SignedDuration = SignedDuration::from_secs(60);

/// An error that is logged less often may be a stray one.
const OFTEN: u64 = 3;
/// By so much earlier a graph alone must move to come before what a log or a call says.
const DOUBT: SignedDuration = SignedDuration::from_secs(120);

/// The services that fail, the one that fails first before the others.
pub fn failing<'a>(seen: &'a Seen<'a>) -> Vec<Failed<'a>> {
    let mut signs = signs(seen);
    let failing: BTreeSet<&ServiceName> = signs.keys().copied().collect();
    for (service, signs) in &mut signs {
        speak_of(service, signs, &failing, seen.names);
        signs.sort_by_key(|sign| sign.since);
    }
    let mut failed: Vec<Failed<'a>> = signs
        .into_iter()
        .filter_map(|(service, signs)| {
            // An alert fires after what it is about.
            let measured = signs.iter().filter(|sign| !matches!(sign.seen_in, SeenIn::Alert(_)));
            let since = measured.map(|sign| sign.since).min().or_else(|| Some(signs.first()?.since))?;
            Some(Failed { service, signs, since, because_of: None })
        })
        .collect();
    lay_blame(&mut failed, seen);
    let Some(root) = root(&failed, seen) else { return failed };
    let connected = connected(&failed, seen);
    let of_it: BTreeSet<&ServiceName> = failed
        .iter()
        .filter(|one| leads_to(one, root, &failed) || (one.hurts() && connected.contains(one.service)))
        .map(|one| one.service)
        .collect();
    failed.retain(|one| of_it.contains(one.service));
    failed.sort_by_key(|one| {
        (one.service != root, one.because_of.is_some(), origin_since(one), one.since, one.service)
    });
    failed
}

/// All signs, by the service that shows them.
fn signs<'a>(seen: &'a Seen<'a>) -> BTreeMap<&'a ServiceName, Vec<Sign<'a>>> {
    let mut signs: BTreeMap<&ServiceName, Vec<Sign<'a>>> = BTreeMap::new();
    let mut add = |service: &'a ServiceName, seen_in: SeenIn<'a>, since: Timestamp, evidence: EvidenceId| {
        let speaks_of = match seen_in {
            SeenIn::Call(call) => call.passed_on.clone(),
            _ => BTreeSet::new(),
        };
        signs.entry(service).or_default().push(Sign { seen_in, since, speaks_of, evidence });
    };
    for voice in seen.voices.iter().filter(|voice| voice.course != Course::Gone) {
        add(&voice.template.service, SeenIn::Log(voice), voice.since, voice.evidence);
    }
    for call in &seen.calls.failed {
        add(&call.span.service, SeenIn::Call(call), call.span.started_at, call.evidence);
    }
    for own in &seen.calls.own_time {
        add(own.service, SeenIn::OwnTime(own), own.span.started_at, own.evidence);
    }
    for series in seen.moved.iter().filter(|series| hurts(series)) {
        add(&series.service, SeenIn::Series(series), series.signature.onset.latest, series.evidence);
    }
    for seen in seen.alerts {
        if let Some(service) = &seen.alert.service {
            add(service, SeenIn::Alert(seen), seen.alert.started_at, seen.evidence);
        }
    }
    signs
}

/// Where the failure begins that people feel: what the affected services blame, to its end. Of several that fail by
/// themselves in the same words, one thing is the cause, and the first of them is where it began. If nobody is said to be
/// affected, the first that fails.
fn root<'a>(failed: &[Failed<'a>], seen: &'a Seen<'a>) -> Option<&'a ServiceName> {
    let find = |service: &ServiceName| failed.iter().find(|one| one.service == service);
    let affected = failed.iter().filter(|one| seen.affected.contains(one.service));
    let ends = affected.filter_map(|one| end_of_blame(one, failed));
    let own_ends: Vec<&Failed<'a>> = ends.filter_map(find).collect();
    let by_time = |one: &&Failed<'a>| (one.because_of.is_some(), origin_since(one), one.service);
    let end = own_ends.into_iter().min_by_key(by_time).or_else(|| failed.iter().min_by_key(by_time))?;
    let wordings = |one: &Failed<'a>| -> BTreeSet<String> {
        one.own().filter_map(|sign| Some(sign.wording()?.to_owned())).collect()
    };
    let own = wordings(end);
    let alike = failed.iter().filter(|one| one.because_of.is_none() && !wordings(one).is_disjoint(&own));
    alike.chain([end]).min_by_key(by_time).map(|one| one.service)
}

/// The service at the end of what one blames.
fn end_of_blame<'a>(one: &Failed<'a>, failed: &[Failed<'a>]) -> Option<&'a ServiceName> {
    let (mut at, mut steps) = (one, 0);
    while let Some(next) = at.because_of.and_then(|service| failed.iter().find(|one| one.service == service))
    {
        (at, steps) = (next, steps + 1);
        if steps > failed.len() {
            return None;
        }
    }
    Some(at.service)
}

fn leads_to(one: &Failed<'_>, root: &ServiceName, failed: &[Failed<'_>]) -> bool {
    end_of_blame(one, failed) == Some(root)
}

/// Whether a series tells that a service fails, rather than how much it is used or what it holds.
fn hurts(series: &MeasuredSeries) -> bool {
    let signature = &series.signature;
    match signature.kind {
        SignalKind::Errors | SignalKind::Latency => signature.onset.direction == Direction::Up,
        // It was up and is not: nothing is measured any more, or nothing is there.
        SignalKind::Other => {
            matches!(signature.shape, Shape::Flatline { .. } | Shape::Cliff)
                && signature.onset.after.is_some_and(|after| after.value == 0.0)
                && signature.onset.before.value > 0.0
        }
        SignalKind::Traffic | SignalKind::Saturation => false,
    }
}

/// Finds out which failing services the signs of one speak of.
fn speak_of<'a>(
    service: &ServiceName,
    signs: &mut [Sign<'a>],
    failing: &BTreeSet<&'a ServiceName>,
    names: &Names,
) {
    for sign in signs.iter_mut() {
        let text = match sign.seen_in {
            SeenIn::Log(voice) => voice.template.first.body.as_untrusted(),
            SeenIn::Call(call) => call.span.message.as_untrusted(),
            _ => continue,
        };
        let spoken_of: BTreeSet<&ServiceName> = names.spoken_of(text);
        let others = failing.iter().filter(|other| **other != service && spoken_of.contains(**other));
        sign.speaks_of.extend(others);
        sign.speaks_of.retain(|other| failing.contains(other));
    }
    // Where every call that fails passes on the failure of another, what is logged meanwhile is of it too.
    let calls = || signs.iter().filter(|sign| matches!(sign.seen_in, SeenIn::Call(_)));
    let all_passed_on = calls().next().is_some() && calls().all(|sign| !sign.speaks_of.is_empty());
    let logs = || signs.iter().filter(|sign| matches!(sign.seen_in, SeenIn::Log(_)));
    // And where all that is logged is of another, a call that fails without more is of it as well: who is called and does
    // not answer writes no span.
    let all_spoken_of = logs().next().is_some() && logs().all(|sign| !sign.speaks_of.is_empty());
    if all_passed_on || all_spoken_of {
        let others: BTreeSet<&ServiceName> =
            signs.iter().flat_map(|sign| sign.speaks_of.iter().copied()).collect();
        let telling =
            signs.iter_mut().filter(|sign| matches!(sign.seen_in, SeenIn::Log(_) | SeenIn::Call(_)));
        telling.filter(|sign| sign.speaks_of.is_empty()).for_each(|sign| sign.speaks_of = others.clone());
    }
}

/// When a failure began that begins here: by what tells its origin, else by the first graph.
fn origin_since(failed: &Failed<'_>) -> Timestamp {
    let told = failed.own().filter(|sign| sign.tells_origin()).map(|sign| sign.since).min();
    // Of who only shows it in a graph it is not known whether it begins there: in doubt it does not.
    told.unwrap_or_else(|| failed.since.checked_add(DOUBT).unwrap_or(failed.since))
}

/// Says of each who fails because of another, because of whom.
fn lay_blame<'a>(failed: &mut [Failed<'a>], seen: &'a Seen<'a>) {
    let since: BTreeMap<&ServiceName, Timestamp> =
        failed.iter().map(|one| (one.service, origin_since(one))).collect();
    let originates: BTreeSet<&ServiceName> = failed
        .iter()
        .filter(|one| {
            let own = one.own().filter(|sign| sign.tells_origin()).map(|sign| sign.since).min();
            let passed_on =
                one.signs.iter().filter(|sign| !sign.speaks_of.is_empty()).map(|sign| sign.since).min();
            own.is_some_and(|own| {
                passed_on.is_none_or(|passed_on| own.duration_since(passed_on) <= SAME_TIME)
            })
        })
        .map(|one| one.service)
        .collect();
    let by_service: BTreeMap<&'a ServiceName, &'a ServiceName> =
        failed.iter().map(|one| (one.service, one.service)).collect();
    for one in failed.iter_mut() {
        if originates.contains(one.service) {
            continue;
        }
        let mut spoken_of: BTreeMap<&ServiceName, usize> = BTreeMap::new();
        for sign in &one.signs {
            sign.speaks_of.iter().for_each(|other| *spoken_of.entry(other).or_default() += 1);
        }
        // What it speaks of most often; else, of those it calls, who failed first.
        let most =
            spoken_of.iter().max_by_key(|(other, count)| (**count, std::cmp::Reverse(since.get(**other))));
        let called = || {
            let calls = seen.calls.edges.iter().filter(|(caller, _)| *caller == one.service);
            let by_trace = calls.map(|(_, callee)| *callee);
            let by_catalog = seen.catalog.find(one.service.as_str());
            let by_catalog = by_catalog.into_iter().flat_map(|service| &service.depends_on);
            let callees = by_trace.chain(by_catalog).filter_map(|callee| by_service.get(callee).copied());
            callees.filter(|callee| *callee != one.service).min_by_key(|callee| since.get(*callee))
        };
        one.because_of = most.map(|(other, _)| *other).or_else(called);
    }
    break_circles(failed);
}

/// Two that blame each other: the one that failed first is blamed by nobody.
fn break_circles(failed: &mut [Failed<'_>]) {
    let blames: BTreeMap<&ServiceName, &ServiceName> =
        failed.iter().filter_map(|one| Some((one.service, one.because_of?))).collect();
    let since: BTreeMap<&ServiceName, Timestamp> =
        failed.iter().map(|one| (one.service, one.since)).collect();
    for one in failed.iter_mut() {
        let (mut at, mut circle) = (one.service, vec![one.service]);
        while let Some(next) = blames.get(at) {
            if *next == one.service {
                let first = circle.iter().min_by_key(|service| (since.get(**service), **service));
                if first == Some(&one.service) {
                    one.because_of = None;
                }
                break;
            }
            if circle.contains(next) {
                break;
            }
            circle.push(next);
            at = next;
        }
    }
}

/// Those that the affected services have to do with: blamed or blaming, calling or called, however far. All of them, if
/// none is said to be affected. A service that is strange by itself, and has nothing to do with it, is left out.
fn connected<'a>(failed: &[Failed<'a>], seen: &'a Seen<'a>) -> BTreeSet<&'a ServiceName> {
    let all: BTreeSet<&ServiceName> = failed.iter().map(|one| one.service).collect();
    let mut reached: BTreeSet<&ServiceName> =
        all.iter().copied().filter(|service| seen.affected.contains(service)).collect();
    if reached.is_empty() {
        return all;
    }
    let mut links: Vec<(&ServiceName, &ServiceName)> = seen.calls.edges.iter().copied().collect();
    links.extend(failed.iter().flat_map(|one| {
        one.signs.iter().flat_map(|sign| sign.speaks_of.iter()).map(|other| (one.service, *other))
    }));
    for service in &seen.catalog.services {
        links.extend(service.depends_on.iter().map(|callee| (&service.name, callee)));
    }
    let knows_of = |service: &ServiceName| links.iter().any(|(a, b)| *a == service || *b == service);
    loop {
        let more: Vec<&ServiceName> = all
            .iter()
            .copied()
            .filter(|service| !reached.contains(service))
            .filter(|service| {
                let touches = |other: &ServiceName| {
                    links
                        .iter()
                        .any(|(a, b)| (*a == *service && *b == other) || (*b == *service && *a == other))
                };
                // Of whom nothing is known may well have to do with it.
                reached.iter().any(|other| touches(other)) || !knows_of(service)
            })
            .collect();
        if more.is_empty() {
            return reached;
        }
        reached.extend(more);
    }
}
