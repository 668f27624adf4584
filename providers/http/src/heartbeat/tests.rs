//! Pings to a service on loopback that writes down what it hears, and answers as it is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response as Answer};
use tokio::net::TcpListener;

use super::*;

const TOKEN: &str = "5b7c9d1e-secret-token";

#[derive(Clone, Default)]
struct Service {
    heard: Arc<Mutex<Vec<String>>>,
    /// What to answer, one after another; afterwards `OK`.
    answers: Arc<Mutex<VecDeque<(u16, &'static str)>>>,
    headers: Arc<Mutex<HeaderMap>>,
}

impl Service {
    async fn start(answers: &[(u16, &'static str)]) -> (Self, SocketAddr) {
        let service =
            Self { answers: Arc::new(Mutex::new(answers.iter().copied().collect())), ..Self::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let app = Router::new().fallback(hear).with_state(service.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (service, at)
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

async fn hear(State(service): State<Service>, request: Request) -> Answer {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    service.heard.lock().unwrap().push(format!("{} {} {body}", head.method, head.uri).trim_end().to_owned());
    *service.headers.lock().unwrap() = head.headers;
    let (status, text) = service.answers.lock().unwrap().pop_front().unwrap_or((200, "OK"));
    let location = [("location", "/elsewhere")];
    (axum::http::StatusCode::from_u16(status).unwrap(), location, text).into_response()
}

fn heartbeat(url: String, style: HeartbeatStyle) -> Heartbeat {
    let mut heartbeat = Heartbeat::new(SecretString::from(url), style).unwrap();
    heartbeat.pauses = [Duration::ZERO; 2];
    // Whatever proxy the machine has does not know this loopback.
    heartbeat.client = builder().no_proxy().build().unwrap();
    heartbeat
}

fn healthchecks(at: SocketAddr) -> Heartbeat {
    heartbeat(format!("http://{at}/{TOKEN}"), HeartbeatStyle::Healthchecks)
}

#[tokio::test]
async fn start_success_and_failure_are_told_as_healthchecks_wants_it() {
    let (service, at) = Service::start(&[]).await;
    let heartbeat = healthchecks(at);
    heartbeat.ping(Signal::Start).await.unwrap();
    heartbeat.ping(Signal::Success).await.unwrap();
    heartbeat.ping(Signal::Fail { why: "live/metadata: the disk is full" }).await.unwrap();
    assert_eq!(
        service.heard(),
        [
            format!("POST /{TOKEN}/start"),
            format!("POST /{TOKEN}"),
            format!("POST /{TOKEN}/fail live/metadata: the disk is full"),
        ]
    );
}

#[tokio::test]
async fn a_slash_at_the_end_and_a_query_stay_where_they_belong() {
    let (service, at) = Service::start(&[]).await;
    let url = format!("http://{at}/ping-key/nightly/?create=1");
    let heartbeat = heartbeat(url, HeartbeatStyle::Healthchecks);
    heartbeat.ping(Signal::Start).await.unwrap();
    heartbeat.ping(Signal::Success).await.unwrap();
    assert_eq!(
        service.heard(),
        ["POST /ping-key/nightly/start?create=1", "POST /ping-key/nightly/?create=1"]
    );
}

#[tokio::test]
async fn a_plain_service_is_told_of_success_alone() {
    let (service, at) = Service::start(&[]).await;
    let heartbeat = heartbeat(format!("http://{at}/push/{TOKEN}?status=up"), HeartbeatStyle::Plain);
    heartbeat.ping(Signal::Start).await.unwrap();
    heartbeat.ping(Signal::Fail { why: "no" }).await.unwrap();
    heartbeat.ping(Signal::Success).await.unwrap();
    assert_eq!(service.heard(), [format!("GET /push/{TOKEN}?status=up")]);
}

#[tokio::test]
async fn what_may_pass_is_tried_again_twice() {
    let (service, at) = Service::start(&[(503, ""), (429, "")]).await;
    healthchecks(at).ping(Signal::Success).await.unwrap();
    assert_eq!(service.heard().len(), 3);

    let (service, at) = Service::start(&[(503, ""), (503, ""), (502, ""), (200, "OK")]).await;
    let error = healthchecks(at).ping(Signal::Success).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the ping of a success was not taken: the service answered 502 Bad Gateway"
    );
    assert_eq!(service.heard().len(), 3);
}

#[tokio::test]
async fn what_will_not_pass_is_not_tried_again() {
    for status in [404, 409, 301, 307] {
        let (service, at) = Service::start(&[(status, "")]).await;
        let error = healthchecks(at).ping(Signal::Start).await.unwrap_err();
        assert!(matches!(error, HeartbeatError::Refused { .. }), "{error}");
        // Neither again nor where a redirection leads.
        assert_eq!(service.heard(), [format!("POST /{TOKEN}/start")]);
    }
}

#[tokio::test]
async fn a_service_that_says_ok_and_counts_nothing_is_not_believed() {
    let (_, at) = Service::start(&[(200, "OK (not found)"), (200, "OK (rate limited)")]).await;
    let heartbeat = healthchecks(at);
    let error = heartbeat.ping(Signal::Success).await.unwrap_err();
    assert_eq!(error.to_string(), "the ping of a success was not taken: the service knows no such check");
    let error = heartbeat.ping(Signal::Success).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the ping of a success was not taken: the service counts no more pings for now"
    );
    heartbeat.ping(Signal::Success).await.unwrap();
}

#[tokio::test]
async fn a_service_that_is_gone_or_silent_is_an_error_in_words() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let mut silent = healthchecks(at);
    silent.client = builder().no_proxy().timeout(Duration::from_millis(50)).build().unwrap();
    let error = silent.ping(Signal::Start).await.unwrap_err();
    assert_eq!(error.to_string(), "the ping of a start got no answer: no answer within 5000 ms");

    drop(listener);
    let error = healthchecks(at).ping(Signal::Start).await.unwrap_err();
    assert_eq!(error.to_string(), "the ping of a start got no answer: the connection was refused");
}

#[tokio::test]
async fn a_long_reason_is_cut_between_two_characters() {
    let (service, at) = Service::start(&[]).await;
    healthchecks(at).ping(Signal::Fail { why: &"é→".repeat(5000) }).await.unwrap();
    let heard = service.heard().concat();
    let body = heard.split_once("fail ").unwrap().1;
    assert!(body.len() <= LONGEST && body.len() > LONGEST - 4, "{}", body.len());
}

#[tokio::test]
async fn the_url_is_never_shown() {
    let (service, at) =
        Service::start(&[(500, ""), (500, ""), (500, ""), (404, ""), (200, "OK (not found)")]).await;
    let heartbeat = healthchecks(at);
    let mut shown = vec![format!("{heartbeat:?}")];
    for _ in 0..3 {
        shown.push(format!("{:?}", heartbeat.ping(Signal::Success).await.unwrap_err()));
    }
    let gone = healthchecks("127.0.0.1:1".parse().unwrap());
    shown.push(format!("{:?}", gone.ping(Signal::Success).await.unwrap_err()));
    for url in
        [format!("ftp://x/{TOKEN}"), TOKEN.into(), format!("http://[{TOKEN}/"), format!("mailto:{TOKEN}")]
    {
        let refused = Heartbeat::new(SecretString::from(url), HeartbeatStyle::Plain).unwrap_err();
        shown.push(format!("{refused:?} {refused}"));
    }
    assert!(shown.iter().all(|text| !text.contains(TOKEN)), "{shown:#?}");
    assert!(!service.headers.lock().unwrap().contains_key("referer"));
}

#[test]
fn every_attempt_has_an_end() {
    // Three attempts and the pauses between them: what a sync may be held up by at most.
    let longest = TIMEOUT * 3 + PAUSES[0] + PAUSES[1];
    assert!(longest < Duration::from_secs(20), "{longest:?}");
}
