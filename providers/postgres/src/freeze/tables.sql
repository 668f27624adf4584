-- The tables that clients write to and no guard stands at.
SELECT c.oid, n.nspname, c.relname, c.relkind::text AS kind
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'switchover') AND n.nspname !~ '^pg_(toast|temp)'
  AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_trigger t
    WHERE t.tgrelid = c.oid AND t.tgname = 'switchover_freeze' AND t.tgenabled = 'O'
      AND t.tgfoid = (SELECT p.oid FROM pg_catalog.pg_proc p
                      WHERE p.proname = 'refuse' AND p.pronamespace = (SELECT s.oid FROM pg_catalog.pg_namespace s WHERE s.nspname = 'switchover'))
  )
