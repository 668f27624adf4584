//! What the configuration says about a database on both sides of a pair.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use switchover::config::{Period, SecretRef};
use switchover_backups::LocationOptions;

/// How the data gets to the stand-by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PostgresMethod {
    /// By a backup that is restored: `pg_dump` and `pg_restore`.
    #[default]
    Dump,
    /// Continuously, by logical replication (PostgreSQL 14 and later, `wal_level = logical` on both sides).
    Streaming,
}

/// Whether a connection is encrypted, and whether the server is known by its certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    /// Not encrypted. For loopback and trusted networks.
    Disable,
    /// Encrypted, whoever the server is; refused if the server offers no TLS.
    Require,
    /// Encrypted, and the server's certificate must be for the host that is connected to.
    #[default]
    VerifyFull,
}

impl SslMode {
    /// The mode as libpq spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Require => "require",
            Self::VerifyFull => "verify-full",
        }
    }
}

/// A user of the database and where its password is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresUser {
    /// The user's name.
    pub user: String,
    /// Where its password is to be found. Without one the password file is asked (`PGPASSFILE`, else `~/.pgpass`), and without an entry
    /// there no password is sent.
    pub password: Option<SecretRef>,
}

/// How the *other side's server* reaches this side for the stream. What is not said is taken from the side itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresReplication {
    /// The host as the other side's server knows it.
    pub host: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// The user that the stream logs in with: it needs `REPLICATION` (or to be superuser) and to read the tables.
    pub user: Option<String>,
    /// Where that user's password is to be found. It is stored in `pg_subscription` on the other side, which only superusers read; a
    /// `passfile` is the better way.
    pub password: Option<SecretRef>,
    /// A password file *on the other side's server* (`host:port:database:user:password`, readable by the server's user alone).
    pub passfile: Option<PathBuf>,
    /// Whether the stream is encrypted; the side's own `sslmode` if not said.
    pub sslmode: Option<SslMode>,
    /// The root certificates for `verify-full`, as a file *on the other side's server*.
    pub root_certificate: Option<PathBuf>,
}

/// The database on one side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresSide {
    /// The host, a name or an address; a path that starts with `/` is the folder of a Unix socket.
    pub host: String,
    /// The port.
    #[serde(default = "default_port")]
    pub port: u16,
    /// The database.
    pub database: String,
    /// The user that freezes, copies and thaws. No client may log in as this user: its writes are never refused. A superuser, or on RDS a
    /// member of `rds_superuser` that owns the tables.
    pub admin: PostgresUser,
    /// The user that the application logs in as. Used to prove that its writes are refused.
    pub application: PostgresUser,
    /// Whether connections are encrypted. Never less than what is said here.
    #[serde(default)]
    pub sslmode: SslMode,
    /// A file of root certificates (PEM) for `verify-full`; the system's own if not given.
    pub root_certificate: Option<PathBuf>,
    /// How the other side's server reaches this one, for streaming.
    #[serde(default)]
    pub replication: PostgresReplication,
}

/// A PostgreSQL database on both sides of a pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresOptions {
    /// How the data gets to the stand-by.
    #[serde(default)]
    pub method: PostgresMethod,
    /// The database on each side, by the side's name.
    pub sides: BTreeMap<String, PostgresSide>,
    /// How long connecting may take, authentication included.
    #[serde(default = "five_seconds")]
    pub connect_timeout: Period,
    /// How long one statement may take that is not bulk work.
    #[serde(default = "thirty_seconds")]
    pub statement_timeout: Period,
    /// How long a freeze waits for clients' transactions to end before it ends their connections.
    #[serde(default = "five_seconds")]
    pub grace: Period,
    /// For how long the proof of a freeze waits until nothing moves.
    #[serde(default = "fifteen_seconds")]
    pub still_within: Period,
    /// How many values each sequence is set ahead at the new production. `nextval` cannot be refused, so clients may take values from the old
    /// production after they were read; each sequence may be called so many times in that time without two rows ever getting the same value.
    #[serde(default = "thousand")]
    pub sequence_gap: u32,
    /// The folder of `pg_dump`, `pg_restore` and `psql`; found on the path if not given.
    pub tools: Option<PathBuf>,
    /// Where backups lie; needed for `method = "dump"`. Both sides' data goes through it, so it must be reachable from where Switchover
    /// runs, and have room for as many backups as are kept.
    pub backups: Option<LocationOptions>,
    /// How many tables `pg_dump` and `pg_restore` work on at a time, each over a connection of its own. Without it: one for each core of
    /// this machine, four at most.
    pub jobs: Option<NonZeroU32>,
    /// How hard `pg_dump` compresses, from 0 (not at all) to 9.
    #[serde(default = "fast_compression")]
    pub compression: u8,
}

