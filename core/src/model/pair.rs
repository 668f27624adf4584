//! A pair: two sides, their environments, and the names that follow the roles.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    AddressName, AnnouncerName, CheckName, DnsName, EnvironmentName, PairName, ServiceName, SettingName,
    SettingRef, SideName, StatusPageName, StorePolicy, StoreRef, SwapPolicy, ZoneName,
};

/// What a side does at the moment. Derived from what DNS says, never configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The side that users reach.
    Production,
    /// The side that waits.
    Standby,
}

impl Role {
    /// Both roles, production first.
    pub const ALL: [Self; 2] = [Self::Production, Self::Standby];

    /// The other role.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Production => Self::Standby,
            Self::Standby => Self::Production,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Production => "current production",
            Self::Standby => "hot stand-by",
        })
    }
}

/// One of the two infrastructures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// Its name, which is never a role's.
    pub name: SideName,
    /// What people call the project behind it; shown in the role table.
    pub project: Option<String>,
    /// What else the role table says of it, such as its AWS profile; in the order of the file.
    pub columns: Vec<Column>,
}

/// One more column of the role table, with a side's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// The column's heading.
    pub title: String,
    /// What stands there in the rows of the side.
    pub value: String,
}

/// Where a zone is held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ZoneRef {
    /// The name service that holds it.
    pub service: ServiceName,
    /// The zone.
    pub zone: ZoneName,
}

impl fmt::Display for ZoneRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.zone, f)
    }
}

/// A production name and a standby name that lead to one named address on whichever side holds the role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The name that users use.
    pub production: DnsName,
    /// The zone that holds it.
    pub production_zone: ZoneRef,
    /// The name of the side that waits.
    pub standby: DnsName,
    /// The zone that holds it.
    pub standby_zone: ZoneRef,
    /// The address both lead to, each on its own side.
    pub address: AddressName,
    /// The checks that this endpoint must pass on a side before and after the side takes production.
    pub checks: Vec<CheckName>,
    /// Whether both names are fetched throughout a run, with the first of the checks.
    pub probe: bool,
}

impl Endpoint {
    /// The name of a role.
    pub fn name(&self, role: Role) -> &DnsName {
        match role {
            Role::Production => &self.production,
            Role::Standby => &self.standby,
        }
    }

    /// The zone of a role's name.
    pub fn zone(&self, role: Role) -> &ZoneRef {
        match role {
            Role::Production => &self.production_zone,
            Role::Standby => &self.standby_zone,
        }
    }
}

/// A scope inside a pair, such as `live` or `staging`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Its name.
    pub name: EnvironmentName,
    /// Its endpoints, as the file lists them.
    pub endpoints: Vec<Endpoint>,
    /// Its stores, by name.
    pub stores: Vec<StorePolicy>,
    /// The settings whose value depends on the role.
    pub settings: Vec<SettingName>,
    /// What the stand-by's delivery starts by the clock, and production's does not, as the service calls it.
    pub standby_schedules: Vec<String>,
    /// How a swap is conducted.
    pub policy: SwapPolicy,
}

impl Environment {
    /// An environment of endpoints alone.
    pub fn new(name: EnvironmentName, endpoints: Vec<Endpoint>) -> Self {
        Self {
            name,
            endpoints,
            stores: Vec::new(),
            settings: Vec::new(),
            standby_schedules: Vec::new(),
            policy: SwapPolicy::default(),
        }
    }

    /// Each of its settings, with the key by which the pair knows it.
    pub fn settings(&self) -> impl Iterator<Item = SettingRef> {
        let of = |name: &SettingName| SettingRef { environment: self.name.clone(), name: name.clone() };
        self.settings.iter().map(of)
    }

    /// Each of its stores, with the key by which the pair knows it.
    pub fn stores(&self) -> impl Iterator<Item = (StoreRef, &StorePolicy)> {
        self.stores
            .iter()
            .map(|policy| (StoreRef { environment: self.name.clone(), store: policy.name.clone() }, policy))
    }
}

