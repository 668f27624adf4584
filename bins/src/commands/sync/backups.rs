//! The backups of a pair's stores: listed, verified, pruned.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::tz::TimeZone;
use serde::Serialize;
use switchover::model::{Backup, BackupKey, BackupState, SideName, StoreRef, Verification};
use switchover::observe::RoleState;
use switchover::port::{Advance, Backups, DataError, Overseer};
use switchover::retention::{Decision, Now, Verdict, decide};
use switchover::schedule::Schedule as _;

use super::super::Outcome;
use super::after;
use crate::args::{Common, Output, SyncData};
use crate::exit::{Exit, Stop};
use crate::render::{self, table::table};
use crate::session::Session;
use crate::timetable;

/// The backups of one store, for machines.
#[derive(Debug, Serialize)]
struct Listed {
    schema: &'static str,
    store: StoreRef,
    backups: Vec<Backup>,
    decisions: Vec<Decision>,
}

/// A store that keeps backups.
type Keeping<'s> = (StoreRef, &'s Arc<dyn Backups>);

/// Those of the stores that keep backups, at least one.
fn keeping<'s>(session: &'s Session, stores: &BTreeSet<StoreRef>) -> Result<Vec<Keeping<'s>>, Stop> {
    let found: Vec<_> = stores
        .iter()
        .filter_map(|store| Some((store.clone(), session.engine.ports.backups.get(store)?)))
        .collect();
    if found.is_empty() {
        let names: Vec<String> = stores.iter().map(ToString::to_string).collect();
        return Err(Stop::new(Exit::Usage, format!("no backups are kept of {}", names.join(", ")))
            .hint("mirrors and streams keep none; a `postgres` store keeps some"));
    }
    Ok(found)
}

fn decisions(session: &Session, store: &StoreRef, backups: &[Backup]) -> Vec<Decision> {
    let Some(spec) = session.pair.stores.get(store) else { return Vec::new() };
    let planned = timetable::of(&session.pair);
    let zone = planned
        .iter()
        .find(|planned| planned.store == *store)
        .map_or(TimeZone::UTC, |planned| planned.schedule.zone().clone());
    let time = session.engine.ports.clock.now().to_zoned(zone).datetime();
    decide(&spec.keep, backups, &Now { time, running: None })
}

/// `sync-data --list` and `switchover backups`.
pub(in crate::commands) async fn list(
    session: &Session,
    stores: &BTreeSet<StoreRef>,
    common: &Common,
) -> Outcome {
    let mut all = Vec::new();
    for (store, backups) in keeping(session, stores)? {
        let backups = backups.list().await?;
        let decisions = decisions(session, &store, &backups);
        all.push(Listed { schema: "switchover/backups/1", store, backups, decisions });
    }
    match common.output {
        Output::Json => render::out(&render::json(&all, false)?)?,
        Output::Jsonl => {
            for listed in &all {
                render::out(&render::json(listed, true)?)?;
            }
        }
        Output::Table | Output::Markdown => {
            let heads = ["store", "key", "state", "as of (UTC)", "from", "size", "verified", "kept because"];
            let rows = all.iter().flat_map(|listed| listed.backups.iter().map(|backup| row(listed, backup)));
            render::out(&table(common.output, &heads, rows))?;
        }
    }
    Ok(Exit::Done)
}

fn row(listed: &Listed, backup: &Backup) -> Vec<String> {
    let none = || "-".to_owned();
    let manifest = backup.manifest.as_ref();
    let state = match &backup.state {
        BackupState::Complete => "complete".to_owned(),
        BackupState::Partial => "partial".to_owned(),
        BackupState::Damaged { why } => format!("damaged: {why}"),
    };
    let verified = manifest.and_then(|manifest| manifest.verified).map(|(how, at)| {
        let how = match how {
            Verification::None => "no",
            Verification::Counts => "counts",
            Verification::Content => "content",
        };
        format!("{how}, {}", at.strftime("%F"))
    });
    vec![
        listed.store.to_string(),
        backup.key.to_string(),
        state,
        manifest.map_or_else(none, |manifest| manifest.as_of.strftime("%F %T").to_string()),
        manifest.map_or_else(none, |manifest| manifest.source.to_string()),
        manifest.map_or_else(none, |manifest| render::bytes(manifest.bytes)),
        verified.unwrap_or_else(none),
        listed.decisions.iter().find(|decision| decision.key == backup.key).map_or_else(none, why),
    ]
}

