//! The rules about what tells people: it never stands in the way of a run, and never says what is not so.

use super::Checker;
use crate::action::{ANNOUNCE_DEADLINE, Action, Announce, Servers};
use crate::model::{Holding, Moment};
use crate::plan::{OnFailure, Step};

/// Whether an action changes nothing that users reach.
pub(super) fn only_tells(action: &Action) -> bool {
    action.as_announce().is_some() || action.as_write_role_table().is_some()
}

impl Checker<'_> {
    /// The rules of every plan that tells people something.
    pub(super) fn telling(&mut self) {
        let plan = self.plan;
        for (place, stage) in plan.stages.iter().enumerate() {
            for step in &stage.steps {
                if only_tells(&step.action) {
                    self.stops_nothing(place, step);
                }
                if let Some(announce) = step.action.as_announce() {
                    self.announcement(place, step, announce);
                }
                if step.action.as_write_role_table().is_some() {
                    self.role_table(place, step);
                }
            }
        }
    }

    fn is_last(&self, place: usize) -> bool {
        place + 1 == self.plan.stages.len()
    }

    fn stops_nothing(&mut self, place: usize, step: &Step) {
        self.require(
            step.on_failure == OnFailure::Note,
            &step.id,
            "what only tells people never stops a run",
        );
        self.require(
            self.plan.pivot_stage() != Some(place),
            &step.id,
            "the pivot's stage holds nothing that only tells people",
        );
    }

    fn announcement(&mut self, place: usize, step: &Step, announce: &Announce) {
        self.require(
            step.deadline() <= ANNOUNCE_DEADLINE,
            &step.id,
            "an announcement is given up after a minute",
        );
        self.require(
            self.pair.announce.contains(&announce.to),
            &step.id,
            "announcements go to the pair's announcers alone",
        );
        let in_time = match announce.moment {
            Moment::Begins => true,
            Moment::Swapped => self.serves_before(place),
            Moment::Finished => self.is_last(place),
            Moment::ApprovalNeeded => self.plan.pivot_stage().is_none_or(|pivot| place < pivot),
            // A plan cannot know that it will fail, and a test is no run.
            Moment::Undone | Moment::Paused | Moment::Test => false,
        };
        self.require(in_time, &step.id, "people are told of nothing before it is so");
    }

    /// Whether every name was moved, read back and checked in the stages before.
    fn serves_before(&self, place: usize) -> bool {
        let asked = |action: &Action| match action {
            Action::AwaitRecords(wait) => matches!(wait.servers, Servers::Authoritative(_)),
            Action::RunChecks(_) | Action::ThawStore(_) => true,
            Action::ChangeRecords(change) => change.purpose == crate::action::Purpose::Swap,
            Action::Hold(_)
            | Action::FreezeStore(_)
            | Action::SyncStore(_)
            | Action::ProveFrozen(_)
            | Action::VerifyBackup(_)
            | Action::Announce(_)
            | Action::WriteRoleTable(_)
            | Action::Deploy(_)
            | Action::SetEmbargo(_)
            | Action::SwitchSchedules(_)
            | Action::ChangeSettings(_)
            | Action::TakeOver(_)
            | Action::FenceLost(_)
            | Action::KeepData(_)
            | Action::Gate(_)
            | Action::Soak(_) => false,
        };
        let mut later = self.plan.stages.iter().skip(place).flat_map(|stage| &stage.steps);
        self.plan.pivot_stage().is_some_and(|pivot| pivot < place) && !later.any(|step| asked(&step.action))
    }

    fn role_table(&mut self, place: usize, step: &Step) {
        let last = self.is_last(place);
        self.require(last, &step.id, "the role table is written in the last stage");
        let rows = step.action.as_write_role_table().into_iter().flat_map(|write| &write.rows);
        let untrue = rows.into_iter().any(|row| {
            let shift = self.plan.shifts.iter().find(|shift| shift.environment == row.environment);
            shift.is_some_and(|shift| {
                let holding = if row.side == shift.to { Holding::Production } else { Holding::Standby };
                row.holding != holding
            })
        });
        self.require(!untrue, &step.id, "the role table says the roles that the plan leads to");
    }
}
