//! All cases of a kind, in an order that never changes, on several threads.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::{Case, Ended, Kind, Next, Outcome, Sort, Strike, judged_case};
use crate::{Dice, Plant, Timeline, Violation};

/// Which cases are played.
#[derive(Debug, Clone)]
pub struct Sweep {
    /// Of these kinds.
    pub kinds: Vec<Kind>,
    /// One pair in so many, by a draw of its own; 0 for none, 1 for all of them.
    pub one_pair_in: u64,
    /// Chooses which pairs.
    pub seed: u64,
    /// On so many threads.
    pub threads: usize,
    /// After how many failures to stop.
    pub enough: usize,
}

/// What they came to.
#[derive(Debug, Default)]
pub struct Swept {
    /// How many cases with one strike were played.
    pub singles: u64,
    /// How many with two.
    pub pairs: u64,
    /// How many pairs there are.
    pub all_pairs: u64,
    /// Those that broke a rule.
    pub failed: Vec<(Case, Violation)>,
}

/// Every case with one strike, of these kinds.
fn singles(kinds: &[Kind], plant: Option<Plant>) -> Result<Vec<Case>, (Case, Violation)> {
    let mut all = Vec::new();
    for kind in kinds {
        let calm = Case { kind: *kind, next: Next::Resume, strikes: Vec::new() };
        let ended = judged_case(&calm, plant, &Timeline::none()).map_err(|broken| (calm, broken))?;
        for next in Next::ALL {
            let struck = further(&ended.passed, 0, |_| true);
            all.extend(struck.map(|strike| Case { kind: *kind, next, strikes: vec![strike] }));
        }
    }
    Ok(all)
}

/// Every strike at these boundaries from one of them on.
fn further(passed: &[Sort], from: usize, wanted: impl Fn(Sort) -> bool) -> impl Iterator<Item = Strike> {
    let later = passed.iter().enumerate().skip(from).filter(move |(_, sort)| wanted(**sort));
    later
        .flat_map(|(at, sort)| Outcome::of(*sort).iter().map(move |outcome| Strike { at, outcome: *outcome }))
}

/// Every case that strikes a second time. A look that gets no answer is no first strike, for it is asked again; nor is it a second one.
fn seconds(case: &Case, ended: &Ended) -> Vec<Case> {
    let Some(first) = case.strikes.first() else { return Vec::new() };
    if ended.passed.get(first.at) == Some(&Sort::Look) {
        return Vec::new();
    }
    let struck = further(&ended.passed, first.at + 1, |sort| sort != Sort::Look);
    struck.map(|strike| Case { strikes: vec![*first, strike], ..case.clone() }).collect()
}

#[derive(Debug)]
struct Work<'a> {
    sweep: &'a Sweep,
    plant: Option<Plant>,
    swept: Mutex<Swept>,
    failed: AtomicUsize,
    pairs: AtomicU64,
}

impl Work<'_> {
    fn fail(&self, case: Case, violation: Violation) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.swept.lock().unwrap_or_else(PoisonError::into_inner).failed.push((case, violation));
    }

    fn is_over(&self) -> bool {
        self.failed.load(Ordering::Relaxed) >= self.sweep.enough
    }

    /// Plays one case and whatever strikes a second time after it.
    fn play(&self, place: usize, case: Case) {
        match judged_case(&case, self.plant, &Timeline::none()) {
            Err(violation) => self.fail(case, violation),
            Ok(ended) => self.play_pairs(place, &case, &ended),
        }
    }

    fn play_pairs(&self, place: usize, case: &Case, ended: &Ended) {
        let all = seconds(case, ended);
        let mut dice = Dice::of(self.sweep.seed ^ (place as u64) << 20);
        let one_in = self.sweep.one_pair_in;
        let mut played = 0;
        for pair in all.iter().filter(|_| one_in > 0 && dice.below(one_in) == 0) {
            if self.is_over() {
                break;
            }
            played += 1;
            if let Err(violation) = judged_case(pair, self.plant, &Timeline::none()) {
                self.fail(pair.clone(), violation);
            }
        }
        self.pairs.fetch_add(played, Ordering::Relaxed);
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        swept.singles += 1;
        swept.all_pairs += all.len() as u64;
    }
}

/// Plays them, with this mistake planted if one is.
pub fn sweep(sweep: &Sweep, plant: Option<Plant>) -> Swept {
    let cases = match singles(&sweep.kinds, plant) {
        Ok(cases) => cases,
        Err(broken) => return Swept { failed: vec![broken], ..Swept::default() },
    };
    let next = AtomicUsize::new(0);
    let work =
        Work { sweep, plant, swept: Mutex::default(), failed: AtomicUsize::new(0), pairs: AtomicU64::new(0) };
    std::thread::scope(|scope| {
        for _ in 0..sweep.threads.max(1) {
            scope.spawn(|| {
                while !work.is_over() {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(place) else { break };
                    work.play(place, case.clone());
                }
            });
        }
    });
    let pairs = work.pairs.into_inner();
    let mut swept = work.swept.into_inner().unwrap_or_else(PoisonError::into_inner);
    swept.pairs = pairs;
    swept.failed.sort_by_key(|(case, _)| case.to_string());
    swept
}

/// A case that finds a planted mistake.
pub fn broken_by(plant: Plant, threads: usize) -> Option<(Case, Violation)> {
    let calm = Sweep { kinds: Kind::ALL.to_vec(), one_pair_in: 50, seed: 0, threads, enough: 1 };
    sweep(&calm, Some(plant)).failed.into_iter().next()
}
