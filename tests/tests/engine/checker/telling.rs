//! Every rule about what tells people has a plan that breaks it, and nothing else.

use switchover::action::{Action, Announce};
use switchover::journal::PairState;
use switchover::model::{AnnouncerName, Holding, Moment};
use switchover::plan::{Intent, OnFailure, plan};

use super::mutation::{Bench, Mutation};
use super::rules::broken;
use crate::support::{Desk, ask};
use crate::telling;

fn bench(intent: Intent) -> Bench {
    let desk = Desk::unguarded(telling::world());
    let process = desk.process();
    let pair = desk.world.pair.clone();
    let history = PairState::default();
    let snapshot = desk.world.run(process.engine.preflight(&pair.environments, &history));
    Bench { plan: plan(&pair, &snapshot, &history, &ask(intent)).unwrap(), pair, snapshot, history }
}

pub(super) fn mutated(mutation: &Mutation) -> Bench {
    let mut bench = bench(mutation.of);
    assert!(broken(&bench).is_empty(), "the plan is sound before it is mutated");
    (mutation.apply)(&mut bench).unwrap_or_else(|| panic!("`{}` finds nothing to break", mutation.called));
    bench
}

fn is_of(action: &Action, moment: Moment) -> bool {
    action.as_announce().is_some_and(|announce| announce.moment == moment)
}

fn is_table(action: &Action) -> bool {
    action.as_write_role_table().is_some()
}

fn announce(bench: &mut Bench, moment: Moment) -> Option<&mut Announce> {
    bench.steps().find_map(|step| match &mut step.action {
        Action::Announce(announce) if announce.moment == moment => Some(announce),
        _ => None,
    })
}

/// Takes a step to another stage.
fn carry(
    bench: &mut Bench,
    wanted: impl Fn(&Action) -> bool,
    to: impl Fn(&Bench) -> Option<usize>,
) -> Option<()> {
    let to = to(bench)?;
    let from = bench.stage_of(&wanted)?;
    let steps = &mut bench.plan.stages[from].steps;
    let place = steps.iter().position(|step| wanted(&step.action))?;
    let step = steps.remove(place);
    bench.plan.stages[to].steps.push(step);
    Some(())
}

const NEVER_STOPS: &str = "what only tells people never stops a run";
const NOT_EARLY: &str = "people are told of nothing before it is so";
const NOT_IN_PIVOT: &str = "the pivot's stage holds nothing that only tells people";

macro_rules! mutations {
    ($($called:literal, $rule:expr, $apply:expr;)*) => {
        /// All of them.
        pub(super) const MUTATIONS: &[Mutation] = &[$(
            Mutation { called: $called, rule: $rule, of: Intent::Switchover, apply: $apply },
        )*];
    };
}

mutations! {
    "an announcement that stops the run", NEVER_STOPS, |bench| {
        bench.step(|action| is_of(action, Moment::Begins))?.on_failure = OnFailure::Stop;
        Some(())
    };
    "a role table that stops the run", NEVER_STOPS, |bench| {
        bench.step(is_table)?.on_failure = OnFailure::Stop;
        Some(())
    };
    "the beginning announced in the pivot's stage", NOT_IN_PIVOT, |bench| {
        carry(bench, |action| is_of(action, Moment::Begins), |bench| bench.plan.pivot_stage())
    };
    "the new production announced before it was read back", NOT_EARLY, |bench| {
        carry(bench, |action| is_of(action, Moment::Swapped), |bench| Some(bench.plan.pivot_stage()? + 1))
    };
    "the new production announced before the pivot", NOT_EARLY, |bench| {
        carry(bench, |action| is_of(action, Moment::Swapped), |_| Some(0))
    };
    "the end announced in the hold", NOT_EARLY, |bench| {
        carry(bench, |action| is_of(action, Moment::Finished), |bench| {
            bench.stage_of(|action| action.as_hold().is_some())
        })
    };
    "a plan that says that it was undone", NOT_EARLY, |bench| {
        announce(bench, Moment::Begins)?.moment = Moment::Undone;
        Some(())
    };
    "a plan that says that it stopped", NOT_EARLY, |bench| {
        announce(bench, Moment::Begins)?.moment = Moment::Paused;
        Some(())
    };
    "a plan that announces a test", NOT_EARLY, |bench| {
        announce(bench, Moment::Begins)?.moment = Moment::Test;
        Some(())
    };
    "an approval asked for after the pivot", NOT_EARLY, |bench| {
        announce(bench, Moment::Swapped)?.moment = Moment::ApprovalNeeded;
        Some(())
    };
    "an announcement that is tried for an hour", "an announcement is given up after a minute", |bench| {
        bench.step(|action| is_of(action, Moment::Begins))?.deadline_ms = 3_600_000;
        Some(())
    };
    "an announcement to strangers", "announcements go to the pair's announcers alone", |bench| {
        announce(bench, Moment::Begins)?.to = AnnouncerName::new("strangers").unwrap();
        Some(())
    };
    "the role table written before the end", "the role table is written in the last stage", |bench| {
        carry(bench, is_table, |bench| bench.stage_of(|action| action.as_hold().is_some()))
    };
    "the role table as it was before", "the role table says the roles that the plan leads to", |bench| {
        let rows = bench.steps().find_map(|step| match &mut step.action {
            Action::WriteRoleTable(write) => Some(&mut write.rows),
            _ => None,
        })?;
        for row in rows {
            row.holding = match row.holding {
                Holding::Production => Holding::Standby,
                Holding::Standby => Holding::Production,
                other @ (Holding::PartWay | Holding::Unknown) => other,
            };
        }
        Some(())
    };
}
