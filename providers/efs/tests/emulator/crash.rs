//! A process that dies at any moment: the same order by another process gets to the end.

use switchover::port::{Depth, Store, SyncPurpose};
use switchover_tests::contract::store::order;
use switchover_tests::polls::polled;

use crate::world::{World, hongkong, sydney};

#[tokio::test]
async fn a_final_sync_that_is_dropped_at_any_moment_is_finished_by_the_next() {
    let world = World::new().await;
    let (mut drops, mut polls) = (0, 1_u32);
    for number in 0..60 {
        world.wrote(&hongkong(), "counter", &number.to_string()).await;
        world.freeze(&hongkong(), number).await;
        let order = order(&hongkong(), SyncPurpose::Final, number);
        let end = polled(world.ordered(&order), polls).await;
        let again = world.ordered(&order).await.unwrap();
        assert!(again.copied.complete, "{again:?}");
        assert_eq!(world.read(&sydney()).await, world.read(&hongkong()).await);
        assert_eq!(world.system(&sydney()).await["writable"], false, "the stand-by is open");
        let seen = world.store().await.inspect(Depth::Glance).await.unwrap();
        assert_eq!(seen.sides[&sydney()].copied.as_ref(), Some(&again.copied));
        world.store().await.thaw(&hongkong()).await.unwrap();
        if end.is_some() {
            assert!(drops > 10, "{drops} drops show little");
            return;
        }
        (drops, polls) = (drops + 1, polls + 1 + polls / 3);
    }
    panic!("{polls} polls are not enough");
}
