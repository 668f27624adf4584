//! The name services of a file, and which of them holds which zone.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::document::{Entry, Node};
use super::super::problem::quoted;
use super::super::{ConfigPath, PortKind, Problem, ProviderSpec, raw};
use super::Reader;
use crate::model::{Service, ServiceName, Zone, ZoneName, ZoneRef};

/// The name services of a file.
#[derive(Debug, Default)]
pub(super) struct Services {
    /// What core knows of each, and its provider; `None` where the table has problems of its own.
    pub(super) list: BTreeMap<ServiceName, Option<(Service, ProviderSpec)>>,
    /// Every zone, and who holds it.
    pub(super) zones: BTreeMap<ZoneName, ZoneRef>,
    /// Whether every zone is known. If not, a name without a zone is no news.
    pub(super) complete: bool,
}

/// Reads `[dns.…]`.
pub(super) fn read(reader: &mut Reader, root: &Node) -> Services {
    let path = ConfigPath::root().key("dns");
    let mut services = Services { complete: !reader.faults.contains(&path), ..Services::default() };
    let mut holders = BTreeMap::new();
    for (name, entry) in reader.named(root.get("dns"), &path, ServiceName::new) {
        let path = path.key(&entry.key);
        services.complete &= reader.is_clean(&path.key("zones"));
        let service = reader.service(&name, entry, &path, &mut holders);
        let spec = reader.spec(&entry.node, &path, PortKind::Names);
        let zones = service.iter().flat_map(|service| &service.zones);
        services.zones.extend(
            zones.map(|zone| (zone.name.clone(), ZoneRef { service: name.clone(), zone: zone.name.clone() })),
        );
        services.list.insert(name, service.zip(spec));
    }
    services.complete &= reader.problems.iter().all(|problem| !problem.path.starts_with(&path));
    services
}

/// The first place at which each zone stands.
type Holders = BTreeMap<ZoneName, (ServiceName, Range<usize>)>;

impl Reader {
    fn service(
        &mut self,
        name: &ServiceName,
        entry: &Entry,
        path: &ConfigPath,
        holders: &mut Holders,
    ) -> Option<Service> {
        let node = &entry.node;
        // Zones are read even where the provider's own options are wrong, so that names are still held against them.
        let given: Vec<raw::Zone> = self.field(node, path, "zones")?;
        let zones = self.zones(name, &given, node.get("zones")?, &path.key("zones"), holders);
        let authorities = self.servers(node, path, "authorities");
        Some(Service { name: name.clone(), zones, authorities })
    }

    fn zones(
        &mut self,
        service: &ServiceName,
        given: &[raw::Zone],
        list: &Node,
        path: &ConfigPath,
        holders: &mut Holders,
    ) -> Vec<Zone> {
        if given.is_empty() {
            let problem = Problem::new("this name service holds no zone", path, list.span.clone());
            self.report(problem.help("list at least one, such as `zones = [\"example.org\"]`"));
        }
        let mut zones = Vec::new();
        for (index, (zone, node)) in given.iter().zip(list.items()).enumerate() {
            let (text, id) = match zone {
                raw::Zone::Name(text) => (text, None),
                raw::Zone::Identified(zone) => (&zone.name, zone.id.clone()),
            };
            let path = path.index(index);
            let Some(name) = self.id(ZoneName::new(text), &path, &node.span) else { continue };
            if self.hold(service, &name, &path, node, holders) {
                zones.push(Zone { name, id });
            }
        }
        zones
    }

    /// Takes note of who holds a zone; false if it is held already.
    fn hold(
        &mut self,
        service: &ServiceName,
        zone: &ZoneName,
        path: &ConfigPath,
        node: &Node,
        holders: &mut Holders,
    ) -> bool {
        let Some((holder, span)) = holders.get(zone) else {
            holders.insert(zone.clone(), (service.clone(), node.span.clone()));
            return true;
        };
        let message = if holder == service {
            format!("the zone {} is listed twice", quoted(zone.as_str()))
        } else {
            format!("the zone {} is held by two name services", quoted(zone.as_str()))
        };
        let label = format!("first listed here, for {}", quoted(holder.as_str()));
        self.report(Problem::new(message, path, node.span.clone()).also(span.clone(), label));
        false
    }
}
