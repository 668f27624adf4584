//! The seed: a TOML file that says what the sandbox holds and where it listens.
//!
//! Every key is documented at its field here; unknown keys are refused. `tests/sandbox/seeds/gigadb.toml` is a
//! complete example. A port of 0 is replaced by a free one.

pub(crate) mod resolve;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::api::auth::{Permission, TokenStatus};
use crate::dns::Answering;
use crate::gitlab::GitLabSeed;
use crate::zone::{Kind, Plan, Refusal};

/// The file as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    /// The emulated API.
    pub api: ApiSeed,
    /// The tokens that open it. The first is the one a command run by the program gets.
    #[serde(default)]
    pub tokens: Vec<TokenSeed>,
    /// The zones with their records.
    #[serde(default)]
    pub zones: Vec<ZoneSeed>,
    /// What proxied names answer with.
    #[serde(default)]
    pub edge: EdgeSeed,
    /// The authoritative name servers; all of them serve all zones.
    #[serde(default)]
    pub dns: Vec<DnsSeed>,
    /// The caching resolvers.
    #[serde(default)]
    pub resolvers: Vec<ResolverSeed>,
    /// The sites.
    #[serde(default)]
    pub sites: Vec<SiteSeed>,
    /// The GitLab servers.
    #[serde(default)]
    pub gitlab: Vec<GitLabSeed>,
}

/// Where and how the API is served.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiSeed {
    /// Address and port.
    pub listen: SocketAddr,
    /// Milliseconds that every request takes before its work is done.
    #[serde(default)]
    pub latency_ms: u64,
    /// The limit of requests.
    #[serde(default)]
    pub limit: LimitSeed,
}

/// The limit of requests per user; Cloudflare's own, if not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitSeed {
    /// How many requests fit in a window.
    pub requests: u32,
    /// Milliseconds of the window.
    pub window_ms: u64,
    /// Milliseconds for which a user is blocked who exceeded it.
    pub block_ms: u64,
}

impl Default for LimitSeed {
    /// <https://developers.cloudflare.com/fundamentals/api/reference/limits/>.
    fn default() -> LimitSeed {
        LimitSeed { requests: 1_200, window_ms: 300_000, block_ms: 300_000 }
    }
}

/// A token of a user or of an account.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSeed {
    /// The name by which logs and controls know it.
    pub name: String,
    /// What the client sends: 40 to 80 letters, digits, `-` and `_`.
    pub value: SecretString,
    /// The user it belongs to. Give this or `account`.
    pub user: Option<String>,
    /// The account it belongs to.
    pub account: Option<String>,
    /// Whether it is active, disabled or expired.
    #[serde(default)]
    pub status: TokenStatus,
    /// From when on it is valid (RFC 3339).
    pub not_before: Option<Timestamp>,
    /// Until when it is valid (RFC 3339).
    pub expires_on: Option<Timestamp>,
    /// What it may do.
    #[serde(default)]
    pub grants: Vec<GrantSeed>,
}

/// Permissions on some zones.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantSeed {
    /// Names of zones; `*` is all of them.
    pub zones: Vec<String>,
    /// What is allowed there.
    pub allow: Vec<Permission>,
}

/// A zone.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZoneSeed {
    /// Its name, such as `gigadb.org`.
    pub name: String,
    /// Its id, 32 hexadecimal digits; made from the name if not said.
    pub id: Option<String>,
    /// The account it is in.
    #[serde(default = "default_account")]
    pub account: String,
    /// Its plan, which sets its limits.
    #[serde(default)]
    pub plan: Plan,
    /// The shortest TTL in seconds. The real API has none below 60 (Enterprise: 30); a demonstration may go below
    /// so that nobody needs to wait.
    pub min_ttl: Option<u32>,
    /// How many records it may hold, if not as many as its plan allows a new zone. Older zones and those with a contract of their own may
    /// hold more (<https://developers.cloudflare.com/dns/manage-dns-records/>).
    pub max_records: Option<usize>,
    /// Its records.
    #[serde(default)]
    pub records: Vec<RecordSeed>,
}

fn default_account() -> String {
    "sandbox".to_owned()
}

