//! Naive days and times that an expression matches, by the crate `cron`: no zone, no daylight saving.

use std::collections::BTreeSet;
use std::str::FromStr as _;

use chrono::{DateTime as ChronoTime, Utc};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::expression::{Days, possible};
use crate::field::WEEKDAYS;

/// The end of the last year that the crate `cron` knows. Of later times it does not find the last before.
const END: DateTime = jiff::civil::date(2100, 12, 31).at(23, 59, 59, 0);

/// Days and times from 1970 to 2100, as far as the crate `cron` goes. To it they are all UTC.
#[derive(Debug, Clone)]
pub(crate) struct Calendar {
    /// One, or two of which either may match.
    schedules: Vec<cron::Schedule>,
}

impl Calendar {
    pub(crate) fn new(
        minutes: &BTreeSet<u8>,
        hours: &BTreeSet<u8>,
        months: &BTreeSet<u8>,
        days: &Days,
    ) -> Self {
        let all = || "*".to_owned();
        let days: Vec<(String, String)> = match days {
            Days::All => vec![(all(), all())],
            Days::OfMonth(of_month) => vec![(list(of_month), all())],
            Days::Both { of_month, of_week } => vec![(list(of_month), names(of_week))],
            Days::Either { of_month, of_week } if possible(months, of_month) => {
                vec![(list(of_month), all()), (all(), names(of_week))]
            }
            Days::OfWeek(of_week) | Days::Either { of_week, .. } => vec![(all(), names(of_week))],
        };
        let (minutes, hours, months) = (list(minutes), list(hours), list(months));
        let expressions = days.iter().map(|(of_month, of_week)| {
            // Quartz's fields: seconds first, years last.
            format!("0 {minutes} {hours} {of_month} {months} {of_week} *")
        });
        #[expect(
            clippy::expect_used,
            reason = "lists of numbers that were checked against the same bounds, and names"
        )]
        let schedules =
            expressions.map(|text| cron::Schedule::from_str(&text).expect("a list is valid")).collect();
        Self { schedules }
    }

    /// The first time that is not before the given one.
    pub(crate) fn first_from(&self, time: DateTime) -> Option<DateTime> {
        let whole = naive(time)?;
        let before =
            if time.subsec_nanosecond() == 0 { whole - chrono::TimeDelta::seconds(1) } else { whole };
        self.schedules.iter().filter_map(|schedule| schedule.after(&before).next()).min().and_then(civil)
    }

    /// The last time that is not after the given one.
    pub(crate) fn last_until(&self, time: DateTime) -> Option<DateTime> {
        let after = naive(time.min(END))? + chrono::TimeDelta::seconds(1);
        let last = self.schedules.iter().filter_map(|schedule| schedule.after(&after).next_back()).max();
        // To years before our era, the crate answers with times of its last year.
        last.and_then(civil).filter(|last| *last <= time)
    }
}

fn list(numbers: &BTreeSet<u8>) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// By name, because to the crate `cron` Sunday is 1.
fn names(days: &BTreeSet<u8>) -> String {
    let names = days.iter().filter_map(|day| WEEKDAYS.get(usize::from(*day))).copied();
    names.collect::<Vec<_>>().join(",")
}

/// Without the part of a second.
fn naive(time: DateTime) -> Option<ChronoTime<Utc>> {
    let whole = time.with().subsec_nanosecond(0).build().ok()?;
    ChronoTime::from_timestamp(Offset::UTC.to_timestamp(whole).ok()?.as_second(), 0)
}

fn civil(time: ChronoTime<Utc>) -> Option<DateTime> {
    Timestamp::from_second(time.timestamp()).ok().map(|timestamp| Offset::UTC.to_datetime(timestamp))
}
