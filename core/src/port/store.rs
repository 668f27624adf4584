//! Data that follows the roles: looked at, frozen, proved frozen, brought over, thawed.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Rescue;
use crate::model::{BackupKey, Direction, RunId, SideName, Verification};

/// How a store's data gets to the stand-by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// As a whole, by a backup that is restored: writes are refused for as long as that takes.
    Snapshot,
    /// By copying what differs: a pass before the freeze makes the one after it short.
    Mirror,
    /// Continuously: after the freeze only what is on its way has to arrive.
    Streaming,
}

/// Whether clients can write on a side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "access", rename_all = "snake_case")]
pub enum Access {
    /// They can.
    Writable,
    /// They are refused.
    Frozen {
        /// The run that froze it.
        by: RunId,
        /// When the freeze ends by itself; `None` if it lasts until it is thawed.
        until: Option<Timestamp>,
    },
    /// A freeze with an end has run out: clients can write, and may have.
    Lapsed {
        /// The run that froze it.
        by: RunId,
        /// When it ran out.
        at: Timestamp,
    },
    /// The store has no means to refuse writes, and says so.
    Unguarded,
}

/// What a side got by its latest sync. Kept on that side, so that it is as true as the data itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copied {
    /// Where from.
    pub from: SideName,
    /// By which run.
    pub run: RunId,
    /// Under which key.
    pub key: BackupKey,
    /// The moment that the data is of, by the source's clock; the latest one known where data streams.
    pub as_of: Timestamp,
    /// How it was compared with its source.
    pub verified: Verification,
    /// Whether the source was frozen from before `as_of` on, so that nothing is missing.
    pub complete: bool,
    /// Where the source stood then, as the store counts (a WAL position, a digest of the tree).
    pub position: Option<String>,
}

/// One side of a store as just seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreSide {
    /// Where the data is, as people know it (`db-hk.example.net:5432/gigadb`, `/mnt/efs`). Contains no secret.
    pub place: String,
    /// What is the same for two configurations of one thing (a system identifier and database, a device and inode): two sides must
    /// never share it.
    pub identity: String,
    /// Whether clients can write.
    pub access: Access,
    /// What it got by its latest sync; `None` if none ever arrived here.
    pub copied: Option<Copied>,
    /// Whether it may hold what the other side does not: clients could write here since its latest sync, and what they wrote is not known
    /// to have reached the other side by a complete last sync ([`Copied::complete`]) since whose freeze it has stayed frozen.
    pub diverged: bool,
    /// Its size in bytes, where that is known cheaply.
    pub bytes: Option<u64>,
}

/// Data on its way, where data streams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// The side that sends.
    pub from: SideName,
    /// Whether the other side takes what is sent. If not, `state` says why.
    pub running: bool,
    /// What the store calls its state.
    pub state: String,
    /// What the receiver has not yet confirmed, in bytes.
    pub lag_bytes: Option<u64>,
    /// The moment up to which the receiver has everything.
    pub caught_up_to: Option<Timestamp>,
}

/// Something that stands in the way, or should be known before a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreProblem {
    /// The side, if it is about one.
    pub side: Option<SideName>,
    /// Whether a sync or a swap cannot succeed because of it.
    pub fatal: bool,
    /// What is wrong and where.
    pub message: String,
    /// What to do about it.
    pub advice: Option<String>,
}

/// A store as just seen, both sides at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// How its data gets to the stand-by.
    pub method: Method,
    /// Each side; those that could not be read have an entry in `unread` instead.
    pub sides: BTreeMap<SideName, StoreSide>,
    /// The sides that could not be read, and why.
    pub unread: BTreeMap<SideName, String>,
    /// Data on its way, where data streams and a stream is set up.
    pub stream: Option<Stream>,
    /// Everything that is wrong, at once.
    pub problems: Vec<StoreProblem>,
}

/// How closely to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// What a step needs to know: access, what was copied, lag.
    Glance,
    /// Everything that could stop a sync, a freeze or a swap: versions of tools, rights, room on the disk, tables that cannot stream.
    Preflight,
}

