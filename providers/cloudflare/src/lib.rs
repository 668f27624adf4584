//! Cloudflare DNS as a name service: one batch per zone, compared with a fresh read.
//!
//! ```text
//!   Cloudflare (service)                 the port, in words of core
//!      │  locate        zone name → zone id and plan, looked up once for all zones
//!      │  listing       every page of a zone, complete or an error
//!      │  change        patches by record id; what a refused batch left as it was
//!      │  proof         a write that cannot change anything
//!      ▼
//!   client               waits, tries again, never repeats a write whose outcome is unknown
//!      │  budget        1,200 requests in 5 minutes, and what the service says is left
//!      │  endpoint      the requests, as `EndpointSpec` of the crate `cloudflare`
//!      │  answer        status and body → result, refusal, or no usable answer
//!      ▼
//!   reqwest              TLS always verified, no redirects, timeouts, a cap on what is read
//! ```
//!
//! The crate `cloudflare` gives the frame for typed endpoints. Its own DNS endpoints, transport and credentials are not
//! used: they know no batch, lose DNS error codes and `retry-after`, and print the token.
//!
//! ## How many requests
//! With zone ids in the file, reading a zone of up to 5,000 records is one request and changing it is one. With names, one
//! more finds all zones of the account (several, where the account has more than 50).
//!
//! ## What is known after a failure
//! | what happened to a change | what is reported |
//! | --- | --- |
//! | no connection was made | [`Unavailable`]: nothing was sent |
//! | 429 for longer than `max_wait` | [`Throttled`]: nothing was applied |
//! | refused with a code | one fresh read, then [`Conflict`] with the records that differ, or [`Rejected`] |
//! | the token may not | [`Unauthorized`] or [`Forbidden`], told apart by asking the service about the token |
//! | 5xx, timeout, reset, an answer nobody can read, an answer that does not show the change | [`Unknown`] |
//!
//! [`Unavailable`]: switchover::port::NameError::Unavailable
//! [`Throttled`]: switchover::port::NameError::Throttled
//! [`Conflict`]: switchover::port::NameError::Conflict
//! [`Rejected`]: switchover::port::NameError::Rejected
//! [`Unauthorized`]: switchover::port::NameError::Unauthorized
//! [`Forbidden`]: switchover::port::NameError::Forbidden
//! [`Unknown`]: switchover::port::NameError::Unknown

mod answer;
mod budget;
mod change;
mod client;
mod endpoint;
mod listing;
mod locate;
mod options;
mod proof;
mod refusal;
mod service;
mod wire;

pub use options::{CloudflareOptions, SetupError, TOKEN_VARIABLE};
pub use service::Cloudflare;
