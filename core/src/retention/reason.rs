//! Why a backup is kept or removed, in words that need no manual.

use std::fmt;

use jiff::civil::Date;
use serde::Serialize;

use crate::model::BackupKey;

/// A rule of a policy that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The newest ones.
    Last,
    /// The newest of each day.
    Daily,
    /// The newest of each week.
    Weekly,
    /// The newest of each month.
    Monthly,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Last => "last",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
        })
    }
}

/// A stretch of the calendar of which one backup is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A day.
    Day(Date),
    /// A week of ISO 8601, by its year and number; the year is not always that of the date.
    Week(i16, i8),
    /// A month.
    Month(i16, i8),
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(date) => write!(f, "{date}"),
            Self::Week(year, week) => write!(f, "week {year:04}-W{week:02}"),
            Self::Month(year, month) => write!(f, "month {year:04}-{month:02}"),
        }
    }
}

/// Why a backup is kept, or why none of the rules keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// Kept: nothing is ever removed.
    Everything,
    /// Kept: it is one of the newest.
    Newest {
        /// Its place among them, from 1.
        rank: u32,
        /// How many are kept.
        of: u32,
    },
    /// Kept: it is the newest of a period.
    NewestOf {
        /// Which.
        period: Period,
        /// The rule that counts such periods.
        rule: Rule,
        /// The period's place among them, from 1.
        rank: u32,
        /// How many are kept.
        of: u32,
    },
    /// Kept: there is no newer one that is complete.
    NewestComplete,
    /// Kept: there is no newer one that was verified.
    LastVerified,
    /// Kept: it is being made, restored or verified right now.
    Running,
    /// Kept: it is partial, and not old enough to be sure that nobody is still making it.
    Unfinished,
    /// Kept: it is younger than one that may still be in the making.
    YoungerThan {
        /// That one.
        running: BackupKey,
    },
    /// Kept: its key names a time that has not come.
    InTheFuture,
    /// Kept: it is damaged, and there is none that is complete.
    NothingBetter,
    /// Kept: another backup has the same key and is kept.
    SameKey,
    /// Removed: it is damaged.
    Damaged {
        /// In what way.
        why: String,
    },
    /// Removed: it was never finished.
    Abandoned,
    /// Removed, as far as one rule goes: its period is kept by a newer one.
    Superseded {
        /// The rule.
        rule: Rule,
        /// The period.
        period: Period,
        /// The newer one.
        by: BackupKey,
    },
    /// Removed, as far as one rule goes: as many as it asks for are newer.
    Beyond {
        /// The rule.
        rule: Rule,
        /// How many it asks for.
        count: u32,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("nothing is removed without a `keep` in the configuration"),
            Self::Newest { rank, of } => write!(f, "{rank} of {of} last"),
            Self::NewestOf { period, rule, rank, of } => {
                write!(f, "newest of {period} ({rank} of {of} {rule})")
            }
            Self::NewestComplete => f.write_str("the newest complete backup is never removed"),
            Self::LastVerified => f.write_str("the last verified backup is never removed"),
            Self::Running => f.write_str("in use right now"),
            Self::Unfinished => f.write_str("partial, and may still be in the making"),
            Self::YoungerThan { running } => {
                write!(f, "younger than {running}, which may still be in the making")
            }
            Self::InTheFuture => {
                f.write_str("its key is in the future, so its age cannot be told: check the clocks")
            }
            Self::NothingBetter => f.write_str("damaged, but no complete backup is there"),
            Self::SameKey => f.write_str("another backup of this key is kept"),
            Self::Damaged { why } => write!(f, "damaged ({why}): kept out of the count, removed"),
            Self::Abandoned => f.write_str("partial and older than a day"),
            Self::Superseded { period, by, .. } => write!(f, "{by} is newer in {period}"),
            Self::Beyond { rule, count } => write!(f, "beyond the {count} {rule}"),
        }
    }
}
