-- Settings that only the reader's session has, against libraries, workers, errors and loaders that would find them.
\set ECHO none
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_hidden_owner, regress_hidden_reader;
\set database regress_hidden
\i include/begin.sql
CREATE ROLE regress_hidden_owner LOGIN;
CREATE ROLE regress_hidden_reader LOGIN;
GRANT CREATE ON SCHEMA public TO regress_hidden_owner;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_hidden_owner GRANT EXECUTE ON FUNCTIONS TO regress_hidden_reader;
CREATE TABLE big AS SELECT g AS id FROM generate_series(1, 20000) AS g;
ANALYZE big;
GRANT SELECT ON big TO PUBLIC;
\set ECHO all

\connect - regress_hidden_owner
-- Loads PL/pgSQL, in a session that has not; and one that makes the reader's setting known itself.
CREATE FUNCTION loads_library(k int) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN ''loaded '' || k; END';
CREATE FUNCTION calls_it(k int) RETURNS text LANGUAGE sql STABLE AS 'SELECT loads_library(k)';
CREATE FUNCTION calls_and_sets(k int) RETURNS text LANGUAGE sql STABLE AS
    $$SELECT loads_library(k) || coalesce(set_config('PLPGSQL.foo', 'y', true), '')$$;
CREATE FUNCTION tells(k int) RETURNS text LANGUAGE sql STABLE AS
    $$SELECT coalesce(current_setting('app.mode', true), 'unknown') || ' ' || 1 / 3.0::float8$$;
SELECT count(cache_create(f, (f || '(int)')::regprocedure, same_for_all => '{app.mode}')) FROM unnest('{calls_it,calls_and_sets,tells}'::text[]) AS f;

-- A prefix in capitals, which the library reserves: what is hidden is not taken for one of its own.
\connect - regress_hidden_reader
SET "PLPGSQL.foo" = 'x';
SELECT cache_get_calls_it(1);
SET extra_float_digits = -10;
SET app.mode = 'evil';
SET "PLPGSQL.foo" TO DEFAULT;
SELECT cache_get_tells(1);
RESET ALL;
RESET app.mode;
SELECT value FROM cache_get_entry('tells', 1);
SELECT count(*) > 100 AS all_there FROM pg_settings;
\connect - regress_hidden_reader
SET "PLPGSQL.foo" = 'x';
SELECT cache_get_calls_and_sets(1);
SELECT count(*) > 100 AS all_there FROM pg_settings;
SELECT set_config('aa.a' || i, 'x', false) FROM generate_series(1, 3) AS i;
RESET ALL;
DISCARD ALL;
SELECT cache_get_calls_and_sets(2);
-- Whoever owns such a name by the library's rules cannot keep it; parallel queries go on.
\connect - regress_hidden_reader
SET plpgsql.foo = 'x';
SELECT cache_get_calls_it(2);
SELECT name AS parallel_mode FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \gset
SET :parallel_mode = on;
SELECT count(*) FROM big;

-- Parallel workers are told nothing, whatever name they ask for.
\connect - regress_hidden_owner
CREATE FUNCTION in_workers(k int) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT count(*) FROM big WHERE id = k OR current_setting('app.ctx', true) = 'evil'
        OR current_setting('app.ct_', true) = 'evil' OR current_setting('APP.ctx', true) = 'evil'
        OR current_setting('app.ct_' || chr(1), true) = 'evil' OR current_setting(chr(1) || 'pp.ct_', true) = 'evil' $$;
SELECT cache_create('in_workers', 'in_workers(int)', same_for_all => '{*}');
\connect - regress_hidden_reader
SET :parallel_mode = on;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET app.ct_ = 'evil';
SELECT cache_get_in_workers(1);
SET app.ctx = 'evil';
SELECT cache_get_in_workers(2);
SELECT current_setting('app.ct_'), current_setting('app.ctx');
SELECT count(*) FROM big WHERE current_setting('app.ct_') = 'evil';

-- What the server tells of settings in other ways; what a loader within made known.
\connect - regress_hidden_owner
CREATE FUNCTION flags(name text) RETURNS text LANGUAGE sql STABLE AS 'SELECT coalesce(pg_settings_get_flags(name)::text, ''unknown'')';
CREATE FUNCTION inner_one(k int) RETURNS text LANGUAGE plpgsql STABLE AS
    'BEGIN PERFORM set_config(''app.inner'', ''v'', true); RETURN ''inner '' || k; END';
SELECT cache_create('flags', 'flags(text)'), cache_create('inner_one', 'inner_one(int)');
CREATE FUNCTION outer_one(k int) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    a text = coalesce(current_setting('app.inner', true), 'unknown');
    i text = cache_get_inner_one(k);
BEGIN
    RETURN concat_ws(', ', a, i, coalesce(current_setting('app.inner', true), 'unknown'));
END $$;
SELECT cache_create('outer_one', 'outer_one(int)', same_for_all => '{app.inner}');
\connect - regress_hidden_reader
SET app.once = 1;
RESET app.once;
SELECT cache_get_flags('app.once'), flags('app.once') <> 'unknown' AS own;
SELECT cache_get_outer_one(1);

-- A loader's setting goes back to what this session began with, and is not for others.
\connect - regress_hidden_owner
CREATE FUNCTION by_default(k int) RETURNS text LANGUAGE plpgsql STABLE AS
    $$BEGIN PERFORM set_config('IntervalStyle', NULL, true); RETURN (interval '1 day 2 hours' * k)::text; END$$;
SELECT cache_create('by_default', 'by_default(int)');
\connect "dbname=regress_hidden user=regress_hidden_reader options='-c IntervalStyle=iso_8601'"
SELECT cache_get_by_default(1);
SELECT source FROM cache_get_entry('by_default', 1);
\connect "dbname=regress_hidden user=postgres options=''"
SELECT bypasses > 0 AS counted FROM cache_bypasses WHERE cache = 'by_default' AND reason LIKE '%only this session%';

-- After an error, the next transaction is what it would have been.
CREATE TABLE written (n int);
CREATE FUNCTION fails(k int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN 1 / (k - k); END';
SELECT cache_create('fails', 'fails(int)');
\set SHOW_CONTEXT never
BEGIN;
SELECT cache_get_fails(1);
ROLLBACK AND CHAIN;
INSERT INTO written VALUES (1);
COMMIT;
BEGIN;
SAVEPOINT s;
SELECT cache_get_fails(1);
ROLLBACK TO s;
INSERT INTO written VALUES (2);
COMMIT AND CHAIN;
SHOW transaction_read_only;
COMMIT;
BEGIN READ ONLY;
SELECT cache_get_fails(1);
ROLLBACK AND CHAIN;
SHOW transaction_read_only;
ROLLBACK;
SELECT * FROM written;

-- What is handed over to a library's setting is set by who had set it.
CREATE FUNCTION loads_and_fails(k int) RETURNS int LANGUAGE sql STABLE AS 'SELECT fails(k)';
SELECT cache_create('loads_and_fails', 'loads_and_fails(int)');
CREATE FUNCTION as_superuser() RETURNS int LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT 1 FROM cache_get_entry(''tells'', 77)';
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO regress_hidden_reader;
\connect - regress_hidden_reader
SET plpgsql.variable_conflict = 'use_variable';
SELECT cache_get_loads_and_fails(1);
SELECT as_superuser();
SHOW plpgsql.variable_conflict;

\connect - postgres
REVOKE CREATE ON SCHEMA public FROM regress_hidden_owner;
DROP OWNED BY regress_hidden_owner CASCADE;
\i include/end.sql
DROP ROLE regress_hidden_owner, regress_hidden_reader;
