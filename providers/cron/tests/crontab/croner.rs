//! Held against the crate `croner`, which reads crontab(5) on its own.

use croner::Cron;
use croner::parser::CronParser;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use switchover::schedule::Schedule as _;

use super::random::{expression, zone_and_moment};
use super::schedule;

/// To croner a day field is unrestricted only if it is `*` alone; to crontab(5) if it starts with it. So croner is told what holds.
fn parsed(text: &str) -> Cron {
    let both = [2, 4].into_iter().any(|place| text.split(' ').nth(place).unwrap().starts_with('*'));
    CronParser::builder().dom_and_dow(both).build().parse(text).unwrap()
}

/// Croner calls a job fixed only if it has a single time a day, and lets the others follow the clock; cron(8) looks at stars alone. Where
/// the two differ, they are held against each other without daylight saving.
fn agreed_zone(text: &str, zone: &'static str) -> &'static str {
    let [minute, hour] = [0, 1].map(|place| text.split(' ').nth(place).unwrap());
    let single = |field: &str| field.bytes().all(|byte| byte.is_ascii_digit());
    let follows = minute.starts_with('*') || hour.starts_with('*');
    let fixed = single(minute) && single(hour);
    if follows || fixed { zone } else { "UTC" }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn fires_when_croner_does(text in expression(), (zone, moment) in zone_and_moment()) {
        prop_assume!(text.parse::<switchover_cron::Expression>().is_ok());
        let zone = agreed_zone(&text, zone);
        let schedule = schedule(&text, zone);
        let croner = parsed(&text);
        let mut ours = moment;
        let mut theirs = moment.to_zoned(TimeZone::get(zone).unwrap());
        for _ in 0..20 {
            theirs = croner.find_next_occurrence(&theirs, false).unwrap();
            // A Monday that is a 29 February comes every 28 years, and the calendar ends.
            if theirs.year() >= 2100 {
                break;
            }
            ours = schedule.next_after(ours).unwrap();
            prop_assert_eq!(ours, theirs.timestamp(), "{} {}", text, zone);
        }
    }
}
