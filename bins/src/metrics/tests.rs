//! The text, held against Prometheus' own checker where it is installed, and the file.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use super::*;

fn store(name: &str) -> StoreMetrics {
    StoreMetrics {
        pair: "gigadb".parse().unwrap(),
        store: StoreRef { environment: "live".parse().unwrap(), store: name.parse().unwrap() },
        as_of: Some("2026-11-21T02:30:07.25Z".parse().unwrap()),
        last_success: Some("2026-11-21T02:31:00Z".parse().unwrap()),
        last_attempt: Some("2026-11-21T02:30:00.001Z".parse().unwrap()),
        last_duration: Some(Duration::from_millis(59_999)),
        last_bytes: Some(u64::MAX),
        rpo: Some(Duration::from_secs(86_400)),
        failures: 3,
    }
}

fn role(side: &str, role: Role) -> RoleMetric {
    RoleMetric {
        pair: "gigadb".parse().unwrap(),
        environment: "live".parse().unwrap(),
        side: side.parse().unwrap(),
        role,
    }
}

fn metrics() -> Metrics {
    let never = StoreMetrics {
        as_of: None,
        last_success: None,
        last_attempt: None,
        last_duration: None,
        last_bytes: None,
        rpo: None,
        failures: 0,
        ..store("files")
    };
    let roles = vec![role("hongkong", Role::Production), role("sydney", Role::Standby)];
    Metrics { stores: vec![store("metadata"), never], roles }
}

#[test]
fn everything_known_is_told_and_nothing_else() {
    insta::assert_snapshot!(text(&metrics()));
    assert_eq!(text(&Metrics::default()), "");
}

#[test]
fn a_sample_stands_once_however_often_it_is_given() {
    let Metrics { stores, roles } = metrics();
    let twice = Metrics { stores: [stores.clone(), stores].concat(), roles: [roles.clone(), roles].concat() };
    assert_eq!(text(&twice), text(&metrics()));
}

#[test]
fn a_moment_before_1970_and_one_far_ahead_are_plain_numbers() {
    let at = |moment: &str| {
        let store = StoreMetrics { as_of: Some(moment.parse().unwrap()), ..store("files") };
        let text = text(&Metrics { stores: vec![store], roles: Vec::new() });
        text.lines().nth(2).unwrap().rsplit_once(' ').unwrap().1.to_owned()
    };
    assert_eq!(at("1969-12-31T23:59:58.5Z"), "-1.500");
    assert_eq!(at("9999-12-30T00:00:00Z"), "253402128000.000");
}

#[test]
fn prometheus_own_checker_has_nothing_to_say() {
    let Ok(mut child) = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
    else {
        eprintln!("promtool is not installed: the text is not checked by Prometheus itself");
        return;
    };
    child.stdin.take().unwrap().write_all(text(&metrics()).as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && told.is_empty(), "{}", String::from_utf8_lossy(&told));
}

#[test]
fn the_file_is_replaced_whole_readable_by_all_with_nothing_left_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("switchover.prom");
    for content in ["first\n", "second\n"] {
        let reader = fs::File::open(&path).ok();
        write(&path, content).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        // Who opened the old file goes on reading the old file.
        if let Some(reader) = reader {
            assert_eq!(std::io::read_to_string(reader).unwrap(), "first\n");
        }
    }
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["switchover.prom"]);
}

#[test]
fn a_file_that_cannot_be_written_is_an_error_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let refused = write(&folder.path().join("switchover.txt"), "x").unwrap_err().to_string();
    assert!(refused.ends_with("must end in `.prom`: node_exporter reads no other"), "{refused}");

    let missing = folder.path().join("no such folder/switchover.prom");
    let error = write(&missing, "x").unwrap_err();
    assert_eq!(error.to_string(), format!("the metrics file {} cannot be written", missing.display()));

    // A folder under that name: the rename fails, after all has been written.
    let taken = folder.path().join("taken.prom");
    fs::create_dir(&taken).unwrap();
    fs::write(taken.join("in it"), "").unwrap();
    assert!(matches!(write(&taken, "x"), Err(WriteError::Io { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
