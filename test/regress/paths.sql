-- cache_invalidate_on_path: rows whose key is found in other tables.
\set ECHO none
\set database regress_paths
\i include/begin.sql

CREATE TABLE call (id int PRIMARY KEY, owner int, kind text);
CREATE TABLE lead (id int PRIMARY KEY, call_id int REFERENCES call ON DELETE CASCADE, score int);
INSERT INTO call VALUES (1, 1, 'in'), (2, 2, 'in'), (3, 3, 'out'), (4, 1, 'out');
INSERT INTO lead VALUES (1, 1, 10), (2, 2, 20), (3, 3, 30), (4, 4, 40);
CREATE FUNCTION score(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(l.score) FROM lead AS l JOIN call AS c ON l.call_id = c.id WHERE c.owner = $1';
SELECT cache_create('score', 'score(int)', invalidate => 'declared');

-- What a path is made of: the row's own columns, and the tables and columns that the query reads.
SELECT cache_invalidate_on_path('score', 'lead', 'SELECT c.owner FROM call AS c WHERE c.id = $1.call_id');
SELECT relation, key, columns, key_query, key_mask, path IS NOT NULL AS lookup, inserts
FROM cache_ext_internal.cache_dependency ORDER BY id;
SELECT * FROM made_by_cache_ext;

-- What key k of the cache is, read twice and compared with the loader, all under one snapshot.
CREATE FUNCTION look(k int, OUT first text, OUT again text, OUT value text, OUT is_right bool)
    LANGUAGE plpgsql STABLE AS $$
DECLARE
    loaded jsonb := to_jsonb(score(k));
BEGIN
    SELECT e.source, e.value, e.value IS NOT DISTINCT FROM loaded INTO first, value, is_right
    FROM cache_get_entry('score', k) AS e;
    SELECT e.source, is_right AND e.value IS NOT DISTINCT FROM loaded INTO again, is_right
    FROM cache_get_entry('score', k) AS e;
END $$;
\set look 'SELECT k, l.* FROM generate_series(1, 4) AS k, look(k) AS l ORDER BY k;'

:look
-- Only the key that is reached from the row.
UPDATE lead SET score = 11 WHERE id = 1;
:look
INSERT INTO lead VALUES (5, 2, 5);
:look
DELETE FROM lead WHERE id = 5;
:look
-- From one key to another.
UPDATE lead SET call_id = 3 WHERE id = 2;
:look
UPDATE lead SET call_id = 2 WHERE id = 2;
-- A row that reaches nothing may reach something that is not committed yet: the whole cache.
:look
INSERT INTO lead VALUES (6, NULL, 100);
:look
DELETE FROM lead WHERE id = 6;
:look
-- The path itself changes: its table has no dependency by key, so the whole cache.
UPDATE call SET owner = 4 WHERE id = 4;
:look
-- A column that the query does not read.
UPDATE call SET kind = 'x';
:look
-- With a dependency by key on the path's table a move concerns two keys.
SELECT cache_invalidate_on('score', 'call', '{owner}', '{id,owner}');
:look
UPDATE call SET owner = 1 WHERE id = 4;
:look
UPDATE call SET kind = 'y';
:look
-- Parent and child in one transaction, and a cascade.
BEGIN;
INSERT INTO call VALUES (5, 4);
INSERT INTO lead VALUES (7, 5, 70);
COMMIT;
:look
DELETE FROM call WHERE id = 5;
:look
BEGIN;
UPDATE call SET owner = 4 WHERE id = 3;
UPDATE lead SET score = 33 WHERE id = 3;
:look
COMMIT;
:look
TRUNCATE lead, call;
:look
INSERT INTO call VALUES (1, 1, 'in'), (2, 2, 'in'), (3, 3, 'out');
INSERT INTO lead VALUES (1, 1, 10), (2, 2, 20), (3, 3, 30);
:look
-- Rolled back, all of it or a part.
BEGIN;
UPDATE lead SET score = 1;
ROLLBACK;
BEGIN;
SAVEPOINT a;
UPDATE lead SET score = 2 WHERE id = 2;
UPDATE call SET owner = 4;
ROLLBACK TO a;
UPDATE lead SET score = 12 WHERE id = 1;
COMMIT;
:look
-- More rows than a commit may look up: the whole cache.
SET cache_ext.max_path_rows = 1;
UPDATE lead SET score = 13 WHERE id = 1;
:look
UPDATE lead SET score = score + 1 WHERE id IN (1, 2);
:look
RESET cache_ext.max_path_rows;

-- A lookup that fails invalidates the whole cache; the commit goes on.
SELECT cache_drop('score');
CREATE FUNCTION fragile(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 60 / $1';
SELECT cache_create('score', 'score(int)', invalidate => 'declared');
SELECT cache_invalidate_on_path('score', 'lead',
    'SELECT c.owner FROM call AS c WHERE c.id = $1.call_id AND fragile($1.score) > 0');
:look
UPDATE lead SET score = 15 WHERE id = 1;
:look
UPDATE lead SET score = 0 WHERE id = 1;
:look
UPDATE lead SET score = 10 WHERE id = 1;
:look
-- The same at the end of a block, and twice in a transaction that goes on to commit other work.
BEGIN;
UPDATE lead SET score = 0 WHERE id = 1;
SAVEPOINT s;
UPDATE lead SET score = 11 WHERE id = 2;
RELEASE s;
COMMIT;
SELECT id, score FROM lead WHERE id IN (1, 2) ORDER BY id;
:look
UPDATE lead SET score = 10 WHERE id = 1;
DROP FUNCTION fragile(int);
:look
UPDATE lead SET score = 16 WHERE id = 1;
:look
SELECT cache_drop('score');

-- Several rows, two key columns, one of them any value; the whole row as an argument; a view, a CTE.
CREATE TABLE member (team int, owner int, PRIMARY KEY (team, owner));
CREATE TABLE task (id int, team int, kind text, points int);
INSERT INTO member VALUES (1, 1), (1, 2), (2, 3);
INSERT INTO task VALUES (1, 1, 'a', 1), (2, 2, 'a', 2), (3, 1, 'b', 3);
CREATE FUNCTION points(owner int, kind text) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(t.points) FROM task AS t JOIN member AS m USING (team)
        WHERE m.owner = $1 AND t.kind = $2';
CREATE FUNCTION team_of(task) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1.team';
CREATE VIEW members AS SELECT * FROM member;
CREATE FUNCTION look2() RETURNS TABLE (owner int, kind text, source text, value jsonb, is_right bool)
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    FOR o IN 1 .. 3 LOOP
        owner := o;
        FOREACH kind IN ARRAY '{a,b}'::text[] LOOP
            SELECT e.source, e.value,
                   e.value IS NOT DISTINCT FROM to_jsonb(points(owner, kind))
            INTO source, value, is_right
            FROM cache_get_entry('points', owner, kind) AS e;
            RETURN NEXT;
        END LOOP;
    END LOOP;
END $$;
SELECT cache_create('points', 'points(int,text)', invalidate => 'declared');
SELECT cache_invalidate_on_path('points', 'task',
    'SELECT owner, $1.kind FROM member WHERE team = $1.team');
SELECT relation, key, columns, key_mask, inserts FROM cache_ext_internal.cache_dependency ORDER BY id;
SELECT * FROM look2();
UPDATE task SET points = 10 WHERE id = 1;
SELECT * FROM look2();
INSERT INTO member VALUES (2, 1);
SELECT * FROM look2();
DELETE FROM member WHERE team = 1 AND owner = 2;
SELECT * FROM look2();
SELECT cache_drop('points');
SELECT cache_create('points', 'points(int,text)', invalidate => 'declared');
SELECT cache_invalidate_on_path('points', 'task',
    'WITH t AS (SELECT team_of($1) AS team) SELECT m.owner, NULL FROM members AS m JOIN t USING (team)');
SELECT relation, key, columns, key_mask, inserts FROM cache_ext_internal.cache_dependency ORDER BY id;
SELECT tags FROM cache_explain('points', 1, 'a');
SELECT * FROM look2();
UPDATE task SET points = 20 WHERE id = 2;
SELECT * FROM look2();
UPDATE member SET owner = 2 WHERE team = 2 AND owner = 3;
SELECT * FROM look2();
-- The row's own columns alone.
SELECT cache_drop('points');
SELECT cache_create('points', 'points(int,text)', invalidate => 'declared');
SELECT cache_invalidate_on_path('points', 'task', $$SELECT NULL::int, $1.kind || ''$$);
SELECT cache_invalidate_on('points', 'member');
SELECT relation, key, columns, key_mask, inserts FROM cache_ext_internal.cache_dependency ORDER BY id;
SELECT count(*) FROM look2();
UPDATE task SET points = 30 WHERE id = 3;
SELECT * FROM look2();
SELECT cache_drop('points');

-- Partitions number their columns in ways of their own.
CREATE TABLE event (id int, call_id int, n int) PARTITION BY LIST (n);
CREATE TABLE event1 PARTITION OF event FOR VALUES IN (1);
CREATE TABLE event2 (n int, junk text, id int, call_id int);
ALTER TABLE event2 DROP COLUMN junk;
ALTER TABLE event ATTACH PARTITION event2 FOR VALUES IN (2);
CREATE OR REPLACE FUNCTION score(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(e.id) FROM event AS e JOIN call AS c ON e.call_id = c.id WHERE c.owner = $1';
SELECT cache_create('score', 'score(int)', invalidate => 'declared');
SELECT cache_invalidate_on_path('score', 'event', 'SELECT c.owner FROM call AS c WHERE c.id = $1.call_id');
:look
INSERT INTO event VALUES (1, 1, 1), (2, 2, 2);
:look
UPDATE event SET n = 2, id = 10 WHERE id = 1;
:look
UPDATE event SET call_id = 3 WHERE id = 10;
:look
DELETE FROM event2 WHERE id = 2;
:look

-- What is refused.
CREATE FUNCTION try(query text, relation regclass DEFAULT 'lead') RETURNS SETOF text LANGUAGE sql
    AS $$SELECT error_of(format('SELECT cache_invalidate_on_path(''score'', %L, %L)', relation, query))$$;
CREATE TEMP TABLE temp (owner int);
CREATE FUNCTION owner_of(int) RETURNS int LANGUAGE sql STABLE
    AS 'SELECT owner FROM call WHERE id = $1';
CREATE FUNCTION same(int, int) RETURNS bool LANGUAGE sql STABLE AS 'SELECT $1 = $2';
CREATE OPERATOR === (FUNCTION = same, LEFTARG = int, RIGHTARG = int);
CREATE FUNCTION unsteady(int) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT $1';
SELECT try('SELECT owner FROM call WHERE id = $1.call_id; SELECT 1');
SELECT try('');
SELECT try(NULL);
SELECT try('SELECT');
SELECT try('SELEC owner FROM call');
SELECT try('SELECT owner FROM no_such_table');
SELECT try('SELECT no_such_column FROM call');
SELECT try('SELECT owner FROM call WHERE id = $1.no_such_column');
SELECT try('SELECT owner FROM call WHERE id = $1');
SELECT try('SELECT owner FROM call WHERE id = $2');
SELECT try('SELECT owner, id FROM call WHERE id = $1.call_id');
SELECT try('SELECT kind FROM call WHERE id = $1.call_id');
SELECT try('SELECT owner::numeric FROM call WHERE id = $1.call_id');
SELECT try('SELECT unsteady(owner) FROM call WHERE id = $1.call_id');
SELECT try('SELECT owner_of($1.call_id)');
SELECT try('SELECT o FROM owner_of($1.call_id) AS o');
SELECT try('SELECT c.owner FROM call AS c WHERE c.id === $1.call_id');
SELECT try('SELECT owner FROM call WHERE id = $1.call_id FOR SHARE');
SELECT try('UPDATE call SET owner = 1 RETURNING owner');
SELECT try('WITH u AS (UPDATE call SET owner = 1 RETURNING owner) SELECT owner FROM u');
SELECT try('VALUES (1), (2)');
SELECT try('TABLE temp');
SELECT try('SELECT oid::int FROM pg_class');
SELECT try('COPY call TO stdout');
DO $$
BEGIN
    FOR i IN 1 .. 17 LOOP EXECUTE format('CREATE TABLE t%s (a int)', i); END LOOP;
END $$;
SELECT try('SELECT 1 FROM ' || string_agg('t' || n, ', ' ORDER BY n)) FROM generate_series(1, 17) AS n;
SELECT try('SELECT 1', 'pg_class');
SELECT error_of($$SELECT cache_invalidate_on_path('no_such_cache', 'lead', 'SELECT 1')$$);
SELECT error_of($$SELECT cache_invalidate_on_path(NULL, 'lead', 'SELECT 1')$$);
SELECT error_of($$SELECT cache_invalidate_on_path('score', NULL, 'SELECT 1')$$);
SELECT relation, key_query FROM cache_ext_internal.cache_dependency WHERE relation <> 'event'::regclass ORDER BY id;

\i include/end.sql
