//! Watch the new production for a while before the run ends.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::perform::between;
use super::run_checks::run;
use super::{Acted, Context, Look, Perform, PlannedCheck};
use crate::journal::Fact;

/// A time of watching, counted from the end of the stage before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Soak {
    /// How long, in milliseconds.
    pub for_ms: u64,
    /// The checks that must go on passing.
    pub checks: Vec<PlannedCheck>,
}

impl Soak {
    /// The whole time.
    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.for_ms)
    }
}

/// So many failures of one check after another stop the run: one alone may be the network's.
const STRIKES: u32 = 3;

#[derive(Debug)]
pub(super) struct Soaking<'a> {
    action: &'a Soak,
    ends: Option<Duration>,
    strikes: Vec<u32>,
    rounds: u32,
}

impl<'a> Soaking<'a> {
    pub(super) fn new(action: &'a Soak) -> Self {
        Self { action, ends: None, strikes: vec![0; action.checks.len()], rounds: 0 }
    }

    /// As for a hold: the clock of the day says once how much is left, and the monotonic clock counts from there.
    fn ends(&mut self, context: &Context<'_>) -> Duration {
        let clock = &context.ports.clock;
        let left = self.action.duration().saturating_sub(between(context.anchor, clock.now()));
        *self.ends.get_or_insert(clock.monotonic().saturating_add(left))
    }

    /// The failures of checks that failed too often.
    async fn watch(&mut self, context: &Context<'_>) -> Vec<String> {
        self.rounds += 1;
        let rounds = self.rounds;
        let runs = self.action.checks.iter().map(|planned| run(planned, rounds, context.ports));
        let mut failures = Vec::new();
        for (strikes, outcome) in self.strikes.iter_mut().zip(join_all(runs).await) {
            match outcome {
                Ok(_) => *strikes = 0,
                Err(failure) => {
                    *strikes += 1;
                    failures.extend((*strikes >= STRIKES).then_some(failure));
                }
            }
        }
        failures
    }
}

#[async_trait]
impl Perform for Soaking<'_> {
    async fn look(&mut self, context: &Context<'_>) -> Look {
        let left = self.ends(context).saturating_sub(context.ports.clock.monotonic());
        let failures = self.watch(context).await;
        if !failures.is_empty() {
            let why = format!("the new production failed {STRIKES} times in a row: {}", failures.join("; "));
            return Look::NotReady { why, partial: false };
        }
        if left.is_zero() {
            let soak = SignedDuration::try_from(self.action.duration()).unwrap_or(SignedDuration::MAX);
            let until = context.anchor.saturating_add(soak).unwrap_or(Timestamp::MAX);
            return Look::Done(vec![Fact::Waited { until }]);
        }
        Look::Waiting(format!("{} s left, {} rounds of checks passed", left.as_secs() + 1, self.rounds))
    }

    async fn act(&mut self, _: &Context<'_>) -> Acted {
        Acted::Later("a soak only watches".to_owned())
    }

    fn pause(&self, _: u32) -> Duration {
        Duration::from_secs(1)
    }

    fn in_flight(&self, _: &Context<'_>) -> Duration {
        Duration::ZERO
    }
}
