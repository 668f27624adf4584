//! Journals in memory, as bytes, with the faults that a real store can show.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use switchover::journal::{Entry, EntryError, EntryHash, Epoch, Event, FORMAT, Holder, Nonce, Seq};
use switchover::model::PairName;
use switchover::port::{Appended, Beat, Clock as _, StateError, StateStore};

use super::script::Script;
use super::{VirtualClock, lock};

const PLACE: &str = "in memory";

/// The calls that can be made to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreCall {
    /// [`StateStore::read`].
    Read,
    /// [`StateStore::append_at`].
    Append,
    /// [`StateStore::beat`] and [`StateStore::last_beat`].
    Beat,
}

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFault {
    /// [`StateError::Unavailable`]; nothing was written.
    Unavailable,
    /// [`StateError::Unavailable`]; the entry was written.
    UnavailableLanded,
    /// [`Appended::Unknown`]; nothing was written.
    UnknownLost,
    /// [`Appended::Unknown`]; the entry was written.
    UnknownLanded,
    /// [`StateError::Full`].
    Full,
    /// Just before the entry arrives, a rival claims the pair at its position.
    RivalFirst,
}

/// The moment of a crash, relative to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CrashPoint {
    Before(Seq),
    After(Seq),
}

/// An entry as it lies there, and as whoever reads it finds it.
#[derive(Debug, Clone)]
struct Stored {
    bytes: Vec<u8>,
    read: Result<Entry, EntryError>,
}

impl Stored {
    fn of(bytes: Vec<u8>) -> Self {
        let read = Entry::from_bytes(&bytes);
        Self { bytes, read }
    }
}

#[derive(Debug, Default)]
struct Inner {
    journals: BTreeMap<PairName, Vec<Stored>>,
    beats: BTreeMap<PairName, Beat>,
    latency: Duration,
    script: Script<StoreCall, StoreFault>,
    crash: Option<CrashPoint>,
}

/// Journals in memory. Clones are one store, as for two processes. An append takes 2 ms of virtual time.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    clock: VirtualClock,
    inner: Arc<Mutex<Inner>>,
}

impl MemoryStore {
    /// A store without journals.
    pub fn new(clock: &VirtualClock) -> Self {
        let inner = Inner { latency: Duration::from_millis(2), ..Inner::default() };
        Self { clock: clock.clone(), inner: Arc::new(Mutex::new(inner)) }
    }

    /// Makes the next call of this kind go wrong.
    pub fn fail_next(&self, call: StoreCall, fault: StoreFault) {
        lock(&self.inner).script.plan(call, fault);
    }

    /// Makes every call of this kind go wrong, until [`MemoryStore::heal`].
    pub fn fail_always(&self, call: StoreCall, fault: StoreFault) {
        lock(&self.inner).script.keep(call, fault);
    }

    /// Takes all faults and crashes back that have not happened yet.
    pub fn heal(&self) {
        let mut inner = lock(&self.inner);
        inner.script.lift();
        inner.crash = None;
    }

    /// Kills the process as soon as the entry at this position was written, before it learns of it.
    pub fn crash_after(&self, entry: Seq) {
        lock(&self.inner).crash = Some(CrashPoint::After(entry));
    }

    /// Kills the process just before it writes the entry at this position: whatever the entry tells of has happened.
    pub fn crash_before(&self, entry: Seq) {
        lock(&self.inner).crash = Some(CrashPoint::Before(entry));
    }

    /// The entries of a pair.
    ///
    /// # Panics
    ///
    /// If one of them was tampered with so that it is no entry any more.
    pub fn entries(&self, pair: &PairName) -> Vec<Entry> {
        lock(&self.inner).decode(pair, Seq(0)).expect("entries that can be read")
    }

    /// Changes the bytes of an entry behind everybody's back.
    pub fn tamper(&self, pair: &PairName, at: Seq, change: impl FnOnce(&mut Vec<u8>)) {
        let mut inner = lock(&self.inner);
        let stored = inner.stored(pair).get_mut(index(at)).expect("an entry to tamper with");
        change(&mut stored.bytes);
        *stored = Stored::of(std::mem::take(&mut stored.bytes));
    }

