//! Daylight saving, as cron(8) says it, on days that were looked up.

use switchover::schedule::Schedule as _;

use super::{at, next, schedule};

/// In Berlin 2026-03-29 02:00 is 03:00, and 2026-10-25 03:00 is 02:00.
const BERLIN: &str = "Europe/Berlin";

#[test]
fn a_time_that_is_skipped_fires_once_right_after() {
    let nightly = schedule("30 2 * * *", BERLIN);
    assert_eq!(
        next(&nightly, at("2026-03-28T00:00Z"), 3),
        ["Sat 2026-03-28 02:30 +0100", "Sun 2026-03-29 03:00 +0200", "Mon 2026-03-30 02:30 +0200"]
    );
    let change = at("2026-03-29T01:00Z");
    assert_eq!(nightly.last_until(at("2026-03-29T20:00Z")), Some(change));
    assert_eq!(nightly.last_until(change), Some(change));
    assert_eq!(nightly.last_until(at("2026-03-29T00:59:59.999Z")), Some(at("2026-03-28T01:30Z")));
    assert_eq!(nightly.next_after(change), Some(at("2026-03-30T00:30Z")));
}

#[test]
fn two_times_that_are_skipped_and_one_right_after_are_one() {
    assert_eq!(
        next(&schedule("0,30 2,3 * * *", BERLIN), at("2026-03-29T00:00Z"), 3),
        ["Sun 2026-03-29 03:00 +0200", "Sun 2026-03-29 03:30 +0200", "Mon 2026-03-30 02:00 +0200"]
    );
}

#[test]
fn a_time_that_is_repeated_fires_the_first_time_only() {
    let nightly = schedule("30 2 * * *", BERLIN);
    assert_eq!(
        next(&nightly, at("2026-10-24T12:00Z"), 2),
        ["Sun 2026-10-25 02:30 +0200", "Mon 2026-10-26 02:30 +0100"]
    );
    for later in ["2026-10-25T00:30Z", "2026-10-25T01:00Z", "2026-10-25T01:30Z", "2026-10-25T12:00Z"] {
        assert_eq!(nightly.last_until(at(later)), Some(at("2026-10-25T00:30Z")), "{later}");
        assert_eq!(nightly.next_after(at(later)), Some(at("2026-10-26T01:30Z")), "{later}");
    }
    // The end of what is repeated is not repeated.
    assert_eq!(
        next(&schedule("0 2,3 * * *", BERLIN), at("2026-10-24T12:00Z"), 2),
        ["Sun 2026-10-25 02:00 +0200", "Sun 2026-10-25 03:00 +0100"]
    );
}

#[test]
fn what_follows_the_clock_leaves_out_what_is_skipped_and_repeats_what_is_repeated() {
    let hourly = schedule("30 * * * *", BERLIN);
    assert_eq!(
        next(&hourly, at("2026-03-29T00:00Z"), 2),
        ["Sun 2026-03-29 01:30 +0100", "Sun 2026-03-29 03:30 +0200"]
    );
    assert_eq!(
        next(&hourly, at("2026-10-25T00:00Z"), 3),
        ["Sun 2026-10-25 02:30 +0200", "Sun 2026-10-25 02:30 +0100", "Sun 2026-10-25 03:30 +0100"]
    );
    // A star in the minute is enough.
    assert_eq!(
        next(&schedule("*/30 2 * * *", BERLIN), at("2026-03-28T12:00Z"), 1),
        ["Mon 2026-03-30 02:00 +0200"]
    );
    assert_eq!(
        next(&schedule("*/30 2 * * *", BERLIN), at("2026-10-24T12:00Z"), 5),
        [
            "Sun 2026-10-25 02:00 +0200",
            "Sun 2026-10-25 02:30 +0200",
            "Sun 2026-10-25 02:00 +0100",
            "Sun 2026-10-25 02:30 +0100",
            "Mon 2026-10-26 02:00 +0100"
        ]
    );
}

#[test]
fn half_an_hour_and_midnight_are_no_exceptions() {
    // Lord Howe Island: 2026-10-04 02:00 is 02:30, and 2026-04-05 02:00 is 01:30.
    let lord_howe = "Australia/Lord_Howe";
    assert_eq!(
        next(&schedule("15 2 * * *", lord_howe), at("2026-10-03T12:00Z"), 2),
        ["Sun 2026-10-04 02:30 +1100", "Mon 2026-10-05 02:15 +1100"]
    );
    assert_eq!(
        next(&schedule("45 1 * * *", lord_howe), at("2026-04-04T12:00Z"), 2),
        ["Sun 2026-04-05 01:45 +1100", "Mon 2026-04-06 01:45 +1030"]
    );
    // Cairo: 2026-04-24 00:00 is 01:00, so that day has no midnight.
    assert_eq!(
        next(&schedule("@daily", "Africa/Cairo"), at("2026-04-22T12:00Z"), 3),
        ["Thu 2026-04-23 00:00 +0200", "Fri 2026-04-24 01:00 +0300", "Sat 2026-04-25 00:00 +0300"]
    );
    // A day of the week that begins with the change: the day of the skipped time counts.
    assert_eq!(
        next(&schedule("0 0 * * fri", "Africa/Cairo"), at("2026-04-22T12:00Z"), 1),
        ["Fri 2026-04-24 01:00 +0300"]
    );
}

#[test]
fn a_day_that_a_zone_left_out_is_caught_up_right_after() {
    // Samoa had no 30 December 2011.
    assert_eq!(
        next(&schedule("0 3 * * *", "Pacific/Apia"), at("2011-12-29T00:00Z"), 3),
        ["Thu 2011-12-29 03:00 -1000", "Sat 2011-12-31 00:00 +1400", "Sat 2011-12-31 03:00 +1400"]
    );
}

#[test]
fn both_sides_of_a_pair_need_the_same_zone_and_not_the_same_clock() {
    let hongkong = schedule("0 3 * * *", "Asia/Hong_Kong");
    assert_eq!(hongkong.next_after(at("2026-11-21T00:00Z")), Some(at("2026-11-21T19:00Z")));
    assert_eq!(hongkong.to_string(), "0 3 * * * Asia/Hong_Kong");
}
