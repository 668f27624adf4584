//! What the members of etcd answer: a journal is read whole or not at all, each entry at its place, and no lie makes the provider ask for ever.
//!
//! Input: as [`switchover_fuzz::Web::tell`] reads it. What stands between `@{` and `}@` is put in base64, as the gateway has it.

#![no_main]

use std::sync::{Arc, LazyLock};

use data_encoding::BASE64;
use libfuzzer_sys::fuzz_target;
use switchover::journal::Seq;
use switchover::model::PairName;
use switchover::port::{Appended, StateStore as _};
use switchover_etcd::{EtcdFiles, EtcdOptions, EtcdStore};
use switchover_fuzz::{CANARY, JumpingClock, Web, assert_discreet, discreet, run};

static WEB: LazyLock<Web> = LazyLock::new(Web::start);

fuzz_target!(|input: &str| {
    WEB.tell(&encoded(input));
    let options = serde_json::json!({ "endpoints": [WEB.url()], "user": "switchover", "password": { "env": "PASSWORD" }, "timeout": "1s", "patience": "1s" });
    let options: EtcdOptions = serde_json::from_value(options).expect("the options are good");
    let files = EtcdFiles { password: Some(CANARY.into()), ..EtcdFiles::default() };
    let store =
        EtcdStore::new(&options, files, Arc::new(JumpingClock::default())).expect("the options are good");
    run(ask(&store));
    assert_discreet(&store);
});

async fn ask(store: &EtcdStore) {
    let pair = PairName::new("gigadb").expect("it is a word");
    let Some(entries) = discreet(store.read(&pair, Seq(0)).await) else { return };
    for (place, entry) in entries.iter().enumerate() {
        assert_eq!(entry.seq, Seq(place as u64), "an entry stands at another place");
    }
    discreet(store.last_beat(&pair).await);
    discreet(store.prove().await);
    let Some(entry) = entries.last() else { return };
    if let Some(Appended::Unknown) = discreet(store.append_at(&pair, entry.seq, entry).await) {
        panic!("etcd answers every append, or it is an error");
    }
}

fn encoded(input: &str) -> String {
    let mut text = String::new();
    let mut rest = input;
    while let Some((before, (plain, after))) =
        rest.split_once("@{").and_then(|(before, rest)| Some((before, rest.split_once("}@")?)))
    {
        text += before;
        text += &BASE64.encode(plain.as_bytes());
        rest = after;
    }
    text + rest
}
