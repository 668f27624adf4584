//! The schedules of a file: crontab's expressions in their time zones, and the keys that come of them.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use switchover::action::Window;
use switchover::config::PairConfig;
use switchover::model::{
    BackupKey, EnvironmentName, MaintenanceWindow, Pair, PairName, StorePolicy, StoreRef, Timetable,
};
use switchover::schedule::{Schedule, Terms, jitter};
use switchover_cron::{CronSchedule, Expression, zone};

/// A store's schedule, ready to be asked.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) store: StoreRef,
    pub(crate) timetable: Timetable,
    pub(crate) schedule: CronSchedule,
    pub(crate) terms: Terms,
}

/// A timetable that means nothing: which of a store's keys is wrong, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(crate) key: &'static str,
    pub(crate) why: String,
}

/// Reads a timetable, or says what is wrong with it.
pub(crate) fn read(timetable: &Timetable) -> Result<CronSchedule, Unreadable> {
    let wrong = |key, why| Unreadable { key, why };
    let expression = timetable.expression.parse::<Expression>();
    let expression = expression.map_err(|error| wrong("schedule", error.to_string()))?;
    let zone = zone(&timetable.time_zone).map_err(|error| wrong("time_zone", error.to_string()))?;
    Ok(CronSchedule::new(expression, zone))
}

/// Reads a maintenance window, or says what is wrong with it.
pub(crate) fn window(window: &MaintenanceWindow) -> Result<CronSchedule, Unreadable> {
    let wrong = |key, why| Unreadable { key, why };
    let expression = window.opens.parse::<Expression>();
    let expression = expression.map_err(|error| wrong("opens", error.to_string()))?;
    let zone = zone(&window.time_zone).map_err(|error| wrong("time_zone", error.to_string()))?;
    Ok(CronSchedule::new(expression, zone))
}

/// How far ahead windows are looked for, and how many of an environment a plan names at most.
const AHEAD: Duration = Duration::from_secs(60 * 86_400);
const WINDOWS: usize = 8;

/// The next windows of each environment that has some, from a moment on, in order; one that is open then comes first.
pub(crate) fn windows(pair: &Pair, from: Timestamp) -> BTreeMap<EnvironmentName, Vec<Window>> {
    let with_windows = pair.environments.iter().filter(|environment| !environment.policy.windows.is_empty());
    with_windows
        .map(|environment| {
            let each = environment.policy.windows.iter().flat_map(|known| openings(known, from));
            let mut windows: Vec<Window> = each.collect();
            windows.sort_by_key(|window| window.opens);
            windows.truncate(WINDOWS);
            (environment.name.clone(), windows)
        })
        .collect()
}

fn openings(known: &MaintenanceWindow, from: Timestamp) -> Vec<Window> {
    // Those that cannot be read were reported when the file was loaded.
    let Ok(schedule) = window(known) else { return Vec::new() };
    let lasts = SignedDuration::try_from(known.lasts).unwrap_or(SignedDuration::MAX);
    let ahead = SignedDuration::try_from(AHEAD).unwrap_or(SignedDuration::MAX);
    let until = from.saturating_add(ahead).unwrap_or(Timestamp::MAX);
    let span = |opens: Timestamp| Window { opens, closes: opens.saturating_add(lasts).ok() };
    let open =
        schedule.last_until(from).map(span).filter(|window| window.closes.is_none_or(|end| from < end));
    let next = std::iter::successors(schedule.next_after(from), |at| schedule.next_after(*at));
    open.into_iter().chain(next.take_while(|at| *at <= until).take(WINDOWS).map(span)).collect()
}

/// The schedules of a pair, in the order of the file. Those that cannot be read were reported when the file was loaded.
pub(crate) fn of(pair: &PairConfig) -> Vec<Planned> {
    let stores = pair.pair.environments.iter().flat_map(switchover::model::Environment::stores);
    stores.filter_map(|(store, policy)| planned(&pair.pair.name, store, policy)).collect()
}

fn planned(pair: &PairName, store: StoreRef, policy: &StorePolicy) -> Option<Planned> {
    let timetable = policy.timetable.clone()?;
    let schedule = read(&timetable).ok()?;
    let terms = Terms { catch_up: timetable.catch_up, delay: jitter(timetable.jitter, pair, &store) };
    Some(Planned { store, timetable, schedule, terms })
}

impl Planned {
    /// The key of the sync that is for the latest occurrence: the day; for a schedule that fires several times a day, the minute.
    pub(crate) fn key(&self, now: Timestamp) -> BackupKey {
        let occurrence = self.schedule.last_until(now).unwrap_or(now);
        let at = occurrence.to_zoned(self.schedule.zone().clone());
        let before = occurrence.checked_sub(jiff::SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MIN);
        let neighbours = [self.schedule.last_until(before), self.schedule.next_after(occurrence)];
        let same_day = |other: &Timestamp| other.to_zoned(self.schedule.zone().clone()).date() == at.date();
        if neighbours.iter().flatten().any(same_day) {
            BackupKey::by_hand(&at)
        } else {
            BackupKey::scheduled(&at)
        }
    }
}
