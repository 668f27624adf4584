//! Everything is copied anew: where a slot was lost, and over a stand-by that diverged.

use switchover::model::Verification;
use switchover::port::{DataError, Depth, Store as _, SyncOrder, SyncPurpose};
use switchover_tests::contract::store::{Watcher, freeze_by, order};

use crate::streaming::{Entries, LEASE, RICH, bare, direct, dropped, finished, put, same_entries, sync};
use crate::support::{A, B, ENTRIES, app, boss, entries, fresh, refused, side, try_entries, until};

#[tokio::test]
async fn a_lost_slot_is_made_anew_by_a_routine_sync_and_stops_a_final_one() {
    fresh(ENTRIES).await;
    put(A, "a", "1").await;
    sync(A, SyncPurpose::Routine, 1).await.unwrap();
    let root = boss(A).await;
    for removed in [true, false] {
        if removed {
            boss(B).await.batch_execute("DO $$ DECLARE s text; BEGIN SELECT subname INTO s FROM pg_subscription; EXECUTE format('ALTER SUBSCRIPTION %I DISABLE', s); END $$").await.unwrap();
            until("nobody receives", || async {
                let row = root
                    .query_one("SELECT NOT bool_or(active) FROM pg_replication_slots", &[])
                    .await
                    .unwrap();
                row.get(0)
            })
            .await;
            root.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots", &[])
                .await
                .unwrap();
        } else {
            // The server itself gives it up, as it does on a full disk.
            boss(B).await.batch_execute("DO $$ DECLARE s text; BEGIN SELECT subname INTO s FROM pg_subscription; EXECUTE format('ALTER SUBSCRIPTION %I DISABLE', s); END $$").await.unwrap();
            root.batch_execute("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'").await.unwrap();
            root.batch_execute("SELECT pg_reload_conf()").await.unwrap();
            until("the slot is lost", || async {
                root.batch_execute("SELECT pg_switch_wal()").await.unwrap();
                root.batch_execute("CREATE TABLE IF NOT EXISTS filler (x text); INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, 2000); DROP TABLE filler").await.unwrap();
                root.batch_execute("CHECKPOINT").await.unwrap();
                root.query_one("SELECT wal_status = 'lost' FROM pg_replication_slots", &[]).await.unwrap().get(0)
            })
            .await;
            root.batch_execute("ALTER SYSTEM RESET max_slot_wal_keep_size").await.unwrap();
            root.batch_execute("SELECT pg_reload_conf()").await.unwrap();
            let stream = direct().inspect(Depth::Preflight).await.unwrap();
            assert!(
                stream
                    .problems
                    .iter()
                    .any(|problem| !problem.fatal && problem.message.contains("slot is lost")),
                "{stream:?}"
            );
        }
        put(A, &format!("while lost {removed}"), "x").await;
        let stream = direct().inspect(Depth::Glance).await.unwrap().stream.unwrap();
        assert!(!stream.running, "{stream:?}");
        let number = 10 + u32::from(removed);
        direct().freeze(&side(A), &freeze_by(&format!("run-{number}"), LEASE)).await.unwrap();
        let refusal = sync(A, SyncPurpose::Final, number).await;
        assert!(matches!(&refusal, Err(DataError::Unfit { why, .. }) if why.contains("slot")), "{refusal:?}");
        direct().thaw(&side(A)).await.unwrap();
        let done = sync(A, SyncPurpose::Routine, 20 + number).await.unwrap();
        assert!(done.notes.iter().any(|note| note.contains("anew")), "{done:?}");
        same_entries().await;
        assert!(entries(B).await.contains_key(&format!("while lost {removed}")));
    }
}

