//! From a request to a plan: what is asked for is what is planned, and what cannot be planned says why.

use std::fmt::Write as _;
use std::net::IpAddr;

use switchover::action::{Action, Servers};
use switchover::journal::Outcome;
use switchover::model::{AddressName, SideName, Ttl};
use switchover::plan::{Intent, Plan, PlanError, Request};
use switchover_tests::fake::{Held, NameCall, NameFault, World};

use super::support::{Desk, ask, environment, name, seconds, set_ttls, small, unprepared, zone};

fn to_side(side: &SideName) -> Request {
    Request { to: Some(side.clone()), ..ask(Intent::Switchover) }
}

fn only(intent: Intent, of: &str) -> Request {
    Request { environments: [environment(of)].into(), ..ask(intent) }
}

/// A plan as text, every value of it.
fn told(plan: &Plan) -> String {
    let mut text = format!("{} of {}\n", plan.intent, plan.pair);
    for shift in &plan.shifts {
        writeln!(text, "  {}: {} -> {}", shift.environment, shift.from, shift.to).unwrap();
    }
    for stage in &plan.stages {
        writeln!(text, "{}", stage.title).unwrap();
        for step in &stage.steps {
            let pivot = if plan.pivot.as_ref() == Some(&step.id) { " PIVOT" } else { "" };
            let undo = if step.undo.is_some() { ", can be undone" } else { "" };
            let (id, deadline) = (&step.id, step.deadline().as_secs());
            writeln!(text, "  {id} (within {deadline} s{undo}; {:?}){pivot}", step.on_failure).unwrap();
            action(&mut text, &step.action);
        }
    }
    for note in &plan.notes {
        writeln!(text, "note: {note}").unwrap();
    }
    text
}

fn action(text: &mut String, action: &Action) {
    match action {
        Action::ChangeRecords(change) => {
            for c in &change.changes {
                let (from, to) = (&c.from, &c.to);
                let proxied = if c.proxied { " proxied" } else { "" };
                let line = format!(
                    "{} {}: {} ({}) -> {} ({})",
                    c.name, c.kind, from.data, from.ttl, to.data, to.ttl
                );
                writeln!(text, "    {line}{proxied}").unwrap();
            }
        }
        Action::AwaitRecords(wait) => {
            let who = match &wait.servers {
                Servers::Authoritative(named) => format!("authoritative {named:?}"),
                Servers::Resolvers(named) => format!("resolvers {named:?}"),
            };
            let names = wait.names.iter().map(|n| format!("{} {:?}", n.name, n.addresses));
            writeln!(text, "    {who}: {}", names.collect::<Vec<_>>().join(", ")).unwrap();
        }
        Action::RunChecks(run) => {
            let checks = run.checks.iter().map(|c| format!("{} of {} at {}", c.check, c.name, c.address));
            writeln!(text, "    {}", checks.collect::<Vec<_>>().join(", ")).unwrap();
        }
        Action::Hold(hold) => writeln!(text, "    {} ms + {} ms", hold.old_ttl_ms, hold.margin_ms).unwrap(),
        Action::FreezeStore(freeze) => {
            writeln!(text, "    {} on {}, lease {:?} ms", freeze.store, freeze.side, freeze.lease_ms)
                .unwrap();
        }
        Action::ThawStore(thaw) => {
            writeln!(text, "    {} on {}, fenced {:?}", thaw.store, thaw.side, thaw.fenced).unwrap();
        }
        Action::SyncStore(sync) => {
            writeln!(text, "    {} {}, {:?}", sync.store, sync.direction, sync.purpose).unwrap();
        }
        Action::ProveFrozen(proof) => writeln!(text, "    {} on {}", proof.store, proof.side).unwrap(),
        Action::VerifyBackup(trial) => {
            writeln!(text, "    newest of {} beside {}", trial.store, trial.side).unwrap();
        }
        Action::Deploy(deploy) => {
            writeln!(text, "    after {:?}, nothing on {}", deploy.after, deploy.other).unwrap();
        }
        Action::SetEmbargo(set) => writeln!(text, "    {:?}", set.rule).unwrap(),
        Action::SwitchSchedules(switch) => {
            writeln!(text, "    {:?} {:?}", switch.to, switch.schedules).unwrap();
        }
        Action::ChangeSettings(change) => {
            let names = change.settings.iter().map(|planned| planned.setting.to_string());
            writeln!(text, "    {}: {}", change.role, names.collect::<Vec<_>>().join(", ")).unwrap();
        }
        Action::Gate(gate) => {
            let groups = gate.groups.iter().map(|group| format!("{} {:?}", group.name, group.members));
            writeln!(text, "    {}; {:?}", groups.collect::<Vec<_>>().join(", "), gate.windows).unwrap();
        }
        Action::Soak(soak) => writeln!(text, "    {} ms, {} checks", soak.for_ms, soak.checks.len()).unwrap(),
        Action::Announce(announce) => writeln!(text, "    {} to {}", announce.moment, announce.to).unwrap(),
        Action::WriteRoleTable(write) => {
            for row in &write.rows {
                writeln!(text, "    {} {}: {}", row.environment, row.side, row.holding).unwrap();
            }
        }
        Action::TakeOver(taken) => {
            writeln!(text, "    {} on {}, as of {}", taken.store, taken.side, taken.as_of).unwrap();
        }
        Action::FenceLost(fence) => {
            let proved = if fence.prove { ", with proof" } else { "" };
            writeln!(
                text,
                "    {} on {}, each try {} ms{proved}",
                fence.store, fence.side, fence.patience_ms
            )
            .unwrap();
        }
        Action::KeepData(keep) => writeln!(text, "    {} on {}", keep.store, keep.side).unwrap(),
    }
}