/// The least: on the way through a disk more of it costs more time than it saves.
fn fast_compression() -> u8 {
    1
}

fn default_port() -> u16 {
    5432
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

fn thousand() -> u32 {
    1000
}

/// Why options make no store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostgresError {
    /// There are not exactly two sides.
    #[error("a store has two sides, not {0}")]
    Sides(usize),
    /// A side's name is none.
    #[error("`{0}` is no side's name: {1}")]
    SideName(String, String),
    /// A value is empty or holds what no name can.
    #[error("side {side}: `{key}` {why}")]
    Value {
        /// The side.
        side: String,
        /// The key of the value.
        key: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The application is the admin, whose writes are never refused.
    #[error(
        "side {0}: `application` is the same user as `admin`, whose writes are never refused; give the admin a user of its own"
    )]
    SameUser(String),
    /// The data is to be brought over by backups, and there is no place for them.
    #[error(
        "`method = \"dump\"` needs `backups`, the place where they lie, such as `backups = {{ path = \"/var/lib/switchover/backups\" }}`"
    )]
    NoBackups,
    /// The place for backups cannot be used.
    #[error("`backups`: {0}")]
    Backups(String),
    /// A secret could not be had.
    #[error("side {side}: {why}")]
    Secret {
        /// The side.
        side: String,
        /// What happened.
        why: String,
    },
    /// The certificates could not be read or used.
    #[error("side {side}: `root_certificate`: {why}")]
    Certificate {
        /// The side.
        side: String,
        /// What is wrong with them.
        why: String,
    },
}

impl PostgresSide {
    /// Refuses what no server takes.
    pub(crate) fn refuse_bad_values(&self, side: &str) -> Result<(), PostgresError> {
        let named = [
            ("host", &self.host),
            ("database", &self.database),
            ("admin.user", &self.admin.user),
            ("application.user", &self.application.user),
        ];
        for (key, value) in named {
            let why = if value.is_empty() {
                "is empty"
            } else if value.contains(|c: char| c.is_control()) {
                "holds a control character"
            } else {
                continue;
            };
            return Err(PostgresError::Value { side: side.to_owned(), key, why });
        }
        if self.admin.user == self.application.user {
            return Err(PostgresError::SameUser(side.to_owned()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"sides": {"hongkong": {"host": "h", "database": "d", "admin": {"user": "a"},
        "application": {"user": "b", "password": {"env": "B"}}}}}"#;

    #[test]
    fn options_are_read_with_their_defaults_and_unknown_keys_refused() {
        let options: PostgresOptions = serde_json::from_str(TEXT).unwrap();
        let side = &options.sides["hongkong"];
        assert_eq!(
            (side.port, side.sslmode, options.method),
            (5432, SslMode::VerifyFull, PostgresMethod::Dump)
        );
        assert!(serde_json::from_str::<PostgresOptions>(&TEXT.replace("host", "hots")).is_err());
    }

    #[test]
    fn the_application_is_never_the_admin() {
        let options: PostgresOptions = serde_json::from_str(&TEXT.replace("\"b\"", "\"a\"")).unwrap();
        let refused = options.sides["hongkong"].refuse_bad_values("hongkong");
        assert_eq!(refused, Err(PostgresError::SameUser("hongkong".into())));
    }
}
