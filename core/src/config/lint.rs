//! Names that are allowed and look like slips: the odd one out beside its siblings, with the name probably meant.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{ConfigPath, EndpointField};
use crate::model::{DnsName, Endpoint, Environment, Pair, PairName, Role};

/// Fewer than this many names of one sort are no custom that another could break.
const CUSTOM: usize = 3;

/// Something that is allowed and looks like a slip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Where it stands.
    pub path: ConfigPath,
    /// Why it looks like a slip, as a lowercase fragment.
    pub message: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; did you mean `{suggestion}`?"),
            None => Ok(()),
        }
    }
}

/// Finds names of a pair that look like slips.
///
/// Three customs are held against: within an environment the names of a role lie under one parent; an endpoint's two names
/// begin with the same label; the words of address names are spelt alike. Each counts only where more than half of at
/// least three names follow it, and an endpoint *both* of whose names lie elsewhere is taken to be meant so.
pub fn lint(pair: &Pair) -> Vec<Warning> {
    pair.environments
        .iter()
        .flat_map(|environment| {
            let look = Look::new(&pair.name, environment);
            look.parents().into_iter().chain(look.labels()).chain(look.addresses())
        })
        .collect()
}

/// An environment and its customs.
struct Look<'a> {
    pair: &'a PairName,
    environment: &'a Environment,
    production: Option<Custom>,
    standby: Option<Custom>,
}

/// The parent that the names of a role share.
struct Custom {
    parent: DnsName,
    followers: usize,
}

impl<'a> Look<'a> {
    fn new(pair: &'a PairName, environment: &'a Environment) -> Self {
        let custom = |role| shared_parent(&environment.endpoints, role);
        Self { pair, environment, production: custom(Role::Production), standby: custom(Role::Standby) }
    }

    fn custom(&self, role: Role) -> Option<&Custom> {
        match role {
            Role::Production => self.production.as_ref(),
            Role::Standby => self.standby.as_ref(),
        }
    }

    fn endpoints(&self) -> impl Iterator<Item = (usize, &'a Endpoint)> {
        self.environment.endpoints.iter().enumerate()
    }

    /// The labels before the shared parent; `None` for a name that lies elsewhere, or where there is no custom.
    fn label(&self, endpoint: &'a Endpoint, role: Role) -> Option<&'a str> {
        endpoint.name(role).below(&self.custom(role)?.parent)
    }

    fn warning(&self, index: usize, field: EndpointField, message: String) -> Warning {
        let path = ConfigPath::endpoint(self.pair, &self.environment.name, index, field);
        Warning { path, message, suggestion: None }
    }

    /// The name under the shared parent that an endpoint's other name asks for, unless it is in use.
    fn meant(&self, endpoint: &'a Endpoint, role: Role) -> Option<String> {
        let label = self.label(endpoint, role.other())?;
        let parent = &self.custom(role)?.parent;
        let name = if label.is_empty() { parent.to_string() } else { format!("{label}.{parent}") };
        let used = |(_, endpoint): (usize, &Endpoint)| {
            Role::ALL.iter().any(|role| endpoint.name(*role).as_str() == name)
        };
        (!self.endpoints().any(used)).then_some(name)
    }

    /// Names that lie elsewhere than the others of their role, while their partner does not.
    fn parents(&self) -> Vec<Warning> {
        let stray = |role| {
            self.endpoints().filter_map(move |(index, endpoint)| {
                let custom = self.custom(role)?;
                let elsewhere = self.label(endpoint, role).is_none();
                let partner = self.label(endpoint, role.other()).is_some();
                (elsewhere && partner).then(|| {
                    let message = format!(
                        "`{}` is not under `{}`, like {} of the {} {role} names of {}",
                        endpoint.name(role),
                        custom.parent,
                        custom.followers,
                        self.environment.endpoints.len(),
                        self.environment.name,
                    );
                    let suggestion = self.meant(endpoint, role);
                    Warning { suggestion, ..self.warning(index, field(role), message) }
                })
            })
        };
        Role::ALL.into_iter().flat_map(stray).collect()
    }

    /// Endpoints whose two names begin differently, where the others' begin alike.
    fn labels(&self) -> Vec<Warning> {
        let both = |endpoint| self.label(endpoint, Role::Production).zip(self.label(endpoint, Role::Standby));
        let alike =
            self.endpoints().filter(|(_, endpoint)| both(endpoint).is_some_and(|(a, b)| a == b)).count();
        if alike < CUSTOM || alike * 2 <= self.environment.endpoints.len() {
            return Vec::new();
        }
        self.endpoints().filter_map(|(index, endpoint)| self.unlike(index, endpoint)).collect()
    }

    fn unlike(&self, index: usize, endpoint: &'a Endpoint) -> Option<Warning> {
        let labels = Role::ALL.map(|role| self.label(endpoint, role));
        let (odd, own, other) = match labels {
            // Both in their place: the production name, which users know, is taken to be right.
            [Some(production), Some(standby)] if production != standby => {
                (Role::Standby, standby, production)
            }
            [Some(production), None] => (Role::Standby, first_label(&endpoint.standby), production),
            [None, Some(standby)] => (Role::Production, first_label(&endpoint.production), standby),
            [Some(_), Some(_)] | [None, None] => return None,
        };
        let name = endpoint.name(odd);
        // A name that lies elsewhere may have the right label all the same: `files.` before another parent.
        if other.is_empty() != own.is_empty() && labels.contains(&None) {
            return None;
        }
        if name.as_str().strip_prefix(other).is_some_and(|rest| rest.starts_with('.')) {
            return None;
        }
        let message = format!(
            "the label `{own}` of `{name}` is not the `{other}` of its {} name `{}`",
            odd.other(),
            endpoint.name(odd.other()),
        );
        let suggestion = self.meant(endpoint, odd);
        Some(Warning { suggestion, ..self.warning(index, field(odd), message) })
    }

    /// Address names that are used once and differ from another by a slip in one word that is spelt otherwise elsewhere.
    fn addresses(&self) -> Vec<Warning> {
        let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, endpoint) in self.endpoints() {
            *uses.entry(endpoint.address.as_str()).or_default() += 1;
        }
        let mut words: BTreeMap<&str, usize> = BTreeMap::new();
        for address in uses.keys() {
            for word in words_of(address).collect::<BTreeSet<_>>() {
                *words.entry(word).or_default() += 1;
            }
        }
        self.endpoints()
            .filter_map(|(index, endpoint)| {
                let address = endpoint.address.as_str();
                let slip = respelt(address, &words, &uses).filter(|_| uses.get(address) == Some(&1))?;
                let Respelt { odd, usual, meant } = slip;
                let message =
                    format!("the address `{address}` says `{odd}` where the other addresses say `{usual}`");
                let suggestion = Some(meant);
                Some(Warning { suggestion, ..self.warning(index, EndpointField::Address, message) })
            })
            .collect()
    }
}

