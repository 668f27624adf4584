//! The sandbox, held by what its users rely on: over HTTP and DNS, as they see it.

mod api;
mod dns;
mod faults;
mod program;
mod sites;
mod support;
