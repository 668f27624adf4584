//! EFS file systems that replicate themselves.
//!
//! ```text
//! EfsOptions ──► EfsStore ──► replicate   protection off at the stand-by ──► a replication ──► wait for a round
//!  (the file)    Store        fail over   wait for a round that began after the freeze ──► delete the replication
//!                             policy      refuse writes by the file system's policy
//!                Probe ◄───── whoever can try a write
//! ```
//!
//! EFS replicates from one file system to one other, in rounds of about fifteen minutes; what is at the destination is not of one moment
//! (<https://docs.aws.amazon.com/efs/latest/ug/efs-replication.html>). `LastReplicatedTimestamp` says up to when everything is there. So the last
//! sync of a run waits until that moment lies after the freeze; it takes as long as a round or two. The destination of a replication is
//! read-only; it is writable once the replication is deleted, which takes minutes.
//!
//! # The freeze
//! NFS has no switch that makes a file system read-only, but EFS has one of its own: a file system policy that denies `ClientWrite` holds for
//! every client, also for those that do not identify themselves
//! (<https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html>). Two things must be known of it:
//!
//! * it takes «several minutes» to take effect
//!   (<https://docs.aws.amazon.com/efs/latest/ug/create-file-system-policy.html>), so that [`EfsOptions::policy_settles`] is waited out, before anything
//!   is believed frozen and before anything is believed open;
//! * it does not end by itself. EFS enforces four condition keys and no others, and the time is none of them. A freeze by policy
//!   therefore lasts until somebody thaws it, also when a lease was asked for, and says so: if the controller dies, production stays
//!   read-only until `--resume` or `--abort`. Hence it is used only where the options say `freeze = "policy"`.
//!
//! # Marks
//! What a side got stands on its file system, as tags (`switchover:…`). `switchover:open` says since when clients could write there.
//!
//! # What it needs at AWS
//! `elasticfilesystem:DescribeFileSystems`, `DescribeReplicationConfigurations`, `CreateReplicationConfiguration`,
//! `DeleteReplicationConfiguration`, `UpdateFileSystemProtection`, `ReplicationRead`, `ReplicationWrite`, `TagResource`, and for the freeze
//! `DescribeFileSystemPolicy`, `PutFileSystemPolicy`, `DeleteFileSystemPolicy`.

mod error;
mod home;
mod inspect;
mod options;
mod policy;
mod probe;
mod replicate;
mod rescue;
mod store;

pub use options::{EfsFreeze, EfsOptions, EfsSide};
pub use probe::{MountProbe, Probe, Tried};
pub use store::EfsStore;
