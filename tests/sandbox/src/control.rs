//! The sandbox's own controls over HTTP, below `/sandbox/` on the API's port. They do what the methods of
//! [`Sandbox`](crate::Sandbox) do, for programs that are not written in Rust.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::dns::Answering;
use crate::fault::FaultRule;
use crate::log::RequestEntry;
use crate::seed::LimitSeed;
use crate::site::SiteState;
use crate::world::{World, lock};
use crate::zone::{Kind, Record};

/// The routes. Each answers JSON; a name that the seed does not have is a 404.
pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/sandbox", get(overview))
        .route("/sandbox/requests", get(requests).delete(clear_requests))
        .route("/sandbox/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/sandbox/latency", post(set_latency))
        .route("/sandbox/limit", post(set_limit))
        .route("/sandbox/records", get(records).post(edit_record))
        .route("/sandbox/dns", get(dns).post(set_dns))
        .route("/sandbox/resolvers", get(resolvers).post(set_resolver))
        .route("/sandbox/sites", get(sites).post(set_site))
        .route("/sandbox/reset", post(reset))
}

type Shared = State<Arc<World>>;

/// Something that the seed does not have.
struct Unknown(&'static str);

impl IntoResponse for Unknown {
    fn into_response(self) -> Response {
        let said = format!("the seed has no such {}", self.0);
        (StatusCode::NOT_FOUND, Json(json!({ "error": said }))).into_response()
    }
}

async fn overview(State(world): Shared) -> Json<Value> {
    let zones: Vec<Value> =
        lock(&world.state).zones.iter().map(|zone| json!({ "name": zone.name, "id": zone.id })).collect();
    Json(
        json!({ "zones": zones, "dns": dns_json(&world), "resolvers": resolvers_json(&world), "sites": sites_json(&world) }),
    )
}

async fn requests(State(world): Shared) -> Json<Vec<RequestEntry>> {
    Json(lock(&world.state).log.entries().to_vec())
}

async fn clear_requests(State(world): Shared) -> StatusCode {
    lock(&world.state).log.clear();
    StatusCode::NO_CONTENT
}

async fn faults(State(world): Shared) -> Json<Vec<FaultRule>> {
    Json(lock(&world.state).faults.rules())
}

async fn add_fault(State(world): Shared, Json(rule): Json<FaultRule>) -> StatusCode {
    lock(&world.state).faults.add(rule);
    StatusCode::NO_CONTENT
}

async fn clear_faults(State(world): Shared) -> StatusCode {
    lock(&world.state).faults = crate::fault::Faults::default();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Latency {
    ms: u64,
}

async fn set_latency(State(world): Shared, Json(latency): Json<Latency>) -> StatusCode {
    lock(&world.state).latency = Duration::from_millis(latency.ms);
    StatusCode::NO_CONTENT
}

async fn set_limit(State(world): Shared, Json(limit): Json<LimitSeed>) -> StatusCode {
    lock(&world.state).limiter.set(limit.policy());
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct ZoneName {
    zone: Option<String>,
}

/// The records of one zone, or of all by zone.
async fn records(State(world): Shared, Query(asked): Query<ZoneName>) -> Result<Json<Value>, Unknown> {
    let shown = |records: Vec<Record>| records.iter().map(Record::to_json).collect::<Vec<Value>>();
    if let Some(zone) = asked.zone {
        return world.records(&zone).map(|records| Json(Value::from(shown(records)))).ok_or(Unknown("zone"));
    }
    let names: Vec<String> = lock(&world.state).zones.iter().map(|zone| zone.name.clone()).collect();
    let all = names.into_iter().filter_map(|name| {
        let records = world.records(&name)?;
        Some((name, Value::from(shown(records))))
    });
    Ok(Json(Value::Object(all.collect())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    name: String,
    #[serde(rename = "type")]
    kind: Kind,
    content: String,
}

/// Changes the content of a record as somebody else would, past the API and its log.
async fn edit_record(State(world): Shared, Json(edit): Json<Edit>) -> Result<StatusCode, Unknown> {
    let done = world.edit(&edit.name, edit.kind, &edit.content);
    done.then_some(StatusCode::NO_CONTENT).ok_or(Unknown("record"))
}

async fn dns(State(world): Shared) -> Json<Value> {
    Json(dns_json(&world))
}

fn dns_json(world: &World) -> Value {
    let shown = world.servers.iter().map(|server| {
        let mut shown = json!(server.settings());
        shown["name"] = server.name.clone().into();
        shown["address"] = server.address.to_string().into();
        shown
    });
    shown.collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetDns {
    server: Option<String>,
    answering: Option<Answering>,
    delay_ms: Option<u64>,
    jitter_ms: Option<u64>,
}

/// Sets what is named, of one server or of all.
async fn set_dns(State(world): Shared, Json(set): Json<SetDns>) -> Result<StatusCode, Unknown> {
    let named = |name: &str| set.server.as_deref().is_none_or(|asked| asked == name);
    let mut found = false;
    for server in world.servers.iter().filter(|server| named(&server.name)) {
        let mut settings = server.settings();
        settings.answering = set.answering.unwrap_or(settings.answering);
        settings.delay_ms = set.delay_ms.unwrap_or(settings.delay_ms);
        settings.jitter_ms = set.jitter_ms.unwrap_or(settings.jitter_ms);
        server.set(settings);
        found = true;
    }
    found.then_some(StatusCode::NO_CONTENT).ok_or(Unknown("name server"))
}

async fn resolvers(State(world): Shared) -> Json<Value> {
    Json(resolvers_json(&world))
}

fn resolvers_json(world: &World) -> Value {
    let shown = world.resolvers.iter().map(|resolver| {
        json!({ "name": resolver.name, "address": resolver.address, "answering": resolver.answering() })
    });
    shown.collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetResolver {
    resolver: Option<String>,
    answering: Option<Answering>,
    #[serde(default)]
    flush: bool,
}

async fn set_resolver(State(world): Shared, Json(set): Json<SetResolver>) -> Result<StatusCode, Unknown> {
    let named = |name: &str| set.resolver.as_deref().is_none_or(|asked| asked == name);
    let mut found = false;
    for resolver in world.resolvers.iter().filter(|resolver| named(&resolver.name)) {
        if let Some(answering) = set.answering {
            resolver.set(answering);
        }
        if set.flush {
            resolver.flush();
        }
        found = true;
    }
    found.then_some(StatusCode::NO_CONTENT).ok_or(Unknown("resolver"))
}

async fn sites(State(world): Shared) -> Json<Value> {
    Json(sites_json(&world))
}

fn sites_json(world: &World) -> Value {
    let shown = world.sites.iter().map(|site| {
        json!({
            "side": site.seed.side,
            "environment": site.seed.environment,
            "name": site.seed.name,
            "address": site.address,
            "state": site.state(),
            "hosts": site.hosts(),
        })
    });
    shown.collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetSite {
    side: Option<String>,
    environment: Option<String>,
    name: Option<String>,
    state: SiteState,
}

/// Sets every site that fits what is named.
async fn set_site(State(world): Shared, Json(set): Json<SetSite>) -> Result<StatusCode, Unknown> {
    let fits = |asked: &Option<String>, own: &str| asked.as_deref().is_none_or(|asked| asked == own);
    let mut found = false;
    for site in &world.sites {
        let seed = &site.seed;
        if fits(&set.side, &seed.side)
            && fits(&set.environment, &seed.environment)
            && fits(&set.name, &seed.name)
        {
            site.set(set.state);
            found = true;
        }
    }
    found.then_some(StatusCode::NO_CONTENT).ok_or(Unknown("site"))
}

async fn reset(State(world): Shared) -> StatusCode {
    world.reset();
    StatusCode::NO_CONTENT
}
