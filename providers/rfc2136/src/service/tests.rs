use std::time::Instant;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::Name;
use hickory_proto::rr::RecordType;
use hickory_proto::rr::rdata::tsig::{TSIG, TsigAlgorithm, TsigError, make_tsig_record};
use switchover::model::{RecordData, RecordId, RecordValue, Ttl};

use super::*;
use crate::testing::{Act, Request, SECRET, address, now, service, soa, stage};

/// A secret that is not the server's.
const WRONG: &[u8] = b"bm90IHRoZSBzZWNyZXQ=";

/// What the server does with each request.
type Script = fn(&Request) -> Vec<Act>;

fn zone() -> ZoneName {
    ZoneName::new("gigadb.org").unwrap()
}

fn names() -> BTreeSet<DnsName> {
    [zone().apex().clone()].into()
}

fn record() -> Record {
    Record {
        id: RecordId(String::new()),
        name: zone().apex().clone(),
        value: RecordValue { data: RecordData::A("192.0.2.10".parse().unwrap()), ttl: Ttl::Seconds(300) },
        proxied: false,
    }
}

fn changes() -> [RecordChange; 1] {
    let after = RecordValue { data: RecordData::A("192.0.2.20".parse().unwrap()), ttl: Ttl::Seconds(60) };
    [RecordChange { before: record(), after }]
}

async fn change(act: Script) -> Result<(), NameError> {
    let stage = stage(move |request, _| act(request)).await;
    let began = Instant::now();
    let result = stage.service.change(&zone(), &changes()).await;
    assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
    result
}

fn ok(request: &Request) -> Message {
    request.reply(ResponseCode::NoError)
}

#[tokio::test]
async fn a_signed_answer_is_believed() {
    change(|request| vec![request.signed(&ok(request))]).await.unwrap();
}

