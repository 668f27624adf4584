//! The role table as plain data: who holds which role, and what else a reader of it wants to know.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Column, EnvironmentName, ReleaseName, Role, SideName};

/// What a side is in an environment, as far as that can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holding {
    /// It is production.
    Production,
    /// It waits.
    Standby,
    /// Its names lead to both sides, as in the middle of a swap.
    PartWay,
    /// It cannot be told.
    Unknown,
}

impl fmt::Display for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Production => Role::Production.fmt(f),
            Self::Standby => Role::Standby.fmt(f),
            Self::PartWay => f.pad("part-way"),
            Self::Unknown => f.pad("unknown"),
        }
    }
}

/// One row of a role table: one side in one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleRow {
    /// The side.
    pub side: SideName,
    /// What people call the project behind it.
    pub project: Option<String>,
    /// What the configuration adds.
    pub columns: Vec<Column>,
    /// The environment.
    pub environment: EnvironmentName,
    /// What the side is there.
    pub holding: Holding,
    /// The release that runs there, if it is known.
    pub release: Option<ReleaseName>,
    /// How the side is, if that is known.
    pub status: Option<String>,
}
