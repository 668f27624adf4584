//! The pair of `examples/gigadb` in a sandbox of its own, on free ports, and a folder with a configuration that leads there.

use std::path::{Path, PathBuf};

use switchover_sandbox::client::{Written, http, write};
use switchover_sandbox::{RecordSeed, Sandbox, Seed};
use tokio::runtime::{Builder, Runtime};

use crate::support::{Home, Ran, root};

/// A sandbox, the executor that it runs on, and the folder.
pub(crate) struct Stand {
    pub(crate) sandbox: Sandbox,
    pub(crate) home: Home,
    runtime: Runtime,
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

/// How many files there are in each environment's directory of the side that is production.
pub(crate) const FILES: u64 = 12;

/// Where the example's part about data begins.
const DATA: &str = "\n# Data.";

/// The variable that tells [`probe`] where to write.
const PROBE: &str = "STAND_FILES";

/// The sandbox's client of one write: this program, run by the stores as their probe, as a test is built without other packages' programs.
#[test]
#[ignore = "run by the stores, as their probe"]
fn probe() {
    let Ok(files) = std::env::var(PROBE) else { return };
    let wanted = PathBuf::from(std::env::var("SWITCHOVER_PROBE").unwrap());
    let name = wanted.file_name().unwrap().to_str().unwrap();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let written = runtime.block_on(write(&http().unwrap(), &files, name, "a trial write".to_owned()));
    std::process::exit(match written {
        Written::Acknowledged => 0,
        Written::Refused(_) => 1,
        Written::Unasked(_) => 126,
    });
}

impl Stand {
    /// The pair's names alone.
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

    /// The names alone of a configuration.
    pub(crate) fn seeded(seed: Seed, example: &str) -> Self {
        let text = std::fs::read_to_string(root().join(Path::new(example))).unwrap();
        let names = text.split_once(DATA).map_or(text.as_str(), |(names, _)| names);
        Self::told(seed, Home::new(), names)
    }

    /// The pair's names alone, with more at the end of the configuration, in a folder that is there already.
    pub(crate) fn names_and(more: &str, home: Home) -> Self {
        let text = std::fs::read_to_string(root().join("examples/gigadb/sandbox.toml")).unwrap();
        let names = text.split_once(DATA).map_or(text.as_str(), |(names, _)| names);
        Self::told(seed(), home, &format!("{names}\n{more}"))
    }

    /// The pair with its data: files in Hong Kong, nothing in Sydney.
    pub(crate) fn with_data() -> Self {
        Self::with_data_and(|text| text)
    }

    /// The same with another configuration.
    pub(crate) fn with_data_and(change: impl FnOnce(String) -> String) -> Self {
        let home = Home::new();
        let mut seed = seed();
        for site in &mut seed.sites {
            let tree = home.path("trees").join(&site.side).join(&site.environment);
            std::fs::create_dir_all(&tree).unwrap();
            site.files = Some(tree);
        }
        for environment in ["live", "staging"] {
            for number in 1..=FILES {
                let name = format!("trees/hongkong/{environment}/dataset-{number}.txt");
                home.file(&name, &format!("dataset {number:02} of {environment}\n"));
                // What was written a moment ago is copied twice, as another write might leave it with the same time.
                let day = std::time::SystemTime::now() - std::time::Duration::from_hours(24);
                std::fs::File::open(home.path(&name)).unwrap().set_modified(day).unwrap();
            }
        }
        let text = std::fs::read_to_string(root().join("examples/gigadb/sandbox.toml")).unwrap();
        Self::told(seed, home, &change(text))
    }

    fn told(seed: Seed, home: Home, text: &str) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let sandbox = runtime.block_on(Sandbox::start(seed)).unwrap();
        home.file("switchover.toml", &pointed_at(&sandbox, text));
        Self { sandbox, home: home.set("CLOUDFLARE_API_TOKEN", TOKEN), runtime }
    }

    /// What the application of a site answers to a write.
    pub(crate) fn upload(&self, side: &str, name: &str) -> Written {
        let of_live = |site: &&switchover_sandbox::RunningSite| {
            site.side == side && site.name == "eip-gigadb-files-live-gigadb"
        };
        let files = format!("http://{}/files", self.sandbox.sites().iter().find(of_live).unwrap().address);
        self.runtime.block_on(write(&http().unwrap(), &files, name, name.to_owned()))
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
        Some("probe") if line.contains("sandbox-client") => {
            let url = line.split('"').find(|part| part.starts_with("http://")).unwrap();
            let url = url.replace(":18080", &format!(":{site}"));
            let own = std::env::current_exe().unwrap();
            let own = own.display();
            format!(
                "probe = [\"/usr/bin/env\", \"{PROBE}={url}\", \"{own}\", \"--exact\", \"stand::probe\", \"--ignored\"]"
            )
        }
        Some("propagation_deadline") => "propagation_deadline = \"30s\"".to_owned(),
        Some(_) | None => line.to_owned(),
    });
    lines.map(|line| line + "\n").collect()
}
