//! Plays many seeds, or tells the story of one.
//!
//! ```text
//!   tests/sim/run                    100,000 seeds
//!   tests/sim/run --seeds 2000000    as many as you like
//!   tests/sim/run --seed 4711        one, with its timeline; cut down if it fails
//!   tests/sim/run --planted          how soon each planted bug is found
//! ```

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use switchover_sim::{Failed, Plant, Scenario, Tally, Timeline, first_to_find, judged, play_many, shrunk};

const USAGE: &str =
    "usage: tests/sim/run [--seeds N] [--from SEED] [--threads N] | --seed SEED [--whole] | --planted";
/// Failures after which more of them tell nothing new.
const ENOUGH: u64 = 50;

#[derive(Debug)]
struct Arguments {
    seeds: u64,
    from: u64,
    threads: usize,
    seed: Option<u64>,
    whole: bool,
    planted: bool,
}

fn arguments() -> Result<Arguments, String> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let mut found = Arguments { seeds: 100_000, from: 0, threads, seed: None, whole: false, planted: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || {
            let text = words.next().ok_or_else(|| format!("{word} wants a number"))?;
            text.replace(['_', ','], "").parse::<u64>().map_err(|error| format!("{word} {text}: {error}"))
        };
        match word.as_str() {
            "--seeds" => found.seeds = number()?,
            "--from" => found.from = number()?,
            "--threads" => found.threads = usize::try_from(number()?).unwrap_or(1),
            "--seed" => found.seed = Some(number()?),
            "--whole" => found.whole = true,
            "--planted" => found.planted = true,
            other => return Err(format!("{other} is not known")),
        }
    }
    Ok(found)
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
            return ExitCode::from(64);
        }
    };
    match arguments.seed {
        Some(seed) => tell(seed, arguments.whole),
        None if arguments.planted => planted(&arguments),
        None => many(&arguments),
    }
}

/// Tells the story of a seed; of one that fails, as little of it as fails in the same place.
fn tell(seed: u64, whole: bool) -> ExitCode {
    let mut scenario = Scenario::of(seed);
    if !whole && let Err(violation) = judged(&scenario, None, &Timeline::none()) {
        scenario = shrunk(&scenario, None, &violation);
        println!("Cut down to what it takes; `--whole` tells all of it.");
    }
    let timeline = Timeline::kept();
    let verdict = judged(&scenario, None, &timeline);
    print!("{scenario}");
    timeline.lines().iter().for_each(|line| println!("{line}"));
    match verdict {
        Ok(played) => {
            println!("every rule was kept; the journal's digest is {:016x}", played.digest);
            ExitCode::SUCCESS
        }
        Err(violation) => {
            println!("BROKEN: {}\n  seen at {}", violation.what, violation.place);
            ExitCode::FAILURE
        }
    }
}

/// Looks for every planted bug.
fn planted(arguments: &Arguments) -> ExitCode {
    let mut missed = 0;
    for plant in Plant::ALL {
        let seeds = arguments.from..arguments.from.saturating_add(arguments.seeds);
        if let Some(found) = first_to_find(plant, seeds, arguments.threads) {
            let what: String = found.violation.what.chars().take(160).collect();
            println!("{plant:?}: seed {}: {what}", found.seed);
        } else {
            missed += 1;
            println!("{plant:?}: NOT FOUND");
        }
    }
    println!("{} passed, {missed} failed", Plant::ALL.len() - missed);
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn many(arguments: &Arguments) -> ExitCode {
    let began = Instant::now();
    let told = AtomicU64::new(0);
    let seeds = arguments.from..arguments.from.saturating_add(arguments.seeds);
    let tally = play_many(seeds, None, arguments.threads, ENOUGH, |played| {
        let minutes = began.elapsed().as_secs() / 60;
        if told.fetch_max(minutes, Ordering::Relaxed) < minutes {
            eprintln!("{played} seeds after {minutes} min");
        }
    });
    report(&tally, began.elapsed().as_secs_f64(), arguments.threads);
    tally.failed.iter().for_each(failed);
    if tally.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn report(tally: &Tally, seconds: f64, threads: usize) {
    let kept = (tally.played - tally.failed.len() as u64).max(1) as f64;
    println!(
        "{} seeds in {seconds:.0} s on {threads} threads: {:.0} seeds/s; each {:.0} steps, {:.0} entries and {:.0} s of virtual time",
        tally.played,
        tally.played as f64 / seconds,
        tally.steps as f64 / kept,
        tally.entries as f64 / kept,
        tally.virtual_seconds as f64 / kept,
    );
    let failed = tally.failed.len() as u64;
    println!("{} passed, {failed} failed", tally.played - failed);
}

fn failed(failed: &Failed) {
    let what: String = failed.violation.what.chars().take(300).collect();
    println!(
        "seed {}: {what} ({})\n  replay it: tests/sim/run --seed {}",
        failed.seed, failed.violation.place, failed.seed
    );
}
