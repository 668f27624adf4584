//! Which backups are kept and which are removed, and why: a pure decision over a list of backups.
//!
//! ```text
//! Policy ─┐
//! backups ├─► decide ──► one Decision a backup: keep or remove, with reasons in plain words
//! Now ────┘
//! ```
//!
//! A backup is kept if one rule asks for it, and removed only if none does. The rules that a user sets are counts: the `last` newest
//! ones, and the newest of each of the newest days, ISO weeks and months that have a backup at all. A period without a backup is not
//! counted, so a pair that was off for a month does not lose its older backups for that.
//!
//! Whatever the policy says, these are never removed:
//!
//! * the newest complete backup, and the newest complete one that was verified;
//! * one that may still be in the making: the one named as running, and a partial one until a day after the time in its key;
//! * one that is younger than that;
//! * one whose key lies in the future: some clock is wrong, and age cannot be told. It does not take a place in the counts either;
//! * a damaged one as long as there is no complete one: the little that it holds may be all that there is.
//!
//! To remove what a decision says and to decide again removes nothing more. A policy that asks for more never keeps less.

mod policy;
mod reason;
mod rules;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

pub use policy::{Counts, Policy, PolicyError};
pub use reason::{Period, Reason, Rule};

use crate::model::{Backup, BackupKey};

/// The moment of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Now {
    /// The time of the day in the time zone of the schedule, in which keys are written too.
    pub time: DateTime,
    /// The backup that is being made, restored or verified, if the caller knows of one.
    pub running: Option<BackupKey>,
}

/// What becomes of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It stays.
    Keep,
    /// It is to be removed.
    Remove,
}

/// What becomes of one backup, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The backup.
    pub key: BackupKey,
    /// Whether it stays.
    pub verdict: Verdict,
    /// Every rule that keeps it; or, if it is removed, why no rule does. Never empty.
    pub reasons: Vec<Reason>,
}

/// Decides about every backup of one store at one location, in the order given. Two with the same key share one fate, because a backup
/// is removed by its key.
pub fn decide(policy: &Policy, backups: &[Backup], now: &Now) -> Vec<Decision> {
    let rules = rules::Rules::new(policy, backups, now);
    let reasons: Vec<_> = backups.iter().map(|backup| rules.reasons_to_keep(backup)).collect();
    let kept: BTreeSet<&BackupKey> = backups
        .iter()
        .zip(&reasons)
        .filter(|(_, reasons)| !reasons.is_empty())
        .map(|(b, _)| &b.key)
        .collect();
    let decision = |(backup, reasons): (&Backup, Vec<Reason>)| {
        let key = backup.key.clone();
        if !reasons.is_empty() {
            return Decision { key, verdict: Verdict::Keep, reasons };
        }
        if kept.contains(&key) {
            return Decision { key, verdict: Verdict::Keep, reasons: vec![Reason::SameKey] };
        }
        Decision { key, verdict: Verdict::Remove, reasons: rules.reasons_to_remove(backup) }
    };
    backups.iter().zip(reasons).map(decision).collect()
}
