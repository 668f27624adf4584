//! One side's account: the SDK's configuration, built without a request, and what every client made from it does.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeDeserializationInterceptorContextRef,
    BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use jiff::{SignedDuration, Timestamp};
use switchover::model::SideName;
use switchover::port::{Clock, Meter};

use crate::failure::{Failure, Failures};
use crate::options::Connection;
use crate::profile::files;
use crate::settings::Settings;

/// The account and region of one side. Clones share connections and credentials.
#[derive(Clone)]
pub struct Account {
    sdk: SdkConfig,
    region: String,
    root_key: Option<String>,
    failures: Failures,
    watch: Watch,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Account").field(&self.failures.whose()).finish()
    }
}

impl Account {
    /// Reads the AWS files and the environment, and sends nothing.
    ///
    /// [`Failure::Misconfigured`] when the files cannot be read or hold no such profile (with the name that was probably meant), when
    /// no region is given, or when a setting cannot be used. Whether the credentials are good shows at the first question. Each
    /// request of the clients is counted on `meter`, retries included.
    ///
    /// Retries are the SDK's own (mode `standard`, three attempts, unless the AWS files say otherwise): callers add none for throttling.
    pub async fn connect(side: &SideName, connection: Connection, meter: Meter) -> Result<Self, Failure> {
        let settings = Settings::resolve(side, connection).await?;
        let sdk = sdk_config(&settings).await;
        Ok(Self {
            sdk,
            region: settings.region.to_string(),
            failures: Failures::new(&settings),
            root_key: settings.root_key,
            watch: Watch { meter, ahead_ms: Arc::default() },
        })
    }

    /// What a service's client is configured from.
    pub fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    /// The region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The long-lived access key id that the credentials come from, where the AWS files or the environment tell: also behind a role, whose own
    /// key is a new one each time. It is no secret.
    pub fn root_key(&self) -> Option<&str> {
        self.root_key.as_deref()
    }

    /// Tells what went wrong with a call.
    pub fn failures(&self) -> &Failures {
        &self.failures
    }

    /// Goes into every client's configuration: counts requests, and learns AWS's clock from the answers.
    pub fn watch(&self) -> impl Intercept + use<> {
        self.watch.clone()
    }

    /// The time by AWS's clock: the machine's, corrected by what the latest answer's `Date` said.
    pub fn time(&self, clock: &dyn Clock) -> Timestamp {
        let ahead = SignedDuration::from_millis(self.watch.ahead_ms.load(Ordering::Relaxed));
        clock.now().checked_add(ahead).unwrap_or_else(|_| clock.now())
    }
}

async fn sdk_config(settings: &Settings) -> SdkConfig {
    let connection = &settings.connection;
    let http = http_client(connection.connect_timeout);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(connection.connect_timeout)
        .operation_attempt_timeout(connection.operation_timeout / 3)
        .operation_timeout(connection.operation_timeout)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http.clone())
        .region(settings.region.clone())
        .retry_config(settings.retries.clone())
        .timeout_config(timeouts.clone())
        .profile_files(files(connection));
    if let Some(url) = &connection.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if let Some(profile) = &connection.profile {
        // Not the default chain: there the environment's key goes before any profile.
        let own = ProviderConfig::without_region()
            .with_behavior_version(Some(BehaviorVersion::v2026_01_12()))
            .with_region(Some(settings.region.clone()))
            .with_http_client(http)
            .with_retry_config(settings.retries.clone())
            .with_timeout_config(timeouts);
        let only = ProfileFileCredentialsProvider::builder()
            .configure(&own)
            .profile_files(files(connection))
            .profile_name(profile);
        loader = loader.profile_name(profile).credentials_provider(only.build());
    }
    loader.load().await
}

/// One pool of connections, made at the first request: reading the machine's roots costs time.
fn http_client(connect_timeout: Duration) -> SharedHttpClient {
    let connector = OnceLock::new();
    http_client_fn(move |_, components| {
        let build = || {
            let mut builder = Connector::builder()
                .connector_settings(HttpConnectorSettings::builder().connect_timeout(connect_timeout).build())
                .proxy_config(ProxyConfig::from_env());
            builder.set_sleep_impl(components.sleep_impl());
            SharedHttpConnector::new(builder.tls_provider(Provider::rustls(CryptoMode::Ring)).build())
        };
        connector.get_or_init(build).clone()
    })
}

/// Counts every try, retries included, and learns how far AWS's clock is ahead of ours.
#[derive(Debug, Clone)]
struct Watch {
    meter: Meter,
    ahead_ms: Arc<AtomicI64>,
}

impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "Watch"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.meter.count();
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date").map(jiff::fmt::rfc2822::parse);
        if let Some(Ok(theirs)) = date {
            // The header counts whole seconds, cut off: what it says is never later than their clock.
            let ahead = theirs.timestamp().duration_since(Timestamp::now()).as_millis();
            // Below two seconds the header's own coarseness is all that there is to see.
            let ahead = i64::try_from(ahead).unwrap_or(0);
            self.ahead_ms.store(if ahead.abs() < 2000 { 0 } else { ahead }, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Refuses an answer in XML that was cut off. The SDK's XML parser takes a document that ends early for a shorter one: half a list of
/// instances would read as a list in which some are missing.
#[derive(Debug, Clone, Copy)]
pub struct WholeXml;

impl Intercept for WholeXml {
    fn name(&self) -> &'static str {
        "WholeXml"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        // `</DescribeDBInstancesResponse>`, `</GetCallerIdentityResponse>`
        let whole = response.body().bytes().is_some_and(|body| body.trim_ascii_end().ends_with(b"Response>"));
        if response.status().is_success() && !whole { Err("it is cut off".into()) } else { Ok(()) }
    }
}
