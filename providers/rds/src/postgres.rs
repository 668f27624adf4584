//! The guard that is PostgreSQL itself: the freeze of the postgres provider, at whatever address RDS says that an instance has.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use switchover::model::{RunId, SideName};
use switchover::port::{Access, Clock, DataError, FreezeOrder, FreezeProof, StoreProblem};
use switchover_postgres::{
    Freezer, Limits, PostgresError, PostgresReplication, PostgresSide, Resolve, Server, Standing, problems,
};

use crate::endpoint::Endpoint;
use crate::error::unfit;
use crate::guard::{Arrived, Copies, Guard};
use crate::options::{RdsFreeze, RdsMethod, RdsOptions};
use crate::store::no_run;

/// How long a replica is waited for that is behind. Production's log goes on when nobody writes (renewals of the lease are in it, and what
/// RDS itself does), so that a replica which is some milliseconds behind never stands exactly where production stands now.
const CATCHING_UP: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Freezes the database inside an instance by means of PostgreSQL's own.
pub struct PostgresGuard {
    /// Everything but the host, which is known when an instance is looked up.
    logins: BTreeMap<SideName, Server>,
    freeze: RdsFreeze,
    method: RdsMethod,
    clock: Arc<dyn Clock>,
    /// The latest instance at each address. Its open connections are the ones that a proof tries to write over.
    inside: Mutex<BTreeMap<(SideName, String, u16), Inside>>,
}

/// The database inside one instance.
#[derive(Debug, Clone)]
struct Inside {
    resource: String,
    server: Arc<Server>,
    freezer: Arc<Freezer>,
}

impl fmt::Debug for PostgresGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresGuard").field("logins", &self.logins).finish_non_exhaustive()
    }
}

impl PostgresGuard {
    /// The guard that the options describe; `None` where they describe none. `resolve` turns references into secrets. Connects to nothing.
    ///
    /// Fails when a side's name or a value is none, when both users are one, or when a secret or the certificates cannot be had.
    pub fn new(
        options: &RdsOptions,
        clock: Arc<dyn Clock>,
        resolve: Resolve<'_>,
    ) -> Result<Option<Self>, PostgresError> {
        let Some(freeze) = &options.freeze else { return Ok(None) };
        let mut logins = BTreeMap::new();
        for (name, of_side) in &options.sides {
            let side = SideName::new(name.as_str())
                .map_err(|error| PostgresError::SideName(name.clone(), error.to_string()))?;
            let limits = Limits { connect: freeze.connect_timeout.0, statement: freeze.statement_timeout.0 };
            let server = Server::of_side(&side, &reached(freeze, &of_side.instance), limits, resolve)?;
            logins.insert(side, server);
        }
        let (method, inside) = (options.method, Mutex::default());
        Ok(Some(Self { logins, freeze: freeze.clone(), method, clock, inside }))
    }

    /// The database inside an instance. A name, and so an address, goes from one instance to another: what was opened to the one is never used
    /// for the other.
    fn inside(&self, at: &Endpoint) -> Result<Inside, DataError> {
        let login = self.logins.get(&at.side).ok_or_else(|| {
            unfit(
                &at.address,
                &format!("the store has no side `{}`", at.side),
                "name the sides as the pair does",
            )
        })?;
        let mut all = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (at.side.clone(), at.address.clone(), at.port);
        if let Some(known) = all.get(&key).filter(|known| known.resource == at.resource) {
            return Ok(known.clone());
        }
        let server = Arc::new(login.at(&at.address, at.port));
        let freezer = Freezer::new(Arc::clone(&server), self.freeze.grace.0, self.freeze.still_within.0);
        let freezer = Arc::new(match self.method {
            RdsMethod::Snapshot => freezer,
            RdsMethod::Replica => freezer.with_replicas(),
        });
        let inside = Inside { resource: at.resource.clone(), server, freezer };
        all.insert(key, inside.clone());
        Ok(inside)
    }
}

/// A side as the postgres provider knows one. The instance's name stands for the host as long as that is unknown.
fn reached(freeze: &RdsFreeze, instance: &str) -> PostgresSide {
    PostgresSide {
        host: instance.to_owned(),
        port: 5432,
        database: freeze.database.clone(),
        admin: freeze.admin.clone(),
        application: freeze.application.clone(),
        sslmode: freeze.sslmode,
        root_certificate: freeze.root_certificate.clone(),
        replication: PostgresReplication::default(),
    }
}

#[async_trait]
impl Copies for PostgresGuard {
    async fn freeze_copy(&self, at: &Endpoint, by: &RunId) -> Result<(), DataError> {
        self.inside(at)?.freezer.freeze_copy(by).await
    }

    async fn arrived(&self, from: &Endpoint, to: &Endpoint) -> Result<Arrived, DataError> {
        let (source, replica) = (self.inside(from)?.server, self.inside(to)?.server);
        // The source first: what the replica has by then is at least what the source had.
        let Standing::Writes { position: wanted, at } = Standing::read(&source).await? else {
            return Err(unfit(
                source.place(),
                "it is a replica itself, and takes no writes",
                "promote it first",
            ));
        };
        let begun = self.clock.monotonic();
        loop {
            let Standing::Replays { position, committed } = Standing::read(&replica).await? else {
                let why = "it replays nothing: it is no replica, or was promoted";
                return Err(unfit(replica.place(), why, "look at it; the next sync makes a new one"));
            };
            let everything = position.is_some_and(|position| position >= wanted);
            if everything || self.clock.monotonic().saturating_sub(begun) > CATCHING_UP {
                let up_to = if everything { Some(at) } else { committed };
                let position = position.map(|position| position.to_string());
                return Ok(Arrived { everything, up_to, position });
            }
            self.clock.sleep(LOOK_AGAIN).await;
        }
    }
}

#[async_trait]
impl Guard for PostgresGuard {
    async fn access(&self, at: &Endpoint) -> Result<Access, DataError> {
        let inside = self.inside(at)?;
        match Standing::read(&inside.server).await? {
            // Whatever stands there of a freeze is its source's.
            Standing::Replays { .. } => Ok(Access::Frozen { by: no_run(), until: None }),
            Standing::Writes { .. } => Ok(inside.freezer.look().await?.access()),
        }
    }

    async fn problems(&self, at: &Endpoint) -> Result<Vec<StoreProblem>, DataError> {
        let server = self.inside(at)?.server;
        let session = server.admin().await?;
        let found = problems(&server, &session).await?;
        server.keep(session);
        Ok(found)
    }

    async fn freeze(&self, at: &Endpoint, order: &FreezeOrder) -> Result<(), DataError> {
        self.inside(at)?.freezer.freeze(order).await
    }

    async fn prove(&self, at: &Endpoint) -> Result<FreezeProof, DataError> {
        self.inside(at)?.freezer.prove().await
    }

    async fn thaw(&self, at: &Endpoint) -> Result<(), DataError> {
        self.inside(at)?.freezer.thaw().await
    }
}
