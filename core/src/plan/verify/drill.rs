//! The rules about drills: nothing of production is touched, and nothing of the stand-by is changed.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Checker;
use crate::action::{Action, AwaitRecords, ExpectedName, RunChecks, Servers, SyncStore};
use crate::model::{EnvironmentName, Role, SideName};
use crate::observe::RoleState;
use crate::plan::{Intent, OnFailure, Step};
use crate::port::SyncPurpose;

impl Checker<'_> {
    /// The rules of drills, and that nothing else tries what only they do.
    pub(super) fn drill(&mut self) {
        match self.plan.intent {
            Intent::Drill => {
                let nothing = self.plan.shifts.is_empty() && self.plan.release.is_none();
                self.require(nothing, &self.plan.pair, "a drill takes no role and brings no release");
                for step in self.plan.steps() {
                    self.step_of_drill(step);
                }
            }
            Intent::Switchover
            | Intent::Revert
            | Intent::Prepare
            | Intent::RestoreTtl
            | Intent::Sync
            | Intent::Finalize
            | Intent::Failover
            | Intent::Reprotect => {
                let tries = |step: &Step| {
                    step.action.as_verify_backup().is_some() || step.action.as_prove_frozen().is_some()
                };
                let none = !self.plan.steps().any(tries);
                self.require(none, self.plan.intent, "only a drill tries backups and the stand-by's freeze");
            }
        }
    }

    fn step_of_drill(&mut self, step: &Step) {
        self.require(
            step.on_failure == OnFailure::Note,
            &step.id,
            "no step of a drill keeps the others from being tried",
        );
        let only_tries = match &step.action {
            Action::SyncStore(sync) => {
                self.rehearses(step, sync);
                true
            }
            Action::ProveFrozen(proof) => {
                self.on_standby(step, &proof.store.environment, &proof.side);
                true
            }
            Action::VerifyBackup(trial) => {
                self.on_standby(step, &trial.store.environment, &trial.side);
                true
            }
            Action::RunChecks(checks) => {
                self.checks_standby(step, checks);
                true
            }
            Action::AwaitRecords(wait) => {
                self.reads_what_is(step, wait);
                true
            }
            Action::ChangeRecords(_)
            | Action::Hold(_)
            | Action::FreezeStore(_)
            | Action::ThawStore(_)
            | Action::Deploy(_)
            | Action::SetEmbargo(_)
            | Action::SwitchSchedules(_)
            | Action::ChangeSettings(_)
            | Action::Gate(_)
            | Action::Soak(_)
            | Action::Announce(_)
            | Action::WriteRoleTable(_)
            | Action::TakeOver(_)
            | Action::FenceLost(_)
            | Action::KeepData(_) => false,
        };
        self.require(only_tries, &step.id, "a drill changes nothing and lets nobody write");
    }

    fn standby(&self, environment: &EnvironmentName) -> Option<SideName> {
        let production = self.snapshot.roles.get(environment).and_then(RoleState::production)?;
        Some(self.pair.opposite(production).ok()?.name.clone())
    }

    fn rehearses(&mut self, step: &Step, sync: &SyncStore) {
        let rehearsal = sync.purpose == SyncPurpose::Rehearsal;
        self.require(rehearsal, &step.id, "a sync of a drill is a rehearsal");
        let onto = self.standby(&sync.store.environment);
        let way = onto.as_ref() == Some(sync.direction.to());
        self.require(way, &step.id, "a drill rehearses the way from production to the stand-by");
    }

    fn on_standby(&mut self, step: &Step, environment: &EnvironmentName, side: &SideName) {
        let there = self.standby(environment).as_ref() == Some(side);
        self.require(there, &step.id, "a drill tries the stand-by and never production");
    }

    /// Every check asks an address of the stand-by, under a name that leads there.
    fn checks_standby(&mut self, step: &Step, checks: &RunChecks) {
        let environments = &self.pair.environments;
        let endpoints = environments.iter().flat_map(|environment| {
            environment.endpoints.iter().map(move |endpoint| (&environment.name, endpoint))
        });
        let waiting: BTreeSet<(&str, IpAddr)> = endpoints
            .filter(|(environment, _)| self.standby(environment).as_ref() == Some(&checks.side))
            .filter_map(|(_, endpoint)| {
                Some((endpoint, self.snapshot.addresses(&checks.side, &endpoint.address)?))
            })
            .flat_map(|(endpoint, addresses)| {
                addresses.iter().map(|address| (endpoint.name(Role::Standby).as_str(), address))
            })
            .collect();
        let own = checks.checks.iter().all(|check| waiting.contains(&(check.name.as_str(), check.address)));
        self.require(own, &step.id, "a drill checks the stand-by by its own names");
    }

    /// Names are asked for as they lead now, where the truth is kept.
    fn reads_what_is(&mut self, step: &Step, wait: &AwaitRecords) {
        let at_authorities = matches!(wait.servers, Servers::Authoritative(_));
        let leads_now = |expected: &ExpectedName| {
            let records = self.snapshot.names.iter().flat_map(|view| &view.records);
            let of_name = records.filter(|record| {
                record.name == expected.name && record.kind() == expected.family.record_kind()
            });
            let now: BTreeSet<IpAddr> = of_name.filter_map(|record| record.value.data.address()).collect();
            now == expected.addresses
        };
        let now = wait.names.iter().all(leads_now);
        self.require(at_authorities && now, &step.id, "a drill asks where names lead now, at their servers");
    }
}
