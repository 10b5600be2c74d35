//! When did a series begin to be abnormal? The latest change that still holds at the as-of, or else the last one that
//! came and went, as an interval. Must not know other series, services or changes; the clock is the as-of.
//!
//! The season goes first, then the series is cut into levels. The first long level is normal; what lies far enough
//! from it, in the direction that is bad for this kind of signal, is not. Levels compete with two smooth forms by what
//! they cost in squared noise (a minimum description length, as PELT's penalty is: Killick, Fearnhead and Eckley, JASA
//! 107, 2012): a drift over the whole series, which is no onset, and a ramp, whose onset is a wide interval.

#![allow(
    clippy::indexing_slicing,
    reason = "a numeric kernel: every index is below the length it was made from"
)]

use hearback_core::{Series, SignalKind};
use jiff::{SignedDuration, Timestamp};

use super::robust::{
    Noise, deviation, hold, mean, median, quantile, quiet_deviation, running_median, spread,
};
use super::season::remove_season;
use super::segments::{Sums, cuts, pieces};
use super::smooth::{drift, period, ramp};
use crate::signals::Signals;

/// At most this many points of a series are looked at, the newest.
const MOST_POINTS: usize = 20_000;
/// No series has a longer step.
const LONGEST_STEP_S: i64 = 366 * 86_400;
/// The level before and after is measured on at most this many samples.
const LEVEL_SAMPLES: usize = 240;
/// The level after several is that of the last if it has this many samples.
const LAST_LEVEL: usize = 4;
/// A ramp is fitted to its run and at least this many samples before it.
const RAMP_FOOT: usize = 24;

/// A level of a series, in its own unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// The median; the mean where most samples are equal, as with rare events.
    pub value: f64,
    /// The standard deviation around it, measured robustly.
    pub spread: f64,
}

/// Which way a series went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// More.
    Up,
    /// Less, or nothing at all.
    Down,
}

/// Whether it is still so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// It holds at the as-of.
    Holds,
    /// It came and went.
    Over {
        /// The first sample that was normal again.
        since: Timestamp,
    },
}

/// When a series began to be abnormal.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesOnset {
    /// The last sample that was still normal.
    pub earliest: Timestamp,
    /// The first sample that was abnormal for sure.
    pub latest: Timestamp,
    /// The level before.
    pub before: Level,
    /// The level since; none where nothing was measured any more.
    pub after: Option<Level>,
    /// How far it moved, in standard deviations of what was normal; at most 1,000.
    pub strength: f64,
    /// Which way.
    pub direction: Direction,
    /// Whether it still holds.
    pub course: Course,
}

/// Where and how a series left its level. Places are samples of [`Examined::at`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    /// The first abnormal sample.
    pub from: usize,
    /// The first sample after it; the length if it holds.
    pub until: usize,
    /// The first and last sample that may have been the first abnormal one.
    pub likely: (usize, usize),
    pub form: Form,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Form {
    /// Levels, one after the other: where each begins, and how far it lies from normal in deviations.
    Levels(Vec<(usize, f64)>),
    /// A straight way to another level, reached at this sample.
    Ramp { reached: usize },
    /// Up and down, again and again.
    Oscillation { period_samples: usize, amplitude: f64 },
    /// The same value again and again.
    Flat,
    /// Nothing measured.
    Absent,
    /// One sample, far beyond all others.
    Lone,
}

/// A series, looked through.
pub(super) struct Examined {
    pub at: Vec<Timestamp>,
    /// As measured.
    pub raw: Vec<f64>,
    pub step: SignedDuration,
    /// In deviations from normal: without season and drift, variance stabilised.
    pub away: Vec<f64>,
    pub found: Option<Found>,
}

/// When `series` began to be abnormal, judged by its points up to `as_of` (inclusive). `None` if it did not, or if
/// there are too few points to tell. Errors, latency and saturation are abnormal above their level, traffic on
/// either side.
pub fn onset_of(series: &Series, as_of: Timestamp, rules: &Signals) -> Option<SeriesOnset> {
    let examined = examine(series, as_of, rules)?;
    describe(&examined, series.kind)
}

