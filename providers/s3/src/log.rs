//! Reading and appending entries, leaving signs of life, and the proof that the bucket keeps conditions.
//!
//! ```text
//! switchover/PAIR/entries/00000000000000000007    an entry
//! switchover/PAIR/beat                            a sign of life
//! switchover/probe                                written once, and tried to be written again by every command
//! ```

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use switchover::journal::{Entry, Seq, entries_from};
use switchover::model::PairName;
use switchover::port::{Appended, Beat, StateError};

use crate::objects::{Objects, Put};

/// Entries that are read at once.
const AT_ONCE: usize = 16;
/// How often a sign of life is tried beside others' that come in between. It is a hint, and the next one follows.
const BEAT_TRIES: u32 = 3;
const PROBE: &[u8] =
    b"Switchover writes this object to see that the bucket refuses a second write under If-None-Match.\n";

/// The journals in a bucket.
#[derive(Debug)]
pub(crate) struct Log {
    objects: Objects,
    prefix: String,
    /// The last position of each pair at which something is known to stand. What stands never goes.
    known: Mutex<BTreeMap<PairName, Seq>>,
}

impl Log {
    pub(crate) fn new(objects: Objects, prefix: String) -> Self {
        Self { objects, prefix, known: Mutex::default() }
    }

    fn entry_at(&self, pair: &PairName, seq: Seq) -> Path {
        Path::from(format!("{}{pair}/entries/{:020}", self.prefix, seq.0))
    }

    fn entries_of(&self, pair: &PairName) -> Path {
        Path::from(format!("{}{pair}/entries", self.prefix))
    }

    fn beat_of(&self, pair: &PairName) -> Path {
        Path::from(format!("{}{pair}/beat", self.prefix))
    }

