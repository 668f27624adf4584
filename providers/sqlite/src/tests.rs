//! What the file does when it is full, damaged, foreign, moved, open to others or held by another process.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, params};
use switchover::journal::{Entry, EntryHash, Epoch, Event, FORMAT, Holder, Nonce, Seq};
use switchover::model::PairName;
use switchover::port::{Appended, Beat, StateError};
use tempfile::TempDir;

use crate::place::Place;
use crate::{SqliteOptions, SqliteStore, file, log};

fn pair() -> PairName {
    PairName::new("gigadb").unwrap()
}

fn entry(seq: u64, size: usize) -> Entry {
    let holder = Holder {
        actor: "a".repeat(size),
        host: "ops-1".to_owned(),
        process: 7,
        program: "switchover 0.1.0".to_owned(),
    };
    Entry {
        format: FORMAT,
        seq: Seq(seq),
        epoch: Epoch(1),
        at: "2026-11-21T12:00:00Z".parse().unwrap(),
        nonce: Nonce(format!("{seq:032x}")),
        previous: EntryHash::none(),
        event: Event::Claimed { holder },
    }
}

/// A journal in a folder of its own, worked on without the thread.
struct Bench {
    folder: TempDir,
    place: Place,
    connection: Connection,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::prepare(&folder.path().join("journal.db")).unwrap();
        let connection = file::connect(&place).unwrap();
        Self { folder, place, connection }
    }

    fn with(entries: u64) -> Self {
        let bench = Self::new();
        for seq in 0..entries {
            assert_eq!(bench.append(&entry(seq, 8)), Ok(Appended::Done));
        }
        bench
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("journal.db")
    }

    fn append(&self, entry: &Entry) -> Result<Appended, StateError> {
        log::append_at(&self.place, &self.connection, &pair(), entry.seq, entry)
    }

    fn read(&self) -> Result<Vec<Entry>, StateError> {
        log::read(&self.place, &self.connection, &pair(), Seq(0))
    }

    /// What somebody with a database shell could do, past the triggers.
    fn tamper(&self, sql: &str) {
        self.connection
            .execute_batch("DROP TRIGGER entries_are_never_changed; DROP TRIGGER entries_are_never_deleted")
            .unwrap();
        self.connection.execute_batch(sql).unwrap();
    }
}

fn open(path: &Path) -> Result<SqliteStore, StateError> {
    SqliteStore::open(&SqliteOptions { path: path.to_owned() })
}

fn why_unusable(path: &Path) -> String {
    match open(path) {
        Err(StateError::Unusable { why, .. }) => why,
        other => panic!("{} should be unusable, got {other:?}", path.display()),
    }
}

#[test]
fn a_full_disk_writes_nothing_and_the_journal_goes_on_when_there_is_room() {
    let bench = Bench::with(3);
    let pages: i64 = bench.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    let limit = |pages: i64| {
        bench.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    };
    limit(pages);
    let big = entry(3, 100_000);
    assert!(matches!(bench.append(&big), Err(StateError::Full { .. })));
    assert_eq!(bench.read().unwrap().len(), 3);
    limit(pages + 100);
    assert_eq!(bench.append(&big), Ok(Appended::Done));
    assert_eq!(bench.read().unwrap()[3], big);
}

#[test]
fn rows_of_entries_can_neither_be_changed_nor_deleted_nor_replaced() {
    let bench = Bench::with(2);
    let other = Connection::open(bench.path()).unwrap();
    for sql in [
        "UPDATE entries SET entry = '{}' WHERE seq = 1",
        "DELETE FROM entries",
        "INSERT OR REPLACE INTO entries (pair, seq, entry) VALUES ('gigadb', 1, '{}')",
        "REPLACE INTO entries (rowid, pair, seq, entry) VALUES (1, 'other', 0, '{}')",
        "UPDATE OR REPLACE entries SET seq = 0 WHERE seq = 1",
    ] {
        assert!(other.execute(sql, []).is_err(), "{sql}");
    }
    assert_eq!(bench.read().unwrap(), [entry(0, 8), entry(1, 8)]);
}

#[test]
fn a_hole_is_never_written() {
    let bench = Bench::with(1);
    assert!(matches!(bench.append(&entry(2, 8)), Err(StateError::Unusable { .. })));
    assert!(matches!(
        log::append_at(&bench.place, &bench.connection, &pair(), Seq(1), &entry(2, 8)),
        Err(StateError::Unusable { .. })
    ));
    assert_eq!(bench.read().unwrap().len(), 1);
}

