//! What every provider of a port keeps, as async functions over a small harness.
//!
//! A provider's test implements the harness of its port, usually a dozen lines that seed the provider's backend by another way than the
//! provider, and names it in the port's macro. Every part of the contract becomes a test of its own:
//!
//! ```no_run
//! # use switchover_tests::fake::{MemoryStore, VirtualClock};
//! # use switchover::port::StateStore;
//! # use std::sync::Arc;
//! struct InMemory(VirtualClock, MemoryStore);
//!
//! #[async_trait::async_trait]
//! impl switchover_tests::contract::state_store::StateStoreHarness for InMemory {
//!     async fn open(&self) -> Arc<dyn StateStore> {
//!         Arc::new(self.1.clone())
//!     }
//! }
//!
//! impl InMemory {
//!     fn new() -> Self {
//!         let clock = VirtualClock::default();
//!         Self(clock.clone(), MemoryStore::new(&clock))
//!     }
//!     fn run<F: Future>(&self, contract: F) -> F::Output {
//!         self.0.run(contract)
//!     }
//! }
//!
//! switchover_tests::state_store_contract!(memory, InMemory::new());
//! # fn main() {}
//! ```
//!
//! The macro makes a module of that name with one `#[test]` for each part. It makes a fresh harness for each, and runs the part by the
//! harness's own `run`: on virtual time for the fakes, on a tokio runtime for providers that need one.

pub mod address_book;
pub mod announcer;
pub mod backups;
pub mod check;
pub mod embargo;
pub mod name_service;
pub mod releases;
pub mod resolver;
pub mod schedules;
pub mod settings;
pub mod state_store;
pub mod store;

/// Makes a test of each function of a contract. For the macros of the single contracts.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_tests {
    ($module:ident, $harness:expr, $contract:ident: $($part:ident)*) => {
        mod $module {
            #[allow(unused_imports, clippy::allow_attributes, reason = "the harness may be named by its path")]
            use super::*;
            $(
                #[test]
                fn $part() {
                    let harness = $harness;
                    harness.run($crate::contract::$contract::$part(&harness));
                }
            )*
        }
    };
}
