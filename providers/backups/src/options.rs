//! What the file may say about where backups lie.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a store's backups lie. Give each store a location of its own.
///
/// ```toml
/// backups = { path = "/var/lib/switchover/gigadb/metadata" }
/// backups = { s3 = { bucket = "gigadb-backups", prefix = "live/metadata", region = "ap-east-1", profile = "Upstream" } }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LocationOptions {
    /// A directory. It is made if it is missing, its parent is not: a parent that is missing may be a disk that is not mounted.
    Path(PathBuf),
    /// A bucket of S3, or of something that speaks its protocol.
    S3(S3Options),
}

/// A place in a bucket of S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct S3Options {
    /// The bucket. It must exist.
    pub bucket: String,
    /// What the backups' objects begin with, such as `live/metadata`. Without it they lie at the top of the bucket.
    #[serde(default)]
    pub prefix: Option<String>,
    /// The region, such as `ap-east-1`. Without it: the profile's region, then `AWS_REGION`.
    #[serde(default)]
    pub region: Option<String>,
    /// The profile in the AWS files whose credentials are used, and no others. Without it the SDK's default chain decides.
    #[serde(default)]
    pub profile: Option<String>,
    /// Where S3 is, for what speaks its protocol elsewhere, such as `https://s3.example.net`. The bucket is then named in the path.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// Where a backup is put together before it is sent, and where it is fetched to before it is restored. It needs as much room as
    /// one backup. Without it: the system's directory for temporary files.
    #[serde(default)]
    pub scratch: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct File {
        backups: LocationOptions,
    }

    fn read(text: &str) -> Result<LocationOptions, String> {
        toml::from_str::<File>(text).map(|file| file.backups).map_err(|error| error.to_string())
    }

    #[test]
    fn a_location_is_a_path_or_a_place_on_s3() {
        assert_eq!(read("backups = { path = \"/b\" }"), Ok(LocationOptions::Path("/b".into())));
        let Ok(LocationOptions::S3(s3)) =
            read("backups = { s3 = { bucket = \"b\", profile = \"Upstream\" } }")
        else {
            panic!("it is a place on S3");
        };
        assert_eq!((s3.bucket.as_str(), s3.profile.as_deref()), ("b", Some("Upstream")));
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(read("backups = { paht = \"/b\" }").unwrap_err().contains("unknown variant `paht`"));
        assert!(read("backups = { s3 = { bucket = \"b\", buckt = 1 } }").unwrap_err().contains("buckt"));
    }
}
