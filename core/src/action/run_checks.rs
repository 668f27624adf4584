//! Ask a side whether it is fit to serve.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::{Acted, Context, Look, Perform};
use crate::journal::Fact;
use crate::model::{CheckName, DnsName, SideName};
use crate::port::{Ports, Subject};

/// One check of one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedCheck {
    /// Which check.
    pub check: CheckName,
    /// The name under which the side is asked.
    pub name: DnsName,
    /// The address that is asked; the name is not resolved.
    pub address: IpAddr,
}

/// Checks of one side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunChecks {
    /// The side.
    pub side: SideName,
    /// The checks, all of which must pass.
    pub checks: Vec<PlannedCheck>,
}

/// Runs every check that has not passed yet.
#[derive(Debug)]
pub(super) struct Checking<'a> {
    action: &'a RunChecks,
    passed: BTreeMap<usize, Fact>,
    tries: u32,
}

impl<'a> Checking<'a> {
    pub(super) fn new(action: &'a RunChecks) -> Self {
        Self { action, passed: BTreeMap::new(), tries: 0 }
    }
}

/// Runs one check once; `tries` says how often it was tried by then.
pub(super) async fn run(planned: &PlannedCheck, tries: u32, ports: &Ports) -> Result<Fact, String> {
    let subject = Subject { name: planned.name.clone(), address: planned.address };
    let Some(check) = ports.checks.get(&planned.check) else {
        return Err(format!("the check {} was not connected", planned.check));
    };
    let what = format!("{} of {} at {}", planned.check, planned.name, planned.address);
    match check.run(&subject).await {
        Ok(()) => Ok(Fact::Passed { what, tries }),
        Err(failure) => Err(format!("{what}: {failure}")),
    }
}

#[async_trait]
impl Perform for Checking<'_> {
    async fn look(&mut self, context: &Context<'_>) -> Look {
        self.tries += 1;
        let open =
            self.action.checks.iter().enumerate().filter(|(place, _)| !self.passed.contains_key(place));
        let tries = self.tries;
        let runs =
            open.map(|(place, planned)| async move { (place, run(planned, tries, context.ports).await) });
        let mut failures = Vec::new();
        for (place, outcome) in join_all(runs).await {
            match outcome {
                Ok(fact) => {
                    self.passed.insert(place, fact);
                }
                Err(failure) => failures.push(failure),
            }
        }
        if failures.is_empty() {
            return Look::Done(self.passed.values().cloned().collect());
        }
        Look::Waiting(failures.join("; "))
    }

    async fn act(&mut self, _: &Context<'_>) -> Acted {
        Acted::Later("a check only asks".to_owned())
    }

    fn pause(&self, _: u32) -> Duration {
        Duration::from_secs(1)
    }

    fn in_flight(&self, _: &Context<'_>) -> Duration {
        Duration::ZERO
    }
}
