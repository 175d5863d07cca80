-- cache_create_aggregate: counts, sums and averages that writers bring up to date.
\set ECHO none
\set database regress_aggregate
\i include/begin.sql

CREATE TYPE state AS ENUM ('open', 'done');
CREATE DOMAIN cents AS int CHECK (VALUE < 1000000);
CREATE TABLE call (
    id int PRIMARY KEY,
    owner int,
    state state,
    minutes int,
    price numeric(10,2),
    paid cents,
    big bigint,
    at timestamptz DEFAULT '2026-03-29 00:30+00',
    note varchar(20)
);
INSERT INTO call
    SELECT g, g % 3, (CASE WHEN g % 2 = 0 THEN 'open' ELSE 'done' END)::state, g, g / 7.0, g, g * 10000000000
    FROM generate_series(1, 20) AS g;
INSERT INTO call (id, owner) VALUES (21, 1), (22, NULL);

-- The row type has the names of the measures and the types of PostgreSQL's own aggregates.
SELECT cache_create_aggregate('calls', 'call', '{owner}',
    '{calls: count(*), "done: count(*) FILTER (WHERE state = ''done'')", known: count(minutes), minutes: sum(minutes),
      price: sum(price), big: sum(big), paid: sum(paid), mean: avg(minutes), mean_price: avg(price), mean_big: avg(big),
      "late: sum(minutes) FILTER (WHERE minutes > 10)"}');
SELECT cache_create_aggregate('days', 'call',
    '{owner, "day: (at AT TIME ZONE ''Europe/Berlin'')::date"}', '{count(*), minutes: sum(minutes)}',
    filter => 'note IS NULL OR note <> ''no''');
SELECT cache_create_aggregate('all_calls', 'call', '{}', '{n: count(*), s: sum(price)}');
SELECT attname, format_type(atttypid, atttypmod)
FROM pg_attribute WHERE attrelid = 'cache_row_calls'::regclass AND attnum > 0 ORDER BY attnum;
SELECT * FROM made_by_cache_ext;
\sf cache_sum_days
SELECT * FROM cache_get_calls(1);

-- PostgreSQL's own GROUP BY is the oracle, in the same statement: what only one of the two has.
CREATE VIEW wrong AS
    WITH k AS (SELECT owner FROM generate_series(0, 4) AS owner UNION ALL SELECT NULL),
         d AS (SELECT day::date FROM generate_series('2026-03-28'::timestamp, '2026-03-30', '1 day') AS day),
         cached AS (
            SELECT 'calls' AS cache, k.owner, NULL::date AS day, cache_get_calls(k.owner)::text AS value FROM k
            UNION ALL SELECT 'days', k.owner, d.day, cache_get_days(k.owner, d.day)::text FROM k, d
            UNION ALL SELECT 'all_calls', NULL, NULL, cache_get_all_calls()::text),
         own AS (
            SELECT 'calls' AS cache, k.owner, NULL::date AS day, (
                SELECT ROW(count(*), count(*) FILTER (WHERE state = 'done'), count(minutes), sum(minutes), sum(price),
                           sum(big), sum(paid), avg(minutes), avg(price), avg(big), sum(minutes) FILTER (WHERE minutes > 10))
                FROM call AS c WHERE c.owner = k.owner)::text AS value FROM k
            UNION ALL SELECT 'days', k.owner, d.day, (
                SELECT ROW(count(*), sum(minutes)) FROM call AS c
                WHERE c.owner = k.owner AND (at AT TIME ZONE 'Europe/Berlin')::date = d.day
                AND (note IS NULL OR note <> 'no'))::text FROM k, d
            UNION ALL SELECT 'all_calls', NULL, NULL, (SELECT ROW(count(*), sum(price)) FROM call)::text)
    (TABLE cached EXCEPT TABLE own) UNION ALL (TABLE own EXCEPT TABLE cached);
TABLE wrong;
TABLE wrong;

