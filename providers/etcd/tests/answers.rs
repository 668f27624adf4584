//! What the provider makes of answers that a real member gives rarely, or only by bad luck: an emulated gateway that loses, repeats and
//! contradicts. The tests on real members are in `tests/etcd`.

#![expect(
    clippy::unwrap_used,
    reason = "everything in this binary runs inside tests, where a panic is a failure"
)]

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde_json::{Value, json};
use switchover::journal::Seq;
use switchover::port::{Appended, StateError, StateStore};
use switchover_etcd::{EtcdFiles, EtcdStore};
use switchover_runtime::TokioClock;
use switchover_tests::contract::state_store::{entry, pair};
use tokio::net::TcpListener;

/// What becomes of the next request.
#[derive(Debug, Clone, Copy)]
enum Turn {
    /// It is carried out, and no answer comes.
    DoneAndLost,
    /// It is carried out, and the answer says that the database is full.
    DoneAndFull,
    /// It is not carried out, and the answer says that the database is full.
    Full,
    /// The member changes its leader; the request was carried out all the same.
    DoneAndUnsettled,
    /// Somebody else's entry comes first.
    Overtaken,
    /// It is refused, in words that hold the whole request.
    Repeated,
}

/// One member: keys and values, its cluster, and what becomes of requests.
#[derive(Debug, Clone)]
struct Member {
    keys: Arc<Mutex<BTreeMap<String, String>>>,
    turns: Arc<Mutex<VecDeque<Turn>>>,
    cluster: &'static str,
}

impl Member {
    fn new(cluster: &'static str) -> Self {
        Self { keys: Arc::default(), turns: Arc::default(), cluster }
    }

    async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = axum::Router::new().route("/v3/{*path}", post(answer)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        format!("http://{address}")
    }

    fn then(&self, turns: &[Turn]) {
        self.turns.lock().unwrap().extend(turns);
    }

    fn range(&self, request: &Value) -> Value {
        let keys = self.keys.lock().unwrap();
        let from = text(&request["key"]);
        let until = request.get("range_end").map_or_else(|| format!("{from}\0"), text);
        let found = keys.range(from..until);
        let found = found.map(|(key, value)| json!({ "key": base64(key), "value": value, "version": "1" }));
        json!({ "header": { "cluster_id": self.cluster }, "kvs": found.collect::<Vec<Value>>() })
    }

    fn holds(&self, compare: &Value) -> bool {
        let there = self.keys.lock().unwrap().contains_key(&text(&compare["key"]));
        match compare["result"].as_str().unwrap() {
            "EQUAL" => !there,
            "GREATER" => there,
            other => panic!("{other}"),
        }
    }

    fn txn(&self, request: &Value) -> Value {
        let succeeded = request["compare"].as_array().unwrap().iter().all(|compare| self.holds(compare));
        let branch = if succeeded { "success" } else { "failure" };
        let each = request[branch].as_array().unwrap().iter().map(|one| {
            if let Some(put) = one.get("requestPut") {
                self.keys
                    .lock()
                    .unwrap()
                    .insert(text(&put["key"]), put["value"].as_str().unwrap().to_owned());
                return json!({ "response_put": {} });
            }
            json!({ "response_range": self.range(&one["requestRange"]) })
        });
        let responses: Vec<Value> = each.collect();
        json!({ "header": { "cluster_id": self.cluster }, "succeeded": succeeded, "responses": responses })
    }

    fn does(&self, path: &str, request: &Value) -> Value {
        match path {
            "kv/txn" => self.txn(request),
            "kv/range" => self.range(request),
            other => panic!("{other}"),
        }
    }
}

async fn answer(State(member): State<Member>, Path(path): Path<String>, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap();
    let turn = member.turns.lock().unwrap().pop_front();
    let refusal = |status: u16, code: u32, words: &str| {
        let body = json!({ "error": words, "message": words, "code": code }).to_string();
        (StatusCode::from_u16(status).unwrap(), body).into_response()
    };
    let full = || refusal(429, 8, "etcdserver: mvcc: database space exceeded");
    match turn {
        Some(Turn::Full) => return full(),
        Some(Turn::Repeated) => return refusal(403, 7, std::str::from_utf8(&body).unwrap()),
        Some(Turn::Overtaken) => {
            let put = &request["success"][0]["requestPut"];
            let other = String::from_utf8(entry(0, "eve").to_bytes()).unwrap();
            member.keys.lock().unwrap().insert(text(&put["key"]), base64(&other));
        }
        Some(Turn::DoneAndLost | Turn::DoneAndFull | Turn::DoneAndUnsettled) | None => {}
    }
    let done = member.does(&path, &request);
    match turn {
        Some(Turn::DoneAndLost) => std::future::pending().await,
        Some(Turn::DoneAndFull) => full(),
        Some(Turn::DoneAndUnsettled) => refusal(503, 14, "etcdserver: leader changed"),
        Some(Turn::Full | Turn::Repeated | Turn::Overtaken) | None => done.to_string().into_response(),
    }
}

