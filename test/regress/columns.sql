-- `columns`: an UPDATE that changes none that matters invalidates nothing, and looks nothing up.
\set ECHO none
\set database regress_columns
\i include/begin.sql

CREATE TABLE call (id int PRIMARY KEY, owner int, kind text);
CREATE TABLE lead (id int PRIMARY KEY, call_id int, score int, note text, seen int);
INSERT INTO call VALUES (1, 1, 'in'), (2, 2, 'in'), (3, 3, 'out');
INSERT INTO lead SELECT g, g, 10 * g, repeat(md5(g::text), 300), 0 FROM generate_series(1, 3) AS g;
ALTER TABLE lead ALTER note SET STORAGE EXTERNAL;
CREATE FUNCTION score(owner int) RETURNS text LANGUAGE sql STABLE
    AS 'SELECT sum(l.score) || max(md5(l.note)) FROM lead AS l JOIN call AS c ON l.call_id = c.id
        WHERE c.owner = $1';

-- Which keys were kept; how many tags have been invalidated so far; whether the server's counts have
-- told of anything that no trigger has seen.
CREATE FUNCTION look(OUT kept text, OUT is_right bool) LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT string_agg(k::text, ',' ORDER BY k) FILTER (WHERE e.source = 'cache'),
           bool_and(e.value IS NOT DISTINCT FROM to_jsonb(score(k)))
    INTO kept, is_right
    FROM generate_series(1, 3) AS k, cache_get_entry('score', k) AS e;
END $$;
CREATE VIEW counted AS SELECT invalidations, untriggered FROM cache_stat WHERE cache = 'score';
\set look 'SELECT l.*, c.* FROM look() AS l, counted AS c;'

-- A path. What the query reads of the row matters without being named.
SELECT cache_create('score', 'score(int)', invalidate => 'declared');
SELECT cache_invalidate_on('score', 'call', '{owner}', '{id,owner}');
SELECT cache_invalidate_on_path('score', 'lead', 'SELECT c.owner FROM call AS c WHERE c.id = $1.call_id',
    columns => '{score,note}');
SELECT relation, key, columns FROM cache_ext_internal.cache_dependency WHERE path IS NULL ORDER BY id;
:look
:look
UPDATE lead SET seen = seen + 1;
:look
UPDATE lead SET score = score, note = note, call_id = call_id, seen = seen + 1;
:look
-- Equal, but toasted anew.
UPDATE lead SET note = note || '' WHERE id = 1;
:look
UPDATE lead SET note = NULL WHERE id = 1;
:look
UPDATE lead SET note = NULL WHERE id = 1;
:look
UPDATE lead SET note = repeat(md5('1'), 300) || 'x' WHERE id = 1;
:look
UPDATE lead SET score = score + 1 WHERE id = 2;
:look
UPDATE lead SET call_id = 3 WHERE id = 2;
:look
UPDATE lead SET call_id = 2 WHERE id = 2;
:look
-- A statement of both kinds; a change by a BEFORE trigger that no statement names.
UPDATE lead SET score = CASE id WHEN 1 THEN 100 ELSE score END, seen = 0;
:look
CREATE FUNCTION bump() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.score := NEW.score + 1; RETURN NEW; END';
CREATE TRIGGER bump BEFORE UPDATE ON lead FOR EACH ROW WHEN (NEW.id = 3) EXECUTE FUNCTION bump();
UPDATE lead SET seen = 1 WHERE id = 3;
:look
DROP TRIGGER bump ON lead;
-- With DDL in the same transaction.
BEGIN;
UPDATE lead SET seen = 2;
ALTER TABLE lead ADD COLUMN late int DEFAULT 7;
UPDATE lead SET late = 8;
COMMIT;
:look
:look
UPDATE lead SET late = 9;
:look
INSERT INTO lead VALUES (4, 1, 1);
:look
DELETE FROM lead WHERE id = 4;
:look

