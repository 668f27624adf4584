//! The fallback plan of a night in which production is gone: nothing waits for it, and what it held is kept.

use std::fs;

use insta::assert_snapshot;
use switchover_sandbox::client::Written;

use super::{blocks, commands, golden, typed};
use crate::failover::{FAILOVER, lost, timeless};
use crate::stand::Stand;

/// What belongs to a lost side is gone on from, whatever it says.
fn patient(document: &str) -> Vec<String> {
    let forward = document.split("\n## The way back").next().unwrap();
    let steps = forward.split("\n### ");
    let of_lost = |step: &str| step.starts_with("Fence ");
    let each = steps.flat_map(|step| {
        let commands = blocks(step);
        let commands = commands.into_iter();
        commands
            .map(|block| if of_lost(step) { format!("sh <<'LOST' || true\n{block}\nLOST") } else { block })
    });
    each.collect()
}

#[test]
fn a_failover_and_a_reprotect_are_said_with_their_values_and_begin_only_once_they_are_written() {
    let stand = Stand::with_data();
    let away = lost(&stand);
    let shown = stand.run(&format!("{FAILOVER} --dry-run --fallback")).ends(0).stdout;
    assert_snapshot!("fallback_failover", timeless(&golden(&stand, &shown)));
    stand.run(&format!("{FAILOVER} --yes --fallback nowhere/by-hand.md")).ends(1);
    assert!(!stand.run("switchover history").ends(0).stdout.contains("failover"));
    stand.run(&format!("{FAILOVER} --yes --fallback by-hand.md")).ends(0);
    assert!(stand.home.read("by-hand.md").starts_with("# By hand: failover of gigadb\n"));
    fs::rename(away, stand.tree("hongkong", "live")).unwrap();
    let shown = stand.run("swap-roles --reprotect -e live --dry-run --fallback").ends(0).stdout;
    assert_snapshot!("fallback_reprotect", golden(&stand, &shown));
}

#[test]
#[ignore = "needs curl, jq, dig and rsync; tests/e2e/by-hand runs it"]
fn production_that_is_gone_is_replaced_by_its_commands_alone() {
    let stand = Stand::with_data();
    let away = lost(&stand);
    let document = stand.run(&format!("{FAILOVER} --dry-run --fallback")).ends(0).stdout;
    let ran = typed(&stand, &patient(&document)).ends(0);
    assert!(!ran.transcript().contains("reads otherwise"), "{}", ran.transcript());
    assert_eq!(stand.addresses("gigadb.org", "gigadb.org"), ["127.0.2.1"], "{}", ran.transcript());
    assert_eq!(stand.upload("sydney", "new"), Written::Acknowledged, "{}", ran.transcript());
    fs::rename(away, stand.tree("hongkong", "live")).unwrap();
    // The program finds it so, and writes over nothing.
    let status = stand.run("switchover status").ends(0).stdout;
    assert!(status.lines().any(|line| line.contains("sydney") && line.contains("production")), "{status}");
    stand.run("sync-data -e live").ends(6);
    assert!(stand.tree("hongkong", "live").join("late").exists());
}

#[test]
#[ignore = "needs curl, jq, dig and rsync; tests/e2e/by-hand runs it"]
fn what_diverged_is_kept_by_hand_before_it_is_written_over() {
    let stand = Stand::with_data();
    let away = lost(&stand);
    stand.run(&format!("{FAILOVER} --yes")).ends(0);
    assert_eq!(stand.upload("sydney", "new"), Written::Acknowledged);
    fs::rename(away, stand.tree("hongkong", "live")).unwrap();
    let document = stand.run("swap-roles --reprotect -e live --dry-run --fallback").ends(0).stdout;
    let ran = typed(&stand, &commands(&document)).ends(0);
    assert!(!ran.transcript().contains("NOT FROZEN"), "{}", ran.transcript());
    let tree = stand.tree("hongkong", "live");
    assert_eq!(fs::read_to_string(tree.join("new")).unwrap(), "new");
    assert!(!tree.join("late").exists(), "{}", ran.transcript());
    let entries = fs::read_dir(&tree).unwrap().map(|entry| entry.unwrap().path());
    let kept: Vec<_> = entries.filter(|path| path.display().to_string().contains("-kept-by-hand")).collect();
    assert_eq!(fs::read_to_string(kept[0].join("late")).unwrap(), "late");
    assert!(matches!(stand.upload("hongkong", "no"), Written::Refused(_)));
    // And what is owed is paid by the program, which leaves what was kept.
    stand.run("swap-roles --reprotect -e live --yes").ends(0);
    assert_eq!(fs::read_to_string(kept[0].join("late")).unwrap(), "late");
    stand.run("swap-roles -e live --yes").ends(0);
}
