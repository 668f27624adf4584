//! Those who are told: a server that takes webhooks and serves a status page, and one that takes mail. Both listen on free ports of
//! loopback, keep what they were sent, and behave as a test wants.

mod mail;
mod web;

pub use mail::{Encrypted, Mail, MailSink};
pub use web::{Delivery, Receiver};

/// How a receiver behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// It takes what it is sent.
    Takes,
    /// It fails, and may take the same later: 500, or 451 to mail.
    Fails,
    /// It takes no more for now, and asks to wait this many seconds: 429, or 451 to mail.
    Throttles(u64),
    /// It takes nothing, and never will: 404, or 550 to mail.
    Refuses,
    /// It takes what it is sent only after this many milliseconds.
    Slow(u64),
    /// It never answers.
    Hangs,
}
