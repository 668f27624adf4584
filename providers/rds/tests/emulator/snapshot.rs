//! The road by snapshot: what is checked beforehand, what is kept, what a backup is.

use std::time::Duration;

use serde_json::json;
use switchover::model::{BackupKey, BackupState, Verification};
use switchover::port::{Access, Backups, DataError, Depth, Meter, Store, SyncOrder, SyncPurpose};
use switchover_rds::{Endpoint, RdsMethod};
use switchover_tests::contract::store::{Watcher, freeze_by, key, order};

use crate::world::{LIVE, World, hongkong, sydney};

async fn world() -> World {
    let world = World::new(RdsMethod::Snapshot).await;
    world.wrote(&hongkong(), "a", "1").await;
    world
}

/// What is refused before anything was made: no snapshot, no instance.
async fn refused_at_once(world: &World) -> String {
    let (names, asked) = (world.names(&sydney()).await, world.pair.asked("hongkong").await.len());
    let refused = world.sync(SyncPurpose::Routine, 1).await.unwrap_err();
    assert!(matches!(refused, DataError::Unfit { .. }), "{refused:?}");
    assert_eq!(world.names(&sydney()).await, names);
    let since = world.pair.asked("hongkong").await.split_off(asked);
    assert!(since.iter().all(|action| action.starts_with("Describe")), "{since:?}");
    refused.to_string()
}

#[tokio::test]
async fn the_new_instance_is_as_the_old_one_was() {
    let world = world().await;
    let mine = json!({ "name": LIVE, "set": { "deletion_protection": true, "multi_az": true } });
    world.pair.told("instance", "sydney", mine).await;
    world.sync(SyncPurpose::Routine, 1).await.unwrap();
    let new = world.instance(&sydney(), LIVE).await;
    assert_eq!(new["protected"], true);
    assert_eq!(new["tags"]["Name"], "gigadb-live", "tags of others go along");
    assert_eq!(new["tags"]["switchover:from"], "hongkong");
    let old = world.instance(&sydney(), "gigadb-live-before-202611211201").await;
    assert!(new["id"] != old["id"]);
    assert_eq!(old["tags"]["switchover:from"], json!(null));
}

#[tokio::test]
async fn a_group_that_is_missing_is_told_before_anything_is_made() {
    let mut world = world().await;
    for (key, what) in [("subnet_group", "subnet group"), ("parameter_group", "parameter group")] {
        let group = Some("gigadb-typo".to_owned());
        let side = world.side("sydney");
        (side.subnet_group, side.parameter_group) =
            if key == "subnet_group" { (group, None) } else { (None, group) };
        let told = refused_at_once(&world).await;
        assert!(told.contains(&format!("there is no {what} `gigadb-typo` in ap-southeast-2")), "{told}");
        assert!(told.contains(key), "{told}");
        let seen = world.store().await.inspect(Depth::Preflight).await.unwrap();
        assert!(seen.problems.iter().any(|it| it.fatal && it.message.contains("gigadb-typo")), "{seen:?}");
    }
}

#[tokio::test]
async fn an_encrypted_copy_without_a_key_of_the_target_region_is_refused() {
    let mut world = world().await;
    let key = world.side("sydney").kms_key.take();
    let told = refused_at_once(&world).await;
    assert!(told.contains("`kms_key`"), "{told}");
    let seen = world.store().await.inspect(Depth::Preflight).await.unwrap();
    assert!(
        seen.problems
            .iter()
            .any(|it| it.fatal && it.side == Some(sydney()) && it.message.contains("encrypted"))
    );
    // A key of the other region: AWS says no, at the copy.
    world.side("sydney").kms_key = Some(world.pair.of("hongkong", "kms_key"));
    let refused = world.sync(SyncPurpose::Routine, 2).await.unwrap_err();
    assert!(refused.to_string().contains("`kms_key` of its own region"), "{refused}");
    world.side("sydney").kms_key = key;
    world.sync(SyncPurpose::Routine, 2).await.unwrap();
}

