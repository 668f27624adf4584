//! The timeline of a run: one line a step, in the order in which things happened.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::action::between;
use crate::journal::{Fact, RunState, StepState, Way};
use crate::model::Verification;
use crate::plan::Step;
use crate::port::Synced;

/// One line of a timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds; `None` if it is not known to have ended.
    pub took_ms: Option<u64>,
    /// What it was.
    pub what: String,
    /// How it ended.
    pub result: String,
}

/// Tells what happened, in order.
pub fn timeline(run: &RunState) -> Vec<Line> {
    let mut lines: Vec<Line> = run.plan.steps().flat_map(|step| lines_of(run, step)).collect();
    lines.sort_by_key(|line| line.at);
    lines
}

fn lines_of(run: &RunState, step: &Step) -> Vec<Line> {
    let record = run.step(&step.id);
    [Way::Forward, Way::Back]
        .into_iter()
        .filter_map(|way| {
            let what = match way {
                Way::Forward => step.id.to_string(),
                Way::Back => format!("undo: {}", step.id),
            };
            record.way(way).map(|state| line(what, state))
        })
        .collect()
}

fn line(what: String, state: &StepState) -> Line {
    let took = |from: Timestamp, to: Timestamp| {
        let took: Duration = between(from, to);
        u64::try_from(took.as_millis()).ok()
    };
    match state {
        StepState::Started { at } => Line {
            at: *at,
            took_ms: None,
            what,
            result: "started; what became of it is not known".to_owned(),
        },
        StepState::Succeeded { started, at, facts } => {
            Line { at: *started, took_ms: took(*started, *at), what, result: learnt(facts) }
        }
        StepState::Failed { started, at, failure } => {
            let result = format!("failed: {}", failure.message);
            Line { at: *started, took_ms: took(*started, *at), what, result }
        }
    }
}

/// What a step learnt, in words.
pub fn learnt(facts: &[Fact]) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut slowest: Option<(usize, u64)> = None;
    let mut agreed = 0_usize;
    let mut passed = 0_usize;
    for fact in facts {
        match fact {
            Fact::AlreadyDone => words.push("was done already".to_owned()),
            Fact::Accepted { names, took_ms, .. } => {
                words.push(format!("{} accepted in {took_ms} ms", counted(names.len(), "record")));
            }
            Fact::Settled { applied: true, .. } => {
                words.push("an unclear call turned out to be done".to_owned());
            }
            Fact::Settled { applied: false, .. } => {
                words.push("an unclear call turned out not to be done".to_owned());
            }
            Fact::Agreed { servers, after_ms, .. } => {
                agreed += 1;
                let most = slowest.map_or(0, |(_, most)| most);
                slowest = Some((*servers, most.max(*after_ms)));
            }
            Fact::Passed { .. } => passed += 1,
            Fact::Waited { .. } => words.push("waited".to_owned()),
            Fact::Frozen { proof, .. } => words.push(format!(
                "{} refused, nothing moved for {} ms",
                counted(usize::try_from(proof.attempts).unwrap_or(usize::MAX), "write"),
                proof.still_ms
            )),
            Fact::Synced(synced) => words.push(brought(synced)),
            Fact::Restored { key, took_ms, .. } => {
                words.push(format!("backup {key} restored beside the data in {took_ms} ms, content equal"));
            }
            Fact::Deployed { deployment, .. } => words.push(deployment.to_string()),
            Fact::Approved { group, by } => {
                let who: Vec<&str> = by.iter().map(|holder| holder.actor.as_str()).collect();
                words.push(format!("{group} approved ({})", who.join(", ")));
            }
            Fact::TakenOver { as_of, notes, .. } => {
                words.push(format!("stands alone, as of {}", as_of.strftime("%F %T")));
                words.extend(notes.iter().cloned());
            }
            Fact::Fenced { side, .. } => words.push(format!("{side} refuses writes")),
            Fact::Kept { place, .. } => words.push(format!("kept as {place}")),
        }
    }
    if let Some((servers, most)) = slowest {
        let (names, servers) = (counted(agreed, "name"), counted(servers, "server"));
        words.push(format!("{names} at {servers}, the slowest after {most} ms"));
    }
    if passed > 0 {
        words.push(format!("{} passed", counted(passed, "check")));
    }
    words.join("; ")
}

fn brought(synced: &Synced) -> String {
    let copied = &synced.copied;
    let checked = match copied.verified {
        Verification::None => "not compared",
        Verification::Counts => "counts equal",
        Verification::Content => "content equal",
    };
    let mut words = format!("as of {}, key {}, {checked}", copied.as_of.strftime("%F %T"), copied.key);
    if synced.items > 0 || synced.bytes > 0 {
        words.push_str(&format!(", {} items and {} bytes moved", synced.items, synced.bytes));
    }
    if synced.deleted > 0 {
        words.push_str(&format!(", {} deleted", synced.deleted));
    }
    words
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