    fn note(&self, pair: &PairName, seq: Seq) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let last = known.entry(pair.clone()).or_insert(seq);
        *last = (*last).max(seq);
    }

    fn is_known(&self, pair: &PairName, seq: Seq) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(pair).is_some_and(|last| seq <= *last)
    }

    /// Proves that the bucket refuses to write what is there. A service that does not know the condition ignores it, as HTTP lets it, and two
    /// writers would both be told that they have the pair.
    pub(crate) async fn prove(&self) -> Result<(), StateError> {
        let path = Path::from(format!("{}probe", self.prefix));
        for _ in 0..2 {
            match self.objects.create(&path, PROBE).await? {
                Put::Refused => return Ok(()),
                Put::Made => {}
            }
        }
        Err(self.objects.unusable(
            "the service ignores `If-None-Match: *`: it wrote an object anew that was there, so two runs could take one pair; \
             use Amazon S3, or a service that documents conditional writes"
                .to_owned(),
        ))
    }

    pub(crate) async fn append_at(
        &self,
        pair: &PairName,
        at: Seq,
        entry: &Entry,
    ) -> Result<Appended, StateError> {
        if entry.seq != at {
            let why = format!("entry {} does not belong at position {at}", entry.seq);
            return Err(self.objects.unusable(why));
        }
        self.stands_before(pair, at).await?;
        let (path, bytes) = (self.entry_at(pair, at), entry.to_bytes());
        let mut pauses = self.objects.pauses();
        loop {
            if self.objects.create(&path, &bytes).await? == Put::Made {
                self.note(pair, at);
                return Ok(Appended::Done);
            }
            // Refused. What stands there says whose it is: our own, by an earlier try whose answer was lost, or another's.
            if let Some(standing) = self.objects.get(&path).await? {
                self.note(pair, at);
                let ours = standing.bytes == bytes;
                return Ok(if ours { Appended::Done } else { Appended::Taken });
            }
            // Nothing yet: another write is under way (409), and may still fail.
            if !self.objects.pause(&mut pauses).await {
                return Err(self.objects.unavailable(format!(
                    "it refused to write entry {at}, where nothing stands, for as long as was waited"
                )));
            }
        }
    }

    /// Entries are never removed, so that a look before the write is as good as one at the same moment.
    async fn stands_before(&self, pair: &PairName, at: Seq) -> Result<(), StateError> {
        let Some(before) = at.0.checked_sub(1).map(Seq) else { return Ok(()) };
        if self.is_known(pair, before) {
            return Ok(());
        }
        match self.objects.get(&self.entry_at(pair, before)).await? {
            Some(_) => {
                self.note(pair, before);
                Ok(())
            }
            None => Err(self.objects.unusable(format!("entry {at} would leave a hole before it"))),
        }
    }

    pub(crate) async fn read(&self, pair: &PairName, from: Seq) -> Result<Vec<Entry>, StateError> {
        let after = from.0.checked_sub(1).map(|before| self.entry_at(pair, Seq(before)));
        let names = self.objects.list(&self.entries_of(pair), after.as_ref()).await?;
        let positions =
            names.iter().map(|name| self.position(from, name)).collect::<Result<Vec<Seq>, StateError>>()?;
        // Boxed and gathered: what holds a closure over borrowed names cannot be sent between threads.
        let gets: Vec<BoxFuture<'_, _>> =
            positions.iter().map(|seq| self.fetch(pair, *seq).boxed()).collect();
        let mut kept: Vec<(Seq, Vec<u8>)> =
            futures_util::stream::iter(gets).buffered(AT_ONCE).try_collect().await?;
        self.read_on(pair, from, &mut kept).await?;
        if let Some((last, _)) = kept.last() {
            self.note(pair, *last);
        }
        entries_from(self.objects.place(), from, kept)
    }

    /// Goes on where the list ends: a service whose lists lag behind its writes must not hide an entry that stands.
    async fn read_on(
        &self,
        pair: &PairName,
        from: Seq,
        kept: &mut Vec<(Seq, Vec<u8>)>,
    ) -> Result<(), StateError> {
        let mut next = kept.last().map_or(Some(from.0), |(last, _)| last.0.checked_add(1));
        while let Some(seq) = next.map(Seq) {
            let Some(found) = self.objects.get(&self.entry_at(pair, seq)).await? else { break };
            kept.push((seq, found.bytes));
            next = seq.0.checked_add(1);
        }
        Ok(())
    }

    async fn fetch(&self, pair: &PairName, seq: Seq) -> Result<(Seq, Vec<u8>), StateError> {
        match self.objects.get(&self.entry_at(pair, seq)).await? {
            Some(found) => Ok((seq, found.bytes)),
            None => Err(self.damaged(seq, "it was removed while it was read".to_owned())),
        }
    }

    fn position(&self, from: Seq, name: &Path) -> Result<Seq, StateError> {
        let digits = name.filename().unwrap_or_default();
        let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain
            .then(|| digits.parse().ok())
            .flatten()
            .map(Seq)
            .ok_or_else(|| self.damaged(from, format!("among the entries stands `{name}`, which is none")))
    }

    fn damaged(&self, seq: Seq, why: String) -> StateError {
        StateError::Damaged { place: self.objects.place().to_owned(), seq, why }
    }

    /// Writes a beat unless one of a later epoch stands there.
    pub(crate) async fn beat(&self, pair: &PairName, beat: &Beat) -> Result<(), StateError> {
        let bytes = serde_json::to_vec(beat)
            .map_err(|error| self.objects.unusable(format!("a sign of life: {error}")))?;
        let path = self.beat_of(pair);
        for _ in 0..BEAT_TRIES {
            let put = match self.objects.get(&path).await? {
                None => self.objects.create(&path, &bytes).await?,
                Some(standing) => {
                    let later = serde_json::from_slice::<Beat>(&standing.bytes);
                    if later.is_ok_and(|standing| standing.epoch > beat.epoch) {
                        return Ok(());
                    }
                    self.objects.replace(&path, &bytes, &standing).await?
                }
            };
            match put {
                Put::Made => return Ok(()),
                Put::Refused => {}
            }
        }
        Ok(())
    }

    pub(crate) async fn last_beat(&self, pair: &PairName) -> Result<Option<Beat>, StateError> {
        let found = self.objects.get(&self.beat_of(pair)).await?;
        // A hint that cannot be read is as good as none.
        Ok(found.and_then(|found| serde_json::from_slice(&found.bytes).ok()))
    }
}
