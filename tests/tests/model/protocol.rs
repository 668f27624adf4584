//! What can happen, one moment at a time: controllers work, die, sleep and take over; calls land late, twice asked, or never.

use stateright::{Model, Property};
use switchover::journal::{Event, FailureKind, Outcome, PairState, PauseReason, Way};
use switchover::model::SideName;
use switchover::plan::Plan;

use crate::controller::{
    At, Controller, Job, failed, latest, next, over, planned, run_id, started, step_id, succeeded, together,
};
use crate::outside::{Access, Change, Outside, Sight};
use crate::plans::holder;
use crate::state::{Budget, Call, Move, State};

/// What keeps the promise; the tests take each away in turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guards {
    /// Whoever finds a step begun and not ended waits until no call of it can still be on its way.
    pub(crate) drain: bool,
    /// Nobody sleeps between the last look at the clock and the call for longer than that wait.
    pub(crate) awake: bool,
    /// A run whose pivot may have acted is not taken back.
    pub(crate) pivot: bool,
}

/// The protocol, with or without its guards.
#[derive(Debug, Clone)]
pub(crate) struct Protocol {
    pub(crate) plans: [Plan; 2],
    pub(crate) sides: [SideName; 2],
    pub(crate) guards: Guards,
    pub(crate) budget: Budget,
}

impl Protocol {
    /// Where the latest run of a journal leads.
    fn goal(&self, known: &PairState) -> usize {
        usize::from(latest(known).plan.shifts[0].to == self.sides[1])
    }

    fn look(&self, state: &State, who: usize, job: Job) -> Sight {
        let known = &state.controllers[who].known;
        let run = latest(known);
        let step = planned(run, job);
        let action = if job.back { step.undo.as_ref().expect("what undoes it") } else { &step.action };
        state.outside.look(action, &self.sides, known.runs.len(), self.goal(known))
    }

    /// Whether the controller must wait before it looks at a step: a call of an earlier process, or of its own, may be on its way.
    /// What was sent by somebody who slept may come at any time, and nobody can wait for it.
    fn must_wait(&self, state: &State, who: usize, job: Job) -> bool {
        let record = {
            let run = latest(&state.controllers[who].known);
            run.step(&planned(run, job).id)
        };
        let unclear = record.is_unclear(Way::Forward) || record.is_unclear(job.way());
        let on_its_way = state.calls.iter().any(|call| !call.slept);
        self.guards.drain && unclear && on_its_way
    }

    fn begin(&self, state: &mut State, who: usize) {
        let known = state.journal.clone();
        state.controllers[who] = Controller { at: At::Works, known };
        let plan = self.plans[usize::from(state.outside.names == 1)].clone();
        let (run, digest) = (run_id(state.journal.runs.len() + 1), plan.digest());
        state.write(who, Event::Claimed { holder: holder(who) });
        state.write(who, Event::RunStarted { run, plan: Box::new(plan), digest, reason: None });
        state.budget.runs -= 1;
    }

    fn take_over(state: &mut State, who: usize, back: bool) {
        let known = state.journal.clone();
        state.controllers[who] = Controller { at: At::Works, known };
        state.write(who, Event::Claimed { holder: holder(who) });
        state.budget.takeovers -= 1;
        if back {
            Self::turn_back(state, who);
        }
    }

    fn turn_back(state: &mut State, who: usize) {
        let run = latest(&state.journal);
        if run.turned_back.is_none() && !run.pivot_crossed() {
            let run = run.id.clone();
            state.write(who, Event::TurnedBack { run, why: String::new() });
        } else if run.turned_back.is_none() {
            // Only without its guard: the journal itself refuses to hear of it.
            state.controllers[who].at = At::Heedless;
        }
    }

    /// Looks at a step and writes down what comes of it.
    fn sight(&self, state: &mut State, who: usize, job: Job) {
        if !matches!(state.controllers[who].at, At::Accepted(_)) {
            // As much time has passed as a call can need, so whatever others saw before is old.
            self.grow_old(state, who, job);
        }
        let blocked = together(latest(&state.controllers[who].known), job)
            .into_iter()
            .find(|other| self.look(state, who, *other) == Sight::Blocked);
        match (blocked, self.look(state, who, job)) {
            (Some(blocked), _) => Self::fail(state, who, blocked, FailureKind::NotReady),
            (None, Sight::Ready(change)) => {
                let event = started(&state.controllers[who].known, job);
                if state.write(who, event) {
                    state.controllers[who].at = At::Announced(job, change, true);
                }
            }
            (None, Sight::Done | Sight::Blocked) => {
                let known = &state.controllers[who].known;
                let begun = latest(known).step(&step_id(known, job).1).is_unclear(job.way());
                let event = started(known, job);
                if (begun || state.write(who, event)) && {
                    let event = succeeded(&state.controllers[who].known, job);
                    state.write(who, event)
                } {
                    state.controllers[who].at = At::Works;
                }
            }
        }
    }

