//! Fetches the probed names throughout a run, as a client would, and keeps count.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;

use super::{Engine, Progress};
use crate::action::milliseconds;
use crate::journal::ProbeSummary;
use crate::model::{AddressKind, CheckName, DnsName, Role};
use crate::plan::Plan;
use crate::port::{Answer, DnsServer, Subject};

/// What was seen of one name so far.
#[derive(Debug, Default, Clone)]
struct Seen {
    requests: u64,
    failed: u64,
    longest_gap: Duration,
    last_good: Option<Duration>,
    failing: bool,
    first_failure: Option<String>,
}

/// The probe of one run.
#[derive(Debug)]
pub(super) struct Probe<'e> {
    engine: &'e Engine,
    names: Vec<(DnsName, CheckName)>,
    seen: Mutex<BTreeMap<DnsName, Seen>>,
}

/// An address and until when it may be used.
type Cached = Option<(IpAddr, Duration)>;

impl<'e> Probe<'e> {
    /// Probes the names of a plan that moves traffic; none of a plan that does not.
    pub(super) fn new(engine: &'e Engine, plan: &Plan) -> Self {
        let shifts = plan.shifts.iter().filter(|_| plan.pivot.is_some());
        let environments = shifts.filter_map(|shift| engine.pair.environment(&shift.environment).ok());
        let probed =
            environments.flat_map(|environment| &environment.endpoints).filter(|endpoint| endpoint.probe);
        let names = probed
            .filter_map(|endpoint| endpoint.checks.first().map(|check| (endpoint, check)))
            .flat_map(|(endpoint, check)| Role::ALL.map(|role| (endpoint.name(role).clone(), check.clone())))
            .collect();
        Self { engine, names, seen: Mutex::new(BTreeMap::new()) }
    }

    /// Fetches for as long as it is polled.
    pub(super) async fn watch(&self) -> Infallible {
        join_all(self.names.iter().map(|(name, check)| self.watch_name(name, check))).await;
        std::future::pending().await
    }

    /// What was seen of each name.
    pub(super) fn summaries(&self) -> Vec<ProbeSummary> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let summary = |(name, seen): (&DnsName, &Seen)| ProbeSummary {
            name: name.clone(),
            requests: seen.requests,
            failed: seen.failed,
            longest_gap_ms: milliseconds(seen.longest_gap),
            first_failure: seen.first_failure.clone(),
        };
        seen.iter().map(summary).collect()
    }

    async fn watch_name(&self, name: &DnsName, check: &CheckName) {
        let clock = &self.engine.ports.clock;
        let mut cached: Cached = None;
        loop {
            let began = clock.monotonic();
            let outcome = self.fetch(name, check, &mut cached).await;
            self.count(name, outcome);
            let spent = clock.monotonic().saturating_sub(began);
            let pause = self.engine.pair.probe.every.saturating_sub(spent);
            clock.sleep(pause.max(Duration::from_millis(1))).await;
        }
    }

    async fn fetch(&self, name: &DnsName, check: &CheckName, cached: &mut Cached) -> Result<(), String> {
        let address = self.resolve(name, cached).await?;
        let check = self.engine.ports.checks.get(check).ok_or("the check was not connected")?;
        let subject = Subject { name: name.clone(), address };
        check.run(&subject).await.map_err(|failure| failure.to_string())
    }

    /// The address a client would use: a cached one until its TTL has passed.
    async fn resolve(&self, name: &DnsName, cached: &mut Cached) -> Result<IpAddr, String> {
        let now = self.engine.ports.clock.monotonic();
        if let Some((address, until)) = cached.as_ref().filter(|(_, until)| now < *until) {
            let _ = until;
            return Ok(*address);
        }
        let mut last = format!("{name} has no address");
        for family in AddressKind::ALL {
            match self.ask(name, family).await {
                Ok(answer) => {
                    if let Some(address) = answer.addresses.first() {
                        *cached = Some((*address, now + answer.ttl));
                        return Ok(*address);
                    }
                }
                Err(why) => last = why,
            }
        }
        Err(last)
    }

    async fn ask(&self, name: &DnsName, family: AddressKind) -> Result<Answer, String> {
        let resolver = &self.engine.ports.resolver;
        let answer = match self.engine.pair.dns.resolvers.first() {
            Some(server) => resolver.ask(&DnsServer::from(*server), name, family).await,
            None => resolver.look_up(name, family).await,
        };
        answer.map_err(|error| error.to_string())
    }

    fn count(&self, name: &DnsName, outcome: Result<(), String>) {
        let now = self.engine.ports.clock.monotonic();
        if let Err(why) = &outcome {
            self.engine.watcher.on(&Progress::ProbeFailed { name, why });
        }
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = all.entry(name.clone()).or_default();
        seen.requests += 1;
        match outcome {
            Ok(()) => {
                if let Some(last) = seen.last_good.filter(|_| seen.failing) {
                    seen.longest_gap = seen.longest_gap.max(now.saturating_sub(last));
                }
                seen.last_good = Some(now);
                seen.failing = false;
            }
            Err(why) => {
                seen.failed += 1;
                seen.failing = true;
                let gap = now.saturating_sub(seen.last_good.unwrap_or(now));
                seen.longest_gap = seen.longest_gap.max(gap);
                seen.first_failure.get_or_insert(why);
            }
        }
    }
}