-- A write adjusts the value: it stays in the cache.
CREATE VIEW loads AS SELECT cache, fills FROM cache_stat ORDER BY cache;
TABLE loads;
INSERT INTO call VALUES (30, 1, 'done', 12, 1.50, 7, 5, '2026-03-28 23:30+00');
SELECT * FROM cache_get_calls(1);
TABLE wrong;
UPDATE call SET minutes = minutes + 1, price = NULL WHERE owner = 1;
TABLE wrong;
UPDATE call SET owner = 2, at = '2026-03-29 23:00+00' WHERE id = 30;
TABLE wrong;
UPDATE call SET state = 'done', note = 'no' WHERE id % 4 = 0;
TABLE wrong;
UPDATE call SET owner = NULL WHERE id = 30;
UPDATE call SET owner = 0 WHERE owner IS NULL;
TABLE wrong;
DELETE FROM call WHERE owner = 2;
TABLE wrong;
TABLE loads;
SELECT source, value FROM cache_get_entry('calls', 1);
SELECT * FROM cache_explain('calls', 1) \gset explained_
SELECT :'explained_state';
SELECT part, ended, seen, amounts FROM cache_explain_aggregate('calls', 4);
INSERT INTO call VALUES (40, 4, 'done', 1, 1), (41, 4, 'open', NULL, 1);
DELETE FROM call WHERE id = 41;
SELECT part, ended, seen, amounts[1:8] FROM cache_explain_aggregate('calls', 4);
SELECT error_of($$SELECT * FROM cache_explain_aggregate('calls')$$);

-- Its own writes a transaction reads from the table; what is rolled back to a savepoint was never added.
BEGIN;
INSERT INTO call VALUES (50, 1, 'done', 100, 1);
SELECT source FROM cache_get_entry('calls', 1);
SAVEPOINT a;
UPDATE call SET minutes = 1000 WHERE id = 50;
SAVEPOINT b;
DELETE FROM call WHERE owner = 1;
ROLLBACK TO b;
INSERT INTO call VALUES (51, 1, 'open', 7, 2);
RELEASE a;
SAVEPOINT c;
UPDATE call SET minutes = 3 WHERE id = 51;
RELEASE c;
SAVEPOINT d;
UPDATE call SET owner = 3 WHERE owner = 1;
ROLLBACK TO d;
COMMIT;
TABLE wrong;
TABLE loads;

-- Random writes, in transactions with savepoints: the values are right after each, and none is loaded again.
CREATE PROCEDURE write_at_random(transactions int) LANGUAGE plpgsql AS $$
DECLARE
    bad int;
    k int;
BEGIN
    PERFORM setseed(0.5);
    FOR t IN 1 .. transactions LOOP
        FOR s IN 1 .. 1 + (random() * 3)::int LOOP
            BEGIN
                FOR w IN 1 .. 1 + (random() * 4)::int LOOP
                    k := 100 + (random() * 30)::int;
                    CASE (random() * 4)::int
                    WHEN 0 THEN
                        DELETE FROM call WHERE id = k;
                    WHEN 1 THEN
                        UPDATE call SET owner = (random() * 4)::int, price = random() * 100 WHERE id BETWEEN k AND k + 3;
                    WHEN 2 THEN
                        UPDATE call SET minutes = NULLIF((random() * 20)::int, 3), note = substr('noyes', 1 + (random() * 3)::int, 2),
                            state = CASE WHEN random() < 0.5 THEN 'done' ELSE 'open' END::state WHERE id = k;
                    ELSE
                        INSERT INTO call (id, owner, minutes, price, big, at)
                        VALUES (k, NULLIF((random() * 5)::int, 5), (random() * 20)::int, random() * 1000, 1,
                                '2026-03-28 20:00+00'::timestamptz + random() * '2 days'::interval)
                        ON CONFLICT (id) DO UPDATE SET minutes = EXCLUDED.minutes, owner = EXCLUDED.owner, paid = 5;
                    END CASE;
                END LOOP;
                IF random() < 0.3 THEN RAISE EXCEPTION USING ERRCODE = 'P0099'; END IF;
            EXCEPTION WHEN SQLSTATE 'P0099' THEN NULL;
            END;
        END LOOP;
        IF random() < 0.2 THEN ROLLBACK; ELSE COMMIT; END IF;
        SELECT count(*) INTO bad FROM wrong;
        IF bad > 0 THEN RAISE EXCEPTION 'wrong after transaction %', t; END IF;
        COMMIT;
    END LOOP;
END $$;
CALL write_at_random(150);
TABLE loads;

-- Statements that change many rows, or rows of others.
COPY call (id, owner, minutes) FROM stdin;
200	1	5
201	2	6
202	0	\N
\.
TABLE wrong;
MERGE INTO call USING (VALUES (200, 9), (203, 8)) AS v (id, minutes) ON call.id = v.id
    WHEN MATCHED THEN UPDATE SET minutes = v.minutes, owner = 0
    WHEN NOT MATCHED THEN INSERT (id, owner, minutes) VALUES (v.id, 1, v.minutes);
