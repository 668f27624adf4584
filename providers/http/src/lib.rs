//! Checks of a side: does the site answer over HTTP, does a port accept connections?
//!
//! Both connect to the address of the [`Subject`](switchover::port::Subject) and never resolve its name: the side that is
//! not in DNS yet is asked exactly as users will ask it, with the name in the `Host` header and in TLS.
//!
//! Every check opens a connection of its own and closes it afterwards. A kept-alive connection would go on answering
//! after the address behind it was taken away, so it would prove nothing about what a new visitor meets. The price is a
//! TCP handshake and, for HTTPS, a TLS handshake per check.
//!
//! Beside them stand [`Heartbeat`], the ping to a service that raises an alarm when it hears nothing, and [`Statuspage`], which reads what
//! a vendor says about a system that the pair stands on.
//!
//! Needs a tokio runtime with I/O and time enabled.

mod failure;
mod heartbeat;
mod http;
mod status;
mod statuspage;
mod tcp;

pub use heartbeat::{Heartbeat, HeartbeatError, HeartbeatStyle, Signal};
pub use http::{HttpCheck, HttpCheckError, HttpCheckOptions, Method, Scheme};
pub use status::{StatusError, StatusSet};
pub use statuspage::{StatusPageError, StatusPageOptions, Statuspage, Trouble};
pub use tcp::{TcpCheck, TcpCheckOptions};
