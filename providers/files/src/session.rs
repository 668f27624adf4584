//! One sync from beginning to end: look, guard, freeze the stand-by, compare, change, compare again, write down what it got.

use switchover::model::{SideName, Verification};
use switchover::port::{Access, Clock, Copied, DataError, FreezeOrder, SyncOrder, SyncPurpose, Synced, Unit};

use crate::freeze::{Freezer, flag_name};
use crate::guard::{self, Seen};
use crate::marker::{Marker, Owner};
use crate::mirror::{Begun, Job, Limits, Mirror, Moved, Site, Sites, Tally, Verified};
use crate::work::Control;

/// What a sync needs to know besides its order.
#[derive(Debug)]
pub(crate) struct Session<'a, B> {
    pub(crate) backend: &'a B,
    pub(crate) owner: &'a Owner,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) order: &'a SyncOrder,
    pub(crate) control: &'a Control,
}

/// The site of a side, or an error that names it.
pub(crate) fn site<'a>(backend: &'a impl Sites, side: &SideName) -> Result<Site<'a>, DataError> {
    backend.site(side).ok_or_else(|| DataError::Unfit {
        place: side.to_string(),
        why: "the store has no such side".to_owned(),
        advice: Some("name both sides of the pair under `sides`".to_owned()),
    })
}

/// Looks at one side.
pub(crate) fn see(
    backend: &impl Sites,
    name: &SideName,
    clock: &dyn Clock,
    control: &Control,
) -> Result<Seen, DataError> {
    let site = site(backend, name)?;
    let look = backend.look(name, control)?;
    Ok(Seen {
        side: name.clone(),
        place: site.shelf.place(),
        path: site.shelf.path().to_owned(),
        identity: look.identity,
        access: Freezer { site, side: name, clock }.access()?,
        marker: Marker::read(site.shelf)?,
    })
}

