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
//! A copy of the server's storage has the freeze as well: a physical replica, and what is restored from a snapshot. Nobody renews its lease
//! there; [`Freezer::with_replicas`] and [`Freezer::freeze_copy`] are for that.
//!
//! A lease ends by the server's clock. Large objects stay refused after a lease has run out until the first other write, which gives them back.

mod by_hand;
mod hold;
mod install;
mod preflight;
mod prove;
mod state;
mod still;
mod wait;

use std::sync::Arc;
use std::time::Duration;

use switchover::model::RunId;
use switchover::port::{DataError, FreezeOrder, FreezeProof};
use tokio::sync::Mutex;

use crate::connect::{Server, Session};
use hold::{Hold, Replicas, Taken};

pub use by_hand::ByHand;
pub(crate) use install::unguarded;
pub use preflight::problems;
pub use state::Seen;
pub(crate) use state::{is_missing, moment};

/// The name of every object of the freeze that stands outside of the schema `switchover`: the triggers and the event trigger. A dump that
/// is restored elsewhere must leave out that schema and these.
pub const GUARD: &str = "switchover_freeze";

/// The schema that holds the state of a side. Belongs to the side, not to the data: it is never copied.
pub const SCHEMA: &str = "switchover";

/// What becomes of clients when a freeze is given up half-way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failing {
    /// Nobody holds the freeze that refuses them: they go on now, not when it ends by itself.
    LetGo,
    /// They were refused before, or are not to come in at all.
    Refuse,
}

/// Freezes, proves and thaws one side.
#[derive(Debug)]
pub struct Freezer {
    server: Arc<Server>,
    grace: Duration,
    still_within: Duration,
    replicas: Replicas,
    /// A connection of the application from before the freeze, as a pool keeps one.
    pooled: Mutex<Option<Session>>,
}

impl Freezer {
    /// For one side. Clients get `grace` to end their transactions; a proof waits for `still_within` until nothing moves.
    pub fn new(server: Arc<Server>, grace: Duration, still_within: Duration) -> Self {
        Self { server, grace, still_within, replicas: Replicas::default(), pooled: Mutex::default() }
    }

    /// The same; but a physical replica that is promoted while its source is frozen is frozen too, without an end, from its first moment
    /// on. Else it would let clients in when the lease ran out that it got from its source, for nobody renews that there.
    ///
    /// That holds for every replica of the server, and until the server is thawed.
    #[must_use]
    pub fn with_replicas(self) -> Self {
        Self { replicas: Replicas::Frozen, ..self }
    }

    /// For another database of the same side.
    pub(crate) fn beside(&self, server: Arc<Server>) -> Self {
        Self { replicas: self.replicas, ..Self::new(server, self.grace, self.still_within) }
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
        let failing = if seen.is_frozen() { Failing::Refuse } else { Failing::LetGo };
        self.hold(&session, &Hold::new(order, self.replicas), failing).await?;
        server.keep(session);
        Ok(())
    }

    /// Freezes a copy of another server's data, without an end: a server that was restored from a snapshot of its storage, or a replica that
    /// was promoted. What stands there of a freeze came with the data: a lease that ran out was the other server's, and is no failure here.
    ///
    /// Only for a copy that no client was meant to write to. May be repeated. Where it fails the copy is not let go: it stays refused for 20
    /// seconds, and a promoted replica of [`Self::with_replicas`] until it is frozen or thawed.
    pub async fn freeze_copy(&self, by: &RunId) -> Result<(), DataError> {
        let server = &*self.server;
        let session = server.admin().await?;
        let seen = Seen::read(server, &session).await?;
        install::install(server, &session, &seen).await?;
        let order = FreezeOrder { by: by.clone(), lease: None };
        let hold = Hold::new(&order, Replicas::default());
        hold.adopt(server, &session).await?;
        self.hold(&session, &hold, Failing::Refuse).await?;
        server.keep(session);
        Ok(())
    }

    async fn hold(&self, session: &Session, hold: &Hold<'_>, failing: Failing) -> Result<(), DataError> {
        let server = &*self.server;
        if hold.take(server, session).await? == Taken::Renewed {
            return Ok(());
        }
        self.pool().await;
        loop {
            hold.arm(server, session).await?;
            let settled = wait::settle(server, session, hold, self.grace).await;
            if settled.is_err() && failing == Failing::LetGo {
                drop(self.open(session).await);
            }
            settled?;
            if hold.hold(server, session).await? {
                return Ok(());
            }
        }
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
