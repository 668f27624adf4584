//! PostgreSQL: Switchover's own freeze as SQL for `psql`, `pg_dump` and `pg_restore` for the data, or the stream that is there.

use std::path::Path;

use switchover::action::SyncStore;
use switchover::config::ProviderSpec;
use switchover::model::SideName;
use switchover::port::SyncPurpose;
use switchover_postgres::{
    ByHand, GUARD, PostgresMethod, PostgresOptions, PostgresSide, PostgresUser, SCHEMA, SslMode,
};

use super::Hand;
use super::page::{Page, quoted};

/// A database and who logs in.
pub(super) struct Login<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) database: &'a str,
    pub(super) user: &'a PostgresUser,
    pub(super) sslmode: SslMode,
    pub(super) root_certificate: Option<&'a Path>,
}

impl<'a> Login<'a> {
    fn admin(side: &'a PostgresSide) -> Self {
        Self { user: &side.admin, ..Self::application(side) }
    }

    fn application(side: &'a PostgresSide) -> Self {
        Self {
            host: &side.host,
            port: side.port,
            database: &side.database,
            user: &side.application,
            sslmode: side.sslmode,
            root_certificate: side.root_certificate.as_deref(),
        }
    }

    fn on(self, database: &'a str) -> Self {
        Self { database, ..self }
    }

    /// A program of PostgreSQL's with this login; `options` stand behind it.
    fn call(&self, page: &mut Page, program: &str, options: &str) -> String {
        let password = match &self.user.password {
            Some(reference) => format!("PGPASSWORD=\"{}\" ", page.secret(reference)),
            None => String::new(),
        };
        let certificate = match (self.root_certificate, self.sslmode) {
            (Some(file), _) => format!(" sslrootcert={}", value(&file.display().to_string())),
            (None, SslMode::VerifyFull) => " sslrootcert=system".to_owned(),
            (None, SslMode::Require | SslMode::Disable) => String::new(),
        };
        // The host is a shell's word where it is looked up first.
        let host = if self.host.starts_with('$') { self.host.to_owned() } else { escaped(&value(self.host)) };
        let rest = format!(
            " port={} dbname={} user={} sslmode={}{certificate}",
            self.port,
            value(self.database),
            value(&self.user.user),
            self.sslmode.as_str()
        );
        format!("{password}{program} --dbname=\"host={host}{}\"{options}", escaped(&rest))
    }

    pub(super) fn psql(&self, page: &mut Page, options: &str) -> String {
        self.call(page, "psql --no-psqlrc --set ON_ERROR_STOP=1", options)
    }

    fn sql(&self, page: &mut Page, sql: &str) {
        let psql = self.psql(page, " <<'SQL'");
        page.sh(&format!("{psql}\n{sql}SQL"));
    }
}

/// A value of a connection string (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING>).
fn value(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

/// A text within double quotes of a shell.
fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| if "\"\\$`".contains(c) { vec!['\\', c] } else { vec![c] }).collect()
}