#[tokio::test]
async fn without_an_answer_that_can_be_believed_the_outcome_is_unknown() {
    let cases: [(&str, Script); 11] = [
        ("no answer within 400 ms", |_| vec![]),
        ("the server hung up", |_| vec![Act::Close]),
        ("no DNS message", |_| vec![Act::Send(b"HTTP/1.1 400 Bad Request".to_vec())]),
        ("no DNS message", |_| vec![Act::Send(vec![])]),
        ("the server hung up", |r| {
            let Act::Send(whole) = r.signed(&ok(r)) else { unreachable!() };
            vec![Act::Raw([&[0, 200], &whole[..20]].concat()), Act::Close]
        }),
        ("to something else", |r| {
            let mut other = ok(r);
            other.metadata.id ^= 1;
            vec![r.signed(&other)]
        }),
        ("to something else", |r| {
            let mut other = ok(r);
            other.metadata.op_code = OpCode::Query;
            vec![r.signed(&other)]
        }),
        ("NOERROR is not signed", |r| vec![Act::Send(ok(r).to_vec().unwrap())]),
        ("REFUSED is not signed", |r| vec![Act::Send(r.reply(ResponseCode::Refused).to_vec().unwrap())]),
        ("its signature is wrong", |r| vec![Act::Send(r.sign(&ok(r), WRONG, now(), None))]),
        ("out of date", |r| vec![Act::Send(r.sign(&ok(r), SECRET.as_bytes(), now() - 100, None))]),
    ];
    for (words, act) in cases {
        match change(act).await {
            Err(NameError::Unknown { why, .. }) => assert!(why.contains(words), "{words}: {why}"),
            other => panic!("{words}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_answer_to_another_request_is_not_believed() {
    let other = Request { message: Message::query(), mac: vec![7; 32] };
    let stage = stage(move |r, _| vec![Act::Send(other.sign(&ok(r), SECRET.as_bytes(), now(), None))]).await;
    let error = stage.service.change(&zone(), &changes()).await.unwrap_err();
    assert!(matches!(error, NameError::Unknown { .. }), "{error}");
}

#[tokio::test]
async fn a_late_answer_is_not_taken_for_the_next_one() {
    let stage = stage(|request, before| match before {
        0 => vec![Act::Wait(Duration::from_millis(600)), request.signed(&ok(request))],
        _ => vec![
            Act::Wait(Duration::from_millis(300)),
            request.signed(&request.reply(ResponseCode::ServFail)),
        ],
    })
    .await;
    let first = stage.service.change(&zone(), &changes()).await.unwrap_err();
    assert!(matches!(first, NameError::Unknown { .. }), "{first}");
    let second = stage.service.change(&zone(), &changes()).await.unwrap_err();
    assert!(matches!(second, NameError::Rejected { code: Some(2), .. }), "{second}");
}

#[tokio::test]
async fn what_was_never_sent_cannot_have_been_applied() {
    let at = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (service, meter) = service(at);
    for result in [
        service.change(&zone(), &changes()).await,
        service.prove_write(&zone(), &[record()]).await,
        service.read(&zone(), &names()).await.map(|_| ()),
    ] {
        let error = result.unwrap_err();
        assert!(matches!(error, NameError::Unavailable { .. }), "{error}");
        assert!(error.to_string().contains("refused"), "{error}");
    }
    assert_eq!(meter.total(), 0);
}

#[tokio::test]
async fn signed_codes_promise_that_nothing_was_applied() {
    let of = async |code| {
        let stage = stage(move |request, _| {
            let update = request.message.metadata.op_code == OpCode::Update;
            let reply = if update { request.reply(code) } else { request.truth() };
            vec![request.signed(&reply)]
        })
        .await;
        stage.service.change(&zone(), &changes()).await.unwrap_err()
    };
    for code in [ResponseCode::NXRRSet, ResponseCode::YXRRSet, ResponseCode::NXDomain, ResponseCode::YXDomain]
    {
        assert!(matches!(of(code).await, NameError::Conflict { .. }));
    }
    assert!(matches!(of(ResponseCode::Refused).await, NameError::Forbidden { code: Some(5), .. }));
    assert!(matches!(of(ResponseCode::NotAuth).await, NameError::ZoneNotFound { .. }));
    for code in [ResponseCode::ServFail, ResponseCode::FormErr, ResponseCode::NotImp, ResponseCode::NotZone] {
        let number = Some(u32::from(u16::from(code)));
        assert!(matches!(of(code).await, NameError::Rejected { code, .. } if code == number));
    }
}

/// The answer of a server that does not share the key: `NOTAUTH`, and why, unsigned.
fn unsigned(request: &Request, error: TsigError) -> Vec<u8> {
    let mut reply = request.reply(ResponseCode::NotAuth);
    let id = reply.metadata.id;
    let tsig = TSIG::new(TsigAlgorithm::HmacSha256, now(), 60, vec![], id, Some(error), vec![]);
    reply.set_signature(Box::new(make_tsig_record(Name::from_ascii("key.").unwrap(), tsig)));
    reply.to_vec().unwrap()
}

#[tokio::test]
async fn a_key_that_is_not_accepted_is_told_apart_from_one_that_may_not_update() {
    let stranger = stage(|r, _| vec![Act::Send(unsigned(r, TsigError::BadKey)), Act::Close]).await;
    let error = stranger.service.change(&zone(), &changes()).await.unwrap_err();
    assert!(matches!(error, NameError::Unauthorized { code: Some(17), .. }), "{error}");

    let reader = stage(|r, _| match r.message.metadata.op_code {
        OpCode::Update => vec![Act::Send(unsigned(r, TsigError::BadKey)), Act::Close],
        _ => vec![r.signed(&r.truth())],
    })
    .await;
    let error = reader.service.change(&zone(), &changes()).await.unwrap_err();
    assert!(matches!(error, NameError::Forbidden { .. }), "{error}");
}

#[tokio::test]
async fn a_server_with_another_time_says_how_far_it_is_off() {
    let error = change(|request| {
        let reply = request.reply(ResponseCode::NotAuth);
        let secret = data_encoding::BASE64.decode(SECRET.as_bytes()).unwrap();
        let name = Name::from_ascii("key.").unwrap();
        let server_time = (now() - 1000).to_be_bytes()[2..].to_vec();
        let bare = TSIG::new(
            TsigAlgorithm::HmacSha256,
            now(),
            60,
            vec![],
            reply.metadata.id,
            Some(TsigError::BadTime),
            server_time,
        );
        let signer =
            hickory_proto::rr::TSigner::new(secret, TsigAlgorithm::HmacSha256, name.clone(), 60).unwrap();
        let covered = signer.encode_response_tbs(&request.mac, &reply.to_vec().unwrap(), &bare).unwrap();
        let mut reply = reply;
        reply.set_signature(Box::new(make_tsig_record(name, bare.set_mac(signer.sign(&covered).unwrap()))));
        vec![Act::Send(reply.to_vec().unwrap())]
    })
    .await
    .unwrap_err();
    assert!(matches!(error, NameError::Unauthorized { code: Some(18), .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("clock is 1000 s ahead of") || text.contains("clock is 1001 s ahead of"), "{text}");
}

#[tokio::test]
async fn a_proof_without_an_answer_is_unavailable_and_not_unknown() {
    let silent = stage(|_, _| vec![]).await;
    let error = silent.service.prove_write(&zone(), &[record()]).await.unwrap_err();
    assert!(matches!(error, NameError::Unavailable { .. }), "{error}");
}

/// A server that does not hand zones over, and answers questions as told.
async fn asked(answer: Script) -> Result<ZoneView, NameError> {
    let stage = stage(move |request, _| match request.kind() {
        RecordType::AXFR => vec![Act::Close],
        _ => answer(request),
    })
    .await;
    stage.service.read(&zone(), &names()).await
}

#[tokio::test]
async fn questions_are_answered_in_any_order() {
    let backlog = std::sync::Mutex::new(Vec::new());
    let stage = stage(move |request, _| {
        let mut backlog = backlog.lock().unwrap();
        if request.kind() == RecordType::AXFR {
            return vec![request.signed(&request.reply(ResponseCode::Refused))];
        }
        backlog.push(request.signed(&request.truth()));
        if backlog.len() == 10 { backlog.drain(..).rev().collect() } else { vec![] }
    })
    .await;
    let view = stage.service.read(&zone(), &names()).await.unwrap();
    assert!(view.records.contains(&record()), "{view:?}");
    assert_eq!(stage.meter.total(), 11);
}

#[tokio::test]
async fn part_of_a_zone_is_never_taken_for_the_whole() {
    let cases: [(&str, Script); 8] = [
        ("no answer within", |r| if r.kind() == RecordType::A { vec![] } else { vec![r.signed(&r.truth())] }),
        ("no usable answer", |r| {
            if r.kind() == RecordType::A { vec![Act::Close] } else { vec![r.signed(&r.truth())] }
        }),
        ("not signed", |r| vec![Act::Send(r.truth().to_vec().unwrap())]),
        ("signature is wrong", |r| vec![Act::Send(r.sign(&r.truth(), WRONG, now(), None))]),
        ("twice", |r| match r.kind() {
            RecordType::A => vec![],
            RecordType::SOA => vec![r.signed(&r.truth()), r.signed(&r.truth())],
            _ => vec![r.signed(&r.truth())],
        }),
        ("answers no question", |r| {
            let mut other = r.truth();
            other.queries[0].name = Name::from_ascii("evil.org.").unwrap();
            vec![r.signed(&other)]
        }),
        ("SERVFAIL", |r| vec![r.signed(&r.reply(ResponseCode::ServFail))]),
        ("delegated", |r| {
            let mut referral = r.truth();
            referral.metadata.authoritative = r.kind() == RecordType::SOA;
            vec![r.signed(&referral)]
        }),
    ];
    for (words, answer) in cases {
        let error = asked(answer).await.unwrap_err();
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
}

#[tokio::test]
async fn a_server_without_the_zone_is_said_so() {
    let cases: [Script; 3] = [
        |r| vec![r.signed(&r.reply(ResponseCode::Refused))],
        |r| vec![Act::Send(r.reply(ResponseCode::Refused).to_vec().unwrap())],
        |r| vec![r.signed(&r.reply(ResponseCode::NXDomain))],
    ];
    for answer in cases {
        let error = asked(answer).await.unwrap_err();
        assert!(matches!(error, NameError::ZoneNotFound { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_transfer_that_breaks_off_is_not_used() {
    let apex = || Name::from_ascii("gigadb.org.").unwrap();
    let part = move |request: &Request, address_only: bool| {
        let mut reply = request.reply(ResponseCode::NoError);
        if !address_only {
            reply.add_answer(soa(apex()));
        }
        reply.add_answer(address(apex(), "203.0.113.66"));
        reply
    };
    // Cut off before the second SOA, started without one, with a second message that is not signed over the first.
    for case in 0..3 {
        let stage = stage(move |request, _| match (request.kind(), case) {
            (RecordType::AXFR, 0) => vec![request.signed(&part(request, false)), Act::Close],
            (RecordType::AXFR, 1) => vec![request.signed(&part(request, true))],
            (RecordType::AXFR, _) => {
                let mut end = request.reply(ResponseCode::NoError);
                end.add_answer(soa(apex()));
                vec![request.signed(&part(request, false)), request.signed(&end)]
            }
            _ => vec![request.signed(&request.truth())],
        })
        .await;
        let view = stage.service.read(&zone(), &names()).await.unwrap();
        let addresses: Vec<String> =
            view.records.iter().filter_map(|r| r.value.data.address()).map(|ip| ip.to_string()).collect();
        assert_eq!(addresses, ["192.0.2.10"], "case {case}");
        stage.service.read(&zone(), &names()).await.unwrap();
        let kinds: Vec<RecordType> = stage.seen.lock().unwrap().iter().map(Request::kind).collect();
        assert_eq!(kinds.iter().filter(|kind| **kind == RecordType::AXFR).count(), 1, "tried once");
    }
}

#[tokio::test]
async fn a_whole_zone_comes_in_one_request() {
    let apex = Name::from_ascii("gigadb.org.").unwrap();
    let stage = stage(move |request, _| {
        let mut reply = request.reply(ResponseCode::NoError);
        reply.add_answers([soa(apex.clone()), address(apex.clone(), "192.0.2.10"), soa(apex.clone())]);
        vec![request.signed(&reply)]
    })
    .await;
    let view = stage.service.read(&zone(), &names()).await.unwrap();
    assert_eq!(view.records.len(), 2);
    assert_eq!(stage.meter.total(), 1);
}

#[tokio::test]
async fn names_outside_the_zone_are_refused_before_anything_is_sent() {
    let stage = stage(|_, _| vec![]).await;
    let outside: BTreeSet<DnsName> = [DnsName::new("gigadb.host").unwrap()].into();
    let error = stage.service.read(&zone(), &outside).await.unwrap_err();
    assert!(error.to_string().contains("gigadb.host does not lie in the zone"), "{error}");
    assert_eq!(stage.meter.total(), 0);
}

#[tokio::test]
async fn nothing_to_change_sends_nothing() {
    let stage = stage(|_, _| vec![]).await;
    stage.service.change(&zone(), &[]).await.unwrap();
    stage.service.prove_write(&zone(), &[]).await.unwrap();
    assert_eq!(stage.meter.total(), 0);
}

#[test]
fn the_time_in_flight_is_kept_by_the_signature() {
    let (service, _) = service("127.0.0.1:53".parse().unwrap());
    assert_eq!(service.in_flight(), Duration::from_secs(120));
    assert_eq!(service.key.fudge(), 60);
}
