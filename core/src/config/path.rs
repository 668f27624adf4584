//! Where in the file a value stands: `pair.gigadb.environments.live.endpoints[3].address`.

use std::fmt;

use serde::Serialize;

use crate::model::{
    AnnouncerName, CheckName, EnvironmentName, PairName, Role, ServiceName, SideName, StatusPageName,
    StoreRef,
};

/// One step from a table or a list to what it holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathSegment {
    /// A key of a table.
    Key(String),
    /// A place in a list, counted from 0.
    Index(usize),
}

/// The keys of a side's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SideField {
    /// `project`: what people call it.
    Project,
    /// `addresses`: where its addresses are looked up.
    Addresses,
    /// `delivery`: what brings releases and settings to it.
    Delivery,
}

/// The keys of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointField {
    /// `production`: the name that users use.
    Production,
    /// `standby`: the name of the side that waits.
    Standby,
    /// `address`: the named address both lead to.
    Address,
    /// `checks`: what it must pass.
    Checks,
    /// `probe`: whether it is fetched throughout a run.
    Probe,
}

impl From<Role> for EndpointField {
    fn from(role: Role) -> Self {
        match role {
            Role::Production => Self::Production,
            Role::Standby => Self::Standby,
        }
    }
}

impl EndpointField {
    fn key(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Standby => "standby",
            Self::Address => "address",
            Self::Checks => "checks",
            Self::Probe => "probe",
        }
    }
}

impl SideField {
    fn key(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Addresses => "addresses",
            Self::Delivery => "delivery",
        }
    }
}

/// The place of a value in a configuration file. The empty path is the file itself.
///
/// Paths are ordered so that everything below a path follows it directly.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigPath(Vec<PathSegment>);

impl ConfigPath {
    /// The file itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// The place of a key in the table that stands here.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.with(PathSegment::Key(key.into()))
    }

    /// The place of an item, counted from 0, in the list that stands here.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(PathSegment::Index(index))
    }

    fn with(&self, segment: PathSegment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }

    /// A name service's table.
    pub fn service(service: &ServiceName) -> Self {
        Self::root().key("dns").key(service.as_str())
    }

    /// A check's table.
    pub fn check(check: &CheckName) -> Self {
        Self::root().key("checks").key(check.as_str())
    }

    /// An announcer's table.
    pub fn announcer(announcer: &AnnouncerName) -> Self {
        Self::root().key("announce").key(announcer.as_str())
    }

    /// A status page's table.
    pub fn status_page(page: &StatusPageName) -> Self {
        Self::root().key("status_pages").key(page.as_str())
    }

    /// The table of a pair's role table.
    pub fn role_table(pair: &PairName) -> Self {
        Self::pair(pair).key("role_table")
    }

    /// A pair's table.
    pub fn pair(pair: &PairName) -> Self {
        Self::root().key("pair").key(pair.as_str())
    }

    /// A key in the table of one side of a pair.
    pub fn side(pair: &PairName, side: &SideName, field: SideField) -> Self {
        Self::pair(pair).key("sides").key(side.as_str()).key(field.key())
    }

    /// An environment of a pair.
    pub fn environment(pair: &PairName, environment: &EnvironmentName) -> Self {
        Self::pair(pair).key("environments").key(environment.as_str())
    }

    /// The table of a store.
    pub fn store(pair: &PairName, store: &StoreRef) -> Self {
        Self::environment(pair, &store.environment).key("stores").key(store.store.as_str())
    }

    /// A key of an endpoint; `index` counts from 0 within its environment, as in
    /// [`Environment::endpoints`](crate::model::Environment::endpoints).
    pub fn endpoint(
        pair: &PairName,
        environment: &EnvironmentName,
        index: usize,
        field: EndpointField,
    ) -> Self {
        Self::environment(pair, environment).key("endpoints").index(index).key(field.key())
    }

    /// The steps from the file to the value.
    pub fn segments(&self) -> &[PathSegment] {
        &self.0
    }

    /// Whether this place is `other` or lies below it.
    pub fn starts_with(&self, other: &ConfigPath) -> bool {
        self.0.starts_with(&other.0)
    }
}

fn is_bare(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

impl fmt::Display for ConfigPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, segment) in self.0.iter().enumerate() {
            match segment {
                PathSegment::Index(index) => write!(f, "[{index}]")?,
                PathSegment::Key(key) => {
                    let dot = if place == 0 { "" } else { "." };
                    if is_bare(key) { write!(f, "{dot}{key}")? } else { write!(f, "{dot}{key:?}")? }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_like_the_file() {
        let pair = PairName::new("gigadb").unwrap();
        let live = EnvironmentName::new("live").unwrap();
        let path = ConfigPath::endpoint(&pair, &live, 3, EndpointField::Address);
        assert_eq!(path.to_string(), "pair.gigadb.environments.live.endpoints[3].address");
        assert!(path.starts_with(&ConfigPath::environment(&pair, &live)));
        assert_eq!(ConfigPath::root().key("a.b").key("c").to_string(), "\"a.b\".c");
    }

    #[test]
    fn what_lies_below_a_path_follows_it_directly() {
        let pair = ConfigPath::root().key("pair");
        let mut paths =
            [pair.key("b"), pair.key("a").index(1), ConfigPath::root().key("pairs"), pair.key("a")];
        paths.sort();
        let shown: Vec<String> = paths.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["pair.a", "pair.a[1]", "pair.b", "pairs"]);
    }
}
