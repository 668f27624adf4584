//! From a seed to a scenario.

use std::time::Duration;

use switchover::port::Method;
use switchover_tests::fake::{
    Absence, DataCall, DataFault, NameCall, NameFault, RemoteCall, RemoteFault, StoreFault,
};

use crate::scenario::{Command, Cut, Errand, Fault, Person, Scenario, Shape, Target, Trouble, Way};
use crate::{Dice, Fate, Moment};

/// How late something may go wrong, in milliseconds: a run with stores takes about two minutes.
const LATEST: u64 = 200_000;

impl Scenario {
    /// The scenario of a seed.
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice::of(seed);
        let shape = shape(&mut dice);
        let failing_over = dice.chance(25);
        let people = people(&mut dice, &shape, failing_over);
        let mut faults = faults(&mut dice, &shape);
        // A failover takes the lost side's addresses from the names, and so whatever somebody wrote there.
        faults.retain(|fault| !failing_over || !matches!(fault.trouble, Trouble::Edit(_)));
        if failing_over && dice.chance(80) {
            faults.push(loss(&mut dice));
        }
        if !failing_over && dice.chance(10) {
            let lasts = seconds(dice.below(200));
            let side = usize::from(dice.chance(50));
            faults.push(Fault { at: dice.time(LATEST), lasts, trouble: Trouble::Away(side) });
        }
        if dice.chance(5) {
            let store = usize::try_from(dice.below(3)).unwrap_or(0);
            faults.push(Fault {
                at: Duration::ZERO,
                lasts: dice.time(400_000),
                trouble: Trouble::Leak(store),
            });
        }
        Self { seed, shape, people, faults }
    }
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn shape(dice: &mut Dice) -> Shape {
    let methods = [Method::Snapshot, Method::Mirror, Method::Streaming];
    let stores = methods.into_iter().filter(|_| dice.chance(45)).collect();
    Shape {
        staging: dice.chance(10),
        endpoints: 1 + usize::from(dice.chance(50)),
        ttl: dice.pick(&[60, 60, 120]),
        latency: dice.pick(&[10, 100, 100, 700]).pipe(millis),
        in_flight: seconds(dice.pick(&[5, 30])),
        stores,
        delivery: dice.chance(25),
        beat: millis(dice.pick(&[70, 230, 510, 1_300])),
    }
}

/// Reads better than a call around a call.
trait Pipe: Sized {
    fn pipe<T>(self, to: impl FnOnce(Self) -> T) -> T {
        to(self)
    }
}

impl<T> Pipe for T {}

fn people(dice: &mut Dice, shape: &Shape, failing_over: bool) -> Vec<Person> {
    let many = dice.pick(&[1, 1, 1, 2, 2, 3]);
    (0..many).map(|place| person(dice, shape, failing_over, place)).collect()
}

fn person(dice: &mut Dice, shape: &Shape, failing_over: bool, place: usize) -> Person {
    let many = 1 + dice.below(3);
    let errands = (0..many).map(|nth| errand(dice, shape, failing_over, place == 0 && nth == 0)).collect();
    let cuts = (0..dice.magnitude(3)).filter(|_| dice.clone().chance(60)).collect::<Vec<_>>();
    let cuts = cuts.into_iter().map(|_| cut(dice)).collect();
    let skew = if dice.chance(10) { dice.pick(&[-86_400, -600, -20, 20, 90, 600, 86_400]) } else { 0 };
    Person { errands, cuts, skew }
}

fn errand(dice: &mut Dice, shape: &Shape, failing_over: bool, first: bool) -> Errand {
    let command = match (first, failing_over) {
        (true, false) => dice.pick(&[
            Command::Switchover,
            Command::Switchover,
            Command::Switchover,
            Command::Prepare,
            Command::Sync,
        ]),
        (true, true) => dice.pick(&[Command::Switchover, Command::Failover, Command::Sync]),
        (false, true) => dice.pick(&[
            Command::Failover,
            Command::Failover,
            Command::Reprotect,
            Command::Resume,
            Command::Switchover,
        ]),
        (false, false) => dice.pick(&[
            Command::Switchover,
            Command::Resume,
            Command::Resume,
            Command::Abort,
            Command::Revert,
            Command::Prepare,
            Command::RestoreTtl,
            Command::Sync,
            Command::Abandon,
        ]),
    };
    let command = match command {
        Command::Switchover if shape.delivery && dice.chance(50) => Command::Release,
        Command::RestoreTtl if shape.delivery => Command::Finalize,
        other => other,
    };
    let after = if first { dice.time(2_000) } else { dice.time(150_000) };
    let fates = fates(dice);
    let stopped = dice.chance(8).then(|| dice.time(LATEST));
    Errand { after, command, fates, stopped }
}

fn fates(dice: &mut Dice) -> Vec<Fate> {
    let mut fates = Vec::new();
    if dice.chance(35) {
        fates.push(Fate::Sleeps(moment(dice), dice.time(300_000)));
    }
    if dice.chance(45) {
        fates.push(Fate::Dies(moment(dice)));
    } else if dice.chance(5) {
        fates.push(Fate::DiesWriting(dice.below(40)));
    }
    fates
}

