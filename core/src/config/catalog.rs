//! The kinds of provider that a file may name. Core knows none: whoever embeds it says which there are.

use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, generate::SchemaSettings};

use super::raw;

/// The port that a provider serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PortKind {
    /// Holds zones: `[dns.…]`.
    Names,
    /// Holds the addresses of a side: `addresses = …`.
    Addresses,
    /// Asks a site whether it is well: `[checks.…]`.
    Check,
    /// Holds the journal: `[state]`.
    State,
    /// Holds data that follows the roles: `stores.…` of an environment.
    Store,
    /// Brings releases and settings to a side: `delivery = …`.
    Delivery,
    /// Tells people: `[announce.…]`.
    Announcer,
    /// Holds the role table: `role_table` of a pair.
    RoleTable,
    /// Says how a system is that pairs stand on: `[status_pages.…]`.
    StatusPage,
}

impl PortKind {
    /// Every port that a file configures.
    pub const ALL: [Self; 9] = [
        Self::Names,
        Self::Addresses,
        Self::Check,
        Self::State,
        Self::Store,
        Self::Delivery,
        Self::Announcer,
        Self::RoleTable,
        Self::StatusPage,
    ];

    /// The keys of a provider's table that are core's own, so that no provider may have them.
    pub(super) fn reserved(self) -> &'static [&'static str] {
        match self {
            Self::Names => &[raw::PROVIDER, "zones", "authorities"],
            Self::Addresses | Self::Check | Self::State | Self::Delivery | Self::Announcer => {
                &[raw::PROVIDER]
            }
            Self::RoleTable => &[raw::PROVIDER, "environments"],
            Self::StatusPage => &[raw::PROVIDER, "gate"],
            Self::Store => &raw::STORE_KEYS,
        }
    }
}

impl fmt::Display for PortKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Names => "name service",
            Self::Addresses => "address book",
            Self::Check => "check",
            Self::State => "state store",
            Self::Store => "store",
            Self::Delivery => "delivery",
            Self::Announcer => "announcer",
            Self::RoleTable => "role table",
            Self::StatusPage => "status page",
        })
    }
}

/// The name of a kind of provider, as `provider = "…"` gives it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KindName(String);

impl KindName {
    /// Makes a text a kind's name. One that no catalog holds is never found, and does no other harm.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KindName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A kind of provider: its name, its port, and which options it takes.
#[derive(Debug, Clone)]
pub struct Kind {
    /// What `provider = "…"` says.
    pub name: KindName,
    /// The port it serves.
    pub port: PortKind,
    /// The JSON Schema (2020-12) of its options: an object, with `properties` and `additionalProperties: false`.
    pub schema: Schema,
}

impl Kind {
    /// A kind whose options are those of a struct. The struct should be `#[serde(deny_unknown_fields)]`, so that a slip in
    /// a key is found, and its doc comments become the descriptions that editors show.
    pub fn of<Options: JsonSchema>(port: PortKind, name: impl Into<String>) -> Self {
        let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Options>();
        Self { name: KindName::new(name), port, schema }
    }
}

/// Kinds that cannot stand in one catalog. A mistake in the program, not in the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// Two kinds of one port have one name.
    #[error("two kinds of {port} are called `{name}`")]
    Duplicate {
        /// The port.
        port: PortKind,
        /// The name.
        name: KindName,
    },
    /// A kind wants a key that core reads itself.
    #[error("the {port} `{name}` has an option `{key}`, which is core's own")]
    Reserved {
        /// The port.
        port: PortKind,
        /// The kind.
        name: KindName,
        /// The key.
        key: String,
    },
    /// A kind's schema is not that of a struct.
    #[error("the options of the {port} `{name}` are no struct")]
    NoStruct {
        /// The port.
        port: PortKind,
        /// The kind.
        name: KindName,
    },
}

/// The kinds of provider that a file may name.
#[derive(Debug, Clone, Default)]
pub struct Catalog(BTreeMap<(PortKind, KindName), Kind>);

impl Catalog {
    /// Puts kinds together.
    pub fn new(kinds: impl IntoIterator<Item = Kind>) -> Result<Self, CatalogError> {
        let mut catalog = Self::default();
        for kind in kinds {
            let (port, name) = (kind.port, kind.name.clone());
            let object = kind.schema.as_object().filter(|object| {
                object.get("type").is_some_and(|found| found == "object") && !object.contains_key("oneOf")
            });
            let Some(object) = object else { return Err(CatalogError::NoStruct { port, name }) };
            let properties = object.get("properties").and_then(|found| found.as_object());
            let taken = |key: &&&str| properties.is_some_and(|properties| properties.contains_key(**key));
            if let Some(key) = port.reserved().iter().find(taken) {
                return Err(CatalogError::Reserved { port, name, key: (*key).to_owned() });
            }
            if catalog.0.insert((port, name.clone()), kind).is_some() {
                return Err(CatalogError::Duplicate { port, name });
            }
        }
        Ok(catalog)
    }

    /// The kinds of one port, by name.
    pub fn of(&self, port: PortKind) -> impl Iterator<Item = &Kind> {
        self.0.values().filter(move |kind| kind.port == port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(JsonSchema)]
    struct Plain {
        #[expect(dead_code, reason = "only its schema is of interest")]
        path: String,
    }

    #[derive(JsonSchema)]
    struct Greedy {
        #[expect(dead_code, reason = "only its schema is of interest")]
        zones: String,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is of interest")]
    enum Choice {
        One(u8),
        Other(u8),
    }

    #[test]
    fn kinds_that_would_be_ambiguous_are_refused() {
        let kind = || Kind::of::<Plain>(PortKind::State, "sqlite");
        assert!(matches!(Catalog::new([kind(), kind()]), Err(CatalogError::Duplicate { .. })));
        let greedy = Catalog::new([Kind::of::<Greedy>(PortKind::Names, "x")]);
        assert!(matches!(greedy, Err(CatalogError::Reserved { key, .. }) if key == "zones"));
        assert!(Catalog::new([Kind::of::<Greedy>(PortKind::Check, "x")]).is_ok());
        let choice = Catalog::new([Kind::of::<Choice>(PortKind::Check, "x")]);
        assert!(matches!(choice, Err(CatalogError::NoStruct { .. })));
    }

    #[test]
    fn one_name_may_serve_two_ports() {
        let kinds = [PortKind::Names, PortKind::State].map(|port| Kind::of::<Plain>(port, "etcd"));
        let catalog = Catalog::new(kinds).unwrap();
        assert_eq!(catalog.of(PortKind::State).count(), 1);
    }
}
