//! Newtypes for every name and key, so that a side is never passed where a zone is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not a valid name or key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is empty or longer than the kind of name allows.
    #[error("{what} must have 1 to {max} characters, not {length}")]
    Length {
        /// The kind of name, as a person says it.
        what: &'static str,
        /// The most characters it may have.
        max: usize,
        /// The characters that the text has.
        length: usize,
    },
    /// The text holds a character that the kind of name does not allow.
    #[error("{what} `{text}` must not contain {found:?}; {allowed}")]
    Character {
        /// The kind of name.
        what: &'static str,
        /// The text as given.
        text: String,
        /// The first character that is not allowed.
        found: char,
        /// What is allowed, as a sentence.
        allowed: &'static str,
    },
    /// The text is no DNS name: RFC 1035 section 2.3.1 with the underscore of RFC 8552.
    #[error("`{text}` is not a DNS name: {why}")]
    Dns {
        /// The text as given.
        text: String,
        /// Which rule it breaks.
        why: &'static str,
    },
}

fn printable(what: &'static str, text: &str, max: usize) -> Result<(), IdError> {
    let length = text.chars().count();
    if length == 0 || length > max {
        return Err(IdError::Length { what, max, length });
    }
    match text.chars().find(|c| c.is_control()) {
        Some(found) => Err(IdError::Character {
            what,
            text: text.escape_debug().to_string(),
            found,
            allowed: "printable characters are allowed",
        }),
        None => Ok(()),
    }
}