impl Hand<'_> {
    pub(super) fn freeze_postgres(&mut self, spec: &ProviderSpec, side: &SideName) {
        let Some((options, side)) = sided(spec, side) else { return };
        let grace = options.grace.0.as_secs().max(1);
        self.freeze_database(&Login::admin(&side), &Login::application(&side), grace);
    }

    pub(super) fn thaw_postgres(&mut self, spec: &ProviderSpec, side: &SideName) {
        let Some((options, side)) = sided(spec, side) else { return };
        let admin = Login::admin(&side);
        if options.method == PostgresMethod::Streaming {
            self.page.say("Nothing may flow in where clients write:");
            admin.sql(&mut self.page, DISABLE);
        }
        self.thaw_database(&admin);
    }

    /// The same freeze that Switchover makes: by its own functions in the database.
    pub(super) fn freeze_database(&mut self, admin: &Login<'_>, application: &Login<'_>, grace: u64) {
        let by_hand = ByHand::new(&admin.user.user, &self.run_by_hand(), grace);
        let file = self.install_file(&admin.user.user, &by_hand);
        self.page.say(
            "What a freeze needs, which refuses nobody yet; then the freeze, whose last line must be `held`. If it is another, repeat the freeze.",
        );
        let psql = admin.psql(&mut self.page, &format!(" --quiet --output=/dev/null --file={file}"));
        self.page.sh(&psql);
        let psql = admin.psql(&mut self.page, " --tuples-only --no-align <<'SQL'");
        self.page.sh(&format!("{psql}\n{}SQL", by_hand.freeze));
        self.page.say("Only a write that is refused proves it, tried as the application does. This must say `switchover: the database is frozen, writes are refused`:");
        application.sql(&mut self.page, &by_hand.prove);
    }

    fn install_file(&mut self, admin: &str, by_hand: &ByHand) -> String {
        let same = self.page.files.iter().find(|(_, text)| **text == by_hand.install);
        if let Some((name, _)) = same {
            return name.clone();
        }
        let plain: String = admin.chars().filter(char::is_ascii_alphanumeric).collect();
        let name = format!("freeze-{}-{plain}.sql", self.page.files.len() + 1);
        self.page.files.insert(name.clone(), by_hand.install.clone());
        name
    }

    pub(super) fn thaw_database(&mut self, admin: &Login<'_>) {
        self.page.say(&format!(
            "A database that was restored by hand has no freeze, and no schema `{SCHEMA}`: there this fails and nothing need be done."
        ));
        let thaw = ByHand::new(&admin.user.user, &self.run_by_hand(), 1).thaw;
        admin.sql(&mut self.page, &thaw);
    }

    /// Nothing flows in any more, and nobody is given a number that the lost side gave to somebody else.
    pub(super) fn take_over_postgres(&mut self, spec: &ProviderSpec, side: &SideName) {
        let Some((options, side)) = sided(spec, side) else { return };
        match options.method {
            PostgresMethod::Dump => self.page.say("Nothing to do: nothing arrives there but by a restore."),
            PostgresMethod::Streaming => {
                let admin = Login::admin(&side);
                self.page.say("Nothing that the lost side sends arrives any more, also when it is back:");
                admin.sql(&mut self.page, DISABLE);
                let gap = options.sequence_gap;
                self.page.say(&format!(
                    "Sequences are not in a stream. Each goes {gap} steps past what is known of it; one that counts down is set by hand:"
                ));
                admin.sql(&mut self.page, &sequences_past_their_tables(gap));
            }
        }
    }

    /// All of the database in a folder.
    pub(super) fn keep_postgres(&mut self, spec: &ProviderSpec, side: &SideName) {
        let Some((options, side)) = sided(spec, side) else { return };
        let jobs = options.jobs.map_or(4, std::num::NonZeroU32::get);
        let folder = quoted(&format!("{}-{}-diverged", self.run_by_hand(), side.database));
        let options = format!(" --format=directory --jobs={jobs} --compress=1 --file={folder}");
        let dump = Login::admin(&side).call(&mut self.page, "pg_dump", &options);
        self.page.sh(&format!("{dump}\npg_restore --list {folder} >/dev/null && du -sh {folder}"));
    }

    pub(super) fn sync_postgres(&mut self, spec: &ProviderSpec, sync: &SyncStore) {
        let (Some((options, from)), Some((_, to))) =
            (sided(spec, sync.direction.from()), sided(spec, sync.direction.to()))
        else {
            return;
        };
        match (options.method, sync.purpose) {
            (_, SyncPurpose::Rehearsal) => self.by_hand("a rehearsal is for Switchover itself"),
            (PostgresMethod::Dump, SyncPurpose::Routine | SyncPurpose::Final) => {
                let jobs = options.jobs.map_or(4, std::num::NonZeroU32::get);
                self.dump(&from, &to, jobs);
            }
            (PostgresMethod::Streaming, SyncPurpose::Routine) => self.by_hand(
                "the stream goes on by itself; one that is to turn round or was never set up is for `sync-data`, when Switchover is there again",
            ),
            (PostgresMethod::Streaming, SyncPurpose::Final) => self.catch_up(&from, &to, options.sequence_gap),
        }
    }

    /// A backup, restored beside the data and put in its place.
    fn dump(&mut self, from: &PostgresSide, to: &PostgresSide, jobs: u32) {
        let folder = quoted(&format!("{}-{}", self.run_by_hand(), from.database));
        let (new, old) = (format!("{}_by_hand", to.database), format!("{}_before", to.database));
        let page = &mut self.page;
        let dump = Login::admin(from).call(
            page,
            "pg_dump",
            &format!(
                " --format=directory --jobs={jobs} --compress=1 --exclude-schema={SCHEMA} --file={folder}"
            ),
        );
        page.say("Production's data into a folder that is not there yet:");
        page.sh(&dump);
        page.say("Into a new database beside the stand-by's, without the freeze of the other side:");
        let postgres = Login::admin(to).on("postgres");
        postgres.sql(page, &format!("CREATE DATABASE {} TEMPLATE template0;\n", identifier(&new)));
        let restore = Login::admin(to).on(&new).call(
            page,
            "pg_restore",
            &format!(" --exit-on-error --jobs={jobs} --use-list={folder}.list {folder}"),
        );
        page.sh(&format!("pg_restore --list {folder} | grep -v {GUARD} > {folder}.list\n{restore}"));
        page.say(&format!(
            "In its place; what was there stays as `{old}`. Clients of the stand-by lose their connections."
        ));
        postgres.sql(page, &swap_databases(&to.database, &new, &old));
    }

    /// What is on its way in the stream, then the sequences, which no stream carries.
    fn catch_up(&mut self, from: &PostgresSide, to: &PostgresSide, gap: u32) {
        let page = &mut self.page;
        page.say(
            "Production's last position, and how far the stand-by is: repeat it until `bytes_to_come` is 0.",
        );
        Login::admin(from).sql(page, LAG);
        page.say(&format!("Sequences are not in a stream. Each is set {gap} ahead, for what clients may still take from the old side:"));
        let read = Login::admin(from).psql(page, " --tuples-only --no-align --command=");
        let write = Login::admin(to).psql(page, " --quiet --tuples-only");
        page.sh(&format!("{read}\"{}\" | {write}", escaped(&sequences(gap))));
    }
}

