//! Approvals: who may give them, when they count, and what a run does while it waits.

use super::*;
use switchover::execute::RunError;
use switchover::journal::{FailureKind, JournalError, Seq, StepState};
use switchover::plan::Waiver;
use switchover::report::{Given, run_report};

/// Begins a release, lets `meanwhile` happen after ten minutes at the gate, and runs to the end.
fn waiting(desk: &Desk, meanwhile: impl AsyncFnOnce()) -> RunEnd {
    use futures_util::future::join;
    let process = desk.process();
    let request = of_release("v4.4.0");
    let later = async {
        desk.world.clock.sleep(seconds(600)).await;
        meanwhile().await;
    };
    desk.world.run(async { join(process.perform(&request), later).await.0 }).unwrap()
}

async fn say(desk: &Desk, actor: &str, remark: &Remark) -> Result<(), String> {
    let said = desk.process_of(actor).engine.say(remark, None).await;
    said.map(drop).map_err(|error| error.to_string())
}

#[test]
fn an_approval_stops_nothing_at_whatever_moment_it_comes() {
    use futures_util::future::join;
    for tick in 0..100_u64 {
        let mut world = pair();
        world.add_store("live", "metadata", Method::Snapshot);
        let desk = Desk::new(world);
        let process = desk.process();
        let request = of_release("v4.4.0");
        let early = async {
            desk.world.clock.sleep(millis(tick * 1000)).await;
            let spoken = say(&desk, "bob", &approve("business")).await;
            join(beside_approvers(&desk, desk.world.clock.sleep(seconds(900))), async { spoken }).await.1
        };
        let (end, _) = desk.world.run(join(process.perform(&request), early));
        assert_eq!(end.unwrap().outcome, Some(Outcome::Completed), "approved after {tick} s");
    }
}

#[test]
fn a_process_that_waits_at_a_gate_ends_when_somebody_else_takes_the_pair() {
    use futures_util::future::join;
    let desk = Desk::new(pair());
    let (process, other) = (desk.process(), desk.process());
    let request = of_release("v4.4.0");
    let keeps = Request { to: Some(desk.world.first().clone()), ..crate::failover::failover() };
    let waits = async {
        let end = process.perform(&request).await;
        (end, desk.world.clock.now())
    };
    let takes = async {
        desk.world.clock.sleep(seconds(600)).await;
        let moment = desk.world.clock.now();
        drop(other.fail_over(&keeps).await);
        moment
    };
    let ((lost, ended), since) = desk.world.run(join(waits, takes));
    assert_eq!(desk.state().runs[0].finished.map(|(outcome, _)| outcome), Some(Outcome::Superseded));
    assert!(matches!(lost, Err(Trouble::Run(RunError::Journal(JournalError::Taken { .. })))), "{lost:?}");
    assert!(ended.duration_since(since).as_secs() < 10, "it went on for {}", ended.duration_since(since));
}

#[test]
fn a_run_that_nobody_approves_is_undone_when_its_time_is_over() {
    let desk = Desk::new(pair());
    let end = waiting(&desk, async || {});
    assert_eq!(end.outcome, Some(Outcome::Undone));
    assert_eq!(end.failures[0].kind, FailureKind::Declined, "{end:?}");
    assert!(end.failures[0].message.contains("1 of business, 1 of tech missing"), "{end:?}");
    whole(&desk, "not approved");
    assert!(desk.as_before());
    assert!(described(&desk, desk.world.first()).contains("open"));
    assert!(described(&desk, desk.world.second()).contains("nightly on"));
}

