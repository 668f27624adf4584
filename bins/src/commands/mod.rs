//! The commands, one file each.

mod announce;
mod approve;
mod check;
mod failover;
mod history;
mod init;
mod plan;
mod reference;
mod role_table;
mod status;
mod swap;
mod swap_open;
mod sync;
mod timers;

pub(crate) use init::SideWish;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use switchover::execute::Unwatched;
use switchover::model::PairName;

use crate::args::{Color, Command, Common, ConfigCommand, SwapRoles, Switchover, SyncData};
use crate::exit::{Exit, Stop};
use crate::render::{BAD, WARN, say, styled};
use crate::session::Session;

/// What a command comes to.
type Outcome = Result<Exit, Stop>;

/// The program `swap-roles`.
pub fn swap_roles() -> ExitCode {
    let arguments = match SwapRoles::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refused(&error),
    };
    colour(&arguments.common);
    finish(block_on(swap::run(&arguments)))
}

/// The program `switchover`.
pub fn switchover() -> ExitCode {
    let arguments = match Switchover::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refused(&error),
    };
    colour(&arguments.common);
    finish(block_on(dispatch(&arguments)))
}

/// The program `sync-data`.
pub fn sync_data() -> ExitCode {
    let arguments = match SyncData::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refused(&error),
    };
    colour(&arguments.common);
    finish(block_on(sync::run(&arguments)))
}

async fn backups(common: &Common, pair: Option<&PairName>) -> Outcome {
    let session = Session::open(common, pair, Arc::new(Unwatched)).await?;
    let stores = session.pair.stores.keys().cloned().collect();
    sync::list(&session, &stores, common).await
}

async fn dispatch(arguments: &Switchover) -> Outcome {
    let common = &arguments.common;
    match &arguments.command {
        Command::Init(wish) => init::run(wish).await,
        Command::Check { pair, offline } => check::run(common, pair.as_ref(), *offline).await,
        Command::Status { pair, watch, document } => {
            status::run(common, pair.as_ref(), *watch, document).await
        }
        Command::Announce(arguments) => {
            let session = Session::open(common, arguments.pair.as_ref(), Arc::new(Unwatched)).await?;
            announce::run(&session, arguments).await
        }
        Command::Plan { pair, scope, detailed_exitcode, fallback } => {
            let form = if *fallback { plan::Form::Fallback } else { plan::Form::Plan };
            plan::run(common, pair.as_ref(), scope, form, *detailed_exitcode).await
        }
        Command::History { pair, entries } => history::list(common, pair.as_ref(), *entries).await,
        Command::Report { run, pair } => history::report(common, pair.as_ref(), run.as_ref()).await,
        Command::Verify { pair } => history::verify(common, pair.as_ref()).await,
        Command::Approve(arguments) => approve::approve(common, arguments).await,
        Command::Reject(arguments) => approve::reject(common, arguments).await,
        Command::Backups { pair } => backups(common, pair.as_ref()).await,
        Command::Timers(arguments) => timers::run(common, arguments).await,
        Command::Config { command: ConfigCommand::Schema } => reference::schema(),
        Command::Completions { shell, program } => reference::completions(*shell, *program),
        Command::Man { program } => reference::manual(*program),
    }
}

/// Runs a command on an executor of its own; a failure to make one is told like any other.
fn block_on(command: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(command),
        Err(error) => Err(Stop::new(Exit::Failed, format!("the program cannot start: {error}"))),
    }
}

/// `--help` and `--version` are no errors; everything else is a usage error with a code of its own.
fn refused(error: &clap::Error) -> ExitCode {
    error.print().ok();
    if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() }
}

fn colour(common: &Common) {
    match common.color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
}

fn finish(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(exit) => exit.into(),
        Err(stop) => {
            tell(&stop);
            stop.exit.into()
        }
    }
}

fn tell(stop: &Stop) {
    let calm = matches!(stop.exit, Exit::Done | Exit::Declined | Exit::Interrupted);
    if !stop.message.is_empty() {
        let head = if calm { styled(WARN, "note:") } else { styled(BAD, "error:") };
        say(format_args!("{head} {}", stop.message));
    }
    if let Some(hint) = &stop.hint {
        say(format_args!("  next: {hint}"));
    }
}
