-- The first N of a group as measures of aggregate caches: writers adjust them, and they are loaded when more rows went
-- than are kept in reserve.
\set ECHO none
\set database regress_aggregate_firsts
\i include/begin.sql
SET DateStyle = 'ISO';
SET TimeZone = 'UTC';

CREATE TABLE call (
    id int PRIMARY KEY,
    k int,
    at timestamptz NOT NULL,
    score smallint NOT NULL,
    big bigint,
    d date,
    b boolean,
    o oid,
    ts timestamp
);
CREATE FUNCTION call(id int, k int, n int) RETURNS call LANGUAGE sql AS $$
    SELECT ROW(id, k, timestamptz '2026-01-01 00:00+00' + n * interval '1 minute', n % 7, n * 10000000000, date '2026-01-01' + n, n % 2 = 0,
               n, timestamp '1999-12-31 23:59:59.999' + n * interval '1 ms')::call $$;
INSERT INTO call SELECT (call(g, g % 3, g)).* FROM generate_series(1, 60) AS g;
INSERT INTO call SELECT (call(100, 4, 100)).*;
INSERT INTO call (id, k, at, score) VALUES (101, 4, '2026-01-03', 1);

SELECT cache_create_aggregate('recent', 'call', '{k}', ARRAY['n: count(*)', 'recent: (array_agg(id ORDER BY at DESC, id DESC))[1:4]',
    's: sum(score)', 'early: min(at)', 'best: (array_agg(score ORDER BY score DESC))[1:3]']);
SELECT cache_create_aggregate('kinds', 'call', '{k}', ARRAY[
    'a: (array_agg(b ORDER BY big DESC, b) FILTER (WHERE b AND big > 0))[1:2]',
    '(array_agg(big ORDER BY d, big DESC) FILTER (WHERE d IS NOT NULL AND big IS NOT NULL))[1:3]',
    'o: (array_agg(o ORDER BY o DESC))[1:1]', 'ts: (array_agg(ts ORDER BY b DESC, ts NULLS FIRST))[1:2]',
    't: (array_agg(at ORDER BY o, at DESC))[1:2]', 'c: count(d)', 'd: (array_agg(d + 1 ORDER BY score * 2, d + 1))[1:2]'],
    filter => 'b IS NOT NULL AND o IS NOT NULL AND ts IS NOT NULL AND d + 1 IS NOT NULL AND score * 2 IS NOT NULL');
SELECT attrelid::regclass, attname, format_type(atttypid, atttypmod)
FROM pg_attribute WHERE attrelid IN ('cache_row_recent'::regclass, 'cache_row_kinds'::regclass) AND attnum > 0 ORDER BY attrelid, attnum;
\sf cache_sum_recent
SELECT * FROM cache_get_recent(1);
SELECT * FROM cache_get_kinds(1) \gx
SELECT cache_get('recent', 1);
SELECT key, value FROM cache_get_many_recent(ARRAY[1, 5]) ORDER BY key;

-- PostgreSQL's own aggregates are the oracle, in the same statement: what only one of the two has. 5: there is no such group.
CREATE VIEW own AS
    SELECT 'recent' AS cache, k, (
        SELECT ROW(count(*), (array_agg(id ORDER BY at DESC, id DESC))[1:4], sum(score), min(at), (array_agg(score ORDER BY score DESC))[1:3])
        FROM call WHERE call.k = g.k)::text AS value FROM generate_series(0, 5) AS g (k)
    UNION ALL SELECT 'kinds', k, (
        SELECT ROW((array_agg(b ORDER BY big DESC, b) FILTER (WHERE b AND big > 0))[1:2],
            (array_agg(big ORDER BY d, big DESC) FILTER (WHERE d IS NOT NULL AND big IS NOT NULL))[1:3],
            (array_agg(o ORDER BY o DESC))[1:1], (array_agg(ts ORDER BY b DESC, ts NULLS FIRST))[1:2],
            (array_agg(at ORDER BY o, at DESC))[1:2], count(d), (array_agg(d + 1 ORDER BY score * 2, d + 1))[1:2])
        FROM call WHERE call.k = g.k AND b IS NOT NULL AND o IS NOT NULL AND ts IS NOT NULL AND d + 1 IS NOT NULL)::text
    FROM generate_series(0, 5) AS g (k);
