//! What Prometheus is told: a text file for `node_exporter`'s textfile collector, written whole or not at all.
//!
//! The file holds facts and moments, not ages: it is written when a sync ends, and an age written then would stand still, young for ever,
//! in just the case that matters, which is that no sync runs any more. So the age of data is a query:
//!
//! ```text
//! time() - switchover_data_as_of_timestamp_seconds > switchover_sync_rpo_seconds
//! ```
//!
//! (<https://prometheus.io/docs/practices/instrumentation/#timestamps-not-time-since>)
//!
//! The format is the text format 0.0.4 (<https://prometheus.io/docs/instrumenting/exposition_formats/>), which is all that the
//! textfile collector reads. The crate `prometheus-client` writes `OpenMetrics`, where a counter's `TYPE` line bears another name than its
//! samples, and keeps registries and atomics for values that live as long as a server. For ten lines of text that are written once, it would
//! be more to learn than to write.

mod text;
mod write;

#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use switchover::model::{PairName, Role, SideName, StoreRef};

pub use text::text;
pub use write::{WriteError, write};

/// All that is told. What is not in it is gone from the file: a file is for everything that one configuration holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics {
    /// The stores.
    pub stores: Vec<StoreMetrics>,
    /// The roles.
    pub roles: Vec<RoleMetric>,
}

/// What is known of a store and its syncs. What is not known is left out, and no zero stands for it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreMetrics {
    /// The pair.
    pub pair: PairName,
    /// The store.
    pub store: StoreRef,
    /// The moment that the stand-by's data is of.
    pub as_of: Option<Timestamp>,
    /// When the latest sync that succeeded ended.
    pub last_success: Option<Timestamp>,
    /// When the latest sync began, whatever became of it.
    pub last_attempt: Option<Timestamp>,
    /// How long the latest sync that succeeded took.
    pub last_duration: Option<Duration>,
    /// The bytes that it moved.
    pub last_bytes: Option<u64>,
    /// How old the stand-by's data may be.
    pub rpo: Option<Duration>,
    /// The syncs that failed, of all that the journal holds.
    pub failures: u64,
}

/// The role that a side holds.
#[derive(Debug, Clone, PartialEq)]
pub struct RoleMetric {
    /// The pair.
    pub pair: PairName,
    /// The environment.
    pub environment: switchover::model::EnvironmentName,
    /// The side.
    pub side: SideName,
    /// Its role.
    pub role: Role,
}
