//! The road by read replica: the stand-by replays what production writes, until it is promoted.

use aws_sdk_rds::types::DbInstance;
use futures_util::FutureExt as _;
use jiff::Timestamp;
use switchover::model::Verification;
use switchover::port::{Copied, DataError, SyncOrder, SyncPurpose, Synced};
use switchover_aws::{Marks, Patience, Seen};

use crate::endpoint::Endpoint;
use crate::error::{failed, guarded, unfit};
use crate::guard::Arrived;
use crate::home::{Home, marks};
use crate::names;
use crate::snapshots::{account, bytes, is_encrypted, no_key};
use crate::stage::{Shape, Source, Wanted};
use crate::states;
use crate::store::{RdsStore, is_replica};

/// The mark of an instance that a run has begun to promote.
const PROMOTION: &str = "promotion";

impl RdsStore {
    pub(crate) async fn by_replica(
        &self,
        order: &SyncOrder,
        patience: &Patience<'_>,
    ) -> Result<Synced, DataError> {
        let (source, target) = (self.home(order.direction.from())?, self.home(order.direction.to())?);
        if order.purpose != SyncPurpose::Rehearsal {
            target.finish_swap(patience, &self.ours()).boxed().await?;
        }
        let (_, production) = self.live(&source.side).await?;
        if is_replica(&production) {
            return Err(unfit(
                &source.place(source.live()),
                "production is a read replica and takes no writes",
                "promote it, or look at which side is production",
            ));
        }
        match order.purpose {
            SyncPurpose::Final => self.promote(order, patience, source, target).boxed().await,
            SyncPurpose::Routine | SyncPurpose::Rehearsal => {
                self.follow(order, patience, source, &production, target).boxed().await
            }
        }
    }

    /// Makes sure that the stand-by is a replica of production and replays.
    async fn follow(
        &self,
        order: &SyncOrder,
        patience: &Patience<'_>,
        source: &Home,
        production: &DbInstance,
        target: &Home,
    ) -> Result<Synced, DataError> {
        let standby = target.instance(target.live()).await?;
        if let Some(standby) = standby.as_ref().filter(|standby| is_replica_of(standby, production)) {
            return self.followed(order, patience, source, target, standby).await;
        }
        if account(production.db_instance_arn()) != target.account_id().await?.as_deref() {
            return Err(unfit(
                &target.place(target.live()),
                "RDS makes read replicas within one account only, and the sides are in two",
                "take `method = \"snapshot\"`",
            ));
        }
        let diverged = self.refuse_diverged(order, source, production, target, standby.as_ref()).await?;
        if is_encrypted(production)
            && target.options.kms_key.is_none()
            && source.account.region() != target.account.region()
        {
            return Err(no_key(target));
        }
        if production.backup_retention_period() == Some(0) {
            return Err(unfit(
                &source.place(source.live()),
                "automatic backups are off, and RDS makes no read replica without them",
                "give it a backup retention of a day or more",
            ));
        }
        let shape = Shape::of(target, standby.as_ref()).await?;
        let copied = Self::copied(order, source.account.time(&*self.clock), None);
        if order.purpose == SyncPurpose::Rehearsal {
            let note = format!(
                "would make a read replica of {} in {}",
                source.place(source.live()),
                target.account.region()
            );
            return Ok(Synced {
                copied,
                bytes: bytes(production.allocated_storage()),
                items: 0,
                deleted: 0,
                notes: vec![note],
                took_ms: 0,
            });
        }
        let notes = self.make_replica(patience, production, target, &copied, shape, diverged).boxed().await?;
        Ok(Synced {
            copied,
            bytes: bytes(production.allocated_storage()),
            items: 0,
            deleted: 0,
            notes,
            took_ms: 0,
        })
    }

