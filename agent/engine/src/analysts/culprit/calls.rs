//! Traces: who calls whom, which errors begin where and which are passed on, whose own time grew, and who calls more
//! often than before. It must not know logs, series or changes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use hearback_core::telemetry::{SpanId, SpanKind, SpanStatus, TraceId};
use hearback_core::{EvidenceId, ServiceName, SpanRecord};
use jiff::{SignedDuration, Timestamp};

use super::names::{Names, Peer, hosts, peer};
use crate::observe::{Observed, Seen};

/// A call that failed, and where its error comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct FailedCall<'a> {
    /// The span.
    pub span: &'a SpanRecord,
    /// The services it called that failed inside it: it passes on what they say. Empty if the error begins here.
    pub passed_on: BTreeSet<&'a ServiceName>,
    /// What it called that is none of our services, if the error begins in that call.
    pub peer: Option<Peer>,
    /// The snapshot.
    pub evidence: EvidenceId,
}

/// A service that spends more time of its own on a call than it did.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnTime<'a> {
    /// The service.
    pub service: &'a ServiceName,
    /// The first slow call.
    pub span: &'a SpanRecord,
    /// Its own time in a usual trace, without that of what it calls.
    pub before: SignedDuration,
    /// And in a slow one.
    pub after: SignedDuration,
    /// The snapshot.
    pub evidence: EvidenceId,
}

/// A service that calls another many times for one request, where it did not.
#[derive(Debug, Clone, PartialEq)]
pub struct FanOut<'a> {
    /// Who calls.
    pub service: &'a ServiceName,
    /// What is called.
    pub callee: &'a ServiceName,
    /// The call.
    pub call: &'a SpanRecord,
    /// How many times in one usual trace.
    pub before: usize,
    /// And now.
    pub after: usize,
    /// The snapshot.
    pub evidence: EvidenceId,
}

/// What traces tell.
#[derive(Debug, Default)]
pub struct Calls<'a> {
    /// Who calls whom, as seen.
    pub edges: BTreeSet<(&'a ServiceName, &'a ServiceName)>,
    /// Calls that failed and usually do not, the first first.
    pub failed: Vec<FailedCall<'a>>,
    /// Whose own time grew.
    pub own_time: Vec<OwnTime<'a>>,
    /// Who calls more often than before.
    pub fan_out: Vec<FanOut<'a>>,
}

/// Own time must be this many times longer.
const LONGER: f64 = 3.0;
/// And longer by this much.
const LONGER_BY: SignedDuration = SignedDuration::from_millis(200);
/// A service must call this many times more often for one request.
const MORE_OFTEN: usize = 5;

/// Whether an attribute of this key names the other side of a call.
pub fn names_a_peer(key: &str) -> bool {
    PEER.contains(&key) || ["url", "host", "endpoint", "upstream", "target"].contains(&key)
}

/// Attributes that name the other side of a call (OpenTelemetry semantic conventions, those before 1.21 included).
const PEER: [&str; 8] = [
    "peer.service",
    "server.address",
    "net.peer.name",
    "http.host",
    "url.full",
    "http.url",
    "upstream.host",
    "peer",
];

/// Reads the traces of `observed`. What failed before `usual_until` as well is usual.
pub fn calls<'a>(observed: &'a Observed, names: &Names, usual_until: Timestamp) -> Calls<'a> {
    let mut spans: BTreeMap<(TraceId, SpanId), &Seen<SpanRecord>> = BTreeMap::new();
    for seen in observed.failed.iter().chain(&observed.slow).chain(&observed.usual).chain(&observed.traces) {
        spans.insert((seen.item.trace, seen.item.span), seen);
    }
    let mut children: HashMap<(TraceId, SpanId), Vec<&Seen<SpanRecord>>> = HashMap::new();
    for seen in spans.values() {
        if let Some(parent) = seen.item.parent {
            children.entry((seen.item.trace, parent)).or_default().push(seen);
        }
    }
    let of = |seen: &Seen<SpanRecord>| {
        children.get(&(seen.item.trace, seen.item.span)).map_or(&[][..], Vec::as_slice)
    };
    let mut calls = Calls::default();
    for seen in spans.values() {
        let below = of(seen).iter().map(|child| &child.item.service);
        calls.edges.extend(
            below.filter(|callee| **callee != seen.item.service).map(|callee| (&seen.item.service, callee)),
        );
    }
    let is_failed = |seen: &&&Seen<SpanRecord>| seen.item.status == SpanStatus::Error;
    let key = |span: &'a SpanRecord| (&span.service, span.name.as_untrusted(), span.message.as_untrusted());
    let is_before = |seen: &&&Seen<SpanRecord>| seen.item.started_at < usual_until;
    let chronic: BTreeSet<_> =
        spans.values().filter(is_failed).filter(is_before).map(|seen| key(&seen.item)).collect();
    // Of a trace that was not read whole it is not known what failed inside a call.
    let whole: BTreeSet<TraceId> = observed.traces.iter().map(|seen| seen.item.trace).collect();
    let is_judged = |seen: &&&Seen<SpanRecord>| whole.is_empty() || whole.contains(&seen.item.trace);
    for seen in spans.values().filter(is_failed).filter(is_judged) {
        if !chronic.contains(&key(&seen.item)) {
            calls.failed.push(failed(seen, of(seen), names));
        }
    }
    calls.failed.sort_by_key(|call| (call.span.started_at, call.span.trace, call.span.span));
    let traces = Times::of(&spans, &of);
    calls.own_time = traces.own_time(usual_until);
    calls.fan_out = traces.fan_out(usual_until);
    calls
}

