-- Plans that a session has kept were made under its own settings, or those of another cache; PostgreSQL does not
-- make them anew after SET.
\set ECHO none
\set database regress_plan_settings
\i include/begin.sql
\set ECHO all

SET timezone = 'UTC';
CREATE TABLE event (at timestamptz, n int);
INSERT INTO event VALUES ('2024-01-01 00:00:00+00', 1);
CREATE FUNCTION other(k int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN k; END';
CREATE FUNCTION helper() RETURNS bigint LANGUAGE plpgsql STABLE AS
    $$BEGIN RETURN (SELECT count(*) FROM event WHERE at >= '2024-01-01'); END$$;
CREATE FUNCTION sql_helper() RETURNS bigint LANGUAGE sql STABLE AS
    $$SELECT count(*) FROM event WHERE at >= '2024-01-01'; SELECT count(*) FROM event WHERE at >= '2024-01-01'$$;
CREATE FUNCTION direct(k text) RETURNS bigint LANGUAGE plpgsql STABLE AS
    $$BEGIN RETURN (SELECT count(*) FROM event WHERE at >= '2024-01-01'); END$$;
CREATE FUNCTION calls(k text) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN helper() || '' '' || sql_helper(); END';
SELECT cache_create('other', 'other(int)'), cache_create('direct', 'direct(text)'), cache_create('calls', 'calls(text)');
SELECT cache_invalidate_on('direct', 'event'), cache_invalidate_on('calls', 'event');
SET timezone = 'America/New_York';
CREATE FUNCTION there(k text) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN helper() || '' '' || sql_helper(); END';
SELECT cache_create('there', 'there(text)');

-- The session has planned under a time zone of its own. A first miss has made plans anew before that.
\connect
SET timezone = 'UTC';
SELECT cache_get_other(1);
SET timezone = 'America/New_York';
SELECT direct('a'), calls('a');
SELECT cache_get_direct('a'), cache_get_calls('a');
SELECT direct('a'), calls('a');
SET timezone = 'UTC';
SELECT value FROM cache_get_entry('direct', 'a');
-- SET and back again between two plans.
SELECT cache_get_direct('b');
SET timezone = 'America/New_York';
SELECT direct('c');
SET timezone = 'UTC';
SELECT cache_get_direct('c'), cache_get_calls('c');
-- Two caches with settings of their own call the same helper, in either order, and after an error.
SELECT cache_get_calls('d'), cache_get_there('d'), cache_get_calls('e'), cache_get_there('e');
CREATE FUNCTION fails_there(k text) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN PERFORM helper(); RETURN 1 / length(k); END';
SET timezone = 'America/New_York';
SELECT cache_create('fails_there', 'fails_there(text)');
\connect
SET timezone = 'UTC';
SELECT cache_get_other(2);
DO $$ BEGIN PERFORM cache_get_fails_there(''); EXCEPTION WHEN division_by_zero THEN RAISE NOTICE 'failed'; END $$;
SELECT helper(), sql_helper();
SELECT cache, (cache_verify(cache)).mismatched FROM unnest('{direct,calls,there}'::text[]) AS cache;

\i include/end.sql
