//! What lies outside the controllers: where the names lead, who may write, and the calls that are on their way.

use switchover::action::Action;
use switchover::model::SideName;

/// How a side of the store takes writes. Runs are numbered from 1; 0 froze the stand-by before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Access {
    Open,
    /// Frozen until the lease of this run's freeze runs out.
    Leased(usize),
    /// It has run out: writes may have arrived.
    Lapsed(usize),
    /// Frozen for good.
    Fenced(usize),
}

impl Access {
    pub(crate) fn takes_writes(self) -> bool {
        match self {
            Self::Open | Self::Lapsed(_) => true,
            Self::Leased(_) | Self::Fenced(_) => false,
        }
    }
}

/// What a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Change {
    /// Lead the names to the side, if they lead to the other.
    Names { to: usize },
    /// Freeze a side, or make that lasting.
    Freeze { side: usize, lasting: bool },
    /// Let clients write on a side.
    Thaw { side: usize },
}

/// What looking shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Sight {
    Done,
    Ready(Change),
    Blocked,
}

/// The names of one zone and both sides of one store. Sides are numbered as the first plan goes: from 0 to 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Outside {
    pub(crate) names: usize,
    pub(crate) store: [Access; 2],
}

impl Outside {
    pub(crate) fn new() -> Self {
        Self { names: 0, store: [Access::Open, Access::Fenced(0)] }
    }

    /// Looks as the action does before it acts, on behalf of a run that leads to side `to`.
    pub(crate) fn look(&self, action: &Action, sides: &[SideName; 2], run: usize, to: usize) -> Sight {
        let number = |side: &SideName| usize::from(*side == sides[1]);
        if action.as_change_records().is_some() {
            return if self.names == to { Sight::Done } else { Sight::Ready(Change::Names { to }) };
        }
        if let Some(freeze) = action.as_freeze_store() {
            let (side, lasting) = (number(&freeze.side), freeze.lease_ms.is_none());
            let ready = Sight::Ready(Change::Freeze { side, lasting });
            return match self.store[side] {
                Access::Fenced(by) if by == run => Sight::Done,
                Access::Leased(by) if by == run && !lasting => Sight::Done,
                Access::Lapsed(by) if by == run => Sight::Blocked,
                Access::Open | Access::Leased(_) | Access::Lapsed(_) | Access::Fenced(_) => ready,
            };
        }
        let thaw = action.as_thaw_store().expect("a plan of names, freezes and thaws");
        let side = number(&thaw.side);
        let fenced =
            thaw.fenced.as_ref().is_none_or(|other| matches!(self.store[number(other)], Access::Fenced(_)));
        match self.store[side] {
            Access::Open => Sight::Done,
            Access::Leased(_) | Access::Lapsed(_) | Access::Fenced(_) if !fenced => Sight::Blocked,
            Access::Leased(_) | Access::Lapsed(_) | Access::Fenced(_) => Sight::Ready(Change::Thaw { side }),
        }
    }

    /// Does what a call asks for on behalf of a run, or refuses: what a contract of the ports demands, and no more.
    pub(crate) fn take(&mut self, change: Change, run: usize) -> bool {
        match change {
            // The records are compared with what the plan says before they are changed.
            Change::Names { to } => std::mem::replace(&mut self.names, to) != to,
            Change::Freeze { side, .. } if self.store[side] == Access::Lapsed(run) => false,
            Change::Freeze { side, lasting: true } => {
                self.store[side] = Access::Fenced(run);
                true
            }
            Change::Freeze { side, lasting: false } => {
                if self.store[side] != Access::Fenced(run) {
                    self.store[side] = Access::Leased(run);
                }
                true
            }
            Change::Thaw { side } => {
                self.store[side] = Access::Open;
                true
            }
        }
    }
}
