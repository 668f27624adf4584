//! The HTTP check: a site answers at an address, under its name, as it should.

mod answer;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Response, Url};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use switchover::config::Period;
use switchover::model::DnsName;
use switchover::port::{Check, CheckFailure, Subject};

use crate::failure::{plain, timed_out};
use crate::status::StatusSet;

/// With or without TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// With TLS; the certificate must be valid for the name, always.
    #[default]
    Https,
    /// Without TLS.
    Http,
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Https => "https",
            Self::Http => "http",
        })
    }
}

/// The request's method. Only those that change nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Head and body.
    #[default]
    Get,
    /// The head alone.
    Head,
}

impl From<Method> for reqwest::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Get => Self::GET,
            Method::Head => Self::HEAD,
        }
    }
}

/// What an HTTP check asks and expects. Every field has a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HttpCheckOptions {
    /// With or without TLS.
    pub scheme: Scheme,
    /// The port; that of the scheme unless given.
    pub port: Option<u16>,
    /// The path, and the query if there is one.
    pub path: String,
    /// The request's method.
    pub method: Method,
    /// The status codes that pass. Redirections are not followed.
    pub status: StatusSet,
    /// A text that the first MiB of the body must hold, as it is sent (a release, a title).
    pub contains: Option<String>,
    /// Headers that the answer must carry, with exactly these values.
    pub headers: BTreeMap<String, String>,
    /// How long the check may take in all, from connecting to the end of the body.
    pub timeout: Period,
    /// How long connecting may take, TLS included.
    pub connect_timeout: Period,
    /// What the check calls itself.
    pub user_agent: String,
    /// A file of PEM certificates to trust besides the system's.
    #[schemars(with = "Option<String>")]
    pub ca_file: Option<PathBuf>,
}

impl Default for HttpCheckOptions {
    fn default() -> Self {
        Self {
            scheme: Scheme::Https,
            port: None,
            path: "/".into(),
            method: Method::Get,
            status: StatusSet::default(),
            contains: None,
            headers: BTreeMap::new(),
            timeout: Period(Duration::from_secs(5)),
            connect_timeout: Period(Duration::from_secs(3)),
            user_agent: concat!("switchover/", env!("CARGO_PKG_VERSION")).into(),
            ca_file: None,
        }
    }
}

