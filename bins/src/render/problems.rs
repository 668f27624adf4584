//! Problems shown at their place in the file, underlined, with what was probably meant.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use switchover::config::{Config, ConfigPath, Problem, Problems, Source, Warning};

use super::say;

/// Shows every problem of a file.
pub(crate) fn show(problems: &Problems) {
    for problem in problems.list() {
        say(one(problems.source(), problem));
    }
    let count = problems.list().len();
    let s = if count == 1 { "" } else { "s" };
    say(format_args!("{} has {count} problem{s}; nothing was done", problems.source().name()));
}

fn one(source: &Source, problem: &Problem) -> String {
    let meant = problem.suggestion.as_ref().map(|suggestion| format!("did you mean `{suggestion}`?"));
    let help = [meant, problem.help.clone()].into_iter().flatten().collect::<Vec<_>>().join("; ");
    let mark = Mark { source, span: problem.span.clone(), also: &problem.also };
    mark.render(Level::ERROR, &problem.message, &help)
}

/// Shows what is wrong with a provider at its table.
pub(crate) fn show_fault(config: &Config, path: &ConfigPath, why: &str) {
    say(at(config, path, Level::ERROR, why, ""));
}

/// Shows a name that looks like a slip.
pub(crate) fn show_warning(config: &Config, warning: &Warning) {
    let help = warning.suggestion.as_ref().map(|suggestion| format!("did you mean `{suggestion}`?"));
    say(at(config, &warning.path, Level::WARNING, &warning.message, help.as_deref().unwrap_or_default()));
}

/// A message at a place of the file.
pub(crate) fn at(config: &Config, path: &ConfigPath, level: Level<'_>, message: &str, help: &str) -> String {
    let span = config.locate(path).unwrap_or_default();
    Mark { source: &config.source, span, also: &[] }.render(level, message, help)
}

struct Mark<'a> {
    source: &'a Source,
    span: Range<usize>,
    also: &'a [(Range<usize>, String)],
}

impl Mark<'_> {
    fn render(&self, level: Level<'_>, message: &str, help: &str) -> String {
        let primary = AnnotationKind::Primary.span(self.span.clone());
        let others = self
            .also
            .iter()
            .map(|(span, label)| AnnotationKind::Context.span(span.clone()).label(label.as_str()));
        let mut snippet = Snippet::source(self.source.text()).path(self.source.name());
        // Some mistakes lie between two characters; only the very beginning stands for a place that is not known.
        if self.span != (0..0) {
            snippet = snippet.annotation(primary).annotations(others);
        }
        let mut report: Vec<Group<'_>> = vec![level.primary_title(message).element(snippet)];
        if !help.is_empty() {
            report.push(Group::with_title(Level::HELP.secondary_title(help)));
        }
        Renderer::styled().render(&report)
    }
}
