//! One field of a crontab line: its bounds, its names, and how it is read.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

use crate::ExpressionError;

/// The names of months, from 1.
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/// The names of the days of the week, from 0.
pub(crate) const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A field of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// 0 to 59.
    Minute,
    /// 0 to 23.
    Hour,
    /// 1 to 31.
    DayOfMonth,
    /// 1 to 12.
    Month,
    /// 0 to 7; 0 and 7 are Sunday.
    DayOfWeek,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day of the month",
            Self::Month => "month",
            Self::DayOfWeek => "day of the week",
        })
    }
}

/// What a field matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Values {
    /// Whether it starts with `*`: then crontab(5) takes it for unrestricted, even with a step.
    pub(crate) starred: bool,
    /// The numbers that match; Sunday is 0.
    pub(crate) set: BTreeSet<u8>,
}

impl Field {
    /// What can be written.
    const fn bounds(self) -> RangeInclusive<u8> {
        match self {
            Self::Minute => 0..=59,
            Self::Hour => 0..=23,
            Self::DayOfMonth => 1..=31,
            Self::Month => 1..=12,
            Self::DayOfWeek => 0..=7,
        }
    }

    fn names(self) -> (&'static [&'static str], u8) {
        match self {
            Self::Minute | Self::Hour | Self::DayOfMonth => (&[], 0),
            Self::Month => (&MONTHS, 1),
            Self::DayOfWeek => (&WEEKDAYS, 0),
        }
    }

    /// Whether numbers are all that there are.
    pub(crate) fn is_full(self, set: &BTreeSet<u8>) -> bool {
        let all = self.bounds();
        let sunday_twice = usize::from(self == Self::DayOfWeek);
        set.len() == all.len() - sunday_twice
    }

    /// Reads the field.
    pub(crate) fn read(self, text: &str) -> Result<Values, ExpressionError> {
        if text.split([',', '-', '/']).any(str::is_empty) {
            return Err(self.wrong(text, "something is missing beside a `,`, `-` or `/`"));
        }
        let mut set = BTreeSet::new();
        for part in text.split(',') {
            set.extend(self.part(part)?);
        }
        if self == Self::DayOfWeek && set.remove(&7) {
            set.insert(0);
        }
        Ok(Values { starred: text.starts_with('*'), set })
    }

    fn part(self, part: &str) -> Result<Vec<u8>, ExpressionError> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (part, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => self.bounds().into_inner(),
            Some((first, last)) => (self.number(first)?, self.number(last)?),
            None if step.is_some() => {
                self.number(range)?;
                let all = format!("{range}-{}/{}", self.bounds().end(), step.unwrap_or_default());
                return Err(
                    self.wrong(part, &format!("a step needs a range; write `{}`", all.escape_debug()))
                );
            }
            None => {
                let number = self.number(range)?;
                (number, number)
            }
        };
        if first > last {
            return Err(
                self.wrong(part, "the range runs backwards; write it as two, with a comma between them")
            );
        }
        let step = step.map_or(Ok(1), |step| self.step(part, step))?;
        Ok((first..=last).step_by(step).collect())
    }

    fn step(self, part: &str, step: &str) -> Result<usize, ExpressionError> {
        let number = step.parse().ok().filter(|_| digits(step));
        number.filter(|step| *step > 0).ok_or_else(|| self.wrong(part, "the step must be a number from 1"))
    }

    fn number(self, text: &str) -> Result<u8, ExpressionError> {
        let (names, first) = self.names();
        let lower = text.to_ascii_lowercase();
        if let Some(place) = names.iter().position(|name| *name == lower) {
            return Ok(u8::try_from(place).unwrap_or_default() + first);
        }
        let number = text.parse().ok().filter(|_| digits(text));
        number
            .filter(|number| self.bounds().contains(number))
            .ok_or_else(|| self.wrong(text, &self.advice(text)))
    }

    /// What to write instead of something that is neither a number in bounds nor a name.
    fn advice(self, text: &str) -> String {
        let (first, last) = self.bounds().into_inner();
        let (names, _) = self.names();
        let lower = text.to_ascii_lowercase();
        let meant = names.iter().find(|name| lower.starts_with(**name));
        match (text, meant) {
            (_, Some(name)) => format!("crontab knows the first three letters only; write `{name}`"),
            ("*", None) => "`*` stands alone or before a step".into(),
            _ if text.contains('~') => {
                "crontab's random times are not supported; use `jitter` to spread runs".into()
            }
            _ if self.quartz(&lower) => "crontab has no `?`, `L`, `W` and `#`; those are Quartz's".into(),
            _ if names.is_empty() => format!("it must be a number from {first} to {last}"),
            _ => format!(
                "it must be a number from {first} to {last}, or a name such as `{}`",
                names.first().copied().unwrap_or_default()
            ),
        }
    }

    fn quartz(self, lower: &str) -> bool {
        let days = matches!(self, Self::DayOfMonth | Self::DayOfWeek);
        days && (lower.contains(['?', '#']) || lower.ends_with(['l', 'w']))
    }

    fn wrong(self, text: &str, why: &str) -> ExpressionError {
        ExpressionError::Field { field: self, text: text.escape_debug().to_string(), why: why.into() }
    }
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
