-- Keys that are expressions over the row.
\set ECHO none
\set database regress_expressions
\i include/begin.sql

CREATE TABLE call (id int PRIMARY KEY, user_id int NOT NULL, created_at timestamptz, minutes int, "Odd one" text,
                   note text);
INSERT INTO call VALUES (1, 1, '2026-03-01 12:00+00', 10, 'A', ''), (2, 1, '2026-03-02 12:00+00', 20, 'A', ''),
                        (3, 2, '2026-03-01 23:30+00', 30, 'B', ''), (4, 2, NULL, 40, NULL, '');
CREATE FUNCTION minutes(u int, day date) RETURNS bigint LANGUAGE sql STABLE
    AS $$SELECT sum(c.minutes) FROM call AS c
         WHERE c.user_id = $1 AND (c.created_at AT TIME ZONE 'UTC')::date IS NOT DISTINCT FROM $2$$;
-- Which of six keys were kept, after a look at each; how many tags have been invalidated so far.
CREATE FUNCTION look(OUT kept text, OUT is_right bool) LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT string_agg(u || coalesce(to_char(day, '/DD'), '/-'), ' ' ORDER BY u, day)
               FILTER (WHERE e.source = 'cache'),
           bool_and(e.value IS NOT DISTINCT FROM to_jsonb(minutes(u, day)))
    INTO kept, is_right
    FROM generate_series(1, 2) AS u, unnest('{2026-03-01,2026-03-02,NULL}'::date[]) AS day,
         cache_get_entry('minutes', u, day) AS e;
END $$;
CREATE VIEW counted AS SELECT invalidations, untriggered FROM cache_stat WHERE cache = 'minutes';
\set look 'SELECT l.*, c.* FROM look() AS l, counted AS c;'

SELECT cache_create('minutes', 'minutes(int,date)', invalidate => 'declared');
SELECT cache_invalidate_on('minutes', 'call', '{user_id,((created_at AT TIME ZONE ''UTC'')::date)}', '{minutes}');
SELECT relation, key, columns, key_query, key_mask, path FROM cache_ext_internal.cache_dependency;
SELECT * FROM cache_check('minutes');
:look
:look
-- Only the day and the user; both of them when a row moves; none when nothing that matters changes.
UPDATE call SET minutes = 11 WHERE id = 1;
:look
INSERT INTO call VALUES (5, 1, '2026-03-02 00:00+00', 5);
:look
DELETE FROM call WHERE id = 5;
:look
UPDATE call SET created_at = created_at + '1 day' WHERE id = 3;
:look
UPDATE call SET created_at = created_at + '1 min' WHERE id = 1;
:look
UPDATE call SET created_at = NULL, user_id = 2 WHERE id = 2;
:look
UPDATE call SET note = 'x', "Odd one" = 'C';
:look
-- The session's settings are none of it.
SET TimeZone = 'Asia/Tokyo';
SET DateStyle = 'German, DMY';
SET search_path = '';
INSERT INTO public.call VALUES (6, 2, '2026-03-01 23:59:59.999+00', 6);
RESET search_path;
:look
RESET TimeZone;
RESET DateStyle;
-- A role that is nobody to the cache; a SERIALIZABLE writer; a savepoint; COPY.
CREATE ROLE regress_expression_writer;
GRANT ALL ON call TO regress_expression_writer;
SET ROLE regress_expression_writer;
UPDATE call SET minutes = 12 WHERE id = 1;
RESET ROLE;
:look
BEGIN ISOLATION LEVEL SERIALIZABLE;
UPDATE call SET minutes = 13 WHERE id = 1;
COMMIT;
:look
BEGIN;
UPDATE call SET minutes = 14 WHERE id = 1;
SAVEPOINT s;
UPDATE call SET minutes = 50 WHERE id = 3;
ROLLBACK TO s;
COMMIT;
:look
COPY call (id, user_id, created_at, minutes) FROM STDIN WITH (DELIMITER ',');
7,1,2026-03-02 10:00+00,7
\.
:look
-- Many rows of few keys, and more keys than a transaction may name.
INSERT INTO call SELECT 100 + g, 1, timestamptz '2026-03-01 00:00+00' + g * interval '1 s', 1
FROM generate_series(1, 2000) AS g;
:look
SET cache_ext.max_transaction_tags = 3;
INSERT INTO call SELECT 10000 + g, 1, timestamptz '2026-03-01 00:00+00' + g * interval '1 s', 1
FROM generate_series(1, 4) AS g;
:look
RESET cache_ext.max_transaction_tags;
-- Its own transaction.
BEGIN;
UPDATE call SET minutes = 15 WHERE id = 1;
:look
ROLLBACK;

