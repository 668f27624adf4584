//! A systemd service and the timer that starts it.

use std::path::PathBuf;

use super::{Job, UnitError, absolute, calendar, user, zone_name};

/// What a service needs to know of the machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    /// The user; root if none is named.
    pub user: Option<String>,
    /// A file of `NAME=value` lines with the secrets that the configuration takes from the environment.
    pub environment_file: Option<PathBuf>,
    /// The folders that a sync writes to: the journal, the backups, the files of the stand-by. If some are named, all else is read-only.
    pub writable: Vec<PathBuf>,
}

/// Two unit files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Systemd {
    /// The name of both, without `.service` and `.timer`.
    pub name: String,
    /// The text of the service.
    pub service: String,
    /// The text of the timer.
    pub timer: String,
}

/// What keeps a sync away from the rest of the machine, and does not keep it from its work: files keep their owners and modes, and
/// `~/.pgpass` and `~/.aws` are read. No `UMask`: it would decide who can read the files on the stand-by.
const HARDENING: &str = "\
NoNewPrivileges=yes
PrivateDevices=yes
ProtectHome=read-only
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
SystemCallArchitectures=native
";

/// The unit files for a job.
pub fn systemd(job: &Job, host: &Host) -> Result<Systemd, UnitError> {
    Ok(Systemd { name: name(job), service: service(job, host)?, timer: timer(job) })
}

/// `switchover-sync-PAIR-ENVIRONMENT-STORE`: names have no characters that a unit's name cannot have.
fn name(job: &Job) -> String {
    let stores = job.stores.iter().map(|store| format!("-{}-{}", store.environment, store.store));
    // A unit's name may have 255 characters with its suffix.
    format!("switchover-sync-{}{}", job.pair, stores.collect::<String>()).chars().take(240).collect()
}

fn service(job: &Job, host: &Host) -> Result<String, UnitError> {
    let command = command(&job.words()?)?;
    let user = host.user.as_deref().map(|name| user(name, "a unit")).transpose()?;
    let user = user.map(|user| format!("User={user}\n")).unwrap_or_default();
    let environment = match &host.environment_file {
        Some(path) => format!("EnvironmentFile={}\n", absolute(path)?.replace('%', "%%")),
        None => String::new(),
    };
    Ok(format!(
        "[Unit]\n\
         Description={}\n\
         Wants=network-online.target\n\
         After=network-online.target\n\
         \n\
         [Service]\n\
         Type=oneshot\n\
         ExecStart={command}\n\
         {user}{environment}\
         # What a sync started dies with it.\n\
         KillMode=control-group\n\
         {}{HARDENING}",
        job.purpose(),
        writable(host)?,
    ))
}

fn command(words: &[String]) -> Result<String, UnitError> {
    let [program, arguments @ ..] = words else { return Ok(String::new()) };
    if program.contains(['"', '\'', '\\']) {
        let why = "systemd starts no program whose path holds quotes or backslashes";
        return Err(UnitError::Text { text: program.escape_debug().to_string(), place: "a unit", why });
    }
    // No variables are looked for in the program's path, so there a `$` stands for itself.
    let arguments = arguments.iter().map(|word| quoted(word, "$$"));
    Ok([quoted(program, "$")].into_iter().chain(arguments).collect::<Vec<_>>().join(" "))
}

fn writable(host: &Host) -> Result<String, UnitError> {
    if host.writable.is_empty() {
        return Ok("ProtectSystem=full\n".into());
    }
    let paths = host.writable.iter().map(|path| Ok(quoted(&absolute(path)?, "$")));
    let paths = paths.collect::<Result<Vec<_>, UnitError>>()?;
    Ok(format!("ProtectSystem=strict\nReadWritePaths={}\n", paths.join(" ")))
}

fn timer(job: &Job) -> String {
    let lines = calendar::on_calendar(job.schedule.expression(), &zone_name(job));
    let lines = lines.iter().map(|line| format!("OnCalendar={line}\n")).collect::<Vec<_>>().concat();
    let jitter = job.jitter.as_secs();
    let jitter = match jitter {
        0 => String::new(),
        seconds => format!("RandomizedDelaySec={seconds}\nFixedRandomDelay=yes\n"),
    };
    format!(
        "[Unit]\n\
         Description={}, at {}\n\
         \n\
         [Timer]\n\
         {lines}\
         {jitter}\
         # One run after the machine was off at its time.\n\
         Persistent=yes\n\
         AccuracySec=1s\n\
         \n\
         [Install]\n\
         WantedBy=timers.target\n",
        job.purpose(),
        job.schedule,
    )
}

/// A word as systemd.service(5) reads it: quotes and backslashes as in C, `%` doubled, and `$` as given.
fn quoted(word: &str, dollar: &str) -> String {
    let escaped = word.replace('\\', r"\\").replace('"', "\\\"").replace('%', "%%").replace('$', dollar);
    let plain = |c: char| c.is_ascii_alphanumeric() || "/.-_=:@+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) { escaped } else { format!("\"{escaped}\"") }
}
