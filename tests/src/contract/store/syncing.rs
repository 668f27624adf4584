//! Copies: made, repeated, rehearsed, and made the other way once the roles are swapped.

use std::sync::Arc;
use std::time::Duration;

use switchover::model::{SideName, Verification};
use switchover::port::{Access, DataError, Method, Store, SyncPurpose};

use super::{
    Content, StoreHarness, Watcher, arrived, content, freeze_by, order, run, seen, seen_at, sides, synced,
    wrote,
};

const LEASE: Option<Duration> = Some(Duration::from_secs(300));

/// What production holds is at the stand-by afterwards, production is as before and open, and the stand-by says what it got.
pub async fn a_routine_sync_brings_what_production_holds(harness: &impl StoreHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1"), ("b", "two"), ("c", "")]).await;
    let expected = harness.read(&production).await;
    let watcher = Watcher::lenient();
    let order = order(&production, SyncPurpose::Routine, 1);
    let done = harness.store().await.sync(&order, &watcher).await.expect("a sync");
    arrived(harness, &standby, &expected).await;
    assert_eq!(harness.read(&production).await, expected);
    assert!(watcher.asked() > 0, "nobody was asked for permission");
    assert!(watcher.heard() > 0, "nothing was heard of the work");
    assert_eq!(
        (&done.copied.from, &done.copied.run, &done.copied.key),
        (&production, &order.run, &order.key)
    );
    assert!(!done.copied.complete, "production was open");
    let inspection = seen(&harness.store().await).await;
    let side = &inspection.sides[&standby];
    assert!(!side.diverged);
    assert_eq!(
        side.copied.as_ref().map(|copied| (&copied.from, &copied.run)),
        Some((&production, &order.run))
    );
    assert_eq!(inspection.sides[&production].access, Access::Writable);
    assert_eq!(inspection.sides[&production].copied, None);
    wrote(harness, &production, &[("d", "4")]).await;
}

/// Clients cannot write on a stand-by after a sync, and that does not end by itself.
pub async fn a_sync_leaves_the_stand_by_frozen_without_end(harness: &impl StoreHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1")]).await;
    for number in 1..3 {
        synced(harness, &order(&production, SyncPurpose::Routine, number)).await;
        let store = harness.store().await;
        let access = seen_at(&store, &standby).await.access;
        assert!(matches!(access, Access::Frozen { until: None, .. }), "{access:?}");
        assert!(harness.write(&standby, "own", "1").await.is_err());
        store.prove_frozen(&standby).await.expect("a proof");
    }
}

/// The next sync brings new, changed and deleted entries.
pub async fn changes_and_deletions_arrive_with_the_next_sync(harness: &impl StoreHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1"), ("b", "2"), ("c", "3")]).await;
    synced(harness, &order(&production, SyncPurpose::Routine, 1)).await;
    wrote(harness, &production, &[("a", "changed"), ("d", "4")]).await;
    harness.delete(&production, "b").await.expect("a deletion");
    let done = synced(harness, &order(&production, SyncPurpose::Routine, 2)).await;
    arrived(harness, &standby, &content(&[("a", "changed"), ("c", "3"), ("d", "4")])).await;
    assert_eq!(done.copied.run, run("run-2"));
    // One that finds nothing to do is a sync all the same.
    synced(harness, &order(&production, SyncPurpose::Routine, 3)).await;
    arrived(harness, &standby, &harness.read(&production).await).await;
    let copied = seen_at(&harness.store().await, &standby).await.copied.expect("a copy");
    assert_eq!(copied.run, run("run-3"));
}

/// A rehearsal says what would be done, and does none of it: neither before the first sync nor later.
pub async fn a_rehearsal_changes_nothing(harness: &impl StoreHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1"), ("b", "2")]).await;
    for (number, gone) in (1..).zip(["a", "b"]) {
        let before = (harness.read(&standby).await, seen(&harness.store().await).await);
        let done = synced(harness, &order(&production, SyncPurpose::Rehearsal, number)).await;
        assert_eq!(done.copied.from, production);
        let after = seen(&harness.store().await).await;
        assert_eq!(before.0, harness.read(&standby).await);
        for name in sides() {
            assert_eq!(before.1.sides[&name].access, after.sides[&name].access, "{name}");
            assert_eq!(before.1.sides[&name].copied, after.sides[&name].copied, "{name}");
        }
        synced(harness, &order(&production, SyncPurpose::Routine, 10 + number)).await;
        arrived(harness, &standby, &harness.read(&production).await).await;
        wrote(harness, &production, &[("c", "3")]).await;
        harness.delete(&production, gone).await.expect("a deletion");
    }
}

/// Freezes, proves, and syncs for good, as a swap does. Production stays frozen.
async fn finished(
    harness: &impl StoreHarness,
    production: &SideName,
    number: u32,
) -> switchover::port::Synced {
    let by = format!("run-{number}");
    let store = harness.store().await;
    store.freeze(production, &freeze_by(&by, LEASE)).await.expect("a freeze");
    store.prove_frozen(production).await.expect("a proof");
    let done = synced(harness, &order(production, SyncPurpose::Final, number)).await;
    store.freeze(production, &freeze_by(&by, None)).await.expect("a freeze without an end");
    store.prove_frozen(production).await.expect("a second proof");
    done
}

