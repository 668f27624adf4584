//! Keep the old side until nobody can be sent there any more: the old TTL and a margin.

use std::time::Duration;

use serde::{Deserialize, Serialize};

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
