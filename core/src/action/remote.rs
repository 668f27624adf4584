//! What a remote service's refusals mean for a step.

use std::time::Duration;

use super::{Acted, Look};
use crate::port::{ReleaseError, RemoteError, SettingError};

/// What a failed look means.
pub(super) fn unseen(error: &RemoteError) -> Look {
    let text = error.to_string();
    match error {
        RemoteError::Throttled { .. } | RemoteError::Unavailable { .. } | RemoteError::Unknown { .. } => {
            Look::Unseen(text)
        }
        RemoteError::NotFound { .. }
        | RemoteError::Unauthorized { .. }
        | RemoteError::Forbidden { .. }
        | RemoteError::Rejected { .. } => Look::Refused(text),
    }
}

/// What a failed call means.
pub(super) fn failed(error: &RemoteError, in_flight: Duration) -> Acted {
    let text = error.to_string();
    match error {
        RemoteError::Throttled { .. } | RemoteError::Unavailable { .. } => Acted::Later(text),
        RemoteError::Unknown { .. } => Acted::Unknown { why: text, in_flight },
        RemoteError::NotFound { .. }
        | RemoteError::Unauthorized { .. }
        | RemoteError::Forbidden { .. }
        | RemoteError::Rejected { .. } => Acted::Refused(text),
    }
}

pub(super) fn release_unseen(error: &ReleaseError) -> Look {
    match error {
        ReleaseError::Remote(error) => unseen(error),
        ReleaseError::NoEnvironment(_)
        | ReleaseError::Obstructed { .. }
        | ReleaseError::NoDeployment { .. } => Look::Refused(error.to_string()),
    }
}

pub(super) fn release_failed(error: &ReleaseError, in_flight: Duration) -> Acted {
    match error {
        ReleaseError::Remote(error) => failed(error, in_flight),
        ReleaseError::Obstructed { .. } => Acted::NotReady(error.to_string()),
        ReleaseError::NoEnvironment(_) | ReleaseError::NoDeployment { .. } => {
            Acted::Refused(error.to_string())
        }
    }
}

pub(super) fn setting_unseen(error: &SettingError) -> Look {
    match error {
        SettingError::Remote(error) => unseen(error),
        SettingError::Hidden { .. } | SettingError::Unfit { .. } => Look::Refused(error.to_string()),
    }
}

pub(super) fn setting_failed(error: &SettingError, in_flight: Duration) -> Acted {
    match error {
        SettingError::Remote(error) => failed(error, in_flight),
        SettingError::Hidden { .. } | SettingError::Unfit { .. } => Acted::Refused(error.to_string()),
    }
}
