//! The role table in a document: it is put between its markers, nothing else is touched, and no value gets out of its cell.
//!
//! Input: up to four values on a line each, a line of `%%`, then the document.

#![no_main]

use libfuzzer_sys::fuzz_target;
use switchover::model::{Column, EnvironmentName, Holding, PairName, ReleaseName, RoleRow, SideName};
use switchover_fuzz::assert_legible;
use switchover_markdown::markers::{Place, find};
use switchover_markdown::table::render;

fuzz_target!(|input: &str| {
    let (values, document) = input.split_once("\n%%\n").unwrap_or((input, ""));
    let rows = rows(&values.lines().collect::<Vec<_>>());
    let table = render(&rows);
    whole(&table, rows.len());
    let pair = PairName::new("gigadb").expect("it is a word");
    match find(document, &pair) {
        Ok(place) => put(document, &place, &table, &pair),
        Err(error) => assert_legible(&error),
    }
});

fn rows(values: &[&str]) -> Vec<RoleRow> {
    let value = |place: usize| values.get(place).copied().unwrap_or_default().to_owned();
    let row = |side: &str, holding| RoleRow {
        side: SideName::new(side).expect("it is a word"),
        project: values.first().map(|value| (*value).to_owned()),
        columns: vec![Column { title: value(1), value: value(2) }],
        environment: EnvironmentName::new("live").expect("it is a word"),
        holding,
        release: ReleaseName::new(value(3)).ok(),
        status: values.get(3).map(|value| (*value).to_owned()),
    };
    vec![row("hongkong", Holding::Production), row("sydney", Holding::Standby)]
}

/// Every row has the cells of the first, none of them empty.
fn whole(table: &str, rows: usize) {
    let lines: Vec<&str> = table.split('\n').filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), rows + 2, "{table:?}");
    let heads = cells(lines[0]);
    for line in lines {
        assert_eq!(cells(line), heads, "{table:?}");
    }
}

/// The cells of a line as a reader of Markdown counts them: a backslash takes the meaning from the sign after it.
fn cells(line: &str) -> usize {
    let mut signs = line.chars();
    let mut bars = 0_usize;
    while let Some(sign) = signs.next() {
        match sign {
            '\\' => drop(signs.next()),
            '|' => bars += 1,
            _ => {}
        }
    }
    bars.checked_sub(1).expect("a line of a table has bars")
}

fn put(document: &str, place: &Place, table: &str, pair: &PairName) {
    let (before, after) = (&document[..place.between.start], &document[place.between.end..]);
    let table = table.replace('\n', place.newline);
    let written = format!("{before}{table}{after}");
    let again = find(&written, pair).expect("the markers stand where they stood");
    assert_eq!(&written[again.between.clone()], table);
    assert_eq!((&written[..again.between.start], &written[again.between.end..]), (before, after));
}
