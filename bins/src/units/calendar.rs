//! A schedule as systemd writes it in `OnCalendar` (systemd.time(7)).

use std::collections::BTreeSet;

use switchover_cron::{Days, Expression};

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// One line for each; a timer runs when any of them says so.
pub(super) fn on_calendar(expression: &Expression, zone: &str) -> Vec<String> {
    let months = numbers(expression.months(), 12);
    let time = format!("{}:{}:00", numbers(expression.hours(), 24), numbers(expression.minutes(), 60));
    let line = |week: Option<&BTreeSet<u8>>, month: Option<&BTreeSet<u8>>| {
        let week = week.map(|days| format!("{} ", weekdays(days))).unwrap_or_default();
        let days = month.map_or_else(|| "*".into(), |days| numbers(days, 31));
        format!("{week}*-{months}-{days} {time} {zone}")
    };
    match expression.days() {
        Days::All => vec![line(None, None)],
        Days::OfMonth(of_month) => vec![line(None, Some(of_month))],
        Days::OfWeek(of_week) => vec![line(Some(of_week), None)],
        Days::Both { of_month, of_week } => vec![line(Some(of_week), Some(of_month))],
        Days::Either { of_month, of_week } => vec![line(None, Some(of_month)), line(Some(of_week), None)],
    }
}

/// A list with ranges; `*` if it has everything there is.
fn numbers(set: &BTreeSet<u8>, all: usize) -> String {
    if set.len() == all {
        return "*".into();
    }
    let range = |(first, last): &(u8, u8)| match last - first {
        0 => format!("{first:02}"),
        1 => format!("{first:02},{last:02}"),
        _ => format!("{first:02}..{last:02}"),
    };
    ranges(set).iter().map(range).collect::<Vec<_>>().join(",")
}

fn ranges(set: &BTreeSet<u8>) -> Vec<(u8, u8)> {
    let mut ranges: Vec<(u8, u8)> = Vec::new();
    for number in set {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    ranges
}

fn weekdays(set: &BTreeSet<u8>) -> String {
    let names = set.iter().filter_map(|day| WEEKDAYS.get(usize::from(*day))).copied();
    names.collect::<Vec<_>>().join(",")
}
