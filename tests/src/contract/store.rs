//! The contract of [`Store`]: what is looked at stays as it is, a freeze is a lease that is proved, a copy is what production holds.
//!
//! ```text
//!   freezing   freeze, renew, take over, lapse, prove, thaw
//!   syncing    copy, repeat, rehearse, swap and swap back
//!   rescue     one side alone, taken over and kept
//!   faults     what must not be destroyed; drops, refusals and lost sides at every moment
//! ```

mod faults;
mod freezing;
mod rescue;
mod syncing;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use switchover::model::{
    BackupKey, Direction, DnsPolicy, Pair, PairName, ProbePolicy, RunId, Side, SideName, Verification,
};
use switchover::port::{
    Access, Advance, DataError, Depth, FreezeOrder, Inspection, Method, Overseer, Store, StoreSide,
    SyncOrder, SyncPurpose,
};

pub use faults::*;
pub use freezing::*;
pub use rescue::*;
pub use syncing::*;

/// What clients hold in a store: values by their keys (files by their names, rows by their primary keys).
pub type Content = BTreeMap<String, String>;

/// A write that was not acknowledged, and why. It may not stand afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What the kind of store under test promises beyond the port, or leaves open.
#[derive(Debug, Clone)]
pub struct Nature {
    /// How its data gets to the stand-by.
    pub method: Method,
    /// The shortest lease whose end can be waited for (one or two seconds); `None` if a freeze does not end by itself here.
    pub lease: Option<Duration>,
    /// Whether an emptied source ([`StoreHarness::empty`]) can be told from one whose users deleted everything. Where data streams it
    /// cannot, and the part that needs it is passed over.
    pub guards_empty: bool,
    /// How many entries to write, and how many of them to delete, so that a sync is over its deletion limit; `None` if it has no limit.
    pub too_many: Option<(u32, u32)>,
    /// How long data may take to arrive after a routine sync has returned; zero unless data streams.
    pub arrives_within: Duration,
}

/// A store on both sides of a pair of [`sides`], and its clients.
///
/// In a fresh harness both sides answer, hold nothing of any client, let clients write, and were never synced. Everything but [`Self::store`]
/// reaches the data by another way than the store under test: as the application does, under the rules that it keeps.
#[async_trait]
pub trait StoreHarness: Send + Sync {
    /// What this kind of store promises.
    fn nature(&self) -> Nature;

    /// The store, as a process that was just started has it: no handle remembers what another did.
    async fn store(&self) -> Arc<dyn Store>;

    /// Creates or changes one entry as a client, and says whether that was acknowledged.
    async fn write(&self, side: &SideName, key: &str, value: &str) -> Result<(), Refused>;

    /// Deletes one entry as a client.
    async fn delete(&self, side: &SideName, key: &str) -> Result<(), Refused>;

    /// Everything that clients can read. Panics if they cannot.
    async fn read(&self, side: &SideName) -> Content;

    /// Leaves a side without data behind its clients' backs, as an unmounted disk or an emptied database does. Its process still answers.
    async fn empty(&self, side: &SideName);

    /// Makes a side unreachable for the store under test, until [`Self::give_back`].
    async fn take_away(&self, side: &SideName);

    /// Makes it reachable again, as it was.
    async fn give_back(&self, side: &SideName);

    /// Lets time pass on the clock that leases run by.
    async fn wait(&self, time: Duration);
}

