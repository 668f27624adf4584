//! Files that are wrong, and secrets that are missing or stand where they must not.

use std::os::unix::fs::PermissionsExt as _;

use insta::assert_snapshot;

use crate::support::Home;

const FILE: &str = include_str!("../../../examples/gigadb/sandbox.toml");

/// A word that must never be shown.
const SECRET: &str = "v1.0-s3cr3t-0123456789abcdef";

#[test]
fn a_file_that_is_missing_is_named_with_what_to_do() {
    assert_snapshot!(Home::new().run("switchover check --offline").ends(78).golden());
}

#[test]
fn a_file_that_is_no_text_is_refused() {
    let home = Home::new();
    std::fs::write(home.path("switchover.toml"), b"a = \xff").unwrap();
    assert_snapshot!(home.run("switchover check --offline").ends(78).golden());
}

#[test]
fn a_pair_that_there_is_not_is_found_offline_too() {
    let ran = Home::with(FILE).run("switchover check gigdb --offline").ends(64);
    assert!(ran.stderr.contains("did you mean `gigadb`?"), "{}", ran.transcript());
    Home::with(FILE).run("switchover check gigadb --offline").ends(0);
}

#[test]
fn every_problem_is_shown_at_once_at_its_place() {
    let text = FILE
        .replace("authorities = [", "authoritys = [")
        .replace("checks = [\"site\"]", "checks = [\"sight\"]")
        .replace("margin = \"2s\"", "margin = \"2 parsecs\"")
        .replace("standby = \"files.alt-live.gigadb.host\"", "standby = \"alt-live.gigadb.host\"")
        .replace("sides.hongkong", "sides.production");
    assert_snapshot!(Home::with(&text).run("switchover check --offline").ends(78).golden());
}

#[test]
fn text_that_is_no_toml_is_shown_at_its_place() {
    assert_snapshot!(
        Home::with("[dns\nprovider = \"cloudflare\"\n").run("switchover check").ends(78).golden()
    );
}

#[test]
fn names_that_look_like_slips_are_told_offline() {
    let published = include_str!("../../../examples/gigadb/published.toml");
    let home = Home::with(&crate::pair::with_fixed_sides(published));
    assert_snapshot!(home.run("switchover check --offline").ends(0).golden());
}

#[test]
fn a_missing_token_is_named_at_its_place() {
    assert_snapshot!(Home::with(FILE).run("switchover check").ends(78).golden());
}

#[test]
fn commands_that_read_only_the_journal_need_no_token() {
    let home = Home::with(FILE);
    assert_eq!(home.run("switchover history").ends(0).stdout, "no runs yet\n");
    home.run("switchover verify").ends(0);
}

#[test]
fn a_token_in_the_file_is_refused_and_not_shown() {
    let written =
        FILE.replace("token = { env = \"CLOUDFLARE_API_TOKEN\" }", &format!("token = \"{SECRET}\""));
    let ran = Home::with(&written).run("switchover check").ends(78);
    assert!(!ran.transcript().contains(SECRET), "the token was shown");
    assert_snapshot!(ran.golden());
}

#[test]
fn a_token_in_a_file_that_everybody_reads_is_refused_and_not_shown() {
    let written = FILE.replace("{ env = \"CLOUDFLARE_API_TOKEN\" }", "{ file = \"token\" }");
    let home = Home::with(&written);
    home.file("token", SECRET);
    std::fs::set_permissions(home.path("token"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let ran = home.run("switchover check").ends(78);
    assert!(!ran.transcript().contains(SECRET), "the token was shown");
    assert_snapshot!(ran.golden());
}
