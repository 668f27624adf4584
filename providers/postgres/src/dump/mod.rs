//! Core's ports `Store` and `Backups` by `pg_dump` and `pg_restore`.
//!
//! ```text
//!   production                                   backups                        stand-by
//!   snapshot ─┬─ pg_dump -Fd -j ──► KEY.partial/dump ─── rows as they are written ──► gigadb_KEY_5f2a9c01
//!   (held     ├─ hashes ──────────► manifest.json    ─── pg_restore: all the rest ──►  │ compared, analyzed, frozen, `Copied`
//!    open)    └─ roles, settings ─► database.json                                      ▼ one transaction
//!                                                                  gigadb ──► gigadb_before_KEY
//!                                                                  gigadb_KEY_… ──► gigadb
//! ```
//!
//! A new backup is restored while it is made: definitions by `pg_restore` as soon as `pg_dump` has written them down, each table from its file
//! as the file grows, and by `pg_restore` again, when the dump has ended, whatever is left: large objects, sequences, indexes, constraints, rights.
//! A backup that is there already is restored by `pg_restore` alone.
//!
//! What is compared with the copy is of the dump's own snapshot: a count taken later would be of other rows. Rows are counted as they go by in the
//! dump, and at the end where they arrived, by a query over what is there then; where content is compared both are queries. The stand-by's data is there
//! until the rename, and kept until the next success. A process that dies anywhere leaves a draft of a backup, or a database that says that
//! it is one ([`mark`]); the next sync clears both.
//!
//! | file | what it does |
//! | -- | -- |
//! | `store` | the port `Store`: what may be synced, and what for |
//! | `backups` | the port `Backups` |
//! | `snapshot`, `create` | from production to a backup |
//! | `restore`, `cluster` | from a backup to the stand-by |
//! | `through` | both at once |
//! | `follow`, `load` | a table's file as it grows, and its rows on their way |
//! | `contents` | what an archive contains, and what of it is restored when |
//! | `about` | what a database is beside its tables |
//! | `measure` | rows, hashes, sequences |
//! | `mark` | names and comments of the databases made here |
//! | `tools`, `child` | `pg_dump` and `pg_restore`: found, run, killed |

mod about;
mod backups;
mod child;
mod cluster;
mod contents;
mod create;
mod follow;
mod load;
mod mark;
mod measure;
mod preflight;
mod rescue;
mod restore;
mod snapshot;
mod store;
mod through;
mod tools;
mod watch;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use switchover::model::{PairName, RunId, SideName, StoreRef};
use switchover::port::{Clock, DataError};
use switchover_backups::{Depot, Owner};

use crate::connect::{Resolve, Server};
use crate::freeze::{Freezer, Seen};
use crate::options::{PostgresError, PostgresOptions};

/// Jobs that `pg_dump` and `pg_restore` run side by side, at most, unless the options say otherwise.
const MOST_JOBS: usize = 4;

/// How the tools are called.
#[derive(Debug, Clone)]
struct Settings {
    jobs: NonZeroU32,
    compression: u8,
    tools: Option<PathBuf>,
}

/// A database on both sides of a pair, brought over by backups.
#[derive(Debug)]
pub struct PostgresDump {
    sides: BTreeMap<SideName, One>,
    depot: Depot,
    settings: Settings,
    clock: Arc<dyn Clock>,
}

/// One side.
#[derive(Debug)]
struct One {
    server: Arc<Server>,
    freezer: Freezer,
}

impl PostgresDump {
    /// A store as the options say. `resolve` turns references into secrets. Connects to nothing.
    pub fn new(
        pair: &PairName,
        store: &StoreRef,
        options: &PostgresOptions,
        clock: Arc<dyn Clock>,
        resolve: Resolve<'_>,
    ) -> Result<Self, PostgresError> {
        if options.sides.len() != 2 {
            return Err(PostgresError::Sides(options.sides.len()));
        }
        let location = options.backups.as_ref().ok_or(PostgresError::NoBackups)?;
        let owner = Owner { pair: pair.clone(), store: store.clone() };
        let depot = Depot::new(location, owner).map_err(|error| PostgresError::Backups(error.to_string()))?;
        let sides =
            options.sides.keys().map(|name| One::new(name, options, resolve)).collect::<Result<_, _>>()?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_JOBS);
        let cores = u32::try_from(cores).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
        let settings = Settings {
            jobs: options.jobs.unwrap_or(cores),
            compression: options.compression,
            tools: options.tools.clone(),
        };
        Ok(Self { sides, depot, settings, clock })
    }

    fn one(&self, side: &SideName) -> Result<&One, DataError> {
        self.sides.get(side).ok_or_else(|| DataError::Unfit {
            place: side.to_string(),
            why: "the store has no such side".into(),
            advice: None,
        })
    }
}

impl One {
    fn new(
        name: &str,
        options: &PostgresOptions,
        resolve: Resolve<'_>,
    ) -> Result<(SideName, Self), PostgresError> {
        let side = SideName::new(name)
            .map_err(|error| PostgresError::SideName(name.to_owned(), error.to_string()))?;
        let server = Arc::new(Server::new(&side, options, resolve)?);
        let freezer = Freezer::new(Arc::clone(&server), options.grace.0, options.still_within.0);
        Ok((side, Self { server, freezer }))
    }
}

/// Makes sure that clients of a source are refused on behalf of a run, right now.
async fn frozen_by(source: &Server, run: &RunId) -> Result<(), DataError> {
    let session = source.admin().await?;
    let seen = Seen::read(source, &session).await?;
    source.keep(session);
    let place = source.place().to_owned();
    match (seen.run.as_deref() == Some(run.as_str()), seen.lapsed()) {
        (true, None) if seen.is_frozen() => Ok(()),
        (true, Some(at)) => Err(DataError::Lapsed { place, at }),
        (true | false, _) => {
            Err(DataError::NotFrozen { place, why: format!("{run} does not hold a freeze there") })
        }
    }
}

/// Whether a side may hold what the other one does not. One that never got or gave a copy holds what somebody prepared by hand.
fn diverged(seen: &Seen) -> bool {
    seen.has_opened() && (seen.copied.is_some() || seen.handed.is_some())
}