    /// After a wait for calls that may be on their way, what the others saw before it is too old to act on.
    fn grow_old(&self, state: &mut State, who: usize, job: Job) {
        let record = {
            let run = latest(&state.controllers[who].known);
            run.step(&planned(run, job).id)
        };
        let waited = record.is_unclear(Way::Forward) || record.is_unclear(job.way());
        if !(self.guards.drain && waited) {
            return;
        }
        let other = &mut state.controllers[1 - who];
        if let At::Announced(job, change, _) = other.at {
            other.at = At::Announced(job, change, false);
        }
    }

    fn fail(state: &mut State, who: usize, job: Job, kind: FailureKind) {
        let event = failed(&state.controllers[who].known, job, kind);
        if !state.write(who, event) {
            return;
        }
        state.controllers[who].at = At::Works;
        let run = latest(&state.journal);
        if !job.back && !run.pivot_crossed() {
            return Self::turn_back(state, who);
        }
        let run = run.id.clone();
        if state.write(who, Event::Paused { run, reason: PauseReason::FailedStep }) {
            state.controllers[who].at = At::Away;
        }
    }

    fn close(state: &mut State, who: usize) {
        let run = latest(&state.controllers[who].known);
        let outcome = if run.turned_back.is_some() { Outcome::Undone } else { Outcome::Completed };
        let run = run.id.clone();
        if state.write(who, Event::RunFinished { run, outcome }) {
            state.controllers[who].at = At::Away;
        }
    }

    fn go_on(&self, state: &mut State, who: usize, job: Job) {
        match state.controllers[who].at {
            At::Works | At::Accepted(_) => self.sight(state, who, job),
            At::Announced(job, change, true) => state.send(who, job, change, false),
            At::Announced(..) => state.controllers[who].at = At::Works,
            At::Heedless => self.thaw_heedlessly(state, who),
            At::Away | At::Waits(_) => {}
        }
    }

    /// What taking a run back past its pivot does first: it lets the old side take writes again.
    fn thaw_heedlessly(&self, state: &mut State, who: usize) {
        let side = 1 - self.goal(&state.controllers[who].known);
        let run = state.controllers[who].known.runs.len();
        state.calls.push(Call {
            by: who,
            run,
            job: Job { step: 0, back: true },
            change: Change::Thaw { side },
            slept: false,
        });
        state.controllers[who].at = At::Away;
    }

    fn land(state: &mut State, place: usize) {
        let call = state.calls.remove(place);
        let taken = state.outside.take(call.change, call.run);
        if state.awaited(&call) {
            if taken {
                state.controllers[call.by].at = At::Accepted(call.job);
            } else {
                Self::fail(state, call.by, call.job, FailureKind::Guarded);
            }
        }
    }

    /// What a controller at work may do next.
    fn of_controller(&self, state: &State, who: usize, moves: &mut Vec<Move>) {
        let controller = &state.controllers[who];
        let none = Job { step: 0, back: false };
        match controller.at {
            // Where both are away it does not matter which of them begins.
            At::Away if who == 0 || state.controllers[0].at != At::Away => self.of_nobody(state, who, moves),
            At::Works => {
                let jobs = next(latest(&controller.known));
                if jobs.is_empty() {
                    moves.push(Move::Closes(who));
                }
                let free = jobs.into_iter().filter(|job| !self.must_wait(state, who, *job));
                moves.extend(free.map(|job| Move::GoesOn(who, job)));
            }
            At::Accepted(job) => moves.push(Move::GoesOn(who, job)),
            At::Announced(job, ..) => {
                moves.push(Move::GoesOn(who, job));
                if !self.guards.awake && controller.known.next != state.journal.next {
                    moves.push(Move::Oversleeps(who));
                }
            }
            At::Waits(_) if state.budget.unknowns > 0 => moves.push(Move::HearsNothing(who)),
            At::Away | At::Waits(_) => {}
            At::Heedless => moves.push(Move::GoesOn(who, none)),
        }
        let current = controller.known.next == state.journal.next;
        if controller.at != At::Away && current && state.budget.crashes > 0 {
            moves.push(Move::Dies(who));
        }
    }

