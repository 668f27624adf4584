//! The sync: a replication that flows the right way, and its end once everything has arrived.

use aws_sdk_efs::types::{FileSystemDescription, ReplicationStatus};
use futures_util::FutureExt as _;
use jiff::Timestamp;
use switchover::model::Verification;
use switchover::port::{Access, Copied, DataError, SyncOrder, SyncPurpose, Synced};
use switchover_aws::{Marks, Patience, Seen};

use crate::error::{guarded, not_frozen, unfit};
use crate::home::{Home, Replication, marks};
use crate::options::EfsFreeze;
use crate::policy;
use crate::store::EfsStore;

/// The mark of a file system whose replication a run has begun to end.
const PROMOTION: &str = "promotion";

impl EfsStore {
    pub(crate) async fn replicated(
        &self,
        order: &SyncOrder,
        patience: &Patience<'_>,
    ) -> Result<Synced, DataError> {
        let (source, target) = (self.home(order.direction.from())?, self.home(order.direction.to())?);
        match order.purpose {
            SyncPurpose::Final => self.finish(order, patience, source, target).boxed().await,
            SyncPurpose::Rehearsal => self.rehearse(order, source, target).await,
            SyncPurpose::Routine => {
                let copied = self.follow(order, patience, source, target).boxed().await?;
                patience.overseer().permit().await?;
                target.mark(&self.arrived(&copied)).await?;
                Ok(synced(copied, &target.system().await?, Vec::new()))
            }
        }
    }

    /// The marks of a file system that holds what the other one does: whatever clients wrote there before is gone.
    fn arrived(&self, copied: &Copied) -> Marks {
        self.ours().with_copied(copied).without("open")
    }

    async fn rehearse(&self, order: &SyncOrder, source: &Home, target: &Home) -> Result<Synced, DataError> {
        let system = target.system().await?;
        let now = self.now(source);
        let (as_of, note) = match self.between(source, target).await? {
            Some(found) if source.flows(&found, target) => {
                (found.last.unwrap_or(now), format!("the replication is there, and {}", found.state()))
            }
            Some(_) | None => {
                self.refuse_diverged(order, source, target).await?;
                (now, format!("would replicate {} to {}", source.place(), target.place()))
            }
        };
        Ok(synced(copied(order, as_of), &system, vec![note]))
    }

    /// The replication between the two file systems, whichever way it flows. One with a third is an error.
    async fn between(&self, source: &Home, target: &Home) -> Result<Option<Replication>, DataError> {
        let (here, there) = (source.replication().await?, target.replication().await?);
        for (home, found) in [(source, &here), (target, &there)] {
            let foreign =
                found.as_ref().filter(|found| !source.flows(found, target) && !target.flows(found, source));
            if let Some(found) = foreign {
                return Err(unfit(
                    &home.place(),
                    &format!("it is part of another replication, from {} to {}", found.source, found.target),
                    "a file system can be part of one only; delete that one",
                ));
            }
        }
        Ok(here.or(there))
    }

    /// Makes sure that the replication flows from production to the stand-by, and says up to when everything is there.
    async fn follow(
        &self,
        order: &SyncOrder,
        patience: &Patience<'_>,
        source: &Home,
        target: &Home,
    ) -> Result<Copied, DataError> {
        let found = self.between(source, target).await?;
        let flows = found.as_ref().is_some_and(|found| source.flows(found, target));
        if !flows || found.is_none_or(|found| found.status == ReplicationStatus::Deleting) {
            self.turn(order, patience, source, target).boxed().await?;
        }
        let handed_over = marks(&source.system().await?).copied();
        let handed_over = handed_over.filter(|copied| copied.complete && copied.from == target.side);
        let place = target.place();
        let as_of = patience.until(&place, "waiting for the replication", || async {
            let Some(found) = source.replication().await? else { return Ok(Seen::coming("not there yet")) };
            Ok(match found.status {
                ReplicationStatus::Enabled => match (found.last, &handed_over) {
                    (Some(last), _) => Seen::There(last),
                    // What the stand-by gave to production it still has.
                    (None, Some(given)) => Seen::There(given.as_of),
                    (None, None) => Seen::coming("the first round is on its way"),
                },
                ReplicationStatus::Error | ReplicationStatus::Paused => return Err(stuck(target, &found)),
                _ => Seen::coming(found.state()),
            })
        });
        Ok(copied(order, as_of.await?))
    }

    /// Makes a replication from production to the stand-by where there is none, or one that flows the other way.
    async fn turn(
        &self,
        order: &SyncOrder,
        patience: &Patience<'_>,
        source: &Home,
        target: &Home,
    ) -> Result<(), DataError> {
        self.refuse_diverged(order, source, target).await?;
        patience.overseer().permit().await?;
        if let Some(found) = self.between(source, target).await? {
            source.end(patience, &found.source).boxed().await?;
        }
        if self.options.freeze == EfsFreeze::Policy {
            // Long before it is needed: it is read-only as a destination now, and must stay so when it is one no more.
            self.deny(target, &order.run).await?;
        }
        // The direction says that this side is the stand-by; whoever has lost the pair in between must not have it overwritten.
        patience.overseer().permit().await?;
        target.unprotect(patience).await?;
        source.replicate(patience, target).boxed().await
    }

