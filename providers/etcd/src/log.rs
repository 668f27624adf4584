//! Reading and appending entries, and leaving signs of life.

use serde::Serialize;
use serde::de::DeserializeOwned;
use switchover::journal::{Entry, Seq, entries_from};
use switchover::model::PairName;
use switchover::port::{Appended, Beat, StateError};

use crate::client::Client;
use crate::failure::Failure;
use crate::keys::{self, Keys};
use crate::large::{Head, LARGEST_VALUE};
use crate::wire::{
    Bytes, Compare, Decided, Delete, Headed, KeyValue, Put, Range, Ranged, Request, Txn, Written,
};

/// Entries that are asked for at once. Each page is linearizable by itself; the log only grows, so that the pages together are a state in
/// which it was, and none is asked for at an old revision, which compaction could have removed.
const PAGE: usize = 64;

/// The journals behind a client.
#[derive(Debug)]
pub(crate) struct Log {
    client: Client,
    place: String,
}

impl Log {
    pub(crate) fn new(client: Client) -> Self {
        let place = client.place();
        Self { client, place }
    }

    fn keys(&self, pair: &PairName) -> Keys {
        Keys::of(self.client.prefix(), pair)
    }

    async fn ask<T: DeserializeOwned + Headed>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, StateError> {
        self.client.ask(path, body).await.map_err(|failure| failure.for_journal(&self.place))
    }

    fn unusable(&self, why: String) -> StateError {
        StateError::Unusable { place: self.place.clone(), why }
    }

    fn damaged(&self, seq: Seq, why: impl Into<String>) -> StateError {
        StateError::Damaged { place: self.place.clone(), seq, why: why.into() }
    }

    /// Proves that the user may write, without writing: etcd asks for the right to do all that a transaction could do, and this one's
    /// condition never holds. A full database is no fault here: its journals can be read.
    pub(crate) async fn prove(&self) -> Result<(), StateError> {
        let key = keys::proof(self.client.prefix());
        let txn = Txn {
            compare: vec![Compare::never(&key)],
            success: vec![Request::put(&key, "")],
            failure: vec![Request::Range(Range::known(&key))],
        };
        match self.client.ask::<Decided>("kv/txn", &txn).await {
            Ok(_) | Err(Failure::Full(_)) => Ok(()),
            Err(failure) => Err(failure.for_journal(&self.place)),
        }
    }

    pub(crate) async fn append_at(
        &self,
        pair: &PairName,
        at: Seq,
        entry: &Entry,
    ) -> Result<Appended, StateError> {
        if entry.seq != at {
            return Err(self.unusable(format!("entry {} does not belong at position {at}", entry.seq)));
        }
        let keys = self.keys(pair);
        let bytes = entry.to_bytes();
        let Some(head) = Head::for_entry(&bytes) else { return self.put(&keys, at, &bytes).await };
        self.put_parts(&keys, at, &head, &bytes).await?;
        let appended = self.put(&keys, at, &head.to_bytes()).await;
        // Only now is it certain that the head never stands there: after an error an earlier try may have written it.
        if matches!(appended, Ok(Appended::Taken)) {
            self.remove_parts(&keys, at, &head).await;
        }
        appended
    }

    /// The transaction that decides who has a position.
    async fn put(&self, keys: &Keys, at: Seq, value: &[u8]) -> Result<Appended, StateError> {
        let key = keys.entry(at);
        let before = at.0.checked_sub(1).map(|before| keys.entry(Seq(before)));
        let txn = Txn {
            compare: [Some(Compare::absent(&key)), before.as_deref().map(Compare::present)]
                .into_iter()
                .flatten()
                .collect(),
            success: vec![Request::put(&key, value)],
            failure: vec![Request::Range(Range::of(&key))],
        };
        match self.client.ask::<Decided>("kv/txn", &txn).await {
            Ok(decided) if decided.succeeded => Ok(Appended::Done),
            Ok(decided) => self.not_put(at, value, decided.found(0)),
            Err(Failure::Full(why)) => self.put_although_full(&key, at, value, why).await,
            Err(failure) => Err(failure.for_journal(&self.place)),
        }
    }

    /// What stands at the position may be this very entry: an earlier try did it, and its answer was lost. The nonce makes every entry
    /// another one.
    fn not_put(&self, at: Seq, value: &[u8], found: Option<&KeyValue>) -> Result<Appended, StateError> {
        match found {
            Some(found) if found.value.0 == value => Ok(Appended::Done),
            Some(_) => Ok(Appended::Taken),
            None => Err(self.unusable(format!("entry {at} would leave a hole before it"))),
        }
    }

