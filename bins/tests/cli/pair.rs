//! The pair of `examples/gigadb` in the sandbox: what is shown of it, and swaps of it.

use insta::assert_snapshot;
use serde_json::Value;

use crate::stand::{Stand, seed};

/// The sides of a file with Elastic IPs, with the sandbox's addresses in their place.
pub(crate) fn with_fixed_sides(text: &str) -> String {
    let sandbox = include_str!("../../../examples/gigadb/sandbox.toml");
    let part = |from: &str, to: &str| {
        let start = sandbox.find(from).unwrap();
        let end = sandbox[start..].find(to).unwrap();
        sandbox[start..start + end].to_owned()
    };
    let (head, rest) = text.split_once("[pair.gigadb.sides.hongkong]").unwrap();
    let endpoints = &rest[rest.find("[[").unwrap()..];
    let service = head.replace("provider = \"cloudflare\"\n", "provider = \"cloudflare\"\nbase_url = \"http://127.0.53.1:1/\"\nminimum_ttl = \"2s\"\nauthorities = [\"127.0.53.1:1\"]\n");
    let service =
        service.replace("provider = \"http\"\n", "provider = \"http\"\nscheme = \"http\"\nport = 1\n");
    let sides = part("[pair.gigadb.sides.hongkong]", "[[");
    format!("{}\n{sides}{endpoints}", service.replace("path = \"/\"", "path = \"/health\""))
}

#[test]
fn check_says_that_all_is_well() {
    let stand = Stand::new();
    assert_snapshot!("check_table", stand.run("switchover check").ends(0).golden());
    assert_snapshot!("check_json", stand.run("switchover check -o json").ends(0).golden());
    assert_snapshot!("check_markdown", stand.run("switchover check -o markdown").ends(0).golden());
}

#[test]
fn check_finds_the_four_slips_of_the_published_table_with_what_was_meant() {
    let published =
        std::fs::read_to_string(crate::support::root().join("examples/gigadb/published.toml")).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), with_fixed_sides(&published)).unwrap();
    let stand = Stand::seeded(seed(), file.path().to_str().unwrap());
    let ran = stand.run("switchover check").ends(6);
    for meant in ["eip-gigadb-live-gigadb", "files.alt-live.gigadb.host", "bastion.staging.gigadb.org"] {
        assert!(ran.stderr.contains(&format!("did you mean `{meant}`?")), "{meant}:\n{}", ran.transcript());
    }
    assert_snapshot!(ran.golden());
}

#[test]
fn status_in_every_form() {
    let stand = Stand::new();
    for form in ["table", "json", "jsonl", "markdown"] {
        let ran = stand.run(&format!("switchover status -o {form}")).ends(0);
        assert_snapshot!(format!("status_{form}"), ran.golden());
    }
}

#[test]
fn a_plan_in_every_form_is_the_dry_run_of_a_swap() {
    let stand = Stand::new();
    for form in ["table", "json", "markdown"] {
        let plan = stand.run(&format!("switchover plan -e staging -o {form}")).ends(0);
        let dry = stand.run(&format!("swap-roles --dry-run -e staging -o {form}")).ends(0);
        assert_eq!(plan.stdout, dry.stdout);
        assert_snapshot!(format!("plan_{form}"), plan.golden());
    }
}

#[test]
fn ttls_that_are_longer_than_a_swap_wants_are_lowered_ahead() {
    let stand = Stand::drifted(|org, host| {
        let swapped = org.iter_mut().chain(host).filter(|record| record.ttl == Some(2));
        swapped.for_each(|record| record.ttl = Some(300));
    });
    assert_snapshot!("prepare", stand.run("swap-roles --prepare --dry-run -e live").ends(0).golden());
}

#[test]
fn changes_pending_have_a_code_of_their_own_only_if_asked_for() {
    let stand = Stand::new();
    stand.run("switchover plan -e staging --detailed-exitcode").ends(2);
    stand.run("swap-roles --dry-run -e staging --detailed-exitcode").ends(2);
    stand.run("swap-roles --dry-run -e staging").ends(0);
    stand.run("switchover plan -e staging --to hongkong --detailed-exitcode").ends(0);
}

#[test]
fn another_plan_than_the_reviewed_one_is_refused() {
    let stand = Stand::new();
    let ran = stand.run("swap-roles -e staging --yes --plan-digest 000000000000").ends(6);
    assert_snapshot!(ran.golden());
    let plan: Value =
        serde_json::from_str(&stand.run("switchover plan -e staging -o json").ends(0).stdout).unwrap();
    let digest = plan["digest"].as_str().unwrap();
    stand.run(&format!("swap-roles -e staging --dry-run --plan-digest {}", &digest[..12])).ends(0);
}

