-- Whoever reads, an owner's code finds the settings of a new session of the owner, and leaves none behind.
\set ECHO none
\set database regress_environment
\i include/begin.sql

CREATE ROLE regress_env_owner LOGIN;
CREATE ROLE regress_env_reader LOGIN;
GRANT CREATE, USAGE ON SCHEMA public TO regress_env_owner;
-- What reads of a cache came from, by its key.
CREATE FUNCTION why(text) RETURNS SETOF text LANGUAGE sql AS
    $$SELECT reason || ': ' || bypasses FROM cache_bypasses WHERE cache = $1 AND bypasses > 0 ORDER BY 1$$;
GRANT pg_read_all_stats TO regress_env_reader;

SET ROLE regress_env_owner;
CREATE FUNCTION setting(name text) RETURNS text LANGUAGE plpgsql STABLE AS
    'BEGIN RETURN coalesce(current_setting(name, true), ''(unknown)''); END';
SELECT cache_create('setting', 'setting(text)', same_for_all => '{*}');
GRANT EXECUTE ON FUNCTION cache_get_setting(text) TO regress_env_reader;
RESET ROLE;

-- A custom setting of a session is unknown to loaders, as it is in a session that has not set it.
\connect - regress_env_reader
SET app.tenant = 'mine';
SELECT cache_get_setting('app.tenant');
SELECT source FROM cache_get_entry('setting', 'app.tenant');
SHOW app.tenant;
BEGIN;
SET LOCAL app.local = 'mine';
SELECT cache_get_setting('app.local'), current_setting('app.local');
COMMIT;
-- Also once it has been reset, which leaves an empty string behind.
RESET app.tenant;
SELECT cache_get_setting('app.tenant'), cache_get_setting('App.Tenant'), current_setting('app.tenant');
SELECT cache_get_setting('app.local') FROM (SELECT set_config('app.local', 'again', false)) AS s;
-- In whatever way the loader asks, and whatever has been made ready before in the transaction.
\connect - postgres
CREATE FUNCTION with_settings() RETURNS int LANGUAGE plpgsql STABLE SET app.of_function = 'set' AS 'BEGIN RETURN 1; END';
\connect - regress_env_owner
CREATE FUNCTION shown(name text) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE r text;
BEGIN
    EXECUTE 'SHOW ' || name INTO r;
    RETURN r;
EXCEPTION WHEN undefined_object THEN
    RETURN '(unknown)';
END $$;
SELECT cache_create('shown', 'shown(text)');
CREATE FUNCTION in_sql(name text) RETURNS text LANGUAGE sql STABLE
    AS 'SELECT coalesce(current_setting(name, true), ''(unknown)'')';