    /// Refuses to overwrite a file system that holds what production does not.
    async fn refuse_diverged(
        &self,
        order: &SyncOrder,
        source: &Home,
        target: &Home,
    ) -> Result<(), DataError> {
        let (production, standby) = (source.system().await?, target.system().await?);
        let access = self.access(target, &standby, target.policy().await?.as_ref());
        let copied = marks(&production).copied();
        let backwards = target.replication().await?.is_some_and(|found| target.flows(&found, source));
        let diverged = backwards || marks(&standby).diverged(&access, &target.side, copied.as_ref());
        if diverged && !order.overwrite {
            return Err(guarded(
                &target.place(),
                &format!("clients may have written here what {} does not have", source.place()),
                "look at it, then sync with `--overwrite` if it may be lost",
            ));
        }
        Ok(())
    }

    /// Since when every client of production is refused, by this run.
    async fn frozen_since(&self, order: &SyncOrder, source: &Home) -> Result<Timestamp, DataError> {
        let (system, policy) = (source.system().await?, source.policy().await?);
        match (self.access(source, &system, policy.as_ref()), policy::frozen(policy.as_ref())) {
            (Access::Frozen { by, .. }, Some(frozen)) if by == order.run => Ok(self.in_force(frozen.since)),
            (Access::Frozen { by, .. }, _) => Err(not_frozen(
                &source.place(),
                &format!("it is frozen by run {by} and not by {}", order.run),
            )),
            (Access::Writable | Access::Lapsed { .. } | Access::Unguarded, _) => {
                Err(not_frozen(&source.place(), "clients can write"))
            }
        }
    }

    /// Waits until everything has arrived, and ends the replication, so that the stand-by could be written to; it is frozen.
    async fn finish(
        &self,
        order: &SyncOrder,
        patience: &Patience<'_>,
        source: &Home,
        target: &Home,
    ) -> Result<Synced, DataError> {
        let frozen = self.frozen_since(order, source).await?;
        let theirs = marks(&target.system().await?);
        let begun = theirs.copied().filter(|_| theirs.get(PROMOTION) == Some(order.run.as_str()));
        let mut copied = if let Some(copied) = begun {
            copied
        } else {
            self.follow(order, patience, source, target).boxed().await?;
            let denied = self.deny(target, &order.run).await?;
            let copied = self.everything_arrived(order, patience, source, target, frozen).boxed().await?;
            self.denied_by_now(patience, target, denied).await?;
            patience.overseer().permit().await?;
            // What a later try of this run has to know once the replication is gone.
            target.mark(&self.arrived(&copied).with(PROMOTION, &order.run)).await?;
            copied
        };
        self.frozen_since(order, source).await?;
        if let Some(found) = self.between(source, target).await? {
            patience.overseer().permit().await?;
            target.end(patience, &found.source).boxed().await?;
        }
        copied.complete = true;
        target.mark(&self.arrived(&copied)).await?;
        Ok(synced(copied, &target.system().await?, Vec::new()))
    }

    async fn everything_arrived(
        &self,
        order: &SyncOrder,
        patience: &Patience<'_>,
        source: &Home,
        target: &Home,
        frozen: Timestamp,
    ) -> Result<Copied, DataError> {
        patience
            .until(&target.place(), "waiting for a round that began after the freeze", || async {
                let Some(found) = source.replication().await? else {
                    return Err(unfit(
                        &target.place(),
                        "its replication is gone",
                        "sync it before the role swap",
                    ));
                };
                Ok(match (&found.status, found.last) {
                    (ReplicationStatus::Enabled, Some(last)) if last > frozen => {
                        Seen::There(copied(order, last))
                    }
                    (ReplicationStatus::Error | ReplicationStatus::Paused, _) => {
                        return Err(stuck(target, &found));
                    }
                    (_, Some(last)) => Seen::coming(format!("it has everything up to {last}")),
                    (_, None) => Seen::coming(found.state()),
                })
            })
            .await
    }

    /// Waits until the stand-by's own policy is felt: it must be in force when the replication, which keeps it read-only, ends.
    async fn denied_by_now(
        &self,
        patience: &Patience<'_>,
        target: &Home,
        since: Timestamp,
    ) -> Result<(), DataError> {
        let in_force = self.in_force(since);
        patience
            .until(&target.place(), "waiting until the stand-by's policy is in force", || async {
                Ok(if self.now(target) >= in_force { Seen::There(()) } else { Seen::coming("settling") })
            })
            .await
    }
}

fn stuck(target: &Home, found: &Replication) -> DataError {
    let advice = match found.status {
        ReplicationStatus::Paused => "opt in to both regions again, and see that EFS may use its role",
        _ => "delete the replication, restore the file system that failed from its backup, and sync again",
    };
    unfit(&target.place(), &format!("its replication is {}", found.state()), advice)
}

fn copied(order: &SyncOrder, as_of: Timestamp) -> Copied {
    Copied {
        from: order.direction.from().clone(),
        run: order.run.clone(),
        key: order.key.clone(),
        as_of,
        verified: Verification::None,
        complete: false,
        position: None,
    }
}

fn synced(copied: Copied, system: &FileSystemDescription, notes: Vec<String>) -> Synced {
    Synced { bytes: bytes(system), notes, ..Synced::found(copied) }
}

/// A file system's size, as EFS last metered it.
pub(crate) fn bytes(system: &FileSystemDescription) -> u64 {
    system.size_in_bytes().and_then(|size| u64::try_from(size.value()).ok()).unwrap_or(0)
}
