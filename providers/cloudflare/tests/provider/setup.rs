//! A service on a scripted server, and a clock that does not wait.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use switchover::config::Period;
use switchover::model::{DnsName, Record, RecordData, RecordValue, Ttl, Zone, ZoneName};
use switchover::port::{Clock, Meter, NameError, NameService, RecordChange};
use switchover_cloudflare::{Cloudflare, CloudflareOptions};

use crate::fake::{Fake, TOKEN, ZONE};
use crate::server::{Reply, Request, Server};

/// Real time, and on top of it every sleep, which takes none.
#[derive(Debug)]
pub(crate) struct JumpingClock {
    start: Instant,
    slept: Mutex<Vec<Duration>>,
}

impl JumpingClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { start: Instant::now(), slept: Mutex::new(Vec::new()) })
    }

    pub(crate) fn slept(&self) -> Duration {
        self.slept.lock().unwrap().iter().sum()
    }
}

#[async_trait]
impl Clock for JumpingClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed() + self.slept()
    }

    async fn sleep(&self, duration: Duration) {
        self.slept.lock().unwrap().push(duration);
        tokio::task::yield_now().await;
    }
}

/// A service and everything it touches.
pub(crate) struct Bench {
    pub(crate) names: Cloudflare,
    pub(crate) server: Server,
    pub(crate) fake: Fake,
    pub(crate) clock: Arc<JumpingClock>,
    pub(crate) meter: Meter,
}

/// Long enough for a busy machine.
pub(crate) fn options(url: &str) -> CloudflareOptions {
    CloudflareOptions { base_url: url.to_owned(), ..CloudflareOptions::default() }
}

/// Short enough for a test to wait for a server that hangs.
pub(crate) fn hurried(url: &str) -> CloudflareOptions {
    CloudflareOptions {
        connect_timeout: Period(Duration::from_millis(300)),
        timeout: Period(Duration::from_millis(600)),
        ..options(url)
    }
}

pub(crate) fn apex() -> ZoneName {
    ZoneName::new("gigadb.org").unwrap()
}

pub(crate) fn with_id() -> Vec<Zone> {
    vec![Zone { name: apex(), id: Some(ZONE.to_owned()) }]
}

pub(crate) fn by_name() -> Vec<Zone> {
    vec![Zone { name: apex(), id: None }]
}

impl Bench {
    /// The fake behind a script that may answer first.
    pub(crate) async fn scripted(
        fake: Fake,
        zones: &[Zone],
        script: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        Self::with(options, fake, zones, script).await
    }

    /// The fake behind a script that may never answer.
    pub(crate) async fn with(
        options: fn(&str) -> CloudflareOptions,
        fake: Fake,
        zones: &[Zone],
        script: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        let behind = fake.clone();
        let server =
            Server::start(move |request| script(request).unwrap_or_else(|| behind.answer(request))).await;
        let (clock, meter) = (JumpingClock::new(), Meter::default());
        let token = SecretString::from(TOKEN);
        let names =
            Cloudflare::new(&options(&server.url), token, zones, meter.clone(), clock.clone()).unwrap();
        Self { names, server, fake, clock, meter }
    }

    pub(crate) async fn new(fake: Fake) -> Self {
        Self::scripted(fake, &with_id(), |_| None).await
    }

    pub(crate) async fn read(&self) -> Result<Vec<Record>, NameError> {
        self.names.read(&apex(), &BTreeSet::new()).await.map(|view| view.records)
    }

    /// Reads the records of the fake, then forgets the requests that took.
    pub(crate) fn record(&self, id: &str) -> Record {
        let json = self.fake.records().into_iter().find(|record| record["id"] == id).unwrap();
        let seconds = u32::try_from(json["ttl"].as_u64().unwrap()).unwrap();
        Record {
            id: switchover::model::RecordId(id.to_owned()),
            name: DnsName::new(json["name"].as_str().unwrap()).unwrap(),
            value: RecordValue {
                data: RecordData::A(json["content"].as_str().unwrap().parse().unwrap()),
                ttl: if seconds == 1 { Ttl::Auto } else { Ttl::Seconds(seconds) },
            },
            proxied: json["proxied"] == true,
        }
    }

    /// A change of a record's address.
    pub(crate) fn to(&self, id: &str, address: &str) -> RecordChange {
        let before = self.record(id);
        let after = RecordValue { data: RecordData::A(address.parse().unwrap()), ttl: before.value.ttl };
        RecordChange { before, after }
    }

    pub(crate) async fn change(&self, changes: &[RecordChange]) -> Result<(), NameError> {
        self.names.change(&apex(), changes).await
    }
}

/// Lets the first `count` requests that match fall to a fault.
pub(crate) fn first(
    count: usize,
    matches: impl Fn(&Request) -> bool + Send + Sync + 'static,
    fault: Reply,
) -> impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static {
    let seen = Mutex::new(0);
    move |request| {
        if !matches(request) {
            return None;
        }
        let mut seen = seen.lock().unwrap();
        *seen += 1;
        (*seen <= count).then(|| fault.clone())
    }
}
