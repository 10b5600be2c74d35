//! Which shape a series has since its onset, and the one line that says so. A shape narrows down what to look for; it
//! proves nothing. Must not know changes, logs or other series.

use hearback_core::time::format_length;
use hearback_core::{Series, SignalKind};
use jiff::{SignedDuration, Timestamp};

use super::change_point::{Course, Direction, Examined, Form, Found, SeriesOnset, describe, examine};
use super::robust::{median, quantile};
use crate::signals::{ShapeRule, Signals};

/// The shape of a series since its onset, and what such a shape suggests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// Two levels or more, one after the other in the same direction, each held for several samples: a rollout in
    /// stages, or a leak that is noticed by one replica after the other.
    StairStep {
        /// How many steps.
        steps: usize,
    },
    /// An abrupt fall to a lower level that still moves: routing, a caller that went away, part of the fleet.
    Cliff,
    /// Up and down with a period: retries in waves, an autoscaler, a process that restarts again and again.
    Oscillation {
        /// From one peak to the next.
        period: SignedDuration,
        /// From the middle to a peak, in the series' unit.
        amplitude: f64,
    },
    /// The same value again and again, or none: a process or its scrape is dead, a counter is stuck.
    Flatline {
        /// Until the last sample or, where nothing is measured, until the as-of.
        length: SignedDuration,
        /// The value; none where nothing is measured.
        value: Option<f64>,
    },
    /// A sudden peak that wore off: a restart, a deploy, a cold cache.
    SpikeThenSettle {
        /// The highest (or lowest) value.
        peak: f64,
        /// From the onset until little of the peak was left.
        settled_after: SignedDuration,
    },
    /// An abrupt rise to a level that holds, or held for a while: a limit is reached, a dependency or a release fails
    /// part of the requests.
    Plateau,
    /// A straight rise or fall over many samples: a leak, a queue that fills, a load that grows.
    Ramp {
        /// From the onset to the new level, or to the last sample while it goes on.
        lasting: SignedDuration,
    },
}

impl Shape {
    /// Its name in answers.
    pub fn name(&self) -> &'static str {
        match self {
            Shape::StairStep { .. } => "stair-step",
            Shape::Cliff => "cliff",
            Shape::Oscillation { .. } => "oscillation",
            Shape::Flatline { .. } => "flatline",
            Shape::SpikeThenSettle { .. } => "spike then settle",
            Shape::Plateau => "plateau",
            Shape::Ramp { .. } => "ramp",
        }
    }
}

/// The signature of a graph: when it left its level, how far, and in which shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Signature {
    /// The signal.
    pub kind: SignalKind,
    /// When, from where to where.
    pub onset: SeriesOnset,
    /// The shape since.
    pub shape: Shape,
    /// The level after by the level before; none from zero, or where nothing is measured.
    pub ratio: Option<f64>,
    /// Nothing later was looked at.
    pub as_of: Timestamp,
}

/// The signature of `series` by its points up to `as_of` (inclusive); `None` if it stayed normal or there are too few
/// points to tell.
pub fn signature(series: &Series, as_of: Timestamp, rules: &Signals) -> Option<Signature> {
    let examined = examine(series, as_of, rules)?;
    let onset = describe(&examined, series.kind)?;
    let shape = shape(&examined, &onset, as_of, &rules.shape)?;
    let ratio = onset
        .after
        .filter(|_| onset.before.value > 0.0)
        .map(|after| after.value / onset.before.value)
        .filter(|ratio| ratio.is_finite());
    Some(Signature { kind: series.kind, onset, shape, ratio, as_of })
}

fn shape(examined: &Examined, onset: &SeriesOnset, as_of: Timestamp, rule: &ShapeRule) -> Option<Shape> {
    let Examined { at, raw, step, away, found } = examined;
    let Found { from, until, form, .. } = found.as_ref()?;
    let time = |place: usize| at.get(place).or(at.last()).copied();
    let began = time(*from)?;
    Some(match form {
        Form::Absent => Shape::Flatline { length: as_of.duration_since(*at.last()?), value: None },
        Form::Flat => {
            Shape::Flatline { length: at.last()?.duration_since(began), value: raw.last().copied() }
        }
        Form::Lone => Shape::SpikeThenSettle { peak: *raw.get(*from)?, settled_after: *step },
        Form::Ramp { reached } => Shape::Ramp { lasting: time(*reached)?.duration_since(began) },
        Form::Oscillation { period_samples, .. } => {
            let values: Vec<f64> = raw.get(*from..)?.to_vec();
            let swing = quantile(&values, 0.9) - quantile(&values, 0.1);
            Shape::Oscillation {
                period: step.checked_mul(i32::try_from(*period_samples).ok()?)?,
                amplitude: swing / 2.0,
            }
        }
        Form::Levels(levels) => {
            let run = away.get(*from..*until)?;
            if let Some(settled) = settled(run, levels, *from, onset.course, rule) {
                let farthest = |a: &f64, b: &f64| a.abs().total_cmp(&b.abs());
                let peak = run.iter().enumerate().max_by(|a, b| farthest(a.1, b.1))?.0;
                let settled_after = time(from + settled)?.duration_since(began);
                return Some(Shape::SpikeThenSettle { peak: *raw.get(from + peak)?, settled_after });
            }
            let steps = steps(levels, *until, rule);
            match onset.direction {
                _ if steps >= 2 && onset.course == Course::Holds => Shape::StairStep { steps },
                Direction::Down => Shape::Cliff,
                Direction::Up => Shape::Plateau,
            }
        }
    })
}

