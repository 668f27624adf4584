//! What is wrong with a pair, where, and what was probably meant: every kind of finding, as a person reads it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

use switchover::model::{
    Activity, AddressName, RecordData, ReleaseName, SettingName, SettingValue, SideName, StatusGate,
};
use switchover::observe::{Finding, FindingKind, Snapshot};
use switchover::plan::{Intent, PlanError, plan};
use switchover::port::{Identity, Method, Schedules as _, StoreProblem};
use switchover_tests::fake::{
    AddressFault, AnnounceFault, DataCall, DataFault, FakeStore, Health, Held, HeldSetting, NameCall,
    NameFault, RemoteCall, RemoteFault, TableFault, World,
};

use super::support::{Desk, ask, environment, name, seconds, zone};

const SITE: &str = "eip-gigadb-live-gigadb";
const FILES: &str = "eip-gigadb-files-live-gigadb";
const BASTION: &str = "eip-gigadb-bastion-live-gigadb";

fn address_name(text: &str) -> AddressName {
    AddressName::new(text).unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// What preflight finds in a world.
fn preflight(world: World) -> Snapshot {
    let desk = Desk::unguarded(world);
    let process = desk.process();
    let environments = process.engine.pair.environments.clone();
    desk.world.run(async {
        let journal = process.engine.journal().await.unwrap();
        process.engine.preflight(&environments, journal.state()).await
    })
}

/// Puts a mirrored store into the live environment, whose data may be a day old.
fn files(world: &mut World) -> FakeStore {
    let store = world.add_store("live", "files", Method::Mirror);
    for environment in &mut world.pair.environments {
        for policy in &mut environment.stores {
            policy.rpo = Some(seconds(26 * 3600));
        }
    }
    store
}

fn home_url() -> SettingName {
    SettingName::new("HOME_URL").unwrap()
}

/// Gives both sides a delivery, with a release, a setting and a schedule of the live environment.
fn delivered(world: &mut World) {
    world.add_deliveries();
    world.add_setting("live", "HOME_URL", "https://gigadb.org", "http://alt-live.gigadb.host");
    world.add_schedule("live", "nightly sync");
    for delivery in world.deliveries.values() {
        delivery.releases.by_hand(&environment("live"), &ReleaseName::new("v4.3.3").unwrap());
    }
    world.clock.advance(seconds(61));
}

/// Changes the stand-by's setting.
fn edit_setting(world: &World, edit: impl FnOnce(&mut HeldSetting)) {
    let settings = &world.deliveries[&world_side(false)].settings;
    let mut held = settings.held(&environment("live"), &home_url()).unwrap();
    edit(&mut held);
    settings.define(Some(&environment("live")), &home_url(), held);
}

fn trouble() -> Health {
    Health::Wrong("major trouble: Partial System Outage".to_owned())
}

fn world_side(first: bool) -> SideName {
    SideName::new(if first { "hongkong" } else { "sydney" }).unwrap()
}

fn told(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let place = serde_json::to_string(&finding.place).unwrap();
        writeln!(text, "{:?} {:?} {place}\n    {finding}", finding.severity, finding.kind).unwrap();
    }
    text
}

