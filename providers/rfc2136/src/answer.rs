//! What an answer's code and signature mean. Pure.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::tsig::TsigError;
use switchover::model::ZoneName;
use switchover::port::NameError;

use crate::key::{Opened, Seal};

/// What was asked, of whom and when: enough to say what went wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) zone: &'a ZoneName,
    pub(crate) key_name: &'a str,
    pub(crate) fudge: u16,
    /// When the message was signed, in seconds since 1970.
    pub(crate) at: u64,
}

/// What became of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was applied, or there was nothing to apply.
    Done,
    /// A prerequisite did not hold; nothing was applied.
    Stale,
    /// It was refused; nothing was applied.
    Refused(NameError),
    /// The server says, unsigned, that it does not accept the key for this. Knot says so for a key that it does not know, for
    /// one that may not update, and for a zone that it does not hold; a question tells which.
    NotAccepted(NameError),
    /// Nobody knows.
    Unknown(String),
}

impl Asked<'_> {
    /// What became of an update, by its answer.
    ///
    /// Only a signed answer is believed, with one exception: `NOTAUTH`, which the standard has unsigned when the server
    /// does not share the key (RFC 8945 section 5.3.2).
    pub(crate) fn outcome(&self, answer: &Opened) -> Outcome {
        let code = answer.message.metadata.response_code;
        match (&answer.seal, code) {
            (Seal::Good, code) => self.signed_outcome(code),
            (Seal::BadTime(server), _) => Outcome::Refused(self.clock(*server)),
            (Seal::Refused(error), ResponseCode::NotAuth) => Outcome::NotAccepted(self.bad_key(Some(*error))),
            (Seal::Missing, ResponseCode::NotAuth) => Outcome::NotAccepted(self.bad_key(None)),
            (Seal::Refused(_) | Seal::Missing, code) => {
                Outcome::Unknown(format!("the answer {} is not signed", name(code)))
            }
            (Seal::Broken(why), code) => {
                Outcome::Unknown(format!("the answer {} is not to be trusted: {why}", name(code)))
            }
        }
    }

    /// The codes of RFC 2136 section 2.2.
    fn signed_outcome(&self, code: ResponseCode) -> Outcome {
        match code {
            ResponseCode::NoError => Outcome::Done,
            ResponseCode::NXRRSet
            | ResponseCode::YXRRSet
            | ResponseCode::NXDomain
            | ResponseCode::YXDomain => Outcome::Stale,
            ResponseCode::Refused => Outcome::Refused(self.may_not_update(Some(code))),
            ResponseCode::NotAuth => Outcome::Refused(self.no_zone()),
            code => Outcome::Refused(self.rejected(code)),
        }
    }

    /// Why an answer to a question is none; `None` if it is one, signed. Nothing was to be changed, so an unsigned refusal is
    /// believed: it is an error either way.
    pub(crate) fn refusal(&self, answer: &Opened) -> Option<NameError> {
        let code = answer.message.metadata.response_code;
        match (&answer.seal, code) {
            (Seal::Good, ResponseCode::NoError | ResponseCode::NXDomain) => None,
            (Seal::Good | Seal::Missing, ResponseCode::Refused) | (Seal::Good, ResponseCode::NotAuth) => {
                Some(self.no_zone())
            }
            (Seal::BadTime(server), _) => Some(self.clock(*server)),
            (Seal::Refused(error), _) => Some(self.bad_key(Some(*error))),
            (Seal::Missing, ResponseCode::NotAuth) => Some(self.bad_key(None)),
            (Seal::Missing, ResponseCode::NoError | ResponseCode::NXDomain) => {
                Some(self.unusable("the answer is not signed"))
            }
            (Seal::Good | Seal::Missing, code) => Some(self.rejected(code)),
            (Seal::Broken(why), _) => Some(self.unusable(&format!("the answer is not to be trusted: {why}"))),
        }
    }

    pub(crate) fn unusable(&self, why: &str) -> NameError {
        NameError::Unavailable { zone: self.zone.clone(), why: why.to_owned() }
    }

    pub(crate) fn no_zone(&self) -> NameError {
        NameError::ZoneNotFound { zone: self.zone.clone(), near: Vec::new() }
    }

    pub(crate) fn may_not_update(&self, code: Option<ResponseCode>) -> NameError {
        NameError::Forbidden {
            zone: self.zone.clone(),
            what: "change its records",
            code: code.map(number),
            message: format!(
                "the server knows the key `{}` and does not let it update the zone",
                self.key_name
            ),
        }
    }

    fn rejected(&self, code: ResponseCode) -> NameError {
        NameError::Rejected {
            zone: self.zone.clone(),
            code: Some(number(code)),
            message: format!("the server answered {}", name(code)),
        }
    }

    fn bad_key(&self, error: Option<TsigError>) -> NameError {
        let key = self.key_name;
        let message = match error {
            Some(TsigError::BadSig) => format!("the secret of the key `{key}` is not the server's (BADSIG)"),
            Some(TsigError::BadKey) => {
                format!(
                    "the server does not accept the key `{key}`: its name or algorithm is not the server's (BADKEY)"
                )
            }
            Some(TsigError::BadTime) => "the server's clock is too far from this machine's (BADTIME)".into(),
            Some(TsigError::BadTrunc) => "the server wants a longer signature (BADTRUNC)".into(),
            Some(TsigError::Unknown(code)) => format!("the server refuses the signature (TSIG error {code})"),
            None => {
                format!("the server does not accept the key `{key}`, or does not hold the zone (NOTAUTH)")
            }
        };
        let code = error.map_or(number(ResponseCode::NotAuth), |error| u32::from(u16::from(error)));
        NameError::Unauthorized { zone: self.zone.clone(), code: Some(code), message }
    }

    fn clock(&self, server: u64) -> NameError {
        let apart = self.at.abs_diff(server);
        let side = if self.at > server { "ahead of" } else { "behind" };
        NameError::Unauthorized {
            zone: self.zone.clone(),
            code: Some(u32::from(u16::from(TsigError::BadTime))),
            message: format!(
                "this machine's clock is {apart} s {side} the server's, and a signature is good for {} s (BADTIME); set the clocks",
                self.fudge
            ),
        }
    }
}

fn number(code: ResponseCode) -> u32 {
    u32::from(u16::from(code))
}

/// The code's name as the standards spell it.
fn name(code: ResponseCode) -> String {
    match code {
        ResponseCode::NoError => "NOERROR".into(),
        ResponseCode::FormErr => "FORMERR (it cannot read the message; does it know TSIG?)".into(),
        ResponseCode::ServFail => "SERVFAIL (it failed; its log says why)".into(),
        ResponseCode::NXDomain => "NXDOMAIN".into(),
        ResponseCode::NotImp => "NOTIMP (it does not take updates)".into(),
        ResponseCode::Refused => "REFUSED".into(),
        ResponseCode::NotAuth => "NOTAUTH".into(),
        ResponseCode::NotZone => "NOTZONE (a name does not lie in the zone)".into(),
        other => format!("code {}", number(other)),
    }
}
