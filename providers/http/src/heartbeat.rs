//! The dead-man ping: a service is told that a sync began, succeeded or failed, and raises an alarm if it hears nothing.

use std::fmt;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Method, Response, StatusCode, Url};
use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::failure::{plain, timed_out};

/// How long one attempt may take in all.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait before each further attempt.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(1)];
/// The most bytes of a reason that are sent: what self-hosted Healthchecks keeps of a body (its documentation, "Pinging API").
const LONGEST: usize = 10_000;

/// What the service understands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HeartbeatStyle {
    /// As healthchecks.io and what is like it: `URL/start`, `URL`, and `URL/fail` with the reason as body
    /// (<https://healthchecks.io/docs/http_api/>).
    #[default]
    Healthchecks,
    /// The URL alone, asked for after a success. Of a start or a failure such a service is told nothing.
    Plain,
}

/// What the service is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal<'a> {
    /// A sync begins.
    Start,
    /// It succeeded, and what it brought was verified.
    Success,
    /// It failed.
    Fail {
        /// Why. It leaves the machine, so it must hold no secret.
        why: &'a str,
    },
}

impl fmt::Display for Signal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Start => "start",
            Self::Success => "success",
            Self::Fail { .. } => "failure",
        })
    }
}

/// Why the service was not told. Never holds any of the URL: it is a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeartbeatError {
    /// The URL is none that can be pinged.
    #[error("the ping URL is not usable: {0}")]
    Url(&'static str),
    /// The machine's certificates or proxy settings are unusable.
    #[error("no HTTP client for the ping: {0}")]
    Client(String),
    /// No attempt got an answer.
    #[error("the ping of a {signal} got no answer: {why}")]
    NoAnswer {
        /// What was to be told.
        signal: String,
        /// What happened the last time.
        why: String,
    },
    /// The service did not take it.
    #[error("the ping of a {signal} was not taken: {why}")]
    Refused {
        /// What was to be told.
        signal: String,
        /// What it said.
        why: String,
    },
}

/// Pings a service. A ping that fails is worth a warning and never more: the sync is what counts.
///
/// Each attempt takes at most five seconds; there are three. Redirections are not followed, since they would carry the secret elsewhere.
/// The system's proxy settings are heeded.
pub struct Heartbeat {
    url: SecretString,
    style: HeartbeatStyle,
    client: Client,
    pauses: [Duration; 2],
}

impl fmt::Debug for Heartbeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heartbeat").field("style", &self.style).finish_non_exhaustive()
    }
}

impl Heartbeat {
    /// Checks the URL. Sends nothing.
    pub fn new(url: SecretString, style: HeartbeatStyle) -> Result<Self, HeartbeatError> {
        let encrypted = parse(&url)?.scheme() == "https";
        let client = builder().tls_built_in_root_certs(encrypted).build();
        let client = client.map_err(|error| HeartbeatError::Client(plain(&error.without_url())))?;
        Ok(Self { url, style, client, pauses: PAUSES })
    }

    /// Tells the service. Tries again where that may help; telling it twice does no harm.
    pub async fn ping(&self, signal: Signal<'_>) -> Result<(), HeartbeatError> {
        let Some(url) = self.target(signal)? else { return Ok(()) };
        for pause in self.pauses {
            match self.attempt(signal, url.clone()).await {
                Err(Failed { again: true, .. }) => tokio::time::sleep(pause).await,
                Err(Failed { error, .. }) => return Err(error),
                Ok(()) => return Ok(()),
            }
        }
        self.attempt(signal, url).await.map_err(|failed| failed.error)
    }

    /// Where a signal goes; `None` if the service has no place for it.
    fn target(&self, signal: Signal<'_>) -> Result<Option<Url>, HeartbeatError> {
        let url = parse(&self.url)?;
        Ok(match (self.style, signal) {
            (HeartbeatStyle::Healthchecks | HeartbeatStyle::Plain, Signal::Success) => Some(url),
            (HeartbeatStyle::Healthchecks, Signal::Start) => Some(below(url, "start")?),
            (HeartbeatStyle::Healthchecks, Signal::Fail { .. }) => Some(below(url, "fail")?),
            (HeartbeatStyle::Plain, Signal::Start | Signal::Fail { .. }) => None,
        })
    }

    async fn attempt(&self, signal: Signal<'_>, url: Url) -> Result<(), Failed> {
        let method = match self.style {
            HeartbeatStyle::Healthchecks => Method::POST,
            HeartbeatStyle::Plain => Method::GET,
        };
        let request = self.client.request(method, url);
        let request = match signal {
            Signal::Fail { why } => request.body(short(why).to_owned()),
            Signal::Start | Signal::Success => request,
        };
        let told = signal.to_string();
        let response = request.send().await.map_err(|error| Failed {
            again: true,
            error: HeartbeatError::NoAnswer { signal: told.clone(), why: words(error) },
        })?;
        let status = response.status();
        match self.refusal(response).await {
            None => Ok(()),
            Some(why) => Err(Failed {
                again: status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS,
                error: HeartbeatError::Refused { signal: told, why },
            }),
        }
    }

    /// What an answer says against the ping. healthchecks.io answers 200 even to a ping that it does not count, and says so in the body.
    async fn refusal(&self, mut response: Response) -> Option<String> {
        let status = response.status();
        if !status.is_success() {
            return Some(format!("the service answered {status}"));
        }
        let body = match self.style {
            HeartbeatStyle::Healthchecks => response.chunk().await.ok().flatten().unwrap_or_default(),
            HeartbeatStyle::Plain => return None,
        };
        match body.get(..body.len().min(64)).unwrap_or_default().trim_ascii() {
            b"OK (not found)" => Some("the service knows no such check".into()),
            b"OK (rate limited)" => Some("the service counts no more pings for now".into()),
            _ => None,
        }
    }
}

fn builder() -> ClientBuilder {
    Client::builder()
        .redirect(Policy::none())
        .pool_max_idle_per_host(0)
        .timeout(TIMEOUT)
        .user_agent(concat!("switchover/", env!("CARGO_PKG_VERSION")))
}

/// An attempt that failed, and whether another one may help.
struct Failed {
    again: bool,
    error: HeartbeatError,
}

fn parse(url: &SecretString) -> Result<Url, HeartbeatError> {
    let url = Url::parse(url.expose_secret()).map_err(|_| HeartbeatError::Url("it is no URL"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(HeartbeatError::Url("it must begin with `https://` or `http://`")),
    }
}

fn below(mut url: Url, name: &str) -> Result<Url, HeartbeatError> {
    url.path_segments_mut().map_err(|()| HeartbeatError::Url("it has no path"))?.pop_if_empty().push(name);
    Ok(url)
}

fn words(error: reqwest::Error) -> String {
    if error.is_timeout() { timed_out(TIMEOUT) } else { plain(&error.without_url()) }
}

/// The beginning of a text, cut between two characters.
fn short(text: &str) -> &str {
    text.get(..text.floor_char_boundary(LONGEST)).unwrap_or(text)
}

#[cfg(test)]
mod tests;
