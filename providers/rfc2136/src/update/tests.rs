use hickory_proto::op::ResponseCode;
use switchover::model::{Record as ModelRecord, RecordId, RecordValue};

use super::*;

fn zone() -> ZoneName {
    ZoneName::new("gigadb.org").unwrap()
}

fn a(ip: &str) -> RecordData {
    RecordData::A(ip.parse().unwrap())
}

fn record(name: &str, data: RecordData) -> ModelRecord {
    let value = RecordValue { data, ttl: Ttl::Seconds(300) };
    ModelRecord { id: RecordId(String::new()), name: DnsName::new(name).unwrap(), value, proxied: false }
}

fn change(name: &str, before: RecordData, after: RecordData, ttl: Ttl) -> RecordChange {
    RecordChange { before: record(name, before), after: RecordValue { data: after, ttl } }
}

fn shown(records: &[Record]) -> Vec<String> {
    let line = |r: &Record| format!("{} {} {} {} {}", r.name, r.ttl, r.dns_class, r.record_type(), r.data);
    records.iter().map(line).collect()
}

#[test]
fn a_change_is_a_prerequisite_a_deletion_and_an_addition() {
    let sixty = Ttl::Seconds(60);
    let list = [
        change("files.gigadb.org", a("192.0.2.1"), a("192.0.2.2"), sixty),
        change("gigadb.org", a("192.0.2.1"), a("192.0.2.2"), sixty),
    ];
    let sets = changes(&zone(), &list).unwrap();
    let message = message(&zone(), &sets, 7).unwrap();
    assert_eq!((message.metadata.id, message.metadata.op_code), (7, OpCode::Update));
    assert_eq!(message.metadata.response_code, ResponseCode::NoError);
    assert_eq!(message.queries, [Query::query(Name::from_ascii("gigadb.org.").unwrap(), RecordType::SOA)]);
    assert_eq!(
        shown(&message.answers),
        ["files.gigadb.org. 0 IN A 192.0.2.1", "gigadb.org. 0 IN A 192.0.2.1"]
    );
    assert_eq!(
        shown(&message.authorities),
        [
            "files.gigadb.org. 0 ANY A UPDATE",
            "files.gigadb.org. 60 IN A 192.0.2.2",
            "gigadb.org. 0 ANY A UPDATE",
            "gigadb.org. 60 IN A 192.0.2.2",
        ]
    );
}

#[test]
fn a_proof_drops_what_its_prerequisite_says_is_not_there() {
    let records = [record("gigadb.org", a("192.0.2.0")), record("gigadb.org", a("192.0.2.1"))];
    let sets = unchanged(&zone(), &records).unwrap();
    let message = message(&zone(), &sets, 7).unwrap();
    assert_eq!(message.answers.len(), 2);
    assert_eq!(shown(&message.authorities), ["gigadb.org. 0 NONE A 192.0.2.2"]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let sixty = Ttl::Seconds(60);
    let v6 = RecordData::Aaaa("2001:db8::1".parse().unwrap());
    let mx = RecordData::Other { kind: "MX".into(), text: "10 mail".into() };
    let cases = [
        (vec![change("gigadb.host", a("192.0.2.1"), a("192.0.2.2"), sixty)], "does not lie in the zone"),
        (vec![change("gigadb.org", a("192.0.2.1"), v6, sixty)], "from A to AAAA"),
        (vec![change("gigadb.org", mx.clone(), mx, sixty)], "not MX"),
        (vec![change("gigadb.org", a("192.0.2.1"), a("192.0.2.2"), Ttl::Auto)], "a TTL of auto"),
        (vec![change("gigadb.org", a("192.0.2.1"), a("192.0.2.2"), Ttl::Seconds(1 << 31))], "2147483647"),
        (
            vec![
                change("gigadb.org", a("192.0.2.1"), a("192.0.2.3"), sixty),
                change("gigadb.org", a("192.0.2.2"), a("192.0.2.4"), Ttl::Seconds(61)),
            ],
            "one TTL",
        ),
    ];
    for (list, words) in cases {
        let error = changes(&zone(), &list).unwrap_err().to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
}

#[test]
fn every_batch_fits_into_a_message_and_no_set_is_torn() {
    let long = "a".repeat(60);
    let list: Vec<RecordChange> = (0..3000)
        .flat_map(|n| {
            let name = format!("{long}.{long}.{n}.gigadb.org");
            [
                change(&name, a("192.0.2.1"), a("192.0.2.3"), Ttl::Seconds(60)),
                change(&name, a("192.0.2.2"), a("192.0.2.4"), Ttl::Seconds(60)),
            ]
        })
        .collect();
    let sets = changes(&zone(), &list).unwrap();
    assert_eq!(sets.len(), 3000);
    let batches = batches(sets.clone());
    assert!(batches.len() > 10);
    assert_eq!(batches.concat(), sets);
    for batch in &batches {
        let bytes = message(&zone(), batch, 1).unwrap().to_vec().unwrap();
        assert!(bytes.len() <= MOST_BYTES + 100, "{}", bytes.len());
    }
}
