//! The rules, one by one, over the backups that count.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::DateTime;

use super::reason::{Period, Reason, Rule};
use super::{Now, Policy};
use crate::model::{Backup, BackupKey, BackupState, Verification};

/// What the rules look at, worked out once.
pub(super) struct Rules<'a> {
    now: &'a Now,
    everything: bool,
    /// The periods of each rule that counts.
    shelves: Vec<Shelf>,
    last: u32,
    /// Keys of complete backups that are not in the future, newest first.
    counted: Vec<&'a BackupKey>,
    any_complete: bool,
    last_verified: Option<&'a BackupKey>,
    /// The oldest one that may still be in the making.
    running: Option<&'a BackupKey>,
}

/// One rule that counts periods: the newest backup of each, newest period first.
struct Shelf {
    rule: Rule,
    count: u32,
    periods: Vec<(Period, BackupKey)>,
}

impl<'a> Rules<'a> {
    pub(super) fn new(policy: &Policy, backups: &'a [Backup], now: &'a Now) -> Self {
        let complete = || backups.iter().filter(|backup| backup.state == BackupState::Complete);
        let mut counted: Vec<_> = complete().map(|b| &b.key).filter(|key| !future(key, now)).collect();
        counted.sort_unstable_by(|a, b| b.cmp(a));
        counted.dedup();
        let counts = policy.counts().copied().unwrap_or_default();
        let shelf = |rule, count| Shelf { rule, count, periods: periods(rule, &counted) };
        let shelves =
            [(Rule::Daily, counts.daily), (Rule::Weekly, counts.weekly), (Rule::Monthly, counts.monthly)];
        Self {
            now,
            everything: policy.counts().is_none(),
            shelves: shelves.into_iter().filter(|(_, count)| *count > 0).map(|(r, n)| shelf(r, n)).collect(),
            last: counts.last,
            any_complete: complete().next().is_some(),
            last_verified: complete()
                .filter(|b| verified(b))
                .map(|b| &b.key)
                .filter(|k| !future(k, now))
                .max(),
            running: backups.iter().filter(|b| unfinished(b, now)).map(|b| &b.key).chain(&now.running).min(),
            counted,
        }
    }

    /// Every rule that keeps a backup.
    pub(super) fn reasons_to_keep(&self, backup: &Backup) -> Vec<Reason> {
        let mut reasons = match &backup.state {
            BackupState::Complete => self.complete(&backup.key),
            BackupState::Partial => {
                unfinished(backup, self.now).then_some(Reason::Unfinished).into_iter().collect()
            }
            BackupState::Damaged { .. } if self.everything => vec![Reason::Everything],
            BackupState::Damaged { .. } => {
                (!self.any_complete).then_some(Reason::NothingBetter).into_iter().collect()
            }
        };
        if self.now.running.as_ref() == Some(&backup.key) {
            reasons.push(Reason::Running);
        }
        if future(&backup.key, self.now) {
            reasons.push(Reason::InTheFuture);
        }
        if let Some(running) = self.running.filter(|running| **running < backup.key) {
            reasons.push(Reason::YoungerThan { running: running.clone() });
        }
        reasons
    }

    fn complete(&self, key: &BackupKey) -> Vec<Reason> {
        if self.everything {
            return vec![Reason::Everything];
        }
        let Some(place) = self.counted.iter().position(|counted| *counted == key) else { return Vec::new() };
        let newest = (rank(place) <= self.last).then(|| Reason::Newest { rank: rank(place), of: self.last });
        let complete = (place == 0).then_some(Reason::NewestComplete);
        let verified = (self.last_verified == Some(key)).then_some(Reason::LastVerified);
        let counted = self.shelves.iter().filter_map(|shelf| shelf.keeps(key));
        newest.into_iter().chain(counted).chain(complete).chain(verified).collect()
    }

    /// Why none of the rules keeps a backup.
    pub(super) fn reasons_to_remove(&self, backup: &Backup) -> Vec<Reason> {
        match &backup.state {
            BackupState::Partial => vec![Reason::Abandoned],
            BackupState::Damaged { why } => vec![Reason::Damaged { why: why.clone() }],
            BackupState::Complete => {
                let last = Reason::Beyond { rule: Rule::Last, count: self.last };
                let last = (self.last > 0).then_some(last);
                last.into_iter().chain(self.shelves.iter().map(|shelf| shelf.passes(&backup.key))).collect()
            }
        }
    }
}

impl Shelf {
    fn keeps(&self, key: &BackupKey) -> Option<Reason> {
        let place = self.periods.iter().position(|(_, newest)| newest == key)?;
        let (period, _) = self.periods.get(place)?;
        let (rule, rank, of) = (self.rule, rank(place), self.count);
        (rank <= of).then_some(Reason::NewestOf { period: *period, rule, rank, of })
    }

    /// Why the rule does not keep a backup: its period is beyond the count, or has a newer one.
    fn passes(&self, key: &BackupKey) -> Reason {
        let own = period(self.rule, key);
        let place = self.periods.iter().position(|(period, _)| *period == own);
        let newer =
            place.filter(|place| rank(*place) <= self.count).and_then(|place| self.periods.get(place));
        match newer {
            Some((period, by)) => Reason::Superseded { rule: self.rule, period: *period, by: by.clone() },
            None => Reason::Beyond { rule: self.rule, count: self.count },
        }
    }
}

fn rank(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX).saturating_add(1)
}

/// The periods that have a backup, newest first, each with its newest.
fn periods(rule: Rule, counted: &[&BackupKey]) -> Vec<(Period, BackupKey)> {
    let mut newest = BTreeMap::new();
    for key in counted {
        newest.entry(period(rule, key)).or_insert_with(|| (*key).clone());
    }
    newest.into_iter().rev().collect()
}

fn period(rule: Rule, key: &BackupKey) -> Period {
    let date = key.date();
    match rule {
        Rule::Last | Rule::Daily => Period::Day(date),
        Rule::Weekly => {
            let week = date.iso_week_date();
            Period::Week(week.year(), week.week())
        }
        Rule::Monthly => Period::Month(date.year(), date.month()),
    }
}

fn future(key: &BackupKey, now: &Now) -> bool {
    key.date().to_datetime(key.time()) > now.time
}

fn verified(backup: &Backup) -> bool {
    let proof = backup.manifest.as_ref().and_then(|manifest| manifest.verified);
    proof.is_some_and(|(how, _)| how > Verification::None)
}

/// Partial, and within a day of the last moment that its key can stand for. A key that names a whole day may have been given right
/// before that day ended.
fn unfinished(backup: &Backup, now: &Now) -> bool {
    let key = &backup.key;
    let days = if key.is_scheduled() { 2 } else { 1 };
    let at = key.date().to_datetime(key.time());
    backup.state == BackupState::Partial && at.checked_add(days.days()).unwrap_or(DateTime::MAX) > now.time
}
