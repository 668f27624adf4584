//! One side of a stream by itself: taken over while the other one is gone, and kept before it is written over.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use switchover::port::{Access, KeepOrder, Rescue as _, Store as _, SyncPurpose};
use switchover_tests::contract::store::{Watcher, freeze_by, run};
use tokio::time::timeout;

use crate::streaming::{RICH, bare, direct, put, same_entries, sync};
use crate::support::{A, B, DATABASE, ENTRIES, app, boss, connect, entries, fresh, port, side, until};

async fn number(name: &str, query: &str) -> i64 {
    boss(name).await.query_one(query, &[]).await.unwrap().get(0)
}

const LAST: &str = "SELECT last_value FROM numbered_id_seq";
const GREATEST: &str = "SELECT max(id)::bigint FROM numbered";

#[tokio::test]
async fn a_takeover_moves_sequences_past_what_arrived_since_the_latest_sync_and_once_only() {
    fresh(RICH).await;
    bare(B).await;
    sync(A, SyncPurpose::Routine, 1).await.unwrap();
    // Far more than the gap of the latest sync, and all of it streams.
    let burst = "INSERT INTO numbered (entry) SELECT 'a' FROM generate_series(1, 5000)";
    app(A).await.batch_execute(burst).await.unwrap();
    until("the burst arrives", || async { number(B, GREATEST).await >= 5000 }).await;
    let (greatest, before) = (number(B, GREATEST).await, number(B, LAST).await);
    assert!(before < greatest, "the sequence stands where the latest sync put it: {before}");
    let taken = direct().take_over(&side(B), &run("run-2")).await.unwrap();
    assert!(taken.notes.iter().any(|note| note.contains("1000 steps past")), "{taken:?}");
    let after = number(B, LAST).await;
    assert!(after >= greatest + 1000, "{after} after {greatest}");
    direct().take_over(&side(B), &run("run-2")).await.unwrap();
    assert_eq!(number(B, LAST).await, after, "the same run moves nothing twice");
    direct().thaw(&side(B)).await.unwrap();
    app(B).await.batch_execute("INSERT INTO numbered (entry) VALUES ('a')").await.unwrap();
    let partitioned = "SELECT last_value FROM pg_sequences WHERE sequencename = 'parted_id_seq'";
    assert!(number(B, partitioned).await >= 1003);
}

#[tokio::test]
async fn what_is_written_to_the_lost_side_after_the_takeover_never_arrives() {
    fresh(ENTRIES).await;
    put(A, "a", "1").await;
    sync(A, SyncPurpose::Routine, 1).await.unwrap();
    same_entries().await;
    let mark = direct().look(&side(B)).await.unwrap().newest.unwrap();
    direct().take_over(&side(B), &run("run-2")).await.unwrap();
    put(A, "late", "2").await;
    let seen = direct().look(&side(B)).await.unwrap();
    assert!(!seen.receives);
    assert_eq!(seen.side.access, Access::Frozen { by: run("run-2"), until: None });
    assert!(seen.newest.unwrap() >= mark);
    direct().thaw(&side(B)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!entries(B).await.contains_key("late"));
    assert!(entries(A).await.contains_key("late"));
}

#[tokio::test]
async fn a_sync_that_hangs_on_a_side_that_is_gone_is_ended_by_a_takeover() {
    fresh(ENTRIES).await;
    put(A, "a", "1").await;
    sync(A, SyncPurpose::Routine, 1).await.unwrap();
    // As a sync does while it waits for the other side: it holds the lock of the store.
    let hanging = boss(B).await;
    let lock = "SELECT pg_advisory_lock(('x' || substr(encode(sha256(convert_to(split_part(subname, '_to_', 1), 'UTF8')), 'hex'), 1, 16))::bit(64)::bigint) \
        FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())";
    hanging.query_one(lock, &[]).await.unwrap();
    let began = Instant::now();
    timeout(Duration::from_secs(10), direct().take_over(&side(B), &run("run-3"))).await.unwrap().unwrap();
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert!(hanging.query_one("SELECT 1", &[]).await.is_err(), "it could still write what it had begun");
}

#[tokio::test]
async fn what_diverged_is_kept_as_a_database_of_its_own_although_somebody_reads_it() {
    fresh(ENTRIES).await;
    put(A, "a", "1").await;
    sync(A, SyncPurpose::Routine, 1).await.unwrap();
    direct().take_over(&side(B), &run("run-2")).await.unwrap();
    direct().thaw(&side(B)).await.unwrap();
    put(A, "diverged", "2").await;
    direct().freeze(&side(A), &freeze_by("run-3", None)).await.unwrap();
    let reader = app(A).await;
    reader.query("SELECT * FROM entries", &[]).await.unwrap();
    let began = Timestamp::from_second(1_700_000_000).unwrap();
    let deadline = Duration::from_secs(60);
    let order = KeepOrder { side: side(A), run: run("run-3"), began, deadline };
    let kept = direct().keep(&order, &Watcher::lenient()).await.unwrap();
    let name = format!("{DATABASE}_diverged_run_3");
    assert!(kept.place.ends_with(&format!("/{name}")), "{kept:?}");
    assert!(kept.bytes.unwrap() > 0);
    let read = || async {
        let beside = connect(port(A), "boss", &name).await;
        beside
            .query_one("SELECT value FROM entries WHERE key = 'diverged'", &[])
            .await
            .unwrap()
            .get::<_, String>(0)
    };
    assert_eq!(read().await, "2");
    let again = switchover::port::SyncOrder {
        overwrite: true,
        ..switchover_tests::contract::store::order(&side(B), SyncPurpose::Routine, 4)
    };
    direct().sync(&again, &Watcher::lenient()).await.unwrap();
    assert!(!entries(A).await.contains_key("diverged"));
    assert_eq!(read().await, "2", "a sync that overwrites leaves it alone");
    let root = connect(port(A), "boss", "postgres").await;
    root.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
}
