-- What is derived from loaders in PL/pgSQL.
\set ECHO none
\set database regress_derived_plpgsql
\i include/begin.sql
\set ECHO all
SET client_min_messages = warning;
\pset format unaligned

CREATE TABLE call (id int, account_id int, seconds int);
INSERT INTO call SELECT i, i % 3, i FROM generate_series(1, 9) AS i;
-- Types whose conversions and checks read all of the table.
CREATE FUNCTION total() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT sum(seconds) FROM call';
CREATE TYPE mood AS ENUM ('low', 'high');
CREATE FUNCTION to_mood(bool) RETURNS mood LANGUAGE sql STABLE AS $$ SELECT (CASE WHEN total() > 100 THEN 'high' ELSE 'low' END)::mood $$;
CREATE CAST (bool AS mood) WITH FUNCTION to_mood(bool) AS ASSIGNMENT;
CREATE TYPE answer AS ENUM ('yes', 'no');
CREATE FUNCTION to_bool(answer) RETURNS bool LANGUAGE sql STABLE AS 'SELECT total() > 100';
CREATE CAST (answer AS bool) WITH FUNCTION to_bool(answer) AS ASSIGNMENT;
CREATE FUNCTION to_int(answer) RETURNS int LANGUAGE sql STABLE AS 'SELECT total()::int % 3';
CREATE CAST (answer AS int) WITH FUNCTION to_int(answer) AS ASSIGNMENT;
CREATE FUNCTION is_small(int) RETURNS bool LANGUAGE sql STABLE AS 'SELECT $1 < total()';
CREATE FUNCTION to_text(answer) RETURNS text LANGUAGE sql STABLE AS 'SELECT total()::text';
CREATE DOMAIN small AS int CHECK (is_small(VALUE));
CREATE FUNCTION narrowed(x int) RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'none' $$;
CREATE FUNCTION narrowed(x text) RETURNS text LANGUAGE sql STABLE AS 'SELECT total()::text';
CREATE FUNCTION any_of(x anyelement) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN narrowed(x); END';

