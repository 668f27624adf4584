//! Bugs that are planted on purpose, to see that the simulation finds them. Each sits between the engine and the world, or in a plan
//! after it was checked: core itself carries no switch.

use switchover::action::{Action, ThawStore};
use switchover::model::SideName;
use switchover::plan::{Intent, Plan};
use switchover::port::{Access, Inspection, SyncOrder};

/// One mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    /// Calls of an earlier process, or of unknown outcome, are not waited for.
    NoDrain,
    /// Whoever finds its position in the journal taken goes on all the same.
    NoFencingToken,
    /// An entry is acknowledged before it is written.
    WrittenLater,
    /// What was done is undone after the new side took traffic.
    RevertAfterPivot,
    /// A freeze counts when the call returned, and is not proved.
    FreezeBelieved,
    /// A freeze that ran out is taken for one that holds.
    LapseForgotten,
    /// The names move before the data.
    DnsFirst,
    /// The new side is thawed while the old one is not fenced.
    NoFence,
    /// A plan that was made long ago is run as if it were new.
    StaleSnapshot,
    /// The old TTL is not waited for.
    TtlIgnored,
    /// TTLs that were lowered stay low.
    TtlsNotRestored,
    /// Data flows from the first side of the file to the second, whoever is production.
    DirectionFromConfiguration,
    /// A run that turns back leaves what it froze frozen.
    NoWayBack,
    /// A lost side is written over before what diverged there is kept.
    NothingKept,
    /// A failover says that it lost less than it did.
    LossUntold,
    /// The value of a secret setting stands in the plan.
    SecretTold,
}

impl Plant {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::NoDrain,
        Self::NoFencingToken,
        Self::WrittenLater,
        Self::RevertAfterPivot,
        Self::FreezeBelieved,
        Self::LapseForgotten,
        Self::DnsFirst,
        Self::NoFence,
        Self::StaleSnapshot,
        Self::TtlIgnored,
        Self::TtlsNotRestored,
        Self::DirectionFromConfiguration,
        Self::NoWayBack,
        Self::NothingKept,
        Self::LossUntold,
        Self::SecretTold,
    ];

    /// A plan with the mistake in it.
    pub(crate) fn bend(self, mut plan: Plan, canary: &str) -> Plan {
        match self {
            Self::RevertAfterPivot if plan.pivot.is_some() => {
                plan.pivot = plan.steps().last().map(|step| step.id.clone());
            }
            Self::DnsFirst => names_first(&mut plan),
            Self::NoFence => without_fence(&mut plan),
            Self::TtlIgnored => without_hold(&mut plan),
            Self::TtlsNotRestored if plan.pivot.is_some() => without_restore(&mut plan),
            Self::NoWayBack => each_step(&mut plan, |step| step.undo = None),
            Self::NothingKept if plan.intent == Intent::Reprotect => {
                for stage in &mut plan.stages {
                    stage.steps.retain(|step| !matches!(step.action, Action::KeepData(_)));
                }
                plan.stages.retain(|stage| !stage.steps.is_empty());
            }
            Self::SecretTold => plan.notes.push(canary.to_owned()),
            Self::LossUntold => untold(&mut plan),
            Self::RevertAfterPivot
            | Self::TtlsNotRestored
            | Self::NothingKept
            | Self::NoDrain
            | Self::NoFencingToken
            | Self::WrittenLater
            | Self::FreezeBelieved
            | Self::LapseForgotten
            | Self::StaleSnapshot
            | Self::DirectionFromConfiguration => {}
        }
        plan
    }

    /// A sync with the mistake in it.
    pub(crate) fn bend_sync(self, order: &SyncOrder, first: &SideName) -> SyncOrder {
        let mut order = order.clone();
        if self == Self::DirectionFromConfiguration && order.direction.from() != first {
            order.direction = order.direction.reversed();
        }
        order
    }

    /// A look with the mistake in it.
    pub(crate) fn bend_look(self, mut seen: Inspection) -> Inspection {
        for side in seen.sides.values_mut().filter(|_| self == Self::LapseForgotten) {
            if let Access::Lapsed { by, .. } = &side.access {
                side.access = Access::Frozen { by: by.clone(), until: None };
            }
        }
        seen
    }
}

fn each_step(plan: &mut Plan, change: impl Fn(&mut switchover::plan::Step)) {
    plan.stages.iter_mut().flat_map(|stage| &mut stage.steps).for_each(change);
}

fn names_first(plan: &mut Plan) {
    let freezes = |step: &switchover::plan::Step| step.action.as_freeze_store().is_some();
    let first = plan.stages.iter().position(|stage| stage.steps.iter().any(freezes));
    if let (Some(first), Some(pivot)) = (first, plan.pivot_stage()) {
        let stage = plan.stages.remove(pivot);
        plan.stages.insert(first, stage);
    }
    unguarded(plan);
}

fn without_fence(plan: &mut Plan) {
    let fences = |step: &switchover::plan::Step| {
        step.action.as_freeze_store().is_some_and(|freeze| freeze.lease_ms.is_none())
    };
    if plan.pivot.is_some() {
        plan.stages.retain(|stage| !stage.steps.iter().any(fences));
    }
    unguarded(plan);
}

/// Thaws that look at no other side.
fn unguarded(plan: &mut Plan) {
    each_step(plan, |step| {
        if let Action::ThawStore(ThawStore { fenced, .. }) = &mut step.action {
            *fenced = None;
        }
    });
}

fn without_hold(plan: &mut Plan) {
    each_step(plan, |step| {
        if let Action::Hold(hold) = &mut step.action {
            (hold.old_ttl_ms, hold.margin_ms) = (0, 0);
        }
    });
}

fn without_restore(plan: &mut Plan) {
    let restores = |step: &switchover::plan::Step| {
        let change = step.action.as_change_records();
        change.is_some_and(|change| change.purpose == switchover::action::Purpose::RestoreTtl)
    };
    plan.stages.retain(|stage| !stage.steps.iter().any(restores));
}

fn untold(plan: &mut Plan) {
    each_step(plan, |step| {
        if let Action::TakeOver(taken) = &mut step.action {
            taken.as_of =
                taken.as_of.saturating_add(jiff::SignedDuration::from_hours(1)).unwrap_or(taken.as_of);
        }
    });
}
