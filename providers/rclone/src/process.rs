//! Runs rclone: found, checked, led, and killed with everything it started.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use switchover::port::DataError;
use switchover_files::command::{Group, words};
use switchover_files::work::Control;

use crate::log::Heard;

/// The oldest version whose log and flags are as they are read and used here.
const OLDEST: (u32, u32) = (1, 55);

/// How often a run of rclone is looked at.
const TICK: Duration = Duration::from_millis(250);

/// How to get it.
const INSTALL: &str =
    "install it (`apt-get install rclone`, or https://rclone.org/downloads), or name it as `program`";

/// The program and what every call of it has.
#[derive(Debug, Clone)]
pub(crate) struct Rclone {
    pub(crate) program: PathBuf,
    pub(crate) config: Option<PathBuf>,
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code (<https://rclone.org/docs/#exit-code>); `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) heard: Heard,
}

/// The exit code for a directory that is not there, and for a file.
pub(crate) const NOT_FOUND: [Option<i32>; 2] = [Some(3), Some(4)];

impl Rclone {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).arg("--use-json-log").arg("--log-level=NOTICE");
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        // Set for other programs, it makes rclone's S3 backend refuse every certificate but those, and fail at a missing file.
        command.env_remove("AWS_CA_BUNDLE").env("RCLONE_ASK_PASSWORD", "false");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn unfit(&self, why: String) -> DataError {
        DataError::Unfit { place: self.program.display().to_string(), why, advice: Some(INSTALL.to_owned()) }
    }

    /// Runs it to its end. `out` takes each line that it prints; `watch` is called four times a second, and ends it by an error.
    pub(crate) fn lead(
        &self,
        arguments: &[&str],
        input: Option<&[u8]>,
        control: &Control,
        mut out: impl FnMut(&[u8]) + Send,
        mut watch: impl FnMut(&Heard) -> Result<(), DataError>,
    ) -> Result<Ended, DataError> {
        let mut command = self.command(arguments);
        if input.is_some() {
            command.stdin(Stdio::piped());
        }
        let mut group =
            Group::start(&mut command).map_err(|error| self.unfit(format!("it cannot be run: {error}")))?;
        let pipes = (group.child().stdin.take(), group.child().stdout.take(), group.child().stderr.take());
        let heard = Mutex::new(Heard::new());
        let end = thread::scope(|scope| {
            if let (Some(mut pipe), Some(input)) = (pipes.0, input) {
                // If it ends before it has read everything, its exit code tells why.
                scope.spawn(move || drop(pipe.write_all(input)));
            }
            if let Some(pipe) = pipes.1 {
                scope.spawn(move || lines(pipe, &mut out));
            }
            if let Some(pipe) = pipes.2 {
                let heard = &heard;
                scope.spawn(move || {
                    lines(pipe, &mut |line| {
                        heard
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .line(&String::from_utf8_lossy(line));
                    });
                });
            }
            let end = loop {
                let waited = group.wait(control, TICK).and_then(|status| {
                    if status.is_none() {
                        watch(&heard.lock().unwrap_or_else(PoisonError::into_inner).clone())?;
                    }
                    Ok(status)
                });
                match waited {
                    Ok(None) => {}
                    Ok(Some(status)) => break Ok(status),
                    Err(error) => break Err(error),
                }
            };
            // Before the pipes are waited for: they stay open as long as anything of it lives.
            group.kill();
            end
        });
        let status = end?;
        Ok(Ended { code: status.code(), heard: heard.into_inner().unwrap_or_else(PoisonError::into_inner) })
    }

    /// Runs it and returns what it printed.
    pub(crate) fn run(
        &self,
        arguments: &[&str],
        input: Option<&[u8]>,
        control: &Control,
    ) -> Result<(Ended, Vec<u8>), DataError> {
        let mut printed = Vec::new();
        let ended =
            self.lead(arguments, input, control, |line| printed.extend_from_slice(line), |_| Ok(()))?;
        Ok((ended, printed))
    }

    /// Checks that it is there and new enough; returns its version.
    pub(crate) fn version(&self, control: &Control) -> Result<String, DataError> {
        let (ended, printed) = self.run(&["version"], None, control)?;
        let text = String::from_utf8_lossy(&printed);
        let version = text.lines().next().and_then(|line| line.strip_prefix("rclone v")).map(str::to_owned);
        let Some(version) = version.filter(|_| ended.code == Some(0)) else {
            return Err(self.unfit(format!("it does not say its version: {}", words(&printed))));
        };
        let mut parts = version.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
        let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        if found < OLDEST {
            return Err(self.unfit(format!("it is {version}; {}.{} or newer is needed", OLDEST.0, OLDEST.1)));
        }
        Ok(version)
    }
}

/// Hands out lines with their ends, and what stands after the last one.
fn lines(pipe: impl Read, take: &mut (impl FnMut(&[u8]) + ?Sized)) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    while let Ok(1..) = pipe.read_until(b'\n', &mut line) {
        take(&line);
        line.clear();
    }
}
