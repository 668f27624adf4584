//! Runs a command of the user's: with an end, without a shell, and with everything it started.

use std::io::Read;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use switchover::port::DataError;

use crate::work::{Control, running};

/// How often a command is looked at.
const TICK: Duration = Duration::from_millis(10);

/// What is kept of what a command says.
const WORDS: usize = 2000;

/// A child and whatever it started, in a process group of its own. Killed when dropped.
#[derive(Debug)]
pub struct Group {
    child: Child,
    over: bool,
}

impl Group {
    /// Starts a command in a group of its own.
    pub fn start(command: &mut Command) -> std::io::Result<Self> {
        Ok(Self { child: command.process_group(0).spawn()?, over: false })
    }

    /// The child.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits until it ends by itself, unless the work is told to stop or the time is over; `None`: the time is over.
    pub fn wait(&mut self, control: &Control, limit: Duration) -> Result<Option<ExitStatus>, DataError> {
        let began = running();
        loop {
            control.go_on()?;
            match self.child.try_wait() {
                Ok(Some(status)) => {
                    self.over = true;
                    return Ok(Some(status));
                }
                Ok(None) if running().saturating_sub(began) >= limit => return Ok(None),
                Ok(None) => control.pause(TICK)?,
                Err(error) => {
                    let why = format!("a child process is lost: {error}");
                    return Err(DataError::Failed { place: "this machine".to_owned(), why });
                }
            }
        }
    }

    /// Ends everything in the group, at once.
    pub fn kill(&mut self) {
        if self.over {
            return;
        }
        self.over = true;
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            // It may have ended meanwhile; its id is not used again before it was waited for.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        drop(self.child.wait());
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// What it said, the end of it, on one line.
    pub said: String,
}

impl Ended {
    /// Its end in words.
    pub fn told(&self) -> String {
        let end = self.code.map_or("ended by a signal".to_owned(), |code| format!("exit code {code}"));
        if self.said.is_empty() { end } else { format!("{end}: {}", self.said) }
    }
}

/// The end of what a command said, on one line.
pub fn words(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let skipped = line.chars().count().saturating_sub(WORDS);
    line.chars().skip(skipped).flat_map(char::escape_debug).collect()
}

/// Runs a command to its end. A program that cannot be started, or does not end in time, is an error.
pub fn run(
    command: &[String],
    environment: &[(&str, String)],
    limit: Duration,
    place: &str,
    control: &Control,
) -> Result<Ended, DataError> {
    let unfit = |why: String| DataError::Unfit {
        place: place.to_owned(),
        why,
        advice: Some("give the program with its whole path, and its arguments one by one".to_owned()),
    };
    let Some((program, arguments)) = command.split_first() else {
        return Err(unfit("an empty command is configured".to_owned()));
    };
    let mut prepared = Command::new(program);
    prepared.args(arguments).envs(environment.iter().map(|(name, value)| (*name, value)));
    prepared.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut group =
        Group::start(&mut prepared).map_err(|error| unfit(format!("{program} cannot be run: {error}")))?;
    let ears = [
        group.child().stdout.take().map(|pipe| thread::spawn(move || heard(pipe))),
        group.child().stderr.take().map(|pipe| thread::spawn(move || heard(pipe))),
    ];
    let Some(status) = group.wait(control, limit)? else {
        group.kill();
        let why = format!("{program} did not end within {}", switchover::config::Period(limit));
        return Err(DataError::Unreachable { place: place.to_owned(), why });
    };
    let said: Vec<u8> = ears.into_iter().flatten().filter_map(|ear| ear.join().ok()).flatten().collect();
    let code = status.code().filter(|_| status.signal().is_none());
    Ok(Ended { code, said: words(&said) })
}

/// Reads to the end and keeps the last part.
fn heard(mut pipe: impl Read) -> Vec<u8> {
    let (mut kept, mut buffer) = (Vec::new(), [0_u8; 4096]);
    while let Ok(count @ 1..) = pipe.read(&mut buffer) {
        kept.extend_from_slice(buffer.get(..count).unwrap_or_default());
        let excess = kept.len().saturating_sub(WORDS * 4);
        kept.drain(..excess);
    }
    kept
}
