-- Changes of functions, views and tables below a cache: what it returns is always what the loader
-- returns, or the loader's error.
\set ECHO none
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_ddl_idle, regress_ddl_other;
\set database regress_ddl
\i include/begin.sql

CREATE TABLE item (owner int, amount int, note text);
INSERT INTO item VALUES (1, 10, 'a'), (2, 20, 'b');
CREATE VIEW items AS SELECT owner, amount FROM item;
CREATE FUNCTION sum_of(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(amount) FROM items AS i WHERE i.owner = $1';
CREATE FUNCTION total(owner int) RETURNS bigint LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN sum_of(owner); END';
SELECT cache_create('total', 'total(int)');
SELECT cache_invalidate_on('total', 'item', '{owner}');

-- Keys 1 and 2, read twice: source, value or error, and whether the loader says the same now.
CREATE FUNCTION outcome(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    r text;
BEGIN
    EXECUTE 'SELECT (' || call || ')::text' INTO r;
    RETURN coalesce(r, 'null');
EXCEPTION WHEN OTHERS THEN
    RETURN format('%s: %s', SQLSTATE, SQLERRM);
END $$;
CREATE FUNCTION look(OUT k int, OUT first text, OUT again text, OUT value text, OUT loader text)
    RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
    source text := '(SELECT e.source FROM cache_get_entry(''total'', %s) AS e)';
BEGIN
    FOR key IN 1 .. 2 LOOP
        k := key;
        first := left(outcome(format(source, k)), 6);
        again := left(outcome(format(source, k)), 6);
        value := outcome(format('cache_get_total(%s)', k));
        loader := outcome(format('total(%s)', k));
        loader := CASE WHEN value = loader THEN 'the same' ELSE loader END;
        RETURN NEXT;
    END LOOP;
END $$;
\set look 'SELECT * FROM look();'
:look
:look

-- The loader is replaced.
CREATE OR REPLACE FUNCTION total(owner int) RETURNS bigint LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN 2 * sum_of(owner); END';
:look
-- A function that it calls.
CREATE OR REPLACE FUNCTION sum_of(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT -sum(amount) FROM items AS i WHERE i.owner = $1';
:look
-- A view below that.
CREATE OR REPLACE VIEW items AS SELECT owner, amount + 1 AS amount FROM item;
:look
-- Rolled back, the old value is right again.
BEGIN;
CREATE OR REPLACE FUNCTION total(owner int) RETURNS bigint LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN 0; END';
:look
ROLLBACK;
:look
BEGIN;
SAVEPOINT a;
CREATE OR REPLACE VIEW items AS SELECT owner, 0 AS amount FROM item;
:look
ROLLBACK TO a;
:look
COMMIT;
:look
-- Its settings and its volatility.
ALTER FUNCTION total(int) SET extra_float_digits = 0;
:look
ALTER FUNCTION total(int) VOLATILE;
:look
:look
SELECT state, reason FROM cache_explain('total', 1);
ALTER FUNCTION total(int) STABLE;
:look
:look
-- Replaced by a function with another result or other arguments.
DROP FUNCTION total(int);
:look
SELECT error_of('SELECT cache_get_total(1)');
CREATE FUNCTION total(owner int) RETURNS text LANGUAGE sql STABLE AS $$SELECT 'text'$$;
:look
SELECT error_of('SELECT cache_get_total(1)');
DROP FUNCTION total(int);
CREATE FUNCTION total(owner int) RETURNS SETOF bigint LANGUAGE sql STABLE AS 'SELECT 1::bigint';
SELECT error_of('SELECT cache_get_total(1)');
DROP FUNCTION total(int);
CREATE FUNCTION total(owner bigint) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 1::bigint';
SELECT error_of('SELECT cache_get_total(1)');
DROP FUNCTION total(bigint);
CREATE FUNCTION total(owner text) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 1::bigint';
SELECT error_of('SELECT cache_get_total(1)');
SELECT error_of($$SELECT cache_refresh('total', 1)$$);
SELECT cache_peek('total', 1);
-- As it was: the cache works on.
CREATE FUNCTION total(owner int) RETURNS bigint LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN sum_of(owner); END';
:look
:look
-- Renamed, moved to another schema, and back.
ALTER FUNCTION total(int) RENAME TO total_2;
SELECT error_of('SELECT cache_get_total(1)');
ALTER FUNCTION total_2(int) RENAME TO total;
:look
CREATE SCHEMA other;
ALTER FUNCTION total(int) SET SCHEMA other;
SELECT error_of('SELECT cache_get_total(1)');
ALTER FUNCTION other.total(int) SET SCHEMA public;
:look
ALTER SCHEMA other RENAME TO another;
-- A function of the same name earlier in the search path is not the loader.
CREATE FUNCTION another.total(owner int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 0::bigint';
SET search_path = another, public;
SELECT cache_get_total(1) = public.total(1) AS is_right;
RESET search_path;
:look

-- The table: columns added, retyped, renamed, dropped.
ALTER TABLE item ADD COLUMN more int;
:look
ALTER TABLE item ALTER note TYPE varchar(10);
:look
ALTER TABLE item DROP COLUMN note;
:look
DROP VIEW items;
:look
CREATE VIEW items AS SELECT owner, amount FROM item;
:look
UPDATE item SET amount = 21 WHERE owner = 2;
:look
-- The key column under another name: the whole cache from then on.
ALTER TABLE item RENAME COLUMN owner TO owner_id;
:look
UPDATE item SET amount = 22 WHERE owner_id = 2;
:look
CREATE OR REPLACE FUNCTION sum_of(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(amount) FROM items AS i WHERE i.owner = $1';
:look
UPDATE item SET amount = 23 WHERE owner_id = 2;
:look
ALTER TABLE item RENAME COLUMN owner_id TO owner;
:look
UPDATE item SET amount = 24 WHERE owner = 2;
:look
-- An integer of another width gives the key; another type does not.
DROP VIEW items;
ALTER TABLE item ALTER owner TYPE bigint;
CREATE VIEW items AS SELECT owner, amount FROM item;
:look
UPDATE item SET amount = 25 WHERE owner = 2;
:look
DROP VIEW items;
ALTER TABLE item ALTER owner TYPE numeric;
CREATE VIEW items AS SELECT owner, amount FROM item;
:look
UPDATE item SET amount = 250 WHERE owner = 2;
:look
-- Dropped.
DROP VIEW items;
ALTER TABLE item ADD COLUMN owner2 int;
UPDATE item SET owner2 = owner;
ALTER TABLE item DROP COLUMN owner;
CREATE VIEW items AS SELECT owner2 AS owner, amount FROM item;
:look
UPDATE item SET amount = 26 WHERE owner2 = 2;
:look
DROP VIEW items;
ALTER TABLE item RENAME COLUMN owner2 TO owner;
CREATE VIEW items AS SELECT owner, amount FROM item;
:look
UPDATE item SET amount = 27 WHERE owner = 2;
:look
-- The table under another name, in another schema: not what the declaration says, so not cached.
ALTER TABLE item RENAME TO thing;
UPDATE thing SET amount = 28 WHERE owner = 2;
:look
ALTER TABLE thing SET SCHEMA another;
:look
UPDATE another.thing SET amount = 29 WHERE owner = 2;
:look
ALTER TABLE another.thing SET SCHEMA public;
ALTER TABLE thing RENAME TO item;
-- Rewritten.
VACUUM FULL item;
:look
ALTER TABLE item ADD PRIMARY KEY (owner);
CLUSTER item USING item_pkey;
:look
ALTER TABLE item SET UNLOGGED;
:look
ALTER TABLE item SET LOGGED;
:look
REINDEX TABLE item;
ANALYZE item;
:look
UPDATE item SET amount = 30 WHERE owner = 2;
:look
-- Row security, rules.
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
ALTER TABLE item FORCE ROW LEVEL SECURITY;
:look
CREATE POLICY none ON item USING (false);
:look
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
:look
CREATE RULE no_insert AS ON INSERT TO item DO INSTEAD NOTHING;
INSERT INTO item VALUES (10, 2);
:look
DROP RULE no_insert ON item;

-- Dropped and made again: its triggers are gone, so nothing is cached until the cache is declared
-- anew.
DROP TABLE item CASCADE;
:look
CREATE TABLE item (owner int, amount int);
CREATE VIEW items AS SELECT owner, amount FROM item;
INSERT INTO item VALUES (1, 1), (2, 2);
:look
UPDATE item SET amount = 3;
:look
SELECT state, reason FROM cache_explain('total', 1);
SELECT cache_drop('total');
SELECT cache_create('total', 'total(int)');
SELECT cache_invalidate_on('total', 'item', '{owner}');
:look
UPDATE item SET amount = 4 WHERE owner = 1;
:look
-- Rolled back, nothing has happened.
BEGIN;
DROP TABLE item CASCADE;
:look
ROLLBACK;
:look
UPDATE item SET amount = 5 WHERE owner = 1;
:look
BEGIN;
SAVEPOINT a;
DROP TABLE item CASCADE;
:look
ROLLBACK TO a;
COMMIT;
UPDATE item SET amount = 6 WHERE owner = 1;
:look
-- The same with a child, and with a trigger of ours.
CREATE TABLE child () INHERITS (item);
SELECT cache_drop('total'), cache_create('total', 'total(int)');
SELECT cache_invalidate_on('total', 'item', '{owner}');
INSERT INTO child VALUES (1, 1);
:look
BEGIN;
DROP TABLE child;
:look
ROLLBACK;
-- From 18 on a session keeps the plans of SQL functions: without this the oracle would have no child.
DISCARD PLANS;
:look
UPDATE child SET amount = 2;
:look
BEGIN;
ALTER TABLE child NO INHERIT item;
:look
PREPARE TRANSACTION 'regress_ddl';
ROLLBACK PREPARED 'regress_ddl';
UPDATE child SET amount = 3;
:look
BEGIN;
DO $$
DECLARE
    t text;
BEGIN
    SELECT tgname INTO t FROM pg_trigger WHERE tgrelid = 'child'::regclass AND tgname LIKE '%row%';
    EXECUTE format('DROP TRIGGER %I ON child', t);
END $$;
:look
ROLLBACK;
UPDATE child SET amount = 4;
:look
DROP TABLE child;
-- In a schema that goes.
CREATE SCHEMA brief;
CREATE TABLE brief.more (owner int);
SELECT cache_invalidate_on('total', 'brief.more', '{owner}');
:look
DROP SCHEMA brief CASCADE;
:look
:look

-- Triggers dropped by hand: every change concerns the whole cache.
SELECT cache_drop('total'), cache_create('total', 'total(int)');
SELECT cache_invalidate_on('total', 'item', '{owner}');
DO $$
DECLARE
    t text;
BEGIN
    FOR t IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'item'::regclass LOOP
        EXECUTE format('DROP TRIGGER %I ON item', t);
    END LOOP;
END $$;
:look
UPDATE item SET amount = 16 WHERE owner = 1;
:look
TRUNCATE item;
:look
-- Declared again they are made again.
SELECT cache_invalidate_on('total', 'item', '{owner}');
SELECT * FROM made_by_cache_ext WHERE object_kind = 'trigger';
:look
INSERT INTO item VALUES (1, 7);
:look

-- A new table whose array type has the name of a function: the call of one with a literal is a cast then.
CREATE TYPE numbered AS (n int);
CREATE FUNCTION _later(numbered[]) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''a function'' || $1::text';
CREATE FUNCTION means(k int) RETURNS text LANGUAGE plpgsql STABLE AS $$BEGIN RETURN _later('{(1)}'); END$$;
SELECT cache_create('means', 'means(int)');
SELECT cache_get_means(1), means(1);
CREATE TABLE later (a int);
SELECT cache_get_means(1), means(1);

-- The name of a role that owns nothing.
CREATE ROLE regress_ddl_idle;
CREATE TABLE roles_shown (r oid);
INSERT INTO roles_shown SELECT oid FROM pg_roles WHERE rolname = 'regress_ddl_idle';
CREATE FUNCTION shown(k int) RETURNS text LANGUAGE sql STABLE
    AS 'SELECT regexp_replace(r::regrole::text, ''\d+'', ''(a number)'') FROM roles_shown';
SELECT cache_create('shown', 'shown(int)');
SELECT cache_get_shown(1);
ALTER ROLE regress_ddl_idle RENAME TO regress_ddl_other;
SELECT cache_get_shown(1);
CREATE ROLE regress_ddl_idle;
SELECT source FROM cache_get_entry('shown', 1);
DROP ROLE regress_ddl_other;
SELECT cache_get_shown(1);
DROP ROLE regress_ddl_idle;

-- The accessor is an ordinary function: replaced, it does what it says.
CREATE OR REPLACE FUNCTION cache_get_total(owner int) RETURNS bigint LANGUAGE sql STABLE
    AS $$SELECT cache_ext_internal.cache_fetch(NULL::bigint, 'total', $1) + 1000$$;
SELECT cache_get_total(1), cache_get('total', 1);
-- The accessors know the extension's schema, so it stays where it is.
SELECT error_of('ALTER EXTENSION cache_ext SET SCHEMA another');

\i include/end.sql