    /// etcd says that it is full also of the write that filled it, which it has made
    /// (`quotaApplierV3.Txn` in <https://github.com/etcd-io/etcd/blob/v3.4.23/etcdserver/apply.go>).
    async fn put_although_full(
        &self,
        key: &str,
        at: Seq,
        value: &[u8],
        why: String,
    ) -> Result<Appended, StateError> {
        let found: Ranged = self.ask("kv/range", &Range::of(key)).await?;
        match found.kvs.first() {
            None => Err(Failure::Full(why).for_journal(&self.place)),
            standing @ Some(_) => self.not_put(at, value, standing),
        }
    }

    async fn put_parts(&self, keys: &Keys, at: Seq, head: &Head, entry: &[u8]) -> Result<(), StateError> {
        for (number, part) in entry.chunks(LARGEST_VALUE).enumerate() {
            let key = keys.part(at, &head.sha256, number);
            let put = Put { key: key.as_str().into(), value: Bytes(part.to_vec()) };
            let _: Written = self.ask("kv/put", &put).await?;
        }
        Ok(())
    }

    /// Removes what was written for an entry that lost its position. What stays behind takes room and is never read.
    async fn remove_parts(&self, keys: &Keys, at: Seq, head: &Head) {
        for number in 0..head.parts {
            let key = keys.part(at, &head.sha256, number);
            drop(self.client.ask::<Written>("kv/deleterange", &Delete { key: key.as_str().into() }).await);
        }
    }

    pub(crate) async fn read(&self, pair: &PairName, from: Seq) -> Result<Vec<Entry>, StateError> {
        let keys = self.keys(pair);
        let mut kept = Vec::new();
        let mut next = keys.entry(from).into_bytes();
        loop {
            let range = Range::between(next, &keys.end_of_entries(), PAGE);
            let page: Ranged = self.ask("kv/range", &range).await?;
            let last = page.kvs.last().map(|found| found.key.0.clone());
            for found in page.kvs {
                kept.push(self.whole(&keys, from, found).await?);
            }
            match last {
                Some(mut last) if page.more => {
                    // The first key after it.
                    last.push(0);
                    next = last;
                }
                Some(_) | None => break,
            }
        }
        entries_from(&self.place, from, kept)
    }

    /// An entry's position and bytes, put together if it is a large one.
    async fn whole(&self, keys: &Keys, from: Seq, found: KeyValue) -> Result<(Seq, Vec<u8>), StateError> {
        let Some(seq) = keys.position(&found.key.0) else {
            let key = String::from_utf8_lossy(&found.key.0).escape_debug().to_string();
            return Err(self.damaged(from, format!("among the entries stands `{key}`, which is none")));
        };
        if found.version != "1" {
            return Err(self.damaged(seq, "it was written more than once"));
        }
        let Some(head) = Head::read(&found.value.0) else { return Ok((seq, found.value.0)) };
        let mut entry = Vec::new();
        for number in 0..head.parts {
            let range = Range::of(&keys.part(seq, &head.sha256, number));
            let part: Ranged = self.ask("kv/range", &range).await?;
            let part = part.kvs.into_iter().next();
            entry.extend(part.ok_or_else(|| self.damaged(seq, "one of its pieces is missing"))?.value.0);
        }
        match head.fault(&entry) {
            None => Ok((seq, entry)),
            Some(fault) => Err(self.damaged(seq, fault)),
        }
    }

    /// Writes a beat unless one of a later epoch stands there.
    pub(crate) async fn beat(&self, pair: &PairName, beat: &Beat) -> Result<(), StateError> {
        let text =
            serde_json::to_string(beat).map_err(|error| self.unusable(format!("a sign of life: {error}")))?;
        let key = self.keys(pair).beat();
        let put = Request::put(&key, format!("{} {text}", keys::epoch_text(beat.epoch)));
        // `!` follows the blank: whatever is of this epoch comes before it.
        let limit = format!("{}!", keys::epoch_text(beat.epoch));
        let newer =
            Txn { compare: vec![Compare::before(&key, &limit)], success: vec![put.clone()], failure: vec![] };
        let txn = Txn {
            compare: vec![Compare::absent(&key)],
            success: vec![put],
            failure: vec![Request::Txn(newer)],
        };
        self.ask::<Decided>("kv/txn", &txn).await.map(drop)
    }

    pub(crate) async fn last_beat(&self, pair: &PairName) -> Result<Option<Beat>, StateError> {
        let found: Ranged = self.ask("kv/range", &Range::of(&self.keys(pair).beat())).await?;
        let text = found.kvs.first().and_then(|found| std::str::from_utf8(&found.value.0).ok());
        // A hint that cannot be read is as good as none.
        let beat =
            text.and_then(|text| text.split_once(' ')).and_then(|(_, beat)| serde_json::from_str(beat).ok());
        Ok(beat)
    }
}
