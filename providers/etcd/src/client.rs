//! Asks the members one after the other until one of them answers, for as long as the patience lasts.
//!
//! Everything that is asked here may be asked again: reads, and writes that say what must stand there before. So an answer that is lost is
//! asked for anew, from another member, and what the first request did shows in what the second one finds.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Certificate, Identity, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use switchover::port::Clock;

use crate::failure::{Failure, short};
use crate::options::{Resolved, SetupError};
use crate::wire::{Authenticate, Headed, Known};

/// The most that is read of one answer: a page of entries at their largest, in base64.
const LARGEST: usize = 256 << 20;
/// Connections are left alone after this time without a request.
const IDLE: Duration = Duration::from_secs(30);
/// The pause once every member was asked in vain.
const PAUSE: Duration = Duration::from_millis(100);

/// The contents of the files that the options name, and the secrets.
#[derive(Debug, Clone, Default)]
pub struct EtcdFiles {
    /// The content of `ca_file`.
    pub ca: Option<Vec<u8>>,
    /// The content of `certificate_file`.
    pub certificate: Option<Vec<u8>>,
    /// The key of that certificate.
    pub key: Option<SecretString>,
    /// The password of `user`.
    pub password: Option<SecretString>,
}

/// The way to a cluster. Password, key and token are in no `Debug` output and in no error.
pub(crate) struct Client {
    http: reqwest::Client,
    resolved: Resolved,
    password: Option<SecretString>,
    token: Mutex<Option<SecretString>>,
    /// The member that answered last.
    favourite: AtomicUsize,
    cluster: OnceLock<String>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.resolved).finish()
    }
}

impl Client {
    pub(crate) fn new(
        resolved: Resolved,
        files: EtcdFiles,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        Ok(Self {
            http: http(&resolved, &files)?,
            resolved,
            password: files.password,
            token: Mutex::new(None),
            favourite: AtomicUsize::new(0),
            cluster: OnceLock::new(),
            clock,
        })
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.resolved.prefix
    }

    pub(crate) fn place(&self) -> String {
        self.resolved.place()
    }

    /// Asks until a member answers. The failure is the last one, with those of the other members where all kept silent.
    pub(crate) async fn ask<T: DeserializeOwned + Headed>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let until = self.clock.monotonic() + self.resolved.patience;
        let mut round = Round::default();
        loop {
            let member = self.favourite.load(Ordering::Relaxed) % self.resolved.endpoints.len();
            let failure = match self.ask_as_user(member, path, body).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if !failure.may_pass() {
                return Err(failure);
            }
            if matches!(failure, Failure::Token(_)) {
                self.keep(None);
            }
            // Not from `member`: another call beside this one may have gone on already.
            let next = (member + 1) % self.resolved.endpoints.len();
            self.favourite.store(next, Ordering::Relaxed);
            round.failed(member, failure);
            if self.clock.monotonic() + PAUSE >= until {
                return Err(round.told(&self.resolved));
            }
            if round.asked >= self.resolved.endpoints.len() {
                round.asked = 0;
                self.clock.sleep(PAUSE).await;
            }
        }
    }

    /// One member, once, with a token where there is a user.
    async fn ask_as_user<T: DeserializeOwned + Headed>(
        &self,
        member: usize,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let token = match (&self.resolved.user, &self.password) {
            (Some(user), Some(password)) => Some(self.token(member, user, password).await?),
            (Some(_), None) | (None, Some(_) | None) => None,
        };
        self.exchange(member, path, body, token.as_ref()).await
    }

    /// The token of the user; a new one where there is none. Members forget tokens after a while and when they start.
    async fn token(
        &self,
        member: usize,
        user: &str,
        password: &SecretString,
    ) -> Result<SecretString, Failure> {
        let kept = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(token) = kept {
            return Ok(token);
        }
        let body = Authenticate { name: user, password: password.expose_secret() };
        let known: Known = self.exchange(member, "auth/authenticate", &body, None).await?;
        let token = SecretString::from(known.token);
        self.keep(Some(token.clone()));
        Ok(token)
    }

    fn keep(&self, token: Option<SecretString>) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = token;
    }

    async fn exchange<T: DeserializeOwned + Headed>(
        &self,
        member: usize,
        path: &str,
        body: &impl Serialize,
        token: Option<&SecretString>,
    ) -> Result<T, Failure> {
        let mut request = self.http.post(self.url(member, path)).json(body);
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, header_of(token)?);
        }
        let response = request.send().await.map_err(Failure::lost)?;
        let status = response.status();
        let body = read(response).await?;
        if !status.is_success() {
            return Err(Failure::of(status.as_u16(), &body, |words| self.scrub(words)));
        }
        // Serde's own words may quote what was read.
        let answer: T = serde_json::from_slice(&body).map_err(|_| {
            Failure::Garbled("an answer of another shape than etcd's gateway gives".to_owned())
        })?;
        self.same_cluster(&answer.header().cluster_id)?;
        Ok(answer)
    }

    fn url(&self, member: usize, path: &str) -> Url {
        let mut url = self.resolved.endpoints[member % self.resolved.endpoints.len()].clone();
        url.set_path(&format!("/v3/{path}"));
        url
    }

    /// Members of two clusters would be two journals, and two holders of one pair.
    fn same_cluster(&self, id: &str) -> Result<(), Failure> {
        if id.is_empty() {
            return Err(Failure::Garbled(
                "an answer that does not say which cluster it comes from".to_owned(),
            ));
        }
        let first = self.cluster.get_or_init(|| id.to_owned());
        if first == id {
            return Ok(());
        }
        let [first, id] = [first, id].map(|id| short(&self.scrub(id)));
        Err(Failure::Foreign(format!(
            "`endpoints` names members of two clusters ({first} and {id}); name those of one"
        )))
    }

    /// Takes password and token out of what a member says, should it repeat them.
    fn scrub(&self, words: &str) -> String {
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let secrets = [self.password.as_ref(), token.as_ref()].into_iter().flatten();
        let told = secrets.map(ExposeSecret::expose_secret).filter(|secret| !secret.is_empty());
        told.fold(words.to_owned(), |words, secret| words.replace(secret, "***"))
    }
}

