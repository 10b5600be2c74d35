//! How what is measured moves over the minutes of an incident. It must not know what is measured.

use super::draw::Draw;
use super::script::Shape;
use crate::resample::Dice;

/// A minute among those that are told, and the ones that matter. All in minutes since the first.
#[derive(Debug, Clone, Copy)]
pub(super) struct When {
    pub minute: f64,
    pub onset: f64,
    pub changed: f64,
}

/// How far from before to after, 0 to 1.
pub(super) fn progress(shape: Shape, when: When) -> f64 {
    let since = when.minute - when.onset;
    match shape {
        Shape::Leak if since < 0.0 => {
            ((when.minute - when.changed) / (when.onset - when.changed).max(1.0)).clamp(0.0, 1.0)
        }
        // What was killed begins anew, and fills faster under the load of the others.
        Shape::Leak => 0.15 + 0.85 * (since % 9.0) / 9.0,
        Shape::Drain => (when.minute / when.onset.max(1.0)).clamp(0.0, 1.0),
        _ if since < 0.0 => 0.0,
        Shape::Step => 1.0,
        Shape::Ramp => ((since + 1.0) / 12.0).min(1.0),
        Shape::Pulses => {
            if since % 5.0 < 3.0 {
                1.0
            } else {
                0.25
            }
        }
    }
}

/// A value between two, with noise as a share of it.
pub(super) fn value(before: f64, after: f64, progress: f64, noise: f64, dice: &mut Dice) -> f64 {
    let level = before + (after - before) * progress;
    (level * (1.0 + noise * dice.wobble())).max(0.0)
}

/// A value with four digits that matter.
pub(super) fn written(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 1_000.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 4,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(shape: Shape, minute: f64, expect: f64) {
        let told = progress(shape, When { minute, onset: 60.0, changed: -40.0 });
        assert!((told - expect).abs() < 1e-9, "{shape:?} at {minute}: {told}");
    }

    #[test]
    fn before_the_onset_only_leaks_and_drains_move() {
        for shape in [Shape::Step, Shape::Ramp, Shape::Pulses] {
            check(shape, 59.0, 0.0);
        }
        check(Shape::Leak, 10.0, 0.5);
        check(Shape::Drain, 30.0, 0.5);
    }

    #[test]
    fn after_it_each_shape_has_its_way() {
        check(Shape::Step, 60.0, 1.0);
        check(Shape::Ramp, 65.0, 0.5);
        check(Shape::Pulses, 64.0, 0.25);
        check(Shape::Leak, 69.0, 0.15);
        check(Shape::Drain, 90.0, 1.0);
    }

    #[test]
    fn values_have_few_digits() {
        assert_eq!([0.00217, 2.344, 41.72, 8123.9].map(written), ["0.0022", "2.34", "41.7", "8124"]);
    }
}
