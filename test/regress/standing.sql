-- Dependencies that do not mean any more what they did when they were declared: names that went to other
-- tables, columns that changed places, parts on foreign servers. The loader is the oracle.
\set ECHO none
\set database regress_standing
\i include/begin.sql

-- Loaders that go by name, by OID, and through a view.
CREATE SCHEMA shop;
CREATE TABLE shop.rate (cur text, r int, note text);
INSERT INTO shop.rate VALUES ('EUR', 1, 'a'), ('USD', 2, 'b');
CREATE VIEW rates AS SELECT cur, r FROM shop.rate;
CREATE FUNCTION by_name(cur text) RETURNS int LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN (SELECT t.r FROM shop.rate AS t WHERE t.cur = $1); END';
CREATE FUNCTION by_oid(cur text) RETURNS int LANGUAGE sql STABLE
    RETURN (SELECT t.r FROM shop.rate AS t WHERE t.cur = $1);
CREATE FUNCTION by_view(cur text) RETURNS int LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN (SELECT t.r FROM rates AS t WHERE t.cur = $1); END';
-- Each read twice, beside its loader.
CREATE FUNCTION look(k text DEFAULT 'EUR')
    RETURNS TABLE (cache text, first text, again text, value jsonb, is_right bool)
    LANGUAGE plpgsql STABLE AS $$
DECLARE
    loaded jsonb;
BEGIN
    FOREACH cache IN ARRAY '{by_name,by_oid,by_view}'::text[] LOOP
        EXECUTE format('SELECT to_jsonb(%I($1))', cache) INTO loaded USING k;
        SELECT e.source, e.value, e.value IS NOT DISTINCT FROM loaded INTO first, value, is_right
        FROM cache_get_entry(cache, k) AS e;
        SELECT e.source, is_right AND e.value IS NOT DISTINCT FROM loaded INTO again, is_right
        FROM cache_get_entry(cache, k) AS e;
        RETURN NEXT;
    END LOOP;
END $$;
CREATE FUNCTION declare(relation text DEFAULT 'shop.rate', key text[] DEFAULT '{cur}',
                        columns text[] DEFAULT '{r}') RETURNS void LANGUAGE sql AS $$
    SELECT cache_invalidate_on(c, $1::regclass, $2, $3)
    FROM unnest('{by_name,by_oid,by_view}'::text[]) AS c
