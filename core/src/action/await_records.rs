//! Wait until every server that is asked serves what was changed.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::model::{AddressKind, DnsName, ZoneRef};

/// Which servers are asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Servers {
    /// The zone's authoritative servers: these, or found by the zone's NS records if none are named.
    Authoritative(Vec<SocketAddr>),
    /// Resolvers that keep answers.
    Resolvers(Vec<SocketAddr>),
}

/// What a name shall lead to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedName {
    /// The name.
    pub name: DnsName,
    /// The family of address.
    pub family: AddressKind,
    /// Exactly these addresses.
    pub addresses: BTreeSet<IpAddr>,
}

/// Names of one zone and what they shall lead to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwaitRecords {
    /// The zone.
    pub zone: ZoneRef,
    /// Who is asked.
    pub servers: Servers,
    /// What they shall say.
    pub names: Vec<ExpectedName>,
}
