//! When a sync is due, in examples and on clocks that are set while it waits.

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::model::StoreRef;

/// At every multiple of so many minutes since 1970.
#[derive(Debug)]
struct Every(i64);

const MINUTE: i64 = 60;

impl Schedule for Every {
    fn next_after(&self, moment: Timestamp) -> Option<Timestamp> {
        let period = self.0 * MINUTE;
        Timestamp::from_second((moment.as_second().div_euclid(period) + 1) * period).ok()
    }

    fn last_until(&self, moment: Timestamp) -> Option<Timestamp> {
        let period = self.0 * MINUTE;
        let second = moment.as_second() - i64::from(moment.subsec_nanosecond() < 0);
        Timestamp::from_second(second.div_euclid(period) * period).ok()
    }

    fn zone(&self) -> &TimeZone {
        const { &TimeZone::UTC }
    }
}

const DAILY: Every = Every(24 * 60);
const HOURLY: Every = Every(60);

fn at(text: &str) -> Timestamp {
    format!("2026-11-{text}Z").parse().unwrap()
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

fn terms(catch_up: Duration, delay: Duration) -> Terms {
    Terms { catch_up, delay }
}

#[test]
fn a_run_is_due_once_at_its_time() {
    let terms = terms(hours(6), Duration::ZERO);
    let latest = Some(at("20T00:00"));
    let ask = |latest, now| due(&DAILY, latest, at(now), &terms);
    assert_eq!(ask(latest, "20T23:59:59"), Due::NotYet { next: Some(at("21T00:00")) });
    let now = Due::Now { scheduled_for: at("21T00:00"), late_by: Duration::ZERO };
    assert_eq!(ask(latest, "21T00:00"), now);
    assert_eq!(ask(Some(at("21T00:00")), "21T00:00:01"), Due::NotYet { next: Some(at("22T00:00")) });
}

#[test]
fn runs_that_were_missed_are_caught_up_by_one_within_the_limit() {
    let terms = terms(hours(6), Duration::ZERO);
    let ask = |now| due(&DAILY, Some(at("15T00:00")), at(now), &terms);
    assert_eq!(ask("21T06:00"), Due::Now { scheduled_for: at("21T00:00"), late_by: hours(6) });
    let late = Due::TooLate { missed: at("21T00:00"), next: Some(at("22T00:00")) };
    assert_eq!(ask("21T06:00:01"), late);
    let caught_up = due(&DAILY, Some(at("21T00:00")), at("21T06:01"), &terms);
    assert_eq!(caught_up, Due::NotYet { next: Some(at("22T00:00")) });
}

#[test]
fn without_catching_up_a_run_may_still_begin_within_its_minute() {
    let terms = terms(Duration::ZERO, Duration::ZERO);
    let ask = |now| due(&DAILY, Some(at("20T00:00")), at(now), &terms);
    assert_eq!(ask("21T00:01"), Due::Now { scheduled_for: at("21T00:00"), late_by: minutes(1) });
    assert!(matches!(ask("21T00:01:01"), Due::TooLate { .. }));
}

#[test]
fn a_sync_by_hand_stands_in_for_what_was_missed_before_it_and_not_for_what_comes_after() {
    let terms = terms(hours(12), Duration::ZERO);
    let ask = |latest, now| due(&DAILY, Some(at(latest)), at(now), &terms);
    assert_eq!(ask("21T08:00", "21T09:00"), Due::NotYet { next: Some(at("22T00:00")) });
    let midnight = Due::Now { scheduled_for: at("21T00:00"), late_by: Duration::ZERO };
    assert_eq!(ask("20T23:50", "21T00:00"), midnight);
}

#[test]
fn a_store_that_never_was_synced_gets_data_soon() {
    let terms = terms(hours(12), Duration::ZERO);
    let missed = Due::Now { scheduled_for: at("21T00:00"), late_by: hours(9) };
    assert_eq!(due(&DAILY, None, at("21T09:00"), &terms), missed);
    let late = Due::TooLate { missed: at("21T00:00"), next: Some(at("22T00:00")) };
    assert_eq!(due(&DAILY, None, at("21T13:00"), &terms), late);
}

#[test]
fn a_clock_set_back_by_an_hour_runs_nothing_twice() {
    let terms = terms(hours(6), Duration::ZERO);
    for now in ["20T23:05", "20T23:59:59", "21T00:00", "21T00:05", "21T23:59"] {
        let answer = due(&DAILY, Some(at("21T00:00")), at(now), &terms);
        assert_eq!(answer, Due::NotYet { next: Some(at("22T00:00")) }, "{now}");
    }
    // The hour that comes again holds one occurrence, which ran.
    assert_eq!(
        due(&HOURLY, Some(at("21T03:00")), at("21T02:05"), &terms),
        Due::NotYet { next: Some(at("21T04:00")) }
    );
}

#[test]
fn a_clock_set_back_by_an_hour_does_not_stop_what_runs_every_five_minutes() {
    let terms = terms(Duration::ZERO, Duration::ZERO);
    let latest = Some(at("21T03:05"));
    let ask = |now| due(&Every(5), latest, at(now), &terms);
    assert_eq!(ask("21T02:07"), Due::Now { scheduled_for: at("21T02:05"), late_by: minutes(2) });
    let after = due(&Every(5), Some(at("21T02:05")), at("21T02:08"), &terms);
    assert_eq!(after, Due::NotYet { next: Some(at("21T02:10")) });
}

#[test]
fn an_attempt_that_a_wrong_clock_put_into_the_next_year_is_not_waited_for() {
    let wrong: Timestamp = "2027-11-21T00:00Z".parse().unwrap();
    let answer = due(&DAILY, Some(wrong), at("21T01:00"), &terms(hours(6), Duration::ZERO));
    assert_eq!(answer, Due::Now { scheduled_for: at("21T00:00"), late_by: hours(1) });
}

#[test]
fn jitter_shifts_every_run_by_the_same_time_and_counts_as_no_lateness() {
    let terms = terms(Duration::ZERO, minutes(20));
    let ask = |latest, now| due(&HOURLY, Some(at(latest)), at(now), &terms);
    assert_eq!(ask("21T09:00", "21T10:19:59"), Due::NotYet { next: Some(at("21T10:20")) });
    assert_eq!(
        ask("21T09:00", "21T10:20"),
        Due::Now { scheduled_for: at("21T10:00"), late_by: Duration::ZERO }
    );
    assert_eq!(ask("21T10:00", "21T10:21"), Due::NotYet { next: Some(at("21T11:20")) });
    // By hand, between an occurrence and its delayed run: that run is not needed any more.
    assert_eq!(ask("21T10:05", "21T10:06"), Due::NotYet { next: Some(at("21T11:20")) });
}

#[test]
fn jitter_is_below_the_spread_stable_and_different_for_each_name() {
    let store = |name: &str| StoreRef { environment: "live".parse().unwrap(), store: name.parse().unwrap() };
    let of = |pair: &str, name: &str| jitter(minutes(10), &pair.parse().unwrap(), &store(name));
    // Written down, because a different one tomorrow would be a run too many or too few today.
    assert_eq!(of("gigadb", "metadata"), Duration::from_millis(445_908));
    let delays: std::collections::BTreeSet<_> = (0..100).map(|n| of(&format!("pair{n}"), "files")).collect();
    assert!(delays.len() > 90, "{delays:?}");
    assert!(delays.iter().all(|delay| *delay < minutes(10)));
    let halves = delays.iter().filter(|delay| **delay < minutes(5)).count();
    assert!((25..75).contains(&halves), "{halves} of 100 in the first half");
    assert_eq!(jitter(Duration::ZERO, &"gigadb".parse().unwrap(), &store("files")), Duration::ZERO);
}

/// A run on a simulated machine: when it was by true time, and for which occurrence.
type Ran = (Timestamp, Timestamp);

/// Asks once a minute, on a clock that is set by `by` after `set_after`, for as long as `lasting`.
fn simulate(schedule: &Every, terms: &Terms, set_after: i64, by: i64, lasting: i64) -> Vec<Ran> {
    let start = at("21T00:00");
    let mut latest = Some(start);
    let mut ran = Vec::new();
    for minute in 0..lasting {
        let truth = start + SignedDuration::from_mins(minute);
        let clock = truth + SignedDuration::from_mins(if minute >= set_after { by } else { 0 });
        if let Due::Now { scheduled_for, .. } = due(schedule, latest, clock, terms) {
            latest = Some(scheduled_for);
            ran.push((truth, scheduled_for));
        }
    }
    ran
}

proptest! {
    #[test]
    fn whatever_the_clock_is_set_to_runs_go_on(
        every in prop_oneof![Just(5_i64), Just(15), Just(60), Just(240), Just(1440)],
        set_after in 0_i64..3000, by in -3000_i64..3000, catch_up in 0_u64..600, delay in 0_u64..90,
    ) {
        let terms = terms(minutes(catch_up), minutes(delay));
        let ran = simulate(&Every(every), &terms, set_after, by, 9000);
        // The run before the first one, for the occurrence at which the simulation begins.
        let before = at("21T00:00") + SignedDuration::from_mins(i64::try_from(delay).unwrap());
        let starts: Vec<_> = [before].into_iter().chain(ran.iter().map(|(truth, _)| *truth)).collect();
        let longest = starts.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_mins()).max().unwrap();
        let delay = i64::try_from(delay).unwrap();
        prop_assert!(longest <= 3 * every + delay + 1, "no run for {longest} min: {ran:?}");
        let end = at("21T00:00") + SignedDuration::from_mins(9000);
        prop_assert!(end.duration_since(*starts.last().unwrap()).as_mins() <= 3 * every + delay + 1);
    }

    #[test]
    fn a_clock_set_back_by_less_than_a_period_runs_no_occurrence_twice(
        every in prop_oneof![Just(15_i64), Just(60), Just(240), Just(1440)],
        set_after in 0_i64..3000, share in 1_i64..=100, catch_up in 0_u64..600, delay in 0_u64..90,
    ) {
        let by = -(every * share / 100).max(1);
        let ran = simulate(&Every(every), &terms(minutes(catch_up), minutes(delay)), set_after, by, 6000);
        let distinct: std::collections::BTreeSet<_> = ran.iter().map(|(_, occurrence)| *occurrence).collect();
        prop_assert_eq!(distinct.len(), ran.len(), "{:?}", ran);
    }

    #[test]
    fn on_a_clock_that_is_right_every_occurrence_runs_once(
        every in prop_oneof![Just(5_i64), Just(60), Just(1440)], catch_up in 0_u64..600, delay in 0_u64..90,
    ) {
        let ran = simulate(&Every(every), &terms(minutes(catch_up), minutes(delay)), 0, 0, 6000);
        let delay = i64::try_from(delay).unwrap();
        prop_assert_eq!(i64::try_from(ran.len()).unwrap(), (6000 - 1 - delay) / every);
        for (truth, occurrence) in ran {
            prop_assert_eq!(truth.duration_since(occurrence).as_mins(), delay);
        }
    }
}
