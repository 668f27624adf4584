//! A run after its end, and lists of runs.

use serde::Serialize;
use switchover::journal::{Entry, Event, RunState};
use switchover::report::{Report, run_report};

use super::recovery::sentence;
use super::table::table;
use super::{BAD, BOLD, WARN, json, styled};
use crate::args::Output;
use crate::exit::Stop;

/// The report of a run in the form that was asked for.
pub(crate) fn report(report: &Report, output: Output) -> Result<String, Stop> {
    match output {
        Output::Json => json(report, false),
        Output::Jsonl => json(report, true),
        Output::Markdown => Ok(run_report(report)),
        Output::Table => Ok(for_people(report)),
    }
}

fn for_people(report: &Report) -> String {
    let state = report.outcome.map_or("in progress".to_owned(), |outcome| outcome.to_string());
    let mut text = styled(BOLD, format!("Run {}: {}, {state}", report.run, report.intent));
    text += &format!(" in {:.1} s\n", report.duration().as_secs_f64());
    for waiver in &report.waivers {
        text += &format!("Not waited for, as asked: {}.\n", waiver.meaning());
    }
    let rows = report.timeline.iter().map(|line| {
        let took = line.took_ms.map_or("-".to_owned(), |took| format!("{:.2} s", seconds(took)));
        vec![line.at.strftime("%H:%M:%S%.3f").to_string(), took, line.what.clone(), line.result.clone()]
    });
    text += &decided(report);
    text += &format!("\n{}", table(Output::Table, &["time (UTC)", "took", "step", "result"], rows));
    text + &figures(report)
}

/// Who approved what, and who stopped it.
fn decided(report: &Report) -> String {
    let mut rows = Vec::new();
    for group in &report.approvals {
        let name = group.group.to_string();
        let given = group.given.iter().map(|given| {
            let at = given.at.strftime("%F %T").to_string();
            vec![name.clone(), given.by.clone(), at, given.digest.short().to_owned(), given.remark()]
        });
        rows.extend(given);
        if group.given.is_empty() {
            let nobody = ["-"; 3].map(str::to_owned);
            let result = format!("{}, nobody approved", group.asked());
            rows.push([name].into_iter().chain(nobody).chain([result]).collect());
        }
    }
    let rejected = report.rejected.as_ref().map(|rejected| {
        let why = rejected.why.as_deref().unwrap_or("no reason was given");
        format!("Rejected by {} at {}: {why}\n", rejected.by, rejected.at.strftime("%F %T"))
    });
    if rows.is_empty() {
        return rejected.unwrap_or_default();
    }
    let heads = ["group", "who", "when (UTC)", "plan", "result"];
    format!("\n{}{}", table(Output::Table, &heads, rows), rejected.unwrap_or_default())
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are far below 2^52")]
fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1000.0
}

fn figures(report: &Report) -> String {
    let mut text = String::from("\n");
    if let (Some(took), Some(requests)) = (report.swapped_in_ms, report.requests_to_swap) {
        text += &format!(
            "Records accepted {took} ms after the confirmation, with {requests} requests; {} requests in all.\n",
            report.requests
        );
    }
    if let Some(recovery) = &report.recovery {
        let words = sentence(recovery);
        text += &if recovery.is_met() { words } else { styled(BAD, words) };
        text.push('\n');
    }
    for window in &report.windows {
        let how_long = match window.refused_ms {
            Some(refused) => format!("for {refused} ms"),
            None => format!("from {} on; no end is known", window.from.strftime("%F %T")),
        };
        text += &format!("Writes to {} were refused {how_long}.\n", window.store);
    }
    for loss in &report.losses {
        text += &format!("{}.\n", loss.told());
    }
    for owed in &report.owed {
        text += &format!("{}: {owed}.\n", styled(WARN, "Owed"));
    }
    for kept in &report.kept {
        text += &format!("{}: what diverged on {} is kept as {}.\n", kept.store, kept.side, kept.place);
    }
    text += &slowest(report).unwrap_or_default();
    for probe in &report.probes {
        text += &format!(
            "Probe of {}: {} fetches, {} failed, longest gap {} ms.\n",
            probe.name, probe.requests, probe.failed, probe.longest_gap_ms
        );
    }
    if !report.probes.is_empty() {
        let (requests, failed) = report
            .probes
            .iter()
            .fold((0, 0), |(requests, failed), probe| (requests + probe.requests, failed + probe.failed));
        text += &styled(
            BOLD,
            format!("Availability {}: {failed} of {requests} fetches failed.", percent(requests, failed)),
        );
        text.push('\n');
    }
    text
}

fn slowest(report: &Report) -> Option<String> {
    let slowest = report.names.iter().max_by_key(|name| name.after_ms)?;
    Some(format!(
        "{} names read back; the slowest, {}, was served by all {} servers after {} ms.\n",
        report.names.len(),
        slowest.name,
        slowest.servers,
        slowest.after_ms
    ))
}

