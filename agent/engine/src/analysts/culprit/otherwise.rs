//! What else than a change could it be? Each cause has evidence of its own: a moment that came, a peer that fails, a load
//! that is too much, an error that nobody's code makes. It must not know changes.

use std::collections::{BTreeMap, BTreeSet};

use hearback_core::analysis::NoChange;
use hearback_core::evidence::Citation;
use hearback_core::time::{format_length, format_time};
use hearback_core::{EvidenceId, ExternalText, ServiceName, SignalKind};
use jiff::{SignedDuration, Timestamp};

use super::calls::{Calls, names_a_peer};
use super::failing::{Failed, SeenIn};
use super::moments::{moments, runs_out};
use super::names::{Names, Peer, hosts, peer};
use super::rules::{CulpritRules, Rule};
use crate::analysts::change_point::Direction;
use crate::analysts::onset::MeasuredSeries;
use crate::analysts::signature::says;
use crate::observe::Observed;

/// What is looked at.
pub struct Inquiry<'a> {
    /// The weights.
    pub rules: &'a CulpritRules,
    /// What was seen.
    pub observed: &'a Observed,
    /// Series that moved.
    pub moved: &'a [MeasuredSeries],
    /// What traces tell.
    pub calls: &'a Calls<'a>,
    /// Those that fail, the first first.
    pub failing: &'a [Failed<'a>],
    /// When the first began to fail.
    pub began: Timestamp,
    /// Who is known by name.
    pub names: &'a Names,
}

/// How far something else than a change explains the failure.
#[derive(Debug, Clone, PartialEq)]
pub struct Otherwise {
    /// What.
    pub cause: NoChange,
    /// The reasons: the rule, what it counts, in words, on which evidence.
    pub points: Vec<(Rule, f64, String, Citation)>,
    /// Their sum.
    pub score: f64,
    /// Who or what it is about, for the advice: a host, a service.
    pub about: Option<String>,
}

/// A moment and a beginning so near to one another are the same.
const SAME_MOMENT: SignedDuration = SignedDuration::from_secs(90);
/// A moment was known before if it was named so long before it came.
const KNOWN_BEFORE: SignedDuration = SignedDuration::from_secs(60);
/// More is asked for from this many times the usual on.
const LOAD: f64 = 1.6;
/// Load and failure begin together: a failure begins at most so long before the load is seen.
const TOGETHER: SignedDuration = SignedDuration::from_mins(3);

/// A reason is at most so many characters long.
const LONGEST_REASON: usize = 300;

/// What else it could be, the likeliest first.
pub fn otherwise(inquiry: &Inquiry<'_>) -> Vec<Otherwise> {
    let Some(first) = inquiry.failing.first() else { return Vec::new() };
    let mut all: Vec<Otherwise> = [expiry(inquiry, first), provider(inquiry, first), surge(inquiry, first)]
        .into_iter()
        .flatten()
        .chain(typical(inquiry, first))
        .collect();
    all.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.cause.cmp(&b.cause)));
    all
}

struct Case<'i> {
    rules: &'i CulpritRules,
    found: Otherwise,
}

impl<'i> Case<'i> {
    fn of(rules: &'i CulpritRules, cause: NoChange) -> Case<'i> {
        Case { rules, found: Otherwise { cause, points: Vec::new(), score: 0.0, about: None } }
    }

    fn point(&mut self, rule: Rule, says: String, evidence: EvidenceId) {
        let points = self.rules.weight(rule);
        let told = self.found.points.iter().any(|(known, ..)| *known == rule);
        if points != 0.0 && !told {
            let says = ExternalText::new(says).for_people(LONGEST_REASON);
            self.found.score += points;
            self.found.points.push((rule, points, says, Citation::of(evidence)));
        }
    }

    fn found(self) -> Option<Otherwise> {
        (self.found.score > 0.0).then_some(self.found)
    }
}

/// The texts that a failing service says of itself, with the time of each and its evidence.
fn own_texts<'a>(first: &'a Failed<'a>) -> Vec<(&'a str, Timestamp, EvidenceId)> {
    let mut texts = Vec::new();
    for sign in first.own() {
        match sign.seen_in {
            SeenIn::Log(voice) => {
                let record = &voice.template.first;
                texts.push((record.body.as_untrusted(), record.at, sign.evidence));
                texts.extend(
                    record.attributes.values().map(|value| (value.as_untrusted(), record.at, sign.evidence)),
                );
            }
            SeenIn::Call(call) => {
                texts.push((call.span.message.as_untrusted(), call.span.started_at, sign.evidence));
                let attributes = call.span.attributes.values();
                texts.extend(
                    attributes.map(|value| (value.as_untrusted(), call.span.started_at, sign.evidence)),
                );
            }
            SeenIn::Alert(seen) => {
                texts.push((seen.alert.summary.as_untrusted(), seen.alert.started_at, sign.evidence));
            }
            SeenIn::OwnTime(_) | SeenIn::Series(_) => {}
        }
    }
    texts
}

