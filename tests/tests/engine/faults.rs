//! One run, and everything outside that can go wrong in it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use switchover::action::{Action, ChangeRecords, PlannedChange, Purpose};
use switchover::execute::RunError;
use switchover::journal::{Event, Fact, FailureKind, Outcome, PauseReason, StepState, Way};
use switchover::model::{DnsName, Record, RecordValue, StepId, Ttl, ZoneName};
use switchover::plan::{Intent, OnFailure, Request, Stage, Step};
use switchover::port::{NameError, NameService, RecordChange, ZoneView};
use switchover_tests::fake::{Health, NameCall, NameFault, ServerFault};

use super::support::{Desk, Trouble, ask, millis, name, seconds, small, unprepared, zone};

const NS2: ([u8; 4], u16) = ([192, 0, 2, 54], 53);
const RESOLVER: ([u8; 4], u16) = ([203, 0, 113, 53], 53);

fn at((address, port): ([u8; 4], u16)) -> SocketAddr {
    (address, port).into()
}

fn failures(desk: &Desk) -> Vec<(FailureKind, String)> {
    let fail = |event| match event {
        Event::StepFailed { failure, .. } => Some((failure.kind, failure.message)),
        _ => None,
    };
    desk.events().into_iter().filter_map(fail).collect()
}

fn paused(desk: &Desk, intent: Intent) -> PauseReason {
    let end = desk.perform(intent).unwrap();
    assert_eq!(end.outcome, None, "{end:?}");
    end.paused.unwrap()
}

#[test]
fn a_server_that_lags_is_waited_for_and_the_hold_counts_from_its_agreement() {
    let desk = Desk::new(small());
    desk.world.resolver.set_delay(at(NS2), seconds(40));
    let before = desk.world.clock.elapsed();
    desk.expect(Intent::Switchover, Outcome::Completed);
    let took = desk.world.clock.elapsed().saturating_sub(before);
    assert!((seconds(105)..seconds(109)).contains(&took), "{took:?}");
    assert!(desk.report().names.iter().all(|name| name.after_ms > 39_000));
}

#[test]
fn a_server_that_never_agrees_pauses_the_run_past_its_pivot_and_a_resume_completes_it_once_it_does() {
    let desk = Desk::new(small());
    desk.world.resolver.set_delay(at(NS2), seconds(100_000));
    assert_eq!(paused(&desk, Intent::Switchover), PauseReason::FailedStep);
    assert!(desk.swapped());
    assert!(matches!(desk.abort(), Err(Trouble::Run(RunError::PastPivot { .. }))));
    let (kind, why) = failures(&desk).remove(0);
    assert_eq!(kind, FailureKind::Deadline);
    assert!(why.contains("192.0.2.54") || why.contains("ns2.names.test"), "{why}");
    desk.world.resolver.set_delay(at(NS2), seconds(3));
    assert_eq!(desk.resume().unwrap().outcome, Some(Outcome::Completed));
    assert_eq!(desk.moves(), [1, 1]);
}

#[test]
fn a_server_that_does_not_answer_does_not_agree() {
    for fault in [ServerFault::Silent, ServerFault::Answers("SERVFAIL".to_owned())] {
        let desk = Desk::new(small());
        desk.world.resolver.set_fault(at(NS2), Some(fault));
        assert_eq!(paused(&desk, Intent::Switchover), PauseReason::FailedStep);
        assert!(!desk.events().iter().any(|event| matches!(event, Event::StepStarted { step, .. }
            if step.as_str().starts_with("hold"))));
    }
}

#[test]
fn a_public_resolver_that_keeps_old_answers_is_an_exception_and_no_failure() {
    let mut world = small();
    world.pair.dns.resolvers = vec![at(RESOLVER)];
    let desk = Desk::new(world);
    desk.world.resolver.set_fault(at(RESOLVER), Some(ServerFault::Answers("REFUSED".to_owned())));
    desk.expect(Intent::Switchover, Outcome::CompletedWithExceptions);
    assert!(desk.swapped());
    assert_eq!(desk.state().production.len(), 1);
}

