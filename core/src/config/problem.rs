//! What is wrong with a file: every problem at once, each with its place and what was probably meant.

use std::fmt;
use std::ops::Range;

use super::{ConfigPath, Position, Source};

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, as a lowercase fragment. Never holds a secret.
    pub message: String,
    /// The value it is about; for a missing key, where the key would stand.
    pub path: ConfigPath,
    /// The bytes of the file to point at.
    pub span: Range<usize>,
    /// What was probably meant, as it would be written.
    pub suggestion: Option<String>,
    /// What to do, where no single value is probable.
    pub help: Option<String>,
    /// Other places that belong to the problem, each with what stands there.
    pub also: Vec<(Range<usize>, String)>,
}

impl Problem {
    pub(super) fn new(message: impl Into<String>, path: &ConfigPath, span: Range<usize>) -> Self {
        let message = clipped(&message.into(), 300);
        Self { message, path: path.clone(), span, suggestion: None, help: None, also: Vec::new() }
    }

    pub(super) fn meant(self, suggestion: Option<impl Into<String>>) -> Self {
        Self { suggestion: suggestion.map(Into::into), ..self }
    }

    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    pub(super) fn also(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.also.push((span, label.into()));
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(suggestion) = &self.suggestion {
            write!(f, "; did you mean `{suggestion}`?")?;
        }
        if let Some(help) = &self.help {
            write!(f, "; {help}")?;
        }
        Ok(())
    }
}

/// Everything that is wrong with a file, in the order in which it stands there; at least one problem.
///
/// [`fmt::Display`] writes one line per problem, `file:line:column: …`, which editors and terminals can follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    source: Source,
    list: Vec<Problem>,
}

impl Problems {
    pub(super) fn new(source: Source, mut list: Vec<Problem>) -> Self {
        list.sort_by(|a, b| (a.span.start, &a.path, &a.message).cmp(&(b.span.start, &b.path, &b.message)));
        list.dedup();
        Self { source, list }
    }

    /// The file, with secrets covered.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The problems, in the file's order.
    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    /// Where a problem starts.
    pub fn position(&self, problem: &Problem) -> Position {
        self.source.position(problem.span.start)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |span: &Range<usize>| {
            let Position { line, column } = self.source.position(span.start);
            format!("{}:{line}:{column}", self.source.name())
        };
        for (number, problem) in self.list.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            write!(f, "{}: {problem}", place(&problem.span))?;
            for (span, label) in &problem.also {
                write!(f, "\n    {}: {label}", place(span))?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

fn clipped(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A value from the file as it may be shown: in backquotes, of bounded length, with nothing that a terminal obeys.
pub(super) fn quoted(text: &str) -> String {
    let mut shown = String::new();
    for c in clipped(text, 80).chars() {
        // A backquote would end the quotation; the other quotes are no harm.
        match c {
            '"' | '\'' | '\\' => shown.push(c),
            '`' => shown.push('\''),
            _ => shown.extend(c.escape_debug()),
        }
    }
    format!("`{}`", clipped(&shown, 160))
}

/// Names in a sentence: `a`, `b` or `c`.
pub(super) fn either<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    joined(names, " or ")
}

/// Names in a sentence: `a`, `b` and `c`.
pub(super) fn all<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    joined(names, " and ")
}

fn joined<'a>(names: impl IntoIterator<Item = &'a str>, last: &str) -> String {
    const MOST: usize = 12;
    let mut names: Vec<String> = names.into_iter().map(quoted).collect();
    if names.len() > MOST {
        let more = names.len() - MOST;
        names.truncate(MOST);
        names.push(format!("{more} more"));
    }
    match names.split_last() {
        Some((end, rest)) if !rest.is_empty() => format!("{}{last}{end}", rest.join(", ")),
        Some((only, _)) => only.clone(),
        None => String::new(),
    }
}
