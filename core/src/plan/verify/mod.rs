//! The plan checker: holds a finished plan against the safety rules, knowing nothing of how it was made.

mod announce;
mod drill;
mod failover;
mod in_line;
mod left_out;
mod release;
mod stores;
mod swap;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use super::{Intent, OnFailure, Plan, Step, Waiver};
use crate::action::{Action, AwaitRecords, ChangeRecords, Hold, PlannedChange, Purpose, Servers};
use crate::journal::PairState;
use crate::model::{DnsName, Pair, RecordKind};
use crate::observe::Snapshot;
use crate::port::SyncPurpose;

/// A safety rule that a plan breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule, as a sentence.
    pub rule: &'static str,
    /// Where the plan breaks it.
    pub place: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.rule)
    }
}

/// Every safety rule that a plan breaks; none for a plan that may run.
pub fn verify(pair: &Pair, snapshot: &Snapshot, history: &PairState, plan: &Plan) -> Vec<Violation> {
    let mut checker = Checker { pair, snapshot, history, plan, violations: Vec::new() };
    checker.shape();
    checker.changes();
    checker.only_its_names();
    match plan.intent {
        Intent::Switchover | Intent::Revert | Intent::Failover => checker.swap(),
        Intent::Prepare | Intent::RestoreTtl | Intent::Sync | Intent::Finalize | Intent::Drill => {
            checker.moves_nothing();
        }
        Intent::Reprotect => {}
    }
    checker.each_to_its_intent();
    checker.nothing_to_what_is_owed();
    checker.data();
    checker.releases();
    checker.nothing_left_out();
    checker.drill();
    checker.telling();
    checker.violations
}

/// Whether a step may fail without stopping its run.
fn may_fail(action: &Action) -> bool {
    let asks_resolvers =
        matches!(action, Action::AwaitRecords(AwaitRecords { servers: Servers::Resolvers(_), .. }));
    let goes_on = action.as_sync_store().is_some_and(|sync| sync.purpose != SyncPurpose::Final);
    asks_resolvers || goes_on || announce::only_tells(action) || action.as_fence_lost().is_some()
}

struct Checker<'a> {
    pair: &'a Pair,
    snapshot: &'a Snapshot,
    history: &'a PairState,
    plan: &'a Plan,
    violations: Vec<Violation>,
}

impl<'a> Checker<'a> {
    fn require(&mut self, holds: bool, place: impl fmt::Display, rule: &'static str) {
        if !holds {
            self.violations.push(Violation { rule, place: place.to_string() });
        }
    }

    /// Whether somebody opened that gate, or left that step out.
    fn waives(&self, waiver: &Waiver) -> bool {
        self.plan.waivers.contains(waiver)
    }

    /// Whether the intent of the plan lets a step fail.
    fn may_be_left(&self, action: &Action) -> bool {
        let brings = self.plan.intent == Intent::Reprotect && in_line::brings_into_line(action);
        brings || self.plan.intent == Intent::Drill
    }

    /// Whether somebody opened the gate that a step is.
    fn is_waived(&self, action: &Action) -> bool {
        action.as_run_checks().is_some() && self.waives(&Waiver::Checks)
    }

