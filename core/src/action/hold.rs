//! Keep the old side until nobody can be sent there any more: the old TTL and a margin.

use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::perform::between;
use super::{Acted, Context, Look, Perform};
use crate::journal::Fact;

/// A wait that is counted from the end of the stage before it.
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

/// Waits. The clock of the day says once how much is left, for another process may have begun to wait; from there on the monotonic
/// clock counts, so that a clock that is set forward cannot end the wait, nor one that is set back make it endless.
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
        let left = self.action.duration().saturating_sub(between(context.anchor, clock.now()));
        *self.ends.get_or_insert(clock.monotonic().saturating_add(left))
    }
}

#[async_trait]
impl Perform for Holding<'_> {
    async fn look(&mut self, context: &Context<'_>) -> Look {
        let left = self.ends(context).saturating_sub(context.ports.clock.monotonic());
        if left.is_zero() {
            let wait = SignedDuration::try_from(self.action.duration()).unwrap_or(SignedDuration::MAX);
            let until = context.anchor.saturating_add(wait).unwrap_or(Timestamp::MAX);
            return Look::Done(vec![Fact::Waited { until }]);
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
