//! The rules of a failover and of a reprotect: nothing waits for the lost side, nothing lets it write, and nothing is lost unsaid.

use std::time::Duration;

use super::Checker;
use crate::action::{Action, FenceLost, KeepData, TakeOver, ThawStore, between};
use crate::model::{SideName, StoreRef};
use crate::plan::failover::{FENCE_BEFORE, FIRST_PATIENCE, whole_since};
use crate::plan::{Intent, OnFailure, Shift, Step, Waiver};
use crate::port::SyncPurpose;

/// Whether what undoes a fence of the lost side is its thaw, once the other side is seen frozen; or nothing.
pub(super) fn lets_go(fence: &FenceLost, undo: Option<&Action>) -> bool {
    undo.is_none_or(|undo| {
        undo.as_thaw_store()
            .is_some_and(|thaw| thaw.store == fence.store && thaw.side == fence.side && thaw.fenced.is_some())
    })
}

impl<'a> Checker<'a> {
    fn takeovers(&self) -> Vec<(usize, &'a Step, &'a TakeOver)> {
        self.on_stores(Action::as_take_over)
    }

    fn lost_fences(&self) -> Vec<(usize, &'a Step, &'a FenceLost)> {
        self.on_stores(Action::as_fence_lost)
    }

    fn keeps(&self) -> Vec<(usize, &'a Step, &'a KeepData)> {
        self.on_stores(Action::as_keep_data)
    }

    /// Only a failover takes over and reaches for the lost side; only a reprotect keeps what diverged.
    pub(super) fn each_to_its_intent(&mut self) {
        let intent = self.plan.intent;
        let takes = !self.takeovers().is_empty() || !self.lost_fences().is_empty();
        self.require(
            !takes || intent == Intent::Failover,
            intent,
            "only a failover takes data over from a side that is lost",
        );
        let keeps = !self.keeps().is_empty();
        self.require(!keeps || intent == Intent::Reprotect, intent, "only a reprotect keeps what diverged");
    }

    /// Where a side is owed, nothing but a reprotect writes to it, and production does not move there.
    pub(super) fn nothing_to_what_is_owed(&mut self) {
        for owed in self.history.owed() {
            let moves = self
                .plan
                .shifts
                .iter()
                .any(|shift| shift.environment == owed.environment && shift.to == owed.side);
            self.require(!moves, &owed.environment, "production moves to no side that is owed a fence");
            let writes = self.syncs().into_iter().any(|(_, _, sync)| {
                sync.store.environment == owed.environment && *sync.direction.to() == owed.side
            });
            self.require(
                !writes || moves || self.plan.intent == Intent::Reprotect,
                &owed.environment,
                "only a reprotect writes to a side that is owed a fence",
            );
        }
    }

    pub(super) fn failover_data(&mut self) {
        let none = self.syncs().is_empty() && self.freezes().is_empty();
        self.require(none, self.plan.intent, "a failover brings nothing over and waits for no freeze");
        for shift in &self.plan.shifts {
            for store in self.stores_of(shift) {
                self.takes_over(&store, shift);
                self.fences(&store, shift);
            }
        }
        self.lets_nobody_else_write();
    }

    fn stores_of(&self, shift: &Shift) -> Vec<StoreRef> {
        let environment = self.pair.environment(&shift.environment);
        environment.into_iter().flat_map(|found| found.stores().map(|(store, _)| store)).collect()
    }

    /// Taken over before the pivot, from a copy that is known, with as much to lose as was accepted; thawed without a look at the lost side.
    fn takes_over(&mut self, store: &StoreRef, shift: &Shift) {
        let pivot = self.plan.pivot_stage().unwrap_or_default();
        let takeovers = self.takeovers();
        let taken = takeovers.iter().find(|(_, _, taken)| taken.store == *store && taken.side == shift.to);
        let before =
            taken.is_some_and(|(place, step, _)| *place < pivot && step.on_failure == OnFailure::Stop);
        self.require(before, store, "the new side stands alone with its data before it takes writes");
        if let Some((_, _, taken)) = taken {
            self.nothing_unsaid(store, taken);
        }
        let thaws = self.thaws();
        let thawed = thaws.iter().any(|(place, _, thaw)| {
            thaw.store == *store && thaw.side == shift.to && *place >= pivot && thaw.fenced.is_none()
        });
        self.require(thawed, store, "a failover's thaw waits for nothing of the lost side");
    }

    fn nothing_unsaid(&mut self, store: &StoreRef, taken: &TakeOver) {
        let copy = self.snapshot.lost.as_ref().and_then(|lost| lost.copies.get(store));
        let known = copy.and_then(whole_since) == Some(taken.as_of);
        self.require(known, store, "a failover says from when on writes may be lost");
        let age = between(taken.as_of, self.snapshot.at);
        let accepted = Duration::from_millis(taken.accepted_ms) >= age;
        self.require(accepted, store, "what a failover may lose was accepted");
        let whole = copy.is_some_and(|copy| copy.unfinished.is_none());
        self.require(
            whole || self.plan.waivers.contains(&Waiver::UnfinishedCopy),
            store,
            "a copy that a sync left unfinished is taken over only if somebody said so",
        );
    }