fn word(what: &'static str, text: &str, max: usize) -> Result<(), IdError> {
    printable(what, text, max)?;
    match text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))) {
        Some(found) => Err(IdError::Character {
            what,
            text: text.to_owned(),
            found,
            allowed: "letters, digits, `-`, `_` and `.` are allowed",
        }),
        None => Ok(()),
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal, $check:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks a text and makes it a name.
            pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                $check($what, &text, $max)?;
                Ok(Self(text))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

id!(
    /// The name of a pair: one service on two infrastructures.
    PairName, "a pair's name", 64, word
);
id!(
    /// The name of one side of a pair, never the name of a role.
    SideName, "a side's name", 64, word
);
id!(
    /// The name of an environment (`live`, `staging`): a scope inside a pair.
    EnvironmentName, "an environment's name", 64, word
);
id!(
    /// The name under which a configuration knows one outside system, such as a name service.
    ServiceName, "a service's name", 64, word
);
id!(
    /// The name of a configured check.
    CheckName, "a check's name", 64, word
);
id!(
    /// The name under which a configuration knows a way of telling people.
    AnnouncerName, "an announcer's name", 64, word
);
id!(
    /// The name under which a configuration knows a status page.
    StatusPageName, "a status page's name", 64, word
);
id!(
    /// The name of a store in its environment (`files`, `metadata`).
    StoreName, "a store's name", 64, word
);
id!(
    /// The name of a group of people who approve.
    GroupName, "a group's name", 64, word
);
id!(
    /// The name of a setting: a value that depends on the role (a CI/CD variable's key has at most 255 characters at GitLab).
    SettingName, "a setting's name", 255, word
);
id!(
    /// The name of a release, as its tag says it (`v4.4.0`).
    ReleaseName, "a release's name", 255, printable
);
id!(
    /// The key of one deployment, as its service gives it.
    DeploymentId, "a deployment's id", 128, word
);
id!(
    /// The key of one schedule, as its service gives it.
    ScheduleId, "a schedule's id", 128, word
);
id!(
    /// The name of an address, the same on both sides: an Elastic IP's `Name` tag (at most 256 characters at AWS).
    AddressName, "an address name", 256, printable
);
id!(
    /// The key of one run in a pair's journal.
    RunId, "a run's id", 64, word
);
id!(
    /// The key of one step in a plan: stable, readable, unique in its plan.
    StepId, "a step's id", 300, printable
);

/// A DNS name in its one spelling: lower case, no dot at the end.
///
/// Labels follow RFC 1035 section 2.3.1 (letters, digits, hyphens; 1 to 63 characters; 253 in all), and may start with
/// the underscore of RFC 8552. The first label may be `*` (RFC 4592).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DnsName(String);

impl DnsName {
    /// Checks a text and brings it to the one spelling.
    pub fn new(text: impl AsRef<str>) -> Result<Self, IdError> {
        let text = text.as_ref();
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        match Self::fault(&name) {
            Some(why) => Err(IdError::Dns { text: text.escape_debug().to_string(), why }),
            None => Ok(Self(name)),
        }
    }

    fn fault(name: &str) -> Option<&'static str> {
        if name.is_empty() || name.len() > 253 {
            return Some("it must have 1 to 253 characters");
        }
        name.split('.').enumerate().find_map(|(place, label)| Self::label_fault(place, label))
    }

    fn label_fault(place: usize, label: &str) -> Option<&'static str> {
        if label == "*" && place == 0 {
            return None;
        }
        if label.is_empty() || label.len() > 63 {
            return Some("each label between dots must have 1 to 63 characters");
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Some("a label must not start or end with a hyphen");
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (!label.chars().all(allowed)).then_some("labels are made of letters, digits, hyphens and underscores")
    }

    /// The name as text, without a dot at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name is `parent` or lies below it.
    pub fn is_within(&self, parent: &DnsName) -> bool {
        self.0.strip_suffix(parent.as_str()).is_some_and(|head| head.is_empty() || head.ends_with('.'))
    }

    /// The labels before `parent`, if the name lies below it; empty for `parent` itself.
    pub fn below(&self, parent: &DnsName) -> Option<&str> {
        let head = self.0.strip_suffix(parent.as_str())?;
        if head.is_empty() { Some("") } else { head.strip_suffix('.') }
    }

    /// The name without its first label, if more than one is left.
    pub fn parent(&self) -> Option<DnsName> {
        let (_, rest) = self.0.split_once('.')?;
        rest.contains('.').then(|| DnsName(rest.to_owned()))
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for DnsName {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl TryFrom<String> for DnsName {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl From<DnsName> for String {
    fn from(name: DnsName) -> String {
        name.0
    }
}

/// The apex of a zone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ZoneName(DnsName);

impl ZoneName {
    /// Checks a text and makes it a zone's name.
    pub fn new(text: impl AsRef<str>) -> Result<Self, IdError> {
        DnsName::new(text).map(Self)
    }

    /// The apex as a DNS name.
    pub fn apex(&self) -> &DnsName {
        &self.0
    }

    /// The name as text, without a dot at the end.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for ZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for ZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for ZoneName {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dns_names_have_one_spelling() {
        assert_eq!(DnsName::new("GigaDB.org.").unwrap().as_str(), "gigadb.org");
        assert!(DnsName::new("_acme-challenge.gigadb.org").is_ok());
        assert!(DnsName::new("*.gigadb.org").is_ok());
    }

    #[test]
    fn what_is_no_dns_name_is_refused() {
        for text in ["", ".", "a..b", "-a.org", "a-.org", "a b.org", "a.*.org", "é.org", &"a".repeat(64)] {
            assert!(DnsName::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_lies_within_its_zone_only_at_a_dot() {
        let zone = DnsName::new("gigadb.org").unwrap();
        assert!(zone.is_within(&zone));
        assert!(DnsName::new("files.gigadb.org").unwrap().is_within(&zone));
        assert!(!DnsName::new("notgigadb.org").unwrap().is_within(&zone));
        assert_eq!(DnsName::new("files.gigadb.org").unwrap().below(&zone), Some("files"));
        assert_eq!(DnsName::new("notgigadb.org").unwrap().below(&zone), None);
        assert_eq!(zone.below(&zone), Some(""));
    }

    #[test]
    fn ids_keep_control_characters_out() {
        assert!(PairName::new("giga\u{1b}[31mdb").is_err());
        assert!(AddressName::new("eip gigadb live").is_ok());
        assert!(AddressName::new("a\nb").is_err());
    }
}
