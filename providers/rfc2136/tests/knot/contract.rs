//! The contract of every name service, held against a real server: with a key that may transfer zones, and with one that may not.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;
use switchover::model::{DnsName, RecordData, RecordKind, RecordValue, Ttl, ZoneName};
use switchover::port::{Meter, NameService};
use switchover_rfc2136::{Rfc2136, Rfc2136Options};
use switchover_tests::contract::name_service::{Abilities, Comparison, Held, NameServiceHarness};
use tokio::runtime::Runtime;

use super::{env, options, service, zone};

/// A server that is started by `tests/knot/run`, and a key of its.
struct Real {
    runtime: Runtime,
    key: &'static str,
}

impl Real {
    fn new(key: &'static str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self { runtime: runtime.unwrap(), key }
    }

    fn run<F: Future>(&self, contract: F) -> F::Output {
        self.runtime.block_on(contract)
    }
}

/// The server's host and port.
fn server() -> (String, String) {
    let server = env("SWITCHOVER_DNS_SERVER");
    let (host, port) = server.split_once(':').unwrap();
    (host.to_owned(), port.to_owned())
}

/// `mover` may transfer and update.
fn mover() -> String {
    format!("hmac-sha256:mover:{}", env("SWITCHOVER_DNS_SECRET"))
}

/// Deletes every record of a zone and makes these, in one update.
fn nsupdate(zone: &ZoneName, there: &[Held], records: &[Held]) {
    let (host, port) = server();
    let add = |Held { name, value, .. }: &Held| {
        let RecordValue { data, ttl } = value;
        format!("update add {name}. {} {} {}", seconds(*ttl), data.kind(), text(data))
    };
    let lines = [format!("server {host} {port}"), format!("zone {zone}.")]
        .into_iter()
        .chain(there.iter().map(|held| format!("update delete {}.", held.name)))
        .chain(records.iter().map(add))
        .chain(["send\n".to_owned()]);
    let script = lines.collect::<Vec<String>>().join("\n");
    let mut nsupdate = Command::new("nsupdate")
        .args(["-v", "-y", &mover()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    nsupdate.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = nsupdate.wait_with_output().unwrap();
    assert!(output.status.success(), "{script}{}", String::from_utf8_lossy(&output.stderr));
}

fn seconds(ttl: Ttl) -> u32 {
    match ttl {
        Ttl::Auto => panic!("servers of one's own know no automatic TTL"),
        Ttl::Seconds(seconds) => seconds,
    }
}

/// As a zone file has it.
fn text(data: &RecordData) -> String {
    match data {
        RecordData::A(v4) => v4.to_string(),
        RecordData::Aaaa(v6) => v6.to_string(),
        RecordData::Cname(name) => format!("{name}."),
        RecordData::Other { kind, text } if ["MX", "SRV"].contains(&kind.as_str()) => format!("{text}."),
        RecordData::Other { text, .. } => text.clone(),
    }
}

/// What a zone holds besides SOA and NS, by a transfer that `dig` makes.
fn transfer(zone: &ZoneName) -> Vec<Held> {
    let (host, port) = server();
    let (server, apex) = (format!("@{host}"), format!("{zone}."));
    let output = Command::new("dig")
        .args([&server, "-p", &port, "-y", &mover(), "+noall", "+answer", "AXFR", &apex])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("SOA"), "{text}");
    text.lines().filter(|line| !line.starts_with(';') && !line.is_empty()).filter_map(held).collect()
}

/// A line such as `www.contract.example. 300 IN A 192.0.2.1`.
fn held(line: &str) -> Option<Held> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [name, ttl, _, kind, rest @ ..] = words.as_slice() else { panic!("{line}") };
    let data = match RecordKind::from((*kind).to_owned()) {
        RecordKind::A => RecordData::A(rest[0].parse().unwrap()),
        RecordKind::Aaaa => RecordData::Aaaa(rest[0].parse().unwrap()),
        RecordKind::Cname => RecordData::Cname(DnsName::new(rest[0]).unwrap()),
        // The signature of the transfer is no record of the zone.
        RecordKind::Other(kind) if ["SOA", "NS", "TSIG"].contains(&kind.as_str()) => return None,
        RecordKind::Other(kind) => {
            RecordData::Other { kind, text: rest.join(" ").trim_end_matches('.').to_owned() }
        }
    };
    let ttl = Ttl::Seconds(ttl.parse().unwrap());
    Some(Held {
        value: RecordValue { data: data.clone(), ttl },
        ..Held::plain(DnsName::new(name).unwrap(), data)
    })
}

#[async_trait]
impl NameServiceHarness for Real {
    fn service(&self) -> Arc<dyn NameService> {
        Arc::new(service(self.key))
    }

    fn zones(&self) -> [ZoneName; 2] {
        [zone("contract.example"), zone("contract.test")]
    }

    fn abilities(&self) -> Abilities {
        Abilities { comparison: Comparison::Sets, attributes: false }
    }

    async fn set(&self, zone: &ZoneName, records: &[Held]) {
        nsupdate(zone, &transfer(zone), records);
    }

    async fn held(&self, zone: &ZoneName) -> Vec<Held> {
        transfer(zone)
    }

    fn reader(&self) -> Arc<dyn NameService> {
        Arc::new(service("reader"))
    }

    fn stranger(&self) -> Arc<dyn NameService> {
        Arc::new(service("stranger"))
    }

    fn unreachable(&self) -> Arc<dyn NameService> {
        let options = Rfc2136Options { server: "127.0.53.9:1".to_owned(), ..options(self.key) };
        let secret = SecretString::from(env("SWITCHOVER_DNS_SECRET"));
        Arc::new(Rfc2136::new(options, &secret, Meter::default()).unwrap())
    }

    /// A real server answers whatever it did.
    async fn lose_next_answer(&self) -> bool {
        false
    }
}

switchover_tests::name_service_contract!(by_transfer, Real::new("mover"));
switchover_tests::name_service_contract!(by_questions, Real::new("writer"));
