//! What a setting holds: a value that may be secret, its fingerprint for plans and journals, and what stays as it is when it changes.

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{EnvironmentName, PairName, Role, SettingName};

/// What a setting says. It may be secret, so it is never printed and cannot be serialised.
#[derive(Clone)]
pub struct SettingValue(SecretString);

impl SettingValue {
    /// A value from its text, which may be empty.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text. Whoever takes it answers for where it goes.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The fingerprint with this salt.
    pub fn fingerprint(&self, salt: &FingerprintSalt) -> Fingerprint {
        Fingerprint { salt: salt.0.clone(), digest: digest(&salt.0, self.expose()) }
    }
}

impl PartialEq for SettingValue {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for SettingValue {}

impl fmt::Debug for SettingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SettingValue(***)")
    }
}

/// What a setting says, by the role of its side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleValues {
    /// On production.
    pub production: SettingValue,
    /// On the stand-by.
    pub standby: SettingValue,
}

impl RoleValues {
    /// The value of a role.
    pub fn of(&self, role: Role) -> &SettingValue {
        match role {
            Role::Production => &self.production,
            Role::Standby => &self.standby,
        }
    }
}

/// What goes into a fingerprint beside the value, so that one value has another fingerprint at each setting.
///
/// It is made from names and is no secret: the same plan has the same fingerprints whenever it is made. Whoever can guess a value can
/// therefore test the guess. A fingerprint hides what was drawn at random, and merely keeps a host name out of sight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FingerprintSalt(String);

impl FingerprintSalt {
    /// The salt of a setting. Both sides of a pair have the same, so that a value that moved over can be recognised.
    pub fn of(pair: &PairName, environment: &EnvironmentName, name: &SettingName) -> Self {
        let mut hash = Sha256::new();
        for part in [pair.as_str(), environment.as_str(), name.as_str()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut text = hex::encode(hash.finalize());
        text.truncate(SALT);
        Self(text)
    }
}

/// Digits of a salt, and of a SHA-256.
const SALT: usize = 32;
const DIGEST: usize = 64;
const SCHEME: &str = "sha256";

fn digest(salt: &str, value: &str) -> String {
    hex::encode(Sha256::new().chain_update(salt).chain_update(value).finalize())
}

/// A salted SHA-256 of a value: tells two values apart without showing either. In text `sha256:SALT:DIGEST`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint {
    salt: String,
    digest: String,
}

/// A text that is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no fingerprint; it has the form sha256:SALT:DIGEST")]
pub struct FingerprintError(String);

impl Fingerprint {
    /// Whether it is this value's.
    pub fn matches(&self, value: &SettingValue) -> bool {
        digest(&self.salt, value.expose()) == self.digest
    }

    /// The salt it was made with, so that another value can be compared with it.
    pub fn salt(&self) -> FingerprintSalt {
        FingerprintSalt(self.salt.clone())
    }

    /// The first eight digits, for people.
    pub fn short(&self) -> &str {
        self.digest.get(..8).unwrap_or(&self.digest)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{SCHEME}:{}:{}", self.salt, self.digest))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({}…)", self.short())
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;
    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let hexadecimal = |part: &str, digits: usize| {
            part.len() == digits && part.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
        };
        let mut parts = text.split(':');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(SCHEME), Some(salt), Some(digest), None)
                if hexadecimal(salt, SALT) && hexadecimal(digest, DIGEST) =>
            {
                Ok(Self { salt: salt.to_owned(), digest: digest.to_owned() })
            }
            _ => Err(FingerprintError(text.chars().take(120).flat_map(char::escape_debug).collect())),
        }
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = FingerprintError;
    fn try_from(text: String) -> Result<Self, FingerprintError> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> String {
        fingerprint.to_string()
    }
}

/// How the value reaches a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingKind {
    /// As an environment variable.
    Variable,
    /// As a file whose path is the environment variable.
    File,
}

/// What is said of a setting beside its value. A change of the value keeps all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, as the service has them")]
pub struct SettingAttributes {
    /// How the value reaches a job.
    pub kind: SettingKind,
    /// Whether job logs show `[MASKED]` in place of the value.
    pub masked: bool,
    /// Whether nobody can read the value back.
    pub hidden: bool,
    /// Whether only pipelines of protected branches and tags get it.
    pub protected: bool,
    /// Whether `$` in the value means itself.
    pub raw: bool,
}

impl SettingAttributes {
    /// Whether the value must not be shown to people.
    pub fn is_secret(&self) -> bool {
        self.masked || self.hidden
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn salt(name: &str) -> FingerprintSalt {
        FingerprintSalt::of(
            &PairName::new("gigadb").unwrap(),
            &EnvironmentName::new("live").unwrap(),
            &SettingName::new(name).unwrap(),
        )
    }

    #[test]
    fn a_fingerprint_tells_values_and_settings_apart() {
        let value = SettingValue::new("https://gigadb.org");
        let print = value.fingerprint(&salt("HOME_URL"));
        assert!(print.matches(&value) && !print.matches(&SettingValue::new("https://gigadb.or")));
        assert_eq!(print, value.fingerprint(&salt("HOME_URL")));
        assert_ne!(print, value.fingerprint(&salt("REMOTE_HOME_URL")));
        assert_eq!(print.to_string().parse(), Ok(print));
    }

    #[test]
    fn nothing_of_a_value_is_printed() {
        let value = SettingValue::new("hunter2-hunter2");
        let shown = format!("{value:?} {:?}", value.fingerprint(&salt("PASSWORD")));
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn what_is_no_fingerprint_is_refused() {
        let print = SettingValue::new("x").fingerprint(&salt("A")).to_string();
        for text in ["", "sha256", "sha1:00:00", &print[..90], &format!("{print}:"), &print.to_uppercase()] {
            assert!(text.parse::<Fingerprint>().is_err(), "{text}");
        }
    }
}
