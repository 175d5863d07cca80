-- Key queries that unique indexes answer: the keys are those of the query, and what the lookups take for granted is asked again
-- at each commit.
\set ECHO none
\set database regress_index_paths
\i include/begin.sql

CREATE TABLE organisation (id int PRIMARY KEY, name text);
CREATE TABLE project (id bigint PRIMARY KEY, organisation int, code varchar(10), UNIQUE (organisation, code));
CREATE TABLE ticket (id int PRIMARY KEY, project bigint);
CREATE TABLE comment (id int PRIMARY KEY, ticket int, organisation int, code varchar(10), points int, note text);
INSERT INTO organisation VALUES (1, 'a'), (2, 'b'), (3, 'c');
INSERT INTO project VALUES (1, 1, 'x'), (2, 2, 'x'), (3, 3, NULL);
INSERT INTO ticket VALUES (1, 1), (2, 2), (3, 3), (4, NULL);
INSERT INTO comment SELECT i, i, i, 'x', i * 10 FROM generate_series(1, 3) AS i;

-- Several hops, for two caches that return different columns, and by a unique index of two columns.
CREATE FUNCTION points(organisation int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(c.points) FROM comment AS c JOIN ticket AS t ON t.id = c.ticket
        JOIN project AS p ON p.id = t.project WHERE p.organisation = $1';
CREATE FUNCTION points_of_project(project bigint) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(c.points) FROM comment AS c JOIN ticket AS t ON t.id = c.ticket WHERE t.project = $1';
CREATE FUNCTION points_by_code(project bigint) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(c.points) FROM comment AS c JOIN project AS p USING (organisation, code) WHERE p.id = $1';
SELECT cache_create('points', 'points(int)', invalidate => 'declared');
SELECT cache_create('points_of_project', 'points_of_project(bigint)', invalidate => 'declared');
SELECT cache_create('points_by_code', 'points_by_code(bigint)', invalidate => 'declared');
SELECT cache_invalidate_on_path('points', 'comment', 'SELECT p.organisation FROM ticket AS t JOIN project AS p ON p.id = t.project
                                                      WHERE t.id = $1.ticket', '{points}');
SELECT cache_invalidate_on_path('points_of_project', 'comment', 'SELECT p.id FROM ticket AS t JOIN project AS p ON p.id = t.project
                                                                 WHERE t.id = $1.ticket', '{points,note}');
SELECT cache_invalidate_on_path('points_by_code', 'comment', 'SELECT id FROM project
                                                              WHERE $1.code = code AND organisation = $1.organisation', '{points}');

-- Which keys are served from the cache, and whether all that is served is right.
CREATE FUNCTION look(OUT points text, OUT by_project text, OUT by_code text, OUT are_right bool) LANGUAGE plpgsql STABLE AS $$
DECLARE
    e record;
BEGIN
    are_right := true;
    points := ''; by_project := ''; by_code := '';
    FOR k IN 1 .. 3 LOOP
        SELECT * INTO e FROM cache_get_entry('points', k);
        are_right := are_right AND e.value IS NOT DISTINCT FROM to_jsonb(points(k));
        points := points || CASE e.source WHEN 'cache' THEN k::text ELSE '-' END;
        SELECT * INTO e FROM cache_get_entry('points_of_project', k::bigint);
        are_right := are_right AND e.value IS NOT DISTINCT FROM to_jsonb(points_of_project(k));
        by_project := by_project || CASE e.source WHEN 'cache' THEN k::text ELSE '-' END;
        SELECT * INTO e FROM cache_get_entry('points_by_code', k::bigint);
        are_right := are_right AND e.value IS NOT DISTINCT FROM to_jsonb(points_by_code(k));
        by_code := by_code || CASE e.source WHEN 'cache' THEN k::text ELSE '-' END;
    END LOOP;
END $$;
\set look 'SELECT * FROM look();'
:look
UPDATE comment SET points = 11 WHERE id = 1;
:look
UPDATE comment SET points = 12 WHERE id = 1;
:look
UPDATE comment SET points = 22 WHERE id = 2;
:look
-- Two caches that are looked up together, of which one row concerns both and another one of them.
BEGIN;
UPDATE comment SET points = 23 WHERE id = 2;
UPDATE comment SET note = 'x' WHERE id = 3;
COMMIT;
:look
-- From one to another, and to none.
UPDATE comment SET ticket = 2, organisation = 2 WHERE id = 1;
:look
UPDATE comment SET ticket = 4, code = NULL WHERE id = 1;
:look
UPDATE comment SET ticket = 1, code = 'x', organisation = 1 WHERE id = 1;
:look
DELETE FROM comment WHERE id = 3;
:look
-- The new version of a row on the path, which this transaction has written.
BEGIN;
INSERT INTO ticket VALUES (5, 2);
INSERT INTO comment VALUES (5, 5, 3, 'x', 50);
COMMIT;
:look
:look

-- Rolled back to a savepoint; a row that the transaction has changed on both sides of it.
BEGIN;
UPDATE comment SET points = 13 WHERE id = 1;
SAVEPOINT a;
UPDATE comment SET points = 14 WHERE id = 1;
UPDATE comment SET points = 24 WHERE id = 2;
ROLLBACK TO a;
COMMIT;
:look

-- What the lookups rest on goes away, in other transactions or in the one that needs it: the query is run.
DROP TABLE organisation;
ALTER TABLE ticket DROP CONSTRAINT ticket_pkey;
:look
UPDATE comment SET points = 15 WHERE id = 1;
:look
-- It may find several rows now, so the path is declared again.
SELECT cache_invalidate_on_path('points', 'comment', 'SELECT p.organisation FROM ticket AS t JOIN project AS p ON p.id = t.project
                                                      WHERE t.id = $1.ticket', '{points}');
SELECT cache_invalidate_on_path('points_of_project', 'comment', 'SELECT p.id FROM ticket AS t JOIN project AS p ON p.id = t.project
                                                                 WHERE t.id = $1.ticket', '{points}');
INSERT INTO ticket VALUES (1, 3);
:look
UPDATE comment SET points = 16 WHERE id = 1;
:look
DELETE FROM ticket WHERE project = 3 AND id = 1;
ALTER TABLE ticket ADD PRIMARY KEY (id);
:look
UPDATE comment SET points = 17 WHERE id = 1;
:look
BEGIN;
UPDATE comment SET points = 18 WHERE id = 1;
ALTER TABLE project DROP CONSTRAINT project_organisation_code_key;
COMMIT;
:look
:look

-- A column that the lookup needs is of another type at the commit than the rows that were kept.
BEGIN;
UPDATE comment SET points = 19 WHERE id = 1;
ALTER TABLE comment ALTER ticket TYPE text;
ALTER TABLE comment ALTER ticket TYPE int USING ticket::int;
COMMIT;
:look
BEGIN;
UPDATE comment SET points = 20 WHERE id = 1;
ALTER TABLE comment ALTER ticket TYPE numeric;
COMMIT;
SELECT points FROM comment WHERE id = 1;

\i include/end.sql