-- A column of another name, type, or none: reads bypass until it is declared again.
ALTER TABLE call RENAME created_at TO began_at;
CREATE OR REPLACE FUNCTION minutes(u int, day date) RETURNS bigint LANGUAGE sql STABLE
    AS $$SELECT sum(c.minutes) FROM call AS c
         WHERE c.user_id = $1 AND (c.began_at AT TIME ZONE 'UTC')::date IS NOT DISTINCT FROM $2$$;
:look
SELECT status, detail FROM cache_health WHERE "check" = 'dependencies';
SELECT cache_invalidate_on('minutes', 'call', '{user_id,((call.began_at AT TIME ZONE ''UTC'')::date)}', '{minutes}');
SELECT count(*), min(status) FROM cache_ext_internal.cache_dependency, cache_health WHERE "check" = 'dependencies';
:look
UPDATE call SET minutes = 15 WHERE id = 1;
:look

-- An expression that fails for a row: the writer commits, and the whole cache goes.
SELECT cache_drop('minutes');
CREATE FUNCTION ratio(u int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT count(*) FROM call AS c WHERE c.minutes <> 0 AND 600 / c.minutes = $1';
SELECT cache_create('ratio', 'ratio(int)', invalidate => 'declared');
SELECT cache_invalidate_on('ratio', 'call', '{(600/minutes)}');
SELECT source, value = to_jsonb(ratio(k)) FROM unnest('{15,30}'::int[]) AS k, cache_get_entry('ratio', k);
UPDATE call SET minutes = 40 WHERE id = 1;
SELECT k, source, value = to_jsonb(ratio(k)) FROM unnest('{15,30}'::int[]) AS k, cache_get_entry('ratio', k);
UPDATE call SET minutes = 30 WHERE id = 2;
SELECT k, source, value = to_jsonb(ratio(k)) FROM unnest('{15,30}'::int[]) AS k, cache_get_entry('ratio', k);
UPDATE call SET minutes = 0 WHERE id = 2;
SELECT k, source, value = to_jsonb(ratio(k)) FROM unnest('{15,30}'::int[]) AS k, cache_get_entry('ratio', k);
SELECT cache_drop('ratio');

-- A function of the owner's runs as the owner, whoever writes, and reads and writes nothing.
CREATE FUNCTION who(int) RETURNS int LANGUAGE plpgsql IMMUTABLE
    AS 'BEGIN RETURN CASE current_user WHEN ''regress_expression_writer'' THEN 2 ELSE 1 END; END';
CREATE FUNCTION rows_of(k int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM call AS c WHERE c.id > $1';
SELECT cache_create('rows_of', 'rows_of(int)', invalidate => 'declared');
SELECT cache_invalidate_on('rows_of', 'call', '{(who(minutes))}');
SELECT k, source FROM generate_series(1, 2) AS k, cache_get_entry('rows_of', k);
SET ROLE regress_expression_writer;
UPDATE call SET minutes = minutes + 1 WHERE id = 1;
RESET ROLE;
SELECT k, source FROM generate_series(1, 2) AS k, cache_get_entry('rows_of', k);
CREATE TABLE taken (who text);
CREATE OR REPLACE FUNCTION who(int) RETURNS int LANGUAGE plpgsql IMMUTABLE
    AS 'BEGIN INSERT INTO taken VALUES (current_user); RETURN 1; END';
SELECT k, source FROM generate_series(1, 2) AS k, cache_get_entry('rows_of', k);
UPDATE call SET minutes = minutes + 1 WHERE id = 1;
SELECT k, source FROM generate_series(1, 2) AS k, cache_get_entry('rows_of', k);
TABLE taken;
SELECT cache_drop('rows_of');

-- The same when it is declared: a superuser does so for somebody, and constants are folded.
CREATE FUNCTION told() RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF current_user <> 'regress_expression_writer' THEN RAISE EXCEPTION 'run as %', current_user; END IF;
    RETURN 1;
END $$;
GRANT CREATE ON SCHEMA public TO regress_expression_writer;
SET ROLE regress_expression_writer;
CREATE FUNCTION theirs(k int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM call AS c WHERE c.id > $1';
SELECT cache_create('theirs', 'theirs(int)', invalidate => 'declared');
RESET ROLE;
SELECT error_of($$SELECT cache_invalidate_on('theirs', 'call', '{(told())}')$$);
SELECT k, source FROM generate_series(1, 2) AS k, cache_get_entry('theirs', k);
UPDATE call SET minutes = minutes + 1 WHERE id = 1;
SELECT k, source FROM generate_series(1, 2) AS k, cache_get_entry('theirs', k);
SELECT cache_drop('theirs');

-- An element may be NULL, an odd column, a text of any kind; a column in parentheses is a column.
ALTER TABLE call ADD COLUMN "(odd)" text;
CREATE FUNCTION odd(a text, b text) RETURNS bigint LANGUAGE sql STABLE
    AS $$SELECT count(*) FROM call AS c WHERE lower(c."Odd one") || '--' = $1 AND c."(odd)" = $2$$;
SELECT cache_create('odd', 'odd(text,text)', invalidate => 'declared');
SELECT cache_invalidate_on('odd', 'call', $${"(lower(\"Odd one\") || '--') -- a comment","(odd)"}$$);
SELECT cache_invalidate_on('odd', 'call', $${"(lower(\"Odd one\") || '--')",NULL}$$);
SELECT key, key_query, key_mask FROM cache_ext_internal.cache_dependency ORDER BY id;
SELECT source, value = to_jsonb(odd(k, 'y')) FROM unnest('{c--,d--}'::text[]) AS k, cache_get_entry('odd', k, 'y');
UPDATE call SET "(odd)" = 'y' WHERE id = 1;
SELECT source, value = to_jsonb(odd(k, 'y')) FROM unnest('{c--,d--}'::text[]) AS k, cache_get_entry('odd', k, 'y');
UPDATE call SET "Odd one" = 'D' WHERE id = 1;
SELECT source, value = to_jsonb(odd(k, 'y')) FROM unnest('{c--,d--}'::text[]) AS k, cache_get_entry('odd', k, 'y');
SELECT cache_drop('odd');

-- Partitions that number their columns in ways of their own.
CREATE TABLE part (id int, at timestamptz, n int) PARTITION BY LIST (n);
CREATE TABLE part1 PARTITION OF part FOR VALUES IN (1);
CREATE TABLE part2 (n int, junk text, at timestamptz, id int);
ALTER TABLE part2 DROP COLUMN junk;
ALTER TABLE part ATTACH PARTITION part2 FOR VALUES IN (2);
CREATE FUNCTION of_day(day date) RETURNS bigint LANGUAGE sql STABLE
    AS $$SELECT sum(p.id) FROM part AS p WHERE (p.at AT TIME ZONE 'UTC')::date = $1$$;
SELECT cache_create('of_day', 'of_day(date)', invalidate => 'declared');
SELECT cache_invalidate_on('of_day', 'part', '{((at AT TIME ZONE ''UTC'')::date)}');
CREATE VIEW days AS SELECT to_char(d, 'DD') AS day, source, value IS NOT DISTINCT FROM to_jsonb(of_day(d::date)) AS is_right
    FROM unnest('{2026-03-01,2026-03-02}'::date[]) AS d, cache_get_entry('of_day', d);
SELECT * FROM days;
INSERT INTO part VALUES (1, '2026-03-01 12:00+00', 1), (2, '2026-03-01 12:00+00', 2);
SELECT * FROM days;
UPDATE part SET at = '2026-03-02 12:00+00' WHERE id = 2;
SELECT * FROM days;
SELECT * FROM days;

-- What is refused.
CREATE TYPE mood AS ENUM ('fine');
CREATE FUNCTION changing(int) RETURNS date LANGUAGE sql STABLE AS 'SELECT date ''2026-03-01'' + $1';
CREATE FUNCTION try(element text, relation regclass DEFAULT 'part') RETURNS SETOF text LANGUAGE sql
    AS $$SELECT error_of(format('SELECT cache_invalidate_on(''of_day'', %L, %L::text[])', relation, ARRAY[element]))$$;
SELECT try('(at::date)');
SELECT try('(changing(id))');
SELECT try('(now()::date)');
SELECT try('(random()::text::date)');
SELECT try('(id)');
SELECT try('(at AT TIME ZONE ''UTC'')::date');
SELECT try('(at)::timestamp');
SELECT try('((SELECT max(at) FROM part)::date)');
SELECT try('(max(at AT TIME ZONE ''UTC'')::date)');
SELECT try('(generate_series(id, 2))');
SELECT try('(row_number() OVER ())');
SELECT try('(part)');
SELECT try('(tableoid)');
SELECT try('(no_such_column)');
SELECT try('(no_such_function(id))');
SELECT try('(date ''2026-03-01''), (2)');
SELECT try('(date ''2026-03-01'') AS x');
SELECT try('(date ''2026-03-01'') FROM part');
SELECT try('(date ''2026-03-01'') ORDER BY 1');
SELECT try('(date ''2026-03-01''); SELECT 1');
SELECT try('(date ''2026-03-01'') /* ');
SELECT try('(');
SELECT try('()');
SELECT try('($1)');
SELECT try('(id');
SELECT error_of($$SELECT cache_invalidate_on('of_day', 'part', '{(id),(id)}')$$);
SELECT error_of($$SELECT cache_invalidate_on('of_day', 'part', '{{(id)}}')$$);
SELECT error_of($$SELECT cache_invalidate_on('of_day', 'part', '{((at AT TIME ZONE ''UTC'')::date)}', '{nothing}')$$);

DROP OWNED BY regress_expression_writer;
DROP ROLE regress_expression_writer;
\i include/end.sql
