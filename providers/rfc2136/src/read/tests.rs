use hickory_proto::rr::rdata::{CNAME, TXT};

use super::*;
use crate::testing::{address, soa};

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn ask(text: &str, kind: RecordType) -> Ask {
    Ask::new(&DnsName::new(text).unwrap(), kind).unwrap()
}

fn answer(ask: &Ask, records: Vec<Record>) -> Message {
    let mut message = Message::response(1, OpCode::Query);
    message.add_query(ask.query.clone());
    message.add_answers(records);
    message
}

#[test]
fn what_stands_behind_an_alias_is_not_the_names_own() {
    let ask = ask("www.gigadb.org", RecordType::A);
    let alias = Record::from_rdata(name("www.gigadb.org."), 60, RData::CNAME(CNAME(name("gigadb.org."))));
    let message = answer(&ask, vec![alias, address(name("gigadb.org."), "192.0.2.1")]);
    assert!(ask.is_answered_by(&message));
    assert!(ask.records(&message).is_empty());
}

#[test]
fn a_transfer_is_complete_with_its_second_soa_and_not_before() {
    let ask = ask("gigadb.org", RecordType::AXFR);
    let apex = || name("gigadb.org.");
    let text = Record::from_rdata(apex(), 60, RData::TXT(TXT::new(vec!["v=spf1 -all".into()])));
    let mut transfer = Transfer::default();
    assert_eq!(transfer.take(&answer(&ask, vec![soa(apex())]), 50), Progress::More);
    assert_eq!(transfer.take(&answer(&ask, vec![address(apex(), "192.0.2.1"), text]), 50), Progress::More);
    assert_eq!(transfer.take(&answer(&ask, vec![soa(apex())]), 50), Progress::Complete);
    let kinds: Vec<String> = transfer.into_records().iter().map(|r| r.kind().to_string()).collect();
    assert_eq!(kinds, ["SOA", "A", "TXT"]);
}

#[test]
fn a_transfer_that_is_too_large_or_starts_in_the_middle_is_not_used() {
    let ask = ask("gigadb.org", RecordType::AXFR);
    let middle = answer(&ask, vec![address(name("gigadb.org."), "192.0.2.1")]);
    assert_eq!(Transfer::default().take(&middle, 50), Progress::Unusable);
    let whole = answer(&ask, vec![soa(name("gigadb.org."))]);
    assert_eq!(Transfer::default().take(&whole, MOST_TRANSFER + 1), Progress::Unusable);
}

#[test]
fn a_name_is_asked_for_every_type_that_decides_where_clients_go() {
    let names = [DnsName::new("gigadb.org").unwrap()].into();
    let kinds: Vec<RecordType> = Ask::all(&names).unwrap().iter().map(|ask| ask.query.query_type).collect();
    for kind in [RecordType::A, RecordType::AAAA, RecordType::CNAME, RecordType::HTTPS, RecordType::NS] {
        assert!(kinds.contains(&kind), "{kind}");
    }
}
