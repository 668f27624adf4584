//! The role table as Markdown.

use switchover::model::RoleRow;

/// The rows as a Markdown table with an empty line before and after, as some readers want it.
///
/// The first column is the project, or the side where a side has none; then come the columns of the configuration, the environment if the
/// rows are of several, and the role. A release and a status have a column where one is known.
pub fn render(rows: &[RoleRow]) -> String {
    let columns = columns(rows);
    let heads: Vec<String> = columns.iter().map(|column| column.title.clone()).collect();
    let mut text = format!("\n{}{}", line(&heads), line(&vec!["--".to_owned(); heads.len()]));
    for row in rows {
        let cells: Vec<String> = columns.iter().map(|column| (column.cell)(row)).collect();
        text += &line(&cells);
    }
    text + "\n"
}

/// A heading and what stands under it.
struct Shown<'a> {
    title: String,
    cell: Box<dyn Fn(&RoleRow) -> String + 'a>,
}

fn shown<'a>(title: impl Into<String>, cell: impl Fn(&RoleRow) -> String + 'a) -> Shown<'a> {
    Shown { title: title.into(), cell: Box::new(cell) }
}

fn columns(rows: &[RoleRow]) -> Vec<Shown<'_>> {
    let mut columns = vec![if rows.iter().all(|row| row.project.is_some()) {
        shown("project", |row| row.project.clone().unwrap_or_default())
    } else {
        shown("side", |row| row.side.to_string())
    }];
    for title in titles(rows) {
        columns.push(shown(title, move |row| {
            let column = row.columns.iter().find(|column| column.title == title);
            column.map_or_else(String::new, |column| column.value.clone())
        }));
    }
    if rows.iter().any(|row| rows.first().is_some_and(|first| first.environment != row.environment)) {
        columns.push(shown("environment", |row| row.environment.to_string()));
    }
    columns.push(shown("current role", |row| row.holding.to_string()));
    if rows.iter().any(|row| row.release.is_some()) {
        columns.push(shown("current release", |row| {
            row.release.as_ref().map_or_else(String::new, ToString::to_string)
        }));
    }
    if rows.iter().any(|row| row.status.is_some()) {
        columns.push(shown("status", |row| row.status.clone().unwrap_or_default()));
    }
    columns
}

/// The headings of the configuration, each once, in the order in which they come.
fn titles(rows: &[RoleRow]) -> Vec<&str> {
    let mut titles: Vec<&str> = Vec::new();
    for column in rows.iter().flat_map(|row| &row.columns) {
        if !titles.contains(&column.title.as_str()) {
            titles.push(&column.title);
        }
    }
    titles
}

fn line(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| escaped(cell)).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// A text that ends neither its cell nor its row.
fn escaped(cell: &str) -> String {
    let cell = cell.replace('\\', "\\\\").replace('|', "\\|");
    let cell = cell.split(['\r', '\n']).collect::<Vec<_>>().join(" ");
    // An HTML comment in a value could close the markers around the table.
    if cell.is_empty() { "-".to_owned() } else { cell.replace("<!--", "&lt;!--") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchover::model::{Column, EnvironmentName, Holding, ReleaseName, SideName};

    fn row(side: &str, project: Option<&str>, environment: &str, holding: Holding) -> RoleRow {
        RoleRow {
            side: SideName::new(side).unwrap(),
            project: project.map(str::to_owned),
            columns: Vec::new(),
            environment: EnvironmentName::new(environment).unwrap(),
            holding,
            release: None,
            status: None,
        }
    }

    fn column(title: &str, value: &str) -> Column {
        Column { title: title.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn the_table_of_gigadb_is_the_one_of_its_document() {
        let release = |row: RoleRow| RoleRow {
            release: Some(ReleaseName::new("v4.3.3").unwrap()),
            status: Some("OK".to_owned()),
            ..row
        };
        let upstream = RoleRow {
            columns: vec![column("AWS profile", "Upstream"), column("AWS region", "ap-east-1")],
            ..row("hongkong", Some("gigadb-website"), "live", Holding::Production)
        };
        let alt = RoleRow {
            columns: vec![column("AWS profile", "UpstreamAlt"), column("AWS region", "ap-southeast-2")],
            ..row("sydney", Some("alt-gigadb-website"), "live", Holding::Standby)
        };
        insta::assert_snapshot!(render(&[release(upstream), release(alt)]));
    }

    #[test]
    fn columns_are_shown_where_there_is_something_to_show() {
        let rows = [
            row("hongkong", None, "staging", Holding::Production),
            row("sydney", Some("alt"), "staging", Holding::Standby),
            RoleRow {
                columns: vec![column("place", "a|b\nc\\ <!-- /switchover:roles -->")],
                ..row("hongkong", None, "live", Holding::PartWay)
            },
            row("sydney", Some("alt"), "live", Holding::Unknown),
        ];
        insta::assert_snapshot!(render(&rows));
    }
}