/// After a freeze, a final sync leaves both sides equal, and the stand-by says that nothing is missing.
pub async fn a_final_sync_is_complete_and_says_so_on_the_stand_by(harness: &impl StoreHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1"), ("b", "2")]).await;
    synced(harness, &order(&production, SyncPurpose::Routine, 1)).await;
    wrote(harness, &production, &[("a", "changed"), ("last", "before the freeze")]).await;
    let done = finished(harness, &production, 2).await;
    // At once, where data streams too.
    assert_eq!(harness.read(&standby).await, harness.read(&production).await);
    assert!(done.copied.complete, "{done:?}");
    let side = seen_at(&harness.store().await, &standby).await;
    assert_eq!(side.copied, Some(done.copied));
    assert!(!side.diverged);
}

/// The same final sync again, by another process, leaves the same copy.
pub async fn the_same_final_sync_twice_is_the_same_as_once(harness: &impl StoreHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1"), ("b", "2")]).await;
    let first = finished(harness, &production, 1).await;
    let second = synced(harness, &order(&production, SyncPurpose::Final, 1)).await;
    assert_eq!(harness.read(&standby).await, harness.read(&production).await);
    assert!(second.copied.complete);
    assert_eq!((&first.copied.run, &first.copied.key), (&second.copied.run, &second.copied.key));
    let copied = seen_at(&harness.store().await, &standby).await.copied.expect("a copy");
    assert!(copied.complete);
}

/// A final sync from a side that takes writes is refused, or says that something may be missing. Never the opposite.
pub async fn without_a_freeze_no_copy_is_complete(harness: &impl StoreHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1")]).await;
    let store = harness.store().await;
    match store.sync(&order(&production, SyncPurpose::Final, 1), &Watcher::lenient()).await {
        Ok(done) => assert!(!done.copied.complete),
        Err(error) => assert!(matches!(error, DataError::NotFrozen { .. }), "{error}"),
    }
    let side = seen_at(&store, &standby).await;
    assert!(side.copied.is_none_or(|copied| !copied.complete));
}

/// A copy says how it was compared: at least as thoroughly as the order wants.
pub async fn what_was_copied_is_compared_as_ordered(harness: &impl StoreHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1"), ("b", "2")]).await;
    for (number, verify) in (1..).zip([Verification::Content, Verification::Counts, Verification::Content]) {
        let order =
            switchover::port::SyncOrder { verify, ..order(&production, SyncPurpose::Routine, number) };
        let done = synced(harness, &order).await;
        // A stream that runs on cannot be compared while production writes.
        if harness.nature().method != Method::Streaming {
            assert!(done.copied.verified >= verify, "{done:?}");
        }
    }
    let store = harness.store().await;
    store.freeze(&production, &freeze_by("run-9", LEASE)).await.expect("a freeze");
    let last = switchover::port::SyncOrder {
        verify: Verification::Content,
        ..order(&production, SyncPurpose::Final, 9)
    };
    let done = synced(harness, &last).await;
    assert_eq!(done.copied.verified, Verification::Content);
    assert_eq!(harness.read(&standby).await, harness.read(&production).await);
}

/// One swap of roles as the engine makes it. Afterwards the second side is production.
async fn swapped(harness: &impl StoreHarness, from: &SideName, to: &SideName, number: u32) {
    synced(harness, &order(from, SyncPurpose::Routine, number)).await;
    finished(harness, from, number).await;
    let store: Arc<dyn Store> = harness.store().await;
    store.thaw(to).await.expect("a thaw of the new production");
    wrote(harness, to, &[(&format!("first after swap {number}"), "x")]).await;
    synced(harness, &order(to, SyncPurpose::Routine, number + 1)).await;
    assert!(harness.write(from, "straggler", "x").await.is_err(), "the old production takes writes");
}

/// Roles go to and fro; every acknowledged write is on both sides in the end, deletions stay deleted, and no swap needs `overwrite`.
pub async fn roles_are_swapped_and_swapped_back_without_a_loss(harness: &impl StoreHarness) {
    let [first, second] = sides();
    let mut expected = Content::new();
    let (mut from, mut to) = (&first, &second);
    wrote(harness, from, &[("counter", "start"), ("gone", "x")]).await;
    expected.insert("counter".into(), "start".into());
    expected.insert("gone".into(), "x".into());
    for turn in 0..4 {
        let number = 1 + turn * 10;
        let (entry, value) = (format!("written in turn {turn}"), turn.to_string());
        wrote(harness, from, &[(&entry, &value), ("counter", &value)]).await;
        expected.insert(entry, value.clone());
        expected.insert("counter".into(), value);
        if turn == 1 {
            harness.delete(from, "gone").await.expect("a deletion");
            expected.remove("gone");
        }
        swapped(harness, from, to, number).await;
        expected.insert(format!("first after swap {number}"), "x".into());
        arrived(harness, to, &expected).await;
        arrived(harness, from, &expected).await;
        let inspection = seen(&harness.store().await).await;
        assert_eq!(inspection.sides[to].access, Access::Writable);
        assert!(matches!(inspection.sides[from].access, Access::Frozen { until: None, .. }));
        (from, to) = (to, from);
    }
}