fn failed<'a>(seen: &'a Seen<SpanRecord>, below: &[&'a Seen<SpanRecord>], names: &Names) -> FailedCall<'a> {
    let span = &seen.item;
    let failing = below.iter().filter(|child| child.item.status == SpanStatus::Error);
    let passed_on: BTreeSet<&ServiceName> = failing
        .clone()
        .map(|child| &child.item.service)
        .filter(|service| **service != span.service)
        .collect();
    let begins_here = failing.count() == 0;
    let peer = begins_here.then(|| peer_of(span, names)).flatten();
    FailedCall { span, passed_on, peer, evidence: seen.evidence }
}

/// The other side of a call, if it is none of our services.
fn peer_of(span: &SpanRecord, names: &Names) -> Option<Peer> {
    let written = PEER.iter().filter_map(|key| span.attributes.get(*key)).map(|value| value.as_untrusted());
    for text in written.chain([span.name.as_untrusted(), span.message.as_untrusted()]) {
        if let Some(found) = hosts(text).find_map(|host| peer(host, names)) {
            return Some(found);
        }
    }
    let named = span.attributes.get("peer.service").map(|value| value.as_untrusted());
    let named = named.filter(|name| names.called(name).is_none() && !name.trim().is_empty());
    // A name without a host is given by those who call it: a database, a queue.
    let is_call = matches!(span.kind, SpanKind::Client | SpanKind::Internal);
    named.filter(|_| is_call).map(|name| Peer::Inside(name.to_owned()))
}

/// How much time services take of their own, and how often they call, trace by trace.
struct Times<'a> {
    /// By trace: when it began; by service its own time, the longest span and its evidence; how often each calls each.
    traces: BTreeMap<TraceId, Trace<'a>>,
}

#[derive(Default)]
struct Trace<'a> {
    began: Option<Timestamp>,
    own: BTreeMap<&'a ServiceName, (SignedDuration, &'a Seen<SpanRecord>)>,
    calls: BTreeMap<(&'a ServiceName, &'a ServiceName), (usize, &'a Seen<SpanRecord>)>,
}

impl<'a> Times<'a> {
    fn of<'b>(
        spans: &BTreeMap<(TraceId, SpanId), &'a Seen<SpanRecord>>,
        below: &dyn Fn(&Seen<SpanRecord>) -> &'b [&'a Seen<SpanRecord>],
    ) -> Times<'a>
    where
        'a: 'b,
    {
        let mut traces: BTreeMap<TraceId, Trace<'a>> = BTreeMap::new();
        for seen in spans.values() {
            let span = &seen.item;
            let trace = traces.entry(span.trace).or_default();
            trace.began = Some(trace.began.map_or(span.started_at, |began| began.min(span.started_at)));
            let inside = below(seen);
            let spent: SignedDuration = inside
                .iter()
                .map(|child| child.item.duration)
                .fold(SignedDuration::ZERO, SignedDuration::saturating_add);
            // What is called at once takes longer in sum than it kept anybody waiting.
            let own = span.duration.saturating_sub(spent).max(SignedDuration::ZERO);
            let entry = trace.own.entry(&span.service).or_insert((SignedDuration::ZERO, seen));
            entry.0 = entry.0.saturating_add(own);
            if span.duration > entry.1.item.duration {
                entry.1 = seen;
            }
            for child in inside.iter().filter(|child| child.item.service != span.service) {
                let count = trace.calls.entry((&span.service, &child.item.service)).or_insert((0, child));
                count.0 += 1;
            }
        }
        Times { traces }
    }

    fn split(&self, usual_until: Timestamp) -> (Vec<&Trace<'a>>, Vec<&Trace<'a>>) {
        self.traces.values().partition(|trace| trace.began.is_some_and(|began| began < usual_until))
    }

    fn own_time(&self, usual_until: Timestamp) -> Vec<OwnTime<'a>> {
        let (before, after) = self.split(usual_until);
        let usual = |service: &ServiceName| {
            before.iter().filter_map(|trace| trace.own.get(service)).map(|own| own.0).max()
        };
        let mut found: BTreeMap<&ServiceName, OwnTime<'a>> = BTreeMap::new();
        for trace in after {
            for (service, (after, seen)) in &trace.own {
                let Some(before) = usual(service) else { continue };
                let is_longer = *after >= before.saturating_add(LONGER_BY)
                    && after.as_secs_f64() >= LONGER * before.as_secs_f64();
                let is_more = found.get(*service).is_none_or(|known| known.after < *after);
                if is_longer && is_more {
                    let own =
                        OwnTime { service, span: &seen.item, before, after: *after, evidence: seen.evidence };
                    found.insert(service, own);
                }
            }
        }
        found.into_values().collect()
    }

    fn fan_out(&self, usual_until: Timestamp) -> Vec<FanOut<'a>> {
        let (before, after) = self.split(usual_until);
        let mut found: BTreeMap<(&ServiceName, &ServiceName), FanOut<'a>> = BTreeMap::new();
        for trace in after {
            for ((caller, callee), (now, seen)) in &trace.calls {
                let usual = before.iter().filter_map(|trace| trace.calls.get(&(*caller, *callee)));
                let usual = usual.map(|calls| calls.0).max().unwrap_or(1);
                let is_more = found.get(&(*caller, *callee)).is_none_or(|known| known.after < *now);
                if *now >= MORE_OFTEN * usual && is_more {
                    let one = FanOut {
                        service: caller,
                        callee,
                        call: &seen.item,
                        before: usual,
                        after: *now,
                        evidence: seen.evidence,
                    };
                    found.insert((*caller, *callee), one);
                }
            }
        }
        found.into_values().collect()
    }
}