    /// Takes an entry out, so that those after it move up.
    pub fn take_out(&self, pair: &PairName, at: Seq) {
        lock(&self.inner).stored(pair).remove(index(at));
    }

    /// How many entries a pair has.
    pub fn length(&self, pair: &PairName) -> Seq {
        Seq(lock(&self.inner).journals.get(pair).map_or(0, Vec::len) as u64)
    }

    /// An entry as it lies there.
    pub fn bytes(&self, pair: &PairName, at: Seq) -> Option<Vec<u8>> {
        lock(&self.inner).journals.get(pair)?.get(index(at)).map(|stored| stored.bytes.clone())
    }

    /// An entry as whoever reads it finds it; `None` if there is none or it cannot be read.
    pub fn entry(&self, pair: &PairName, at: Seq) -> Option<Entry> {
        lock(&self.inner).journals.get(pair)?.get(index(at))?.read.clone().ok()
    }

    /// Writes half of an entry, as a disk does whose power goes, unless its position is taken.
    pub fn tear(&self, pair: &PairName, entry: &Entry) {
        let mut inner = lock(&self.inner);
        let stored = inner.stored(pair);
        if index(entry.seq) == stored.len() {
            let bytes = entry.to_bytes();
            stored.push(Stored::of(bytes[..bytes.len() / 2].to_vec()));
        }
    }

    /// Lets another process claim the pair now, as it would after reading the journal.
    pub fn rival_claims(&self, pair: &PairName) {
        let at = self.clock.now();
        lock(&self.inner).rival_claims(pair, at);
    }

    async fn request(&self, call: StoreCall) -> Option<StoreFault> {
        self.clock.alive().await;
        let (fault, latency) = {
            let mut inner = lock(&self.inner);
            (inner.script.take(&[call]), inner.latency)
        };
        self.clock.sleep(latency / 2).await;
        fault
    }

    async fn answered(&self) {
        let latency = lock(&self.inner).latency;
        self.clock.sleep(latency / 2).await;
    }

    fn crashes(&self, point: CrashPoint) -> bool {
        let mut inner = lock(&self.inner);
        let now = inner.crash == Some(point);
        if now {
            inner.crash = None;
            self.clock.halt();
        }
        now
    }

    /// Writes, unless the fault or a crash has it otherwise.
    fn write(
        &self,
        pair: &PairName,
        at: Seq,
        entry: &Entry,
        fault: Option<StoreFault>,
    ) -> Result<Appended, StateError> {
        let mut inner = lock(&self.inner);
        match fault {
            Some(StoreFault::Unavailable) => Err(unavailable()),
            Some(StoreFault::UnavailableLanded) => {
                inner.append(pair, at, entry).and_then(|_| Err(unavailable()))
            }
            Some(StoreFault::UnknownLost) => Ok(Appended::Unknown),
            Some(StoreFault::UnknownLanded) => inner.append(pair, at, entry).map(|_| Appended::Unknown),
            Some(StoreFault::Full) => {
                Err(StateError::Full { place: PLACE.to_owned(), why: "the test said so".to_owned() })
            }
            Some(StoreFault::RivalFirst) => {
                inner.rival_claims(pair, self.clock.now());
                inner.append(pair, at, entry)
            }
            None => inner.append(pair, at, entry),
        }
    }
}

impl Inner {
    fn stored(&mut self, pair: &PairName) -> &mut Vec<Stored> {
        self.journals.entry(pair.clone()).or_default()
    }

    fn append(&mut self, pair: &PairName, at: Seq, entry: &Entry) -> Result<Appended, StateError> {
        let stored = self.stored(pair);
        if entry.seq != at {
            return Err(unusable(format!("entry {} does not belong at position {at}", entry.seq)));
        }
        match index(at).cmp(&stored.len()) {
            std::cmp::Ordering::Less => Ok(Appended::Taken),
            std::cmp::Ordering::Greater => Err(unusable(format!("entry {at} would leave a hole before it"))),
            std::cmp::Ordering::Equal => {
                let fresh = Stored::of(entry.to_bytes());
                assert!(fresh.read.as_ref() == Ok(entry), "entry {at} reads otherwise than it was written");
                stored.push(fresh);
                Ok(Appended::Done)
            }
        }
    }