#[test]
fn damage_is_named_with_its_entry() {
    for (sql, seq, words) in [
        ("UPDATE entries SET entry = substr(entry, 1, 40) WHERE seq = 4", 4, "the last entry is cut off"),
        ("UPDATE entries SET entry = substr(entry, 1, 40) WHERE seq = 2", 2, "more entries follow it"),
        ("UPDATE entries SET entry = '' WHERE seq = 2", 2, "more entries follow it"),
        ("UPDATE entries SET entry = CAST(x'ff00fe' AS TEXT) WHERE seq = 0", 0, "more entries follow it"),
        ("DELETE FROM entries WHERE seq = 1", 1, "it is missing, and entry 2 follows"),
        ("DELETE FROM entries WHERE seq = 0", 0, "it is missing, and entry 1 follows"),
        (
            "UPDATE entries SET entry = (SELECT entry FROM entries WHERE seq = 1) WHERE seq = 3",
            3,
            "entry 1 stands in its place",
        ),
    ] {
        let bench = Bench::with(5);
        bench.tamper(sql);
        match bench.read() {
            Err(StateError::Damaged { seq: found, why, .. }) => {
                assert_eq!((found, why.contains(words)), (Seq(seq), true), "{sql}: {why}");
            }
            other => panic!("{sql}: {other:?}"),
        }
    }
}

#[test]
fn an_entry_of_a_newer_format_is_told_from_a_damaged_one() {
    let bench = Bench::with(2);
    bench.tamper("UPDATE entries SET entry = '{\"format\": 9, \"what\": \"nobody knows\"}' WHERE seq = 1");
    assert!(matches!(bench.read(), Err(StateError::Newer { found: 9, known: FORMAT, .. })));
}

#[test]
fn a_file_of_a_newer_version_is_left_alone() {
    let bench = Bench::with(1);
    bench.connection.pragma_update(None, "user_version", 2).unwrap();
    let before = fs::read(bench.path()).unwrap();
    assert!(matches!(open(&bench.path()), Err(StateError::Newer { found: 2, known: 1, .. })));
    assert_eq!(fs::read(bench.path()).unwrap(), before);
}

#[test]
fn what_is_no_journal_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    fs::write(&text, "this is no database ".repeat(100)).unwrap();
    assert!(why_unusable(&text).contains("not an SQLite database"));
    assert_eq!(fs::read_to_string(&text).unwrap(), "this is no database ".repeat(100));

    let foreign = folder.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE songs (title TEXT)").unwrap();
    assert!(why_unusable(&foreign).contains("another program"));

    assert!(why_unusable(folder.path()).contains("not a plain file"));
    assert!(why_unusable(&text.join("journal.db")).contains("Not a directory"));
    assert!(matches!(open(Path::new("")), Err(StateError::Unusable { .. })));
}

#[test]
fn a_missing_folder_is_named_and_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("not-mounted");
    assert!(why_unusable(&missing.join("journal.db")).contains("does not exist"));
    assert!(!missing.exists());
}

#[test]
fn a_folder_in_which_everybody_may_replace_files_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mode = |mode| fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
    mode(0o777);
    assert!(why_unusable(&folder.path().join("journal.db")).contains("chmod o-w"));
    mode(0o1777);
    assert!(
        open(&folder.path().join("journal.db")).is_ok(),
        "a sticky folder such as /tmp protects its files"
    );
}

#[test]
fn the_file_is_ours_alone_and_so_is_its_rollback_journal() {
    let bench = Bench::with(1);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&bench.path()), 0o600);
    bench.connection.execute_batch("BEGIN IMMEDIATE; INSERT INTO beats VALUES ('x', 1, '{}')").unwrap();
    assert_eq!(mode(&bench.folder.path().join("journal.db-journal")), 0o600);
    bench.connection.execute_batch("ROLLBACK").unwrap();

    fs::set_permissions(bench.path(), fs::Permissions::from_mode(0o664)).unwrap();
    assert!(open(&bench.path()).is_ok());
    assert_eq!(mode(&bench.path()), 0o600);
}

#[test]
fn a_file_with_a_name_that_sqlite_knows_is_still_a_file() {
    let folder = tempfile::tempdir().unwrap();
    for name in [":memory:", "file:journal.db?mode=memory"] {
        let path = folder.path().join(name);
        open(&path).unwrap();
        assert!(path.is_file(), "{name}");
    }
}