#[tokio::test]
async fn the_earlier_data_can_be_read_until_everything_was_copied_anew() {
    fresh(RICH).await;
    bare(B).await;
    sync(A, SyncPurpose::Routine, 1).await.unwrap();
    boss(B).await.batch_execute("ALTER DATABASE gigadb_test SET search_path = \"$user\", public; ALTER DATABASE gigadb_test SET work_mem = '7MB'; \
        ALTER ROLE app IN DATABASE gigadb_test SET statement_timeout = '59s'; REVOKE CONNECT ON DATABASE gigadb_test FROM PUBLIC").await.unwrap();
    let form = "SELECT array(SELECT unnest(setconfig) FROM pg_db_role_setting WHERE setdatabase = d.oid ORDER BY 1), pg_get_userbyid(datdba)::text, \
        array(SELECT unnest(datacl)::text ORDER BY 1)::text, datcollate::text FROM pg_database d WHERE datname = current_database()";
    let before = boss(B).await.query_one(form, &[]).await.unwrap();
    direct().thaw(&side(B)).await.unwrap();
    put(B, "only here", "x").await;
    app(A)
        .await
        .batch_execute(
            "INSERT INTO entries SELECT 'many ' || g, repeat('x', 300) FROM generate_series(1, 60000) g",
        )
        .await
        .unwrap();
    let whole = entries(A).await;
    let overwrite = SyncOrder { overwrite: true, ..order(&side(A), SyncPurpose::Routine, 2) };
    // The old stream may still bring rows; what was there before is there until the whole takes its place.
    let old = |found: &Entries| ["a", "b", "only here"].iter().all(|key| found.contains_key(*key));
    // Dropped in the middle, what was there is still there.
    for polls in [15, 30, 60] {
        assert!(dropped(&overwrite, polls).await.is_none(), "the copy was too quick");
        assert!(old(&entries(B).await), "after {polls} polls");
    }
    let again = overwrite.clone();
    let syncing = tokio::spawn(async move { direct().sync(&again, &Watcher::lenient()).await });
    let mut read = 0;
    while !syncing.is_finished() {
        // Once, for a moment, the name leads to neither.
        if let Some(found) = try_entries(B).await {
            assert!(
                old(&found) || found == whole,
                "{} rows are neither the old nor the new ones",
                found.len()
            );
            read += 1;
        }
    }
    assert!(read > 3, "{read}");
    let done = syncing.await.unwrap().unwrap();
    assert!(done.notes.iter().any(|note| note.contains("anew")), "{done:?}");
    assert!(entries(B).await == whole);
    let after = boss(B).await.query_one(form, &[]).await.unwrap();
    for column in 0..4 {
        match column {
            0 => assert_eq!(before.get::<_, Vec<String>>(0), after.get::<_, Vec<String>>(0)),
            _ => assert_eq!(before.get::<_, Option<String>>(column), after.get::<_, Option<String>>(column)),
        }
    }
    let databases = "SELECT count(*) FROM pg_database WHERE datname LIKE 'gigadb_test%'";
    assert_eq!(boss(B).await.query_one(databases, &[]).await.unwrap().get::<_, i64>(0), 1);
    assert_eq!(refused(&app(B).await, "DELETE FROM entries").await, "25006");
    put(A, "after", "x").await;
    until("the stream flows", || async { entries(B).await.contains_key("after") }).await;
    finished(A, 5).await;
}

/// Should production be lost, the next numbers must be free, and a materialized view must be readable.
#[tokio::test]
async fn a_routine_sync_carries_sequences_and_refreshes_materialized_views() {
    let more = "; CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS n FROM entries;
        CREATE MATERIALIZED VIEW \"tw ice\" AS SELECT n * 2 AS n FROM totals";
    fresh(&format!("{RICH}{more}")).await;
    bare(B).await;
    sync(A, SyncPurpose::Routine, 1).await.unwrap();
    app(A)
        .await
        .batch_execute("INSERT INTO entries VALUES ('c', '3'); INSERT INTO numbered (entry) VALUES ('a')")
        .await
        .unwrap();
    sync(A, SyncPurpose::Routine, 2).await.unwrap();
    let seen =
        "SELECT (SELECT n FROM \"tw ice\"), (SELECT max(id) < nextval('numbered_id_seq') FROM numbered)";
    let row = boss(B).await.query_one(seen, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, bool>(1)), (6, true));
    let refused = app(B).await.batch_execute("REFRESH MATERIALIZED VIEW totals").await;
    assert!(refused.is_err(), "the stand-by stays frozen for clients");
}

/// Else the time for which writes are refused would grow with the database.
#[tokio::test]
async fn a_final_sync_counts_no_table_that_takes_long_and_says_so() {
    let large = "CREATE TABLE large (id int PRIMARY KEY, body text NOT NULL); ALTER TABLE large ALTER body SET STORAGE PLAIN;
        INSERT INTO large SELECT n, repeat('x', 7000) FROM generate_series(1, 9000) n";
    fresh(&format!("{ENTRIES}; {large}")).await;
    bare(B).await;
    put(A, "a", "1").await;
    sync(A, SyncPurpose::Routine, 1).await.unwrap();
    direct().freeze(&side(A), &freeze_by("run-2", LEASE)).await.unwrap();
    for verify in [Verification::Counts, Verification::Content] {
        let last = SyncOrder { verify, ..order(&side(A), SyncPurpose::Final, 2) };
        let done = direct().sync(&last, &Watcher::lenient()).await.unwrap();
        assert!(done.copied.complete);
        let counted = verify == Verification::Counts;
        assert_eq!(done.copied.verified, if counted { Verification::None } else { verify });
        assert_eq!(done.items, if counted { 1 } else { 9001 });
        assert_eq!(
            done.notes.iter().any(|note| note.ends_with(": public.large")),
            counted,
            "{:?}",
            done.notes
        );
    }
}
