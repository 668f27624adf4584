//! The store: two instances, and what is done with them as a whole.

use futures_util::FutureExt as _;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_rds::types::DbInstance;
use switchover::model::{PairName, RunId, SideName, StoreRef, Verification};
use switchover::port::{
    Access, Advance, Clock, DataError, Depth, FreezeOrder, FreezeProof, Inspection, Meter, Overseer, Store,
    SyncOrder, SyncPurpose, Synced,
};
use switchover_aws::{Marks, Patience, Seen};

use crate::endpoint::Endpoint;
use crate::error::{guarded, not_frozen, unfit};
use crate::guard::Guard;
use crate::home::{Home, marks};
use crate::names;
use crate::options::{RdsMethod, RdsOptions};

/// How long the address of a new instance may take until it leads there, after RDS says that the instance is available.
const CONNECTING: Duration = Duration::from_secs(5 * 60);

/// PostgreSQL on RDS, on both sides of a pair.
pub struct RdsStore {
    pub(crate) pair: PairName,
    pub(crate) store: StoreRef,
    pub(crate) options: RdsOptions,
    pub(crate) homes: BTreeMap<SideName, Home>,
    pub(crate) guard: Option<Arc<dyn Guard>>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl fmt::Debug for RdsStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RdsStore")
            .field("store", &self.store)
            .field("homes", &self.homes)
            .finish_non_exhaustive()
    }
}

impl RdsStore {
    /// Makes the store. Reads the AWS files and the environment, and sends nothing.
    ///
    /// Without a `guard` the store can be kept in sync, and takes no part in a role swap: nothing could refuse writes. Fails with
    /// [`DataError::Unfit`] when a name or a setting cannot be used.
    pub async fn connect(
        pair: PairName,
        store: StoreRef,
        options: RdsOptions,
        guard: Option<Arc<dyn Guard>>,
        clock: Arc<dyn Clock>,
        meter: Meter,
    ) -> Result<Self, DataError> {
        let mut homes = BTreeMap::new();
        for (name, of_side) in &options.sides {
            let place = format!("{store}, side {name}");
            let side = SideName::new(name.as_str())
                .map_err(|error| unfit(&place, &error.to_string(), "name the sides as the pair does"))?;
            if let Some(fault) = names::fault(&of_side.instance) {
                let why = format!("`{}`: {fault}", of_side.instance.escape_debug());
                return Err(unfit(&place, &why, "choose another name for the instance"));
            }
            let connection = options.connection(&side).unwrap_or_default();
            let home = Home::connect(&side, of_side.clone(), connection, meter.clone()).await?;
            homes.insert(side, home);
        }
        if homes.len() != 2 {
            let why = format!("it has {} sides", homes.len());
            return Err(unfit(&store.to_string(), &why, "give it two, named as the pair's sides are"));
        }
        Ok(Self { pair, store, options, homes, guard, clock })
    }

    pub(crate) fn home(&self, side: &SideName) -> Result<&Home, DataError> {
        self.homes.get(side).ok_or_else(|| {
            let known = self.homes.keys().map(SideName::as_str).collect::<Vec<_>>().join(" and ");
            unfit(
                &self.store.to_string(),
                &format!("it has no side `{side}`"),
                &format!("its sides are {known}"),
            )
        })
    }

    /// The marks of everything that belongs to this store.
    pub(crate) fn ours(&self) -> Marks {
        Marks::of(&self.pair, &self.store)
    }

    pub(crate) fn patience<'a>(&'a self, overseer: &'a dyn Overseer, limit: Duration) -> Patience<'a> {
        Patience::new(&*self.clock, overseer, limit, self.options.poll.0)
    }

    /// The instance that a side's applications use.
    pub(crate) async fn live(&self, side: &SideName) -> Result<(&Home, DbInstance), DataError> {
        let home = self.home(side)?;
        match home.instance(home.live()).await? {
            Some(found) => Ok((home, found)),
            None => Err(home.no_instance(home.live()).await),
        }
    }

    pub(crate) fn guard(&self, place: &str) -> Result<&Arc<dyn Guard>, DataError> {
        self.guard.as_ref().ok_or_else(|| {
            not_frozen(
                place,
                "RDS has no means to refuse writes, and the store does not say how PostgreSQL behind it is reached, which has: give it \
                 `freeze`, with `database`, `admin` and `application`",
            )
        })
    }

    /// Whether clients can write to an instance. A read replica takes no writes, whoever asks.
    pub(crate) async fn access_of(&self, home: &Home, found: &DbInstance) -> Result<Access, DataError> {
        if is_replica(found) {
            return Ok(Access::Frozen { by: replica_run(found), until: None });
        }
        match &self.guard {
            None => Ok(Access::Unguarded),
            Some(guard) => guard.access(&Endpoint::of(home, found)?).await,
        }
    }

    /// Refuses to replace an instance that holds what production does not.
    pub(crate) async fn refuse_diverged(
        &self,
        order: &SyncOrder,
        source: &Home,
        production: &DbInstance,
        target: &Home,
        standby: Option<&DbInstance>,
    ) -> Result<bool, DataError> {
        let Some(standby) = standby else { return Ok(false) };
        let access = self.access_of(target, standby).await?;
        let copied = marks(production.tag_list()).copied();
        let diverged = marks(standby.tag_list()).diverged(&access, &target.side, copied.as_ref());
        if diverged && !order.overwrite {
            return Err(guarded(
                &target.place(target.live()),
                &format!("clients may have written here what {} does not have", source.place(source.live())),
                "look at it, then sync with `--overwrite` if it may be lost",
            ));
        }
        Ok(diverged)
    }

