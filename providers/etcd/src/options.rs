//! What the file says about an etcd cluster, and the checked form that comes of it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use schemars::JsonSchema;
use serde::Deserialize;
use switchover::config::{Period, SecretRef};

/// The journal in etcd (3.4 or later).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EtcdOptions {
    /// The client addresses of the members of one cluster: `https://etcd-1.example.org:2379`. Name all of them; one that is gone is passed
    /// over. Plain `http` only for this machine itself.
    pub endpoints: Vec<String>,
    /// What every key begins with, followed by a `/`. Those that share a journal need the same.
    #[serde(default = "prefix")]
    pub prefix: String,
    /// The authority of the members' certificates, as a PEM file; the system's own if left out.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The certificate to show to the members (mTLS), as a PEM file, with those of intermediate authorities behind it. Needs `key`.
    #[serde(default)]
    pub certificate_file: Option<PathBuf>,
    /// Where the key of that certificate is, in PEM: `{ file = "PATH" }` or `{ env = "NAME" }`.
    #[serde(default)]
    pub key: Option<SecretRef>,
    /// The user of etcd to be, where etcd has authentication switched on. The name in a certificate does not count for it. Needs `password`.
    #[serde(default)]
    pub user: Option<String>,
    /// Where that user's password is: `{ env = "NAME" }` or `{ file = "PATH" }`.
    #[serde(default)]
    pub password: Option<SecretRef>,
    /// How long one member may take for one answer, connecting included, before the next one is asked.
    #[serde(default = "three_seconds")]
    pub timeout: Period,
    /// How long to go on asking the members in all: longer than an election takes (a few seconds).
    #[serde(default = "fifteen_seconds")]
    pub patience: Period,
}

fn prefix() -> String {
    "switchover".to_owned()
}

fn three_seconds() -> Period {
    Period(Duration::from_secs(3))
}

fn fifteen_seconds() -> Period {
    Period(Duration::from_secs(15))
}