#[test]
fn a_stand_by_that_fails_its_check_keeps_everything_as_it_is() {
    let desk = Desk::new(small());
    let (journal, plan) = desk.world.run(desk.process().plan(&ask(Intent::Switchover))).unwrap();
    desk.world.set_health(desk.world.second(), &Health::Wrong("503 Service Unavailable".to_owned()));
    let end = desk.world.run(desk.process().engine.start(journal, plan, None)).unwrap();
    assert_eq!(end.outcome, Some(Outcome::Undone), "{end:?}");
    assert!(end.failures[0].message.contains("503"), "{end:?}");
    assert_eq!(desk.moves(), [0, 0]);
    assert_eq!(desk.world.names.changes(), 0);
    // And no plan is made while it stands.
    assert!(desk.plan(&ask(Intent::Switchover)).is_err());
}

#[test]
fn a_new_production_that_fails_its_check_pauses_the_run_and_nothing_is_undone() {
    let desk = Desk::new(small());
    let health = desk.world.clone();
    let (process, request) = (desk.process(), ask(Intent::Switchover));
    let fall = || health.set_health(health.second(), &Health::Down);
    let end = desk.while_running(process.perform(&request), millis(420), fall).unwrap();
    assert_eq!((end.outcome, end.paused), (None, Some(PauseReason::FailedStep)));
    assert!(desk.swapped());
    desk.world.set_health(desk.world.second(), &Health::Healthy);
    assert_eq!(desk.resume().unwrap().outcome, Some(Outcome::Completed));
    assert_eq!(desk.moves(), [1, 1]);
}

#[test]
fn a_credential_that_expired_before_the_first_zone_changes_nothing() {
    for fault in [NameFault::Unauthorized, NameFault::Forbidden, NameFault::Rejected] {
        let desk = Desk::new(small());
        desk.world.names.fail_always(NameCall::Change, fault.clone());
        let end = desk.perform(Intent::Switchover).unwrap();
        assert_eq!(end.outcome, Some(Outcome::Undone), "{fault:?} {end:?}");
        assert_eq!(desk.moves(), [0, 0]);
        assert!(desk.as_before());
    }
}

/// A run that is paused because one zone was swapped and the other refused.
fn one_zone_landed() -> Desk {
    let desk = Desk::new(small());
    desk.world.names.fail_always_in(&zone("gigadb.org"), NameCall::Change, NameFault::Unauthorized);
    assert_eq!(paused(&desk, Intent::Switchover), PauseReason::FailedStep);
    assert_eq!(desk.moves(), [0, 1]);
    desk
}

#[test]
fn a_credential_that_expired_between_two_zones_names_the_one_left_behind_and_a_resume_completes() {
    let desk = one_zone_landed();
    let (kind, why) = failures(&desk).remove(0);
    assert_eq!(kind, FailureKind::Refused);
    assert!(why.contains("zone gigadb.org") && why.contains("9109"), "{why}");
    assert!(matches!(desk.abort(), Err(Trouble::Run(RunError::PastPivot { .. }))));
    desk.world.names.heal();
    assert_eq!(desk.resume().unwrap().outcome, Some(Outcome::Completed));
    assert!(desk.swapped());
    assert_eq!(desk.moves(), [1, 1]);
}

#[test]
fn a_run_left_part_way_can_be_closed_and_reverted() {
    let desk = one_zone_landed();
    drop(desk.world.run(desk.process().abandon()).unwrap());
    desk.world.names.heal();
    desk.expect(Intent::Revert, Outcome::Completed);
    assert!(desk.as_before());
    assert_eq!(desk.moves(), [0, 2]);
}

#[test]
fn a_run_left_part_way_can_be_closed_and_finished_by_a_new_plan() {
    let desk = one_zone_landed();
    drop(desk.world.run(desk.process().abandon()).unwrap());
    desk.world.names.heal();
    let request = Request { to: Some(desk.world.second().clone()), ..ask(Intent::Switchover) };
    assert_eq!(desk.world.run(desk.process().perform(&request)).unwrap().outcome, Some(Outcome::Completed));
    assert!(desk.swapped());
    assert_eq!(desk.moves(), [1, 1]);
}

