//! Pairs and their worlds as plain data, understood by `assess` without any system behind them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use switchover::action::{Action, Purpose};
use switchover::journal::{Entry, EntryHash, Event, FORMAT, Fact, Holder, Nonce, Outcome, PairState, Way};
use switchover::model::{
    AddressName, CheckName, DnsName, DnsPolicy, Endpoint, Environment, EnvironmentName, Pair, PairName,
    ProbePolicy, Record, RecordData, RecordId, RecordKind, RecordValue, Role, RunId, Service, ServiceName,
    Side, SideName, Ttl, Zone, ZoneName, ZoneRef,
};
use switchover::observe::{Observation, SideObservation, Snapshot, assess};
use switchover::plan::{Intent, Plan, PlanError, Request, plan};
use switchover::port::{Attachment, Identity, Listing, NamedAddress, ZoneView};

/// One endpoint of a case.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub(super) address: usize,
    pub(super) zones: [usize; 2],
    pub(super) ttls: [Option<u32>; 2],
    pub(super) proxied: [bool; 2],
    pub(super) v6: [bool; 2],
    pub(super) checked: bool,
    /// The TTL before it was lowered, for a name that was prepared.
    pub(super) prepared: [Option<u32>; 2],
}

/// A pair and its world.
#[derive(Debug, Clone)]
pub(super) struct Case {
    /// For each environment: its endpoints, and whether the second side is production.
    pub(super) environments: Vec<(Vec<Spec>, bool)>,
    pub(super) margin: u64,
    pub(super) resolvers: bool,
    pub(super) authorities: bool,
}

const SIDES: [&str; 2] = ["east", "west"];

fn name(text: &str) -> DnsName {
    DnsName::new(text).unwrap()
}

fn service(zone: usize) -> ServiceName {
    ServiceName::new(["alpha", "beta"][zone % 2]).unwrap()
}

fn zone_name(zone: usize) -> ZoneName {
    ZoneName::new(format!("zone{zone}.test")).unwrap()
}

fn zone(zone: usize) -> ZoneRef {
    ZoneRef { service: service(zone), zone: zone_name(zone) }
}

pub(super) fn side(second: bool) -> SideName {
    SideName::new(SIDES[usize::from(second)]).unwrap()
}

fn v4(second: bool, environment: usize, address: usize) -> IpAddr {
    let last = u8::try_from(environment * 16 + address + 1).unwrap();
    let network = if second { [203, 0, 113] } else { [198, 51, 100] };
    Ipv4Addr::new(network[0], network[1], network[2], last).into()
}

fn v6(second: bool, environment: usize, address: usize) -> IpAddr {
    let last = u16::try_from(environment * 16 + address + 1).unwrap();
    Ipv6Addr::new(0x2001, 0xdb8, u16::from(second), 0, 0, 0, 0, last).into()
}

fn ttl(seconds: Option<u32>) -> Ttl {
    seconds.map_or(Ttl::Auto, Ttl::Seconds)
}

impl Case {
    fn address(environment: usize, spec: &Spec) -> AddressName {
        AddressName::new(format!("address {environment} {}", spec.address)).unwrap()
    }

    fn specs(&self) -> impl Iterator<Item = (usize, usize, &Spec, bool)> {
        self.environments.iter().enumerate().flat_map(|(place, (specs, second))| {
            specs.iter().enumerate().map(move |(index, spec)| (place, index, spec, *second))
        })
    }

    /// An address has both families if any name of it has.
    fn has_v6(&self, environment: usize, address: usize) -> bool {
        self.environments[environment].0.iter().any(|spec| spec.address == address && spec.v6.contains(&true))
    }

    pub(super) fn name_of(environment: usize, index: usize, role: Role, spec: &Spec) -> DnsName {
        let (prefix, zone) = match role {
            Role::Production => ("www", spec.zones[0]),
            Role::Standby => ("alt", spec.zones[1]),
        };
        name(&format!("{prefix}{index}.e{environment}.{}", zone_name(zone)))
    }