SELECT cache_create('in_sql', 'in_sql(text)', same_for_all => '{*}');
-- What the loader itself makes known stays known to it.
CREATE FUNCTION makes_known(name text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF with_settings() = 1 THEN RETURN concat_ws(', ', in_sql('app.of_function'), in_sql(name)); END IF;
END $$;
SELECT cache_create('makes_known', 'makes_known(text)', same_for_all => '{*}');
GRANT EXECUTE ON FUNCTION cache_get_shown(text), cache_get_in_sql(text), cache_get_makes_known(text) TO regress_env_reader;
\connect - regress_env_reader
SET app.once = 1;
RESET app.once;
BEGIN;
SELECT setting('app.once') = '' AS known;
SELECT cache_get_setting('app.once'), cache_get_shown('app.once'), cache_get_in_sql('app.once');
SET LOCAL app.twice = 1;
RESET app.twice;
SELECT setting('app.twice') = '' AS known;
SELECT cache_get_setting('app.twice'), cache_get_shown('app.twice'), cache_get_in_sql('app.twice');
SELECT setting('app.twice') = '' AS known;
COMMIT;
SELECT cache_get_makes_known('app.once');
SELECT makes_known('app.once'), current_setting('app.of_function');
SELECT cache, why(cache) FROM unnest('{setting,shown,in_sql,makes_known}'::text[]) AS cache;
\connect "dbname=regress_environment user=regress_env_reader options='-c app.given=mine -c gin_fuzzy_search_limit=7'"
SELECT cache_get_setting('app.given'), cache_get_setting('gin_fuzzy_search_limit');
SELECT current_setting('app.given'), current_setting('gin_fuzzy_search_limit');
SELECT * FROM why('setting');

-- Settings of the server and of extensions: one that the session has changed, in whatever way, is as if it had not.
\connect "dbname=regress_environment user=postgres options=''"
SELECT cache_invalidate_all('setting') > 0 AS some;
\connect - regress_env_reader
SET gin_fuzzy_search_limit = 9;
SET synchronize_seqscans = off;
CREATE FUNCTION pg_temp.inside() RETURNS text LANGUAGE plpgsql SET gin_fuzzy_search_limit = 10 AS
    'BEGIN RETURN cache_get_setting(''gin_fuzzy_search_limit''); END';
SELECT pg_temp.inside(), cache_get_setting('synchronize_seqscans');
SELECT current_setting('gin_fuzzy_search_limit'), current_setting('synchronize_seqscans');
-- Harmless ones are the session's own, and are not read by loaders that mind.
SET work_mem = '1234kB';
SELECT cache_get_setting('work_mem');

-- What ALTER ROLE and ALTER DATABASE give to new sessions of the owner holds for all, as of now; what they give to
-- the reader does not.
\connect - postgres
ALTER ROLE regress_env_reader SET app.of_role = 'reader';
ALTER ROLE regress_env_owner SET app.of_role = 'owner';
ALTER ROLE regress_env_owner IN DATABASE regress_environment SET app.of_both = 'owner here';
ALTER ROLE regress_env_owner SET app.of_both = 'owner';
ALTER DATABASE regress_environment SET app.of_database = 'database';
ALTER DATABASE regress_environment SET gin_fuzzy_search_limit = 11;
ALTER ROLE regress_env_reader SET gin_fuzzy_search_limit = 12;
ALTER ROLE regress_env_owner SET work_mem = '2345kB';
SELECT cache_invalidate_all('setting') > 0 AS some;
\connect - regress_env_reader
SELECT name, cache_get_setting(name) AS of_all, current_setting(name, true) AS of_reader
FROM unnest('{app.of_role,app.of_both,app.of_database,gin_fuzzy_search_limit}'::text[]) AS name;
SET app.of_database = 'mine';
SET gin_fuzzy_search_limit = 13;
SELECT name, cache_get_setting(name) AS of_all, source
FROM unnest('{app.of_database,gin_fuzzy_search_limit}'::text[]) AS name, cache_get_entry('setting', name);
SELECT cache_get_setting('App.Of_Database'), cache_get_setting('GIN_fuzzy_search_limit');
SELECT current_setting('work_mem') <> '2345kB' AS own_work_mem;
\connect - postgres
ALTER DATABASE regress_environment RESET ALL;
ALTER ROLE regress_env_owner RESET ALL;
ALTER ROLE regress_env_owner IN DATABASE regress_environment RESET ALL;
ALTER ROLE regress_env_reader RESET ALL;
-- What was cached under the old ones is not served.
SELECT cache_get_setting('app.of_role'), cache_get_setting('gin_fuzzy_search_limit');

-- Who the session is, and what it is called.
SELECT cache_invalidate_all('setting') > 0 AS some;
\connect - regress_env_reader
SET application_name = 'mine';
SET client_encoding = 'LATIN1';
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT name, cache_get_setting(name), current_setting(name) AS own
FROM unnest('{application_name,client_encoding,is_superuser,role,session_authorization,transaction_isolation}'::text[])
     AS name;
COMMIT;
RESET client_encoding;
\connect - postgres
SELECT name, cache_get_setting(name) AS of_all, cache_get_setting(upper(name)) AS loaded
FROM unnest('{application_name,client_encoding,is_superuser,role,session_authorization,transaction_isolation}'::text[])
     AS name;
SELECT * FROM why('setting');

-- What a loader sets is undone, also after an error, and it sees what it has set itself.
SET ROLE regress_env_owner;
CREATE FUNCTION sets(k int) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM set_config('gin_fuzzy_search_limit', '5', false);
    PERFORM set_config('app.within', 'inner', false);
    PERFORM set_config('application_name', 'inner', true);
    IF k = 0 THEN RAISE EXCEPTION 'fails'; END IF;
    RETURN format('%s %s %s', current_setting('gin_fuzzy_search_limit'), current_setting('app.within'),
                  current_setting('application_name'));
END $$;
SELECT cache_create('sets', 'sets(int)', same_for_all => '{app.within}');
SELECT cache_get_sets(1), cache_get_sets(2);
SELECT current_setting('gin_fuzzy_search_limit'), current_setting('app.within'),
       current_setting('application_name') <> 'inner' AS own_name;
SELECT error_of('SELECT cache_get_sets(0)');
SELECT cache_get_sets(0);
SELECT current_setting('gin_fuzzy_search_limit'), current_setting('app.within'),
       current_setting('application_name') <> 'inner' AS own_name;
-- The same where the session has values of its own.
SET gin_fuzzy_search_limit = 6;
SET app.within = 'mine';
SELECT cache_get_sets(3), cache_get_sets(4), cache_get_sets(5);
SELECT error_of('SELECT cache_get_sets(0)');
SELECT current_setting('gin_fuzzy_search_limit'), current_setting('app.within');
SELECT count(*) FROM cache_entries WHERE cache = 'sets';
RESET gin_fuzzy_search_limit;
-- One that looks at it first, where nothing can make it unknown any more, is not cached.
CREATE FUNCTION looks(k int) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    before text = current_setting('app.within', true);
BEGIN
    PERFORM set_config('app.within', 'inner', true);
    RETURN format('%s, %s', before, current_setting('app.within'));
END $$;
SELECT cache_create('looks', 'looks(int)', same_for_all => '{app.within}');
SELECT cache_get_looks(1);
SELECT source, value FROM cache_get_entry('looks', 1);
SELECT * FROM why('looks');

-- A loader in a loader has its own environment, not what the outer one has set.
CREATE FUNCTION outer_one(k int) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM set_config('gin_fuzzy_search_limit', '5', false);
    PERFORM set_config('app.outer', 'outer', false);
    RETURN format('%s %s; %s %s', cache_get_setting('gin_fuzzy_search_limit'), cache_get_setting('app.outer'),
                  current_setting('gin_fuzzy_search_limit'), current_setting('app.outer'));
END $$;
SELECT cache_create('outer_one', 'outer_one(int)', same_for_all => '{app.outer}');
SELECT cache_invalidate_all('setting') > 0 AS some;
SELECT cache_get_outer_one(1), cache_get_outer_one(2);
SELECT source FROM cache_get_entry('outer_one', 1);

-- Row-level security by a setting: one value for all, which is nobody's.
CREATE TABLE ours (tenant text, n int);
INSERT INTO ours VALUES ('ann', 5), ('ben', 700);
ALTER TABLE ours ENABLE ROW LEVEL SECURITY;
ALTER TABLE ours FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON ours USING (tenant = current_setting('app.claims', true)::jsonb ->> 'sub');
CREATE FUNCTION ours_total() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT sum(n) FROM ours';
SELECT cache_create('ours_total', 'ours_total()', same_for_all => '{app.claims}');
SELECT cache_invalidate_on('ours_total', 'ours');
SET app.claims = '{"sub": "ann"}';
SELECT cache_get_ours_total(), ours_total();
SET app.claims = '{"sub": "ben"}';
SELECT cache_get_ours_total(), ours_total();
-- The right way: the tenant is the key, and the loader says who it loads for.
CREATE FUNCTION total_of(who text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM set_config('app.claims', jsonb_build_object('sub', who)::text, true);
    RETURN (SELECT sum(n) FROM ours);
END $$;
SELECT cache_create('total_of', 'total_of(text)', same_for_all => '{app.claims}');
SELECT cache_invalidate_on('total_of', 'ours', '{tenant}');
SELECT who, cache_get_total_of(who), source
FROM unnest('{ann,ben,ann}'::text[]) AS who, cache_get_entry('total_of', who);
SHOW app.claims;

-- Errors that the session makes, caught by a loader, are not for all; others are.
CREATE FUNCTION catches(state text) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF state = 'sleep' THEN PERFORM pg_sleep(600); END IF;
    IF state = 'divide' THEN RETURN 1 / 0; END IF;
    RAISE EXCEPTION 'caught' USING ERRCODE = state;
EXCEPTION
    WHEN query_canceled THEN RETURN -2;
    WHEN OTHERS THEN RETURN -1;
END $$;
SELECT cache_create('catches', 'catches(text)');
SET statement_timeout = '50 ms';
SELECT cache_get_catches('sleep');
RESET statement_timeout;
SELECT state, cache_get_catches(state)
FROM unnest('{55P03,40001,53200,57P03,58030,54001,XX000,divide,P0001,23505}'::text[]) AS state;
SELECT key FROM cache_entries WHERE cache = 'catches' ORDER BY key COLLATE "C";
SELECT * FROM why('catches');
-- Where the error comes from does not matter: an inner loader spoils the outer value, too.
CREATE FUNCTION catches_below(state text) RETURNS int LANGUAGE sql STABLE AS 'SELECT cache_get_catches(state)';
SELECT cache_create('catches_below', 'catches_below(text)');
SELECT cache_get_catches_below('55P03'), cache_get_catches_below('P0001');
SELECT key FROM cache_entries WHERE cache = 'catches_below';

-- A read-only loader does not write past its tables either.
CREATE FUNCTION do_it(statement text) RETURNS text LANGUAGE plpgsql VOLATILE AS
    'BEGIN EXECUTE statement; RETURN ''done''; END';
CREATE FUNCTION does(statement text) RETURNS text LANGUAGE plpgsql STABLE AS
    'BEGIN RETURN do_it(statement); END';
SELECT cache_create('does', 'does(text)', invalidate => 'declared');
SELECT statement, error_of(format('SELECT cache_get_does(%L)', statement))
FROM unnest(ARRAY['NOTIFY channel', 'SELECT pg_notify(''channel'', '''')', 'LISTEN channel', 'LOAD ''plpgsql''',
                  'SELECT lo_create(0)', 'SELECT lo_from_bytea(0, ''x'')', 'SELECT setseed(0.5)',
                  'SET seed = 0.5', 'SELECT set_config(''seed'', ''0.5'', false)',
                  'SET CONSTRAINTS ALL DEFERRED', 'DECLARE c CURSOR FOR SELECT 1', 'FETCH mine', 'MOVE mine',
                  'EXECUTE mine', 'EXPLAIN EXECUTE mine', 'ANALYZE', 'REINDEX TABLE t',
                  'PREPARE p AS SELECT 1', 'DISCARD ALL', 'SELECT pg_logical_emit_message(false, ''a'', ''b'')',
                  'CREATE TEMP TABLE t (a int)', 'SET ROLE regress_env_reader', 'SELECT 1',
                  'SELECT pg_export_snapshot()', 'SELECT pg_advisory_unlock_all()']) AS statement;
SELECT count(*) FROM pg_largeobject_metadata;
-- Nor does it use the large objects that its reader has open.
BEGIN;
SELECT lo_from_bytea(777, 'of the reader'), lo_open(777, x'60000'::int);
SELECT statement, error_of(format('SELECT cache_get_does(%L)', statement))
FROM unnest(ARRAY['SELECT loread(0, 6)', 'SELECT lowrite(0, ''x'')', 'SELECT lo_lseek(0, 3, 0)',
                  'SELECT lo_lseek64(0, 3, 0)', 'SELECT lo_tell(0)', 'SELECT lo_tell64(0)', 'SELECT lo_truncate(0, 0)',
                  'SELECT lo_truncate64(0, 0)', 'SELECT lo_close(0)', 'SELECT lo_open(777, x''40000''::int)']) AS statement;
SELECT loread(0, 100);
ROLLBACK;

-- What only this session, or this statement, could say is not published; also where PL/pgSQL does not make the
-- expression ready again.
CREATE SEQUENCE numbers;
SELECT nextval('numbers');
SELECT cache_get_does(statement)
FROM unnest(ARRAY['SELECT count(*) FROM pg_prepared_statements', 'SELECT current_query()', 'SELECT lastval()',
                  'SELECT currval(''numbers'')', 'SELECT pg_listening_channels()', 'SELECT pg_trigger_depth()',
                  'SELECT 2']) AS statement;
SELECT key FROM cache_entries WHERE cache = 'does' ORDER BY key COLLATE "C";
CREATE FUNCTION tells(k int) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN k; END';
SELECT cache_create('tells', 'tells(int)', undeclared => 'ttl');
CREATE OR REPLACE FUNCTION tells(k int) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN k || current_query(); END';
BEGIN;
SELECT cache_get_tells(1);
SELECT cache_get_tells(2);
SELECT cache_get_tells(2);
COMMIT;
BEGIN;
SELECT tells(1);
SELECT cache_get_tells(3);
COMMIT;
SELECT key FROM cache_entries WHERE cache = 'tells';
SELECT * FROM why('tells');
-- Nor does it let a run do what is forbidden, once the session has done it by itself.
SELECT lo_from_bytea(778, 'of the reader');
CREATE FUNCTION reads_on(k int) RETURNS text LANGUAGE plpgsql STABLE
    AS $$BEGIN RETURN k || convert_from(loread(0, 6), 'SQL_ASCII'); END$$;
CREATE FUNCTION moves_on(k int) RETURNS text LANGUAGE plpgsql STABLE
    AS $$BEGIN RETURN k || coalesce(setseed(0.5)::text, ''); END$$;
CREATE FUNCTION helped(k int) RETURNS text LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN CASE WHEN k > 0 THEN reads_on(k) ELSE moves_on(k) END; END';
SELECT cache_create('helped', 'helped(int)', undeclared => 'ttl');
BEGIN;
SELECT lo_open(778, x'40000'::int);
SELECT cache_get_does('SELECT 13');
SELECT reads_on(1), moves_on(-1);
SELECT error_of('SELECT cache_get_helped(1)');
SELECT error_of('SELECT cache_get_helped(-1)');
ROLLBACK;
SELECT lo_unlink(778);
SELECT key FROM cache_entries WHERE cache = 'helped';

-- Advisory locks that a loader takes are the reader's: those of the transaction end with it, also after an error;
-- those of the session stay until it ends or unlocks them. A hit takes none.
CREATE FUNCTION locks(statement text, fail bool) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM do_it(statement);
    IF fail THEN RAISE EXCEPTION 'fails'; END IF;
    RETURN 'locked';
END $$;
SELECT cache_create('locks', 'locks(text,bool)', invalidate => 'declared');
GRANT EXECUTE ON FUNCTION cache_get_locks(text, bool) TO regress_env_reader;
\connect - regress_env_reader
CREATE TEMP VIEW held AS SELECT objid AS key, mode FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND pid = pg_backend_pid() ORDER BY objid;
BEGIN;
SELECT cache_get_locks('SELECT pg_advisory_xact_lock(8)', false);
SELECT * FROM held;
COMMIT;
SELECT * FROM held;
SELECT error_of('SELECT cache_get_locks(''SELECT pg_advisory_xact_lock(8)'', true)');
SELECT * FROM held;
SELECT cache_get_locks('SELECT pg_advisory_lock(7)', false);
SELECT cache_get_locks('SELECT pg_advisory_lock(7)', false);
SELECT error_of('SELECT cache_get_locks(''SELECT pg_advisory_lock(9)'', true)');
SELECT * FROM held;
-- The second one finds nothing to unlock any more, and says so.
SELECT pg_advisory_unlock(7), pg_advisory_unlock(7);
SELECT * FROM held;
SELECT pg_backend_pid() AS former \gset
\connect - postgres
SET lock_timeout = '60 s';
SELECT pg_advisory_lock(9);
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND pid = :former;
SELECT pg_advisory_unlock(9);
RESET lock_timeout;
SET ROLE regress_env_owner;

-- Functions of types run as the owner of the cache, whoever asks by name.
CREATE FUNCTION checked(int) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'checked as %, read only %', current_user, current_setting('transaction_read_only');
    RETURN true;
END $$;
CREATE DOMAIN guarded AS int CHECK (checked(VALUE));
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE FUNCTION mood_json(mood) RETURNS json LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'cast as %', current_user;
    RETURN to_json(upper($1::text));
END $$;
CREATE CAST (mood AS json) WITH FUNCTION mood_json(mood);
CREATE TYPE pair AS (a guarded, b mood);
SELECT cache_create('pairs', key_types => '{int}', value_type => 'pair');
GRANT EXECUTE ON FUNCTION cache_get_pairs(int) TO regress_env_reader;
RESET ROLE;
SET client_min_messages = notice;
SELECT cache_put('pairs', '{"a": 1, "b": "sad"}', 1);
SELECT cache_get('pairs', 1);
SET ROLE regress_env_reader;
SELECT cache_get('pairs', 1);
SELECT value FROM cache_get_entry('pairs', 1);
RESET ROLE;
RESET client_min_messages;
SELECT current_user, current_setting('transaction_read_only');

\i include/end.sql
DROP ROLE regress_env_owner, regress_env_reader;
