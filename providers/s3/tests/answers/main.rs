//! The contract on a strict bucket of ours, and what the provider makes of answers that S3 gives rarely, or only by bad luck: lost, late, 409,
//! 412, 500, lists that lag; and of a look-alike that ignores conditions. The tests on moto are in `tests/moto`.

#![expect(
    clippy::unwrap_used,
    reason = "everything in this binary runs inside tests, where a panic is a failure"
)]

mod bucket;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use object_store::aws::AmazonS3Builder;
use object_store::client::ClientOptions;
use object_store::{ObjectStore, RetryConfig};
use switchover::journal::Seq;
use switchover::port::{Appended, StateError, StateStore};
use switchover_runtime::TokioClock;
use switchover_s3::{S3Options, S3Store};
use switchover_tests::contract::state_store::{StateStoreHarness, entry, pair};
use tokio::runtime::Runtime;

use bucket::{Bucket, Turn};

fn client(endpoint: &str) -> Arc<dyn ObjectStore> {
    let limits = ClientOptions::new().with_timeout(Duration::from_millis(300)).with_allow_http(true);
    let never = RetryConfig { max_retries: 0, retry_timeout: Duration::ZERO, ..RetryConfig::default() };
    let made = AmazonS3Builder::new()
        .with_bucket_name("gigadb-journal")
        .with_region("eu-central-1")
        .with_endpoint(endpoint)
        .with_access_key_id("id")
        .with_secret_access_key("hunter2")
        .with_client_options(limits)
        .with_retry(never)
        .build();
    Arc::new(made.unwrap())
}

/// A bucket, and the store on it.
struct Stand {
    runtime: Runtime,
    bucket: Bucket,
    endpoint: String,
}

impl Stand {
    fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let bucket = Bucket::default();
        let endpoint = runtime.block_on(bucket.serve());
        Self { runtime, bucket, endpoint }
    }

    fn run<F: Future>(&self, test: F) -> F::Output {
        self.runtime.block_on(test)
    }

    fn store(&self) -> S3Store {
        let text = "bucket = 'gigadb-journal'\ntimeout = '300ms'\npatience = '1500ms'";
        let options: S3Options = toml::from_str(text).unwrap();
        S3Store::over(client(&self.endpoint), &options, Arc::new(TokioClock::new())).unwrap()
    }

    fn append(&self, writer: &str) -> Result<Appended, StateError> {
        self.run(self.store().append_at(&pair("gigadb"), Seq(0), &entry(0, writer)))
    }

    fn actors(&self) -> Vec<String> {
        let entries = self.run(self.store().read(&pair("gigadb"), Seq(0))).unwrap();
        entries.into_iter().map(|entry| entry.nonce.0).collect()
    }
}

#[async_trait]
impl StateStoreHarness for Stand {
    async fn open(&self) -> Arc<dyn StateStore> {
        let store = self.store();
        store.prove().await.unwrap();
        Arc::new(store)
    }
}

switchover_tests::state_store_contract!(contract, Stand::new());

#[test]
fn a_refusal_that_our_own_lost_write_caused_is_told_from_anothers() {
    for turn in [Turn::DoneAndLost, Turn::DoneAnd500] {
        let stand = Stand::new();
        stand.bucket.then(&[turn]);
        assert_eq!(stand.append("ada"), Ok(Appended::Done), "{turn:?}");
        stand.bucket.then(&[turn]);
        assert_eq!(stand.append("bob"), Ok(Appended::Taken), "{turn:?}");
        assert_eq!(stand.actors(), ["ada-0"]);
    }
}

#[test]
fn a_write_that_somebody_else_overtook_is_not_ours() {
    let stand = Stand::new();
    stand.bucket.then(&[Turn::Overtaken]);
    assert_eq!(stand.append("ada"), Ok(Appended::Taken));
    assert_eq!(stand.actors(), ["eve-0"]);
}

#[test]
fn a_conflict_with_a_write_that_is_under_way_is_tried_again() {
    let stand = Stand::new();
    stand.bucket.then(&[Turn::Conflict, Turn::Conflict]);
    assert_eq!(stand.append("ada"), Ok(Appended::Done));
    stand.bucket.then(&[Turn::Conflict]);
    assert_eq!(stand.append("bob"), Ok(Appended::Taken));
    assert_eq!(stand.actors(), ["ada-0"]);
}

#[test]
fn a_conflict_that_never_ends_is_an_end() {
    let stand = Stand::new();
    stand.bucket.then(&[Turn::Conflict; 50]);
    let told = stand.append("ada");
    assert!(matches!(told, Err(StateError::Unavailable { .. })), "{told:?}");
}