fn why(decision: &Decision) -> String {
    let reasons: Vec<String> = decision.reasons.iter().map(ToString::to_string).collect();
    match decision.verdict {
        Verdict::Keep => reasons.join("; "),
        Verdict::Remove => format!("not kept: {}", reasons.join("; ")),
    }
}

/// Nobody else can be in the way of reading a backup, and nothing is told but the end.
#[derive(Debug)]
struct Alone;

#[async_trait]
impl Overseer for Alone {
    fn advance(&self, _: &Advance) {}

    async fn permit(&self) -> Result<(), DataError> {
        Ok(())
    }
}

/// `sync-data --verify KEY`.
pub(super) async fn verify(
    session: &Session,
    stores: &BTreeSet<StoreRef>,
    key: &BackupKey,
    arguments: &SyncData,
) -> Outcome {
    let how = if arguments.content { Verification::Content } else { Verification::Counts };
    let mut found = false;
    for (store, backups) in keeping(session, stores)? {
        if !backups.list().await?.iter().any(|backup| backup.key == *key) {
            continue;
        }
        found = true;
        let on = standby(session, &store).await?;
        let backup = backups.verify(key, &on, how, &Alone).await?;
        let size = backup.manifest.map_or(0, |manifest| manifest.bytes);
        let what =
            if arguments.content { "restored beside the data and compared" } else { "read and compared" };
        render::out(&format!("{store} {key}: {}, {what}: good\n", render::bytes(size)))?;
    }
    if found {
        return Ok(Exit::Done);
    }
    Err(Stop::new(Exit::Failed, format!("there is no backup {key}"))
        .hint("`sync-data --list` shows what there is"))
}

/// The side that waits, on which a backup may be restored beside the data.
async fn standby(session: &Session, store: &StoreRef) -> Result<SideName, Stop> {
    let journal = session.engine.journal().await?;
    let environments = session.environments(std::slice::from_ref(&store.environment))?;
    let snapshot = session.engine.observe(&environments, journal.state()).await;
    let production = snapshot.roles.get(&store.environment).and_then(RoleState::production);
    let standby = production.and_then(|side| session.pair.pair.opposite(side).ok());
    standby.map(|side| side.name.clone()).ok_or_else(|| {
        Stop::new(
            Exit::Refused,
            format!("in {} it cannot be told which side is the stand-by", store.environment),
        )
    })
}

/// `sync-data --prune`.
pub(super) async fn prune(
    session: &Session,
    stores: &BTreeSet<StoreRef>,
    dry_run: bool,
    common: &Common,
) -> Outcome {
    let mut rows = Vec::new();
    for (store, backups) in keeping(session, stores)? {
        let listed = backups.list().await?;
        for decision in decisions(session, &store, &listed) {
            let removes = decision.verdict == Verdict::Remove;
            if removes && !dry_run {
                backups.remove(&decision.key).await?;
            }
            let verdict = match (decision.verdict, dry_run) {
                (Verdict::Keep, _) => "kept",
                (Verdict::Remove, true) => "would be removed",
                (Verdict::Remove, false) => "removed",
            };
            let reasons: Vec<String> = decision.reasons.iter().map(ToString::to_string).collect();
            rows.push(vec![
                store.to_string(),
                decision.key.to_string(),
                verdict.to_owned(),
                reasons.join("; "),
            ]);
        }
    }
    render::out(&table(common.output, &["store", "key", "verdict", "because"], rows))?;
    Ok(Exit::Done)
}

/// Whether a backup of that key was taken from the side that is no longer production, as far as the journal knows.
pub(super) async fn is_of_the_other_side(
    session: &Session,
    store: &StoreRef,
    key: &BackupKey,
) -> Result<bool, Stop> {
    let Some(backups) = session.engine.ports.backups.get(store) else { return Ok(false) };
    let journal = session.engine.journal().await?;
    let production = after::production(journal.state(), &store.environment);
    let manifest = backups.find(key).await?.and_then(|backup| backup.manifest);
    Ok(manifest.is_some_and(|manifest| production.is_some_and(|side| *side != manifest.source)))
}

/// Removes what need not be kept, after a sync that succeeded.
pub(super) async fn prune_quietly(session: &Session, store: &StoreRef) -> Result<(), DataError> {
    let Some(backups) = session.engine.ports.backups.get(store) else { return Ok(()) };
    let listed = backups.list().await?;
    let removed = decisions(session, store, &listed).into_iter().filter(|d| d.verdict == Verdict::Remove);
    for decision in removed {
        backups.remove(&decision.key).await?;
    }
    Ok(())
}
