-- What sessions see of background workers, and what limits loads in them. What workers do is tested
-- by the TAP tests.
\set ECHO none
\set database regress_workers
\i include/begin.sql

CREATE FUNCTION double(n int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 2 * n';
CREATE FUNCTION create_with(options text) RETURNS SETOF text LANGUAGE sql
    AS $$SELECT error_of(format('SELECT cache_create(''x'', ''double(int)'', %s)', options))$$;

-- load_timeout.
SELECT cache_create('limited', 'double(int)', load_timeout => '2 s');
SELECT name, load_timeout FROM cache_ext_internal.cache_definition;
SELECT cache_alter('limited', '{"load_timeout": "150 ms"}');
SELECT name, load_timeout FROM cache_ext_internal.cache_definition;
SELECT cache_alter('limited', '{"load_timeout": null}');
SELECT name, load_timeout FROM cache_ext_internal.cache_definition;
SELECT create_with($$load_timeout => '0'$$);
SELECT create_with($$load_timeout => '-1 s'$$);
SELECT create_with($$load_timeout => '1 month'$$);
SELECT create_with($$load_timeout => '101 years'$$);
SELECT error_of($$SELECT cache_alter('limited', '{"load_timeout": "soon"}')$$);

-- Everybody may look; the launcher is always there, and has no database.
CREATE ROLE regress_workers;
SET ROLE regress_workers;
SELECT role, database, cache, key, pid IS NOT NULL AS pid, started_at < now() AS started, done, total
FROM cache_workers WHERE role = 'launcher';
RESET ROLE;
DROP ROLE regress_workers;

\i include/end.sql
