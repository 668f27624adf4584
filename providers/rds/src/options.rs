//! What the file says about a store that is PostgreSQL on RDS.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use switchover::config::Period;
use switchover::model::SideName;
use switchover_aws::Connection;
use switchover_postgres::{PostgresUser, SslMode};

/// What the file says about a store that is PostgreSQL on RDS.
///
/// ```toml
/// [pair.gigadb.environments.live.stores.metadata]
/// provider = "rds"
/// method = "snapshot"
/// [pair.gigadb.environments.live.stores.metadata.sides]
/// hongkong = { instance = "gigadb-live", profile = "Upstream", region = "ap-east-1" }
/// sydney = { instance = "gigadb-live", profile = "UpstreamAlt", region = "ap-southeast-2", kms_key = "alias/gigadb" }
/// [pair.gigadb.environments.live.stores.metadata.freeze]
/// database = "gigadb"
/// admin = { user = "switchover", password = { env = "GIGADB_ADMIN" } }
/// application = { user = "gigadb", password = { env = "GIGADB_PASSWORD" } }
/// root_certificate = "/etc/switchover/rds-global-bundle.pem"
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RdsOptions {
    /// How the data gets to the stand-by.
    pub method: RdsMethod,
    /// Each side's instance, by the side's name.
    pub sides: BTreeMap<String, RdsSide>,
    /// How PostgreSQL behind the instances is reached, which refuses writes: RDS cannot. Without it the store is kept in sync and takes no part in a
    /// role swap.
    #[serde(default)]
    pub freeze: Option<RdsFreeze>,
    /// How often AWS is asked while something takes its time there.
    #[serde(default = "poll")]
    pub poll: Period,
    /// How long a backup, its restoring or its verification may take when it was not ordered by a run with a deadline of its own.
    #[serde(default = "patience")]
    pub patience: Period,
    /// How long connecting may take.
    #[serde(default = "connect_timeout")]
    pub connect_timeout: Period,
    /// How long one question to AWS may take, retries included.
    #[serde(default = "operation_timeout")]
    pub operation_timeout: Period,
}

/// How PostgreSQL behind the instances is reached, on both sides alike: users and passwords come over with the data. The host is RDS's to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RdsFreeze {
    /// The database.
    pub database: String,
    /// The user that freezes and thaws. No client may log in as this user: its writes are never refused. A member of `rds_superuser` (the
    /// master user is one) and of `pg_signal_backend` and `pg_read_all_stats`, that owns the tables.
    pub admin: PostgresUser,
    /// The user that the application logs in as. Used to prove that its writes are refused.
    pub application: PostgresUser,
    /// Whether connections are encrypted. Never less than what is said here.
    #[serde(default)]
    pub sslmode: SslMode,
    /// A file of root certificates (PEM) for `verify-full`, such as RDS's `global-bundle.pem`; the system's own, among which those of RDS are
    /// not, if not given.
    #[serde(default)]
    pub root_certificate: Option<PathBuf>,
    /// How long connecting to the database may take, authentication included.
    #[serde(default = "five_seconds")]
    pub connect_timeout: Period,
    /// How long one statement may take.
    #[serde(default = "thirty_seconds")]
    pub statement_timeout: Period,
    /// How long a freeze waits for clients' transactions to end before it ends their connections.
    #[serde(default = "five_seconds")]
    pub grace: Period,
    /// For how long the proof of a freeze waits until nothing moves.
    #[serde(default = "fifteen_seconds")]
    pub still_within: Period,
}

/// How the data gets to the stand-by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RdsMethod {
    /// By a snapshot that is copied to the stand-by's region and restored there, under a new name, which then takes the place of the
    /// old instance. Writes are refused for all of that in a role swap: tens of minutes. Works across accounts.
    Snapshot,
    /// By a read replica in the stand-by's region that is promoted. Both sides must be in one AWS account.
    Replica,
}

