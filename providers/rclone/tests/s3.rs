//! Directories and buckets, buckets and buckets, with the real rclone and an S3 server. `tests/files/run` starts one and runs this.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use switchover::config::Period;
use switchover::model::{EnvironmentName, SideName, StoreName, StoreRef, Verification};
use switchover::port::{Access, DataError, Depth, Store as _, SyncOrder, SyncPurpose, Synced};
use switchover_files::{DeletionLimit, FreezeOptions};
use switchover_rclone::{RcloneOptions, RcloneSide, RcloneStore};
use switchover_runtime::TokioClock;
use switchover_tests::contract::store::{Watcher, freeze_by, order, pair, sides};
use tempfile::TempDir;

struct World {
    folder: TempDir,
    options: RcloneOptions,
    runtime: tokio::runtime::Runtime,
}

impl World {
    /// Two buckets of this test's own; each side is where the test says.
    fn new(test: &str, hongkong: &str, sydney: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let moto = std::env::var("SWITCHOVER_MOTO").unwrap_or_else(|_| panic!("run this by tests/files/run"));
        let pair = fs::read_to_string(PathBuf::from(moto).join("pair.json")).unwrap();
        let pair: serde_json::Value = serde_json::from_str(&pair).unwrap();
        let endpoint = pair["endpoint"].as_str().unwrap();
        let remote = |name: &str, endpoint: &str| {
            format!(
                "[{name}]\ntype = s3\nprovider = Other\nendpoint = {endpoint}\nregion = us-east-1\n\
                 access_key_id = test\nsecret_access_key = test\nforce_path_style = true\n\n"
            )
        };
        let config = folder.path().join("rclone.conf");
        let sections =
            remote("s3", endpoint) + &remote("again", endpoint) + &remote("dead", "http://127.0.0.1:1");
        fs::write(&config, sections).unwrap();
        let place = |given: &str| match given {
            "folder" => {
                fs::create_dir(folder.path().join("tree")).unwrap();
                folder.path().join("tree").display().to_string()
            }
            remote => remote.replace("TEST", test),
        };
        let side = |given: &str| RcloneSide { remote: place(given), freeze: None };
        let [first, second] = sides();
        let options = RcloneOptions {
            sides: [(first.to_string(), side(hongkong)), (second.to_string(), side(sydney))].into(),
            freeze: FreezeOptions {
                flag: Some("maintenance.json".into()),
                settle: Period(Duration::ZERO),
                still: Period(Duration::from_millis(10)),
                ..FreezeOptions::default()
            },
            deletions: DeletionLimit { percent: 30, files: None, allowed: 2 },
            via: None,
            program: "rclone".into(),
            config: Some(config),
            transfers: 8,
            checkers: 8,
            metadata: false,
            durable: true,
            timeout: Period(Duration::from_secs(60)),
        };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
        let world = Self { folder, options, runtime };
        world.rclone(&["mkdir", &format!("s3:{test}-a")], "");
        world.rclone(&["mkdir", &format!("s3:{test}-b")], "");
        world
    }

