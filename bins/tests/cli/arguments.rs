//! Command lines: help, what is wrong with one, colours, pipes that close.

use std::process::Stdio;

use insta::assert_snapshot;

use crate::support::Home;

const FILE: &str = include_str!("../../../examples/gigadb/sandbox.toml");

#[test]
fn help_of_both_programs_and_of_every_command() {
    let home = Home::new();
    for line in [
        "swap-roles --help",
        "swap-roles -h",
        "sync-data --help",
        "sync-data -h",
        "switchover --help",
        "switchover init --help",
        "switchover check --help",
        "switchover status --help",
        "switchover plan --help",
        "switchover history --help",
        "switchover report --help",
        "switchover verify --help",
        "switchover announce --help",
        "switchover timers --help",
        "switchover backups --help",
        "switchover config --help",
        "switchover config schema --help",
        "switchover completions --help",
        "switchover man --help",
    ] {
        let name = line.replace(' ', "_").replace("--", "");
        assert_snapshot!(name, home.run(line).ends(0).golden());
    }
}

#[test]
fn no_command_shows_the_help_and_is_a_usage_error() {
    let ran = Home::new().run("switchover").ends(64);
    assert!(ran.stdout.is_empty() && ran.stderr.contains("Usage: switchover"), "{}", ran.transcript());
}

#[test]
fn the_version_is_told() {
    for program in ["switchover", "swap-roles", "sync-data"] {
        let ran = Home::new().run(&format!("{program} --version")).ends(0);
        assert_eq!(ran.stdout, format!("{program} {}\n", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn wrong_command_lines_are_usage_errors_that_say_what_is_wrong() {
    let home = Home::with(FILE);
    let mut text = String::new();
    for line in [
        "swap-roles --dri-run",
        "swap-roles --resume --abort",
        "swap-roles --dry-run --resume",
        "swap-roles --prepare --to sydney",
        "swap-roles --plan-digest 3f9a",
        "swap-roles giga$db",
        "switchover chek",
        "switchover check --output yaml",
        "switchover completions tcsh",
        "switchover init --side hongkong=192.0.2.0/33",
        "switchover init --zone -x",
    ] {
        text += &home.run(line).ends(64).golden();
        text.push('\n');
    }
    assert_snapshot!(text);
}

#[test]
fn a_pair_that_there_is_not_is_a_usage_error_with_the_one_meant() {
    let home = Home::with(FILE).set("CLOUDFLARE_API_TOKEN", crate::stand::TOKEN);
    let mut text = String::new();
    for line in [
        "switchover check gigdb",
        "switchover history other",
        "swap-roles gigdb --dry-run",
        "switchover status gigadbb",
    ] {
        text += &home.run(line).ends(64).golden();
        text.push('\n');
    }
    assert_snapshot!(text);
}

#[test]
fn several_pairs_and_none_named_is_a_usage_error() {
    let second = FILE
        .replace("pair.gigadb", "pair.other")
        .replace("gigadb.org", "gigadb.net")
        .replace("gigadb.host", "gigadb.cloud");
    let second: Vec<&str> = second.lines().skip_while(|line| !line.starts_with("[pair.")).collect();
    let first = FILE.replace(
        "\"gigadb.org\", \"gigadb.host\"",
        "\"gigadb.org\", \"gigadb.host\", \"gigadb.net\", \"gigadb.cloud\"",
    );
    let home = Home::with(&format!("{first}\n{}", second.join("\n")))
        .set("CLOUDFLARE_API_TOKEN", crate::stand::TOKEN);
    assert_snapshot!(home.run("swap-roles --dry-run").ends(64).golden());
}

#[test]
fn without_a_terminal_nothing_is_asked_and_the_flag_is_named() {
    let home = Home::with(FILE).set("CLOUDFLARE_API_TOKEN", crate::stand::TOKEN);
    for line in ["swap-roles", "swap-roles --prepare", "swap-roles --revert"] {
        let ran = home.run(line).ends(64);
        assert!(ran.stderr.contains("`--yes`") && ran.stdout.is_empty(), "{}", ran.transcript());
    }
}

#[test]
fn colours_follow_the_flag_then_the_environment_then_the_terminal() {
    let missing = "switchover check --offline --config none.toml";
    let coloured = |home: &Home, line: &str| home.run(line).ends(78).stderr.contains('\u{1b}');
    assert!(!coloured(&Home::new(), missing), "there is no terminal");
    assert!(coloured(&Home::new().set("CLICOLOR_FORCE", "1"), missing));
    assert!(!coloured(&Home::new().set("CLICOLOR_FORCE", "1"), &format!("{missing} --color never")));
    assert!(coloured(&Home::new().set("NO_COLOR", "1"), &format!("{missing} --color always")));
    assert!(!coloured(&Home::new().set("NO_COLOR", "1"), missing));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let home = Home::new();
    for line in
        ["switchover config schema", "switchover man", "switchover completions bash", "switchover --help"]
    {
        let mut child = home.command(line).stdout(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), stderr.as_str()), (Some(0), ""), "{line}");
    }
}