    fn decode(&self, pair: &PairName, from: Seq) -> Result<Vec<Entry>, StateError> {
        let stored = self.journals.get(pair).map(Vec::as_slice).unwrap_or_default();
        let later = stored.iter().enumerate().skip(index(from));
        later.map(|(place, stored)| entry(Seq(place as u64), stored)).collect()
    }

    fn rival_claims(&mut self, pair: &PairName, at: jiff::Timestamp) {
        // Nobody can take a pair whose journal cannot be read.
        let Ok(entries) = self.decode(pair, Seq(0)) else { return };
        let last = entries.last();
        let holder = Holder {
            actor: "rival".to_owned(),
            host: "elsewhere".to_owned(),
            process: 2,
            program: "switchover 0.1.0".to_owned(),
        };
        let claim = Entry {
            format: FORMAT,
            seq: last.map_or(Seq(0), |last| last.seq.next()),
            epoch: last.map_or(Epoch(1), |last| last.epoch.next()),
            at,
            nonce: Nonce(format!("{:032x}", 0x0bad_0000 + entries.len())),
            previous: last.map_or_else(EntryHash::none, Entry::hash),
            event: Event::Claimed { holder },
        };
        self.stored(pair).push(Stored::of(claim.to_bytes()));
    }
}

fn entry(at: Seq, stored: &Stored) -> Result<Entry, StateError> {
    let place = PLACE.to_owned();
    let found = stored.read.clone().map_err(|error| match error {
        EntryError::Newer { found } => StateError::Newer { place: place.clone(), found, known: FORMAT },
        EntryError::Malformed(why) => StateError::Damaged { place: place.clone(), seq: at, why },
    })?;
    if found.seq == at {
        Ok(found)
    } else {
        Err(StateError::Damaged { place, seq: at, why: format!("entry {} stands in its place", found.seq) })
    }
}

fn index(at: Seq) -> usize {
    usize::try_from(at.0).unwrap_or(usize::MAX)
}

fn unavailable() -> StateError {
    StateError::Unavailable { place: PLACE.to_owned(), why: "the test said so".to_owned() }
}

fn unusable(why: String) -> StateError {
    StateError::Unusable { place: PLACE.to_owned(), why }
}

#[async_trait]
impl StateStore for MemoryStore {
    async fn read(&self, pair: &PairName, from: Seq) -> Result<Vec<Entry>, StateError> {
        let fault = self.request(StoreCall::Read).await;
        let found = if fault.is_some() { Err(unavailable()) } else { lock(&self.inner).decode(pair, from) };
        self.answered().await;
        found
    }

    async fn append_at(&self, pair: &PairName, at: Seq, entry: &Entry) -> Result<Appended, StateError> {
        let fault = self.request(StoreCall::Append).await;
        if self.crashes(CrashPoint::Before(at)) {
            self.clock.alive().await;
        }
        let written = self.write(pair, at, entry, fault);
        if self.crashes(CrashPoint::After(at)) {
            self.clock.alive().await;
        }
        self.answered().await;
        written
    }

    async fn beat(&self, pair: &PairName, beat: &Beat) -> Result<(), StateError> {
        if self.request(StoreCall::Beat).await.is_some() {
            return Err(unavailable());
        }
        let mut inner = lock(&self.inner);
        let kept = inner.beats.entry(pair.clone()).or_insert_with(|| beat.clone());
        if kept.epoch <= beat.epoch {
            *kept = beat.clone();
        }
        Ok(())
    }

    async fn last_beat(&self, pair: &PairName) -> Result<Option<Beat>, StateError> {
        if self.request(StoreCall::Beat).await.is_some() {
            return Err(unavailable());
        }
        Ok(lock(&self.inner).beats.get(pair).cloned())
    }
}
