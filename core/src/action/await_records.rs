//! Wait until every server that is asked serves what was changed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt as _};
use serde::{Deserialize, Serialize};

use super::perform::{between, doubling, milliseconds};
use super::{Acted, Context, Look, Perform};
use crate::journal::Fact;
use crate::model::{AddressKind, DnsName, ZoneRef};
use crate::port::{DnsServer, ResolveError};

/// Which servers are asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Servers {
    /// The zone's authoritative servers: these, or found by the zone's NS records if none are named.
    Authoritative(Vec<SocketAddr>),
    /// Resolvers that keep answers.
    Resolvers(Vec<SocketAddr>),
}

/// What a name shall lead to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedName {
    /// The name.
    pub name: DnsName,
    /// The family of address.
    pub family: AddressKind,
    /// Exactly these addresses.
    pub addresses: BTreeSet<IpAddr>,
}

/// Names of one zone and what they shall lead to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwaitRecords {
    /// The zone.
    pub zone: ZoneRef,
    /// Who is asked.
    pub servers: Servers,
    /// What they shall say.
    pub names: Vec<ExpectedName>,
}

/// At most this many questions are on their way at once.
const AT_ONCE: usize = 64;

/// Asks every server for every name until all agree.
#[derive(Debug)]
pub(super) struct Wait<'a> {
    action: &'a AwaitRecords,
    servers: Vec<DnsServer>,
    agreed: BTreeMap<usize, Fact>,
}

impl<'a> Wait<'a> {
    pub(super) fn new(action: &'a AwaitRecords) -> Self {
        Self { action, servers: Vec::new(), agreed: BTreeMap::new() }
    }

    async fn find_servers(&mut self, context: &Context<'_>) -> Result<(), ResolveError> {
        if !self.servers.is_empty() {
            return Ok(());
        }
        let named = match &self.action.servers {
            Servers::Authoritative(named) | Servers::Resolvers(named) => named,
        };
        self.servers = if named.is_empty() {
            context.ports.resolver.authorities(&self.action.zone.zone).await?
        } else {
            named.iter().copied().map(DnsServer::from).collect()
        };
        Ok(())
    }

    /// What each server says that does not agree, name by name, for the names that did not agree before.
    async fn ask(&self, context: &Context<'_>) -> BTreeMap<usize, Vec<String>> {
        let open = self.action.names.iter().enumerate().filter(|(place, _)| !self.agreed.contains_key(place));
        let questions: Vec<_> = open
            .flat_map(|(place, expected)| self.servers.iter().map(move |server| (place, expected, server)))
            .map(|(place, expected, server)| async move {
                (place, server, hear(context, server, expected, &self.action.servers).await)
            })
            .collect();
        let mut heard: BTreeMap<usize, BTreeMap<&str, Vec<Heard>>> = BTreeMap::new();
        let mut answers = stream::iter(questions).buffer_unordered(AT_ONCE);
        while let Some((place, server, answer)) = answers.next().await {
            heard.entry(place).or_default().entry(&server.label).or_default().push(answer);
        }
        heard
            .into_iter()
            .map(|(place, hosts)| {
                (place, hosts.into_values().filter_map(|heard| objection(&heard)).collect())
            })
            .collect()
    }
}

/// What one address of a server says about one name.
enum Heard {
    Agrees,
    Differs(String),
    Silent(String),
}

/// What keeps a server from agreeing: an address of it that answers otherwise, or none that answers. A silent address beside
/// one that agrees is one that cannot be reached from here, such as an IPv6 address where there is no IPv6.
fn objection(heard: &[Heard]) -> Option<String> {
    let differs = heard.iter().find_map(|heard| match heard {
        Heard::Differs(why) => Some(why.clone()),
        Heard::Agrees | Heard::Silent(_) => None,
    });
    let silent = heard.iter().find_map(|heard| match heard {
        Heard::Silent(why) => Some(why.clone()),
        Heard::Agrees | Heard::Differs(_) => None,
    });
    let agrees = heard.iter().any(|heard| matches!(heard, Heard::Agrees));
    differs.or(if agrees { None } else { silent })
}

async fn hear(
    context: &Context<'_>,
    server: &DnsServer,
    expected: &ExpectedName,
    servers: &Servers,
) -> Heard {
    match context.ports.resolver.ask(server, &expected.name, expected.family).await {
        Ok(answer) if answer.addresses != expected.addresses => {
            let seen: Vec<String> = answer.addresses.iter().map(ToString::to_string).collect();
            let seen = if seen.is_empty() { "nothing".to_owned() } else { seen.join(", ") };
            Heard::Differs(format!("{server} says {seen}"))
        }
        Ok(answer) => match servers {
            Servers::Authoritative(_) if !answer.authoritative => {
                Heard::Differs(format!("{server} answers without authority for the zone"))
            }
            Servers::Authoritative(_) | Servers::Resolvers(_) => Heard::Agrees,
        },
        Err(error @ ResolveError::NoAnswer { .. }) => Heard::Silent(error.to_string()),
        Err(error @ (ResolveError::Failed { .. } | ResolveError::NoAuthorities { .. })) => {
            Heard::Differs(error.to_string())
        }
    }
}

#[async_trait]
impl Perform for Wait<'_> {
    async fn look(&mut self, context: &Context<'_>) -> Look {
        if let Err(error) = self.find_servers(context).await {
            return Look::Unseen(error.to_string());
        }
        let since = context.accepted.unwrap_or(context.anchor);
        let mut open = Vec::new();
        for (place, differing) in self.ask(context).await {
            let Some(expected) = self.action.names.get(place) else { continue };
            if differing.is_empty() {
                let after_ms = milliseconds(between(since, context.ports.clock.now()));
                let servers = self.servers.len();
                self.agreed.insert(place, Fact::Agreed { name: expected.name.clone(), servers, after_ms });
            } else {
                open.push(format!("{}: {}", expected.name, differing.join(", ")));
            }
        }
        if open.is_empty() {
            return Look::Done(self.agreed.values().cloned().collect());
        }
        let (agreed, all) = (self.agreed.len(), self.action.names.len());
        Look::Waiting(format!("{agreed} of {all} names agree; {}", open.join("; ")))
    }

    async fn act(&mut self, _: &Context<'_>) -> Acted {
        Acted::Later("reading back only asks".to_owned())
    }

    fn pause(&self, looks: u32) -> Duration {
        doubling(Duration::from_millis(100), Duration::from_secs(2), looks)
    }

    fn in_flight(&self, _: &Context<'_>) -> Duration {
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::{Heard, objection};

    #[test]
    fn a_silent_address_is_forgiven_only_beside_one_that_agrees() {
        let silent = || Heard::Silent("no answer".to_owned());
        let differs = || Heard::Differs("says 192.0.2.1".to_owned());
        assert_eq!(objection(&[Heard::Agrees, silent()]), None);
        assert!(objection(&[silent(), silent()]).is_some());
        assert!(objection(&[Heard::Agrees, differs()]).is_some());
    }
}
