//! Somebody who is told of runs, and whose service fails as scripted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use switchover::model::{Announcement, AnnouncementKey, Moment};
use switchover::port::{AnnounceError, Announcer, Clock as _};

use super::script::Script;
use super::{VirtualClock, lock};

/// How an announcement goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnnounceFault {
    /// It is not taken, and may be later.
    Unavailable,
    /// It is taken, and the answer is lost.
    AnswerLost,
    /// It is not taken, and never will be.
    Refused,
    /// It is not taken; the service asks to wait this long.
    Throttled(Duration),
    /// It takes this long, and then works.
    Slow(Duration),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Announce,
    Prove,
}

#[derive(Debug, Default)]
struct Inner {
    script: Script<Call, AnnounceFault>,
    tries: Vec<(Duration, Moment)>,
    told: Vec<Announcement>,
    taken: Vec<(Duration, Announcement)>,
    seen: BTreeMap<AnnouncementKey, Announcement>,
}

/// An announcer that minds keys: what is told again under the same key must be the same, and is taken once. Clones are one.
#[derive(Debug, Clone)]
pub struct FakeAnnouncer {
    clock: VirtualClock,
    inner: Arc<Mutex<Inner>>,
}

impl FakeAnnouncer {
    /// Nobody was told anything yet.
    pub fn new(clock: &VirtualClock) -> Self {
        Self { clock: clock.clone(), inner: Arc::default() }
    }

    /// The next announcement goes wrong.
    pub fn fail_next(&self, fault: AnnounceFault) {
        lock(&self.inner).script.plan(Call::Announce, fault);
    }

    /// Every announcement goes wrong from now on.
    pub fn fail_always(&self, fault: AnnounceFault) {
        lock(&self.inner).script.keep(Call::Announce, fault);
    }

    /// Every proof goes wrong from now on.
    pub fn fail_proofs(&self, fault: AnnounceFault) {
        lock(&self.inner).script.keep(Call::Prove, fault);
    }

    /// From now on everything works.
    pub fn heal(&self) {
        lock(&self.inner).script.lift();
    }

    /// What was taken, in order, as often as it was told.
    pub fn told(&self) -> Vec<Announcement> {
        lock(&self.inner).told.clone()
    }

    /// What was taken, in order, each once.
    pub fn taken(&self) -> Vec<(Duration, Announcement)> {
        lock(&self.inner).taken.clone()
    }

    /// The moments of what was taken.
    pub fn moments(&self) -> Vec<Moment> {
        self.taken().iter().map(|(_, announcement)| announcement.moment).collect()
    }

    /// Every call, whatever became of it.
    pub fn tries(&self) -> Vec<(Duration, Moment)> {
        lock(&self.inner).tries.clone()
    }

    fn take(&self, announcement: &Announcement) {
        let mut inner = lock(&self.inner);
        inner.told.push(announcement.clone());
        if let Some(first) = inner.seen.get(&announcement.key) {
            // What failed meanwhile may have become more; all else is as it was.
            let again = Announcement { detail: first.detail.clone(), ..announcement.clone() };
            assert_eq!(*first, again, "one key was used for two announcements");
            return;
        }
        inner.seen.insert(announcement.key.clone(), announcement.clone());
        inner.taken.push((self.clock.elapsed(), announcement.clone()));
    }

    fn fault(&self, call: Call) -> Option<AnnounceFault> {
        lock(&self.inner).script.take(&[call])
    }
}

#[async_trait]
impl Announcer for FakeAnnouncer {
    async fn announce(&self, announcement: &Announcement) -> Result<(), AnnounceError> {
        self.clock.alive().await;
        lock(&self.inner).tries.push((self.clock.elapsed(), announcement.moment));
        self.clock.sleep(Duration::from_millis(50)).await;
        let place = "the fake".to_owned();
        match self.fault(Call::Announce) {
            None => {}
            Some(AnnounceFault::Slow(long)) => self.clock.sleep(long).await,
            Some(AnnounceFault::Unavailable) => {
                return Err(AnnounceError::Unavailable { place, why: "it is down".to_owned() });
            }
            Some(AnnounceFault::AnswerLost) => {
                self.take(announcement);
                return Err(AnnounceError::Unavailable { place, why: "the answer was lost".to_owned() });
            }
            Some(AnnounceFault::Refused) => {
                return Err(AnnounceError::Refused { place, why: "no such channel".to_owned() });
            }
            Some(AnnounceFault::Throttled(wait)) => {
                return Err(AnnounceError::Throttled { place, retry_after: Some(wait) });
            }
        }
        self.take(announcement);
        Ok(())
    }

    async fn prove(&self) -> Result<(), AnnounceError> {
        self.clock.sleep(Duration::from_millis(50)).await;
        let place = "the fake".to_owned();
        match self.fault(Call::Prove) {
            None | Some(AnnounceFault::Slow(_) | AnnounceFault::AnswerLost) => Ok(()),
            Some(AnnounceFault::Unavailable) => {
                Err(AnnounceError::Unavailable { place, why: "it is down".to_owned() })
            }
            Some(AnnounceFault::Refused) => {
                Err(AnnounceError::Refused { place, why: "the password is wrong".to_owned() })
            }
            Some(AnnounceFault::Throttled(wait)) => {
                Err(AnnounceError::Throttled { place, retry_after: Some(wait) })
            }
        }
    }
}
