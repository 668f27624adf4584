//! The road by snapshot: taken on production, copied by the stand-by, restored beside its instance, put in its place.

use aws_sdk_rds::types::{DbInstance, DbSnapshot};
use futures_util::FutureExt as _;
use switchover::model::{BackupKey, RunId, SideName, Verification};
use switchover::port::{Copied, DataError, SyncOrder, SyncPurpose, Synced};
use switchover_aws::{Marks, Patience};

use crate::error::{failed, unfit};
use crate::home::{Home, marks};
use crate::names;
use crate::snapshots::{account, as_of, bytes, is_encrypted, no_key};
use crate::stage::{Shape, Source, Wanted};
use crate::store::RdsStore;

/// What is restored onto a side.
pub(crate) struct Restoring<'a> {
    pub(crate) snapshot: &'a DbSnapshot,
    pub(crate) name: &'a str,
    pub(crate) copied: Copied,
    pub(crate) shape: Shape,
    /// Whether the instance that is replaced holds what no other side has.
    pub(crate) diverged: bool,
}

impl RdsStore {
    pub(crate) async fn by_snapshot(
        &self,
        order: &SyncOrder,
        patience: &Patience<'_>,
    ) -> Result<Synced, DataError> {
        let (from, to) = (order.direction.from(), order.direction.to());
        let (source, target) = (self.home(from)?, self.home(to)?);
        if order.purpose != SyncPurpose::Rehearsal {
            target.finish_swap(patience, &self.ours()).boxed().await?;
        }
        let (_, production) = self.live(from).await?;
        self.require_frozen(order, source).await?;
        let standby = target.instance(target.live()).await?;
        if let Some(done) = standby.as_ref().and_then(|found| done_before(found, order)) {
            return Ok(done);
        }
        let diverged = self.refuse_diverged(order, source, &production, target, standby.as_ref()).await?;
        let shape = self.fit(source, &production, target, standby.as_ref()).await?;
        if order.purpose == SyncPurpose::Rehearsal {
            return Ok(self.rehearsed(order, source, target, &production));
        }
        patience.overseer().permit().await?;
        let run = (order.purpose == SyncPurpose::Final).then_some(&order.run);
        let name = names::snapshot(&self.pair, &self.store, &order.key, run);
        let complete = order.purpose == SyncPurpose::Final;
        let wanted = self
            .ours()
            .with("from", from)
            .with("key", &order.key)
            .with("run", &order.run)
            .with("complete", &complete)
            .with("verified", "none");
        let snapshot = source.take(patience, &*self.clock, &name, &wanted).await?;
        // Frozen before and afterwards, by one run: a freeze of that run which had lapsed in between would have stayed so.
        self.require_frozen(order, source).await?;
        let copied = Copied {
            from: from.clone(),
            run: order.run.clone(),
            key: order.key.clone(),
            as_of: as_of(&snapshot)
                .ok_or_else(|| failed(&source.place(&name), "its mark `as-of` is gone"))?,
            verified: Verification::None,
            complete,
            position: None,
        };
        let restoring =
            Restoring { snapshot: &snapshot, name: &name, copied: copied.clone(), shape, diverged };
        let notes = self.put_in_place(patience, source, target, restoring).boxed().await?;
        Ok(Synced {
            copied,
            bytes: bytes(snapshot.allocated_storage()),
            items: 0,
            deleted: 0,
            notes,
            took_ms: 0,
        })
    }

    /// Copies a snapshot to a side if need be, restores it beside the side's instance, freezes it, and puts it in that instance's place.
    pub(crate) async fn put_in_place(
        &self,
        patience: &Patience<'_>,
        source: &Home,
        target: &Home,
        restoring: Restoring<'_>,
    ) -> Result<Vec<String>, DataError> {
        let Restoring { snapshot, name, copied, shape, diverged } = restoring;
        let key = &copied.key;
        target.clear(patience, &self.ours(), &names::staged(target.live(), key), None).boxed().await?;
        self.bring_over(patience, source, target, snapshot, name).boxed().await?;
        let wanted = Wanted {
            key,
            run: &copied.run,
            source: Source::Snapshot(name.to_owned()),
            shape: shape.clone(),
            marks: self.ours().with_copied(&copied).with("origin", name).with("stage", "new"),
        };
        let staged = target.stage(patience, &wanted).boxed().await?;
        self.freeze_new(patience, target, &staged, &copied.run).await?;
        if diverged && let Some(old) = target.instance(target.live()).await? {
            let mark = Marks::default().with("diverged", "true");
            target.mark(old.db_instance_arn(), target.live(), &mark).await?;
        }
        let before = target.swap(patience, key).boxed().await?;
        target.protect(&shape).await?;
        target.clear(patience, &self.ours(), target.live(), Some(&before)).boxed().await
    }