fn http(resolved: &Resolved, files: &EtcdFiles) -> Result<reqwest::Client, SetupError> {
    let mut builder = reqwest::Client::builder()
        .connect_timeout(resolved.timeout)
        .timeout(resolved.timeout)
        .pool_idle_timeout(IDLE)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        // The members speak gRPC over HTTP/2 on the same port.
        .http1_only()
        .user_agent(concat!("switchover/", env!("CARGO_PKG_VERSION")));
    if resolved.is_local() {
        builder = builder.no_proxy();
    }
    if resolved.is_plain() || files.ca.is_some() {
        builder = builder.tls_built_in_root_certs(false);
    }
    for root in roots(files)? {
        builder = builder.add_root_certificate(root);
    }
    if let Some(identity) = identity(files)? {
        builder = builder.identity(identity);
    }
    builder.build().map_err(SetupError::Client)
}

fn roots(files: &EtcdFiles) -> Result<Vec<Certificate>, SetupError> {
    let unfit = |why: String| SetupError::Certificate { option: "ca_file", why };
    let Some(pem) = &files.ca else { return Ok(Vec::new()) };
    let found = Certificate::from_pem_bundle(pem).map_err(|error| unfit(error.to_string()))?;
    if found.is_empty() { Err(unfit("it holds no certificate in PEM".to_owned())) } else { Ok(found) }
}

fn identity(files: &EtcdFiles) -> Result<Option<Identity>, SetupError> {
    let (Some(certificate), Some(key)) = (&files.certificate, &files.key) else { return Ok(None) };
    let pem = [certificate, b"\n".as_slice(), key.expose_secret().as_bytes()].concat();
    // The error could quote the key.
    Identity::from_pem(&pem).map(Some).map_err(|_| SetupError::Certificate {
        option: "certificate_file",
        why: "it and `key` are no certificate and key in PEM".to_owned(),
    })
}

fn header_of(token: &SecretString) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(token.expose_secret())
        .map_err(|_| Failure::Garbled("a token that cannot be sent in a header".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

async fn read(mut response: reqwest::Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Failure::lost)? {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST {
            return Err(Failure::Refused(format!("an answer of more than {} MiB", LARGEST >> 20)));
        }
    }
    Ok(body)
}

/// What the members said while none of them answered.
#[derive(Debug, Default)]
struct Round {
    asked: usize,
    /// The latest failure of each, by its place.
    failures: std::collections::BTreeMap<usize, Failure>,
}

impl Round {
    fn failed(&mut self, member: usize, failure: Failure) {
        self.asked += 1;
        self.failures.insert(member, failure);
    }

    /// One failure that tells all of them. A token that no member takes is no silence.
    fn told(self, resolved: &Resolved) -> Failure {
        let words = self.failures.iter().filter_map(|(member, failure)| {
            let url = resolved.endpoints.get(*member)?;
            Some(format!("{}: {failure}", url.as_str().trim_end_matches('/')))
        });
        let told = words.collect::<Vec<String>>().join("; ");
        let every_token = self.failures.values().all(|failure| matches!(failure, Failure::Token(_)));
        if every_token { Failure::Token(told) } else { Failure::Silent(told) }
    }
}
