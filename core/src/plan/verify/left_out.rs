//! The rules about what a swap does around its data and names: none of it is left out unless somebody said so.

use std::time::Duration;

use super::Checker;
use crate::action::{Action, Rule};
use crate::model::{Activity, Moment, ScheduleId};
use crate::observe::Place;
use crate::plan::{Intent, Shift, Waiver};
use crate::port::SyncPurpose;

impl Checker<'_> {
    pub(super) fn nothing_left_out(&mut self) {
        match self.plan.intent {
            Intent::Switchover => {
                self.heeds_status_pages();
                self.shows_what_is_approved();
                self.plan.shifts.iter().for_each(|shift| self.is_complete(shift));
                self.tells();
            }
            Intent::Revert => {
                self.plan.shifts.iter().for_each(|shift| self.is_complete(shift));
                self.tells();
            }
            Intent::Failover => self.tells(),
            Intent::Prepare
            | Intent::RestoreTtl
            | Intent::Sync
            | Intent::Finalize
            | Intent::Drill
            | Intent::Reprotect => {}
        }
    }

    fn is_complete(&mut self, shift: &Shift) {
        let embargo = self.is_shielded(shift) || self.waives(&Waiver::Embargo);
        self.require(embargo, &shift.environment, "production is under embargo while it is swapped");
        let paused = self.is_paused(shift) || self.waives(&Waiver::Schedules);
        self.require(
            paused,
            &shift.environment,
            "what the stand-by starts by the clock is paused before it takes production",
        );
        let watched = self.is_watched(shift) || self.waives(&Waiver::Soak);
        self.require(
            watched,
            &shift.environment,
            "an environment that asks for it is watched after the swap",
        );
    }

    /// Whoever is asked finds production's data on the stand-by.
    fn shows_what_is_approved(&mut self) {
        let syncs = self.syncs();
        let gates = self.delivered(Action::as_gate);
        let Some(gate) = gates.iter().map(|(place, ..)| *place).min() else { return };
        for (_, _, last) in syncs.iter().filter(|(_, _, sync)| sync.purpose == SyncPurpose::Final) {
            let shown = syncs.iter().any(|(place, _, sync)| {
                *place < gate && sync.store == last.store && sync.purpose == SyncPurpose::Routine
            });
            self.require(
                shown || self.waives(&Waiver::ReviewCopy),
                &last.store,
                "the stand-by's data is brought up to date before people are asked",
            );
        }
    }

    /// People hear how every swap ended, and the role table says so.
    fn tells(&mut self) {
        if self.plan.is_empty() {
            return;
        }
        let told = self.delivered(Action::as_announce);
        for announcer in &self.pair.announce {
            let hears =
                told.iter().any(|(_, _, said)| said.to == *announcer && said.moment == Moment::Finished);
            self.require(
                hears || self.waives(&Waiver::Announcements),
                announcer,
                "every announcer hears how a swap ended",
            );
        }
        let written = self.plan.steps().any(|step| step.action.as_write_role_table().is_some());
        self.require(
            written || self.pair.role_table.is_none() || self.waives(&Waiver::RoleTable),
            self.plan.intent,
            "a swap writes the role table",
        );
    }

    /// Trouble at a vendor keeps from setting out.
    fn heeds_status_pages(&mut self) {
        let bad = self.snapshot.errors().any(|finding| matches!(finding.place, Place::StatusPage { .. }));
        self.require(
            !bad || self.plan.is_empty() || self.waives(&Waiver::StatusPages),
            self.plan.intent,
            "nobody sets out for a swap while a status page that is a gate reports trouble",
        );
    }

    /// Before users are moved; a deployment has a rule of its own.
    fn is_shielded(&self, shift: &Shift) -> bool {
        let Shift { environment, from, .. } = shift;
        let deploys = self.delivered(Action::as_deploy);
        if !self.has_embargo(from, environment) || !deploys.is_empty() {
            return true;
        }
        self.delivered(Action::as_set_embargo).iter().any(|(place, _, set)| {
            let there = set.side == *from && set.environment == *environment && set.rule == Rule::Imposed;
            there && self.plan.pivot_stage().is_none_or(|pivot| *place < pivot)
        })
    }

    fn is_paused(&self, shift: &Shift) -> bool {
        let view = self.snapshot.deliveries.get(&shift.to);
        let known = view.and_then(|view| view.schedules.get(&shift.environment));
        let running = known.into_iter().flatten().filter(|known| known.activity == Activity::Active);
        let switches = self.delivered(Action::as_switch_schedules);
        let paused = |id: &ScheduleId| {
            switches.iter().any(|(place, _, switch)| {
                let before = self.plan.pivot_stage().is_none_or(|pivot| *place < pivot);
                let there = switch.side == shift.to && switch.to == Activity::Paused;
                before && there && switch.schedules.iter().any(|schedule| schedule.id == *id)
            })
        };
        running.into_iter().all(|schedule| paused(&schedule.id))
    }

    fn is_watched(&self, shift: &Shift) -> bool {
        let policy = self.pair.environment(&shift.environment).ok().map(|found| &found.policy);
        let Some(wanted) = policy.and_then(|policy| policy.soak) else { return true };
        self.delivered(Action::as_soak).iter().any(|(place, _, soak)| {
            let after = self.plan.pivot_stage().is_some_and(|pivot| *place > pivot);
            after && Duration::from_millis(soak.for_ms) >= wanted
        })
    }
}
