-- What was found out about a key query when it was declared does not hold any more: views, policies, unique
-- indexes, children, functions and tables behind it have changed. The loader is the oracle.
\set ECHO none
\set database regress_path_changes
\i include/begin.sql

CREATE FUNCTION score(owner int) RETURNS bigint LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN (SELECT sum(l.score) FROM lead AS l JOIN calls AS c ON l.call_id = c.id
                      WHERE c.owner = $1); END';
CREATE FUNCTION fresh(key_query text, with_key bool DEFAULT false) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL client_min_messages = warning;
    PERFORM cache_drop(name) FROM cache_ext_internal.cache_definition;
    DROP TABLE IF EXISTS call, lead, team, other, old_call2 CASCADE;
    CREATE TABLE call (id int NOT NULL, owner int, active bool NOT NULL DEFAULT true);
    CREATE UNIQUE INDEX call_id ON call (id);
    CREATE TABLE lead (id int PRIMARY KEY, call_id int, score int);
    CREATE TABLE team (id int PRIMARY KEY, leader int);
    CREATE VIEW calls AS SELECT id, owner FROM call;
    INSERT INTO call VALUES (1, 1), (2, 2);
    INSERT INTO lead VALUES (1, 1, 10), (2, 2, 20);
    INSERT INTO team VALUES (1, 3), (2, 4);
    PERFORM cache_create('score', 'score(int)', invalidate => 'track');
    IF with_key THEN PERFORM cache_invalidate_on('score', 'call'::text::regclass, '{owner}', '{id,owner}'); END IF;
    PERFORM cache_invalidate_on_path('score', 'lead'::text::regclass, key_query);
END $$;
CREATE FUNCTION look(OUT k int, OUT first text, OUT again text, OUT value text, OUT is_right bool)
    RETURNS SETOF record LANGUAGE plpgsql STABLE AS $$
DECLARE
    loaded jsonb;
BEGIN
    FOR key IN 1 .. 3 LOOP
        k := key;
        loaded := to_jsonb(score(k));
        SELECT e.source, e.value, e.value IS NOT DISTINCT FROM loaded INTO first, value, is_right
        FROM cache_get_entry('score', k) AS e;
        SELECT e.source, is_right AND e.value IS NOT DISTINCT FROM loaded INTO again, is_right
        FROM cache_get_entry('score', k) AS e;
        RETURN NEXT;
    END LOOP;
END $$;
CREATE VIEW declared AS
    SELECT relation, key, columns, key_query, inserts FROM cache_ext_internal.cache_dependency ORDER BY id;
CREATE VIEW health AS
    SELECT status, detail FROM cache_health WHERE "check" = 'dependencies';
\set by_view '''SELECT owner FROM calls WHERE id = $1.call_id'''
\set by_table '''SELECT owner FROM call WHERE id = $1.call_id'''

-- A view that reads another column from now on.
SELECT fresh(:by_view);
SELECT * FROM look();
CREATE OR REPLACE VIEW calls AS SELECT id, owner FROM call WHERE active;
SELECT * FROM look();
UPDATE call SET active = false WHERE id = 1;
SELECT * FROM look();
SELECT * FROM health;
SELECT state, reason FROM cache_explain('score', 1);
SELECT reason, bypasses FROM cache_bypasses ORDER BY 1;
-- Declared again.
SELECT cache_invalidate_on_path('score', 'lead', :by_view);
SELECT * FROM declared;
SELECT * FROM look();
UPDATE call SET active = true WHERE id = 1;
SELECT * FROM look();
UPDATE lead SET score = 11 WHERE id = 1;
SELECT * FROM look();
SELECT * FROM health;
-- Another table.
CREATE OR REPLACE VIEW calls AS SELECT c.id, t.leader - 2 AS owner FROM call AS c JOIN team AS t ON t.id = c.owner;
SELECT * FROM look();
UPDATE team SET leader = 5 WHERE id = 1;
SELECT * FROM look();
SELECT cache_invalidate_on_path('score', 'lead', :by_view);
SELECT * FROM declared;
SELECT * FROM look();
UPDATE team SET leader = 3 WHERE id = 1;
SELECT * FROM look();
-- The view has gone and comes back.
DROP VIEW calls;
CREATE VIEW calls AS SELECT id, owner FROM call;
SELECT * FROM look();
SELECT * FROM health;
DROP VIEW calls;
CREATE VIEW calls AS SELECT id, 1 AS owner FROM call UNION ALL SELECT id, id FROM team;
SELECT * FROM look();
INSERT INTO team VALUES (3, 3);
INSERT INTO lead VALUES (3, 3, 30);
SELECT * FROM look();
SELECT status FROM health;

