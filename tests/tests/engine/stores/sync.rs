//! Syncs without a swap: which way they flow, what they remember, what they refuse.

use futures_util::future::{Either, select};
use switchover::execute::{RunEnd, RunError};
use switchover::journal::{Fact, Outcome, PauseReason};
use switchover::model::Verification::{Content, Counts};
use switchover::plan::{Intent, PlanError, SyncRequest, plan_sync};
use switchover::port::Clock as _;

use super::{store, with_stores};
use crate::support::{Desk, Trouble, ask, seconds};

fn sync(desk: &Desk, request: &SyncRequest) -> Result<RunEnd, Trouble> {
    let process = desk.process();
    desk.world.run(async {
        let journal = process.engine.journal().await.map_err(RunError::from)?;
        let environments = &process.engine.pair.environments;
        let snapshot = process.engine.observe(environments, journal.state()).await;
        let plan =
            plan_sync(&process.engine.pair, &snapshot, journal.state(), request).map_err(Trouble::Plan)?;
        Ok(process.engine.start(journal, plan, None).await?)
    })
}

#[test]
fn a_sync_flows_from_whichever_side_is_production_and_is_remembered() {
    let desk = Desk::new(with_stores());
    for round in 0..3 {
        let from = if round % 2 == 0 { desk.world.first() } else { desk.world.second() };
        let files = desk.world.stores[&store("live/files")].clone();
        assert!(files.write(from, 100 + round));
        let end = sync(&desk, &SyncRequest::routine()).unwrap();
        assert_eq!(end.outcome, Some(Outcome::Completed), "{end:?}");
        let to = if round % 2 == 0 { desk.world.second() } else { desk.world.first() };
        assert!(files.held(to).contains(&(100 + round)));
        let last = desk.state().stores[&store("live/files")].last.clone().unwrap();
        assert_eq!(last.synced.copied.from, *from);
        assert!(last.synced.took_ms >= 4_000);
        desk.expect(Intent::Switchover, Outcome::Completed);
    }
}

#[test]
fn all_content_is_compared_at_first_and_then_once_a_week() {
    let desk = Desk::new(with_stores());
    let mut compared = Vec::new();
    for _ in 0..9 {
        assert_eq!(sync(&desk, &SyncRequest::routine()).unwrap().outcome, Some(Outcome::Completed));
        let run = desk.last_run();
        let facts = run.steps.values().filter_map(|step| step.forward.as_ref());
        let synced = facts.filter_map(|state| match state {
            switchover::journal::StepState::Succeeded { facts, .. } => facts.iter().find_map(Fact::synced),
            _ => None,
        });
        compared.push(synced.map(|synced| synced.copied.verified).min().unwrap());
        desk.world.clock.advance(seconds(86_400));
    }
    assert_eq!(compared, [Content, Counts, Counts, Counts, Counts, Counts, Counts, Content, Counts]);
}

#[test]
fn a_rehearsal_changes_nothing_and_counts_as_no_sync() {
    let desk = Desk::new(with_stores());
    let files = desk.world.stores[&store("live/files")].clone();
    assert!(files.write(desk.world.first(), 5));
    let request = SyncRequest { rehearse: true, ..SyncRequest::routine() };
    assert_eq!(sync(&desk, &request).unwrap().outcome, Some(Outcome::Completed));
    assert!(files.held(desk.world.second()).is_empty());
    assert!(desk.state().stores.is_empty());
}

#[test]
fn a_stand_by_that_took_writes_is_written_over_only_when_somebody_says_so() {
    let desk = Desk::new(with_stores());
    let (first, second) = (desk.world.first().clone(), desk.world.second().clone());
    let files = desk.world.stores[&store("live/files")].clone();
    files.shut_by_hand(&first);
    files.open_by_hand(&second);
    assert!(files.write(&second, 9));
    files.shut_by_hand(&second);
    files.open_by_hand(&first);
    assert!(matches!(sync(&desk, &SyncRequest::routine()), Err(Trouble::Plan(PlanError::Unfit(_)))));
    assert!(matches!(desk.perform(Intent::Switchover), Err(Trouble::Plan(PlanError::Unfit(_)))));
    assert!(files.held(&second).contains(&9));
    let request = SyncRequest { overwrite: true, ..SyncRequest::routine() };
    assert_eq!(sync(&desk, &request).unwrap().outcome, Some(Outcome::Completed));
    assert!(!files.held(&second).contains(&9));
}

#[test]
fn a_sync_that_lost_the_pair_while_it_slept_changes_nothing() {
    let desk = Desk::new(with_stores());
    let files = desk.world.stores[&store("live/files")].clone();
    let process = desk.process();
    assert!(files.write(desk.world.first(), 1));
    desk.world.run(async {
        let journal = process.engine.journal().await.unwrap();
        let snapshot = process.engine.observe(&process.engine.pair.environments, journal.state()).await;
        let request = SyncRequest { stores: [store("live/files")].into(), ..SyncRequest::routine() };
        let plan = plan_sync(&process.engine.pair, &snapshot, journal.state(), &request).unwrap();
        let sleeper = Box::pin(process.engine.start(journal, plan, None));
        let Either::Right(((), sleeper)) = select(sleeper, desk.world.clock.sleep(seconds(3))).await else {
            panic!("over already")
        };
        // The sleeper is not polled while another process closes its run and swaps the roles.
        desk.world.clock.advance(seconds(3_600));
        let other = desk.process();
        let end = other.abort().await.unwrap();
        assert_eq!(end.outcome, Some(Outcome::Undone));
        let end = other.perform(&ask(Intent::Switchover)).await.unwrap();
        assert_eq!(end.outcome, Some(Outcome::Completed));
        assert!(files.write(desk.world.second(), 2));
        let woken = sleeper.await;
        assert!(matches!(woken, Err(RunError::Journal(_))), "{woken:?}");
    });
    assert!(files.held(desk.world.second()).contains(&2), "a sync of yesterday overwrote production");
}

#[test]
fn an_operator_can_stop_a_sync_and_the_next_one_begins_anew() {
    let desk = Desk::new(with_stores());
    let process = desk.process();
    let end = desk.while_running(
        async {
            let journal = process.engine.journal().await.unwrap();
            let snapshot = process.engine.observe(&process.engine.pair.environments, journal.state()).await;
            let request = SyncRequest::routine();
            let plan = plan_sync(&process.engine.pair, &snapshot, journal.state(), &request).unwrap();
            process.engine.start(journal, plan, None).await
        },
        seconds(5),
        || process.stop.stop(),
    );
    assert_eq!(end.unwrap().paused, Some(PauseReason::Operator));
    assert_eq!(desk.abort().unwrap().outcome, Some(Outcome::Undone));
    assert_eq!(sync(&desk, &SyncRequest::routine()).unwrap().outcome, Some(Outcome::Completed));
}
