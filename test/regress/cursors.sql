-- A loader and the session's cursors: neither carries out what the other one has begun.
\set database cursors
\i include/begin.sql
-- PL/pgSQL calls its expressions by another name from 18 on.
\set SHOW_CONTEXT never

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
SELECT cache_create('swap', 'load_swap(int)', undeclared => 'ttl'), cache_create('peep', 'load_peep(int)', undeclared => 'ttl'),
       cache_create('decent', 'load_decent(int)');
SELECT cache_create('outer', 'load_outer(int)');
RESET ROLE;

-- A loader that would put a cursor of its own in the place of the session's.
BEGIN;
DECLARE mine CURSOR FOR SELECT word FROM secret;
SAVEPOINT s;
SELECT cache_get('swap', 1);
ROLLBACK TO s;
FETCH mine;
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

-- Whatever a loader tries with cursors, by one key each: what it is told, and whether that is served to others.
SET ROLE regress_cursor_owner;
CREATE FUNCTION close_one(c refcursor) RETURNS text LANGUAGE plpgsql AS 'BEGIN CLOSE c; RETURN ''closed''; END';
CREATE FUNCTION fetch_one(c refcursor) RETURNS text LANGUAGE plpgsql AS
    'DECLARE v text; BEGIN FETCH c INTO v; RETURN v; END';
CREATE FUNCTION move_one(c refcursor) RETURNS text LANGUAGE plpgsql AS 'BEGIN MOVE c; RETURN ''moved''; END';
CREATE FUNCTION open_one(c refcursor) RETURNS text LANGUAGE plpgsql AS
    'BEGIN OPEN c FOR SELECT ''a'' AS loaders UNION ALL SELECT attack(); RETURN ''opened ''; END';
