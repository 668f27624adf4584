//! Expressions, zones and moments at random.

use jiff::Timestamp;
use proptest::prelude::*;

const NAMES_OF_DAYS: [&str; 7] = ["sun", "MON", "Tue", "wed", "thu", "fri", "sat"];
const NAMES_OF_MONTHS: [&str; 12] =
    ["jan", "FEB", "Mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Zones with whole hours, half hours, changes at midnight, on both halves of the globe, with and without changes.
fn zone() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "America/Los_Angeles",
        "Australia/Lord_Howe",
        "Australia/Sydney",
        "Asia/Hong_Kong",
        "Africa/Cairo",
        "America/Havana",
        "America/St_Johns",
        "Asia/Kathmandu",
        "Pacific/Chatham",
        "America/Santiago",
        "Africa/Casablanca",
        "Asia/Beirut",
        "Atlantic/Azores",
    ])
}

/// A field between two bounds; names where the field has them.
fn field(first: u8, last: u8, names: &'static [&'static str]) -> impl Strategy<Value = String> {
    let item = move |number: u8, named: bool| match names.get(usize::from(number - first.min(number))) {
        Some(name) if named => (*name).to_owned(),
        _ => number.to_string(),
    };
    let number = (first..=last, any::<bool>()).prop_map(move |(n, named)| item(n, named));
    let range = (first..=last, first..=last).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b)));
    let stepped =
        (first..=last, first..=last, 1_u8..12).prop_map(|(a, b, s)| format!("{}-{}/{s}", a.min(b), a.max(b)));
    let part = prop_oneof![3 => number, 1 => range, 1 => stepped];
    prop_oneof![
        4 => Just("*".to_owned()),
        1 => (2_u8..15).prop_map(|step| format!("*/{step}")),
        4 => prop::collection::vec(part, 1..3).prop_map(|parts| parts.join(",")),
    ]
}

/// Five fields. Hours are often those in which clocks are changed.
pub(super) fn expression() -> impl Strategy<Value = String> {
    (
        field(0, 59, &[]),
        prop_oneof![field(0, 23, &[]), field(0, 3, &[])],
        field(1, 31, &[]),
        field(1, 12, &NAMES_OF_MONTHS),
        field(0, 6, &NAMES_OF_DAYS),
    )
        .prop_map(|(minute, hour, day, month, week)| format!("{minute} {hour} {day} {month} {week}"))
}

/// A zone and a moment of the years around now, to the second: half of them up to two days before the zone changes its clocks.
pub(super) fn zone_and_moment() -> impl Strategy<Value = (&'static str, Timestamp)> {
    (zone(), 1_750_000_000_i64..1_900_000_000, 0_i64..172_800, any::<bool>()).prop_map(
        |(zone, second, ahead, near)| {
            let anywhere = Timestamp::from_second(second).unwrap();
            let rules = switchover_cron::zone(zone).unwrap();
            let change = rules.following(anywhere).next().filter(|_| near).map(|change| change.timestamp());
            (zone, change.map_or(anywhere, |change| change - jiff::SignedDuration::from_secs(ahead)))
        },
    )
}