CREATE FUNCTION covered(body text, result text DEFAULT 'text') RETURNS TABLE (input text, covered text, reason text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE FUNCTION tried(k int) RETURNS %s LANGUAGE plpgsql STABLE AS %L', result, body);
    PERFORM cache_create('tried', 'tried(int)');
    RETURN QUERY SELECT d.input, d.covered, d.reason FROM cache_declare('tried') AS d ORDER BY d.input;
    PERFORM cache_drop('tried');
    EXECUTE 'DROP FUNCTION tried(int)';
END $$;

-- By key, however it is written.
SELECT * FROM covered('BEGIN RETURN (SELECT sum(seconds) FROM call WHERE account_id = k); END');
SELECT * FROM covered('<<f>> DECLARE n bigint; BEGIN SELECT sum(seconds) INTO n FROM call WHERE account_id = f.n IS NULL AND account_id = k; RETURN n; END');
SELECT * FROM covered('DECLARE a ALIAS FOR k; n bigint = 0; r record; BEGIN FOR r IN SELECT * FROM call WHERE account_id = a LOOP n := n + r.seconds; END LOOP; RETURN n; END');
SELECT * FROM covered('DECLARE c CURSOR (a int) FOR SELECT seconds FROM call WHERE account_id = k AND id > a; n int = 0; BEGIN FOR r IN c(3) LOOP n := n + r.seconds; END LOOP; RETURN n; END');
SELECT * FROM covered('DECLARE r call; BEGIN SELECT * INTO r FROM call WHERE account_id = k ORDER BY id LIMIT 1; IF NOT FOUND THEN RETURN NULL; END IF; RETURN r.seconds; END');
SELECT * FROM covered('DECLARE k int = 1; BEGIN RETURN (SELECT sum(seconds) FROM call WHERE account_id = tried.k); END');
-- What has the argument's name, or did once.
SELECT * FROM covered('DECLARE k int = 1; BEGIN RETURN (SELECT sum(seconds) FROM call WHERE account_id = k); END');
SELECT * FROM covered('BEGIN k := k + 1; RETURN (SELECT sum(seconds) FROM call WHERE account_id = k); END');
SELECT * FROM covered('BEGIN SELECT max(id) INTO k FROM call WHERE account_id = k; RETURN (SELECT sum(seconds) FROM call WHERE account_id = k); END');
SELECT * FROM covered('BEGIN GET DIAGNOSTICS k = ROW_COUNT; RETURN (SELECT sum(seconds) FROM call WHERE account_id = k); END');
SELECT * FROM covered('DECLARE n int = 0; BEGIN FOR k IN 1 .. 2 LOOP n := n + (SELECT count(*) FROM call WHERE account_id = k); END LOOP; RETURN n; END');
SELECT * FROM covered('DECLARE n int = 0; BEGIN FOREACH k IN ARRAY ARRAY[1, 2] LOOP n := n + (SELECT count(*) FROM call WHERE account_id = k); END LOOP; RETURN n; END');
-- Another statement reads more.
SELECT * FROM covered('BEGIN IF k = 1 THEN RETURN (SELECT sum(seconds) FROM call); END IF; RETURN (SELECT sum(seconds) FROM call WHERE account_id = k); END');
SELECT * FROM covered('DECLARE n bigint = (SELECT count(*) FROM call); BEGIN RETURN n + (SELECT sum(seconds) FROM call WHERE account_id = k); END');
SELECT * FROM covered('BEGIN ASSERT k < (SELECT count(*) FROM call); RETURN (SELECT sum(seconds) FROM call WHERE account_id = k); END');
SELECT * FROM covered('BEGIN RETURN (SELECT sum(seconds) FROM call WHERE account_id = k); EXCEPTION WHEN OTHERS THEN RETURN total(); END');
SELECT * FROM covered('BEGIN RAISE DEBUG ''%'', (SELECT count(*) FROM call); RETURN (SELECT sum(seconds) FROM call WHERE account_id = k); END');
-- Conversions that no query shows.
SELECT * FROM covered('BEGIN IF k = 1 THEN RETURN (SELECT sum(seconds) > 0 FROM call WHERE account_id = k); END IF; RETURN ''low''::mood; END', 'mood');
SELECT * FROM covered('DECLARE m mood; BEGIN SELECT sum(seconds) > 0 INTO m FROM call WHERE account_id = k; RETURN m; END');
SELECT * FROM covered('DECLARE m mood = (SELECT sum(seconds) > 0 FROM call WHERE account_id = k); BEGIN RETURN m; END');
SELECT * FROM covered('DECLARE n bigint = (SELECT sum(seconds) FROM call WHERE account_id = k); BEGIN IF ''yes''::answer THEN RETURN n; END IF; RETURN ''none''; END');
SELECT * FROM covered('DECLARE n bigint = (SELECT sum(seconds) FROM call WHERE account_id = k); BEGIN LOOP EXIT WHEN ''yes''::answer; RETURN n; END LOOP; RETURN ''none''; END');
SELECT * FROM covered('DECLARE n bigint = (SELECT sum(seconds) FROM call WHERE account_id = k); BEGIN FOR i IN 1 .. ''yes''::answer LOOP n := n + 1; END LOOP; RETURN n; END');
SELECT * FROM covered('DECLARE m mood; BEGIN FOREACH m IN ARRAY ARRAY[true] LOOP RETURN m || (SELECT sum(seconds) FROM call WHERE account_id = k)::text; END LOOP; END');
SELECT * FROM covered('DECLARE d small; BEGIN SELECT 5 INTO d; RETURN (SELECT sum(seconds) + d FROM call WHERE account_id = k); END');
SELECT * FROM covered('BEGIN RETURN (SELECT sum(seconds) FROM call WHERE account_id = k) || any_of(''x''::text); END');
-- Rows that do not matter can raise errors, which a handler tells from values.
SELECT * FROM covered('BEGIN RETURN (SELECT sum(100 / seconds) FROM call WHERE account_id = k); EXCEPTION WHEN division_by_zero THEN RETURN -1; END');
CREATE CAST (answer AS text) WITH FUNCTION to_text(answer);
SELECT * FROM covered('BEGIN RETURN (SELECT sum(seconds) FROM call WHERE account_id = k) || quote_literal(''yes''::answer); END');
-- Names mean something else from here on.
SELECT * FROM covered('BEGIN PERFORM set_config(''search_path'', ''elsewhere'', true); RETURN (SELECT sum(seconds) FROM call WHERE account_id = k); END');
-- Equal is not the same.
CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE called (name text, seconds int);
CREATE TABLE names (id int, name text);
CREATE FUNCTION named(a text, b text) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT sum(n.seconds) FROM called AS n WHERE n.name = a';
SELECT * FROM covered('BEGIN RETURN named(k::text, '''' COLLATE loose); END');
SELECT * FROM covered('BEGIN RETURN (SELECT x.s FROM (SELECT name COLLATE loose AS name, sum(seconds) AS s FROM called GROUP BY 1) AS x JOIN names AS n ON n.name = x.name COLLATE "C" WHERE n.id = k); END');
-- What nobody knows before it runs.
SELECT * FROM covered('DECLARE n bigint; BEGIN EXECUTE ''SELECT count(*) FROM call'' INTO n; RETURN n + (SELECT sum(seconds) FROM call WHERE account_id = k); END');
SELECT * FROM covered('DECLARE c refcursor; r record; BEGIN OPEN c FOR SELECT * FROM call WHERE account_id = k; FETCH c INTO r; CLOSE c; RETURN r.seconds; END');
SELECT * FROM covered('DECLARE r record; BEGIN SELECT 1 AS a INTO r; SELECT seconds AS a INTO r FROM call WHERE account_id = k; RETURN r.a; END');
SELECT * FROM covered('BEGIN CASE k WHEN 1 THEN RETURN (SELECT sum(seconds) FROM call WHERE account_id = k); ELSE RETURN 0; END CASE; END');
SELECT * FROM covered('BEGIN SELECT 1; RETURN (SELECT no_such FROM call WHERE account_id = k); END');

-- The same loader, run and changed.
CREATE FUNCTION load_call(k int) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    n bigint;
BEGIN
    SELECT sum(seconds) INTO n FROM call WHERE account_id = k;
    RETURN n;
END $$;
SELECT cache_create('call', 'load_call(int)', invalidate => 'auto');
CREATE VIEW reads AS SELECT k, value = to_jsonb(load_call(k)) AS is_right, source FROM generate_series(1, 2) AS k, cache_get_entry('call', k);
SELECT * FROM reads;
SELECT * FROM reads;
UPDATE call SET seconds = 100 WHERE id = 1;
SELECT * FROM reads;
SELECT * FROM reads;
CREATE OR REPLACE FUNCTION load_call(k int) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN total(); END';
SELECT * FROM reads;
SELECT * FROM reads;
SELECT covered, reason FROM cache_declare('call');
SELECT is_right FROM reads;
SELECT * FROM reads;
UPDATE call SET seconds = 200 WHERE id = 1;
SELECT * FROM reads;
-- Run or invalidated in another way.
CREATE OR REPLACE FUNCTION load_call(k int) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT sum(seconds) FROM call WHERE account_id = k); END';
SELECT covered FROM cache_declare('call');
SELECT cache_alter('call', '{"run_as": "reader"}');
SELECT input, covered FROM cache_check('call');
SELECT is_right FROM reads;
SELECT * FROM reads;
SELECT cache_alter('call', '{"run_as": "owner"}');
SELECT is_right FROM reads;
SELECT input, covered FROM cache_check('call');
SELECT cache_alter('call', '{"invalidate": "declared"}');
SELECT input, covered FROM cache_check('call');
CREATE OR REPLACE FUNCTION load_call(k int) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN total(); END';
SELECT is_right FROM reads;
SELECT * FROM reads;
SELECT error_of($$SELECT cache_declare('call')$$);

\i include/end.sql
