//! The dead man's switch of a store: told that a sync began, succeeded or failed, and never shown.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use crate::stand::Stand;

/// The part of the URL that nobody may see.
const SECRET: &str = "5f0c1a9e-canary";

/// A service that remembers what it was asked, for as long as the test lives.
struct Service {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Service {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/{SECRET}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut reader = BufReader::new(stream.unwrap());
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let mut length = 0;
                let mut header = String::new();
                while reader.read_line(&mut header).unwrap() > 2 {
                    if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    header.clear();
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let path = line.split(' ').nth(1).unwrap().replace(SECRET, "UUID");
                let body = String::from_utf8(body).unwrap();
                heard.lock().unwrap().push(format!("{path} {body}").trim().to_owned());
                reader
                    .get_mut()
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nOK")
                    .unwrap();
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

/// The pair with a switch at its live store.
fn watched(url: &str) -> Stand {
    let mut stand = Stand::with_data_and(|text| {
        text.replace("schedule = \"15 2 * * *\"", "ping = { env = \"PING_URL\" }\nschedule = \"15 2 * * *\"")
    });
    stand.home = stand.home.set("PING_URL", url);
    stand
}

#[test]
fn it_hears_of_starts_successes_and_failures_of_its_own_store_alone() {
    let service = Service::start();
    let stand = watched(&service.url);
    let run = |line: &str, code| {
        let ran = stand.run(line).ends(code);
        assert!(!ran.transcript().contains(SECRET), "the URL is shown");
    };
    run("sync-data staging/files", 0);
    run("sync-data --dry-run", 0);
    assert!(service.asked().is_empty(), "another store, and a rehearsal");
    run("sync-data live/files", 0);
    assert_eq!(service.asked(), ["/UUID/start", "/UUID"]);
    let tree = stand.home.path("trees/hongkong/live");
    fs::rename(&tree, stand.home.path("away")).unwrap();
    let ran = stand.run("sync-data live/files");
    assert!(matches!(ran.code, Some(1 | 6)), "{}", ran.transcript());
    let asked = service.asked();
    assert!(asked.last().unwrap().starts_with("/UUID/fail "), "{asked:?}");
    assert!(asked.last().unwrap().contains("hongkong"), "it says why: {asked:?}");
    run("sync-data --side hongkong", 0);
    assert!(service.asked().is_empty(), "on the side that is production nothing happens");
}

#[test]
fn one_that_does_not_answer_is_told_and_changes_nothing() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let stand = watched(&format!("http://{free}/{SECRET}"));
    let ran = stand.run("sync-data live/files").ends(0);
    assert!(ran.stderr.contains("note:") && ran.stderr.contains("live/files"), "{}", ran.transcript());
    assert!(!ran.transcript().contains(SECRET), "the URL is shown");
}
