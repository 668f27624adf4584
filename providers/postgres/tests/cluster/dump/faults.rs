//! Things that break: a clear error, the stand-by's data as before, nothing left over, and the next sync works.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use switchover::model::{BackupState, EnvironmentName, PairName, SideName, StoreName, StoreRef};
use switchover::port::{
    Advance, Backups as _, DataError, Depth, FreezeOrder, Overseer, Store, SyncOrder, SyncPurpose,
};
use switchover_postgres::{PostgresDump, PostgresOptions, PostgresSide};
use switchover_runtime::TokioClock;
use switchover_tests::contract::store::{Watcher, key, order};
use tempfile::TempDir;

use super::harness::{Harness, databases, standing};
use crate::support::{A, B, DATABASE, app, boss, connect, entries, port, resolve, until, variable};

/// Six megabytes that no compression makes smaller than three, in rows that each side can tell apart.
const LARGE: &str = "CREATE TABLE entries (key text PRIMARY KEY, value text NOT NULL); \
    ALTER TABLE entries ALTER value SET STORAGE EXTERNAL; \
    INSERT INTO entries SELECT n::text, (SELECT string_agg(md5((n * 1000 + k)::text), '') FROM generate_series(1, 90) k) \
    FROM generate_series(1, 2200) n";

fn routine(number: u32) -> SyncOrder {
    order(&standing().0, SyncPurpose::Routine, number)
}

async fn sync(store: &PostgresDump, order: &SyncOrder) -> Result<(), DataError> {
    store.sync(order, &Watcher::lenient()).await.map(drop)
}

/// The stand-by has what the last sync that worked brought, and only what it kept beside it.
async fn nothing_left(harness: &Harness) {
    let names = databases(B).await;
    let other: Vec<_> =
        names.iter().filter(|name| **name != DATABASE && !name.contains("_before_")).collect();
    assert!(other.is_empty(), "{other:?} is left");
    let drafts = fs::read_dir(harness.location()).map_or(0, |entries| {
        entries.filter(|entry| entry.as_ref().unwrap().path().extension().is_some()).count()
    });
    assert_eq!(drafts, 0, "a draft is left");
}

/// A first sync has worked, and production has gone on since.
async fn prepared(harness: &Harness) {
    app(A).await.batch_execute("INSERT INTO entries VALUES ('a', '1')").await.unwrap();
    sync(&harness.dump(), &routine(1)).await.unwrap();
    app(A).await.batch_execute("UPDATE entries SET value = '2' WHERE key = 'a'").await.unwrap();
}

async fn as_before() {
    assert_eq!(entries(B).await["a"], "1", "the stand-by has the data from before");
}

async fn next_works(harness: &Harness) {
    sync(&harness.dump(), &routine(50)).await.unwrap();
    assert_eq!(entries(B).await, entries(A).await);
    nothing_left(harness).await;
}

