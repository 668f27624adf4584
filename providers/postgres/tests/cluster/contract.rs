//! The contract of `Store`, held by the stream between two real clusters.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use switchover::model::{EnvironmentName, PairName, SideName, StoreName, StoreRef};
use switchover::port::{Method, Store};
use switchover_postgres::Streaming;
use switchover_tests::contract::store::{Content, Nature, Refused, StoreHarness};
use tokio::runtime::Runtime;

use crate::proxy::Proxy;
use crate::support::{A, B, ENTRIES, app, entries, fresh, options, port, resolve};

pub(crate) struct Clusters {
    proxies: [(SideName, Proxy); 2],
    runtime: Runtime,
}

impl Clusters {
    pub(crate) fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let side = |name: &str| SideName::new(name).unwrap();
        let proxies = runtime.block_on(async {
            fresh(ENTRIES).await;
            [(side(A), Proxy::to(port(A)).await), (side(B), Proxy::to(port(B)).await)]
        });
        Self { proxies, runtime }
    }

    fn run<F: Future>(&self, contract: F) -> F::Output {
        self.runtime.block_on(contract)
    }

    pub(crate) fn proxy(&self, side: &SideName) -> &Proxy {
        &self.proxies.iter().find(|(name, _)| name == side).unwrap().1
    }

    pub(crate) fn streaming(&self) -> Streaming {
        streaming([self.proxies[0].1.port, self.proxies[1].1.port])
    }
}

pub(crate) fn store_ref() -> StoreRef {
    StoreRef {
        environment: EnvironmentName::new("live").unwrap(),
        store: StoreName::new("metadata").unwrap(),
    }
}

pub(crate) fn streaming(ports: [u16; 2]) -> Streaming {
    Streaming::new(&PairName::new("gigadb").unwrap(), &store_ref(), &options(ports), &resolve).unwrap()
}

#[async_trait]
impl StoreHarness for Clusters {
    fn nature(&self) -> Nature {
        Nature {
            method: Method::Streaming,
            lease: Some(Duration::from_secs(1)),
            guards_empty: false,
            too_many: None,
            arrives_within: Duration::from_secs(20),
        }
    }

    async fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.streaming())
    }

    async fn write(&self, side: &SideName, key: &str, value: &str) -> Result<(), Refused> {
        let write =
            "INSERT INTO entries VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        let written = app(side.as_str()).await.execute(write, &[&key, &value]).await;
        written.map(drop).map_err(|error| Refused(error.to_string()))
    }

    async fn delete(&self, side: &SideName, key: &str) -> Result<(), Refused> {
        let deleted = app(side.as_str()).await.execute("DELETE FROM entries WHERE key = $1", &[&key]).await;
        deleted.map(drop).map_err(|error| Refused(error.to_string()))
    }

    async fn read(&self, side: &SideName) -> Content {
        entries(side.as_str()).await
    }

    async fn empty(&self, side: &SideName) {
        app(side.as_str()).await.batch_execute("TRUNCATE entries").await.unwrap();
    }

    async fn take_away(&self, side: &SideName) {
        self.proxy(side).close();
    }

    async fn give_back(&self, side: &SideName) {
        self.proxy(side).open();
    }

    async fn wait(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

switchover_tests::store_contract!(streaming_store, Clusters::new());
