//! One case, and the word that names it.

use std::fmt;
use std::str::FromStr;

use super::{Kind, Next, Outcome, Strike};

/// What is run, what goes wrong at which of its boundaries, and what whoever comes next types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What is run.
    pub kind: Kind,
    /// What is typed next.
    pub next: Next,
    /// What goes wrong, in order.
    pub strikes: Vec<Strike>,
}

/// A word that names no case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` names no {what}; a case reads `switchover/resume/12:refused,30:dies-after`")]
pub struct CaseError {
    word: String,
    what: &'static str,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/", self.kind.word(), self.next.word())?;
        for (place, Strike { at, outcome }) in self.strikes.iter().enumerate() {
            write!(f, "{}{at}:{}", if place > 0 { "," } else { "" }, outcome.word())?;
        }
        Ok(())
    }
}

fn known<T: Copy>(
    all: &[T],
    name: impl Fn(T) -> &'static str,
    word: &str,
    what: &'static str,
) -> Result<T, CaseError> {
    let found = all.iter().copied().find(|one| name(*one) == word);
    found.ok_or_else(|| CaseError { word: word.to_owned(), what })
}

impl FromStr for Case {
    type Err = CaseError;

    fn from_str(text: &str) -> Result<Self, CaseError> {
        let mut parts = text.splitn(3, '/');
        let mut part = || parts.next().unwrap_or_default();
        Ok(Self {
            kind: known(&Kind::ALL, Kind::word, part(), "kind of run")?,
            next: known(&Next::ALL, Next::word, part(), "way to go on")?,
            strikes: part()
                .split(',')
                .filter(|one| !one.is_empty())
                .map(str::parse)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl FromStr for Strike {
    type Err = CaseError;

    fn from_str(text: &str) -> Result<Self, CaseError> {
        let (at, outcome) = text.split_once(':').unwrap_or((text, ""));
        Ok(Self {
            at: at.parse().map_err(|_| CaseError { word: at.to_owned(), what: "boundary" })?,
            outcome: known(&Outcome::ALL, Outcome::word, outcome, "outcome")?,
        })
    }
}
