//! Periods and servers: the small values of a pair's policies, and what is sensible for them.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::super::document::Node;
use super::super::problem::quoted;
use super::super::{ConfigPath, Period, Problem};
use super::{Reader, span_of};
use crate::model::{DnsPolicy, ProbePolicy};

pub(super) const DAY: Duration = Duration::from_secs(86_400);
const DNS_PORT: u16 = 53;

/// What is sensible for a period. Beyond it, a slip in the unit is more probable than the intent.
pub(super) struct Sensible {
    least: Duration,
    most: Duration,
}

impl Sensible {
    pub(super) const fn new(least: Duration, most: Duration) -> Self {
        Self { least, most }
    }
}

const SWAP_TTL: Sensible = Sensible::new(Duration::from_secs(1), DAY);
const MARGIN: Sensible = Sensible::new(Duration::ZERO, DAY);
const PROPAGATION: Sensible = Sensible::new(Duration::from_secs(1), DAY);
const EVERY: Sensible = Sensible::new(Duration::from_millis(10), Duration::from_secs(60));

impl Reader {
    /// Reads `[pair.NAME.dns]`, or takes the defaults.
    pub(super) fn dns(&mut self, pair: &Node, path: &ConfigPath) -> DnsPolicy {
        let path = path.key("dns");
        let mut policy = DnsPolicy::default();
        let Some(node) = pair.get("dns") else { return policy };
        let table = (node, &path);
        self.period(&mut policy.swap_ttl, table, "swap_ttl", &SWAP_TTL);
        self.period(&mut policy.margin, table, "margin", &MARGIN);
        self.period(&mut policy.propagation_deadline, table, "propagation_deadline", &PROPAGATION);
        if policy.swap_ttl.subsec_nanos() != 0 && policy.swap_ttl > SWAP_TTL.least {
            let at = span_of(node, "swap_ttl");
            self.report(Problem::new("a TTL is whole seconds", &path.key("swap_ttl"), at));
        }
        policy.resolvers = self.servers(node, &path, "resolvers");
        policy
    }

    /// Reads `[pair.NAME.probe]`, or takes the defaults.
    pub(super) fn probe(&mut self, pair: &Node, path: &ConfigPath) -> ProbePolicy {
        let path = path.key("probe");
        let mut policy = ProbePolicy::default();
        if let Some(node) = pair.get("probe") {
            self.period(&mut policy.every, (node, &path), "every", &EVERY);
        }
        policy
    }

    pub(super) fn period(
        &mut self,
        into: &mut Duration,
        table: (&Node, &ConfigPath),
        key: &str,
        sensible: &Sensible,
    ) {
        let (node, path) = table;
        let Some(Period(period)) = self.field(node, path, key) else { return };
        if period < sensible.least || period > sensible.most {
            let message = format!("`{key}` is out of range: {}", Period(period));
            let help = format!("it must be from {} to {}", Period(sensible.least), Period(sensible.most));
            self.report(Problem::new(message, &path.key(key), span_of(node, key)).help(help));
        }
        *into = period;
    }

    /// Reads a list of servers, each `IP` or `IP:port`.
    pub(super) fn servers(&mut self, table: &Node, path: &ConfigPath, key: &str) -> Vec<SocketAddr> {
        let given: Vec<String> = self.field(table, path, key).unwrap_or_default();
        let path = path.key(key);
        let nodes = table.get(key).map(Node::items).unwrap_or_default();
        let mut servers: Vec<SocketAddr> = Vec::new();
        for (index, (text, node)) in given.iter().zip(nodes).enumerate() {
            let problem = |message: String| Problem::new(message, &path.index(index), node.span.clone());
            match server(text) {
                Some(server) if servers.contains(&server) => {
                    let first = servers.iter().position(|known| *known == server);
                    let first = first.and_then(|first| nodes.get(first)).unwrap_or(node).span.clone();
                    let message = format!("the server {} is listed twice", quoted(text));
                    self.report(problem(message).also(first, "first listed here"));
                }
                Some(server) => servers.push(server),
                None => self.report(
                    problem(format!("{} is no address of a server", quoted(text)))
                        .help("write `IP` or `IP:port`, such as `1.1.1.1`, `127.0.0.1:5300` or `[::1]:53`"),
                ),
            }
        }
        servers
    }
}

fn server(text: &str) -> Option<SocketAddr> {
    let whole = text.parse::<SocketAddr>().ok().filter(|server| server.port() != 0);
    whole.or_else(|| text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, DNS_PORT)))
}
