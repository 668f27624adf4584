//! What arrives beside rows: roles, rights, sequences, large objects, extensions, the database's own settings. And what must not.

use switchover::model::Verification;
use switchover::port::{Access, Advance, Overseer, Store, SyncOrder, SyncPurpose};
use switchover_tests::contract::store::{Watcher, order};

use super::harness::{Harness, databases, standing};
use crate::support::{A, B, DATABASE, app, boss, connect, port};

const RICH: &str = "
    CREATE TABLE entries (key text PRIMARY KEY, value text NOT NULL);
    CREATE SCHEMA \"Odd Name\";
    CREATE TABLE \"Odd Name\".\"a table; DROP\" (id int GENERATED ALWAYS AS IDENTITY, doubled int GENERATED ALWAYS AS (1 + 1) STORED, data jsonb, at timestamptz DEFAULT now());
    INSERT INTO \"Odd Name\".\"a table; DROP\" (data) SELECT jsonb_build_object('n', n, 'text', repeat(chr(228), n)) FROM generate_series(1, 50) n;
    CREATE TABLE parted (id int, at date) PARTITION BY RANGE (at);
    CREATE TABLE parted_2026 PARTITION OF parted FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
    INSERT INTO parted SELECT n, '2026-01-01'::date + n FROM generate_series(1, 100) n;
    CREATE TABLE doubles (value float8, binary_value bytea, odd text);
    INSERT INTO doubles VALUES (0.1 + 0.2, '\\x00ff', E'a\\nb\\t\\\\'), ('NaN', NULL, ''), (0.1 + 0.2, '\\x00ff', E'a\\nb\\t\\\\');
    CREATE SEQUENCE downwards INCREMENT -1;
    SELECT nextval('downwards'), nextval('downwards'), nextval('downwards');
    CREATE SEQUENCE never;
    CREATE VIEW seen AS SELECT count(*) FROM entries;
    CREATE MATERIALIZED VIEW stored AS SELECT count(*) AS n FROM parted;
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
    CREATE TRIGGER touch BEFORE INSERT ON entries FOR EACH ROW EXECUTE FUNCTION touch();
    INSERT INTO entries SELECT n::text, md5(n::text) FROM generate_series(1, 1000) n;
";

/// What a superuser gives the source, in its own database and beside it.
const GRANTED: &str = "
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE TABLE owned (id int);
    ALTER TABLE owned OWNER TO missing_owner;
    GRANT SELECT ON entries TO missing_reader WITH GRANT OPTION;
    CREATE PUBLICATION theirs FOR TABLE entries;
    SELECT lo_from_bytea(900001, '\\xdeadbeef');
    ALTER LARGE OBJECT 900001 OWNER TO app;
";

async fn one(side: &str, sql: &str) -> String {
    let row = boss(side).await.query_one(&format!("SELECT ({sql})::text"), &[]).await.unwrap();
    row.get::<_, Option<String>>(0).unwrap_or_else(|| "NULL".into())
}

