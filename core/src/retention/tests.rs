//! What is kept, in examples and for any list of backups.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, DateTime, date};
use jiff::{Timestamp, ToSpan as _};
use proptest::prelude::*;

use super::*;
use crate::model::{BackupState, Manifest, Verification};

fn key(text: &str) -> BackupKey {
    BackupKey::new(text).unwrap()
}

fn backup(text: &str, state: BackupState, verified: Option<Verification>) -> Backup {
    let manifest = Manifest {
        format: 1,
        key: key(text),
        pair: "gigadb".parse().unwrap(),
        store: crate::model::StoreRef {
            environment: "live".parse().unwrap(),
            store: "metadata".parse().unwrap(),
        },
        source: "hongkong".parse().unwrap(),
        place: "db-hk:5432/gigadb".into(),
        as_of: Timestamp::UNIX_EPOCH,
        finished: Timestamp::UNIX_EPOCH,
        bytes: 1,
        items: BTreeMap::new(),
        digests: BTreeMap::new(),
        files: BTreeMap::new(),
        versions: BTreeMap::new(),
        verified: verified.map(|how| (how, Timestamp::UNIX_EPOCH)),
    };
    Backup { key: key(text), state, place: "/backups".into(), manifest: Some(manifest) }
}

fn complete(text: &str) -> Backup {
    backup(text, BackupState::Complete, None)
}

fn damaged(text: &str) -> Backup {
    backup(text, BackupState::Damaged { why: "metadata.dump is cut short".into() }, None)
}

fn partial(text: &str) -> Backup {
    backup(text, BackupState::Partial, None)
}

fn at(text: &str) -> Now {
    Now { time: text.parse().unwrap(), running: None }
}

fn keep(last: u32, daily: u32, weekly: u32, monthly: u32) -> Policy {
    Policy::new(Counts { last, daily, weekly, monthly }).unwrap()
}

