//! Held against a simulation of cron(8): a loop that wakes every minute and looks at the clock on the wall.

use std::collections::BTreeSet;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use proptest::prelude::*;
use switchover::schedule::Schedule as _;

use super::random::{expression, zone_and_moment};
use super::{at, schedule};

/// A crontab line as cron's `entry.c` keeps it: five bit sets, and whether each field began with a star.
struct Line {
    sets: [BTreeSet<u8>; 5],
    stars: [bool; 5],
}

impl Line {
    fn new(text: &str) -> Self {
        let bounds = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];
        let fields: Vec<&str> = text.split(' ').collect();
        let sets = std::array::from_fn(|place| set(fields[place], bounds[place]));
        Self { sets, stars: std::array::from_fn(|place| fields[place].starts_with('*')) }
    }

    /// cron's `find_jobs`.
    fn matches(&self, time: DateTime) -> bool {
        let part = |value: i8| u8::try_from(value).unwrap();
        let [minutes, hours, days, months, week] = &self.sets;
        let weekday = part(time.weekday().to_sunday_zero_offset());
        let on_day = days.contains(&part(time.day()));
        let on_weekday = week.contains(&weekday) || (weekday == 0 && week.contains(&7));
        let day = if self.stars[2] || self.stars[4] { on_day && on_weekday } else { on_day || on_weekday };
        minutes.contains(&part(time.minute()))
            && hours.contains(&part(time.hour()))
            && months.contains(&part(time.month()))
            && day
    }

    fn wildcard(&self) -> bool {
        self.stars[0] || self.stars[1]
    }
}

fn set(field: &str, (first, last): (u8, u8)) -> BTreeSet<u8> {
    let number = |text: &str| match text.to_ascii_lowercase().as_str() {
        "sun" => 0,
        "mon" | "jan" => 1,
        "tue" | "feb" => 2,
        "wed" | "mar" => 3,
        "thu" | "apr" => 4,
        "fri" | "may" => 5,
        "sat" | "jun" => 6,
        "jul" => 7,
        "aug" => 8,
        "sep" => 9,
        "oct" => 10,
        "nov" => 11,
        "dec" => 12,
        digits => digits.parse().unwrap(),
    };
    let part = |part: &str| {
        let (range, step) =
            part.split_once('/').map_or((part, 1), |(range, step)| (range, step.parse().unwrap()));
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (first, last),
            Some((from, to)) => (number(from), number(to)),
            None => (number(range), number(range)),
        };
        (from..=to).step_by(step).collect::<Vec<_>>()
    };
    field.split(',').flat_map(part).collect()
}

/// What cron does from one moment to another: the moments at which it starts the job.
fn simulate(line: &Line, zone: &TimeZone, from: Timestamp, to: Timestamp) -> BTreeSet<Timestamp> {
    let wall = |moment: Timestamp| zone.to_datetime(moment);
    // Starting early enough that a change before `from` is known.
    let mut now = from - SignedDuration::from_hours(30);
    let mut reached = wall(now);
    let mut started = BTreeSet::new();
    while now <= to {
        let time = wall(now);
        let fires = if line.wildcard() {
            line.matches(time)
        } else {
            // The job runs for every minute that the wall clock has passed since the last one, and for none twice.
            let next = reached.checked_add(1.minute()).unwrap();
            let passed = std::iter::successors(Some(next), |time| time.checked_add(1.minute()).ok());
            passed.take_while(|passed| *passed <= time).any(|passed| line.matches(passed))
        };
        if fires && now >= from {
            started.insert(now);
        }
        reached = reached.max(time);
        now += SignedDuration::from_mins(1);
    }
    started
}

#[test]
fn the_simulation_itself_does_what_cron_8_says() {
    let berlin = switchover_cron::zone("Europe/Berlin").unwrap();
    let on = |line: &str, from: &str, to: &str| -> Vec<String> {
        simulate(&Line::new(line), &berlin, at(from), at(to)).iter().map(ToString::to_string).collect()
    };
    assert_eq!(on("30 2 * * *", "2026-03-28T22:00Z", "2026-03-29T12:00Z"), ["2026-03-29T01:00:00Z"]);
    assert_eq!(on("30 2 * * *", "2026-10-24T22:00Z", "2026-10-25T12:00Z"), ["2026-10-25T00:30:00Z"]);
    assert_eq!(on("*/30 2 * * *", "2026-03-28T22:00Z", "2026-03-29T12:00Z"), [""; 0]);
    assert_eq!(on("*/30 2 * * *", "2026-10-24T22:00Z", "2026-10-25T12:00Z").len(), 4);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn fires_when_cron_starts_the_job(text in expression(), (zone, from) in zone_and_moment()) {
        prop_assume!(text.parse::<switchover_cron::Expression>().is_ok());
        let schedule = schedule(&text, zone);
        let from = Timestamp::from_second(from.as_second().div_euclid(60) * 60).unwrap();
        let to = from + SignedDuration::from_hours(60);
        let expected = simulate(&Line::new(&text), schedule.zone(), from, to);

        let forward: BTreeSet<_> = std::iter::successors(
            schedule.next_after(from - SignedDuration::from_nanos(1)), |moment| schedule.next_after(*moment),
        ).take_while(|moment| *moment <= to).collect();
        prop_assert_eq!(&forward, &expected);

        let back: BTreeSet<_> = std::iter::successors(
            schedule.last_until(to), |moment| schedule.last_until(*moment - SignedDuration::from_nanos(1)),
        ).take_while(|moment| *moment >= from).collect();
        prop_assert_eq!(&back, &expected);
    }

    #[test]
    fn the_next_and_the_last_are_neighbours(text in expression(), (zone, moment) in zone_and_moment()) {
        prop_assume!(text.parse::<switchover_cron::Expression>().is_ok());
        let schedule = schedule(&text, zone);
        let next = schedule.next_after(moment).unwrap();
        let last = schedule.last_until(moment).unwrap();
        prop_assert!(last <= moment && moment < next);
        prop_assert_eq!(schedule.next_after(last), Some(next));
        prop_assert_eq!(schedule.last_until(next), Some(next));
        prop_assert_eq!(schedule.last_until(next - SignedDuration::from_nanos(1)), Some(last));
    }
}
