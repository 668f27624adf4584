//! Production is gone, or lies: the stand-by takes over within seconds, what was lost is said, and what is owed is done before anything else.

mod over_a_run;
mod owed;
mod taking_over;

use std::cell::RefCell;
use std::time::Duration;

use futures_util::future::{Either, select};
use jiff::Timestamp;
use switchover::model::{SideName, StoreRef};
use switchover::plan::{Intent, Request};
use switchover::port::{Clock as _, Method};
use switchover_tests::fake::{Absence, AddressFault, Health, NameCall, World};

use crate::support::{Desk, ask, millis, seconds, small};

const METHODS: [Method; 3] = [Method::Snapshot, Method::Mirror, Method::Streaming];

/// The small pair with one store of each method.
fn with_stores() -> World {
    let mut world = small();
    for (called, method) in ["metadata", "files", "database"].into_iter().zip(METHODS) {
        world.add_store("live", called, method);
    }
    world
}

/// A failover that may lose a day.
pub(crate) fn failover() -> Request {
    Request { accept_loss: Some(seconds(86_400)), ..ask(Intent::Failover) }
}

/// Production is lost in all that it has.
pub(crate) fn lose(world: &World, how: Absence, book: AddressFault, health: &Health) {
    let first = world.first();
    world.stores.values().for_each(|store| store.lose(first, how));
    world.books[first].fail_always(book);
    world.set_health(first, health);
}

/// It answers again, as if nothing had been.
pub(crate) fn find(world: &World) {
    let first = world.first();
    world.stores.values().for_each(|store| store.come_back(first));
    world.books[first].heal();
    world.set_health(first, &Health::Healthy);
}

/// Every store takes writes on the second side; what the first one does is its own affair.
fn second_serves(desk: &Desk, when: &str) {
    assert!(desk.swapped(), "{when}: {:?}", desk.production());
    for (name, fake) in &desk.world.stores {
        assert!(fake.writable().contains(desk.world.second()), "{when}: {name} takes no writes");
    }
}

/// One acknowledged write.
#[derive(Debug, Clone)]
struct Write {
    at: Timestamp,
    store: StoreRef,
    side: SideName,
    number: u64,
}

/// Clients that write to both sides all the time; a side that is frozen or gone refuses them.
struct Clients<'a> {
    world: &'a World,
    acknowledged: RefCell<Vec<Write>>,
}

impl<'a> Clients<'a> {
    fn new(world: &'a World) -> Self {
        Self { world, acknowledged: RefCell::default() }
    }

    fn write_once(&self) {
        for side in [self.world.first(), self.world.second()] {
            for (store, fake) in &self.world.stores {
                let mut known = self.acknowledged.borrow_mut();
                let number = known.len() as u64 + 1;
                if fake.write(side, number) {
                    let at = self.world.clock.now();
                    known.push(Write { at, store: store.clone(), side: side.clone(), number });
                }
            }
        }
    }

    /// Runs something while the clients write every 70 ms.
    async fn beside<F: Future>(&self, work: F) -> F::Output {
        let mut work = Box::pin(work);
        loop {
            self.write_once();
            match select(work, self.world.clock.sleep(millis(70))).await {
                Either::Left((output, _)) => return output,
                Either::Right(((), rest)) => work = rest,
            }
        }
    }

    /// The writes that a side had acknowledged and that another one does not hold.
    fn missing(&self, of: &SideName, at: &SideName) -> Vec<Write> {
        let known = self.acknowledged.borrow();
        let lost = known.iter().filter(|write| write.side == *of);
        lost.filter(|write| !self.world.stores[&write.store].held(at).contains(&write.number))
            .cloned()
            .collect()
    }
}

/// When the last change of records was sent, if one was.
fn records_sent(world: &World) -> Option<Duration> {
    let requests = world.names.requests();
    let changes = requests.iter().filter(|request| request.call == NameCall::Change);
    changes.map(|request| request.at).max()
}