/// Whether a text says that something is not valid any more. Word stems of validity in time; what a text says of it alone
/// proves nothing, for a wrong check says the same.
fn says_expired(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    ["expir", "no longer valid", "not yet valid", "notafter", "not after", "valid until"]
        .iter()
        .any(|stem| lower.contains(stem))
}

fn expiry(inquiry: &Inquiry<'_>, first: &Failed<'_>) -> Option<Otherwise> {
    let mut case = Case::of(inquiry.rules, NoChange::Expiry);
    let is_then = |moment: Timestamp| moment.duration_since(inquiry.began).abs() <= SAME_MOMENT;
    let own = own_texts(first);
    // What names a moment before it comes knows of it.
    let earlier = inquiry
        .observed
        .wordings
        .iter()
        .map(|seen| (seen.item.first.body.as_untrusted(), seen.item.first.at, seen.evidence));
    for (text, said_at, evidence) in earlier.chain(own.iter().copied()) {
        for moment in moments(text).into_iter().filter(|moment| is_then(*moment)) {
            let knew = moment.duration_since(said_at) >= KNOWN_BEFORE;
            // An alert or an error that speaks of what ran out may name the moment afterwards.
            let recalls =
                says_expired(text) && said_at.duration_since(moment) >= SignedDuration::from_secs(2);
            if knew || recalls {
                let says = format!("{} was named as the end before it came", format_time(moment));
                let says =
                    if knew { says } else { format!("the error names {} as the end", format_time(moment)) };
                case.point(Rule::Foretold, says, evidence);
            }
        }
    }
    for seen in &inquiry.observed.series {
        let step = seen.item.step.max(SAME_MOMENT);
        let ends = runs_out(&seen.item).filter(|end| end.duration_since(inquiry.began).abs() <= step + step);
        if let Some(end) = ends.filter(|_| seen.item.kind == SignalKind::Other) {
            let query = ExternalText::from(seen.item.query.as_str()).for_people(60);
            let says = format!("{query} of {} ran down to 0 at {}", seen.item.service, format_time(end));
            case.point(Rule::Countdown, says, seen.evidence);
        }
    }
    if let Some((text, _, evidence)) = own.iter().find(|(text, ..)| says_expired(text))
        && case.found.score > 0.0
    {
        let shown = ExternalText::from(*text).for_people(80);
        case.point(Rule::SaysExpired, format!("the error says so: \"{shown}\""), *evidence);
    }
    case.found()
}

/// A label of a host that is a name has more letters than this: `co` and `com` have not.
const SHORTEST_LABEL: usize = 3;

/// How the other side of a call answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    /// It fails: 5xx, or no answer in time.
    Fails,
    /// It refuses what was sent: 4xx.
    Refuses,
    /// It has had enough: 429.
    Limits,
}

fn status(value: &str) -> Option<Status> {
    match value.trim().parse::<u16>().ok()? {
        429 => Some(Status::Limits),
        400..=499 => Some(Status::Refuses),
        500..=599 => Some(Status::Fails),
        _ => None,
    }
}

fn statuses<'a>(attributes: &'a BTreeMap<String, ExternalText>) -> impl Iterator<Item = Status> + 'a {
    attributes
        .iter()
        .filter(|(key, _)| key.to_ascii_lowercase().contains("status"))
        .filter_map(|(_, value)| status(value.as_untrusted()))
}

