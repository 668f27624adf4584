//! PostgreSQL on RDS: by snapshots, or by a cross-region read replica.
//!
//! ```text
//! RdsOptions ──► RdsStore ──► by_snapshot   take ──► copy ──► restore beside ──► freeze ──► take the place
//!  (the file)    Store        by_replica    make a replica ──► wait until all has arrived ──► promote ──► freeze
//!                Backups      inspect       both sides at once, and everything that is wrong
//!                Guard ◄───── the database behind the instance: freezes, proves, thaws
//!                              PostgresGuard: by the postgres provider's freeze, at the address that RDS says
//! ```
//!
//! # Names
//! Each side's applications use one instance by one name, and so by one address. What arrives is made as another instance,
//! `NAME-KEY`, frozen, and takes the place by two renames; the old one is kept as `NAME-before-KEY` until the next success. Only instances that
//! Switchover made, and that hold nothing which is nowhere else, are ever deleted.
//!
//! # Marks
//! What a side got stands on its instance, as tags (`switchover:…`), given with the call that makes the instance: it is as true as the
//! data. `switchover:open` says since when clients could write there.
//!
//! # Who freezes
//! RDS cannot refuse writes. A [`Guard`] freezes the database itself: [`PostgresGuard`], where the options say how it is reached. Without one the
//! store is kept in sync and takes no part in a swap.
//!
//! Storage takes the freeze along that was in it, with a lease that nobody renews in a copy. So what arrives is frozen by
//! [`Copies::freeze_copy`] and not as production is; and a replica that is promoted refuses writes by itself, from its first moment on.
//!
//! # What it needs at AWS
//! `rds:Describe*`, `rds:AddTagsToResource`, `rds:CreateDBSnapshot`, `rds:CopyDBSnapshot`, `rds:ModifyDBSnapshotAttribute` (across
//! accounts), `rds:DeleteDBSnapshot`, `rds:RestoreDBInstanceFromDBSnapshot`, `rds:ModifyDBInstance`, `rds:DeleteDBInstance`, and for replicas
//! `rds:CreateDBInstanceReadReplica` and `rds:PromoteReadReplica`.
//!
//! A third road, loading a backup into the database, needs nothing of RDS but to know where the database is: [`Endpoint::look_up`].

mod backups;
mod by_replica;
mod by_snapshot;
mod endpoint;
mod error;
mod guard;
mod home;
mod inspect;
mod names;
mod options;
mod postgres;
mod rescue;
mod snapshots;
mod stage;
mod states;
mod store;

pub use endpoint::Endpoint;
pub use guard::{Arrived, Copies, Guard};
pub use options::{RdsFreeze, RdsMethod, RdsOptions, RdsSide};
pub use postgres::PostgresGuard;
pub use store::RdsStore;