/// How carefully names are moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsPolicy {
    /// The TTL that `--prepare` sets ahead of a swap.
    pub swap_ttl: Duration,
    /// How long the old side is kept after the old TTL has passed.
    pub margin: Duration,
    /// How long every authoritative server may take to serve a change.
    pub propagation_deadline: Duration,
    /// Public resolvers that are read back too.
    pub resolvers: Vec<SocketAddr>,
}

impl Default for DnsPolicy {
    fn default() -> Self {
        Self {
            swap_ttl: Duration::from_secs(60),
            margin: Duration::from_secs(60),
            propagation_deadline: Duration::from_secs(300),
            resolvers: Vec::new(),
        }
    }
}

/// How often the probe fetches the names of an endpoint while a run goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbePolicy {
    /// The time between two fetches of one name.
    pub every: Duration,
}

impl Default for ProbePolicy {
    fn default() -> Self {
        Self { every: Duration::from_millis(200) }
    }
}

/// A zone as its service is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// The zone's apex.
    pub name: ZoneName,
    /// The service's own id of the zone, where the file gives it (saves a look-up by name).
    pub id: Option<String>,
}

/// What core knows of a name service: its zones, and which servers answer for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The name under which the file knows it.
    pub name: ServiceName,
    /// The zones it holds.
    pub zones: Vec<Zone>,
    /// The authoritative servers to read back; found by the zones' NS records if empty.
    pub authorities: Vec<SocketAddr>,
}

/// One service on two identical, independent infrastructures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Its name.
    pub name: PairName,
    /// Its two sides.
    pub sides: [Side; 2],
    /// Its environments, in the order in which they are swapped and shown.
    pub environments: Vec<Environment>,
    /// The name services that hold its zones.
    pub services: BTreeMap<ServiceName, Service>,
    /// How carefully names are moved.
    pub dns: DnsPolicy,
    /// How often the probe fetches.
    pub probe: ProbePolicy,
    /// Who is told of its swaps, in the order of the file.
    pub announce: Vec<AnnouncerName>,
    /// The environments that its role table shows, if it has a role table.
    pub role_table: Option<Vec<EnvironmentName>>,
    /// The status pages that are looked at before a swap.
    pub status_pages: BTreeMap<StatusPageName, StatusGate>,
}

/// What trouble on a status page means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusGate {
    /// It is worth a look.
    Advisory,
    /// No plan is made while it lasts.
    Gate,
}

/// A question about a pair that has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PairError {
    /// The pair has no side of that name.
    #[error("pair {pair} has no side {side}; its sides are {known}")]
    UnknownSide {
        /// The pair.
        pair: PairName,
        /// The name that was asked for.
        side: SideName,
        /// The names there are.
        known: String,
    },
    /// The pair has no environment of that name.
    #[error("pair {pair} has no environment {environment}; its environments are {known}")]
    UnknownEnvironment {
        /// The pair.
        pair: PairName,
        /// The name that was asked for.
        environment: EnvironmentName,
        /// The names there are.
        known: String,
    },
}

fn listed<T: fmt::Display>(names: impl Iterator<Item = T>) -> String {
    names.map(|name| name.to_string()).collect::<Vec<_>>().join(", ")
}

impl Pair {
    /// The side of that name.
    pub fn side(&self, name: &SideName) -> Result<&Side, PairError> {
        self.sides.iter().find(|side| side.name == *name).ok_or_else(|| PairError::UnknownSide {
            pair: self.name.clone(),
            side: name.clone(),
            known: listed(self.sides.iter().map(|side| &side.name)),
        })
    }

    /// The side opposite to the one of that name.
    pub fn opposite(&self, name: &SideName) -> Result<&Side, PairError> {
        self.side(name)?;
        let [first, second] = &self.sides;
        Ok(if first.name == *name { second } else { first })
    }

    /// The environment of that name.
    pub fn environment(&self, name: &EnvironmentName) -> Result<&Environment, PairError> {
        self.environments.iter().find(|environment| environment.name == *name).ok_or_else(|| {
            PairError::UnknownEnvironment {
                pair: self.name.clone(),
                environment: name.clone(),
                known: listed(self.environments.iter().map(|environment| &environment.name)),
            }
        })
    }
}
