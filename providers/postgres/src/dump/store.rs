//! The port `Store`: what may be synced, from a backup that is made or there already.

use async_trait::async_trait;
use switchover::model::{BackupState, SideName, Verification};
use switchover::port::{
    Copied, DataError, Depth, FreezeOrder, FreezeProof, Inspection, Method, Overseer, Store, StoreSide,
    SyncOrder, SyncPurpose, Synced,
};
use switchover_backups::{Opened, Progress, Replace};
use tokio_postgres::types::Type;

use super::create::{Making, Wanted, about_of};
use super::restore::Restore;
use super::snapshot::Snapshot;
use super::{One, PostgresDump, diverged, frozen_by, preflight, watch};
use crate::connect::Server;
use crate::facts::Facts;
use crate::freeze::{SCHEMA, Seen};

/// A side, and whether clients could write there since its latest copy.
pub(super) struct Look {
    pub(super) side: StoreSide,
    opened: bool,
}

impl Look {
    /// A side that the other one got a copy from was production once: what was written to it since may never have arrived there.
    fn beside(mut self, name: &SideName, other: Option<&Copied>) -> StoreSide {
        self.side.diverged |= self.opened && other.is_some_and(|copied| copied.from == *name);
        self.side
    }
}

#[async_trait]
impl Store for PostgresDump {
    async fn inspect(&self, depth: Depth) -> Result<Inspection, DataError> {
        let looks = self.sides.iter().map(async |(name, one)| (name.clone(), look(one).await));
        let looks = futures_util::future::join_all(looks).await;
        let mut inspection = Inspection {
            method: Method::Snapshot,
            sides: std::collections::BTreeMap::new(),
            unread: std::collections::BTreeMap::new(),
            stream: None,
            problems: vec![],
        };
        let copies: Vec<(SideName, Copied)> = looks
            .iter()
            .filter_map(|(name, look)| Some((name.clone(), look.as_ref().ok()?.side.copied.clone()?)))
            .collect();
        for (name, look) in looks {
            let other = copies.iter().find(|(of, _)| *of != name).map(|(_, copied)| copied);
            match look {
                Ok(look) => drop(inspection.sides.insert(name.clone(), look.beside(&name, other))),
                Err(error) => drop(inspection.unread.insert(name, error.to_string())),
            }
        }
        inspection.problems.extend(preflight::one_database(&inspection));
        match depth {
            Depth::Glance => {}
            Depth::Preflight => inspection.problems.extend(preflight::problems(self, &inspection).await),
        }
        Ok(inspection)
    }

    async fn freeze(&self, side: &SideName, order: &FreezeOrder) -> Result<(), DataError> {
        self.one(side)?.freezer.freeze(order).await
    }

    async fn prove_frozen(&self, side: &SideName) -> Result<FreezeProof, DataError> {
        self.one(side)?.freezer.prove().await
    }

    async fn thaw(&self, side: &SideName) -> Result<(), DataError> {
        self.one(side)?.freezer.thaw().await
    }

    async fn sync(&self, order: &SyncOrder, overseer: &dyn Overseer) -> Result<Synced, DataError> {
        match tokio::time::timeout(order.deadline, self.sync_in_time(order, overseer)).await {
            Ok(done) => done,
            Err(_) => Err(DataError::Failed {
                place: self.one(order.direction.to())?.server.place().to_owned(),
                why: format!(
                    "the sync was not done within {:?} and was stopped; the data from before is in place",
                    order.deadline
                ),
            }),
        }
    }
}

pub(super) async fn look(one: &One) -> Result<Look, DataError> {
    let server = &*one.server;
    let session = server.admin().await?;
    let seen = Seen::read(server, &session).await?;
    let facts = Facts::read(server, &session).await?;
    server.keep(session);
    let opened = seen.has_opened();
    let side = StoreSide {
        place: server.place().to_owned(),
        identity: facts.identity,
        access: seen.access(),
        diverged: diverged(&seen),
        copied: seen.copied,
        bytes: Some(facts.bytes),
    };
    Ok(Look { side, opened })
}

