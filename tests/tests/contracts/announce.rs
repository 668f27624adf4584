//! Announcers keep the contract: the fake, and those of `switchover-announce` against the sandbox's receivers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use switchover::config::{Period, SecretRef};
use switchover::model::Moment;
use switchover::port::{Announcer, Clock};
use switchover_announce::{
    Encryption, Key, Slack, SlackOptions, Smtp, SmtpOptions, Texts, Webhook, WebhookOptions,
};
use switchover_runtime::TokioClock;
use switchover_sandbox::receiver::{Encrypted, MailSink, Mood, Receiver};
use switchover_tests::contract::announcer::{AnnouncerHarness, Service, Taken, announcement};
use switchover_tests::fake::{AnnounceFault, FakeAnnouncer, VirtualClock};
use tokio::runtime::{Builder, Runtime};

/// Short, because some services hang.
const TIMEOUT: Period = Period(Duration::from_millis(500));
const PATH: &str = "/services/T000/B000/s3cretpath";
const KEY: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
/// `\0ada\0s3cretword` in base64.
const CREDENTIAL: &str = "AGFkYQBzM2NyZXR3b3Jk";
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../providers/announce/tests/fixtures");

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn mood(service: Service) -> Mood {
    match service {
        Service::Takes | Service::Gone => Mood::Takes,
        Service::Fails => Mood::Fails,
        Service::Throttles => Mood::Throttles(7),
        Service::Refuses => Mood::Refuses,
        Service::Hangs => Mood::Hangs,
    }
}

fn nowhere() -> SecretRef {
    SecretRef::Env("NOWHERE".to_owned())
}

struct Fake(VirtualClock, FakeAnnouncer);

impl Fake {
    fn new() -> Self {
        let clock = VirtualClock::default();
        Self(clock.clone(), FakeAnnouncer::new(&clock))
    }

    fn run<F: Future>(&self, contract: F) -> F::Output {
        self.0.run(contract)
    }
}

#[async_trait]
impl AnnouncerHarness for Fake {
    async fn announcer(&self, service: Service) -> Option<Arc<dyn Announcer>> {
        self.1.heal();
        let fault = match service {
            Service::Takes => return Some(Arc::new(self.1.clone())),
            Service::Fails | Service::Gone => AnnounceFault::Unavailable,
            Service::Throttles => AnnounceFault::Throttled(Duration::from_secs(7)),
            Service::Refuses => AnnounceFault::Refused,
            // What hangs there hangs for the engine to give up.
            Service::Hangs => return None,
        };
        self.1.fail_always(fault.clone());
        self.1.fail_proofs(fault);
        Some(Arc::new(self.1.clone()))
    }

    async fn taken(&self) -> Vec<Taken> {
        let told = self.1.told();
        let taken = told
            .iter()
            .map(|told| Taken { key: Some(told.key.to_string()), text: switchover::report::wording(told) });
        taken.collect()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.0.clone())
    }

    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }
}

switchover_tests::announcer_contract!(fake, Fake::new());

/// A service that takes webhooks.
struct Web {
    runtime: Runtime,
    receiver: Receiver,
    signed: bool,
}

impl Web {
    fn new(signed: bool) -> Self {
        let runtime = runtime();
        let receiver = runtime.block_on(Receiver::start()).unwrap();
        Self { runtime, receiver, signed }
    }

    fn run<F: Future>(&self, contract: F) -> F::Output {
        self.runtime.block_on(contract)
    }

    fn webhook(&self, url: String, previous: Option<&str>) -> Webhook {
        let options = WebhookOptions {
            url,
            secret: nowhere(),
            previous_secret: None,
            timeout: Some(TIMEOUT),
            template: Texts::default(),
        };
        let keys =
            std::iter::once(KEY).chain(previous).map(|key| Key::new(&SecretString::from(key)).unwrap());
        Webhook::new(options, keys.collect(), self.clock()).unwrap()
    }

    fn slack(url: &str, template: Texts) -> Slack {
        let options = SlackOptions { url: nowhere(), timeout: Some(TIMEOUT), template };
        Slack::new(options, &SecretString::from(url)).unwrap()
    }

    fn body(&self) -> serde_json::Value {
        serde_json::from_str(&self.receiver.deliveries().pop().unwrap().body).unwrap()
    }
}

#[async_trait]
impl AnnouncerHarness for Web {
    async fn announcer(&self, service: Service) -> Option<Arc<dyn Announcer>> {
        self.receiver.set(mood(service));
        let base =
            if service == Service::Gone { "http://127.0.0.1:1".to_owned() } else { self.receiver.url() };
        let url = format!("{base}{PATH}");
        if self.signed {
            return Some(Arc::new(self.webhook(url, None)));
        }
        Some(Arc::new(Self::slack(&url, Texts::default())))
    }

