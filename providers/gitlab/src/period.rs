//! The freeze period that is an embargo: how it is written so that it covers now, and how it is recognised. Pure.
//!
//! GitLab takes a moment to be frozen when the latest start is later than the latest end, and the next end comes before the next start
//! (`app/models/ci/freeze_period_status.rb`). A period whose start is one minute of the year, and whose end is a minute shortly *before*
//! it, is therefore frozen from that start on until almost a year later: long enough for any release, and it ends by itself.
//!
//! Freeze periods have no name. Ours carry the time zone `Etc/Zulu`, which is UTC by a name that nobody picks from a list, and the distance
//! from end to start tells which environment they are for.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use switchover::model::EnvironmentName;

use crate::wire::FreezePeriod;

/// UTC by another name (IANA's `backward` and `etcetera` files).
pub(crate) const ZONE: &str = "Etc/Zulu";
/// The start lies back this far, so that a clock which is a little wrong does no harm.
const BACK: SignedDuration = SignedDuration::from_hours(1);
/// The distances that there are: less than a day, and at least a minute.
const MARKS: u64 = 1_439;

/// What tells an environment's freeze periods from others: minutes from their end to their start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark(u16);

impl Mark {
    /// The mark of an environment, always the same.
    pub(crate) fn of(environment: &EnvironmentName) -> Self {
        let hash = Sha256::digest(environment.as_str());
        let number = hash.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        // The remainder is below 1,439.
        Self(u16::try_from(number % MARKS + 1).unwrap_or(1))
    }
}

/// Start and end as cron.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) start: String,
    pub(crate) end: String,
}

fn cron(moment: DateTime) -> String {
    format!("{} {} {} {} *", moment.minute(), moment.hour(), moment.day(), moment.month())
}

/// The period that covers `now`.
pub(crate) fn covering(now: Timestamp, mark: Mark) -> Written {
    let start = now.checked_sub(BACK).unwrap_or(now);
    let end = start.checked_sub(SignedDuration::from_mins(i64::from(mark.0))).unwrap_or(start);
    let civil = |moment: Timestamp| TimeZone::UTC.to_datetime(moment);
    Written { start: cron(civil(start)), end: cron(civil(end)) }
}

/// A minute of the year: month, day, hour, minute.
type Minute = (i8, i8, i8, i8);

fn minute(text: &str) -> Option<Minute> {
    let mut fields = text.split(' ');
    let mut number = || fields.next()?.parse::<i8>().ok();
    let (minute, hour, day, month) = (number()?, number()?, number()?, number()?);
    (fields.next() == Some("*") && fields.next().is_none()).then_some((month, day, hour, minute))
}

/// Whether a period is an embargo of this environment.
pub(crate) fn is_ours(period: &FreezePeriod, mark: Mark) -> bool {
    period.cron_timezone == ZONE && distance(period) == Some(mark.0)
}

/// Whether a period is an embargo of any environment that Switchover laid.
pub(crate) fn is_of_switchover(period: &FreezePeriod) -> bool {
    period.cron_timezone == ZONE && distance(period).is_some_and(|minutes| u64::from(minutes) <= MARKS)
}

/// Minutes from end to start, in a leap year if one of them is 29 February.
fn distance(period: &FreezePeriod) -> Option<u16> {
    let civil = |(month, day, hour, minute): Minute| DateTime::new(2028, month, day, hour, minute, 0, 0).ok();
    let (start, end) = (civil(minute(&period.freeze_start)?)?, civil(minute(&period.freeze_end)?)?);
    let minutes = start.duration_since(end).as_mins();
    // An end in December belongs to a start in January.
    let year = i64::from(366 * 24 * 60);
    u16::try_from(if minutes < 0 { minutes + year } else { minutes }).ok()
}

/// Whether one of ours is in force: it is not between its end and its start, which is less than a day of the year.
pub(crate) fn is_in_force(period: &FreezePeriod, now: Timestamp) -> bool {
    let now = TimeZone::UTC.to_datetime(now);
    let now = (now.month(), now.day(), now.hour(), now.minute());
    match (minute(&period.freeze_start), minute(&period.freeze_end)) {
        (Some(start), Some(end)) if end < start => !(end <= now && now < start),
        (Some(start), Some(end)) => !(end <= now || now < start),
        (None, _) | (_, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(now: &str, mark: Mark) -> FreezePeriod {
        let Written { start, end } = covering(now.parse().unwrap(), mark);
        FreezePeriod {
            id: 1,
            freeze_start: start,
            freeze_end: end,
            cron_timezone: ZONE.to_owned(),
            updated_at: None,
        }
    }

    fn live() -> Mark {
        Mark::of(&EnvironmentName::new("live").unwrap())
    }

    #[test]
    fn a_period_covers_now_and_the_year_from_now_but_for_less_than_a_day() {
        for now in [
            "2026-11-21T12:34:56Z",
            "2026-12-31T23:59:59Z",
            "2027-01-01T00:00:00Z",
            "2027-01-01T01:00:00Z",
            "2027-03-01T00:30:00Z",
            "2028-02-29T13:00:00Z",
            "2028-03-01T00:10:00Z",
        ] {
            let period = period(now, live());
            assert!(is_ours(&period, live()), "{now}: {period:?}");
            let start: Timestamp = now.parse().unwrap();
            let at = |hours: i64| start.checked_add(SignedDuration::from_hours(hours)).unwrap();
            for hours in [0, 1, 24, 24 * 30, 24 * 363] {
                assert!(is_in_force(&period, at(hours)), "{now} + {hours} h: {period:?}");
            }
            assert!(!is_in_force(&period, at(-2)), "{now}: {period:?}");
        }
    }

    #[test]
    fn written_as_gitlab_reads_it() {
        let written = covering("2026-11-21T12:34:56Z".parse().unwrap(), Mark(90));
        assert_eq!((written.start.as_str(), written.end.as_str()), ("34 11 21 11 *", "4 10 21 11 *"));
    }

    #[test]
    fn what_others_wrote_is_not_ours() {
        let ours = period("2026-11-21T12:34:56Z", live());
        let staging = Mark::of(&EnvironmentName::new("staging").unwrap());
        assert!(!is_ours(&ours, staging));
        for (start, end, zone) in [
            (ours.freeze_start.as_str(), ours.freeze_end.as_str(), "UTC"),
            ("0 23 * * 5", "0 7 * * 1", ZONE),
            ("", "", ZONE),
            ("1 2 31 2 *", "1 1 31 2 *", ZONE),
            ("1 2 3 4 * *", "1 1 3 4 *", ZONE),
        ] {
            let other = FreezePeriod {
                freeze_start: start.to_owned(),
                freeze_end: end.to_owned(),
                cron_timezone: zone.to_owned(),
                ..ours.clone()
            };
            assert!(!is_ours(&other, live()), "{other:?}");
        }
    }
}