#[test]
fn a_run_left_part_way_can_still_be_reverted_after_a_new_run_that_changed_nothing() {
    let desk = one_zone_landed();
    drop(desk.world.run(desk.process().abandon()).unwrap());
    // The credential is still refused: this run is undone before it moved anything.
    let request = Request { to: Some(desk.world.second().clone()), ..ask(Intent::Switchover) };
    let end = desk.world.run(desk.process().perform(&request)).unwrap();
    assert_eq!(end.outcome, Some(Outcome::Undone), "{end:?}");
    desk.world.names.heal();
    desk.expect(Intent::RestoreTtl, Outcome::Completed);
    desk.expect(Intent::Revert, Outcome::Completed);
    assert!(desk.as_before());
}

#[test]
fn a_record_that_was_edited_between_plan_and_run_stops_the_run_before_any_zone_is_changed() {
    let desk = Desk::new(small());
    let process = desk.process();
    let (journal, plan) = desk.world.run(process.plan(&ask(Intent::Switchover))).unwrap();
    let edited = name("portainer.gigadb.org");
    desk.guard.spare(&edited);
    desk.world.names.point(&edited, "192.0.2.77".parse().unwrap());
    let end = desk.world.run(process.engine.start(journal, plan, None)).unwrap();
    assert_eq!((end.outcome, end.paused), (Some(Outcome::Undone), None));
    let why = &end.failures[0].message;
    assert!(
        why.contains("portainer.gigadb.org reads 192.0.2.77") && why.contains("expected 198.51.100."),
        "{why}"
    );
    assert_eq!(desk.world.names.leads_to(&edited), ["192.0.2.77".parse().unwrap()].into());
    assert_eq!(desk.world.names.changes(), 0);
}

#[test]
fn a_record_that_was_edited_just_before_the_call_arrives_is_not_overwritten() {
    let desk = Desk::new(small());
    let edited = name("portainer.gigadb.org");
    desk.guard.spare(&edited);
    let by_hand: std::net::IpAddr = "192.0.2.77".parse().unwrap();
    desk.world.names.fail_next_in(
        &zone("gigadb.org"),
        NameCall::Change,
        NameFault::EditedFirst(edited.clone(), by_hand),
    );
    assert_eq!(paused(&desk, Intent::Switchover), PauseReason::FailedStep);
    assert_eq!(desk.world.names.leads_to(&edited), [by_hand].into());
    assert_eq!(failures(&desk)[0].0, FailureKind::NotReady);
}

#[test]
fn a_ttl_that_was_edited_by_hand_in_the_hold_is_not_overwritten() {
    let desk = Desk::new(unprepared());
    desk.expect(Intent::Prepare, Outcome::Completed);
    let edited = name("gigadb.org");
    let (process, request) = (desk.process(), ask(Intent::Switchover));
    let edit = || desk.world.names.edit(&edited, |held| held.value.ttl = Ttl::Seconds(999));
    let end = desk.while_running(process.perform(&request), seconds(20), edit).unwrap();
    assert_eq!((end.outcome, end.paused), (None, Some(PauseReason::FailedStep)));
    assert!(end.failures[0].message.contains("TTL 999 s"), "{:?}", end.failures);
}

#[test]
fn a_service_that_refuses_for_a_while_is_tried_again_and_each_zone_changes_once() {
    for fault in [NameFault::Throttled(seconds(2)), NameFault::Unavailable] {
        for call in [NameCall::Read, NameCall::Change] {
            let desk = Desk::new(small());
            let (process, request) = (desk.process(), ask(Intent::Switchover));
            let (journal, plan) = desk.world.run(process.plan(&request)).unwrap();
            for _ in 0..5 {
                desk.world.names.fail_next(call, fault.clone());
            }
            let end = desk.world.run(process.engine.start(journal, plan, None)).unwrap();
            assert_eq!(end.outcome, Some(Outcome::Completed), "{fault:?} {call:?} {end:?}");
            assert_eq!(desk.moves(), [1, 1]);
        }
    }
}

