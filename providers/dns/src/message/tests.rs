use hickory_proto::rr::Record;

use super::*;
use crate::testing::{address, cname, reply, soa};

fn question() -> Question {
    Question::new(&DnsName::new("gigadb.org").unwrap(), RecordType::A).unwrap()
}

fn said(question: &Question, answers: Vec<Record>, authorities: Vec<Record>) -> Message {
    let mut message = reply(&question.message);
    message.add_answers(answers);
    message.add_authorities(authorities);
    message
}

fn ips(answer: &Answer) -> Vec<String> {
    answer.addresses.iter().map(ToString::to_string).collect()
}

#[test]
fn aliases_are_followed_and_the_shortest_ttl_counts() {
    let q = question();
    let answers = vec![
        address("c.gigadb.org", 300, "192.0.2.9"),
        cname("b.gigadb.org", 20, "c.gigadb.org"),
        cname("GigaDB.org", 60, "b.gigadb.org"),
        address("other.org", 1, "192.0.2.66"),
    ];
    let answer = addresses(&q, &said(&q, answers, vec![])).unwrap();
    assert_eq!((ips(&answer), answer.ttl), (vec!["192.0.2.9".into()], Duration::from_secs(20)));
}

#[test]
fn an_alias_loop_ends_without_addresses() {
    let q = question();
    let answers = vec![cname("gigadb.org", 60, "b.org"), cname("b.org", 60, "gigadb.org")];
    assert!(addresses(&q, &said(&q, answers, vec![])).unwrap().addresses.is_empty());
}

#[test]
fn none_is_kept_for_the_soa_minimum_or_its_ttl_and_without_an_soa_not_at_all() {
    let q = question();
    let ttl = |authorities| addresses(&q, &said(&q, vec![], authorities)).unwrap().ttl.as_secs();
    assert_eq!(ttl(vec![soa("gigadb.org", 900, 60)]), 60);
    assert_eq!(ttl(vec![soa("gigadb.org", 30, 60)]), 30);
    assert_eq!(ttl(vec![]), 0);
}

#[test]
fn no_such_name_is_an_answer_and_other_codes_are_failures() {
    let q = question();
    let mut message = said(&q, vec![], vec![]);
    message.metadata.authoritative = true;
    message.metadata.response_code = ResponseCode::NXDomain;
    let answer = addresses(&q, &message).unwrap();
    assert!(answer.addresses.is_empty() && answer.authoritative);
    for code in [ResponseCode::ServFail, ResponseCode::Refused, ResponseCode::NotAuth, ResponseCode::FormErr]
    {
        message.metadata.response_code = code;
        assert_eq!(addresses(&q, &message), Err(code));
    }
}

#[test]
fn only_the_answer_to_this_very_question_counts() {
    let q = question();
    let right = said(&q, vec![address("gigadb.org", 60, "192.0.2.1")], vec![]);
    assert!(q.answered_by(&right.to_vec().unwrap()).is_some());

    let mut wrong_id = right.clone();
    wrong_id.metadata.id ^= 1;
    let mut not_an_answer = right.clone();
    not_an_answer.metadata.message_type = MessageType::Query;
    let mut other_name = right.clone();
    other_name.queries[0].name = crate::testing::name("evil.org");
    let mut other_type = right.clone();
    other_type.queries[0].query_type = RecordType::AAAA;
    let mut no_question = right.clone();
    no_question.queries.clear();
    for wrong in [wrong_id, not_an_answer, other_name, other_type, no_question] {
        assert!(q.answered_by(&wrong.to_vec().unwrap()).is_none(), "{wrong:?}");
    }
    assert!(q.answered_by(b"\xff\x00garbage").is_none());
}

#[test]
fn recursion_is_desired() {
    assert!(question().message.metadata.recursion_desired);
}
