//! A server on loopback that answers as it is told to, or worse.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn is_write(&self) -> bool {
        self.method == "POST"
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What becomes of a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// A whole answer; the connection stays open.
    Answer { status: u16, headers: Vec<(&'static str, String)>, body: String },
    /// These bytes and nothing else; then the connection ends.
    Bytes(Vec<u8>),
    /// A chunked body that goes on for so many mebibytes.
    Flood(usize),
    /// Nothing, ever.
    Hang,
    /// The connection is reset.
    Reset,
}

pub(crate) fn json(status: u16, body: &serde_json::Value) -> Reply {
    Reply::Answer {
        status,
        headers: vec![("content-type", "application/json".to_owned())],
        body: body.to_string(),
    }
}

pub(crate) fn text(status: u16, body: &str) -> Reply {
    Reply::Answer { status, headers: vec![("content-type", "text/html".to_owned())], body: body.to_owned() }
}

pub(crate) fn throttled(retry_after: Option<u64>) -> Reply {
    let headers = retry_after.map(|seconds| ("retry-after", seconds.to_string())).into_iter().collect();
    Reply::Answer { status: 429, headers, body: String::new() }
}

/// An answer that ends in the middle of what its header promises.
pub(crate) fn cut(body: &str) -> Reply {
    let length = body.len() + 100;
    Reply::Bytes(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes())
}

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

/// Stops when dropped.
pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/client/v4", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (handler, log): (Arc<Handler>, _) = (Arc::new(handler), seen.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, handler.clone(), log.clone()));
            }
        });
        Self { url, seen, task }
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn writes(&self) -> Vec<Request> {
        self.seen().into_iter().filter(Request::is_write).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, handler: Arc<Handler>, seen: Arc<Mutex<Vec<Request>>>) {
    while let Some(request) = receive(&mut stream).await {
        seen.lock().unwrap().push(request.clone());
        match handler(&request) {
            Reply::Answer { status, headers, body } => {
                let mut head = format!("HTTP/1.1 {status} Any\r\ncontent-length: {}\r\n", body.len());
                for (name, value) in headers {
                    let _ = write!(head, "{name}: {value}\r\n");
                }
                if stream.write_all(format!("{head}\r\n{body}").as_bytes()).await.is_err() {
                    return;
                }
            }
            Reply::Bytes(bytes) => {
                let _ = stream.write_all(&bytes).await;
                return;
            }
            Reply::Flood(mebibytes) => return flood(&mut stream, mebibytes).await,
            Reply::Hang => std::future::pending().await,
            Reply::Reset => {
                let _ = stream.set_zero_linger();
                return;
            }
        }
    }
}

async fn flood(stream: &mut TcpStream, mebibytes: usize) {
    let chunk = format!("100000\r\n{}\r\n", " ".repeat(1 << 20));
    let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
    for _ in 0..mebibytes {
        if sent.is_err() {
            return;
        }
        sent = stream.write_all(chunk.as_bytes()).await;
    }
    let _ = stream.write_all(b"0\r\n\r\n").await;
}

async fn receive(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    while bytes.len() < end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = String::from_utf8(bytes[end + 4..].to_vec()).unwrap();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query =
        query.split('&').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned()));
    let path = path.strip_prefix("/client/v4/").unwrap_or(path).to_owned();
    Some(Request { method, path, query: query.collect(), headers, body })
}
