//! What RDS says that an instance or a snapshot is doing, and what that means for whoever waits.
//!
//! <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html> lists an instance's states.

use aws_sdk_rds::types::{DbInstance, DbSnapshot};

/// What a state means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It can be used, and changed.
    Ready,
    /// It is busy, and will be ready.
    Busy(String),
    /// It will not be ready without a person.
    Broken(String),
}

/// What an instance's state means.
pub(crate) fn of_instance(instance: &DbInstance) -> Phase {
    instance_phase(instance.db_instance_status().unwrap_or("unknown"))
}

fn instance_phase(status: &str) -> Phase {
    let status = status.to_ascii_lowercase();
    match status.as_str() {
        // It goes on for hours after a restore, and the instance serves all the while.
        "available" | "storage-optimization" => Phase::Ready,
        "failed"
        | "restore-error"
        | "storage-full"
        | "insufficient-capacity"
        | "inaccessible-encryption-credentials"
        | "inaccessible-encryption-credentials-recoverable"
        | "stopped"
        | "stopping"
        | "deleting" => Phase::Broken(status),
        _ if status.starts_with("incompatible-") => Phase::Broken(status),
        // `creating`, `backing-up`, `modifying`, `renaming`, `rebooting`, `upgrading`, `configuring-…`, and what AWS may add.
        _ => Phase::Busy(status),
    }
}

/// What a snapshot's state means.
pub(crate) fn of_snapshot(snapshot: &DbSnapshot) -> Phase {
    let status = snapshot.status().unwrap_or("unknown").to_ascii_lowercase();
    match status.as_str() {
        "available" => Phase::Ready,
        "failed" | "deleting" | "error" => Phase::Broken(status),
        _ if status.starts_with("incompatible-") => Phase::Broken(status),
        _ => Phase::Busy(status),
    }
}

/// What to do about a broken instance.
pub(crate) fn advice(status: &str) -> &'static str {
    match status {
        "storage-full" => "give it more storage",
        "stopped" | "stopping" => "start it",
        "insufficient-capacity" => "choose another class, or wait until AWS has room",
        "deleting" => "wait until it is gone",
        _ => "look at its events in the RDS console",
    }
}

/// Whether a read replica replays, in RDS's words: `Ok` with its state, or `Err` with what is wrong.
///
/// `StatusInfos` tells it under the type `read replication`, and leaves it out while there is nothing to say:
/// <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBInstanceStatusInfo.html>.
pub(crate) fn of_replication(instance: &DbInstance) -> Result<String, String> {
    let info = instance.status_infos().iter().find(|info| info.status_type() == Some("read replication"));
    match info {
        None => Ok("replicating".to_owned()),
        Some(info) => {
            let state = info.status().unwrap_or("unknown").to_owned();
            let message = info.message().filter(|text| !text.is_empty());
            let words = message
                .map_or_else(|| state.clone(), |text| format!("{state}: {}", switchover_aws::plain(text)));
            if info.normal().unwrap_or(true) && state == "replicating" { Ok(state) } else { Err(words) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_waited_for_or_told() {
        for status in [
            "creating",
            "backing-up",
            "modifying",
            "renaming",
            "rebooting",
            "upgrading",
            "maintenance",
            "configuring-log-exports",
            "resetting-master-credentials",
            "moving-to-vpc",
            "a-state-of-next-year",
        ] {
            assert_eq!(instance_phase(status), Phase::Busy(status.into()));
        }
        for status in [
            "failed",
            "incompatible-restore",
            "incompatible-network",
            "incompatible-parameters",
            "storage-full",
            "restore-error",
            "deleting",
            "stopped",
        ] {
            assert_eq!(instance_phase(status), Phase::Broken(status.into()));
        }
        assert_eq!(instance_phase("available"), Phase::Ready);
    }
}
