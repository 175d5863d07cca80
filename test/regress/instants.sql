-- Keys between which a row's instant lies: since and until of cache_invalidate_on.
\set ECHO none
\set database regress_instants
\i include/begin.sql
\set ECHO all

CREATE TABLE call (id int PRIMARY KEY, org int, at timestamptz, day date, stamp timestamp, n bigint, kind text);
INSERT INTO call SELECT g, 1 + g % 2, t, t AT TIME ZONE 'UTC', t AT TIME ZONE 'UTC', g, 'in'
    FROM generate_series(1, 60) AS g, make_timestamptz(2025, 10, 1, 12, 0, 0, 'UTC') AS s, LATERAL (SELECT s + g * interval '1 day') AS r(t);
CREATE FUNCTION load_report(org int, since timestamptz, until timestamptz) RETURNS text LANGUAGE sql STABLE
    AS 'SELECT count(*) || '' '' || coalesce(sum(n), 0) FROM call AS c WHERE c.org = $1 AND at >= $2 AND at < $3';

-- What is wrong with it.
SELECT cache_create('report', 'load_report(int,timestamptz,timestamptz)', invalidate => 'declared');
\set ECHO none
\pset tuples_only on
\set ECHO all
SELECT error_of($$SELECT cache_invalidate_on('report', 'call', '{org}', instant => 'at')$$);
SELECT error_of($$SELECT cache_invalidate_on('report', 'call', '{org}', since => 'since', until => 'until')$$);
SELECT error_of($$SELECT cache_invalidate_on('report', 'call', '{org}', instant => 'at', since => 'sinc')$$);
SELECT error_of($$SELECT cache_invalidate_on('report', 'call', '{org}', instant => 'at', since => '$4')$$);
SELECT error_of($$SELECT cache_invalidate_on('report', 'call', '{org}', instant => 'at', since => 'since', until => '$2')$$);
SELECT error_of($$SELECT cache_invalidate_on('report', 'call', '{org}', instant => 'at', since => 'since', bounds => '[')$$);
SELECT error_of($$SELECT cache_invalidate_on('report', 'call', '{org}', instant => 'at', since => 'since', bounds => NULL)$$);
SELECT error_of($$SELECT cache_invalidate_on('report', 'call', '{org,at,NULL}', instant => 'at', since => 'since', until => 'until')$$);
SELECT error_of($$SELECT cache_invalidate_on('report', 'call', '{org,NULL}', instant => 'at', since => 'since', until => 'until')$$);
SELECT error_of($$SELECT cache_invalidate_on('report', 'call', '{org}', instant => 'then', since => 'since', until => 'until')$$);
SELECT error_of($$SELECT cache_invalidate_on('report', 'call', '{org}', instant => 'day', since => 'since', until => 'until')$$);
SELECT error_of($$SELECT cache_invalidate_on('report', 'call', '{org}', instant => 'stamp', since => 'since', until => 'until')$$);
SELECT error_of($$SELECT cache_invalidate_on('report', 'call', '{org}', instant => 'kind', since => 'since', until => 'until')$$);
SELECT error_of($$SELECT cache_invalidate_on('report', 'call', '{(org + 0)}', instant => 'at', since => 'since', until => 'until')$$);
\pset tuples_only off

SELECT cache_invalidate_on('report', 'call', '{org}', '{n}', instant => 'at', since => 'since', until => 'until');
SELECT key, columns, key_mask, since, until, bounds FROM cache_ext_internal.cache_dependency;
-- Said again it is one declaration; with other ends it is another one.
SELECT cache_invalidate_on('report', 'call', '{org,NULL,NULL}', '{n}', instant => 'at', since => '$2', until => '$3');
SELECT cache_invalidate_on('report', 'call', '{org}', '{n}', instant => 'at', since => 'since', until => 'until', bounds => '[]');
SELECT key, columns, key_mask, since, until, bounds FROM cache_ext_internal.cache_dependency ORDER BY id;
SELECT cache_drop('report');
SELECT cache_create('report', 'load_report(int,timestamptz,timestamptz)', invalidate => 'declared');
SELECT cache_invalidate_on('report', 'call', '{org}', '{n}', instant => 'at', since => 'since', until => 'until');

