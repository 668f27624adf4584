//! A moment: the journal, what each controller knows of it, the world outside, and the calls on their way.

use std::hash::{Hash, Hasher};

use switchover::journal::{Event, PairState};

use crate::controller::{At, Controller, Job, Told, entry, latest, planned, told};
use crate::outside::{Access, Change, Outside};

/// How often something may still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    pub(crate) runs: usize,
    pub(crate) takeovers: u8,
    pub(crate) crashes: u8,
    pub(crate) unknowns: u8,
    pub(crate) expiries: u8,
    pub(crate) refusals: u8,
}

/// A call on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Call {
    pub(crate) by: usize,
    pub(crate) run: usize,
    pub(crate) job: Job,
    pub(crate) change: Change,
    /// The sender slept before it: nothing says how late it is.
    pub(crate) slept: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) journal: PairState,
    pub(crate) controllers: [Controller; 2],
    pub(crate) outside: Outside,
    pub(crate) calls: Vec<Call>,
    pub(crate) budget: Budget,
}

impl State {
    /// What tells it from another: not the history, only what can still matter.
    fn key(&self) -> impl Hash + PartialEq {
        let controller = |of: &Controller| -> Option<(At, bool, Told)> {
            let current = of.known.next == self.journal.next;
            (of.at != At::Away).then(|| (of.at, current, told(&of.known)))
        };
        let controllers: Vec<_> = self.controllers.iter().map(controller).collect();
        (told(&self.journal), controllers, self.outside.clone(), self.calls.clone(), self.budget)
    }
}

impl State {
    /// Writes to the journal as a controller: false if the position is taken, and then the process ends.
    pub(crate) fn write(&mut self, who: usize, event: Event) -> bool {
        let controller = &mut self.controllers[who];
        if controller.known.next != self.journal.next {
            controller.at = At::Away;
            return false;
        }
        let written = entry(&controller.known, event);
        controller.known.apply(&written).expect("a controller writes only what may follow");
        self.journal = controller.known.clone();
        self.forget_the_beaten();
        true
    }

    /// Who has lost the pair and is not just about to make a call ends with the next thing that it writes, and changes nothing until then.
    fn forget_the_beaten(&mut self) {
        for controller in &mut self.controllers {
            let beaten = controller.known.next != self.journal.next;
            if beaten && !matches!(controller.at, At::Announced(..) | At::Heedless) {
                controller.at = At::Away;
            }
        }
    }

    pub(crate) fn send(&mut self, who: usize, job: Job, change: Change, slept: bool) {
        let run = self.controllers[who].known.runs.len();
        self.calls.push(Call { by: who, run, job, change, slept });
        self.controllers[who].at = if slept { At::Away } else { At::Waits(job) };
    }

    /// Whether its sender waits for the answer to a call.
    pub(crate) fn awaited(&self, call: &Call) -> bool {
        let sender = &self.controllers[call.by];
        sender.at == At::Waits(call.job) && sender.known.runs.len() == call.run && !call.slept
    }

    /// A lease is renewed for as long as a process that has the pair works on its run.
    pub(crate) fn may_run_out(&self, side: usize) -> bool {
        let Access::Leased(run) = self.outside.store[side] else { return false };
        let renewed = self.controllers.iter().any(|one| {
            let current = one.known.next == self.journal.next;
            one.at != At::Away && current && one.known.runs.len() == run
        });
        self.budget.expiries > 0 && !renewed
    }

    /// A move from here, in words.
    pub(crate) fn tell(&self, taken: Move) -> String {
        let step = |job: Job| {
            let id = &planned(latest(&self.journal), job).id;
            if job.back { format!("undo of `{id}`") } else { format!("`{id}`") }
        };
        let call = |place: usize| {
            let call = &self.calls[place];
            format!("controller {}'s call of run {}, {:?},", call.by, call.run, call.change)
        };
        match taken {
            Move::Begins(who) => format!("controller {who} begins a run"),
            Move::TakesOver { who, back: false } => {
                format!("controller {who} takes the run over and goes on")
            }
            Move::TakesOver { who, back: true } => {
                format!("controller {who} takes the run over and takes it back")
            }
            Move::GoesOn(who, job) => match self.controllers[who].at {
                At::Announced(_, change, true) => format!("controller {who} calls: {change:?}"),
                At::Announced(job, _, false) => {
                    format!("controller {who} finds what it saw too old: {}", step(job))
                }
                At::Accepted(job) => format!("controller {who} looks what came of {}", step(job)),
                At::Heedless => format!("controller {who} lets the old side take writes"),
                At::Works | At::Away | At::Waits(_) => format!("controller {who} looks: {}", step(job)),
            },
            Move::Closes(who) => format!("controller {who} closes the run"),
            Move::Oversleeps(who) => format!("controller {who} wakes up, and makes its call"),
            Move::Lands(place) => format!("{} is done", call(place)),
            Move::IsRefused(place) => format!("{} is refused", call(place)),
            Move::IsLost(place) => format!("{} is lost", call(place)),
            Move::HearsNothing(who) => format!("controller {who} hears nothing"),
            Move::Dies(who) => format!("controller {who} dies"),
            Move::RunsOut(side) => format!("the lease on side {side} runs out"),
        }
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    /// A process begins the next run.
    Begins(usize),
    /// A process takes the open run over and goes on with it, or takes it back.
    TakesOver { who: usize, back: bool },
    /// It goes on from where it is; where several steps may be next, with this one.
    GoesOn(usize, Job),
    /// It closes the run.
    Closes(usize),
    /// It makes its call at last, after what it saw has grown old: it slept between its last check and the call.
    Oversleeps(usize),
    /// The call reaches the resource.
    Lands(usize),
    /// The resource refuses the call for a reason of its own.
    IsRefused(usize),
    /// The call, of which nobody awaits an answer, is lost on its way.
    IsLost(usize),
    /// No answer comes: its outcome is unknown.
    HearsNothing(usize),
    /// The process dies.
    Dies(usize),
    /// The lease of a freeze runs out while nobody renews it.
    RunsOut(usize),
}
