//! Which service is at the root of it? From the series of all services and who calls whom: what the alerted service
//! loses is followed down the calls to the service that none of its own callees explains. Must not know changes, logs
//! or where the series come from.
//!
//! Loss is counted in amounts, not in deviations: seconds of latency and failed requests, each beyond what is usual. An
//! amount can be compared along a call (a caller waits as long as its callee does, a failed call is a failed request)
//! where deviations can't: a caller's noise hides what is plain in its callee. Traffic weighs amounts and is no sign
//! itself, because it follows what is wrong elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use hearback_core::{Series, ServiceName, SignalKind};
use jiff::Timestamp;

use super::robust::{median, quantile, spread};
use super::signature::short;

/// Less than this many ordinary points say nothing of what is usual, and a service without a usual level neither hides
/// nor explains anything: one that nobody called on ordinary days tells of its caller, which began to call it.
const ORDINARY_POINTS: usize = 12;
/// Only what lies above the usual level by this many deviations is loss. A low bar: that something is wrong is known from
/// the alert, and a callee must not be cleared because it is a little below a high one.
const NOTICED: f64 = 1.0;
/// The least deviation of latency, as a share of its level: a service that never moved is not all loss when it does.
const LEAST_LATENCY_SHARE: f64 = 0.05;
/// The least deviation of latency at all, in seconds: clocks tell no less.
const LEAST_LATENCY_S: f64 = 1e-6;
/// The least deviation of the failed share, where the usual one is none: one request in 200.
const LEAST_FAILED_SHARE: f64 = 0.005;
/// No deviation is told as larger than this.
const MOST_DEVIATIONS: f64 = 1_000.0;
/// Where the alerted service stands this many deviations off even at its quietest, the trouble may be older than what is
/// looked at.
const OLDER: f64 = 3.0;
/// What passes through a service counts for this part of what is its own: among those of one path it puts the ones that
/// carry most beside the root, and never before it where one callee explains more than about half of its caller.
const PASSED_ON: f64 = 0.25;
/// What a service that moved is worth though the alerted one does not lose by it, at most: it comes after all who do.
const MOVED_BESIDE: f64 = 0.05;
/// Deviations that are worth half of that.
const MOVED_HALF: f64 = 10.0;
/// The quantile of ordinary points from which their upper spread is read, and how many deviations it lies above the
/// median of Gaussian noise. Loss is one-sided, and so is most noise of latencies and failures.
const HIGH: f64 = 0.95;
const HIGH_DEVIATIONS: f64 = 1.645;

/// One service calls another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// Who calls.
    pub caller: ServiceName,
    /// Whom.
    pub callee: ServiceName,
}

/// What is looked at. Of a service count the mean latency in seconds, errors as the share of failed requests from 0 to
/// 1, and traffic as requests in a step; of several series of one kind the first.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// Ordinary times of the same services.
    pub ordinary: &'a [Series],
    /// From shortly before the alert until now.
    pub now: &'a [Series],
    /// Who calls whom.
    pub calls: &'a [Call],
    /// The service that the alert is about; the front door if nobody says.
    pub alerted: Option<&'a ServiceName>,
}

/// A service that may be the root, the likeliest first.
#[derive(Debug, Clone, PartialEq)]
pub struct RootService {
    /// Which.
    pub service: ServiceName,
    /// From 0 up; comparable within one ranking only.
    pub score: f64,
    /// In what it moved, what weighs most first.
    pub moved: Vec<Moved>,
}

/// How a service moved in one signal.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved {
    /// Latency or errors.
    pub kind: SignalKind,
    /// Its usual level.
    pub usual: f64,
    /// The worst point.
    pub worst: f64,
    /// When that was.
    pub at: Timestamp,
    /// How far above its usual level, in deviations.
    pub deviations: f64,
    /// Which share of the alerted service's loss comes through it, 0 to 1.
    pub carries: f64,
    /// Which share of it no callee explains, 0 to 1.
    pub own: f64,
}

/// A signal of one service, measured against its usual level.
struct Loss {
    usual: f64,
    /// The loss in each step: seconds, or requests.
    amounts: Vec<f64>,
    /// How far above the usual level in each step, in deviations.
    heights: Vec<f64>,
    worst: f64,
    worst_at: Timestamp,
}

/// Which level counts as usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Usual {
    /// That of ordinary days or of the quietest step now, whichever is worse: what was so on either is not news.
    OrdinaryOrQuietest,
    /// That of ordinary days.
    Ordinary,
}

