//! What the file says about a store that is an EFS file system on each side.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use switchover::config::Period;
use switchover::model::SideName;
use switchover_aws::Connection;

/// What the file says about a store that is an EFS file system on each side, kept equal by EFS's own replication.
///
/// ```toml
/// [pair.gigadb.environments.live.stores.dropboxes]
/// provider = "efs"
/// freeze = "policy"
/// [pair.gigadb.environments.live.stores.dropboxes.sides]
/// hongkong = { file_system = "fs-0123456789abcdef0", profile = "Upstream", region = "ap-east-1", mount = "/mnt/hongkong" }
/// sydney = { file_system = "fs-0fedcba9876543210", profile = "UpstreamAlt", region = "ap-southeast-2", mount = "/mnt/sydney" }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EfsOptions {
    /// Each side's file system, by the side's name.
    pub sides: BTreeMap<String, EfsSide>,
    /// How writes are refused while roles are swapped.
    #[serde(default)]
    pub freeze: EfsFreeze,
    /// How long a change of a file system's policy may take until every client feels it. AWS says «several minutes».
    #[serde(default = "policy_settles")]
    pub policy_settles: Period,
    /// How often AWS is asked while something takes its time there.
    #[serde(default = "poll")]
    pub poll: Period,
    /// How long a failover may take, which has no deadline of a run: deleting the replication takes minutes.
    #[serde(default = "patience")]
    pub patience: Period,
    /// How long connecting may take.
    #[serde(default = "connect_timeout")]
    pub connect_timeout: Period,
    /// How long one question to AWS may take, retries included.
    #[serde(default = "operation_timeout")]
    pub operation_timeout: Period,
}

/// How writes are refused while roles are swapped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EfsFreeze {
    /// Not at all: the store is kept in sync, and takes no part in a role swap.
    #[default]
    None,
    /// By the file system's policy, for every client. It takes minutes to take effect, and *does not end by itself*: if the controller dies
    /// in a swap, production stays read-only until the run is resumed or aborted.
    Policy,
}

/// One side of the store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EfsSide {
    /// The file system's id: `fs-0123456789abcdef0`.
    pub file_system: String,
    /// Where this machine has it mounted, so that a write can be tried: that is what proves a freeze. Without it nothing is proved.
    #[serde(default)]
    pub mount: Option<PathBuf>,
    /// The role that EFS takes on to replicate *from* this side into another account. Not needed within one account.
    #[serde(default)]
    pub role_arn: Option<String>,
    /// The profile in the AWS files whose credentials are used, and no others.
    #[serde(default)]
    pub profile: Option<String>,
    /// The region, such as `ap-east-1`. Without it: the region of `profile`, then `AWS_REGION`.
    #[serde(default)]
    pub region: Option<String>,
    /// The AWS config file of this side, instead of `AWS_CONFIG_FILE` or `~/.aws/config`.
    #[serde(default)]
    pub config_file: Option<PathBuf>,
    /// The AWS credentials file of this side, instead of `AWS_SHARED_CREDENTIALS_FILE` or `~/.aws/credentials`.
    #[serde(default)]
    pub credentials_file: Option<PathBuf>,
    /// Where EFS is, for tests.
    #[serde(default)]
    pub endpoint_url: Option<String>,
}

fn policy_settles() -> Period {
    Period(Duration::from_secs(5 * 60))
}

fn poll() -> Period {
    Period(Duration::from_secs(10))
}

fn patience() -> Period {
    Period(Duration::from_secs(30 * 60))
}

fn connect_timeout() -> Period {
    Period(Duration::from_secs(3))
}

fn operation_timeout() -> Period {
    Period(Duration::from_secs(30))
}

impl EfsOptions {
    /// How a side's account is reached; `None` if the options name no such side.
    pub fn connection(&self, side: &SideName) -> Option<Connection> {
        let of_side = self.sides.get(side.as_str())?;
        Some(Connection {
            profile: of_side.profile.clone(),
            region: of_side.region.clone(),
            config_file: of_side.config_file.clone(),
            credentials_file: of_side.credentials_file.clone(),
            endpoint_url: of_side.endpoint_url.clone(),
            connect_timeout: self.connect_timeout.0,
            operation_timeout: self.operation_timeout.0,
        })
    }
}

/// What is wrong with a file system's id, if something is. The form:
/// <https://docs.aws.amazon.com/efs/latest/ug/API_FileSystemDescription.html>.
pub(crate) fn fault(file_system: &str) -> Option<&'static str> {
    let digits = file_system.strip_prefix("fs-").unwrap_or_default();
    let good = (8..=40).contains(&digits.len()) && digits.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    (!good).then_some("a file system's id is `fs-` and 8 to 40 hexadecimal digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_freezes_nothing() {
        let file = "[sides]\nhongkong = { file_system = \"fs-0123456789abcdef0\" }";
        let options: EfsOptions = toml::from_str(file).unwrap();
        assert_eq!(options.freeze, EfsFreeze::None);
        assert_eq!(options.policy_settles.0, Duration::from_secs(300));
        let error = toml::from_str::<EfsOptions>(&file.replace("file_system", "filesystem")).unwrap_err();
        assert!(error.to_string().contains("unknown field `filesystem`"), "{error}");
    }

    #[test]
    fn ids_are_checked() {
        assert_eq!(fault("fs-0123456789abcdef0"), None);
        assert_eq!(fault("fs-62bd7329"), None);
        for id in ["", "fs-", "fs-1234", "0123456789abcdef0", "fs-0123456789ABCDEF0", "/mnt/efs"] {
            assert!(fault(id).is_some(), "{id}");
        }
    }
}
