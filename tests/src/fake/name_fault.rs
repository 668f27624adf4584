//! How calls of the name service in memory go wrong.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use switchover::model::{DnsName, ZoneName};
use switchover::port::NameError;
#[cfg(doc)]
use switchover::port::NameService;

/// The calls that can be made to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameCall {
    /// [`NameService::read`].
    Read,
    /// [`NameService::change`].
    Change,
    /// [`NameService::prove_write`].
    ProveWrite,
}

/// How a call goes wrong. Unless it says otherwise nothing is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameFault {
    /// [`NameError::Unavailable`].
    Unavailable,
    /// [`NameError::Unauthorized`].
    Unauthorized,
    /// [`NameError::Forbidden`].
    Forbidden,
    /// [`NameError::Throttled`], asking to wait this long.
    Throttled(Duration),
    /// [`NameError::Rejected`].
    Rejected,
    /// It takes this much longer, and then works.
    Slow(Duration),
    /// A change is applied at once, and its answer is lost: [`NameError::Unknown`].
    AppliedUnknown,
    /// A change is lost with its answer: [`NameError::Unknown`].
    LostUnknown,
    /// The answer of a change is lost, and the change is applied this long after it was sent, whatever the records say then.
    LateUnknown(Duration),
    /// A read shows the records as they were this long ago.
    Stale(Duration),
    /// Just before a change arrives, somebody points this name at this address.
    EditedFirst(DnsName, IpAddr),
}

/// A call that was made, for tests that count them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameRequest {
    /// When it was sent, in virtual time.
    pub at: Duration,
    /// Which call.
    pub call: NameCall,
    /// The zone.
    pub zone: ZoneName,
    /// The names it was about, in order.
    pub names: BTreeSet<DnsName>,
}

/// The error that a fault is answered with, if it is one that is answered at all.
pub(super) fn refusal(fault: Option<&NameFault>, zone: &ZoneName, call: NameCall) -> Option<NameError> {
    let zone = zone.clone();
    let message = "the test said so".to_owned();
    let what = match call {
        NameCall::Read => "read its records",
        NameCall::Change | NameCall::ProveWrite => "change its records",
    };
    match fault? {
        NameFault::Unavailable => Some(NameError::Unavailable { zone, why: message }),
        NameFault::Unauthorized => Some(NameError::Unauthorized { zone, code: Some(9109), message }),
        NameFault::Forbidden => Some(NameError::Forbidden { zone, what, code: Some(10000), message }),
        NameFault::Throttled(wait) => Some(NameError::Throttled { zone, retry_after: Some(*wait) }),
        NameFault::Rejected => Some(NameError::Rejected { zone, code: Some(1004), message }),
        NameFault::Slow(_)
        | NameFault::AppliedUnknown
        | NameFault::LostUnknown
        | NameFault::LateUnknown(_)
        | NameFault::Stale(_)
        | NameFault::EditedFirst(..) => None,
    }
}