/// After how many samples a peak at the beginning of a run had worn off; `None` if it did not.
fn settled(
    run: &[f64],
    levels: &[(usize, f64)],
    from: usize,
    course: Course,
    rule: &ShapeRule,
) -> Option<usize> {
    let highest = levels.iter().map(|level| level.1.abs()).fold(0.0, f64::max);
    let peak_at = levels.iter().position(|level| level.1.abs() >= highest)?;
    // What still holds has settled if its last level is little of the peak.
    let last = levels.last()?;
    if levels.len() > 1 && peak_at + 1 < levels.len() && last.1.abs() < rule.settled_share * highest {
        let low = levels.iter().skip(peak_at).find(|level| level.1.abs() < rule.settled_share * highest)?;
        return Some(low.0 - from);
    }
    if course == Course::Holds {
        return None;
    }
    // What is over was a spike if it went down all the way, or was too short to be anything else.
    let half = run.len().div_ceil(2);
    let magnitude = |part: &[f64]| median(&part.iter().map(|a| a.abs()).collect::<Vec<_>>());
    let (first, second) = (magnitude(run.get(..half)?), magnitude(run.get(half..)?));
    (run.len() < rule.spike_samples || second < rule.spike_decay * first).then_some(run.len())
}

/// How many steps in one direction the levels make, each held long enough and high enough.
fn steps(levels: &[(usize, f64)], until: usize, rule: &ShapeRule) -> usize {
    let Some(highest) = levels.iter().map(|level| level.1.abs()).max_by(f64::total_cmp) else { return 0 };
    let ends = levels.iter().skip(1).map(|level| level.0).chain(std::iter::once(until));
    let (mut steps, mut reached) = (0, 0.0);
    for ((from, level), end) in levels.iter().zip(ends) {
        let climb = level.abs() - reached;
        if climb <= -rule.stair_share * highest && end - from >= rule.stair_samples {
            return 0;
        }
        if climb >= rule.stair_share * highest && end - from >= rule.stair_samples {
            steps += 1;
            reached = level.abs();
        }
    }
    steps
}

/// The signature in one line: `errors 0.2 → 14 at 14:03Z, plateau since`. Latency is in seconds; the units of others
/// are those of their queries and not known here.
pub fn says(signature: &Signature) -> String {
    let Signature { kind, onset, shape, as_of, .. } = signature;
    let value = |value: f64| {
        let unit = if *kind == SignalKind::Latency { " s" } else { "" };
        format!("{}{unit}", short(value))
    };
    let before = value(onset.before.value);
    let after = onset.after.map_or_else(|| "no data".to_owned(), |level| value(level.value));
    let clock = |at: Timestamp| {
        let far = as_of.duration_since(at) >= SignedDuration::from_hours(12);
        at.strftime(if far { "%Y-%m-%d %H:%MZ" } else { "%H:%MZ" }).to_string()
    };
    let (earliest, latest) = (clock(onset.earliest), clock(onset.latest));
    let wide = onset.latest.duration_since(onset.earliest) > SignedDuration::from_mins(5);
    let when = if wide { format!("between {earliest} and {latest}") } else { format!("at {latest}") };
    let over = match onset.course {
        Course::Holds => None,
        Course::Over { since } => Some(clock(since)),
    };
    let still = |name: &str| match &over {
        None => format!("{name} since"),
        Some(since) => format!("{name}, over since {since}"),
    };
    let shape = match shape {
        Shape::StairStep { steps } => still(&format!("stair-step in {steps} steps")),
        Shape::Cliff => still("cliff"),
        Shape::Plateau => still("plateau"),
        Shape::Ramp { lasting } => format!("ramp over {}", format_length(*lasting)),
        Shape::Oscillation { period, amplitude } => {
            format!("oscillation of ±{} every {}", value(*amplitude), format_length(*period))
        }
        Shape::Flatline { length, value: Some(_) } => format!("flatline for {}", format_length(*length)),
        Shape::Flatline { length, value: None } => format!("nothing measured for {}", format_length(*length)),
        Shape::SpikeThenSettle { peak, settled_after } => {
            return format!(
                "{kind} {before} → peak {} {when}, settled after {}",
                value(*peak),
                format_length(*settled_after)
            );
        }
    };
    format!("{kind} {before} → {after} {when}, {shape}")
}

/// A number with the digits that a person needs: three significant ones at most, none after the point from 100 on.
pub fn short(value: f64) -> String {
    let size = value.abs();
    let places = match size {
        _ if size >= 100.0 || size == 0.0 => 0,
        _ => (1.0 - size.log10().floor()).clamp(0.0, 6.0) as usize,
    };
    let text = format!("{value:.places$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}
