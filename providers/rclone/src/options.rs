//! What the configuration says about rclone and its remotes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use switchover::config::Period;
use switchover_files::{DeletionLimit, FreezeOptions, OptionsError};

/// A remote or path on each side, mirrored by rclone (<https://rclone.org>), 1.55 or newer.
///
/// Credentials stand in rclone's own configuration file, or in the environment that it reads; never here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RcloneOptions {
    /// The two remotes, by the names of the sides.
    pub sides: BTreeMap<String, RcloneSide>,
    /// How writes are refused on a side. Without it there is no freeze, and what clients write during a swap can be lost.
    #[serde(default)]
    pub freeze: FreezeOptions,
    /// How many deletions one sync may make.
    #[serde(default)]
    pub deletions: DeletionLimit,
    /// A remote that everything takes its way over (`"s3:transfer-bucket/files"`): copied there, and from there to the stand-by.
    #[serde(default)]
    pub via: Option<String>,
    /// The program.
    #[serde(default = "rclone")]
    pub program: PathBuf,
    /// rclone's configuration file, if it is not where rclone looks.
    #[serde(default)]
    pub config: Option<PathBuf>,
    /// How many files are transferred at once.
    #[serde(default = "transfers")]
    pub transfers: u16,
    /// How many files are compared at once.
    #[serde(default = "checkers")]
    pub checkers: u16,
    /// Whether rclone keeps modes and owners (`--metadata`, since 1.59). Up to 1.60 it fails at symbolic links then.
    #[serde(default)]
    pub metadata: bool,
    /// Whether a copy in a directory is on the disk, and not only in memory, before it is called one.
    #[serde(default = "yes")]
    pub durable: bool,
    /// How long one look at a side may take.
    #[serde(default = "thirty_seconds")]
    pub timeout: Period,
}

/// One side's remote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RcloneSide {
    /// A path, or a remote of rclone's configuration and a path in it (`"s3hk:bucket/files"`).
    pub remote: String,
    /// How writes are refused on this side, if it is done in another way than on the other one.
    #[serde(default)]
    pub freeze: Option<FreezeOptions>,
}

/// Why options make no store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RcloneError {
    /// What is wrong with sides and freezes of any tree.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// A remote with its credentials in it would show them to everybody who lists processes.
    #[error(
        "the remote of {0} holds credentials, which everybody on the machine could read; put them into rclone's configuration file"
    )]
    Secret(String),
    /// What begins with a hyphen would be taken for an option.
    #[error("the remote of {0} is empty or begins with a hyphen")]
    Remote(String),
}

/// Refuses what must not stand on a command line. The remote itself is not shown.
pub(crate) fn refuse_bad_remote(of: &str, remote: &str) -> Result<(), RcloneError> {
    if remote.is_empty() || remote.starts_with('-') {
        return Err(RcloneError::Remote(of.to_owned()));
    }
    // Connection strings: `:backend,option=value:path`, `name,option=value:path` (<https://rclone.org/docs/#connection-strings>).
    let head = remote.split(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase();
    let told = ["pass", "secret", "key", "token", "auth", "user"];
    let secret = head.contains(',') && told.iter().any(|word| head.contains(word) && head.contains('='));
    if secret { Err(RcloneError::Secret(of.to_owned())) } else { Ok(()) }
}

/// Whether a remote is a path of this machine.
pub(crate) fn is_local(remote: &str) -> bool {
    let head = remote.split('/').next().unwrap_or_default();
    !head.contains(':')
}

fn yes() -> bool {
    true
}

fn rclone() -> PathBuf {
    PathBuf::from("rclone")
}

fn transfers() -> u16 {
    32
}

fn checkers() -> u16 {
    64
}

fn thirty_seconds() -> Period {
    Period(Duration::from_secs(30))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remotes_and_paths_are_told_apart() {
        for path in ["/mnt/efs", "relative/path", "./odd:name", "/a:b"] {
            assert!(is_local(path), "{path}");
        }
        for remote in ["s3hk:bucket/path", ":s3:bucket", "name:"] {
            assert!(!is_local(remote), "{remote}");
        }
    }

    #[test]
    fn credentials_on_the_command_line_are_refused_and_not_shown() {
        for remote in
            [":s3,secret_access_key=hush:bucket", ":sftp,host=h,pass=hush:", "s3,session_token=hush:b"]
        {
            let refused = refuse_bad_remote("sydney", remote).unwrap_err();
            assert!(!refused.to_string().contains("hush"), "{refused}");
        }
        for remote in [":s3,provider=AWS:bucket/key=1", "s3hk:bucket", "/a,key=b", "s3hk:a,secret=b"] {
            let ok = refuse_bad_remote("sydney", remote);
            assert!(ok.is_ok() || remote.starts_with("s3hk:a,"), "{remote}");
        }
        for remote in ["", "--config=/etc/passwd"] {
            assert_eq!(refuse_bad_remote("sydney", remote), Err(RcloneError::Remote("sydney".into())));
        }
    }

    #[test]
    fn options_are_read_with_their_defaults_and_unknown_keys_refused() {
        let text = r#"{"sides": {"hongkong": {"remote": "s3hk:b"}, "sydney": {"remote": "/mnt/efs"}}}"#;
        let options: RcloneOptions = serde_json::from_str(text).unwrap();
        assert_eq!((options.transfers, options.checkers), (32, 64));
        assert!(serde_json::from_str::<RcloneOptions>(&text.replace("remote", "remotes")).is_err());
    }
}