-- Which months of organisation 1 are kept, and whether all that is served is right.
\set ECHO none
CREATE FUNCTION look(OUT kept text, OUT is_right bool) LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT string_agg(k.name, ' ' ORDER BY k.name) FILTER (WHERE e.source = 'cache'),
           bool_and(e.value IS NOT DISTINCT FROM to_jsonb(load_report(1, k.a, k.b)))
    INTO kept, is_right
    FROM (VALUES ('a september', '2025-09-01'::timestamptz, '2025-10-01'::timestamptz), ('b october', '2025-10-01', '2025-11-01'),
                 ('c november', '2025-11-01', '2025-12-01'), ('d since october', '2025-10-01', 'infinity'),
                 ('e until october', '-infinity', '2025-10-01'), ('f backwards', '2025-12-01', '2025-11-01'),
                 ('g no since', NULL, '2025-10-01')) AS k(name, a, b),
         cache_get_entry('report', 1, k.a, k.b) AS e;
END $$;
\set ECHO all
\set look 'SELECT * FROM look();'
:look
:look
INSERT INTO call (id, org, at, n) VALUES (100, 1, '2025-11-30 12:00+00', 1000);
:look
:look
-- Of another organisation; what no report reads.
INSERT INTO call (id, org, at, n) VALUES (101, 2, '2025-11-30 12:00+00', 1000);
UPDATE call SET kind = 'out';
:look
-- A transaction's changes, without what it has taken back.
BEGIN;
INSERT INTO call (id, org, at, n) VALUES (110, 1, '2025-11-20', 1);
SAVEPOINT s;
INSERT INTO call (id, org, at, n) VALUES (111, 1, '2025-10-20', 1);
ROLLBACK TO s;
SAVEPOINT t;
INSERT INTO call (id, org, at, n) VALUES (112, 1, '2025-11-21', 1);
RELEASE t;
:look
COMMIT;
:look
:look
BEGIN;
INSERT INTO call (id, org, at, n) VALUES (113, 1, '2025-11-20', 1);
SAVEPOINT s;
SAVEPOINT t;
INSERT INTO call (id, org, at, n) VALUES (114, 1, '2025-10-20', 1);
RELEASE t;
INSERT INTO call (id, org, at, n) VALUES (115, 1, '2025-11-21', 1);
ROLLBACK TO s;
SAVEPOINT u;
INSERT INTO call (id, org, at, n) VALUES (116, 1, '2025-11-22', 1);
RELEASE u;
RELEASE s;
COMMIT;
:look
:look
BEGIN;
INSERT INTO call (id, org, at, n) VALUES (117, 1, '2025-11-20', 1);
SAVEPOINT s;
INSERT INTO call (id, org, at, n) VALUES (118, 1, '2025-09-20', 1);
SAVEPOINT t;
INSERT INTO call (id, org, at, n) VALUES (119, 1, '2025-08-20', 1);
ROLLBACK TO t;
RELEASE s;
COMMIT;
:look
:look
-- Both ends: the first instant belongs to it, the last one does not.
INSERT INTO call (id, org, at, n) VALUES (102, 1, '2025-10-01', 1);
:look
:look
INSERT INTO call (id, org, at, n) VALUES (103, 1, '2025-11-01', 1);
:look
:look
-- What is moved concerns both; so does what lies between, for want of anything finer.
UPDATE call SET at = '2025-09-10' WHERE id = 100;
:look
:look
DELETE FROM call WHERE id = 100;
:look
:look
-- A row without an instant lies between nothing; infinity does not lie before it.
INSERT INTO call (id, org, at, n) VALUES (104, 1, NULL, 1);
:look
INSERT INTO call (id, org, at, n) VALUES (105, 1, 'infinity', 1), (106, 2, '2025-10-10', 1);
:look
INSERT INTO call (id, org, at, n) VALUES (107, 1, '-infinity', 1);
:look
:look
-- More writers than a ring remembers, of other instants.
DO $$ BEGIN
    FOR i IN 200..260 LOOP
        INSERT INTO call (id, org, at, n) VALUES (i, 1, '2025-11-20', 1);
        COMMIT;
        PERFORM 1 FROM look();
    END LOOP;
END $$;
:look
UPDATE call SET n = n + 1 WHERE id = 102;
DO $$ BEGIN
    FOR i IN 300..330 LOOP
        INSERT INTO call (id, org, at, n) VALUES (i, 1, '2025-11-20', 1);
        COMMIT;
    END LOOP;
END $$;
:look
:look
TRUNCATE call;
:look
SELECT state, reason FROM cache_explain('report', 1, '2025-10-01'::timestamptz, '2025-11-01'::timestamptz);
SELECT unnest(tags) AS tag FROM cache_explain('report', 1, '2025-10-01'::timestamptz, '2025-11-01'::timestamptz);
SELECT input, covered, invalidates, more_precise FROM cache_check('report');