CREATE VIEW wrong AS
    WITH cached AS (
            SELECT 'recent' AS cache, k, cache_get_recent(k)::text AS value FROM generate_series(0, 5) AS k
            UNION ALL SELECT 'kinds', k, cache_get_kinds(k)::text FROM generate_series(0, 5) AS k)
    (TABLE cached EXCEPT TABLE own) UNION ALL (TABLE own EXCEPT TABLE cached);
TABLE wrong;
-- Which keys of the caches would have to be loaded; then they are.
CREATE VIEW state AS
    SELECT c, k, e.state FROM unnest('{recent,kinds}'::text[]) AS c, generate_series(0, 5) AS k, cache_explain(c, k) AS e
    WHERE e.state <> 'hit' ORDER BY c, k;
TABLE state;

-- What comes: first, in between, last, and with what others have, too.
INSERT INTO call SELECT (call(200, 0, 200)).*;
INSERT INTO call SELECT (call(201, 0, 58)).*;
INSERT INTO call SELECT (call(202, 0, 60)).*;
INSERT INTO call SELECT (call(203, 0, 1)).*;
INSERT INTO call SELECT (call(204, 5, 9)).*;
INSERT INTO call SELECT (call(205, 4, 300)).*;
TABLE state;
TABLE wrong;
-- What changes: it stays where it is, it comes before others, it falls behind them; what goes and is none of the first.
UPDATE call SET b = b, big = big WHERE k = 0;
UPDATE call SET big = 7 WHERE id = 200;
UPDATE call SET at = '2027-01-01', score = 100 WHERE id = 1;
UPDATE call SET at = '2020-01-01', d = '2040-01-01' WHERE id = 60;
DELETE FROM call WHERE id = 4;
TABLE state;
TABLE wrong;
-- As many as are kept in reserve may go: deleted, moved to another key, out of the filter.
SELECT recent FROM cache_get_recent(2);
SELECT part, ended, seen, amounts FROM cache_explain_aggregate('recent', 2);
DELETE FROM call WHERE id = 59;
UPDATE call SET k = 1 WHERE id = 56;
UPDATE call SET b = NULL WHERE id = 53;
DELETE FROM call WHERE id = 53;
SELECT part, ended, seen, amounts FROM cache_explain_aggregate('recent', 2);
SELECT recent FROM cache_get_recent(2);
TABLE state;
TABLE wrong;
-- And no more.
DELETE FROM call WHERE id = 47;
TABLE state;
SELECT reason FROM cache_explain('recent', 2);
TABLE wrong;
TABLE state;
-- Of a few all are known, as long as no more went than there is room for.
DELETE FROM call WHERE k = 4 AND id < 200;
TABLE state;
TABLE wrong;
DELETE FROM call WHERE k IN (4, 5);
TABLE state;
SELECT recent, best FROM cache_get_recent(4);
TABLE wrong;
-- Ties: elements that are equal are as many as there are rows.
INSERT INTO call SELECT (call(g, 4, 7 * g)).* FROM generate_series(300, 303) AS g;
SELECT best FROM cache_get_recent(4);
DELETE FROM call WHERE id = 301;
DELETE FROM call WHERE id = 302;
SELECT best FROM cache_get_recent(4);
TABLE state;
TABLE wrong;

