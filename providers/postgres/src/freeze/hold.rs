//! The steps of a freeze in the database, each one statement.

use std::time::Duration;

use jiff::Timestamp;
use switchover::port::{DataError, FreezeOrder};
use tokio_postgres::types::Type;

use super::state::moment;
use crate::connect::{Server, Session};

/// For how long clients are refused before anybody was told that they are: a freeze that is given up half-way ends by itself.
pub(super) const SHORT: Duration = Duration::from_secs(20);

/// A run that freezes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hold<'a> {
    order: &'a FreezeOrder,
    replicas: Replicas,
}

/// What becomes of a frozen server's physical replicas when they are promoted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Replicas {
    /// They hold the lease as it was, which ends by itself.
    #[default]
    Lease,
    /// They are frozen without an end.
    Frozen,
}

/// What became of the attempt to renew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// The run held the freeze, and holds it on.
    Renewed,
    /// It does not hold one yet.
    Fresh,
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4)
}

impl<'a> Hold<'a> {
    pub(super) fn new(order: &'a FreezeOrder, replicas: Replicas) -> Self {
        Self { order, replicas }
    }

    fn lease(self) -> Option<i64> {
        self.order.lease.map(micros)
    }

    /// Renews the freeze, or makes this run the one that is about to freeze.
    pub(super) async fn take(self, server: &Server, session: &Session) -> Result<Taken, DataError> {
        let (by, lease) = (self.order.by.as_str(), self.lease());
        let row = session
            .query_typed_one(
                "SELECT outcome, moment FROM switchover.take($1, $2)",
                &[(&by, Type::TEXT), (&lease, Type::INT8)],
            )
            .await
            .map_err(|error| server.told_of_act(&error))?;
        match row.get(0) {
            "renewed" => Ok(Taken::Renewed),
            "taken" => Ok(Taken::Fresh),
            _ => {
                let at = row.get::<_, Option<i64>>(1).and_then(moment).unwrap_or(Timestamp::UNIX_EPOCH);
                Err(DataError::Lapsed { place: server.place().to_owned(), at })
            }
        }
    }

    /// Makes the freeze that came with another server's data this run's own, and refuses clients for a short while. May be repeated.
    pub(super) async fn adopt(self, server: &Server, session: &Session) -> Result<(), DataError> {
        let (by, short) = (self.order.by.as_str(), micros(SHORT));
        let adopted = session
            .query_typed("SELECT switchover.adopt($1, $2)", &[(&by, Type::TEXT), (&short, Type::INT8)])
            .await;
        adopted.map(drop).map_err(|error| server.told_of_act(&error))
    }

    /// Refuses clients for a short while.
    pub(super) async fn arm(self, server: &Server, session: &Session) -> Result<(), DataError> {
        let (by, short) = (self.order.by.as_str(), micros(SHORT));
        let armed = session
            .query_typed_one("SELECT switchover.arm($1, $2)", &[(&by, Type::TEXT), (&short, Type::INT8)])
            .await
            .map_err(|error| server.told_of_act(&error))?;
        match armed.get(0) {
            "armed" | "lapsed" => Ok(()),
            _ => Err(self.lost(server)),
        }
    }

    /// Says that the freeze is on, for as long as was ordered; false if it ran out before it could be said.
    pub(super) async fn hold(self, server: &Server, session: &Session) -> Result<bool, DataError> {
        let (by, lease) = (self.order.by.as_str(), self.lease());
        let replicas = self.replicas == Replicas::Frozen;
        let held = session
            .query_typed_one(
                "SELECT switchover.hold($1, $2, $3)",
                &[(&by, Type::TEXT), (&lease, Type::INT8), (&replicas, Type::BOOL)],
            )
            .await
            .map_err(|error| server.told_of_act(&error))?;
        match held.get(0) {
            "held" => Ok(true),
            "lapsed" => Ok(false),
            _ => Err(self.lost(server)),
        }
    }

    fn lost(self, server: &Server) -> DataError {
        server.failed(format!("another run froze or thawed it while {} was freezing it", self.order.by))
    }
}
