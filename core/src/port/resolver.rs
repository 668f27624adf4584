//! Asking DNS servers directly, so that what clients will see is known and not believed.

use std::collections::BTreeSet;
use std::fmt;
use std::fmt::Debug;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::model::{AddressKind, DnsName, ZoneName};

/// A DNS server to ask.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DnsServer {
    /// What people call it: its host name, or its address again.
    pub label: String,
    /// Where it listens.
    pub at: SocketAddr,
}

impl From<SocketAddr> for DnsServer {
    fn from(at: SocketAddr) -> Self {
        Self { label: at.to_string(), at }
    }
}

impl fmt::Display for DnsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.label)
    }
}

/// What a server says a name leads to. No addresses means that the server knows of none (NXDOMAIN or no data).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The addresses of the family that was asked for, aliases followed within the answer.
    pub addresses: BTreeSet<IpAddr>,
    /// How long the answer may be kept.
    pub ttl: Duration,
    /// Whether the server says it speaks for the zone (the AA bit).
    pub authoritative: bool,
}

/// Why a server could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// No answer within the resolver's own timeout, tries included.
    #[error("{server} did not answer for {name}")]
    NoAnswer {
        /// The server.
        server: String,
        /// The name that was asked for.
        name: String,
    },
    /// The server answered with an error code (SERVFAIL, REFUSED, …).
    #[error("{server} answered {code} for {name}")]
    Failed {
        /// The server.
        server: String,
        /// The name that was asked for.
        name: String,
        /// The response code's name.
        code: String,
    },
    /// The zone's authoritative servers could not be found.
    #[error("the authoritative servers of {zone} could not be found: {why}")]
    NoAuthorities {
        /// The zone.
        zone: ZoneName,
        /// What happened.
        why: String,
    },
}

/// Asks DNS servers. Every method only reads and may be repeated.
#[async_trait]
pub trait Resolver: Debug + Send + Sync {
    /// Finds every address of every authoritative server of a zone, by the zone's NS records and the system's resolver.
    async fn authorities(&self, zone: &ZoneName) -> Result<Vec<DnsServer>, ResolveError>;

    /// Asks one server for one name, over UDP with a retry over TCP for a truncated answer.
    async fn ask(
        &self,
        server: &DnsServer,
        name: &DnsName,
        kind: AddressKind,
    ) -> Result<Answer, ResolveError>;

    /// Finds the addresses of a name as an ordinary client would: by the system's resolver.
    async fn look_up(&self, name: &DnsName, kind: AddressKind) -> Result<Answer, ResolveError>;
}
