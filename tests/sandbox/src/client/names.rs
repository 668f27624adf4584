//! Where a name leads, as a client knows it: asked of a resolver, and kept for as long as the answer may be.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use hickory_net::client::{Client, ClientHandle};
use hickory_net::runtime::TokioRuntimeProvider;
use hickory_net::udp::UdpClientStream;
use hickory_server::proto::rr::{DNSClass, Name, RData, RecordType};

/// How long a resolver may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A name leads nowhere, or nobody says where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} was not resolved by {resolver}: {why}")]
pub struct Unresolved {
    /// The name.
    pub name: String,
    /// Who was asked.
    pub resolver: SocketAddr,
    /// What happened.
    pub why: String,
}

/// One name and what is known of it.
#[derive(Debug)]
pub struct Names {
    resolver: SocketAddr,
    name: String,
    known: Option<(Ipv4Addr, Instant)>,
}

impl Names {
    /// Nothing is asked yet.
    pub fn new(resolver: SocketAddr, name: impl Into<String>) -> Self {
        Self { resolver, name: name.into(), known: None }
    }

    /// The address that the name leads to, no older than its TTL allows.
    pub async fn address(&mut self) -> Result<Ipv4Addr, Unresolved> {
        let known = self.known.filter(|(_, until)| Instant::now() < *until);
        if let Some((address, _)) = known {
            return Ok(address);
        }
        let asked = Instant::now();
        let (address, ttl) = self.ask().await.map_err(|why| Unresolved {
            name: self.name.clone(),
            resolver: self.resolver,
            why,
        })?;
        self.known = Some((address, asked + ttl));
        Ok(address)
    }

    /// Asks again next time.
    pub fn forget(&mut self) {
        self.known = None;
    }

    async fn ask(&self) -> Result<(Ipv4Addr, Duration), String> {
        let name = Name::from_ascii(format!("{}.", self.name.trim_end_matches('.')));
        let name = name.map_err(|error| error.to_string())?;
        let stream = UdpClientStream::builder(self.resolver, TokioRuntimeProvider::new());
        let stream = stream.with_timeout(Some(PATIENCE)).build();
        let (mut client, background) = Client::<TokioRuntimeProvider>::from_sender(stream);
        let background = tokio::spawn(background);
        let answer = client.query(name, DNSClass::IN, RecordType::A).await;
        background.abort();
        let answer = answer.map_err(|error| error.to_string())?;
        let address = |data: &RData| match data {
            RData::A(address) => Some(address.0),
            _ => None,
        };
        let found = answer.answers.iter().find_map(|record| Some((address(&record.data)?, record.ttl)));
        let (address, ttl) =
            found.ok_or_else(|| format!("no address ({})", answer.metadata.response_code))?;
        Ok((address, Duration::from_secs(ttl.into())))
    }
}
