//! A pair in the emulator, its store, and its clients.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use switchover::config::Period;
use switchover::model::{EnvironmentName, PairName, SideName, StoreName, StoreRef};
use switchover::port::{DataError, FreezeOrder, Meter, Store as _, SyncOrder, SyncPurpose, Synced};
use switchover_rds::{Guard, RdsMethod, RdsOptions, RdsSide, RdsStore};
use switchover_runtime::TokioClock;
use switchover_tests::contract::store::{Content, Watcher, freeze_by, order, sides};

use crate::control::Pair;
use crate::guard::DatabaseGuard;

pub(crate) const LIVE: &str = "gigadb-live";

pub(crate) struct World {
    pub(crate) pair: Arc<Pair>,
    pub(crate) options: RdsOptions,
    pub(crate) guarded: bool,
}

pub(crate) fn hongkong() -> SideName {
    sides()[0].clone()
}

pub(crate) fn sydney() -> SideName {
    sides()[1].clone()
}

impl World {
    /// Two accounts for snapshots, one for replicas; encrypted, with a key in each region.
    pub(crate) async fn new(method: RdsMethod) -> Self {
        let one_account = method == RdsMethod::Replica;
        let pair = Pair::new(json!({ "one_account": one_account, "encrypted": true })).await;
        let side = |name: &str| RdsSide {
            instance: LIVE.to_owned(),
            profile: Some(name.to_owned()),
            config_file: Some(pair.file("config")),
            credentials_file: Some(pair.file("credentials")),
            kms_key: Some(pair.of(name, "kms_key")),
            ..RdsSide::default()
        };
        let options = RdsOptions {
            method,
            sides: ["hongkong", "sydney"].map(|name| (name.to_owned(), side(name))).into(),
            freeze: None,
            poll: Period(Duration::from_millis(10)),
            patience: Period(Duration::from_secs(30)),
            connect_timeout: Period(Duration::from_secs(3)),
            operation_timeout: Period(Duration::from_secs(24)),
        };
        Self { pair: Arc::new(pair), options, guarded: true }
    }

    /// Changes the options of a side.
    pub(crate) fn side(&mut self, name: &str) -> &mut RdsSide {
        self.options.sides.get_mut(name).unwrap()
    }

    pub(crate) async fn connect(&self) -> Result<RdsStore, DataError> {
        let guard: Arc<dyn Guard> = Arc::new(DatabaseGuard(self.pair.clone()));
        RdsStore::connect(
            PairName::new("gigadb").unwrap(),
            StoreRef {
                environment: EnvironmentName::new("live").unwrap(),
                store: StoreName::new("metadata").unwrap(),
            },
            self.options.clone(),
            self.guarded.then_some(guard),
            Arc::new(TokioClock::new()),
            Meter::default(),
        )
        .await
    }

    pub(crate) async fn store(&self) -> RdsStore {
        self.connect().await.unwrap()
    }

    /// The instances of a side.
    pub(crate) async fn names(&self, side: &SideName) -> Vec<String> {
        let told = self.pair.told("instances", side.as_str(), json!({})).await;
        told["names"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    }

    /// The snapshots of a side that RDS did not make itself, with their states.
    pub(crate) async fn snapshots(&self, side: &SideName) -> BTreeMap<String, String> {
        let told = self.pair.told("snapshots", side.as_str(), json!({})).await;
        let all = told["names"].as_object().unwrap().iter();
        let own = all.filter(|(name, _)| !name.starts_with("rds:"));
        own.map(|(name, state)| (name.clone(), state.as_str().unwrap().to_owned())).collect()
    }

    pub(crate) async fn write(&self, side: &SideName, key: &str, value: Option<&str>) -> Result<(), Value> {
        let told = json!({ "live": LIVE, "key": key, "value": value });
        self.pair.tell("write", side.as_str(), told).await.map(|_| ())
    }

    pub(crate) async fn wrote(&self, side: &SideName, key: &str, value: &str) {
        self.write(side, key, Some(value)).await.unwrap();
    }

    pub(crate) async fn empty(&self, side: &SideName) {
        self.pair.told("write", side.as_str(), json!({ "live": LIVE, "empty": true })).await;
    }

    pub(crate) async fn read(&self, side: &SideName) -> Content {
        let told = self.pair.told("read", side.as_str(), json!({ "live": LIVE })).await;
        serde_json::from_value(told["content"].clone()).unwrap()
    }

    pub(crate) async fn instance(&self, side: &SideName, name: &str) -> Value {
        self.pair.told("instance", side.as_str(), json!({ "name": name })).await
    }

    pub(crate) async fn fault(&self, side: &SideName, action: &str, fault: Value) {
        let mut told = json!({ "action": action });
        told.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
        self.pair.told("fault", side.as_str(), told).await;
    }

    /// How long a state lasts, on both sides.
    pub(crate) async fn slowly(&self, seconds: f64) {
        for side in sides() {
            self.pair.told("steps", side.as_str(), json!({ "state": seconds })).await;
        }
    }

    /// A sync with hongkong as production.
    pub(crate) async fn sync(&self, purpose: SyncPurpose, number: u32) -> Result<Synced, DataError> {
        self.sync_from(&hongkong(), purpose, number).await
    }

    pub(crate) async fn sync_from(
        &self,
        from: &SideName,
        purpose: SyncPurpose,
        number: u32,
    ) -> Result<Synced, DataError> {
        self.ordered(&order(from, purpose, number)).await
    }

    pub(crate) async fn ordered(&self, order: &SyncOrder) -> Result<Synced, DataError> {
        self.store().await.sync(order, &Watcher::lenient()).await
    }

    pub(crate) async fn freeze(&self, side: &SideName, number: u32) {
        let order: FreezeOrder = freeze_by(&format!("run-{number}"), None);
        self.store().await.freeze(side, &order).await.unwrap();
    }

    /// Everything that a swap does with data, up to where the new production is open.
    pub(crate) async fn swap(&self, from: &SideName, to: &SideName, number: u32) {
        self.freeze(from, number).await;
        let done = self.sync_from(from, SyncPurpose::Final, number).await.unwrap();
        assert!(done.copied.complete);
        self.store().await.prove_frozen(to).await.unwrap();
        self.store().await.thaw(to).await.unwrap();
    }
}
