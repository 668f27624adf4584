//! Signed webhooks: whoever has the key can verify what is sent, as the specification says and by another HMAC than ours; nobody else can.
//!
//! Input: a line with the key, then up to four texts of the announcement.

#![no_main]

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use data_encoding::BASE64;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use switchover::config::SecretRef;
use switchover::model::{Announcement, AnnouncementKey, AnnouncerName, Moment, PairName, RunId};
use switchover::plan::Intent;
use switchover::port::{Announcer as _, Clock as _};
use switchover_announce::{Key, Texts, Webhook, WebhookOptions};
use switchover_fuzz::{JumpingClock, Request, Web, run, told};

static WEB: LazyLock<Web> = LazyLock::new(Web::start);

fuzz_target!(|input: &str| {
    let mut lines = input.splitn(5, '\n');
    let text = lines.next().unwrap_or_default();
    let Some(key) = told(Key::new(&text.into())) else { return };
    let announcement = announcement(lines.map(str::to_owned).collect());
    WEB.tell("200");
    let options = WebhookOptions {
        url: WEB.url(),
        secret: SecretRef::Env("KEY".to_owned()),
        previous_secret: None,
        timeout: None,
        template: Texts::default(),
    };
    let webhook =
        Webhook::new(options, vec![key], Arc::new(JumpingClock::default())).expect("the options are good");
    told(run(webhook.announce(&announcement))).expect("it was answered with 200");
    verify(text, &announcement, &WEB.requests());
});

fn announcement(texts: Vec<String>) -> Announcement {
    let mut texts = texts.into_iter();
    let (run, to) =
        (RunId::new("run-1").expect("it is a word"), AnnouncerName::new("hook").expect("it is a word"));
    let at = JumpingClock::default().now();
    Announcement {
        key: AnnouncementKey::of(&run, Moment::Paused, &to, at),
        moment: Moment::Paused,
        at,
        pair: PairName::new("gigadb").expect("it is a word"),
        run,
        intent: Intent::Switchover,
        shifts: Vec::new(),
        release: None,
        by: texts.next(),
        reason: texts.next(),
        detail: texts.next(),
    }
}

fn verify(text: &str, announcement: &Announcement, requests: &[Request]) {
    let [request] = requests else { panic!("one was to be sent: {requests:?}") };
    let header = |name| request.header(name).expect("it is there");
    assert_eq!(header("webhook-id"), announcement.key.as_str());
    let key = text.trim();
    let key = BASE64.decode(key.strip_prefix("whsec_").unwrap_or(key).as_bytes()).expect("it was accepted");
    let signed = format!("{}.{}.", header("webhook-id"), header("webhook-timestamp"));
    let signed = [signed.as_bytes(), &request.body].concat();
    assert_eq!(header("webhook-signature"), signature(&key, &signed));
    assert_ne!(header("webhook-signature"), signature(&key, &signed[1..]));
    let body: BTreeMap<String, Value> = serde_json::from_slice(&request.body).expect("it is JSON");
    let said = |name: &str| body["data"][name].as_str().map(str::to_owned);
    assert_eq!(
        (said("by"), said("reason"), said("detail")),
        (announcement.by.clone(), announcement.reason.clone(), announcement.detail.clone())
    );
}

/// HMAC-SHA256 as RFC 2104 section 2 has it, for keys of up to a block.
fn signature(key: &[u8], message: &[u8]) -> String {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let pad = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha256::digest([&pad(0x36)[..], message].concat());
    format!("v1,{}", BASE64.encode(&Sha256::digest([&pad(0x5c)[..], &inner].concat())))
}
