-- min, max, bool_or and bool_and as measures of aggregate caches: writers adjust them, and they are loaded when the row
-- that had the extreme goes.
\set ECHO none
\set database regress_aggregate_extremes
\i include/begin.sql
SET DateStyle = 'ISO';
SET TimeZone = 'UTC';

CREATE DOMAIN day AS date;
CREATE TABLE bid (
    id int PRIMARY KEY,
    k int,
    i2 smallint,
    i4 int,
    i8 bigint,
    num numeric(10,2),
    d date,
    dd day,
    ts timestamp,
    tz timestamptz,
    b boolean
);
CREATE FUNCTION bid(id int, k int, n int, b boolean DEFAULT true) RETURNS bid LANGUAGE sql AS $$
    SELECT ROW(id, k, n, n, n * 10000000000, n / 4.0, date '2026-01-01' + n, date '2026-01-01' + n,
               timestamp '2026-01-01 00:00:00.000001' + n * interval '1 second', timestamptz '1969-12-31 23:59+00' + n * interval '1 ms', b)::bid $$;
INSERT INTO bid SELECT (bid(g, g % 3, g, g % 2 = 0)).* FROM generate_series(1, 12) AS g;
INSERT INTO bid (id, k) VALUES (20, 4), (21, 4);

SELECT cache_create_aggregate('bids', 'bid', '{k}', ARRAY['n: count(*)',
    'i2: min(i2)', 'i2_most: max(i2)', 'i4: min(i4)', 'i4_most: max(i4)', 'i8_most: max(i8)', 'num: min(num)', 'num_most: max(num)',
    'd: min(d)', 'dd: max(dd)', 'ts: min(ts)', 'ts_most: max(ts)', 'tz_most: max(tz)', 'odd: min(i4) FILTER (WHERE i4 % 2 = 1)']);
SELECT cache_create_aggregate('flags', 'bid', '{k}', ARRAY['any: bool_or(b)', 'all: bool_and(b)', 'every(b)', 's: sum(i4)',
    'some: bool_or(i4 > 3) FILTER (WHERE b)', 'm: avg(num)', 'tz: min(tz)']);
SELECT attname, format_type(atttypid, atttypmod)
FROM pg_attribute WHERE attrelid IN ('cache_row_bids'::regclass, 'cache_row_flags'::regclass) AND attnum > 0 ORDER BY attrelid, attnum;
\sf cache_sum_flags
SELECT * FROM cache_get_bids(1) \gx
SELECT * FROM cache_get_flags(1);

-- PostgreSQL's own aggregates are the oracle, in the same statement: what only one of the two has. 5: there is no such group.
CREATE VIEW own AS
    SELECT 'bids' AS cache, k, (
        SELECT ROW(count(*), min(i2), max(i2), min(i4), max(i4), max(i8), min(num), max(num), min(d), max(dd), min(ts), max(ts), max(tz),
                   min(i4) FILTER (WHERE i4 % 2 = 1))
        FROM bid WHERE bid.k = g.k)::text AS value FROM generate_series(0, 5) AS g (k)
    UNION ALL SELECT 'flags', k, (
        SELECT ROW(bool_or(b), bool_and(b), every(b), sum(i4), bool_or(i4 > 3) FILTER (WHERE b), avg(num), min(tz))
        FROM bid WHERE bid.k = g.k)::text FROM generate_series(0, 5) AS g (k);
CREATE VIEW wrong AS
    WITH cached AS (
            SELECT 'bids' AS cache, k, cache_get_bids(k)::text AS value FROM generate_series(0, 5) AS k
            UNION ALL SELECT 'flags', k, cache_get_flags(k)::text FROM generate_series(0, 5) AS k)
    (TABLE cached EXCEPT TABLE own) UNION ALL (TABLE own EXCEPT TABLE cached);
TABLE wrong;
-- Which keys of the cache of extremes would have to be loaded; then they are.
CREATE VIEW state AS
    SELECT k, e.state FROM generate_series(0, 5) AS k, cache_explain('bids', k) AS e WHERE e.state <> 'hit' ORDER BY k;
TABLE state;

