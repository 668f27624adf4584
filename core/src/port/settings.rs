//! The settings of one side: values that depend on the role, read and changed by compare-and-set.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use super::RemoteError;
use crate::model::{EnvironmentName, Fingerprint, SettingAttributes, SettingName, SettingValue};

/// What reading a value gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// The value.
    Shown(SettingValue),
    /// Nobody can read it back, so nothing can be compared.
    Hidden,
}

/// A setting as just read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its value.
    pub value: Reading,
    /// What is said of it besides.
    pub attributes: SettingAttributes,
}

/// What is known of a setting that is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Absence {
    /// The scopes in which a setting of this name is defined, in the service's words (`*`, `staging`). Such a one may reach the
    /// environment's jobs, and is still not the environment's own: changing it would change it for others.
    pub elsewhere: Vec<String>,
    /// Other names in the environment's scope that are probably meant.
    pub near: Vec<SettingName>,
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is not defined in this scope")?;
        if !self.elsewhere.is_empty() {
            let scopes: Vec<String> = self.elsewhere.iter().map(|scope| format!("`{scope}`")).collect();
            write!(f, ", only in {}", scopes.join(" and "))?;
        }
        if !self.near.is_empty() {
            let names: Vec<&str> = self.near.iter().map(SettingName::as_str).collect();
            write!(f, "; is {} meant?", names.join(" or "))?;
        }
        Ok(())
    }
}

/// A setting that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingView {
    /// It is there.
    There(Setting),
    /// It is not.
    Missing(Absence),
}

/// One setting to change: only if its value still has the expected fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingChange {
    /// The environment it belongs to.
    pub environment: EnvironmentName,
    /// Its name.
    pub name: SettingName,
    /// The fingerprint of what it read when the plan was made.
    pub expected: Fingerprint,
    /// What it shall say. Everything else that is said of it is kept.
    pub to: SettingValue,
}

/// What stands where something else was expected. Holds no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Another value, with this fingerprint (the expected one's salt).
    Other(Fingerprint),
    /// No setting.
    Missing(Absence),
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(print) => write!(f, "another value (fingerprint {})", print.short()),
            Self::Missing(absence) => write!(f, "{absence}"),
        }
    }
}

/// What came of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum SettingOutcome {
    /// It was made, and the service shows it.
    Done,
    /// The setting said so already; nothing was sent.
    Already,
    /// The setting reads neither as expected nor as wanted; nothing was changed.
    Conflict(Found),
}

/// Why a setting could not be read or changed. Only [`RemoteError::Unknown`] leaves open whether something was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// The value cannot be read back, so that compare-and-set is impossible.
    #[error(
        "{place}: {name} is hidden: it cannot be read back, so it cannot be compared before it is changed; \
        define it anew without hiding it (masking is possible)"
    )]
    Hidden {
        /// Where.
        place: String,
        /// The setting.
        name: SettingName,
    },
    /// The service would not take the value as the setting is.
    #[error("{place}: {name} cannot take its new value: {why}")]
    Unfit {
        /// Where.
        place: String,
        /// The setting.
        name: SettingName,
        /// Which rule the value breaks. Holds nothing of the value.
        why: String,
    },
    /// The service did not do it.
    #[error(transparent)]
    Remote(#[from] RemoteError),
}

/// The settings of one side.
#[async_trait]
pub trait Settings: Debug + Send + Sync {
    /// Reads settings of one environment freshly, in as few requests as the service allows.
    ///
    /// Promises an entry for every name that was asked for. Must never return part of what it read: a page that could not be read is an
    /// error. A setting of the same name in another scope is no answer, and is told in [`Absence::elsewhere`]. May be repeated.
    async fn read(
        &self,
        environment: &EnvironmentName,
        names: &BTreeSet<SettingName>,
    ) -> Result<BTreeMap<SettingName, SettingView>, SettingError>;

    /// Changes one setting if it still reads as expected, and keeps its attributes.
    ///
    /// Reads it right before. Where the service cannot compare by itself, one round trip lies between that look and the change, in which
    /// an edit by somebody else would be written over. A change whose answer was lost is looked for once: if it shows, it is `Done`. If not, it is
    /// [`RemoteError::Unknown`], and must not be repeated until [`Settings::in_flight`] has passed; a repeated one that had landed is
    /// `Already`. Refuses a hidden setting, and a value that [`Settings::objection`] objects to.
    async fn write(&self, change: &SettingChange) -> Result<SettingOutcome, SettingError>;

    /// Says why the service would not take a value for a setting with these attributes; `None` if nothing is known against it. Asks nobody,
    /// and its words hold nothing of the value. The service has the last word.
    fn objection(&self, attributes: &SettingAttributes, value: &SettingValue) -> Option<String>;

    /// Proves that the credentials may change settings of an environment, and changes nothing. May be repeated.
    async fn prove_write(&self, environment: &EnvironmentName) -> Result<(), SettingError>;

    /// The longest time after which a request without an answer may still be carried out, counted from when it was sent.
    fn in_flight(&self) -> Duration;
}
