//! Keys, names and other short texts: what can be read is shown as it was read, and sorts by what it means.

#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use switchover::config::{Period, Template};
use switchover::model::{
    AddressName, BackupKey, DnsName, EnvironmentName, PairName, ReleaseName, RunId, SettingName, StepId,
    StoreRef, ZoneName,
};
use switchover::plan::PlanDigest;
use switchover_fuzz::told;

fuzz_target!(|input: &str| {
    let mut lines = input.lines();
    let (one, other) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    for text in [one, other, input] {
        round::<AddressName>(text);
        round::<BackupKey>(text);
        round::<EnvironmentName>(text);
        round::<PairName>(text);
        round::<PlanDigest>(text);
        round::<ReleaseName>(text);
        round::<RunId>(text);
        round::<SettingName>(text);
        round::<StepId>(text);
        round::<StoreRef>(text);
        round::<ZoneName>(text);
        round::<Period>(text);
        told(text.parse::<Template>());
        name(text);
    }
    order(one, other);
});

/// Shown and read again, it is the same.
fn round<T: FromStr<Err: Debug + Display> + Display + Debug + PartialEq>(text: &str) {
    let Some(read) = told(text.parse::<T>()) else { return };
    let shown = read.to_string();
    assert_eq!(shown.parse::<T>().ok().as_ref(), Some(&read), "{shown:?} reads as something else");
    assert!(!shown.chars().any(char::is_control), "{shown:?}");
}

fn name(text: &str) {
    let Ok(name) = DnsName::new(text) else { return };
    assert_eq!(DnsName::new(name.as_str()).as_ref(), Ok(&name));
    assert_eq!(
        DnsName::new(format!("{}.", text.to_uppercase().trim_end_matches('.'))).as_ref(),
        Ok(&name),
        "{text:?}"
    );
    assert!(name.is_within(&name) && name.below(&name) == Some(""));
    if let Some(parent) = name.parent() {
        let below = name.below(&parent).expect("it lies below its parent");
        assert!(name.is_within(&parent) && !parent.is_within(&name));
        assert_eq!(format!("{below}.{parent}"), name.as_str());
    }
}

/// Backups are kept and dropped by the order of their keys.
fn order(one: &str, other: &str) {
    let (Ok(one), Ok(other)) = (BackupKey::new(one), BackupKey::new(other)) else { return };
    let means = |key: &BackupKey| (key.date(), !key.is_scheduled(), key.time());
    assert_eq!(one.cmp(&other), means(&one).cmp(&means(&other)), "{one} and {other}");
}
