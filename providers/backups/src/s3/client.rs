//! The connection to S3, with the patience that backups need.

use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use switchover::port::DataError;
use switchover_bucket::{Bucket, Limits, causes};

use crate::options::S3Options;

/// A request may take minutes: a part of an upload has a few megabytes.
const LIMITS: Limits = Limits {
    timeout: Duration::from_secs(120),
    connect_timeout: Duration::from_secs(5),
    retries: 5,
    retry_timeout: Duration::from_secs(60),
};

/// Reads the AWS files and makes the client. Asks S3 nothing.
pub(super) async fn connect(options: &S3Options) -> Result<Arc<dyn ObjectStore>, String> {
    let bucket = Bucket {
        name: &options.bucket,
        region: options.region.as_deref(),
        profile: options.profile.as_deref(),
        endpoint: options.endpoint.as_deref(),
    };
    switchover_bucket::connect(&bucket, &LIMITS).await
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