/// What is done to a world, and what it is called.
type Slip = (&'static str, fn(&mut World));

fn identity(world: &World, second: bool) -> Identity {
    let side = if second { world.second() } else { world.first() };
    let book = &world.ports().addresses[side];
    world.run(book.identity()).unwrap().unwrap()
}

fn share(world: &World, how: impl FnOnce(&mut Identity, Identity)) {
    let mut second = identity(world, true);
    how(&mut second, identity(world, false));
    world.books[world.second()].set_identity(Some(second));
}

/// Points every name of the live environment that `wanted` picks to the other side.
fn point_at_second(world: &World, names: &[&str]) {
    for endpoint in world.endpoints() {
        if names.contains(&endpoint.production.as_str()) {
            world.names.point(&endpoint.production, world.address(world.second(), &endpoint.address));
            world.names.point(&endpoint.standby, world.address(world.first(), &endpoint.address));
        }
    }
}

const SLIPS: &[Slip] = &[
    ("nothing is wrong", |_| {}),
    ("a side cannot be read", |world| {
        world.books[world.second()].fail_always(AddressFault::Unauthorized);
    }),
    ("both sides use one key", |world| {
        share(world, |second, first| second.fingerprint.clone_from(&first.fingerprint));
    }),
    ("both sides act as one identity", |world| {
        share(world, |second, first| second.principal.clone_from(&first.principal));
    }),
    ("both sides are in one account", |world| {
        share(world, |second, first| second.account.clone_from(&first.account));
    }),
    ("an address name is mistyped", |world| {
        let environment = world.pair.environments.iter_mut().find(|e| e.name.as_str() == "live").unwrap();
        environment.endpoints[3].address = address_name("eip-gigadb-live-gigad");
    }),
    ("an address is nowhere to be found", |world| {
        world.books[world.second()].remove(&address_name(BASTION));
    }),
    ("an address is there twice", |world| {
        world.books[world.first()].add(&address_name(FILES), ip("198.51.100.99"));
    }),
    ("an address is attached to nothing", |world| {
        world.books[world.second()].detach(&address_name(FILES));
    }),
    ("one side has an IPv6 address and the other has not", |world| {
        world.books[world.first()].add(&address_name(FILES), ip("2001:db8::1"));
    }),
    ("both sides have the same address", |world| {
        let shared = world.address(world.first(), &address_name(FILES));
        world.books[world.second()].remove(&address_name(FILES));
        world.books[world.second()].add(&address_name(FILES), shared);
    }),
    ("a zone cannot be read", |world| {
        world.names.fail_always_in(&zone("gigadb.host"), NameCall::Read, NameFault::Unauthorized);
    }),
    ("a zone cannot be written", |world| {
        world.names.fail_always_in(&zone("gigadb.host"), NameCall::ProveWrite, NameFault::Forbidden);
    }),
    ("a name has no record", |world| world.names.remove(&name("files.gigadb.org"))),
    ("a name has two records", |world| {
        world.names.add(Held::plain(name("files.gigadb.org"), ip("192.0.2.44")));
    }),
    ("a name is an alias", |world| {
        world.names.edit(&name("files.gigadb.org"), |held| {
            held.value.data = RecordData::Cname(name("docs.names.test"));
        });
    }),
    ("an address record has an alias beside it", |world| {
        world.names.add(Held::plain(name("files.gigadb.org"), RecordData::Cname(name("docs.names.test"))));
    }),
    ("an IPv6 record would be left behind", |world| {
        world.names.add(Held::plain(name("files.gigadb.org"), ip("2001:db8::99")));
    }),
    ("a name leads elsewhere", |world| world.names.point(&name("files.gigadb.org"), ip("192.0.2.44"))),
    ("a name leads to another's address", |world| {
        let other = world.address(world.first(), &address_name(BASTION));
        world.names.point(&name("files.gigadb.org"), other);
    }),
    ("a name leads to the wrong side", |world| {
        let other = world.address(world.second(), &address_name(FILES));
        world.names.point(&name("files.gigadb.org"), other);
    }),
    ("a name leads to one side by IPv4 and to the other by IPv6", |world| {
        for (side, address) in
            [(world.first().clone(), "2001:db8::1"), (world.second().clone(), "2001:db8::2")]
        {
            world.books[&side].add(&address_name(FILES), ip(address));
        }
        world.names.add(Held::plain(name("files.gigadb.org"), ip("2001:db8::2")));
    }),
    ("half of the names call one side production, half the other", |world| {
        point_at_second(world, &["bastion.gigadb.org", "files.gigadb.org"]);
    }),
    ("a store cannot be read on one side", |world| {
        let second = world.second().clone();
        files(world).set_lost(&second, true);
    }),
    ("a store cannot be read at all", |world| {
        files(world).fail_always(DataCall::Inspect, DataFault::Unreachable);
    }),
    ("something stands in the way of a store", |world| {
        let problem = |fatal, message: &str, advice: Option<&str>| StoreProblem {
            side: Some(world_side(fatal)),
            fatal,
            message: message.to_owned(),
            advice: advice.map(str::to_owned),
        };
        let store = files(world);
        store.complain(problem(
            true,
            "table public.log has no replica identity",
            Some("give it a primary key"),
        ));
        store.complain(problem(false, "pg_dump 16 is newer than the server", None));
    }),
    ("both sides of a store are one place", |world| files(world).share()),
    ("writes to a store cannot be refused", |world| files(world).unguard()),
    ("somebody opened the stand-by's data by hand", |world| {
        let second = world.second().clone();
        files(world).open_by_hand(&second);
    }),
    ("a run fenced production's data and DNS did not follow", |world| {
        let (first, second) = (world.first().clone(), world.second().clone());
        let store = files(world);
        store.shut_by_hand(&first);
        store.open_by_hand(&second);
    }),
    ("production takes no writes", |world| {
        let first = world.first().clone();
        files(world).shut_by_hand(&first);
    }),
    ("the stand-by's data took writes", |world| {
        let (first, second) = (world.first().clone(), world.second().clone());
        let store = files(world);
        store.shut_by_hand(&first);
        store.open_by_hand(&second);
        assert!(store.write(&second, 7));
        store.shut_by_hand(&second);
        store.open_by_hand(&first);
    }),
    ("the stand-by's data is older than it may be", |world| {
        files(world);
        world.clock.advance(seconds(30 * 3600));
    }),
    ("no data ever arrived at the stand-by", |world| files(world).forget_copies()),
    ("a delivery cannot be read", |world| {
        delivered(world);
        let delivery = &world.deliveries[&world_side(true)];
        delivery.releases.fail_always(RemoteCall::Read, RemoteFault::Unauthorized);
        delivery.settings.fail_always(RemoteCall::Read, RemoteFault::Unauthorized);
        delivery.schedules.fail_always(RemoteCall::Read, RemoteFault::Unauthorized);
    }),
    ("a delivery may not be changed", |world| {
        delivered(world);
        let delivery = &world.deliveries[&world_side(false)];
        delivery.releases.fail_always(RemoteCall::Prove, RemoteFault::Forbidden);
        delivery.settings.fail_always(RemoteCall::Prove, RemoteFault::Forbidden);
    }),
    ("a deployment is under way", |world| {
        delivered(world);
        let release = ReleaseName::new("v4.4.0").unwrap();
        world.deliveries[&world_side(true)].releases.by_hand(&environment("live"), &release);
    }),
    ("the sides run different releases, and somebody else has an embargo", |world| {
        delivered(world);
        let releases = world.deliveries[&world_side(false)].releases.clone();
        releases.by_hand(&environment("live"), &ReleaseName::new("v4.4.0").unwrap());
        releases.embargo_of_others("every Friday from 17:00");
        world.clock.advance(seconds(61));
    }),
    ("a setting is missing", |world| {
        delivered(world);
        world.deliveries[&world_side(true)].settings.remove(&environment("live"), &home_url());
    }),
    ("a setting cannot be read back", |world| {
        delivered(world);
        edit_setting(world, |held| held.attributes.hidden = true);
    }),
    ("a setting has the value of neither role", |world| {
        delivered(world);
        edit_setting(world, |held| held.value = SettingValue::new("http://elsewhere.example"));
    }),
    ("a setting has the value of the other role", |world| {
        delivered(world);
        edit_setting(world, |held| held.value = SettingValue::new("https://gigadb.org"));
    }),
    ("a setting would not take its value", |world| {
        delivered(world);
        for values in world.values.values_mut() {
            values.standby = SettingValue::new("short");
        }
        edit_setting(world, |held| {
            held.attributes.masked = true;
            held.value = SettingValue::new("short");
        });
    }),
    ("a schedule is missing", |world| {
        delivered(world);
        world.pair.environments[1].standby_schedules.push("weekly sync".to_owned());
    }),
    ("a schedule of the stand-by runs on production", |world| {
        delivered(world);
        let schedules = world.deliveries[&world_side(true)].schedules.clone();
        let id = schedules.held()[0].id.clone();
        let _ = world.run(schedules.switch(&id, Activity::Active)).unwrap();
    }),
    ("a vendor has trouble, which is worth a look", |world| {
        world.add_status_page("cloudflare", StatusGate::Advisory).set(trouble());
    }),
    ("a vendor has trouble, which keeps from a swap", |world| {
        world.add_status_page("cloudflare", StatusGate::Gate).set(trouble());
    }),
    ("a status page is down, which is worth a look", |world| {
        world.add_status_page("cloudflare", StatusGate::Advisory).set(Health::Down);
    }),
    ("a status page is down, which keeps from a swap", |world| {
        world.add_status_page("cloudflare", StatusGate::Gate).set(Health::Down);
    }),
    ("people cannot be told for now", |world| {
        world.add_announcer("ops").fail_proofs(AnnounceFault::Unavailable);
    }),
    ("people cannot be told at all", |world| {
        world.add_announcer("ops").fail_proofs(AnnounceFault::Refused);
    }),
    ("the document has no place for the role table", |world| {
        world.add_role_table().fail_always(TableFault::NoPlace);
    }),
    ("the stand-by fails its check", |world| {
        let site = world.address(world.second(), &address_name(SITE));
        world.check.set(site, Health::Wrong("503 Service Unavailable".to_owned()));
    }),
];

#[test]
fn every_slip_is_named_with_its_place_and_what_was_probably_meant() {
    let mut text = String::new();
    let mut kinds: BTreeSet<FindingKind> = BTreeSet::new();
    for (called, slip) in SLIPS {
        let mut world = World::gigadb();
        slip(&mut world);
        let snapshot = preflight(world);
        kinds.extend(snapshot.findings.iter().map(|finding| finding.kind));
        writeln!(text, "## {called}\n{}", told(&snapshot.findings)).unwrap();
    }
    insta::assert_snapshot!("findings", text);
    // Those take a history, a release that somebody asks for, and a look at a pair whose production may be gone.
    kinds.extend([FindingKind::JournalDisagrees, FindingKind::ReleaseUnfit, FindingKind::LostAnswers]);
    assert_eq!(kinds.len(), every_kind().len(), "{kinds:?}");
}

/// Grows with the enum: a new kind does not compile here until it is listed.
fn every_kind() -> Vec<FindingKind> {
    use FindingKind as K;
    let next = |kind| match kind {
        K::SideUnreadable => Some(K::SharedCredential),
        K::SharedCredential => Some(K::SharedAccount),
        K::SharedAccount => Some(K::AddressMissing),
        K::AddressMissing => Some(K::AddressDoubled),
        K::AddressDoubled => Some(K::AddressDetached),
        K::AddressDetached => Some(K::AddressOneSided),
        K::AddressOneSided => Some(K::SameAddress),
        K::SameAddress => Some(K::ZoneUnreadable),
        K::ZoneUnreadable => Some(K::ZoneNotWritable),
        K::ZoneNotWritable => Some(K::RecordMissing),
        K::RecordMissing => Some(K::RecordDoubled),
        K::RecordDoubled => Some(K::AliasBeside),
        K::AliasBeside => Some(K::LeftBehind),
        K::LeftBehind => Some(K::PointsElsewhere),
        K::PointsElsewhere => Some(K::WrongAddress),
        K::WrongAddress => Some(K::WrongSide),
        K::WrongSide => Some(K::RolesUnclear),
        K::RolesUnclear => Some(K::JournalDisagrees),
        K::JournalDisagrees => Some(K::CheckFailed),
        K::CheckFailed => Some(K::StoreUnreadable),
        K::StoreUnreadable => Some(K::StoreUnfit),
        K::StoreUnfit => Some(K::StoreShared),
        K::StoreShared => Some(K::StoreUnguarded),
        K::StoreUnguarded => Some(K::BothWritable),
        K::BothWritable => Some(K::StoreDisagrees),
        K::StoreDisagrees => Some(K::ProductionFrozen),
        K::ProductionFrozen => Some(K::StoreDiverged),
        K::StoreDiverged => Some(K::StoreStale),
        K::StoreStale => Some(K::ReleasesUnreadable),
        K::ReleasesUnreadable => Some(K::EmbargoUnreadable),
        K::EmbargoUnreadable => Some(K::SettingsUnreadable),
        K::SettingsUnreadable => Some(K::SchedulesUnreadable),
        K::SchedulesUnreadable => Some(K::EmbargoNotWritable),
        K::EmbargoNotWritable => Some(K::SettingsNotWritable),
        K::SettingsNotWritable => Some(K::ReleaseUnfit),
        K::ReleaseUnfit => Some(K::ReleasesDiffer),
        K::ReleasesDiffer => Some(K::DeploymentUnderWay),
        K::DeploymentUnderWay => Some(K::ForeignEmbargo),
        K::ForeignEmbargo => Some(K::SettingMissing),
        K::SettingMissing => Some(K::SettingHidden),
        K::SettingHidden => Some(K::SettingForeign),
        K::SettingForeign => Some(K::SettingOfOtherRole),
        K::SettingOfOtherRole => Some(K::SettingUnfit),
        K::SettingUnfit => Some(K::ScheduleMissing),
        K::ScheduleMissing => Some(K::ScheduleOfOtherRole),
        K::ScheduleOfOtherRole => Some(K::TroubleReported),
        K::TroubleReported => Some(K::StatusPageSilent),
        K::StatusPageSilent => Some(K::AnnouncerUnfit),
        K::AnnouncerUnfit => Some(K::RoleTableUnfit),
        K::RoleTableUnfit => Some(K::LostAnswers),
        K::LostAnswers => None,
    };
    std::iter::successors(Some(K::SideUnreadable), |kind| next(*kind)).collect()
}

#[test]
fn no_plan_is_made_while_an_error_stands_and_all_errors_are_told_at_once() {
    for (called, slip) in SLIPS {
        let mut world = World::gigadb();
        slip(&mut world);
        let (pair, snapshot) = (world.pair.clone(), preflight(world));
        let errors: Vec<Finding> = snapshot.errors().cloned().collect();
        for intent in [Intent::Switchover, Intent::Prepare] {
            match plan(&pair, &snapshot, &switchover::journal::PairState::default(), &ask(intent)) {
                Ok(_) => assert!(errors.is_empty(), "{called}: {errors:?}"),
                Err(PlanError::Unfit(told)) => assert_eq!(told, errors, "{called}"),
                Err(other) => panic!("{called}: {other}"),
            }
        }
    }
}

#[test]
fn many_slips_are_told_together_in_the_order_of_the_file() {
    let mut world = World::gigadb();
    for (called, slip) in SLIPS {
        if [
            "both sides use one key",
            "an address is there twice",
            "a zone cannot be written",
            "a name has no record",
        ]
        .contains(called)
        {
            slip(&mut world);
        }
    }
    world.names.point(&name("staging.gigadb.org"), ip("192.0.2.44"));
    insta::assert_snapshot!("findings_together", told(&preflight(world).findings));
}

#[test]
fn records_that_were_moved_by_hand_since_the_last_run_are_a_warning() {
    let desk = Desk::new(super::support::small());
    desk.expect(Intent::Switchover, switchover::journal::Outcome::Completed);
    for endpoint in desk.world.endpoints() {
        desk.world.names.point(&endpoint.standby, desk.world.address(desk.world.second(), &endpoint.address));
        desk.world.names.edit(&endpoint.production, |held| {
            if held.value.data.address().is_some() {
                held.value.data = desk.world.address(desk.world.first(), &endpoint.address).into();
            }
        });
    }
    let process = desk.process();
    let environments = process.engine.pair.environments.clone();
    let snapshot = desk.world.run(process.engine.observe(&environments, &desk.state()));
    insta::assert_snapshot!("findings_by_hand", told(&snapshot.findings));
    assert_eq!(snapshot.errors().count(), 0);
}

#[test]
fn records_that_a_run_moved_which_was_closed_then_are_not_called_moved_by_hand() {
    let desk = Desk::new(super::support::small());
    desk.expect(Intent::Switchover, switchover::journal::Outcome::Completed);
    let (process, request) = (desk.process(), ask(Intent::Revert));
    let stop = || process.stop.stop();
    let end = desk.while_running(process.perform(&request), super::support::seconds(20), stop).unwrap();
    assert_eq!(end.outcome, None, "{end:?}");
    drop(desk.world.run(desk.process().abandon()).unwrap());
    assert!(desk.as_before());
    let process = desk.process();
    let environments = process.engine.pair.environments.clone();
    let snapshot = desk.world.run(process.engine.observe(&environments, &desk.state()));
    let told = told(&snapshot.findings);
    assert!(told.contains("which was closed part-way, moved the records"), "{told}");
    assert!(!told.contains("by hand"), "{told}");
}

#[test]
fn looking_changes_nothing() {
    let desk = Desk::new(World::gigadb());
    let before: Vec<_> = ["gigadb.org", "gigadb.host"].map(|of| desk.world.names.held(&zone(of))).into();
    desk.plan(&ask(Intent::Switchover)).unwrap();
    let after: Vec<_> = ["gigadb.org", "gigadb.host"].map(|of| desk.world.names.held(&zone(of))).into();
    assert_eq!(before, after);
    assert_eq!(desk.world.names.changes(), 0);
    assert!(desk.entries().is_empty());
}
