//! The name service itself: finds the zone, then reads, changes or proves.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use switchover::model::{DnsName, Record, Zone, ZoneName};
use switchover::port::{Clock, Meter, NameError, NameService, RecordChange, ZoneView};

use crate::client::Client;
use crate::locate::Directory;
use crate::options::{CloudflareOptions, Settings, SetupError};
use crate::refusal::{unchanged, zone_is_gone};
use crate::{change, listing, proof};

const READ: &str = "read its records (permission DNS Read or DNS Write)";

/// The zones of one Cloudflare account, or of one user.
///
/// One value holds one budget of requests (1,200 in 5 minutes for each token), so use one for all zones of a token.
/// Needs a tokio runtime with time and I/O for the network; everything else is timed by the [`Clock`]. `Debug` never
/// shows the token.
///
/// ```
/// # use std::{sync::Arc, time::Duration};
/// # use switchover::{model::{Zone, ZoneName}, port::{Clock, Meter}};
/// use switchover_cloudflare::{Cloudflare, CloudflareOptions};
///
/// # fn build(clock: Arc<dyn Clock>) -> Result<(), Box<dyn std::error::Error>> {
/// let zones = [Zone { name: ZoneName::new("gigadb.org")?, id: None }];
/// let token = secrecy::SecretString::from("a token with DNS Write and Zone Read");
/// # let token = secrecy::SecretString::from("token");
/// let names = Cloudflare::new(&CloudflareOptions::default(), token, &zones, Meter::default(), clock)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Cloudflare {
    client: Client,
    directory: Directory,
    in_flight: Duration,
    minimum_ttl: Option<Duration>,
}

impl Cloudflare {
    /// Checks the options and makes a service of them. Sends nothing: a wrong token shows at the first request.
    ///
    /// `zones` are the zones of the configuration; one without an id is looked up by its name when it is first needed.
    /// Every request that is sent is counted by `meter`.
    pub fn new(
        options: &CloudflareOptions,
        token: SecretString,
        zones: &[Zone],
        meter: Meter,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        let settings = Settings::try_from(options)?;
        Ok(Self {
            client: Client::new(&settings, token, meter, clock)?,
            directory: Directory::new(zones)?,
            in_flight: settings.in_flight,
            minimum_ttl: settings.minimum_ttl,
        })
    }

    /// Forgets where the zone was if it was not there, so that the next question looks again; and finds out whether a refusal is only
    /// a wrong id's.
    async fn noted<T>(&self, zone: &ZoneName, outcome: Result<T, NameError>) -> Result<T, NameError> {
        if let Err(NameError::Forbidden { code, .. }) = &outcome
            && let Some(error) = self.directory.misnamed(&self.client, zone, *code).await
        {
            return Err(error);
        }
        if outcome.as_ref().is_err_and(zone_is_gone) {
            self.directory.forget(zone).await;
        }
        outcome
    }

    async fn view(&self, zone: &ZoneName, names: &BTreeSet<DnsName>) -> Result<ZoneView, NameError> {
        let patience = self.client.patience();
        let located = self.directory.locate(&self.client, zone, patience).await?;
        let minimum_ttl = Some(self.minimum_ttl.unwrap_or(located.plan.minimum_ttl()));
        match listing::records(&self.client, &located.id, names, patience).await {
            Ok(records) => Ok(ZoneView { zone: zone.clone(), records, minimum_ttl }),
            Err(failure) => Err(unchanged(&self.client, zone, READ, failure).await),
        }
    }

    async fn apply(&self, zone: &ZoneName, changes: &[RecordChange]) -> Result<(), NameError> {
        change::check(zone, changes, self.minimum_ttl)?;
        if changes.is_empty() {
            return Ok(());
        }
        let located = self.directory.locate(&self.client, zone, self.client.patience()).await?;
        let mut applied = 0;
        for batch in change::split(changes, located.plan.batch()) {
            match change::apply(&self.client, zone, &located, batch).await {
                Ok(()) => applied += batch.len(),
                Err(error) if applied == 0 => return Err(error),
                Err(error) => return Err(change::partly(zone, applied, changes.len(), &error)),
            }
        }
        Ok(())
    }

    async fn prove(&self, zone: &ZoneName, records: &[Record]) -> Result<(), NameError> {
        let patience = self.client.patience();
        let located = self.directory.locate(&self.client, zone, patience).await?;
        proof::prove(&self.client, zone, &located, records, patience).await
    }
}

#[async_trait]
impl NameService for Cloudflare {
    async fn read(&self, zone: &ZoneName, names: &BTreeSet<DnsName>) -> Result<ZoneView, NameError> {
        let outcome = self.view(zone, names).await;
        self.noted(zone, outcome).await
    }

    async fn change(&self, zone: &ZoneName, changes: &[RecordChange]) -> Result<(), NameError> {
        let outcome = self.apply(zone, changes).await;
        self.noted(zone, outcome).await
    }

    async fn prove_write(&self, zone: &ZoneName, records: &[Record]) -> Result<(), NameError> {
        let outcome = self.prove(zone, records).await;
        self.noted(zone, outcome).await
    }

    fn in_flight(&self) -> Duration {
        self.in_flight
    }
}
