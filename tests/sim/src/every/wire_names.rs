//! Strikes at the name service and at the journal.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, select};
use switchover::journal::{Entry, Seq};
use switchover::model::{DnsName, PairName, Record, ZoneName};
use switchover::port::{
    Appended, Beat, Clock as _, NameError, NameService, RecordChange, StateError, StateStore, ZoneView,
};
use switchover_tests::fake::{NameCall, NameFault, StoreCall, StoreFault, World};

use super::strike::{Outcome, Sort, Wire};

/// By when a request has left the process.
const SENT: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub(super) struct StruckNames {
    pub(super) wire: Wire,
    pub(super) world: World,
    pub(super) to: Arc<dyn NameService>,
}

impl StruckNames {
    /// A change that goes wrong as the service has it.
    async fn faulty(
        &self,
        zone: &ZoneName,
        changes: &[RecordChange],
        fault: NameFault,
    ) -> Result<(), NameError> {
        self.world.names.fail_next_in(zone, NameCall::Change, fault);
        self.to.change(zone, changes).await
    }

    async fn late(&self, zone: &ZoneName, changes: &[RecordChange]) -> Result<(), NameError> {
        let after = NameFault::LateUnknown(self.to.in_flight());
        let sent = Box::pin(self.faulty(zone, changes, after));
        match select(sent, self.world.clock.sleep(SENT)).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), _)) => self.wire.dies().await,
        }
    }
}

#[async_trait]
impl NameService for StruckNames {
    async fn read(&self, zone: &ZoneName, names: &BTreeSet<DnsName>) -> Result<ZoneView, NameError> {
        let silent = || NameError::Unavailable { zone: zone.clone(), why: "no answer".to_owned() };
        self.wire.look(|| format!("reads {zone}"), self.to.read(zone, names), silent).await
    }

    async fn change(&self, zone: &ZoneName, changes: &[RecordChange]) -> Result<(), NameError> {
        match self.wire.strikes.reach(Sort::Change, || format!("changes {zone}")) {
            None => self.to.change(zone, changes).await,
            Some(Outcome::DiesBefore) => self.wire.dies().await,
            Some(Outcome::DiesAfter) => {
                drop(self.to.change(zone, changes).await);
                self.wire.dies().await
            }
            Some(Outcome::Refused) => self.faulty(zone, changes, NameFault::Forbidden).await,
            Some(Outcome::LostLanded) => self.faulty(zone, changes, NameFault::AppliedUnknown).await,
            Some(Outcome::LostNever) => self.faulty(zone, changes, NameFault::LostUnknown).await,
            Some(Outcome::LandsLate) => self.late(zone, changes).await,
        }
    }

    async fn prove_write(&self, zone: &ZoneName, records: &[Record]) -> Result<(), NameError> {
        self.to.prove_write(zone, records).await
    }

    fn in_flight(&self) -> Duration {
        self.to.in_flight()
    }
}

#[derive(Debug)]
pub(super) struct StruckState {
    pub(super) wire: Wire,
    pub(super) world: World,
    pub(super) to: Arc<dyn StateStore>,
}

impl StruckState {
    async fn faulty(
        &self,
        pair: &PairName,
        at: Seq,
        entry: &Entry,
        fault: StoreFault,
    ) -> Result<Appended, StateError> {
        self.world.store.fail_next(StoreCall::Append, fault);
        self.to.append_at(pair, at, entry).await
    }
}

#[async_trait]
impl StateStore for StruckState {
    async fn read(&self, pair: &PairName, from: Seq) -> Result<Vec<Entry>, StateError> {
        self.to.read(pair, from).await
    }

    async fn append_at(&self, pair: &PairName, at: Seq, entry: &Entry) -> Result<Appended, StateError> {
        let what = || format!("writes entry {at}: {}", crate::judge::told(&entry.event));
        match self.wire.strikes.reach(Sort::Entry, what) {
            None => self.to.append_at(pair, at, entry).await,
            Some(Outcome::DiesBefore) => self.wire.dies().await,
            Some(Outcome::DiesAfter | Outcome::LandsLate) => {
                drop(self.to.append_at(pair, at, entry).await);
                self.wire.dies().await
            }
            Some(Outcome::Refused) => self.faulty(pair, at, entry, StoreFault::Full).await,
            Some(Outcome::LostLanded) => self.faulty(pair, at, entry, StoreFault::UnknownLanded).await,
            Some(Outcome::LostNever) => self.faulty(pair, at, entry, StoreFault::UnknownLost).await,
        }
    }

    async fn beat(&self, pair: &PairName, beat: &Beat) -> Result<(), StateError> {
        self.to.beat(pair, beat).await
    }

    async fn last_beat(&self, pair: &PairName) -> Result<Option<Beat>, StateError> {
        self.to.last_beat(pair).await
    }
}
