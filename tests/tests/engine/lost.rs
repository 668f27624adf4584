//! What the simulation found about processes that lost the pair or close what they should not; see `docs/reliability.md`.

use futures_util::future::{Either, select};
use switchover::execute::RunError;
use switchover::journal::Outcome;
use switchover::plan::Intent;
use switchover::port::{Clock as _, Method};
use switchover_tests::fake::World;

use super::support::{Desk, Trouble, ask, seconds, small};

fn with_a_store() -> World {
    let mut world = small();
    world.add_store("live", "metadata", Method::Snapshot);
    world
}

/// Asleep in its last sync while another process takes its run back and thaws production: it wakes, and its lease is due.
#[test]
fn a_process_that_slept_and_lost_the_pair_freezes_nothing_anew() {
    let desk = Desk::new(with_a_store());
    let store = desk.world.stores.values().next().unwrap().clone();
    let (sleeper, request) = (desk.process(), ask(Intent::Switchover));
    desk.world.run(async {
        let run = Box::pin(sleeper.perform(&request));
        let Either::Right(((), run)) = select(run, desk.world.clock.sleep(seconds(5))).await else {
            panic!("over already")
        };
        assert!(store.writable().is_empty(), "frozen for the last sync");
        let undone = desk.process().abort().await.unwrap();
        assert_eq!(undone.outcome, Some(Outcome::Undone));
        assert_eq!(store.writable(), [desk.world.first().clone()]);
        let watch = Box::pin(async {
            for _ in 0..60 {
                assert_eq!(store.writable(), [desk.world.first().clone()], "production was frozen anew");
                desk.world.clock.sleep(seconds(1)).await;
            }
        });
        match select(run, watch).await {
            Either::Left((end, watch)) => {
                assert!(matches!(end, Err(Trouble::Run(RunError::Journal(_)))), "{end:?}");
                watch.await;
            }
            Either::Right(((), _)) => {}
        }
    });
}

#[test]
fn a_run_that_has_not_crossed_its_pivot_is_not_closed_and_can_be_taken_back() {
    let desk = Desk::new(with_a_store());
    let (process, request) = (desk.process(), ask(Intent::Switchover));
    let stopped = desk.while_running(process.perform(&request), seconds(5), || process.stop.stop()).unwrap();
    assert_eq!(stopped.outcome, None, "{stopped:?}");
    let entries = desk.entries().len();
    let refused = desk.world.run(desk.process().abandon());
    assert!(matches!(refused, Err(Trouble::Run(RunError::BeforePivot { .. }))), "{refused:?}");
    assert_eq!(desk.entries().len(), entries, "nothing was claimed");
    assert_eq!(desk.abort().unwrap().outcome, Some(Outcome::Undone));
}