-- {*}: an UPDATE that leaves the row as it was, and those of columns that come later.
SELECT cache_invalidate_on_path('score', 'lead', 'SELECT c.owner FROM call AS c WHERE c.id = $1.call_id', '{*}');
SELECT relation, columns FROM cache_ext_internal.cache_dependency WHERE key_query IS NOT NULL;
:look
UPDATE lead SET seen = seen, late = late, note = note || '';
:look
UPDATE lead SET seen = 5 WHERE id = 1;
:look
ALTER TABLE lead ADD COLUMN later int;
:look
UPDATE lead SET later = 1 WHERE id = 2;
:look
ALTER TABLE lead DROP COLUMN seen;
:look
UPDATE lead SET later = later;
:look
-- None: only those that the query reads.
SELECT cache_invalidate_on_path('score', 'lead', 'SELECT c.owner FROM call AS c WHERE c.id = $1.call_id', '{}');
:look
UPDATE lead SET later = 2, score = score;
:look
UPDATE lead SET call_id = call_id % 2 + 1 WHERE id = 1;
:look
-- The query as a whole reads all of the row.
CREATE FUNCTION call_of(lead) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1.call_id';
SELECT cache_drop('score');
SELECT cache_create('score', 'score(int)', invalidate => 'declared');
SELECT cache_invalidate_on_path('score', 'lead', 'SELECT c.owner FROM call AS c WHERE c.id = call_of($1)', '{score}');
:look
UPDATE lead SET later = 2;
:look
UPDATE lead SET later = 3 WHERE id = 3;
:look

-- A column that is not what it was: every UPDATE matters, and it is said how to declare it again.
SELECT cache_drop('score');
SELECT cache_create('score', 'score(int)', invalidate => 'declared');
SELECT cache_invalidate_on_path('score', 'lead', 'SELECT c.owner FROM call AS c WHERE c.id = $1.call_id',
    '{score,later}');
:look
ALTER TABLE lead RENAME later TO latest;
:look
UPDATE lead SET late = 10 WHERE id = 3;
:look
SELECT status, detail FROM cache_health WHERE "check" = 'dependencies';
SELECT cache_invalidate_on_path('score', 'lead', 'SELECT c.owner FROM call AS c WHERE c.id = $1.call_id',
    '{score,latest}');
SELECT status, detail FROM cache_health WHERE "check" = 'dependencies';
SELECT cache_drop('score');

-- By key: {*}, and partitions that number their columns in ways of their own.
CREATE TABLE part (owner int, score int, note text, n int) PARTITION BY LIST (n);
CREATE TABLE part1 PARTITION OF part FOR VALUES IN (1);
CREATE TABLE part2 (n int, junk text, note text, score int, owner int);
ALTER TABLE part2 DROP COLUMN junk;
ALTER TABLE part ATTACH PARTITION part2 FOR VALUES IN (2);
INSERT INTO part VALUES (1, 10, 'a', 1), (2, 20, 'b', 2), (3, 30, 'c', 2);
CREATE OR REPLACE FUNCTION score(owner int) RETURNS text LANGUAGE sql STABLE
    AS 'SELECT sum(p.score) || max(p.note) FROM part AS p WHERE p.owner = $1';
SELECT cache_create('score', 'score(int)', invalidate => 'declared');
SELECT cache_invalidate_on('score', 'part', '{owner}', '{*}');
:look
UPDATE part SET score = score, note = note || '';
:look
UPDATE part SET score = 21 WHERE owner = 2;
:look
UPDATE part SET note = 'z' WHERE owner = 1;
:look
-- From one partition to another: a DELETE and an INSERT.
UPDATE part SET n = 2 WHERE owner = 1;
:look
-- A child's own columns count as well.
SELECT cache_drop('score');
CREATE TABLE parent (owner int, score int);
CREATE TABLE child (extra text) INHERITS (parent);
INSERT INTO child VALUES (1, 10, 'a'), (2, 20, 'b');
CREATE OR REPLACE FUNCTION score(owner int) RETURNS text LANGUAGE sql STABLE
    AS 'SELECT max(c.extra) FROM child AS c WHERE c.owner = $1';
SELECT cache_create('score', 'score(int)', invalidate => 'declared');
SELECT cache_invalidate_on('score', 'parent', '{owner}', '{*}');
:look
UPDATE child SET extra = extra;
:look
UPDATE child SET extra = 'c' WHERE owner = 2;
:look

