//! One side by itself, while the other one is gone; and what is kept of a side before it is written over.

use std::time::Duration;

use jiff::Timestamp;
use switchover::port::{Access, DataError, KeepOrder, SyncOrder, SyncPurpose};

use super::{StoreHarness, Watcher, arrived, content, freeze_by, order, run, sides, synced, wrote};

/// A stand-by is looked at and taken over, and clients are let in, while production cannot be reached. What production takes later never
/// arrives there.
pub async fn a_stand_by_is_taken_over_while_production_cannot_be_reached(harness: &impl StoreHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1"), ("b", "2")]).await;
    let before = synced(harness, &order(&production, SyncPurpose::Routine, 1)).await;
    arrived(harness, &standby, &content(&[("a", "1"), ("b", "2")])).await;
    harness.take_away(&production).await;
    let store = harness.store().await;
    let seen = store.look(&standby).await.expect("a look at the stand-by");
    assert!(seen.newest.expect("a copy arrived") >= before.copied.as_of);
    assert_eq!(seen.unfinished, None);
    assert!(store.look(&production).await.is_err(), "production cannot be reached");
    for again in 0..2 {
        let taken = harness.store().await.take_over(&standby, &run("run-2")).await.expect("a takeover");
        assert!(taken.newest.expect("a copy arrived") >= before.copied.as_of, "{again}");
        let seen = harness.store().await.look(&standby).await.expect("a look");
        if !seen.receives {
            assert_eq!(seen.side.access, Access::Frozen { by: run("run-2"), until: None }, "{again}");
        }
    }
    harness.store().await.thaw(&standby).await.expect("a thaw");
    let open = harness.store().await.look(&standby).await.expect("a look");
    assert_eq!(open.side.access, Access::Writable);
    assert!(!open.receives);
    wrote(harness, &standby, &[("c", "3")]).await;
    harness.give_back(&production).await;
    wrote(harness, &production, &[("late", "4")]).await;
    harness.wait(Duration::from_secs(1)).await;
    let expected = content(&[("a", "1"), ("b", "2"), ("c", "3")]);
    assert_eq!(harness.read(&standby).await, expected);
    // A second takeover by another process of the run shuts nobody out.
    harness.store().await.take_over(&standby, &run("run-2")).await.expect("a takeover");
    wrote(harness, &standby, &[("d", "5")]).await;
}

/// What diverged is kept, once a run, and stays as it is for its clients; only then is it written over.
pub async fn what_a_side_holds_is_kept_before_it_is_written_over(harness: &impl StoreHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1"), ("b", "2")]).await;
    synced(harness, &order(&production, SyncPurpose::Routine, 1)).await;
    harness.store().await.take_over(&standby, &run("run-2")).await.expect("a takeover");
    harness.store().await.thaw(&standby).await.expect("a thaw");
    wrote(harness, &standby, &[("new", "3")]).await;
    wrote(harness, &production, &[("lost", "4")]).await;
    let store = harness.store().await;
    store.freeze(&production, &freeze_by("run-3", None)).await.expect("a freeze");
    let began = Timestamp::from_second(1_700_000_000).expect("a moment");
    let deadline = Duration::from_secs(120);
    let keep = KeepOrder { side: production.clone(), run: run("run-3"), began, deadline };
    let held = content(&[("a", "1"), ("b", "2"), ("lost", "4")]);
    match store.keep(&keep, &Watcher::lenient()).await {
        Ok(kept) => {
            assert!(!kept.place.is_empty());
            let again = harness.store().await.keep(&keep, &Watcher::lenient()).await.expect("kept before");
            assert_eq!(again.place, kept.place);
            assert_eq!(harness.read(&production).await, held);
        }
        // It says so before anything is written over.
        Err(DataError::Unfit { advice, .. }) => assert!(advice.is_some()),
        Err(error) => panic!("{error}"),
    }
    let back = SyncOrder { overwrite: true, ..order(&standby, SyncPurpose::Routine, 4) };
    synced(harness, &back).await;
    arrived(harness, &production, &content(&[("a", "1"), ("b", "2"), ("new", "3")])).await;
}
