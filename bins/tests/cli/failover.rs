//! The night when production is gone, and the morning when it is back, as a person sees them.

use std::fs;
use std::path::PathBuf;

use insta::assert_snapshot;
use regex_lite::Regex;
use switchover_sandbox::client::Written;

use crate::data::{ageless, golden, in_one_order};
use crate::stand::Stand;
use crate::support::Ran;

/// Without the lengths of time that differ from run to run.
pub(crate) fn timeless(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, replacement) in [
        (r"\(\d+(ms|s|m)( \d+(s|ms))*\) may be lost", "(AGE) may be lost"),
        (r"TIME:\d\d(\.\d+)?", "TIME"),
        (r"\.switchover-kept-[0-9TZa-z-]+", ".switchover-kept-RUN"),
        (r#""\d{4}-\d\d-\d\dT[0-9:.]+Z""#, "\"TIME\""),
        (r#""(\w*_ms|requests|requests_to_swap|bytes)": \d+"#, "\"$1\": N"),
        (r"for at least [^,]+,", "for at least PERIOD,"),
    ] {
        text = Regex::new(pattern).unwrap().replace_all(&text, replacement).into_owned();
    }
    text
}

fn shown(ran: &Ran) -> String {
    timeless(&golden(ran))
}

/// Hong Kong's live files are gone, with one that came after the latest sync.
pub(crate) fn lost(stand: &Stand) -> PathBuf {
    stand.synced();
    assert_eq!(stand.upload("hongkong", "late"), Written::Acknowledged);
    let away = stand.home.path("away");
    fs::rename(stand.tree("hongkong", "live"), &away).unwrap();
    away
}

pub(crate) const FAILOVER: &str =
    "swap-roles --failover --accept-data-loss 1h --reason region-is-down -e live";

#[test]
fn what_is_wrong_with_a_failover_is_said_with_the_flag_that_it_needs() {
    let stand = Stand::with_data();
    assert_snapshot!("failover_no_copy", shown(&stand.run(&format!("{FAILOVER} --yes")).ends(6)));
    lost(&stand);
    let unaccepted = "swap-roles --failover --reason region-is-down -e live --yes";
    assert_snapshot!("failover_not_accepted", shown(&stand.run(unaccepted).ends(6)));
    let little = "swap-roles --failover --accept-data-loss 1ms --reason region-is-down -e live --yes";
    stand.run(little).ends(6);
    assert_snapshot!("failover_plan", shown(&stand.run(&format!("{FAILOVER} --dry-run")).ends(0)));
    for wrong in [
        "swap-roles --failover --accept-data-loss 1h",
        "swap-roles --accept-data-loss 1h --reason x",
        "swap-roles --failover --skip-checks",
        "swap-roles --skip-checks",
        "swap-roles --discard-diverged --reason x",
        "swap-roles --failover --reprotect",
        "swap-roles --failover --accept-data-loss soon --reason x",
    ] {
        stand.run(wrong).ends(64);
    }
    assert_eq!(stand.run("switchover history").ends(0).stdout.matches("failover").count(), 0);
}

#[test]
fn the_side_that_was_to_take_production_is_given_up_before_it_did() {
    let stand = Stand::with_data();
    stand.run("sync-data -e live --overwrite --reason first").ends(0);
    let waits = "swap-roles -e live --at 2099-01-01T00:00:00Z --yes";
    let mut run = stand.home.command(waits).spawn().unwrap();
    while !stand.run("switchover history").stdout.contains("switchover") {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let keeps = "swap-roles --failover --to hongkong -e live --reason sydney-is-down --yes";
    let given_up = stand.run(keeps).ends(0);
    assert_eq!(run.wait().unwrap().code(), Some(7), "it lost the pair");
    assert!(given_up.stderr.contains("closed where it was"), "{}", given_up.transcript());
    assert!(
        given_up.stderr.contains("nothing to do (live: hongkong is production)"),
        "{}",
        given_up.transcript()
    );
    assert!(stand.run("switchover history").ends(0).stdout.contains("superseded"));
    assert_eq!(stand.upload("hongkong", "on"), Written::Acknowledged);
    stand.run(keeps).ends(0);
}

#[test]
fn a_failover_says_what_was_lost_and_what_is_owed_and_a_reprotect_where_it_lies() {
    let stand = Stand::with_data();
    let away = lost(&stand);
    let ran = stand.run(&format!("{FAILOVER} --yes")).ends(0);
    assert!(ran.stdout.contains("may be lost"), "{}", ran.transcript());
    let told = |line: &str| in_one_order(&shown(&stand.run(line).ends(0)));
    assert_snapshot!("failover_report", told("switchover report"));
    assert_snapshot!("failover_report_markdown", told("switchover report -o markdown"));
    let json: serde_json::Value =
        serde_json::from_str(&stand.run("switchover report -o json").ends(0).stdout).unwrap();
    let told = serde_json::json!({ "losses": json["losses"], "owed": json["owed"] });
    let run = json["run"].as_str().unwrap().to_owned();
    let told = serde_json::to_string_pretty(&told).unwrap().replace(&run, "RUN");
    let folder = stand.home.path("").display().to_string();
    assert_snapshot!("failover_report_json", timeless(&told).replace(folder.trim_end_matches('/'), "HOME"));
    assert_eq!(stand.upload("sydney", "new"), Written::Acknowledged);
    assert_snapshot!("failover_status", timeless(&ageless(&stand.run("switchover status").ends(0))));
    assert_snapshot!("failover_history", shown(&stand.run("switchover history").ends(0)));
    assert_snapshot!("failover_owed_swap", shown(&stand.run("swap-roles -e live --yes").ends(6)));
    assert_snapshot!("failover_owed_sync", shown(&stand.run("sync-data --side hongkong -e live").ends(6)));
    assert_snapshot!(
        "failover_still_lost",
        shown(&stand.run("swap-roles --reprotect -e live --yes").ends(6))
    );
    fs::rename(away, stand.tree("hongkong", "live")).unwrap();
    assert_snapshot!("reprotect_plan", shown(&stand.run("swap-roles --reprotect -e live --dry-run").ends(0)));
    assert_snapshot!("reprotect_run", shown(&stand.run("swap-roles --reprotect -e live --yes").ends(0)));
    let entries = fs::read_dir(stand.tree("hongkong", "live")).unwrap().map(|entry| entry.unwrap().path());
    let kept: Vec<PathBuf> =
        entries.filter(|path| path.display().to_string().contains(".switchover-kept-")).collect();
    assert_eq!(fs::read_to_string(kept[0].join("late")).unwrap(), "late");
    assert!(!stand.tree("hongkong", "live").join("late").exists());
    assert!(!stand.run("switchover status").ends(0).stdout.contains("owed"));
    stand.run("swap-roles --reprotect -e live --yes").ends(0);
    stand.run("swap-roles -e live --yes").ends(0);
    assert_eq!(stand.upload("hongkong", "again"), Written::Acknowledged);
}
