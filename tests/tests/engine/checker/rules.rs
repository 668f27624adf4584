//! Every rule of the checker has a plan that it refuses and that no other rule does.

use std::collections::BTreeSet;

use switchover::journal::PairState;
use switchover::plan::{Intent, verify};

use super::case::{Case, Spec, request};
use super::mutation::{Bench, MUTATIONS, Mutation};
use super::{drill, failover, in_line, left_out, releases, stores, telling};

/// Two environments, two zones, every kind of record, some TTLs lowered ahead.
pub(super) fn example() -> Case {
    let spec = |address, zones, ttls, prepared| Spec {
        address,
        zones,
        ttls,
        proxied: [false; 2],
        v6: [false; 2],
        checked: true,
        prepared,
    };
    let plain = spec(0, [0, 1], [Some(300), Some(300)], [None, None]);
    let lowered = spec(1, [0, 1], [Some(60), Some(60)], [Some(3_600), Some(600)]);
    let proxied = Spec { proxied: [true, false], ..spec(2, [0, 1], [None, Some(120)], [None, None]) };
    let both = Spec { v6: [true, true], ..spec(3, [1, 0], [Some(600), Some(120)], [None, None]) };
    let live = vec![plain.clone(), lowered.clone(), proxied, both];
    let staging = vec![plain, lowered];
    let environments = vec![(live, false), (staging, false)];
    Case { environments, margin: 60, resolvers: true, authorities: false }
}

pub(super) fn bench(case: &Case, history: &PairState, intent: Intent) -> Option<Bench> {
    let records = case.records();
    let environments: &[usize] = if case.environments.len() > 1 { &[0] } else { &[] };
    let plan = case.plan(&records, history, &request(intent, environments, None)).ok()?;
    Some(Bench {
        pair: case.pair(),
        snapshot: case.snapshot(&records, history),
        history: history.clone(),
        plan,
    })
}

pub(super) fn broken(bench: &Bench) -> BTreeSet<&'static str> {
    let violations = verify(&bench.pair, &bench.snapshot, &bench.history, &bench.plan);
    violations.into_iter().map(|violation| violation.rule).collect()
}

fn mutated(mutation: &Mutation) -> Bench {
    let case = example();
    let mut bench = bench(&case, &case.history(), mutation.of).expect("a plan");
    assert_eq!(broken(&bench), BTreeSet::new(), "the plan is sound before it is mutated");
    (mutation.apply)(&mut bench).unwrap_or_else(|| panic!("`{}` finds nothing to break", mutation.called));
    bench
}

#[test]
fn every_broken_plan_is_refused_by_the_rule_it_breaks_and_by_no_other() {
    let mut wrong = Vec::new();
    let benches = MUTATIONS.iter().map(|mutation| (mutation, mutated(mutation)));
    let of_stores = stores::MUTATIONS.iter().map(|mutation| (mutation, stores::mutated(mutation)));
    let of_releases = releases::MUTATIONS.iter().map(|mutation| (mutation, releases::mutated(mutation)));
    let of_drills = drill::MUTATIONS.iter().map(|mutation| (mutation, drill::mutated(mutation)));
    let of_telling = telling::MUTATIONS.iter().map(|mutation| (mutation, telling::mutated(mutation)));
    let of_failovers = failover::MUTATIONS.iter().map(|mutation| (mutation, failover::mutated(mutation)));
    let of_left_out = left_out::MUTATIONS.iter().map(|mutation| (mutation, left_out::mutated(mutation)));
    let others = of_stores.chain(of_releases).chain(of_drills).chain(of_telling).chain(of_failovers);
    let in_line = in_line::MUTATIONS.iter().map(|mutation| (mutation, in_line::mutated(mutation)));
    let others = others.chain(of_left_out).chain(in_line);
    for (mutation, bench) in benches.chain(others) {
        let rules = broken(&bench);
        if rules != [mutation.rule].into() {
            wrong.push(format!("{}: {rules:?} instead of {:?}", mutation.called, mutation.rule));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The rules as the checker spells them: its sentences are the only texts in its source that have spaces and no placeholder.
fn rules_of_the_checker() -> BTreeSet<String> {
    let sources = [
        include_str!("../../../../core/src/plan/verify/announce.rs"),
        include_str!("../../../../core/src/plan/verify/mod.rs"),
        include_str!("../../../../core/src/plan/verify/swap.rs"),
        include_str!("../../../../core/src/plan/verify/stores.rs"),
        include_str!("../../../../core/src/plan/verify/release.rs"),
        include_str!("../../../../core/src/plan/verify/drill.rs"),
        include_str!("../../../../core/src/plan/verify/failover.rs"),
        include_str!("../../../../core/src/plan/verify/in_line.rs"),
        include_str!("../../../../core/src/plan/verify/left_out.rs"),
    ];
    let lines = sources.into_iter().flat_map(str::lines);
    let code = lines.filter(|line| !line.trim_start().starts_with("//"));
    let texts = code.flat_map(|line| line.split('"').skip(1).step_by(2));
    texts.filter(|text| text.contains(' ') && !text.contains('{')).map(str::to_owned).collect()
}

#[test]
fn no_rule_of_the_checker_is_without_a_plan_that_breaks_it() {
    let all = MUTATIONS.iter().chain(stores::MUTATIONS).chain(releases::MUTATIONS).chain(drill::MUTATIONS);
    let all = all.chain(telling::MUTATIONS).chain(failover::MUTATIONS).chain(left_out::MUTATIONS);
    let all = all.chain(in_line::MUTATIONS);
    let broken: BTreeSet<String> = all.map(|mutation| mutation.rule.to_owned()).collect();
    assert_eq!(broken, rules_of_the_checker());
    assert!(broken.len() > 30);
}