-- What made it find one row. Whether the keys are covered does not matter.
SELECT fresh(:by_table, true);
SELECT * FROM look();
DROP INDEX call_id;
SELECT * FROM look();
BEGIN;
UPDATE lead SET score = 100 WHERE id = 1;
SELECT pg_current_xact_id() IS NOT NULL AS written;
COMMIT;
INSERT INTO call VALUES (1, 2);
SELECT * FROM look();
SELECT * FROM health;
-- A new index is as good.
DELETE FROM call WHERE id = 1 AND owner = 2;
CREATE UNIQUE INDEX call_id ON call (id);
SELECT * FROM look();
SELECT status FROM health;
-- One that does not hold for all rows is not.
DROP INDEX call_id;
CREATE UNIQUE INDEX call_id ON call (id) WHERE active;
SELECT status FROM health;
SELECT cache_invalidate_on_path('score', 'lead', :by_table);
SELECT * FROM declared;
SELECT status FROM health;
SELECT * FROM look();
INSERT INTO call VALUES (1, 3, false);
SELECT * FROM look();

-- A child.
SELECT fresh(:by_table, true);
SELECT * FROM look();
CREATE TABLE old_call () INHERITS (call);
SELECT * FROM look();
INSERT INTO old_call VALUES (1, 3);
SELECT * FROM look();
SELECT * FROM health;
SELECT cache_invalidate_on_path('score', 'lead', :by_table);
SELECT * FROM look();
UPDATE old_call SET owner = 2;
SELECT * FROM look();

-- A policy, one that reads more, and who is subject to it.
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_path_reader;
CREATE ROLE regress_path_reader;
RESET client_min_messages;
SELECT fresh(:by_table);
SELECT cache_drop('score');
GRANT SELECT ON calls, call, lead, team TO regress_path_reader;
GRANT CREATE ON SCHEMA public TO regress_path_reader;
SET ROLE regress_path_reader;
SELECT cache_create('score', 'score(int)', invalidate => 'track');
RESET ROLE;
ALTER VIEW calls OWNER TO regress_path_reader;
SELECT cache_invalidate_on_path('score', 'lead', :by_table);
SET ROLE regress_path_reader;
SELECT * FROM look();
RESET ROLE;
ALTER TABLE call ENABLE ROW LEVEL SECURITY;
CREATE POLICY shown ON call USING (active);
SET ROLE regress_path_reader;
SELECT * FROM look();
RESET ROLE;
UPDATE call SET active = false WHERE id = 1;
SET ROLE regress_path_reader;
SELECT * FROM look();
RESET ROLE;
SELECT * FROM health;
SELECT cache_invalidate_on_path('score', 'lead', :by_table);
SET ROLE regress_path_reader;
SELECT * FROM look();
RESET ROLE;
UPDATE call SET active = true WHERE id = 1;
SET ROLE regress_path_reader;
SELECT * FROM look();
RESET ROLE;
ALTER POLICY shown ON call USING (EXISTS (SELECT 1 FROM team AS t WHERE t.id = call.owner));
SET ROLE regress_path_reader;
SELECT * FROM look();
RESET ROLE;
DELETE FROM team WHERE id = 2;
SET ROLE regress_path_reader;
SELECT * FROM look();
RESET ROLE;
SELECT status FROM health;
ALTER ROLE regress_path_reader BYPASSRLS;
SELECT status FROM health;
SET ROLE regress_path_reader;
SELECT * FROM look();
RESET ROLE;
ALTER ROLE regress_path_reader NOBYPASSRLS;
SELECT status FROM health;
SELECT cache_drop('score');
DROP OWNED BY regress_path_reader;
DROP ROLE regress_path_reader;

