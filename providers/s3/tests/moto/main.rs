//! The journal on S3, at moto: the contract, and a bucket that is not there. `tests/moto/run` starts it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "everything in this binary runs inside tests, where a panic is a failure"
)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use switchover::port::{StateError, StateStore};
use switchover_runtime::TokioClock;
use switchover_s3::{S3Options, S3Store};
use switchover_tests::contract::state_store::StateStoreHarness;
use tokio::runtime::Runtime;

fn endpoint() -> String {
    let dir = std::env::var("SWITCHOVER_MOTO").expect("tests/moto/run sets SWITCHOVER_MOTO");
    let pair = fs::read(Path::new(&dir).join("pair.json")).unwrap();
    let pair: serde_json::Value = serde_json::from_slice(&pair).unwrap();
    pair["endpoint"].as_str().unwrap().to_owned()
}

/// The key of profile Upstream, by which moto knows the account.
fn access_key() -> String {
    let text = fs::read_to_string(std::env::var("AWS_SHARED_CREDENTIALS_FILE").unwrap()).unwrap();
    let profile = text.split("[Upstream]").nth(1).unwrap();
    let line = profile.lines().find(|line| line.starts_with("aws_access_key_id")).unwrap();
    line.split('=').nth(1).unwrap().trim().to_owned()
}

/// Makes a bucket; moto takes requests without a signature.
fn make_bucket(name: &str) {
    let endpoint = endpoint();
    let mut stream = TcpStream::connect(endpoint.strip_prefix("http://").unwrap()).unwrap();
    let scope = "20261121/us-east-1/s3/aws4_request";
    let key = access_key();
    write!(
        stream,
        "PUT /{name} HTTP/1.1\r\nHost: localhost\r\nAuthorization: AWS4-HMAC-SHA256 Credential={key}/{scope}\r\n\
         Content-Length: 0\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.lines().next().unwrap_or_default().contains("200"), "{answer}");
}

fn options(bucket: &str) -> S3Options {
    let text = format!(
        "bucket = '{bucket}'\nregion = 'us-east-1'\nprofile = 'Upstream'\nendpoint = '{}'\npatience = '10s'",
        endpoint()
    );
    toml::from_str(&text).unwrap()
}

struct Moto {
    runtime: Runtime,
    bucket: String,
}

impl Moto {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let bucket = format!("journal-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        make_bucket(&bucket);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Self { runtime, bucket }
    }

    fn run<F: Future>(&self, test: F) -> F::Output {
        self.runtime.block_on(test)
    }

    async fn store(bucket: &str) -> S3Store {
        S3Store::connect(&options(bucket), Arc::new(TokioClock::new())).await.unwrap()
    }
}

#[async_trait]
impl StateStoreHarness for Moto {
    async fn open(&self) -> Arc<dyn StateStore> {
        let store = Self::store(&self.bucket).await;
        store.prove().await.unwrap();
        Arc::new(store)
    }
}

// Not `concurrent_appends_have_one_winner_at_each_position`: moto looks and writes at two moments, so that two writers may both win. It is held
// on a strict bucket, in `tests/answers`.
switchover_tests::contract_tests!(contract, Moto::new(), state_store:
    a_new_pair_has_no_entries
    an_entry_is_created_once
    a_repeated_append_changes_nothing
    no_hole_is_ever_written
    an_entry_stands_only_at_its_own_position
    what_was_done_is_read_by_everybody
    reading_starts_where_it_is_told
    pairs_are_not_mixed
    big_entries_come_back_whole
    reopening_keeps_everything
    beats_are_kept_for_each_pair
);

#[test]
fn a_bucket_that_is_not_there_is_said_not_to_be() {
    let moto = Moto::new();
    let told = moto.run(async { Moto::store("no-such-journal").await.prove().await });
    let Err(StateError::Unusable { place, why }) = told else { panic!("{told:?}") };
    assert_eq!(place, "s3://no-such-journal/switchover/");
    assert!(why.contains("no such bucket"), "{why}");
}

#[test]
fn a_profile_that_is_not_there_is_an_error_without_waiting_for_the_patience() {
    let moto = Moto::new();
    let text = format!(
        "bucket = '{}'\nregion = 'us-east-1'\nprofile = 'Nobody'\nendpoint = '{}'",
        moto.bucket,
        endpoint()
    );
    let options: S3Options = toml::from_str(&text).unwrap();
    let told = moto.run(async {
        let store = S3Store::connect(&options, Arc::new(TokioClock::new())).await.unwrap();
        store.prove().await
    });
    assert!(matches!(&told, Err(StateError::Unusable { .. })), "{told:?}");
}