/// The onset of what was found.
pub(super) fn describe(examined: &Examined, kind: SignalKind) -> Option<SeriesOnset> {
    let Examined { at, raw, step, away, found } = examined;
    let Found { from, until, likely, form } = found.as_ref()?;
    let n = raw.len();
    // The sample at the early edge may hold the first of it: a rate looks back.
    let before_until = likely.0.saturating_sub(1).max(1).min(n);
    let before = level(&raw[before_until.saturating_sub(LEVEL_SAMPLES)..before_until]);
    if *form == Form::Absent {
        let last = *at.last()?;
        let latest = last.checked_add(*step).unwrap_or(last);
        return Some(SeriesOnset {
            earliest: last,
            latest,
            before,
            after: None,
            strength: 1_000.0,
            direction: Direction::Down,
            course: Course::Holds,
        });
    }
    let measured = match form {
        Form::Ramp { reached } if *reached < *until => *reached..*until,
        // The last of several levels, if it has been there long enough to be measured.
        Form::Levels(levels) if *until == n => {
            levels.last().filter(|level| n - level.0 >= LAST_LEVEL).map_or(*from..n, |level| level.0..n)
        }
        Form::Ramp { .. } => until - (until - from).div_ceil(5)..*until,
        _ => *from..*until,
    };
    let after = level(&raw[measured.clone()]);
    let middle = mean(&away[measured.clone()]);
    let strength = match form {
        Form::Oscillation { amplitude, .. } => *amplitude,
        _ => quantile(&away[*from..*until].iter().map(|a| a.abs()).collect::<Vec<_>>(), 0.9),
    };
    let direction = match (form, kind) {
        (Form::Flat | Form::Levels(_), SignalKind::Traffic | SignalKind::Other) | (Form::Flat, _)
            if after.value < before.value =>
        {
            Direction::Down
        }
        _ if middle < 0.0 => Direction::Down,
        _ => Direction::Up,
    };
    Some(SeriesOnset {
        earliest: at[likely.0.saturating_sub(1)],
        latest: at[likely.1.min(n - 1)],
        before,
        after: Some(after),
        strength: strength.min(1_000.0),
        direction,
        course: if *until < n { Course::Over { since: at[*until] } } else { Course::Holds },
    })
}

fn level(values: &[f64]) -> Level {
    let center = median(values);
    let robust = spread(values, center);
    if robust > 0.0 {
        return Level { value: center, spread: robust };
    }
    Level { value: mean(values), spread: deviation(values) }
}

/// Looks a series through. `None` if there are too few points to tell.
pub(super) fn examine(series: &Series, as_of: Timestamp, rules: &Signals) -> Option<Examined> {
    let mut points: Vec<(Timestamp, f64)> = series
        .points
        .iter()
        .filter(|point| point.at <= as_of && point.value.is_finite())
        .map(|point| (point.at, point.value))
        .collect();
    if !points.is_sorted_by_key(|point| point.0) {
        points.sort_by_key(|point| point.0);
    }
    points.dedup_by_key(|point| point.0);
    points.drain(..points.len().saturating_sub(MOST_POINTS));
    if points.len() < rules.change.points {
        return None;
    }
    let step_s = step_s(series.step, &points);
    let at_s: Vec<i64> = points.iter().map(|point| point.0.as_second()).collect();
    let stable: Vec<f64> = points.iter().map(|point| stabilise(series.kind, point.1)).collect();
    let deseasoned = remove_season(&at_s, &stable, step_s, &rules.season);
    points.drain(..deseasoned.from);
    let (at, raw): (Vec<Timestamp>, Vec<f64>) = points.into_iter().unzip();
    let step = SignedDuration::from_secs(step_s);
    let look = Look { kind: series.kind, rules, raw: &raw };
    let (away, mut found) = look.levels_and_swings(deseasoned.values);
    let holds = |found: &Option<Found>| found.as_ref().is_some_and(|found| found.until == raw.len());
    if let Some(flat) = look.flat(found.as_ref()) {
        found = Some(flat);
    }
    let silent_s = at.last().map_or(0, |last| as_of.duration_since(*last).as_secs());
    let absent = silent_s >= step_s.saturating_mul(rules.shape.absent_steps.max(1));
    if absent && !holds(&found) {
        let n = raw.len();
        found = Some(Found { from: n, until: n, likely: (n, n), form: Form::Absent });
    }
    Some(Examined { at, raw, step, away, found })
}