#[test]
fn a_service_that_refuses_for_good_is_given_up_at_the_deadline_and_nothing_is_changed() {
    let desk = Desk::new(small());
    desk.world.names.fail_always(NameCall::Change, NameFault::Throttled(seconds(300)));
    let end = desk.perform(Intent::Switchover).unwrap();
    // Whether a call that was started was made is not told apart here: the run waits for a person.
    assert_eq!(end.paused, Some(PauseReason::FailedStep), "{end:?}");
    assert!(desk.as_before());
    desk.world.names.heal();
    assert_eq!(desk.resume().unwrap().outcome, Some(Outcome::Completed));
    assert_eq!(desk.moves(), [1, 1]);
}

fn unknowns() -> Vec<NameFault> {
    let late = [1, 10, 29, 30].map(|after| NameFault::LateUnknown(seconds(after)));
    [NameFault::AppliedUnknown, NameFault::LostUnknown].into_iter().chain(late).collect()
}

#[test]
fn a_change_whose_outcome_is_unknown_is_never_repeated_while_it_may_be_on_its_way() {
    for fault in unknowns() {
        for zones in [&["gigadb.org"][..], &["gigadb.host"], &["gigadb.org", "gigadb.host"]] {
            for intent in [Intent::Switchover, Intent::Prepare] {
                let desk = Desk::new(unprepared());
                for of in zones {
                    desk.world.names.fail_next_in(&zone(of), NameCall::Change, fault.clone());
                }
                // The fake panics when a call is repeated too early.
                desk.expect(intent, Outcome::Completed);
                assert_eq!(desk.swapped(), intent == Intent::Switchover, "{fault:?} {zones:?}");
                assert_eq!(desk.moves(), [1, 1], "{fault:?} {zones:?}");
                let run = desk.last_run();
                let settled = run.steps.values().filter(|step| match &step.forward {
                    Some(StepState::Succeeded { facts, .. }) => {
                        facts.iter().any(|fact| matches!(fact, Fact::Settled { .. }))
                    }
                    _ => false,
                });
                let expected = zones.len();
                assert_eq!(settled.count(), expected, "{fault:?}: how each call turned out is written down");
            }
        }
    }
}

#[test]
fn an_undo_whose_outcome_is_unknown_is_seen_through() {
    for fault in unknowns() {
        let desk = Desk::new(unprepared());
        let (process, request) = (desk.process(), ask(Intent::Prepare));
        let end = desk.while_running(process.perform(&request), seconds(10), || process.stop.stop()).unwrap();
        assert_eq!(end.paused, Some(PauseReason::Operator));
        desk.world.names.fail_next(NameCall::Change, fault.clone());
        desk.world.names.fail_next(NameCall::Change, fault.clone());
        assert_eq!(desk.abort().unwrap().outcome, Some(Outcome::Undone));
        desk.world.clock.advance(seconds(60));
        assert_eq!(desk.moves(), [2, 2], "{fault:?}");
        assert!(desk.state().prepared.is_empty());
    }
}

#[test]
fn an_abort_undoes_a_change_that_lands_only_after_it_was_asked_for() {
    for late in [1, 10, 29, 30] {
        let desk = Desk::new(unprepared());
        desk.world.names.fail_next(NameCall::Change, NameFault::LateUnknown(seconds(late)));
        desk.world.names.fail_next(NameCall::Change, NameFault::LateUnknown(seconds(late)));
        let (process, request) = (desk.process(), ask(Intent::Prepare));
        let end = desk.while_running(process.perform(&request), millis(700), || process.stop.stop()).unwrap();
        assert_eq!(end.paused, Some(PauseReason::Operator), "{end:?}");
        assert_eq!(desk.abort().unwrap().outcome, Some(Outcome::Undone));
        desk.world.clock.advance(seconds(60));
        let now = desk.world.clock.elapsed();
        for endpoint in desk.world.endpoints() {
            let records = desk.world.names.seen_at(&endpoint.standby, now).unwrap();
            assert!(records.iter().all(|record| record.value.ttl == Ttl::Seconds(120)), "{late}");
        }
    }
}

