//! A freeze that no client talks its way around, while reads go on.
//!
//! ```text
//!   register   until when clients are refused: a sequence, whose value every transaction reads as it is now
//!   guards     a statement trigger at every table, an event trigger for every DDL command: both read the register
//!   large      no trigger sees their functions, so nobody but the admin may execute those while a freeze is on
//! ```
//!
//! A client cannot switch a guard off: `ALTER TABLE` and `DROP` are DDL, `session_replication_role` is for superusers (preflight refuses an
//! application that is one or may set it), `SET TRANSACTION READ WRITE` changes nothing. Logical replication passes, because the guards are
//! ordinary triggers, which an apply worker does not fire (`session_replication_role = replica`).
//!
//! What a freeze does not refuse, and what that means:
//!
//! - `nextval`: sequences are carried after the freeze, with a gap (see `sequence_gap`).
//! - `SELECT … FOR UPDATE`: it changes no data.
//! - The admin (by `session_user`), and a superuser who switches triggers off on purpose.
//! - Foreign tables' own data, and `TRUNCATE` of them before PostgreSQL 16: it is in another database.
//!
//! A lease ends by the server's clock. Large objects stay refused after a lease has run out until the first other write, which gives them back.

mod hold;
mod install;
mod preflight;
mod prove;
mod state;
mod still;
mod wait;

use std::sync::Arc;
use std::time::Duration;

use switchover::port::{DataError, FreezeOrder, FreezeProof};
use tokio::sync::Mutex;

use crate::connect::{Server, Session};
use hold::{Hold, Taken};

pub(crate) use install::unguarded;
pub use preflight::problems;
pub use state::Seen;
pub(crate) use state::{is_missing, moment};

/// The name of every object of the freeze that stands outside of the schema `switchover`: the triggers and the event trigger. A dump that
/// is restored elsewhere must leave out that schema and these.
pub const GUARD: &str = "switchover_freeze";

/// The schema that holds the state of a side. Belongs to the side, not to the data: it is never copied.
pub const SCHEMA: &str = "switchover";

/// Freezes, proves and thaws one side.
#[derive(Debug)]
pub struct Freezer {
    server: Arc<Server>,
    grace: Duration,
    still_within: Duration,
    /// A connection of the application from before the freeze, as a pool keeps one.
    pooled: Mutex<Option<Session>>,
}

impl Freezer {
    /// For one side. Clients get `grace` to end their transactions; a proof waits for `still_within` until nothing moves.
    pub fn new(server: Arc<Server>, grace: Duration, still_within: Duration) -> Self {
        Self { server, grace, still_within, pooled: Mutex::default() }
    }

    /// For another database of the same side.
    pub(crate) fn beside(&self, server: Arc<Server>) -> Self {
        Self::new(server, self.grace, self.still_within)
    }

    /// What the side says of itself.
    pub async fn look(&self) -> Result<Seen, DataError> {
        let session = self.server.admin().await?;
        let seen = Seen::read(&self.server, &session).await?;
        self.server.keep(session);
        Ok(seen)
    }

    /// See [`switchover::port::Store::freeze`].
    pub async fn freeze(&self, order: &FreezeOrder) -> Result<(), DataError> {
        let server = &*self.server;
        let session = server.admin().await?;
        let seen = Seen::read(server, &session).await?;
        install::install(server, &session, &seen).await?;
        let hold = Hold::new(order);
        if hold.take(server, &session).await? == Taken::Fresh {
            self.pool().await;
            loop {
                hold.arm(server, &session).await?;
                let settled = wait::settle(server, &session, &hold, self.grace).await;
                if let Err(error) = settled {
                    // Clients are refused by a freeze that nobody holds: let them go on now, not when it ends by itself.
                    if !seen.is_frozen() {
                        drop(self.open(&session).await);
                    }
                    return Err(error);
                }
                if hold.hold(server, &session).await? {
                    break;
                }
            }
        }
        server.keep(session);
        Ok(())
    }

    /// Installs what a freeze needs, and puts a guard at every table, without refusing anybody: a freeze takes no lock on a table then.
    pub(crate) async fn prepare(&self, session: &Session) -> Result<(), DataError> {
        let seen = Seen::read(&self.server, session).await?;
        install::install(&self.server, session, &seen).await?;
        install::guard(&self.server, session).await
    }

    /// See [`switchover::port::Store::thaw`].
    pub async fn thaw(&self) -> Result<(), DataError> {
        let session = self.server.admin().await?;
        let seen = Seen::read(&self.server, &session).await?;
        if seen.version.is_some() {
            self.open(&session).await?;
        }
        self.server.keep(session);
        Ok(())
    }

    /// See [`switchover::port::Store::prove_frozen`].
    pub async fn prove(&self) -> Result<FreezeProof, DataError> {
        prove::prove(&self.server, &self.pooled, self.still_within).await
    }

    /// Two transactions: what says that clients may have written is there before any of them can.
    async fn open(&self, session: &Session) -> Result<(), DataError> {
        for statement in [
            "SET lock_timeout = '5s'; SELECT switchover.open()",
            "SELECT switchover.release()",
            "SET lock_timeout = '500ms'",
        ] {
            session.batch_execute(statement).await.map_err(|error| self.server.told_of_act(&error))?;
        }
        Ok(())
    }

    /// Opens the connection that the proof uses later. Where that fails, the proof says so.
    async fn pool(&self) {
        let mut pooled = self.pooled.lock().await;
        if pooled.as_ref().is_none_or(|session| session.is_closed()) {
            *pooled = self.server.application().await.ok();
        }
    }
}
