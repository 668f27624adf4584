//! What a refusal means, and the error of the port that says so.
//!
//! Cloudflare documents no list of codes; these are the ones that its API is known to answer. The two for "may not" are
//! also used for tokens that are wrong, so the service is asked about the token itself.

use switchover::model::ZoneName;
use switchover::port::NameError;

use crate::answer::{Failure, Refusal, legible};
use crate::client::Client;
use crate::endpoint::VerifyToken;
use crate::locate;

/// "Invalid request headers", "Invalid format for Authorization header", "Unable to authenticate request".
const BAD_TOKEN: [u32; 3] = [6003, 6111, 10_001];
/// "Authentication error"; "Invalid access token" and "Unauthorized to access requested resource".
const NOT_ALLOWED: [u32; 2] = [10_000, 9109];
/// "Could not route to …, perhaps your object identifier is invalid?", "No route for that URI", "Invalid zone identifier".
const NO_SUCH_ZONE: [u32; 3] = [7003, 7000, 1001];
/// "Record does not exist.", "Invalid DNS record identifier".
const NO_SUCH_RECORD: [u32; 2] = [81_044, 1032];

/// What a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The token is none, or no longer.
    BadToken,
    /// The token is wrong, or may not do this.
    NotAllowed,
    /// There is no such zone.
    NoSuchZone,
    /// There is no such record.
    NoSuchRecord,
    /// Anything else.
    Other,
}

impl Refusal {
    /// What this refusal is about.
    pub(crate) fn meaning(&self) -> Meaning {
        if self.has(&NO_SUCH_RECORD) {
            Meaning::NoSuchRecord
        } else if self.has(&NO_SUCH_ZONE) && matches!(self.status, 400 | 404) {
            Meaning::NoSuchZone
        } else if self.status == 401 || self.has(&BAD_TOKEN) {
            Meaning::BadToken
        } else if self.status == 403 || self.has(&NOT_ALLOWED) {
            Meaning::NotAllowed
        } else {
            Meaning::Other
        }
    }
}

/// Whether an error says that the zone is not where it was looked for.
pub(crate) fn zone_is_gone(error: &NameError) -> bool {
    match error {
        NameError::ZoneNotFound { .. } => true,
        NameError::Rejected { code, .. } => code.is_some_and(|code| NO_SUCH_ZONE.contains(&code)),
        NameError::Unauthorized { .. }
        | NameError::Forbidden { .. }
        | NameError::Throttled { .. }
        | NameError::Conflict { .. }
        | NameError::Unavailable { .. }
        | NameError::Unknown { .. } => false,
    }
}

/// The error for a request that changes nothing, or for one that is known not to have been applied.
pub(crate) async fn unchanged(
    client: &Client,
    zone: &ZoneName,
    what: &'static str,
    failure: Failure,
) -> NameError {
    match failure {
        Failure::Throttled(retry_after) => NameError::Throttled { zone: zone.clone(), retry_after },
        Failure::Refused(refusal) => refused(client, zone, what, &refusal).await,
        Failure::NotSent(_) | Failure::Silent(_) | Failure::OutOfOrder(_) | Failure::Garbled(_) => {
            NameError::Unavailable { zone: zone.clone(), why: failure.to_string() }
        }
    }
}

/// The error for a refusal.
pub(crate) async fn refused(
    client: &Client,
    zone: &ZoneName,
    what: &'static str,
    refusal: &Refusal,
) -> NameError {
    match refusal.meaning() {
        Meaning::BadToken => unauthorized(zone, refusal.code(), refusal.to_string()),
        Meaning::NotAllowed => denied(client, zone, what, refusal).await,
        Meaning::NoSuchZone => locate::not_found(client, zone, refusal).await,
        Meaning::NoSuchRecord | Meaning::Other => rejected(zone, refusal.code(), refusal.to_string()),
    }
}

pub(crate) fn rejected(zone: &ZoneName, code: Option<u32>, message: String) -> NameError {
    NameError::Rejected { zone: zone.clone(), code, message }
}

/// Asks about the token: one that is active may not do `what`; any other is no good for anything.
async fn denied(client: &Client, zone: &ZoneName, what: &'static str, refusal: &Refusal) -> NameError {
    let verify = VerifyToken { account: client.account().map(str::to_owned) };
    match client.patient(&verify, client.patience()).await {
        Ok(page) if page.result.status == "active" => forbidden(zone, what, refusal, ""),
        Ok(page) => {
            unauthorized(zone, refusal.code(), format!("the token is {}", legible(&page.result.status)))
        }
        Err(Failure::Refused(token)) => {
            let hint = match client.account() {
                Some(_) => "",
                None => "; if an account owns the token, and not a user, set `account`",
            };
            let message = format!("{refusal}; asked about the token: {token}{hint}");
            unauthorized(zone, refusal.code(), message)
        }
        Err(_) => forbidden(zone, what, refusal, " (whether the token is valid at all could not be asked)"),
    }
}

fn forbidden(zone: &ZoneName, what: &'static str, refusal: &Refusal, note: &str) -> NameError {
    let (zone, code) = (zone.clone(), refusal.code());
    NameError::Forbidden { zone, what, code, message: format!("{refusal}{note}") }
}

fn unauthorized(zone: &ZoneName, code: Option<u32>, message: String) -> NameError {
    NameError::Unauthorized { zone: zone.clone(), code, message }
}
