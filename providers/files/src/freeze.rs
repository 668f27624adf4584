//! Freezing a tree: a flag that the application honours, commands, the proof by trial writes and stillness.

use std::path::{Component, Path};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use switchover::model::{RunId, SideName};
use switchover::port::{Access, Clock, DataError, FreezeOrder, FreezeProof};

use crate::command;
use crate::marker::Marker;
use crate::mirror::Site;
use crate::options::{FreezeOptions, OptionsError};
use crate::shelf::{FREEZE, read_json, write_json};
use crate::work::{Control, running};

/// How many trial writes make a proof.
const ATTEMPTS: u32 = 3;

/// Who froze a side, and until when: the content of the flag. Applications read `until` alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Flag {
    /// The format of this file: 1.
    format: u32,
    /// The run that froze the side.
    run: RunId,
    /// Since when.
    since: Timestamp,
    /// Until when clients must refuse writes; `null` if there is no end.
    until: Option<Timestamp>,
    /// Until when its run must have renewed it: earlier than `until`, for clocks that differ.
    renew_by: Option<Timestamp>,
}

/// Freezes one side.
#[derive(Debug)]
pub(crate) struct Freezer<'a> {
    /// Where it is and how it is frozen.
    pub(crate) site: Site<'a>,
    /// The side.
    pub(crate) side: &'a SideName,
    /// Tells the time that leases run by.
    pub(crate) clock: &'a dyn Clock,
}

/// Checks what can be checked without asking anybody.
pub fn refuse_bad_options(options: &FreezeOptions) -> Result<(), OptionsError> {
    if let Some(flag) = &options.flag {
        let within = flag.components().all(|part| matches!(part, Component::Normal(_)));
        if !within || flag.as_os_str().is_empty() || flag.to_str().is_none() {
            return Err(OptionsError::Flag(flag.clone()));
        }
    }
    if !options.command.is_empty() && options.thaw.is_empty() {
        return Err(OptionsError::NoThaw);
    }
    Ok(())
}

/// The file that holds a side's freeze, relative to the tree.
pub(crate) fn flag_name(options: &FreezeOptions) -> &str {
    options.flag.as_deref().and_then(Path::to_str).unwrap_or(FREEZE)
}

