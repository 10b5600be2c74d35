//! What grows slowly: a level that held, and from some moment on a straight rise, up to where something broke. The analyst
//! of onsets takes such a rise for the day's drift, rightly, as long as nothing breaks; here something did. It must not
//! know which signal it looks at.

use hearback_core::Series;
use jiff::Timestamp;

/// The least points of the rise.
const LEAST_RISE: usize = 10;
/// The least points of the level before.
const LEAST_LEVEL: usize = 5;
/// The rise is at least this part of the level.
const RISE_SHARE: f64 = 0.25;
/// What the rise explains of what a level does not.
const EXPLAINED: f64 = 0.9;

/// A slow rise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// Since when: the last moment at which it was not, or the first that was looked at.
    pub since: Timestamp,
    /// Whether it began there, or before anybody looked.
    pub began: Began,
    /// From.
    pub from: f64,
    /// To.
    pub to: f64,
}

/// Whether the beginning of a rise was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Began {
    /// It was.
    Seen,
    /// It rose from the first point on.
    Before,
}

/// The rise that ends at the highest point of `series` before `broke_at`: a level and a line that begins at its end, the
/// two that explain the points best (the hinge of Hinkley, "Inference about the intersection in two-phase regression",
/// Biometrika 56, 1969, with a level as its first phase).
pub fn growth(series: &Series, broke_at: Timestamp) -> Option<Growth> {
    let before: Vec<(f64, f64)> = {
        let first = series.points.first()?.at;
        let points = series.points.iter().take_while(|point| point.at <= broke_at);
        points.map(|point| (point.at.duration_since(first).as_secs_f64(), point.value)).collect()
    };
    let highest = before.iter().map(|point| point.1).fold(f64::MIN, f64::max);
    let end = before.iter().rposition(|point| point.1 >= highest)? + 1;
    let points = before.get(..end)?;
    if points.len() < LEAST_LEVEL + LEAST_RISE {
        return None;
    }
    let of_level = squares_around_mean(points);
    let mut best: Option<(f64, usize, f64, f64)> = None;
    // The first point alone is a line without a level before it.
    for place in std::iter::once(1).chain(LEAST_LEVEL..=points.len() - LEAST_RISE) {
        let hinge = points.get(place - 1)?.0;
        // y = a + b max(0, x - hinge), by least squares.
        let n = points.len() as f64;
        let (mut sx, mut sy, mut sxx, mut sxy, mut syy) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (x, y) in points {
            let x = (x - hinge).max(0.0);
            (sx, sy, sxx, sxy, syy) = (sx + x, sy + y, sxx + x * x, sxy + x * y, syy + y * y);
        }
        let wide = sxx - sx * sx / n;
        if wide <= 0.0 {
            continue;
        }
        let slope = (sxy - sx * sy / n) / wide;
        let left = (syy - sy * sy / n) - slope * (sxy - sx * sy / n);
        if best.is_none_or(|(least, ..)| left < least) {
            best = Some((left, place - 1, (sy - slope * sx) / n, slope));
        }
    }
    let (left, place, level, slope) = best?;
    let (hinge, last) = (points.get(place)?.0, points.last()?.0);
    let to = level + slope * (last - hinge);
    let explains = of_level > 0.0 && 1.0 - left / of_level >= EXPLAINED;
    let rises = slope > 0.0 && to - level >= RISE_SHARE * level.abs();
    let since = series.points.get(place)?.at;
    let began = if place < LEAST_LEVEL { Began::Before } else { Began::Seen };
    (explains && rises).then_some(Growth { since, began, from: level, to })
}

fn squares_around_mean(points: &[(f64, f64)]) -> f64 {
    let mean = points.iter().map(|point| point.1).sum::<f64>() / points.len() as f64;
    points.iter().map(|point| (point.1 - mean) * (point.1 - mean)).sum()
}

#[cfg(test)]
mod tests {
    use hearback_core::SignalKind;
    use hearback_core::signal::Point;
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_rise_is_told_from_a_level_a_step_and_a_trend_of_all_day() {
        let at = |minute: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute);
        let check = |value: &dyn Fn(f64) -> f64, expect: Option<i64>| {
            let wobble = |minute: i64| [0.0, 1.0, -1.0, 0.5][(minute % 4) as usize];
            let points =
                (0..120).map(|minute| Point { at: at(minute), value: value(minute as f64) + wobble(minute) });
            let series = Series {
                service: "cart".parse().unwrap(),
                kind: SignalKind::Saturation,
                query: "memory".into(),
                labels: Default::default(),
                step: SignedDuration::from_mins(1),
                points: points.collect(),
                link: None,
            };
            let told = growth(&series, at(110)).map(|growth| growth.since.duration_since(at(0)).as_mins());
            assert!(
                told.zip(expect).map_or(told == expect, |(a, b)| (a - b).abs() <= 2),
                "{told:?}, {expect:?}"
            );
        };
        check(&|_| 200.0, None);
        check(&|minute| 200.0 + 2.0 * (minute - 30.0).max(0.0), Some(30));
        check(&|minute| if minute > 100.0 { 40.0 } else { 200.0 + 2.0 * (minute - 30.0).max(0.0) }, Some(30));
        check(&|minute| 200.0 + 0.2 * (minute - 30.0).max(0.0), None);
        check(&|minute| if minute > 60.0 { 300.0 } else { 200.0 }, None);
    }
}
