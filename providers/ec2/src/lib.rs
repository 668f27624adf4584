//! EC2 Elastic IPs by `Name` tag, as a side's address book.
//!
//! ```text
//! Ec2Options ──► settings ──► connect ──► Ec2Addresses ──► one DescribeAddresses per look-up
//!  (the file)    AWS files,   clients      the port       one GetCallerIdentity per identity
//!                checked      no network                  failure: an SDK error in plain words
//! ```
//!
//! A side of a pair has its own region and its own credentials, and an Elastic IP carries the same `Name` tag on both
//! sides. [`Ec2Addresses`] finds them by that tag. It only reads: it needs `ec2:DescribeAddresses`, and
//! `sts:GetCallerIdentity`, which AWS grants to everybody.
//!
//! # Whose credentials
//! The usual AWS files hold them, under the profile that the side names. A side that names a profile uses that profile
//! *and nothing else*: `AWS_ACCESS_KEY_ID` in the environment does not override it, and a profile without credentials
//! is an error rather than a reason to ask the instance's metadata service. Otherwise one forgotten variable would give
//! both sides one key, which is what the two profiles are there to prevent. A side that names no profile uses the SDK's
//! default chain (environment, `AWS_PROFILE`, web identity, container, instance metadata; the last is left out
//! when `AWS_EC2_METADATA_DISABLED=true`).
//!
//! # Time
//! Every call ends within [`Ec2Options::operation_timeout`], retries included. The SDK alone has no such limit.
//!
//! TLS is rustls with ring and the machine's own roots; `HTTPS_PROXY` and `NO_PROXY` are honoured.

mod book;
mod connect;
mod failure;
mod identity;
mod options;
mod profile;
mod settings;

pub use book::Ec2Addresses;
pub use options::Ec2Options;
