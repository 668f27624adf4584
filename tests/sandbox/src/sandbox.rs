//! Starting, controlling and stopping a whole sandbox.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use hickory_server::Server;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::api::{BASE, serve};
use crate::connection::{Connection, Resettable};
use crate::control;
use crate::dns::Answering;
use crate::dns::authority::{Authority, DnsSettings};
use crate::dns::resolver::Resolver;
use crate::dns::wire::{Sockets, Wire};
use crate::fault::{FaultRule, Faults};
use crate::gitlab::GitLab;
use crate::log::RequestEntry;
use crate::seed::resolve::Plot;
use crate::seed::{LimitSeed, Seed, SeedError};
use crate::site::{Site, SiteState};
use crate::world::{World, lock};
use crate::zone::{Kind, Record, ZoneId};

/// Why a sandbox does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The seed cannot be used.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address} for {what}")]
    Listen {
        /// What wanted it.
        what: String,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// A DNS server or resolver that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameServer {
    /// Its name in the seed.
    pub name: String,
    /// Where it listens, by UDP and TCP.
    pub address: SocketAddr,
}

/// A site that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningSite {
    /// The side it stands on.
    pub side: String,
    /// The environment it belongs to.
    pub environment: String,
    /// The name of its address.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// How it behaves.
    pub state: SiteState,
    /// How many requests came, by host name.
    pub hosts: BTreeMap<String, u64>,
}

/// A sandbox that runs. Dropping it stops everything at once; [`Sandbox::shutdown`] lets requests end first.
#[derive(Debug)]
pub struct Sandbox {
    world: Arc<World>,
    api: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    dns: Vec<DnsServer>,
    gitlab: Vec<GitLab>,
}

/// Gives the servers of `hickory` a `Debug`.
struct DnsServer(Server<Wire>);

impl std::fmt::Debug for DnsServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DnsServer")
    }
}

/// How long parts may take to stop.
const GRACE: Duration = Duration::from_secs(1);

impl Sandbox {
    /// Starts everything that the seed names. It listens when this returns.
    pub async fn start(seed: Seed) -> Result<Sandbox, StartError> {
        let plot = seed.resolve()?;
        let (stop, stopping) = watch::channel(false);
        let mut dns = Vec::new();
        let servers = start_servers(&plot, &mut dns).await?;
        let resolvers = start_resolvers(&plot, &servers, &mut dns).await?;
        let mut tasks = JoinSet::new();
        let sites = start_sites(&plot, &mut tasks, &stopping).await?;
        let mut gitlab = Vec::new();
        for seed in &plot.gitlab {
            let (listener, address) = listen(&format!("GitLab {}", seed.name), seed.listen).await?;
            let (server, running) = GitLab::new(seed.clone(), listener, address, stopping.clone());
            tasks.spawn(running);
            gitlab.push(server);
        }
        let (listener, api) = listen("the API", plot.api).await?;
        let world = Arc::new(World {
            state: Mutex::new(plot.state()),
            edge: plot.edge.clone(),
            servers,
            resolvers,
            sites,
            started: Instant::now(),
            stopping,
            plot,
        });
        for zone in &world.plot.zones {
            world.publish_at_once(zone);
        }
        tasks.spawn(serve_api(world.clone(), listener));
        Ok(Sandbox { world, api, stop, tasks, dns, gitlab })
    }

    /// The base URL of the API, as clients take it: it ends in `/client/v4`.
    pub fn api_url(&self) -> String {
        format!("http://{}{BASE}", self.api)
    }

    /// The URL below which the controls are.
    pub fn control_url(&self) -> String {
        format!("http://{}/sandbox", self.api)
    }

    /// The GitLab servers.
    pub fn gitlab_servers(&self) -> &[GitLab] {
        &self.gitlab
    }

    /// The GitLab server of that name.
    pub fn gitlab(&self, name: &str) -> Option<&GitLab> {
        self.gitlab.iter().find(|server| server.name() == name)
    }

