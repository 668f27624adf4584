//! What goes with a sync and never decides about it: the dead man's switch, figures for monitoring, old backups.

use std::collections::BTreeSet;

use switchover::journal::{RunState, StepState};
use switchover::model::StoreRef;

use super::backups;
use crate::args::SyncData;
use crate::exit::Stop;
use crate::render::{WARN, say, styled};
use crate::session::Session;

/// Says that syncs begin.
pub(super) async fn began(_session: &Session, _stores: &BTreeSet<StoreRef>) {}

/// Says that syncs could not even begin.
pub(super) async fn failed(_session: &Session, _stores: &BTreeSet<StoreRef>, _why: &str) {}

/// Says how each sync of a run ended, and removes the backups that need not be kept any longer.
pub(super) async fn ended(session: &Session, run: &RunState) {
    for step in run.plan.steps() {
        let Some(sync) = step.action.as_sync_store() else { continue };
        match run.step(&step.id).forward {
            Some(StepState::Succeeded { .. }) => {
                if let Err(why) = backups::prune_quietly(session, &sync.store).await {
                    say(format_args!("{} old backups of {} stay: {why}", styled(WARN, "note:"), sync.store));
                }
            }
            Some(StepState::Failed { .. } | StepState::Started { .. }) | None => {}
        }
    }
}

/// Writes the figures for monitoring, if they were asked for.
pub(super) async fn metrics(_session: &Session, _arguments: &SyncData) -> Result<(), Stop> {
    Ok(())
}
