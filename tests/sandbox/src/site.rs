//! The sites: HTTP servers that say which side they are.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::application;
use crate::connection::{Connection, Resettable};
use crate::seed::SiteSeed;
use crate::world::lock;

/// How a site behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SiteState {
    /// It answers.
    #[default]
    Up,
    /// It refuses connections.
    Down,
    /// It takes connections and requests, and never answers.
    Hang,
    /// It answers 500.
    Error,
}

/// One site.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) seed: SiteSeed,
    /// Where it really listens.
    pub(crate) address: SocketAddr,
    state: watch::Sender<SiteState>,
    /// How many requests came, by the name they were for.
    hosts: Mutex<BTreeMap<String, u64>>,
}

/// How long requests that are under way may hold up going down.
const GRACE: Duration = Duration::from_millis(500);

impl Site {
    pub(crate) fn new(seed: SiteSeed, address: SocketAddr) -> Site {
        Site { seed, address, state: watch::Sender::default(), hosts: Mutex::default() }
    }

    pub(crate) fn state(&self) -> SiteState {
        *self.state.borrow()
    }

    pub(crate) fn set(&self, state: SiteState) {
        self.state.send_replace(state);
    }

    pub(crate) fn hosts(&self) -> BTreeMap<String, u64> {
        lock(&self.hosts).clone()
    }

    pub(crate) fn reset(&self) {
        self.set(SiteState::Up);
        lock(&self.hosts).clear();
    }

    /// What it says of itself.
    fn says(&self) -> Value {
        let SiteSeed { side, environment, name, listen: _, files: _ } = &self.seed;
        json!({ "side": side, "environment": environment, "address": self.address.ip(), "name": name })
    }

    /// Serves until the sandbox stops, with pauses while the site is down.
    pub(crate) async fn run(self: Arc<Self>, listener: TcpListener, mut stopping: watch::Receiver<bool>) {
        let mut bound = Some(listener);
        let mut state = self.state.subscribe();
        while !*stopping.borrow() {
            let Ok(listener) = self.listener(bound.take()).await else {
                sleep(Duration::from_millis(20)).await;
                continue;
            };
            self.serve(listener, stopping.clone()).await;
            tokio::select! {
                _ = state.wait_for(|state| *state != SiteState::Down) => {}
                _ = stopping.wait_for(|stopping| *stopping) => {}
            }
        }
    }

    async fn listener(&self, bound: Option<TcpListener>) -> std::io::Result<TcpListener> {
        match bound {
            Some(listener) => Ok(listener),
            None => TcpListener::bind(self.address).await,
        }
    }

    /// Serves until the site goes down or the sandbox stops.
    async fn serve(self: &Arc<Self>, listener: TcpListener, mut stopping: watch::Receiver<bool>) {
        let router = Router::new().fallback(answer).with_state(self.clone());
        let service = router.into_make_service_with_connect_info::<Connection>();
        let (quit, quitting) = watch::channel(false);
        let mut until = quitting.clone();
        let server = axum::serve(Resettable(listener), service).with_graceful_shutdown(async move {
            let _ = until.wait_for(|quit| *quit).await;
        });
        let mut state = self.state.subscribe();
        let mut server = std::pin::pin!(server.into_future());
        tokio::select! {
            _ = &mut server => return,
            _ = state.wait_for(|state| *state == SiteState::Down) => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
        quit.send_replace(true);
        // A client that is slow to leave does not keep the site up: the listener is closed by now.
        let _ = timeout(GRACE, server).await;
    }
}

async fn answer(
    State(site): State<Arc<Site>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
) -> Response {
    let host = named(request.headers());
    *lock(&site.hosts).entry(host).or_default() += 1;
    let mut state = site.state.subscribe();
    if *state.borrow() == SiteState::Hang {
        let _ = timeout(Duration::from_hours(1), state.wait_for(|state| *state != SiteState::Hang)).await;
        connection.reset();
    }
    match site.state() {
        SiteState::Up => match application::asked(site.seed.files.as_deref(), &request) {
            Some((folder, asked)) => application::answer(folder, asked, request.into_body()).await,
            None => page(&site, &request),
        },
        SiteState::Error => {
            (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "error": "told to fail" }))).into_response()
        }
        SiteState::Down | SiteState::Hang => {
            connection.reset();
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// The name a request is for, without the port and in lower case.
fn named(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase()
}

fn page(site: &Site, request: &Request) -> Response {
    let mut says = site.says();
    if request.uri().path() == "/health" {
        says["status"] = "ok".into();
    }
    let accepts =
        request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepts.contains("text/plain") {
        let SiteSeed { side, environment, .. } = &site.seed;
        return format!("{side} {environment} {}\n", site.address.ip()).into_response();
    }
    Json(says).into_response()
}