    /// The authoritative name servers.
    pub fn dns_servers(&self) -> Vec<NameServer> {
        let shown =
            |server: &Arc<Authority>| NameServer { name: server.name.clone(), address: server.address };
        self.world.servers.iter().map(shown).collect()
    }

    /// The caching resolvers.
    pub fn resolvers(&self) -> Vec<NameServer> {
        let shown =
            |resolver: &Arc<Resolver>| NameServer { name: resolver.name.clone(), address: resolver.address };
        self.world.resolvers.iter().map(shown).collect()
    }

    /// The sites, with what they were asked so far.
    pub fn sites(&self) -> Vec<RunningSite> {
        let shown = |site: &Arc<Site>| RunningSite {
            side: site.seed.side.clone(),
            environment: site.seed.environment.clone(),
            name: site.seed.name.clone(),
            address: site.address,
            state: site.state(),
            hosts: site.hosts(),
        };
        self.world.sites.iter().map(shown).collect()
    }

    /// The value of the seed's token of that name.
    pub fn token(&self, name: &str) -> Option<SecretString> {
        self.world.plot.tokens.iter().find(|token| token.name == name).map(|token| token.secret.clone())
    }

    /// The value of the seed's first token.
    pub fn first_token(&self) -> Option<SecretString> {
        self.world.plot.tokens.first().map(|token| token.secret.clone())
    }

    /// The id of a zone, by its name.
    pub fn zone_id(&self, zone: &str) -> Option<ZoneId> {
        lock(&self.world.state).zones.iter().find(|own| own.name == zone).map(|zone| zone.id.clone())
    }

    /// The records of a zone as they are now, by type, name and id.
    pub fn records(&self, zone: &str) -> Option<Vec<Record>> {
        self.world.records(zone)
    }

    /// Changes the content of the first record of that name and type as somebody else would, past the API and its
    /// log. Says whether there is such a record and the API's rules allow it.
    #[must_use]
    pub fn edit_record(&self, name: &str, kind: Kind, content: &str) -> bool {
        self.world.edit(name, kind, content)
    }

    /// The requests to the API since the start, or the last [`Sandbox::clear_requests`].
    pub fn requests(&self) -> Vec<RequestEntry> {
        lock(&self.world.state).log.entries().to_vec()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        lock(&self.world.state).log.clear();
    }

    /// Sets a fault beside those that are set.
    pub fn add_fault(&self, rule: FaultRule) {
        lock(&self.world.state).faults.add(rule);
    }

    /// Takes all faults back.
    pub fn clear_faults(&self) {
        lock(&self.world.state).faults = Faults::default();
    }

    /// Sets how long every request takes before its work is done.
    pub fn set_latency(&self, latency: Duration) {
        lock(&self.world.state).latency = latency;
    }

    /// Sets the limit of requests, and forgets those counted so far.
    pub fn set_limit(&self, limit: LimitSeed) {
        lock(&self.world.state).limiter.set(limit.policy());
    }

    /// Sets how a name server behaves. Says whether there is one of that name.
    pub fn set_dns(&self, name: &str, settings: &DnsSettings) -> bool {
        let named = self.world.servers.iter().filter(|server| server.name == name);
        named.map(|server| server.set(settings.clone())).count() > 0
    }

    /// Sets how a resolver answers. Says whether there is one of that name.
    pub fn set_resolver(&self, name: &str, answering: Answering) -> bool {
        let named = self.world.resolvers.iter().filter(|resolver| resolver.name == name);
        named.map(|resolver| resolver.set(answering)).count() > 0
    }

    /// Lets every resolver forget what it keeps.
    pub fn flush_resolvers(&self) {
        self.world.resolvers.iter().for_each(|resolver| resolver.flush());
    }

    /// Sets how the sites of a side with that address name behave. Says whether there is one.
    pub fn set_site(&self, side: &str, name: &str, state: SiteState) -> bool {
        let fits = |site: &&Arc<Site>| site.seed.side == side && site.seed.name == name;
        self.world.sites.iter().filter(fits).map(|site| site.set(state)).count() > 0
    }

