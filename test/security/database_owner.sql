-- The owner of the database and of the extension, who is no superuser: he restores rows, of his own caches.
\set ECHO none
\set database security_database_owner
\set role security_dbo
\i include/world.sql

-- The schema is his, so he may drop what is in it; that makes nothing his.
BEGIN;
SELECT * FROM public.attempts_on_all() WHERE outcome = 'ok';
SELECT * FROM public.attempts_on_all() WHERE outcome = 'ok' AND statement ~ 'total|cache_drop';
ROLLBACK;
BEGIN;
SELECT * FROM public.attempts_on_all() WHERE statement ~ 'cache_ext_internal|EXTENSION|CREATE|ALTER';
ROLLBACK;
CREATE SCHEMA mine;
CREATE TABLE mine.item (a int PRIMARY KEY, b text);
CREATE FUNCTION mine.loader(a int) RETURNS text LANGUAGE sql STABLE AS 'SELECT b FROM mine.item AS i WHERE i.a = $1';
SELECT cache.cache_create('mine', 'mine.loader(int)'), cache.cache_create('spare', 'mine.loader(int)', invalidate => 'track');
-- As after a restore: the accessors of "spare" are there, its row is not.
CREATE TEMP TABLE good AS SELECT * FROM cache_ext_internal.cache_definition WHERE name = 'spare';
SELECT pg_get_functiondef('cache.cache_get_spare(int)'::regprocedure) AS accessor \gset
SELECT cache.cache_drop('spare');
:accessor;
ALTER FUNCTION cache.cache_get_spare(int) DEPENDS ON EXTENSION cache_ext;
CREATE FUNCTION pg_temp.row_with(change jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO cache_ext_internal.cache_definition
    SELECT (jsonb_populate_record(g, change)).* FROM good AS g;
    RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
    RETURN format('%s: %s', SQLSTATE, SQLERRM);
END $$;
SELECT change, pg_temp.row_with(change) FROM unnest(ARRAY[
    '{"name": "Bad Name"}', '{"name": "many_x"}', '{"name": ""}', '{"name": "total"}', '{"name": "nothing"}', '{"name": null}',
    '{"id": 0}', '{"id": null}', '{"loader": "a.b.c"}', '{"loader": "\"\"\"\";;"}', '{"loader": "loader"}', '{"loader": ""}',
    '{"key_types": "{NULL}"}', '{"key_types": "{internal}"}', '{"key_types": "{{int},{int}}"}', '{"key_types": "{int,int}"}',
    '{"key_types": "{4294967295}"}', '{"key_types": null}', '{"value_type": "internal"}', '{"value_type": "999999999"}',
    '{"value_type": "record"}', '{"ttl": "-1 day"}', '{"ttl": "178000000 years"}', '{"ttl": "0"}',
    '{"refresh_at": "NaN"}', '{"refresh_at": -1e300}', '{"refresh_at": 1}', '{"refresh_at": "Infinity"}', '{"max_entries": -5}', '{"max_entries": 0}',
    '{"max_memory": "-1"}', '{"max_memory": "garbage"}', '{"max_memory": "99999999999999999999999999 TB"}', '{"budget": "spare"}', '{"budget": "total"}',
    '{"stale_for": "-1 day"}', '{"load_many": "\""}', '{"load_all": "a.b.c.d"}', '{"load_all": "\"\"\"\";;"}',
    '{"sync_every": "-5 s"}', '{"warm_every": "1 ms"}', '{"null_ttl": "-1 s"}', '{"ttl_min": "1 day"}', '{"ttl_max": "1 s"}',
    '{"load_timeout": "1 year"}', '{"settings": "{role=postgres}"}', '{"settings": "{NULL}"}', '{"settings": "{search_path}"}',
    '{"settings": "{session_preload_libraries=x}"}', '{"settings": null}']::jsonb[]) AS change;
SELECT pg_temp.row_with('{"functions": "{1,10,1,10,1,10,1,10}"}');
SELECT count(*), bool_and('1' <> ALL (functions)) FROM cache_ext_internal.cache_definition WHERE name = 'spare';
SELECT cache.cache_get_spare(1) IS NULL, (SELECT source FROM cache.cache_get_entry('spare', 1));
-- Rows of cache_dependency.
SELECT row_values, (SELECT outcome FROM public.attempts(format(
    'INSERT INTO cache_ext_internal.cache_dependency (cache, relation, key, key_mask, inserts, columns, path, key_query) VALUES (%s)', row_values)))
FROM unnest(ARRAY[
    $$'spare', 'cache_ext_internal.cache_definition', '{}', 0, false, NULL, NULL, NULL$$,
    $$'spare', 'pg_catalog.pg_class', '{}', 0, false, NULL, NULL, NULL$$,
    $$'spare', 4294967295::oid::regclass, '{}', 0, false, NULL, NULL, NULL$$,
    $$'spare', 'mine.item', '{{a,b},{a,b}}', -1, false, NULL, NULL, NULL$$,
    $$'spare', 'mine.item', '{{a},{b}}', 1, false, NULL, NULL, NULL$$,
    $$'spare', 'mine.item', '{}', 1, false, NULL, NULL, NULL$$,
    $$'spare', 'mine.item', '{a}', 0, false, NULL, NULL, NULL$$,
    $$'spare', 'mine.item', '{a}', 3, true, NULL, NULL, NULL$$,
    $$'spare', 'mine.item', '{a,b}', 1, true, NULL, NULL, NULL$$,
    $$'spare', 'mine.item', '{a,a}', 1, true, NULL, 1, NULL$$,
    $$'spare', 'mine.item', '{ctid}', 1, true, NULL, NULL, NULL$$,
    $$'spare', 'mine.item', '{zzz}', 1, true, NULL, NULL, NULL$$,
    $$'spare', 'mine.item', '{a}', 65535, true, NULL, NULL, NULL$$,
    $$'spare', 'mine.item', '{a}', 1, false, '{NULL}', NULL, NULL$$,
    $$'spare', 'mine.item', '{a}', 1, false, '{{a},{b}}', NULL, NULL$$,
    $$'spare', 'mine.item', '{a}', 1, false, '{xmin}', NULL, NULL$$,
    $$'spare', 'mine.item', '{a}', 1, true, NULL, -1, 'SELECT $1.a'$$,
    $$'spare', 'mine.item', '{a}', 1, true, NULL, NULL, 'DROP TABLE mine.item'$$,
    $$'spare', 'mine.item', '{a}', 1, true, NULL, NULL, 'SELECT ''x''::text'$$,
    $$'Bad Name', 'mine.item', '{a}', 1, false, NULL, NULL, NULL$$,
    $$'total', 'mine.item', '{a}', 1, false, NULL, NULL, NULL$$,
    $$'spare', 'mine.item', NULL, 1, false, NULL, NULL, NULL$$,
    $$'spare', 'mine.item', '{a}', 1, false, '{b}', NULL, NULL$$]) AS row_values;
INSERT INTO mine.item VALUES (1, 'x');
UPDATE mine.item SET b = 'y';
DELETE FROM mine.item;
TRUNCATE mine.item;
-- He may rename his schema, and drop the extension with all that is declared.
ALTER SCHEMA cache RENAME TO store;
SELECT store.cache_get_mine(1) IS NULL;
ALTER SCHEMA store RENAME TO cache;

\connect - postgres
SELECT * FROM public.victims_world();
-- Whoever may execute the trigger function, a superuser, gets nowhere with it on other tables.
SELECT * FROM public.attempts_by_trigger() WHERE statement ~ '^(INSERT|UPDATE|DELETE)';
-- What this session leaves to its end would depend on the extension a moment longer.
DISCARD TEMP;
\connect - security_dbo
DROP EXTENSION cache_ext;
SELECT count(*) FROM pg_proc WHERE proname LIKE 'cache\_%';
\i include/end.sql