    pub(super) fn pair(&self) -> Pair {
        let endpoint = |environment: usize, index: usize, spec: &Spec| Endpoint {
            production: Self::name_of(environment, index, Role::Production, spec),
            production_zone: zone(spec.zones[0]),
            standby: Self::name_of(environment, index, Role::Standby, spec),
            standby_zone: zone(spec.zones[1]),
            address: Self::address(environment, spec),
            checks: if spec.checked { vec![CheckName::new("web").unwrap()] } else { Vec::new() },
            probe: false,
        };
        let environments = self.environments.iter().enumerate().map(|(place, (specs, _))| {
            let endpoints = specs.iter().enumerate().map(|(index, spec)| endpoint(place, index, spec));
            Environment::new(EnvironmentName::new(format!("e{place}")).unwrap(), endpoints.collect())
        });
        let authority: SocketAddr = ([192, 0, 2, 53], 53).into();
        let services = [0, 1].map(|of| Service {
            name: service(of),
            zones: (0..4)
                .filter(|zone| zone % 2 == of)
                .map(|of| Zone { name: zone_name(of), id: None })
                .collect(),
            authorities: if self.authorities { vec![authority] } else { Vec::new() },
        });
        Pair {
            name: PairName::new("case").unwrap(),
            sides: [false, true].map(|second| Side {
                name: side(second),
                project: None,
                columns: Vec::new(),
            }),
            environments: environments.collect(),
            services: services.into_iter().map(|service| (service.name.clone(), service)).collect(),
            dns: DnsPolicy {
                margin: Duration::from_secs(self.margin),
                resolvers: if self.resolvers { vec![([203, 0, 113, 253], 53).into()] } else { Vec::new() },
                ..DnsPolicy::default()
            },
            probe: ProbePolicy::default(),
            announce: Vec::new(),
            role_table: None,
            status_pages: BTreeMap::new(),
        }
    }

    /// The records of every name, where the roles put them.
    pub(super) fn records(&self) -> Vec<(ZoneRef, Record)> {
        let mut records = Vec::new();
        for (environment, index, spec, second) in self.specs() {
            for (place, role) in Role::ALL.into_iter().enumerate() {
                let at = if place == 0 { second } else { !second };
                let mut data = vec![RecordData::from(v4(at, environment, spec.address))];
                if spec.v6[place] {
                    data.push(v6(at, environment, spec.address).into());
                }
                for data in data {
                    let proxied = spec.proxied[place];
                    let ttl = if proxied { Ttl::Auto } else { ttl(spec.ttls[place]) };
                    let record = Record {
                        id: RecordId(format!("{}", records.len())),
                        name: Self::name_of(environment, index, role, spec),
                        value: RecordValue { data, ttl },
                        proxied,
                    };
                    records.push((zone(spec.zones[place]), record));
                }
            }
        }
        records
    }

    /// What a journal says that holds nothing but the TTLs before they were lowered.
    pub(super) fn history(&self) -> PairState {
        let mut prepared = BTreeMap::new();
        for (environment, index, spec, _) in self.specs() {
            for (place, role) in Role::ALL.into_iter().enumerate() {
                let Some(was) = spec.prepared[place].filter(|_| !spec.proxied[place]) else { continue };
                let kinds =
                    if spec.v6[place] { &[RecordKind::A, RecordKind::Aaaa][..] } else { &[RecordKind::A] };
                for kind in kinds {
                    let key = (Self::name_of(environment, index, role, spec), kind.clone());
                    prepared.insert(key, Ttl::Seconds(was));
                }
            }
        }
        PairState { prepared, ..PairState::default() }
    }

    fn listing(&self, second: bool) -> Listing {
        let mut found: BTreeMap<AddressName, Vec<NamedAddress>> = BTreeMap::new();
        for (environment, _, spec, _) in self.specs() {
            let mut addresses = vec![v4(second, environment, spec.address)];
            if self.has_v6(environment, spec.address) {
                addresses.push(v6(second, environment, spec.address));
            }
            let named = addresses.into_iter().map(|address| NamedAddress {
                id: format!("id-{address}"),
                address,
                attachment: Attachment::Unknown,
            });
            found.insert(Self::address(environment, spec), named.collect());
        }
        Listing { found, others: BTreeSet::new() }
    }