    fn zone_changes(&self) -> impl Iterator<Item = (usize, &'a ChangeRecords)> + use<'a> {
        let stages = self.plan.stages.iter().enumerate();
        stages.flat_map(|(place, stage)| {
            stage.steps.iter().filter_map(move |step| Some((place, step.action.as_change_records()?)))
        })
    }

    fn shape(&mut self) {
        let plan = self.plan;
        self.require(plan.pair == self.pair.name, &plan.pair, "a plan is for the pair it was made for");
        let mut ids = BTreeSet::new();
        for step in plan.steps() {
            self.require(ids.insert(&step.id), &step.id, "every step has an id of its own");
            self.require(step.deadline_ms > 0, &step.id, "every step has a deadline");
            let may_fail =
                may_fail(&step.action) || self.is_waived(&step.action) || self.may_be_left(&step.action);
            self.require(
                step.on_failure == OnFailure::Stop || may_fail,
                &step.id,
                "only a question to public resolvers, a fence of a lost side, a sync that is not the last, a waived check, what only tells people, what a reprotect brings into line and a step of a drill may fail without stopping the run",
            );
        }
        for stage in &plan.stages {
            self.require(!stage.steps.is_empty(), &stage.title, "a stage has steps");
        }
        let pivot = plan.pivot.as_ref();
        self.require(
            pivot.is_none_or(|id| plan.step(id).is_some()),
            &plan.pair,
            "the pivot is a step of the plan",
        );
        let after = plan.pivot_stage().map_or(plan.stages.len(), |place| place);
        for step in plan.stages.iter().skip(after).flat_map(|stage| &stage.steps) {
            self.require(step.undo.is_none(), &step.id, "nothing is undone from the pivot on");
        }
    }

    fn changes(&mut self) {
        let plan = self.plan;
        let mut touched: BTreeMap<(&DnsName, &RecordKind, bool), usize> = BTreeMap::new();
        for (place, change) in self.zone_changes() {
            self.require(!change.changes.is_empty(), &change.zone, "a step changes something");
            if change.purpose == Purpose::LowerTtl {
                self.waited_out(place, change);
            }
            for record in &change.changes {
                *touched.entry((&record.name, &record.kind, change.purpose == Purpose::Swap)).or_default() +=
                    1;
                self.record(change, record);
            }
        }
        for ((name, kind, _), times) in touched {
            self.require(times == 1, format!("{name} {kind}"), "a record is changed once for one purpose");
        }
        for step in plan.steps() {
            self.undo(step);
        }
    }

    fn undo(&mut self, step: &Step) {
        let (lowers, exact) = match (&step.action, &step.undo) {
            (Action::ChangeRecords(forward), undo) => (
                forward.purpose == Purpose::LowerTtl,
                undo.as_ref().is_none_or(|undo| is_inverse(forward, undo)),
            ),
            (
                Action::AwaitRecords(_)
                | Action::RunChecks(_)
                | Action::ProveFrozen(_)
                | Action::VerifyBackup(_)
                | Action::Hold(_)
                | Action::ThawStore(_)
                | Action::Deploy(_)
                | Action::ChangeSettings(_)
                | Action::Gate(_)
                | Action::Soak(_)
                | Action::Announce(_)
                | Action::WriteRoleTable(_)
                | Action::TakeOver(_)
                | Action::KeepData(_),
                undo,
            ) => (false, undo.is_none()),
            (action @ (Action::SetEmbargo(_) | Action::SwitchSchedules(_)), undo) => {
                (false, release::takes_back(action, undo.as_ref()))
            }
            (Action::FreezeStore(freeze), undo) => (false, stores::takes_back(freeze, undo.as_ref())),
            (Action::SyncStore(sync), undo) => (false, stores::goes_on(sync, undo.as_ref())),
            (Action::FenceLost(fence), undo) => (false, failover::lets_go(fence, undo.as_ref())),
        };
        self.require(exact, &step.id, "what undoes a step is its exact opposite");
        self.require(!lowers || step.undo.is_some(), &step.id, "TTLs that are lowered can be set back");
    }

    /// A swap that comes later counts on it that no resolver holds an older, longer TTL.
    fn waited_out(&mut self, place: usize, change: &ChangeRecords) {
        let old = change.changes.iter().map(|record| record.from.ttl.duration()).max().unwrap_or_default();
        let waited = self.held_after(place) >= old;
        self.require(waited, &change.zone, "the old TTLs are waited out after they were lowered");
    }

    /// The longest hold in the stages after this one.
    fn held_after(&self, place: usize) -> Duration {
        let later = self.plan.stages.iter().skip(place + 1).flat_map(|stage| &stage.steps);
        let holds = later.filter_map(|step| step.action.as_hold()).map(Hold::duration);
        holds.max().unwrap_or_default()
    }

    fn record(&mut self, change: &ChangeRecords, record: &PlannedChange) {
        let place = format!("{} {}", record.name, record.kind);
        let elsewhere =
            self.snapshot.names.iter().any(|view| view.name == record.name && view.zone != change.zone);
        self.require(!elsewhere, &place, "a record is changed in the zone that holds it");
        self.require(record.from != record.to, &place, "a change changes something");
        let same_kind = record.from.data.kind() == record.kind && record.to.data.kind() == record.kind;
        self.require(same_kind, &place, "a record keeps its type: no record set is ever left empty");
        self.require(
            !record.proxied || record.from.ttl == record.to.ttl,
            &place,
            "a proxied record keeps its automatic TTL",
        );
        match change.purpose {
            Purpose::Swap => {
                self.require(record.from.ttl == record.to.ttl, &place, "a swap keeps the TTL");
            }
            Purpose::LowerTtl | Purpose::RestoreTtl => {
                self.require(record.from.data == record.to.data, &place, "a change of TTL moves nothing");
            }
        }
        if change.purpose == Purpose::LowerTtl {
            let lower = record.to.ttl.duration() <= record.from.ttl.duration();
            self.require(lower, &place, "a TTL that is lowered does not grow");
        }
        if change.purpose == Purpose::RestoreTtl {
            let was = self.history.prepared.get(&(record.name.clone(), record.kind.clone()));
            self.require(
                was == Some(&record.to.ttl),
                &place,
                "a TTL is restored to what it was before it was lowered",
            );
        }
    }

    fn moves_nothing(&mut self) {
        let moves = self.zone_changes().any(|(_, change)| change.purpose == Purpose::Swap);
        let stays = self.plan.shifts.iter().all(|shift| shift.from == shift.to);
        self.require(!moves && stays, self.plan.intent, "only a swap moves traffic");
        self.require(
            self.plan.pivot.is_none(),
            self.plan.intent,
            "a plan that moves no traffic has no pivot",
        );
        self.require(
            self.plan.waivers.is_empty(),
            self.plan.intent,
            "a plan that moves no traffic opens no gate",
        );
    }
}

fn is_inverse(forward: &ChangeRecords, undo: &Action) -> bool {
    let Action::ChangeRecords(back) = undo else { return false };
    let pairs = forward.changes.iter().zip(&back.changes);
    forward.zone == back.zone
        && forward.changes.len() == back.changes.len()
        && pairs
            .into_iter()
            .all(|(f, b)| f.name == b.name && f.kind == b.kind && f.from == b.to && f.to == b.from)
}
