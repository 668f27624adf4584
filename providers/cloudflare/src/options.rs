//! What the file says about Cloudflare, and the checked settings that come of it.

use std::net::IpAddr;
use std::time::Duration;

use cloudflare::framework::Environment;
use reqwest::Url;
use schemars::JsonSchema;
use serde::Deserialize;
use switchover::config::{Period, SecretRef};
use switchover::model::ZoneName;

/// The environment variable that holds the API token where the file names none; the one that Cloudflare's own tools read.
pub const TOKEN_VARIABLE: &str = "CLOUDFLARE_API_TOKEN";

const BASE_URL: &str = "https://api.cloudflare.com/client/v4/";
/// How long Cloudflare's edge waits for the server behind it: 15 s to connect and 100 s for an answer, rounded up
/// (<https://developers.cloudflare.com/fundamentals/reference/connection-limits/>). A request that we gave up may still be
/// worked on for that long.
const EDGE_WAITS: Duration = Duration::from_secs(120);

/// Cloudflare DNS as a name service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CloudflareOptions {
    /// Where the API token is: `{ env = "NAME" }` or `{ file = "PATH" }`. It needs the permission DNS Write for the zones, and
    /// Zone Read where zones are given without an id. If absent, the environment variable `CLOUDFLARE_API_TOKEN`.
    pub token: Option<SecretRef>,
    /// The id of the account that owns the token, for a token that belongs to an account and not to a user. Zones are then
    /// looked up in that account only.
    pub account: Option<String>,
    /// The address of the API. Plain `http` only for this machine itself (a test server).
    pub base_url: String,
    /// How long to wait for a connection, TLS included.
    pub connect_timeout: Period,
    /// How long one request may take in all, from connecting to the last byte read. Longer than `connect_timeout`.
    pub timeout: Period,
    /// The longest time after which a change without an answer may still be applied. If absent, `timeout` and 2 minutes: that
    /// is how long Cloudflare's edge waits for the server behind it.
    pub in_flight: Option<Period>,
    /// How long to wait in all, in one reading or changing of a zone, where the service asks to slow down or is out of order.
    pub max_wait: Period,
    /// The smallest TTL that the zones take, if it is not 60 s (30 s for a zone that is known to be on the Enterprise plan).
    pub minimum_ttl: Option<Period>,
}

impl Default for CloudflareOptions {
    fn default() -> Self {
        Self {
            token: None,
            account: None,
            base_url: BASE_URL.to_owned(),
            connect_timeout: Period(Duration::from_secs(5)),
            timeout: Period(Duration::from_secs(20)),
            in_flight: None,
            max_wait: Period(Duration::from_secs(60)),
            minimum_ttl: None,
        }
    }
}

/// Why a name service cannot be set up. Nothing was sent. Never holds the token.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The address of the API is none.
    #[error("base_url `{url}` is no address of an API: {why}; leave it out for Cloudflare's own")]
    BaseUrl {
        /// The address as given, without a user name or password.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A period that makes no sense.
    #[error("{option} is {given}: {why}")]
    Period {
        /// The option.
        option: &'static str,
        /// Its value.
        given: Period,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The account is no id.
    #[error("account `{0}` is no id; it is the 32 letters and digits in the address of the dashboard")]
    Account(String),
    /// The zone's id is none.
    #[error(
        "zone {zone}: id `{id}` is no id; it is the 32 letters and digits on the zone's overview page, or leave it out"
    )]
    ZoneId {
        /// The zone.
        zone: ZoneName,
        /// The id as given.
        id: String,
    },
    /// The token is empty, or no token at all.
    #[error("the API token {0}")]
    Token(&'static str),
    /// The HTTP client could not be built (no usable root certificates, as a rule).
    #[error("the HTTP client could not be built; are root certificates installed (package ca-certificates)?")]
    Client(#[source] reqwest::Error),
}

/// Options that make sense.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) base: Url,
    pub(crate) loopback: bool,
    pub(crate) account: Option<String>,
    pub(crate) connect_timeout: Duration,
    pub(crate) timeout: Duration,
    pub(crate) in_flight: Duration,
    pub(crate) max_wait: Duration,
    pub(crate) minimum_ttl: Option<Duration>,
}

impl Settings {
    pub(crate) fn environment(&self) -> Environment {
        Environment::Custom(self.base.to_string())
    }
}

impl TryFrom<&CloudflareOptions> for Settings {
    type Error = SetupError;

    fn try_from(options: &CloudflareOptions) -> Result<Self, SetupError> {
        let base = base(&options.base_url)?;
        let timeout = options.timeout.0;
        if let Some(account) = options.account.as_ref().filter(|account| !is_id(account)) {
            return Err(SetupError::Account(account.escape_debug().to_string()));
        }
        periods(options)?;
        Ok(Self {
            loopback: is_loopback(&base),
            base,
            account: options.account.clone(),
            connect_timeout: options.connect_timeout.0,
            timeout,
            in_flight: options.in_flight.map_or(timeout + EDGE_WAITS, |period| period.0),
            max_wait: options.max_wait.0,
            minimum_ttl: options.minimum_ttl.map(|period| period.0),
        })
    }
}