    async fn make_replica(
        &self,
        patience: &Patience<'_>,
        production: &DbInstance,
        target: &Home,
        copied: &Copied,
        shape: Shape,
        diverged: bool,
    ) -> Result<Vec<String>, DataError> {
        let place = target.place(target.live());
        let arn = production
            .db_instance_arn()
            .ok_or_else(|| failed(&place, "RDS does not say production's ARN"))?;
        patience.overseer().permit().await?;
        target
            .clear(patience, &self.ours(), &names::staged(target.live(), &copied.key), None)
            .boxed()
            .await?;
        let wanted = Wanted {
            key: &copied.key,
            run: &copied.run,
            source: Source::Replica(arn.to_owned()),
            shape: shape.clone(),
            marks: self.ours().with_copied(copied).with("origin", arn).with("stage", "new"),
        };
        let staged = target.stage(patience, &wanted).boxed().await?;
        if !is_replica_of(&staged, production) {
            return Err(failed(
                &target.place(&names::staged(target.live(), &copied.key)),
                "it was made as a read replica and is none; delete it",
            ));
        }
        if diverged && let Some(old) = target.instance(target.live()).await? {
            let mark = Marks::default().with("diverged", "true");
            target.mark(old.db_instance_arn(), target.live(), &mark).await?;
        }
        let before = target.swap(patience, &copied.key).boxed().await?;
        target.protect(&shape).await?;
        target.clear(patience, &self.ours(), target.live(), Some(&before)).boxed().await
    }

    /// The stand-by is a replica already: says how far it is.
    async fn followed(
        &self,
        order: &SyncOrder,
        patience: &Patience<'_>,
        source: &Home,
        target: &Home,
        standby: &DbInstance,
    ) -> Result<Synced, DataError> {
        let known = marks(standby.tag_list()).copied();
        let standby = self.replaying(patience, target).await?;
        let arrived = match &self.guard {
            Some(_) => Some(self.arrived(source, target, &standby).await?),
            None => None,
        };
        let position = arrived.as_ref().and_then(|arrived| arrived.position.clone());
        let since = known.map(|known| known.as_of).or_else(|| created(&standby));
        let as_of = arrived.and_then(|arrived| arrived.up_to).or(since);
        let as_of =
            as_of.ok_or_else(|| failed(&target.place(target.live()), "nothing tells how far it is"))?;
        let copied = Self::copied(order, as_of, position);
        if order.purpose == SyncPurpose::Routine {
            patience.overseer().permit().await?;
            let all = self.ours().with_copied(&copied);
            target.mark(standby.db_instance_arn(), target.live(), &all).await?;
        }
        Ok(Synced { copied, bytes: 0, items: 0, deleted: 0, notes: Vec::new(), took_ms: 0 })
    }

    fn copied(order: &SyncOrder, as_of: Timestamp, position: Option<String>) -> Copied {
        Copied {
            from: order.direction.from().clone(),
            run: order.run.clone(),
            key: order.key.clone(),
            as_of,
            verified: Verification::None,
            complete: false,
            position,
        }
    }

    async fn replaying(&self, patience: &Patience<'_>, target: &Home) -> Result<DbInstance, DataError> {
        let found = target.ready(patience, target.live(), "waiting for the read replica").boxed().await?;
        match states::of_replication(&found) {
            Ok(_) => Ok(found),
            Err(state) => Err(unfit(
                &target.place(target.live()),
                &format!("the read replica does not replay: {state}"),
                "look at its events in the RDS console; delete it, and the next sync makes a new one",
            )),
        }
    }

    async fn arrived(
        &self,
        source: &Home,
        target: &Home,
        standby: &DbInstance,
    ) -> Result<Arrived, DataError> {
        let (_, production) = self.live(&source.side).await?;
        let (from, to) = (Endpoint::of(source, &production)?, Endpoint::of(target, standby)?);
        self.guard(&target.place(target.live()))?.arrived(&from, &to).await
    }

