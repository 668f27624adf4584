//! The fallback plan: what it says, and that a pair is swapped by nothing but its commands.

mod lost;
mod people;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;
use regex_lite::Regex;

use crate::stand::{Stand, TOKEN};
use crate::support::{Ran, scrub};

fn synced() -> Stand {
    let stand = Stand::with_data();
    stand.run("sync-data").ends(0);
    stand
}

/// The commands of a document in order, up to the way back.
fn commands(document: &str) -> Vec<String> {
    let forward = document.split("\n## The way back").next().unwrap();
    blocks(forward)
}

fn blocks(text: &str) -> Vec<String> {
    let parts = text.split("```sh\n").skip(1);
    parts.map(|part| part.split("\n```").next().unwrap().to_owned()).collect()
}

/// Runs commands as a person does, in one shell, with the token in a variable.
fn typed(stand: &Stand, commands: &[String]) -> Ran {
    typed_with(stand, commands, &[])
}

/// The same with more variables.
fn typed_with(stand: &Stand, commands: &[String], variables: &[(&str, &str)]) -> Ran {
    let script = stand.home.path("typed.sh");
    fs::write(&script, commands.join("\n")).unwrap();
    let output = Command::new("sh")
        .args(["-eu", script.to_str().unwrap()])
        .current_dir(stand.home.path("."))
        .env("CLOUDFLARE_API_TOKEN", TOKEN)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    Ran::of("sh typed.sh", &output)
}

/// Without what differs from run to run: the folder, ids, this test's own path.
fn golden(stand: &Stand, text: &str) -> String {
    let folder = stand.home.path("");
    let folder = folder.to_str().unwrap().trim_end_matches('/');
    let own = std::env::current_exe().unwrap();
    let text = text.replace(folder, "/FOLDER").replace(own.to_str().unwrap(), "/PROBE");
    let mut text = scrub(&text);
    for (pattern, replacement) in [
        (r"\b[0-9a-f]{32}\b", "ID"),
        (r"by-hand-[0-9a-f]{12}", "by-hand-DIGEST"),
        (r"#\d+", "#PORT"),
        (r":\d{4,5}\b", ":PORT"),
        (r"Switchover \d+\.\d+\.\d+", "Switchover VERSION"),
    ] {
        text = Regex::new(pattern).unwrap().replace_all(&text, replacement).into_owned();
    }
    text
}

#[test]
fn it_says_every_step_with_its_values_and_no_secret() {
    let stand = synced();
    let shown = stand.run("switchover plan -e live --fallback").ends(0).stdout;
    assert_snapshot!("fallback", golden(&stand, &shown));
    assert!(shown.contains("$CLOUDFLARE_API_TOKEN") && !shown.contains(TOKEN));
    let dry = stand.run("swap-roles -e live --dry-run --fallback").ends(0).stdout;
    assert_eq!(golden(&stand, &dry), golden(&stand, &shown));
}

#[test]
fn it_is_written_before_the_run_begins_and_only_if_it_was_asked_for() {
    let stand = synced();
    stand.run("swap-roles -e live --yes --fallback nowhere/by-hand.md").ends(1);
    assert!(stand.run("switchover history").ends(0).stdout.lines().all(|line| !line.contains("switchover ")));
    let ran = stand.run("swap-roles -e live --yes --fallback by-hand.md").ends(0);
    let written = ran.stderr.find("the same by hand: by-hand.md").unwrap();
    let began = Regex::new(r"run \d{8}T").unwrap().find(&ran.stderr).unwrap().start();
    assert!(written < began, "{}", ran.stderr);
    let written = stand.home.read("by-hand.md");
    assert!(written.starts_with("# By hand: switchover of gigadb\n"), "{written}");
    assert!(!written.contains(TOKEN));
}

#[test]
fn every_block_is_a_script_that_a_shell_can_read() {
    let stand = synced();
    let shown = stand.run("switchover plan --fallback").ends(0).stdout;
    let all = blocks(&shown);
    assert!(all.len() > 20);
    for block in all {
        let script = stand.home.path("block.sh");
        fs::write(&script, &block).unwrap();
        let read = Command::new("sh").arg("-n").arg(&script).output().unwrap();
        assert!(read.status.success(), "{}\n{block}", String::from_utf8_lossy(&read.stderr));
    }
}

