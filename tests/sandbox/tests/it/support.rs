//! A small seed on free ports, and clients for it.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_net::client::{Client, ClientHandle};
use hickory_net::runtime::TokioRuntimeProvider;
use hickory_net::udp::UdpClientStream;
use hickory_server::proto::op::DnsResponse;
use hickory_server::proto::rr::{DNSClass, Name, RecordType};
use serde_json::Value;
use switchover_sandbox::{Sandbox, Seed};

pub(crate) const WRITER: &str = "writer-writer-writer-writer-writer-write";

const SEED: &str = r#"
[api]
listen = "127.0.0.1:0"

[[dns]]
name = "ns1.sandbox.test"
listen = "127.0.0.1:0"

[[dns]]
name = "ns2.sandbox.test"
listen = "127.0.0.1:0"

[[resolvers]]
name = "public"
listen = "127.0.0.1:0"

[[tokens]]
name = "writer"
value = "writer-writer-writer-writer-writer-write"
user = "ops"
grants = [{ zones = ["*"], allow = ["zone-read", "dns-write"] }]

[[tokens]]
name = "reader"
value = "reader-reader-reader-reader-reader-reade"
user = "reader"
grants = [{ zones = ["pro.test"], allow = ["zone-read", "dns-read"] }]

[[tokens]]
name = "account"
value = "account-account-account-account-account-"
account = "acme"
grants = [{ zones = ["*"], allow = ["zone-read"] }]

[[tokens]]
name = "over"
value = "over-over-over-over-over-over-over-over-"
user = "ops"
expires_on = "2020-01-01T00:00:00Z"
grants = [{ zones = ["*"], allow = ["zone-read", "dns-write"] }]

[[zones]]
name = "free.test"

[[zones]]
name = "pro.test"
plan = "pro"
min_ttl = 2
records = [
  { name = "@", type = "A", content = "127.0.1.1", ttl = 300, comment = "apex", tags = ["env:live"] },
  { name = "www.pro.test", type = "A", content = "127.0.1.2", ttl = 300 },
  { name = "short.pro.test", type = "A", content = "127.0.1.3", ttl = 2 },
  { name = "auto.pro.test", type = "A", content = "127.0.1.4" },
  { name = "alias.pro.test", type = "CNAME", content = "www.pro.test", ttl = 60 },
  { name = "*.wild.pro.test", type = "A", content = "127.0.1.5", ttl = 60 },
  { name = "edge.pro.test", type = "A", content = "127.0.1.6", proxied = true },
  { name = "edge.pro.test", type = "A", content = "127.0.1.7" },
  { name = "deep.below.pro.test", type = "TXT", content = '"a" "b"', ttl = 60 },
  { name = "lab.pro.test", type = "NS", content = "ns.lab.test", ttl = 60 },
  { name = "@", type = "MX", content = "mail.pro.test", priority = 10, ttl = 60 },
  { name = "@", type = "CAA", data = { flags = 128, tag = "issue", value = "ca.test" }, ttl = 60 },
  { name = "_sip._tcp.pro.test", type = "SRV", data = { priority = 1, weight = 2, port = 3, target = "sip.pro.test" }, ttl = 60 },
]

[[sites]]
side = "east"
environment = "live"
name = "web"
listen = "127.0.1.1:0"

[[sites]]
side = "west"
environment = "live"
name = "web"
listen = "127.0.2.1:0"
"#;

/// A sandbox on free ports.
pub(crate) async fn start() -> Sandbox {
    Sandbox::start(seed()).await.unwrap()
}

/// Its seed.
pub(crate) fn seed() -> Seed {
    Seed::parse(SEED).unwrap()
}

/// An answer of the API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The code of the first error, and of what is below it.
    pub(crate) fn codes(&self) -> (u64, u64) {
        let error = &self.body["errors"][0];
        let code = |error: &Value| error["code"].as_u64().unwrap_or(0);
        (code(error), code(&error["error_chain"][0]))
    }

    pub(crate) fn result(&self) -> &Value {
        assert_eq!(self.body["success"], true, "{self:?}");
        &self.body["result"]
    }
}

pub(crate) fn http(timeout: Duration) -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(timeout).build().unwrap()
}

/// Asks the API with any token, or none.
pub(crate) async fn call_as(
    sandbox: &Sandbox,
    token: Option<&str>,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> Answer {
    try_call(sandbox, token, method, path, body, Duration::from_secs(20)).await.unwrap()
}

/// Asks the API as one who may write.
pub(crate) async fn call(sandbox: &Sandbox, method: &str, path: &str, body: Option<Value>) -> Answer {
    call_as(sandbox, Some(WRITER), method, path, body).await
}

/// Asks the API; an error is one of the transport.
pub(crate) async fn try_call(
    sandbox: &Sandbox,
    token: Option<&str>,
    method: &str,
    path: &str,
    body: Option<Value>,
    timeout: Duration,
) -> reqwest::Result<Answer> {
    let url = format!("{}{path}", sandbox.api_url());
    let mut request = http(timeout).request(method.parse().unwrap(), url);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await?;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await?;
    Ok(Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null) })
}

/// `/zones/{id}/dns_records` of a zone, and what follows.
pub(crate) fn records_path(sandbox: &Sandbox, zone: &str, rest: &str) -> String {
    format!("/zones/{}/dns_records{rest}", sandbox.zone_id(zone).unwrap())
}

/// The id of the first record of a name.
pub(crate) fn id_of(sandbox: &Sandbox, zone: &str, name: &str) -> String {
    let records = sandbox.records(zone).unwrap();
    records.iter().find(|record| record.name == name).unwrap().id.to_string()
}

/// What a record of a name says now.
pub(crate) fn content_of(sandbox: &Sandbox, zone: &str, name: &str) -> Option<String> {
    let records = sandbox.records(zone).unwrap();
    records.into_iter().find(|record| record.name == name).map(|record| record.content)
}

/// Asks a name server by UDP.
pub(crate) async fn ask(server: SocketAddr, name: &str, kind: RecordType) -> Option<DnsResponse> {
    let provider = TokioRuntimeProvider::new();
    let stream =
        UdpClientStream::builder(server, provider).with_timeout(Some(Duration::from_millis(700))).build();
    let (mut client, background) = Client::<TokioRuntimeProvider>::from_sender(stream);
    tokio::spawn(background);
    let name = Name::from_ascii(format!("{name}.")).unwrap();
    client.query(name, DNSClass::IN, kind).await.ok()
}

/// The values that a name server answers, sorted.
pub(crate) async fn values(server: SocketAddr, name: &str, kind: RecordType) -> Vec<String> {
    let answer = ask(server, name, kind).await.unwrap();
    let mut values: Vec<String> = answer.answers.iter().map(|record| record.data.to_string()).collect();
    values.sort();
    values
}
