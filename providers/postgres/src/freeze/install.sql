-- What a freeze needs in the database. Run as one transaction, as often as one likes; {admin} is the admin's name as a literal.
SELECT pg_advisory_xact_lock(7305809174227321);

CREATE SCHEMA IF NOT EXISTS switchover;
REVOKE ALL ON SCHEMA switchover FROM PUBLIC;

-- Until when clients are refused, in microseconds since 1970; 1: not at all; the largest value: without end.
-- A sequence, because every transaction reads its value of this moment: a row would show a REPEATABLE READ transaction that is older than
-- the freeze what was true before. Who has read it holds a lock on it until its transaction ends, so that a freeze sees whom to wait for.
CREATE SEQUENCE IF NOT EXISTS switchover.register AS bigint MINVALUE 1 START WITH 1;

-- run: who froze, or is about to (held: it was told that it did). opened: whether clients could write since data was last known to be equal.
-- copied: what this side got by its latest sync. handed: what this side gave away by a final sync.
CREATE TABLE IF NOT EXISTS switchover.state (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    run text,
    held boolean NOT NULL DEFAULT false,
    opened boolean NOT NULL DEFAULT true,
    copied text,
    handed text
);
-- The timeline of a server whose replicas stay frozen when they are promoted, while it is frozen itself.
ALTER TABLE switchover.state ADD COLUMN IF NOT EXISTS timeline text;
INSERT INTO switchover.state DEFAULT VALUES ON CONFLICT DO NOTHING;

-- Runs whose freeze ended by itself. None of them ever gets another.
CREATE TABLE IF NOT EXISTS switchover.lapsed (run text PRIMARY KEY, moment bigint NOT NULL);

-- Who may execute the functions that write large objects, while they may not. No trigger can see those writes.
CREATE TABLE IF NOT EXISTS switchover.executors (executed text, grantee text, PRIMARY KEY (executed, grantee));

-- Rows that travel with the stream: who sees one on the other side knows that everything committed before it is there, too.
CREATE TABLE IF NOT EXISTS switchover.mark (id text PRIMARY KEY, moment bigint NOT NULL);

CREATE OR REPLACE FUNCTION switchover.micros() RETURNS bigint LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
    AS $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint $$;

-- The timeline on which this server writes: a new one since a replica was promoted.
CREATE OR REPLACE FUNCTION switchover.timeline() RETURNS text LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
    AS $$ SELECT left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) $$;

-- Whether this server was a replica of one that was frozen together with its replicas. The lease that stands here was the other's.
CREATE OR REPLACE FUNCTION switchover.inherited() RETURNS boolean LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
    AS $$ SELECT EXISTS (SELECT FROM switchover.state WHERE timeline <> switchover.timeline()) $$;

CREATE OR REPLACE FUNCTION switchover.close_executors() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one record;
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(7305809174227322);
    FOR one IN
        SELECT p.oid::regprocedure::text AS executed,
               CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee
        FROM pg_proc p CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND a.privilege_type = 'EXECUTE' AND a.grantee <> p.proowner
          AND p.proname IN ('lo_creat', 'lo_create', 'lo_from_bytea', 'lo_import', 'lo_put', 'lo_truncate', 'lo_truncate64',
                            'lo_unlink', 'lowrite')
    LOOP
        INSERT INTO switchover.executors VALUES (one.executed, one.grantee) ON CONFLICT DO NOTHING;
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM %s', one.executed, one.grantee);
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION switchover.open_executors() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one record;
BEGIN
    FOR one IN DELETE FROM switchover.executors RETURNING executed, grantee LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', one.executed, one.grantee);
    END LOOP;
END $$;

-- Refuses whoever is not the admin while a freeze is on. The first who writes after one has run out gives the large objects back.
CREATE OR REPLACE FUNCTION switchover.judge(until bigint) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF session_user = {admin} THEN
        RETURN;
    END IF;
    IF until > switchover.micros() OR switchover.inherited() THEN
        RAISE EXCEPTION 'switchover: the database is frozen, writes are refused' USING ERRCODE = '25006',
            HINT = 'The roles are being swapped, or this is the stand-by. Write to the production.';
    END IF;
    IF EXISTS (SELECT FROM switchover.executors) AND pg_try_advisory_xact_lock(7305809174227322) THEN
        BEGIN
            PERFORM switchover.open_executors();
        EXCEPTION WHEN OTHERS THEN
            NULL; -- The next one will; a client's write never fails for this.
        END;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION switchover.refuse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    until bigint;
BEGIN
    SELECT last_value INTO until FROM switchover.register;
    IF until > 1 THEN
        PERFORM switchover.judge(until);
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION switchover.refuse_ddl() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    until bigint;
BEGIN
    SELECT last_value INTO until FROM switchover.register;
    IF until > 1 THEN
        PERFORM switchover.judge(until);
    END IF;
END $$;