#[test]
fn who_began_a_run_and_who_is_no_member_cannot_approve() {
    let desk = Desk::new(pair());
    let end = waiting(&desk, async || {
        let refused = say(&desk, "ada", &approve("business")).await.unwrap_err();
        assert!(refused.contains("whoever began a run does not approve it"), "{refused}");
        let refused = say(&desk, "bob", &approve("tech")).await.unwrap_err();
        assert!(refused.contains("the members of tech are dan"), "{refused}");
        let refused = say(&desk, "bob", &approve("legal")).await.unwrap_err();
        assert!(refused.contains("asks no group legal; it asks business, tech"), "{refused}");
        say(&desk, "bob", &approve("business")).await.unwrap();
        let twice = desk.process_of("bob").engine.say(&approve("business"), None).await;
        assert!(matches!(twice, Err(RemarkError::Twice { .. })), "{twice:?}");
        say(&desk, "dan", &Remark::Approve { group: None, digest: None, expires: None }).await.unwrap();
    });
    assert_eq!(end.outcome, Some(Outcome::Completed), "{end:?}");
    let late = desk.world.run(say(&desk, "carol", &approve("business"))).unwrap_err();
    assert_eq!(late, "no run is open");
}

#[test]
fn an_approval_that_was_withdrawn_or_has_run_out_does_not_count() {
    let desk = Desk::new(pair());
    let end = waiting(&desk, async || {
        say(&desk, "bob", &approve("business")).await.unwrap();
        say(&desk, "bob", &Remark::Withdraw { group: None }).await.unwrap();
        let soon = desk.world.clock.now() + jiff::SignedDuration::from_secs(60);
        let short = Remark::Approve { group: Some(group("business")), digest: None, expires: Some(soon) };
        say(&desk, "carol", &short).await.unwrap();
        desk.world.clock.sleep(seconds(90)).await;
        say(&desk, "dan", &approve("tech")).await.unwrap();
    });
    assert_eq!(end.outcome, Some(Outcome::Undone), "{end:?}");
    assert!(end.failures[0].message.contains("1 of business missing"), "{end:?}");
}

#[test]
fn one_member_who_says_no_is_enough() {
    let desk = Desk::new(pair());
    let end = waiting(&desk, async || {
        say(&desk, "bob", &approve("business")).await.unwrap();
        assert!(say(&desk, "eve", &Remark::Reject).await.unwrap_err().contains("eve cannot approve"));
        desk.process_of("dan")
            .engine
            .say(&Remark::Reject, Some("the search is broken".to_owned()))
            .await
            .unwrap();
    });
    assert_eq!(end.outcome, Some(Outcome::Undone));
    assert_eq!(end.failures[0].message, "dan rejected the run: the search is broken");
    whole(&desk, "rejected");
}

#[test]
fn another_plan_than_the_one_that_waits_is_not_approved() {
    let desk = Desk::new(pair());
    let other = desk.plan(&ask(Intent::Switchover)).unwrap().digest();
    let end = waiting(&desk, async || {
        let wrong = Remark::Approve { group: Some(group("business")), digest: Some(other), expires: None };
        let refused = say(&desk, "bob", &wrong).await.unwrap_err();
        assert!(refused.contains(", not "), "{refused}");
    });
    assert_eq!(end.outcome, Some(Outcome::Undone));
}

#[test]
fn approvals_wait_for_a_run_that_was_cut_off() {
    let desk = Desk::new(pair());
    let process = desk.process();
    let request = of_release("v4.4.0");
    let work = process.perform(&request);
    let end = desk.while_running(work, seconds(3600), || process.stop.stop()).unwrap();
    assert_eq!(end.outcome, None);
    // While no process holds the run, both approve.
    desk.world.run(async {
        desk.world.clock.sleep(seconds(3600)).await;
        say(&desk, "carol", &approve("business")).await.unwrap();
        say(&desk, "dan", &approve("tech")).await.unwrap();
    });
    let end = desk.resume().unwrap();
    assert_eq!(end.outcome, Some(Outcome::Completed), "{end:?}");
    whole(&desk, "resumed");
}