-- What comes, least, greatest, or neither.
INSERT INTO bid SELECT (bid(30, 0, -5)).*;
INSERT INTO bid SELECT (bid(31, 0, 100, false)).*;
INSERT INTO bid SELECT (bid(32, 0, 6)).*;
INSERT INTO bid SELECT (bid(33, 5, 7, NULL)).*;
INSERT INTO bid SELECT (bid(34, 4, 8, false)).*;
TABLE state;
TABLE wrong;
-- What goes and is neither; what changes and becomes one; what becomes neither, and was none.
DELETE FROM bid WHERE id = 32;
UPDATE bid SET i2 = 7, i4 = 8, i8 = 9 WHERE id = 4;
UPDATE bid SET i4 = -50, tz = 'infinity' WHERE id = 5;
UPDATE bid SET b = NOT b WHERE id IN (4, 5);
TABLE state;
TABLE wrong;
-- The extreme goes: deleted, changed, moved to another key, out of the filter.
DELETE FROM bid WHERE id = 30;
TABLE state;
SELECT reason FROM cache_explain('bids', 0);
TABLE wrong;
TABLE state;
UPDATE bid SET i4 = 5 WHERE id = 5;
TABLE state;
TABLE wrong;
UPDATE bid SET k = 2 WHERE id = 31;
TABLE state;
TABLE wrong;
TABLE state;
UPDATE bid SET k = NULL WHERE id = 31;
TABLE state;
TABLE wrong;
-- Only one has it, then nobody.
DELETE FROM bid WHERE k IN (4, 5) AND i4 IS NOT NULL;
TABLE state;
TABLE wrong;
DELETE FROM bid WHERE k = 4;
TABLE state;
TABLE wrong;
-- Ties: one of two with the extreme goes. Nobody knows that there is another.
INSERT INTO bid SELECT (bid(40, 4, 1)).*;
INSERT INTO bid SELECT (bid(41, 4, 1)).*;
TABLE wrong;
DELETE FROM bid WHERE id = 40;
TABLE state;
TABLE wrong;
-- An update that leaves it where it is, and one that makes it more so.
UPDATE bid SET b = false WHERE id = 41;
UPDATE bid SET i4 = 0, i2 = 0, num = 0 WHERE id = 41;
SELECT part, ended, seen, amounts FROM cache_explain_aggregate('flags', 4);
UPDATE bid SET i4 = 1, i2 = 1, num = 0.25 WHERE id = 41;
TABLE state;
SELECT part, ended, seen, amounts[2:9] FROM cache_explain_aggregate('bids', 4);
TABLE wrong;

-- In one transaction: come and gone, gone and come again, and what is rolled back to savepoints.
BEGIN;
INSERT INTO bid SELECT (bid(50, 1, 5)).*;
DELETE FROM bid WHERE id = 50;
COMMIT;
TABLE state;
BEGIN;
INSERT INTO bid SELECT (bid(50, 1, -9)).*;
DELETE FROM bid WHERE id = 50;
COMMIT;
TABLE state;
TABLE wrong;
BEGIN;
DELETE FROM bid WHERE id = 1;
INSERT INTO bid SELECT (bid(1, 1, 1)).*;
COMMIT;
TABLE state;
TABLE wrong;
BEGIN;
SAVEPOINT a;
INSERT INTO bid SELECT (bid(50, 1, -9)).*;
DELETE FROM bid WHERE id = 1;
ROLLBACK TO a;
INSERT INTO bid SELECT (bid(51, 1, 6)).*;
SAVEPOINT b;
INSERT INTO bid SELECT (bid(52, 1, -3)).*;
RELEASE b;
COMMIT;
TABLE state;
TABLE wrong;
BEGIN;
INSERT INTO bid SELECT (bid(53, 1, 5)).*;
SAVEPOINT a;
DELETE FROM bid WHERE id = 52;
RELEASE a;
COMMIT;
TABLE state;
TABLE wrong;
BEGIN;
DELETE FROM bid WHERE k = 1;
ROLLBACK;
TABLE state;
TABLE wrong;

-- Dates and times at the ends of what there is; numbers at the ends of their types.
CREATE TABLE edge (k int, d date, ts timestamp, tz timestamptz, i2 smallint, i8 bigint, num numeric(38,0));
SELECT cache_create_aggregate('edges', 'edge', '{k}', ARRAY['d: min(d)', 'd_most: max(d)', 'ts: min(ts)', 'ts_most: max(ts)',
    'tz: min(tz)', 'tz_most: max(tz)', 'i2: min(i2)', 'i2_most: max(i2)', 'i8: min(i8)', 'i8_most: max(i8)', 'num: min(num)', 'num_most: max(num)']);
CREATE VIEW edge_wrong AS
    SELECT cache_get_edges(1)::text, own FROM (
        SELECT ROW(min(d), max(d), min(ts), max(ts), min(tz), max(tz), min(i2), max(i2), min(i8), max(i8), min(num), max(num))::text AS own
        FROM edge WHERE k = 1) AS o WHERE own <> cache_get_edges(1)::text;