fn outcome(plan: Result<Plan, PlanError>) -> String {
    match plan {
        Ok(plan) if plan.is_empty() => format!("nothing to do: {plan:?}\n"),
        Ok(plan) => told(&plan),
        Err(error) => format!("no plan: {error}\n"),
    }
}

#[test]
fn a_switchover_of_all_environments() {
    let desk = Desk::new(World::gigadb());
    let plan = desk.plan(&ask(Intent::Switchover)).unwrap();
    insta::assert_snapshot!("plan_all", told(&plan));
    insta::assert_snapshot!("plan_all_json", serde_json::to_string_pretty(&plan).unwrap());
    insta::assert_snapshot!("plan_all_digest", plan.digest());
}

#[test]
fn a_switchover_tells_people_and_ends_with_the_role_table() {
    let mut world = small();
    world.add_announcer("ops");
    world.add_announcer("curators");
    world.add_role_table();
    let plan = Desk::new(world).plan(&ask(Intent::Switchover)).unwrap();
    insta::assert_snapshot!("plan_telling", told(&plan));
}

#[test]
fn the_role_table_says_of_an_environment_that_was_not_looked_at_what_the_journal_says() {
    let mut world = World::gigadb();
    world.add_role_table();
    let desk = Desk::new(world);
    let rows = |desk: &Desk| {
        let plan = desk.plan(&only(Intent::Switchover, "staging")).unwrap();
        told(&plan).lines().filter(|line| line.contains("live")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(rows(&desk), ["    live hongkong: unknown", "    live sydney: unknown"]);
    let end = desk.world.run(desk.process().perform(&only(Intent::Switchover, "live"))).unwrap();
    assert_eq!(end.outcome, Some(switchover::journal::Outcome::Completed));
    assert_eq!(rows(&desk), ["    live hongkong: hot stand-by", "    live sydney: current production"]);
}

#[test]
fn a_switchover_of_one_environment_touches_no_name_of_another() {
    let desk = Desk::new(World::gigadb());
    insta::assert_snapshot!("plan_staging", told(&desk.plan(&only(Intent::Switchover, "staging")).unwrap()));
}

#[test]
fn a_switchover_to_the_side_that_is_production_has_nothing_to_do() {
    let desk = Desk::new(World::gigadb());
    let plan = desk.plan(&to_side(desk.world.first())).unwrap();
    assert!(plan.is_empty() && plan.shifts.is_empty() && plan.pivot.is_none());
}

#[test]
fn environments_that_differ_are_not_swapped_without_saying_which_way() {
    let desk = Desk::new(World::gigadb());
    assert_eq!(
        desk.world.run(desk.process().perform(&only(Intent::Switchover, "staging"))).unwrap().outcome,
        Some(Outcome::Completed)
    );
    insta::assert_snapshot!("plan_roles_differ", desk.plan(&ask(Intent::Switchover)).unwrap_err());
    let plan = desk.plan(&to_side(desk.world.second())).unwrap();
    let moved: Vec<String> = plan.shifts.iter().map(|shift| shift.environment.to_string()).collect();
    assert_eq!(moved, ["live"]);
}

#[test]
fn ttls_that_were_lowered_ahead_are_restored_by_the_plan() {
    let desk = Desk::new(unprepared());
    let prepared = desk.plan(&ask(Intent::Prepare)).unwrap();
    desk.expect(Intent::Prepare, Outcome::Completed);
    let swap = desk.plan(&ask(Intent::Switchover)).unwrap();
    let restore = desk.plan(&ask(Intent::RestoreTtl)).unwrap();
    insta::assert_snapshot!("plan_prepared", [told(&prepared), told(&swap), told(&restore)].join("\n"));
    assert!(desk.plan(&ask(Intent::Prepare)).unwrap().is_empty(), "what is low already is not lowered");
}

#[test]
fn ttls_are_lowered_to_what_the_zone_takes_and_no_further() {
    let mut world = small();
    world.pair.dns.swap_ttl = seconds(5);
    let desk = Desk::new(world);
    assert!(desk.plan(&ask(Intent::Prepare)).unwrap().is_empty(), "the zone takes no less than 60 s");
    set_ttls(&desk.world, 300);
    let text = told(&desk.plan(&ask(Intent::Prepare)).unwrap());
    assert_eq!(text.matches("(300 s) -> ").count(), 4, "{text}");
    assert_eq!(text.matches(" (60 s)\n").count(), 4, "{text}");
}

#[test]
fn proxied_names_are_swapped_by_the_api_and_not_read_back_from_dns() {
    let desk = Desk::new(small());
    desk.world.names.edit(&name("portainer.gigadb.org"), |held| {
        held.proxied = true;
        held.value.ttl = Ttl::Auto;
    });
    let swap = desk.plan(&ask(Intent::Switchover)).unwrap();
    let prepare = desk.plan(&ask(Intent::Prepare)).unwrap();
    insta::assert_snapshot!("plan_proxied", told(&swap));
    assert!(prepare.is_empty());
    desk.expect(Intent::Switchover, Outcome::Completed);
    assert!(desk.swapped());
}

#[test]
fn a_pair_with_ipv6_moves_both_families_together() {
    let world = small();
    let site = AddressName::new("eip-gigadb-live-gigadb").unwrap();
    let addresses: [IpAddr; 2] = ["2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap()];
    for (side, address) in [world.first(), world.second()].into_iter().zip(addresses) {
        world.books[side].add(&site, address);
        world.check.set(address, switchover_tests::fake::Health::Healthy);
    }
    world.names.add(Held::plain(name("gigadb.org"), addresses[0]));
    world.names.add(Held::plain(name("alt-live.gigadb.host"), addresses[1]));
    let desk = Desk::new(world);
    insta::assert_snapshot!("plan_ipv6", told(&desk.plan(&ask(Intent::Switchover)).unwrap()));
    desk.expect(Intent::Switchover, Outcome::Completed);
    assert!(desk.world.names.leads_to(&name("gigadb.org")).contains(&addresses[1]));
    assert!(desk.world.names.leads_to(&name("alt-live.gigadb.host")).contains(&addresses[0]));
}

#[test]
fn a_revert_follows_what_the_last_run_did_and_not_the_order_in_the_file() {
    let desk = Desk::new(small());
    desk.expect(Intent::Switchover, Outcome::Completed);
    desk.expect(Intent::Switchover, Outcome::Completed);
    assert!(desk.as_before());
    // The last run led from the second side to the first: taking it back leads to the second.
    let plan = desk.plan(&ask(Intent::Revert)).unwrap();
    insta::assert_snapshot!("plan_revert", told(&plan));
    assert_eq!(&plan.shifts[0].to, desk.world.second());
    desk.expect(Intent::Revert, Outcome::Completed);
    assert!(desk.swapped());
}

#[test]
fn a_revert_of_one_environment_leaves_the_other() {
    let desk = Desk::new(World::gigadb());
    desk.expect(Intent::Switchover, Outcome::Completed);
    let plan = desk.plan(&only(Intent::Revert, "staging")).unwrap();
    assert_eq!(plan.shifts.len(), 1);
    assert!(plan.steps().all(|step| !format!("{:?}", step.action).contains("\"gigadb.org\", kind")));
}

#[test]
fn what_cannot_be_planned_says_why() {
    let mut text = String::new();
    let mut tell = |called: &str, plan| writeln!(text, "{called}\n    {}", outcome(plan)).unwrap();
    let desk = Desk::new(small());
    tell("a revert of nothing", desk.plan(&ask(Intent::Revert)));
    tell("TTLs that were never lowered", desk.plan(&ask(Intent::RestoreTtl)));
    tell("an unknown environment", desk.plan_anywhere(&only(Intent::Switchover, "production")));
    tell("an unknown side", desk.plan(&to_side(&SideName::new("hongkon").unwrap())));
    desk.expect(Intent::Switchover, Outcome::Completed);
    tell("a revert to where it is by hand", {
        for endpoint in desk.world.endpoints() {
            let address = |side: &SideName| desk.world.address(side, &endpoint.address);
            let (first, second) = (address(desk.world.first()), address(desk.world.second()));
            desk.world.names.edit(&endpoint.production, |held| {
                if held.value.data.address().is_some() {
                    held.value.data = first.into();
                }
            });
            desk.world.names.point(&endpoint.standby, second);
        }
        desk.plan(&ask(Intent::Revert))
    });
    let desk = Desk::new(small());
    desk.expect(Intent::Switchover, Outcome::Completed);
    desk.expect(Intent::Revert, Outcome::Completed);
    tell("a revert of a revert", desk.plan(&ask(Intent::Revert)));
    let desk = Desk::new(small());
    desk.world.names.fail_always_in(&zone("gigadb.org"), NameCall::Change, NameFault::Unauthorized);
    assert_eq!(desk.perform(Intent::Switchover).unwrap().outcome, None);
    tell("a plan while a run is open", desk.plan(&ask(Intent::Switchover)));
    drop(desk.world.run(desk.process().abandon()).unwrap());
    tell("a switchover after a run that was left part-way", desk.plan(&ask(Intent::Switchover)));
    tell("to a side after a run that was left part-way", desk.plan(&to_side(desk.world.second())));
    tell("a revert of a run that was left part-way", desk.plan(&ask(Intent::Revert)));
    insta::assert_snapshot!("plan_refused", text);
}

#[test]
fn one_world_gives_one_plan_whatever_time_it_is() {
    let digest = |wait: u64| {
        let desk = Desk::new(World::gigadb());
        desk.world.clock.advance(seconds(wait));
        desk.plan(&ask(Intent::Switchover)).unwrap().digest()
    };
    let first = digest(0);
    assert_eq!(first, digest(100_000));
    let named = |text: &str| first.is_named_by(&text.parse().unwrap());
    assert!(named(first.short()) && named(&first.to_string()));
    assert!(!named("000000000000"));
    assert!(first.short()[..11].parse::<switchover::plan::PlanDigest>().is_err());
}
