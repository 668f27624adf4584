use super::*;
use crate::testing::{address, bytes, reply, serve};

async fn check(options: DnsCheckOptions, authoritative: bool) -> Result<(), CheckFailure> {
    let server = serve(move |q, _, _| {
        let mut answer = reply(q);
        answer.metadata.authoritative = authoritative;
        if q.queries[0].name == crate::testing::name("gigadb.org") {
            answer.add_answer(address("gigadb.org", 60, "192.0.2.1"));
        }
        bytes(&answer)
    })
    .await;
    let subject = Subject { name: DnsName::new("gigadb.org").unwrap(), address: server.at.ip() };
    DnsCheck::new(DnsCheckOptions { port: server.at.port(), ..options }).run(&subject).await
}

#[tokio::test]
async fn any_record_passes_unless_one_is_expected() {
    check(DnsCheckOptions::default(), false).await.unwrap();
    let expect = |text: &str| DnsCheckOptions { expect: Some(text.into()), ..DnsCheckOptions::default() };
    check(expect("192.0.2.1"), false).await.unwrap();
    let error = check(expect("192.0.2.2"), false).await.unwrap_err().to_string();
    assert!(error.ends_with("answered 192.0.2.1, expected the record `192.0.2.2`"), "{error}");
}

#[tokio::test]
async fn no_record_is_a_wrong_answer() {
    let name = DnsName::new("missing.org").ok();
    let options = DnsCheckOptions { name, ..DnsCheckOptions::default() };
    assert!(matches!(check(options, true).await, Err(CheckFailure::Wrong { .. })));
}

#[tokio::test]
async fn the_zones_own_server_can_be_required() {
    let options = DnsCheckOptions { authoritative: true, ..DnsCheckOptions::default() };
    check(options.clone(), true).await.unwrap();
    assert!(matches!(check(options, false).await, Err(CheckFailure::Wrong { .. })));
}

#[tokio::test]
async fn a_silent_server_is_no_answer() {
    let server = serve(|_, _, _| vec![]).await;
    let timeout = Period(Duration::from_millis(200));
    let check =
        DnsCheck::new(DnsCheckOptions { port: server.at.port(), timeout, ..DnsCheckOptions::default() });
    let subject = Subject { name: DnsName::new("gigadb.org").unwrap(), address: server.at.ip() };
    let error = check.run(&subject).await.unwrap_err();
    assert!(error.to_string().contains("no answer within 200 ms"), "{error}");
}

#[test]
fn options_are_read_by_their_names_in_the_file() {
    let text = r#"{"type": "AAAA", "expect": "::1", "timeout": "1s"}"#;
    let options: DnsCheckOptions = serde_json::from_str(text).unwrap();
    assert_eq!((options.kind, options.port), (QuestionKind::Aaaa, 53));
    assert!(serde_json::from_str::<DnsCheckOptions>(r#"{"types": "A"}"#).is_err());
}