TABLE edge_wrong;
INSERT INTO edge VALUES (1, '4713-01-01 BC', '4713-01-01 BC', '4713-01-01 BC', -32768, -9223372036854775808, -1e37),
    (1, '5874897-12-31', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00', 32767, 9223372036854775807, 1e37);
TABLE edge_wrong;
SELECT state FROM cache_explain('edges', 1);
SELECT cache_invalidate('edges', 1);
TABLE edge_wrong;
INSERT INTO edge VALUES (1, '-infinity', '-infinity', '-infinity'), (1, 'infinity', 'infinity', 'infinity');
SELECT state FROM cache_explain('edges', 1);
TABLE edge_wrong;
SELECT cache_invalidate('edges', 1);
TABLE edge_wrong;
SELECT state FROM cache_explain('edges', 1);
SELECT * FROM cache_get_edges(1) \gx
SELECT part, amounts FROM cache_explain_aggregate('edges', 1);
DELETE FROM edge WHERE d = 'infinity';
SELECT state FROM cache_explain('edges', 1);
TABLE edge_wrong;
DELETE FROM edge;
TABLE edge_wrong;
-- NaN is the greatest number, and none that an amount tells. The greatest of 128 bits says that there is none.
INSERT INTO edge (k, num) VALUES (1, 5), (1, 'NaN');
TABLE edge_wrong;
SELECT state, reason FROM cache_explain('edges', 1);
DELETE FROM edge WHERE num = 'NaN';
TABLE edge_wrong;
TABLE edge_wrong;
SELECT state FROM cache_explain('edges', 1);
CREATE TABLE huge (num numeric(39,0));
SELECT cache_create_aggregate('huge', 'huge', '{}', ARRAY['min(num)', 'max(num)']);
CREATE VIEW huge_wrong AS
    SELECT cache_get_huge()::text, own FROM (SELECT ROW(min(num), max(num))::text AS own FROM huge) AS o WHERE own <> cache_get_huge()::text;
TABLE huge_wrong;
INSERT INTO huge VALUES (170141183460469231731687303715884105726), (-170141183460469231731687303715884105726);
TABLE huge_wrong;
SELECT state FROM cache_explain('huge');
INSERT INTO huge VALUES (170141183460469231731687303715884105727);
TABLE huge_wrong;
DELETE FROM huge;
INSERT INTO huge VALUES (-170141183460469231731687303715884105727);
TABLE huge_wrong;
INSERT INTO huge VALUES (170141183460469231731687303715884105728);
TABLE huge_wrong;

-- A value that is folded into the base: more writers than lines.
SELECT cache_invalidate('bids', 0);
TABLE wrong;
CREATE PROCEDURE write_many(statement text, most int) LANGUAGE plpgsql AS $$ BEGIN
    FOR i IN 1 .. most LOOP
        EXECUTE statement USING i;
        COMMIT;
    END LOOP;
END $$;
CALL write_many('INSERT INTO bid SELECT (bid(1000 + $1, 0, -$1)).*', 100);
SELECT k, state FROM state WHERE k = 0;
SELECT i4, i4_most FROM cache_get_bids(0);
SELECT count(*) < 65 AS folded FROM cache_explain_aggregate('bids', 0);
CALL write_many('DELETE FROM bid WHERE id = 1000 + $1', 99);
SELECT k, state FROM state WHERE k = 0;
SELECT i4, i4_most FROM cache_get_bids(0);
TABLE wrong;
DELETE FROM bid WHERE id > 1000;
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
                    i := 2000 + (random() * 30)::int;
                    CASE (random() * 4)::int
                    WHEN 0 THEN
                        DELETE FROM bid WHERE id = i;
                    WHEN 1 THEN
                        UPDATE bid SET k = (random() * 4)::int, num = random() * 100 WHERE id BETWEEN i AND i + 2;
                    WHEN 2 THEN
                        UPDATE bid SET i4 = NULLIF((random() * 20)::int, 3), b = NULLIF((random() * 2)::int, 2)::boolean WHERE id = i;
                    ELSE
                        INSERT INTO bid SELECT (bid(i, (random() * 4)::int, (random() * 20)::int, random() < 0.9)).*
                        ON CONFLICT (id) DO UPDATE SET d = EXCLUDED.d, k = EXCLUDED.k, i2 = EXCLUDED.i2, b = EXCLUDED.b;
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
SELECT sum(fills) AS fills FROM cache_stat WHERE cache IN ('bids', 'flags') \gset before_
CALL write_at_random(300);
TABLE wrong;
SELECT sum(fills) - :before_fills < 700 AS few_were_loaded FROM cache_stat WHERE cache IN ('bids', 'flags');

-- What is refused, and why.
CREATE FUNCTION try(m text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT error_of(format('SELECT cache_create_aggregate(''bad'', ''bid'', ''{k}'', ARRAY[%L])', m)) $$;
SELECT try('min(num::text)');
SELECT try('max(i4::float8)');
SELECT try('min(num * 2)');
SELECT try('min(ts::time)');
SELECT try('max(ts - ts)');
SELECT try('min(DISTINCT i4)');
SELECT try('max(i4 ORDER BY id)');
SELECT try('bit_or(i4)');
SELECT try('min(i4) OVER ()');
SELECT error_of(format('SELECT cache_create_aggregate(''bad'', ''bid'', ''{k}'', %L)',
    (SELECT array_agg('m' || i || ': min(i4)') FROM generate_series(1, 33) AS i)));
SELECT error_of(format('SELECT cache_create_aggregate(''most'', ''bid'', ''{k}'', %L)',
    (SELECT array_agg('m' || i || ': min(i4)') FROM generate_series(1, 32) AS i)));
SELECT cache_get_most(1);
INSERT INTO bid SELECT (bid(60, 1, -100)).*;
SELECT cache_get_most(1);

-- A body of the loader by hand is none.
CREATE OR REPLACE FUNCTION cache_sum_huge() RETURNS numeric[] LANGUAGE sql STABLE
    BEGIN ATOMIC SELECT ARRAY[min(num), min(num)] FROM huge; END;
SELECT error_of('SELECT cache_get_huge()');

\i include/end.sql