-- In one transaction: come and gone, gone and come again, and what is rolled back to savepoints.
BEGIN;
INSERT INTO call SELECT (call(400, 1, 1000)).*;
TABLE wrong;
DELETE FROM call WHERE id = 400;
COMMIT;
TABLE state;
TABLE wrong;
BEGIN;
DELETE FROM call WHERE id = 58;
INSERT INTO call SELECT (call(58, 1, 58)).*;
COMMIT;
TABLE state;
TABLE wrong;
BEGIN;
SAVEPOINT a;
INSERT INTO call SELECT (call(401, 1, 1001)).*;
DELETE FROM call WHERE k = 1 AND id < 55;
ROLLBACK TO a;
INSERT INTO call SELECT (call(402, 1, 1002)).*;
SAVEPOINT b;
INSERT INTO call SELECT (call(403, 1, 1003)).*;
RELEASE b;
COMMIT;
TABLE state;
SELECT recent FROM cache_get_recent(1);
TABLE wrong;
BEGIN;
DELETE FROM call WHERE k = 1;
ROLLBACK;
TABLE state;
TABLE wrong;
-- A bulk load, of which a value keeps what it has room for.
INSERT INTO call SELECT (call(g, 1, g)).* FROM generate_series(2000, 2999) AS g;
TABLE state;
TABLE wrong;
DELETE FROM call WHERE id BETWEEN 2000 AND 2990;
TABLE state;
TABLE wrong;

-- Values at the ends of their types, up and down.
CREATE TABLE edge (k int, i8 bigint NOT NULL, i2 smallint NOT NULL, ts timestamp NOT NULL, d date NOT NULL, o oid NOT NULL, b boolean NOT NULL);
SELECT cache_create_aggregate('edges', 'edge', '{k}', ARRAY['a: (array_agg(i8 ORDER BY ts, i8))[1:3]', 'b: (array_agg(i8 ORDER BY ts DESC, i8 DESC))[1:3]',
    'c: (array_agg(ts ORDER BY ts))[1:3]', 'd: (array_agg(d ORDER BY b DESC, d))[1:2]', 'e: (array_agg(o ORDER BY i2, o DESC))[1:1]']);
SELECT cache_create_aggregate('ends', 'edge', '{k}', ARRAY['a: (array_agg(i8 ORDER BY i8))[1:1]', 'b: (array_agg(i8 ORDER BY i8 DESC))[1:1]',
    'c: (array_agg(b ORDER BY o DESC, b))[1:2]', 'd: (array_agg(i2 ORDER BY d DESC, i2))[1:2]']);
CREATE VIEW edge_own AS
    SELECT 'edges' AS cache, ROW((array_agg(i8 ORDER BY ts, i8))[1:3], (array_agg(i8 ORDER BY ts DESC, i8 DESC))[1:3], (array_agg(ts ORDER BY ts))[1:3],
        (array_agg(d ORDER BY b DESC, d))[1:2], (array_agg(o ORDER BY i2, o DESC))[1:1])::text AS value FROM edge WHERE k = 1
    UNION ALL SELECT 'ends', ROW((array_agg(i8 ORDER BY i8))[1:1], (array_agg(i8 ORDER BY i8 DESC))[1:1],
        (array_agg(b ORDER BY o DESC, b))[1:2], (array_agg(i2 ORDER BY d DESC, i2))[1:2])::text FROM edge WHERE k = 1;
CREATE VIEW edge_wrong AS
    SELECT o.*, c.value AS cached FROM edge_own AS o JOIN (SELECT 'edges' AS cache, cache_get_edges(1)::text AS value
        UNION ALL SELECT 'ends', cache_get_ends(1)::text) AS c USING (cache) WHERE o.value <> c.value;
CREATE VIEW edge_state AS SELECT c, e.state FROM unnest('{edges,ends}'::text[]) AS c, cache_explain(c, 1) AS e;
TABLE edge_wrong;
INSERT INTO edge VALUES (1, -9223372036854775808, -32768, '4713-01-01 BC', '4713-01-01 BC', 4294967295, false),
    (1, 9223372036854775807, 32767, '294276-12-31 23:59:59.999999', 'infinity', 0, true), (1, 0, 0, '-infinity', '-infinity', 2147483648, true);
