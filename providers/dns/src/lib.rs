//! Asks DNS servers directly, so that what clients will see is known and not believed.
//!
//! ```text
//!   Dns (port Resolver)            DnsCheck (port Check)
//!     authorities / ask / look_up    one question to a side's own DNS server
//!             \                       /
//!              exchange: UDP, retransmits, TCP when truncated, one deadline
//!                        |
//!              message: builds the question, decides what the answer says (pure)
//! ```
//!
//! There is no cache and no iteration from the root: each question goes to one named server, and what that server says
//! is what is reported. Finding the authoritative servers is left to the resolvers of the machine (`/etc/resolv.conf`).

mod check;
mod exchange;
mod message;
mod options;
mod resolver;
mod system;
#[cfg(test)]
mod testing;

pub use check::{DnsCheck, DnsCheckOptions, QuestionKind};
pub use options::DnsOptions;
pub use resolver::Dns;
