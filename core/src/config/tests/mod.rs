//! The configuration as a whole: the examples, what people read when a file is wrong, and what must never happen.

mod examples;
mod lint;
mod mistakes;
mod robust;

use std::collections::BTreeMap;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Catalog, Config, Kind, Period, PortKind, Problems, SecretRef};

/// Options as the provider crates have them, near enough to read the examples.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Cloudflare {
    /// The API token.
    pub(super) token: SecretRef,
    /// Another address of the API.
    pub(super) base_url: Option<String>,
    /// The smallest TTL.
    pub(super) minimum_ttl: Option<Period>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is of interest")]
struct Rfc2136 {
    server: IpAddr,
    key_name: String,
    key: SecretRef,
    algorithm: Option<Algorithm>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Algorithm {
    /// The usual one.
    HmacSha256,
    HmacSha512,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Ec2 {
    pub(super) profile: String,
    pub(super) region: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Fixed {
    pub(super) addresses: BTreeMap<String, IpAddr>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Http {
    pub(super) scheme: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) path: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Sqlite {
    pub(super) path: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Files {
    pub(super) sides: BTreeMap<String, FilesSide>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FilesSide {
    pub(super) path: String,
    pub(super) freeze: Option<BTreeMap<String, serde_json::Value>>,
}

pub(super) fn catalog() -> Catalog {
    Catalog::new([
        Kind::of::<Cloudflare>(PortKind::Names, "cloudflare"),
        Kind::of::<Rfc2136>(PortKind::Names, "rfc2136"),
        Kind::of::<Ec2>(PortKind::Addresses, "ec2"),
        Kind::of::<Fixed>(PortKind::Addresses, "fixed"),
        Kind::of::<Http>(PortKind::Check, "http"),
        Kind::of::<Sqlite>(PortKind::State, "sqlite"),
        Kind::of::<Files>(PortKind::Store, "files"),
    ])
    .unwrap()
}

fn parse(text: &str) -> Result<Config, Problems> {
    super::parse("switchover.toml", text, &catalog())
}

/// What a person reads about a file that must be wrong.
fn complaint(text: &str) -> String {
    parse(text).expect_err("this file is wrong").to_string()
}

const CORRECTED: &str = include_str!("../../../../examples/gigadb/switchover.toml");
const PUBLISHED: &str = include_str!("../../../../examples/gigadb/published.toml");
const SANDBOX: &str = include_str!("../../../../examples/gigadb/sandbox.toml");

/// The smallest file that is good; each test that needs a fault puts one in.
const SMALL: &str = r#"
[dns.cloudflare]
provider = "cloudflare"
token = { env = "T" }
zones = ["example.org"]

[checks.site]
provider = "http"

[pair.shop.sides.north]
addresses = { provider = "ec2", profile = "north", region = "eu-north-1" }

[pair.shop.sides.south]
addresses = { provider = "ec2", profile = "south", region = "eu-south-1" }

[[pair.shop.environments.live.endpoints]]
production = "example.org"
standby = "standby.example.org"
address = "web"
checks = ["site"]
"#;

/// The small file with one part exchanged for another.
fn small(from: &str, to: &str) -> String {
    assert!(SMALL.contains(from), "{from}");
    SMALL.replacen(from, to, 1)
}
