//! What a zone publishes: its records as record sets, with proxied names led to the edge.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_server::proto::rr::rdata::{A, AAAA, CAA, CNAME, MX, NS, PTR, SOA, SRV, TXT};
use hickory_server::proto::rr::{Name, RData, RecordType};
use serde_json::Value;

use crate::zone::{AUTOMATIC_TTL, Kind, Record, Zone};

/// Labels of a name from the root down, in lower case, so that names sort below their parents.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Path(pub(crate) Vec<String>);

impl Path {
    pub(crate) fn of(name: &str) -> Path {
        let labels = name.trim_end_matches('.').rsplit('.').filter(|label| !label.is_empty());
        Path(labels.map(str::to_ascii_lowercase).collect())
    }

    pub(crate) fn of_name(name: &Name) -> Path {
        Path::of(&name.to_ascii())
    }

    pub(crate) fn is_within(&self, other: &Path) -> bool {
        self.0.starts_with(&other.0)
    }

    pub(crate) fn child(&self, label: &str) -> Path {
        Path(self.0.iter().cloned().chain([label.to_owned()]).collect())
    }

    pub(crate) fn first(&self, labels: usize) -> Path {
        Path(self.0[..labels].to_vec())
    }

    pub(crate) fn name(&self) -> Name {
        let labels: Vec<&str> = self.0.iter().rev().map(String::as_str).collect();
        // Every path comes from a valid name; the root stands in for what cannot happen.
        Name::from_ascii(format!("{}.", labels.join("."))).unwrap_or_else(|_| Name::root())
    }
}

/// A record set is found by its name and type.
pub(crate) type Key = (Path, u16);

/// The records of one name and type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RecordSet {
    pub(crate) ttl: u32,
    pub(crate) data: Vec<RData>,
}

/// Record sets of one zone.
pub(crate) type RecordSets = BTreeMap<Key, RecordSet>;

/// The addresses that proxied names answer with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Edge {
    pub(crate) v4: Vec<Ipv4Addr>,
    pub(crate) v6: Vec<Ipv6Addr>,
}

/// Seconds for which SOA and NS of a zone, and the absence of a name, may be kept.
const NEGATIVE_TTL: u32 = 1_800;
const NS_TTL: u32 = 86_400;

/// Everything a zone says on DNS. Types that the sandbox does not read, such as HTTPS, are left out.
pub(crate) fn published(zone: &Zone, edge: &Edge) -> RecordSets {
    let mut sets = RecordSets::new();
    let apex = Path::of(&zone.name);
    let proxied = proxied_names(zone);
    for record in zone.records.values() {
        let path = Path::of(&record.name);
        let leads_somewhere = record.kind.proxiable();
        if leads_somewhere && proxied.contains(record.name.as_str()) {
            lead_to_edge(&mut sets, &path, edge);
        } else if record.kind == Kind::CNAME && path == apex {
            flatten(&mut sets, zone, record, &path);
        } else if let Some(data) = data(record) {
            add(&mut sets, path, seconds(record), data);
        }
    }
    add_own(&mut sets, zone, &apex);
    sets
}

/// If one A or AAAA record of a name is proxied, the name is, with all of them:
/// <https://developers.cloudflare.com/dns/proxy-status/>.
fn proxied_names(zone: &Zone) -> BTreeSet<&str> {
    zone.records.values().filter(|record| record.proxied).map(|record| record.name.as_str()).collect()
}

fn lead_to_edge(sets: &mut RecordSets, path: &Path, edge: &Edge) {
    let v4 = edge.v4.iter().map(|ip| RData::A(A(*ip)));
    let v6 = edge.v6.iter().map(|ip| RData::AAAA(AAAA(*ip)));
    for data in v4.chain(v6) {
        add(sets, path.clone(), AUTOMATIC_TTL, data);
    }
}

/// A CNAME at the apex answers with the addresses it leads to, as far as the zone itself holds them:
/// <https://developers.cloudflare.com/dns/cname-flattening/>.
fn flatten(sets: &mut RecordSets, zone: &Zone, alias: &Record, apex: &Path) {
    let targets =
        zone.records.values().filter(|record| record.kind.is_address() && record.name == alias.content);
    for target in targets {
        if let Some(data) = data(target) {
            add(sets, apex.clone(), seconds(target), data);
        }
    }
}

