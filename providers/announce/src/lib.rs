//! Telling people of swaps: Slack-compatible webhooks, signed webhooks, and mail.
//!
//! | kind | what is sent | a repeated announcement |
//! | -- | -- | -- |
//! | [`Slack`] | `{"text": …}` to an incoming webhook | may be shown twice if the first answer was lost: Slack minds no keys |
//! | [`Webhook`] | JSON, signed as [Standard Webhooks](https://www.standardwebhooks.com) says | has the same `webhook-id` |
//! | [`Smtp`] | a plain text mail | has the same `Message-ID`, which mail stores mostly mind |
//!
//! Each makes one try within its own timeout; who calls tries again. URLs of webhooks, keys and passwords are secrets: they appear in no
//! error and in no `Debug`. The texts come with the program ([`switchover::report::wording`]) and can be replaced moment by moment
//! ([`Texts`]).
//!
//! Needs a tokio runtime with I/O and time enabled.

mod http;
mod signature;
mod slack;
mod smtp;
mod texts;
mod webhook;

pub use http::TargetError;
pub use signature::{Key, KeyError};
pub use slack::{Slack, SlackOptions};
pub use smtp::{Encryption, Smtp, SmtpError, SmtpOptions};
pub use texts::Texts;
pub use webhook::{Webhook, WebhookError, WebhookOptions};

use std::time::Duration;

/// How long one try may take unless the file says otherwise.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest that it may say: the port promises that a try ends within ten seconds.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a proof may take.
const PROOF: Duration = Duration::from_secs(5);
