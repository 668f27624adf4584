//! DNS over UDP and TCP, by `hickory-server`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::proto::op::{Edns, Header, HeaderCounts, Metadata, OpCode, ResponseCode};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use tokio::net::{TcpListener, UdpSocket};

use super::answer::{Answer, Question};

/// Something that answers questions; `None` is silence.
pub(crate) trait Answers: std::fmt::Debug + Send + Sync + 'static {
    fn ask_now(&self, question: &Question) -> Option<Answer>;
}

/// A UDP socket and a TCP listener on one port.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub(crate) address: SocketAddr,
    udp: UdpSocket,
    tcp: TcpListener,
}

/// Attempts at finding a port that is free for both, when any will do.
const ATTEMPTS: usize = 16;

impl Sockets {
    pub(crate) async fn bind(wanted: SocketAddr) -> io::Result<Sockets> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..ATTEMPTS {
            let tcp = TcpListener::bind(wanted).await?;
            let address = tcp.local_addr()?;
            match UdpSocket::bind(address).await {
                Ok(udp) => return Ok(Sockets { address, udp, tcp }),
                Err(error) if wanted.port() == 0 => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// Serves until the server is dropped or shut down.
    pub(crate) fn serve(self, source: Arc<dyn Answers>) -> Server<Wire> {
        let mut server = Server::new(Wire(source));
        server.register_socket(self.udp);
        server.register_listener(self.tcp, Duration::from_secs(5), 4_096);
        server
    }
}

/// The handler of messages.
#[derive(Debug)]
pub(crate) struct Wire(Arc<dyn Answers>);

/// What fits through every network without being cut: <https://www.dnsflagday.net/2020/>.
const LARGEST_UDP: u16 = 1_232;

#[async_trait]
impl RequestHandler for Wire {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut reply: R,
    ) -> ResponseInfo {
        let Some(answer) = self.answer(request) else {
            return without_answer(Metadata::response_from_request(&request.metadata));
        };
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.response_code = answer.code;
        metadata.authoritative = answer.authoritative;
        metadata.recursion_available = answer.recursion_available;
        let edns = request.edns.as_ref().map(|asked| {
            let mut edns = Edns::new();
            edns.set_max_payload(asked.max_payload().clamp(512, LARGEST_UDP));
            edns
        });
        let message = MessageResponseBuilder::new(&request.queries, edns.as_ref()).build(
            metadata,
            &answer.answers,
            &answer.authorities,
            [],
            [],
        );
        // The asker is gone, or will ask again.
        reply.send_response(message).await.unwrap_or_else(|_| without_answer(metadata))
    }
}

impl Wire {
    fn answer(&self, request: &Request) -> Option<Answer> {
        if request.metadata.op_code != OpCode::Query {
            return Some(Answer::bare(ResponseCode::NotImp));
        }
        let Ok(info) = request.request_info() else {
            return Some(Answer::bare(ResponseCode::FormErr));
        };
        let query = info.query.original();
        self.0.ask_now(&Question {
            name: query.name().clone(),
            kind: query.query_type(),
            recursion: request.metadata.recursion_desired,
        })
    }
}

fn without_answer(metadata: Metadata) -> ResponseInfo {
    Header { metadata, counts: HeaderCounts::default() }.into()
}
