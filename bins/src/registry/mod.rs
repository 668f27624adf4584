//! Every provider that this program knows: one line each, by port.

mod delivery;
mod people;
mod state;
mod stores;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use futures_util::future::join_all;
use secrecy::SecretString;
use switchover::config::{Catalog, Config, ConfigPath, Kind, PairConfig, PortKind, ProviderSpec, SecretRef};
use switchover::model::{ServiceName, SideName, Zone};
use switchover::port::{AddressBook, Check, Clock, Meter, NameService, Ports, StateError};
use switchover_dns::{Dns, DnsCheck, DnsCheckOptions, DnsOptions};
use switchover_fixed::{FixedAddresses, FixedOptions};
use switchover_http::{Heartbeat, HeartbeatStyle, HttpCheck, HttpCheckOptions, TcpCheck, TcpCheckOptions};
use switchover_runtime::{OsEntropy, TokioClock};

use crate::exit::{Exit, Stop};
use crate::timetable::Unreadable;
use crate::{secret, timetable};

/// A provider that could not be set up: where in the file, and why.
pub(crate) type Fault = (ConfigPath, String);

/// Why a pair cannot be worked on.
#[derive(Debug)]
pub(crate) enum Unready {
    /// Providers that the file does not describe well, or whose credentials are missing.
    Providers(Vec<Fault>),
    /// The journal cannot be used.
    Journal(StateError),
}

impl From<Fault> for Unready {
    fn from(fault: Fault) -> Self {
        Self::Providers(vec![fault])
    }
}

/// The kinds of provider that the file may name.
pub(crate) fn catalog() -> Result<Catalog, Stop> {
    let mut kinds = vec![
        Kind::of::<FixedOptions>(PortKind::Addresses, "fixed"),
        Kind::of::<HttpCheckOptions>(PortKind::Check, "http"),
        Kind::of::<TcpCheckOptions>(PortKind::Check, "tcp"),
        Kind::of::<DnsCheckOptions>(PortKind::Check, "dns"),
    ];
    #[cfg(feature = "cloudflare")]
    kinds.push(Kind::of::<switchover_cloudflare::CloudflareOptions>(PortKind::Names, "cloudflare"));
    #[cfg(feature = "rfc2136")]
    kinds.push(Kind::of::<switchover_rfc2136::Rfc2136Options>(PortKind::Names, "rfc2136"));
    #[cfg(feature = "ec2")]
    kinds.push(Kind::of::<switchover_ec2::Ec2Options>(PortKind::Addresses, "ec2"));
    kinds.extend(state::kinds());
    kinds.extend(stores::kinds());
    kinds.extend(delivery::kinds());
    kinds.extend(people::kinds());
    Catalog::new(kinds).map_err(|error| Stop::new(Exit::Failed, error.to_string()))
}

/// Everything that a provider may need beside its options.
struct Setting<'a> {
    folder: &'a Path,
    meter: Meter,
    clock: Arc<dyn Clock>,
}

