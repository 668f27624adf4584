//! Sends requests: with an end, tried again where that is safe, and never a change whose outcome is unknown.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LINK, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use switchover::port::{Clock, Meter, causes};

use crate::answer::{Answer, Failure, Refusal, accepted, judge, next_link};
use crate::options::{Resolved, SetupError};

/// The most that is read of one answer, and of a log.
const LARGEST: usize = 16 << 20;
const LARGEST_LOG: usize = 64 << 20;
/// The end of a log that is kept.
const LOG_TAIL: usize = 32 << 10;
/// How often a read is sent before the server counts as unreachable.
const TRIES: u32 = 3;
/// The most pages of one list: more than that is no list that a person keeps.
const PAGES: usize = 100;
/// Connections are left alone after this time without a request: one that the other end closes just then would cost a change
/// its answer. GitLab's nginx keeps them for 65 s.
const IDLE: Duration = Duration::from_secs(30);

const PRIVATE_TOKEN: HeaderName = HeaderName::from_static("private-token");

/// A query, as pairs.
pub(crate) type Query<'a> = &'a [(&'a str, &'a str)];

/// One project's way to the API. The token is in no `Debug` output and in no error.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    token: SecretString,
    max_wait: Duration,
    meter: Meter,
    clock: Arc<dyn Clock>,
}

impl Client {
    pub(crate) fn new(
        options: &Resolved,
        token: SecretString,
        meter: Meter,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        header_of(&token)?;
        let mut builder = reqwest::Client::builder()
            .connect_timeout(options.connect_timeout)
            .timeout(options.timeout)
            .pool_idle_timeout(IDLE)
            // A moved project is told, and the token goes nowhere else.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .https_only(!options.loopback)
            .user_agent(concat!("switchover/", env!("CARGO_PKG_VERSION")));
        if options.loopback && options.base.scheme() == "http" {
            // No proxy leads back to this machine, and loading root certificates takes time.
            builder = builder.no_proxy().tls_built_in_root_certs(false);
        }
        Ok(Self {
            http: builder.build().map_err(SetupError::Client)?,
            base: options.base.clone(),
            token,
            max_wait: options.max_wait,
            meter,
            clock,
        })
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// An address below the project, each part encoded.
    fn url(&self, path: &[&str], query: Query) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// Reads one thing.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: Query<'_>,
    ) -> Result<T, Failure> {
        judge(&self.patient(&self.url(path, query)).await?)
    }

