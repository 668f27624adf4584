//! One TCP connection to the primary: framing, deadlines, counting.

use std::io;
use std::time::Duration;

use switchover::port::Meter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, timeout_at};

/// Why a conversation ended early, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Broken(pub(crate) String);

/// When a conversation must be over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    at: Instant,
    limit: Duration,
}

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        Self { at: Instant::now() + limit, limit }
    }

    /// Does something in time.
    pub(crate) async fn keep<T>(self, work: impl Future<Output = io::Result<T>>) -> Result<T, Broken> {
        match timeout_at(self.at, work).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(Broken(words(&error))),
            Err(_) => Err(Broken(format!("no answer within {} ms", self.limit.as_millis()))),
        }
    }
}

fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "the connection was refused".into(),
        io::ErrorKind::ConnectionReset => "the connection was reset".into(),
        io::ErrorKind::UnexpectedEof => "the server hung up".into(),
        _ => error.to_string(),
    }
}

/// Connects to the primary.
pub(crate) async fn connect(
    server: &str,
    meter: &Meter,
    deadline: Deadline,
) -> Result<(Speaker, Listener), Broken> {
    let stream = deadline.keep(TcpStream::connect(server)).await?;
    // Small messages are not to wait for each other.
    deadline.keep(async { stream.set_nodelay(true) }).await?;
    let (read, write) = stream.into_split();
    Ok((Speaker { write, meter: meter.clone() }, Listener { read }))
}

/// The half of a connection that sends.
#[derive(Debug)]
pub(crate) struct Speaker {
    write: OwnedWriteHalf,
    meter: Meter,
}

impl Speaker {
    /// Sends one message, after its length in two bytes (RFC 1035 section 4.2.2). An error promises that the server did not get
    /// the whole of it.
    pub(crate) async fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let length = u16::try_from(message.len()).map_err(|_| io::Error::other("a message over 64 KiB"))?;
        self.meter.count();
        self.write.write_all(&[&length.to_be_bytes(), message].concat()).await
    }
}

/// The half of a connection that receives.
#[derive(Debug)]
pub(crate) struct Listener {
    read: OwnedReadHalf,
}

impl Listener {
    /// Receives one message.
    pub(crate) async fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut message = vec![0; usize::from(self.read.read_u16().await?)];
        self.read.read_exact(&mut message).await?;
        Ok(message)
    }
}
