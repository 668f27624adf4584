//! The passes over two trees that make a sync, and the one over a single tree.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use switchover::model::Verification;
use switchover::port::{DataError, SyncPurpose};

use super::root::{Freshness, Root};
use super::walk::{Pass, Plan, Settings, Walk, lock};
use crate::directory::Scan;
use crate::mirror::{Job, Moved, Tally, Verified};
use crate::work::Control;

/// One tree: files, bytes, and a digest of what is known of every entry.
pub(crate) fn scanned(root: &Root, settings: Settings, control: &Control) -> Result<Scan, DataError> {
    let walk = Walk::new(root, None, Pass::Scan, settings, control);
    walk.all()?;
    let counts = lock(&walk.counts);
    Ok(Scan { files: counts.tally.files, bytes: counts.tally.bytes, digest: counts.position() })
}

/// What differs, and where.
pub(crate) fn compared(
    [from, to]: [&Root; 2],
    job: &Job,
    settings: Settings,
    control: &Control,
) -> Result<(Tally, Plan), DataError> {
    let mut walk = Walk::new(from, Some(to), Pass::Compare, settings, control);
    walk.settled = job.settled;
    *lock(&walk.plan) = Plan(Some(BTreeSet::new()));
    if job.purpose == SyncPurpose::Final {
        walk.fresh = Freshness::Asked;
    }
    walk.all()?;
    let mut counts = lock(&walk.counts);
    let position = counts.position();
    let mut tally = std::mem::take(&mut counts.tally);
    tally.position = Some(position);
    Ok((tally, std::mem::take(&mut *lock(&walk.plan))))
}

/// Copies what differs.
pub(crate) fn applied(
    [from, to]: [&Root; 2],
    job: &Job,
    tally: &Tally,
    plan: &Plan,
    settings: Settings,
    control: &Control,
) -> Result<Moved, DataError> {
    let mut walk = Walk::new(from, Some(to), Pass::Apply, settings, control);
    walk.total = tally.copy_bytes;
    walk.began = job.began.filter(|_| job.purpose != SyncPurpose::Final);
    walk.planned(plan, false)?;
    walk.settle_modes()?;
    let mut counts = lock(&walk.counts);
    let mut moved = std::mem::take(&mut counts.moved);
    if counts.unsteady > 0 {
        let example = counts.unsteady_example.as_deref().unwrap_or("?");
        let note = format!(
            "{} files changed each time they were copied, and are left as they were at the stand-by, among them {example}",
            counts.unsteady
        );
        moved.notes.push(note);
    }
    Ok(moved)
}

/// Deletes what is too much; returns how many files.
pub(crate) fn deleted(
    [from, to]: [&Root; 2],
    tally: &Tally,
    plan: &Plan,
    settings: Settings,
    control: &Control,
) -> Result<u64, DataError> {
    let walk = Walk::new(from, Some(to), Pass::Delete, settings, control);
    walk.budget.store(tally.deleted, Ordering::SeqCst);
    walk.planned(plan, false)?;
    walk.remove_emptied()?;
    let counts = lock(&walk.counts);
    Ok(counts.moved.deleted)
}

/// What still differs.
pub(crate) fn verified(
    [from, to]: [&Root; 2],
    job: &Job,
    plan: &Plan,
    settings: Settings,
    control: &Control,
) -> Result<Verified, DataError> {
    let content = job.verify == Verification::Content;
    let mut walk = Walk::new(from, Some(to), Pass::Verify { content }, settings, control);
    walk.began = job.began;
    let whole = content || job.purpose == SyncPurpose::Final;
    if whole {
        walk.fresh = Freshness::Asked;
        walk.all()?;
    } else {
        walk.planned(plan, true)?;
    }
    let mut counts = lock(&walk.counts);
    let position = counts.position();
    let mut verified = std::mem::take(&mut counts.verified);
    verified.how = Some(if content { Verification::Content } else { Verification::Counts });
    verified.position = whole.then_some(position);
    Ok(verified)
}