/// One side of the store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RdsSide {
    /// The name of the instance that the applications of this side use. It keeps this name, and so its address, whatever is restored.
    /// At most 42 characters: names made from it add up to 21.
    pub instance: String,
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
    /// Where RDS is, for tests.
    #[serde(default)]
    pub endpoint_url: Option<String>,
    /// The KMS key *in this side's region* that what arrives here is encrypted with. Needed where the other side is encrypted.
    #[serde(default)]
    pub kms_key: Option<String>,
    /// The class of a new instance here (`db.r6g.large`). Without it: that of the present instance.
    #[serde(default)]
    pub class: Option<String>,
    /// The subnet group of a new instance here. Without it: that of the present instance.
    #[serde(default)]
    pub subnet_group: Option<String>,
    /// The parameter group of a new instance here. Without it: that of the present instance.
    #[serde(default)]
    pub parameter_group: Option<String>,
    /// The VPC security groups of a new instance here. Without them: those of the present instance.
    #[serde(default)]
    pub security_groups: Vec<String>,
}

fn five_seconds() -> Period {
    Period(Duration::from_secs(5))
}

fn fifteen_seconds() -> Period {
    Period(Duration::from_secs(15))
}

fn thirty_seconds() -> Period {
    Period(Duration::from_secs(30))
}

fn poll() -> Period {
    Period(Duration::from_secs(15))
}

fn patience() -> Period {
    Period(Duration::from_secs(4 * 60 * 60))
}

fn connect_timeout() -> Period {
    Period(Duration::from_secs(3))
}

fn operation_timeout() -> Period {
    Period(Duration::from_secs(30))
}

impl RdsOptions {
    /// How a side's account is reached; `None` if the options name no such side.
    pub fn connection(&self, side: &SideName) -> Option<Connection> {
        let of_side = self.sides.get(side.as_str())?;
        Some(Connection {
            connect_timeout: self.connect_timeout.0,
            operation_timeout: self.operation_timeout.0,
            ..of_side.connection()
        })
    }
}

impl RdsSide {
    /// How the side's account is reached, with the usual limits in time.
    pub fn connection(&self) -> Connection {
        Connection {
            profile: self.profile.clone(),
            region: self.region.clone(),
            config_file: self.config_file.clone(),
            credentials_file: self.credentials_file.clone(),
            endpoint_url: self.endpoint_url.clone(),
            ..Connection::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
        method = \"replica\"
        [sides]
        hongkong = { instance = \"gigadb-live\", profile = \"Upstream\", region = \"ap-east-1\" }
        sydney = { instance = \"gigadb-live\" }
    ";

    #[test]
    fn what_is_left_out_has_a_limit_in_time() {
        let options: RdsOptions = toml::from_str(FILE).unwrap();
        assert_eq!(options.method, RdsMethod::Replica);
        let side = SideName::new("hongkong").unwrap();
        let connection = options.connection(&side).unwrap();
        assert_eq!(connection.profile.as_deref(), Some("Upstream"));
        assert_eq!(connection.operation_timeout, Duration::from_secs(30));
        assert_eq!(options.connection(&SideName::new("tokyo").unwrap()), None);
    }

    #[test]
    fn a_database_is_reached_as_the_postgres_provider_reaches_one() {
        assert_eq!(toml::from_str::<RdsOptions>(FILE).unwrap().freeze, None);
        let text = "[freeze]\ndatabase = \"gigadb\"\nadmin = { user = \"a\" }\napplication = { user = \"b\", password = { env = \"B\" } }";
        let freeze = toml::from_str::<RdsOptions>(&format!("{FILE}{text}")).unwrap().freeze.unwrap();
        assert_eq!((freeze.sslmode, freeze.grace.0), (SslMode::VerifyFull, Duration::from_secs(5)));
        let missing = toml::from_str::<RdsOptions>(&format!("{FILE}[freeze]\ndatabase = \"x\"")).unwrap_err();
        assert!(missing.to_string().contains("missing field `admin`"), "{missing}");
    }

    #[test]
    fn unknown_keys_are_refused() {
        let error =
            toml::from_str::<RdsOptions>(&FILE.replace("region =", "regoin =")).unwrap_err().to_string();
        assert!(error.contains("unknown field `regoin`"), "{error}");
    }
}