/// Why options make no check.
#[derive(Debug, thiserror::Error)]
pub enum HttpCheckError {
    /// The path is no path.
    #[error("path `{0}` must start with a slash and hold neither white space nor a fragment")]
    Path(String),
    /// A header that no server can send.
    #[error("header `{0}` is no HTTP header with a value of visible characters")]
    Header(String),
    /// The text that the check calls itself cannot be sent.
    #[error("user_agent `{0}` must be made of visible ASCII characters")]
    UserAgent(String),
    /// A HEAD request has no body.
    #[error("contains needs method GET: the answer to HEAD has no body")]
    NoBody,
    /// The certificates could not be read.
    #[error("ca_file {}: {why}", file.display())]
    CaFile {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// Asks the site at the subject's address, under the subject's name.
///
/// Each run opens a connection of its own (see the crate's front page), follows no redirection, heeds no proxy, and reads
/// at most the first MiB of the body. A body that is cut off or never ends fails the check.
#[derive(Debug)]
pub struct HttpCheck {
    options: HttpCheckOptions,
    roots: Vec<Certificate>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// One client for each name and address. A client keeps no connection; it is kept because making one reads the
    /// system's certificates, some milliseconds that a probe cannot spend each time. As many as the pair has endpoints.
    clients: Mutex<BTreeMap<(DnsName, IpAddr), Client>>,
}

impl HttpCheck {
    /// A check as the options say. Reads `ca_file`.
    pub fn new(options: HttpCheckOptions) -> Result<Self, HttpCheckError> {
        refuse_bad_path(&options.path)?;
        if HeaderValue::from_str(&options.user_agent).is_err() {
            return Err(HttpCheckError::UserAgent(options.user_agent.escape_debug().to_string()));
        }
        if options.method == Method::Head && options.contains.is_some() {
            return Err(HttpCheckError::NoBody);
        }
        let headers = options.headers.iter().map(header).collect::<Result<_, _>>()?;
        let roots = options.ca_file.as_ref().map(certificates).transpose()?.unwrap_or_default();
        Ok(Self { options, roots, headers, clients: Mutex::default() })
    }

    /// The subject's URL. `None` if the name cannot be a host's, or would be taken for an address.
    fn url(&self, subject: &Subject) -> Option<Url> {
        let HttpCheckOptions { scheme, port, path, .. } = &self.options;
        let mut url = Url::parse(&format!("{scheme}://{}{path}", subject.name)).ok()?;
        url.set_port(*port).ok()?;
        (url.domain() == Some(subject.name.as_str())).then_some(url)
    }

    fn client(&self, subject: &Subject) -> reqwest::Result<Client> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (subject.name.clone(), subject.address);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let client = self.build(subject)?;
        clients.insert(key, client.clone());
        Ok(client)
    }

    fn build(&self, subject: &Subject) -> reqwest::Result<Client> {
        let options = &self.options;
        let builder = Client::builder()
            // The port is that of the URL, whatever stands here.
            .resolve_to_addrs(subject.name.as_str(), &[SocketAddr::new(subject.address, 0)])
            .no_proxy()
            .redirect(Policy::none())
            .pool_max_idle_per_host(0)
            .connect_timeout(options.connect_timeout.0)
            .timeout(options.timeout.0)
            .user_agent(&options.user_agent)
            .tls_built_in_root_certs(options.scheme == Scheme::Https);
        self.roots.iter().cloned().fold(builder, reqwest::ClientBuilder::add_root_certificate).build()
    }

    async fn ask(&self, subject: &Subject, url: Url) -> Result<Response, reqwest::Error> {
        self.client(subject)?.request(self.options.method.into(), url).send().await
    }

    fn words(&self, error: &reqwest::Error) -> String {
        match (error.is_timeout(), error.is_connect()) {
            (true, true) => {
                format!(
                    "no connection within {} ms",
                    self.options.connect_timeout.0.min(self.options.timeout.0).as_millis()
                )
            }
            (true, false) => timed_out(self.options.timeout.0),
            (false, _) => plain(error),
        }
    }
}

fn refuse_bad_path(path: &str) -> Result<(), HttpCheckError> {
    let bad = |c: char| c == '#' || c == '\\' || c.is_whitespace() || c.is_control();
    if path.starts_with('/') && !path.contains(bad) {
        return Ok(());
    }
    Err(HttpCheckError::Path(path.escape_debug().to_string()))
}

fn header((name, value): (&String, &String)) -> Result<(HeaderName, HeaderValue), HttpCheckError> {
    match (name.parse(), value.parse()) {
        (Ok(name), Ok(value)) => Ok((name, value)),
        (Err(_), _) | (_, Err(_)) => Err(HttpCheckError::Header(name.escape_debug().to_string())),
    }
}

fn certificates(file: &PathBuf) -> Result<Vec<Certificate>, HttpCheckError> {
    let fault = |why: String| HttpCheckError::CaFile { file: file.clone(), why };
    let pem = std::fs::read(file).map_err(|error| fault(error.to_string()))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| fault(plain(&error)))?;
    if found.is_empty() { Err(fault("it holds no PEM certificate".into())) } else { Ok(found) }
}

#[async_trait]
impl Check for HttpCheck {
    async fn run(&self, subject: &Subject) -> Result<(), CheckFailure> {
        let HttpCheckOptions { scheme, path, .. } = &self.options;
        let Some(url) = self.url(subject) else {
            let at = format!("{scheme}://{}{path}", subject.name);
            return Err(CheckFailure::NoAnswer { at, why: "the name cannot be a web server's".into() });
        };
        let at = format!("{url} at {}", subject.address);
        let silent =
            |error: reqwest::Error| CheckFailure::NoAnswer { at: at.clone(), why: self.words(&error) };
        let response = self.ask(subject, url).await.map_err(silent)?;
        match self.fault(response).await.map_err(silent)? {
            None => Ok(()),
            Some(fault) => Err(CheckFailure::Wrong { found: fault.found, expected: fault.expected, at }),
        }
    }
}

#[cfg(test)]
mod tests;
