//! The `GigaDB` pair as its owners run it, with the slips of their published table put right.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use switchover::model::{
    AddressName, CheckName, DnsName, DnsPolicy, Endpoint, Environment, EnvironmentName, Pair, PairName,
    ProbePolicy, RecordData, Service, ServiceName, Side, SideName, Zone, ZoneName, ZoneRef,
};

use super::Held;

/// Environment, production name, stand-by name, address name. The portainers share the address of the site.
const ENDPOINTS: [(&str, &str, &str, &str); 8] = [
    ("live", "gigadb.org", "alt-live.gigadb.host", "eip-gigadb-live-gigadb"),
    ("live", "bastion.gigadb.org", "bastion.alt-live.gigadb.host", "eip-gigadb-bastion-live-gigadb"),
    ("live", "files.gigadb.org", "files.alt-live.gigadb.host", "eip-gigadb-files-live-gigadb"),
    ("live", "portainer.gigadb.org", "portainer.alt-live.gigadb.host", "eip-gigadb-live-gigadb"),
    ("staging", "staging.gigadb.org", "alt-staging.gigadb.host", "eip-gigadb-staging-gigadb"),
    (
        "staging",
        "bastion.staging.gigadb.org",
        "bastion.alt-staging.gigadb.host",
        "eip-gigadb-bastion-staging-gigadb",
    ),
    (
        "staging",
        "files.staging.gigadb.org",
        "files.alt-staging.gigadb.host",
        "eip-gigadb-files-staging-gigadb",
    ),
    (
        "staging",
        "portainer.staging.gigadb.org",
        "portainer.alt-staging.gigadb.host",
        "eip-gigadb-staging-gigadb",
    ),
];

/// The side that is production when the world begins, and the other.
pub(super) const SIDES: [(&str, &str); 2] =
    [("hongkong", "gigadb-website"), ("sydney", "alt-gigadb-website")];

/// The two zones.
pub(super) const ZONES: [&str; 2] = ["gigadb.org", "gigadb.host"];

/// Resolvers of the public, which are read back after a swap.
pub(super) const RESOLVERS: [(&str, [u8; 4]); 2] =
    [("resolver-1.test", [203, 0, 113, 53]), ("resolver-2.test", [203, 0, 113, 54])];

/// The zones' authoritative servers.
pub(super) const AUTHORITIES: [(&str, [u8; 4]); 2] =
    [("ns1.names.test", [192, 0, 2, 53]), ("ns2.names.test", [192, 0, 2, 54])];

pub(super) fn at_port_53(address: [u8; 4]) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::from(address)), 53)
}

pub(super) fn name(text: &str) -> DnsName {
    DnsName::new(text).expect("a name")
}

pub(super) fn zone(text: &str) -> ZoneName {
    ZoneName::new(text).expect("a zone")
}

pub(super) fn side(text: &str) -> SideName {
    SideName::new(text).expect("a side")
}

pub(super) fn service() -> ServiceName {
    ServiceName::new("cloudflare").expect("a service")
}

pub(super) fn check() -> CheckName {
    CheckName::new("web").expect("a check")
}

fn zone_of(of: &DnsName) -> ZoneRef {
    let holding = ZONES.into_iter().map(zone).find(|zone| of.is_within(zone.apex()));
    ZoneRef { service: service(), zone: holding.expect("one of the two zones") }
}

fn endpoint((_, production, standby, address): (&str, &str, &str, &str)) -> Endpoint {
    let (production, standby) = (name(production), name(standby));
    // The site and its files answer on the web; the others are for administrators.
    let web = !production.as_str().starts_with("bastion") && !production.as_str().starts_with("portainer");
    Endpoint {
        production_zone: zone_of(&production),
        standby_zone: zone_of(&standby),
        address: AddressName::new(address).expect("an address name"),
        checks: if web { vec![check()] } else { Vec::new() },
        probe: production.as_str() == "gigadb.org" || production.as_str() == "staging.gigadb.org",
        production,
        standby,
    }
}

fn environment(called: &str) -> Environment {
    let endpoints = ENDPOINTS.into_iter().filter(|(environment, ..)| *environment == called);
    Environment::new(EnvironmentName::new(called).expect("an environment"), endpoints.map(endpoint).collect())
}

pub(super) fn pair() -> Pair {
    let service_of_pair = Service {
        name: service(),
        zones: ZONES.map(|text| Zone { name: zone(text), id: None }).to_vec(),
        authorities: Vec::new(),
    };
    Pair {
        name: PairName::new("gigadb").expect("a pair"),
        sides: SIDES.map(|(of, project)| Side {
            name: side(of),
            project: Some(project.to_owned()),
            columns: Vec::new(),
        }),
        environments: ["staging", "live"].map(environment).to_vec(),
        services: [(service(), service_of_pair)].into(),
        dns: DnsPolicy {
            resolvers: RESOLVERS.map(|(_, address)| at_port_53(address)).to_vec(),
            ..DnsPolicy::default()
        },
        probe: ProbePolicy::default(),
        announce: Vec::new(),
        role_table: None,
        status_pages: [].into(),
    }
}

/// The address of a name on a side: 198.51.100.1 and up on the first, 203.0.113.1 and up on the second.
pub(super) fn address(of: &SideName, wanted: &AddressName) -> IpAddr {
    let mut names: Vec<&str> = ENDPOINTS.iter().map(|(_, _, _, address)| *address).collect();
    names.sort_unstable();
    names.dedup();
    let place = names.iter().position(|known| *known == wanted.as_str()).expect("an address of the pair");
    let last = u8::try_from(place + 1).expect("few addresses");
    let first_side = of.as_str() == SIDES[0].0;
    let network = if first_side { [198, 51, 100] } else { [203, 0, 113] };
    IpAddr::V4(Ipv4Addr::new(network[0], network[1], network[2], last))
}

/// What the zones hold besides the names of the pair, and must hold afterwards.
pub(super) fn scenery(zone: &ZoneName) -> Vec<Held> {
    let other = |at: &str, kind: &str, text: &str| {
        Held::plain(name(at), RecordData::Other { kind: kind.to_owned(), text: text.to_owned() })
    };
    let apex = zone.as_str();
    vec![
        other(apex, "MX", "10 mail.names.test"),
        other(apex, "TXT", "\"v=spf1 mx -all\""),
        other(apex, "CAA", "0 issue \"letsencrypt.org\""),
        other(&format!("_acme-challenge.{apex}"), "TXT", "\"token\""),
        Held::plain(name(&format!("docs.{apex}")), RecordData::Cname(name("docs.names.test"))),
        Held::plain(name(&format!("status.{apex}")), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 99))),
    ]
}
