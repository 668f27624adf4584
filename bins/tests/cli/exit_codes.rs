//! The documentation of the exit codes says what the programs do.

use switchover_bins::Exit;

use crate::support::{Home, root};

#[test]
fn the_documentation_lists_every_exit_code_with_its_meaning() {
    let text = std::fs::read_to_string(root().join("docs/exit-codes.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| ")).skip(2);
    let rows: Vec<(String, String)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            assert_eq!(cells.len(), 4, "{row}");
            assert!(cells.iter().all(|cell| !cell.is_empty()), "{row}");
            (cells[0].to_owned(), cells[1].to_owned())
        })
        .collect();
    let meant: Vec<(String, String)> =
        Exit::ALL.iter().map(|exit| (exit.code().to_string(), exit.meaning().to_owned())).collect();
    assert_eq!(rows, meant);
}

#[test]
fn every_code_stands_once_and_in_order() {
    let codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
    assert!(codes.is_sorted_by(|a, b| a < b), "{codes:?}");
}

#[test]
fn help_says_every_exit_code_in_the_words_of_the_documentation() {
    for line in ["switchover -h", "swap-roles -h", "swap-roles --help"] {
        let help = Home::new().run(line).ends(0).stdout;
        let words: Vec<&str> = help.split_whitespace().collect();
        let help = words.join(" ");
        for exit in Exit::ALL {
            let said = format!("{} {}", exit.code(), exit.meaning());
            assert!(help.contains(&said), "{line} does not say `{said}`");
        }
    }
}