    /// Makes sure that a side has a snapshot of the other: shared, if it is another account's, and copied.
    pub(crate) async fn bring_over(
        &self,
        patience: &Patience<'_>,
        source: &Home,
        target: &Home,
        snapshot: &DbSnapshot,
        name: &str,
    ) -> Result<(), DataError> {
        // In one region and account the snapshot is at hand already.
        let at_hand = target
            .snapshot(name)
            .await?
            .is_some_and(|found| found.db_snapshot_arn() == snapshot.db_snapshot_arn());
        if at_hand {
            return Ok(());
        }
        let theirs = account(snapshot.db_snapshot_arn());
        let own = target.account_id().await?;
        if let (Some(theirs), Some(own)) = (theirs, own)
            && theirs != own
        {
            source.share(name, &own).await?;
        }
        target.bring(patience, snapshot, name).boxed().await.map(|_| ())
    }

    /// Everything that could stop the sync, before anything is made.
    async fn fit(
        &self,
        source: &Home,
        production: &DbInstance,
        target: &Home,
        standby: Option<&DbInstance>,
    ) -> Result<Shape, DataError> {
        if production.engine() != Some("postgres") {
            let why = format!("its engine is {}", production.engine().unwrap_or("unknown"));
            return Err(unfit(&source.place(source.live()), &why, "this provider is for PostgreSQL"));
        }
        let one_place = source.account.region() == target.account.region();
        if is_encrypted(production) && target.options.kms_key.is_none() && !one_place {
            return Err(no_key(target));
        }
        Shape::of(target, standby).await
    }

    fn rehearsed(&self, order: &SyncOrder, source: &Home, target: &Home, production: &DbInstance) -> Synced {
        let (here, there) = (source.place(source.live()), target.place(target.live()));
        let copied = Copied {
            from: order.direction.from().clone(),
            run: order.run.clone(),
            key: order.key.clone(),
            as_of: source.account.time(&*self.clock),
            verified: Verification::None,
            complete: false,
            position: None,
        };
        let notes = vec![format!(
            "would take a snapshot of {here}, and put an instance restored from it in the place of {there}"
        )];
        Synced {
            copied,
            bytes: bytes(production.allocated_storage()),
            items: 0,
            deleted: 0,
            notes,
            took_ms: 0,
        }
    }
}

/// What an earlier try of the same sync brought.
fn done_before(standby: &DbInstance, order: &SyncOrder) -> Option<Synced> {
    let theirs = marks(standby.tag_list());
    let copied = theirs.copied()?;
    let fits = match order.purpose {
        SyncPurpose::Final => copied.complete && copied.run == order.run,
        SyncPurpose::Routine => true,
        SyncPurpose::Rehearsal => false,
    };
    let same = copied.key == order.key && copied.from == *order.direction.from();
    (fits && same && theirs.get("open").is_none()).then(|| Synced {
        copied,
        bytes: 0,
        items: 0,
        deleted: 0,
        notes: vec!["this key is on the stand-by already".to_owned()],
        took_ms: 0,
    })
}

/// What is known of a copy from its snapshot.
pub(crate) fn copied_of(
    snapshot: &DbSnapshot,
    key: &BackupKey,
    run: &RunId,
    side: &SideName,
) -> Option<Copied> {
    let theirs = marks(snapshot.tag_list());
    Some(Copied {
        from: theirs.get("from").and_then(|from| SideName::new(from).ok()).unwrap_or_else(|| side.clone()),
        run: run.clone(),
        key: key.clone(),
        as_of: as_of(snapshot)?,
        verified: Verification::None,
        complete: false,
        position: None,
    })
}
