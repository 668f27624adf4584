use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::*;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

struct Site {
    at: SocketAddr,
    connections: Arc<AtomicUsize>,
}

/// A site that sends `answer` to each request on a connection and, if it is to hang, never closes.
async fn site(answer: Vec<u8>, hang: bool, tls: bool) -> Site {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
            let answer = answer.clone();
            tokio::spawn(async move {
                if !tls {
                    serve(stream, &answer, hang).await;
                } else if let Ok(stream) = acceptor().accept(stream).await {
                    serve(stream, &answer, hang).await;
                }
            });
        }
    });
    Site { at, connections }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &[u8], hang: bool) {
    let mut request = Vec::new();
    while stream.read_buf(&mut request).await.unwrap_or(0) > 0 {
        if request.ends_with(b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&request).into_owned();
            request.clear();
            // `{request}` in the answer becomes the request, so that tests see what was sent.
            let filled = String::from_utf8_lossy(answer).replace("{request}", &text);
            let _ = stream.write_all(filled.as_bytes()).await;
            if !hang {
                let _ = stream.shutdown().await;
                return;
            }
        }
    }
}

fn acceptor() -> TlsAcceptor {
    let chain = vec![CertificateDer::from_pem_file(format!("{FIXTURES}/site.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(format!("{FIXTURES}/site.key")).unwrap();
    Arc::new(ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap()).into()
}

fn plain_options() -> HttpCheckOptions {
    HttpCheckOptions {
        scheme: Scheme::Http,
        timeout: Period(Duration::from_secs(2)),
        ..HttpCheckOptions::default()
    }
}

async fn run(at: SocketAddr, options: HttpCheckOptions) -> Result<(), CheckFailure> {
    run_as("gigadb.org", at, options).await
}

async fn run_as(name: &str, at: SocketAddr, options: HttpCheckOptions) -> Result<(), CheckFailure> {
    let check = HttpCheck::new(HttpCheckOptions { port: Some(at.port()), ..options }).unwrap();
    check.run(&Subject { name: DnsName::new(name).unwrap(), address: at.ip() }).await
}

fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nx-side: sydney\r\n\r\n{body}", body.len()).into_bytes()
}

fn until_closed(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n\r\n{body}").into_bytes()
}

#[tokio::test]
async fn a_site_is_asked_at_the_address_under_its_name() {
    let site = site(until_closed("{request}"), false, false).await;
    for expected in [
        "GET /about?x=1 HTTP/1.1",
        &format!("host: gigadb.org:{}", site.at.port()),
        concat!("user-agent: switchover/", env!("CARGO_PKG_VERSION")),
    ] {
        let options = HttpCheckOptions {
            path: "/about?x=1".into(),
            contains: Some(expected.into()),
            ..plain_options()
        };
        run(site.at, options).await.unwrap();
    }
}

#[tokio::test]
async fn every_check_opens_a_connection_of_its_own() {
    let site = site(ok("hello"), true, false).await;
    let check = HttpCheck::new(HttpCheckOptions { port: Some(site.at.port()), ..plain_options() }).unwrap();
    let subject = Subject { name: DnsName::new("gigadb.org").unwrap(), address: site.at.ip() };
    for _ in 0..5 {
        check.run(&subject).await.unwrap();
    }
    assert_eq!(site.connections.load(Ordering::Relaxed), 5);
}

#[tokio::test]
async fn one_name_at_two_addresses_is_asked_at_each() {
    let here = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = here.local_addr().unwrap().port();
    let there = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
    for (listener, body) in [(here, "hongkong"), (there, "sydney")] {
        tokio::spawn(async move {
            loop {
                serve(listener.accept().await.unwrap().0, &ok(body), false).await;
            }
        });
    }
    let check = |side: &str| {
        let options = HttpCheckOptions { port: Some(port), contains: Some(side.into()), ..plain_options() };
        HttpCheck::new(options).unwrap()
    };
    let subject =
        |ip: &str| Subject { name: DnsName::new("gigadb.org").unwrap(), address: ip.parse().unwrap() };
    let hongkong = check("hongkong");
    hongkong.run(&subject("127.0.0.1")).await.unwrap();
    hongkong.run(&subject("127.0.0.2")).await.unwrap_err();
    check("sydney").run(&subject("127.0.0.2")).await.unwrap();
}

#[tokio::test]
async fn a_redirection_passes_and_is_not_followed() {
    let away = b"HTTP/1.1 302 Found\r\nlocation: http://192.0.2.1/\r\ncontent-length: 0\r\n\r\n".to_vec();
    let site = site(away, false, false).await;
    run(site.at, plain_options()).await.unwrap();
    let strict = HttpCheckOptions { status: "2xx".parse().unwrap(), ..plain_options() };
    let error = run(site.at, strict).await.unwrap_err().to_string();
    assert!(error.ends_with("answered 302 Found, expected 200-299"), "{error}");
}

#[tokio::test]
async fn a_complaint_is_a_wrong_answer() {
    let site = site(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n".to_vec(), false, false).await;
    let error = run(site.at, plain_options()).await.unwrap_err();
    assert!(matches!(&error, CheckFailure::Wrong { found, .. } if found.starts_with("503")), "{error}");
}

#[tokio::test]
async fn headers_must_be_there_with_their_value() {
    let site = site(ok(""), false, false).await;
    let with = |name: &str, value: &str| HttpCheckOptions {
        headers: [(name.to_owned(), value.to_owned())].into(),
        ..plain_options()
    };
    run(site.at, with("X-Side", "sydney")).await.unwrap();
    let error = run(site.at, with("x-side", "hongkong")).await.unwrap_err().to_string();
    assert!(error.ends_with("answered x-side: `sydney`, expected x-side: `hongkong`"), "{error}");
    let error = run(site.at, with("x-release", "v4")).await.unwrap_err().to_string();
    assert!(error.contains("no header x-release"), "{error}");
}

#[tokio::test]
async fn a_hanging_site_costs_one_timeout() {
    for answer in [vec![], b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec()] {
        let site = site(answer, true, false).await;
        let options = HttpCheckOptions { timeout: Period(Duration::from_millis(300)), ..plain_options() };
        let began = std::time::Instant::now();
        let error = run(site.at, options).await.unwrap_err().to_string();
        assert!(error.ends_with("no answer within 300 ms"), "{error}");
        assert!(began.elapsed() < Duration::from_millis(1500));
    }
}

#[tokio::test]
async fn a_body_that_is_cut_off_fails() {
    let site = site(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\nhalf".to_vec(), false, false).await;
    let error = run(site.at, plain_options()).await.unwrap_err();
    assert!(matches!(error, CheckFailure::NoAnswer { .. }), "{error}");
}

#[tokio::test]
async fn garbage_and_hanging_up_are_no_answer() {
    for answer in [&b"SSH-2.0-OpenSSH\r\n\r\n"[..], b""] {
        let site = site(answer.to_vec(), false, false).await;
        let error = run(site.at, plain_options()).await.unwrap_err();
        assert!(matches!(error, CheckFailure::NoAnswer { .. }), "{error}");
    }
}

#[tokio::test]
async fn an_endless_body_is_read_to_its_limit_only() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let sender = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_buf(&mut Vec::new()).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let mut sent = 0;
        loop {
            match stream.write(&[b'x'; 8192]).await {
                Ok(length) => sent += length,
                Err(error) => {
                    assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset));
                    return sent;
                }
            }
        }
    });
    run(at, plain_options()).await.unwrap();
    assert!(sender.await.unwrap() < 64 * 1024 * 1024);
}

