//! Restore the newest backup of a store beside the stand-by's data, compare it, and remove it again.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{self, Either};
use serde::{Deserialize, Serialize};

use super::perform::{doubling, milliseconds};
use super::store::{failed, run_out};
use super::{Acted, Context, Look, Perform};
use crate::journal::Fact;
use crate::model::{Backup, BackupState, SideName, StoreRef, Verification};
use crate::port::{Backups, DataError};

/// A trial of the newest backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyBackup {
    /// The store.
    pub store: StoreRef,
    /// The side beside whose data it is restored: the stand-by.
    pub side: SideName,
    /// How long it may take, in milliseconds.
    pub deadline_ms: u64,
}

#[derive(Debug)]
pub(super) struct Verifying<'a> {
    action: &'a VerifyBackup,
    verified: Option<Fact>,
}

/// The backup that is of the latest moment, as far as their manifests tell: one that is damaged is not passed over for an older one.
/// Unfinished ones are: another process may be making them right now.
fn newest(listed: Vec<Backup>) -> Option<Backup> {
    let as_of = |backup: &Backup| backup.manifest.as_ref().map(|manifest| manifest.as_of);
    let finished = listed.into_iter().filter(|backup| backup.state != BackupState::Partial);
    finished.max_by_key(|backup| (backup.key.date(), as_of(backup), backup.key.clone()))
}

impl<'a> Verifying<'a> {
    pub(super) fn new(action: &'a VerifyBackup) -> Self {
        Self { action, verified: None }
    }
}

impl VerifyBackup {
    async fn verify(&self, context: &Context<'_>, backups: &dyn Backups) -> Result<Fact, DataError> {
        let began = context.ports.clock.monotonic();
        let Some(backup) = newest(backups.list().await?) else {
            return Err(DataError::Unfit {
                place: self.store.to_string(),
                why: "there is no backup that could be restored".to_owned(),
                advice: Some("`sync-data` makes one".to_owned()),
            });
        };
        let (key, side) = (&backup.key, &self.side);
        let found = backups.verify(key, side, Verification::Content, &*context.overseer).await?;
        let took = context.ports.clock.monotonic().saturating_sub(began);
        let manifest = found.manifest.or(backup.manifest);
        Ok(Fact::Restored {
            key: backup.key,
            as_of: manifest.as_ref().map(|manifest| manifest.as_of),
            bytes: manifest.map_or(0, |manifest| manifest.bytes),
            took_ms: milliseconds(took),
        })
    }
}

#[async_trait]
impl Perform for Verifying<'_> {
    async fn look(&mut self, _: &Context<'_>) -> Look {
        match &self.verified {
            Some(fact) => Look::Done(vec![fact.clone()]),
            None => Look::Ready { partial: false },
        }
    }

    async fn act(&mut self, context: &Context<'_>) -> Acted {
        let store = &self.action.store;
        let Some(backups) = context.ports.backups.get(store) else {
            return Acted::Refused(format!("the store {store} keeps no backups"));
        };
        let work = Box::pin(self.action.verify(context, &**backups));
        let deadline = Duration::from_millis(self.action.deadline_ms);
        let outcome = future::select(work, Box::pin(run_out(context, deadline))).await;
        match outcome {
            Either::Left((Ok(fact), _)) => {
                self.verified = Some(fact);
                Acted::Accepted(Vec::new())
            }
            Either::Left((Err(error), _)) => failed(&error),
            // Dropped with all that it had begun; a later one clears away what it left.
            Either::Right((why, _)) if context.stop.is_stopped() => Acted::Later(why),
            Either::Right((why, _)) => Acted::Refused(format!("{store}: {why}")),
        }
    }

    fn pause(&self, looks: u32) -> Duration {
        doubling(Duration::from_millis(250), Duration::from_secs(30), looks)
    }

    /// It changes nothing but what lies beside the data, which the next one clears away.
    fn in_flight(&self, _: &Context<'_>) -> Duration {
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::newest;
    use crate::model::{Backup, BackupState, Manifest, PairName, SideName};

    fn backup(key: &str, as_of: Option<&str>, state: BackupState) -> Backup {
        let manifest = as_of.map(|as_of| Manifest {
            format: 1,
            key: key.parse().unwrap(),
            pair: PairName::new("gigadb").unwrap(),
            store: "live/database".parse().unwrap(),
            source: SideName::new("hongkong").unwrap(),
            place: "db".to_owned(),
            as_of: as_of.parse().unwrap(),
            finished: as_of.parse().unwrap(),
            bytes: 1,
            items: BTreeMap::new(),
            digests: BTreeMap::new(),
            files: BTreeMap::new(),
            versions: BTreeMap::new(),
            verified: None,
        });
        Backup { key: key.parse().unwrap(), state, place: "disk".to_owned(), manifest }
    }

    fn chosen(listed: Vec<Backup>) -> Option<String> {
        newest(listed).map(|backup| backup.key.to_string())
    }

    #[test]
    fn the_newest_is_of_the_latest_moment_whatever_its_key() {
        let scheduled = backup("20261121", Some("2026-11-21T02:15:00Z"), BackupState::Complete);
        let by_hand = backup("202611210100", Some("2026-11-21T01:00:00Z"), BackupState::Complete);
        let old = backup("202611201500", Some("2026-11-20T15:00:00Z"), BackupState::Complete);
        assert_eq!(chosen(vec![old, scheduled, by_hand]), Some("20261121".to_owned()));
    }

    #[test]
    fn an_unfinished_one_is_passed_over_and_a_damaged_one_is_not() {
        let good = backup("20261120", Some("2026-11-20T02:15:00Z"), BackupState::Complete);
        let partial = backup("20261122", None, BackupState::Partial);
        let damaged = backup("20261121", None, BackupState::Damaged { why: "no manifest".to_owned() });
        assert_eq!(chosen(vec![good.clone(), partial.clone()]), Some("20261120".to_owned()));
        assert_eq!(chosen(vec![good, damaged, partial]), Some("20261121".to_owned()));
        assert_eq!(chosen(Vec::new()), None);
    }
}
