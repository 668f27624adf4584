//! Sends requests: admitted by the budget, tried again where that is safe, and never a change whose outcome is unknown.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cloudflare::framework::Environment;
use cloudflare::framework::endpoint::RequestBody;
use cloudflare::framework::endpoint::spec::EndpointSpec;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Request, Response};
use secrecy::{ExposeSecret, SecretString};
use switchover::port::{Clock, Meter, causes};

use crate::answer::{Answer, Failure, Page, Refusal, judge};
use crate::budget::Budget;
use crate::options::{Settings, SetupError};

/// The most that is read of one answer. A page of 5,000 records with long texts stays below a quarter of it.
const LARGEST: usize = 64 << 20;
/// How often a read is sent before the service counts as unreachable.
const TRIES: u32 = 3;
/// Connections are left alone after this time without a request: one that the other end closes just then would cost a change
/// its answer. Cloudflare keeps them for 400 s.
const IDLE: Duration = Duration::from_secs(30);

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// One account's way to the API. The token is in no `Debug` output and in no error.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    environment: Environment,
    token: SecretString,
    account: Option<String>,
    max_wait: Duration,
    budget: Mutex<Budget>,
    meter: Meter,
    clock: Arc<dyn Clock>,
}

/// The moment after which one operation waits no more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience(Duration);

/// Room in the budget for one request. Nothing is sent without.
#[derive(Debug)]
pub(crate) struct Ticket<'a> {
    client: &'a Client,
    /// Whether it took waiting to get.
    pub(crate) waited: bool,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.client.budget().over();
    }
}