CREATE FUNCTION tell(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE v text;
BEGIN
    IF query ~ '^SELECT' THEN EXECUTE query INTO v; ELSE EXECUTE query; END IF;
    RETURN coalesce(v, 'nothing');
EXCEPTION WHEN OTHERS THEN
    RETURN format('%s: %s', SQLSTATE, SQLERRM);
END $$;
CREATE FUNCTION load_tell(k text) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN tell(k); END';
CREATE FUNCTION do_it(query text) RETURNS text LANGUAGE plpgsql AS
    'DECLARE v text; BEGIN EXECUTE query INTO v; RETURN v; END';
CREATE FUNCTION load_it(k text) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN do_it(k); END';
SELECT cache_create('tell', 'load_tell(text)', invalidate => 'declared'), cache_create('it', 'load_it(text)', invalidate => 'declared');
RESET ROLE;
CREATE TABLE tries (n serial, query text);
INSERT INTO tries (query) VALUES
    ('CLOSE mine'), ('CLOSE held'), ('CLOSE here'), ('CLOSE none'), ('CLOSE ALL'), ('DISCARD ALL'),
    ($$SELECT close_one('mine')$$), ($$SELECT close_one('held')$$), ($$SELECT close_one('')$$),
    ($$SELECT fetch_one('mine')$$), ($$SELECT fetch_one('held')$$), ($$SELECT move_one('held')$$),
    ($$SELECT move_one('mine')$$), ($$SELECT fetch_one('none')$$), ($$SELECT fetch_one('')$$),
    ($$SELECT open_one('mine')$$), ($$SELECT open_one('held')$$), ($$SELECT open_one('other')$$),
    ($$SELECT string_agg(name, ', ') FROM pg_cursors$$),
    ($$SELECT open_one('own') || string_agg(name, ', ') FROM pg_cursors$$),
    ($$SELECT cursor_to_xml('mine', 1, true, true, '')::text$$),
    ($$SELECT cursor_to_xml('held', 1, true, true, '')::text$$),
    ($$SELECT cursor_to_xmlschema('mine', true, true, '')::text$$);
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT word FROM secret;
COMMIT;
BEGIN;
DECLARE mine SCROLL CURSOR FOR SELECT word FROM secret;
DECLARE here CURSOR WITH HOLD FOR SELECT word FROM secret;
DO $$
DECLARE t record;
BEGIN
    FOR t IN SELECT query FROM tries ORDER BY n LOOP
        RAISE NOTICE '%  ->  %; published: %', t.query, cache_get_tell(t.query), cache_peek('tell', t.query) IS NOT NULL;
    END LOOP;
END $$;
SELECT name FROM pg_cursors ORDER BY name COLLATE "C";
FETCH mine;
FETCH held;
-- An error in the loader, caught and not caught, leaves them as they were: also one that was used in the same
-- subtransaction, and one that was opened in it.
CREATE FUNCTION read_one(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN cache_get_it(query);
EXCEPTION WHEN OTHERS THEN
    RETURN format('%s: %s', SQLSTATE, SQLERRM);
END $$;
SELECT read_one($$SELECT close_one('mine')$$), read_one('SELECT 1/0');
SAVEPOINT s;
FETCH mine;
SELECT cache_get_it($$SELECT close_one('mine')$$);
ROLLBACK TO s;
DECLARE inside CURSOR FOR SELECT 1;
SAVEPOINT t;
FETCH BACKWARD mine;
MOVE held;
SELECT cache_get_it('SELECT 2/0');
ROLLBACK TO t;
FETCH inside;
FETCH mine;
ROLLBACK TO s;
SAVEPOINT u;
FETCH inside;
ROLLBACK TO s;
FETCH BACKWARD mine;
SELECT name FROM pg_cursors ORDER BY name COLLATE "C";
COMMIT;
FETCH here;
SELECT cache_get_tell('CLOSE here '), cache_get_tell($$SELECT fetch_one('here')$$);
BEGIN;
SELECT cache_get_it('SELECT 3/0');
ROLLBACK;
FETCH here;
CLOSE ALL;
SELECT name FROM pg_cursors;

-- The session's loops over cursors, which are pinned and carried on; a procedure that commits within.
CREATE PROCEDURE go(INOUT words text) LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
    FOR r IN SELECT word FROM secret ORDER BY word LOOP
        words := concat_ws(', ', words, r.word, cache_get_tell('CLOSE ALL -- ' || r.word), cache_get_decent(20));
        COMMIT;
    END LOOP;
END $$;
CALL go(NULL);
-- A cursor whose own query runs a loader, which is told nothing of it.
BEGIN;
DECLARE reads CURSOR FOR SELECT cache_get_tell(q) FROM (VALUES ('CLOSE reads'), ($$SELECT move_one('reads')$$),
    ($$SELECT cursor_to_xmlschema('reads', true, true, '')$$), ('SELECT name FROM pg_cursors -- 2')) AS v(q);
FETCH ALL reads;
CLOSE reads;
-- What a loader leaves open is closed, be it in the midst of a loop of another loader.
SELECT cache_get_it($$SELECT open_one('mine')$$);
SELECT name FROM pg_cursors;
FETCH mine;
ROLLBACK;
SET ROLE regress_cursor_owner;
CREATE FUNCTION load_around(k int) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE around refcursor := 'around'; t text; r int;
BEGIN
    OPEN around FOR SELECT generate_series(1, 3);
    FETCH around INTO r;
    PERFORM cache_get_it($q$SELECT open_one('within')$q$);
    SELECT string_agg(name, ', ') INTO t FROM pg_cursors;
    FETCH around INTO r;
    RETURN concat_ws('; ', t, r, cache_get_tell($q$SELECT fetch_one('around')$q$));
END $$;
SELECT cache_create('around', 'load_around(int)');
RESET ROLE;
BEGIN;
DECLARE mine CURSOR FOR SELECT 1;
SELECT cache_get_around(1);
SELECT name FROM pg_cursors;
COMMIT;
SELECT * FROM spoils;

\i include/end.sql
DROP ROLE regress_cursor_owner;
