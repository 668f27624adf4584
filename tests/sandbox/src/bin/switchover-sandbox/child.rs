//! Running a command beside the sandbox: signals go on to it, and its exit code comes back.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

/// Runs the command to its end.
pub(crate) async fn run(
    program: &OsString,
    arguments: &[OsString],
    environment: Vec<(&'static str, String)>,
) -> io::Result<ExitCode> {
    // Before the command exists, so that no signal falls between.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut child =
        Command::new(program).args(arguments).envs(environment).kill_on_drop(true).spawn().map_err(
            |error| io::Error::new(error.kind(), format!("cannot run {}: {error}", program.display())),
        )?;
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    loop {
        let heard = tokio::select! {
            status = child.wait() => return Ok(code(status?)),
            _ = terminate.recv() => Signal::TERM,
            _ = interrupt.recv() => Signal::INT,
            _ = hangup.recv() => Signal::HUP,
        };
        if let Some(pid) = pid.filter(|_| !comes_by_itself(heard)) {
            // It may have ended in between, which the next round sees.
            let _ = kill_process(pid, heard);
        }
    }
}

/// A terminal sends these to everything in its foreground group, the command included. A second one would read
/// as a second Ctrl-C.
fn comes_by_itself(signal: Signal) -> bool {
    signal != Signal::TERM && (io::stdin().is_terminal() || io::stderr().is_terminal())
}

/// As a shell tells it: 128 and the signal's number if a signal ended it.
fn code(status: ExitStatus) -> ExitCode {
    let number = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    ExitCode::from(number.and_then(|number| u8::try_from(number).ok()).unwrap_or(1))
}