/// The losses of all services in one signal; those without a usual level are absent.
type Losses<'a> = BTreeMap<&'a ServiceName, Loss>;
type Graph<'a> = BTreeMap<&'a ServiceName, BTreeSet<&'a ServiceName>>;

/// What users feel; the order is that of equal weight.
const FELT: [SignalKind; 2] = [SignalKind::Errors, SignalKind::Latency];

/// The services that may be at the root of what the alerted service suffers, the likeliest first. Only those that it
/// reaches by calls and that moved are told; empty if there is nothing to go by.
pub fn root_services(observed: &Observed<'_>) -> Vec<RootService> {
    let graph = graph(observed.calls);
    let Some(door) = observed.alerted.or_else(|| front_door(observed, &graph)) else { return Vec::new() };
    let losses = measured(observed, door);
    let weights = weights(&losses, door);
    let mut ranked: BTreeMap<&ServiceName, RootService> = BTreeMap::new();
    let reached = reached(door, &graph);
    for ((kind, losses), weight) in FELT.into_iter().zip(&losses).zip(weights) {
        let seen = seen_through(&graph, losses);
        let flows = flows(door, &seen, losses);
        let of_door: f64 = flows.get(door).map_or(0.0, |flow| flow.iter().sum());
        for (service, loss) in losses.iter().filter(|(service, _)| reached.contains(*service)) {
            let deviations = loss.heights.iter().copied().fold(0.0, f64::max);
            if deviations <= NOTICED {
                continue;
            }
            let flow = flows.get(service).map_or(&[][..], Vec::as_slice);
            let share = |amount: f64| if of_door > 0.0 { amount / of_door } else { 0.0 };
            // In a circle of calls, the door does not explain those behind it.
            let passed = seen.get(service).into_iter().flatten().filter(|callee| **callee != door);
            let passed = passed.filter_map(|callee| flows.get(callee)).map(|below| common(below, flow));
            // The callee that explains most, not their sum: one fault is likelier than several, and where many callees
            // are slow at once it is the caller that can't keep up.
            let carries = share(flow.iter().sum());
            let own = (carries - share(passed.fold(0.0, f64::max))).max(0.0);
            let one = ranked.entry(service).or_insert_with(|| RootService {
                service: (*service).clone(),
                score: 0.0,
                moved: Vec::new(),
            });
            one.score += weight * (own + PASSED_ON * carries);
            one.moved.push(Moved {
                kind,
                usual: loss.usual,
                worst: loss.worst,
                at: loss.worst_at,
                deviations,
                carries,
                own,
            });
        }
    }
    let mut ranked: Vec<RootService> = ranked.into_values().map(with_the_rest).collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.service.cmp(&b.service)));
    ranked
}

/// Adds what it is worth that it moved at all.
fn with_the_rest(mut one: RootService) -> RootService {
    let farthest = one.moved.iter().map(|moved| moved.deviations).fold(0.0, f64::max);
    one.score += MOVED_BESIDE * farthest / (farthest + MOVED_HALF);
    let weight = |moved: &Moved| (moved.own, moved.carries, moved.deviations);
    one.moved.sort_by(|a, b| {
        let ((a_own, a_carries, a_far), (b_own, b_carries, b_far)) = (weight(a), weight(b));
        b_own.total_cmp(&a_own).then(b_carries.total_cmp(&a_carries)).then(b_far.total_cmp(&a_far))
    });
    one
}

/// Why a service is ranked where it is, in one line: `latency 0.006 s → 0.042 s at 01:41Z, 100 % of the loss comes through
/// it, callees explain 3 % of that`.
pub fn says(root: &RootService) -> String {
    let one = |moved: &Moved| {
        let clock = moved.at.strftime("%H:%MZ");
        let (usual, worst) = match moved.kind {
            SignalKind::Errors => {
                (format!("{} %", short(100.0 * moved.usual)), format!("{} %", short(100.0 * moved.worst)))
            }
            _ => (format!("{} s", short(moved.usual)), format!("{} s", short(moved.worst))),
        };
        let share = |share: f64| format!("{:.0} %", 100.0 * share);
        let part = match moved.carries {
            carries if carries <= 0.0 => "the alerted service does not lose by it".to_owned(),
            carries => {
                let explained = (1.0 - moved.own / carries).clamp(0.0, 1.0);
                format!(
                    "{} of the loss comes through it, callees explain {} of that",
                    share(carries),
                    share(explained)
                )
            }
        };
        format!("{} {usual} → {worst} at {clock}, {part}", moved.kind)
    };
    root.moved.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn graph(calls: &[Call]) -> Graph<'_> {
    let mut graph = Graph::new();
    for call in calls.iter().filter(|call| call.caller != call.callee) {
        graph.entry(&call.caller).or_default().insert(&call.callee);
    }
    graph
}

