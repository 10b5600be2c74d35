//! Metrics of a story: straight lines between known points, with noise that is always the same. No function of
//! the mathematics library is used, since those may differ between machines in the last digit.

use hearback_core::hash::canonical_json;
use hearback_core::{Digest, Window};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::Clock;

/// A metric of a service over time.
#[derive(Debug, Clone)]
pub struct Curve {
    name: String,
    service: String,
    unit: &'static str,
    /// Where it begins, before any ramp.
    steady: f64,
    noise: f64,
    /// It moves in a straight line from wherever it is to the level, between the two times; in order of time.
    ramps: Vec<(String, String, f64)>,
    highest: f64,
}

/// A metric called `name` of `service`, in `unit`, that stays at `steady` with up to `noise` more or less.
pub fn curve(service: &str, name: &str, unit: &'static str, steady: f64, noise: f64) -> Curve {
    Curve {
        name: name.into(),
        service: service.into(),
        unit,
        steady,
        noise,
        ramps: Vec::new(),
        highest: f64::MAX,
    }
}

impl Curve {
    /// It moves to `level` between two times, and stays there until the next ramp.
    pub fn ramp(mut self, from: &str, until: &str, level: f64) -> Self {
        self.ramps.push((from.into(), until.into(), level));
        self
    }

    /// What it can't exceed: a pool has only so many connections.
    pub fn at_most(mut self, highest: f64) -> Self {
        self.highest = highest;
        self
    }

    /// What it is, for people.
    pub(super) fn title(&self) -> String {
        format!("{} of {}, {}", self.name, self.service, self.unit)
    }

    /// Its points, one a minute, as the JSON of a snapshot.
    pub(super) fn json(&self, clock: &Clock, window: Window) -> String {
        let mut points = Vec::new();
        let mut at = window.from;
        while at < window.until {
            points.push(self.point(clock, at));
            at += SignedDuration::from_mins(1);
        }
        let series = json!({
            "service": self.service, "metric": self.name, "unit": self.unit,
            "from": window.from, "step_s": 60, "points": points,
        });
        canonical_json(&series).expect("numbers and names have a JSON form")
    }

    /// The value at a time, to three digits. The same minute has the same value in every window.
    fn point(&self, clock: &Clock, at: Timestamp) -> f64 {
        let mut level = self.steady;
        for (from, until, to) in &self.ramps {
            let (from, until) = (clock.at(from).as_second(), clock.at(until).as_second());
            let way = (at.as_second() - from) as f64 / (until - from).max(1) as f64;
            level += (to - level) * way.clamp(0.0, 1.0);
        }
        // What is large varies more than what is small.
        let noise = self.noise * (level / self.steady.max(0.001)).clamp(1.0, 6.0);
        let value = (level + noise * self.chance(at)).clamp(0.0, self.highest);
        (value * 1000.0).round() / 1000.0
    }

    /// A number from -1 to 1 that looks like chance.
    fn chance(&self, at: Timestamp) -> f64 {
        let parts = [self.service.as_bytes(), self.name.as_bytes(), &at.as_second().to_be_bytes()];
        let digits: String = Digest::of_parts(&parts).to_string().chars().take(8).collect();
        let number = u32::from_str_radix(&digits, 16).expect("a digest is hexadecimal");
        f64::from(number) / f64::from(u32::MAX) * 2.0 - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(curve: &Curve, from: &str, until: &str) -> Vec<f64> {
        let clock = Clock::on("2026-09-17");
        let json = curve.json(&clock, clock.window(from, until));
        let series: serde_json::Value = serde_json::from_str(&json).unwrap();
        series["points"].as_array().unwrap().iter().map(|point| point.as_f64().unwrap()).collect()
    }

    #[test]
    fn a_ramp_is_a_straight_line_and_stays_at_its_end() {
        let curve = curve("cart", "errors", "percent", 1.0, 0.0)
            .ramp("10:02", "10:04", 5.0)
            .ramp("10:05", "10:06", 0.0);
        assert_eq!(points(&curve, "10:01", "10:08"), [1.0, 1.0, 3.0, 5.0, 5.0, 0.0, 0.0]);
    }

    #[test]
    fn a_minute_has_the_same_noise_in_every_window() {
        let curve = curve("cart", "errors", "percent", 1.0, 0.5);
        let (early, late) = (points(&curve, "10:00", "10:10"), points(&curve, "10:05", "10:15"));
        assert_eq!(early[5..], late[..5]);
        assert_ne!(early[0], early[1], "noise differs from minute to minute");
    }
}