#[tokio::test]
async fn a_closed_port_is_refused_in_plain_words() {
    let at = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = run(at, plain_options()).await.unwrap_err().to_string();
    let port = at.port();
    assert_eq!(
        error,
        format!("no answer from http://gigadb.org:{port}/ at 127.0.0.1: the connection was refused")
    );
}

#[tokio::test]
async fn a_certificate_is_trusted_only_with_its_authority_and_for_its_name() {
    let site = site(ok("hello"), false, true).await;
    let untrusting = HttpCheckOptions::default();
    let trusting =
        HttpCheckOptions { ca_file: Some(format!("{FIXTURES}/ca.pem").into()), ..untrusting.clone() };
    run(site.at, trusting.clone()).await.unwrap();
    let error = run(site.at, untrusting).await.unwrap_err().to_string();
    assert!(error.contains("certificate") && error.contains("UnknownIssuer"), "{error}");
    let error = run_as("files.gigadb.org", site.at, trusting).await.unwrap_err().to_string();
    assert!(error.contains("certificate") && error.contains("not valid for"), "{error}");
}

#[tokio::test]
async fn a_name_that_reads_as_an_address_is_not_connected_to() {
    let site = site(ok(""), false, false).await;
    let error = run_as("127.0.0.1", site.at, plain_options()).await.unwrap_err().to_string();
    assert!(error.ends_with("the name cannot be a web server's"), "{error}");
}

#[test]
fn options_that_make_no_check_are_refused() {
    let refused = |change: fn(&mut HttpCheckOptions)| {
        let mut options = HttpCheckOptions::default();
        change(&mut options);
        HttpCheck::new(options).unwrap_err().to_string()
    };
    assert!(refused(|o| o.path = "about".into()).contains("slash"));
    assert!(refused(|o| o.path = "/a b".into()).contains("white space"));
    assert!(refused(|o| o.user_agent = "a\nb".into()).contains("user_agent"));
    assert!(refused(|o| o.headers = [("a b".into(), "x".into())].into()).contains("header"));
    assert!(refused(|o| o.ca_file = Some("/nowhere/ca.pem".into())).contains("/nowhere/ca.pem"));
    assert!(
        refused(|o| {
            o.method = Method::Head;
            o.contains = Some("x".into());
        })
        .contains("HEAD")
    );
}

#[test]
fn a_ca_file_without_a_certificate_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let options = HttpCheckOptions { ca_file: Some(file.path().into()), ..HttpCheckOptions::default() };
    assert!(HttpCheck::new(options).unwrap_err().to_string().ends_with("it holds no PEM certificate"));
}

#[test]
fn options_are_read_by_their_names_in_the_file() {
    let text = r#"{"scheme": "http", "method": "HEAD", "status": [200, "3xx"], "timeout": "1s"}"#;
    let options: HttpCheckOptions = serde_json::from_str(text).unwrap();
    assert_eq!((options.scheme, options.method), (Scheme::Http, Method::Head));
    assert!(options.status.holds(301) && !options.status.holds(201));
    assert!(serde_json::from_str::<HttpCheckOptions>(r#"{"url": "x"}"#).is_err());
}
