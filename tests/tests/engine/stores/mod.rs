//! Data that follows the roles: while clients write throughout, no acknowledged write is lost, and never are both sides writable.

mod sync;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, select};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use switchover::execute::{RunEnd, RunError};
use switchover::journal::{Outcome, PauseReason, Seq};
use switchover::model::{BackupKey, Role, SideName, StoreRef};
use switchover::plan::{Intent, Request};
use switchover::port::{Advance, Backups as _, Clock as _, DataError, Method, Overseer};
use switchover_tests::fake::{DataCall, DataFault, FakeStore, MemoryStore, NameCall, NameFault, World};

use crate::support::{Desk, Trouble, ask, millis, seconds, small, zone};

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

/// As when the pair was swapped a moment ago: the minute's keys have been given to backups of both sides.
#[test]
fn a_key_that_a_backup_of_another_run_has_is_not_taken_again() {
    let mut world = small();
    let fake = world.add_store("live", "metadata", Method::Snapshot);
    let minute = |past| {
        let at = world.clock.now() + SignedDuration::from_mins(past);
        BackupKey::by_hand(&at.to_zoned(TimeZone::UTC))
    };
    let [now, next, free] = [minute(0), minute(1), minute(2)];
    let (own, other) = (world.first().clone(), world.second().clone());
    for (side, key) in [(&own, &now), (&other, &next)] {
        world.run(fake.create(side, key, &Unheard)).unwrap();
    }
    let before = world.run(fake.find(&now)).unwrap();
    assert!(fake.write(&own, 7));
    let desk = Desk::new(world);
    desk.expect(Intent::Switchover, Outcome::Completed);
    let found = |key: &BackupKey| desk.world.run(fake.find(key)).unwrap();
    let source =
        |key: &BackupKey| found(key).and_then(|backup| backup.manifest).map(|manifest| manifest.source);
    assert_eq!([source(&next), source(&free)], [Some(other.clone()), Some(own)]);
    assert_eq!(found(&now), before);
    assert!(fake.held(&other).contains(&7), "what is restored is of this run");
}

/// Whoever orders a backup by hand and looks away.
#[derive(Debug)]
struct Unheard;

#[async_trait]
impl Overseer for Unheard {
    fn advance(&self, _: &Advance) {}

    async fn permit(&self) -> Result<(), DataError> {
        Ok(())
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

/// The names have moved and no side takes writes: a new run to the same side finishes what the closed one began.
#[test]
fn a_run_that_was_closed_before_the_new_side_took_writes_is_finished_by_the_next() {
    let desk = Desk::new(with_stores());
    let fakes = || desk.world.stores.values();
    fakes().for_each(|fake| fake.fail_always(DataCall::Thaw, DataFault::Failed));
    let end = desk.perform(Intent::Switchover).unwrap();
    assert_eq!(end.paused, Some(PauseReason::FailedStep), "{end:?}");
    drop(desk.world.run(desk.process().abandon()).unwrap());
    assert!(desk.swapped() && fakes().all(|fake| fake.writable().is_empty()));
    fakes().for_each(FakeStore::heal);
    let to = Request { to: Some(desk.world.second().clone()), ..ask(Intent::Switchover) };
    let end = desk.world.run(desk.process().perform(&to)).unwrap();
    assert_eq!(end.outcome, Some(Outcome::Completed), "{end:?}");
    one_production(&desk, "afterwards");
    assert!(desk.plan(&to).unwrap().is_empty(), "and then there is nothing left to do");
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