TABLE wrong;
CREATE TABLE agent (id int PRIMARY KEY);
INSERT INTO agent VALUES (0), (1), (2), (3), (4);
ALTER TABLE call ADD FOREIGN KEY (owner) REFERENCES agent ON DELETE CASCADE ON UPDATE CASCADE;
TABLE wrong;
UPDATE agent SET id = 5 WHERE id = 4;
DELETE FROM agent WHERE id = 0;
TABLE wrong;

-- What adds nothing that is known invalidates: the writer never fails.
CREATE TABLE odd (k int, n numeric(40,2), a int, b int);
INSERT INTO odd VALUES (1, 1, 1, 1), (2, 2, 2, 1);
SELECT cache_create_aggregate('odds', 'odd', '{k}', '{s: sum(n), "q: sum(a / b)"}');
CREATE VIEW odd_wrong AS
    SELECT k, cache_get_odds(k)::text AS cached, (SELECT ROW(sum(n), sum(a / b)) FROM odd AS o WHERE o.k = g.k)::text AS own
    FROM generate_series(1, 2) AS g (k)
    WHERE cache_get_odds(k)::text <> (SELECT ROW(sum(n), sum(a / b)) FROM odd AS o WHERE o.k = g.k)::text;
TABLE odd_wrong;
INSERT INTO odd VALUES (1, 'NaN', 1, 1);
SELECT * FROM cache_get_odds(1);
SELECT * FROM cache_get_odds(1);
TABLE odd_wrong;
SELECT reason, bypasses > 0 AS any FROM cache_bypasses WHERE cache = 'odds';
DELETE FROM odd WHERE n = 'NaN';
TABLE odd_wrong;
INSERT INTO odd VALUES (2, 12345678901234567890123456789012345678.00, 1, 1);
TABLE odd_wrong;
SELECT * FROM cache_get_odds(2);
DELETE FROM odd WHERE n > 100;
TABLE odd_wrong;
INSERT INTO odd VALUES (1, 1, 1, 0);
SELECT error_of('SELECT * FROM cache_get_odds(1)');
SELECT error_of('SELECT sum(a / b) FROM odd');
UPDATE odd SET b = 1 WHERE b = 0;
TABLE odd_wrong;

-- Partitions, whose columns lie elsewhere, and rows that move between them.
CREATE TABLE part (gone int, k int, v int, region text) PARTITION BY LIST (region);
ALTER TABLE part DROP COLUMN gone;
CREATE TABLE part_a PARTITION OF part FOR VALUES IN ('a');
CREATE TABLE part_b (region text, v int, more int, k int);
ALTER TABLE part_b DROP COLUMN more;
ALTER TABLE part ATTACH PARTITION part_b FOR VALUES IN ('b');
INSERT INTO part VALUES (1, 1, 'a'), (1, 2, 'b'), (2, 3, 'b');
SELECT cache_create_aggregate('parts', 'part', '{k}', '{n: count(*), s: sum(v)}');
CREATE VIEW part_wrong AS
    SELECT k FROM generate_series(1, 2) AS g (k)
    WHERE cache_get_parts(k)::text <> (SELECT ROW(count(*), sum(v)) FROM part AS p WHERE p.k = g.k)::text;
TABLE part_wrong;
INSERT INTO part_b (k, v, region) VALUES (1, 10, 'b');
UPDATE part SET region = 'b', v = v + 1 WHERE region = 'a';
UPDATE part_b SET k = 2 WHERE v = 10;
TABLE part_wrong;
SELECT fills FROM cache_stat WHERE cache = 'parts';
TRUNCATE part_b;
TABLE part_wrong;
ALTER TABLE part DISABLE TRIGGER ALL;
INSERT INTO part VALUES (1, 5, 'a');
TABLE part_wrong;
ALTER TABLE part ENABLE TRIGGER ALL;
CREATE TABLE parent (k int, v int);
CREATE TABLE child (extra int) INHERITS (parent);
SELECT cache_create_aggregate('family', 'parent', '{k}', '{s: sum(v)}');
SELECT * FROM cache_get_family(1);
INSERT INTO child VALUES (1, 5, 0);
INSERT INTO parent VALUES (1, 6);
SELECT * FROM cache_get_family(1);

