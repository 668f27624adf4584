//! Data that follows the roles: while clients write throughout, no acknowledged write is lost, and never are both sides writable.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::{Either, select};
use switchover::execute::{RunEnd, RunError};
use switchover::journal::{Fact, Outcome, PauseReason, Seq};
use switchover::model::Verification::{Content, Counts};
use switchover::model::{Role, SideName, StoreRef};
use switchover::plan::{Intent, PlanError, SyncRequest, plan_sync};
use switchover::port::{Clock as _, Method};
use switchover_tests::fake::{DataCall, DataFault, FakeStore, MemoryStore, NameCall, NameFault, World};

use super::support::{Desk, Trouble, ask, millis, seconds, small, zone};

const METHODS: [Method; 3] = [Method::Snapshot, Method::Mirror, Method::Streaming];

fn store(text: &str) -> StoreRef {
    text.parse().unwrap()
}

/// The small pair with one store of each method.
fn with_stores() -> World {
    let mut world = small();
    for (called, method) in ["metadata", "files", "database"].into_iter().zip(METHODS) {
        world.add_store("live", called, method);
    }
    world
}

/// Whatever became of a run: each store takes writes on one side only, the one that DNS calls production.
fn one_production(desk: &Desk, when: &str) {
    let production = if desk.swapped() { desk.world.second() } else { desk.world.first() };
    assert!(desk.swapped() || desk.as_before(), "{when}: half swapped");
    for (name, fake) in &desk.world.stores {
        assert_eq!(fake.writable(), std::slice::from_ref(production), "{when}: {name}");
    }
}

#[test]
fn a_process_that_dies_at_any_entry_leaves_a_run_that_ends_with_one_production() {
    let desk = Desk::new(with_stores());
    desk.expect(Intent::Switchover, Outcome::Completed);
    let entries = desk.entries().len() as u64;
    assert!(entries > 40);
    for seq in (0..entries).map(Seq) {
        for after in [false, true] {
            let desk = Desk::new(with_stores());
            let crash = if after { MemoryStore::crash_after } else { MemoryStore::crash_before };
            crash(&desk.world.store, seq);
            let process = desk.process();
            let request = ask(Intent::Switchover);
            let clients = Clients::new(&desk.world);
            let end = desk.world.run_until_crash(clients.beside(process.perform(&request)));
            assert!(end.is_none(), "{seq} was never reached: {end:?}");
            let next = desk.process();
            let end = match desk.world.run(clients.beside(next.resume())) {
                Ok(end) => end.outcome,
                Err(Trouble::Run(RunError::NothingOpen)) => None,
                Err(other) => panic!("{seq}: {other:?}"),
            };
            assert!(matches!(end, None | Some(Outcome::Completed | Outcome::Undone)), "{seq}: {end:?}");
            one_production(&desk, &format!("crash {} entry {seq}", if after { "after" } else { "before" }));
            clients.nothing_is_lost();
        }
    }
}

/// Clients that write all the time, to wherever the site's name leads and, as those who do not hear of the swap, to the side that they
/// knew first.
struct Clients<'a> {
    world: &'a World,
    stale: SideName,
    acknowledged: Mutex<Vec<(StoreRef, u64)>>,
}

impl<'a> Clients<'a> {
    fn new(world: &'a World) -> Self {
        Self { world, stale: world.first().clone(), acknowledged: Mutex::default() }
    }

    fn side_of_the_name(&self) -> SideName {
        let endpoint = self.world.endpoints().next().unwrap();
        let leads = self.world.names.leads_to(endpoint.name(Role::Production));
        let sides = [self.world.first(), self.world.second()];
        let here = |side: &&&SideName| leads.contains(&self.world.address(side, &endpoint.address));
        (*sides.iter().find(here).expect("a side")).clone()
    }

    fn write_once(&self, write: u64) {
        for side in [self.side_of_the_name(), self.stale.clone()] {
            for (name, fake) in &self.world.stores {
                let write = write * 2 + u64::from(side == self.stale);
                if fake.write(&side, write) {
                    self.acknowledged.lock().unwrap().push((name.clone(), write));
                }
            }
        }
    }

