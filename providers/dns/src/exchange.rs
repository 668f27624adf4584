//! One question to one server: over UDP with retransmissions, over TCP when the answer does not fit.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout_at};

use crate::message::Question;

/// The largest answer over UDP; ours carry no EDNS, so a server sends 512 bytes at most, and more is read for those that do not care.
const LARGEST_DATAGRAM: usize = 4096;

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Silence {
    /// The time was up.
    #[error("no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The network or the machine said no.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The question cannot be put into a DNS message.
    #[error("the name does not fit into a DNS message")]
    Unaskable,
    /// What came over TCP does not answer the question.
    #[error("what came over TCP is no answer to the question")]
    Garbage,
}

/// Asks and returns the server's answer, whatever its code. Takes at most `limit`, tries included.
pub(crate) async fn exchange(
    server: SocketAddr,
    question: &Question,
    limit: Duration,
) -> Result<Message, Silence> {
    let bytes = question.to_bytes().ok_or(Silence::Unaskable)?;
    let asked = Instant::now();
    let deadline = asked + limit;
    let in_time = async {
        let answer = over_udp(server, question, &bytes, asked, limit).await?;
        if answer.metadata.truncation { over_tcp(server, question, &bytes).await } else { Ok(answer) }
    };
    timeout_at(deadline, in_time).await.unwrap_or(Err(Silence::TimedOut(limit)))
}

/// Sends at the start, after a sixth and after half of the time, so that two lost datagrams are survived. All tries share a
/// socket and an id: a late answer to an early try counts.
async fn over_udp(
    server: SocketAddr,
    question: &Question,
    bytes: &[u8],
    asked: Instant,
    limit: Duration,
) -> Result<Message, Silence> {
    let socket = UdpSocket::bind(SocketAddr::new(any_address(server), 0)).await?;
    // Connected: the kernel passes on only what comes from this server's address and port.
    socket.connect(server).await?;
    for until in [limit / 6, limit / 2, limit] {
        socket.send(bytes).await?;
        if let Ok(answer) = timeout_at(asked + until, receive(&socket, question)).await {
            return answer;
        }
    }
    Err(Silence::TimedOut(limit))
}

fn any_address(server: SocketAddr) -> IpAddr {
    match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// Waits for the answer, past everything that is none.
async fn receive(socket: &UdpSocket, question: &Question) -> Result<Message, Silence> {
    let mut buffer = [0; LARGEST_DATAGRAM];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if let Some(answer) = buffer.get(..length).and_then(|bytes| question.answered_by(bytes)) {
            return Ok(answer);
        }
    }
}

/// Messages over TCP are preceded by their length in two bytes (RFC 1035 section 4.2.2).
async fn over_tcp(server: SocketAddr, question: &Question, bytes: &[u8]) -> Result<Message, Silence> {
    let length = u16::try_from(bytes.len()).map_err(|_| Silence::Unaskable)?;
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(&[&length.to_be_bytes(), bytes].concat()).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    question.answered_by(&answer).ok_or(Silence::Garbage)
}
