//! The HTTP and TCP checks keep the contract, asked of the sandbox's sites.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use switchover::config::Period;
use switchover::model::DnsName;
use switchover::port::{Check, CheckFailure, Clock, Subject};
use switchover_http::{HttpCheck, HttpCheckOptions, Scheme, TcpCheck, TcpCheckOptions};
use switchover_runtime::TokioClock;
use switchover_sandbox::SiteState;
use switchover_tests::contract::check::CheckHarness;
use switchover_tests::fake::Health;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::sandbox::Booth;

/// Short, because some sites hang.
const TIMEOUT: Duration = Duration::from_millis(500);

/// A name that no DNS server knows: checks connect to the address.
fn subject(address: IpAddr) -> Subject {
    Subject { name: DnsName::new("www.example.invalid").unwrap(), address }
}

/// A site of the sandbox that is asked over HTTP.
struct Web {
    booth: Booth,
    clock: TokioClock,
}

impl Web {
    fn new() -> Self {
        Self { booth: Booth::new(), clock: TokioClock::new() }
    }

    fn run<F: Future>(&self, contract: F) -> F::Output {
        self.booth.run(contract)
    }

    fn told(&self, state: SiteState) -> Subject {
        let site = self.booth.sandbox.sites().swap_remove(0);
        assert!(self.booth.sandbox.set_site(&site.side, &site.name, state));
        subject(site.address.ip())
    }

    /// How often the site was asked under the subject's name.
    fn asked(&self) -> u64 {
        self.booth.sandbox.sites()[0].hosts.get("www.example.invalid").copied().unwrap_or_default()
    }
}

#[async_trait]
impl CheckHarness for Web {
    fn check(&self) -> Arc<dyn Check> {
        let options = HttpCheckOptions {
            scheme: Scheme::Http,
            port: Some(self.booth.sandbox.sites()[0].address.port()),
            contains: Some("hongkong".to_owned()),
            timeout: Period(TIMEOUT),
            connect_timeout: Period(TIMEOUT),
            ..HttpCheckOptions::default()
        };
        Arc::new(HttpCheck::new(options).unwrap())
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clock.clone())
    }

    fn timeout(&self) -> Duration {
        TIMEOUT
    }

    async fn site(&self, health: Health) -> Subject {
        match health {
            Health::Healthy => self.told(SiteState::Up),
            Health::Wrong(_) => self.told(SiteState::Error),
            // Nothing listens at this address, at whatever port.
            Health::Down => subject(IpAddr::from([127, 0, 1, 9])),
        }
    }

    async fn hanging_site(&self) -> Option<Subject> {
        Some(self.told(SiteState::Hang))
    }
}

switchover_tests::check_contract!(http, Web::new());

#[test]
fn a_site_that_fails_is_asked_once() {
    let web = Web::new();
    let site = web.told(SiteState::Error);
    let answer = web.run(web.check().run(&site));
    assert!(matches!(answer, Err(CheckFailure::Wrong { .. })), "{answer:?}");
    assert_eq!(web.asked(), 1);
}

#[test]
fn a_site_that_goes_down_after_a_healthy_answer_is_seen_at_once() {
    let web = Web::new();
    let site = web.told(SiteState::Up);
    let check = web.check();
    assert_eq!(web.run(check.run(&site)), Ok(()));
    web.told(SiteState::Down);
    // It stops listening as soon as it hears of it.
    let answer = web.run(async {
        for _ in 0..40 {
            check.run(&site).await?;
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        Ok(())
    });
    assert!(matches!(answer, Err(CheckFailure::NoAnswer { .. })), "{answer:?}");
}

/// A server that greets by itself, or says something else, or nothing.
struct Greeter {
    runtime: tokio::runtime::Runtime,
    clock: TokioClock,
    listener: std::sync::Mutex<Option<TcpListener>>,
    port: u16,
}

const ADDRESS: [u8; 4] = [127, 0, 1, 1];

impl Greeter {
    fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind((IpAddr::from(ADDRESS), 0))).unwrap();
        let port = listener.local_addr().unwrap().port();
        Self { runtime, clock: TokioClock::new(), listener: Some(listener).into(), port }
    }

    fn run<F: Future>(&self, contract: F) -> F::Output {
        self.runtime.block_on(contract)
    }

    /// Greets everybody so from now on; with nothing, keeps the connection open and says nothing.
    fn greet(&self, greeting: &'static str) -> Subject {
        let listener = self.listener.lock().unwrap().take().unwrap();
        self.runtime.spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                // Whoever hung up already misses nothing.
                drop(stream.write_all(greeting.as_bytes()).await);
                open.push(stream);
                if !greeting.is_empty() {
                    open.clear();
                }
            }
        });
        subject(IpAddr::from(ADDRESS))
    }
}

#[async_trait]
impl CheckHarness for Greeter {
    fn check(&self) -> Arc<dyn Check> {
        let expect_banner = Some("SSH-2.0".to_owned());
        Arc::new(TcpCheck::new(TcpCheckOptions { port: self.port, timeout: Period(TIMEOUT), expect_banner }))
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clock.clone())
    }

    fn timeout(&self) -> Duration {
        TIMEOUT
    }

    async fn site(&self, health: Health) -> Subject {
        match health {
            Health::Healthy => self.greet("SSH-2.0-OpenSSH_9.9\r\n"),
            Health::Wrong(_) => self.greet("220 mail.example.org ESMTP\r\n"),
            Health::Down => subject(IpAddr::from([127, 0, 1, 9])),
        }
    }

    async fn hanging_site(&self) -> Option<Subject> {
        Some(self.greet(""))
    }
}

switchover_tests::check_contract!(tcp, Greeter::new());
