//! The contract of [`Backups`]: whole or partial, never in between; restored as it was taken, or not at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use switchover::model::{Backup, BackupKey, BackupState, Manifest, SideName, Verification};
use switchover::port::{Backups, DataError};

use super::store::{Content, Refused, Watcher, key, sides};
use crate::polls::polled;

/// The backups of a store on both sides of a pair of [`sides`], and its clients.
///
/// In a fresh harness there are no backups; both sides answer, hold nothing of any client, and let clients write.
#[async_trait]
pub trait BackupsHarness: Send + Sync {
    /// The backups, as a process that was just started has them.
    async fn backups(&self) -> Arc<dyn Backups>;

    /// Creates or changes one entry as a client, and says whether that was acknowledged.
    async fn write(&self, side: &SideName, key: &str, value: &str) -> Result<(), Refused>;

    /// Everything that clients can read. Panics if they cannot.
    async fn read(&self, side: &SideName) -> Content;

    /// Spoils one byte of the data of a complete backup, not of its manifest, behind the provider's back.
    async fn damage(&self, key: &BackupKey);

    /// Makes a complete backup look like one whose process died before the end.
    async fn interrupt(&self, key: &BackupKey);
}

/// Makes a test of every part of the contract: `backups_contract!(module, harness_expression)`.
#[macro_export]
macro_rules! backups_contract {
    ($module:ident, $harness:expr) => {
        $crate::contract_tests!($module, $harness, backups:
            a_fresh_location_has_no_backups
            a_backup_is_complete_and_says_what_it_is
            a_complete_backup_of_a_key_is_not_made_again
            backups_are_listed_oldest_key_first
            a_backup_is_restored_as_it_was_taken_and_the_side_is_frozen
            a_backup_that_is_missing_partial_or_damaged_is_not_restored
            a_partial_backup_is_made_anew
            a_backup_is_verified_and_says_so
            verifying_finds_a_damaged_backup
            a_backup_is_removed_once_and_for_all
            a_creation_that_is_dropped_at_any_moment_leaves_nothing_complete_that_is_not
            a_restore_that_is_dropped_at_any_moment_is_made_good_by_the_next
            without_permission_nothing_is_restored
        );
    };
}

async fn wrote(harness: &impl BackupsHarness, side: &SideName, entries: &[(&str, &str)]) {
    for (key, value) in entries {
        if let Err(refused) = harness.write(side, key, value).await {
            panic!("a write of {key} on {side} was refused: {refused}");
        }
    }
}

async fn created(harness: &impl BackupsHarness, from: &SideName, minute: u32) -> Backup {
    let backups = harness.backups().await;
    backups.create(from, &key(minute), &Watcher::lenient()).await.expect("a backup")
}

async fn restored(harness: &impl BackupsHarness, minute: u32, to: &SideName) -> Result<(), DataError> {
    harness.backups().await.restore(&key(minute), to, &Watcher::lenient()).await
}

async fn listed(harness: &impl BackupsHarness) -> BTreeMap<BackupKey, Backup> {
    let list = harness.backups().await.list().await.expect("a list");
    list.into_iter().map(|backup| (backup.key.clone(), backup)).collect()
}

fn complete(backup: &Backup) -> bool {
    match backup.state {
        BackupState::Complete => true,
        BackupState::Partial | BackupState::Damaged { .. } => false,
    }
}

fn manifest(backup: &Backup) -> &Manifest {
    backup.manifest.as_ref().expect("a complete backup has a manifest")
}

/// Where nothing was made, nothing is listed, restored or verified; removing what is not there is no error.
pub async fn a_fresh_location_has_no_backups(harness: &impl BackupsHarness) {
    let [_, standby] = sides();
    assert_eq!(listed(harness).await, BTreeMap::new());
    assert!(matches!(restored(harness, 1, &standby).await, Err(DataError::BadBackup { .. })));
    harness.backups().await.remove(&key(1)).await.expect("a removal of nothing");
}

/// A backup that was made is complete, and its manifest tells whose it is and what is in it.
pub async fn a_backup_is_complete_and_says_what_it_is(harness: &impl BackupsHarness) {
    let [production, _] = sides();
    wrote(harness, &production, &[("a", "1"), ("b", "2"), ("c", "3")]).await;
    let made = created(harness, &production, 1).await;
    assert!(complete(&made), "{made:?}");
    assert!(!made.place.is_empty());
    let manifest = manifest(&made);
    assert_eq!((manifest.format, &manifest.key, &manifest.source), (1, &key(1), &production));
    assert!(manifest.as_of <= manifest.finished);
    assert!(manifest.bytes > 0);
    assert!(manifest.items.values().sum::<u64>() >= 3, "{manifest:?}");
    assert!(!manifest.files.is_empty());
    assert_eq!(manifest.verified, None);
    assert_eq!(listed(harness).await.get(&key(1)), Some(&made));
    let found = |minute| async move { harness.backups().await.find(&key(minute)).await.expect("an answer") };
    assert_eq!((found(1).await, found(2).await), (Some(made), None));
    // Clients go on.
    wrote(harness, &production, &[("d", "4")]).await;
}

