//! The rules about data: one writable side, nothing lost, and never from the stand-by to production.

use super::Checker;
use crate::action::{Action, FreezeStore, SyncStore, ThawStore};
use crate::model::{SideName, StoreRef};
use crate::plan::{Intent, Shift, Step};
use crate::port::{Access, SyncPurpose};

/// Whether what undoes a freeze is its thaw, or nothing.
pub(super) fn takes_back(freeze: &FreezeStore, undo: Option<&Action>) -> bool {
    undo.is_none_or(|undo| {
        undo.as_thaw_store().is_some_and(|thaw| thaw.store == freeze.store && thaw.side == freeze.side)
    })
}

/// Whether what undoes a sync is the same sync as it was before the freeze, or nothing.
pub(super) fn goes_on(sync: &SyncStore, undo: Option<&Action>) -> bool {
    undo.is_none_or(|undo| {
        undo.as_sync_store().is_some_and(|back| {
            back.store == sync.store
                && back.direction == sync.direction
                && sync.purpose == SyncPurpose::Final
                && back.purpose == SyncPurpose::Routine
        })
    })
}

impl<'a> Checker<'a> {
    /// Every action on stores with its place.
    pub(super) fn on_stores<T>(
        &self,
        wanted: impl Fn(&'a Action) -> Option<&'a T>,
    ) -> Vec<(usize, &'a Step, &'a T)> {
        let stages = self.plan.stages.iter().enumerate();
        let steps = stages.flat_map(|(place, stage)| stage.steps.iter().map(move |step| (place, step)));
        steps.filter_map(|(place, step)| Some((place, step, wanted(&step.action)?))).collect()
    }

    pub(super) fn freezes(&self) -> Vec<(usize, &'a Step, &'a FreezeStore)> {
        self.on_stores(Action::as_freeze_store)
    }

    pub(super) fn thaws(&self) -> Vec<(usize, &'a Step, &'a ThawStore)> {
        self.on_stores(Action::as_thaw_store)
    }

    pub(super) fn syncs(&self) -> Vec<(usize, &'a Step, &'a SyncStore)> {
        self.on_stores(Action::as_sync_store)
    }

    pub(super) fn shift_of(&self, store: &StoreRef) -> Option<&'a Shift> {
        self.plan.shifts.iter().find(|shift| shift.environment == store.environment)
    }