/// A folder of tools, in which one is a script of the test's.
pub(super) fn tools(scripts: &[(&str, &str)]) -> TempDir {
    let dir = TempDir::new().unwrap();
    let real = real_tools();
    for tool in ["pg_dump", "pg_restore", "psql"] {
        match scripts.iter().find(|(name, _)| *name == tool) {
            None => std::os::unix::fs::symlink(real.join(tool), dir.path().join(tool)).unwrap(),
            Some((_, script)) => {
                let path = dir.path().join(tool);
                let real = real.join(tool);
                let script = script
                    .replace("REAL", real.to_str().unwrap())
                    .replace("DIR", dir.path().to_str().unwrap());
                fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
    }
    dir
}

pub(super) fn real_tools() -> PathBuf {
    let mut found: Vec<PathBuf> =
        fs::read_dir("/usr/lib/postgresql").unwrap().map(|entry| entry.unwrap().path().join("bin")).collect();
    found.retain(|path| path.join("pg_dump").is_file() && path.join("initdb").is_file());
    found.sort();
    found.pop().unwrap()
}

fn with_tools(harness: &Harness, dir: &TempDir) -> PostgresDump {
    harness.dump_with(&PostgresOptions { tools: Some(dir.path().to_owned()), ..harness.options() })
}

#[test]
fn a_pg_dump_older_than_the_server_is_named_before_anything_is_done() {
    let harness = Harness::new();
    harness.run(async {
        prepared(&harness).await;
        let dir = tools(&[("pg_dump", "echo 'pg_dump (PostgreSQL) 12.22 (Debian 12.22-1)'")]);
        let store = with_tools(&harness, &dir);
        let error = sync(&store, &routine(2)).await.unwrap_err();
        assert!(matches!(error, DataError::Unfit { .. }), "{error}");
        assert!(error.to_string().contains("pg_dump is 12.22, older than 15"), "{error}");
        assert!(error.to_string().contains("install postgresql-client-15"), "{error}");
        let problems = store.inspect(Depth::Preflight).await.unwrap().problems;
        assert!(
            problems.iter().any(|problem| problem.fatal && problem.message.contains("12.22")),
            "{problems:?}"
        );
        as_before().await;
        nothing_left(&harness).await;
        next_works(&harness).await;
    });
}

#[test]
fn no_tool_at_all_is_named() {
    let harness = Harness::new();
    harness.run(async {
        prepared(&harness).await;
        let store = with_tools(&harness, &TempDir::new().unwrap());
        let error = sync(&store, &routine(2)).await.unwrap_err().to_string();
        assert!(error.starts_with("pg_dump: ") && error.contains("install postgresql-client-15"), "{error}");
        as_before().await;
    });
}

/// A limit on the size of files says `File too large`, as a quota does. It needs no rights.
const NO_ROOM: &str =
    "case \"$1\" in --version) exec REAL \"$@\";; esac; trap '' XFSZ; ulimit -f 512; exec REAL \"$@\"";

#[test]
fn a_disk_that_gets_full_while_dumping_is_named_and_the_draft_is_removed() {
    let harness = Harness::with(LARGE);
    harness.run(async {
        prepared(&harness).await;
        let dir = tools(&[("pg_dump", NO_ROOM)]);
        let error = sync(&with_tools(&harness, &dir), &routine(2)).await.unwrap_err();
        assert!(matches!(error, DataError::Failed { .. }), "{error}");
        assert!(error.to_string().contains("the disk is full"), "{error}");
        assert!(error.to_string().contains(harness.location().to_str().unwrap()), "{error}");
        as_before().await;
        nothing_left(&harness).await;
        next_works(&harness).await;
    });
}

/// A small file system of its own; only root may mount one.
struct Small(PathBuf);

impl Small {
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let done =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs"]).arg(at).status();
        done.is_ok_and(|status| status.success()).then(|| Self(at.to_owned()))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_disk_that_is_really_full_is_named() {
    let harness = Harness::with(LARGE);
    let Some(_small) = Small::mount(&harness.location()) else {
        eprintln!(
            "passed over: only root may mount a small disk; the limit of a file's size was tried instead"
        );
        return;
    };
    harness.run(async {
        let error = sync(&harness.dump(), &routine(2)).await.unwrap_err();
        assert!(error.to_string().contains("the disk is full"), "{error}");
        nothing_left(&harness).await;
        assert_eq!(entries(B).await.len(), 2200, "both sides began with the same rows");
        // And said before, once it is known how large a backup is.
        let all = fs::read_dir(harness.location()).unwrap().count();
        assert_eq!(all, 0);
    });
}

/// The process of the stand-by's server, whose limits its sessions inherit.
fn limit_files(bytes: &str) {
    let control = variable("SWITCHOVER_PG_CTL");
    let file = Path::new(&control).parent().unwrap().join("b/postmaster.pid");
    let pid = fs::read_to_string(file).unwrap().lines().next().unwrap().to_owned();
    // As the server's own user: another one needs a capability that root in a container may lack.
    let mut command = if rustix::process::getuid().is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--", "prlimit"]);
        command
    } else {
        Command::new("prlimit")
    };
    let done = command.args(["--pid", &pid, &format!("--fsize={bytes}:")]).status();
    assert!(done.unwrap().success(), "the limit is set");
}

#[test]
fn a_disk_that_gets_full_while_restoring_is_named_and_what_filled_it_is_dropped() {
    // One segment of the log has 16 MiB: the limit must lie above, the table above the limit.
    let harness = Harness::with(&LARGE.replace("generate_series(1, 2200)", "generate_series(1, 9000)"));
    harness.run(async {
        prepared(&harness).await;
        limit_files("17825792");
        let end = sync(&harness.dump(), &routine(2)).await;
        limit_files("unlimited");
        let error = end.unwrap_err();
        assert!(matches!(error, DataError::Failed { .. }), "{error}");
        assert!(error.to_string().contains("the disk is full"), "{error}");
        as_before().await;
        nothing_left(&harness).await;
        next_works(&harness).await;
    });
}

#[test]
fn a_connection_lost_at_any_byte_of_a_dump_leaves_the_stand_by_as_it_was() {
    lost_connections(A, &[200, 30_000, 400_000, 3_000_000]);
}

#[test]
fn a_connection_lost_at_any_byte_of_a_restore_leaves_the_stand_by_as_it_was() {
    lost_connections(B, &[200, 9_000, 60_000, 400_000, 3_000_000]);
}

fn lost_connections(side: &str, after: &[i64]) {
    let harness = Harness::with(LARGE);
    harness.run(async {
        prepared(&harness).await;
        let side = SideName::new(side).unwrap();
        let proxy = harness.proxy(&side);
        for (number, bytes) in (2..).zip(after) {
            let before = proxy.passed();
            proxy.cut_after(*bytes);
            let error = sync(&harness.dump(), &routine(number)).await.unwrap_err();
            assert!(
                proxy.is_cut(),
                "it was lost after {} of {bytes} bytes: {error}",
                proxy.passed() - before
            );
            assert!(matches!(error, DataError::Unreachable { .. } | DataError::Failed { .. }), "{error:?}");
            as_before().await;
            proxy.mend();
        }
        next_works(&harness).await;
    });
}

/// Ends the tools' sessions on a side as soon as they are at work.
#[derive(Debug)]
struct Ender {
    phase: &'static str,
    heard: tokio::sync::Notify,
}

#[async_trait]
impl Overseer for Ender {
    fn advance(&self, advance: &Advance) {
        if advance.phase == self.phase {
            self.heard.notify_one();
        }
    }

    async fn permit(&self) -> Result<(), DataError> {
        Ok(())
    }
}

#[test]
fn a_session_that_an_administrator_ends_fails_the_sync_and_the_next_works() {
    // Enough tables that some are left when the first is done.
    let tables =
        (0..40).map(|n| format!("CREATE TABLE t{n} AS SELECT * FROM entries")).collect::<Vec<_>>().join("; ");
    let harness = Harness::with(&format!("{LARGE}; {tables}"));
    harness.run(async {
        prepared(&harness).await;
        for (number, side, phase) in [(2, A, "dumping"), (3, B, "restoring")] {
            let ender = Ender { phase, heard: tokio::sync::Notify::new() };
            let client = connect(port(side), "boss", "postgres").await;
            let end = async {
                ender.heard.notified().await;
                let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE $1 AND usename = 'boss'";
                // One may end by itself before it is looked at: the next ones are ended too.
                loop {
                    client.query(sql, &[&format!("{DATABASE}%")]).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            let store = harness.dump();
            let order = routine(number);
            let end = tokio::select! {
                end = store.sync(&order, &ender) => end,
                () = end => unreachable!("it never ends"),
            };
            let error = end.unwrap_err();
            assert!(matches!(error, DataError::Unreachable { .. } | DataError::Failed { .. }), "{error:?}");
            as_before().await;
            nothing_left(&harness).await;
        }
        next_works(&harness).await;
    });
}

#[test]
fn a_backup_of_another_store_is_never_restored_or_replaced() {
    let harness = Harness::new();
    harness.run(async {
        prepared(&harness).await;
        let pair = PairName::new("gigadb").unwrap();
        let orders = StoreRef {
            environment: EnvironmentName::new("live").unwrap(),
            store: StoreName::new("orders").unwrap(),
        };
        let clock = Arc::new(TokioClock::new());
        let other = PostgresDump::new(&pair, &orders, &harness.options(), clock, &resolve).unwrap();
        let (_, standby, _) = standing();
        for end in [
            other.restore(&key(1), &standby, &Watcher::lenient()).await,
            other.sync(&routine(1), &Watcher::lenient()).await.map(drop),
            other.remove(&key(1)).await,
        ] {
            let error = end.unwrap_err();
            assert!(
                matches!(&error, DataError::BadBackup { why, .. } if why.contains("live/metadata")),
                "{error:?}"
            );
        }
        as_before().await;
        let there = harness.dump().list().await.unwrap();
        assert_eq!(there[0].state, BackupState::Complete);
    });
}

#[test]
fn a_backup_that_was_taken_from_the_other_side_is_not_used() {
    let harness = Harness::new();
    harness.run(async {
        prepared(&harness).await;
        let (_, standby, _) = standing();
        harness.dump().thaw(&standby).await.unwrap();
        let back = SyncOrder { overwrite: true, ..order(&standby, SyncPurpose::Routine, 1) };
        let error = sync(&harness.dump(), &back).await.unwrap_err();
        assert!(
            error.to_string().contains("it was taken from hongkong, and production is sydney"),
            "{error}"
        );
    });
}

#[test]
fn what_does_not_agree_with_its_manifest_takes_nobodys_place() {
    let harness = Harness::new();
    harness.run(async {
        prepared(&harness).await;
        let (production, standby, _) = standing();
        for (number, what) in [(2, "\"public.entries\": 1"), (3, "\"public.entries\": \"")] {
            harness.dump().create(&production, &key(number), &Watcher::lenient()).await.unwrap();
            let path = harness.location().join(key(number).as_str()).join("manifest.json");
            let text = fs::read_to_string(&path).unwrap();
            let wrong = text
                .replace(what, &if number == 2 { what.replace(": 1", ": 2") } else { format!("{what}1") });
            assert_ne!(text, wrong, "{text}");
            fs::write(&path, wrong).unwrap();
            let error =
                harness.dump().restore(&key(number), &standby, &Watcher::lenient()).await.unwrap_err();
            let said =
                if number == 2 { "has 1 rows and should have 2" } else { "the content of public.entries" };
            assert!(error.to_string().contains(said), "{error}");
            as_before().await;
        }
        nothing_left(&harness).await;
    });
}

#[test]
fn both_sides_on_one_database_is_a_fatal_problem_and_no_sync() {
    let harness = Harness::new();
    harness.run(async {
        app(A).await.batch_execute("INSERT INTO entries VALUES ('a', '1')").await.unwrap();
        let mut options = harness.options();
        let one: PostgresSide = options.sides[A].clone();
        // By another name and the same server.
        options.sides.insert(B.into(), PostgresSide { host: "localhost".into(), port: port(A), ..one });
        let store = harness.dump_with(&options);
        let problems = store.inspect(Depth::Glance).await.unwrap().problems;
        assert!(
            problems.iter().any(|problem| problem.fatal && problem.message.contains("are one database")),
            "{problems:?}"
        );
        let error = sync(&store, &routine(1)).await.unwrap_err();
        assert!(error.to_string().contains("both sides are one database"), "{error}");
        assert_eq!(databases(A).await, [DATABASE]);
        assert_eq!(entries(A).await.len(), 1);
    });
}

#[test]
fn a_source_without_tables_or_rows_is_never_copied() {
    let harness = Harness::new();
    harness.run(async {
        prepared(&harness).await;
        boss(A).await.batch_execute("TRUNCATE entries").await.unwrap();
        let error = sync(&harness.dump(), &routine(2)).await.unwrap_err();
        assert!(matches!(&error, DataError::Guarded { why, .. } if why.contains("no table of the source has a row")), "{error:?}");
        boss(A).await.batch_execute("DROP TABLE entries").await.unwrap();
        let error = sync(&harness.dump(), &routine(2)).await.unwrap_err();
        assert!(matches!(&error, DataError::Guarded { why, .. } if why.contains("no tables")), "{error:?}");
        as_before().await;
        nothing_left(&harness).await;
    });
}

#[test]
fn an_extension_that_the_stand_by_does_not_have_is_named_before_a_database_is_made() {
    let harness = Harness::new();
    harness.run(async {
        prepared(&harness).await;
        boss(A)
            .await
            .batch_execute(
                "SET allow_system_table_mods = on; INSERT INTO pg_extension SELECT 90001, 'postgis_of_ours', 10, 2200, true, '3.3', NULL, NULL",
            )
            .await
            .unwrap();
        let problems = harness.dump().inspect(Depth::Preflight).await.unwrap().problems;
        let named = |problem: &switchover::port::StoreProblem| {
            problem.fatal && problem.message.contains("the extension postgis_of_ours is not installed")
        };
        assert!(problems.iter().any(named), "{problems:?}");
        let error = sync(&harness.dump(), &routine(2)).await.unwrap_err();
        assert!(error.to_string().contains("postgis_of_ours"), "{error}");
        as_before().await;
        nothing_left(&harness).await;
    });
}

/// Calls for the tools are answered by a program that starts another one and never ends.
const STUCK: &str = "case \"$1\" in --version) exec REAL \"$@\";; esac; sleep 600 & echo $$ $! > DIR/pids.new; mv DIR/pids.new DIR/pids; wait";

fn alive(pids: &str) -> usize {
    let state = |pid: &str| fs::read_to_string(format!("/proc/{pid}/stat")).ok();
    // A process that nobody has waited for yet is dead all the same.
    pids.split_whitespace().filter_map(state).filter(|stat| !stat.contains(") Z ")).count()
}

#[test]
fn a_sync_that_is_dropped_takes_its_programs_and_their_children_with_it() {
    let harness = Harness::new();
    harness.run(async {
        prepared(&harness).await;
        for (number, tool) in [(2, "pg_dump"), (3, "pg_restore")] {
            let dir = tools(&[(tool, STUCK)]);
            let pids = dir.path().join("pids");
            let store = with_tools(&harness, &dir);
            let running = tokio::spawn(async move { sync(&store, &routine(number)).await });
            until("the program runs", async || pids.exists()).await;
            let pids = fs::read_to_string(&pids).unwrap();
            assert_eq!(alive(&pids), 2);
            running.abort();
            until("both are dead", async || alive(&pids) == 0).await;
            as_before().await;
        }
        next_works(&harness).await;
    });
}

#[test]
fn a_sync_that_takes_too_long_is_stopped() {
    let harness = Harness::new();
    harness.run(async {
        prepared(&harness).await;
        let dir = tools(&[("pg_dump", STUCK)]);
        let order = SyncOrder { deadline: Duration::from_secs(2), ..routine(2) };
        let error = sync(&with_tools(&harness, &dir), &order).await.unwrap_err();
        assert!(error.to_string().contains("was not done within 2s and was stopped"), "{error}");
        // On a busy machine the program may not have come so far.
        let pids = fs::read_to_string(dir.path().join("pids")).unwrap_or_default();
        until("both are dead", async || alive(&pids) == 0).await;
        as_before().await;
        next_works(&harness).await;
    });
}

#[test]
fn no_password_is_an_argument_of_a_program_or_stands_in_a_backup() {
    let harness = Harness::new();
    harness.run(async {
        prepared(&harness).await;
        let log = "echo \"$@\" >> DIR/arguments; exec REAL \"$@\"";
        let dir = tools(&[("pg_dump", log), ("pg_restore", log)]);
        let store = with_tools(&harness, &dir);
        sync(&store, &routine(2)).await.unwrap();
        let said = fs::read_to_string(dir.path().join("arguments")).unwrap();
        assert!(said.contains("--format=directory") && said.contains("--use-list"), "{said}");
        let password = variable("SWITCHOVER_PG_PASSWORD");
        assert!(!said.contains(&password));
        assert!(!format!("{store:?}").contains(&password));
        for file in ["manifest.json", "database.json"] {
            let text = fs::read_to_string(harness.location().join(key(2).as_str()).join(file)).unwrap();
            assert!(!text.contains(&password) && !text.contains("SCRAM"), "{file}");
        }
    });
}

async fn freeze(store: &PostgresDump, side: &SideName, order: &SyncOrder) {
    store.freeze(side, &FreezeOrder { by: order.run.clone(), lease: None }).await.unwrap();
}

#[test]
fn a_final_sync_uses_no_backup_that_was_made_before_the_freeze() {
    let harness = Harness::new();
    harness.run(async {
        prepared(&harness).await;
        let (production, ..) = standing();
        let store = harness.dump();
        // The key of the first sync, and even its run: what is there is of before the freeze.
        let last = order(&production, SyncPurpose::Final, 1);
        freeze(&store, &production, &last).await;
        let done = store.sync(&last, &Watcher::lenient()).await.unwrap();
        assert!(done.copied.complete);
        assert_eq!(entries(B).await, entries(A).await);
        assert_eq!(entries(B).await["a"], "2");
        let there = store.list().await.unwrap();
        assert_eq!(there.len(), 1);
        assert_eq!(there[0].manifest.as_ref().unwrap().as_of, done.copied.as_of);
    });
}

/// Thaws production at the second question for permission: after the backup, before the restore.
#[derive(Debug)]
struct Thaws<'a> {
    store: &'a PostgresDump,
    asked: AtomicU32,
}

#[async_trait]
impl Overseer for Thaws<'_> {
    fn advance(&self, _: &Advance) {}

    async fn permit(&self) -> Result<(), DataError> {
        if self.asked.fetch_add(1, Ordering::SeqCst) == 1 {
            self.store.thaw(&standing().0).await.unwrap();
        }
        Ok(())
    }
}

#[test]
fn a_freeze_that_ended_during_a_final_sync_keeps_the_copy_from_its_place() {
    let harness = Harness::new();
    harness.run(async {
        prepared(&harness).await;
        let (production, ..) = standing();
        let store = harness.dump();
        let last = order(&production, SyncPurpose::Final, 2);
        freeze(&store, &production, &last).await;
        let thaws = Thaws { store: &store, asked: AtomicU32::new(0) };
        let error = store.sync(&last, &thaws).await.unwrap_err();
        assert!(matches!(error, DataError::NotFrozen { .. }), "{error:?}");
        assert!(thaws.asked.load(Ordering::SeqCst) > 1);
        as_before().await;
        nothing_left(&harness).await;
    });
}

#[test]
fn a_database_that_a_killed_restore_left_is_dropped_by_the_next() {
    let harness = Harness::new();
    harness.run(async {
        prepared(&harness).await;
        let root = connect(port(B), "boss", "postgres").await;
        let left = format!("{DATABASE}_202611211202_0123abcd");
        let bare = format!("{DATABASE}_202611211203_0123abcd");
        let foreign = format!("{DATABASE}_202611211204_0123abcd");
        root.batch_execute(&format!("CREATE DATABASE {left}")).await.unwrap();
        let mark =
            format!("switchover: {{\"is\":\"restoring\",\"of\":\"{DATABASE}\",\"key\":\"202611211202\"}}");
        root.batch_execute(&format!("COMMENT ON DATABASE {left} IS '{mark}'")).await.unwrap();
        root.batch_execute(&format!("CREATE DATABASE {bare} ALLOW_CONNECTIONS false")).await.unwrap();
        root.batch_execute(&format!("CREATE DATABASE {foreign}")).await.unwrap();
        // As a pg_restore that outlived its master sits in it.
        let _sitting = connect(port(B), "boss", &left).await;
        sync(&harness.dump(), &routine(2)).await.unwrap();
        let names = databases(B).await;
        assert_eq!(names, [DATABASE.to_owned(), foreign, format!("{DATABASE}_before_202611211202")]);
    });
}