/// Sets every provider of a pair up. Nothing is sent. All faults are returned at once.
pub(crate) async fn connect(config: &Config, folder: &Path, pair: &PairConfig) -> Result<Ports, Unready> {
    let setting = Setting { folder, meter: Meter::default(), clock: Arc::new(TokioClock::new()) };
    let mut faults = Vec::new();
    let names = gathered(
        &mut faults,
        pair.names.iter().map(|(name, spec)| {
            let zones =
                pair.pair.services.get(name).map(|service| service.zones.as_slice()).unwrap_or_default();
            (name.clone(), spec, setting.name_service(name, spec, zones))
        }),
    );
    let books = pair.addresses.iter().map(|(side, spec)| setting.address_book(side, spec));
    let books = join_all(books).await;
    let books = pair.addresses.iter().zip(books).map(|((side, spec), book)| (side.clone(), spec, book));
    let addresses = gathered(&mut faults, books);
    let made = pair.stores.iter().map(|(store, spec)| setting.store(&pair.pair.name, store, spec));
    let made = join_all(made).await;
    let stores =
        pair.stores.iter().zip(made).map(|((store, spec), made)| (store.clone(), &spec.provider, made));
    let connected = gathered(&mut faults, stores);
    faults.extend(setting.beside_stores(pair));
    let checks = pair.checks.iter().map(|(name, spec)| (name.clone(), spec, check(spec)));
    let checks = gathered(&mut faults, checks);
    let deliveries = pair.deliveries.iter();
    let deliveries = deliveries.map(|(side, spec)| (side.clone(), spec, setting.delivery(side, spec)));
    let deliveries = gathered(&mut faults, deliveries);
    let values = setting.values(pair, &mut faults);
    faults.extend(windows_unread(pair));
    let announcers =
        pair.announcers.iter().map(|(name, spec)| (name.clone(), setting.announcer(name, spec))).collect();
    let tables = pair.role_table.iter().map(|spec| ((), spec, setting.role_table(&pair.pair.name, spec)));
    let role_table = gathered(&mut faults, tables).into_values().next();
    let pages = pair.status_pages.iter().map(|(name, spec)| (name.clone(), spec, people::status_page(spec)));
    let status_pages = gathered(&mut faults, pages);
    if !faults.is_empty() {
        return Err(Unready::Providers(faults));
    }
    let mut stores = BTreeMap::new();
    let mut backups = BTreeMap::new();
    for (name, connected) in connected {
        backups.extend(connected.backups.map(|found| (name.clone(), found)));
        stores.insert(name, connected.store);
    }
    let ports = journal(config, folder).await?;
    let Setting { clock, meter, .. } = setting;
    Ok(Ports {
        names,
        addresses,
        checks,
        stores,
        backups,
        deliveries,
        values,
        announcers,
        role_table,
        status_pages,
        clock,
        meter,
        ..ports
    })
}

/// Opens a configuration's journal and nothing else.
pub(crate) async fn journal(config: &Config, folder: &Path) -> Result<Ports, Unready> {
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::new());
    let store = state::open(config.state.as_ref(), folder, Arc::clone(&clock)).await?;
    Ok(Ports {
        names: BTreeMap::new(),
        addresses: BTreeMap::new(),
        checks: BTreeMap::new(),
        stores: BTreeMap::new(),
        backups: BTreeMap::new(),
        deliveries: BTreeMap::new(),
        values: BTreeMap::new(),
        announcers: BTreeMap::new(),
        role_table: None,
        status_pages: BTreeMap::new(),
        resolver: Arc::new(Dns::new(DnsOptions::default())),
        state: store,
        clock,
        entropy: Arc::new(OsEntropy),
        meter: Meter::default(),
    })
}

