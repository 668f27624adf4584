//! A restore that begins while the dump is still being made: that it does, what it carries, and what is left when only one of them works.

use std::fs;
use std::process::Command;
use std::sync::Arc;

use switchover::model::{BackupState, Verification};
use switchover::port::{Backups as _, DataError, Store as _, SyncOrder, SyncPurpose};
use switchover_postgres::{PostgresDump, PostgresOptions};
use switchover_tests::contract::store::{Watcher, order};

use super::faults::{real_tools, tools};
use super::harness::{Harness, databases, standing};
use crate::support::{A, B, DATABASE, app, boss, connect, entries, port, until};

const ROWS: &str = "CREATE TABLE entries (key text PRIMARY KEY, value text NOT NULL); \
    INSERT INTO entries SELECT n::text, repeat(md5(n::text), 20) FROM generate_series(1, 5000) n";

fn routine(number: u32) -> SyncOrder {
    order(&standing().0, SyncPurpose::Routine, number)
}

fn with(harness: &Harness, scripts: &[(&str, &str)], compression: u8) -> (PostgresDump, tempfile::TempDir) {
    let dir = tools(scripts);
    let options = PostgresOptions { tools: Some(dir.path().to_owned()), compression, ..harness.options() };
    (harness.dump_with(&options), dir)
}

/// A `pg_dump` whose files are all there and which goes on until it may end.
const LINGERS: &str = "case \"$1\" in --version) exec REAL \"$@\";; esac; REAL \"$@\" || exit 1; \
    while [ ! -e DIR/go ]; do sleep 0.05; done";

/// How many rows a database has that is being restored; `None` if there is none, or no table in it yet.
async fn arrived() -> Option<i64> {
    let new = databases(B).await.into_iter().find(|name| *name != DATABASE && !name.contains("_before_"))?;
    let client = connect(port(B), "boss", &new).await;
    client.query_one("SELECT count(*) FROM entries", &[]).await.ok().map(|row| row.get(0))
}

#[test]
fn rows_arrive_while_pg_dump_is_still_at_work() {
    for compression in [0, 1] {
        let harness = Harness::with(ROWS);
        harness.run(async {
            let (store, dir) = with(&harness, &[("pg_dump", LINGERS)], compression);
            let store = Arc::new(store);
            let running = {
                let store = Arc::clone(&store);
                tokio::spawn(async move { store.sync(&routine(1), &Watcher::lenient()).await })
            };
            until("the rows are there", async || arrived().await == Some(5000)).await;
            assert!(!running.is_finished() && store.list().await.unwrap()[0].state == BackupState::Partial);
            fs::write(dir.path().join("go"), "").unwrap();
            running.await.unwrap().unwrap();
            assert_eq!(entries(B).await, entries(A).await);
            assert_eq!(
                store.list().await.unwrap()[0].manifest.as_ref().unwrap().items["public.entries"],
                5000
            );
        });
    }
}

/// What lists an archive works, and what restores it does not.
const REFUSES: &str = "case \"$*\" in --version|*--list*) exec REAL \"$@\";; esac; echo 'pg_restore: error: not today' >&2; exit 1";

#[test]
fn a_restore_that_fails_leaves_the_backup_that_was_being_made_and_the_next_sync_uses_it() {
    let harness = Harness::with(ROWS);
    harness.run(async {
        app(B).await.batch_execute("DELETE FROM entries WHERE key <> '7'").await.unwrap();
        let (store, _dir) = with(&harness, &[("pg_restore", REFUSES)], 1);
        let error = store.sync(&routine(1), &Watcher::lenient()).await.unwrap_err();
        assert!(error.to_string().contains("not today"), "{error}");
        assert_eq!(entries(B).await.len(), 1, "the stand-by has the data from before");
        assert_eq!(databases(B).await, [DATABASE]);
        let backup = store.list().await.unwrap().remove(0);
        assert_eq!(backup.state, BackupState::Complete);
        let made = backup.manifest.unwrap();
        assert_eq!(made.items["public.entries"], 5000, "counted although nothing was loaded");
        let done = harness.dump().sync(&routine(1), &Watcher::lenient()).await.unwrap();
        assert_eq!(done.copied.as_of, made.as_of);
        assert_eq!(entries(B).await.len(), 5000);
    });
}

#[test]
fn a_dump_that_fails_leaves_neither_a_backup_nor_a_database() {
    let harness = Harness::with(ROWS);
    harness.run(async {
        let fails = "case \"$1\" in --version) exec REAL \"$@\";; esac; REAL \"$@\" || exit 1; sleep 1; \
            echo 'pg_dump: error: at the last moment' >&2; exit 1";
        let (store, _dir) = with(&harness, &[("pg_dump", fails)], 1);
        let error = store.sync(&routine(1), &Watcher::lenient()).await.unwrap_err();
        assert!(
            matches!(&error, DataError::Failed { why, .. } if why.contains("at the last moment")),
            "{error}"
        );
        assert_eq!(databases(B).await, [DATABASE]);
        assert!(store.list().await.unwrap().is_empty());
    });
}

