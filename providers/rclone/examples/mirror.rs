//! One mirror of a tree by either provider, as a program of its own: `mirror files|rclone FROM TO [threads]`. `tests/bench/data/files` measures it.
#![expect(clippy::print_stdout, reason = "a program that says what it did")]

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use switchover::config::Period;
use switchover::model::{
    BackupKey, Direction, EnvironmentName, PairName, RunId, Side, SideName, StoreName, StoreRef, Verification,
};
use switchover::port::{Advance, DataError, Overseer, Store, SyncOrder, SyncPurpose};
use switchover_files::{FilesOptions, FilesStore};
use switchover_rclone::{RcloneOptions, RcloneStore};
use switchover_runtime::TokioClock;

/// Permits everything: nobody else holds this pair.
#[derive(Debug)]
struct Nobody;

#[async_trait]
impl Overseer for Nobody {
    fn advance(&self, _: &Advance) {}

    async fn permit(&self) -> Result<(), DataError> {
        Ok(())
    }
}

fn store(kind: &str, from: &str, to: &str, more: &[String]) -> Result<Arc<dyn Store>, Box<dyn Error>> {
    let pair = PairName::new("bench")?;
    let of = StoreRef { environment: EnvironmentName::new("live")?, store: StoreName::new("files")? };
    let clock = Arc::new(TokioClock::new());
    let side = |key: &str, path: &str| serde_json::json!({ key: path });
    let options = |key: &str| {
        let mut options =
            serde_json::json!({ "sides": { "hongkong": side(key, from), "sydney": side(key, to) } });
        for word in more {
            if let Some((name, value)) = word.split_once('=') {
                options[name] = serde_json::from_str(value).unwrap_or_else(|_| value.into());
            }
        }
        options
    };
    Ok(match kind {
        "files" => Arc::new(FilesStore::new(
            serde_json::from_value::<FilesOptions>(options("path"))?,
            pair,
            of,
            clock,
        )?),
        "rclone" => {
            let options = serde_json::from_value::<RcloneOptions>(options("remote"))?;
            Arc::new(RcloneStore::new(options, pair, of, clock)?)
        }
        _ => return Err("mirror files|rclone FROM TO [option=value...]".into()),
    })
}

fn order() -> Result<SyncOrder, Box<dyn Error>> {
    let sides = ["hongkong", "sydney"]
        .map(|name| SideName::new(name).map(|name| Side { name, project: None, columns: Vec::new() }));
    let [hongkong, sydney] = sides;
    let pair = switchover::model::Pair {
        name: PairName::new("bench")?,
        sides: [hongkong?, sydney?],
        environments: vec![],
        services: [].into(),
        dns: switchover::model::DnsPolicy::default(),
        probe: switchover::model::ProbePolicy::default(),
        announce: Vec::new(),
        role_table: None,
        status_pages: [].into(),
    };
    Ok(SyncOrder {
        direction: Direction::of(&pair, &SideName::new("hongkong")?)?,
        purpose: SyncPurpose::Routine,
        run: RunId::new("bench")?,
        key: BackupKey::new("20261121")?,
        verify: Verification::Counts,
        overwrite: false,
        deadline: Period(Duration::from_secs(3600)).0,
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, from, to, more @ ..] = arguments.as_slice() else {
        return Err("mirror files|rclone FROM TO [option=value...]".into());
    };
    let (from, to) = (PathBuf::from(from).canonicalize()?, PathBuf::from(to).canonicalize()?);
    let store = store(kind, &from.to_string_lossy(), &to.to_string_lossy(), more)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let done = runtime.block_on(store.sync(&order()?, &Nobody))?;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("?").trim();
    println!("{} files, {} bytes, {} deleted, peak {peak}", done.items, done.bytes, done.deleted);
    Ok(())
}
