//! The world as understood: who holds which role, and what is wrong.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{CandidateView, DeliveryView, Finding, Lost};
use crate::model::{
    AddressName, Addresses, DnsName, EnvironmentName, Fingerprint, Record, ReleaseName, Role, SettingRef,
    SideName, StoreRef, ZoneRef,
};
use crate::port::Inspection;

/// What DNS says about the roles in one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RoleState {
    /// Every name agrees: this side is production.
    Settled {
        /// The production side.
        production: SideName,
    },
    /// Names disagree, as in the middle of a swap.
    Split {
        /// The side that more names call production, if one leads.
        leading: Option<SideName>,
    },
    /// No name leads to either side.
    Unknown,
}

impl RoleState {
    /// The production side, if every name agrees.
    pub fn production(&self) -> Option<&SideName> {
        match self {
            Self::Settled { production } => Some(production),
            Self::Split { .. } | Self::Unknown => None,
        }
    }
}

/// One name of one endpoint, as read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NameView {
    /// The environment.
    pub environment: EnvironmentName,
    /// The endpoint's place in the environment.
    pub index: usize,
    /// Which of the endpoint's names it is.
    pub role: Role,
    /// The name.
    pub name: DnsName,
    /// The zone that holds it.
    #[serde(skip)]
    pub zone: ZoneRef,
    /// The address it shall lead to, by name.
    pub address: AddressName,
    /// Its address records, each of a family that both sides have; empty if something is wrong with them.
    pub records: Vec<Record>,
    /// The side it leads to, if it leads to one.
    pub at: Option<SideName>,
}

/// The world as understood at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// When it was read.
    pub at: Timestamp,
    /// The addresses of each side, by name, as far as they were found.
    pub addresses: BTreeMap<SideName, BTreeMap<AddressName, Addresses>>,
    /// Every name, in the order of the file, production before stand-by.
    pub names: Vec<NameView>,
    /// Who is production, environment by environment.
    pub roles: BTreeMap<EnvironmentName, RoleState>,
    /// The smallest TTL that each zone takes, where it is known.
    #[serde(skip)]
    pub minimum_ttl: BTreeMap<ZoneRef, std::time::Duration>,
    /// The stores of the environments, as far as they could be read.
    pub stores: BTreeMap<StoreRef, Inspection>,
    /// The delivery of each side, as far as it could be read.
    pub deliveries: BTreeMap<SideName, DeliveryView>,
    /// The release that was asked for, where it can be deployed to the stand-by.
    pub candidates: BTreeMap<EnvironmentName, CandidateView>,
    /// The fingerprints of what each setting shall say, by role.
    #[serde(skip)]
    pub meant: BTreeMap<SettingRef, BTreeMap<Role, Fingerprint>>,
    /// What was found where production may be gone; `None` where both sides were looked at as usual.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<Lost>,
    /// What is wrong, most severe first, then in the order of the file.
    pub findings: Vec<Finding>,
}

impl Snapshot {
    /// The findings that stop a plan.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.is_error())
    }

    /// The release that runs on a side, if that was looked at.
    pub fn release(&self, side: &SideName, environment: &EnvironmentName) -> Option<&ReleaseName> {
        let view = self.deliveries.get(side)?.releases.get(environment)?;
        view.current.as_ref().map(|current| &current.release)
    }

    /// The addresses of a name on a side.
    pub fn addresses(&self, side: &SideName, name: &AddressName) -> Option<&Addresses> {
        self.addresses.get(side)?.get(name)
    }
}
