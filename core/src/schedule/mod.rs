//! When a sync is due: a pure decision over a schedule, the time, and the latest attempt.
//!
//! ```text
//!               Schedule (a port: providers/cron) ─┐
//!                  the journal ─► latest attempt ──┼─► due ──► Now | NotYet | TooLate
//!                       configuration ─► Terms ────┤
//!                         port::Clock ─► now ──────┘
//! ```
//!
//! Nothing is remembered between two questions but what the journal holds, so a process that was down asks the same question as one
//! that slept until now. Runs that were missed are caught up by one run, if the newest of them is not later than the limit.
//!
//! A clock that is set back makes the past come again. If that is less than the time between two occurrences, none runs twice. If it is
//! more, nobody can tell how old the data is: a run is due at once, and the new time is followed from there. So a daily sync does not
//! run twice, and one that runs every five minutes does not stop for an hour. Whatever the clock is set to, the next run comes within
//! three times the usual time and the jitter.

mod jitter;

#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use jitter::jitter;

/// The shortest limit to which a run may be late: a schedule names minutes, and nobody wakes in the instant that one begins.
const PUNCTUAL: Duration = Duration::from_secs(60);

/// The moments at which something is to be done, in a time zone. Pure: the same question always has the same answer.
pub trait Schedule: Debug + Send + Sync {
    /// The first occurrence after a moment, that moment itself excluded. `None` if there is none that the calendar reaches.
    fn next_after(&self, moment: Timestamp) -> Option<Timestamp>;

    /// The last occurrence up to a moment, that moment itself included. `None` if there is none that the calendar reaches.
    fn last_until(&self, moment: Timestamp) -> Option<Timestamp>;

    /// The time zone that its times are in; the keys of scheduled backups are days of this zone.
    fn zone(&self) -> &TimeZone;
}

/// What a configuration says about being late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How late a run may begin that was missed. Less than a minute counts as a minute.
    pub catch_up: Duration,
    /// How long after each occurrence the run is to begin: [`jitter`] of the configured spread.
    pub delay: Duration,
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// A run is due.
    Now {
        /// The occurrence that it is for: what [`due`] wants to hear as `latest` the next time.
        scheduled_for: Timestamp,
        /// How much later than it should be that is, jitter not counted.
        late_by: Duration,
    },
    /// Nothing.
    NotYet {
        /// When the next run begins, jitter counted; `None` if the schedule ends with the calendar.
        next: Option<Timestamp>,
    },
    /// A run was missed, and is too old to be caught up. Said each time until the next occurrence; who has heard it waits until then.
    TooLate {
        /// The newest occurrence that was missed.
        missed: Timestamp,
        /// When the next run begins, jitter counted; `None` if the schedule ends with the calendar.
        next: Option<Timestamp>,
    },
}

/// Says whether a run is due.
///
/// `latest` is the newest moment that is dealt with: of the latest scheduled attempt, whatever became of it, the occurrence that it was
/// for; of the latest success by hand or by a role swap, when it began. `None` if the store never was synced: then the newest
/// occurrence is caught up as if it had been missed, so that a new stand-by gets data soon.
pub fn due(schedule: &dyn Schedule, latest: Option<Timestamp>, now: Timestamp, terms: &Terms) -> Due {
    let disproved = latest.is_some_and(|latest| disproved(schedule, latest, now));
    let latest = latest.filter(|_| !disproved);
    // The run for each occurrence begins a fixed time later, which is as if the clock were behind by that time.
    let now = earlier(now, terms.delay);
    let next = |from| schedule.next_after(from).map(|next| later(next, terms.delay));
    let Some(occurrence) =
        schedule.last_until(now).filter(|occurrence| latest.is_none_or(|l| *occurrence > l))
    else {
        return Due::NotYet { next: next(latest.map_or(now, |latest| latest.max(now))) };
    };
    let late_by = Duration::try_from(now.duration_since(occurrence)).unwrap_or_default();
    if disproved || late_by <= terms.catch_up.max(PUNCTUAL) {
        Due::Now { scheduled_for: occurrence, late_by }
    } else {
        Due::TooLate { missed: occurrence, next: next(now) }
    }
}

/// Whether an attempt in the future is so far ahead that to wait for it would leave out occurrences that never ran: the clock was set
/// back, or was wrong then. With only the one occurrence in between that the attempt was for, waiting is what keeps it from running twice.
fn disproved(schedule: &dyn Schedule, latest: Timestamp, now: Timestamp) -> bool {
    latest > now && schedule.next_after(now).is_some_and(|next| next < latest)
}

fn earlier(moment: Timestamp, by: Duration) -> Timestamp {
    moment.checked_sub(by).unwrap_or(Timestamp::MIN)
}

fn later(moment: Timestamp, by: Duration) -> Timestamp {
    moment.checked_add(by).unwrap_or(Timestamp::MAX)
}