    /// The lost side is told to refuse writes before and after, and holds nothing up.
    fn fences(&mut self, store: &StoreRef, shift: &Shift) {
        let pivot = self.plan.pivot_stage().unwrap_or_default();
        let all = self.lost_fences();
        let ours = || all.iter().filter(|(_, _, fence)| fence.store == *store && fence.side == shift.from);
        let both = ours().any(|(place, ..)| *place < pivot) && ours().any(|(place, ..)| *place > pivot);
        self.require(both, store, "the lost side is fenced before the pivot and once more afterwards");
        let proved = ours().filter(|(place, ..)| *place > pivot).all(|(_, _, fence)| fence.prove);
        self.require(proved, store, "the fence of the lost side is proved once the names have moved");
        for (place, step, fence) in ours() {
            self.require(
                step.on_failure == OnFailure::Note,
                &step.id,
                "a step at the lost side may fail without stopping the run",
            );
            let brief = step.deadline() <= FENCE_BEFORE && fence.patience() <= FIRST_PATIENCE && !fence.prove;
            self.require(
                *place > pivot || brief,
                &step.id,
                "the lost side delays the pivot by seconds at most",
            );
            let undone = step.undo.is_some();
            self.require(*place > pivot || undone, &step.id, "a fence can be taken back before the pivot");
        }
    }

    fn lets_nobody_else_write(&mut self) {
        for (place, step, thaw) in self.thaws() {
            let new = self.shift_of(&thaw.store).map(|shift| &shift.to);
            let pivot = self.plan.pivot_stage().unwrap_or_default();
            self.require(
                new == Some(&thaw.side) && place >= pivot,
                &step.id,
                "a failover lets nobody write but the new side, and not before the pivot",
            );
        }
        let sides = self.plan.shifts.iter().map(|shift| (&shift.environment, &shift.from));
        let lost: Vec<(_, &SideName)> = sides.collect();
        for (_, step, fence) in self.lost_fences() {
            let at = (&fence.store.environment, &fence.side);
            self.require(lost.contains(&at), &step.id, "only the lost side is fenced");
        }
    }

    /// The lost side is frozen with proof, what diverged is kept, and only then is anything written there; and nobody is let in.
    pub(super) fn reprotect_data(&mut self) {
        let moves = self.zone_changes().next().is_some() || !self.plan.shifts.is_empty();
        self.require(!moves && self.plan.pivot.is_none(), self.plan.intent, "a reprotect moves no traffic");
        let thawed: Vec<&ThawStore> = self
            .plan
            .steps()
            .flat_map(|step| [Some(&step.action), step.undo.as_ref()])
            .flatten()
            .filter_map(Action::as_thaw_store)
            .collect();
        self.require(thawed.is_empty(), self.plan.intent, "a reprotect lets nobody write");
        for (place, step, sync) in self.syncs() {
            let owed = self.history.owed_in(&sync.store.environment);
            let right = owed.as_ref().is_some_and(|owed| {
                owed.side == *sync.direction.to() && owed.stores.iter().any(|debt| debt.store == sync.store)
            });
            self.require(right, &step.id, "a reprotect writes only to the side that was lost");
            let roles = self.snapshot.roles.get(&sync.store.environment);
            let production = roles.and_then(|roles| roles.production());
            let way = production == Some(sync.direction.from()) && sync.purpose == SyncPurpose::Routine;
            self.require(way, &step.id, "a reprotect brings data from the new production, and only there");
            self.frozen_and_kept(place, step, &sync.store, sync.direction.to());
        }
        let only = self.plan.steps().all(|step| is_of_reprotect(&step.action));
        self.require(
            only,
            self.plan.intent,
            "a reprotect freezes, keeps, syncs and brings into line, and does nothing else",
        );
    }

    fn frozen_and_kept(&mut self, place: usize, step: &Step, store: &StoreRef, side: &SideName) {
        let freezes = self.freezes();
        let frozen = freezes
            .iter()
            .find(|(_, _, freeze)| freeze.store == *store && freeze.side == *side)
            .filter(|(_, _, freeze)| freeze.prove && freeze.lease_ms.is_none())
            .map(|(at, ..)| *at);
        self.require(
            frozen.is_some_and(|at| at < place),
            &step.id,
            "the lost side is frozen for good, with proof, before anything is written there",
        );
        let keeps = self.keeps();
        let kept =
            keeps.iter().find(|(_, _, keep)| keep.store == *store && keep.side == *side).map(|(at, ..)| *at);
        let in_order = kept.is_some_and(|kept| kept < place && frozen.is_none_or(|frozen| frozen < kept));
        self.require(
            in_order || self.plan.waivers.contains(&Waiver::KeepDiverged),
            &step.id,
            "what diverged is kept before anything is written over it",
        );
    }
}

fn is_of_reprotect(action: &Action) -> bool {
    match action {
        Action::FreezeStore(_)
        | Action::KeepData(_)
        | Action::SyncStore(_)
        | Action::SetEmbargo(_)
        | Action::SwitchSchedules(_)
        | Action::ChangeSettings(_) => true,
        Action::ChangeRecords(_)
        | Action::AwaitRecords(_)
        | Action::RunChecks(_)
        | Action::Hold(_)
        | Action::ThawStore(_)
        | Action::ProveFrozen(_)
        | Action::VerifyBackup(_)
        | Action::TakeOver(_)
        | Action::FenceLost(_)
        | Action::Deploy(_)
        | Action::Gate(_)
        | Action::Soak(_)
        | Action::Announce(_)
        | Action::WriteRoleTable(_) => false,
    }
}
