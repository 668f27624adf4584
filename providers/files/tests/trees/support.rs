//! Two directories, a store over them, and an application.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use switchover::config::Period;
use switchover::model::{EnvironmentName, SideName, StoreName, StoreRef, Verification};
use switchover::port::{DataError, Method, Store, SyncOrder, SyncPurpose, Synced};
use switchover_files::{DeletionLimit, FilesOptions, FilesSide, FilesStore};
use switchover_runtime::TokioClock;
use switchover_tests::contract::store::{
    Content, Nature, Refused, StoreHarness, Watcher, order, pair, sides,
};
use tempfile::TempDir;

use super::application::{application, content, file, permitted, quick};

/// Two directories in a folder of their own.
pub(crate) struct Trees {
    pub(crate) folder: TempDir,
    pub(crate) options: FilesOptions,
    runtime: tokio::runtime::Runtime,
}

impl Trees {
    /// With a flag and a probe that honours it.
    pub(crate) fn new() -> Self {
        let mut trees = Self::unguarded();
        trees.options.freeze = application(trees.folder.path());
        trees
    }

    /// Without any means to refuse writes.
    pub(crate) fn unguarded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Not the user who runs this may be the one who reads.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut options = FilesOptions {
            sides: [].into(),
            freeze: quick(),
            deletions: DeletionLimit { percent: 30, files: None, allowed: 10 },
            require_mount: false,
            threads: 8,
            durable: false,
            ownership: None,
            timeout: Period(Duration::from_secs(10)),
        };
        for side in sides() {
            let path = folder.path().join(side.as_str());
            fs::create_dir(&path).unwrap();
            options.sides.insert(side.to_string(), FilesSide { path, freeze: None });
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build();
        Self { folder, options, runtime: runtime.unwrap() }
    }

    pub(crate) fn path(&self, side: &SideName) -> PathBuf {
        self.options.sides[side.as_str()].path.clone()
    }

    /// Production's directory and the stand-by's.
    pub(crate) fn paths(&self) -> [PathBuf; 2] {
        sides().map(|side| self.path(&side))
    }

    pub(crate) fn run<F: Future>(&self, contract: F) -> F::Output {
        self.runtime.block_on(contract)
    }

    pub(crate) fn open(&self) -> FilesStore {
        let store = StoreRef {
            environment: EnvironmentName::new("live").unwrap(),
            store: StoreName::new("files").unwrap(),
        };
        FilesStore::new(self.options.clone(), pair().name, store, Arc::new(TokioClock::new())).unwrap()
    }

    /// One sync from the first side to the second.
    pub(crate) fn sync(&self, number: u32) -> Result<Synced, DataError> {
        self.sync_as(&order(&sides()[0], SyncPurpose::Routine, number))
    }

    pub(crate) fn overwrite(&self, number: u32) -> Result<Synced, DataError> {
        self.sync_as(&SyncOrder { overwrite: true, ..order(&sides()[0], SyncPurpose::Routine, number) })
    }

    pub(crate) fn sync_content(&self, number: u32) -> Result<Synced, DataError> {
        let verify = Verification::Content;
        self.sync_as(&SyncOrder { verify, ..order(&sides()[0], SyncPurpose::Routine, number) })
    }

    pub(crate) fn sync_as(&self, order: &SyncOrder) -> Result<Synced, DataError> {
        let store = self.open();
        self.run(store.sync(order, &Watcher::lenient()))
    }
}

#[async_trait]
impl StoreHarness for Trees {
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
