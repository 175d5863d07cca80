-- What a key query reads is what it reads as the cache's owner: policies, whole rows, system columns,
-- and only what makes it find one row for certain.
\set ECHO none
\set database regress_path_analysis
\i include/begin.sql
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_path_owner;
CREATE ROLE regress_path_owner;
RESET client_min_messages;
GRANT CREATE ON SCHEMA public TO regress_path_owner;
-- What a key query on `lead` is remembered by.
CREATE FUNCTION analysed(query text)
    RETURNS TABLE (relation regclass, key text[], columns text[], inserts bool)
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cache_create('probe', 'score(int)', invalidate => 'track');
    PERFORM cache_invalidate_on_path('probe', 'lead', query);
    RETURN QUERY SELECT d.relation, d.key, d.columns, d.inserts
                 FROM cache_ext_internal.cache_dependency AS d WHERE d.cache = 'probe' ORDER BY d.id;
    PERFORM cache_drop('probe');
END $$;

CREATE TABLE call (id int PRIMARY KEY, owner int, hidden bool NOT NULL DEFAULT false,
                   name text COLLATE "C");
CREATE TABLE lead (id int PRIMARY KEY, call_id int, name text, score int);
CREATE FUNCTION score(owner int) RETURNS bigint LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN (SELECT sum(l.score) FROM lead AS l JOIN call AS c ON l.call_id = c.id
                      WHERE c.owner = $1); END';
-- A key read twice; is it what the loader returns?
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
INSERT INTO call VALUES (1, 1), (2, 2);
INSERT INTO lead VALUES (1, 1, 'a', 10), (2, 2, 'b', 20);
SELECT cache_create('score', 'score(int)', invalidate => 'track');

