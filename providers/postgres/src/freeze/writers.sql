-- Transactions of clients that may have written, or passed the guard, before the freeze: they hold a lock on the register, have a
-- transaction id, or change a table's definition. $1: only these (virtual ids), or all where it is null. $2: the admin.
SELECT DISTINCT v.virtualtransaction AS id, a.pid, coalesce(a.usename::text, a.backend_type) AS who,
       coalesce(nullif(a.application_name, ''), 'no name') AS application
FROM pg_catalog.pg_locks v JOIN pg_catalog.pg_stat_activity a ON a.pid = v.pid
WHERE v.locktype = 'virtualxid' AND v.virtualxid = v.virtualtransaction AND a.datname = pg_catalog.current_database()
  AND a.usename IS DISTINCT FROM $2 AND a.backend_type !~ '^(autovacuum|logical replication|walsender)'
  AND ($1::text[] IS NULL OR v.virtualtransaction = ANY ($1))
  AND ($1::text[] IS NOT NULL OR a.backend_xid IS NOT NULL OR EXISTS (
    SELECT FROM pg_catalog.pg_locks l
    WHERE l.pid = v.pid AND l.locktype = 'relation'
      AND (l.relation = 'switchover.register'::pg_catalog.regclass
        OR (l.relation IN (2613, 2995) AND l.mode = 'RowExclusiveLock')
        OR l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'))
  ))
