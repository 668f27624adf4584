//! Looking, freezing, proving and thawing.

use std::time::Duration;

use switchover::port::{Access, DataError, Depth, SyncPurpose};

use super::{
    Refused, StoreHarness, content, freeze_by, is_frozen, order, run, seen, seen_at, sides, synced, wrote,
};

const LONG: Option<Duration> = Some(Duration::from_secs(300));

/// Before anything was done, clients can write on both sides, and neither says that it got a copy.
pub async fn a_fresh_store_is_open_on_both_sides_and_holds_no_copy(harness: &impl StoreHarness) {
    let inspection = seen(&harness.store().await).await;
    assert_eq!(inspection.method, harness.nature().method);
    assert_eq!(inspection.sides.keys().cloned().collect::<Vec<_>>(), sides());
    for (name, side) in &inspection.sides {
        assert_eq!(side.access, Access::Writable, "{name}");
        assert_eq!(side.copied, None, "{name}");
        assert!(!side.place.is_empty());
    }
    assert_eq!(inspection.stream, None);
}

/// Looking, at either depth and as often as one likes, leaves data, access and memory as they are.
pub async fn looking_changes_nothing(harness: &impl StoreHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1"), ("b", "2")]).await;
    for step in 0..3 {
        match step {
            0 => {}
            1 => drop(synced(harness, &order(&production, SyncPurpose::Routine, 1)).await),
            _ => {
                let order = freeze_by("run-2", None);
                harness.store().await.freeze(&production, &order).await.expect("a freeze");
            }
        }
        let store = harness.store().await;
        let before = (harness.read(&production).await, harness.read(&standby).await, seen(&store).await);
        for depth in [Depth::Preflight, Depth::Glance, Depth::Preflight] {
            store.inspect(depth).await.expect("an inspection");
        }
        let after = seen(&harness.store().await).await;
        assert_eq!(before.0, harness.read(&production).await);
        assert_eq!(before.1, harness.read(&standby).await);
        for name in sides() {
            let (before, after) = (&before.2.sides[&name], &after.sides[&name]);
            assert_eq!(before.access, after.access, "{name}");
            assert_eq!(before.copied, after.copied, "{name}");
            assert_eq!(before.diverged, after.diverged, "{name}");
            assert_eq!(before.identity, after.identity, "{name}");
        }
    }
}

/// The sides are two things, and stay the same two.
pub async fn two_sides_have_two_identities(harness: &impl StoreHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1")]).await;
    let first = seen(&harness.store().await).await;
    assert_ne!(first.sides[&production].identity, first.sides[&standby].identity);
    synced(harness, &order(&production, SyncPurpose::Routine, 1)).await;
    let second = seen(&harness.store().await).await;
    assert_ne!(second.sides[&production].identity, second.sides[&standby].identity);
    assert_eq!(first.sides[&production].identity, second.sides[&production].identity);
}

/// Every write of a client is refused, reads go on, the other side is not touched, and everybody sees whose freeze it is.
pub async fn a_frozen_side_refuses_writes_and_is_read_as_before(harness: &impl StoreHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1"), ("b", "2")]).await;
    let store = harness.store().await;
    store.freeze(&production, &freeze_by("run-1", LONG)).await.expect("a freeze");
    for _ in 0..3 {
        assert!(harness.write(&production, "a", "3").await.is_err());
        assert!(harness.write(&production, "new", "3").await.is_err());
        assert!(harness.delete(&production, "b").await.is_err());
    }
    assert_eq!(harness.read(&production).await, content(&[("a", "1"), ("b", "2")]));
    wrote(harness, &standby, &[("own", "1")]).await;
    match seen_at(&harness.store().await, &production).await.access {
        Access::Frozen { by, until } => {
            assert_eq!(by, run("run-1"));
            assert_eq!(until.is_some(), harness.nature().lease.is_some());
        }
        access @ (Access::Writable | Access::Lapsed { .. } | Access::Unguarded) => panic!("{access:?}"),
    }
}

/// A renewed freeze lasts longer than it would have; one that is as good as new is no error.
pub async fn freezing_again_by_the_same_run_renews_the_freeze(harness: &impl StoreHarness) {
    let [production, _] = sides();
    let mut ends = Vec::new();
    for _ in 0..3 {
        // Each by a process of its own.
        let store = harness.store().await;
        store.freeze(&production, &freeze_by("run-1", LONG)).await.expect("a freeze");
        let Access::Frozen { until, .. } = seen_at(&store, &production).await.access else {
            panic!("not frozen");
        };
        ends.push(until);
        harness.wait(Duration::from_millis(1100)).await;
    }
    if harness.nature().lease.is_some() {
        assert!(ends.windows(2).all(|pair| pair[0] < pair[1]), "{ends:?}");
    }
    assert!(harness.write(&production, "a", "1").await.is_err());
}

/// A freeze that is asked for again without a lease no longer ends by itself.
pub async fn a_freeze_is_made_lasting_by_the_same_run(harness: &impl StoreHarness) {
    let [production, _] = sides();
    let store = harness.store().await;
    let lease = harness.nature().lease.unwrap_or(Duration::from_millis(100));
    for attempt in 0.. {
        let by = format!("run-{attempt}");
        store.freeze(&production, &freeze_by(&by, Some(lease))).await.expect("a freeze");
        match store.freeze(&production, &freeze_by(&by, None)).await {
            Ok(()) => break,
            // This machine is slower than the lease: once more.
            Err(DataError::Lapsed { .. }) if attempt < 10 => {}
            Err(error) => panic!("{error}"),
        }
    }
    harness.wait(lease * 3).await;
    assert!(harness.write(&production, "a", "1").await.is_err());
    let access = seen_at(&harness.store().await, &production).await.access;
    assert!(matches!(access, Access::Frozen { until: None, .. }), "{access:?}");
}