TABLE edge_state;
TABLE edge_wrong;
SELECT * FROM cache_get_edges(1) \gx
SELECT * FROM cache_get_ends(1) \gx
SELECT cache_invalidate('edges', 1), cache_invalidate('ends', 1);
TABLE edge_wrong;
TABLE edge_wrong;
TABLE edge_state;
SELECT part, amounts FROM cache_explain_aggregate('edges', 1);
-- The last of all elements says that there is none: a key that has it is loaded each time.
INSERT INTO edge VALUES (1, 9223372036854775807, 0, 'infinity', '2026-01-01', 1, true);
TABLE edge_state;
TABLE edge_wrong;
TABLE edge_state;
DELETE FROM edge WHERE ts = 'infinity';
TABLE edge_wrong;
TABLE edge_wrong;
TABLE edge_state;
-- A NULL that there cannot be, until there can: the key is loaded each time.
ALTER TABLE edge ALTER i8 DROP NOT NULL;
INSERT INTO edge VALUES (1, NULL, -7, '-infinity', '2026-01-01', 1, true);
TABLE edge_wrong;
SELECT a, b FROM cache_get_edges(1);
SELECT a, b FROM cache_get_ends(1);
TABLE edge_wrong;
TABLE edge_state;
DELETE FROM edge WHERE i8 IS NULL;
TABLE edge_wrong;
TABLE edge_wrong;
TABLE edge_state;

-- A value that is folded into the base: more writers than lines.
CREATE PROCEDURE write_many(statement text, most int) LANGUAGE plpgsql AS $$ BEGIN
    FOR i IN 1 .. most LOOP
        EXECUTE statement USING i;
        COMMIT;
    END LOOP;
END $$;
SELECT cache_invalidate('recent', 0);
TABLE wrong;
CALL write_many('INSERT INTO call SELECT (call(5000 + $1, 0, 5000 + $1)).*', 100);
SELECT c, k, state FROM state WHERE k = 0;
SELECT recent FROM cache_get_recent(0);
SELECT count(*) < 65 AS folded FROM cache_explain_aggregate('recent', 0);
CALL write_many('DELETE FROM call WHERE id = 5000 + $1 AND score < 5', 90);
SELECT c, k, state FROM state WHERE k = 0 AND c = 'recent';
SELECT recent FROM cache_get_recent(0);
TABLE wrong;
DELETE FROM call WHERE id > 5000;
TABLE wrong;

-- Random writes, in transactions with savepoints: right after each, and hardly any is loaded again.
CREATE PROCEDURE write_at_random(transactions int) LANGUAGE plpgsql AS $$
DECLARE
    bad int;
    i int;
BEGIN
    PERFORM setseed(0.5);
    FOR t IN 1 .. transactions LOOP
        FOR s IN 1 .. 1 + (random() * 3)::int LOOP
            BEGIN
                FOR w IN 1 .. 1 + (random() * 3)::int LOOP
                    i := 7000 + (random() * 60)::int;
                    CASE (random() * 4)::int
                    WHEN 0 THEN
                        DELETE FROM call WHERE id = i;
                    WHEN 1 THEN
                        UPDATE call SET k = (random() * 4)::int, score = random() * 5 WHERE id BETWEEN i AND i + 2;
                    WHEN 2 THEN
                        UPDATE call SET at = '2026-01-01'::timestamptz + (random() * 9)::int * interval '1 day', b = NULLIF((random() * 2)::int, 2)::boolean,
                            big = NULLIF((random() * 9)::int, 3), d = NULLIF((random() * 9)::int, 3) + date '2026-01-01' WHERE id = i;
                    ELSE
                        INSERT INTO call SELECT (call(i, (random() * 4)::int, (random() * 20)::int)).*
                        ON CONFLICT (id) DO UPDATE SET at = EXCLUDED.at, k = EXCLUDED.k, big = EXCLUDED.big, o = EXCLUDED.o;
                    END CASE;
                END LOOP;
                IF random() < 0.3 THEN RAISE EXCEPTION USING ERRCODE = 'P0099'; END IF;
            EXCEPTION WHEN SQLSTATE 'P0099' THEN NULL;
            END;
        END LOOP;
        IF random() < 0.2 THEN ROLLBACK; ELSE COMMIT; END IF;
        SELECT count(*) INTO bad FROM wrong;
        IF bad > 0 THEN RAISE EXCEPTION '% wrong after transaction %', bad, t; END IF;
    END LOOP;
END $$;
SELECT sum(fills) AS fills FROM cache_stat WHERE cache IN ('recent', 'kinds') \gset before_
CALL write_at_random(300);
TABLE wrong;
SELECT sum(fills) - :before_fills < 400 AS few_were_loaded FROM cache_stat WHERE cache IN ('recent', 'kinds');

