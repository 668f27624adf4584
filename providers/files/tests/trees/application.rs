//! An application that keeps its files in a tree, and honours a flag. Shared by the tests of everything that mirrors trees.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use switchover::config::Period;
use switchover_files::FreezeOptions;
use switchover_tests::contract::store::{Content, Refused};

pub(crate) const FLAG: &str = "maintenance.json";

/// Writes as the application does: not while the flag says that it must not.
const PROBE: &str = r#"#!/bin/sh
flag="$SWITCHOVER_PATH/maintenance.json"
if [ -e "$flag" ]; then
    until=$(sed -n 's/.*"until": "\(.*\)".*/\1/p' "$flag")
    if [ -z "$until" ] || [ "$(date -d "$until" +%s%N)" -gt "$(date +%s%N)" ]; then
        echo "503 in maintenance" >&2
        exit 75
    fi
fi
echo probe > "$SWITCHOVER_PROBE"
"#;

/// How this application is frozen; its probe is put into a folder.
pub(crate) fn application(folder: &Path) -> FreezeOptions {
    let probe = folder.join("probe");
    fs::write(&probe, PROBE).unwrap();
    fs::set_permissions(&probe, fs::Permissions::from_mode(0o755)).unwrap();
    FreezeOptions { flag: Some(FLAG.into()), probe: vec![probe.display().to_string()], ..quick() }
}

/// No freeze, and times that suit a test.
pub(crate) fn quick() -> FreezeOptions {
    FreezeOptions {
        settle: Period(Duration::from_millis(20)),
        still: Period(Duration::from_millis(50)),
        clock_margin: Period(Duration::from_millis(300)),
        ..FreezeOptions::default()
    }
}

/// Whether the application may write.
pub(crate) fn permitted(tree: &Path) -> Result<(), Refused> {
    let flag = match fs::read(tree.join(FLAG)) {
        Ok(flag) => serde_json::from_slice::<serde_json::Value>(&flag).unwrap(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => panic!("{error}"),
    };
    match flag["until"].as_str() {
        Some(until) if until.parse::<Timestamp>().unwrap() <= Timestamp::now() => Ok(()),
        Some(_) | None => Err(Refused("in maintenance".to_owned())),
    }
}

/// A file of an entry: in folders, so that there are some.
pub(crate) fn file(tree: &Path, key: &str) -> PathBuf {
    tree.join(format!("drop {}", key.len() % 3)).join(key)
}

/// All files of a tree but Switchover's own.
pub(crate) fn content(tree: &Path) -> Content {
    let mut found = Content::new();
    let mut folders = vec![tree.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name == FLAG || name.starts_with(".switchover") {
                continue;
            }
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else {
                let value = fs::read_to_string(&path).unwrap_or_else(|error| error.to_string());
                found.insert(name, value);
            }
        }
    }
    found
}
