//! What DNS servers answer: addresses of the family that was asked for, that stand in the answer; and a server that lies is not asked for ever.
//!
//! Input: two bytes of flags, three numbers of records, then what follows the question. A refusal follows each answer, so that one that is
//! passed over as a stray costs no time.

#![no_main]

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};
use std::thread;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use switchover::config::Period;
use switchover::model::{AddressKind, DnsName, ZoneName};
use switchover::port::{Answer, DnsServer, Resolver as _};
use switchover_dns::{Dns, DnsOptions};
use switchover_fuzz::{run, told};

/// More questions than this in one conversation are no end.
const MOST_QUESTIONS: usize = 2_000;

static SAID: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static QUESTIONS: AtomicUsize = AtomicUsize::new(0);
static SERVER: LazyLock<SocketAddr> = LazyLock::new(server);

fuzz_target!(|input: &[u8]| {
    *SAID.lock().expect("no holder panics") = input.to_vec();
    QUESTIONS.store(0, Ordering::Relaxed);
    let dns =
        Dns::new(DnsOptions { timeout: Period(Duration::from_secs(10)), system_resolvers: vec![*SERVER] });
    let name = DnsName::new("gigadb.org").expect("it is a name");
    for kind in [AddressKind::V4, AddressKind::V6] {
        if let Some(answer) = told(run(dns.ask(&DnsServer::from(*SERVER), &name, kind))) {
            honest(input, kind, &answer);
        }
    }
    let zone = ZoneName::new("gigadb.org").expect("it is a name");
    if let Some(servers) = told(run(dns.authorities(&zone))) {
        assert!(!servers.is_empty());
    }
});

fn honest(input: &[u8], kind: AddressKind, answer: &Answer) {
    for address in &answer.addresses {
        let stands = match (kind, address) {
            (AddressKind::V4, IpAddr::V4(v4)) => holds(input, &v4.octets()),
            (AddressKind::V6, IpAddr::V6(v6)) => holds(input, &v6.octets()),
            (AddressKind::V4, IpAddr::V6(_)) | (AddressKind::V6, IpAddr::V4(_)) => false,
        };
        assert!(stands, "{address} was not in the answer to a question for {kind:?}");
    }
    let ttl = u32::try_from(answer.ttl.as_secs()).expect("a TTL has 32 bits");
    assert!(ttl == 0 || holds(input, &ttl.to_be_bytes()), "a TTL of {ttl} was not in the answer");
    assert!(answer.addresses.is_empty() || input[3] > 0 || input[2] > 0);
}

fn holds(input: &[u8], part: &[u8]) -> bool {
    input.windows(part.len()).any(|window| window == part)
}

/// A server on loopback, by UDP and TCP.
fn server() -> SocketAddr {
    let stream = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let at = stream.local_addr().expect("it is bound");
    let datagram = UdpSocket::bind(at).expect("the port is free for datagrams too");
    thread::spawn(move || {
        let mut question = [0; 4096];
        while let Ok((length, from)) = datagram.recv_from(&mut question) {
            let question = &question[..length];
            let told = [answer(question), refusal(question)];
            told.iter().for_each(|message| drop(datagram.send_to(message, from)));
        }
    });
    thread::spawn(move || {
        for mut stream in stream.incoming().flatten() {
            let mut length = [0; 2];
            let read = stream.read_exact(&mut length);
            let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
            if read.and_then(|()| stream.read_exact(&mut question)).is_ok() {
                let message = answer(&question);
                let length = u16::try_from(message.len()).unwrap_or(u16::MAX).to_be_bytes();
                drop(stream.write_all(&[&length, message.as_slice()].concat()));
            }
        }
    });
    at
}

/// The input as an answer: the question's id and the question itself are put in.
fn answer(question: &[u8]) -> Vec<u8> {
    assert!(QUESTIONS.fetch_add(1, Ordering::Relaxed) < MOST_QUESTIONS, "it asks and asks");
    let said = SAID.lock().expect("no holder panics");
    let byte = |place: usize| said.get(place).copied().unwrap_or_default();
    let head = [question[0], question[1], byte(0) | 0x80, byte(1), 0, 1, 0, byte(2), 0, byte(3), 0, byte(4)];
    let mut message = [&head, &question[12..], said.get(5..).unwrap_or_default()].concat();
    message.truncate(4096);
    message
}

fn refusal(question: &[u8]) -> Vec<u8> {
    let head = [question[0], question[1], 0x80, 5, 0, 1, 0, 0, 0, 0, 0, 0];
    [&head, &question[12..]].concat()
}
