//! Expressions and zones: what fires next lies ahead, nothing is left out between, and what is shown reads as what was written.
//!
//! Input: a line with a zone, a line with a moment in seconds, then the expression.

#![no_main]

use jiff::{Timestamp, ToSpan as _};
use libfuzzer_sys::fuzz_target;
use switchover::schedule::Schedule as _;
use switchover_cron::{CronSchedule, Expression, zone};
use switchover_fuzz::told;

/// How many firings in a row are looked at.
const FIRINGS: usize = 20;

fuzz_target!(|input: &str| {
    let mut lines = input.splitn(3, '\n');
    let (named, moment) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let Some(expression) = told(lines.next().unwrap_or_default().parse::<Expression>()) else { return };
    let again: Expression = expression.to_string().parse().expect("what is shown can be read");
    assert_eq!(again.to_string(), expression.to_string());
    assert_eq!(
        (again.minutes(), again.hours(), again.days()),
        (expression.minutes(), expression.hours(), expression.days())
    );
    let Some(zone) = told(zone(named)) else { return };
    let moment = moment.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    fires_in_order(&CronSchedule::new(expression, zone), moment.unwrap_or(Timestamp::UNIX_EPOCH));
});

/// The way there and the way back see the same firings.
fn fires_in_order(schedule: &CronSchedule, mut moment: Timestamp) {
    for _ in 0..FIRINGS {
        let Some(next) = schedule.next_after(moment) else { return };
        assert!(next > moment, "{schedule}: {next} does not come after {moment}");
        assert_eq!(next.subsec_nanosecond(), 0, "{schedule}: {next}");
        assert_eq!(schedule.last_until(next), Some(next), "{schedule}: {next} is not seen from itself");
        let before = next.checked_sub(1.nanosecond()).expect("it comes after another moment");
        let last = schedule.last_until(before);
        assert!(last.is_none_or(|last| last <= moment), "{schedule}: {last:?} was left out after {moment}");
        assert_eq!(
            schedule.next_after(before),
            Some(next),
            "{schedule}: {next} is not seen from right before it"
        );
        moment = next;
    }
}
