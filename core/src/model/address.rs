//! The addresses behind a name on one side.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::RecordKind;

/// The two families of address a name can lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AddressKind {
    /// IPv4, an `A` record.
    V4,
    /// IPv6, an `AAAA` record.
    V6,
}

impl AddressKind {
    /// Both families, in the order in which they are shown.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The kind of record that holds such an address.
    pub fn record_kind(self) -> RecordKind {
        match self {
            Self::V4 => RecordKind::A,
            Self::V6 => RecordKind::Aaaa,
        }
    }
}

/// What an address name stands for on one side: at most one address of each family, at least one in all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Addresses {
    /// The IPv4 address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub v4: Option<Ipv4Addr>,
    /// The IPv6 address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub v6: Option<Ipv6Addr>,
}

impl Addresses {
    /// The address of one family.
    pub fn of(&self, kind: AddressKind) -> Option<IpAddr> {
        match kind {
            AddressKind::V4 => self.v4.map(IpAddr::V4),
            AddressKind::V6 => self.v6.map(IpAddr::V6),
        }
    }

    /// All addresses, IPv4 first.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> + '_ {
        AddressKind::ALL.into_iter().filter_map(|kind| self.of(kind))
    }
}

impl From<IpAddr> for Addresses {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self { v4: Some(v4), v6: None },
            IpAddr::V6(v6) => Self { v4: None, v6: Some(v6) },
        }
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.iter().map(|address| address.to_string()).collect();
        f.pad(&all.join(", "))
    }
}
