//! A primary server that does what a test tells it to, and signs with hickory's own code instead of ours.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::tsig::{TsigAlgorithm, TsigError};
use hickory_proto::rr::rdata::{A, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType, TSigResponseContext, TSigner};
use secrecy::SecretString;
use switchover::config::{Period, SecretRef};
use switchover::port::Meter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::options::{Algorithm, Rfc2136Options};
use crate::service::Rfc2136;

/// `test secret of 32 bytes, exactly!`, near enough.
pub(crate) const SECRET: &str = "dGVzdCBzZWNyZXQgb2YgMzIgYnl0ZXMsIGV4YWN0bHkh";

/// What the server does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Sends a message.
    Send(Vec<u8>),
    /// Sends bytes as they are.
    Raw(Vec<u8>),
    /// Waits.
    Wait(Duration),
    /// Hangs up.
    Close,
}

/// A request as the server got it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) message: Message,
    pub(crate) mac: Vec<u8>,
}

impl Request {
    pub(crate) fn kind(&self) -> RecordType {
        self.message.queries[0].query_type
    }

    pub(crate) fn reply(&self, code: ResponseCode) -> Message {
        let metadata = &self.message.metadata;
        let mut reply = Message::new(metadata.id, MessageType::Response, metadata.op_code);
        reply.metadata.response_code = code;
        reply.metadata.authoritative = metadata.op_code == OpCode::Query;
        reply.add_queries(self.message.queries.iter().cloned());
        reply
    }

    /// The right answer to a question: the SOA of any zone, `192.0.2.10` for any address.
    pub(crate) fn truth(&self) -> Message {
        let mut reply = self.reply(ResponseCode::NoError);
        let name = self.message.queries[0].name.clone();
        match self.kind() {
            RecordType::SOA => reply.add_answer(soa(name)),
            RecordType::A => reply.add_answer(address(name, "192.0.2.10")),
            _ => &mut reply,
        };
        reply
    }

    pub(crate) fn signed(&self, reply: &Message) -> Act {
        Act::Send(self.sign(reply, SECRET.as_bytes(), now(), None))
    }

    /// Signs with the base64 text of a secret.
    pub(crate) fn sign(
        &self,
        reply: &Message,
        secret: &[u8],
        time: u64,
        error: Option<TsigError>,
    ) -> Vec<u8> {
        let secret = data_encoding::BASE64.decode(secret).unwrap();
        let name = Name::from_ascii("key.").unwrap();
        let signer = TSigner::new(secret, TsigAlgorithm::HmacSha256, name, 60).unwrap();
        let context = TSigResponseContext::new(reply.metadata.id, time, signer, self.mac.clone(), error);
        let mut reply = reply.clone();
        reply.set_signature(context.sign(&reply.to_vec().unwrap()).unwrap());
        reply.to_vec().unwrap()
    }
}

pub(crate) fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

pub(crate) fn soa(name: Name) -> Record {
    let host = Name::from_ascii("ns.").unwrap();
    Record::from_rdata(name, 300, RData::SOA(SOA::new(host.clone(), host, 1, 2, 3, 4, 60)))
}

pub(crate) fn address(name: Name, ip: &str) -> Record {
    Record::from_rdata(name, 300, RData::A(A(ip.parse().unwrap())))
}

/// A running server and a service that talks to it.
pub(crate) struct Stage {
    pub(crate) service: Rfc2136,
    pub(crate) meter: Meter,
    /// What was asked so far.
    pub(crate) seen: Arc<Mutex<Vec<Request>>>,
}

/// Starts a server; `script` gets each request, and how many came before.
pub(crate) async fn stage<F>(script: F) -> Stage
where
    F: Fn(&Request, usize) -> Vec<Act> + Send + Sync + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (script, requests) = (Arc::new(script), seen.clone());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, script.clone(), requests.clone()));
        }
    });
    let (service, meter) = service(at);
    Stage { service, meter, seen }
}

pub(crate) fn options(server: &str) -> Rfc2136Options {
    Rfc2136Options {
        server: server.into(),
        key_name: "key".into(),
        key: SecretRef::Env("KEY".into()),
        algorithm: Algorithm::HmacSha256,
        timeout: Period(Duration::from_millis(400)),
        in_flight: Period(Duration::from_secs(120)),
    }
}

pub(crate) fn service(at: SocketAddr) -> (Rfc2136, Meter) {
    let meter = Meter::default();
    let secret = SecretString::from(SECRET);
    (Rfc2136::new(options(&at.to_string()), &secret, meter.clone()).unwrap(), meter)
}

async fn serve<F>(mut stream: TcpStream, script: Arc<F>, seen: Arc<Mutex<Vec<Request>>>)
where
    F: Fn(&Request, usize) -> Vec<Act>,
{
    while let Ok(length) = stream.read_u16().await {
        let mut bytes = vec![0; usize::from(length)];
        stream.read_exact(&mut bytes).await.unwrap();
        let message = Message::from_vec(&bytes).unwrap();
        let mac = message.signature().unwrap().data.mac.clone();
        let request = Request { message, mac };
        let before = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        for act in script(&request, before) {
            match act {
                Act::Send(bytes) => {
                    let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
                    let _ = stream.write_all(&[&length, bytes.as_slice()].concat()).await;
                }
                Act::Raw(bytes) => {
                    let _ = stream.write_all(&bytes).await;
                }
                Act::Wait(time) => tokio::time::sleep(time).await,
                Act::Close => return,
            }
        }
    }
}
