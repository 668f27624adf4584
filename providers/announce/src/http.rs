//! One POST, and what its answer means.

use std::error::Error;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use switchover::config::Period;
use switchover::port::AnnounceError;

use crate::{LONGEST_TIMEOUT, PROOF};

/// The most of a service's words that are shown.
const LONGEST_WORDS: usize = 200;

/// Why a webhook's address or timeout is not usable. Never holds any of the address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is no URL.
    #[error("the webhook's address is no URL that begins with `https://` or `http://`")]
    Address,
    /// A secret would go over the network in clear.
    #[error("the webhook's address must begin with `https://`: it is a secret")]
    Clear,
    /// The timeout is zero, or longer than a try may take.
    #[error("`timeout` must be more than 0s and at most {}s", LONGEST_TIMEOUT.as_secs())]
    Timeout,
    /// The machine's certificates or proxy settings are unusable.
    #[error("no HTTP client: {0}")]
    Client(String),
}

/// Where announcements are posted.
pub(crate) struct Target {
    url: Url,
    client: Client,
}

impl Target {
    /// Checks an address. Sends nothing.
    pub(crate) fn new(address: &str, timeout: Period) -> Result<Self, TargetError> {
        let url = Url::parse(address.trim()).map_err(|_| TargetError::Address)?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(TargetError::Address);
        }
        let client = Client::builder()
            // A redirection would carry the secret, or the signed text, elsewhere.
            .redirect(Policy::none())
            .pool_max_idle_per_host(0)
            .timeout(timeout_of(timeout).ok_or(TargetError::Timeout)?)
            .user_agent(concat!("switchover/", env!("CARGO_PKG_VERSION")))
            .tls_built_in_root_certs(url.scheme() == "https")
            .build();
        let client = client.map_err(|error| TargetError::Client(plain(error)))?;
        Ok(Self { url, client })
    }

    /// Whether what is sent can be read on its way: over a network without TLS.
    pub(crate) fn is_open(&self) -> bool {
        let host = self.url.host_str().unwrap_or_default();
        self.url.scheme() == "http" && !is_loopback(host)
    }

    /// The service without anything that could be secret.
    pub(crate) fn place(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    pub(crate) fn post(&self, body: String) -> RequestBuilder {
        let request = self.client.post(self.url.clone());
        request.header(reqwest::header::CONTENT_TYPE, "application/json").body(body)
    }

    /// Sends a request; any answer but a good one is an error.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<(), AnnounceError> {
        let answer = request.send().await.map_err(|error| self.unavailable(plain(error)))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let place = self.place();
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Err(AnnounceError::Throttled { place, retry_after: retry_after(answer.headers()) });
        }
        if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
            return Err(match retry_after(answer.headers()) {
                Some(wait) => AnnounceError::Throttled { place, retry_after: Some(wait) },
                None => AnnounceError::Unavailable { place, why: format!("it answered {status}") },
            });
        }
        Err(AnnounceError::Refused { place, why: said(status, answer).await })
    }

    /// Proves that the service can be reached, and by TLS that it is the one; asks for its front page alone, so that nobody is told
    /// anything and the secret part of the address is not sent.
    pub(crate) async fn reach(&self) -> Result<(), AnnounceError> {
        let mut front = self.url.clone();
        front.set_path("/");
        front.set_query(None);
        front.set_fragment(None);
        let asked = self.client.head(front).timeout(PROOF).send().await;
        asked.map(drop).map_err(|error| self.unavailable(plain(error)))
    }

    fn unavailable(&self, why: String) -> AnnounceError {
        AnnounceError::Unavailable { place: self.place(), why }
    }
}

/// A timeout that a try may have.
pub(crate) fn timeout_of(timeout: Period) -> Option<Duration> {
    Some(timeout.0).filter(|timeout| !timeout.is_zero() && *timeout <= LONGEST_TIMEOUT)
}

/// Whether a host is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// What happened, without the layers of libraries and without the URL.
fn plain(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    innermost(&error.without_url())
}

/// The words of the error at the bottom.
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// The status and the first words of the body.
async fn said(status: StatusCode, mut answer: Response) -> String {
    let body = answer.chunk().await.ok().flatten().unwrap_or_default();
    let text = String::from_utf8_lossy(body.get(..body.len().min(4 * LONGEST_WORDS)).unwrap_or_default());
    let words: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let words: String = words.chars().filter(|c| !c.is_control()).take(LONGEST_WORDS).collect();
    if words.is_empty() { format!("it answered {status}") } else { format!("it answered {status}: {words}") }
}

/// How long the service asks to wait: seconds or a date (RFC 9110 section 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let wait = until.duration_since(Timestamp::now()).max(SignedDuration::ZERO);
    Duration::try_from(wait).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        [(RETRY_AFTER, value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn a_wait_is_read_in_seconds_and_as_a_date() {
        assert_eq!(retry_after(&headers("30")), Some(Duration::from_secs(30)));
        assert_eq!(retry_after(&headers("Sun, 06 Nov 1994 08:49:37 GMT")), Some(Duration::ZERO));
        let later = retry_after(&headers("Sat, 06 Nov 2094 08:49:37 GMT")).unwrap();
        assert!(later > Duration::from_secs(86_400));
        assert_eq!(retry_after(&headers("soon")), None);
    }

    #[test]
    fn addresses_and_timeouts_that_are_none_are_refused_and_not_shown() {
        let second = Period(Duration::from_secs(1));
        for address in ["hooks.slack.com/s3cret", "ftp://host/s3cret", ""] {
            let error = Target::new(address, second).err().unwrap();
            assert_eq!(error, TargetError::Address, "{address}");
            assert!(!error.to_string().contains("s3cret"));
        }
        for timeout in [0, 11] {
            let timeout = Period(Duration::from_secs(timeout));
            assert_eq!(Target::new("https://host/", timeout).err(), Some(TargetError::Timeout));
        }
    }

    #[test]
    fn only_this_machine_is_spoken_to_in_clear() {
        let second = Period(Duration::from_secs(1));
        for (address, open) in [
            ("http://127.0.0.1:8080/x", false),
            ("http://[::1]/x", false),
            ("http://localhost/x", false),
            ("https://example.org/x", false),
            ("http://example.org/x", true),
            ("http://localhost.example.org/x", true),
        ] {
            assert_eq!(Target::new(address, second).unwrap().is_open(), open, "{address}");
        }
    }
}
