//! The sites.

use std::time::Duration;

use serde_json::{Value, json};
use switchover_sandbox::{Sandbox, SiteState};
use tokio::time::sleep;

use super::support::{http, start};

async fn fetch(sandbox: &Sandbox, side: &str) -> reqwest::Result<(u16, Value)> {
    let address = sandbox.sites().iter().find(|site| site.side == side).unwrap().address;
    let client = http(Duration::from_millis(400));
    let answer =
        client.get(format!("http://{address}/health")).header("host", "WWW.pro.test:80").send().await?;
    Ok((answer.status().as_u16(), answer.json().await?))
}

#[tokio::test]
async fn sites_say_who_they_are_and_count_who_is_asked_for() {
    let sandbox = start().await;
    let (status, says) = fetch(&sandbox, "west").await.unwrap();
    let expected = json!({ "side": "west", "environment": "live", "address": "127.0.2.1", "name": "web", "status": "ok" });
    assert_eq!((status, says), (200, expected));
    let sites = sandbox.sites();
    assert_eq!(sites[1].hosts.get("www.pro.test"), Some(&1));
    assert!(sites[0].hosts.is_empty());
    assert_eq!(sites[0].address.port(), sites[1].address.port());
    let client = http(Duration::from_secs(1));
    let request = client.get(format!("http://{}/", sites[0].address)).header("accept", "text/plain");
    assert_eq!(request.send().await.unwrap().text().await.unwrap(), "east live 127.0.1.1\n");
}

#[tokio::test]
async fn sites_can_be_down_hang_fail_and_come_back() {
    let sandbox = start().await;
    let tell = |state| assert!(sandbox.set_site("east", "web", state));
    tell(SiteState::Down);
    sleep(Duration::from_millis(100)).await;
    assert!(fetch(&sandbox, "east").await.unwrap_err().is_connect());
    assert_eq!(fetch(&sandbox, "west").await.unwrap().0, 200);
    tell(SiteState::Hang);
    sleep(Duration::from_millis(100)).await;
    assert!(fetch(&sandbox, "east").await.unwrap_err().is_timeout());
    tell(SiteState::Error);
    assert_eq!(fetch(&sandbox, "east").await.unwrap().0, 500);
    tell(SiteState::Up);
    assert_eq!(fetch(&sandbox, "east").await.unwrap().0, 200);
}
