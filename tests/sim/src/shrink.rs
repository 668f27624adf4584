//! Cutting a scenario down: what is not needed for the failure is taken out, so that its story is short.

use crate::{Plant, Scenario, Timeline, Violation, judged};

/// A scenario that fails in the same place with as little as possible going wrong in it. Takes as many plays as it has parts, a few times.
pub fn shrunk(scenario: &Scenario, plant: Option<Plant>, violation: &Violation) -> Scenario {
    let mut best = scenario.clone();
    loop {
        let fails = |smaller: &Scenario| {
            let verdict = judged(smaller, plant, &Timeline::none());
            verdict.is_err_and(|other| other.place == violation.place)
        };
        match smaller(&best).into_iter().find(fails) {
            Some(smaller) => best = smaller,
            None => return best,
        }
    }
}

/// The scenario without each of its parts.
fn smaller(of: &Scenario) -> Vec<Scenario> {
    let mut all = Vec::new();
    let mut without = |change: &dyn Fn(&mut Scenario)| {
        let mut smaller = of.clone();
        change(&mut smaller);
        if smaller != *of {
            all.push(smaller);
        }
    };
    for place in 0..of.faults.len() {
        without(&|smaller| {
            smaller.faults.remove(place);
        });
    }
    for (who, person) in of.people.iter().enumerate() {
        without(&|smaller| smaller.people[who].errands.clear());
        without(&|smaller| smaller.people[who].cuts.clear());
        without(&|smaller| smaller.people[who].skew = 0);
        for place in 0..person.errands.len() {
            without(&|smaller| {
                smaller.people[who].errands.remove(place);
            });
            without(&|smaller| smaller.people[who].errands[place].stopped = None);
            for fate in 0..person.errands[place].fates.len() {
                without(&|smaller| {
                    smaller.people[who].errands[place].fates.remove(fate);
                });
            }
        }
    }
    for place in 0..of.shape.stores.len() {
        without(&|smaller| {
            smaller.shape.stores.remove(place);
        });
    }
    without(&|smaller| smaller.shape.staging = false);
    without(&|smaller| smaller.shape.delivery = false);
    without(&|smaller| smaller.shape.endpoints = 1);
    all
}
