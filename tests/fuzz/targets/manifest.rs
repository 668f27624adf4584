//! Manifests of backups: a backup counts as complete only under its own key and owner, and one that is written anew says the same.
//!
//! Input: the bytes of `manifest.json`.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use switchover::model::{BackupKey, BackupState, PairName};
use switchover_backups::{Depot, LocationOptions, Owner, Progress};
use switchover_fuzz::{run, told};
use tempfile::TempDir;

const KEY: &str = "202611221502";

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    std::fs::create_dir(folder.path().join(KEY)).expect("it is empty");
    std::fs::write(folder.path().join(KEY).join("dump"), "data").expect("there is room for a file");
    folder
});

fn file() -> PathBuf {
    FOLDER.path().join(KEY).join("manifest.json")
}

fuzz_target!(|manifest: &[u8]| {
    std::fs::write(file(), manifest).expect("there is room for a file");
    let owner = Owner {
        pair: PairName::new("gigadb").expect("it is a word"),
        store: "live/metadata".parse().expect("it is a store"),
    };
    let options = LocationOptions::Path(FOLDER.path().to_owned());
    let depot = Depot::new(&options, owner.clone()).expect("the options are good");
    let key = BackupKey::new(KEY).expect("it is a key");
    let found = told(run(depot.find(&key))).flatten().expect("something stands there");
    assert_eq!(told(run(depot.list())), Some(vec![found.clone()]));
    let checked = told(run(depot.check(&key, &Progress::default())));
    match found.state {
        BackupState::Complete => {
            let manifest = found.manifest.expect("a complete backup has a manifest");
            assert_eq!((&manifest.pair, &manifest.store, &manifest.key), (&owner.pair, &owner.store, &key));
            told(run(depot.record(&manifest))).expect("it stands there already");
            let again = told(run(depot.find(&key))).flatten().and_then(|found| found.manifest);
            assert_eq!(again, Some(manifest));
        }
        BackupState::Damaged { why } => {
            assert!(!why.is_empty() && checked.is_none(), "damaged, and checked: {why}");
        }
        BackupState::Partial => panic!("its manifest is there"),
    }
});
