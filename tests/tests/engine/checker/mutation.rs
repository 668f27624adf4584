//! Every way in which a plan can break one rule, and nothing else.

use std::time::Duration;

use switchover::action::{
    Action, AwaitRecords, ChangeRecords, Hold, PlannedChange, Purpose, RunChecks, Servers,
};
use switchover::journal::PairState;
use switchover::model::{EnvironmentName, Pair, PairName, RecordKind, RecordValue, StepId, Ttl, ZoneRef};
use switchover::observe::Snapshot;
use switchover::plan::{Intent, OnFailure, Plan, Shift, Stage, Step, Waiver};

use super::case::is_for;

/// What a mutation may touch.
pub(super) struct Bench {
    pub(super) pair: Pair,
    pub(super) snapshot: Snapshot,
    pub(super) history: PairState,
    pub(super) plan: Plan,
}

/// One way to break a rule. It says whether the plan has what it breaks.
pub(super) struct Mutation {
    pub(super) called: &'static str,
    pub(super) rule: &'static str,
    pub(super) of: Intent,
    pub(super) apply: fn(&mut Bench) -> Option<()>,
}

impl Bench {
    pub(super) fn steps(&mut self) -> impl Iterator<Item = &mut Step> {
        self.plan.stages.iter_mut().flat_map(|stage| &mut stage.steps)
    }

    pub(super) fn step(&mut self, wanted: impl Fn(&Action) -> bool) -> Option<&mut Step> {
        self.steps().find(|step| wanted(&step.action))
    }

    fn changes(&mut self, purpose: Purpose) -> Vec<&mut ChangeRecords> {
        let changes = self.steps().filter_map(|step| match &mut step.action {
            Action::ChangeRecords(change) if change.purpose == purpose => Some(change),
            _ => None,
        });
        changes.collect()
    }

    pub(super) fn stage_of(&self, wanted: impl Fn(&Action) -> bool) -> Option<usize> {
        self.plan.stages.iter().position(|stage| stage.steps.iter().any(|step| wanted(&step.action)))
    }

    fn prepared(&self, change: &PlannedChange) -> bool {
        self.history.prepared.contains_key(&(change.name.clone(), change.kind.clone()))
    }

    /// A record that is swapped and whose TTL is not restored, so that nothing else in the plan depends on it.
    fn lone_swap(&mut self) -> Option<(&mut ChangeRecords, usize)> {
        let lone = |bench: &Self, change: &ChangeRecords| {
            change.changes.len().checked_sub(2)?;
            change.changes.iter().position(|record| !bench.prepared(record) && !record.proxied)
        };
        let mut found = None;
        for (stage, place) in self.places() {
            let Action::ChangeRecords(change) = &self.plan.stages[stage].steps[place].action else {
                continue;
            };
            if change.purpose == Purpose::Swap
                && let Some(index) = lone(self, change)
            {
                found = Some((stage, place, index));
                break;
            }
        }
        let (stage, place, index) = found?;
        match &mut self.plan.stages[stage].steps[place].action {
            Action::ChangeRecords(change) => Some((change, index)),
            _ => None,
        }
    }

    fn places(&self) -> Vec<(usize, usize)> {
        let stages = self.plan.stages.iter().enumerate();
        stages.flat_map(|(stage, of)| (0..of.steps.len()).map(move |step| (stage, step))).collect()
    }

    /// Makes every undo the opposite of its step again.
    fn undo_again(&mut self) {
        for step in self.steps() {
            if let (Action::ChangeRecords(change), Some(_)) = (&step.action, &step.undo) {
                step.undo = Some(Action::ChangeRecords(opposite(change)));
            }
        }
    }

    fn read_backs(&mut self) -> Vec<&mut AwaitRecords> {
        let waits = self.steps().filter_map(|step| match &mut step.action {
            Action::AwaitRecords(wait) if matches!(wait.servers, Servers::Authoritative(_)) => Some(wait),
            _ => None,
        });
        waits.collect()
    }

