//! The store: two file systems, and what is done with them as a whole.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_efs::types::FileSystemDescription;
use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use switchover::model::{PairName, RunId, SideName, StoreRef, Verification};
use switchover::port::{
    Access, Advance, Clock, DataError, Depth, FreezeOrder, FreezeProof, Inspection, Meter, Overseer, Store,
    SyncOrder, Synced,
};
use switchover_aws::{Marks, Patience};

use crate::error::{not_frozen, unfit};
use crate::home::{Home, Protection, marks, protection};
use crate::options::{EfsFreeze, EfsOptions, fault};
use crate::policy;
use crate::probe::{Probe, Tried};

/// How many writes prove a freeze.
const TRIES: u32 = 3;

/// An EFS file system on each side of a pair.
pub struct EfsStore {
    pair: PairName,
    store: StoreRef,
    pub(crate) options: EfsOptions,
    pub(crate) homes: BTreeMap<SideName, Home>,
    probe: Arc<dyn Probe>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl fmt::Debug for EfsStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EfsStore")
            .field("store", &self.store)
            .field("homes", &self.homes)
            .finish_non_exhaustive()
    }
}

impl EfsStore {
    /// Makes the store. Reads the AWS files and the environment, and sends nothing. [`DataError::Unfit`] when a name or a setting cannot be
    /// used.
    pub async fn connect(
        pair: PairName,
        store: StoreRef,
        options: EfsOptions,
        probe: Arc<dyn Probe>,
        clock: Arc<dyn Clock>,
        meter: Meter,
    ) -> Result<Self, DataError> {
        let mut homes = BTreeMap::new();
        for (name, of_side) in &options.sides {
            let place = format!("{store}, side {name}");
            let side = SideName::new(name.as_str())
                .map_err(|error| unfit(&place, &error.to_string(), "name the sides as the pair does"))?;
            if let Some(fault) = fault(&of_side.file_system) {
                let why = format!("`{}`: {fault}", of_side.file_system.escape_debug());
                return Err(unfit(&place, &why, "look it up in the EFS console"));
            }
            let connection = options.connection(&side).unwrap_or_default();
            let home = Home::connect(&side, of_side.clone(), connection, meter.clone()).await?;
            homes.insert(side, home);
        }
        if homes.len() != 2 {
            let why = format!("it has {} sides", homes.len());
            return Err(unfit(&store.to_string(), &why, "give it two, named as the pair's sides are"));
        }
        Ok(Self { pair, store, options, homes, probe, clock })
    }

    pub(crate) fn home(&self, side: &SideName) -> Result<&Home, DataError> {
        self.homes.get(side).ok_or_else(|| {
            let known = self.homes.keys().map(SideName::as_str).collect::<Vec<_>>().join(" and ");
            let why = format!("it has no side `{side}`");
            unfit(&self.store.to_string(), &why, &format!("its sides are {known}"))
        })
    }

    /// The marks of everything that belongs to this store.
    pub(crate) fn ours(&self) -> Marks {
        Marks::of(&self.pair, &self.store)
    }

    pub(crate) fn patience<'a>(&'a self, overseer: &'a dyn Overseer, limit: Duration) -> Patience<'a> {
        Patience::new(&*self.clock, overseer, limit, self.options.poll.0)
    }

    pub(crate) fn now(&self, home: &Home) -> Timestamp {
        home.account.time(&*self.clock)
    }

    fn settles(&self) -> SignedDuration {
        SignedDuration::try_from(self.options.policy_settles.0).unwrap_or(SignedDuration::MAX)
    }

    fn in_flight(&self) -> SignedDuration {
        SignedDuration::try_from(self.options.operation_timeout.0).unwrap_or(SignedDuration::MAX)
    }

    /// When a change of a policy is felt by every client.
    pub(crate) fn in_force(&self, since: Timestamp) -> Timestamp {
        since.saturating_add(self.settles()).unwrap_or(Timestamp::MAX)
    }

