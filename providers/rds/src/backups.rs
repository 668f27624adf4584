//! Backups by key: snapshots that carry this store's marks, on either side.

use futures_util::FutureExt as _;
use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_rds::types::DbSnapshot;
use jiff::Timestamp;
use switchover::model::{Backup, BackupKey, BackupState, Manifest, RunId, SideName, Verification};
use switchover::port::{Backups, DataError, Overseer};
use switchover_aws::Marks;

use crate::by_snapshot::{Restoring, copied_of};
use crate::error::failed;
use crate::home::{Home, marks};
use crate::names;
use crate::snapshots::{as_of, bytes};
use crate::stage::{Shape, Source, Wanted};
use crate::states::{self, Phase};
use crate::store::RdsStore;

/// A snapshot of ours, where it is.
struct Kept<'a> {
    home: &'a Home,
    key: BackupKey,
    found: DbSnapshot,
}

impl RdsStore {
    async fn kept(&self) -> Result<Vec<Kept<'_>>, DataError> {
        let mut all = Vec::new();
        for home in self.homes.values() {
            for found in home.snapshots().await? {
                let theirs = marks(found.tag_list());
                if let Some(key) = theirs.key().filter(|_| theirs.belongs_to(&self.pair, &self.store)) {
                    all.push(Kept { home, key, found });
                }
            }
        }
        Ok(all)
    }

    async fn kept_under(&self, key: &BackupKey) -> Result<Vec<Kept<'_>>, DataError> {
        Ok(self.kept().await?.into_iter().filter(|kept| kept.key == *key).collect())
    }

    fn backup(&self, kept: &[&Kept<'_>]) -> Option<Backup> {
        let best = kept
            .iter()
            .max_by_key(|kept| (states::of_snapshot(&kept.found) == Phase::Ready, as_of(&kept.found)))?;
        let place = |kept: &&Kept<'_>| kept.home.place(kept.found.db_snapshot_identifier().unwrap_or("?"));
        Some(Backup {
            key: best.key.clone(),
            state: match states::of_snapshot(&best.found) {
                Phase::Ready => BackupState::Complete,
                Phase::Busy(_) => BackupState::Partial,
                Phase::Broken(state) => BackupState::Damaged { why: format!("the snapshot is `{state}`") },
            },
            place: kept.iter().map(place).collect::<Vec<_>>().join(", "),
            manifest: self.manifest(best).map(|manifest| Manifest { verified: restored(kept), ..manifest }),
        })
    }

    fn manifest(&self, kept: &Kept<'_>) -> Option<Manifest> {
        let theirs = marks(kept.found.tag_list());
        let as_of = as_of(&kept.found)?;
        let finished =
            kept.found.snapshot_create_time().and_then(|at| Timestamp::from_second(at.secs()).ok());
        let version = kept.found.engine_version().map(|version| ("server".to_owned(), version.to_owned()));
        Some(Manifest {
            format: 1,
            key: kept.key.clone(),
            pair: self.pair.clone(),
            store: self.store.clone(),
            source: SideName::new(theirs.get("from")?).ok()?,
            place: kept.found.db_instance_identifier().unwrap_or_default().to_owned(),
            as_of,
            finished: finished.unwrap_or(as_of).max(as_of),
            bytes: bytes(kept.found.allocated_storage()),
            items: BTreeMap::new(),
            digests: BTreeMap::new(),
            files: BTreeMap::new(),
            versions: version.into_iter().collect(),
            verified: None,
        })
    }

    /// The complete snapshot of a key, the one on that side if there is one.
    async fn complete_one(&self, key: &BackupKey, side: &SideName) -> Result<Kept<'_>, DataError> {
        let bad = |why: &str| DataError::BadBackup { key: key.clone(), why: why.to_owned() };
        let all = self.kept_under(key).await?;
        if all.is_empty() {
            return Err(bad("there is no snapshot of that key"));
        }
        let ready = all.into_iter().filter(|kept| states::of_snapshot(&kept.found) == Phase::Ready);
        ready
            .max_by_key(|kept| (as_of(&kept.found), kept.home.side == *side))
            .ok_or_else(|| bad("its snapshot is not complete"))
    }

    fn restore_run(key: &BackupKey) -> Result<RunId, DataError> {
        RunId::new(format!("restore-{key}")).map_err(|error| failed("RDS", &error.to_string()))
    }
}