/// What clients keep in a folder, without Switchover's own files and the flag.
fn kept(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let name = |entry: &fs::DirEntry| entry.file_name().to_str().unwrap().to_owned();
    entries
        .filter(|entry| !name(entry).starts_with('.') && name(entry) != "maintenance.json")
        .map(|entry| (name(&entry), fs::read_to_string(entry.path()).unwrap()))
        .collect()
}

#[test]
#[ignore = "needs curl, jq, dig and rsync; tests/e2e/by-hand runs it"]
fn a_pair_is_swapped_by_its_commands_alone_and_switchover_finds_it_so() {
    let stand = synced();
    // Written after the sync: only the last sync by hand can bring it over.
    stand.upload("hongkong", "late");
    let document = stand.run("switchover plan -e live --fallback").ends(0).stdout;
    let ran = typed(&stand, &commands(&document)).ends(0);
    let said = &ran.stdout;
    assert!(said.contains("\"success\":true") || said.contains("\"success\": true"), "{}", ran.transcript());
    assert!(!ran.transcript().contains("NOT FROZEN"), "{}", ran.transcript());
    assert!(!ran.transcript().contains("reads otherwise"), "{}", ran.transcript());
    assert!(said.contains("refused"), "{}", ran.transcript());
    assert_eq!(stand.addresses("gigadb.org", "gigadb.org"), ["127.0.2.1"], "{}", ran.transcript());
    assert_eq!(stand.addresses("gigadb.host", "alt-live.gigadb.host"), ["127.0.1.1"]);
    let tree = |side: &str| kept(&stand.home.path("trees").join(side).join("live"));
    assert_eq!(tree("hongkong"), tree("sydney"));
    assert!(tree("sydney").contains_key("late"));
    assert!(matches!(stand.upload("sydney", "new"), switchover_sandbox::client::Written::Acknowledged));
    assert!(matches!(stand.upload("hongkong", "old"), switchover_sandbox::client::Written::Refused(_)));
    let status = stand.run("switchover status").ends(0).stdout;
    let live =
        status.lines().find(|line| line.contains("live") && line.contains("sydney")).unwrap_or_default();
    assert!(live.contains("production"), "{status}");
    // As the document says: what was frozen by hand is made the stand-by again.
    stand.run("swap-roles -e live --to sydney --yes").ends(6);
    stand.run("sync-data -e live --overwrite --reason by-hand").ends(0);
    let again = stand.run("swap-roles -e live --to sydney --yes").ends(0);
    assert!(again.transcript().contains("nothing to do"), "{}", again.transcript());
    stand.run("swap-roles -e live --yes").ends(0);
    assert_eq!(
        stand.addresses("gigadb.org", "gigadb.org"),
        ["127.0.1.1"],
        "and it is swapped back by the program"
    );
}

#[test]
#[ignore = "needs curl, jq, dig and rsync; tests/e2e/by-hand runs it"]
fn what_was_frozen_by_hand_is_opened_by_the_way_back() {
    let stand = synced();
    let document = stand.run("switchover plan -e live --fallback").ends(0).stdout;
    let (forward, back) = document.split_once("\n## The way back").unwrap();
    let before = forward.split("**The point of no return.**").next().unwrap();
    typed(&stand, &blocks(before)).ends(0);
    assert!(matches!(stand.upload("hongkong", "no"), switchover_sandbox::client::Written::Refused(_)));
    let seen = stand.run("switchover status").ends(0).stdout;
    assert!(seen.contains("frozen"), "{seen}");
    typed(&stand, &blocks(back)).ends(0);
    assert!(matches!(stand.upload("hongkong", "yes"), switchover_sandbox::client::Written::Acknowledged));
    stand.run("switchover check").ends(0);
}

#[test]
#[ignore = "needs curl, jq, dig and rsync; tests/e2e/by-hand runs it"]
fn a_record_that_was_edited_since_is_told_before_anything_is_changed() {
    let stand = synced();
    let document = stand.run("switchover plan -e live --fallback").ends(0).stdout;
    typed(&stand, &commands(&document)).ends(0);
    let all = commands(&document);
    let look = all.iter().position(|block| block.contains("reads otherwise")).unwrap();
    let zone = all.iter().position(|block| block.starts_with("ZONE=")).unwrap();
    let ran = typed(&stand, &[all[zone].clone(), all[look].clone()]).ends(0);
    assert_eq!(ran.stdout.matches("reads otherwise").count(), 4, "{}", ran.transcript());
    // And its change is not made.
    typed(&stand, &[all[zone].clone(), all[look].clone(), all[look + 1].clone()]).ends(1);
}
