//! Where chance comes from: a sequence of numbers that depends on its seed alone.

use std::time::Duration;

/// `SplitMix64` (<https://prng.di.unimi.it/splitmix64.c>): one seed, one sequence.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The sequence of a seed.
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below this one, which is not zero.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit.max(1)
    }

    /// Whether something happens that happens so many times in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of these.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        let place = usize::try_from(self.below(from.len() as u64)).unwrap_or_default();
        from.get(place).cloned().expect("something to pick from")
    }

    /// A length of time below this many milliseconds, each order of magnitude as likely as the next: what goes wrong at once and
    /// what goes wrong late are both common.
    pub fn time(&mut self, most_ms: u64) -> Duration {
        Duration::from_millis(self.magnitude(most_ms))
    }

    /// A number below this one, each order of magnitude as likely as the next.
    pub fn magnitude(&mut self, limit: u64) -> u64 {
        let bits = u64::from(64 - limit.leading_zeros());
        let top = 1_u64.checked_shl(u32::try_from(self.below(bits + 1)).unwrap_or_default()).unwrap_or(limit);
        self.below(top.min(limit))
    }
}
