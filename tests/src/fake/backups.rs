//! The backups that a snapshot store in memory makes, by key.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::Timestamp;
use switchover::model::{Backup, BackupKey, BackupState, Manifest, PairName, SideName, Verification};
use switchover::port::{Backups, Clock as _, DataError, Overseer};

use super::{FakeStore, lock};

/// Each with the writes that are in it.
#[derive(Debug, Default)]
pub(super) struct Kept(BTreeMap<BackupKey, (Manifest, BTreeSet<u64>)>);

impl Kept {
    /// Keeps one. A key that another side's backup has is refused, as a real store refuses it.
    pub(super) fn keep(
        &mut self,
        key: &BackupKey,
        source: &SideName,
        as_of: Timestamp,
        writes: BTreeSet<u64>,
    ) -> Result<(), DataError> {
        if let Some((there, _)) = self.0.get(key).filter(|(there, _)| there.source != *source) {
            return Err(bad(key, &format!("it was taken from {}", there.source)));
        }
        let manifest = Manifest {
            format: 1,
            key: key.clone(),
            pair: PairName::new("memory").expect("a pair's name"),
            store: "live/memory".parse().expect("a store's name"),
            source: source.clone(),
            place: format!("memory of {source}"),
            as_of,
            finished: as_of,
            bytes: writes.len() as u64 * 8,
            items: [("writes".to_owned(), writes.len() as u64)].into(),
            digests: BTreeMap::new(),
            files: BTreeMap::new(),
            versions: BTreeMap::new(),
            verified: None,
        };
        self.0.insert(key.clone(), (manifest, writes));
        Ok(())
    }

    fn one(&mut self, key: &BackupKey) -> Result<&mut (Manifest, BTreeSet<u64>), DataError> {
        self.0.get_mut(key).ok_or_else(|| bad(key, "there is none"))
    }
}

fn bad(key: &BackupKey, why: &str) -> DataError {
    DataError::BadBackup { key: key.clone(), why: why.to_owned() }
}

fn backup(manifest: &Manifest) -> Backup {
    Backup {
        key: manifest.key.clone(),
        state: BackupState::Complete,
        place: format!("memory/{}", manifest.key),
        manifest: Some(manifest.clone()),
    }
}

#[async_trait]
impl Backups for FakeStore {
    async fn list(&self) -> Result<Vec<Backup>, DataError> {
        Ok(lock(&self.inner).kept.0.values().map(|(manifest, _)| backup(manifest)).collect())
    }

    async fn find(&self, key: &BackupKey) -> Result<Option<Backup>, DataError> {
        Ok(lock(&self.inner).kept.0.get(key).map(|(manifest, _)| backup(manifest)))
    }

    async fn create(&self, from: &SideName, key: &BackupKey, _: &dyn Overseer) -> Result<Backup, DataError> {
        let now = self.clock.now();
        let mut inner = lock(&self.inner);
        if !inner.kept.0.contains_key(key) {
            let writes = inner.side(from).writes.clone();
            inner.kept.keep(key, from, now, writes)?;
        }
        inner.kept.one(key).map(|(manifest, _)| backup(manifest))
    }

    async fn restore(&self, key: &BackupKey, to: &SideName, _: &dyn Overseer) -> Result<(), DataError> {
        let mut inner = lock(&self.inner);
        let writes = inner.kept.one(key)?.1.clone();
        inner.side(to).restore(writes);
        Ok(())
    }

    async fn verify(
        &self,
        key: &BackupKey,
        _: &SideName,
        how: Verification,
        _: &dyn Overseer,
    ) -> Result<Backup, DataError> {
        if how == Verification::Content {
            let took = lock(&self.inner).took;
            self.clock.sleep(took).await;
        }
        let now = self.clock.now();
        let mut inner = lock(&self.inner);
        let (manifest, _) = inner.kept.one(key)?;
        manifest.verified = Some((how, now));
        Ok(backup(manifest))
    }

    async fn remove(&self, key: &BackupKey) -> Result<(), DataError> {
        lock(&self.inner).kept.0.remove(key);
        Ok(())
    }
}
