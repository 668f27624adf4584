//! Ask a side whether it is fit to serve.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::model::{CheckName, DnsName, SideName};

/// One check of one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedCheck {
    /// Which check.
    pub check: CheckName,
    /// The name under which the side is asked.
    pub name: DnsName,
    /// The address that is asked; the name is not resolved.
    pub address: IpAddr,
}

/// Checks of one side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunChecks {
    /// The side.
    pub side: SideName,
    /// The checks, all of which must pass.
    pub checks: Vec<PlannedCheck>,
}
