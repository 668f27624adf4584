use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use super::*;
use crate::read::Ask;
use crate::testing::{Act, Request, SECRET, now, options};

fn key() -> Key {
    Key::new(&options("127.0.0.1:53"), &SecretString::from(SECRET)).unwrap()
}

fn exchange() -> (Signed, Vec<u8>) {
    let zone = switchover::model::ZoneName::new("gigadb.org").unwrap();
    let signed = key().sign(Ask::apex(&zone).unwrap().message(99), now()).unwrap();
    let message = Message::from_vec(&signed.bytes).unwrap();
    let request = Request { message, mac: signed.mac.clone() };
    assert_eq!(request.kind(), RecordType::SOA);
    let Act::Send(answer) = request.signed(&request.reply(ResponseCode::NoError)) else { unreachable!() };
    (signed, answer)
}

#[test]
fn hickory_takes_our_signature_and_we_take_its() {
    let (signed, answer) = exchange();
    let secret = BASE64.decode(SECRET.as_bytes()).unwrap();
    let name = Name::from_ascii("key.").unwrap();
    let theirs = hickory_proto::rr::TSigner::new(secret, TsigAlgorithm::HmacSha256, name, 60).unwrap();
    theirs.verify_message_byte(&signed.bytes, None, true).unwrap();
    assert_eq!(key().open(&answer, &signed.mac, true, now()).unwrap().seal, Seal::Good);
}

#[test]
fn no_altered_answer_is_taken_and_none_brings_us_down() {
    let (signed, answer) = exchange();
    let key = key();
    for place in 0..answer.len() {
        for bit in 0..8 {
            let mut altered = answer.clone();
            altered[place] ^= 1 << bit;
            let seal = key.open(&altered, &signed.mac, true, now()).map(|opened| opened.seal);
            // Not covered: the id as it stands in the header (the original one is in the signature), the header's reserved
            // bit, which hickory drops, the class and TTL of the signature's record, and the case of its names.
            let fixed = place < 2 || (place, bit) == (3, 6) || (35..41).contains(&place);
            let harmless = fixed || answer[place].is_ascii_alphabetic() && bit == 5;
            assert!(harmless || seal != Some(Seal::Good), "byte {place}, bit {bit}");
        }
        assert!(key.open(&answer[..place], &signed.mac, true, now()).is_none_or(|o| o.seal != Seal::Good));
    }
}

#[test]
fn a_signature_is_good_for_its_time_only() {
    let (signed, answer) = exchange();
    for (shift, good) in [(0, true), (50, true), (70, false)] {
        for time in [now() + shift, now() - shift] {
            let seal = key().open(&answer, &signed.mac, true, time).unwrap().seal;
            assert_eq!(seal == Seal::Good, good, "{shift}");
        }
    }
}

#[test]
fn secrets_are_base64_and_are_not_shown() {
    let make = |secret: &str| Key::new(&options("127.0.0.1:53"), &SecretString::from(secret));
    assert!(make(" bm90IHRoZSBzZWNyZXQ=\n").is_ok());
    assert!(make("bm90IHRoZSBzZWNyZXQ").is_ok());
    assert_eq!(make(" ").unwrap_err(), Rfc2136Error::NoSecret("the environment variable KEY".into()));
    let error = make("not-base64-hunter2!").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    let shown = format!("{:?}", key());
    assert!(!shown.contains("116, 101, 115, 116") && shown.contains("REDACTED"), "{shown}");
}

#[test]
fn a_key_needs_a_name() {
    for name in ["", ".", "a..b"] {
        let options = Rfc2136Options { key_name: name.into(), ..options("127.0.0.1:53") };
        let error = Key::new(&options, &SecretString::from(SECRET)).unwrap_err();
        assert!(matches!(error, Rfc2136Error::KeyName(_)), "{name}");
    }
}
