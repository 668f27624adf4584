//! What the file may say about a side whose addresses are Elastic IPs.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use switchover::config::Period;
use switchover_aws::Connection;

/// What the file says about a side whose addresses are Elastic IPs.
///
/// ```toml
/// addresses = { provider = "ec2", profile = "Upstream", region = "ap-east-1" }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ec2Options {
    /// The profile in the AWS files whose credentials are used, and no others. Without it the SDK's default chain
    /// decides: the environment, then `AWS_PROFILE`, then what the machine offers.
    pub profile: Option<String>,
    /// The region, such as `ap-east-1`. Without it: the region of `profile`, then `AWS_REGION` and
    /// `AWS_DEFAULT_REGION`, then the region of the profile in use. It is never guessed from the machine.
    pub region: Option<String>,
    /// The AWS config file of this side, instead of `AWS_CONFIG_FILE` or `~/.aws/config`.
    pub config_file: Option<PathBuf>,
    /// The AWS credentials file of this side, instead of `AWS_SHARED_CREDENTIALS_FILE` or `~/.aws/credentials`.
    pub credentials_file: Option<PathBuf>,
    /// Where EC2 and STS are, for tests. Without it `AWS_ENDPOINT_URL_EC2`, `AWS_ENDPOINT_URL_STS`, `AWS_ENDPOINT_URL` and
    /// the profile's `endpoint_url` count, and else AWS itself. Only those, not this option, move the STS that a profile
    /// with `role_arn` asks for its role.
    pub endpoint_url: Option<String>,
    /// How long connecting may take.
    pub connect_timeout: Period,
    /// How long one question may take, retries and the fetching of temporary credentials included. A try ends after a
    /// third of it, so that a server that hangs is asked more than once.
    pub operation_timeout: Period,
}

impl Default for Ec2Options {
    fn default() -> Self {
        Self {
            profile: None,
            region: None,
            config_file: None,
            credentials_file: None,
            endpoint_url: None,
            connect_timeout: Period(Duration::from_secs(3)),
            operation_timeout: Period(Duration::from_secs(15)),
        }
    }
}

impl Ec2Options {
    /// How the side's account is reached.
    pub(crate) fn connection(self) -> Connection {
        Connection {
            profile: self.profile,
            region: self.region,
            config_file: self.config_file,
            credentials_file: self.credentials_file,
            endpoint_url: self.endpoint_url,
            connect_timeout: self.connect_timeout.0,
            operation_timeout: self.operation_timeout.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_a_limit_in_time_and_nothing_else() {
        let options: Ec2Options = toml::from_str("profile = \"Upstream\"").unwrap();
        assert_eq!(options, Ec2Options { profile: Some("Upstream".into()), ..Ec2Options::default() });
        assert_eq!(options.operation_timeout.0, Duration::from_secs(15));
    }

    #[test]
    fn unknown_keys_are_refused() {
        let error = toml::from_str::<Ec2Options>("profil = \"Upstream\"").unwrap_err().to_string();
        assert!(error.contains("unknown field `profil`, expected one of `profile`, `region`"), "{error}");
    }

    #[test]
    fn the_schema_refuses_what_the_file_refuses() {
        let schema = serde_json::to_value(schemars::schema_for!(Ec2Options)).unwrap();
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["properties"]["operation_timeout"]["default"], "15s");
    }
}
