//! Clients of a site's application: one that tries a single write, and one that uploads without end and wants everything back.
//!
//! Both are programs as well: `sandbox-client write` and `sandbox-client upload`.

mod names;
mod tally;
mod uploads;

use std::fmt;
use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode};

pub use names::{Names, Unresolved};
pub use tally::{Tally, Verdict};
pub use uploads::{Target, upload};

/// How long the application may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// The application has it.
    Acknowledged,
    /// It takes no writes now, in its own words.
    Refused(String),
    /// Nobody could be asked, or the answer was about something else; what happened.
    Unasked(String),
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Acknowledged => f.write_str("acknowledged"),
            Self::Refused(words) => write!(f, "refused: {words}"),
            Self::Unasked(why) => write!(f, "could not be tried: {why}"),
        }
    }
}

/// A client that neither goes through a proxy nor waits for long.
pub fn http() -> reqwest::Result<Client> {
    Client::builder().no_proxy().timeout(PATIENCE).build()
}

/// Writes one file below a URL that ends in `/files`.
pub async fn write(client: &Client, files: &str, name: &str, content: String) -> Written {
    put(client.put(format!("{}/{name}", files.trim_end_matches('/'))), content).await
}

async fn put(request: RequestBuilder, content: String) -> Written {
    let answer = match request.body(content).send().await {
        Ok(answer) => answer,
        Err(error) => return Written::Unasked(with_causes(&error)),
    };
    let status = answer.status();
    let words = answer.text().await.unwrap_or_default().trim().to_owned();
    match status {
        StatusCode::CREATED => Written::Acknowledged,
        StatusCode::SERVICE_UNAVAILABLE => Written::Refused(words),
        other => Written::Unasked(format!("{other}: {words}")),
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |&error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
