//! What the configuration may say about asking DNS servers.

use std::net::SocketAddr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use switchover::config::Period;

/// How DNS servers are asked. Every field has a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DnsOptions {
    /// How long one question may take in all, retransmissions and a retry over TCP included.
    pub timeout: Period,
    /// The recursive resolvers to use instead of those in `/etc/resolv.conf`, each as `address:port`.
    pub system_resolvers: Vec<SocketAddr>,
}

impl Default for DnsOptions {
    fn default() -> Self {
        Self { timeout: Period(Duration::from_secs(3)), system_resolvers: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_refused_and_an_empty_table_is_the_default() {
        assert_eq!(serde_json::from_str::<DnsOptions>("{}").unwrap(), DnsOptions::default());
        assert!(serde_json::from_str::<DnsOptions>(r#"{"time_out": "3s"}"#).is_err());
        let options: DnsOptions = serde_json::from_str(r#"{"system_resolvers": ["[::1]:5353"]}"#).unwrap();
        assert_eq!(options.system_resolvers, ["[::1]:5353".parse().unwrap()]);
    }
}