impl<B: Mirror + Limits> Session<'_, B> {
    pub(crate) fn run(&self) -> Result<Synced, DataError> {
        let (backend, order, control) = (self.backend, self.order, self.control);
        let (mut from, mut to) = self.sides()?;
        guard::places(self.owner, &from, &to, order)?;
        let begun = self.begun(&self.job(&to))?;
        if begun.is_some() {
            // Another sync may have been at work until the lock was had.
            (from, to) = self.sides()?;
            guard::places(self.owner, &from, &to, order)?;
        }
        let complete = order.purpose == SyncPurpose::Final && guard::frozen(&from, &order.run)?;
        let as_of = self.clock.now();
        let mut job = self.job(&to);
        job.began = begun.as_ref().and_then(|begun| begun.source);
        control.advance("comparing", 0, None, Unit::Files);
        let (tally, plan) = backend.compare(&job, control)?;
        guard::changes(&from, &to, &tally, backend.deletions(), order)?;
        let mut copied = Copied {
            from: from.side.clone(),
            run: order.run.clone(),
            key: order.key.clone(),
            as_of,
            verified: Verification::None,
            complete: false,
            position: tally.position.clone(),
        };
        let notes = guard::told(&tally, order.purpose);
        let Some(begun) = begun else { return Ok(rehearsed(copied, &tally, notes)) };
        let (mut source, mut target) = self.prepared(&from, &to, &tally)?;
        let mut moved =
            if tally.is_equal() { Moved::default() } else { backend.apply(&job, &tally, &plan, control)? };
        let verified = self.verified(&job, &tally, &plan)?;
        moved.notes.splice(0..0, notes);
        moved.notes.extend(moved_on(&verified));
        let settled = backend.finish(&begun.lock, control)?;
        copied.verified = verified.how.unwrap_or(Verification::None);
        copied.complete = complete && self.still_frozen()?;
        copied.position = verified.position.or(copied.position);
        source.peer = Some(target.tree.clone());
        source.settled = begun.source;
        source.opened = source.opened && !copied.complete;
        target.copied = Some(copied.clone());
        (target.opened, target.working, target.settled) = (false, None, settled);
        (source.bytes, target.bytes) = (Some(tally.bytes), Some(tally.bytes));
        control.permit()?;
        target.peer = self.mark(&source, &mut moved.notes)?.then(|| source.tree.clone());
        target.write(site(backend, &to.side)?.shelf)?;
        drop(begun.lock);
        Ok(Synced {
            copied,
            bytes: moved.bytes,
            items: moved.files,
            deleted: moved.deleted,
            took_ms: 0,
            notes: moved.notes,
        })
    }

    fn sides(&self) -> Result<(Seen, Seen), DataError> {
        let see = |side| see(self.backend, side, self.clock, self.control);
        Ok((see(self.order.direction.from())?, see(self.order.direction.to())?))
    }

    fn job(&self, to: &Seen) -> Job {
        let marker = to.marker.as_ref().filter(|marker| marker.working.is_none());
        Job {
            from: self.order.direction.from().clone(),
            to: self.order.direction.to().clone(),
            purpose: self.order.purpose,
            verify: self.order.verify,
            run: self.order.run.clone(),
            // After a sync that broke off, its own copies would look like somebody else's.
            settled: marker.and_then(|marker| marker.settled),
            began: None,
        }
    }

    fn begun(&self, job: &Job) -> Result<Option<Begun<B::Lock>>, DataError> {
        if self.order.purpose == SyncPurpose::Rehearsal {
            return Ok(None);
        }
        self.control.permit()?;
        self.backend.begin(job, self.control).map(Some)
    }

    /// The stand-by is frozen without end, and both markers say what is going on.
    fn prepared(&self, from: &Seen, to: &Seen, tally: &Tally) -> Result<(Marker, Marker), DataError> {
        let source = from.marker.clone().map_or_else(|| Marker::new(self.owner, &from.side), Ok)?;
        self.control.permit()?;
        self.freeze_standby(to)?;
        let found = Marker::read(site(self.backend, &to.side)?.shelf)?;
        let fresh = found.is_none();
        let mut target = found.map_or_else(|| Marker::new(self.owner, &to.side), Ok)?;
        if fresh || !tally.is_equal() {
            target.working = Some(self.order.run.clone());
            // From now on it is a mixture, and none of what it was.
            if let Some(copied) = &mut target.copied {
                (copied.complete, copied.verified) = (false, Verification::None);
            }
            target.write(site(self.backend, &to.side)?.shelf)?;
        }
        Ok((source, target))
    }

    fn freeze_standby(&self, to: &Seen) -> Result<(), DataError> {
        let site = site(self.backend, &to.side)?;
        match &to.access {
            Access::Unguarded | Access::Frozen { until: None, .. } => return Ok(()),
            // What lapsed once, on the stand-by, is no reason to leave it open now.
            Access::Lapsed { .. } => site.shelf.remove(flag_name(site.freeze))?,
            Access::Writable | Access::Frozen { until: Some(_), .. } => {}
        }
        let freezer = Freezer { site, side: &to.side, clock: self.clock };
        freezer.freeze(&FreezeOrder { by: self.order.run.clone(), lease: None }, self.control)
    }

    fn verified(&self, job: &Job, tally: &Tally, plan: &B::Plan) -> Result<Verified, DataError> {
        let last = job.purpose == SyncPurpose::Final;
        let known = tally.is_equal() && !last && job.verify <= Verification::Counts;
        if known {
            // The comparison found nothing to do, and so was one.
            return Ok(Verified { how: Some(Verification::Counts), ..Verified::default() });
        }
        if job.verify == Verification::None && !last {
            return Ok(Verified::default());
        }
        self.control.advance("comparing again", 0, None, Unit::Files);
        let verified = self.backend.verify(job, plan, self.control)?;
        let example = verified.example.as_deref().unwrap_or("?");
        if verified.wrong > 0 {
            let place = site(self.backend, &job.to)?.shelf.place();
            let why = format!(
                "{} entries differ from the source after they were copied: {example}",
                verified.wrong
            );
            return Err(DataError::Failed { place, why });
        }
        if last && verified.moved_on > 0 {
            let place = site(self.backend, &job.from)?.shelf.place();
            let why = format!("the source changed during the final sync: {example}");
            return Err(DataError::Failed { place, why });
        }
        Ok(verified)
    }

    fn still_frozen(&self) -> Result<bool, DataError> {
        let from = see(self.backend, self.order.direction.from(), self.clock, self.control)?;
        guard::frozen(&from, &self.order.run)
    }

    /// The source's marker is a help and no part of the copy: where nothing can be written, it is left out.
    fn mark(&self, source: &Marker, notes: &mut Vec<String>) -> Result<bool, DataError> {
        let written = source.write(site(self.backend, &source.side)?.shelf);
        if let Err(error @ DataError::Unauthorized { .. }) = written {
            notes.push(format!("the source could not be marked, so that a missing mount is noticed only when it is empty: {error}"));
            return Ok(false);
        }
        written.map(|()| true)
    }
}

fn rehearsed(copied: Copied, tally: &Tally, notes: Vec<String>) -> Synced {
    Synced { copied, bytes: tally.copy_bytes, items: tally.copies, deleted: tally.deleted, took_ms: 0, notes }
}

fn moved_on(verified: &Verified) -> Option<String> {
    (verified.moved_on > 0).then(|| {
        let example = verified.example.as_deref().unwrap_or("?");
        let count = verified.moved_on;
        format!("{count} entries changed at the source meanwhile and come with the next sync, among them {example}")
    })
}
