//! Every order in which two controllers, their deaths, takeovers, unknown outcomes and late calls can follow each other, up to bounds,
//! looked through by a model checker.
//!
//! The plans are the planner's, and what a controller knows and may write is core's own journal: [`PairState::apply`] and the questions
//! that the executor asks of a run. The model's own are the outside world, and the order in which a controller looks, writes and calls.
//! It takes the steps of a stage one after another, in every order. What it found is told in `docs/reliability.md`.
//!
//! [`PairState::apply`]: switchover::journal::PairState::apply

#![expect(clippy::expect_used, reason = "a model that is built wrongly must say so at once")]

mod controller;
mod outside;
mod plans;
mod protocol;
mod state;

use stateright::{Checker, Model};

use protocol::{Guards, Protocol};
use state::Budget;

const GUARDS: Guards = Guards { drain: true, awake: true, pivot: true };
/// Of everything two: of controllers and runs too.
const TWICE: Budget = Budget { runs: 2, takeovers: 2, crashes: 2, unknowns: 2, expiries: 2, refusals: 2 };
const ONCE: Budget = Budget { runs: 1, takeovers: 1, crashes: 1, unknowns: 1, expiries: 0, refusals: 1 };

fn protocol(guards: Guards, budget: Budget) -> Protocol {
    let plans = plans::there_and_back();
    let shift = &plans[0].shifts[0];
    Protocol { sides: [shift.from.clone(), shift.to.clone()], plans, guards, budget }
}

#[test]
fn two_controllers_leave_one_production_whatever_happens() {
    let checker = protocol(GUARDS, TWICE).checker().threads(2).spawn_bfs().join();
    println!("{} states, {} moves", checker.unique_state_count(), checker.state_count());
    checker.assert_properties();
}

/// A way to two writable sides, without one of the guards.
fn trace(guards: Guards) -> String {
    let checker = protocol(guards, ONCE).checker().threads(1).spawn_bfs().join();
    let path = checker.discovery("never are both sides writable").expect("a way to two writable sides");
    let last = path.last_state().clone();
    let moves = path.into_vec().into_iter().filter_map(|(before, taken)| Some(before.tell(taken?)));
    let lines: Vec<String> = moves.chain([format!("{:?}", last.outside)]).collect();
    lines.join("\n")
}

#[test]
fn without_the_wait_for_late_calls_both_sides_can_be_writable() {
    insta::assert_snapshot!(trace(Guards { drain: false, ..GUARDS }));
}

#[test]
fn a_controller_that_sleeps_between_its_last_check_and_its_call_can_make_both_sides_writable() {
    insta::assert_snapshot!(trace(Guards { awake: false, ..GUARDS }));
}

#[test]
fn a_run_taken_back_past_its_pivot_can_make_both_sides_writable() {
    insta::assert_snapshot!(trace(Guards { pivot: false, ..GUARDS }));
}
