-- Puts a guard at every table that has none, one transaction each: a table whose lock cannot be had at once is left for the next call.
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN {tables} LOOP
        BEGIN
            EXECUTE format('CREATE OR REPLACE TRIGGER switchover_freeze BEFORE INSERT OR UPDATE OR DELETE%s ON %I.%I '
                'FOR EACH STATEMENT EXECUTE FUNCTION switchover.refuse()',
                -- Foreign tables take no such trigger before PostgreSQL 16.
                CASE one.kind WHEN 'f' THEN '' ELSE ' OR TRUNCATE' END, one.nspname, one.relname);
        EXCEPTION WHEN lock_not_available OR undefined_table OR undefined_object OR deadlock_detected THEN
            NULL;
        END;
        COMMIT;
    END LOOP;
END $$