-- A partition whose columns have other numbers.
CREATE TABLE part (junk text, b boolean, at timestamptz NOT NULL, id int NOT NULL, k int);
CREATE TABLE whole (id int NOT NULL, k int, at timestamptz NOT NULL, b boolean) PARTITION BY LIST (k);
ALTER TABLE part DROP junk;
ALTER TABLE whole ATTACH PARTITION part DEFAULT;
SELECT cache_create_aggregate('parts', 'whole', '{k}', ARRAY['(array_agg(id ORDER BY at, id DESC) FILTER (WHERE b))[1:2]']);
SELECT cache_get_parts(1);
INSERT INTO whole VALUES (1, 1, '2026-01-01', true), (2, 1, '2026-01-01', true), (3, 1, '2025-01-01', false);
INSERT INTO part VALUES (true, '2024-01-01', 4, 1);
SELECT state FROM cache_explain('parts', 1);
SELECT * FROM cache_get_parts(1);

-- What is refused, and why.
CREATE FUNCTION try(m text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT error_of(format('SELECT cache_create_aggregate(''bad'', ''call'', ''{k}'', ARRAY[%L])', m)) $$;
SELECT try('(array_agg(id ORDER BY at DESC))[1:10]');
SELECT try('(array_agg(id ORDER BY at DESC, score))[1:10]');
SELECT try('(array_agg(id ORDER BY at DESC, score, id))[1:10]');
SELECT try('(array_agg(id))[1:10]');
SELECT try('(array_agg(b ORDER BY at, b))[1:10]');
SELECT try('(array_agg(id ORDER BY big DESC, id) FILTER (WHERE k = 1))[1:10]');
SELECT try('(array_agg(big ORDER BY o, big) FILTER (WHERE o > 1))[1:10]');
SELECT try('(array_agg(id ORDER BY id::numeric, id))[1:10]');
SELECT try('(array_agg(id::text ORDER BY id, id::text))[1:10]');
SELECT try('(array_agg(id ORDER BY id))[2:10]');
SELECT try('(array_agg(id ORDER BY id))[:10]');
SELECT try('(array_agg(id ORDER BY id))[1]');
SELECT try('(array_agg(id ORDER BY id))[1:score]');
SELECT try('(array_agg(id ORDER BY id))[1:0]');
SELECT try('(array_agg(id ORDER BY id))[1:33]');
SELECT try('(array_agg(DISTINCT id ORDER BY id))[1:3]');
SELECT try('(array_agg(ARRAY[id] ORDER BY id))[1:3]');
SELECT try('(ARRAY[id])[1:3]');
SELECT try('array_agg(id ORDER BY id)');
SELECT try('(array_agg(id ORDER BY at, id) FILTER (WHERE random() < 2))[1:3]');
SELECT try('(array_agg(id ORDER BY (at::date), id))[1:3]');
SELECT error_of($$SELECT cache_create_aggregate('bad', 'call', '{k}', ARRAY['a: (array_agg(id ORDER BY id))[1:32]', 'b: (array_agg(id ORDER BY id))[1:10]'])$$);
SELECT error_of($$SELECT cache_create_aggregate('most', 'call', '{k}', ARRAY['a: (array_agg(id ORDER BY id))[1:20]', 'n: count(*)', 'b: (array_agg(id ORDER BY id DESC))[1:12]'])$$);
SELECT a[20], b[12] FROM cache_get_most(1);

-- A body of the loader by hand is none, whatever it returns; nor is a number of first ones that nobody wanted.
CREATE FUNCTION replace_loader(body text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN
    EXECUTE 'CREATE OR REPLACE FUNCTION cache_sum_most(k int) RETURNS record LANGUAGE sql STABLE BEGIN ATOMIC SELECT ' || body || '; END';
    RETURN QUERY SELECT error_of('SELECT cache_get_most(1)');
END $$;
SELECT replace_loader('ROW(ARRAY[1::numeric])');
SELECT replace_loader('ROW((array_agg(id ORDER BY id))[1:28], 20) FROM call WHERE call.k = $1');

\i include/end.sql