fn told(policy: &Policy, backups: &[Backup], now: &Now) -> String {
    let lines = decide(policy, backups, now).into_iter().map(|decision| {
        let reasons: Vec<_> = decision.reasons.iter().map(ToString::to_string).collect();
        let verdict = match decision.verdict {
            Verdict::Keep => "keep",
            Verdict::Remove => "remove",
        };
        format!("{} {verdict}: {}", decision.key, reasons.join("; "))
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_decision_says_why() {
    let verified = |text| backup(text, BackupState::Complete, Some(Verification::Counts));
    let backups = [
        complete("20260930"),
        damaged("20261001"),
        complete("20261031"),
        complete("20261115"),
        verified("20261117"),
        partial("20261119"),
        complete("20261120"),
        complete("202611201200"),
        complete("20261121"),
        partial("202611211430"),
        complete("202611211500"),
    ];
    insta::assert_snapshot!(told(&keep(1, 2, 2, 2), &backups, &at("2026-11-21T15:02")));
}

#[test]
fn without_a_keep_nothing_is_removed_but_what_was_never_finished() {
    let backups = [partial("20200101"), complete("20200102"), damaged("20200103"), complete("20261121")];
    insta::assert_snapshot!(told(&Policy::EVERYTHING, &backups, &at("2026-11-21T15:02")));
}

#[test]
fn a_keep_that_asks_for_nothing_is_refused_and_no_keep_keeps_everything() {
    assert_eq!(Policy::new(Counts::default()), Err(PolicyError::Nothing));
    assert_eq!(Policy::try_from(None), Ok(Policy::EVERYTHING));
    assert_eq!(Policy::default(), Policy::EVERYTHING);
    assert!(toml::from_str::<Counts>("dayly = 3").is_err());
    assert_eq!(toml::from_str::<Counts>("daily = 3").unwrap().daily, 3);
}

#[test]
fn a_period_without_a_backup_takes_no_place_in_a_count() {
    let backups = [complete("20240101"), complete("20250601"), complete("20261121")];
    let decisions = decide(&keep(0, 3, 0, 0), &backups, &at("2026-11-21T15:02"));
    assert!(decisions.iter().all(|decision| decision.verdict == Verdict::Keep));
}

#[test]
fn weeks_are_those_of_iso_8601_at_the_turn_of_the_year() {
    // Friday 1 January 2027 belongs to week 53 of 2026.
    let backups = [complete("20261228"), complete("20270101"), complete("20270104")];
    insta::assert_snapshot!(told(&keep(0, 0, 2, 0), &backups, &at("2027-01-05T00:00")));
}

#[test]
fn a_partial_backup_is_left_alone_for_a_day_after_the_last_moment_of_its_key() {
    let verdict = |text, now| decide(&keep(1, 0, 0, 0), &[partial(text)], &at(now)).remove(0).verdict;
    assert_eq!(verdict("202611211430", "2026-11-22T14:29"), Verdict::Keep);
    assert_eq!(verdict("202611211430", "2026-11-22T14:30"), Verdict::Remove);
    assert_eq!(verdict("20261121", "2026-11-22T23:59"), Verdict::Keep);
    assert_eq!(verdict("20261121", "2026-11-23T00:00"), Verdict::Remove);
}

#[test]
fn the_one_that_is_named_as_running_stays_whatever_its_key_and_so_does_all_that_is_younger() {
    let backups = [complete("20200101"), partial("20200102"), complete("20200103"), complete("20261121")];
    let now = Now { running: Some(key("20200102")), ..at("2026-11-21T15:02") };
    insta::assert_snapshot!(told(&keep(1, 0, 0, 0), &backups, &now));
}

#[test]
fn a_clock_that_was_set_back_makes_no_backup_old() {
    let backups = [complete("20261120"), complete("202611211400"), complete("202611211500")];
    insta::assert_snapshot!(told(&keep(1, 0, 0, 0), &backups, &at("2026-11-21T14:02")));
}

#[test]
fn what_is_damaged_stays_as_long_as_there_is_nothing_better() {
    let verdicts = |backups: &[Backup]| -> Vec<_> {
        decide(&keep(1, 0, 0, 0), backups, &at("2026-11-21T15:02")).into_iter().map(|d| d.verdict).collect()
    };
    let broken = [damaged("20261118"), damaged("20261119"), partial("20261101")];
    assert_eq!(verdicts(&broken), [Verdict::Keep, Verdict::Keep, Verdict::Remove]);
    let better = [&broken[..], &[complete("20261110")]].concat();
    assert_eq!(verdicts(&better), [Verdict::Remove, Verdict::Remove, Verdict::Remove, Verdict::Keep]);
}

#[test]
fn two_backups_of_one_key_share_their_fate() {
    let backups = [damaged("20261120"), complete("20261120"), complete("20261121")];
    let verdicts: Vec<_> =
        decide(&keep(2, 0, 0, 0), &backups, &at("2026-11-21T15:02")).into_iter().map(|d| d.verdict).collect();
    assert_eq!(verdicts, [Verdict::Keep, Verdict::Keep, Verdict::Keep]);
}

prop_compose! {
    /// Backups of half a year before and a few days after now, at close quarters so that periods and keys collide.
    fn any_backup()(
        days in -180_i32..5, hour in 0_i8..24, whole in any::<bool>(), state in 0..10, verified in 0..4,
    ) -> Backup {
        let day = today().checked_add(days.days()).unwrap();
        let text = if whole { day.strftime("%Y%m%d").to_string() } else { format!("{}{hour:02}30", day.strftime("%Y%m%d")) };
        let state = match state {
            0 => BackupState::Partial,
            1 => BackupState::Damaged { why: "cut short".into() },
            _ => BackupState::Complete,
        };
        let how = [None, Some(Verification::None), Some(Verification::Counts), Some(Verification::Content)];
        let verified = usize::try_from(verified).ok().and_then(|place| how[place]);
        backup(&text, state, verified)
    }
}

prop_compose! {
    fn any_policy()(last in 0_u32..6, daily in 0_u32..6, weekly in 0_u32..6, monthly in 0_u32..6) -> Counts {
        Counts { last: if daily + weekly + monthly == 0 { last.max(1) } else { last }, daily, weekly, monthly }
    }
}

prop_compose! {
    fn any_now()(hour in 0_i8..24, running in proptest::option::of(any_backup())) -> Now {
        Now { time: today().at(hour, 0, 0, 0), running: running.map(|backup| backup.key) }
    }
}

fn today() -> Date {
    date(2026, 11, 21)
}

fn backups() -> impl Strategy<Value = Vec<Backup>> {
    proptest::collection::vec(any_backup(), 0..60)
}

fn kept(policy: &Policy, backups: &[Backup], now: &Now) -> Vec<Backup> {
    let decisions = decide(policy, backups, now);
    assert_eq!(decisions.len(), backups.len());
    assert!(decisions.iter().all(|decision| !decision.reasons.is_empty()));
    let kept = backups.iter().zip(decisions).filter(|(_, decision)| decision.verdict == Verdict::Keep);
    kept.map(|(backup, _)| backup.clone()).collect()
}

fn keys(backups: &[Backup]) -> BTreeSet<BackupKey> {
    backups.iter().map(|backup| backup.key.clone()).collect()
}

fn past(backup: &Backup, now: &Now) -> bool {
    DateTime::from_parts(backup.key.date(), backup.key.time()) <= now.time
}

proptest! {
    #[test]
    fn to_decide_again_removes_nothing_more(counts in any_policy(), backups in backups(), now in any_now()) {
        let policy = Policy::new(counts).unwrap();
        let left = kept(&policy, &backups, &now);
        prop_assert_eq!(&kept(&policy, &left, &now), &left);
    }

    #[test]
    fn what_has_no_better_stays(counts in any_policy(), backups in backups(), now in any_now()) {
        let left = keys(&kept(&Policy::new(counts).unwrap(), &backups, &now));
        let complete = || backups.iter().filter(|b| b.state == BackupState::Complete && past(b, &now));
        if let Some(newest) = complete().map(|b| &b.key).max() {
            prop_assert!(left.contains(newest));
        }
        let verified = |b: &&Backup| b.manifest.as_ref().unwrap().verified.is_some_and(|(how, _)| how > Verification::None);
        if let Some(verified) = complete().filter(verified).map(|b| &b.key).max() {
            prop_assert!(left.contains(verified));
        }
        // A list without any complete one loses only what was never finished.
        if backups.iter().all(|b| b.state != BackupState::Complete) {
            let damaged = |b: &&Backup| matches!(b.state, BackupState::Damaged { .. });
            prop_assert!(backups.iter().filter(damaged).all(|b| left.contains(&b.key)));
        }
    }

    #[test]
    fn what_is_younger_than_one_in_the_making_or_in_the_future_stays(counts in any_policy(), backups in backups(), now in any_now()) {
        let left = keys(&kept(&Policy::new(counts).unwrap(), &backups, &now));
        let fresh = |b: &&Backup| {
            b.state == BackupState::Partial && b.key.date().checked_add(1.day()).unwrap() >= now.time.date()
                && (b.key.is_scheduled() || DateTime::from_parts(b.key.date(), b.key.time()).checked_add(1.day()).unwrap() > now.time)
        };
        let running = backups.iter().filter(fresh).map(|b| &b.key).chain(&now.running).min();
        for backup in &backups {
            prop_assert!(past(backup, &now) || left.contains(&backup.key), "{} is in the future", backup.key);
            prop_assert!(running.is_none_or(|r| backup.key < *r) || left.contains(&backup.key), "{} is younger", backup.key);
        }
    }

    #[test]
    fn counts_are_honoured(counts in any_policy(), backups in backups(), now in any_now()) {
        let decisions = decide(&Policy::new(counts).unwrap(), &backups, &now);
        let candidates: BTreeSet<_> =
            backups.iter().filter(|b| b.state == BackupState::Complete && past(b, &now)).map(|b| b.key.clone()).collect();
        let week = |k: &BackupKey| (k.date().iso_week_date().year(), k.date().iso_week_date().week());
        let distinct = |of: &dyn Fn(&BackupKey) -> String| candidates.iter().map(of).collect::<BTreeSet<_>>().len();
        let expected = [
            (Rule::Last, counts.last, candidates.len()),
            (Rule::Daily, counts.daily, distinct(&|k| k.date().to_string())),
            (Rule::Weekly, counts.weekly, distinct(&|k| format!("{:?}", week(k)))),
            (Rule::Monthly, counts.monthly, distinct(&|k| k.as_str()[..6].to_owned())),
        ];
        for (wanted, count, available) in expected {
            let by_rule = |reason: &Reason| match reason {
                Reason::Newest { .. } => wanted == Rule::Last,
                Reason::NewestOf { rule, .. } => *rule == wanted,
                _ => false,
            };
            let named: BTreeSet<_> =
                decisions.iter().filter(|d| d.reasons.iter().any(by_rule)).map(|d| d.key.clone()).collect();
            prop_assert_eq!(named.len(), available.min(count as usize), "{}", wanted);
        }
    }

    #[test]
    fn who_asks_for_more_keeps_no_less(
        counts in any_policy(), more in [0_u32..3, 0_u32..3, 0_u32..3, 0_u32..3], backups in backups(), now in any_now(),
    ) {
        let [last, daily, weekly, monthly] = more;
        let larger = Counts {
            last: counts.last + last, daily: counts.daily + daily,
            weekly: counts.weekly + weekly, monthly: counts.monthly + monthly,
        };
        let less = keys(&kept(&Policy::new(counts).unwrap(), &backups, &now));
        let more = keys(&kept(&Policy::new(larger).unwrap(), &backups, &now));
        prop_assert!(less.is_subset(&more));
        prop_assert!(more.is_subset(&keys(&kept(&Policy::EVERYTHING, &backups, &now))));
    }

    #[test]
    fn nothing_is_removed_for_no_reason(counts in any_policy(), backups in backups(), now in any_now()) {
        let decisions = decide(&Policy::new(counts).unwrap(), &backups, &now);
        let removed = decisions.iter().zip(&backups).filter(|(d, _)| d.verdict == Verdict::Remove);
        for (decision, backup) in removed {
            let rules = [counts.last, counts.daily, counts.weekly, counts.monthly].iter().filter(|n| **n > 0).count();
            let expected = if backup.state == BackupState::Complete { rules } else { 1 };
            prop_assert_eq!(decision.reasons.len(), expected);
        }
    }
}
