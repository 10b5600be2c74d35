//! One series from its case: level × season, the trouble on top, noise last, some points lost.

use std::collections::BTreeMap;

use hearback_core::signal::Point;
use hearback_core::{Series, ServiceName, SignalKind};
use jiff::{SignedDuration, Timestamp};

use super::{Dice, Height, Noise, Season, Told};

/// What a series is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// What becomes of it.
    pub told: Told,
    /// Its noise.
    pub noise: Noise,
    /// Its season.
    pub season: Season,
    /// How far it moves.
    pub height: Height,
    /// The rest: length, step, place of the onset, signal.
    pub seed: u64,
}

/// When it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truth {
    /// The instant.
    pub began_at: Timestamp,
    /// The first sample that could show it: at most a step later.
    pub first_at: Timestamp,
}

/// A series, and what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// The series.
    pub series: Series,
    /// When the trouble began; none if there is none.
    pub truth: Option<Truth>,
    /// The time to judge it at.
    pub as_of: Timestamp,
}

/// What the case leaves open, drawn from its seed.
struct Plan {
    kind: SignalKind,
    step_s: i64,
    samples: usize,
    onset: usize,
    base: f64,
    deviation: f64,
    /// Of the season, as a share of the level.
    swing: f64,
    phase: f64,
}