    async fn taken(&self) -> Vec<Taken> {
        let taken = self.receiver.deliveries().into_iter().filter(|delivery| delivery.taken);
        let taken = taken.map(|delivery| {
            let body: serde_json::Value = serde_json::from_str(&delivery.body).unwrap();
            let text = if self.signed { &body["data"]["text"] } else { &body["text"] };
            let key = delivery.headers.get("webhook-id").cloned();
            Taken { key, text: text.as_str().unwrap().to_owned() }
        });
        taken.collect()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(TokioClock::new())
    }

    fn secrets(&self) -> Vec<String> {
        vec!["s3cretpath".to_owned(), KEY.trim_start_matches("whsec_").to_owned()]
    }
}

switchover_tests::announcer_contract!(slack, Web::new(false));
switchover_tests::announcer_contract!(webhook, Web::new(true));

/// A service that takes mail.
struct Post {
    runtime: Runtime,
    sink: MailSink,
    encryption: Encryption,
}

impl Post {
    fn new(encryption: Encryption) -> Self {
        let runtime = runtime();
        let read = |name: &str| std::fs::read_to_string(format!("{FIXTURES}/{name}")).unwrap();
        let (chain, key) = (read("mail.pem"), read("mail.key"));
        let (encrypted, credential) = match encryption {
            Encryption::Tls => (Encrypted::AtOnce(chain, key), Some(CREDENTIAL.to_owned())),
            Encryption::StartTls => (Encrypted::ByStartTls(chain, key), Some(CREDENTIAL.to_owned())),
            Encryption::None => (Encrypted::No, None),
        };
        let sink = runtime.block_on(MailSink::start(encrypted, credential)).unwrap();
        Self { runtime, sink, encryption }
    }

    fn run<F: Future>(&self, contract: F) -> F::Output {
        self.runtime.block_on(contract)
    }

    fn options(&self) -> SmtpOptions {
        SmtpOptions {
            host: "localhost".to_owned(),
            port: Some(self.sink.port()),
            encryption: self.encryption,
            from: "Switchover <switchover@example.org>".to_owned(),
            to: vec!["ops@example.org".to_owned(), "Curators <curators@example.org>".to_owned()],
            user: None,
            password: None,
            ca_file: Some(format!("{FIXTURES}/ca.pem").into()),
            timeout: Some(TIMEOUT),
            template: Texts::default(),
        }
    }

    fn smtp(&self, options: SmtpOptions, password: &str) -> Smtp {
        let (user, password) = (SecretString::from("ada"), SecretString::from(password));
        let signs_in = self.encryption != Encryption::None;
        Smtp::new(options, signs_in.then_some(&user), signs_in.then_some(&password)).unwrap()
    }
}

#[async_trait]
impl AnnouncerHarness for Post {
    async fn announcer(&self, service: Service) -> Option<Arc<dyn Announcer>> {
        if service == Service::Throttles {
            // SMTP has no way to say how long.
            return None;
        }
        self.sink.set(mood(service));
        let mut options = self.options();
        if service == Service::Gone {
            options.port = Some(1);
        }
        Some(Arc::new(self.smtp(options, "s3cretword")))
    }

    async fn taken(&self) -> Vec<Taken> {
        let taken = self.sink.taken().into_iter().map(|mail| Taken {
            key: mail.header("Message-ID").map(str::to_owned),
            text: decoded(&mail.text),
        });
        taken.collect()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(TokioClock::new())
    }

    fn secrets(&self) -> Vec<String> {
        vec!["s3cretword".to_owned(), CREDENTIAL.to_owned()]
    }
}

/// The body of a mail, out of quoted-printable (RFC 2045 section 6.7).
fn decoded(mail: &str) -> String {
    let (_, body) = mail.split_once("\n\n").unwrap();
    let body = body.replace("=\n", "");
    let mut bytes = Vec::new();
    let mut rest = body.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = (*first == b'=').then(|| tail.get(..2)).flatten();
        let code = code.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).unwrap()
}

switchover_tests::announcer_contract!(mail_in_tls, Post::new(Encryption::Tls));
switchover_tests::announcer_contract!(mail_by_starttls, Post::new(Encryption::StartTls));
switchover_tests::announcer_contract!(mail_to_this_machine, Post::new(Encryption::None));