/// Everything that a service reaches by calls, itself included.
fn reached<'a>(from: &'a ServiceName, graph: &Graph<'a>) -> BTreeSet<&'a ServiceName> {
    let (mut seen, mut next) = (BTreeSet::from([from]), vec![from]);
    while let Some(callees) = next.pop().map(|service| graph.get(service)) {
        next.extend(callees.into_iter().flatten().filter(|callee| seen.insert(**callee)));
    }
    seen
}

/// The service that nobody calls and that reaches most others, the busier of equals.
fn front_door<'a>(observed: &Observed<'a>, graph: &Graph<'a>) -> Option<&'a ServiceName> {
    let called: BTreeSet<&ServiceName> = graph.values().flatten().copied().collect();
    let measured: BTreeSet<&ServiceName> = observed.now.iter().map(|series| &series.service).collect();
    let busy = |service: &ServiceName| {
        let traffic = find(observed.now, service, SignalKind::Traffic);
        traffic.map_or(0.0, |series| series.points.iter().map(|point| point.value).sum())
    };
    let doors = measured.into_iter().filter(|service| !called.contains(service));
    // Of what is still equal the first by name; `max_by` takes the last.
    doors.rev().max_by(|a, b| {
        let by_reach = reached(a, graph).len().cmp(&reached(b, graph).len());
        by_reach.then_with(|| busy(a).total_cmp(&busy(b)))
    })
}

fn find<'a>(series: &'a [Series], service: &ServiceName, kind: SignalKind) -> Option<&'a Series> {
    series.iter().find(|one| one.service == *service && one.kind == kind)
}

/// The losses in what users feel, by the level that fits the alerted service: ordinary days alone if it was farther off
/// all along than it moved since, for then the trouble is older than what is looked at.
fn measured<'a>(observed: &Observed<'a>, door: &ServiceName) -> [Losses<'a>; 2] {
    let by = |usual: Usual| FELT.map(|kind| losses(observed, kind, usual));
    let (recent, whole) = (by(Usual::OrdinaryOrQuietest), by(Usual::Ordinary));
    let heights = |losses: &[Losses<'a>; 2], pick: fn(f64, f64) -> f64, start: f64| {
        let doors = losses.iter().filter_map(|losses| losses.get(door));
        doors.map(|loss| loss.heights.iter().copied().fold(start, pick)).fold(0.0, f64::max)
    };
    let moved = heights(&recent, f64::max, 0.0);
    let off_all_along = heights(&whole, f64::min, MOST_DEVIATIONS);
    if off_all_along > moved.max(OLDER) { whole } else { recent }
}

fn losses<'a>(observed: &Observed<'a>, kind: SignalKind, usual: Usual) -> Losses<'a> {
    let steps: BTreeSet<Timestamp> =
        observed.now.iter().flat_map(|series| &series.points).map(|point| point.at).collect();
    let mut losses = Losses::new();
    for series in observed.now.iter().filter(|series| series.kind == kind) {
        let ordinary = find(observed.ordinary, &series.service, kind);
        let traffic = find(observed.now, &series.service, SignalKind::Traffic);
        if let (Some(ordinary), Some(traffic), false) =
            (ordinary, traffic, losses.contains_key(&series.service))
            && let Some(loss) = loss(series, ordinary, traffic, &steps, usual)
        {
            losses.insert(&series.service, loss);
        }
    }
    losses
}

