//! One pair: its sides, its environments and its endpoints.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::de::DeserializeOwned;

use super::super::document::{Entry, Node};
use super::super::problem::{all, quoted};
use super::super::{ConfigPath, PairConfig, PortKind, Problem, ProviderSpec, SettingSpec, StoreSpec};
use super::people::{People, Told};
use super::service::Services;
use super::{Checks, Reader};
use crate::model::{
    AddressName, CheckName, DnsName, Endpoint, Environment, EnvironmentName, Pair, PairName, Role, Service,
    ServiceName, SettingRef, Side, SideName, StoreRef, ZoneName, ZoneRef,
};
use crate::near::nearest;

/// What endpoints may refer to.
#[derive(Clone, Copy)]
struct Known<'a> {
    services: &'a Services,
    checks: &'a Checks,
    sides: &'a [&'a str],
    has_delivery: bool,
}

/// What the providers of an environment's stores and settings are set up from.
#[derive(Default)]
struct Specs {
    stores: BTreeMap<StoreRef, StoreSpec>,
    settings: BTreeMap<SettingRef, SettingSpec>,
}

/// Reads one pair; `None` if something in it is wrong.
pub(super) fn read(
    reader: &mut Reader,
    name: &PairName,
    entry: &Entry,
    services: &Services,
    checks: &Checks,
    people: &People,
) -> Option<PairConfig> {
    let (node, path) = (&entry.node, ConfigPath::pair(name));
    let dns = reader.dns(node, &path);
    let probe = reader.probe(node, &path);
    let sides = reader.sides(node, &path);
    let names: Vec<&str> = sides.iter().flatten().map(|(side, _)| side.name.as_str()).collect();
    let deliveries = reader.deliveries(node, &path, &names);
    let has_delivery = node
        .get("sides")
        .is_some_and(|table| table.entries().iter().any(|entry| entry.node.get("delivery").is_some()));
    let known = Known { services, checks, sides: &names, has_delivery };
    let (environments, Specs { stores, settings }) = reader.environments(node, &path, known);
    let environment_names: Vec<&EnvironmentName> =
        environments.iter().map(|environment| &environment.name).collect();
    let told = reader.told(node, &path, people, &environment_names);
    let [(first, first_book), (second, second_book)] = sides?;
    let addresses = BTreeMap::from([(first.name.clone(), first_book), (second.name.clone(), second_book)]);
    let endpoints = || environments.iter().flat_map(|environment| &environment.endpoints);
    let (services, names) = used_services(services, endpoints())?;
    let checks = used_checks(checks, endpoints())?;
    let sides = [first, second];
    let Told { announce, announcers, role_table, gates, status_pages } = told?;
    let (role_table, table_spec) = role_table.unzip();
    let pair = Pair {
        name: name.clone(),
        sides,
        environments,
        services,
        dns,
        probe,
        announce,
        role_table,
        status_pages: gates,
    };
    Some(PairConfig {
        pair,
        names,
        addresses,
        checks,
        stores,
        deliveries,
        settings,
        announcers,
        role_table: table_spec,
        status_pages,
    })
}

type UsedServices = (BTreeMap<ServiceName, Service>, BTreeMap<ServiceName, ProviderSpec>);

fn used_services<'a>(
    services: &Services,
    endpoints: impl Iterator<Item = &'a Endpoint>,
) -> Option<UsedServices> {
    let used: BTreeSet<&ServiceName> =
        endpoints.flat_map(|endpoint| Role::ALL.map(|role| &endpoint.zone(role).service)).collect();
    let mut found = UsedServices::default();
    for name in used {
        let (service, spec) = services.list.get(name)?.clone()?;
        found.0.insert(name.clone(), service);
        found.1.insert(name.clone(), spec);
    }
    Some(found)
}

fn used_checks<'a>(
    checks: &Checks,
    endpoints: impl Iterator<Item = &'a Endpoint>,
) -> Option<BTreeMap<CheckName, ProviderSpec>> {
    let used: BTreeSet<&CheckName> = endpoints.flat_map(|endpoint| &endpoint.checks).collect();
    used.into_iter().map(|name| Some((name.clone(), checks.get(name)?.clone()?))).collect()
}

/// Names that say what a side does at the moment, or which environment is meant; without case, hyphens and underscores.
const ROLE_NAMES: [&str; 22] = [
    "production",
    "prod",
    "currentproduction",
    "live",
    "active",
    "primary",
    "main",
    "master",
    "leader",
    "current",
    "standby",
    "hotstandby",
    "passive",
    "secondary",
    "backup",
    "replica",
    "slave",
    "follower",
    "spare",
    "old",
    "new",
    "staging",
];

