//! A sandbox of one pair for the providers that ask over the network, and a way to its records past them.

use std::future::Future;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};
use switchover::model::{DnsName, RecordData, RecordKind, RecordValue, Ttl, ZoneName};
use switchover_sandbox::{Record, Sandbox, Seed};
use switchover_tests::contract::name_service::Held;
use tokio::runtime::Runtime;

const SEED: &str = r#"
[api]
listen = "127.0.0.1:0"

[[dns]]
name = "ns1.sandbox.test"
listen = "127.0.53.1:0"

[[dns]]
name = "ns2.sandbox.test"
listen = "127.0.53.2:0"

[[dns]]
name = "ns3.sandbox.test"
listen = "127.0.53.3:0"

[[resolvers]]
name = "system"
listen = "127.0.53.4:0"

[[tokens]]
name = "writer"
value = "writer-writer-writer-writer-writer-write"
user = "operations"
grants = [{ zones = ["*"], allow = ["zone-read", "dns-write"] }]

[[tokens]]
name = "reader"
value = "reader-reader-reader-reader-reader-reade"
user = "reader"
grants = [{ zones = ["*"], allow = ["zone-read", "dns-read"] }]

[[tokens]]
name = "account"
value = "account-account-account-account-account-"
account = "0123456789abcdef0123456789abcdef"
grants = [{ zones = ["*"], allow = ["zone-read", "dns-write"] }]

[[tokens]]
name = "account-reader"
value = "account-reader-account-reader-account-re"
account = "0123456789abcdef0123456789abcdef"
grants = [{ zones = ["*"], allow = ["zone-read", "dns-read"] }]

[[tokens]]
name = "expired"
value = "expired-expired-expired-expired-expired-"
user = "operations"
expires_on = "2025-01-01T00:00:00Z"
grants = [{ zones = ["*"], allow = ["zone-read", "dns-write"] }]

# The harnesses' own, so that what they ask is nobody's budget.
[[tokens]]
name = "harness"
value = "harness-harness-harness-harness-harness-"
user = "harness"
grants = [{ zones = ["*"], allow = ["zone-read", "dns-write"] }]

[[zones]]
name = "example.org"
account = "0123456789abcdef0123456789abcdef"
plan = "pro"

[[zones]]
name = "example.net"
account = "0123456789abcdef0123456789abcdef"
plan = "pro"

# An older zone: a new one on this plan could not hold more records than one batch changes.
[[zones]]
name = "free.example"
account = "0123456789abcdef0123456789abcdef"
plan = "free"
max_records = 1000

[[zones]]
name = "large.example"
account = "0123456789abcdef0123456789abcdef"
plan = "enterprise"
max_records = 20000

[[sites]]
side = "hongkong"
environment = "live"
name = "eip-web"
listen = "127.0.1.1:0"
"#;

/// A sandbox on free ports, on a runtime of its own.
pub(crate) struct Booth {
    runtime: Runtime,
    pub(crate) sandbox: Sandbox,
    http: reqwest::Client,
}

impl Booth {
    pub(crate) fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let sandbox = runtime.block_on(Sandbox::start(Seed::parse(SEED).unwrap())).unwrap();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
        Self { runtime, sandbox, http }
    }

    pub(crate) fn run<F: Future>(&self, contract: F) -> F::Output {
        self.runtime.block_on(contract)
    }

    pub(crate) fn zone_id(&self, zone: &ZoneName) -> String {
        self.sandbox.zone_id(zone.as_str()).unwrap().to_string()
    }

    /// Asks the API with a token of the seed, and gives the status and the body.
    pub(crate) async fn post(&self, token: &str, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}{path}", self.sandbox.api_url());
        let token = self.sandbox.token(token).unwrap();
        let request = self.http.post(url).bearer_auth(token.expose_secret()).json(body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// Deletes every record of a zone and makes these.
    pub(crate) async fn set(&self, zone: &ZoneName, records: &[Held]) {
        let path = format!("/zones/{}/dns_records/batch", self.zone_id(zone));
        let there = self.sandbox.records(zone.as_str()).unwrap();
        let deletes: Vec<Value> = there.iter().map(|record| json!({ "id": record.id })).collect();
        let posts: Vec<Value> = records.iter().map(post).collect();
        // The smallest plan takes 200 changes at once.
        let batches = deletes.chunks(200).map(|some| json!({ "deletes": some }));
        for batch in batches.chain(posts.chunks(200).map(|some| json!({ "posts": some }))) {
            let (status, body) = self.post("harness", &path, &batch).await;
            assert_eq!(status, 200, "{body}");
        }
    }

    /// What a zone holds. The sandbox keeps SOA and NS records elsewhere.
    pub(crate) fn held(&self, zone: &ZoneName) -> Vec<Held> {
        self.sandbox.records(zone.as_str()).unwrap().into_iter().map(held).collect()
    }
}

/// A record in the words of the API.
fn post(held: &Held) -> Value {
    let ttl = match held.value.ttl {
        Ttl::Auto => 1,
        Ttl::Seconds(seconds) => seconds,
    };
    let mut body = json!({
        "name": held.name.as_str(),
        "type": held.value.data.kind().to_string(),
        "ttl": ttl,
        "proxied": held.proxied,
        "comment": held.comment,
        "tags": held.tags,
    });
    for (field, value) in value_of(&held.value.data) {
        body[field] = value;
    }
    body
}

/// The fields that say what a record says: structured ones for CAA, HTTPS and SRV.
fn value_of(data: &RecordData) -> Map<String, Value> {
    let RecordData::Other { kind, text } = data else {
        return Map::from_iter([("content".to_owned(), data.to_string().into())]);
    };
    let words: Vec<&str> = text.split(' ').collect();
    let number = |place: usize| words[place].parse::<u16>().unwrap();
    let value = match kind.as_str() {
        "MX" => json!({ "priority": number(0), "content": words[1] }),
        "CAA" => {
            json!({ "data": { "flags": number(0), "tag": words[1], "value": words[2].trim_matches('"') } })
        }
        "HTTPS" => json!({ "data": { "priority": number(0), "target": words[1], "value": words[2] } }),
        "SRV" => {
            let (priority, weight, port) = (number(0), number(1), number(2));
            json!({ "data": { "priority": priority, "weight": weight, "port": port, "target": words[3] } })
        }
        _ => json!({ "content": text }),
    };
    value.as_object().unwrap().clone()
}

fn held(record: Record) -> Held {
    let kind = RecordKind::from(record.kind.to_string());
    let content = record.content;
    let data = match kind {
        RecordKind::A => RecordData::A(content.parse().unwrap()),
        RecordKind::Aaaa => RecordData::Aaaa(content.parse().unwrap()),
        RecordKind::Cname => RecordData::Cname(DnsName::new(content).unwrap()),
        RecordKind::Other(kind) => {
            let text = record.priority.map_or(content.clone(), |first| format!("{first} {content}"));
            RecordData::Other { kind, text }
        }
    };
    let ttl = if record.ttl == 1 { Ttl::Auto } else { Ttl::Seconds(record.ttl) };
    Held {
        name: DnsName::new(record.name).unwrap(),
        value: RecordValue { data, ttl },
        proxied: record.proxied,
        comment: record.comment,
        tags: record.tags,
    }
}
