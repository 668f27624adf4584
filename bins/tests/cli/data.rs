//! The data of the pair in `examples/gigadb`: synced by `sync-data`, shown by `switchover`, swapped with the names by `swap-roles`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use regex_lite::Regex;
use serde_json::Value;
use switchover_sandbox::client::Written;

use crate::stand::{FILES, Stand, TOKEN};
use crate::support::{Home, Ran};

const FILE: &str = include_str!("../../../examples/gigadb/sandbox.toml");

/// What a person saw, without what differs from run to run for stores.
pub(crate) fn golden(ran: &Ran) -> String {
    let mut text = ran.golden();
    for (pattern, replacement) in [
        (r"\d{4}-\d\d-\d\d \d\d:\d\d\b", "TIME"),
        (r"\b20\d{6}(\d{4})?\b", "KEY"),
        (r"refused for about [^,]+,", "refused for about PERIOD,"),
        (r"moved after (about|at least) [^,]+,", "moved after $1 PERIOD,"),
        // A file that was written a moment ago is copied twice.
        (r"counts equal(, \d+ items and \d+ bytes moved)?", "counts equal, FILES moved"),
    ] {
        text = Regex::new(pattern).unwrap().replace_all(&text, replacement).into_owned();
    }
    text
}

/// The same for tables with an age, which grows while one looks.
pub(crate) fn ageless(ran: &Ran) -> String {
    let text = golden(ran);
    Regex::new(r"(frozen|takes writes)( +|[ |]+)\d+[smh]( \d+[smh])*\b")
        .unwrap()
        .replace_all(&text, "${1}${2}AGE")
        .into_owned()
}

impl Stand {
    pub(crate) fn tree(&self, side: &str, environment: &str) -> PathBuf {
        self.home.path("trees").join(side).join(environment)
    }

    /// The clients' files of a side, with what is in them.
    fn kept(&self, side: &str, environment: &str) -> BTreeMap<String, String> {
        let entries = fs::read_dir(self.tree(side, environment)).unwrap().map(|entry| entry.unwrap().path());
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        entries
            .filter(|path| !name(path).starts_with('.') && name(path) != "maintenance.json")
            .map(|path| (name(&path), fs::read_to_string(&path).unwrap()))
            .collect()
    }

    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.run(line).ends(0).stdout).unwrap()
    }

    /// Syncs both environments, as cron does: nothing is said.
    pub(crate) fn synced(&self) {
        let ran = self.run("sync-data").ends(0);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""), "nobody watches, and all is well");
    }
}

fn refused(written: &Written) -> bool {
    matches!(written, Written::Refused(_))
}

#[test]
fn before_the_first_sync_a_swap_is_refused_and_a_rehearsal_changes_nothing() {
    let stand = Stand::with_data();
    assert_snapshot!("data_status_before", ageless(&stand.run("switchover status").ends(0)));
    assert_snapshot!("data_swap_before", golden(&stand.run("swap-roles --dry-run -e live").ends(6)));
    stand.run("swap-roles -e live --yes").ends(6);
    assert_snapshot!("data_rehearsal", golden(&stand.run("sync-data --dry-run -e live").ends(0)));
    assert!(stand.kept("sydney", "live").is_empty());
    assert_eq!(stand.upload("sydney", "still-open"), Written::Acknowledged, "a rehearsal freezes nobody");
}

#[test]
fn a_sync_is_quiet_makes_the_sides_equal_and_leaves_the_stand_by_frozen() {
    let stand = Stand::with_data();
    stand.synced();
    for environment in ["live", "staging"] {
        let files = stand.kept("hongkong", environment);
        assert_eq!(files.len() as u64, FILES);
        assert_eq!(files, stand.kept("sydney", environment));
    }
    assert!(refused(&stand.upload("sydney", "a")), "the stand-by takes no writes");
    assert_eq!(stand.upload("hongkong", "a"), Written::Acknowledged);
    assert_snapshot!("data_status", ageless(&stand.run("switchover status").ends(0)));
    assert_snapshot!("data_status_markdown", ageless(&stand.run("switchover status -o markdown").ends(0)));
    assert_snapshot!("data_check", ageless(&stand.run("switchover check").ends(0)));
    assert_snapshot!("data_sync_json", golden(&stand.run("sync-data live/files -o json").ends(0)));
    assert_snapshot!("data_sync_markdown", golden(&stand.run("sync-data -e live files -o markdown").ends(0)));
    assert_snapshot!("data_history", golden(&stand.run("switchover history").ends(0)));
}

