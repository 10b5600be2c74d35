//! The points in time at which a window is measured. Pure; it must not know what is measured.

use hearback_core::Window;
use jiff::{SignedDuration, Timestamp};

/// Points from `start` to `end`, a step apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    pub start: Timestamp,
    /// The last moment inside the window; the last point is here or before.
    pub end: Timestamp,
    /// Whole seconds.
    pub step_s: i64,
}

impl Grid {
    /// A grid over `window` with the step that is wished for. Where there would be more than `max_points` points it
    /// begins later, at `needed_from` at the latest: what is close to the trouble is worth more than what is long ago.
    /// Where even that is too much, the step gets longer. Points lie on multiples of the step, so that neighbouring
    /// windows share them (and caches on the way). None if the window is empty.
    pub(crate) fn over(
        window: Window,
        needed_from: Timestamp,
        wish: SignedDuration,
        max_points: usize,
    ) -> Option<Grid> {
        let points = i64::try_from(max_points).ok()?;
        let reach = SignedDuration::from_secs(wish.as_secs().max(1).saturating_mul(points));
        let reached_from = window.until.checked_sub(reach).unwrap_or(window.from);
        let from = window.from.max(reached_from.min(needed_from.max(window.from)));
        let window = Window { from, ..window };
        let from_ms = -(-window.from.as_nanosecond()).div_euclid(1_000_000);
        // The window's end is not inside it.
        let last_ms = (window.until.as_nanosecond() - 1).div_euclid(1_000_000);
        let span_ms = last_ms.checked_sub(from_ms).filter(|span| *span >= 0)?;
        let most = i128::try_from(max_points).ok()?.max(1);
        let least_s = (span_ms / most + 1 + 999).div_euclid(1000);
        let step_s = i64::try_from(least_s).ok()?.max(wish.as_secs()).max(1);
        let step_ms = i128::from(step_s) * 1000;
        let aligned_ms = -(-from_ms).div_euclid(step_ms) * step_ms;
        let start_ms = if aligned_ms <= last_ms { aligned_ms } else { from_ms };
        let at = |ms: i128| Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok();
        Some(Grid { start: at(start_ms)?, end: at(last_ms)?, step_s })
    }

    /// From when on `window`, over which this grid was made, is covered.
    pub(crate) fn seen_from(&self, window: Window) -> Timestamp {
        let is_whole = self.start.duration_since(window.from) < self.step();
        if is_whole { window.from } else { self.start }
    }

    pub(crate) fn step(&self) -> SignedDuration {
        SignedDuration::from_secs(self.step_s)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(from: &str, until: &str, max_points: usize, expect: Option<(&str, &str, i64)>) {
        let window = Window { from: from.parse().unwrap(), until: until.parse().unwrap() };
        let grid = Grid::over(window, window.from, SignedDuration::from_secs(15), max_points);
        let expect = expect.map(|(start, end, step_s)| Grid {
            start: start.parse().unwrap(),
            end: end.parse().unwrap(),
            step_s,
        });
        assert_eq!(grid, expect, "{from} to {until}");
    }

    #[test]
    fn grids_over_windows() {
        let hour = ("2026-11-23T13:00:00Z", "2026-11-23T14:00:00Z");
        check(hour.0, hour.1, 2000, Some((hour.0, "2026-11-23T13:59:59.999Z", 15)));
        check(hour.0, hour.1, 60, Some((hour.0, "2026-11-23T13:59:59.999Z", 60)));
        check(hour.0, hour.1, 1, Some((hour.0, "2026-11-23T13:59:59.999Z", 3600)));
        let odd = ("2026-11-23T13:00:01.0000005Z", "2026-11-23T13:01:00.0000005Z");
        check(odd.0, odd.1, 2000, Some(("2026-11-23T13:00:15Z", "2026-11-23T13:01:00Z", 15)));
        let short = ("2026-11-23T13:00:01Z", "2026-11-23T13:00:05Z");
        check(short.0, short.1, 2000, Some((short.0, "2026-11-23T13:00:04.999Z", 15)));
        check(hour.0, hour.0, 2000, None);
        check(hour.1, hour.0, 2000, None);
    }

    #[test]
    fn a_grid_begins_later_before_its_step_gets_longer() {
        let check = |needed_from: &str, wish_s: i64, expect: (&str, i64)| {
            let at = |time: &str| -> Timestamp { format!("2026-11-23T{time}Z").parse().unwrap() };
            let window = Window { from: at("08:00:00"), until: at("14:00:00") };
            let wish = SignedDuration::from_secs(wish_s);
            let grid = Grid::over(window, at(needed_from), wish, 1800).unwrap();
            assert_eq!((grid.start, grid.step_s), (at(expect.0), expect.1), "{needed_from}, {wish_s} s");
            assert!(window.contains(grid.end));
        };
        check("13:40:00", 15, ("08:00:00", 15));
        check("13:40:00", 1, ("13:30:00", 1));
        check("13:00:00", 1, ("13:00:00", 2));
        check("08:00:00", 1, ("08:00:00", 12));
        // What is needed lies before the window: the window is all there is.
        check("07:00:00", 1, ("08:00:00", 12));
    }

    proptest! {
        #[test]
        fn a_grid_stays_inside_its_window_and_its_limit(
            from in -9_000_000_000_000i64..9_000_000_000_000,
            length in 1i64..100_000_000_000,
            wish in -5i64..10_000,
            max in 1usize..20_000,
        ) {
            let at = |ms| Timestamp::from_millisecond(ms).unwrap();
            let window = Window { from: at(from), until: at(from + length) };
            let grid = Grid::over(window, window.from, SignedDuration::from_secs(wish), max).unwrap();
            prop_assert!(window.contains(grid.start) && window.contains(grid.end));
            let span = grid.end.duration_since(grid.start).as_millis();
            let points = span / (i128::from(grid.step_s) * 1000) + 1;
            prop_assert!(points <= max as i128 && points >= 1);
            prop_assert!(grid.step_s >= wish.max(1));
        }
    }
}
