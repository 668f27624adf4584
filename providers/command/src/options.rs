//! What the file says about a side's programs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use switchover::config::{Period, SecretRef};

/// Programs that know a side's releases.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandOptions {
    /// Prints the release that runs in an environment: the program and its arguments.
    pub current_release: Vec<String>,
    /// Deploys a release to an environment. Without it, releases are only looked at.
    #[serde(default)]
    pub deploy: Vec<String>,
    /// Lays, lifts and tells the change embargo.
    #[serde(default)]
    pub embargo: Vec<String>,
    /// The folder for locks, records and logs of deployments. Every Switchover that works on the side must use the same, on a local disk.
    pub state: PathBuf,
    /// Secrets that the programs find in their environment, by name: `{ env = "NAME" }` or `{ file = "PATH" }`.
    #[serde(default)]
    pub secrets: BTreeMap<String, SecretRef>,
    /// How long `deploy` may take.
    #[serde(default = "an_hour")]
    pub deploy_timeout: Period,
    /// How long the others may take.
    #[serde(default = "half_a_minute")]
    pub timeout: Period,
}

fn an_hour() -> Period {
    Period(Duration::from_secs(3_600))
}

fn half_a_minute() -> Period {
    Period(Duration::from_secs(30))
}

/// Why a side cannot be set up. Nothing was run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// A program that is named by nothing.
    #[error(
        "{option} must be a list of the program and its arguments, such as [\"/usr/local/bin/{option}\"]"
    )]
    Program {
        /// The option.
        option: &'static str,
    },
    /// A name that no environment variable has.
    #[error("secrets.{0}: a name is made of letters, digits and `_`, and does not begin with SWITCHOVER_")]
    Secret(String),
    /// No time at all.
    #[error("{option} must not be zero")]
    Period {
        /// The option.
        option: &'static str,
    },
}

impl CommandOptions {
    pub(crate) fn check(&self) -> Result<(), SetupError> {
        let usable = |argv: &[String]| {
            argv.first().is_some_and(|program| !program.is_empty())
                && argv.iter().all(|own| !own.contains('\0'))
        };
        let programs = [
            ("current_release", &self.current_release),
            ("deploy", &self.deploy),
            ("embargo", &self.embargo),
        ];
        for (option, argv) in programs {
            if !(usable(argv) || argv.is_empty() && option != "current_release") {
                return Err(SetupError::Program { option });
            }
        }
        for (option, period) in [("timeout", self.timeout), ("deploy_timeout", self.deploy_timeout)] {
            if period.0.is_zero() {
                return Err(SetupError::Period { option });
            }
        }
        let named = |name: &str| {
            !name.is_empty()
                && !name.starts_with("SWITCHOVER_")
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        match self.secrets.keys().find(|name| !named(name)) {
            Some(name) => Err(SetupError::Secret(name.escape_debug().to_string())),
            None => Ok(()),
        }
    }
}
