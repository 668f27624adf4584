//! For pairs and worlds that nobody thought of.

use std::collections::BTreeSet;

use proptest::prelude::*;
use switchover::model::{Record, ZoneRef};
use switchover::plan::{Intent, Plan, PlanDigest};

use super::case::{Case, Spec, apply, carry_out, completed, request};
use super::mutation::{MUTATIONS, longest_hold};
use super::rules::{bench, broken};

fn ttls() -> impl Strategy<Value = [Option<u32>; 2]> {
    let ttl = || prop_oneof![Just(None), Just(Some(60)), Just(Some(300)), (61_u32..86_400).prop_map(Some)];
    [ttl(), ttl()]
}

fn specs() -> impl Strategy<Value = Spec> {
    let bools = || any::<[bool; 2]>();
    let prepared = [proptest::option::of(61_u32..86_400), proptest::option::of(61_u32..86_400)];
    (0_usize..4, [0_usize..4, 0_usize..4], ttls(), bools(), bools(), any::<bool>(), prepared, any::<bool>())
        .prop_map(|(address, zones, ttls, proxied, v6, checked, prepared, plain)| Spec {
            address,
            zones,
            ttls,
            proxied: if plain { [false; 2] } else { proxied },
            v6,
            checked,
            prepared,
        })
}

fn cases() -> impl Strategy<Value = Case> {
    let environment = (proptest::collection::vec(specs(), 1..=8), any::<bool>());
    (proptest::collection::vec(environment, 1..=3), 0_u64..600, any::<bool>(), any::<bool>()).prop_map(
        |(environments, margin, resolvers, authorities)| Case {
            environments,
            margin,
            resolvers,
            authorities,
        },
    )
}

fn stable(plan: &Plan) -> PlanDigest {
    let text = serde_json::to_string(plan).unwrap();
    let back: Plan = serde_json::from_str(&text).unwrap();
    assert_eq!(back, *plan);
    assert_eq!(back.digest(), plan.digest());
    plan.digest()
}

