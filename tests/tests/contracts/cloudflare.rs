//! The Cloudflare provider keeps the contract on the emulated API, with zones given by name and by id.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;
use switchover::model::{Zone, ZoneName};
use switchover::port::{Meter, NameService};
use switchover_cloudflare::{Cloudflare, CloudflareOptions};
use switchover_runtime::TokioClock;
use switchover_sandbox::{Fault, FaultRule};
use switchover_tests::contract::name_service::{Abilities, Comparison, Held, NameServiceHarness};

use crate::sandbox::Booth;

/// How the file names zones.
#[derive(Clone, Copy)]
pub(crate) enum Given {
    /// By name: the provider looks id and plan up.
    Name,
    /// By id: the provider knows no plan.
    Id,
}

/// The provider beside a sandbox.
pub(crate) struct Emulated {
    pub(crate) booth: Booth,
    given: Given,
}

impl Emulated {
    pub(crate) fn new(given: Given) -> Self {
        Self { booth: Booth::new(), given }
    }

    pub(crate) fn run<F: Future>(&self, contract: F) -> F::Output {
        self.booth.run(contract)
    }

    pub(crate) fn options(&self) -> CloudflareOptions {
        CloudflareOptions { base_url: self.booth.sandbox.api_url(), ..CloudflareOptions::default() }
    }

    /// The provider with a token of the seed.
    pub(crate) fn with(&self, token: &str) -> Arc<Cloudflare> {
        self.made(&self.options(), self.booth.sandbox.token(token).unwrap(), &Meter::default())
    }

    pub(crate) fn made(
        &self,
        options: &CloudflareOptions,
        token: SecretString,
        meter: &Meter,
    ) -> Arc<Cloudflare> {
        let zones = ["example.org", "example.net", "free.example", "large.example"].map(|name| {
            let name = ZoneName::new(name).unwrap();
            let id = match self.given {
                Given::Name => None,
                Given::Id => Some(self.booth.zone_id(&name)),
            };
            Zone { name, id }
        });
        let clock = Arc::new(TokioClock::new());
        Arc::new(Cloudflare::new(options, token, &zones, meter.clone(), clock).unwrap())
    }
}

#[async_trait]
impl NameServiceHarness for Emulated {
    fn service(&self) -> Arc<dyn NameService> {
        self.with("writer")
    }

    fn zones(&self) -> [ZoneName; 2] {
        ["example.org", "example.net"].map(|name| ZoneName::new(name).unwrap())
    }

    fn abilities(&self) -> Abilities {
        Abilities { comparison: Comparison::Ids, attributes: true }
    }

    async fn set(&self, zone: &ZoneName, records: &[Held]) {
        self.booth.set(zone, records).await;
    }

    async fn held(&self, zone: &ZoneName) -> Vec<Held> {
        self.booth.held(zone)
    }

    fn reader(&self) -> Arc<dyn NameService> {
        self.with("reader")
    }

    fn stranger(&self) -> Arc<dyn NameService> {
        let token = SecretString::from("stranger-stranger-stranger-stranger-stra");
        self.made(&self.options(), token, &Meter::default())
    }

    fn unreachable(&self) -> Arc<dyn NameService> {
        let options =
            CloudflareOptions { base_url: "http://127.0.53.9:1/client/v4".to_owned(), ..self.options() };
        let token = self.booth.sandbox.token("writer").unwrap();
        self.made(&options, token, &Meter::default())
    }

    async fn lose_next_answer(&self) -> bool {
        let fault = FaultRule::new(Fault::DropAfter).on("POST", "/zones/*/dns_records/batch").times(1);
        self.booth.sandbox.add_fault(fault);
        true
    }
}

switchover_tests::name_service_contract!(by_name, Emulated::new(Given::Name));
switchover_tests::name_service_contract!(by_id, Emulated::new(Given::Id));
