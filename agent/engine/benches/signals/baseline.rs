//! Two textbook ways to find an onset, to compare with. Both learn normal from the first quarter of the series and
//! know no shapes.

use hearback_core::SignalKind;
use hearback_testkit::series::Made;

use super::score::Read;

fn normal(made: &Made) -> Option<(Vec<f64>, f64, f64)> {
    let values: Vec<f64> = made.series.points.iter().map(|point| point.value).collect();
    let first = values.get(..values.len() / 4)?;
    let n = first.len() as f64;
    let mean = first.iter().sum::<f64>() / n;
    let deviation = (first.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    Some((values, mean, deviation.max(1e-9)))
}

fn read(made: &Made, at: usize) -> Option<Read> {
    let points = &made.series.points;
    let (before, first) = (points.get(at.checked_sub(1)?)?, points.get(at)?);
    Some(Read { shape: "changed", earliest: before.at, latest: first.at })
}

/// The first sample beyond three standard deviations.
pub fn three_sigma(made: &Made) -> Option<Read> {
    let (values, mean, deviation) = normal(made)?;
    let either = made.series.kind == SignalKind::Traffic;
    let is_out = |value: &f64| {
        let z = (value - mean) / deviation;
        z > 3.0 || (either && z < -3.0)
    };
    let at = values.iter().enumerate().skip(values.len() / 4).find(|(_, value)| is_out(value))?.0;
    read(made, at)
}

/// Page's cumulative sums (Biometrika 41, 1954), allowance 0.5 and limit 5 deviations; the onset is where the sum that
/// crossed the limit last was zero.
pub fn page_cusum(made: &Made) -> Option<Read> {
    let (values, mean, deviation) = normal(made)?;
    let either = made.series.kind == SignalKind::Traffic;
    let (mut up, mut down, mut up_from, mut down_from) = (0.0, 0.0, 0, 0);
    for (at, value) in values.iter().enumerate().skip(values.len() / 4) {
        let z = (value - mean) / deviation;
        up = f64::max(0.0, up + z - 0.5);
        down = f64::max(0.0, down - z - 0.5);
        if up == 0.0 {
            up_from = at + 1;
        }
        if down == 0.0 {
            down_from = at + 1;
        }
        if up > 5.0 {
            return read(made, up_from);
        }
        if either && down > 5.0 {
            return read(made, down_from);
        }
    }
    None
}
