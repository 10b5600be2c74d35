//! Random numbers that are the same everywhere and for ever: a seed gives one sequence. Must not be used for secrets.

/// A generator of random numbers (SplitMix64: Steele, Lea and Flood, OOPSLA 2014).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Dice(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `low` to below `high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From `low` to `high`, both included.
    pub fn whole(&mut self, low: usize, high: usize) -> usize {
        low + (self.next() % (high.saturating_sub(low) as u64 + 1)) as usize
    }

    /// One of `items`.
    pub fn one_of<T: Copy>(&mut self, items: &[T]) -> Option<T> {
        items.get(self.whole(0, items.len().saturating_sub(1))).copied()
    }

    /// True in this share of cases.
    pub fn chance(&mut self, share: f64) -> bool {
        self.between(0.0, 1.0) < share
    }

    /// Standard normal (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let (a, b) = (self.between(f64::MIN_POSITIVE, 1.0), self.between(0.0, 1.0));
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }

    /// Student's t with three degrees of freedom: its variance is finite, its outliers are many.
    pub fn heavy(&mut self) -> f64 {
        let squares: f64 = (0..3).map(|_| self.normal().powi(2)).sum();
        self.normal() / (squares / 3.0).max(1e-12).sqrt()
    }

    /// Poisson: by products of uniforms (Knuth) below 30, by its normal limit above.
    pub fn poisson(&mut self, rate: f64) -> f64 {
        if rate > 30.0 {
            return (rate + rate.sqrt() * self.normal()).round().max(0.0);
        }
        let (limit, mut product, mut count) = ((-rate.max(0.0)).exp(), self.between(0.0, 1.0), 0.0);
        while product > limit {
            product *= self.between(0.0, 1.0);
            count += 1.0;
        }
        count
    }
}