    /// Sleeps until a moment of AWS's clock.
    async fn until(&self, home: &Home, moment: Timestamp) {
        loop {
            let left = moment.duration_since(self.now(home));
            let Ok(left) = Duration::try_from(left) else { return };
            if left.is_zero() {
                return;
            }
            self.clock.sleep(left.min(self.options.poll.0)).await;
        }
    }

    /// Whether clients can write, from what was read.
    pub(crate) fn access(
        &self,
        home: &Home,
        system: &FileSystemDescription,
        policy: Option<&Value>,
    ) -> Access {
        if protection(system) == Protection::Replicating {
            return Access::Frozen { by: marked_run(&marks(system), "run", "efs-replication"), until: None };
        }
        if self.options.freeze == EfsFreeze::None {
            return Access::Unguarded;
        }
        match policy::frozen(policy) {
            // Until then some client may not feel it.
            Some(frozen) if self.in_force(frozen.since) <= self.now(home) => {
                let named = marked_run(&marks(system), "frozen-by", "unknown");
                let by = if policy::digest(&named) == frozen.by { named } else { nameless(&frozen.by) };
                Access::Frozen { by, until: None }
            }
            Some(_) | None => Access::Writable,
        }
    }

    /// Writes the freeze into the policy, and says since when it stands there. A freeze that stands already goes on without a gap,
    /// whoever takes it over.
    pub(crate) async fn deny(&self, home: &Home, run: &RunId) -> Result<Timestamp, DataError> {
        let (system, policy) = (home.system().await?, home.policy().await?);
        let frozen = policy::frozen(policy.as_ref());
        if let Some(frozen) = &frozen
            && frozen.by == policy::digest(run)
        {
            return Ok(frozen.since);
        }
        home.mark(&Marks::default().with("frozen-by", run)).await?;
        let arn = system.file_system_arn().unwrap_or(home.id());
        let write = async |since: Timestamp| {
            home.set_policy(Some(&policy::with_freeze(policy.as_ref(), arn, run, since))).boxed().await
        };
        if let Some(frozen) = frozen {
            write(frozen.since).await?;
            return Ok(frozen.since);
        }
        // A call may take its time on the way: written down first is the latest moment at which it can have arrived, and afterwards the one at
        // which it had.
        let latest = self.now(home).saturating_add(self.in_flight()).unwrap_or(Timestamp::MAX);
        write(latest).await?;
        let arrived = self.now(home).min(latest);
        write(arrived).await?;
        Ok(arrived)
    }

    async fn allow(&self, home: &Home) -> Result<(), DataError> {
        let (system, policy) = (home.system().await?, home.policy().await?);
        let was_frozen = policy::frozen(policy.as_ref()).is_some();
        let opened = marks(&system).time("open");
        let since = match opened {
            Some(opened) if !was_frozen => opened,
            _ => {
                // Before clients can write, not after: a mark that comes too late would hide what they wrote.
                let now = self.now(home);
                home.mark(&Marks::default().with("open", &now)).await?;
                now
            }
        };
        if was_frozen {
            home.set_policy(policy::without_freeze(policy.as_ref()).as_ref()).await?;
            return self.until_open(home, self.in_force(self.now(home))).await;
        }
        if opened.is_none() {
            return Ok(());
        }
        // Another process may have removed the freeze just now.
        self.until_open(home, self.in_force(since.saturating_add(self.in_flight()).unwrap_or(since))).await
    }

    /// Waits until clients can write: until a write goes through, or until the policy must have settled.
    async fn until_open(&self, home: &Home, settled: Timestamp) -> Result<(), DataError> {
        while self.now(home) < settled {
            if self.probe.try_write(&home.side).await? == Tried::Written {
                return Ok(());
            }
            let left = Duration::try_from(settled.duration_since(self.now(home))).unwrap_or_default();
            self.clock.sleep(left.min(self.options.poll.0)).await;
        }
        Ok(())
    }

