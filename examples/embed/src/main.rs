//! Swaps `GigaDB`'s pair from another Rust program: reads the file, connects what it names, plans, runs, reports.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use switchover::config::{Catalog, Kind, PairConfig, PortKind, parse};
use switchover::execute::Engine;
use switchover::journal::Holder;
use switchover::plan::{Intent, Request, plan};
use switchover::port::{AddressBook, Check, Meter, NameService, Ports};
use switchover::report::{Report, run_report};
use switchover_cloudflare::{Cloudflare, CloudflareOptions};
use switchover_dns::{Dns, DnsOptions};
use switchover_fixed::{FixedAddresses, FixedOptions};
use switchover_http::{HttpCheck, HttpCheckOptions};
use switchover_runtime::{OsEntropy, TokioClock};
use switchover_sqlite::{SqliteOptions, SqliteStore};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (file, journal) = (arguments.next().ok_or("which file?")?, arguments.next().ok_or("which journal?")?);

    let catalog = Catalog::new([
        Kind::of::<CloudflareOptions>(PortKind::Names, "cloudflare"),
        Kind::of::<FixedOptions>(PortKind::Addresses, "fixed"),
        Kind::of::<HttpCheckOptions>(PortKind::Check, "http"),
    ])?;
    let config = parse(&file, &std::fs::read_to_string(&file)?, &catalog)?;
    let chosen = config.pair(None)?;
    let engine = Engine::new(chosen.pair.clone(), connect(chosen, Path::new(&journal))?, me());

    let journal = engine.journal().await?;
    let snapshot = engine.preflight(&chosen.pair.environments, journal.state()).await;
    let request = Request::of(Intent::Switchover);
    let plan = plan(&chosen.pair, &snapshot, journal.state(), &request)?;
    let end = engine.start(journal, plan, Some("from another program".to_owned())).await?;

    let journal = engine.journal().await?;
    let run = journal.state().run(&end.run).ok_or("the run is in the journal")?;
    println!("{}", run_report(&Report::of(run)));
    Ok(())
}

fn connect(chosen: &PairConfig, journal: &Path) -> Result<Ports, Box<dyn Error>> {
    let (clock, meter) = (Arc::new(TokioClock::new()), Meter::default());
    let token = secrecy::SecretString::from(std::env::var("CLOUDFLARE_API_TOKEN")?);
    let mut names: BTreeMap<_, Arc<dyn NameService>> = BTreeMap::new();
    for (name, spec) in &chosen.names {
        let options: CloudflareOptions = spec.options()?;
        let zones = &chosen.pair.services[name].zones;
        let service = Cloudflare::new(&options, token.clone(), zones, meter.clone(), clock.clone())?;
        names.insert(name.clone(), Arc::new(service));
    }
    let mut addresses: BTreeMap<_, Arc<dyn AddressBook>> = BTreeMap::new();
    for (side, spec) in &chosen.addresses {
        addresses.insert(side.clone(), Arc::new(FixedAddresses::new(spec.options::<FixedOptions>()?)?));
    }
    let mut checks: BTreeMap<_, Arc<dyn Check>> = BTreeMap::new();
    for (name, spec) in &chosen.checks {
        checks.insert(name.clone(), Arc::new(HttpCheck::new(spec.options::<HttpCheckOptions>()?)?));
    }
    let resolver = Arc::new(Dns::new(DnsOptions::default()));
    let state = Arc::new(SqliteStore::open(&SqliteOptions { path: journal.to_owned() })?);
    Ok(Ports {
        names,
        addresses,
        checks,
        stores: BTreeMap::new(),
        backups: BTreeMap::new(),
        deliveries: BTreeMap::new(),
        values: BTreeMap::new(),
        announcers: BTreeMap::new(),
        role_table: None,
        status_pages: BTreeMap::new(),
        resolver,
        state,
        clock,
        entropy: Arc::new(OsEntropy),
        meter,
    })
}

fn me() -> Holder {
    let program = env!("CARGO_PKG_VERSION").to_owned();
    Holder { actor: "embed".to_owned(), host: "here".to_owned(), process: std::process::id(), program }
}
