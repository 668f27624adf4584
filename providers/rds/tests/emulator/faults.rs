//! Answers that get lost, throttling, bad ends, and time that runs out: a clear error, the old data untouched, the next run works.

use std::time::Duration;

use serde_json::json;
use switchover::port::{DataError, SyncOrder, SyncPurpose};
use switchover_rds::RdsMethod;
use switchover_tests::contract::store::order;

use crate::world::{LIVE, World, hongkong, sydney};

const SNAPSHOT_CALLS: [(&str, bool); 6] = [
    ("CreateDBSnapshot", true),
    ("ModifyDBSnapshotAttribute", true),
    ("CopyDBSnapshot", false),
    ("RestoreDBInstanceFromDBSnapshot", false),
    ("ModifyDBInstance", false),
    ("DeleteDBInstance", false),
];
const REPLICA_CALLS: [(&str, bool); 3] =
    [("CreateDBInstanceReadReplica", false), ("PromoteReadReplica", false), ("ModifyDBInstance", false)];

/// Two syncs, so that there is an old one to rename and an older one to delete.
async fn synced_twice(method: RdsMethod) -> World {
    let world = World::new(method).await;
    world.wrote(&hongkong(), "a", "1").await;
    for number in 1..3 {
        world.sync(SyncPurpose::Routine, number).await.unwrap();
    }
    world.wrote(&hongkong(), "a", "2").await;
    world
}

#[tokio::test]
async fn a_call_whose_answer_is_lost_is_found_to_be_done() {
    for (action, at_source) in SNAPSHOT_CALLS {
        let world = synced_twice(RdsMethod::Snapshot).await;
        let side = if at_source { hongkong() } else { sydney() };
        world.fault(&side, action, json!({ "kind": "lost" })).await;
        world.sync(SyncPurpose::Routine, 3).await.unwrap_or_else(|error| panic!("{action}: {error}"));
        assert_eq!(world.read(&sydney()).await, world.read(&hongkong()).await, "{action}");
        assert!(world.pair.asked(side.as_str()).await.iter().filter(|asked| *asked == action).count() >= 2);
    }
}

#[tokio::test]
async fn a_call_none_of_whose_answers_arrives_is_looked_for_by_its_name() {
    for action in
        ["CreateDBSnapshot", "CopyDBSnapshot", "RestoreDBInstanceFromDBSnapshot", "ModifyDBInstance"]
    {
        let world = synced_twice(RdsMethod::Snapshot).await;
        let side = if action == "CreateDBSnapshot" { hongkong() } else { sydney() };
        world.fault(&side, action, json!({ "kind": "lost", "times": 3 })).await;
        world.sync(SyncPurpose::Routine, 3).await.unwrap_or_else(|error| panic!("{action}: {error}"));
        assert_eq!(world.read(&sydney()).await, world.read(&hongkong()).await, "{action}");
    }
}

#[tokio::test]
async fn a_lost_answer_in_the_replicas_way_changes_nothing() {
    for (action, _) in REPLICA_CALLS {
        let world = World::new(RdsMethod::Replica).await;
        world.wrote(&hongkong(), "a", "1").await;
        world.fault(&sydney(), action, json!({ "kind": "lost" })).await;
        world.sync(SyncPurpose::Routine, 1).await.unwrap_or_else(|error| panic!("{action}: {error}"));
        world.swap(&hongkong(), &sydney(), 2).await;
        world.wrote(&sydney(), "b", "2").await;
    }
}

#[tokio::test]
async fn throttling_is_left_to_the_sdk_and_told_when_it_does_not_end() {
    let world = synced_twice(RdsMethod::Snapshot).await;
    let throttle =
        |times: u32| json!({ "kind": "error", "code": "Throttling", "status": 400, "times": times });
    world.fault(&hongkong(), "CreateDBSnapshot", throttle(2)).await;
    world.sync(SyncPurpose::Routine, 3).await.unwrap();
    let before = world.read(&sydney()).await;
    world.wrote(&hongkong(), "a", "3").await;
    world.fault(&hongkong(), "CreateDBSnapshot", throttle(9)).await;
    let asked = world.pair.asked("hongkong").await.len();
    let refused = world.sync(SyncPurpose::Routine, 4).await.unwrap_err();
    assert!(
        matches!(&refused, DataError::Unreachable { why, .. } if why.contains("Throttling")),
        "{refused}"
    );
    let tries = world.pair.asked("hongkong").await.split_off(asked);
    assert_eq!(
        tries.iter().filter(|action| *action == "CreateDBSnapshot").count(),
        3,
        "the SDK's tries, and no more"
    );
    assert_eq!(world.read(&sydney()).await, before);
    world.pair.told("calm", "hongkong", json!({})).await;
    world.sync(SyncPurpose::Routine, 5).await.unwrap();
    assert_eq!(world.read(&sydney()).await, world.read(&hongkong()).await);
}

