//! EC2 Elastic IPs by `Name` tag, as a side's address book.
//!
//! ```text
//! Ec2Options ──► switchover_aws::Account ──► Ec2Addresses ──► one DescribeAddresses per look-up
//!  (the file)    AWS files, checked;         the port        one GetCallerIdentity per identity
//!                no network
//! ```
//!
//! A side of a pair has its own region and its own credentials, and an Elastic IP carries the same `Name` tag on both
//! sides. [`Ec2Addresses`] finds them by that tag. It only reads: it needs `ec2:DescribeAddresses`, and
//! `sts:GetCallerIdentity`, which AWS grants to everybody.
//!
//! # Whose credentials
//! The usual AWS files hold them, under the profile that the side names: that profile *and nothing else*, as [`switchover_aws`] says. A side
//! that names no profile uses the SDK's default chain (environment, `AWS_PROFILE`, web identity, container, instance metadata; the last is left out
//! when `AWS_EC2_METADATA_DISABLED=true`).
//!
//! # Time
//! Every call ends within [`Ec2Options::operation_timeout`], retries included. The SDK alone has no such limit.

mod book;
mod identity;
mod options;

pub use book::Ec2Addresses;
pub use options::Ec2Options;
