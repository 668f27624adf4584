//! Texts of announcements as the configuration gives them: words with `{placeholders}`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::problem::all;
use crate::model::Announcement;
use crate::near::nearest;
use crate::report::{environments, moves};

/// A value that a template can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placeholder {
    Pair,
    Run,
    Intent,
    Moment,
    Environments,
    From,
    To,
    Moves,
    Release,
    Reason,
    By,
    Detail,
    Time,
}

const PLACEHOLDERS: [(&str, Placeholder); 13] = [
    ("pair", Placeholder::Pair),
    ("run", Placeholder::Run),
    ("intent", Placeholder::Intent),
    ("moment", Placeholder::Moment),
    ("environments", Placeholder::Environments),
    ("from", Placeholder::From),
    ("to", Placeholder::To),
    ("moves", Placeholder::Moves),
    ("release", Placeholder::Release),
    ("reason", Placeholder::Reason),
    ("by", Placeholder::By),
    ("detail", Placeholder::Detail),
    ("time", Placeholder::Time),
];

impl Placeholder {
    /// The value; `-` where the run has none.
    fn value(self, announcement: &Announcement) -> String {
        let sides = |of: fn(&crate::plan::Shift) -> &str| {
            let mut sides: Vec<&str> = announcement.shifts.iter().map(of).collect();
            sides.dedup();
            sides.join(", ")
        };
        let value = match self {
            Self::Pair => announcement.pair.to_string(),
            Self::Run => announcement.run.to_string(),
            Self::Intent => announcement.intent.to_string(),
            Self::Moment => announcement.moment.to_string(),
            Self::Environments => environments(announcement),
            Self::From => sides(|shift| shift.from.as_str()),
            Self::To => sides(|shift| shift.to.as_str()),
            Self::Moves => moves(announcement),
            Self::Release => announcement.release.as_ref().map(ToString::to_string).unwrap_or_default(),
            Self::Reason => announcement.reason.clone().unwrap_or_default(),
            Self::By => announcement.by.clone().unwrap_or_default(),
            Self::Detail => announcement.detail.clone().unwrap_or_default(),
            Self::Time => announcement.at.strftime("%F %T UTC").to_string(),
        };
        if value.is_empty() { "-".to_owned() } else { value }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Words(String),
    Value(Placeholder),
}

/// A text with placeholders, such as `{pair}: production moves from {from} to {to}`. `{{` and `}}` stand for single braces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

/// A text that is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It asks for a value that there is not.
    #[error("unknown placeholder `{{{}}}`", .0.escape_debug())]
    Unknown(String),
    /// A brace has no partner.
    #[error("a single `{0}` stands for nothing")]
    Brace(char),
    /// It says nothing.
    #[error("the text is empty")]
    Empty,
}

impl TemplateError {
    /// The placeholder that was probably meant.
    pub fn near(&self) -> Option<String> {
        match self {
            Self::Unknown(name) => {
                nearest(name, PLACEHOLDERS.map(|(known, _)| known)).map(|near| format!("{{{near}}}"))
            }
            Self::Brace(_) | Self::Empty => None,
        }
    }

    /// What to do.
    pub fn help(&self) -> String {
        match self {
            Self::Unknown(_) => format!("there are {}", all(PLACEHOLDERS.map(|(known, _)| known))),
            Self::Brace(brace) => format!("write `{brace}{brace}` for a brace, and `{{pair}}` for a value"),
            Self::Empty => "leave the key out to keep the text that comes with the program".to_owned(),
        }
    }
}

impl Template {
    /// The text with its values, each of which `escaped` makes fit for where it goes; the words around them are left as they are.
    pub fn render(&self, announcement: &Announcement, escaped: impl Fn(&str) -> String) -> String {
        let parts = self.parts.iter().map(|part| match part {
            Part::Words(words) => words.clone(),
            Part::Value(placeholder) => escaped(&placeholder.value(announcement)),
        });
        parts.collect()
    }
}

impl FromStr for Template {
    type Err = TemplateError;
    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let (mut parts, mut words, mut rest) = (Vec::new(), String::new(), text);
        while let Some(place) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(place);
            words.push_str(before);
            if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
                words.push_str(&from[..1]);
                rest = after;
                continue;
            }
            let name = from.strip_prefix('{').ok_or(TemplateError::Brace('}'))?;
            let (name, after) = name.split_once('}').ok_or(TemplateError::Brace('{'))?;
            let known = PLACEHOLDERS.into_iter().find(|(known, _)| *known == name);
            let (_, placeholder) = known.ok_or_else(|| TemplateError::Unknown(name.to_owned()))?;
            parts.push(Part::Words(std::mem::take(&mut words)));
            parts.push(Part::Value(placeholder));
            rest = after;
        }
        words.push_str(rest);
        parts.push(Part::Words(words));
        if text.trim().is_empty() {
            Err(TemplateError::Empty)
        } else {
            Ok(Self { text: text.to_owned(), parts })
        }
    }
}

impl TryFrom<String> for Template {
    type Error = TemplateError;
    fn try_from(text: String) -> Result<Self, TemplateError> {
        text.parse()
    }
}

impl From<Template> for String {
    fn from(template: Template) -> String {
        template.text
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl JsonSchema for Template {
    fn schema_name() -> Cow<'static, str> {
        "Template".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "announcement",
            "description": "a text with placeholders such as {pair}, {from} and {to}",
            "examples": ["{pair}: production moves from {from} to {to}. {reason}"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::announcement;

    fn shown(template: &str) -> String {
        let template: Template = template.parse().unwrap();
        template.render(&announcement(), |value| value.replace('&', "&amp;"))
    }

    #[test]
    fn placeholders_become_values_and_only_values_are_escaped() {
        assert_eq!(
            shown("<!here> {pair} & {moves}: {reason}"),
            "<!here> gigadb & live: hongkong to sydney: R&amp;D asked"
        );
    }

    #[test]
    fn every_placeholder_has_a_value() {
        for (name, _) in PLACEHOLDERS {
            assert!(!shown(&format!("{{{name}}}")).is_empty(), "{name}");
        }
        assert_eq!(shown("{release}{detail}"), "--");
    }

    #[test]
    fn doubled_braces_are_braces() {
        assert_eq!(shown("{{pair}} is {pair}"), "{pair} is gigadb");
    }

    #[test]
    fn what_is_no_template_is_refused_with_what_was_meant() {
        let unknown = "{environment} moves".parse::<Template>().unwrap_err();
        assert_eq!(unknown.near().as_deref(), Some("{environments}"));
        let hostile = "{\u{1b}[31m}".parse::<Template>().unwrap_err().to_string();
        assert!(!hostile.contains(char::is_control), "{hostile:?}");
        assert_eq!("a } b".parse::<Template>(), Err(TemplateError::Brace('}')));
        assert_eq!("a { b".parse::<Template>(), Err(TemplateError::Brace('{')));
        assert_eq!(" ".parse::<Template>(), Err(TemplateError::Empty));
        assert!("{}".parse::<Template>().unwrap_err().help().contains("`pair`"));
    }
}
