//! What happens in one run of the simulation, chosen before it begins: plain data, so that it can be shown, and cut down.

use std::fmt;
use std::time::Duration;

use switchover::port::Method;
use switchover_tests::fake::{Absence, DataCall, DataFault, NameCall, NameFault, StoreFault};

use crate::Fate;

/// How the pair looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Whether it has a second environment.
    pub staging: bool,
    /// How many endpoints an environment has at most; each has a name in each of two zones.
    pub endpoints: usize,
    /// The TTL of every name, in seconds.
    pub ttl: u32,
    /// How long a request to the name service takes.
    pub latency: Duration,
    /// How long a change of records without an answer may still be applied.
    pub in_flight: Duration,
    /// The stores of the live environment.
    pub stores: Vec<Method>,
    /// Whether releases and settings are brought to its sides.
    pub delivery: bool,
    /// How long clients wait between two writes.
    pub beat: Duration,
}

/// What somebody types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// `swap-roles`.
    Switchover,
    /// `swap-roles` with a release.
    Release,
    /// `swap-roles --revert`.
    Revert,
    /// `swap-roles --finalize`.
    Finalize,
    /// `swap-roles --prepare`.
    Prepare,
    /// `swap-roles --restore-ttl`.
    RestoreTtl,
    /// `sync-data`.
    Sync,
    /// `swap-roles --drill`.
    Drill,
    /// `swap-roles --failover`, over whatever is open.
    Failover,
    /// `swap-roles --reprotect`.
    Reprotect,
    /// `swap-roles --resume`.
    Resume,
    /// `swap-roles --abort`.
    Abort,
    /// `swap-roles --abandon`.
    Abandon,
}

/// One command, when it is typed, and what becomes of its process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errand {
    /// How long after the one before.
    pub after: Duration,
    /// What is typed.
    pub command: Command,
    /// What becomes of the process.
    pub fates: Vec<Fate>,
    /// When somebody asks it to stop at the next safe point, counted from its start.
    pub stopped: Option<Duration>,
}

/// What a person's network reaches no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The journal.
    Journal,
    /// The name service.
    Names,
    /// The first side, with all that it holds.
    First,
    /// The second side.
    Second,
}

/// Which way is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Requests do not get there.
    There,
    /// Requests get there and do what they do; the answers are lost.
    Back,
}

/// A stretch in which a person's network does not reach something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// When it begins.
    pub at: Duration,
    /// How long it lasts.
    pub lasts: Duration,
    /// What cannot be reached.
    pub target: Target,
    /// Which way.
    pub way: Way,
}

/// Somebody who types commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// What is typed, in order.
    pub errands: Vec<Errand>,
    /// Where the network fails.
    pub cuts: Vec<Cut>,
    /// How much the clock of the person's machine is ahead, in seconds.
    pub skew: i64,
}

/// Something that goes wrong outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Trouble {
    /// The next call of this kind to the name service goes wrong, in the first or the second zone.
    Name(NameCall, usize, NameFault),
    /// Every such call does, for as long as it lasts.
    Names(NameCall, usize, NameFault),
    /// The next call of this kind to a store goes wrong.
    Data(usize, DataCall, DataFault),
    /// Every such call does, for as long as it lasts.
    AllData(usize, DataCall, DataFault),
    /// Freezes of a store let writes through, for as long as it lasts.
    Leak(usize),
    /// The journal goes wrong once at an append.
    Append(StoreFault),
    /// Nothing can be appended, for as long as it lasts.
    Disk(StoreFault),
    /// The first or the second side is away, and is known to come back: nobody fails over.
    Away(usize),
    /// Production is lost, whichever side that is by then.
    Lost(Absence),
    /// Somebody points a name at another address, and puts it back at the end unless somebody else changed it.
    Edit(usize),
    /// The clocks of the stores and of everything else are set forward or back, by so many seconds.
    Clock(i64),
    /// Calls to a side's delivery go wrong.
    Delivery(usize, switchover_tests::fake::RemoteCall, switchover_tests::fake::RemoteFault),
    /// Somebody claims the pair and does no more.
    Rival,
}

/// Something that goes wrong, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// When it begins.
    pub at: Duration,
    /// How long it lasts, where it lasts.
    pub lasts: Duration,
    /// What.
    pub trouble: Trouble,
}

/// Everything that happens in one run of the simulation.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Chooses the order in which tasks go on.
    pub seed: u64,
    /// The pair.
    pub shape: Shape,
    /// Who works on it.
    pub people: Vec<Person>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

impl Scenario {
    /// When nothing is left to go wrong by itself.
    pub fn calm(&self) -> Duration {
        let faults = self.faults.iter().map(|fault| fault.at + fault.lasts);
        let cuts = self.people.iter().flat_map(|person| &person.cuts).map(|cut| cut.at + cut.lasts);
        faults.chain(cuts).max().unwrap_or_default()
    }

    /// Whether a change of records may land long after it was sent, whatever stands there then.
    pub fn lands_late(&self) -> bool {
        self.faults.iter().any(|fault| match &fault.trouble {
            Trouble::Name(_, _, how) | Trouble::Names(_, _, how) => matches!(how, NameFault::LateUnknown(_)),
            Trouble::Data(..)
            | Trouble::AllData(..)
            | Trouble::Leak(_)
            | Trouble::Append(_)
            | Trouble::Disk(_)
            | Trouble::Away(_)
            | Trouble::Lost(_)
            | Trouble::Edit(_)
            | Trouble::Clock(_)
            | Trouble::Delivery(..)
            | Trouble::Rival => false,
        })
    }

    /// How far apart two clocks can be, in seconds.
    pub fn clocks_differ_by(&self) -> i64 {
        let set = self.faults.iter().map(|fault| match fault.trouble {
            Trouble::Clock(by) => by.abs(),
            Trouble::Name(..)
            | Trouble::Names(..)
            | Trouble::Data(..)
            | Trouble::AllData(..)
            | Trouble::Leak(_)
            | Trouble::Append(_)
            | Trouble::Disk(_)
            | Trouble::Away(_)
            | Trouble::Lost(_)
            | Trouble::Edit(_)
            | Trouble::Delivery(..)
            | Trouble::Rival => 0,
        });
        set.chain(self.people.iter().map(|person| person.skew.abs())).sum()
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shape { staging, endpoints, ttl, latency, in_flight, stores, delivery, beat } = &self.shape;
        writeln!(f, "seed {}", self.seed)?;
        writeln!(
            f,
            "  pair: {} environment(s), {endpoints} endpoint(s), TTL {ttl} s, stores {stores:?}, delivery {delivery}; name \
             service answers after {latency:?}, unknown changes land within {in_flight:?}; clients write every {beat:?}",
            1 + usize::from(*staging),
        )?;
        for (place, person) in self.people.iter().enumerate() {
            writeln!(f, "  person {place}: clock {:+} s", person.skew)?;
            for errand in &person.errands {
                write!(f, "    after {:?}: {:?}", errand.after, errand.command)?;
                for fate in &errand.fates {
                    write!(f, ", {fate}")?;
                }
                if let Some(stopped) = errand.stopped {
                    write!(f, ", is asked to stop after {stopped:?}")?;
                }
                writeln!(f)?;
            }
            for Cut { at, lasts, target, way } in &person.cuts {
                writeln!(f, "    from {at:?} for {lasts:?}: {target:?} cut off, {way:?}")?;
            }
        }
        for Fault { at, lasts, trouble } in &self.faults {
            writeln!(f, "  at {at:?} for {lasts:?}: {trouble:?}")?;
        }
        Ok(())
    }
}