#[test]
fn a_stop_at_any_moment_leaves_a_run_that_can_be_gone_on_with_or_taken_back() {
    let moments = (0..70).map(|tick| millis(tick * 17)).chain((0..14).map(|tick| seconds(2 + tick * 5)));
    for moment in moments {
        for abort in [false, true] {
            let desk = Desk::new(small());
            desk.world.names.fail_next_in(
                &zone("gigadb.org"),
                NameCall::Change,
                NameFault::LateUnknown(seconds(5)),
            );
            let (process, request) = (desk.process(), ask(Intent::Switchover));
            let end = desk.while_running(process.perform(&request), moment, || process.stop.stop()).unwrap();
            if end.outcome.is_some() {
                assert!(desk.swapped());
                continue;
            }
            assert_eq!(end.paused, Some(PauseReason::Operator), "{moment:?} {end:?}");
            let taken_back = abort.then(|| desk.abort());
            match taken_back {
                Some(Ok(end)) => {
                    assert_eq!(end.outcome, Some(Outcome::Undone), "{moment:?}");
                    desk.world.clock.advance(seconds(60));
                    assert!(desk.as_before(), "{moment:?}");
                    assert_eq!(desk.moves(), [0, 0], "{moment:?}");
                }
                Some(Err(Trouble::Run(RunError::PastPivot { .. }))) | None => {
                    assert_eq!(desk.resume().unwrap().outcome, Some(Outcome::Completed), "{moment:?}");
                    assert!(desk.swapped());
                    assert_eq!(desk.moves(), [1, 1], "{moment:?}");
                }
                Some(Err(other)) => panic!("{moment:?}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_clock_that_is_set_forward_or_back_in_the_hold_does_not_shorten_it() {
    for step in [3_600, 30, -30, -3_600] {
        let desk = Desk::new(small());
        let (process, request) = (desk.process(), ask(Intent::Switchover));
        let set = || desk.world.clock.step_wall_clock(jiff::SignedDuration::from_secs(step));
        let before = desk.world.clock.elapsed();
        let end = desk.while_running(process.perform(&request), seconds(20), set).unwrap();
        assert_eq!(end.outcome, Some(Outcome::Completed));
        let took = desk.world.clock.elapsed().saturating_sub(before);
        // Three seconds until the last server agrees, 60 of TTL, 5 of margin.
        assert!((seconds(68)..seconds(71)).contains(&took), "{step}: {took:?}");
    }
}

#[test]
fn a_hold_that_another_process_goes_on_with_is_held_anew_whatever_the_clocks_say() {
    for ahead in [3_600, 40, 0, -40, -3_600] {
        let desk = Desk::new(small());
        let (process, request) = (desk.process(), ask(Intent::Switchover));
        let end = desk.while_running(process.perform(&request), seconds(20), || process.stop.stop()).unwrap();
        assert_eq!(end.paused, Some(PauseReason::Operator));
        desk.world.clock.advance(seconds(10));
        // The clock of the machine on which it goes on.
        desk.world.clock.step_wall_clock(jiff::SignedDuration::from_secs(ahead));
        let before = desk.world.clock.elapsed();
        assert_eq!(desk.resume().unwrap().outcome, Some(Outcome::Completed));
        let took = desk.world.clock.elapsed().saturating_sub(before);
        // A moment until it has the pair, 60 of TTL, 5 of margin.
        assert!((seconds(65)..seconds(70)).contains(&took), "{ahead}: {took:?}");
    }
}

/// A plan as no planner makes it yet: TTLs are lowered in one environment, then names move in another.
#[test]
fn what_was_done_before_the_pivot_is_not_undone_after_it() {
    let desk = one_step_before_the_pivot(true);
    assert_eq!(desk.moves(), [0, 2]);
    assert!(!desk.events().iter().any(|event| matches!(event, Event::TurnedBack { .. })));
}

#[test]
fn what_was_done_before_the_pivot_is_undone_when_the_pivot_moved_nothing() {
    let desk = one_step_before_the_pivot(false);
    assert_eq!(desk.moves(), [0, 2]);
    assert!(desk.as_before());
    let back = |event: &Event| matches!(event, Event::StepSucceeded { way: Way::Back, .. });
    assert_eq!(desk.events().iter().filter(|event| back(event)).count(), 1);
}

fn one_step_before_the_pivot(part_lands: bool) -> Desk {
    let desk = Desk::new(unprepared());
    let process = desk.process();
    let (journal, mut plan) = desk.world.run(process.plan(&ask(Intent::Switchover))).unwrap();
    // The swap expects what lowering leaves.
    let lowered = name("alt-live.gigadb.host");
    for step in plan.stages.iter_mut().flat_map(|stage| &mut stage.steps) {
        let Action::ChangeRecords(change) = &mut step.action else { continue };
        for record in change.changes.iter_mut().filter(|record| record.name == lowered) {
            record.from.ttl = Ttl::Seconds(60);
            record.to.ttl = Ttl::Seconds(60);
        }
    }
    let record = desk.world.names.seen_at(&lowered, seconds(0)).unwrap().remove(0);
    let to = RecordValue { ttl: Ttl::Seconds(60), ..record.value.clone() };
    let change = |from: &RecordValue, to: &RecordValue| {
        let planned = PlannedChange {
            name: lowered.clone(),
            kind: record.kind(),
            from: from.clone(),
            to: to.clone(),
            proxied: false,
        };
        let of = plan.steps().find_map(|step| match &step.action {
            Action::ChangeRecords(change) => {
                (change.zone.zone == zone("gigadb.host")).then(|| change.zone.clone())
            }
            _ => None,
        });
        Action::ChangeRecords(ChangeRecords {
            zone: of.unwrap(),
            purpose: Purpose::LowerTtl,
            changes: vec![planned],
        })
    };
    let step = Step {
        id: StepId::new("lower TTLs of gigadb.host").unwrap(),
        action: change(&record.value, &to),
        undo: Some(change(&to, &record.value)),
        deadline_ms: 180_000,
        on_failure: OnFailure::Stop,
    };
    plan.stages.insert(0, Stage { title: "Lower".to_owned(), steps: vec![step] });
    let refused = if part_lands { &["gigadb.org"][..] } else { &["gigadb.org", "gigadb.host"] };
    let refuse = || {
        for of in refused {
            desk.world.names.fail_always_in(&zone(of), NameCall::Change, NameFault::Rejected);
        }
    };
    // Only the swap is refused; lowering was accepted by then, and undoing it will be.
    let heal = desk.world.clone();
    let work = async {
        let end = process.engine.start(journal, plan, None).await;
        heal.names.heal();
        end
    };
    let end = if part_lands {
        desk.while_running(work, millis(250), refuse)
    } else {
        // One refusal for each zone.
        let once = || {
            for of in refused {
                desk.world.names.fail_next_in(&zone(of), NameCall::Change, NameFault::Rejected);
            }
        };
        desk.while_running(work, millis(250), once)
    };
    let end = end.unwrap();
    let expected =
        if part_lands { (None, Some(PauseReason::FailedStep)) } else { (Some(Outcome::Undone), None) };
    assert_eq!((end.outcome, end.paused), expected, "{:?}", end.failures);
    desk
}

/// Says that everything was done, and does nothing.
#[derive(Debug)]
struct Braggart(switchover_tests::fake::FakeNames);

#[async_trait::async_trait]
impl NameService for Braggart {
    async fn read(&self, zone: &ZoneName, names: &BTreeSet<DnsName>) -> Result<ZoneView, NameError> {
        self.0.read(zone, names).await
    }

    async fn change(&self, _: &ZoneName, _: &[RecordChange]) -> Result<(), NameError> {
        Ok(())
    }

    async fn prove_write(&self, zone: &ZoneName, records: &[Record]) -> Result<(), NameError> {
        self.0.prove_write(zone, records).await
    }

    fn in_flight(&self) -> std::time::Duration {
        self.0.in_flight()
    }
}

#[test]
fn a_change_is_done_when_a_read_shows_it_and_not_because_the_call_returned() {
    let desk = Desk::new(small());
    let mut process = desk.process();
    for service in process.engine.ports.names.values_mut() {
        *service = Arc::new(Braggart(desk.world.names.clone()));
    }
    let end = desk.world.run(process.perform(&ask(Intent::Switchover))).unwrap();
    assert_eq!(end.paused, Some(PauseReason::FailedStep), "{end:?}");
    assert!(failures(&desk).iter().all(|(kind, _)| *kind == FailureKind::Deadline));
    let done = |event: &Event| matches!(event, Event::StepSucceeded { step, .. } if step.as_str().starts_with("swap"));
    assert!(!desk.events().iter().any(done));
}
