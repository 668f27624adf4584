//! `switchover timers`: when each store is synced next, how the last time went, and lines for cron and systemd.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use switchover::config::Period;
use switchover::journal::StoreHistory;
use switchover::model::PairName;
use switchover::schedule::{Due, due};

use super::Outcome;
use crate::args::{Common, Output, Timers, UnitsFor};
use crate::exit::{Exit, Stop};
use crate::load::load;
use crate::render::{self, table::table};
use crate::session::Session;
use crate::timetable::{self, Planned};
use crate::units::{Cron, Host, Job, crontab, systemd};

/// One schedule, for machines.
#[derive(Debug, Serialize)]
struct Timer {
    schema: &'static str,
    pair: PairName,
    store: String,
    schedule: String,
    time_zone: String,
    next: Option<Timestamp>,
    due: bool,
    last_attempt: Option<Timestamp>,
    last_success: Option<Timestamp>,
    result: &'static str,
    took_ms: Option<u64>,
}

/// The command.
pub(super) async fn run(common: &Common, arguments: &Timers) -> Outcome {
    let names: Vec<PairName> = match &arguments.pair {
        Some(name) => vec![name.clone()],
        None => load(&common.config)?.config.pairs.keys().cloned().collect(),
    };
    let mut timers = Vec::new();
    for name in &names {
        let session = Session::open_journal(common, Some(name)).await?;
        let planned = timetable::of(&session.pair);
        if let Some(units) = arguments.units {
            write_units(common, arguments, &session, planned, units)?;
        } else {
            let journal = session.engine.journal().await?;
            let now = session.engine.ports.clock.now();
            let known = |p: &Planned| journal.state().stores.get(&p.store);
            timers.extend(planned.iter().map(|p| timer(name, p, known(p), now)));
        }
    }
    if arguments.units.is_none() {
        show(common, &timers)?;
    }
    Ok(Exit::Done)
}

fn timer(pair: &PairName, planned: &Planned, known: Option<&StoreHistory>, now: Timestamp) -> Timer {
    let attempted = known.and_then(|known| known.attempted);
    let last = known.and_then(|known| known.last.as_ref());
    let (next, is_due) = match due(&planned.schedule, attempted, now, &planned.terms) {
        Due::Now { .. } => (Some(now), true),
        Due::NotYet { next } | Due::TooLate { next, .. } => (next, false),
    };
    let result = match known {
        Some(known) if known.failed.is_some() => "failed",
        Some(known) if known.last.is_some() => "done",
        Some(_) => "cut off",
        None => "never ran",
    };
    Timer {
        schema: "switchover/timer/1",
        pair: pair.clone(),
        store: planned.store.to_string(),
        schedule: planned.timetable.expression.clone(),
        time_zone: planned.timetable.time_zone.clone(),
        next,
        due: is_due,
        last_attempt: attempted,
        last_success: last.map(|last| last.at),
        result,
        took_ms: last.map(|last| last.synced.took_ms),
    }
}

fn show(common: &Common, timers: &[Timer]) -> Result<(), Stop> {
    match common.output {
        Output::Json => render::out(&render::json(&timers, false)?),
        Output::Jsonl => timers.iter().try_for_each(|timer| render::out(&render::json(timer, true)?)),
        Output::Table | Output::Markdown => {
            let heads =
                ["pair", "store", "schedule", "time zone", "next", "left", "last (UTC)", "result", "took"];
            render::out(&table(common.output, &heads, timers.iter().map(row)))
        }
    }
}

fn row(timer: &Timer) -> Vec<String> {
    let none = || "-".to_owned();
    let whole = |duration: SignedDuration| {
        let seconds = u64::try_from(duration.as_secs()).unwrap_or_default();
        Period(Duration::from_secs(seconds / 60 * 60)).to_string()
    };
    let zone = switchover_cron::zone(&timer.time_zone).ok();
    let local = |at: Timestamp| match &zone {
        Some(zone) => at.to_zoned(zone.clone()).strftime("%F %H:%M").to_string(),
        None => at.strftime("%F %H:%M").to_string(),
    };
    let next = if timer.due { Some("now".to_owned()) } else { timer.next.map(local) };
    let left = timer.next.filter(|_| !timer.due).map(|next| whole(next.duration_since(Timestamp::now())));
    vec![
        timer.pair.to_string(),
        timer.store.clone(),
        timer.schedule.clone(),
        timer.time_zone.clone(),
        next.unwrap_or_else(none),
        left.unwrap_or_else(none),
        timer.last_attempt.map_or_else(none, local),
        timer.result.to_owned(),
        timer.took_ms.map_or_else(none, |took| format!("{}.{} s", took / 1000, took % 1000 / 100)),
    ]
}

fn host(arguments: &Timers) -> Host {
    Host {
        user: arguments.user.clone(),
        environment_file: arguments.environment_file.clone(),
        writable: arguments.writable.clone(),
    }
}

fn write_units(
    common: &Common,
    arguments: &Timers,
    session: &Session,
    planned: Vec<Planned>,
    units: UnitsFor,
) -> Result<(), Stop> {
    let of_systemd = arguments.environment_file.is_some() || !arguments.writable.is_empty();
    if of_systemd && units != UnitsFor::Systemd {
        return Err(Stop::new(
            Exit::Usage,
            "`--environment-file` and `--writable` are for `--units systemd`",
        )
        .hint("cron has no such things: leave them out, and set what the programs need in the crontab"));
    }
    for of_store in planned {
        let job = Job {
            program: program()?,
            config: absolute(&common.config)?,
            pair: session.pair.pair.name.clone(),
            stores: vec![of_store.store],
            side: arguments.side.clone(),
            arguments: vec!["--scheduled".to_owned()],
            schedule: of_store.schedule,
            jitter: of_store.timetable.jitter,
            delay: of_store.terms.delay,
        };
        let refused = |error: crate::units::UnitError| Stop::new(Exit::Failed, error.to_string());
        match units {
            UnitsFor::Cron => {
                let zone = jiff::tz::TimeZone::system().iana_name().map(str::to_owned);
                render::out(
                    &crontab(&job, &Cron::Vixie { user: arguments.user.clone(), zone }).map_err(refused)?,
                )?;
            }
            UnitsFor::Cronie => {
                render::out(
                    &crontab(&job, &Cron::Cronie { user: arguments.user.clone() }).map_err(refused)?,
                )?;
            }
            UnitsFor::Systemd => {
                let made = systemd(&job, &host(arguments)).map_err(refused)?;
                render::out(&format!(
                    "# {name}.service\n{}\n# {name}.timer\n{}\n",
                    made.service,
                    made.timer,
                    name = made.name
                ))?;
            }
        }
    }
    Ok(())
}

/// `sync-data` beside this program.
fn program() -> Result<PathBuf, Stop> {
    let own = std::env::current_exe().map_err(|error| Stop::new(Exit::Failed, error.to_string()))?;
    Ok(own.with_file_name("sync-data"))
}

fn absolute(path: &Path) -> Result<PathBuf, Stop> {
    std::path::absolute(path).map_err(|error| Stop::new(Exit::Failed, error.to_string()))
}
