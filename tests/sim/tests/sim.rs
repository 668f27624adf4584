//! The simulation itself: it keeps every rule, finds every planted bug, and does the same every time.

use switchover_sim::{Plant, REGRESSIONS, Scenario, Timeline, first_to_find, judged, play_many, shrunk};

/// Seeds that every run of the tests plays, unoptimised too.
const FEW: u64 = 120;
/// Seeds within which every planted bug must be found.
const WITHIN: u64 = 20_000;

fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

#[test]
fn the_first_seeds_keep_every_rule() {
    let tally = play_many(0..FEW, None, threads(), u64::MAX, |_| {});
    assert_eq!((tally.played, tally.failed), (FEW, vec![]));
}

#[test]
fn seeds_that_found_a_bug_keep_every_rule_now() {
    for regression in REGRESSIONS {
        let verdict = judged(&Scenario::of(regression.seed), None, &Timeline::none());
        assert!(verdict.is_ok(), "seed {} ({}): {verdict:?}", regression.seed, regression.found);
    }
}

#[test]
fn one_seed_is_one_journal_to_the_byte_told_or_untold() {
    for seed in 0..12 {
        let (untold, told) = (Timeline::none(), Timeline::kept());
        let first = judged(&Scenario::of(seed), None, &untold);
        assert_eq!(first, judged(&Scenario::of(seed), None, &told), "seed {seed}");
        assert!(untold.lines().is_empty() && !told.lines().is_empty());
    }
}

#[test]
fn a_failure_is_cut_down_and_fails_in_the_same_place() {
    let plant = Some(Plant::SecretTold);
    let found = first_to_find(Plant::SecretTold, 0..200, threads()).unwrap();
    let whole = Scenario::of(found.seed);
    let small = shrunk(&whole, plant, &found.violation);
    assert_eq!(judged(&small, plant, &Timeline::none()).unwrap_err().place, found.violation.place);
    assert!(small.faults.len() <= whole.faults.len() && small.to_string().len() <= whole.to_string().len());
    assert!(small.faults.is_empty(), "nothing has to go wrong for this one: {small}");
}

#[test]
#[ignore = "takes minutes unless it is optimised: tests/run sim"]
fn every_planted_bug_is_found() {
    let missed: Vec<Plant> = Plant::ALL
        .into_iter()
        .filter(|plant| first_to_find(*plant, 0..WITHIN, threads()).is_none())
        .collect();
    assert_eq!(missed, []);
}

/// Seeds that tokio plays too.
#[cfg(feature = "cross-check")]
const BY_TOKIO: u64 = 1_000;

#[test]
#[cfg(feature = "cross-check")]
fn the_same_scenarios_keep_every_rule_under_the_paused_clock_of_tokio() {
    for seed in 0..BY_TOKIO {
        let verdict = switchover_sim::judged_under(
            &Scenario::of(seed),
            None,
            &Timeline::none(),
            switchover_sim::Under::Tokio,
        );
        assert!(verdict.is_ok(), "seed {seed}: {verdict:?}");
    }
}
