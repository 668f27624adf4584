//! What cron, the shell and systemd make of the lines and units: the real ones, where they are installed.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use jiff::Timestamp;
use switchover::schedule::Schedule as _;

use super::*;

fn schedule(expression: &str, zone: &str) -> CronSchedule {
    CronSchedule::new(expression.parse().unwrap(), switchover_cron::zone(zone).unwrap())
}

fn store(text: &str) -> StoreRef {
    let (environment, store) = text.split_once('/').unwrap();
    StoreRef { environment: environment.parse().unwrap(), store: store.parse().unwrap() }
}

fn job() -> Job {
    Job {
        program: "/usr/bin/sync-data".into(),
        config: "/etc/switchover/switchover.toml".into(),
        pair: "gigadb".parse().unwrap(),
        stores: vec![store("live/metadata")],
        side: Some("sydney".parse().unwrap()),
        arguments: Vec::new(),
        schedule: schedule("30 2 * * mon-fri", "Asia/Hong_Kong"),
        jitter: Duration::from_secs(600),
        delay: Duration::from_millis(445_908),
    }
}

fn awkward() -> Job {
    Job {
        program: "/opt/50% off/it's $HOME/sync-data".into(),
        config: "/etc/a \"quoted\" place; rm -rf $(x) `y` #1.toml".into(),
        stores: Vec::new(),
        side: None,
        schedule: schedule("@daily", "UTC"),
        jitter: Duration::ZERO,
        delay: Duration::ZERO,
        ..job()
    }
}

const CRONIE: Cron = Cron::Cronie { user: None };

#[test]
fn the_machines_own_zone_can_be_told() {
    // Without jiff's feature `tz-system` it never can, and no line for Debian's cron could be written.
    let error = jiff::tz::TimeZone::try_system().err().map(|error| error.to_string()).unwrap_or_default();
    assert!(!error.contains("tz-system"), "{error}");
}

#[test]
fn a_zone_of_another_name_is_the_machines_if_it_is_the_same() {
    let utc = |machine| crontab(&awkward(), &vixie(machine));
    for machine in ["UTC", "Etc/UTC", "Zulu", "Etc/GMT"] {
        assert!(utc(machine).is_ok(), "{machine}");
    }
    for machine in ["Europe/London", "Etc/GMT+1", "Mars/Olympus"] {
        assert!(utc(machine).is_err(), "{machine}");
    }
}

fn vixie(zone: &str) -> Cron {
    Cron::Vixie { user: Some("postgres".into()), zone: Some(zone.into()) }
}

#[test]
fn a_crontab_line_says_what_it_is_when_and_where() {
    let root = Cron::Cronie { user: Some("root".into()) };
    let lines = [
        crontab(&job(), &CRONIE),
        crontab(&job(), &root),
        crontab(&job(), &vixie("Asia/Hong_Kong")),
        crontab(&awkward(), &CRONIE),
    ];
    insta::assert_snapshot!(lines.map(Result::unwrap).join("\n"));
}

