//! What the fakes of remote services share: requests that take time and go wrong as scripted, and the rule for unknown outcomes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use switchover::port::{Clock as _, Meter, RemoteError};

use super::script::Script;
use super::{VirtualClock, lock};

/// The calls that can be made to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteCall {
    /// Whatever only looks.
    Read,
    /// Whatever changes something.
    Change,
    /// The proof that something could be changed.
    Prove,
}

/// How a call goes wrong. Unless it says otherwise nothing is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoteFault {
    /// [`RemoteError::Unavailable`].
    Unavailable,
    /// [`RemoteError::Unauthorized`].
    Unauthorized,
    /// [`RemoteError::Forbidden`].
    Forbidden,
    /// [`RemoteError::Throttled`], asking to wait this long.
    Throttled(Duration),
    /// It takes this much longer, and then works.
    Slow(Duration),
    /// A change is made at once, its answer is lost, and the look after it too: [`RemoteError::Unknown`].
    AppliedUnknown,
    /// A change is lost with its answer: [`RemoteError::Unknown`].
    LostUnknown,
    /// The answer of a change is lost, and the change is made this long after it was sent, whatever stands there then.
    LateUnknown(Duration),
}

/// What becomes of a change whose answer is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    Applied,
    Never,
    /// It is made at this moment of virtual time.
    At(Duration),
}

/// The longest time after which a change without an answer may still be made.
pub(super) const IN_FLIGHT: Duration = Duration::from_secs(80);
const LATENCY: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
struct Inner {
    script: Script<RemoteCall, RemoteFault>,
    /// What was changed without an answer, and until when it may not be repeated.
    open: BTreeMap<String, Duration>,
}

/// The way to a service. Clones are one way.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) place: String,
    pub(super) clock: VirtualClock,
    meter: Meter,
    inner: Arc<Mutex<Inner>>,
}

impl Line {
    pub(super) fn new(place: String, clock: &VirtualClock, meter: &Meter) -> Self {
        Self { place, clock: clock.clone(), meter: meter.clone(), inner: Arc::default() }
    }

    pub(super) fn fail_next(&self, call: RemoteCall, fault: RemoteFault) {
        lock(&self.inner).script.plan(call, fault);
    }

    pub(super) fn fail_always(&self, call: RemoteCall, fault: RemoteFault) {
        lock(&self.inner).script.keep(call, fault);
    }

    pub(super) fn heal(&self) {
        lock(&self.inner).script.lift();
    }

    /// A request that changes nothing.
    pub(super) async fn ask(&self, call: RemoteCall) -> Result<(), RemoteError> {
        match self.send(call).await? {
            None => Ok(()),
            Some(_) => Err(RemoteError::Unavailable { place: self.place.clone(), why: said() }),
        }
    }

    /// A request that changes what `key` names. `Some`: its answer is lost.
    ///
    /// # Panics
    ///
    /// If an earlier one without an answer may still be on its way: nobody may send it again before that.
    pub(super) async fn change(&self, key: &str) -> Result<Option<Lost>, RemoteError> {
        let now = self.clock.elapsed();
        let until = lock(&self.inner).open.get(key).copied().unwrap_or_default();
        assert!(until <= now, "{key} is changed again while an earlier change may still be on its way");
        let lost = self.send(RemoteCall::Change).await?;
        if lost.is_some() {
            lock(&self.inner).open.insert(key.to_owned(), now + IN_FLIGHT);
        }
        Ok(lost)
    }

    pub(super) fn unknown(&self) -> RemoteError {
        RemoteError::Unknown { place: self.place.clone(), why: said() }
    }

    async fn send(&self, call: RemoteCall) -> Result<Option<Lost>, RemoteError> {
        self.clock.alive().await;
        self.meter.count();
        let fault = lock(&self.inner).script.take(&[call]);
        let sent = self.clock.elapsed();
        self.clock.sleep(LATENCY).await;
        let place = self.place.clone();
        match fault {
            None => Ok(None),
            Some(RemoteFault::Unavailable) => Err(RemoteError::Unavailable { place, why: said() }),
            Some(RemoteFault::Unauthorized) => Err(RemoteError::Unauthorized { place, why: said() }),
            Some(RemoteFault::Forbidden) => {
                Err(RemoteError::Forbidden { place, what: format!("{call:?}").to_lowercase(), why: said() })
            }
            Some(RemoteFault::Throttled(wait)) => {
                Err(RemoteError::Throttled { place, retry_after: Some(wait) })
            }
            Some(RemoteFault::Slow(longer)) => {
                self.clock.sleep(longer).await;
                Ok(None)
            }
            Some(RemoteFault::AppliedUnknown) => Ok(Some(Lost::Applied)),
            Some(RemoteFault::LostUnknown) => Ok(Some(Lost::Never)),
            Some(RemoteFault::LateUnknown(after)) => Ok(Some(Lost::At(sent + after))),
        }
    }
}

fn said() -> String {
    "the test said so".to_owned()
}

/// The faults of a fake, by the same methods on each.
macro_rules! scripted {
    ($fake:ty) => {
        impl $fake {
            /// Makes the next call of this kind go wrong.
            pub fn fail_next(&self, call: RemoteCall, fault: RemoteFault) {
                self.line.fail_next(call, fault);
            }

            /// Makes every call of this kind go wrong, until it is healed.
            pub fn fail_always(&self, call: RemoteCall, fault: RemoteFault) {
                self.line.fail_always(call, fault);
            }

            /// Takes all faults back that have not happened yet.
            pub fn heal(&self) {
                self.line.heal();
            }
        }
    };
}
pub(super) use scripted;
