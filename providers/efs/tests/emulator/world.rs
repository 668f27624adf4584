//! A pair in the emulator, its store, and its clients.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use switchover::config::Period;
use switchover::model::{EnvironmentName, PairName, SideName, StoreName, StoreRef};
use switchover::port::{DataError, Meter, Store as _, SyncOrder, SyncPurpose, Synced};
use switchover_efs::{EfsFreeze, EfsOptions, EfsSide, EfsStore, Probe, Tried};
use switchover_runtime::TokioClock;
use switchover_tests::contract::store::{Content, Watcher, freeze_by, order, sides};

use crate::control::Pair;

pub(crate) struct World {
    pub(crate) pair: Arc<Pair>,
    pub(crate) options: EfsOptions,
    pub(crate) mounted: bool,
}

pub(crate) fn hongkong() -> SideName {
    sides()[0].clone()
}

pub(crate) fn sydney() -> SideName {
    sides()[1].clone()
}

/// Writes as a client of the emulator does.
struct ClientProbe(Arc<Pair>, bool);

impl std::fmt::Debug for ClientProbe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientProbe")
    }
}

#[async_trait]
impl Probe for ClientProbe {
    async fn try_write(&self, side: &SideName) -> Result<Tried, DataError> {
        if !self.1 {
            return Ok(Tried::Impossible);
        }
        let told = |value: Option<&str>| {
            let system = self.0.of(side.as_str(), "file_system");
            json!({ "file_system": system, "key": "probe", "value": value, "quietly": value.is_none() })
        };
        match self.0.tell("write", side.as_str(), told(Some("x"))).await {
            Ok(_) => {
                self.0.told("write", side.as_str(), told(None)).await;
                Ok(Tried::Written)
            }
            Err(refused) => Ok(Tried::Refused(refused.to_string())),
        }
    }
}

impl World {
    /// One account, as EFS likes it best.
    pub(crate) async fn new() -> Self {
        Self::of(Pair::new(json!({ "one_account": true })).await)
    }

    pub(crate) fn of(pair: Pair) -> Self {
        let side = |name: &str| EfsSide {
            file_system: pair.of(name, "file_system"),
            mount: Some(format!("/mnt/{name}").into()),
            profile: Some(name.to_owned()),
            config_file: Some(pair.file("config")),
            credentials_file: Some(pair.file("credentials")),
            ..EfsSide::default()
        };
        let options = EfsOptions {
            sides: ["hongkong", "sydney"].map(|name| (name.to_owned(), side(name))).into(),
            freeze: EfsFreeze::Policy,
            policy_settles: Period(Duration::from_millis(100)),
            poll: Period(Duration::from_millis(10)),
            patience: Period(Duration::from_secs(30)),
            connect_timeout: Period(Duration::from_secs(3)),
            operation_timeout: Period(Duration::from_secs(6)),
        };
        Self { pair: Arc::new(pair), options, mounted: true }
    }

    pub(crate) async fn store(&self) -> EfsStore {
        EfsStore::connect(
            PairName::new("gigadb").unwrap(),
            StoreRef {
                environment: EnvironmentName::new("live").unwrap(),
                store: StoreName::new("dropboxes").unwrap(),
            },
            self.options.clone(),
            Arc::new(ClientProbe(self.pair.clone(), self.mounted)),
            Arc::new(TokioClock::new()),
            Meter::default(),
        )
        .await
        .unwrap()
    }

    /// Tells the emulator something about a side's file system.
    pub(crate) async fn tell(&self, word: &str, side: &SideName, more: Value) -> Result<Value, Value> {
        let mut told = json!({ "file_system": self.pair.of(side.as_str(), "file_system") });
        told.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.pair.tell(word, side.as_str(), told).await
    }

    pub(crate) async fn write(&self, side: &SideName, key: &str, value: Option<&str>) -> Result<(), Value> {
        self.tell("write", side, json!({ "key": key, "value": value })).await.map(|_| ())
    }

    pub(crate) async fn wrote(&self, side: &SideName, key: &str, value: &str) {
        self.write(side, key, Some(value)).await.unwrap();
    }

    pub(crate) async fn read(&self, side: &SideName) -> Content {
        let told = self.tell("read", side, json!({})).await.unwrap();
        serde_json::from_value(told["content"].clone()).unwrap()
    }

    /// Waits until a replication from a side, if there is one, has brought what was written last: the contract compares what is at the
    /// stand-by before and after, and a round that ends in between is nobody's doing.
    pub(crate) async fn replicated(&self, from: &SideName) {
        let source = self.pair.of(from.as_str(), "file_system");
        for _ in 0..400 {
            let seen = self.replication(json!({})).await;
            let flows = seen["status"] == "ENABLED" && seen["source"] == source.as_str();
            if !flows || self.read(&hongkong()).await == self.read(&sydney()).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the replication from {from} brings nothing");
    }

    /// What a file system is like: `protection`, `policy`, `writable`.
    pub(crate) async fn system(&self, side: &SideName) -> Value {
        self.tell("system", side, json!({})).await.unwrap()
    }

    /// Changes the replication that a file system is part of, or says what it is like.
    pub(crate) async fn replication(&self, set: Value) -> Value {
        self.tell("replication", &sydney(), json!({ "set": set })).await.unwrap()
    }

    pub(crate) async fn fault(&self, side: &SideName, action: &str, fault: Value) {
        let mut told = json!({ "action": action });
        told.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
        self.pair.told("fault", side.as_str(), told).await;
    }

    /// A sync with hongkong as production.
    pub(crate) async fn sync(&self, purpose: SyncPurpose, number: u32) -> Result<Synced, DataError> {
        self.ordered(&order(&hongkong(), purpose, number)).await
    }

    pub(crate) async fn ordered(&self, order: &SyncOrder) -> Result<Synced, DataError> {
        self.store().await.sync(order, &Watcher::lenient()).await
    }

    pub(crate) async fn freeze(&self, side: &SideName, number: u32) {
        self.store().await.freeze(side, &freeze_by(&format!("run-{number}"), None)).await.unwrap();
    }
}