/// For how long a freeze is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreezeOrder {
    /// The run that asks.
    pub by: RunId,
    /// After how long without being renewed it ends by itself, by the store's own clock; `None`: never.
    pub lease: Option<Duration>,
}

/// Proof that a side refuses writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FreezeProof {
    /// How many writes were tried, all refused, with the application's own credentials where the store has such.
    pub attempts: u32,
    /// How the last one was refused, in the store's words.
    pub refused: String,
    /// Where the store stood during all of it (a WAL position), if it counts.
    pub position: Option<String>,
    /// Over which time nothing moved, in milliseconds.
    pub still_ms: u64,
}

/// What a sync is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncPurpose {
    /// Bring the stand-by up to date, while production goes on writing; a stream is set up if there is none, or turned round if it
    /// flows the wrong way.
    Routine,
    /// Make the stand-by equal to production, which is frozen; leave it so that data can flow the other way afterwards without a gap.
    Final,
    /// Say what a routine sync would do, and change nothing.
    Rehearsal,
}

/// One sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncOrder {
    /// From production to the stand-by.
    pub direction: Direction,
    /// What for.
    pub purpose: SyncPurpose,
    /// The run that asks.
    pub run: RunId,
    /// The key of the backup; a complete one of that key (for [`SyncPurpose::Final`]: of that run) is used and not made again.
    pub key: BackupKey,
    /// How to compare afterwards.
    pub verify: Verification,
    /// Whether the stand-by's data may be lost even where it holds what production does not.
    pub overwrite: bool,
    /// How long it may take.
    pub deadline: Duration,
}

/// What a sync did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Synced {
    /// What the stand-by has now; for a rehearsal, what it would have.
    pub copied: Copied,
    /// Bytes that were moved.
    pub bytes: u64,
    /// Rows or files that were moved.
    pub items: u64,
    /// Files that were deleted at the stand-by.
    pub deleted: u64,
    /// How long it took, in milliseconds. The engine sets it.
    pub took_ms: u64,
    /// What a person should know.
    pub notes: Vec<String>,
}

impl Synced {
    /// What is known of a sync whose result was found and whose process was lost.
    pub fn found(copied: Copied) -> Self {
        Self { copied, bytes: 0, items: 0, deleted: 0, took_ms: 0, notes: Vec::new() }
    }
}

/// What a count is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Files.
    Files,
    /// Tables, or other parts.
    Parts,
    /// Percent.
    Percent,
}

/// How far long work is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    /// What is going on, in a word or two (`dumping`, `restoring table file`, `waiting for the snapshot`).
    pub phase: String,
    /// How much is done.
    pub done: u64,
    /// How much there is, if known.
    pub total: Option<u64>,
    /// Of what.
    pub unit: Unit,
}

/// Whoever ordered long work: hears of it, and can take the permission back.
#[async_trait]
pub trait Overseer: Debug + Send + Sync {
    /// Hears how far the work is. Must not block; may be called often.
    fn advance(&self, advance: &Advance);

    /// Says whether the work may still change things. A provider asks right before every act that cannot be taken back (a rename
    /// over the old data, a deletion): somebody else may have taken the pair since, and swapped its roles. [`DataError::Lost`] means: stop,
    /// leave everything as it is.
    async fn permit(&self) -> Result<(), DataError>;
}

