//! Ways around a freeze that clients may try.

/// Everything a client could write to: plain, referenced with a cascade, partitioned, inherited, behind a view, by a function.
pub(crate) const RICH: &str = "CREATE TABLE entries (key text PRIMARY KEY, value text NOT NULL);
    CREATE TABLE children (id serial PRIMARY KEY, entry text REFERENCES entries ON DELETE CASCADE ON UPDATE CASCADE);
    CREATE TABLE parted (id int, part int) PARTITION BY LIST (part);
    CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
    CREATE TABLE parted_other PARTITION OF parted DEFAULT;
    CREATE TABLE heir (more int) INHERITS (entries);
    CREATE UNLOGGED TABLE scratch (x int);
    CREATE VIEW shown AS SELECT * FROM entries;
    CREATE MATERIALIZED VIEW kept AS SELECT * FROM entries;
    CREATE FUNCTION definer() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ INSERT INTO entries VALUES ('definer', 'x') $$;
    CREATE PROCEDURE committing() LANGUAGE plpgsql AS $$ BEGIN COMMIT; INSERT INTO entries VALUES ('committing', 'x'); COMMIT; END $$;
    INSERT INTO entries VALUES ('a', '1'), ('b', '2');
    INSERT INTO children (entry) VALUES ('a')";

pub(crate) const ESCAPES: &[&str] = &[
    "INSERT INTO entries VALUES ('x', 'x')",
    "BEGIN READ WRITE; INSERT INTO entries VALUES ('x', 'x'); COMMIT",
    "SET default_transaction_read_only = off; UPDATE entries SET value = 'x'",
    "SET transaction_read_only = off; UPDATE entries SET value = 'x'",
    "DELETE FROM entries WHERE key = 'a'",
    "UPDATE entries SET key = 'z' WHERE key = 'a'",
    "TRUNCATE entries CASCADE",
    "COPY entries FROM PROGRAM 'true'; INSERT INTO entries VALUES ('x', 'x')",
    "WITH gone AS (DELETE FROM children RETURNING id) SELECT * FROM gone",
    "MERGE INTO entries e USING (VALUES ('a')) v (k) ON e.key = v.k WHEN MATCHED THEN UPDATE SET value = 'x'",
    "INSERT INTO parted VALUES (1, 1)",
    "INSERT INTO parted_1 VALUES (1, 1)",
    "INSERT INTO heir VALUES ('x', 'x', 1)",
    "INSERT INTO scratch VALUES (1)",
    "INSERT INTO shown VALUES ('x', 'x')",
    "SELECT definer()",
    "CALL committing()",
    "DO $$ BEGIN EXECUTE 'INSERT INTO entries VALUES (''x'', ''x'')'; END $$",
    "REFRESH MATERIALIZED VIEW kept",
    "ALTER TABLE entries DISABLE TRIGGER ALL",
    "ALTER TABLE entries DISABLE TRIGGER USER",
    "DROP TRIGGER switchover_freeze ON entries",
    "ALTER TRIGGER switchover_freeze ON entries RENAME TO x",
    "DROP TABLE entries CASCADE",
    "ALTER TABLE entries ADD COLUMN y int",
    "ALTER TABLE parted DETACH PARTITION parted_1",
    "CREATE TABLE loot (x int)",
    "CREATE TABLE loot AS SELECT * FROM entries",
    "SELECT * INTO loot FROM entries",
    "CREATE FUNCTION x() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE OR REPLACE VIEW shown AS SELECT 1 AS one",
    "GRANT ALL ON entries TO PUBLIC",
    "COMMENT ON TABLE entries IS 'x'",
    "DROP SCHEMA public CASCADE",
    "ALTER SEQUENCE children_id_seq RESTART",
];

/// Refused for lack of a right, freeze or not: none of them leads around it.
pub(crate) const FORBIDDEN: &[&str] = &[
    "SET session_replication_role = replica",
    "SET SESSION AUTHORIZATION boss",
    "SET ROLE boss",
    "DROP EVENT TRIGGER switchover_freeze",
    "ALTER EVENT TRIGGER switchover_freeze DISABLE",
    "SELECT setval('switchover.register', 1)",
    "UPDATE switchover.state SET run = NULL",
    "SELECT switchover.open()",
    "SELECT switchover.release()",
    "SELECT pg_catalog.lo_create(0)",
    "SELECT pg_catalog.lo_from_bytea(0, 'x')",
    "SELECT pg_catalog.lo_creat(-1)",
    "ALTER DATABASE gigadb_test SET session_replication_role = replica",
    "CREATE SCHEMA pg_evil",
];
