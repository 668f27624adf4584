//! TSIG (RFC 8945): signs messages and checks the signatures of answers. The only place that sees the secret.

use data_encoding::{BASE64, BASE64_NOPAD};
use hickory_proto::op::Message;
use hickory_proto::rr::rdata::TSIG;
use hickory_proto::rr::rdata::tsig::{
    TsigAlgorithm, TsigError, make_tsig_record, message_tbs, signed_bitmessage_to_buf,
};
use hickory_proto::rr::{Name, Record};
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use crate::options::{Rfc2136Error, Rfc2136Options};

/// A TSIG key.
#[derive(Debug)]
pub(crate) struct Key {
    name: Name,
    algorithm: TsigAlgorithm,
    secret: SecretSlice<u8>,
    fudge: u16,
}

/// A message ready to be sent.
#[derive(Debug)]
pub(crate) struct Signed {
    pub(crate) bytes: Vec<u8>,
    /// The signature, which the answer's signature covers.
    pub(crate) mac: Vec<u8>,
}

/// What an answer's signature says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seal {
    /// It is the server's answer to what was sent.
    Good,
    /// It is the server's answer: its clock, which read this, is too far from the clock here.
    BadTime(u64),
    /// There is no signature, and the server (or anybody) says why.
    Refused(TsigError),
    /// There is no signature at all.
    Missing,
    /// There is one, and it is wrong.
    Broken(&'static str),
}

/// An answer and what its signature says about it.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) message: Message,
    pub(crate) seal: Seal,
    /// Its signature, which the next message of a transfer covers.
    pub(crate) mac: Vec<u8>,
}

impl Key {
    /// Reads the secret, which is base64 with or without its padding.
    pub(crate) fn new(options: &Rfc2136Options, secret: &SecretString) -> Result<Self, Rfc2136Error> {
        let text = secret.expose_secret().trim().as_bytes();
        let bytes = BASE64
            .decode(text)
            .or_else(|_| BASE64_NOPAD.decode(text))
            .map_err(|_| Rfc2136Error::Secret(options.key.to_string()))?;
        if bytes.is_empty() {
            return Err(Rfc2136Error::NoSecret(options.key.to_string()));
        }
        let bad_name = || Rfc2136Error::KeyName(options.key_name.escape_debug().to_string());
        let mut name = Name::from_ascii(&options.key_name).map_err(|_| bad_name())?.to_lowercase();
        name.set_fqdn(true);
        if name.is_root() {
            return Err(bad_name());
        }
        let algorithm = options.algorithm.into();
        Ok(Self { name, algorithm, secret: bytes.into(), fudge: options.fudge() })
    }

    /// For how many seconds a signature is good, before and after the time it names.
    pub(crate) fn fudge(&self) -> u16 {
        self.fudge
    }

    /// Signs a message at a time (seconds since 1970). `None` if it cannot be put into wire format.
    pub(crate) fn sign(&self, mut message: Message, now: u64) -> Option<Signed> {
        let bare = TSIG::new(
            self.algorithm.clone(),
            now,
            self.fudge,
            Vec::new(),
            message.metadata.id,
            None,
            Vec::new(),
        );
        let covered = message_tbs(&message, &bare, &self.name).ok()?;
        let mac = self.algorithm.mac_data(self.secret.expose_secret(), &covered).ok()?;
        message.set_signature(Box::new(make_tsig_record(self.name.clone(), bare.set_mac(mac.clone()))));
        Some(Signed { bytes: message.to_vec().ok()?, mac })
    }

    /// Reads an answer and checks its signature. `previous` is the signature of what it answers, or of the message before it
    /// in a transfer; `first` is whether it is the first answer. `None` if the bytes are no DNS message.
    pub(crate) fn open(&self, bytes: &[u8], previous: &[u8], first: bool, now: u64) -> Option<Opened> {
        let message = Message::from_vec(bytes).ok()?;
        let (seal, mac) = match message.signature() {
            Some(signature) => {
                (self.seal(bytes, signature, previous, first, now), signature.data.mac.clone())
            }
            None => (Seal::Missing, Vec::new()),
        };
        Some(Opened { message, seal, mac })
    }

    fn seal(&self, bytes: &[u8], signature: &Record<TSIG>, previous: &[u8], first: bool, now: u64) -> Seal {
        let tsig = &signature.data;
        // "Unsigned TSIG error responses" (RFC 8945 section 5.3.2) have an empty signature; to check it would only say that it
        // is too short.
        if let (Some(error), true) = (tsig.error, tsig.mac.is_empty()) {
            return Seal::Refused(error);
        }
        if signature.name != self.name || tsig.algorithm != self.algorithm {
            return Seal::Broken("it is signed with another key");
        }
        let Ok((covered, _)) = signed_bitmessage_to_buf(bytes, Some(previous), first) else {
            return Seal::Broken("its signature cannot be read");
        };
        if self.algorithm.verify_mac(self.secret.expose_secret(), &covered, &tsig.mac).is_err() {
            return Seal::Broken("its signature is wrong");
        }
        match tsig.error {
            None if now.abs_diff(tsig.time) > u64::from(tsig.fudge) => {
                Seal::Broken("its signature is out of date")
            }
            None => Seal::Good,
            Some(TsigError::BadTime) => Seal::BadTime(server_time(&tsig.other)),
            Some(error) => Seal::Refused(error),
        }
    }
}

/// The server's clock in a `BADTIME` answer: 48 bits, seconds since 1970 (RFC 8945 section 5.2.3).
fn server_time(other: &[u8]) -> u64 {
    other.iter().take(6).fold(0, |time, byte| (time << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests;
