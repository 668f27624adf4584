//! Starts `deploy` and stays with it until its end, which it writes down.

use std::fs::File;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use switchover::port::Clock;
use tokio::process::Command;

use crate::ledger::{End, Ledger, Record};
use crate::program::{Failure, Forsaken, Group, told};

/// The most that a log may hold before it is begun anew.
const LARGEST_LOG: u64 = 16 << 20;
/// How often its size is looked at.
const TICK: Duration = Duration::from_secs(1);

/// A deployment to start: the lock is held, and the record is written.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) ledger: Ledger,
    pub(crate) record: Record,
    pub(crate) lock: File,
    pub(crate) limit: Duration,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Start {
    /// Starts the program and returns; a task of its own stays with it.
    pub(crate) fn go(self, mut command: Command) -> Result<(), Failure> {
        let failed = |error: std::io::Error| Failure::NotStarted(error.to_string());
        let log = self.ledger.log(self.record.number).map_err(failed)?;
        command.env("SWITCHOVER_RELEASE", self.record.release.as_str());
        command.env("SWITCHOVER_DEPLOYMENT", self.record.number.to_string());
        command.stdin(Stdio::from(self.lock.try_clone().map_err(failed)?));
        command.stdout(Stdio::from(log.try_clone().map_err(failed)?)).stderr(Stdio::from(log));
        let group = Group::start(&mut command, Forsaken::GoesOn);
        // Its copies of the lock and of the log are the program's now.
        drop(command);
        match group {
            Ok(group) => {
                tokio::spawn(self.stay(group));
                Ok(())
            }
            Err(failure) => {
                self.over(Some(failure.to_string()));
                Err(failure)
            }
        }
    }

    async fn stay(self, mut group: Group) {
        let mut left = self.limit;
        let failed = loop {
            let tick = TICK.min(left);
            match group.wait(tick).await {
                Ok(Some(status)) if status.success() => break None,
                Ok(Some(status)) => break Some(told(status)),
                Ok(None) if left <= tick => break Some(Failure::TimedOut(self.limit).to_string()),
                Ok(None) => left -= tick,
                Err(error) => break Some(format!("its end could not be seen: {error}")),
            }
            self.bound_log();
        };
        group.kill();
        self.over(failed);
    }

    /// A log that grows without end is begun anew: what is written to it is appended, wherever its end is.
    fn bound_log(&self) {
        let path = self.ledger.log_path(self.record.number);
        if std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() > LARGEST_LOG) {
            // If that fails now it is tried again in a second.
            let _ = File::options().write(true).open(path).and_then(|file| file.set_len(0));
        }
    }

    /// Writes the end down. The lock goes with `self`, afterwards: nobody sees it free before the end stands there.
    fn over(self, failed: Option<String>) {
        let end = End { at: self.clock.now(), failed };
        let record = Record { end: Some(end), ..self.record };
        // If it cannot be written, the deployment counts as one whose end nobody saw.
        let _ = self.ledger.write(&record);
        drop(self.lock);
    }
}
