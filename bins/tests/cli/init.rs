//! `switchover init`: on every road it writes a file that `check --offline` takes, and never a secret.

use insta::assert_snapshot;

use crate::stand::{Stand, TOKEN};
use crate::support::{Home, Ran};

/// The file, which was held against `check --offline`.
fn written(home: &Home, line: &str) -> (Ran, String) {
    let ran = home.run(line).ends(0);
    home.run("switchover check --offline").ends(0);
    let text = home.read("switchover.toml");
    assert!(!text.contains(TOKEN) && !ran.transcript().contains(TOKEN), "the token was shown");
    (ran, text)
}

const NAMES: &str = "switchover init --pair gigadb --side hongkong --side sydney";

#[test]
fn without_any_access_it_writes_a_template_with_marked_places() {
    let home = Home::new();
    let (ran, text) = written(&home, NAMES);
    assert_snapshot!("template_said", ran.golden());
    assert_snapshot!("template", text);
}

#[test]
fn the_commented_check_is_right_as_it_stands() {
    let home = Home::new();
    let (_, text) = written(&home, NAMES);
    let with_check = text
        .replace(
            "# [checks.site]\n# provider = \"http\"\n# path = \"/\"",
            "[checks.site]\nprovider = \"http\"\npath = \"/\"",
        )
        .replace("address = \"web\"", "checks = [\"site\"]\nprobe = true\naddress = \"web\"");
    assert!(with_check.contains("\n[checks.site]") && with_check.contains("probe = true\naddress"));
    home.file("switchover.toml", &with_check);
    home.run("switchover check --offline").ends(0);
}

#[test]
fn zones_that_cannot_be_read_are_a_warning_and_stand_in_the_template() {
    let home = Home::new();
    let (ran, text) = written(&home, &format!("{NAMES} --zone gigadb.org --zone gigadb.host"));
    assert!(ran.stderr.contains("CLOUDFLARE_API_TOKEN"), "{}", ran.transcript());
    assert!(text.contains("zones = [\"gigadb.org\", \"gigadb.host\"]") && text.contains("FILL IN"), "{text}");
}

#[test]
fn names_with_dots_stand_in_quotes() {
    let home = Home::new();
    let (_, text) = written(&home, "switchover init --pair giga.db --side hk.1 --side sy.2");
    assert!(text.contains("[pair.\"giga.db\".sides.\"hk.1\".addresses]"), "{text}");
}

fn from_sandbox(stand: &Stand, sides: &str) -> String {
    let url = stand.sandbox.api_url();
    format!(
        "switchover init --force --pair gigadb {sides} --zone gigadb.org --zone gigadb.host --cloudflare-url {url}/"
    )
}

const NETWORKS: &str = "--side hongkong=127.0.1.0/24 --side sydney=127.0.2.0/24";

/// Production name and stand-by name of every endpoint of an environment.
fn endpoints(text: &str, environment: &str) -> Vec<(String, String)> {
    let file: serde_json::Value = toml::from_str(text).unwrap();
    let list = file["pair"]["gigadb"]["environments"][environment]["endpoints"].as_array().unwrap().clone();
    let field = |endpoint: &serde_json::Value, key: &str| endpoint[key].as_str().unwrap().to_owned();
    let mut names: Vec<_> =
        list.iter().map(|endpoint| (field(endpoint, "production"), field(endpoint, "standby"))).collect();
    names.sort();
    names
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(production, standby)| ((*production).to_owned(), (*standby).to_owned())).collect()
}

