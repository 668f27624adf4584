//! `switchover init`: writes a first configuration file.
//!
//! ```text
//! flags ─► wishes ─► read ──────────► derive ───────► (ask which names are production's) ─► write ─► the file
//!          (asks)    (zones, EIPs)    (pure)                                                (pure)
//! ```
//!
//! What cannot be read is no error: the file then has marked places to fill in.

mod class;
mod derive;
mod likeness;
mod read;
mod side;
mod wishes;
mod write;

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use derive::{Derived, FoundEnvironment, Seen};
pub(crate) use side::SideWish;
use wishes::Wishes;
use write::{Draft, DraftEnvironment};

use super::Outcome;
use crate::args::Init;
use crate::exit::{Exit, Stop};
use crate::render::{self, WARN, problems, say, styled};
use crate::{prompt, registry};

/// The command.
pub(super) async fn run(init: &Init) -> Outcome {
    let to_stdout = init.file.as_os_str() == "-";
    if !to_stdout && !init.force && init.file.exists() {
        return Err(in_the_way(&init.file));
    }
    let wishes = wishes::resolve(init)?;
    // What was wished for may not fit in any file (a side named after a role); better said before anything is read.
    checked(&write::write(&draft(&wishes, &Seen::default(), Derived::default())?))?;
    let read = read::read(&wishes).await;
    for warning in &read.warnings {
        say(format_args!("{} {warning}", styled(WARN, "warning:")));
    }
    let derived = derive::derive(&wishes.sides, &read.seen);
    let draft = draft(&wishes, &read.seen, derived)?;
    let text = write::write(&draft);
    checked(&text)?;
    if to_stdout {
        render::out(&text)?;
    } else {
        save(&init.file, &text, init.force)?;
    }
    tell(&draft, &text, &init.file, to_stdout);
    Ok(Exit::Done)
}

fn in_the_way(file: &Path) -> Stop {
    Stop::new(Exit::Refused, format!("{} is there already", file.display()))
        .hint("name another file, `-` for standard output, or overwrite it with `--force`")
}

fn draft(wishes: &Wishes, seen: &Seen, derived: Derived) -> Result<Draft, Stop> {
    let unplaced = derived.environments.is_empty();
    let mut environments = Vec::new();
    for environment in derived.environments {
        environments.push(settled(environment)?);
    }
    Ok(Draft {
        pair: wishes.pair.clone(),
        sides: wishes.sides.clone(),
        zones: wishes.zones.clone(),
        cloudflare_url: wishes.cloudflare_url.clone(),
        environments,
        fixed: derived.fixed,
        remarks: derived.remarks,
        addresses: if unplaced { derive::addresses_seen(seen) } else { Vec::new() },
    })
}

/// Which side's names are production's: asked where somebody can be asked, and else those that look plainer.
fn settled(environment: FoundEnvironment) -> Result<DraftEnvironment, Stop> {
    let likely = environment.likely_production();
    let asked = prompt::can_ask();
    let production = if asked { ask_which(&environment, likely)? } else { likely };
    let FoundEnvironment { name, endpoints } = environment;
    Ok(DraftEnvironment { name, endpoints, production, settled: asked })
}

fn ask_which(environment: &FoundEnvironment, likely: usize) -> Result<usize, Stop> {
    say(format_args!("In {}, which names do users use?", environment.name));
    for side in [0, 1] {
        say(format_args!("  {}. {}", side + 1, derive::examples(environment, side)));
    }
    let default = (likely + 1).to_string();
    wishes::ask_until(|| {
        let answer = prompt::ask("1 or 2", Some(&default))?;
        Ok(match answer.as_str() {
            "1" => Ok(0),
            "2" => Ok(1),
            other => Err(format!("`{}` is neither 1 nor 2", other.escape_debug())),
        })
    })
}

/// Holds a text against everything that a configuration must be.
fn checked(text: &str) -> Result<(), Stop> {
    match switchover::config::parse("the new file", text, &registry::catalog()?) {
        Ok(_) => Ok(()),
        Err(found) => {
            problems::show(&found);
            Err(Stop::new(Exit::Usage, "no file can be written from this; give other values"))
        }
    }
}

fn save(file: &Path, text: &str, force: bool) -> Result<(), Stop> {
    let mut options = OpenOptions::new();
    options.write(true);
    // Without --force a file that has appeared since is not overwritten either.
    let options = if force { options.create(true).truncate(true) } else { options.create_new(true) };
    let written = options.open(file).and_then(|mut opened| opened.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => in_the_way(file),
        _ => Stop::new(Exit::Failed, format!("{} cannot be written: {error}", file.display())),
    })
}

fn tell(draft: &Draft, text: &str, file: &Path, to_stdout: bool) {
    let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let endpoints = draft.environments.iter().map(|environment| environment.endpoints.len()).sum();
    let written = if to_stdout { "wrote".to_owned() } else { format!("wrote {}:", file.display()) };
    let what = match endpoints {
        0 => "a template".to_owned(),
        _ => format!(
            "{} in {}",
            counted(endpoints, "endpoint"),
            counted(draft.environments.len(), "environment")
        ),
    };
    say(format_args!("{written} {what}"));
    let (mark, places) = (write::MARK, write::places(text));
    if places > 0 {
        say(format_args!(
            "  next: fill in {}, marked `{mark}`; then `switchover check`",
            counted(places, "place")
        ));
    } else {
        say("  next: read it through, above all what is marked `LOOK`; then `switchover check`");
    }
}

#[cfg(all(test, feature = "cloudflare"))]
mod tests;