#[test]
fn a_swap_to_the_side_that_is_production_is_nothing_to_do() {
    let stand = Stand::new();
    let ran = stand.run("swap-roles --to hongkong --yes").ends(0);
    assert_snapshot!(ran.golden());
    assert_eq!(stand.run("switchover history").ends(0).stdout, "no runs yet\n");
}

#[test]
fn environments_and_sides_that_there_are_not_are_usage_errors_with_those_meant() {
    let stand = Stand::new();
    let mut text = String::new();
    for line in [
        "swap-roles --dry-run -e stagin",
        "switchover plan --environment production",
        "swap-roles --dry-run --to sidney",
        "switchover report 20260101T000000Z-000000",
        "swap-roles --resume --yes",
        "swap-roles --abort --yes",
    ] {
        let ran = stand.run(line);
        let wanted = if line.contains("--yes") { 0 } else { 64 };
        text += &ran.ends(wanted).golden();
        text.push('\n');
    }
    assert_snapshot!(text);
}

#[test]
fn a_revert_without_a_swap_is_refused() {
    assert_snapshot!(Stand::new().run("swap-roles --revert --yes").ends(6).golden());
}

/// A report with the rows of each table sorted: steps of one stage start and end in any order.
fn in_one_order(report: &str) -> String {
    let is_row =
        |line: &&str| line.starts_with("TIME ") || line.starts_with("| TIME") || line.contains(" | 2 | ");
    let lines: Vec<&str> = report.lines().collect();
    let groups = lines.chunk_by(|one, other| is_row(one) == is_row(other));
    let sorted = groups.flat_map(|group| {
        let mut group = group.to_vec();
        if group.iter().all(is_row) {
            group.sort_unstable();
        }
        group
    });
    sorted.collect::<Vec<_>>().join("\n") + "\n"
}

/// What the entries tell; steps of one stage end in any order.
fn told(entries: &str) -> String {
    let mut lines: Vec<&str> =
        entries.lines().filter_map(|line| line.split_once("TIME  ")).map(|(_, what)| what).collect();
    lines.sort_unstable();
    lines.join("\n")
}

#[test]
fn a_swap_is_run_reported_and_taken_back() {
    let stand = Stand::new();
    let leads = || stand.addresses("gigadb.org", "files.staging.gigadb.org");
    assert_eq!(leads(), ["127.0.1.6"]);
    let run = stand.run("swap-roles -e staging --yes --reason release-4.4.0").ends(0);
    assert_eq!(leads(), ["127.0.2.6"]);
    assert_eq!(stand.addresses("gigadb.org", "files.gigadb.org"), ["127.0.1.3"], "live was not asked for");
    assert_snapshot!("run_stdout", in_one_order(&crate::support::scrub(&run.stdout)));
    for form in ["table", "json", "jsonl", "markdown"] {
        let history = stand.run(&format!("switchover history -o {form}")).ends(0);
        assert_snapshot!(format!("history_{form}"), history.golden());
    }
    let report: Value = serde_json::from_str(&stand.run("switchover report -o json").ends(0).stdout).unwrap();
    assert_eq!(report["outcome"], "completed", "{report}");
    assert_eq!(report["probes"].as_array().map(Vec::len), Some(2), "{report}");
    assert!(report["probes"].as_array().unwrap().iter().all(|probe| probe["failed"] == 0), "{report}");
    assert_snapshot!("report_table", in_one_order(&stand.run("switchover report").ends(0).golden()));
    assert_snapshot!(
        "report_markdown",
        in_one_order(&stand.run("switchover report -o markdown").ends(0).golden())
    );
    assert_snapshot!("history_entries", told(&stand.run("switchover history --entries").ends(0).golden()));
    assert_snapshot!("verify", stand.run("switchover verify").ends(0).golden());
    stand.run("swap-roles -e staging --revert --yes").ends(0);
    assert_eq!(leads(), ["127.0.1.6"]);
    let all: Vec<Value> = stand
        .run("switchover history -o jsonl")
        .ends(0)
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let intents: Vec<&str> = all.iter().filter_map(|run| run["intent"].as_str()).collect();
    assert_eq!(intents, ["revert", "switchover"]);
}