impl Case {
    /// The series of this case; always the same.
    pub fn make(&self) -> Made {
        let mut dice = Dice::new(self.seed);
        // The first draws of neighbouring seeds are unrelated already; one more costs nothing.
        dice.chance(0.5);
        let plan = self.plan(&mut dice);
        let trouble = self.trouble(&plan, &mut dice);
        // A Monday, so that weekends fall where they do.
        let start =
            Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * (20_601 + dice.whole(0, 6) as i64));
        let at = |sample: usize| start + SignedDuration::from_secs(plan.step_s * sample as i64);
        let hole = dice.chance(0.1).then(|| dice.whole(12, plan.samples - 12));
        let loses = if dice.chance(0.15) { 0.05 } else { 0.0 };
        let absent = self.told == Told::Flatline && matches!(trouble, Trouble::Absent);
        let (mut points, mut carried, mut last) = (Vec::new(), 0.0, plan.base);
        for sample in 0..plan.samples {
            let level = plan.base * self.season_at(&plan, start, sample);
            let is_on = self.told.has_onset() && sample >= plan.onset;
            let value = match trouble {
                Trouble::Zero if is_on => 0.0,
                Trouble::Stuck if is_on => last,
                _ => {
                    let level = if is_on { trouble.level(level, sample - plan.onset, &plan) } else { level };
                    self.noisy(level.max(0.0), &plan, &mut carried, &mut dice)
                }
            };
            let single = self.told == Told::Spiky && dice.chance(3.0 / plan.samples as f64);
            let value = if single { value + plan.deviation * dice.between(8.0, 20.0) } else { value };
            last = value;
            let near = self.told.has_onset() && sample.abs_diff(plan.onset) <= 2;
            let lost = dice.chance(loses) || hole.is_some_and(|hole| (hole..hole + 8).contains(&sample));
            if !(lost && !near || absent && is_on) {
                points.push(Point { at: at(sample), value });
            }
        }
        let into = dice.between(0.0, 1.0) * plan.step_s as f64;
        let first_at = at(plan.onset);
        let truth = Truth { began_at: first_at - SignedDuration::from_secs(into as i64), first_at };
        let series = Series {
            service: ServiceName::new("checkout").unwrap_or_else(|_| unreachable!("a valid name")),
            kind: plan.kind,
            query: "generated".to_owned(),
            labels: BTreeMap::new(),
            step: SignedDuration::from_secs(plan.step_s),
            points,
            link: None,
        };
        Made { series, truth: self.told.has_onset().then_some(truth), as_of: at(plan.samples - 1) }
    }

    fn plan(&self, dice: &mut Dice) -> Plan {
        let (step_s, samples) = match self.season {
            Season::None => {
                (dice.one_of(&[15, 60, 300]).unwrap_or(60), dice.one_of(&[90, 150, 240, 480]).unwrap_or(240))
            }
            Season::Unseen => dice.one_of(&[(60, 360), (120, 180)]).unwrap_or((60, 360)),
            Season::Daily => dice.one_of(&[(300, 2304), (300, 2880), (600, 1440)]).unwrap_or((300, 2304)),
            Season::Weekly => dice.one_of(&[(900, 2016), (1800, 1008)]).unwrap_or((900, 2016)),
        };
        // A long series shows its trouble in the last day or two, a short one anywhere but at its beginning.
        let after = match self.season {
            Season::None | Season::Unseen => dice.whole(30, samples * 6 / 10),
            Season::Daily | Season::Weekly => dice.whole(30, 160),
        };
        let kind = match (self.told, self.noise) {
            (Told::Cliff, _) => SignalKind::Traffic,
            (Told::Flatline, Noise::Counts) => SignalKind::Traffic,
            (Told::Flatline, _) => {
                dice.one_of(&[SignalKind::Traffic, SignalKind::Latency]).unwrap_or(SignalKind::Traffic)
            }
            (_, Noise::Counts) => {
                dice.one_of(&[SignalKind::Errors, SignalKind::Traffic]).unwrap_or(SignalKind::Errors)
            }
            _ => dice.one_of(&SignalKind::ALL).unwrap_or(SignalKind::Errors),
        };
        let (base, deviation) = match (self.noise, kind) {
            (Noise::Counts, SignalKind::Errors) => {
                let rate = dice.between(0.05_f64.ln(), 20.0_f64.ln()).exp();
                (rate, rate.sqrt())
            }
            (Noise::Counts, _) => {
                let rate = dice.between(60.0, 600.0);
                (rate, rate.sqrt())
            }
            (_, kind) => {
                let base = match kind {
                    SignalKind::Errors => dice.between(0.5, 5.0),
                    SignalKind::Latency => dice.between(0.02, 1.0),
                    SignalKind::Traffic => dice.between(10.0, 2_000.0),
                    SignalKind::Saturation | SignalKind::Other => dice.between(0.2, 0.5),
                };
                (base, base * dice.between(0.03, 0.12))
            }
        };
        let swing = if self.season == Season::None { 0.0 } else { dice.between(0.1, 0.4) };
        let phase = dice.between(0.0, std::f64::consts::TAU);
        Plan { kind, step_s, samples, onset: samples - after, base, deviation, swing, phase }
    }

    fn season_at(&self, plan: &Plan, start: Timestamp, sample: usize) -> f64 {
        let second = start.as_second() + plan.step_s * sample as i64;
        let day = (second % 86_400) as f64 / 86_400.0 * std::f64::consts::TAU;
        // 1 January 1970 was a Thursday.
        let weekend = matches!((second / 86_400 + 3) % 7, 5 | 6);
        let quiet = if self.season == Season::Weekly && weekend { 0.7 } else { 1.0 };
        quiet * (1.0 + plan.swing * (day + plan.phase).sin())
    }

    fn noisy(&self, level: f64, plan: &Plan, carried: &mut f64, dice: &mut Dice) -> f64 {
        let noise = match self.noise {
            Noise::Counts => return dice.poisson(level),
            Noise::Gaussian => dice.normal(),
            // Its middle half is as wide as that of the normal.
            Noise::HeavyTailed => dice.heavy() * 0.88,
            Noise::Sticky => {
                *carried = 0.6 * *carried + 0.8 * dice.normal();
                *carried
            }
        };
        (level + plan.deviation * noise).max(0.0)
    }

    fn trouble(&self, plan: &Plan, dice: &mut Dice) -> Trouble {
        let up = self.height.deviations() * plan.deviation;
        let after = plan.samples - plan.onset;
        let first = dice.between(0.5, 1.0);
        match self.told {
            Told::Healthy | Told::Spiky => Trouble::None,
            Told::Plateau => Trouble::Box { up, first, length: usize::MAX },
            Told::CameAndWent => Trouble::Box { up, first, length: dice.whole(8, after / 2) },
            Told::StairStep => {
                let steps = dice.whole(2, 4);
                Trouble::Stair { each: up * 0.8, length: (after / steps).max(7), steps }
            }
            Told::Cliff => {
                let least = (self.height.deviations() * plan.deviation / plan.base).clamp(0.35, 0.9);
                Trouble::Share(1.0 - dice.between(least, 0.95))
            }
            Told::Oscillation => Trouble::Swing {
                amplitude: up * 0.7,
                period: dice.whole(6, (after / 4).clamp(6, 24)),
                square: dice.chance(0.5),
                around: if plan.kind == SignalKind::Traffic { 0.0 } else { 1.0 },
            },
            Told::Flatline => {
                let zero = [Trouble::Zero, Trouble::Absent];
                let all = [Trouble::Zero, Trouble::Stuck, Trouble::Absent];
                // A counter of rare events that is stuck is not to be told from one that is not.
                let options = if self.noise == Noise::Counts { &zero[..] } else { &all[..] };
                dice.one_of(options).unwrap_or(Trouble::Zero)
            }
            Told::SpikeThenSettle => {
                Trouble::Decay { peak: up * 1.5, fades: dice.between(2.0, (after as f64 / 6.0).min(8.0)) }
            }
            Told::Ramp => {
                let length = dice.whole(20.min(after), after);
                Trouble::Rise { up: up * 2.0, length }
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Trouble {
    None,
    Box { up: f64, first: f64, length: usize },
    Stair { each: f64, length: usize, steps: usize },
    Share(f64),
    Swing { amplitude: f64, period: usize, square: bool, around: f64 },
    Zero,
    Stuck,
    Absent,
    Decay { peak: f64, fades: f64 },
    Rise { up: f64, length: usize },
}

impl Trouble {
    /// The level `since` samples after the onset, where it would be `level` without.
    fn level(self, level: f64, since: usize, plan: &Plan) -> f64 {
        let t = since as f64;
        match self {
            Trouble::None | Trouble::Zero | Trouble::Stuck | Trouble::Absent => level,
            Trouble::Box { up, first, .. } if since == 0 => level + up * first,
            Trouble::Box { up, length, .. } => level + if since < length { up } else { 0.0 },
            Trouble::Stair { each, length, steps } => level + each * (since / length + 1).min(steps) as f64,
            Trouble::Share(share) => level * share,
            Trouble::Swing { amplitude, period, square, around } => {
                let wave = ((t + 0.5) * std::f64::consts::TAU / period as f64).sin();
                let wave = if square { wave.signum() } else { wave };
                (level + amplitude * (around + wave)).max(plan.base * 0.02)
            }
            Trouble::Decay { peak, fades } => level + peak * (-t / fades).exp(),
            Trouble::Rise { up, length } => level + up * ((t + 1.0) / length as f64).min(1.0),
        }
    }
}
