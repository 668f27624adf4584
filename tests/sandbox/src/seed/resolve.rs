//! From the seed as written to what the sandbox runs: everything checked, ids made up, records in their zones.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;

use super::{DnsSeed, LimitSeed, RecordSeed, Seed, SeedError, SiteSeed, TokenSeed, ZoneSeed};
use crate::api::auth::{Grant, Owner, Token, has_token_form};
use crate::api::limit::{Limiter, Policy};
use crate::dns::authority::DnsSettings;
use crate::dns::publish::Edge;
use crate::fault::Faults;
use crate::gitlab::GitLabSeed;
use crate::ids;
use crate::log::Log;
use crate::world::State;
use crate::zone::{Draft, RecordId, Zone, ZoneId};
use secrecy::ExposeSecret;

/// A seed that can be run.
#[derive(Clone, Debug)]
pub(crate) struct Plot {
    pub(crate) api: SocketAddr,
    pub(crate) latency: Duration,
    pub(crate) policy: Policy,
    pub(crate) tokens: Vec<Token>,
    pub(crate) zones: Vec<Zone>,
    pub(crate) edge: Edge,
    pub(crate) servers: Vec<ServerPlot>,
    pub(crate) resolvers: Vec<ResolverPlot>,
    pub(crate) sites: Vec<SiteSeed>,
    pub(crate) gitlab: Vec<GitLabSeed>,
}

/// A name server to start.
#[derive(Clone, Debug)]
pub(crate) struct ServerPlot {
    pub(crate) name: String,
    pub(crate) listen: SocketAddr,
    pub(crate) settings: DnsSettings,
}

/// A resolver to start, with the positions of the servers it asks.
#[derive(Clone, Debug)]
pub(crate) struct ResolverPlot {
    pub(crate) name: String,
    pub(crate) listen: SocketAddr,
    pub(crate) servers: Vec<usize>,
}

impl Plot {
    /// The state that the sandbox starts with, and returns to on a reset.
    pub(crate) fn state(&self) -> State {
        State {
            zones: self.zones.clone(),
            tokens: self.tokens.clone(),
            limiter: Limiter::new(self.policy),
            faults: Faults::default(),
            latency: self.latency,
            log: Log::default(),
        }
    }
}

impl Seed {
    /// Checks everything.
    pub(crate) fn resolve(&self) -> Result<Plot, SeedError> {
        distinct("token", self.tokens.iter().map(|token| token.name.as_str()))?;
        distinct("GitLab server", self.gitlab.iter().map(|server| server.name.as_str()))?;
        distinct("zone", self.zones.iter().map(|zone| zone.name.as_str()))?;
        distinct("name server", self.dns.iter().map(|server| server.name.as_str()))?;
        distinct("resolver", self.resolvers.iter().map(|resolver| resolver.name.as_str()))?;
        let name_servers: Vec<String> = self.dns.iter().map(|server| server.name.clone()).collect();
        let zones: Vec<Zone> =
            self.zones.iter().map(|seed| zone(seed, &name_servers)).collect::<Result<_, _>>()?;
        distinct("zone id", zones.iter().map(|zone| zone.id.as_str()))?;
        Ok(Plot {
            api: self.api.listen,
            latency: Duration::from_millis(self.api.latency_ms),
            policy: self.api.limit.policy(),
            tokens: self.tokens.iter().map(|seed| token(seed, &zones)).collect::<Result<_, _>>()?,
            edge: Edge { v4: self.edge.v4.clone(), v6: self.edge.v6.clone() },
            servers: self.dns.iter().map(server).collect(),
            resolvers: self
                .resolvers
                .iter()
                .map(|seed| resolver(seed, &name_servers))
                .collect::<Result<_, _>>()?,
            sites: self.sites.iter().map(|site| self.with_files(site)).collect(),
            gitlab: self.gitlab.clone(),
            zones,
        })
    }

    /// A site with the directory that its side and environment share, if it names none itself.
    fn with_files(&self, site: &SiteSeed) -> SiteSeed {
        let beside = |other: &&SiteSeed| other.side == site.side && other.environment == site.environment;
        let shared = || self.sites.iter().filter(beside).find_map(|other| other.files.clone());
        SiteSeed { files: site.files.clone().or_else(shared), ..site.clone() }
    }
}

impl LimitSeed {
    pub(crate) fn policy(self) -> Policy {
        Policy {
            requests: self.requests,
            window: Duration::from_millis(self.window_ms),
            block: Duration::from_millis(self.block_ms),
        }
    }
}

