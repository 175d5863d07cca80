-- A stranger who owns another database, with the extension in it, and knows all names and ids.
\set ECHO none
\set database security_stranger
\set role postgres
\i include/world.sql

SELECT id AS victim_id FROM cache_ext_internal.cache_definition WHERE name = 'total' \gset
SET client_min_messages = warning;
DROP DATABASE IF EXISTS security_elsewhere;
CREATE DATABASE security_elsewhere OWNER security_other;
\connect security_elsewhere security_other
SET client_min_messages = warning;
CREATE SCHEMA cache;
CREATE EXTENSION cache_ext SCHEMA cache;
CREATE SCHEMA victim;
CREATE TABLE victim.secret (owner int PRIMARY KEY, amount int);
CREATE FUNCTION victim.total(owner int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 666::bigint';
-- A cache of the same name and of the same id, which he can only restore.
SELECT cache.cache_create('total', 'victim.total(int)');
CREATE TEMP TABLE good AS SELECT * FROM cache_ext_internal.cache_definition;
SELECT pg_get_functiondef('cache.cache_get_total(int)'::regprocedure) AS accessor \gset
SELECT cache.cache_drop('total');
:accessor;
ALTER FUNCTION cache.cache_get_total(int) DEPENDS ON EXTENSION cache_ext;
\set QUIET on
SELECT set_config('own.id', :'victim_id', false) IS NOT NULL AS set;
INSERT INTO cache_ext_internal.cache_definition
SELECT (jsonb_populate_record(g, jsonb_build_object('id', current_setting('own.id')::bigint))).* FROM good AS g;
SELECT cache.cache_get_total(1), cache.cache_get('total', 2);
SELECT cache.cache_invalidate_all('total') >= 1, cache.cache_put('total', '667', 1);
SELECT cache.cache_get_total(1);
SELECT cache, key FROM cache.cache_entries ORDER BY key;
-- Nothing of the other database is to be seen.
SELECT cache FROM cache.cache_stat;
SELECT count(*) FROM cache.cache_workers WHERE database = 'security_stranger';
SELECT cache.cache_drop('total');
DROP EXTENSION cache_ext;

\connect security_stranger postgres
SELECT * FROM public.victims_world();
DROP DATABASE security_elsewhere;
\i include/end.sql
