//! The configuration: raw TOML in, pairs that can only be valid out, every problem reported at once with its place.
//!
//! ```text
//! text ──► Document ──► Findings ──► Resolved ──► Config
//!          document     validate     resolve      file
//!          (TOML, with  (against     (names,      (pairs, and a provider
//!           places)      schema)      zones, …)    spec per outside system)
//! ```
//!
//! [`parse`] is pure: it takes a text and a [`Catalog`] of the providers that may stand in it, and touches neither files nor
//! the environment. The JSON Schema of the whole file, [`schema`], is made from the types in `raw` and from the catalog's;
//! it is both what a file is held against and what editors are given. What the schema cannot say (a name in no zone, a side
//! named after a role) `resolve` finds. [`lint`] adds what is allowed and looks like a slip.

mod catalog;
mod document;
mod file;
mod lint;
mod path;
mod problem;
mod raw;
mod resolve;
mod scalar;
mod schema;
mod source;
mod template;
mod validate;

pub use catalog::{Catalog, CatalogError, Kind, KindName, PortKind};
pub use file::{
    ChoiceError, Config, PairConfig, ProviderSpec, SettingSpec, SpecError, StoreSpec, ValueSource,
};
pub use lint::{Warning, lint};
pub use path::{ConfigPath, EndpointField, PathSegment, SideField};
pub use problem::{Problem, Problems};
pub use scalar::{Period, PeriodError, SecretRef};
pub use schema::schema;
pub use source::{Position, Source};
pub use template::{Template, TemplateError};

#[cfg(test)]
mod tests;

use document::Document;

/// The most bytes a file may have; a thousand endpoints need about 150,000.
const LARGEST: usize = 4 << 20;

/// Reads a configuration, or says everything that is wrong with it.
///
/// `name` is what messages call the file. Nothing is read but `text`. Secrets that somebody wrote into the file in clear are
/// refused, and appear in no message and in neither [`Source`].
pub fn parse(name: impl Into<String>, text: &str, catalog: &Catalog) -> Result<Config, Problems> {
    let name = name.into();
    if text.len() > LARGEST {
        let message = format!("the file has {} bytes, more than the {LARGEST} that are read", text.len());
        return Err(Problems::new(
            Source::new(name, "", &[]),
            vec![Problem::new(message, &ConfigPath::root(), 0..0)],
        ));
    }
    let document = Document::parse(text);
    let mut secrets = document.root.secrets();
    let mut problems = document.problems;
    if document.broken {
        // What could not be understood may hold the keys that would be missed, so nothing else is looked for.
        secrets.extend(source::secrets_in_broken(text));
        return Err(Problems::new(Source::new(name, text, &secrets), problems));
    }
    let found = validate::validate(&document.root, &schema(catalog));
    secrets.extend(found.secrets);
    let source = Source::new(name, text, &secrets);
    let resolved = resolve::resolve(&document.root, &found.problems);
    problems.extend(found.problems);
    problems.extend(resolved.problems);
    if problems.is_empty() {
        let (pairs, state) = (resolved.pairs, resolved.state);
        return Ok(Config { pairs, state, source, root: document.root });
    }
    Err(Problems::new(source, problems))
}
