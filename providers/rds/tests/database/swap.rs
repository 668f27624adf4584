//! A whole swap by replica: the emulator is RDS, and what stands behind its instances is real.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::json;
use switchover::model::{EnvironmentName, PairName, RunId, StoreName, StoreRef};
use switchover::port::{
    Access, DataError, Depth, FreezeOrder, FreezeProof, Meter, Store, StoreProblem, SyncPurpose,
};
use switchover_rds::{Arrived, Copies, Endpoint, Guard, PostgresGuard, RdsMethod, RdsStore};
use switchover_runtime::TokioClock;
use switchover_tests::contract::store::{Watcher, freeze_by, order};

use crate::cluster::{Copy, Port, at, fresh, guard, has, hongkong, options, sydney, write};
use crate::control::Pair;

const LIVE: &str = "gigadb-live";

/// The emulator's instances lead to real servers: one for each side.
#[derive(Debug)]
struct Behind {
    guard: PostgresGuard,
    ports: [Port; 2],
    frozen_copies: Mutex<Vec<String>>,
}

impl Behind {
    fn real(&self, there: &Endpoint) -> Endpoint {
        let [one, other] = self.ports;
        let port = if there.side == hongkong() { one } else { other };
        Endpoint { resource: there.resource.clone(), ..at(there.side.clone(), port) }
    }
}

#[async_trait]
impl Copies for Behind {
    async fn freeze_copy(&self, at: &Endpoint, by: &RunId) -> Result<(), DataError> {
        self.frozen_copies.lock().unwrap().push(at.instance.clone());
        self.guard.freeze_copy(&self.real(at), by).await
    }

    async fn arrived(&self, from: &Endpoint, to: &Endpoint) -> Result<Arrived, DataError> {
        self.guard.arrived(&self.real(from), &self.real(to)).await
    }
}

#[async_trait]
impl Guard for Behind {
    async fn access(&self, at: &Endpoint) -> Result<Access, DataError> {
        self.guard.access(&self.real(at)).await
    }

    async fn problems(&self, at: &Endpoint) -> Result<Vec<StoreProblem>, DataError> {
        self.guard.problems(&self.real(at)).await
    }

    async fn freeze(&self, at: &Endpoint, order: &FreezeOrder) -> Result<(), DataError> {
        self.guard.freeze(&self.real(at), order).await
    }

    async fn prove(&self, at: &Endpoint) -> Result<FreezeProof, DataError> {
        self.guard.prove(&self.real(at)).await
    }

    async fn thaw(&self, at: &Endpoint) -> Result<(), DataError> {
        self.guard.thaw(&self.real(at)).await
    }
}

async fn store(pair: &Pair, behind: Arc<Behind>) -> RdsStore {
    let mut options = options(RdsMethod::Replica);
    for (name, side) in &mut options.sides {
        side.profile = Some(name.clone());
        side.config_file = Some(pair.file("config"));
        side.credentials_file = Some(pair.file("credentials"));
    }
    let store = StoreRef {
        environment: EnvironmentName::new("live").unwrap(),
        store: StoreName::new("metadata").unwrap(),
    };
    let clock = Arc::new(TokioClock::new());
    let pair = PairName::new("gigadb").unwrap();
    RdsStore::connect(pair, store, options, Some(behind), clock, Meter::default()).await.unwrap()
}

#[tokio::test]
async fn production_is_frozen_its_replica_promoted_and_nothing_is_lost() {
    let a = fresh().await;
    let replica = Copy::following("c").await;
    let pair = Pair::new(json!({ "one_account": true })).await;
    let behind = Arc::new(Behind {
        guard: guard(RdsMethod::Replica),
        ports: [a, replica.port],
        frozen_copies: Mutex::default(),
    });
    let store = store(&pair, Arc::clone(&behind)).await;
    store.sync(&order(&hongkong(), SyncPurpose::Routine, 1), &Watcher::lenient()).await.unwrap();
    let seen = store.inspect(Depth::Preflight).await.unwrap();
    assert!(seen.problems.is_empty() && seen.unread.is_empty(), "{seen:?}");
    assert_eq!(seen.sides[&hongkong()].access, Access::Writable);
    assert!(matches!(seen.sides[&sydney()].access, Access::Frozen { until: None, .. }), "{seen:?}");
    assert_eq!(write(a, "before the freeze").await, "written");

    store.freeze(&hongkong(), &freeze_by("run-2", None)).await.unwrap();
    store.prove_frozen(&hongkong()).await.unwrap();
    assert_eq!(write(a, "after the freeze").await, "25006");

    // RDS takes its time, in which the real server is promoted.
    pair.told("steps", sydney().as_str(), json!({ "state": 1.5 })).await;
    let promoting = async {
        while !pair.asked(sydney().as_str()).await.contains(&"PromoteReadReplica".to_owned()) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        replica.promote().await;
    };
    let (last, watcher) = (order(&hongkong(), SyncPurpose::Final, 2), Watcher::lenient());
    let (synced, ()) = tokio::join!(store.sync(&last, &watcher), promoting);
    let synced = synced.unwrap();
    assert!(synced.copied.complete && synced.copied.position.is_some(), "{synced:?}");
    assert_eq!(*behind.frozen_copies.lock().unwrap(), [LIVE]);
    assert!(has(replica.port, "before the freeze").await);
    store.prove_frozen(&sydney()).await.unwrap();
    assert_eq!(write(replica.port, "before the thaw").await, "25006");

    store.thaw(&sydney()).await.unwrap();
    let seen = store.inspect(Depth::Glance).await.unwrap();
    assert_eq!(seen.sides[&sydney()].access, Access::Writable);
    assert!(matches!(seen.sides[&hongkong()].access, Access::Frozen { until: None, .. }), "{seen:?}");
    assert_eq!(write(replica.port, "after the thaw").await, "written");
    assert_eq!(write(a, "on the old side").await, "25006");
    replica.remove().await;
}