fn distinct<'a>(what: &'static str, names: impl Iterator<Item = &'a str>) -> Result<(), SeedError> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if name.is_empty() || !seen.insert(name.to_ascii_lowercase()) {
            return Err(SeedError::Name { what, value: name.to_owned() });
        }
    }
    Ok(())
}

fn account_id(name: &str) -> String {
    if ids::is_id(name) { name.to_owned() } else { ids::hex(&["account", name]) }
}

fn token(seed: &TokenSeed, zones: &[Zone]) -> Result<Token, SeedError> {
    if !has_token_form(seed.value.expose_secret()) {
        return Err(SeedError::TokenForm(seed.name.clone()));
    }
    let owner = match (&seed.user, &seed.account) {
        (Some(user), None) => Owner::User(user.clone()),
        (None, Some(account)) => Owner::Account(account_id(account)),
        (Some(_), Some(_)) | (None, None) => return Err(SeedError::TokenOwner(seed.name.clone())),
    };
    let named = seed.grants.iter().flat_map(|grant| &grant.zones);
    for name in named.filter(|name| *name != "*") {
        if !zones.iter().any(|zone| zone.name == *name) {
            let by = format!("token {}", seed.name);
            return Err(SeedError::Unknown { by, what: "zone", value: name.clone() });
        }
    }
    let grants =
        seed.grants.iter().map(|grant| Grant { zones: grant.zones.clone(), allow: grant.allow.clone() });
    Ok(Token {
        name: seed.name.clone(),
        id: ids::hex(&["token", &seed.name]),
        secret: seed.value.clone(),
        owner,
        status: seed.status,
        not_before: seed.not_before,
        expires_on: seed.expires_on,
        grants: grants.collect(),
    })
}

fn zone(seed: &ZoneSeed, name_servers: &[String]) -> Result<Zone, SeedError> {
    let name = seed.name.trim_end_matches('.').to_ascii_lowercase();
    let id = seed.id.clone().unwrap_or_else(|| ids::hex(&["zone", &name]));
    if !ids::is_id(&id) {
        return Err(SeedError::Name { what: "zone id", value: id });
    }
    let now = Timestamp::now();
    let mut zone = Zone {
        id: ZoneId(id),
        account: account_id(&seed.account),
        plan: seed.plan,
        shortest_ttl: seed.min_ttl.unwrap_or(seed.plan.shortest_ttl()),
        most_records: seed.max_records.unwrap_or(seed.plan.record_limit()),
        name_servers: name_servers.to_vec(),
        created_on: now,
        modified_on: now,
        serial: 1,
        records: std::collections::BTreeMap::new(),
        ids_given: 0,
        name,
    };
    for record in &seed.records {
        add(&mut zone, record, now)?;
    }
    Ok(zone)
}

fn add(zone: &mut Zone, seed: &RecordSeed, now: Timestamp) -> Result<(), SeedError> {
    let draft = Draft {
        name: Some(seed.name.clone()),
        kind: seed.kind,
        content: seed.content.clone(),
        data: seed.data.clone(),
        priority: seed.priority,
        ttl: seed.ttl,
        proxied: seed.proxied,
        comment: seed.comment.clone(),
        tags: seed.tags.clone(),
        settings: seed.settings.clone(),
    };
    let mut record = zone.add(&draft, now).map_err(|source| {
        let kind = seed.kind.map_or("?", |kind| kind.as_str());
        SeedError::Record { zone: zone.name.clone(), record: format!("{kind} {}", seed.name), source }
    })?;
    if let Some(id) = &seed.id {
        let wanted = RecordId(id.clone());
        if !ids::is_id(id) || zone.records.contains_key(&wanted) {
            return Err(SeedError::Name { what: "record id", value: id.clone() });
        }
        zone.records.remove(&record.id);
        record.id = wanted.clone();
        zone.records.insert(wanted, record);
    }
    Ok(())
}

fn server(seed: &DnsSeed) -> ServerPlot {
    let DnsSeed { name, listen, delay_ms, jitter_ms, answering } = seed.clone();
    ServerPlot { name, listen, settings: DnsSettings { answering, delay_ms, jitter_ms } }
}

fn resolver(seed: &super::ResolverSeed, servers: &[String]) -> Result<ResolverPlot, SeedError> {
    let position = |name: &String| {
        servers.iter().position(|server| server == name).ok_or_else(|| SeedError::Unknown {
            by: format!("resolver {}", seed.name),
            what: "name server",
            value: name.clone(),
        })
    };
    let named: Vec<usize> = seed.servers.iter().map(position).collect::<Result<_, _>>()?;
    let asked = if named.is_empty() { (0..servers.len()).collect() } else { named };
    Ok(ResolverPlot { name: seed.name.clone(), listen: seed.listen, servers: asked })
}
