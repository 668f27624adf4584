//! A question to a site whose answer is yes, or why not.

use std::fmt::Debug;
use std::net::IpAddr;

use async_trait::async_trait;

use crate::model::DnsName;

/// What is to be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The name under which the site is asked (the HTTP host, the TLS server name, the question of a DNS check).
    pub name: DnsName,
    /// The address to connect to; the name is not resolved.
    pub address: IpAddr,
}

/// Why a check was not passed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckFailure {
    /// Nothing answered: refused, reset, timed out.
    #[error("no answer from {at}: {why}")]
    NoAnswer {
        /// Where it was asked (URL or address and port).
        at: String,
        /// What happened.
        why: String,
    },
    /// Something answered, and wrongly.
    #[error("{at} answered {found}, expected {expected}")]
    Wrong {
        /// Where it was asked.
        at: String,
        /// What came.
        found: String,
        /// What should have come.
        expected: String,
    },
}

/// A check. It changes nothing and may be repeated.
#[async_trait]
pub trait Check: Debug + Send + Sync {
    /// Asks once, within the check's own timeout. Does not retry: whoever calls decides how often.
    async fn run(&self, subject: &Subject) -> Result<(), CheckFailure>;
}