#[test]
fn from_the_zones_and_the_sides_networks_it_gives_back_all_sixteen_names() {
    let stand = Stand::new();
    let (ran, text) = written(&stand.home, &from_sandbox(&stand, NETWORKS));
    let staging = [
        ("bastion.staging.gigadb.org", "bastion.alt-staging.gigadb.host"),
        ("files.staging.gigadb.org", "files.alt-staging.gigadb.host"),
        ("portainer.staging.gigadb.org", "portainer.alt-staging.gigadb.host"),
        ("staging.gigadb.org", "alt-staging.gigadb.host"),
    ];
    assert_eq!(endpoints(&text, "staging"), pairs(&staging));
    let live = [
        ("bastion.gigadb.org", "bastion.alt-live.gigadb.host"),
        ("files.gigadb.org", "files.alt-live.gigadb.host"),
        ("gigadb.org", "alt-live.gigadb.host"),
        ("portainer.gigadb.org", "portainer.alt-live.gigadb.host"),
    ];
    assert_eq!(endpoints(&text, "live"), pairs(&live));
    assert!(text.find("environments.staging") < text.find("environments.live"), "staging goes first");
    let port = |text: &str| crate::support::scrub(text);
    assert_snapshot!("sandbox_said", ran.stderr);
    assert_snapshot!("sandbox", port(&text));
    // The file is good for more than being well formed: the sandbox's pair is fit by it.
    stand.home.file(
        "switchover.toml",
        &text.replace("margin", "propagation_deadline = \"9s\"\nmargin").replacen(
            "propagation_deadline = \"5m\"",
            "",
            1,
        ),
    );
    let checked = stand.home.run("switchover check");
    assert!(checked.stdout.contains("current production"), "{}", checked.transcript());
}

#[test]
fn a_swap_in_the_meantime_does_not_change_which_names_are_productions() {
    let stand = Stand::new();
    let (_, before) = written(&stand.home, &from_sandbox(&stand, NETWORKS));
    let swapped = NETWORKS
        .replace("127.0.1.0/24", "X")
        .replace("127.0.2.0/24", "127.0.1.0/24")
        .replace('X', "127.0.2.0/24");
    let (_, after) = written(&stand.home, &from_sandbox(&stand, &swapped));
    for environment in ["staging", "live"] {
        assert_eq!(endpoints(&before, environment), endpoints(&after, environment));
    }
}

#[test]
fn without_networks_the_addresses_in_the_zones_are_listed_to_choose_from() {
    let stand = Stand::new();
    let (_, text) = written(&stand.home, &from_sandbox(&stand, "--side hongkong --side sydney"));
    assert!(text.contains("#   127.0.1.1: gigadb.org, portainer.gigadb.org\n"), "{text}");
    assert!(text.contains("FILL IN"), "{text}");
}

#[test]
fn names_without_a_partner_are_left_for_a_person_to_look_at() {
    let stand = Stand::drifted(|org, host| {
        host.retain(|record| record.name != "portainer.alt-live.gigadb.host");
        org.retain(|record| record.name != "bastion.staging.gigadb.org");
    });
    let (_, text) = written(&stand.home, &from_sandbox(&stand, NETWORKS));
    let remarks: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("# LOOK")).take(6).collect();
    let remarks = remarks.join("\n");
    assert!(
        remarks.contains("portainer.gigadb.org") && remarks.contains("bastion.alt-staging.gigadb.host"),
        "{text}"
    );
    assert_eq!(endpoints(&text, "live").len(), 3);
}

#[test]
fn a_file_that_is_there_is_overwritten_only_by_force() {
    let home = Home::with("precious = true\n");
    assert_snapshot!(home.run(NAMES).ends(6).golden());
    assert_eq!(home.read("switchover.toml"), "precious = true\n");
    written(&home, &format!("{NAMES} --force"));
}

#[test]
fn a_dash_writes_to_standard_output() {
    let home = Home::with("precious = true\n");
    let ran = home.run(&NAMES.replace("init", "init -")).ends(0);
    assert!(ran.stdout.contains("[pair.gigadb.sides.hongkong"), "{}", ran.transcript());
    assert_eq!(home.read("switchover.toml"), "precious = true\n");
}

#[test]
fn what_is_missing_is_named_where_nobody_can_be_asked() {
    let home = Home::new();
    let mut text = String::new();
    for line in [
        "switchover init",
        "switchover init --pair gigadb",
        "switchover init --pair gigadb --side hongkong",
        "switchover init --pair gigadb --side a --side b --side c",
        "switchover init --pair gigadb --side a --side a",
        "switchover init --pair gigadb --side production --side sydney",
        "switchover init --pair gigadb --side a=10.0.0. --side b",
    ] {
        text += &home.run(line).ends(64).golden();
        text.push('\n');
    }
    assert!(!home.path("switchover.toml").exists());
    assert_snapshot!(text);
}

#[test]
fn a_place_that_cannot_be_written_is_a_failure() {
    home_without_folder().ends(1);
}

fn home_without_folder() -> Ran {
    Home::new().run(&NAMES.replace("init", "init none/switchover.toml"))
}