    /// Brings everything back to what the seed says.
    pub fn reset(&self) {
        self.world.reset();
        self.gitlab.iter().for_each(GitLab::reset);
    }

    /// Stops everything. Requests under way may end; those that hang are cut off. Nothing listens afterwards.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        // Whatever is not over by then is ended by dropping it.
        let _ = timeout(GRACE, ended).await;
        for DnsServer(server) in &mut self.dns {
            let _ = timeout(GRACE, server.shutdown_gracefully()).await;
        }
    }
}

async fn listen(what: &str, wanted: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { what: what.to_owned(), address: wanted, source };
    let listener = TcpListener::bind(wanted).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

async fn bind_dns(name: &str, wanted: SocketAddr) -> Result<Sockets, StartError> {
    let failed = |source| StartError::Listen { what: format!("DNS {name}"), address: wanted, source };
    Sockets::bind(wanted).await.map_err(failed)
}

async fn start_servers(plot: &Plot, dns: &mut Vec<DnsServer>) -> Result<Vec<Arc<Authority>>, StartError> {
    let mut servers = Vec::new();
    for server in &plot.servers {
        let sockets = bind_dns(&server.name, server.listen).await?;
        let authority =
            Arc::new(Authority::new(server.name.clone(), sockets.address, server.settings.clone()));
        dns.push(DnsServer(sockets.serve(authority.clone())));
        servers.push(authority);
    }
    Ok(servers)
}

async fn start_resolvers(
    plot: &Plot,
    servers: &[Arc<Authority>],
    dns: &mut Vec<DnsServer>,
) -> Result<Vec<Arc<Resolver>>, StartError> {
    let mut resolvers = Vec::new();
    for resolver in &plot.resolvers {
        let sockets = bind_dns(&resolver.name, resolver.listen).await?;
        let asked = resolver.servers.iter().map(|position| servers[*position].clone()).collect();
        let started = Arc::new(Resolver::new(resolver.name.clone(), sockets.address, asked));
        dns.push(DnsServer(sockets.serve(started.clone())));
        resolvers.push(started);
    }
    Ok(resolvers)
}

/// How often another common port is tried when the one found is taken on some address.
const ATTEMPTS: usize = 16;

async fn start_sites(
    plot: &Plot,
    tasks: &mut JoinSet<()>,
    stopping: &watch::Receiver<bool>,
) -> Result<Vec<Arc<Site>>, StartError> {
    let mut attempt = 1;
    let listeners = loop {
        match bind_sites(plot).await {
            Ok(listeners) => break listeners,
            Err(error) if attempt == ATTEMPTS || plot.sites.iter().all(|site| site.listen.port() != 0) => {
                return Err(error);
            }
            Err(_) => attempt += 1,
        }
    };
    let mut sites = Vec::new();
    for (seed, (listener, address)) in plot.sites.iter().zip(listeners) {
        let site = Arc::new(Site::new(seed.clone(), address));
        tasks.spawn(site.clone().run(listener, stopping.clone()));
        sites.push(site);
    }
    Ok(sites)
}

/// Sites stand at one port on many addresses, so the first free port found is asked for on all.
async fn bind_sites(plot: &Plot) -> Result<Vec<(TcpListener, SocketAddr)>, StartError> {
    let mut common = 0;
    let mut listeners = Vec::new();
    for site in &plot.sites {
        let mut wanted = site.listen;
        let any = wanted.port() == 0;
        if any {
            wanted.set_port(common);
        }
        let (listener, address) = listen(&format!("the site {} {}", site.side, site.name), wanted).await?;
        if any {
            common = address.port();
        }
        listeners.push((listener, address));
    }
    Ok(listeners)
}

async fn serve_api(world: Arc<World>, listener: TcpListener) {
    let router: Router<()> = control::router().fallback(serve::serve).with_state(world.clone());
    let service = router.into_make_service_with_connect_info::<Connection>();
    let stopped = async move { world.stopped().await };
    // The only error there is comes from accepting, which axum itself retries.
    let _ = axum::serve(Resettable(listener), service).with_graceful_shutdown(stopped).await;
}
