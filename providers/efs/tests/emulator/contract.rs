//! EFS's replication keeps the contract of a store; the emulator's data is what clients hold.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use switchover::model::SideName;
use switchover::port::{Method, Store};
use switchover_tests::contract::store::{Content, Nature, Refused, StoreHarness};
use tokio::runtime::Runtime;

use crate::world::World;

pub(crate) struct Harness {
    runtime: Runtime,
    world: World,
}

impl Harness {
    pub(crate) fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let world = runtime.block_on(World::new());
        Self { runtime, world }
    }

    fn run<F: Future>(&self, contract: F) -> F::Output {
        self.runtime.block_on(contract)
    }
}

#[async_trait]
impl StoreHarness for Harness {
    fn nature(&self) -> Nature {
        Nature {
            method: Method::Streaming,
            // A policy has no end.
            lease: None,
            guards_empty: false,
            too_many: None,
            arrives_within: Duration::from_secs(5),
        }
    }

    async fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.world.store().await)
    }

    async fn write(&self, side: &SideName, key: &str, value: &str) -> Result<(), Refused> {
        self.world.write(side, key, Some(value)).await.map_err(|refused| Refused(refused.to_string()))?;
        self.world.replicated(side).await;
        Ok(())
    }

    async fn delete(&self, side: &SideName, key: &str) -> Result<(), Refused> {
        self.world.write(side, key, None).await.map_err(|refused| Refused(refused.to_string()))?;
        self.world.replicated(side).await;
        Ok(())
    }

    async fn read(&self, side: &SideName) -> Content {
        self.world.read(side).await
    }

    async fn empty(&self, side: &SideName) {
        self.world.tell("write", side, json!({ "empty": true })).await.unwrap();
    }

    async fn take_away(&self, side: &SideName) {
        self.world.pair.lose(side.as_str(), true).await;
    }

    async fn give_back(&self, side: &SideName) {
        self.world.pair.lose(side.as_str(), false).await;
    }

    async fn wait(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

// All of the contract but `what_was_copied_is_compared_as_ordered`: EFS replicates by itself, nothing compares, and a sync says so.
switchover_tests::contract_tests!(by_replication, Harness::new(), store:
    a_fresh_store_is_open_on_both_sides_and_holds_no_copy
    looking_changes_nothing
    two_sides_have_two_identities
    a_frozen_side_refuses_writes_and_is_read_as_before
    freezing_again_by_the_same_run_renews_the_freeze
    a_freeze_is_made_lasting_by_the_same_run
    a_freeze_of_another_run_is_taken_over
    a_lease_that_is_not_renewed_ends_by_itself_and_is_lost_to_its_run
    a_side_that_is_thawed_takes_writes_again
    a_frozen_side_is_proved_frozen_and_proving_leaves_nothing
    a_side_that_takes_writes_is_not_proved_frozen
    a_routine_sync_brings_what_production_holds
    a_sync_leaves_the_stand_by_frozen_without_end
    changes_and_deletions_arrive_with_the_next_sync
    a_rehearsal_changes_nothing
    a_final_sync_is_complete_and_says_so_on_the_stand_by
    the_same_final_sync_twice_is_the_same_as_once
    without_a_freeze_no_copy_is_complete
    roles_are_swapped_and_swapped_back_without_a_loss
    a_stand_by_that_diverged_is_not_overwritten_unless_asked
    an_empty_source_is_never_mirrored
    too_many_deletions_are_refused
    without_permission_nothing_changes
    permission_that_is_taken_back_at_any_moment_stops_the_sync
    a_sync_that_is_dropped_at_any_moment_is_made_good_by_the_next
    a_lost_side_does_not_hide_the_other
    nothing_is_synced_to_or_from_a_side_that_cannot_be_reached
    a_stand_by_is_taken_over_while_production_cannot_be_reached
    what_a_side_holds_is_kept_before_it_is_written_over
);
