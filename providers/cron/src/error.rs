//! Why a text is no schedule or no time zone, and what was probably meant.

use crate::Field;

/// Why a text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// There is nothing.
    #[error("a schedule is missing; write for example `30 2 * * *` for every day at 02:30, or `@daily`")]
    Empty,
    /// It has another number of fields than five.
    #[error("`{text}` has {count} {}; a schedule has five, as in crontab: minute, hour, day of the month, month, day of the week{}",
        if *.count == 1 { "field" } else { "fields" },
        if *.count > 5 { " (seconds and years are not known there)" } else { "" })]
    Fields {
        /// The text as given.
        text: String,
        /// How many it has.
        count: usize,
    },
    /// A word that starts with `@` and is none of those known.
    #[error(
        "`{name}` is not known; there are @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually"
    )]
    Nickname {
        /// The word.
        name: String,
    },
    /// `@reboot`, which names no time.
    #[error(
        "`@reboot` names no time; give one, such as `@daily` (runs that were missed while a machine was off are caught up by `catch_up`)"
    )]
    Reboot,
    /// One field is wrong.
    #[error("{field} `{text}`: {why}")]
    Field {
        /// Which.
        field: Field,
        /// The field, or the part of it that is wrong.
        text: String,
        /// What is wrong with it, and what to write instead.
        why: String,
    },
    /// There is no day that it names.
    #[error("`{text}` never fires: {why}")]
    Never {
        /// The text as given.
        text: String,
        /// Why there is no such day.
        why: String,
    },
}

/// A text that is no time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no time zone{}", meant(.nearest))]
pub struct ZoneError {
    /// The text as given.
    pub name: String,
    /// The zones that were probably meant, the likeliest first.
    pub nearest: Vec<String>,
}

fn meant(nearest: &[String]) -> String {
    match nearest {
        [] => "; write a name of the IANA time zone database, such as `Asia/Hong_Kong` or `UTC`".into(),
        names => {
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            format!("; did you mean {}?", names.join(" or "))
        }
    }
}
