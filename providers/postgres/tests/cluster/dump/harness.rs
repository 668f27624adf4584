//! The dump method over both clusters, and its clients.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use switchover::model::{BackupKey, EnvironmentName, PairName, SideName, StoreName, StoreRef};
use switchover::port::{Backups, Method, Store};
use switchover_backups::LocationOptions;
use switchover_postgres::{PostgresDump, PostgresMethod, PostgresOptions};
use switchover_runtime::TokioClock;
use switchover_tests::contract::backups::BackupsHarness;
use switchover_tests::contract::store::{Content, Nature, Refused, StoreHarness, key, sides};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::proxy::Proxy;
use crate::support::{A, B, DATABASE, ENTRIES, boss, connect, entries, fresh, options, port, resolve};

/// Two fresh databases and a location for backups.
pub(super) struct Harness {
    runtime: Runtime,
    pub(super) dir: TempDir,
    pub(super) proxies: [Proxy; 2],
}

impl Harness {
    pub(super) fn new() -> Self {
        Self::with(ENTRIES)
    }

    pub(super) fn with(schema: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let proxies = runtime.block_on(async {
            fresh(schema).await;
            [Proxy::to(port(A)).await, Proxy::to(port(B)).await]
        });
        Self { runtime, dir: TempDir::new().unwrap(), proxies }
    }

    pub(super) fn run<F: Future>(&self, test: F) -> F::Output {
        self.runtime.block_on(test)
    }

    pub(super) fn options(&self) -> PostgresOptions {
        PostgresOptions {
            method: PostgresMethod::Dump,
            backups: Some(LocationOptions::Path(self.location())),
            ..options([self.proxies[0].port, self.proxies[1].port])
        }
    }

    pub(super) fn location(&self) -> PathBuf {
        self.dir.path().join("backups")
    }

    /// A store as a process that was just started has it.
    pub(super) fn dump(&self) -> PostgresDump {
        self.dump_with(&self.options())
    }

    #[expect(clippy::unused_self, reason = "it reads as what it is: a store of this harness")]
    pub(super) fn dump_with(&self, options: &PostgresOptions) -> PostgresDump {
        let pair = PairName::new("gigadb").unwrap();
        let store = StoreRef {
            environment: EnvironmentName::new("live").unwrap(),
            store: StoreName::new("metadata").unwrap(),
        };
        PostgresDump::new(&pair, &store, options, Arc::new(TokioClock::new()), &resolve).unwrap()
    }

    pub(super) fn proxy(&self, side: &SideName) -> &Proxy {
        &self.proxies[usize::from(side.as_str() == B)]
    }

    fn file(&self, key: &BackupKey) -> PathBuf {
        let dump = self.location().join(key.as_str()).join("dump");
        let mut files: Vec<_> = std::fs::read_dir(dump).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.into_iter().next().unwrap()
    }
}

/// The databases of a side whose names begin as the test's does.
pub(super) async fn databases(side: &str) -> Vec<String> {
    let client = connect(port(side), "boss", "postgres").await;
    let rows = client
        .query(
            "SELECT datname::text FROM pg_database WHERE datname LIKE $1 ORDER BY 1",
            &[&format!("{DATABASE}%")],
        )
        .await
        .unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[async_trait]
impl StoreHarness for Harness {
    fn nature(&self) -> Nature {
        Nature {
            method: Method::Snapshot,
            lease: Some(Duration::from_secs(1)),
            guards_empty: true,
            too_many: None,
            arrives_within: Duration::ZERO,
        }
    }

    async fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.dump())
    }

    async fn write(&self, side: &SideName, key: &str, value: &str) -> Result<(), Refused> {
        let client = connect(port(side.as_str()), "app", DATABASE).await;
        let sql =
            "INSERT INTO entries VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        client.execute(sql, &[&key, &value]).await.map(drop).map_err(|error| Refused(error.to_string()))
    }

    async fn delete(&self, side: &SideName, key: &str) -> Result<(), Refused> {
        let client = connect(port(side.as_str()), "app", DATABASE).await;
        let done = client.execute("DELETE FROM entries WHERE key = $1", &[&key]).await;
        done.map(drop).map_err(|error| Refused(error.to_string()))
    }

    async fn read(&self, side: &SideName) -> Content {
        entries(side.as_str()).await
    }

    async fn empty(&self, side: &SideName) {
        boss(side.as_str()).await.batch_execute("TRUNCATE entries").await.unwrap();
    }

    async fn take_away(&self, side: &SideName) {
        self.proxy(side).cut();
    }

    async fn give_back(&self, side: &SideName) {
        self.proxy(side).mend();
    }

    async fn wait(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

#[async_trait]
impl BackupsHarness for Harness {
    async fn backups(&self) -> Arc<dyn Backups> {
        Arc::new(self.dump())
    }

    async fn write(&self, side: &SideName, key: &str, value: &str) -> Result<(), Refused> {
        StoreHarness::write(self, side, key, value).await
    }

    async fn read(&self, side: &SideName) -> Content {
        entries(side.as_str()).await
    }

    async fn damage(&self, key: &BackupKey) {
        let file = self.file(key);
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, bytes).unwrap();
    }

    async fn interrupt(&self, key: &BackupKey) {
        let home = self.location().join(key.as_str());
        std::fs::remove_file(home.join("manifest.json")).unwrap();
        std::fs::rename(&home, home.with_extension("partial")).unwrap();
    }
}

/// Production, the stand-by, and a key.
pub(super) fn standing() -> (SideName, SideName, BackupKey) {
    let [production, standby] = sides();
    (production, standby, key(1))
}