/// The SOA, and the NS records unless the zone has some of its own.
fn add_own(sets: &mut RecordSets, zone: &Zone, apex: &Path) {
    let servers: Vec<Name> = zone.name_servers.iter().filter_map(|name| name_of(name)).collect();
    let primary = servers.first().cloned().unwrap_or_else(Name::root);
    let hostmaster = name_of(&format!("dns.{}", zone.name)).unwrap_or_else(Name::root);
    let soa = SOA::new(primary, hostmaster, zone.serial, 10_000, 2_400, 604_800, NEGATIVE_TTL);
    add(sets, apex.clone(), NEGATIVE_TTL, RData::SOA(soa));
    if !sets.contains_key(&(apex.clone(), RecordType::NS.into())) {
        for server in servers {
            add(sets, apex.clone(), NS_TTL, RData::NS(NS(server)));
        }
    }
}

fn add(sets: &mut RecordSets, path: Path, ttl: u32, data: RData) {
    let set = sets.entry((path, data.record_type().into())).or_insert(RecordSet { ttl, data: Vec::new() });
    // All records of a set have one TTL on the wire (RFC 2181 section 5.2); the shortest is the safe one.
    set.ttl = set.ttl.min(ttl);
    if !set.data.contains(&data) {
        set.data.push(data);
    }
}

fn seconds(record: &Record) -> u32 {
    if record.ttl == 1 { AUTOMATIC_TTL } else { record.ttl }
}

fn name_of(host: &str) -> Option<Name> {
    Name::from_ascii(format!("{}.", host.trim_end_matches('.'))).ok()
}

fn data(record: &Record) -> Option<RData> {
    let content = record.content.as_str();
    match record.kind {
        Kind::A => content.parse().ok().map(|ip| RData::A(A(ip))),
        Kind::AAAA => content.parse().ok().map(|ip| RData::AAAA(AAAA(ip))),
        Kind::CNAME => name_of(content).map(|name| RData::CNAME(CNAME(name))),
        Kind::NS => name_of(content).map(|name| RData::NS(NS(name))),
        Kind::PTR => name_of(content).map(|name| RData::PTR(PTR(name))),
        Kind::MX => name_of(content).map(|name| RData::MX(MX::new(record.priority.unwrap_or(0), name))),
        Kind::TXT => Some(RData::TXT(txt(content))),
        Kind::SRV => srv(record.data.as_ref()?),
        Kind::CAA => caa(record.data.as_ref()?),
        Kind::CERT
        | Kind::DNSKEY
        | Kind::DS
        | Kind::HTTPS
        | Kind::LOC
        | Kind::NAPTR
        | Kind::OPENPGPKEY
        | Kind::SMIMEA
        | Kind::SSHFP
        | Kind::SVCB
        | Kind::TLSA
        | Kind::URI => None,
    }
}

/// Quoted strings each by itself; a content without quotes is one text, cut where a string may not be longer.
fn txt(content: &str) -> TXT {
    let strings: Vec<&str> = if content.starts_with('"') {
        content.split('"').skip(1).step_by(2).collect()
    } else {
        vec![content]
    };
    let pieces = strings.iter().flat_map(|string| {
        let whole = if string.is_empty() { Some(&b""[..]) } else { None };
        string.as_bytes().chunks(255).chain(whole)
    });
    TXT::from_bytes(pieces.collect())
}

fn srv(data: &Value) -> Option<RData> {
    let number = |field: &str| data.get(field)?.as_u64().and_then(|number| u16::try_from(number).ok());
    let target = name_of(data.get("target")?.as_str()?)?;
    Some(RData::SRV(SRV::new(number("priority")?, number("weight")?, number("port")?, target)))
}

fn caa(data: &Value) -> Option<RData> {
    let flags = u8::try_from(data.get("flags")?.as_u64()?).ok()?;
    let mut caa = CAA::new_issue(flags & 0x80 != 0, None, Vec::new());
    data.get("tag")?.as_str()?.clone_into(&mut caa.tag);
    caa.value = data.get("value")?.as_str()?.as_bytes().to_vec();
    caa.reserved_flags = flags & 0x7f;
    Some(RData::CAA(caa))
}
