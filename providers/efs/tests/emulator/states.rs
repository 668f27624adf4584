//! Every state of a replication, the policy that freezes, and what must never be overwritten.

use std::time::Duration;

use serde_json::json;
use switchover::port::{Access, DataError, Depth, Store, SyncOrder, SyncPurpose};
use switchover_efs::EfsFreeze;
use switchover_tests::contract::store::{Watcher, freeze_by, order};

use crate::control::Pair;
use crate::world::{World, hongkong, sydney};

async fn followed() -> World {
    let world = World::new().await;
    world.wrote(&hongkong(), "a", "1").await;
    world.sync(SyncPurpose::Routine, 1).await.unwrap();
    world
}

#[tokio::test]
async fn the_stream_is_told_with_its_state_and_up_to_when_it_has_everything() {
    let world = followed().await;
    let stream = world.store().await.inspect(Depth::Glance).await.unwrap().stream.unwrap();
    assert_eq!((&stream.from, stream.running, stream.state.as_str()), (&hongkong(), true, "ENABLED"));
    let before = stream.caught_up_to.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let stream = world.store().await.inspect(Depth::Glance).await.unwrap().stream.unwrap();
    assert!(stream.caught_up_to.unwrap() > before);
}

#[tokio::test]
async fn a_replication_that_is_stuck_is_told_and_never_ended() {
    let world = followed().await;
    world.freeze(&hongkong(), 2).await;
    for (status, advice) in [("ERROR", "backup"), ("PAUSED", "opt in")] {
        world.replication(json!({ "status": status, "message": "no access to the key" })).await;
        for purpose in [SyncPurpose::Routine, SyncPurpose::Final] {
            let refused = world.sync(purpose, 2).await.unwrap_err();
            assert!(matches!(refused, DataError::Unfit { .. }), "{refused}");
            let told = refused.to_string();
            assert!(
                told.contains(status) && told.contains("no access to the key") && told.contains(advice),
                "{told}"
            );
        }
        let seen = world.store().await.inspect(Depth::Glance).await.unwrap();
        assert!(seen.problems.iter().any(|it| it.fatal && it.message.contains(status)), "{seen:?}");
        assert!(!seen.stream.unwrap().running);
    }
    assert_eq!(world.replication(json!({})).await["status"], "PAUSED");
}

#[tokio::test]
async fn a_state_that_passes_is_waited_for() {
    for status in ["ENABLING", "PAUSING"] {
        let world = followed().await;
        world.replication(json!({ "status": status })).await;
        let over = async {
            tokio::time::sleep(Duration::from_millis(150)).await;
            world.replication(json!({ "status": "ENABLED" })).await;
        };
        let (end, ()) = tokio::join!(world.sync(SyncPurpose::Routine, 2), over);
        end.unwrap();
    }
    // A replication that is being deleted is made anew.
    let world = followed().await;
    world.store().await.thaw(&sydney()).await.unwrap();
    let overwrite = SyncOrder { overwrite: true, ..order(&hongkong(), SyncPurpose::Routine, 3) };
    world.ordered(&overwrite).await.unwrap();
    assert_eq!(world.replication(json!({})).await["status"], "ENABLED");
}

#[tokio::test]
async fn a_creation_that_ends_in_error_is_told() {
    let world = World::new().await;
    world.fault(&hongkong(), "CreateReplicationConfiguration", json!({ "kind": "fail" })).await;
    let refused = world.sync(SyncPurpose::Routine, 1).await.unwrap_err().to_string();
    assert!(refused.contains("ERROR"), "{refused}");
}

#[tokio::test]
async fn the_last_sync_waits_for_a_round_that_began_after_the_freeze() {
    let world = followed().await;
    world.replication(json!({ "paused": true })).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.wrote(&hongkong(), "last", "before the freeze").await;
    world.freeze(&hongkong(), 2).await;
    let short =
        SyncOrder { deadline: Duration::from_millis(500), ..order(&hongkong(), SyncPurpose::Final, 2) };
    let refused = world.ordered(&short).await.unwrap_err();
    assert!(
        matches!(&refused, DataError::Failed { why, .. } if why.contains("after the freeze")),
        "{refused}"
    );
    assert_eq!(
        world.replication(json!({})).await["status"],
        "ENABLED",
        "it was ended without the last write"
    );
    world.replication(json!({ "paused": false })).await;
    let done = world.sync(SyncPurpose::Final, 2).await.unwrap();
    assert!(done.copied.complete);
    assert_eq!(world.read(&sydney()).await["last"], "before the freeze");
    assert_eq!(world.replication(json!({})).await["status"], json!(null));
    assert_eq!(world.system(&sydney()).await["protection"], "ENABLED");
}

