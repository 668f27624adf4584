//! Syncs that are dropped, servers that die and connections that break, at every moment.

use std::time::Duration;

use switchover::port::{DataError, Store as _, SyncOrder, SyncPurpose};
use switchover_tests::contract::store::{Watcher, freeze_by, order};
use tokio::time::{sleep, timeout};

use crate::contract::streaming;
use crate::proxy::Proxy;
use crate::streaming::{LEASE, direct, dropped, put, sync};
use crate::support::{A, B, ENTRIES, app, entries, fresh, port, refused, side, until, variable};

fn control(side: &str, what: &str) {
    let done = std::process::Command::new(variable("SWITCHOVER_PG_CTL")).args([side, what]).status().unwrap();
    assert!(done.success(), "{side} {what}");
}

#[tokio::test]
async fn a_server_that_dies_while_the_stream_catches_up_loses_nothing() {
    fresh(ENTRIES).await;
    sync(A, SyncPurpose::Routine, 1).await.unwrap();
    for (number, dies) in [(2, "b"), (4, "a")] {
        let many = format!(
            "INSERT INTO entries SELECT 'many {number} ' || g, repeat('x', 200) FROM generate_series(1, 60000) g"
        );
        app(A).await.batch_execute(&many).await.unwrap();
        direct().freeze(&side(A), &freeze_by(&format!("run-{number}"), LEASE)).await.unwrap();
        let syncing = tokio::spawn(async move { sync(A, SyncPurpose::Final, number).await });
        sleep(Duration::from_millis(60)).await;
        tokio::task::spawn_blocking(move || control(dies, "kill")).await.unwrap();
        let end = timeout(Duration::from_secs(30), syncing).await.unwrap().unwrap();
        tokio::task::spawn_blocking(move || control(dies, "start")).await.unwrap();
        if let Err(error) = &end {
            assert!(
                matches!(
                    error,
                    DataError::Unreachable { .. } | DataError::Unknown { .. } | DataError::Failed { .. }
                ),
                "{error:?}"
            );
        }
        // The freeze has outlived the server, and so has the run.
        assert_eq!(refused(&app(A).await, "DELETE FROM entries").await, "25006");
        let done = sync(A, SyncPurpose::Final, number).await.unwrap();
        assert!(done.copied.complete);
        assert_eq!(entries(A).await, entries(B).await);
        direct().thaw(&side(A)).await.unwrap();
        sync(A, SyncPurpose::Routine, number + 1).await.unwrap();
    }
}

/// A final sync is dropped after its first poll, its second, and so on; then either the same run goes on, or it is aborted. Then, in turn, the
/// roles are swapped, and the sync that turns the stream round is dropped, too. After each, both sides must come to hold the same.
#[tokio::test]
async fn a_final_sync_that_is_dropped_at_any_moment_can_be_gone_on_with_or_taken_back() {
    fresh(ENTRIES).await;
    let (mut from, mut to) = (A, B);
    put(from, "a", "0").await;
    sync(from, SyncPurpose::Routine, 0).await.unwrap();
    let mut expected = entries(from).await;
    let (mut ends, mut turned) = (0, 0);
    for round in 1_u32..400 {
        let polls = round / 2 + 1;
        let key = format!("round {round}");
        put(from, &key, "x").await;
        expected.insert(key, "x".into());
        let run = format!("run-{}", 1000 + round);
        let store = direct();
        store.freeze(&side(from), &freeze_by(&run, LEASE)).await.unwrap();
        let last = SyncOrder { run: freeze_by(&run, None).by, ..order(&side(from), SyncPurpose::Final, 1) };
        if let Some(end) = dropped(&last, polls).await {
            assert!(end.unwrap().copied.complete);
            ends += 1;
        }
        if round % 2 == 0 {
            store.thaw(&side(from)).await.unwrap();
            let key = format!("aborted {round}");
            put(from, &key, "x").await;
            expected.insert(key, "x".into());
            sync(from, SyncPurpose::Routine, 2).await.unwrap();
        } else {
            assert!(store.sync(&last, &Watcher::lenient()).await.unwrap().copied.complete);
            assert_eq!(entries(to).await, expected, "round {round}");
            store.freeze(&side(from), &freeze_by(&run, None)).await.unwrap();
            store.thaw(&side(to)).await.unwrap();
            let key = format!("swapped {round}");
            put(to, &key, "x").await;
            expected.insert(key, "x".into());
            let turn =
                SyncOrder { run: freeze_by(&run, None).by, ..order(&side(to), SyncPurpose::Routine, 3) };
            if dropped(&turn, polls).await.is_some() {
                turned += 1;
            }
            store.sync(&turn, &Watcher::lenient()).await.unwrap();
            (from, to) = (to, from);
        }
        until("both sides hold the same", || async {
            entries(A).await == expected && entries(B).await == expected
        })
        .await;
        if ends >= 3 && turned >= 2 {
            return;
        }
    }
    panic!("a final sync takes more than 200 polls");
}

/// The same with the network: every connection of ours is cut after a while, longer each time.
#[tokio::test]
async fn a_final_sync_whose_connections_break_can_be_gone_on_with() {
    fresh(ENTRIES).await;
    put(A, "a", "0").await;
    sync(A, SyncPurpose::Routine, 0).await.unwrap();
    let (near, far) = (Proxy::to(port(A)).await, Proxy::to(port(B)).await);
    for round in 1_u32..15 {
        put(A, &format!("round {round}"), "x").await;
        let run = format!("run-{}", 1000 + round);
        direct().freeze(&side(A), &freeze_by(&run, LEASE)).await.unwrap();
        let last = SyncOrder { run: freeze_by(&run, None).by, ..order(&side(A), SyncPurpose::Final, 1) };
        let broken = streaming([near.port, far.port]);
        let watcher = Watcher::lenient();
        let breaking = async {
            sleep(Duration::from_millis(u64::from(round) * 12)).await;
            if round % 2 == 0 { near.cut() } else { far.cut() }
        };
        let (end, ()) = tokio::join!(broken.sync(&last, &watcher), breaking);
        if let Err(error) = end {
            assert!(matches!(error, DataError::Unreachable { .. } | DataError::Unknown { .. }), "{error:?}");
        }
        assert!(direct().sync(&last, &Watcher::lenient()).await.unwrap().copied.complete);
        assert_eq!(entries(A).await, entries(B).await);
        direct().thaw(&side(A)).await.unwrap();
        sync(A, SyncPurpose::Routine, 2).await.unwrap();
    }
}
