//! How many requests may still be sent: our own count of what was sent, and what the service says is left. Pure.
//!
//! Going over the limit costs five minutes without any request at all
//! (<https://developers.cloudflare.com/fundamentals/api/reference/limits/>), so we wait before it. Others may use up the same
//! user's quota; the `Ratelimit` header tells.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// "1200/5 minutes" for each user or account token.
const QUOTA: Quota = Quota { most: 1_200, window: Duration::from_secs(300) };
/// A policy that is longer than this, or one more than so many, is taken for nonsense.
const LONGEST: Duration = Duration::from_secs(3_600);
const POLICIES: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Quota {
    most: usize,
    window: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Left {
    requests: u64,
    until: Duration,
}

/// Times are the clock's monotonic ones.
#[derive(Debug)]
pub(crate) struct Budget {
    sent: VecDeque<Duration>,
    quotas: BTreeMap<String, Quota>,
    left: BTreeMap<String, Left>,
    /// Requests taken whose answers have not come: the service may not have counted them yet.
    under_way: u64,
    closed_until: Duration,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Self {
            sent: VecDeque::new(),
            quotas: BTreeMap::from([(String::new(), QUOTA)]),
            left: BTreeMap::new(),
            under_way: 0,
            closed_until: Duration::ZERO,
        }
    }

    /// Takes one request out of the budget if it may be sent now; else says how long to wait before asking again.
    pub(crate) fn take(&mut self, now: Duration) -> Result<(), Duration> {
        let wait = self.wait(now);
        if !wait.is_zero() {
            return Err(wait);
        }
        self.sent.push_back(now);
        self.under_way += 1;
        while self.sent.front().is_some_and(|first| *first + LONGEST < now) {
            self.sent.pop_front();
        }
        for left in self.left.values_mut() {
            left.requests = left.requests.saturating_sub(1);
        }
        Ok(())
    }

    fn wait(&self, now: Duration) -> Duration {
        let full = self.quotas.values().filter_map(|quota| {
            let nth = self.sent.len().checked_sub(quota.most)?;
            self.sent.get(nth).map(|sent| *sent + quota.window)
        });
        let empty = self.left.values().filter(|left| left.requests == 0).map(|left| left.until);
        let open = full.chain(empty).fold(self.closed_until, Duration::max);
        open.saturating_sub(now)
    }

    /// A request that was taken is over: answered, lost, or not sent after all.
    pub(crate) fn over(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// The service refused for being asked too often: nobody sends before `until`.
    pub(crate) fn close(&mut self, until: Duration) {
        self.closed_until = self.closed_until.max(until);
    }

    /// Learns from the headers `Ratelimit` and `Ratelimit-Policy` of an answer, before its request is over.
    pub(crate) fn learn(&mut self, now: Duration, limit: Option<&str>, policy: Option<&str>) {
        self.left.retain(|_, left| left.until > now);
        for (name, [requests, reset]) in items(limit.unwrap_or_default(), ["r", "t"]) {
            let requests = requests.saturating_sub(self.under_way.saturating_sub(1));
            let until = now + Duration::from_secs(reset).min(LONGEST);
            self.left.insert(name, Left { requests, until });
        }
        for (name, [most, window]) in items(policy.unwrap_or_default(), ["q", "w"]) {
            let window = Duration::from_secs(window);
            let sound = most > 0 && !window.is_zero() && window <= LONGEST && self.quotas.len() < POLICIES;
            if let Ok(most) = usize::try_from(most)
                && sound
                && !name.is_empty()
            {
                self.quotas.insert(name, Quota { most, window });
            }
        }
    }
}

/// The items of a header such as `"default";r=50;t=30, "burst";r=9;t=1` that have both keys.
fn items<'a>(header: &'a str, keys: [&'a str; 2]) -> impl Iterator<Item = (String, [u64; 2])> + 'a {
    header.split(',').take(POLICIES).filter_map(move |item| {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next()?.trim_matches('"').to_owned();
        let values: BTreeMap<&str, u64> = parts
            .filter_map(|part| part.split_once('='))
            .filter_map(|(key, value)| Some((key, value.parse().ok()?)))
            .collect();
        Some((name, [*values.get(keys[0])?, *values.get(keys[1])?]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_1201st_request_waits_until_the_first_is_five_minutes_old() {
        let mut budget = Budget::new();
        for place in 0..1_200 {
            assert_eq!(budget.take(at(place / 100)), Ok(()), "{place}");
        }
        assert_eq!(budget.take(at(12)), Err(at(288)));
        assert_eq!(budget.take(at(300)), Ok(()));
    }

    #[test]
    fn nothing_left_means_waiting_for_the_reset() {
        let mut budget = Budget::new();
        assert_eq!((budget.take(at(9)), budget.take(at(9))), (Ok(()), Ok(())));
        budget.learn(at(10), Some(r#""default";r=2;t=30"#), None);
        budget.over();
        assert_eq!(budget.take(at(10)), Ok(()), "two are left, one of them is under way");
        assert_eq!(budget.take(at(11)), Err(at(29)));
        assert_eq!(budget.take(at(40)), Ok(()));
    }

    #[test]
    fn a_steady_trickle_never_waits_while_the_service_says_that_there_is_room() {
        let mut budget = Budget::new();
        for place in 0..5_000 {
            assert_eq!(budget.take(at(place * 10)), Ok(()), "{place}");
            budget.learn(at(place * 10), Some(r#""default";r=1190;t=300"#), None);
            budget.over();
        }
    }

    #[test]
    fn a_stricter_policy_holds() {
        let mut budget = Budget::new();
        budget.learn(at(0), None, Some(r#""default";q=1200;w=300, "burst";q=2;w=60"#));
        assert_eq!(budget.take(at(0)), Ok(()));
        assert_eq!(budget.take(at(1)), Ok(()));
        assert_eq!(budget.take(at(2)), Err(at(58)));
    }

    #[test]
    fn headers_that_nobody_understands_change_nothing() {
        let mut budget = Budget::new();
        for header in ["", "x", r#""a";r=;t=1"#, r#""a";r=0"#, r#""a";r=-1;t=9"#, ";;;,,,", "r=0;t=9;q=0;w=0"]
        {
            budget.learn(at(0), Some(header), Some(header));
            assert_eq!(budget.take(at(0)), Ok(()), "{header}");
        }
    }

    #[test]
    fn closed_is_closed_for_all() {
        let mut budget = Budget::new();
        budget.close(at(5));
        budget.close(at(3));
        assert_eq!(budget.take(at(1)), Err(at(4)));
        assert_eq!(budget.take(at(5)), Ok(()));
    }
}