/// Asking again for a key returns what is there, whatever clients did since.
pub async fn a_complete_backup_of_a_key_is_not_made_again(harness: &impl BackupsHarness) {
    let [production, _] = sides();
    wrote(harness, &production, &[("a", "1")]).await;
    let first = created(harness, &production, 1).await;
    wrote(harness, &production, &[("a", "2"), ("b", "1")]).await;
    assert_eq!(created(harness, &production, 1).await, first);
    assert_eq!(listed(harness).await.len(), 1);
}

/// Backups are listed by key, whichever was made first.
pub async fn backups_are_listed_oldest_key_first(harness: &impl BackupsHarness) {
    let [production, _] = sides();
    wrote(harness, &production, &[("a", "1")]).await;
    for minute in [7, 3, 11] {
        created(harness, &production, minute).await;
    }
    let list = harness.backups().await.list().await.expect("a list");
    assert_eq!(list.iter().map(|backup| &backup.key).collect::<Vec<_>>(), [&key(3), &key(7), &key(11)]);
    assert!(list.iter().all(complete));
}

/// A restore brings exactly what was there when the backup was taken, on either side, as often as asked.
pub async fn a_backup_is_restored_as_it_was_taken_and_the_side_is_frozen(harness: &impl BackupsHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1"), ("b", "2")]).await;
    let first = harness.read(&production).await;
    created(harness, &production, 1).await;
    wrote(harness, &production, &[("a", "changed"), ("c", "3")]).await;
    let second = harness.read(&production).await;
    created(harness, &production, 2).await;
    for (minute, expected) in [(1, &first), (2, &second), (1, &first), (1, &first)] {
        restored(harness, minute, &standby).await.expect("a restore");
        assert_eq!(harness.read(&standby).await, *expected, "backup {minute}");
        assert!(harness.write(&standby, "own", "1").await.is_err(), "the restored side takes writes");
    }
    assert_eq!(harness.read(&production).await, second);
    wrote(harness, &production, &[("d", "4")]).await;
}

/// What cannot be a backup is not restored, and the data of the side stays as it was.
pub async fn a_backup_that_is_missing_partial_or_damaged_is_not_restored(harness: &impl BackupsHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1"), ("b", "2")]).await;
    for minute in 1..4 {
        created(harness, &production, minute).await;
    }
    wrote(harness, &standby, &[("old", "x")]).await;
    let old = harness.read(&standby).await;
    harness.interrupt(&key(2)).await;
    harness.damage(&key(3)).await;
    for minute in [2, 3, 4] {
        let end = restored(harness, minute, &standby).await;
        assert!(matches!(end, Err(DataError::BadBackup { .. })), "{minute}: {end:?}");
        assert_eq!(harness.read(&standby).await, old);
    }
    assert!(!complete(&listed(harness).await[&key(2)]));
    restored(harness, 1, &standby).await.expect("a restore of the good one");
    assert_eq!(harness.read(&standby).await, harness.read(&production).await);
}

/// What an earlier process left half made is cleared away by whoever makes that backup.
pub async fn a_partial_backup_is_made_anew(harness: &impl BackupsHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1")]).await;
    created(harness, &production, 1).await;
    harness.interrupt(&key(1)).await;
    wrote(harness, &production, &[("b", "2")]).await;
    assert!(complete(&created(harness, &production, 1).await));
    assert!(complete(&listed(harness).await[&key(1)]));
    restored(harness, 1, &standby).await.expect("a restore");
    assert_eq!(harness.read(&standby).await, harness.read(&production).await);
}

/// A verification is written into the manifest, and leaves the side that it used as it was.
pub async fn a_backup_is_verified_and_says_so(harness: &impl BackupsHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1"), ("b", "2")]).await;
    wrote(harness, &standby, &[("old", "x")]).await;
    created(harness, &production, 1).await;
    for how in [Verification::Counts, Verification::Content] {
        let backups = harness.backups().await;
        let done = backups.verify(&key(1), &standby, how, &Watcher::lenient()).await.expect("a proof");
        assert!(complete(&done));
        if how == Verification::Content {
            assert_eq!(manifest(&done).verified.map(|(how, _)| how), Some(how));
        }
        assert_eq!(listed(harness).await[&key(1)], done);
    }
    assert_eq!(harness.read(&standby).await, Content::from([("old".into(), "x".into())]));
    wrote(harness, &standby, &[("more", "y")]).await;
}