#[test]
fn a_line_may_stand_in_the_crontabs_of_both_sides() {
    let stand = Stand::with_data();
    let ran = stand.run("sync-data --side hongkong --scheduled").ends(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    assert!(stand.kept("sydney", "live").is_empty(), "hongkong is production");
    assert_eq!(stand.run("switchover history").ends(0).stdout, "no runs yet\n");
    let ran = stand.run("sync-data --side sydney --scheduled").ends(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    assert_eq!(stand.kept("sydney", "live"), stand.kept("hongkong", "live"));
    assert_snapshot!(golden(&stand.run("sync-data --side sidney").ends(64)));
}

#[test]
fn paths_start_from_the_folder_of_the_configuration() {
    let stand = Stand::with_data();
    let config = stand.home.path("switchover.toml");
    let mut command = stand.home.command(&format!("sync-data live/files --config {}", config.display()));
    Ran::of("sync-data", &command.current_dir("/").output().unwrap()).ends(0);
    assert_eq!(stand.kept("sydney", "live"), stand.kept("hongkong", "live"));
}

#[test]
fn the_key_of_a_scheduled_sync_is_its_day_and_of_one_by_hand_its_minute() {
    let stand = Stand::with_data();
    let keys = |line: &str| {
        let report = stand.json(line);
        let text = report.to_string();
        let keys = Regex::new(r"key (\d+)").unwrap();
        let mut keys: Vec<String> = keys.captures_iter(&text).map(|found| found[1].to_owned()).collect();
        keys.dedup();
        assert!(!keys.is_empty(), "{text}");
        keys
    };
    assert!(keys("sync-data live/files --scheduled -o json").iter().all(|key| key.len() == 8));
    assert!(keys("sync-data live/files -o json").iter().all(|key| key.len() == 12));
    assert_eq!(keys("sync-data live/files --key 202611211430 -o json"), ["202611211430"]);
    for line in
        ["sync-data --key 20261131", "sync-data --key tomorrow", "sync-data --key 20261121 --scheduled"]
    {
        stand.run(line).ends(64);
    }
}

#[test]
fn stores_that_there_are_not_are_usage_errors_with_those_meant() {
    let stand = Stand::with_data();
    let mut text = String::new();
    for line in [
        "sync-data fils",
        "sync-data gigadb live/fles",
        "sync-data metadata",
        "sync-data -e liv",
        "sync-data --list",
        "sync-data --verify 20261121",
        "sync-data --overwrite",
        "switchover backups",
    ] {
        text += &golden(&stand.run(line).ends(64));
        text.push('\n');
    }
    assert_snapshot!(text);
}

#[test]
fn a_stand_by_that_took_writes_is_not_written_over_unless_it_is_said_so() {
    let stand = Stand::with_data();
    stand.synced();
    fs::remove_file(stand.tree("sydney", "live").join("maintenance.json")).unwrap();
    assert_eq!(stand.upload("sydney", "only-here"), Written::Acknowledged);
    assert_snapshot!("data_diverged", golden(&stand.run("sync-data live/files").ends(6)));
    assert!(stand.kept("sydney", "live").contains_key("only-here"));
    assert_snapshot!("data_diverged_status", ageless(&stand.run("switchover status").ends(0)));
    stand.run("sync-data live/files --overwrite --reason test").ends(0);
    assert_eq!(stand.kept("sydney", "live"), stand.kept("hongkong", "live"));
}

#[test]
fn an_unmounted_source_is_never_mirrored() {
    let stand = Stand::with_data();
    stand.synced();
    let tree = stand.tree("hongkong", "live");
    fs::rename(&tree, stand.home.path("unmounted")).unwrap();
    fs::create_dir(&tree).unwrap();
    assert_snapshot!(golden(&stand.run("sync-data live/files").ends(6)));
    assert_eq!(stand.kept("sydney", "live").len() as u64, FILES);
    fs::remove_dir_all(&tree).unwrap();
    fs::rename(stand.home.path("unmounted"), &tree).unwrap();
    stand.run("sync-data live/files").ends(0);
}

#[test]
fn a_swap_takes_the_data_along_and_the_next_sync_flows_the_other_way() {
    let stand = Stand::with_data();
    stand.synced();
    assert_snapshot!("data_plan", golden(&stand.run("swap-roles --dry-run -e live").ends(0)));
    assert_eq!(stand.upload("hongkong", "late"), Written::Acknowledged);
    let ran = stand.run("swap-roles -e live --yes").ends(0);
    assert!(ran.stdout.contains("completed"), "{}", ran.transcript());
    assert!(stand.kept("sydney", "live").contains_key("late"), "written after the sync, before the swap");
    assert!(refused(&stand.upload("hongkong", "b")), "the old production takes no writes");
    assert_eq!(stand.upload("sydney", "b"), Written::Acknowledged);
    assert_snapshot!("data_swap_report", in_one_order(&golden(&stand.run("switchover report").ends(0))));
    stand.run("sync-data live/files --side sydney").ends(0);
    assert!(!stand.kept("hongkong", "live").contains_key("b"), "sydney is production now");
    stand.run("sync-data live/files --side hongkong").ends(0);
    assert_eq!(stand.kept("hongkong", "live"), stand.kept("sydney", "live"));
    stand.run("swap-roles -e live --yes").ends(0);
    assert_eq!(stand.upload("hongkong", "c"), Written::Acknowledged);
    assert!(refused(&stand.upload("sydney", "c")));
}

/// Steps of one stage start and end in any order.
pub(crate) fn in_one_order(report: &str) -> String {
    let mut lines: Vec<&str> = report.lines().collect();
    let is_row = |line: &&str| line.starts_with("TIME ") || line.starts_with("| TIME ");
    for group in lines.chunk_by_mut(|one, other| is_row(one) == is_row(other)) {
        if group.iter().all(is_row) {
            group.sort_unstable();
        }
    }
    lines.join("\n")
}

#[test]
fn no_sync_starts_while_a_swap_is_open() {
    let stand = Stand::with_data();
    stand.synced();
    // Long enough at work to be met there.
    stand.sandbox.set_latency(Duration::from_secs(1));
    let mut swap = stand.home.command("swap-roles -e live --yes").spawn().unwrap();
    let began = Instant::now();
    while !stand.run("switchover history -o json").ends(0).stdout.contains("\"switchover\"") {
        assert!(began.elapsed() < Duration::from_secs(60), "the swap never began");
    }
    let ran = stand.run("sync-data live/files --wait 0s").ends(7);
    assert!(ran.stderr.contains("is working on the pair"), "{}", ran.transcript());
    swap.kill().unwrap();
    swap.wait().unwrap();
    // A process that shows no sign of life for a while is not waited for.
    let ran = loop {
        let ran = stand.run("sync-data live/files --wait 0s");
        if ran.code != Some(7) {
            break ran;
        }
        assert!(began.elapsed() < Duration::from_secs(90), "{}", ran.transcript());
        std::thread::sleep(Duration::from_millis(200));
    };
    assert_snapshot!(golden(&ran));
    let history = stand.json("switchover history -o json").to_string();
    assert_eq!(history.matches("\"sync\"").count(), 1, "the first one alone: {history}");
}

#[test]
fn timers_are_told_before_and_after_the_first_sync() {
    let stand = Stand::with_data();
    let told = |ran: &Ran| {
        let text = golden(ran);
        Regex::new(r"(TIME|now)( +|[ |]+)(-|\d+[smhd]( \d+[smhd])*)")
            .unwrap()
            .replace_all(&text, "NEXT${2}LEFT")
            .into_owned()
    };
    assert_snapshot!("data_timers_before", told(&stand.run("switchover timers").ends(0)));
    stand.synced();
    assert_snapshot!("data_timers", told(&stand.run("switchover timers").ends(0)));
    let timers = stand.json("switchover timers -o json");
    assert_eq!(timers.as_array().map(Vec::len), Some(2));
    assert!(timers.as_array().unwrap().iter().all(|timer| timer["result"] == "done"), "{timers}");
}

#[test]
fn units_for_cron_and_systemd_are_written() {
    let stand = Stand::with_data();
    let placed = |ran: &Ran| {
        let programs = Path::new(crate::support::SWITCHOVER).parent().unwrap().display().to_string();
        let folder = fs::canonicalize(stand.home.path(".")).unwrap().display().to_string();
        ran.golden().replace(&programs, "PROGRAMS").replace(&folder, "FOLDER")
    };
    let mut text = String::new();
    let systemd =
        "systemd --side sydney --user sync --environment-file /etc/switchover.env --writable /srv/files";
    stand.run("switchover timers --units cron --writable /srv").ends(64);
    for units in ["cronie", "cronie --side sydney --user sync", systemd] {
        text += &placed(&stand.run(&format!("switchover timers --units {units}")).ends(0));
        text.push('\n');
    }
    let mut command = stand.home.command("switchover timers --units cron");
    let output = command.env("TZ", "Asia/Hong_Kong").output().unwrap();
    text += &placed(&Ran::of("switchover timers --units cron", &output).ends(0));
    text.push('\n');
    let mut command = stand.home.command("switchover timers --units cron");
    let output = command.env("TZ", "Europe/Berlin").output().unwrap();
    text += &placed(&Ran::of("switchover timers --units cron", &output).ends(1));
    assert_snapshot!(text);
}

#[test]
fn figures_for_monitoring_are_written_in_one_go() {
    let stand = Stand::with_data();
    let ran = stand.run("sync-data --metrics switchover.prom").ends(0);
    assert!(ran.stdout.is_empty() && ran.stderr.is_empty(), "{}", ran.transcript());
    let text = stand.home.read("switchover.prom");
    let scrubbed = Regex::new(r"(_timestamp_seconds|_duration_seconds)(\{[^}]*\}) [0-9.]+").unwrap();
    assert_snapshot!(scrubbed.replace_all(&text, "$1$2 N"));
    let names: Vec<_> = fs::read_dir(stand.home.path(".")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(names.iter().filter(|name| name.to_string_lossy().contains("prom")).count() == 1, "{names:?}");
}

#[test]
fn schedules_that_mean_nothing_are_shown_at_their_place() {
    let mut text = String::new();
    for (from, to) in [
        ("schedule = \"15 2 * * *\"", "schedule = \"75 2 * * *\""),
        ("schedule = \"15 2 * * *\"", "schedule = \"0 0 31 2 *\""),
        ("schedule = \"15 2 * * *\"", "schedule = \"at night\""),
        ("time_zone = \"Asia/Hong_Kong\"", "time_zone = \"Asia/Hongkong\""),
        ("rpo = \"26h\"", "rpo = \"26 parsecs\""),
        ("flag = \"maintenance.json\"", "flags = \"maintenance.json\""),
        ("flag = \"maintenance.json\"", "flag = \"../maintenance.json\""),
        ("live.stores.files.sides.hongkong", "live.stores.files.sides.honkong"),
        ("provider = \"files\"", "provider = \"fils\""),
    ] {
        assert!(FILE.contains(from), "{from}");
        let home = Home::with(&FILE.replace(from, to)).set("CLOUDFLARE_API_TOKEN", TOKEN);
        text += &format!("# {to}\n{}\n", home.run("sync-data").ends(78).golden());
    }
    assert_snapshot!(text);
}