async fn root(side: &str, statements: &[String]) {
    let client = connect(port(side), "boss", "postgres").await;
    for statement in statements {
        client.batch_execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

/// Roles belong to a cluster, so a test before may have left them.
async fn forget_roles() {
    for side in [A, B] {
        let names = ["missing_owner", "missing_reader", "missing_group", "missing_login"];
        root(side, &names.map(|name| format!("DROP ROLE IF EXISTS {name}"))).await;
    }
}

fn rich() -> Harness {
    let harness = Harness::with(RICH);
    harness.run(async {
        forget_roles().await;
        let database = [
            "CREATE ROLE missing_owner NOLOGIN NOINHERIT".into(),
            "CREATE ROLE missing_group".into(),
            "CREATE ROLE missing_reader IN ROLE missing_group".into(),
            "CREATE ROLE missing_login LOGIN SUPERUSER IN ROLE missing_reader".into(),
            format!("ALTER DATABASE {DATABASE} SET work_mem = '7MB'"),
            format!("ALTER DATABASE {DATABASE} SET search_path = \"$user\", public, \"Odd Name\""),
            format!("ALTER ROLE app IN DATABASE {DATABASE} SET statement_timeout = '77s'"),
            format!("COMMENT ON DATABASE {DATABASE} IS 'it''s ours'"),
            format!("GRANT CREATE ON DATABASE {DATABASE} TO missing_reader"),
            format!("ALTER DATABASE {DATABASE} CONNECTION LIMIT 55"),
        ];
        root(A, &database).await;
        boss(A).await.batch_execute(GRANTED).await.unwrap();
    });
    harness
}

async fn synced(harness: &Harness, order: &SyncOrder) -> Vec<String> {
    harness.dump().sync(order, &Watcher::lenient()).await.unwrap().notes
}

#[test]
fn everything_of_a_database_arrives() {
    let harness = rich();
    harness.run(async {
        let (production, ..) = standing();
        let order = SyncOrder { verify: Verification::Content, ..order(&production, SyncPurpose::Routine, 1) };
        let notes = synced(&harness, &order).await;
        assert!(notes.iter().any(|note| note.contains("missing_login was missing on sydney")), "{notes:?}");
        for sql in [
            "SELECT string_agg(format('%s %s %s', n.nspname, c.relname, pg_get_userbyid(c.relowner)), ',' ORDER BY n.nspname, c.relname) \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ('public', 'Odd Name')",
            "SELECT string_agg(e::text, ',' ORDER BY key) FROM entries e",
            "SELECT string_agg(d::text, ',' ORDER BY id) FROM \"Odd Name\".\"a table; DROP\" d",
            "SELECT string_agg(d::text, ',' ORDER BY d::text) FROM doubles d",
            "SELECT relacl FROM pg_class WHERE relname = 'entries'",
            "SELECT last_value FROM downwards",
            "SELECT is_called FROM never",
            "SELECT n FROM stored",
            "SELECT encode(lo_get(900001), 'hex')",
            "SELECT pg_get_userbyid(lomowner) FROM pg_largeobject_metadata WHERE oid = 900001",
            "SELECT string_agg(extname, ',' ORDER BY extname) FROM pg_extension",
            "SELECT string_agg(tgname, ',' ORDER BY tgname) FROM pg_trigger WHERE NOT tgisinternal AND tgname <> 'switchover_freeze'",
            "SELECT string_agg(pubname, ',') FROM pg_publication",
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()",
            "SELECT format('%s %s %s %s', encoding, datcollate, datconnlimit, pg_get_userbyid(datdba)) FROM pg_database WHERE datname = current_database()",
            "SELECT string_agg(a::text, ',' ORDER BY a::text) FROM pg_database, unnest(datacl) a WHERE datname = current_database()",
            "SELECT string_agg(s::text, ',' ORDER BY s::text) FROM (SELECT r.rolname, c FROM pg_db_role_setting d \
             LEFT JOIN pg_roles r ON r.oid = d.setrole, unnest(setconfig) c WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())) s",
            "SELECT string_agg(format('%s in %s', pg_get_userbyid(member), pg_get_userbyid(roleid)), ',' ORDER BY pg_get_userbyid(member), pg_get_userbyid(roleid)) FROM pg_auth_members \
             WHERE pg_get_userbyid(member) LIKE 'missing%'",
        ] {
            assert_eq!(one(B, sql).await, one(A, sql).await, "{sql}");
        }
    });
}

#[test]
fn roles_are_created_without_login_and_never_as_superusers_and_are_otherwise_left_alone() {
    let harness = rich();
    harness.run(async {
        root(B, &["CREATE ROLE missing_reader LOGIN CREATEDB".into()]).await;
        let (production, ..) = standing();
        synced(&harness, &order(&production, SyncPurpose::Routine, 1)).await;
        let of = "SELECT string_agg(format('%s %s %s %s', rolname, rolcanlogin, rolsuper, rolcreatedb), ',' ORDER BY rolname) \
            FROM pg_roles WHERE rolname LIKE 'missing%'";
        assert_eq!(
            one(B, of).await,
            "missing_group f f f,missing_login f f f,missing_owner f f f,missing_reader t f t"
        );
        assert_eq!(one(B, "SELECT rolpassword IS NULL FROM pg_authid WHERE rolname = 'missing_login'").await, "true");
    });
}

#[test]
fn what_freezes_the_source_does_not_arrive_and_the_copy_has_its_own() {
    let harness = Harness::new();
    harness.run(async {
        let (production, standby, _) = standing();
        app(A).await.batch_execute("INSERT INTO entries VALUES ('a', '1')").await.unwrap();
        boss(A)
            .await
            .batch_execute("SELECT lo_from_bytea(900002, '\\x01'); ALTER LARGE OBJECT 900002 OWNER TO app")
            .await
            .unwrap();
        let store = harness.dump();
        let order = order(&production, SyncPurpose::Final, 1);
        let freeze = switchover::port::FreezeOrder { by: order.run.clone(), lease: None };
        store.freeze(&production, &freeze).await.unwrap();
        boss(A).await.batch_execute("CREATE TABLE switchover.secret_of_hongkong (x int)").await.unwrap();
        let done = store.sync(&order, &Watcher::lenient()).await.unwrap();
        assert!(done.copied.complete);
        assert_eq!(one(B, "SELECT to_regclass('switchover.secret_of_hongkong')").await, "NULL");
        let seen = store.inspect(switchover::port::Depth::Glance).await.unwrap();
        assert_eq!(seen.sides[&standby].access, Access::Frozen { by: order.run.clone(), until: None });
        assert_eq!(seen.sides[&standby].copied.as_ref(), Some(&done.copied));
        store.prove_frozen(&standby).await.unwrap();
        assert!(app(B).await.execute("INSERT INTO entries VALUES ('b', '1')", &[]).await.is_err());

        // Thawed, it takes writes again: large objects too, whose functions the source's freeze had taken away.
        store.thaw(&standby).await.unwrap();
        let client = app(B).await;
        client.batch_execute("INSERT INTO entries VALUES ('b', '1')").await.unwrap();
        client.batch_execute("SELECT lo_put(900002, 0, '\\x02'); SELECT lo_creat(-1)").await.unwrap();
    });
}

#[test]
fn the_earlier_database_is_kept_until_the_next_success_and_no_longer() {
    let harness = Harness::new();
    harness.run(async {
        let (production, ..) = standing();
        app(A).await.batch_execute("INSERT INTO entries VALUES ('a', '1')").await.unwrap();
        app(B).await.batch_execute("INSERT INTO entries VALUES ('of old', '1')").await.unwrap();
        for number in 1..4 {
            synced(&harness, &order(&production, SyncPurpose::Routine, number)).await;
            assert_eq!(
                databases(B).await,
                [DATABASE.to_owned(), format!("{DATABASE}_before_20261121120{number}")]
            );
            let kept = connect(port(B), "boss", &format!("{DATABASE}_before_20261121120{number}")).await;
            let rows = kept.query("SELECT key FROM entries", &[]).await.unwrap();
            let keys: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
            assert_eq!(keys, [if number == 1 { "of old" } else { "a" }]);
        }
        // Somebody else's database with such a name is nobody's business.
        root(
            B,
            &[
                format!("CREATE DATABASE {DATABASE}_before_20200101"),
                format!("CREATE DATABASE {DATABASE}_20200101_0123abcd"),
            ],
        )
        .await;
        synced(&harness, &order(&production, SyncPurpose::Routine, 4)).await;
        assert_eq!(
            databases(B).await,
            [
                DATABASE.to_owned(),
                format!("{DATABASE}_20200101_0123abcd"),
                format!("{DATABASE}_before_20200101"),
                format!("{DATABASE}_before_202611211204")
            ]
        );
    });
}

#[test]
fn clients_that_stay_connected_do_not_keep_the_copy_from_its_place() {
    let harness = Harness::new();
    harness.run(async {
        let (production, ..) = standing();
        app(A).await.batch_execute("INSERT INTO entries VALUES ('a', '1')").await.unwrap();
        // Readers that come back at once, whenever they are ended, and one that sits in a transaction.
        let sitting = app(B).await;
        sitting.batch_execute("BEGIN; SELECT count(*) FROM entries").await.unwrap();
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let stop = std::sync::Arc::clone(&stop);
                tokio::spawn(async move {
                    let (mut served, mut refused) = (0_u32, 0_u32);
                    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                        match read_once().await {
                            Ok(()) => served += 1,
                            Err(()) => refused += 1,
                        }
                    }
                    (served, refused)
                })
            })
            .collect();
        for number in 1..3 {
            synced(&harness, &order(&production, SyncPurpose::Routine, number)).await;
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        for reader in readers {
            let (served, refused) = reader.await.unwrap();
            assert!(served > refused, "a reader was served {served} times and refused {refused} times");
        }
        assert!(sitting.is_closed() || sitting.batch_execute("SELECT 1").await.is_err());
    });
}