impl Freezer<'_> {
    fn flag(&self) -> Result<Option<Flag>, DataError> {
        read_json(self.site.shelf, flag_name(self.site.freeze))
    }

    /// When a freeze ended by itself, if it did. One by a command does not.
    fn lapse(&self, flag: &Flag) -> Option<Timestamp> {
        let by_itself = self.site.freeze.command.is_empty();
        flag.renew_by.filter(|end| by_itself && *end <= self.clock.now())
    }

    /// Whether clients can write.
    pub(crate) fn access(&self) -> Result<Access, DataError> {
        if !self.site.freeze.guards() {
            return Ok(Access::Unguarded);
        }
        let Some(flag) = self.flag()? else { return Ok(Access::Writable) };
        Ok(match self.lapse(&flag) {
            Some(at) => Access::Lapsed { by: flag.run, at },
            None => Access::Frozen {
                by: flag.run,
                until: flag.until.filter(|_| self.site.freeze.command.is_empty()),
            },
        })
    }

    /// Freezes, renews, takes over; see [`switchover::port::Store::freeze`].
    pub(crate) fn freeze(&self, order: &FreezeOrder, control: &Control) -> Result<(), DataError> {
        if !self.site.freeze.guards() {
            return Err(self.not_frozen(
                "nothing is configured that could refuse writes; set `freeze` with a `flag` that the application honours, or a `command`",
            ));
        }
        let before = self.flag()?;
        let lapse = before.as_ref().and_then(|flag| self.lapse(flag));
        let held = before.as_ref().filter(|_| lapse.is_none());
        if let (Some(flag), Some(at)) = (&before, lapse)
            && flag.run == order.by
        {
            return Err(DataError::Lapsed { place: self.site.shelf.place(), at });
        }
        if held.is_none() {
            // Clients could write until now, and the flag that would have said so is written over.
            Marker::open(self.site.shelf)?;
            self.command(&self.site.freeze.command, &order.by, "froze").run(control)?;
        }
        let flag = self.flag_of(order, held);
        write_json(self.site.shelf, flag_name(self.site.freeze), &flag, false)?;
        control.pause(self.unsettled(&flag))
    }

    fn flag_of(&self, order: &FreezeOrder, held: Option<&Flag>) -> Flag {
        let now = self.clock.now();
        let after = |time: Duration| {
            let span = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
            now.checked_add(span).unwrap_or(Timestamp::MAX)
        };
        Flag {
            format: 1,
            run: order.by.clone(),
            since: held.map_or(now, |flag| flag.since),
            until: order.lease.map(|lease| after(lease.saturating_add(self.site.freeze.clock_margin.0))),
            renew_by: order.lease.map(after),
        }
    }

    /// For how long a write from before the freeze may still be under way. A clock that was set back makes this no longer than it is.
    fn unsettled(&self, flag: &Flag) -> Duration {
        let since = self.clock.now().duration_since(flag.since);
        let passed = Duration::try_from(since).unwrap_or_default();
        self.site.freeze.settle.0.saturating_sub(passed)
    }

    /// Opens the side, whoever froze it.
    pub(crate) fn thaw(&self, control: &Control) -> Result<(), DataError> {
        // Asks for the side itself first: what is not there cannot be opened.
        let before = self.flag();
        if let Err(DataError::Unreachable { .. } | DataError::Unauthorized { .. }) = before {
            return before.map(drop);
        }
        Marker::open(self.site.shelf)?;
        if !self.site.freeze.guards() {
            return Ok(());
        }
        let run = before.ok().flatten().map_or_else(|| RunId::new("none").ok(), |flag| Some(flag.run));
        if let Some(run) = run {
            self.command(&self.site.freeze.thaw, &run, "thawed").run(control)?;
        }
        self.site.shelf.remove(flag_name(self.site.freeze))
    }

    /// Tries to write as the application does, while watching that nothing moves. `fingerprint` is of the whole tree.
    pub(crate) fn prove(
        &self,
        fingerprint: &mut dyn FnMut() -> Result<String, DataError>,
        control: &Control,
    ) -> Result<FreezeProof, DataError> {
        match self.access()? {
            Access::Frozen { .. } => {}
            Access::Lapsed { at, .. } => {
                return Err(DataError::Lapsed { place: self.site.shelf.place(), at });
            }
            Access::Writable => return Err(self.not_frozen("it is not frozen")),
            Access::Unguarded => {
                return Err(self.not_frozen("nothing is configured that could refuse writes"));
            }
        }
        let began = running();
        let before = fingerprint()?;
        let refused = self.tried(control)?;
        control.pause(self.site.freeze.still.0.saturating_sub(running().saturating_sub(began)))?;
        let after = fingerprint()?;
        if before != after {
            return Err(self.not_frozen(&format!(
                "something changed while it was watched: first {before}, then {after}"
            )));
        }
        if let Access::Lapsed { at, .. } = self.access()? {
            return Err(DataError::Lapsed { place: self.site.shelf.place(), at });
        }
        let still = running().saturating_sub(began).as_millis();
        Ok(FreezeProof {
            attempts: if self.site.freeze.probe.is_empty() { 0 } else { ATTEMPTS },
            refused,
            position: Some(after),
            still_ms: still.try_into().unwrap_or(u64::MAX),
        })
    }

    fn tried(&self, control: &Control) -> Result<String, DataError> {
        if self.site.freeze.probe.is_empty() {
            return Ok(
                "no `probe` is configured, so no write was tried; nothing changed while it was watched"
                    .to_owned(),
            );
        }
        let run = RunId::new("probe").map_err(|error| self.not_frozen(&error.to_string()))?;
        let mut last = String::new();
        for attempt in 0..ATTEMPTS {
            let name = format!("{}-probe-{attempt}", crate::shelf::OWN);
            let mut probe = self.command(&self.site.freeze.probe, &run, "tried");
            probe.environment.push(("SWITCHOVER_PROBE", format!("{}/{name}", self.site.path)));
            let ended = command::run(
                &probe.command,
                &probe.environment,
                self.site.freeze.timeout.0,
                &self.site.shelf.place(),
                control,
            );
            // What got through is removed, also where the probe did not come to its end.
            self.site.shelf.remove(&name)?;
            let ended = ended?;
            match ended.code {
                Some(0) => return Err(self.not_frozen("the probe's write went through")),
                Some(126 | 127) | None => {
                    return Err(DataError::Unfit {
                        place: self.site.shelf.place(),
                        why: format!("the probe could not try to write: {}", ended.told()),
                        advice: Some("only a refusal proves a freeze; make the probe run".to_owned()),
                    });
                }
                Some(_) => last = ended.told(),
            }
        }
        Ok(last)
    }

    fn command(&self, command: &[String], run: &RunId, did: &'static str) -> Prepared<'_> {
        let filled =
            |text: &String| text.replace("{side}", self.side.as_str()).replace("{path}", self.site.path);
        Prepared {
            command: command.iter().map(filled).collect(),
            environment: vec![
                ("SWITCHOVER_SIDE", self.side.to_string()),
                ("SWITCHOVER_PATH", self.site.path.to_owned()),
                ("SWITCHOVER_RUN", run.to_string()),
            ],
            did,
            timeout: self.site.freeze.timeout.0,
            place: self.site.shelf.place(),
            freezer: self,
        }
    }

    fn not_frozen(&self, why: &str) -> DataError {
        DataError::NotFrozen { place: self.site.shelf.place(), why: why.to_owned() }
    }
}

struct Prepared<'a> {
    command: Vec<String>,
    environment: Vec<(&'static str, String)>,
    did: &'static str,
    timeout: Duration,
    place: String,
    freezer: &'a Freezer<'a>,
}

impl Prepared<'_> {
    /// Runs it if there is one; anything but 0 is an error.
    fn run(self, control: &Control) -> Result<(), DataError> {
        if self.command.is_empty() {
            return Ok(());
        }
        let ended = command::run(&self.command, &self.environment, self.timeout, &self.place, control)?;
        if ended.code == Some(0) {
            return Ok(());
        }
        let why = format!("the command that should have {} it failed: {}", self.did, ended.told());
        Err(match self.did {
            "froze" => self.freezer.not_frozen(&why),
            _ => DataError::Failed { place: self.place, why },
        })
    }
}
