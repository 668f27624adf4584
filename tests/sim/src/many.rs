//! Many seeds on several threads: what failed, and how fast it went.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Plant, Played, Scenario, Timeline, Violation, judged};

/// A seed that broke a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The seed.
    pub seed: u64,
    /// What was seen.
    pub violation: Violation,
}

/// What many seeds came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many were played.
    pub played: u64,
    /// How often tasks went on, all in all.
    pub steps: u64,
    /// How many entries were written, all in all.
    pub entries: u64,
    /// The virtual time that passed, all in all, in seconds.
    pub virtual_seconds: u64,
    /// Those that failed, by seed.
    pub failed: Vec<Failed>,
}

impl Tally {
    fn count(&mut self, seed: u64, verdict: Result<Played, Violation>) {
        self.played += 1;
        match verdict {
            Ok(played) => {
                self.steps += played.steps;
                self.entries += played.entries;
                self.virtual_seconds += played.elapsed.as_secs();
            }
            Err(violation) => self.failed.push(Failed { seed, violation }),
        }
    }

    fn join(&mut self, other: Self) {
        self.played += other.played;
        self.steps += other.steps;
        self.entries += other.entries;
        self.virtual_seconds += other.virtual_seconds;
        self.failed.extend(other.failed);
    }
}

/// Plays every seed of a range on this many threads, and stops early once this many have failed. `tell` hears now and then how many
/// have been played.
pub fn play_many(
    seeds: Range<u64>,
    plant: Option<Plant>,
    threads: usize,
    enough: u64,
    tell: impl Fn(u64) + Sync,
) -> Tally {
    let (next, failed) = (AtomicU64::new(seeds.start), AtomicU64::new(0));
    let all = Mutex::new(Tally::default());
    let work = || {
        let mut own = Tally::default();
        while failed.load(Ordering::Relaxed) < enough {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            let verdict = judged(&Scenario::of(seed), plant, &Timeline::none());
            failed.fetch_add(u64::from(verdict.is_err()), Ordering::Relaxed);
            own.count(seed, verdict);
            tell(seed - seeds.start);
        }
        all.lock().unwrap_or_else(PoisonError::into_inner).join(own);
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(work);
        }
    });
    let mut all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    all.failed.sort_by_key(|failed| failed.seed);
    all
}

/// The first of these seeds that finds a planted bug.
pub fn first_to_find(plant: Plant, seeds: Range<u64>, threads: usize) -> Option<Failed> {
    play_many(seeds, Some(plant), threads, 1, |_| {}).failed.into_iter().next()
}