#[test]
fn a_gate_that_stood_open_must_be_open_when_the_run_goes_through() {
    let desk = Desk::new(pair());
    let process = desk.process();
    let request = of_release("v4.4.0");
    let gate_done = |desk: &Desk| {
        let run = desk.last_run();
        run.plan.steps().any(|step| {
            step.action.as_gate().is_some() && run.step(&step.id).succeeded(switchover::journal::Way::Forward)
        })
    };
    // Find the entry that says that the gate stood open, and die right after it.
    let probe = Desk::new(pair());
    completed(&perform(&probe, &request));
    let opened = probe.events().iter().position(|event| {
        matches!(event, switchover::journal::Event::StepSucceeded { step, .. } if step.as_str() == "gate")
    });
    desk.world.store.crash_after(Seq(opened.unwrap() as u64));
    let end = desk.world.run_until_crash(beside_approvers(&desk, process.perform(&request)));
    assert!(end.is_none() && gate_done(&desk));
    desk.world.run(async {
        say(&desk, "bob", &Remark::Withdraw { group: None }).await.unwrap();
    });
    let next = desk.process();
    let again = async {
        desk.world.clock.sleep(seconds(1000)).await;
        assert!(desk.as_before(), "it went through a gate that had closed");
        say(&desk, "carol", &approve("business")).await.unwrap();
    };
    let (end, ()) = desk.world.run(futures_util::future::join(next.resume(), again));
    assert_eq!(end.unwrap().outcome, Some(Outcome::Completed));
}

#[test]
fn what_others_say_takes_the_pair_from_nobody() {
    // A remark lands between any two entries of the run.
    let desk = Desk::new(unasked_but_tech());
    let process = desk.process();
    let request = of_release("v4.4.0");
    let chatter = async {
        for _ in 0..60 {
            drop(say(&desk, "dan", &approve("tech")).await);
            desk.world.clock.sleep(Duration::from_millis(1_130)).await;
            drop(say(&desk, "dan", &Remark::Withdraw { group: None }).await);
        }
        while say(&desk, "dan", &approve("tech")).await.is_err() {
            desk.world.clock.sleep(seconds(1)).await;
        }
    };
    let (end, ()) = desk.world.run(futures_util::future::join(process.perform(&request), chatter));
    assert_eq!(end.unwrap().outcome, Some(Outcome::Completed));
}

/// Only the tech must approve.
fn unasked_but_tech() -> World {
    let mut world = pair();
    world.pair.environments[0].policy.approval.groups.remove(0);
    world
}

#[test]
fn what_was_written_while_people_were_asked_is_brought_over_before_writes_are_refused() {
    let mut world = pair();
    world.add_store("live", "files", Method::Mirror);
    let desk = Desk::new(world);
    let end = waiting(&desk, async || {
        say(&desk, "bob", &approve("business")).await.unwrap();
        say(&desk, "dan", &approve("tech")).await.unwrap();
    });
    assert_eq!(end.outcome, Some(Outcome::Completed), "{end:?}");
    let run = desk.last_run();
    let done = |id: &str| {
        let step = run.plan.steps().find(|step| step.id.as_str() == id).unwrap();
        match run.step(&step.id).forward {
            Some(StepState::Succeeded { at, facts, .. }) => (at, facts),
            other => panic!("{id}: {other:?}"),
        }
    };
    let (asked, _) = done("gate");
    for store in ["live/files", "live/database"] {
        let (_, facts) = done(&format!("warm up {store}"));
        let brought =
            facts.iter().find_map(|fact| fact.synced()).unwrap_or_else(|| panic!("{store}: {facts:?}"));
        assert!(
            brought.copied.as_of >= asked,
            "{store}: as of {}, asked until {asked}",
            brought.copied.as_of
        );
    }
}

/// Who approved, and whether it counted.
type Voice = (String, Option<bool>);

/// What a report says of each group: how many were asked, and who approved.
fn reported(desk: &Desk) -> Vec<(String, Option<u32>, Vec<Voice>)> {
    let report = desk.report();
    let given = |given: &Given| {
        assert_eq!(given.digest, report.digest);
        (given.by.split(' ').next().unwrap().to_owned(), given.counted)
    };
    let groups = report.approvals.iter();
    groups.map(|of| (of.group.to_string(), of.needed, of.given.iter().map(given).collect())).collect()
}

fn by(who: &str, counted: Option<bool>) -> Voice {
    (who.to_owned(), counted)
}