impl Reader {
    fn sides(&mut self, pair: &Node, path: &ConfigPath) -> Option<[(Side, ProviderSpec); 2]> {
        let path = path.key("sides");
        let table = pair.get("sides")?;
        if self.faults.contains(&path) {
            return None;
        }
        let entries = table.entries();
        if entries.len() != 2 {
            let names = all(entries.iter().map(|entry| entry.key.as_str()));
            let found = if names.is_empty() { "none".to_owned() } else { names };
            let message = format!("a pair has exactly two sides, found {found}");
            let span = entries.last().map_or(table.span.clone(), |entry| entry.key_span.clone());
            self.report(Problem::new(message, &path, span));
        }
        let named = self.named(Some(table), &path, SideName::new);
        let read: Vec<Option<(Side, ProviderSpec)>> =
            named.into_iter().map(|(name, entry)| self.side(name, entry, &path)).collect();
        let sides: [(Side, ProviderSpec); 2] =
            read.into_iter().collect::<Option<Vec<_>>>()?.try_into().ok()?;
        self.refuse_one_book(&sides, table);
        Some(sides)
    }

    fn side(&mut self, name: SideName, entry: &Entry, path: &ConfigPath) -> Option<(Side, ProviderSpec)> {
        let path = path.key(&entry.key);
        let folded = name.as_str().to_lowercase().replace(['-', '_', '.'], "");
        if ROLE_NAMES.contains(&folded.as_str()) {
            let message = format!("a side must not be named {}", quoted(name.as_str()));
            let help = "sides swap their roles, so the name would be untrue after a swap; name it after where it is, \
                        such as its region";
            self.report(Problem::new(message, &path, entry.key_span.clone()).help(help));
        }
        let addresses = entry.node.get("addresses")?;
        let book = self.spec(addresses, &path.key("addresses"), PortKind::Addresses);
        let project = self.field(&entry.node, &path, "project");
        let columns = self.columns(&entry.node, &path);
        Some((Side { name, project, columns }, book?))
    }

    /// Two sides with one address book are one side.
    fn refuse_one_book(&mut self, sides: &[(Side, ProviderSpec); 2], table: &Node) {
        let [(first, one), (second, other)] = sides;
        if one.kind != other.kind || one.options != other.options {
            return;
        }
        let span = |side: &Side| {
            let node = table.get(side.name.as_str()).and_then(|node| node.get("addresses"));
            node.map_or(table.span.clone(), |node| node.span.clone())
        };
        let message = format!(
            "both sides look their addresses up at the same place, so {} is {}",
            second.name, first.name
        );
        let problem = Problem::new(message, &other.path, span(second));
        let help = "give each side its own: another profile, region or account";
        self.report(problem.help(help).also(span(first), format!("the addresses of {}", first.name)));
    }

    fn environments(
        &mut self,
        pair: &Node,
        path: &ConfigPath,
        known: Known<'_>,
    ) -> (Vec<Environment>, Specs) {
        let path = path.key("environments");
        let mut specs = Specs::default();
        let Some(table) = pair.get("environments") else { return (Vec::new(), specs) };
        if table.entries().is_empty() && self.is_clean(&path) {
            let problem = Problem::new("this pair has no environment", &path, table.span.clone());
            self.report(problem.help("write `[[pair.NAME.environments.live.endpoints]]`"));
        }
        let named = self.named(Some(table), &path, EnvironmentName::new);
        let read = named.into_iter().map(|(name, entry)| {
            let (path, node) = (path.key(&entry.key), &entry.node);
            let endpoints = self.endpoints(&name, entry, &path, known);
            let stores = self.stores(&name, node, &path, known.sides, &mut specs.stores);
            let settings = self.settings(&name, node, &path, &mut specs.settings);
            let standby_schedules = self.field(node, &path, "standby_schedules").unwrap_or_default();
            self.need_delivery(node, &path, known.has_delivery);
            let policy = self.policy_of_swaps(node, &path);
            Environment { name, endpoints, stores, settings, standby_schedules, policy }
        });
        let environments: Vec<Environment> = read.collect();
        let policies: Vec<_> =
            environments.iter().map(|known| (known.name.clone(), known.policy.clone())).collect();
        self.check_rehearsals(table, &path, &policies);
        (environments, specs)
    }