#[test]
fn a_service_that_is_out_of_order_for_a_moment_is_waited_for() {
    let stand = Stand::new();
    stand.bucket.then(&[Turn::SlowDown, Turn::Lost]);
    assert_eq!(stand.append("ada"), Ok(Appended::Done));
}

#[test]
fn a_write_of_which_nothing_is_heard_is_said_to_be_unknown_in_time() {
    let stand = Stand::new();
    stand.bucket.then(&[Turn::DoneAndLost; 20]);
    let began = Instant::now();
    let told = stand.append("ada");
    assert!(matches!(told, Err(StateError::Unavailable { .. })), "{told:?}");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    stand.bucket.calm();
    assert_eq!(stand.append("ada"), Ok(Appended::Done), "a repeat settles it");
    assert_eq!(stand.append("bob"), Ok(Appended::Taken));
}

#[test]
fn a_look_alike_that_ignores_conditions_is_refused_whether_it_was_used_before_or_not() {
    let stand = Stand::new();
    stand.bucket.ignore_conditions();
    for _ in 0..2 {
        let told = stand.run(stand.store().prove()).unwrap_err();
        let StateError::Unusable { why, .. } = told else { panic!("{told:?}") };
        assert!(why.contains("ignores") && why.contains("two runs"), "{why}");
    }
}

#[test]
fn a_look_alike_that_says_it_knows_no_conditions_is_refused_at_once() {
    let stand = Stand::new();
    stand.bucket.then(&[Turn::NotImplemented]);
    let began = Instant::now();
    let told = stand.run(stand.store().prove()).unwrap_err();
    assert!(matches!(told, StateError::Unusable { .. }), "{told:?}");
    assert!(began.elapsed() < Duration::from_secs(1), "it was tried again");
}

#[test]
fn proving_leaves_one_object_and_needs_one_request_from_then_on() {
    let stand = Stand::new();
    stand.run(stand.store().prove()).unwrap();
    let before = stand.bucket.requests();
    stand.run(stand.store().prove()).unwrap();
    assert_eq!(stand.bucket.requests() - before, 1);
    assert_eq!(stand.bucket.names(), ["switchover/probe"]);
}

#[test]
fn whoever_may_not_write_is_told_so_at_once() {
    let stand = Stand::new();
    stand.bucket.then(&[Turn::Forbidden]);
    let told = stand.run(stand.store().prove()).unwrap_err().to_string();
    assert!(told.contains("do not allow it") && !told.contains("hunter2"), "{told}");
}

#[test]
fn a_list_that_lags_hides_no_entry() {
    let stand = Stand::new();
    let store = stand.store();
    for seq in 0..3 {
        let appended = stand.run(store.append_at(&pair("gigadb"), Seq(seq), &entry(seq, "ada")));
        assert_eq!(appended, Ok(Appended::Done));
    }
    for lag in 1..=3 {
        stand.bucket.lists_lag_by(lag);
        assert_eq!(stand.actors(), ["ada-0", "ada-1", "ada-2"], "lag {lag}");
    }
}

#[test]
fn an_entry_that_was_removed_or_replaced_is_found() {
    let stand = Stand::new();
    let store = stand.store();
    for seq in 0..3 {
        let appended = stand.run(store.append_at(&pair("gigadb"), Seq(seq), &entry(seq, "ada")));
        assert_eq!(appended, Ok(Appended::Done));
    }
    let name = |seq: u64| format!("switchover/gigadb/entries/{seq:020}");
    let read = || stand.run(stand.store().read(&pair("gigadb"), Seq(0)));
    stand.bucket.set(&name(1), Some(b"{".to_vec()));
    assert!(matches!(read(), Err(StateError::Damaged { seq: Seq(1), .. })));
    stand.bucket.set(&name(1), None);
    assert!(matches!(read(), Err(StateError::Damaged { seq: Seq(1), why, .. }) if why.contains("missing")));
    stand.bucket.set(&name(0), None);
    assert!(matches!(read(), Err(StateError::Damaged { seq: Seq(0), .. })), "never taken for a new pair");
}

#[test]
fn an_append_to_what_is_known_is_one_request() {
    let stand = Stand::new();
    let store = stand.store();
    for seq in 0..3 {
        let before = stand.bucket.requests();
        let appended = stand.run(store.append_at(&pair("gigadb"), Seq(seq), &entry(seq, "ada")));
        assert_eq!((appended, stand.bucket.requests() - before), (Ok(Appended::Done), 1));
    }
}
