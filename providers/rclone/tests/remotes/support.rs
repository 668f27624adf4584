//! Two directories as rclone's remotes, a store over them, and an application.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use switchover::config::Period;
use switchover::model::{EnvironmentName, SideName, StoreName, StoreRef};
use switchover::port::{DataError, Method, Store, SyncOrder, SyncPurpose, Synced};
use switchover_files::DeletionLimit;
use switchover_rclone::{RcloneOptions, RcloneSide, RcloneStore};
use switchover_runtime::TokioClock;
use switchover_tests::contract::store::{
    Content, Nature, Refused, StoreHarness, Watcher, order, pair, sides,
};
use tempfile::TempDir;

use super::application::{application, content, file, permitted, quick};

/// Two directories in a folder of their own.
pub(crate) struct Remotes {
    pub(crate) folder: TempDir,
    pub(crate) options: RcloneOptions,
    runtime: tokio::runtime::Runtime,
}

impl Remotes {
    /// With a flag and a probe that honours it.
    pub(crate) fn new() -> Self {
        let mut remotes = Self::unguarded();
        remotes.options.freeze = application(remotes.folder.path());
        remotes
    }

    /// Without any means to refuse writes.
    pub(crate) fn unguarded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = RcloneOptions {
            sides: [].into(),
            freeze: quick(),
            deletions: DeletionLimit { percent: 30, files: None, allowed: 10 },
            via: None,
            program: "rclone".into(),
            config: None,
            transfers: 8,
            checkers: 8,
            metadata: false,
            durable: true,
            timeout: Period(Duration::from_secs(20)),
        };
        for side in sides() {
            let path = folder.path().join(side.as_str());
            fs::create_dir(&path).unwrap();
            let remote = path.display().to_string();
            options.sides.insert(side.to_string(), RcloneSide { remote, freeze: None });
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build();
        Self { folder, options, runtime: runtime.unwrap() }
    }

    pub(crate) fn path(&self, side: &SideName) -> PathBuf {
        PathBuf::from(&self.options.sides[side.as_str()].remote)
    }

    /// Production's directory and the stand-by's.
    pub(crate) fn paths(&self) -> [PathBuf; 2] {
        sides().map(|side| self.path(&side))
    }

    pub(crate) fn run<F: Future>(&self, contract: F) -> F::Output {
        self.runtime.block_on(contract)
    }

    pub(crate) fn open(&self) -> RcloneStore {
        let store = StoreRef {
            environment: EnvironmentName::new("live").unwrap(),
            store: StoreName::new("files").unwrap(),
        };
        RcloneStore::new(self.options.clone(), pair().name, store, Arc::new(TokioClock::new())).unwrap()
    }

    /// One sync from the first side to the second.
    pub(crate) fn sync(&self, number: u32) -> Result<Synced, DataError> {
        self.sync_as(&order(&sides()[0], SyncPurpose::Routine, number))
    }

    pub(crate) fn sync_as(&self, order: &SyncOrder) -> Result<Synced, DataError> {
        let store = self.open();
        self.run(store.sync(order, &Watcher::lenient()))
    }
}

#[async_trait]
impl StoreHarness for Remotes {
    fn nature(&self) -> Nature {
        Nature {
            method: Method::Mirror,
            lease: Some(Duration::from_secs(1)),
            guards_empty: true,
            too_many: Some((60, 40)),
            arrives_within: Duration::ZERO,
        }
    }

    async fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.open())
    }

    async fn write(&self, side: &SideName, key: &str, value: &str) -> Result<(), Refused> {
        let tree = self.path(side);
        permitted(&tree)?;
        let file = file(&tree, key);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, value).unwrap();
        Ok(())
    }

    async fn delete(&self, side: &SideName, key: &str) -> Result<(), Refused> {
        let tree = self.path(side);
        permitted(&tree)?;
        fs::remove_file(file(&tree, key)).unwrap();
        Ok(())
    }

    async fn read(&self, side: &SideName) -> Content {
        content(&self.path(side))
    }

    async fn empty(&self, side: &SideName) {
        let path = self.path(side);
        fs::remove_dir_all(&path).unwrap();
        fs::create_dir(&path).unwrap();
    }

    async fn take_away(&self, side: &SideName) {
        fs::rename(self.path(side), self.path(side).with_extension("away")).unwrap();
    }

    async fn give_back(&self, side: &SideName) {
        fs::rename(self.path(side).with_extension("away"), self.path(side)).unwrap();
    }

    async fn wait(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}