/// Whether every name of these environments leads to the side of its role.
fn leads(case: &Case, records: &[(ZoneRef, Record)], environment: usize, second_is_production: bool) -> bool {
    let there = Case {
        environments: case
            .environments
            .iter()
            .enumerate()
            .map(|(place, (specs, second))| {
                (specs.clone(), if place == environment { second_is_production } else { *second })
            })
            .collect(),
        ..case.clone()
    };
    let of_environment = |record: &&Record| record.name.as_str().contains(&format!(".e{environment}."));
    let data = |records: &[(ZoneRef, Record)]| -> BTreeSet<_> {
        let records = records.iter().map(|(_, record)| record).filter(of_environment);
        records.map(|record| (record.name.clone(), record.value.data.clone())).collect()
    };
    data(records) == data(&there.records())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_plan_of_a_switchover_leads_every_name_to_its_side_and_every_ttl_back(case in cases(), pick in 0_usize..3) {
        let pick = pick % case.environments.len();
        let (records, history) = (case.records(), case.history());
        prop_assert_eq!(case.snapshot(&records, &history).errors().count(), 0);
        let production = case.environments[pick].1;
        let asked = request(Intent::Switchover, &[pick], None);
        let plan = case.plan(&records, &history, &asked).unwrap();
        prop_assert_eq!(plan.pivot_stage().is_some(), true);
        let digest = stable(&plan);
        let shuffled: Vec<_> = records.iter().rev().cloned().collect();
        prop_assert_eq!(&stable(&case.plan(&shuffled, &history, &asked).unwrap()), &digest);

        let mut after = records.clone();
        apply(&plan, &mut after);
        for place in 0..case.environments.len() {
            let second = case.environments[place].1 ^ (place == pick);
            prop_assert!(leads(&case, &after, place, second));
        }
        // The TTL of a name that moved is what it was before it was lowered, and otherwise what it is.
        for ((_, before), (_, now)) in records.iter().zip(&after) {
            let was = history.prepared.get(&(before.name.clone(), before.kind()));
            let moved = before.value.data != now.value.data;
            let expected = was.filter(|_| moved).copied().unwrap_or(before.value.ttl);
            prop_assert_eq!(now.value.ttl, expected);
        }
        let longest = records
            .iter()
            .filter(|(_, record)| record.name.as_str().contains(&format!(".e{pick}.")))
            .map(|(_, record)| record.value.ttl.duration())
            .max()
            .unwrap_or_default();
        prop_assert!(longest_hold(&plan) >= longest + case.pair().dns.margin);

        // And back.
        let history = completed(&history, &plan);
        let revert = case.plan(&after, &history, &request(Intent::Revert, &[], None)).unwrap();
        prop_assert!(stable(&revert) != digest);
        apply(&revert, &mut after);
        prop_assert!(leads(&case, &after, pick, production));
    }

    #[test]
    fn a_switchover_to_a_side_moves_the_environments_that_are_not_there(case in cases(), to in any::<bool>()) {
        let (records, history) = (case.records(), case.history());
        let plan = case.plan(&records, &history, &request(Intent::Switchover, &[], Some(to))).unwrap();
        let there = case.environments.iter().filter(|(_, second)| *second != to).count();
        prop_assert_eq!(plan.shifts.len(), there);
        let mut after = records.clone();
        apply(&plan, &mut after);
        for place in 0..case.environments.len() {
            prop_assert!(leads(&case, &after, place, to));
        }
    }

    #[test]
    fn preparing_and_restoring_move_nothing_and_end_where_they_began(case in cases()) {
        let records = case.records();
        let history = switchover::journal::PairState::default();
        let lower = case.plan(&records, &history, &request(Intent::Prepare, &[], None)).unwrap();
        stable(&lower);
        let mut after = records.clone();
        apply(&lower, &mut after);
        for ((_, before), (_, now)) in records.iter().zip(&after) {
            prop_assert_eq!(&before.value.data, &now.value.data);
            prop_assert!(now.proxied || now.value.ttl.duration().as_secs() == 60);
        }
        let history = completed(&history, &lower);
        let restore = case.plan(&after, &history, &request(Intent::RestoreTtl, &[], None)).unwrap();
        apply(&restore, &mut after);
        prop_assert_eq!(after, records);
    }

    #[test]
    fn what_was_done_before_the_pivot_is_undone_by_the_plan_itself_from_wherever_it_stops(
        case in cases(),
        moves in any::<bool>(),
        stop in any::<prop::sample::Index>(),
    ) {
        let records = case.records();
        let intent = if moves { Intent::Switchover } else { Intent::Prepare };
        let history = if moves { case.history() } else { switchover::journal::PairState::default() };
        let plan = case.plan(&records, &history, &request(intent, &[0], None)).unwrap();
        let steps: Vec<_> = plan.steps().cloned().collect();
        let pivot = steps.iter().position(|step| Some(&step.id) == plan.pivot.as_ref());
        let done = &steps[..stop.index(pivot.unwrap_or(steps.len()) + 1)];
        let mut after = records.clone();
        for step in done {
            carry_out(&step.action, &mut after);
        }
        done.iter().rev().filter_map(|step| step.undo.as_ref()).for_each(|undo| carry_out(undo, &mut after));
        prop_assert_eq!(after, records);
    }

    #[test]
    fn no_mutated_plan_passes_the_checker(case in cases(), which in 0..MUTATIONS.len()) {
        let mutation = &MUTATIONS[which];
        let history = case.history();
        let Some(mut bench) = bench(&case, &history, mutation.of) else { return Ok(()) };
        prop_assert!(broken(&bench).is_empty());
        let before = bench.plan.clone();
        let touched = !before.is_empty() && (mutation.apply)(&mut bench).is_some();
        if touched && bench.plan != before {
            prop_assert!(broken(&bench).contains(mutation.rule), "{}", mutation.called);
            prop_assert!(bench.plan.digest() != before.digest());
        }
    }
}