-- A value made of others depends on the instants that these do.
CREATE FUNCTION load_year(org int) RETURNS text LANGUAGE sql STABLE
    AS $$SELECT cache_get_report($1, '2025-01-01', '2025-07-01') || cache_get_report($1, '2025-04-01', '2025-12-01')$$;
SELECT cache_create('year', 'load_year(int)', invalidate => 'declared');
SELECT source FROM cache_get_entry('year', 1);
INSERT INTO call (id, org, at, n) VALUES (1, 1, '2025-12-20', 1);
SELECT source, value = to_jsonb(load_year(1)) AS is_right FROM cache_get_entry('year', 1);
INSERT INTO call (id, org, at, n) VALUES (2, 1, '2025-02-20', 1);
SELECT source, value = to_jsonb(load_year(1)) AS is_right FROM cache_get_entry('year', 1);
SELECT source FROM cache_get_entry('year', 1);
INSERT INTO call (id, org, at, n) VALUES (3, 1, '2025-11-20', 1);
SELECT source, value = to_jsonb(load_year(1)) AS is_right FROM cache_get_entry('year', 1);
SELECT cache_drop('year');

-- Columns that change: then every change concerns the whole cache.
SELECT source FROM cache_get_entry('report', 1, '2025-10-01'::timestamptz, '2025-11-01'::timestamptz);
ALTER TABLE call RENAME at TO called_at;
CREATE OR REPLACE FUNCTION load_report(org int, since timestamptz, until timestamptz) RETURNS text LANGUAGE sql STABLE
    AS 'SELECT count(*) || '' '' || coalesce(sum(n), 0) FROM call AS c WHERE c.org = $1 AND called_at >= $2 AND called_at < $3';
SELECT source FROM cache_get_entry('report', 1, '2025-10-01'::timestamptz, '2025-11-01'::timestamptz);
INSERT INTO call (id, org, called_at, n) VALUES (4, 2, '2025-12-20', 1);
SELECT source FROM cache_get_entry('report', 1, '2025-10-01'::timestamptz, '2025-11-01'::timestamptz);
SELECT detail FROM cache_health WHERE "check" = 'dependencies';
SELECT cache_invalidate_on('report', 'call', '{org}', '{n}', instant => 'called_at', since => 'since', until => 'until');
SELECT key, columns, key_mask, since, until, bounds FROM cache_ext_internal.cache_dependency ORDER BY id;
-- What says more takes the place of what has changed, too.
ALTER TABLE call RENAME called_at TO at;
SELECT cache_invalidate_on('report', 'call');
SELECT key, columns, key_mask, since, until, bounds FROM cache_ext_internal.cache_dependency ORDER BY id;
SELECT detail FROM cache_health WHERE "check" = 'dependencies';
ALTER TABLE call RENAME at TO called_at;
SELECT cache_drop('report');

