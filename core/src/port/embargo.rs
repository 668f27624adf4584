//! The change embargo of one side: while it lies on an environment nobody should deploy there.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::RemoteError;
use crate::model::EnvironmentName;

/// What an embargo keeps from being deployed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// The environment alone.
    Environment,
    /// All of the side's project, other environments too.
    Project,
}

/// An embargo that Switchover laid on an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imposed {
    /// Since when, as far as the service keeps it.
    pub since: Option<Timestamp>,
    /// What it keeps from being deployed to.
    pub reach: Reach,
}

/// The embargoes of an environment as just seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbargoView {
    /// Switchover's own for this environment, if it is in force.
    pub imposed: Option<Imposed>,
    /// Others that are configured, in words: they are somebody else's, are never lifted, and may be in force.
    pub others: Vec<String>,
}

/// The change embargo of one side. Every method may be repeated and converges.
///
/// An embargo asks; it does not stop what is already on its way. Lay it first, then look ([`Releases::read`](super::Releases::read)) that
/// nothing is under way: in that order nothing slips through between the two.
#[async_trait]
pub trait Embargo: Debug + Send + Sync {
    /// Looks at the embargoes. Changes nothing.
    async fn read(&self, environment: &EnvironmentName) -> Result<EmbargoView, RemoteError>;

    /// Lays an embargo on an environment, unless Switchover's own is there already. Ok promises that the service shows it.
    ///
    /// A call whose answer was lost is looked for once; [`RemoteError::Unknown`] if it does not show.
    async fn impose(&self, environment: &EnvironmentName) -> Result<(), RemoteError>;

    /// Lifts Switchover's own embargo of an environment and no other. One that is not there is no error.
    async fn lift(&self, environment: &EnvironmentName) -> Result<(), RemoteError>;

    /// Proves that the credentials may impose and lift, and changes nothing.
    async fn prove_write(&self, environment: &EnvironmentName) -> Result<(), RemoteError>;

    /// The longest time after which a request without an answer may still be carried out, counted from when it was sent.
    fn in_flight(&self) -> Duration;
}