    /// Reads a list to its last page; never part of one.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: Query<'_>,
    ) -> Result<Vec<T>, Failure> {
        let mut items = Vec::new();
        let mut url = self.url(path, &[query, &[("per_page", "100")]].concat());
        for _ in 0..PAGES {
            let answer = self.patient(&url).await?;
            items.extend(judge::<Vec<T>>(&answer)?);
            match &answer.next {
                Some(next) => url = self.next(&url, next)?,
                None => return Ok(items),
            }
        }
        Err(Failure::Garbled(format!("a list of more than {PAGES} pages")))
    }

    /// The token is sent there, so a link leads nowhere but to another page of the same list.
    fn next(&self, url: &Url, link: &str) -> Result<Url, Failure> {
        let next = self.base.join(link).ok();
        let same = |next: &Url| next.origin() == url.origin() && next.path() == url.path() && next != url;
        next.filter(same).ok_or_else(|| Failure::Garbled("a list whose next page is elsewhere".to_owned()))
    }

    /// Reads the end of a text that may be long.
    pub(crate) async fn tail(&self, path: &[&str]) -> Result<Vec<u8>, Failure> {
        self.meter.count();
        let response = self.request(Method::GET, self.url(path, &[]))?.send().await.map_err(lost)?;
        if !response.status().is_success() {
            return Err(Failure::OutOfOrder(response.status().as_u16()));
        }
        let mut tail = Vec::new();
        read(response, LARGEST_LOG, |chunk| {
            tail.extend_from_slice(chunk);
            let surplus = tail.len().saturating_sub(LOG_TAIL);
            tail.drain(..surplus);
        })
        .await?;
        Ok(tail)
    }

    /// Changes something, once: it is sent again only where it certainly was not carried out.
    pub(crate) async fn change<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        query: Query<'_>,
        body: Option<&Value>,
    ) -> Result<T, Failure> {
        judge(&self.changed(method, path, query, body).await?)
    }

    /// As [`Client::change`], for what is answered without a body.
    pub(crate) async fn delete(&self, path: &[&str]) -> Result<(), Failure> {
        accepted(&self.changed(Method::DELETE, path, &[], None).await?)
    }

    async fn changed(
        &self,
        method: Method,
        path: &[&str],
        query: Query<'_>,
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        let (url, until) = (self.url(path, query), self.until());
        let mut tries = 0;
        loop {
            let mut request = self.request(method.clone(), url.clone())?;
            if let Some(body) = body {
                request = request.json(body);
            }
            let outcome = self.exchange(request).await;
            tries += 1;
            let failure = match &outcome {
                Ok(answer) => accepted(answer).err(),
                Err(failure) => Some(failure.clone()),
            };
            let again = match &failure {
                Some(Failure::NotSent(_)) => tries < TRIES,
                Some(Failure::Throttled(_)) => true,
                Some(
                    Failure::Silent(_) | Failure::OutOfOrder(_) | Failure::Garbled(_) | Failure::Refused(_),
                )
                | None => false,
            };
            match failure {
                Some(failure) if again && self.rest(&failure, tries, until).await => {}
                Some(failure) => return Err(self.scrub(failure)),
                None => return outcome,
            }
        }
    }

    /// Sends a request that changes nothing, again where that may help.
    async fn patient(&self, url: &Url) -> Result<Answer, Failure> {
        let until = self.until();
        let mut tries = 0;
        loop {
            let outcome = self.exchange(self.request(Method::GET, url.clone())?).await;
            let outcome = outcome.and_then(|answer| accepted(&answer).map(|()| answer));
            let failure = match outcome {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            tries += 1;
            let again = match &failure {
                Failure::NotSent(_) | Failure::Silent(_) | Failure::OutOfOrder(_) => tries < TRIES,
                Failure::Throttled(_) => true,
                Failure::Garbled(_) | Failure::Refused(_) => false,
            };
            if !(again && self.rest(&failure, tries, until).await) {
                return Err(self.scrub(failure));
            }
        }
    }

    fn until(&self) -> Duration {
        self.clock.monotonic() + self.max_wait
    }

    /// Waits before a request is sent again; says no if that would take too long.
    async fn rest(&self, failure: &Failure, tries: u32, until: Duration) -> bool {
        const SECOND: Duration = Duration::from_secs(1);
        let pause = match failure {
            Failure::Throttled(Some(after)) => (*after).max(SECOND),
            Failure::Throttled(None) => self.backoff(SECOND, tries),
            Failure::NotSent(_)
            | Failure::Silent(_)
            | Failure::OutOfOrder(_)
            | Failure::Garbled(_)
            | Failure::Refused(_) => self.backoff(SECOND / 4, tries),
        };
        let enough = self.clock.monotonic() + pause <= until;
        if enough {
            self.clock.sleep(pause).await;
        }
        enough
    }

    /// Twice as long each time, up to 30 s; half of it by chance, so that several clients do not come back together.
    fn backoff(&self, first: Duration, tries: u32) -> Duration {
        let full = first.saturating_mul(1 << tries.saturating_sub(1).min(10)).min(Duration::from_secs(30));
        let chance = f64::from(self.clock.monotonic().subsec_nanos() % 1_000) / 1_000.0;
        full.mul_f64(0.5 + chance / 2.0)
    }

    fn request(&self, method: Method, url: Url) -> Result<RequestBuilder, Failure> {
        let token = header_of(&self.token).map_err(|error| Failure::NotSent(error.to_string()))?;
        Ok(self.http.request(method, url).header(PRIVATE_TOKEN, token))
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Answer, Failure> {
        self.meter.count();
        let response = request.send().await.map_err(lost)?;
        let text = |name: HeaderName| header(response.headers(), name);
        let seconds = text(RETRY_AFTER).and_then(|seconds| seconds.trim().parse().ok());
        let (status, next) = (response.status().as_u16(), text(LINK).and_then(next_link));
        let media = text(CONTENT_TYPE).unwrap_or_default().to_owned();
        let mut body = Vec::new();
        // These statuses say all there is to know, whatever follows.
        if !matches!(status, 408 | 429 | 500..) {
            read(response, LARGEST, |chunk| body.extend_from_slice(chunk)).await?;
        }
        Ok(Answer { status, retry_after: seconds.map(Duration::from_secs), next, media, body })
    }

    /// Takes the token out of what the server said, should it repeat it.
    fn scrub(&self, failure: Failure) -> Failure {
        let clean = |text: String| text.replace(self.token.expose_secret(), "***");
        match failure {
            Failure::NotSent(why) => Failure::NotSent(clean(why)),
            Failure::Silent(why) => Failure::Silent(clean(why)),
            Failure::Garbled(why) => Failure::Garbled(clean(why)),
            Failure::Refused(refusal) => Failure::Refused(Refusal { words: clean(refusal.words), ..refusal }),
            Failure::OutOfOrder(status) => Failure::OutOfOrder(status),
            Failure::Throttled(after) => Failure::Throttled(after),
        }
    }
}

fn header_of(token: &SecretString) -> Result<HeaderValue, SetupError> {
    let token = token.expose_secret();
    if token.is_empty() {
        return Err(SetupError::Token("is empty"));
    }
    if token.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err(SetupError::Token(
            "holds white space or other characters that no token has; was more than the token copied?",
        ));
    }
    let mut value =
        HeaderValue::from_str(token).map_err(|_| SetupError::Token("cannot be sent in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn header(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

async fn read(mut response: Response, largest: usize, mut take: impl FnMut(&[u8])) -> Result<(), Failure> {
    let mut size = 0;
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        size += chunk.len();
        if size > largest {
            return Err(Failure::Garbled(format!("an answer of more than {} MiB", largest >> 20)));
        }
        take(&chunk);
    }
    Ok(())
}

/// A connection that was never made carried nothing; after that, nobody can tell.
fn lost(error: reqwest::Error) -> Failure {
    let (never, error) = (error.is_connect() || error.is_builder(), error.without_url());
    if never { Failure::NotSent(causes(&error)) } else { Failure::Silent(causes(&error)) }
}