#[tokio::test]
async fn names_that_are_taken_belong_to_whoever_has_them() {
    let world = world().await;
    world.pair.told("instance", "sydney", json!({ "make": "gigadb-live-202611211201" })).await;
    let refused = world.sync(SyncPurpose::Routine, 1).await.unwrap_err().to_string();
    assert!(refused.contains("gigadb-live-202611211201") && refused.contains("taken"), "{refused}");
    // Another key goes round it, and it is still there afterwards.
    world.sync(SyncPurpose::Routine, 2).await.unwrap();
    assert!(world.names(&sydney()).await.contains(&"gigadb-live-202611211201".to_owned()));
}

#[tokio::test]
async fn names_that_rds_would_refuse_never_reach_it() {
    let mut world = world().await;
    for name in ["Gigadb", "gigadb--live", "a-name-that-leaves-no-room-for-what-is-made-of-it"] {
        world.side("sydney").instance = name.to_owned();
        let refused = world.connect().await.unwrap_err().to_string();
        assert!(refused.contains("side sydney") && refused.contains(name), "{refused}");
    }
    world.side("sydney").instance = "gigadb-lvie".to_owned();
    let seen = world.store().await.inspect(Depth::Glance).await.unwrap();
    assert!(seen.unread[&sydney()].contains("there are: gigadb-live"), "{seen:?}");
}

#[tokio::test]
async fn what_was_replaced_is_kept_until_the_next_success_and_others_instances_for_good() {
    let world = world().await;
    let mut notes = Vec::new();
    for number in 1..4 {
        notes = world.sync(SyncPurpose::Routine, number).await.unwrap().notes;
    }
    assert_eq!(
        world.names(&sydney()).await,
        ["gigadb-live", "gigadb-live-before-202611211201", "gigadb-live-before-202611211203"],
        "the first is the one that somebody else made"
    );
    assert!(
        notes
            .iter()
            .any(|note| note.contains("before-202611211201") && note.contains("not made by Switchover"))
    );
}

#[tokio::test]
async fn what_no_other_side_has_is_never_deleted() {
    let world = world().await;
    world.sync(SyncPurpose::Routine, 1).await.unwrap();
    world.store().await.thaw(&sydney()).await.unwrap();
    world.wrote(&sydney(), "only here", "x").await;
    let overwrite = SyncOrder { overwrite: true, ..order(&hongkong(), SyncPurpose::Routine, 2) };
    world.ordered(&overwrite).await.unwrap();
    for number in 3..5 {
        world.sync(SyncPurpose::Routine, number).await.unwrap();
    }
    let kept = json!({ "name": "gigadb-live-before-202611211202" });
    let content = world.pair.told("read", "sydney", kept).await;
    assert_eq!(content["content"]["only here"], "x");
}

#[tokio::test]
async fn a_former_production_that_came_back_is_not_overwritten() {
    let world = world().await;
    world.sync(SyncPurpose::Routine, 1).await.unwrap();
    world.wrote(&hongkong(), "late", "never copied").await;
    // The failover: hongkong is lost, sydney opened.
    world.pair.lose("hongkong", true).await;
    world.store().await.thaw(&sydney()).await.unwrap();
    world.wrote(&sydney(), "b", "2").await;
    world.pair.lose("hongkong", false).await;
    let refused = world.sync_from(&sydney(), SyncPurpose::Routine, 2).await.unwrap_err();
    assert!(matches!(refused, DataError::Guarded { .. }), "{refused}");
    assert_eq!(world.read(&hongkong()).await["late"], "never copied");
}

#[tokio::test]
async fn an_interrupted_renaming_is_told_and_finished() {
    let world = world().await;
    world.sync(SyncPurpose::Routine, 1).await.unwrap();
    world.wrote(&hongkong(), "a", "2").await;
    // The old instance is renamed; the new one is refused its name.
    let rename = json!({ "kind": "error", "code": "InvalidParameterValue", "skip": 1 });
    world.fault(&sydney(), "ModifyDBInstance", rename).await;
    let stopped = world.sync(SyncPurpose::Routine, 2).await;
    assert!(matches!(stopped, Err(DataError::Failed { .. })), "{stopped:?}");
    assert!(!world.names(&sydney()).await.contains(&LIVE.to_owned()));
    let seen = world.store().await.inspect(Depth::Glance).await.unwrap();
    assert!(seen.problems.iter().any(|it| it.message.contains("interrupted")), "{seen:?}");
    assert!(matches!(seen.sides[&sydney()].access, Access::Frozen { until: None, .. }));
    // The next one finishes it first, and then has an instance to replace.
    world.sync(SyncPurpose::Routine, 3).await.unwrap();
    let names = world.names(&sydney()).await;
    assert!(
        names.contains(&LIVE.to_owned()) && names.contains(&"gigadb-live-before-202611211203".to_owned()),
        "{names:?}"
    );
    assert_eq!(world.read(&sydney()).await["a"], "2");
}

