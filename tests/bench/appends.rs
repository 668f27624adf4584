//! How long appends take: one writer, one entry after the other, each awaited. For `tests/bench/journal`.
//!
//! `appends sqlite PATH N`, `appends etcd OPTIONS N` or `appends s3 OPTIONS N`, where OPTIONS is a file with the options of the provider in
//! TOML; etcd's files lie beside it, and its password in `ETCD_PASSWORD`. Prints one JSON document.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a measurement that fails has no figure")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use secrecy::SecretString;
use switchover::journal::Seq;
use switchover::port::{Appended, StateStore};
use switchover_etcd::{EtcdFiles, EtcdOptions, EtcdStore};
use switchover_runtime::TokioClock;
use switchover_s3::{S3Options, S3Store};
use switchover_sqlite::{SqliteOptions, SqliteStore};
use switchover_tests::contract::state_store::{entry, pair};

/// Bytes of an entry: what the middle one of a swap has.
const SIZE: usize = 1_000;

fn etcd(file: &Path) -> EtcdStore {
    let options: EtcdOptions = toml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let beside = |path: &PathBuf| std::fs::read(file.with_file_name(path)).unwrap();
    let files = EtcdFiles {
        ca: options.ca_file.as_ref().map(beside),
        certificate: options.certificate_file.as_ref().map(beside),
        key: Some(SecretString::from(String::from_utf8(beside(&"client.key".into())).unwrap())),
        password: std::env::var("ETCD_PASSWORD").ok().map(SecretString::from),
    };
    EtcdStore::new(&options, files, Arc::new(TokioClock::new())).unwrap()
}

async fn s3(file: &Path) -> S3Store {
    let options: S3Options = toml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let store = S3Store::connect(&options, Arc::new(TokioClock::new())).await.unwrap();
    store.prove().await.unwrap();
    store
}

async fn open(kind: &str, file: &Path) -> Arc<dyn StateStore> {
    match kind {
        "sqlite" => Arc::new(SqliteStore::open(&SqliteOptions { path: file.to_owned() }).unwrap()),
        "etcd" => Arc::new(etcd(file)),
        "s3" => Arc::new(s3(file).await),
        other => panic!("appends: no state store {other}; there are sqlite, etcd, s3"),
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, kind, file, count] = arguments.as_slice() else { panic!("appends KIND FILE N") };
    let count: u32 = count.parse().expect("a number of appends");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = open(kind, Path::new(file)).await;
        let of = pair("bench");
        let mut next = store.read(&of, Seq(0)).await.unwrap().len() as u64;
        let mut took = Vec::new();
        for _ in 0..count {
            let entry = entry(next, &"x".repeat(SIZE / 2));
            let began = Instant::now();
            assert_eq!(store.append_at(&of, Seq(next), &entry).await, Ok(Appended::Done));
            took.push(began.elapsed().as_secs_f64());
            next += 1;
        }
        let began = Instant::now();
        assert_eq!(store.read(&of, Seq(0)).await.unwrap().len() as u64, next);
        let read = began.elapsed().as_secs_f64();
        let all: f64 = took.iter().sum();
        took.sort_by(f64::total_cmp);
        let at = |part: usize| took[took.len() * part / 100] * 1000.0;
        println!(
            r#"{{"entries":{next},"per_second":{:.1},"median_ms":{:.2},"p99_ms":{:.2},"read_ms":{:.1}}}"#,
            f64::from(count) / all,
            at(50),
            at(99),
            read * 1000.0
        );
    });
}
