//! Clients that write to both sides of every store all the time, and remember what was acknowledged.

use std::cell::{Cell, RefCell};

use jiff::{SignedDuration, Timestamp};
use switchover::journal::PairState;
use switchover::model::{SideName, StoreRef};
use switchover::port::Clock as _;
use switchover::report::{LossWindow, Report};
use switchover_tests::fake::World;

use crate::scenario::Scenario;

/// One acknowledged write.
#[derive(Debug, Clone)]
struct Write {
    at: Timestamp,
    side: SideName,
    number: u64,
}

/// The clients of a world.
#[derive(Debug)]
pub(crate) struct Clients<'a> {
    world: &'a World,
    ledger: RefCell<Vec<(StoreRef, Vec<Write>)>>,
    written: Cell<u64>,
}

impl<'a> Clients<'a> {
    pub(crate) fn new(world: &'a World) -> Self {
        let ledger = world.stores.keys().map(|store| (store.clone(), Vec::new())).collect();
        Self { world, ledger: RefCell::new(ledger), written: Cell::new(0) }
    }

    /// Writes for ever.
    pub(crate) async fn write(&self, scenario: &Scenario) {
        if self.world.stores.is_empty() {
            return;
        }
        loop {
            self.write_once();
            self.world.sleep(scenario.shape.beat).await;
        }
    }

    fn write_once(&self) {
        let at = self.world.clock.now();
        for (store, known) in self.ledger.borrow_mut().iter_mut() {
            for side in [self.world.first(), self.world.second()] {
                let number = self.written.get() + 1;
                self.written.set(number);
                if self.world.stores[store].write(side, number) {
                    known.push(Write { at, side: side.clone(), number });
                }
            }
        }
    }

    /// Every acknowledged write is where production is, or was told to be lost; and what was lost was kept if its side was written over.
    ///
    /// # Panics
    ///
    /// If one is not.
    pub(crate) fn nothing_is_lost(&self, state: &PairState, lenience: SignedDuration) {
        let windows: Vec<LossWindow> = state.runs.iter().flat_map(|run| Report::of(run).losses).collect();
        for (store, known) in self.ledger.borrow().iter() {
            let fake = &self.world.stores[store];
            let writable = fake.writable();
            let [side] = &writable[..] else { panic!("{store}: {writable:?} take writes in the end") };
            let held = fake.held(side);
            for write in known.iter().filter(|write| !held.contains(&write.number)) {
                let told = windows.iter().any(|window| covers(window, store, write, lenience));
                let Write { at, side: of, number } = write;
                assert!(
                    told,
                    "{store}: write {number}, acknowledged by {of} at {at}, is not on {side} and nobody was told"
                );
                let kept = fake.kept_of(of).iter().any(|kept| kept.contains(number))
                    || fake.held(of).contains(number);
                assert!(
                    kept,
                    "{store}: write {number}, acknowledged by {of} at {at} and lost by a failover, was not kept"
                );
            }
        }
    }
}

fn covers(window: &LossWindow, store: &StoreRef, write: &Write, lenience: SignedDuration) -> bool {
    let of_it = window.store == *store && window.side == write.side;
    let from = window.from.saturating_sub(lenience).unwrap_or(window.from);
    let until = window.until.saturating_add(lenience).unwrap_or(window.until);
    of_it && from <= write.at && (!window.fenced || write.at <= until)
}
