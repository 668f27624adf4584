//! What every provider on AWS needs: whose credentials, clients, errors in plain words, tags, and waits.
//!
//! ```text
//! Connection ──► settings ──► Account ──► an SDK client of the provider's own
//!  (options)    AWS files,    no network     Failures: an SDK error in plain words
//!               checked                      Marks:    what Switchover knows of a resource, as its tags
//!                                            Patience: look until a state is there, or the time is up
//! ```
//!
//! # Whose credentials
//! A side that names a profile uses that profile *and nothing else*: `AWS_ACCESS_KEY_ID` in the environment does not override it,
//! and a profile without credentials is an error rather than a reason to ask the instance's metadata service. Otherwise one
//! forgotten variable would give both sides one key, which is what the two profiles are there to prevent.
//!
//! # Retries
//! The SDK retries by itself, with back-off, what was throttled or got lost; nothing here or in the providers does so again. So a call may
//! have been made more than once when it returns, and every provider takes «it is there already» for an answer to look into and not
//! for an error.
//!
//! TLS is rustls with ring and the machine's own roots; `HTTPS_PROXY` and `NO_PROXY` are honoured.

mod account;
mod failure;
mod marks;
mod options;
mod profile;
mod settings;
mod wait;

pub use account::{Account, WholeXml};
pub use failure::{Failure, Failures, plain};
pub use marks::Marks;
pub use options::Connection;
pub use wait::{Patience, Seen};
