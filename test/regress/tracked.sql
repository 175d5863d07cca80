-- Nothing is declared: what loaders read is tracked.
\set ECHO none
\set database regress_tracked
\i include/begin.sql
\set ECHO all

CREATE TABLE account (id int PRIMARY KEY, name text);
CREATE TABLE call (id int PRIMARY KEY, account_id int NOT NULL REFERENCES account ON DELETE CASCADE, seconds int NOT NULL);
CREATE TABLE lead (id int PRIMARY KEY, account_id int NOT NULL, stage text NOT NULL);
INSERT INTO account VALUES (1, 'one'), (2, 'two');
INSERT INTO call VALUES (1, 1, 10), (2, 1, 20), (3, 2, 40);
INSERT INTO lead VALUES (1, 1, 'new'), (2, 2, 'won');

-- A view over a view, a function in a function, dynamic SQL.
CREATE VIEW talk AS SELECT account_id, seconds FROM call;
CREATE VIEW talk_total AS SELECT account_id, sum(seconds) AS total FROM talk GROUP BY account_id;
CREATE FUNCTION won(account int) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE 'SELECT count(*) FROM lead WHERE account_id = $1 AND stage = ''won''' INTO n USING account;
    RETURN n;
END $$;
CREATE FUNCTION won_text(account int) RETURNS text LANGUAGE sql STABLE AS 'SELECT won($1)::text';
CREATE FUNCTION load_dashboard(account int) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT a.name || ' ' || coalesce((SELECT total FROM talk_total AS t WHERE t.account_id = a.id), 0) || ' ' || won_text(a.id)
    FROM account AS a WHERE a.id = $1 $$;
SELECT cache_create('dashboard', 'load_dashboard(int)', invalidate => 'track');

