//! Core's port `Resolver`: authoritative servers, one server, or the machine's own resolvers.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{join, join_all};
use hickory_proto::op::Message;
use hickory_proto::rr::{RData, RecordType};
use switchover::model::{AddressKind, DnsName, ZoneName};
use switchover::port::{Answer, DnsServer, ResolveError, Resolver};
use tokio::time::Instant;

use crate::exchange::exchange;
use crate::message::{Question, addresses, code_name, record_type, refuse_failure};
use crate::options::DnsOptions;
use crate::system;

/// Asks DNS servers over UDP and TCP. Holds no connection and no cache, so that every answer is fresh.
///
/// Needs a tokio runtime with I/O and time enabled. `/etc/hosts` and search domains are not consulted: names are full names,
/// and the point is what DNS says.
#[derive(Debug, Clone)]
pub struct Dns {
    options: DnsOptions,
}

impl Dns {
    /// Asks as the options say.
    pub fn new(options: DnsOptions) -> Self {
        Self { options }
    }

    fn system_resolvers(&self) -> Vec<SocketAddr> {
        match self.options.system_resolvers.as_slice() {
            [] => system::resolvers(),
            named => named.to_vec(),
        }
    }

    /// Asks the machine's resolvers one after the other until one of them answers; together they have one timeout.
    async fn recurse(
        &self,
        name: &DnsName,
        record_type: RecordType,
    ) -> Result<(Question, Message), ResolveError> {
        let servers = self.system_resolvers();
        let deadline = Instant::now() + self.options.timeout.0;
        let mut failure = ResolveError::NoAnswer { server: "no resolver".into(), name: name.to_string() };
        for (place, server) in servers.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(servers.len() - place).unwrap_or(1);
            match put(&DnsServer::from(*server), name, record_type, share).await {
                Ok(answered) => return Ok(answered),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// The names in the zone's NS records.
    async fn name_servers(&self, zone: &ZoneName) -> Result<BTreeSet<DnsName>, ResolveError> {
        let (question, answer) = self.recurse(zone.apex(), RecordType::NS).await?;
        let hosts = question.resolve(&answer).records.into_iter().filter_map(|record| match &record.data {
            RData::NS(host) => DnsName::new(host.0.to_ascii()).ok(),
            _ => None,
        });
        Ok(hosts.collect())
    }

    /// The addresses of a name server, of both families. One family that cannot be looked up is passed over if the other can:
    /// clients reach the server by what they find, too.
    async fn addresses_of(&self, host: &DnsName) -> Result<BTreeSet<IpAddr>, ResolveError> {
        let (v4, v6) = join(self.look_up(host, AddressKind::V4), self.look_up(host, AddressKind::V6)).await;
        match (v4, v6) {
            (Ok(v4), Ok(v6)) => Ok(&v4.addresses | &v6.addresses),
            (Ok(one), Err(_)) | (Err(_), Ok(one)) if !one.addresses.is_empty() => Ok(one.addresses),
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }
}

/// Puts one question to one server; its answer is `NOERROR` or `NXDOMAIN`.
async fn put(
    server: &DnsServer,
    name: &DnsName,
    record_type: RecordType,
    limit: Duration,
) -> Result<(Question, Message), ResolveError> {
    let silent = || ResolveError::NoAnswer { server: server.to_string(), name: name.to_string() };
    let question = Question::new(name, record_type).ok_or_else(silent)?;
    let answer = exchange(server.at, &question, limit).await.map_err(|_| silent())?;
    refuse_failure(&answer).map_err(|code| failed(server, name, code_name(code)))?;
    Ok((question, answer))
}

fn failed(server: &DnsServer, name: &DnsName, code: String) -> ResolveError {
    ResolveError::Failed { server: server.to_string(), name: name.to_string(), code }
}

#[async_trait]
impl Resolver for Dns {
    async fn authorities(&self, zone: &ZoneName) -> Result<Vec<DnsServer>, ResolveError> {
        let lost = |why: String| ResolveError::NoAuthorities { zone: zone.clone(), why };
        let hosts = self.name_servers(zone).await.map_err(|error| lost(error.to_string()))?;
        if hosts.is_empty() {
            return Err(lost("it has no NS records; is it a zone of its own, and spelled right?".into()));
        }
        let found = join_all(hosts.iter().map(|host| self.addresses_of(host))).await;
        let mut servers = BTreeSet::new();
        for (host, addresses) in hosts.iter().zip(found) {
            let addresses = addresses.map_err(|error| lost(error.to_string()))?;
            servers.extend(
                addresses
                    .into_iter()
                    .map(|ip| DnsServer { label: host.to_string(), at: SocketAddr::new(ip, system::PORT) }),
            );
        }
        if servers.is_empty() {
            return Err(lost("none of the hosts in its NS records has an address".into()));
        }
        Ok(servers.into_iter().collect())
    }

    async fn ask(
        &self,
        server: &DnsServer,
        name: &DnsName,
        kind: AddressKind,
    ) -> Result<Answer, ResolveError> {
        let (question, answer) = put(server, name, record_type(kind), self.options.timeout.0).await?;
        addresses(&question, &answer).map_err(|code| failed(server, name, code_name(code)))
    }

    async fn look_up(&self, name: &DnsName, kind: AddressKind) -> Result<Answer, ResolveError> {
        let (question, answer) = self.recurse(name, record_type(kind)).await?;
        let by = DnsServer { label: "the system's resolver".into(), at: ([0, 0, 0, 0], system::PORT).into() };
        addresses(&question, &answer).map_err(|code| failed(&by, name, code_name(code)))
    }
}

#[cfg(test)]
mod tests;