/// What one service lost in one signal; none if its usual level is not known or nothing was measured now.
fn loss(
    now: &Series,
    ordinary: &Series,
    traffic: &Series,
    steps: &BTreeSet<Timestamp>,
    usual: Usual,
) -> Option<Loss> {
    let ordinary: Vec<f64> = ordinary.points.iter().map(|point| point.value).collect();
    // Of equals the first: that is when it was as bad as it got; `max_by` takes the last.
    let worst = now.points.iter().rev().max_by(|a, b| a.value.total_cmp(&b.value))?;
    let quietest = now.points.iter().map(|point| point.value).min_by(f64::total_cmp)?;
    if ordinary.len() < ORDINARY_POINTS {
        return None;
    }
    let ordinarily = median(&ordinary);
    let level = match usual {
        Usual::OrdinaryOrQuietest => ordinarily.max(quietest),
        Usual::Ordinary => ordinarily,
    };
    let upper = (quantile(&ordinary, HIGH) - ordinarily) / HIGH_DEVIATIONS;
    let noise = spread(&ordinary, ordinarily).max(upper);
    let deviation = match now.kind {
        // A slower service is noisier, as much as it is slower.
        SignalKind::Latency => {
            let scale = if ordinarily > 0.0 { (level / ordinarily).max(1.0) } else { 1.0 };
            (noise * scale).max(LEAST_LATENCY_SHARE * level).max(LEAST_LATENCY_S)
        }
        _ => noise.max(LEAST_FAILED_SHARE),
    };
    let values: BTreeMap<Timestamp, f64> = now.points.iter().map(|point| (point.at, point.value)).collect();
    let requests: BTreeMap<Timestamp, f64> =
        traffic.points.iter().map(|point| (point.at, point.value)).collect();
    // A step in which nothing was measured is one in which nobody waited and nothing failed.
    let height = |at: &Timestamp| values.get(at).map_or(0.0, |value| (value - level) / deviation);
    let amount = |at: &Timestamp| match (values.get(at), requests.get(at)) {
        (Some(value), Some(requests)) if height(at) > NOTICED => (value - level) * requests,
        _ => 0.0,
    };
    Some(Loss {
        usual: level,
        amounts: steps.iter().map(amount).collect(),
        heights: steps.iter().map(|at| height(at).min(MOST_DEVIATIONS)).collect(),
        worst: worst.value,
        worst_at: worst.at,
    })
}

/// How much each signal counts: as far as the alerted service left its usual level in it, where it lost anything. The
/// weights add up to 1, or are 0.
fn weights(losses: &[Losses<'_>; 2], door: &ServiceName) -> [f64; 2] {
    let heights = losses.each_ref().map(|losses| {
        let lost = losses.get(door).filter(|loss| loss.amounts.iter().any(|amount| *amount > 0.0));
        lost.map_or(0.0, |loss| loss.heights.iter().copied().fold(0.0, f64::max))
    });
    let sum: f64 = heights.iter().sum();
    heights.map(|height| if sum > 0.0 { height / sum } else { 0.0 })
}

/// The calls between services with a known loss: one without is seen through, so that a queue or a balancer that nobody
/// measures does not end the path.
fn seen_through<'a>(graph: &Graph<'a>, losses: &Losses<'a>) -> Graph<'a> {
    let callees = |caller: &'a ServiceName| {
        let (mut seen, mut found) = (BTreeSet::from([caller]), BTreeSet::new());
        let mut next = vec![caller];
        while let Some(callees) = next.pop().map(|service| graph.get(service)) {
            for callee in callees.into_iter().flatten().copied().filter(|callee| seen.insert(*callee)) {
                if losses.contains_key(callee) {
                    found.insert(callee);
                } else {
                    next.push(callee);
                }
            }
        }
        found
    };
    losses.keys().map(|service| (*service, callees(service))).collect()
}

/// How much of the door's loss comes through each service, step by step: at most what the service itself loses in that
/// step, and at most what comes through the caller that passes most on.
fn flows<'a>(
    door: &'a ServiceName,
    seen: &Graph<'a>,
    losses: &Losses<'a>,
) -> BTreeMap<&'a ServiceName, Vec<f64>> {
    let mut flows: BTreeMap<&ServiceName, Vec<f64>> = BTreeMap::new();
    let Some(of_door) = losses.get(door) else { return flows };
    flows.insert(door, of_door.amounts.clone());
    // What comes through only grows, and takes no more rounds than the longest path has calls.
    let mut changed = vec![door];
    while let Some(caller) = changed.pop() {
        let Some(passed) = flows.get(caller).cloned() else { continue };
        for callee in seen.get(caller).into_iter().flatten().copied().filter(|callee| *callee != door) {
            let Some(loss) = losses.get(callee) else { continue };
            let flow = flows.entry(callee).or_insert_with(|| vec![0.0; passed.len()]);
            let mut grew = false;
            for ((through, lost), passed) in flow.iter_mut().zip(&loss.amounts).zip(&passed) {
                let more = lost.min(*passed);
                if more > *through {
                    (*through, grew) = (more, true);
                }
            }
            if grew {
                changed.push(callee);
            }
        }
    }
    flows
}

/// How much of two flows may be the same.
fn common(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one.min(*other)).sum()
}

#[cfg(test)]
#[path = "root_service_tests.rs"]
mod tests;