impl PostgresDump {
    async fn sync_in_time(&self, order: &SyncOrder, overseer: &dyn Overseer) -> Result<Synced, DataError> {
        let (from, to) = (self.one(order.direction.from())?, self.one(order.direction.to())?);
        let (source, target) = (look(from).await?.side, look(to).await?);
        let target = target.beside(order.direction.to(), source.copied.as_ref());
        guard(order, &source, &target)?;
        match order.purpose {
            SyncPurpose::Rehearsal => return self.rehearsal(order, from, &source).await,
            SyncPurpose::Final => frozen_by(&from.server, &order.run).await?,
            SyncPurpose::Routine => {}
        }
        if let Some(copied) = done_already(order, &target) {
            self.hand(order, from, &copied).await?;
            return Ok(Synced { notes: vec!["it was done already".into()], ..Synced::found(copied) });
        }
        overseer.permit().await?;
        match self.backup_for(order, overseer).await? {
            Source::There(opened) => self.bring(order, &opened, overseer).await,
            Source::New(replace) => self.bring_new(order, replace, overseer).await,
        }
    }

    /// Restores a backup at the stand-by.
    async fn bring(
        &self,
        order: &SyncOrder,
        opened: &Opened,
        overseer: &dyn Overseer,
    ) -> Result<Synced, DataError> {
        let lacks = order.verify == Verification::Content && opened.manifest().digests.is_empty();
        let verify = if lacks { Verification::Counts } else { counted(order.verify) };
        let (copied, mut notes) = self.restore(order, verify, overseer)?.replace(opened).await?;
        if lacks {
            notes.insert(
                0,
                format!(
                    "backup {} was made without digests of its content, so only rows were counted",
                    order.key
                ),
            );
        }
        self.brought(order, opened, copied, notes).await
    }

    /// Takes a backup, and restores it at the stand-by while it is taken.
    async fn bring_new(
        &self,
        order: &SyncOrder,
        replace: Replace,
        overseer: &dyn Overseer,
    ) -> Result<Synced, DataError> {
        let from = self.one(order.direction.from())?;
        let snapshot = not_empty(&from.server).await?;
        let wanted = Wanted {
            key: &order.key,
            run: Some(&order.run),
            frozen: order.purpose == SyncPurpose::Final,
            verify: order.verify,
            replace,
        };
        let making =
            Making::begin(&from.server, snapshot, &self.depot, &self.settings, &wanted, overseer).await?;
        let restore = self.restore(order, counted(order.verify), overseer)?;
        let (opened, copied, notes) = restore.through(making, &*self.clock).await?;
        self.brought(order, &opened, copied, notes).await
    }

    fn restore<'a>(
        &'a self,
        order: &'a SyncOrder,
        verify: Verification,
        overseer: &'a dyn Overseer,
    ) -> Result<Restore<'a>, DataError> {
        let (from, to) = (self.one(order.direction.from())?, self.one(order.direction.to())?);
        Ok(Restore {
            server: &to.server,
            settings: &self.settings,
            key: &order.key,
            run: &order.run,
            verify,
            frozen: (order.purpose == SyncPurpose::Final).then_some(&*from.server),
            overseer,
        })
    }

    /// Writes down what a restore proved.
    async fn brought(
        &self,
        order: &SyncOrder,
        opened: &Opened,
        copied: Copied,
        mut notes: Vec<String>,
    ) -> Result<Synced, DataError> {
        self.hand(order, self.one(order.direction.from())?, &copied).await?;
        let mut manifest = opened.manifest().clone();
        manifest.verified = Some((copied.verified, self.clock.now()));
        if let Err(error) = self.depot.record(&manifest).await {
            notes.push(format!("that the backup can be restored could not be written down: {error}"));
        }
        Ok(Synced {
            copied,
            bytes: manifest.bytes,
            items: manifest.items.values().sum(),
            deleted: 0,
            took_ms: 0,
            notes,
        })
    }

    /// The backup that a sync restores: one that is there already, or a new one.
    async fn backup_for(&self, order: &SyncOrder, overseer: &dyn Overseer) -> Result<Source, DataError> {
        let (key, last) = (&order.key, order.purpose == SyncPurpose::Final);
        self.depot.clear().await?;
        let found = self.depot.find(key).await?;
        let there = found.filter(|backup| match backup.state {
            BackupState::Complete => true,
            BackupState::Partial | BackupState::Damaged { .. } => false,
        });
        let Some(manifest) = there.and_then(|backup| backup.manifest) else {
            return Ok(Source::New(Replace::No));
        };
        if manifest.source != *order.direction.from() {
            return Err(DataError::BadBackup {
                key: key.clone(),
                why: format!(
                    "it was taken from {}, and production is {}; take another key",
                    manifest.source,
                    order.direction.from()
                ),
            });
        }
        let opened = self.open(key, overseer).await?;
        let about = about_of(&opened)?;
        // For a final sync only this run's own counts, taken while nobody could write: any other may lack what was written since.
        if !last || (about.frozen && about.run.as_deref() == Some(order.run.as_str())) {
            return Ok(Source::There(Box::new(opened)));
        }
        Ok(Source::New(Replace::Yes))
    }

    pub(super) async fn open(
        &self,
        key: &switchover::model::BackupKey,
        overseer: &dyn Overseer,
    ) -> Result<Opened, DataError> {
        let found = self.depot.find(key).await?.and_then(|backup| backup.manifest);
        let total = found.map(|manifest| manifest.bytes);
        let progress = Progress::default();
        watch::bytes(self.depot.open(key, &progress), "checking the backup", total, &progress, overseer).await
    }

    async fn rehearsal(
        &self,
        order: &SyncOrder,
        from: &One,
        source: &StoreSide,
    ) -> Result<Synced, DataError> {
        let snapshot = not_empty(&from.server).await?;
        let copied = Copied {
            from: order.direction.from().clone(),
            run: order.run.clone(),
            key: order.key.clone(),
            as_of: snapshot.as_of,
            verified: order.verify,
            complete: false,
            position: Some(snapshot.position),
        };
        let notes = vec![format!(
            "{} tables would be dumped to {} and restored",
            snapshot.tables.len(),
            self.depot.place()
        )];
        Ok(Synced { copied, bytes: source.bytes.unwrap_or(0), items: 0, deleted: 0, took_ms: 0, notes })
    }

    /// Writes on the source's side that a final sync gave its data away: until it is thawed it holds nothing that the other side has not.
    async fn hand(&self, order: &SyncOrder, from: &One, copied: &Copied) -> Result<(), DataError> {
        match order.purpose {
            SyncPurpose::Routine | SyncPurpose::Rehearsal => Ok(()),
            SyncPurpose::Final => write_handed(&from.server, order, copied).await,
        }
    }
}

