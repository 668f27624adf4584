//! Plays every boundary with every outcome, or tells the story of one case.

use std::process::ExitCode;
use std::time::Instant;

use switchover_sim::{Case, Kind, Plant, Sweep, Timeline, broken_by, judged_case, sweep};

const USAGE: &str =
    "usage: tests/sim/every [--kind KIND] [--pairs all|none|one-in-N] [--seed N] | --case CASE | --planted";
/// One pair in so many is played unless somebody asks for more.
const ONE_IN: u64 = 10;

#[derive(Debug)]
struct Arguments {
    sweep: Sweep,
    case: Option<Case>,
    planted: bool,
}

fn one_pair_in(word: &str) -> Result<u64, String> {
    match (word, word.strip_prefix("one-in-")) {
        ("all", _) => Ok(1),
        ("none", _) => Ok(0),
        (_, Some(number)) => number.parse().map_err(|error| format!("--pairs {word}: {error}")),
        (_, None) => Err(format!("--pairs {word} is not known")),
    }
}

fn kind(word: &str) -> Result<Vec<Kind>, String> {
    let found = Kind::ALL.into_iter().find(|kind| kind.word() == word);
    found.map(|kind| vec![kind]).ok_or_else(|| format!("--kind {word} is not known"))
}

fn arguments() -> Result<Arguments, String> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let sweep = Sweep { kinds: Kind::ALL.to_vec(), one_pair_in: ONE_IN, seed: 0, threads, enough: 40 };
    let mut found = Arguments { sweep, case: None, planted: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
        match word.as_str() {
            "--kind" => found.sweep.kinds = kind(&value()?)?,
            "--pairs" => found.sweep.one_pair_in = one_pair_in(&value()?)?,
            "--seed" => found.sweep.seed = value()?.parse().map_err(|error| format!("--seed: {error}"))?,
            "--case" => found.case = Some(value()?.parse().map_err(|error| format!("{error}"))?),
            "--planted" => found.planted = true,
            other => return Err(format!("{other} is not known")),
        }
    }
    Ok(found)
}

fn main() -> ExitCode {
    match arguments() {
        Ok(Arguments { case: Some(case), .. }) => tell(&case),
        Ok(Arguments { planted: true, sweep, .. }) => planted(sweep.threads),
        Ok(arguments) => all(&arguments.sweep),
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
            ExitCode::from(64)
        }
    }
}

/// Tells the story of one case.
fn tell(case: &Case) -> ExitCode {
    let timeline = Timeline::kept();
    let verdict = judged_case(case, None, &timeline);
    println!("{case}");
    timeline.lines().iter().for_each(|line| println!("{line}"));
    match verdict {
        Ok(ended) if ended.left == 0 => {
            println!("every rule was kept; {} boundaries were passed", ended.passed.len());
            ExitCode::SUCCESS
        }
        Ok(ended) => {
            println!(
                "{} boundaries were passed, and {} strikes never reached",
                ended.passed.len(),
                ended.left
            );
            ExitCode::FAILURE
        }
        Err(violation) => {
            println!("BROKEN: {}\n  seen at {}", violation.what, violation.place);
            ExitCode::FAILURE
        }
    }
}

fn planted(threads: usize) -> ExitCode {
    for plant in Plant::ALL {
        match broken_by(plant, threads) {
            Some((case, violation)) => {
                let what: String = violation.what.chars().take(160).collect();
                println!("{plant:?}: {case}: {what}");
            }
            None => println!("{plant:?}: not found"),
        }
    }
    ExitCode::SUCCESS
}

fn all(wanted: &Sweep) -> ExitCode {
    let began = Instant::now();
    let (mut passed, mut failed) = (0, 0);
    for kind in &wanted.kinds {
        let since = Instant::now();
        let swept = sweep(&Sweep { kinds: vec![*kind], ..wanted.clone() }, None);
        println!(
            "{}: {} singles, {} of {} pairs, {:.1} s",
            kind.word(),
            swept.singles,
            swept.pairs,
            swept.all_pairs,
            since.elapsed().as_secs_f64()
        );
        for (case, violation) in &swept.failed {
            let what: String = violation.what.chars().take(300).collect();
            println!(
                "FAILED {case}: {what} ({})\n  replay it: tests/sim/every --case {case}",
                violation.place
            );
        }
        failed += swept.failed.len() as u64;
        passed += (swept.singles + swept.pairs).saturating_sub(swept.failed.len() as u64);
    }
    println!("{:.0} s", began.elapsed().as_secs_f64());
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
