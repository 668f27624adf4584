//! What must not be destroyed, and what a sync leaves that did not come to its end.

use switchover::model::{BackupKey, SideName};
use switchover::port::{DataError, Depth, SyncOrder, SyncPurpose, Synced};

use crate::polls::polled;

use super::{
    Content, StoreHarness, Watcher, arrived, content, freeze_by, order, seen, seen_at, sides, synced, wrote,
};

async fn attempt(harness: &impl StoreHarness, order: &SyncOrder) -> Result<Synced, DataError> {
    harness.store().await.sync(order, &Watcher::lenient()).await
}

/// What a client wrote on a stand-by that was opened is kept until somebody says that it may go.
pub async fn a_stand_by_that_diverged_is_not_overwritten_unless_asked(harness: &impl StoreHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1"), ("b", "2")]).await;
    synced(harness, &order(&production, SyncPurpose::Routine, 1)).await;
    arrived(harness, &standby, &content(&[("a", "1"), ("b", "2")])).await;
    harness.store().await.thaw(&standby).await.expect("a thaw");
    wrote(harness, &standby, &[("only here", "x"), ("b", "changed here")]).await;
    // Frozen again, it still holds what production does not.
    harness.store().await.freeze(&standby, &freeze_by("run-1", None)).await.expect("a freeze");
    assert!(seen_at(&harness.store().await, &standby).await.diverged);
    wrote(harness, &production, &[("c", "3")]).await;
    for (number, purpose) in [(2, SyncPurpose::Routine), (3, SyncPurpose::Final), (4, SyncPurpose::Rehearsal)]
    {
        if purpose == SyncPurpose::Final {
            let frozen = freeze_by("run-3", None);
            harness.store().await.freeze(&production, &frozen).await.expect("a freeze");
        }
        let refused = attempt(harness, &order(&production, purpose, number)).await;
        assert!(matches!(refused, Err(DataError::Guarded { .. })), "{purpose:?}: {refused:?}");
        let kept = harness.read(&standby).await;
        assert_eq!(kept.get("only here").map(String::as_str), Some("x"));
        assert_eq!(kept.get("b").map(String::as_str), Some("changed here"));
    }
    harness.store().await.thaw(&production).await.expect("a thaw");
    let overwrite = SyncOrder { overwrite: true, ..order(&production, SyncPurpose::Routine, 5) };
    attempt(harness, &overwrite).await.expect("a sync that may overwrite");
    arrived(harness, &standby, &content(&[("a", "1"), ("b", "2"), ("c", "3")])).await;
    assert!(!seen_at(&harness.store().await, &standby).await.diverged);
}

/// Production that was left behind by a failover, with writes that never arrived, is not overwritten when it comes back as the stand-by,
/// frozen or not. After a complete last sync it holds nothing of its own, until it is opened again.
pub async fn production_that_was_left_behind_is_not_overwritten_unless_asked(harness: &impl StoreHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1")]).await;
    synced(harness, &order(&production, SyncPurpose::Routine, 1)).await;
    arrived(harness, &standby, &content(&[("a", "1")])).await;
    harness.take_away(&production).await;
    harness.store().await.thaw(&standby).await.expect("a thaw of the side that is left");
    wrote(harness, &standby, &[("b", "2")]).await;
    harness.give_back(&production).await;
    wrote(harness, &production, &[("never arrived", "x")]).await;
    harness.store().await.freeze(&production, &freeze_by("run-2", None)).await.expect("a fence");
    assert!(seen_at(&harness.store().await, &production).await.diverged);
    let back = order(&standby, SyncPurpose::Routine, 3);
    let refused = attempt(harness, &back).await;
    assert!(matches!(refused, Err(DataError::Guarded { .. })), "{refused:?}");
    assert_eq!(harness.read(&production).await.get("never arrived").map(String::as_str), Some("x"));
    attempt(harness, &SyncOrder { overwrite: true, ..back }).await.expect("a sync that may overwrite");
    arrived(harness, &production, &content(&[("a", "1"), ("b", "2")])).await;
    harness.store().await.freeze(&standby, &freeze_by("run-4", None)).await.expect("a freeze");
    synced(harness, &order(&standby, SyncPurpose::Final, 4)).await;
    for side in sides() {
        assert!(!seen_at(&harness.store().await, &side).await.diverged, "{side}");
    }
    harness.store().await.thaw(&standby).await.expect("a thaw, to take the swap back");
    assert!(seen_at(&harness.store().await, &standby).await.diverged);
}

