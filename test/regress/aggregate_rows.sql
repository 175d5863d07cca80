-- Rows of aggregate caches that somebody else than cache_create_aggregate has written, as a restore does; and expressions
-- that fail for a row.
\set ECHO none
\set database regress_aggregate_rows
\i include/begin.sql

-- The owner of the database owns the extension, and is no superuser.
CREATE ROLE regress_aggregate_rows;
CREATE ROLE regress_aggregate_victim;
GRANT CREATE ON SCHEMA public TO regress_aggregate_rows, regress_aggregate_victim;
GRANT CREATE ON DATABASE :database TO regress_aggregate_rows;
DROP VIEW made_by_cache_ext;
DROP EXTENSION cache_ext;
SET ROLE regress_aggregate_rows;
CREATE EXTENSION cache_ext;
CREATE TABLE t (k int, v numeric(10,2));
INSERT INTO t VALUES (1, 1), (1, 2), (2, NULL);
SELECT cache_create_aggregate('sums', 't', '{k}', '{n: count(*), s: sum(v), m: avg(v)}');
CREATE TEMPORARY TABLE d AS SELECT * FROM cache_ext_internal.cache_definition;
CREATE TEMPORARY TABLE e AS SELECT * FROM cache_ext_internal.cache_dependency;
CREATE VIEW wrong AS
    SELECT k, cache_get_sums(k)::text FROM generate_series(1, 2) AS g (k)
    WHERE cache_get_sums(k)::text <> (SELECT ROW(count(*), sum(v), avg(v))::text FROM t WHERE t.k = g.k);
TABLE wrong;

