//! What the configuration says about a DNS server that takes updates.

use std::time::Duration;

use hickory_proto::rr::rdata::tsig::TsigAlgorithm;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use switchover::config::{Period, SecretRef};

/// The algorithms of TSIG that are not deprecated (RFC 8945 section 6), untruncated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// HMAC with SHA-256.
    #[default]
    HmacSha256,
    /// HMAC with SHA-384.
    HmacSha384,
    /// HMAC with SHA-512.
    HmacSha512,
}

impl From<Algorithm> for TsigAlgorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::HmacSha256 => Self::HmacSha256,
            Algorithm::HmacSha384 => Self::HmacSha384,
            Algorithm::HmacSha512 => Self::HmacSha512,
        }
    }
}

/// A primary DNS server and the key that may update its zones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rfc2136Options {
    /// The primary server, as `host:port`, `address:port` or `[v6 address]:port`. It is asked over TCP.
    pub server: String,
    /// The name of the TSIG key, as the server knows it.
    pub key_name: String,
    /// Where the key's secret is to be found, in base64 as `tsig-keygen` and `keymgr` print it.
    pub key: SecretRef,
    /// The key's algorithm.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// How long one read or one update message may take in all, connecting included.
    #[serde(default = "ten_seconds")]
    pub timeout: Period,
    /// The longest time after which an update that was not answered may still be applied. It is kept by the signature, which
    /// the server takes for half of this time at most (and never for more than 5 minutes): the clocks of this machine and
    /// the server may differ by that half, and no more.
    #[serde(default = "two_minutes")]
    pub in_flight: Period,
}

fn ten_seconds() -> Period {
    Period(Duration::from_secs(10))
}

fn two_minutes() -> Period {
    Period(Duration::from_secs(120))
}

impl Rfc2136Options {
    /// For how long a signature is good, before and after the time it names, in seconds ("fudge"; 300 is what RFC 8945
    /// section 10 recommends). A clock that is ahead by as much makes an update good for twice as long, and no longer.
    pub(crate) fn fudge(&self) -> u16 {
        u16::try_from(self.in_flight.0.as_secs() / 2).unwrap_or(u16::MAX).clamp(1, 300)
    }
}

/// Why options make no name service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rfc2136Error {
    /// The server is not `host:port`.
    #[error("server `{0}` must be a host and a port, such as `ns1.example.org:53`")]
    Server(String),
    /// The key's name is no domain name.
    #[error("key_name `{0}` is no domain name")]
    KeyName(String),
    /// The secret is no base64. It is not shown.
    #[error("the secret in {0} is not base64; TSIG secrets are written in base64")]
    Secret(String),
    /// The secret is empty.
    #[error("the secret in {0} is empty")]
    NoSecret(String),
    /// The time after which an update can no longer be applied is too short for the clocks of two machines.
    #[error(
        "in_flight `{0}` is too short: half of it is all that the server's clock may differ from this one; take at least 10 s"
    )]
    InFlight(Period),
}

/// Refuses a server without a port; whether the host exists is seen when it is asked.
pub(crate) fn refuse_bad_server(server: &str) -> Result<(), Rfc2136Error> {
    let bad = |c: char| c.is_whitespace() || c.is_control();
    match server.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && !host.contains(bad) && port.parse::<u16>().is_ok() => {
            Ok(())
        }
        _ => Err(Rfc2136Error::Server(server.escape_debug().to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_with_their_defaults_and_unknown_keys_refused() {
        let text = r#"{"server": "ns1:53", "key_name": "k", "key": {"env": "KEY"}}"#;
        let options: Rfc2136Options = serde_json::from_str(text).unwrap();
        assert_eq!((options.algorithm, options.timeout.0.as_secs()), (Algorithm::HmacSha256, 10));
        let text = text.replace("key_name", "keyname");
        assert!(serde_json::from_str::<Rfc2136Options>(&text).is_err());
        assert_eq!(serde_json::from_str::<Algorithm>(r#""hmac-sha512""#).unwrap(), Algorithm::HmacSha512);
    }

    #[test]
    fn a_server_needs_a_host_and_a_port() {
        for server in ["ns1.example.org:53", "192.0.2.1:5353", "[2001:db8::1]:53"] {
            assert_eq!(refuse_bad_server(server), Ok(()), "{server}");
        }
        for server in ["ns1.example.org", ":53", "ns1:dns", "ns1 :53", "ns1:70000", ""] {
            assert!(refuse_bad_server(server).is_err(), "{server}");
        }
    }
}