    /// Runs something while the clients write every 70 ms.
    async fn beside<F: Future>(&self, work: F) -> F::Output {
        let mut work = Box::pin(work);
        let first = self.acknowledged.lock().unwrap().len() as u64 + 1;
        for write in first.. {
            self.write_once(write);
            match select(work, self.world.clock.sleep(millis(70))).await {
                Either::Left((output, _)) => return output,
                Either::Right(((), rest)) => work = rest,
            }
        }
        unreachable!("writes are not counted that far")
    }

    /// Every acknowledged write is on the side that takes writes now, and only one side does.
    fn nothing_is_lost(&self) {
        for (name, fake) in &self.world.stores {
            let writable = fake.writable();
            let [side] = &writable[..] else { panic!("{name}: {writable:?} take writes") };
            let held = fake.held(side);
            let acknowledged = self.acknowledged.lock().unwrap();
            let of_store: BTreeSet<u64> =
                acknowledged.iter().filter(|(of, _)| of == name).map(|(_, write)| *write).collect();
            assert!(!of_store.is_empty(), "{name}: nobody wrote");
            let lost: Vec<_> = of_store.difference(&held).collect();
            assert!(lost.is_empty(), "{name}: acknowledged and lost on {side}: {lost:?}");
        }
    }
}

fn perform(desk: &Desk, clients: &Clients<'_>, intent: Intent) -> Result<RunEnd, Trouble> {
    let process = desk.process();
    desk.world.run(clients.beside(process.perform(&ask(intent))))
}

fn production_of_data(desk: &Desk) -> Vec<SideName> {
    desk.world.stores.values().flat_map(FakeStore::writable).collect()
}

#[test]
fn a_swap_and_its_way_back_lose_no_acknowledged_write() {
    let desk = Desk::new(with_stores());
    let clients = Clients::new(&desk.world);
    for round in 0..10 {
        let intent = if round % 2 == 0 { Intent::Switchover } else { Intent::Revert };
        let end = perform(&desk, &clients, intent).unwrap();
        assert_eq!(end.outcome, Some(Outcome::Completed), "{end:?}");
        clients.nothing_is_lost();
        let holds = if round % 2 == 0 { desk.world.second() } else { desk.world.first() };
        assert!(production_of_data(&desk).iter().all(|side| side == holds));
    }
}

#[test]
fn writes_to_a_stream_are_refused_for_about_a_second_and_to_a_snapshot_for_as_long_as_it_takes() {
    let desk = Desk::new(with_stores());
    desk.expect(Intent::Switchover, Outcome::Completed);
    let report = desk.report();
    let window = |called: &str| {
        let found = report.windows.iter().find(|window| window.store == store(called)).unwrap();
        Duration::from_millis(found.refused_ms.unwrap())
    };
    assert!(window("live/metadata") > seconds(20), "{report:?}");
    assert!(window("live/database") < seconds(4), "{:?}", window("live/database"));
    assert!(window("live/database") <= window("live/files"));
}

#[test]
fn a_freeze_that_leaks_is_found_and_taken_back() {
    for called in ["live/metadata", "live/files", "live/database"] {
        let desk = Desk::new(with_stores());
        desk.world.stores[&store(called)].fail_always(DataCall::Freeze, DataFault::Leaks);
        let end = desk.perform(Intent::Switchover).unwrap();
        assert_eq!(end.outcome, Some(Outcome::Undone), "{called}: {end:?}");
        assert!(end.failures.iter().any(|failure| failure.message.contains("writes are not refused")));
        assert!(desk.as_before());
        assert!(production_of_data(&desk).iter().all(|side| side == desk.world.first()));
    }
}

#[test]
fn whatever_fails_before_the_pivot_leaves_the_old_side_taking_writes() {
    for called in ["live/metadata", "live/files", "live/database"] {
        for call in [DataCall::Freeze, DataCall::Prove, DataCall::Sync] {
            for fault in [DataFault::Failed, DataFault::UnknownLost, DataFault::UnknownLanded] {
                let desk = Desk::new(with_stores());
                let clients = Clients::new(&desk.world);
                desk.world.stores[&store(called)].fail_next(call, fault);
                let end = perform(&desk, &clients, Intent::Switchover).unwrap();
                assert!(
                    matches!(end.outcome, Some(Outcome::Undone | Outcome::Completed)),
                    "{called} {call:?} {fault:?}: {end:?}"
                );
                assert_eq!(desk.as_before(), end.outcome == Some(Outcome::Undone));
                clients.nothing_is_lost();
            }
        }
    }
}

