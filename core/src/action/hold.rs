//! Keep the old side until nobody can be sent there any more: the old TTL and a margin.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Acted, Context, Look, Perform};
use crate::journal::Fact;

/// A wait that each process counts from when it begins to wait, which is after the end of the stage before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// The longest time a resolver may keep an old record, in milliseconds.
    pub old_ttl_ms: u64,
    /// What is added for resolvers that keep it longer, in milliseconds.
    pub margin_ms: u64,
}

impl Hold {
    /// The whole wait.
    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.old_ttl_ms.saturating_add(self.margin_ms))
    }
}

/// Waits, by the monotonic clock of this process alone. What an earlier process waited was counted by another clock, which may have been behind
/// this one: so whoever goes on with a hold holds all of it, for a hold that is too long costs time, and one that is too short sends users to
/// a side that serves nobody.
#[derive(Debug)]
pub(super) struct Holding<'a> {
    action: &'a Hold,
    ends: Option<Duration>,
}

impl<'a> Holding<'a> {
    pub(super) fn new(action: &'a Hold) -> Self {
        Self { action, ends: None }
    }

    /// When the wait ends, by the monotonic clock.
    fn ends(&mut self, context: &Context<'_>) -> Duration {
        let clock = &context.ports.clock;
        *self.ends.get_or_insert(clock.monotonic().saturating_add(self.action.duration()))
    }
}

#[async_trait]
impl Perform for Holding<'_> {
    async fn look(&mut self, context: &Context<'_>) -> Look {
        let left = self.ends(context).saturating_sub(context.ports.clock.monotonic());
        if left.is_zero() {
            return Look::Done(vec![Fact::Waited { until: context.ports.clock.now() }]);
        }
        Look::Waiting(format!("{} s left", left.as_secs() + 1))
    }

    async fn act(&mut self, _: &Context<'_>) -> Acted {
        Acted::Later("a hold only waits".to_owned())
    }

    fn pause(&self, _: u32) -> Duration {
        Duration::from_millis(200)
    }

    fn in_flight(&self, _: &Context<'_>) -> Duration {
        Duration::ZERO
    }
}
