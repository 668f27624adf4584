//! Schedules as crontab(5) means them, in any time zone.
//!
//! ```text
//! "30 2 * * mon-fri" ──► Expression ──► Calendar (crate `cron`) ──┐
//!                          fields        naive days and times     ├─► CronSchedule: moments
//! "Asia/Hong_Kong" ────► zone ──► TimeZone (crate `jiff`) ────────┘
//! ```
//!
//! The crate `cron` is made for Quartz: it wants seconds and years, counts Sunday as 1, and wants both day fields to match. So it meets
//! no user here: [`Expression`] reads what crontab(5) accepts and hands it lists of numbers and names. It knows nothing of daylight
//! saving either: the calendar enumerates naive days and times, and [`CronSchedule`] maps them to moments.
//!
//! # What crontab means
//!
//! As cron(8) and crontab(5) of Debian's cron 3.0pl1 (Paul Vixie's) say it, and its `entry.c` does it:
//!
//! * Five fields: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday). Lists, ranges, steps; months and days of
//!   the week also by the first three letters of their English names, in any case.
//! * If both day fields are restricted, a day that matches *either* matches. A field that starts with `*` counts as not restricted
//!   even if it has a step: `0 3 */2 * mon` is Mondays on odd days, `0 3 1-31/2 * mon` is odd days and Mondays.
//! * `@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly`, `@annually`.
//! * Daylight saving: "those jobs which would have run in the time that was skipped will be run soon after the change", and "those jobs
//!   that fall into the repeated time will not be re-run". "Only jobs that run at a particular time (not specified as @hourly, nor with
//!   '*' in the hour or minute specifier) are affected. Jobs which are specified with wildcards are run based on the new time
//!   immediately."
//!
//! cron(8) says that of changes of less than three hours; here it goes for all, since no zone has had a larger one since 2011.

mod calendar;
mod error;
mod expression;
mod field;
mod schedule;
mod zone;

pub use error::{ExpressionError, ZoneError};
pub use expression::{Days, Expression};
pub use field::Field;
pub use schedule::CronSchedule;
pub use zone::zone;