#[test]
fn an_append_to_a_file_that_was_moved_away_is_not_done() {
    let bench = Bench::with(1);
    fs::rename(bench.path(), bench.folder.path().join("away.db")).unwrap();
    match bench.append(&entry(1, 8)) {
        Err(StateError::Unusable { why, .. }) => assert!(why.contains("moved or deleted"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_that_another_process_holds_is_waited_for_and_then_reported() {
    let bench = Bench::with(1);
    bench.connection.busy_timeout(Duration::from_millis(50)).unwrap();
    let other = Connection::open(bench.path()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    assert!(matches!(bench.append(&entry(1, 8)), Err(StateError::Unavailable { .. })));
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(bench.append(&entry(1, 8)), Ok(Appended::Done));
}

#[test]
fn appends_are_synced_before_they_are_answered() {
    let bench = Bench::new();
    let pragma = |name: &str| -> String {
        bench
            .connection
            .query_row(&format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}"), [], |row| row.get(0))
            .unwrap()
    };
    assert_eq!((pragma("journal_mode").as_str(), pragma("synchronous").as_str()), ("truncate", "2"));
}

#[test]
fn a_file_that_somebody_set_to_wal_is_set_back_and_nothing_is_lost() {
    let bench = Bench::with(1);
    bench.connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
    assert_eq!(bench.append(&entry(1, 8)), Ok(Appended::Done));
    let path = bench.path();
    drop(bench.connection);
    let place = Place::prepare(&path).unwrap();
    let connection = file::connect(&place).unwrap();
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "truncate");
    assert_eq!(log::read(&place, &connection, &pair(), Seq(0)).unwrap().len(), 2);
}

#[test]
fn a_transaction_that_was_cut_short_in_the_middle_is_rolled_back() {
    let bench = Bench::with(3);
    let fill = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 400)
        INSERT INTO beats SELECT 'pair-' || i, 1, printf('%.600c', 'a') FROM n";
    bench.connection.execute_batch(fill).unwrap();
    // So small a cache that most of the changed pages are in the file before the transaction ends.
    let change = "PRAGMA cache_size = 2; BEGIN IMMEDIATE; UPDATE beats SET beat = printf('%.600c', 'b')";
    bench.connection.execute_batch(change).unwrap();
    assert_eq!(bench.append(&entry(3, 8)), Ok(Appended::Done));
    let crashed = tempfile::tempdir().unwrap();
    for found in fs::read_dir(bench.folder.path()).unwrap() {
        let found = found.unwrap();
        fs::copy(found.path(), crashed.path().join(found.file_name())).unwrap();
    }
    let bytes = fs::read(crashed.path().join("journal.db")).unwrap();
    assert!(bytes.windows(100).any(|part| part == [b'b'; 100]), "nothing of it reached the file");

    let place = Place::prepare(&crashed.path().join("journal.db")).unwrap();
    let connection = file::connect(&place).unwrap();
    let asked = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(asked("SELECT group_concat(DISTINCT substr(beat, 1, 1)) FROM beats"), "a");
    assert_eq!(asked("PRAGMA integrity_check"), "ok");
    assert_eq!(log::read(&place, &connection, &pair(), Seq(0)).unwrap().len(), 3);
}

#[test]
fn a_beat_of_an_epoch_that_is_over_does_not_hide_its_successors() {
    let bench = Bench::new();
    let beat = |epoch| Beat {
        epoch: Epoch(epoch),
        at: "2026-11-21T12:00:00.123456789Z".parse().unwrap(),
        ttl: Duration::new(30, 1),
    };
    for epoch in [4, 5, 4] {
        log::beat(&bench.place, &bench.connection, &pair(), &beat(epoch)).unwrap();
    }
    assert_eq!(log::last_beat(&bench.place, &bench.connection, &pair()), Ok(Some(beat(5))));
    bench.connection.execute("UPDATE beats SET beat = ?1", params!["{"]).unwrap();
    assert_eq!(log::last_beat(&bench.place, &bench.connection, &pair()), Ok(None));
}

#[test]
fn options_refuse_keys_they_do_not_know() {
    assert!(serde_json::from_str::<SqliteOptions>(r#"{"path": "journal.db"}"#).is_ok());
    assert!(serde_json::from_str::<SqliteOptions>(r#"{"path": "journal.db", "mode": 600}"#).is_err());
    assert!(serde_json::from_str::<SqliteOptions>("{}").is_err());
}