/// The step, or where the series has none the middle distance of its points; from a second to a year.
fn step_s(step: SignedDuration, points: &[(Timestamp, f64)]) -> i64 {
    let stated = step.as_secs();
    if stated > 0 {
        return stated.min(LONGEST_STEP_S);
    }
    let distances: Vec<f64> =
        points.windows(2).map(|pair| pair[1].0.duration_since(pair[0].0).as_secs_f64()).collect();
    (median(&distances) as i64).clamp(1, LONGEST_STEP_S)
}

/// The square root makes the noise of counts the same at every level (Anscombe, Biometrika 35, 1948), and that of
/// latencies less uneven. Saturation is a share already.
fn stabilise(kind: SignalKind, value: f64) -> f64 {
    match kind {
        SignalKind::Saturation => value,
        SignalKind::Errors | SignalKind::Latency | SignalKind::Traffic | SignalKind::Other => {
            value.abs().sqrt() * value.signum()
        }
    }
}

fn unstabilise(kind: SignalKind, value: f64) -> f64 {
    match kind {
        SignalKind::Saturation => value,
        SignalKind::Errors | SignalKind::Latency | SignalKind::Traffic | SignalKind::Other => {
            value * value.abs()
        }
    }
}

/// What is normal: the level and its noise.
#[derive(Clone, Copy)]
struct Normal {
    level: f64,
    noise: Noise,
}

struct Look<'a> {
    kind: SignalKind,
    rules: &'a Signals,
    raw: &'a [f64],
}

/// A swing, unless a change of level that holds is the larger story: several times higher than the swing is wide, or
/// earlier and higher.
fn larger(swing: Found, level: Found) -> Found {
    let inside = level.likely.1 < swing.likely.0;
    match (&swing.form, &level.form) {
        (Form::Oscillation { amplitude, .. }, Form::Levels(levels)) if level.until == swing.until => {
            let enough = if inside { *amplitude } else { 2.5 * amplitude };
            if levels.iter().all(|(_, height)| height.abs() > enough) { level } else { swing }
        }
        _ => swing,
    }
}