    /// What looking shows when the zones hold these records.
    pub(super) fn observe(&self, records: &[(ZoneRef, Record)]) -> Observation {
        let mut zones: BTreeMap<ZoneRef, Vec<Record>> = BTreeMap::new();
        for (zone, record) in records {
            zones.entry(zone.clone()).or_default().push(record.clone());
        }
        let view = |(zone, records): (ZoneRef, Vec<Record>)| {
            let minimum_ttl = Some(Duration::from_secs(60));
            (zone.clone(), Ok(ZoneView { zone: zone.zone, records, minimum_ttl }))
        };
        let sides = [false, true].map(|second| {
            let identity = Identity {
                account: SIDES[usize::from(second)].to_owned(),
                principal: SIDES[usize::from(second)].to_owned(),
                credential: SIDES[usize::from(second)].to_owned(),
                fingerprint: SIDES[usize::from(second)].to_owned(),
            };
            let seen = SideObservation { listing: Ok(self.listing(second)), identity: Ok(Some(identity)) };
            (side(second), seen)
        });
        Observation {
            at: "2026-11-21T12:00:00Z".parse().unwrap(),
            environments: self.pair().environments,
            sides: sides.into(),
            zones: zones.into_iter().map(view).collect(),
            writable: BTreeMap::new(),
            stores: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            meant: BTreeMap::new(),
            objections: BTreeMap::new(),
            candidates: BTreeMap::new(),
            denied: BTreeMap::new(),
            status_pages: BTreeMap::new(),
            announcers: BTreeMap::new(),
            role_table: None,
            checks: Vec::new(),
        }
    }

    pub(super) fn snapshot(&self, records: &[(ZoneRef, Record)], history: &PairState) -> Snapshot {
        assess(&self.pair(), &self.observe(records), history)
    }

    pub(super) fn plan(
        &self,
        records: &[(ZoneRef, Record)],
        history: &PairState,
        request: &Request,
    ) -> Result<Plan, PlanError> {
        plan(&self.pair(), &self.snapshot(records, history), history, request)
    }
}

pub(super) fn request(intent: Intent, environments: &[usize], to: Option<bool>) -> Request {
    let environments = environments.iter().map(|place| EnvironmentName::new(format!("e{place}")).unwrap());
    Request { environments: environments.collect(), to: to.map(side), ..Request::of(intent) }
}

/// Applies every change of a plan in order, each only if the record reads as the plan expects, and says how the names read after each
/// stage. No code of the engine's.
pub(super) fn apply(plan: &Plan, records: &mut [(ZoneRef, Record)]) {
    for step in plan.steps() {
        carry_out(&step.action, records);
    }
}

/// Does what an action does to records.
pub(super) fn carry_out(action: &Action, records: &mut [(ZoneRef, Record)]) {
    let Action::ChangeRecords(change) = action else { return };
    for planned in &change.changes {
        let (_, record) = records
            .iter_mut()
            .find(|(zone, record)| {
                *zone == change.zone && record.name == planned.name && record.kind() == planned.kind
            })
            .expect("the record is in the zone that the plan says");
        assert_eq!(record.value, planned.from, "{} is changed from what it is not", planned.name);
        assert_eq!(record.proxied, planned.proxied);
        record.value = planned.to.clone();
    }
}

/// The journal of a run of this plan that did everything at once.
pub(super) fn completed(history: &PairState, plan: &Plan) -> PairState {
    let mut state = history.clone();
    let run = RunId::new(format!("run-{}", history.runs.len())).unwrap();
    let holder =
        Holder { actor: "ada".to_owned(), host: "ops-1".to_owned(), process: 1, program: "test".to_owned() };
    let mut events = vec![
        Event::Claimed { holder },
        Event::RunStarted {
            run: run.clone(),
            plan: Box::new(plan.clone()),
            digest: plan.digest(),
            reason: None,
        },
    ];
    for step in plan.steps() {
        let (run, step, way) = (run.clone(), step.id.clone(), Way::Forward);
        events.push(Event::StepStarted { run: run.clone(), step: step.clone(), way });
        events.push(Event::StepSucceeded { run, step, way, facts: vec![Fact::AlreadyDone], requests: 0 });
    }
    events.push(Event::RunFinished { run, outcome: Outcome::Completed });
    for event in events {
        let epoch = if matches!(event, Event::Claimed { .. }) { state.epoch.next() } else { state.epoch };
        let entry = Entry {
            format: FORMAT,
            seq: state.next,
            epoch,
            at: "2026-11-21T12:00:00Z".parse().unwrap(),
            nonce: Nonce(state.next.to_string()),
            previous: state.head.clone().unwrap_or_else(EntryHash::none),
            event,
        };
        state.apply(&entry).unwrap();
    }
    state
}

/// The step that changes records for this purpose.
pub(super) fn is_for(action: &Action, purpose: Purpose) -> bool {
    matches!(action, Action::ChangeRecords(change) if change.purpose == purpose)
}