#[tokio::test]
async fn the_stand_by_stays_read_only_when_the_replication_ends() {
    let world = followed().await;
    world.freeze(&hongkong(), 2).await;
    // Nobody can write at any moment in between.
    let watch = async {
        loop {
            let refused = world.write(&sydney(), "straggler", Some("x")).await;
            assert!(refused.is_err(), "the stand-by took a write");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        end = world.sync(SyncPurpose::Final, 2) => { end.unwrap(); }
        () = watch => {}
    }
    assert_eq!(world.system(&sydney()).await["writable"], false);
    world.store().await.prove_frozen(&sydney()).await.unwrap();
}

#[tokio::test]
async fn what_is_production_is_never_made_a_destination() {
    let world = followed().await;
    world.freeze(&hongkong(), 2).await;
    world.sync(SyncPurpose::Final, 2).await.unwrap();
    world.store().await.thaw(&sydney()).await.unwrap();
    world.wrote(&sydney(), "b", "2").await;
    // Somebody who believes that hongkong still is production.
    for purpose in [SyncPurpose::Routine, SyncPurpose::Rehearsal] {
        let refused = world.sync(purpose, 3).await.unwrap_err();
        assert!(matches!(refused, DataError::Guarded { .. }), "{refused}");
    }
    assert_eq!(world.system(&sydney()).await["protection"], "ENABLED");
    // The right way needs no permission to overwrite; whoever lost the pair while it worked unprotects nothing.
    let back = order(&sydney(), SyncPurpose::Routine, 4);
    let lost = world.store().await.sync(&back, &Watcher::permitting(1)).await;
    assert_eq!(lost, Err(DataError::Lost));
    assert_eq!(world.system(&hongkong()).await["protection"], "ENABLED");
    world.ordered(&back).await.unwrap();
    assert_eq!(world.system(&hongkong()).await["protection"], "REPLICATING");
}

#[tokio::test]
async fn a_replication_that_flows_from_the_stand_by_is_not_turned_without_asking() {
    let world = followed().await;
    let refused = world.ordered(&order(&sydney(), SyncPurpose::Routine, 2)).await.unwrap_err();
    assert!(matches!(refused, DataError::Guarded { .. }), "{refused}");
    assert_eq!(world.replication(json!({})).await["status"], "ENABLED");
}

#[tokio::test]
async fn a_failover_ends_the_replication_from_the_side_that_is_left() {
    let world = followed().await;
    world.pair.lose("hongkong", true).await;
    world.store().await.thaw(&sydney()).await.unwrap();
    world.wrote(&sydney(), "b", "2").await;
    world.pair.lose("hongkong", false).await;
    // The side that was lost may hold what never arrived.
    let refused = world.ordered(&order(&sydney(), SyncPurpose::Routine, 2)).await.unwrap_err();
    assert!(matches!(refused, DataError::Guarded { .. }), "{refused}");
}

#[tokio::test]
async fn answers_that_are_lost_change_nothing() {
    for times in [1, 3] {
        for (action, side) in [
            ("UpdateFileSystemProtection", sydney()),
            ("CreateReplicationConfiguration", hongkong()),
            ("DeleteReplicationConfiguration", sydney()),
        ] {
            let world = World::new().await;
            world.wrote(&hongkong(), "a", "1").await;
            world.fault(&side, action, json!({ "kind": "lost", "times": times })).await;
            world.sync(SyncPurpose::Routine, 1).await.unwrap_or_else(|error| panic!("{action}: {error}"));
            world.freeze(&hongkong(), 2).await;
            world.sync(SyncPurpose::Final, 2).await.unwrap_or_else(|error| panic!("{action}: {error}"));
            assert_eq!(world.read(&sydney()).await, world.read(&hongkong()).await);
        }
    }
}

#[tokio::test]
async fn throttling_is_left_to_the_sdk() {
    let world = World::new().await;
    let throttle =
        |times: u32| json!({ "kind": "error", "code": "ThrottlingException", "status": 400, "times": times });
    world.fault(&sydney(), "UpdateFileSystemProtection", throttle(9)).await;
    let refused = world.sync(SyncPurpose::Routine, 1).await.unwrap_err();
    assert!(
        matches!(&refused, DataError::Unreachable { why, .. } if why.contains("ThrottlingException")),
        "{refused}"
    );
    let tries = world.pair.asked("sydney").await;
    assert_eq!(
        tries.iter().filter(|action| *action == "UpdateFileSystemProtection").count(),
        3,
        "the SDK's, and no more"
    );
    world.pair.told("calm", "sydney", json!({})).await;
    world.sync(SyncPurpose::Routine, 2).await.unwrap();
}

#[tokio::test]
async fn a_file_system_of_another_replication_is_told() {
    let world = followed().await;
    let other = World::new().await;
    let mut mixed = World { options: world.options.clone(), pair: world.pair.clone(), mounted: true };
    mixed.options.sides.insert("sydney".into(), other.options.sides["sydney"].clone());
    let refused = mixed.sync(SyncPurpose::Routine, 1).await.unwrap_err().to_string();
    assert!(refused.contains("another replication"), "{refused}");
    let seen = mixed.store().await.inspect(Depth::Glance).await.unwrap();
    assert!(
        seen.problems.iter().any(|it| it.fatal && it.message.contains("another replication")),
        "{seen:?}"
    );
}

#[tokio::test]
async fn two_accounts_need_a_role() {
    let mut world = World::of(Pair::new(json!({})).await);
    let seen = world.store().await.inspect(Depth::Preflight).await.unwrap();
    assert_eq!(
        seen.problems.iter().filter(|it| it.fatal && it.message.contains("role")).count(),
        2,
        "{seen:?}"
    );
    let refused = world.sync(SyncPurpose::Routine, 1).await.unwrap_err().to_string();
    assert!(refused.contains("RoleArn"), "{refused}");
    for side in world.options.sides.values_mut() {
        side.role_arn = Some("arn:aws:iam::111122223333:role/efs-replication".into());
    }
    world.wrote(&hongkong(), "a", "1").await;
    world.sync(SyncPurpose::Routine, 2).await.unwrap();
    world.freeze(&hongkong(), 3).await;
    world.sync(SyncPurpose::Final, 3).await.unwrap();
    assert_eq!(world.read(&sydney()).await["a"], "1");
}

#[tokio::test]
async fn a_policy_of_others_survives_freeze_and_thaw() {
    let world = World::new().await;
    let theirs = json!({
        "Version": "2012-10-17",
        "Statement": [
            { "Sid": "all", "Effect": "Allow", "Principal": { "AWS": "*" }, "Resource": "*",
              "Action": ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
              "Condition": { "Bool": { "elasticfilesystem:AccessedViaMountTarget": "true" } } },
        ],
    });
    world.tell("system", &hongkong(), json!({ "policy": theirs })).await.unwrap();
    world.freeze(&hongkong(), 1).await;
    assert!(world.write(&hongkong(), "a", Some("1")).await.is_err());
    world.store().await.thaw(&hongkong()).await.unwrap();
    world.wrote(&hongkong(), "a", "1").await;
    let left = world.system(&hongkong()).await["policy"].as_str().unwrap().to_owned();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&left).unwrap(), theirs);
    // Where there was none, none is left.
    world.freeze(&sydney(), 1).await;
    world.store().await.thaw(&sydney()).await.unwrap();
    assert_eq!(world.system(&sydney()).await["policy"], json!(null));
}

