//! A bucket as S3 documents it: conditions are kept, each at one moment; lists have pages. And what may become of a request.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use switchover_tests::contract::state_store::entry;
use tokio::net::TcpListener;

/// Names on one page of a list.
const PAGE: usize = 5;

/// What becomes of the next write.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Turn {
    /// It is carried out, and no answer comes.
    DoneAndLost,
    /// It is carried out, and the answer is 500.
    DoneAnd500,
    /// It is not carried out, and no answer comes.
    Lost,
    /// 503 `SlowDown`.
    SlowDown,
    /// 409 `ConditionalRequestConflict`.
    Conflict,
    /// 403 `AccessDenied`.
    Forbidden,
    /// 501 `NotImplemented`.
    NotImplemented,
    /// Somebody else's entry comes first.
    Overtaken,
}

#[derive(Debug, Default)]
struct Inside {
    objects: BTreeMap<String, Vec<u8>>,
    turns: VecDeque<Turn>,
    requests: usize,
    ignores: bool,
    lag: usize,
}

/// A bucket, served on loopback.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bucket(Arc<Mutex<Inside>>);

impl Bucket {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap()
    }

    pub(crate) async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let limit = axum::extract::DefaultBodyLimit::disable();
        let routes = axum::Router::new().fallback(answer).layer(limit).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        format!("http://{address}")
    }

    pub(crate) fn then(&self, turns: &[Turn]) {
        self.inside().turns.extend(turns);
    }

    pub(crate) fn calm(&self) {
        self.inside().turns.clear();
    }

    pub(crate) fn ignore_conditions(&self) {
        self.inside().ignores = true;
    }

    /// The last names are in no list.
    pub(crate) fn lists_lag_by(&self, names: usize) {
        self.inside().lag = names;
    }

    pub(crate) fn requests(&self) -> usize {
        self.inside().requests
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.inside().objects.keys().cloned().collect()
    }

    pub(crate) fn set(&self, name: &str, content: Option<Vec<u8>>) {
        match content {
            Some(content) => drop(self.inside().objects.insert(name.to_owned(), content)),
            None => drop(self.inside().objects.remove(name)),
        }
    }
}

/// The length is enough to tell two contents of a test apart, with the sum of the bytes.
fn tag(content: &[u8]) -> String {
    let sum: u64 = content.iter().zip(1_u64..).map(|(byte, place)| u64::from(*byte) * (place % 8191)).sum();
    format!("\"{:x}-{sum:x}\"", content.len())
}

fn fault(status: u16, code: &str) -> Response {
    let text = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>");
    (StatusCode::from_u16(status).unwrap(), text).into_response()
}

async fn answer(
    State(bucket): State<Bucket>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    bucket.inside().requests += 1;
    let name = uri.path().trim_start_matches("/gigadb-journal").trim_start_matches('/').to_owned();
    match (method.as_str(), name.is_empty()) {
        ("GET", true) => list(&bucket, uri.query().unwrap_or_default()),
        ("GET", false) => get(&bucket, &name),
        ("PUT", false) => put(&bucket, &name, &headers, body).await,
        (method, _) => panic!("{method} {uri}"),
    }
}

fn get(bucket: &Bucket, name: &str) -> Response {
    let Some(content) = bucket.inside().objects.get(name).cloned() else { return fault(404, "NoSuchKey") };
    let head = [("etag", tag(&content)), ("last-modified", "Sat, 21 Nov 2026 12:00:00 GMT".to_owned())];
    (head, content).into_response()
}

async fn put(bucket: &Bucket, name: &str, headers: &HeaderMap, body: Bytes) -> Response {
    let turn = bucket.inside().turns.pop_front();
    match turn {
        Some(Turn::Lost) => std::future::pending().await,
        Some(Turn::SlowDown) => return fault(503, "SlowDown"),
        Some(Turn::Conflict) => return fault(409, "ConditionalRequestConflict"),
        Some(Turn::Forbidden) => return fault(403, "AccessDenied"),
        Some(Turn::NotImplemented) => return fault(501, "NotImplemented"),
        Some(Turn::Overtaken) => bucket.set(name, Some(entry(0, "eve").to_bytes())),
        Some(Turn::DoneAndLost | Turn::DoneAnd500) | None => {}
    }
    let done = write(bucket, name, headers, &body);
    match turn {
        Some(Turn::DoneAndLost) => std::future::pending().await,
        Some(Turn::DoneAnd500) => fault(500, "InternalError"),
        _ => done,
    }
}

/// At one moment: the lock is held from the look to the write.
fn write(bucket: &Bucket, name: &str, headers: &HeaderMap, body: &Bytes) -> Response {
    let mut inside = bucket.inside();
    let standing = inside.objects.get(name).map(|content| tag(content));
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let absent = header("if-none-match").is_none_or(|_| standing.is_none());
    let same = header("if-match").is_none_or(|wanted| Some(wanted) == standing);
    let fits = absent && same;
    if !fits && !inside.ignores {
        return fault(412, "PreconditionFailed");
    }
    inside.objects.insert(name.to_owned(), body.to_vec());
    [("etag", tag(body))].into_response()
}

fn list(bucket: &Bucket, query: &str) -> Response {
    let plain = |text: &str| text.replace("%2F", "/").replace('+', " ");
    let value = |key: &str| {
        query.split('&').find_map(|part| Some(plain(part.split_once('=').filter(|(k, _)| *k == key)?.1)))
    };
    let prefix = value("prefix").unwrap_or_default();
    let after = value("continuation-token").or_else(|| value("start-after")).unwrap_or_default();
    let inside = bucket.inside();
    let all: Vec<&String> = inside.objects.keys().filter(|name| name.starts_with(&prefix)).collect();
    let seen = all.len().saturating_sub(inside.lag);
    let shown: Vec<&String> = all[..seen].iter().copied().filter(|name| **name > after).collect();
    let page = &shown[..shown.len().min(PAGE)];
    let contents: Vec<String> = page
        .iter()
        .map(|name| {
            let (size, tag) = (inside.objects[*name].len(), tag(&inside.objects[*name]));
            format!(
                "<Contents><Key>{name}</Key><LastModified>2026-11-21T12:00:00.000Z</LastModified>\
                 <ETag>{tag}</ETag><Size>{size}</Size></Contents>"
            )
        })
        .collect();
    let contents = contents.concat();
    let more = shown.len() > PAGE;
    let token = page
        .last()
        .filter(|_| more)
        .map_or(String::new(), |name| format!("<NextContinuationToken>{name}</NextContinuationToken>"));
    format!("<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>{more}</IsTruncated>{token}{contents}</ListBucketResult>")
        .into_response()
}
