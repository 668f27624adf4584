//! Tokens: which there are, which are valid now, and what each may do.
//!
//! Sources: <https://developers.cloudflare.com/fundamentals/api/get-started/create-token/>,
//! <https://developers.cloudflare.com/fundamentals/api/how-to/restrict-tokens/>.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::error::ApiError;

/// What a token may do with a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// See the zone, and find it by name.
    ZoneRead,
    /// Read the records.
    DnsRead,
    /// Read and change the records.
    DnsWrite,
}

/// The state of a token, in the words of `tokens/verify`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenStatus {
    /// It works, within its times.
    #[default]
    Active,
    /// Its owner turned it off.
    Disabled,
    /// Its time is over.
    Expired,
}

impl TokenStatus {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            TokenStatus::Active => "active",
            TokenStatus::Disabled => "disabled",
            TokenStatus::Expired => "expired",
        }
    }
}

/// Whom a token belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A user; all tokens of a user share one budget of requests.
    User(String),
    /// An account, by its id; `/user/tokens/verify` does not know the token.
    Account(String),
}

/// Permissions on some zones.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    /// Names of zones, or `*` for all of them.
    pub(crate) zones: Vec<String>,
    pub(crate) allow: Vec<Permission>,
}

/// One token.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) secret: SecretString,
    pub(crate) owner: Owner,
    pub(crate) status: TokenStatus,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) expires_on: Option<Timestamp>,
    pub(crate) grants: Vec<Grant>,
}

impl Token {
    /// The status at a time, the times of the token taken into account.
    pub(crate) fn status_at(&self, now: Timestamp) -> TokenStatus {
        let over = self.expires_on.is_some_and(|end| end <= now);
        if self.status == TokenStatus::Active && over { TokenStatus::Expired } else { self.status }
    }

    /// Whether the token opens anything at a time.
    pub(crate) fn works_at(&self, now: Timestamp) -> bool {
        self.status_at(now) == TokenStatus::Active && self.not_before.is_none_or(|start| start <= now)
    }

    /// Whether the token has one of `permissions` on a zone.
    pub(crate) fn may(&self, permissions: &[Permission], zone: &str) -> bool {
        let covers = |grant: &&Grant| grant.zones.iter().any(|name| name == "*" || name == zone);
        self.grants.iter().filter(covers).any(|grant| permissions.iter().any(|one| grant.allow.contains(one)))
    }

    /// Whether the token has the permission on any zone at all.
    pub(crate) fn may_anywhere(&self, permission: Permission) -> bool {
        self.grants.iter().any(|grant| grant.allow.contains(&permission))
    }

    /// Whose budget of requests the token draws on.
    pub(crate) fn budget(&self) -> String {
        match &self.owner {
            Owner::User(user) => format!("user {user}"),
            Owner::Account(_) => format!("token {}", self.name),
        }
    }
}

/// The headers that identify a caller.
#[derive(Clone, Default)]
pub(crate) struct Credentials {
    pub(crate) authorization: Option<SecretString>,
    pub(crate) has_key: bool,
}

/// The token that a caller presents, valid or not.
pub(crate) fn identify<'a>(
    tokens: &'a [Token],
    credentials: &Credentials,
) -> Result<Option<&'a Token>, ApiError> {
    let Some(header) = &credentials.authorization else {
        return Err(if credentials.has_key {
            ApiError::malformed_key()
        } else {
            ApiError::no_authorization()
        });
    };
    let presented = header
        .expose_secret()
        .strip_prefix("Bearer ")
        .filter(|token| has_token_form(token))
        .ok_or_else(ApiError::malformed_authorization)?;
    Ok(tokens.iter().find(|token| token.secret.expose_secret() == presented))
}

/// Tokens are 40 letters, digits, `-` and `_`; newer ones carry a prefix and are longer:
/// <https://developers.cloudflare.com/fundamentals/api/get-started/token-formats/>.
pub(crate) fn has_token_form(text: &str) -> bool {
    (40..=80).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