#[tokio::test]
async fn a_policy_that_clients_do_not_feel_yet_is_no_freeze() {
    let mut world = World::new().await;
    // It settles later than the options believe.
    world.pair.told("steps", "hongkong", json!({ "policy": 5.0 })).await;
    let early = world.store().await.freeze(&hongkong(), &freeze_by("run-1", None)).await;
    assert!(matches!(early, Err(DataError::NotFrozen { .. })), "{early:?}");
    let proof = world.store().await.prove_frozen(&hongkong()).await;
    assert!(matches!(proof, Err(DataError::NotFrozen { .. })), "{proof:?}");
    // And where nothing can try a write, nothing is proved.
    world.mounted = false;
    world.store().await.freeze(&hongkong(), &freeze_by("run-1", None)).await.unwrap();
    let proof = world.store().await.prove_frozen(&hongkong()).await;
    assert!(matches!(&proof, Err(DataError::NotFrozen { why, .. }) if why.contains("mount")), "{proof:?}");
}

#[tokio::test]
async fn without_the_policy_nothing_is_frozen_and_nothing_is_complete() {
    let mut world = World::new().await;
    world.options.freeze = EfsFreeze::None;
    world.wrote(&hongkong(), "a", "1").await;
    world.sync(SyncPurpose::Routine, 1).await.unwrap();
    let seen = world.store().await.inspect(Depth::Preflight).await.unwrap();
    assert_eq!(seen.sides[&hongkong()].access, Access::Unguarded);
    let frozen = world.store().await.freeze(&hongkong(), &freeze_by("run-2", None)).await;
    assert!(matches!(frozen, Err(DataError::NotFrozen { .. })), "{frozen:?}");
    let last = world.sync(SyncPurpose::Final, 2).await;
    assert!(matches!(last, Err(DataError::NotFrozen { .. })), "{last:?}");
    assert_eq!(world.system(&sydney()).await["policy"], json!(null), "no policy was touched");
}

#[tokio::test]
async fn a_file_system_that_is_not_there_is_told() {
    let mut world = World::new().await;
    world.options.sides.get_mut("sydney").unwrap().file_system = "fs-00000000".into();
    let seen = world.store().await.inspect(Depth::Glance).await.unwrap();
    assert!(seen.unread[&sydney()].contains("no such file system"), "{seen:?}");
    assert!(seen.sides.contains_key(&hongkong()));
}