impl Client {
    pub(crate) fn new(
        settings: &Settings,
        token: SecretString,
        meter: Meter,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        authorization(&token)?;
        let mut builder = reqwest::Client::builder()
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.timeout)
            .pool_idle_timeout(IDLE)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .https_only(!settings.loopback)
            .user_agent(concat!("switchover/", env!("CARGO_PKG_VERSION")));
        if settings.loopback && settings.base.scheme() == "http" {
            // No proxy leads back to this machine, and loading root certificates takes time.
            builder = builder.no_proxy().tls_built_in_root_certs(false);
        }
        Ok(Self {
            http: builder.build().map_err(SetupError::Client)?,
            environment: settings.environment(),
            token,
            account: settings.account.clone(),
            max_wait: settings.max_wait,
            budget: Mutex::new(Budget::new()),
            meter,
            clock,
        })
    }

    /// The account that owns the token, if the file names one.
    pub(crate) fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// Patience for one operation, from now on.
    pub(crate) fn patience(&self) -> Patience {
        Patience(self.clock.monotonic() + self.max_wait)
    }

    /// Waits until the budget has room for one request, which counts as sent from then on.
    pub(crate) async fn admit(&self, patience: Patience) -> Result<Ticket<'_>, Failure> {
        let mut waited = false;
        loop {
            let taken = self.budget().take(self.clock.monotonic());
            let Err(wait) = taken else { return Ok(Ticket { client: self, waited }) };
            if !self.wait(wait, patience).await {
                return Err(Failure::Throttled(Some(wait)));
            }
            waited = true;
        }
    }

    /// Sends a request that changes nothing, again where that may help. The request must have no effect.
    pub(crate) async fn patient<E>(
        &self,
        endpoint: &E,
        patience: Patience,
    ) -> Result<Page<E::JsonResponse>, Failure>
    where
        E: EndpointSpec + Sync,
        E::JsonResponse: Send,
    {
        let mut tries = 0;
        loop {
            let ticket = self.admit(patience).await?;
            let failure = match self.once(endpoint, ticket).await {
                Ok(page) => return Ok(page),
                Err(failure) => failure,
            };
            tries += 1;
            if !self.rest(&failure, tries, patience).await {
                return Err(failure);
            }
        }
    }

    /// Sends one request, once.
    pub(crate) async fn once<E>(
        &self,
        endpoint: &E,
        ticket: Ticket<'_>,
    ) -> Result<Page<E::JsonResponse>, Failure>
    where
        E: EndpointSpec + Sync,
        E::JsonResponse: Send,
    {
        let request = self.request(endpoint)?;
        let outcome = match self.exchange(request).await {
            Ok(answer) => judge(&answer),
            Err(failure) => Err(failure),
        };
        drop(ticket);
        outcome.map_err(|failure| self.scrub(failure))
    }

    /// Waits before a request that failed is sent again; says no if that would not help or would take too long.
    pub(crate) async fn rest(&self, failure: &Failure, tries: u32, patience: Patience) -> bool {
        match self.pause(failure, tries) {
            Some(pause) => self.wait(pause, patience).await,
            None => false,
        }
    }

    /// How long to wait before a request that failed in this way is sent again; `None` if that would not help. After a 429
    /// the whole client waits.
    fn pause(&self, failure: &Failure, tries: u32) -> Option<Duration> {
        const SECOND: Duration = Duration::from_secs(1);
        match failure {
            Failure::Throttled(after) => {
                let pause = after.map_or_else(|| self.backoff(SECOND, tries), |after| after.max(SECOND));
                self.budget().close(self.clock.monotonic() + pause);
                Some(pause)
            }
            Failure::NotSent(_) | Failure::Silent(_) | Failure::OutOfOrder(_) => {
                (tries < TRIES).then(|| self.backoff(SECOND / 4, tries))
            }
            Failure::Garbled(_) | Failure::Refused(_) => None,
        }
    }

    /// Sleeps, if patience lasts that long.
    async fn wait(&self, pause: Duration, patience: Patience) -> bool {
        let enough = self.clock.monotonic() + pause <= patience.0;
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

    fn budget(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn request<E: EndpointSpec>(&self, endpoint: &E) -> Result<Request, Failure> {
        let unsent = |why: String| Failure::NotSent(why);
        let header = authorization(&self.token).map_err(|error| unsent(error.to_string()))?;
        let url = endpoint.url(&self.environment);
        let mut builder = self.http.request(endpoint.method(), url).header(AUTHORIZATION, header);
        if let Some(RequestBody::Json(text)) = endpoint.body() {
            builder = builder.header(CONTENT_TYPE, "application/json").body(text);
        }
        builder.build().map_err(|error| unsent(causes(&error)))
    }

    async fn exchange(&self, request: Request) -> Result<Answer, Failure> {
        self.meter.count();
        let response = self.http.execute(request).await.map_err(lost)?;
        let text = |name: HeaderName| header(response.headers(), name);
        self.budget().learn(self.clock.monotonic(), text(RATELIMIT), text(RATELIMIT_POLICY));
        let retry_after =
            text(RETRY_AFTER).and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
        let (status, media) = (response.status().as_u16(), text(CONTENT_TYPE).unwrap_or_default().to_owned());
        // These statuses say all there is to know, whatever follows.
        let body = if matches!(status, 408 | 429 | 500..) { Vec::new() } else { body(response).await? };
        Ok(Answer { status, retry_after, media, body })
    }

    /// Takes the token out of what the service said, should it repeat it.
    fn scrub(&self, failure: Failure) -> Failure {
        let clean = |text: String| text.replace(self.token.expose_secret(), "***");
        match failure {
            Failure::NotSent(why) => Failure::NotSent(clean(why)),
            Failure::Silent(why) => Failure::Silent(clean(why)),
            Failure::Garbled(why) => Failure::Garbled(clean(why)),
            Failure::Refused(Refusal { status, mut faults }) => {
                for fault in &mut faults {
                    fault.message = clean(std::mem::take(&mut fault.message));
                }
                Failure::Refused(Refusal { status, faults })
            }
            Failure::OutOfOrder(status) => Failure::OutOfOrder(status),
            Failure::Throttled(after) => Failure::Throttled(after),
        }
    }
}

fn authorization(token: &SecretString) -> Result<HeaderValue, SetupError> {
    let token = token.expose_secret();
    if token.is_empty() {
        return Err(SetupError::Token("is empty"));
    }
    if token.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err(SetupError::Token(
            "holds white space or other characters that no token has; was more than the token copied?",
        ));
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| SetupError::Token("cannot be sent in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn header(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

async fn body(mut response: Response) -> Result<Vec<u8>, Failure> {
    let huge = || Failure::Garbled(format!("an answer of more than {} MiB", LARGEST >> 20));
    if response.content_length().is_some_and(|length| length > LARGEST as u64) {
        return Err(huge());
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        if body.len() + chunk.len() > LARGEST {
            return Err(huge());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// A connection that was never made carried nothing; after that, nobody can tell.
fn lost(error: reqwest::Error) -> Failure {
    let (never, error) = (error.is_connect() || error.is_builder(), error.without_url());
    if never { Failure::NotSent(causes(&error)) } else { Failure::Silent(causes(&error)) }
}
