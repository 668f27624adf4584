//! Asking a person.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::exit::{Exit, Stop};

/// Whether anybody can be asked.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks for one line; `default` is taken for an empty one.
pub(crate) fn ask(question: &str, default: Option<&str>) -> Result<String, Stop> {
    let shown = default.map(|default| format!(" [{default}]")).unwrap_or_default();
    anstream::eprint!("{question}{shown}: ");
    io::stderr().flush().ok();
    let mut line = String::new();
    match io::stdin().lock().read_line(&mut line) {
        Ok(0) | Err(_) => Err(Stop::new(Exit::Declined, "no answer")),
        Ok(_) => match (line.trim(), default) {
            ("", Some(default)) => Ok(default.to_owned()),
            (answer, _) => Ok(answer.to_owned()),
        },
    }
}

/// Asks for `word` to be typed out. Without a terminal and without `yes` this fails at once and names the flag.
pub(crate) fn confirm(question: &str, word: &str, yes: bool) -> Result<(), Stop> {
    if yes {
        return Ok(());
    }
    if !can_ask() {
        return Err(Stop::new(Exit::Usage, "there is no terminal to ask on")
            .hint("add `--yes` to go on without asking"));
    }
    if ask(&format!("{question} Type `{word}` to go on"), None)? == word {
        return Ok(());
    }
    Err(Stop::new(Exit::Declined, "declined; nothing was changed"))
}
