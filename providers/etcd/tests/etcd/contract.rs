//! The contract of state stores, as a user with the smallest role that the documentation names.

use std::sync::Arc;

use async_trait::async_trait;
use switchover::port::StateStore;
use switchover_tests::contract::state_store::StateStoreHarness;

use crate::{Cluster, run};

struct Etcd(Cluster);

impl Etcd {
    fn new() -> Self {
        Self(Cluster::new())
    }

    #[expect(clippy::unused_self, reason = "the contracts call it so")]
    fn run<F: Future>(&self, contract: F) -> F::Output {
        run(contract)
    }
}

#[async_trait]
impl StateStoreHarness for Etcd {
    async fn open(&self) -> Arc<dyn StateStore> {
        self.0.store()
    }
}

switchover_tests::state_store_contract!(state_store, Etcd::new());