/// The share of good fetches; never rounded up to 100 %.
fn percent(requests: u64, failed: u64) -> String {
    if failed == 0 {
        return "100 %".to_owned();
    }
    let good = u128::from(requests.saturating_sub(failed));
    let thousandths = good * 100_000 / u128::from(requests.max(1));
    format!("{}.{:03} %", thousandths / 1000, thousandths % 1000)
}

/// A run in a list.
#[derive(Debug, Serialize)]
struct Row<'a> {
    schema: &'static str,
    run: &'a str,
    intent: String,
    state: String,
    started: String,
    ended: Option<String>,
    by: String,
    reason: Option<&'a str>,
    shifts: Vec<String>,
    digest: &'a str,
}

fn row(run: &RunState) -> Row<'_> {
    let shift =
        |shift: &switchover::plan::Shift| format!("{}: {} to {}", shift.environment, shift.from, shift.to);
    Row {
        schema: "switchover/history/1",
        run: run.id.as_str(),
        intent: run.plan.intent.to_string(),
        state: state(run),
        started: run.started.strftime("%F %T").to_string(),
        ended: run.finished.map(|(_, at)| at.strftime("%F %T").to_string()),
        by: run.holders.iter().map(ToString::to_string).collect::<Vec<_>>().join(", then "),
        reason: run.reason.as_deref(),
        shifts: run.plan.shifts.iter().map(shift).collect(),
        digest: run.digest.short(),
    }
}

/// A run's state in words.
pub(crate) fn state(run: &RunState) -> String {
    use switchover::journal::PauseReason::{FailedStep, Operator};
    match (&run.finished, &run.paused) {
        (Some((outcome, _)), _) => outcome.to_string(),
        (None, Some(FailedStep)) => "paused by failed step".to_owned(),
        (None, Some(Operator)) => "paused by operator".to_owned(),
        (None, None) => "in progress, or cut off".to_owned(),
    }
}

/// All runs of a pair, newest first.
pub(crate) fn history<'a>(runs: impl Iterator<Item = &'a RunState>, output: Output) -> Result<String, Stop> {
    let rows: Vec<Row<'_>> = runs.map(row).collect();
    match output {
        Output::Json => json(&rows, false),
        Output::Jsonl => rows.iter().map(|row| json(row, true)).collect(),
        Output::Table | Output::Markdown if rows.is_empty() => Ok("no runs yet\n".to_owned()),
        Output::Table | Output::Markdown => {
            let cells = rows.iter().map(|row| {
                let moved = row.shifts.join("; ");
                let reason = row.reason.unwrap_or("-").to_owned();
                let (run, intent, state) = (row.run.to_owned(), row.intent.clone(), row.state.clone());
                vec![run, intent, state, moved, row.by.clone(), reason]
            });
            Ok(table(output, &["run", "intent", "state", "moved", "by", "reason"], cells))
        }
    }
}

/// Every entry of a journal, oldest first.
pub(crate) fn entries(entries: &[Entry], output: Output) -> Result<String, Stop> {
    match output {
        Output::Json => json(&entries, false),
        Output::Jsonl => entries.iter().map(|entry| json(entry, true)).collect(),
        Output::Table | Output::Markdown => {
            let cells = entries.iter().map(|entry| {
                let at = entry.at.strftime("%F %T%.3f").to_string();
                vec![entry.seq.to_string(), entry.epoch.to_string(), at, told(&entry.event)]
            });
            Ok(table(output, &["entry", "epoch", "time (UTC)", "what"], cells))
        }
    }
}

fn told(event: &Event) -> String {
    match event {
        Event::Claimed { holder } => format!("claimed by {holder}"),
        Event::RunStarted { run, plan, digest, .. } => {
            format!("run {run} started: {} with plan {}", plan.intent, digest.short())
        }
        Event::StepStarted { step, .. } => format!("started: {step}"),
        Event::StepSucceeded { step, .. } => format!("done: {step}"),
        Event::StepFailed { step, failure, .. } => format!("failed: {step}: {}", failure.message),
        Event::TurnedBack { why, .. } => format!("turned back: {why}"),
        Event::Probed { names, .. } => format!("probed {} names", names.len()),
        Event::Approved { run, group, vote, .. } => format!("run {run} approved for {group} by {}", vote.by),
        Event::Withdrawn { run, group, vote } => {
            format!("run {run}: approval for {group} withdrawn by {}", vote.by)
        }
        Event::Rejected { run, vote } => format!("run {run} rejected by {}", vote.by),
        Event::Paused { run, .. } => format!("run {run} paused"),
        Event::RunFinished { run, outcome } => format!("run {run} {outcome}"),
    }
}