    fn require_policy(&self, home: &Home) -> Result<(), DataError> {
        match self.options.freeze {
            EfsFreeze::Policy => Ok(()),
            EfsFreeze::None => Err(not_frozen(
                &home.place(),
                "NFS has no means to refuse writes; with `freeze = \"policy\"` the file system's policy does",
            )),
        }
    }
}

fn nameless(digest: &str) -> RunId {
    #[expect(
        clippy::expect_used,
        reason = "a word and hexadecimal digits are what the rules of a run's id allow"
    )]
    RunId::new(format!("run-{digest}")).or_else(|_| RunId::new("unknown")).expect("a valid id")
}

fn marked_run(marks: &Marks, key: &str, otherwise: &str) -> RunId {
    let named = marks.get(key).and_then(|run| RunId::new(run).ok());
    named.unwrap_or_else(|| RunId::new(otherwise).unwrap_or_else(|_| nameless("0")))
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

#[async_trait]
impl Store for EfsStore {
    async fn inspect(&self, depth: Depth) -> Result<Inspection, DataError> {
        self.look(depth).await
    }

    /// Lasting, also where a lease is asked for: EFS has none. Returns when every client must feel it.
    async fn freeze(&self, side: &SideName, order: &FreezeOrder) -> Result<(), DataError> {
        let home = self.home(side)?;
        self.require_policy(home)?;
        let since = self.deny(home, &order.by).await?;
        self.until(home, self.in_force(since)).await;
        match self.probe.try_write(side).await? {
            Tried::Refused(_) | Tried::Impossible => Ok(()),
            Tried::Written => Err(not_frozen(
                &home.place(),
                "its policy denies writes, and a write went through all the same",
            )),
        }
    }

    async fn prove_frozen(&self, side: &SideName) -> Result<FreezeProof, DataError> {
        let (home, began) = (self.home(side)?, self.clock.monotonic());
        let place = home.place();
        let (system, policy) = (home.system().await?, home.policy().await?);
        match self.access(home, &system, policy.as_ref()) {
            Access::Frozen { .. } => {}
            Access::Writable | Access::Lapsed { .. } | Access::Unguarded => {
                return Err(not_frozen(&place, "nothing denies writes there yet"));
            }
        }
        let mut refused = String::new();
        for _ in 0..TRIES {
            match self.probe.try_write(side).await? {
                Tried::Refused(words) => refused = words,
                Tried::Written => return Err(not_frozen(&place, "a write went through")),
                Tried::Impossible => {
                    return Err(not_frozen(
                        &place,
                        "nothing here can try a write; say where it is mounted with the side's `mount`",
                    ));
                }
            }
        }
        let still = self.clock.monotonic().saturating_sub(began);
        let still_ms = u64::try_from(still.as_millis()).unwrap_or(u64::MAX);
        Ok(FreezeProof { attempts: TRIES, refused, position: None, still_ms })
    }

    /// Opening the destination of a replication is the failover: the replication is deleted, which takes minutes.
    async fn thaw(&self, side: &SideName) -> Result<(), DataError> {
        let home = self.home(side)?;
        let replication = home.replication().await?.filter(|found| found.target == home.id());
        if let Some(found) = replication {
            let patience = self.patience(&Unattended, self.options.patience.0);
            home.mark(&Marks::default().with("open", &self.now(home))).await?;
            home.end(&patience, &found.source).boxed().await?;
        }
        match self.options.freeze {
            EfsFreeze::Policy => self.allow(home).await,
            EfsFreeze::None => Ok(()),
        }
    }

    async fn sync(&self, order: &SyncOrder, overseer: &dyn Overseer) -> Result<Synced, DataError> {
        let began = self.clock.monotonic();
        let patience = self.patience(overseer, order.deadline);
        patience.tell("looking at both sides", None);
        let mut synced = self.replicated(order, &patience).boxed().await?;
        let took = self.clock.monotonic().saturating_sub(began);
        synced.took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        if order.verify != Verification::None {
            synced.notes.push(
                "EFS replicates by itself: nothing was compared; verify with the rclone provider between mounts".to_owned(),
            );
        }
        Ok(synced)
    }
}