    fn hold(&mut self) -> Option<&mut Hold> {
        self.steps().find_map(|step| match &mut step.action {
            Action::Hold(hold) => Some(hold),
            _ => None,
        })
    }

    fn other_zone(&self, zone: &ZoneRef) -> Option<ZoneRef> {
        self.snapshot.names.iter().map(|view| &view.zone).find(|other| *other != zone).cloned()
    }
}

fn opposite(change: &ChangeRecords) -> ChangeRecords {
    let turn = |record: &PlannedChange| PlannedChange {
        from: record.to.clone(),
        to: record.from.clone(),
        ..record.clone()
    };
    ChangeRecords { changes: change.changes.iter().map(turn).collect(), ..change.clone() }
}

fn restore_step(id: &str, zone: ZoneRef, changes: Vec<PlannedChange>) -> Stage {
    let step = Step {
        id: StepId::new(id).unwrap(),
        action: Action::ChangeRecords(ChangeRecords { zone, purpose: Purpose::RestoreTtl, changes }),
        undo: None,
        deadline_ms: 1_000,
        on_failure: OnFailure::Stop,
    };
    Stage { title: id.to_owned(), steps: vec![step] }
}

const HELD: &str = "the old side is held until the old TTL and the margin have passed";
const READ_BACK: &str = "every moved name is read back from its authoritative servers";
const SIDE_BY_SIDE: &str = "all zones are swapped side by side in one stage";
const OPPOSITE: &str = "what undoes a step is its exact opposite";
const RIGHT_SIDE: &str = "after the swap a name leads to the side of its role";
const CHECKS: &str = "a side passes its checks before it takes production";
const ONLY_RESOLVERS: &str = "only a question to public resolvers, a fence of a lost side, a sync that is not the last, a waived check, what only tells people, what a reprotect brings into line and a step of a drill may fail without stopping the run";

macro_rules! mutations {
    ($($of:ident, $called:literal, $rule:expr, $apply:expr;)*) => {
        /// All of them.
        pub(super) const MUTATIONS: &[Mutation] = &[$(
            Mutation { called: $called, rule: $rule, of: Intent::$of, apply: $apply },
        )*];
    };
}