fn moment(dice: &mut Dice) -> Moment {
    match dice.below(3) {
        0 => Moment::Poll(1 + dice.magnitude(4_000)),
        1 => Moment::BeforeEntry(dice.below(60)),
        _ => Moment::AfterEntry(dice.below(60)),
    }
}

fn cut(dice: &mut Dice) -> Cut {
    Cut {
        at: dice.time(LATEST),
        lasts: dice.time(90_000),
        target: dice.pick(&[Target::Journal, Target::Names, Target::First, Target::Second]),
        way: dice.pick(&[Way::There, Way::Back]),
    }
}

fn faults(dice: &mut Dice, shape: &Shape) -> Vec<Fault> {
    let many = dice.magnitude(8);
    (0..many)
        .map(|_| {
            let trouble = trouble(dice, shape);
            Fault { at: dice.time(LATEST), lasts: dice.time(90_000), trouble }
        })
        .collect()
}

fn trouble(dice: &mut Dice, shape: &Shape) -> Trouble {
    let store = dice.below(3);
    match dice.below(if shape.delivery { 14 } else { 12 }) {
        0..=2 => Trouble::Name(name_call(dice), usize::from(dice.chance(50)), name_fault(dice, shape)),
        3 => Trouble::Names(name_call(dice), usize::from(dice.chance(50)), name_fault(dice, shape)),
        4..=5 => Trouble::Data(usize::try_from(store).unwrap_or(0), data_call(dice), data_fault(dice)),
        6 => Trouble::AllData(usize::try_from(store).unwrap_or(0), data_call(dice), data_fault(dice)),
        7 => Trouble::Append(append_fault(dice)),
        8 => {
            Trouble::Disk(dice.pick(&[StoreFault::Full, StoreFault::Unavailable, StoreFault::UnknownLanded]))
        }
        9 => Trouble::Edit(usize::try_from(dice.below(4)).unwrap_or(0)),
        10 => Trouble::Clock(dice.pick(&[-86_400, -300, -10, 10, 70, 3_600])),
        11 => Trouble::Rival,
        _ => Trouble::Delivery(usize::from(dice.chance(50)), remote_call(dice), remote_fault(dice)),
    }
}

fn name_call(dice: &mut Dice) -> NameCall {
    dice.pick(&[NameCall::Read, NameCall::Change, NameCall::Change, NameCall::Change, NameCall::ProveWrite])
}

fn name_fault(dice: &mut Dice, shape: &Shape) -> NameFault {
    let within = u64::try_from(shape.in_flight.as_millis()).unwrap_or_default();
    match dice.below(10) {
        0 => NameFault::Unavailable,
        1 => NameFault::Throttled(seconds(1)),
        2 => NameFault::Slow(dice.time(60_000)),
        3 => NameFault::AppliedUnknown,
        4 => NameFault::LostUnknown,
        5 => NameFault::LateUnknown(millis(dice.below(within + 1))),
        6 => NameFault::Forbidden,
        7 => NameFault::Rejected,
        _ => NameFault::Stale(dice.time(60_000)),
    }
}

fn data_call(dice: &mut Dice) -> DataCall {
    dice.pick(&[
        DataCall::Inspect,
        DataCall::Freeze,
        DataCall::Freeze,
        DataCall::Prove,
        DataCall::Thaw,
        DataCall::Sync,
        DataCall::Sync,
        DataCall::Look,
        DataCall::TakeOver,
        DataCall::Keep,
    ])
}

fn data_fault(dice: &mut Dice) -> DataFault {
    dice.pick(&[DataFault::Unreachable, DataFault::Failed, DataFault::UnknownLost, DataFault::UnknownLanded])
}

fn append_fault(dice: &mut Dice) -> StoreFault {
    dice.pick(&[
        StoreFault::Unavailable,
        StoreFault::UnavailableLanded,
        StoreFault::UnknownLost,
        StoreFault::UnknownLanded,
        StoreFault::Full,
        StoreFault::RivalFirst,
    ])
}

fn remote_call(dice: &mut Dice) -> RemoteCall {
    dice.pick(&[RemoteCall::Read, RemoteCall::Change, RemoteCall::Change])
}

fn remote_fault(dice: &mut Dice) -> RemoteFault {
    match dice.below(6) {
        0 => RemoteFault::Unavailable,
        1 => RemoteFault::Throttled(seconds(1)),
        2 => RemoteFault::Slow(dice.time(20_000)),
        3 => RemoteFault::AppliedUnknown,
        4 => RemoteFault::LostUnknown,
        _ => RemoteFault::LateUnknown(dice.time(80_000)),
    }
}

fn loss(dice: &mut Dice) -> Fault {
    let how = match dice.below(4) {
        0 => Absence::Gone,
        1 => Absence::Silent,
        2 => Absence::Failing,
        _ => Absence::Slow(seconds(dice.below(20))),
    };
    Fault { at: dice.time(LATEST), lasts: dice.time(600_000), trouble: Trouble::Lost(how) }
}
