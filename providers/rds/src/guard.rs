//! Who freezes: RDS itself cannot refuse writes, so that the database behind it has to.

use std::fmt::Debug;

use async_trait::async_trait;
use jiff::Timestamp;
use switchover::model::SideName;
use switchover::port::{Access, DataError, FreezeOrder, FreezeProof};

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

/// Freezes the database *inside* an instance. RDS has no switch that makes an instance refuse writes; PostgreSQL has means of its own.
///
/// Every method is told which instance is meant: while a restored instance waits to take the place of the old one, a side has two, and the
/// new one is frozen before any client can find it.
#[async_trait]
pub trait Guard: Debug + Send + Sync {
    /// Whether clients can write there. Changes nothing.
    async fn access(&self, side: &SideName, at: &Endpoint) -> Result<Access, DataError>;

    /// As [`switchover::port::Store::freeze`].
    async fn freeze(&self, side: &SideName, at: &Endpoint, order: &FreezeOrder) -> Result<(), DataError>;

    /// As [`switchover::port::Store::prove_frozen`].
    async fn prove(&self, side: &SideName, at: &Endpoint) -> Result<FreezeProof, DataError>;

    /// As [`switchover::port::Store::thaw`].
    async fn thaw(&self, side: &SideName, at: &Endpoint) -> Result<(), DataError>;

    /// How much of what `from` holds has arrived at `to`, its read replica: `pg_last_wal_replay_lsn()` there against
    /// `pg_current_wal_lsn()` here. Changes nothing. A guard that cannot tell says so by an error: a replica is never promoted on a guess.
    async fn arrived(&self, from: &Endpoint, to: &Endpoint) -> Result<Arrived, DataError>;
}
