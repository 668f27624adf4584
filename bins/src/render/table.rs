//! Tables, for terminals and for Markdown.

use comfy_table::{ContentArrangement, Table, presets};

use crate::args::Output;

/// A table without borders for people, or a Markdown one.
pub(crate) fn table(output: Output, heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    match output {
        Output::Markdown => table.load_style(presets::ASCII_MARKDOWN),
        Output::Table | Output::Json | Output::Jsonl => table.load_style(presets::NOTHING),
    };
    table.set_content_arrangement(ContentArrangement::Disabled);
    let heads: Vec<String> = match output {
        Output::Markdown => heads.iter().map(ToString::to_string).collect(),
        Output::Table | Output::Json | Output::Jsonl => {
            heads.iter().map(|head| head.to_uppercase()).collect()
        }
    };
    table.set_header(heads);
    for row in rows {
        table.add_row(row);
    }
    let text = table.to_string();
    let lines = text.lines().map(|line| match output {
        Output::Markdown => line,
        Output::Table | Output::Json | Output::Jsonl => {
            line.trim_end().strip_prefix(' ').unwrap_or(line.trim_end())
        }
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}
