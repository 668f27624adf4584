//! How long it takes until users are moved, in words: what a plan will take, and what a run took.

use std::time::Duration;

use switchover::config::Period;
use switchover::model::StepId;
use switchover::report::{Expected, Recovery};

/// A run against its objective, as a sentence.
pub(super) fn sentence(recovery: &Recovery) -> String {
    let words = recovery.to_string();
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}

/// A plan against what earlier runs and drills took.
pub(super) fn expected(expected: &Expected) -> String {
    // To the tenth of a second: more would promise what nobody knows.
    let known = Period(Duration::from_millis(expected.known_ms.div_ceil(100) * 100));
    let objective = expected
        .objective_ms
        .map(|objective| format!("; the objective is {}", Period(Duration::from_millis(objective))))
        .unwrap_or_default();
    let late = expected.objective_ms.is_some_and(|objective| expected.known_ms > objective);
    let late = if late { ", and will probably be missed" } else { "" };
    let source = "by what earlier runs and drills took";
    match (expected.unmeasured.len(), expected.known_ms) {
        (0, _) => format!("\nUsers will be moved after about {known}, {source}{objective}{late}\n"),
        (_, 0) => format!(
            "\nUntil users are moved takes a time that was never measured{objective}; `swap-roles --drill` measures much of it\n"
        ),
        (_, _) => {
            let steps: Vec<&str> = expected.unmeasured.iter().map(StepId::as_str).collect();
            let steps = steps.join(", ");
            format!(
                "\nUsers will be moved after at least {known}, {source}; never measured: {steps}{objective}{late}\n"
            )
        }
    }
}