/// Tables whose rows are easily carried wrongly.
const ODD: &str = "
    CREATE TABLE entries (key text PRIMARY KEY, value text NOT NULL);
    ALTER TABLE entries OWNER TO app;
    INSERT INTO entries VALUES ('a', E'\\\\.'), ('b', E'\\n\\\\.\\n'), ('c', chr(228) || E'\\t\\r\\n\\\\N'), ('d', '');
    CREATE TABLE parent (a int, b text, gone int, c int);
    CREATE TABLE child (c int, own xml, a int) INHERITS (parent);
    ALTER TABLE parent DROP COLUMN gone;
    INSERT INTO parent VALUES (1, 'p', 2);
    INSERT INTO child (a, b, c, own) VALUES (3, 'ch', 4, 'no document'), (5, NULL, 6, NULL);
    CREATE TABLE made (twice int GENERATED ALWAYS AS (n * 2) STORED, n int, id int GENERATED ALWAYS AS IDENTITY);
    INSERT INTO made (n) SELECT generate_series(1, 10);
    CREATE TABLE bare ();
    INSERT INTO bare SELECT FROM generate_series(1, 3);
    CREATE TABLE empty (n int);
    CREATE UNLOGGED TABLE unlogged AS SELECT 1 AS n;
    CREATE TABLE spans AS SELECT interval '-1 day +02:03:04' AS i, '{NULL,\"a,b\"}'::text[] AS l, 'NaN'::float8 AS f;
    CREATE TABLE ruled (n int);
    INSERT INTO ruled VALUES (1);
    CREATE RULE nothing AS ON INSERT TO ruled DO INSTEAD NOTHING;
    CREATE TABLE referring (n int REFERENCES referred (n));
    ";

#[test]
fn odd_rows_in_an_encoding_of_their_own_arrive_and_plain_pg_restore_restores_them_too() {
    for compression in [0, 1] {
        let harness = Harness::new();
        harness.run(async {
            let root = connect(port(A), "boss", "postgres").await;
            root.batch_execute(&format!("DROP DATABASE {DATABASE} WITH (FORCE)")).await.unwrap();
            let made = format!(
                "CREATE DATABASE {DATABASE} OWNER app TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"
            );
            root.batch_execute(&made).await.unwrap();
            let odd = ODD.replace("CREATE TABLE referring", "CREATE TABLE referred (n int PRIMARY KEY); CREATE TABLE referring");
            boss(A).await.batch_execute(&odd).await.unwrap();
            boss(A).await.batch_execute("INSERT INTO referred VALUES (1); INSERT INTO referring VALUES (1)").await.unwrap();
            let store = harness.dump_with(&PostgresOptions { compression, ..harness.options() });
            let order = SyncOrder { verify: Verification::Content, ..routine(1) };
            store.sync(&order, &Watcher::lenient()).await.unwrap();
            assert_eq!(entries(B).await, entries(A).await);
            let client = boss(B).await;
            for (sql, expected) in [
                ("SELECT count(*) FROM bare", 3),
                ("SELECT sum(twice) FROM made", 110),
                ("SELECT a + c FROM ONLY parent", 3),
                ("SELECT sum(a) FROM child", 8),
                ("SELECT count(*) FROM ruled", 1),
                ("SELECT count(*) FROM unlogged", 1),
            ] {
                let row = client.query_one(&format!("SELECT ({sql})::bigint"), &[]).await.unwrap();
                assert_eq!(row.get::<_, i64>(0), expected, "{sql}");
            }
            plainly(&harness).await;
        });
    }
}

/// The backup is an ordinary one: `pg_restore` and nothing else makes a database of it.
async fn plainly(harness: &Harness) {
    let name = format!("plain_{DATABASE}");
    let root = connect(port(B), "boss", "postgres").await;
    root.batch_execute(&format!("DROP DATABASE IF EXISTS {name}")).await.unwrap();
    let sql =
        format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
    root.batch_execute(&sql).await.unwrap();
    let dump = harness.location().join(standing().2.as_str()).join("dump");
    let done = Command::new(real_tools().join("pg_restore"))
        .env("PGPASSWORD", crate::support::variable("SWITCHOVER_PG_PASSWORD"))
        .args(["--host=127.0.0.1", "--username=boss", "--exit-on-error", "--jobs=2"])
        .args([format!("--port={}", port(B)), format!("--dbname={name}")])
        .arg(dump)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let client = connect(port(B), "boss", &name).await;
    let count: i64 = client.query_one("SELECT count(*) FROM entries", &[]).await.unwrap().get(0);
    assert_eq!(count, 4);
    drop(client);
    root.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
}