/// A record, with the fields of the API.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordSeed {
    /// Its id, 32 hexadecimal digits; made up if not said.
    pub id: Option<String>,
    /// The complete name, or `@` for the zone itself.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    /// Its value as one text.
    pub content: Option<String>,
    /// Its value by fields, of CAA and SRV records.
    pub data: Option<Value>,
    /// The preference of an MX record.
    pub priority: Option<u16>,
    /// In seconds; 1, which is automatic, if not said.
    pub ttl: Option<u32>,
    /// Whether it is proxied.
    pub proxied: Option<bool>,
    /// A note.
    pub comment: Option<String>,
    /// `name:value` labels.
    pub tags: Option<Vec<String>>,
    /// Settings such as `flatten_cname`.
    pub settings: Option<Map<String, Value>>,
}

/// The addresses of Cloudflare's edge.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EdgeSeed {
    /// For A questions.
    pub v4: Vec<Ipv4Addr>,
    /// For AAAA questions.
    pub v6: Vec<Ipv6Addr>,
}

impl Default for EdgeSeed {
    /// Addresses for documentation (RFC 5737, RFC 3849).
    fn default() -> EdgeSeed {
        EdgeSeed {
            v4: vec![Ipv4Addr::new(203, 0, 113, 1), Ipv4Addr::new(203, 0, 113, 2)],
            v6: vec![Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)],
        }
    }
}

/// An authoritative name server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DnsSeed {
    /// Its host name, which the NS records of the zones give.
    pub name: String,
    /// Address and port, for UDP and TCP.
    pub listen: SocketAddr,
    /// Milliseconds from a commit of the API until this server shows it.
    #[serde(default)]
    pub delay_ms: u64,
    /// Up to so many milliseconds more, another number for each record set.
    #[serde(default)]
    pub jitter_ms: u64,
    /// How it answers.
    #[serde(default)]
    pub answering: Answering,
}

/// A caching resolver.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolverSeed {
    /// Its name, for controls.
    pub name: String,
    /// Address and port, for UDP and TCP.
    pub listen: SocketAddr,
    /// The names of the servers it asks; all, if not said.
    #[serde(default)]
    pub servers: Vec<String>,
}

/// A site: one address of one side.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteSeed {
    /// The side it stands on.
    pub side: String,
    /// The environment it belongs to.
    pub environment: String,
    /// The name of its address, the same on either side.
    pub name: String,
    /// Address and port. All sites with port 0 get one and the same free port.
    pub listen: SocketAddr,
    /// The directory in which its application keeps files, relative to the folder of the seed (to the current one for a seed that was read
    /// from no file). It must be there: the sandbox does not make it, as nobody mounts a disk that is missing. Sites of the same side and
    /// environment that name none share this one.
    pub files: Option<PathBuf>,
}

/// Why a seed cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The file cannot be read.
    #[error("cannot read the seed {path}")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no TOML of the documented form.
    #[error("the seed is not of the documented form")]
    Parse(#[source] Box<toml::de::Error>),
    /// A token has no form that the API accepts.
    #[error("token {0}: its value must be 40 to 80 letters, digits, '-' and '_'")]
    TokenForm(String),
    /// A token belongs to nobody, or to both a user and an account.
    #[error("token {0}: give either user or account")]
    TokenOwner(String),
    /// A name or id is used twice, or an id has no form that the API accepts.
    #[error("{what} {value} is used twice, or is not of the right form")]
    Name {
        /// What it names.
        what: &'static str,
        /// The name or id.
        value: String,
    },
    /// Something names what the seed does not have.
    #[error("{by} names {what} {value}, which the seed does not have")]
    Unknown {
        /// What names it.
        by: String,
        /// What is named.
        what: &'static str,
        /// The name.
        value: String,
    },
    /// A record breaks a rule of the API.
    #[error("zone {zone}, record {record}")]
    Record {
        /// The zone.
        zone: String,
        /// The record's type and name.
        record: String,
        /// The rule.
        source: Refusal,
    },
}

impl Seed {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Seed, SeedError> {
        let shown = || path.display().to_string();
        let text =
            std::fs::read_to_string(path).map_err(|source| SeedError::Read { path: shown(), source })?;
        let mut seed = Seed::parse(&text)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for files in seed.sites.iter_mut().filter_map(|site| site.files.as_mut()) {
            *files = folder.join(&*files);
        }
        Ok(seed)
    }

    /// Reads the text of a file.
    pub fn parse(text: &str) -> Result<Seed, SeedError> {
        toml::from_str(text).map_err(|error| SeedError::Parse(Box::new(error)))
    }
}