-- What cannot be kept up to date is refused, with the reason.
CREATE VIEW a_view AS TABLE call;
CREATE FUNCTION own(int) RETURNS int IMMUTABLE LANGUAGE sql RETURN $1;
CREATE FUNCTION try(k text, m text, f text DEFAULT NULL, r text DEFAULT 'call') RETURNS SETOF text LANGUAGE sql AS $$
    SELECT error_of(format('SELECT cache_create_aggregate(''bad'', %L, %L, %L, %L)', r, k, m, f)) $$;
SELECT try('{owner}', '{sum(big::float8)}');
SELECT try('{owner}', '{avg(minutes::float4)}');
SELECT try('{owner}', '{sum(price * 2)}');
SELECT try('{owner}', '{stddev(minutes)}');
SELECT try('{owner}', '{count(DISTINCT minutes)}');
SELECT try('{owner}', '{array_agg(minutes ORDER BY id)}');
SELECT try('{owner}', '{sum(minutes) + 1}');
SELECT try('{owner}', '{"sum(minutes) OVER ()"}');
SELECT try('{owner}', '{minutes}');
SELECT try('{owner}', '{"sum(minutes), 1"}');
SELECT try('{owner}', '{"sum(minutes) FROM call"}');
SELECT try('{owner}', '{}');
SELECT try('{owner}', NULL);
SELECT try('{owner,NULL}', '{count(*)}');
SELECT try('{at::date}', '{count(*)}');
SELECT try('{(at AT TIME ZONE ''CET'')::date}', '{count(*)}');
SELECT try('{public.own(owner)}', '{count(*)}');
SELECT try('{(SELECT 1)}', '{count(*)}');
SELECT try('{random()}', '{count(*)}');
SELECT try('{price::text}', '{count(*)}', 'at > now()');
SELECT try('{owner}', '{count(*)}', 'minutes');
SELECT try('{owner}', '{count(*)}', 'call IS NULL');
SELECT try('{owner}', '{count(*)}', 'big::float8::text = ''1''');
SELECT try('{owner}', '{count(*)}', 'quote_ident(note) = note');
SELECT try('{"note COLLATE \"nowhere\""}', '{count(*)}');
SELECT try('{ctid}', '{count(*)}');
SELECT try('{nothing}', '{count(*)}');
SELECT try('{owner}', '{count(*)}', NULL, 'a_view');
SELECT try('{relname}', '{count(*)}', NULL, 'pg_class');
SELECT try('{owner}', '{n: count(*), n: sum(minutes)}');
SELECT try('{owner}', (SELECT array_agg('m' || i || ': sum(minutes)')::text FROM generate_series(1, 33) AS i));
SELECT error_of($$SELECT cache_alter('calls', '{"stale_for": "1 min"}')$$);
SELECT error_of($$SELECT cache_alter('calls', '{"invalidate": "auto"}')$$);
SELECT error_of($$SELECT cache_alter('calls', '{"run_as": "reader"}')$$);
SELECT error_of($$SELECT cache_alter('calls', '{"ttl": "1 hour", "max_entries": 100}')$$);
SELECT error_of($$SELECT cache_invalidate_on('calls', 'agent')$$);
SELECT error_of($$SELECT cache_put('calls', '{}'::jsonb, 1)$$);

-- Keys under another collation than the column's; a type with an = of its own has none that is PostgreSQL's.
CREATE EXTENSION citext;
CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE texts (c citext, n text COLLATE caseless, v int);
INSERT INTO texts VALUES ('a', 'a', 1), ('A', 'A', 2);
SELECT try('{c}', '{count(*)}', NULL, 'texts');
SELECT try('{n}', '{count(*)}', NULL, 'texts');
SELECT cache_create_aggregate('texts', 'texts', '{c::text, "n: n COLLATE \"C\""}', '{n: count(*), "s: sum(v) FILTER (WHERE n = ''A'')"}');
SELECT k, cache_get_texts(k, k) FROM unnest('{a,A}'::text[]) AS k;
INSERT INTO texts VALUES ('a', 'a', 3), ('a', 'A', 4);
SELECT k, cache_get_texts(k, k), (SELECT ROW(count(*), sum(v) FILTER (WHERE n = 'A')) FROM texts WHERE c::text = k AND n COLLATE "C" = k)
FROM unnest('{a,A}'::text[]) AS k;
SELECT fills FROM cache_stat WHERE cache = 'texts';
SELECT cache_drop('texts');
DROP TABLE texts;

