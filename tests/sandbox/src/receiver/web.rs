//! A server that takes webhooks, as Slack's and others do, and serves a status page.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::Mood;
use crate::world::lock;

const LONGEST_BODY: usize = 1 << 20;

/// What was posted.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Where, below the server's address.
    pub path: String,
    /// The headers, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
    /// Whether it was taken.
    pub taken: bool,
}

#[derive(Debug)]
struct Inner {
    address: SocketAddr,
    mood: Mutex<Mood>,
    deliveries: Mutex<Vec<Delivery>>,
    summary: Mutex<String>,
}

/// A server that takes webhooks. Clones are one server; it serves as long as its executor runs.
#[derive(Clone, Debug)]
pub struct Receiver(Arc<Inner>);

impl Receiver {
    /// Starts one on a free port.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let own = Self(Arc::new(Inner {
            address: listener.local_addr()?,
            mood: Mutex::new(Mood::Takes),
            deliveries: Mutex::default(),
            summary: Mutex::default(),
        }));
        own.set_trouble("none", "All Systems Operational");
        let router = Router::new().fallback(serve).with_state(own.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(own)
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// How it behaves from now on.
    pub fn set(&self, mood: Mood) {
        *lock(&self.0.mood) = mood;
    }

    /// What its status page says from now on: `none`, `minor`, `major` or `critical`, and in words.
    pub fn set_trouble(&self, indicator: &str, description: &str) {
        let summary = serde_json::json!({
            "page": { "id": "p", "name": "Vendor" },
            "status": { "indicator": indicator, "description": description },
            "components": [], "incidents": [], "scheduled_maintenances": [],
        });
        *lock(&self.0.summary) = summary.to_string();
    }

    /// Everything that was posted, in order.
    pub fn deliveries(&self) -> Vec<Delivery> {
        lock(&self.0.deliveries).clone()
    }

    fn keep(&self, path: String, headers: BTreeMap<String, String>, body: String, taken: bool) {
        lock(&self.0.deliveries).push(Delivery { path, headers, body, taken });
    }
}

async fn serve(State(own): State<Receiver>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    if head.method == Method::GET && head.uri.path().ends_with("/api/v2/summary.json") {
        let summary = lock(&own.0.summary).clone();
        return ([(header::CONTENT_TYPE, "application/json")], summary).into_response();
    }
    let mood = *lock(&own.0.mood);
    match mood {
        Mood::Slow(ms) => sleep(Duration::from_millis(ms)).await,
        Mood::Hangs => std::future::pending().await,
        Mood::Takes | Mood::Fails | Mood::Throttles(_) | Mood::Refuses => {}
    }
    if head.method != Method::POST {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let body = to_bytes(body, LONGEST_BODY).await.unwrap_or_default();
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let taken = matches!(mood, Mood::Takes | Mood::Slow(_));
    let (path, body) = (head.uri.path().to_owned(), String::from_utf8_lossy(&body).into_owned());
    own.keep(path, headers.collect(), body, taken);
    match mood {
        Mood::Takes | Mood::Slow(_) | Mood::Hangs => "ok".into_response(),
        Mood::Fails => (StatusCode::INTERNAL_SERVER_ERROR, "rollup_error").into_response(),
        Mood::Refuses => (StatusCode::NOT_FOUND, "no_service").into_response(),
        Mood::Throttles(seconds) => {
            (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds.to_string())], "rate_limited")
                .into_response()
        }
    }
}
