//! Data that follows the roles: which store, between which sides, under which key.

use std::fmt;
use std::str::FromStr;

use jiff::Zoned;
use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};

use super::{EnvironmentName, IdError, Pair, PairError, SideName, StoreName};

/// A store of a pair; as text `live/files`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StoreRef {
    /// The environment whose roles it follows.
    pub environment: EnvironmentName,
    /// Its name there.
    pub store: StoreName,
}

impl fmt::Display for StoreRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.environment, self.store))
    }
}

/// A text that names no store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreRefError {
    /// It has no slash.
    #[error("`{}` does not say which environment; write `ENVIRONMENT/STORE`", .0.escape_debug())]
    NoEnvironment(String),
    /// One of its parts is no name.
    #[error(transparent)]
    Name(#[from] IdError),
}

impl FromStr for StoreRef {
    type Err = StoreRefError;
    fn from_str(text: &str) -> Result<Self, StoreRefError> {
        let (environment, store) =
            text.split_once('/').ok_or_else(|| StoreRefError::NoEnvironment(text.to_owned()))?;
        Ok(Self { environment: EnvironmentName::new(environment)?, store: StoreName::new(store)? })
    }
}

impl TryFrom<String> for StoreRef {
    type Error = StoreRefError;
    fn try_from(text: String) -> Result<Self, StoreRefError> {
        text.parse()
    }
}

impl From<StoreRef> for String {
    fn from(store: StoreRef) -> String {
        store.to_string()
    }
}

/// The way data flows: from the side that is production to the other one, and never back.
///
/// There is no other way to make one than [`Direction::of`], which wants the side that *is* production: a sync from the stand-by cannot
/// be written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Direction {
    from: SideName,
    to: SideName,
}

impl Direction {
    /// From the side that holds production at the moment, to its opposite.
    pub fn of(pair: &Pair, production: &SideName) -> Result<Self, PairError> {
        let to = pair.opposite(production)?.name.clone();
        Ok(Self { from: production.clone(), to })
    }

    /// The side that is production.
    pub fn from(&self) -> &SideName {
        &self.from
    }

    /// The side that is the stand-by.
    pub fn to(&self) -> &SideName {
        &self.to
    }

    /// The way data flows once the roles are swapped.
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self { from: self.to.clone(), to: self.from.clone() }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {}", self.from, self.to)
    }
}

/// The key of a backup: `YYYYMMDD` for the scheduled one of a day, `YYYYMMDDHHMM` for one made by hand or by a role swap.
///
/// Keys sort by the time they name; a day's scheduled key stands before every other key of that day.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BackupKey(String);

/// A text that is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no backup key: {why}", text.escape_debug())]
pub struct KeyError {
    /// The text as given.
    pub text: String,
    /// Which rule it breaks.
    pub why: &'static str,
}

impl BackupKey {
    /// Checks that a text is a day, or a day and a minute, of the calendar.
    pub fn new(text: impl Into<String>) -> Result<Self, KeyError> {
        let text = text.into();
        match fault(&text) {
            Some(why) => Err(KeyError { text, why }),
            None => Ok(Self(text)),
        }
    }

    /// The key of a scheduled backup: the day, in the schedule's time zone.
    pub fn scheduled(at: &Zoned) -> Self {
        Self(at.strftime("%Y%m%d").to_string())
    }

    /// The key of a backup by hand or of a run: the day and the minute.
    pub fn by_hand(at: &Zoned) -> Self {
        Self(at.strftime("%Y%m%d%H%M").to_string())
    }

    /// Whether it names a whole day.
    pub fn is_scheduled(&self) -> bool {
        self.0.len() == 8
    }

    /// The day that it names.
    pub fn date(&self) -> Date {
        parts(&self.0).map(|(date, _)| date).unwrap_or_default()
    }

    /// The minute that it names; midnight for a scheduled one.
    pub fn time(&self) -> Time {
        parts(&self.0).map(|(_, time)| time).unwrap_or_default()
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn fault(text: &str) -> Option<&'static str> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) || !matches!(text.len(), 8 | 12) {
        return Some("a key is YYYYMMDD or YYYYMMDDHHMM, in digits");
    }
    parts(text).is_none().then_some("there is no such day or minute")
}

fn parts(text: &str) -> Option<(Date, Time)> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i16>().ok();
    let small = |range| i8::try_from(number(range)?).ok();
    let date = Date::new(number(0..4)?, small(4..6)?, small(6..8)?).ok()?;
    let time = match text.len() {
        8 => Time::midnight(),
        _ => Time::new(small(8..10)?, small(10..12)?, 0, 0).ok()?,
    };
    Some((date, time))
}

impl fmt::Display for BackupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for BackupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for BackupKey {
    type Err = KeyError;
    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::new(text)
    }
}

impl TryFrom<String> for BackupKey {
    type Error = KeyError;
    fn try_from(text: String) -> Result<Self, KeyError> {
        Self::new(text)
    }
}

impl From<BackupKey> for String {
    fn from(key: BackupKey) -> String {
        key.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_days_or_minutes_of_the_calendar() {
        for text in ["20261121", "202611211502", "20240229"] {
            assert_eq!(BackupKey::new(text).unwrap().as_str(), text);
        }
        for text in [
            "",
            "2026112",
            "20261132",
            "20250229",
            "202611212460",
            "2026-11-21",
            "2026112115",
            "２０２６１１２１",
        ] {
            assert!(BackupKey::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_days_scheduled_key_stands_before_its_other_keys() {
        let key = |text| BackupKey::new(text).unwrap();
        assert!(key("20261120") < key("202611201200"));
        assert!(key("202611201200") < key("20261121"));
        assert!(key("20261121").is_scheduled());
    }
}
