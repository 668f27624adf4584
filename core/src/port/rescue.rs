//! What a failover and a reprotect ask of one side of a store, without ever asking the other one.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::{Backups, Clock, DataError, Method, Overseer, StoreSide};
use crate::model::{BackupKey, RunId, SideName};

/// One side of a store, seen without the other one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoneSide {
    /// How the store's data gets to its stand-by.
    pub method: Method,
    /// The side.
    pub side: StoreSide,
    /// The moment up to which it is known to hold everything that the other side held; `None` if no copy ever arrived whole.
    pub newest: Option<Timestamp>,
    /// Whether something that the other side sends can still arrive here by itself.
    pub receives: bool,
    /// What a sync that broke off left here, so that it is a mixture of old and new, in words; `None` if none did.
    pub unfinished: Option<String>,
}

/// What became of a stand-by that was taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenOver {
    /// The moment up to which it holds everything.
    pub newest: Option<Timestamp>,
    /// What a person should know: how far sequences were moved, and why.
    pub notes: Vec<String>,
}

/// An order to keep what a side holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeepOrder {
    /// The side.
    pub side: SideName,
    /// The run that asks.
    pub run: RunId,
    /// When that run began.
    pub began: Timestamp,
    /// How long it may take.
    pub deadline: Duration,
}

/// What was kept, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Where it lies, as people know it (`db-hk.example.net:5432/gigadb_diverged_20261121T150207Z`).
    pub place: String,
    /// Its size in bytes, where that is known.
    pub bytes: Option<u64>,
}

/// One side of a store by itself. No method asks the other side, waits for it, or fails because of it. Every method may be called again at
/// any time and converges, and may be dropped at any moment.
#[async_trait]
pub trait Rescue: Debug + Send + Sync {
    /// Looks at one side. Changes nothing.
    async fn look(&self, side: &SideName) -> Result<LoneSide, DataError>;

    /// Makes a stand-by one that stands alone: nothing that the other side sends arrives any more, also when that comes back; what it would
    /// hand out twice (sequences) goes past what came after the latest sync; and it is frozen by this run, with no end, until it is thawed.
    ///
    /// A stand-by that receives by what it *is* (a read replica) goes on to do so until it is thawed, which ends that for good.
    async fn take_over(&self, side: &SideName, run: &RunId) -> Result<TakenOver, DataError>;

    /// Keeps all that a frozen side holds, in a place that no sync writes to, and returns when it is complete there. The same run finds what
    /// it kept before.
    ///
    /// [`DataError::Unfit`] where the store has no means to.
    async fn keep(&self, order: &KeepOrder, overseer: &dyn Overseer) -> Result<Kept, DataError>;
}

/// A key for the backup that keeps what a side holds: the minute in which the run began, or the first one after it under which there is no
/// backup but this run's own.
pub async fn key_to_keep(backups: &dyn Backups, order: &KeepOrder) -> Result<BackupKey, DataError> {
    let mut minute = order.began;
    loop {
        let key = BackupKey::by_hand(&minute.to_zoned(TimeZone::UTC));
        let found = backups.find(&key).await?.and_then(|backup| backup.manifest);
        let ours = |of: &crate::model::Manifest| of.source == order.side && of.finished > order.began;
        match (found, minute.checked_add(jiff::SignedDuration::from_mins(1))) {
            (Some(of), Ok(next)) if !ours(&of) => minute = next,
            _ => return Ok(key),
        }
    }
}

/// Waits for an answer, and no longer than this; `None` if none came. What was asked is dropped then.
pub(crate) async fn within<F: Future>(clock: &dyn Clock, limit: Duration, asked: F) -> Option<F::Output> {
    use futures_util::future::{Either, select};
    match select(std::pin::pin!(asked), clock.sleep(limit)).await {
        Either::Left((answer, _)) => Some(answer),
        Either::Right(((), _)) => None,
    }
}