/// A source without data (unmounted, dropped) never empties a stand-by that has some.
pub async fn an_empty_source_is_never_mirrored(harness: &impl StoreHarness) {
    if !harness.nature().guards_empty {
        return;
    }
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1"), ("b", "2")]).await;
    synced(harness, &order(&production, SyncPurpose::Routine, 1)).await;
    harness.empty(&production).await;
    for (number, purpose) in [(2, SyncPurpose::Rehearsal), (3, SyncPurpose::Routine)] {
        let refused = attempt(harness, &order(&production, purpose, number)).await;
        assert!(matches!(refused, Err(DataError::Guarded { .. })), "{purpose:?}: {refused:?}");
        assert_eq!(harness.read(&standby).await, content(&[("a", "1"), ("b", "2")]));
    }
}

/// More deletions than the limit are refused, and none is made.
pub async fn too_many_deletions_are_refused(harness: &impl StoreHarness) {
    let Some((entries, deletions)) = harness.nature().too_many else { return };
    let [production, standby] = sides();
    for entry in 0..entries {
        wrote(harness, &production, &[(&format!("entry-{entry:06}"), "x")]).await;
    }
    synced(harness, &order(&production, SyncPurpose::Routine, 1)).await;
    let before = harness.read(&standby).await;
    for entry in 0..deletions {
        harness.delete(&production, &format!("entry-{entry:06}")).await.expect("a deletion");
    }
    for (number, purpose) in [(2, SyncPurpose::Rehearsal), (3, SyncPurpose::Routine)] {
        let refused = attempt(harness, &order(&production, purpose, number)).await;
        assert!(matches!(refused, Err(DataError::Guarded { .. })), "{purpose:?}: {refused:?}");
        assert_eq!(harness.read(&standby).await, before);
    }
}

/// Whoever has lost the pair before anything was done changes nothing at the stand-by: neither data nor what it says it got.
pub async fn without_permission_nothing_changes(harness: &impl StoreHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1")]).await;
    for number in 1..3 {
        let before = (harness.read(&standby).await, seen_at(&harness.store().await, &standby).await);
        let lost = order(&production, SyncPurpose::Routine, number);
        let end = harness.store().await.sync(&lost, &Watcher::permitting(0)).await;
        assert_eq!(end, Err(DataError::Lost));
        assert_eq!(harness.read(&standby).await, before.0);
        assert_eq!(seen_at(&harness.store().await, &standby).await.copied, before.1.copied);
        synced(harness, &order(&production, SyncPurpose::Routine, 10 + number)).await;
        wrote(harness, &production, &[("a", "2"), ("b", "1")]).await;
    }
}

/// Every entry of the stand-by is one that production has or had: nothing half, nothing made up.
fn nothing_half(found: &Content, old: &Content, new: &Content) {
    for (key, value) in found {
        let known = [old.get(key), new.get(key)].contains(&Some(value));
        assert!(known, "the stand-by holds {key} = {value:?}, which is neither old nor new");
    }
}

/// What the stand-by says it got is there.
async fn says_the_truth(harness: &impl StoreHarness, standby: &SideName, order: &SyncOrder, new: &Content) {
    let side = seen_at(&harness.store().await, standby).await;
    if side.copied.is_some_and(|copied| copied.run == order.run) {
        arrived(harness, standby, new).await;
    }
}

/// Permission is taken back once after each time it was asked for; each time the work stops, and the next sync makes it good.
pub async fn permission_that_is_taken_back_at_any_moment_stops_the_sync(harness: &impl StoreHarness) {
    const TRIES: u32 = 25;
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "0"), ("b", "0")]).await;
    synced(harness, &order(&production, SyncPurpose::Routine, 0)).await;
    let mut old = harness.read(&production).await;
    for permits in 0..TRIES {
        let value = permits.to_string();
        wrote(harness, &production, &[("a", &value), (&format!("new-{permits}"), &value)]).await;
        let new = harness.read(&production).await;
        let order = order(&production, SyncPurpose::Routine, 1 + permits);
        let watcher = Watcher::permitting(permits.into());
        match harness.store().await.sync(&order, &watcher).await {
            Ok(_) => {
                assert!(watcher.asked() <= permits.into(), "it went on though permission was taken back");
                arrived(harness, &standby, &new).await;
                return;
            }
            Err(error) => assert_eq!(error, DataError::Lost),
        }
        let found = harness.read(&standby).await;
        nothing_half(&found, &old, &new);
        says_the_truth(harness, &standby, &order, &new).await;
        old.extend(found);
    }
    panic!("a sync of a few entries asks for permission more than {TRIES} times");
}