#[test]
fn a_swap_that_cannot_be_made_thaws_what_was_frozen() {
    let desk = Desk::new(with_stores());
    let clients = Clients::new(&desk.world);
    desk.world.names.fail_always_in(&zone("gigadb.org"), NameCall::Change, NameFault::Forbidden);
    desk.world.names.fail_always_in(&zone("gigadb.host"), NameCall::Change, NameFault::Forbidden);
    let end = perform(&desk, &clients, Intent::Switchover).unwrap();
    // The new side's data was thawed side by side with the refused change: past the pivot, so it waits for somebody.
    assert_eq!(end.paused, Some(PauseReason::FailedStep), "{end:?}");
    desk.world.names.heal();
    let process = desk.process();
    let end = desk.world.run(clients.beside(process.resume())).unwrap();
    assert_eq!(end.outcome, Some(Outcome::Completed), "{end:?}");
    clients.nothing_is_lost();
}

#[test]
fn a_controller_that_sleeps_through_the_lease_does_not_swap() {
    let desk = Desk::new(with_stores());
    let clients = Clients::new(&desk.world);
    let process = desk.process();
    // In the middle of the last sync of the snapshot.
    let request = ask(Intent::Switchover);
    let run = clients.beside(process.perform(&request));
    let end = desk.world.run(async {
        match select(Box::pin(run), desk.world.clock.sleep(seconds(20))).await {
            Either::Left((output, _)) => panic!("over already: {output:?}"),
            Either::Right(((), rest)) => {
                // Stopped as by SIGSTOP: time passes, clients write, nothing of the run is polled.
                for write in 0..100 {
                    desk.world.clock.advance(seconds(1));
                    clients.write_once(1_000_000 + write);
                }
                rest.await
            }
        }
    });
    let end = end.unwrap();
    assert_eq!(end.outcome, Some(Outcome::Undone), "{end:?}");
    let why = |text: &str| text.contains("ran out") || text.contains("takes writes");
    assert!(end.failures.iter().any(|failure| why(&failure.message)), "{end:?}");
    assert!(desk.as_before());
    clients.nothing_is_lost();
}

#[test]
fn a_controller_that_dies_before_the_pivot_leaves_production_writable_by_itself() {
    let desk = Desk::new(with_stores());
    let process = desk.process();
    let request = ask(Intent::Switchover);
    desk.world.run(async {
        let run = Box::pin(process.perform(&request));
        let Either::Right(((), run)) = select(run, desk.world.clock.sleep(seconds(20))).await else {
            panic!("over already")
        };
        drop(run);
    });
    let metadata = &desk.world.stores[&store("live/metadata")];
    assert!(!metadata.write(desk.world.first(), 1), "frozen for the last sync");
    desk.world.clock.advance(seconds(61));
    assert!(metadata.write(desk.world.first(), 2), "the lease has run out");
    let end = desk.resume().unwrap();
    assert_eq!(end.outcome, Some(Outcome::Undone), "{end:?}");
    assert!(production_of_data(&desk).iter().all(|side| side == desk.world.first()));
}

#[test]
fn a_store_that_cannot_be_turned_round_is_an_exception_of_a_run_that_is_done() {
    let desk = Desk::new(with_stores());
    let database = desk.world.stores[&store("live/database")].clone();
    let process = desk.process();
    let request = ask(Intent::Switchover);
    let end = desk.world.run(async {
        let run = Box::pin(process.perform(&request));
        let watch = async {
            while database.writable() != [desk.world.second().clone()] {
                desk.world.clock.sleep(millis(1)).await;
            }
            database.fail_always(DataCall::Sync, DataFault::Failed);
        };
        match select(run, Box::pin(watch)).await {
            Either::Left((end, _)) => end,
            Either::Right(((), run)) => run.await,
        }
    });
    assert_eq!(end.unwrap().outcome, Some(Outcome::CompletedWithExceptions));
    assert!(desk.swapped());
}

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