impl Look<'_> {
    /// The values in deviations from normal, and what was found by level or by swing.
    fn levels_and_swings(&self, mut values: Vec<f64>) -> (Vec<f64>, Option<Found>) {
        let n = values.len();
        let threshold = self.rules.change.threshold;
        let quiet = quiet_deviation(&values).max(self.floor(&values, median(&values)));
        let held = hold(&values, self.rules.noise.clip * quiet);
        let rough = cuts(&held, Noise { deviation: quiet * 1.2, carry: 0.0 }, threshold);
        let mut normal = self.normal(&values, &held, &rough, quiet);
        let mut held = hold(&values, self.rules.noise.clip * normal.noise.deviation);
        let mut at = cuts(&held, normal.noise, threshold);
        if !at.is_empty()
            && let Some(curve) = self.drift(&held, &at, normal)
        {
            values.iter_mut().zip(&curve).for_each(|(value, drift)| *value -= drift);
            held = hold(&values, self.rules.noise.clip * normal.noise.deviation);
            at = cuts(&held, normal.noise, threshold);
            normal = self.normal(&values, &held, &at, normal.noise.deviation);
            at = cuts(&held, normal.noise, threshold);
        }
        normal = self.normal(&values, &held, &at, normal.noise.deviation);
        let swing = self.swing(&values, &held, &at, normal);
        let level = self.level(&values, &held, &at, normal);
        let found = match (swing, level) {
            (Some(swing), Some(level)) => Some(larger(swing, level)),
            (swing, level) => swing.or(level).or_else(|| self.lone(&values, normal)),
        };
        let away = (0..n).map(|k| (values[k] - normal.level) / normal.noise.deviation).collect();
        (away, found)
    }

    /// The least noise that is believed.
    fn floor(&self, values: &[f64], level: f64) -> f64 {
        let share = self.rules.noise.floor_share * level.abs();
        let farthest = values.iter().map(|value| (value - level).abs()).fold(0.0, f64::max);
        let excursion = self.rules.noise.floor_of_excursion * farthest;
        // In the unit of nothing in particular: only a series without any movement comes down to it.
        if share > 0.0 { share } else { excursion }.max(f64::MIN_POSITIVE.sqrt())
    }

    /// The first long level is normal; so is every other piece at it.
    fn normal(&self, values: &[f64], held: &[f64], at: &[usize], noise: f64) -> Normal {
        let n = values.len();
        let long = (n / 20).max(8);
        let all: Vec<(usize, usize)> = pieces(at, n).collect();
        let longest = all.iter().copied().max_by_key(|(from, until)| until - from).unwrap_or((0, n));
        let first = all.iter().copied().find(|(from, until)| until - from >= long).unwrap_or(longest);
        let sums = Sums::of(held);
        let level = sums.mean(first.0, first.1);
        let here = |piece: &&(usize, usize)| (sums.mean(piece.0, piece.1) - level).abs() <= 1.5 * noise;
        let samples: Vec<f64> =
            all.iter().filter(here).flat_map(|(from, until)| values[*from..*until].iter().copied()).collect();
        let floor = self.floor(values, level);
        let deviation = deviation(&samples).max(floor);
        Normal { level, noise: Noise::of(&values[first.0..first.1], deviation) }
    }

    /// A drift over the whole series, if it explains the cuts better than they do and no ramp does better still.
    fn drift(&self, held: &[f64], at: &[usize], normal: Normal) -> Option<Vec<f64>> {
        let n = held.len();
        let change = &self.rules.change;
        let noise = normal.noise.of_sums();
        let a_cut = change.threshold.powi(2) * 2.0 * (n as f64).ln();
        let price = |cost: f64, cuts: usize| cost / noise + a_cut * cuts as f64;
        let steps = price(Sums::of(held).cost_of(at, n), at.len());
        let mut best: Option<(f64, Vec<f64>)> = None;
        for (start, rounds) in [(&[][..], 1), (at, 2)] {
            let mut inside = start.to_vec();
            for _ in 0..rounds {
                let curve = drift(held, &inside);
                let rest: Vec<f64> = held.iter().zip(&curve).map(|(value, drift)| value - drift).collect();
                inside = cuts(&rest, normal.noise, change.threshold);
                let cost = price(Sums::of(&rest).cost_of(&inside, n), inside.len()) + 3.0 * change.drift_cost;
                if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                    best = Some((cost, curve));
                }
            }
        }
        let (cost, curve) = best.filter(|(cost, _)| *cost < steps)?;
        // What multiplies a level within the window is no season of a day.
        let ends =
            [curve.iter().copied().fold(f64::MAX, f64::min), curve.iter().copied().fold(f64::MIN, f64::max)];
        let [low, high] = ends.map(|end| unstabilise(self.kind, normal.level + end - curve[0]).max(0.0));
        if high > change.drift_ratio * low {
            return None;
        }
        let ramp = ramp(held, self.rules.shape.ramp_samples, 0.0)?;
        (cost < price(ramp.cost, 1) + change.drift_cost).then_some(curve)
    }

    /// Whether a level is abnormal: far enough, and on the bad side.
    fn is_abnormal(&self, level: f64, normal: Normal) -> bool {
        let change = &self.rules.change;
        let height = (level - normal.level) / normal.noise.deviation;
        if height < 0.0 && !matches!(self.kind, SignalKind::Traffic | SignalKind::Other) {
            return false;
        }
        let (was, is) =
            (unstabilise(self.kind, normal.level).max(0.0), unstabilise(self.kind, level).max(0.0));
        let far = height.abs() >= change.height && (is - was).abs() >= change.share * was;
        let many_times = is >= change.ratio * was || is * change.ratio <= was;
        far || (height.abs() >= change.low_height && many_times)
    }

    /// The latest run of abnormal levels; the one that holds, if one does.
    fn level(&self, values: &[f64], held: &[f64], at: &[usize], normal: Normal) -> Option<Found> {
        let n = held.len();
        let sums = Sums::of(held);
        let all: Vec<(usize, usize, f64)> =
            pieces(at, n).map(|(from, until)| (from, until, sums.mean(from, until) - normal.level)).collect();
        let abnormal = |piece: &(usize, usize, f64)| self.is_abnormal(piece.2 + normal.level, normal);
        let mut end = all.len();
        let (first, last) = loop {
            let last = all[..end].iter().rposition(abnormal)?;
            let side = all[last].2.signum();
            let mut first = last;
            while first > 0 && abnormal(&all[first - 1]) && all[first - 1].2.signum() == side {
                first -= 1;
            }
            // What was short and is over must stand out by itself: a wild sample among neighbours that lean the same
            // way is no level.
            let (from, until) = (all[first].0, all[last].1);
            let middle = median(&values[from..until]);
            let heights: Vec<f64> =
                values[from..until].iter().map(|value| (value - normal.level).abs()).collect();
            let short = until < n && until - from < self.rules.shape.spike_samples;
            let high = quantile(&heights, 0.3) >= self.rules.change.short_height * normal.noise.deviation;
            if until == n || (self.is_abnormal(middle, normal) && (high || !short)) {
                break (first, last);
            }
            end = first;
        };
        let mut first = first;
        let highest = all[first..=last].iter().map(|piece| piece.2.abs()).fold(0.0, f64::max);
        while all[first].2.abs() < self.rules.change.before_share * highest {
            first += 1;
        }
        if first == 0 {
            // It was so before anything was measured: no onset to be seen.
            return None;
        }
        let slack = self.rules.change.interval * normal.noise.of_sums();
        let (before, from, until) = (all[first - 1].0, all[first].0, all[last].1);
        let likely = sums.as_likely(before, from, all[first].1, slack);
        let levels =
            all[first..=last].iter().map(|piece| (piece.0, piece.2 / normal.noise.deviation)).collect();
        let stepped = Found { from, until, likely, form: Form::Levels(levels) };
        // The foot of a ramp may have been taken for normal.
        let mut foot = first - 1;
        while foot > 0 && from - all[foot].0 < RAMP_FOOT {
            foot -= 1;
        }
        Some(self.ramp(held, &sums, &all[foot..=last], normal).unwrap_or(stepped))
    }

    /// A ramp in place of levels, where it costs less.
    fn ramp(
        &self,
        held: &[f64],
        sums: &Sums,
        levels: &[(usize, usize, f64)],
        normal: Normal,
    ) -> Option<Found> {
        let (change, shape) = (&self.rules.change, &self.rules.shape);
        let before = levels.first()?.0;
        let peak = (0..levels.len()).max_by(|a, b| levels[*a].2.abs().total_cmp(&levels[*b].2.abs()))?;
        let until = levels[peak].1;
        let noise = normal.noise.of_sums();
        let ramp = ramp(&held[before..until], shape.ramp_samples, change.interval * noise)?;
        // That there is a change is settled; between two descriptions of it each parameter costs what Schwarz
        // gives it (Annals of Statistics 6, 1978): a step has two, the place and the level, a ramp three.
        let a_parameter = ((until - before) as f64).ln();
        let stepped: f64 = levels[..=peak].iter().map(|piece| sums.cost(piece.0, piece.1)).sum();
        let stepped = stepped / noise + 2.0 * a_parameter * peak as f64;
        if ramp.cost / noise + 3.0 * a_parameter + self.rules.shape.ramp_margin >= stepped {
            return None;
        }
        let likely = (ramp.likely.0 + before, ramp.likely.1 + before + shape.ramp_samples / 2);
        let form = Form::Ramp { reached: ramp.until + before };
        let end = levels.last().map_or(until, |piece| piece.1);
        Some(Found { from: ramp.from + before, until: end, likely, form })
    }

    /// Swings: more movement around the running median than before, and with a period.
    fn swing(&self, values: &[f64], held: &[f64], at: &[usize], normal: Normal) -> Option<Found> {
        let (change, shape) = (&self.rules.change, &self.rules.shape);
        let n = values.len();
        let center = running_median(values, 31);
        let movement: Vec<f64> = values
            .iter()
            .zip(&center)
            .map(|(value, center)| ((value - center).abs() / normal.noise.deviation).min(4.0))
            .collect();
        let quiet = deviation(&movement[..(n / 8).max(8)]).clamp(0.3, 1.0);
        let carry = Noise::of(&movement[..(n / 8).max(8)], quiet).carry.min(0.45);
        let livelier = cuts(&movement, Noise { deviation: quiet, carry }, change.threshold);
        let moves = Sums::of(&movement);
        let usual = moves.mean(0, livelier.first().copied().unwrap_or(n));
        let lively = |from: usize, until: usize| moves.mean(from, until) > 1.5 * usual.max(0.3);
        let by_movement = pieces(&livelier, n).filter(|(from, until)| lively(*from, *until));
        let sums = Sums::of(held);
        let by_level = pieces(at, n).filter(|(from, until)| {
            (sums.mean(*from, *until) - normal.level).abs() >= change.height * normal.noise.deviation
        });
        let mut starts: Vec<usize> = by_movement
            .take(2)
            .chain(by_level.take(3))
            .map(|piece| piece.0)
            .filter(|from| *from > 0)
            .collect();
        starts.sort_unstable();
        let swing_of =
            |part: &[f64]| (quantile(part, 0.9) - quantile(part, 0.1)) / 2.0 / normal.noise.deviation;
        starts.into_iter().find_map(|from| {
            let swinging = hold(&values[from..], 6.0 * normal.noise.deviation);
            let period_samples = period(&swinging, shape.trough, shape.peak, shape.periods)?;
            let amplitude = swing_of(&values[from..]);
            // From its onset on, or the onset is another.
            let at_first = swing_of(&values[from..n.min(from + 2 * period_samples)]);
            if amplitude < shape.amplitude || at_first < 0.6 * amplitude {
                return None;
            }
            // A swing may begin with the part that looks like before.
            let early = period_samples.div_ceil(3);
            let likely = (from.saturating_sub(early).max(1), from + early.min(n - 1 - from));
            Some(Found { from, until: n, likely, form: Form::Oscillation { period_samples, amplitude } })
        })
    }

    /// One sample that dwarfs all others.
    fn lone(&self, values: &[f64], normal: Normal) -> Option<Found> {
        let n = values.len();
        let height = |at: usize| (values[at] - normal.level).abs() / normal.noise.deviation;
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|a, b| height(*b).total_cmp(&height(*a)).then(a.cmp(b)));
        let (farthest, next) = (*order.first()?, *order.get(1)?);
        let change = &self.rules.change;
        let dwarfs = height(farthest) >= change.lone_height
            && height(farthest) >= change.lone_ratio * height(next).max(1.0);
        let found =
            Found { from: farthest, until: farthest + 1, likely: (farthest, farthest), form: Form::Lone };
        (dwarfs && farthest > 0 && self.is_abnormal(values[farthest], normal)).then_some(found)
    }

    /// The same value to the end, longer than equal values ever followed each other before. What began earlier and
    /// still holds comes first; no errors at all is how it should be.
    fn flat(&self, found: Option<&Found>) -> Option<Found> {
        let (shape, n) = (&self.rules.shape, self.raw.len());
        let equal = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs());
        let last = *self.raw.last()?;
        let from = self.raw.iter().rposition(|value| !equal(*value, last)).map(|at| at + 1)?;
        if n - from < shape.flat_samples || from < self.rules.change.points / 2 {
            return None;
        }
        if self.kind == SignalKind::Errors && last == 0.0 {
            return None;
        }
        let (mut longest, mut run) = (1, 1);
        for pair in self.raw[..from].windows(2) {
            run = if equal(pair[0], pair[1]) { run + 1 } else { 1 };
            longest = longest.max(run);
        }
        if ((n - from) as f64) < shape.flat_ratio * longest as f64 {
            return None;
        }
        let earlier = found.is_some_and(|found| found.until == n && found.likely.1 + 3 < from);
        // A first value like those before may be the last that was alive.
        let alive = self.raw[..from].iter().any(|value| *value <= last)
            && self.raw[..from].iter().any(|value| *value >= last);
        let until = if alive { (from + 1).min(n - 1) } else { from };
        (!earlier).then_some(Found { from, until: n, likely: (from, until), form: Form::Flat })
    }
}
