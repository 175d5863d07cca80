-- What a session keeps of declarations is bounded by what is declared, however often it changes.
\set ECHO none
\set database regress_bounded_memory
\i include/begin.sql

CREATE TABLE call (id int PRIMARY KEY, owner int);
CREATE TABLE lead (id int PRIMARY KEY, call_id int, score int);
INSERT INTO call VALUES (1, 1);
INSERT INTO lead VALUES (1, 1, 10);
CREATE FUNCTION score(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(l.score) FROM lead AS l JOIN call AS c ON l.call_id = c.id WHERE c.owner = $1';

-- Plans of key queries go with their declarations.
CREATE PROCEDURE declare_use_and_drop() LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cache_create('score', 'score(int)', invalidate => 'track');
    PERFORM cache_invalidate_on_path('score', 'lead',
                                     'SELECT c.owner FROM call AS c WHERE c.id = $1.call_id');
    COMMIT;
    UPDATE lead SET score = score + 1;
    COMMIT;
    PERFORM cache_drop('score');
    COMMIT;
END $$;
CREATE PROCEDURE many_times(n int) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. n LOOP CALL declare_use_and_drop(); END LOOP;
END $$;
CALL many_times(20);
SELECT count(*) <= 1 AS plans_are_bounded FROM pg_backend_memory_contexts
WHERE name = 'CachedPlanSource' AND ident LIKE 'SELECT c.owner FROM call AS c%';

-- Definitions that were read again because of DDL, in one transaction: a few are kept, also where
-- reads end in errors that are caught.
SELECT cache_create('score', 'score(int)');
CREATE FUNCTION failing(k int) RETURNS int LANGUAGE plpgsql STABLE
    AS 'BEGIN PERFORM cache_get_score(k); RAISE ''no''; END';
SELECT cache_create('failing', 'failing(int)');
CREATE FUNCTION replace_other(i int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE OR REPLACE FUNCTION other() RETURNS int LANGUAGE sql AS ''SELECT %s''', i);
END $$;
CREATE FUNCTION read_beside_ddl(n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. n LOOP
        PERFORM replace_other(i), cache_get_score(1);
        BEGIN
            PERFORM cache_get_failing(1);
        EXCEPTION WHEN raise_exception THEN NULL;
        END;
    END LOOP;
END $$;
CREATE VIEW kept AS
    SELECT count(*) <= 10 AS definitions_are_bounded, count(*) >= 5 AS several_were_read
    FROM pg_backend_memory_contexts WHERE name = 'cache_ext definitions';
BEGIN;
SELECT read_beside_ddl(100);
SELECT * FROM kept;
-- The same by rows that are written.
SELECT cache_invalidate_on('score', 'lead');
DO $$
BEGIN
    FOR i IN 1 .. 100 LOOP
        PERFORM replace_other(i);
        UPDATE lead SET score = i;
    END LOOP;
END $$;
SELECT * FROM kept;
COMMIT;
-- DDL alone reads none at all.
\c -
BEGIN;
DO $$
BEGIN
    FOR i IN 1 .. 100 LOOP
        PERFORM replace_other(i);
        CREATE TABLE brief (a int);
        DROP TABLE brief;
    END LOOP;
END $$;
SELECT count(*) AS were_read FROM pg_backend_memory_contexts WHERE name = 'cache_ext definitions';
COMMIT;
SELECT count(*) AS is_left FROM pg_backend_memory_contexts WHERE name = 'cache_ext definitions';

\i include/end.sql
