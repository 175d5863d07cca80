-- A login with nothing but TEMP on the database and USAGE on the extension's schema.
\set ECHO none
\set database security_temp_only
\set role security_nobody
\i include/world.sql

SELECT * FROM public.attempts_on_all();
SELECT * FROM public.attempts_by_trigger();
-- What he sees of others.
SELECT cache, last_error FROM cache.cache_stat ORDER BY cache;
SELECT count(*) FROM cache.cache_entries;
SELECT count(*) FROM cache.cache_health;
-- Functions of ours in other roles than they were made for.
SELECT * FROM public.attempts(
    'CREATE AGGREGATE pg_temp.agg (text) (SFUNC = cache_ext_internal.cache_fetch, STYPE = bigint, INITCOND = ''0'')',
    'SELECT pg_temp.agg(n) FROM (VALUES (''total''), (''conf'')) AS v (n)',
    'CREATE OPERATOR pg_temp.@@@ (FUNCTION = cache_ext_internal.cache_fetch, LEFTARG = bigint, RIGHTARG = text)',
    'SELECT 1::bigint OPERATOR(pg_temp.@@@) ''total''::text',
    'CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION cache_ext_internal.cache_invalidate_trigger()',
    'SELECT cache.cache_get(NULL, 1)', 'SELECT cache.cache_get(repeat(''x'', 100000), 1)',
    'SELECT cache.cache_get(''total'', VARIADIC ARRAY[]::int[])', 'SELECT cache.cache_get(''total'', VARIADIC NULL::int[])',
    'SELECT cache.cache_get(''total'', ROW(1))', 'SELECT cache.cache_get(''total'', ''x'')');

\connect - postgres
SELECT * FROM public.victims_world();
\i include/end.sql
