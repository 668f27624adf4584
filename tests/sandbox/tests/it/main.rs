//! The sandbox, held by what its users rely on: over HTTP and DNS, as they see it.

#![expect(clippy::unwrap_used, reason = "a helper that cannot do its part has found the failure")]

mod api;
mod dns;
mod faults;
mod files;
mod program;
mod sites;
mod support;
