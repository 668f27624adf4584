//! Cloudflare's v4 API for DNS records, as far as clients of it need it.
//!
//! `serve` takes a request off the wire and applies faults; `dispatch` routes it, synchronously, to `zones` or
//! `records`; `error` knows the codes; `reply` knows the envelope.

pub(crate) mod auth;
pub(crate) mod dispatch;
pub(crate) mod error;
pub(crate) mod limit;
pub(crate) mod query;
pub(crate) mod records;
pub(crate) mod reply;
pub(crate) mod serve;
pub(crate) mod zones;

/// The path below which the API is served, as at `api.cloudflare.com`.
pub(crate) const BASE: &str = "/client/v4";
