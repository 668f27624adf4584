//! A crontab expression: five fields or a nickname, and what they mean together.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::ExpressionError;
use crate::calendar::Calendar;
use crate::field::{Field, Values};

/// The nicknames of crontab(5) that name a time.
const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// What crontab(5) accepts, understood. It fires some day.
#[derive(Debug, Clone)]
pub struct Expression {
    /// As given, with single spaces.
    text: String,
    minutes: Values,
    hours: Values,
    months: BTreeSet<u8>,
    days: Days,
    calendar: Calendar,
}

/// The days that an expression matches, within its months.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Days {
    /// Every day.
    All,
    /// Days of the month, 1 to 31.
    OfMonth(BTreeSet<u8>),
    /// Days of the week, 0 (Sunday) to 6.
    OfWeek(BTreeSet<u8>),
    /// Days that are in both sets.
    Both {
        /// Days of the month.
        of_month: BTreeSet<u8>,
        /// Days of the week.
        of_week: BTreeSet<u8>,
    },
    /// Days that are in one of the sets at least.
    Either {
        /// Days of the month.
        of_month: BTreeSet<u8>,
        /// Days of the week.
        of_week: BTreeSet<u8>,
    },
}

impl Days {
    /// If both fields are restricted, either may match; and a field that starts with `*` is not restricted, whatever follows.
    fn new(month: Values, week: Values) -> Self {
        let all_of_month = Field::DayOfMonth.is_full(&month.set);
        let all_of_week = Field::DayOfWeek.is_full(&week.set);
        let either = !month.starred && !week.starred;
        match (all_of_month, all_of_week) {
            (true, true) => Self::All,
            (true, false) | (false, true) if either => Self::All,
            (false, false) if either => Self::Either { of_month: month.set, of_week: week.set },
            (true, false) => Self::OfWeek(week.set),
            (false, true) => Self::OfMonth(month.set),
            (false, false) => Self::Both { of_month: month.set, of_week: week.set },
        }
    }
}

impl Expression {
    /// The minutes of an hour, 0 to 59.
    pub fn minutes(&self) -> &BTreeSet<u8> {
        &self.minutes.set
    }

    /// The hours of a day, 0 to 23.
    pub fn hours(&self) -> &BTreeSet<u8> {
        &self.hours.set
    }

    /// The months of a year, 1 to 12.
    pub fn months(&self) -> &BTreeSet<u8> {
        &self.months
    }

    /// The days.
    pub fn days(&self) -> &Days {
        &self.days
    }

    /// Whether it names particular times of the day. If not, because the minute or the hour starts with `*`, it follows the clock
    /// through daylight saving.
    pub(crate) fn is_fixed(&self) -> bool {
        !self.minutes.starred && !self.hours.starred
    }

    pub(crate) fn calendar(&self) -> &Calendar {
        &self.calendar
    }
}

impl FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let text = words.join(" ");
        if let [name] = words.as_slice()
            && name.starts_with('@')
        {
            let name = name.to_ascii_lowercase();
            return read(nickname(&name)?, name);
        }
        read(&text, text.clone())
    }
}

fn nickname(name: &str) -> Result<&'static str, ExpressionError> {
    if name == "@reboot" {
        return Err(ExpressionError::Reboot);
    }
    let known = NICKNAMES.iter().find(|(known, _)| *known == name);
    let name = name.escape_debug().to_string();
    known.map(|(_, fields)| *fields).ok_or(ExpressionError::Nickname { name })
}

fn read(fields: &str, text: String) -> Result<Expression, ExpressionError> {
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    let &[minute, hour, day_of_month, month, day_of_week] = fields.as_slice() else {
        return Err(match fields.len() {
            0 => ExpressionError::Empty,
            count => ExpressionError::Fields { text: text.escape_debug().to_string(), count },
        });
    };
    let minutes = Field::Minute.read(minute)?;
    let hours = Field::Hour.read(hour)?;
    let of_month = Field::DayOfMonth.read(day_of_month)?;
    let months = Field::Month.read(month)?.set;
    let days = Days::new(of_month, Field::DayOfWeek.read(day_of_week)?);
    if let Days::OfMonth(of_month) | Days::Both { of_month, .. } = &days
        && !possible(&months, of_month)
    {
        return Err(ExpressionError::Never { text, why: impossible(&months, of_month) });
    }
    let calendar = Calendar::new(&minutes.set, &hours.set, &months, &days);
    Ok(Expression { text, minutes, hours, months, days, calendar })
}

/// Whether one of the months has one of the days, in a leap year at least.
pub(crate) fn possible(months: &BTreeSet<u8>, days: &BTreeSet<u8>) -> bool {
    months.iter().any(|month| days.first().is_some_and(|day| *day <= length(*month)))
}

fn length(month: u8) -> u8 {
    match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn impossible(months: &BTreeSet<u8>, days: &BTreeSet<u8>) -> String {
    const NAMES: [(u8, &str); 5] =
        [(2, "February"), (4, "April"), (6, "June"), (9, "September"), (11, "November")];
    let months: Vec<_> =
        NAMES.iter().filter(|(number, _)| months.contains(number)).map(|(_, name)| *name).collect();
    let days: Vec<_> = days.iter().map(ToString::to_string).collect();
    let verb = if months.len() == 1 { "has" } else { "have" };
    format!("{} {verb} no day {}", months.join(" and "), days.join(" or "))
}

impl fmt::Display for Expression {
    /// As it was given, with single spaces: crontab(5) accepts it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl PartialEq for Expression {
    /// Whether both were written the same.
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Expression {}
