//! Snapshots: taken on one side, copied by the other.

use aws_sdk_rds::types::{DbInstance, DbSnapshot};
use futures_util::FutureExt as _;
use jiff::Timestamp;
use switchover::port::{Clock, DataError};
use switchover_aws::{Marks, Patience, Seen};

use crate::error::{failed, unfit};
use crate::home::{Home, marks, tags};
use crate::states::{self, Phase};

impl Home {
    /// Takes a snapshot of the live instance, or returns the complete one of that name that is ours. A failed one of ours is replaced.
    ///
    /// The mark `as-of` is the moment before RDS was asked, by AWS's clock: what was acknowledged until then is in it. RDS's own times are
    /// those of its completion.
    pub(crate) async fn take(
        &self,
        patience: &Patience<'_>,
        clock: &dyn Clock,
        name: &str,
        marks: &Marks,
    ) -> Result<DbSnapshot, DataError> {
        if !self.is_there(patience, name, marks).await? {
            self.ready(patience, self.live(), "waiting for production's instance").boxed().await?;
            let taken = marks.clone().with("as-of", &self.account.time(clock));
            let call = self.rds.create_db_snapshot().db_instance_identifier(self.live());
            let answer = call.db_snapshot_identifier(name).set_tags(Some(tags(&taken))).send().boxed().await;
            if let Err(error) = answer {
                let failure = self.failure(&error);
                // The SDK's own second try finds what the first one made.
                if failure.code() != Some("DBSnapshotAlreadyExists") {
                    let shows = || async { Ok(self.snapshot(name).await?.is_some()) };
                    self.settled(patience, &self.place(name), failure, shows).boxed().await?;
                }
            }
        }
        self.complete(patience, name, marks, "taking the snapshot").await
    }

    /// Copies a snapshot of another region or account here, or returns the complete copy. A failed copy of ours is made anew.
    pub(crate) async fn bring(
        &self,
        patience: &Patience<'_>,
        source: &DbSnapshot,
        name: &str,
    ) -> Result<DbSnapshot, DataError> {
        let place = self.place(name);
        let theirs = marks(source.tag_list());
        if !self.is_there(patience, name, &theirs).await? {
            let arn = source
                .db_snapshot_arn()
                .ok_or_else(|| failed(&place, "RDS does not say the snapshot's ARN"))?;
            let encrypted = source.encrypted() == Some(true);
            let key = self.options.kms_key.clone().filter(|_| encrypted);
            if encrypted && key.is_none() {
                return Err(no_key(self));
            }
            let call = self.rds.copy_db_snapshot().source_db_snapshot_identifier(arn).set_kms_key_id(key);
            let answer =
                call.target_db_snapshot_identifier(name).set_tags(Some(tags(&theirs))).send().boxed().await;
            if let Err(error) = answer {
                let failure = self.failure(&error);
                match failure.code() {
                    Some("DBSnapshotAlreadyExists") => {}
                    Some("KMSKeyNotAccessibleFault") => {
                        return Err(unfit(
                            &place,
                            &failure.to_string(),
                            "give the side a `kms_key` of its own region that its credentials may use",
                        ));
                    }
                    _ => {
                        let shows = || async { Ok(self.snapshot(name).await?.is_some()) };
                        self.settled(patience, &place, failure, shows).boxed().await?;
                    }
                }
            }
        }
        self.complete(patience, name, &theirs, "copying the snapshot").await
    }

    /// Lets another account copy a snapshot.
    pub(crate) async fn share(&self, name: &str, account: &str) -> Result<(), DataError> {
        let call = self.rds.modify_db_snapshot_attribute().db_snapshot_identifier(name);
        let answer = call.attribute_name("restore").values_to_add(account).send().boxed().await;
        answer.map(|_| ()).map_err(|error| self.failure(&error).of_acting(&self.place(name)))
    }