    fn rclone(&self, arguments: &[&str], input: &str) -> String {
        let mut child = Command::new("rclone")
            .args(arguments)
            .arg("--config")
            .arg(self.options.config.as_ref().unwrap())
            .env_remove("AWS_CA_BUNDLE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success(), "{arguments:?}");
        String::from_utf8(ended.stdout).unwrap()
    }

    fn remote(&self, side: &SideName) -> &str {
        &self.options.sides[side.as_str()].remote
    }

    fn write(&self, side: &SideName, name: &str, text: &str) {
        self.rclone(&["rcat", &format!("{}/{name}", self.remote(side))], text);
    }

    fn names(&self, side: &SideName) -> BTreeSet<String> {
        let listed = self.rclone(&["lsf", "-R", "--files-only", self.remote(side)], "");
        listed
            .lines()
            .filter(|name| !name.starts_with(".switchover") && *name != "maintenance.json")
            .map(str::to_owned)
            .collect()
    }

    fn open(&self) -> RcloneStore {
        let store = StoreRef {
            environment: EnvironmentName::new("live").unwrap(),
            store: StoreName::new("files").unwrap(),
        };
        RcloneStore::new(self.options.clone(), pair().name, store, Arc::new(TokioClock::new())).unwrap()
    }

    fn sync(&self, order: &SyncOrder) -> Result<Synced, DataError> {
        let store = self.open();
        self.runtime.block_on(store.sync(order, &Watcher::lenient()))
    }
}

fn names(of: &[&str]) -> BTreeSet<String> {
    of.iter().map(|name| (*name).to_owned()).collect()
}

/// A whole life: filled, updated, guarded, swapped, and swapped back.
fn lives(world: &World) {
    let [production, standby] = sides();
    world.write(&production, "a", "1");
    world.write(&production, "below/b c", "2");
    let first = order(&production, SyncPurpose::Routine, 1);
    let rehearsed = world.sync(&SyncOrder { purpose: SyncPurpose::Rehearsal, ..first.clone() }).unwrap();
    assert_eq!(rehearsed.items, 2);
    let done = world.sync(&SyncOrder { verify: Verification::Content, ..first }).unwrap();
    assert_eq!((done.items, done.copied.verified), (2, Verification::Content));
    assert_eq!(world.names(&standby), names(&["a", "below/b c"]));
    let done = world.sync(&order(&production, SyncPurpose::Routine, 2)).unwrap();
    assert_eq!((done.items, done.deleted), (0, 0), "{done:?}");

    let store = world.open();
    let seen = world.runtime.block_on(store.inspect(Depth::Preflight)).unwrap();
    assert!(matches!(seen.sides[&standby].access, Access::Frozen { until: None, .. }), "{seen:?}");
    assert_eq!(seen.sides[&standby].copied.as_ref().unwrap().run, done.copied.run);
    assert!(seen.problems.iter().all(|problem| !problem.fatal), "{seen:?}");

    world.write(&production, "c", "3");
    world.rclone(&["deletefile", &format!("{}/a", world.remote(&production))], "");
    world.runtime.block_on(store.freeze(&production, &freeze_by("run-3", None))).unwrap();
    world.runtime.block_on(store.prove_frozen(&production)).unwrap();
    let done = world.sync(&order(&production, SyncPurpose::Final, 3)).unwrap();
    assert!(done.copied.complete && done.deleted == 1, "{done:?}");
    assert_eq!(world.names(&standby), names(&["below/b c", "c"]));

    world.runtime.block_on(store.thaw(&standby)).unwrap();
    world.write(&standby, "d", "4");
    let back = order(&standby, SyncPurpose::Routine, 4);
    world.sync(&back).unwrap();
    assert_eq!(world.names(&production), names(&["below/b c", "c", "d"]));
    // The side that is production now is not overwritten by the one that was.
    let wrong = world.sync(&order(&production, SyncPurpose::Routine, 5));
    assert!(matches!(wrong, Err(DataError::Guarded { .. })), "{wrong:?}");
}

#[test]
fn a_directory_and_a_bucket_follow_each_other() {
    lives(&World::new("mixed", "folder", "s3:TEST-b/files"));
}

#[test]
fn two_buckets_follow_each_other() {
    lives(&World::new("buckets", "s3:TEST-a/one", "s3:TEST-b"));
}

#[test]
fn a_bucket_lies_on_the_way() {
    let mut world = World::new("via", "folder", "s3:TEST-b");
    world.options.via = Some("s3:via-a/way".to_owned());
    lives(&world);
}

#[test]
fn one_bucket_by_two_names_is_refused() {
    let world = World::new("twice", "s3:TEST-a/files", "again:TEST-a/files");
    world.write(&sides()[0], "a", "1");
    let end = world.sync(&order(&sides()[0], SyncPurpose::Routine, 1));
    assert!(
        matches!(&end, Err(DataError::Guarded { why, .. }) if why.contains("one and the same")),
        "{end:?}"
    );
    assert_eq!(world.names(&sides()[0]), names(&["a"]));
}

#[test]
fn an_emptied_or_unreachable_bucket_empties_nothing() {
    let mut world = World::new("lost", "s3:TEST-a/files", "s3:TEST-b/files");
    let [production, standby] = sides();
    world.write(&production, "a", "1");
    world.sync(&order(&production, SyncPurpose::Routine, 1)).unwrap();
    world.rclone(&["purge", world.remote(&production)], "");
    let end = world.sync(&order(&production, SyncPurpose::Routine, 2));
    assert!(matches!(end, Err(DataError::Guarded { .. })), "{end:?}");
    for remote in ["dead:lost-a/files", "s3:no-such-bucket/files"] {
        world.options.sides.get_mut(production.as_str()).unwrap().remote = remote.to_owned();
        let end = world.sync(&order(&production, SyncPurpose::Routine, 3));
        assert!(matches!(end, Err(DataError::Unreachable { .. })), "{end:?}");
        let store = world.open();
        let seen = world.runtime.block_on(store.inspect(Depth::Glance)).unwrap();
        assert_eq!((seen.sides.len(), seen.unread.len()), (1, 1), "{seen:?}");
    }
    assert_eq!(world.names(&standby), names(&["a"]));
    drop(world.folder);
}