-- Renews the freeze of a run that holds it, or makes the run the one that is about to freeze.
CREATE OR REPLACE FUNCTION switchover.take(by text, lease bigint, OUT outcome text, OUT moment bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was switchover.state;
    until bigint;
    reached bigint;
BEGIN
    SELECT * INTO was FROM switchover.state FOR UPDATE;
    SELECT last_value INTO until FROM switchover.register;
    reached := switchover.micros();
    SELECT l.moment INTO moment FROM switchover.lapsed l WHERE l.run = by;
    IF FOUND THEN
        outcome := 'lapsed';
        RETURN;
    END IF;
    IF was.run = by AND was.held AND until > reached THEN
        PERFORM setval('switchover.register', coalesce(reached + lease, 9223372036854775807));
        -- It was in force when it was set only if it still would be now.
        IF switchover.micros() < until THEN
            outcome := 'renewed';
            RETURN;
        END IF;
        PERFORM setval('switchover.register', until);
        reached := until;
    END IF;
    IF until > 1 AND until <= reached THEN
        IF was.held THEN
            INSERT INTO switchover.lapsed VALUES (was.run, until) ON CONFLICT DO NOTHING;
        END IF;
        UPDATE switchover.state SET opened = true;
        IF was.run = by AND was.held THEN
            outcome := 'lapsed';
            moment := until;
            RETURN;
        END IF;
    END IF;
    UPDATE switchover.state SET run = by, held = false, opened = opened OR until <= reached;
    outcome := 'taken';
END $$;

-- Makes the freeze that came with the data of another server this one's own: what became of the other's lease says nothing about a copy.
-- Refuses clients for a short while, until `hold`.
CREATE OR REPLACE FUNCTION switchover.adopt(by text, short bigint) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was switchover.state;
    until bigint;
BEGIN
    SELECT * INTO was FROM switchover.state FOR UPDATE;
    SELECT last_value INTO until FROM switchover.register;
    IF was.run = by AND was.held AND until = 9223372036854775807 AND NOT switchover.inherited() THEN
        RETURN;
    END IF;
    PERFORM setval('switchover.register', switchover.micros() + short);
    DELETE FROM switchover.lapsed;
    -- The timeline stays until it is held: whoever is promoted refuses clients in between, however long that takes.
    UPDATE switchover.state SET run = by, held = false, opened = true, copied = NULL, handed = NULL;
END $$;

-- Refuses clients from now on, for a short while; what was under way goes on.
CREATE OR REPLACE FUNCTION switchover.arm(by text, short bigint) RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    holder text;
    until bigint;
BEGIN
    SELECT run INTO holder FROM switchover.state FOR UPDATE;
    IF holder IS DISTINCT FROM by THEN
        RETURN 'lost';
    END IF;
    SELECT last_value INTO until FROM switchover.register;
    IF until < switchover.micros() + short THEN
        PERFORM setval('switchover.register', switchover.micros() + short);
    END IF;
    PERFORM switchover.close_executors();
    RETURN CASE WHEN until > 1 AND until <= switchover.micros() THEN 'lapsed' ELSE 'armed' END;
END $$;

-- Says that everybody is refused, for as long as was asked for; with `replicas`, every replica too, from its promotion on and without end.
DROP FUNCTION IF EXISTS switchover.hold(text, bigint);
CREATE OR REPLACE FUNCTION switchover.hold(by text, lease bigint, replicas boolean) RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    holder text;
    until bigint;
    reached bigint;
BEGIN
    SELECT run INTO holder FROM switchover.state FOR UPDATE;
    IF holder IS DISTINCT FROM by THEN
        RETURN 'lost';
    END IF;
    SELECT last_value INTO until FROM switchover.register;
    reached := switchover.micros();
    IF until <= reached THEN
        RETURN 'lapsed';
    END IF;
    PERFORM setval('switchover.register', coalesce(reached + lease, 9223372036854775807));
    IF switchover.micros() >= until THEN
        PERFORM setval('switchover.register', until);
        RETURN 'lapsed';
    END IF;
    UPDATE switchover.state SET held = true, timeline = CASE WHEN replicas THEN switchover.timeline() END;
    RETURN 'held';
END $$;

-- Says that clients may write, before they can: `release` lets them.
CREATE OR REPLACE FUNCTION switchover.open() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was switchover.state;
    until bigint;
BEGIN
    SELECT * INTO was FROM switchover.state FOR UPDATE;
    SELECT last_value INTO until FROM switchover.register;
    IF was.held AND until > 1 AND until <= switchover.micros() THEN
        INSERT INTO switchover.lapsed VALUES (was.run, until) ON CONFLICT DO NOTHING;
    END IF;
    UPDATE switchover.state SET run = NULL, held = false, opened = true, timeline = NULL;
    PERFORM pg_advisory_xact_lock(7305809174227322);
    PERFORM switchover.open_executors();
END $$;

CREATE OR REPLACE FUNCTION switchover.release() RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    holder text;
BEGIN
    SELECT run INTO holder FROM switchover.state FOR UPDATE;
    IF holder IS NOT NULL THEN
        RETURN false;
    END IF;
    PERFORM setval('switchover.register', 1);
    RETURN true;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA switchover FROM PUBLIC;

DO $$
BEGIN
    IF (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'switchover') <> {admin} THEN
        RAISE EXCEPTION 'the schema "switchover" belongs to somebody else than the admin' USING ERRCODE = '42501';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'switchover_freeze' AND evtenabled = 'O') THEN
        DROP EVENT TRIGGER IF EXISTS switchover_freeze;
        CREATE EVENT TRIGGER switchover_freeze ON ddl_command_start EXECUTE FUNCTION switchover.refuse_ddl();
    END IF;
END $$;

COMMENT ON SCHEMA switchover IS {version};