-- One dependency, the one that was declared: a second one would add each row again.
CREATE FUNCTION insert_dependency(change text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN
    CREATE TEMPORARY TABLE x AS SELECT * FROM e;
    EXECUTE 'UPDATE x SET id = id + 1000, ' || change;
    RETURN QUERY SELECT error_of('INSERT INTO cache_ext_internal.cache_dependency SELECT * FROM x');
    DROP TABLE x;
END $$;
SELECT insert_dependency('derived = false');
SELECT insert_dependency($$key = '{k}', key_mask = 1$$);
SELECT insert_dependency($$key = '{k}', since = 1, bounds = '[)'$$);
SELECT insert_dependency('derived = true');
CREATE TABLE other (k int, v numeric(10,2));
SELECT insert_dependency($$relation = 'other'$$);

-- A restore may insert dependencies before their cache.
DROP VIEW wrong;
SELECT cache_drop('sums');
CREATE PROCEDURE make_functions() LANGUAGE plpgsql AS $$ BEGIN
    CREATE TYPE cache_row_sums AS (n bigint, s numeric, m numeric);
    CREATE FUNCTION cache_sum_sums(k int) RETURNS numeric[] LANGUAGE sql STABLE BEGIN ATOMIC
        SELECT ARRAY[count(*)::numeric, sum(v), count(v)::numeric, avg(v), sum(v), count(v)::numeric] FROM t WHERE t.k = $1; END;
    CREATE FUNCTION cache_get_sums(k int) RETURNS cache_row_sums LANGUAGE sql STABLE
        AS 'SELECT cache_ext_internal.cache_fetch(NULL::public.cache_row_sums, ''sums'', $1)';
    CREATE VIEW wrong AS
        SELECT k, cache_get_sums(k)::text FROM generate_series(1, 2) AS g (k)
        WHERE cache_get_sums(k)::text <> (SELECT ROW(count(*), sum(v), avg(v))::text FROM t WHERE t.k = g.k);
    DROP TRIGGER IF EXISTS cache_ext_row ON t;
    CREATE TRIGGER cache_ext_row AFTER INSERT OR UPDATE OR DELETE ON t FOR EACH ROW
        EXECUTE FUNCTION cache_ext_internal.cache_invalidate_trigger();
    ALTER TABLE t ENABLE ALWAYS TRIGGER cache_ext_row;
END $$;
SET client_min_messages = warning;
CALL make_functions();
RESET client_min_messages;
INSERT INTO cache_ext_internal.cache_dependency SELECT * FROM e;
SELECT insert_dependency('derived = false');
INSERT INTO cache_ext_internal.cache_definition SELECT (json_populate_record(d, '{"value_type": "cache_row_sums"}')).* FROM d;
TABLE wrong;
TABLE wrong;
INSERT INTO t VALUES (1, 3);
TABLE wrong;
SELECT state, reason FROM cache_explain('sums', 1);
SELECT status, detail FROM cache_health WHERE "check" = 'declarations';
DROP VIEW wrong;
SELECT cache_drop('sums');

-- What a restore makes of it as it was is an aggregate cache.
SET client_min_messages = warning;
CALL make_functions();
RESET client_min_messages;
INSERT INTO cache_ext_internal.cache_definition SELECT (json_populate_record(d, '{"value_type": "cache_row_sums"}')).* FROM d;
INSERT INTO cache_ext_internal.cache_dependency SELECT * FROM e;
TABLE wrong;
INSERT INTO t VALUES (1, 4), (2, 5);
UPDATE t SET k = 2 WHERE v = 1;
TABLE wrong;
SELECT fills, bypasses FROM cache_stat WHERE cache = 'sums';

-- Bodies that are none of the kind: they are not run by who writes, whatever the row says of them.
CREATE FUNCTION noisy(k int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
    RAISE WARNING 'runs as %', current_user;
    RETURN k;
END $$;
CREATE TYPE cache_row_other AS (n numeric);
CREATE FUNCTION cache_get_other(k int) RETURNS cache_row_other LANGUAGE sql STABLE
    AS $$ SELECT cache_ext_internal.cache_fetch(NULL::public.cache_row_other, 'other', $1) $$;
CREATE FUNCTION try_loader(attributes text, part text, key text DEFAULT 'k') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    said text[];
BEGIN
    EXECUTE format('CREATE FUNCTION cache_sum_other(key1 int) RETURNS numeric[] LANGUAGE sql %s BEGIN ATOMIC
        SELECT ARRAY[%s] FROM other WHERE (%s) = $1; END', attributes, part, key);
    INSERT INTO cache_ext_internal.cache_definition SELECT (x).* FROM (
        SELECT json_populate_record(d, json_build_object('name', 'other', 'id', 4711, 'loader', '"public"."cache_sum_other"',
            'value_type', 'cache_row_other', 'aggregate', 1)) AS x FROM d) AS y;
    INSERT INTO cache_ext_internal.cache_dependency SELECT (x).* FROM (
        SELECT json_populate_record(e, json_build_object('id', 4711, 'cache', 'other', 'relation', 'other')) AS x FROM e) AS y;
    said := ARRAY(SELECT error_of('SELECT cache_get_other(1)'))
         || ARRAY(SELECT error_of('INSERT INTO other VALUES (1, 1)'))
         || ARRAY(SELECT error_of('SELECT cache_get_other(1)'));
    RAISE EXCEPTION 'undone' USING ERRCODE = 'P0099';
EXCEPTION WHEN SQLSTATE 'P0099' THEN RETURN array_to_string(said, E'\n');
END $$;
CREATE TRIGGER cache_ext_row AFTER INSERT OR UPDATE OR DELETE ON other FOR EACH ROW
    EXECUTE FUNCTION cache_ext_internal.cache_invalidate_trigger();
\pset format unaligned
\pset tuples_only on
SELECT try_loader('STABLE', 'count(*)::numeric');
SELECT try_loader('IMMUTABLE', 'count(*)::numeric');
SELECT try_loader('STABLE STRICT', 'count(*)::numeric');
SELECT try_loader('STABLE SET work_mem = ''1MB''', 'count(*)::numeric', 'public.noisy(k)');
SELECT try_loader('STABLE SECURITY DEFINER', 'count(*)::numeric', 'public.noisy(k)');
SELECT try_loader('STABLE', 'count(*)::numeric', 'public.noisy(k)');
SELECT try_loader('STABLE', 'sum(public.noisy(k))::numeric, count(k)::numeric');
SELECT try_loader('STABLE', 'avg(v)');
SELECT try_loader('IMMUTABLE', 'avg(v)');
SELECT try_loader('STABLE', 'sum(v), count(*)::numeric');
SELECT try_loader('STABLE', 'avg(v), count(v)::numeric, sum(v)');
SELECT try_loader('STABLE', 'abs(sum(v)), count(v)::numeric');
SELECT try_loader('STABLE', 'pi()::numeric');
\pset format aligned
\pset tuples_only off

-- Nothing but the row type that was made for the cache goes with the extension.
SET ROLE regress_aggregate_victim;
CREATE TABLE precious (n numeric);
CREATE TYPE mine AS (n numeric);
SET ROLE regress_aggregate_rows;
CREATE FUNCTION cache_get_evil(k int) RETURNS precious LANGUAGE sql STABLE RETURN NULL::precious;
CREATE FUNCTION cache_get_worse(k int) RETURNS mine LANGUAGE sql STABLE RETURN NULL::mine;
CREATE FUNCTION cache_get_wrong(k int) RETURNS int LANGUAGE sql STABLE RETURN 1;
CREATE TABLE cache_row_table (n numeric);
CREATE FUNCTION cache_get_table(k int) RETURNS cache_row_table LANGUAGE sql STABLE RETURN NULL::cache_row_table;
CREATE FUNCTION insert_definition(cache text, type text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT error_of(format('INSERT INTO cache_ext_internal.cache_definition SELECT (x).* FROM (
        SELECT json_populate_record(d, json_build_object(''name'', %L, ''id'', 4711, ''value_type'', %L)) AS x FROM d) AS y', cache, type)) $$;
SELECT insert_definition('evil', 'precious');
SELECT insert_definition('worse', 'mine');
SELECT insert_definition('wrong', 'cache_row_sums');
SELECT insert_definition('table', 'cache_row_table');

-- A path's part with more columns than the key has: the other caches stand.
CREATE TABLE a (id int PRIMARY KEY, k int);
CREATE TABLE b (id int PRIMARY KEY, a int, v int);
CREATE FUNCTION ab(k int) RETURNS bigint LANGUAGE sql STABLE
    BEGIN ATOMIC SELECT sum(b.v) FROM b JOIN a ON a.id = b.a WHERE a.k = $1; END;
SET client_min_messages = warning;
SELECT cache_create('ab', 'ab(int)');
RESET client_min_messages;
SELECT error_of($$INSERT INTO cache_ext_internal.cache_dependency SELECT (x).* FROM (
    SELECT json_populate_record(p, '{"id": 4712, "key": ["k", "id"]}') AS x FROM cache_ext_internal.cache_dependency AS p
    WHERE cache = 'ab' AND path IS NOT NULL LIMIT 1) AS y$$);
TABLE wrong;

-- Errors of expressions are not the writer's.
CREATE TABLE long (k int, a text, n int);
SELECT cache_create_aggregate('longs', 'long', '{k}', '{n: count(*), "s: sum(length(repeat(a, n) || repeat(a, n)))"}');
SELECT cache_get_longs(1);
INSERT INTO long VALUES (1, '0123456789', 60000000);
INSERT INTO long VALUES (2, '0123456789', 6);
SELECT cache_get_longs(2);
SELECT error_of('SELECT cache_get_longs(1)');
DELETE FROM long WHERE k = 1;
SELECT cache_get_longs(1);

RESET ROLE;
SET client_min_messages = warning;
DROP EXTENSION cache_ext CASCADE;
RESET client_min_messages;
SELECT relname FROM pg_class WHERE relname IN ('precious', 'mine', 'cache_row_table', 'cache_row_other', 'cache_row_sums') ORDER BY 1;
SET client_min_messages = warning;
DROP OWNED BY regress_aggregate_rows, regress_aggregate_victim CASCADE;
DROP ROLE regress_aggregate_rows, regress_aggregate_victim;

\i include/end.sql