#[tokio::test]
async fn what_comes_to_a_bad_end_is_told_and_made_anew_by_the_next() {
    for (action, at_source, state) in [
        ("CreateDBSnapshot", true, "failed"),
        ("CopyDBSnapshot", false, "failed"),
        ("RestoreDBInstanceFromDBSnapshot", false, "incompatible-restore"),
    ] {
        let world = synced_twice(RdsMethod::Snapshot).await;
        let (side, before) = (if at_source { hongkong() } else { sydney() }, world.read(&sydney()).await);
        world.fault(&side, action, json!({ "kind": "fail" })).await;
        let told = world.sync(SyncPurpose::Routine, 3).await.unwrap_err().to_string();
        assert!(told.contains(state), "{action}: {told}");
        assert_eq!(world.read(&sydney()).await, before, "{action}");
        world.sync(SyncPurpose::Routine, 3).await.unwrap_or_else(|error| panic!("{action}: {error}"));
        assert_eq!(world.read(&sydney()).await, world.read(&hongkong()).await, "{action}");
        let states = world.snapshots(&sydney()).await;
        assert!(states.values().all(|state| state == "available"), "{states:?}");
    }
}

#[tokio::test]
async fn a_replica_that_comes_to_a_bad_end_is_made_anew() {
    let world = World::new(RdsMethod::Replica).await;
    world.fault(&sydney(), "CreateDBInstanceReadReplica", json!({ "kind": "fail" })).await;
    let told = world.sync(SyncPurpose::Routine, 1).await.unwrap_err().to_string();
    assert!(told.contains("incompatible-network"), "{told}");
    world.sync(SyncPurpose::Routine, 2).await.unwrap();
    assert_eq!(world.names(&sydney()).await.len(), 2, "the broken one is gone");
}

#[tokio::test]
async fn a_deadline_ends_the_wait_in_any_state_and_the_next_sync_goes_on_from_there() {
    let world = synced_twice(RdsMethod::Snapshot).await;
    let before = world.read(&sydney()).await;
    let mut ended_in = Vec::new();
    for (number, slow) in (3..).zip([60.0, 0.15, 0.12, 0.09]) {
        world.slowly(slow).await;
        let deadline = Duration::from_millis(if slow > 1.0 { 300 } else { 450 });
        let order = SyncOrder { deadline, ..order(&hongkong(), SyncPurpose::Routine, number) };
        match world.ordered(&order).await {
            Err(DataError::Failed { why, .. }) => {
                assert!(why.contains("not done within") && why.contains("goes on from there"), "{why}");
                ended_in.push(why);
                assert_eq!(world.read(&sydney()).await, before);
            }
            other => panic!("{other:?}"),
        }
        if slow > 1.0 {
            // What is under way at AWS goes on whoever waits; here it would for a minute.
            for name in world.snapshots(&hongkong()).await.keys() {
                let told = json!({ "name": name, "set": { "status": "available" } });
                world.pair.told("snapshot", "hongkong", told).await;
            }
            world
                .pair
                .told("instance", "hongkong", json!({ "name": LIVE, "set": { "status": "available" } }))
                .await;
        }
    }
    world.slowly(0.01).await;
    world.sync(SyncPurpose::Routine, 6).await.unwrap();
    assert_eq!(world.read(&sydney()).await, world.read(&hongkong()).await, "{ended_in:?}");
}

#[tokio::test]
async fn a_network_that_is_gone_for_a_moment_does_not_end_a_long_wait() {
    let world = synced_twice(RdsMethod::Snapshot).await;
    world.slowly(0.4).await;
    let cut = async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        world.pair.lose("hongkong", true).await;
        tokio::time::sleep(Duration::from_millis(1500)).await;
        world.pair.lose("hongkong", false).await;
    };
    let order = order(&hongkong(), SyncPurpose::Routine, 3);
    let (end, ()) = tokio::join!(world.ordered(&order), cut);
    // Whether it was cut in a wait or in a call, what it did is right, and the next one goes on.
    if end.is_err() {
        world.sync(SyncPurpose::Routine, 3).await.unwrap();
    }
    assert_eq!(world.read(&sydney()).await, world.read(&hongkong()).await);
}