/// Ids go into paths, so nothing else may be in them. "Identifier, maxLength 32" in Cloudflare's reference.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn periods(options: &CloudflareOptions) -> Result<(), SetupError> {
    const DAY: Duration = Duration::from_secs(86_400);
    let wrong = |option, given, why| Err(SetupError::Period { option, given, why });
    for (option, given) in [
        ("connect_timeout", options.connect_timeout),
        ("timeout", options.timeout),
        ("max_wait", options.max_wait),
        ("in_flight", options.in_flight.unwrap_or(Period(Duration::ZERO))),
    ] {
        if given.0 > DAY {
            return wrong(option, given, "it must not be longer than a day");
        }
    }
    if options.connect_timeout.0.is_zero() {
        return wrong("connect_timeout", options.connect_timeout, "no connection is made in no time");
    }
    // Were the whole request given up first, a connection that was never made could not be told from an answer that never came.
    if options.timeout <= options.connect_timeout {
        return wrong("timeout", options.timeout, "it must be longer than connect_timeout");
    }
    if let Some(given) = options.in_flight.filter(|period| *period < options.timeout) {
        return wrong(
            "in_flight",
            given,
            "it must not be shorter than timeout, while the request is still waited for",
        );
    }
    if let Some(given) = options.minimum_ttl.filter(|period| period.0 > DAY || period.0.subsec_nanos() != 0) {
        return wrong("minimum_ttl", given, "a TTL is a whole number of seconds, at most a day");
    }
    Ok(())
}

fn base(text: &str) -> Result<Url, SetupError> {
    let wrong = |url: &str, why| Err(SetupError::BaseUrl { url: url.escape_debug().to_string(), why });
    let Ok(mut url) = Url::parse(text.trim()) else {
        return wrong("", "it cannot be read as a URL");
    };
    if !url.username().is_empty() || url.password().is_some() {
        let shown = url.host_str().unwrap_or_default().to_owned();
        return wrong(&shown, "it must not hold a user name or password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong(url.as_str(), "it must end with its path");
    }
    let fault = match url.scheme() {
        _ if url.host_str().is_none_or(str::is_empty) => Some("it has no host"),
        "https" => None,
        "http" if is_loopback(&url) => None,
        "http" => Some("plain http would show the token to everybody on the way; use https"),
        _ => Some("it must start with https://"),
    };
    if let Some(why) = fault {
        return wrong(url.as_str(), why);
    }
    // Without the slash, joining an endpoint's path would replace the last part of the base's path.
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(base_url: &str) -> Result<Settings, SetupError> {
        Settings::try_from(&CloudflareOptions { base_url: base_url.to_owned(), ..Default::default() })
    }

    #[test]
    fn the_address_may_end_with_a_slash_or_not() {
        for url in ["https://api.cloudflare.com/client/v4", "https://api.cloudflare.com/client/v4/"] {
            assert_eq!(with(url).unwrap().base.as_str(), "https://api.cloudflare.com/client/v4/");
        }
        assert_eq!(with("http://127.0.0.1:8080").unwrap().base.as_str(), "http://127.0.0.1:8080/");
    }

    #[test]
    fn plain_http_leads_to_this_machine_only() {
        for url in ["http://localhost:1/", "http://127.9.9.9/v4", "http://[::1]:8/"] {
            assert!(with(url).is_ok(), "{url}");
        }
        for url in [
            "http://api.cloudflare.com/client/v4/",
            "http://localhost.evil.example/",
            "http://127.0.0.1.evil.example/",
            "http://10.0.0.1/",
            "ftp://127.0.0.1/",
            "api.cloudflare.com",
            "https://me:secret@api.cloudflare.com/",
            "https://api.cloudflare.com/?a=b",
            "",
        ] {
            let error = with(url).expect_err(url).to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn in_flight_outlasts_the_timeout_and_the_edge() {
        let settings = Settings::try_from(&CloudflareOptions::default()).unwrap();
        assert_eq!(settings.in_flight, Duration::from_secs(140));
        let short =
            CloudflareOptions { in_flight: Some(Period(Duration::from_secs(19))), ..Default::default() };
        assert!(Settings::try_from(&short).is_err());
    }

    #[test]
    fn an_account_is_an_id_and_no_path() {
        for (account, good) in [("023e105f4ecef8ad9ca31a8372d0c353", true), ("../user", false), ("", false)] {
            let options = CloudflareOptions { account: Some(account.to_owned()), ..Default::default() };
            assert_eq!(Settings::try_from(&options).is_ok(), good, "{account}");
        }
    }
}
