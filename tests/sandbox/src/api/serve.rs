//! Requests from the wire to the world and back, faults included.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde_json::json;
use tokio::time::sleep;

use super::BASE;
use super::auth::Credentials;
use super::reply::Reply;
use crate::connection::Connection;
use crate::fault::{Course, Fault};
use crate::world::{Call, World};

/// No body of a DNS request comes near this; a batch of 3,500 records is about one megabyte.
const LONGEST_BODY: usize = 16 << 20;

/// How a call ends for the client.
pub(crate) enum End {
    Answered(Reply),
    /// Nothing is ever said.
    Silent,
    /// The connection is reset.
    Reset,
}

/// Serves one request to the API.
pub(crate) async fn serve(
    State(world): State<Arc<World>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
) -> Response {
    let Some(call) = read(request).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let (number, course) = world.arrive(&call);
    // A task of its own: a client that hangs up does not stop the work.
    let work = tokio::spawn(run(world.clone(), call, number, course));
    match work.await {
        Ok(End::Answered(reply)) => respond(reply),
        Ok(End::Silent) => {
            world.stopped().await;
            connection.reset();
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        Ok(End::Reset) | Err(_) => {
            connection.reset();
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

async fn read(request: Request) -> Option<Call> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LONGEST_BODY).await.ok()?;
    let text = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    Some(Call {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().strip_prefix(BASE).filter(|path| path.starts_with('/')).map(str::to_owned),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        credentials: Credentials {
            authorization: text(header::AUTHORIZATION).map(SecretString::from),
            has_key: parts.headers.contains_key("x-auth-key"),
        },
        body: body.to_vec(),
    })
}

async fn run(world: Arc<World>, call: Call, number: usize, course: Course) -> End {
    for token in &course.expire {
        world.expire(token);
    }
    sleep(course.before).await;
    let end = carry_out(&|| world.work(number, &call), course.fault, VOICE).await;
    sleep(course.after).await;
    world.ended(number, if let End::Answered(reply) = &end { Some(reply.status) } else { None });
    end
}

/// How an API sounds when it fails: its error body, and its answer to too many requests.
#[derive(Clone, Copy)]
pub(crate) struct Voice {
    pub(crate) failure: fn(u16, u32, &str) -> Reply,
    pub(crate) limited: fn(Option<u64>) -> Reply,
}

const VOICE: Voice = Voice { failure, limited };

/// Does the work of a call, or what a fault makes of it.
pub(crate) async fn carry_out(work: &(dyn Fn() -> Reply + Sync), fault: Option<Fault>, voice: Voice) -> End {
    let work_if = |applied: bool| {
        if applied {
            work();
        }
    };
    let Some(fault) = fault else { return End::Answered(work()) };
    match fault {
        Fault::ApplyThenHang => {
            work();
            End::Silent
        }
        Fault::ApplyLate { ms } => {
            sleep(Duration::from_millis(ms)).await;
            work();
            End::Silent
        }
        Fault::Hang => End::Silent,
        Fault::DropBefore => End::Reset,
        Fault::DropAfter => {
            work();
            End::Reset
        }
        Fault::Status { status, applied } => {
            work_if(applied);
            End::Answered((voice.failure)(status, u32::from(status), "The service is not available"))
        }
        Fault::RateLimited { retry_after } => End::Answered((voice.limited)(retry_after)),
        Fault::ErrorBody { code, message, applied } => {
            work_if(applied);
            End::Answered((voice.failure)(200, code, &message))
        }
        Fault::Html { status, applied } => {
            work_if(applied);
            End::Answered(html(status))
        }
        Fault::TruncatedJson => {
            let mut reply = work();
            reply.body.truncate(reply.body.len() / 2);
            End::Answered(reply)
        }
        Fault::HugeJson { bytes } => End::Answered(padded(work(), bytes)),
        Fault::LatencyBefore { .. } | Fault::LatencyAfter { .. } | Fault::ExpireToken { .. } => {
            End::Answered(work())
        }
    }
}

fn failure(status: u16, code: u32, message: &str) -> Reply {
    let errors = json!([{ "code": code, "message": message }]);
    Reply::json(status, &json!({ "result": null, "success": false, "errors": errors, "messages": [] }))
}

fn limited(retry_after: Option<u64>) -> Reply {
    let reply = failure(429, 10100, "Please wait and consider throttling your request speed");
    match retry_after {
        Some(seconds) => reply.with("retry-after", seconds.to_string()),
        None => reply,
    }
}

fn html(status: u16) -> Reply {
    let body = format!(
        "<!DOCTYPE html>\n<html><head><title>{status}</title></head><body>Error {status}</body></html>\n"
    );
    Reply { status, headers: Vec::new(), content_type: "text/html; charset=UTF-8", body: body.into_bytes() }
}

/// JSON may end in any amount of white space, so the answer stays valid.
fn padded(mut reply: Reply, bytes: usize) -> Reply {
    let size = reply.body.len().max(bytes);
    reply.body.resize(size, b' ');
    reply
}

/// Puts an answer on the wire.
pub(crate) fn respond(reply: Reply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    response
}
