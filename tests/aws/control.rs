//! Tells the emulator what tests want of it. Part of the tests of several crates, by its path.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A pair of its own in the emulator, with the AWS files that lead there.
pub(crate) struct Pair {
    at: SocketAddr,
    sides: Value,
    files: TempDir,
}

impl Pair {
    /// Makes the pair. `wanted`: `{"one_account": true, "encrypted": true}`.
    pub(crate) async fn new(wanted: Value) -> Self {
        let url =
            std::env::var("SWITCHOVER_AWS").expect("run this by tests/aws/run, which sets SWITCHOVER_AWS");
        let at: SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
        let sides = call(at, "pair", wanted).await.unwrap()["sides"].take();
        let files = TempDir::new().unwrap();
        let (mut config, mut credentials) = (String::new(), String::new());
        for (side, told) in sides.as_object().unwrap() {
            let text = |key: &str| told[key].as_str().unwrap().to_owned();
            config += &format!("[profile {side}]\nregion = {}\nendpoint_url = {url}\n", text("region"));
            let (key, secret) = (text("key"), text("secret"));
            credentials +=
                &format!("[{side}]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n");
        }
        std::fs::write(files.path().join("config"), config).unwrap();
        std::fs::write(files.path().join("credentials"), credentials).unwrap();
        Self { at, sides, files }
    }

    /// A file of the AWS files: `config` or `credentials`.
    pub(crate) fn file(&self, name: &str) -> std::path::PathBuf {
        self.files.path().join(name)
    }

    /// What the emulator told of a side: `account`, `region`, `kms_key`, `file_system`.
    pub(crate) fn of(&self, side: &str, key: &str) -> String {
        self.sides[side][key].as_str().unwrap().to_owned()
    }

    /// Tells the emulator something about a side.
    pub(crate) async fn tell(&self, word: &str, side: &str, more: Value) -> Result<Value, Value> {
        let mut told = json!({ "account": self.of(side, "account"), "region": self.of(side, "region") });
        told.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        call(self.at, word, told).await
    }

    /// The same where nothing can go wrong.
    pub(crate) async fn told(&self, word: &str, side: &str, more: Value) -> Value {
        self.tell(word, side, more).await.unwrap_or_else(|refused| panic!("{word}: {refused}"))
    }

    /// Whether AWS answers on a side.
    pub(crate) async fn lose(&self, side: &str, lost: bool) {
        self.told("lose", side, json!({ "lost": lost })).await;
    }

    /// The actions that clients asked for on a side, in order.
    pub(crate) async fn asked(&self, side: &str) -> Vec<String> {
        let region = self.of(side, "region");
        let log = self.told("log", side, json!({})).await;
        let here = log["log"].as_array().unwrap().iter().filter(|entry| entry[0] == region.as_str());
        here.map(|entry| entry[1].as_str().unwrap_or_default().to_owned()).collect()
    }
}

async fn call(at: SocketAddr, word: &str, told: Value) -> Result<Value, Value> {
    let body = told.to_string();
    let mut stream = TcpStream::connect(at).await.unwrap();
    let head = format!(
        "POST /emulator/{word} HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer of HTTP");
    let document = serde_json::from_str(body).unwrap_or_else(|error| panic!("{word}: {error}: {answer}"));
    if head.starts_with("HTTP/1.1 200") { Ok(document) } else { Err(document) }
}