fn provider(inquiry: &Inquiry<'_>, first: &Failed<'_>) -> Option<Otherwise> {
    let mut outside: BTreeMap<String, usize> = BTreeMap::new();
    let (mut limits, mut refuses, mut fails) = (None, None, None);
    let mut note = |status: Status, evidence: EvidenceId| {
        let known = match status {
            Status::Limits => &mut limits,
            Status::Refuses => &mut refuses,
            Status::Fails => &mut fails,
        };
        known.get_or_insert(evidence);
    };
    let mut calls: Vec<(&str, EvidenceId, String)> = Vec::new();
    for (peer, sign) in first.peers() {
        if let (Peer::Outside(name), SeenIn::Call(call)) = (peer, sign.seen_in) {
            *outside.entry(name.clone()).or_default() += 1;
            calls.push((name, sign.evidence, call.span.name.for_people(60)));
            statuses(&call.span.attributes).for_each(|status| note(status, sign.evidence));
        }
    }
    let mut names_it: Vec<(String, String, EvidenceId)> = Vec::new();
    for sign in first.own() {
        let SeenIn::Log(voice) = sign.seen_in else { continue };
        let record = &voice.template.first;
        // Of attributes only those that name another side do: a logger or a module is written like a host.
        let named = record.attributes.iter().filter(|(key, _)| names_a_peer(key)).map(|(_, value)| value);
        for host in std::iter::once(&record.body).chain(named).flat_map(|text| hosts(text.as_untrusted())) {
            if let Some(Peer::Outside(name)) = peer(host, inquiry.names) {
                *outside.entry(name.clone()).or_default() += 1;
                names_it.push((name, record.body.for_people(80), sign.evidence));
                statuses(&record.attributes).for_each(|status| note(status, sign.evidence));
                let words = record.body.as_untrusted().split(|c: char| !c.is_ascii_digit());
                words
                    .filter(|word| word.len() == 3)
                    .filter_map(status)
                    .for_each(|status| note(status, sign.evidence));
            }
        }
    }
    let about = outside
        .iter()
        .max_by_key(|(name, count)| (**count, std::cmp::Reverse(*name)))
        .map(|(name, _)| name.clone())?;
    let cause = if limits.is_some() && fails.is_none() { NoChange::Limit } else { NoChange::Provider };
    let mut case = Case::of(inquiry.rules, cause);
    case.found.about = Some(about.clone());
    if let Some((_, evidence, call)) = calls.into_iter().find(|(name, ..)| *name == about) {
        case.point(Rule::PeerFails, format!("what fails is the call to {about}: {call}"), evidence);
    }
    if let Some((name, text, evidence)) = names_it.into_iter().find(|(name, ..)| *name == about) {
        case.point(Rule::PeerNamed, format!("the error names {name}: \"{text}\""), evidence);
    }
    if let (Some(evidence), None) = (refuses, fails.or(limits)) {
        case.point(
            Rule::PeerRefuses,
            format!("{about} refuses what is sent to it, it does not fail"),
            evidence,
        );
    }
    if let Some((says, evidence)) = document_of(inquiry, &about) {
        case.point(Rule::PeerSays, says, evidence);
    }
    case.found()
}

/// A document that speaks of the host, or of whom it belongs to, and has a time near the beginning.
fn document_of(inquiry: &Inquiry<'_>, about: &str) -> Option<(String, EvidenceId)> {
    // `pay` in `api.pay.co.uk`: the last label but the ending that is long enough to be a name.
    let owner = about.split('.').rev().skip(1).find(|label| label.len() > SHORTEST_LABEL).unwrap_or(about);
    inquiry.observed.documents.iter().find_map(|seen| {
        let text = seen.item.text.as_untrusted();
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let names_owner = || text.split(|c| !is_part(c)).any(|word| word.eq_ignore_ascii_case(owner));
        let speaks = text.contains(about) || names_owner();
        let near = SignedDuration::from_mins(30);
        let at =
            moments(text).into_iter().filter(|at| at.duration_since(inquiry.began).abs() <= near).min()?;
        let name = ExternalText::from(seen.item.name.as_str()).for_people(60);
        speaks.then(|| (format!("{name} speaks of {owner} at {}", format_time(at)), seen.evidence))
    })
}