    /// Waits until everything has arrived, and makes the replica an instance of its own, frozen.
    async fn promote(
        &self,
        order: &SyncOrder,
        patience: &Patience<'_>,
        source: &Home,
        target: &Home,
    ) -> Result<Synced, DataError> {
        self.require_frozen(order, source).await?;
        let (_, production) = self.live(&source.side).await?;
        let before = target.instance(target.live()).await?;
        let begun = before.as_ref().map(|found| marks(found.tag_list()));
        let begun = begun.is_some_and(|theirs| theirs.get(PROMOTION) == Some(order.run.as_str()));
        if !begun && !before.is_some_and(|standby| is_replica_of(&standby, &production)) {
            self.follow(order, patience, source, &production, target).boxed().await?;
        }
        let (_, standby) = self.live(&target.side).await?;
        let theirs = marks(standby.tag_list());
        let begun = theirs.get(PROMOTION) == Some(order.run.as_str());
        let mut copied = if let Some(copied) = theirs.copied().filter(|_| begun) {
            copied
        } else {
            let copied = self.everything_arrived(order, patience, source, target).await?;
            // What a later try of this run has to know once the replica is one no more.
            let note = self.ours().with_copied(&copied).with(PROMOTION, &order.run);
            target.mark(standby.db_instance_arn(), target.live(), &note).await?;
            copied
        };
        self.require_frozen(order, source).await?;
        let promoted = self.promoted(patience, target).boxed().await?;
        self.freeze_new(patience, target, &promoted, &order.run).await?;
        copied.complete = true;
        let all = self.ours().with_copied(&copied);
        target.mark(promoted.db_instance_arn(), target.live(), &all).await?;
        Ok(Synced { copied, bytes: 0, items: 0, deleted: 0, notes: Vec::new(), took_ms: 0 })
    }

    async fn everything_arrived(
        &self,
        order: &SyncOrder,
        patience: &Patience<'_>,
        source: &Home,
        target: &Home,
    ) -> Result<Copied, DataError> {
        let standby = self.replaying(patience, target).await?;
        let place = target.place(target.live());
        patience
            .until(&place, "waiting until everything has arrived", || async {
                // Asked before the look: production is frozen, so that it holds nothing that is newer.
                let now = source.account.time(&*self.clock);
                let arrived = self.arrived(source, target, &standby).await?;
                Ok(if arrived.everything {
                    Seen::There(Self::copied(order, now, arrived.position))
                } else {
                    Seen::coming(arrived.position.unwrap_or_else(|| "behind".to_owned()))
                })
            })
            .await
    }

    /// An instance of its own, ready. RDS refuses to promote while it makes a backup, and reboots the instance:
    /// <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_PromoteReadReplica.html>.
    pub(crate) async fn promoted(
        &self,
        patience: &Patience<'_>,
        target: &Home,
    ) -> Result<DbInstance, DataError> {
        let (name, place) = (target.live(), target.place(target.live()));
        patience
            .until(&place, "promoting the read replica", || async {
                let found = target.ready(patience, name, "promoting the read replica").boxed().await?;
                if !is_replica(&found) {
                    return Ok(Seen::There(found));
                }
                patience.overseer().permit().await?;
                let Err(error) =
                    target.rds.promote_read_replica().db_instance_identifier(name).send().boxed().await
                else {
                    return Ok(Seen::coming("promoting"));
                };
                match target.failure(&error) {
                    // It began a backup after we looked.
                    failure if failure.code() == Some("InvalidDBInstanceState") => Ok(Seen::coming("busy")),
                    failure if failure.perhaps_done() => Ok(Seen::coming("no answer; looking again")),
                    failure => Err(failure.of_acting(&place)),
                }
            })
            .await
            .map_err(|error| match error {
                DataError::Failed { place, why } => guarded(&place, &why, "nothing was lost; run it again"),
                other => other,
            })
    }
}

/// Whether an instance replays what another writes. RDS names a source of another region by its ARN, and one of its own by its name.
pub(crate) fn is_replica_of(standby: &DbInstance, production: &DbInstance) -> bool {
    let Some(source) = standby.read_replica_source_db_instance_identifier() else { return false };
    Some(source) == production.db_instance_arn()
        || (!source.starts_with("arn:") && Some(source) == production.db_instance_identifier())
}

fn created(instance: &DbInstance) -> Option<Timestamp> {
    let at = instance.instance_create_time()?;
    Timestamp::from_second(at.secs()).ok()
}