/// Why work on a store failed. Whatever it says, the data that the stand-by had before is untouched unless `Unknown` is said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// A side, a tool or a location could not be reached or did not answer. Trying again may help.
    #[error("{place}: {why}")]
    Unreachable {
        /// Where.
        place: String,
        /// What happened.
        why: String,
    },
    /// Credentials were refused or lack a right.
    #[error("{place}: not permitted: {why}")]
    Unauthorized {
        /// Where.
        place: String,
        /// The system's words.
        why: String,
    },
    /// It cannot be done as things are: a tool is missing or too old, a name is taken, a table cannot stream.
    #[error("{place}: {why}{}", advised(.advice.as_ref()))]
    Unfit {
        /// Where.
        place: String,
        /// What is wrong.
        why: String,
        /// What to do about it.
        advice: Option<String>,
    },
    /// It was not done because it could destroy data: an empty source, too many deletions, a stand-by that is ahead.
    #[error("{place}: refused: {why}{}", advised(.advice.as_ref()))]
    Guarded {
        /// Where.
        place: String,
        /// What would be lost.
        why: String,
        /// What to do about it.
        advice: Option<String>,
    },
    /// Writes still get through, or could.
    #[error("{place}: writes are not refused: {why}")]
    NotFrozen {
        /// Where.
        place: String,
        /// What was seen.
        why: String,
    },
    /// The freeze ended by itself before it was renewed: what was written since is not known.
    #[error("{place}: the freeze ran out at {at}, and writes may have arrived since")]
    Lapsed {
        /// Where.
        place: String,
        /// When.
        at: Timestamp,
    },
    /// The work began and could not be finished. What it left behind is cleared away by the next one.
    #[error("{place}: {why}")]
    Failed {
        /// Where.
        place: String,
        /// What happened.
        why: String,
    },
    /// A backup cannot be used: it is missing, partial, damaged, or another store's.
    #[error("backup {key}: {why}")]
    BadBackup {
        /// Its key.
        key: BackupKey,
        /// What is wrong with it.
        why: String,
    },
    /// Somebody else has taken the pair; nothing was changed after that.
    #[error("somebody else has taken the pair")]
    Lost,
    /// What became of a call is not known; looking again will tell.
    #[error("{place}: the outcome is unknown: {why}")]
    Unknown {
        /// Where.
        place: String,
        /// What happened.
        why: String,
    },
}

fn advised(advice: Option<&String>) -> String {
    advice.map(|advice| format!("; {advice}")).unwrap_or_default()
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Snapshot => "snapshot",
            Self::Mirror => "mirror",
            Self::Streaming => "streaming",
        })
    }
}

/// One store on both sides of a pair. Every method may be called again at any time and converges.
///
/// A provider knows its two places by the sides' names and never by roles; which way data flows comes with each order.
#[async_trait]
pub trait Store: Rescue {
    /// Looks at both sides. Changes nothing.
    ///
    /// A side that cannot be read is an entry in [`Inspection::unread`], never an error of the whole, so that a lost side does not hide the
    /// other. Returns within seconds.
    async fn inspect(&self, depth: Depth) -> Result<Inspection, DataError>;

    /// Makes a side refuse every write of every client while reads go on, and waits until no write that was under way can still be
    /// acknowledged. Frozen already by the same run: the freeze is renewed, or made lasting where no lease is asked for.
    ///
    /// [`DataError::Lapsed`] if the same run's freeze had run out before it was renewed. A freeze of another run is taken over. Switchover's own
    /// sync still writes to a frozen side.
    async fn freeze(&self, side: &SideName, order: &FreezeOrder) -> Result<(), DataError>;

    /// Proves that a side is frozen by trying to write, several times, as the application does, and by watching that nothing moves.
    ///
    /// [`DataError::NotFrozen`] with what was seen, if a write gets through or something moves. What a write that got through wrote is removed.
    async fn prove_frozen(&self, side: &SideName) -> Result<FreezeProof, DataError>;

    /// Lets clients write on a side again, whichever run froze it. Ok when they can.
    async fn thaw(&self, side: &SideName) -> Result<(), DataError>;

    /// Brings the stand-by to what production holds, and leaves it frozen, with no end.
    ///
    /// Refuses ([`DataError::Guarded`]) an empty or missing source, more deletions than its limit, and a stand-by that has diverged, unless
    /// the order says `overwrite`. May be dropped at any moment: what it leaves behind is never taken for a copy, and the next sync clears it
    /// away. The stand-by's earlier data stays readable until the new one is complete and verified.
    async fn sync(&self, order: &SyncOrder, overseer: &dyn Overseer) -> Result<Synced, DataError>;
}
