//! The connection to S3: where it is, and whose credentials are used.

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
use switchover::port::DataError;

use crate::options::S3Options;

/// How long one request may take; a part of an upload has a few megabytes.
const REQUEST: Duration = Duration::from_secs(120);

/// Reads the AWS files and makes the client. Asks S3 nothing.
pub(super) async fn connect(options: &S3Options) -> Result<Arc<dyn ObjectStore>, String> {
    let aws = credentials(options).await;
    let provider = aws.credentials_provider().ok_or("there are no AWS credentials")?;
    let region = aws.region().map(ToString::to_string).ok_or("no region: give the backups a `region`")?;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&options.bucket)
        .with_region(region)
        .with_credentials(Arc::new(Lent(provider)))
        .with_retry(RetryConfig {
            max_retries: 5,
            retry_timeout: Duration::from_secs(60),
            ..RetryConfig::default()
        })
        .with_client_options(
            ClientOptions::new().with_timeout(REQUEST).with_connect_timeout(Duration::from_secs(5)),
        );
    if let Some(endpoint) = options.endpoint.clone().or_else(|| aws.endpoint_url().map(str::to_owned)) {
        let plain = endpoint.starts_with("http://");
        builder =
            builder.with_endpoint(endpoint).with_allow_http(plain).with_virtual_hosted_style_request(false);
    }
    let store = builder.build().map_err(|error| error.to_string())?;
    Ok(Arc::new(store))
}

/// A profile that is named is the only source: otherwise one variable in the environment would give every location one key.
async fn credentials(options: &S3Options) -> aws_config::SdkConfig {
    let http =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::rustls(CryptoMode::Ring)).build_https();
    let version = BehaviorVersion::v2026_01_12();
    let mut loader = aws_config::defaults(version).http_client(http.clone());
    if let Some(region) = &options.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &options.profile {
        let own = ProviderConfig::without_region()
            .with_behavior_version(Some(version))
            .with_region(options.region.clone().map(Region::new))
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

/// What an error of the object store means.
pub(super) fn failure(place: &str, doing: &str, error: &object_store::Error) -> DataError {
    let place = place.to_owned();
    let why = format!("{doing} failed: {}", causes(error));
    match error {
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            DataError::Unauthorized { place, why }
        }
        object_store::Error::NotFound { .. } => DataError::Unfit {
            place,
            why,
            advice: Some("look whether the bucket exists, and in which region".into()),
        },
        _ => DataError::Unreachable { place, why },
    }
}

/// An error with its causes; the store's own text often names only the outermost.
fn causes(error: &object_store::Error) -> String {
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
