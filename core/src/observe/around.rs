//! What stands around the pair: status pages of the systems that it stands on, and whether people can be told.

use super::{Finding, FindingKind, Observation, Place};
use crate::model::{Pair, StatusGate, StatusPageName};
use crate::port::{AnnounceError, CheckFailure, RoleTableError};

pub(super) fn understand(pair: &Pair, observation: &Observation, findings: &mut Vec<Finding>) {
    for (page, said) in &observation.status_pages {
        findings.extend(said.as_ref().err().map(|failure| reported(pair, page, failure)));
    }
    for (announcer, proof) in &observation.announcers {
        let place = Place::Announcer { announcer: announcer.clone() };
        findings.extend(proof.as_ref().err().map(|error| {
            let message = format!("people could not be told by {announcer}: {error}");
            Finding::warning(FindingKind::AnnouncerUnfit, place, message).suggest(Some(how_to_tell(error)))
        }));
    }
    let table = observation.role_table.as_ref().and_then(|proof| proof.as_ref().err());
    findings.extend(table.map(|error| {
        let message = format!("the role table could not be kept true: {error}");
        Finding::warning(FindingKind::RoleTableUnfit, Place::RoleTable, message).suggest(how_to_write(error))
    }));
}

/// Trouble, or no word: a warning, unless the page is a gate.
fn reported(pair: &Pair, page: &StatusPageName, failure: &CheckFailure) -> Finding {
    let place = Place::StatusPage { page: page.clone() };
    let (kind, message) = match failure {
        CheckFailure::Wrong { at, found, expected } => {
            let message = format!("the status page {page} ({at}) says: {found}; a swap wants {expected}");
            (FindingKind::TroubleReported, message)
        }
        CheckFailure::NoAnswer { at, why } => {
            let message = format!("the status page {page} ({at}) says nothing: {why}");
            (FindingKind::StatusPageSilent, message)
        }
    };
    match pair.status_pages.get(page) {
        Some(StatusGate::Gate) => Finding::error(kind, place, message)
            .suggest(Some("wait until it is over, or make the page advisory: `gate = false`".to_owned())),
        Some(StatusGate::Advisory) | None => Finding::warning(kind, place, message),
    }
}

fn how_to_tell(error: &AnnounceError) -> String {
    let what = match error {
        AnnounceError::Throttled { .. } => "wait, and try again",
        AnnounceError::Unavailable { .. } => "check the connection, and try again",
        AnnounceError::Refused { .. } | AnnounceError::Unready { .. } => {
            "check its table in the file and its secret"
        }
    };
    format!("{what}; a swap goes on without it")
}

fn how_to_write(error: &RoleTableError) -> Option<String> {
    match error {
        RoleTableError::Unreadable { .. } => {
            Some("check the path in the file; a swap goes on without it".to_owned())
        }
        RoleTableError::NoPlace { .. } => None,
        RoleTableError::Unwritable { .. } => {
            Some("give the user who swaps the right to write it; a swap goes on without it".to_owned())
        }
        RoleTableError::Changed { .. } => Some("try again".to_owned()),
    }
}
