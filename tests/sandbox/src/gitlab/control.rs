//! The controls of a server over HTTP. They do what the methods of [`GitLab`] do, for programs that are not written in Rust.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Json;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::hand::{Edit, Press, Script};
use super::server::GitLab;
use crate::fault::FaultRule;
use crate::log::RequestEntry;

pub(super) fn router() -> Router<GitLab> {
    Router::new()
        .route("/sandbox/requests", get(requests).delete(clear_requests))
        .route("/sandbox/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/sandbox/latency", post(set_latency))
        .route("/sandbox/script", post(script))
        .route("/sandbox/variable", post(edit_variable))
        .route("/sandbox/play", post(play))
        .route("/sandbox/cancel", post(cancel))
        .route("/sandbox/state", get(state))
        .route("/sandbox/reset", post(reset))
}

type Shared = State<GitLab>;
type Refusal = (StatusCode, Json<Value>);

fn unknown(what: &str) -> Refusal {
    (StatusCode::NOT_FOUND, Json(json!({ "error": format!("there is no such {what}, or not now") })))
}

async fn requests(State(server): Shared) -> Json<Vec<RequestEntry>> {
    Json(server.requests())
}

async fn clear_requests(State(server): Shared) -> StatusCode {
    server.clear_requests();
    StatusCode::NO_CONTENT
}

async fn faults(State(server): Shared) -> Json<Vec<FaultRule>> {
    Json(server.faults())
}

async fn add_fault(State(server): Shared, Json(rule): Json<FaultRule>) -> StatusCode {
    server.add_fault(rule);
    StatusCode::NO_CONTENT
}

async fn clear_faults(State(server): Shared) -> StatusCode {
    server.clear_faults();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Latency {
    ms: u64,
}

async fn set_latency(State(server): Shared, Json(latency): Json<Latency>) -> StatusCode {
    server.set_latency(Duration::from_millis(latency.ms));
    StatusCode::NO_CONTENT
}

async fn script(State(server): Shared, Json(script): Json<Script>) -> StatusCode {
    server.script(&script);
    StatusCode::NO_CONTENT
}

async fn edit_variable(State(server): Shared, Json(edit): Json<Edit>) -> Result<StatusCode, Refusal> {
    server.edit_variable(&edit).then_some(StatusCode::NO_CONTENT).ok_or_else(|| unknown("variable"))
}

async fn play(State(server): Shared, Json(press): Json<Press>) -> Result<Json<Value>, Refusal> {
    server.play(&press).map(|job| Json(json!({ "job": job }))).ok_or_else(|| unknown("job"))
}

async fn cancel(State(server): Shared, Json(press): Json<Press>) -> Result<Json<Value>, Refusal> {
    server.cancel(&press).map(|job| Json(json!({ "job": job }))).ok_or_else(|| unknown("job"))
}

async fn state(State(server): Shared) -> Json<Vec<Value>> {
    Json(server.projects())
}

async fn reset(State(server): Shared) -> StatusCode {
    server.reset();
    StatusCode::NO_CONTENT
}