#[test]
fn units_say_what_they_are_when_and_how_confined() {
    let host = Host {
        user: Some("postgres".into()),
        environment_file: Some("/etc/switchover/environment".into()),
        writable: vec!["/var/lib/switchover".into(), "/mnt/my files".into()],
    };
    let plainer = Job { program: "/opt/50% off/$HOME/sync-data".into(), ..awkward() };
    let both = Job { schedule: schedule("*/20 1-3,22 1,15-17 1-6 mon", "Europe/Berlin"), ..job() };
    let units =
        [systemd(&job(), &host), systemd(&both, &Host::default()), systemd(&plainer, &Host::default())];
    let told = units.map(|units| {
        let Systemd { name, service, timer } = units.unwrap();
        format!("--- {name}.service\n{service}\n--- {name}.timer\n{timer}")
    });
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_cannot_be_written_is_refused_in_words() {
    let refusals = [
        crontab(&job(), &vixie("Etc/UTC")),
        crontab(&job(), &Cron::Vixie { user: None, zone: None }),
        crontab(&Job { program: "sync-data".into(), ..job() }, &CRONIE),
        crontab(&Job { config: "/etc/a\nb".into(), ..job() }, &CRONIE),
        crontab(&Job { config: r"/etc/a\b".into(), ..job() }, &CRONIE),
        crontab(&Job { config: format!("/{}", "x".repeat(1000)).into(), ..job() }, &CRONIE),
        crontab(&Job { arguments: vec!["a\u{7}".into()], ..job() }, &CRONIE),
        crontab(&job(), &Cron::Cronie { user: Some("a b".into()) }),
        systemd(&Job { config: "switchover.toml".into(), ..job() }, &Host::default()).map(|units| units.name),
        systemd(&awkward(), &Host::default()).map(|units| units.name),
        systemd(&job(), &Host { user: Some("a\nExecStart=/bin/sh".into()), ..Host::default() })
            .map(|units| units.name),
        systemd(&Job { arguments: vec!["a\nb".into()], ..job() }, &Host::default()).map(|units| units.name),
    ];
    insta::assert_snapshot!(refusals.map(|refusal| refusal.unwrap_err().to_string()).join("\n"));
}

/// A program that prints its arguments, in a folder with a name that needs quoting.
fn printer(folder: &Path, name: &str) -> PathBuf {
    let folder = folder.join(name);
    std::fs::create_dir(&folder).unwrap();
    let program = folder.join("sync-data");
    std::fs::write(&program, "#!/bin/sh\nprintf '<%s>\\n' \"$@\"\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program
}

#[test]
fn the_shell_gets_back_every_word() {
    let folder = tempfile::tempdir().unwrap();
    let job = Job { program: printer(folder.path(), "50% off, it's $HOME \"here\""), ..awkward() };
    let line = crontab(&job, &CRONIE).unwrap();
    let line = line.lines().last().unwrap().strip_prefix("@daily ").unwrap();
    // As cron's do_command.c does it: a `%` that is not escaped ends the command.
    let marked = line.replace(r"\%", "\u{1}");
    assert!(!marked.contains('%'), "{line}");
    let output = Command::new("/bin/sh").arg("-c").arg(marked.replace('\u{1}', "%")).output().unwrap();
    let words = job.words().unwrap();
    let expected = words[1..].iter().map(|word| format!("<{word}>\n")).collect::<Vec<_>>().concat();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}

/// Whether systemd's own checker is there. Without it the tests below say so and check nothing.
fn analyzer() -> bool {
    let found = Command::new("systemd-analyze").arg("--version").output().is_ok();
    if !found {
        eprintln!("systemd-analyze is not installed: units are not checked by systemd itself");
    }
    found
}

#[test]
fn systemd_itself_finds_nothing_wrong_with_the_units() {
    if !analyzer() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = printer(folder.path(), "50% off, $HOME");
    let host = Host { writable: vec!["/var/lib/my files 50%".into()], ..Host::default() };
    for job in [Job { program: program.clone(), ..job() }, Job { program, ..awkward() }] {
        let Systemd { name, service, timer } = systemd(&job, &host).unwrap();
        let paths =
            [(format!("{name}.service"), service), (format!("{name}.timer"), timer)].map(|(name, text)| {
                let path = folder.path().join(name);
                std::fs::write(&path, text).unwrap();
                path
            });
        let output = Command::new("systemd-analyze").arg("verify").args(&paths).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        // It loads the machine's own units beside, and may find fault with them.
        let about_ours: Vec<_> = told.lines().filter(|line| line.contains("switchover-sync")).collect();
        assert!(about_ours.is_empty(), "{told}");
        assert!(output.status.success(), "{told}");
    }
}

#[test]
fn systemd_reads_the_same_times() {
    if !analyzer() {
        return;
    }
    let expressions = [
        "* * * * *",
        "*/7 * * * *",
        "30 2 * * *",
        "0 0 1 1 *",
        "@hourly",
        "@weekly",
        "5,10-12,59 0,3-4,22-23 * * *",
        "0 3 1,15 * mon",
        "0 3 */2 * mon",
        "0 3 31 * *",
        "0 0 29 2 *",
        "15 4 * jan,mar-may 1-5",
        "0 12 13 * fri",
        "0 0 * * 0",
        "0 0 * * 7",
        "0 0 * * sat,sun",
        "0 0 1-31/5 2,11 *",
    ];
    for zone in ["UTC", "Asia/Hong_Kong"] {
        for expression in expressions {
            let schedule = schedule(expression, zone);
            let after: Timestamp = "2026-11-21T15:02:30Z".parse().unwrap();
            let ours: Vec<Timestamp> =
                std::iter::successors(schedule.next_after(after), |moment| schedule.next_after(*moment))
                    .take(8)
                    .collect();
            let lines = calendar::on_calendar(schedule.expression(), zone);
            let mut theirs: Vec<Timestamp> = lines.iter().flat_map(|line| elapses(line)).collect();
            theirs.sort_unstable();
            theirs.dedup();
            theirs.truncate(8);
            assert_eq!(ours, theirs, "{expression} {zone}: {lines:?}");
        }
    }
}

/// The next eight times after 2026-11-21 15:02:30 UTC, as systemd has it.
fn elapses(line: &str) -> Vec<Timestamp> {
    let output = Command::new("systemd-analyze")
        .env("TZ", "UTC")
        .env("LC_ALL", "C")
        .args(["calendar", "--base-time=2026-11-21 15:02:30 UTC", "--iterations=8", line])
        .output()
        .unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let wanted = |line: &&str| {
        line.trim_start().starts_with("Next elapse:") || line.trim_start().starts_with("Iter. #")
    };
    text.lines().filter(wanted).map(|line| moment(line.split_once(": ").unwrap().1)).collect()
}

/// `Mon 2026-11-23 00:00:00 UTC`.
fn moment(text: &str) -> Timestamp {
    let words: Vec<&str> = text.split_whitespace().collect();
    assert_eq!(words[3], "UTC", "{text}");
    format!("{}T{}Z", words[1], words[2]).parse().unwrap()
}
