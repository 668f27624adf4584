//! Core's contracts of `Store` and `Backups`.

use super::harness::Harness;

switchover_tests::store_contract!(store, Harness::new());
switchover_tests::backups_contract!(backups, Harness::new());
