//! `switchover config schema`, `completions` and `man`.

use clap::CommandFactory as _;
use clap_complete::Shell;
use switchover::config::schema as schema_of;

use super::Outcome;
use crate::args::{Program, SwapRoles, Switchover, SyncData};
use crate::exit::{Exit, Stop};
use crate::registry;
use crate::render::{json, out};

/// `switchover config schema`.
pub(super) fn schema() -> Outcome {
    out(&json(&schema_of(&registry::catalog()?), false)?)?;
    Ok(Exit::Done)
}

fn command(program: Program) -> clap::Command {
    match program {
        Program::Switchover => Switchover::command(),
        Program::SwapRoles => SwapRoles::command(),
        Program::SyncData => SyncData::command(),
    }
}

fn write(bytes: Vec<u8>) -> Outcome {
    let text = String::from_utf8(bytes).map_err(|error| Stop::new(Exit::Failed, error.to_string()))?;
    out(&text)?;
    Ok(Exit::Done)
}

/// `switchover completions`.
pub(super) fn completions(shell: Shell, program: Program) -> Outcome {
    let mut command = command(program);
    let name = command.get_name().to_owned();
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut bytes);
    write(bytes)
}

/// `switchover man`.
pub(super) fn manual(program: Program) -> Outcome {
    let mut bytes = Vec::new();
    let page = clap_mangen::Man::new(command(program)).render(&mut bytes);
    page.map_err(|error| Stop::new(Exit::Failed, error.to_string()))?;
    write(bytes)
}