/// A snapshot of a database that has something to copy.
async fn not_empty(server: &Server) -> Result<Snapshot, DataError> {
    let snapshot = Snapshot::open(server).await?;
    let lacks = if snapshot.tables.is_empty() {
        "the source has no tables"
    } else if snapshot.has_rows(server).await? {
        return Ok(snapshot);
    } else {
        "no table of the source has a row"
    };
    Err(DataError::Guarded {
        place: server.place().to_owned(),
        why: format!("{lacks}; a copy of it would leave the stand-by with nothing"),
        advice: Some("look whether this is the right database, and whether its data is there".into()),
    })
}

/// Where a sync takes its data from.
enum Source {
    There(Box<Opened>),
    New(Replace),
}

/// Rows are counted each time: it costs little, and a copy that nobody looked at is none.
fn counted(asked: Verification) -> Verification {
    match asked {
        Verification::None => Verification::Counts,
        Verification::Counts | Verification::Content => asked,
    }
}

async fn write_handed(source: &Server, order: &SyncOrder, copied: &Copied) -> Result<(), DataError> {
    let text = serde_json::to_string(copied)
        .map_err(|error| source.failed(format!("the copy cannot be described: {error}")))?;
    let session = source.admin().await?;
    let sql = format!("UPDATE {SCHEMA}.state SET handed = $1, opened = false WHERE run = $2 AND held");
    session
        .query_typed(&sql, &[(&text, Type::TEXT), (&order.run.as_str(), Type::TEXT)])
        .await
        .map_err(|error| source.told_of_act(&error))?;
    source.keep(session);
    Ok(())
}

/// What must not be synced at all.
fn guard(order: &SyncOrder, source: &StoreSide, target: &StoreSide) -> Result<(), DataError> {
    if source.identity == target.identity {
        return Err(DataError::Unfit {
            place: target.place.clone(),
            why: format!("both sides are one database ({})", source.place),
            advice: Some("correct host, port or database of one side".into()),
        });
    }
    if target.diverged && !order.overwrite {
        return Err(DataError::Guarded {
            place: target.place.clone(),
            why: "clients could write here since it got its data, and what they wrote would be lost".into(),
            advice: Some("look at what was written, back it up, and order the sync to overwrite it".into()),
        });
    }
    Ok(())
}

/// A final sync that was done already by the same run, and that nothing has touched since.
fn done_already(order: &SyncOrder, target: &StoreSide) -> Option<Copied> {
    let copied = target.copied.clone()?;
    let same = copied.run == order.run && copied.key == order.key && copied.from == *order.direction.from();
    (order.purpose == SyncPurpose::Final
        && same
        && copied.complete
        && !target.diverged
        && copied.verified >= order.verify)
        .then_some(copied)
}
