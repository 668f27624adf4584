//! Where in a document the table of a pair stands.

use std::ops::Range;

use switchover::model::PairName;

const OPENS: &str = "<!-- switchover:roles ";
/// The marker that closes a place.
pub const CLOSES: &str = "<!-- /switchover:roles -->";
const ENDS: &str = " -->";

/// The marker that opens the place of a pair.
pub fn opening(pair: &PairName) -> String {
    format!("{OPENS}{pair}{ENDS}")
}

/// Why a document has no place for a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MarkerError {
    /// No line says that the pair's table stands here.
    #[error(
        "it has no place for the role table of {pair}; put these two lines where the table shall stand:\n  {}\n  {CLOSES}",
        opening(pair)
    )]
    Missing {
        /// The pair.
        pair: PairName,
    },
    /// Two places for one pair.
    #[error("lines {first} and {second} both open the role table of {pair}; take one of them out")]
    Doubled {
        /// The pair.
        pair: PairName,
        /// The first place, as a line counted from 1.
        first: usize,
        /// The second.
        second: usize,
    },
    /// A place that does not end, or does so after the next one began.
    #[error("line {line} opens a role table that no line closes; write `{CLOSES}` after it")]
    Unclosed {
        /// The line, counted from 1.
        line: usize,
    },
    /// An end without a beginning.
    #[error(
        "line {line} closes a role table that no line opens; take it out, or write `{OPENS}PAIR{ENDS}` before the table"
    )]
    Unopened {
        /// The line, counted from 1.
        line: usize,
    },
}

/// The place of a table in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The bytes between the line of the opening marker and that of the closing one.
    pub between: Range<usize>,
    /// How the document ends its lines.
    pub newline: &'static str,
}

/// Finds the place of a pair. A document whose markers do not fit together, whosever they are, has none: it could be the wrong one.
pub fn find(text: &str, pair: &PairName) -> Result<Place, MarkerError> {
    let mut open: Option<(usize, &str, usize)> = None;
    let mut found: Option<(usize, Place)> = None;
    let mut at = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let (number, start) = (index + 1, at);
        at += line.len();
        let trimmed = line.trim();
        if let Some(name) = trimmed.strip_prefix(OPENS).and_then(|rest| rest.strip_suffix(ENDS)) {
            if let Some((before, ..)) = open {
                return Err(MarkerError::Unclosed { line: before });
            }
            open = Some((number, name.trim(), at));
        } else if trimmed == CLOSES {
            let (opened, name, from) = open.take().ok_or(MarkerError::Unopened { line: number })?;
            if name != pair.as_str() {
                continue;
            }
            if let Some((first, _)) = found {
                return Err(MarkerError::Doubled { pair: pair.clone(), first, second: opened });
            }
            let newline =
                if text.get(..from).is_some_and(|head| head.ends_with("\r\n")) { "\r\n" } else { "\n" };
            found = Some((opened, Place { between: from..start, newline }));
        }
    }
    match (open, found) {
        (Some((line, ..)), _) => Err(MarkerError::Unclosed { line }),
        (None, Some((_, place))) => Ok(place),
        (None, None) => Err(MarkerError::Missing { pair: pair.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> PairName {
        PairName::new("gigadb").unwrap()
    }

    fn between(text: &str) -> Result<&str, MarkerError> {
        find(text, &pair()).map(|place| &text[place.between])
    }

    const A: &str = "<!-- switchover:roles gigadb -->\n";
    const B: &str = "<!-- switchover:roles other -->\n";
    const Z: &str = "<!-- /switchover:roles -->\n";

    #[test]
    fn the_place_of_a_pair_is_found_beside_those_of_others() {
        assert_eq!(between(&format!("# SOP\n{B}theirs\n{Z}\n{A}ours\n{Z}end")), Ok("ours\n"));
        assert_eq!(between(&format!("{A}{Z}")), Ok(""));
        assert_eq!(between(&format!("  {A}ours\n  {Z}")), Ok("ours\n"));
    }

    #[test]
    fn the_last_line_needs_no_end_and_the_lines_end_as_those_of_the_document() {
        let text = format!("{A}ours\n{}", Z.trim_end());
        assert_eq!(between(&text), Ok("ours\n"));
        let crlf = format!("{A}ours\n{Z}").replace('\n', "\r\n");
        let place = find(&crlf, &pair()).unwrap();
        assert_eq!((&crlf[place.between], place.newline), ("ours\r\n", "\r\n"));
    }

    #[test]
    fn markers_that_do_not_fit_together_are_no_place() {
        let (doubled, lone) = (format!("{A}{Z}{A}{Z}"), format!("x\n{A}y\n"));
        let twice = MarkerError::Doubled { pair: pair(), first: 1, second: 3 };
        assert_eq!(between(&doubled), Err(twice));
        assert_eq!(between(&lone), Err(MarkerError::Unclosed { line: 2 }));
        assert_eq!(between(&format!("{A}{B}{Z}")), Err(MarkerError::Unclosed { line: 1 }));
        assert_eq!(between(&format!("{A}{Z}{Z}")), Err(MarkerError::Unopened { line: 3 }));
        assert_eq!(between(&format!("{A}{Z}{B}")), Err(MarkerError::Unclosed { line: 3 }));
        assert_eq!(between(&format!("{B}{Z}")), Err(MarkerError::Missing { pair: pair() }));
        assert_eq!(between(""), Err(MarkerError::Missing { pair: pair() }));
    }
}
