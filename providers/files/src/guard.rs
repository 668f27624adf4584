//! What a sync refuses to do, decided from what was seen. Pure.

use switchover::model::{RunId, SideName};
use switchover::port::{Access, DataError, SyncOrder, SyncPurpose};

use crate::marker::{Marker, Owner};
use crate::mirror::Tally;
use crate::options::DeletionLimit;
use crate::shelf::MARKER;

/// One side as a sync finds it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) side: SideName,
    pub(crate) place: String,
    pub(crate) path: String,
    pub(crate) identity: String,
    pub(crate) access: Access,
    pub(crate) marker: Option<Marker>,
}

impl Seen {
    fn tree(&self) -> Option<&str> {
        self.marker.as_ref().map(|marker| marker.tree.as_str())
    }

    fn peer(&self) -> Option<&str> {
        self.marker.as_ref().and_then(|marker| marker.peer.as_deref())
    }

    /// Whether clients may have written here what the other side does not have. Of a tree that was never synced nothing is known.
    pub(crate) fn diverged(&self) -> bool {
        let open = match self.access {
            Access::Writable | Access::Lapsed { .. } => true,
            Access::Frozen { .. } => false,
            // There the comparison tells.
            Access::Unguarded => return false,
        };
        let synced = self.marker.as_ref().filter(|marker| marker.copied.is_some() || marker.peer.is_some());
        synced.is_some_and(|marker| open || marker.opened)
    }

    /// Whether a sync to this side began and did not end.
    fn half_done(&self) -> bool {
        self.marker.as_ref().is_some_and(|marker| marker.working.is_some())
    }

    fn guarded(&self, why: impl Into<String>, advice: &str) -> DataError {
        DataError::Guarded { place: self.place.clone(), why: why.into(), advice: Some(advice.to_owned()) }
    }
}

/// What the two places tell, before anything is compared.
pub(crate) fn places(owner: &Owner, from: &Seen, to: &Seen, order: &SyncOrder) -> Result<(), DataError> {
    if from.identity == to.identity {
        let why = format!("{} and {} are one and the same tree", from.side, to.side);
        return Err(to.guarded(why, "give each side the path of its own tree"));
    }
    for seen in [from, to] {
        let misplaced = seen.marker.as_ref().and_then(|marker| marker.misplaced(owner, &seen.side));
        if let Some(why) = misplaced {
            let advice =
                format!("check the path; if the tree is the right one, remove {MARKER} from its top");
            return Err(seen.guarded(why, &advice));
        }
    }
    if order.overwrite {
        return Ok(());
    }
    if to.peer().is_some_and(|peer| Some(peer) != from.tree()) {
        return Err(from.guarded(
            format!(
                "this is not the tree that {} was in step with: it is not mounted, or was replaced",
                to.side
            ),
            "mount it; if it was replaced on purpose, sync once with --overwrite",
        ));
    }
    if from.peer().is_some_and(|peer| Some(peer) != to.tree()) {
        return Err(to.guarded(
            format!(
                "this is not the tree that {} was in step with: it is not mounted, or was replaced",
                from.side
            ),
            "mount it; if it was replaced on purpose, sync once with --overwrite",
        ));
    }
    if to.diverged() {
        return Err(to.guarded(
            "clients may have written here since the latest sync, and what they wrote would be lost",
            "save what is only here; then sync once with --overwrite",
        ));
    }
    Ok(())
}

/// A final sync starts from a frozen side. Whether its copy can be called complete: only where writes can be refused.
pub(crate) fn frozen(from: &Seen, run: &RunId) -> Result<bool, DataError> {
    let place = from.place.clone();
    match &from.access {
        Access::Unguarded => Ok(false),
        Access::Frozen { by, .. } if by == run => Ok(true),
        Access::Frozen { by, .. } => {
            Err(DataError::NotFrozen { place, why: format!("the freeze is run {by}'s, not run {run}'s") })
        }
        Access::Writable => {
            Err(DataError::NotFrozen { place, why: "a final sync begins after a freeze".to_owned() })
        }
        Access::Lapsed { at, .. } => Err(DataError::Lapsed { place, at: *at }),
    }
}

/// What the comparison tells, before anything is changed.
pub(crate) fn changes(
    from: &Seen,
    to: &Seen,
    tally: &Tally,
    limit: &DeletionLimit,
    order: &SyncOrder,
) -> Result<(), DataError> {
    if tally.files == 0 {
        return Err(from.guarded(
            "there is no file in it; an empty tree is never mirrored over another",
            "mount it; if it is empty on purpose, put a file into it",
        ));
    }
    if order.overwrite {
        return Ok(());
    }
    if tally.foreign > 0 {
        let example = tally.foreign_example.as_deref().unwrap_or("?");
        let why = format!(
            "{} files that would be replaced or deleted changed here since the latest sync, among them {example}",
            tally.foreign
        );
        return Err(to.guarded(why, "save what is only here; then sync once with --overwrite"));
    }
    let stranger = to.marker.as_ref().is_none_or(|marker| marker.copied.is_none());
    if stranger && !to.half_done() && tally.deleted + tally.replaced > 0 {
        let why = format!(
            "it was never synced and holds files of its own: {} would be deleted and {} replaced",
            tally.deleted, tally.replaced
        );
        return Err(to.guarded(why, "check that this is the right tree; then sync once with --overwrite"));
    }
    deletions(to, tally, limit)
}

fn deletions(to: &Seen, tally: &Tally, limit: &DeletionLimit) -> Result<(), DataError> {
    let share = u128::from(tally.deleted) * 100 > u128::from(tally.there) * u128::from(limit.percent);
    let many = limit.files.is_some_and(|most| tally.deleted > most);
    if tally.deleted <= limit.allowed || !(share || many) {
        return Ok(());
    }
    let bound = match limit.files {
        Some(most) if many => format!("{most} files"),
        Some(_) | None => format!("{} %", limit.percent),
    };
    let why = format!("{} of {} files would be deleted; the limit is {bound}", tally.deleted, tally.there);
    Err(to.guarded(
        why,
        "if they are meant to go, sync once with --overwrite, or raise the limit in `deletions`",
    ))
}

/// Words for what a rehearsal would do.
pub(crate) fn told(tally: &Tally, purpose: SyncPurpose) -> Vec<String> {
    let mut notes = Vec::new();
    if purpose == SyncPurpose::Rehearsal {
        notes.push(format!(
            "{} of {} files would be copied, {} of them over others, and {} deleted",
            tally.copies, tally.files, tally.replaced, tally.deleted
        ));
    }
    if tally.skipped > 0 {
        notes.push(format!("{} sockets, pipes and devices are left out", tally.skipped));
    }
    notes
}