-- Generated columns are columns: what they are made of matters by what comes of it.
SELECT cache_drop('score');
CREATE TABLE priced (owner int, net int, tax int, level int GENERATED ALWAYS AS ((net + tax) / 10) STORED, note text);
INSERT INTO priced VALUES (1, 10, 1), (2, 20, 1), (3, 30, 1);
CREATE OR REPLACE FUNCTION score(owner int) RETURNS text LANGUAGE sql STABLE
    AS 'SELECT sum(p.level)::text FROM priced AS p WHERE p.owner = $1';
SELECT cache_create('score', 'score(int)', invalidate => 'declared');
SELECT cache_invalidate_on('score', 'priced', '{owner}', '{level}');
:look
UPDATE priced SET net = net + 1, tax = tax - 1, note = 'x';
:look
UPDATE priced SET tax = tax + 1 WHERE owner = 1;
:look
UPDATE priced SET tax = tax + 10 WHERE owner = 2;
:look
SELECT cache_drop('score'), cache_create('score', 'score(int)', invalidate => 'declared');
SELECT cache_invalidate_on_path('score', 'priced', 'SELECT c.owner FROM call AS c WHERE c.id = $1.owner', '{level}');
:look
UPDATE priced SET net = net + 1, tax = tax - 1;
:look
UPDATE priced SET tax = tax + 10 WHERE owner = 3;
:look

-- ON CONFLICT DO UPDATE and MERGE are UPDATEs; DO NOTHING is nothing. By key, and by path.
CREATE TABLE visit (id int PRIMARY KEY, owner int, score int, note text, seen int);
ALTER TABLE visit ALTER note SET STORAGE EXTERNAL;
INSERT INTO visit SELECT g, g, 10 * g, repeat(md5(g::text), 300), 0 FROM generate_series(1, 3) AS g;
CREATE OR REPLACE FUNCTION score(owner int) RETURNS text LANGUAGE sql STABLE
    AS 'SELECT sum(v.score) || max(md5(v.note)) FROM visit AS v WHERE v.owner = $1';