mutations! {
    Switchover, "made for another pair", "a plan is for the pair it was made for", |bench| {
        bench.plan.pair = PairName::new("another").unwrap();
        Some(())
    };
    Switchover, "two steps with one id", "every step has an id of its own", |bench| {
        let hold = bench.step(|action| matches!(action, Action::Hold(_)))?;
        let id = hold.id.clone();
        let check = bench.step(|action| matches!(action, Action::RunChecks(_)))?;
        check.id = id;
        Some(())
    };
    Switchover, "a step without a deadline", "every step has a deadline", |bench| {
        bench.step(|action| matches!(action, Action::Hold(_)))?.deadline_ms = 0;
        Some(())
    };
    Switchover, "an empty stage", "a stage has steps", |bench| {
        bench.plan.stages.push(Stage { title: "Nothing".to_owned(), steps: Vec::new() });
        Some(())
    };
    Switchover, "a hold that may fail", ONLY_RESOLVERS, |bench| {
        bench.step(|action| matches!(action, Action::Hold(_)))?.on_failure = OnFailure::Note;
        Some(())
    };
    Switchover, "a swap that may fail", ONLY_RESOLVERS, |bench| {
        bench.step(|action| is_for(action, Purpose::Swap))?.on_failure = OnFailure::Note;
        Some(())
    };
    Switchover, "a read-back that may fail", ONLY_RESOLVERS, |bench| {
        let is_read = |action: &Action| {
            matches!(action, Action::AwaitRecords(AwaitRecords { servers: Servers::Authoritative(_), .. }))
        };
        bench.step(is_read)?.on_failure = OnFailure::Note;
        Some(())
    };
    Switchover, "a pivot that is no step of an empty plan", "the pivot is a step of the plan", |bench| {
        bench.plan.stages.clear();
        bench.plan.shifts.clear();
        bench.plan.pivot = Some(StepId::new("swap nowhere").unwrap());
        Some(())
    };
    Switchover, "an undo of the swap", "nothing is undone from the pivot on", |bench| {
        let step = bench.step(|action| is_for(action, Purpose::Swap))?;
        let Action::ChangeRecords(change) = &step.action else { return None };
        step.undo = Some(Action::ChangeRecords(opposite(change)));
        Some(())
    };
    Switchover, "a step that changes nothing", "a step changes something", |bench| {
        let zone = bench.snapshot.names.first()?.zone.clone();
        bench.plan.stages.push(restore_step("restore nothing", zone, Vec::new()));
        Some(())
    };
    Switchover, "a TTL that is restored twice", "a record is changed once for one purpose", |bench| {
        let change = bench.changes(Purpose::RestoreTtl).pop()?;
        let again = change.changes.first()?.clone();
        change.changes.push(again);
        Some(())
    };
    Switchover, "an undo of a check", OPPOSITE, |bench| {
        let change = Action::ChangeRecords(bench.changes(Purpose::Swap).pop()?.clone());
        let pivot = bench.plan.pivot_stage()?;
        let check = bench.plan.stages.iter_mut().take(pivot).flat_map(|stage| &mut stage.steps).next()?;
        check.undo = Some(change);
        Some(())
    };
    Prepare, "an undo that leaves something out", OPPOSITE, |bench| {
        let step = bench.step(|action| is_for(action, Purpose::LowerTtl))?;
        let Some(Action::ChangeRecords(undo)) = &mut step.undo else { return None };
        undo.changes.pop()?;
        Some(())
    };
    Prepare, "an undo to another TTL", OPPOSITE, |bench| {
        let step = bench.step(|action| is_for(action, Purpose::LowerTtl))?;
        let Some(Action::ChangeRecords(undo)) = &mut step.undo else { return None };
        undo.changes.first_mut()?.to.ttl = Ttl::Seconds(77);
        Some(())
    };
    Prepare, "TTLs that cannot be set back", "TTLs that are lowered can be set back", |bench| {
        bench.step(|action| is_for(action, Purpose::LowerTtl))?.undo = None;
        Some(())
    };
    Prepare, "old TTLs that are not waited out", "the old TTLs are waited out after they were lowered", |bench| {
        bench.hold()?.old_ttl_ms -= 1;
        Some(())
    };
    Prepare, "a wait before the TTLs are lowered", "the old TTLs are waited out after they were lowered", |bench| {
        bench.plan.stages.reverse();
        Some(())
    };
    Prepare, "another zone", "a record is changed in the zone that holds it", |bench| {
        let zone = bench.changes(Purpose::LowerTtl).pop()?.zone.clone();
        let other = bench.other_zone(&zone)?;
        bench.changes(Purpose::LowerTtl).pop()?.zone = other;
        bench.undo_again();
        Some(())
    };
    Prepare, "a change from a value to itself", "a change changes something", |bench| {
        let record = bench.changes(Purpose::LowerTtl).pop()?.changes.pop()?;
        let same = PlannedChange { to: record.from.clone(), ..record };
        bench.changes(Purpose::LowerTtl).pop()?.changes.push(same);
        bench.undo_again();
        Some(())
    };
    Prepare, "a TTL that is raised", "a TTL that is lowered does not grow", |bench| {
        bench.changes(Purpose::LowerTtl).pop()?.changes.first_mut()?.to.ttl = Ttl::Seconds(86_400);
        bench.undo_again();
        Some(())
    };
    Switchover, "a record of another type", "a record keeps its type: no record set is ever left empty", |bench| {
        let change = bench.changes(Purpose::RestoreTtl).pop()?.changes.first_mut()?;
        let was = (change.name.clone(), change.to.ttl);
        change.kind = if change.kind == RecordKind::A { RecordKind::Aaaa } else { RecordKind::A };
        let key = (was.0, change.kind.clone());
        bench.history.prepared.insert(key, was.1);
        Some(())
    };
    Prepare, "a proxied record with a TTL", "a proxied record keeps its automatic TTL", |bench| {
        let (zone, record) = bench.snapshot.names.iter().find_map(|view| {
            let record = view.records.iter().find(|record| record.proxied)?;
            Some((view.zone.clone(), record.clone()))
        })?;
        let to = RecordValue { ttl: Ttl::Seconds(60), ..record.value.clone() };
        let kind = record.kind();
        let planned = PlannedChange { name: record.name, kind, from: record.value, to, proxied: true };
        let mut changes = bench.changes(Purpose::LowerTtl);
        changes.iter_mut().find(|change| change.zone == zone)?.changes.push(planned);
        bench.undo_again();
        Some(())
    };
    Switchover, "a swap that shortens a TTL", "a swap keeps the TTL", |bench| {
        let (change, index) = bench.lone_swap()?;
        change.changes[index].to.ttl = Ttl::Seconds(61);
        Some(())
    };
    Switchover, "a restored TTL that moves the name", "a change of TTL moves nothing", |bench| {
        let change = bench.changes(Purpose::RestoreTtl).pop()?.changes.first_mut()?;
        let name = change.name.clone();
        let kind = change.kind.clone();
        let old = bench.snapshot.names.iter().flat_map(|view| &view.records).find(|r| r.name == name && r.kind() == kind);
        let data = old?.value.data.clone();
        bench.changes(Purpose::RestoreTtl).pop()?.changes.first_mut()?.to.data = data;
        Some(())
    };
    Switchover, "a TTL restored to another value", "a TTL is restored to what it was before it was lowered", |bench| {
        bench.changes(Purpose::RestoreTtl).pop()?.changes.first_mut()?.to.ttl = Ttl::Seconds(3_599);
        Some(())
    };
    RestoreTtl, "roles that change with the TTLs", "only a swap moves traffic", |bench| {
        let [first, second] = bench.pair.sides.clone();
        let environment = bench.pair.environments.first()?.name.clone();
        bench.plan.shifts.push(Shift { environment, from: first.name, to: second.name });
        Some(())
    };
    RestoreTtl, "a gate that is opened where nothing moves", "a plan that moves no traffic opens no gate", |bench| {
        bench.plan.waivers.insert(Waiver::Checks).then_some(())
    };
    Switchover, "a check that may fail", ONLY_RESOLVERS, |bench| {
        bench.step(|action| matches!(action, Action::RunChecks(_)))?.on_failure = OnFailure::Note;
        Some(())
    };
    RestoreTtl, "a pivot where nothing moves", "a plan that moves no traffic has no pivot", |bench| {
        let first = bench.plan.stages.first()?.steps.first()?.id.clone();
        bench.plan.pivot = Some(first);
        Some(())
    };
    Switchover, "production that moves to where it is", "production moves from one side of the pair to the other", |bench| {
        let side = bench.pair.sides[0].name.clone();
        let environment = EnvironmentName::new("nowhere").unwrap();
        bench.plan.shifts.push(Shift { environment, from: side.clone(), to: side });
        Some(())
    };
    Switchover, "one zone after the other", SIDE_BY_SIDE, |bench| {
        let place = bench.stage_of(|action| is_for(action, Purpose::Swap))?;
        let stage = &mut bench.plan.stages[place];
        (stage.steps.len() > 1).then_some(())?;
        let later = stage.steps.pop()?;
        bench.plan.stages.insert(place + 1, Stage { title: "Later".to_owned(), steps: vec![later] });
        Some(())
    };
    Switchover, "a pivot before the swap", "the pivot is the first step that moves traffic", |bench| {
        bench.plan.pivot = Some(bench.step(|action| matches!(action, Action::RunChecks(_)))?.id.clone());
        Some(())
    };
    Switchover, "a pivot after the swap", "the pivot is the first step that moves traffic", |bench| {
        bench.plan.pivot = Some(bench.step(|action| matches!(action, Action::Hold(_)))?.id.clone());
        Some(())
    };
    Switchover, "no pivot", "the pivot is the first step that moves traffic", |bench| {
        bench.plan.pivot.take().map(drop)
    };
    Switchover, "a zone in two batches", "each zone is swapped in one batch", |bench| {
        let place = bench.stage_of(|action| is_for(action, Purpose::Swap))?;
        let steps = &mut bench.plan.stages[place].steps;
        let big = steps.iter_mut().find(|step| matches!(&step.action, Action::ChangeRecords(c) if c.changes.len() > 1))?;
        let mut half = big.clone();
        let (Action::ChangeRecords(all), Action::ChangeRecords(part)) = (&mut big.action, &mut half.action) else {
            return None;
        };
        part.changes = all.changes.split_off(1);
        half.id = StepId::new("swap the rest").unwrap();
        steps.push(half);
        Some(())
    };
    Switchover, "a name that is left behind", RIGHT_SIDE, |bench| {
        let (change, index) = bench.lone_swap()?;
        change.changes.remove(index);
        Some(())
    };
    Switchover, "two names that lead to each other's address", RIGHT_SIDE, |bench| {
        // The read-back expects the same mistake.
        let stray: switchover::model::RecordData = std::net::IpAddr::from([192, 0, 2, 200]).into();
        let (change, index) = bench.lone_swap()?;
        let record = &mut change.changes[index];
        (record.kind == RecordKind::A).then_some(())?;
        record.to.data = stray.clone();
        let name = record.name.clone();
        for expected in bench.read_backs().into_iter().flat_map(|wait| &mut wait.names) {
            if expected.name == name && expected.family.record_kind() == RecordKind::A {
                expected.addresses = stray.address().into_iter().collect();
            }
        }
        Some(())
    };
    Switchover, "a name without a record", "a name that is swapped has a record", |bench| {
        let (change, index) = bench.lone_swap()?;
        let name = change.changes[index].name.clone();
        change.changes.retain(|record| record.name != name);
        (!change.changes.is_empty()).then_some(())?;
        for view in &mut bench.snapshot.names {
            view.records.retain(|record| record.name != name);
        }
        Some(())
    };
    Switchover, "a name of another environment", "a plan touches only names of its environments", |bench| {
        let moved: Vec<EnvironmentName> = bench.plan.shifts.iter().map(|shift| shift.environment.clone()).collect();
        let foreign = bench.snapshot.names.iter().find(|view| {
            !moved.contains(&view.environment) && view.records.iter().any(|record| !record.proxied)
        })?;
        let record = foreign.records.first()?.clone();
        let to = RecordValue { ttl: Ttl::Seconds(1_234), ..record.value.clone() };
        bench.history.prepared.insert((record.name.clone(), record.kind()), to.ttl);
        let kind = record.kind();
        let planned = PlannedChange { name: record.name, kind, from: record.value, to, proxied: record.proxied };
        let zone = foreign.zone.clone();
        bench.plan.stages.push(restore_step("restore a foreign TTL", zone, vec![planned]));
        Some(())
    };
    Switchover, "a value that was not read", "a plan starts from what was read", |bench| {
        let (change, index) = bench.lone_swap()?;
        change.changes[index].from.ttl = Ttl::Seconds(61);
        change.changes[index].to.ttl = Ttl::Seconds(61);
        Some(())
    };
    Switchover, "a record that is proxied by now", "a plan starts from what was read", |bench| {
        let (change, index) = bench.lone_swap()?;
        change.changes[index].proxied = true;
        Some(())
    };
    Prepare, "a TTL that was not read", "a plan starts from what was read", |bench| {
        bench.changes(Purpose::LowerTtl).pop()?.changes.first_mut()?.from.ttl = Ttl::Seconds(62);
        bench.undo_again();
        Some(())
    };
    Switchover, "no check of the stand-by", CHECKS, |bench| {
        let place = bench.stage_of(|action| matches!(action, Action::RunChecks(_)))?;
        bench.plan.stages.remove(place);
        Some(())
    };
    Switchover, "a check too few", CHECKS, |bench| {
        let pivot = bench.plan.pivot_stage()?;
        let early = bench.plan.stages.iter_mut().take(pivot).flat_map(|stage| &mut stage.steps);
        let checks = early.filter_map(|step| match &mut step.action {
            Action::RunChecks(RunChecks { checks, .. }) => Some(checks),
            _ => None,
        });
        let checks = checks.into_iter().next()?;
        let gone = checks.pop()?;
        checks.retain(|check| check.address != gone.address);
        Some(())
    };
    Switchover, "a check after the swap", CHECKS, |bench| {
        let place = bench.stage_of(|action| matches!(action, Action::RunChecks(_)))?;
        let stage = bench.plan.stages.remove(place);
        bench.plan.stages.push(stage);
        Some(())
    };
    Switchover, "a read-back of one server", "a read-back asks every authoritative server of its zone", |bench| {
        bench.read_backs().pop()?.servers = Servers::Authoritative(vec![([192, 0, 2, 1], 53).into()]);
        Some(())
    };
    Switchover, "a name that is not read back", READ_BACK, |bench| {
        bench.read_backs().pop()?.names.pop().map(drop)
    };
    Switchover, "a read-back of the old address", READ_BACK, |bench| {
        let stray = [192, 0, 2, 201].into();
        bench.read_backs().pop()?.names.first_mut()?.addresses = [stray].into();
        Some(())
    };
    Switchover, "a read-back of resolvers", READ_BACK, |bench| {
        bench.read_backs().pop()?.servers = Servers::Resolvers(Vec::new());
        Some(())
    };
    Switchover, "a hold that is too short", HELD, |bench| {
        let hold = bench.hold()?;
        hold.margin_ms = hold.margin_ms.checked_sub(1)?;
        Some(())
    };
    Switchover, "no hold", HELD, |bench| {
        for stage in &mut bench.plan.stages {
            stage.steps.retain(|step| !matches!(step.action, Action::Hold(_)));
        }
        bench.plan.stages.retain(|stage| !stage.steps.is_empty());
        Some(())
    };
    Switchover, "a hold before the swap", HELD, |bench| {
        let place = bench.stage_of(|action| matches!(action, Action::Hold(_)))?;
        let hold = bench.plan.stages[place].steps.iter().position(|step| matches!(step.action, Action::Hold(_)))?;
        let step = bench.plan.stages[place].steps.remove(hold);
        bench.plan.stages.retain(|stage| !stage.steps.is_empty());
        bench.plan.stages.insert(0, Stage { title: "Early".to_owned(), steps: vec![step] });
        Some(())
    };
    Switchover, "a hold beside the read-back", HELD, |bench| {
        let place = bench.stage_of(|action| matches!(action, Action::Hold(_)))?;
        let hold = bench.plan.stages[place].steps.iter().position(|step| matches!(step.action, Action::Hold(_)))?;
        let step = bench.plan.stages[place].steps.remove(hold);
        bench.plan.stages[place - 1].steps.push(step);
        bench.plan.stages.retain(|stage| !stage.steps.is_empty());
        Some(())
    };
    Switchover, "TTLs that stay low", "a TTL that was lowered ahead is restored after the swap", |bench| {
        let place = bench.stage_of(|action| is_for(action, Purpose::RestoreTtl))?;
        bench.plan.stages.remove(place);
        Some(())
    };
}

/// The longest anything in a plan is held.
pub(super) fn longest_hold(plan: &Plan) -> Duration {
    let holds = plan.steps().filter_map(|step| match &step.action {
        Action::Hold(hold) => Some(hold.duration()),
        _ => None,
    });
    holds.max().unwrap_or_default()
}