#[test]
fn slack_is_sent_its_three_characters_escaped_and_the_markup_of_a_template_as_it_is() {
    let web = Web::new(false);
    let url = format!("{}{PATH}", web.receiver.url());
    web.run(Web::slack(&url, Texts::default()).announce(&announcement(Moment::Begins))).unwrap();
    let text = web.body()["text"].as_str().unwrap().to_owned();
    assert!(text.contains("&lt;!channel&gt; &amp; ümlauts"), "{text}");
    let template = Texts { begins: Some("<!here> *{pair}*: {reason}".parse().unwrap()), ..Texts::default() };
    web.run(Web::slack(&url, template).announce(&announcement(Moment::Begins))).unwrap();
    let text = web.body()["text"].as_str().unwrap().to_owned();
    assert!(text.starts_with("<!here> *gigadb*: release 4.4, with &lt;!channel&gt;"), "{text}");
    assert_eq!(web.receiver.deliveries()[0].path, PATH);
}

#[test]
fn a_signed_webhook_says_everything_and_is_signed_with_both_keys_while_they_change() {
    let web = Web::new(true);
    let previous = "whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY=";
    let webhook = web.webhook(format!("{}/hook", web.receiver.url()), Some(previous));
    web.run(webhook.announce(&announcement(Moment::Swapped))).unwrap();
    let mut body = web.body();
    assert!(body["data"]["text"].as_str().unwrap().starts_with("gigadb: the new production serves."));
    body["data"]["text"] = serde_json::Value::Null;
    insta::assert_snapshot!("announcement_webhook", serde_json::to_string_pretty(&body).unwrap());
    let delivery = web.receiver.deliveries().pop().unwrap();
    let signatures: Vec<&str> = delivery.headers["webhook-signature"].split(' ').collect();
    assert_eq!(signatures.len(), 2);
    assert!(
        signatures.iter().all(|signature| signature.starts_with("v1,")) && signatures[0] != signatures[1]
    );
    let seconds: i64 = delivery.headers["webhook-timestamp"].parse().unwrap();
    assert!((jiff::Timestamp::now().as_second() - seconds).abs() < 60);
}

#[test]
fn a_mail_says_who_and_what_and_comes_in_tls_from_somebody_who_signed_in() {
    for encryption in [Encryption::Tls, Encryption::StartTls] {
        let post = Post::new(encryption);
        let smtp = post.smtp(post.options(), "s3cretword");
        post.run(smtp.announce(&announcement(Moment::Begins))).unwrap();
        let mail = post.sink.taken().pop().unwrap();
        assert!(mail.encrypted && mail.user.as_deref() == Some(CREDENTIAL));
        assert_eq!(mail.from, "switchover@example.org");
        assert_eq!(mail.to, ["ops@example.org", "curators@example.org"]);
        assert_eq!(mail.header("Subject"), Some("gigadb: switchover begins"));
        assert_eq!(mail.header("Auto-Submitted"), Some("auto-generated"));
        assert_eq!(mail.header("Date"), Some("Sat, 21 Nov 2026 12:00:00 +0000"));
        let id = mail.header("Message-ID").unwrap();
        assert!(id.starts_with("<sw_") && id.ends_with("@example.org>"), "{id}");
    }
}

#[test]
fn a_wrong_password_and_a_certificate_of_a_stranger_are_found_before_anybody_is_told() {
    let post = Post::new(Encryption::Tls);
    let wrong = post.run(post.smtp(post.options(), "wr0ng").prove()).unwrap_err();
    assert!(!wrong.may_pass() && wrong.to_string().contains("535"), "{wrong}");
    let strangers = SmtpOptions { ca_file: None, ..post.options() };
    let untrusted = post.run(post.smtp(strangers, "s3cretword").prove()).unwrap_err();
    assert!(untrusted.to_string().to_lowercase().contains("certificate"), "{untrusted}");
    assert_eq!(post.sink.taken(), []);
}

#[test]
fn a_server_without_starttls_gets_neither_password_nor_mail() {
    let clear = Post::new(Encryption::None);
    let options = SmtpOptions { encryption: Encryption::StartTls, ..clear.options() };
    let (user, password) = (SecretString::from("ada"), SecretString::from("s3cretword"));
    for signs_in in [false, true] {
        let (user, password) = (signs_in.then_some(&user), signs_in.then_some(&password));
        let smtp = Smtp::new(options.clone(), user, password).unwrap();
        assert!(clear.run(smtp.announce(&announcement(Moment::Begins))).is_err(), "{signs_in}");
        assert_eq!(clear.sink.taken(), []);
    }
}
