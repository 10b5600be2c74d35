//! What is drawn for a made-up incident: numbers, names, digits. It knows the dice only.

use crate::resample::Dice;

/// Draws of a few kinds.
pub(super) trait Draw {
    /// A number from `low` to `high`, both among them.
    fn between(&mut self, low: i64, high: i64) -> i64;
    /// A number from `low` to `high`.
    fn within(&mut self, low: f64, high: f64) -> f64;
    /// One of `items`; the default if there is none.
    fn one<T: Clone + Default>(&mut self, items: &[T]) -> T;
    /// So many hexadecimal digits.
    fn hex(&mut self, digits: usize) -> String;
    /// About −1 to 1, most near 0.
    fn wobble(&mut self) -> f64;
    /// `items` in another order.
    fn mixed<T>(&mut self, items: Vec<T>) -> Vec<T>;
    /// Whether something of this chance happens.
    fn happens(&mut self, chance: f64) -> bool;
}

impl Draw for Dice {
    fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below(usize::try_from(high - low + 1).unwrap_or(1)) as i64
    }

    fn within(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    fn one<T: Clone + Default>(&mut self, items: &[T]) -> T {
        items.get(self.below(items.len())).cloned().unwrap_or_default()
    }

    fn hex(&mut self, digits: usize) -> String {
        (0..digits).map(|_| char::from_digit(self.below(16) as u32, 16).unwrap_or('0')).collect()
    }

    fn wobble(&mut self) -> f64 {
        (0..3).map(|_| 2.0 * self.unit() - 1.0).sum::<f64>() / 3.0
    }

    fn mixed<T>(&mut self, mut items: Vec<T>) -> Vec<T> {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
        items
    }

    fn happens(&mut self, chance: f64) -> bool {
        self.unit() < chance
    }
}