/// Physical replication's own slots are none of a stream's.
const LAG: &str = "SELECT s.slot_name, pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), s.confirmed_flush_lsn) AS bytes_to_come\n\
    FROM pg_catalog.pg_replication_slots s WHERE s.slot_type = 'logical' AND s.database = pg_catalog.current_database() AND s.active;\n";

const DISABLE: &str = "SELECT pg_catalog.format('ALTER SUBSCRIPTION %I DISABLE', s.subname) FROM pg_catalog.pg_subscription s\n\
    JOIN pg_catalog.pg_database d ON d.oid = s.subdbid WHERE d.datname = pg_catalog.current_database() AND s.subenabled\n\\gexec\n";

fn sequences(gap: u32) -> String {
    format!(
        "SELECT pg_catalog.format('SELECT pg_catalog.setval(%L, %s);', pg_catalog.format('%I.%I', schemaname, sequencename), \
         greatest(least(last_value + increment_by * {gap}, max_value), min_value)) \
         FROM pg_catalog.pg_sequences WHERE last_value IS NOT NULL AND schemaname <> '{SCHEMA}'"
    )
}

/// Statements that set each sequence past its own value and past the greatest key of the column that it feeds.
fn sequences_past_their_tables(gap: u32) -> String {
    format!(
        "SELECT pg_catalog.format('SELECT pg_catalog.setval(%L, least(greatest(%s, %s) + %s, %s));', pg_catalog.format('%I.%I', s.schemaname, s.sequencename),\n  \
         CASE WHEN a.attname IS NULL THEN '0' ELSE pg_catalog.format('(SELECT coalesce(max(%I), 0) FROM %I.%I)', a.attname, tn.nspname, t.relname) END,\n  \
         coalesce(s.last_value, s.start_value), s.increment_by * {gap}, s.max_value)\n\
         FROM pg_catalog.pg_sequences s JOIN pg_catalog.pg_namespace n ON n.nspname = s.schemaname\n\
         JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = s.sequencename AND c.relkind = 'S'\n\
         LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid\n  \
         AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')\n\
         LEFT JOIN pg_catalog.pg_class t ON t.oid = d.refobjid LEFT JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace\n\
         LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid\n\
         WHERE s.increment_by > 0 AND s.schemaname <> '{SCHEMA}'\n\\gexec\n"
    )
}

fn swap_databases(name: &str, new: &str, old: &str) -> String {
    let (database, new, old) = (identifier(name), identifier(new), identifier(old));
    let literal = name.replace('\'', "''");
    format!(
        "ALTER DATABASE {database} ALLOW_CONNECTIONS false;\n\
         SELECT pg_catalog.count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity WHERE datname = '{literal}';\n\
         SELECT pg_catalog.pg_sleep(1);\n\
         ALTER DATABASE {database} RENAME TO {old};\nALTER DATABASE {new} RENAME TO {database};\n"
    )
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn sided(spec: &ProviderSpec, side: &SideName) -> Option<(PostgresOptions, PostgresSide)> {
    let options: PostgresOptions = spec.options().ok()?;
    let side = options.sides.get(side.as_str())?.clone();
    Some((options, side))
}
