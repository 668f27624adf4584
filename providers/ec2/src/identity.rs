//! Who asks: the access key that a request was really signed with, shortened and hashed.

use std::sync::{Arc, OnceLock};

use aws_sdk_sts::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_sts::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sts::error::BoxError;
use sha2::{Digest, Sha256};

/// Learns the access key id of one call from its `Authorization` header: what was sent, not what was configured.
#[derive(Debug, Clone, Default)]
pub(crate) struct SignedWith(Arc<OnceLock<String>>);

impl SignedWith {
    /// The access key id, once a request was signed.
    pub(crate) fn key(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

impl Intercept for SignedWith {
    fn name(&self) -> &'static str {
        "SignedWith"
    }

    fn read_after_signing(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(key) = context.request().headers().get("authorization").and_then(key_in) {
            let _first_one_stays = self.0.set(key.to_owned());
        }
        Ok(())
    }
}

/// `AWS4-HMAC-SHA256 Credential=AKIA…/20261121/ap-east-1/sts/aws4_request, SignedHeaders=…`:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html>.
fn key_in(authorization: &str) -> Option<&str> {
    let (_, rest) = authorization.split_once("Credential=")?;
    rest.split_once('/').map(|(key, _)| key).filter(|key| !key.is_empty())
}

/// An access key id as it is shown: `AKIA…WXYZ`. It is no secret, but it need not be spread either.
pub(crate) fn shortened(key: &str) -> String {
    let letters: Vec<char> = key.chars().collect();
    let (start, end): (String, String) =
        (letters.iter().take(4).collect(), letters.iter().rev().take(4).rev().collect());
    if letters.len() < 12 { "…".to_owned() } else { format!("{start}…{end}") }
}

/// The SHA-256 of an access key id, in hexadecimal, so that two can be compared in full.
pub(crate) fn fingerprint(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_read_from_what_was_sent() {
        let header = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261121/ap-east-1/sts/aws4_request, Signature=0";
        assert_eq!(key_in(header), Some("AKIAIOSFODNN7EXAMPLE"));
        assert_eq!(key_in("Bearer x"), None);
    }

    #[test]
    fn a_key_is_shown_by_its_ends_only() {
        assert_eq!(shortened("AKIAIOSFODNN7EXAMPLE"), "AKIA…MPLE");
        assert_eq!(shortened("AKIA1234"), "…");
    }
}
