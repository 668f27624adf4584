//! A configuration that was found good: its pairs, and a provider spec for each outside system.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::document::Node;
use super::{ConfigPath, KindName, SecretRef, Source, Warning, lint};
use crate::model::{
    AnnouncerName, CheckName, Pair, PairName, ServiceName, SettingRef, SideName, StatusPageName, StoreRef,
};
use crate::near::nearest;
use crate::retention::Policy;

/// A configuration that was found good.
#[derive(Debug, Clone)]
pub struct Config {
    /// The pairs, by name; at least one.
    pub pairs: BTreeMap<PairName, PairConfig>,
    /// Where the journal is kept, if the file says so.
    pub state: Option<ProviderSpec>,
    /// The file, with secrets covered.
    pub source: Source,
    pub(super) root: Node,
}

/// A pair, and the provider of each outside system that it uses.
#[derive(Debug, Clone)]
pub struct PairConfig {
    /// The pair.
    pub pair: Pair,
    /// The provider of each of [`Pair::services`].
    pub names: BTreeMap<ServiceName, ProviderSpec>,
    /// The provider of each side's addresses.
    pub addresses: BTreeMap<SideName, ProviderSpec>,
    /// The provider of each check that an endpoint names.
    pub checks: BTreeMap<CheckName, ProviderSpec>,
    /// What each store is set up from.
    pub stores: BTreeMap<StoreRef, StoreSpec>,
    /// What brings releases and settings to a side, where it has such.
    pub deliveries: BTreeMap<SideName, ProviderSpec>,
    /// What each setting says, by role.
    pub settings: BTreeMap<SettingRef, SettingSpec>,
    /// The provider of each of [`Pair::announce`].
    pub announcers: BTreeMap<AnnouncerName, ProviderSpec>,
    /// The provider of its role table, if it has one.
    pub role_table: Option<ProviderSpec>,
    /// The provider of each of [`Pair::status_pages`].
    pub status_pages: BTreeMap<StatusPageName, ProviderSpec>,
}

/// Where a setting's value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueSource {
    /// In the file.
    Plain(String),
    /// Elsewhere, because it is secret.
    Secret(SecretRef),
}

/// What a setting says, by the role of its side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingSpec {
    /// On production.
    pub production: ValueSource,
    /// On the stand-by.
    pub standby: ValueSource,
    /// Where it stands in the file.
    pub path: ConfigPath,
}

/// What a store is set up from.
#[derive(Debug, Clone)]
pub struct StoreSpec {
    /// Its provider.
    pub provider: ProviderSpec,
    /// Which of its backups are kept.
    pub keep: Policy,
    /// Where the URL of its dead man's switch is to be found.
    pub ping: Option<SecretRef>,
}

/// Which kind of provider an outside system wants, and the options of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct ProviderSpec {
    /// A kind of the catalog.
    pub kind: KindName,
    /// The provider's own keys only, found good by its kind's schema.
    pub options: Map<String, Value>,
    /// Where its table stands.
    pub path: ConfigPath,
}

/// Options that a provider does not take although its schema allows them.
#[derive(Debug, thiserror::Error)]
#[error("{path}: the options of `{kind}` are not usable: {why}")]
pub struct SpecError {
    /// Where the table stands.
    pub path: ConfigPath,
    /// The kind.
    pub kind: KindName,
    /// What serde says. It may quote the value that it refused.
    pub why: String,
}

impl ProviderSpec {
    /// The options as the provider's own type.
    pub fn options<Options: DeserializeOwned>(&self) -> Result<Options, SpecError> {
        serde_json::from_value(Value::Object(self.options.clone())).map_err(|error| SpecError {
            path: self.path.clone(),
            kind: self.kind.clone(),
            why: error.to_string(),
        })
    }
}

/// Why no pair could be chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// The file has no pair of that name.
    #[error("there is no pair `{wanted}`{}; the file has {}", meant(.near.as_ref()), listed(.known))]
    Unknown {
        /// The name that was asked for.
        wanted: PairName,
        /// The name that was probably meant.
        near: Option<PairName>,
        /// The names there are.
        known: Vec<PairName>,
    },
    /// No name was given, and the file has several pairs.
    #[error("say which pair: the file has {}", listed(.known))]
    Several {
        /// The names there are.
        known: Vec<PairName>,
    },
}

fn meant(near: Option<&PairName>) -> String {
    near.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

fn listed(names: &[PairName]) -> String {
    super::problem::all(names.iter().map(PairName::as_str))
}

impl Config {
    /// The pair of that name; without a name, the only one.
    pub fn pair(&self, name: Option<&PairName>) -> Result<&PairConfig, ChoiceError> {
        let known = || self.pairs.keys().cloned().collect::<Vec<_>>();
        match name {
            Some(wanted) => self.pairs.get(wanted).ok_or_else(|| {
                let near = nearest(wanted.as_str(), self.pairs.keys().map(PairName::as_str));
                let near = self.pairs.keys().find(|name| Some(name.as_str()) == near).cloned();
                ChoiceError::Unknown { wanted: wanted.clone(), near, known: known() }
            }),
            None => match self.pairs.values().next() {
                Some(only) if self.pairs.len() == 1 => Ok(only),
                Some(_) | None => Err(ChoiceError::Several { known: known() }),
            },
        }
    }

    /// The bytes of [`Config::source`] at which a value stands; where the file leaves it out, those of the closest table
    /// around it. `None` if the file has nothing of it.
    pub fn locate(&self, path: &ConfigPath) -> Option<Range<usize>> {
        self.root.locate(path)
    }

    /// Names that are allowed and look like slips, in every pair.
    pub fn lint(&self) -> Vec<Warning> {
        self.pairs.values().flat_map(|pair| lint(&pair.pair)).collect()
    }
}
