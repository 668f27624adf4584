//! The connection to a bucket of S3, for the providers that keep something in one: where it is, and whose credentials are used.
//!
//! The client is `object_store`'s; region, profile and credentials are read as AWS's own SDK reads them. TLS is rustls with ring.

use std::sync::Arc;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_types::region::Region;
use object_store::aws::{AmazonS3Builder, AwsCredential};
use object_store::client::ClientOptions;
use object_store::{CredentialProvider, ObjectStore, RetryConfig};

/// A bucket, and who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its region; if not given, the profile's, then `AWS_REGION`.
    pub region: Option<&'a str>,
    /// The profile in the AWS files whose credentials are used, and no others; if not given, the SDK's default chain decides.
    pub profile: Option<&'a str>,
    /// Where S3 is, for what speaks its protocol elsewhere. The bucket is then named in the path.
    pub endpoint: Option<&'a str>,
}

/// How long requests may take, and how often the client itself sends them again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long one request may take, from connecting to the last byte.
    pub timeout: Duration,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How often a request is sent again after the first time.
    pub retries: usize,
    /// How long it is sent again.
    pub retry_timeout: Duration,
}

/// Reads the AWS files and makes the client. Asks S3 nothing.
///
/// # Errors
///
/// In words: no credentials, no region, or options that the client does not take.
pub async fn connect(bucket: &Bucket<'_>, limits: &Limits) -> Result<Arc<dyn ObjectStore>, String> {
    let aws = credentials(bucket).await;
    let provider = aws.credentials_provider().ok_or("there are no AWS credentials")?;
    let region = aws.region().map(ToString::to_string).ok_or("no region: give the bucket a `region`")?;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket.name)
        .with_region(region)
        .with_credentials(Arc::new(Lent(provider)))
        .with_retry(RetryConfig {
            max_retries: limits.retries,
            retry_timeout: limits.retry_timeout,
            ..RetryConfig::default()
        })
        .with_client_options(
            ClientOptions::new().with_timeout(limits.timeout).with_connect_timeout(limits.connect_timeout),
        );
    if let Some(endpoint) = bucket.endpoint.or(aws.endpoint_url()) {
        let plain = endpoint.starts_with("http://");
        builder =
            builder.with_endpoint(endpoint).with_allow_http(plain).with_virtual_hosted_style_request(false);
    }
    let store = builder.build().map_err(|error| error.to_string())?;
    Ok(Arc::new(store))
}

/// A profile that is named is the only source: otherwise one variable in the environment would give every bucket one key.
async fn credentials(bucket: &Bucket<'_>) -> aws_config::SdkConfig {
    let http =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::rustls(CryptoMode::Ring)).build_https();
    let version = BehaviorVersion::v2026_01_12();
    let region = bucket.region.map(|region| Region::new(region.to_owned()));
    let mut loader = aws_config::defaults(version).http_client(http.clone());
    if let Some(region) = &region {
        loader = loader.region(region.clone());
    }
    if let Some(profile) = bucket.profile {
        let own = ProviderConfig::without_region()
            .with_behavior_version(Some(version))
            .with_region(region)
            .with_http_client(http);
        let only = ProfileFileCredentialsProvider::builder().configure(&own).profile_name(profile).build();
        loader = loader.profile_name(profile).credentials_provider(only);
    }
    loader.load().await
}

/// The SDK's credentials, lent to the client of the object store.
#[derive(Debug)]
struct Lent(SharedCredentialsProvider);

#[async_trait::async_trait]
impl CredentialProvider for Lent {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let credentials = self.0.provide_credentials().await.map_err(|error| {
            object_store::Error::Unauthenticated { path: "credentials".into(), source: Box::new(error) }
        })?;
        Ok(Arc::new(AwsCredential {
            key_id: credentials.access_key_id().to_owned(),
            secret_key: credentials.secret_access_key().to_owned(),
            token: credentials.session_token().map(str::to_owned),
        }))
    }
}

/// An error with its causes; the client's own text often names only the outermost.
pub fn causes(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        next = cause.source();
    }
    text
}