/// Whoever freezes last holds the freeze, whether it lasted or had an end.
pub async fn a_freeze_of_another_run_is_taken_over(harness: &impl StoreHarness) {
    let [production, _] = sides();
    for (turn, lease) in [None, LONG, None].into_iter().enumerate() {
        let by = format!("run-{turn}");
        let store = harness.store().await;
        store.freeze(&production, &freeze_by(&by, lease)).await.expect("a freeze");
        let access = seen_at(&store, &production).await.access;
        assert!(matches!(&access, Access::Frozen { by: holder, .. } if *holder == run(&by)), "{access:?}");
        assert!(harness.write(&production, "a", "1").await.is_err());
    }
    harness.store().await.thaw(&production).await.expect("a thaw");
    wrote(harness, &production, &[("a", "1")]).await;
}

/// When its lease has run out, clients write again though nobody thawed; its run is told so and cannot renew it; another run can freeze.
pub async fn a_lease_that_is_not_renewed_ends_by_itself_and_is_lost_to_its_run(harness: &impl StoreHarness) {
    let Some(lease) = harness.nature().lease else { return };
    let [production, _] = sides();
    let store = harness.store().await;
    store.freeze(&production, &freeze_by("run-1", Some(lease))).await.expect("a freeze");
    let mut waited = Duration::ZERO;
    while let Err(Refused(why)) = harness.write(&production, "a", "1").await {
        assert!(waited < lease * 20, "the freeze never ended: {why}");
        harness.wait(lease / 4).await;
        waited += lease / 4;
    }
    let store = harness.store().await;
    let access = seen_at(&store, &production).await.access;
    assert!(matches!(&access, Access::Lapsed { by, .. } if *by == run("run-1")), "{access:?}");
    let proof = store.prove_frozen(&production).await;
    assert!(matches!(proof, Err(DataError::NotFrozen { .. } | DataError::Lapsed { .. })), "{proof:?}");
    for lease in [Some(lease), None] {
        let renewed = store.freeze(&production, &freeze_by("run-1", lease)).await;
        assert!(matches!(renewed, Err(DataError::Lapsed { .. })), "{renewed:?}");
    }
    wrote(harness, &production, &[("b", "2")]).await;
    store.freeze(&production, &freeze_by("run-2", None)).await.expect("a freeze by another run");
    assert!(harness.write(&production, "c", "3").await.is_err());
}

/// A thaw ends any freeze, whoever asks; a side that is open is left open.
pub async fn a_side_that_is_thawed_takes_writes_again(harness: &impl StoreHarness) {
    let [production, standby] = sides();
    for lease in [None, LONG] {
        harness.store().await.freeze(&production, &freeze_by("run-1", lease)).await.expect("a freeze");
        for _ in 0..2 {
            harness.store().await.thaw(&production).await.expect("a thaw");
            wrote(harness, &production, &[("a", "1")]).await;
            assert_eq!(seen_at(&harness.store().await, &production).await.access, Access::Writable);
        }
        // The run may freeze again what it or somebody else thawed.
    }
    harness.store().await.thaw(&standby).await.expect("a thaw of a side that was never frozen");
    wrote(harness, &standby, &[("a", "1")]).await;
}

/// The proof counts writes that were refused; nothing that was tried is left behind, on a leased and a lasting freeze.
pub async fn a_frozen_side_is_proved_frozen_and_proving_leaves_nothing(harness: &impl StoreHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1")]).await;
    for lease in [LONG, None] {
        let store = harness.store().await;
        store.freeze(&production, &freeze_by("run-1", lease)).await.expect("a freeze");
        let before = seen_at(&store, &production).await;
        for _ in 0..2 {
            let proof = store.prove_frozen(&production).await.expect("a proof");
            assert!(proof.attempts > 0, "{proof:?}");
            assert!(!proof.refused.is_empty(), "{proof:?}");
        }
        assert_eq!(harness.read(&production).await, content(&[("a", "1")]));
        let after = seen_at(&store, &production).await;
        assert!(is_frozen(&after.access));
        assert_eq!(before.diverged, after.diverged);
    }
    assert_eq!(harness.read(&standby).await, content(&[]));
}

/// What lets writes through is said not to be frozen, and the trial write is taken away again.
pub async fn a_side_that_takes_writes_is_not_proved_frozen(harness: &impl StoreHarness) {
    let [production, _] = sides();
    wrote(harness, &production, &[("a", "1")]).await;
    for step in 0..2 {
        if step == 1 {
            let store = harness.store().await;
            store.freeze(&production, &freeze_by("run-1", None)).await.expect("a freeze");
            store.thaw(&production).await.expect("a thaw");
        }
        let proof = harness.store().await.prove_frozen(&production).await;
        assert!(matches!(proof, Err(DataError::NotFrozen { .. })), "{proof:?}");
        assert_eq!(harness.read(&production).await, content(&[("a", "1")]));
        assert_eq!(seen_at(&harness.store().await, &production).await.access, Access::Writable);
    }
}