    /// Whether a snapshot of ours is there, complete or on its way. A failed one is deleted; one of somebody else is an error.
    async fn is_there(&self, patience: &Patience<'_>, name: &str, wanted: &Marks) -> Result<bool, DataError> {
        let Some(found) = self.snapshot(name).await? else { return Ok(false) };
        let theirs = marks(found.tag_list());
        if ["pair", "store"].iter().any(|key| theirs.get(key) != wanted.get(key)) {
            return Err(unfit(
                &self.place(name),
                "the snapshot's name is taken by one that does not belong to this store",
                "rename or delete that snapshot",
            ));
        }
        match states::of_snapshot(&found) {
            Phase::Ready | Phase::Busy(_) => Ok(true),
            Phase::Broken(_) => {
                self.discard(patience, name).await?;
                Ok(false)
            }
        }
    }

    /// Deletes a snapshot, and waits until it is gone. One that is not there is no error.
    pub(crate) async fn discard(&self, patience: &Patience<'_>, name: &str) -> Result<(), DataError> {
        patience.overseer().permit().await?;
        if let Err(error) = self.rds.delete_db_snapshot().db_snapshot_identifier(name).send().boxed().await {
            let failure = self.failure(&error);
            if failure.code() == Some("DBSnapshotNotFound") {
                return Ok(());
            }
            let gone = || async { Ok(self.snapshot(name).await?.is_none()) };
            self.settled(patience, &self.place(name), failure, gone).boxed().await?;
        }
        patience
            .until(&self.place(name), "deleting the snapshot", || async {
                Ok(match self.snapshot(name).await? {
                    None => Seen::There(()),
                    Some(found) => Seen::coming(found.status().unwrap_or("unknown")),
                })
            })
            .await
    }

    async fn complete(
        &self,
        patience: &Patience<'_>,
        name: &str,
        wanted: &Marks,
        phase: &str,
    ) -> Result<DbSnapshot, DataError> {
        let place = self.place(name);
        let found = patience.until(&place, phase, || async {
            let Some(found) = self.snapshot(name).await? else { return Ok(Seen::coming("not there yet")) };
            match states::of_snapshot(&found) {
                Phase::Ready => Ok(Seen::There(found)),
                Phase::Busy(state) => {
                    let percent = found.percent_progress().and_then(|percent| u8::try_from(percent).ok());
                    Ok(Seen::Coming { state, percent })
                }
                Phase::Broken(state) => Err(failed(
                    &self.place(name),
                    &format!("{phase}: the snapshot is `{state}`. The next sync deletes it and tries again"),
                )),
            }
        });
        let found = found.await?;
        if marks(found.tag_list()).get("run") == wanted.get("run") || wanted.get("complete") != Some("true") {
            return Ok(found);
        }
        Err(unfit(&place, "the snapshot belongs to another run", "sync again"))
    }
}

/// The moment that a snapshot of ours is of.
pub(crate) fn as_of(snapshot: &DbSnapshot) -> Option<Timestamp> {
    marks(snapshot.tag_list()).time("as-of")
}

/// The size of an instance or a snapshot in bytes, from what it is given, in GiB.
pub(crate) fn bytes(gib: Option<i32>) -> u64 {
    gib.and_then(|gib| u64::try_from(gib).ok()).unwrap_or(0) << 30
}

/// The account in an ARN: `arn:aws:rds:REGION:ACCOUNT:db:NAME`.
pub(crate) fn account(arn: Option<&str>) -> Option<&str> {
    arn?.split(':').nth(4)
}

pub(crate) fn no_key(home: &Home) -> DataError {
    unfit(
        &home.place(home.live()),
        "production is encrypted, and this side has no key to encrypt the copy with",
        "give the side a `kms_key` of its own region",
    )
}

/// Whether the copy of an instance's data needs a key on the other side.
pub(crate) fn is_encrypted(instance: &DbInstance) -> bool {
    instance.storage_encrypted() == Some(true)
}
