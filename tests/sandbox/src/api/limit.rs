//! The limit of requests per user, and the headers that tell of it.
//!
//! Source: <https://developers.cloudflare.com/fundamentals/api/reference/limits/>: 1,200 requests in five minutes
//! per user or account token; whoever exceeds it is blocked for the next five minutes. Headers `Ratelimit`,
//! `Ratelimit-Policy`, and `retry-after` with a 429.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::reply::Reply;

/// How many requests are allowed, and what happens past that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) requests: u32,
    pub(crate) window: Duration,
    pub(crate) block: Duration,
}

/// The budgets of all callers.
#[derive(Clone, Debug)]
pub(crate) struct Limiter {
    policy: Policy,
    budgets: BTreeMap<String, Budget>,
}

#[derive(Clone, Copy, Debug)]
struct Budget {
    since: Instant,
    used: u32,
    blocked_until: Option<Instant>,
}

/// What the limiter says to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) allowed: bool,
    pub(crate) remaining: u32,
    /// Until the window is over, or the block.
    pub(crate) resets_in: Duration,
}

impl Limiter {
    pub(crate) fn new(policy: Policy) -> Limiter {
        Limiter { policy, budgets: BTreeMap::new() }
    }

    pub(crate) fn policy(&self) -> Policy {
        self.policy
    }

    /// Sets another policy and forgets what was used.
    pub(crate) fn set(&mut self, policy: Policy) {
        *self = Limiter::new(policy);
    }

    /// Counts one request of a caller.
    pub(crate) fn count(&mut self, caller: &str, now: Instant) -> Verdict {
        let policy = self.policy;
        let fresh = Budget { since: now, used: 0, blocked_until: None };
        let budget = self.budgets.entry(caller.to_owned()).or_insert(fresh);
        if budget.blocked_until.map_or(now >= budget.since + policy.window, |end| now >= end) {
            *budget = fresh;
        }
        budget.used = budget.used.saturating_add(1);
        if budget.used > policy.requests && budget.blocked_until.is_none() {
            budget.blocked_until = Some(now + policy.block);
        }
        let end = budget.blocked_until.unwrap_or(budget.since + policy.window);
        Verdict {
            allowed: budget.blocked_until.is_none(),
            remaining: policy.requests.saturating_sub(budget.used),
            resets_in: end.saturating_duration_since(now),
        }
    }

    /// Puts the headers of the limit on an answer.
    pub(crate) fn label(&self, reply: Reply, verdict: Verdict) -> Reply {
        let Policy { requests, window, block: _ } = self.policy;
        let seconds = rounded_up(verdict.resets_in);
        let reply = reply
            .with("ratelimit", format!("\"default\";r={};t={seconds}", verdict.remaining))
            .with("ratelimit-policy", format!("\"default\";q={requests};w={}", window.as_secs()));
        if verdict.allowed { reply } else { reply.with("retry-after", seconds.to_string()) }
    }
}

fn rounded_up(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy =
        Policy { requests: 2, window: Duration::from_mins(5), block: Duration::from_secs(100) };

    #[test]
    fn the_request_past_the_limit_is_refused_until_the_block_is_over() {
        let mut limiter = Limiter::new(POLICY);
        let start = Instant::now();
        assert_eq!(limiter.count("a", start).remaining, 1);
        assert!(limiter.count("a", start).allowed);
        let refused = limiter.count("a", start + Duration::from_secs(1));
        assert!(!refused.allowed);
        assert_eq!(refused.resets_in, Duration::from_secs(100));
        assert!(!limiter.count("a", start + Duration::from_secs(100)).allowed);
        assert!(limiter.count("b", start).allowed, "callers have budgets of their own");
        assert!(limiter.count("a", start + Duration::from_secs(101)).allowed);
    }

    #[test]
    fn a_new_window_brings_a_new_budget() {
        let mut limiter = Limiter::new(POLICY);
        let start = Instant::now();
        limiter.count("a", start);
        limiter.count("a", start);
        assert!(limiter.count("a", start + Duration::from_mins(5)).allowed);
    }
}
