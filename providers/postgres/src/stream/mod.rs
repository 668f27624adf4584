//! Core's port `Store` by logical replication.
//!
//! ```text
//!   source                                    stand-by (frozen for clients; what streams passes the guards)
//!     publication   the tables and the mark
//!     slot          what is not confirmed ──►  subscription
//!     mark          a row ───────────────────► the same row: everything before it is here
//! ```
//!
//! A routine sync sets that up, turns it round or lets it go on ([`routine`]), a final one ends it and prepares the way back ([`finish`]).
//! `marks` waits, `rescue` needs one side only, `work` holds each statement that changes something, `look` reads what there is, `build` copies everything.

mod aside;
mod build;
mod finish;
mod inspect;
mod look;
mod marks;
mod names;
mod rescue;
mod routine;
mod sequences;
mod views;
mod work;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use switchover::model::{PairName, SideName, StoreRef};
use switchover::port::{
    DataError, Depth, FreezeOrder, FreezeProof, Inspection, Overseer, Store, SyncOrder, SyncPurpose, Synced,
};

use crate::connect::{Resolve, Server};
use crate::freeze::Freezer;
use crate::options::{PostgresError, PostgresOptions};
use crate::schema::Tools;
use names::Names;
use work::Work;

/// A PostgreSQL database on both sides of a pair, kept equal by logical replication.
///
/// Needs a tokio runtime with I/O and time enabled. Holds idle connections between calls.
#[derive(Debug)]
pub struct Streaming {
    sides: [(Arc<Server>, Freezer); 2],
    names: Names,
    sequence_gap: u32,
    tools: Option<PathBuf>,
    positions: Mutex<inspect::Positions>,
}

impl Streaming {
    /// A store as the options say. `resolve` turns references into secrets. Connects to nothing.
    pub fn new(
        pair: &PairName,
        store: &StoreRef,
        options: &PostgresOptions,
        resolve: Resolve<'_>,
    ) -> Result<Self, PostgresError> {
        let mut sides = Vec::new();
        for name in options.sides.keys() {
            let side = SideName::new(name)
                .map_err(|error| PostgresError::SideName(name.clone(), error.to_string()))?;
            let server = Arc::new(Server::new(&side, options, resolve)?);
            let freezer = Freezer::new(Arc::clone(&server), options.grace.0, options.still_within.0);
            sides.push((server, freezer));
        }
        let count = sides.len();
        Ok(Self {
            sides: sides.try_into().map_err(|_| PostgresError::Sides(count))?,
            names: Names::new(pair, store),
            sequence_gap: options.sequence_gap,
            tools: options.tools.clone(),
            positions: Mutex::default(),
        })
    }

    fn side(&self, name: &SideName) -> Result<&(Arc<Server>, Freezer), DataError> {
        self.sides.iter().find(|(server, _)| server.name() == name).ok_or_else(|| DataError::Unfit {
            place: name.to_string(),
            why: "the store has no such side".to_owned(),
            advice: None,
        })
    }
}

#[async_trait]
impl Store for Streaming {
    async fn inspect(&self, depth: Depth) -> Result<Inspection, DataError> {
        Ok(self.look(depth).await)
    }

    async fn freeze(&self, side: &SideName, order: &FreezeOrder) -> Result<(), DataError> {
        self.side(side)?.1.freeze(order).await
    }

    async fn prove_frozen(&self, side: &SideName) -> Result<FreezeProof, DataError> {
        self.side(side)?.1.prove().await
    }

    async fn thaw(&self, side: &SideName) -> Result<(), DataError> {
        let (server, freezer) = self.side(side)?;
        // Nothing may flow in where clients write: a production that was lost and comes back would send what it still holds.
        let session = server.admin().await?;
        let name = self.names.stream_to(side);
        let query = "SELECT 1 FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid \
                     WHERE s.subname = $1 AND s.subenabled AND d.datname = pg_catalog.current_database()";
        let flows = session.query_typed(query, &[(&name, tokio_postgres::types::Type::TEXT)]).await;
        if !flows.map_err(|error| server.told(&error))?.is_empty() {
            let stop = format!("ALTER SUBSCRIPTION {} DISABLE", crate::text::identifier(&name));
            session.batch_execute(&stop).await.map_err(|error| server.told(&error))?;
        }
        server.keep(session);
        freezer.thaw().await
    }

    async fn sync(&self, order: &SyncOrder, overseer: &dyn Overseer) -> Result<Synced, DataError> {
        let (from, to) = (self.side(order.direction.from())?, self.side(order.direction.to())?);
        let tools = Tools::new(self.tools.as_deref());
        let work = Work::begin(order, &self.names, (&from.0, &from.1), (&to.0, &to.1)).await?;
        let synced = match order.purpose {
            SyncPurpose::Rehearsal => work.rehearse(overseer).await?,
            SyncPurpose::Routine => {
                work.lock().await?;
                work.routine(&tools, self.sequence_gap, overseer).await?
            }
            SyncPurpose::Final => {
                work.lock().await?;
                work.finish(&tools, self.sequence_gap, overseer).await?
            }
        };
        work.end().await;
        Ok(synced)
    }
}