-- What a read of a key gives, where it comes from, and whether that is what the loader says. (Until a value is published,
-- which a transaction of somebody else may put off, reads load.)
CREATE FUNCTION read_until_cached(cache text, key int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 1000 LOOP
        PERFORM cache_get(cache, key);
        IF (SELECT state FROM cache_explain(cache, key)) = 'hit' THEN RETURN; END IF;
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$;
CREATE FUNCTION seen(cache text, loader regproc, key int)
    RETURNS TABLE (first text, again text, value jsonb, is_right bool) LANGUAGE plpgsql AS $$
DECLARE
    truth jsonb;
BEGIN
    EXECUTE format('SELECT to_jsonb(%s($1))', loader) INTO truth USING key;
    SELECT e.source, e.value, e.value IS NOT DISTINCT FROM truth INTO first, value, is_right FROM cache_get_entry(cache, key) AS e;
    PERFORM read_until_cached(cache, key);
    SELECT e.source, is_right AND e.value IS NOT DISTINCT FROM truth INTO again, is_right FROM cache_get_entry(cache, key) AS e;
    RETURN NEXT;
END $$;
CREATE VIEW dashboard AS SELECT k, s.* FROM generate_series(1, 2) AS k, seen('dashboard', 'load_dashboard', k) AS s;
CREATE VIEW dashboard_now AS
    SELECT source, value, value IS NOT DISTINCT FROM to_jsonb(load_dashboard(1)) AS is_right FROM cache_get_entry('dashboard', 1);
SELECT first IN ('loader', 'cache') AS first, again, value, is_right FROM dashboard;
SELECT * FROM dashboard;

-- Every kind of change, of every table.
UPDATE call SET seconds = seconds + 1 WHERE id = 1;
SELECT * FROM dashboard;
INSERT INTO lead VALUES (3, 1, 'won');
SELECT * FROM dashboard;
UPDATE account SET name = 'uno' WHERE id = 1;
SELECT * FROM dashboard;
DELETE FROM lead WHERE id = 3;
SELECT * FROM dashboard;
COPY call FROM stdin;
4	2	100
\.
SELECT * FROM dashboard;
MERGE INTO lead AS l USING (VALUES (1, 'won'), (4, 'won')) AS v (id, stage) ON l.id = v.id
WHEN MATCHED THEN UPDATE SET stage = v.stage WHEN NOT MATCHED THEN INSERT VALUES (v.id, 2, v.stage);
SELECT * FROM dashboard;
DELETE FROM account WHERE id = 2;
SELECT * FROM dashboard;
TRUNCATE lead;
SELECT * FROM dashboard;
BEGIN;
SAVEPOINT s;
INSERT INTO call VALUES (5, 1, 1000);
SELECT * FROM dashboard_now;
ROLLBACK TO s;
SELECT * FROM dashboard_now;
INSERT INTO lead VALUES (5, 1, 'won');
COMMIT;
SELECT * FROM dashboard;
BEGIN;
UPDATE call SET seconds = 2 WHERE id = 2;
PREPARE TRANSACTION 'regress_tracked';
SELECT * FROM dashboard_now;
COMMIT PREPARED 'regress_tracked';
SELECT * FROM dashboard;
ALTER TABLE call DISABLE TRIGGER ALL;
SELECT * FROM dashboard;
UPDATE call SET seconds = 3 WHERE id = 2;
SELECT * FROM dashboard;
SET session_replication_role = replica;
UPDATE call SET seconds = 4 WHERE id = 2;
RESET session_replication_role;
SELECT * FROM dashboard;
BEGIN;
TRUNCATE call;
COPY call FROM stdin (FREEZE);
1	1	7
\.
COMMIT;
SELECT * FROM dashboard;
ALTER TABLE account ALTER name TYPE varchar USING upper(name);
SELECT * FROM dashboard;
CREATE OR REPLACE VIEW talk AS SELECT account_id, seconds + 1 AS seconds FROM call;
SELECT * FROM dashboard;
ALTER TABLE lead RENAME TO old_lead;
CREATE TABLE lead (LIKE old_lead);
SELECT * FROM dashboard;
INSERT INTO lead VALUES (1, 1, 'won'), (2, 1, 'won');
SELECT * FROM dashboard;
-- What no table of it changes leaves it alone, and nothing was put on the tables.
CREATE TABLE other (n int);
INSERT INTO other VALUES (1);
UPDATE old_lead SET stage = 'lost';
SELECT count(*) AS triggers_of_ours FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = tgrelid
WHERE NOT tgisinternal AND relnamespace = 'public'::regnamespace;

-- Counts that somebody does not keep.
SELECT * FROM dashboard;
SET track_counts = off;
UPDATE call SET seconds = 8;
SELECT * FROM dashboard_now;
SELECT cache_get('dashboard', 1);
SELECT reason FROM cache_bypasses WHERE cache = 'dashboard' AND reason LIKE 'track%';
RESET track_counts;
SELECT * FROM dashboard;
BEGIN;
SET LOCAL track_counts = off;
UPDATE call SET seconds = 9;
SET LOCAL track_counts = on;
SELECT * FROM dashboard_now;
COMMIT;
SELECT * FROM dashboard;

SET track_counts = off;
BEGIN;
UPDATE call SET seconds = 10;
SET track_counts = on;
COMMIT;
SELECT * FROM dashboard;

-- Partitions, now and later, and children.
CREATE TABLE event (account_id int, month int, n int) PARTITION BY LIST (month);
CREATE TABLE event_1 PARTITION OF event FOR VALUES IN (1);
CREATE TABLE event_2 PARTITION OF event FOR VALUES IN (2) PARTITION BY LIST (account_id);
CREATE TABLE event_2_1 PARTITION OF event_2 FOR VALUES IN (1);
CREATE TABLE parent (account_id int, n int);
CREATE TABLE child () INHERITS (parent);
INSERT INTO event VALUES (1, 1, 1), (1, 2, 10);
INSERT INTO child VALUES (1, 100);
CREATE FUNCTION load_events(account int) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce((SELECT sum(n) FROM event WHERE account_id = account AND month < 9), 0)
           + coalesce((SELECT sum(n) FROM parent WHERE account_id = account), 0);
END $$;
SELECT cache_create('events', 'load_events(int)', invalidate => 'track');
CREATE VIEW events AS SELECT s.* FROM seen('events', 'load_events', 1) AS s;
SELECT again, value, is_right FROM events;
INSERT INTO event_2_1 VALUES (1, 2, 20);
SELECT * FROM events;
UPDATE child SET n = 200;
SELECT * FROM events;
CREATE TABLE event_3 PARTITION OF event FOR VALUES IN (3);
INSERT INTO event_3 VALUES (1, 3, 1000);
SELECT * FROM events;
INSERT INTO event_3 VALUES (1, 3, 1000);
SELECT * FROM events;
CREATE TABLE event_4 (LIKE event);
INSERT INTO event_4 VALUES (1, 4, 5000);
ALTER TABLE event ATTACH PARTITION event_4 FOR VALUES IN (4);
SELECT * FROM events;
INSERT INTO event_4 VALUES (1, 4, 5000);
SELECT * FROM events;
ALTER TABLE event DETACH PARTITION event_4;
SELECT * FROM events;
CREATE TABLE grandchild () INHERITS (child);
SELECT * FROM events;
INSERT INTO grandchild VALUES (1, 50000);
SELECT * FROM events;
ALTER TABLE grandchild NO INHERIT child;
SELECT * FROM events;
-- A partition that the plan leaves out, and that comes in by an update.
CREATE TABLE event_9 PARTITION OF event FOR VALUES IN (9);
INSERT INTO event_9 VALUES (1, 9, 700000);
SELECT * FROM events;
UPDATE event SET month = 1 WHERE month = 9;
SELECT * FROM events;

-- The same seen by the transaction that does it.
CREATE VIEW events_now AS SELECT value = to_jsonb(load_events(1)) AS is_right, source FROM cache_get_entry('events', 1);
CREATE TABLE event_5 (LIKE event);
INSERT INTO event_5 VALUES (1, 5, 3);
SELECT again, is_right FROM events;
BEGIN;
ALTER TABLE event ATTACH PARTITION event_5 FOR VALUES IN (5);
SELECT * FROM events_now;
ALTER TABLE event DETACH PARTITION event_3;
SELECT * FROM events_now;
ALTER TABLE parent ALTER n TYPE int USING n + 1000;
SELECT * FROM events_now;
ALTER TABLE child NO INHERIT parent;
SELECT * FROM events_now;
ROLLBACK;
SELECT again, is_right FROM events;

-- Materialized views.
CREATE MATERIALIZED VIEW summary AS SELECT account_id, sum(n) AS n FROM event GROUP BY account_id;
CREATE UNIQUE INDEX ON summary (account_id);
CREATE FUNCTION load_summary(account int) RETURNS numeric LANGUAGE sql STABLE AS 'SELECT n FROM summary WHERE account_id = $1';
SELECT cache_create('summary', 'load_summary(int)', invalidate => 'track');
CREATE VIEW summarized AS SELECT s.* FROM seen('summary', 'load_summary', 1) AS s;
SELECT again, value, is_right FROM summarized;
INSERT INTO event VALUES (1, 1, 1);
SELECT * FROM summarized;
REFRESH MATERIALIZED VIEW summary;
SELECT * FROM summarized;
INSERT INTO event VALUES (1, 1, 1);
REFRESH MATERIALIZED VIEW CONCURRENTLY summary;
SELECT * FROM summarized;

-- A cache in a cache, also where the outer one reads nothing else; load_many and load_all.
CREATE FUNCTION load_outer(account int) RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'outer ' || cache_get_dashboard($1) $$;
SELECT cache_create('outer', 'load_outer(int)', invalidate => 'track');
CREATE VIEW outers AS SELECT s.* FROM seen('outer', 'load_outer', 1) AS s;
SELECT again, value, is_right FROM outers;
UPDATE call SET seconds = 11;
SELECT * FROM outers;
CREATE FUNCTION one_name(id int) RETURNS text LANGUAGE sql STABLE AS 'SELECT name FROM account AS a WHERE a.id = $1';
CREATE FUNCTION many_names(ids int[]) RETURNS TABLE (id int, name text) LANGUAGE sql STABLE AS
    'SELECT a.id, a.name FROM account AS a WHERE a.id = ANY ($1)';
CREATE FUNCTION all_names() RETURNS TABLE (id int, name text) LANGUAGE sql STABLE AS 'SELECT a.id, a.name FROM account AS a';
INSERT INTO account VALUES (2, 'two');
SELECT cache_create('names', 'one_name(int)', load_many => 'many_names(int[])', load_all => 'all_names()', invalidate => 'track');
SELECT count(*) FROM cache_get_many_names(ARRAY[1, 2]);
SELECT read_until_cached('names', 1), read_until_cached('names', 2);
UPDATE account SET name = 'dos' WHERE id = 2;
SELECT * FROM cache_get_many_names(ARRAY[1, 2]);
SELECT * FROM cache_get_many_names(ARRAY[1, 2]);
SELECT count(*) FROM cache_entries WHERE cache = 'names' AND state = 'live';
UPDATE account SET name = 'duo' WHERE id = 2;
SELECT * FROM cache_sync('names');
SELECT key, value FROM (VALUES (1), (2)) AS k (key), cache_get_entry('names', k.key) WHERE source = 'cache';

-- What cannot be tracked is not published, and the reason is shown.
CREATE SEQUENCE numbers;
CREATE FUNCTION volatile_helper() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE PROCEDURE procedure_helper(INOUT x int) LANGUAGE plpgsql AS 'BEGIN x := 1; END';
CREATE FUNCTION load_any(query text) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    result text;
BEGIN
    EXECUTE query INTO result;
    RETURN result IS NOT NULL;
END $$;
SELECT cache_create('any', 'load_any(text)', invalidate => 'track'), cache_create('bounded', 'load_any(text)', undeclared => 'ttl', invalidate => 'track'),
       cache_create('old', 'load_any(text)', invalidate => 'declared');
CREATE TABLE try (n serial, query text);
INSERT INTO try (query) VALUES
    ('SELECT 1'),
    ('SELECT now()'),
    ('SELECT set_config(''regress.x'', ''1'', true)'),
    ('SELECT pg_sleep(0)'),
    ('SELECT count(*) FROM pg_class'),
    ('SELECT count(*) FROM information_schema.tables'),
    ('SELECT last_value FROM numbers'),
    ('SELECT pg_stat_get_numscans(''try''::regclass)'),
    ('SELECT count(*) FROM pg_stat_user_tables'),
    ('SELECT pg_current_snapshot()'),
    ('SELECT txid_current_if_assigned()'),
    ('SELECT count(*) FROM pg_get_replication_slots()'),
    ('SELECT pg_backend_pid()'),
    ('SELECT random()'),
    ('SELECT clock_timestamp()'),
    ('SELECT volatile_helper()'),
    ('SELECT 1 FROM account ORDER BY random()'),
    ('SELECT count(*) FROM (SELECT volatile_helper() OFFSET 0) AS x');
CREATE FUNCTION source_of(cache text, query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cache_get(cache, query);
    PERFORM cache_get(cache, query);
    RETURN (SELECT source FROM cache_get_entry(cache, query));
END $$;
SELECT query, source_of('any', query) AS any, source_of('bounded', query) AS bounded, source_of('old', query) AS old
FROM try ORDER BY n;
CREATE FUNCTION refusal_of(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cache_get('any', query);
    RETURN (SELECT reason FROM cache_explain('any', query));
END $$;
SELECT query, refusal_of(query) FROM try ORDER BY n;
SELECT error_of($$SELECT cache_get('any', 'EXPLAIN SELECT 1')$$);
SELECT error_of($$SELECT cache_get('any', 'DO ''BEGIN END''')$$);
SELECT error_of($$SELECT cache_get('any', 'CALL procedure_helper(1)')$$);
SELECT cache, reason FROM cache_bypasses WHERE cache IN ('any', 'bounded', 'old') ORDER BY 1, 2;
-- What it is, is for the owner.
CREATE ROLE regress_tracked_reader;
GRANT EXECUTE ON FUNCTION cache_get_any(text) TO regress_tracked_reader;
SET ROLE regress_tracked_reader;
SELECT reason FROM cache_explain('any', 'nothing');
RESET ROLE;
DROP OWNED BY regress_tracked_reader;
DROP ROLE regress_tracked_reader;
-- Other servers, by themselves and as partitions.
CREATE EXTENSION postgres_fdw;
DO $$ BEGIN
    EXECUTE format('CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, port %L, dbname %L)',
                   split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database());
    EXECUTE format('CREATE USER MAPPING FOR CURRENT_USER SERVER here OPTIONS (user %L, password_required %L)', current_user, 'false');
END $$;
CREATE TABLE behind (month int, n int);
INSERT INTO behind VALUES (7, 1);
CREATE FOREIGN TABLE far (month int, n int) SERVER here OPTIONS (table_name 'behind');
CREATE TABLE mixed (month int, n int) PARTITION BY LIST (month);
CREATE TABLE mixed_1 PARTITION OF mixed FOR VALUES IN (1);
SELECT refusal_of('SELECT n FROM far'), source_of('any', 'SELECT n FROM mixed');
CREATE FOREIGN TABLE mixed_7 PARTITION OF mixed FOR VALUES IN (7) SERVER here OPTIONS (table_name 'behind');
SELECT refusal_of('SELECT n FROM mixed'), source_of('any', 'SELECT n FROM mixed WHERE month = 1'),
       source_of('bounded', 'SELECT n FROM mixed');
-- All that values depend on.
SELECT cache_invalidate_on('dashboard', 'call', '{account_id}');
SELECT again, value, is_right FROM dashboard;
SELECT * FROM cache_check('dashboard') ORDER BY 1;
-- Declared, it is precise from now on.
INSERT INTO call VALUES (9, 2, 5);
SELECT * FROM dashboard;
SELECT * FROM cache_check('events') ORDER BY 1;
SELECT refusal_of('SELECT random()') IS NOT NULL;
SELECT input, kind, covered, invalidates, more_precise FROM cache_check('any') WHERE kind = 'function' OR input LIKE '%far';
SELECT input, covered FROM cache_check('old');
-- What a cache that depends on its declarations alone reads, and nobody has declared.
CREATE FUNCTION load_forgotten(k int) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT sum(seconds) FROM talk) + CASE WHEN k = 1 THEN (SELECT count(*) FROM lead) ELSE 0 END;
END $$;
SELECT cache_create('forgotten', 'load_forgotten(int)', invalidate => 'declared');
SELECT cache_invalidate_on('forgotten', 'call');
CREATE VIEW inputs AS SELECT h.status, h.value, h.detail FROM cache_health AS h WHERE h.check = 'inputs';
SELECT cache_drop('any'), cache_drop('bounded'), cache_drop('old');
SELECT * FROM inputs;
SELECT cache_get('forgotten', 2) IS NOT NULL;
SELECT * FROM inputs;
SELECT * FROM cache_check('forgotten');
SELECT cache_get('forgotten', 1) IS NOT NULL;
SELECT * FROM inputs;
-- Loads of other keys do not hide it.
SELECT cache_get('forgotten', 3) IS NOT NULL;
SELECT * FROM inputs;
SELECT input, covered, invalidates, more_precise FROM cache_check('forgotten') ORDER BY input;
SELECT source, reason FROM cache_get_entry('forgotten', 1), cache_explain('forgotten', 1);
SELECT cache_invalidate_on('forgotten', 'lead');
SELECT cache_get('forgotten', 1) IS NOT NULL;
SELECT * FROM inputs;
SELECT input, covered FROM cache_check('forgotten') ORDER BY input;
-- And what cannot be declared: it stays found until the counters begin anew.
CREATE OR REPLACE FUNCTION load_forgotten(k int) RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN random() * k; END';
SELECT cache_get('forgotten', 4) IS NOT NULL;
SELECT * FROM inputs;
CREATE OR REPLACE FUNCTION load_forgotten(k int) RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN k; END';
SELECT cache_get('forgotten', 4) IS NOT NULL;
SELECT value FROM inputs;
SELECT cache_stat_reset('forgotten');
SELECT * FROM inputs;
-- Where all is tracked: values are not kept, or not beyond their ttl.
SELECT cache_create('any', 'load_any(text)', invalidate => 'track'), cache_create('bounded', 'load_any(text)', undeclared => 'ttl', invalidate => 'track');
SELECT cache_get('any', 'SELECT count(*) FROM pg_class'), cache_get('bounded', 'SELECT random()');
SELECT * FROM inputs;
SELECT cache_get('any', 'SELECT 1'), cache_get('bounded', 'SELECT 1');
SELECT * FROM inputs;
SELECT error_of($$SELECT * FROM cache_check('none')$$);
-- PL/pgSQL keeps an expression for the transaction; who calls it first may be no load.
CREATE FUNCTION kept() RETURNS bool LANGUAGE plpgsql STABLE AS 'BEGIN RETURN true; END';
CREATE FUNCTION load_kept(k int) RETURNS bool LANGUAGE plpgsql STABLE AS 'BEGIN RETURN kept(); END';
SELECT cache_create('kept', 'load_kept(int)', invalidate => 'track');
CREATE OR REPLACE FUNCTION kept() RETURNS bool LANGUAGE plpgsql STABLE AS 'DECLARE x float8; BEGIN x := random(); RETURN x < 2; END';
BEGIN;
SELECT kept();
SELECT cache_get('kept', 1), cache_get('kept', 1);
SELECT cache_get('kept', 2);
COMMIT;
SELECT cache, reason, bypasses FROM cache_bypasses WHERE cache = 'kept';
-- A temporary table that the loader reads is refused; one that it cannot see is none.
CREATE TEMP TABLE mine AS SELECT 1 AS x;
SELECT error_of($$SELECT cache_get('any', 'SELECT x FROM mine')$$);

-- What workers of a loader's query would read is read here.
CREATE TABLE seen_by_helper (n int);
INSERT INTO seen_by_helper VALUES (1);
CREATE FUNCTION helper(x int) RETURNS int LANGUAGE plpgsql STABLE PARALLEL SAFE AS
    'BEGIN RETURN x * (SELECT n FROM seen_by_helper); END';
CREATE TABLE wide AS SELECT i FROM generate_series(1, 1000) AS i;
CREATE FUNCTION load_wide(k int) RETURNS bigint LANGUAGE plpgsql STABLE AS
    'BEGIN RETURN (SELECT sum(helper(i)) FROM wide) + k; END';
SELECT cache_create('wide', 'load_wide(int)', invalidate => 'track');
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET parallel_leader_participation = off;
CREATE VIEW wides AS SELECT s.* FROM seen('wide', 'load_wide', 1) AS s;
SELECT again, value, is_right FROM wides;
UPDATE seen_by_helper SET n = 2;
SELECT * FROM wides;

-- Also where it is C code that calls them: casts to json, CHECKs of domains.
CREATE TYPE grade AS ENUM ('a');
CREATE FUNCTION grade_json(grade) RETURNS json LANGUAGE plpgsql STABLE PARALLEL SAFE AS
    'BEGIN RETURN to_json((SELECT n FROM seen_by_helper)); END';
CREATE CAST (grade AS json) WITH FUNCTION grade_json(grade);
CREATE TABLE graded AS SELECT 'a'::grade AS c FROM generate_series(1, 1000);
CREATE FUNCTION load_graded(k int) RETURNS bigint LANGUAGE plpgsql STABLE AS
    $$BEGIN RETURN (SELECT count(*) FROM graded WHERE to_json(c)::text = '2') + k; END$$;
SELECT cache_create('graded', 'load_graded(int)', invalidate => 'track');
CREATE VIEW gradeds AS SELECT s.* FROM seen('graded', 'load_graded', 1) AS s;
SELECT again, value, is_right FROM gradeds;
UPDATE seen_by_helper SET n = 3;
SELECT * FROM gradeds;

-- Options.
SELECT error_of($$SELECT cache_create('bad', 'load_any(text)', invalidate => 'always')$$);
SELECT error_of($$SELECT cache_alter('any', '{"undeclared": "never"}')$$);
SELECT cache_alter('dashboard', '{"invalidate": "declared"}');
SELECT again, value, is_right FROM dashboard;
UPDATE call SET seconds = 12;
SELECT cache_alter('dashboard', '{"invalidate": "track"}');
SELECT * FROM dashboard;
SELECT cache, mismatched FROM unnest('{dashboard,events,summary,outer,names,any,wide}'::text[]) AS cache, cache_verify(cache);

\i include/end.sql
