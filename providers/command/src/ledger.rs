//! The folder of an environment: its lock, and a record and a log of each deployment.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use switchover::model::{
    Deployment, DeploymentId, DeploymentState, EnvironmentName, LogTail, ReleaseName, SideName,
};

/// The end of a log that is read.
const LOG_TAIL: u64 = 16 << 10;

/// How a deployment ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct End {
    pub(crate) at: Timestamp,
    /// Why it ended badly; `None`: it ended well.
    pub(crate) failed: Option<String>,
}

/// One deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    pub(crate) number: u64,
    pub(crate) release: ReleaseName,
    pub(crate) started: Timestamp,
    pub(crate) end: Option<End>,
}

impl Record {
    /// The record as the port has it. `running` says whether its lock is held.
    pub(crate) fn deployment(&self, running: bool) -> Option<Deployment> {
        let state = match &self.end {
            Some(End { failed: None, .. }) => DeploymentState::Succeeded,
            Some(End { failed: Some(why), .. }) => DeploymentState::Failed { why: why.clone() },
            None if running => DeploymentState::Running,
            None => {
                let why = "nobody saw its end: whoever started it was ended before it";
                DeploymentState::Failed { why: why.to_owned() }
            }
        };
        Some(Deployment {
            id: DeploymentId::new(self.number.to_string()).ok()?,
            release: self.release.clone(),
            state,
            started: Some(self.started),
            finished: self.end.as_ref().map(|end| end.at),
            by: None,
            link: None,
        })
    }
}

/// The folder of one environment.
#[derive(Debug, Clone)]
pub(crate) struct Ledger(PathBuf);

impl Ledger {
    /// Names are words without slashes; dots and dashes in them do no harm behind a prefix.
    pub(crate) fn new(state: &Path, side: &SideName, environment: &EnvironmentName) -> Self {
        Self(state.join(format!("side-{side}")).join(format!("environment-{environment}")))
    }

    /// The lock, if nobody holds it. It is held for as long as the file is open anywhere: here, in the program, or in what that started.
    pub(crate) fn lock(&self) -> io::Result<Option<File>> {
        fs::create_dir_all(&self.0)?;
        let file = OpenOptions::new().read(true).append(true).create(true).open(self.0.join("lock"))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Every deployment, oldest first.
    pub(crate) fn records(&self) -> io::Result<Vec<Record>> {
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut records = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let record: Record = serde_json::from_slice(&fs::read(&path)?)
                    .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
                records.push(record);
            }
        }
        records.sort_by_key(|record| record.number);
        Ok(records)
    }

    /// Writes a record whole, on the disk, or not at all.
    pub(crate) fn write(&self, record: &Record) -> io::Result<()> {
        let partial = self.0.join(format!("{}.partial", record.number));
        let mut file = File::create(&partial)?;
        file.write_all(&serde_json::to_vec_pretty(record)?)?;
        file.sync_all()?;
        fs::rename(&partial, self.0.join(format!("{}.json", record.number)))?;
        File::open(&self.0)?.sync_all()
    }

    /// The log of a deployment, to be written to at its end.
    pub(crate) fn log(&self, number: u64) -> io::Result<File> {
        OpenOptions::new().append(true).create(true).open(self.log_path(number))
    }

    pub(crate) fn log_path(&self, number: u64) -> PathBuf {
        self.0.join(format!("{number}.log"))
    }

    /// The end of a log; nothing if it cannot be read.
    pub(crate) fn tail(&self, number: u64) -> LogTail {
        let read = || -> io::Result<Vec<u8>> {
            let mut file = File::open(self.log_path(number))?;
            let start = file.metadata()?.len().saturating_sub(LOG_TAIL);
            file.seek(SeekFrom::Start(start))?;
            let mut bytes = Vec::new();
            file.take(LOG_TAIL).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        LogTail::of(&read().unwrap_or_default())
    }
}
