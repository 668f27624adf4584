//! Pages as vendors serve them, and as they serve them on a bad day.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::{Json, Router, routing::get};
use serde_json::{Value, json};

use super::*;

/// A summary in the shape of a page's own example, with these values.
fn summary(indicator: &str, components: &[(&str, &str)]) -> Value {
    let components = components.iter().map(|(name, status)| {
        json!({ "id": "b13yz5g2cw10", "name": name, "status": status, "page_id": "p", "position": 1, "group": false })
    });
    json!({
        "page": { "id": "p", "name": "Vendor", "url": "http://status.vendor.test", "updated_at": "2026-11-21T12:00:00Z" },
        "status": { "description": "Partial System Outage", "indicator": indicator },
        "components": components.collect::<Vec<_>>(),
        "incidents": [{ "id": "i", "name": "API errors", "status": "investigating", "impact": "critical" }],
        "scheduled_maintenances": [
            { "id": "m", "name": "Network work", "status": "in_progress", "impact": "minor" },
            { "id": "n", "name": "Next week's work", "status": "scheduled", "impact": "minor" },
        ],
    })
}

async fn serve(answer: impl IntoResponse + Clone + Send + Sync + 'static, slow: Duration) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let page = get(move || {
        let answer = answer.clone();
        async move {
            tokio::time::sleep(slow).await;
            answer
        }
    });
    let app = Router::new().route("/page/api/v2/summary.json", page);
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}/page/")
}

async fn look(
    answer: impl IntoResponse + Clone + Send + Sync + 'static,
    edit: impl Fn(&mut StatusPageOptions),
) -> String {
    look_slow(answer, Duration::ZERO, edit).await
}

async fn look_slow(
    answer: impl IntoResponse + Clone + Send + Sync + 'static,
    slow: Duration,
    edit: impl Fn(&mut StatusPageOptions),
) -> String {
    let url = serve(answer, slow).await;
    let mut options = StatusPageOptions { url, components: Vec::new(), worst: None, timeout: None };
    edit(&mut options);
    match Statuspage::new(options).unwrap().look().await {
        Ok(()) => "good enough".to_owned(),
        Err(CheckFailure::NoAnswer { why, .. }) => format!("silent: {why}"),
        Err(CheckFailure::Wrong { found, expected, .. }) => format!("{found} (expected {expected})"),
    }
}

#[tokio::test]
async fn minor_trouble_is_good_enough_and_worse_is_not() {
    for indicator in ["none", "minor", "maintenance"] {
        assert_eq!(look(Json(summary(indicator, &[])), |_| {}).await, "good enough", "{indicator}");
    }
    for (indicator, words) in [("major", "major trouble"), ("critical", "critical trouble")] {
        assert_eq!(
            look(Json(summary(indicator, &[])), |_| {}).await,
            format!(
                "{words}: Partial System Outage; incident \"API errors\" (investigating); \
                 maintenance \"Network work\" (in progress) (expected minor trouble at most)"
            )
        );
    }
}

#[tokio::test]
async fn the_file_says_what_is_good_enough() {
    let strict = look(Json(summary("minor", &[])), |options| options.worst = Some(Trouble::None)).await;
    assert!(strict.starts_with("minor trouble"), "{strict}");
    let lax = look(Json(summary("critical", &[])), |options| options.worst = Some(Trouble::Critical)).await;
    assert_eq!(lax, "good enough");
}

#[tokio::test]
async fn only_the_components_that_are_named_count() {
    let components = [("DNS", "operational"), ("API", "partial_outage"), ("DNS", "degraded_performance")];
    let of = |names: &'static [&'static str]| async move {
        let page = Json(summary("critical", &components));
        look(page, |options| options.components = names.iter().map(|name| (*name).to_owned()).collect()).await
    };
    assert_eq!(of(&["DNS"]).await, "good enough");
    assert!(of(&["DNS", "API"]).await.starts_with("major trouble: API: partial outage"));
    assert_eq!(of(&["DSN"]).await, "silent: it has no component `DSN`");
}

#[tokio::test]
async fn a_page_that_cannot_be_understood_says_nothing() {
    for (answer, words) in [
        ((StatusCode::OK, "<html>"), "its answer is no summary of a status page"),
        (
            (StatusCode::OK, r#"{"status":{"indicator":"green"}}"#),
            "its indicator is `green`, which means nothing",
        ),
        ((StatusCode::BAD_GATEWAY, ""), "it answered 502 Bad Gateway"),
    ] {
        assert_eq!(look(answer, |_| {}).await, format!("silent: {words}"));
    }
}

#[tokio::test]
async fn a_page_that_is_slow_or_gone_says_nothing_in_time() {
    let slow = look_slow("", Duration::from_secs(60), |options| {
        options.timeout = Some(Period(Duration::from_millis(100)));
    });
    assert_eq!(slow.await, "silent: no answer within 100 ms");
    let gone = StatusPageOptions {
        url: "http://127.0.0.1:1".into(),
        components: vec![],
        worst: None,
        timeout: None,
    };
    let answer = Statuspage::new(gone).unwrap().look().await;
    assert!(matches!(answer, Err(CheckFailure::NoAnswer { why, .. }) if why == "the connection was refused"));
}

#[test]
fn what_is_no_address_is_refused() {
    for url in ["www.cloudflarestatus.com", "ftp://status.test", ""] {
        let options = StatusPageOptions { url: url.into(), components: vec![], worst: None, timeout: None };
        assert_eq!(Statuspage::new(options).unwrap_err(), StatusPageError::Url(url.into()));
    }
}