/// A backup with one wrong byte is found, by either way of looking, and is not called verified.
pub async fn verifying_finds_a_damaged_backup(harness: &impl BackupsHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1"), ("b", "2")]).await;
    created(harness, &production, 1).await;
    harness.damage(&key(1)).await;
    for how in [Verification::Counts, Verification::Content] {
        let backups = harness.backups().await;
        match backups.verify(&key(1), &standby, how, &Watcher::lenient()).await {
            Ok(found) => assert!(!complete(&found), "{how:?}: {found:?}"),
            Err(error) => assert!(matches!(error, DataError::BadBackup { .. }), "{how:?}: {error}"),
        }
        let verified = listed(harness).await[&key(1)].manifest.as_ref().and_then(|known| known.verified);
        assert_eq!(verified, None);
    }
    assert_eq!(harness.read(&standby).await, Content::new());
}

/// What is removed is gone, whole or partial; the others stay; its key can be used again.
pub async fn a_backup_is_removed_once_and_for_all(harness: &impl BackupsHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1")]).await;
    for minute in 1..4 {
        created(harness, &production, minute).await;
    }
    harness.interrupt(&key(2)).await;
    for minute in [1, 1, 2, 2] {
        harness.backups().await.remove(&key(minute)).await.expect("a removal");
        assert!(!listed(harness).await.contains_key(&key(minute)));
    }
    assert_eq!(listed(harness).await.into_keys().collect::<Vec<_>>(), [key(3)]);
    assert!(matches!(restored(harness, 1, &standby).await, Err(DataError::BadBackup { .. })));
    assert!(complete(&created(harness, &production, 1).await));
}

/// One more than the two before: few tries reach any moment.
fn next((polls, step): (u32, u32)) -> (u32, u32) {
    (polls + step.max(1), polls)
}

/// A creation that was dropped is absent or partial, unless it had come to its end; it is made anew when asked for.
pub async fn a_creation_that_is_dropped_at_any_moment_leaves_nothing_complete_that_is_not(
    harness: &impl BackupsHarness,
) {
    let [production, standby] = sides();
    let mut polls = (1, 0);
    for minute in 0..50 {
        wrote(harness, &production, &[("a", &minute.to_string())]).await;
        let backups = harness.backups().await;
        let watcher = Watcher::lenient();
        let ended = polled(backups.create(&production, &key(minute), &watcher), polls.0).await;
        drop(backups);
        if listed(harness).await.get(&key(minute)).is_some_and(complete) {
            restored(harness, minute, &standby).await.expect("a restore of what is called complete");
            assert_eq!(harness.read(&standby).await, harness.read(&production).await);
        } else {
            assert!(complete(&created(harness, &production, minute).await));
        }
        if let Some(end) = ended {
            assert!(complete(&end.expect("a backup after some that were dropped")));
            return;
        }
        polls = next(polls);
    }
    panic!("a backup of one entry needs more than {} polls", polls.0);
}

/// After a restore that was dropped, the side holds what it held or what is restored; the next restore works.
pub async fn a_restore_that_is_dropped_at_any_moment_is_made_good_by_the_next(harness: &impl BackupsHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1")]).await;
    created(harness, &production, 1).await;
    let first = harness.read(&production).await;
    wrote(harness, &production, &[("a", "2"), ("b", "1")]).await;
    created(harness, &production, 2).await;
    let second = harness.read(&production).await;
    let mut polls = (1, 0);
    for _ in 0..50 {
        restored(harness, 1, &standby).await.expect("a restore after one that was dropped");
        assert_eq!(harness.read(&standby).await, first);
        let backups = harness.backups().await;
        let watcher = Watcher::lenient();
        let ended = polled(backups.restore(&key(2), &standby, &watcher), polls.0).await;
        drop(backups);
        let found = harness.read(&standby).await;
        assert!(found == first || found == second, "{found:?}");
        if let Some(end) = ended {
            end.expect("a restore after some that were dropped");
            assert_eq!(found, second);
            return;
        }
        polls = next(polls);
    }
    panic!("a restore of two entries needs more than {} polls", polls.0);
}

/// Whoever has lost the pair puts nothing in the place of data, whenever that comes out.
pub async fn without_permission_nothing_is_restored(harness: &impl BackupsHarness) {
    let [production, standby] = sides();
    wrote(harness, &production, &[("a", "1")]).await;
    created(harness, &production, 1).await;
    wrote(harness, &standby, &[("old", "x")]).await;
    let old = harness.read(&standby).await;
    let end = harness.backups().await.restore(&key(1), &standby, &Watcher::permitting(0)).await;
    assert_eq!(end, Err(DataError::Lost));
    assert_eq!(harness.read(&standby).await, old);
    restored(harness, 1, &standby).await.expect("a restore with permission");
    assert_eq!(harness.read(&standby).await, harness.read(&production).await);
}
