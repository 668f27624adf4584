//! Releases: deployed to the stand-by, approved by others, swapped, then finalized or reverted.

mod approvals;
mod deployments;
mod ends;
mod faults;
mod in_line;

use std::time::Duration;

use switchover::execute::{Remark, RemarkError, RunEnd};
use switchover::journal::{Outcome, RunState};
use switchover::model::{Activity, Group, GroupName, ReleaseName, SettingName, SideName};
use switchover::plan::{Intent, Request};
use switchover::port::{Clock as _, Embargo, Method, Releases};
use switchover_tests::fake::{FakeDelivery, World};

use crate::support::{Desk, Trouble, ask, environment, millis, seconds, small};

fn release(text: &str) -> ReleaseName {
    ReleaseName::new(text).unwrap()
}

fn setting(text: &str) -> SettingName {
    SettingName::new(text).unwrap()
}

fn group(text: &str) -> GroupName {
    GroupName::new(text).unwrap()
}

/// The small pair as a release finds it: v4.3.3 on both sides, v4.4.0 and v4.5.0 to be had, a setting and a schedule that follow the roles, a
/// database, and two groups that must approve: bob or carol for the business, dan for the tech. `ada` begins the runs.
fn pair() -> World {
    let mut world = small();
    world.add_store("live", "database", Method::Streaming);
    world.add_deliveries();
    world.add_setting("live", "HOME_URL", "https://gigadb.org", "http://alt-live.gigadb.host");
    world.add_schedule("live", "nightly sync");
    let live = environment("live");
    for delivery in world.deliveries.values() {
        for name in ["v4.3.3", "v4.4.0", "v4.5.0"] {
            delivery.releases.offer(&release(name), None);
        }
        delivery.releases.by_hand(&live, &release("v4.3.3"));
    }
    world.clock.advance(seconds(61));
    let approval = &mut world.pair.environments[0].policy.approval;
    approval.groups = vec![
        Group {
            name: group("business"),
            members: ["bob", "carol", "ada"].map(str::to_owned).into(),
            needed: 1,
        },
        Group { name: group("tech"), members: ["dan".to_owned()].into(), needed: 1 },
    ];
    approval.expire = seconds(3 * 3600);
    world
}

/// As [`pair`], and nobody is asked.
fn unasked() -> World {
    let mut world = pair();
    world.pair.environments[0].policy.approval.groups.clear();
    world
}

fn of_release(text: &str) -> Request {
    Request { release: Some(release(text)), ..ask(Intent::Switchover) }
}

fn finalize(desk: &Desk) -> Result<RunEnd, Trouble> {
    let waiting = desk.state().unfinalized(&environment("live")).and_then(|run| run.plan.release.clone());
    let request = Request { release: waiting, ..ask(Intent::Finalize) };
    desk.world.run(desk.process().perform(&request))
}

fn approve(of: &str) -> Remark {
    Remark::Approve { group: Some(group(of)), digest: None, expires: None }
}

/// Bob and Dan approve as soon as they are asked.
async fn approvers(desk: &Desk) {
    for (actor, of) in [("bob", "business"), ("dan", "tech")] {
        loop {
            match desk.process_of(actor).engine.say(&approve(of), None).await {
                Ok(_) | Err(RemarkError::Twice { .. }) => break,
                Err(_) => desk.world.clock.sleep(seconds(7)).await,
            }
        }
    }
}

/// Runs something while Bob and Dan stand by to approve.
async fn beside_approvers<F: Future>(desk: &Desk, work: F) -> F::Output {
    use futures_util::future::{Either, select};
    match select(Box::pin(work), Box::pin(approvers(desk))).await {
        Either::Left((output, _)) => output,
        Either::Right(((), work)) => work.await,
    }
}

fn perform(desk: &Desk, request: &Request) -> RunEnd {
    let process = desk.process();
    desk.world.run(beside_approvers(desk, process.perform(request))).unwrap()
}

fn delivery<'a>(desk: &'a Desk, side: &SideName) -> &'a FakeDelivery {
    &desk.world.deliveries[side]
}

/// One side as people would describe it.
fn described(desk: &Desk, side: &SideName) -> String {
    let live = environment("live");
    let fakes = delivery(desk, side);
    let (releases, embargo) = desk.world.run(async {
        (
            Releases::read(&fakes.releases, &live).await.unwrap(),
            Embargo::read(&fakes.releases, &live).await.unwrap(),
        )
    });
    let release = releases.current.map_or("nothing".to_owned(), |found| found.release.to_string());
    let embargo = if embargo.imposed.is_some() { "embargo" } else { "open" };
    let url = fakes.settings.held(&live, &setting("HOME_URL")).unwrap().value;
    let nightly = match fakes.schedules.held()[0].activity {
        Activity::Active => "nightly on",
        Activity::Paused => "nightly off",
    };
    format!("{release}, {embargo}, {}, {nightly}", url.expose())
}

/// Both sides, the first of the pair first.
fn sides(desk: &Desk) -> [String; 2] {
    [described(desk, desk.world.first()), described(desk, desk.world.second())]
}

const PRODUCTION: &str = "https://gigadb.org";
const STANDBY: &str = "http://alt-live.gigadb.host";

/// Whatever became of a run: one production, with the settings of its role, and clients write there and nowhere else.
fn whole(desk: &Desk, when: &str) {
    assert!(desk.swapped() || desk.as_before(), "{when}: half swapped");
    let (production, standby) = if desk.swapped() {
        (desk.world.second(), desk.world.first())
    } else {
        (desk.world.first(), desk.world.second())
    };
    assert!(described(desk, production).contains(PRODUCTION), "{when}: {:?}", sides(desk));
    assert!(described(desk, standby).contains(STANDBY), "{when}: {:?}", sides(desk));
    assert!(described(desk, production).contains("nightly off"), "{when}: {:?}", sides(desk));
    for fake in desk.world.stores.values() {
        assert_eq!(fake.writable(), std::slice::from_ref(production), "{when}");
    }
}

fn completed(end: &RunEnd) {
    assert_eq!(end.outcome, Some(Outcome::Completed), "{end:?}");
}

fn outcome(run: &RunState) -> Option<Outcome> {
    run.finished.map(|(outcome, _)| outcome)
}
