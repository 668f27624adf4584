//! Handing over: production gives everything away, and nothing may be lost on the way back.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use switchover::port::{Advance, DataError, Depth, Overseer, Store as _, SyncOrder, SyncPurpose};
use switchover_tests::contract::store::{Watcher, freeze_by, order};

use crate::streaming::{LEASE, direct, finished, put, same_entries, sync};
use crate::support::{A, B, ENTRIES, boss, entries, fresh, side};

/// What becomes of the source's freeze in the middle of a final sync.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Lapses,
    TakenOver,
}

/// Long enough for a loaded machine to come to any moment of a final sync.
const SHORT: Duration = Duration::from_secs(3);

/// Permits everything; when it is asked for the time that is set, the freeze ends, and a client writes.
#[derive(Debug)]
struct Ender {
    left: AtomicU64,
    fate: Fate,
    key: String,
}

#[async_trait]
impl Overseer for Ender {
    fn advance(&self, _: &Advance) {}

    async fn permit(&self) -> Result<(), DataError> {
        if self.left.fetch_sub(1, Ordering::SeqCst) != 0 {
            return Ok(());
        }
        match self.fate {
            Fate::Lapses => tokio::time::sleep(SHORT + Duration::from_millis(50)).await,
            Fate::TakenOver => direct().thaw(&side(A)).await.unwrap(),
        }
        put(A, &self.key, "x").await;
        if matches!(self.fate, Fate::TakenOver) {
            direct().freeze(&side(A), &freeze_by("another-run", None)).await.unwrap();
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_freeze_that_ends_at_any_moment_of_a_final_sync_hands_nothing_over() {
    fresh(ENTRIES).await;
    put(A, "a", "1").await;
    sync(A, SyncPurpose::Routine, 1).await.unwrap();
    direct().freeze(&side(A), &freeze_by("run-2", None)).await.unwrap();
    let watcher = Watcher::lenient();
    direct().sync(&order(&side(A), SyncPurpose::Final, 2), &watcher).await.unwrap();
    let moments = watcher.asked();
    assert!(moments >= 3, "{moments}");
    for moment in 0..moments {
        for fate in [Fate::Lapses, Fate::TakenOver] {
            let run = format!("run-{fate:?}-{moment}");
            direct().thaw(&side(A)).await.unwrap();
            sync(A, SyncPurpose::Routine, 3).await.unwrap();
            let key = format!("late in {run}");
            let ender = Ender { left: AtomicU64::new(moment), fate, key: key.clone() };
            let lease = match fate {
                Fate::Lapses => Some(SHORT),
                Fate::TakenOver => LEASE,
            };
            direct().freeze(&side(A), &freeze_by(&run, lease)).await.unwrap();
            let last = SyncOrder { run: freeze_by(&run, None).by, ..order(&side(A), SyncPurpose::Final, 4) };
            let end = direct().sync(&last, &ender).await;
            assert!(
                matches!(end, Err(DataError::NotFrozen { .. } | DataError::Lapsed { .. })),
                "{run}: {end:?}"
            );
            assert!(entries(A).await.contains_key(&key));
            let copied = direct().inspect(Depth::Glance).await.unwrap().sides[&side(B)].copied.clone();
            // The last moment is the one before it is written down.
            assert!(moment + 1 == moments || copied.is_none_or(|copied| !copied.complete), "{run}");
            let back = sync(B, SyncPurpose::Routine, 5).await;
            assert!(matches!(back, Err(DataError::Guarded { .. })), "{run}: {back:?}");
            assert!(entries(A).await.contains_key(&key), "{run}: an acknowledged write is lost");
        }
    }
}

#[tokio::test]
async fn a_slot_that_begins_elsewhere_is_not_taken_for_the_one_of_the_handover() {
    fresh(ENTRIES).await;
    put(A, "a", "1").await;
    sync(A, SyncPurpose::Routine, 1).await.unwrap();
    finished(A, 2).await;
    direct().freeze(&side(A), &freeze_by("run-2", None)).await.unwrap();
    direct().thaw(&side(B)).await.unwrap();
    put(B, "before the slot", "x").await;
    let root = boss(B).await;
    let slots = root.query_one("SELECT slot_name FROM pg_replication_slots", &[]).await.unwrap();
    let name: &str = slots.get(0);
    root.execute("SELECT pg_drop_replication_slot($1)", &[&name]).await.unwrap();
    root.execute("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", &[&name]).await.unwrap();
    put(B, "behind the slot", "x").await;
    let done = sync(B, SyncPurpose::Routine, 3).await.unwrap();
    assert!(done.notes.iter().any(|note| note.contains("anew")), "{done:?}");
    same_entries().await;
    assert!(entries(A).await.contains_key("before the slot"));
}
