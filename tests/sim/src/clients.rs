//! Clients that write to both sides of every store all the time, and remember what was acknowledged.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use switchover::journal::PairState;
use switchover::model::{SideName, StoreRef};
use switchover::port::Clock as _;
use switchover::report::{LossWindow, Report};
use switchover_tests::fake::{FakeStore, World};

use crate::judge::Judge;
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

    /// Writes for ever; less often while nobody works on the pair, for then one write is as good as ten.
    pub(crate) async fn write(&self, scenario: &Scenario, judge: &Judge) {
        if self.world.stores.is_empty() {
            return;
        }
        loop {
            self.write_once();
            let beat = scenario.shape.beat;
            self.world.sleep(if judge.is_busy() { beat } else { beat * 10 }).await;
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
            let lost: Vec<&Write> = known.iter().filter(|write| !held.contains(&write.number)).collect();
            let kept = if lost.is_empty() { BTreeSet::new() } else { self.still_there(fake) };
            for Write { at, side: of, number } in &lost {
                let what = format!("{store}: write {number}, acknowledged by {of} at {at}");
                let told = windows.iter().any(|window| covers(window, store, of, *at, lenience));
                assert!(told, "{what}, is not on {side} and nobody was told");
                assert!(kept.contains(number), "{what} and lost by a failover, was not kept");
            }
        }
    }

    /// What either side holds, or was kept of it.
    fn still_there(&self, fake: &FakeStore) -> BTreeSet<u64> {
        let sides = [self.world.first(), self.world.second()];
        let kept = sides.iter().flat_map(|side| fake.kept_of(side)).flatten();
        kept.chain(sides.iter().flat_map(|side| fake.held(side))).collect()
    }
}

fn covers(
    window: &LossWindow,
    store: &StoreRef,
    side: &SideName,
    at: Timestamp,
    lenience: SignedDuration,
) -> bool {
    let from = window.from.saturating_sub(lenience).unwrap_or(window.from);
    let until = window.until.saturating_add(lenience).unwrap_or(window.until);
    window.store == *store && window.side == *side && from <= at && (!window.fenced || at <= until)
}