/// When one of a key's snapshots was last restored, to see that it can be.
fn restored(kept: &[&Kept<'_>]) -> Option<(Verification, Timestamp)> {
    let times = kept.iter().filter_map(|kept| marks(kept.found.tag_list()).time("restored"));
    times.max().map(|at| (Verification::None, at))
}

#[async_trait]
impl Backups for RdsStore {
    async fn list(&self) -> Result<Vec<Backup>, DataError> {
        let all = self.kept().await?;
        let mut by_key: BTreeMap<&BackupKey, Vec<&Kept<'_>>> = BTreeMap::new();
        for kept in &all {
            by_key.entry(&kept.key).or_default().push(kept);
        }
        Ok(by_key.values().filter_map(|kept| self.backup(kept)).collect())
    }

    async fn find(&self, key: &BackupKey) -> Result<Option<Backup>, DataError> {
        Ok(self.backup(&self.kept_under(key).await?.iter().collect::<Vec<_>>()))
    }

    async fn create(
        &self,
        from: &SideName,
        key: &BackupKey,
        overseer: &dyn Overseer,
    ) -> Result<Backup, DataError> {
        let (home, patience) = (self.home(from)?, self.patience(overseer, self.options.patience.0));
        let name = names::snapshot(&self.pair, &self.store, key, None);
        let wanted =
            self.ours().with("from", from).with("key", key).with("run", "backup").with("complete", "false");
        let found = home.take(&patience, &*self.clock, &name, &wanted).await?;
        let kept = Kept { home, key: key.clone(), found };
        self.backup(&[&kept]).ok_or_else(|| failed(&home.place(&name), "it cannot be read back"))
    }

    async fn restore(
        &self,
        key: &BackupKey,
        to: &SideName,
        overseer: &dyn Overseer,
    ) -> Result<(), DataError> {
        let (target, patience) = (self.home(to)?, self.patience(overseer, self.options.patience.0));
        target.finish_swap(&patience, &self.ours()).boxed().await?;
        let kept = self.complete_one(key, to).await?;
        let run = Self::restore_run(key)?;
        let name = kept.found.db_snapshot_identifier().unwrap_or_default();
        let copied = copied_of(&kept.found, key, &run, to).ok_or_else(|| DataError::BadBackup {
            key: key.clone(),
            why: "its mark `as-of` is gone".to_owned(),
        })?;
        let standby = target.instance(target.live()).await?;
        let present = standby.as_ref().map(|found| marks(found.tag_list()));
        let there = present
            .filter(|theirs| theirs.copied().as_ref() == Some(&copied) && theirs.get("open").is_none());
        if there.is_some() {
            return Ok(());
        }
        let shape = Shape::of(target, standby.as_ref()).await?;
        let restoring = Restoring { snapshot: &kept.found, name, copied, shape, diverged: false };
        self.put_in_place(&patience, kept.home, target, restoring).boxed().await.map(|_| ())
    }

    /// A snapshot has no content to read by itself: RDS vouches for one that is `available`. With [`Verification::Content`] it is restored
    /// beside the side's instance until it is available, and deleted again; no row is compared.
    async fn verify(
        &self,
        key: &BackupKey,
        on: &SideName,
        how: Verification,
        overseer: &dyn Overseer,
    ) -> Result<Backup, DataError> {
        let kept = self.complete_one(key, on).await?;
        if how == Verification::Content {
            let (home, patience) = (self.home(on)?, self.patience(overseer, self.options.patience.0));
            let name = kept.found.db_snapshot_identifier().unwrap_or_default();
            self.bring_over(&patience, kept.home, home, &kept.found, name).boxed().await?;
            let present = home.instance(home.live()).await?;
            let wanted = Wanted {
                key,
                run: &Self::restore_run(key)?,
                source: Source::Snapshot(name.to_owned()),
                shape: Shape::of(home, present.as_ref()).await?,
                marks: self
                    .ours()
                    .with("key", key)
                    .with("run", &Self::restore_run(key)?)
                    .with("origin", name),
            };
            home.stage(&patience, &wanted).boxed().await?;
            home.delete(&patience, &names::staged(home.live(), key)).boxed().await?;
            let restored = Marks::default().with("restored", &home.account.time(&*self.clock));
            kept.home.mark(kept.found.db_snapshot_arn(), name, &restored).await?;
        }
        let again = self.kept_under(key).await?;
        self.backup(&again.iter().collect::<Vec<_>>())
            .ok_or_else(|| DataError::BadBackup { key: key.clone(), why: "its snapshot is gone".to_owned() })
    }

    async fn remove(&self, key: &BackupKey) -> Result<(), DataError> {
        for kept in self.kept_under(key).await? {
            let name = kept.found.db_snapshot_identifier().unwrap_or_default();
            let call = kept.home.rds.delete_db_snapshot().db_snapshot_identifier(name);
            if let Err(error) = call.send().boxed().await {
                let failure = kept.home.failure(&error);
                if failure.code() != Some("DBSnapshotNotFound") {
                    return Err(failure.of_acting(&kept.home.place(name)));
                }
            }
        }
        Ok(())
    }
}
