//! Who freezes: RDS itself cannot refuse writes, so that the database behind it has to.

use std::fmt::Debug;

use async_trait::async_trait;
use jiff::Timestamp;
use switchover::model::RunId;
use switchover::port::{Access, DataError, FreezeOrder, FreezeProof, StoreProblem};

use crate::endpoint::Endpoint;

/// How much of what production acknowledged has arrived at its replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// Whether everything has: the replica has replayed up to where production, which is frozen, stands.
    pub everything: bool,
    /// The moment up to which the replica has everything, if that is known.
    pub up_to: Option<Timestamp>,
    /// Where the replica stands (a WAL position).
    pub position: Option<String>,
}

/// What a guard does where storage was copied: by a snapshot, or to a read replica.
#[async_trait]
pub trait Copies: Debug + Send + Sync {
    /// Freezes without an end what was restored from a snapshot or was a replica until now. It has the freeze of the instance that it is a
    /// copy of, whose lease nobody renews there, and which is no reason to refuse this one: [`Guard::freeze`] would.
    ///
    /// Called for an instance that no client was meant to write to. May be repeated, also after [`DataError::Unknown`]. Where it fails, no
    /// client is let in that was refused before.
    async fn freeze_copy(&self, at: &Endpoint, by: &RunId) -> Result<(), DataError>;

    /// How much of what `from` holds has arrived at `to`, its read replica: `pg_last_wal_replay_lsn()` there against the position in
    /// the log here. Changes nothing. A guard that cannot tell says so by an error: a replica is never promoted on a guess.
    async fn arrived(&self, from: &Endpoint, to: &Endpoint) -> Result<Arrived, DataError>;
}

/// Freezes the database *inside* an instance. RDS has no switch that makes an instance refuse writes; PostgreSQL has means of its own.
///
/// Every method is told which instance is meant: while a restored instance waits to take the place of the old one, a side has two, and the
/// new one is frozen before any client can find it.
///
/// A replica that is promoted while its source is frozen must refuse writes from its first moment on, until it is thawed: RDS takes minutes to
/// promote one, and the lease of the source is not renewed on it.
#[async_trait]
pub trait Guard: Copies {
    /// Whether clients can write there. Changes nothing. A replica that replays is [`Access::Frozen`] without an end.
    async fn access(&self, at: &Endpoint) -> Result<Access, DataError>;

    /// Everything that keeps a freeze from being made or from holding. Changes nothing.
    async fn problems(&self, at: &Endpoint) -> Result<Vec<StoreProblem>, DataError>;

    /// As [`switchover::port::Store::freeze`].
    async fn freeze(&self, at: &Endpoint, order: &FreezeOrder) -> Result<(), DataError>;

    /// As [`switchover::port::Store::prove_frozen`].
    async fn prove(&self, at: &Endpoint) -> Result<FreezeProof, DataError>;

    /// As [`switchover::port::Store::thaw`].
    async fn thaw(&self, at: &Endpoint) -> Result<(), DataError>;
}