    fn access(&self, store: &StoreRef, side: &SideName) -> Option<&'a Access> {
        Some(&self.snapshot.stores.get(store)?.sides.get(side)?.access)
    }

    /// The rules of every plan that touches a store.
    pub(super) fn data(&mut self) {
        match self.plan.intent {
            Intent::Switchover | Intent::Revert => {
                for shift in &self.plan.shifts {
                    let environment = self.pair.environment(&shift.environment);
                    let stores: Vec<StoreRef> = environment
                        .into_iter()
                        .flat_map(|found| found.stores().map(|(store, _)| store))
                        .collect();
                    for store in stores {
                        self.moves(&store, shift);
                    }
                }
                self.only_stores_that_shift();
            }
            Intent::Sync => {
                let only = self.plan.steps().find(|step| step.action.as_sync_store().is_none());
                let id = only.map(|step| step.id.to_string()).unwrap_or_default();
                self.require(only.is_none(), id, "a sync does nothing but sync");
                self.only_syncs();
            }
            Intent::Finalize => {
                let none = self.freezes().is_empty() && self.thaws().is_empty();
                self.require(none, self.plan.intent, "only a swap freezes and thaws");
                self.only_syncs();
            }
            // Its own rules are stricter.
            Intent::Drill => {}
            Intent::Failover => self.failover_data(),
            Intent::Reprotect => self.reprotect_data(),
            Intent::Prepare | Intent::RestoreTtl => {
                let none = self.freezes().is_empty() && self.thaws().is_empty() && self.syncs().is_empty();
                self.require(none, self.plan.intent, "a change of TTLs touches no data");
            }
        }
    }

    /// One store of an environment that swaps: frozen, brought over, fenced, and only then thawed on the other side.
    fn moves(&mut self, store: &StoreRef, shift: &Shift) {
        let pivot = self.plan.pivot_stage().unwrap_or_default();
        let on_old = |freeze: &FreezeStore| freeze.store == *store && freeze.side == shift.from;
        let freezes = self.freezes();
        let leased = freezes.iter().find(|(_, _, freeze)| on_old(freeze) && freeze.lease_ms.is_some());
        let fence = freezes.iter().find(|(_, _, freeze)| on_old(freeze) && freeze.lease_ms.is_none());
        let syncs = self.syncs();
        let last =
            syncs.iter().find(|(_, _, sync)| sync.store == *store && sync.purpose == SyncPurpose::Final);
        let thaws = self.thaws();
        let thaw = thaws.iter().find(|(_, _, thaw)| thaw.store == *store && thaw.side == shift.to);
        let fenced = fence.is_some_and(|(place, _, _)| *place < pivot);
        self.require(fenced, store, "the old side is fenced before the new one takes writes or traffic");
        let guarded =
            thaw.is_some_and(|(place, _, thaw)| *place >= pivot && thaw.fenced.as_ref() == Some(&shift.from));
        self.require(
            guarded,
            store,
            "the new side takes writes from the pivot on, once the old one is seen fenced",
        );
        let moved = matches!(self.access(store, &shift.from), Some(Access::Frozen { until: None, .. }))
            && matches!(self.access(store, &shift.to), Some(Access::Writable));
        if moved {
            self.require(last.is_none(), store, "data that has the new roles already is not written over");
            return;
        }
        let in_order = match (leased, last, fence) {
            (Some((freeze, ..)), Some((sync, ..)), Some((fence, ..))) => freeze < sync && sync < fence,
            (None, _, _) | (_, None, _) | (_, _, None) => false,
        };
        self.require(
            in_order,
            store,
            "the last sync starts after the freeze was proved, and the fence follows it",
        );
        let proved = leased.is_some_and(|(_, _, freeze)| freeze.prove);
        self.require(proved, store, "a freeze counts only when it was proved");
        let undone = leased.is_some_and(|(_, step, _)| step.undo.is_some());
        self.require(undone, store, "a freeze can be taken back before the pivot");
    }

    /// Nothing is done to a store but what its role asks for.
    fn only_stores_that_shift(&mut self) {
        let pivot = self.plan.pivot_stage().unwrap_or_default();
        for (place, step, sync) in self.syncs() {
            let shift = self.shift_of(&sync.store);
            let source =
                if place < pivot { shift.map(|shift| &shift.from) } else { shift.map(|shift| &shift.to) };
            let way = source == Some(sync.direction.from()) && sync.purpose != SyncPurpose::Rehearsal;
            self.require(
                way,
                &step.id,
                "data flows from the side that is production by then to the other one",
            );
            let last = sync.purpose == SyncPurpose::Final && place >= pivot;
            self.require(!last, &step.id, "the last sync comes before the pivot");
            self.require(
                !sync.overwrite,
                &step.id,
                "a swap writes over no data that production does not hold",
            );
        }
        for (place, step, freeze) in self.freezes() {
            let old = self.shift_of(&freeze.store).map(|shift| &shift.from);
            self.require(old == Some(&freeze.side), &step.id, "only the old side is frozen");
            self.require(place < pivot, &step.id, "freezes come before the pivot");
        }
        for (place, step, thaw) in self.thaws() {
            let new = self.shift_of(&thaw.store).map(|shift| &shift.to);
            self.require(
                new == Some(&thaw.side) && place >= pivot,
                &step.id,
                "only the new side is thawed, and not before the pivot",
            );
        }
    }

    /// A sync by itself freezes nobody, moves nobody, and starts at production.
    fn only_syncs(&mut self) {
        for (_, step, sync) in self.syncs() {
            let roles = self.snapshot.roles.get(&sync.store.environment);
            let production = roles.and_then(|roles| roles.production());
            self.require(
                production == Some(sync.direction.from()),
                &step.id,
                "data flows from the side that is production to the other one",
            );
            self.require(sync.purpose != SyncPurpose::Final, &step.id, "only a swap makes a last sync");
        }
    }
}
