-- A database in which a victim has caches, and roles of all kinds. Set `database` and `role` before: the
-- rest of the file is run as that role.
\set QUIET on
SET client_min_messages = warning;
DROP DATABASE IF EXISTS :database;
DROP ROLE IF EXISTS security_victim, security_reader, security_nobody, security_creator, security_other, security_dbo;
CREATE ROLE security_victim LOGIN;
CREATE ROLE security_reader LOGIN;
CREATE ROLE security_nobody LOGIN;
CREATE ROLE security_creator LOGIN;
CREATE ROLE security_other LOGIN;
CREATE ROLE security_dbo LOGIN CREATEDB;
CREATE DATABASE :database OWNER security_dbo;
\connect :database
SET client_min_messages = warning;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO PUBLIC;
-- Created by the database's owner, who is no superuser: the script runs as the bootstrap superuser.
SET ROLE security_dbo;
CREATE SCHEMA cache;
CREATE EXTENSION cache_ext SCHEMA cache;
GRANT USAGE ON SCHEMA cache TO PUBLIC;
GRANT CREATE ON SCHEMA cache TO security_victim, security_creator, security_other;
CREATE SCHEMA victim;
RESET ROLE;
ALTER SCHEMA victim OWNER TO security_victim;
CREATE SCHEMA own;
GRANT CREATE, USAGE ON SCHEMA own TO security_creator, security_other, security_reader;
SET ROLE security_victim;
CREATE TABLE victim.secret (owner int PRIMARY KEY, amount int);
INSERT INTO victim.secret SELECT g, g * 10 FROM generate_series(1, 9) AS g;
CREATE FUNCTION victim.total(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(amount) FROM victim.secret AS s WHERE s.owner = $1';
REVOKE ALL ON FUNCTION victim.total(int) FROM PUBLIC;
DO $$
BEGIN
    PERFORM cache.cache_create('total', 'victim.total(int)');
    PERFORM cache.cache_invalidate_on('total', 'victim.secret', '{owner}');
    PERFORM cache.cache_create('conf', key_types => '{int}', value_type => 'text', groups => '{who: 1}');
END $$;
DO $$
BEGIN
    PERFORM cache.cache_put('conf', '"mine"', 1);
    PERFORM cache.cache_get('total', 1);
END $$;
GRANT EXECUTE ON FUNCTION cache.cache_get_total(int) TO security_reader;
RESET ROLE;

-- Runs statements as the current role and says what the client would see.
CREATE FUNCTION public.attempts(VARIADIC statements text[])
RETURNS TABLE (statement text, outcome text) LANGUAGE plpgsql AS $$
BEGIN
    FOREACH statement IN ARRAY statements LOOP
        BEGIN
            EXECUTE statement;
            outcome := 'ok';
        EXCEPTION WHEN OTHERS THEN
            outcome := format('%s: %s', SQLSTATE, split_part(SQLERRM, E'\n', 1));
        END;
        RETURN NEXT;
    END LOOP;
END $$;

-- What concerns the victim's caches and the extension itself.
CREATE FUNCTION public.attempts_on_all() RETURNS TABLE (statement text, outcome text) LANGUAGE sql AS $$
SELECT * FROM public.attempts(VARIADIC ARRAY[
    'SELECT cache.cache_get_total(1)', 'SELECT cache.cache_get_many_total(''{1,2}'')', 'SELECT cache.cache_get(''total'', 1)',
    'SELECT cache.cache_get_entry(''total'', 1)', 'SELECT cache.cache_peek(''total'', 1)', 'SELECT cache.cache_explain(''total'', 1)',
    'SELECT cache_ext_internal.cache_fetch(NULL::bigint, ''total'', 1)',
    'SELECT cache_ext_internal.cache_fetch(NULL::text, ''total'', 1)',
    'SELECT cache_ext_internal.cache_fetch(NULL::bigint, ''total'', ''1''::text)',
    'SELECT cache_ext_internal.cache_fetch(NULL::bigint, ''total'')',
    'SELECT cache_ext_internal.cache_fetch(NULL::bigint, ''total'', VARIADIC ARRAY[1])',
    'SELECT cache_ext_internal.cache_fetch(NULL::bigint, NULL, 1)',
    'SELECT cache_ext_internal.cache_fetch_of(NULL::bigint, ''total'', ''{1}''::int[])',
    'SELECT cache_ext_internal.cache_fetch_of(NULL::bigint, ''total'', ''{1}''::int8[])',
    'SELECT cache_ext_internal.cache_put_value(''total'', 7::bigint, NULL, false, 1)',
    'SELECT cache_ext_internal.cache_put_value(''conf'', 7, NULL, false, 1)', 'SELECT cache_ext_internal.cache_put_value(''conf'', ''x''::text, NULL, false, 1)',
    'SELECT cache.cache_put(''total'', ''7'', 1)', 'SELECT cache.cache_put(''conf'', ''"x"'', 1)', 'SELECT cache.cache_put_conf(1, ''x'')',
    'SELECT cache.cache_get_conf(1)', 'SELECT cache.cache_get(''conf'', 1)',
    'SELECT cache.cache_add(''conf'', ''"x"'', 1)', 'SELECT cache.cache_add_conf(1, ''x'')', 'SELECT cache.cache_replace(''conf'', ''"mine"'', ''"x"'', 1)',
    'SELECT cache.cache_replace_conf(1, ''mine'', ''x'')', 'SELECT cache.cache_get_or_put_conf(1, ''x'')',
    'SELECT cache_ext_internal.cache_add_value(''conf'', ''x''::text, NULL, 1)',
    'SELECT cache_ext_internal.cache_replace_value(''conf'', ''mine''::text, ''x''::text, NULL, 1)',
    'SELECT cache_ext_internal.cache_seek(''conf'', 1)', 'SELECT cache_ext_internal.cache_sought(NULL::text)',
    'SELECT cache_ext_internal.cache_keep_value(''conf'', ''x''::text, NULL, 1)',
    'SELECT cache.cache_refresh(''total'', 1)', 'SELECT cache.cache_invalidate(''total'', 1)', 'SELECT cache.cache_invalidate_all(''total'')',
    'SELECT cache.cache_invalidate_like(''total'', ''%'')', 'SELECT cache.cache_verify(''total'')', 'SELECT cache.cache_check(''total'')', 'SELECT cache.cache_warm(''total'')',
    'SELECT cache.cache_invalidate_group(''who'', 1)', 'SELECT cache.cache_warm_group(''who'', 1)',
    'SELECT cache.cache_invalidate_many(''total'', ''[1]'')', 'SELECT cache.cache_refresh_many(''total'', ''[1]'')', 'SELECT cache.cache_warm_many(''total'', ''[1]'')',
    'SELECT cache.cache_warm_many(''total'', ''[1]'', background => true)',
    'SELECT cache.cache_sync(''total'')', 'SELECT cache.cache_alter(''total'', ''{"ttl": null}'')',
    'SELECT cache.cache_invalidate_on(''total'', ''victim.secret'')',
    'SELECT cache.cache_invalidate_on_path(''total'', ''victim.secret'', ''SELECT $1.owner'')',
    'SELECT cache.cache_stat_reset(''total'')', 'SELECT cache.cache_clear_request()', 'SELECT cache.cache_clear(''x'')',
    'SELECT cache.cache_drop(''total'')', 'SELECT victim.total(1)',
    'SELECT * FROM cache_ext_internal.cache_definition', 'SELECT * FROM cache_ext_internal.cache_dependency',
    'INSERT INTO cache_ext_internal.cache_dependency (cache, relation, key, key_mask, inserts) VALUES (''total'', ''pg_class'', ''{}'', 0, false)',
    'UPDATE cache_ext_internal.cache_definition SET loader = ''own.loader''', 'DELETE FROM cache_ext_internal.cache_definition',
    'DELETE FROM cache_ext_internal.cache_dependency', 'TRUNCATE cache_ext_internal.cache_definition, cache_ext_internal.cache_dependency',
    'LOCK TABLE cache_ext_internal.cache_definition', 'ALTER TABLE cache_ext_internal.cache_definition DISABLE TRIGGER ALL',
    'SELECT setval(''cache_ext_internal.cache_dependency_id_seq'', 1)',
    'CREATE FUNCTION cache_ext_internal.cache_fetch(bigint, text, int) RETURNS bigint LANGUAGE sql AS ''SELECT 666::bigint''',
    'CREATE TABLE cache_ext_internal.t (a int)', 'ALTER SCHEMA cache_ext_internal RENAME TO x', 'DROP SCHEMA cache_ext_internal CASCADE',
    'ALTER FUNCTION cache_ext_internal.cache_fetch(anyelement, text) OWNER TO current_user',
    'DROP FUNCTION cache_ext_internal.cache_invalidate_trigger() CASCADE',
    'ALTER EXTENSION cache_ext DROP FUNCTION cache_ext_internal.cache_fetch(anyelement, text)',
    'CREATE OR REPLACE FUNCTION cache.cache_get_total(owner int) RETURNS bigint LANGUAGE sql AS ''SELECT 666::bigint''',
    'ALTER FUNCTION cache.cache_get_total(int) OWNER TO current_user', 'DROP FUNCTION cache.cache_get_total(int)',
    'CREATE FUNCTION cache.cache_get_total(text) RETURNS bigint LANGUAGE sql AS ''SELECT 666::bigint''',
    'CREATE FUNCTION cache.cache_put_total(int, bigint) RETURNS void LANGUAGE sql AS ''SELECT''',
    'CREATE FUNCTION cache.cache_create(text, text) RETURNS void LANGUAGE sql AS ''SELECT''',
    'SELECT cache.cache_create(''stolen'', ''victim.total(int)'')',
    'SELECT cache_ext_internal.cache_definition_changed()', 'SELECT cache_ext_internal.cache_invalidate_trigger()',
    'SET cache_ext.memory = ''1GB''', 'SET cache_ext.clock_offset = ''1h'''])
$$;

-- Trigger functions of ours on tables of one's own, called like ours.
CREATE FUNCTION public.attempts_by_trigger() RETURNS TABLE (statement text, outcome text) LANGUAGE sql AS $$
SELECT * FROM public.attempts(VARIADIC ARRAY[
    'CREATE TEMP TABLE cache_dependency (cache text)',
    'CREATE TRIGGER t BEFORE INSERT ON pg_temp.cache_dependency FOR EACH ROW EXECUTE FUNCTION cache_ext_internal.cache_definition_changed()',
    'INSERT INTO pg_temp.cache_dependency VALUES (NULL)',
    'CREATE TEMP TABLE cache_definition (name int, id text)',
    'CREATE TRIGGER t AFTER UPDATE ON pg_temp.cache_definition FOR EACH STATEMENT EXECUTE FUNCTION cache_ext_internal.cache_definition_changed()',
    'INSERT INTO pg_temp.cache_definition VALUES (1, ''x'')', 'UPDATE pg_temp.cache_definition SET name = 1',
    'CREATE TRIGGER i BEFORE INSERT ON pg_temp.cache_definition FOR EACH ROW EXECUTE FUNCTION cache_ext_internal.cache_invalidate_trigger()',
    'INSERT INTO pg_temp.cache_definition VALUES (1, ''x'')',
    'CREATE TEMP TABLE plain (a int)', 'INSERT INTO pg_temp.plain VALUES (0)',
    'CREATE TRIGGER s AFTER INSERT ON pg_temp.plain FOR EACH STATEMENT EXECUTE FUNCTION cache_ext_internal.cache_invalidate_trigger()',
    'INSERT INTO pg_temp.plain VALUES (1)',
    'DROP TRIGGER s ON pg_temp.plain',
    'CREATE TRIGGER s AFTER INSERT ON pg_temp.plain FOR EACH ROW EXECUTE FUNCTION cache_ext_internal.cache_invalidate_trigger(''total'')',
    'INSERT INTO pg_temp.plain VALUES (1)',
    'DROP TRIGGER s ON pg_temp.plain',
    'CREATE TRIGGER s AFTER INSERT ON pg_temp.plain FOR EACH ROW WHEN (NEW.a > 1) EXECUTE FUNCTION cache_ext_internal.cache_invalidate_trigger()',
    'INSERT INTO pg_temp.plain VALUES (2)',
    'DROP TRIGGER s ON pg_temp.plain',
    'CREATE TRIGGER s AFTER UPDATE OF a ON pg_temp.plain FOR EACH ROW EXECUTE FUNCTION cache_ext_internal.cache_invalidate_trigger()',
    'UPDATE pg_temp.plain SET a = 3',
    'DROP TRIGGER s ON pg_temp.plain',
    'CREATE TRIGGER s AFTER INSERT ON pg_temp.plain FOR EACH ROW EXECUTE FUNCTION cache_ext_internal.cache_invalidate_trigger()',
    'INSERT INTO pg_temp.plain VALUES (4)',
    'CREATE TEMP VIEW seen AS SELECT * FROM pg_temp.plain',
    'CREATE TRIGGER s INSTEAD OF DELETE ON pg_temp.seen FOR EACH ROW EXECUTE FUNCTION cache_ext_internal.cache_invalidate_trigger()',
    'DELETE FROM pg_temp.seen'])
$$;

-- What the victim has, after all.
CREATE FUNCTION public.victims_world() RETURNS TABLE (what text, is_so text) LANGUAGE sql AS $$
SELECT 'loader and cache', format('%s = %s', victim.total(1), cache.cache_get_total(1))
UNION ALL SELECT 'entry', (SELECT source FROM cache.cache_get_entry('total', 1))
UNION ALL SELECT 'put', cache.cache_get_conf(1)
UNION ALL SELECT 'loader of', (SELECT loader || ', ttl ' || ttl FROM cache_ext_internal.cache_definition WHERE name = 'total')
UNION ALL SELECT 'rows', (SELECT count(*) FROM cache_ext_internal.cache_definition) || ', ' || (SELECT count(*) FROM cache_ext_internal.cache_dependency)
UNION ALL SELECT 'owners', (SELECT string_agg(DISTINCT proowner::regrole::text, ', ') FROM pg_proc WHERE proname ~ '^cache_(get|put)_(many_)?(total|conf)$')
UNION ALL SELECT 'health', (SELECT string_agg(format('%s %s', "check", status), ', ') FROM cache.cache_health WHERE status = 'critical')
$$;

\pset format unaligned
\pset tuples_only
\pset fieldsep ' -> '
\connect - :role
SET client_min_messages = warning;
\set ECHO all
