//! A DNS server that does what a test tells it to, on one loopback port over UDP and TCP.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use hickory_proto::op::{Message, OpCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, NS, SOA};
use hickory_proto::rr::{Name, RData, Record};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

/// How a question came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Udp,
    Tcp,
}

/// A running server. It ends with the test's runtime.
pub(crate) struct Scripted {
    pub(crate) at: SocketAddr,
    /// How every question so far came.
    pub(crate) seen: Arc<Mutex<Vec<Way>>>,
}

/// Starts a server; `script` gets each question, how it came and how many came before, and returns what to send, in order.
pub(crate) async fn serve<F>(script: F) -> Scripted
where
    F: Fn(&Message, Way, usize) -> Vec<Vec<u8>> + Send + Sync + 'static,
{
    let (udp, tcp) = sockets().await;
    let at = udp.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let script = {
        let seen = seen.clone();
        Arc::new(move |bytes: &[u8], way| {
            let before = seen.lock().unwrap().len();
            seen.lock().unwrap().push(way);
            script(&Message::from_vec(bytes).unwrap(), way, before)
        })
    };
    let datagrams = script.clone();
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        loop {
            let (length, from) = udp.recv_from(&mut buffer).await.unwrap();
            for answer in datagrams(&buffer[..length], Way::Udp) {
                udp.send_to(&answer, from).await.unwrap();
            }
        }
    });
    tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            let (mut stream, _) = tcp.accept().await.unwrap();
            let mut bytes = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut bytes).await.unwrap();
            for answer in script(&bytes, Way::Tcp) {
                stream.write_u16(u16::try_from(answer.len()).unwrap()).await.unwrap();
                stream.write_all(&answer).await.unwrap();
            }
            // Kept open: a server that hangs does not close.
            open.push(stream);
        }
    });
    Scripted { at, seen }
}

async fn sockets() -> (UdpSocket, TcpListener) {
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
}

/// An empty answer to a question.
pub(crate) fn reply(question: &Message) -> Message {
    let mut answer = Message::response(question.metadata.id, OpCode::Query);
    answer.add_queries(question.queries.iter().cloned());
    answer
}

pub(crate) fn bytes(message: &Message) -> Vec<Vec<u8>> {
    vec![message.to_vec().unwrap()]
}

pub(crate) fn name(text: &str) -> Name {
    Name::from_ascii(format!("{text}.")).unwrap()
}

pub(crate) fn address(owner: &str, ttl: u32, ip: &str) -> Record {
    let data = match ip.parse().unwrap() {
        std::net::IpAddr::V4(v4) => RData::A(A(v4)),
        std::net::IpAddr::V6(v6) => RData::AAAA(AAAA(v6)),
    };
    Record::from_rdata(name(owner), ttl, data)
}

pub(crate) fn cname(owner: &str, ttl: u32, target: &str) -> Record {
    Record::from_rdata(name(owner), ttl, RData::CNAME(CNAME(name(target))))
}

pub(crate) fn ns(owner: &str, host: &str) -> Record {
    Record::from_rdata(name(owner), 3600, RData::NS(NS(name(host))))
}

pub(crate) fn soa(owner: &str, ttl: u32, minimum: u32) -> Record {
    let soa = SOA::new(name("ns"), name("admin"), 1, 2, 3, 4, minimum);
    Record::from_rdata(name(owner), ttl, RData::SOA(soa))
}