fn surge(inquiry: &Inquiry<'_>, first: &Failed<'_>) -> Option<Otherwise> {
    let mut case = Case::of(inquiry.rules, NoChange::Surge);
    let called: BTreeSet<&ServiceName> = inquiry
        .calls
        .edges
        .iter()
        .filter(|(caller, callee)| caller != callee)
        .map(|(_, callee)| *callee)
        .collect();
    // Where the calls come in: services that nobody is seen to call. Who is called more may be called more often for each.
    let enters = |service: &ServiceName| !called.contains(service);
    let load = |series: &&MeasuredSeries| {
        let signature = &series.signature;
        signature.kind == SignalKind::Traffic
            && signature.onset.direction == Direction::Up
            && signature.ratio.is_some_and(|ratio| ratio >= LOAD)
            && signature.onset.earliest.duration_since(inquiry.began) <= TOGETHER
    };
    // Those that calls come to the failing service from: itself, or who calls it, however far up.
    let mut above: BTreeSet<&ServiceName> = BTreeSet::from([first.service]);
    while let Some(caller) = inquiry
        .calls
        .edges
        .iter()
        .find(|(caller, callee)| above.contains(callee) && !above.contains(caller))
        .map(|(caller, _)| *caller)
    {
        above.insert(caller);
    }
    let comes_in = |series: &&MeasuredSeries| enters(&series.service) && above.contains(&series.service);
    let loads: Vec<&MeasuredSeries> = inquiry.moved.iter().filter(load).filter(comes_in).collect();
    let series = loads.iter().find(|series| series.service == *first.service).or(loads.first())?;
    case.point(Rule::Load, format!("{} {}", series.service, says(&series.signature)), series.evidence);
    let full = inquiry.moved.iter().find(|series| {
        series.signature.kind == SignalKind::Saturation
            && series.service == *first.service
            && series.signature.onset.direction == Direction::Up
            && series.signature.onset.earliest.duration_since(inquiry.began) <= TOGETHER
    });
    let full = full?;
    case.point(Rule::Saturated, format!("{} {}", full.service, says(&full.signature)), full.evidence);
    case.found.about = Some(first.service.to_string());
    case.found()
}

/// What errors say when a cause is none of anybody's code: the wordings of operating systems, resolvers, databases and
/// protocols (errno(3), getaddrinfo(3), RFC 6585, PostgreSQL's and MySQL's error codes).
const TYPICAL: [(NoChange, &[&str]); 6] = [
    (
        NoChange::Full,
        &["no space left on device", "enospc", "disk full", "disk quota exceeded", "could not extend file"],
    ),
    (
        NoChange::Limit,
        &["429 too many requests", "too many requests", "rate limit", "quota exceeded", "throttl"],
    ),
    (
        NoChange::Names,
        &[
            "no such host",
            "nxdomain",
            "servfail",
            "name resolution",
            "lookup & :53",
            "name or service not known",
            "getaddrinfo",
            "enotfound",
        ],
    ),
    (
        NoChange::Machine,
        &[
            "input/output error",
            "i/o error",
            "read-only file system",
            "hardware error",
            "machine check",
            "node not ready",
            "nodenotready",
        ],
    ),
    (
        NoChange::BadData,
        &[
            "malformed",
            "poison",
            "corrupt",
            "invalid byte sequence",
            "unparseable",
            "cannot parse",
            "could not convert",
            "invalid literal",
            "unexpected character",
            "deserializ",
            "can't parse",
            "could not parse",
            "failed to parse record",
            "failed to decode",
            "dead-letter",
            "dead letter",
        ],
    ),
    (
        NoChange::Store,
        &[
            "deadlock detected",
            "lock wait timeout",
            "read-only transaction",
            "is read-only",
            "not primary",
            "no primary",
            "recovery mode",
            "failover",
            "could not obtain lock",
            "lock not available",
            "starting up",
        ],
    ),
];