-- A function that is not IMMUTABLE any more, or has gone.
CREATE FUNCTION same(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
SELECT fresh('SELECT same(owner) FROM call WHERE id = $1.call_id');
SELECT * FROM look();
ALTER FUNCTION same(int) STABLE;
SELECT status FROM health;
SELECT * FROM look();
ALTER FUNCTION same(int) IMMUTABLE;
SELECT status FROM health;
SELECT * FROM look();
DROP FUNCTION same(int);
SELECT * FROM look();
SELECT * FROM health;
-- Another query takes its place.
SELECT cache_invalidate_on_path('score', 'lead', :by_table);
SELECT * FROM declared;
SELECT * FROM health;
SELECT * FROM look();

-- Tables that the query reads, and columns of them, under other names. What a name means now is another
-- table's, so neither the old one nor the new one can be trusted.
SELECT fresh(:by_table, true);
SELECT * FROM look();
CREATE TABLE other (LIKE call);
INSERT INTO other VALUES (1, 2, true), (2, 1, true);
BEGIN;
ALTER TABLE call RENAME TO old_call2;
ALTER TABLE other RENAME TO call;
COMMIT;
CREATE OR REPLACE VIEW calls AS SELECT id, owner FROM call;
SELECT * FROM look();
UPDATE call SET owner = 3 WHERE id = 1;
SELECT * FROM look();
SELECT * FROM health;
SELECT cache_invalidate_on('score', 'call', '{owner}', '{id,owner}');
SELECT * FROM health;
SELECT cache_invalidate_on_path('score', 'lead', :by_table);
SELECT * FROM health;
SELECT * FROM declared;
SELECT * FROM look();
UPDATE call SET owner = 1 WHERE id = 1;
SELECT * FROM look();
-- The column.
ALTER TABLE call RENAME owner TO boss;
SELECT * FROM look();
UPDATE call SET boss = 2 WHERE id = 1;
SELECT * FROM look();
SELECT * FROM health;
SELECT cache_invalidate_on('score', 'call', '{boss}', '{id,boss}');
SELECT cache_invalidate_on_path('score', 'lead', 'SELECT boss FROM call WHERE id = $1.call_id');
SELECT * FROM declared;
SELECT * FROM health;
SELECT * FROM look();
UPDATE call SET boss = 1 WHERE id = 1;
SELECT * FROM look();
-- Of the row itself, exchanged with another.
SELECT fresh(:by_table);
SELECT * FROM look();
ALTER TABLE lead RENAME call_id TO c;
ALTER TABLE lead RENAME score TO call_id;
ALTER TABLE lead RENAME c TO score;
CREATE OR REPLACE FUNCTION score(owner int) RETURNS bigint LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN (SELECT sum(l.call_id) FROM lead AS l JOIN calls AS c ON l.score = c.id
                      WHERE c.owner = $1); END';
SELECT * FROM look();
UPDATE lead SET call_id = 50 WHERE id = 1;
SELECT * FROM look();
SELECT * FROM health;
SELECT cache_invalidate_on_path('score', 'lead', 'SELECT owner FROM call WHERE id = $1.score');
SELECT * FROM health;
SELECT * FROM declared;
SELECT * FROM look();
UPDATE lead SET call_id = 51 WHERE id = 1;
SELECT * FROM look();

-- Two queries that do not hold: each is mended by itself, and only by itself.
SELECT fresh(:by_table);
SELECT cache_invalidate_on_path('score', 'lead', 'SELECT leader FROM team WHERE id = $1.call_id');
ALTER TABLE team DROP CONSTRAINT team_pkey;
DROP INDEX call_id;
SELECT cache_invalidate_on_path('score', 'lead', 'SELECT owner FROM ONLY call WHERE id = $1.call_id');
SELECT * FROM declared;
SELECT cache_invalidate_on_path('score', 'lead', :by_table);
SELECT status FROM health;
SELECT cache_invalidate_on_path('score', 'lead', 'SELECT leader FROM team WHERE id = $1.call_id');
SELECT status FROM health;
SELECT * FROM declared;

-- Values that are put are bypassed, too.
SELECT fresh(:by_table);
SELECT cache_create('given', key_types => '{int}', value_type => 'int');
SELECT cache_invalidate_on_path('given', 'lead', :by_view);
SELECT cache_put_given(1, 7);
SELECT cache_get_given(1);
CREATE OR REPLACE VIEW calls AS SELECT id, owner FROM call WHERE active;
UPDATE call SET active = false WHERE id = 1;
SELECT cache_get_given(1);
SELECT cache_invalidate_on_path('given', 'lead', :by_view);
SELECT cache_get_given(1);
SELECT cache_put_given(1, 8);
SELECT cache_get_given(1);

\i include/end.sql
