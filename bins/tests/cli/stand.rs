//! The pair of `examples/gigadb` in a sandbox of its own, on free ports, and a folder with a configuration that leads there.

use std::path::Path;

use switchover_sandbox::{RecordSeed, Sandbox, Seed};
use tokio::runtime::{Builder, Runtime};

use crate::support::{Home, Ran, root};

/// A sandbox, the executor that it runs on, and the folder.
pub(crate) struct Stand {
    pub(crate) sandbox: Sandbox,
    pub(crate) home: Home,
    _runtime: Runtime,
}

/// The token of the seed that may do everything that is needed.
pub(crate) const TOKEN: &str = "sandbox-operations-token-000000000000000";

/// The seed, with free ports and TTLs of 2 s, so that nobody waits.
pub(crate) fn seed() -> Seed {
    let mut seed = Seed::read(&root().join("tests/sandbox/seeds/gigadb.toml")).unwrap();
    seed.api.listen.set_port(0);
    seed.dns.iter_mut().for_each(|server| server.listen.set_port(0));
    seed.resolvers.iter_mut().for_each(|resolver| resolver.listen.set_port(0));
    seed.sites.iter_mut().for_each(|site| site.listen.set_port(0));
    for zone in &mut seed.zones {
        zone.min_ttl = Some(2);
        let addresses = zone.records.iter_mut().filter(|record| is_swapped(record));
        addresses.for_each(|record| record.ttl = Some(2));
    }
    seed
}

fn is_swapped(record: &RecordSeed) -> bool {
    record
        .content
        .as_ref()
        .is_some_and(|content| content.starts_with("127.0.1.") || content.starts_with("127.0.2."))
}

/// An address record as a seed has it.
pub(crate) fn record(name: &str, kind: switchover_sandbox::Kind, content: &str) -> RecordSeed {
    RecordSeed {
        name: name.to_owned(),
        kind: Some(kind),
        content: Some(content.to_owned()),
        ttl: Some(2),
        ..RecordSeed::default()
    }
}

impl Stand {
    pub(crate) fn new() -> Self {
        Self::seeded(seed(), "examples/gigadb/sandbox.toml")
    }

    /// With records changed before it starts.
    pub(crate) fn drifted(change: impl FnOnce(&mut Vec<RecordSeed>, &mut Vec<RecordSeed>)) -> Self {
        let mut seed = seed();
        let [org, host] = &mut seed.zones[..] else { panic!("two zones") };
        change(&mut org.records, &mut host.records);
        Self::seeded(seed, "examples/gigadb/sandbox.toml")
    }

    pub(crate) fn seeded(seed: Seed, example: &str) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let sandbox = runtime.block_on(Sandbox::start(seed)).unwrap();
        let text = std::fs::read_to_string(root().join(Path::new(example))).unwrap();
        let home = Home::with(&pointed_at(&sandbox, &text)).set("CLOUDFLARE_API_TOKEN", TOKEN);
        Self { sandbox, home, _runtime: runtime }
    }

    pub(crate) fn run(&self, line: &str) -> Ran {
        let ran = self.home.run(line);
        assert!(!ran.transcript().contains(TOKEN), "the token was shown by {line}");
        ran
    }

    /// The content of every address record of that name.
    pub(crate) fn addresses(&self, zone: &str, name: &str) -> Vec<String> {
        let records = self.sandbox.records(zone).unwrap();
        let of_name =
            records.iter().map(switchover_sandbox::Record::to_json).filter(|record| record["name"] == name);
        of_name
            .filter(|record| record["type"] == "A")
            .map(|record| record["content"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// The example with this sandbox's addresses in place of the usual ones.
fn pointed_at(sandbox: &Sandbox, text: &str) -> String {
    let servers: Vec<String> =
        sandbox.dns_servers().iter().map(|server| format!("\"{}\"", server.address)).collect();
    let site = sandbox.sites().first().map(|site| site.address.port()).unwrap();
    let lines = text.lines().map(|line| match line.split_once(" = ").map(|(key, _)| key) {
        Some("base_url") => format!("base_url = \"{}/\"", sandbox.api_url()),
        Some("authorities") => format!("authorities = [{}]", servers.join(", ")),
        Some("resolvers") => format!("resolvers = [\"{}\"]", sandbox.resolvers()[0].address),
        Some("port") => format!("port = {site}"),
        Some("margin") => "margin = \"0s\"".to_owned(),
        Some("propagation_deadline") => "propagation_deadline = \"30s\"".to_owned(),
        Some(_) | None => line.to_owned(),
    });
    lines.map(|line| line + "\n").collect()
}
