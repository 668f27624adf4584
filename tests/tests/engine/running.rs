//! A run that goes well, and the figures it reports.

use switchover::action::Action;
use switchover::journal::{Fact, Outcome, StepState};
use switchover::model::{Role, Ttl};
use switchover::plan::Intent;
use switchover::report::{Report, run_report};
use switchover_tests::fake::{NameCall, World};

use super::support::{Desk, ask, name, seconds, small, unprepared};

#[test]
fn a_switchover_of_sixteen_names_takes_two_reads_and_two_batches() {
    let desk = Desk::new(World::gigadb());
    let process = desk.process();
    let (journal, plan) = desk.world.run(process.plan(&ask(Intent::Switchover))).unwrap();
    let before = desk.world.names.requests().len();
    let end = desk.world.run(process.engine.start(journal, plan, None)).unwrap();
    assert_eq!(end.outcome, Some(Outcome::Completed), "{end:?}");
    let requests = desk.world.names.requests();
    let until_accepted = requests[before..].iter().map(|request| request.call);
    let calls: Vec<NameCall> = until_accepted.take(4).collect();
    assert_eq!(calls, [NameCall::Read, NameCall::Read, NameCall::Change, NameCall::Change]);
    // The zone that answers first is looked at while the other's answer is on its way.
    assert_eq!(desk.report().requests_to_swap, Some(5));
    assert!(desk.swapped());
    assert_eq!(desk.moves(), [1, 1]);
}

#[test]
fn the_old_side_is_held_for_the_old_ttl_and_the_margin_after_the_last_server_agreed() {
    let desk = Desk::new(World::gigadb());
    desk.expect(Intent::Switchover, Outcome::Completed);
    let run = desk.last_run();
    let end = |prefix: &str| {
        let steps = run.plan.steps().filter(|step| step.id.as_str().starts_with(prefix));
        let ends = steps.map(|step| match run.step(&step.id).forward {
            Some(StepState::Succeeded { at, .. }) => at,
            other => panic!("{other:?}"),
        });
        ends.max().unwrap()
    };
    let after = |from: jiff::Timestamp, to: jiff::Timestamp| to.duration_since(from).as_secs_f64();
    let agreed = end("read back");
    // One authoritative server serves a change after three seconds.
    assert!(after(end("swap"), agreed) >= 2.8);
    let held = after(agreed, end("hold"));
    assert!((360.0..361.0).contains(&held), "{held}");
}

#[test]
fn a_report_has_every_figure_and_reads_the_same_every_time() {
    let desk = Desk::new(World::gigadb());
    desk.expect(Intent::Switchover, Outcome::Completed);
    let report = desk.report();
    assert_eq!(report.names.len(), 16);
    assert!(report.names.iter().all(|name| name.servers == 2 && (2_800..5_000).contains(&name.after_ms)));
    assert!(report.probes.iter().all(|probe| probe.failed == 0 && probe.requests > 1_000));
    assert_eq!(report.probes.len(), 4);
    insta::assert_snapshot!("report", run_report(&report));
    insta::assert_snapshot!("report_json", serde_json::to_string_pretty(&report).unwrap());
}

#[test]
fn ttls_that_were_lowered_ahead_are_restored_after_the_hold() {
    let desk = Desk::new(unprepared());
    desk.expect(Intent::Prepare, Outcome::Completed);
    let ttl = |of: &str| {
        let now = desk.world.clock.elapsed();
        desk.world.names.seen_at(&name(of), now).unwrap().iter().map(|r| r.value.ttl).min().unwrap()
    };
    let site = desk.world.endpoints().next().unwrap().clone();
    assert_eq!(ttl(site.standby.as_str()), Ttl::Seconds(60));
    assert!(desk.as_before());
    desk.expect(Intent::Switchover, Outcome::Completed);
    assert!(desk.swapped());
    for role in Role::ALL {
        assert_eq!(ttl(site.name(role).as_str()), Ttl::Seconds(120));
    }
    assert!(desk.state().prepared.is_empty());
    // Lowered, swapped, restored.
    assert_eq!(desk.moves(), [3, 3]);
    let run = desk.last_run();
    let kinds: Vec<&str> = run.plan.stages.iter().map(|stage| stage.title.as_str()).collect();
    assert!(kinds[3].starts_with("Hold") && kinds[4].starts_with("Restore"), "{kinds:?}");
}