-- Without keys beside; one end only; other types and ends. Dates lie between timestamps as well.
\set ECHO none
-- Makes a cache, and tells for each row which is inserted whether the value of that key was kept, and was right.
CREATE PROCEDURE tried(ends text, instant text, key_type text, a text, b text, rows_of text) LANGUAGE plpgsql AS $$
DECLARE r text; told text := ''; source text; is_right bool;
BEGIN
    EXECUTE format('CREATE FUNCTION load_tried(a %1$s, b %1$s) RETURNS bigint LANGUAGE sql STABLE AS
        ''SELECT count(*) FROM call WHERE %2$I %3$s a AND %2$I %4$s b''', key_type, instant,
        CASE WHEN ends LIKE '[%' THEN '>=' ELSE '>' END, CASE WHEN ends LIKE '%]' THEN '<=' ELSE '<' END);
    PERFORM cache_create('tried', format('load_tried(%1$s,%1$s)', key_type)::regprocedure, invalidate => 'declared');
    PERFORM cache_invalidate_on('tried', 'call', instant => instant, since => 'a', until => 'b', bounds => ends);
    COMMIT;
    FOREACH r IN ARRAY string_to_array(rows_of, ', ') LOOP
        EXECUTE format('SELECT cache_get_tried(%L, %L)', a, b);
        COMMIT;
        EXECUTE format('INSERT INTO call (id, %I) VALUES (1000 + %s, %L)', instant, nextval('numbers'), r);
        COMMIT;
        EXECUTE format('SELECT e.source, e.value = to_jsonb(load_tried(%1$L, %2$L))
                        FROM cache_get_entry(''tried'', %1$L::%3$s, %2$L::%3$s) AS e', a, b, key_type) INTO source, is_right;
        told := told || format(E'\n    %s %s %s', rpad(r, 30), source, is_right);
        COMMIT;
    END LOOP;
    RAISE NOTICE '% % between % and %:%', ends, instant, a, b, told;
    PERFORM cache_drop('tried');
    COMMIT;
    DROP FUNCTION load_tried;
    COMMIT;
END $$;
CREATE SEQUENCE numbers;
\set ECHO all
CALL tried('[)', 'n', 'int', '10', '20', '9, 10, 19, 20, 9223372036854775807');
CALL tried('()', 'n', 'bigint', '10', '20', '10, 11, 19, 20');
CALL tried('(]', 'n', 'smallint', '10', '20', '10, 11, 20, 21');
CALL tried('[)', 'n', 'smallint', '-10', '10', '-11, -10, 0, 9, 10');
CALL tried('(]', 'n', 'int', '-20', '-10', '-20, -19, -10, -9');
CALL tried('[]', 'n', 'bigint', '-9223372036854775808', '9223372036854775807', '-9223372036854775808, 9223372036854775807');
CALL tried('()', 'n', 'bigint', '-9223372036854775808', '9223372036854775807', '-9223372036854775807, 9223372036854775806');
CALL tried('[)', 'day', 'date', '2025-10-01', '2025-11-01', '2025-09-30, 2025-10-01, 2025-10-31, 2025-11-01, infinity');
CALL tried('[)', 'day', 'timestamp', '2025-10-01 12:00', '2025-11-01 12:00', '2025-10-01, 2025-10-02, 2025-11-01, 2025-11-02');
CALL tried('[)', 'stamp', 'date', '2025-10-01', '2025-11-01', '2025-09-30 23:59:59.999999, 2025-10-01 00:00, 2025-10-31 23:59:59.999999, 2025-11-01 00:00');
CALL tried('[)', 'day', 'date', '300000-01-01', '400000-01-01', '300000-01-01, 350000-01-01, 2025-10-01');
CALL tried('[)', 'day', 'date', '2025-01-01', '400000-01-01', '2024-12-31, 300000-01-01, 2025-01-01');
CALL tried('[)', 'day', 'date', '1999-12-01', '2000-01-10', '1999-11-30, 1999-12-05, 2000-01-05, 2000-01-10');
CALL tried('()', 'day', 'date', '-infinity', 'infinity', '-infinity, 4714-11-24 BC, 5874897-12-31, infinity');
CALL tried('[]', 'day', 'date', '-infinity', 'infinity', '-infinity, infinity');

-- From the loader's text.
SELECT cache_create('report', 'load_report(int,timestamptz,timestamptz)', invalidate => 'auto');
SELECT input, covered, statement FROM cache_declare('report');
SELECT key, columns, key_mask, since, until, bounds FROM cache_ext_internal.cache_dependency ORDER BY id;
SELECT source FROM cache_get_entry('report', 1, '2025-10-01'::timestamptz, '2025-11-01'::timestamptz);
INSERT INTO call (id, org, called_at, n) VALUES (5, 1, '2025-12-20', 1);
SELECT source FROM cache_get_entry('report', 1, '2025-10-01'::timestamptz, '2025-11-01'::timestamptz);
-- Its text says another thing now: what is declared does not hold any more. First an end only, then all but one bound.
CREATE OR REPLACE FUNCTION load_report(org int, since timestamptz, until timestamptz) RETURNS text LANGUAGE sql STABLE
    AS 'SELECT count(*) || '' '' || coalesce(sum(n), 0) FROM call AS c WHERE c.org = $1 AND called_at >= $2 AND called_at <= $3';
SELECT source FROM cache_get_entry('report', 1, '2025-10-01'::timestamptz, '2025-11-01'::timestamptz);
INSERT INTO call (id, org, called_at, n) VALUES (6, 1, '2025-11-01', 1);
SELECT source, value = to_jsonb(load_report(1, '2025-10-01', '2025-11-01')) AS is_right
FROM cache_get_entry('report', 1, '2025-10-01'::timestamptz, '2025-11-01'::timestamptz);
SELECT input, covered, statement FROM cache_declare('report');
CREATE OR REPLACE FUNCTION load_report(org int, since timestamptz, until timestamptz) RETURNS text LANGUAGE sql STABLE
    AS 'SELECT count(*) || '' '' || coalesce(sum(n), 0) FROM call AS c WHERE c.org = $1 AND called_at >= $2';
SELECT source FROM cache_get_entry('report', 1, '2025-10-01'::timestamptz, '2025-11-01'::timestamptz);
SELECT source FROM cache_get_entry('report', 1, '2025-10-01'::timestamptz, '2025-11-01'::timestamptz);
SELECT input, covered, statement FROM cache_declare('report');
SELECT cache_drop('report');
CREATE FUNCTION derived(statement text, arguments text) RETURNS TABLE (covered text, how text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE FUNCTION tried(%s) RETURNS bigint LANGUAGE sql STABLE AS %L', arguments, statement);
    PERFORM cache_create('tried', format('tried(%s)', regexp_replace(arguments, '\m[a-z]\M ', '', 'g'))::regprocedure, invalidate => 'track', undeclared => 'ttl');
    RETURN QUERY SELECT d.covered, coalesce(regexp_replace(d.statement, '^SELECT cache_invalidate_on[a-z_]*\(''tried'', ''[a-z_.]+'', ', ''), d.reason)
                 FROM cache_declare('tried') AS d ORDER BY d.input, d.statement;
    PERFORM cache_drop('tried');
    DROP FUNCTION tried;
END $$;
\pset format unaligned
\pset tuples_only on
SELECT * FROM derived('SELECT count(*) FROM call WHERE called_at BETWEEN $2 AND $3 AND org = $1', 'o int, a timestamptz, b timestamptz');
SELECT * FROM derived('SELECT count(*) FROM call WHERE $1 < called_at', 'a timestamptz');
SELECT * FROM derived('SELECT count(*) FROM call AS c JOIN call AS d ON c.id = d.id WHERE c.day > $1 AND c.day <= $2 AND d.org = 3', 'a date, b date');
SELECT * FROM derived('SELECT count(*) FROM call WHERE day >= $1 AND day < $2 OR day IS NULL', 'a date, b date');
SELECT * FROM derived('SELECT count(*) FROM call WHERE NOT day >= $1', 'a date');
SELECT * FROM derived('SELECT count(*) FROM call WHERE called_at >= $1 AND called_at < $2', 'a date, b date');
SELECT * FROM derived('SELECT count(*) FROM call WHERE day >= $1 AND day < $2', 'a timestamptz, b timestamptz');
SELECT * FROM derived('SELECT count(*) FROM call WHERE stamp >= $1 AND stamp < $2', 'a date, b date');
SELECT * FROM derived('SELECT count(*) FROM call WHERE called_at::date >= $1', 'a date');
SELECT * FROM derived('SELECT count(*) FROM call WHERE day >= $1 AND stamp < $2', 'a date, b date');
SELECT * FROM derived('SELECT count(*) FROM call WHERE day >= $1 AND day < $2 AND stamp > $2', 'a date, b date');
SELECT * FROM derived('SELECT count(*) FROM call WHERE day >= $1 AND day >= $2', 'a date, b date');
SELECT * FROM derived('SELECT count(*) FROM call WHERE day >= $1 AND day <= $1', 'a date');
SELECT * FROM derived('SELECT count(*) FROM (SELECT * FROM call ORDER BY id LIMIT 5) AS g WHERE day >= $1', 'a date');
SELECT * FROM derived('SELECT count(*) FROM (SELECT DISTINCT ON (org) org, day FROM call ORDER BY org, id) AS g WHERE day >= $1', 'a date');
SELECT * FROM derived('SELECT count(*) FROM (SELECT day FROM call EXCEPT SELECT day FROM call AS d WHERE d.org = 3) AS g WHERE day >= $1', 'a date');
SELECT * FROM derived('SELECT count(*) FILTER (WHERE day >= $1) FROM call', 'a date');
SELECT * FROM derived('SELECT sum(org) FROM call HAVING max(day) >= $1', 'a date');
SELECT * FROM derived('SELECT (SELECT count(*) FROM call WHERE day >= $1) + (SELECT count(*) FROM call WHERE day < $2 AND org = 1)', 'a date, b date');
SELECT * FROM derived('SELECT count(*) FROM call WHERE called_at >= $1 + interval ''1 day''', 'a timestamptz');
SELECT * FROM derived('SELECT count(*) FROM call WHERE kind > $1', 'a text');
SELECT * FROM derived('SELECT count(*) FROM call WHERE org > $1 AND org < $2 AND n = $2', 'a bigint, b bigint');
SELECT * FROM derived('SELECT count(*) FROM (SELECT day, count(*) AS n FROM call GROUP BY day) AS g WHERE g.day >= $1 AND g.n > $2', 'a date, b bigint');
SELECT * FROM derived('SELECT count(*) FROM (SELECT *, row_number() OVER (ORDER BY id) FROM call) AS g WHERE g.day >= $1', 'a date');
SELECT * FROM derived('SELECT count(*) FROM call AS c LEFT JOIN call AS d ON d.day >= $1 WHERE c.org = $2', 'a date, b int');

\i include/end.sql
