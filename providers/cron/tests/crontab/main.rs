//! Held against crontab(5): by hand, against cron's own rules minute by minute, and against another library.

#![expect(clippy::unwrap_used, reason = "a helper that cannot set up its test fails the test")]

mod croner;
mod daylight;
mod random;
mod reading;
mod vixie;
mod zones;

use jiff::Timestamp;
use switchover::schedule::Schedule as _;
use switchover_cron::{CronSchedule, Expression};

fn schedule(expression: &str, zone: &str) -> CronSchedule {
    let expression: Expression = expression.parse().unwrap_or_else(|error| panic!("{expression}: {error}"));
    CronSchedule::new(expression, switchover_cron::zone(zone).unwrap())
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The next occurrences, as the clock on the wall shows them.
fn next(schedule: &CronSchedule, after: Timestamp, count: usize) -> Vec<String> {
    let moments = std::iter::successors(schedule.next_after(after), |moment| schedule.next_after(*moment));
    let zone = schedule.zone();
    moments
        .take(count)
        .map(|moment| moment.to_zoned(zone.clone()).strftime("%a %F %H:%M %z").to_string())
        .collect()
}

/// The days on which an expression fires in 2026, from a day on.
fn days(expression: &str, from: &str, count: usize) -> Vec<String> {
    let all = next(&schedule(expression, "UTC"), at(&format!("2026-{from}T00:00Z")), count);
    all.iter().map(|text| text[..14].to_owned()).collect()
}