/// Makes a test of every part of the contract: `store_contract!(module, harness_expression)`.
#[macro_export]
macro_rules! store_contract {
    ($module:ident, $harness:expr) => {
        $crate::contract_tests!($module, $harness, store:
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
            what_was_copied_is_compared_as_ordered
            roles_are_swapped_and_swapped_back_without_a_loss
            a_stand_by_that_diverged_is_not_overwritten_unless_asked
            production_that_was_left_behind_is_not_overwritten_unless_asked
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
    };
}

/// The names of the two sides: production at first, and the stand-by.
pub fn sides() -> [SideName; 2] {
    ["hongkong", "sydney"].map(|name| SideName::new(name).expect("a side's name"))
}

/// The pair that the store under test belongs to.
pub fn pair() -> Pair {
    Pair {
        name: PairName::new("gigadb").expect("a pair's name"),
        sides: sides().map(|name| Side { name, project: None, columns: Vec::new() }),
        environments: vec![],
        services: BTreeMap::new(),
        dns: DnsPolicy::default(),
        probe: ProbePolicy::default(),
        announce: Vec::new(),
        role_table: None,
        status_pages: BTreeMap::new(),
    }
}

/// A run's id.
pub fn run(name: &str) -> RunId {
    RunId::new(name).expect("a run's id")
}

/// A key of the day on which all tests play.
pub fn key(minute: u32) -> BackupKey {
    BackupKey::new(format!("2026112112{minute:02}")).expect("a key")
}

/// An order from a side to the other one. Each `number` is another run with another key.
pub fn order(from: &SideName, purpose: SyncPurpose, number: u32) -> SyncOrder {
    SyncOrder {
        direction: Direction::of(&pair(), from).expect("a side of the pair"),
        purpose,
        run: run(&format!("run-{number}")),
        key: key(number),
        verify: Verification::Counts,
        overwrite: false,
        deadline: Duration::from_secs(120),
    }
}

/// A freeze for a run, with or without an end.
pub fn freeze_by(name: &str, lease: Option<Duration>) -> FreezeOrder {
    FreezeOrder { by: run(name), lease }
}

/// Permits as often as it was told to, and remembers what it heard.
#[derive(Debug)]
pub struct Watcher {
    permits: AtomicU64,
    asked: AtomicU64,
    heard: AtomicU64,
}

impl Watcher {
    /// Permits everything.
    pub fn lenient() -> Self {
        Self::permitting(u64::MAX)
    }

    /// Permits so many times, then never again.
    pub fn permitting(times: u64) -> Self {
        Self { permits: AtomicU64::new(times), asked: AtomicU64::new(0), heard: AtomicU64::new(0) }
    }

    /// How often it was asked.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    /// How often it heard of progress.
    pub fn heard(&self) -> u64 {
        self.heard.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Overseer for Watcher {
    fn advance(&self, advance: &Advance) {
        assert!(!advance.phase.is_empty(), "an advance names its phase");
        if let Some(total) = advance.total {
            assert!(advance.done <= total, "more is done than there is: {advance:?}");
        }
        self.heard.fetch_add(1, Ordering::SeqCst);
    }

    async fn permit(&self) -> Result<(), DataError> {
        let before = self.asked.fetch_add(1, Ordering::SeqCst);
        if before < self.permits.load(Ordering::SeqCst) { Ok(()) } else { Err(DataError::Lost) }
    }
}

// What the parts share.

async fn seen(store: &Arc<dyn Store>) -> Inspection {
    let inspection = store.inspect(Depth::Glance).await.expect("an inspection");
    assert_eq!(inspection.unread, BTreeMap::new());
    inspection
}

async fn seen_at(store: &Arc<dyn Store>, side: &SideName) -> StoreSide {
    seen(store).await.sides.remove(side).expect("the side was read")
}

async fn wrote(harness: &impl StoreHarness, side: &SideName, entries: &[(&str, &str)]) {
    for (key, value) in entries {
        if let Err(refused) = harness.write(side, key, value).await {
            panic!("a write of {key} on {side} was refused: {refused}");
        }
    }
}

fn content(entries: &[(&str, &str)]) -> Content {
    entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Waits until the stand-by holds what is expected: at once, but where data streams.
async fn arrived(harness: &impl StoreHarness, side: &SideName, expected: &Content) {
    const STEP: Duration = Duration::from_millis(100);
    let mut waited = Duration::ZERO;
    loop {
        let found = harness.read(side).await;
        if found == *expected {
            return;
        }
        assert!(waited < harness.nature().arrives_within, "{side} holds {found:?}, not {expected:?}");
        harness.wait(STEP).await;
        waited += STEP;
    }
}

/// Syncs, and expects that to work.
async fn synced(harness: &impl StoreHarness, order: &SyncOrder) -> switchover::port::Synced {
    let store = harness.store().await;
    match store.sync(order, &Watcher::lenient()).await {
        Ok(synced) => synced,
        Err(error) => panic!("{order:?}: {error}"),
    }
}

fn is_frozen(access: &Access) -> bool {
    match access {
        Access::Frozen { .. } => true,
        Access::Writable | Access::Lapsed { .. } | Access::Unguarded => false,
    }
}
