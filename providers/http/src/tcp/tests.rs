use switchover::model::DnsName;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::*;

async fn run(parts: &'static [&'static str], hang: bool, expect: Option<&str>) -> Result<(), CheckFailure> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        for part in parts {
            let _ = stream.write_all(part.as_bytes()).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if hang {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
    });
    check(at, expect).await
}

async fn check(at: SocketAddr, expect: Option<&str>) -> Result<(), CheckFailure> {
    let options = TcpCheckOptions {
        port: at.port(),
        timeout: Period(Duration::from_millis(400)),
        expect_banner: expect.map(Into::into),
    };
    let subject = Subject { name: DnsName::new("gigadb.org").unwrap(), address: at.ip() };
    TcpCheck::new(options).run(&subject).await
}

#[tokio::test]
async fn a_port_that_accepts_passes() {
    run(&[], true, None).await.unwrap();
}

#[tokio::test]
async fn a_banner_in_pieces_is_recognised() {
    run(&["hello\r\nSSH", "-2.0-OpenSSH\r\n"], true, Some("SSH-2.0")).await.unwrap();
}

#[tokio::test]
async fn another_banner_is_wrong_and_shown_without_its_control_characters() {
    let error = run(&["220 mail\u{1b}[31m\r\n"], false, Some("SSH-2.0")).await.unwrap_err().to_string();
    assert!(error.ends_with(r"(TCP) answered `220 mail\u{1b}[31m`, expected `SSH-2.0`"), "{error}");
}

#[tokio::test]
async fn silence_and_hanging_up_are_no_banner() {
    assert!(matches!(run(&[], true, Some("SSH")).await, Err(CheckFailure::NoAnswer { .. })));
    assert!(matches!(run(&[], false, Some("SSH")).await, Err(CheckFailure::Wrong { .. })));
}

#[tokio::test]
async fn an_endless_banner_is_read_to_its_limit_only() {
    static LONG: [&str; 1] = [include_str!("../http.rs")];
    assert!(LONG[0].len() > MOST_BANNER);
    let error = run(&LONG, true, Some("not in there \u{0}")).await.unwrap_err();
    assert!(matches!(error, CheckFailure::Wrong { .. }), "{error}");
}

#[tokio::test]
async fn a_closed_port_is_refused_in_plain_words() {
    let at = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = check(at, None).await.unwrap_err().to_string();
    assert_eq!(error, format!("no answer from {at} (TCP): the connection was refused"));
}