fn gathered<'a, K: Ord, T>(
    faults: &mut Vec<Fault>,
    made: impl Iterator<Item = (K, &'a ProviderSpec, Result<T, String>)>,
) -> BTreeMap<K, T> {
    let mut good = BTreeMap::new();
    for (key, spec, outcome) in made {
        match outcome {
            Ok(provider) => {
                good.insert(key, provider);
            }
            Err(why) => faults.push((spec.path.clone(), why)),
        }
    }
    good
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Setting<'_> {
    fn secret(&self, reference: &SecretRef) -> Result<SecretString, String> {
        secret::resolve(reference, self.folder).map_err(text)
    }

    fn name_service(
        &self,
        name: &ServiceName,
        spec: &ProviderSpec,
        zones: &[Zone],
    ) -> Result<Arc<dyn NameService>, String> {
        match spec.kind.as_str() {
            #[cfg(feature = "cloudflare")]
            "cloudflare" => {
                use switchover_cloudflare::{Cloudflare, CloudflareOptions, TOKEN_VARIABLE};
                let options: CloudflareOptions = spec.options().map_err(text)?;
                let default = SecretRef::Env(TOKEN_VARIABLE.to_owned());
                let token = self.secret(options.token.as_ref().unwrap_or(&default))?;
                let meter = self.meter.clone();
                let service = Cloudflare::new(&options, token, zones, meter, Arc::clone(&self.clock));
                Ok(Arc::new(service.map_err(text)?))
            }
            #[cfg(feature = "rfc2136")]
            "rfc2136" => {
                use switchover_rfc2136::{Rfc2136, Rfc2136Options};
                let options: Rfc2136Options = spec.options().map_err(text)?;
                let key = self.secret(&options.key)?;
                Ok(Arc::new(Rfc2136::new(options, &key, self.meter.clone()).map_err(text)?))
            }
            other => Err(format!("{name}: this program was built without the provider `{other}`")),
        }
    }

    #[cfg_attr(not(feature = "ec2"), expect(clippy::unused_async, reason = "EC2 reads the AWS files"))]
    async fn address_book(
        &self,
        side: &SideName,
        spec: &ProviderSpec,
    ) -> Result<Arc<dyn AddressBook>, String> {
        match spec.kind.as_str() {
            "fixed" => {
                let options: FixedOptions = spec.options().map_err(text)?;
                Ok(Arc::new(FixedAddresses::new(options).map_err(text)?))
            }
            #[cfg(feature = "ec2")]
            "ec2" => {
                let options: switchover_ec2::Ec2Options = spec.options().map_err(text)?;
                let book = switchover_ec2::Ec2Addresses::connect(side, options, self.meter.clone()).await;
                Ok(Arc::new(book.map_err(text)?))
            }
            other => Err(format!("{side}: this program was built without the provider `{other}`")),
        }
    }
}

impl Setting<'_> {
    /// What belongs to a store and not to its provider: its schedule, and the URL of its dead man's switch.
    fn beside_stores(&self, pair: &PairConfig) -> Vec<Fault> {
        let stores = pair.pair.environments.iter().flat_map(switchover::model::Environment::stores);
        let schedules = stores.filter_map(|(store, policy)| {
            let Unreadable { key, why } = timetable::read(policy.timetable.as_ref()?).err()?;
            Some((ConfigPath::store(&pair.pair.name, &store).key(key), why))
        });
        let pings = pair.stores.iter().filter_map(|(store, spec)| {
            let why = self.heartbeat(spec.ping.as_ref()?).err()?;
            Some((ConfigPath::store(&pair.pair.name, store).key("ping"), why))
        });
        schedules.chain(pings).collect()
    }

    fn heartbeat(&self, url: &SecretRef) -> Result<(), String> {
        Heartbeat::new(self.secret(url)?, HeartbeatStyle::Healthchecks).map(drop).map_err(text)
    }
}

/// Maintenance windows that mean nothing.
fn windows_unread(pair: &PairConfig) -> Vec<Fault> {
    let environments = pair.pair.environments.iter().flat_map(|environment| {
        let path = ConfigPath::environment(&pair.pair.name, &environment.name).key("windows");
        environment.policy.windows.iter().enumerate().map(move |(index, window)| (path.index(index), window))
    });
    environments
        .filter_map(|(path, window)| {
            let Unreadable { key, why } = timetable::window(window).err()?;
            Some((path.key(key), why))
        })
        .collect()
}

fn check(spec: &ProviderSpec) -> Result<Arc<dyn Check>, String> {
    match spec.kind.as_str() {
        "http" => {
            let options: HttpCheckOptions = spec.options().map_err(text)?;
            Ok(Arc::new(HttpCheck::new(options).map_err(text)?))
        }
        "tcp" => {
            let options: TcpCheckOptions = spec.options().map_err(text)?;
            Ok(Arc::new(TcpCheck::new(options)))
        }
        "dns" => {
            let options: DnsCheckOptions = spec.options().map_err(text)?;
            Ok(Arc::new(DnsCheck::new(options)))
        }
        other => Err(format!("this program was built without the check `{other}`")),
    }
}