#[test]
fn preparing_waits_until_no_resolver_can_hold_an_old_ttl() {
    let desk = Desk::new(unprepared());
    let before = desk.world.clock.elapsed();
    desk.expect(Intent::Prepare, Outcome::Completed);
    let took = desk.world.clock.elapsed().saturating_sub(before);
    assert!((seconds(120)..seconds(124)).contains(&took), "{took:?}");
}

#[test]
fn a_revert_takes_a_switchover_back_and_a_second_one_finds_nothing() {
    let desk = Desk::new(small());
    desk.expect(Intent::Switchover, Outcome::Completed);
    desk.expect(Intent::Revert, Outcome::Completed);
    assert!(desk.as_before());
    assert_eq!(desk.moves(), [2, 2]);
    assert!(desk.plan(&ask(Intent::Revert)).unwrap_err().to_string().contains("nothing to revert"));
}

#[test]
fn every_step_that_is_done_says_what_it_learnt() {
    let desk = Desk::new(small());
    desk.expect(Intent::Switchover, Outcome::Completed);
    let run = desk.last_run();
    for step in run.plan.steps() {
        let Some(StepState::Succeeded { facts, .. }) = run.step(&step.id).forward else {
            panic!("{} is not done", step.id)
        };
        let fits = |fact: &Fact| match &step.action {
            Action::ChangeRecords(_) => matches!(fact, Fact::Accepted { .. }),
            Action::AwaitRecords(_) => matches!(fact, Fact::Agreed { .. }),
            Action::RunChecks(_) => matches!(fact, Fact::Passed { .. }),
            Action::Hold(_) | Action::Soak(_) => matches!(fact, Fact::Waited { .. }),
            Action::FreezeStore(_) => matches!(fact, Fact::Frozen { .. }),
            Action::SyncStore(_) => matches!(fact, Fact::Synced(_)),
            Action::ProveFrozen(_) => matches!(fact, Fact::Frozen { .. }),
            Action::VerifyBackup(_) => matches!(fact, Fact::Restored { .. }),
            Action::Deploy(_) => matches!(fact, Fact::Deployed { .. }),
            Action::Gate(_) => matches!(fact, Fact::Approved { .. }),
            Action::ThawStore(_)
            | Action::Announce(_)
            | Action::WriteRoleTable(_)
            | Action::SetEmbargo(_)
            | Action::SwitchSchedules(_)
            | Action::ChangeSettings(_) => false,
            Action::TakeOver(_) => matches!(fact, Fact::TakenOver { .. }),
            Action::FenceLost(_) => matches!(fact, Fact::Fenced { .. } | Fact::Frozen { .. }),
            Action::KeepData(_) => matches!(fact, Fact::Kept { .. }),
        };
        assert!(!facts.is_empty() && facts.iter().all(fits), "{}: {facts:?}", step.id);
    }
}

#[test]
fn a_run_tells_the_same_story_after_every_prefix_of_its_journal() {
    let desk = Desk::new(small());
    desk.expect(Intent::Switchover, Outcome::Completed);
    let entries = desk.entries();
    let mut state = switchover::journal::PairState::default();
    for entry in &entries {
        let kept = switchover::journal::Entry::from_bytes(&entry.to_bytes()).unwrap();
        assert_eq!(kept, *entry);
        state.apply(&kept).unwrap();
        let json = serde_json::to_string(&state.runs).unwrap();
        assert!(!json.is_empty());
    }
    assert_eq!(state, desk.state());
    assert_eq!(Report::of(state.runs[0].as_ref()), desk.report());
}

#[test]
fn every_command_can_be_spawned_on_an_executor_with_threads() {
    fn sendable(_: &impl Send) {}
    let desk = Desk::new(small());
    let (process, request) = (desk.process(), ask(Intent::Switchover));
    sendable(&process.perform(&request));
    sendable(&process.resume());
    sendable(&process.abort());
    sendable(&process.abandon());
}
