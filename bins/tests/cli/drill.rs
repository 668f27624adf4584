//! Drills: what a person and cron see, and what a plan and a report say of the recovery time.

use insta::assert_snapshot;
use regex_lite::Regex;

use crate::stand::Stand;
use crate::support::scrub;

/// Without what differs from run to run.
fn golden(text: &str) -> String {
    let mut text = scrub(text);
    for (pattern, replacement) in [
        (r"\b20\d{6}(\d{4})?\b", "KEY"),
        (r"after (about|at least) [^,]+,", "after $1 PERIOD,"),
        (r"refused for about [^,]+,", "refused for about PERIOD,"),
        (r"(\d+ writes?|nothing) refused", "WRITES refused"),
    ] {
        text = Regex::new(pattern).unwrap().replace_all(&text, replacement).into_owned();
    }
    text
}

const ENDPOINT: &str = "[[pair.gigadb.environments.live.endpoints]]";

/// With writes that may be under way for longer than the objective.
fn slow(file: &str) -> String {
    file.replace("settle = \"200ms\"", "settle = \"1500ms\"")
}

fn with_objective(text: &str) -> Stand {
    let rto = format!("[pair.gigadb.environments.live]\nrto = \"{text}\"\n\n{ENDPOINT}");
    let stand = Stand::with_data_and(|file| file.replacen(ENDPOINT, &rto, 1));
    stand.run("sync-data").ends(0);
    stand
}

#[test]
fn a_drill_says_what_works_and_how_long_it_takes_and_a_plan_knows_it_afterwards() {
    let stand = with_objective("5m");
    let before = stand.run("swap-roles -e live --dry-run").ends(0).stdout;
    assert!(before.contains("never measured: check stand-by sydney, freeze live/files"), "{before}");
    assert!(before.contains("; the objective is 5m\n"), "{before}");
    assert_snapshot!("drill_plan", golden(&stand.run("swap-roles -e live --drill --dry-run").ends(0).stdout));
    let ran = stand.run("swap-roles -e live --drill --yes").ends(0);
    assert_snapshot!("drill_run", golden(&ran.stdout));
    assert_eq!(stand.addresses("gigadb.org", "gigadb.org"), ["127.0.1.1"], "nobody is moved");
    let after = stand.run("swap-roles -e live --dry-run").ends(0).stdout;
    assert!(after.contains("by what earlier runs and drills took; never measured: "), "{after}");
    stand.run("swap-roles -e live --yes").ends(0);
    let report = stand.run("switchover report").ends(0).stdout;
    assert!(report.contains("within the objective of 5m"), "{report}");
    let json = stand.run("switchover report -o json").ends(0).stdout;
    assert!(json.contains("\"objective_ms\": 300000"), "{json}");
    let back = stand.run("swap-roles -e live --dry-run --to hongkong").ends(0).stdout;
    assert!(back.contains("Users will be moved after about"), "{back}");
}

#[test]
fn a_run_that_was_too_late_says_so_and_is_done_all_the_same() {
    let stand = Stand::with_data_and(|file| {
        slow(&file.replacen(
            ENDPOINT,
            &format!("[pair.gigadb.environments.live]\nrto = \"1s\"\n\n{ENDPOINT}"),
            1,
        ))
    });
    stand.run("sync-data").ends(0);
    stand.run("swap-roles -e live --yes").ends(0);
    let report = stand.run("switchover report -o markdown").ends(0).stdout;
    assert!(report.contains("later than the objective of 1s"), "{report}");
    let next = stand.run("swap-roles -e live --dry-run --to hongkong").ends(0).stdout;
    assert!(next.contains("will probably be missed"), "{next}");
}

#[test]
fn a_drill_that_finds_something_ends_with_1_and_hides_nothing() {
    let stand = Stand::with_data();
    // Before the first sync the stand-by takes writes.
    let ran = stand.run("swap-roles -e live --drill --yes").ends(1);
    assert!(
        ran.stderr.contains("the drill found something: 1 step failed, and the preflight found"),
        "{}",
        ran.transcript()
    );
    assert!(ran.stdout.contains("it takes writes"), "{}", ran.transcript());
    assert!(ran.stdout.contains("completed with exceptions"), "{}", ran.transcript());
    // The others were tried all the same.
    assert!(ran.stdout.contains("ask the servers of gigadb.org"), "{}", ran.transcript());
}

#[test]
fn a_drill_is_asked_for_by_itself() {
    let stand = Stand::with_data();
    for line in
        ["--drill --revert", "--drill --to sydney", "--drill --at 2026-12-01T02:00:00Z", "--drill --fallback"]
    {
        stand.run(&format!("swap-roles {line} --yes")).ends(64);
    }
    let ran = stand.run("swap-roles --drill").ends(64);
    assert!(ran.stderr.contains("`--yes`"), "{}", ran.transcript());
}

#[test]
fn an_objective_that_makes_no_sense_is_shown_at_its_place() {
    for wrong in ["0s", "30d", "soon"] {
        let stand = Stand::with_data_and(|file| {
            let rto = format!("[pair.gigadb.environments.live]\nrto = \"{wrong}\"\n\n{ENDPOINT}");
            file.replacen(ENDPOINT, &rto, 1)
        });
        let ran = stand.run("switchover check --offline").ends(78);
        assert!(ran.stderr.contains(&format!("rto = \"{wrong}\"")), "{}", ran.transcript());
    }
}