#[tokio::test]
async fn without_a_guard_nothing_is_frozen_and_nothing_is_complete() {
    let mut world = world().await;
    world.guarded = false;
    world.sync(SyncPurpose::Routine, 1).await.unwrap();
    let store = world.store().await;
    assert_eq!(store.inspect(Depth::Glance).await.unwrap().sides[&sydney()].access, Access::Unguarded);
    let frozen = store.freeze(&hongkong(), &freeze_by("run-2", None)).await;
    assert!(matches!(frozen, Err(DataError::NotFrozen { .. })), "{frozen:?}");
    let last = world.sync(SyncPurpose::Final, 2).await;
    assert!(matches!(last, Err(DataError::NotFrozen { .. })), "{last:?}");
}

#[tokio::test]
async fn only_a_freeze_of_the_same_run_that_lasted_makes_a_copy_complete() {
    let world = world().await;
    world.freeze(&hongkong(), 7).await;
    let other = world.sync(SyncPurpose::Final, 1).await;
    assert!(matches!(&other, Err(DataError::NotFrozen { why, .. }) if why.contains("run-7")), "{other:?}");
    world.store().await.thaw(&hongkong()).await.unwrap();
    // It ends while the snapshot is taken.
    world.slowly(1.0).await;
    world.freeze(&hongkong(), 2).await;
    let ends = async {
        while !world.pair.asked("hongkong").await.contains(&"CreateDBSnapshot".to_owned()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        world.pair.told("guard", "hongkong", json!({ "name": LIVE, "do": "release" })).await;
    };
    let (ended, ()) = tokio::join!(world.sync(SyncPurpose::Final, 2), ends);
    assert!(matches!(ended, Err(DataError::NotFrozen { .. })), "{ended:?}");
    // It ran out before.
    let lease = Some(Duration::from_millis(50));
    world.store().await.freeze(&hongkong(), &freeze_by("run-3", lease)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let lapsed = world.sync(SyncPurpose::Final, 3).await;
    assert!(matches!(lapsed, Err(DataError::Lapsed { .. })), "{lapsed:?}");
    assert_eq!(world.store().await.inspect(Depth::Glance).await.unwrap().sides[&sydney()].copied, None);
}

#[tokio::test]
async fn the_snapshot_of_one_run_is_not_taken_for_anothers() {
    let world = world().await;
    world.freeze(&hongkong(), 1).await;
    world.sync(SyncPurpose::Final, 1).await.unwrap();
    world.store().await.thaw(&hongkong()).await.unwrap();
    world.wrote(&hongkong(), "a", "2").await;
    world.freeze(&hongkong(), 2).await;
    let same_minute = SyncOrder { key: key(1), ..order(&hongkong(), SyncPurpose::Final, 2) };
    world.ordered(&same_minute).await.unwrap();
    assert_eq!(world.read(&sydney()).await["a"], "2");
}

#[tokio::test]
async fn backups_are_made_listed_restored_verified_and_removed_by_key() {
    let (world, watcher) = (world().await, Watcher::lenient());
    let backups = world.store().await;
    assert_eq!(backups.list().await.unwrap(), []);
    let made = backups.create(&hongkong(), &key(1), &watcher).await.unwrap();
    assert_eq!(made.state, BackupState::Complete);
    let manifest = made.manifest.clone().unwrap();
    assert_eq!((&manifest.source, &manifest.key, manifest.bytes), (&hongkong(), &key(1), 20 << 30));
    assert_eq!(manifest.versions["server"], "15.4");
    world.wrote(&hongkong(), "a", "2").await;
    assert_eq!(backups.create(&hongkong(), &key(1), &watcher).await.unwrap(), made, "it is not made again");
    backups.create(&hongkong(), &key(2), &watcher).await.unwrap();
    backups.restore(&key(1), &sydney(), &watcher).await.unwrap();
    assert_eq!(world.read(&sydney()).await["a"], "1");
    backups.prove_frozen(&sydney()).await.unwrap();
    let verified = backups.verify(&key(2), &sydney(), Verification::Content, &watcher).await.unwrap();
    assert!(verified.manifest.unwrap().verified.is_some());
    assert_eq!(world.read(&sydney()).await["a"], "1", "a verification leaves the stand-by alone");
    let keys =
        |all: Vec<switchover::model::Backup>| all.into_iter().map(|one| one.key).collect::<Vec<BackupKey>>();
    assert_eq!(keys(backups.list().await.unwrap()), [key(1), key(2)]);
    for _ in 0..2 {
        backups.remove(&key(1)).await.unwrap();
    }
    assert_eq!(keys(backups.list().await.unwrap()), [key(2)]);
    let gone = backups.restore(&key(1), &sydney(), &watcher).await;
    assert!(matches!(gone, Err(DataError::BadBackup { .. })), "{gone:?}");
}

#[tokio::test]
async fn the_address_of_an_instance_is_looked_up() {
    let world = world().await;
    let connection = world.options.connection(&hongkong()).unwrap();
    let found = Endpoint::look_up(&hongkong(), connection.clone(), LIVE, Meter::default()).await.unwrap();
    assert!(found.address.starts_with("gigadb-live.") && found.address.contains("ap-east-1"), "{found:?}");
    assert_eq!(
        (found.port, found.status.as_str(), found.engine_version.as_str()),
        (5432, "available", "15.4")
    );
    assert_eq!((found.master_user.as_str(), found.database.as_deref()), ("gigadb", Some("gigadb")));
    let missing = Endpoint::look_up(&hongkong(), connection, "gigadb", Meter::default()).await.unwrap_err();
    assert!(missing.to_string().contains("there are: gigadb-live"), "{missing}");
}

#[tokio::test]
async fn an_instance_that_is_full_or_broken_is_told() {
    let world = world().await;
    for (state, advice) in
        [("storage-full", "storage"), ("incompatible-parameters", "events"), ("stopped", "start it")]
    {
        world.pair.told("instance", "hongkong", json!({ "name": LIVE, "set": { "status": state } })).await;
        let seen = world.store().await.inspect(Depth::Glance).await.unwrap();
        let told = seen.problems.iter().find(|it| it.fatal && it.message.contains(state)).unwrap();
        assert!(told.advice.as_ref().unwrap().contains(advice), "{told:?}");
        assert!(matches!(world.sync(SyncPurpose::Routine, 1).await, Err(DataError::Unfit { .. })));
    }
}

#[tokio::test]
async fn one_instance_on_both_sides_is_told() {
    let mut world = world().await;
    *world.side("sydney") = world.side("hongkong").clone();
    let seen = world.store().await.inspect(Depth::Glance).await.unwrap();
    assert!(seen.problems.iter().any(|it| it.fatal && it.message.contains("same instance")), "{seen:?}");
    assert_eq!(seen.sides[&sydney()].identity, seen.sides[&hongkong()].identity);
}

/// The lease is renewed on production. In the snapshot it stands as it was, and runs out before the copy is restored.
#[tokio::test]
async fn a_lease_that_runs_out_in_the_copy_stops_nothing() {
    let world = World::new(RdsMethod::Snapshot).await;
    world.slowly(1.2).await;
    let store = world.store().await;
    let lease = freeze_by("run-2", Some(Duration::from_millis(2500)));
    store.freeze(&hongkong(), &lease).await.unwrap();
    let renewed = async {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            store.freeze(&hongkong(), &lease).await.unwrap();
        }
    };
    let synced = tokio::select! {
        synced = world.sync(SyncPurpose::Final, 2) => synced.unwrap(),
        () = renewed => unreachable!("it never ends"),
    };
    assert!(synced.copied.complete, "{synced:?}");
    let access = store.inspect(Depth::Glance).await.unwrap().sides[&sydney()].access.clone();
    assert!(matches!(access, Access::Frozen { until: None, .. }), "{access:?}");
}
