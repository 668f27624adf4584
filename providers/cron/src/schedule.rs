//! Naive times mapped to moments, through daylight saving, as cron(8) does it.

use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan as _};
use switchover::schedule::Schedule;

use crate::Expression;

/// A crontab expression in a time zone.
///
/// An expression that names particular times fires once for each of them: right after the change if the clock skips it, and the first
/// time only if the clock repeats it. One whose minute or hour starts with `*` follows the clock: it leaves out what is skipped, and fires
/// again in what is repeated.
#[derive(Debug, Clone)]
pub struct CronSchedule {
    expression: Expression,
    zone: TimeZone,
}

/// A stretch of time in which the offset from UTC stays the same.
struct Stretch {
    offset: Offset,
    /// When it begins, and the offset before.
    begin: Option<(Timestamp, Offset)>,
    /// When the next one begins.
    end: Option<Timestamp>,
}

impl CronSchedule {
    /// An expression in a time zone.
    pub fn new(expression: Expression, zone: TimeZone) -> Self {
        Self { expression, zone }
    }

    /// The expression.
    pub fn expression(&self) -> &Expression {
        &self.expression
    }

    fn stretch(&self, moment: Timestamp) -> Stretch {
        let after = moment.checked_add(1.nanosecond()).unwrap_or(Timestamp::MAX);
        let begin = self.zone.preceding(after).next().map(|change| change.timestamp());
        let before =
            |begin: Timestamp| Some((begin, self.zone.to_offset(begin.checked_sub(1.nanosecond()).ok()?)));
        Stretch {
            offset: self.zone.to_offset(moment),
            begin: begin.and_then(before),
            end: self.zone.following(moment).next().map(|change| change.timestamp()),
        }
    }

    /// The first naive time of a stretch that may count.
    fn floor(&self, stretch: &Stretch) -> Option<DateTime> {
        let (begin, before) = stretch.begin?;
        // Where the clock is set back, the end of the stretch before is the time up to which everything has fired already.
        let offset = if self.expression.is_fixed() { before.max(stretch.offset) } else { stretch.offset };
        Some(offset.to_datetime(begin))
    }

    /// The moment at which a stretch begins, if times that fire were skipped right before it.
    fn skipped(&self, stretch: &Stretch) -> Option<Timestamp> {
        let (begin, before) = stretch.begin.filter(|_| self.expression.is_fixed())?;
        let first = self.expression.calendar().first_from(before.to_datetime(begin))?;
        (first < stretch.offset.to_datetime(begin)).then_some(begin)
    }
}

impl Schedule for CronSchedule {
    fn next_after(&self, moment: Timestamp) -> Option<Timestamp> {
        let mut from = moment.checked_add(1.nanosecond()).ok()?;
        loop {
            let stretch = self.stretch(from);
            if let Some(begin) = self.skipped(&stretch).filter(|begin| *begin >= from) {
                return Some(begin);
            }
            let earliest = self.floor(&stretch).max(Some(stretch.offset.to_datetime(from)))?;
            let next = self.expression.calendar().first_from(earliest)?;
            let next = stretch.offset.to_timestamp(next).ok()?;
            match stretch.end.filter(|end| next >= *end) {
                None => return Some(next),
                Some(end) => from = end,
            }
        }
    }

    fn last_until(&self, moment: Timestamp) -> Option<Timestamp> {
        let mut until = moment;
        loop {
            let stretch = self.stretch(until);
            let last = self.expression.calendar().last_until(stretch.offset.to_datetime(until))?;
            if self.floor(&stretch).is_none_or(|floor| last >= floor) {
                return stretch.offset.to_timestamp(last).ok();
            }
            if let Some(begin) = self.skipped(&stretch) {
                return Some(begin);
            }
            until = stretch.begin?.0.checked_sub(1.nanosecond()).ok()?;
        }
    }

    fn zone(&self) -> &TimeZone {
        &self.zone
    }
}

impl fmt::Display for CronSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.expression, self.zone.iana_name().unwrap_or("UTC"))
    }
}
