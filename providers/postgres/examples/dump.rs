//! Brings a database over once by the dump method, and says how long each part took. `tests/bench/data/postgres-dump` calls it.
//!
//! ```text
//! SWITCHOVER_PG_A=5433 SWITCHOVER_PG_B=5434 SWITCHOVER_PG_PASSWORD=… cargo run --release --example dump -- DATABASE LOCATION counts|content COMPRESSION
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use secrecy::SecretString;
use switchover::config::SecretRef;
use switchover::model::{
    BackupKey, Direction, DnsPolicy, EnvironmentName, Pair, PairName, ProbePolicy, RunId, Side, SideName,
    StoreName, StoreRef, Verification,
};
use switchover::port::{Advance, DataError, Overseer, Store as _, SyncOrder, SyncPurpose};
use switchover_postgres::{PostgresDump, PostgresOptions};
use switchover_runtime::TokioClock;

/// Notes when each phase was first heard of.
#[derive(Debug)]
struct Phases {
    began: Instant,
    first: Mutex<Vec<(String, Duration)>>,
}

#[async_trait]
impl Overseer for Phases {
    fn advance(&self, advance: &Advance) {
        if let Ok(mut first) = self.first.lock()
            && first.iter().all(|(phase, _)| *phase != advance.phase)
        {
            first.push((advance.phase.clone(), self.began.elapsed()));
        }
    }

    async fn permit(&self) -> Result<(), DataError> {
        Ok(())
    }
}

fn options(database: &str, location: &str, compression: &str) -> Result<PostgresOptions, Box<dyn Error>> {
    let mut sides = serde_json::Map::new();
    for (side, variable) in [("hongkong", "SWITCHOVER_PG_A"), ("sydney", "SWITCHOVER_PG_B")] {
        let port: u16 = std::env::var(variable)?.parse()?;
        let side_options = serde_json::json!({
            "host": "127.0.0.1", "port": port, "database": database, "sslmode": "disable",
            "admin": { "user": "boss", "password": { "env": "SWITCHOVER_PG_PASSWORD" } },
            "application": { "user": "app", "password": { "env": "SWITCHOVER_PG_PASSWORD" } },
        });
        sides.insert(side.to_owned(), side_options);
    }
    let compression: u8 = compression.parse()?;
    let options = serde_json::json!({
        "method": "dump", "sides": sides, "backups": { "path": location }, "compression": compression,
    });
    Ok(serde_json::from_value(options)?)
}

fn resolve(reference: &SecretRef) -> Result<SecretString, String> {
    match reference {
        SecretRef::Env(name) => std::env::var(name).map(Into::into).map_err(|error| error.to_string()),
        SecretRef::File(path) => Err(format!("{} is not used here", path.display())),
    }
}

fn order(verify: Verification) -> Result<SyncOrder, Box<dyn Error>> {
    let sides = [SideName::new("hongkong")?, SideName::new("sydney")?];
    let pair = Pair {
        name: PairName::new("bench")?,
        sides: sides.clone().map(|name| Side { name, project: None, columns: Vec::new() }),
        environments: vec![],
        services: BTreeMap::new(),
        dns: DnsPolicy::default(),
        probe: ProbePolicy::default(),
        announce: Vec::new(),
        role_table: None,
        status_pages: BTreeMap::new(),
    };
    Ok(SyncOrder {
        direction: Direction::of(&pair, &sides[0])?,
        purpose: SyncPurpose::Routine,
        run: RunId::new("bench")?,
        key: BackupKey::new("202611211502")?,
        verify,
        overwrite: true,
        deadline: Duration::from_secs(3600),
    })
}

/// The most memory that this process ever had, in megabytes.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()?.div_ceil(1024))
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [database, location, how, compression] = arguments.as_slice() else {
        return Err("dump DATABASE LOCATION counts|content COMPRESSION".into());
    };
    let verify = if how == "content" { Verification::Content } else { Verification::Counts };
    let store = StoreRef { environment: EnvironmentName::new("live")?, store: StoreName::new("metadata")? };
    let clock = Arc::new(TokioClock::new());
    let store = PostgresDump::new(
        &PairName::new("bench")?,
        &store,
        &options(database, location, compression)?,
        clock,
        &resolve,
    )?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let phases = Phases { began: Instant::now(), first: Mutex::default() };
    let done = runtime.block_on(store.sync(&order(verify)?, &phases))?;
    let seconds = phases.began.elapsed().as_secs_f64();
    let first = phases.first.lock().map_err(|error| error.to_string())?.clone();
    let first: Vec<String> =
        first.iter().map(|(phase, at)| format!("{phase} from {:.1}", at.as_secs_f64())).collect();
    println!(
        "{}",
        serde_json::json!({
            "seconds": seconds, "backup_bytes": done.bytes, "rows": done.items, "phases": first, "peak_mb": peak(),
            "notes": done.notes,
        })
    );
    Ok(())
}
