//! rclone between two directories keeps the contract of a store.

use super::support::Remotes;

switchover_tests::store_contract!(contract, Remotes::new());