-- What a value is made of is not for every reader.
CREATE ROLE regress_aggregate_reader;
GRANT EXECUTE ON FUNCTION cache_get_calls TO regress_aggregate_reader;
SET ROLE regress_aggregate_reader;
SELECT error_of($$SELECT cache_get_calls(1)$$);
SELECT error_of($$SELECT * FROM cache_explain_aggregate('calls', 1)$$);
RESET ROLE;
GRANT pg_read_all_stats TO regress_aggregate_reader;
SET ROLE regress_aggregate_reader;
SELECT part FROM cache_explain_aggregate('calls', 1) LIMIT 1;
RESET ROLE;
DROP OWNED BY regress_aggregate_reader;
DROP ROLE regress_aggregate_reader;

-- Columns and the table may be renamed; what the loader needs cannot go.
ALTER TABLE call RENAME COLUMN minutes TO duration;
ALTER TABLE call RENAME TO conversation;
INSERT INTO conversation VALUES (300, 1, 'done', 77, 1);
SELECT calls, minutes = (SELECT sum(duration) FROM conversation WHERE owner = 1) AS same FROM cache_get_calls(1);
SELECT error_of('ALTER TABLE conversation DROP COLUMN duration');
SELECT error_of('ALTER TABLE conversation ALTER COLUMN duration TYPE bigint');
SELECT input, covered, invalidates FROM cache_check('calls');
SELECT status, detail FROM cache_health WHERE "check" IN ('declarations', 'dependencies');

-- Row-level security that applies to the owner would hide rows from the loader.
CREATE ROLE regress_aggregate_owner;
GRANT CREATE ON SCHEMA public TO regress_aggregate_owner;
SET ROLE regress_aggregate_owner;
CREATE TABLE owned (k int, v int);
SELECT cache_create_aggregate('owned', 'owned', '{k}', '{s: sum(v)}');
INSERT INTO owned VALUES (1, 1), (1, 2);
SELECT * FROM cache_get_owned(1);
CREATE POLICY p ON owned USING (v > 1);
ALTER TABLE owned ENABLE ROW LEVEL SECURITY;
SELECT * FROM cache_get_owned(1);
ALTER TABLE owned FORCE ROW LEVEL SECURITY;
SELECT * FROM cache_get_owned(1);
SELECT state, reason FROM cache_explain('owned', 1);
SELECT error_of($$SELECT cache_create_aggregate('again', 'owned', '{k}', '{s: sum(v)}')$$);
SELECT error_of($$SELECT cache_create_aggregate('again', 'conversation', '{owner}', '{count(*)}')$$);
ALTER TABLE owned NO FORCE ROW LEVEL SECURITY;
INSERT INTO owned VALUES (1, 0);
SELECT * FROM cache_get_owned(1);
-- Another body of the loader is none that writers could adjust values of.
CREATE OR REPLACE FUNCTION cache_sum_owned(k int) RETURNS numeric[] LANGUAGE sql STABLE
    BEGIN ATOMIC SELECT ARRAY[sum(o.v)::numeric, count(o.v)::numeric] FROM owned AS o WHERE o.k = $1 AND o.v > 0; END;
SELECT error_of('SELECT * FROM cache_get_owned(1)');
INSERT INTO owned VALUES (1, 9);
SELECT status, detail FROM cache_health WHERE "check" = 'declarations';
RESET ROLE;
SELECT cache_drop('owned');
DROP TABLE owned;

-- What was made for a cache goes with it.
DROP VIEW wrong, odd_wrong, part_wrong, loads, a_view;
SELECT cache_drop('days'), cache_drop('all_calls');
SELECT error_of($$DROP TABLE conversation$$);
DROP TABLE conversation CASCADE;
SELECT error_of('SELECT * FROM cache_get_calls(1)');
SELECT cache_drop('calls');
SELECT cache_drop('odds'), cache_drop('parts'), cache_drop('family');
SELECT * FROM made_by_cache_ext;
SELECT typname FROM pg_type WHERE typname LIKE 'cache\_row%';
CREATE TABLE t (k int);
SELECT cache_create_aggregate('again', 't', '{k}', '{count(*)}');
DROP VIEW made_by_cache_ext;
DROP EXTENSION cache_ext;
SELECT typname FROM pg_type WHERE typname LIKE 'cache\_row%';
REVOKE CREATE ON SCHEMA public FROM regress_aggregate_owner;
DROP ROLE regress_aggregate_owner;

\i include/end.sql
