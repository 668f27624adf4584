//! A zone on a DNS server of one's own as core's [`NameService`](switchover::port::NameService): read over DNS, changed by
//! DNS UPDATE (RFC 2136), every message signed with TSIG (RFC 8945). Made for BIND, Knot and `PowerDNS`.
//!
//! ```text
//!   read    one TCP connection: a zone transfer if the key may have one, else a question per name and type, pipelined
//!   change  one UPDATE message:  prerequisites  each record set is exactly `before`      the server compares,
//!                                updates        drop the set, add `after`                all or nothing
//!
//!   service   the port, and what each answer means for it
//!     read      from messages to records          update    from changes to messages      both pure
//!     talk      one TCP connection to the primary: send signed, receive, check
//!       key       TSIG: signs, checks signatures; the only place that sees the secret
//! ```
//!
//! The comparison is the server's own, so a change is atomic: nobody can get in between. Three things are to be known:
//!
//! - A prerequisite compares values, not TTLs (RFC 2136 section 2.4.2). A TTL that somebody edited is set to the new value
//!   without a conflict.
//! - A prerequisite compares whole record sets. All records of one name and type that are to stay together are to be
//!   handed in together; a set that holds more than was handed in is a conflict.
//! - A name that only a wildcard answers for has no records of its own, and is a conflict, too.

mod answer;
mod conflict;
mod key;
mod options;
mod read;
mod service;
mod talk;
#[cfg(test)]
mod testing;
mod update;

pub use options::{Algorithm, Rfc2136Error, Rfc2136Options};
pub use service::Rfc2136;
