//! The road by read replica: what is waited for before it is promoted, and what is refused.

use std::time::Duration;

use serde_json::json;
use switchover::port::{DataError, Depth, Store, SyncOrder, SyncPurpose};
use switchover_rds::RdsMethod;
use switchover_tests::contract::store::order;

use crate::world::{LIVE, World, hongkong, sydney};

async fn followed() -> World {
    let world = World::new(RdsMethod::Replica).await;
    world.wrote(&hongkong(), "a", "1").await;
    world.sync(SyncPurpose::Routine, 1).await.unwrap();
    world
}

async fn is_replica(world: &World) -> bool {
    world.instance(&sydney(), LIVE).await["source"].is_string()
}

#[tokio::test]
async fn the_stream_is_told_with_its_state() {
    let world = followed().await;
    let stream = world.store().await.inspect(Depth::Glance).await.unwrap().stream.unwrap();
    assert_eq!((&stream.from, stream.running, stream.state.as_str()), (&hongkong(), true, "replicating"));
    world.pair.told("instance", "sydney", json!({ "name": LIVE, "replication": "error" })).await;
    let stream = world.store().await.inspect(Depth::Glance).await.unwrap().stream.unwrap();
    assert!(!stream.running && stream.state == "error", "{stream:?}");
}

#[tokio::test]
async fn a_replica_that_does_not_replay_is_not_promoted() {
    for state in ["error", "terminated", "replication stop point set"] {
        let world = followed().await;
        world.pair.told("instance", "sydney", json!({ "name": LIVE, "replication": state })).await;
        world.freeze(&hongkong(), 2).await;
        let refused = world.sync(SyncPurpose::Final, 2).await.unwrap_err();
        assert!(matches!(&refused, DataError::Unfit { why, .. } if why.contains(state)), "{refused}");
        assert!(is_replica(&world).await);
    }
}

#[tokio::test]
async fn promotion_waits_until_everything_has_arrived() {
    let world = followed().await;
    world.pair.told("replay", "sydney", json!({ "name": LIVE, "hold": true })).await;
    world.wrote(&hongkong(), "last", "before the freeze").await;
    world.freeze(&hongkong(), 2).await;
    let short =
        SyncOrder { deadline: Duration::from_millis(200), ..order(&hongkong(), SyncPurpose::Final, 2) };
    let refused = world.ordered(&short).await.unwrap_err();
    assert!(matches!(&refused, DataError::Failed { why, .. } if why.contains("arrived")), "{refused}");
    assert!(is_replica(&world).await, "it was promoted without the last write");
    world.pair.told("replay", "sydney", json!({ "name": LIVE, "hold": false })).await;
    world.sync(SyncPurpose::Final, 2).await.unwrap();
    assert!(!is_replica(&world).await);
    assert_eq!(world.read(&sydney()).await["last"], "before the freeze");
}

#[tokio::test]
async fn promotion_waits_for_a_backup_that_is_being_made() {
    let world = followed().await;
    world.freeze(&hongkong(), 2).await;
    world.pair.told("instance", "sydney", json!({ "name": LIVE, "set": { "status": "backing-up" } })).await;
    let over = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let asked = world.pair.asked("sydney").await;
        assert!(
            !asked.contains(&"PromoteReadReplica".to_owned()),
            "it was asked for while a backup was made"
        );
        world
            .pair
            .told("instance", "sydney", json!({ "name": LIVE, "set": { "status": "available" } }))
            .await;
    };
    let (end, ()) = tokio::join!(world.sync(SyncPurpose::Final, 2), over);
    end.unwrap();
    assert!(!is_replica(&world).await);
}

#[tokio::test]
async fn a_backup_that_begins_between_look_and_promotion_is_waited_for_too() {
    let world = followed().await;
    world.freeze(&hongkong(), 2).await;
    let busy = json!({ "kind": "error", "code": "InvalidDBInstanceState", "times": 2 });
    world.fault(&sydney(), "PromoteReadReplica", busy).await;
    world.sync(SyncPurpose::Final, 2).await.unwrap();
    assert!(!is_replica(&world).await);
}

#[tokio::test]
async fn after_a_swap_the_old_production_is_kept_and_a_replica_takes_its_place() {
    let world = followed().await;
    world.swap(&hongkong(), &sydney(), 2).await;
    world.wrote(&sydney(), "b", "2").await;
    world.sync_from(&sydney(), SyncPurpose::Routine, 3).await.unwrap();
    assert_eq!(world.read(&hongkong()).await, world.read(&sydney()).await);
    assert_eq!(world.names(&hongkong()).await, ["gigadb-live", "gigadb-live-before-202611211203"]);
    let stream = world.store().await.inspect(Depth::Glance).await.unwrap().stream.unwrap();
    assert_eq!(stream.from, sydney());
}

#[tokio::test]
async fn a_swap_that_is_undone_streams_again_the_old_way() {
    let world = followed().await;
    world.freeze(&hongkong(), 2).await;
    world.sync(SyncPurpose::Final, 2).await.unwrap();
    world.store().await.thaw(&hongkong()).await.unwrap();
    world.wrote(&hongkong(), "b", "2").await;
    world.sync(SyncPurpose::Routine, 3).await.unwrap();
    assert!(is_replica(&world).await);
    assert_eq!(world.read(&sydney()).await, world.read(&hongkong()).await);
}

#[tokio::test]
async fn two_accounts_are_refused_for_replicas() {
    let snapshots = World::new(RdsMethod::Snapshot).await;
    let mut world = World { options: snapshots.options.clone(), ..snapshots };
    world.options.method = RdsMethod::Replica;
    let refused = world.sync(SyncPurpose::Routine, 1).await.unwrap_err().to_string();
    assert!(refused.contains("one account") && refused.contains("snapshot"), "{refused}");
    let seen = world.store().await.inspect(Depth::Preflight).await.unwrap();
    assert!(seen.problems.iter().any(|it| it.fatal && it.message.contains("one account")), "{seen:?}");
}

#[tokio::test]
async fn a_source_without_automatic_backups_is_told() {
    let world = World::new(RdsMethod::Replica).await;
    let off = json!({ "name": LIVE, "set": { "backup_retention_period": 0 } });
    world.pair.told("instance", "hongkong", off).await;
    let refused = world.sync(SyncPurpose::Routine, 1).await.unwrap_err().to_string();
    assert!(refused.contains("backup retention"), "{refused}");
}
