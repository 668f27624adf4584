use std::time::Instant as Wall;

use hickory_proto::op::ResponseCode;

use super::*;
use crate::testing::{Way, address, bytes, ns, reply, serve};

fn dns(millis: u64, system: Vec<SocketAddr>) -> Dns {
    let timeout = switchover::config::Period(Duration::from_millis(millis));
    Dns::new(DnsOptions { timeout, system_resolvers: system })
}

fn gigadb() -> DnsName {
    DnsName::new("gigadb.org").unwrap()
}

async fn ask(millis: u64, at: SocketAddr) -> Result<Answer, ResolveError> {
    dns(millis, vec![]).ask(&at.into(), &gigadb(), AddressKind::V4).await
}

fn right(question: &Message) -> Message {
    let mut answer = reply(question);
    answer.metadata.authoritative = true;
    answer.add_answer(address("gigadb.org", 60, "192.0.2.1"));
    answer
}

#[tokio::test]
async fn a_server_is_asked_and_says_whether_it_speaks_for_the_zone() {
    let server = serve(|q, _, _| bytes(&right(q))).await;
    let answer = ask(3000, server.at).await.unwrap();
    assert!(answer.authoritative);
    assert_eq!(answer.addresses, ["192.0.2.1".parse().unwrap()].into());
    assert_eq!(answer.ttl, Duration::from_secs(60));
    assert_eq!(*server.seen.lock().unwrap(), [Way::Udp]);
}

#[tokio::test]
async fn lost_datagrams_are_sent_again() {
    let server = serve(|q, _, before| if before < 2 { vec![] } else { bytes(&right(q)) }).await;
    assert!(ask(900, server.at).await.is_ok());
    assert_eq!(server.seen.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_truncated_answer_is_asked_for_again_over_tcp() {
    let server = serve(|q, way, _| {
        let mut answer = if way == Way::Udp { reply(q) } else { right(q) };
        answer.metadata.truncation = way == Way::Udp;
        bytes(&answer)
    })
    .await;
    assert_eq!(ask(3000, server.at).await.unwrap().addresses.len(), 1);
    assert_eq!(*server.seen.lock().unwrap(), [Way::Udp, Way::Tcp]);
}

#[tokio::test]
async fn strays_and_forgeries_before_the_answer_are_passed_over() {
    let server = serve(|q, _, _| {
        let mut forged = right(q);
        forged.metadata.id = forged.metadata.id.wrapping_add(1);
        forged.answers = vec![address("gigadb.org", 60, "203.0.113.66")];
        vec![b"junk".to_vec(), forged.to_vec().unwrap(), right(q).to_vec().unwrap()]
    })
    .await;
    assert_eq!(ask(3000, server.at).await.unwrap().addresses, ["192.0.2.1".parse().unwrap()].into());
}

#[tokio::test]
async fn an_answer_from_another_address_is_not_heard() {
    let server = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let elsewhere = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = server.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        let (length, from) = server.recv_from(&mut buffer).await.unwrap();
        let question = Message::from_vec(&buffer[..length]).unwrap();
        let mut forged = right(&question);
        forged.answers = vec![address("gigadb.org", 60, "203.0.113.66")];
        elsewhere.send_to(&forged.to_vec().unwrap(), from).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        server.send_to(&right(&question).to_vec().unwrap(), from).await.unwrap();
    });
    assert_eq!(ask(3000, at).await.unwrap().addresses, ["192.0.2.1".parse().unwrap()].into());
}

#[tokio::test]
async fn a_silent_server_costs_one_timeout_and_no_more() {
    for truncated in [false, true] {
        // Silent at once, or with a truncated answer and a TCP side that never answers.
        let server = serve(move |q, way, _| {
            let mut answer = reply(q);
            answer.metadata.truncation = true;
            if truncated && way == Way::Udp { bytes(&answer) } else { vec![] }
        })
        .await;
        let began = Wall::now();
        let error = ask(300, server.at).await.unwrap_err();
        assert!(matches!(error, ResolveError::NoAnswer { .. }), "{error}");
        assert!((250..900).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn codes_are_failures_by_name() {
    for (code, text) in [(ResponseCode::ServFail, "SERVFAIL"), (ResponseCode::Refused, "REFUSED")] {
        let server = serve(move |q, _, _| {
            let mut answer = reply(q);
            answer.metadata.response_code = code;
            bytes(&answer)
        })
        .await;
        let error = ask(3000, server.at).await.unwrap_err();
        assert_eq!(error.to_string(), format!("{} answered {text} for gigadb.org", server.at));
    }
}

#[tokio::test]
async fn a_dead_resolver_leaves_time_for_the_next_one() {
    let dead = serve(|_, _, _| vec![]).await;
    let alive = serve(|q, _, _| bytes(&right(q))).await;
    let answer = dns(600, vec![dead.at, alive.at]).look_up(&gigadb(), AddressKind::V4).await.unwrap();
    assert_eq!(answer.addresses.len(), 1);
}

fn zone_of_two(q: &Message) -> Message {
    let mut answer = reply(q);
    let query = &q.queries[0];
    match (query.name.to_ascii().as_str(), query.query_type) {
        ("gigadb.org.", RecordType::NS) => {
            answer.add_answers([ns("gigadb.org", "ns1.example"), ns("gigadb.org", "ns2.example")]);
        }
        ("ns1.example.", RecordType::A) => {
            answer.add_answer(address("ns1.example", 60, "192.0.2.53"));
        }
        ("ns1.example.", RecordType::AAAA) => {
            answer.add_answer(address("ns1.example", 60, "2001:db8::53"));
        }
        ("ns2.example.", RecordType::A) => {
            answer.add_answer(address("ns2.example", 60, "192.0.2.54"));
        }
        _ => {}
    }
    answer
}

#[tokio::test]
async fn every_address_of_every_name_server_is_found() {
    let system = serve(|q, _, _| bytes(&zone_of_two(q))).await;
    let zone = ZoneName::new("gigadb.org").unwrap();
    let found = dns(3000, vec![system.at]).authorities(&zone).await.unwrap();
    let shown: Vec<String> = found.iter().map(|server| format!("{server} {}", server.at)).collect();
    assert_eq!(
        shown,
        ["ns1.example 192.0.2.53:53", "ns1.example [2001:db8::53]:53", "ns2.example 192.0.2.54:53"]
    );
}

#[tokio::test]
async fn a_name_server_that_cannot_be_looked_up_is_not_left_out() {
    let system = serve(|q, _, _| {
        let mut answer = zone_of_two(q);
        if q.queries[0].name == crate::testing::name("ns2.example") {
            answer = reply(q);
            answer.metadata.response_code = ResponseCode::ServFail;
        }
        bytes(&answer)
    })
    .await;
    let zone = ZoneName::new("gigadb.org").unwrap();
    let error = dns(3000, vec![system.at]).authorities(&zone).await.unwrap_err();
    assert!(error.to_string().contains("ns2.example"), "{error}");
}

#[tokio::test]
async fn a_zone_without_name_servers_is_said_so() {
    let system = serve(|q, _, _| bytes(&reply(q))).await;
    let zone = ZoneName::new("gigadb.org").unwrap();
    let error = dns(3000, vec![system.at]).authorities(&zone).await.unwrap_err();
    assert!(matches!(error, ResolveError::NoAuthorities { .. }), "{error}");
}
