//! What is asked of a store, whatever holds it: how fresh, how often, how carefully.

use std::time::Duration;

use super::StoreName;

/// When a store is synced by the clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timetable {
    /// The times, as crontab writes them (`15 2 * * *`, `@daily`).
    pub expression: String,
    /// The time zone they are meant in (`Asia/Hong_Kong`).
    pub time_zone: String,
    /// How late a missed run is still caught up.
    pub catch_up: Duration,
    /// The most by which a run is put off, so that many do not start at once.
    pub jitter: Duration,
}

/// A store of an environment, as core knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorePolicy {
    /// Its name.
    pub name: StoreName,
    /// How old the stand-by's data may be (the recovery point objective).
    pub rpo: Option<Duration>,
    /// When it is synced by the clock.
    pub timetable: Option<Timetable>,
    /// How long after the latest comparison of all content the next sync makes another.
    pub content_every: Option<Duration>,
    /// How long a sync may take.
    pub deadline: Duration,
    /// After how long a freeze that is not renewed ends by itself.
    pub lease: Duration,
}

impl StorePolicy {
    /// A store about which nothing is asked but the defaults.
    pub fn new(name: StoreName) -> Self {
        Self {
            name,
            rpo: None,
            timetable: None,
            content_every: Some(Duration::from_secs(7 * 86_400)),
            deadline: Duration::from_secs(12 * 3600),
            lease: Duration::from_secs(60),
        }
    }
}
