//! Two directories, a store over them, and an application.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use switchover::config::Period;
use switchover::model::{EnvironmentName, SideName, StoreName, StoreRef, Verification};
use switchover::port::{DataError, Method, Store, SyncOrder, SyncPurpose, Synced};
use switchover_files::{DeletionLimit, FilesOptions, FilesSide, FilesStore, FreezeOptions};
use switchover_runtime::TokioClock;
use switchover_tests::contract::store::{
    Content, Nature, Refused, StoreHarness, Watcher, order, pair, sides,
};
use tempfile::TempDir;

pub(crate) const FLAG: &str = "maintenance.json";

/// Writes as the application does: not while the flag says that it must not.
const PROBE: &str = r#"#!/bin/sh
flag="$SWITCHOVER_PATH/maintenance.json"
if [ -e "$flag" ]; then
    until=$(sed -n 's/.*"until": "\(.*\)".*/\1/p' "$flag")
    if [ -z "$until" ] || [ "$(date -d "$until" +%s%N)" -gt "$(date +%s%N)" ]; then
        echo "503 in maintenance" >&2
        exit 75
    fi
fi
echo probe > "$SWITCHOVER_PROBE"
"#;

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
        let probe = trees.folder.path().join("probe");
        fs::write(&probe, PROBE).unwrap();
        fs::set_permissions(&probe, fs::Permissions::from_mode(0o755)).unwrap();
        trees.options.freeze =
            FreezeOptions { flag: Some(FLAG.into()), probe: vec![probe.display().to_string()], ..quick() };
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

fn quick() -> FreezeOptions {
    FreezeOptions {
        settle: Period(Duration::from_millis(20)),
        still: Period(Duration::from_millis(50)),
        clock_margin: Period(Duration::from_millis(300)),
        ..FreezeOptions::default()
    }
}

/// Whether the application may write.
pub(crate) fn permitted(tree: &Path) -> Result<(), Refused> {
    let flag = match fs::read(tree.join(FLAG)) {
        Ok(flag) => serde_json::from_slice::<serde_json::Value>(&flag).unwrap(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => panic!("{error}"),
    };
    match flag["until"].as_str() {
        Some(until) if until.parse::<Timestamp>().unwrap() <= Timestamp::now() => Ok(()),
        Some(_) | None => Err(Refused("in maintenance".to_owned())),
    }
}

/// A file of an entry: in folders, so that there are some.
fn file(tree: &Path, key: &str) -> PathBuf {
    tree.join(format!("drop {}", key.len() % 3)).join(key)
}

/// All files of a tree but Switchover's own.
pub(crate) fn content(tree: &Path) -> Content {
    let mut found = Content::new();
    let mut folders = vec![tree.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name == FLAG || name.starts_with(".switchover") {
                continue;
            }
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else {
                let value = fs::read_to_string(&path).unwrap_or_else(|error| error.to_string());
                found.insert(name, value);
            }
        }
    }
    found
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