    /// Refuses the last sync of a run when production is not frozen by that run, now.
    pub(crate) async fn require_frozen(&self, order: &SyncOrder, home: &Home) -> Result<(), DataError> {
        if order.purpose != SyncPurpose::Final {
            return Ok(());
        }
        let place = home.place(home.live());
        let (_, found) = self.live(&home.side).await?;
        self.guard(&place)?;
        match self.access_of(home, &found).await? {
            Access::Frozen { by, .. } if by == order.run => Ok(()),
            Access::Frozen { by, .. } => {
                Err(not_frozen(&place, &format!("it is frozen by run {by} and not by {}", order.run)))
            }
            Access::Lapsed { at, .. } => Err(DataError::Lapsed { place, at }),
            Access::Writable | Access::Unguarded => Err(not_frozen(&place, "clients can write")),
        }
    }

    /// Freezes what a sync brought, with no end, before any client can find it.
    pub(crate) async fn freeze_new(
        &self,
        patience: &Patience<'_>,
        home: &Home,
        found: &DbInstance,
        run: &RunId,
    ) -> Result<(), DataError> {
        let Some(guard) = &self.guard else { return Ok(()) };
        let at = &Endpoint::of(home, found)?;
        let place = home.place(&at.instance);
        patience
            .at_most(CONNECTING)
            .until(&place, "freezing the new instance", || async move {
                match guard.freeze_copy(at, run).await {
                    Ok(()) => Ok(Seen::There(())),
                    Err(DataError::Unknown { why, .. }) => Ok(Seen::coming(why)),
                    Err(other) => Err(other),
                }
            })
            .await
    }

    pub(crate) fn is_same_place(&self) -> bool {
        let mut all = self.homes.values();
        let (Some(a), Some(b)) = (all.next(), all.next()) else { return false };
        a.account.region() == b.account.region()
            && a.live() == b.live()
            && a.options.profile == b.options.profile
    }
}

/// Nobody hears of the work, and nobody can have taken the pair: the order itself is the permission.
#[derive(Debug)]
struct Unattended;

#[async_trait]
impl Overseer for Unattended {
    fn advance(&self, _: &Advance) {}

    async fn permit(&self) -> Result<(), DataError> {
        Ok(())
    }
}

pub(crate) fn is_replica(found: &DbInstance) -> bool {
    found.read_replica_source_db_instance_identifier().is_some_and(|source| !source.is_empty())
}

/// The run that made a replica; its name if none is known.
fn replica_run(found: &DbInstance) -> RunId {
    marks(found.tag_list()).run().unwrap_or_else(no_run)
}

/// What stands for the run that froze a replica, where none is known: it refuses writes by what it is.
pub(crate) fn no_run() -> RunId {
    #[expect(clippy::expect_used, reason = "the text is a constant that the rules of a run's id allow")]
    RunId::new("read-replica").expect("a valid id")
}

#[async_trait]
impl Store for RdsStore {
    async fn inspect(&self, depth: Depth) -> Result<Inspection, DataError> {
        self.look(depth).await
    }

    async fn freeze(&self, side: &SideName, order: &FreezeOrder) -> Result<(), DataError> {
        let (home, found) = self.live(side).await?;
        if is_replica(&found) {
            return Ok(());
        }
        self.guard(&home.place(home.live()))?.freeze(&Endpoint::of(home, &found)?, order).await
    }

    async fn prove_frozen(&self, side: &SideName) -> Result<FreezeProof, DataError> {
        let (home, found) = self.live(side).await?;
        self.guard(&home.place(home.live()))?.prove(&Endpoint::of(home, &found)?).await
    }

    async fn thaw(&self, side: &SideName) -> Result<(), DataError> {
        let (home, found) = self.live(side).await?;
        let guard = self.guard(&home.place(home.live()))?;
        // Before clients can write, not after: a mark that comes too late would hide what they wrote.
        let open = Marks::default().with("open", &home.account.time(&*self.clock));
        home.mark(found.db_instance_arn(), home.live(), &open).await?;
        // Opening a replica is the failover: whoever orders it has decided about what may be lost.
        let patience = self.patience(&Unattended, self.options.patience.0);
        let found = if is_replica(&found) { self.promoted(&patience, home).boxed().await? } else { found };
        guard.thaw(&Endpoint::of(home, &found)?).await
    }

    async fn sync(&self, order: &SyncOrder, overseer: &dyn Overseer) -> Result<Synced, DataError> {
        let began = self.clock.monotonic();
        let patience = self.patience(overseer, order.deadline);
        patience.tell("looking at both sides", None);
        let mut synced = match self.options.method {
            RdsMethod::Snapshot => self.by_snapshot(order, &patience).boxed().await?,
            RdsMethod::Replica => self.by_replica(order, &patience).boxed().await?,
        };
        let took = self.clock.monotonic().saturating_sub(began);
        synced.took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        if order.verify != Verification::None {
            synced.notes.push(
                "RDS copies storage, not rows: nothing was counted; verify with the postgres provider"
                    .to_owned(),
            );
        }
        Ok(synced)
    }
}
