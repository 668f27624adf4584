//! The TCP check: a port accepts connections, and says what it should.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use switchover::config::Period;
use switchover::port::{Check, CheckFailure, Subject};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::failure::{plain, timed_out};

/// As much of a banner as is read.
const MOST_BANNER: usize = 4096;

/// What a TCP check expects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TcpCheckOptions {
    /// The port to connect to.
    pub port: u16,
    /// How long the check may take in all, the banner included.
    #[serde(default = "five_seconds")]
    pub timeout: Period,
    /// A text that the server must send by itself, within its first 4 KiB (`SSH-2.0`).
    #[serde(default)]
    pub expect_banner: Option<String>,
}

fn five_seconds() -> Period {
    Period(Duration::from_secs(5))
}

/// Connects to a port of the subject's address, once, and closes the connection again. Sends nothing.
#[derive(Debug, Clone)]
pub struct TcpCheck {
    options: TcpCheckOptions,
}

impl TcpCheck {
    /// A check as the options say.
    pub fn new(options: TcpCheckOptions) -> Self {
        Self { options }
    }

    async fn ask(&self, server: SocketAddr) -> io::Result<Verdict> {
        let mut stream = TcpStream::connect(server).await?;
        match &self.options.expect_banner {
            None => Ok(Verdict::Right),
            Some(wanted) => banner(&mut stream, wanted).await,
        }
    }
}

/// What came of a check that was answered.
enum Verdict {
    Right,
    Wrong { found: String, wanted: String },
}

async fn banner(stream: &mut TcpStream, wanted: &str) -> io::Result<Verdict> {
    let mut said = Vec::new();
    while said.len() < MOST_BANNER && stream.read_buf(&mut said).await? > 0 {
        if contains(&said, wanted) {
            return Ok(Verdict::Right);
        }
    }
    let found = if said.is_empty() { "nothing, and hung up".into() } else { excerpt(&said) };
    Ok(Verdict::Wrong { found, wanted: wanted.to_owned() })
}

pub(crate) fn contains(bytes: &[u8], text: &str) -> bool {
    text.is_empty() || bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// The beginning of what came, safe to print.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.get(..bytes.len().min(80)).unwrap_or_default());
    format!("`{}`", text.trim_end().escape_debug())
}

#[async_trait]
impl Check for TcpCheck {
    async fn run(&self, subject: &Subject) -> Result<(), CheckFailure> {
        let server = SocketAddr::new(subject.address, self.options.port);
        let at = format!("{server} (TCP)");
        let limit = self.options.timeout.0;
        match timeout(limit, self.ask(server)).await {
            Ok(Ok(Verdict::Right)) => Ok(()),
            Ok(Ok(Verdict::Wrong { found, wanted })) => {
                Err(CheckFailure::Wrong { at, found, expected: format!("`{wanted}`") })
            }
            Ok(Err(error)) => Err(CheckFailure::NoAnswer { at, why: plain(&error) }),
            Err(_) => Err(CheckFailure::NoAnswer { at, why: timed_out(limit) }),
        }
    }
}

#[cfg(test)]
mod tests;
