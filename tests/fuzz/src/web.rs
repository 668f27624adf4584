//! A server of HTTP on loopback that answers with what it was last told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use crate::{CANARY, CANARY_MARK};

/// More requests than this in one conversation are no end: a service that lies must not be asked for ever.
const MOST_REQUESTS: usize = 2_000;
/// What stands between two answers.
const SEPARATOR: &str = "\n%%\n";

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Method and path.
    pub line: String,
    /// The headers, their names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Debug, Default)]
struct Script {
    answers: Vec<Vec<u8>>,
    requests: Vec<Request>,
}

/// The server. It lives as long as the process.
#[derive(Debug, Clone)]
pub struct Web {
    at: SocketAddr,
    script: Arc<Mutex<Script>>,
}

impl Web {
    /// Starts it on a port of its own.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let at = listener.local_addr().expect("it is bound");
        let web = Self { at, script: Arc::default() };
        let serving = web.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serving = serving.clone();
                thread::spawn(move || serving.serve(stream));
            }
        });
        web
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.at)
    }

    /// Forgets what was asked, and answers from now on with what stands in `input`: answers one after the other with lines of `%%` between
    /// them, the last one again and again. The first line of each is a status and, after `|`, headers; the rest is the body.
    pub fn tell(&self, input: &str) {
        let input = input.replace(CANARY_MARK, CANARY);
        let answers = input.split(SEPARATOR).map(answer).collect();
        *self.script() = Script { answers, requests: Vec::new() };
    }

    /// What was asked since.
    pub fn requests(&self) -> Vec<Request> {
        self.script().requests.clone()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().expect("no holder panics")
    }

    fn serve(&self, stream: TcpStream) {
        let Ok(mut write) = stream.try_clone() else { return };
        let mut read = BufReader::new(stream);
        while let Some(request) = receive(&mut read) {
            let answer = self.next(request);
            if write.write_all(&answer).is_err() {
                return;
            }
        }
    }

    fn next(&self, request: Request) -> Vec<u8> {
        let mut script = self.script();
        let place = script.requests.len();
        script.requests.push(request);
        assert!(place < MOST_REQUESTS, "it asks and asks: {:?}", script.requests.last());
        script.answers.get(place).or(script.answers.last()).cloned().unwrap_or_default()
    }
}

fn answer(text: &str) -> Vec<u8> {
    let (head, body) = text.split_once('\n').unwrap_or((text, ""));
    let mut head = head.split('|');
    let status = head.next().and_then(|status| status.trim().parse::<u16>().ok());
    let status = status.filter(|status| (200..600).contains(status)).unwrap_or(200);
    let mut answer = format!("HTTP/1.1 {status} Fuzzed\r\ncontent-length: {}\r\n", body.len());
    for header in head.filter(|header| is_header(header)) {
        answer += &format!("{}\r\n", header.trim());
    }
    // These never have a body (RFC 9110 section 6.4.1); what followed would be the next answer.
    let body = if matches!(status, 204 | 304) { "" } else { body };
    format!("{answer}\r\n{body}").into_bytes()
}

/// Whether it is a header that leaves the framing alone: HTTP itself is not under test.
fn is_header(text: &str) -> bool {
    let (name, value) = text.split_once(':').unwrap_or_default();
    let name = name.trim().to_ascii_lowercase();
    let framing = ["content-length", "transfer-encoding", "connection", "location", "upgrade"];
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && plain(value)
        && !framing.contains(&name.as_str())
}

fn receive(read: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = || {
        let mut line = String::new();
        let length = read.read_line(&mut line).ok()?;
        (length > 0).then(|| line.trim_end().to_owned())
    };
    let mut request = Request { line: line()?, ..Request::default() };
    while let Some((name, value)) = line()?.split_once(':') {
        request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    request.body = vec![0; length];
    read.read_exact(&mut request.body).ok()?;
    Some(request)
}