$$;
CREATE FUNCTION create_all(relation text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE $c$SELECT cache_create('by_name', 'by_name(text)'), cache_create('by_oid', 'by_oid(text)'),
                      cache_create('by_view', 'by_view(text)')$c$;
    PERFORM declare(relation);
END $$;
CREATE VIEW declared AS
    SELECT cache, relation, key, columns FROM cache_ext_internal.cache_dependency ORDER BY id;
CREATE VIEW health AS
    SELECT h.check, h.status, h.value, h.detail FROM cache_health AS h
    WHERE h.check IN ('declarations', 'dependencies') ORDER BY 1;

SELECT create_all('shop.rate');
SELECT * FROM look();
SELECT * FROM health;

-- A table is loaded anew and takes the name.
CREATE TABLE shop.rate_new (LIKE shop.rate);
INSERT INTO shop.rate_new VALUES ('EUR', 10, 'a');
BEGIN;
ALTER TABLE shop.rate RENAME TO rate_old;
ALTER TABLE shop.rate_new RENAME TO rate;
COMMIT;
SELECT * FROM look();
UPDATE shop.rate SET r = 11;
SELECT * FROM look();
UPDATE shop.rate_old SET r = 3;
SELECT * FROM look();
SELECT * FROM health;
SELECT state, reason FROM cache_explain('by_name', 'EUR');
SELECT cache, reason, bypasses FROM cache_bypasses ORDER BY 1, 2;
-- The names go back: nothing was wrong.
BEGIN;
ALTER TABLE shop.rate RENAME TO rate_new;
ALTER TABLE shop.rate_old RENAME TO rate;
COMMIT;
SELECT * FROM look();
UPDATE shop.rate SET r = 4;
SELECT * FROM look();
SELECT * FROM health;
-- Declared on what has the name now: the old declaration goes.
BEGIN;
ALTER TABLE shop.rate RENAME TO rate_old;
ALTER TABLE shop.rate_new RENAME TO rate;
COMMIT;
SELECT cache_invalidate_on('by_name', 'shop.rate', '{cur}', '{r}');
SELECT * FROM look();
UPDATE shop.rate SET r = 12;
UPDATE shop.rate_old SET r = 5;
SELECT * FROM look();
UPDATE shop.rate SET note = 'c';
SELECT * FROM look();
SELECT * FROM declared;
SELECT * FROM health;
-- On the table that they read, under the name that it has now, is not enough as long as another one has
-- the name of then: a loader's text would mean that one.
SELECT cache_invalidate_on('by_oid', 'shop.rate_old', '{cur}', '{r}');
SELECT * FROM look();
SELECT cache_invalidate_on('by_oid', 'shop.rate', '{cur}', '{r}');
SELECT * FROM look();
SELECT declare('shop.rate_old'), declare('shop.rate');
SELECT * FROM look();
UPDATE shop.rate_old SET r = 6;
SELECT * FROM look();
SELECT * FROM declared;
SELECT * FROM health;
-- The old one is dropped: its dependents do not read it any more, or are gone with it.
DROP VIEW rates;
CREATE VIEW rates AS SELECT cur, r FROM shop.rate;
CREATE OR REPLACE FUNCTION by_oid(cur text) RETURNS int LANGUAGE sql STABLE
    RETURN (SELECT t.r FROM shop.rate AS t WHERE t.cur = $1);
DROP TABLE shop.rate_old;
SELECT * FROM look();
SELECT * FROM health;
SELECT cache_drop(c) FROM unnest('{by_name,by_oid,by_view}'::text[]) AS c;

-- A dropped table that was made again.
SELECT create_all('shop.rate');
SET client_min_messages = warning;
DROP TABLE shop.rate CASCADE;
RESET client_min_messages;
CREATE TABLE shop.rate (cur text, r int, note text);
INSERT INTO shop.rate VALUES ('EUR', 20, 'a');
CREATE VIEW rates AS SELECT cur, r FROM shop.rate;
CREATE FUNCTION by_oid(cur text) RETURNS int LANGUAGE sql STABLE
    RETURN (SELECT t.r FROM shop.rate AS t WHERE t.cur = $1);
SELECT * FROM look();
SELECT * FROM health;
SELECT declare();
SELECT * FROM look();
UPDATE shop.rate SET r = 21;
SELECT * FROM look();
SELECT * FROM declared;
SELECT * FROM health;

-- Schemas swap names.
CREATE SCHEMA shop_new;
CREATE TABLE shop_new.rate (LIKE shop.rate);
INSERT INTO shop_new.rate VALUES ('EUR', 30, 'a');
SELECT * FROM look();
BEGIN;
ALTER SCHEMA shop RENAME TO shop_old;
ALTER SCHEMA shop_new RENAME TO shop;
COMMIT;
SELECT * FROM look();
UPDATE shop.rate SET r = 31;
UPDATE shop_old.rate SET r = 22;
SELECT * FROM look();
SELECT status, detail FROM health WHERE "check" = 'dependencies';
BEGIN;
ALTER SCHEMA shop RENAME TO shop_new;
ALTER SCHEMA shop_old RENAME TO shop;
COMMIT;
SELECT * FROM look();
UPDATE shop.rate SET r = 23;
SELECT * FROM look();
-- The same by another command, of one table, and back.
ALTER TABLE shop.rate SET SCHEMA public;
ALTER TABLE shop_new.rate SET SCHEMA shop;
SELECT * FROM look();
UPDATE shop.rate SET r = 32;
UPDATE public.rate SET r = 24;
SELECT * FROM look();
ALTER TABLE shop.rate SET SCHEMA shop_new;
ALTER TABLE public.rate SET SCHEMA shop;
-- And by one that is for indexes.
ALTER INDEX shop.rate RENAME TO rate_old;
ALTER INDEX shop_new.rate RENAME TO rate_new;
ALTER TABLE shop_new.rate_new SET SCHEMA shop;
ALTER INDEX shop.rate_new RENAME TO rate;
SELECT * FROM look();
UPDATE shop.rate SET r = 33;
UPDATE shop.rate_old SET r = 25;
SELECT * FROM look();
ALTER INDEX shop.rate RENAME TO rate_new;
ALTER INDEX shop.rate_old RENAME TO rate;
-- Another name, and nobody has the one of then: declared under the new one it is the same.
ALTER TABLE shop.rate RENAME TO course;
CREATE OR REPLACE FUNCTION by_name(cur text) RETURNS int LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN (SELECT t.r FROM shop.course AS t WHERE t.cur = $1); END';
SELECT * FROM look();
SELECT status, detail FROM health WHERE "check" = 'dependencies';
SELECT declare('shop.course');
SELECT * FROM look();
UPDATE shop.course SET r = 26;
SELECT * FROM look();
SELECT * FROM declared;
SELECT cache_drop(c) FROM unnest('{by_name,by_oid,by_view}'::text[]) AS c;

-- A new table hides the one that a loader reads by its name alone.
CREATE SCHEMA a;
CREATE SCHEMA b;
CREATE TABLE b.course (cur text, r int);
INSERT INTO b.course VALUES ('EUR', 1);
CREATE VIEW rates2 AS SELECT cur, r FROM b.course;
CREATE OR REPLACE FUNCTION by_name(cur text) RETURNS int LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN (SELECT t.r FROM course AS t WHERE t.cur = $1); END';
CREATE OR REPLACE FUNCTION by_oid(cur text) RETURNS int LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN (SELECT t.r FROM b.course AS t WHERE t.cur = $1); END';
CREATE OR REPLACE FUNCTION by_view(cur text) RETURNS int LANGUAGE plpgsql STABLE SET search_path = a, b
    AS 'BEGIN RETURN (SELECT t.r FROM course AS t WHERE t.cur = $1); END';
SET search_path = a, b, public;
SELECT create_all('b.course');
SELECT * FROM look();
CREATE TABLE a.course (cur text, r int);
INSERT INTO a.course VALUES ('EUR', 10);
-- Plans that are kept go on with what they have found; others do not.
\connect :database
SET search_path = a, b, public;
SELECT * FROM look();
UPDATE a.course SET r = 11;
SELECT * FROM look();
SELECT * FROM health;
-- Gone again.
ALTER TABLE a.course RENAME TO other;
\connect :database
SET search_path = a, b, public;
SELECT * FROM look();
UPDATE b.course SET r = 2;
SELECT * FROM look();
ALTER TABLE a.other RENAME TO course;
\connect :database
SET search_path = a, b, public;
-- Declared on what hides it, or once more: then it is meant to be hidden.
SELECT cache_invalidate_on(c, 'a.course', '{cur}', '{r}') FROM unnest('{by_name,by_view}'::text[]) AS c;
SELECT cache_invalidate_on('by_oid', 'b.course', '{cur}', '{r}');
SELECT * FROM declared;
SELECT * FROM health;
SELECT * FROM look();
UPDATE a.course SET r = 12;
UPDATE b.course SET r = 3;
SELECT * FROM look();
SET search_path = public;
SELECT cache_drop(c) FROM unnest('{by_name,by_oid,by_view}'::text[]) AS c;
DROP VIEW rates2;
DROP FUNCTION by_view(text);
CREATE FUNCTION by_view(cur text) RETURNS int LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN (SELECT t.r FROM rates AS t WHERE t.cur = $1); END';

-- Columns change places: a view, or a parsed body, goes on with the numbers.
CREATE OR REPLACE FUNCTION by_name(cur text) RETURNS int LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN (SELECT t.r FROM shop.t AS t WHERE t.cur = $1 LIMIT 1); END';
DROP VIEW rates;
DROP FUNCTION by_oid(text);
CREATE FUNCTION fresh() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL client_min_messages = warning;
    PERFORM cache_drop(name) FROM cache_ext_internal.cache_definition;
    DROP TABLE IF EXISTS shop.t CASCADE;
    DROP FUNCTION IF EXISTS by_oid(text);
    CREATE TABLE shop.t (cur text, other text, r int, s int);
    INSERT INTO shop.t VALUES ('EUR', 'USD', 1, 2), ('USD', 'EUR', 3, 4);
    CREATE VIEW rates AS SELECT cur, r FROM shop.t;
    CREATE FUNCTION by_oid(cur text) RETURNS int LANGUAGE sql STABLE
        RETURN (SELECT t.r FROM shop.t AS t WHERE t.cur = $1 LIMIT 1);
    PERFORM create_all('shop.t');
END $$;
SELECT fresh();
SELECT * FROM look();
ALTER TABLE shop.t RENAME cur TO c;
ALTER TABLE shop.t RENAME other TO cur;
ALTER TABLE shop.t RENAME c TO other;
SELECT * FROM look();
UPDATE shop.t SET r = r + 10;
SELECT * FROM look();
UPDATE shop.t SET r = r + 10 WHERE cur = 'USD';
SELECT * FROM look();
SELECT * FROM health;
-- Which of the two it is to be is for the owner to say.
SELECT cache_invalidate_on('by_name', 'shop.t', '{cur}', '{r}');
SELECT cache_invalidate_on(c, 'shop.t', '{other}', '{r}') FROM unnest('{by_oid,by_view}'::text[]) AS c;
SELECT * FROM declared;
SELECT * FROM health;
SELECT * FROM look();
UPDATE shop.t SET r = r + 10 WHERE cur = 'USD';
SELECT * FROM look();
-- A column that matters is another one of the same name: keys stay what they are.
SELECT fresh();
SELECT * FROM look();
ALTER TABLE shop.t RENAME r TO q;
ALTER TABLE shop.t RENAME s TO r;
SELECT * FROM look();
UPDATE shop.t SET q = q + 10, r = r + 10 WHERE cur = 'USD';
SELECT * FROM look();
UPDATE shop.t SET q = q + 10 WHERE cur = 'EUR';
SELECT * FROM look();
SELECT * FROM health;
SELECT declare('shop.t', columns => '{r,q}');
SELECT * FROM declared;
SELECT * FROM health;
-- One that is dropped and added.
SELECT fresh();
SELECT * FROM look();
ALTER TABLE shop.t RENAME r TO q;
ALTER TABLE shop.t ADD r int DEFAULT 7;
SELECT * FROM look();
UPDATE shop.t SET q = q + 10 WHERE cur = 'EUR';
SELECT * FROM look();
-- Of several declarations each is mended by its own.
SELECT fresh();
SELECT declare('shop.t', '{other}');
ALTER TABLE shop.t RENAME r TO q;
ALTER TABLE shop.t ADD r int DEFAULT 7;
SELECT declare('shop.t', '{cur}', '{q,r}');
SELECT * FROM declared WHERE cache = 'by_oid';
SELECT status, value FROM health WHERE "check" = 'dependencies';
SELECT declare('shop.t', '{other}', '{q,r}');
SELECT * FROM declared WHERE cache = 'by_oid';
SELECT status, value FROM health WHERE "check" = 'dependencies';
-- Or all of them by what needs no columns.
SELECT fresh();
SELECT declare('shop.t', '{other}');
ALTER TABLE shop.t RENAME r TO q;
SELECT declare('shop.t', NULL, NULL);
SELECT * FROM declared WHERE cache = 'by_oid';

-- A column for which different texts are equal.
SELECT fresh();
CREATE OR REPLACE FUNCTION by_oid(cur text) RETURNS int LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN (SELECT sum(t.r) FROM shop.t AS t WHERE t.cur = $1); END';
CREATE OR REPLACE FUNCTION by_name(cur text) RETURNS int LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN (SELECT sum(t.r) FROM shop.t AS t WHERE t.cur = $1); END';
CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
SELECT * FROM look('eur');
DROP VIEW rates;
ALTER TABLE shop.t ALTER cur TYPE text COLLATE caseless;
CREATE VIEW rates AS SELECT cur, r FROM shop.t;
SELECT * FROM look('eur');
UPDATE shop.t SET r = 100 WHERE cur = 'EUR';
SELECT * FROM look('eur');
SELECT * FROM health;
SELECT declare('shop.t', NULL, NULL);
SELECT * FROM health;
SELECT * FROM look('eur');
UPDATE shop.t SET r = 101 WHERE cur = 'EUR';
SELECT * FROM look('eur');

-- Rows on a foreign server.
SELECT fresh();
SELECT cache_drop('by_view');
SELECT cache_drop('by_oid');
CREATE EXTENSION postgres_fdw;
DO $$
BEGIN
    EXECUTE format('CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, port %L, dbname %L)',
                   split_part(current_setting('unix_socket_directories'), ',', 1),
                   current_setting('port'), current_database());
END $$;
CREATE USER MAPPING FOR CURRENT_USER SERVER here;
CREATE TABLE far (cur text, other text, r int, s int);
CREATE FOREIGN TABLE shop.t2 (cur text, other text, r int, s int) SERVER here OPTIONS (schema_name 'public', table_name 'far');
CREATE FUNCTION look1(OUT first text, OUT again text, OUT value jsonb, OUT is_right bool)
    LANGUAGE plpgsql STABLE AS $$
DECLARE
    loaded jsonb := to_jsonb(by_name('EUR'));
BEGIN
    SELECT e.source, e.value, e.value IS NOT DISTINCT FROM loaded INTO first, value, is_right
    FROM cache_get_entry('by_name', 'EUR') AS e;
    SELECT e.source, is_right AND e.value IS NOT DISTINCT FROM loaded INTO again, is_right
    FROM cache_get_entry('by_name', 'EUR') AS e;
END $$;
SELECT * FROM look1();
ALTER TABLE shop.t2 INHERIT shop.t;
SELECT * FROM look1();
INSERT INTO far VALUES ('EUR', 'x', 1000, 1);
SELECT * FROM look1();
SELECT * FROM health;
SELECT state, reason FROM cache_explain('by_name', 'EUR');
SELECT error_of($$SELECT declare('shop.t')$$);
ALTER TABLE shop.t2 NO INHERIT shop.t;
SELECT * FROM look1();
UPDATE shop.t SET r = 5 WHERE cur = 'EUR';
SELECT * FROM look1();
SELECT * FROM health;
-- As a partition, two levels down.
CREATE TABLE part (cur text, r int) PARTITION BY LIST (cur);
CREATE TABLE part1 PARTITION OF part FOR VALUES IN ('EUR', 'USD') PARTITION BY LIST (cur);
CREATE TABLE part11 PARTITION OF part1 FOR VALUES IN ('USD');
CREATE FOREIGN TABLE part12 PARTITION OF part1 FOR VALUES IN ('EUR') SERVER here OPTIONS (schema_name 'public', table_name 'far');
SELECT error_of($$SELECT cache_invalidate_on('by_name', 'part', '{cur}')$$);
SELECT error_of($$SELECT cache_invalidate_on_path('by_name', 'part', 'SELECT $1.cur')$$);
SELECT error_of($$SELECT cache_invalidate_on_path('by_name', 'shop.t', 'SELECT cur FROM part WHERE r = $1.r')$$);

\i include/end.sql
