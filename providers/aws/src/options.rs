//! How one side's account is reached, as a provider's options say it.

use std::path::PathBuf;
use std::time::Duration;

/// How one side's account is reached. Providers fill it from options of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The profile in the AWS files whose credentials are used, and no others. Without it the SDK's default chain decides.
    pub profile: Option<String>,
    /// The region. Without it: the profile's, then `AWS_REGION` and `AWS_DEFAULT_REGION`; it is never guessed from the machine.
    pub region: Option<String>,
    /// The AWS config file, instead of `AWS_CONFIG_FILE` or `~/.aws/config`.
    pub config_file: Option<PathBuf>,
    /// The AWS credentials file, instead of `AWS_SHARED_CREDENTIALS_FILE` or `~/.aws/credentials`.
    pub credentials_file: Option<PathBuf>,
    /// Where the service is, for tests.
    pub endpoint_url: Option<String>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long one question may take, retries and the fetching of temporary credentials included.
    pub operation_timeout: Duration,
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            profile: None,
            region: None,
            config_file: None,
            credentials_file: None,
            endpoint_url: None,
            connect_timeout: Duration::from_secs(3),
            operation_timeout: Duration::from_secs(30),
        }
    }
}
