//! The name servers: what a zone publishes, what each server knows of it when, and a caching resolver in front.
//!
//! `publish` turns records into record sets; `view` keeps what one server came to know, with the time at which
//! it shows; `answer` looks up, purely; `authority` and `resolver` are the two kinds of server; `wire` speaks DNS.

pub(crate) mod answer;
pub(crate) mod authority;
pub(crate) mod publish;
pub(crate) mod resolver;
pub(crate) mod view;
pub(crate) mod wire;

use serde::{Deserialize, Serialize};

/// How a name server or resolver answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answering {
    /// As it should.
    #[default]
    Live,
    /// With what it knew when it was told so. A resolver keeps answering from its cache past the TTL.
    Stale,
    /// SERVFAIL, always.
    Servfail,
    /// REFUSED, always.
    Refused,
    /// Not at all.
    Silent,
}