#[test]
fn a_report_says_who_approved_what_and_whether_it_counted() {
    let desk = Desk::new(pair());
    let end = waiting(&desk, async || {
        let soon = desk.world.clock.now() + jiff::SignedDuration::from_secs(60);
        let short = Remark::Approve { group: Some(group("business")), digest: None, expires: Some(soon) };
        say(&desk, "carol", &short).await.unwrap();
        desk.world.clock.sleep(seconds(90)).await;
        assert_eq!(reported(&desk)[0], ("business".to_owned(), Some(1), vec![by("carol", None)]));
        let seen = Some("the search | works".to_owned());
        desk.process_of("bob").engine.say(&approve("business"), seen).await.unwrap();
        say(&desk, "dan", &approve("tech")).await.unwrap();
    });
    assert_eq!(end.outcome, Some(Outcome::Completed), "{end:?}");
    let business = vec![by("carol", Some(false)), by("bob", Some(true))];
    assert_eq!(
        reported(&desk),
        [
            ("business".to_owned(), Some(1), business),
            ("tech".to_owned(), Some(1), vec![by("dan", Some(true))]),
        ]
    );
    let report = desk.report();
    let section = run_report(&report);
    let section = section.split("## Approvals").nth(1).unwrap().split("\n## ").next().unwrap();
    let digest = report.digest.short();
    assert_eq!(section.matches(digest).count(), 3, "{section}");
    assert!(section.contains("counted; the search \\| works |"), "{section}");
    assert!(section.contains("did not count; until "), "{section}");
}

#[test]
fn a_report_says_who_took_an_approval_back_and_when() {
    let desk = Desk::new(pair());
    let end = waiting(&desk, async || {
        say(&desk, "bob", &approve("business")).await.unwrap();
        desk.world.clock.sleep(seconds(30)).await;
        let why = Some("wait for the index".to_owned());
        let withdraw = Remark::Withdraw { group: Some(group("business")) };
        desk.process_of("bob").engine.say(&withdraw, why).await.unwrap();
        assert_eq!(reported(&desk)[0].2, vec![by("bob", Some(false))]);
        desk.world.clock.sleep(seconds(30)).await;
        say(&desk, "bob", &approve("business")).await.unwrap();
        say(&desk, "dan", &approve("tech")).await.unwrap();
    });
    assert_eq!(end.outcome, Some(Outcome::Completed), "{end:?}");
    assert_eq!(reported(&desk)[0].2, vec![by("bob", Some(false)), by("bob", Some(true))]);
    let report = desk.report();
    let given = &report.approvals[0].given;
    let withdrawn = given[0].withdrawn.as_ref().unwrap();
    assert!(given[0].at < withdrawn.at && withdrawn.at < given[1].at, "{given:?}");
    let told = format!("did not count; withdrawn {}: wait for the index |", withdrawn.at.strftime("%F %T"));
    assert!(run_report(&report).contains(&told), "{}", run_report(&report));
}

#[test]
fn a_report_says_who_was_not_asked_and_who_said_no() {
    let desk = Desk::new(pair());
    let left_out = Request { waivers: [Waiver::Approval(group("business"))].into(), ..of_release("v4.4.0") };
    let process = desk.process();
    let later = async {
        desk.world.clock.sleep(seconds(600)).await;
        let why = Some("the search is broken".to_owned());
        desk.process_of("dan").engine.say(&Remark::Reject, why).await.unwrap();
    };
    let both = futures_util::future::join(process.perform(&left_out), later);
    assert_eq!(desk.world.run(both).0.unwrap().outcome, Some(Outcome::Undone));
    assert_eq!(
        reported(&desk),
        [("tech".to_owned(), Some(1), vec![]), ("business".to_owned(), None, vec![]),]
    );
    let text = run_report(&desk.report());
    assert!(text.contains("| business | - | - | - | left out by name, nobody approved |"), "{text}");
    assert!(text.contains("rejected: the search is broken |"), "{text}");
    let rejected = desk.report().rejected.unwrap();
    assert!(rejected.by.starts_with("dan "), "{rejected:?}");
    assert!(text.contains(&format!("| {} |", rejected.at.strftime("%F %T"))), "{text}");
    let desk = Desk::new(unasked());
    desk.expect(Intent::Switchover, Outcome::Completed);
    assert!(!run_report(&desk.report()).contains("Approvals"));
}