CREATE PROCEDURE upserts() LANGUAGE plpgsql AS $$
DECLARE
    statements text[] := ARRAY[
        'INSERT INTO visit SELECT * FROM visit ON CONFLICT DO NOTHING',
        'INSERT INTO visit SELECT * FROM visit ON CONFLICT (id) DO UPDATE SET score = excluded.score, note = excluded.note || '''', owner = excluded.owner',
        'INSERT INTO visit SELECT * FROM visit ON CONFLICT (id) DO UPDATE SET seen = visit.seen + 1',
        'INSERT INTO visit SELECT * FROM visit ON CONFLICT (id) DO UPDATE SET score = 0 WHERE false',
        'INSERT INTO visit SELECT * FROM visit ON CONFLICT (id) DO UPDATE SET score = excluded.score + (excluded.id = 1)::int',
        'MERGE INTO visit AS v USING visit AS w ON v.id = w.id WHEN MATCHED AND w.id = 2 THEN UPDATE SET score = v.score + 1 WHEN MATCHED THEN UPDATE SET seen = w.seen',
        'UPDATE visit AS v SET score = w.score, note = w.note FROM visit AS w WHERE v.id = w.id',
        'INSERT INTO visit VALUES (3, 1, 5, NULL, 0), (4, 2, 5, NULL, 0) ON CONFLICT (id) DO UPDATE SET owner = excluded.owner',
        'UPDATE visit SET owner = 3 WHERE id = 3'];
    statement text;
    line text;
BEGIN
    FOREACH statement IN ARRAY statements LOOP
        PERFORM look();
        COMMIT;
        EXECUTE statement;
        COMMIT;
        SELECT format('kept %s, right %s: %s', l.kept, l.is_right, statement) INTO line FROM look() AS l;
        RAISE INFO '%', line;
    END LOOP;
    DELETE FROM visit WHERE id = 4;
END $$;
SELECT cache_drop('score'), cache_create('score', 'score(int)', invalidate => 'declared');
SELECT cache_invalidate_on('score', 'visit', '{owner}', '{score,note}');
CALL upserts();
SELECT cache_drop('score'), cache_create('score', 'score(int)', invalidate => 'declared');
SELECT cache_invalidate_on_path('score', 'visit', 'SELECT c.owner FROM call AS c WHERE c.id = $1.owner', '{score,note}');
CALL upserts();
SELECT cache_drop('score'), cache_create('score', 'score(int)', invalidate => 'declared');
SELECT cache_invalidate_on_path('score', 'visit', 'SELECT c.owner FROM call AS c WHERE c.id = $1.owner', '{*}');
CALL upserts();

-- A path of a partitioned table: its rows move from one partition to another, and columns that do not matter change.
CREATE OR REPLACE FUNCTION score(owner int) RETURNS text LANGUAGE sql STABLE
    AS 'SELECT sum(p.score) || max(p.note) FROM part AS p JOIN call AS c ON c.id = p.owner WHERE c.owner = $1';
SELECT cache_drop('score'), cache_create('score', 'score(int)', invalidate => 'declared');
ALTER TABLE part ADD seen int;
SELECT cache_invalidate_on('score', 'call', '{owner}', '{id,owner}');
SELECT cache_invalidate_on_path('score', 'part', 'SELECT c.owner FROM call AS c WHERE c.id = $1.owner', '{score,note}');
:look
UPDATE part SET seen = 1;
:look
UPDATE part SET score = score, note = note || '', n = n;
:look
UPDATE part SET n = 3 - n WHERE owner = 2;
:look
UPDATE part SET n = 3 - n, seen = 2, owner = 1 WHERE owner = 3;
:look
UPDATE part SET note = 'y' WHERE owner = 2;
:look

-- What is derived names its columns as well, by key and by path; of whole rows any.
SELECT cache_drop('score'), cache_create('score', 'score(int)', invalidate => 'track');
SELECT input, covered, statement FROM cache_declare('score');
:look
UPDATE part SET seen = 3, score = score;
UPDATE call SET kind = 'other';
:look
UPDATE part SET score = score + 1 WHERE owner = 2;
:look
CREATE OR REPLACE FUNCTION score(owner int) RETURNS text LANGUAGE sql STABLE
    AS 'SELECT string_agg(to_jsonb(v)::text, '','' ORDER BY v.id) FROM visit AS v WHERE v.owner = $1';
SELECT input, covered, statement FROM cache_declare('score');
:look
UPDATE visit SET seen = seen, note = note || '';
:look
UPDATE visit SET seen = seen + 1 WHERE owner = 2;
:look
CREATE OR REPLACE FUNCTION score(owner int) RETURNS text LANGUAGE sql STABLE
    AS 'SELECT string_agg(to_jsonb(v)::text, '','' ORDER BY v.id) FROM visit AS v JOIN call AS c ON c.id = v.owner WHERE c.owner = $1';
SELECT input, covered, statement FROM cache_declare('score');
:look
UPDATE visit SET seen = seen, note = note || '';
:look
UPDATE visit SET seen = seen + 1 WHERE owner = 2;
:look
CREATE OR REPLACE FUNCTION score(owner int) RETURNS text LANGUAGE sql STABLE
    AS 'SELECT max(c.extra) FROM child AS c WHERE c.owner = $1';
SELECT cache_drop('score'), cache_create('score', 'score(int)', invalidate => 'declared');

-- A column of that name is a column.
CREATE TABLE odd (owner int, "*" int, other int);
SELECT cache_invalidate_on('score', 'odd', '{owner}', '{*}');
INSERT INTO odd VALUES (1, 1, 1);
:look
UPDATE odd SET other = 2;
:look
UPDATE odd SET "*" = 2;
:look

-- What is refused.
\set path '$$SELECT cache_invalidate_on_path(''score'', ''parent'', ''SELECT $1.owner'', %L)$$'
SELECT error_of(format(:path, '{no_such_column}'));
SELECT error_of(format(:path, '{owner,NULL}'));
SELECT error_of(format(:path, '{{owner},{score}}'));
SELECT error_of(format(:path, '{*,owner}'));
SELECT error_of(format(:path, '{xmin}'));

\i include/end.sql
