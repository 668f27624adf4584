//! Reports as Markdown.

use std::fmt::Write as _;

use super::Report;

fn row(text: &mut String, cells: &[&str]) {
    for cell in cells {
        text.push_str("| ");
        text.push_str(&cell.replace('|', "\\|").replace('\n', " "));
        text.push(' ');
    }
    text.push_str("|\n");
}

/// The report of a run.
pub fn run_report(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = heading(&mut text, report);
    let _ = figures(&mut text, report);
    decided(&mut text, report);
    if !report.names.is_empty() {
        text.push_str("\n## Names\n\n| name | servers | served everywhere after |\n| -- | -- | -- |\n");
        for name in &report.names {
            row(
                &mut text,
                &[name.name.as_str(), &name.servers.to_string(), &format!("{} ms", name.after_ms)],
            );
        }
    }
    text.push_str("\n## Timeline\n\n| time (UTC) | took | what | result |\n| -- | -- | -- | -- |\n");
    for line in &report.timeline {
        let at = line.at.strftime("%H:%M:%S%.3f").to_string();
        let took = line.took_ms.map_or("-".to_owned(), |took| format!("{took} ms"));
        row(&mut text, &[&at, &took, &line.what, &line.result]);
    }
    text
}

/// Who approved what, and who stopped it.
fn decided(text: &mut String, report: &Report) {
    if report.approvals.is_empty() && report.rejected.is_none() {
        return;
    }
    text.push_str(
        "\n## Approvals\n\n| group | who | when (UTC) | plan | result |\n| -- | -- | -- | -- | -- |\n",
    );
    for group in &report.approvals {
        for given in &group.given {
            let (at, digest) = (given.at.strftime("%F %T").to_string(), given.digest.short());
            row(text, &[group.group.as_str(), &given.by, &at, digest, &given.remark()]);
        }
        if group.given.is_empty() {
            row(text, &[group.group.as_str(), "-", "-", "-", &format!("{}, nobody approved", group.asked())]);
        }
    }
    if let Some(rejected) = &report.rejected {
        let why = rejected.why.as_deref().unwrap_or("no reason was given");
        let at = rejected.at.strftime("%F %T").to_string();
        row(text, &["-", &rejected.by, &at, report.digest.short(), &format!("rejected: {why}")]);
    }
}

fn heading(text: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(text, "# Run {}: {}\n", report.run, report.intent)?;
    let outcome = report.outcome.map_or("not finished".to_owned(), |outcome| outcome.to_string());
    writeln!(text, "- state: {outcome}")?;
    for shift in &report.shifts {
        writeln!(text, "- {}: production from {} to {}", shift.environment, shift.from, shift.to)?;
    }
    if let Some(reason) = &report.reason {
        writeln!(text, "- reason: {reason}")?;
    }
    for waiver in &report.waivers {
        writeln!(text, "- not waited for, as asked: {}", waiver.meaning())?;
    }
    writeln!(text, "- by: {}", report.holders.join(", then "))?;
    writeln!(text, "- plan: {}", report.digest)?;
    let (started, ended) = (report.started.strftime("%F %T"), report.ended.strftime("%F %T"));
    writeln!(text, "- from {started} to {ended} UTC ({:.1} s)", report.duration().as_secs_f64())
}

fn figures(text: &mut String, report: &Report) -> std::fmt::Result {
    text.push_str("\n## Figures\n\n");
    if let Some(took) = report.swapped_in_ms {
        writeln!(text, "- records accepted {took} ms after the confirmation")?;
    }
    if let Some(requests) = report.requests_to_swap {
        writeln!(text, "- {requests} requests until then, {} in all", report.requests)?;
    }
    if let Some(recovery) = &report.recovery {
        writeln!(text, "- {recovery}")?;
    }
    for window in &report.windows {
        let how_long = match window.refused_ms {
            Some(refused) => format!("for {refused} ms"),
            None => format!("since {}", window.from.strftime("%F %T")),
        };
        writeln!(text, "- {}: writes refused {how_long}", window.store)?;
    }
    for loss in &report.losses {
        writeln!(text, "- {}", loss.told())?;
    }
    for owed in &report.owed {
        writeln!(text, "- owed: {owed}")?;
    }
    for kept in &report.kept {
        writeln!(text, "- {}: what diverged on {} is kept as {}", kept.store, kept.side, kept.place)?;
    }
    for probe in &report.probes {
        writeln!(
            text,
            "- {}: {} of {} fetches failed, longest gap {} ms",
            probe.name, probe.failed, probe.requests, probe.longest_gap_ms
        )?;
    }
    Ok(())
}
