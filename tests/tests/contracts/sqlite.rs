//! The `SQLite` store keeps the contract, on any executor, and the journal runs on it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::join;
use switchover::journal::{Holder, Journal, JournalError, Seq};
use switchover::port::{Ports, StateStore};
use switchover_sqlite::{SqliteOptions, SqliteStore};
use switchover_tests::contract::state_store::{StateStoreHarness, entry, pair};
use switchover_tests::fake::{VirtualClock, World};
use tempfile::TempDir;

/// A journal in a folder of its own.
pub(crate) struct Sqlite {
    pub(crate) folder: TempDir,
    clock: VirtualClock,
}

impl Sqlite {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), clock: VirtualClock::default() }
    }

    pub(crate) fn options(&self) -> SqliteOptions {
        SqliteOptions { path: self.folder.path().join("journal.db") }
    }

    pub(crate) fn store(&self) -> Arc<dyn StateStore> {
        Arc::new(SqliteStore::open(&self.options()).unwrap())
    }

    pub(crate) fn run<F: Future>(&self, contract: F) -> F::Output {
        self.clock.run(contract)
    }
}

#[async_trait]
impl StateStoreHarness for Sqlite {
    async fn open(&self) -> Arc<dyn StateStore> {
        self.store()
    }
}

switchover_tests::state_store_contract!(contract, Sqlite::new());

#[test]
fn a_call_that_nobody_waits_for_still_happens() {
    let sqlite = Sqlite::new();
    let store = sqlite.store();
    // Polled once, so that the job is handed over, and dropped.
    let _ = store.append_at(&pair("gigadb"), Seq(0), &entry(0, "writer")).now_or_never();
    assert_eq!(sqlite.run(store.read(&pair("gigadb"), Seq(0))).unwrap().len(), 1);
}

#[test]
fn the_journal_runs_on_it_and_of_two_writers_one_goes_on() {
    let sqlite = Sqlite::new();
    let world = World::gigadb();
    let ports = || Ports { state: sqlite.store(), ..world.ports() };
    let open = || sqlite.run(Journal::open(&world.pair.name, &ports())).unwrap();
    let holder = |actor: &str| Holder {
        actor: actor.to_owned(),
        host: "ops-1".to_owned(),
        process: 1,
        program: "switchover".to_owned(),
    };
    let (mut ada, mut bob) = (open(), open());
    let claims = sqlite.run(join(ada.claim(holder("ada")), bob.claim(holder("bob"))));
    assert!(
        matches!(
            claims,
            (Ok(()), Err(JournalError::Taken { .. })) | (Err(JournalError::Taken { .. }), Ok(()))
        ),
        "{claims:?}"
    );
    assert_eq!(open().entries().len(), 1);
}

#[test]
fn opening_does_not_wait_for_readers() {
    let sqlite = Sqlite::new();
    drop(sqlite.store());
    let reader = rusqlite::Connection::open(sqlite.options().path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM entries").unwrap();
    let started = std::time::Instant::now();
    drop(sqlite.store());
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}