-- One row: by the primary key.
SELECT * FROM analysed('SELECT owner FROM call WHERE id = $1.call_id');
-- Whatever the row looks like, now and later.
SELECT * FROM analysed('SELECT c.owner FROM call AS c WHERE c.id = $1.call_id AND c IS NOT NULL');
CREATE FUNCTION owner_of(lead) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1.score / 10';
SELECT * FROM analysed('SELECT owner_of($1)');
-- Any update gives a row another place.
SELECT * FROM analysed($$SELECT owner FROM call WHERE id = $1.call_id AND ctid <> '(0,0)'$$);
-- Unique is what the index calls equal, not what the query does.
CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE UNIQUE INDEX by_name ON call (name);
SELECT * FROM analysed('SELECT owner FROM call WHERE name = $1.name');
SELECT * FROM analysed('SELECT owner FROM call WHERE $1.name COLLATE "POSIX" = name');
SELECT * FROM analysed('SELECT owner FROM call WHERE name = $1.name COLLATE caseless');
SELECT * FROM analysed('SELECT owner FROM call WHERE name LIKE $1.name');
DROP INDEX by_name;
CREATE UNIQUE INDEX by_name ON call (name COLLATE caseless);
SELECT * FROM analysed('SELECT owner FROM call WHERE name = $1.name');
SELECT * FROM analysed('SELECT owner FROM call WHERE name COLLATE caseless = $1.name');
CREATE TYPE pair AS (a numeric);
ALTER TABLE call ADD COLUMN pair pair;
CREATE UNIQUE INDEX by_image ON call (pair record_image_ops);
SELECT * FROM analysed('SELECT owner FROM call WHERE pair = ROW($1.score)::pair');
CREATE UNIQUE INDEX by_value ON call (pair);
SELECT * FROM analysed('SELECT owner FROM call WHERE pair = ROW($1.score)::pair');
DROP INDEX by_image, by_value;
-- Children have rows of the same key.
CREATE TABLE old_call () INHERITS (call);
SELECT * FROM analysed('SELECT owner FROM call WHERE id = $1.call_id');
SELECT * FROM analysed('SELECT owner FROM ONLY call WHERE id = $1.call_id');
DROP TABLE old_call;
-- A key that is equal to others.
ALTER TABLE call ADD COLUMN label text COLLATE caseless;
CREATE FUNCTION labelled(label text, owner int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 1::bigint';
SELECT cache_create('labelled', 'labelled(text,int)');
SELECT error_of($$SELECT cache_invalidate_on_path('labelled', 'lead',
    'SELECT label, owner FROM call WHERE id = $1.call_id')$$);
SELECT error_of($$SELECT cache_invalidate_on_path('labelled', 'lead',
    'SELECT NULL, owner FROM call WHERE id = $1.call_id AND label = $1.name')$$);
SELECT error_of($$SELECT cache_invalidate_on_path('labelled', 'lead',
    'SELECT label COLLATE "C", owner FROM call WHERE id = $1.call_id')$$);
SELECT cache_drop('labelled');

-- A column is added behind a row that the query uses as a whole.
SELECT cache_invalidate_on_path('score', 'lead', 'SELECT owner_of($1)');
SELECT cache_invalidate_on('score', 'call');
CREATE OR REPLACE FUNCTION score(owner int) RETURNS bigint LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN (SELECT sum(l.score) FROM lead AS l WHERE owner_of(l) = $1); END';
SELECT * FROM look(2);
ALTER TABLE lead ADD COLUMN owner2 int;
UPDATE lead SET owner2 = 3 - id;
CREATE OR REPLACE FUNCTION owner_of(lead) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1.owner2';
SELECT * FROM look(2);
SELECT * FROM look(1);
UPDATE lead SET score = 100 WHERE id = 1;
SELECT * FROM look(2);
SELECT * FROM look(1);
UPDATE lead SET owner2 = 1 WHERE id = 1;
SELECT * FROM look(2);
SELECT * FROM look(1);
SELECT cache_drop('score');
SET client_min_messages = warning;
DROP TABLE lead, call CASCADE;
RESET client_min_messages;
DROP FUNCTION score(int);

-- Policies: those for the cache's owner, whoever declares.
SET ROLE regress_path_owner;
CREATE TABLE call (id int PRIMARY KEY, owner int, hidden bool NOT NULL DEFAULT false);
CREATE TABLE lead (id int PRIMARY KEY, call_id int, score int);
CREATE TABLE team (id int PRIMARY KEY, call_id int);
INSERT INTO call VALUES (1, 1), (2, 2);
INSERT INTO lead VALUES (1, 1, 10), (2, 2, 20);
INSERT INTO team VALUES (1, 1), (2, 2);
CREATE FUNCTION score(owner int) RETURNS bigint LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN (SELECT sum(l.score) FROM lead AS l JOIN call AS c ON l.call_id = c.id
                      WHERE c.owner = $1); END';
ALTER TABLE call ENABLE ROW LEVEL SECURITY;
ALTER TABLE call FORCE ROW LEVEL SECURITY;
CREATE POLICY shown ON call USING (NOT hidden);
SELECT cache_create('score', 'score(int)', invalidate => 'track');
RESET ROLE;
SELECT cache_invalidate_on_path('score', 'lead', 'SELECT owner FROM call WHERE id = $1.call_id');
SELECT relation, key, columns, inserts FROM cache_ext_internal.cache_dependency ORDER BY id;
SET ROLE regress_path_owner;
SELECT * FROM look(1);
RESET ROLE;
UPDATE call SET hidden = true WHERE id = 1;
SET ROLE regress_path_owner;
SELECT * FROM look(1);
SELECT cache_drop('score');
RESET ROLE;
-- One that reads another table.
SET ROLE regress_path_owner;
ALTER POLICY shown ON call USING (EXISTS (SELECT 1 FROM team AS t WHERE t.call_id = call.id));
SELECT cache_create('score', 'score(int)', invalidate => 'track');
RESET ROLE;
SELECT cache_invalidate_on_path('score', 'lead', 'SELECT owner FROM call WHERE id = $1.call_id');
SELECT relation, key, columns, inserts FROM cache_ext_internal.cache_dependency ORDER BY id;
SET ROLE regress_path_owner;
SELECT * FROM look(2);
DELETE FROM team WHERE id = 2;
SELECT * FROM look(2);
RESET ROLE;

\i include/end.sql
SET client_min_messages = warning;
DROP ROLE regress_path_owner;
