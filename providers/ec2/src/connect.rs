//! Builds the SDK's clients from settings, without a request, and counts what they send.

use std::sync::OnceLock;
use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_ec2::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_ec2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ec2::error::BoxError;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use switchover::port::Meter;

use crate::profile::files;
use crate::settings::Settings;

/// The two services that are asked.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    pub(crate) ec2: aws_sdk_ec2::Client,
    pub(crate) sts: aws_sdk_sts::Client,
}

impl Clients {
    /// Builds the clients. Sends nothing: region, retries and credentials provider are given, so that the SDK asks no
    /// metadata service for them.
    pub(crate) async fn new(settings: &Settings, meter: Meter) -> Self {
        let sdk = sdk_config(settings).await;
        let count = Count(meter);
        let ec2 =
            aws_sdk_ec2::config::Builder::from(&sdk).interceptor(count.clone()).interceptor(Whole).build();
        let sts = aws_sdk_sts::config::Builder::from(&sdk).interceptor(count).interceptor(Whole).build();
        Self { ec2: aws_sdk_ec2::Client::from_conf(ec2), sts: aws_sdk_sts::Client::from_conf(sts) }
    }
}

async fn sdk_config(settings: &Settings) -> SdkConfig {
    let http = http_client(settings.connect_timeout);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(settings.connect_timeout)
        .operation_attempt_timeout(settings.operation_timeout / 3)
        .operation_timeout(settings.operation_timeout)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http.clone())
        .region(settings.region.clone())
        .retry_config(settings.retries.clone())
        .timeout_config(timeouts.clone())
        .profile_files(files(&settings.options));
    if let Some(url) = &settings.options.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if let Some(profile) = &settings.options.profile {
        // Not the default chain: there the environment's key goes before any profile.
        let own = ProviderConfig::without_region()
            .with_behavior_version(Some(BehaviorVersion::v2026_01_12()))
            .with_region(Some(settings.region.clone()))
            .with_http_client(http)
            .with_retry_config(settings.retries.clone())
            .with_timeout_config(timeouts);
        let only = ProfileFileCredentialsProvider::builder()
            .configure(&own)
            .profile_files(files(&settings.options))
            .profile_name(profile);
        loader = loader.profile_name(profile).credentials_provider(only.build());
    }
    loader.load().await
}

/// One pool of connections for all services of a side, made at the first request: reading the machine's roots costs time.
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

/// Counts every try, retries included.
#[derive(Debug, Clone)]
struct Count(Meter);

impl Intercept for Count {
    fn name(&self) -> &'static str {
        "Count"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.count();
        Ok(())
    }
}

/// Refuses an answer that was cut off. The SDK's XML parser takes a document that ends early for a shorter one: half a list
/// of addresses would read as a list in which some are missing and no name is found twice.
#[derive(Debug)]
struct Whole;

impl Intercept for Whole {
    fn name(&self) -> &'static str {
        "Whole"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        // `</DescribeAddressesResponse>`, `</GetCallerIdentityResponse>`
        let whole = response.body().bytes().is_some_and(|body| body.trim_ascii_end().ends_with(b"Response>"));
        if response.status().is_success() && !whole { Err("it is cut off".into()) } else { Ok(()) }
    }
}