fn field(role: Role) -> EndpointField {
    match role {
        Role::Production => EndpointField::Production,
        Role::Standby => EndpointField::Standby,
    }
}

fn first_label(name: &DnsName) -> &str {
    name.as_str().split('.').next().unwrap_or_default()
}

/// The longest parent under which more than half of at least three names of a role lie. It lies within the zone of those names,
/// so that `co.uk` is nobody's parent.
fn shared_parent(endpoints: &[Endpoint], role: Role) -> Option<Custom> {
    let mut followers: BTreeMap<DnsName, usize> = BTreeMap::new();
    for endpoint in endpoints {
        let apex = endpoint.zone(role).zone.apex();
        let mut above = Some(endpoint.name(role).clone());
        while let Some(name) = above.filter(|name| name.is_within(apex)) {
            above = name.parent();
            *followers.entry(name).or_default() += 1;
        }
    }
    let custom = followers.into_iter().filter(|(_, count)| *count >= CUSTOM && count * 2 > endpoints.len());
    let best = custom.max_by_key(|(name, _)| name.as_str().len());
    best.map(|(parent, followers)| Custom { parent, followers })
}

/// What stands between the words of an address name.
const SEPARATORS: [char; 5] = ['-', '_', '.', ' ', '/'];

fn words_of(address: &str) -> impl Iterator<Item = &str> {
    address.split(SEPARATORS)
}

/// A word of an address that looks like a slip.
struct Respelt<'a> {
    odd: &'a str,
    usual: &'a str,
    meant: String,
}

/// The address of the same environment that differs in one word only, where that word is this one's custom spelling.
fn respelt<'a>(
    address: &'a str,
    words: &BTreeMap<&'a str, usize>,
    uses: &BTreeMap<&str, usize>,
) -> Option<Respelt<'a>> {
    for odd in words_of(address).filter(|word| words.get(word) == Some(&1) && is_spelt(word)) {
        let usual = words.iter().filter(|(_, count)| **count >= CUSTOM).map(|(word, _)| *word);
        for usual in usual.filter(|word| is_spelt(word) && strsim::damerau_levenshtein(odd, word) == 1) {
            let meant = with_word(address, odd, usual);
            if uses.contains_key(meant.as_str()) {
                return Some(Respelt { odd, usual, meant });
            }
        }
    }
    None
}

/// An address with one of its words exchanged.
fn with_word(address: &str, odd: &str, usual: &str) -> String {
    let parts = address.split_inclusive(SEPARATORS).map(|part| match part.strip_prefix(odd) {
        Some(rest) if rest.is_empty() || rest.len() == 1 && rest.starts_with(SEPARATORS) => {
            format!("{usual}{rest}")
        }
        Some(_) | None => part.to_owned(),
    });
    parts.collect()
}

/// Whether a word is one that can be misspelt: `web1` and `web2` are both meant.
fn is_spelt(word: &str) -> bool {
    word.chars().count() >= 4 && !word.chars().any(char::is_numeric)
}
