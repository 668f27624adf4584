//! Every schedule of a file in one process: a loop that asks what is due, and asks again after a while.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use switchover::model::StoreRef;
use switchover::schedule::{Due, due};

use super::super::Outcome;
use super::once;
use super::scope::Scope;
use crate::args::SyncData;
use crate::exit::{Exit, Stop};
use crate::load::{Loaded, load};
use crate::render::{BAD, WARN, say, styled};
use crate::session::Session;
use crate::signals;
use crate::timetable::{self, Planned};

/// The longest sleep between two looks at the clock, which may have been set.
const NAP: Duration = Duration::from_secs(20);

/// Runs until interrupted.
pub(super) async fn run(loaded: Loaded, arguments: &SyncData) -> Outcome {
    let pairs: Vec<_> = loaded.config.pairs.keys().cloned().collect();
    let mut all = Vec::new();
    for pair in
        pairs.iter().filter(|pair| arguments.names.is_empty() || arguments.names.contains(&pair.to_string()))
    {
        let scope = Scope::of(&loaded.config, &[pair.to_string()], &arguments.environments);
        let Ok(scope) = scope else { continue };
        let session = Session::connect(load(&arguments.common.config)?, Some(pair), super::watcher()).await?;
        let planned: Vec<Planned> =
            timetable::of(&session.pair).into_iter().filter(|p| scope.stores.contains(&p.store)).collect();
        if !planned.is_empty() {
            all.push((session, planned));
        }
    }
    if all.is_empty() {
        return Err(Stop::new(Exit::Usage, "no store has a `schedule`")
            .hint("add one to the configuration, such as `schedule = \"15 2 * * *\"`"));
    }
    for (session, planned) in &all {
        signals::listen(session.engine.stop.clone());
        announce(session, planned);
    }
    join_all(all.iter().map(|(session, planned)| follow(session, planned, arguments))).await;
    Err(Stop::new(Exit::Interrupted, "stopped"))
}

fn announce(session: &Session, planned: &[Planned]) {
    for of_store in planned {
        let timetable = &of_store.timetable;
        say(format_args!(
            "{} {}: {} ({})",
            session.pair.pair.name, of_store.store, timetable.expression, timetable.time_zone
        ));
    }
}

/// Follows the schedules of one pair until somebody asks to stop.
async fn follow(session: &Session, planned: &[Planned], arguments: &SyncData) {
    let clock = &session.engine.ports.clock;
    let mut dealt_with: BTreeMap<StoreRef, Timestamp> = BTreeMap::new();
    while !session.engine.stop.is_stopped() {
        let now = clock.now();
        let due = match which(session, planned, &mut dealt_with, now).await {
            Ok(due) => due,
            Err(stop) => {
                complain(session, &stop);
                BTreeSet::new()
            }
        };
        if !due.is_empty()
            && let Err(stop) = once::sync(session, &due, arguments, true).await
        {
            complain(session, &stop);
        }
        nap(session).await;
    }
}

async fn nap(session: &Session) {
    let clock = &session.engine.ports.clock;
    let slice = Duration::from_millis(200);
    let mut left = NAP;
    while !left.is_zero() && !session.engine.stop.is_stopped() {
        clock.sleep(slice.min(left)).await;
        left = left.saturating_sub(slice);
    }
}

/// The stores that are due. An occurrence that was tried here is dealt with, whatever became of it; one that was tried by another process
/// stands in the journal.
async fn which(
    session: &Session,
    planned: &[Planned],
    dealt_with: &mut BTreeMap<StoreRef, Timestamp>,
    now: Timestamp,
) -> Result<BTreeSet<StoreRef>, Stop> {
    let journal = session.engine.journal().await?;
    let mut wanted = BTreeSet::new();
    for of_store in planned {
        let store = &of_store.store;
        let known = journal.state().stores.get(store);
        let written = known.and_then(|known| known.attempted);
        // An attempt in the future was written by a clock that was wrong; what was dealt with here is known better.
        let here = dealt_with.get(store).copied();
        let written = written.filter(|written| here.is_none() || *written <= now);
        let latest = written.into_iter().chain(here).max();
        match due(&of_store.schedule, latest, now, &of_store.terms) {
            Due::Now { scheduled_for, .. } => {
                dealt_with.insert(store.clone(), scheduled_for);
                wanted.insert(store.clone());
            }
            Due::TooLate { missed, .. } => {
                dealt_with.insert(store.clone(), missed);
                let head = styled(WARN, "missed:");
                say(format_args!("{head} {store} at {missed}: too long ago to be caught up"));
            }
            Due::NotYet { .. } => {}
        }
    }
    Ok(wanted)
}

fn complain(session: &Session, stop: &Stop) {
    if stop.exit != Exit::Interrupted {
        say(format_args!("{} {}: {}", styled(BAD, "error:"), session.pair.pair.name, stop.message));
    }
}