/// Why the options cannot be used. Nothing was sent. Never holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// An address is none.
    #[error("endpoint `{url}`: {why}")]
    Endpoint {
        /// The address as given, without a user name or password.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// There is no address, or there are many.
    #[error("endpoints: {0}")]
    Endpoints(&'static str),
    /// The prefix cannot be one.
    #[error("prefix `{0}`: write letters, digits, `-`, `_`, `.`, and `/` between parts")]
    Prefix(String),
    /// One of two options that belong together is missing.
    #[error("`{given}` needs `{missing}` beside it")]
    Alone {
        /// The one that is there.
        given: &'static str,
        /// The one that is not.
        missing: &'static str,
    },
    /// A period that makes no sense.
    #[error("{option} = \"{given}\": {why}")]
    Period {
        /// The option.
        option: &'static str,
        /// Its value.
        given: Period,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A certificate or key cannot be used. Says nothing of its content.
    #[error("{option}: {why}")]
    Certificate {
        /// The option.
        option: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The HTTP client could not be built (no usable root certificates, as a rule).
    #[error("the HTTP client could not be built; are root certificates installed (package ca-certificates)?")]
    Client(#[source] reqwest::Error),
}

/// Options that make sense.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    pub(crate) endpoints: Vec<Url>,
    /// With a `/` at its end.
    pub(crate) prefix: String,
    pub(crate) user: Option<String>,
    pub(crate) timeout: Duration,
    pub(crate) patience: Duration,
}

impl Resolved {
    /// For messages: the members and the prefix.
    pub(crate) fn place(&self) -> String {
        let host = |url: &Url| {
            let port = url.port_or_known_default().unwrap_or_default();
            format!("{}:{port}", url.host_str().unwrap_or_default())
        };
        let hosts: Vec<String> = self.endpoints.iter().map(host).collect();
        format!("{} in etcd at {}", self.prefix, hosts.join(", "))
    }

    /// Whether all of it stays on this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.endpoints.iter().all(is_loopback)
    }

    pub(crate) fn is_plain(&self) -> bool {
        self.endpoints.iter().all(|url| url.scheme() == "http")
    }
}

impl TryFrom<&EtcdOptions> for Resolved {
    type Error = SetupError;

    fn try_from(options: &EtcdOptions) -> Result<Self, SetupError> {
        belong_together(options)?;
        periods(options)?;
        Ok(Self {
            endpoints: endpoints(&options.endpoints)?,
            prefix: checked_prefix(&options.prefix)?,
            user: options.user.clone(),
            timeout: options.timeout.0,
            patience: options.patience.0,
        })
    }
}

/// More members than etcd's own documentation finds sensible are a slip
/// (<https://etcd.io/docs/v3.4/faq/#what-is-maximum-cluster-size>).
const MOST_MEMBERS: usize = 15;

fn endpoints(given: &[String]) -> Result<Vec<Url>, SetupError> {
    let urls = given.iter().map(|text| endpoint(text)).collect::<Result<Vec<Url>, _>>()?;
    match urls.len() {
        0 => Err(SetupError::Endpoints("name at least one member; better all of them")),
        1..=MOST_MEMBERS => Ok(urls),
        _ => Err(SetupError::Endpoints("no cluster has so many members")),
    }
}

fn endpoint(text: &str) -> Result<Url, SetupError> {
    let wrong = |url: &str, why| Err(SetupError::Endpoint { url: url.escape_debug().to_string(), why });
    let Ok(url) = Url::parse(text.trim()) else {
        // Not shown: what cannot be read may hold a password at any place.
        return wrong("", "it cannot be read as a URL; write https://HOST:2379");
    };
    if !url.username().is_empty() || url.password().is_some() {
        return wrong(url.host_str().unwrap_or_default(), "it must not hold a user name or password");
    }
    let fault = match url.scheme() {
        _ if url.host_str().is_none_or(str::is_empty) => Some("it has no host; write https://HOST:2379"),
        _ if url.path() != "/" || url.query().is_some() || url.fragment().is_some() => {
            Some("it must end with its port")
        }
        "https" => None,
        "http" if is_loopback(&url) => None,
        "http" => Some("plain http would let anybody on the way write the journal; use https"),
        _ => Some("it must start with https://"),
    };
    match fault {
        Some(why) => wrong(url.as_str(), why),
        None => Ok(url),
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn checked_prefix(text: &str) -> Result<String, SetupError> {
    let part = |part: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        !part.is_empty() && part.bytes().all(allowed)
    };
    // A `/` in front is how many write keys of etcd; one at the end is ours.
    let bare = text.strip_suffix('/').unwrap_or(text);
    if bare.strip_prefix('/').unwrap_or(bare).split('/').all(part) {
        Ok(format!("{bare}/"))
    } else {
        Err(SetupError::Prefix(text.escape_debug().to_string()))
    }
}

fn belong_together(options: &EtcdOptions) -> Result<(), SetupError> {
    for (one, given, other, missing) in [
        (options.certificate_file.is_some(), "certificate_file", options.key.is_some(), "key"),
        (options.user.is_some(), "user", options.password.is_some(), "password"),
    ] {
        if one && !other {
            return Err(SetupError::Alone { given, missing });
        }
        if other && !one {
            return Err(SetupError::Alone { given: missing, missing: given });
        }
    }
    Ok(())
}

fn periods(options: &EtcdOptions) -> Result<(), SetupError> {
    const HOUR: Duration = Duration::from_secs(3_600);
    let wrong = |option, given, why| Err(SetupError::Period { option, given, why });
    if options.timeout.0 < Duration::from_millis(10) {
        return wrong("timeout", options.timeout, "no member answers so soon");
    }
    if options.patience.0 > HOUR {
        return wrong("patience", options.patience, "it must not be longer than an hour");
    }
    if options.patience < options.timeout {
        return wrong("patience", options.patience, "it must not be shorter than timeout");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> EtcdOptions {
        toml::from_str(text).unwrap()
    }

    fn refused(text: &str) -> String {
        Resolved::try_from(&options(text)).unwrap_err().to_string()
    }

    #[test]
    fn endpoints_are_all_that_must_be_said() {
        let resolved =
            Resolved::try_from(&options("endpoints = ['https://a:2379', 'https://b.example.org']")).unwrap();
        assert_eq!(resolved.place(), "switchover/ in etcd at a:2379, b.example.org:443");
        assert!(!resolved.is_local());
    }

    #[test]
    fn a_prefix_may_begin_and_end_with_a_slash() {
        for (given, expected) in [("a", "a/"), ("/a/b", "/a/b/"), ("a/", "a/")] {
            let text = format!("endpoints = ['http://127.0.0.1:1']\nprefix = '{given}'");
            assert_eq!(Resolved::try_from(&options(&text)).unwrap().prefix, expected);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        let with = |more: &str| refused(&format!("endpoints = ['https://a:2379']\n{more}"));
        assert!(refused("endpoints = []").contains("at least one member"));
        assert!(refused("endpoints = ['http://etcd.example:2379']").contains("use https"));
        assert!(refused("endpoints = ['a:2379']").contains("https://"));
        assert!(refused("endpoints = ['https://a:2379/v3']").contains("end with its port"));
        assert!(!refused("endpoints = ['https://me:hunter2@a:2379']").contains("hunter2"));
        for prefix in ["", "/", "a//b", "a b", "é"] {
            assert!(with(&format!("prefix = '{prefix}'")).contains("prefix"), "{prefix}");
        }
        assert_eq!(with("user = 'u'"), "`user` needs `password` beside it");
        assert_eq!(with("password = { env = 'P' }"), "`password` needs `user` beside it");
        assert_eq!(with("key = { env = 'K' }"), "`key` needs `certificate_file` beside it");
        assert!(with("timeout = '1ms'").contains("timeout"));
        assert!(with("patience = '1s'").contains("shorter than timeout"));
        assert!(toml::from_str::<EtcdOptions>("endpoints = []\npassword = 'hunter2'").is_err());
    }
}