fn base64(text: &str) -> String {
    data_encoding::BASE64.encode(text.as_bytes())
}

fn text(value: &Value) -> String {
    let bytes = data_encoding::BASE64.decode(value.as_str().unwrap().as_bytes()).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn store(endpoints: &[String]) -> EtcdStore {
    let list = endpoints.iter().map(|one| format!("'{one}'")).collect::<Vec<String>>().join(", ");
    let text = format!("endpoints = [{list}]\ntimeout = '300ms'\npatience = '1s'");
    let options = toml::from_str(&text).unwrap();
    EtcdStore::new(&options, EtcdFiles::default(), Arc::new(TokioClock::new())).unwrap()
}

async fn append(store: &EtcdStore, writer: &str) -> Result<Appended, StateError> {
    store.append_at(&pair("gigadb"), Seq(0), &entry(0, writer)).await
}

#[tokio::test]
async fn an_append_whose_answer_was_lost_is_found_to_be_ours() {
    for turn in [Turn::DoneAndLost, Turn::DoneAndUnsettled] {
        let member = Member::new("1");
        let store = store(&[member.serve().await]);
        member.then(&[turn]);
        assert_eq!(append(&store, "ada").await, Ok(Appended::Done), "{turn:?}");
        member.then(&[turn]);
        assert_eq!(append(&store, "bob").await, Ok(Appended::Taken), "{turn:?}");
        assert_eq!(store.read(&pair("gigadb"), Seq(0)).await.unwrap(), [entry(0, "ada")]);
    }
}

#[tokio::test]
async fn an_append_that_somebody_else_overtook_is_not_ours() {
    let member = Member::new("1");
    let store = store(&[member.serve().await]);
    member.then(&[Turn::Overtaken]);
    assert_eq!(append(&store, "ada").await, Ok(Appended::Taken));
    assert_eq!(store.read(&pair("gigadb"), Seq(0)).await.unwrap(), [entry(0, "eve")]);
}

#[tokio::test]
async fn an_append_of_which_nothing_is_heard_is_said_to_be_unknown_in_time() {
    let member = Member::new("1");
    let store = store(&[member.serve().await]);
    member.then(&[Turn::DoneAndLost; 20]);
    let began = Instant::now();
    let told = append(&store, "ada").await;
    assert!(matches!(told, Err(StateError::Unavailable { .. })), "{told:?}");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    member.turns.lock().unwrap().clear();
    assert_eq!(append(&store, "ada").await, Ok(Appended::Done), "a repeat settles it");
}

#[tokio::test]
async fn the_write_that_fills_the_database_is_done_although_etcd_says_that_it_is_full() {
    let member = Member::new("1");
    let store = store(&[member.serve().await]);
    member.then(&[Turn::DoneAndFull]);
    assert_eq!(append(&store, "ada").await, Ok(Appended::Done));
    member.then(&[Turn::DoneAndFull]);
    assert_eq!(append(&store, "bob").await, Ok(Appended::Taken));
}

#[tokio::test]
async fn full_means_that_nothing_was_written() {
    let member = Member::new("1");
    let store = store(&[member.serve().await]);
    member.then(&[Turn::Full]);
    assert!(matches!(append(&store, "ada").await, Err(StateError::Full { .. })));
    assert_eq!(store.read(&pair("gigadb"), Seq(0)).await, Ok(vec![]));
}

#[tokio::test]
async fn members_of_two_clusters_are_two_journals_and_refused() {
    let (one, other) = (Member::new("1"), Member::new("2"));
    let store = store(&[one.serve().await, other.serve().await]);
    assert_eq!(append(&store, "ada").await, Ok(Appended::Done));
    // The first answers no more; the second would take the same position a second time.
    one.then(&[Turn::DoneAndLost; 20]);
    let told = store.read(&pair("gigadb"), Seq(0)).await;
    assert!(
        matches!(&told, Err(StateError::Unusable { why, .. }) if why.contains("two clusters")),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_member_that_repeats_the_password_does_not_get_it_told() {
    let member = Member::new("1");
    let options =
        format!("endpoints = ['{}']\nuser = 'ada'\npassword = {{ env = 'P' }}", member.serve().await);
    let files = EtcdFiles { password: Some("canary-5f1c".into()), ..EtcdFiles::default() };
    let store =
        EtcdStore::new(&toml::from_str(&options).unwrap(), files, Arc::new(TokioClock::new())).unwrap();
    member.then(&[Turn::Repeated]);
    let told = store.read(&pair("gigadb"), Seq(0)).await.unwrap_err().to_string();
    assert!(told.contains("ada") && !told.contains("canary"), "{told}");
}
