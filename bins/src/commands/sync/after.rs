//! What goes with a sync and never decides about it: the dead man's switch, figures for monitoring, old backups.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use switchover::journal::{PairState, RunState, StepState};
use switchover::model::{EnvironmentName, Pair, Role, SideName, StoreRef};
use switchover_http::{Heartbeat, HeartbeatStyle, Signal};

use super::backups;
use crate::args::SyncData;
use crate::exit::{Exit, Stop};
use crate::metrics::{Metrics, RoleMetric, StoreMetrics, text, write};
use crate::render::{WARN, say, styled};
use crate::secret;
use crate::session::Session;

/// Says that syncs begin.
pub(super) async fn began(session: &Session, stores: &BTreeSet<StoreRef>) {
    join_all(stores.iter().map(|store| ping(session, store, Signal::Start))).await;
}

/// Says that syncs could not even begin.
pub(super) async fn failed(session: &Session, stores: &BTreeSet<StoreRef>, why: &str) {
    join_all(stores.iter().map(|store| ping(session, store, Signal::Fail { why }))).await;
}

/// Says how each sync of a run ended, and removes the backups that need not be kept any longer.
pub(super) async fn ended(session: &Session, run: &RunState) {
    for step in run.plan.steps() {
        let Some(sync) = step.action.as_sync_store() else { continue };
        match run.step(&step.id).forward {
            Some(StepState::Succeeded { .. }) => {
                ping(session, &sync.store, Signal::Success).await;
                if let Err(why) = backups::prune_quietly(session, &sync.store).await {
                    note(format_args!("old backups of {} stay: {why}", sync.store));
                }
            }
            Some(StepState::Failed { failure, .. }) => {
                ping(session, &sync.store, Signal::Fail { why: &failure.message }).await;
            }
            Some(StepState::Started { .. }) | None => {
                ping(session, &sync.store, Signal::Fail { why: "cut off" }).await;
            }
        }
    }
}

fn note(text: impl std::fmt::Display) {
    say(format_args!("{} {text}", styled(WARN, "note:")));
}

/// A ping that fails is told and changes nothing.
async fn ping(session: &Session, store: &StoreRef, signal: Signal<'_>) {
    let Some(reference) = session.pair.stores.get(store).and_then(|spec| spec.ping.as_ref()) else { return };
    let made = secret::resolve(reference, &session.folder).map_err(|error| error.to_string());
    let made = made
        .and_then(|url| Heartbeat::new(url, HeartbeatStyle::Healthchecks).map_err(|error| error.to_string()));
    let told = match made {
        Ok(heartbeat) => heartbeat.ping(signal).await.map_err(|error| error.to_string()),
        Err(why) => Err(why),
    };
    if let Err(why) = told {
        note(format_args!("{store}: {why}"));
    }
}

/// Writes the figures of every pair of the file, if they were asked for.
pub(super) async fn metrics(session: &Session, arguments: &SyncData) -> Result<(), Stop> {
    let Some(path) = &arguments.metrics else { return Ok(()) };
    let mut metrics = Metrics::default();
    for (name, config) in &session.config.pairs {
        let journal = switchover::journal::Journal::open(name, &session.engine.ports).await?;
        add(&mut metrics, &config.pair, journal.state());
    }
    write(path, &text(&metrics)).map_err(|error| Stop::new(Exit::Failed, error.to_string()))
}

fn add(metrics: &mut Metrics, pair: &Pair, history: &PairState) {
    for (store, policy) in pair.environments.iter().flat_map(switchover::model::Environment::stores) {
        let known = history.stores.get(&store);
        let last = known.and_then(|known| known.last.as_ref());
        metrics.stores.push(StoreMetrics {
            pair: pair.name.clone(),
            as_of: last.map(|last| last.synced.copied.as_of),
            last_success: last.map(|last| last.at),
            last_attempt: known.and_then(|known| known.attempted),
            last_duration: last.map(|last| Duration::from_millis(last.synced.took_ms)),
            last_bytes: last.map(|last| last.synced.bytes),
            rpo: policy.rpo,
            failures: known.map_or(0, |known| known.failures),
            store,
        });
    }
    for environment in &pair.environments {
        let Some(production) = production(history, &environment.name) else { continue };
        metrics.roles.extend(pair.sides.iter().map(|side| RoleMetric {
            pair: pair.name.clone(),
            environment: environment.name.clone(),
            side: side.name.clone(),
            role: if side.name == *production { Role::Production } else { Role::Standby },
        }));
    }
}

/// The side that the journal last saw be production: by the latest sync or, before the first one, the latest swap.
pub(super) fn production<'h>(history: &'h PairState, environment: &EnvironmentName) -> Option<&'h SideName> {
    let of_environment = history.stores.iter().filter(|(store, _)| store.environment == *environment);
    let synced = of_environment.filter_map(|(_, known)| known.last.as_ref()).max_by_key(|last| last.at);
    let swapped = history.runs.iter().rev().find_map(|run| {
        let (_, at) = run.finished?;
        run.plan.shifts.iter().any(|shift| shift.environment == *environment).then_some(at)
    });
    match (synced, swapped) {
        (Some(last), Some(at)) if last.at < at => history.production.get(environment),
        (Some(last), _) => Some(&last.synced.copied.from),
        (None, _) => history.production.get(environment),
    }
}
