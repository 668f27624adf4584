//! DNS records as a name service holds them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::DnsName;

/// The type of a record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum RecordKind {
    /// An IPv4 address.
    A,
    /// An IPv6 address.
    Aaaa,
    /// An alias.
    Cname,
    /// Any other type, by its name in upper case (`MX`, `CAA`, …). Switchover reads such records and never writes them.
    Other(String),
}

impl From<String> for RecordKind {
    fn from(text: String) -> Self {
        match text.to_ascii_uppercase().as_str() {
            "A" => Self::A,
            "AAAA" => Self::Aaaa,
            "CNAME" => Self::Cname,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl From<RecordKind> for String {
    fn from(kind: RecordKind) -> String {
        kind.to_string()
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Cname => "CNAME",
            Self::Other(name) => name,
        })
    }
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "type", content = "content")]
pub enum RecordData {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    #[serde(rename = "AAAA")]
    Aaaa(Ipv6Addr),
    /// The name that this name is an alias of.
    #[serde(rename = "CNAME")]
    Cname(DnsName),
    /// Anything else, as its service spells it.
    Other {
        /// The type's name in upper case.
        kind: String,
        /// The content as the service spells it.
        text: String,
    },
}

impl RecordData {
    /// The record's type.
    pub fn kind(&self) -> RecordKind {
        match self {
            Self::A(_) => RecordKind::A,
            Self::Aaaa(_) => RecordKind::Aaaa,
            Self::Cname(_) => RecordKind::Cname,
            Self::Other { kind, .. } => RecordKind::Other(kind.clone()),
        }
    }

    /// The address, if the record holds one.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::A(v4) => Some(IpAddr::V4(*v4)),
            Self::Aaaa(v6) => Some(IpAddr::V6(*v6)),
            Self::Cname(_) | Self::Other { .. } => None,
        }
    }
}

impl From<IpAddr> for RecordData {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::A(v4),
            IpAddr::V6(v6) => Self::Aaaa(v6),
        }
    }
}

impl fmt::Display for RecordData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::A(v4) => f.pad(&v4.to_string()),
            Self::Aaaa(v6) => f.pad(&v6.to_string()),
            Self::Cname(name) => f.pad(name.as_str()),
            Self::Other { text, .. } => f.pad(text),
        }
    }
}

/// How long a resolver may keep a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ttl {
    /// The service chooses; for Cloudflare that is 300 s, and always so for proxied records.
    Auto,
    /// A number of seconds.
    Seconds(u32),
}

impl Ttl {
    /// What Cloudflare's *auto* stands for: "Auto … is 300 seconds"
    /// (<https://developers.cloudflare.com/dns/manage-dns-records/reference/ttl/>).
    pub const AUTO: Duration = Duration::from_secs(300);

    /// The longest time a well-behaved resolver keeps the record.
    pub fn duration(self) -> Duration {
        match self {
            Self::Auto => Self::AUTO,
            Self::Seconds(seconds) => Duration::from_secs(u64::from(seconds)),
        }
    }
}

impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.pad("auto"),
            Self::Seconds(seconds) => f.pad(&format!("{seconds} s")),
        }
    }
}

/// The key of a record at its service; empty where the service has none (RFC 2136).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordId(pub String);

/// The part of a record that Switchover may change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordValue {
    /// What the record says.
    pub data: RecordData,
    /// How long it may be kept.
    pub ttl: Ttl,
}

/// One record as just read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its key at the service.
    pub id: RecordId,
    /// Its name.
    pub name: DnsName,
    /// What it says and for how long.
    pub value: RecordValue,
    /// Whether clients see the service's edge instead of the address (Cloudflare's orange cloud).
    pub proxied: bool,
}

impl Record {
    /// The record's type.
    pub fn kind(&self) -> RecordKind {
        self.value.data.kind()
    }
}