    fn endpoints(
        &mut self,
        environment: &EnvironmentName,
        entry: &Entry,
        path: &ConfigPath,
        known: Known<'_>,
    ) -> Vec<Endpoint> {
        let path = path.key("endpoints");
        let Some(list) = entry.node.get("endpoints") else { return Vec::new() };
        if list.items().is_empty() && self.is_clean(&path) {
            let message = format!("the environment {} has no endpoint", quoted(environment.as_str()));
            self.report(Problem::new(message, &path, list.span.clone()));
        }
        let read = list.items().iter().enumerate().filter_map(|(index, node)| {
            EndpointReader { reader: self, environment, node, path: path.index(index), known }.endpoint()
        });
        read.collect()
    }
}

/// Reads one endpoint.
struct EndpointReader<'a> {
    reader: &'a mut Reader,
    environment: &'a EnvironmentName,
    node: &'a Node,
    path: ConfigPath,
    known: Known<'a>,
}

impl EndpointReader<'_> {
    fn endpoint(mut self) -> Option<Endpoint> {
        let production = self.name(Role::Production);
        let standby = self.name(Role::Standby);
        let address = self.address();
        let checks = self.checks();
        let probe = self.field("probe").unwrap_or(false);
        if probe && self.node.get("checks").is_none_or(|checks| checks.items().is_empty()) {
            let problem = Problem::new("nothing to probe with", &self.path.key("probe"), self.span("probe"));
            self.reader.report(problem.help("the probe fetches with the first of `checks`; name one"));
        }
        let (production, production_zone) = production?;
        let (standby, standby_zone) = standby?;
        Some(Endpoint {
            production,
            production_zone,
            standby,
            standby_zone,
            address: address?,
            checks,
            probe,
        })
    }

    fn field<T: DeserializeOwned>(&mut self, key: &str) -> Option<T> {
        self.reader.field(self.node, &self.path, key)
    }

    fn address(&mut self) -> Option<AddressName> {
        let text: String = self.field("address")?;
        let (path, span) = (self.path.key("address"), self.span("address"));
        self.reader.id(AddressName::new(text), &path, &span)
    }

    fn span(&self, key: &str) -> Range<usize> {
        super::span_of(self.node, key)
    }

    fn name(&mut self, role: Role) -> Option<(DnsName, ZoneRef)> {
        let key = match role {
            Role::Production => "production",
            Role::Standby => "standby",
        };
        let (path, span) = (self.path.key(key), self.span(key));
        let text: String = self.field(key)?;
        let name = self.reader.id(DnsName::new(text), &path, &span)?;
        let what = format!("the {role} name of an endpoint of {}", quoted(self.environment.as_str()));
        self.reader.claim(&name, &path, &span, what);
        let services = self.known.services;
        if let Some(zone) = services.zone_of(&name) {
            return Some((name, zone.clone()));
        }
        // Where a zone could not be read, the name may well lie in it.
        if services.complete {
            let message = format!("{} lies in no configured zone", quoted(name.as_str()));
            let problem = Problem::new(message, &path, span);
            self.reader.report(match services.meant(&name) {
                Some(meant) => problem.meant(Some(meant)),
                None if services.zones.is_empty() => problem.help("configure a name service: `[dns.NAME]`"),
                None => {
                    let zones = all(services.zones.keys().map(ZoneName::as_str));
                    problem.help(format!("the zones are {zones}"))
                }
            });
        }
        None
    }

    fn checks(&mut self) -> Vec<CheckName> {
        let given: Vec<String> = self.field("checks").unwrap_or_default();
        let nodes = self.node.get("checks").map(Node::items).unwrap_or_default();
        let mut checks: Vec<CheckName> = Vec::new();
        for (index, (text, node)) in given.iter().zip(nodes).enumerate() {
            let path = self.path.key("checks").index(index);
            let Some(name) = self.reader.id(CheckName::new(text.as_str()), &path, &node.span) else {
                continue;
            };
            let known = self.known.checks;
            if !known.contains_key(&name) {
                let problem =
                    Problem::new(format!("unknown check {}", quoted(text)), &path, node.span.clone());
                self.reader.report(match nearest(text, known.keys().map(CheckName::as_str)) {
                    Some(near) => problem.meant(Some(near)),
                    None if known.is_empty() => problem.help(format!("configure it: `[checks.{name}]`")),
                    None => {
                        problem.help(format!("the checks are {}", all(known.keys().map(CheckName::as_str))))
                    }
                });
            } else if checks.contains(&name) {
                let message = format!("the check {} is named twice", quoted(text));
                self.reader.report(Problem::new(message, &path, node.span.clone()));
            } else {
                checks.push(name);
            }
        }
        checks
    }
}
