//! Directories keep the contract of a store.

use super::support::Trees;

switchover_tests::store_contract!(contract, Trees::new());