    fn of_nobody(&self, state: &State, who: usize, moves: &mut Vec<Move>) {
        let run = state.journal.runs.last();
        if run.is_none_or(|run| over(run).is_some()) {
            if state.budget.runs > 0 {
                moves.push(Move::Begins(who));
            }
        } else if state.budget.takeovers > 0 {
            moves.push(Move::TakesOver { who, back: false });
            let may_turn = run.is_some_and(|run| !run.pivot_crossed() || !self.guards.pivot);
            if may_turn {
                moves.push(Move::TakesOver { who, back: true });
            }
        }
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Move;

    fn init_states(&self) -> Vec<State> {
        let away = Controller { at: At::Away, known: PairState::default() };
        let mut first = State {
            journal: PairState::default(),
            controllers: [away.clone(), away],
            outside: Outside::new(),
            calls: Vec::new(),
            budget: self.budget,
        };
        self.begin(&mut first, 0);
        vec![first]
    }

    fn actions(&self, state: &State, moves: &mut Vec<Move>) {
        for who in 0..2 {
            self.of_controller(state, who, moves);
        }
        for (place, call) in state.calls.iter().enumerate() {
            moves.push(Move::Lands(place));
            if !state.awaited(call) {
                moves.push(Move::IsLost(place));
            } else if state.budget.refusals > 0 {
                moves.push(Move::IsRefused(place));
            }
        }
        moves.extend((0..2).filter(|side| state.may_run_out(*side)).map(Move::RunsOut));
    }

    fn next_state(&self, last: &State, taken: Move) -> Option<State> {
        let mut state = last.clone();
        match taken {
            Move::Begins(who) => self.begin(&mut state, who),
            Move::TakesOver { who, back } => Self::take_over(&mut state, who, back),
            Move::GoesOn(who, job) => self.go_on(&mut state, who, job),
            Move::Closes(who) => Self::close(&mut state, who),
            Move::Oversleeps(who) => {
                if let At::Announced(job, change, _) = state.controllers[who].at {
                    state.send(who, job, change, true);
                }
            }
            Move::Lands(place) => Self::land(&mut state, place),
            Move::IsRefused(place) => {
                state.budget.refusals -= 1;
                let call = state.calls.remove(place);
                if state.awaited(&call) {
                    Self::fail(&mut state, call.by, call.job, FailureKind::Refused);
                }
            }
            Move::IsLost(place) => drop(state.calls.remove(place)),
            Move::HearsNothing(who) => {
                state.budget.unknowns -= 1;
                state.controllers[who].at = At::Works;
            }
            Move::Dies(who) => {
                state.budget.crashes -= 1;
                state.controllers[who].at = At::Away;
            }
            Move::RunsOut(side) => {
                state.budget.expiries -= 1;
                if let Access::Leased(run) = state.outside.store[side] {
                    state.outside.store[side] = Access::Lapsed(run);
                }
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("never are both sides writable", |_, state: &State| {
                !state.outside.store.iter().all(|side| side.takes_writes())
            }),
            Property::always("a run that is over leaves one production", |model: &Self, state: &State| {
                let Some(swapped) = over(latest(&state.journal)) else { return true };
                let goal = model.goal(&state.journal);
                let production = if swapped { goal } else { 1 - goal };
                let open = match state.outside.store[production] {
                    // What a run that is over left frozen for a while ends by itself.
                    Access::Open | Access::Lapsed(_) | Access::Leased(_) => true,
                    Access::Fenced(_) => false,
                };
                let other = matches!(state.outside.store[1 - production], Access::Fenced(_));
                state.outside.names == production && open && other
            }),
            Property::sometimes("both runs are swapped after two deaths", |_, state: &State| {
                let both = state.journal.runs.len() == 2
                    && state.journal.runs.iter().all(|run| over(run) == Some(true));
                both && state.budget.crashes == 0
            }),
            Property::sometimes("a run is taken back", |_, state: &State| {
                over(latest(&state.journal)) == Some(false)
            }),
            Property::sometimes("a call comes after its sender lost the pair", |_, state: &State| {
                state.calls.iter().any(|call| state.controllers[call.by].at == At::Away)
            }),
        ]
    }
}
