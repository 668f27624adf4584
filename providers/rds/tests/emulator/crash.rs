//! A process that dies at any moment: what it left is never taken for a copy, and the next one gets to the end.

use switchover::port::{Depth, Store, SyncOrder, SyncPurpose};
use switchover_rds::RdsMethod;
use switchover_tests::contract::store::{Content, order};
use switchover_tests::polls::polled;

use crate::world::{World, hongkong, sydney};

/// Numbers of polls that grow by a third or so: dense at first, and at the end of a long sync still many.
fn growing() -> impl Iterator<Item = u32> {
    std::iter::successors(Some(1_u32), |polls| Some(polls + 1 + polls / 3))
}

/// After a drop the stand-by holds what it held, or all of the new, and says which.
async fn is_old_or_new(world: &World, order: &SyncOrder, old: &Content, new: &Content) {
    let found = world.read(&sydney()).await;
    assert!(found == *old || found == *new, "{found:?} is neither {old:?} nor {new:?}");
    let seen = world.store().await.inspect(Depth::Glance).await.unwrap();
    assert!(seen.unread.is_empty(), "{seen:?}");
    let copied = seen.sides[&sydney()].copied.as_ref();
    if copied.is_some_and(|copied| copied.run == order.run) {
        assert_eq!(found, *new, "it says that it has what it has not");
    }
}

async fn dropped_routine_syncs(method: RdsMethod) {
    let world = World::new(method).await;
    let mut drops = 0;
    for (number, polls) in growing().enumerate() {
        let number = u32::try_from(number).unwrap();
        let order = order(&hongkong(), SyncPurpose::Routine, number);
        let old = world.read(&sydney()).await;
        world.wrote(&hongkong(), "counter", &number.to_string()).await;
        let new = world.read(&hongkong()).await;
        let end = polled(world.ordered(&order), polls).await;
        if method == RdsMethod::Snapshot {
            is_old_or_new(&world, &order, &old, &new).await;
        }
        if let Some(end) = end {
            end.unwrap();
            assert_eq!(world.read(&sydney()).await, new);
            break;
        }
        drops += 1;
        assert!(number < 59, "{polls} polls are not enough");
    }
    assert!(drops > 10, "{drops} drops show little");
    // Nothing that waits for a place is left.
    let names = world.names(&sydney()).await;
    assert!(names.iter().all(|name| name == "gigadb-live" || name.contains("-before-")), "{names:?}");
}

#[tokio::test]
async fn a_sync_by_snapshot_that_is_dropped_at_any_moment_leaves_old_or_new() {
    dropped_routine_syncs(RdsMethod::Snapshot).await;
}

#[tokio::test]
async fn a_sync_by_replica_that_is_dropped_at_any_moment_is_made_good() {
    dropped_routine_syncs(RdsMethod::Replica).await;
}

/// The last sync of a run is dropped, and ordered again by another process, at every moment.
async fn dropped_final_syncs(method: RdsMethod) {
    let world = World::new(method).await;
    let mut drops = 0;
    for (number, polls) in growing().enumerate() {
        let number = u32::try_from(number).unwrap();
        world.wrote(&hongkong(), "counter", &number.to_string()).await;
        world.freeze(&hongkong(), number).await;
        let order = order(&hongkong(), SyncPurpose::Final, number);
        let end = polled(world.ordered(&order), polls).await;
        let again = world.ordered(&order).await.unwrap();
        assert!(again.copied.complete, "{again:?}");
        assert_eq!(world.read(&sydney()).await, world.read(&hongkong()).await);
        let seen = world.store().await.inspect(Depth::Glance).await.unwrap();
        assert_eq!(seen.sides[&sydney()].copied.as_ref(), Some(&again.copied));
        world.store().await.prove_frozen(&sydney()).await.unwrap();
        world.store().await.thaw(&hongkong()).await.unwrap();
        if end.is_some() {
            break;
        }
        drops += 1;
        assert!(number < 59, "{polls} polls are not enough");
    }
    assert!(drops > 10, "{drops} drops show little");
}

#[tokio::test]
async fn a_final_sync_by_snapshot_that_is_dropped_at_any_moment_is_finished_by_the_next() {
    dropped_final_syncs(RdsMethod::Snapshot).await;
}

#[tokio::test]
async fn a_final_sync_by_replica_that_is_dropped_at_any_moment_is_finished_by_the_next() {
    dropped_final_syncs(RdsMethod::Replica).await;
}
