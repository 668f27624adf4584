//! Signatures as Standard Webhooks 1.0.0 has them: HMAC-SHA256 over id, time and body
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).

use std::fmt;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use sha2::Sha256;

/// What a key begins with, for easy identification.
const PREFIX: &str = "whsec_";
/// How many bytes a key may have (the specification's "192 bits, 512 maximum").
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// Why a text is no key. Never holds any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is no base64.
    #[error("the key is no base64 after `{PREFIX}`; make one with `echo {PREFIX}$(openssl rand -base64 32)`")]
    NoBase64,
    /// It is too short or too long.
    #[error(
        "the key has {0} bytes and must have {least} to {most}; make one with `echo {PREFIX}$(openssl rand -base64 32)`",
        least = LENGTHS.start(), most = LENGTHS.end()
    )]
    Length(usize),
}

/// A key that sender and receiver share.
pub struct Key(SecretSlice<u8>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// Reads a key as it is handed around: base64, with `whsec_` before it or without.
    pub fn new(text: &SecretString) -> Result<Self, KeyError> {
        let text = text.expose_secret().trim();
        let bytes = BASE64.decode(text.strip_prefix(PREFIX).unwrap_or(text).as_bytes());
        let bytes = bytes.map_err(|_| KeyError::NoBase64)?;
        if LENGTHS.contains(&bytes.len()) {
            Ok(Self(bytes.into()))
        } else {
            Err(KeyError::Length(bytes.len()))
        }
    }

    /// The signature of a message, as it stands in the header: `v1,BASE64`.
    pub(crate) fn sign(&self, id: &str, seconds: i64, body: &str) -> String {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104 section 2)")]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).expect("any length is a key");
        mac.update(format!("{id}.{seconds}.{body}").as_bytes());
        format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with Python's `hmac`, `hashlib` and `base64`.
    #[test]
    fn a_signature_is_the_one_that_others_make() {
        let key = Key::new(&SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let body = r#"{"test": 2432232314}"#;
        let signature = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn texts_that_are_no_key_are_refused_and_not_shown() {
        let key = |text: &str| Key::new(&SecretString::from(text)).map(drop);
        assert_eq!(key("whsec_s3cret!"), Err(KeyError::NoBase64));
        assert_eq!(key("whsec_c2hvcnQ="), Err(KeyError::Length(5)));
        assert!(!key("whsec_s3cret!").unwrap_err().to_string().contains("s3cret"));
        assert_eq!(format!("{:?}", Key(vec![1; 24].into())), "Key(…)");
    }
}
