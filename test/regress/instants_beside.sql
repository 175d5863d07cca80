-- Keys between which a row's instant lies, beside everything else that a cache may have: several tables and ends, types
-- behind domains, settings of sessions, values that are put, old ones, many at once, partitions, DDL, more tags than an entry has.
\set ECHO none
\set database regress_instants_beside
\i include/begin.sql
SET TimeZone = 'UTC';

-- Whether the value of a key comes from the cache, and is what the loader says.
CREATE FUNCTION verdict(cache text, VARIADIC key text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    arguments text := (SELECT string_agg(quote_nullable(k), ', ' ORDER BY i) FROM unnest(key) WITH ORDINALITY AS u(k, i));
    found record;
    truth jsonb;
BEGIN
    EXECUTE format('SELECT to_jsonb(load_%s(%s))', cache, arguments) INTO truth;
    EXECUTE format('SELECT source, value IS NOT DISTINCT FROM $1 AS is_right FROM cache_get_entry(%L, %s)', cache, arguments)
        USING truth INTO found;
    RETURN found.source || CASE WHEN found.is_right THEN '' ELSE ' WRONG' END;
END $$;
-- Of several periods, in order.
CREATE FUNCTION verdicts(cache text, before text[], VARIADIC periods text[]) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(verdict(cache, VARIADIC before || string_to_array(p, ' ')), ', ' ORDER BY i)
    FROM unnest(periods) WITH ORDINALITY AS u(p, i) $$;
\set ECHO all

-- Two tables, and two columns of one of them, each with ends of its own: nobody's spans are another's.
CREATE TABLE visit (id int PRIMARY KEY, org int, at timestamp, day date, n int);
CREATE TABLE absence (id int PRIMARY KEY, org int, day date, n int);
INSERT INTO visit VALUES (1, 1, '2025-10-05', '2025-10-05', 1), (2, 1, '2025-11-05', '2025-11-05', 2), (3, 1, NULL, NULL, 3);
CREATE FUNCTION load_month(org int, since date, until date) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT (SELECT coalesce(sum(n), 0) FROM visit AS v WHERE v.org = $1 AND v.at >= $2 AND v.at < $3) || ' ' ||
           (SELECT coalesce(sum(n), 0) FROM visit AS v WHERE v.org = $1 AND v.day > $2 AND v.day <= $3) || ' ' ||
           (SELECT coalesce(sum(n), 0) FROM absence AS a WHERE a.org = $1 AND a.day BETWEEN $2 AND $3) $$;
SELECT cache_create('month', 'load_month(int,date,date)', invalidate => 'declared');
SELECT cache_invalidate_on('month', 'visit', '{org}', '{n}', instant => 'at', since => 'since', until => 'until');
SELECT cache_invalidate_on('month', 'visit', '{org}', '{n}', instant => 'day', since => 'since', until => 'until', bounds => '(]');
SELECT cache_invalidate_on('month', 'absence', '{org}', '{n}', instant => 'day', since => 'since', until => 'until', bounds => '[]');
SELECT unnest(tags) AS tag FROM cache_explain('month', 1, '2025-10-01'::date, '2025-11-01'::date);
\set look 'SELECT verdicts(''month'', ''{1}'', ''2025-10-01 2025-11-01'', ''2025-11-01 2025-12-01'');'
:look
:look
-- On the day that ends the one and begins the other; which of them counts it depends on the table.
INSERT INTO visit VALUES (10, 1, '2025-11-01', NULL, 1);
:look
INSERT INTO visit VALUES (11, 1, NULL, '2025-11-01', 1);
:look
INSERT INTO absence VALUES (12, 1, '2025-11-01', 1);
:look
:look
INSERT INTO absence VALUES (13, 1, '2025-11-30', 1);
:look
:look
-- What had no instant gets one, and loses it.
UPDATE visit SET at = '2025-10-10' WHERE id = 3;
:look
:look
UPDATE visit SET at = NULL WHERE id = 3;
:look
:look
-- Both in one transaction, and in savepoints: the instant before is lost sight of nowhere.
BEGIN;
UPDATE visit SET at = '2025-12-10' WHERE id = 1;
SAVEPOINT s;
UPDATE visit SET at = '2025-12-20' WHERE id = 1;
ROLLBACK TO s;
COMMIT;
:look
:look
BEGIN;
SAVEPOINT s;
UPDATE visit SET at = '2025-10-20' WHERE id = 1;
RELEASE s;
UPDATE visit SET at = '2025-12-10' WHERE id = 1;
COMMIT;
:look
:look
-- A child's instants are the parent's; what a child takes back, nobody's.
BEGIN;
INSERT INTO visit VALUES (20, 1, '2025-12-20', NULL, 1);
SAVEPOINT a;
SAVEPOINT b;
INSERT INTO visit VALUES (21, 1, '2025-11-20', NULL, 1);
RELEASE b;
RELEASE a;
SAVEPOINT c;
INSERT INTO visit VALUES (22, 1, '2025-10-20', NULL, 1);
ROLLBACK TO c;
COMMIT;
:look
:look
-- All is taken back, and the key is changed once more.
BEGIN;
SAVEPOINT a;
INSERT INTO visit VALUES (23, 1, '2025-10-20', NULL, 1);
ROLLBACK TO a;
INSERT INTO visit VALUES (23, 1, '2025-11-20', NULL, 1);
COMMIT;
:look
:look
-- Prepared: the instants are those of the transaction, with its savepoints.
BEGIN;
INSERT INTO visit VALUES (24, 1, '2025-11-20', NULL, 1);
SAVEPOINT a;
INSERT INTO visit VALUES (25, 1, '2025-11-21', NULL, 1);
RELEASE a;
PREPARE TRANSACTION 'instants';
:look
COMMIT PREPARED 'instants';
:look
:look
-- Too many keys for one transaction: all of them.
SET cache_ext.max_transaction_tags = 16;
INSERT INTO visit SELECT 1000 + g, 100 + g, '2025-12-01', NULL, 1 FROM generate_series(1, 40) AS g;
RESET cache_ext.max_transaction_tags;
:look
:look

SELECT cache_drop('month');

-- Values that are put: whoever puts one after changes of his own has seen these; a change that may concern it drops it. NULL: there is none.
SELECT cache_create('month', key_types => '{int,date,date}', value_type => 'text');
SELECT cache_invalidate_on('month', 'visit', '{org}', instant => 'at', since => '$2', until => '$3');
\set put 'SELECT cache_put_month(1, a, b, load_month(1, a, b)) FROM (VALUES (''2025-10-01''::date, ''2025-11-01''::date), (''2025-11-01'', ''2025-12-01'')) AS p(a, b);'
\set look 'SELECT cache_get_month(1, a, b) = load_month(1, a, b) AS is_right FROM (VALUES (''2025-10-01''::date, ''2025-11-01''::date), (''2025-11-01'', ''2025-12-01'')) AS p(a, b);'
BEGIN;
INSERT INTO visit VALUES (30, 1, '2025-10-20', NULL, 1);
:put
:look
COMMIT;
:look
INSERT INTO visit VALUES (31, 1, '2025-12-01', NULL, 1);
:look
INSERT INTO visit VALUES (32, 1, '2025-10-01', NULL, 1);
:look
BEGIN;
:put
INSERT INTO visit VALUES (33, 1, '2025-11-22', NULL, 1);
:look
COMMIT;
:look
BEGIN;
:put
SAVEPOINT s;
INSERT INTO visit VALUES (34, 1, '2025-11-22', NULL, 1);
ROLLBACK TO s;
COMMIT;
:look
-- Another one is preparing one of November when it puts: of that the value knows nothing, the one of October need not.
BEGIN;
INSERT INTO visit VALUES (35, 1, '2025-11-23', NULL, 1);
PREPARE TRANSACTION 'instants';
:put
:look
COMMIT PREPARED 'instants';
:look
SELECT cache_drop('month');
\set look 'SELECT verdicts(''month'', ''{1}'', ''2025-10-01 2025-11-01'', ''2025-11-01 2025-12-01'');'

-- Values with a time, and old ones: what lies behind the value lies where it did.
SELECT cache_create('month', 'load_month(int,date,date)', invalidate => 'declared', expires => 'year', stale_for => '1 h', refresh_at => NULL);
SELECT cache_invalidate_on('month', 'visit', '{org}', instant => 'at', since => 'since', until => 'until');
SELECT cache_invalidate_on('month', 'absence', '{org}', instant => 'day', since => 'since', until => 'until', bounds => '[]');
:look
:look
INSERT INTO visit VALUES (40, 1, '2025-12-20', NULL, 1);
:look
INSERT INTO absence VALUES (41, 1, '2025-10-20', 1);
SELECT source FROM cache_get_entry('month', 1, '2025-10-01'::date, '2025-11-01'::date);
SELECT source FROM cache_get_entry('month', 1, '2025-11-01'::date, '2025-12-01'::date);
INSERT INTO absence VALUES (42, 1, '2025-11-01', 1);
SELECT source FROM cache_get_entry('month', 1, '2025-11-01'::date, '2025-12-01'::date);
SELECT expires_at > now() AS holds_for_a_time FROM cache_explain('month', 1, '2025-11-01'::date, '2025-12-01'::date);
SELECT cache_drop('month');
-- Whose transaction has an older writer of the key in progress: its values are blind to it.
SELECT cache_create('month', 'load_month(int,date,date)', invalidate => 'declared', expires => 'year', stale_for => '1 h');
SELECT cache_invalidate_on('month', 'visit', '{org}', instant => 'at', since => 'since', until => 'until');
:look
BEGIN;
INSERT INTO visit VALUES (50, 1, '2025-10-20', NULL, 1);
PREPARE TRANSACTION 'instants';
SELECT cache_refresh('month', 1, '2025-10-01'::date, '2025-11-01'::date) IS NOT NULL AS loaded;
:look
COMMIT PREPARED 'instants';
SELECT source FROM cache_get_entry('month', 1, '2025-10-01'::date, '2025-11-01'::date);
SELECT source FROM cache_get_entry('month', 1, '2025-11-01'::date, '2025-12-01'::date);
SELECT cache_drop('month');

-- Whatever the settings of who writes and who reads: domains, dates from before there were any, half days, summer time.
CREATE DOMAIN moment AS timestamptz;
CREATE DOMAIN date_of AS date CHECK (VALUE > '4000-01-01 BC');
CREATE FUNCTION load_domain(since date_of) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM absence AS a WHERE a.day >= $1';
SELECT cache_create('domain', 'load_domain(date_of)', invalidate => 'declared');
\pset tuples_only on
SELECT error_of($$SELECT cache_invalidate_on('domain', 'absence', instant => 'day', since => 'since')$$);
\pset tuples_only off
SELECT cache_drop('domain');
CREATE TABLE event (id serial PRIMARY KEY, at moment, day date_of);
CREATE FUNCTION load_zoned(since timestamptz, until timestamptz) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT count(*) FROM event AS e WHERE e.at >= $1 AND e.at < $2';
CREATE FUNCTION load_old(since date, until date) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT count(*) FROM event AS e WHERE e.day >= $1 AND e.day < $2';
SELECT cache_create('zoned', 'load_zoned(timestamptz,timestamptz)', invalidate => 'declared'),
       cache_create('old', 'load_old(date,date)', invalidate => 'declared');
SELECT cache_invalidate_on('zoned', 'event', instant => 'at', since => 'since', until => 'until'),
       cache_invalidate_on('old', 'event', instant => 'day', since => 'since', until => 'until');
\set look 'SELECT verdict(''zoned'', ''2025-10-26 00:00+00'', ''2025-10-26 01:00+00''), verdict(''old'', ''1969-12-31'', ''1970-01-02''), verdict(''old'', ''0044-03-15 BC'', ''0001-01-01''), verdict(''old'', ''1999-12-31'', ''2000-01-02'');'
:look
:look
SET TimeZone = 'America/New_York';
SET DateStyle = 'SQL, DMY';
-- Half past eight there is half past midnight.
INSERT INTO event (at) VALUES ('25/10/2025 20:30');
:look
:look
INSERT INTO event (at) VALUES ('25/10/2025 21:00'), ('25/10/2025 19:59:59.999999');
:look
INSERT INTO event (day) VALUES ('02/01/1970'), ('30/12/1969');
:look
INSERT INTO event (day) VALUES ('01/01/1970');
:look
:look
INSERT INTO event (day) VALUES ('15/03/0044 BC');
:look
:look
INSERT INTO event (day) VALUES ('14/03/0044 BC'), ('31/12/0043 BC');
:look
:look
INSERT INTO event (day) VALUES ('01/01/2000');
:look
:look
-- Of another type, a column is no instant of these arguments any more.
ALTER TABLE event ALTER COLUMN day TYPE timestamptz;
:look
INSERT INTO event (at) VALUES ('2000-01-01');
:look
SELECT detail FROM cache_health WHERE "check" = 'dependencies';
SELECT cache_drop('zoned'), cache_drop('old');
SET TimeZone = 'UTC';
RESET DateStyle;

-- Partitions, whose columns have other numbers; from the loader's text, through a view.
CREATE TABLE reading (id int, at timestamptz NOT NULL, place text, n int) PARTITION BY RANGE (at);
CREATE TABLE reading_old PARTITION OF reading FOR VALUES FROM (MINVALUE) TO ('2025-10-15');
CREATE TABLE reading_new (n int, place text, at timestamptz NOT NULL, id int);
ALTER TABLE reading ATTACH PARTITION reading_new FOR VALUES FROM ('2025-10-15') TO (MAXVALUE);
CREATE VIEW readings AS SELECT at AS read_at, place AS "where", n FROM reading;
CREATE FUNCTION load_sum(place text, since timestamptz, until timestamptz) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE result bigint;
BEGIN
    SELECT coalesce(sum(r.n), 0) INTO result FROM readings AS r WHERE r."where" = place AND $2 <= read_at AND NOT until <= read_at AND read_at < until;
    RETURN result;
END $$;
SELECT cache_create('sum', 'load_sum(text,timestamptz,timestamptz)', invalidate => 'auto');
SELECT input, covered, statement FROM cache_declare('sum');
\set look 'SELECT verdicts(''sum'', ''{here}'', ''2025-10-01 2025-11-01'', ''2025-11-01 2025-12-01'');'
:look
:look
INSERT INTO reading VALUES (1, '2025-11-20', 'here', 1), (2, '2025-10-20', 'there', 1);
:look
:look
INSERT INTO reading_new VALUES (1, 'here', '2025-10-20', 3);
:look
:look
-- To the other partition, and back.
UPDATE reading SET at = '2025-09-20' WHERE id = 3;
:look
:look
UPDATE reading SET at = '2025-10-10' WHERE id = 3;
:look
:look
TRUNCATE reading_old;
:look
:look
ALTER TABLE reading DETACH PARTITION reading_new;
:look
:look
INSERT INTO reading_new VALUES (1, 'here', '2025-11-20', 4);
:look
ALTER TABLE reading ATTACH PARTITION reading_new FOR VALUES FROM ('2025-10-15') TO (MAXVALUE);
:look
:look
SET session_replication_role = replica;
INSERT INTO reading VALUES (5, '2025-10-20', 'here', 1);
RESET session_replication_role;
:look
:look
-- A value of more periods than an entry has tags, and of one of another cache; and one of few periods.
CREATE TABLE plan (day timestamptz, n int);
CREATE FUNCTION load_plans(since timestamptz) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM plan AS p WHERE p.day >= $1';
SELECT cache_create('plans', 'load_plans(timestamptz)', invalidate => 'declared');
SELECT cache_invalidate_on('plans', 'plan', instant => 'day', since => 'since');
CREATE FUNCTION load_places(since timestamptz) RETURNS numeric LANGUAGE sql STABLE
    AS $$SELECT cache_get_plans(since) + (SELECT sum(cache_get_sum('place ' || g, since, since + interval '1 month'))
                                          FROM generate_series(1, 30) AS g)$$;
CREATE FUNCTION load_few(since timestamptz) RETURNS numeric LANGUAGE sql STABLE
    AS $$SELECT sum(cache_get_sum('place ' || g, since, since + interval '1 month')) FROM generate_series(1, 3) AS g$$;
SELECT cache_create('places', 'load_places(timestamptz)'), cache_create('few', 'load_few(timestamptz)');
\set look 'SELECT verdict(''places'', ''2025-10-01''), verdict(''few'', ''2025-10-01'');'
:look
:look
INSERT INTO reading VALUES (10, '2025-11-20', 'place 2', 1);
:look
:look
INSERT INTO reading VALUES (11, '2025-10-20', 'place 2', 1);
:look
:look
INSERT INTO reading VALUES (12, '2025-10-20', 'place 29', 1);
:look
:look
INSERT INTO plan VALUES ('2025-09-30', 1);
:look
INSERT INTO plan VALUES ('2025-10-10', 1);
:look
:look
-- A change of one's own is seen through others, too.
BEGIN;
INSERT INTO reading VALUES (13, '2025-11-20', 'place 2', 1);
:look
INSERT INTO reading VALUES (14, '2025-10-20', 'place 2', 1);
:look
ROLLBACK;
:look
-- Several at once, whose only argument is an end.
CREATE FUNCTION load_since(since timestamptz) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM reading AS r WHERE r.at >= $1';
CREATE FUNCTION load_since_many(since timestamptz[]) RETURNS TABLE (since timestamptz, n bigint) LANGUAGE sql STABLE
    AS 'SELECT s, (SELECT count(*) FROM reading AS r WHERE r.at >= s) FROM unnest($1) AS s';
SELECT cache_create('since', 'load_since(timestamptz)', load_many => 'load_since_many(timestamptz[])', invalidate => 'declared');
SELECT cache_invalidate_on('since', 'reading', instant => 'at', since => 'since');
\set many 'SELECT string_agg(value::text, '' '' ORDER BY key) AS many FROM cache_get_many_since(''{2025-09-01,2025-10-01,2025-11-01,2025-12-01}'');'
\set look 'SELECT verdict(''since'', ''2025-09-01''), verdict(''since'', ''2025-10-01''), verdict(''since'', ''2025-11-01''), verdict(''since'', ''2025-12-01'');'
:many
:look
INSERT INTO reading VALUES (20, '2025-10-20', 'here', 1);
:many
:look
SELECT misses FROM cache_stat WHERE cache = 'since';
INSERT INTO reading VALUES (21, '2025-12-01', 'here', 1);
:look

-- By claims, which are keys, too; and an aggregate, whose writers adjust its value.
CREATE FUNCTION load_mine(since timestamptz, until timestamptz) RETURNS bigint LANGUAGE sql STABLE
    AS $$SELECT count(*) FROM reading AS r WHERE r.place = current_setting('app.place', true) AND r.at >= $1 AND r.at < $2$$;
SELECT cache_create('mine', 'load_mine(timestamptz,timestamptz)', vary_by => ARRAY[$$current_setting('app.place', true)$$], invalidate => 'declared');
SELECT cache_invalidate_on('mine', 'reading', instant => 'at', since => 'since', until => 'until');
SET app.place = 'here';
\set look 'SELECT verdicts(''mine'', ''{}'', ''2025-10-01 2025-11-01'', ''2025-11-01 2025-12-01'');'
:look
:look
INSERT INTO reading VALUES (30, '2025-11-20', 'here', 1);
:look
SET app.place = 'there';
:look
SELECT error_of($$SELECT cache_invalidate_on('mine', 'reading', instant => 'at', since => '$3')$$);
SELECT cache_create_aggregate('total', 'reading', '{place}', '{n: count(*)}');
\pset tuples_only on
SELECT error_of($$SELECT cache_invalidate_on('total', 'reading', instant => 'at', since => '$1')$$);
\pset tuples_only off

-- Past the trigger: all that the server has counted.
BEGIN;
ALTER TABLE reading DISABLE TRIGGER ALL;
INSERT INTO reading VALUES (6, '2025-10-20', 'here', 1);
ALTER TABLE reading ENABLE TRIGGER ALL;
COMMIT;
\set look 'SELECT verdicts(''sum'', ''{here}'', ''2025-10-01 2025-11-01'', ''2025-11-01 2025-12-01'');'
:look

\i include/end.sql