fn typical(inquiry: &Inquiry<'_>, first: &Failed<'_>) -> Vec<Otherwise> {
    let own = own_texts(first);
    let mut found: Vec<Otherwise> = machine(inquiry).into_iter().collect();
    for (cause, wordings) in TYPICAL {
        let said = own.iter().find(|(text, ..)| {
            let lower = text.to_ascii_lowercase();
            wordings.iter().any(|wording| wording.split(" & ").all(|part| lower.contains(part)))
        });
        let Some((text, at, evidence)) = said else { continue };
        let mut case = Case::of(inquiry.rules, cause);
        let shown = ExternalText::from(*text).for_people(80);
        let length = format_length(at.duration_since(inquiry.began).abs());
        case.point(Rule::Typical, format!("\"{shown}\", {length} from the beginning"), *evidence);
        let peers = first.peers();
        case.found.about = peers.first().map(|(peer, _)| peer.name().to_owned());
        if let Some((peer, sign)) = peers.first() {
            case.point(Rule::PeerFails, format!("what fails is the call to {}", peer.name()), sign.evidence);
        }
        found.extend(case.found());
    }
    found
}

/// Keys under which a machine is named (OpenTelemetry's resource conventions, and their short forms).
const MACHINES: [&str; 7] = ["node", "k8s.node.name", "host", "host.name", "hostname", "instance", "server"];

/// One machine that all have in common who fail, in several signs of two services or in three of one.
fn machine(inquiry: &Inquiry<'_>) -> Option<Otherwise> {
    let mut on: BTreeMap<String, (BTreeSet<&ServiceName>, usize, EvidenceId)> = BTreeMap::new();
    for failed in inquiry.failing {
        for sign in failed.own() {
            let SeenIn::Log(voice) = sign.seen_in else { continue };
            let record = &voice.template.first;
            let named = record.attributes.iter().filter(|(key, _)| MACHINES.contains(&key.as_str()));
            let named = named.map(|(_, value)| value.as_untrusted().to_owned());
            let written = written(record.body.as_untrusted());
            for name in named.chain(written).collect::<BTreeSet<String>>() {
                let known = on.entry(name).or_insert_with(|| (BTreeSet::new(), 0, sign.evidence));
                known.0.insert(failed.service);
                known.1 += 1;
            }
        }
    }
    let mut all = on.into_iter();
    // Several machines have nothing in common but the failure, and one that is all there is says nothing.
    let (Some((name, (services, signs, evidence))), None) = (all.next(), all.next()) else { return None };
    if (signs < 3 && services.len() < 2) || !runs_elsewhere(inquiry, &name, services.len()) {
        return None;
    }
    let mut case = Case::of(inquiry.rules, NoChange::Machine);
    let shown = ExternalText::from(name.as_str()).for_people(60);
    case.point(Rule::Typical, format!("all that says where it runs says {shown}"), evidence);
    case.point(
        Rule::OneMachine,
        format!("{signs} errors of {} have it in common", told(services.len())),
        evidence,
    );
    case.found.about = Some(name);
    case.found()
}

/// Whether anything that was seen runs on another machine than `name`; of several services that fail there it is enough
/// that others do not say where they run, for then it is said where it matters.
fn runs_elsewhere(inquiry: &Inquiry<'_>, name: &str, services: usize) -> bool {
    let Observed { wordings, templates, failed, slow, usual, traces, .. } = inquiry.observed;
    let logged = wordings.iter().chain(templates).map(|seen| &seen.item.first.attributes);
    let traced = failed.iter().chain(slow).chain(usual).chain(traces).map(|seen| &seen.item.attributes);
    logged.chain(traced).any(|attributes| {
        let mut machines = attributes.iter().filter(|(key, _)| MACHINES.contains(&key.as_str())).peekable();
        let says_nothing = machines.peek().is_none();
        machines.any(|(_, value)| value.as_untrusted() != name) || (services > 1 && says_nothing)
    })
}

fn told(services: usize) -> String {
    if services == 1 { "one service".to_owned() } else { format!("{services} services") }
}

/// `node=a1` in a text.
fn written(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(' | ')' | '"')).filter_map(|word| {
        let (key, value) = word.split_once('=')?;
        (MACHINES.contains(&key) && value.len() > 2).then(|| value.to_owned())
    })
}