/// A sync is dropped after it was polled once, twice, three times, five times, and so on until it comes to its end.
pub async fn a_sync_that_is_dropped_at_any_moment_is_made_good_by_the_next(harness: &impl StoreHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "0"), ("b", "0")]).await;
    let mut old = Content::new();
    let (mut polls, mut step) = (1_u32, 0_u32);
    for number in 0..50 {
        let value = number.to_string();
        wrote(harness, &production, &[("a", &value), (&format!("new-{number}"), &value)]).await;
        let new = harness.read(&production).await;
        let order = order(&production, SyncPurpose::Routine, number);
        let store = harness.store().await;
        let ended = polled(store.sync(&order, &Watcher::lenient()), polls).await;
        drop(store);
        let found = harness.read(&standby).await;
        nothing_half(&found, &old, &new);
        says_the_truth(harness, &standby, &order, &new).await;
        old.extend(found);
        if let Some(end) = ended {
            end.expect("a sync after some that were dropped");
            arrived(harness, &standby, &new).await;
            return;
        }
        // Once in a while a sync in between that comes to its end, so that drops meet a stand-by that has a copy.
        if number % 3 == 2 {
            // A key of its own: a snapshot store uses a backup that is there under a key, and does not make it again.
            let key = BackupKey::new(format!("2026112113{number:02}")).expect("a key");
            let again = SyncOrder { key, ..order };
            synced(harness, &again).await;
            arrived(harness, &standby, &new).await;
            old.clone_from(&new);
        }
        (polls, step) = (polls + step.max(1), polls);
    }
    panic!("a sync of a few entries needs more than {polls} polls");
}

/// A side that does not answer is named, with the reason; the other one is read as ever.
pub async fn a_lost_side_does_not_hide_the_other(harness: &impl StoreHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1")]).await;
    synced(harness, &order(&production, SyncPurpose::Routine, 1)).await;
    let whole = seen(&harness.store().await).await;
    for (lost, left) in [(&production, &standby), (&standby, &production)] {
        harness.take_away(lost).await;
        for depth in [Depth::Glance, Depth::Preflight] {
            let inspection = harness.store().await.inspect(depth).await.expect("an inspection");
            assert_eq!(inspection.unread.keys().collect::<Vec<_>>(), [lost]);
            assert_eq!(inspection.sides.keys().collect::<Vec<_>>(), [left]);
            assert_eq!(inspection.sides[left].access, whole.sides[left].access);
            assert_eq!(inspection.sides[left].copied, whole.sides[left].copied);
        }
        let store = harness.store().await;
        assert!(store.freeze(lost, &freeze_by("run-1", None)).await.is_err());
        assert!(store.prove_frozen(lost).await.is_err());
        assert!(store.thaw(lost).await.is_err());
        // A failover opens what is left.
        store.thaw(left).await.expect("a thaw of the side that is left");
        wrote(harness, left, &[("b", "2")]).await;
        store.freeze(left, &freeze_by("run-2", None)).await.expect("a freeze of the side that is left");
        store.thaw(left).await.expect("a thaw");
        harness.give_back(lost).await;
        if left == &standby {
            let again = SyncOrder { overwrite: true, ..order(&production, SyncPurpose::Routine, 2) };
            harness.store().await.thaw(&production).await.expect("a thaw");
            attempt(harness, &again).await.expect("a sync that may overwrite");
        }
        assert_eq!(seen(&harness.store().await).await.sides.len(), 2);
    }
}

/// Where one side does not answer, a sync fails, and changes neither.
pub async fn nothing_is_synced_to_or_from_a_side_that_cannot_be_reached(harness: &impl StoreHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1")]).await;
    synced(harness, &order(&production, SyncPurpose::Routine, 1)).await;
    arrived(harness, &standby, &content(&[("a", "1")])).await;
    wrote(harness, &production, &[("a", "2"), ("b", "1")]).await;
    let copied = seen_at(&harness.store().await, &standby).await.copied;
    for (number, lost) in (2..).zip([&production, &standby]) {
        harness.take_away(lost).await;
        assert!(attempt(harness, &order(&production, SyncPurpose::Routine, number)).await.is_err());
        harness.give_back(lost).await;
    }
    let (found, old) = (harness.read(&standby).await, content(&[("a", "1")]));
    // A stream that had time to catch up before its side was taken away, or after it came back, holds more.
    if harness.nature().arrives_within.is_zero() {
        assert_eq!(found, old);
        assert_eq!(seen_at(&harness.store().await, &standby).await.copied, copied);
    } else {
        nothing_half(&found, &old, &harness.read(&production).await);
    }
    synced(harness, &order(&production, SyncPurpose::Routine, 4)).await;
    arrived(harness, &standby, &harness.read(&production).await).await;
}
