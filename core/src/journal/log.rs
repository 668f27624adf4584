//! Reading and appending: the only place that talks to the state store.

use std::sync::Arc;

use super::{Entry, EntryHash, Epoch, Event, FORMAT, Holder, IllegalTransition, Nonce, PairState, Seq};
use crate::model::PairName;
use crate::port::{Appended, Clock, Entropy, Ports, StateError, StateStore};

/// Why the journal could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StateError),
    /// The entries contradict each other: somebody changed them.
    #[error("the journal of {pair} is broken: {fault}")]
    Broken {
        /// The pair.
        pair: PairName,
        /// Where and how.
        fault: IllegalTransition,
    },
    /// Somebody else wrote at the position that was ours: the pair changed hands.
    #[error("the journal of {pair} moved on at entry {at}: another run took the pair{}", by(.holder.as_ref()))]
    Taken {
        /// The pair.
        pair: PairName,
        /// The position.
        at: Seq,
        /// Who took it, if the journal says.
        holder: Option<Holder>,
    },
    /// The event cannot follow what stands in the journal: a fault of this program, and nothing was written.
    #[error("this program tried to write what cannot follow: {0}")]
    Illegal(IllegalTransition),
}

fn by(holder: Option<&Holder>) -> String {
    holder.map(|holder| format!(" ({holder})")).unwrap_or_default()
}

/// The journal of one pair, as far as it was read, and what it says.
#[derive(Debug, Clone)]
pub struct Journal {
    pair: PairName,
    store: Arc<dyn StateStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    entries: Vec<Entry>,
    state: PairState,
    /// Why an append failed. Nothing is written after that: steps that run side by side must all stop.
    failed: Option<JournalError>,
}

impl Journal {
    /// Reads a pair's journal and checks all of it: positions, hashes, epochs, transitions.
    pub async fn open(pair: &PairName, ports: &Ports) -> Result<Self, JournalError> {
        let mut journal = Self {
            pair: pair.clone(),
            store: Arc::clone(&ports.state),
            clock: Arc::clone(&ports.clock),
            entropy: Arc::clone(&ports.entropy),
            entries: Vec::new(),
            state: PairState::default(),
            failed: None,
        };
        journal.catch_up().await?;
        Ok(journal)
    }

    /// What the journal says.
    pub fn state(&self) -> &PairState {
        &self.state
    }

    /// The entries, oldest first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Takes the pair over: the next epoch, if nobody else wrote since the journal was read.
    pub async fn claim(&mut self, holder: Holder) -> Result<(), JournalError> {
        let epoch = self.state.epoch.next();
        self.write(epoch, Event::Claimed { holder }).await
    }

    /// Appends what happened, in the epoch of the last claim, and returns when it is durable.
    ///
    /// An error promises that the event does not stand in the journal, or that the pair is no longer ours; in both cases the
    /// run must stop. Every later append fails in the same way.
    pub async fn append(&mut self, event: Event) -> Result<(), JournalError> {
        self.write(self.state.epoch, event).await
    }

    /// Whether nobody else has taken the pair since: asked before an act that cannot be taken back.
    pub async fn is_ours(&self) -> Result<bool, JournalError> {
        let since = self.store.read(&self.pair, self.state.next).await?;
        Ok(self.failed.is_none() && since.iter().all(|entry| entry.event.is_remark()))
    }

    /// Takes in what others said since about the open run, without holding the pair. Whatever else was written means that the pair was
    /// taken.
    pub async fn hear_remarks(&mut self) -> Result<(), JournalError> {
        for entry in self.store.read(&self.pair, self.state.next).await? {
            if !entry.event.is_remark() {
                return Err(self.taken_by(&entry));
            }
            self.take_in(entry)?;
        }
        Ok(())
    }

    async fn write(&mut self, epoch: Epoch, event: Event) -> Result<(), JournalError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let written = self.put_among_remarks(epoch, &event).await;
        self.failed = written.clone().err();
        written
    }

    /// A remark at the position that was ours takes nothing away: ours comes after it.
    async fn put_among_remarks(&mut self, epoch: Epoch, event: &Event) -> Result<(), JournalError> {
        loop {
            let before = self.state.next;
            match self.put(epoch, event.clone()).await {
                Err(JournalError::Taken { pair, at, holder }) => {
                    self.hear_remarks().await?;
                    if self.state.next == before {
                        return Err(JournalError::Taken { pair, at, holder });
                    }
                }
                other => return other,
            }
        }
    }

    async fn put(&mut self, epoch: Epoch, event: Event) -> Result<(), JournalError> {
        let entry = self.entry(epoch, event);
        let mut state = self.state.clone();
        state.apply(&entry).map_err(JournalError::Illegal)?;
        match self.store.append_at(&self.pair, entry.seq, &entry).await {
            Ok(Appended::Done) => {}
            Ok(Appended::Taken | Appended::Unknown) => self.find(&entry).await?,
            Err(StateError::Unavailable { place, why }) => {
                self.find(&entry).await.map_err(|error| match error {
                    JournalError::Store(_) => JournalError::Store(StateError::Unavailable { place, why }),
                    other @ (JournalError::Broken { .. }
                    | JournalError::Taken { .. }
                    | JournalError::Illegal(_)) => other,
                })?;
            }
            Err(error) => return Err(error.into()),
        }
        self.state = state;
        self.entries.push(entry);
        Ok(())
    }

    /// After an unclear answer: our own nonce at the position means that it landed; an empty position is tried once more.
    async fn find(&mut self, entry: &Entry) -> Result<(), JournalError> {
        if let Some(standing) = self.store.read(&self.pair, entry.seq).await?.first() {
            return self.ours(entry, standing);
        }
        match self.store.append_at(&self.pair, entry.seq, entry).await? {
            Appended::Done => Ok(()),
            Appended::Taken | Appended::Unknown => {
                match self.store.read(&self.pair, entry.seq).await?.first() {
                    Some(standing) => self.ours(entry, standing),
                    None => Err(JournalError::Store(StateError::Unavailable {
                        place: format!("of {}", self.pair),
                        why: "an append was not answered and cannot be found".to_owned(),
                    })),
                }
            }
        }
    }

    fn ours(&self, entry: &Entry, standing: &Entry) -> Result<(), JournalError> {
        if standing.nonce == entry.nonce {
            return Ok(());
        }
        Err(self.taken_by(standing))
    }

    fn taken_by(&self, standing: &Entry) -> JournalError {
        let holder = standing.event.claimant().cloned();
        JournalError::Taken { pair: self.pair.clone(), at: standing.seq, holder }
    }

    fn entry(&self, epoch: Epoch, event: Event) -> Entry {
        let mut nonce = [0_u8; 16];
        self.entropy.fill(&mut nonce);
        Entry {
            format: FORMAT,
            seq: self.state.next,
            epoch,
            at: self.clock.now(),
            nonce: Nonce(hex::encode(nonce)),
            previous: self.state.head.clone().unwrap_or_else(EntryHash::none),
            event,
        }
    }

    async fn catch_up(&mut self) -> Result<(), JournalError> {
        for entry in self.store.read(&self.pair, self.state.next).await? {
            self.take_in(entry)?;
        }
        Ok(())
    }

    fn take_in(&mut self, entry: Entry) -> Result<(), JournalError> {
        self.state.apply(&entry).map_err(|fault| JournalError::Broken { pair: self.pair.clone(), fault })?;
        self.entries.push(entry);
        Ok(())
    }
}
