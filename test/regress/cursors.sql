-- A loader and the session's cursors: neither carries out what the other one has begun.
\set database cursors
\i include/begin.sql

CREATE ROLE regress_cursor_owner;
GRANT CREATE ON SCHEMA public TO regress_cursor_owner;
CREATE TABLE secret (word text);
INSERT INTO secret VALUES ('hunter2'), ('hunter3');
CREATE TABLE spoils (who name, word text);
GRANT INSERT ON spoils TO PUBLIC;

SET ROLE regress_cursor_owner;
CREATE FUNCTION attack() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO spoils VALUES (current_user, 'taken');
    RETURN 'attacked';
END $$;
CREATE FUNCTION swap() RETURNS text LANGUAGE plpgsql AS $$
DECLARE c refcursor := 'mine';
BEGIN
    CLOSE c;
    OPEN c FOR SELECT attack();
    RETURN 'swapped';
END $$;
CREATE FUNCTION peep() RETURNS text LANGUAGE plpgsql AS $$
DECLARE c refcursor := 'mine'; v text;
BEGIN
    FETCH c INTO v;
    RETURN v;
END $$;
CREATE FUNCTION decent() RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE c CURSOR FOR SELECT generate_series(1, 3) AS g; v int; t int := 0;
BEGIN
    FOR r IN c LOOP t := t + r.g; END LOOP;
    OPEN c;
    FETCH c INTO v;
    CLOSE c;
    RETURN t + v;
END $$;
CREATE FUNCTION load_swap(k int) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN swap(); END';
CREATE FUNCTION load_peep(k int) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN peep(); END';
CREATE FUNCTION load_decent(k int) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN decent(); END';
CREATE FUNCTION load_outer(k int) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE t text := '';
BEGIN
    FOR i IN 1..2 LOOP t := t || cache_get_decent(i); END LOOP;
    RETURN t;
END $$;
SELECT cache_create('swap', 'load_swap(int)'), cache_create('peep', 'load_peep(int)'),
       cache_create('decent', 'load_decent(int)');
SELECT cache_create('outer', 'load_outer(int)');
RESET ROLE;

-- A cursor that a loader has put in the place of the session's.
BEGIN;
DECLARE mine CURSOR FOR SELECT word FROM secret;
SELECT cache_get('swap', 1);
SAVEPOINT s;
FETCH mine;
ROLLBACK TO s;
COMMIT;
SELECT * FROM spoils;

-- The session's own.
BEGIN;
DECLARE mine CURSOR FOR SELECT word FROM secret;
SAVEPOINT s;
SELECT cache_get('peep', 1);
ROLLBACK TO s;
FETCH mine;
COMMIT;

-- Cursors of its own, also beside those of another loader, and of whoever reads in a loop.
SELECT cache_get_decent(1), cache_get_outer(1);
DO $$
DECLARE r record;
BEGIN
    FOR r IN SELECT generate_series(2, 4) AS k LOOP
        RAISE NOTICE '% %', cache_get_decent(r.k), cache_get_outer(r.k);
    END LOOP;
END $$;

\i include/end.sql
DROP ROLE regress_cursor_owner;