async fn read_once() -> Result<(), ()> {
    let text = format!(
        "host=127.0.0.1 port={} user=app dbname={DATABASE} password={}",
        port(B),
        crate::support::variable("SWITCHOVER_PG_PASSWORD")
    );
    let (client, connection) = tokio_postgres::connect(&text, tokio_postgres::NoTls).await.map_err(drop)?;
    let driver = tokio::spawn(async move { drop(connection.await) });
    let mut end = Ok(());
    for _ in 0..20 {
        end = client.query("SELECT count(*) FROM entries", &[]).await.map(drop).map_err(drop);
        if end.is_err() {
            break;
        }
    }
    driver.abort();
    end
}

/// Writes to production whenever it hears of progress: in the middle of everything.
#[derive(Debug)]
struct Busy(tokio::sync::mpsc::UnboundedSender<()>);

#[async_trait::async_trait]
impl Overseer for Busy {
    fn advance(&self, _: &Advance) {
        let _ = self.0.send(());
    }

    async fn permit(&self) -> Result<(), switchover::port::DataError> {
        Ok(())
    }
}

#[test]
fn a_copy_is_of_one_moment_although_production_writes_on() {
    let harness = Harness::with(
        "CREATE TABLE entries (key text PRIMARY KEY, value text NOT NULL); CREATE TABLE second (key text PRIMARY KEY); \
         INSERT INTO entries SELECT n::text, '' FROM generate_series(1, 20000) n; INSERT INTO second SELECT key FROM entries",
    );
    harness.run(async {
        let (production, ..) = standing();
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let writer = {
            let stop = std::sync::Arc::clone(&stop);
            tokio::spawn(async move {
                let client = app(A).await;
                let mut written = 0_u32;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    // Always in both tables or in none.
                    let sql = format!("BEGIN; INSERT INTO entries VALUES ('w{written}', ''); INSERT INTO second VALUES ('w{written}'); COMMIT");
                    client.batch_execute(&sql).await.unwrap();
                    written += 1;
                }
                written
            })
        };
        let order = SyncOrder { verify: Verification::Content, ..order(&production, SyncPurpose::Routine, 1) };
        harness.dump().sync(&order, &Busy(sender)).await.unwrap();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(writer.await.unwrap() > 0);
        assert!(receiver.recv().await.is_some());
        let difference = "SELECT count(*) FROM entries FULL JOIN second USING (key) WHERE entries.key IS NULL OR second.key IS NULL";
        assert_eq!(one(B, difference).await, "0");
        assert_ne!(one(B, "SELECT count(*) FROM entries").await, one(A, "SELECT count(*) FROM entries").await);
    });
}
