//! `sync-data`: bring the stand-by's data up to date, once or by the clock, and look after the backups.

mod after;
mod backups;
mod once;
mod schedules;
mod scope;

pub(super) use backups::list;

use std::io::IsTerminal as _;
use std::sync::Arc;

use switchover::execute::{Unwatched, Watcher};

use super::Outcome;
use crate::args::SyncData;
use crate::load::load;
use crate::render::progress::Live;
use crate::session::Session;
use scope::Scope;

/// The program.
pub(super) async fn run(arguments: &SyncData) -> Outcome {
    let loaded = load(&arguments.common.config)?;
    if arguments.task.schedules {
        return schedules::run(loaded, arguments).await;
    }
    let scope = Scope::of(&loaded.config, &arguments.names, &arguments.environments)?;
    let session = Session::connect(loaded, Some(&scope.pair), watcher()).await?;
    if arguments.task.list {
        return backups::list(&session, &scope.stores, &arguments.common).await;
    }
    if let Some(key) = &arguments.task.verify {
        return backups::verify(&session, &scope.stores, key, arguments).await;
    }
    if arguments.task.prune {
        return backups::prune(&session, &scope.stores, arguments.dry_run, &arguments.common).await;
    }
    once::run(&session, &scope.stores, arguments).await
}

/// On a terminal, somebody watches; elsewhere only the end is told, and only if it is bad.
fn watcher() -> Arc<dyn Watcher> {
    if std::io::stderr().is_terminal() { Arc::new(Live::new()) } else { Arc::new(Unwatched) }
}
