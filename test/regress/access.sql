-- Who may do what, as whom loaders run, and what a reader's session cannot change.
\set ECHO none
\set database regress_access
\i include/begin.sql

CREATE ROLE regress_owner;
CREATE ROLE regress_reader;
CREATE ROLE regress_other;
CREATE ROLE regress_monitor IN ROLE pg_read_all_stats;
GRANT CREATE, USAGE ON SCHEMA public TO regress_owner;

SET ROLE regress_owner;
CREATE TABLE secret (owner int, amount int);
INSERT INTO secret VALUES (1, 10), (2, 20);
CREATE FUNCTION total(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(amount) FROM secret AS s WHERE s.owner = $1';
REVOKE ALL ON FUNCTION total(int) FROM PUBLIC;
SELECT cache_create('total', 'total(int)');
SELECT cache_invalidate_on('total', 'secret', '{owner}');
SELECT cache_create('store', key_types => '{int}', value_type => 'text');
SELECT cache_put_store(1, 'one');
SELECT p.oid::regprocedure, p.proowner::regrole, p.proacl
FROM pg_proc AS p WHERE p.proname ~ '^cache_(get|put)_(many_)?(total|store)' ORDER BY p.proname;
SELECT cache_get_total(1), cache_get('total', 1);

-- Whoever may not execute the accessor sees nothing, in whatever way.
CREATE FUNCTION try_all() RETURNS TABLE (call text, outcome text) LANGUAGE plpgsql AS $$
BEGIN
    FOREACH call IN ARRAY ARRAY[
        'cache_get_total(1)', 'cache_get_many_total(''{1}'')', 'cache_get(''total'', 1)',
        'cache_get_entry(''total'', 1)', 'cache_peek(''total'', 1)', 'cache_explain(''total'', 1)',
        'cache_ext_internal.cache_fetch(NULL::bigint, ''total'', 1)', 'total(1)',
        'cache_refresh(''total'', 1)', 'cache_invalidate(''total'', 1)', 'cache_invalidate_all(''total'')',
        'cache_invalidate_like(''total'', ''%'')', 'cache_put(''total'', ''0'', 1)', 'cache_verify(''total'')', 'cache_check(''total'')',
        'cache_alter(''total'', ''{"ttl": null}'')', 'cache_invalidate_on(''total'', ''secret'')',
        'cache_invalidate_on_path(''total'', ''secret'', ''SELECT $1.owner'')',
        'cache_stat_reset(''total'')', 'cache_stat_reset()', 'cache_drop(''total'')',
        'cache_create(''mine'', ''total(int)'')',
        'cache_get_store(1)', 'cache_put_store(1, ''x'')', 'cache_put(''store'', ''"x"'', 1)',
        'cache_ext_internal.cache_put_value(''store'', ''x''::text, NULL, false, 1)'] LOOP
        BEGIN
            EXECUTE 'SELECT ' || call;
            outcome := 'ok';
            RAISE SQLSTATE 'ROLLB';
        EXCEPTION
            WHEN SQLSTATE 'ROLLB' THEN NULL;
            WHEN OTHERS THEN outcome := SQLSTATE || ': ' || SQLERRM;
        END;
        RETURN NEXT;
    END LOOP;
END $$;
SET ROLE regress_other;
SELECT * FROM try_all();
SELECT error_of($$SELECT cache_get_total(1)$$);
SELECT error_of($$SELECT cache_get('total', 1)$$);
SELECT error_of($$SELECT cache_ext_internal.cache_fetch(NULL::bigint, 'total', 1)$$);
SELECT error_of($$SELECT cache_put('store', '"x"', 1)$$);

-- EXECUTE on it is enough to read: neither the loader nor the table need be open to the reader.
SET ROLE regress_owner;
GRANT EXECUTE ON FUNCTION cache_get_total(int) TO regress_reader;
SET ROLE regress_reader;
SELECT cache_get_total(1), cache_get_total(2), cache_get('total', 1), cache_peek('total', 2);
SELECT value, source FROM cache_get_entry('total', 3);
SELECT * FROM try_all() WHERE outcome <> 'ok';
SELECT error_of('SELECT * FROM secret');
-- A prepared plan or a cached call does not outlive the grant.
PREPARE get AS SELECT cache_get_total(1);
EXECUTE get;
EXECUTE get;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION cache_get_total(int) FROM regress_reader;
SET ROLE regress_reader;
EXECUTE get;
SELECT error_of($$SELECT cache_get('total', 1)$$);
SET ROLE regress_owner;
EXECUTE get;
SET ROLE regress_other;
EXECUTE get;
DEALLOCATE get;
-- EXECUTE on cache_get_many is not enough.
RESET ROLE;
GRANT EXECUTE ON FUNCTION cache_get_many_total(int[]) TO regress_reader;
SET ROLE regress_reader;
SELECT error_of($$SELECT * FROM cache_get_many_total('{1}')$$);
RESET ROLE;
GRANT EXECUTE ON FUNCTION cache_get_total(int) TO regress_reader;
SET ROLE regress_reader;
SELECT * FROM cache_get_many_total('{1}');
-- The typed put takes the owner, whoever may execute it.
RESET ROLE;
GRANT EXECUTE ON FUNCTION cache_put_store(int, text, interval, bool), cache_get_store(int) TO regress_reader;
SET ROLE regress_reader;
SELECT error_of($$SELECT cache_put_store(1, 'x')$$);
SELECT cache_get_store(1);

-- Views and security definer functions check as they always do.
SET ROLE regress_owner;
CREATE VIEW totals AS SELECT cache_get_total(1) AS total;
CREATE FUNCTION total_for_all() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT cache_get_total(1)';
GRANT SELECT ON totals TO regress_other, regress_reader;
SET ROLE regress_reader;
SELECT * FROM totals;
SET ROLE regress_other;
SELECT error_of('SELECT * FROM totals');
SELECT total_for_all();

-- What others see in the views.
SELECT cache, entries > 0 AS has_entries FROM cache_stat ORDER BY cache;
SELECT count(*) FROM cache_entries;
SET ROLE regress_reader;
SELECT count(*) FROM cache_entries;
SET ROLE regress_owner;
SELECT cache, key FROM cache_entries ORDER BY cache, key;
SET ROLE regress_monitor;
SELECT cache, key FROM cache_entries ORDER BY cache, key;
SELECT * FROM try_all() WHERE outcome = 'ok';
RESET ROLE;
SELECT count(*) FROM cache_entries;
SELECT relname, relacl IS NOT NULL AS restricted FROM pg_class
WHERE relname IN ('cache_definition', 'cache_dependency') ORDER BY relname;

-- The extension's tables are nobody's to read or write.
SET ROLE regress_owner;
SELECT error_of('SELECT * FROM cache_ext_internal.cache_definition');
SELECT error_of('SELECT * FROM cache_ext_internal.cache_dependency');
SELECT error_of($$UPDATE cache_ext_internal.cache_definition SET loader = 'public.other' WHERE name = 'total'$$);
SELECT error_of('DELETE FROM cache_ext_internal.cache_dependency');
SELECT error_of($$INSERT INTO cache_ext_internal.cache_dependency (cache, relation, key, key_mask, inserts)
                  VALUES ('total', 'secret', '{}', 0, false)$$);
-- Even with the rights to: only the owner of a cache can change its rows.
RESET ROLE;
GRANT ALL ON cache_ext_internal.cache_definition, cache_ext_internal.cache_dependency TO regress_other;
GRANT USAGE ON SEQUENCE cache_ext_internal.cache_dependency_id_seq TO regress_other;
SET ROLE regress_other;
SELECT error_of($$UPDATE cache_ext_internal.cache_definition SET loader = 'pg_catalog.now' WHERE name = 'total'$$);
SELECT error_of($$UPDATE cache_ext_internal.cache_definition SET name = 'other' WHERE name = 'total'$$);
SELECT error_of($$DELETE FROM cache_ext_internal.cache_definition WHERE name = 'total'$$);
SELECT error_of('DELETE FROM cache_ext_internal.cache_dependency');
SELECT error_of($$INSERT INTO cache_ext_internal.cache_dependency (cache, relation, key, key_mask, inserts)
                  VALUES ('total', 'secret', '{}', 0, false)$$);
SELECT error_of($$INSERT INTO cache_ext_internal.cache_definition
                  SELECT (jsonb_populate_record(d, '{"name": "new", "id": 1}')).*
                  FROM cache_ext_internal.cache_definition AS d WHERE name = 'total'$$);
RESET ROLE;
REVOKE ALL ON cache_ext_internal.cache_definition, cache_ext_internal.cache_dependency FROM regress_other;
REVOKE ALL ON SEQUENCE cache_ext_internal.cache_dependency_id_seq FROM regress_other;
SELECT cache_get_total(1);

-- To declare takes the right to create functions where the extension is, to execute the loader, and
-- to own the tables.
SET ROLE regress_other;
CREATE TEMP TABLE t (a int);
SELECT error_of($$SELECT cache_create('mine', key_types => '{int}', value_type => 'int')$$);
RESET ROLE;
GRANT CREATE ON SCHEMA public TO regress_other;
SET ROLE regress_other;
SELECT error_of($$SELECT cache_create('mine', 'total(int)')$$);
CREATE FUNCTION other_total(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(amount) FROM secret AS s WHERE s.owner = $1';
SELECT cache_create('mine', 'other_total(int)');
SELECT error_of($$SELECT cache_get_mine(1)$$);
SELECT error_of($$SELECT cache_invalidate_on('mine', 'secret', '{owner}')$$);
CREATE TABLE own (owner int);
SELECT error_of($$SELECT cache_invalidate_on_path('mine', 'own', 'SELECT s.owner FROM secret AS s WHERE s.owner = $1.owner')$$);
SELECT error_of($$SELECT cache_create('guest', 'other_total(int)', budget => 'total')$$);
-- A loader runs as the accessor's owner, so it cannot lend rights that he does not have.
SET ROLE regress_owner;
GRANT SELECT ON secret TO regress_other;
SET ROLE regress_other;
SELECT cache_get_mine(1);
GRANT EXECUTE ON FUNCTION cache_get_mine(int) TO regress_reader;
SET ROLE regress_reader;
SELECT cache_get_mine(2);
SET ROLE regress_owner;
REVOKE SELECT ON secret FROM regress_other;
SET ROLE regress_reader;
SELECT error_of('SELECT cache_get_mine(2)');
SET ROLE regress_other;
SELECT cache_drop('mine');

-- The loader's EXECUTE is the owner's, too.
RESET ROLE;
REVOKE EXECUTE ON FUNCTION total(int) FROM regress_owner;
SET ROLE regress_reader;
SELECT error_of('SELECT cache_get_total(1)');
RESET ROLE;
GRANT EXECUTE ON FUNCTION total(int) TO regress_owner;

-- Another owner for the accessor is another owner of the cache.
ALTER FUNCTION cache_get_total(int) OWNER TO regress_other;
SET ROLE regress_owner;
SELECT error_of($$SELECT cache_alter('total', '{"ttl": "1 min"}')$$);
SET ROLE regress_other;
SELECT cache_alter('total', '{"ttl": "1 min"}');
SELECT error_of('SELECT cache_get_total(1)');
RESET ROLE;
ALTER FUNCTION cache_get_total(int) OWNER TO regress_owner;

-- As whom and with which settings a loader runs.
SET ROLE regress_owner;
CREATE FUNCTION context(k int) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT format('%s, %s, %s', current_user, current_setting('transaction_read_only'),
                  current_setting('search_path'))
$$;
CREATE FUNCTION settings(k int) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT format('%s | %s | %s | %s | %s', '2020-01-01 12:00+00'::timestamptz, '1 day 1 hour'::interval,
                  0.1::float8 + 0.2::float8, '\x00ff'::bytea, to_char(1234.5, 'FM9G999D0'))
$$;
SET TimeZone = 'Asia/Kolkata';
SELECT cache_create('context', 'context(int)');
SELECT cache_create('settings', 'settings(int)');
GRANT EXECUTE ON FUNCTION cache_get_context(int), cache_get_settings(int) TO regress_reader;
SELECT cache_get_settings(1);
SET ROLE regress_reader;
SET TimeZone = 'America/New_York';
SET DateStyle = 'ISO, DMY';
SET IntervalStyle = 'iso_8601';
SET extra_float_digits = -10;
SET bytea_output = 'escape';
SET search_path = pg_catalog, public;
SELECT cache_get_context(1);
SELECT cache_get_settings(2) = cache_get_settings(1) AS same_for_all;
-- The reader's own settings are his again.
SELECT current_user, current_setting('TimeZone'), current_setting('bytea_output'),
       current_setting('transaction_read_only'), current_setting('search_path');
RESET ALL;
RESET ROLE;
SET TimeZone = 'Asia/Kolkata';
SELECT settings(1) = cache_get_settings(1) AS as_declared;
RESET TimeZone;

-- A loader cannot write, however deep it tries, and nothing is cached then.
SET ROLE regress_owner;
CREATE TABLE log (n int);
CREATE FUNCTION write_deep() RETURNS int LANGUAGE sql VOLATILE AS 'INSERT INTO log VALUES (1) RETURNING n';
CREATE FUNCTION writes(k int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE k WHEN 1 THEN write_deep() WHEN 2 THEN nextval('numbers') ELSE 0 END;
END $$;
CREATE SEQUENCE numbers;
CREATE FUNCTION writes_anyway(k int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM set_config('transaction_read_only', 'off', true);
    RETURN write_deep();
END $$;
CREATE FUNCTION sets_role(k int) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM set_config('role', 'regress_reader', true);
    RETURN current_user;
END $$;
CREATE FUNCTION makes_temp(k int) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    EXECUTE 'CREATE TEMP TABLE made (a int)';
    RETURN 'made';
END $$;
SELECT cache_create('writes', 'writes(int)', invalidate => 'declared'), cache_create('writes_anyway', 'writes_anyway(int)', undeclared => 'ttl'),
       cache_create('sets_role', 'sets_role(int)', undeclared => 'ttl'), cache_create('makes_temp', 'makes_temp(int)', undeclared => 'ttl');
SELECT error_of('SELECT cache_get_writes(1)');
SELECT error_of('SELECT cache_get_writes(2)');
SELECT cache_get_writes(3);
SELECT error_of('SELECT cache_get_writes_anyway(1)');
SELECT error_of('SELECT cache_get_sets_role(1)');
SELECT error_of('SELECT cache_get_makes_temp(1)');
SELECT count(*) FROM log;
SELECT cache, entries FROM cache_stat WHERE cache LIKE 'writes%' ORDER BY cache;
INSERT INTO log VALUES (2);
SELECT current_user, current_setting('transaction_read_only');

-- Temporary objects of the reader do not take the place of what the loader means.
SET ROLE regress_reader;
CREATE TEMP TABLE secret (owner int, amount int);
INSERT INTO secret VALUES (1, 999), (7, 999);
CREATE FUNCTION pg_temp.total(int) RETURNS bigint LANGUAGE sql AS 'SELECT 999::bigint';
SELECT cache_get_total(1), cache_get_total(7);
CREATE TEMP VIEW cache_definition AS SELECT 1 AS a;
SELECT cache_get_total(8);
SET search_path = pg_temp, public;
SELECT cache_get_total(9);
RESET search_path;
DROP VIEW pg_temp.cache_definition;
-- Nor do operators and functions that come first in the reader's search path.
RESET ROLE;
CREATE SCHEMA trap;
GRANT ALL ON SCHEMA trap TO regress_reader;
SET ROLE regress_reader;
CREATE FUNCTION trap.equal(int, int) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR trap.= (FUNCTION = trap.equal, LEFTARG = int, RIGHTARG = int);
SET search_path = trap, pg_catalog, public;
SELECT cache_get_total(10), cache_get('total', 11);
RESET search_path;

-- Row security is the owner's: what he may see is what everybody gets who may execute the accessor.
SET ROLE regress_owner;
CREATE TABLE row_secret (owner name, n int);
INSERT INTO row_secret VALUES ('regress_owner', 1), ('regress_reader', 2);
ALTER TABLE row_secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE row_secret FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON row_secret USING (owner = current_user);
CREATE FUNCTION visible() RETURNS text LANGUAGE sql STABLE AS $$SELECT string_agg(n::text, ' ' ORDER BY n) FROM row_secret$$;
SELECT cache_create('visible', 'visible()');
SELECT cache_invalidate_on('visible', 'row_secret');
GRANT EXECUTE ON FUNCTION cache_get_visible() TO regress_reader;
GRANT SELECT ON row_secret TO regress_reader;
SET ROLE regress_reader;
SELECT cache_get_visible(), (SELECT string_agg(n::text, ' ') FROM row_secret) AS own;
SET ROLE regress_owner;
SELECT cache_get_visible();
DROP POLICY own ON row_secret;
SELECT cache_get_visible() IS NULL AS nothing;

-- cache_drop by others, and once the accessor is gone.
SET ROLE regress_other;
SELECT error_of($$SELECT cache_drop('visible')$$);
SET ROLE regress_owner;
DROP FUNCTION cache_get_visible();
SELECT error_of($$SELECT cache_alter('visible', '{"ttl": null}')$$);
SET ROLE regress_other;
SELECT error_of($$SELECT cache_drop('visible')$$);
SET ROLE regress_owner;
SELECT cache_drop('visible');
RESET ROLE;
-- A role that owns caches can be dropped with what it owns.
DROP OWNED BY regress_owner CASCADE;
SELECT * FROM made_by_cache_ext WHERE object_kind <> 'dependency';
SELECT error_of($$SELECT cache_get('total', 1)$$);
SELECT count(cache_drop(name)) FROM cache_ext_internal.cache_definition;
SELECT * FROM made_by_cache_ext;

\set ECHO none
\i include/end.sql
DROP OWNED BY regress_owner, regress_reader, regress_other, regress_monitor;
DROP ROLE regress_owner, regress_reader, regress_other, regress_monitor;
